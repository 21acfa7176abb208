---The tokenizer "word": the ids are words, which white space (Unicode's) stands
---between, the frequent ones first. With `split` = "unicode" punctuation and
---ideographs are words of their own, though nothing stands between them
---(src/text/apart.c). Words that it has not learnt, and those of more than 4096
---bytes, are "<unk>", id 1; with `lines` the end of a line is the word "<eos>",
---id 2, as is the custom for the Penn Treebank.
local base = require "rnn.tokenizers.base"
local core = require "rnn.core"

---@class rnn.WordTokenizer: rnn.Tokenizer
---@field words rnn.Words
---@field lines boolean
---@field split "space"|"unicode"
---@field min_count integer of a word that is learnt
---@field max_size integer of words in all
local Word = base.class "word"
Word.__len = function(self) return #self.words end

Word.options = {normal = true, lines = true, split = true, min_count = 1,
                max_size = 100000}

---What core.words calls such a list.
local function kind_of(lines)
  return lines and "lines" or "words"
end

---How many of the first ids are symbols.
local function symbols_of(lines)
  return lines and 2 or 1
end

local function new_word(o, words)
  return setmetatable({normal = o.normal, lines = o.lines, split = o.split,
                       min_count = o.min_count, max_size = o.max_size,
                       words = words}, Word)
end

---@param o rnn.TokenizerOptions
---@return rnn.WordTokenizer
function Word.new(o)
  return new_word(o, core.words(kind_of(o.lines)))
end

---The text with white space between words.
function Word:prepare(s)
  s = base.prepare(self, s)
  return self.split == "unicode" and core.apart(s) or s
end

-- {== Learning ==

---A list that has the words of this one, none of them counted.
local function copy(words, kept)
  return words:choose(kept, 0, kept)
end

---What Word:fit_scan takes; nil when there is nothing to learn.
---@param how "new"|"extend"|"keep" as rnn.CorpusOptions
function Word:learner(how)
  if how == "keep" then return nil end
  return base.counter(how == "extend" and copy(self.words, #self.words) or
                      core.words(kind_of(self.lines)))
end

---The tokenizer for a text that a learner went over: a new one, or with "keep"
---itself. To "extend" keeps all ids; the new words have those beyond.
---@param learner table from Word:learner
---@param bad boolean there are bytes that are no UTF-8
---@param how "new"|"extend"|"keep"
---@return rnn.WordTokenizer|nil
---@return string? message
---@return string? code "EFORMAT"
function Word:fit_scan(learner, bad, how)
  if how == "keep" then return self end
  if bad then
    return nil, "has bytes that are no UTF-8, and words have none", "EFORMAT"
  end
  local kept = how == "extend" and #self.words or symbols_of(self.lines)
  local words = learner.words:choose(kept, self.min_count, self.max_size)
  return base.storable(new_word(self, words), "max_size")
end

---Learns the words of a text; forgets what it knew.
---@param s string valid UTF-8
---@return rnn.Tokenizer|nil self
---@return string? message
---@return string? code
function Word:fit(s)
  local tok, wrong, code = base.learn(self, s, false)
  if not tok then return nil, wrong, code end
  self.words = tok.words
  return self
end

---Has it learnt any word?
---@return boolean
function Word:fitted()
  return #self.words > symbols_of(self.lines)
end

-- }==

-- {== Text and ids ==

---How many bytes of s are whole words.
function Word:cut(s)
  if self.normal then s = s:sub(1, base.cut(self, s)) end
  return core.words_cut(kind_of(self.lines), s)
end

---@param s string
---@return rnn.Tensor ids (M) int32
function Word:encode(s)
  return self.words:encode(self:prepare(s))
end

---Text of ids: each word after a space, but for the first of a line.
---@param ids rnn.Tensor|integer[]
---@return string
function Word:decode(ids)
  return self.words:decode(ids)
end

function Word:stream()
  local begins = false   -- a line
  return function(id)
    if not id then return "" end
    local s = self:decode {id}
    if begins then s = s:gsub("^ ", "") end
    begins = s == "\n"
    return s
  end
end

---@return integer n all of them
function Word:usable()
  return #self.words
end

---@return string[] words
function Word:symbols()
  return self.words:list()
end

-- }==

-- {== Description ==

---The tokenizer as one line: "word"; the normal form if there is one; "unicode"
---if it splits so; "lines" if line ends are words; ":"; the words by their ids,
---without the symbols. For example "word lines : the cat".
---@return string
function Word:spec()
  local parts = {"word"}
  if self.normal then parts[#parts + 1] = self.normal end
  if self.split == "unicode" then parts[#parts + 1] = "unicode" end
  if self.lines then parts[#parts + 1] = "lines" end
  parts[#parts + 1] = ":"
  local list = self.words:list()
  table.move(list, symbols_of(self.lines) + 1, #list, #parts + 1, parts)
  return table.concat(parts, " ")
end

---@return string one line for people
function Word:describe()
  return ("words, %d symbols%s%s%s"):format(#self.words,
         self.split == "unicode" and ", punctuation apart" or "",
         self.lines and ", line ends are words" or "",
         self.normal and ", " .. self.normal:upper() or "")
end

---The tokenizer of a specification.
---@param spec string
---@return rnn.WordTokenizer|nil
---@return string? message
function Word.read(spec)
  local options, list = spec:match "^word([%l ]*):(.*)$"
  if not options then return nil end
  local o = {lines = false, split = "space", min_count = 1, max_size = #spec}
  for word in options:gmatch "%S+" do
    if word == "lines" then o.lines = true
    elseif word == "unicode" then o.split = word
    elseif base.IS_FORM[word] then o.normal = word
    else return nil, ("unknown option '%s'"):format(word) end
  end
  local words = core.words(kind_of(o.lines))
  for word in list:gmatch "[^ ]+" do
    local ok, wrong = words:add(word)
    if not ok then return nil, wrong end
  end
  return new_word(o, words)
end

-- }==

return Word
