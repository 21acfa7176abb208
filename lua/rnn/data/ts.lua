---Series of numbers with a label each: the .ts files of the UEA and UCR
---archives (sktime, aeon), UCR's plain lines, and CSV with a row for each step.
---
---    local data = require "rnn.data"
---    local path = os.tmpname() .. ".ts"
---    local file <close> = io.open(path, "w")
---    file:write "@classLabel true up down\n@data\n"
---    file:write "1,2,3:0.5,?,0.5:up\n3,1:0,0:down\n"      -- two channels
---    file:close()
---    local list = assert(data.ts(path))
---    print(list[1].label, list[1].values:shape()[1])      -- up, 3
---    assert(data.write_ts(path, list))
---    os.remove(path)
local check = require "rnn.check"
local core = require "rnn.core"
local csv = require "rnn.data.csv"
local lines = require "rnn.data.lines"
local log = require "rnn.log"

local ts = {}

---@class rnn.Series
---@field values rnn.Tensor (T,C) float32, NaN where one is missing
---@field label string|nil without white space around it
---@field channels string[] the names of C channels: of .ts 1, 2, ...
---@field line integer of its file, where it begins

---@class rnn.SeriesList: rnn.Series[]
---@field notes string[] what people should know

---@class rnn.SeriesOptions
---@field format? "ts"|"ucr"|"csv" default by the end of the path: .ts, .csv,
---for others ucr. ucr: a label, then the values of one channel, with tabs,
---commas or else white space between them; missing values at the end are none.
---csv: a row for each step
---@field columns? {id: string?, label: string?, time: string?} of csv, default
---these names: which series a step is of; its label, and a time, which rises
---where it is a number, need not be there
---@field channels? string[] columns of csv; default all others, sorted
---@field invalid? "error"|"replace"|"skip"|"bytes" default error

local OPTIONS = {format = true, columns = true, channels = true,
                 invalid = true}
local FORMATS = {"ts", "ucr", "csv"}
local COLUMNS = {id = "id", label = "label", time = "time"}

local NAN <const> = 0 / 0
local LARGEST <const> = 3.4028234663852886e38   -- of float32
local SHOWN <const> = 40                        -- bytes of what was got

