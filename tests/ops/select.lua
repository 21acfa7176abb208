-- select: one index of one axis, which goes away

local array = require "tests.array"
local case = require "tests.case"

local function cases(rand)
  local list = {}
  for _, c in ipairs(case.over_shapes(rand, nil, 1)) do
    local shape = c.inputs[1].shape
    local axis = rand:int(1, #shape)
    if shape[axis] > 0 then
      c.args.axis = rand:pick {axis, axis - #shape - 1}
      c.args.index = rand:int(1, shape[axis])
      if rand:chance(0.3) then c.args.index = -c.args.index end
      list[#list + 1] = c
    end
  end
  return list
end

local function reference(x, args)
  local axis = array.axis(args.axis, #x.shape)
  local i = args.index
  if i < 0 then i = i + x.shape[axis] + 1 end
  return array.reduce(x, axis, false, function(line) return line[i] end)
end

return {
  cases = cases, reference = reference, options = {"axis", "index"},
  errors = {
    {"op.select(zeros{2, 3}, 1)",
     "select: 'index' is missing"},
    {"op.select(zeros{2, 3}, 1, 3)",
     "select: 'index' is 3, but the axis has 2 elements"},
    {"op.select(zeros{2, 3}, 2, -4)",
     "select: 'index' is -4, but the axis has 3 elements"},
    {"op.select(zeros{2, 3}, 1, 0)",
     "select: 'index' is 0, but the axis has 2 elements"},
  },
}
