-- rnn: h = tanh(W x + b + U h + c), or relu, over a whole sequence

local recurrent = require "tests.recurrent"

local function row(x, h, _, p)
  local out = recurrent.plus(recurrent.product(p.w_ih, x), p.b_ih)
  out = recurrent.plus(out, recurrent.product(p.w_hh, h))
  out = recurrent.plus(out, p.b_hh)
  for j, a in ipairs(out) do
    out[j] = p.args.nonlinearity == "relu" and (a > 0 and a or 0) or
             recurrent.tanh(a)
    out[j] = recurrent.zone(p.args.zoneout, h[j], out[j])
  end
  return out
end

local kind = {
  cell = false, row = row, gates = function() return 1 end,
  more = function(rand, args)
    args.nonlinearity = rand:pick {false, "tanh", "relu", "relu"} or nil
  end,
}

return {
  cases = recurrent.cases(kind), large = recurrent.large(kind),
  reference = recurrent.reference(kind), taped = true,
  options = {"lengths", "reverse", "precision", "recompute", "zoneout",
             "nonlinearity"},
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
