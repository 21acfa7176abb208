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

---The same, relative to numbers above 1.
local function relative(a, b)
  return apart(a, b) / math.max(1, flat(a):abs():max():item())
end

local function ids(T, N, V)
  local t = rnn.zeros({T, N}, "int32")
  for i = 1, T * N do core.set(t, i, 1 + (i * i * 7) % V) end
  return t
end

-- What of a row is for the model, not for its recurrent layer.
local SIZES = {seed = true, V = true, D = true, H = true, U = true,
               layers = true}

local function options_of(cell, o)
  local options = {}
  if cell ~= "ClockworkRNN" then options.num_layers = o.layers or 2 end
  for name, value in pairs(o) do
    if not SIZES[name] then options[name] = value end
  end
  return options
end

local function model_of(cell, o)
  rnn.seed(o.seed or 7)
  local V, D, H = o.V or 23, o.D or 12, o.H or 19
  return {
    embed = rnn.Embedding(V, D),
    rnn = rnn[cell](D, H, options_of(cell, o)),
    out = rnn.Linear(o.proj_size or H, o.U or V),
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
  {"LSTM", {peephole = true}}, {"LSTM", {layer_norm = true, D = 40, H = 70}},
  {"LSTM", {layer_norm = true, V = 500, D = 40, H = 67, U = 40}},
  {"LSTM", {proj_size = 7}}, {"LSTM", {coupled = true}},
  {"LSTM", {coupled = true, peephole = true, layer_norm = true, D = 40,
            H = 90}},
  {"LSTM", {zoneout = 0.2, zoneout_c = 0.4}},
  {"LSTM", {zoneout_c = 0.1, layer_norm = true, peephole = true,
            gate_activation = "hard_sigmoid", proj_size = 41, D = 40,
            H = 80}},
  {"LSTM", {residual = true, layers = 3}},
  {"LSTM", {learned_state = true}}, {"GRU", {learned_state = true}},
  {"GRU", {reset = "before"}}, {"GRU", {reset = "before", H = 200}},
  {"GRU", {gate_activation = "hard_sigmoid", zoneout = 0.3}},
  {"GRU", {residual = true, reset = "before", bias = false}},
  {"RNN", {zoneout = 0.5, residual = true}},
  {"ClockworkRNN", {H = 24}},
  {"ClockworkRNN", {H = 20, periods = {1, 3, 5, 7}, bias = false}},
}

-- "peephole, H 19" for the name of a test
local function describe_row(o)
  local parts = {}
  for name, value in pairs(o) do
    parts[#parts + 1] = ("%s %s"):format(name, type(value) == "table" and
                                         table.concat(value, " ") or value)
  end
  table.sort(parts)
  return table.concat(parts, ", ")
end

-- What begins as 0 or 1 (initial states, gains) gets numbers that show.
local function randomise(net)
  local list = rnn.parameters(net)   -- in one order, unlike pairs
  for i, p in ipairs(list) do
    local name = list.names[i]
    if name == "h0" or name == "c0" or name:find "^layer_norm" then
      -- gains below 1: no chaos, which makes errors grow
      p:copy(p * 0.5 + rnn.randn(p:shape()) * 0.2)
    end
  end
end

