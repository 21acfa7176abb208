---Peaks over a threshold (Siffer et al. 2017): from what lies above a high
---quantile of scores, the level that a score passes with so small a chance that
---no score may have passed it yet.
---
---    rnn.seed(1)
---    local scores = {}
---    for i = 1, 5000 do scores[i] = -math.log(1 - rnn.random()) end
---    local level, tail = rnn.pot.level(scores, {risk = 1e-4})
---    print(level, tail.shape)           -- about 9.2 = -log(1e-4), about 0
---
---The excesses over a high threshold follow a generalized Pareto distribution,
---    P(Y > y) = (1 + shape y / scale)^(-1 / shape), or exp(-y / scale) for 0
---whose tail is bounded for a shape below 0 and heavy above. It is fitted by
---maximum likelihood, which is a search for the one number shape / scale
---(Grimshaw 1993): the best shape follows from it.
local check = require "rnn.check"

local pot = {}

local FEWEST <const> = 10     -- excesses that a distribution is fitted to
local HIGH <const> = 0.98     -- share of scores that are not among them
local GRID <const> = 200

-- {== The generalized Pareto distribution ==

---Log likelihood of each excess for a ratio of shape and scale, and these two;
---'y' have the mean 1.
local function profile(y, ratio)
  if math.abs(ratio) < 1e-9 then return -1, 0.0, 1.0 end
  local sum = 0.0
  for _, x in ipairs(y) do sum = sum + math.log(1 + ratio * x) end
  local shape = sum / #y
  local scale = shape / ratio
  return -math.log(scale) - shape - 1, shape, scale
end

---Where f is greatest between two places.
local function greatest(f, low, high)
  local golden = (math.sqrt(5) - 1) / 2
  for _ = 1, 60 do
    local a, b = high - golden * (high - low), low + golden * (high - low)
    if f(a) < f(b) then low = a else high = b end
  end
  return (low + high) / 2
end

---Ratios to look at: from where the likelihood ends, -1 / largest excess, over
---0 to heavy tails.
local function ratios(largest)
  local list = {}
  for i = 0, GRID // 2 do
    list[#list + 1] = -(1 - 10 ^ (-6 * (1 - i / (GRID // 2)))) / largest
  end
  table.sort(list)
  for i = 0, GRID // 2 do
    list[#list + 1] = 10 ^ (-4 + 7 * i / (GRID // 2))
  end
  return list
end

---@class rnn.ParetoTail
---@field shape number
---@field scale number

---Fits the distribution to excesses; a shape is at least -1, below which there
---is no greatest likelihood.
---@param excesses number[] above 0
---@return rnn.ParetoTail|nil
---@return string? message
function pot.fit(excesses)
  if #excesses < FEWEST then
    return nil, ("a tail is fitted to %d excesses or more, got %d"):format(
                FEWEST, #excesses)
  end
  local sum, largest, y = 0.0, 0.0, {}
  for _, x in ipairs(excesses) do
    sum, largest = sum + x, math.max(largest, x)
  end
  local mean = sum / #excesses
  for i, x in ipairs(excesses) do y[i] = x / mean end
  local function likelihood(ratio)
    local l, shape = profile(y, ratio)
    return shape >= -1 and l or -math.huge
  end
  local list, best = ratios(largest / mean), 1
  local values = {}
  for i, ratio in ipairs(list) do
    values[i] = likelihood(ratio)
    if values[i] > values[best] then best = i end
  end
  local ratio = greatest(likelihood, list[math.max(1, best - 1)],
                         list[math.min(#list, best + 1)])
  local _, shape, scale = profile(y, ratio)
  return {shape = shape, scale = scale * mean}
end

---What an excess passes with a chance.
---@param tail rnn.ParetoTail
---@param chance number above 0, to 1
---@return number
function pot.excess(tail, chance)
  local shape = tail.shape
  if math.abs(shape) < 1e-9 then return -tail.scale * math.log(chance) end
  return tail.scale / shape * (chance ^ -shape - 1)
end

-- }==

-- {== Levels of scores ==

---The value that a share of numbers are not above, between two of them
---linearly.
---@param values number[] one or more
---@param share number 0 to 1
---@return number
function pot.quantile(values, share)
  local sorted = table.move(values, 1, #values, 1, {})
  table.sort(sorted)
  local at = 1 + share * (#sorted - 1)
  local low = math.floor(at)
  local high = math.min(low + 1, #sorted)
  return sorted[low] + (sorted[high] - sorted[low]) * (at - low)
end

---Scores that a level is found from, at least.
pot.FEWEST = math.ceil(FEWEST / (1 - HIGH))

local OPTIONS = {risk = true, high = true}

---@class rnn.PotTail: rnn.ParetoTail
---@field high number the high quantile
---@field count integer of the scores above it

---The exponential distribution that is likeliest.
local function exponential(excesses)
  local sum = 0.0
  for _, x in ipairs(excesses) do sum = sum + x end
  return {shape = 0.0, scale = sum / #excesses}
end

---The level that a score passes with a chance. Where the likeliest tail is
---bounded, the exponential one is taken: a bound that few excesses tell of is
---soon passed by others.
---@param scores number[] of what is normal, finite
---@param o? {risk: number?, high: number?} the chance, default 1e-4; the share
---of scores that the tail is not fitted to, default 0.98
---@return number|nil
---@return rnn.PotTail|string tail, or the message
function pot.level(scores, o)
  o = o or {}
  check.names("pot.level", o, OPTIONS)
  local risk, share = o.risk or 1e-4, o.high or HIGH
  if not (risk > 0 and share > 0 and risk < 1 - share) then
    error(("pot.level: 'risk' must be above 0 and below 1 - 'high' = %g, " ..
           "got %g"):format(1 - share, risk), 2)
  end
  local high = #scores > 0 and pot.quantile(scores, share) or 0.0
  local excesses = {}
  for _, x in ipairs(scores) do
    if x > high then excesses[#excesses + 1] = x - high end
  end
  local tail, wrong = pot.fit(excesses)
  if not tail then
    return nil, ("%s: %d scores have so many above their %g quantile")
                :format(wrong, #scores, share)
  end
  if tail.shape < 0 then tail = exponential(excesses) end
  tail.high, tail.count = high, #excesses
  return high + pot.excess(tail, risk * #scores / #excesses), tail
end

-- }==

return pot
