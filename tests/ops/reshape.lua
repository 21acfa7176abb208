-- reshape: the same elements under another shape; one -1 is worked out

local array = require "tests.array"

local function cases(rand)
  local list = {}
  local function add(from, to)
    list[#list + 1] = {inputs = {array.random(rand, from)},
                       args = {shape = to}, grad = {1}}
  end
  add({}, {1})
  add({}, {})
  add({1, 1}, {})
  add({1}, {-1})
  add({0}, {3, 0})
  add({0, 3}, {0})
  add({4, 0}, {-1, 7})
  for _ = 1, 18 do
    local a, b, c = rand:int(1, 4), rand:int(1, 4), rand:int(1, 3)
    add(rand:pick {{a, b, c}, {a * b, c}, {a * b * c}},
        rand:pick {{a, -1}, {-1, c}, {a, b * c}, {-1}, {c, a, b},
                   {a, b, c, 1}})
  end
  return list
end

local function reference(x, args)
  local known, free = 1, nil
  local shape = {table.unpack(args.shape)}
  for k, d in ipairs(shape) do
    if d == -1 then free = k else known = known * d end
  end
  if free then shape[free] = array.count(x.shape) // known end
  return array.new(shape, function(i) return x[i] end)
end

return {
  cases = cases, reference = reference, options = {"shape"},
  errors = {
    {"op.reshape(zeros{2, 3}, {4, -1})",
     "reshape: (2, 3) does not fit into the shape (4, -1)"},
    {"op.reshape(zeros{2, 3}, {-1, -1})",
     "reshape: (2, 3) does not fit into the shape (-1, -1)"},
    {"op.reshape(zeros{2, 3}, {5})",
     "reshape: (2, 3) does not fit into the shape (5)"},
    {"op.reshape(zeros{2, 3}, {-2, 3})",
     "reshape: (2, 3) does not fit into the shape (-2, 3)"},
    {"op.reshape(zeros{0}, {0, -1})",
     "reshape: (0) does not fit into the shape (0, -1)"},
    {"op.reshape(zeros{2, 3}, 6)",
     "reshape: 'shape' must be a table of integers, got number"},
    {"op.reshape(zeros{2, 3})",
     "reshape: 'shape' is missing"},
    {"op.reshape(zeros{2, 3}, {2.5})",
     "reshape: 'shape' must be an integer, got 2.5"},
  },
}
