---Lines of text files and where they stand: what all formats read through.
local check = require "rnn.check"
local core = require "rnn.core"
local source = require "rnn.source"
local text = require "rnn.text"

local lines = {}

---Lines of a file, one after the other, without what ends them: LF or CR LF.
---@class rnn.Lines
---@field name string of the file, for messages
---@field number integer of the line read last, from 1
local Lines = {}
Lines.__index = Lines

---The option `invalid` of a reader; raises for what is none.
---@param what string the function, for the message
---@param value any
---@return "error"|"replace"|"skip"|"bytes"
function lines.invalid(what, value)
  return check.word(what, "invalid", value, text.READ.invalid)
end

---A file as pieces of text with LF at line ends.
---@param path string "-" is standard input; gzip unpacks what ends in ".gz"
---@param invalid "error"|"replace"|"skip"|"bytes"
---@return rnn.Source|nil
---@return rnn.Reader|string read or message "path: reason"
---@return string? code
function lines.pieces(path, invalid)
  if type(path) ~= "string" then
    error(("data: a path must be a string, got %s"):format(type(path)), 0)
  end
  local read
  local file, wrong, code = source.find(path)
  if file then
    local typed = path == "-" and core.sys.isatty "stdin"
    read, wrong, code = file:text {invalid = invalid, crlf = "lf",
                                   piece = typed and 1 or nil}
  end
  if not read then return nil, wrong, code end
  return file, read
end

---@param path string as of lines.pieces
---@param invalid "error"|"replace"|"skip"|"bytes"
---@return rnn.Lines|nil
---@return string? message "path: reason"
---@return string? code
function lines.open(path, invalid)
  local file, read, code = lines.pieces(path, invalid)
  if not file then return nil, read, code end
  return setmetatable({name = file.name, file = file, read = read, number = 0,
                       piece = "", at = 1}, Lines)
end

---Takes in another piece, 'held' being what is left of those before; gives
---the last line, which nothing ends.
local function read_more(self, held)
  if not self.read then return nil end
  held[#held + 1] = self.at <= #self.piece and self.piece:sub(self.at) or nil
  local piece, wrong, code = self.read()
  self.piece, self.at = piece or "", 1
  if piece then return nil end
  self.read = nil
  if not wrong then wrong, code = self.file:changed(), "EIO" end
  if wrong then return nil, wrong, code end
  return held[1] and table.concat(held)
end

---@return string|nil line nil at the end
---@return string? message what went wrong, when it did
---@return string? code
function Lines:next()
  local held = {}
  while self.read do
    local stop = self.piece:find("\n", self.at, true)
    if stop then
      held[#held + 1] = self.piece:sub(self.at, stop - 1)
      self.at, self.number = stop + 1, self.number + 1
      return held[2] and table.concat(held) or held[1]
    end
    local last, wrong, code = read_more(self, held)
    if last then self.number = self.number + 1 end
    if last or wrong then return last, wrong, code end
  end
end

---The results of a reader that cannot take a line.
---@param message string
---@param number? integer of the line; default the last
---@return nil
---@return string message "path:line: reason"
---@return string code "EFORMAT"
function Lines:refuse(message, number)
  return nil, ("%s:%d: %s"):format(self.name, number or self.number, message),
         "EFORMAT"
end

---Gives each line and its number to f, which returns a message to stop.
---@param path string
---@param invalid "error"|"replace"|"skip"|"bytes"
---@param f fun(line: string, number: integer): string?
---@return string|nil name of the file, for messages
---@return string? message
---@return string? code
function lines.each(path, invalid, f)
  local self, wrong, code = lines.open(path, invalid)
  if not self then return nil, wrong, code end
  local line
  line, wrong, code = self:next()
  while line do
    local refused = f(line, self.number)
    if refused then return self:refuse(refused) end
    line, wrong, code = self:next()
  end
  if wrong then return nil, wrong, code end
  return self.name
end

---The message about a line that may be several, where white space of any kind
---stands between words.
---@param line string
---@return string|nil
function lines.unended(line)
  if line:find("\r", 1, true) then
    return "has a CR without LF, expected lines that end in LF or CR LF"
  end
end

---Has a line nothing but white space?
---@param line string
---@return boolean
function lines.blank(line)
  return not line:find "%S"
end

---@param s string
---@return string s without white space around it
function lines.trim(s)
  return s:match "^%s*(.-)%s*$"
end

return lines
