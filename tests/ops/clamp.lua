-- clamp: x held within [min, max]; either bound may be left out

local array = require "tests.array"
local case = require "tests.case"

local function cases(rand)
  local list = case.over_shapes(rand, case.away_from {-1, 0.5})
  for i, c in ipairs(list) do
    if i % 4 ~= 0 then c.args.min = -1 end
    if i % 3 ~= 0 then c.args.max = 0.5 end
  end
  return list
end

local function reference(x, args)
  local low, high = args.min or -math.huge, args.max or math.huge
  return array.map(x, function(v)
    return math.max(low, math.min(high, v))
  end)
end

return {
  cases = cases, reference = reference, options = {"min", "max"},
  errors = {
    {"op.clamp(zeros{1}, {low = 0})",
     "clamp: unknown option 'low' (it has: min, max)"},
    {"op.clamp(zeros{1}, 0, 0/0)",
     "clamp: 'max' is not a number"},
  },
}
