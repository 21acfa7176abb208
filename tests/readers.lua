---Readers of rnn.data on files made for a test.
local assert = require "luassert"
local data = require "rnn.data"
local sandbox = require "tests.sandbox"

local readers = {}

---What a reader gives for a file of these bytes.
---@param reader string "csv"
---@param bytes string
---@param ... any its further arguments
---@return any ...
function readers.read(reader, bytes, ...)
  return data[reader](sandbox.write("f", bytes), ...)
end

---Asserts the message, behind the folder, and the code of what is refused.
---@param message string
---@param code string
---@param value nil what the reader returned, as the two below
---@param got string
---@param got_code string
function readers.refuses(message, code, value, got, got_code)
  assert.is_nil(value)
  assert.equal(message, (got:gsub(sandbox.dir:gsub("%p", "%%%0") .. "/", "")))
  assert.equal(code, got_code)
end

return readers
