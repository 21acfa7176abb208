---Where text comes from (files, gzip files through a pipe, standard input) and
---what is done to it on the way, for text of any size.
---
---A reader is a function that returns the next piece of text, nil at the end,
---or nil, message, code.
local core = require "rnn.core"
local shell = require "rnn.shell"

local source = {}

local PIECE = 1 << 20     -- bytes that are read at once
local HELD = 1 << 24      -- bytes that may wait for what comes after them

---Why something is not read, by its kind.
local REFUSED = {
  directory = "Is a directory",
  pipe = "is a pipe; give it as standard input, -",
  device = "is a device, not a file",
  socket = "is a socket, not a file",
}

---@alias rnn.Reader fun(): string?, string?, string?

---Gives each piece to f, which returns a message and a code to stop.
---@param read rnn.Reader
---@param f fun(s: string): string?, string?
---@return true|nil
---@return string? message
---@return string? code
function source.each(read, f)
  local s, wrong, code = read()
  while s do
    wrong, code = f(s)
    if wrong then return nil, wrong, code end
    s, wrong, code = read()
  end
  if wrong then return nil, wrong, code end
  return true
end

---Folder for temporary files.
---@return string
function source.folder()
  local folder = os.getenv "TMPDIR"
  return folder and folder ~= "" and folder or "/tmp"
end

-- {== Sources ==

---@class rnn.Source
---@field path string
---@field name string for messages
---@field kind "file"|"gzip"|"stdin"
---@field size integer|nil bytes, where that is known
---@field stamp string|nil another one once the file was changed
---@field kept rnn.Tokens|nil what was read of standard input, as bytes
local Source = {}
Source.__index = Source

---Finds a source; nothing is read yet.
---@param path string "-" is standard input; gzip unpacks what ends in ".gz"
---@return rnn.Source|nil
---@return string? message "path: reason"
---@return string? code "EIO"
function source.find(path)
  if path == "-" then
    return setmetatable({path = path, name = "stdin", kind = "stdin"}, Source)
  end
  if path:find "\0" then return nil, "a path has a NUL in it", "EIO" end
  local info, wrong = core.file_info(path)
  if not info then return nil, wrong, "EIO" end
  local refused = REFUSED[info.kind]
  if refused then return nil, ("%s: %s"):format(path, refused), "EIO" end
  local packed = path:find "%.gz$"
  return setmetatable({
    path = path, name = path, kind = packed and "gzip" or "file",
    size = not packed and info.size or nil, stamp = info.stamp}, Source)
end

---Pieces of an open file; 'at_end' closes it, and may return a message.
local function read_file(self, file, piece, at_end)
  return function()
    local s, wrong = file:read(piece)
    if s then return s end
    if not wrong then wrong = at_end(file) end
    if wrong then return nil, ("%s: %s"):format(self.name, wrong), "EIO" end
  end
end

local function close_file(file)
  file:close()
end

---How gzip ended; nil when all was well.
local function close_pipe(pipe)
  local ok, _, status = pipe:close()
  if ok then return nil end
  if status == 127 then return "gzip, which unpacks it, is not installed" end
  return ("is damaged, gzip says (status %d)"):format(status)
end

---What was kept, again.
local function read_kept(tokens, piece)
  local at = 0
  return function()
    if at == #tokens then return nil end
    local s, wrong, code = tokens:bytes(at, piece)
    at = at + #(s or "")
    return s, wrong, code
  end
end

---Begins to read. Standard input can be read once, unless it is kept.
---@param piece? integer bytes that a piece has
---@return rnn.Reader|nil
---@return string? message
---@return string? code
function Source:reader(piece)
  piece = piece or PIECE
  if self.kept then return read_kept(self.kept, piece) end
  if self.kind == "stdin" then
    return read_file(self, io.stdin, piece, function() end)
  end
  local file, wrong = io.open(self.path, "rb")
  if not file then return nil, wrong, "EIO" end   -- names the path already
  if self.kind == "file" then
    return read_file(self, file, piece, close_file)
  end
  file:close()
  file, wrong = io.popen("gzip -dc -- " .. shell.quote(self.path) ..
                         " 2>/dev/null", "r")
  if not file then return nil, self.name .. ": " .. wrong, "EIO" end
  return read_file(self, file, piece, close_pipe)
end

---Begins to read, and keeps what is read to be read again: up to 'memory'
---bytes in memory, more in a temporary file.
---@param memory integer
---@param piece? integer
---@return rnn.Reader
function Source:keep(memory, piece)
  local read = self:reader(piece)
  local writer = core.token_writer {vocab = 256, memory = memory,
                                    folder = source.folder()}
  return function()
    local s, wrong, code = read()
    local ok = true
    if s then
      ok, wrong, code = writer:append(s)
    elseif not wrong then
      self.kept, wrong, code = writer:finish()
    end
    return ok and s or nil, wrong, code
  end
end

---Begins to read as text, once: as source.clean makes it.
---@param o {invalid: string, crlf: string, piece: integer?} as
---rnn.ReadOptions; bytes read at once
---@return rnn.Reader|nil
---@return string? message
---@return string? code
function Source:text(o)
  local raw, wrong, code = self:reader(o.piece)
  if not raw then return nil, wrong, code end
  local scan, strict = core.scanner(), o.invalid == "error"
  local function checked()
    local s, why, what = raw()
    if why then return nil, why, what end
    if s and scan:feed(s) == 0 then return s end
    local about = s and scan:now() or scan:finish()
    if strict and about.bad > 0 then
      return nil, source.invalid(self.name, about)
    end
    return s
  end
  local first
  first, wrong, code = checked()
  if wrong then return nil, wrong, code end
  if not first then return function() end end
  local about = {mark = scan:now().mark, bad = strict and 0 or 1, crlf = 1}
  return source.clean(function()
    if not first then return checked() end
    local s = first
    first = nil
    return s
  end, about, o)
end

---@return string|nil message when the file is not the one that was found
function Source:changed()
  local info = self.stamp and core.file_info(self.path)
  if self.stamp and not (info and info.stamp == self.stamp) then
    return self.name .. ": was changed while it was read"
  end
end

---Lets go of what was kept.
function Source:close()
  if self.kept then self.kept:close() end
end

-- }==

