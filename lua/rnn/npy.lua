---rnn.npy: arrays of NumPy, files that end in .npy.
---
---    local rnn = require "rnn"
---    local path = os.tmpname()
---    assert(rnn.npy.save(path, rnn.tensor {{1, 2, 3}, {4, 5, 6}}))
---    local t = assert(rnn.npy.load(path))              -- float32 (2,3)
---    os.remove(path)
---
---The dtypes are those of rnn.load: f4, f8 and i4 are taken as they are, f2
---becomes float32, i8, u1 and bool int32 when every value fits. As in all
---files, ids count from 0 there and from 1 in Lua: NumPy's 0 is 1 here. Files
---are written in C order, little-endian, format 1.0; 2.0 and 3.0 are read too,
---and Fortran order is transposed. A file is not trusted: what it says of
---itself is held against its size before memory is taken.
local core = require "rnn.core"

local npy = {}

local MAGIC = "\x93NUMPY"
local MOST_HEADER = 1 << 16
local MOST_AXES = 8
local MOST_EXTENT = 0x7fffffff

---By descr without its byte order: dtype of the tensor, how numbers are stored,
---bytes of one.
local STORED = {
  f4 = {"float32", "float32", 4}, f8 = {"float64", "float64", 8},
  i4 = {"int32", "int32", 4}, f2 = {"float32", "float16", 2},
  i8 = {"int32", "int64", 8}, u1 = {"int32", "uint8", 1},
  b1 = {"int32", "uint8", 1},
}
local DESCR = {float32 = "<f4", float64 = "<f8", int32 = "<i4"}

