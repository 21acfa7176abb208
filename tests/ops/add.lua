-- add: a + b with broadcasting

local case = require "tests.case"

local this = case.binary(function(a, b) return a + b end)

this.errors = {
  {"op.add(zeros{2, 3}, zeros{4})",
   "add: 'a' (2, 3) and 'b' (4) do not broadcast"},
  {"op.add(zeros{2}, ids{1, 2})",
   "add: 'b' must be float32 or float64, got int32"},
  {"op.add(zeros{2}, zeros({2}, 'float64'))",
   "add: 'b' must be float32 like the others, got float64"},
  {"op.add(zeros{2})",
   "add: 'b' must be a tensor or a number, got no value"},
  {"op.add(zeros{2}, 'x')",
   "add: 'b' must be a tensor or a number, got string"},
  {"op.add(zeros{2}, zeros{2}, zeros{2})",
   "add: too many arguments"},
}

return this
