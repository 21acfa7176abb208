---The messages of ONNX that are written, as protobuf: what onnx.proto says of
---version 8 of its intermediate representation, no more. A message is a table;
---fields that are not there are left out.
local proto = {}

---Fields of each message: name, number, type - "int", "float", "bytes" (strings
---too) or another message - and whether it is a list.
local MESSAGES = {
  Model = {
    {"ir_version", 1, "int"}, {"producer_name", 2, "bytes"},
    {"producer_version", 3, "bytes"}, {"doc_string", 6, "bytes"},
    {"graph", 7, "Graph"}, {"opset_import", 8, "Opset", true},
    {"metadata_props", 14, "Entry", true},
  },
  Opset = {{"domain", 1, "bytes"}, {"version", 2, "int"}},
  Entry = {{"key", 1, "bytes"}, {"value", 2, "bytes"}},
  Graph = {
    {"node", 1, "Node", true}, {"name", 2, "bytes"},
    {"initializer", 5, "Tensor", true}, {"input", 11, "Value", true},
    {"output", 12, "Value", true},
  },
  Node = {
    {"input", 1, "bytes", true}, {"output", 2, "bytes", true},
    {"name", 3, "bytes"}, {"op_type", 4, "bytes"},
    {"attribute", 5, "Attribute", true},
  },
  Attribute = {
    {"name", 1, "bytes"}, {"f", 2, "float"}, {"i", 3, "int"},
    {"s", 4, "bytes"}, {"g", 6, "Graph"}, {"floats", 7, "float", true},
    {"ints", 8, "int", true}, {"strings", 9, "bytes", true},
    {"type", 20, "int"},
  },
  Tensor = {
    {"dims", 1, "int", true}, {"data_type", 2, "int"}, {"name", 8, "bytes"},
    {"raw_data", 9, "bytes"},
  },
  Value = {{"name", 1, "bytes"}, {"type", 2, "Type"},
           {"doc_string", 3, "bytes"}},
  Type = {{"tensor_type", 1, "TensorType"}},
  TensorType = {{"elem_type", 1, "int"}, {"shape", 2, "Shape"}},
  Shape = {{"dim", 1, "Dimension", true}},
  Dimension = {{"dim_value", 1, "int"}, {"dim_param", 2, "bytes"}},
}

local VARINT <const>, LENGTH <const>, FIXED32 <const> = 0, 2, 5

---Seven bits a byte, the lowest first.
local function varint(n)
  local bytes = {}
  while n & ~0x7f ~= 0 do
    bytes[#bytes + 1] = string.char(n & 0x7f | 0x80)
    n = n >> 7
  end
  bytes[#bytes + 1] = string.char(n)
  return table.concat(bytes)
end

local function add_field(parts, number, kind, value)
  if kind == "int" then
    parts[#parts + 1] = varint(number << 3 | VARINT) .. varint(value)
  elseif kind == "float" then
    parts[#parts + 1] = varint(number << 3 | FIXED32) ..
                        string.pack("<f", value)
  else
    if MESSAGES[kind] then value = proto.encode(kind, value) end
    parts[#parts + 1] = varint(number << 3 | LENGTH) .. varint(#value)
    parts[#parts + 1] = value
  end
end

---@param kind string name of a message
---@param message table
---@return string
function proto.encode(kind, message)
  local parts = {}
  for _, field in ipairs(MESSAGES[kind]) do
    local value = message[field[1]]
    for _, one in ipairs(field[4] and value or {value}) do
      add_field(parts, field[2], field[3], one)
    end
  end
  return table.concat(parts)
end

return proto
