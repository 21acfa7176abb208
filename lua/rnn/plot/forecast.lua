---rnn.plot.forecast: how a series goes on: its end, what was forecast with the
---intervals around it, and, where it is known, what came.
local check = require "rnn.check"
local gnuplot = require "rnn.plot.gnuplot"
local lines = require "rnn.plot.lines"

local forecast = {}

local LEAST, TIMES = 40, 3       -- of the history: steps, horizons
local BLACK = 7                  -- colour of the series
local CLOSE = 100                -- up to so many true values have points
local PALEST, DARKEST = 0.85, 0.55   -- intervals: share of white

---@class rnn.ForecastOptions
---@field history number[] (M) the series up to where the forecast begins
---@field forecast number[] (H) the median or the mean
---@field name? string default forecast
---@field truth? number[] (up to H) what came
---@field intervals? {level: number, low: number[], high: number[]}[] (H) the
---level 0 to 1
---@field floors? {name: string, y: number[]}[] (H) plain forecasts to compare
---@field times? number[] (M+H) the x axis; default 1 to M+H
---@field dates? boolean times are seconds since 1970, UTC
---@field shown? integer steps of the history; default 3 H, at least 40
---@field marks? table[] as of plot.lines
---@field spans? table[]
---@field title? string
---@field xlabel? string default "step", none with dates
---@field ylabel? string

local OPTIONS = {
  history = true, forecast = true, name = true, truth = true, intervals = true,
  floors = true, times = true, dates = true, shown = true, marks = true,
  spans = true, title = true, xlabel = true, ylabel = true,
}

---The values of a list of steps to come, with the place of each. The last one
---of the history comes before them, so that lines go on from it.
local function future(o, y)
  local M = #o.history
  local x, values = {}, {}
  for k = M > 0 and 0 or 1, #y do
    x[#x + 1] = o.times and o.times[M + k] or M + k
    values[#x] = k == 0 and o.history[M] or y[k]
  end
  return x, values
end

---Intervals from the widest, which is palest and lies behind the others.
local function bands_of(o)
  local list, bands = {}, {}
  for i, interval in ipairs(o.intervals or {}) do list[i] = interval end
  table.sort(list, function(a, b) return a.level > b.level end)
  for i, interval in ipairs(list) do
    local x, low = future(o, interval.low)
    local _, high = future(o, interval.high)
    bands[i] = {
      name = ("%.3g %%"):format(100 * interval.level), x = x, low = low,
      high = high, color = 1,
      pale = PALEST - (PALEST - DARKEST) * (i - 1) / math.max(1, #list - 1),
    }
  end
  return bands
end

local function lines_of(o)
  local M, list = #o.history, {}
  local shown = o.shown or math.max(LEAST, TIMES * #o.forecast)
  local x, y = {}, {}
  for t = math.max(1, M - shown + 1), M do
    x[#x + 1], y[#y + 1] = o.times and o.times[t] or t, o.history[t]
  end
  list[1] = {name = "history", x = x, y = y, color = BLACK}
  for i, floor in ipairs(o.floors or {}) do
    local at, values = future(o, floor.y)
    list[#list + 1] = {name = floor.name, x = at, y = values, style = "dashed",
                       color = 1 + i}
  end
  if o.truth then
    local at, values = future(o, o.truth)
    list[#list + 1] = {name = "truth", x = at, y = values, color = BLACK,
                       style = #o.truth <= CLOSE and "points" or "pale"}
  end
  local at, values = future(o, o.forecast)
  list[#list + 1] = {name = o.name or "forecast", x = at, y = values,
                     color = 1}
  return list
end

---Where the forecast begins, and the marks of the caller.
local function marks_of(o)
  local M = #o.history
  local marks = {M > 0 and {o.times and o.times[M] or M} or nil}
  return table.move(o.marks or {}, 1, #(o.marks or {}), #marks + 1, marks)
end

---Draws the end of a series, its forecast, intervals as nested bands, floors as
---dashed lines, and the truth.
---@param path string name.png, name.svg, or "-" for the terminal
---@param o rnn.ForecastOptions
---@return true|nil ok
---@return string? message
---@return string? code as of plot.lines
function forecast.forecast(path, o)
  check.names("forecast", o, OPTIONS)
  local wanted = #o.history + #o.forecast
  if o.times and #o.times < wanted then
    return gnuplot.refuse(path, ("'times' has %d places, expected %d: those " ..
      "of the history and of the forecast"):format(#o.times, wanted))
  end
  return lines.lines(path, {
    lines = lines_of(o), bands = bands_of(o), marks = marks_of(o),
    spans = o.spans, title = o.title, dates = o.dates,
    xlabel = o.xlabel or not o.dates and "step" or nil, ylabel = o.ylabel,
  })
end

return forecast
