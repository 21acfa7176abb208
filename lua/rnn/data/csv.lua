---Tables with a separator between cells (RFC 4180): quoted cells may have the
---separator, line breaks and doubled quotes in them.
---
---    local data = require "rnn.data"
---    local path = os.tmpname()
---    assert(data.write_csv(path, {names = {"day", "t"}, columns = {
---      day = {"Mon", "Tue"}, t = {20.5, 0 / 0}}}))   -- NaN is an empty cell
---    local t = assert(data.csv(path, {numbers = {"t"}}))
---    print(t.count, t.columns.day[2], t.columns.t[1])      -- 2, Tue, 20.5
---    for row, line in assert(data.rows(path)) do print(line, row.day) end
---    os.remove(path)
local check = require "rnn.check"
local json = require "rnn.json"
local lines = require "rnn.data.lines"
local log = require "rnn.log"

local csv = {}

---Without `numbers` and `text` all cells stay as they are, strings; dates are
---left to the caller.
---@class rnn.CsvOptions
---@field separator? string one character; default ","
---@field header? boolean whether the first row has the names of the columns;
---default true; otherwise they are 1, 2, 3, ...
---@field numbers? (string|integer)[] columns of numbers; the others are text
---@field text? (string|integer)[] in place of `numbers`: the columns that are
---none
---@field missing? string[] cells that stand for no number, read as NaN; default
---{"", "NA", "NaN", "nan", "null"}
---@field invalid? "error"|"replace"|"skip"|"bytes" what becomes of bytes that
---are no UTF-8; default error

local OPTIONS = {separator = true, header = true, numbers = true, text = true,
                 missing = true, invalid = true}
local MISSING = {"", "NA", "NaN", "nan", "null"}
local NAN <const> = 0 / 0

local function check_separator(what, separator)
  if separator == nil then return "," end
  if type(separator) ~= "string" or #separator ~= 1 or
     separator:find '["\n\r]' then
    error(("%s: 'separator' must be one character, and none of quote, CR " ..
           "and LF; got %s"):format(what, type(separator) == "string" and
           ("%q"):format(separator) or type(separator)), 3)
  end
  return separator
end

local function set_of(list)
  local set = {}
  for _, value in ipairs(list) do set[value] = true end
  return set
end

local function check_options(what, opts)
  check.names(what, opts, OPTIONS)
  for _, name in ipairs {"numbers", "text", "missing"} do
    local list = opts[name]
    if list ~= nil and type(list) ~= "table" then
      error(("%s: '%s' must be a list, got %s"):format(what, name,
            type(list)), 3)
    end
  end
  if opts.numbers and opts.text then
    error(what .. ": takes 'numbers' or 'text', the others follow", 3)
  end
  return {
    separator = check_separator(what, opts.separator),
    header = opts.header ~= false, numbers = opts.numbers, text = opts.text,
    missing = set_of(opts.missing or MISSING),
    invalid = lines.invalid(what, opts.invalid),
  }
end

