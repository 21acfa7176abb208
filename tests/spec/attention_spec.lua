-- Attention, normalisation, convolution, pooling and the blocks made of them:
-- parity with PyTorch, gradients, what padding may not change, model files.

local rnn = require "rnn"
local array = require "tests.array"
local gradcheck = require "tests.gradcheck"
local new_random = require "tests.random"

local function random(rand, shape)
  return array.tensor(rnn, array.random(rand, shape, -1, 1), "float64")
end

local assert_raises = require "tests.raises".exactly

local function assert_same(got, want, tol, what)
  local ok, why = array.compare(array.of(got), array.of(want), tol)
  assert.is_true(ok, (what or "") .. " " .. tostring(why))
end

---Fails unless the gradients of a layer and of its inputs are right.
local function check_gradients(what, f, model, inputs, opts)
  local params = rnn.parameters(model)
  for _, t in ipairs(inputs) do params[#params + 1] = rnn.param(t) end
  local ok, why = gradcheck.check {
    f = f, params = params, seed = 1, taped = opts and opts.taped,
    sample = opts and opts.sample}
  assert.is_true(ok, what .. ": " .. tostring(why))
end

---Lengths of N rows of 'least' to T steps.
local function lengths_of(rand, T, N, least)
  local list = {}
  for n = 1, N do list[n] = rand:int(least or 1, T) end
  return list
end

-- {== PyTorch ================================================================

local TOLERANCE = {float64 = 1e-12, float32 = 2e-5}

local function tensor(t, dtype)
  return array.tensor(rnn, {shape = t.shape, table.unpack(t.data)}, dtype)
end

local function assert_tensor(what, got, want, dtype)
  assert(got, what .. " is missing")
  assert.equal(dtype, got.dtype, what)
  assert_same(got, tensor(want, dtype), TOLERANCE[dtype], what)
end

---What a vector calls its layer with, and the tensors among it.
local function arguments(v, dtype)
  local args, leaves = {n = #v.args}, {}
  for i, a in ipairs(v.args) do
    args[i] = a or nil
    if a and a.data then
      args[i] = rnn.param(tensor(a, dtype))
      leaves[#leaves + 1] = args[i]
    end
  end
  return args, leaves
end

local function check_layer(v, dtype)
  rnn.default_dtype(dtype)
  local sizes = {table.unpack(v.sizes)}
  sizes[#sizes + 1] = v.options
  local layer = rnn[v.kind](table.unpack(sizes))
  local tensors, params = {}, {}
  for _, s in ipairs(v.state_dict) do
    tensors[s.name] = tensor(s.value, dtype)
  end
  assert(rnn.restore(layer, tensors, {strict = true}))
  local all = rnn.parameters(layer)
  for i, name in ipairs(all.names) do params[name] = all[i] end
  local args, leaves = arguments(v, dtype)
  if not v.training then
    assert_tensor("output", layer(table.unpack(args, 1, args.n)),
                  v.outputs[1], dtype)
    return
  end
  local tape <close> = rnn.tape()
  local out, loss = {layer(table.unpack(args, 1, args.n))}, nil
  for k, want in ipairs(v.outputs) do
    assert_tensor("output " .. k, out[k], want, dtype)
    local part = (out[k] * tensor(v.weights[k], dtype)):sum()
    loss = loss and loss + part or part
  end
  tape:backward(loss)
  for _, p in ipairs(v.params) do
    assert_tensor("gradient of " .. p.name, params[p.name].grad, p.grad, dtype)
  end
  for i, want in ipairs(v.grads) do
    assert_tensor("gradient of input " .. i, leaves[i].grad, want, dtype)
  end
  for _, k in ipairs(v.kept) do
    assert_tensor(k.name, layer[k.name], k.value, dtype)
  end
end

-- }===========================================================================

local old_dtype

describe("attention and its company", function()
  setup(function() old_dtype = rnn.default_dtype() end)

  before_each(function()
    rnn.default_dtype("float64")
    rnn.seed(1)
  end)

  after_each(function() rnn.default_dtype(old_dtype) end)

  describe("as PyTorch", function()
    local vectors = dofile "tests/fixtures/torch_attention_layers.lua"
    for _, v in ipairs(vectors) do
      for dtype in pairs(TOLERANCE) do
        it(v.name .. " " .. dtype, function() check_layer(v, dtype) end)
      end
    end
  end)

  describe("Attention", function()
    local KINDS = {"additive", "dot", "general", "scaled_dot"}

    ---An attention, and queries, keys, values of random sizes.
    local function random_one(rand, kind, i)
      local T, S, N = rand:int(1, 3), rand:int(1, 4), rand:int(1, 3)
      local Q, K, V = rand:int(1, 3), rand:int(1, 3), rand:int(1, 3)
      if kind == "dot" or kind == "scaled_dot" then Q = K end
      local layer = rnn.Attention(Q, K, {kind = kind, size = i % 3})
      local query = random(rand, i % 2 == 0 and {T, N, Q} or {N, Q})
      return layer, query, random(rand, {S, N, K}),
             i % 4 > 1 and random(rand, {S, N, V}) or nil,
             i % 3 > 0 and lengths_of(rand, S, N) or nil
    end

    it("has the right gradients and shapes", function()
      local rand = new_random(1)
      for _, kind in ipairs(KINDS) do
        for i = 1, 8 do
          local layer, query, keys, values, lengths = random_one(rand, kind, i)
          local shape = query:shape()
          shape[#shape] = (values or keys):shape()[3]
          local context, weights = layer(query, keys, values, lengths)
          assert.same(shape, context:shape())
          if #shape == 3 then shape = {shape[2], shape[1]}
          else shape = {shape[1]} end
          shape[#shape + 1] = keys:shape()[1]
          assert.same(shape, weights:shape())
          check_gradients(kind, function()
            return layer(query, keys, values, lengths)
          end, layer, {query, keys, values})
        end
      end
    end)

    it("weighs by the softmax of its scores", function()
      local q, k = rnn.tensor {{0.5, -1}}, rnn.tensor {{{1, 2}}, {{-1, 3}}}
      local score = {-1.5, -3.5}
      local function weights(kind, change)
        local layer = rnn.Attention(2, 2, {kind = kind})
        if change then change(layer) end
        return select(2, layer(q, k)):totable()[1]
      end
      local function softmax(a, b)
        return {1 / (1 + math.exp(b - a)), 1 / (1 + math.exp(a - b))}
      end
      local function near(want, got)
        for i = 1, 2 do assert.near(want[i], got[i], 1e-15) end
      end
      near(softmax(table.unpack(score)), weights "dot")
      near(softmax(score[1] / 2 ^ 0.5, score[2] / 2 ^ 0.5),
           weights "scaled_dot")
      near(softmax(2 * score[1], 2 * score[2]),
           weights("general", function(layer)
             layer.weight:copy(rnn.tensor {{2, 0}, {0, 2}})
           end))
      local function tanh(x) return 1 - 2 / (math.exp(2 * x) + 1) end
      near(softmax(3 * tanh(1.5) - tanh(1), 3 * tanh(-0.5) - tanh(2)),
           weights("additive", function(layer)
             layer.weight:copy(rnn.tensor {3, -1})
             layer.weight_query:copy(rnn.tensor {{1, 0}, {0, 1}})
             layer.weight_key:copy(rnn.tensor {{1, 0}, {0, 1}})
           end))
    end)

    it("does not see what is beyond the lengths", function()
      local rand = new_random(2)
      for _, kind in ipairs(KINDS) do
        local layer = rnn.Attention(3, 3, {kind = kind})
        local query, keys = random(rand, {2, 3}), random(rand, {5, 2, 3})
        local y, weights = layer(query, keys, nil, {5, 3})
        local alone = layer(query:slice(1, 2, 2),
                            keys:slice(2, 2, 2):slice(1, 1, 3))
        assert_same(y:slice(1, 2, 2), alone, 1e-14, kind)
        assert.same({0.0, 0.0}, weights:slice(2, 4, 5)[2]:totable())
      end
    end)

    it("asks a memory step by step", function()
      local rand = new_random(3)
      for _, kind in ipairs(KINDS) do
        local layer = rnn.Attention(3, 3, {kind = kind})
        local query, keys = random(rand, {4, 2, 3}), random(rand, {5, 2, 3})
        local values = random(rand, {5, 2, 2})
        local memory = layer:memory(keys, values, {5, 3})
        local whole, weights = layer(query, keys, values, {5, 3})
        for t = 1, 4 do
          local y, w = layer(query[t], memory)
          assert_same(y, whole[t], 1e-14)
          assert_same(w, weights:select(2, t), 1e-14)
        end
      end
    end)

    it("names what is wrong", function()
      assert_raises("Attention: 'kind' must be additive, dot, general or " ..
                    "scaled_dot, got 'loud'", rnn.Attention, 2, 2,
                    {kind = "loud"})
      assert_raises("Attention: 'dot' needs query_size = key_size, got 2 and 3",
                    rnn.Attention, 2, 3, {kind = "dot"})
    end)
  end)

  describe("MultiheadAttention", function()
    it("has the right gradients with its options", function()
      local rand = new_random(4)
      for i = 1, 12 do
        local heads, d = rand:int(1, 3), rand:int(1, 2)
        local S, N = rand:int(1, 4), rand:int(1, 3)
        local T = i % 3 == 0 and S or rand:int(1, 3)
        local E = heads * d
        local kdim = i % 4 == 0 and E + 1 or E
        local layer = rnn.MultiheadAttention(E, heads, {
          bias = i % 2 == 0, causal = i % 3 == 0, kdim = kdim,
          dropout = i % 5 == 0 and 0.3 or 0.0, weights = i % 2 == 1})
        local q, k = random(rand, {T, N, E}), random(rand, {S, N, kdim})
        local v = random(rand, {S, N, E})
        local lengths = i % 2 == 0 and lengths_of(rand, S, N) or nil
        local mask = i == 7 and rnn.zeros {T, S} or nil
        check_gradients("case " .. i, function()
          return layer(q, k, v, lengths, mask)
        end, layer, {q, k, v}, {taped = true})
      end
    end)

    it("asks a memory step by step", function()
      local rand = new_random(5)
      for _, kdim in ipairs {4, 3} do
        local layer = rnn.MultiheadAttention(4, 2, {kdim = kdim, vdim = kdim})
        local query, keys = random(rand, {3, 2, 4}), random(rand, {5, 2, kdim})
        local memory = layer:memory(keys, nil, {5, 2})
        local whole, weights = layer(query, keys, keys, {5, 2})
        for t = 1, 3 do
          local y, w = layer(query:slice(1, t, t), memory)
          assert_same(y, whole:slice(1, t, t), 1e-14)
          assert_same(w, weights:slice(2, t, t), 1e-14)
        end
      end
    end)

    it("names what is wrong", function()
      assert_raises("MultiheadAttention: 'num_heads' must divide " ..
                    "'embed_dim', got 4 and 6", rnn.MultiheadAttention, 6, 4)
      assert_raises("MultiheadAttention: 'dropout' must be from 0 to 1, " ..
                    "got 2", rnn.MultiheadAttention, 6, 3, {dropout = 2})
    end)
  end)

  describe("AttentionPool", function()
    it("has the right gradients and leaves padding out", function()
      local rand = new_random(5)
      for i = 1, 6 do
        local T, N, F = rand:int(1, 4), rand:int(1, 3), rand:int(1, 3)
        local pool = rnn.AttentionPool(F, {hidden = i % 3})
        local x = random(rand, {T, N, F})
        local lengths = i % 2 == 0 and lengths_of(rand, T, N) or nil
        local y, weights = pool(x, lengths)
        assert.same({N, F}, y:shape())
        assert_same(weights:sum(2), rnn.ones {N}, 1e-14)
        check_gradients("pool", function() return pool(x, lengths) end, pool,
                        {x})
      end
      local pool, x = rnn.AttentionPool(3), random(rand, {5, 2, 3})
      assert_same(pool(x, {5, 2}):slice(1, 2, 2),
                  pool(x:slice(2, 2, 2):slice(1, 1, 2)), 1e-14)
    end)
  end)

  describe("TransformerBlock", function()
    it("has the right gradients with its options", function()
      local rand = new_random(6)
      for i = 1, 8 do
        local heads = rand:int(1, 2)
        local dim, N, T, S = 2 * heads, rand:int(1, 2), rand:int(1, 3), 3
        local decoder = i % 2 == 0
        local block = rnn.TransformerBlock(dim, heads, {
          ff = rand:int(1, 3), decoder = decoder, activation = "gelu",
          norm_first = i % 4 < 2, causal = i % 3 == 0, bias = i ~= 5,
          dropout = i > 6 and 0.4 or 0.0})
        local x = random(rand, {T, N, dim})
        local memory = decoder and random(rand, {S, N, dim}) or nil
        local lengths = i % 3 == 1 and lengths_of(rand, T, N) or nil
        check_gradients("case " .. i, function()
          return block(x, lengths, memory, memory and lengths_of(
            new_random(i), S, N))
        end, block, {x, memory}, {taped = true})
      end
    end)

    it("shows no step what comes later, if causal", function()
      local rand = new_random(7)
      for _, decoder in ipairs {true, false} do
        local block = rnn.TransformerBlock(4, 2, {causal = not decoder,
                                                  decoder = decoder})
        local x, memory = random(rand, {5, 2, 4}), nil
        if decoder then memory = random(rand, {3, 2, 4}) end
        assert_same(block(x, nil, memory):slice(1, 1, 3),
                    block(x:slice(1, 1, 3), nil, memory), 1e-13)
      end
    end)

    it("shows no row what is beyond its length", function()
      local block, x = rnn.TransformerBlock(4, 2), rnn.randn {5, 2, 4}
      local y = block(x, {5, 3}):slice(2, 2, 2):slice(1, 1, 3)
      assert_same(y, block(x:slice(2, 2, 2):slice(1, 1, 3)), 1e-13)
    end)

    it("names what is wrong", function()
      assert_raises("TransformerBlock: self_attn: 'num_heads' must divide " ..
                    "'embed_dim', got 4 and 6", rnn.TransformerBlock, 6, 4)
      local x = rnn.zeros {2, 1, 4}
      assert_raises("TransformerBlock: a decoder needs a memory: " ..
                    "block(x, lengths, memory)",
                    rnn.TransformerBlock(4, 2, {decoder = true}), x)
      assert_raises("TransformerBlock: only a decoder has a memory; make it " ..
                    "with {decoder = true}", rnn.TransformerBlock(4, 2), x,
                    nil, x)
    end)
  end)

  describe("Positions", function()
    it("adds sines and cosines", function()
      local y = rnn.Positions(3, {max = 5})(rnn.zeros {2, 1, 3}, 4)
      for t = 1, 2 do
        local a = t + 2
        local want = {math.sin(a), math.cos(a),
                      math.sin(a * 10000 ^ (-2 / 3))}
        for i = 1, 3 do
          assert.near(want[i], y[t][1][i]:item(), 1e-15)
        end
      end
    end)

    it("learns, if it is to", function()
      local layer = rnn.Positions(2, {kind = "learned", max = 4})
      local x = random(new_random(8), {2, 3, 2})
      check_gradients("Positions", function() return layer(x, 2) end, layer,
                      {x})
      assert.equal(0, #rnn.parameters(rnn.Positions(2)))
    end)

    it("names what is wrong", function()
      local layer = rnn.Positions(2, {max = 4})
      assert_raises("Positions: steps 3 to 5 are not within 1 to 4; make it " ..
                    "with a larger 'max'", layer, rnn.zeros {3, 1, 2}, 3)
      assert_raises("Positions: x must be (T, N, 2), got (3, 2)", layer,
                    rnn.zeros {3, 2})
    end)
  end)

  describe("LayerNorm", function()
    it("has the right gradients", function()
      local rand = new_random(9)
      for i = 1, 6 do
        local F = rand:int(1, 4)
        local norm = rnn.LayerNorm(F, {affine = i > 2, bias = i ~= 3})
        local x = random(rand, {rand:int(1, 3), rand:int(1, 3), F})
        check_gradients("LayerNorm", function() return norm(x) end, norm, {x})
      end
    end)

    it("names what is wrong", function()
      assert_raises("LayerNorm: x must be (..., 3), got (2, 4)",
                    rnn.LayerNorm(3), rnn.zeros {2, 4})
      assert_raises("LayerNorm: 'eps' must be a number >= 0, got -1.0",
                    rnn.LayerNorm, 3, {eps = -1.0})
    end)
  end)

  describe("BatchNorm", function()
    it("has the right gradients", function()
      local rand = new_random(10)
      for i = 1, 8 do
        local T, N, F = rand:int(2, 4), rand:int(1, 3), rand:int(1, 3)
        local norm = rnn.BatchNorm(F, {affine = i > 2})
        local x = random(rand, {T, N, F})
        local lengths = i % 2 == 0 and lengths_of(rand, T, N, 2) or nil
        check_gradients("BatchNorm", function() return norm(x, lengths) end,
                        norm, {x}, {taped = true})
      end
    end)

    it("leaves padding out of its statistics", function()
      local rand = new_random(11)
      local padded, plain = rnn.BatchNorm(2), rnn.BatchNorm(2)
      local x = random(rand, {4, 2, 2})
      local rows = rnn.op.cat({x:select(2, 1), x:select(2, 2):slice(1, 1, 2)})
      local _ <close> = rnn.tape()
      local y, want = padded(x, {4, 2}), plain(rows)
      assert_same(padded.running_mean, plain.running_mean, 1e-15)
      assert_same(padded.running_var, plain.running_var, 1e-15)
      assert_same(y:select(2, 1), want:slice(1, 1, 4), 1e-14)
      assert_same(y:select(2, 2):slice(1, 3, 4), rnn.zeros {2, 2}, 0)
    end)

    it("without a tape uses the running statistics and leaves them", function()
      local norm = rnn.BatchNorm(2)
      norm.running_mean:copy(rnn.tensor {1, 2})
      norm.running_var:copy(rnn.tensor {4, 9})
      local y = norm(rnn.tensor {{{3, 5}}, {{1, 2}}}, {1})
      assert_same(y, rnn.tensor {{{1, 1}}, {{0, 0}}}, 1e-5)
      assert.same({1.0, 2.0}, norm.running_mean:totable())
    end)

    it("names what is wrong", function()
      local norm = rnn.BatchNorm(2)
      assert_raises("BatchNorm: x must be (..., 2), got (3)", norm,
                    rnn.zeros {3})
      assert_raises("BatchNorm: lengths must be 0 to 1, got 2 for row 1",
                    norm, rnn.zeros {1, 1, 2}, {2})
      local _ <close> = rnn.tape()
      assert_raises("BatchNorm: the variance of a batch needs 2 steps or " ..
                    "more, got 1", norm, rnn.zeros {1, 2})
    end)
  end)

  describe("Conv1d", function()
    it("has the right gradients and leaves padding out", function()
      local rand = new_random(12)
      for i = 1, 8 do
        local T, N, C, O = 5, rand:int(1, 3), rand:int(1, 3), rand:int(1, 3)
        local conv = rnn.Conv1d(C, O, rand:int(1, 3), {
          stride = rand:int(1, 2), padding = i % 2 == 0 and 1 or 0,
          causal = i % 4 == 1, bias = i ~= 3})
        local x = random(rand, {T, N, C})
        local lengths = lengths_of(rand, T, N, 3)
        check_gradients("Conv1d", function()
          return (conv(x, lengths))
        end, conv, {x})
        local y, left = conv(x, lengths)
        for n, length in ipairs(lengths) do
          local alone = conv(x:slice(2, n, n):slice(1, 1, length))
          assert.equal(alone:shape()[1], left[n])
          assert_same(y:slice(2, n, n):slice(1, 1, left[n]), alone, 1e-14)
        end
      end
    end)

    it("names what is wrong", function()
      assert_raises("Conv1d: 'kernel' must be at least 1, got 0", rnn.Conv1d,
                    2, 2, 0)
      assert_raises("Conv1d: 'stride' must be an integer >= 1, got 0",
                    rnn.Conv1d, 2, 2, 1, {stride = 0})
      assert_raises("Conv1d: lengths must have one integer for each of 1 " ..
                    "rows, got 2", rnn.Conv1d(2, 2, 1), rnn.zeros {3, 1, 2},
                    {1, 2})
    end)
  end)

  describe("Pool", function()
    local x

    before_each(function()
      x = rnn.tensor {{{1, -5}, {2, 2}}, {{3, -7}, {9, 9}}}
    end)

    it("pools the steps within the lengths", function()
      assert.same({{2.0, -6.0}, {2.0, 2.0}},
                  rnn.Pool()(x, {2, 1}):totable())
      assert.same({{3.0, -5.0}, {2.0, 2.0}},
                  rnn.Pool("max")(x, {2, 1}):totable())
      assert.same({{3.0, -7.0}, {2.0, 2.0}},
                  rnn.Pool("last")(x, {2, 1}):totable())
      assert.same({{2.0, -6.0}, {5.5, 5.5}}, rnn.Pool("mean")(x):totable())
      assert.same({{3.0, -5.0}, {9.0, 9.0}}, rnn.Pool("max")(x):totable())
      assert.same({{3.0, -7.0}, {9.0, 9.0}}, rnn.Pool("last")(x):totable())
    end)

    it("has the right gradients", function()
      for _, kind in ipairs {"mean", "max", "last"} do
        for _, lengths in ipairs {false, {2, 1}} do
          local input = x:clone()
          check_gradients(kind, function()
            return rnn.Pool(kind)(input, lengths or nil)
          end, {}, {input})
        end
      end
    end)

    it("names what is wrong", function()
      assert_raises("Pool: 'kind' must be mean, max or last, got 'min'",
                    rnn.Pool, "min")
      assert_raises("Pool: lengths must be 1 to 2, got 0 for row 2",
                    rnn.Pool(), x, {1, 0})
      assert_raises("Pool: x must be (T, N, F) with a step or more, got " ..
                    "(0, 2, 2)", rnn.Pool(), rnn.zeros {0, 2, 2})
    end)
  end)

  describe("MLP", function()
    it("has the right gradients", function()
      local rand = new_random(13)
      for _, activation in ipairs {"tanh", "gelu", "sigmoid"} do
        local mlp = rnn.MLP({2, 3, 1, 2}, {activation = activation,
                                           dropout = 0.3})
        local x = random(rand, {2, 3, 2})
        check_gradients("MLP", function() return mlp(x) end, mlp, {x},
                        {taped = true})
      end
    end)

    it("is its linear layers", function()
      local mlp, x = rnn.MLP {2, 4, 3}, rnn.randn {5, 2}
      assert_same(mlp(x), mlp.linear2(mlp.linear1(x):relu()), 0)
    end)

    it("names what is wrong", function()
      assert_raises("MLP: 'sizes' must be a list of 2 integers or more, got 1",
                    rnn.MLP, {3})
      assert_raises("MLP: linear2: 'output_size' must be an integer >= 0, " ..
                    "got x", rnn.MLP, {3, 2, "x"})
      assert_raises("MLP: 'sizes' must be a list of integers, got number",
                    rnn.MLP, 3)
    end)
  end)

  describe("documentation", function()
    ---The last indented lines of the comment at the head of a layer's file.
    local function example(name)
      local lines = {}
      for line in io.lines("lua/rnn/layers/" .. name:lower() .. ".lua") do
        if not line:find "^%-%-%-" then break end
        if line == "---" then lines = {} end
        lines[#lines + 1] = line:match "^%-%-%-    (.*)"
      end
      return table.concat(lines, "\n")
    end

    for _, name in ipairs {"Attention", "AttentionPool", "BatchNorm", "Conv1d",
                           "LayerNorm", "MLP", "MultiheadAttention", "Pool",
                           "Positions", "TransformerBlock"} do
      it("of " .. name .. " has an example that runs", function()
        local code = example(name)
        assert.matches("rnn." .. name .. "%f[%W]", code)
        assert(load(code, name, "t", {rnn = rnn}))()
      end)
    end
  end)

  describe("model files", function()
    local path = os.tmpname()

    teardown(function() os.remove(path) end)

    local function model()
      return {
        block = rnn.TransformerBlock(4, 2, {decoder = true, ff = 3}),
        attention = rnn.Attention(2, 3, {kind = "general"}),
        norm = rnn.BatchNorm(3), pool = rnn.AttentionPool(2),
        positions = rnn.Positions(2, {max = 3}), conv = rnn.Conv1d(2, 2, 3),
        stack = {rnn.MLP({2, 3, 1}), rnn.Pool("max")},
      }
    end

    it("hold layers inside layers under PyTorch's names", function()
      local m = model()
      assert(rnn.save(path, m))
      local tensors = assert(rnn.load(path))
      for name, shape in pairs {
        ["block.self_attn.in_proj_weight"] = {12, 4},
        ["block.multihead_attn.out_proj.bias"] = {4},
        ["block.linear1.weight"] = {3, 4}, ["block.norm3.weight"] = {4},
        ["norm.running_var"] = {3}, ["stack.1.linear2.bias"] = {1},
        ["positions.weight"] = {3, 2},
      } do
        assert.same(shape, tensors[name]:shape())
      end
    end)

    it("give the same model back", function()
      local m = model()
      do
        local _ <close> = rnn.tape()
        m.norm(rnn.randn {5, 3})
      end
      assert(rnn.save(path, m))
      rnn.seed(2)
      rnn.default_dtype("float64")
      local back, other = assert(rnn.load_model(path)), model()
      assert(rnn.restore(other, path))
      local x, memory = rnn.randn {3, 2, 4}, rnn.randn {2, 2, 4}
      for _, got in ipairs {back, other} do
        assert_same(got.block(x, nil, memory), m.block(x, nil, memory), 0)
        assert_same(got.norm(x:slice(3, 1, 3)), m.norm(x:slice(3, 1, 3)), 0)
        assert_same(got.stack[1](x:slice(3, 1, 2)),
                    m.stack[1](x:slice(3, 1, 2)), 0)
        assert_same(got.positions.weight, m.positions.weight, 0)
        assert.equal("Pool(kind=max)", tostring(got.stack[2]))
        assert.same(rnn.parameters(m).names, rnn.parameters(got).names)
      end
    end)

    it("of one layer hold it whole", function()
      local norm = rnn.BatchNorm(2)
      norm.running_mean:fill(3)
      assert(rnn.save(path, norm))
      local back = assert(rnn.load_model(path))
      assert.same({3.0, 3.0}, back.running_mean:totable())
    end)

    it("with layers inside that do not fit are refused", function()
      local m = {block = rnn.TransformerBlock(4, 2, {ff = 3})}
      assert(rnn.save(path, m))
      local tensors, meta = rnn.load(path)
      local text = meta["rnnlua.layers"]

      local function refused(layers, names, message)
        local kept = {}
        for name, t in pairs(tensors) do
          if names(name) then kept[name] = t end
        end
        local file = io.open(path, "rb"):read "a"
        assert(rnn.save(path, kept, {["rnnlua.layers"] = layers}))
        local got, why = rnn.load_model(path)
        assert.is_nil(got)
        assert.matches(message, why, 1, true)
        local out = io.open(path, "wb")
        out:write(file)
        out:close()
      end

      local function all() return true end
      refused(text:gsub('%[4,2%]', "[4,3]"), all,
              "layer 'block': TransformerBlock: self_attn: 'num_heads'")
      refused(text:gsub('%[4,2%]', "[8,2]"), all,
              "block.norm1.weight is (4), its layer wants (8)")
      refused(text, function(name) return not name:find "out_proj.bias" end,
              "missing block.self_attn.out_proj.bias")
    end)

    it("tell restore what is missing", function()
      local norm = {norm = rnn.BatchNorm(2)}
      local ok, why = rnn.restore(norm, {["norm.weight"] = rnn.ones {2},
                                         ["norm.bias"] = rnn.ones {2}})
      assert.is_nil(ok)
      assert.matches("missing norm.running_mean; missing norm.running_var",
                     why, 1, true)
    end)
  end)
end)
