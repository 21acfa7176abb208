-- Arrays for the naive references: {shape = {2, 3}, 1, 2, 3, 4, 5, 6}, row by
-- row, in Lua numbers. Nothing here is shared with the engine.

local array = {}

---Product of extents.
function array.count(shape)
  local n = 1
  for _, d in ipairs(shape) do n = n * d end
  return n
end

---An array filled by f(i), or with one number.
---@param shape integer[]
---@param f number|fun(i: integer): number
function array.new(shape, f)
  local a = {shape = {table.unpack(shape)}}
  for i = 1, array.count(shape) do
    a[i] = type(f) == "number" and f or f(i)
  end
  return a
end

---Random reals in [lo, hi], default [-2, 2].
function array.random(rand, shape, lo, hi)
  return array.new(shape, function() return rand:real(lo or -2, hi or 2) end)
end

---Random reals no two of which are nearer than 1/8, for ops with ties.
function array.distinct(rand, shape)
  local n = array.count(shape)
  local order = rand:order(n)
  return array.new(shape, function(i) return (order[i] - n // 2) / 8 end)
end

---Random ids in 1..limit; an int32 tensor when given to the engine.
function array.ids(rand, shape, limit)
  local a = array.new(shape, function() return rand:int(1, limit) end)
  a.dtype = "int32"
  return a
end

---Position of a 1-based index.
function array.at(shape, index)
  local i = 0
  for k = 1, #shape do i = i * shape[k] + index[k] - 1 end
  return i + 1
end

---Iterates over positions and their 1-based indices.
function array.indices(shape)
  local n, index = array.count(shape), {}
  local function next_index(_, i)
    if i == n then return nil end
    local rest = i
    for k = #shape, 1, -1 do
      index[k] = rest % shape[k] + 1
      rest = rest // shape[k]
    end
    return i + 1, index
  end
  return next_index, nil, 0
end

function array.map(a, f)
  return array.new(a.shape, function(i) return f(a[i]) end)
end

---Shape that 'a' and 'b' broadcast to, aligned at their last axes.
local function broadcast_shape(a, b)
  local n, shape = math.max(#a, #b), {}
  for k = 1, n do
    local x, y = a[#a - n + k] or 1, b[#b - n + k] or 1
    shape[k] = x == 1 and y or x
  end
  return shape
end

---Element of 'a' that a broadcast shows at 'index'.
local function shown(a, index)
  local own, shift = {}, #index - #a.shape
  for k, d in ipairs(a.shape) do own[k] = d == 1 and 1 or index[k + shift] end
  return a[array.at(a.shape, own)]
end

---f(a, b) with broadcasting; either side may be a number.
function array.broadcast(a, b, f)
  if type(a) == "number" then a = {shape = {}, a} end
  if type(b) == "number" then b = {shape = {}, b} end
  local out = {shape = broadcast_shape(a.shape, b.shape)}
  for i, index in array.indices(out.shape) do
    out[i] = f(shown(a, index), shown(b, index))
  end
  return out
end

---An axis counted from 1, or from the end when negative, as one from 1.
function array.axis(axis, ndim)
  return axis < 0 and axis + ndim + 1 or axis
end

---Lists of the elements along an axis (all of them when axis is nil): calls
---visit(list, positions) for each line, in row order of the other axes.
function array.lines(a, axis, visit)
  local shape = a.shape
  if not axis then
    local all = {}
    for i = 1, array.count(shape) do all[i] = i end
    return visit({table.unpack(a)}, all)
  end
  axis = array.axis(axis, #shape)
  local rest = {table.unpack(shape)}
  rest[axis] = 1
  for _, index in array.indices(rest) do
    local own, list, position = {table.unpack(index)}, {}, {}
    for j = 1, shape[axis] do
      own[axis] = j
      position[j] = array.at(shape, own)
      list[j] = a[position[j]]
    end
    visit(list, position)
  end
end

---f(list) of each line along an axis, as the ops with axis and keepdim do.
function array.reduce(a, axis, keepdim, f)
  local out = {shape = {table.unpack(a.shape)}}
  if not axis then
    for k = 1, #out.shape do out.shape[k] = 1 end
    if not keepdim then out.shape = {} end
  else
    axis = array.axis(axis, #a.shape)
    if keepdim then out.shape[axis] = 1 else table.remove(out.shape, axis) end
  end
  array.lines(a, axis, function(list) out[#out + 1] = f(list) end)
  return out
end

---A tensor with the elements of 'a', whose ids count from 1.
function array.tensor(rnn, a, dtype)
  if a.dtype == "int32" then
    if #a == 0 then return rnn.zeros(a.shape, "int32") end
    return rnn.ids({table.unpack(a)}):reshape(a.shape)
  end
  if #a == 0 then return rnn.zeros(a.shape, dtype) end
  return rnn.tensor({table.unpack(a)}, dtype):reshape(a.shape)
end

local function flatten(v, out)
  if type(v) ~= "table" then
    out[#out + 1] = v
  else
    for _, x in ipairs(v) do flatten(x, out) end
  end
  return out
end

---The elements of a tensor; ids count from 1.
function array.of(t)
  local a = flatten(t:totable(), {})
  a.shape = t:shape()
  return a
end

local function same_shape(a, b)
  if #a ~= #b then return false end
  for k = 1, #a do
    if a[k] ~= b[k] then return false end
  end
  return true
end

function array.shape_text(shape)
  return "(" .. table.concat(shape, ", ") .. ")"
end

---Is 'got' what was expected, each element within tol * (1 + |expected|)?
---@return boolean same
---@return string? difference
function array.compare(got, want, tol)
  if not same_shape(got.shape, want.shape) then
    return false, ("shape %s, expected %s"):format(
      array.shape_text(got.shape), array.shape_text(want.shape))
  end
  if #got ~= #want then
    return false, ("%d elements, expected %d"):format(#got, #want)
  end
  for i = 1, #want do
    local same = got[i] == want[i] or
                 math.abs(got[i] - want[i]) <= tol * (1 + math.abs(want[i]))
    if not same then
      return false, ("element %d is %.17g, expected %.17g"):format(
        i, got[i], want[i])
    end
  end
  return true
end

return array