-- {== Values ==

---Cells that stand for no number.
local MISSING = {["?"] = true, NaN = true, nan = true, NAN = true}
local EMPTY = {[""] = true, NA = true, null = true}   -- of csv, too

---What was got, for a message.
local function shown(s)
  if #s <= SHOWN then return "'" .. s .. "'" end
  local stop = utf8.offset(s, 0, SHOWN + 1) or SHOWN + 1
  return "'" .. s:sub(1, stop - 1) .. "...'"
end

---A number; or nil and what is wrong.
local function number_of(cell, also)
  local x = tonumber(cell)
  if x and not cell:find "[xX]" then
    if x <= LARGEST and x >= -LARGEST then return x + 0.0 end
    return nil, ("%s is larger than float32 holds"):format(shown(cell))
  end
  local s = lines.trim(cell)
  if MISSING[s] or also and also[s] then return NAN end
  return nil, s == "" and "is empty, expected a number, or ? for none" or
         s:find "^%(" and shown(s) .. " has a time stamp, expected a number" or
         shown(s) .. " is no number, expected one such as -1.5e3, or ? for none"
end

---Appends the numbers of cells to a list; returns how many, or nil and a
---message.
local function read_values(text, pattern, list)
  local from = #list
  for cell in text:gmatch(pattern) do
    local x, wrong = number_of(cell)
    if not x then
      return nil, ("value %d: %s"):format(#list - from + 1, wrong)
    end
    list[#list + 1] = x
  end
  return #list - from
end

-- }==

-- {== The .ts format ==

---@class rnn.TsHeader
---@field labels table<string, boolean>|nil
---@field names string labels, for messages

local FLAGS = {timestamps = true, missing = true, univariate = true,
               equallength = true, targetlabel = true}
local COUNTS = {dimensions = true, dimension = true, serieslength = true}

---Takes "@classLabel true a b c"; returns what is wrong.
local function take_labels(header, rest)
  local flag, names = rest:match "^(%S+)%s*(.*)$"
  flag = flag and flag:lower()
  header.labelled = flag == "true"
  if flag == "false" then return nil end
  if flag ~= "true" or names == "" then
    return "expected '@classLabel true' and the labels, or '@classLabel " ..
           "false', got " .. shown(rest)
  end
  header.labels, header.names = {}, names
  for name in names:gmatch "%S+" do header.labels[name] = true end
end

---Takes a line of the header; returns what is wrong with it. What it says
---beside what is checked is passed over.
local function take_header(header, line)
  local name, rest = line:match "^@(%S+)%s*(.-)%s*$"
  if not name then
    return "expected a line of the header, such as '@classLabel true a b' " ..
           "or '@data', got " .. shown(line)
  end
  local key = name:lower()
  if key == "classlabel" then return take_labels(header, rest) end
  if FLAGS[key] then
    header[key] = rest:lower()
    if header[key] ~= "true" and header[key] ~= "false" then
      return ("@%s must be true or false, got %s"):format(name, shown(rest))
    end
  elseif COUNTS[key] then
    local n = rest:find "^%d+$" and math.tointeger(tonumber(rest))
    if not n then
      return ("@%s must be an integer, got %s"):format(name, shown(rest))
    end
    header[key:gsub("s$", "")] = n
  end
end

---What keeps the series that a header tells of from being read.
local function refused(header)
  if header.timestamps == "true" then
    return "its values have time stamps (@timeStamps true), which are not " ..
           "read; expected values at regular times"
  elseif header.targetlabel == "true" then
    return "its targets are numbers (@targetLabel true), expected labels"
  elseif header.labelled == nil then
    return "its header has no @classLabel, expected '@classLabel true' and " ..
           "the labels, or '@classLabel false'"
  end
end

---What in a header a series of T steps and C channels goes against; 'first' is
---the first of the file.
local function contradiction(header, T, C, first)
  if header.univariate == "true" and C > 1 then
    return ("has %d channels, @univariate true allows 1"):format(C)
  elseif header.dimension and C ~= header.dimension then
    return ("has %d channels, @dimensions says %d"):format(C, header.dimension)
  elseif C ~= first.C then
    return ("has %d channels, the series in line %d has %d"):format(C,
           first.line, first.C)
  elseif header.equallength == "true" and T ~= first.T then
    return ("has %d steps, the series in line %d has %d, and @equalLength " ..
            "is true"):format(T, first.line, first.T)
  elseif header.serieslength and T ~= header.serieslength and
         header.equallength ~= "false" then
    return ("has %d steps, @seriesLength says %d"):format(T,
           header.serieslength)
  end
end

---Takes the label off the parts of a line; or nil and what is wrong.
local function take_label(header, parts)
  local label = lines.trim(table.remove(parts))
  if label == "" or #parts == 0 then
    return nil, "has no label, expected one behind the last ':'"
  elseif not header.labels[label] then
    return nil, ("has the label %s, @classLabel has %s"):format(shown(label),
           shown(header.names))
  end
  return label
end

---The series of a line; or nil and what is wrong.
local function read_series(header, line)
  local parts, list = {}, {}
  for part in line:gmatch "[^:]*" do parts[#parts + 1] = part end
  local label, wrong
  if header.labelled then
    label, wrong = take_label(header, parts)
    if not label then return nil, wrong end
  end
  local T
  for c, part in ipairs(parts) do
    local count
    count, wrong = read_values(part, "[^,]*", list)
    if not count then return nil, ("channel %d, %s"):format(c, wrong) end
    T = T or count
    if count ~= T then
      return nil, ("channel %d has %d values, channel 1 has %d"):format(c,
             count, T)
    end
  end
  return {label = label, list = list, T = T, C = #parts}
end

local function channel_names(C)
  local names = {}
  for c = 1, C do names[c] = tostring(c) end
  return names
end

---Lines that say nothing.
local function is_comment(line)
  return lines.blank(line) or line:find "^%s*[#%%]"
end

local function read_ts(path, o)
  local header, first, all = {}, nil, {}
  local function take_data(line, number)
    local s, wrong = read_series(header, line)
    if not s then return wrong end
    s.line = number
    first = first or s
    wrong = contradiction(header, s.T, s.C, first)
    if wrong then return wrong end
    first.channels = first.channels or channel_names(s.C)
    local flat = core.tensor(s.list, "float32")
    all[#all + 1] = {
      values = flat:reshape({s.C, s.T}):transpose(1, 2), label = s.label,
      channels = first.channels, line = number}
  end
  local name, wrong, code = lines.each(path, o.invalid, function(line, number)
    if is_comment(line) then return end
    if header.ended then return take_data(line, number) end
    line = lines.trim(line)
    if line:lower() ~= "@data" then return take_header(header, line) end
    header.ended = true
    return refused(header)
  end)
  if not name then return nil, wrong, code end
  if not header.ended then
    return nil, name .. ": has no line '@data', expected one before the series",
           "EFORMAT"
  end
  return all, name
end

-- }==

-- {== UCR's lines ==

---The label of a line, the rest, and a pattern of its cells.
local function cut_label(line)
  local separator = line:match "[\t,]"
  if not separator then
    local label, rest = line:match "^%s*(%S+)(.*)$"
    return label, rest, "%S+"
  end
  local label, rest = line:match(("^([^%s]*)%s(.*)$"):format(separator,
                                                             separator))
  return lines.trim(label), rest, "[^" .. separator .. "]*"
end

local function read_ucr(path, o)
  local all, channels = {}, channel_names(1)
  local name, wrong, code = lines.each(path, o.invalid, function(line, number)
    if lines.blank(line) then return end
    local label, rest, pattern = cut_label(line)
    if label == "" then return "has no label, expected one in front" end
    local list = {}
    local count, why = read_values(rest, pattern, list)
    if not count then return why end
    while #list > 0 and list[#list] ~= list[#list] do list[#list] = nil end
    if #list == 0 then return "has no values behind the label" end
    all[#all + 1] = {values = core.tensor(list, "float32")
                     :reshape {#list, 1},
                     label = label, channels = channels, line = number}
  end)
  if not name then return nil, wrong, code end
  return all, name
end

-- }==

-- {== CSV ==

---The columns of a row that are channels; or nil and what is wrong.
local function find_columns(row, o)
  local has, channels, own = {}, {}, {}
  for name in pairs(row) do has[#has + 1] = name end
  table.sort(has)
  for what, name in pairs(o.columns) do
    own[name] = true
    if not row[name] and (what == "id" or o.given[what]) then
      return nil, ("has no column '%s' (it has: %s)"):format(name,
             table.concat(has, ", "))
    end
  end
  for _, name in ipairs(o.channels or has) do
    if not row[name] then
      return nil, ("has no column '%s' (it has: %s)"):format(name,
             table.concat(has, ", "))
    end
    if not own[name] then channels[#channels + 1] = name end
  end
  if #channels == 0 then return nil, "has no columns of values" end
  return channels
end

---Adds a row to the series it is of; returns what is wrong.
local function add_row(series, row, channels, o)
  local label = row[o.columns.label]
  label = label and lines.trim(label)
  if label == "" then return "has no label" end
  series.label = series.label or label
  if series.label ~= label then
    return ("has the label %s, line %d has %s for this '%s'"):format(
           shown(label), series.line, shown(series.label), o.columns.id)
  end
  local time = tonumber(row[o.columns.time])
  if time and series.time and time <= series.time then
    return ("is of time %g, behind %g of this '%s'; expected times that rise")
           :format(time, series.time, o.columns.id)
  end
  series.time = time or series.time
  for _, name in ipairs(channels) do
    local x, wrong = number_of(row[name], EMPTY)
    if not x then return ("column '%s': %s"):format(name, wrong) end
    series.list[#series.list + 1] = x
  end
end

---Gives each row to take(row, line), which returns a message to stop; returns
---the message about what went wrong.
local function each_row(path, o, take)
  local next_row, wrong, code = csv.rows(path, {invalid = o.invalid})
  if not next_row then return wrong, code end
  while true do
    local ok, row, line = pcall(next_row)
    if not ok then return row, "EFORMAT" end
    if not row then return nil end
    wrong = take(row, line)
    if wrong then return ("%s:%d: %s"):format(path, line, wrong), "EFORMAT" end
  end
end

local function read_csv(path, o)
  local all, by_id, channels = {}, {}, nil
  local wrong, code = each_row(path, o, function(row, line)
    local why
    if not channels then
      channels, why = find_columns(row, o)
      if not channels then return why end
    end
    local id = row[o.columns.id]
    local series = by_id[id]
    if not series then
      series = {list = {}, line = line}
      by_id[id], all[#all + 1] = series, series
    end
    return add_row(series, row, channels, o)
  end)
  if wrong then return nil, wrong, code end
  for i, s in ipairs(all) do
    local flat, C = core.tensor(s.list, "float32"), #channels
    all[i] = {values = flat:reshape {#s.list // C, C}, label = s.label,
              channels = channels, line = s.line}
  end
  return all, path
end

-- }==

local READ = {ts = read_ts, ucr = read_ucr, csv = read_csv}

local function check_list(name, list)
  if list ~= nil and type(list) ~= "table" then
    error(("ts: '%s' must be a table, got %s"):format(name, type(list)), 4)
  end
  return list
end

---The format that a path is likely to have.
local function format_of(path)
  local ending = tostring(path):gsub("%.gz$", ""):match "%.(%w+)$"
  return path == "-" and "ts" or READ[ending] and ending or "ucr"
end

local function check_options(path, opts)
  check.names("ts", opts, OPTIONS)
  local given = check_list("columns", opts.columns) or {}
  check.names("ts", given, COLUMNS)
  local columns = {}
  for what, name in pairs(COLUMNS) do columns[what] = given[what] or name end
  return {
    format = opts.format and check.word("ts", "format", opts.format, FORMATS) or
             format_of(path),
    columns = columns, given = given,
    channels = check_list("channels", opts.channels),
    invalid = lines.invalid("ts", opts.invalid),
  }
end

---Reads series.
---@param path string "-" is standard input; gzip unpacks what ends in ".gz"
---@param opts? rnn.SeriesOptions
---@return rnn.SeriesList|nil
---@return string? message "path:line: reason"
---@return string? code "EIO" or "EFORMAT"
function ts.ts(path, opts)
  local o = check_options(path, opts or {})
  local list, name, code = READ[o.format](path, o)
  if not list then return nil, name, code end
  if #list == 0 then return nil, name .. ": has no series", "EFORMAT" end
  list.notes = {}
  return list
end

-- {== Writing ==

---Labels of series, for a header.
local function header_of(list, name)
  local seen, labels, C = {}, {}, list[1].values:shape()[2]
  for i, one in ipairs(list) do
    local label = one.label
    if not label ~= not list[1].label or label and
       (label == "" or label:find "[%s:,]") then
      error(("write_ts: series %d has the label %s; all or none must have " ..
             "one, without white space, ':' and ','"):format(i,
             tostring(label)), 3)
    end
    if one.values:shape()[2] ~= C then
      error(("write_ts: series %d has %d channels, the first has %d"):format(
            i, one.values:shape()[2], C), 3)
    end
    if label and not seen[label] then
      seen[label], labels[#labels + 1] = true, label
    end
  end
  table.sort(labels)
  return ("@problemName %s\n@timeStamps false\n@univariate %s\n" ..
          "@dimensions %d\n@classLabel %s\n@data\n"):format(name, C == 1, C,
         #labels > 0 and "true " .. table.concat(labels, " ") or "false")
end

---Writes series as .ts; the file is replaced as a whole or not at all.
---@param path string
---@param list rnn.Series[] without `channels` and `line`, if need be
---@param opts? {name: string?} of the problem, a word; default "series"
---@return true|nil ok
---@return string? message
---@return string? code "EIO"
function ts.write_ts(path, list, opts)
  opts = opts or {}
  check.names("write_ts", opts, {name = true})
  if #list == 0 then error("write_ts: there are no series", 2) end
  local out = {header_of(list, opts.name or "series")}
  for _, one in ipairs(list) do
    local parts = one.values:transpose(1, 2):totable()
    for c, row in ipairs(parts) do
      for t, x in ipairs(row) do
        row[t] = x == x and ("%.9g"):format(x) or "?"
      end
      parts[c] = table.concat(row, ",")
    end
    parts[#parts + 1] = one.label
    out[#out + 1] = table.concat(parts, ":") .. "\n"
  end
  local ok, wrong = log.replace(path, table.concat(out))
  if not ok then return nil, wrong, "EIO" end
  return true
end

-- }==

return ts
