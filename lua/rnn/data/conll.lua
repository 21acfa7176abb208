---Sentences in columns, a word a line, a blank line between sentences: CoNLL
---2000, 2003 and the like, and CoNLL-U; and sentences in parallel files, the
---words in one and their tags in another.
---
---    local data = require "rnn.data"
---    local path = os.tmpname()
---    local list = {{words = {"She", "sees"}, tags = {"B-NP", "B-VP"}}}
---    assert(data.write_conll(path, list))
---    local sentences = assert(data.conll(path))
---    print(sentences[1].words[2], sentences[1].tags[2])    -- sees, B-VP
---    os.remove(path)
local check = require "rnn.check"
local columns = require "rnn.data.columns"
local lines = require "rnn.data.lines"
local log = require "rnn.log"

local conll = {}

---@class rnn.Sentence
---@field words string[]
---@field tags string[] one for each word
---@field line integer of the file, where it begins
---@field [string] string[] other columns that were asked for

---@class rnn.ConllOptions
---@field format? "columns"|"conllu" conllu: ten columns with tabs between them,
---comments, the ids 1, 2, 3, ...; ranges such as 1-2 and empty nodes such as
---1.1 are passed over
---@field columns? table<string, integer> of each list that a sentence is to
---have, negative numbers from the last; default {words = 1, tags = -1}, of
---conllu {words = 2, tags = 4}, which are FORM and UPOS
---@field separator? "space"|"tab" default space, of conllu tab
---@field comments? boolean whether lines that begin with # are none; default
---false, for # may be a word; true for conllu
---@field invalid? "error"|"replace"|"skip"|"bytes" what becomes of bytes that
---are no UTF-8; default error

local OPTIONS = {format = true, columns = true, separator = true,
                 comments = true, invalid = true}
local FORMATS = {"columns", "conllu"}
local DEFAULT = {
  columns = {columns = {words = 1, tags = -1}, separator = "space"},
  conllu = {columns = {words = 2, tags = 4}, separator = "tab",
            comments = true},
}
local CONLLU = 10    -- columns

local function check_options(opts)
  check.names("conll", opts, OPTIONS)
  local format = check.word("conll", "format", opts.format, FORMATS)
  local default = DEFAULT[format]
  local wanted = opts.columns or default.columns
  local comments = opts.comments
  if comments == nil then comments = default.comments end
  return {
    conllu = format == "conllu", columns = wanted, comments = comments,
    names = columns.check("conll", wanted),
    separator = check.word("conll", "separator",
                           opts.separator or default.separator,
                           columns.SEPARATORS),
    invalid = lines.invalid("conll", opts.invalid),
  }
end

