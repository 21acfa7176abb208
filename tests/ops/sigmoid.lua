-- sigmoid: 1 / (1 + e^-x)

local assert = require "luassert"
local case = require "tests.case"

local sigmoid = case.unary(function(x) return 1 / (1 + math.exp(-x)) end,
                           case.between(-4, 4))

sigmoid.extra = {
  ["is 0 and 1 far out"] = function(rnn)
    for _, dtype in ipairs {"float32", "float64"} do
      local y = rnn.op.sigmoid(rnn.tensor({-1e4, 0, 1e4}, dtype))
      assert.same({0.0, 0.5, 1.0}, y:totable())
    end
  end,
}

sigmoid.errors = {
  {"op.sigmoid(nil)",
   "sigmoid: 'x' must be a tensor, got nil"},
}

return sigmoid
