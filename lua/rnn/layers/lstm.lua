---LSTM over time-major sequences (Hochreiter and Schmidhuber 1997, with forget
---gates): the equations and names of torch.nn.LSTM, gate order i f g o.
local core = require "rnn.core"
local recurrent = require "rnn.layers.recurrent"

---@class rnn.LSTM
---@field weight_ih_l0 rnn.Tensor (4H, D); above: (4H, dirs*H)
---@field weight_hh_l0 rnn.Tensor (4H, H)
---@field bias_ih_l0 rnn.Tensor (4H)
---@field bias_hh_l0 rnn.Tensor (4H)
---@field weight_peephole_l0 rnn.Tensor (3, H), with option peephole: from c to
---the gates i, f and o, diagonal (Gers, Schraudolph and Schmidhuber 2002)
---Call: y, state = lstm(x, state, lengths). x (T,N,D) -> y (T,N,dirs*H);
---state {h, c}, each (L*dirs,N,H), absent = zeros; lengths: N integers, rows
---are padded with zeros after theirs.

return recurrent.layer {
  name = "LSTM", gates = 4, cell = true, op = core.op.lstm,
  options = {forget_bias = 0.0, peephole = false},
}
