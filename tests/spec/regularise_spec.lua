-- Dropout of words, in the table and in the ids; losses of activations.

local rnn = require "rnn"
local array = require "tests.array"
local gradcheck = require "tests.gradcheck"
local new_random = require "tests.random"
local assert_raises = require "tests.raises".exactly

local old_dtype

setup(function()
  old_dtype = rnn.default_dtype()
  rnn.default_dtype("float64")
end)

teardown(function() rnn.default_dtype(old_dtype) end)

before_each(function() rnn.seed(1) end)

---Random float64 tensor in [-1, 1].
local function random(seed, shape)
  return array.tensor(rnn, array.random(new_random(seed), shape, -1, 1),
                      "float64")
end

---Ids 1..V, all of them first, then at random.
local function some_ids(V, T, N)
  local rand, list = new_random(2), {}
  for i = 1, T * N do list[i] = i <= V and i or rand:int(1, V) end
  return rnn.ids(list):reshape {T, N}
end

local function check_gradients(f, params, taped)
  local ok, why = gradcheck.check {f = f, params = params, seed = 3,
                                   taped = taped}
  assert.is_true(ok, why)
end

describe("dropout of an embedding", function()
  -- ids more than words, and words more than ids: two ways inside
  local SIZES = {{V = 7, T = 6, N = 4}, {V = 60, T = 4, N = 3}}

  it("drops words as a whole and scales the others", function()
    for _, s in ipairs(SIZES) do
      local embed = rnn.Embedding(s.V, 3, {dropout = 0.25})
      local plain = embed.weight:totable()
      local ids = some_ids(s.V, s.T, s.N)
      local dropped, kept = 0, 0
      for _ = 1, 200 do
        local _ <close> = rnn.tape()
        local y, id, seen = embed(ids):totable(), ids:totable(), {}
        for t = 1, s.T do
          for n = 1, s.N do
            local row, word = y[t][n], id[t][n]
            local is_dropped = row[1] == 0
            for d, v in ipairs(row) do
              assert.equal(is_dropped and 0 or plain[word][d] * (1 / 0.75), v)
            end
            if seen[word] == nil then
              dropped = dropped + (is_dropped and 1 or 0)
              kept = kept + (is_dropped and 0 or 1)
            else
              assert.equal(seen[word], is_dropped)
            end
            seen[word] = is_dropped
          end
        end
      end
      local n = dropped + kept
      assert.is_true(math.abs(dropped / n - 0.25) <
                     5 * math.sqrt(0.25 * 0.75 / n))
    end
  end)

  it("has the gradient of its mask", function()
    for _, s in ipairs(SIZES) do
      local embed = rnn.Embedding(s.V, 3, {dropout = 0.4})
      local ids = some_ids(s.V, s.T, s.N)
      check_gradients(function() return embed(ids) end, rnn.parameters(embed),
                      true)
    end
  end)

  it("under an LSTM that reads ids through it is the same", function()
    local embed = rnn.Embedding(5, 3, {dropout = 0.5})
    local lstm = rnn.LSTM(3, 4)
    local model = {embed = embed, lstm = lstm}
    local ids = some_ids(5, 6, 4)
    ---The LSTM's output and gradients; 'apart' hides the embedding from it.
    local function run(apart)
      rnn.seed(5)
      local tape <close> = rnn.tape()
      local x = embed(ids)
      local y = lstm(apart and x * 1 or x)
      tape:backward((y * y):sum())
      local all = array.of(y)
      for _, p in ipairs(rnn.parameters(model)) do
        for _, v in ipairs(array.of(p.grad)) do all[#all + 1] = v end
        p.grad:fill(0)
      end
      return all
    end
    local through, apart = run(false), run(true)
    assert.equal(#apart, #through)
    for i, v in ipairs(apart) do
      assert.is_true(math.abs(v - through[i]) <= 1e-12 * (1 + math.abs(v)))
    end
  end)

  it("does nothing without a tape, drops all for p = 1", function()
    local embed = rnn.Embedding(4, 2, {dropout = 1})
    local rows = embed.weight:totable()
    assert.same({rows[4], rows[1]}, embed(rnn.ids {4, 1}):totable())
    local _ <close> = rnn.tape()
    assert.same({{0.0, 0.0}, {0.0, 0.0}}, embed(rnn.ids {4, 1}):totable())
    assert.same({0, 2}, embed(rnn.zeros({0}, "int32")):shape())
  end)

  it("takes no memory from the third step on", function()
    local embed = rnn.Embedding(50, 8, {dropout = 0.1})
    local ids, before = some_ids(50, 4, 3), nil
    for step = 1, 20 do
      if step == 3 then before = rnn.memory().mallocs end
      local tape <close> = rnn.tape()
      tape:backward(embed(ids):sum())
    end
    assert.equal(before, rnn.memory().mallocs)
  end)

  it("survives a file", function()
    local path = os.tmpname()
    assert(rnn.save(path, {embed = rnn.Embedding(4, 2, {dropout = 0.1})}))
    local m = assert(rnn.load_model(path))
    os.remove(path)
    assert.equal("Embedding(4, 2, dropout=0.1)", tostring(m.embed))
  end)

  it("names what is wrong", function()
    assert_raises("Embedding: 'dropout' must be from 0 to 1, got 1.5",
                  rnn.Embedding, 4, 2, {dropout = 1.5})
    assert_raises("Embedding: 'dropout' must be from 0 to 1, got " .. 0 / 0,
                  rnn.Embedding, 4, 2, {dropout = 0 / 0})
    local _ <close> = rnn.tape()
    assert_raises("embedding: 'ids' holds 5 at position 2; ids run from 1 " ..
                  "to 4", rnn.Embedding(4, 2, {dropout = 0.5}),
                  rnn.ids {1, 5})
  end)
end)

describe("word_dropout", function()
  it("puts the unknown id in the place of a share of the ids", function()
    local ids = some_ids(9, 200, 100)
    local _ <close> = rnn.tape()
    local before, dropped = array.of(ids), 0
    for i, id in ipairs(array.of(rnn.word_dropout(ids, 0.3, 10))) do
      if id == 10 then
        dropped = dropped + 1
      else
        assert.equal(before[i], id)
      end
    end
    assert.is_true(math.abs(dropped / 20000 - 0.3) <
                   5 * math.sqrt(0.3 * 0.7 / 20000))
    assert.same(before, array.of(ids))
  end)

  it("draws from the generator of rnn.seed, anew in each call", function()
    local ids = some_ids(9, 8, 8)
    local _ <close> = rnn.tape()
    local function draw() return rnn.word_dropout(ids, 0.5, 1):totable() end
    rnn.seed(4)
    local first, second = draw(), draw()
    assert.not_same(first, second)
    rnn.seed(4)
    assert.same(first, draw())
  end)

  it("does nothing without a tape or with p = 0", function()
    local ids = rnn.ids {{1, 2}, {3, 4}}
    assert.equal(ids, rnn.word_dropout(ids, 1, 9))
    local _ <close> = rnn.tape()
    assert.equal(ids, rnn.word_dropout(ids, 0, 9))
    assert.same({{9, 9}, {9, 9}}, rnn.word_dropout(ids, 1, 9):totable())
    assert.same({0}, rnn.word_dropout(rnn.zeros({0}, "int32"), 1, 9):shape())
  end)

  it("names what is wrong", function()
    local ids = rnn.ids {1}
    assert_raises("word_dropout: 'ids' must be an int32 tensor, got float64",
                  rnn.word_dropout, rnn.ones {2}, 0.1, 1)
    assert_raises("word_dropout: 'ids' must be an int32 tensor, got table",
                  rnn.word_dropout, {1}, 0.1, 1)
    for _, p in ipairs {-0.5, 1.5, "x"} do
      assert_raises("word_dropout: 'p' must be from 0 to 1, got " .. p,
                    rnn.word_dropout, ids, p, 1)
    end
    for _, id in ipairs {0, 1.5, "nil"} do
      assert_raises("word_dropout: 'unknown' must be an id, an integer " ..
                    ">= 1, got " .. id, rnn.word_dropout, ids, 0.1,
                    id ~= "nil" and id or nil)
    end
  end)
end)

---Means of squares of h (T,N,F) and of its steps, written out.
local function by_hand(h, lengths)
  local rows = h:totable()
  local ar, tar, n, m = 0, 0, 0, 0
  for t = 1, #rows do
    for k = 1, #rows[t] do
      local L = lengths and lengths[k] or #rows
      for f, v in ipairs(rows[t][k]) do
        if t <= L then ar, n = ar + v ^ 2, n + 1 end
        if t < L then
          tar, m = tar + (rows[t + 1][k][f] - v) ^ 2, m + 1
        end
      end
    end
  end
  return ar / math.max(n, 1), tar / math.max(m, 1)
end

describe("ar and tar", function()
  it("are the means of squares they say", function()
    for _, lengths in ipairs {false, {5, 2, 0}, {1, 1, 1}, {5, 5, 5}} do
      local h, o = random(1, {5, 3, 2}), lengths and {lengths = lengths}
      local ar, tar = by_hand(h, lengths)
      assert.is_true(math.abs(ar - rnn.ar(h, o or nil):item()) < 1e-15)
      assert.is_true(math.abs(tar - rnn.tar(h, o or nil):item()) < 1e-15)
    end
  end)

  it("have the right gradients", function()
    for _, lengths in ipairs {false, {5, 2, 0}} do
      local h = rnn.param(random(2, {5, 3, 2}))
      local o = lengths and {lengths = lengths} or nil
      check_gradients(function() return rnn.ar(h, o), rnn.tar(h, o) end, {h})
    end
  end)

  it("what lies beyond the lengths does not count, not even NaN", function()
    local h = random(3, {3, 2, 2})
    local o = {lengths = {1, 3}}
    local ar, tar = rnn.ar(h, o):item(), rnn.tar(h, o):item()
    local list = array.of(h)
    list[9] = 0 / 0   -- step 3 of row 1
    h = rnn.tensor(list):reshape {3, 2, 2}
    assert.equal(ar, rnn.ar(h, o):item())
    assert.equal(tar, rnn.tar(h, o):item())
  end)

  it("are 0 of nothing", function()
    assert.equal(0, rnn.tar(random(4, {1, 3, 2})):item())
    assert.equal(0, rnn.tar(rnn.zeros {0, 3, 2}):item())
    assert.equal(0, rnn.ar(rnn.zeros {0, 3, 2}):item())
    assert.equal(0, rnn.ar(random(4, {2, 2, 2}), {lengths = {0, 0}}):item())
  end)

  it("can be added to a loss with one step", function()
    local h = rnn.param(random(5, {1, 2, 2}))
    local tape <close> = rnn.tape()
    tape:backward(rnn.ar(h) + 2 * rnn.tar(h))
    assert.is_true(h.grad ~= nil)
  end)

  it("name what is wrong", function()
    assert_raises("ar: 'h' must be a tensor (T, N, F), got nil", rnn.ar)
    assert_raises("tar: 'h' must be a tensor (T, N, F), got ()", rnn.tar,
                  rnn.zeros {})
    assert_raises("ar: 'h' must be a tensor (T, N, F), got (2, 3)", rnn.ar,
                  rnn.zeros {2, 3}, {lengths = {1, 1, 1}})
    assert_raises("tar: lengths must be 0 to 2, got 3 for row 1", rnn.tar,
                  rnn.zeros {2, 1, 3}, {lengths = {3}})
    assert_raises("tar: unknown option 'length' (it has: lengths)", rnn.tar,
                  rnn.zeros {2, 1, 3}, {length = {3}})
  end)
end)
