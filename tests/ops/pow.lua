-- pow: a ^ b with broadcasting; a > 0, and whole b for a < 0

local array = require "tests.array"
local case = require "tests.case"

local pow = case.binary(function(a, b) return a ^ b end,
                        case.between(0.25, 2))
local pairs_of = pow.cases

---Negative and zero bases under whole exponents, which get no gradient.
function pow.cases(rand)
  local list = pairs_of(rand)
  for _, b in ipairs {0, 1, 2, 3} do
    local a = array.random(rand, {2, 3})
    a[1], a[2] = 0, -1
    list[#list + 1] = {inputs = {a, b}, args = {}, grad = {1}}
  end
  return list
end

pow.errors = {
  {"op.pow(zeros{2}, zeros{3})",
   "pow: 'a' (2) and 'b' (3) do not broadcast"},
  {"op.pow(zeros({2}, 'float64'), zeros{2})",
   "pow: 'b' must be float64 like the others, got float32"},
}

return pow
