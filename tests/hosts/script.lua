-- What a user writes for a host such as script.c: an LSTM learns a sine.
local rnn = require "rnn"

rnn.seed(1)
local model = {rnn = rnn.LSTM(1, 16), out = rnn.Linear(16, 1)}
local opt = rnn.Adam(rnn.parameters(model), {lr = 2e-2, clip_norm = 1})

local wave = {}
for t = 1, 65 do wave[t] = math.sin(0.3 * (t - 1)) end
local x = rnn.tensor({table.unpack(wave, 1, 64)}):reshape {64, 1, 1}
local y = rnn.tensor({table.unpack(wave, 2, 65)}):reshape {64, 1, 1}

for _ = 1, 200 do
  local tape <close> = rnn.tape()
  local loss = rnn.mse(model.out((model.rnn(x))), y)
  tape:backward(loss)
  opt:step()
end

return function(past)
  return model.out((model.rnn(past)))
end
