-- Dates: known answers, the calendar against a count of days, what is read
-- again, frequencies of regular times and what breaks them.

local rnn = require "rnn"
local core = require "rnn.core"
local new_random = require "tests.random"
local raises = require "tests.raises"

local dates = rnn.data.dates

local DAY <const> = 86400

---Seconds of what must be a date.
local function at(text)
  return (assert(dates.parse(text)))
end

---Times of texts.
local function times(...)
  local list = {}
  for i, text in ipairs {...} do list[i] = at(text) end
  return list
end

describe("the calendar", function()
  it("is that of a count of days", function()
    local lengths = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}
    local day = at "1600-01-01" // DAY
    local weekday = 6                            -- a Saturday
    for year = 1600, 2400 do
      local leap = year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
      local yearday = 0
      for month = 1, 12 do
        local length = lengths[month] + (month == 2 and leap and 1 or 0)
        for d = 1, length do
          yearday = yearday + 1
          if d == 1 or d >= 28 or year % 100 == 0 then
            local f = dates.fields(day * DAY + 3661)
            assert.same({year = year, month = month, day = d, hour = 1,
                         minute = 1, second = 1, weekday = weekday,
                         yearday = yearday}, f)
            local text = ("%04d-%02d-%02d"):format(year, month, d)
            assert.equal(day * DAY, at(text))
          end
          day, weekday = day + 1, weekday % 7 + 1
        end
        local text = ("%04d-%02d-%02d"):format(year, month, length + 1)
        assert.is_nil((dates.parse(text)))
      end
    end
    assert.equal(day * DAY, at "2401-01-01")
  end)

  it("has known times", function()
    assert.equal(0, at "1970-01-01")
    assert.equal(951782400, at "2000-02-29")
    assert.equal(-2208988800, at "1900-01-01")
    assert.equal(1234567890, at "2009-02-13 23:31:30")
    assert.equal(2147483648, at "2038-01-19T03:14:08Z")
    assert.equal(-62135596800, at "0001-01-01")
    assert.equal(253402300799, at "9999-12-31 23:59:59")
    assert.same({year = 1969, month = 12, day = 31, hour = 23, minute = 59,
                 second = 59.5, weekday = 3, yearday = 365},
                dates.fields(-0.5))
    for _, x in ipairs {-62135596801, 253402300800, 1e300, -1e300, 0 / 0,
                        1 / 0} do
      raises.with("dates: a time must be seconds within the years 1 to 9999",
                  dates.fields, x)
    end
    raises.with("got soon", dates.fields, "soon")
  end)
end)

