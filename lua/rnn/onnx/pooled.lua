---What the kinds "classifier" and "seriesclassifier" share in ONNX: steps as
---one vector.
local layers = require "rnn.onnx.layers"
local recurrent = require "rnn.onnx.recurrent"
local words = require "rnn.onnx.words"

local pooled = {}

---Vectors (N,F) of x (T,N,D), by the layers NAMErnn and NAMEpool of a model.
---@param g rnn.OnnxGraph
---@param m table
---@param name string "" or "sentence_"
---@param x string
---@param lengths string
---@return string
function pooled.summarise(g, m, name, x, lengths)
  local net, pool = m[name .. "rnn"], m[name .. "pool"]
  local h, state = recurrent.run(g, net, name .. "rnn", x, nil, lengths)
  if not pool then return words.ends(g, state, -2) end
  return layers.pool(g, pool, name .. "pool", g:cat(2, {h, x}), lengths)
end

---Scores of labels by vectors, and their probabilities, as outputs.
---@param g rnn.OnnxGraph
---@param m table
---@param y string (N,F)
function pooled.outputs(g, m, y)
  local K = #m:known().labels
  local scores = layers.head(g, m.out, "out", y)
  g:output("logits", scores, "float32", {"N", K}, "of labels")
  g:output("probabilities", g:op("Softmax", scores, {axis = -1}), "float32",
           {"N", K}, "of labels")
end

return pooled
