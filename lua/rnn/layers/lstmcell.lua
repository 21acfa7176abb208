---One step of rnn.LSTM: h, state = cell(x, state) with x (N,D), state
---{h, c}, each (N,H), absent = zeros; fields weight_ih, weight_hh, bias_ih,
---bias_hh as torch.nn.LSTMCell.
local recurrent = require "rnn.layers.recurrent"

return recurrent.cell(require "rnn.layers.lstm")
