-- lstm: gates i f g o; c = f*c + i*g, h = o*tanh(c), over a whole sequence

local recurrent = require "tests.recurrent"

local function unit(xs, hs, _, c, _, p)
  p = p or {0, 0, 0}
  local i = recurrent.sigmoid(xs[1] + hs[1] + p[1] * c)
  local f = recurrent.sigmoid(xs[2] + hs[2] + p[2] * c)
  local g = recurrent.tanh(xs[3] + hs[3])
  local next_c = f * c + i * g
  local o = recurrent.sigmoid(xs[4] + hs[4] + p[3] * next_c)
  return o * recurrent.tanh(next_c), next_c
end

return {
  cases = recurrent.cases(4, true),
  large = recurrent.large(4, true),
  reference = recurrent.reference(4, true, unit),
  options = {"lengths", "reverse", "precision", "recompute"},
  errors = {
    {"op.lstm(zeros{3, 2, 4}, zeros{5, 4}, zeros{5, 5})",
     "lstm: 'w_hh' must be (4H, H), got (5, 5)"},
    {"op.lstm(zeros{3, 2, 4}, zeros{20, 3}, zeros{20, 5})",
     "lstm: 'w_ih' must be (20, 4), got (20, 3)"},
    {"op.lstm(zeros{3, 2, 4}, zeros{20, 4}, zeros{20, 5}, nil, zeros{20, " ..
     "1})",
     "lstm: 'b_hh' must be (20), got (20, 1)"},
    {"op.lstm(zeros{3, 2, 4}, zeros{20, 4}, zeros{20, 5}, nil, nil, nil, " ..
     "zeros{1, 5})",
     "lstm: 'c0' must be (2, 5), got (1, 5)"},
    {"op.lstm(zeros{3, 2, 4}, zeros{20, 4}, zeros{20, 5}, nil, nil, nil, " ..
     "nil, zeros{3, 4})",
     "lstm: 'w_peep' must be (3, 5), got (3, 4)"},
    {"op.lstm(zeros{3, 2, 4}, zeros{20, 4}, zeros{20, 5}, {lengths = {1}})",
     "lstm: 'lengths' must have one integer for each of 2 rows, got 1"},
    {"op.lstm(zeros{3, 2, 4}, zeros{20, 4}, zeros{20, 5}, {lengths = {1, " ..
     "4}})",
     "lstm: 'lengths' must be 0 to 3, got 4 for row 2"},
    {"op.lstm(zeros{3, 2, 4}, zeros{20, 4}, zeros{20, 5}, {lengths = 3})",
     "lstm: 'lengths' must be a table of integers, got number"},
    {"op.lstm(zeros{3, 2, 4}, zeros{20, 4}, zeros{20, 5}, {nonlinearity = " ..
     "'relu'})",
     "lstm: unknown option 'nonlinearity' (it has: lengths, reverse, " ..
     "precision, recompute)"},
    {"op.lstm(zeros{3, 2, 4}, zeros({20, 4}, 'float64'), zeros{20, 5})",
     "lstm: 'w_ih' must be float32 like the others, got float64"},
  },
}
