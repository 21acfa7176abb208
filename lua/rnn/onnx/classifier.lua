---The kind "classifier" in ONNX: ids of tokens (T,R) and the lengths of rows to
---probabilities of labels (N,K). The rows are the texts; of a hierarchical
---model they are sentences, and `sentences` (S,N) says which ones a text has.
---Tokens are looked up by the vocabulary "words" of the metadata, words with
---case folded (NFC) and digits as 0; what is not there has id 0.
local layers = require "rnn.onnx.layers"
local pooled = require "rnn.onnx.pooled"
local words = require "rnn.onnx.words"

---What naive Bayes says of texts, (N,K).
local function add_bayes(g, m)
  local ids = g:input("grams", "int64", {"G", "N"},
                      "ids of grams, 0 beyond the last one of a text")
  local counts = g:input("gram_counts", "int64", {"N"}, "from 1")
  local rows = layers.embedding(g, m.bayes, "bayes", ids)
  local sum = g:op("ReduceSum", rows, g:ints {0}, {keepdims = 0})
  local n = g:op("Sqrt", g:op("Cast", counts, {to = 1}))
  return g:op("Div", sum, g:unsqueeze(n, 1))
end

---@param g rnn.OnnxGraph
---@param m rnn.Classifier
return function(g, m)
  local rows = m.sentence_rnn and "R" or "N"
  local ids = g:input("tokens", "int64", {"T", rows}, "ids, from 0")
  local lengths = g:input("lengths", "int64", {rows}, "tokens, from 1")
  local x = layers.embedding(g, m.embed, "embed", ids)
  local chars = words.read(g, m, rows)
  if chars then x = g:cat(2, {x, chars}) end
  local y = pooled.summarise(g, m, "", x, lengths)
  if m.sentence_rnn then
    local places = g:input("sentences", "int64", {"S", "N"},
                           "which rows the sentences of a text are, from 0")
    local counts = g:input("sentence_counts", "int64", {"N"}, "from 1")
    y = pooled.summarise(g, m, "sentence_", g:op("Gather", y, places), counts)
  end
  if m.bayes then y = g:cat(1, {y, add_bayes(g, m)}) end
  pooled.outputs(g, m, y)
end
