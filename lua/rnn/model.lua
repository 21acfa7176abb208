---Models are plain tables: finding their parameters, saving, restoring, and
---building them again from the description in a model file.
local core = require "rnn.core"
local json = require "rnn.json"
local layer = require "rnn.layer"

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

---Calls visit(value, path, owner) for every tensor and table of a model, each
---once, in the order of sorted paths; owner is the table it is in. A true
---result keeps it from looking inside.
local function walk(value, path, seen, visit, owner)
  local is_table = type(value) == "table"
  if seen[value] or not (is_table or core.is_tensor(value)) then return end
  seen[value] = true
  if visit(value, path, owner) or not is_table then return end
  for _, key in ipairs(sorted_keys(value)) do
    local k = key[2]
    walk(value[k], path == "" and tostring(k) or path .. "." .. k, seen,
         visit, value)
  end
end

local function is_layer(value)
  local class = getmetatable(value)
  return type(class) == "table" and class.kind ~= nil
end

---The tensors of a model that keep(value, owner) wants, each once, in the order
---of their sorted paths, which are in `names`.
local function collect(m, keep)
  local found = {names = {}}
  walk(m, "", {}, function(value, path, owner)
    if not keep(value, owner) then return end
    for _, p in ipairs(found) do
      if p == value then return end   -- the same tensor by another handle
    end
    found[#found + 1] = value
    found.names[#found] = path
  end)
  return found
end

---Parameters of a model (or layer): tensors made by rnn.param, each once, in
---the order of their sorted paths. A tensor in two places has its first name.
---@param m table
---@return rnn.Tensor[] params with the paths in `params.names`
function model.parameters(m)
  if type(m) ~= "table" then
    error(("parameters: the model must be a table, got %s"):format(type(m)), 2)
  end
  return collect(m, core.is_param)
end

---@param m table
---@return integer numbers that are trained
function model.count(m)
  local count = 0
  for _, p in ipairs(model.parameters(m)) do
    local n = 1
    for _, extent in ipairs(p:shape()) do n = n * extent end
    count = count + n
  end
  return count
end

---What a model file keeps: the parameters, what else layers hold (running
---statistics), and plain tensors at the top of the table.
local function kept(m)
  return collect(m, function(value, owner)
    return core.is_param(value) or
           core.is_tensor(value) and (owner == m or is_layer(owner))
  end)
end

---What a model file keeps of a model, by its names.
---@param m table
---@return table<string, rnn.Tensor>
function model.tensors(m)
  local found, by_name = kept(m), {}
  for i, t in ipairs(found) do by_name[found.names[i]] = t end
  return by_name
end

---The outermost layers of a model: path -> {class, sizes, options}.
local function layers_of(m)
  local found = {}
  walk(m, "", {}, function(value, path)
    if not is_layer(value) then return end
    found[path] = value.config
    return true
  end)
  return found
end

local function shape_text(t)
  return "(" .. table.concat(t:shape(), ", ") .. ")"
end

local function fits(into, x)
  return core.is_tensor(into) and into.dtype == x.dtype and
         shape_text(into) == shape_text(x)
end

---A copy of a tensor, or of every tensor in a table, that no tape
---differentiates and that outlives the tape: the state carried to the next BPTT
---window. 'into' may be what an earlier detach returned and nobody needs any
---more: its memory is used again, so that a training loop allocates nothing.
---@generic T
---@param x T
---@param into? T
---@return T
function model.detach(x, into)
  if core.is_tensor(x) then
    return fits(into, x) and into:copy(x) or x:detach()
  end
  if type(x) ~= "table" then return x end
  local copy = {}
  for k, v in pairs(x) do
    copy[k] = model.detach(v, type(into) == "table" and into[k] or nil)
  end
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

---What a file of a model has.
---@param m table model, or a table of name = tensor
---@return string[] names
---@return rnn.Tensor[] tensors
---@return table<string, string> meta that describes the layers
function model.contents(m)
  local tensors = kept(m)
  return tensors.names, tensors,
         {format = "rnnlua", ["rnnlua.version"] = core.version,
          ["rnnlua.layers"] = json.encode(layers_of(m))}
end

---Saves the parameters of a model, and the running statistics of its layers,
---as one safetensors file, under their paths as names. The file is replaced as
---a whole or not at all.
---@param path string
---@param m table model, or a table of name = tensor
---@param meta? table<string, string|table> kept in the file's `__metadata__`
---@return true|nil ok
---@return string? message "path: reason"
---@return string? code "EIO" or "EFORMAT"
function model.save(path, m, meta)
  local names, tensors, strings = model.contents(m)
  for key, value in pairs(meta or {}) do
    if type(key) ~= "string" then
      error("save: metadata keys must be strings", 2)
    end
    strings[key] = meta_string(key, value)
  end
  return core.file_save(path, names, tensors, strings)
end

---The message about a file; where the folder of a run was given in its place,
---what to give.
local function with_hint(path, message)
  local inside = path:gsub("/*$", "/best.safetensors", 1)
  local file <close> = io.open(inside, "rb")
  if not file then return message end
  return ("%s: is a folder; take %s"):format(path, inside)
end

---Reads a safetensors file.
---@param path string
---@return table<string, rnn.Tensor>|nil tensors
---@return table<string, string>|string meta or the message "path: reason"
---@return string? code "EIO" or "EFORMAT"
function model.load(path)
  local tensors, meta, code = core.file_load(path)
  if tensors then return tensors, meta end
  return nil, with_hint(path, meta), code
end

---What does not fit between a model's tensors and others, one line each.
local function mismatches(own, tensors, strict)
  local lines, known = {}, {}
  for i, p in ipairs(own) do
    local name = own.names[i]
    known[name] = true
    local t = tensors[name]
    if not t then
      if strict then lines[#lines + 1] = "missing " .. name end
    elseif shape_text(p) ~= shape_text(t) then
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

---The class and checked options of one described layer, or nil and a message.
---Nothing in a description is trusted.
local function read_layer(path, config)
  if type(path) ~= "string" or path:find "[^%w_.]" or
     ("." .. path .. "."):find("..", 1, true) and path ~= "" then
    return nil, ("'%s' is no place for a layer"):format(path)
  end
  local name = type(config) == "table" and config.class
  local found = type(name) == "string" and name:find "^%u%w*$"
  local file = found and "rnn.layers." .. name:lower()
  if not found or not (package.preload[file] or
                       package.searchpath(file, package.path)) then
    return nil, ("layer '%s' is of no known class"):format(path)
  end
  local class = require(file)
  local sizes = type(config.sizes) == "table" and config.sizes or {}
  local options, wrong = layer.check(class.kind, sizes, config.options)
  if not options then
    return nil, ("layer '%s': %s: %s"):format(path, name, wrong)
  end
  return {path = path, class = class, sizes = sizes, options = options}
end

---Layers described in metadata, sorted by path, or nil and a message.
local function read_layers(text)
  local described, wrong = json.decode(text)
  if type(described) ~= "table" then
    return nil, "the description of its layers is damaged: " ..
                (wrong or "not an object")
  end
  local list = {}
  for _, key in ipairs(sorted_keys(described)) do
    local one, fault = read_layer(key[2], described[key[2]])
    if not one then return nil, fault end
    local last = list[#list]
    if last and (last.path == "" or
                 one.path:sub(1, #last.path + 1) == last.path .. ".") then
      return nil, ("layer '%s' is inside of layer '%s'"):format(one.path,
                  last.path)
    end
    list[#list + 1] = one
  end
  return list
end

---What is missing or misshapen among the tensors a list of layers wants.
local function unfit(list, tensors)
  local lines = {}
  for _, one in ipairs(list) do
    for _, p in ipairs(layer.tensors(one.class, one.sizes, one.options)) do
      local name = (one.path == "" and "" or one.path .. ".") .. p[1]
      local want = table.concat(p[2], ", ")
      local got = tensors[name] and table.concat(tensors[name]:shape(), ", ")
      if not got then
        lines[#lines + 1] = "missing " .. name
      elseif got ~= want then
        lines[#lines + 1] = ("%s is (%s), its layer wants (%s)"):format(
          name, got, want)
      end
    end
  end
  return lines
end

---Puts a value into nested tables at "a.1.b".
local function place(m, path, value)
  local last
  for key in path:gmatch "[^.]+" do
    key = math.tointeger(key) or key
    if last then
      m[last] = m[last] or {}
      m = m[last]
    end
    last = key
  end
  m[last] = value
end

---Rebuilds a model from its file: a table with the layers at their paths.
---Tensors of the file that belong to no layer are passed over. In the metadata
---`tokenizer` is rebuilt.
---@param path string
---@return table|nil model
---@return table|string meta of the file, or the message
---@return string? code "EIO" or "EFORMAT"
function model.load_model(path)
  local tensors, meta, code = model.load(path)
  if not tensors then return nil, meta, code end
  if not meta["rnnlua.layers"] then
    return nil, path .. ": has no description of its layers (rnnlua.layers); "
                .. "load the tensors with rnn.load", "EFORMAT"
  end
  local list, wrong = read_layers(meta["rnnlua.layers"])
  if not list then return nil, path .. ": " .. wrong, "EFORMAT" end
  local lines = unfit(list, tensors)
  if #lines > 0 then
    return nil, path .. ": does not fit its description: " ..
                table.concat(lines, "; "), "EFORMAT"
  end
  if meta.tokenizer then
    meta.tokenizer, wrong = require("rnn.text").tokenizer_from(meta.tokenizer)
    if not meta.tokenizer then return nil, path .. ": " .. wrong, "EFORMAT" end
  end
  local m = {}
  for _, one in ipairs(list) do
    local made = layer.make(one.class, one.sizes, one.options)
    local own = kept(made)
    for i, t in ipairs(own) do
      t:copy(tensors[(one.path == "" and "" or one.path .. ".") ..
                     own.names[i]])
    end
    if one.path == "" then m = made else place(m, one.path, made) end
  end
  return m, meta
end

---Rebuilds a model of a kind from its file.
---@param path string
---@param recall fun(meta: table<string, any>): table|nil, string? what is known
---beside the layers, or nil and a message
---@param fault fun(m: table, known: table): string? what keeps the layers,
---which are not trusted, from being those of what is known
---@return table|nil model the bare layers
---@return table|string known, or the message "path: reason"
---@return table|string meta of the file, or the code "EIO" or "EFORMAT"
function model.load_kind(path, recall, fault)
  local m, meta, code = model.load_model(path)
  if not m then return nil, meta, code end
  local known, wrong = recall(meta)
  wrong = wrong or fault(m, known)
  if wrong then return nil, path .. ": " .. wrong, "EFORMAT" end
  return m, known, meta
end

---Copies saved numbers into what model.save saves of a model. Everything is
---checked first: on a mismatch the model is left as it was.
---@param m table
---@param from string|table<string, rnn.Tensor> path, or tensors from rnn.load
---@param opts? {strict: boolean} strict (default true): every tensor must be
---there and nothing else; else missing and extra ones are passed over
---@return table<string, string>|true|nil meta of the file, or true for tensors
---@return string? message listing every missing, extra or misshapen tensor
---@return string? code
function model.restore(m, from, opts)
  local tensors, meta = from, true
  if type(from) == "string" then
    local code
    tensors, meta, code = model.load(from)
    if not tensors then return nil, meta, code end
  end
  local strict = not (opts and opts.strict == false)
  local own = kept(m)
  local lines = mismatches(own, tensors, strict)
  if #lines > 0 then
    local where = type(from) == "string" and from .. ": " or ""
    return nil, where .. "does not fit the model: " ..
                table.concat(lines, "; "), "EFORMAT"
  end
  for i, p in ipairs(own) do
    local t = tensors[own.names[i]]
    if t then p:copy(t) end
  end
  return meta
end

return model
