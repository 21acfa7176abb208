---The model kind "lm": a language model that predicts the next token.
---
---    x (T,N) ids -> embed (T,N,D) -> rnn (T,N,H) -> drop -> out (T,N,U) logits
---
---It reads all V tokens of its tokenizer but predicts only the U usable ones:
---those for bytes that the text never had would be hundreds of outputs to
---unlearn first, which more than doubles the steps to a given loss.
---A model is a plain table of these layers; its file describes them, so that
---`lm.load` rebuilds it. Sizes in a file are not trusted.
local core = require "rnn.core"
local model = require "rnn.model"

local lm = {}

lm.KIND = "lm"

---The recurrent layers a model may have, by the name of their option.
lm.CELLS = {lstm = "LSTM", gru = "GRU", rnn = "RNN"}

---@class rnn.LM
---@field embed rnn.Embedding
---@field rnn rnn.LSTM|rnn.GRU|rnn.RNN
---@field drop rnn.Dropout|nil
---@field out rnn.Linear
local LM = {}

---Logits of the token after each one.
---@param x rnn.Tensor (T,N) ids
---@param state? table what an earlier call returned
---@return rnn.Tensor logits (T,N,U)
---@return table state
function LM:forward(x, state)
  local h
  h, state = self.rnn(self.embed(x), state)
  if self.drop then h = self.drop(h) end
  return self.out(h), state
end

local META = {__index = LM, __name = "rnn.LM"}

local function layer(name)
  return require("rnn.layers." .. name:lower())
end

---@class rnn.LMConfig
---@field tok rnn.Tokenizer fitted
---@field cell "lstm"|"gru"|"rnn"
---@field embed integer
---@field hidden integer
---@field layers integer
---@field dropout? number between layers and before the output
---@field precision? "full"|"bf16" of products in recurrent layers

