---Language models one token at a time: `rnn.stepper(model)` packs the weights
---of an embedding, an RNN, LSTM or GRU and an output layer, and steps without
---tape, allocation or BLAS. With precision "full" its numbers are those of
---model:forward.
local core = require "rnn.core"

---@class rnn.StepperOptions
---@field precision? "full"|"bf16"|"int8" of the weights and what they are
---multiplied with; default "full". int8 has a scale for each unit
---@field streams? integer texts side by side, default 1. What a stream gives
---does not depend on the others
---@field history? integer ids that each stream remembers, for a penalty;
---default 64

---How ids are drawn, the filters in this order. Between equal scores the lower
---id comes first. Raises when the scores are not finite.
---@class rnn.DrawOptions
---@field temperature? number below 1 likelier, above 1 wilder, default 1; 0
---takes the likeliest id each time
---@field top_k? integer only so many of the likeliest; default 0, all
---@field top_p? number the fewest that together have this part of the
---probability (Holtzman et al. 2020); default 1, all
---@field min_p? number ids at least so many times as likely as the likeliest;
---default 0, all
---@field penalty? number makes ids of the last ones less likely: l / penalty
---for a score l above 0, else l * penalty (Keskar et al. 2019); before the
---temperature; default 1, none
---@field window? integer how many are the last ones, default 64

---@class rnn.Stepper
---@field step fun(self, ids: rnn.Tensor): rnn.Tensor reads one id for each
---stream, (N); logits (N,U) of what follows
---@field feed fun(self, ids: rnn.Tensor) every stream reads all of (T)
---@field sample fun(self, steps: integer, o?: number|rnn.DrawOptions):
---rnn.Tensor draws ids (steps,N), by a temperature or options, reading each
---@field seed fun(self, n?: integer): integer gives stream i a generator of its
---own, seeded with n+i-1; n is returned. Without n, and when ids are drawn
---before any seed, it comes from the generator of rnn.seed
---@field rng fun(self, states?: string[]): string[]? states of the generators,
---as of rnn.random_state; or sets them
---@field select fun(self, from: rnn.Tensor) stream i becomes a copy of stream
---from[i], (N): states, logits and recent ids, but not its generator
---@field logits fun(self): rnn.Tensor (N,U) after the last step
---@field recent fun(self): rnn.Tensor (N,M) the last ids, at most 'history'
---@field state fun(self, state?: table): table? {h, c} (L,N,H), logits (N,U)
---and recent (N,M); or sets it. Without logits they are 0, without recent there
---are none
---@field reset fun(self) states and logits to 0, nothing read
---@field bytes fun(self): integer bytes of weights that a step reads
---@field close fun(self)

local CELLS = {RNN = "rnn", LSTM = "lstm", GRU = "gru"}

---Options of recurrent layers that a step knows, or that do not matter to it.
local STEPS = {
  num_layers = true, bias = true, batch_first = true, nonlinearity = true,
  dropout = true, locked_dropout = true, weight_drop = true, precision = true,
  recompute = true, forget_bias = true, recurrent_init = true,
  recurrent_gain = true,
}

local function class_of(value)
  local class = getmetatable(value)
  return type(class) == "table" and class.kind and class.kind.name
end

---The one layer of a model that is of a class in 'classes'; nil and what is
---wrong when there is none or more than one.
local function find(model, what, classes)
  local found
  for _, value in pairs(model) do
    if classes[class_of(value)] then
      if found then return nil, "needs a model with one " .. what end
      found = value
    end
  end
  return found, "needs a model with one " .. what
end

---The three layers of a model; nil and what keeps it from being stepped.
local function layers_of(model)
  local embed, net, out, wrong
  embed, wrong = find(model, "Embedding", {Embedding = true})
  if not embed then return nil, wrong end
  net, wrong = find(model, "RNN, LSTM or GRU", CELLS)
  if not net then return nil, wrong end
  out, wrong = find(model, "Linear", {Linear = true, TiedLinear = true})
  if not out then return nil, wrong end
  for name, value in pairs(net.config.options) do
    local plain = getmetatable(net).kind.options[name]
    if value ~= plain and not STEPS[name] then
      return nil, "cannot step through a layer with " .. name
    end
  end
  if embed.weight.dtype ~= "float32" then
    return nil, "needs a float32 model, got " .. embed.weight.dtype
  end
  return {embed = embed, net = net, out = out}
end

---The weight of the output layer, its own or that of the embedding.
local function output_weight(found)
  local rows = found.out.config.sizes[2]
  return found.out.weight or found.embed.weight:slice(1, 1, rows)
end

local stepper = {}

---Can rnn.stepper take this model? If not, also the reason.
---@param model table
---@return boolean
---@return string?
function stepper.fits(model)
  local layers, wrong = layers_of(model)
  return layers ~= nil, wrong
end

---A stepper of a model: a table that has, under any names, one Embedding, one
---RNN, LSTM or GRU and one Linear or TiedLinear, in this order of work. Copies
---the weights.
---@param model table
---@param o? rnn.StepperOptions
---@return rnn.Stepper
local function new(_, model, o)
  o = o or {}
  local found, wrong = layers_of(model)
  if not found then error("stepper: " .. wrong, 2) end
  local net, layers = found.net, {}
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
    history = o.history or 64,
    embed = found.embed.weight, layers = layers,
    out_w = output_weight(found), out_b = found.out.bias}
end

return setmetatable(stepper, {__call = new})