-- {== Rows ==

---@class rnn.CsvRows
---@field names (string|integer)[] of the columns
---@field is_number boolean[] for each column
---@field lines rnn.Lines
---@field begins integer line of the last row
---@field first string[]|nil the row that was read to know the columns
---@field o table options
local Rows = {}
Rows.__index = Rows

---The quoted cell at a place of a line, then the line that it ends in and the
---place behind it; or nil, message, code.
local function read_quoted(self, line, at)
  local parts, from = {}, at + 1
  while true do
    local stop = line:find('"', from, true)
    if not stop then
      parts[#parts + 1] = line:sub(from) .. "\n"
      local wrong, code
      line, wrong, code = self.lines:next()
      if wrong then return nil, wrong, code end
      if not line then
        return self.lines:refuse("a quote in this row is not closed",
                                 self.begins)
      end
      from = 1
    elseif line:find('^"', stop + 1) then
      parts[#parts + 1] = line:sub(from, stop)
      from = stop + 2
    else
      parts[#parts + 1] = line:sub(from, stop - 1)
      return table.concat(parts), line, stop + 1
    end
  end
end

---As read_quoted, without quotes.
local function read_plain(self, line, at)
  local stop = line:find(self.o.separator, at, true) or #line + 1
  local cell = line:sub(at, stop - 1)
  if cell:find('"', 1, true) then
    return self.lines:refuse("a cell has a quote in it and is not quoted; " ..
                             'expected "..." with the quotes within doubled')
  end
  return cell, line, stop
end

---The cells of the row that begins with a line; or nil, message, code.
local function read_cells(self, line)
  local cells, at = {}, 1
  while true do
    local read = line:find('^"', at) and read_quoted or read_plain
    local cell, rest, behind = read(self, line, at)
    if not cell then return nil, rest, behind end
    cells[#cells + 1] = cell
    if behind > #rest then return cells end
    if rest:sub(behind, behind) ~= self.o.separator then
      return self.lines:refuse(("text behind a quoted cell, expected '%s' " ..
                                "or the end of the line"):format(
                                self.o.separator))
    end
    line, at = rest, behind + 1
  end
end

---The next row as strings; nil at the end; or nil, message, code.
local function next_cells(self)
  local line, wrong, code
  repeat
    line, wrong, code = self.lines:next()
    if not line then return nil, wrong, code end
  until not lines.blank(line)
  self.begins = self.lines.number
  return read_cells(self, line)
end

---Which columns are numbers; nil and a message when one is unknown.
local function find_numbers(names, o)
  local at, flags = {}, {}
  for i, name in ipairs(names) do
    at[name], flags[i] = i, o.text ~= nil
  end
  for _, name in ipairs(o.numbers or o.text or {}) do
    if not at[name] then
      return nil, ("has no column '%s' (it has: %s)"):format(name,
             table.concat(names, ", "))
    end
    flags[at[name]] = o.text == nil
  end
  return flags
end

---The message about two columns of one name.
local function find_twice(names)
  local seen = {}
  for i, name in ipairs(names) do
    if seen[name] then
      return ("columns %d and %d have the name '%s'"):format(seen[name], i,
             name)
    end
    seen[name] = i
  end
end

---Takes the names from the first row, or counts its cells.
local function begin(self)
  local cells, wrong, code = next_cells(self)
  if wrong then return nil, wrong, code end
  if not cells then return nil, self.lines.name .. ": is empty", "EFORMAT" end
  local names = cells
  if not self.o.header then
    names, self.first = {}, cells
    for i = 1, #cells do names[i] = i end
  end
  wrong = find_twice(names)
  if wrong then return self.lines:refuse(wrong) end
  local flags
  flags, wrong = find_numbers(names, self.o)
  if not flags then return self.lines:refuse(wrong) end
  self.names, self.is_number = names, flags
  return self
end

---Opens a table.
local function open(path, o)
  local from, wrong, code = lines.open(path, o.invalid)
  if not from then return nil, wrong, code end
  return begin(setmetatable({lines = from, o = o}, Rows))
end

---A number of digits, a decimal point and an exponent alone; nil for others.
local function number_of(cell)
  if not cell:find "^[+-]?[%d.]+$" and
     not cell:find "^[+-]?[%d.]+[eE][+-]?%d+$" then
    return nil
  end
  local x = tonumber(cell)
  return x and math.abs(x) < math.huge and x + 0.0 or nil
end

---The values of the next row, in the order of the columns; nil at the end; or
---nil, message, code.
function Rows:next()
  local cells, wrong, code = self.first, nil, nil
  self.first = nil
  if not cells then cells, wrong, code = next_cells(self) end
  if not cells then return nil, wrong, code end
  if #cells ~= #self.names then
    return self.lines:refuse(("has %d cell%s, expected %d as in the first row")
             :format(#cells, #cells == 1 and "" or "s", #self.names),
             self.begins)
  end
  for i, is_number in ipairs(self.is_number) do
    if is_number then
      local cell = lines.trim(cells[i])
      local x = self.o.missing[cell] and NAN or number_of(cell)
      if not x then
        return self.lines:refuse(("'%s' in column '%s' is no number; " ..
                 "expected one such as 1234.5, without thousands separators")
                 :format(cell, self.names[i]), self.begins)
      end
      cells[i] = x
    end
  end
  return cells
end

---Goes through a table row by row; what is read of a file of any size is one
---row. Blank lines are passed over. The iterator raises when a row cannot be
---read.
---@param path string "-" is standard input; gzip unpacks what ends in ".gz"
---@param opts? rnn.CsvOptions
---@return (fun(): table<string|integer, string|number>?, integer?)|nil rows by
---the names of columns, and the line where each begins
---@return string? message "path:line: reason"
---@return string? code "EIO" or "EFORMAT"
function csv.rows(path, opts)
  local rows, wrong, code = open(path, check_options("rows", opts or {}))
  if not rows then return nil, wrong, code end
  return function()
    local cells, why = rows:next()
    if why then error(why, 0) end
    if not cells then return nil end
    local row = {}
    for i, name in ipairs(rows.names) do row[name] = cells[i] end
    return row, rows.begins
  end
end

-- }==

-- {== Whole tables ==

---@class rnn.CsvTable
---@field names (string|integer)[] of the columns, in their order
---@field columns table<string|integer, (string|number)[]>
---@field count integer rows
---@field lines integer[] where each row begins
---@field notes string[] what people should know

local function notes_of(rows)
  for _, name in ipairs(rows.names) do
    if rows.o.header and number_of(name) then
      return {("took the first row for names, and one of them is %s; set " ..
               "'header' to false if it is no header"):format(name)}
    end
  end
  return {}
end

---Reads a table by columns.
---@param path string "-" is standard input; gzip unpacks what ends in ".gz"
---@param opts? rnn.CsvOptions
---@return rnn.CsvTable|nil
---@return string? message "path:line: reason"
---@return string? code "EIO" or "EFORMAT"
function csv.csv(path, opts)
  local rows, wrong, code = open(path, check_options("csv", opts or {}))
  if not rows then return nil, wrong, code end
  local columns, begins, count = {}, {}, 0
  for i in ipairs(rows.names) do columns[i] = {} end
  local cells
  cells, wrong, code = rows:next()
  while cells do
    count = count + 1
    begins[count] = rows.begins
    for i, column in ipairs(columns) do column[count] = cells[i] end
    cells, wrong, code = rows:next()
  end
  if wrong then return nil, wrong, code end
  local by_name = {}
  for i, name in ipairs(rows.names) do by_name[name] = columns[i] end
  return {names = rows.names, columns = by_name, count = count,
          lines = begins, notes = notes_of(rows)}
end

---A cell as text; NaN is an empty one.
local function written(value, separator)
  if value ~= value then return "" end
  if math.type(value) then return json.encode(value) end
  if type(value) ~= "string" then return nil end
  if value == "" or value:find '["\n\r]' or value:find "^%s" or
     value:find "%s$" or value:find(separator, 1, true) then
    return '"' .. value:gsub('"', '""') .. '"'
  end
  return value
end

---Writes a table by columns; the file is replaced as a whole or not at all.
---@param path string
---@param t rnn.CsvTable `names`, unless they are integers, are the first row;
---without `count` the first column tells how many rows there are
---@param opts? {separator: string} default ","
---@return true|nil ok
---@return string? message
---@return string? code "EIO"
function csv.write_csv(path, t, opts)
  opts = opts or {}
  check.names("write_csv", opts, {separator = true})
  local separator = check_separator("write_csv", opts.separator)
  local out = {}
  local function put(cell_of, what)
    local cells = {}
    for i, name in ipairs(t.names) do
      cells[i] = written(cell_of(name), separator) or
        error(("write_csv: %s of column '%s' must be a string or a number, " ..
               "got %s"):format(what, name, type(cell_of(name))), 3)
    end
    out[#out + 1] = table.concat(cells, separator) .. "\n"
  end
  if type(t.names[1]) == "string" then
    put(function(name) return name end, "the name")
  end
  for i = 1, t.count or #t.columns[t.names[1]] do
    put(function(name) return t.columns[name][i] end, "row " .. i)
  end
  local ok, wrong = log.replace(path, table.concat(out))
  if not ok then return nil, wrong, "EIO" end
  return true
end

-- }==

return csv
