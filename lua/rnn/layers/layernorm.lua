---rnn.LayerNorm(size, {eps = 1e-5, affine = true, bias = true}): each row of x
---gets mean 0 and variance 1 (Ba, Kiros and Hinton 2016), as in
---torch.nn.LayerNorm:
---    y = (x - mean x) / sqrt(var x + eps) * weight + bias
---`affine` false leaves out weight and bias, `bias` false the latter.
---
---    local norm = rnn.LayerNorm(64)
---    local y = norm(rnn.randn {20, 8, 64})
local core = require "rnn.core"
local layer = require "rnn.layer"
local norm = require "rnn.norm"

---@class rnn.LayerNorm
---@field weight rnn.Tensor|nil (size)
---@field bias rnn.Tensor|nil (size)
---@overload fun(x: rnn.Tensor): rnn.Tensor x (..., size) -> (..., size)

return layer.class {
  name = "LayerNorm",
  sizes = {"size"},
  options = {eps = 1e-5, affine = true, bias = true},
  check = norm.check,
  shapes = norm.shapes,
  init = norm.init,
  call = function(self, x)
    norm.check_input(self, x)
    return core.op.layer_norm(x, self.weight, self.bias,
                              {eps = self.config.options.eps})
  end,
}