-- {== Reading ==

---What is read so far.
---@class rnn.ConllJob
---@field o table options
---@field sentences rnn.Sentence[]
---@field sentence rnn.Sentence|nil the one that is not ended
---@field count integer|nil of columns, that of the first line
---@field first integer the line that has it
---@field places table<string, integer>
---@field id integer of the last word of a CoNLL-U sentence

local function begin(job, number)
  local sentence = {line = number}
  for _, name in ipairs(job.o.names) do sentence[name] = {} end
  job.sentence = sentence
  job.sentences[#job.sentences + 1] = sentence
end

---Learns the columns of the first line; the message when others differ.
local function check_count(job, count, number)
  if not job.count then
    local places, wrong = columns.place(job.o.names, job.o.columns, count)
    if not places then return wrong end
    if job.o.conllu and count ~= CONLLU then
      return ("has %d column%s, expected the 10 of CoNLL-U, with tabs " ..
              "between them"):format(count, count == 1 and "" or "s")
    end
    job.count, job.first, job.places = count, number, places
  elseif count ~= job.count then
    return ("has %d column%s, expected %d as in line %d"):format(count,
           count == 1 and "" or "s", job.count, job.first)
  end
end

---Is it the line of a word? Words must have the ids 1, 2, 3, ..., so that two
---sentences without a blank line between them are not read as one.
---@return boolean
---@return string? message
local function is_word(job, id)
  if id:find "^%d+%-%d+$" or id:find "^%d+%.%d+$" then return false end
  local n = id:find "^%d+$" and math.tointeger(tonumber(id))
  if n ~= job.id + 1 then
    return false, ("has the id '%s', expected %d; a blank line must stand " ..
                   "between sentences"):format(id, job.id + 1)
  end
  job.id = n
  return true
end

local function add_word(job, cells)
  for _, name in ipairs(job.o.names) do
    local cell = cells[job.places[name]]
    if lines.blank(cell) then
      return ("column %d, '%s', is empty"):format(job.places[name], name)
    end
    local list = job.sentence[name]
    list[#list + 1] = cell
  end
end

---Takes in a line; returns a message when it cannot be one.
local function take(job, line, number)
  local o, wrong = job.o, lines.unended(line)
  if wrong then return wrong end
  if lines.blank(line) or line:find "^%-DOCSTART%-%f[%s\0]" then
    job.sentence, job.id = nil, 0
    return
  end
  if o.comments and line:sub(1, 1) == "#" then return end
  local cells = columns.split(line, o.separator)
  wrong = check_count(job, #cells, number)
  if wrong then return wrong end
  if o.conllu then
    local word
    word, wrong = is_word(job, cells[1])
    if not word then return wrong end
  end
  if not job.sentence then begin(job, number) end
  return add_word(job, cells)
end

---Reads sentences. All lines must have as many columns as the first; lines of
----DOCSTART- are passed over.
---@param path string "-" is standard input; gzip unpacks what ends in ".gz"
---@param opts? rnn.ConllOptions
---@return rnn.Sentence[]|nil
---@return string? message "path:line: reason"
---@return string? code "EIO" or "EFORMAT"
function conll.conll(path, opts)
  local job = {o = check_options(opts or {}), sentences = {}, id = 0}
  local name, wrong, code = lines.each(path, job.o.invalid,
                                       function(line, number)
    return take(job, line, number)
  end)
  if not name then return nil, wrong, code end
  if #job.sentences == 0 then
    return nil, name .. ": has no sentences", "EFORMAT"
  end
  return job.sentences
end

-- }==

-- {== Writing ==

local WRITE = {columns = true, separator = true}
local BETWEEN = {space = " ", tab = "\t"}

---The cells of a word; raises for what could not be read again.
local function check_cell(cell, separator, name, i)
  local bad = type(cell) ~= "string" or lines.blank(cell) or
              cell:find "[\n\r]" or
              cell:find(separator == "tab" and "\t" or "%s")
  if bad then
    error(("write_conll: %s[%d] of a sentence must be a string without " ..
           "white space, got %s"):format(name, i, type(cell) == "string" and
           ("%q"):format(cell) or type(cell)), 4)
  end
  return cell
end

local function sentence_lines(sentence, names, separator, out)
  local count = #(sentence[names[1]] or {})
  if count == 0 then
    error(("write_conll: a sentence has no '%s'"):format(names[1]), 3)
  end
  for _, name in ipairs(names) do
    if type(sentence[name]) ~= "table" or #sentence[name] ~= count then
      error(("write_conll: '%s' of a sentence must have %d words as '%s', " ..
             "got %s"):format(name, count, names[1],
             type(sentence[name]) == "table" and #sentence[name] or
             type(sentence[name])), 3)
    end
  end
  for i = 1, count do
    local cells = {}
    for k, name in ipairs(names) do
      cells[k] = check_cell(sentence[name][i], separator, name, i)
    end
    out[#out + 1] = table.concat(cells, BETWEEN[separator]) .. "\n"
  end
  out[#out + 1] = "\n"
end

---Writes sentences in columns; the file is replaced as a whole or not at all.
---@param path string
---@param sentences table[]
---@param opts? {columns: string[], separator: "space"|"tab"} default {"words",
---"tags"}, and space
---@return true|nil ok
---@return string? message
---@return string? code "EIO"
function conll.write_conll(path, sentences, opts)
  opts = opts or {}
  check.names("write_conll", opts, WRITE)
  local separator = check.word("write_conll", "separator", opts.separator,
                               columns.SEPARATORS)
  local out = {}
  for _, sentence in ipairs(sentences) do
    sentence_lines(sentence, opts.columns or {"words", "tags"}, separator,
                   out)
  end
  local ok, wrong = log.replace(path, table.concat(out))
  if not ok then return nil, wrong, "EIO" end
  return true
end

-- }==

return conll
