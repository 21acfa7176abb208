---Texts with a label each: a line for each, with the label first or last, or
---files or folders of texts for each label.
---
---    local data = require "rnn.data"
---    local path = os.tmpname()
---    local file <close> = io.open(path, "w")
---    file:write "ham\tsee you at nine\nspam\tyou have won\n"
---    file:close()
---    local list = assert(data.labelled(path))
---    print(list[2].label, list[2].text)            -- spam, you have won
---    os.remove(path)
local check = require "rnn.check"
local columns = require "rnn.data.columns"
local csv = require "rnn.data.csv"
local lfs = require "lfs"
local lines = require "rnn.data.lines"
local notes = require "rnn.data.notes"
local text = require "rnn.text"

local labelled = {}

---@class rnn.Labelled
---@field text string without white space around it
---@field label string likewise
---@field line integer of its file

---@class rnn.LabelledList: rnn.Labelled[]
---@field notes string[] what people should know

---@class rnn.LabelledOptions
---@field separator? "tab"|"space"|"csv" between label and text: a tab, or the
---first white space (the last, for a label that comes last), or as data.csv
---reads; default tab
---@field label? "first"|"last"|"file" where the label is: in the line, default
---first, or in the name of the file, whose lines are texts
---@field columns? table<string, integer|string> in place of `label`, with tabs:
---numbers, negative from the last; of csv: names; default of csv {label =
---"label", text = "text"}
---@field invalid? "error"|"replace"|"skip"|"bytes" default error

local OPTIONS = {separator = true, label = true, columns = true,
                 invalid = true}
local SEPARATORS = {"tab", "space", "csv"}
local PLACES = {"first", "last", "file"}
local DEFAULT = {first = {label = 1, text = 2}, last = {label = 2, text = 1}}
local NAMES = {"label", "text"}

local function check_options(opts)
  check.names("labelled", opts, OPTIONS)
  local o = {
    separator = check.word("labelled", "separator", opts.separator,
                           SEPARATORS),
    label = check.word("labelled", "label", opts.label, PLACES),
    invalid = lines.invalid("labelled", opts.invalid),
    exact = not opts.columns, columns = opts.columns,
  }
  local given = opts.columns
  if given and (type(given) ~= "table" or not (given.label and given.text)) then
    error("labelled: 'columns' must be a table of label and text", 3)
  end
  if given and (o.separator == "space" or o.label == "file") then
    error("labelled: 'columns' need the separator tab or csv, and labels in " ..
          "the lines", 3)
  elseif o.label == "file" then
    return o
  elseif o.separator == "tab" then
    o.columns = given or DEFAULT[o.label]
    columns.check("labelled", o.columns, NAMES)
  elseif not given then
    o.columns = {label = "label", text = "text"}
  end
  return o
end

