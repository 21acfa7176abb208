---One step of rnn.GRU: h, state = cell(x, state) with x (N,D), state
---{h} with h (N,H), absent = zeros; fields weight_ih, weight_hh, bias_ih,
---bias_hh as torch.nn.GRUCell.
---
---    local cell, state = rnn.GRUCell(8, 16), nil
---    local x, h = rnn.randn {20, 4, 8}, nil
---    for t = 1, 20 do h, state = cell(x[t], state) end   -- h (4,16)
local recurrent = require "rnn.layers.recurrent"

return recurrent.cell(require "rnn.layers.gru")
