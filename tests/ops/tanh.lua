-- tanh: (e^x - e^-x) / (e^x + e^-x)

local assert = require "luassert"
local case = require "tests.case"

local function tanh(x)
  local up, down = math.exp(x), math.exp(-x)
  return (up - down) / (up + down)
end

local tanh_case = case.unary(tanh, case.between(-4, 4))

tanh_case.extra = {
  ["is +-1 far out"] = function(rnn)
    local y = rnn.op.tanh(rnn.tensor({-1e4, -90, 90, 1e4}, "float64"))
    assert.same({-1.0, -1.0, 1.0, 1.0}, y:totable())
  end,
}

tanh_case.errors = {
  {"op.tanh(zeros{1}, {slope = 1})",
   "tanh: unknown option 'slope' (it has: none)"},
}

return tanh_case
