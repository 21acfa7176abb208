---What a forecaster says of a number: a point, the quantiles of what may come,
---or a normal distribution (Nix and Weigend 1994). A network gives `size`
---numbers for each, on the last axis.
local core = require "rnn.core"
local map = require "rnn.map"
local quantile_loss = require "rnn.quantile"

local op = core.op

---@class rnn.Distribution
---@field size integer P, numbers of the network for each forecast
---@field loss fun(x: rnn.Tensor, y: rnn.Tensor): rnn.Tensor of x (...,P), the
---mean over all y (...)
---@field middle fun(x: rnn.Tensor): rnn.Tensor (...) the forecast as one number
---@field spread fun(x: rnn.Tensor): rnn.Tensor (...,Q) the quantiles, none
---above the next; not there for points
---@field draw fun(x: rnn.Tensor): rnn.Tensor (...) one that is drawn; not there
---for points
local distribution = {}

-- {== The normal distribution ==

---Its cumulative distribution function (Marsaglia 2004).
local function normal_cdf(x)
  local term, sum, k = x, x, 1
  while sum ~= sum + term do
    k = k + 2
    term = term * x * x / k
    sum = sum + term
  end
  return 0.5 + sum * math.exp(-x * x / 2) / math.sqrt(2 * math.pi)
end

---The x with normal_cdf(x) = q.
---@param q number above 0, below 1
---@return number
function distribution.normal_quantile(q)
  local low, high = -8.0, 8.0
  while true do
    local x = (low + high) / 2
    if x <= low or x >= high then return x end
    if normal_cdf(x) < q then low = x else high = x end
  end
end

-- }==

local POINT = {mse = op.mse, huber = op.huber,
               mae = function(x, y) return quantile_loss(x, y, 0.5) * 2 end}

distribution.LOSSES = {"mse", "mae", "huber"}

---Numbers (...,P) without the last axis: the k-th.
local function part(x, k) return x:select(#x:shape(), k) end

local function point(loss)
  return {
    size = 1, middle = function(x) return part(x, 1) end,
    loss = function(x, y) return POINT[loss](part(x, 1), y) end,
  }
end

local function gaussian(levels)
  local z = map(levels, distribution.normal_quantile)
  local function deviation(x) return (part(x, 2) * 0.5):exp() end
  return {
    size = 2, middle = function(x) return part(x, 1) end,
    loss = function(x, y)
      return op.gaussian_nll(part(x, 1), y, part(x, 2),
                             {log_var = true, full = true})
    end,
    spread = function(x)
      local axis = #x:shape()
      return x:slice(axis, 1, 1) +
             (x:slice(axis, 2, 2) * 0.5):exp() * core.tensor(z, x.dtype)
    end,
    draw = function(x)
      local mean = part(x, 1)
      return mean + deviation(x) * core.randn(mean:shape(), x.dtype)
    end,
  }
end

---Sorted, so that none is above the next (Chernozhukov et al. 2010).
local function sorted(x)
  local shape = x:shape()
  return -((-x):topk(shape[#shape]))
end

local function quantiles(levels)
  local middle
  for k, q in ipairs(levels) do if q == 0.5 then middle = k end end
  local Q = #levels
  return {
    size = Q, spread = sorted,
    middle = function(x) return part(sorted(x), middle) end,
    loss = function(x, y) return quantile_loss(x, y, levels) end,
    ---By its distribution function, straight between the quantiles, which ends
    ---at the outer ones.
    draw = function(x)
      x = sorted(x)
      local y = part(x, 1)
      local u = core.uniform(y:shape(), 0, 1, x.dtype)
      for k = 2, Q do
        local width = levels[k] - levels[k - 1]
        local share = op.clamp((u - levels[k - 1]) / width, 0, 1)
        y = y + share * (part(x, k) - part(x, k - 1))
      end
      return y
    end,
  }
end

---The intervals that quantiles make: those as far from the middle as each
---other, the widest first.
---@param levels number[] growing
---@return {level: number, low: integer, high: integer}[] level 0 to 1, and the
---places of both ends among the levels
function distribution.intervals(levels)
  local list = {}
  for low = 1, #levels // 2 do
    local high = #levels + 1 - low
    if math.abs(levels[low] + levels[high] - 1) < 1e-9 then
      list[#list + 1] = {level = levels[high] - levels[low], low = low,
                         high = high}
    end
  end
  return list
end

distribution.OUTPUTS = {"point", "quantile", "gaussian"}

---@param output "point"|"quantile"|"gaussian"
---@param loss "mse"|"mae"|"huber" of points
---@param levels number[] growing, 0.5 among them, above 0 and below 1
---@return rnn.Distribution
function distribution.new(output, loss, levels)
  if output == "point" then return point(loss) end
  return (output == "gaussian" and gaussian or quantiles)(levels)
end

return distribution
