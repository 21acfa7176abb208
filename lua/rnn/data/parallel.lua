---Two files whose lines belong together.
local lines = require "rnn.data.lines"

local parallel = {}

---How many lines there are in all, from here on read or not.
local function count(self)
  local line, wrong, code = self:next()
  while line do line, wrong, code = self:next() end
  if wrong then return nil, wrong, code end
  return self.number
end

---The message about files of different lengths.
local function uneven(a, b)
  for _, self in ipairs {a, b} do
    local n, wrong, code = count(self)
    if not n then return nil, wrong, code end
  end
  return nil, ("%s has %d lines, %s has %d; line by line they must belong " ..
               "together"):format(a.name, a.number, b.name, b.number),
         "EFORMAT"
end

---Gives the lines of two files, and their number, to f, which returns a message
---to stop.
---@param path_a string
---@param path_b string
---@param invalid "error"|"replace"|"skip"|"bytes"
---@param f fun(a: string, b: string, number: integer): string?
---@return string|nil name of the files, for messages
---@return string? message
---@return string? code
function parallel.each(path_a, path_b, invalid, f)
  if path_a == "-" and path_b == "-" then
    return nil, "stdin: cannot be read twice", "EIO"
  end
  local a, b, wrong, code
  a, wrong, code = lines.open(path_a, invalid)
  if a then b, wrong, code = lines.open(path_b, invalid) end
  if not b then return nil, wrong, code end
  while true do
    local s, why_a, code_a = a:next()
    if why_a then return nil, why_a, code_a end
    local t, why_b, code_b = b:next()
    if why_b then return nil, why_b, code_b end
    if not s and not t then return a.name .. " and " .. b.name end
    if not s or not t then return uneven(a, b) end
    local refused = f(s, t, a.number)
    if refused then return b:refuse(refused) end
  end
end

return parallel
