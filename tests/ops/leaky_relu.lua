-- leaky_relu: x, or slope * x below 0

local array = require "tests.array"
local case = require "tests.case"

local function cases(rand)
  local list = case.over_shapes(rand, case.away_from {0})
  for i = 2, #list, 2 do list[i].args.slope = rand:real(0.0, 0.5) end
  return list
end

local function reference(x, args)
  local slope = args.slope or 0.01
  return array.map(x, function(v) return v > 0 and v or slope * v end)
end

return {
  cases = cases, reference = reference, options = {"slope"},
  errors = {
    {"op.leaky_relu(zeros{1}, 'a')",
     "leaky_relu: 'slope' must be a number, got string"},
    {"op.leaky_relu(zeros{1}, {slop = 1})",
     "leaky_relu: unknown option 'slop' (it has: slope)"},
    {"op.leaky_relu(zeros{1}, 0/0)",
     "leaky_relu: 'slope' is not a number"},
  },
}
