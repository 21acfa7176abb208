---The points of lines and bands as a plot gets them: finite, and of a long one
---as many as can be told apart.
local points = {}

local MOST = 4000            -- of a line that gnuplot gets

---@param y any
---@return boolean
function points.is_finite(y)
  return type(y) == "number" and y == y and math.abs(y) < math.huge
end

local is_finite = points.is_finite

---Whether a point can be drawn: finite, and not so large that the range of an
---axis would overflow.
local function fits(x, y, log_y)
  return is_finite(x) and is_finite(y) and math.abs(x) < 1e300 and
         math.abs(y) < 1e300 and (not log_y or y > 0)
end

---Every point of a line that can be drawn, in order, and its gaps; of a long
---line the lowest and the highest of as many parts as can be told apart.
---@param line rnn.Line
---@param log_y? boolean what is not above 0 is a gap, too
---@param visit fun(x: number?, y: number?) without arguments for a gap
function points.each(line, log_y, visit)
  local part = math.max(1, 2 * #line.x // MOST)
  for from = 1, #line.x, part do
    local low, high
    for k = from, math.min(from + part - 1, #line.x) do
      local y = line.y[k]
      if fits(line.x[k], y, log_y) then
        if not low or y < line.y[low] then low = k end
        if not high or y > line.y[high] then high = k end
      end
    end
    if not low then
      visit()
    else
      local first, last = math.min(low, high), math.max(low, high)
      visit(line.x[first], line.y[first])
      if last > first then visit(line.x[last], line.y[last]) end
    end
  end
end

---The same for a band: the hull of each part.
---@param band rnn.Band
---@param log_y? boolean
---@param visit fun(x: number?, low: number?, high: number?)
function points.each_of_band(band, log_y, visit)
  local part = math.max(1, 2 * #band.x // MOST)
  for from = 1, #band.x, part do
    local x, low, high
    for k = from, math.min(from + part - 1, #band.x) do
      local below, above = band.low[k], band.high[k]
      if fits(band.x[k], below, log_y) and fits(band.x[k], above, log_y) then
        x, low = x or band.x[k], math.min(low or below, below)
        high = math.max(high or above, above)
      end
    end
    if x then visit(x, low, high) else visit() end
  end
end

return points