-- {== The header: the text of a Python dict ==

local function refuse(format, ...)
  error({message = format:format(...)}, 0)
end

---A text of a file, fit for a message.
local function brief(s)
  s = #s > 40 and s:sub(1, 37) .. "..." or s
  return (s:gsub("[^ -~]", "?"))
end

---The text between quotes at a place, and the place behind it.
local function read_string(s, at)
  local text, behind = s:match("^'([^'\\\n]*)'()", at)
  if not text then text, behind = s:match('^"([^"\\\n]*)"()', at) end
  return text, behind
end

---The integers of a tuple at a place: "()", "(3,)", "(3, 4)", "(3, 4,)".
local function read_tuple(s, at)
  local inside, behind = s:match("^%(([%d, ]*)%)()", at)
  if not inside then return nil end
  local list, rest = {}, inside:gsub(" *$", "")
  while rest ~= "" do
    local digits, comma, more = rest:match "^ *(%d+) *(,?)(.*)$"
    if not digits or comma == "" and (more ~= "" or #list == 0) then
      return nil                      -- "(3)" is a number in brackets
    end
    if #list == MOST_AXES then
      refuse("has more than %d axes, a tensor has at most those", MOST_AXES)
    end
    local n = #digits <= 10 and math.tointeger(tonumber(digits))
    if not n or n > MOST_EXTENT then
      refuse("axis %d has %s elements, a tensor has at most %d", #list + 1,
             brief(digits), MOST_EXTENT)
    end
    list[#list + 1], rest = n, more
  end
  return list, behind
end

local READ = {
  descr = read_string, shape = read_tuple,
  fortran_order = function(s, at)
    local word, behind = s:match("^(%a+)()", at)
    if word == "True" then return true, behind end
    if word == "False" then return false, behind end
  end,
}

---The fields of "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }".
local function read_fields(s)
  local fields, at = {}, s:match "^%s*{%s*()"
  while at and not s:find("^}", at) do
    local key, behind = read_string(s, at)
    local from = key and s:match("^%s*:%s*()", behind)
    if not from then refuse "has a damaged header" end
    if not READ[key] or fields[key] ~= nil then
      refuse("has an unknown or a second field '%s' in its header", brief(key))
    end
    if key == "descr" and s:find("^[%[%(]", from) then
      refuse "is an array of records; save each field by itself"
    end
    fields[key], behind = READ[key](s, from)
    if fields[key] == nil then
      refuse("has a '%s' in its header that is none", key)
    end
    at = s:match("^%s*,%s*()", behind) or s:match("^%s*()}", behind)
  end
  if not at or not s:find("^}%s*$", at) then refuse "has a damaged header" end
  for key in pairs(READ) do
    if fields[key] == nil then refuse("has no '%s' in its header", key) end
  end
  return fields
end

---The text of the header and where the data begin, from 1.
local function read_header(s)
  if s:sub(1, #MAGIC) ~= MAGIC then refuse "is no .npy file" end
  local major, minor = s:byte(7, 8)
  if not minor or minor > 0 or major < 1 or major > 3 then
    refuse("is of version %s.%s of the format, not of 1.0, 2.0 or 3.0",
           major or "?", minor or "?")
  end
  local from = major == 1 and 11 or 13
  if #s < from - 1 then refuse "is truncated in its header" end
  local length = string.unpack(major == 1 and "<I2" or "<I4", s, 9)
  if length > MOST_HEADER then
    refuse("has a header of %d bytes, more than %d", length, MOST_HEADER)
  elseif #s < from - 1 + length then
    refuse "is truncated in its header"
  end
  return s:sub(from, from + length - 1), from + length
end

-- }==

-- {== Data ==

---How the numbers are stored, by descr.
local function find_stored(descr)
  local order, code = descr:match "^([<>|=]?)(.*)$"
  local stored = STORED[code]
  if not stored then
    refuse("holds '%s', not f2, f4, f8, i4, i8, u1 or bool; convert it with " ..
           "astype", brief(descr))
  elseif order == ">" then
    refuse("is big-endian ('%s'); save a.astype('<%s')", brief(descr), code)
  end
  return stored, code
end

---Raises unless so many bytes are just those of a shape.
local function check_size(shape, size, bytes)
  local count = 1
  for _, n in ipairs(shape) do
    if n == 0 then count = 0 end
  end
  for _, n in ipairs(shape) do
    count = count * n
    if count * size > bytes then break end    -- before it can overflow
  end
  if count * size ~= bytes then
    refuse("has %d bytes of data, (%s) of %d bytes each are %s", bytes,
           table.concat(shape, ", "), size, count * size > bytes and "more" or
           tostring(count * size))
  end
end

local function reversed(list)
  local back = {}
  for i = #list, 1, -1 do back[#back + 1] = list[i] end
  return back
end

---The tensor of all bytes of a file.
local function parse(s)
  local header, from = read_header(s)
  local fields = read_fields(header)
  local stored, code = find_stored(fields.descr)
  local shape, fortran = fields.shape, fields.fortran_order
  check_size(shape, stored[3], #s - from + 1)
  local data = s:sub(from)
  if code == "b1" and data:find "[^\0\1]" then
    refuse "holds a truth value that is neither 0 nor 1"
  end
  local t = core.zeros(fortran and reversed(shape) or shape, stored[1])
  local ok, bad = t:setbytes(data, stored[2])
  if not ok then refuse("element %d of its data is no int32", bad) end
  if fortran then
    for i = 1, #shape // 2 do t = t:transpose(i, #shape + 1 - i) end
  end
  return t
end

local function read_all(path)
  local info, wrong = core.file_info(path)
  if not info then return nil, wrong end
  if info.kind ~= "file" then return nil, path .. ": is no regular file" end
  local file <close>, why = io.open(path, "rb")
  if not file then return nil, why end
  local s
  s, why = file:read "a"
  if not s then return nil, ("%s: %s"):format(path, why) end
  return s
end

---Reads an array.
---@param path string
---@return rnn.Tensor|nil
---@return string? message "path: reason"
---@return string? code "EIO" or "EFORMAT"
function npy.load(path)
  local s, wrong = read_all(path)
  if not s then return nil, wrong, "EIO" end
  local ok, t = pcall(parse, s)
  if ok then return t end
  if type(t) ~= "table" then error(t, 0) end
  return nil, ("%s: %s"):format(path, t.message), "EFORMAT"
end

-- }==

---(3,) and (3, 4), as Python writes them.
local function tuple(shape)
  return "(" .. table.concat(shape, ", ") .. (#shape == 1 and ",)" or ")")
end

---Writes an array as numpy.save does: the file is replaced as a whole or not at
---all.
---@param path string
---@param t rnn.Tensor
---@return true|nil
---@return string? message "path: reason"
---@return string? code "EIO"
function npy.save(path, t)
  if not core.is_tensor(t) then
    error(("npy.save: takes a tensor, got %s"):format(type(t)), 2)
  end
  local header = ("{'descr': '%s', 'fortran_order': False, 'shape': %s, }")
                 :format(DESCR[t.dtype], tuple(t:shape()))
  local pad = -(10 + #header + 1) % 64
  header = header .. (" "):rep(pad) .. "\n"
  return core.text_save(path, MAGIC .. "\1\0" .. string.pack("<s2", header) ..
                        t:bytes())
end

return npy
