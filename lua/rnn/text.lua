---rnn.text: reading text, tokenizers, batches for language models.
local base = require "rnn.tokenizers.base"
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

---@alias rnn.TokenizerKind "char"|"byte"|"grapheme"|"word"|"bpe"|"dict"

---What every tokenizer has. `spec` is its description in a model file, which
---text.tokenizer_from reads; of the #tok ids a model learns the first usable().
---For text in pieces: `cut` and `prepare`; `learner` gives what goes over them
---all with feed(s) and finish(), nil where nothing is to be learnt, and
---`fit_scan` makes the tokenizer of it.
---@class rnn.Tokenizer
---@field kind rnn.TokenizerKind
---@field unit string what a token is: "char", "byte", "grapheme", "word" or
---"token"
---@field normal? "nfc"|"nfkc"
---@field fit fun(self, s: string): rnn.Tokenizer|nil, string?, string?
---@field encode fun(self, s: string): rnn.Tensor|nil, string?, string? ids (M)
---@field decode fun(self, ids: rnn.Tensor|integer[]): string
---@field stream fun(self): fun(id: integer?): string
---@field usable fun(self): integer
---@field symbols fun(self): (integer|string)[] what each id stands for: a code
---point, or another text for what is none
---@field spec fun(self): string
---@field describe fun(self): string one line for people
---@field fitted fun(self): boolean has it learnt anything?
---@field prepare fun(self, s: string): string
---@field cut fun(self, s: string): integer
---@field learner fun(self, how: "new"|"extend"|"keep"): table?
---@field fit_scan fun(self, scan: table, bad: boolean, how: string):
---rnn.Tokenizer|nil, string?, string?
---@field write fun(self, writer: rnn.TokenWriter, s: string): true|nil,
---string?, string?

local KINDS = {"char", "byte", "grapheme", "word", "bpe", "dict"}
local UNKNOWN = {"guess", "single"}
local SPLIT = {"space", "unicode"}

local function class_of(kind)
  for _, known in ipairs(KINDS) do
    if kind == known then return require("rnn.tokenizers." .. kind) end
  end
end

---Normalisation is applied before fitting and encoding. With byte_fallback,
---which is for "char" and "grapheme", 256 symbols for bytes join the
---vocabulary: any input can be encoded, and decodes to the same bytes; so it
---does with "bpe" and "byte". `lines`, for "word", makes line ends the word
---"<eos>". `min_count` and `max_size` say which words or graphemes are learnt;
---"<unk>", or bytes, stand for the others. `vocab_size` is for "bpe". "dict" is
---"word" after text was cut by a `dictionary`, as rnn.dict does with `user` and
---`unknown`.
---@class rnn.TokenizerOptions
---@field normal? "nfc"|"nfkc" default none
---@field byte_fallback? boolean default true
---@field lines? boolean default true
---@field split? "space"|"unicode" where words of "word" end: at white space
---(the default), or as well between letters, punctuation and ideographs, in the
---manner of Unicode's word boundaries (UAX #29)
---@field min_count? integer times a word or a grapheme must occur, default 1;
---or a pair of tokens that "bpe" makes one, default 2
---@field max_size? integer words or graphemes at most, default 100000
---@field vocab_size? integer ids to learn, the 256 bytes among them, default
---8192
---@field dictionary? string|rnn.Dict a path, or what rnn.dict made
---@field user? rnn.Dict|(string|rnn.Dict)[] user words
---@field unknown? "guess"|"single" default guess

---@param kind rnn.TokenizerKind "char" code points, "byte" bytes, "grapheme"
---what people take for one character, "word" what stands between white space,
---"bpe" parts of words (byte pair encoding), "dict" words of text that has
---nothing between them
---@param opts? rnn.TokenizerOptions
---@return rnn.Tokenizer|nil nil when a dictionary cannot be read
---@return string? message
---@return string? code
function text.tokenizer(kind, opts)
  opts = opts or {}
  local class = class_of(kind)
  if not class then
    error(("unknown tokenizer '%s' (%s)"):format(kind,
          table.concat(KINDS, ", ")), 2)
  end
  check.names("tokenizer", opts, class.options)
  return class.new {
    normal = opts.normal ~= nil and
             check.word("tokenizer", "normal", opts.normal, base.FORMS) or nil,
    byte_fallback = opts.byte_fallback ~= false,
    lines = opts.lines ~= false,
    split = check.word("tokenizer", "split", opts.split, SPLIT),
    min_count = check.integer("tokenizer", "min_count", opts.min_count,
                              class.options.min_count, 1),
    max_size = check.integer("tokenizer", "max_size", opts.max_size,
                             class.options.max_size, 1),
    vocab_size = check.integer("tokenizer", "vocab_size", opts.vocab_size,
                               class.options.vocab_size, 256),
    dictionary = opts.dictionary, user = opts.user,
    unknown = check.word("tokenizer", "unknown", opts.unknown, UNKNOWN),
  }
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
  local class, tok, wrong = class_of(spec:match "^%l+"), nil, nil
  if class then tok, wrong = class.read(spec) end
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
