---The tokenizer "bpe", byte pair encoding: ids 1 to 256 are the bytes, each one
---beyond is the two tokens that stood together most often when it was learnt.
---Any bytes have ids, and decode to the same bytes.
---
---No token goes beyond a piece of text: letters, or digits, or what is neither,
---with one space before them; or white space. Marks go with what is before
---them; a piece of more than 128 bytes is cut. Of a text with many different
---pieces those that are rare when the memory for them is full are let go, and
---counted anew when they come again.
local base = require "rnn.tokenizers.base"
local core = require "rnn.core"

---@class rnn.BpeTokenizer: rnn.Tokenizer
---@field bpe rnn.Bpe
---@field min_count integer of a pair that becomes a token
---@field vocab_size integer of ids to learn, the bytes among them
---@field room integer bytes that different pieces take up while it learns
local Bpe = base.class("bpe", "token")
Bpe.__len = function(self) return #self.bpe end

Bpe.options = {normal = true, min_count = 2, vocab_size = 8192}
Bpe.room = 32 << 20

local function new_bpe(o, bpe)
  return setmetatable({normal = o.normal, min_count = o.min_count,
                       vocab_size = o.vocab_size, bpe = bpe}, Bpe)
end

---@param o rnn.TokenizerOptions
---@return rnn.BpeTokenizer
function Bpe.new(o)
  return new_bpe(o, core.bpe {})
end

-- {== Learning ==

---What Bpe:fit_scan takes; nil when there is nothing to learn.
---@param how "new"|"extend"|"keep" as rnn.CorpusOptions
function Bpe:learner(how)
  if how ~= "new" then return nil end
  return base.counter(core.words("pieces", self.room))
end

---The tokenizer for a text that a learner went over: a new one, or with "keep"
---itself. There is no "extend": it has ids for any text.
---@param learner table from Bpe:learner
---@param _ boolean there are bytes that are no UTF-8: they have ids
---@param how "new"|"extend"|"keep"
---@return rnn.BpeTokenizer|nil
---@return string? message
---@return string? code "EFORMAT"
function Bpe:fit_scan(learner, _, how)
  if how == "keep" then return self end
  if how == "extend" then
    return nil, "the tokenizer 'bpe' cannot be extended, and need not be: " ..
           "it has ids for any text; leave out 'extend'", "EFORMAT"
  end
  local bpe = core.bpe_fit(learner.words, self.vocab_size, self.min_count)
  return base.storable(new_bpe(self, bpe), "vocab_size")
end

---Learns the tokens of a text; forgets what it knew.
---@param s string any bytes
---@return rnn.Tokenizer|nil self
---@return string? message
---@return string? code
function Bpe:fit(s)
  local tok, wrong, code = base.learn(self, s, true)
  if not tok then return nil, wrong, code end
  self.bpe = tok.bpe
  return self
end

---Has it learnt any token?
---@return boolean
function Bpe:fitted()
  return #self.bpe > 256
end

-- }==

-- {== Text and ids ==

---How many bytes of s are whole pieces.
function Bpe:cut(s)
  return self.normal and base.plain_cut(s) or core.words_cut("pieces", s)
end

---@param s string
---@return rnn.Tensor ids (M) int32
function Bpe:encode(s)
  return self.bpe:encode(self:prepare(s))
end

---@param ids rnn.Tensor|integer[]
---@return string
function Bpe:decode(ids)
  return self.bpe:decode(ids)
end

---@return integer n all of them
function Bpe:usable()
  return #self.bpe
end

---@return string[] "byte 0" to "byte 255", then the bytes of the others
function Bpe:symbols()
  local list = {}
  for id = 1, #self.bpe do
    list[id] = id <= 256 and ("byte %d"):format(id - 1) or self.bpe:token(id)
  end
  return list
end

-- }==

-- {== Description ==

---The tokenizer as one line of ASCII: "bpe"; the normal form if there is one;
---":"; the tokens beyond the bytes, each as the two that it is made of, in
---hexadecimal from 0. For example "bpe : 74+68 100+65" for "th" and "the".
---@return string
function Bpe:spec()
  local words = {"bpe"}
  if self.normal then words[2] = self.normal end
  words[#words + 1] = ":"
  local parts = self.bpe:parts()
  for i = 1, #parts, 2 do
    words[#words + 1] = ("%x+%x"):format(parts[i] - 1, parts[i + 1] - 1)
  end
  return table.concat(words, " ")
end

---@return string one line for people
function Bpe:describe()
  return ("byte pair encoding, %d tokens%s"):format(#self.bpe,
         self.normal and ", " .. self.normal:upper() or "")
end

---The tokenizer of a specification.
---@param spec string
---@return rnn.BpeTokenizer|nil
---@return string? message
function Bpe.read(spec)
  local form, list = spec:match "^bpe ?(%l*) :(.*)$"
  if not form or form ~= "" and not base.IS_FORM[form] then return nil end
  local parts = {}
  for word in list:gmatch "[^ ]+" do
    local left, right = word:match "^(%x+)%+(%x+)$"
    if not left or #left > 7 or #right > 7 then return nil end
    parts[#parts + 1] = tonumber(left, 16) + 1
    parts[#parts + 1] = tonumber(right, 16) + 1
  end
  local bpe, wrong = core.bpe(parts)
  if not bpe then return nil, wrong end
  return new_bpe({normal = form ~= "" and form or nil, vocab_size = #bpe,
                  min_count = 1}, bpe)
end

-- }==

return Bpe
