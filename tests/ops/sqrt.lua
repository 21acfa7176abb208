-- sqrt: square root of x > 0

local case = require "tests.case"

local this = case.unary(math.sqrt, case.between(0.25, 4))

this.errors = {
  {"op.sqrt(ids{1})",
   "sqrt: 'x' must be float32 or float64, got int32"},
}

return this
