---rnn.quantile(x, y, q): the loss that a quantile of the targets makes smallest
---(Koenker and Bassett 1978), for forecasts with their uncertainty. With
---d = y - x it is the mean of
---    max(q d, (q - 1) d)
---
---    local x, y = rnn.randn {7, 3}, rnn.randn {7}
---    local loss = rnn.quantile(x, y, {0.1, 0.5, 0.9})   -- one column for each
---    local median = rnn.quantile(y * 0, y, 0.5)
local core = require "rnn.core"

---@param x rnn.Tensor (...), or (...,Q) for a list of Q
---@param y rnn.Tensor (...) targets
---@param q number|number[] from 0 to 1
---@param opts? {reduction: rnn.Reduction}
---@return rnn.Tensor loss
return function(x, y, q, opts)
  return core.op.quantile(x, y, core.tensor(q, x.dtype), opts)
end
