-- huber: d^2 / 2 up to delta, then delta (|d| - delta / 2)
-- mean of nothing is 0

local array = require "tests.array"
local case = require "tests.case"

local function reference(x, y, args)
  local p = args.delta or 1
  return case.reduced(array.broadcast(x, y, function(a, b)
    local d = math.abs(a - b)
    return d <= p and d * d / 2 or p * (d - p / 2)
  end), args)
end

return {
  cases = case.distances("delta", {0.5, 0.75, 3}),
  reference = reference, large = case.large_loss,
  options = {"reduction", "delta"},
  errors = {
    {"op.huber(zeros{2}, zeros{3})",
     "huber: 'y' must be (2), got (3)"},
    {"op.huber(zeros{2}, zeros{2}, {delta = 0})",
     "huber: 'delta' must be above 0, got 0"},
    {"op.huber(zeros{2}, zeros{2}, {delta = 1/0})",
     "huber: 'delta' must be above 0, got inf"},
  },
}