describe("a stepper", function()
  for _, row in ipairs(MODELS) do
    local cell, o = row[1], row[2]
    local what = ("%s, %s"):format(cell, describe_row(o))

    it("has the numbers of the layers: " .. what, function()
      local model = model_of(cell, o)
      local T, N = 8, 9
      local x = ids(T, N, o.V or 23)
      randomise(model.rnn)
      local y, state = model.rnn(model.embed(x))
      local want = model.out(y)
      -- what rounding factors does to scores of order 1; a norm divides
      -- products by their deviation, which is small here
      local most = {full = 1e-6, bf16 = 0.02, int8 = 0.05}
      if o.layer_norm then most = {full = 1e-6, bf16 = 0.06, int8 = 0.15} end
      for precision, bound in pairs(most) do
        local s = rnn.stepper(model, {precision = precision, streams = N})
        for t = 1, T do
          local d = relative(want:select(1, t), s:step(x:select(1, t)))
          assert.is_true(d <= bound, ("%s, step %d: %g"):format(precision, t,
                                                                 d))
        end
        local last = s:state()
        for part, value in pairs(state) do
          if part == "t" then assert.equal(value, last.t:item())
          else
            local d = relative(value, last[part])
            assert.is_true(d <= bound, ("%s, %s: %g"):format(precision, part,
                                                             d))
          end
        end
        assert.is_true((last.c ~= nil) == (cell == "LSTM"))
        if precision == "full" and cell ~= "ClockworkRNN" then
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

  it("gives a stream the same bits whatever is beside it", function()
    local o = {temperature = 0.9, top_k = 12, top_p = 0.9, penalty = 1.2}
    for _, cell in ipairs {"LSTM", "GRU", "RNN"} do
      local model = model_of(cell, {V = 40, U = 30, H = 33})
      for _, precision in ipairs {"full", "bf16", "int8"} do
        local function run(streams, seed)
          local s = rnn.stepper(model, {precision = precision,
                                        streams = streams})
          s:seed(seed)
          s:feed(rnn.ids {31, 7, 8})
          local made = s:sample(30, o)
          return made, s:logits(), s:state()
        end
        local N = 21
        local made, logits, state = run(N, 5)
        for i = 1, N, 4 do
          local ids1, logits1, state1 = run(1, 5 + i - 1)
          assert.same(flat(ids1):totable(), made:select(2, i):totable())
          assert.equal(0.0, apart(logits1, logits:slice(1, i, i)))
          assert.equal(0.0, apart(state1.h, state.h:slice(2, i, i)))
          assert.same(state1.recent:totable()[1], state.recent:totable()[i])
        end
      end
    end
  end)

  it("seeds the generators from that of rnn.seed, or as it is told", function()
    local s = rnn.stepper(model_of("GRU", {}), {streams = 3})
    rnn.seed(6)
    local n = s:seed()
    local states = s:rng()
    assert.equal(n, s:seed(n))
    assert.same(states, s:rng())
    assert.equal(n + 1, s:seed(n + 1))
    assert.same({states[2], states[3]}, {s:rng()[1], s:rng()[2]})
    rnn.seed(5)
    s:seed(5)
    assert.equal(rnn.random_state(), s:rng()[1])
    s:rng {states[3], states[2], states[1]}
    assert.same({states[3], states[2], states[1]}, s:rng())
    raises("must have a state for each stream", s.rng, s, {states[1]})
    for _, wrong in ipairs {1, "00", ("0"):rep(64), ("g"):rep(64)} do
      raises("must be 64 hex digits", s.rng, s, {states[1], states[2], wrong})
      assert.equal(states[3], s:rng()[1])
    end
    rnn.seed(6)
    local other = rnn.stepper(model_of("GRU", {}), {streams = 3})
    rnn.seed(6)
    other:sample(1)
    s:seed(n)
    s:reset()
    s:sample(1)
    assert.same(s:rng(), other:rng())
  end)

  it("remembers the last ids, of a history of its own length", function()
    for _, history in ipairs {0, 1, 3, 5, 64} do
      local s = rnn.stepper(model_of("LSTM", {}), {streams = 2,
                                                   history = history})
      local seen = {{}, {}}
      local function expect()
        for i, row in ipairs(s:recent():totable()) do
          assert.same({table.unpack(seen[i], math.max(1, #seen[i] - history +
                                                      1))}, row)
        end
      end
      for t = 1, 17 do
        local row = {1 + t % 23, 1 + t * 5 % 23}
        s:step(rnn.ids(row))
        for i = 1, 2 do table.insert(seen[i], row[i]) end
        expect()
      end
      for _, row in ipairs(s:sample(9):totable()) do
        for i = 1, 2 do table.insert(seen[i], row[i]) end
      end
      expect()
      local state = s:state()
      s:reset()
      assert.same({2, 0}, s:recent():shape())
      s:state(state)
      expect()
      s:state {h = state.h, c = state.c}
      assert.same({2, 0}, s:recent():shape())
      assert.equal(0.0, s:logits():abs():max():item())
    end
    local s = rnn.stepper(model_of("LSTM", {}), {history = 4})
    raises("a penalty over 64 ids needs a state with 'history' of so many, "
           .. "it has 4", s.sample, s, 1, {penalty = 2})
    s:sample(1, {penalty = 2, window = 4})
  end)

  it("penalises what it remembers", function()
    local model = model_of("GRU", {})
    local s = rnn.stepper(model, {streams = 2})
    s:step(rnn.ids {4, 9})
    s:sample(12, {temperature = 1.3})
    for _, window in ipairs {0, 1, 5, 64} do
      local logits, recent = s:logits():totable(), s:recent():totable()
      local made = s:sample(1, {temperature = 0, penalty = 3,
                                window = window}):totable()[1]
      for i = 1, 2 do
        local x, best = logits[i], 1
        local last = {table.unpack(recent[i],
                                   math.max(1, #recent[i] - window + 1))}
        local done = {}
        for _, id in ipairs(last) do
          if not done[id] then x[id] = x[id] > 0 and x[id] / 3 or x[id] * 3 end
          done[id] = true
        end
        for id = 2, #x do if x[id] > x[best] then best = id end end
        assert.equal(best, made[i])
      end
    end
  end)

  it("goes on exactly from a state with its generators", function()
    local o = {penalty = 1.3, top_p = 0.8}
    local s = rnn.stepper(model_of("LSTM", {}), {streams = 3})
    s:feed(rnn.ids {1, 2, 3})
    s:sample(20, o)
    local state, rng = s:state(), s:rng()
    local want = s:sample(40, o):totable()
    local other = rnn.stepper(model_of("LSTM", {}), {streams = 3})
    other:state(state)
    other:rng(rng)
    assert.same(want, other:sample(40, o):totable())
  end)

  it("selects streams: states, logits and recent ids", function()
    for _, o in ipairs {{}, {U = 150, V = 200, H = 5, layers = 1}} do
      for _, cell in ipairs {"LSTM", "GRU"} do
        local s = rnn.stepper(model_of(cell, o), {streams = 5, history = 7})
        s:step(rnn.ids {1, 2, 3, 4, 5})
        s:sample(10)
        for _, from in ipairs {{1, 2, 3, 4, 5}, {5, 4, 3, 2, 1},
                               {2, 2, 2, 2, 2}, {2, 3, 1, 1, 5}} do
          local before, order = s:state(), rnn.ids(from)
          local mallocs = rnn.memory().mallocs
          s:select(order)
          assert.equal(mallocs, rnn.memory().mallocs)
          local after = s:state()
          for i, k in ipairs(from) do
            for name, axis in pairs {h = 2, c = 2, logits = 1, recent = 1} do
              if before[name] then
                assert.same(before[name]:slice(axis, k, k):totable(),
                            after[name]:slice(axis, i, i):totable())
              end
            end
          end
          s:sample(1)
        end
        local before = s:state().h:totable()
        raises("stepper: there is no stream 6; they run from 1 to 5",
               s.select, s, rnn.ids {1, 2, 3, 4, 6})
        raises("stepper: there is no stream 0", s.select, s,
               rnn.ids {0, 2, 3, 4, 5})
        raises("must be 5 streams", s.select, s, rnn.ids {1})
        assert.same(before, s:state().h:totable())
      end
    end
  end)

  it("checks a state whole before it takes it", function()
    local s = rnn.stepper(model_of("LSTM", {}), {streams = 2})
    s:step(rnn.ids {3, 4})
    local state = s:state()
    local h = state.h:totable()
    for name, wrong in pairs {
      h = rnn.zeros {2, 2, 20}, c = rnn.zeros {2, 3, 19},
      logits = rnn.zeros {2, 22}, recent = rnn.ids {{1}, {24}},
    } do
      local bad = {h = rnn.zeros {2, 2, 19}, c = state.c,
                   logits = state.logits, recent = state.recent}
      bad[name] = wrong
      raises("stepper: ", s.state, s, bad)
      assert.same(h, s:state().h:totable())
    end
    raises("stepper: state.c is missing", s.state, s, {h = state.h})
    raises("stepper: state.recent must be int32 (2, M)", s.state, s,
           {h = state.h, c = state.c, recent = rnn.ids {1}})
  end)

  it("refuses options that mean nothing, and broken scores", function()
    local model = model_of("LSTM", {})
    local s = rnn.stepper(model)
    raises("draw: unknown option 'topk'", s.sample, s, 1, {topk = 1})
    raises("draw: unknown option '1'", s.sample, s, 1, {0.5})
    raises("draw: 'top_k' must be an integer from 0", s.sample, s, 1,
           {top_k = -1})
    raises("draw: 'min_p' must be a number, got string", s.sample, s, 1,
           {min_p = "x"})
    core.set(flat(model.out.weight), 5, 0 / 0)
    local broken = rnn.stepper(model, {streams = 2})
    broken:step(rnn.ids {1, 2})
    for _, o in ipairs {{}, {temperature = 0}, {top_k = 3}, {top_p = 0.5}} do
      raises("the logits of stream 1 are not finite", broken.sample, broken, 3,
             o)
    end
    raises("the logits are not finite", core.draw, broken:logits():select(1, 1))
    raises("the logits are not finite", core.rank,
           broken:logits():select(1, 1), 2)
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
    raises("draw: 'temperature' must be 0 or more, got -1", s.sample, s,
           1, -1)
    raises("stepper: state.h must be float32 (2, 1, 19)", s.state, s,
           {h = rnn.zeros {2, 2, 19}})
    s:close()
    raises("attempt to use a closed stepper", s.step, s, rnn.ids {1})
    raises("'precision' must be full, bf16 or int8, got 'fp4'",
           rnn.stepper, model, {precision = "fp4"})
    raises("stepper: needs a model with one Embedding", rnn.stepper, {})
    raises("stepper: needs a model with one Linear", rnn.stepper,
           {a = model.embed, b = model.rnn, c = model.out, d = model.out})
    local both = model_of("LSTM", {})
    both.rnn = rnn.LSTM(12, 19, {bidirectional = true})
    raises("stepper: cannot step through a layer with bidirectional",
           rnn.stepper,
           both)
    both.rnn = rnn.LSTM(12, 20)
    raises("layers 'rnn' and 'out' do not fit each other", rnn.stepper, both)
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
