-- Layers: gradients, shapes, state, parameters, messages; and every fused
-- recurrent op against the same cell written step by step from elementary ops.

local rnn = require "rnn"
local array = require "tests.array"
local gradcheck = require "tests.gradcheck"
local new_random = require "tests.random"

---Random float64 tensor in [-1, 1].
local function random(rand, shape)
  return array.tensor(rnn, array.random(rand, shape, -1, 1), "float64")
end

---Fails unless the gradients of a layer and of its inputs are right.
local function check_gradients(what, f, model, inputs, seed, taped)
  local params = rnn.parameters(model)
  for _, t in ipairs(inputs or {}) do params[#params + 1] = rnn.param(t) end
  local ok, why = gradcheck.check {f = f, params = params, seed = seed or 1,
                                   taped = taped}
  assert.is_true(ok, what .. ": " .. tostring(why))
end

local assert_raises = require "tests.raises".exactly

---Every combination of the options of a recurrent layer.
local function option_sets(own)
  local list = {}
  for layers = 1, 2 do
    for _, bidirectional in ipairs {false, true} do
      for _, batch_first in ipairs {false, true} do
        for _, bias in ipairs {true, false} do
          local o = {num_layers = layers, bidirectional = bidirectional,
                     batch_first = batch_first, bias = bias}
          for k, v in pairs(own or {}) do o[k] = v end
          list[#list + 1] = o
        end
      end
    end
  end
  return list
end

local function option_text(name, o)
  local parts = {}
  for k, v in pairs(o) do parts[#parts + 1] = k .. "=" .. tostring(v) end
  table.sort(parts)
  return name .. " " .. table.concat(parts, " ")
end

local old_dtype

describe("layers", function()
  setup(function()
    old_dtype = rnn.default_dtype()
    rnn.default_dtype("float64")
  end)

  teardown(function() rnn.default_dtype(old_dtype) end)

  before_each(function() rnn.seed(1) end)

  describe("Linear", function()
    it("has the right gradients and shape", function()
      local rand = new_random(1)
      for _, bias in ipairs {true, false} do
        local layer = rnn.Linear(3, 2, {bias = bias})
        for _, lead in ipairs {{}, {4}, {2, 3}, {0}} do
          local shape = {table.unpack(lead)}
          shape[#shape + 1] = 3
          local x = random(rand, shape)
          shape[#shape] = 2
          assert.same(shape, layer(x):shape())
          check_gradients("Linear", function() return layer(x) end, layer,
                          {x})
        end
      end
    end)

    it("computes x W' + b", function()
      local layer = rnn.Linear(2, 1)
      layer.weight:copy(rnn.tensor {{2, 3}})
      layer.bias:copy(rnn.tensor {10})
      assert.same({{18.0}}, layer(rnn.tensor {{1, 2}}):totable())
    end)

    it("starts uniform within 1/sqrt(in)", function()
      local layer = rnn.Linear(16, 50)
      local low, high = math.huge, -math.huge
      for _, v in ipairs(array.of(layer.weight)) do
        low, high = math.min(low, v), math.max(high, v)
      end
      assert.is_true(low >= -0.25 and high <= 0.25)
      assert.is_true(low < -0.2 and high > 0.2)
    end)

    it("names what is wrong", function()
      assert_raises("Linear: 'input_size' must be an integer >= 0, got 2.5",
                    rnn.Linear, 2.5, 3)
      assert_raises("Linear: 'output_size' must be an integer >= 0, got nil",
                    rnn.Linear, 2)
      assert_raises("Linear: unknown option 'biass' (it has: bias)",
                    rnn.Linear, 2, 3, {biass = true})
      assert_raises("Linear: option 'bias' must be a boolean, got number",
                    rnn.Linear, 2, 3, {bias = 1})
    end)
  end)

  describe("Embedding", function()
    it("has the right gradients and shape", function()
      local layer = rnn.Embedding(5, 3)
      for _, ids in ipairs {rnn.ids {1, 5, 5}, rnn.ids {{2, 3}, {3, 3}},
                            rnn.zeros({0}, "int32")} do
        local shape = ids:shape()
        shape[#shape + 1] = 3
        assert.same(shape, layer(ids):shape())
        check_gradients("Embedding", function() return layer(ids) end, layer)
      end
    end)

    it("gives the rows of its table", function()
      local layer = rnn.Embedding(4, 2)
      local rows = layer.weight:totable()
      assert.same({rows[4], rows[1]}, layer(rnn.ids {4, 1}):totable())
    end)

    it("refuses ids outside of 1 to V", function()
      local layer = rnn.Embedding(4, 2)
      assert_raises("embedding: 'ids' holds 5 at position 2; ids run from 1 " ..
                    "to 4", layer, rnn.ids {1, 5})
      assert_raises("embedding: 'ids' holds 0 at position 1; ids run from 1 " ..
                    "to 4", layer, rnn.ids {0})
    end)
  end)

  describe("Dropout", function()
    it("does nothing without a tape", function()
      local x = rnn.randn {100}
      assert.same(x:totable(), rnn.Dropout(0.9)(x):totable())
    end)

    it("keeps the mean and drops its share under a tape", function()
      local x = rnn.ones {100000}
      local _ <close> = rnn.tape()
      local zeros, sum = 0, 0.0
      for _, v in ipairs(rnn.Dropout(0.3)(x):totable()) do
        if v == 0 then zeros = zeros + 1 end
        sum = sum + v
      end
      assert.is_true(math.abs(zeros / 1e5 - 0.3) < 0.01)
      assert.is_true(math.abs(sum / 1e5 - 1) < 0.015)
    end)

    it("has the gradient of its mask", function()
      local x = random(new_random(1), {4, 5})
      local layer = rnn.Dropout(0.4)
      check_gradients("Dropout", function() return layer(x) end, {}, {x}, 3,
                      true)
    end)

    it("defaults to 0.5 and wants a probability", function()
      assert.equal(0.5, rnn.Dropout().config.options.p)
      assert.equal("Dropout(p=0.2)", tostring(rnn.Dropout(0.2)))
      for _, p in ipairs {-0.1, 1.5} do
        assert_raises("Dropout: 'p' must be from 0 to 1, got " .. p,
                      rnn.Dropout, p)
      end
    end)
  end)

  -- Recurrent layers

  local KINDS = {
    {name = "RNN", gates = 1, own = {}},
    {name = "RNN", gates = 1, own = {nonlinearity = "relu"}},
    {name = "LSTM", gates = 4, own = {}, cell = true},
    {name = "GRU", gates = 3, own = {}},
  }

  ---A state of random numbers for a layer.
  local function random_state(rand, kind, count, N, H)
    return {h = random(rand, {count, N, H}),
            c = kind.cell and random(rand, {count, N, H}) or nil}
  end

  local function state_list(state) return {state.h, state.c} end

  for _, kind in ipairs(KINDS) do
    local title = kind.name .. (kind.own.nonlinearity and " relu" or "")

    describe(title, function()
      it("has the right gradients and shapes for all options", function()
        local rand = new_random(2)
        local T, N, D, H = 3, 2, 2, 2
        for i, o in ipairs(option_sets(kind.own)) do
          local layer = rnn[kind.name](D, H, o)
          local dirs = o.bidirectional and 2 or 1
          local x = random(rand, o.batch_first and {N, T, D} or {T, N, D})
          local state = random_state(rand, kind, o.num_layers * dirs, N, H)
          local lengths = i % 3 == 0 and {T, 1} or nil
          local function f()
            local y, last = layer(x, state, lengths)
            return y, table.unpack(state_list(last))
          end
          local y, last = layer(x, state, lengths)
          assert.same(o.batch_first and {N, T, dirs * H} or {T, N, dirs * H},
                      y:shape())
          assert.same({o.num_layers * dirs, N, H}, last.h:shape())
          assert.equal(kind.cell or false, last.c ~= nil)
          local inputs = {x, table.unpack(state_list(state))}
          check_gradients(option_text(title, o), f, layer, inputs)
        end
      end)

      it("without a state starts from zeros", function()
        local layer = rnn[kind.name](2, 3, {num_layers = 2})
        local x = rnn.randn {4, 2, 2}
        local zeros = {h = rnn.zeros {2, 2, 3},
                       c = kind.cell and rnn.zeros {2, 2, 3} or nil}
        assert.same(layer(x, zeros):totable(), layer(x):totable())
      end)

      it("carries its state from window to window", function()
        local layer = rnn[kind.name](2, 3, {num_layers = 2})
        local x = rnn.randn {6, 2, 2}
        local whole = layer(x)
        local a, state = layer(x:slice(1, 1, 4))
        local b, last = layer(x:slice(1, 5, 6), state)
        local ok, why = array.compare(array.of(rnn.op.cat({a, b})),
                                      array.of(whole), 1e-14)
        assert.is_true(ok, why)
        assert.same({2, 2, 3}, last.h:shape())
      end)

      it("passes a detached state on without its gradient", function()
        local layer = rnn[kind.name](2, 3)
        local x = rnn.randn {3, 1, 2}
        local state
        do
          local _ <close> = rnn.tape()
          state = rnn.detach((select(2, layer(x))))
        end
        local tape <close> = rnn.tape()
        local y = layer(x, state)
        tape:backward(y:sum())
        assert.is_not_nil(layer.weight_hh_l0.grad)
        assert.is_nil(state.h.grad)
      end)

      it("treats padded rows as if they were alone", function()
        local layer = rnn[kind.name](2, 3, {bidirectional = true,
                                            num_layers = 2})
        local x = rnn.randn {5, 2, 2}
        local y, last = layer(x, nil, {5, 3})
        local alone, end_state = layer(x:slice(2, 2, 2):slice(1, 1, 3))
        local function same(a, b)
          local ok, why = array.compare(array.of(a), array.of(b), 1e-14)
          assert.is_true(ok, why)
        end
        same(y:slice(2, 2, 2):slice(1, 1, 3), alone)
        same(last.h:slice(2, 2, 2), end_state.h)
        same(y:slice(2, 2, 2):slice(1, 4, 5), rnn.zeros {2, 1, 6})
      end)

      it("has PyTorch's parameter names and shapes", function()
        local layer = rnn[kind.name](2, 3, {num_layers = 2,
                                            bidirectional = true})
        local params = rnn.parameters(layer)
        assert.same({
          "bias_hh_l0", "bias_hh_l0_reverse", "bias_hh_l1",
          "bias_hh_l1_reverse", "bias_ih_l0", "bias_ih_l0_reverse",
          "bias_ih_l1", "bias_ih_l1_reverse", "weight_hh_l0",
          "weight_hh_l0_reverse", "weight_hh_l1", "weight_hh_l1_reverse",
          "weight_ih_l0", "weight_ih_l0_reverse", "weight_ih_l1",
          "weight_ih_l1_reverse"}, params.names)
        local G = kind.gates * 3
        assert.same({G}, layer.bias_ih_l0:shape())
        assert.same({G, 3}, layer.weight_hh_l1_reverse:shape())
        assert.same({G, 2}, layer.weight_ih_l0_reverse:shape())
        assert.same({G, 6}, layer.weight_ih_l1:shape())
      end)

      it("drops between layers only, and only under a tape", function()
        local o = {num_layers = 2, dropout = 1.0}
        local layer = rnn[kind.name](2, 3, o)
        local x = rnn.randn {4, 2, 2}
        local y, last = layer(x)
        local dry = y:totable()
        assert.same(dry, layer(x):totable())
        local first = last.h:select(1, 1):totable()
        local _ <close> = rnn.tape()
        y, last = layer(x)
        assert.not_same(dry, y:totable())
        assert.same(first, last.h:select(1, 1):totable())
        local single = rnn[kind.name](2, 3, {dropout = 0.9})
        assert.same(single(x):totable(), single(x):totable())
      end)

      it("names what is wrong", function()
        local name = kind.name
        local make = rnn[name]
        local layer = make(2, 3)
        assert_raises(name .. ": 'hidden_size' must be an integer >= 0, " ..
                      "got x", make, 2, "x")
        assert_raises(name .. ": 'num_layers' must be an integer from 1 to " ..
                      "1000, got 0", make, 2, 3, {num_layers = 0})
        assert_raises(name .. ": 'dropout' must be from 0 to 1, got 1.5",
                      make, 2, 3, {dropout = 1.5})
        assert_raises(name .. ": x must be (T, N, 2), got (4, 2)", layer,
                      rnn.zeros {4, 2})
        assert_raises(name .. ": x must be (T, N, 2), got (4, 2, 5)", layer,
                      rnn.zeros {4, 2, 5})
        assert_raises(name .. ": x must be (N, T, 2), got (4, 2, 5)",
                      make(2, 3, {batch_first = true}), rnn.zeros {4, 2, 5})
        local state = {h = rnn.zeros {1, 1, 3}, c = rnn.zeros {1, 1, 3}}
        assert_raises(name .. ": state.h must be (1, 2, 3), got (1, 1, 3)",
                      layer, rnn.zeros {4, 2, 2}, state)
        assert_raises(name .. ": the state must be a table {h = tensor" ..
                      (kind.cell and ", c = tensor}" or "}"), layer,
                      rnn.zeros {4, 2, 2}, {})
      end)

      it("steps like its cell", function()
        local rand = new_random(5)
        local layer = rnn[kind.name](2, 3, kind.own)
        local cell = rnn[kind.name .. "Cell"](2, 3, kind.own)
        for _, p in ipairs {"weight_ih", "weight_hh", "bias_ih",
                            "bias_hh"} do
          cell[p]:copy(layer[p .. "_l0"])
        end
        local x = random(rand, {4, 2, 2})
        local whole, last = layer(x)
        local h, state
        for t = 1, 4 do
          h, state = cell(x[t], state)
          local ok, why = array.compare(array.of(h), array.of(whole[t]),
                                        1e-14)
          assert.is_true(ok, why)
        end
        assert.same({2, 3}, state.h:shape())
        local ok, why = array.compare(array.of(state.h),
                                      array.of(last.h[1]), 1e-14)
        assert.is_true(ok, why)
      end)
    end)

    describe(title .. "Cell", function()
      it("has the right gradients", function()
        local rand = new_random(4)
        for _, bias in ipairs {true, false} do
          local o = {bias = bias}
          for k, v in pairs(kind.own) do o[k] = v end
          local cell = rnn[kind.name .. "Cell"](2, 3, o)
          local x = random(rand, {2, 2})
          local state = {h = random(rand, {2, 3}),
                         c = kind.cell and random(rand, {2, 3}) or nil}
          check_gradients(title .. "Cell", function()
            local _, middle = cell(x, state)
            local h, last = cell(x, middle)
            return h, table.unpack(state_list(last))
          end, cell, {x, table.unpack(state_list(state))})
        end
      end)

      it("names what is wrong", function()
        local name = kind.name .. "Cell"
        local cell = rnn[name](2, 3)
        assert_raises(name .. ": x must be (N, 2), got (2)", cell,
                      rnn.zeros {2})
        local _, why = pcall(rnn[name], 2, 3, {num_layers = 2})
        assert.truthy(why:find(name .. ": unknown option 'num_layers' (it " ..
                               "has: bias, ", 1, true), why)
      end)
    end)
  end

  it("LSTM adds forget_bias to the second quarter of bias_ih", function()
    rnn.seed(1)
    local plain = rnn.LSTM(2, 3)
    rnn.seed(1)
    local biased = rnn.LSTM(2, 3, {forget_bias = 1.0})
    local a, b = plain.bias_ih_l0:totable(), biased.bias_ih_l0:totable()
    for k = 1, 12 do
      local add = k > 3 and k <= 6 and 1 or 0
      assert.near(a[k] + add, b[k], 1e-15)
    end
  end)

  describe("recurrent_init", function()
    local function assert_gates(p, want)
      local H = p:shape()[2]
      for _, u in ipairs(p:reshape {-1, H, H}:totable()) do
        local got = rnn.tensor(u)
        local ok, why = array.compare(array.of(want(got)),
          array.of(rnn.init.identity(rnn.zeros {H, H})), 1e-14)
        assert.is_true(ok, why)
      end
    end

    it("identity is Le, Jaitly and Hinton's, for RNN of any depth", function()
      local net = rnn.RNN(40, 20, {recurrent_init = "identity",
        recurrent_gain = 0.5, nonlinearity = "relu", num_layers = 2})
      for _, l in ipairs {"_l0", "_l1"} do
        assert_gates(net["weight_hh" .. l], function(u) return u * 2 end)
        local w = net["weight_ih" .. l]
        assert.near(1e-3, (w * w):mean():sqrt():item(), 1e-4)
        assert.equal(0, net["bias_ih" .. l]:abs():max():item())
        assert.equal(0, net["bias_hh" .. l]:abs():max():item())
      end
    end)

    it("orthogonal is so in each gate, and leaves the rest", function()
      for _, name in ipairs {"RNN", "LSTM", "GRU"} do
        for _, gain in ipairs {1.0, 2.0} do
          rnn.seed(3)
          local plain = rnn[name](3, 4)
          rnn.seed(3)
          local net = rnn[name](3, 4, {recurrent_init = "orthogonal",
                                       recurrent_gain = gain})
          assert_gates(net.weight_hh_l0, function(u)
            return u:matmul(u:transpose()) / gain ^ 2
          end)
          for _, p in ipairs {"weight_ih_l0", "bias_ih_l0", "bias_hh_l0"} do
            assert.same(plain[p]:totable(), net[p]:totable())
          end
        end
      end
    end)

    it("uniform is the default, which a gain scales", function()
      rnn.seed(3)
      local plain = rnn.GRUCell(3, 4)
      rnn.seed(3)
      local net = rnn.GRUCell(3, 4, {recurrent_init = "uniform",
                                     recurrent_gain = 3.0})
      assert.same((plain.weight_hh * 3):totable(), net.weight_hh:totable())
      assert.same(plain.weight_ih:totable(), net.weight_ih:totable())
    end)

    it("is one of three, of units or none", function()
      local wrong = ": 'recurrent_init' must be uniform, orthogonal or " ..
                    "identity, got eye"
      for _, name in ipairs {"RNN", "LSTMCell"} do
        assert_raises(name .. wrong, rnn[name], 2, 3,
                      {recurrent_init = "eye"})
        rnn[name](0, 0, {recurrent_init = "identity"})
      end
    end)
  end)

  -- Options of recurrent layers that stand around the fused op

  describe("options", function()
    local rand = new_random(11)

    local function apart(layer, l)
      local one = rnn.LSTM(3, 3)
      for _, p in ipairs {"weight_ih", "weight_hh", "bias_ih", "bias_hh"} do
        one[p .. "_l0"]:copy(layer[p .. "_l" .. l])
      end
      return one
    end

    local function assert_same(a, b)
      local ok, why = array.compare(array.of(a), array.of(b), 1e-14)
      assert.is_true(ok, why)
    end

    it("residual adds what a layer above the first reads", function()
      local net = rnn.LSTM(3, 3, {num_layers = 2, residual = true})
      local x = random(rand, {4, 2, 3})
      local first = apart(net, 0)(x)
      assert_same(first + apart(net, 1)(first), (net(x)))
      check_gradients("residual", function() return (net(x)) end, net, {x})
    end)

    it("peephole is the cell of equations", function()
      local net = rnn.LSTM(3, 4, {peephole = true, num_layers = 2,
                                  bidirectional = true, recompute = true})
      local x = random(rand, {4, 2, 3})
      check_gradients("peephole", function() return (net(x, nil, {4, 2})) end,
                      net, {x})
      local one = rnn.LSTM(3, 4, {peephole = true})
      local cell = rnn.LSTMCell(3, 4, {peephole = true})
      for _, p in ipairs {"ih", "hh", "peephole"} do
        cell["weight_" .. p]:copy(one["weight_" .. p .. "_l0"])
      end
      for _, p in ipairs {"bias_ih", "bias_hh"} do
        cell[p]:copy(one[p .. "_l0"])
      end
      assert_same((one(x)), (rnn.scan(cell, x)))
      local p = cell.weight_peephole
      local w, u = cell.weight_ih:transpose(), cell.weight_hh:transpose()
      local y = rnn.scan(function(xt, s)
        s = s or {h = rnn.zeros {2, 4}, c = rnn.zeros {2, 4}}
        local a = xt:matmul(w) + cell.bias_ih + s.h:matmul(u) + cell.bias_hh
        local function gate(k) return a:slice(2, 4 * k - 3, 4 * k) end
        local i = (gate(1) + p[1] * s.c):sigmoid()
        local f = (gate(2) + p[2] * s.c):sigmoid()
        local c = f * s.c + i * gate(3):tanh()
        local h = (gate(4) + p[3] * c):sigmoid() * c:tanh()
        return h, {h = h, c = c}
      end, x)
      assert_same((one(x)), y)
    end)

    local VARIANTS = {
      {"LSTM", {layer_norm = true}}, {"LSTM", {coupled = true}},
      {"LSTM", {proj_size = 2}}, {"LSTM", {zoneout = 0.3, zoneout_c = 0.2}},
      {"LSTM", {gate_activation = "hard_sigmoid"}},
      {"LSTM", {layer_norm = true, coupled = true, peephole = true,
                proj_size = 3, zoneout_c = 0.2}},
      {"GRU", {reset = "before"}}, {"GRU", {zoneout = 0.3}},
      {"GRU", {reset = "before", gate_activation = "hard_sigmoid",
               zoneout = 0.3}},
      {"RNN", {zoneout = 0.3}}, {"RNN", {zoneout = 0.3, nonlinearity = "relu"}},
    }

    ---'options' and those of 'more', which go first.
    local function with(options, more)
      local all = {}
      for k, v in pairs(options) do all[k] = v end
      for k, v in pairs(more) do all[k] = v end
      return all
    end

    for _, variant in ipairs(VARIANTS) do
      local name, options = table.unpack(variant)
      local title = tostring(rnn[name](3, 4, options))

      it(title .. " has the right gradients", function()
        local net = rnn[name](3, 4, with(options, {
          num_layers = 2, bidirectional = true, learned_state = true}))
        local x = random(rand, {4, 3, 3})
        local S = options.proj_size or 4
        local y, state = net(x, nil, {4, 0, 2})
        assert.same({4, 3, 2 * S}, y:shape())
        assert.same({4, 3, S}, state.h:shape())
        if state.c then assert.same({4, 3, 4}, state.c:shape()) end
        check_gradients(title, function()
          local out, last = net(x, nil, {4, 0, 2})
          return out, table.unpack(state_list(last))
        end, net, {x}, 4, true)
      end)

      it(title .. " is its cell over time, also from a file", function()
        local net = rnn[name](3, 4, options)
        local cell = rnn[name .. "Cell"](3, 4, options)
        for _, p in ipairs(rnn.parameters(cell).names) do
          cell[p]:copy(net[p .. "_l0"])
        end
        local x = random(rand, {5, 2, 3})
        assert_same((net(x)), (rnn.scan(cell, x)))
        local path = os.tmpname()
        assert(rnn.save(path, {net = net}))
        local loaded = assert(rnn.load_model(path))
        os.remove(path)
        assert.equal(tostring(net), tostring(loaded.net))
        assert_same((net(x)), (loaded.net(x)))
      end)
    end

    it("a projection that is trained asks for the memory of BLAS first",
       function()
      if os.getenv "VARIANT" == "asan" then return end   -- takes terabytes
      local script = [[
        local rnn = require "rnn"
        rnn.threads(1)
        local net = rnn.LSTM(3, 256, {proj_size = 200})
        local x, size = rnn.zeros {20, 40, 3}
        for line in io.lines "/proc/self/status" do
          size = size or tonumber(line:match "VmSize:%s+(%d+) kB")
        end
        size = (size + 60 * 1024) * 1024
        assert(os.execute("prlimit --pid $PPID --as=" .. size))
        local tape <close> = rnn.tape()
        local ok, why = pcall(net, x)
        print(ok or why)
        if ok then tape:backward((net(x)):sum()) end]]
      local pipe = io.popen(("timeout -s KILL 20 build/%s/rnnlua -e '%s' 2>&1")
                            :format(os.getenv "VARIANT" or "release", script))
      local said = pipe:read "a"
      assert.truthy(said:find("not enough memory: BLAS needs", 1, true), said)
    end)

    ---Asserts that of n chances of p about the right number came true.
    local function assert_chances(p, n, count)
      assert.near(p * n, count, 5 * math.sqrt(n * p * (1 - p)))
    end

    ---What of 'new' (30,40) is 'old', as a set of indices; all else must be
    ---'fresh', which may be left out.
    local function kept(old, new, fresh)
      local set, count = {}, 0
      old, new = old:reshape {1200}, new:reshape {1200}
      fresh = fresh and fresh:reshape {1200}
      for i = 1, 1200 do
        local v = new[i]:item()
        if v == old[i]:item() then
          set[i], count = true, count + 1
        elseif fresh then
          assert.near(fresh[i]:item(), v, 1e-14)
        end
      end
      return set, count
    end

    local function both(a, b)
      local count = 0
      for i in pairs(a) do count = count + (b[i] and 1 or 0) end
      return count
    end

    for _, variant in ipairs {
      {"LSTM", {}}, {"LSTM", {layer_norm = true}}, {"LSTM", {coupled = true}},
      {"GRU", {}}, {"GRU", {reset = "before"}}, {"RNN", {}}} do
      local name, options = table.unpack(variant)
      local cell = name == "LSTM"
      local net = rnn[name](3, 40, with(options, {
        zoneout = 0.25, zoneout_c = cell and 0.5 or nil}))

      it(tostring(net) .. " keeps units at random under a tape", function()
        local plain = rnn[name](3, 40, options)
        for _, p in ipairs(rnn.parameters(net).names) do
          plain[p]:copy(net[p])
        end
        local state = {h = random(rand, {1, 30, 40})}
        state.c = cell and random(rand, {1, 30, 40}) or nil
        local x = random(rand, {2, 30, 3})
        local fresh, fresh_last = plain(x:slice(1, 1, 1), state)
        local _ <close> = rnn.tape()
        local y = net(x, state)
        local first, count = kept(state.h, y[1], fresh)
        assert_chances(0.25, 1200, count)
        local second, again = kept(y[1], y[2])
        assert_chances(0.25, 1200, again)
        assert_chances(0.25 * 0.25, 1200, both(first, second))
        if not cell then return end
        local h, last = net(x:slice(1, 1, 1), state)
        local c_kept, c_count = kept(state.c, last.c, fresh_last.c)
        assert_chances(0.5, 1200, c_count)
        assert_chances(0.25 * 0.5, 1200, both(kept(state.h, h), c_kept))
      end)
    end

    it("what stands in rows that are over does not matter", function()
      local plain = {{"LSTM", {}}, {"GRU", {}}, {"RNN", {}}}
      for _, list in ipairs {plain, VARIANTS} do
        for _, variant in ipairs(list) do
          local x = random(rand, {4, 3, 3})
          local function gradients(padding)
            rnn.seed(2)
            local net = rnn[variant[1]](3, 4, variant[2])
            local values = x:totable()
            for t = 3, 4 do values[t][2] = {padding, padding, padding} end
            local tape <close> = rnn.tape()
            local y = net(rnn.tensor(values, "float64"), nil, {4, 2, 3})
            tape:backward((y * y):sum())
            local list_of = {y:totable()}
            for i, p in ipairs(rnn.parameters(net)) do
              list_of[i + 1] = p.grad:totable()
            end
            return list_of
          end
          assert.same(gradients(0.0), gradients(0 / 0), variant[1])
        end
      end
    end)

    it("layer_norm starts with gains of 1 and a bias of 0", function()
      local w = rnn.LSTM(3, 4, {layer_norm = true}).layer_norm_l0
      assert.same({10, 4}, w:shape())
      assert.equal(36, w:sum():item())
      assert.equal(0, w[10]:abs():max():item())
    end)

    it("learned_state is what a call without a state begins with", function()
      for _, name in ipairs {"LSTM", "GRU", "RNN"} do
        local net = rnn[name](3, 2, {num_layers = 2, learned_state = true,
                                     bidirectional = true})
        local x, state = random(rand, {3, 2, 3}), {}
        for _, part in ipairs {"h", "c"} do
          local p = net[part .. "0"]
          if p then
            assert.same({4, 1, 2}, p:shape())
            assert.equal(0, p:abs():max():item())
            p:copy(random(rand, {4, 1, 2}))
            state[part] = p + rnn.zeros {4, 2, 2}
          end
        end
        assert_same((net(x, state)), (net(x)))
        check_gradients("learned_state", function() return (net(x)) end, net,
                        {x})
      end
    end)

    it("locked_dropout and weight_drop act under a tape, with gradients",
       function()
      local net = rnn.LSTM(3, 4, {num_layers = 2, locked_dropout = 0.5,
                                  weight_drop = 0.5})
      local plain = rnn.LSTM(3, 4, {num_layers = 2})
      for _, p in ipairs(rnn.parameters(net).names) do
        plain[p]:copy(net[p])
      end
      local x = random(rand, {3, 2, 3})
      assert_same((plain(x)), (net(x)))
      check_gradients("dropped", function() return (net(x)) end, net, {x}, 4,
                      true)
      local _ <close> = rnn.tape()
      rnn.seed(3)
      local a = net(x):totable()
      assert.not_same(a, net(x):totable())
      rnn.seed(3)
      assert.same(a, net(x):totable())
    end)

    it("are checked", function()
      assert_raises("LSTM: 'weight_drop' must be from 0 to 1, got 2.0",
                    rnn.LSTM, 2, 2, {weight_drop = 2.0})
      assert_raises("GRU: 'zoneout' must be from 0 to 1, got -1.0",
                    rnn.GRU, 2, 2, {zoneout = -1.0})
      assert_raises("GRU: 'reset' must be after or before, got never",
                    rnn.GRU, 2, 2, {reset = "never"})
      assert_raises("RNNCell: 'nonlinearity' must be tanh or relu, got sin",
                    rnn.RNNCell, 2, 2, {nonlinearity = "sin"})
      assert_raises("LSTM: 'proj_size' must be an integer from 0 (none) to " ..
                    "below hidden_size 2, got 2", rnn.LSTM, 2, 2,
                    {proj_size = 2})
      assert_raises("LSTM: 'zoneout' is not for a projected state; use " ..
                    "'zoneout_c'", rnn.LSTM, 2, 2,
                    {proj_size = 1, zoneout = 0.1})
      assert_raises("LSTM: 'forget_bias' is for a forget gate, which " ..
                    "'coupled' does without", rnn.LSTM, 2, 2,
                    {coupled = true, forget_bias = 1.0})
    end)
  end)

  describe("ClockworkRNN", function()
    local PERIODS = {1, 2, 4}

    it("has the right gradients and shapes", function()
      local rand = new_random(6)
      for _, o in ipairs {{}, {batch_first = true}, {bias = false},
                          {nonlinearity = "relu"}} do
        o.periods = PERIODS
        local net = rnn.ClockworkRNN(2, 6, o)
        local x = random(rand, o.batch_first and {2, 5, 2} or {5, 2, 2})
        local state = {h = random(rand, {1, 2, 6}), t = 3}
        local function f()
          local y, last = net(x, state, {5, 2})
          return y, last.h
        end
        local y, last = net(x, state)
        assert.same(o.batch_first and {2, 5, 6} or {5, 2, 6}, y:shape())
        assert.same({1, 2, 6}, last.h:shape())
        assert.equal(8, last.t)
        check_gradients("ClockworkRNN", f, net, {x, state.h})
      end
    end)

    it("goes on where a chunk ended, clock and all", function()
      local net = rnn.ClockworkRNN(2, 6, {periods = {1, 3, 4}})
      local x = rnn.randn {25, 2, 2}
      local whole, end_state = net(x)
      local state, from, parts = nil, 1, {}
      for _, steps in ipairs {3, 1, 7, 14} do
        parts[#parts + 1], state = net(x:slice(1, from, from + steps - 1),
                                       rnn.detach(state))
        from = from + steps
      end
      local ok, why = array.compare(array.of(rnn.op.cat(parts)),
                                    array.of(whole), 1e-14)
      assert.is_true(ok, why)
      assert.equal(25, state.t)
      ok, why = array.compare(array.of(state.h), array.of(end_state.h), 1e-14)
      assert.is_true(ok, why)
    end)

    it("never runs out of steps to count", function()
      local net = rnn.ClockworkRNN(2, 6, {periods = PERIODS})
      local x, h = rnn.randn {3, 2, 2}, rnn.randn {1, 2, 6}
      local y, last = net(x, {h = h, t = (1 << 40) + 3})
      assert.equal((1 << 40) + 6, last.t)
      assert.same(net(x, {h = h, t = 3}):totable(), y:totable())
    end)

    it("starts with zeros where it does not read", function()
      for row, list in ipairs(rnn.ClockworkRNN(2, 6, {periods = PERIODS})
                              .weight_hh_l0:totable()) do
        for column, w in ipairs(list) do
          assert.equal((column - 1) // 2 >= (row - 1) // 2, w ~= 0)
        end
      end
      local empty = rnn.ClockworkRNN(2, 0)(rnn.zeros {3, 1, 2})
      assert.same({3, 1, 0}, empty:shape())
    end)

    it("by default has powers of two that divide its units", function()
      local function periods(H)
        return rnn.ClockworkRNN(1, H).config.options.periods
      end
      assert.same({1, 2, 4, 8, 16, 32, 64, 128}, periods(512))
      assert.same({1, 2, 4, 8, 16, 32}, periods(30))
      assert.same({1}, periods(13))
    end)

    it("keeps periods of its own, and gets them back from a file", function()
      local list = {1, 2, 4}
      local net = rnn.ClockworkRNN(2, 6, {periods = list})
      list[4] = 8
      assert.equal("ClockworkRNN(2, 6, periods={1, 2, 4})", tostring(net))
      local path = os.tmpname()
      assert(rnn.save(path, {rnn = net, other = rnn.ClockworkRNN(2, 6)}))
      local back = assert(rnn.load_model(path))
      os.remove(path)
      assert.equal(tostring(net), tostring(back.rnn))
      assert.equal("ClockworkRNN(2, 6, periods={1, 2, 4, 8, 16, 32})",
                   tostring(back.other))
      local x = rnn.randn {7, 2, 2}
      assert.same(net(x):totable(), back.rnn(x):totable())
    end)

    it("names what is wrong", function()
      local make = rnn.ClockworkRNN
      for text, o in pairs {
        ["'periods' must be growing integers from 1, got 2 after 2"] =
          {periods = {2, 2}},
        ["'periods' must be growing integers from 1, got 0 after 0"] =
          {periods = {0, 2}},
        ["'periods' must be growing integers from 1, got 2.5 after 1"] =
          {periods = {1, 2.5}},
        ["'periods' must be growing integers from 1, got 2147483648 after 1"] =
          {periods = {1, 1 << 31}},
        ["'periods' must be a list of 1 to 64 integers, got 0"] =
          {periods = {fast = 1}},
        ["'periods' must be as many as divide 'hidden_size', got 4 for 6 " ..
         "units"] = {periods = {1, 2, 4, 8}},
        ["'nonlinearity' must be tanh or relu, got 'sin'"] =
          {nonlinearity = "sin"},
        ["option 'periods' must be a table, got number"] = {periods = 2},
        ["unknown option 'num_layers' (it has: batch_first, bias, " ..
         "nonlinearity, periods)"] = {num_layers = 2},
      } do
        assert_raises("ClockworkRNN: " .. text, make, 2, 6, o)
      end
      local net, x = make(2, 6), rnn.zeros {4, 2, 2}
      assert_raises("ClockworkRNN: x must be (T, N, 2), got (4, 2, 3)", net,
                    rnn.zeros {4, 2, 3})
      for _, state in ipairs {{}, {h = rnn.zeros {1, 2, 6}},
                              {h = rnn.zeros {1, 2, 6}, t = -1}, 3} do
        assert_raises("ClockworkRNN: the state must be a table {h = tensor, " ..
                      "t = steps done}", net, x, state)
      end
      assert_raises("ClockworkRNN: state.h must be (1, 2, 6), got (2, 6)",
                    net, x, {h = rnn.zeros {2, 6}, t = 0})
    end)
  end)

  -- Fused against elementary

  describe("fused op", function()
    ---The recurrence written with elementary ops: step(x_t, h, c, p) -> h, c.
    local STEP = {}

    local function gates(x, h, p, n)
      local xs = x:matmul(p.w_ih:transpose()) + p.b_ih
      local hs = h:matmul(p.w_hh:transpose()) + p.b_hh
      local H = h:shape()[2]
      local gx, gh = {}, {}
      for g = 1, n do
        gx[g] = xs:slice(2, (g - 1) * H + 1, g * H)
        gh[g] = hs:slice(2, (g - 1) * H + 1, g * H)
      end
      return gx, gh
    end

    function STEP.rnn(x, h, _, p)
      local gx, gh = gates(x, h, p, 1)
      return (gx[1] + gh[1]):tanh()
    end

    function STEP.lstm(x, h, c, p)
      local gx, gh = gates(x, h, p, 4)
      local i, f = (gx[1] + gh[1]):sigmoid(), (gx[2] + gh[2]):sigmoid()
      local g, o = (gx[3] + gh[3]):tanh(), (gx[4] + gh[4]):sigmoid()
      c = f * c + i * g
      return o * c:tanh(), c
    end

    function STEP.gru(x, h, _, p)
      local gx, gh = gates(x, h, p, 3)
      local r, z = (gx[1] + gh[1]):sigmoid(), (gx[2] + gh[2]):sigmoid()
      local n = (gx[3] + r * gh[3]):tanh()
      return (1 - z) * n + z * h
    end

    local GATES = {rnn = 1, lstm = 4, gru = 3}

    local function composed(name, p, reverse)
      local T = p.x:shape()[1]
      local h, c, y = p.h0, p.c0, {}
      for i = 1, T do
        local t = reverse and T + 1 - i or i
        h, c = STEP[name](p.x:select(1, t), h, c, p)
        y[t] = h
      end
      if not c then return rnn.op.stack(y, 1), h end
      return rnn.op.stack(y, 1), h, c
    end

    local function fused(name, p, reverse)
      local inputs = {p.x, p.w_ih, p.w_hh, p.b_ih, p.b_hh, p.h0, p.c0}
      inputs[#inputs + 1] = {reverse = reverse}
      return rnn.op[name](table.unpack(inputs))
    end

    ---Random parameters of an op.
    local function parameters(name, T, N, D, H)
      local rand = new_random(9)
      local G = GATES[name] * H
      local p = {x = random(rand, {T, N, D}), w_ih = random(rand, {G, D}),
                 w_hh = random(rand, {G, H}), b_ih = random(rand, {G}),
                 b_hh = random(rand, {G}), h0 = random(rand, {N, H})}
      if name == "lstm" then p.c0 = random(rand, {N, H}) end
      return p
    end

    for name in pairs(GATES) do
      it(name .. " equals its step-by-step form, gradients too", function()
        for _, reverse in ipairs {false, true} do
          local p = parameters(name, 7, 3, 5, 6)
          local list = {}
          for _, key in ipairs {"x", "w_ih", "w_hh", "b_ih", "b_hh", "h0",
                                "c0"} do
            if p[key] then list[#list + 1] = rnn.param(p[key]) end
          end
          local got = table.pack(fused(name, p, reverse))
          local want = table.pack(composed(name, p, reverse))
          assert.equal(name == "lstm" and 3 or 2, got.n)
          for k = 1, got.n do
            local ok, why = array.compare(array.of(got[k]),
                                          array.of(want[k]), 1e-12)
            assert.is_true(ok, ("output %d: %s"):format(k, why or ""))
          end
          local function gradients(f)
            return gradcheck.gradients {
              f = function() return f(name, p, reverse) end,
              params = list, seed = 4}
          end
          local ok, why = gradcheck.agree(gradients(fused),
                                          gradients(composed), 1e-12, 1)
          assert.is_true(ok, why)
        end
      end)
    end
  end)

  -- Models

  describe("parameters", function()
    it("come in the order of their sorted paths", function()
      local model = {
        out = rnn.Linear(2, 2), embed = rnn.Embedding(3, 2),
        stack = {rnn.Linear(2, 2), rnn.Linear(2, 2, {bias = false})},
        note = "not a tensor", plain = rnn.zeros {2},
        own = rnn.param(rnn.zeros {1}),
      }
      local params = rnn.parameters(model)
      assert.same({"embed.weight", "out.bias", "out.weight", "own",
                   "stack.1.bias", "stack.1.weight", "stack.2.weight"},
                  params.names)
      assert.equal(model.embed.weight, params[1])
      assert.equal(7, #params)
    end)

    it("in a list count by number, not by text", function()
      local model = {}
      for i = 1, 11 do model[i] = rnn.Linear(1, 1, {bias = false}) end
      local names = rnn.parameters(model).names
      assert.equal("2.weight", names[2])
      assert.equal("11.weight", names[11])
    end)

    it("that are shared come once", function()
      local embed = rnn.Embedding(3, 2)
      local out = rnn.Linear(2, 3, {bias = false})
      out.weight = embed.weight
      local params = rnn.parameters {a = embed, b = out, c = embed}
      assert.same({"a.weight"}, params.names)
    end)

    it("that are shared get both gradients", function()
      local w = rnn.param(rnn.tensor {{1, 2}})
      local a, b = rnn.Linear(2, 1, {bias = false}), rnn.Embedding(1, 2)
      a.weight, b.weight = w, w
      local tape <close> = rnn.tape()
      tape:backward(a(b(rnn.ids {1})):sum())
      assert.same({{2.0, 4.0}}, w.grad:totable())
    end)

    it("are found in a model that contains itself", function()
      local model = {out = rnn.Linear(1, 1)}
      model.self = model
      assert.equal(2, #rnn.parameters(model))
    end)

    it("wants a table", function()
      assert_raises("parameters: the model must be a table, got nil",
                    rnn.parameters)
    end)
  end)

  it("print their sizes and options", function()
    assert.equal("Linear(2, 3)", tostring(rnn.Linear(2, 3)))
    assert.equal("Linear(2, 3, bias=false)",
                 tostring(rnn.Linear(2, 3, {bias = false})))
    assert.equal("LSTM(2, 3, bidirectional=true, num_layers=2)",
                 tostring(rnn.LSTM(2, 3, {num_layers = 2,
                                          bidirectional = true})))
  end)
end)
