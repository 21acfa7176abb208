---The model kind "segmenter": text without spaces, Chinese say, cut into words.
---A tagger (rnn.models.tagger) of characters, which begin (B), continue (M) or
---end (E) a word or are one (S), by the characters, the pairs they make, and
---what a dictionary says of them. The words that it was trained on are its
---dictionary unless there is another one.
---
---    local segmenter = require "rnn.models.segmenter"
---    local model = assert(segmenter.load "words/best.safetensors")
---    local lines = {"他来到网易杭研大厦"}
---    print(table.concat(model:segment(lines)[1], "  "))
---    model:segment(lines, {user = {"杭研大厦"}})   -- which is never cut
local data = require "rnn.data"
local dict = require "rnn.dict"
local inbatches = require "rnn.models.inbatches"
local tagger = require "rnn.models.tagger"
local units = require "rnn.data.units"

local segmenter = {KIND = "segmenter"}

local DICT = {}       -- the key of a model's dictionary, which no walk visits
local TAGS = {"B", "E", "M", "S"}
local FOLDS = 8
local LONGEST = 1000  -- characters that are cut together

---@class rnn.SegmenterKnown
---@field tagger rnn.TaggerKnown
---@field dict rnn.Dict|nil

---@class rnn.Segmenter: rnn.Tagger
local Segmenter = setmetatable({}, {__index = tagger.methods})

local META = {__index = Segmenter, __name = "rnn.Segmenter"}

