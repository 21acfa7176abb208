---rnn.onnx: model files as ONNX (opset 17), for runtimes that know no rnnlua.
---
---    local rnn = require "rnn"
---    local path, lm = os.tmpname(), require "rnn.models.lm"
---    local tok = rnn.text.tokenizer("char"):fit "to be or not to be"
---    assert(rnn.save(path, lm.build {tok = tok, cell = "lstm", embed = 4,
---                    hidden = 8, layers = 1}, lm.describe(tok)))
---    local converted = assert(rnn.onnx.convert(path))
---    print(converted.inputs[1].name, converted.outputs[1].name)  -- ids logits
---    assert(rnn.onnx.save(path, converted))
---    os.remove(path)
---
---Kinds: lm, tagger, classifier, seriesclassifier, forecaster; the files in
---lua/rnn/onnx say what their graphs take and give. Numbers are float32, those
---of forecasts and series in their unit float64. All ids count from 0. The
---metadata of the model file (kind, tokenizer, labels, ...) are that of the
---ONNX file, under the same keys. Dropout is left out.
local core = require "rnn.core"
local model = require "rnn.model"
local new_graph = require "rnn.onnx.graph"
local proto = require "rnn.onnx.proto"

local onnx = {}

local OPSET <const>, IR <const> = 17, 8
local MOST <const> = 0x7fffffff    -- bytes of a protobuf

local KINDS = {"lm", "tagger", "classifier", "seriesclassifier", "forecaster"}

---Metadata that say how a model was trained, or about its own file.
local LEFT_OUT = {["rnnlua.train"] = true, ["rnnlua.digest"] = true,
                  format = true}

---@class rnn.OnnxValue
---@field name string
---@field dtype string "float32", "float64", "int64"
---@field shape (integer|string)[] a name is any number
---@field doc string

---@class rnn.Onnx
---@field bytes string the file
---@field kind string
---@field inputs rnn.OnnxValue[]
---@field outputs rnn.OnnxValue[]

local function known_kind(kind)
  for _, one in ipairs(KINDS) do
    if one == kind then return true end
  end
end

local function properties(meta)
  local keys, list = {}, {}
  for key in pairs(meta) do
    if not LEFT_OUT[key] then keys[#keys + 1] = key end
  end
  table.sort(keys)
  for i, key in ipairs(keys) do list[i] = {key = key, value = meta[key]} end
  return list
end

local function message_of(g, meta)
  return {
    ir_version = IR, producer_name = "rnnlua", producer_version = core.version,
    graph = g.graph, opset_import = {{domain = "", version = OPSET}},
    metadata_props = properties(meta),
  }
end

---The file as bytes; raises {message} for what cannot be one.
local function convert(kind, m, meta)
  local bytes = 0
  for _, t in pairs(model.tensors(m)) do bytes = bytes + 4 * #t:reshape {-1} end
  if bytes > MOST then
    error({message = ("has %d bytes of weights, an ONNX file at most %d")
           :format(bytes, MOST)}, 0)
  end
  local g = new_graph(kind)
  require("rnn.onnx." .. kind)(g, m)
  return {bytes = proto.encode("Model", message_of(g, meta)), kind = kind,
          inputs = g.values.input, outputs = g.values.output}
end

---Makes an ONNX file of a model file.
---@param path string
---@return rnn.Onnx|nil
---@return string? message "path: reason"
---@return string? code "EIO" or "EFORMAT"
function onnx.convert(path)
  local tensors, meta, code = model.load(path)
  if not tensors then return nil, meta, code end
  local kind = meta["rnnlua.kind"] or meta.tokenizer and "lm"
  if not known_kind(kind) then
    return nil, ("%s: is %s, ONNX files are made of %s"):format(path, kind and
           "of kind '" .. kind .. "'" or "of no kind",
           table.concat(KINDS, ", ")), "EFORMAT"
  end
  local m, wrong, why = require("rnn.models." .. kind).load(path)
  if not m then return nil, wrong, why end
  local ok, made = pcall(convert, kind, m, meta)
  if ok then return made end
  if type(made) ~= "table" or not made.message then error(made, 0) end
  return nil, path .. ": " .. made.message, "EFORMAT"
end

---Writes what convert made; the file is replaced as a whole or not at all.
---@param path string
---@param converted rnn.Onnx
---@return true|nil
---@return string? message
---@return string? code "EIO"
function onnx.save(path, converted)
  return core.text_save(path, converted.bytes)
end

return onnx
