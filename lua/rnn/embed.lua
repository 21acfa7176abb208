---rnn.embed: texts as vectors, by what a trained model makes of them: of a
---classifier what it chooses the label by, of a tagger and of a language model
---the mean of the states of the last layer.
---
---    local rnn = require "rnn"
---    local path = os.tmpname()
---    local tok = rnn.text.tokenizer("char"):fit("to be or not to be")
---    local lm = require "rnn.models.lm"
---    assert(rnn.save(path, lm.build {tok = tok, cell = "gru", embed = 4,
---                    hidden = 8, layers = 1}, lm.describe(tok)))
---    local embed = assert(rnn.embed.load(path))
---    local texts = {"to be", "not to be"}
---    local v = rnn.vectors.new(texts, embed(texts))
---    print(v:nearest("to be", 1)[1].word)                  -- not to be
---    os.remove(path)
local core = require "rnn.core"
local data = require "rnn.data"
local inbatches = require "rnn.models.inbatches"
local known = require "rnn.known"
local model = require "rnn.model"
local Pool = require "rnn.layers.pool"
local units = require "rnn.data.units"

local embed = {}

---For each kind a function of a path that returns one which makes of texts
---vectors (F), or nil and a message.
local KIND = {}

function KIND.classifier(path)
  local m, wrong = require("rnn.models.classifier").load(path)
  if not m then return nil, wrong end
  return function(texts, batch) return m:vectors(texts, batch) end
end

function KIND.tagger(path)
  local m, wrong = require("rnn.models.tagger").load(path)
  if not m then return nil, wrong end
  if #m:known().columns > 0 then
    return nil, path .. ": goes by other columns than words"
  end
  return function(texts, batch)
    local sentences = {}
    for i, s in ipairs(texts) do sentences[i] = {words = units.words(s)} end
    return m:vectors(sentences, batch)
  end
end

function KIND.lm(path)
  local m, tok = require("rnn.models.lm").load(path)
  if not m then return nil, tok end
  local mean = Pool "mean"
  return function(texts, batch)
    local items = {}
    for i, s in ipairs(texts) do
      local ids = assert(known.encode(tok, s, "skip"))
      if #ids == 0 then ids = known.start(tok) end
      items[i] = {ids = ids:totable(), size = #ids}
    end
    return inbatches.each(items, batch, function(part)
      local x, lengths = data.padded(part, {field = "ids", pad = 1})
      return inbatches.rows(mean(m.rnn(m.embed(x), nil, lengths), lengths))
    end)
  end
end

---@alias rnn.Embedder fun(texts: string[], batch: integer?): rnn.Tensor texts,
---none of them empty or white space, as rows (n,F); batch: at once, default 32

---@param path string of a classifier, a tagger or a language model
---@return rnn.Embedder|nil
---@return string? message "path: reason"
function embed.load(path)
  local tensors, meta = model.load(path)
  if not tensors then return nil, meta end
  local open = KIND[meta["rnnlua.kind"] or "lm"]
  if not open then
    return nil, ("%s: makes no vectors of texts, its kind is '%s'"):format(path,
                meta["rnnlua.kind"])
  end
  local make, wrong = open(path)
  if not make then return nil, wrong end
  return function(texts, batch)
    local rows = make(texts, batch or 32)
    local width = rows[1] and #rows[1] or 0
    local all = core.zeros({#rows, width}, rows[1] and rows[1].dtype)
    for i, row in ipairs(rows) do all[i]:copy(row) end
    return all
  end
end

return embed
