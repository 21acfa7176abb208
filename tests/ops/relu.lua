-- relu: max(x, 0); differences need x away from 0

local case = require "tests.case"

local this = case.unary(function(x) return x > 0 and x or 0 end,
                  case.away_from {0})

this.errors = {
  {"op.relu(ids{1, 2})",
   "relu: 'x' must be float32 or float64, got int32"},
}

return this