-- {== Sentences of characters ==

---Pairs of characters.
local function pairs_of(chars)
  local list = {}
  for i, char in ipairs(chars) do list[i] = char .. (chars[i + 1] or "") end
  return list
end

---What a dictionary says of each character: its place in a word, and the kind
---of the word, "Bw"; white space there may be, U+00A0 say, is a kind as well.
---Places of user words are in the second list.
local function marks_of(chars, d, user)
  local words, _, kinds = d:segment(table.concat(chars), {user = user,
                                                          spaces = true})
  local marks, fixed = {}, {}
  for i, word in ipairs(words) do
    local _, tags = data.bmes {word}
    for _, tag in ipairs(tags) do
      marks[#marks + 1] = tag .. kinds[i]:sub(1, 1)
      if kinds[i] == "user" then fixed[#marks] = tag end
    end
  end
  return marks, fixed
end

---A sentence for the tagger; `fixed` has the tags of its user words.
local function sentence_of(chars, d, user)
  local s = {words = chars, ["2"] = pairs_of(chars)}
  if d then s["3"], s.fixed = marks_of(chars, d, user) end
  return s
end

---What the dictionary of a model says of the text that it is trained on: for a
---part of it, what one says that was made of the other parts. By its own, no
---word would be unknown.
---@param examples rnn.Segmented[] get the field `marks` if one is learnt
---@param o {dictionary: string}
function segmenter.mark(examples, o)
  if o.dictionary ~= "learn" then return end
  for k = 1, FOLDS do
    local from = (k - 1) * #examples // FOLDS + 1
    local to = k * #examples // FOLDS
    local others = table.move(examples, 1, from - 1, 1, {})
    table.move(examples, to + 1, #examples, from, others)
    local d = dict.learn(others)
    for i = from, to do
      examples[i].marks = marks_of(examples[i].chars, d)
    end
  end
end

---The part of an example from one word to another, which begins after so many
---characters.
local function part_of(one, from, to, before)
  local words = table.move(one.words, from, to, 1, {})
  local chars, tags = data.bmes(words)
  local marks = one.marks and table.move(one.marks, before + 1,
                                         before + #chars, 1, {})
  return {words = words, chars = chars, tags = tags, marks = marks,
          line = one.line}
end

---Sentences of at most so many characters, or of one word: longer ones are cut
---between words.
---@param examples rnn.Segmented[]
---@param most integer
---@return rnn.Segmented[]
---@return integer cut how many were
function segmenter.shortened(examples, most)
  local short, cut = {}, 0
  for _, one in ipairs(examples) do
    local from, before, size = 1, 0, 0
    for i, word in ipairs(#one.chars > most and one.words or {}) do
      local n = #units.chars(word)
      if size + n > most and size > 0 then
        short[#short + 1] = part_of(one, from, i - 1, before)
        from, before, size = i, before + size, 0
      end
      size = size + n
    end
    cut = cut + (from > 1 and 1 or 0)
    short[#short + 1] = from == 1 and one or
                        part_of(one, from, #one.words, before)
  end
  return short, cut
end

local function sentences_of(examples, d)
  local list = {}
  for i, one in ipairs(examples) do
    list[i] = one.marks and {words = one.chars, ["2"] = pairs_of(one.chars),
                             ["3"] = one.marks} or sentence_of(one.chars, d)
    list[i].tags = one.tags
  end
  return list
end

-- }==

-- {== What is known, layers ==

---The dictionary that the options ask for.
local function dictionary_of(examples, o)
  if o.dictionary == "none" then return nil end
  if o.dictionary == "learn" then return (dict.learn(examples)) end
  return dict.load(o.dictionary)
end

---Learns characters, pairs and the dictionary of segmented text.
---@param examples rnn.Segmented[] when the dictionary is learnt, with `marks`
---@param o {dictionary: string, min_count: integer, max_vocab: integer,
---pair_count: integer, word_dropout: number} dictionary: "learn", "none" or the
---path of one
---@return rnn.SegmenterKnown|nil
---@return string[]|string notes, or the message about a dictionary
function segmenter.learn(examples, o)
  local d, wrong = dictionary_of(examples, o)
  if wrong then return nil, wrong end
  local known, notes = tagger.learn(sentences_of(examples, d), {
    min_count = o.min_count, max_vocab = o.max_vocab, chars = "none",
    features = d and {2, 3} or {2}, feature_count = o.pair_count,
    word_dropout = o.word_dropout})
  if not known then return nil, notes end
  known.tags = data.labels(TAGS)   -- user words may need those of longer words
  return {tagger = known, dict = d}, notes
end

---@param known rnn.SegmenterKnown
---@return table<string, any> meta for rnn.save
function segmenter.describe(known)
  local meta = tagger.describe(known.tagger)
  meta["rnnlua.kind"] = segmenter.KIND
  meta.dictionary = known.dict and known.dict:text()
  return meta
end

---The tags a model must have; the columns it goes by.
local function fault(known, d)
  local tags = table.concat(known.tags.names, " ")
  local columns = table.concat(known.columns, " ")
  if tags ~= table.concat(TAGS, " ") or known.scheme or
     columns ~= (d and "2 3" or "2") then
    return "its description is damaged"
  end
end

---What segmenter.describe described; nothing in it is trusted.
---@param meta table<string, string>
---@return rnn.SegmenterKnown|nil
---@return string? message
function segmenter.recall(meta)
  local known, wrong = tagger.recall(meta, segmenter.KIND)
  if not known then return nil, wrong end
  local d
  if meta.dictionary then
    d, wrong = dict.from(meta.dictionary)
    if not d then return nil, "its dictionary: " .. wrong end
  end
  wrong = fault(known, d)
  if wrong then return nil, wrong end
  return {tagger = known, dict = d}
end

---A new segmenter.
---@param known rnn.SegmenterKnown
---@param o rnn.TaggerConfig with pair_embed for feature_embed, and without
---chars and output
---@return rnn.Segmenter
function segmenter.build(known, o)
  local config = {}
  for name, value in pairs(o) do config[name] = value end
  config.chars, config.output = "none", "crf"
  config.feature_embed = o.pair_embed
  config.scheme = "BMES"
  local m = tagger.build(known.tagger, config)
  m[DICT] = known.dict
  return setmetatable(m, META)
end

---@param path string
---@return rnn.Segmenter|nil
---@return table<string, string>|string meta or the message "path: reason"
---@return string? code "EIO" or "EFORMAT"
function segmenter.load(path)
  local m, meta, code = tagger.load(path, segmenter.KIND, "BMES")
  if not m then return nil, meta, code end
  local known, wrong = segmenter.recall(meta)
  if not known then return nil, path .. ": " .. wrong, "EFORMAT" end
  m[DICT] = known.dict
  return setmetatable(m, META), meta
end

---@return rnn.Dict|nil
function Segmenter:dictionary() return self[DICT] end

-- }==

-- {== Text to words ==

---The tag of a place in a user word as the set of ids that are allowed there.
local function sets_of(tags)
  local sets = {}
  for _, tag in ipairs(TAGS) do sets[tag] = {[tags:id(tag)] = true} end
  return sets
end

---@param examples rnn.Segmented[]
---@return table[] items with `size` and `gold`
function Segmenter:encode(examples)
  return tagger.methods.encode(self, sentences_of(examples, self[DICT]))
end

---@param items table[] from encode
---@return string[][] words of each
---@return number? loss nats, summed over sentences
---@return integer characters
function Segmenter:predict(items)
  local tags, loss, n = tagger.methods.predict(self, items)
  local words = {}
  for i, item in ipairs(items) do
    words[i] = data.segment(item.spelt, tags[i])
  end
  return words, loss, n
end

---Pieces of characters without white space; those of a long text end after a
---mark of punctuation, where there is one.
local ENDS = {["。"] = true, ["！"] = true, ["？"] = true, ["；"] = true,
              ["，"] = true, ["."] = true, ["!"] = true, ["?"] = true,
              [";"] = true, [","] = true}

local function pieces_of(line)
  local pieces = {}
  for part in line:gsub("\u{3000}", " "):gmatch "%S+" do
    local chars, from = units.chars(part), 1
    while from <= #chars do
      local to = math.min(#chars, from + LONGEST - 1)
      local cut = to
      while to < #chars and cut > from and not ENDS[chars[cut]] do
        cut = cut - 1
      end
      if cut > from then to = cut end
      pieces[#pieces + 1] = table.move(chars, from, to, 1, {})
      from = to + 1
    end
  end
  return pieces
end

---Cuts lines into words. White space separates.
---@param lines string[]
---@param opts? {user: rnn.Dict|(string|rnn.Dict)[], batch: integer} words that
---are never cut (rnn.dict says where they are); pieces at once, default 32
---@return string[][] words of each line
function Segmenter:segment(lines, opts)
  opts = opts or {}
  local d = self[DICT] or opts.user and dict.new()
  local sets, sentences, line_of = sets_of(self:known().tags), {}, {}
  for i, line in ipairs(lines) do
    for _, chars in ipairs(pieces_of(line)) do
      sentences[#sentences + 1] = sentence_of(chars, d, opts.user)
      line_of[#sentences] = i
    end
  end
  local items = tagger.methods.encode(self, sentences)
  for i, item in ipairs(items) do
    item.allowed = {}
    for t, tag in pairs(sentences[i].fixed or {}) do
      item.allowed[t] = sets[tag]
    end
  end
  local all, words = inbatches.each(items, opts.batch or 32, function(part)
    return (self:predict(part))
  end), {}
  for i = 1, #lines do words[i] = {} end
  for i, list in ipairs(all) do
    local line = words[line_of[i]]
    table.move(list, 1, #list, #line + 1, line)
  end
  return words
end

-- }==

return segmenter
