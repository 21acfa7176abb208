-- neg: -x

local case = require "tests.case"

local this = case.unary(function(x) return -x end)

this.errors = {
  {"op.neg(ids{1})",
   "neg: 'x' must be float32 or float64, got int32"},
}

return this
