-- stack: tensors of one shape along a new axis (default the first)

local array = require "tests.array"

local function cases(rand)
  local list = {}
  for _, shape in ipairs(rand:shapes(24)) do
    local axis = rand:int(1, #shape + 1)
    local c = {inputs = {}, args = {}, grad = {}}
    if axis > 1 or rand:chance(0.5) then
      c.args.axis = rand:pick {axis, axis - #shape - 2}
    end
    for k = 1, rand:int(1, 4) do
      c.inputs[k] = array.random(rand, shape)
      c.grad[k] = k
    end
    list[#list + 1] = c
  end
  return list
end

local function reference(...)
  local n = select("#", ...)
  local inputs, args = {...}, (select(n, ...))
  local first = inputs[1].shape
  local axis = array.axis(args.axis or 1, #first + 1)
  local out = {shape = {table.unpack(first)}}
  table.insert(out.shape, axis, n - 1)
  for at, index in array.indices(out.shape) do
    local own = {table.unpack(index)}
    local which = table.remove(own, axis)
    out[at] = inputs[which][array.at(first, own)]
  end
  return out
end

local function large(rand)
  return {{inputs = {array.random(rand, {99, 101}),
                     array.random(rand, {99, 101})},
           args = {axis = 2}, grad = {1, 2}}}
end

return {
  cases = cases, reference = reference, large = large,
  options = {"axis"}, list = true,
  errors = {
    {"op.stack({zeros{2}, zeros{3}})",
     "stack: tensor 2 must be like the first, (2), in every axis, got (3)"},
    {"op.stack({zeros{2}}, 3)",
     "stack: 'axis' is 3, but the tensor has 2 axes"},
    {"op.stack({})",
     "stack: takes 1 or more tensors, got 0"},
    {"op.stack({zeros{2}, ids{1, 2}})",
     "stack: tensor 2 must be float32 like the first, got int32"},
  },
}
