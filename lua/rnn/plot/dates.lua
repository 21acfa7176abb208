---Tics of an axis of seconds since 1970, UTC: at round hours, days, months or
---years, each with a label of two lines, the second where it changes.
local dates = {}

local MINUTE <const>, HOUR <const>, DAY <const> = 60, 3600, 86400

---Years that have four digits.
local FIRST <const>, LAST <const> = -62135596800, 253402300799

---Seconds between tics, and how their labels are written.
local STEPS = {
  {1, 2, 5, 10, 15, 30, form = "%H:%M:%S", below = "%Y-%m-%d"},
  {MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR,
   2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, form = "%H:%M", below = "%Y-%m-%d"},
  {DAY, 2 * DAY, 7 * DAY, 14 * DAY, form = "%b %d", below = "%Y"},
}
local MONTHS = {1, 2, 3, 6, form = "%b", below = "%Y"}
local YEARS = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, form = "%Y"}
local MONTH <const>, YEAR <const> = 30.44 * DAY, 365.25 * DAY

---Can a number be a date that is written?
---@param x number
---@return boolean
function dates.fits(x)
  return x >= FIRST and x <= LAST
end

---"2019-03-01", with the time of day if there is one.
---@param x number
---@return string
function dates.text(x)
  local second = math.floor(x)
  return os.date(second % DAY == 0 and "!%Y-%m-%d" or "!%Y-%m-%dT%H:%M:%SZ",
                 second)
end

---Days since 1970 of the first of a month (Hinnant's days_from_civil).
local function days(year, month)
  if month <= 2 then year = year - 1 end
  local era = year // 400
  local of_era = year - era * 400
  local day = (153 * ((month + 9) % 12) + 2) // 5
  return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + day -
         719468
end

---Every n months, from the January before a date.
local function by_months(n, from, to)
  local places = {}
  local year, month = tonumber(os.date("!%Y", from // 1 | 0)), 1
  if n >= 12 then year = year // (n // 12) * (n // 12) end
  while true do
    local x = days(year, month) * DAY
    if x > to then return places end
    if x >= from then places[#places + 1] = x end
    month = month + n
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
  end
end

local function by_seconds(step, from, to)
  local places = {}
  local origin = step % (7 * DAY) == 0 and 4 * DAY or 0   -- a Monday
  local x = origin + math.ceil((from - origin) / step) * step
  while x <= to do
    places[#places + 1], x = x, x + step
  end
  return places
end

---The places of no more than 'most' tics, and the unit they belong to.
local function places_of(from, to, most)
  for _, unit in ipairs(STEPS) do
    for _, step in ipairs(unit) do
      if (to - from) / step <= most then
        return by_seconds(step, from, to), unit
      end
    end
  end
  for _, n in ipairs(MONTHS) do
    if (to - from) / (n * MONTH) <= most then
      return by_months(n, from, to), MONTHS
    end
  end
  for _, n in ipairs(YEARS) do
    if (to - from) / (n * YEAR) <= most then
      return by_months(12 * n, from, to), YEARS
    end
  end
  return {from}, YEARS
end

---@param from number a date, before 'to'
---@param to number
---@param most integer how many there may be
---@return {x: number, label: string}[]
function dates.tics(from, to, most)
  local places, unit = places_of(from, to, most)
  local tics, last = {}, nil
  for i, x in ipairs(places) do
    local second = x // 1 | 0
    local label = os.date("!" .. unit.form, second)
    local below = unit.below and os.date("!" .. unit.below, second)
    if below and below ~= last then label = label .. "\n" .. below end
    last, tics[i] = below, {x = x, label = label}
  end
  return tics
end

return dates
