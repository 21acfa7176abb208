---Lookahead (Zhang et al. 2019): after every k steps of an optimizer the slow
---weights go a part of the way to where it came, and it goes on from there:
---
---    slow += (p - slow) * alpha    p = slow
---
---It wraps any optimizer and is one itself:
---
---    local opt = rnn.Lookahead(rnn.Adam(rnn.parameters(model)),
---                              {k = 5, alpha = 0.5})
---    local tape = rnn.tape()
---    tape:backward(rnn.mse(model.out(x), y))
---    tape:close()
---    opt:step()
local core = require "rnn.core"
local wrapper = require "rnn.optim.wrapper"

---@class rnn.Lookahead: rnn.Optim
---@field k integer
---@field alpha number
local Lookahead = {}
local meta = wrapper.class("Lookahead", Lookahead)

---@return number norm
function Lookahead:step(...)
  local lerp = core.vector.lerp
  if self.count == 0 then lerp(self.kept, self.params, 1) end
  local norm = self.optim:step(...)
  self.count = self.count + 1
  if self.count % self.k == 0 then
    lerp(self.kept, self.params, self.alpha)
    lerp(self.params, self.kept, 1)
  end
  return norm
end

---@param opt rnn.Optim
---@param opts? {k: integer, alpha: number} defaults 5, 0.5
---@return rnn.Lookahead
return function(opt, opts)
  if not wrapper.is_optimizer(opt) then
    error("Lookahead: an optimizer expected, got " .. type(opt), 2)
  end
  wrapper.known("Lookahead", opts, {k = true, alpha = true})
  local k = wrapper.option("Lookahead", opts, "k", 5, 1, 1e9)
  if not math.tointeger(k) then
    error("Lookahead: 'k' must be an integer, got " .. k, 2)
  end
  return wrapper.new(meta, "slow", opt, opt.params, {
    k = math.tointeger(k),
    alpha = wrapper.option("Lookahead", opts, "alpha", 0.5, 0, 1)})
end
