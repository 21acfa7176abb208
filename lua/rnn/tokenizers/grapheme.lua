---The tokenizer "grapheme": the ids are what people take for one character
---(extended grapheme clusters, UAX #29): a letter with its marks, a family of
---emoji, CR LF. The frequent ones come first. Then come bytes for what has no
---id of its own, so that any bytes have ids and decode to the same bytes;
---without byte_fallback "<unk>", id 1, stands for it, and what it was is lost.
---A cluster of more than 256 bytes is cut.
local base = require "rnn.tokenizers.base"
local core = require "rnn.core"

---@class rnn.GraphemeTokenizer: rnn.Tokenizer
---@field words rnn.Words the clusters
---@field byte_fallback boolean
---@field bytes_seen boolean the text learnt from had bytes that are no UTF-8,
---or clusters that were not learnt
---@field min_count integer of a cluster that is learnt
---@field max_size integer of clusters in all
local Grapheme = base.class "grapheme"

Grapheme.options = {normal = true, byte_fallback = true, min_count = 1,
                    max_size = 100000}

local SHOWN = 10   -- unknown clusters that a message names

---What core.words calls such a list.
local function kind_of(fallback)
  return fallback and "clusters+bytes" or "clusters"
end

---How many of the first ids are symbols.
local function symbols_of(fallback)
  return fallback and 0 or 1
end

local function new_grapheme(o, words, bytes_seen)
  return setmetatable({normal = o.normal, byte_fallback = o.byte_fallback,
                       min_count = o.min_count, max_size = o.max_size,
                       words = words, bytes_seen = bytes_seen}, Grapheme)
end

function Grapheme:__len()
  return #self.words + (self.byte_fallback and 256 or 0)
end

---@param o rnn.TokenizerOptions
---@return rnn.GraphemeTokenizer
function Grapheme.new(o)
  return new_grapheme(o, core.words(kind_of(o.byte_fallback)), false)
end

-- {== Learning ==

---What Grapheme:fit_scan takes; nil when there is nothing to learn.
---@param how "new"|"extend"|"keep" as rnn.CorpusOptions
function Grapheme:learner(how)
  if how == "keep" and self:usable() == #self then return nil end
  local n = #self.words
  return base.counter(how == "new" and core.words(kind_of(self.byte_fallback))
                      or self.words:choose(n, 0, math.max(n, 1)))
end

---"'é' (U+0065 U+0301)"
local function name_of(cluster)
  local codes = {}
  for _, code in utf8.codes(cluster) do
    codes[#codes + 1] = ("U+%04X"):format(code)
  end
  return ("'%s' (%s)"):format(cluster, table.concat(codes, " "))
end

---A message about clusters, up to ten, that are not in the vocabulary.
local function unknown_error(names)
  local more = #names > SHOWN and ", ..." or ""
  return "characters not in the vocabulary: " ..
         table.concat(names, ", ", 1, math.min(#names, SHOWN)) .. more
end

---The tokenizer itself, if no bytes that a model has not learnt need to stand
---for what a learner saw.
local function keep(self, learner, bad)
  if self:usable() == #self then return self end
  local new, names = learner.words:list(), {}
  for i = #self.words + 1, math.min(#new, #self.words + SHOWN + 1) do
    names[#names + 1] = name_of(new[i])
  end
  if bad then names[#names + 1] = "bytes that are no UTF-8" end
  if #names == 0 then return self end
  return nil, unknown_error(names) .. "; 'fit' may extend it", "EVOCAB"
end

---The tokenizer for a text that a learner went over: a new one, or with "keep"
---itself. To "extend" keeps the ids of clusters; new ones have those beyond.
---@param learner table|nil from Grapheme:learner
---@param bad boolean there are bytes that are no UTF-8
---@param how "new"|"extend"|"keep"
---@return rnn.GraphemeTokenizer|nil
---@return string? message
---@return string? code "EFORMAT" or "EVOCAB"
function Grapheme:fit_scan(learner, bad, how)
  if how == "keep" then return keep(self, learner, bad) end
  if bad and not self.byte_fallback then
    return nil, "has bytes that are no UTF-8, and the tokenizer no symbols " ..
           "for bytes", "EFORMAT"
  end
  local kept = how == "extend" and #self.words or
               symbols_of(self.byte_fallback)
  local words = learner.words:choose(kept, self.min_count, self.max_size)
  local bytes_seen = bad or #words < #learner.words or
                     how == "extend" and self.bytes_seen
  return base.storable(new_grapheme(self, words, self.byte_fallback and
                                    bytes_seen), "max_size")
end

---Learns the clusters of a text; forgets what it knew. Without byte_fallback
---the text must be valid UTF-8.
---@param s string
---@return rnn.Tokenizer|nil self
---@return string? message
---@return string? code
function Grapheme:fit(s)
  local tok, wrong, code = base.learn(self, s, self.byte_fallback)
  if not tok then return nil, wrong, code end
  self.words, self.bytes_seen = tok.words, tok.bytes_seen
  return self
end

---Has it learnt anything?
---@return boolean
function Grapheme:fitted()
  return self.bytes_seen or #self.words > symbols_of(self.byte_fallback)
end

-- }==

-- {== Text and ids ==

---How many bytes of s are whole clusters.
function Grapheme:cut(s)
  return self.normal and base.plain_cut(s) or core.words_cut("clusters", s)
end

---@param s string
---@return rnn.Tensor ids (M) int32
function Grapheme:encode(s)
  return self.words:encode(self:prepare(s))
end

---@param ids rnn.Tensor|integer[]
---@return string
function Grapheme:decode(ids)
  return self.words:decode(ids)
end

---Ids 1 to n occurred in what the tokenizer was fitted on. Those beyond stand
---for single bytes no model has learnt to write.
---@return integer n
function Grapheme:usable()
  return self.bytes_seen and #self or #self.words
end

---Names what the ids beyond usable() stand for, and where in the text it is.
---@param ids rnn.Tensor
---@return string message
function Grapheme:missing(ids)
  local most, names, at, run = self:usable(), {}, 1, {}
  local function name()
    local bytes = self:decode(run)
    names[#names + 1] = ("%s at byte %d"):format(utf8.len(bytes) and
      name_of(bytes) or "bytes that are no UTF-8", at)
    at, run = at + #run, {}
  end
  for _, id in ipairs(ids:totable()) do
    if id > most then
      run[#run + 1] = id
    else
      if #run > 0 then name() end
      at = at + #self:decode {id}
    end
  end
  if #run > 0 then name() end
  return unknown_error(names)
end

---@return string[] clusters, then "byte 0" to "byte 255"
function Grapheme:symbols()
  local list = self.words:list()
  for byte = 0, #self - #list - 1 do
    list[#list + 1] = ("byte %d"):format(byte)
  end
  return list
end

-- }==

-- {== Description ==

---The tokenizer as one line of ASCII: "grapheme"; the normal form if there is
---one; "bytes" with byte symbols, "bytes-seen" if the fitted text needed them;
---":"; the clusters by their ids, without the symbols, each as its code points
---in hexadecimal. For example "grapheme bytes : 61 65+301 d+a".
---@return string
function Grapheme:spec()
  local parts = {"grapheme"}
  if self.normal then parts[#parts + 1] = self.normal end
  if self.byte_fallback then
    parts[#parts + 1] = self.bytes_seen and "bytes-seen" or "bytes"
  end
  parts[#parts + 1] = ":"
  local list = self.words:list()
  for i = symbols_of(self.byte_fallback) + 1, #list do
    local codes = {utf8.codepoint(list[i], 1, -1)}
    for k, code in ipairs(codes) do codes[k] = ("%x"):format(code) end
    parts[#parts + 1] = table.concat(codes, "+")
  end
  return table.concat(parts, " ")
end

---@return string one line for people
function Grapheme:describe()
  return ("graphemes, %d symbols%s%s"):format(#self.words,
         self.byte_fallback and " and 256 bytes for others" or "",
         self.normal and ", " .. self.normal:upper() or "")
end

---The text of code points such as "65+301", or nil.
local function read_cluster(word)
  local parts = {}
  for hex in word:gmatch "[^+]+" do
    local code = #hex <= 6 and hex:find "^%x+$" and tonumber(hex, 16)
    if not code or code > 0x10FFFF then return nil end
    parts[#parts + 1] = utf8.char(code)
  end
  return table.concat(parts)
end

---The tokenizer of a specification.
---@param spec string
---@return rnn.GraphemeTokenizer|nil
---@return string? message
function Grapheme.read(spec)
  local options, list = spec:match "^grapheme([%l -]*):(.*)$"
  if not options then return nil end
  local o = {min_count = 1, max_size = #spec}
  for word in options:gmatch "%S+" do
    if base.IS_FORM[word] then o.normal = word
    elseif word == "bytes" or word == "bytes-seen" then o.bytes = word
    else return nil, ("unknown option '%s'"):format(word) end
  end
  o.byte_fallback = o.bytes ~= nil
  local words = core.words(kind_of(o.byte_fallback))
  for word in list:gmatch "[^ ]+" do
    local cluster = read_cluster(word)
    if not cluster then return nil, "its list of characters is damaged" end
    local ok, wrong = words:add(cluster)
    if not ok then return nil, wrong end
  end
  return new_grapheme(o, words, o.bytes == "bytes-seen")
end

-- }==

return Grapheme
