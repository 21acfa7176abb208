---Text cut into words, tokens, characters, or letters.
local check = require "rnn.check"
local core = require "rnn.core"

local units = {}

---@alias rnn.Unit "words"|"chars"|"jamo"|"tokens"|"text"
local UNITS = {"words", "chars", "jamo", "tokens", "text"}

---@param what string the function, for the message
---@param name string of the option
---@param value any
---@return rnn.Unit
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

local FIRST <const>, COUNT <const> = 0xAC00, 11172    -- Hangul syllables

---@param s string
---@return string[] letters its characters, but of each Hangul syllable its two
---or three letters (The Unicode Standard, section 3.12)
function units.jamo(s)
  local list = {}
  for _, char in ipairs(units.chars(s)) do
    local i = utf8.len(char) and utf8.codepoint(char) - FIRST or -1
    if i >= 0 and i < COUNT then
      list[#list + 1] = utf8.char(0x1100 + i // 588)
      list[#list + 1] = utf8.char(0x1161 + i % 588 // 28)
      list[#list + 1] = i % 28 > 0 and utf8.char(0x11A7 + i % 28) or nil
    else
      list[#list + 1] = char
    end
  end
  return list
end

---@param s string
---@return string[] tokens words, punctuation and ideographs, in the manner of
---Unicode's word boundaries
function units.tokens(s)
  return units.words(core.apart(s))
end

---@param s string
---@param unit rnn.Unit all but words without white space around
---@return string[]|string
function units.of(s, unit)
  if unit == "words" then return units.words(s) end
  s = s:match "^%s*(.-)%s*$"
  return unit == "text" and s or units[unit](s)
end

return units
