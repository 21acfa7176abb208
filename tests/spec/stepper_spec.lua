-- Steppers: the numbers of the layers, one token at a time, and drawing.

local rnn = require "rnn"
local core = require "rnn.core"

local function flat(t)
  local n = 1
  for _, extent in ipairs(t:shape()) do n = n * extent end
  return t:reshape {n}
end

local function apart(a, b)
  return (flat(a) - flat(b)):abs():max():item()
end

local function ids(T, N, V)
  local t = rnn.zeros({T, N}, "int32")
  for i = 1, T * N do core.set(t, i, 1 + (i * i * 7) % V) end
  return t
end

local function model_of(cell, o)
  rnn.seed(o.seed or 7)
  local V, D, H = o.V or 23, o.D or 12, o.H or 19
  return {
    embed = rnn.Embedding(V, D),
    rnn = rnn[cell](D, H, {num_layers = o.layers or 2, bias = o.bias,
                           nonlinearity = o.nonlinearity}),
    out = rnn.Linear(H, o.U or V),
  }
end

local function raises(text, f, ...)
  local ok, why = pcall(f, ...)
  assert.is_false(ok, "nothing was raised; expected: " .. text)
  assert.truthy(tostring(why):find(text, 1, true), why)
end

local MODELS = {
  {"LSTM", {}}, {"GRU", {}}, {"RNN", {}},
  {"RNN", {nonlinearity = "relu"}}, {"LSTM", {bias = false}},
  {"GRU", {bias = false}}, {"LSTM", {layers = 1, H = 64}},
  {"LSTM", {V = 300, D = 5, U = 40}},   -- too many ids for a table
  {"LSTM", {H = 256, layers = 1}},      -- workers share its panels
}

