---rnn.Linear(input_size, output_size, {bias = true}): y = x wᵀ + b.
---Initial values uniform in ±1/sqrt(input_size), as torch.nn.Linear.
---
---    local out = rnn.Linear(64, 10)
---    local logits = out(rnn.randn {20, 4, 64})         -- (20,4,10)
local core = require "rnn.core"
local layer = require "rnn.layer"

---@class rnn.Linear
---@field weight rnn.Tensor (out, in)
---@field bias rnn.Tensor|nil (out)
---@overload fun(x: rnn.Tensor): rnn.Tensor x (..., in) -> (..., out)

return layer.class {
  name = "Linear",
  sizes = {"input_size", "output_size"},
  options = {bias = true},
  shapes = function(sizes, options)
    return {{"weight", {sizes[2], sizes[1]}},
            options.bias and {"bias", {sizes[2]}} or nil}
  end,
  init = function(self, sizes)
    layer.uniform(self, sizes[1] > 0 and 1 / math.sqrt(sizes[1]) or 0)
  end,
  call = function(self, x)
    return core.op.linear(x, self.weight, self.bias)
  end,
}