-- {== Examples ==

---A list that examples go to; those without text are only counted.
local function collector()
  local list, passed = {}, notes.counter("example", "without text")
  local function add(label, s, number)
    label, s = lines.trim(label), lines.trim(s)
    if label == "" then return "has no label" end
    if s == "" then
      passed:count(number)
    else
      list[#list + 1] = {label = label, text = s, line = number}
    end
  end
  local function finish(name, wrong, code)
    if not name then return nil, wrong, code end
    if #list == 0 then return nil, name .. ": has no examples", "EFORMAT" end
    list.notes = passed:notes()
    return list
  end
  return add, finish
end

---Label and text of a line, or nil and a message.
local function cut(line, o)
  if o.separator == "space" then
    local first, rest = line:match "^%s*(%S+)(.*)$"
    if o.label == "first" then return first, rest end
    rest, first = line:match "^(.-)(%S+)%s*$"
    return first, rest
  end
  local cells = columns.split(line, "tab")
  if o.exact and #cells ~= 2 then
    return nil, ("has %d column%s, expected 2, label and text with a tab " ..
                 "between them%s"):format(#cells, #cells == 1 and "" or "s",
                 #cells > 2 and "; choose them with 'columns'" or "")
  end
  local places, wrong = columns.place(NAMES, o.columns, #cells)
  if not places then return nil, wrong end
  return cells[places.label], cells[places.text]
end

local function read_lines(path, o, add)
  return lines.each(path, o.invalid, function(line, number)
    if lines.blank(line) then return end
    local label, s = cut(line, o)
    if not label then return s end
    return add(label, s, number)
  end)
end

local function read_csv(path, o, add)
  local t, wrong, code = csv.csv(path, {invalid = o.invalid})
  if not t then return nil, wrong, code end
  local names = o.columns
  for _, name in ipairs(NAMES) do
    if not t.columns[names[name]] then
      return nil, ("%s: has no column '%s' (it has: %s); choose with " ..
                   "'columns'"):format(path, names[name],
                   table.concat(t.names, ", ")), "EFORMAT"
    end
  end
  for i = 1, t.count do
    wrong = add(t.columns[names.label][i], t.columns[names.text][i],
                t:line(i))
    if wrong then
      return nil, ("%s:%d: %s"):format(path, t:line(i), wrong), "EFORMAT"
    end
  end
  return path
end

-- }==

-- {== A file or a folder for each label ==

---The label that a file name stands for: "Greek" of "names/Greek.txt.gz".
local function label_of(path)
  local name = path:match "[^/]*$":gsub("%.gz$", "")
  return name:match "^(.+)%.[^.]*$" or name
end

---Names in a folder, sorted; or nil, message, code.
local function list_folder(path)
  local ok, step, state = pcall(lfs.dir, path)
  if not ok then return nil, step, "EIO" end
  local names = {}
  for name in step, state do
    if name:sub(1, 1) ~= "." then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

local function is_folder(path)
  return lfs.attributes(path, "mode") == "directory"
end

---The path of each label in a folder; or nil, message, code.
local function find_labels(folder)
  local paths = {}
  local names, wrong, code = list_folder(folder)
  if not names then return nil, wrong, code end
  for _, name in ipairs(names) do
    local path = folder .. "/" .. name
    local label = is_folder(path) and name or label_of(name)
    if paths[label] then
      return nil, ("%s: %s and %s are both of the label '%s'; give the " ..
                   "paths as {label = path}"):format(folder, paths[label],
                   path, label), "EFORMAT"
    end
    paths[label] = path
  end
  return paths
end

---Each file of a folder is one text.
local function read_texts(folder, label, o, add)
  local names, wrong, code = list_folder(folder)
  for _, name in ipairs(names or {}) do
    local s
    s, wrong, code = text.read(folder .. "/" .. name,
                               {invalid = o.invalid, crlf = "lf"})
    if not s then return nil, wrong, code end
    add(label, s, 1)
  end
  return names and folder, wrong, code
end

---Each line of a file is one text.
local function read_texts_of_lines(path, label, o, add)
  return lines.each(path, o.invalid, function(line, number)
    if not lines.blank(line) then return add(label, line, number) end
  end)
end

local function read_labels(paths, o, add)
  local labels = {}
  for label in pairs(paths) do labels[#labels + 1] = label end
  table.sort(labels)
  for _, label in ipairs(labels) do
    local path = paths[label]
    if not utf8.len(label) then
      return nil, path .. ": its name, a label, is not valid UTF-8", "EFORMAT"
    end
    local read = is_folder(path) and read_texts or read_texts_of_lines
    local name, wrong, code = read(path, label, o, add)
    if not name then return nil, wrong, code end
  end
  return #labels .. " labels"
end

-- }==

---Reads labelled texts. A folder has a file for each label, whose lines are
---texts, or a folder for each, whose files are; a table names them. Blank lines
---are passed over, and so are labels without a text, of which a note tells.
---@param path string|table<string, string> file ("-" is standard input; gzip
---unpacks what ends in ".gz"), folder, or paths by their labels
---@param opts? rnn.LabelledOptions
---@return rnn.LabelledList|nil
---@return string? message "path:line: reason"
---@return string? code "EIO" or "EFORMAT"
function labelled.labelled(path, opts)
  local o = check_options(opts or {})
  local add, finish = collector()
  if type(path) == "string" and is_folder(path) then
    local paths, wrong, code = find_labels(path)
    if not paths then return nil, wrong, code end
    local _, why, what = read_labels(paths, o, add)
    return finish(not why and path, why, what)
  end
  if o.label == "file" and type(path) == "string" then
    path = {[label_of(path)] = path}
  end
  if type(path) == "table" then return finish(read_labels(path, o, add)) end
  local read = o.separator == "csv" and read_csv or read_lines
  return finish(read(path, o, add))
end

return labelled
