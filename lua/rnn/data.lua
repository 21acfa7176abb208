---rnn.data: labelled data in the formats they come in, and batches of them for
---tagging, classification, segmentation and sequence to sequence.
---
---    local data = require "rnn.data"
---    local path = os.tmpname()
---    local file <close> = io.open(path, "w")
---    file:write "She PRP B-NP\nsees VBZ B-VP\n\nStop VB B-VP\n"
---    file:close()
---    local sentences = assert(data.conll(path))
---    local words = data.labels(sentences, "words")
---    local tags = data.labels(sentences, "tags")
---    for _, s in ipairs(sentences) do
---      s.x, s.y = words:encode(s.words), tags:encode(s.tags)
---    end
---    local tagger = {embed = rnn.Embedding(#words, 8), lstm = rnn.LSTM(8, 16),
---                    out = rnn.Linear(16, #tags)}
---    for batch in data.batches(sentences, {batch = 2, length = "words"}) do
---      local x, lengths = data.padded(batch, {field = "x", pad = 1})
---      local y = data.padded(batch, {field = "y"})
---      local tape <close> = rnn.tape()
---      local h = tagger.lstm(tagger.embed(x), nil, lengths)
---      local loss = rnn.cross_entropy(tagger.out(h), y, {ignore = 0})
---      tape:backward(loss)
---    end
---    os.remove(path)
---
---All readers take a path ("-" is standard input; gzip unpacks what ends in
---".gz") and return nil, "path:line: reason" and a code for what they cannot
---read. They drop a byte order mark, take LF and CR LF, and refuse bytes that
---are no UTF-8, unless {invalid = "replace"}, "skip" or "bytes" is given.

---The module of each function, in lua/rnn/data.
local HOME = {
  conll = "conll", write_conll = "conll",
  csv = "csv", rows = "csv", write_csv = "csv",
  ts = "ts", write_ts = "ts",
  labelled = "labelled", pairs = "pairs", tagged = "pairs",
  segmented = "segmented", bmes = "segmented", segment = "segmented",
  labels = "labels", labels_from = "labels",
  vocabulary = "vocabulary", vocabulary_from = "vocabulary",
  spans = "spans", scheme = "spans", bioes = "spans", bio = "spans",
  shortened = "shortened",
  padded = "padded", batches = "batches", split = "split",
  scaler = "scaler", scaler_from = "scaler", windows = "windows",
  frame = "frame",
}

---Modules that are reached by their names.
local MODULES = {dates = true}

---@class rnn.data
local data = {}

return setmetatable(data, {
  __index = function(self, name)
    local home = MODULES[name] and name or HOME[name]
    local value = home and require("rnn.data." .. home)
    if value and not MODULES[name] then value = value[name] end
    rawset(self, name, value)
    return value
  end,
})
