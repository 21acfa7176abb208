---Texts as tokens, tokens as n-grams.
local tokens = {}

---The bytes of what Unicode calls white space, but for ASCII.
local SPACES = {"[\x1C-\x1F]", "\xC2[\x85\xA0]", "\xE1\x9A\x80",
                "\xE2\x80[\x80-\x8A\xA8\xA9\xAF]", "\xE2\x81\x9F",
                "\xE3\x80\x80"}

---The text with ASCII spaces for other white space, and none at its end.
---@param s string UTF-8
---@return string
function tokens.plain(s)
  for _, match in ipairs(SPACES) do s = s:gsub(match, " ") end
  return (s:gsub("%s+$", ""))
end

---What stands between white space.
---@param s string UTF-8
---@return string[]
function tokens.split(s)
  local list = {}
  for token in tokens.plain(s):gmatch "%S+" do list[#list + 1] = token end
  return list
end

---Code points.
---@param s string UTF-8
---@return string[]
function tokens.characters(s)
  local list = {}
  for c in s:gmatch(utf8.charpattern) do list[#list + 1] = c end
  return list
end

---Code points but for white space.
---@param s string UTF-8
---@return string[]
function tokens.marks(s)
  return tokens.characters((tokens.plain(s):gsub("%s+", "")))
end

---How often each n tokens follow one another. Tokens have no spaces in them.
---@param list string[]
---@param n integer
---@return table<string, integer>
function tokens.ngrams(list, n)
  local counts = {}
  for i = 1, #list - n + 1 do
    local key = table.concat(list, " ", i, i + n - 1)
    counts[key] = (counts[key] or 0) + 1
  end
  return counts
end

---How many n-grams two texts share.
---@param a table<string, integer>
---@param b table<string, integer>
---@return integer
function tokens.shared(a, b)
  local n = 0
  for key, count in pairs(a) do n = n + math.min(count, b[key] or 0) end
  return n
end

---'nrefs' of a signature.
---@param truth string[][] references of each item
---@return integer|string n "var" when items have different numbers of them
function tokens.count_references(truth)
  for _, texts in ipairs(truth) do
    if #texts ~= #truth[1] then return "var" end
  end
  return #truth[1]
end

return tokens
