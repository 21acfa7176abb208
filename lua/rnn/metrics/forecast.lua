---Scores of forecasts: lists or tensors (n) of finite numbers.
local input = require "rnn.metrics.input"

local forecast = {}

local number = input.number

---The mean of term(guess, truth).
local function mean(guess, truth, term)
  local sum = 0.0
  for i, y in ipairs(truth) do sum = sum + term(guess[i], y) end
  return sum / #truth
end

local function distance(x, y)
  return math.abs(x - y)
end

---@alias rnn.Numbers number[]|rnn.Tensor (n)

---The root of the mean squared error.
---@param guess rnn.Numbers
---@param truth rnn.Numbers
---@return number rmse in the unit of the data
function forecast.rmse(guess, truth)
  guess, truth = input.lists("rmse", "guess", guess, number,
                             "truth", truth, number)
  return math.sqrt(mean(guess, truth, function(x, y) return (x - y) ^ 2 end))
end

---The mean absolute error.
---@param guess rnn.Numbers
---@param truth rnn.Numbers
---@return number mae in the unit of the data
function forecast.mae(guess, truth)
  guess, truth = input.lists("mae", "guess", guess, number,
                             "truth", truth, number)
  return mean(guess, truth, distance)
end

---The mean of |x - y| / |y|. It has no value where the truth is 0, and raises.
---@param guess rnn.Numbers
---@param truth rnn.Numbers
---@return number mape in percent
function forecast.mape(guess, truth)
  guess, truth = input.lists("mape", "guess", guess, number,
                             "truth", truth, number)
  for i, y in ipairs(truth) do
    if y == 0 then
      error(("mape: item %d of 'truth' is 0, which has no relative error; " ..
             "take smape or mase"):format(i), 2)
    end
  end
  return 100 * mean(guess, truth, function(x, y)
    return math.abs((x - y) / y)
  end)
end

---The mean of 2 |x - y| / (|x| + |y|), as the M4 competition has it (Makridakis
---et al. 2020); where both are 0 the error is 0.
---@param guess rnn.Numbers
---@param truth rnn.Numbers
---@return number smape in percent, 0 to 200
function forecast.smape(guess, truth)
  guess, truth = input.lists("smape", "guess", guess, number,
                             "truth", truth, number)
  return 200 * mean(guess, truth, function(x, y)
    return x == y and 0 or math.abs(x - y) / (math.abs(x) + math.abs(y))
  end)
end

---The mean absolute error over that of the naive forecast, the value one season
---before, within the training data (Hyndman and Koehler 2006). Below 1 it is
---better than that.
---@param guess rnn.Numbers
---@param truth rnn.Numbers
---@param history rnn.Numbers (m) the series that was trained on
---@param season? integer the period, in steps; default 1
---@return number mase
function forecast.mase(guess, truth, history, season)
  guess, truth = input.lists("mase", "guess", guess, number,
                             "truth", truth, number)
  history = input.lists("mase", "history", history, number)
  season = season or 1
  if math.type(season) ~= "integer" or season < 1 then
    error(("mase: 'season' must be an integer >= 1, got %s"):format(season), 2)
  end
  if #history <= season then
    error(("mase: 'history' must be longer than 'season', %d, got %d items")
          :format(season, #history), 2)
  end
  local later = table.move(history, season + 1, #history, 1, {})
  local scale = mean(history, later, distance)
  if scale == 0 then
    error("mase: 'history' repeats itself, so the naive forecast has no " ..
          "error to compare with", 2)
  end
  return mean(guess, truth, distance) / scale
end

---The share of values within their intervals, borders included.
---@param low rnn.Numbers
---@param high rnn.Numbers
---@param truth rnn.Numbers
---@return number coverage 0 to 1
function forecast.coverage(low, high, truth)
  low, high, truth = input.lists("coverage", "low", low, number,
                                 "high", high, number, "truth", truth, number)
  local inside = 0
  for i, y in ipairs(truth) do
    if low[i] > high[i] then
      error(("coverage: item %d of 'low' is %s, above that of 'high', %s")
            :format(i, low[i], high[i]), 2)
    end
    if low[i] <= y and y <= high[i] then inside = inside + 1 end
  end
  return inside / #truth
end

---The loss of quantile forecasts (Koenker and Bassett 1978), as rnn.quantile:
---with d = y - x the mean of max(q d, (q - 1) d).
---@param guess rnn.Numbers
---@param truth rnn.Numbers
---@param q number 0 to 1
---@return number loss in the unit of the data
function forecast.pinball(guess, truth, q)
  guess, truth = input.lists("pinball", "guess", guess, number,
                             "truth", truth, number)
  if not number(q) or q < 0 or q > 1 then
    error(("pinball: 'q' must be a number from 0 to 1, got %s"):format(q), 2)
  end
  return mean(guess, truth, function(x, y)
    return math.max(q * (y - x), (q - 1) * (y - x))
  end)
end

return forecast
