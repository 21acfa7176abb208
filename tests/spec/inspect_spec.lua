---rnn.inspect: dL/dh_t against products of Jacobians and finite differences,
---unrolled layers against those they stand for, tables and plots.
local rnn = require "rnn"
local inspect = require "rnn.inspect"
local array = require "tests.array"
local new_random = require "tests.random"
local assert_raises = require("tests.raises").exactly
local sandbox = require "tests.sandbox"

teardown(sandbox.remove)

local old = rnn.default_dtype()
setup(function() rnn.default_dtype "float64" end)
teardown(function() rnn.default_dtype(old) end)

local function random(rand, shape)
  return array.tensor(rnn, array.random(rand, shape, -1, 1), "float64")
end

local function assert_same(a, b, tolerance)
  local ok, why = array.compare(array.of(a), array.of(b), tolerance or 1e-13)
  assert.is_true(ok, why)
end

local function assert_near(want, got)
  assert.near(want, got, 1e-9 * math.max(1e-3, math.abs(want)))
end

---The flow of a loss of y, the outputs of an unrolled layer.
local function flow_of(layer, loss_of, ...)
  local tape <close> = rnn.tape()
  return inspect.gradient_flow(tape, loss_of(inspect.unroll(tape, layer)(...)))
end

describe("gradient_flow", function()
  local rand = new_random(9)

  it("is the product of Jacobians of an Elman net", function()
    local T, N, H = 6, 2, 3
    local net, x = rnn.RNN(2, H), random(rand, {T, N, 2})
    local y, w = net(x), random(rand, {N, H})
    local flow = flow_of(net, function(h) return (h[T] * w):sum() end, x)
    -- dL/dh_(t-1) = W' diag(1 - h_t^2) dL/dh_t, for all rows at once
    local g = w
    for t = T, 1, -1 do
      assert_near((g * g):sum():sqrt():item(), flow.layers[1][t])
      g = (g * (1 - y[t] * y[t])):matmul(net.weight_hh_l0)
    end
    assert.equal(T, flow.T)
    assert.equal(T, #flow.layers[1])
    assert.equal("l0", flow.layers[1].name)
  end)

  for _, name in ipairs {"RNN", "LSTM", "GRU"} do
    it("is what the loss changes by when a state of " .. name .. " does",
       function()
      local T, N, H, eps = 4, 3, 2, 1e-5
      local lengths = {4, 2, 3}
      local cell = rnn[name .. "Cell"](2, H)
      local x = random(rand, {T, N, 2})
      ---The sum of squares of all outputs; state 'at' is moved by 'by'.
      local function loss_of(mark, at, by)
        local t = 0
        local y = rnn.scan(function(xt, state)
          t = t + 1
          local _, new = cell(xt, state)
          new.h = mark(t == at and new.h + by or new.h)
          return new.h, new
        end, x, nil, {lengths = lengths})
        return (y * y):sum()
      end
      local function same(h) return h end
      local flow
      do
        local tape <close> = rnn.tape()
        flow = inspect.gradient_flow(tape, loss_of(function(h)
          return inspect.mark(tape, "cell", h)
        end))
      end
      assert.equal("cell", flow.layers[1].name)
      for t = 1, T do
        local sum = 0
        for k = 0, N * H - 1 do
          local by = rnn.zeros {N, H}
          by[k // H + 1][k % H + 1]:fill(eps)
          sum = sum + ((loss_of(same, t, by) - loss_of(same, t, -by)):item() /
                       (2 * eps)) ^ 2
        end
        assert.near(math.sqrt(sum), flow.layers[1][t], 1e-7)
      end
      -- and the layer with these weights has the same flow
      local layer = rnn[name](2, H)
      for _, p in ipairs {"weight_ih", "weight_hh", "bias_ih", "bias_hh"} do
        layer[p .. "_l0"]:copy(cell[p])
      end
      local same_flow = flow_of(layer, function(y) return (y * y):sum() end,
                                x, nil, lengths)
      for t = 1, T do
        assert_near(flow.layers[1][t], same_flow.layers[1][t])
      end
    end)
  end

  it("of every layer and direction comes from above, too", function()
    local T = 3
    local net = rnn.GRU(2, 2, {num_layers = 2, residual = true})
    local x = random(rand, {T, 2, 2})
    local flow = flow_of(net, function(y) return y[T]:sum() end, x)
    assert.same({"l0", "l1"}, {flow.layers[1].name, flow.layers[2].name})
    assert_near(2, flow.layers[2][T])            -- 4 ones: norm 2
    assert.is_true(flow.layers[1][T] > 1)        -- the residual path has 1
    local both = rnn.LSTM(2, 2, {bidirectional = true})
    flow = flow_of(both, function(y) return y[1]:sum() end, x)
    assert.equal("l0_reverse", flow.layers[2].name)
    assert_near(2, flow.layers[1][1])
    assert.equal(0, flow.layers[1][2])
    assert_near(2, flow.layers[2][1])
    assert.is_true(flow.layers[2][3] > 0)
  end)

  it("gives parameters their gradients, and is that of one loss", function()
    local net, x = rnn.RNN(2, 3), random(rand, {4, 2, 2})
    local params = rnn.parameters(net)
    local want = {}
    do
      local tape <close> = rnn.tape()
      tape:backward((net(x)):sum())
      for i, p in ipairs(params) do want[i] = p.grad:clone() end
      for _, p in ipairs(params) do p.grad:fill(0) end
    end
    local tape <close> = rnn.tape()
    local loss = (inspect.unroll(tape, net)(x)):sum()
    local first = inspect.gradient_flow(tape, loss)
    for i, p in ipairs(params) do assert_same(want[i], p.grad) end
    assert.same(first, inspect.gradient_flow(tape, loss))
  end)

  it("of several calls goes on; far below the square root of the least number",
     function()
    local net = rnn.RNN(1, 1)
    net.weight_hh_l0:fill(1e-30)
    local tape <close> = rnn.tape()
    local step = inspect.unroll(tape, net)
    local y, state = nil, nil
    for _ = 1, 9 do y, state = step(rnn.zeros {1, 1, 1}, state) end
    local flow = inspect.gradient_flow(tape, y:sum())
    assert.equal(9, flow.T)
    assert.is_true(flow.layers[1][1] > 1e-250)
    assert.is_true(flow.layers[1][1] < 1e-230)
  end)

  it("says what is wrong", function()
    local tape = rnn.tape()
    local x = rnn.param(rnn.ones {1})
    assert_raises("gradient_flow: no state was marked under this tape; call " ..
                  "the layers of rnn.inspect.unroll(tape, model), or mark " ..
                  "those of a cell by rnn.inspect.mark(tape, name, h)",
                  inspect.gradient_flow, tape, x * 2)
    assert_raises("gradient_flow: the first argument must be a tape, got a " ..
                  "tensor", inspect.gradient_flow, x, x)
    assert_raises("mark: h must be a tensor, got a nil", inspect.mark, tape,
                  "h")
    assert_raises("unroll: the model must be a table, got a number",
                  inspect.unroll, tape, 3)
    tape:close()
    assert_raises("unroll: the tape is closed", inspect.unroll, tape, {})
  end)
end)

describe("an unrolled model", function()
  local rand = new_random(4)

  for _, name in ipairs {"RNN", "LSTM", "GRU"} do
    it("computes what it stands for: " .. name, function()
      local model = {
        rnn[name](3, 4, {num_layers = 2, bidirectional = true, dropout = 0.3,
                         weight_drop = 0.2, learned_state = true}),
        rnn.Linear(8, 2),
      }
      local x = random(rand, {5, 3, 3})
      local function run(m)
        rnn.seed(2)
        local h, state = m[1](x, nil, {5, 2, 0})
        return m[2](h), state
      end
      local want, last = run(model)
      local tape <close> = rnn.tape()
      local taped, taped_last = run(model)
      local got, got_last = run(inspect.unroll(tape, model))
      assert_same(taped, got)
      assert.not_same(array.of(want), array.of(taped))
      for part in pairs(last) do
        assert_same(taped_last[part], got_last[part])
      end
      local flow = inspect.gradient_flow(tape, got:sum())
      assert.equal("1.l1_reverse", flow.layers[4].name)
    end)
  end

  it("is a copy, but for the parameters", function()
    local model = {deep = {lstm = rnn.LSTM(2, 2)}, out = rnn.Linear(2, 2)}
    model.same, model.self = model.deep, model
    local tape <close> = rnn.tape()
    local net = inspect.unroll(tape, model)
    assert.equal(net, net.self)
    assert.equal(net.deep, net.same)
    assert.equal(model.out, net.out)
    assert.not_equal(model.deep.lstm, net.deep.lstm)
    assert.equal(model.deep.lstm.weight_hh_l0, net.deep.lstm.weight_hh_l0)
  end)
end)

describe("flows", function()
  local function flow(name, ...)
    return {name = name, T = select("#", ...), layers = {{name = "l0", ...}}}
  end

  it("make a table", function()
    local one = flow("one", 1e-20, 2, 3, 4, 5, 6, 7, 100)
    local two = flow("a longer name", 4, 2)
    two.layers[2] = {name = "l1", 0, 0}
    assert.equal(table.concat({
      "|dL/dh_t|              t=8       t=6       t=4       t=2       t=1" ..
      "  first/last",
      "one               1.00e+02  6.00e+00  4.00e+00  2.00e+00  1.00e-20" ..
      "     1.0e-22",
      "a longer name l0         -         -         -  2.00e+00  4.00e+00" ..
      "     2.0e+00",
      "a longer name l1         -         -         -  0.00e+00  0.00e+00" ..
      "           -"}, "\n"), inspect.table {one, two})
    local net = rnn.RNN(1, 1)
    local text = tostring(flow_of(net, function(y) return y:sum() end,
                                  rnn.ones {1, 1, 1}))
    assert.truthy(text:find "^|dL/dh_t|       t=1  first/last\nl0 +1.00e%+00")
  end)

  it("are drawn, zeros as gaps", function()
    local path = sandbox.dir .. "/flow.svg"
    local ok, wrong = rnn.plot.gradient_flow(path, {flow("a", 1, 0, 1e-9)})
    if os.execute "command -v gnuplot >/dev/null 2>&1" then
      assert(ok, wrong)
      assert.truthy(sandbox.read(path):find("dL/dh_t", 1, true))
    else
      assert.truthy(wrong:find("gnuplot-nox", 1, true))
      assert.equal("line,step t,|dL/dh_t|\na,1,1\na,2,0\na,3,1e-09\n",
                   sandbox.read(sandbox.dir .. "/flow.csv"))
    end
    local _, _, code = rnn.plot.gradient_flow("flow.gif", {flow("a", 1)})
    assert.equal("ENAME", code)
    assert_raises("gradient_flow: unknown option 'titel' (it has: title)",
                  rnn.plot.gradient_flow, path, {}, {titel = "a"})
  end)
end)
