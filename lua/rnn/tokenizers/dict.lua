---The tokenizer "dict": "word" for text that puts nothing between words, which
---rnn.dict cuts it into. White space is the word "▁" (U+2581), so that text
---decodes to what it was, but for words that are not learnt ("<unk>"), white
---space of other kinds than one space, and what there is of it at line ends.
local base = require "rnn.tokenizers.base"
local core = require "rnn.core"
local dict = require "rnn.dict"
local Word = require "rnn.tokenizers.word"

---@class rnn.DictTokenizer: rnn.Tokenizer
---@field inner rnn.WordTokenizer of the words, with spaces between them
---@field dict rnn.Dict its own: a change of one that was given changes no ids
---@field unknown "guess"|"single"
local Tok = base.class("dict", "word")
Tok.__len = function(self) return #self.inner end

Tok.options = {dictionary = true, user = true, unknown = true, normal = true,
               lines = true, min_count = 1, max_size = 100000}

local SPACE = "▁"
local MOST = 15 << 20   -- bytes of a description

local function new_tok(inner, words, unknown)
  return setmetatable({inner = inner, dict = words, unknown = unknown,
                       normal = inner.normal}, Tok)
end

---@param o rnn.TokenizerOptions
---@return rnn.DictTokenizer|nil
---@return string? message about a dictionary that cannot be read
---@return string? code
function Tok.new(o)
  local d, wrong, code = o.dictionary, nil, nil
  if type(d) == "string" then d, wrong, code = dict.load(d) end
  if wrong then return nil, wrong, code end
  if not dict.is(d) then
    error(("tokenizer: 'dictionary' must be a path or a dictionary of " ..
           "rnn.dict, got %s"):format(type(d)), 3)
  end
  return new_tok(Word.new(o), d:copy(o.user), o.unknown)
end

-- {== Text and ids ==

---White space between words, as words.
local function gap_words(gap, lines)
  if gap == "" then return "" end
  local ends = lines and gap:gsub("[^\n]", "") or ""
  return ends ~= "" and ends or SPACE
end

---The text in its normal form, with a space between words.
function Tok:prepare(s)
  s = base.prepare(self, s)
  local words, first = self.dict:segment(s, {unknown = self.unknown})
  local out, at = {}, 1
  for i, word in ipairs(words) do
    out[2 * i - 1] = gap_words(s:sub(at, first[i] - 1), self.inner.lines)
    out[2 * i] = word
    at = first[i] + #word
  end
  out[#out + 1] = gap_words(s:sub(at), self.inner.lines)
  return table.concat(out, " ")
end

---How many bytes of s are whole words; the white space after them may go on.
function Tok:cut(s)
  return core.words_gap(s:sub(1, Word.cut(self, s)))
end

---@param s string
---@return rnn.Tensor ids (M) int32
function Tok:encode(s)
  return self.inner.words:encode(self:prepare(s))
end

---@param ids rnn.Tensor|integer[]
---@return string
function Tok:decode(ids)
  return (self.inner:decode(ids):gsub(" ", ""):gsub(SPACE, " "))
end

function Tok:stream()
  return function(id) return id and self:decode {id} or "" end
end

function Tok:usable() return self.inner:usable() end

function Tok:symbols() return self.inner:symbols() end

-- }==

-- {== Learning ==

function Tok:learner(how) return self.inner:learner(how) end

---As Word:fit_scan.
function Tok:fit_scan(learner, bad, how)
  local inner, wrong, code = self.inner:fit_scan(learner, bad, how)
  if not inner then return nil, wrong, code end
  local tok = new_tok(inner, self.dict, self.unknown)
  if #tok:spec() <= MOST then return tok end
  return nil, ("has a dictionary of %d words, more than a model file can " ..
               "hold"):format(#self.dict), "EFORMAT"
end

---Learns which words of a text get ids; forgets what it knew.
---@param s string valid UTF-8
---@return rnn.Tokenizer|nil self
---@return string? message
---@return string? code
function Tok:fit(s)
  local tok, wrong, code = base.learn(self, s, false)
  if not tok then return nil, wrong, code end
  self.inner = tok.inner
  return self
end

---Has it learnt any word?
---@return boolean
function Tok:fitted() return self.inner:fitted() end

-- }==

-- {== Description ==

---The tokenizer as text: the line of its words, as that of "word", with
---"single" after "dict" if none are guessed; lines "WORD FREQUENCY" of the
---dictionary; a blank line; the user words in lines as these.
---@return string
function Tok:spec()
  local first = self.inner:spec():gsub("^word", self.unknown == "single" and
                                       "dict single" or "dict", 1)
  return first .. "\n" .. self.dict:text() .. "\n" .. self.dict:text "user"
end

---@return string one line for people
function Tok:describe()
  return ("%s, cut by a dictionary of %d"):format(self.inner:describe(),
                                                  #self.dict)
end

---The tokenizer of a specification.
---@param spec string
---@return rnn.DictTokenizer|nil
---@return string? message
function Tok.read(spec)
  local line, rest = spec:match "^(dict[^\n]*)\n(.*)$"
  local stop = line and ("\n" .. rest):find("\n\n", 1, true)
  if not stop then return nil end
  local header, single = line:gsub("^dict single", "word", 1)
  local inner, wrong = Word.read((header:gsub("^dict", "word", 1)))
  if not inner then return nil, wrong end
  local words, user
  words, wrong = dict.from(rest:sub(1, stop - 1))
  if words then user, wrong = dict.from(rest:sub(stop + 1)) end
  if not user then return nil, wrong end
  words.user.user = #user > 0 and user.core or nil
  return new_tok(inner, words, single > 0 and "single" or "guess")
end

-- }==

return Tok
