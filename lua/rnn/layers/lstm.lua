---LSTM over time-major sequences (Hochreiter and Schmidhuber 1997, with forget
---gates): the equations and names of torch.nn.LSTM, gate order i f g o.
local core = require "rnn.core"
local recurrent = require "rnn.layers.recurrent"

---@class rnn.LSTM
---@field weight_ih_l0 rnn.Tensor (4H, D); above: (4H, dirs*H)
---@field weight_hh_l0 rnn.Tensor (4H, H)
---@field bias_ih_l0 rnn.Tensor (4H)
---@field bias_hh_l0 rnn.Tensor (4H)
---@field weight_peephole_l0? rnn.Tensor (3, H)
---@field layer_norm_l0? rnn.Tensor (10, H)
---@field weight_hr_l0? rnn.Tensor (S, H)
---Call: y, state = lstm(x, state, lengths). x (T,N,D) -> y (T,N,dirs*H);
---state {h, c}, each (L*dirs,N,H), absent = zeros; lengths: N integers, rows
---are padded with zeros after theirs.
---
---    local lstm = rnn.LSTM(8, 16, {layer_norm = true, zoneout = 0.1})
---    local y, state = lstm(rnn.zeros {5, 2, 8})      -- y (5,2,16)
---    y = lstm(rnn.zeros {5, 2, 8}, state)            -- the five steps after
---
---Options beside those of all recurrent layers:
--- forget_bias 0: added to bias_ih of forget gates (Jozefowicz et al. 2015).
--- peephole false: i and f also see p*c', o sees p_o*c, diagonal (Gers,
---  Schraudolph and Schmidhuber 2002).
--- layer_norm false: both products of a step, each over all gates, and c before
---  its tanh have mean 0 and variance 1, then gains and a bias (Ba, Kiros and
---  Hinton 2016, equations 20 to 22): rows are gains of x for i f g o, of h
---  for i f g o, gain and bias of c. eps 1e-5.
--- proj_size 0: S units of h, y (T,N,dirs*S), h = weight_hr (o*tanh(c)), as
---  proj_size of torch.nn.LSTM (Sak, Senior and Beaufays 2014); weight_hh is
---  (4H,S) then.
--- coupled false: f = 1 - i (the CIFG of Greff et al. 2017). Weights then have
---  3H rows, i g o; weight_peephole 2 (i, o), layer_norm 8.
--- gate_activation "sigmoid", or "hard_sigmoid": min(1, max(0, x/6 + 1/2)).
--- zoneout_c 0: zoneout of c.

return recurrent.layer {
  name = "LSTM", gates = 4, cell = true, op = core.op.lstm,
  options = {forget_bias = 0.0, peephole = false, layer_norm = false,
             proj_size = 0, coupled = false, zoneout_c = 0.0,
             gate_activation = "sigmoid"},
  words = {gate_activation = {"sigmoid", "hard_sigmoid"}},
}
