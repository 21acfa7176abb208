---The tokenizer "char": the ids are code points, in ascending order, and then
---bytes for what has no id of its own.
local base = require "rnn.tokenizers.base"
local core = require "rnn.core"

---@class rnn.CharTokenizer: rnn.Tokenizer
---@field vocab rnn.Vocab
---@field byte_fallback boolean
---@field bytes_seen boolean the text learnt from had bytes that are no UTF-8
local Char = base.class "char"
Char.__len = function(self) return #self.vocab end

Char.options = {normal = true, byte_fallback = true}

local function new_char(vocab, normal, fallback, bytes_seen)
  return setmetatable({normal = normal, byte_fallback = fallback,
                       bytes_seen = bytes_seen, vocab = vocab}, Char)
end

---@param o rnn.TokenizerOptions
---@return rnn.CharTokenizer
function Char.new(o)
  return new_char(core.vocab_new({}, o.byte_fallback), o.normal,
                  o.byte_fallback, false)
end

---Learns the code points of a text; forgets what it knew. Without
---byte_fallback the text must be valid UTF-8.
---@param s string
---@return rnn.Tokenizer|nil self
---@return string? message
---@return string? code
function Char:fit(s)
  if type(s) ~= "string" then
    error(("fit: takes a string, got %s"):format(type(s)), 2)
  end
  local byte, line = core.utf8_check(s)
  if byte and not self.byte_fallback then
    return nil, ("invalid UTF-8 at byte %d (line %d)"):format(byte, line),
           "EFORMAT"
  end
  self.vocab = core.vocab_fit(self:prepare(s), self.byte_fallback)
  self.bytes_seen = byte ~= nil
  return self
end

---Has it learnt any symbol?
---@return boolean
function Char:fitted()
  return self.bytes_seen or #self.vocab:codes() > 0
end

---@return rnn.Scanner what Char:fit_scan takes
function Char.learner()
  return core.scanner()
end

---The tokenizer for a text that a scanner went over, after `prepare`: a new
---one, unless it is to keep its symbols.
---@param scan rnn.Scanner
---@param bad boolean there are bytes that are no UTF-8
---@param how "new"|"extend"|"keep" as rnn.CorpusOptions
---@return rnn.Tokenizer|nil
---@return string? message
---@return string? code "EVOCAB" or "EFORMAT"
function Char:fit_scan(scan, bad, how)
  if how == "keep" then
    if self.bytes_seen then return self end   -- bytes stand for all others
    local ok, message = scan:covered(self.vocab)
    if ok and bad then
      ok, message = nil, "bytes that are no UTF-8 are not in the vocabulary"
    end
    if not ok then return nil, message .. "; 'fit' may extend it", "EVOCAB" end
    return self
  end
  if bad and not self.byte_fallback then
    return nil, "has bytes that are no UTF-8, and the tokenizer no symbols " ..
           "for bytes", "EFORMAT"
  end
  if how == "extend" then
    scan:add(self.vocab)
    bad = bad or self.bytes_seen
  end
  return new_char(scan:vocab(self.byte_fallback), self.normal,
                  self.byte_fallback, bad)
end

---@param s string
---@return rnn.Tensor|nil ids (M) int32
---@return string? message characters that are not in the vocabulary, and where
---(in the normal form) the first of each is
---@return string? code
function Char:encode(s)
  return self.vocab:encode(self:prepare(s))
end

---@param ids rnn.Tensor|integer[]
---@return string
function Char:decode(ids)
  return self.vocab:decode(ids)
end

---Ids 1 to n occurred in what the tokenizer was fitted on. Those beyond stand
---for single bytes no model has learnt to write.
---@return integer n
function Char:usable()
  if self.bytes_seen or not self.byte_fallback then return #self.vocab end
  return #self.vocab - 256
end

---Names what the ids beyond usable() stand for, and where in the text it is.
---@param ids rnn.Tensor
---@return string message
function Char:missing(ids)
  local vocab = core.vocab_new(self.vocab:codes(), false)
  return (select(2, vocab:encode(self:decode(ids))))
end

---The tokenizer as one line of ASCII: "char"; the normal form if there is one;
---"bytes" with byte symbols, "bytes-seen" if the fitted text had such; ":"; the
---code points ascending in hexadecimal, runs as first-last. For example
---"char nfc bytes : a 20-7e e9".
---@return string
function Char:spec()
  local parts = {"char"}
  if self.normal then parts[#parts + 1] = self.normal end
  if self.byte_fallback then
    parts[#parts + 1] = self.bytes_seen and "bytes-seen" or "bytes"
  end
  parts[#parts + 1] = ":"
  local codes = self.vocab:codes()
  local i = 1
  while i <= #codes do
    local k = i
    while codes[k + 1] == codes[k] + 1 do k = k + 1 end
    parts[#parts + 1] = i == k and ("%x"):format(codes[i])
                        or ("%x-%x"):format(codes[i], codes[k])
    i = k + 1
  end
  return table.concat(parts, " ")
end

---@return (integer|string)[] code points, then "byte 0" to "byte 255"
function Char:symbols()
  local list = self.vocab:codes()
  for byte = 0, #self.vocab - #list - 1 do
    list[#list + 1] = ("byte %d"):format(byte)
  end
  return list
end

---@return string one line for people
function Char:describe()
  local n = #self.vocab - (self.byte_fallback and 256 or 0)
  return ("characters, %d symbols%s%s"):format(n,
         self.byte_fallback and " and 256 bytes for others" or "",
         self.normal and ", " .. self.normal:upper() or "")
end

---The code points of a specification, or nil: "a-c 4e00" in hexadecimal.
local function read_codes(list)
  local codes = {}
  for item in list:gmatch "%S+" do
    local first, last = item:match "^(%x+)%-(%x+)$"
    first = first or item:match "^%x+$"
    if not first or #first > 6 or last and #last > 6 then return nil end
    first, last = tonumber(first, 16), tonumber(last or first, 16)
    if last > 0x10FFFF or first > last then return nil end
    for c = first, last do codes[#codes + 1] = c end
    if #codes > 0x110000 then return nil end
  end
  return codes
end

---The tokenizer of a specification.
---@param spec string
---@return rnn.CharTokenizer|nil
---@return string? message
function Char.read(spec)
  local words, list = spec:match "^char([%l -]*):(.*)$"
  if not words then return nil end
  local codes = read_codes(list)
  if not codes then return nil, "its list of characters is damaged" end
  local normal, bytes
  for word in words:gmatch "%S+" do
    if base.IS_FORM[word] and not normal then
      normal = word
    elseif (word == "bytes" or word == "bytes-seen") and not bytes then
      bytes = word
    else
      return nil, ("unknown option '%s'"):format(word)
    end
  end
  local vocab, message = core.vocab_new(codes, bytes ~= nil)
  if not vocab then return nil, message end
  return new_char(vocab, normal, bytes ~= nil, bytes == "bytes-seen")
end

return Char
