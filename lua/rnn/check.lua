---Options as functions take them: a table whose names and words are checked.
local check = {}

---The names of a table, sorted.
local function names_of(t)
  local names = {}
  for name in pairs(t) do names[#names + 1] = tostring(name) end
  table.sort(names)
  return names
end

---Raises for a name in 'given' that 'known' does not have.
---@param what string the function, for the message
---@param given table
---@param known table
function check.names(what, given, known)
  for _, name in ipairs(names_of(given)) do
    if known[name] == nil then
      error(("%s: unknown option '%s' (it has: %s)"):format(what, name,
            table.concat(names_of(known), ", ")), 3)
    end
  end
end

---A word among 'words', the first when none is given; raises for others.
---@param what string the function, for the message
---@param name string
---@param value any
---@param words string[]
---@return string
function check.word(what, name, value, words)
  if value == nil then return words[1] end
  for _, word in ipairs(words) do
    if value == word then return word end
  end
  error(("%s: '%s' must be %s or %s, got '%s'"):format(what, name,
        table.concat(words, ", ", 1, #words - 1), words[#words], value), 3)
end

---An integer, or a float with the value of one; the default when none is given;
---raises for others.
---@param what string the function, for the message
---@param name string
---@param value any
---@param default integer
---@param least integer
---@return integer
function check.integer(what, name, value, default, least)
  if value == nil then return default end
  local n = math.type(value) and math.tointeger(value)
  if n and n >= least then return n end
  error(("%s: '%s' must be an integer >= %d, got %s"):format(what, name, least,
        value), 3)
end

return check
