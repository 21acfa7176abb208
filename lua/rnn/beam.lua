---Beam search: the likeliest texts that a model makes, not drawn but looked
---for. Each step keeps the 'width' likeliest of all continuations.
local core = require "rnn.core"
local check = require "rnn.check"
local hypotheses = require "rnn.hypotheses"
local session = require "rnn.session"
local stops = require "rnn.stops"

---@class rnn.BeamOptions: rnn.DrawOptions the filters, without which all tokens
---may follow; probabilities are those after penalty and temperature
---@field prime? string text to go on from
---@field width? integer texts kept in each step; default 4
---@field n? integer how many to return, at most 'width'; default 1
---@field length? integer tokens at most; default 200
---@field length_penalty? number texts are ordered by logp / tokens ^ this;
---default 0
---@field stop? string|string[] ends a text, which does not have it
---@field unknown? "error"|"skip" characters of the prime not learnt
---@field precision? "full"|"bf16"|"int8"

---@class rnn.Beam
---@field text string valid UTF-8
---@field logp number natural logarithm of its probability after the prime,
---stop string included
---@field tokens integer
---@field stopped "length"|"stop"

local NAMES = session.names {"prime", "width", "n", "length",
                             "length_penalty", "stop", "unknown", "precision"}

---What may follow each text: ids and their log probabilities, likeliest first.
local function continuations(s, texts, width)
  local logits, recent = s.steps:logits(), s.steps:recent()
  local ids, logps = {}, {}
  for i = 1, #texts do
    local id, logp = core.rank(logits:select(1, i), 2 * width, s.draw,
                               recent:select(1, i))
    ids[i], logps[i] = id:totable(), logp:totable()
  end
  return ids, logps
end

---A text with one more token. 'bytes' are what it is made of so far.
local function extend(s, text, id, logp)
  local bytes = text.bytes .. s.tok:decode {id}
  local from = stops.find(bytes, s.stops)
  return {bytes = from and bytes:sub(1, from - 1) or bytes, logp = logp,
          tokens = text.tokens + 1, stopped = from and "stop" or "length",
          id = id}
end

---One step of all texts.
local function advance(s, search, width)
  local before = search.live
  local ids, logps = continuations(s, before, width)
  search:advance(ids, logps, function(i, id, logp)
    local text = extend(s, before[i], id, logp)
    text.from = i
    return text, text.stopped == "stop"
  end)
  local from, read = {}, {}
  for i = 1, width do   -- those beyond the last text are nobody's
    local text = search.live[i]
    from[i], read[i] = text and text.from or 1, text and text.id or 1
  end
  s.steps:select(core.ids(from))
  s.steps:step(core.ids(read)):close()
end

---@param model table
---@param tok rnn.Tokenizer
---@param o? rnn.BeamOptions
---@return rnn.Beam[]|nil texts the best first
---@return string? message
---@return string? code "EFORMAT"
return function(model, tok, o)
  o = o or {}
  check.names("beam", o, NAMES)
  local width = check.integer("beam", "width", o.width, 4, 1)
  local n = check.integer("beam", "n", o.n, 1, 1)
  local length = check.integer("beam", "length", o.length, 200, 0)
  local power = o.length_penalty or 0
  if n > width then
    error(("beam: 'n' must be at most 'width', %d, got %d"):format(width, n), 2)
  end
  if type(power) ~= "number" or power ~= power or power < 0 then
    error(("beam: 'length_penalty' must be 0 or more, got %s"):format(power), 2)
  end
  if o.temperature == 0 then
    error("beam: 'temperature' must be above 0", 2)
  end
  local s <close>, wrong, code = session.new(model, tok, o, width)
  if not s then return nil, wrong, code end
  local search = hypotheses({bytes = "", logp = 0.0, tokens = 0,
                             stopped = "length"}, {
    width = width, n = n,
    score = function(text)
      return text.logp / math.max(1, text.tokens) ^ power
    end,
    hope = function(text)   -- what goes on only becomes less likely
      return text.logp / length ^ power
    end})
  local over = false
  for _ = 1, length do
    advance(s, search, width)
    over = search:over()
    if over then break end
  end
  for _, text in ipairs(over and {} or search.live) do search:finish(text) end
  local best = {}
  for i, text in ipairs(search.done) do
    best[i] = {text = core.repair(text.bytes, "replace"), logp = text.logp,
               tokens = text.tokens, stopped = text.stopped}
  end
  return best
end
