-- Cases and naive reference of the ops over whole sequences: rnn, lstm, gru.
-- An op says how many gates it has and what a row of units does with them.

local array = require "tests.array"

local recurrent = {}

function recurrent.sigmoid(x)
  return 1 / (1 + math.exp(-x))
end

function recurrent.tanh(x)
  local up, down = math.exp(x), math.exp(-x)
  return (up - down) / (up + down)
end

---The function of gates that 'args' ask for.
function recurrent.gate(args)
  if args.gate_activation ~= "hard_sigmoid" then return recurrent.sigmoid end
  return function(x) return math.min(1, math.max(0, x / 6 + 0.5)) end
end

---What zoneout gives on the average.
function recurrent.zone(p, old, new)
  return p and p * old + (1 - p) * new or new
end

---list (1..n) with mean 0 and variance 1.
function recurrent.normal(list)
  local mean, square = 0, 0
  for _, v in ipairs(list) do mean = mean + v / #list end
  for _, v in ipairs(list) do square = square + (v - mean) ^ 2 / #list end
  local out = {}
  for k, v in ipairs(list) do out[k] = (v - mean) / math.sqrt(square + 1e-5) end
  return out
end

---Rows 'from' to 'to' of matrix w times a list.
function recurrent.product(w, v, from, to)
  local n, out = w.shape[2], {}
  for g = from or 1, to or w.shape[1] do
    local sum = 0.0
    for k = 1, n do sum = sum + w[(g - 1) * n + k] * v[k] end
    out[#out + 1] = sum
  end
  return out
end

---a + b for lists, b may be nil.
function recurrent.plus(a, b)
  local out = {}
  for k, v in ipairs(a) do out[k] = v + (b and b[k] or 0) end
  return out
end

local NAMES = {"x", "w_ih", "w_hh", "b_ih", "b_hh", "h0", "c0", "w_peep",
               "w_norm", "w_hr"}

---@class tests.RecurrentKind
---@field gates fun(args: table): integer
---@field cell boolean whether there are inputs for c and its options
---@field row fun(x: number[], h: number[], c: number[]?, p: table):
---number[], number[]? a step of one row: p has the inputs by name, args, H, G
---@field more fun(rand, args) adds options of the op's own

---The reference of an op.
---@param kind tests.RecurrentKind
function recurrent.reference(kind)
  return function(...)
    local list, p = {...}, {}
    local n = kind.cell and 10 or 6
    for i = 1, n do p[NAMES[i]] = list[i] end
    p.args = list[n + 1]
    local T, N, D = table.unpack(p.x.shape)
    p.G = kind.gates(p.args)
    p.H = p.w_hh.shape[1] // p.G
    local S = p.w_hh.shape[2]
    local y = array.new({T, N, S}, 0.0)
    local hn, cn = array.new({N, S}, 0.0), array.new({N, p.H}, 0.0)

    local function slice(a, from, count)
      return a and table.move(a, from + 1, from + count, 1, {})
    end

    for r = 1, N do
      local h = slice(p.h0 or hn, (r - 1) * S, S)
      local c = slice(p.c0 or cn, (r - 1) * p.H, p.H)
      local steps = p.args.lengths and p.args.lengths[r] or T
      for i = 1, steps do
        local t = p.args.reverse and steps + 1 - i or i
        local at = (t - 1) * N + r - 1
        h, c = kind.row(slice(p.x, at * D, D), h, c, p)
        table.move(h, 1, S, at * S + 1, y)
      end
      table.move(h, 1, S, (r - 1) * S + 1, hn)
      if kind.cell then table.move(c, 1, p.H, (r - 1) * p.H + 1, cn) end
    end
    return y, hn, kind.cell and cn or nil
  end
end

---Sizes {T, N, D, H}: every kind of empty one, then random ones.
local function sizes(rand, count)
  local list = {{1, 1, 1, 1}, {0, 2, 2, 2}, {2, 0, 2, 2}, {2, 2, 0, 2},
                {2, 2, 2, 0}, {3, 1, 2, 1}, {1, 3, 1, 2}}
  while #list < count do
    list[#list + 1] = {rand:int(1, 4), rand:int(1, 3), rand:int(1, 3),
                       rand:int(1, 3)}
  end
  return list
end

---Shapes of the inputs by name.
local function shapes(kind, args, T, N, D, H, S)
  local G = kind.gates(args)
  return {x = {T, N, D}, w_ih = {G * H, D}, w_hh = {G * H, S},
          b_ih = {G * H}, b_hh = {G * H}, h0 = {N, S}, c0 = {N, H},
          w_peep = {G - 1, H}, w_norm = {2 * G + 2, H}, w_hr = {S, H}}
end

---Chance of an optional input.
local CHANCE = {b_ih = 0.7, b_hh = 0.7, h0 = 0.7, c0 = 0.7, w_peep = 0.3,
                w_norm = 0.3}

---Options of all, of the kind and of one with a state c.
local function random_options(kind, rand, T, N, H)
  local args = {}
  if rand:chance(0.4) then args.reverse = rand:chance(0.9) end
  if rand:chance(0.4) then
    args.lengths = {}
    for n = 1, N do args.lengths[n] = rand:int(0, T) end
  end
  if rand:chance(0.3) then args.zoneout = rand:pick {0, 0.3, 1} end
  if kind.more then kind.more(rand, args) end
  local S = H
  if kind.cell and H > 0 and rand:chance(0.3) then
    S, args.zoneout = rand:int(1, 3), nil
  end
  return args, S
end

---Cases: each optional input there or not, each option too.
---@param kind tests.RecurrentKind
function recurrent.cases(kind)
  return function(rand)
    local list = {}
    for _, s in ipairs(sizes(rand, kind.cell and 48 or 32)) do
      local T, N, D, H = table.unpack(s)
      local args, S = random_options(kind, rand, T, N, H)
      local shape = shapes(kind, args, T, N, D, H, S)
      local inputs, grad = {n = kind.cell and 10 or 6}, {}
      for i = 1, inputs.n do
        local name = NAMES[i]
        local there = rand:chance(CHANCE[name] or 1)
        if name == "w_hr" then there = S ~= H end
        if there then
          inputs[i] = array.random(rand, shape[name], -1, 1)
          grad[#grad + 1] = i
        end
      end
      list[#list + 1] = {inputs = inputs, args = args, grad = grad}
    end
    return list
  end
end

---Cases with more units than a vector holds and more rows than a slice: for
---each table of options one, and 'inputs' beyond the usual ones.
---@param kind tests.RecurrentKind
---@param variants? {args: table, inputs: string[]?}[]
function recurrent.large(kind, variants)
  return function(rand)
    local list = {}
    for _, v in ipairs(variants or {{args = {}}}) do
      for k, s in ipairs {{3, 35, 21, 37}, {5, 2, 40, 66}} do
        local T, N, D, H = table.unpack(s)
        local args = {reverse = k == 2}
        for name, value in pairs(v.args) do args[name] = value end
        local wants = {}
        for _, name in ipairs(v.inputs or {}) do wants[name] = true end
        local S = wants.w_hr and 19 or H
        local shape = shapes(kind, args, T, N, D, H, S)
        local inputs, grad = {n = kind.cell and 10 or 6}, {}
        for j = 1, inputs.n do
          if j <= (kind.cell and 7 or 6) or wants[NAMES[j]] then
            inputs[j] = array.random(rand, shape[NAMES[j]], -0.3, 0.3)
            grad[#grad + 1] = j
          end
        end
        list[#list + 1] = {inputs = inputs, args = args, grad = grad}
      end
    end
    return list
  end
end

return recurrent
