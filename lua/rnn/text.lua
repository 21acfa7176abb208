---rnn.text: reading text, tokenizers, batches for language models.
local core = require "rnn.core"

local text = {}

-- {== Reading ==

local MODES = {error = true, replace = true, skip = true, bytes = true}

local function read_bytes(path)
  if path == "-" then return io.read "a" end
  local file, message = io.open(path, "rb")
  if not file then return nil, message end
  local s, reason = file:read "a"
  file:close()
  if not s then return nil, ("%s: %s"):format(path, reason) end
  return s
end

---Reads a whole file as text. A byte order mark at the start is dropped.
---@param path string "-" is standard input
---@param opts? {invalid: "error"|"replace"|"skip"|"bytes", crlf: "keep"|"lf"} invalid: what to do with bytes that are no UTF-8: fail (default), put U+FFFD, leave them out, or keep them for a tokenizer that takes bytes; crlf: "lf" turns CR LF into LF (default "keep")
---@return string|nil s
---@return string? message "path: reason"
---@return string? code "EIO" or "EFORMAT"
function text.read(path, opts)
  local invalid = opts and opts.invalid or "error"
  if not MODES[invalid] then
    error(("read: 'invalid' must be error, replace, skip or bytes, got '%s'")
          :format(invalid), 2)
  end
  local s, message = read_bytes(path)
  if not s then return nil, message, "EIO" end
  s = s:gsub("^\xEF\xBB\xBF", "")
  if opts and opts.crlf == "lf" then s = s:gsub("\r\n", "\n") end
  if invalid == "bytes" then return s end
  local byte, line = core.utf8_check(s)
  if not byte then return s end
  if invalid ~= "error" then return core.repair(s, invalid) end
  return nil, ("%s: invalid UTF-8 at byte %d (line %d); read it with " ..
               "invalid = replace, skip or bytes, or as bytes")
              :format(path, byte, line), "EFORMAT"
end

-- }==

