-- gelu: x times the normal distribution function of x

local case = require "tests.case"

---erf by its series, in doubles exact to some 1e-16 for |x| < 3.
local function erf(x)
  local term, sum, n = x, x, 0
  repeat
    n = n + 1
    term = -term * x * x / n
    sum = sum + term / (2 * n + 1)
  until math.abs(term) < 1e-18
  return 2 / math.sqrt(math.pi) * sum
end

local file = case.unary(function(x)
  return x * (1 + erf(x / math.sqrt(2))) / 2
end)

file.errors = {
  {"op.gelu(ids{1})", "gelu: 'x' must be float32 or float64, got int32"},
}

return file
