-- rnn: h = tanh(W x + b + U h + c), or relu, over a whole sequence

local recurrent = require "tests.recurrent"

local function unit(xs, hs, _, _, args)
  local a = xs[1] + hs[1]
  if args.nonlinearity == "relu" then return a > 0 and a or 0 end
  return recurrent.tanh(a)
end

local function nonlinearity(rand, args)
  args.nonlinearity = rand:pick {false, "tanh", "relu", "relu"} or nil
end

return {
  cases = recurrent.cases(1, false, nonlinearity),
  large = recurrent.large(1, false),
  reference = recurrent.reference(1, false, unit),
  options = {"lengths", "reverse", "precision", "recompute", "nonlinearity"},
  errors = {
    {"op.rnn(zeros{3, 2, 4}, zeros{5, 4}, zeros{5, 5}, nil, nil, zeros{5})",
     "rnn: 'h0' must be (2, 5), got (5)"},
    {"op.rnn(zeros{3, 2, 4}, zeros{5, 4}, zeros{5, 5}, {nonlinearity = " ..
     "'sin'})",
     "rnn: 'nonlinearity' must be one of tanh|relu, got 'sin'"},
    {"op.rnn(zeros{2, 4}, zeros{5, 4}, zeros{5, 5})",
     "rnn: 'x' must be (T, N, D), got (2, 4)"},
    {"op.rnn(zeros{3, 2, 4}, zeros{5, 4})",
     "rnn: 'w_hh' must be a tensor, got no value"},
    {"op.rnn(zeros{3, 2, 4}, zeros{5, 4}, zeros{5, 5}, zeros{4})",
     "rnn: 'b_ih' must be (5), got (4)"},
  },
}