describe("parse", function()
  it("reads dates that begin with the year", function()
    for text, expected in pairs {
      ["2020"] = "2020-01-01", ["2020-03"] = "2020-03-01",
      ["2020/03"] = "2020-03-01", ["2020/3/4"] = "2020-03-04",
      ["20200304"] = "2020-03-04", ["2020-03-04T05:06"] = "2020-03-04 05:06",
      ["2020-03-04 5:06"] = "2020-03-04 05:06",
      ["20200304 05:06:07"] = "2020-03-04 05:06:07",
      ["2020-03-04 05:06:07.25"] = "2020-03-04 05:06:07.250000",
      ["2020-03-04T05:06Z"] = "2020-03-04 05:06",
      ["2020-03-04T05:06+02:00"] = "2020-03-04 03:06",
      ["2020-03-04T05:06:07-0130"] = "2020-03-04 06:36:07",
      ["2020-03-04T05:06+10"] = "2020-03-03 19:06",
      ["2020-02-28 24:00"] = "2020-02-29",
    } do
      assert.equal(expected, dates.format(at(text)), text)
    end
  end)

  it("refuses others, and says why", function()
    local function refuses(text, message, format)
      local seconds, why = dates.parse(text, format)
      assert.is_nil(seconds)
      assert.equal(message, why)
    end
    for _, text in ipairs {"", "x", "20", "202", "20201", "202001", "2020-",
                           "2020-1-", "2020-01/02", "2020.01.02", "-2020",
                           "2020-01-02T", "2020-01-02 10", "2020-01-02 10:5",
                           "2020-01-02 10:00:", "2020-01-02 10:00:00.",
                           "2020-01-02 10:00 Z", "2020-01-02 10:00+2",
                           "2020-01-02 10:00+02:0", "2020-01-02Z",
                           "2020-01-02 10:00z", " 2020", "2020 ", "1,2",
                           "2020-01-02\0", "1/2", "1/2/3", "1/2/345",
                           "111/2/2020"} do
      refuses(text, ("'%s' is no date; expected YYYY-MM-DD, YYYY-MM or YYYY," ..
                     " maybe with HH:MM:SS, or set the format"):format(text))
    end
    for _, text in ipairs {"0000", "2020-00", "2020-13", "2021-02-29",
                           "1900-02-29", "2020-01-32", "2020-01-00",
                           "2020-01-01 25:00", "2020-01-01 24:01",
                           "2020-01-01 10:60", "2020-01-01 10:00:60",
                           "0001-01-01T00:00+01:00",
                           "9999-12-31T23:59-01:00"} do
      refuses(text, ("'%s' is no date: there is no such day or time")
                    :format(text))
    end
    for _, text in ipairs {"03/04/2020", "3/4/20", "13/04/2020 10:00"} do
      refuses(text, ("'%s' does not say which is the day and which the month" ..
                     "; set the format to %%d/%%m/%%Y or %%m/%%d/%%Y"):format(
                    text))
    end
    refuses("2020", "'2020' is no date; expected one as the format = '%d.%Y'",
            "%d.%Y")
    raises.with("dates.parse: takes a string, got number", dates.parse, 1)
    raises.with("dates.parse: the format has '%q'; known are", dates.parse,
                "x", "%Y%q")
    raises.with("dates.parse: the format must be a string, got number",
                dates.parse, "x", 1)
  end)

  it("reads what a format says", function()
    for _, row in ipairs {
      {"04.03.2020", "%d.%m.%Y", "2020-03-04"},
      {"4.3.20", "%d.%m.%y", "2020-03-04"},
      {"03/04/69", "%m/%d/%y", "1969-03-04"},
      {"03/04/68", "%m/%d/%y", "2068-03-04"},
      {"4 Mar 2020", "%d %b %Y", "2020-03-04"},
      {"4  MARCH   2020", "%d %B %Y", "2020-03-04"},
      {"may-2020", "%b-%Y", "2020-05-01"},
      {"2020-064", "%Y-%j", "2020-03-04"},
      {"3/4/2020 1:05 PM", "%m/%d/%Y %I:%M %p", "2020-03-04 13:05"},
      {"3/4/2020 12:05 am", "%m/%d/%Y %I:%M %p", "2020-03-04 00:05"},
      {"pm 12 2020", "%p %I %Y", "2020-01-01 12:00"},
      {"20200304T050607+0200", "%Y%m%dT%H%M%S%z", "2020-03-04 03:06:07"},
      {"2020 5.5%", "%Y %S.%f%%", "2020-01-01 00:00:05.500000"},
      {"86400", "%s", "1970-01-02"}, {"-1", "%s", "1969-12-31 23:59:59"},
      {"1.5", "%s", "1970-01-01 00:00:01.500000"},
    } do
      local seconds = assert(dates.parse(row[1], row[2]))
      assert.equal(row[3], dates.format(seconds), row[1])
    end
    for _, row in ipairs {
      {"04.03.2020 ", "%d.%m.%Y"}, {"4 Mae 2020", "%d %b %Y"},
      {"2020-366x", "%Y-%j"}, {"2020", "%Y "}, {"2020-000", "%Y-%j"},
      {"2021-366", "%Y-%j"}, {"13:00 PM 2020", "%I:%M %p %Y"},
      {"99999999999999999999", "%s"}, {"", "%s"}, {"-", "%s"},
    } do
      assert.is_nil((dates.parse(row[1], row[2])))
    end
  end)
end)

