---How good forecasts were, beside the naive ones (rnn.naive): forecasts from
---each origin of a test, whose weights saw nothing of it, against what came.
local core = require "rnn.core"
local distribution = require "rnn.models.distribution"
local map = require "rnn.map"
local metrics = require "rnn.metrics"
local naive = require "rnn.naive"
local windowing = require "rnn.data.windows"

local op = core.op
local backtest = {}

---@class rnn.BacktestRow
---@field name string
---@field title string
---@field rmse number in the unit of the data, as mae
---@field mae number
---@field mape number|nil percent; nil where the truth is 0 somewhere
---@field smape number percent
---@field mase number|nil nil where the past repeats itself
---@field mse number of values over their deviation in the training part
---@field y rnn.Tensor (H,N) the forecasts

---@class rnn.Backtest
---@field column string
---@field truth rnn.Tensor (H,N)
---@field model rnn.BacktestRow
---@field floors rnn.BacktestRow[]
---@field best rnn.BacktestRow the floor with the lowest RMSE
---@field intervals {level: number, coverage: number}[]

-- {== Parts ==

---Column k of forecasts (1 + Q,H,D) of windows: the j-th of them, (H,N).
local function said(guesses, j, k)
  return op.stack(map(guesses, function(g)
    return g:select(1, j):select(2, k)
  end), 2)
end

---(H,N) as one list.
local function flat(x) return x:reshape {-1} end

---What the errors are measured by: the training rows of column k of each series
---they belong to.
local function history_of(part, k)
  local frame, list = part.frame, {}
  for i, one in ipairs(frame.series) do
    list[i] = frame.values:slice(1, one.first, part.trained[i])
                   :slice(2, k, k)
  end
  return list
end

---The mean over series of a score of those windows that are theirs.
local function by_series(part, f)
  local series, sum, count, from = part.frame.series, 0.0, 0, 1
  for i, one in ipairs(series) do
    local to = from
    while part[to] and part[to] <= one.last do to = to + 1 end
    if to > from then
      local score = f(i, from, to - 1)
      if not score then return nil end
      sum, count = sum + score * (to - from), count + to - from
    end
    from = to
  end
  return sum / count
end

local function has_zero(truth)
  return -(-truth:abs()):max():item() == 0
end

---The root mean squared error; infinite when forecasts are no numbers.
local function rmse_of(guess, came)
  return core.finite(guess) and metrics.rmse(guess, came) or math.huge
end

local function deviation(x)
  local centred = x - x:mean()
  return math.sqrt((centred * centred):mean():item())
end

---The scores of forecasts y (H,N).
local function row(name, title, y, truth, part, history, season)
  local guess, came = flat(y), flat(truth)
  local function cut(x, from, to) return flat(x:slice(2, from, to)) end
  if not core.finite(guess) then
    return {name = name, title = title, y = y, rmse = math.huge,
            mae = math.huge}
  end
  return {
    name = name, title = title, y = y,
    rmse = metrics.rmse(guess, came), mae = metrics.mae(guess, came),
    mape = not has_zero(came) and metrics.mape(guess, came) or nil,
    smape = metrics.smape(guess, came),
    mase = by_series(part, function(i, from, to)
      local past = flat(history[i])
      local ok, score = pcall(metrics.mase, cut(y, from, to),
                              cut(truth, from, to), past, season)
      return ok and score or nil
    end),
    mse = by_series(part, function(i, from, to)
      local size = deviation(history[i])
      local rmse = metrics.rmse(cut(y, from, to), cut(truth, from, to))
      return size > 0 and (rmse / size) ^ 2 or nil
    end),
  }
end

-- }==

---How much of the truth lies within the intervals that quantiles make.
local function coverages(truth, guesses, k, quantiles)
  local function bound(j) return flat(said(guesses, j + 1, k)) end
  return map(distribution.intervals(quantiles), function(one)
    return {level = one.level,
            coverage = metrics.coverage(bound(one.low), bound(one.high),
                                        flat(truth))}
  end)
end

---What came after the windows of a part: (H,N) of target k.
local function truth_of(part, k, H)
  return windowing.rows(part.frame.values:slice(2, k, k), part, 1, H)
                  :select(3, 1)
end

