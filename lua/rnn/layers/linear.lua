---Linear layer: y = x wᵀ + b.
local core = require "rnn.core"
local layer = require "rnn.layer"

---@class rnn.Linear
---@field weight rnn.Tensor (out, in)
---@field bias rnn.Tensor|nil (out)
---@overload fun(x: rnn.Tensor): rnn.Tensor x (..., in) -> (..., out)
local Linear = layer.class("Linear")

---@param input_size integer
---@param output_size integer
---@param opts? {bias: boolean} bias: default true
---Initial values uniform in ±1/sqrt(input_size), as torch.nn.Linear.
function Linear.new(input_size, output_size, opts)
  layer.check_size("Linear", "input_size", input_size)
  layer.check_size("Linear", "output_size", output_size)
  opts = layer.options("Linear", opts, {bias = true})
  local self = layer.object(Linear, {input_size, output_size}, opts)
  local bound = input_size > 0 and 1 / math.sqrt(input_size) or 0
  self.weight = layer.uniform({output_size, input_size}, bound)
  if opts.bias then self.bias = layer.uniform({output_size}, bound) end
  return self
end

function Linear:__call(x)
  return core.op.linear(x, self.weight, self.bias)
end

return Linear
