---What a model file says of itself, for people and programs: `rnn.info(path)`.
---Any safetensors file will do; nothing in it is trusted, and what is not as it
---should be is left out.
local core = require "rnn.core"
local json = require "rnn.json"
local lfs = require "lfs"
local model = require "rnn.model"
local text = require "rnn.text"

local SAMPLE = 40            -- characters of a tokenizer that are shown

local function is_number(x) return type(x) == "number" and x or nil end
local function is_text(x) return type(x) == "string" and x or nil end
local function is_table(x) return type(x) == "table" and x or {} end

local function sorted(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = tostring(key) end
  table.sort(keys)
  return keys
end

local TYPES = {
  F64 = {"float64", 8}, F32 = {"float32", 4}, F16 = {"float16", 2},
  BF16 = {"bfloat16", 2}, I64 = {"int64", 8}, I32 = {"int32", 4},
  U8 = {"uint8", 1},
}

---The header of a file that has been loaded, so it is sound.
local function read_header(path)
  local file <close> = assert(io.open(path, "rb"))
  local size = string.unpack("<I8", file:read(8))
  return assert(json.decode(file:read(size)))
end

---One tensor as it stands in the file, where ids count from 0.
local function about_tensor(name, t, dtype)
  local s, base = core.stats(t), t.dtype == "int32" and 1 or 0
  local shape = t:shape()
  return {
    name = name, dtype = TYPES[dtype][1], count = s.count,
    bytes = s.count * TYPES[dtype][2],
    shape = #shape > 0 and shape or json.null, finite = s.finite,
    min = s.min and s.min - base, max = s.max and s.max - base,
    mean = s.mean and s.mean - base, norm = base == 0 and s.norm or nil,
  }
end

local function about_tensors(path, tensors)
  local header, list = read_header(path), {}
  for _, name in ipairs(sorted(tensors)) do
    list[#list + 1] = about_tensor(name, tensors[name], header[name].dtype)
  end
  return list
end

local function about_tokenizer(spec)
  local tok, wrong = text.tokenizer_from(spec)
  if not tok then return {description = wrong} end
  local codes = tok.kind == "char" and tok.vocab:codes() or {}
  local sample = {}
  for i, code in ipairs(codes) do
    if i > SAMPLE or code > 0x10FFFF then break end
    sample[i] = utf8.char(code)
  end
  return {kind = tok.kind, description = tok:describe(), symbols = #tok,
          sample = #sample > 0 and table.concat(sample) or nil}
end

---The layers of a rebuilt model: path -> text.
local function find_layers(m, path, found)
  local class = getmetatable(m)
  if type(class) == "table" and class.kind then
    found[#found + 1] = {path = path, layer = tostring(m)}
    return found
  end
  for _, key in ipairs(sorted(m)) do
    local inner = m[key] or m[math.tointeger(key)]
    if type(inner) == "table" then
      find_layers(inner, path == "" and key or path .. "." .. key, found)
    end
  end
  return found
end

local function about_training(meta, list)
  local all = is_table(json.decode(meta["rnnlua.train"]))
  local extra, slots = is_table(all.extra), {}
  local corpus = is_table(is_table(extra.parts).corpus)
  for _, t in ipairs(list) do
    local slot = t.name:match "^optim%.([%w_]+)%."
    if slot then slots[slot] = true end
  end
  slots = sorted(slots)
  return {
    step = is_number(all.step), slots = #slots > 0 and slots or nil,
    best = is_number(extra.best), best_step = is_number(extra.best_step),
    metric = is_text(extra.metric),
    corpus = is_text(corpus.hash),
  }
end

---Parameters are what is neither the optimizer's nor a recurrent state.
local function count_parameters(list, training)
  local sum = {count = 0, tensors = 0, bytes = 0}
  for _, t in ipairs(list) do
    local other = training and (t.name:find "^optim%." or
                                t.name:find "^state%.")
    if not other then
      sum.count, sum.tensors = sum.count + t.count, sum.tensors + 1
      sum.bytes = sum.bytes + t.bytes
    end
  end
  return sum
end

local KNOWN = {["rnnlua.kind"] = true, ["rnnlua.version"] = true,
               ["rnnlua.digest"] = true, ["rnnlua.layers"] = true,
               ["rnnlua.train"] = true, ["rnnlua.config"] = true,
               tokenizer = true, format = true}

---The options of the script that made the model.
local function about_config(meta)
  local all = {}
  local config = is_table(json.decode(meta["rnnlua.config"] or "null"))
  for key, value in pairs(config) do
    local plain = type(key) == "string" and type(value) ~= "table"
    all[key] = plain and value or nil
  end
  return all
end

---The names of a list of labels or tokens; nil for other texts.
local function names_of(value)
  local names = value:find "^%[" and json.decode(value)
  if type(names) ~= "table" or #names == 0 then return nil end
  for _, name in ipairs(names) do
    if type(name) ~= "string" then return nil end
  end
  return names
end

---Metadata that are lists of labels or tokens, and all others.
local function other_metadata(meta)
  local all, lists = {}, {}
  for _, key in ipairs(sorted(meta)) do
    local names = not KNOWN[key] and names_of(meta[key])
    if names then
      lists[#lists + 1] = {name = key, count = #names,
                           sample = table.move(names, 1, SAMPLE, 1, {})}
    elseif not KNOWN[key] then
      all[key] = meta[key]
    end
  end
  return all, lists
end

---@class rnn.Info
---@field path string
---@field file_bytes integer
---@field kind? string what the model is: "lm"
---@field version? string of rnnlua that made it
---@field format? string
---@field checksum "holds"|"none" of a damaged file nothing is told
---@field tensors table[] name, dtype and shape as in the file (shape json.null
---without axes), count, bytes, finite (how many numbers are), and of these min,
---max, mean, norm
---@field parameters table count, tensors, bytes
---@field layers? table[] path, layer
---@field tokenizer? table kind, description, symbols, sample
---@field training? table step, slots, best, best_step, metric, corpus
---@field labels? table[] lists of labels or tokens: name, count, sample
---@field config table<string, string|number|boolean> options it was made with
---@field metadata table<string, string> all that is not of ours
---@field problem? string why the model cannot be rebuilt from its description

---@param path string
---@return rnn.Info|nil
---@return string? message "path: reason"
---@return string? code "EIO" or "EFORMAT"
local function info(path)
  local tensors, meta, code = model.load(path)
  if not tensors then return nil, meta, code end
  local others, lists = other_metadata(meta)
  local facts = {
    path = path, file_bytes = lfs.attributes(path, "size"),
    kind = meta["rnnlua.kind"], version = meta["rnnlua.version"],
    format = meta.format,
    checksum = meta["rnnlua.digest"] and "holds" or "none",
    tensors = about_tensors(path, tensors), config = about_config(meta),
    metadata = others, labels = #lists > 0 and lists or nil,
  }
  if meta["rnnlua.layers"] then
    local m, wrong = model.load_model(path)
    if m then facts.layers = find_layers(m, "", {}) end
    facts.problem = not m and wrong or nil
  end
  if meta.tokenizer then facts.tokenizer = about_tokenizer(meta.tokenizer) end
  if meta["rnnlua.train"] then
    facts.training = about_training(meta, facts.tensors)
  end
  facts.parameters = count_parameters(facts.tensors, facts.training)
  return facts
end

return info
