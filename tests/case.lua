-- What a case file in tests/ops holds, and builders for the common kinds.
--
--   cases      function(rand) -> list of {inputs = {...}, args = {...},
--              grad = {1, 2}}: inputs are arrays, Lua numbers or nil (then
--              with n); args are options by name; grad the inputs that want
--              a gradient
--   reference  function(inputs..., args) -> outputs, arrays, in plain Lua
--   options    names of the options in the order they may be given
--   list       true: inputs are handed over in one table
--   taped      true: the op acts only under a tape
--   errors     list of {code, message}: the call in the words of the script
--   large      function (rand) -> list of cases that are larger than what one
--              worker takes at a time; a few elements are checked
--   extra      name -> function: tests that only this op has

local array = require "tests.array"

local case = {}

---A case of one input.
function case.one(x, args, grad)
  return {inputs = {x}, args = args or {}, grad = grad or {1}}
end

---Cases along each axis of tensors of more than one worker's share.
function case.large_axes(rand, make, grad)
  make = make or array.random
  local list = {}
  for axis = 1, 3 do
    list[axis] = case.one(make(rand, {23, 37, 29}), {axis = axis}, grad)
  end
  list[4] = case.one(make(rand, {3, 9001}), {axis = 2}, grad)
  list[5] = case.one(make(rand, {9001, 3}), {axis = 1}, grad)
  return list
end

