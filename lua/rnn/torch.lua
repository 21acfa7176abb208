---rnn.torch: models of PyTorch, from files in which nobody has described them.
---Checkpoints of rnn.save need nothing of this: their names and layouts are
---those of PyTorch's state_dict, for load_state_dict to take. The other way,
---
---    PyTorch:  safetensors.torch.save_file(m.state_dict(), "a.safetensors")
---    here:     rnn.restore(m, "a.safetensors")
---
---fills a model that was built by hand. Without one, rnn.torch.import finds the
---layers by names and shapes:
---
---    local rnn = require "rnn"
---    local tensors = {      -- or the path of a file
---      ["module.fc.weight"] = rnn.randn {3, 8},
---      ["module.fc.bias"] = rnn.randn {3},
---      ["module.net.weight_ih_l0"] = rnn.randn {24, 5},
---      ["module.net.weight_hh_l0"] = rnn.randn {24, 8},
---    }
---    local m = assert(rnn.torch.import(tensors, {rename = {module = ""}}))
---    print(m.fc, m.net)     -- Linear(8, 3)  GRU(5, 8, bias=false)
---
---What shapes do not tell is said: `class` of a weight that stands alone,
---`options` such as num_heads, nonlinearity, batch_first, stride.
local core = require "rnn.core"
local layer = require "rnn.layer"
local model = require "rnn.model"

local op = core.op
local torch = {}

local function refuse(format, ...)
  error({message = format:format(...)}, 0)
end

local function shape_text(shape)
  return "(" .. table.concat(shape, ", ") .. ")"
end

