-- embedding: row ids[...] of weight (V,D) -> (...,D)

local array = require "tests.array"

local function cases(rand)
  local list = {}
  for _, shape in ipairs(rand:shapes(24)) do
    local V, D = rand:int(1, 5), rand:int(0, 3)
    list[#list + 1] = {inputs = {array.random(rand, {V, D}),
                                 array.ids(rand, shape, V)},
                       args = {}, grad = {1}}
  end
  return list
end

local function reference(weight, ids)
  local D = weight.shape[2]
  local shape = {table.unpack(ids.shape)}
  shape[#shape + 1] = D
  return array.new(shape, function(i)
    local id = ids[(i - 1) // D + 1]
    return weight[(id - 1) * D + (i - 1) % D + 1]
  end)
end

local function large(rand)
  return {{inputs = {array.random(rand, {50, 37}),
                     array.ids(rand, {40, 20}, 50)},
           args = {}, grad = {1}}}
end

return {
  cases = cases, reference = reference, large = large,
  errors = {
    {"op.embedding(zeros{4}, ids{1})",
     "embedding: 'weight' must be (V, D), got (4)"},
    {"op.embedding(zeros{4, 2}, ids{{1, 2}, {3, 5}})",
     "embedding: 'ids' holds 5 at position 4; ids run from 1 to 4"},
    {"op.embedding(zeros{4, 2}, ids{0})",
     "embedding: 'ids' holds 0 at position 1; ids run from 1 to 4"},
    {"op.embedding(zeros{4, 2}, zeros{1})",
     "embedding: 'ids' must be int32, got float32"},
    {"op.embedding(ids{1}, ids{1})",
     "embedding: 'weight' must be float32 or float64, got int32"},
    {"op.embedding(zeros{4, 2}, zeros({1,1,1,1,1,1,1,1}, 'int32'))",
     "embedding: 'ids' must have fewer than 8 axes, got (1, 1, 1, 1, 1, 1, " ..
     "1, 1)"},
  },
}
