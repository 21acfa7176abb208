---Text whose words are known, such as the corpora of SIGHAN: spaces stand
---between words. A model tags characters: B, M and E begin, continue and end a
---word, S is one of a single character.
---
---    local data = require "rnn.data"
---    local chars, tags = data.bmes {"北京", "大", "图书馆"}
---    print(table.concat(tags))                             -- BESBME
---    print(table.concat(data.segment(chars, tags), " "))   -- 北京 大 图书馆
local check = require "rnn.check"
local lines = require "rnn.data.lines"
local units = require "rnn.data.units"

local segmented = {}

---@class rnn.Segmented
---@field words string[]
---@field chars string[]
---@field tags string[] one for each character
---@field line integer

local BEGINS = {B = true, S = true, M = false, E = false}
local ENDS = {E = true, S = true}

---Characters of words, and their tags.
---@param words string[]
---@return string[] chars
---@return string[] tags
function segmented.bmes(words)
  local chars, tags = {}, {}
  for _, word in ipairs(words) do
    local list = units.chars(word)
    for i, char in ipairs(list) do
      chars[#chars + 1] = char
      tags[#tags + 1] = #list == 1 and "S" or i == 1 and "B" or
                        i == #list and "E" or "M"
    end
  end
  return chars, tags
end

---Words of characters by their tags, whatever their order: a word begins at B
---and S, and after E and S.
---@param chars string[]
---@param tags string[]
---@return string[] words
function segmented.segment(chars, tags)
  if #chars ~= #tags then
    error(("segment: there are %d characters and %d tags"):format(#chars,
          #tags), 2)
  end
  local words = {}
  for i, char in ipairs(chars) do
    local begins = BEGINS[tags[i]]
    if begins == nil then
      error(("segment: tag %d must be B, M, E or S, got '%s'"):format(i,
            tags[i]), 2)
    end
    if begins or i == 1 or ENDS[tags[i - 1]] then
      words[#words + 1] = char
    else
      words[#words] = words[#words] .. char
    end
  end
  return words
end

---Reads segmented sentences, one a line; blank lines are passed over.
---U+3000 is a space as well.
---@param path string "-" is standard input; gzip unpacks what ends in ".gz"
---@param opts? {invalid: "error"|"replace"|"skip"|"bytes"} default error
---@return rnn.Segmented[]|nil
---@return string? message "path:line: reason"
---@return string? code "EIO" or "EFORMAT"
function segmented.segmented(path, opts)
  opts = opts or {}
  check.names("segmented", opts, {invalid = true})
  local invalid = lines.invalid("segmented", opts.invalid)
  local list = {}
  local name, wrong, code = lines.each(path, invalid, function(line, number)
    local unended = lines.unended(line)
    if unended then return unended end
    local words = units.words((line:gsub("\u{3000}", " ")))
    if #words == 0 then return end
    local chars, tags = segmented.bmes(words)
    list[#list + 1] = {words = words, chars = chars, tags = tags,
                       line = number}
  end)
  if not name then return nil, wrong, code end
  if #list == 0 then return nil, name .. ": has no words", "EFORMAT" end
  return list
end

return segmented