describe("format", function()
  it("is as fine as the frequency", function()
    local t = at "1949-03-31 10:20:30"
    local function as(unit, count)
      return dates.format(t, {unit = unit, count = count})
    end
    assert.equal("1949-03", as("month", 1))
    assert.equal("1949-03", as("month", 3))
    assert.equal("1949", as("month", 12))
    assert.equal("1949-03-31", as("day", 7))
    assert.equal("1949-03-31", as("weekday", 1))
    assert.equal("1949-03-31 10:20:30", as("second", 3600))
    assert.equal("1949-03-31 10:20", dates.format(t - 30, {unit = "second",
                                                           count = 3600}))
    assert.equal("1949-03-31 10:20:00", dates.format(t - 30, {unit = "second",
                                                              count = 1}))
    assert.equal("1949-03-31 00:00", dates.format(at "1949-03-31",
                 {unit = "second", count = 3600}))
    assert.equal("1949-03-31 00:00:00.500000",
                 dates.format(at "1949-03-31" + 0.5, {unit = "second",
                                                      count = 0.5}))
    assert.equal("1949-03-31", dates.format(at "1949-03-31"))
  end)

  it("is read again, as it stands and by letters", function()
    local random = new_random(1)
    for _ = 1, 5000 do
      local t = random:int(-62135596800, 253402300799)
      if random:chance(0.3) then t = t // DAY * DAY end
      if random:chance(0.2) then t = t + random:int(0, 999999) / 1e6 end
      local again = at(dates.format(t))
      assert.truthy(math.abs(again - t) <= 4e-5, t)
      for _, format in ipairs {"%Y-%m-%d %H:%M:%S.%f", "%j %Y %I:%M:%S %p",
                               "%d %B %Y%%%H%M%S", "%s",
                               "%b%d,%Y %H:%M:%S%z"} do
        local text = dates.format(t, format)
        again = assert(dates.parse(text, format))
        assert.equal(math.floor(t + 5e-7),
                     math.floor(again + (format:find "f" and 5e-7 or 0)), text)
      end
    end
    assert.equal("20", dates.format(at "2020-01-01", "%y"))
    raises.with("dates.format: the format has '%q'", dates.format, 0, "%q")
  end)
end)