local function sorted(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

---"a.b" and "c" as "a.b.c"; either may be empty.
local function join(path, name)
  if path == "" or name == "" then return path .. name end
  return path .. "." .. name
end

---What a name has behind a path, or nil when it is not inside of it.
local function behind(name, path)
  if path == "" or name == path then return name:sub(#path + 1) end
  if name:sub(1, #path + 1) == path .. "." then return name:sub(#path + 2) end
end

-- {== Names ==

---The name as options want it; nil when its tensor is to be left out.
local function renamed(name, o)
  for _, path in ipairs(o.drop or {}) do
    if behind(name, path) then return nil end
  end
  local longest
  for path in pairs(o.rename or {}) do
    if behind(name, path) and #path >= #(longest or "") then longest = path end
  end
  if not longest then return name end
  return join(o.rename[longest], behind(name, longest))
end

---Tensors under the names that options give them. Counts of batches, which
---nothing is made of, are left out.
local function rename_all(tensors, o)
  local all, was = {}, {}
  for _, name in ipairs(sorted(tensors)) do
    local to = not name:find "num_batches_tracked$" and renamed(name, o)
    if to and ("." .. to .. "."):find("..", 1, true) then
      refuse("'%s' is '%s' after it is renamed, which is no path", name, to)
    end
    if to and all[to] then
      refuse("'%s' and '%s' are both '%s' after they are renamed", was[to],
             name, to)
    end
    if to then all[to], was[to] = tensors[name], name end
  end
  return all
end

-- }==

-- {== Layers by names and shapes: each function is given shape(name), of a
-- tensor inside of a path that belongs to no layer yet, and returns the sizes
-- and options of a layer, or nil ==

---@alias rnn.TorchShape fun(name: string): integer[]|nil

local GATES = {[4] = "LSTM", [3] = "GRU", [1] = "RNN"}

---The shape of what is a matrix, else nil.
local function matrix(shape, name)
  local found = shape(name)
  return found and #found == 2 and found or nil
end

---Gates and units of a recurrent layer by its weights.
local function gates_of(shape, suffix)
  local ih = matrix(shape, "weight_ih" .. suffix)
  local hh = matrix(shape, "weight_hh" .. suffix)
  if not (ih and hh) then return nil end
  local hr = matrix(shape, "weight_hr" .. suffix)
  local H = hr and hr[2] or hh[2]
  if H == 0 or ih[1] % H > 0 or not GATES[ih[1] // H] then return nil end
  return GATES[ih[1] // H], ih[2], H, hr and hr[1] or 0
end

local function find_recurrent(shape)
  local class, D, H, S = gates_of(shape, "_l0")
  if not class then return nil end
  local L = 1
  while shape("weight_ih_l" .. L) do L = L + 1 end
  return class, {D, H}, {
    num_layers = L, bias = shape "bias_ih_l0" ~= nil,
    bidirectional = shape "weight_ih_l0_reverse" ~= nil,
    proj_size = S > 0 and S or nil}
end

local function find_cell(shape)
  local class, D, H = gates_of(shape, "")
  if class then
    return class .. "Cell", {D, H}, {bias = shape "bias_ih" ~= nil}
  end
end

local function find_attention(shape)
  local out = matrix(shape, "out_proj.weight")
  local whole = matrix(shape, "in_proj_weight")
  local k = matrix(shape, "k_proj_weight")
  local v = matrix(shape, "v_proj_weight")
  if not out or not (whole or k and v) then return nil end
  local E = out[1]
  return "MultiheadAttention", {E}, {
    bias = shape "in_proj_bias" ~= nil,
    kdim = k and k[2] ~= E and k[2] or nil,
    vdim = v and v[2] ~= E and v[2] or nil}
end

---The number that cluster units are divided by, if it is not the default.
local function div_value(D, units)
  if units[1] == D // 4 then return nil end
  return units[1] > 0 and D / units[1] or nil
end

local function find_adaptive(shape)
  local head, units, sizes = matrix(shape, "head.weight"), {}, {}
  while true do
    local tail = ("tail.%d."):format(#sizes)
    local down = matrix(shape, tail .. "0.weight")
    local up = matrix(shape, tail .. "1.weight")
    if not (down and up) then break end
    units[#units + 1], sizes[#sizes + 1] = down[1], up[1]
  end
  if not head or #sizes == 0 then return nil end
  local V, cutoffs = head[1] - #sizes, {}
  for i, n in ipairs(sizes) do
    cutoffs[i], V = V, V + n
  end
  return "AdaptiveSoftmax", {head[2], V}, {
    cutoffs = cutoffs, div_value = div_value(head[2], units),
    head_bias = shape "head.bias" ~= nil}
end

local function find_batch_norm(shape)
  local mean = shape "running_mean"
  if mean and #mean == 1 then
    return "BatchNorm", {mean[1]}, {affine = shape "weight" ~= nil,
                                    bias = shape "bias" ~= nil or nil}
  end
end

local BY_AXES = {"LayerNorm", "Linear", "Conv1d"}

---A weight and a bias, or one of them; 'class' if it is said.
local function find_plain(shape, class)
  local weight, bias = shape "weight", shape "bias"
  if not weight then return class, {nil, bias and bias[1]}, {} end
  class = class or BY_AXES[#weight]
  if class == "Embedding" then return class, weight, {} end
  local sizes = {weight[2], weight[1], weight[3]}
  if class == "LayerNorm" then sizes = weight end
  return class, sizes, {bias = bias ~= nil}
end

local FINDERS = {find_recurrent, find_cell, find_attention, find_adaptive,
                 find_batch_norm}

-- }==

-- {== Options ==

---What is said of a size or an option of the layer at a path.
local function said_of(path, name, o, used)
  for _, key in ipairs {join(path, name), name} do
    if o.options and o.options[key] ~= nil then
      used[key] = true
      return o.options[key]
    end
  end
end

---A value of the type of another one; texts, of a command line, are read.
local function like(value, default)
  if type(value) ~= "string" or type(default) == "string" then return value end
  if type(default) == "boolean" then
    if value == "true" then return true end
    return value ~= "false" and value
  end
  local number = tonumber(value)
  return math.type(default) == "float" and number and number + 0.0 or number or
         value
end

---Completes sizes and options by what is said; raises what is missing.
local function complete(path, class, sizes, options, o, used)
  for i, name in ipairs(class.kind.sizes) do
    local said = said_of(path, name, o, used)
    if said ~= nil then sizes[i] = like(said, 1) end
    if not sizes[i] then
      refuse("say '%s' of the %s '%s' among the options; shapes do not tell",
             name, class.kind.name, path)
    end
  end
  for name, default in pairs(class.kind.options) do
    local said = said_of(path, name, o, used)
    if said ~= nil then options[name] = like(said, default) end
  end
  local full, wrong = layer.check(class.kind, sizes, options)
  if not full then
    refuse("the %s '%s': %s", class.kind.name, path, wrong)
  end
  return full
end

-- }==

-- {== All layers of a file ==

---Every path that something may be at, the outer ones first.
local function paths_of(tensors)
  local seen = {[""] = true}
  for name in pairs(tensors) do
    for at in name:gmatch "()%." do seen[name:sub(1, at - 1)] = true end
  end
  return sorted(seen)
end

local function class_at(path, o, used)
  local name = o.class and o.class[path]
  if not name then return nil end
  used[path] = true
  if not package.searchpath("rnn.layers." .. name:lower(), package.path) and
     not package.preload["rnn.layers." .. name:lower()] then
    refuse("there is no class '%s', as said of '%s'", name, path)
  end
  return name
end

---Class, sizes and options of what is at a path, or nil.
local function recognise(path, shape, o, used)
  for _, find in ipairs(FINDERS) do
    local class, sizes, options = find(shape)
    if class then return class, sizes, options end
  end
  local said = class_at(path, o, used.class)
  if not said and not shape "weight" then return nil end
  if not said and matrix(shape, "weight") and not shape "bias" then
    refuse("'%s' %s is an Embedding or a Linear without bias: say the class " ..
           "of '%s'", join(path, "weight"), shape_text(shape "weight"), path)
  end
  return find_plain(shape, said)
end

---Takes the tensors of a layer; raises for those that are missing or misshapen.
local function claim(one, tensors, claimed)
  for _, p in ipairs(layer.tensors(one.class, one.sizes, one.options)) do
    local name = join(one.path, p[1])
    local t = tensors[name]
    if not t then
      refuse("'%s' is missing, which the %s '%s' has", name,
             one.class.kind.name, one.path)
    elseif shape_text(t:shape()) ~= shape_text(p[2]) then
      refuse("'%s' is %s, the %s '%s' wants %s", name, shape_text(t:shape()),
             one.class.kind.name, one.path, shape_text(p[2]))
    end
    if t.dtype == "int32" then refuse("'%s' holds integers", name) end
    claimed[name] = true
  end
end

---Tells of what fits no layer, and of what was said for nothing.
local function check_all(tensors, claimed, o, used)
  local lines = {}
  for _, name in ipairs(sorted(tensors)) do
    if not claimed[name] then
      lines[#lines + 1] = name .. " " .. shape_text(tensors[name]:shape())
    end
  end
  if #lines > 0 then
    refuse("no layer is known for: %s; rename or drop them",
           table.concat(lines, ", "))
  end
  for _, what in ipairs {"class", "options"} do
    for _, key in ipairs(sorted(o[what] or {})) do
      if not used[what][key] then
        refuse("'%s', said among the %s, is not of any layer here", key,
               what == "class" and "classes" or what)
      end
    end
  end
end

---Raises for a layer that another one is inside of.
local function check_apart(one, list)
  for _, outer in ipairs(list) do
    if behind(one.path, outer.path) then
      refuse("the %s '%s' is inside of the %s '%s'; rename one of them",
             one.class.kind.name, one.path, outer.class.kind.name, outer.path)
    end
  end
end

local function find_layers(tensors, o)
  local list, claimed, used = {}, {}, {class = {}, options = {}}
  for _, path in ipairs(paths_of(tensors)) do
    local function shape(name)
      name = join(path, name)
      return not claimed[name] and tensors[name] and tensors[name]:shape()
             or nil
    end
    local name, sizes, options = recognise(path, shape, o, used)
    if name then
      local one = {path = path, sizes = sizes,
                   class = require("rnn.layers." .. name:lower())}
      one.options = complete(path, one.class, sizes, options, o, used.options)
      claim(one, tensors, claimed)
      check_apart(one, list)
      list[#list + 1] = one
    end
  end
  check_all(tensors, claimed, o, used)
  return list
end

-- }==

---Puts a layer into nested tables, as rnn.load_model does.
local function place(m, path, value)
  local keys = {}
  for key in path:gmatch "[^.]+" do
    keys[#keys + 1] = math.tointeger(key) or key
  end
  for i = 1, #keys - 1 do
    m[keys[i]] = m[keys[i]] or {}
    m = m[keys[i]]
  end
  m[keys[#keys]] = value
end

local function build(tensors, o)
  tensors = rename_all(tensors, o)
  local m = {}
  for _, one in ipairs(find_layers(tensors, o)) do
    local made = layer.make(one.class, one.sizes, one.options)
    if one.path == "" then m = made else place(m, one.path, made) end
  end
  local ok, wrong = model.restore(m, tensors)
  if not ok then refuse("%s", wrong) end
  return m
end

---@class rnn.TorchOptions
---@field rename? table<string, string> paths by what takes their place, the
---longest first: {module = ""} takes "module." away, {[""] = "net"} puts
---"net." in front
---@field drop? string[] paths whose tensors are left out
---@field class? table<string, string> class of a path: Embedding or Linear for
---a weight without bias, TiedLinear for a bias without weight
---@field options? table<string, any> "path.option", or "option" of all layers
---that have it

---A model with the layers that a file has, by names and shapes: RNN, LSTM, GRU
---and their cells, Linear, Embedding, LayerNorm, BatchNorm (1d), Conv1d,
---MultiheadAttention, AdaptiveSoftmax (AdaptiveLogSoftmaxWithLoss). Running
---counts of batches are passed over.
---@param from string|table<string, rnn.Tensor> path, or tensors of rnn.load
---@param o? rnn.TorchOptions
---@return table|nil model with the layers at their paths
---@return string? message
---@return string? code "EIO" or "EFORMAT"
function torch.import(from, o)
  local tensors, where = from, ""
  if type(from) == "string" then
    local wrong, code
    tensors, wrong, code = model.load(from)
    if not tensors then return nil, wrong, code end
    where = from .. ": "
  end
  local ok, m = pcall(build, tensors, o or {})
  if ok then return m end
  if type(m) ~= "table" or not m.message then error(m, 0) end
  return nil, where .. m.message, "EFORMAT"
end

-- {== Language models ==

local ROLES = {
  Embedding = "embed", LSTM = "rnn", GRU = "rnn", RNN = "rnn", Linear = "out",
  TiedLinear = "out", AdaptiveSoftmax = "out",
}

---The three layers of a model, wherever they are, by what they do.
local function roles_of(m, found)
  local class = getmetatable(m)
  local name = class and class.kind and class.kind.name
  local role = name and ROLES[name]
  if name and (not role or found[role]) then
    refuse("a language model is one Embedding, one LSTM, GRU or RNN and one " ..
           "Linear, TiedLinear or AdaptiveSoftmax; the %s is one too many",
           name)
  end
  if role then
    found[role] = m
  else
    for _, value in pairs(m) do roles_of(value, found) end
  end
  return found
end

---The tokenizer with these tokens, and which of them each of its ids is.
local function tokenizer_of(kind, tokens)
  local text = require "rnn.text"
  local row = {}
  for i, token in ipairs(tokens) do
    if type(token) ~= "string" or row[token] then
      refuse("token %d is no text, or has been there before", i)
    end
    row[token] = i
  end
  local tok, wrong
  if kind == "char" then
    tok, wrong = text.tokenizer("char", {byte_fallback = false})
                     :fit(table.concat(tokens))
  else
    local list = {row["<eos>"] and "word lines :" or "word :"}
    for _, token in ipairs(tokens) do
      if token ~= "<unk>" and token ~= "<eos>" then list[#list + 1] = token end
    end
    tok, wrong = text.tokenizer_from(table.concat(list, " "))
  end
  if not tok then refuse("its tokens are no tokenizer: %s", wrong) end
  local order = {}
  for i, symbol in ipairs(tok:symbols()) do
    if kind == "char" then symbol = utf8.char(symbol) end
    order[i] = row[symbol]
    if not order[i] then refuse("its tokens have no '%s'", symbol) end
  end
  if #order ~= #tokens then
    refuse("of %d tokens, the tokenizer '%s' takes %d", #tokens, kind, #order)
  end
  return tok, order
end

---The rows of a tensor in another order.
local function reorder(t, order)
  if not t then return end
  local shape = t:shape()
  local rows = op.embedding(t:reshape {shape[1], shape[2] or 1},
                            core.ids(order))
  t:copy(rows:reshape(shape))
end

local function build_lm(m, kind, tokens)
  local lm = require "rnn.models.lm"
  local found = roles_of(m, {})
  for _, role in ipairs {"embed", "rnn", "out"} do
    if not found[role] then refuse("has no layer for '%s'", role) end
  end
  local tok, order = tokenizer_of(kind, tokens)
  local wrong = lm.fault(found, tok)
  if wrong then refuse("%s", wrong) end
  local same = true
  for i, at in ipairs(order) do same = same and at == i end
  if not same and found.out.loss then
    refuse("the clusters of an adaptive softmax go by the order of ids, in " ..
           "which the tokenizer '%s' does not have them", kind)
  elseif not same then
    reorder(found.embed.weight, order)
    reorder(found.out.weight, order)
    reorder(found.out.bias, order)
  end
  return {found, tok}
end

---A language model from an imported one. Rows are put into the order of ids
---that the tokenizer has.
---@param m table from torch.import; its layers go into the result
---@param kind "char"|"word" characters, or what white space stands between
---@param tokens string[] by the rows of the embedding; of words, "<unk>" and
---maybe "<eos>" among them
---@return table|nil model for rnn.save, with the layers embed, rnn, out
---@return rnn.Tokenizer|string tokenizer for lm.describe, or the message
function torch.lm(m, kind, tokens)
  local ok, made = pcall(build_lm, m, kind, tokens)
  if ok then return made[1], made[2] end
  if type(made) ~= "table" or not made.message then error(made, 0) end
  return nil, made.message
end

-- }==

return torch
