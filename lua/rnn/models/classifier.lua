---The model kind "classifier": a label for a text.
---
---    token ids (T,R) -> embed (T,R,D) -----.
---    characters of words -> char_rnn, cnn --> drop_in -> rnn -> pool (R,F)
---                                                -> drop -> out (N,K) logits
---
---The R rows are the N texts. A pool gets the states of rnn and what rnn read,
---side by side (Lai et al. 2015): words matter by themselves, too. Without a
---pool a text is the last state of either direction. With `bayes` the scores go
---by what rnn.models.bayes says of the text as well. A hierarchical model (Yang
---et al. 2016) reads sentences as rows, and their vectors (S,N,F) likewise by
---sentence_rnn and sentence_pool, whose result goes to drop.
local bayes = require "rnn.models.bayes"
local core = require "rnn.core"
local data = require "rnn.data"
local inbatches = require "rnn.models.inbatches"
local json = require "rnn.json"
local map = require "rnn.map"
local model = require "rnn.model"
local new_layer = require("rnn.layer").named
local pooled = require "rnn.models.pooled"
local regularise = require "rnn.regularise"
local units = require "rnn.data.units"
local words = require "rnn.models.words"

local op = core.op
local classifier = {}

classifier.KIND = "classifier"

local KNOWN = {}   -- the key of what a classifier knows, which no walk visits
local LONGEST = 64 -- tokens of a sentence; more begin another one

---@class rnn.ClassifierKnown: rnn.LabelKnown
---@field tokens "words"|"chars"
---@field words rnn.Labels of tokens
---@field chars rnn.Labels|nil
---@field grams rnn.Labels|nil of the naive Bayes
---@field ratios rnn.Tensor|nil (G,K) of it, when it has just been learnt
---@field word_dropout number
---@field hierarchical boolean
---@field max_length integer tokens of a text that are read

---@class rnn.Classifier
---@field embed rnn.Embedding
---@field char_embed rnn.Embedding|nil
---@field char_rnn rnn.LSTM|nil
---@field char_cnn rnn.Conv1d|nil
---@field drop_in rnn.Dropout|nil
---@field rnn rnn.LSTM|rnn.GRU|rnn.RNN
---@field pool rnn.Pool|rnn.AttentionPool|nil
---@field sentence_rnn rnn.LSTM|rnn.GRU|rnn.RNN|nil
---@field sentence_pool rnn.Pool|rnn.AttentionPool|nil
---@field drop rnn.Dropout|nil
---@field bayes rnn.Embedding|nil of grams
---@field out rnn.Linear|rnn.MLP
local Classifier = {}

local META = {__index = Classifier, __name = "rnn.Classifier"}

