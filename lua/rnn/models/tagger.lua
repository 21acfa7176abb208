---The model kind "tagger": a tag for each word of a sentence.
---
---    word ids (T,N) -> embed (T,N,D) -------------.
---    characters of words -> char_rnn or char_cnn --> drop_in -> rnn -> drop
---    other columns -> features -------------------'         -> out -> crf
---
---BiLSTM-CRF with words and characters (Lample et al. 2016; Ma and Hovy 2016).
---Words are looked up with case folded and digits as 0, the characters see them
---as they are. Tags of spans are learnt as BIOES and given back as BIO if they
---came so.
local CRF = require "rnn.layers.crf"
local core = require "rnn.core"
local data = require "rnn.data"
local inbatches = require "rnn.models.inbatches"
local json = require "rnn.json"
local map = require "rnn.map"
local model = require "rnn.model"
local new_layer = require("rnn.layer").named
local regularise = require "rnn.regularise"
local spans = require "rnn.data.spans"
local words = require "rnn.models.words"

local op = core.op

---@class rnn.Tagger
---@field embed rnn.Embedding
---@field char_embed rnn.Embedding|nil
---@field char_rnn rnn.LSTM|nil
---@field char_cnn rnn.Conv1d|nil
---@field features rnn.Embedding[]|nil
---@field drop_in rnn.Dropout|nil
---@field rnn rnn.LSTM|rnn.GRU|rnn.RNN
---@field drop rnn.Dropout|nil
---@field out rnn.Linear
---@field crf rnn.CRF|nil
local Tagger = {}

local META = {__index = Tagger, __name = "rnn.Tagger"}

local tagger = {KIND = "tagger", methods = Tagger}

local KNOWN = {}   -- the key of what a tagger knows, which no walk visits

local MOST = 2000      -- words that are tagged together

---@class rnn.TaggerKnown
---@field words rnn.Labels
---@field chars rnn.Labels|nil
---@field tags rnn.Labels
---@field features rnn.Labels[] of other columns
---@field columns string[] their names
---@field scheme string|nil "BIO" or "BIOES", what the tags came in
---@field word_dropout number

