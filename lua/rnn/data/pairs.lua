---Pairs of texts for sequence to sequence models, of one file with a pair a
---line, or of two files whose lines belong together.
---
---    local data = require "rnn.data"
---    local path = os.tmpname()
---    local file <close> = io.open(path, "w")
---    file:write "chat\tʃ a\nchien\tʃ j ɛ̃\n"
---    file:close()
---    local list = assert(data.pairs(path, {source = "chars"}))
---    print(#list[2].source, #list[2].target)       -- 5, 3
---    os.remove(path)
local check = require "rnn.check"
local columns = require "rnn.data.columns"
local lines = require "rnn.data.lines"
local notes = require "rnn.data.notes"
local parallel = require "rnn.data.parallel"
local units = require "rnn.data.units"

local bitext = {}

---@class rnn.Pair
---@field source string[]|string
---@field target string[]|string
---@field line integer

---@class rnn.Pairs: rnn.Pair[]
---@field notes string[] what people should know

---@class rnn.PairOptions
---@field source? rnn.Unit what a side is made into: words between white space
---(the default), characters, letters of Hangul syllables and other characters,
---words and punctuation apart, or the text as it is
---@field target? rnn.Unit
---@field separator? "tab"|"space" of one file: a tab, or the first white space,
---as in "word P1 P2"; default tab
---@field columns? table<string, integer> of one file with tabs, negative from
---the last; default {source = 1, target = 2}, and no more than these
---@field comment? string of one file: what begins a comment, at the start of a
---line or after white space
---@field invalid? "error"|"replace"|"skip"|"bytes" default error

local OPTIONS = {source = true, target = true, separator = true,
                 columns = true, comment = true, invalid = true}
local TWO = {source = true, target = true, invalid = true}
local SEPARATORS = {"tab", "space"}
local DEFAULT = {source = 1, target = 2}
local SIDES = {"source", "target"}

local function check_options(opts, two)
  check.names("pairs", opts, two and TWO or OPTIONS)
  local wanted = opts.columns or DEFAULT
  local separator = check.word("pairs", "separator", opts.separator,
                               SEPARATORS)
  if opts.columns and separator == "space" then
    error("pairs: 'columns' need the separator tab", 3)
  end
  return {
    source = units.check("pairs", "source", opts.source),
    target = units.check("pairs", "target", opts.target),
    separator = separator, columns = wanted, exact = not opts.columns,
    names = columns.check("pairs", wanted, SIDES), comment = opts.comment,
    invalid = lines.invalid("pairs", opts.invalid),
  }
end

---The line before a comment.
local function uncommented(line, comment)
  local from = 1
  while comment do
    local at = line:find(comment, from, true)
    if not at then break end
    if at == 1 or line:find("^%s", at - 1) then return line:sub(1, at - 1) end
    from = at + 1
  end
  return line
end

---Both sides of a line, or nil and a message.
local function sides(line, o)
  if o.separator == "space" then
    local source, target = line:match "^%s*(%S+)%s*(.*)$"
    return source, target
  end
  local cells = columns.split(line, "tab")
  if o.exact and #cells ~= 2 then
    return nil, ("has %d column%s, expected 2 with a tab between them%s")
                :format(#cells, #cells == 1 and "" or "s",
                        #cells > 2 and "; choose them with 'columns'" or "")
  end
  local places, wrong = columns.place(o.names, o.columns, #cells)
  if not places then return nil, wrong end
  return cells[places.source], cells[places.target]
end

---A list that pairs go to; those with an empty side are only counted.
local function collector(o)
  local list, passed = {}, notes.counter("pair", "with an empty side")
  local function add(source, target, number)
    if lines.blank(source) or lines.blank(target) then
      passed:count(number)
      return
    end
    list[#list + 1] = {source = units.of(source, o.source),
                       target = units.of(target, o.target), line = number}
  end
  local function finish(name, wrong, code)
    if not name then return nil, wrong, code end
    if #list == 0 then return nil, name .. ": has no pairs", "EFORMAT" end
    list.notes = passed:notes()
    return list
  end
  return add, finish
end

---Reads pairs; blank lines of one file are passed over, and so are pairs with
---an empty side, of which a note tells.
---@param path string "-" is standard input; gzip unpacks what ends in ".gz"
---@param other? string|rnn.PairOptions file with the targets, if there is one
---@param opts? rnn.PairOptions
---@return rnn.Pairs|nil
---@return string? message "path:line: reason"
---@return string? code "EIO" or "EFORMAT"
function bitext.pairs(path, other, opts)
  local two = type(other) == "string"
  local o = check_options(two and opts or not two and other or {}, two)
  local add, finish = collector(o)
  if two then return finish(parallel.each(path, other, o.invalid, add)) end
  return finish(lines.each(path, o.invalid, function(line, number)
    line = uncommented(line, o.comment)
    if lines.blank(line) then return end
    local source, target = sides(line, o)
    if not source then return target end
    add(source, target, number)
  end))
end

---Reads sentences whose words are in one file and their tags in another, a
---sentence a line.
---@param words string path
---@param tags string path
---@param opts? {invalid: "error"|"replace"|"skip"|"bytes"}
---@return rnn.Sentence[]|nil
---@return string? message "path:line: reason"
---@return string? code "EIO" or "EFORMAT"
function bitext.tagged(words, tags, opts)
  opts = opts or {}
  check.names("tagged", opts, {invalid = true})
  local invalid = lines.invalid("tagged", opts.invalid)
  local list = {}
  local name, wrong, code = parallel.each(words, tags, invalid,
                                          function(a, b, number)
    local sentence = {words = units.of(a, "words"), tags = units.of(b, "words"),
                      line = number}
    if #sentence.words ~= #sentence.tags then
      return ("has %d tags, expected %d, one for each word of %s:%d"):format(
             #sentence.tags, #sentence.words, words, number)
    end
    if #sentence.words > 0 then list[#list + 1] = sentence end
  end)
  if not name then return nil, wrong, code end
  if #list == 0 then return nil, name .. ": have no sentences", "EFORMAT" end
  return list
end

return bitext
