---One step of rnn.RNN: h, state = cell(x, state) with x (N,D), state
---{h} with h (N,H), absent = zeros; fields weight_ih, weight_hh, bias_ih,
---bias_hh as torch.nn.RNNCell.
local recurrent = require "rnn.layers.recurrent"

return recurrent.cell(require "rnn.layers.rnn")
