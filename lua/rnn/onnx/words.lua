---What the kinds "tagger" and "classifier" share in ONNX: characters of words,
---read once for each different word, as rnn.models.words does.
local layers = require "rnn.onnx.layers"
local recurrent = require "rnn.onnx.recurrent"

local words = {}

---What the characters of all words say (T,N,F); nil for a model without.
---@param g rnn.OnnxGraph
---@param m table
---@param rows? string name of the axis of rows, default "N"
---@return string?
function words.read(g, m, rows)
  if not m.char_embed then return nil end
  local ids = g:input("chars", "int64", {"C", "W"},
                      "characters of W different words, from 0")
  local lengths = g:input("char_lengths", "int64", {"W"}, "from 1")
  local places = g:input("places", "int64", {"T", rows or "N"},
                         "which of the W words each one is, from 0")
  local x = layers.embedding(g, m.char_embed, "char_embed", ids)
  if m.char_cnn then
    local y = layers.conv(g, m.char_cnn, "char_cnn", x, lengths)
    return g:op("Gather", layers.max(g, y, lengths), places)
  end
  local _, state = recurrent.run(g, m.char_rnn, "char_rnn", x, nil, lengths)
  return g:op("Gather", words.ends(g, state, 0), places)
end

---Two rows of a state (L*dirs,N,H) from row 'first' on, side by side (N,2H).
---@param g rnn.OnnxGraph
---@param state rnn.OnnxState
---@param first integer negative ones count from the end
---@return string
function words.ends(g, state, first)
  local rows = {}
  for i = 0, 1 do
    rows[i + 1] = g:op("Gather", state.h, g:ints(first + i))
  end
  return g:cat(1, rows)
end

return words
