---Rows of different lengths as one tensor.
---
---    local data = require "rnn.data"
---    local x, lengths = data.padded({{3, 1, 2}, {2}}, {pad = 1})
---    print(x:shape()[1], x:shape()[2], lengths[2])         -- 3, 2, 1
---    local chars = {{{1, 2}, {3}}, {{4}}}                  -- of words
---    print(table.concat(data.padded(chars):shape(), " "))  -- 2 2 2
local check = require "rnn.check"
local core = require "rnn.core"

local padded = {}

local OPTIONS = {pad = true, field = true}

---The rows as lists.
local function rows_of(list, field)
  local rows = {}
  for n, row in ipairs(list) do
    if field then row = type(row) == "table" and row[field] or nil end
    if core.is_tensor(row) then row = row:totable() end
    if type(row) ~= "table" or #row == 0 then
      error(("padded: row %d must have an id or more, got %s"):format(n,
            type(row) == "table" and "none" or type(row)), 3)
    end
    rows[n] = row
  end
  if #rows == 0 then error("padded: there are no rows", 3) end
  return rows
end

---The numbers of elements of lists, and the largest.
local function lengths_of(lists)
  local lengths, most = {}, 0
  for i, list in ipairs(lists) do
    lengths[i] = #list
    most = math.max(most, #list)
  end
  return lengths, most
end

---Time-major: step t of row n is at [t][n].
local function grid(rows, T, pad)
  local steps = {}
  for t = 1, T do
    local step = {}
    for n, row in ipairs(rows) do step[n] = row[t] or pad end
    steps[t] = step
  end
  return steps
end

---A list with 'pad' behind it.
local function filled(list, length, pad)
  local copy = table.move(list, 1, #list, 1, {})
  for i = #list + 1, length do copy[i] = pad end
  return copy
end

---Ids of rows, or of the parts (characters, say) of the elements (words) of
---rows, with `pad` behind them. The default, 0, is no id of any table: a loss
---with {ignore = 0} passes over it, and an embedding refuses it; what the
---lengths hide from a layer may have any id, such as 1.
---@param list any[] N rows: lists or tensors of ids, lists of lists of ids, or
---tables that have them
---@param opts? {pad: integer, field: string} default 0; the field of the tables
---@return rnn.Tensor ids (T,N), or (T,N,C)
---@return integer[] lengths N
---@return integer[]? inner of (T,N,C): T * N numbers of parts, that of step t
---of row n at (t - 1) * N + n; 1 behind the end of a row, as layers want
function padded.padded(list, opts)
  opts = opts or {}
  check.names("padded", opts, OPTIONS)
  local pad = check.integer("padded", "pad", opts.pad, 0, 0)
  local rows = rows_of(list, opts.field)
  local lengths, T = lengths_of(rows)
  if type(rows[1][1]) ~= "table" then
    return core.ids(grid(rows, T, pad)), lengths
  end
  local flat = {}
  for _, step in ipairs(grid(rows, T, {pad})) do
    for _, parts in ipairs(step) do flat[#flat + 1] = parts end
  end
  local inner, most = lengths_of(flat)
  for i, parts in ipairs(flat) do
    if #parts == 0 then
      error(("padded: element %d of row %d has no parts"):format(
            (i - 1) // #rows + 1, (i - 1) % #rows + 1), 2)
    end
    flat[i] = filled(parts, most, pad)
  end
  return core.ids(flat):reshape {T, #rows, most}, lengths, inner
end

return padded