---The layers of a model: name, class, sizes, options.
local function plan(config)
  local class = lm.CELLS[config.cell]
  if not class then
    error(("lm: 'cell' must be lstm, gru or rnn, got %s"):format(config.cell),
          3)
  end
  local p = (config.dropout or 0) + 0.0
  local layers = {
    {"embed", layer "Embedding", {#config.tok, config.embed}},
    {"rnn", layer(class), {config.embed, config.hidden},
     {num_layers = config.layers, dropout = p, precision = config.precision}},
    {"out", layer "Linear", {config.hidden, config.tok:usable()}},
  }
  if p > 0 then table.insert(layers, 3, {"drop", layer "Dropout", {}, p}) end
  return layers
end

---A new model.
---@param config rnn.LMConfig
---@return rnn.LM
function lm.build(config)
  local m = {}
  for _, one in ipairs(plan(config)) do
    local name, class, sizes, options = table.unpack(one, 1, 4)
    if #sizes == 0 then
      m[name] = class(options)
    else
      m[name] = class(sizes[1], sizes[2], options)
    end
  end
  return setmetatable(m, META)
end

---Bytes that training a model is likely to need, before any is taken: weights,
---gradients, the optimizer's slots, packed weights, and what backward needs of
---each step; a third more for what validation leaves to the collector; the
---program. Measured peaks are within 15 % of it.
---@param config rnn.LMConfig
---@param steps integer T
---@param streams integer N
---@param slots integer of the optimizer, per parameter
---@return integer bytes
---@return integer parameters
function lm.memory(config, steps, streams, slots)
  local V, U, D = #config.tok, config.tok:usable(), config.embed
  local H, L = config.hidden, config.layers
  local gates = ({lstm = 4, gru = 3, rnn = 1})[config.cell]
  local recurrent = gates * H * (D + H + (L - 1) * 2 * H + 2 * L)
  local params = V * D + recurrent + U * (H + 1)
  local kept = config.cell == "gru" and 4 or gates
  local per_token = L * H * (kept + 1) + 2 * H + U + D
  local floats = params * (2 + slots) + 2 * recurrent +
                 steps * streams * per_token
  return 4 * floats * 4 // 3 + (20 << 20), params
end

-- {== Going on with another text ==

---Copies rows of 'from' to those rows of 'to' that stand for the same.
local function copy_rows(to, new, from, old)
  local row_of = {}
  local rows, width = from:shape()[1], from:shape()[2] or 1
  for i = 1, rows do row_of[old[i]] = i end
  for i = 1, to:shape()[1] do
    local row = row_of[new[i]]
    for k = 1, row and width or 0 do
      core.set(to, (i - 1) * width + k, core.get(from, (row - 1) * width + k))
    end
  end
end

---The sizes of a model, as lm.build takes them.
---@param m rnn.LM
---@return {cell: string, embed: integer, hidden: integer, layers: integer}
function lm.sizes(m)
  local net = m.rnn.config
  return {cell = net.class:lower(), embed = net.sizes[1],
          hidden = net.sizes[2], layers = net.options.num_layers}
end

---Takes over the weights of a model of the same sizes. Rows that stand for
---characters are found again by character; those of new ones stay as they are.
---@param m rnn.LM
---@param tok rnn.Tokenizer of m
---@param from rnn.LM
---@param from_tok rnn.Tokenizer
---@return true|nil ok
---@return string? message what its layers have that those of m do not
function lm.transfer(m, tok, from, from_tok)
  local mine, theirs = model.parameters(m.rnn), model.parameters(from.rnn)
  if #mine ~= #theirs or not from.out.bias or
     m.rnn.config.options.nonlinearity ~=
     from.rnn.config.options.nonlinearity then
    return nil, "its layers have other options (bias, nonlinearity) than " ..
           "those of a new model"
  end
  local new, old = tok:symbols(), from_tok:symbols()
  copy_rows(m.embed.weight, new, from.embed.weight, old)
  copy_rows(m.out.weight, new, from.out.weight, old)
  copy_rows(m.out.bias, new, from.out.bias, old)
  for i, p in ipairs(mine) do p:copy(theirs[i]) end
  return true
end

-- }==

---What a checkpoint of the model says of itself, beside its layers.
---@param tok rnn.Tokenizer
---@return table<string, any> meta for rnn.save
function lm.describe(tok)
  return {["rnnlua.kind"] = lm.KIND, tokenizer = tok}
end

---@param m rnn.LM
---@return integer count of numbers that are trained
function lm.count(m)
  local count = 0
  for _, p in ipairs(model.parameters(m)) do
    local n = 1
    for _, extent in ipairs(p:shape()) do n = n * extent end
    count = count + n
  end
  return count
end

---Whether a state, from a file say, is one of this model for N streams.
---@param m rnn.LM
---@param state table<string, rnn.Tensor>
---@param N integer
---@return boolean
function lm.fits(m, state, N)
  local config = m.rnn.config
  local want = ("%d,%d,%d"):format(config.options.num_layers, N,
                                   config.sizes[2])
  local parts = config.class == "LSTM" and {"h", "c"} or {"h"}
  for _, part in ipairs(parts) do
    local t = state[part]
    if not t or t.dtype ~= m.out.weight.dtype or
       table.concat(t:shape(), ",") ~= want then
      return false
    end
  end
  return true
end

local function is_layer(value, ...)
  local class = getmetatable(value)
  local name = type(class) == "table" and class.kind and class.kind.name
  for _, wanted in ipairs {...} do
    if name == wanted then return true end
  end
end

---What keeps a table of layers from being a language model for a tokenizer.
local function fault(m, tok)
  if not is_layer(m.embed, "Embedding") or not is_layer(m.out, "Linear") or
     not is_layer(m.rnn, "LSTM", "GRU", "RNN") then
    return "is not a language model: it needs one Embedding, one LSTM, GRU " ..
           "or RNN, one Linear and nothing else but a Dropout"
  end
  if m.drop ~= nil and not is_layer(m.drop, "Dropout") then
    return "is not a language model: 'drop' is no Dropout"
  end
  local embed, net, out = m.embed.config, m.rnn.config, m.out.config
  if net.options.bidirectional or net.options.batch_first then
    return "is not a language model: its layer runs in both directions or " ..
           "batch first"
  end
  if embed.sizes[1] ~= #tok or out.sizes[2] ~= tok:usable() then
    return ("has %d inputs and %d outputs, its tokenizer has %d and %d")
           :format(embed.sizes[1], out.sizes[2], #tok, tok:usable())
  end
  if embed.sizes[2] ~= net.sizes[1] or net.sizes[2] ~= out.sizes[1] then
    return "has layers that do not fit each other"
  end
end

local ROLES = {Embedding = "embed", LSTM = "rnn", GRU = "rnn", RNN = "rnn",
               Dropout = "drop", Linear = "out"}

---The layers of a model of no kind under the names they have here, if there is
---at most one for each.
local function by_class(m)
  local named = {}
  for _, value in pairs(m) do
    local class = getmetatable(value)
    local role = class and class.kind and ROLES[class.kind.name]
    if not role or named[role] then return m end
    named[role] = value
  end
  return named
end

---Rebuilds a language model from its file: one that lm.describe has described,
---or any whose layers are one Embedding, one LSTM, GRU or RNN and one Linear,
---under whatever names, and that has a tokenizer.
---@param path string
---@return rnn.LM|nil model
---@return rnn.Tokenizer|string tokenizer or the message "path: reason"
---@return table|string meta or the code "EIO" or "EFORMAT"
function lm.load(path)
  local m, meta, code = model.load_model(path)
  if not m then return nil, meta, code end
  local kind, tok = meta["rnnlua.kind"], meta.tokenizer
  if kind and kind ~= lm.KIND then
    return nil, ("%s: is not a language model: its kind is '%s'"):format(path,
                kind), "EFORMAT"
  end
  if not tok then
    return nil, path .. ": has no tokenizer; save the model with " ..
           "{tokenizer = tok} as its metadata", "EFORMAT"
  end
  if not kind then m = by_class(m) end
  local wrong = fault(m, tok)
  if wrong then return nil, path .. ": " .. wrong, "EFORMAT" end
  return setmetatable(m, META), tok, meta
end

return lm
