-- div: a / b with broadcasting; b stays away from 0

local array = require "tests.array"
local case = require "tests.case"

local function divisor(rand, shape)
  return array.new(shape, function()
    return rand:real(0.5, 2) * rand:pick {-1, 1}
  end)
end

local this = case.binary(function(a, b) return a / b end, nil, divisor)

this.errors = {
  {"op.div(zeros{1, 2, 3}, zeros{2, 2})",
   "div: 'a' (1, 2, 3) and 'b' (2, 2) do not broadcast"},
  {"op.div(zeros{2}, {})",
   "div: 'b' must be a tensor or a number, got table"},
}

return this
