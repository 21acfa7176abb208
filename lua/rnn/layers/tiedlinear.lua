---rnn.TiedLinear(input_size, output_size): y = x wᵀ + b with a bias of its own
---and the weight of another layer, the table of an embedding mostly (Press and
---Wolf 2017). Of a weight with more rows the first output_size are taken.
---The bias begins as 0.
---
---    local embed = rnn.Embedding(100, 16)
---    local out = rnn.TiedLinear(16, 100)
---    local logits = out(rnn.randn {5, 2, 16}, embed.weight)   -- (5,2,100)
local core = require "rnn.core"
local layer = require "rnn.layer"

---@class rnn.TiedLinear
---@field bias rnn.Tensor (out)
---@overload fun(x: rnn.Tensor, weight: rnn.Tensor): rnn.Tensor x (..., in),
---weight (rows, in) -> (..., out)

return layer.class {
  name = "TiedLinear",
  sizes = {"input_size", "output_size"},
  options = {},
  shapes = function(sizes) return {{"bias", {sizes[2]}}} end,
  init = function() end,
  call = function(self, x, weight)
    local rows = self.config.sizes[2]
    if #weight > rows then weight = weight:slice(1, 1, rows) end
    return core.op.linear(x, weight, self.bias)
  end,
}
