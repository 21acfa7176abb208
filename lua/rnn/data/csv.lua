---Tables with a separator between cells (RFC 4180): quoted cells may have the
---separator, line breaks and doubled quotes in them. Columns of numbers and of
---dates are tensors.
---
---    local data = require "rnn.data"
---    local path = os.tmpname()
---    assert(data.write_csv(path, {names = {"day", "t"}, columns = {
---      day = {"2020-01-01", "2020-01-02"}, t = {20.5, 0 / 0}}})) -- NaN: empty
---    local t = assert(data.csv(path, {numbers = {"t"}, dates = {"day"}}))
---    print(t.count, t.columns.t[1]:item(), t:line(2))      -- 2, 20.5, 3
---    print(data.dates.format(t.columns.day[2]:item()))     -- 2020-01-02
---    t = assert(data.csv(path, {guess = true}))
---    print(t.kinds.day, t.kinds.t)                         -- date, number
---    for row, line in assert(data.rows(path)) do print(line, row.day) end
---    os.remove(path)
local check = require "rnn.check"
local core = require "rnn.core"
local dates = require "rnn.data.dates"
local json = require "rnn.json"
local lines = require "rnn.data.lines"
local log = require "rnn.log"

local csv = {}

---Without `numbers`, `text` and `guess` all cells stay as they are, strings,
---but for those of `dates`.
---@class rnn.CsvOptions
---@field separator? string one character; default ","
---@field header? boolean whether the first row has the names of the columns;
---default true; otherwise they are 1, 2, 3, ...
---@field numbers? (string|integer)[] columns of numbers; the others are text
---@field text? (string|integer)[] columns of text; the others are numbers
---@field dates? (string|integer)[] columns of dates, read as seconds since
---1970-01-01 00:00 UTC; none may be missing
---@field date_format? string letters of strptime, for dates that dates.parse
---does not read without
---@field guess? boolean the columns that are not named in `numbers`, `text` or
---`dates` are what their first cell is that is not missing, and all cells must
---be; default false; not for data.rows
---@field missing? string[] cells that stand for no number, read as NaN; default
---{"", "NA", "NaN", "nan", "null"}
---@field invalid? "error"|"replace"|"skip"|"bytes" what becomes of bytes that
---are no UTF-8; default error

local OPTIONS = {separator = true, header = true, numbers = true, text = true,
                 dates = true, date_format = true, guess = true,
                 missing = true, invalid = true}
local LISTS = {"numbers", "text", "dates", "missing"}
local MISSING = {"", "NA", "NaN", "nan", "null"}
local SHOWN <const> = 60      -- bytes of a cell in a message

local function check_separator(what, separator)
  if separator == nil then return "," end
  if type(separator) ~= "string" or #separator ~= 1 or
     separator:find '["\n\r\0]' then
    error(("%s: 'separator' must be one character, and none of quote, CR, " ..
           "LF and NUL; got %s"):format(what, type(separator) == "string" and
           ("%q"):format(separator) or type(separator)), 3)
  end
  return separator
end

local function check_options(what, opts)
  check.names(what, opts, OPTIONS)
  for _, name in ipairs(LISTS) do
    local list = opts[name]
    if list ~= nil and type(list) ~= "table" then
      error(("%s: '%s' must be a list, got %s"):format(what, name,
            type(list)), 3)
    end
  end
  if opts.numbers and opts.text and not opts.guess then
    error(what .. ": takes 'numbers' or 'text', the others follow", 3)
  end
  local wrong = opts.date_format ~= nil and
                dates.wrong_format(opts.date_format)
  if wrong then error(("%s: 'date_format' %s"):format(what, wrong), 3) end
  return {
    separator = check_separator(what, opts.separator),
    header = opts.header ~= false, guess = opts.guess and true,
    lists = {number = opts.numbers, text = opts.text, date = opts.dates},
    date_format = opts.date_format, missing = opts.missing or MISSING,
    invalid = lines.invalid(what, opts.invalid),
  }
end