-- {== Text as tokens ==

---Words are what white space and punctuation stand between; apostrophes and
---hyphens are parts of words, other punctuation is tokens of its own.
local CUT = {
  words = function(text)
    return units.words((text:gsub("[^%w%s'\x80-\xFF-]", " %0 ")))
  end,
  chars = function(text) return units.chars((text:gsub("%s+", " "))) end,
}

---As a token is looked up.
local FOLD = {words = words.fold, chars = function(char) return char end}

---The sentences of a text: lines, and what ends in . ! ? or their like.
local function sentences_of(text)
  local list = {}
  text = text:gsub("([.!?]+[\"')%]]*%s)", "%1\n")
             :gsub("\u{3002}", "%0\n"):gsub("\u{FF01}", "%0\n")
             :gsub("\u{FF1F}", "%0\n")
  for sentence in text:gmatch "[^\n]*%S[^\n]*" do
    list[#list + 1] = sentence
  end
  return list
end

---The tokens of a text by rows: sentences, or all of them; at most so many.
---@return string[][] rows each of one token or more; none of an empty text
---@return boolean cut whether there were more
local function rows_of(text, o)
  local rows, left, most = {}, o.max_length,
                           o.hierarchical and LONGEST or math.maxinteger
  for _, part in ipairs(o.hierarchical and sentences_of(text) or {text}) do
    local tokens = CUT[o.tokens](part)
    local kept = math.min(#tokens, left)
    for first = 1, kept, most do
      local last = math.min(kept, first + most - 1)
      rows[#rows + 1] = table.move(tokens, first, last, 1, {})
    end
    if kept < #tokens then return rows, true end
    left = left - kept
  end
  return rows, false
end

---The grams of a text.
local function grams_of(text, o)
  local all = {}
  for _, tokens in ipairs((rows_of(text, o))) do
    for _, token in ipairs(tokens) do all[#all + 1] = FOLD[o.tokens](token) end
  end
  return bayes.grams(all)
end

---Gives texts to train on what their naive Bayes says of them, if there is to
---be one.
---@param texts rnn.Labelled[] get the fields `grams` and `bayes`
---@param o {bayes: boolean, tokens: string, max_length: integer,
---hierarchical: boolean?}
function classifier.mark(texts, o)
  if not o.bayes then return end
  for _, one in ipairs(texts) do one.grams = grams_of(one.text, o) end
  bayes.mark(texts)
end

-- }==

-- {== What is known of words and labels ==

---Learns tokens and labels of texts.
---@param texts rnn.Labelled[] with `text` and `label`
---@param o {tokens: string, chars: string, min_count: integer, max_vocab:
---integer, max_length: integer, hierarchical: boolean?, balance: string,
---label_smoothing: number, word_dropout: number, bayes: boolean} with bayes the
---texts come from classifier.mark
---@return rnn.ClassifierKnown|nil
---@return string[]|string notes, or the message
function classifier.learn(texts, o)
  local folded, spelt, notes, long = {}, {}, {}, 0
  for _, one in ipairs(texts) do
    local rows, cut = rows_of(one.text, o)
    if cut then long = long + 1 end
    for _, row in ipairs(rows) do
      folded[#folded + 1] = map(row, FOLD[o.tokens])
      for _, word in ipairs(o.chars ~= "none" and row or {}) do
        spelt[#spelt + 1] = words.spell(word)
      end
    end
  end
  local known = {
    tokens = o.tokens, hierarchical = o.hierarchical or false,
    max_length = o.max_length, word_dropout = o.word_dropout,
    smoothing = o.label_smoothing, weighted = o.balance == "weights",
    chars = o.chars ~= "none" and assert(data.vocabulary(spelt)) or nil,
  }
  local wrong
  known.words, wrong = data.vocabulary(folded, nil, {min_count = o.min_count,
                                                     max_size = o.max_vocab})
  if wrong then return nil, wrong end
  known.labels, notes[1] = data.labels(texts, "label")
  if o.bayes then
    known.grams, known.ratios = bayes.learn(texts, known.labels)
    if not known.grams then return nil, known.ratios end
  end
  known.counts = pooled.counts(known.labels, texts)
  if long > 0 then
    notes[#notes + 1] = ("texts cut to %d tokens (--max-length): %d")
                        :format(o.max_length, long)
  end
  return known, notes
end

classifier.unseen = pooled.unseen

local FIELDS = {tokens = "string", counts = "table", weighted = "boolean",
                smoothing = "number", word_dropout = "number",
                hierarchical = "boolean", max_length = "number"}

---What a model file says of a classifier, beside its layers.
---@param known rnn.ClassifierKnown
---@return table<string, any> meta for rnn.save
function classifier.describe(known)
  local own = {}
  for name in pairs(FIELDS) do own[name] = known[name] end
  return {["rnnlua.kind"] = classifier.KIND, words = known.words,
          chars = known.chars, labels = known.labels, grams = known.grams,
          classifier = json.encode(own)}
end

---Does a description, which is not trusted, make sense?
local function is_sound(o)
  for name, kind in pairs(FIELDS) do
    if type(o) ~= "table" or type(o[name]) ~= kind then return false end
  end
  return CUT[o.tokens] and pooled.is_sound(o) and
         o.word_dropout >= 0 and o.word_dropout <= 1 and
         math.type(o.max_length) == "integer" and o.max_length >= 1
end

---What classifier.describe described; nothing in it is trusted.
---@param meta table<string, string>
---@return rnn.ClassifierKnown|nil
---@return string? message
function classifier.recall(meta)
  if meta["rnnlua.kind"] ~= classifier.KIND then
    return nil, ("is not a classifier: its kind is '%s'"):format(
                meta["rnnlua.kind"] or "unknown")
  end
  local known = json.decode(meta.classifier or "null")
  if not is_sound(known) then return nil, "its description is damaged" end
  local wrong
  known.words, wrong = data.vocabulary_from(meta.words)
  if not known.words then return nil, wrong end
  known.labels, wrong = data.labels_from(meta.labels or "")
  if not known.labels then return nil, wrong end
  if meta.grams then
    known.grams, wrong = data.vocabulary_from(meta.grams)
    if not known.grams then return nil, wrong end
  end
  if #known.counts ~= #known.labels then
    return nil, "its description is damaged"
  end
  if meta.chars then
    known.chars, wrong = data.vocabulary_from(meta.chars)
    if not known.chars then return nil, wrong end
  end
  return known
end

-- }==

-- {== Layers ==

---@class rnn.ClassifierConfig: rnn.SpellingConfig, rnn.PooledConfig
---@field embed integer of tokens

---A new classifier.
---@param known rnn.ClassifierKnown
---@param o rnn.ClassifierConfig
---@return rnn.Classifier
function classifier.build(known, o)
  local m = {embed = new_layer("Embedding", #known.words, o.embed)}
  if known.tokens == "words" then   -- most are rare, and are to weigh little
    core.fill_uniform(m.embed.weight, -0.05, 0.05)
  end
  local F
  local D = o.embed + words.add_chars(m, known.chars, o)
  m.rnn, m.pool, F = pooled.reader(D, o)
  if known.hierarchical then
    m.sentence_rnn, m.sentence_pool, F = pooled.reader(F, o)
  end
  if known.grams then
    m.bayes = new_layer("Embedding", #known.grams, #known.labels,
                        {freeze = true})
    if known.ratios then m.bayes.weight:copy(known.ratios) end
    F = F + #known.labels
  end
  m.out = pooled.head(F, #known.labels, o)
  if m.bayes and o.head == 0 then   -- begins as one that is trusted
    local K = #known.labels
    for k = 1, K do core.set(m.out.weight, k * F - K + k, 1) end
  end
  if o.dropout > 0 then
    m.drop_in = new_layer("Dropout", {p = o.dropout, locked = true})
    m.drop = new_layer("Dropout", {p = o.dropout})
  end
  m[KNOWN] = known
  return setmetatable(m, META)
end

local sizes, reads = pooled.sizes, pooled.reads

---What the characters of a word give; nil when their layers do not fit.
local function spelling(m, known)
  if not known.chars then return 0 end
  local table_of = sizes(m.char_embed, "Embedding")
  if not table_of or table_of[1] ~= #known.chars then return nil end
  local cnn = sizes(m.char_cnn, "Conv1d")
  if cnn then return cnn[1] == table_of[2] and cnn[2] or nil end
  return reads(m.char_rnn, nil, table_of[2])
end

---What keeps the layers of a file from being those of a classifier.
local function fault(m, known)
  local embed, more = sizes(m.embed, "Embedding"), spelling(m, known)
  local F = embed and more and reads(m.rnn, m.pool, embed[2] + more)
  if F and known.hierarchical then
    F = reads(m.sentence_rnn, m.sentence_pool, F)
  end
  local table_of = sizes(m.bayes, "Embedding") or {0, 0}
  if F and (table_of[1] ~= (known.grams and #known.grams or 0) or
            table_of[2] ~= (known.grams and #known.labels or 0)) then
    F = nil
  end
  F = F and F + table_of[2]
  local out = sizes(m.out, "Linear", "MLP")
  local fits = F and out and embed[1] == #known.words and out[1] == F and
               out[#out] == #known.labels
  for _, name in ipairs {"drop_in", "drop"} do
    fits = fits and (m[name] == nil or sizes(m[name], "Dropout"))
  end
  return not fits and "its layers do not fit its words and labels" or nil
end

---Rebuilds a classifier from its file.
---@param path string
---@return rnn.Classifier|nil
---@return table<string, string>|string meta or the message "path: reason"
---@return string? code "EIO" or "EFORMAT"
function classifier.load(path)
  local m, known, meta = model.load_kind(path, classifier.recall, fault)
  if not m then return nil, known, meta end
  m[KNOWN] = known
  return setmetatable(m, META), meta
end

---@return rnn.ClassifierKnown
function Classifier:known() return self[KNOWN] end

-- }==

-- {== Texts as ids ==

---Texts made ready.
---@param texts {text: string, label: string?}[] each of one token or more
---@return table[] items with `rows` of ids, `size`, and `gold` where the label
---is known
function Classifier:encode(texts)
  local known, items = self[KNOWN], {}
  for i, one in ipairs(texts) do
    local rows, cut = rows_of(one.text, known)
    local item, longest = {rows = {}, cut = cut}, 0
    for k, tokens in ipairs(rows) do
      longest = math.max(longest, #tokens)
      item.rows[k] = {spelt = tokens,
                      ids = known.words:encode(map(tokens,
                                                   FOLD[known.tokens]))}
    end
    item.size = #rows * longest
    if known.grams then
      item.grams = known.grams:encode(one.grams or grams_of(one.text, known))
      item.bayes = one.bayes and map(known.labels.names, function(name)
        return one.bayes[name] or 0.0
      end)
    end
    item.label = one.label and known.labels:id(one.label) or 0
    item.gold = item.label > 0
    items[i] = item
  end
  return items
end

---The rows of all items, and which are whose (S,N), with their numbers.
local function gather(items)
  local rows, places = {}, {}
  for n, item in ipairs(items) do
    places[n] = {}
    for k, row in ipairs(item.rows) do
      rows[#rows + 1] = row
      places[n][k] = #rows
    end
  end
  return rows, data.padded(places, {pad = 1})
end

-- }==

-- {== Scores ==

---The embedded tokens of rows (T,R,D), and their numbers.
local function read(self, rows)
  local known = self[KNOWN]
  local ids, lengths = data.padded(rows, {field = "ids", pad = 1})
  local x = self.embed(regularise.word_dropout(ids, known.word_dropout, 1))
  if known.chars then
    x = op.cat(x, words.read_chars(self, known.chars, rows, #ids), 3)
  end
  return self.drop_in and self.drop_in(x) or x, lengths
end

---Vectors (N,F) of items; if wanted, what their rows gave, and the tokens of
---these.
local function vectors(self, items, want)
  local rows, places, counts = gather(items)
  local x, lengths = read(self, rows)
  local y, by_token = pooled.summarise(self.rnn, self.pool, x, lengths, want)
  local by_row
  if self.sentence_rnn then
    y, by_row = pooled.summarise(self.sentence_rnn, self.sentence_pool,
                                 op.embedding(y, places), counts, want)
  end
  return y, by_token, by_row
end

---Logits (N,K) of the vectors (N,F) of items.
local function logits(self, y, items)
  if self.drop then y = self.drop(y) end
  if self.bayes then
    y = op.cat(y, bayes.features(self.bayes, items), 2)
  end
  return self.out(y)
end

local function scores(self, items)
  return logits(self, (vectors(self, items)), items)
end

-- }==

---What training makes small.
---@param items table[] from encode, all gold
---@return rnn.Tensor loss nats per text
---@return integer texts
function Classifier:loss(items)
  return pooled.loss(self[KNOWN], scores(self, items), items)
end

---The likeliest labels of items.
---@param items table[] from encode
---@return string[] labels
---@return number loss nats of the labels that are known, summed
---@return integer count of these
function Classifier:predict(items)
  return pooled.predict(self[KNOWN], scores(self, items), items)
end

---Whether its pools tell what each token gave.
---@return boolean
function Classifier:chooses()
  local function does(pool)
    return pool ~= nil and pool.config.options.kind ~= "mean" and
           pool.config.options.kind ~= "last"
  end
  return does(self.pool) and (not self.sentence_rnn or
                              does(self.sentence_pool))
end

---@class rnn.Classified
---@field label string the likeliest
---@field probabilities number[] of each label, in the order of known().labels
---@field cut boolean whether the text was longer than what is read
---@field tokens? string[] with `weights`
---@field weights? number[] how much each token gave, 1 in all

---What the tokens of an item gave: of a hierarchical model, times what their
---sentence did.
local function explain(item, by_token, by_row, at, n)
  local tokens, weights = {}, {}
  for k, row in ipairs(item.rows) do
    for t, token in ipairs(row.spelt) do
      tokens[#tokens + 1] = token
      weights[#weights + 1] = by_token[at + k][t] * (by_row and by_row[n][k] or
                                                     1)
    end
  end
  return tokens, weights
end

local function classify(self, items, want)
  local y, by_token, by_row = vectors(self, items, want)
  local p, at, list = logits(self, y, items):softmax(2):totable(), 0, {}
  for n, item in ipairs(items) do
    local one = {label = pooled.likeliest(self[KNOWN], p[n]),
                 probabilities = p[n], cut = item.cut}
    if by_token then
      one.tokens, one.weights = explain(item, by_token, by_row, at, n)
    end
    list[n], at = one, at + #item.rows
  end
  return list
end

---Classifies texts.
---@param texts string[] each of one token or more: not empty, not white space
---@param o? {batch: integer?, weights: boolean?} texts at once, default 32;
---whether to tell what each token gave, which a pool of attention or of maxima
---knows
---@return rnn.Classified[]
function Classifier:classify(texts, o)
  o = o or {}
  local items = self:encode(map(texts, function(s) return {text = s} end))
  return inbatches.each(items, o.batch or 32, function(part)
    return classify(self, part, o.weights and self:chooses())
  end)
end

---Vectors of texts, what the labels are chosen by.
---@param texts string[] as classify takes them
---@param batch? integer texts at once; default 32
---@return rnn.Tensor[] vectors (F)
function Classifier:vectors(texts, batch)
  local items = self:encode(map(texts, function(s) return {text = s} end))
  return inbatches.each(items, batch or 32, function(part)
    return inbatches.rows((vectors(self, part)))
  end)
end

return classifier
