---Results of a script, on standard output or in a file.
local cli = require "rnn.cli"

local output = {}

local EPIPE <const> = 32

---A reader that has gone away ends the program: it has what it wanted. Any
---other failure is one line and exit code 5.
local function check(ok, wrong, code)
  if ok then return end
  if code == EPIPE then os.exit(0, true) end
  cli.fail(5, "cannot write standard output: %s", wrong)
end

---@param s string
function output.write(s)
  check(io.stdout:write(s))
end

---Hands what was written to the reader.
function output.flush()
  check(io.stdout:flush())
end

---Writes a page of HTML; a failure ends the program with exit code 5.
---@param path string
---@param text string
function output.page(path, text)
  local file, wrong = io.open(path, "wb")
  local ok = file
  if ok then ok, wrong = file:write(text) end
  if file then
    local closed, why = file:close()
    if ok and not closed then ok, wrong = nil, why end
  end
  if not ok then cli.fail(5, "cannot write the page: %s", wrong) end
end

return output
