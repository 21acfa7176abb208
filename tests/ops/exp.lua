-- exp: e^x

local case = require "tests.case"

local this = case.unary(math.exp)

this.errors = {
  {"op.exp()",
   "exp: 'x' must be a tensor, got no value"},
}

return this
