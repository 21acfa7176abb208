---Frames: one or more series of numbers, from CSV tables, with what each column
---is for: targets are forecast, inputs are known up to now, known columns ahead
---of it too (a holiday, a price, the calendar).
---
---    local data = require "rnn.data"
---    local path = os.tmpname()
---    assert(data.write_csv(path, {names = {"day", "t"}, columns = {
---      day = {"2020-01-01", "2020-01-02", "2020-01-03"}, t = {2, 3, 2.5}}}))
---    local frame = assert(data.frame({path}, {calendar = {"weekday"}}))
---    print(frame.names[1], frame.values:shape()[2], frame.frequency.name)
---    os.remove(path)                           -- t, 3, daily
local calendar = require "rnn.data.calendar"
local check = require "rnn.check"
local core = require "rnn.core"
local csv = require "rnn.data.csv"
local dates = require "rnn.data.dates"
local json = require "rnn.json"
local windowing = require "rnn.data.windows"

local op = core.op
local framing = {}

local PIECE = 1 << 14     -- rows
local FILLED = 16         -- rows in gaps for each that is there
local MISSING = {"error", "interpolate", "last", "zero"}

---@class rnn.FrameRoles
---@field target? string[] columns to forecast; default the last one of numbers;
---{"all"}: all of numbers that have no other role
---@field inputs? string[] columns known up to now; {"all"} likewise
---@field known? string[] columns known ahead
---@field calendar? string[] of rnn.data.calendar.NAMES, known ahead too
---@field time? string column of dates; default the first one of dates; "none":
---rows are counted, whatever dates there are
---@field date_format? string as data.csv takes it
---@field series? string column that tells series apart
---@field missing? "error"|"interpolate"|"last"|"zero" what becomes of missing
---numbers; default an error
---@field from? string first date that is taken
---@field to? string last date that is taken

local OPTIONS = {target = true, inputs = true, known = true, calendar = true,
                 time = true, date_format = true, series = true,
                 missing = true, from = true, to = true}

---@class rnn.FrameSeries
---@field name string
---@field first integer row of the frame
---@field last integer row of the last targets
---@field ahead rnn.Tensor|nil (A,K) known columns of rows without targets

---@class rnn.Frame
---@field names string[] of the columns: targets, inputs, known
---@field targets integer D, the first columns of values
---@field inputs integer E, those after them
---@field known integer K, those after these; of the calendar the last of them
---@field calendar string[]
---@field values rnn.Tensor (R,F) float64, finite, of all series
---@field times rnn.Tensor|nil (R) seconds since 1970
---@field frequency rnn.Frequency|nil
---@field series rnn.FrameSeries[]
---@field roles rnn.FrameRoles with the names of all columns
---@field notes string[]
local Frame = {}
Frame.__index = Frame

