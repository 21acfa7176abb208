---Naive forecasts, the floors that a model is to beat (Hyndman and
---Athanasopoulos 2021, chapter 5): the last value, that of a season ago, the
---last value with the mean change of the past, and that of a season ago times
---the growth since then.
---
---    local y = rnn.arange(30):to("float64"):reshape {30, 1}  -- (R,D)
---    local naive = require "rnn.naive"
---    local f = naive.drift(y, {20}, {first = {1}, horizon = 5, season = 12})
---    print(f:shape()[1], f[5]:item())                      -- 5, 24.0
---
---Each is called with values (R,D), N origins (rows of the last value known)
---and {first, horizon, season}: the first row of each origin's series, steps to
---forecast, steps of a season. It returns forecasts (H,N,D), or nil where there
---is too little of the past or, for the growth, where it is not of positive
---numbers.
local core = require "rnn.core"
local windowing = require "rnn.data.windows"

local op = core.op
local naive = {}

local rows = windowing.rows

---@class rnn.NaiveOptions
---@field first integer[]
---@field horizon integer
---@field season integer

---@param values rnn.Tensor
---@param origins integer[]
---@param o rnn.NaiveOptions
---@return rnn.Tensor|nil
function naive.last(values, origins, o)
  return rows(values, origins, 0, 0) +
         core.zeros({o.horizon, 1, 1}, values.dtype)
end

---The last season again and again, without the growth.
local function seasons(values, origins, o)
  local season, parts = rows(values, origins, 1 - o.season, 0), {}
  for from = 1, o.horizon, o.season do
    parts[#parts + 1] = season:slice(1, 1, math.min(o.season,
                                                    o.horizon - from + 1))
  end
  return op.cat(parts, 1)
end

local function has_past(origins, o, steps)
  for n, at in ipairs(origins) do
    if at - steps < o.first[n] - 1 then return false end
  end
  return true
end

---nil for a season of one step: it would be the last value.
---@param values rnn.Tensor
---@param origins integer[]
---@param o rnn.NaiveOptions
---@return rnn.Tensor|nil
function naive.seasonal(values, origins, o)
  if o.season < 2 or not has_past(origins, o, o.season) then return nil end
  return seasons(values, origins, o)
end

---@param values rnn.Tensor
---@param origins integer[]
---@param o rnn.NaiveOptions
---@return rnn.Tensor|nil
function naive.drift(values, origins, o)
  if not has_past(origins, o, 2) then return nil end
  local steps, ahead = {}, {}
  for n, at in ipairs(origins) do steps[n] = {at - o.first[n]} end
  for k = 1, o.horizon do ahead[k] = {{k}} end
  local last = rows(values, origins, 0, 0)
  local slope = (last - rows(values, o.first, 0, 0)) /
                core.tensor(steps, values.dtype)
  return last + slope * core.tensor(ahead, values.dtype)
end

---@param values rnn.Tensor
---@param origins integer[]
---@param o rnn.NaiveOptions
---@return rnn.Tensor|nil
function naive.growth(values, origins, o)
  if o.season < 2 or not has_past(origins, o, o.season + 1) or
     -(-values):max():item() <= 0 then
    return nil
  end
  local growth = rows(values, origins, 0, 0) /
                 rows(values, origins, -o.season, -o.season)
  local times = {}
  for k = 1, o.horizon do times[k] = {{(k - 1) // o.season + 1}} end
  return seasons(values, origins, o) *
         (growth:log() * core.tensor(times, values.dtype)):exp()
end

---In the order that they are told in.
naive.NAMES = {"last", "seasonal", "growth", "drift"}

---What they are called.
naive.TITLE = {last = "last value", seasonal = "seasonal naive",
               growth = "seasonal x growth", drift = "drift"}

return naive
