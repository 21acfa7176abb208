---rnn.init: initial values. Every function fills a tensor in place, from the
---generator that rnn.seed sets, and returns it.
local core = require "rnn.core"

local init = {}

---Inputs and outputs of one unit: of a matrix (out, in), or (out, in, ...).
local function fans(t)
  local shape = t:shape()
  if #shape < 2 then
    error("init: fan_in and fan_out need a tensor of 2 axes or more", 3)
  end
  local field = 1
  for d = 3, #shape do field = field * shape[d] end
  return shape[2] * field, shape[1] * field
end

local function fill(t, std, normal)
  if normal then return core.fill_normal(t, 0, std) end
  local bound = math.sqrt(3) * std
  return core.fill_uniform(t, -bound, bound)
end

---@param t rnn.Tensor
---@param lo? number default -0.1
---@param hi? number default -lo
---@return rnn.Tensor t
function init.uniform(t, lo, hi)
  lo = lo or -0.1
  return core.fill_uniform(t, lo, hi or -lo)
end

---@param t rnn.Tensor
---@param mean? number default 0
---@param std? number default 1
---@return rnn.Tensor t
function init.normal(t, mean, std)
  return core.fill_normal(t, mean or 0, std or 1)
end

---@param t rnn.Tensor
---@param x number
---@return rnn.Tensor t
function init.constant(t, x)
  return t:fill(x)
end

---@param t rnn.Tensor
---@return rnn.Tensor t
function init.zeros(t)
  return t:fill(0)
end

---Variance gain² * 2/(fan_in + fan_out) (Glorot and Bengio 2010).
---@param t rnn.Tensor of 2 axes or more
---@param opts? {gain: number, normal: boolean} default 1, false (uniform)
---@return rnn.Tensor t
function init.xavier(t, opts)
  opts = opts or {}
  local fan_in, fan_out = fans(t)
  local std = (opts.gain or 1) * math.sqrt(2 / math.max(1, fan_in + fan_out))
  return fill(t, std, opts.normal)
end

local GAIN = {
  linear = 1, sigmoid = 1, tanh = 5 / 3, relu = math.sqrt(2),
}

---@class rnn.KaimingOptions
---@field nonlinearity? string linear, sigmoid, tanh, relu, leaky_relu (default)
---@field a? number slope of leaky_relu below 0; default 0
---@field mode? "fan_in"|"fan_out" default fan_in
---@field normal? boolean default false: uniform

---Variance gain²/fan (He et al. 2015), with torch.nn.init's gains.
---@param t rnn.Tensor of 2 axes or more
---@param opts? rnn.KaimingOptions
---@return rnn.Tensor t
function init.kaiming(t, opts)
  opts = opts or {}
  local name = opts.nonlinearity or "leaky_relu"
  local gain = name == "leaky_relu" and math.sqrt(2 / (1 + (opts.a or 0) ^ 2))
               or GAIN[name]
  if not gain then
    error(("kaiming: unknown nonlinearity '%s'"):format(name), 2)
  end
  local fan_in, fan_out = fans(t)
  local mode = opts.mode or "fan_in"
  local fan = ({fan_in = fan_in, fan_out = fan_out})[mode]
  if not fan then
    error(("kaiming: mode must be 'fan_in' or 'fan_out', got '%s'"):format(
          mode), 2)
  end
  return fill(t, gain / math.sqrt(math.max(1, fan)), opts.normal)
end

---Ones, times gain, on the diagonal of a matrix, else 0 (Le et al. 2015).
---@param t rnn.Tensor of 2 axes
---@param opts? {gain: number}
---@return rnn.Tensor t
function init.identity(t, opts)
  local shape = t:shape()
  if #shape ~= 2 then error("identity: t must have 2 axes", 2) end
  t:fill(0)
  for k = 1, math.min(shape[1], shape[2]) do
    core.set(t, (k - 1) * shape[2] + k, opts and opts.gain or 1)
  end
  return t
end

---Orthonormal rows or columns, whichever are fewer (Saxe et al. 2014).
---@param t rnn.Tensor of 2 axes
---@param opts? {gain: number}
---@return rnn.Tensor t
function init.orthogonal(t, opts)
  return core.fill_orthogonal(t, opts and opts.gain or 1)
end

return init
