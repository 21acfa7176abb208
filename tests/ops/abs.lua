-- abs: |x|; differences need x away from 0

local case = require "tests.case"

local this = case.unary(math.abs, case.away_from {0})

this.errors = {
  {"op.abs(zeros{1}, 2)",
   "abs: too many arguments"},
}

return this
