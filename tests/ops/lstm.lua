-- lstm: gates i f g o; c = f*c + i*g, h = o*tanh(c), over a whole sequence;
-- with peepholes, coupled gates, layer norm, a projection, zoneout

local recurrent = require "tests.recurrent"

---The sums that go to the gates of a row, G lists of H.
local function gate_inputs(x, h, p)
  local xs, hs = recurrent.product(p.w_ih, x), recurrent.product(p.w_hh, h)
  local rows = p.G * p.H
  if p.w_norm then
    xs, hs = recurrent.normal(xs), recurrent.normal(hs)
    for k = 1, rows do
      xs[k], hs[k] = xs[k] * p.w_norm[k], hs[k] * p.w_norm[rows + k]
    end
  end
  local all = recurrent.plus(recurrent.plus(xs, p.b_ih),
                             recurrent.plus(hs, p.b_hh))
  local gates = {}
  for g = 1, p.G do
    gates[g] = table.move(all, (g - 1) * p.H + 1, g * p.H, 1, {})
  end
  return gates
end

---c as tanh sees it.
local function normal_c(c, p)
  if not p.w_norm then return c end
  local out, at = recurrent.normal(c), 2 * p.G * p.H
  for j, v in ipairs(out) do
    out[j] = v * p.w_norm[at + j] + p.w_norm[at + p.H + j]
  end
  return out
end

local function row(x, h, c, p)
  local args, H = p.args, p.H
  local gate, gates = recurrent.gate(args), gate_inputs(x, h, p)
  local peep = p.w_peep
  local at_o = args.coupled and H or 2 * H
  local fresh, next_c, o, out = {}, {}, {}, {}
  for j = 1, H do
    local i = gate(gates[1][j] + (peep and peep[j] * c[j] or 0))
    local f = args.coupled and 1 - i or
              gate(gates[2][j] + (peep and peep[H + j] * c[j] or 0))
    fresh[j] = f * c[j] + i * recurrent.tanh(gates[p.G - 1][j])
    next_c[j] = recurrent.zone(args.zoneout_c, c[j], fresh[j])
    o[j] = gate(gates[p.G][j] + (peep and peep[at_o + j] * next_c[j] or 0))
  end
  fresh = normal_c(fresh, p)
  for j = 1, H do out[j] = o[j] * recurrent.tanh(fresh[j]) end
  if p.w_hr then return recurrent.product(p.w_hr, out), next_c end
  for j = 1, H do out[j] = recurrent.zone(args.zoneout, h[j], out[j]) end
  return out, next_c
end

local kind = {
  cell = true, row = row,
  gates = function(args) return args.coupled and 3 or 4 end,
  more = function(rand, args)
    if rand:chance(0.3) then args.coupled = true end
    if rand:chance(0.3) then args.gate_activation = "hard_sigmoid" end
    if rand:chance(0.3) then args.zoneout_c = rand:pick {0, 0.4, 1} end
  end,
}

return {
  cases = recurrent.cases(kind),
  large = recurrent.large(kind, {
    {args = {}, inputs = {"w_peep"}}, {args = {}, inputs = {"w_norm"}},
    {args = {zoneout = 0.2, zoneout_c = 0.3, gate_activation = "hard_sigmoid"}},
    {args = {}, inputs = {"w_hr"}},
    {args = {coupled = true, recompute = true},
     inputs = {"w_norm", "w_hr", "w_peep"}},
  }),
  reference = recurrent.reference(kind), taped = true,
  options = {"lengths", "reverse", "precision", "recompute", "zoneout",
             "gate_activation", "coupled", "zoneout_c"},
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
    {"op.lstm(zeros{3, 2, 4}, zeros{15, 4}, zeros{15, 5}, nil, nil, nil, " ..
     "nil, zeros{3, 5}, {coupled = true})",
     "lstm: 'w_peep' must be (2, 5), got (3, 5)"},
    {"op.lstm(zeros{3, 2, 4}, zeros{20, 4}, zeros{20, 5}, nil, nil, nil, " ..
     "nil, nil, zeros{8, 5})",
     "lstm: 'w_norm' must be (10, 5), got (8, 5)"},
    {"op.lstm(zeros{3, 2, 4}, zeros{20, 4}, zeros{20, 2})",
     "lstm: 'w_hh' must be (4H, H), got (20, 2)"},
    {"op.lstm(zeros{3, 2, 4}, zeros{20, 4}, zeros{20, 2}, nil, nil, nil, " ..
     "nil, nil, nil, zeros{5, 2})",
     "lstm: 'w_hr' must be (2, 5), got (5, 2)"},
    {"op.lstm(zeros{3, 2, 4}, zeros{0, 4}, zeros{0, 2}, nil, nil, nil, " ..
     "nil, nil, nil, zeros{2, 0})",
     "lstm: 'w_hh' must be (4H, S) with H, S >= 1, got (0, 2)"},
    {"op.lstm(zeros{3, 2, 4}, zeros{20, 4}, zeros{20, 0}, nil, nil, nil, " ..
     "nil, nil, nil, zeros{0, 5})",
     "lstm: 'w_hh' must be (4H, S) with H, S >= 1, got (20, 0)"},
    {"op.lstm(zeros{3, 2, 4}, zeros{20, 4}, zeros{20, 2}, nil, nil, nil, " ..
     "nil, nil, nil, zeros{2, 5}, {zoneout = 0.5})",
     "lstm: 'zoneout' is not for a projected state; use 'zoneout_c'"},
    {"op.lstm(zeros{3, 2, 4}, zeros{20, 4}, zeros{20, 5}, {zoneout = 1.5})",
     "lstm: 'zoneout' must be from 0 to 1, got 1.5"},
    {"op.lstm(zeros{3, 2, 4}, zeros{20, 4}, zeros{20, 5}, {zoneout_c = -1})",
     "lstm: 'zoneout_c' must be from 0 to 1, got -1"},
    {"op.lstm(zeros{3, 2, 4}, zeros{20, 4}, zeros{20, 5}, " ..
     "{gate_activation = 'step'})",
     "lstm: 'gate_activation' must be one of sigmoid|hard_sigmoid, got " ..
     "'step'"},
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
     "precision, recompute, zoneout, gate_activation, coupled, zoneout_c)"},
    {"op.lstm(zeros{3, 2, 4}, zeros({20, 4}, 'float64'), zeros{20, 5})",
     "lstm: 'w_ih' must be float32 like the others, got float64"},
  },
}
