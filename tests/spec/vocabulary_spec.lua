---Losses over large vocabularies: AdaptiveSoftmax against frozen PyTorch
---vectors and against the softmax it factors, SampledSoftmax against its
---formula.
local rnn = require "rnn"
local array = require "tests.array"
local gradcheck = require "tests.gradcheck"
local new_random = require "tests.random"
local sandbox = require "tests.sandbox"

local function tensor(t)
  local a = {shape = t.shape, dtype = t.dtype, table.unpack(t.data)}
  return array.tensor(rnn, a, t.dtype)
end

local function assert_same(what, got, want, tol)
  local ok, why = array.compare(array.of(got),
                                {shape = want.shape, table.unpack(want.data)},
                                tol)
  assert.is_true(ok, what .. ": " .. tostring(why))
end

local function random(rand, shape)
  return array.tensor(rnn, array.random(rand, shape, -1, 1), "float64")
end

local function random_ids(rand, shape, V, ignore)
  local a = array.ids(rand, shape, V)
  for i = 1, #a do
    if ignore and rand:chance(0.3) then a[i] = ignore end
  end
  return array.tensor(rnn, a)
end

local function check_gradients(f, layer, x)
  local params = rnn.parameters(layer)
  params[#params + 1] = rnn.param(x)
  local ok, why = gradcheck.check {f = f, params = params, seed = 3}
  assert.is_true(ok, why)
end

local assert_raises = require "tests.raises".exactly

local old_dtype

setup(function()
  old_dtype = rnn.default_dtype()
  rnn.default_dtype "float64"
  rnn.seed(1)
end)
teardown(function()
  rnn.default_dtype(old_dtype)
  sandbox.remove()
end)

---Every reduction, and ids that are ignored.
local function each_option(f)
  for _, ignore in ipairs {false, 0, 3} do
    for _, reduction in ipairs {"mean", "sum", "none"} do
      f {ignore = ignore or nil, reduction = reduction}
    end
  end
end

describe("AdaptiveSoftmax", function()
  for _, v in ipairs(dofile "tests/fixtures/torch_adaptive.lua") do
    it("is PyTorch's: " .. v.name, function()
      local layer = rnn.AdaptiveSoftmax(v.sizes[1], v.sizes[2], v.options)
      local tensors = {}
      for name, t in pairs(v.state_dict) do tensors[name] = tensor(t) end
      assert(rnn.restore(layer, tensors, {strict = true}))
      local x, ids = rnn.param(tensor(v.x)), tensor(v.ids)
      assert_same("log_prob", layer:log_prob(x), v.log_prob, 1e-12)
      assert_same("predict", layer:predict(x), v.predict, 0)
      assert_same("output", -layer:loss(x, ids, {reduction = "none"}),
                  v.output, 1e-12)
      local tape <close> = rnn.tape()
      local loss = layer:loss(x, ids)
      assert_same("loss", loss, v.loss, 1e-12)
      tape:backward(loss)
      assert_same("gradient of x", x.grad, v.grads.x, 1e-12)
      for name, want in pairs(v.grads.params) do
        assert_same(name, layer[name].grad or rnn.zeros(want.shape), want,
                    1e-12)
      end
    end)
  end

  it("has the loss and gradient of softmax over all ids", function()
    local rand = new_random(2)
    each_option(function(opts)
      local layer = rnn.AdaptiveSoftmax(5, 9, {cutoffs = {2, 4, 8},
                                               div_value = 1.5,
                                               head_bias = true})
      local x = random(rand, {3, 2, 5})
      local ids = random_ids(rand, {3, 2}, 9, opts.ignore)
      check_gradients(function() return layer:loss(x, ids, opts) end, layer, x)
      local same, why = array.compare(
        array.of(layer:loss(x, ids, opts)),
        array.of(rnn.nll(layer(x), ids, opts)), 1e-12)
      assert.is_true(same, why)
      local p = layer:log_prob(x):exp():sum(-1)
      assert.is_true((array.compare(array.of(p), array.new({3, 2}, 1.0),
                                    1e-12)))
    end)
  end)

  it("predicts the likeliest id", function()
    local rand = new_random(4)
    local layer = rnn.AdaptiveSoftmax(4, 7, {cutoffs = {1, 3}, div_value = 2})
    local x = random(rand, {40, 4}) * 20
    assert.same(layer:log_prob(x):argmax(-1):totable(),
                layer:predict(x):totable())
  end)

  it("takes no positions, and only ignored ones", function()
    local layer = rnn.AdaptiveSoftmax(4, 7, {cutoffs = {2}})
    local none = rnn.zeros({0}, "int32")
    assert.equal(0.0, layer:loss(rnn.zeros {0, 4}, none):item())
    assert.equal(0.0, layer:loss(rnn.zeros {1, 4}, rnn.ids {0},
                                 {ignore = 0}):item())
    assert.same({0}, layer:predict(rnn.zeros {0, 4}):shape())
  end)

  it("comes back from its file", function()
    local layer = rnn.AdaptiveSoftmax(4, 7, {cutoffs = {2, 5}, div_value = 2})
    assert.equal("AdaptiveSoftmax(4, 7, cutoffs={2, 5}, div_value=2)",
                 tostring(layer))
    local path = sandbox.dir .. "/adaptive.safetensors"
    assert(rnn.save(path, {out = layer}))
    local model = assert(rnn.load_model(path))
    local x = random(new_random(5), {3, 4})
    assert.same(layer(x):totable(), model.out(x):totable())
  end)

  it("says what is wrong", function()
    local make = rnn.AdaptiveSoftmax
    assert_raises("AdaptiveSoftmax: 'cutoffs' must have an id or more", make,
                  4, 7)
    assert_raises("AdaptiveSoftmax: 'cutoffs' must be increasing ids below 7, "
                  .. "got 7 at 2", make, 4, 7, {cutoffs = {2, 7}})
    assert_raises("AdaptiveSoftmax: 'div_value' 4 leaves cluster 2 of 4 units "
                  .. "0", make, 4, 7, {cutoffs = {2, 5}})
    assert_raises("AdaptiveSoftmax: 'div_value' must be above 0, got 0", make,
                  4, 7, {cutoffs = {2, 5}, div_value = 0})
    local layer = make(4, 7, {cutoffs = {2}})
    assert_raises("AdaptiveSoftmax: 'ids' holds 8 at position 2; ids run from "
                  .. "1 to 7", layer.loss, layer, rnn.zeros {2, 4},
                  rnn.ids {1, 8})
    assert_raises("AdaptiveSoftmax: 'ids' must be (2), got (1)", layer.loss,
                  layer, rnn.zeros {2, 4}, rnn.ids {1})
  end)
end)

describe("SampledSoftmax", function()
  ---What loss draws after rnn.seed(seed), by the words of its definition.
  local function drawn(seed, V, samples)
    rnn.seed(seed)
    local sample, count, draws = {}, 0, 0
    while count < samples do
      draws = draws + 1
      local id = math.floor(math.exp(rnn.random() * math.log(V + 1)))
      if not sample[id] then
        sample[id] = true
        count = count + 1
      end
    end
    return sample, draws
  end

  ---The loss of one row by its formula.
  local function formula(scores, id, sample, draws)
    local V = #scores
    local function score(v)
      local p = math.log((v + 1) / v) / math.log(V + 1)
      return scores[v] - math.log(1 - (1 - p) ^ draws)
    end
    local sum = math.exp(score(id))
    for v in pairs(sample) do
      if v ~= id then sum = sum + math.exp(score(v)) end
    end
    return math.log(sum) - score(id)
  end

  it("is its formula", function()
    local rand = new_random(6)
    for seed = 1, 20 do
      local V = rand:int(1, 12)
      local samples = rand:int(1, V)
      local layer = rnn.SampledSoftmax(3, V, {samples = samples,
                                              bias = seed % 2 == 0})
      local x = random(rand, {5, 3})
      local ids = random_ids(rand, {5}, V)
      local sample, draws = drawn(seed, V, samples)
      rnn.seed(seed)
      local got = layer:loss(x, ids, {reduction = "none"}):totable()
      local scores, list = layer(x):totable(), ids:totable()
      for i = 1, 5 do
        assert.near(formula(scores[i], list[i], sample, draws), got[i], 1e-11)
      end
    end
  end)

  it("has the right gradient, and only where it was drawn or meant", function()
    local rand = new_random(7)
    each_option(function(opts)
      local layer = rnn.SampledSoftmax(3, 40, {samples = 6})
      local x = random(rand, {2, 2, 3})
      local ids = random_ids(rand, {2, 2}, 40, opts.ignore)
      check_gradients(function() return layer:loss(x, ids, opts) end, layer, x)
    end)
    local layer = rnn.SampledSoftmax(3, 40, {samples = 6})
    local sample, x = drawn(9, 40, 6), random(rand, {2, 3})
    rnn.seed(9)
    do
      local tape <close> = rnn.tape()
      tape:backward(layer:loss(x, rnn.ids {39, 40}))
    end
    for v, row in ipairs(layer.weight.grad:totable()) do
      local touched = sample[v] or v >= 39
      assert.equal(touched or false, row[1] ~= 0.0, v)
      assert.equal(touched or false, layer.bias.grad:totable()[v] ~= 0.0, v)
    end
  end)

  it("learns the distribution of all ids", function()
    rnn.seed(3)
    local V = 30
    local layer = rnn.SampledSoftmax(1, V, {samples = 8})
    local x, list, want = rnn.ones {64, 1}, {}, 0.0
    for i = 1, 64 do list[i] = math.min(V, (i * i) // 64 + 1) end
    local count = {}
    for _, id in ipairs(list) do count[id] = (count[id] or 0) + 1 end
    for _, n in pairs(count) do want = want - n / 64 * math.log(n / 64) end
    local ids = rnn.ids(list)
    local opt = rnn.Adam(rnn.parameters(layer), {lr = 0.05})
    for step = 1, 800 do
      opt.lr = 0.05 * (1 - (step - 1) / 800)
      local tape <close> = rnn.tape()
      tape:backward(layer:loss(x, ids))
      opt:step()
    end
    assert.near(want, rnn.cross_entropy(layer(x), ids):item(), 0.05)
  end)

  it("says what is wrong", function()
    assert_raises("SampledSoftmax: 'samples' must be an integer from 1 to 7, "
                  .. "got 8", rnn.SampledSoftmax, 3, 7, {samples = 8})
    local layer = rnn.SampledSoftmax(3, 7, {samples = 2})
    assert_raises("SampledSoftmax: 'ids' holds 0 at position 1; ids run from "
                  .. "1 to 7", layer.loss, layer, rnn.zeros {1, 3},
                  rnn.ids {0})
  end)
end)
