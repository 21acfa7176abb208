---The kind "tagger" in ONNX: ids of words (T,N) and the lengths of sentences to
---scores of tags (T,N,K). Of a CRF the transitions are outputs, too, -inf where
---the scheme of the tags forbids a step; the best sequence is for the host to
---find (Viterbi): the largest
---    start[y1] + sum_t scores[t][yt] + sum_t transitions[yt][y(t+1)] + end[yL]
---Words are looked up by the vocabulary "words" of the metadata, with case
---folded (NFC) and digits as 0; what is not there has id 0.
local core = require "rnn.core"
local layers = require "rnn.onnx.layers"
local recurrent = require "rnn.onnx.recurrent"
local words = require "rnn.onnx.words"

---Scores of steps as outputs, -inf where they are forbidden.
local function add_crf(g, crf)
  local K = crf.config.sizes[1]
  local all = {transitions = crf.transitions:clone(),
               start_transitions = crf.start_transitions:clone(),
               end_transitions = crf.end_transitions:clone()}
  for _, step in ipairs(crf.config.options.constraints) do
    local from, to = step[1], step[2]
    if from > 0 and to <= K then
      core.set(all.transitions, (from - 1) * K + to, -math.huge)
    elseif to <= K then
      core.set(all.start_transitions, to, -math.huge)
    elseif from > 0 then
      core.set(all.end_transitions, from, -math.huge)
    end
  end
  local function add(name, shape, doc)
    g:output(name, g:weight(all[name], "crf." .. name), "float32", shape, doc)
  end
  add("transitions", {K, K}, "from a tag to the next")
  add("start_transitions", {K}, "to the first tag")
  add("end_transitions", {K}, "from the last tag")
end

---@param g rnn.OnnxGraph
---@param m rnn.Tagger
return function(g, m)
  local known = m:known()
  local ids = g:input("words", "int64", {"T", "N"}, "ids, from 0")
  local lengths = g:input("lengths", "int64", {"N"}, "words, from 1")
  local parts = {layers.embedding(g, m.embed, "embed", ids)}
  parts[2] = words.read(g, m)
  for i, embed in ipairs(m.features or {}) do
    local feature = g:input("feature" .. i, "int64", {"T", "N"},
                            "ids of column " .. known.columns[i])
    parts[#parts + 1] = layers.embedding(g, embed, "features." .. i, feature)
  end
  local y = recurrent.run(g, m.rnn, "rnn", g:cat(2, parts), nil, lengths)
  g:output("scores", layers.linear(g, m.out, "out", y), "float32",
           {"T", "N", #known.tags}, m.crf and "of tags, for the transitions" or
           "of tags, the largest is the tag")
  if m.crf then add_crf(g, m.crf) end
end
