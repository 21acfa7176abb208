---Values as people read them: `show(value)`. Strings are quoted, tables have
---sorted keys and are cut where they are deep or long, a tensor is one line.
---Nothing is changed and nothing recorded; of user code only __tostring runs.
local core = require "rnn.core"

local show = {}

local DEPTH = 3              -- tables in tables
local ITEMS = 30             -- of the table itself
local INNER_ITEMS = 10       -- of a table in it
local TOTAL = 100            -- of all tables together
local WIDTH = 78             -- columns of a table that stays on one line
local STRING = 100           -- bytes of a string
local SMALL = 12             -- elements of a tensor that is shown whole

-- {== Text ==

local ESCAPES = {["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t"}

local function escape_byte(c)
  return ESCAPES[c] or ("\\x%02x"):format(c:byte())
end

local function escape_code(c)
  return ("\\u{%X}"):format(utf8.codepoint(c))
end

---What a terminal obeys instead of showing it: controls, marks without width,
---marks that turn the direction of text.
local COMMANDS = {"\xC2[\x80-\x9F]", "\xE2\x80[\x8B-\x8F\xA8-\xAE]",
                  "\xE2\x81[\xA0-\xAF]", "\xEF\xBB\xBF"}

local function escape_valid(s)
  s = s:gsub("%c", escape_byte)
  for _, match in ipairs(COMMANDS) do s = s:gsub(match, escape_code) end
  return s
end

---Text that a terminal shows and does not obey, whatever bytes are in 's'.
---@param s string
---@return string
function show.text(s)
  local parts, at = {}, 1
  while at <= #s do
    local _, bad = utf8.len(s, at)
    parts[#parts + 1] = escape_valid(s:sub(at, (bad or #s + 1) - 1))
    if bad then parts[#parts + 1] = escape_byte(s:sub(bad, bad)) end
    at = (bad or #s) + 1
  end
  return table.concat(parts)
end

---Two pixels, one above the other.
local BLOCK = {[0] = " ", "\u{2580}", "\u{2584}", "\u{2588}"}

---A picture as half blocks, two rows of pixels a line.
---@param rows number[][] pixels, as many in each row; drawn are those above 0.5
---@return string[] lines
function show.pixels(rows)
  local lines = {}
  for y = 1, #rows, 2 do
    local cells, below = {}, rows[y + 1] or {}
    for x, value in ipairs(rows[y]) do
      cells[x] = BLOCK[(value > 0.5 and 1 or 0) +
                       ((below[x] or 0) > 0.5 and 2 or 0)]
    end
    lines[#lines + 1] = table.concat(cells)
  end
  return lines
end

local function quote(s)
  local rest = #s - STRING
  if rest > 0 then s = s:sub(1, (utf8.offset(s, 0, STRING + 1) or 1) - 1) end
  s = '"' .. show.text((s:gsub('[\\"]', "\\%0"))) .. '"'
  return rest > 0 and ("%s... %d bytes more"):format(s, rest) or s
end

-- }==

-- {== Tensors ==

local function number(x)
  if math.type(x) == "integer" then return ("%d"):format(x) end
  return x ~= x and "nan" or ("%.4g"):format(x)
end

---How many elements of an axis are shown of a tensor that is cut, counting axes
---from the last one.
local function shown(axes, from_last)
  if axes == 1 then return 8 end
  return from_last == 1 and 4 or from_last == 2 and 2 or 1
end

---Elements 'at' and on of axis 'axis' and those behind it; 'step' is how many
---each of them takes.
local function rows(t, shape, axis, at, step, whole)
  if axis > #shape then return number(core.get(t, at)) end
  local n = shape[axis]
  local few = whole and n or math.min(n, shown(#shape, #shape - axis + 1))
  local parts = {}
  step = n > 0 and step // n or step
  for i = 1, few do
    parts[i] = rows(t, shape, axis + 1, at + (i - 1) * step, step, whole)
  end
  if few < n then parts[few + 1] = "..." end
  return "[" .. table.concat(parts, ", ") .. "]"
end

---float32 (2, 3) [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]; a large one is cut, and
---its range told.
local function tensor(t)
  local open, shape = pcall(t.shape, t)
  if not open then return "tensor (closed)" end
  local count = 1
  for _, n in ipairs(shape) do count = count * n end
  local text = ("%s (%s) %s"):format(t.dtype, table.concat(shape, ", "),
                rows(t, shape, 1, 1, count, count <= SMALL))
  if count <= SMALL then return text end
  local s = core.stats(t)
  if s.min then
    local form = t.dtype == "int32" and "%.0f" or "%.4g"
    text = (text .. " min " .. form .. " max " .. form):format(s.min, s.max)
  end
  if s.finite == count then return text end
  return ("%s, %d not finite"):format(text, count - s.finite)
end

-- }==

-- {== Tables ==

local RESERVED = {}
for word in ([[and break do else elseif end false for function goto if in local
               nil not or repeat return then true until while]]):gmatch "%a+" do
  RESERVED[word] = true
end

local RANK = {number = 1, string = 2}

local function before(a, b)
  local x, y = RANK[type(a)] or 3, RANK[type(b)] or 3
  if x ~= y then return x < y end
  if x < 3 then return a < b end
  return tostring(a) < tostring(b)
end

---Keys beyond the sequence 1 to n, sorted.
local function other_keys(t, n)
  local keys = {}
  for key in next, t do
    local i = math.type(key) == "integer" and key
    if not (i and i >= 1 and i <= n) then keys[#keys + 1] = key end
  end
  table.sort(keys, before)
  return keys
end

local value_text

local function key_text(key, state)
  if type(key) ~= "string" then
    return ("[%s] = "):format(type(key) == "table" and tostring(key) or
                              value_text(key, state, 0, 0))
  end
  if key:find "^[%a_][%w_]*$" and not RESERVED[key] then return key .. " = " end
  return ("[%s] = "):format(quote(key))
end

---Items of a sequence as lines that are filled.
local function fill(items, indent)
  local lines, line = {}, ""
  for _, item in ipairs(items) do
    if line ~= "" and indent + #line + #item + 1 > WIDTH then
      lines[#lines + 1], line = line, ""
    end
    line = line == "" and item or line .. " " .. item
  end
  lines[#lines + 1] = line
  return lines
end

---"{1, 2, x = 3}", or the same over several lines when that is too long.
local function lay_out(items, more, sequence, indent)
  local one = table.concat(items, ", ") .. more
  if indent + #one < WIDTH and not one:find "\n" then
    return "{" .. one .. "}"
  end
  for i = 1, #items - 1 do items[i] = items[i] .. "," end
  if more ~= "" then
    items[#items] = items[#items] .. ","
    items[#items + 1] = more:sub(3)
  end
  local margin = (" "):rep(indent + 2)
  if sequence and not one:find "\n" then items = fill(items, indent + 2) end
  return ("{\n%s%s\n%s}"):format(margin, table.concat(items, "\n" .. margin),
                                 (" "):rep(indent))
end

local function items_of(t, state, depth, indent)
  local items, n = {}, rawlen(t)
  local keys = other_keys(t, n)
  local room = math.min(depth == 0 and ITEMS or INNER_ITEMS, state.left)
  for i = 1, math.min(n, room) do
    items[i] = value_text(rawget(t, i), state, depth + 1, indent + 2)
  end
  for i = 1, math.min(#keys, room - #items) do
    local key = key_text(keys[i], state)
    items[#items + 1] = key .. value_text(rawget(t, keys[i]), state, depth + 1,
                                          indent + 2)
  end
  return items, n + #keys - #items, #keys == 0
end

local function table_text(t, state, depth, indent)
  if state.within[t] then return "<cycle>" end
  if next(t) == nil then return "{}" end
  if depth >= DEPTH or state.left <= 0 then return "{...}" end
  state.within[t] = true
  local items, rest, sequence = items_of(t, state, depth, indent)
  state.within[t] = nil
  local more = rest > 0 and (", ... %d more"):format(rest) or ""
  return lay_out(items, more, sequence, indent)
end

---The text of an object that has one of its own; nil for others. In a table it
---is one line.
local function object_text(value, meta, depth)
  if rawget(meta, "__tostring") then
    local text = tostring(value)
    return depth == 0 and text or text:gsub("\n.*", "...")
  end
  local class = rawget(meta, "__index")
  if type(class) ~= "table" then return nil end
  local describe = rawget(class, "describe")
  return describe and rawget(class, "spec") and
         "tokenizer: " .. describe(value) or nil
end

function value_text(value, state, depth, indent)
  state.left = state.left - 1
  if core.is_tensor(value) then return tensor(value) end
  if type(value) == "string" then return quote(value) end
  if type(value) ~= "table" then return tostring(value) end
  local meta = debug.getmetatable(value)
  local own = meta and object_text(value, meta, depth)
  if own then return own end
  local name = meta and rawget(meta, "__name")
  return (type(name) == "string" and name .. " " or "") ..
         table_text(value, state, depth, indent)
end

-- }==

---@param value any
---@return string text of one line, or of several for a large table
local function text_of(_, value)
  return value_text(value, {left = TOTAL, within = {}}, 0, 0)
end

return setmetatable(show, {__call = text_of})
