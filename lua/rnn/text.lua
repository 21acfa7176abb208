---rnn.text: reading text, tokenizers, batches for language models.
local check = require "rnn.check"
local core = require "rnn.core"
local source = require "rnn.source"

local text = {}

-- {== Reading ==

---Options of reading and their words, the default first.
text.READ = {
  invalid = {"error", "replace", "skip", "bytes"},
  crlf = {"keep", "lf"},
}

---`invalid` says what to do with bytes that are no UTF-8: fail, put U+FFFD,
---leave them out, or keep them for a tokenizer that takes bytes.
---@class rnn.ReadOptions
---@field invalid? "error"|"replace"|"skip"|"bytes" default error
---@field crlf? "keep"|"lf" lf turns CR LF into LF; default keep

---All pieces of a reader; or nil, message, code.
local function collect(read)
  local pieces = {}
  local ok, wrong, code = source.each(read, function(s)
    pieces[#pieces + 1] = s
  end)
  if not ok then return nil, wrong, code end
  return pieces
end

---Reads a whole file as text. A byte order mark at the start is dropped,
---whatever the options.
---@param path string "-" is standard input; gzip unpacks what ends in ".gz"
---@param opts? rnn.ReadOptions
---@return string|nil s
---@return string? message "path: reason"
---@return string? code "EIO" or "EFORMAT"
function text.read(path, opts)
  opts = opts or {}
  check.names("read", opts, text.READ)
  local o = {
    invalid = check.word("read", "invalid", opts.invalid, text.READ.invalid),
    crlf = check.word("read", "crlf", opts.crlf, text.READ.crlf),
  }
  local read, pieces
  local file, wrong, code = source.find(path)
  if file then read, wrong, code = file:text(o) end
  if read then pieces, wrong, code = collect(read) end
  if not pieces then return nil, wrong, code end
  return table.concat(pieces)
end

-- }==

-- {== Tokenizers ==

---@class rnn.Tokenizer
---@field kind "char"|"byte"
---Common methods: fit(s), encode(s), decode(ids), spec(), describe(), usable(),
---stream(), and #tok, the number of symbols; for text in pieces fitted(),
---prepare(s), cut(s), fit_scan(scan, bad, how) and write(writer, s).

local FORMS = {"nfc", "nfkc"}
local IS_FORM = {nfc = true, nfkc = true}
local OPTIONS = {byte = {normal = true},
                 char = {normal = true, byte_fallback = true}}

---A function to call with each id as it is made: it returns the text that can
---be printed so far, always valid UTF-8. Called without an id it returns what
---was held back.
---@return fun(id: integer?): string
local function stream(self)
  local held = ""
  return function(id)
    local bytes = id and held .. self:decode {id} or held
    local keep = id and core.utf8_tail(bytes) or 0
    held = bytes:sub(#bytes - keep + 1)
    return core.repair(bytes:sub(1, #bytes - keep), "replace")
  end
end

---The text in the normal form of the tokenizer; bytes that are no UTF-8 stay.
local function prepare(self, s)
  return self.normal and core.normalise(s, self.normal) or s
end

---How many bytes of s can be encoded before it is known what comes after s.
local function cut(self, s)
  if self.normal then return core.normal_cut(s, self.normal) end
  return #s - core.utf8_tail(s)
end

local Byte = {kind = "byte", stream = stream, prepare = prepare, cut = cut}
Byte.__index = Byte
Byte.__len = function() return 256 end

---Nothing to learn: there are 256 bytes.
function Byte:fit() return self end
function Byte:fit_scan() return self end
function Byte.fitted() return true end

function Byte:encode(s)
  return self.vocab:encode(prepare(self, s))
end

---As Char:write.
function Byte:write(writer, s)
  return writer:append(prepare(self, s))
end

function Byte:decode(ids)
  return self.vocab:decode(ids)
end

function Byte.usable() return 256 end

---@return string "byte", then the normal form if there is one
function Byte:spec()
  return self.normal and "byte " .. self.normal or "byte"
end

function Byte:describe()
  return "bytes, 256 symbols" ..
         (self.normal and ", " .. self.normal:upper() or "")
end

local Char = {kind = "char", stream = stream, prepare = prepare, cut = cut}
Char.__index = Char
Char.__len = function(self) return #self.vocab end

local function new_char(vocab, normal, fallback, bytes_seen)
  return setmetatable({normal = normal, byte_fallback = fallback,
                       bytes_seen = bytes_seen, vocab = vocab}, Char)
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
  self.vocab = core.vocab_fit(prepare(self, s), self.byte_fallback)
  self.bytes_seen = byte ~= nil
  return self
end

---Has it learnt any symbol?
---@return boolean
function Char:fitted()
  return self.bytes_seen or #self.vocab:codes() > 0
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
  return self.vocab:encode(prepare(self, s))
end

---Appends the ids of a text to a token store.
---@param writer rnn.TokenWriter
---@param s string
---@return true|nil
---@return string? message
---@return string? code
function Char:write(writer, s)
  local ids <close>, wrong, code = self:encode(s)
  if not ids then return nil, wrong, code end
  return writer:append(ids)
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

---@return string one line for people
function Char:describe()
  local n = #self.vocab - (self.byte_fallback and 256 or 0)
  return ("characters, %d symbols%s%s"):format(n,
         self.byte_fallback and " and 256 bytes for others" or "",
         self.normal and ", " .. self.normal:upper() or "")
end

local function new_byte(normal)
  return setmetatable({normal = normal, vocab = core.vocab_new({}, true)},
                      Byte)
end

---Normalisation is applied before fitting and encoding. With byte_fallback,
---which is for "char", 256 symbols for bytes join the vocabulary: any input can
---be encoded, and decodes to the same bytes.
---@class rnn.TokenizerOptions
---@field normal? "nfc"|"nfkc" default none
---@field byte_fallback? boolean default true

---@param kind "char"|"byte" code points, or bytes
---@param opts? rnn.TokenizerOptions
---@return rnn.Tokenizer
function text.tokenizer(kind, opts)
  opts = opts or {}
  local known = OPTIONS[kind]
  if not known then
    error(("unknown tokenizer '%s' (char, byte)"):format(kind), 2)
  end
  check.names("tokenizer", opts, known)
  local normal = opts.normal ~= nil and
                 check.word("tokenizer", "normal", opts.normal, FORMS) or nil
  if kind == "byte" then return new_byte(normal) end
  local fallback = opts.byte_fallback ~= false
  return new_char(core.vocab_new({}, fallback), normal, fallback, false)
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

---The tokenizer that a specification names, or nil and what is wrong.
local function read_char(words, list)
  local codes = read_codes(list)
  if not codes then return nil, "its list of characters is damaged" end
  local normal, bytes
  for word in words:gmatch "%S+" do
    if IS_FORM[word] and not normal then
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

---Rebuilds a tokenizer from what tok:spec() gave. Nothing in it is trusted;
---only what spec() itself would write is taken.
---@param spec string
---@return rnn.Tokenizer|nil
---@return string? message
---@return string? code "EFORMAT"
function text.tokenizer_from(spec)
  if type(spec) ~= "string" then
    error(("tokenizer_from: takes a string, got %s"):format(type(spec)), 2)
  end
  local form = spec:match "^byte (%l+)$"
  local words, list = spec:match "^char([%l -]*):(.*)$"
  local tok, wrong
  if spec == "byte" or IS_FORM[form] then
    return new_byte(form)
  elseif words then
    tok, wrong = read_char(words, list)
  end
  if tok and tok:spec() == spec then return tok end
  return nil, "tokenizer: " .. (wrong or "its description is damaged"),
         "EFORMAT"
end

-- }==

-- {== Batches ==

---Whole batches that 'count' ids give.
---@param count integer
---@param steps integer T
---@param streams integer N
---@return integer
function text.count_batches(count, steps, streams)
  return math.max(0, (count - 1) // streams // steps)
end

local BATCHES = {steps = true, streams = true, first = true, rest = true}

local function is_ids(x)
  return core.is_tokens(x) or
         core.is_tensor(x) and x.dtype == "int32" and #x:shape() == 1
end

local function check_batches(ids, opts)
  if not is_ids(ids) then
    error("batches: 'ids' must be int32 with one axis, as tok:encode gives, " ..
          "or a token store", 3)
  end
  for _, name in ipairs {"steps", "streams", "first"} do
    local n, most = opts[name], name == "first" and 1 << 53 or 0x7fffffff
    if name == "first" and n == nil then n = 1 end
    if math.type(n) ~= "integer" or n < 1 or n > most then
      error(("batches: '%s' must be an integer >= 1, got %s"):format(name, n),
            3)
    end
  end
  local T, N = opts.steps, opts.streams
  local need, words = N * T + 1, "streams*steps+1"
  if opts.rest then need, words = N + 1, "streams+1" end
  if #ids < need then
    error(("corpus has %d token%s, need at least %s = %d; use fewer streams " ..
           "or steps"):format(#ids, #ids == 1 and "" or "s", words, need), 3)
  end
  return T, N
end

---@class rnn.BatchOptions
---@field steps integer T
---@field streams integer N
---@field first? integer the batch to begin with; default 1
---@field rest? boolean whether a last, shorter batch is given; default false

---Batches for stateful truncated BPTT: the ids are cut into N streams of equal
---length, side by side, and each batch goes on where the one before it ended,
---so the state of a model may be carried over. y is x one step later.
---Raises when the file of a token store cannot be read.
---@param ids rnn.Tensor|rnn.Tokens (M) int32
---@param opts rnn.BatchOptions
---@return fun(): rnn.Tensor?, rnn.Tensor? iterator of x, y, each (T,N)
function text.batches(ids, opts)
  check.names("batches", opts, BATCHES)
  local T, N = check_batches(ids, opts)
  local stride = (#ids - 1) // N
  local at = math.min((opts.first or 1) - 1, stride // T + 1) * T
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
