-- smooth_l1: d^2 / (2 beta) up to beta, then |d| - beta / 2
-- mean of nothing is 0

local array = require "tests.array"
local case = require "tests.case"

local function reference(x, y, args)
  local p = args.beta or 1
  return case.reduced(array.broadcast(x, y, function(a, b)
    local d = math.abs(a - b)
    return d < p and d * d / 2 / p or d - p / 2
  end), args)
end

---Targets that are not equal to x, where slopes may jump.
local function cases(rand)
  local apart = case.away_from {0}
  local list = case.losses(rand, apart, {1, 2})
  for i, c in ipairs(list) do
    local x, y = c.inputs[1], c.inputs[2]
    for k = 1, #y do y[k] = x[k] + y[k] end
    if i % 3 > 0 then c.args.beta = rand:pick {0, 0.5, 0.75, 3} end
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
  options = {"reduction", "beta"},
  errors = {
    {"op.smooth_l1(zeros{2}, zeros{3})",
     "smooth_l1: 'y' must be (2), got (3)"},
    {"op.smooth_l1(zeros{2}, zeros{2}, {beta = -1})",
     "smooth_l1: 'beta' must be 0 or more, got -1"},
    {"op.smooth_l1(zeros{2}, zeros{2}, {beta = 1/0})",
     "smooth_l1: 'beta' must be 0 or more, got inf"},
  },
}
