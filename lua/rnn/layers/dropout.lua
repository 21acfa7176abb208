---Dropout: acts only while a tape is open.
local core = require "rnn.core"
local layer = require "rnn.layer"

---@class rnn.Dropout
---@overload fun(x: rnn.Tensor): rnn.Tensor
local Dropout = layer.class("Dropout")

---@param p? number share of elements set to zero, in [0, 1]; default 0.5. The
---others are scaled by 1/(1-p) (Srivastava et al. 2014).
function Dropout.new(p, opts)
  if p == nil then p = 0.5 end
  if type(p) ~= "number" or not (p >= 0 and p <= 1) then
    error(("Dropout: 'p' must be a number from 0 to 1, got %s"):format(p), 3)
  end
  return layer.object(Dropout, {p}, layer.options("Dropout", opts, {}))
end

function Dropout:__call(x)
  return core.op.dropout(x, self.config[2][1])
end

return Dropout
