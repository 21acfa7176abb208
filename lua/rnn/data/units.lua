---Text cut into words, tokens or characters.
local check = require "rnn.check"
local core = require "rnn.core"

local units = {}

local UNITS = {"words", "chars", "tokens", "text"}

---@param what string the function, for the message
---@param name string of the option
---@param value any
---@return "words"|"chars"|"tokens"|"text"
function units.check(what, name, value)
  return check.word(what, name, value, UNITS)
end

local function split(s, pattern)
  local list = {}
  for unit in s:gmatch(pattern) do list[#list + 1] = unit end
  return list
end

---@param s string
---@return string[] chars its code points, and bytes that are no UTF-8
function units.chars(s)
  local _, bad = utf8.len(s)
  if not bad then return split(s, utf8.charpattern) end
  local list, at = {}, 1
  while at <= #s do
    _, bad = utf8.len(s, at)
    local valid = split(s:sub(at, (bad or #s + 1) - 1), utf8.charpattern)
    table.move(valid, 1, #valid, #list + 1, list)
    if bad then list[#list + 1] = s:sub(bad, bad) end
    at = (bad or #s) + 1
  end
  return list
end

---@param s string
---@return string[] words what white space stands between
function units.words(s)
  return split(s, "%S+")
end

---@param s string
---@param unit "words"|"chars"|"tokens"|"text" tokens: words, punctuation and
---ideographs, in the manner of Unicode's word boundaries; characters without
---white space around
---@return string[]|string
function units.of(s, unit)
  if unit == "words" then return units.words(s) end
  if unit == "tokens" then return units.words(core.apart(s)) end
  s = s:match "^%s*(.-)%s*$"
  return unit == "chars" and units.chars(s) or s
end

return units
