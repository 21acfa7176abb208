-- cat: tensors one after the other along an axis (default the first)

local array = require "tests.array"

local function cases(rand)
  local list = {}
  for i = 1, 24 do
    local shape = rand:dims(rand:int(1, 3), i % 6 == 0 and 0 or 1, 3)
    local axis = rand:int(1, #shape)
    local c = {inputs = {}, args = {}, grad = {}}
    if axis > 1 or rand:chance(0.5) then
      c.args.axis = rand:pick {axis, axis - #shape - 1}
    end
    for k = 1, i == 1 and 20 or rand:int(1, 4) do
      shape[axis] = rand:int(0, 3)
      c.inputs[k] = array.random(rand, shape)
      c.grad[k] = k
    end
    list[i] = c
  end
  return list
end

local function reference(...)
  local n = select("#", ...)
  local inputs, args = {...}, (select(n, ...))
  local first = inputs[1].shape
  local axis = array.axis(args.axis or 1, #first)
  local out = {shape = {table.unpack(first)}}
  out.shape[axis] = 0
  for i = 1, n - 1 do
    out.shape[axis] = out.shape[axis] + inputs[i].shape[axis]
  end
  local start = 0
  for i = 1, n - 1 do
    for at, index in array.indices(inputs[i].shape) do
      index[axis] = index[axis] + start
      out[array.at(out.shape, index)] = inputs[i][at]
    end
    start = start + inputs[i].shape[axis]
  end
  return out
end

local function large(rand)
  return {{inputs = {array.random(rand, {60, 101, 2}),
                     array.random(rand, {60, 77, 2})},
           args = {axis = 2}, grad = {1, 2}}}
end

return {
  cases = cases, reference = reference, large = large,
  options = {"axis"}, list = true,
  errors = {
    {"op.cat({})",
     "cat: takes 1 or more tensors, got 0"},
    {"op.cat({zeros{2}, 3})",
     "cat: element 2 of the list must be a tensor, got number"},
    {"op.cat({zeros{2, 3}, zeros{3, 2}})",
     "cat: tensor 2 must be like the first, (2, 3), but for the axis " ..
     "joined, got (3, 2)"},
    {"op.cat({zeros{2, 3}, zeros{3}})",
     "cat: tensor 2 must have as many axes as the first, (2, 3), got (3)"},
    {"op.cat({zeros{2}, zeros({2}, 'float64')})",
     "cat: tensor 2 must be float32 like the first, got float64"},
    {"op.cat({zeros{2}}, 2)",
     "cat: 'axis' is 2, but the tensor has 1 axis"},
    {"op.cat(zeros{}, zeros{})",
     "cat: 'axis' is 1, but the tensor has 0 axes"},
    {"op.cat(1)",
     "cat: takes tensors or a table of them, got number"},
  },
}
