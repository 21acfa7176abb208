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

return recurrent.layer {
  name = "GRU", gates = 3, cell = false, op = core.op.gru, options = {},
}
