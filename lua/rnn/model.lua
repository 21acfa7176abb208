---Models are plain tables: finding their parameters, saving, restoring.
local core = require "rnn.core"

local model = {}

---Keys of a table in an order that does not change between runs: numbers
---ascending, then strings.
local function sorted_keys(t)
  local keys = {}
  for k in pairs(t) do
    local kind = math.type(k) == "integer" and 1
                 or type(k) == "string" and 2 or nil
    if kind then keys[#keys + 1] = {kind, k} end
  end
  table.sort(keys, function(a, b)
    if a[1] ~= b[1] then return a[1] < b[1] end
    return a[2] < b[2]
  end)
  return keys
end

local function walk(value, path, seen, found)
  if seen[value] then return end
  if core.is_param(value) then
    seen[value] = true
    for _, p in ipairs(found) do
      if p == value then return end   -- the same tensor, another handle
    end
    found[#found + 1] = value
    found.names[#found] = path
  elseif type(value) == "table" then
    seen[value] = true
    for _, key in ipairs(sorted_keys(value)) do
      local k = key[2]
      walk(value[k], path == "" and tostring(k) or path .. "." .. k, seen,
           found)
    end
  end
end

---Parameters of a model (or layer): tensors made by rnn.param, each once, in
---the order of their sorted paths. A tensor in two places has its first name.
---@param m table
---@return rnn.Tensor[] params with the paths in `params.names`
function model.parameters(m)
  if type(m) ~= "table" then
    error(("parameters: the model must be a table, got %s"):format(type(m)), 2)
  end
  local found = {names = {}}
  walk(m, "", {}, found)
  return found
end

---A copy of a tensor, or of every tensor in a table, that no tape differentiates
---and that outlives the tape: the state carried to the next BPTT window.
---@generic T
---@param x T
---@return T
function model.detach(x)
  if core.is_tensor(x) then return x:detach() end
  if type(x) ~= "table" then return x end
  local copy = {}
  for k, v in pairs(x) do copy[k] = model.detach(v) end
  return copy
end

---Metadata values: strings as they are; objects with a `spec` method (such as
---tokenizers) by what that returns.
local function meta_string(key, value)
  if type(value) == "string" then return value end
  if type(value) == "table" and value.spec then return value:spec() end
  error(("save: metadata '%s' must be a string or a tokenizer, got %s")
        :format(key, type(value)), 3)
end

---Saves the parameters of a model as one safetensors file, under their paths
---as names. The file is replaced as a whole or not at all.
---@param path string
---@param m table model, or a table of name = tensor
---@param meta? table<string, string|table> kept in the file's `__metadata__`
---@return true|nil ok
---@return string? message "path: reason"
---@return string? code "EIO" or "EFORMAT"
function model.save(path, m, meta)
  local params = model.parameters(m)
  local names, tensors = {}, {}
  for i, t in ipairs(params) do names[i], tensors[i] = params.names[i], t end
  for _, key in ipairs(sorted_keys(m)) do   -- flat tables of plain tensors
    local name, t = key[2], m[key[2]]
    if core.is_tensor(t) and not core.is_param(t) then
      names[#names + 1], tensors[#tensors + 1] = tostring(name), t
    end
  end
  local strings = {format = "rnnlua", ["rnnlua.version"] = core.version,
                   ["rnnlua.layers"] = model.describe(m)}
  for key, value in pairs(meta or {}) do
    if type(key) ~= "string" then
      error("save: metadata keys must be strings", 2)
    end
    strings[key] = meta_string(key, value)
  end
  return core.file_save(path, names, tensors, strings)
end

---Reads a safetensors file.
---@param path string
---@return table<string, rnn.Tensor>|nil tensors
---@return table<string, string>|string meta or the message "path: reason"
---@return string? code "EIO" or "EFORMAT"
function model.load(path)
  local tensors, meta, code = core.file_load(path)
  return tensors, meta, not tensors and code or nil
end

local function shape_text(t)
  return "(" .. table.concat(t:shape(), ", ") .. ")"
end

local function same_shape(a, b)
  return shape_text(a) == shape_text(b)
end

---What does not fit between parameters and tensors, one line each.
local function mismatches(params, tensors, strict)
  local lines, known = {}, {}
  for i, p in ipairs(params) do
    local name = params.names[i]
    known[name] = true
    local t = tensors[name]
    if not t then
      if strict then lines[#lines + 1] = "missing " .. name end
    elseif not same_shape(p, t) then
      lines[#lines + 1] = ("%s is %s, the model wants %s"):format(
        name, shape_text(t), shape_text(p))
    end
  end
  local extra = {}
  for name in pairs(tensors) do
    if not known[name] then extra[#extra + 1] = "extra " .. name end
  end
  if strict then
    table.sort(extra)
    table.move(extra, 1, #extra, #lines + 1, lines)
  end
  return lines
end

---Copies saved numbers into the parameters of a model. Everything is checked
---first: on a mismatch the model is left as it was.
---@param m table
---@param from string|table<string, rnn.Tensor> path, or tensors from rnn.load
---@param opts? {strict: boolean} strict (default true): every parameter must be
---there and nothing else; else missing and extra ones are passed over
---@return table<string, string>|true|nil meta of the file, or true for tensors
---@return string? message listing every missing, extra or misshapen tensor
---@return string? code
function model.restore(m, from, opts)
  local tensors, meta, code = from, true, nil
  if type(from) == "string" then
    tensors, meta, code = model.load(from)
    if not tensors then return nil, meta, code end
  end
  local strict = not (opts and opts.strict == false)
  local params = model.parameters(m)
  local lines = mismatches(params, tensors, strict)
  if #lines > 0 then
    local where = type(from) == "string" and from .. ": " or ""
    return nil, where .. "does not fit the model: " ..
                table.concat(lines, "; "), "EFORMAT"
  end
  for i, p in ipairs(params) do
    local t = tensors[params.names[i]]
    if t then p:copy(t) end
  end
  return meta
end

return model
