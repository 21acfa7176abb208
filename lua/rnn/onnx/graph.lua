---A graph of ONNX as it is made: `g:op("MatMul", a, b)` adds a node and gives
---the name of its result; weights and constants become initializers. Inputs of
---nodes are such names; "" is one that is not there.
local core = require "rnn.core"

---Numbers of element types.
local TYPES = {float32 = 1, int32 = 6, int64 = 7, bool = 9, float64 = 11}

---@class rnn.OnnxGraph
---@field graph table message
---@field values {input: rnn.OnnxValue[], output: rnn.OnnxValue[]}
---@field root rnn.OnnxGraph the outermost one, which has the initializers
local Graph = {}
Graph.__index = Graph

local new

---@param name string
---@param outer? rnn.OnnxGraph the graph that this one is inside of
---@return rnn.OnnxGraph
function new(name, outer)
  local g = setmetatable({
    graph = {name = name, node = {}, initializer = {}, input = {},
             output = {}},
    count = 0, known = {}, values = {input = {}, output = {}}}, Graph)
  g.root = outer and outer.root or g
  return g
end

---A graph inside of this one, the body of a node; it may use what is outside.
---@param name string
---@return rnn.OnnxGraph
function Graph:inside(name)
  return new(name, self)
end

-- {== Nodes ==

---@param op string
---@return string name that nothing else has
function Graph:fresh(op)
  local root = self.root
  root.count = root.count + 1
  return ("%s_%d"):format(op:lower(), root.count)
end

---The message of an attribute; a list is of its first element's type.
local function attribute(name, value)
  local one = type(value) == "table" and value[1] or value
  local kind = getmetatable(value) == Graph and "graph" or
               math.type(one) or type(one)
  local field = ({integer = "i", float = "f", string = "s"})[kind]
  if kind == "graph" then
    return {name = name, g = value.graph, type = 5}
  elseif type(value) == "table" then
    local many = {i = {"ints", 7}, f = {"floats", 6}, s = {"strings", 8}}
    local list = many[field]
    return {name = name, [list[1]] = value, type = list[2]}
  end
  return {name = name, [field] = value, type = ({f = 1, i = 2, s = 3})[field]}
end

---@param op string
---@param inputs string[]
---@param attributes? table<string, any>
---@param count? integer results, default 1
---@return string ... names of results
function Graph:node(op, inputs, attributes, count)
  local outputs, list, names = {}, {}, {}
  for i = 1, count or 1 do outputs[i] = self:fresh(op) end
  for name in pairs(attributes or {}) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do
    list[i] = attribute(name, attributes[name])
  end
  local nodes = self.graph.node
  nodes[#nodes + 1] = {op_type = op, name = outputs[1], input = inputs,
                       output = outputs, attribute = list}
  return table.unpack(outputs)
end

---A node with one result, its inputs in a row and, last, its attributes.
---@param op string
---@param ... string|table
---@return string
function Graph:op(op, ...)
  local inputs, attributes = {...}, nil
  if type(inputs[#inputs]) == "table" then
    attributes = table.remove(inputs)
  end
  return (self:node(op, inputs, attributes))
end

-- }==

-- {== Initializers: equal constants and weights of one name are written once ==

---@param name string
local function add_initializer(g, name, dtype, dims, raw)
  local list = g.root.graph.initializer
  list[#list + 1] = {name = name, data_type = TYPES[dtype], dims = dims,
                     raw_data = raw}
  return name
end

---The numbers of a tensor under a name, as float32.
---@param t rnn.Tensor|fun(): rnn.Tensor what makes it, called once for a name
---@param name string
---@return string name
function Graph:weight(t, name)
  local known = self.root.known
  if not known[name] then
    t = core.is_tensor(t) and t or t()
    known[name] = add_initializer(self, name, "float32", t:shape(),
                                  t:to("float32"):bytes())
  end
  return name
end

---@param key string what tells it from other constants
local function constant(g, key, dtype, dims, raw)
  local known = g.root.known
  known[key] = known[key] or
               add_initializer(g, g:fresh "constant", dtype, dims, raw)
  return known[key]
end

---Real numbers, a list or a single one.
---@param x number|number[]
---@param dtype? "float64" default float32
---@return string
function Graph:reals(x, dtype)
  dtype = dtype or "float32"
  local t = core.tensor(x, dtype)
  local raw = t:bytes()
  local key = ("%s %s %s"):format(dtype, table.concat(t:shape(), ","), raw)
  return constant(self, key, dtype, t:shape(), raw)
end

---int64 numbers, a list or a single one.
---@param x integer|integer[]
---@return string
function Graph:ints(x)
  local list = type(x) == "table" and x or {x}
  local raw = string.pack("<" .. ("i8"):rep(#list), table.unpack(list))
  local dims = type(x) == "table" and {#list} or {}
  return constant(self, ("int64 %d %s"):format(#dims, raw), "int64", dims, raw)
end

-- }==

-- {== Inputs and outputs ==

---An axis is a number or a name of any number.
local function add_value(g, list, name, dtype, shape, doc)
  local dims
  for i, extent in ipairs(shape or {}) do
    dims = dims or {}
    dims[i] = {[math.type(extent) and "dim_value" or "dim_param"] = extent}
  end
  table.insert(g.values[list], {name = name, dtype = dtype, shape = shape,
                                doc = doc or ""})
  table.insert(g.graph[list], {name = name, doc_string = doc, type = {
    tensor_type = {elem_type = TYPES[dtype],
                   shape = shape and {dim = dims or {}}}}})
end

---@param name string
---@param dtype string
---@param shape? (integer|string)[] nothing is said without it
---@param doc? string
---@return string name
function Graph:input(name, dtype, shape, doc)
  add_value(self, "input", name, dtype, shape, doc)
  return name
end

---@param name string
---@param of string the value that it is
---@param dtype string
---@param shape? (integer|string)[]
---@param doc? string
function Graph:output(name, of, dtype, shape, doc)
  local nodes = self.graph.node
  nodes[#nodes + 1] = {op_type = "Identity", name = name, input = {of},
                       output = {name}}
  add_value(self, "output", name, dtype, shape, doc)
end

-- }==

-- {== What nodes are used for again and again ==

---Elements from to up to 'to', without it, along an axis; negative ones count
---from the end. All from 0.
---@return string
function Graph:slice(x, axis, from, to)
  return self:op("Slice", x, self:ints {from}, self:ints {to},
                 self:ints {axis})
end

---@return string x (T,N,...) without an axis
function Graph:squeeze(x, axis)
  return self:op("Squeeze", x, self:ints {axis})
end

---@return string
function Graph:unsqueeze(x, axis)
  return self:op("Unsqueeze", x, self:ints {axis})
end

---@param shape integer[] 0: as it is, -1: what is left
---@return string
function Graph:reshape(x, shape)
  return self:op("Reshape", x, self:ints(shape))
end

---One extent of a tensor, as a list of one.
---@return string
function Graph:extent(x, axis)
  return self:slice(self:op("Shape", x), 0, axis, axis + 1)
end

---Which steps of x (T,N,...) are within the lengths (N): bool (T,N,1).
---@return string
function Graph:within(x, lengths)
  local T = self:op("Squeeze", self:extent(x, 0))
  local steps = self:op("Range", self:ints(0), T, self:ints(1))
  return self:unsqueeze(self:op("Less", self:unsqueeze(steps, 1), lengths), 2)
end

---@param list string[]
---@return string
function Graph:cat(axis, list)
  if #list == 1 then return list[1] end
  return (self:node("Concat", list, {axis = axis}))
end

---@param perm integer[]
---@return string
function Graph:transpose(x, perm)
  return self:op("Transpose", x, {perm = perm})
end

---x wᵀ + b
---@param w string (out,in)
---@param b? string
---@return string
function Graph:linear(x, w, b)
  local y = self:op("MatMul", x, self:transpose(w, {1, 0}))
  return b and self:op("Add", y, b) or y
end

-- }==

return new