-- {== What is known of words and tags ==

---The tags as they are learnt; nil when one of them is none of a span, as those
---of the scheme are.
local function learnt_tags(tags, scheme)
  if not scheme then return tags end
  for _, tag in ipairs(tags) do
    if not spans.parse(tag) then return nil end
  end
  return data.bioes(tags)
end

---Learns words, characters and tags of sentences.
---@param sentences rnn.Sentence[] with `words`, `tags` and the other columns
---@param o {min_count: integer, max_vocab: integer, chars: string,
---features: integer[]?, feature_count: integer?, word_dropout: number}
---features: numbers of the other columns, which sentences have under these, as
---strings; feature_count: times that what stands in them must occur, default 1
---@return rnn.TaggerKnown|nil
---@return string[]|string notes, or the message
function tagger.learn(sentences, o)
  local folded, spelt, tags = {}, {}, {}
  for i, s in ipairs(sentences) do
    folded[i], tags[i] = map(s.words, words.fold), s.tags
    for _, word in ipairs(s.words) do
      spelt[#spelt + 1] = words.spell(word)
    end
  end
  local known = {columns = map(o.features or {}, tostring), features = {},
                 scheme = data.scheme(tags), word_dropout = o.word_dropout}
  local wrong, warning
  known.words, wrong = data.vocabulary(folded, nil, {min_count = o.min_count,
                                                     max_size = o.max_vocab})
  if wrong then return nil, wrong end
  known.chars = o.chars ~= "none" and assert(data.vocabulary(spelt)) or nil
  if known.scheme then
    tags = map(tags, data.bioes)
    tags[#tags + 1] = {"O"}   -- a sentence of any length can have these
  end
  known.tags, warning = data.labels(tags)
  for i, name in ipairs(known.columns) do
    known.features[i], wrong = data.vocabulary(sentences, name, {
      min_count = o.feature_count, max_size = o.max_vocab})
    if wrong then return nil, wrong end
  end
  return known, {warning}
end

---What people should know of tags that were not learnt.
---@param known rnn.TaggerKnown
---@param sentences rnn.Sentence[]
---@return string|nil
function tagger.unseen(known, sentences)
  return known.tags:unseen(map(sentences, function(s)
    return learnt_tags(s.tags, known.scheme) or s.tags
  end))
end

---What a model file says of a tagger, beside its layers.
---@param known rnn.TaggerKnown
---@return table<string, any> meta for rnn.save
function tagger.describe(known)
  local meta = {
    ["rnnlua.kind"] = tagger.KIND, words = known.words, chars = known.chars,
    tags = known.tags,
    tagger = json.encode {columns = known.columns, scheme = known.scheme,
                          word_dropout = known.word_dropout},
  }
  for i, vocabulary in ipairs(known.features) do
    meta["feature." .. i] = vocabulary
  end
  return meta
end

---What a description that is not trusted says beside its lists of names; nil
---when it cannot be one.
local function details_in(text)
  local o = json.decode(text)
  if type(o) ~= "table" or type(o.columns) ~= "table" then return nil end
  for _, name in ipairs(o.columns) do
    local n = type(name) == "string" and math.tointeger(tonumber(name))
    if not n or n == 0 or tostring(n) ~= name then return nil end
  end
  local p, scheme = o.word_dropout or 0, o.scheme
  if type(p) ~= "number" or not (p >= 0 and p < 1) or
     scheme ~= nil and scheme ~= "BIO" and scheme ~= "BIOES" then
    return nil
  end
  return {columns = o.columns, features = {}, scheme = scheme,
          word_dropout = p}
end

---What tagger.describe described; nothing in it is trusted.
---@param meta table<string, string>
---@param kind? string that it must be; default "tagger"
---@return rnn.TaggerKnown|nil
---@return string? message
function tagger.recall(meta, kind)
  kind = kind or tagger.KIND
  if meta["rnnlua.kind"] ~= kind then
    return nil, ("is not a %s: its kind is '%s'"):format(kind,
                meta["rnnlua.kind"] or "unknown")
  end
  local known = details_in(meta.tagger or "")
  if not known then return nil, "its description is damaged" end
  local wrong
  known.words, wrong = data.vocabulary_from(meta.words)
  if not known.words then return nil, wrong end
  known.tags, wrong = data.labels_from(meta.tags or "")
  if not known.tags then return nil, wrong end
  if not learnt_tags(known.tags.names, known.scheme) or
     known.scheme and not known.tags:id "O" then
    return nil, "its tags are not those of its scheme"
  end
  if meta.chars then
    known.chars, wrong = data.vocabulary_from(meta.chars)
    if not known.chars then return nil, wrong end
  end
  for i = 1, #known.columns do
    known.features[i], wrong = data.vocabulary_from(meta["feature." .. i])
    if not known.features[i] then return nil, wrong end
  end
  return known
end

-- }==

-- {== Layers ==

local CELLS = {lstm = "LSTM", gru = "GRU", rnn = "RNN"}

---@class rnn.TaggerConfig
---@field cell "lstm"|"gru"|"rnn"
---@field embed integer of words
---@field freeze? boolean their vectors are not trained
---@field hidden integer units in each direction
---@field layers integer
---@field chars "lstm"|"cnn"|"none"
---@field char_embed integer
---@field char_hidden integer units in each direction, or filters
---@field feature_embed integer of the words of each other column
---@field output "crf"|"softmax"
---@field dropout number of inputs, between layers and of outputs, one mask for
---all steps
---@field weight_drop number
---@field precision "full"|"bf16"
---@field word_dropout? number
---@field scheme? "BMES" that the CRF keeps to; default that of the tags

---The steps from tag to tag that no sentence has.
local function forbidden(known, scheme)
  scheme = scheme or known.scheme and "BIOES"
  return scheme and CRF.constraints(known.tags.names, scheme) or {}
end

---A new tagger.
---@param known rnn.TaggerKnown
---@param o rnn.TaggerConfig
---@return rnn.Tagger
function tagger.build(known, o)
  local m = {embed = new_layer("Embedding", #known.words, o.embed,
                           {freeze = o.freeze})}
  local D = o.embed + words.add_chars(m, known.chars, o)
  if #known.features > 0 then m.features = {} end
  for i, vocabulary in ipairs(known.features) do
    m.features[i] = new_layer("Embedding", #vocabulary, o.feature_embed)
    D = D + o.feature_embed
  end
  m.rnn = new_layer(CELLS[o.cell], D, o.hidden, {
    num_layers = o.layers, bidirectional = true, locked_dropout = o.dropout,
    weight_drop = o.weight_drop, precision = o.precision})
  m.out = new_layer("Linear", 2 * o.hidden, #known.tags)
  if o.dropout > 0 then
    m.drop_in = new_layer("Dropout", {p = o.dropout, locked = true})
    m.drop = new_layer("Dropout", {p = o.dropout, locked = true})
  end
  if o.output == "crf" then
    m.crf = new_layer("CRF", #known.tags, {constraints = forbidden(known,
                                                               o.scheme)})
  end
  known.word_dropout = o.word_dropout or known.word_dropout
  m[KNOWN] = known
  return setmetatable(m, META)
end

local CLASSES = {
  embed = {Embedding = true}, char_embed = {Embedding = true},
  char_rnn = {LSTM = true}, char_cnn = {Conv1d = true},
  drop_in = {Dropout = true}, drop = {Dropout = true}, out = {Linear = true},
  rnn = {LSTM = true, GRU = true, RNN = true}, crf = {CRF = true},
}

---The configuration of what may be a layer of one of the classes.
local function config_of(value, classes)
  local config = type(value) == "table" and value.config
  return config and classes[config.class] and config or nil
end

---Are the tables of a file as many as its vocabularies, and as large?
local function has_tables(m, known)
  local embeds = m.features or {}
  local function holds(embed, vocabulary)
    local config = config_of(embed, CLASSES.embed)
    return config and config.sizes[1] == #vocabulary
  end
  for i, vocabulary in ipairs(known.features) do
    if not holds(embeds[i], vocabulary) then return false end
  end
  return #embeds == #known.features and holds(m.embed, known.words) and
         (not known.chars or holds(m.char_embed, known.chars))
end

---Does the CRF of a file forbid what one of this scheme does?
local function keeps_scheme(crf, known, scheme)
  local ok, steps = pcall(forbidden, known, scheme)
  local options = crf.config.options
  return ok and json.encode(options.constraints) == json.encode(steps)
end

---What keeps the layers of a file from being those of a tagger.
local function fault(m, known, scheme)
  for name, classes in pairs(CLASSES) do
    if m[name] ~= nil and not config_of(m[name], classes) then
      return ("its layer '%s' is of another class"):format(name)
    end
  end
  local out = m.out and m.out.config.sizes
  if not (m.rnn and out and out[2] == #known.tags) or
     known.chars and not m.char_rnn == not m.char_cnn or
     m.crf and m.crf.config.sizes[1] ~= #known.tags or
     not has_tables(m, known) then
    return "its layers do not fit its words and tags"
  elseif m.crf and not keeps_scheme(m.crf, known, scheme) then
    return "its layer 'crf' does not keep to the scheme of its tags"
  end
  for _, net in ipairs {m.rnn, m.char_rnn} do
    local options = net.config.options
    if not options.bidirectional or options.batch_first then
      return "its recurrent layers do not read in both directions"
    end
  end
end

---Tags two short sentences, to see whether the layers fit each other.
local function try(m)
  local sentences = {{words = {"a", "b"}}, {words = {"c"}}}
  for _, name in ipairs(m[KNOWN].columns) do
    sentences[1][name], sentences[2][name] = {"a", "b"}, {"c"}
  end
  return pcall(m.predict, m, tagger.methods.encode(m, sentences))
end

---Rebuilds a tagger from its file.
---@param path string
---@param kind? string that it must be; default "tagger"
---@param scheme? "BMES" that its CRF must keep to; default that of its tags
---@return rnn.Tagger|nil
---@return table<string, string>|string meta or the message "path: reason"
---@return string? code "EIO" or "EFORMAT"
function tagger.load(path, kind, scheme)
  local m, meta, code = model.load_model(path)
  if not m then return nil, meta, code end
  local known, wrong = tagger.recall(meta, kind)
  wrong = wrong or fault(m, known, scheme)
  if wrong then return nil, path .. ": " .. wrong, "EFORMAT" end
  m[KNOWN] = known
  if not try(setmetatable(m, META)) then
    return nil, path .. ": its layers do not fit each other", "EFORMAT"
  end
  return m, meta
end

---@return rnn.TaggerKnown
function Tagger:known() return self[KNOWN] end

-- }==

-- {== Sentences as ids ==

---Sentences made ready: word, feature and tag ids.
---@param sentences rnn.Sentence[]
---@return table[] items with `size`, and `gold` where all tags are known
function Tagger:encode(sentences)
  local known, items = self[KNOWN], {}
  for i, s in ipairs(sentences) do
    local item = {size = #s.words, spelt = s.words, features = {},
                  words = known.words:encode(map(s.words, words.fold))}
    for k, name in ipairs(known.columns) do
      item.features[k] = known.features[k]:encode(s[name])
    end
    local tags = s.tags and learnt_tags(s.tags, known.scheme)
    if tags then
      local unseen
      item.tags, unseen = known.tags:encode(tags)
      item.gold = unseen == 0
    end
    items[i] = item
  end
  return items
end

---Scores with those of tags that an item does not allow at -inf. Each place of
---`item.allowed` has a set of ids.
local function allowed_scores(self, y, items)
  local mask
  local K, N = #self[KNOWN].tags, #items
  for n, item in ipairs(items) do
    for t, allowed in pairs(item.allowed or {}) do
      mask = mask or core.zeros(y:shape(), y.dtype)
      for k = 1, K do
        local at = ((t - 1) * N + n - 1) * K + k
        if not allowed[k] then core.set(mask, at, 1) end
      end
    end
  end
  return mask and y:masked_fill(mask, -math.huge) or y
end

---What the last layer makes of words (T,N,F), and the lengths of N sentences.
local function states(self, items)
  local known = self[KNOWN]
  local ids, lengths = data.padded(items, {field = "words", pad = 1})
  local parts = {self.embed(regularise.word_dropout(ids, known.word_dropout,
                                                    1))}
  if known.chars then
    parts[2] = words.read_chars(self, known.chars, items, #ids)
  end
  for k, embed in ipairs(self.features or {}) do
    parts[#parts + 1] = embed((data.padded(map(items, function(item)
      return item.features[k]
    end), {pad = 1})))
  end
  local x = #parts > 1 and op.cat(parts, 3) or parts[1]
  if self.drop_in then x = self.drop_in(x) end
  return self.rnn(x, nil, lengths), lengths
end

---Scores of the tags (T,N,K), and the lengths of the N sentences.
local function scores(self, items)
  local h, lengths = states(self, items)
  return self.out(self.drop and self.drop(h) or h), lengths
end

-- }==

---The loss of the tags of scores, summed over sentences (CRF) or words.
local function sum_loss(self, y, items, lengths)
  local tags = data.padded(items, {field = "tags", pad = self.crf and 1 or 0})
  if self.crf then
    return self.crf:loss(y, tags, lengths, {reduction = "sum"})
  end
  return op.cross_entropy(y, tags, {ignore = 0, reduction = "sum"})
end

local function count(items)
  local n = 0
  for _, item in ipairs(items) do n = n + item.size end
  return n
end

---What training makes small.
---@param items table[] from encode
---@return rnn.Tensor loss nats per word
---@return integer words
function Tagger:loss(items)
  local y, lengths = scores(self, items)
  local n = count(items)
  return sum_loss(self, y, items, lengths) * (1 / n), n
end

---The loss of the items that have gold tags, with scores of all, and the words
---of those.
local function told_loss(self, y, items, lengths)
  local gold = {}
  for _, item in ipairs(items) do
    gold[#gold + 1] = item.gold and item or nil
  end
  if #gold == 0 then return nil, 0 end
  if #gold < #items then y, lengths = scores(self, gold) end
  return sum_loss(self, y, gold, lengths):item(), count(gold)
end

---The likeliest tags of items.
---@param items table[] from encode
---@return string[][] tags as the training data have them
---@return number? loss nats, summed over the items all of whose tags are known;
---nil when there are none
---@return integer words of these
function Tagger:predict(items)
  local known = self[KNOWN]
  local y, lengths = scores(self, items)
  local masked = allowed_scores(self, y, items)
  local best = (self.crf and self.crf:decode(masked, lengths) or
                masked:argmax(3)):transpose():totable()
  local guesses = {}
  for n, item in ipairs(items) do
    local names = known.tags:decode(table.move(best[n], 1, item.size, 1, {}))
    guesses[n] = known.scheme == "BIO" and data.bio(names) or names
  end
  return guesses, told_loss(self, y, items, lengths)
end

---Tags sentences.
---@param sentences {words: string[]}[] and the columns the tagger was given
---@param batch? integer sentences at once; default 32
---@return string[][] tags of each sentence
function Tagger:tag(sentences, batch)
  local parts, all = data.shortened(sentences, MOST), {}
  local tags = inbatches.each(self:encode(parts), batch or 32, function(items)
    return (self:predict(items))
  end)
  local at = 0
  for i, s in ipairs(sentences) do
    all[i] = {}
    while #all[i] < #s.words do
      at = at + 1
      table.move(tags[at], 1, #tags[at], #all[i] + 1, all[i])
    end
  end
  return all
end

---Vectors of sentences, the means of the states of their words.
---@param sentences {words: string[]}[] as tag takes them
---@param batch? integer sentences at once; default 32
---@return rnn.Tensor[] vectors (F)
function Tagger:vectors(sentences, batch)
  return inbatches.each(self:encode(sentences), batch or 32, function(items)
    return inbatches.rows(new_layer("Pool", "mean")(states(self, items)))
  end)
end

return tagger
