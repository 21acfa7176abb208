---rnn.data.dates: dates as seconds since 1970-01-01 00:00 UTC. The calendar is
---the proleptic Gregorian one, of the years 1 to 9999; no zone but the one that
---is written in a date ever counts.
---
---    local dates = require "rnn.data.dates"
---    local t = {}
---    for i, text in ipairs {"1949-01", "1949-02", "1949-03"} do
---      t[i] = assert(dates.parse(text))
---    end
---    local monthly = assert(dates.frequency(t))
---    local later = dates.after(t[3], monthly, 2)
---    print(monthly.name, dates.season(monthly))        -- monthly, 12
---    print(dates.format(later, monthly))               -- 1949-05
---    print(dates.fields(later).weekday)                -- 7, a Sunday
---    print(dates.parse("03/04/2020", "%d/%m/%Y"))      -- 1585872000.0
---    print(dates.frequency {t[1], t[3], t[2]})         -- nil, row 3 comes ...
local core = require "rnn.core"

local dates = {}

-- {== Reading ==

---Letters of a format and what they are written as.
local LETTERS = {
  Y = function(d) return ("%04d"):format(d.year) end,
  y = function(d) return ("%02d"):format(d.year % 100) end,
  m = function(d) return ("%02d"):format(d.month) end,
  d = function(d) return ("%02d"):format(d.day) end,
  j = function(d) return ("%03d"):format(d.yearday) end,
  H = function(d) return ("%02d"):format(d.hour) end,
  I = function(d) return ("%02d"):format((d.hour - 1) % 12 + 1) end,
  p = function(d) return d.hour < 12 and "AM" or "PM" end,
  M = function(d) return ("%02d"):format(d.minute) end,
  S = function(d) return ("%02d"):format(math.floor(d.second)) end,
  f = function(d)
    return ("%06d"):format(math.floor(d.second % 1 * 1e6 + 0.5))
  end,
  z = function() return "+0000" end,
  ["%"] = function() return "%" end,
}

local MONTHS = {"January", "February", "March", "April", "May", "June", "July",
                "August", "September", "October", "November", "December"}

function LETTERS.B(d) return MONTHS[d.month] end

function LETTERS.b(d) return MONTHS[d.month]:sub(1, 3) end

---The message about a format that is none; nil when all is well.
---@param format any
---@return string|nil
function dates.wrong_format(format)
  if type(format) ~= "string" then
    return "must be a string, got " .. type(format)
  end
  if format:find "\0" then return "must not have a NUL in it" end
  local year = false
  for letter in format:gmatch "%%(.?)" do
    if not LETTERS[letter] and letter ~= "s" then
      return ("has '%%%s'; known are %%Y %%y %%m %%b %%B %%d %%j %%H %%I " ..
              "%%p %%M %%S %%f %%z %%s %%%%"):format(letter)
    end
    year = year or letter:find "[Yys]" ~= nil
  end
  if not year then
    return ("must have a year, %%Y or %%y, or be %%s, got '%s'"):format(format)
  end
end

local function check_format(what, format)
  local wrong = format ~= nil and dates.wrong_format(format)
  if wrong then error(("%s: the format %s"):format(what, wrong), 3) end
end

---Why a text is no date.
---@param wrong string what core.date_read says
---@param text string as it is shown
---@param where string " in column 'day'", or ""
---@param format string|nil
---@param option string how the format is named: "'date_format'"
---@return string message
function dates.explain(wrong, text, where, format, option)
  if wrong == "range" then
    return ("'%s'%s is no date: there is no such day or time"):format(text,
           where)
  elseif wrong == "order" then
    local c = text:match "[/.-]"
    return ("'%s'%s does not say which is the day and which the month; set " ..
            "%s to %%d%s%%m%s%%Y or %%m%s%%d%s%%Y"):format(text, where, option,
           c, c, c, c)
  elseif format then
    return ("'%s'%s is no date; expected one as %s = '%s'"):format(text, where,
           option, format)
  end
  return ("'%s'%s is no date; expected YYYY-MM-DD, YYYY-MM or YYYY, maybe " ..
          "with HH:MM:SS, or set %s"):format(text, where, option)
end

---Reads YYYY, YYYY-MM or YYYY-MM-DD, with "/" in place of "-", or YYYYMMDD;
---behind a day maybe "T" or a space and HH:MM, HH:MM:SS or HH:MM:SS.fff, and
---maybe a zone, Z or +02:00. What has no zone is taken for UTC.
---@param text string
---@param format? string for other dates, letters of strptime: %Y %y %m %b %B %d
---%j %H %I %p %M %S %f %z %s %%; names are English
---@return number|nil seconds
---@return string? message
function dates.parse(text, format)
  if type(text) ~= "string" then
    error(("dates.parse: takes a string, got %s"):format(type(text)), 2)
  end
  check_format("dates.parse", format)
  local seconds, wrong = core.date_read(text, format)
  if seconds then return seconds end
  return nil, dates.explain(wrong, text, "", format, "the format")
end

-- }==

