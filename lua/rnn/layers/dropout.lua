---rnn.Dropout(p): zeroes elements with probability p (default 0.5) and scales
---the others by 1/(1-p), while a tape is open (Srivastava et al. 2014). Option
---locked: one mask for the whole first axis, so that x (T,N,F) loses the same
---elements at every step (variational, Gal and Ghahramani 2016).
---
---    local drop = rnn.Dropout(0.2)
---    local locked = rnn.Dropout {p = 0.2, locked = true}
---    local y = locked(drop(rnn.randn {20, 4, 8}))      -- (20,4,8)
local core = require "rnn.core"
local layer = require "rnn.layer"

---@class rnn.Dropout
---@overload fun(x: rnn.Tensor): rnn.Tensor

local Dropout = layer.class {
  name = "Dropout",
  sizes = {},
  options = {p = 0.5, locked = false},
  shapes = function() return {} end,
  check = function(_, options)
    if not (options.p >= 0 and options.p <= 1) then
      return ("'p' must be from 0 to 1, got %s"):format(options.p)
    end
  end,
  init = function() end,
  call = function(self, x) return core.op.dropout(x, self.config.options) end,
}

---The probability may be given by itself, as in rnn.Dropout(0.2).
local make = getmetatable(Dropout).__call
getmetatable(Dropout).__call = function(class, p)
  return make(class, type(p) == "number" and {p = p} or p)
end

return Dropout
