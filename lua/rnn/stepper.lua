---Language models one token at a time: `rnn.stepper(model)` packs the weights
---of an embedding, an RNN, LSTM or GRU and an output layer, and steps without
---tape, allocation or BLAS. With precision "full" its numbers are those of
---model:forward.
local core = require "rnn.core"

---@class rnn.StepperOptions
---@field precision? "full"|"bf16"|"int8" of the weights and what they are
---multiplied with; default "full". int8 has a scale for each unit
---@field streams? integer texts side by side, default 1

---@class rnn.Stepper
---@field step fun(self, ids: rnn.Tensor): rnn.Tensor reads one id for each
---stream, (N); logits (N,U) of what follows
---@field sample fun(self, steps: integer, temperature?: number): rnn.Tensor
---draws ids (steps,N) by softmax(logits / temperature), reading each; at
---temperature 0 the likeliest
---@field state fun(self, state?: table): table? {h, c}, each (L,N,H), or sets it
---@field reset fun(self) states to 0
---@field bytes fun(self): integer bytes of weights that a step reads
---@field close fun(self)

local CELLS = {RNN = "rnn", LSTM = "lstm", GRU = "gru"}

local function class_of(value)
  local class = getmetatable(value)
  return type(class) == "table" and class.kind and class.kind.name
end

---What keeps a model from being stepped, if anything.
local function fault(model)
  local net = model.rnn
  if class_of(model.embed) ~= "Embedding" or class_of(model.out) ~= "Linear" or
     not CELLS[class_of(net)] then
    return "needs a model with layers embed (Embedding), rnn (RNN, LSTM or " ..
           "GRU) and out (Linear)"
  end
  local options = net.config.options
  if options.bidirectional then
    return "cannot step through a bidirectional layer"
  end
  if model.out.weight.dtype ~= "float32" then
    return "needs a float32 model, got " .. model.out.weight.dtype
  end
end

---Can rnn.stepper take this model? If not, also the reason.
---@param model table
---@return boolean
---@return string?
local function fits(model)
  local wrong = fault(model)
  return not wrong, wrong
end

---A stepper of a model, such as rnn.load_model or the lm kind gives; it copies
---the weights.
---@param model {embed: rnn.Embedding, rnn: rnn.LSTM|rnn.GRU|rnn.RNN, out: rnn.Linear}
---@param o? rnn.StepperOptions
---@return rnn.Stepper
local function stepper(model, o)
  o = o or {}
  local wrong = fault(model)
  if wrong then error("stepper: " .. wrong, 3) end
  local net, layers = model.rnn, {}
  for l = 1, net.config.options.num_layers do
    local suffix = "_l" .. (l - 1)
    layers[l] = {
      w_ih = net["weight_ih" .. suffix], w_hh = net["weight_hh" .. suffix],
      b_ih = net["bias_ih" .. suffix], b_hh = net["bias_hh" .. suffix]}
  end
  return core.stepper {
    cell = CELLS[class_of(net)],
    relu = net.config.options.nonlinearity == "relu",
    precision = o.precision, streams = o.streams or 1,
    embed = model.embed.weight, layers = layers,
    out_w = model.out.weight, out_b = model.out.bias}
end

return setmetatable({fits = fits}, {
  __call = function(_, model, o) return stepper(model, o) end,
})
