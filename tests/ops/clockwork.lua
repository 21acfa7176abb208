-- clockwork: an Elman network of modules that run at periods of their own

local array = require "tests.array"
local assert = require "luassert"
local recurrent = require "tests.recurrent"

local LISTS = {{1}, {1, 2}, {1, 2, 4}, {2, 3}, {3}, {2, 4, 8}, {1, 3, 4, 6},
               {1, 50}}

local function new_case(rand, sizes, args, given, range)
  local T, N, D, H = table.unpack(sizes)
  local inputs, grad = {n = 6}, {}
  for i, shape in ipairs {{T, N, D}, {H, D}, {H, H}, {H}, {H}, {N, H}} do
    if i <= 3 or given(i) then
      inputs[i] = array.random(rand, shape, -range, range)
      grad[#grad + 1] = i
    end
  end
  return {inputs = inputs, args = args, grad = grad}
end

---Sizes {T, N, D, units of a module}: every kind of empty one, then others.
local function sizes(rand)
  local list = {{1, 1, 1, 1}, {0, 2, 2, 2}, {2, 0, 2, 2}, {2, 2, 0, 2},
                {2, 2, 2, 0}, {3, 1, 2, 1}, {1, 3, 1, 2}}
  while #list < 40 do
    list[#list + 1] = {rand:int(1, 9), rand:int(1, 3), rand:int(1, 3),
                       rand:int(1, 2)}
  end
  return list
end

local function cases(rand)
  local list = {}
  for _, s in ipairs(sizes(rand)) do
    local args = {periods = rand:pick(LISTS)}
    if rand:chance(0.5) then args.start = rand:int(0, 13) end
    if rand:chance(0.4) then args.reverse = rand:chance(0.9) end
    if rand:chance(0.3) then args.nonlinearity = rand:pick {"tanh", "relu"} end
    if rand:chance(0.4) then
      args.lengths = {}
      for n = 1, s[2] do args.lengths[n] = rand:int(0, s[1]) end
    end
    s[4] = s[4] * #args.periods
    list[#list + 1] = new_case(rand, s, args,
                               function() return rand:chance(0.7) end, 1)
  end
  return list
end

---More rows than a worker takes, and long gaps between runs.
local function large(rand)
  local function all() return true end
  return {
    new_case(rand, {35, 37, 9, 40}, {periods = {1, 2, 4, 8}}, all, 0.3),
    new_case(rand, {50, 3, 17, 36}, {periods = {2, 3, 16, 49}, start = 5,
                                     reverse = true}, all, 0.3),
  }
end

---Elements of row n of the state from unit 'from' on, times row j of w.
local function product(w, j, v, row, from)
  local n, sum = w.shape[2], 0.0
  for u = from, n do sum = sum + w[(j - 1) * n + u] * v[(row - 1) * n + u] end
  return sum
end

local function reference(x, w_ih, w_hh, b_ih, b_hh, h0, args)
  local T, N = x.shape[1], x.shape[2]
  local H = w_hh.shape[1]
  local units = H // #args.periods
  local y = array.new({T, N, H}, 0.0)
  local h = h0 and array.map(h0, function(v) return v end) or
            array.new({N, H}, 0.0)
  local function step(t, n, count)
    local new = {}
    for j = 1, H do
      local module = (j - 1) // units
      new[j] = h[(n - 1) * H + j]
      if count % args.periods[module + 1] == 0 then
        local a = product(w_ih, j, x, (t - 1) * N + n, 1) +
                  product(w_hh, j, h, n, module * units + 1) +
                  (b_ih and b_ih[j] or 0) + (b_hh and b_hh[j] or 0)
        new[j] = args.nonlinearity == "relu" and math.max(a, 0) or
                 args.nonlinearity ~= "relu" and recurrent.tanh(a) or 0
      end
    end
    for j = 1, H do
      h[(n - 1) * H + j] = new[j]
      y[((t - 1) * N + n - 1) * H + j] = new[j]
    end
  end
  for i = 1, T do
    local t = args.reverse and T + 1 - i or i
    for n = 1, N do
      if t <= (args.lengths and args.lengths[n] or T) then
        step(t, n, (args.start or 0) + i - 1)
      end
    end
  end
  return y, h
end

---y and the gradients of all inputs, as arrays.
local function results(rnn, N)
  rnn.seed(4)
  local list = {rnn.randn {12, N, 24}, rnn.uniform({128, 24}, -0.2, 0.2),
                rnn.uniform({128, 128}, -0.2, 0.2), rnn.uniform({128}, -1, 1),
                rnn.uniform({128}, -1, 1), rnn.randn {N, 128}}
  for _, t in ipairs(list) do rnn.param(t) end
  local tape <close> = rnn.tape()
  local y = rnn.op.clockwork(list[1], list[2], list[3], list[4], list[5],
                             list[6], {periods = {1, 2, 4, 8}})
  tape:backward(y:sum())
  local arrays = {array.of(y)}
  for i, t in ipairs(list) do arrays[i + 1] = array.of(t.grad) end
  return arrays
end

local function zeros(rest)
  return "op.clockwork(zeros{3, 2, 4}, zeros{6, 4}, zeros{6, 6}" .. rest .. ")"
end

return {
  cases = cases, large = large, reference = reference,
  options = {"periods", "lengths", "reverse", "nonlinearity", "start"},
  extra = {
    ["gives the same bits for any number of threads"] = function(rnn)
      local before = rnn.threads()
      for _, N in ipairs {3, 37, 300} do
        local want
        for _, threads in ipairs {1, 2, 4} do
          rnn.threads(threads)
          local got = results(rnn, N)
          want = want or got
          for i, a in ipairs(want) do
            local ok, why = array.compare(got[i], a, 0)
            assert.is_true(ok, why)
          end
        end
      end
      rnn.threads(before)
    end,
    ["never reads below the block diagonal of w_hh"] = function(rnn)
      local w = rnn.param(rnn.zeros {4, 4})
      w:copy(rnn.tensor {{0.1, 0.2, 0.3, 0.4}, {0.4, 0.3, 0.2, 0.1},
                         {0 / 0, 0 / 0, 0.1, 0.2}, {0 / 0, 0 / 0, 0.2, 0.3}})
      local tape <close> = rnn.tape()
      local y = rnn.op.clockwork(rnn.ones {3, 2, 1}, rnn.ones {4, 1} * 0.1, w,
                                 {periods = {1, 2}})
      tape:backward(y:sum())
      assert.is_true(y:sum():item() > 0)
      for row, list in ipairs(w.grad:totable()) do
        for column, g in ipairs(list) do
          assert.equal(row <= 2 or column > 2, g ~= 0)
        end
      end
    end,
    ["of one module with period 1 is rnn"] = function(rnn)
      local list = {rnn.randn {5, 3, 4}, rnn.randn {6, 4}, rnn.randn {6, 6}}
      local got = rnn.op.clockwork(list[1], list[2], list[3], {periods = {1}})
      local want = rnn.op.rnn(list[1], list[2], list[3])
      local ok, why = array.compare(array.of(got), array.of(want), 1e-5)
      assert.is_true(ok, why)
    end,
  },
  errors = {
    {zeros "",
     "clockwork: 'periods' must be 1 to 64 integers, got 0"},
    {zeros ", {periods = {}}",
     "clockwork: 'periods' must be 1 to 64 integers, got 0"},
    {zeros ", {periods = 2}",
     "clockwork: 'periods' must be a table of integers, got number"},
    {zeros ", {periods = {1, 2.5}}",
     "clockwork: 'periods' must be an integer, got 2.5"},
    {zeros ", {periods = {0, 1}}",
     "clockwork: 'periods' must grow, from 1 or more, got 0 after 0"},
    {zeros ", {periods = {1, 4, 4}}",
     "clockwork: 'periods' must grow, from 1 or more, got 4 after 4"},
    {zeros ", {periods = {1, 2, 4, 8}}",
     "clockwork: 4 'periods' do not divide the 6 units of 'w_hh' into " ..
     "modules of one size"},
    {zeros ", {periods = {1}, start = -1}",
     "clockwork: 'start' must be at least 0, got -1"},
    {zeros ", {periods = {1}, lengths = {3}}",
     "clockwork: 'lengths' must have one integer for each of 2 rows, got 1"},
    {zeros ", {periods = {1}, lengths = {3, 4}}",
     "clockwork: 'lengths' must be 0 to 3, got 4 for row 2"},
    {zeros ", {periods = {1}, nonlinearity = 'sin'}",
     "clockwork: 'nonlinearity' must be one of tanh|relu, got 'sin'"},
    {zeros ", {periods = {1}, length = {1}}",
     "clockwork: unknown option 'length' (it has: periods, lengths, " ..
     "reverse, nonlinearity, start)"},
    {zeros ", nil, nil, zeros{2, 5}, {periods = {1}}",
     "clockwork: 'h0' must be (2, 6), got (2, 5)"},
    {zeros ", zeros{5}, {periods = {1}}",
     "clockwork: 'b_ih' must be (6), got (5)"},
    {"op.clockwork(zeros{3, 4}, zeros{6, 4}, zeros{6, 6}, {periods = {1}})",
     "clockwork: 'x' must be (T, N, D), got (3, 4)"},
    {"op.clockwork(zeros{3, 1, 4}, zeros{6, 4}, zeros{6, 5}, {periods = {1}})",
     "clockwork: 'w_hh' must be (H, H), got (6, 5)"},
    {"op.clockwork(zeros{3, 1, 4}, zeros{6, 5}, zeros{6, 6}, {periods = {1}})",
     "clockwork: 'w_ih' must be (6, 4), got (6, 5)"},
  },
}
