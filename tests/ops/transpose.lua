-- transpose: two axes change places

local array = require "tests.array"
local case = require "tests.case"

local function cases(rand)
  local list = case.over_shapes(rand, nil, 2)
  for i, c in ipairs(list) do
    local n = #c.inputs[1].shape
    if i % 4 ~= 0 then c.args.axis1 = rand:pick {1, n, -1, -n} end
    if i % 4 > 1 then c.args.axis2 = rand:int(1, n) end
  end
  return list
end

local function reference(x, args)
  local n = #x.shape
  local a = array.axis(args.axis1 or -2, n)
  local b = array.axis(args.axis2 or -1, n)
  local shape = {table.unpack(x.shape)}
  shape[a], shape[b] = shape[b], shape[a]
  local out = {shape = shape}
  for at, index in array.indices(shape) do
    local own = {table.unpack(index)}
    own[a], own[b] = own[b], own[a]
    out[at] = x[array.at(x.shape, own)]
  end
  return out
end

local function large(rand)
  return {case.one(array.random(rand, {7, 61, 53})),
          case.one(array.random(rand, {41, 6, 83}), {axis1 = 1, axis2 = 3})}
end

return {
  cases = cases, reference = reference, large = large,
  options = {"axis1", "axis2"},
  errors = {
    {"op.transpose(zeros{2, 3}, 3)",
     "transpose: 'axis1' is 3, but the tensor has 2 axes"},
    {"op.transpose(zeros{2, 3}, 0)",
     "transpose: 'axis1' counts from 1 (or from the end by -1), got 0"},
    {"op.transpose(zeros{3})",
     "transpose: 'axis1' is -2, but the tensor has 1 axis"},
    {"op.transpose(zeros{2, 3}, -3, 1)",
     "transpose: 'axis1' is -3, but the tensor has 2 axes"},
    {"op.transpose(zeros{2, 3}, 1.5)",
     "transpose: 'axis1' must be an integer, got 1.5"},
  },
}
