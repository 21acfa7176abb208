---Reads ONNX files, to see what was written, and looks for what no runtime
---would take: values that nothing makes, or made twice, weights of another size
---than they say.
local onnxfile = {}

---Fields of messages that are looked at: number -> name, message or type.
local MESSAGES = {
  Model = {[1] = {"ir_version"}, [2] = {"producer_name"},
           [3] = {"producer_version"}, [7] = {"graph", "Graph"},
           [8] = {"opset", "Opset", true}, [14] = {"meta", "Entry", true}},
  Opset = {[1] = {"domain"}, [2] = {"version"}},
  Entry = {[1] = {"key"}, [2] = {"value"}},
  Graph = {[1] = {"node", "Node", true}, [2] = {"name"},
           [5] = {"initializer", "Tensor", true},
           [11] = {"input", "Value", true}, [12] = {"output", "Value", true}},
  Node = {[1] = {"input", nil, true}, [2] = {"output", nil, true},
          [3] = {"name"}, [4] = {"op"}, [5] = {"attribute", "Attribute", true}},
  Attribute = {[1] = {"name"}, [2] = {"f"}, [3] = {"i"}, [4] = {"s"},
               [6] = {"g", "Graph"}, [7] = {"floats", nil, true},
               [8] = {"ints", nil, true}, [9] = {"strings", nil, true},
               [20] = {"type"}},
  Tensor = {[1] = {"dims", nil, true}, [2] = {"data_type"}, [8] = {"name"},
            [9] = {"raw"}},
  Value = {[1] = {"name"}, [2] = {"type", "Type"}, [3] = {"doc"}},
  Type = {[1] = {"tensor", "TensorType"}},
  TensorType = {[1] = {"elem"}, [2] = {"shape", "Shape"}},
  Shape = {[1] = {"dim", "Dimension", true}},
  Dimension = {[1] = {"value"}, [2] = {"param"}},
}

local function varint(s, at)
  local n, shift = 0, 0
  while true do
    local byte = s:byte(at)
    n, shift, at = n | (byte & 0x7f) << shift, shift + 7, at + 1
    if byte < 0x80 then return n, at end
  end
end

local READ = {
  [0] = varint,
  [2] = function(s, at)
    local n
    n, at = varint(s, at)
    assert(at + n <= #s + 1, "a field is longer than its message")
    return s:sub(at, at + n - 1), at + n
  end,
  [5] = function(s, at) return string.unpack("<f", s, at) end,
}

local function decode(s, kind)
  local message, at = {}, 1
  for _, field in pairs(MESSAGES[kind]) do
    if field[3] then message[field[1]] = {} end
  end
  while at <= #s do
    local tag, value
    tag, at = varint(s, at)
    local field = assert(MESSAGES[kind][tag >> 3], kind .. " has field " ..
                         (tag >> 3))
    value, at = assert(READ[tag & 7])(s, at)
    if field[2] then value = decode(value, field[2]) end
    if field[3] then
      table.insert(message[field[1]], value)
    else
      assert(message[field[1]] == nil, "a field is there twice")
      message[field[1]] = value
    end
  end
  return message
end

local SIZE = {[1] = 4, [6] = 4, [7] = 8, [9] = 1, [11] = 8}

local function check_initializers(graph, known)
  for _, t in ipairs(graph.initializer) do
    local count = 1
    for _, extent in ipairs(t.dims) do count = count * extent end
    assert(#(t.raw or "") == count * SIZE[t.data_type], t.name)
    assert(not known[t.name], t.name .. " is there twice")
    known[t.name] = true
  end
end

---@return table<string, integer> how many nodes there are of each
local function check_graph(graph, outer, counts)
  local known = setmetatable({}, {__index = outer})
  check_initializers(graph, known)
  for _, value in ipairs(graph.input) do
    assert(not known[value.name], value.name)
    known[value.name] = true
  end
  for _, node in ipairs(graph.node) do
    counts[node.op] = (counts[node.op] or 0) + 1
    for _, name in ipairs(node.input) do
      assert(name == "" or known[name], node.op .. " reads " .. name)
    end
    for _, a in ipairs(node.attribute) do
      if a.g then check_graph(a.g, known, counts) end
    end
    for _, name in ipairs(node.output) do
      assert(not known[name], name .. " is made twice")
      known[name] = true
    end
  end
  for _, value in ipairs(graph.output) do
    assert(known[value.name], value.name .. " is made by nothing")
  end
  return counts
end

---Names, types and shapes of values.
local function values_of(list)
  local all = {}
  for i, value in ipairs(list) do
    local t, dims = value.type.tensor, {}
    for k, dim in ipairs(t.shape.dim) do dims[k] = dim.value or dim.param end
    all[i] = {name = value.name, elem = t.elem, shape = dims}
  end
  return all
end

---@param s string bytes
---@return {nodes: table<string, integer>, inputs: table[], outputs: table[],
---meta: table<string, string>, weights: table<string, table>}
function onnxfile.read(s)
  local model = decode(s, "Model")
  assert(model.ir_version == 8 and #model.opset == 1 and
         model.opset[1].version == 17)
  local meta, weights = {}, {}
  for _, entry in ipairs(model.meta) do meta[entry.key] = entry.value end
  for _, t in ipairs(model.graph.initializer) do weights[t.name] = t end
  return {nodes = check_graph(model.graph, {}, {}), meta = meta,
          weights = weights, inputs = values_of(model.graph.input),
          outputs = values_of(model.graph.output)}
end

return onnxfile
