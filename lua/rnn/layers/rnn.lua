---Elman RNN over time-major sequences (Elman 1990), as torch.nn.RNN.
local core = require "rnn.core"
local recurrent = require "rnn.layers.recurrent"

---@class rnn.RNN
---@field weight_ih_l0 rnn.Tensor (H, D); above: (H, dirs*H)
---@field weight_hh_l0 rnn.Tensor (H, H)
---@field bias_ih_l0 rnn.Tensor (H)
---@field bias_hh_l0 rnn.Tensor (H)
---Call: y, state = rnn(x, state, lengths) as rnn.LSTM, with state {h}.
---Option nonlinearity: "tanh" (default) or "relu"; with "relu" and
---recurrent_init = "identity" it is the IRNN (Le et al. 2015).
---
---    local net = rnn.RNN(8, 16, {nonlinearity = "relu",
---                                recurrent_init = "identity"})
---    local y, state = net(rnn.zeros {5, 2, 8})         -- y (5,2,16)

return recurrent.layer {
  name = "RNN", gates = 1, cell = false, op = core.op.rnn,
  options = {nonlinearity = "tanh"},
  words = {nonlinearity = {"tanh", "relu"}},
}
