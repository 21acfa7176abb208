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

return {
  cases = case.distances("beta", {0, 0.5, 0.75, 3}),
  reference = reference, large = case.large_loss,
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
