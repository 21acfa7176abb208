-- sum: of all elements or along an axis; the sum of nothing is 0

local case = require "tests.case"

local function total(line)
  local sum = 0.0
  for _, x in ipairs(line) do sum = sum + x end
  return sum
end

local this = case.reduction(total, {empty = true})

this.errors = {
  {"op.sum(zeros{2, 3}, 3)",
   "sum: 'axis' is 3, but the tensor has 2 axes"},
  {"op.sum(zeros{2, 3}, {axes = 1})",
   "sum: unknown option 'axes' (it has: axis, keepdim)"},
  {"op.sum(ids{1, 2})",
   "sum: 'x' must be float32 or float64, got int32"},
  {"op.sum(zeros{2}, {1})",
   "sum: options are a table {name = value}, got key 1"},
  {"op.sum(zeros{2}, 1, true, 3)",
   "sum: too many arguments"},
}

return this
