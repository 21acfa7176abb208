-- attention: means of values, weighted by the softmax of scores of keys:
-- scale q k', or scale w tanh(q + k)

local assert = require "luassert"
local array = require "tests.array"
local gradcheck = require "tests.gradcheck"
local new_random = require "tests.random"

---Sizes {T, N, S, heads, d, dv} and what the case has of w, mask, lengths.
local function new_case(rand, size, has)
  local T, N, S, H, d, dv = table.unpack(size)
  local mask = has.mask and array.new({T, S}, function()
    return rand:chance(0.3) and 1 or 0
  end)
  local args = {heads = H > 1 and H or nil, causal = has.causal,
                scale = has.scale, weights = has.weights}
  if has.lengths then
    args.lengths = {}
    for n = 1, N do args.lengths[n] = rand:int(0, S) end
  end
  local inputs = {n = 5, array.random(rand, {T, N, H * d}),
                  array.random(rand, {S, N, H * d}),
                  array.random(rand, {S, N, H * dv}),
                  has.w and array.random(rand, {H * d}) or nil, mask or nil}
  return {inputs = inputs, args = args,
          grad = has.w and {1, 2, 3, 4} or {1, 2, 3}}
end

local SIZES = {{1, 1, 1, 1, 1, 1}, {0, 2, 3, 1, 2, 2}, {2, 0, 3, 2, 1, 2},
               {2, 2, 0, 1, 2, 2}, {2, 1, 3, 1, 0, 2}, {2, 1, 3, 1, 2, 0},
               {1, 3, 4, 1, 2, 3}, {3, 1, 3, 2, 1, 1}}

local function cases(rand)
  local list = {}
  for i = 1, 40 do
    local T, S = rand:int(1, 4), rand:int(1, 4)
    local size = SIZES[i] or {math.min(T, S), rand:int(1, 3), S,
                              rand:int(1, 3), rand:int(1, 3), rand:int(1, 3)}
    list[i] = new_case(rand, size, {
      w = i % 3 == 0, mask = i % 5 == 1, weights = i % 2 == 0 or nil,
      lengths = i % 4 == 2 and size[2] > 0,
      causal = i % 7 > 4 and size[1] <= size[3] or nil,
      scale = i % 4 == 3 and 0.75 or nil})
  end
  return list
end

local function large(rand)
  return {
    new_case(rand, {70, 2, 90, 2, 9, 7}, {weights = true, causal = true}),
    new_case(rand, {130, 1, 130, 1, 33, 33}, {lengths = true}),
    new_case(rand, {66, 3, 40, 2, 5, 6}, {w = true, lengths = true,
                                          mask = true}),
    new_case(rand, {3, 2, 4, 2, 600, 3}, {w = true}),   -- several buffers
  }
end

---The score of one key for one query of a head.
local function score(q, k, w, from_q, from_k, from_w, d)
  local sum = 0.0
  for i = 1, d do
    local a, b = q[from_q + i], k[from_k + i]
    if w then
      local e = math.exp(2 * (a + b))
      sum = sum + w[from_w + i] * (e - 1) / (e + 1)
    else
      sum = sum + a * b
    end
  end
  return sum
end

local function reference(q, k, v, w, mask, args)
  local T, N, E = table.unpack(q.shape)
  local S, F, H = k.shape[1], v.shape[3], args.heads or 1
  local d, dv = E // H, F // H
  local scale = args.scale or w and 1 or 1 / math.sqrt(math.max(d, 1))
  local y = array.new({T, N, F}, 0.0)
  local weights = array.new({N, H, T, S}, 0.0)

  local function seen(t, n, s)
    return s <= (args.lengths and args.lengths[n] or S) and
           (not args.causal or s <= t + S - T) and
           not (mask and mask[(t - 1) * S + s] ~= 0)
  end

  local function query(t, n, h)
    local p, sum = {}, 0.0
    for s = 1, S do
      p[s] = seen(t, n, s) and math.exp(scale * score(
        q, k, w, ((t - 1) * N + n - 1) * E + (h - 1) * d,
        ((s - 1) * N + n - 1) * E + (h - 1) * d, (h - 1) * d, d)) or 0.0
      sum = sum + p[s]
    end
    for s = 1, S do
      local share = sum > 0 and p[s] / sum or 0.0
      weights[(((n - 1) * H + h - 1) * T + t - 1) * S + s] = share
      for i = (h - 1) * dv + 1, h * dv do
        local at = ((t - 1) * N + n - 1) * F + i
        y[at] = y[at] + share * v[((s - 1) * N + n - 1) * F + i]
      end
    end
  end

  for t = 1, T do
    for n = 1, N do
      for h = 1, H do query(t, n, h) end
    end
  end
  return y, args.weights and weights or {shape = {0}}
