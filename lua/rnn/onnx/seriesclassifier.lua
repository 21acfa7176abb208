---The kind "seriesclassifier" in ONNX: values (T,N,C) in the unit of the data,
---NaN where one is missing, and the lengths of the series to probabilities of
---labels (N,K). Values are scaled inside; those behind the end of a series are
---not read. With scale "series" they are to be scaled before.
local layers = require "rnn.onnx.layers"
local pooled = require "rnn.onnx.pooled"

---Values as the network takes them (T,N,D).
local function prepared(g, known, x)
  local missing = g:op("IsNaN", x)
  if known.scale == "channel" then
    x = g:op("Div", g:op("Sub", x, g:reals(known.means, "float64")),
             g:reals(known.deviations, "float64"))
  end
  x = g:op("Where", missing, g:reals(0, "float64"), x)
  x = g:op("Cast", x, {to = 1})
  if not known.missing then return x end
  return g:cat(2, {x, g:op("Cast", missing, {to = 1})})
end

---@param g rnn.OnnxGraph
---@param m rnn.SeriesClassifier
return function(g, m)
  local known = m:known()
  local x = g:input("values", "float64", {"T", "N", #known.channels},
                    known.scale == "series" and
                    "each channel of a series with mean 0 and deviation 1" or
                    "in the unit of the data")
  local lengths = g:input("lengths", "int64", {"N"}, "steps, from 1")
  x = prepared(g, known, x)
  for i, conv in ipairs(m.conv or {}) do
    x, lengths = layers.conv(g, conv, "conv." .. i, x, lengths)
    x = g:op("Relu", x)
  end
  pooled.outputs(g, m, pooled.summarise(g, m, "", x, lengths))
end
