---Language models one token at a time: `rnn.stepper(model)` packs the weights
---of an embedding, a recurrent layer and an output layer (rnn.pack), and steps
---without tape, allocation or BLAS. With precision "full" its numbers are those
---of model:forward.
local core = require "rnn.core"
local pack = require "rnn.pack"

---@class rnn.StepperOptions
---@field precision? "full"|"bf16"|"int8" as of rnn.pack, for a model that is
---not packed
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

local EMBED = {Embedding = true}
local NETS = {RNN = true, LSTM = true, GRU = true, ClockworkRNN = true}
local HEADS = {Linear = true, TiedLinear = true, AdaptiveSoftmax = true,
               SampledSoftmax = true}

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

local stepper = {}

---Can rnn.stepper take this model? If not, also the reason.
---@param model table|rnn.Packed
---@return boolean
---@return string?
function stepper.fits(model)
  if type(model) == "userdata" then return true end
  local embed, net, out, wrong
  embed, wrong = find(model, "Embedding", EMBED)
  if not embed then return false, wrong end
  net, wrong = find(model, "RNN, LSTM or GRU", NETS)
  if not net then return false, wrong end
  out, wrong = find(model, "Linear", HEADS)
  if not out then return false, wrong end
  for _, name in ipairs {"bidirectional", "batch_first"} do
    if net.config.options[name] then
      return false, "cannot step through a layer with " .. name
    end
  end
  local dtype = embed.weight.dtype
  return dtype == "float32", "needs a float32 model, got " .. dtype
end

---A stepper of a model: a table that has, under any names, one Embedding, one
---RNN, LSTM, GRU or ClockworkRNN and one layer that scores, in this order of
---work; or what rnn.pack gives. Copies the weights.
---@param model table|rnn.Packed
---@param o? rnn.StepperOptions
---@return rnn.Stepper
local function new(_, model, o)
  o = o or {}
  local fits, wrong = stepper.fits(model)
  if not fits then error("stepper: " .. wrong, 2) end
  if type(model) == "table" then
    local parts = {}
    for name, value in pairs(model) do
      local class = class_of(value)
      if EMBED[class] or NETS[class] or HEADS[class] then
        parts[name] = value
      end
    end
    model = pack(parts, {precision = o.precision})
  end
  return core.stepper(model, o.streams or 1, o.history or 64)
end

return setmetatable(stepper, {__call = new})