describe("frequency", function()
  ---n times from a text on, by a frequency.
  local function series(text, n, unit, count, day)
    local list = {}
    for i = 1, n do
      list[i] = dates.after(at(text), {unit = unit, count = count, day = day},
                            i - 1)
    end
    return list
  end

  local CASES = {
    {"monthly", 12, "1949-01", "month", 1},
    {"quarterly", 4, "2000", "month", 3}, {"yearly", 1, "2000", "month", 12},
    {"every 2 years", 1, "2000", "month", 24},
    {"every 6 months", 2, "2000", "month", 6},
    {"every 5 months", 1, "2000", "month", 5},
    {"monthly", 12, "2019-01-31", "month", 1, 31},
    {"monthly", 12, "2019-01-30", "month", 1, 30},
    {"quarterly", 4, "2019-06-30", "month", 3, 31},
    {"yearly", 1, "2021-02-28", "month", 12, 28},
    {"monthly", 12, "2019-01-15 12:00", "month", 1, 15},
    {"daily", 7, "2020-02-20", "day", 1},
    {"weekly", 52, "2020-02-20", "day", 7},
    {"every 2 weeks", 26, "2020-02-20", "day", 14},
    {"every 10 days", 1, "2020-02-20", "day", 10},
    {"daily", 7, "2020-02-20 13:00", "day", 1},
    {"every weekday", 5, "2020-02-20", "weekday", 1},
    {"hourly", 24, "2020-02-28 22:00", "second", 3600},
    {"every 2 hours", 12, "2020-02-28 22:00", "second", 7200},
    {"every 5 hours", 1, "2020-02-28 22:00", "second", 18000},
    {"every 15 minutes", 96, "2020-02-28", "second", 900},
    {"every 5 minutes", 288, "2020-02-28", "second", 300},
    {"every 2 minutes", 30, "2020-02-28", "second", 120},
    {"every minute", 60, "2020-02-28", "second", 60},
    {"every 10 seconds", 6, "2020-02-28", "second", 10},
    {"every second", 60, "2020-02-28", "second", 1},
    {"every 90 seconds", 40, "2020-02-28", "second", 90},
  }

  it("is known, and so is its season", function()
    for _, row in ipairs(CASES) do
      local name, season, text, unit, count, day = table.unpack(row, 1, 6)
      local t = series(text, 40, unit, count, day)
      for _, list in ipairs {t, core.tensor(t, "float64")} do
        local f = assert(dates.frequency(list))
        assert.equal(name, f.name)
        assert.same({unit, count}, {f.unit, f.count}, name)
        assert.equal("integer", math.type(f.count))
        assert.equal(season, dates.season(f))
        if day then assert.equal(day, f.day) end
        assert.equal(unit == "month", f.day ~= nil)
        for i = 1, 40 do
          assert.equal(t[i], dates.after(t[1], f, i - 1))
          assert.equal(t[1], dates.after(t[i], f, 1 - i))
        end
      end
    end
  end)

  it("may be of fractions, and of two times", function()
    local t = {}
    for i = 1, 1000 do t[i] = 1.6e9 + i * 0.1 end
    local f = assert(dates.frequency(t))
    assert.equal("second", f.unit)
    assert.truthy(math.abs(f.count - 0.1) < 1e-6)
    assert.equal("every 0.1 seconds", f.name)
    assert.equal("monthly", dates.frequency(times("2021-02", "2021-03")).name)
    assert.equal("daily", dates.frequency(times("2021-02-01",
                                                "2021-02-02")).name)
    assert.equal("every 3 days", dates.frequency(times("2021-02-05",
                                                       "2021-02-08")).name)
    assert.equal("daily", dates.frequency(series("2021-02-01", 5, "day",
                                                 1)).name)
  end)

  it("is broken by a row", function()
    local function breaks(message, t)
      local f, why = dates.frequency(t)
      assert.is_nil(f)
      assert.equal(message, why)
    end
    breaks("has 0 rows, a frequency needs at least 2", {})
    breaks("has 1 row, a frequency needs at least 2", {0})
    breaks("row 3 goes back: 2020-01-01 comes after 2020-01-03; sort the " ..
           "rows by date", times("2020-01-02", "2020-01-03", "2020-01-01"))
    breaks("rows 2 and 3 have the same date, 2020-01-03",
           times("2020-01-02", "2020-01-03", "2020-01-03"))
    breaks("row 2 has no date (NaN)", {0, 0 / 0})
    breaks("row 1 has no date (inf)", {1 / 0, 1})
    breaks("row 4 leaves a gap in dates that are monthly: 1949-05 comes " ..
           "after 1949-03, 1949-04 is missing",
           times("1949-01", "1949-02", "1949-03", "1949-05"))
    breaks("row 4 leaves a gap in dates that are quarterly: 1950-07 comes " ..
           "after 1949-07, 1949-10 to 1950-04 (3 times) are missing",
           times("1949-01", "1949-04", "1949-07", "1950-07"))
    breaks("row 3 leaves a gap in dates that are every weekday: 2020-03-03 " ..
           "comes after 2020-02-28, 2020-03-02 is missing",
           times("2020-02-27", "2020-02-28", "2020-03-03", "2020-03-04",
                 "2020-03-05", "2020-03-06", "2020-03-09"))
    breaks("row 3 leaves a gap in dates that are hourly: 2020-01-01 04:00 " ..
           "comes after 2020-01-01 01:00, 2020-01-01 02:00 to " ..
           "2020-01-01 03:00 (2 times) are missing",
           times("2020-01-01 00:00", "2020-01-01 01:00", "2020-01-01 04:00"))
    breaks("row 4 does not fit dates that are monthly: 1949-03-02 comes " ..
           "after 1949-03-01, expected 1949-04-01",
           times("1949-01", "1949-02", "1949-03", "1949-03-02", "1949-04",
                 "1949-05"))
    breaks("row 3 does not fit dates that are every 2 days: 2020-01-04 comes" ..
           " after 2020-01-03, expected 2020-01-05",
           times("2020-01-01", "2020-01-03", "2020-01-04"))
    breaks("dates have no regular spacing: no step between rows is that of " ..
           "half of them",
           times("2020-01-01", "2020-01-02", "2020-01-04", "2020-01-11"))
    for _, other in ipairs {0, "x", core.zeros({3}, "float32"),
                            core.zeros({3, 1}, "float64")} do
      raises.with("dates.frequency: takes a list of seconds", dates.frequency,
                  other)
    end
  end)

  it("finds any row that is left out of any series", function()
    local random = new_random(4)
    for _ = 1, 300 do
      local row = random:pick(CASES)
      local t = series(row[3], 40, row[4], row[5], row[6])
      local gone = random:int(2, 39)
      local f = {unit = row[4], count = row[5]}
      local missing = dates.format(table.remove(t, gone), f)
      local _, why = dates.frequency(t)
      assert.truthy(why:find(("row %d leaves a gap in dates that are %s: ")
                             :format(gone, row[1]), 1, true), why)
      assert.truthy(why:find(missing .. " is missing", 1, true), why)
    end
  end)

  it("does not fail on any times", function()
    local random = new_random(6)
    for _ = 1, 2000 do
      local t, x = {}, random:int(-62135596800, 253402300799)
      for i = 1, random:int(0, 8) do
        t[i] = x
        x = x + random:pick {1, 5e-324, 1e-9, 1e-7, DAY, 30 * DAY, 1e11, 0, -1}
      end
      local f, why = dates.frequency(t)
      assert.truthy(f and f.count > 0 or why)
    end
    assert.truthy(select(2, dates.frequency {0, 5e-324, DAY}))
  end)
end)

