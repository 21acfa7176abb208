-- What the speed is made of must not change what is computed: kernels of every
-- instruction set, any number of threads, products made once per id, gradients
-- through linear, gates made again, bf16.

local rnn = require "rnn"
local core = require "rnn.core"

local build = "build/" .. (os.getenv "VARIANT" or "release")
local LEVELS = {"portable", "avx2", "avx512", "avx512bf16"}

---The instruction sets this machine has.
local function levels()
  local best, list = core.kernels(), {}
  for _, name in ipairs(LEVELS) do
    list[#list + 1] = name
    if name == best then return list end
  end
end

local function ids(T, N, V, seed)
  local t = rnn.zeros({T, N}, "int32")
  for i = 1, T * N do core.set(t, i, 1 + (i * i * 7 + seed) % V) end
  return t
end

local function flat(t)
  local n = 1
  for _, extent in ipairs(t:shape()) do n = n * extent end
  return t:reshape {n}
end

---Everything a tensor holds, to the last bit.
local function bits(t)
  local v, parts = flat(t), {}
  for i = 1, #v do parts[i] = ("%a"):format(core.get(v, i)) end
  return table.concat(parts, " ")
end

---Largest difference of two tensors.
local function apart(a, b)
  local most = 0.0
  local x, y = flat(a), flat(b)
  for i = 1, #x do
    most = math.max(most, math.abs(core.get(x, i) - core.get(y, i)))
  end
  return most
end

---One training step of a language model: y, loss and all gradients. With
---'apart' no op sees the one that made its input.
local function step(o)
  rnn.seed(o.seed or 5)
  local V, D, H, T, N = o.V or 11, o.D or 13, o.H or 21, o.T or 9, o.N or 7
  local dirs = o.options and o.options.bidirectional and 2 or 1
  local model = {
    embed = rnn.Embedding(V, D),
    net = rnn[o.cell or "LSTM"](D, H, o.options),
    out = rnn.Linear(dirs * (o.options and o.options.proj_size or H), V),
  }
  local tape <close> = rnn.tape()
  local x = model.embed(ids(T, N, V, 3))
  if o.apart then x = x * 1.0 end
  local y = model.net(x, nil, o.lengths)
  local logits = model.out(y)
  if o.apart then logits = logits * 1.0 end
  local loss = rnn.cross_entropy(logits, ids(T, N, V, 4), o.loss)
  tape:backward(o.twice and loss + logits:sum() * 0.01 or loss)
  local result = {y = rnn.detach(y), loss = rnn.detach(loss)}
  for i, p in ipairs(rnn.parameters(model)) do result[i] = p.grad:clone() end
  return result
end

local function assert_same_bits(want, got, what)
  for name, t in pairs(want) do
    assert.equal(bits(t), bits(got[name]), what .. ": " .. name)
  end
end

local function assert_close(want, got, most, what)
  for name, t in pairs(want) do
    local d = apart(t, got[name])
    assert.is_true(d <= most, ("%s: %s is %g off"):format(what, name, d))
  end
end

---Cells in all their forms: a class, options of its own.
local CELLS = {
  {"LSTM"}, {"GRU"}, {"RNN"}, {"LSTM", {layer_norm = true}},
  {"LSTM", {zoneout = 0.2, zoneout_c = 0.1, peephole = true}},
  {"LSTM", {coupled = true, proj_size = 5}},
  {"GRU", {reset = "before", zoneout = 0.2}}, {"RNN", {zoneout = 0.2}},
}

---What step takes: this form, with other options too.
local function form(cell, o, options)
  local all = {cell = cell[1], options = {}}
  for k, v in pairs(o) do all[k] = v end
  for k, v in pairs(cell[2] or {}) do all.options[k] = v end
  for k, v in pairs(options or {}) do all.options[k] = v end
  return all
end

local function title(cell)
  return tostring(rnn[cell[1]](9, 9, cell[2]))
end

local function in_float64(f)
  local before = rnn.default_dtype()
  rnn.default_dtype "float64"
  local ok, why = pcall(f)
  rnn.default_dtype(before)
  if not ok then error(why, 0) end
end

describe("kernels", function()
  local best = core.kernels()
  after_each(function() core.kernels(best) end)

  for _, level in ipairs(levels()) do
    it("of " .. level .. " pass the specs of layers and PyTorch", function()
      local passed = 0
      for _, spec in ipairs {"torch", "layers"} do
        local pipe = io.popen(([[RNNLUA_KERNELS=%s %s/rnnlua tests/busted.lua \
          -o TAP tests/spec/%s_spec.lua 2>&1]]):format(level, build, spec))
        for line in pipe:lines() do
          assert.falsy(line:find "^not ok", line)
          if line:find "^ok" then passed = passed + 1 end
        end
        assert.is_true(pipe:close() ~= nil)
      end
      assert.is_true(passed > 500, passed)
    end)
  end

  for _, cell in ipairs(CELLS) do
    it("agree on " .. title(cell), function()
      core.kernels "portable"
      local want = step(form(cell, {H = 40}))
      for _, level in ipairs(levels()) do
        core.kernels(level)
        assert_close(want, step(form(cell, {H = 40})), 4e-6, level)
      end
    end)
  end

  it("are refused by an unknown name and while a tape is open", function()
    local ok, why = pcall(core.kernels, "sse9")
    assert.is_false(ok)
    assert.truthy(tostring(why):find("there are no kernels 'sse9'; there " ..
                  "are portable, avx2, avx512 and avx512bf16", 1, true), why)
    local _ <close> = rnn.tape()
    ok, why = pcall(core.kernels, "portable")
    assert.is_false(ok)
    assert.truthy(tostring(why):find("while a tape is open", 1, true), why)
  end)

  it("come from RNNLUA_KERNELS", function()
    local function run(value)
      local pipe = io.popen(([[RNNLUA_KERNELS=%s %s/rnnlua -e '
        print(require("rnn").kernels())' 2>&1]]):format(value, build))
      return pipe:read "a"
    end
    assert.equal("portable\n", run "portable")
    assert.equal(best .. "\n", run "")
    assert.truthy(run "neon":find("RNNLUA_KERNELS: there are no kernels 'neon'",
                                  1, true))
  end)
end)

describe("threads", function()
  local before = rnn.threads()
  after_each(function() rnn.threads(before) end)

  ---Cases that cut the work in every way there is; each is enough work to be
  ---shared.
  local cases = {
    {what = "LSTM"}, {what = "GRU", cell = "GRU"},
    {what = "RNN", cell = "RNN", H = 64},
    {what = "an odd size in bf16", H = 19, N = 5, T = 61,
     options = {precision = "bf16"}},
    {what = "few rows of many units", H = 256, D = 16, N = 2, T = 5},
    {what = "few rows of a GRU", cell = "GRU", H = 256, N = 3, T = 4},
    {what = "few rows of coupled gates, made again", H = 256, D = 16, N = 2,
     T = 5, lengths = {5, 3},
     options = {coupled = true, peephole = true, zoneout = 0.2,
                zoneout_c = 0.1, recompute = true}},
    {what = "several chunks", N = 60, T = 20, H = 16},
    {what = "lengths and both directions", N = 4, H = 24, T = 48,
     lengths = {48, 0, 30, 41}, options = {bidirectional = true}},
    {what = "gates made again", options = {recompute = true}},
    {what = "many ids", V = 60},
    {what = "one row", N = 1, T = 200},
    {what = "layer norm", N = 30, options = {layer_norm = true}},
    {what = "layer norm of few rows", H = 256, D = 16, N = 2, T = 5,
     options = {layer_norm = true}},
    {what = "layer norm of many ids", V = 60,
     options = {layer_norm = true, zoneout = 0.2, zoneout_c = 0.1}},
    {what = "a projection", H = 40, N = 20,
     options = {proj_size = 24, layer_norm = true, precision = "bf16"}},
    {what = "a projection made again, with lengths", N = 4, H = 24, T = 48,
     lengths = {48, 0, 30, 41},
     options = {proj_size = 16, recompute = true, bidirectional = true}},
    {what = "GRU with reset before", cell = "GRU", N = 30,
     options = {reset = "before", num_layers = 2}},
  }
  for _, case in ipairs(cases) do
    it("give the same bits: " .. case.what, function()
      case.T, case.N = case.T or 24, case.N or 13
      rnn.threads(1)
      local want = step(case)
      for _, threads in ipairs {2, 3, 4, 8} do
        rnn.threads(threads)
        assert_same_bits(want, step(case), threads .. " threads")
      end
    end)
  end

  it("default to the cores this process may use", function()
    local pipe = io.popen(([[
      first=$(taskset -cp $$ | sed 's/.*: *//; s/[^0-9].*//')
      taskset -c "$first" %s/rnnlua -e 'print(require("rnn").threads())' 2>&1
    ]]):format(build))
    assert.equal("1\n", pipe:read "a")
  end)
end)

describe("an embedding of few ids", function()
  for _, cell in ipairs(CELLS) do
    for _, options in ipairs {{}, {num_layers = 2}, {recompute = true},
                              {bidirectional = true}} do
      it("gives a " .. title(cell) .. " what its rows would", function()
        in_float64(function()
          local want = step(form(cell, {N = 6, apart = true}, options))
          local got = step(form(cell, {N = 6}, options))
          assert.equal(bits(want.y), bits(got.y))
          assert_close(want, got, 1e-14, cell[1])
        end)
      end)
    end
  end

  it("gives the same over several chunks of steps, with lengths", function()
    in_float64(function()
      local o = {N = 75, T = 33, H = 8, lengths = {}, apart = true}
      for n = 1, o.N do o.lengths[n] = n * 7 % 34 end
      local want = step(o)
      o.apart = nil
      assert_close(want, step(o), 1e-13, "chunks")
    end)
  end)

  it("is read by its rows when ids are many", function()
    in_float64(function()
      assert_close(step {V = 90, apart = true}, step {V = 90}, 1e-14, "V 90")
    end)
  end)

  it("is not looked through once it was changed", function()
    local table_ = rnn.param(rnn.uniform({4, 3}, -1, 1))
    local net = rnn.LSTM(3, 5)
    local x = ids(6, 4, 4, 1)
    local _ <close> = rnn.tape()
    local e = rnn.op.embedding(table_, x)
    local plain = net(e * 1.0)
    core.set(flat(e), 1, 9.0)
    local changed = net(e)
    assert.is_true(apart(plain, changed) > 0.01)
    assert.equal(bits(net(e * 1.0)), bits(changed))
  end)
end)

describe("cross_entropy", function()
  it("goes back through linear as around it", function()
    in_float64(function()
      for _, o in ipairs {{}, {loss = {label_smoothing = 0.1}},
                          {loss = {ignore = 2}}, {loss = {reduction = "sum"}},
                          {twice = true}} do
        local around = {apart = true}
        for k, v in pairs(o) do around[k] = v end
        assert_close(step(around), step(o), 1e-13, "through linear")
      end
    end)
  end)

  it("leaves the scores as they were", function()
    local w = rnn.param(rnn.uniform({7, 5}, -1, 1))
    local x = rnn.uniform({3, 5}, -1, 1)
    local tape <close> = rnn.tape()
    local logits = rnn.op.linear(x, w)
    local before = bits(logits)
    tape:backward(rnn.cross_entropy(logits, rnn.ids {1, 7, 2}))
    assert.equal(before, bits(logits))
  end)
end)

describe("recompute", function()
  for _, cell in ipairs(CELLS) do
    it("gives the bits of " .. title(cell) .. " with its gates kept",
       function()
      for _, o in ipairs {{}, {N = 4, lengths = {9, 2, 0, 7}},
                          {N = 75, T = 33, H = 8, D = 3}} do   -- 3 chunks
        assert_same_bits(step(form(cell, o)),
                         step(form(cell, o, {recompute = true})), cell[1])
      end
    end)
  end

  it("needs less memory", function()
    local function peak(again)
      collectgarbage()
      local net = rnn.LSTM(32, 64, {recompute = again})
      local x = rnn.uniform({200, 32, 32}, -1, 1)
      local before = rnn.memory().live
      local _ <close> = rnn.tape()
      net(x)
      return rnn.memory().live - before
    end
    assert.is_true(peak(true) < 0.5 * peak(false))
  end)
end)

describe("bf16", function()
  for _, cell in ipairs(CELLS) do
    it("comes near full precision in a " .. title(cell), function()
      local o = {H = 33, N = 9, T = 3}   -- norms amplify with every step
      local want = step(form(cell, o, {num_layers = 2}))
      local got = step(form(cell, o, {num_layers = 2, precision = "bf16"}))
      for name, t in pairs(want) do
        local size = math.sqrt((flat(t) * flat(t)):sum():item())
        local d = flat(t) - flat(got[name])
        local off = math.sqrt((d * d):sum():item()) / size
        assert.is_true(off < 0.02, ("%s: %g"):format(name, off))
        if name ~= "loss" then assert.is_true(off > 0, name) end
      end
    end)
  end

  it("is for float32 only", function()
    in_float64(function()
      local ok, why = pcall(step, {options = {precision = "bf16"}})
      assert.is_false(ok)
      assert.truthy(tostring(why):find("lstm: 'precision' bf16 is for " ..
                    "float32 tensors, got float64", 1, true), why)
    end)
    local ok, why = pcall(rnn.LSTM, 2, 3, {precision = "fp8"})
    assert.is_false(ok)
    assert.truthy(why:find("'precision' must be full or bf16, got fp8", 1,
                           true), why)
  end)
end)
