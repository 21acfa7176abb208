---Forecasts to look at: charts for rnn.plot.forecast, and tables for
---data.write_csv.
local dates = require "rnn.data.dates"
local distribution = require "rnn.models.distribution"
local map = require "rnn.map"
local naive = require "rnn.naive"

local outlook = {}

-- {== Parts of charts ==

---Column k of rows of a frame, as a list.
local function column(frame, k, from, to)
  return frame.values:slice(1, from, to):slice(2, k, k):reshape {-1}:totable()
end

---Forecasts of the middle, or of the j-th number beside it, of target 1, as a
---list: of one window all steps, of several the only one.
local function said(guesses, j)
  local list = {}
  for _, g in ipairs(guesses) do
    local y = g:select(1, j):slice(2, 1, 1):reshape {-1}:totable()
    table.move(y, 1, #y, #list + 1, list)
  end
  return list
end

---The intervals that quantiles make, if there are any.
local function intervals_of(guesses, quantiles)
  if guesses[1]:shape()[1] == 1 then return {} end
  return map(distribution.intervals(quantiles), function(one)
    return {level = one.level, low = said(guesses, one.low + 1),
            high = said(guesses, one.high + 1)}
  end)
end

---A chart of target 1 with `rows` in its history and then those of forecasts.
local function chart(frame, guesses, known, rows)
  local name = frame.names[1]
  local o = {
    history = map(rows.history, function(r)
      return frame.values[r][1]:item()
    end),
    forecast = said(guesses, 1), intervals = intervals_of(guesses,
                                                          known.quantiles),
    dates = frame.times ~= nil, ylabel = name,
  }
  local all = table.move(rows.history, 1, #rows.history, 1, {})
  table.move(rows.ahead, 1, #rows.ahead, #all + 1, all)
  o.times = frame.times and map(all, function(r)
    return frame.times[r]:item()
  end)
  return o
end

---Integers from .. to.
local function range(from, to)
  local list = {}
  for i = from, to do list[#list + 1] = i end
  return list
end

-- }==

-- {== Charts ==

---One step ahead of each row of the test, of the last series that it has.
local function chart_of_steps(guesses, part, known)
  local frame = part.frame
  local one = frame:series_of(part[#part])
  local list, ahead = {}, {}
  for n, at in ipairs(part) do
    if at >= one.first then
      list[#list + 1], ahead[#ahead + 1] = guesses[n], at + 1
    end
  end
  local from = math.max(one.first, ahead[1] - #ahead)
  local o = chart(frame, list, known,
                  {history = range(from, ahead[1] - 1), ahead = ahead})
  o.truth = map(ahead, function(r) return frame.values[r][1]:item() end)
  o.shown = #o.history
  o.name = "one step ahead"
  return o
end

---The last window of the test, beside naive forecasts.
local function chart_of_window(guesses, part, known)
  local frame, at, H = part.frame, part[#part], known.horizon
  local one = frame:series_of(at)
  local o = chart(frame, {guesses[#guesses]}, known, {
    history = range(math.max(one.first, at - 3 * H - known.window), at),
    ahead = range(at + 1, at + H)})
  o.truth, o.floors = column(frame, 1, at + 1, at + H), {}
  for _, name in ipairs {"last", "seasonal"} do
    local y = naive[name](frame.values:slice(2, 1, 1), {at}, {
      first = {one.first}, horizon = H, season = known.season})
    if y then
      table.insert(o.floors, {name = naive.TITLE[name],
                              y = y:reshape {-1}:totable()})
    end
  end
  return o
end

---The test of a model, of its first target.
---@param guesses rnn.Tensor[] (1 + Q,H,D) of the windows
---@param part rnn.FramePart
---@param known rnn.ForecasterKnown
---@return rnn.ForecastOptions
function outlook.tested(guesses, part, known)
  return (known.horizon == 1 and chart_of_steps or chart_of_window)(
    guesses, part, known)
end

---What comes after the end of the data, of the first target of the last series.
---@param said_of rnn.Tensor[] (1 + Q,count,D) of each series
---@param longer rnn.Frame that rnn.Forecaster:beyond gives
---@param known rnn.ForecasterKnown
---@return rnn.ForecastOptions
function outlook.ahead(said_of, longer, known)
  local one = longer.series[#longer.series]
  local count = said_of[1]:shape()[2]
  return chart(longer, {said_of[#said_of]}, known, {
    history = range(math.max(one.first, one.last - 3 * count - known.window),
                    one.last),
    ahead = range(one.last + 1, one.last + count)})
end

-- }==

-- {== Tables ==

---What a network that computes in float32 can tell of a number.
local function rounded(x) return tonumber(("%.7g"):format(x)) end

---Forecasts as columns: the series, if there are several, the time, each
---target and its quantiles.
---@param said_of rnn.Tensor[] (1 + Q,count,D) of each series
---@param longer rnn.Frame
---@param known rnn.ForecasterKnown
---@return rnn.CsvTable
function outlook.table_of(said_of, longer, known)
  local t = {names = {}, columns = {}, count = 0}
  local taken = {}
  for k = 1, longer.targets do taken[longer.names[k]] = true end
  ---A name of a column of the table's own.
  local function free(name)
    while taken[name] do name = name .. "_" end
    return name
  end
  local function add(name, value)
    if not t.columns[name] then
      t.names[#t.names + 1], t.columns[name] = name, {}
    end
    table.insert(t.columns[name], value)
  end
  for i, one in ipairs(longer.series) do
    local rows = said_of[i]:totable()
    for h = 1, #rows[1] do
      if #longer.series > 1 then
        add(longer.roles.series or free "series", one.name)
      end
      if longer.times then
        add(longer.roles.time, dates.format(
          longer.times[one.last + h]:item(),
          longer.roles.date_format or longer.frequency))
      else
        add(free "step", h)
      end
      for k = 1, longer.targets do
        local name = longer.names[k]
        add(name, rounded(rows[1][h][k]))
        for j = 2, #rows do
          add(("%s_q%g"):format(name, known.quantiles[j - 1]),
              rounded(rows[j][h][k]))
        end
      end
      t.count = t.count + 1
    end
  end
  return t
end

-- }==

return outlook
