-- gru: gates r z n; n = tanh(W x + b + r*(U h + c)), h = (1-z)*n + z*h, over
-- a whole sequence

local recurrent = require "tests.recurrent"

local function unit(xs, hs, h)
  local r = recurrent.sigmoid(xs[1] + hs[1])
  local z = recurrent.sigmoid(xs[2] + hs[2])
  local n = recurrent.tanh(xs[3] + r * hs[3])
  return (1 - z) * n + z * h
end

return {
  cases = recurrent.cases(3, false),
  large = recurrent.large(3, false),
  reference = recurrent.reference(3, false, unit),
  options = {"lengths", "reverse", "precision", "recompute"},
  errors = {
    {"op.gru(zeros{3, 2, 4}, zeros{15, 4}, zeros{20, 5})",
     "gru: 'w_hh' must be (3H, H), got (20, 5)"},
    {"op.gru(zeros{3, 2, 4}, zeros{15, 4}, zeros{15, 5}, nil, nil, " ..
     "zeros{3, 5})",
     "gru: 'h0' must be (2, 5), got (3, 5)"},
    {"op.gru(zeros{3, 2, 4}, zeros{15, 4}, zeros{15, 5}, {lengths = {-1, " ..
     "2}})",
     "gru: 'lengths' must be 0 to 3, got -1 for row 1"},
    {"op.gru(zeros{3, 2, 4}, zeros{15, 4}, zeros{15, 5}, {lengths = {1.5, " ..
     "2}})",
     "gru: 'lengths' must be an integer, got 1.5"},
    {"op.gru(zeros{3, 2, 4}, ids{1}, zeros{15, 5})",
     "gru: 'w_ih' must be float32 or float64, got int32"},
  },
}