-- {== Text on its way ==

---Says where text is not UTF-8.
---@param name string
---@param about rnn.Scan
---@return string message
---@return string code
function source.invalid(name, about)
  return ("%s: invalid UTF-8 at byte %d (line %d); set 'invalid' to " ..
          "replace, skip or bytes"):format(name, about.bad_at,
                                           about.bad_line), "EFORMAT"
end

---The pieces of 'read' cut anew, each changed: cut(s) tells how many bytes of
---s can be dealt with before it is known what comes after s.
---@param read rnn.Reader
---@param cut fun(s: string): integer
---@param change fun(s: string): string
---@param name? string for messages, where much may have to wait
---@return rnn.Reader
function source.stage(read, cut, change, name)
  local held, ended = "", false
  local function next_piece()
    local piece, wrong, code = read()
    if wrong then return nil, wrong, code end
    ended = not piece
    local s = held .. (piece or "")
    local n = ended and #s or cut(s)
    held = s:sub(n + 1)
    if #held > HELD then
      return nil, ("%s: %d bytes without a space or a new line cannot be " ..
                   "taken in"):format(name or "text", #held), "EFORMAT"
    end
    return change(s:sub(1, n))
  end
  return function()
    while not ended do
      local s, wrong, code = next_piece()
      if s ~= "" then return s, wrong, code end
    end
  end
end

local function without_mark(read)
  local left = #"\u{FEFF}"
  return function()
    local s, wrong, code = read()
    while s and left > 0 do
      s, left = s:sub(left + 1), math.max(0, left - #s)
      if s == "" then s, wrong, code = read() end
    end
    return s, wrong, code
  end
end

local function before_cr(s)
  return s:byte(-1) == 13 and #s - 1 or #s
end

local function before_tail(s)
  return #s - core.utf8_tail(s)
end

---Text as options want it: without a byte order mark, and valid, with LF.
---@param read rnn.Reader
---@param about rnn.Scan what a scanner has found in it
---@param o {invalid: string, crlf: string}
---@return rnn.Reader
function source.clean(read, about, o)
  if about.mark then read = without_mark(read) end
  if about.bad > 0 and o.invalid ~= "bytes" then
    read = source.stage(read, before_tail, function(s)
      return core.repair(s, o.invalid)
    end)
  end
  if o.crlf == "lf" and about.crlf + about.bad > 0 then   -- CR, bad, LF
    read = source.stage(read, before_cr, core.to_lf)
  end
  return read
end

-- }==

return source
