-- mean: of all elements or along an axis; the mean of nothing is an error

local case = require "tests.case"

local function mean(line)
  local sum = 0.0
  for _, x in ipairs(line) do sum = sum + x end
  return sum / #line
end

local this = case.reduction(mean)

this.errors = {
  {"op.mean(zeros{0})",
   "mean: nothing to reduce in (0)"},
  {"op.mean(zeros{2, 0}, 2)",
   "mean: nothing to reduce in (2, 0)"},
  {"op.mean(zeros{2}, 0)",
   "mean: 'axis' counts from 1 (or from the end by -1), got 0"},
}

return this
