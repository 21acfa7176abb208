---rnn.Positions(size, {kind = "sinusoidal", max = 1024}): adds to each step a
---vector that tells where it is, for layers that cannot see it:
---    sinusoidal  P[t,2i] = sin(t w), P[t,2i+1] = cos(t w),
---                w = 10000^(-2i/size), t and i from 0  (Vaswani et al. 2017)
---    learned     P a parameter, at first normal(0, 0.02) (Gehring et al. 2017)
---
---    local positions = rnn.Positions(64)
---    local y = positions(rnn.randn {10, 2, 64})
local core = require "rnn.core"
local layer = require "rnn.layer"

---@class rnn.Positions
---@field weight rnn.Tensor P (max, size); trained if learned
---Call: y = positions(x, from). x (T,N,size) -> y (T,N,size); from: the
---position of the first step, default 1

local function sinusoids(weight, max, size)
  for t = 0, max - 1 do
    for i = 0, size - 1 do
      local angle = t * 10000.0 ^ (-(i - i % 2) / size)
      core.set(weight, t * size + i + 1,
               i % 2 == 0 and math.sin(angle) or math.cos(angle))
    end
  end
end

return layer.class {
  name = "Positions",
  sizes = {"size"},
  options = {kind = "sinusoidal", max = 1024},
  check = function(_, options)
    if options.kind ~= "sinusoidal" and options.kind ~= "learned" then
      return ("'kind' must be sinusoidal or learned, got '%s'"):format(
             options.kind)
    end
    if math.type(options.max) ~= "integer" or options.max < 1 then
      return ("'max' must be an integer >= 1, got %s"):format(options.max)
    end
  end,
  shapes = function(sizes, options)
    return {{"weight", {options.max, sizes[1]},
             options.kind == "sinusoidal" and 0 or nil}}
  end,
  init = function(self, sizes, options)
    if options.kind == "learned" then
      core.fill_normal(self.weight, 0, 0.02)
    else
      sinusoids(self.weight, options.max, sizes[1])
    end
  end,
  call = function(self, x, from)
    local shape, size = x:shape(), self.config.sizes[1]
    local max = self.config.options.max
    from = from or 1
    if #shape ~= 3 or shape[3] ~= size then
      error(("Positions: x must be (T, N, %d), got (%s)"):format(size,
            table.concat(shape, ", ")), 2)
    end
    if from < 1 or from + shape[1] - 1 > max then
      error(("Positions: steps %d to %d are not within 1 to %d; make it " ..
             "with a larger 'max'"):format(from, from + shape[1] - 1, max), 2)
    end
    if shape[1] == 0 then return x end
    local rows = self.weight:slice(1, from, from + shape[1] - 1)
    return x + rows:reshape {shape[1], 1, size}
  end,
}