-- {== Roles ==

---The columns of numbers of a table, without those in 'taken'.
local function numbers_of(t, taken)
  local list = {}
  for _, name in ipairs(t.names) do
    if t.kinds[name] == "number" and not taken[name] then
      list[#list + 1] = name
    end
  end
  return list
end

---The message about a column that is not there, or not of a kind.
local function lacks(t, name, kind)
  if not t.kinds[name] then
    return ("has no column '%s' (it has: %s)"):format(name,
           table.concat(t.names, ", "))
  elseif kind and t.kinds[name] ~= kind then
    return ("column '%s' is of %ss, expected %ss"):format(name, t.kinds[name],
           kind)
  end
end

---The column of dates: the one asked for, the first there is, or none.
local function find_time(t, wanted, format)
  if wanted == "none" and t.kinds.none ~= "date" then return nil end
  if wanted then return wanted, lacks(t, wanted, "date") end
  for _, name in ipairs(t.names) do
    if t.kinds[name] == "date" then return name end
  end
  return nil, format and ("has no column of dates as '%s'"):format(format)
end

---Whether a list stands for all columns that are left.
local function is_all(t, role, list)
  return role ~= "known" and #list == 1 and list[1] == "all" and
         not t.kinds.all
end

---Roles with the names of columns in the place of defaults; or nil and why not.
local function settle(t, roles)
  local time, wrong = find_time(t, roles.time, roles.date_format)
  wrong = wrong or roles.series and lacks(t, roles.series)
  if wrong then return nil, wrong end
  local taken = {}
  local full = {time = time or "none", series = roles.series,
                calendar = roles.calendar or {},
                date_format = roles.date_format}
  if roles.series then taken[roles.series] = true end
  for _, role in ipairs {"known", "inputs", "target"} do
    local list = roles[role] or {}
    for _, name in ipairs(is_all(t, role, list) and {} or list) do
      wrong = lacks(t, name, "number")
      wrong = wrong or taken[name] and
              ("column '%s' has two roles"):format(name)
      if wrong then return nil, wrong end
      taken[name] = true
    end
  end
  for _, role in ipairs {"known", "target", "inputs"} do
    local list = roles[role] or {}
    if role == "target" and not roles.target then
      local free = numbers_of(t, taken)
      list = {free[#free]}
    elseif is_all(t, role, list) then
      list = numbers_of(t, taken)
    end
    for _, name in ipairs(list) do taken[name] = true end
    full[role] = list
  end
  if #full.target == 0 then
    return nil, "has no column of numbers to forecast"
  end
  return full
end

-- }==

-- {== Rows ==

---Rows of a tensor (R,F) or (R).
local function pick(x, rows)
  if #rows == #x then return x end
  if #x:shape() == 2 then return op.embedding(x, core.ids(rows)) end
  return op.embedding(x:reshape {#x, 1}, core.ids(rows)):reshape {#rows}
end

---As a list of the integers up to count.
local function all_rows(count)
  return setmetatable({}, {
    __len = function() return count end,
    __index = function(_, i) return i <= count and i or nil end})
end

---What a series is called by a cell.
local function name_of(id)
  return type(id) == "number" and ("%.15g"):format(id) or id
end

---The rows of each series of a table, in their order: {name, rows}.
local function group(t, roles, from, to)
  if not roles.series and from == -math.huge and to == math.huge then
    return {{name = "", rows = all_rows(t.count)}}
  end
  local times = t.columns[roles.time]
  times = times and times:totable()
  local ids = roles.series and t.columns[roles.series]
  if core.is_tensor(ids) then ids = ids:totable() end
  local list, by_name = {}, {}
  for r = 1, t.count do
    local time = times and times[r] or 0
    if time >= from and time <= to then
      local name = ids and name_of(ids[r]) or ""
      local one = by_name[name]
      if not one then
        one = {name = name, rows = {}}
        by_name[name] = one
        list[#list + 1] = one
      end
      one.rows[#one.rows + 1] = r
    end
  end
  return list
end

---How many rows at the end have no targets: those known ahead alone.
local function count_ahead(values, D)
  local ahead = 0
  for r = #values, 1, -1 do
    for k = 1, D do
      local x = values[r][k]
      if x == x then return ahead end
    end
    ahead = ahead + 1
  end
  return ahead
end

---Puts a number in the place of missing ones of a column, rows 1 .. last.
local FILL = {
  zero = function() return 0.0 end,
  last = function(before, after) return before or after end,
  interpolate = function(before, after, part)
    if not (before and after) then return before or after end
    return before + (after - before) * part
  end,
}

---Fills column k; returns how many were missing, or the first row of one that
---may not be.
local function fill_column(values, k, last, how)
  local before, count, r = nil, 0, 1
  while r <= last do
    local x = values[r][k]
    if x == x then
      before, r = x, r + 1
    else
      if how == "error" then return nil, r end
      local stop = r
      while stop <= last and values[stop][k] ~= values[stop][k] do
        stop = stop + 1
      end
      local after = stop <= last and values[stop][k] or nil
      if not before and not after then return nil, r end
      for i = r, stop - 1 do
        values[i][k] = FILL[how](before, after, (i - r + 1) / (stop - r + 1))
      end
      count, r = count + stop - r, stop
    end
  end
  return count
end

-- }==

-- {== One table ==

local function refuse(t, row, message)
  return nil, ("%s:%d: %s"):format(t.path, t:line(row), message)
end

---Fills what is missing of one series; or nil and a message.
local function fill(self, t, one, values, ahead)
  local D, E = self.targets, self.inputs
  for k, name in ipairs(self.names) do
    local last = k <= D + E and #values - ahead or #values
    local count, row = fill_column(values, k, last, self.missing)
    if not count then
      return refuse(t, one.rows[row], ("column '%s' has no number here%s")
        :format(name, self.missing == "error" and "; --missing interpolate, " ..
                "last or zero puts one there" or ", and nowhere"))
    end
    self.filled = self.filled + count
  end
  return true
end

---The rows of times with gaps, false standing for one that is not there, and
---the times of all; or nil and the row that is in no step with the others, or
---behind more gaps than can be meant.
local function with_gaps(times, frequency)
  local rows, all, most = {}, {}, FILLED * #times + 1000
  for r, time in ipairs(times:totable()) do
    local next_time = r > 1 and dates.after(all[#all], frequency, 1) or time
    while next_time < time and #rows < most do
      rows[#rows + 1], all[#all + 1] = false, next_time
      next_time = dates.after(next_time, frequency, 1)
    end
    if next_time ~= time then return nil, r end
    rows[#rows + 1], all[#all + 1] = r, time
  end
  return rows, all
end

---Takes up the times of a series; sets `frequency` and `gaps`, if there are any
---that are to be filled.
local function find_frequency(self, t, one)
  local times = t.columns[self.roles.time]
  if not times then return true end
  times = pick(times, one.rows)
  if #times < 2 then return true end
  local frequency, wrong, row, of_others = dates.frequency(times)
  if of_others and self.missing ~= "error" then
    one.gaps, one.times = with_gaps(times, of_others)
    if one.gaps then
      frequency = of_others
    else
      row = one.times
      wrong = ("row %d is in no step with dates that are %s, or behind too " ..
               "large a gap"):format(row, of_others.name)
      of_others = nil
    end
  end
  if not frequency then
    return refuse(t, one.rows[row or 1], wrong .. (of_others and
      "; --missing interpolate, last or zero fills gaps" or "") ..
      "; --dates none takes the rows as they come")
  end
  self.frequency = self.frequency or frequency
  if frequency.name ~= self.frequency.name then
    return refuse(t, one.rows[1], ("is %s, series before it are %s"):format(
                  frequency.name, self.frequency.name))
  end
  return true
end

---Values with rows of NaN where there are none.
local function spread_out(values, rows, columns)
  local nothing, all = {}, {}
  for k = 1, columns do nothing[k] = 0 / 0 end
  for i, r in ipairs(rows) do
    all[i] = table.move(r and values[r] or nothing, 1, columns, 1, {})
  end
  return all
end

---Adds a series of a table.
local function add_series(self, t, one)
  local ok, wrong = find_frequency(self, t, one)
  if not ok then return nil, wrong end
  local x = pick(self.table, one.rows)
  local ahead = 0
  if one.gaps or not core.finite(x) then
    local values = x:totable()
    if one.gaps then values = spread_out(values, one.gaps, #self.names) end
    ahead = count_ahead(values, self.targets)
    if ahead == #values then
      return refuse(t, one.rows[1], "no row has a number to forecast")
    end
    ok, wrong = fill(self, t, one, values, ahead)
    if not ok then return nil, wrong end
    x = core.tensor(values, "float64")
  end
  local count, first = #x - ahead, self.count + 1
  local K = self.known
  self.series[#self.series + 1] = {
    name = one.name, first = first,
    last = first + count - 1,
    ahead = ahead > 0 and K > 0 and
            x:slice(1, count + 1, #x):slice(2, #self.names - K + 1,
                                            #self.names) or nil,
  }
  self.parts[#self.parts + 1] = ahead > 0 and x:slice(1, 1, count) or x
  if t.columns[self.roles.time] then
    local times = one.gaps and core.tensor(one.times, "float64") or
                  pick(t.columns[self.roles.time], one.rows)
    self.at[#self.at + 1] = ahead > 0 and times:slice(1, 1, count) or times
  end
  self.count = self.count + count
  return true
end

---Adds all series of a table.
local function add_table(self, t, from, to)
  local columns = {}
  for i, name in ipairs(self.names) do columns[i] = t.columns[name] end
  self.table = op.stack(columns, 2)
  if not t.columns[self.roles.time] and (from > -math.huge or
                                         to < math.huge) then
    return nil, t.path .. ": there are no dates to take some from"
  end
  local list = group(t, self.roles, from, to)
  if #list == 0 then return nil, t.path .. ": no row is between the dates" end
  for _, one in ipairs(list) do
    if one.name == "" then one.name = t.path end
    local before = self.paths[one.name]
    if before then
      return nil, ("%s: series '%s' is in %s already: join what is one " ..
                   "series"):format(t.path, one.name, before)
    end
    self.paths[one.name] = t.path
    local ok, wrong = add_series(self, t, one)
    if not ok then return nil, wrong end
  end
  self.table = nil
  return true
end

-- }==

-- {== The whole ==

---The first and last time that are taken.
local function limits(roles)
  local from, to = -math.huge, math.huge
  if roles.from then
    local wrong
    from, wrong = dates.parse(roles.from, roles.date_format)
    if not from then return nil, "'from': " .. wrong end
  end
  if roles.to then
    local wrong
    to, wrong = dates.parse(roles.to, roles.date_format)
    if not to then return nil, "'to': " .. wrong end
  end
  return from, to
end

---Values (R,F) with the columns of the calendar beside them.
local function with_calendar(self, values, times)
  if #self.calendar == 0 then return values end
  local columns = calendar.columns(times, self.calendar)
  return op.cat(values, op.stack(columns, 2), 2)
end

---All rows of all series as one table.
local function finish(self)
  local parts, at = self.parts, self.at
  self.times = at[1] and op.cat(at, 1)
  if #self.calendar > 0 and not self.times then
    return nil, "the calendar needs a column of dates, and there is none"
  end
  self.values = with_calendar(self, op.cat(parts, 1), self.times)
  for _, name in ipairs(self.calendar) do
    self.names[#self.names + 1] = name .. " sin"
    self.names[#self.names + 1] = name .. " cos"
  end
  self.known = self.known + 2 * #self.calendar
  if self.filled > 0 then
    self.notes[1] = ("%d missing number%s filled (--missing %s)"):format(
      self.filled, self.filled == 1 and " was" or "s were", self.missing)
  end
  self.parts, self.at, self.paths = nil, nil, nil
  self.count, self.filled = nil, nil
  return self
end

---A table that was not read from a file, as one that was.
local function adopt(t, i, roles)
  local kinds = {}
  for _, name in ipairs(t.names) do
    kinds[name] = name == roles.time and "date" or
                  core.is_tensor(t.columns[name]) and "number" or "text"
  end
  return {names = t.names, columns = t.columns, kinds = kinds,
          count = #t.columns[t.names[1]], path = "table " .. i,
          line = function(_, row) return row end}
end

---Raises for roles that are no names.
local function check_roles(roles)
  local function must_be(kind, name, value)
    if value ~= nil and type(value) ~= kind then
      error(("frame: '%s' must be a %s, got a %s"):format(name, kind,
            type(value)), 4)
    end
  end
  for _, name in ipairs {"time", "series", "date_format", "from", "to"} do
    must_be("string", name, roles[name])
  end
  for _, name in ipairs {"target", "inputs", "known", "calendar"} do
    must_be("table", name, roles[name])
    for _, one in ipairs(roles[name] or {}) do must_be("string", name, one) end
  end
end

local function open_tables(paths, roles)
  local list, named = {}, roles.time and roles.time ~= "none" and
                          {roles.time} or nil
  for i, path in ipairs(paths) do
    if type(path) == "table" then
      list[i] = adopt(path, i, roles)
    else
      local t, wrong, code = csv.csv(path, {
        guess = true, dates = named, date_format = roles.date_format})
      if not t then return nil, wrong, code end
      t.path, list[i] = path, t
    end
  end
  return list
end

---Reads series from CSV tables with the same columns.
---@param paths (string|{names: string[], columns: table<string, rnn.Tensor|
---string[]>})[] as data.csv takes them; or tables, whose columns of numbers are
---float64 tensors (R), and so is that of dates, named by `time`
---@param roles rnn.FrameRoles
---@return rnn.Frame|nil
---@return string? message "path:line: reason"
---@return string? code "EIO" or "EFORMAT"
function framing.frame(paths, roles)
  check.names("frame", roles, OPTIONS)
  check_roles(roles)
  for _, name in ipairs(roles.calendar or {}) do
    check.word("frame", "calendar", name, calendar.NAMES)
  end
  local missing = check.word("frame", "missing", roles.missing, MISSING)
  local from, to = limits(roles)
  if not from then return nil, to, "EFORMAT" end
  local tables, wrong, code = open_tables(paths, roles)
  if not tables then return nil, wrong, code end
  local full
  full, wrong = settle(tables[1], roles)
  if not full then return nil, tables[1].path .. ": " .. wrong, "EFORMAT" end
  local self = setmetatable({
    names = {}, targets = #full.target, inputs = #full.inputs,
    known = #full.known, calendar = full.calendar, roles = full,
    missing = missing, filled = 0, notes = {}, series = {}, count = 0,
    parts = {}, at = {}, paths = {}}, Frame)
  for _, role in ipairs {"target", "inputs", "known"} do
    table.move(full[role], 1, #full[role], #self.names + 1, self.names)
  end
  for _, t in ipairs(tables) do
    local same
    same, wrong = settle(t, full)
    if not same then return nil, t.path .. ": " .. wrong, "EFORMAT" end
    local ok
    ok, wrong = add_table(self, t, from, to)
    if not ok then return nil, wrong, "EFORMAT" end
  end
  self, wrong = finish(self)
  if not self then return nil, tables[1].path .. ": " .. wrong, "EFORMAT" end
  return self
end

-- }==

-- {== Parts ==

---Rows that a share of n of them are: a part below 1, or a count.
local function rows_of(share, n)
  return share < 1 and math.floor(share * n + 0.5) or math.floor(share)
end

---Every k-th of a list of origins, so that there are so many at most.
local function thinned(list, most)
  local step = most > 0 and (#list + most - 1) // most or 1
  if step <= 1 then return list end
  local kept = {}
  for i = 1, #list, step do kept[#kept + 1] = list[i] end
  return kept
end

---@class rnn.FrameParts
---@field steps integer rows that a window reads
---@field horizon integer rows that follow
---@field val number the part of each series' rows, or, from 1, their count
---@field test number likewise; the last ones
---@field stride integer rows between windows to train on
---@field most integer windows to validate and to test with at most

---Windows to train on, to validate and to test with, by time: the last rows of
---each series are for the test, those before them for validation. What a window
---reads may reach back into the part before.
---@param o rnn.FrameParts
---@return rnn.FramePart train
---@return rnn.FramePart valid
---@return rnn.FramePart test
function Frame:parts(o)
  local ranges = {{}, {}, {}}
  for i, one in ipairs(self.series) do
    local n = one.last - one.first + 1
    local tested = one.last - rows_of(o.test, n)
    local trained = math.max(one.first - 1, tested - rows_of(o.val, n))
    ranges[1][i] = {first = one.first, last = trained}
    ranges[2][i] = {first = one.first, from = trained + 1, last = tested}
    ranges[3][i] = {first = one.first, from = tested + 1, last = one.last}
  end
  local parts = {}
  for p, list in ipairs(ranges) do
    local origins = windowing.origins(list, {
      steps = o.steps, horizon = o.horizon, stride = p == 1 and o.stride or 1})
    if p > 1 then origins = thinned(origins, o.most) end
    origins.frame, origins.trained = self, {}
    for i, range in ipairs(ranges[1]) do origins.trained[i] = range.last end
    parts[p] = origins
  end
  return table.unpack(parts)
end

---The series that a row belongs to.
---@param row integer
---@return rnn.FrameSeries
function Frame:series_of(row)
  local low, high = 1, #self.series
  while low < high do
    local middle = (low + high + 1) // 2
    if self.series[middle].first <= row then
      low = middle
    else
      high = middle - 1
    end
  end
  return self.series[low]
end

---A text that other numbers would not have.
---@return string
function Frame:digest()
  local sums = {}
  for from = 1, #self.values, PIECE do
    local x = self.values:slice(1, from, math.min(#self.values,
                                                  from + PIECE - 1))
    local weights = core.arange(#x):to("float64"):reshape {#x, 1} + 1
    sums[#sums + 1] = json.encode {x:sum(1):totable(),
                                   (x * weights):sum(1):totable()}
  end
  return core.fingerprint(json.encode {self.names, sums})
end

-- }==

-- {== Beyond the end ==

---Times of the rows that follow a series; or nil and why there are none.
local function times_after(self, one, count)
  if not self.frequency then
    return nil, "one row has no step of dates to go on by"
  end
  local last, list = self.times[one.last]:item(), {}
  local ok, wrong = pcall(dates.after, last, self.frequency, count)
  if not ok then return nil, wrong end
  for k = 1, count do list[k] = dates.after(last, self.frequency, k) end
  return core.tensor(list, "float64")
end

---A frame of the rows around one origin of each series: all that a window there
---reads and what follows it. Its series end at their origins.
---@param origins integer[] one of each series
---@param steps integer rows up to the origin
---@param horizon integer rows behind it
---@return rnn.Frame
function Frame:around(origins, steps, horizon)
  local parts, series = {}, {}
  for i, at in ipairs(origins) do
    local first = (i - 1) * (steps + horizon) + 1
    parts[i] = self.values:slice(1, at - steps + 1, at + horizon)
    series[i] = {name = self.series[i].name, first = first,
                 last = first + steps - 1}
  end
  local copy = {}
  for name, value in pairs(self) do copy[name] = value end
  copy.values, copy.series, copy.times = op.cat(parts, 1), series, nil
  return setmetatable(copy, Frame)
end

---A frame with so many more rows of each series, that have nothing but what is
---known ahead; targets and inputs stay as they are in the last row.
---@param count integer
---@return rnn.Frame|nil
---@return string? message
function Frame:extended(count)
  local K = self.known - 2 * #self.calendar
  local F = self.targets + self.inputs
  local parts, at, series, first = {}, {}, {}, 1
  for i, one in ipairs(self.series) do
    local have = one.ahead and #one.ahead or 0
    if K > 0 and have < count then
      return nil, ("%s: the columns known ahead (%s) have %d rows beyond " ..
             "the last target, %d are forecast: give rows with dates and " ..
             "these columns, and no target"):format(one.name,
             table.concat(self.roles.known, ", "), have, count)
    end
    local last_row = self.values:slice(1, one.last, one.last)
    local more = core.zeros({count, F}, "float64") + last_row:slice(2, 1, F)
    if K > 0 then more = op.cat(more, one.ahead:slice(1, 1, count), 2) end
    local times, wrong
    if self.times then times, wrong = times_after(self, one, count) end
    if wrong then return nil, ("%s: %s"):format(one.name, wrong) end
    more = with_calendar(self, more, times)
    parts[#parts + 1] = self.values:slice(1, one.first, one.last)
    parts[#parts + 1] = more
    if times then
      at[#at + 1] = self.times:slice(1, one.first, one.last)
      at[#at + 1] = times
    end
    local last = first + one.last - one.first
    series[i] = {name = one.name, first = first, last = last}
    first = last + count + 1
  end
  local copy = {}
  for name, value in pairs(self) do copy[name] = value end
  copy.values, copy.series = op.cat(parts, 1), series
  copy.times = self.times and op.cat(at, 1)
  return setmetatable(copy, Frame)
end

-- }==

return framing