describe("a stepper", function()
  for _, row in ipairs(MODELS) do
    local cell, o = row[1], row[2]
    local what = ("%s of %d ids, H %d"):format(cell, o.V or 23, o.H or 19)

    it("has the numbers of the layers: " .. what, function()
      local model = model_of(cell, o)
      local T, N = 8, 9
      local x = ids(T, N, o.V or 23)
      local y, state = model.rnn(model.embed(x))
      local want = model.out(y)
      -- what rounding factors does to scores of order 1
      local most = {full = 1e-6, bf16 = 0.02, int8 = 0.05}
      for precision, bound in pairs(most) do
        local s = rnn.stepper(model, {precision = precision, streams = N})
        for t = 1, T do
          local d = apart(want:select(1, t), s:step(x:select(1, t)))
          assert.is_true(d <= bound, ("%s, step %d: %g"):format(precision, t,
                                                                 d))
        end
        local last = s:state()
        for part, value in pairs(last) do
          assert.is_true(apart(state[part], value) <= bound)
        end
        assert.is_true((last.c ~= nil) == (cell == "LSTM"))
        if precision == "full" then
          assert.equal(0.0, apart(state.h, last.h))
        end
      end
    end)
  end

  it("goes on from a state and starts again", function()
    local model = model_of("GRU", {})
    local s = rnn.stepper(model, {streams = 2})
    local first = s:step(rnn.ids {3, 4})
    local state = s:state()
    local second = s:step(rnn.ids {5, 6})
    s:state(state)
    assert.equal(0.0, apart(second, s:step(rnn.ids {5, 6})))
    s:reset()
    assert.equal(0.0, apart(first, s:step(rnn.ids {3, 4})))
  end)

  it("copies the weights", function()
    local model = model_of("LSTM", {})
    local s = rnn.stepper(model)
    local before = s:step(rnn.ids {1})
    core.set(flat(model.out.weight), 1, 9.0)
    core.set(flat(model.embed.weight), 1, 9.0)
    s:reset()
    assert.equal(0.0, apart(before, s:step(rnn.ids {1})))
  end)

  it("draws the same for any threads and any cut of the calls", function()
    local model = model_of("LSTM", {H = 256})
    local function draw(threads, ...)
      rnn.threads(threads)
      rnn.seed(11)
      local s = rnn.stepper(model, {streams = 2})
      s:step(rnn.ids {1, 2})
      local list = {}
      for _, n in ipairs {...} do
        for _, row in ipairs(s:sample(n, 0.9):totable()) do
          list[#list + 1] = row[1] .. " " .. row[2]
        end
      end
      return table.concat(list, ", ")
    end
    local before = rnn.threads()
    local want = draw(1, 40)
    assert.equal(want, draw(2, 40))
    assert.equal(want, draw(3, 1, 2, 0, 37))
    rnn.threads(before)
  end)

  it("draws by the probabilities, and the likeliest at 0", function()
    local logits = rnn.tensor {1.0, 0.0, 2.0, -1.0}
    local count, n = {0, 0, 0, 0}, 20000
    rnn.seed(5)
    for _ = 1, n do
      local id = core.draw(logits, 0.5)
      count[id] = count[id] + 1
    end
    local p = (logits * 2.0):softmax(1):totable()
    for id = 1, 4 do   -- six standard deviations
      local sd = math.sqrt(p[id] * (1 - p[id]) / n)
      assert.is_true(math.abs(count[id] / n - p[id]) < 6 * sd + 1e-9, id)
    end
    assert.equal(3, core.draw(logits, 0))
  end)

  it("reads fewer bytes in less precision", function()
    local model = model_of("LSTM", {H = 64})
    local full = rnn.stepper(model):bytes()
    assert.is_true(rnn.stepper(model, {precision = "bf16"}):bytes() <
                   0.51 * full)
    assert.is_true(rnn.stepper(model, {precision = "int8"}):bytes() <
                   0.3 * full)
  end)

  it("calls no malloc in a step", function()
    local s = rnn.stepper(model_of("LSTM", {}))
    s:sample(1):close()
    local before = rnn.memory().mallocs
    for _ = 1, 20 do s:sample(1):close() end
    assert.equal(before, rnn.memory().mallocs)
  end)

  it("gives a clear error", function()
    local model = model_of("LSTM", {})
    local s = rnn.stepper(model)
    raises("stepper: id 24 of stream 1; ids run from 1 to 23", s.step, s,
           rnn.ids {24})
    raises("stepper: 'ids' must be 1 ids, one for each stream", s.step, s,
           rnn.ids {1, 2})
    raises("stepper: the temperature must be 0 or more, got -1", s.sample, s,
           1, -1)
    raises("stepper: state.h must be float32 (2, 1, 19)", s.state, s,
           {h = rnn.zeros {2, 2, 19}})
    s:close()
    raises("attempt to use a closed stepper", s.step, s, rnn.ids {1})
    raises("stepper: 'precision' must be full, bf16 or int8, got 'fp4'",
           rnn.stepper, model, {precision = "fp4"})
    raises("stepper: needs a model with one Embedding", rnn.stepper, {})
    raises("stepper: needs a model with one Linear", rnn.stepper,
           {a = model.embed, b = model.rnn, c = model.out, d = model.out})
    local both = model_of("LSTM", {})
    both.rnn = rnn.LSTM(12, 19, {bidirectional = true})
    raises("stepper: cannot step through a bidirectional layer", rnn.stepper,
           both)
    both.rnn = rnn.LSTM(12, 20)
    raises("stepper: 'out_w' must be (23, 20), got (23, 19)", rnn.stepper,
           both)
    raises("stepper: the model has 30 outputs but reads only 23 ids",
           function() rnn.stepper(model_of("RNN", {U = 30})):sample(1) end)
  end)

  it("survives refused memory", function()
    local model = model_of("LSTM", {})
    local refused = 0
    for k = 1, 9 do
      collectgarbage()
      core.fail_alloc(k)
      local ok, why = pcall(rnn.stepper, model)
      core.fail_alloc(0)
      if not ok then
        refused = refused + 1
        assert.truthy(tostring(why):find("not enough memory", 1, true), why)
      end
    end
    assert.equal(3, refused)   -- itself, its block, a panel for the table
  end)
end)

describe("generate", function()
  it("makes text of float64 models too", function()
    local lm, text = require "rnn.models.lm", require "rnn.text"
    local before = rnn.default_dtype()
    rnn.default_dtype "float64"
    local tok = text.tokenizer("char"):fit "abcabd"
    local model = lm.build {tok = tok, cell = "gru", embed = 4, hidden = 6,
                            layers = 1}
    rnn.default_dtype(before)
    local made = rnn.generate.sample(model, tok, {length = 40, seed = 2,
                                                  prime = "ab"})
    assert.equal(40, utf8.len(made))
    assert.equal(made, (rnn.generate.sample(model, tok, {
      length = 40, seed = 2, prime = "ab"})))
  end)
end)
