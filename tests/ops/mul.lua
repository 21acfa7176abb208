-- mul: a * b with broadcasting

local case = require "tests.case"

local this = case.binary(function(a, b) return a * b end)

this.errors = {
  {"op.mul(zeros{0}, zeros{2})",
   "mul: 'a' (0) and 'b' (2) do not broadcast"},
  {"op.mul(zeros{2}, nil)",
   "mul: 'b' must be a tensor or a number, got nil"},
}

return this
