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

---Targets that are not equal to x, where slopes may jump.
local function cases(rand)
  local apart = case.away_from {0}
  local list = case.losses(rand, apart, {1, 2})
  for i, c in ipairs(list) do
    local x, y = c.inputs[1], c.inputs[2]
    for k = 1, #y do y[k] = x[k] + y[k] end
    if i % 3 > 0 then c.args.delta = rand:pick {0.5, 0.75, 3} end
  end
  return list
end

local function large(rand)
  local x = array.random(rand, {3, 7001})
  return {{inputs = {x, array.random(rand, {3, 7001})}, args = {},
           grad = {1, 2}}}
end

return {
  cases = cases, reference = reference, large = large,
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
