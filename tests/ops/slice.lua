-- slice: elements from..to of one axis, both included; to = from - 1 is empty

local array = require "tests.array"
local case = require "tests.case"

---Sometimes counted from the end; only 0 is the place before 1.
local function counted(rand, i, extent)
  if i >= 1 and rand:chance(0.3) then return i - extent - 1 end
  return i
end

local function cases(rand)
  local list = case.over_shapes(rand, nil, 1)
  for i, c in ipairs(list) do
    local shape = c.inputs[1].shape
    local axis = rand:int(1, #shape)
    local extent = shape[axis]
    c.args.axis = rand:pick {axis, axis - #shape - 1}
    if extent > 0 and i % 5 ~= 0 then
      local from = rand:int(1, extent)
      c.args.from = counted(rand, from, extent)
      if i % 3 > 0 then
        c.args.to = rand:int(from, extent)
        if rand:chance(0.3) then c.args.to = from - 1 end
        c.args.to = counted(rand, c.args.to, extent)
      end
    end
  end
  return list
end

local function reference(x, args)
  local n = #x.shape
  local axis = array.axis(args.axis, n)
  local extent = x.shape[axis]
  local from, to = args.from or 1, args.to or extent
  if from < 0 then from = from + extent + 1 end
  if to < 0 then to = to + extent + 1 end
  local shape = {table.unpack(x.shape)}
  shape[axis] = to - from + 1
  local out = {shape = shape}
  for at, index in array.indices(shape) do
    local own = {table.unpack(index)}
    own[axis] = own[axis] + from - 1
    out[at] = x[array.at(x.shape, own)]
  end
  return out
end

local function large(rand)
  return {case.one(array.random(rand, {30, 41, 23}), {axis = 2, from = 3}),
          case.one(array.random(rand, {200, 151}), {axis = 1, from = 20})}
end

return {
  cases = cases, reference = reference, large = large,
  options = {"axis", "from", "to"},
  errors = {
    {"op.slice(zeros{2, 3})",
     "slice: 'axis' is missing"},
    {"op.slice(zeros{2, 3}, 3)",
     "slice: 'axis' is 3, but the tensor has 2 axes"},
    {"op.slice(zeros{2, 3}, 1, 2, 3)",
     "slice: 'to' is 3, but the axis has 2 elements"},
    {"op.slice(zeros{2, 3}, 2, 3, 1)",
     "slice: 'to' is 1, more than one before 'from', which is 3"},
    {"op.slice(zeros{2, 3}, 1, 0)",
     "slice: 'from' is 0, but the axis has 2 elements"},
    {"op.slice(zeros{2, 3}, 1, 4)",
     "slice: 'from' is 4, but the axis has 2 elements"},
    {"op.slice(zeros{2, 3}, 1, 1, -4)",
     "slice: 'to' is -4, but the axis has 2 elements"},
    {"op.slice(zeros{2, 3}, 2, -1, 1)",
     "slice: 'to' is 1, more than one before 'from', which is 3"},
    {"op.slice(zeros{2, 3}, 1, -3)",
     "slice: 'from' is -3, but the axis has 2 elements"},
  },
}
