-- Life on and after a tape: what belongs to it, what survives errors, the
-- collector and refused memory.

local rnn = require "rnn"
local core = require "rnn.core"
local array = require "tests.array"

---A model of every kind of part, its optimizer and a batch.
local function small_model(dtype)
  rnn.seed(11)
  local old = rnn.default_dtype()
  rnn.default_dtype(dtype or "float32")
  local model = {
    embed = rnn.Embedding(7, 3),
    lstm = rnn.LSTM(3, 4, {num_layers = 2, dropout = 0.2}),
    out = rnn.Linear(4, 7),
  }
  rnn.default_dtype(old)
  local opt = rnn.Adam(rnn.parameters(model), {lr = 0.01, clip_norm = 1})
  local x = rnn.ids {{1, 2}, {3, 4}, {5, 6}}
  local y = rnn.ids {{3, 4}, {5, 6}, {7, 1}}
  return model, opt, x, y
end

---One step of training; returns the loss and the state.
local function train_step(model, opt, x, y, state)
  local tape <close> = rnn.tape()
  local h
  h, state = model.lstm(model.embed(x), state)
  local loss = rnn.cross_entropy(model.out(h), y)
  tape:backward(loss)
  opt:step()
  return loss:item(), rnn.detach(state)
end

local assert_raises = require "tests.raises".with

---Leaves no tape open, whatever a failed test left behind.
local function close_all()
  collectgarbage()
  local ok, tape = pcall(rnn.tape)
  if ok then tape:close() end
end