-- {== Writing ==

---@class rnn.DateFields
---@field year integer
---@field month integer 1 to 12
---@field day integer
---@field weekday integer 1 is Monday
---@field yearday integer from 1
---@field hour integer
---@field minute integer
---@field second integer|number a float only when it is not whole

---Takes a time apart; raises when it lies in none of the years 1 to 9999.
---@param seconds number
---@return rnn.DateFields
function dates.fields(seconds)
  local d = type(seconds) == "number" and core.date_fields(seconds)
  if d then return d end
  error(("dates: a time must be seconds within the years 1 to 9999, got %s")
        :format(seconds), 2)
end

---The shortest format that has hour and second where they tell something.
local function clock_of(d)
  if d.second ~= math.floor(d.second) then return " %H:%M:%S.%f" end
  return d.second ~= 0 and " %H:%M:%S" or " %H:%M"
end

local DAY <const>, HOUR <const>, MINUTE <const> = 86400, 3600, 60

---The format of times of a frequency, or of one by itself.
local function format_of(d, frequency)
  local unit = frequency and frequency.unit
  if unit == "month" then
    return frequency.count % 12 == 0 and "%Y" or "%Y-%m"
  elseif unit == "day" or unit == "weekday" or
         not unit and d.hour * HOUR + d.minute * MINUTE + d.second == 0 then
    return "%Y-%m-%d"
  elseif unit and frequency.count % MINUTE ~= 0 and d.second % 1 == 0 then
    return "%Y-%m-%d %H:%M:%S"
  end
  return "%Y-%m-%d" .. clock_of(d)
end

---@param seconds number
---@param how? rnn.Frequency|string as fine as times of that frequency are, the
---month alone of monthly ones; or letters of a format, as dates.parse has
---them; default: the day, with hour and second when it is not midnight
---@return string
function dates.format(seconds, how)
  local d = dates.fields(seconds)
  local format = how
  if type(how) == "string" then
    check_format("dates.format", how)
  else
    format = format_of(d, how)
  end
  return (format:gsub("%%(.)", function(letter)
    if letter == "s" then return ("%.0f"):format(seconds // 1) end
    return LETTERS[letter](d)
  end))
end

-- }==

-- {== Frequencies ==

---@class rnn.Frequency
---@field unit "second"|"day"|"weekday"|"month" weekdays are Monday to Friday
---@field count integer|number of units between two times
---@field day integer|nil of months: the day of each, 31 for their last
---@field name string "monthly", "every 15 minutes"

local NAMES = {
  second = {[1] = "every second", [60] = "every minute", [HOUR] = "hourly"},
  day = {"daily", [7] = "weekly"},
  weekday = {"every weekday"},
  month = {"monthly", [3] = "quarterly", [12] = "yearly"},
}

---Larger units to count in, the largest first.
local LARGER = {
  second = {{HOUR, "hours"}, {MINUTE, "minutes"}, {1, "seconds"}},
  day = {{7, "weeks"}, {1, "days"}}, weekday = {{1, "weekdays"}},
  month = {{12, "years"}, {1, "months"}},
}

local function name_of(unit, count)
  if NAMES[unit][count] then return NAMES[unit][count] end
  for _, larger in ipairs(LARGER[unit]) do
    if count % larger[1] == 0 then
      return ("every %d %s"):format(count // larger[1], larger[2])
    end
  end
  return ("every %.6g %ss"):format(count, unit)
end

local function new_frequency(unit, count, day)
  return {unit = unit, count = count, name = name_of(unit, count),
          day = unit == "month" and day or nil}
end

---What is missing before a time that comes some steps after the one before it.
local function gap(before, f, steps)
  local from = dates.format(dates.after(before, f, 1), f)
  if steps == 2 then return from .. " is missing" end
  return ("%s to %s (%d times) are missing"):format(from,
         dates.format(dates.after(before, f, steps - 1), f), steps - 1)
end

---The message about a row that breaks the spacing.
local function broken(spacing, times, row, f, steps)
  local function text(i, how) return dates.format(times[i]:item(), how) end
  if spacing == "none" then
    local x = times[row]:item()
    return ("row %d has no date (%s)"):format(row, x == x and x or "NaN")
  elseif spacing == "twice" then
    return ("rows %d and %d have the same date, %s"):format(row - 1, row,
           text(row))
  elseif spacing == "back" then
    return ("row %d goes back: %s comes after %s; sort the rows by date")
           :format(row, text(row), text(row - 1))
  elseif spacing == "gap" then
    return ("row %d leaves a gap in dates that are %s: %s comes after %s, %s")
           :format(row, f.name, text(row, f), text(row - 1, f),
                   gap(times[row - 1]:item(), f, steps))
  end
  local expected = core.date_after(times[row - 1]:item(), f.unit, f.count,
                                   f.day, 1)
  return ("row %d does not fit dates that are %s: %s comes after %s, " ..
          "expected %s"):format(row, f.name, text(row), text(row - 1),
         expected and dates.format(expected) or "none")
end

---What lies between times: equal steps of seconds or days, weekdays without
---weekends, or months, which quarters and years are as well.
---@param times rnn.Tensor|number[] seconds, float64 with one axis
---@return rnn.Frequency|nil nil when a row breaks the spacing
---@return string? message "row 5 ...", which names what is missing
---@return integer? row that breaks it
function dates.frequency(times)
  if type(times) == "table" then times = core.tensor(times, "float64") end
  if not core.is_tensor(times) or times.dtype ~= "float64" or
     #times:shape() ~= 1 then
    error("dates.frequency: takes a list of seconds, or a float64 tensor " ..
          "with one axis, as data.csv gives", 2)
  end
  local spacing, unit, count, day, row, steps = core.date_frequency(times)
  if spacing == "few" then
    return nil, ("has %d row%s, a frequency needs at least 2"):format(#times,
                #times == 1 and "" or "s")
  elseif spacing == "irregular" then
    return nil, "dates have no regular spacing: no step between rows is " ..
                "that of half of them"
  end
  local f = count > 0 and new_frequency(unit, count, day)
  if spacing == "regular" then return f end
  return nil, broken(spacing, times, row, f, steps), row
end

---The time some steps later. A month that is too short for the day ends in its
---last; from a weekend, weekdays count from its near side. Raises where the
---years end.
---@param seconds number
---@param frequency rnn.Frequency
---@param n integer default 1; negative: earlier
---@return number seconds
function dates.after(seconds, frequency, n)
  dates.fields(seconds)
  local t = core.date_after(seconds, frequency.unit, frequency.count,
                            frequency.day, n or 1)
  return t or error(("dates.after: %d steps from %s (%s) lead out of the " ..
                     "years 1 to 9999"):format(n or 1, dates.format(seconds),
                    frequency.name), 2)
end

---How many times 'cycle' is of 'count', 1 when it is no whole number of them.
local function times_of(cycle, count)
  return cycle % count == 0 and math.tointeger(cycle // count) or 1
end

---How many times a season has, as it most often is; 1: none. Times of less than
---a day have one of a day, but those of a few minutes one of an hour, and of
---seconds one of a minute: longer ones are too long to be learnt from as a
---rule. Days have a week, weeks, months and quarters a year.
---@param frequency rnn.Frequency
---@return integer
function dates.season(frequency)
  local unit, count = frequency.unit, frequency.count
  if unit == "month" then return times_of(12, count) end
  if unit == "weekday" then return times_of(5, count) end
  if unit == "day" then return times_of(count % 7 == 0 and 364 or 7, count) end
  if count < MINUTE then return times_of(MINUTE, count) end
  return times_of(count < 5 * MINUTE and HOUR or DAY, count)
end

-- }==

return dates