---Cases of an op on one tensor, for the shapes of rand:shapes.
---@param make? fun(rand, shape): table  the input, default random in [-2, 2]
---@param least? integer  fewest axes
function case.over_shapes(rand, make, least)
  local list = {}
  for _, shape in ipairs(rand:shapes(24, least)) do
    local x = (make or array.random)(rand, shape)
    list[#list + 1] = {inputs = {x}, args = {}, grad = {1}}
  end
  return list
end

---An elementwise op of one tensor.
---@param f fun(x: number): number
---@param make? fun(rand, shape): table
function case.unary(f, make)
  return {
    cases = function(rand) return case.over_shapes(rand, make) end,
    reference = function(x) return array.map(x, f) end,
    large = function(rand)
      return {case.one((make or array.random)(rand, {3, 7001}))}
    end,
  }
end

---Reals in [-2, 2] at least 1/16 away from every number of 'kinks'.
function case.away_from(kinks)
  local function near(x)
    for _, k in ipairs(kinks) do
      if math.abs(x - k) < 1 / 16 then return true end
    end
    return false
  end
  return function(rand, shape)
    return array.new(shape, function()
      local x
      repeat x = rand:real(-2, 2) until not near(x)
      return x
    end)
  end
end

function case.between(lo, hi)
  return function(rand, shape) return array.random(rand, shape, lo, hi) end
end

---Two shapes that broadcast to one: axes dropped in front, extents made 1.
local function shape_pair(rand)
  local full = rand:dims(rand:int(0, 3), rand:chance(0.1) and 0 or 1, 3)
  local function part()
    local shape = {table.unpack(full, rand:chance(0.4) and rand:int(1, 3) or 1)}
    for k = 1, #shape do
      if rand:chance(0.3) then shape[k] = 1 end
    end
    return shape
  end
  return part(), part()
end

---Cases of an op on two tensors that broadcast; a few sides are numbers.
---@param left? fun(rand, shape): table
---@param right? fun(rand, shape): table
function case.pairs(rand, left, right)
  left, right = left or array.random, right or array.random
  local list = {}
  local function add(a, b)
    local grad = {}
    if type(a) == "table" then grad[#grad + 1] = 1 end
    if type(b) == "table" then grad[#grad + 1] = 2 end
    list[#list + 1] = {inputs = {a, b}, args = {}, grad = grad}
  end
  for _, pair in ipairs {{{}, {}}, {{0}, {1}}, {{2, 0}, {2, 1}}, {{1}, {4}},
                         {{3}, {3}}, {{4, 1}, {1, 3}}, {{}, {2, 2}},
                         {{1, 1, 2}, {3, 1}}, {{2, 3, 4}, {3, 4}}} do
    add(left(rand, pair[1]), right(rand, pair[2]))
  end
  add(left(rand, {2, 3}), 2)
  add(1.5, right(rand, {2, 3}))
  for _ = 1, 19 do
    local a, b = shape_pair(rand)
    add(left(rand, a), right(rand, b))
  end
  return list
end

---An elementwise op of two tensors.
function case.binary(f, left, right)
  left, right = left or array.random, right or array.random
  return {
    cases = function(rand) return case.pairs(rand, left, right) end,
    reference = function(a, b) return array.broadcast(a, b, f) end,
    large = function(rand)
      local list = {}
      for i, s in ipairs {{{3, 7001}, {3, 7001}}, {{170, 101}, {101}},
                          {{170, 1}, {170, 101}}, {{}, {20001}}} do
        list[i] = {inputs = {left(rand, s[1]), right(rand, s[2])}, args = {},
                   grad = {1, 2}}
      end
      return list
    end,
  }
end

---A reduction with options axis and keepdim.
---@param f fun(line: number[]): number
---@param opts? {make?: function, empty?: boolean, grad?: integer[]}
---empty: f of nothing is fine; grad: default {1}
function case.reduction(f, opts)
  opts = opts or {}

  local function cases(rand)
    local list = {}
    for i, c in ipairs(case.over_shapes(rand, opts.make)) do
      local shape = c.inputs[1].shape
      if #shape > 0 and i % 4 ~= 0 then
        local axis = rand:int(1, #shape)
        c.args.axis = rand:pick {axis, axis - #shape - 1}
      end
      if i % 3 == 0 then c.args.keepdim = true end
      c.grad = opts.grad or c.grad
      local axis = c.args.axis and array.axis(c.args.axis, #shape)
      local reduced = axis and shape[axis] or #c.inputs[1]
      if opts.empty or reduced > 0 then list[#list + 1] = c end
    end
    return list
  end

  local function reference(x, args)
    return array.reduce(x, args.axis, args.keepdim, f)
  end

  return {cases = cases, reference = reference,
          options = {"axis", "keepdim"},
          large = function(rand)
            return case.large_axes(rand, opts.make, opts.grad)
          end}
end

---Cases of an op that works along an axis, by default the last.
function case.along_axis(rand)
  local list = case.over_shapes(rand, nil, 1)
  for i, c in ipairs(list) do
    local n = #c.inputs[1].shape
    if i % 3 ~= 0 then c.args.axis = rand:pick {rand:int(1, n), -n} end
  end
  return list
end

---Adds one of the reductions, or none, to the options of case i.
local function add_reduction(i, c)
  c.args.reduction = ({"mean", "sum", "none"})[i % 4]
end

---Cases of a loss of (...,V) against ids (...), some ids ignored: by an id of
---the vocabulary, by 0, or none.
function case.classes(rand)
  local list = {}
  for i, shape in ipairs(rand:shapes(28)) do
    local V = rand:int(1, 4)
    local ids = array.ids(rand, shape, V)
    local c = {args = {}, grad = {1}}
    if i % 3 > 0 then
      c.args.ignore = i % 3 == 1 and 0 or rand:int(1, V)
      for k = 1, #ids do
        if rand:chance(0.3) then ids[k] = c.args.ignore end
      end
    end
    add_reduction(i, c)
    local full = {table.unpack(shape)}
    full[#full + 1] = V
    c.inputs = {array.random(rand, full), ids}
    list[i] = c
  end
  return list
end

---Values under option reduction: 'counted' is how many the mean divides by.
function case.reduced(values, args, counted)
  if args.reduction == "none" then return values end
  local sum, n = 0.0, counted or #values
  for _, v in ipairs(values) do sum = sum + v end
  if args.reduction == "sum" then return {shape = {}, sum} end
  return {shape = {}, n > 0 and sum / n or 0.0}
end

---Reference of a loss against ids: f(line, id) for those not ignored.
function case.class_loss(x, ids, args, f)
  local values, counted, at = {shape = ids.shape}, 0, 0
  array.lines(x, -1, function(line)
    at = at + 1
    values[at] = 0.0
    if ids[at] ~= args.ignore then
      counted = counted + 1
      values[at] = f(line, ids[at])
    end
  end)
  return case.reduced(values, args, counted)
end

---Cases of a loss of two tensors of one shape, the second made by 'target'.
function case.losses(rand, target, grad)
  local list = {}
  for i, shape in ipairs(rand:shapes(24)) do
    local c = {inputs = {array.random(rand, shape), target(rand, shape)},
               args = {}, grad = grad}
    add_reduction(i, c)
    list[i] = c
  end
  return list
end

---The same for a loss of distances: targets that are not equal to x, where
---slopes may jump; option 'name' is one of 'values' in two cases of three.
function case.distances(name, values)
  return function(rand)
    local list = case.losses(rand, case.away_from {0}, {1, 2})
    for i, c in ipairs(list) do
      local x, y = c.inputs[1], c.inputs[2]
      for k = 1, #y do y[k] = x[k] + y[k] end
      if i % 3 > 0 then c.args[name] = rand:pick(values) end
    end
    return list
  end
end

---A case of a loss of two tensors that several workers share.
function case.large_loss(rand)
  local x = array.random(rand, {3, 7001})
  return {{inputs = {x, array.random(rand, {3, 7001})}, args = {},
           grad = {1, 2}}}
end

return case