describe("tape", function()
  after_each(function()
    debug.sethook()
    core.fail_alloc(0)
    close_all()
  end)

  describe("after it closed", function()
    it("its outputs raise a clear error", function()
      local w = rnn.param(rnn.ones {3})
      local tape = rnn.tape()
      local y = w * 2
      tape:close()
      local text = "attempt to use a tensor of a closed tape"
      for _, method in ipairs {"sum", "totable", "shape", "detach", "clone",
                               "item"} do
        assert_raises(text, function() return y[method](y) end)
      end
      assert_raises(text, function() return y + 1 end)
      assert_raises(text, function() return 1 - y end)
      assert_raises(text, function() return -y end)
      assert_raises(text, function() return #y end)
      assert_raises(text, function() return y.dtype end)
      assert_raises(text, function() return y.grad end)
      assert_raises(text, function() return rnn.op.cat({w, y}) end)
      assert.equal("tensor (closed)", tostring(y))
    end)

    it("a view of a parameter is gone too, the parameter is not", function()
      local w = rnn.param(rnn.ones {2, 3})
      local tape = rnn.tape()
      local view = w:reshape {6}
      tape:close()
      assert_raises("closed tape", function() return view:sum() end)
      assert.same({{1.0, 1.0, 1.0}, {1.0, 1.0, 1.0}}, w:totable())
    end)

    it("detached values live on", function()
      local w = rnn.param(rnn.ones {3})
      local kept, nested
      do
        local _ <close> = rnn.tape()
        local y = w * 2
        kept = y:detach()
        nested = rnn.detach {h = y, {y + 1}}
      end
      assert.same({2.0, 2.0, 2.0}, kept:totable())
      assert.same({2.0, 2.0, 2.0}, nested.h:totable())
      assert.same({3.0, 3.0, 3.0}, nested[1][1]:totable())
    end)

    it("a tensor made meanwhile is not taken for the old one", function()
      local w = rnn.param(rnn.ones {3})
      local tape = rnn.tape()
      local old = w * 2
      tape:close()
      for _ = 1, 50 do
        local _ = rnn.zeros {3}
      end
      assert_raises("closed tape", function() return old:sum() end)
    end)

    it("closing again does nothing, and using it raises", function()
      local w = rnn.param(rnn.ones {1})
      local tape = rnn.tape()
      local loss = w:sum()
      tape:close()
      tape:close()
      assert_raises("attempt to use a closed tape", tape.backward, tape, loss)
      assert.equal("tape (closed)", tostring(tape))
    end)

    it("closing an old handle leaves the next tape alone", function()
      local w = rnn.param(rnn.ones {1})
      local first = rnn.tape()
      first:close()
      local second <close> = rnn.tape()
      local y = w * 3
      first:close()
      second:backward(y:sum())
      assert.equal(3.0, w.grad:item())
    end)

    it("gradients stay until the optimizer takes them", function()
      local grad = (function()
        local w = rnn.param(rnn.ones {2})
        do
          local tape <close> = rnn.tape()
          tape:backward((w * 3):sum())
        end
        assert.same({3.0, 3.0}, w.grad:totable())
        return w.grad
      end)()
      collectgarbage()   -- takes w
      assert.same({3.0, 3.0}, grad:totable())
    end)
  end)

  it("of a second is refused while one is open", function()
    local tape <close> = rnn.tape()
    assert_raises("a tape is already open", rnn.tape)
    local w = rnn.param(rnn.ones {1})
    tape:backward(w:sum())
    assert.equal(1.0, w.grad:item())
  end)

  it("that was dropped without closing is collected", function()
    rnn.tape()
    local tape <close> = rnn.tape()
    assert.equal(0, #tape)
  end)

  it("closes when an error leaves the step", function()
    local model, opt, x, y = small_model()
    local want = {small_model()}
    local ok = pcall(function()
      local _ <close> = rnn.tape()
      local h = model.lstm(model.embed(x))
      model.out(h:reshape {1, 2, 3})
    end)
    assert.is_false(ok)
    rnn.seed(5)
    local got = train_step(model, opt, x, y)
    rnn.seed(5)
    assert.equal(train_step(table.unpack(want)), got)
  end)

  it("stays usable after an op was refused", function()
    local w = rnn.param(rnn.ones {2, 3})
    local tape <close> = rnn.tape()
    local y = w * 2
    assert.is_false(pcall(rnn.op.matmul, w, w))
    assert.is_false(pcall(tape.backward, tape, y))
    tape:backward(y:sum())
    assert.same({{2.0, 2.0, 2.0}, {2.0, 2.0, 2.0}}, w.grad:totable())
  end)

  describe("backward", function()
    it("wants one element", function()
      local w = rnn.param(rnn.ones {2, 3})
      local tape <close> = rnn.tape()
      assert_raises("backward: the loss must have one element, got (2, 3); " ..
                    "reduce it with sum or mean", tape.backward, tape, w * 2)
    end)

    it("wants a loss that depends on a parameter", function()
      local x = rnn.ones {3}
      local tape <close> = rnn.tape()
      assert_raises("backward: the loss does not depend on any parameter",
                    tape.backward, tape, x:sum())
    end)

    it("wants a loss of this tape", function()
      local w = rnn.param(rnn.ones {1})
      local outside = w:sum()
      local tape <close> = rnn.tape()
      local text = "backward: the loss was not computed under this tape"
      assert_raises(text, tape.backward, tape, outside)
      assert_raises(text, tape.backward, tape, w)
      assert_raises("rnn.Tensor expected", tape.backward, tape, 1)
    end)

    it("adds up over calls and over tapes", function()
      local w = rnn.param(rnn.tensor({1, 2}, "float64"))
      for _ = 1, 2 do
        local tape <close> = rnn.tape()
        local loss = (w * w):sum()
        tape:backward(loss)
        tape:backward(loss)
      end
      assert.same({8.0, 16.0}, w.grad:totable())
    end)

    it("takes several losses of one tape", function()
      local w = rnn.param(rnn.tensor({1, 2}, "float64"))
      local tape <close> = rnn.tape()
      local y = w * w
      local a, b = y:sum(), (y * y):sum()
      tape:backward(a)
      tape:backward(b)
      assert.same({2.0 + 4.0, 4.0 + 32.0}, w.grad:totable())
    end)

    it("adds both uses of a tensor", function()
      local w = rnn.param(rnn.tensor({3}, "float64"))
      local tape <close> = rnn.tape()
      tape:backward((w * w + w - w * 4):sum())
      assert.same({2 * 3 + 1 - 4.0}, w.grad:totable())
    end)

    it("adds through overlapping views", function()
      local w = rnn.param(rnn.tensor({1, 2, 3}, "float64"))
      local tape <close> = rnn.tape()
      local y = w * 1
      local a, b = y:slice(1, 1, 2), y:slice(1, 2, 3)
      tape:backward((a * b):sum() + y:reshape({3, 1}):sum())
      assert.same({2.0 + 1, 4.0 + 1, 2.0 + 1}, w.grad:totable())
    end)

    it("does not reach through detach", function()
      local w = rnn.param(rnn.tensor({3}, "float64"))
      local tape <close> = rnn.tape()
      tape:backward((w * w:detach()):sum())
      assert.same({3.0}, w.grad:totable())
      local loss = w:detach():sum()
      assert_raises("does not depend on any parameter", tape.backward, tape,
                    loss)
    end)

    it("leaves alone the parameters it does not reach", function()
      local w, v = rnn.param(rnn.ones {1}), rnn.param(rnn.ones {1})
      local tape <close> = rnn.tape()
      local _ = v * 2
      tape:backward(w:sum())
      assert.is_nil(v.grad)
    end)

    it("is refused once opt:step changed what an op read", function()
      local w = rnn.param(rnn.ones {2})
      local opt = rnn.SGD({w}, {lr = 0.1})
      local tape <close> = rnn.tape()
      local first = (w * w):sum()
      tape:backward(first)
      opt:step()
      assert_raises("an input was changed after the op read it; " ..
                    "call backward before opt:step", tape.backward, tape,
                    first)
      assert.is_nil(w.grad)
      tape:backward((w * w):sum())
      assert.is_not_nil(w.grad)
    end)

    it("is refused once copy or fill changed what an op read", function()
      for _, change in ipairs {
        function(w) w:fill(2) end,
        function(w) w:copy(rnn.zeros {2}) end,
        function(w) core.set(w, 1, 5) end,
      } do
        local w = rnn.param(rnn.ones {2})
        local tape <close> = rnn.tape()
        local loss = (w * w):sum()
        change(w)
        assert_raises("an input was changed", tape.backward, tape, loss)
      end
    end)
  end)

  it("may be long, and gives its memory back", function()
    local w = rnn.param(rnn.tensor({1}, "float64"))
    local opt = rnn.SGD({w}, {lr = 0})
    local live = {}
    for round = 1, 2 do
      do
        local tape <close> = rnn.tape()
        local y = w
        for _ = 1, 100000 do y = y + 1 end
        assert.is_true(#tape >= 100000)
        tape:backward(y:sum())
        assert.equal(100001.0, y:item())
      end
      assert.equal(1.0, w.grad:item())
      opt:step()
      collectgarbage()
      collectgarbage()
      live[round] = core.memory().live
    end
    assert.equal(live[1], live[2])   -- the first made room for the headers
  end)

  it("keeps its tensors when Lua drops their handles", function()
    local w = rnn.param(rnn.tensor({1, 2}, "float64"))
    local tape <close> = rnn.tape()
    local loss = (function()
      local y = w
      for _ = 1, 100 do y = (y * 2) / 2 end
      return (y * y):sum()
    end)()
    collectgarbage()
    tape:backward(loss)
    assert.same({2.0, 4.0}, w.grad:totable())
  end)

  it("keeps inputs that Lua dropped", function()
    local w = rnn.param(rnn.tensor({1, 2}, "float64"))
    local tape <close> = rnn.tape()
    local loss = (w * rnn.tensor({5, 7}, "float64")):sum()
    collectgarbage()
    for _ = 1, 20 do rnn.zeros({2}, "float64") end
    tape:backward(loss)
    assert.same({5.0, 7.0}, w.grad:totable())
  end)

  it("keeps inputs that were closed by hand", function()
    local w = rnn.param(rnn.tensor({1, 2}, "float64"))
    local x = rnn.tensor({5, 7}, "float64")
    local tape <close> = rnn.tape()
    local loss = (w * x):sum()
    x:close()
    assert_raises("attempt to use a closed tensor", function()
      return x:sum()
    end)
    rnn.ones({2}, "float64")
    tape:backward(loss)
    assert.same({5.0, 7.0}, w.grad:totable())
  end)

  it("gives the same bits under a collector gone wild", function()
    local function numbers(steps)
      local model, opt, x, y = small_model()
      rnn.seed(3)
      local list, state = {}, nil
      for i = 1, steps do
        list[i], state = train_step(model, opt, x, y, state)
      end
      for _, p in ipairs(rnn.parameters(model)) do
        list[#list + 1] = array.of(p)
      end
      return list
    end
    local calm = numbers(3)
    debug.sethook(function() collectgarbage() end, "", 7)
    local wild = numbers(3)
    debug.sethook()
    assert.same(calm, wild)
  end)

  it("belongs to the state, not to a coroutine", function()
    local w = rnn.param(rnn.ones {2})
    local tape <close> = rnn.tape()
    local step = coroutine.wrap(function()
      local y = w * 2
      coroutine.yield(y)
      tape:backward(y:sum())
    end)
    step()
    step()
    assert.same({2.0, 2.0}, w.grad:totable())
  end)
end)

describe("memory", function()
  after_each(function()
    core.fail_alloc(0)
    close_all()
  end)

  it("is not asked for after the second step", function()
    local model, opt, x, y = small_model()
    local loss, state
    local asked = {}
    for i = 1, 12 do
      loss, state = train_step(model, opt, x, y, state)
      collectgarbage()
      asked[i] = core.memory().mallocs
    end
    assert.is_number(loss)
    for i = 4, 12 do assert.equal(asked[3], asked[i], "step " .. i) end
    assert.equal(asked[2], asked[3], "step 3")
  end)

  it("comes back when everything is dropped", function()
    local live = {}
    for round = 1, 2 do
      train_step(small_model())
      collectgarbage()
      collectgarbage()
      live[round] = core.memory().live
    end
    assert.equal(live[1], live[2])
  end)

  ---Fails request k of a step, for every k until the step succeeds.
  local function fail_each(forever)
    local model, opt, x, y = small_model("float64")
    train_step(model, opt, x, y)
    collectgarbage()
    collectgarbage()
    local live = core.memory().live
    local k, done = 0, false
    while not done do
      k = k + 1
      assert(k < 5000, "the step never succeeds")
      core.fail_alloc(k, forever)
      local ok, message = pcall(train_step, model, opt, x, y)
      core.fail_alloc(0)
      collectgarbage()
      if ok then
        done = true
      else
        message = tostring(message)
        assert.is_truthy(message:find("not enough memory", 1, true),
                         ("k = %d: %s"):format(k, message))
        assert(pcall(train_step, model, opt, x, y))
      end
      collectgarbage()
      assert.equal(live, core.memory().live, "live bytes after k = " .. k)
    end
    return k
  end

  it("refused once raises, and the next step succeeds", function()
    assert.is_true(fail_each(false) > 20)
  end)

  it("refused for good raises, and a later step succeeds", function()
    assert.is_true(fail_each(true) > 20)
  end)

  it("refused leaves the parameters and gradients as they were", function()
    local model, opt, x, y = small_model("float64")
    train_step(model, opt, x, y)
    local params = rnn.parameters(model)
    local before = {}
    for i, p in ipairs(params) do before[i] = p:totable() end
    local k = 0
    repeat
      k = k + 1
      core.fail_alloc(k, true)
      local ok = pcall(function()
        local tape <close> = rnn.tape()
        local loss = rnn.cross_entropy(model.out(model.lstm(model.embed(x))),
                                       y)
        tape:backward(loss)
      end)
      core.fail_alloc(0)
      for i, p in ipairs(params) do
        assert.same(before[i], p:totable())
        assert.equal(ok, p.grad ~= nil, "gradient after k = " .. k)
      end
    until ok
  end)

  it("refused while making tensors raises and leaks nothing", function()
    for _, make in ipairs {
      function() return rnn.zeros {3, 4} end,
      function() return rnn.tensor {{1, 2}, {3, 4}} end,
      function() return rnn.ids {1, 2, 3} end,
      function() return rnn.randn {5} end,
      function() return rnn.LSTM(3, 4) end,
      function() return rnn.tape() end,
    } do
      make()   -- makes room for the headers
      collectgarbage()
      collectgarbage()
      local live = core.memory().live
      for k = 1, 3 do
        core.fail_alloc(k)
        do
          local ok, message = pcall(make)
          core.fail_alloc(0)
          local refused = not ok and message:find("not enough memory", 1, true)
          assert(ok or refused, message)
        end
        collectgarbage()
        collectgarbage()
        assert.equal(live, core.memory().live)
      end
    end
  end)

  it("says how much was wanted", function()
    core.fail_alloc(1, true)
    local ok, message = pcall(rnn.zeros, {1000, 1000}, "float32")
    core.fail_alloc(0)
    assert.is_false(ok)
    assert.is_truthy(message:find("not enough memory: ", 1, true), message)
    assert.is_truthy(message:find("MiB", 1, true), message)
  end)

  it("that cannot exist is refused, not taken", function()
    assert_raises("not enough memory", rnn.zeros,
                  {1 << 30, 1 << 30, 1 << 30, 1 << 30})
  end)
end)
