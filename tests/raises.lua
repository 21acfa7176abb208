---What a call must raise.
local assert = require "luassert"

local raises = {}

local function message_of(text, f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok, "nothing was raised; expected: " .. text)
  return tostring(message)
end

---Exactly this text, behind the place where it was raised.
---@param text string
---@param f function
---@param ... any its arguments
function raises.exactly(text, f, ...)
  assert.equal(text, (message_of(text, f, ...):gsub("^[^:]*:%d+: ", "")))
end

---A text with this one in it.
---@param text string
---@param f function
---@param ... any its arguments
function raises.with(text, f, ...)
  local message = message_of(text, f, ...)
  assert.is_truthy(message:find(text, 1, true),
                   ("got %q, expected %q"):format(message, text))
end

return raises
