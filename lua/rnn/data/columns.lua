---Columns of a line by name, {words = 1, tags = -1}: negative numbers count
---from the last one.
local columns = {}

local PATTERN = {space = "%S+", tab = "[^\t]*"}

columns.SEPARATORS = {"space", "tab"}

---@param line string
---@param separator "space"|"tab" any white space, or each tab
---@return string[] cells
function columns.split(line, separator)
  local cells = {}
  for cell in line:gmatch(PATTERN[separator]) do cells[#cells + 1] = cell end
  return cells
end

---The names, sorted; raises unless all stand for columns.
---@param what string the function, for the message
---@param wanted any
---@param needed? string[] the names there must be, and no others; sorted
---@return string[] names
function columns.check(what, wanted, needed)
  local names = {}
  for name, at in pairs(type(wanted) == "table" and wanted or {}) do
    if type(name) ~= "string" or math.type(at) ~= "integer" or at == 0 then
      error(("%s: 'columns' must have numbers of columns, from 1 or from -1 " ..
             "backwards, by name; got %s = %s"):format(what, name, at), 3)
    end
    names[#names + 1] = name
  end
  if #names == 0 then
    error(what .. ": 'columns' must be a table such as {words = 1, " ..
          "tags = -1}", 3)
  end
  table.sort(names)
  local got = table.concat(names, ", ")
  local expected = needed and table.concat(needed, ", ") or got
  if got ~= expected then
    error(("%s: 'columns' must have the names %s, got %s"):format(what,
          expected, got), 3)
  end
  return names
end

---Where each name is in a line of so many columns.
---@param names string[] sorted
---@param wanted table<string, integer>
---@param count integer
---@return table<string, integer>|nil places
---@return string? message
function columns.place(names, wanted, count)
  local places, taken = {}, {}
  for _, name in ipairs(names) do
    local at = wanted[name]
    local place = at < 0 and count + 1 + at or at
    if place < 1 or place > count then
      return nil, ("has %d column%s, '%s' is to be column %d"):format(
             count, count == 1 and "" or "s", name, at)
    end
    if taken[place] then
      return nil, ("has %d column%s, '%s' and '%s' must be two"):format(
             count, count == 1 and "" or "s", taken[place], name)
    end
    places[name], taken[place] = place, name
  end
  return places
end

return columns