-- {== Tokenizers ==

---@class rnn.Tokenizer
---@field kind "char"|"byte"
---Common methods: fit(s), encode(s), decode(ids), spec(), describe(), usable(),
---stream(), and #tok, the number of symbols.

local FORMS = {nfc = true, nfkc = true}

---May valid bytes still follow that make these a code point?
local function is_cut(s)
  if not s:find "^[\xC2-\xF4][\x80-\xBF]*$" then return false end
  local first = s:byte()
  local want = first >= 0xF0 and 4 or first >= 0xE0 and 3 or 2
  return #s < want
end

---The printable text of a growing sequence of bytes: what is complete and
---valid comes out, what is cut waits, what is invalid becomes U+FFFD.
local function printer()
  local rest = ""
  return function(bytes)
    rest = rest .. (bytes or "")
    local out = {}
    while rest ~= "" do
      local bad = core.utf8_check(rest)
      if not bad then
        out[#out + 1], rest = rest, ""
        break
      end
      out[#out + 1], rest = rest:sub(1, bad - 1), rest:sub(bad)
      if bytes and is_cut(rest) then break end
      out[#out + 1], rest = "\u{FFFD}", rest:sub(2)
    end
    return table.concat(out)
  end
end

---A function to call with each id as it is made: it returns the text that can
---be printed so far, always valid UTF-8. Called without an id it returns what
---was held back.
---@return fun(id: integer?): string
local function stream(self)
  local print_bytes = printer()
  return function(id) return print_bytes(id and self:decode {id}) end
end

local Byte = {kind = "byte", stream = stream}
Byte.__index = Byte
Byte.__len = function() return 256 end

---Nothing to learn: there are 256 bytes.
function Byte:fit() return self end

function Byte:encode(s)
  return self.vocab:encode(s)
end

function Byte:decode(ids)
  return self.vocab:decode(ids)
end

function Byte:usable() return 256 end

function Byte:spec() return "byte" end

function Byte:describe() return "bytes, 256 symbols" end

local Char = {kind = "char", stream = stream}
Char.__index = Char
Char.__len = function(self) return #self.vocab end

local function prepare(self, s)
  if not self.normal then return s end
  local valid = core.utf8_check(s) and core.repair(s, "replace") or s
  return core.normalise(valid, self.normal)
end

---Learns the code points of a text; forgets what it knew.
---@param s string
---@return rnn.Tokenizer self
function Char:fit(s)
  if type(s) ~= "string" then
    error(("fit: takes a string, got %s"):format(type(s)), 2)
  end
  s = prepare(self, s)
  self.vocab = core.vocab_fit(s, self.byte_fallback)
  self.bytes_seen = core.utf8_check(s) ~= nil
  return self
end

---@param s string
---@return rnn.Tensor|nil ids (M) int32
---@return string? message naming characters that are not in the vocabulary
---@return string? code
function Char:encode(s)
  return self.vocab:encode(prepare(self, s))
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

---The tokenizer as one line: "char", its options, then the code points in
---hexadecimal, runs as first-last.
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

---@return string one line for people
function Char:describe()
  local n = #self.vocab - (self.byte_fallback and 256 or 0)
  return ("characters, %d symbols%s%s"):format(n,
         self.byte_fallback and " and 256 bytes for others" or "",
         self.normal and ", " .. self.normal:upper() or "")
end

---@param kind "char"|"byte" code points (with bytes for what is not in the vocabulary), or bytes
---@param opts? {normal: "nfc"|"nfkc", byte_fallback: boolean} for "char": normalisation applied before fitting and encoding (default none), and whether 256 symbols for bytes join the vocabulary, so that any input can be encoded (default true)
---@return rnn.Tokenizer
function text.tokenizer(kind, opts)
  opts = opts or {}
  for name in pairs(opts) do
    if name ~= "normal" and name ~= "byte_fallback" then
      error(("tokenizer: unknown option '%s' (it has: byte_fallback, normal)")
            :format(name), 2)
    end
  end
  if opts.normal and not FORMS[opts.normal] then
    error(("tokenizer: 'normal' must be nfc or nfkc, got '%s'"):format(
          opts.normal), 2)
  end
  if kind == "byte" then
    return setmetatable({vocab = core.vocab_new({}, true)}, Byte)
  elseif kind ~= "char" then
    error(("unknown tokenizer '%s' (there are: byte, char)"):format(kind), 2)
  end
  local fallback = opts.byte_fallback ~= false
  return setmetatable({normal = opts.normal, byte_fallback = fallback,
                       bytes_seen = false,
                       vocab = core.vocab_new({}, fallback)}, Char)
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

---Rebuilds a tokenizer from what tok:spec() gave. Nothing in it is trusted.
---@param spec string
---@return rnn.Tokenizer|nil
---@return string? message
function text.tokenizer_from(spec)
  if spec == "byte" then return text.tokenizer "byte" end
  local words, list = spec:match "^char([%l%s-]*):(.*)$"
  local codes = words and read_codes(list)
  if not codes then return nil, "tokenizer: its description is damaged" end
  local normal, bytes
  for word in words:gmatch "%S+" do
    if FORMS[word] and not normal then
      normal = word
    elseif (word == "bytes" or word == "bytes-seen") and not bytes then
      bytes = word
    else
      return nil, ("tokenizer: unknown option '%s'"):format(word)
    end
  end
  local vocab, message = core.vocab_new(codes, bytes ~= nil)
  if not vocab then return nil, "tokenizer: " .. message end
  return setmetatable({normal = normal, byte_fallback = bytes ~= nil,
                       bytes_seen = bytes == "bytes-seen", vocab = vocab},
                      Char)
end

-- }==

-- {== Batches ==

---Whole batches that 'count' ids give.
---@param count integer
---@param steps integer T
---@param streams integer N
---@return integer
function text.count_batches(count, steps, streams)
  return (count - 1) // streams // steps
end

local function check_batches(ids, opts)
  local T, N = opts.steps, opts.streams
  for name, n in pairs {steps = T or false, streams = N or false} do
    if math.type(n) ~= "integer" or n < 1 then
      error(("batches: '%s' must be an integer >= 1, got %s"):format(name,
            n), 3)
    end
  end
  if #ids:shape() ~= 1 then
    error("batches: ids must have one axis, as tok:encode gives", 3)
  end
  if #ids < T * N + 1 then
    error(("batches: the corpus has %d tokens, but steps * streams + 1 = %d " ..
           "are needed; use fewer streams or steps"):format(#ids, T * N + 1),
          3)
  end
  return T, N
end

---Batches for stateful truncated BPTT: the ids are cut into N streams of equal
---length, side by side, and each batch goes on where the one before it ended,
---so the state of a model may be carried over. y is x one step later.
---@param ids rnn.Tensor (M) int32
---@param opts {steps: integer, streams: integer, first: integer?, rest: boolean?} T, N; the batch to begin with (default 1); whether a last, shorter batch is given too (default false)
---@return fun(): rnn.Tensor?, rnn.Tensor? iterator of x, y, each (T,N)
function text.batches(ids, opts)
  local T, N = check_batches(ids, opts)
  local stride = (#ids - 1) // N
  local at = ((opts.first or 1) - 1) * T
  return function()
    local steps = math.min(T, stride - at)
    if steps <= 0 or steps < T and not opts.rest then return nil end
    local x, y = core.text_batch(ids, at, steps, N, stride)
    at = at + steps
    return x, y
  end
end

-- }==

return text