describe("after", function()
  it("ends in the last day of a month that is too short", function()
    local function after(text, n, count, day)
      return dates.format(dates.after(at(text), {unit = "month", count = count,
                                                 day = day}, n))
    end
    assert.equal("2020-02-29", after("2020-01-31", 1, 1))
    assert.equal("2020-03-29", after("2020-02-29", 1, 1))
    assert.equal("2020-03-31", after("2020-02-29", 1, 1, 31))
    assert.equal("2019-12-31", after("2020-01-31", -1, 1))
    assert.equal("2021-02-28", after("2020-02-29", 1, 12))
    assert.equal("1819-12-31 10:00", after("2020-01-31 10:00", -2401, 1))
  end)

  it("counts weekdays", function()
    local function after(text, n)
      return dates.format(dates.after(at(text), {unit = "weekday", count = 1},
                                      n))
    end
    assert.equal("2020-03-02", after("2020-02-28", 1))
    assert.equal("2020-02-28", after("2020-03-02", -1))
    for _, weekend in ipairs {"2020-02-29", "2020-03-01"} do
      assert.equal("2020-03-02", after(weekend, 1))
      assert.equal("2020-02-28", after(weekend, -1))
      assert.equal(weekend, after(weekend, 0))
    end
    local t = at "2020-02-28"
    for n = 1, 1000 do
      repeat t = t + DAY until dates.fields(t).weekday < 6
      assert.equal(dates.format(t), after("2020-02-28", n))
    end
  end)

  it("stays within the years", function()
    raises.with("dates.after: 1 steps from 9999-12-31 (daily) lead out of " ..
                "the years 1 to 9999", dates.after, at "9999-12-31",
                {unit = "day", count = 1, name = "daily"}, 1)
    for _, unit in ipairs {"second", "day", "weekday", "month"} do
      for _, n in ipairs {math.maxinteger, math.mininteger, 1 << 50} do
        assert.is_false((pcall(dates.after, 0, {unit = unit, count = 1,
                                                name = unit}, n)))
      end
    end
  end)
end)
