---The kind "lm" in ONNX: ids (T,N) and a state to scores (T,N,U) and the state
---after them. A host steps with T = 1, or reads all at once; a text begins with
---a state of zeros.
local layers = require "rnn.onnx.layers"
local recurrent = require "rnn.onnx.recurrent"

local function scores(g, m, h)
  local class = m.out.config.class
  if class == "AdaptiveSoftmax" then
    return layers.adaptive(g, m.out, "out", h)
  elseif class == "Linear" then
    return layers.linear(g, m.out, "out", h)
  end
  local rows = m.out.config.sizes[2]
  local w = g:weight(m.embed.weight, "embed.weight")
  if rows < #m.embed.weight then w = g:slice(w, 0, 0, rows) end
  return g:linear(h, w, g:weight(m.out.bias, "out.bias"))
end

---@param g rnn.OnnxGraph
---@param m rnn.LM
return function(g, m)
  local o, H = m.rnn.config.options, m.rnn.config.sizes[2]
  if o.learned_state then
    error({message = "'learned_state' has no place in a graph whose state " ..
           "is an input"}, 0)
  end
  local S = (o.proj_size or 0) > 0 and o.proj_size or H
  local ids = g:input("ids", "int64", {"T", "N"}, "tokens, from 0")
  local state = {h = g:input("h", "float32", {o.num_layers, "N", S},
                             "the state before; 0 at the beginning")}
  if m.rnn.config.class == "LSTM" then
    state.c = g:input("c", "float32", {o.num_layers, "N", H}, "likewise")
  end
  local y
  y, state = recurrent.run(g, m.rnn, "rnn", layers.embedding(
    g, m.embed, "embed", ids), state)
  local U, adaptive = m.out.config.sizes[2], m.out.loss ~= nil
  g:output(adaptive and "log_probabilities" or "logits", scores(g, m, y),
           "float32", {"T", "N", U}, "of the token after each one")
  g:output("h_next", state.h, "float32", {o.num_layers, "N", S})
  if state.c then
    g:output("c_next", state.c, "float32", {o.num_layers, "N", H})
  end
end