-- {== What cannot be read ==

---A cell as a message has it: one line, and not endless.
local function shown(cell)
  local s = lines.trim(cell):gsub("%c", "?")
  if #s <= SHOWN then return s end
  local stop = SHOWN
  while stop > 0 and s:find("^[\x80-\xBF]", stop + 1) do stop = stop - 1 end
  return s:sub(1, stop) .. "..."
end

local ROW = {
  open = "a quote in this row is not closed",
  quote = 'a cell has a quote in it and is not quoted; expected "..." with ' ..
          "the quotes within doubled",
  long = "this row is longer than 16777216 bytes; is a quote in it not closed?",
  rows = "is one row more than a table can have",
}

---The message about a row that the reader refuses.
local function of_row(self, fault)
  if fault.what == "behind" then
    return ("text behind a quoted cell, expected '%s' or the end of the line")
           :format(self.o.separator)
  elseif fault.what == "cells" then
    return ("has %d cell%s, expected %d as in the first row"):format(
           fault.cells, fault.cells == 1 and "" or "s", #self.names)
  end
  return ROW[fault.what]
end

---Likewise about a cell.
local function of_cell(self, fault)
  local cell = shown(fault.cell)
  local where = (" in column '%s'"):format(self.names[fault.column])
  if fault.what == "number" then
    return ("'%s'%s is no number; expected one such as 1234.5, without " ..
            "thousands separators"):format(cell, where)
  elseif fault.what == "missing" then
    return ("a date is missing%s; every row needs one"):format(where)
  end
  return dates.explain(fault.what, cell, where, self.o.date_format,
                       "'date_format'")
end

---Why the column is of that kind, and what to do, when that was guessed.
local function of_guess(fault)
  if not fault.since then return "" end
  if fault.what == "order" then return ", or name the column in 'text'" end
  local name = fault.kind .. "s"
  return (". The column was taken for %s by line %d: correct the cell%s, or " ..
          "name the column in 'text'"):format(name, fault.since,
         fault.what == "number" and ", add it to 'missing'" or "")
end

---The results of a reader that cannot take something.
local function refuse(self, message, line)
  return nil, ("%s:%d: %s"):format(self.name, line, message), "EFORMAT"
end

local function refuse_fault(self, fault)
  return refuse(self, fault.column and of_cell(self, fault) .. of_guess(fault)
                or of_row(self, fault), fault.line)
end

-- }==

-- {== Rows ==

---@class rnn.CsvRows
---@field name string of the file, for messages
---@field names (string|integer)[] of the columns
---@field reader rnn.CsvReader
---@field file rnn.Source
---@field read rnn.Reader|nil nil after the end
---@field o table options

---Gives the reader another piece, or tells it of the end; or nil, message,
---code.
local function feed(self)
  local s, wrong, code = self.read()
  if not s then
    self.read = nil
    if not wrong then wrong, code = self.file:changed(), "EIO" end
  end
  if wrong then return nil, wrong, code end
  self.reader:feed(s)
  return true
end

---What a method of the reader gives, once it has bytes enough; nil at the end;
---or nil, message, code.
local function ask(self, method, arg)
  while true do
    local value, more = self.reader[method](self.reader, arg)
    if value then return value, more end
    if more then return refuse_fault(self, more) end
    if not self.read then return nil end
    local ok, wrong, code = feed(self)
    if not ok then return nil, wrong, code end
  end
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

---What the columns are that no list names.
local function other_kind(o)
  if o.guess then return "guess" end
  return o.lists.text and "number" or "text"
end

---The kind of each column; nil and a message when one is unknown.
local function find_kinds(names, o)
  local kinds, place, named = {}, {}, {}
  for i, name in ipairs(names) do kinds[i], place[name] = other_kind(o), i end
  for _, kind in ipairs {"number", "text", "date"} do
    for _, name in ipairs(o.lists[kind] or {}) do
      local i = place[name]
      if not i then
        return nil, ("has no column '%s' (it has: %s)"):format(name,
               table.concat(names, ", "))
      elseif named[i] and named[i] ~= kind then
        return nil, ("column '%s' is named as two kinds"):format(name)
      end
      kinds[i], named[i] = kind, kind
    end
  end
  return kinds
end

---Takes the names from the first row, or counts its cells; or nil, message,
---code.
local function begin(self, keep)
  local reader, o = self.reader, self.o
  local names, line, code = ask(self, "row", not o.header)
  if not names then
    return nil, line or self.name .. ": is empty", code or "EFORMAT"
  end
  if not o.header then
    for i = 1, #names do names[i] = i end
  end
  local kinds
  local wrong = find_twice(names)
  if wrong then return refuse(self, wrong, line) end
  kinds, wrong = find_kinds(names, o)
  if not kinds then return refuse(self, wrong, line) end
  for _, cell in ipairs(o.missing) do reader:missing(cell) end
  reader:columns(kinds, keep, o.date_format)
  self.names = names
  return self
end

---Opens a table, whose rows are kept or not.
---@return rnn.CsvRows|nil
---@return string? message
---@return string? code
local function open(path, o, keep)
  local file, read, code = lines.pieces(path, o.invalid)
  if not file then return nil, read, code end
  return begin({name = file.name, file = file, read = read, o = o,
                reader = core.csv_reader(o.separator)}, keep)
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
  local o = check_options("rows", opts or {})
  if o.guess then
    error("rows: 'guess' is for data.csv; name the columns in 'numbers' and " ..
          "'dates'", 2)
  end
  local rows, wrong, code = open(path, o, false)
  if not rows then return nil, wrong, code end
  return function()
    local row, line = ask(rows, "record", rows.names)
    if row then return row, line end
    if line then error(line, 0) end
  end
end

-- }==

-- {== Whole tables ==

---@class rnn.CsvTable
---@field names (string|integer)[] of the columns, in their order
---@field columns table<string|integer, rnn.Tensor|string[]> numbers and dates
---are float64 (count), text is a list
---@field kinds table<string|integer, "number"|"date"|"text">
---@field count integer rows
---@field notes string[] what people should know
---@field private reader rnn.CsvReader
local Table = {}
Table.__index = Table

---@param row integer
---@return integer line where the row begins, for messages
function Table:line(row)
  return self.reader:line(row)
end

local function note_header(rows, notes)
  for _, name in ipairs(rows.names) do
    if rows.o.header and tonumber(name) and not name:find "[xX]" then
      notes[1] = ("took the first row for names, and one of them is %s; set " ..
                  "'header' to false if it is no header"):format(shown(name))
      return
    end
  end
end

---The columns of a table that was read to its end; 'texts' are their cells.
local function finish(rows, texts)
  local reader = rows.reader
  local t = setmetatable({names = rows.names, columns = {}, kinds = {},
                          notes = {}, reader = reader}, Table)
  note_header(rows, t.notes)
  for i, name in ipairs(rows.names) do
    local kind = reader:kind(i)
    if kind == "guess" then
      kind = "number"
      t.notes[#t.notes + 1] =
        ("all cells of column '%s' are missing; it is taken for numbers")
        :format(name)
    end
    t.kinds[name] = kind
    t.columns[name] = kind == "text" and texts[i] or reader:tensor(i)
  end
  t.count = reader:finish()
  return t
end

---Reads a table by columns.
---@param path string "-" is standard input; gzip unpacks what ends in ".gz"
---@param opts? rnn.CsvOptions
---@return rnn.CsvTable|nil
---@return string? message "path:line: reason"
---@return string? code "EIO" or "EFORMAT"
function csv.csv(path, opts)
  local rows, wrong, code = open(path, check_options("csv", opts or {}), true)
  if not rows then return nil, wrong, code end
  local texts = {}
  for i in ipairs(rows.names) do texts[i] = {} end
  wrong, code = select(2, ask(rows, "take", texts))
  if wrong then return nil, wrong, code end
  return finish(rows, texts)
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

---The columns as lists, those of dates as text.
local function lists_of(t)
  local lists = {}
  for _, name in ipairs(t.names) do
    local list = t.columns[name]
    if core.is_tensor(list) then list = list:totable() end
    if t.kinds and t.kinds[name] == "date" then
      local texts = {}
      for i, x in ipairs(list) do texts[i] = x == x and dates.format(x) or x end
      list = texts
    end
    lists[name] = list
  end
  return lists
end

---Writes a table by columns; the file is replaced as a whole or not at all.
---@param path string "-" is standard output
---@param t rnn.CsvTable|table `names`, unless they are integers, are the first
---row; `columns` are tensors with one axis, or lists; those whose `kinds` are
---"date" are written as dates; without `count` the first column tells how many
---rows there are
---@param opts? {separator: string} default ","
---@return true|nil ok
---@return string? message
---@return string? code "EIO"
function csv.write_csv(path, t, opts)
  opts = opts or {}
  check.names("write_csv", opts, {separator = true})
  local separator = check_separator("write_csv", opts.separator)
  local out, lists = {}, lists_of(t)
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
  for i = 1, t.count or #lists[t.names[1]] do
    put(function(name) return lists[name][i] end, "row " .. i)
  end
  local ok, wrong
  if path == "-" then
    ok, wrong = io.stdout:write(table.concat(out))
  else
    ok, wrong = log.replace(path, table.concat(out))
  end
  if not ok then return nil, wrong, "EIO" end
  return true
end

-- }==

return csv
