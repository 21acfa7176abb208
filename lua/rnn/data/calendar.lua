---What a calendar says of times, as numbers that a network reads: of each cycle
---sine and cosine, so that its end meets its beginning.
local core = require "rnn.core"
local dates = require "rnn.data.dates"

local calendar = {}

---For each name where a time stands in its cycle, 0 to 1.
local PLACE = {
  minute = function(f) return (f.minute + f.second / 60) / 60 end,
  hour = function(f) return (f.hour + f.minute / 60) / 24 end,
  weekday = function(f) return (f.weekday - 1) / 7 end,
  monthday = function(f) return (f.day - 1) / 31 end,
  month = function(f) return (f.month - 1) / 12 end,
  yearday = function(f) return (f.yearday - 1) / 366 end,
}

calendar.NAMES = {"minute", "hour", "weekday", "monthday", "month", "yearday"}

---@param times rnn.Tensor (R) seconds since 1970
---@param names string[] among NAMES
---@return rnn.Tensor[] columns (R) float64, two for each name
function calendar.columns(times, names)
  local lists = {}
  for i = 1, 2 * #names do lists[i] = {} end
  for r, time in ipairs(#names > 0 and times:totable() or {}) do
    local fields = dates.fields(time)
    for i, name in ipairs(names) do
      local angle = 2 * math.pi * PLACE[name](fields)
      lists[2 * i - 1][r], lists[2 * i][r] = math.sin(angle), math.cos(angle)
    end
  end
  for i, list in ipairs(lists) do lists[i] = core.tensor(list, "float64") end
  return lists
end

return calendar
