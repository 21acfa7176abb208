-- gru: gates r z n; n = tanh(W x + b + r*(U h + c)), or with reset "before"
-- tanh(W x + b + U (r*h) + c); h = (1-z)*n + z*h, over a whole sequence

local recurrent = require "tests.recurrent"

local function row(x, h, _, p)
  local H, args = p.H, p.args
  local gate = recurrent.gate(args)
  local xs = recurrent.plus(recurrent.product(p.w_ih, x), p.b_ih)
  local hs = recurrent.plus(recurrent.product(p.w_hh, h), p.b_hh)
  local rh, out = {}, {}
  for j = 1, H do rh[j] = gate(xs[j] + hs[j]) * h[j] end
  local inner = recurrent.product(p.w_hh, rh, 2 * H + 1)
  for j = 1, H do
    local r = gate(xs[j] + hs[j])
    local z = gate(xs[H + j] + hs[H + j])
    local q = r * hs[2 * H + j]
    if args.reset == "before" then
      q = inner[j] + (p.b_hh and p.b_hh[2 * H + j] or 0)
    end
    local n = recurrent.tanh(xs[2 * H + j] + q)
    out[j] = recurrent.zone(args.zoneout, h[j], (1 - z) * n + z * h[j])
  end
  return out
end

local kind = {
  cell = false, row = row, gates = function() return 3 end,
  more = function(rand, args)
    if rand:chance(0.4) then args.reset = "before" end
    if rand:chance(0.3) then args.gate_activation = "hard_sigmoid" end
  end,
}

return {
  cases = recurrent.cases(kind),
  large = recurrent.large(kind, {
    {args = {}}, {args = {reset = "before", zoneout = 0.2}},
    {args = {reset = "before", recompute = true,
             gate_activation = "hard_sigmoid"}},
  }),
  reference = recurrent.reference(kind), taped = true,
  options = {"lengths", "reverse", "precision", "recompute", "zoneout",
             "gate_activation", "reset"},
  errors = {
    {"op.gru(zeros{3, 2, 4}, zeros{15, 4}, zeros{15, 5}, {reset = 'never'})",
     "gru: 'reset' must be one of after|before, got 'never'"},
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