end

---q, k, v of random numbers as parameters.
local function parameters(rnn, rand, T, N, S, E)
  local list = {}
  for i, steps in ipairs {T, S, S} do
    list[i] = rnn.param(array.tensor(rnn, array.random(rand, {steps, N, E}),
                                     "float64"))
  end
  return list
end

return {
  cases = cases, large = large, reference = reference,
  options = {"heads", "lengths", "causal", "scale", "dropout", "weights"},
  errors = {
    {"op.attention(zeros{3, 4}, zeros{3, 4}, zeros{3, 4})",
     "attention: 'q' must be (T, N, E), got (3, 4)"},
    {"op.attention(zeros{3, 2, 4}, zeros{5, 2, 3}, zeros{5, 2, 4})",
     "attention: 'k' must be (5, 2, 4), got (5, 2, 3)"},
    {"op.attention(zeros{3, 2, 4}, zeros{5, 2, 4}, zeros{4, 2, 4})",
     "attention: 'v' must be (5, 2, 4), got (4, 2, 4)"},
    {"op.attention(zeros{3, 2, 4}, zeros{5, 2, 4}, zeros{5, 2, 4}, zeros{3})",
     "attention: 'w' must be (4), got (3)"},
    {"op.attention(zeros{3, 2, 4}, zeros{5, 2, 4}, zeros{5, 2, 4}, nil, " ..
     "zeros{3, 4})", "attention: 'mask' must be (3, 5), got (3, 4)"},
    {"op.attention(zeros{3, 2, 4}, zeros{5, 2, 4}, zeros{5, 2, 4}, " ..
     "{heads = 3})", "attention: 'heads' must divide the features of q, 4, " ..
     "and of v, 4; got 3"},
    {"op.attention(zeros{3, 2, 4}, zeros{5, 2, 4}, zeros{5, 2, 4}, " ..
     "{heads = 0})", "attention: 'heads' must divide the features of q, 4, " ..
     "and of v, 4; got 0"},
    {"op.attention(zeros{3, 2, 4}, zeros{2, 2, 4}, zeros{2, 2, 4}, " ..
     "{causal = true})", "attention: causal: the last query sees the last " ..
     "key, so 3 queries need as many keys, got 2"},
    {"op.attention(zeros{3, 2, 4}, zeros{5, 2, 4}, zeros{5, 2, 4}, " ..
     "{lengths = {5, 6}})",
     "attention: 'lengths' must be 0 to 5, got 6 for row 2"},
    {"op.attention(zeros{3, 2, 4}, zeros{5, 2, 4}, zeros{5, 2, 4}, " ..
     "{dropout = 2})", "attention: 'dropout' must be from 0 to 1, got 2"},
  },
  extra = {
    ["drops with the right gradient"] = function(rnn)
      for _, T in ipairs {3, 70} do
        local list = parameters(rnn, new_random(3), T, 2, T + 1, 4)
        local ok, why = gradcheck.check {
          f = function()
            return rnn.op.attention(list[1], list[2], list[3],
                                    {heads = 2, dropout = 0.4})
          end,
          params = list, seed = 5, taped = true, sample = 6}
        assert.is_true(ok, why)
      end
    end,
    ["drops its share and keeps the mean, under a tape only"] = function(rnn)
      local q, k = rnn.zeros {100, 2, 1}, rnn.zeros {500, 2, 1}
      local v = rnn.ones {500, 2, 1}
      local function mean()
        return rnn.op.attention(q, k, v, {dropout = 0.3}):mean():item()
      end
      assert.near(1, mean(), 1e-5)
      local _ <close> = rnn.tape()
      local m = mean()
      assert.is_true(m ~= 1 and math.abs(m - 1) < 0.02, "mean " .. m)
    end,
    ["gives the same bits for any number of threads"] = function(rnn)
      local before = rnn.threads()
      local function run(threads)
        rnn.threads(threads)
        rnn.seed(1)
        local list = parameters(rnn, new_random(3), 70, 3, 80, 6)
        local tape <close> = rnn.tape()
        local y = rnn.op.attention(list[1], list[2], list[3],
                                   {heads = 3, dropout = 0.4})
        tape:backward((y * y):sum())
        return {y:totable(), list[1].grad:totable(), list[3].grad:totable()}
      end
      local one, three = run(1), run(3)
      rnn.threads(before)
      assert.same(one, three)
    end,
    ["does not hide a score that is not a number"] = function(rnn)
      local nan = rnn.full({1, 1, 1}, 0 / 0)
      local y = rnn.op.attention(nan, rnn.ones {2, 1, 1}, rnn.ones {2, 1, 1})
      assert.is_true(y:item() ~= y:item())
    end,
  },
}
