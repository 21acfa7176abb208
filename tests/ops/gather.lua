-- gather: out[i][j] = x[ids[i][j]][j] for axis 1, and so on for the others

local array = require "tests.array"

local function cases(rand)
  local list = {}
  for i = 1, 24 do
    local shape = rand:dims(rand:int(1, 3), 1, 4)
    local axis = rand:int(1, #shape)
    local picked = {table.unpack(shape)}
    picked[axis] = rand:int(i % 4 == 0 and 0 or 1, 5)
    list[i] = {inputs = {array.random(rand, shape),
                         array.ids(rand, picked, shape[axis])},
               args = {axis = rand:pick {axis, axis - #shape - 1}},
               grad = {1}}
  end
  return list
end

local function reference(x, ids, args)
  local axis = array.axis(args.axis, #x.shape)
  local out = {shape = ids.shape}
  for at, index in array.indices(ids.shape) do
    index[axis] = ids[at]
    out[at] = x[array.at(x.shape, index)]
  end
  return out
end

local function large(rand)
  return {{inputs = {array.random(rand, {70, 300}),
                     array.ids(rand, {80, 300}, 70)},
           args = {axis = 1}, grad = {1}},
          {inputs = {array.random(rand, {300, 70}),
                     array.ids(rand, {300, 80}, 70)},
           args = {axis = 2}, grad = {1}}}
end

return {
  cases = cases, reference = reference, large = large, options = {"axis"},
  errors = {
    {"op.gather(zeros{2, 3}, ids{1}, 1)",
     "gather: 'ids' must fit into 'x' (2, 3) but for the axis picked from, " ..
     "got (1)"},
    {"op.gather(zeros{2}, ids{1, 3}, 1)",
     "gather: 'ids' holds 3 at position 2; ids run from 1 to 2"},
    {"op.gather(zeros{2}, zeros{2}, 1)",
     "gather: 'ids' must be int32, got float32"},
    {"op.gather(zeros{2, 3}, ids{{1, 1, 1, 1}}, 1)",
     "gather: 'ids' must fit into 'x' (2, 3) but for the axis picked from, " ..
     "got (1, 4)"},
    {"op.gather(zeros{2}, ids{1})",
     "gather: 'axis' is missing"},
  },
}
