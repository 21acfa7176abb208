-- Cases and naive reference of the ops over whole sequences: rnn, lstm, gru.
-- An op says how many gates it has and what one unit does with them.

local array = require "tests.array"

local recurrent = {}

function recurrent.sigmoid(x)
  return 1 / (1 + math.exp(-x))
end

function recurrent.tanh(x)
  local up, down = math.exp(x), math.exp(-x)
  return (up - down) / (up + down)
end

---Row g of matrix w times the vector that starts after element 'from' of v,
---plus b[g].
local function affine(w, b, g, v, from)
  local n = w.shape[2]
  local sum = b and b[g] or 0.0
  for k = 1, n do sum = sum + w[(g - 1) * n + k] * v[from + k] end
  return sum
end

---The reference of an op. unit(xs, hs, h, c, args, peep) -> h, c gets for one
---unit the gate inputs from x and from h, each a list, its state, and with a
---state c its peepholes if there are any.
function recurrent.reference(gates, cell, unit)
  return function(x, w_ih, w_hh, b_ih, b_hh, h0, c0, peep, args)
    if not cell then c0, peep, args = nil, nil, c0 end
    local T, N, D = table.unpack(x.shape)
    local H = w_hh.shape[2]
    local y = array.new({T, N, H}, 0.0)
    local h = h0 and array.map(h0, function(v) return v end) or
              array.new({N, H}, 0.0)
    local c = c0 and array.map(c0, function(v) return v end) or
              array.new({N, H}, 0.0)

    local function step(t, n)
      local next_h, next_c = {}, {}
      for j = 1, H do
        local xs, hs = {}, {}
        for g = 1, gates do
          local row = (g - 1) * H + j
          xs[g] = affine(w_ih, b_ih, row, x, ((t - 1) * N + n - 1) * D)
          hs[g] = affine(w_hh, b_hh, row, h, (n - 1) * H)
        end
        local at = (n - 1) * H + j
        local p = peep and {peep[j], peep[H + j], peep[2 * H + j]}
        next_h[j], next_c[j] = unit(xs, hs, h[at], c[at], args, p)
      end
      for j = 1, H do
        local at = (n - 1) * H + j
        h[at], c[at] = next_h[j], next_c[j]
        y[((t - 1) * N + n - 1) * H + j] = next_h[j]
      end
    end

    for n = 1, N do
      local steps = args.lengths and args.lengths[n] or T
      for i = 1, steps do step(args.reverse and steps + 1 - i or i, n) end
    end
    return y, h, cell and c or nil
  end
end

---Sizes {T, N, D, H}: every kind of empty one, then random ones.
local function sizes(rand)
  local list = {{1, 1, 1, 1}, {0, 2, 2, 2}, {2, 0, 2, 2}, {2, 2, 0, 2},
                {2, 2, 2, 0}, {3, 1, 2, 1}, {1, 3, 1, 2}}
  while #list < 24 do
    list[#list + 1] = {rand:int(1, 4), rand:int(1, 3), rand:int(1, 3),
                       rand:int(1, 3)}
  end
  return list
end

---Cases: each optional input there or not, each option too.
---@param more? fun(rand, args)  adds options of the op's own
function recurrent.cases(gates, cell, more)
  return function(rand)
    local list = {}
    for _, s in ipairs(sizes(rand)) do
      local T, N, D, H = table.unpack(s)
      local inputs = {n = cell and 8 or 6}
      local function random(i, shape)
        inputs[i] = array.random(rand, shape, -1, 1)
      end
      random(1, {T, N, D})
      random(2, {gates * H, D})
      random(3, {gates * H, H})
      if rand:chance(0.7) then random(4, {gates * H}) end
      if rand:chance(0.7) then random(5, {gates * H}) end
      if rand:chance(0.7) then random(6, {N, H}) end
      if cell and rand:chance(0.7) then random(7, {N, H}) end
      if cell and rand:chance(0.4) then random(8, {3, H}) end
      local grad, args = {}, {}
      for i = 1, inputs.n do
        if inputs[i] then grad[#grad + 1] = i end
      end
      if rand:chance(0.4) then args.reverse = rand:chance(0.9) end
      if rand:chance(0.4) then
        args.lengths = {}
        for n = 1, N do args.lengths[n] = rand:int(0, T) end
      end
      if more then more(rand, args) end
      list[#list + 1] = {inputs = inputs, args = args, grad = grad}
    end
    return list
  end
end

---Cases with more units than a vector holds and more rows than a slice.
function recurrent.large(gates, cell)
  return function(rand)
    local list = {}
    for i, s in ipairs {{3, 35, 21, 37}, {5, 2, 40, 66}} do
      local T, N, D, H = table.unpack(s)
      local inputs, grad = {}, {}
      for k, shape in ipairs {{T, N, D}, {gates * H, D}, {gates * H, H},
                              {gates * H}, {gates * H}, {N, H},
                              cell and {N, H} or nil,
                              cell and {3, H} or nil} do
        inputs[k] = array.random(rand, shape, -0.3, 0.3)
        grad[k] = k
      end
      list[i] = {inputs = inputs, args = {reverse = i == 2}, grad = grad}
    end
    return list
  end
end

return recurrent
