---GRU over time-major sequences (Cho et al. 2014) in PyTorch's form: the reset
---gate is applied after the product, n = tanh(Wx + b + r*(Uh + c)); gate order
---r z n.
local core = require "rnn.core"
local recurrent = require "rnn.layers.recurrent"

---@class rnn.GRU
---@field weight_ih_l0 rnn.Tensor (3H, D); above: (3H, dirs*H)
---@field weight_hh_l0 rnn.Tensor (3H, H)
---@field bias_ih_l0 rnn.Tensor (3H)
---@field bias_hh_l0 rnn.Tensor (3H)
---Call: y, state = gru(x, state, lengths) as rnn.LSTM, with state {h}.
---
---    local gru = rnn.GRU(8, 16, {reset = "before", num_layers = 2})
---    local y, state = gru(rnn.zeros {5, 2, 8})   -- y (5,2,16), h (2,2,16)
---
---Options beside those of all recurrent layers:
--- reset "after": the reset gate acts after the product (PyTorch, cuDNN), or
---  "before": n = tanh(Wx + b + U(r*h) + c), the form of Cho et al.
--- gate_activation "sigmoid", or "hard_sigmoid": min(1, max(0, x/6 + 1/2)).

return recurrent.layer {
  name = "GRU", gates = 3, cell = false, op = core.op.gru,
  options = {reset = "after", gate_activation = "sigmoid"},
  words = {reset = {"after", "before"},
           gate_activation = {"sigmoid", "hard_sigmoid"}},
}