---The root mean squared error of each target.
---@param guesses rnn.Tensor[] (1 + Q,H,D) of each window
---@param part rnn.FramePart
---@return table<string, number> scores "rmse", or "NAME rmse" of several
function backtest.scores(guesses, part)
  local scores, targets = {}, part.frame.targets
  for k = 1, targets do
    local name = targets > 1 and part.frame.names[k] .. " " or ""
    local y = said(guesses, 1, k)
    scores[name .. "rmse"] = rmse_of(flat(y), flat(truth_of(part, k, #y)))
  end
  return scores
end

local function all_finite(guesses)
  for _, g in ipairs(guesses) do
    if not core.finite(g) then return false end
  end
  return true
end

---@param guesses rnn.Tensor[] (1 + Q,H,D) of each window
---@param part rnn.FramePart
---@param known rnn.ForecasterKnown
---@param k integer target, from 1
---@return rnn.Backtest
function backtest.score(guesses, part, known, k)
  local frame, H = part.frame, known.horizon
  local values = frame.values:slice(2, k, k)
  local truth = truth_of(part, k, H)
  local history = history_of(part, k)
  local function scored(name, title, y)
    return row(name, title, y, truth, part, history, known.season)
  end
  local report = {column = frame.names[k], truth = truth, floors = {},
                  intervals = {}}
  report.model = scored("model", "model", said(guesses, 1, k))
  local o = {first = map(part, function(at)
    return frame:series_of(at).first
  end), horizon = H, season = known.season}
  for _, name in ipairs(naive.NAMES) do
    local y = naive[name](values, part, o)
    if y then
      local floor = scored(name, naive.TITLE[name], y:select(3, 1))
      table.insert(report.floors, floor)
      if not report.best or floor.rmse < report.best.rmse then
        report.best = floor
      end
    end
  end
  if guesses[1]:shape()[1] > 1 and all_finite(guesses) then
    report.intervals = coverages(truth, guesses, k, known.quantiles)
  end
  return report
end

-- {== In words ==

local COLUMNS = {"rmse", "mae", "mape", "smape", "mase", "mse"}
local HEAD = {"RMSE", "MAE", "MAPE %", "sMAPE %", "MASE", "MSE/var"}

local function number(x)
  if not x then return "-" end
  local size = math.abs(x)
  if size ~= 0 and size < 1e-3 or size >= 1e6 then return ("%.2e"):format(x) end
  return (size < 10 and "%.4f" or "%.2f"):format(x)
end

local WIDTH = 18

local function line_of(title, cells)
  local parts = {title .. (" "):rep(math.max(0, WIDTH - #title))}
  for _, cell in ipairs(cells) do parts[#parts + 1] = ("%10s"):format(cell) end
  return table.concat(parts)
end

local function scores_of(r)
  local cells = {}
  for i, name in ipairs(COLUMNS) do cells[i] = number(r[name]) end
  return line_of(r.title, cells)
end

---Some steps of H: the first ones, the last, and those that double.
local function chosen_steps(H)
  local list, k = {}, 1
  while k < H do
    list[#list + 1] = k
    k = k * 2
  end
  list[#list + 1] = H
  return list
end

---RMSE by step of the model and of the best floor.
local function by_step(report)
  local steps = chosen_steps(#report.truth)
  local lines = {line_of("RMSE at step", steps)}
  for _, r in ipairs {report.model, report.best} do
    lines[#lines + 1] = line_of(r.title, map(steps, function(k)
      return number(rmse_of(r.y[k], report.truth[k]))
    end))
  end
  return table.concat(lines, "\n")
end

---Whether the model is better than the naive forecasts.
local function verdict(report)
  local mine, best = report.model.rmse, report.best.rmse
  if mine < best then
    return ("The model's RMSE is %.1f %% below that of the best naive " ..
            "forecast (%s)."):format(100 * (1 - mine / best),
            report.best.title)
  end
  return ("The model does NOT beat the naive forecast '%s' (RMSE %s against " ..
          "%s): do without it, or give it more data, another --window, " ..
          "--difference or --log."):format(report.best.title, number(mine),
          number(best))
end

---@param report rnn.Backtest
---@param windows integer
---@return string text of several lines
function backtest.show(report, windows)
  local H = #report.truth
  local lines = {
    ("%s: %d forecasts of %d step%s"):format(report.column, windows, H,
                                             H == 1 and "" or "s"),
    line_of("", HEAD), scores_of(report.model)}
  for _, floor in ipairs(report.floors) do
    lines[#lines + 1] = scores_of(floor)
  end
  for _, interval in ipairs(report.intervals) do
    lines[#lines + 1] = ("%.3g %% of the truth is to lie within the %.3g %% " ..
      "interval; %.1f %% does"):format(100 * interval.level,
      100 * interval.level, 100 * interval.coverage)
  end
  if H > 1 then lines[#lines + 1] = by_step(report) end
  lines[#lines + 1] = verdict(report)
  return table.concat(lines, "\n")
end

---What a test tells of all targets.
---@param guesses rnn.Tensor[] (1 + Q,H,D) of each window
---@param part rnn.FramePart
---@param known rnn.ForecasterKnown
---@return string
function backtest.text(guesses, part, known)
  local parts = {}
  for k = 1, part.frame.targets do
    parts[k] = backtest.show(backtest.score(guesses, part, known, k), #part)
  end
  return table.concat(parts, "\n\n")
end

-- }==

return backtest
