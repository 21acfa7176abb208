-- sub: a - b with broadcasting

local case = require "tests.case"

local this = case.binary(function(a, b) return a - b end)

this.errors = {
  {"op.sub(zeros{2, 3}, zeros{3, 2})",
   "sub: 'a' (2, 3) and 'b' (3, 2) do not broadcast"},
  {"op.sub(ids{1}, ids{1})",
   "sub: 'a' must be float32 or float64, got int32"},
}

return this
