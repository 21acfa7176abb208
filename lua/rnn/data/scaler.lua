---Scalers: steps that make numbers fit for a network, fitted on training data
---alone, and undone for what the network says.
---
---    local data = require "rnn.data"
---    local y = rnn.uniform({60, 2}, 1, 9):to "float64"      -- (T,D)
---    local s = data.scaler {"log", {difference = 12}, "standard"}
---    s:fit(y:slice(1, 1, 40))
---    local z = s:transform(y)                               -- (48,D)
---    local back = s:inverse(z:slice(1, 29, 48), y:slice(1, 1, 40))
---    print((back - y:slice(1, 41, 60)):abs():max():item() < 1e-9)
---
---The steps: "standard" (mean 0, deviation 1), "minmax" (0 to 1), "log",
---"log1p" (log(1 + x)), "difference" (from the row before) and {difference = m}
---(from m rows before, for a season of m). Time is the first axis of all
---tensors, columns are the last; between them may be rows of a batch.
local core = require "rnn.core"

local op = core.op
local scaling = {}

local PIECE = 1 << 14     -- rows

-- {== Differences ==

---Rows minus those 'lag' before: (T - lag,...).
---@param x rnn.Tensor (T,...) with T > lag
---@param lag integer
---@return rnn.Tensor
function scaling.difference(x, lag)
  return x:slice(1, lag + 1, #x) - x:slice(1, 1, #x - lag)
end

---Undoes difference.
---@param d rnn.Tensor (T,...)
---@param before rnn.Tensor (lag or more,...) the rows that come before
---@param lag integer
---@return rnn.Tensor (T,...)
function scaling.undifference(d, before, lag)
  local x = op.cat(before:slice(1, #before - lag + 1, #before), d, 1)
  while lag < #x do   -- sums of 1, 2, 4, ... rows
    x = op.cat(x:slice(1, 1, lag), x:slice(1, lag + 1, #x) +
               x:slice(1, 1, #x - lag), 1)
    lag = 2 * lag
  end
  return x:slice(1, #x - #d + 1, #x)
end

-- }==

-- {== Steps ==

---The first row and column where a test of a column (T,D) fails.
local function find_bad(x, passes)
  for t, row in ipairs(x:totable()) do
    for k, value in ipairs(row) do
      if not passes(value) then return t, k, value end
    end
  end
end

---Raises unless all of x (T,D) is above a limit.
local function must_be_above(x, limit, kind)
  if #x == 0 or -(-x):max():item() > limit then return end
  local t, k, value = find_bad(x, function(v) return v > limit end)
  error(("scaler: '%s' needs values above %g, row %d of column %d is %g")
        :format(kind, limit, t, k, value), 0)
end

---The mean of f(rows) over the rows of x (T,D), made piece by piece: there may
---be many.
local function mean(x, f)
  local sum
  for from = 1, #x, PIECE do
    local part = f(x:slice(1, from, math.min(#x, from + PIECE - 1))):sum(1)
    sum = sum and sum + part or part
  end
  return sum / #x
end

---What a step of parameters is fitted to: x' = (x - shift) / scale. A column
---that does not change is only shifted.
local FIT = {
  standard = function(x)
    local center = mean(x, function(rows) return rows end)
    return center, mean(x, function(rows)
      local d = rows - center
      return d * d
    end):sqrt()
  end,
  minmax = function(x)
    local low = -(-x):max(1)
    return low, x:max(1) - low
  end,
}

local LIMIT = {log = 0, log1p = -1}

---One step over x, forth.
local function forth(step, x)
  local kind = step.kind
  if kind == "log" then return x:log() end
  if kind == "log1p" then return (x + 1):log() end
  if kind == "difference" then return scaling.difference(x, step.lag) end
  return (x - core.tensor(step.shift, x.dtype)) /
         core.tensor(step.scale, x.dtype)
end

---And back; 'before' is what forth was given of the rows before.
local function back(step, x, before)
  local kind = step.kind
  if kind == "log" then return x:exp() end
  if kind == "log1p" then return x:exp() - 1 end
  if kind == "difference" then
    return scaling.undifference(x, before, step.lag)
  end
  return x * core.tensor(step.scale, x.dtype) +
         core.tensor(step.shift, x.dtype)
end

-- }==

---@alias rnn.ScalerStep "standard"|"minmax"|"log"|"log1p"|"difference"|{
---difference: integer}

---@class rnn.Scaler
---@field steps table[]
---@field lag integer rows that transform loses at the beginning
local Scaler = {}
Scaler.__index = Scaler

local KINDS = {standard = true, minmax = true, log = true, log1p = true,
               difference = true}

---A step as it is kept, or nil.
local function parse(step)
  if type(step) == "table" then
    local lag = math.tointeger(step.difference)
    return lag and lag >= 1 and {kind = "difference", lag = lag} or nil
  end
  if not KINDS[step] then return nil end
  return {kind = step, lag = step == "difference" and 1 or nil}
end

local function new(steps)
  local lag = 0
  for _, step in ipairs(steps) do lag = lag + (step.lag or 0) end
  return setmetatable({steps = steps, lag = lag}, Scaler)
end

---@param steps rnn.ScalerStep[] in the order they are made; none is allowed
---@return rnn.Scaler not fitted yet
function scaling.scaler(steps)
  local list = {}
  for i, step in ipairs(steps) do
    list[i] = parse(step)
    if not list[i] then
      error(("scaler: step %d must be standard, minmax, log, log1p, " ..
             "difference or {difference = m}, got %s"):format(i, step), 2)
    end
  end
  return new(list)
end

local function check_shape(x, what)
  local shape = core.is_tensor(x) and x:shape()
  if not shape or #shape ~= 2 then
    error(("scaler: %s needs a tensor (T,D), got %s"):format(what, shape and
          "(" .. table.concat(shape, ", ") .. ")" or type(x)), 3)
  end
end

---Learns the parameters of the steps.
---@param x rnn.Tensor (T,D) of training data, finite
---@return rnn.Scaler self
function Scaler:fit(x)
  check_shape(x, "fit")
  x = x:to "float64"
  if #x <= self.lag then
    error(("scaler: fit needs more than %d rows, got %d"):format(self.lag, #x),
          2)
  end
  for i, step in ipairs(self.steps) do
    local kind = step.kind
    if LIMIT[kind] then
      local ok, wrong = pcall(must_be_above, x, LIMIT[kind], kind)
      if not ok then error(wrong, 2) end
    end
    if FIT[kind] then
      local shift, scale = FIT[kind](x)
      step.shift, step.scale = shift:totable(), scale:totable()
      for k, s in ipairs(step.scale) do
        if s == 0 then step.scale[k] = 1.0 end
      end
    end
    if i < #self.steps then x = forth(step, x) end
  end
  return self
end

local function check_fitted(self)
  for _, step in ipairs(self.steps) do
    if FIT[step.kind] and not step.shift then
      error("scaler: must be fitted before it is used", 3)
    end
  end
end

---@param x rnn.Tensor (T,...,D); what a logarithm has no value for is not
---finite afterwards
---@return rnn.Tensor (T - lag,...,D)
function Scaler:transform(x)
  check_fitted(self)
  if #x < self.lag then
    error(("scaler: transform needs %d rows or more, got %d"):format(self.lag,
          #x), 2)
  end
  for _, step in ipairs(self.steps) do x = forth(step, x) end
  return x
end

---@param x rnn.Tensor (T,...,D) as transform gives it
---@param before? rnn.Tensor (lag or more,...,D) the rows before, in the unit of
---the data; needed with differences
---@return rnn.Tensor (T,...,D) in the unit of the data
function Scaler:inverse(x, before)
  check_fitted(self)
  if self.lag > 0 and (not before or #before < self.lag) then
    error(("scaler: inverse needs the %d rows before, got %d"):format(self.lag,
          before and #before or 0), 2)
  end
  local levels = {}
  for i, step in ipairs(self.lag > 0 and self.steps or {}) do
    levels[i] = before
    before = forth(step, before)
  end
  for i = #self.steps, 1, -1 do x = back(self.steps[i], x, levels[i]) end
  return x
end

---@return table steps as plain values, for scaler_from
function Scaler:state()
  return self.steps
end

local function is_numbers(list, count)
  if type(list) ~= "table" or #list ~= count then return false end
  for _, x in ipairs(list) do
    if type(x) ~= "number" or x ~= x or math.abs(x) == math.huge then
      return false
    end
  end
  return true
end

---Rebuilds a scaler.
---@param state any from a file, so not trusted
---@param columns integer D
---@return rnn.Scaler|nil
---@return string? message
function scaling.scaler_from(state, columns)
  local steps, lag = {}, 0
  for i, one in ipairs(type(state) == "table" and state or {}) do
    local kind = type(one) == "table" and one.kind
    local step = kind == "difference" and parse {difference = one.lag} or
                 kind ~= "difference" and parse(kind) or nil
    if step and FIT[kind] then
      step = is_numbers(one.shift, columns) and
             is_numbers(one.scale, columns) and step or nil
      if step then step.shift, step.scale = one.shift, one.scale end
    end
    lag = lag + (step and step.lag or 0)
    if not step or lag > 1 << 20 then
      return nil, ("step %d of its scaler is damaged"):format(i)
    end
    steps[i] = step
  end
  if type(state) ~= "table" then return nil, "its scaler is damaged" end
  return new(steps)
end

return scaling
