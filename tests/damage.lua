---Model files that are damaged systematically, and what becomes of them in the
---program of tests/c that runs such models.
local json = require "rnn.json"
local rnn = require "rnn"
local sandbox = require "tests.sandbox"

local damage = {}

---What stands in the place of a value.
local NUMBERS = {0, -1, 1, 2, 7, 2147483647, 2147483648, 1 << 53, 0.5, 1e300}
local OTHERS = {"", "LSTM", true, {}, {1, 2, 3}, {a = 1}}

---Calls f with the text of each JSON value that has one thing changed.
local function each_change(value, whole, f)
  if type(value) ~= "table" then return end
  local keys = {}
  for key in pairs(value) do keys[#keys + 1] = key end
  for _, key in ipairs(keys) do
    local before = value[key]
    local function try(x)
      value[key] = x
      f(json.encode(whole))
      value[key] = before
    end
    if #value == 0 then try(nil) end
    if type(before) == "number" then
      for _, x in ipairs(NUMBERS) do try(x) end
    else
      for _, x in ipairs(OTHERS) do try(x) end
    end
    each_change(before, whole, f)
  end
end

---Layers whose classes change places.
local function each_swap(layers, f)
  local paths = {}
  for path in pairs(layers) do paths[#paths + 1] = path end
  table.sort(paths)
  for i, a in ipairs(paths) do
    for k = i + 1, #paths do
      local b = paths[k]
      layers[a], layers[b] = layers[b], layers[a]
      f(json.encode(layers))
      layers[a], layers[b] = layers[b], layers[a]
    end
  end
end

---Calls f with the metadata of damaged files.
local function each_meta(meta, keys, f)
  local function with(key, value)
    local copy = {}
    for k, v in pairs(meta) do copy[k] = v end
    copy[key] = value
    f(copy)
  end
  for _, key in ipairs(keys) do
    with(key, nil)
    for _, text in ipairs {"", "{", "[]", "{}", "null", "3", '"x"'} do
      with(key, text)
    end
    local value = json.decode(meta[key])
    each_change(value, value, function(text) with(key, text) end)
  end
  each_swap(json.decode(meta["rnnlua.layers"]), function(text)
    with("rnnlua.layers", text)
  end)
end

---Calls f with a function that writes each damaged file.
local function each_file(path, keys, f)
  local tensors, meta = rnn.load(path)
  local bytes = sandbox.read(path)
  local size = ("<I8"):unpack(bytes)
  local header, data = json.decode(bytes:sub(9, 8 + size)), bytes:sub(9 + size)
  each_meta(meta, keys, function(changed)
    header.__metadata__ = changed
    local text = json.encode(header)
    f(function(name)
      sandbox.write(name, ("<I8"):pack(#text) .. text .. data)
    end)
  end)
  for name, tensor in pairs(tensors) do
    for _, other in ipairs {false, rnn.zeros {3, 2}, tensor * 1e30} do
      tensors[name] = other or nil
      f(function(file)
        assert(rnn.save(sandbox.dir .. "/" .. file, tensors, meta))
      end)
    end
    tensors[name] = tensor
  end
end

---Runs damaged copies of a model; returns the line of each: "STATUS text".
---@param path string
---@param keys string[] of the metadata that are damaged, beside the layers
---@return string[]
function damage.run(path, keys)
  local files, lines = {}, {}
  local all = table.move(keys, 1, #keys, 2, {"rnnlua.layers"})
  each_file(path, all, function(write)
    local name = "damaged" .. #files
    write(name)
    files[#files + 1] = sandbox.dir .. "/" .. name
  end)
  local code, out, wrong = sandbox.shell(
    ("%s/infer_sequences - try"):format(sandbox.build),
    table.concat(files, "\n") .. "\n")
  for _, file in ipairs(files) do os.remove(file) end
  assert(code == 0, wrong)
  for line in out:gmatch "[^\n]+" do lines[#lines + 1] = line end
  assert(#lines == #files, ("%d of %d files"):format(#lines, #files))
  return lines
end

return damage
