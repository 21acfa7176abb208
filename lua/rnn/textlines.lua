---Lines of text for scripts that print something for each: of files, of
---standard input, or as they are typed.
local cli = require "rnn.cli"
local core = require "rnn.core"
local lines = require "rnn.data.lines"
local output = require "rnn.output"

local textlines = {}

local BLOCK = 256    -- lines that are worked on together

---Calls f with lines, some hundreds at once, or each one as it is typed. What f
---prints is handed on before more is read. A file that cannot be read ends the
---program.
---@param paths string[]|nil files; without any, or for "-", standard input
---@param invalid "error"|"replace"|"skip"|"bytes" as rnn.data's readers
---@param f fun(list: string[], first: integer, name: string) first: the number
---of the first of these lines
function textlines.each(paths, invalid, f)
  for _, path in ipairs(paths and #paths > 0 and paths or {"-"}) do
    local file, wrong = lines.open(path, invalid)
    if not file then cli.fail(3, "%s", wrong) end
    local typed = path == "-" and core.sys.isatty "stdin"
    local list = {}
    repeat
      local line
      line, wrong = file:next()
      if wrong then cli.fail(3, "%s", wrong) end
      list[#list + 1] = line
      if #list > 0 and (typed or not line or #list == BLOCK) then
        f(list, file.number - #list + 1, file.name)
        output.flush()
        list = {}
      end
    until not line
  end
end

return textlines
