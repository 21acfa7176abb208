-- log: natural logarithm of x > 0

local case = require "tests.case"

local this = case.unary(math.log, case.between(0.25, 4))

this.errors = {
  {"op.log('x')",
   "log: 'x' must be a tensor, got string"},
}

return this
