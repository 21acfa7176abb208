---Strict JSON (RFC 8259): one object a line for logs, descriptions in model
---files. Keys come out sorted, so equal tables give equal text. The reader
---takes nothing beyond the standard: no duplicate keys, no comments, valid
---UTF-8 only, and a bounded depth, for its input is not trusted.
local json = {}

---What JSON's null is read as, and written from.
json.null = setmetatable({}, {__tostring = function() return "null" end})

local MAX_DEPTH = 64

-- {== Writing ==

local ESCAPES = {
  ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r",
  ["\t"] = "\\t", ["\b"] = "\\b", ["\f"] = "\\f",
}

local function escape(c)
  return ESCAPES[c] or ("\\u%04x"):format(c:byte())
end

---Bytes that are not UTF-8 (in a file name, say) become U+FFFD.
local function valid_utf8(s)
  local parts = {}
  while true do
    local _, bad = utf8.len(s)
    if not bad then break end
    parts[#parts + 1] = s:sub(1, bad - 1) .. "\u{FFFD}"
    s = s:sub(bad + 1)
  end
  return table.concat(parts) .. s
end

local function encode_string(s)
  return '"' .. valid_utf8(s):gsub('[%c"\\]', escape) .. '"'
end

---The shortest text that reads back as the same number.
local function encode_number(x)
  if math.type(x) == "integer" then return ("%d"):format(x) end
  if x ~= x or x == math.huge or x == -math.huge then
    error("json: " .. x .. " has no place in JSON", 0)
  end
  local text
  for digits = 15, 17 do
    text = ("%." .. digits .. "g"):format(x)
    if tonumber(text) == x then break end
  end
  return text:find "[.e]" and text or text .. ".0"
end

local encode_value

local ARRAY = {}

---A list that is written as one even when it is empty.
---@param list any[]
---@return any[] list
function json.array(list)
  return setmetatable(list, ARRAY)
end

local function encode_array(t, depth)
  local parts = {}
  for i = 1, #t do parts[i] = encode_value(t[i], depth) end
  return "[" .. table.concat(parts, ",") .. "]"
end

local function encode_object(t, depth)
  local keys, parts = {}, {}
  for key in pairs(t) do
    if type(key) ~= "string" then
      error("json: keys must be strings, got " .. type(key), 0)
    end
    keys[#keys + 1] = key
  end
  table.sort(keys)
  for i, key in ipairs(keys) do
    parts[i] = encode_string(key) .. ":" .. encode_value(t[key], depth)
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

function encode_value(value, depth)
  local kind = type(value)
  if value == json.null then return "null" end
  if kind == "string" then return encode_string(value) end
  if kind == "number" then return encode_number(value) end
  if kind == "boolean" then return tostring(value) end
  if kind ~= "table" then error("json: cannot hold a " .. kind, 0) end
  if depth == MAX_DEPTH then error("json: nested too deeply", 0) end
  local is_array = #value > 0 or getmetatable(value) == ARRAY
  local encode = is_array and encode_array or encode_object
  return encode(value, depth + 1)
end

---JSON text of a value. A table with an element [1], or one from json.array, is
---an array, any other one an object. Raises for what JSON cannot hold: nan,
---functions, mixed keys.
---@param value any
---@return string
function json.encode(value)
  return encode_value(value, 0)
end

-- }==

-- {== Reading: every function takes (text, position) and returns the value
-- and the position behind it, or raises {message, position} ==

local function bad(at, message)
  error({message = message, at = at}, 0)
end

local function skip(s, at)
  return s:find("[^ \t\r\n]", at) or #s + 1
end

local UNESCAPES = {
  ['"'] = '"', ["\\"] = "\\", ["/"] = "/", n = "\n", r = "\r", t = "\t",
  b = "\b", f = "\f",
}

---"\uXXXX", or two of them for what lies beyond U+FFFF.
local function read_unicode(s, at)
  local unit = tonumber(s:match("^%x%x%x%x", at + 2) or bad(at, "bad escape"),
                        16)
  if unit < 0xD800 or unit > 0xDFFF then return utf8.char(unit), at + 6 end
  local low = s:match("^\\u(%x%x%x%x)", at + 6)
  low = low and tonumber(low, 16)
  if unit > 0xDBFF or not low or low < 0xDC00 or low > 0xDFFF then
    bad(at, "lone surrogate")
  end
  return utf8.char(0x10000 + (unit - 0xD800 << 10) + (low - 0xDC00)), at + 12
end

local function read_string(s, at)
  local parts, from = {}, at + 1
  while true do
    local stop = s:find('[%c"\\]', from) or bad(at, "string without an end")
    parts[#parts + 1] = s:sub(from, stop - 1)
    local c = s:sub(stop, stop)
    if c == '"' then return table.concat(parts), stop + 1 end
    if c ~= "\\" and c ~= "\x7f" then bad(stop, "control character") end
    local plain = c == "\x7f" and c or UNESCAPES[s:sub(stop + 1, stop + 1)]
    if plain then
      from = stop + (c == "\\" and 2 or 1)
    elseif s:sub(stop + 1, stop + 1) == "u" then
      plain, from = read_unicode(s, stop)
    else
      bad(stop, "bad escape")
    end
    parts[#parts + 1] = plain
  end
end

local function read_number(s, at)
  local text = s:match("^-?%d+", at) or bad(at, "unexpected character")
  if text:find "^-?0%d" then bad(at, "number with a leading zero") end
  local stop = at + #text
  local rest = s:match("^%.%d+", stop) or ""
  local exponent = s:match("^[eE][+-]?%d+", stop + #rest) or ""
  text = text .. rest .. exponent
  local x = tonumber(text)
  if x == math.huge or x == -math.huge then bad(at, "number out of range") end
  return x, at + #text
end

local read_value

local function read_array(s, at, depth)
  local list = {}
  at = skip(s, at + 1)
  if s:sub(at, at) == "]" then return list, at + 1 end
  while true do
    list[#list + 1], at = read_value(s, at, depth)
    at = skip(s, at)
    local c = s:sub(at, at)
    if c == "]" then return list, at + 1 end
    if c ~= "," then bad(at, "expected ',' or ']'") end
    at = at + 1
  end
end

local function read_object(s, at, depth)
  local object = {}
  at = skip(s, at + 1)
  if s:sub(at, at) == "}" then return object, at + 1 end
  while true do
    at = skip(s, at)
    if s:sub(at, at) ~= '"' then bad(at, "expected a key") end
    local key, behind = read_string(s, at)
    if object[key] ~= nil then bad(at, "duplicate key") end
    at = skip(s, behind)
    if s:sub(at, at) ~= ":" then bad(at, "expected ':'") end
    object[key], at = read_value(s, at + 1, depth)
    at = skip(s, at)
    local c = s:sub(at, at)
    if c == "}" then return object, at + 1 end
    if c ~= "," then bad(at, "expected ',' or '}'") end
    at = at + 1
  end
end

local WORDS = {["true"] = true, ["false"] = false, null = json.null}

function read_value(s, at, depth)
  if depth == MAX_DEPTH then bad(at, "nested too deeply") end
  at = skip(s, at)
  local c = s:sub(at, at)
  if c == "" then bad(at, "text ends too early") end
  if c == '"' then return read_string(s, at) end
  if c == "{" then return read_object(s, at, depth + 1) end
  if c == "[" then return read_array(s, at, depth + 1) end
  local word = s:match("^%l+", at)
  if word and WORDS[word] ~= nil then return WORDS[word], at + #word end
  return read_number(s, at)
end

---The value of a JSON text. null becomes json.null.
---@param text string
---@return any|nil value
---@return string? message with the byte it is about
function json.decode(text)
  local _, invalid = utf8.len(text)
  if invalid then return nil, ("invalid UTF-8 at byte %d"):format(invalid) end
  local ok, value, behind = pcall(read_value, text, 1, 0)
  if not ok then
    if type(value) ~= "table" then error(value, 0) end
    return nil, ("%s at byte %d"):format(value.message, value.at)
  end
  behind = skip(text, behind)
  if behind <= #text then
    return nil, ("text behind the value at byte %d"):format(behind)
  end
  return value
end

-- }==

return json
