---Optimizers beyond parity with PyTorch (see torch_spec): going on exactly from
---a checkpoint, memory, threads, faults, groups, clips, averages, L-BFGS.
local rnn = require "rnn"
local checkpoint = require "rnn.checkpoint"
local core = require "rnn.core"

local array = require "tests.array"
local random = require "tests.random"
local sandbox = require "tests.sandbox"
local dir, read = sandbox.dir, sandbox.read

teardown(sandbox.remove)
before_each(function() rnn.seed(5) end)

---Every rule and every wrapper: name -> its optimizer over parameters.
local RULE = {
  ["Adam amsgrad"] = function(p) return rnn.Adam(p, {amsgrad = true}) end,
  ["AdamW amsgrad"] = function(p)
    return rnn.AdamW(p, {amsgrad = true, no_decay = {"bias"}})
  end,
  ["EMA of Adam"] = function(p)
    return rnn.EMA(rnn.Adam(p), {decay = 0.75})
  end,
  ["Lookahead of RAdam"] = function(p)
    return rnn.Lookahead(rnn.RAdam(p), {k = 3})
  end,
  ["EMA of Lookahead of SGD"] = function(p)
    return rnn.EMA(rnn.Lookahead(rnn.SGD(p, {momentum = 0.5}), {k = 2}))
  end,
  LBFGS = function(p) return rnn.LBFGS(p, {history_size = 4}) end,
  ["EMA of LBFGS"] = function(p)
    return rnn.EMA(rnn.LBFGS(p, {history_size = 2}))
  end,
}
for _, class in ipairs {"SGD", "ASGD", "Rprop", "Adagrad", "Adadelta",
                        "RMSprop", "Adam", "AdamW", "Adamax", "NAdam",
                        "RAdam", "Lion"} do
  RULE[class] = rnn[class]
end

local CLIPS = {clip_adaptive = 0.1, normalize = 2, clip_each = 1.5,
               clip_norm = 1.75, clip_value = 0.5}

local assert_raises = require "tests.raises".with

---A small model of recurrent, embedded and linear parameters.
local function small_model()
  rnn.seed(11)
  return {embed = rnn.Embedding(5, 4), net = rnn.LSTM(4, 6),
          out = rnn.Linear(6, 5)}
end

local X = rnn.ids {{1, 2}, {3, 4}, {5, 1}}
local Y = rnn.ids {{3, 4}, {5, 1}, {2, 2}}

---Forward and backward; the loss.
local function learn(m)
  local tape <close> = rnn.tape()
  local loss = rnn.cross_entropy(m.out((m.net(m.embed(X)))), Y)
  tape:backward(loss)
  return loss:item()
end

---Gives parameters the gradients of sum(p * w).
local function set_gradients(params, weights)
  local tape <close> = rnn.tape()
  local loss = 0
  for i, p in ipairs(params) do loss = loss + (p * weights[i]):sum() end
  tape:backward(loss)
end

---All numbers of tensors, exactly.
local function bits(list)
  local lines = {}
  for i, t in ipairs(list) do
    for k, x in ipairs(array.of(t)) do
      lines[#lines + 1] = ("%d.%d %a"):format(i, k, x)
    end
  end
  return table.concat(lines, "\n")
end

---All numbers of an optimizer's state, exactly.
local function state_bits(opt)
  local lines = {}
  for _, entry in ipairs(opt:state()) do
    local names = {}
    for name in pairs(entry.slots) do names[#names + 1] = name end
    table.sort(names)
    lines[#lines + 1] = entry.name .. " " .. entry.steps
    for _, name in ipairs(names) do
      lines[#lines + 1] = name .. bits {entry.slots[name]}
    end
  end
  return table.concat(lines, "\n")
end

describe("every optimizer", function()
  for name, make in pairs(RULE) do
    it(name .. " lowers a loss", function()
      local m = small_model()
      local opt, first = make(rnn.parameters(m)), learn(m)
      for _ = 1, 20 do
        opt:step()
        learn(m)
      end
      opt:zero()
      assert.is_true(learn(m) < first)
    end)

    it(name .. " goes on from a checkpoint as if it had not stopped", function()
      local function go(out, steps)
        local m = small_model()
        local opt = make(rnn.parameters(m))
        local r = assert(rnn.run.open {
          dir = dir .. "/" .. out, model = m, optim = opt, steps = steps,
          quiet = true, resume = "auto",
          schedule = rnn.schedule.cosine(1e-2, 12)})
        assert.equal("done", r:train(function()
          local tape <close> = rnn.tape()
          local loss = rnn.cross_entropy(m.out((m.net(m.embed(X)))), Y)
          return r:backward(tape, loss), nil, 6
        end))
        return opt
      end
      local id = name:gsub("%W", "")
      local whole = go(id .. "1", 12)
      go(id .. "2", 5)
      local parts = go(id .. "2", 12)
      assert.equal(state_bits(whole), state_bits(parts))
      assert.is_true(read(dir .. "/" .. id .. "1/last.safetensors") ==
                     read(dir .. "/" .. id .. "2/last.safetensors"))
    end)

    it(name .. " asks for no memory once it is warm", function()
      local m = small_model()
      local opt = make(rnn.parameters(m))
      local mallocs
      for step = 1, 14 do
        learn(m)
        opt:step()
        collectgarbage()
        if step == 7 then mallocs = core.memory().mallocs end
      end
      assert.equal(mallocs, core.memory().mallocs)
    end)

    it(name .. " does not apply a gradient that is not finite", function()
      local m = small_model()
      local params = rnn.parameters(m)
      local opt = make(params)
      for _ = 1, 3 do
        learn(m)
        opt:step()
      end
      local before, state = bits(params), state_bits(opt)
      for _, bad in ipairs {0 / 0, 1 / 0} do
        local weights = {}
        for i, p in ipairs(params) do weights[i] = rnn.ones(p:shape()) end
        core.set(weights[3], 1, bad)
        set_gradients(params, weights)
        local norm, which = opt:norm()
        assert.is_false(norm < math.huge)
        assert.equal(params.names[3], which)
        assert_raises("gradient of '" .. params.names[3] .. "' is not finite",
                      opt.step, opt)
        assert.is_nil(params[1].grad)
        assert.equal(before, bits(params))
        assert.equal(state, state_bits(opt))
      end
    end)

    it(name .. " refuses states that are not its own", function()
      local m = small_model()
      local opt = make(rnn.parameters(m))
      learn(m)
      opt:step()
      local before, good = state_bits(opt), opt:state()
      local function refused(state)
        local ok, wrong = opt:restore(state)
        assert.is_nil(ok)
        assert.is_string(wrong)
        assert.equal(before, state_bits(opt))
      end
      refused {}
      refused {table.unpack(good, 1, #good - 1)}
      refused {{name = "lbfgs", steps = 3, slots = {}}}
      refused {{name = good[1].name, steps = -1, slots = good[1].slots}}
      for slot in pairs(good[1].slots) do
        local slots = {}
        for k, t in pairs(good[1].slots) do slots[k] = t end
        slots[slot] = rnn.ones {2, 3, 4, 5}
        refused {{name = good[1].name, steps = 1, slots = slots},
                 table.unpack(good, 2)}
      end
      assert_raises("must be a table", opt.restore, opt, "no")
      assert.is_true(opt:restore(good))
      assert.equal(before, state_bits(opt))
    end)
  end

  it("gives the same bits for any number of threads", function()
    local old = rnn.threads()
    for _, class in ipairs {"SGD", "NAdam", "Lion"} do
      local seen
      for _, threads in ipairs {1, 2, 3} do
        rnn.threads(threads)
        rnn.seed(3)
        local params = {rnn.param(rnn.randn {50000, 3}), rnn.param(
                        rnn.randn {70000}), rnn.param(rnn.randn {2, 40000})}
        local weights = {}
        for i, p in ipairs(params) do weights[i] = rnn.randn(p:shape()) end
        local opt = rnn.EMA(rnn[class](params, CLIPS), {decay = 0.5})
        for _ = 1, 3 do
          set_gradients(params, weights)
          opt:step()
        end
        local sums = {}
        for i, p in ipairs(params) do
          sums[i] = ("%a %a"):format(core.vector.dot(p, weights[i]),
                                     core.vector.dot(p, opt.kept[i]))
        end
        seen = seen or table.concat(sums, " ")
        assert.equal(seen, table.concat(sums, " "))
      end
    end
    rnn.threads(old)
  end)

  it("is not made, and leaves nothing, when memory is refused", function()
    local m = small_model()
    for name, make in pairs {
      groups = function()
        return rnn.AdamW({{params = rnn.parameters(m.net), lr = 1}},
                         {amsgrad = true, no_decay = {"bias"}})
      end,
      averages = function() return rnn.EMA(rnn.parameters(m)) end,
      LBFGS = function() return rnn.LBFGS(rnn.parameters(m)) end,
    } do
      collectgarbage()
      collectgarbage()
      local live, k, done = core.memory().live, 0
      repeat
        k = k + 1
        core.fail_alloc(k)
        do
          local ok, made = pcall(make)
          core.fail_alloc(0)
          if not ok then assert.matches("not enough memory", made, 1, true) end
          done = ok
        end
        collectgarbage()
        collectgarbage()
        assert.equal(live, core.memory().live, name .. " at " .. k)
      until done
      assert.is_true(k > 2)
    end
  end)

  it("Lion does what its paper says", function()
    local p = rnn.param(rnn.tensor({1, -2, 0.5}, "float64"))
    local opt = rnn.Lion({p}, {lr = 0.1, betas = {0.5, 0.75},
                               weight_decay = 0.25})
    local want, m = {1, -2, 0.5}, {0, 0, 0}
    for _, g in ipairs {{1, -1, 0}, {-3, 2, 0}, {0.5, 4, -1}} do
      set_gradients({p}, {rnn.tensor(g, "float64")})
      opt:step()
      for i = 1, 3 do
        local d = 0.5 * m[i] + 0.5 * g[i]
        local sign = d > 0 and 1 or d < 0 and -1 or 0
        want[i] = want[i] - 0.1 * (sign + 0.25 * want[i])
        m[i] = 0.75 * m[i] + 0.25 * g[i]
        assert.near(want[i], p:totable()[i], 1e-14)
      end
    end
  end)
end)

describe("groups of parameters", function()
  local function two()
    return rnn.param(rnn.ones {2}), rnn.param(rnn.ones {3})
  end

  it("keep the ratios of their learning rates", function()
    local a, b = two()
    local opt = rnn.Adam({{params = {a}, lr = 0.5}, {params = {b}}},
                         {lr = 0.25})
    assert.equal(0.25, opt.lr)
    assert.equal(0.5, opt.groups[1].lr)
    assert.equal(0.25, opt.groups[2].lr)
    opt.lr = 0.125
    assert.equal(0.25, opt.groups[1].lr)
    assert.equal(0.125, opt.groups[2].lr)
    opt.groups[2].lr = 1
    opt.lr = 0.25
    assert.equal(2, opt.groups[2].lr)
    opt.lr = 0
    assert.equal(0, opt.groups[1].lr)
    assert_raises("which is 0", function() opt.groups[1].lr = 1 end)
    opt.lr = 0.25
    assert.equal(0.5, opt.groups[1].lr)
  end)

  it("keep their own values when the optimizer's change", function()
    local a, b = two()
    local opt = rnn.AdamW({{params = {a}, weight_decay = 0,
                            betas = {0.5, 0.75}}, {params = {b}}})
    opt.weight_decay, opt.eps = 0.5, 1e-3
    assert.equal(0, opt.groups[1].weight_decay)
    assert.equal(0.5, opt.groups[2].weight_decay)
    assert.equal(1e-3, opt.groups[1].eps)
    assert.equal(0.5, opt.groups[1].beta1)
    assert.equal(0.9, opt.groups[2].beta1)
  end)

  it("are clipped together", function()
    local a, b = two()
    local opt = rnn.SGD({{params = {a}, lr = 1}, {params = {b}, lr = 2}},
                        {lr = 1, clip_norm = 0.5})
    set_gradients({a, b}, {rnn.ones {2}, rnn.ones {3}})
    assert.near(5 ^ 0.5, opt:step(), 1e-12)
    assert.near(1 - 0.5 / 5 ^ 0.5, a:totable()[1], 1e-5)
    assert.near(1 - 2 * 0.5 / 5 ^ 0.5, b:totable()[1], 1e-5)
  end)

  it("of no decay are found by name", function()
    local params = rnn.parameters(small_model())
    local opt = rnn.AdamW(params, {no_decay = {"bias", "^embed"}})
    assert.equal(2, #opt.groups)
    assert.equal(0, opt.groups[2].weight_decay)
    assert.equal(0.01, opt.groups[1].weight_decay)
    local found = {}
    for g, group in ipairs(opt.groups) do
      for i, name in ipairs(group.params.names) do
        found[name] = g
        assert.is_true(core.is_param(group.params[i]))
      end
    end
    for _, name in ipairs(params.names) do
      assert.equal((name:find "bias" or name:find "^embed") and 2 or 1,
                   found[name])
    end
    for i, entry in ipairs(opt:state()) do
      assert.equal(params.names[i], entry.name)
    end
  end)

  it("of no decay come after those that are given", function()
    local m = small_model()
    local opt = rnn.SGD({
      {params = rnn.parameters(m.net), lr = 0.1},
      {params = rnn.parameters(m.out)},
      {params = rnn.parameters(m.embed)},
    }, {lr = 0.2, weight_decay = 0.5, no_decay = {"bias"}})
    local seen = {}
    for i, group in ipairs(opt.groups) do
      seen[i] = ("%g %g %d"):format(group.lr, group.weight_decay,
                                    #group.params)
    end
    assert.same({"0.1 0.5 2", "0.2 0.5 1", "0.2 0.5 1", "0.1 0 2", "0.2 0 1"},
                seen)
    assert.same({"1.bias_hh_l0", "2.bias", "3.weight"}, {
      opt.groups[4].params.names[1], opt.groups[5].params.names[1],
      opt.groups[3].params.names[1]})
  end)

  it("go on from a checkpoint", function()
    local function make()
      local m = small_model()
      return m, rnn.Adam({{params = rnn.parameters(m.net), lr = 1e-2},
                          {params = rnn.parameters(m.out)}},
                         {lr = 1e-3, no_decay = {"bias"}})
    end
    local function go(m, opt, n)
      for _ = 1, n do
        learn(m)
        opt:step()
      end
    end
    local m, opt = make()
    go(m, opt, 3)
    local at = {step = 3, rng = core.random_state(), extra = {}}
    local path = dir .. "/groups.safetensors"
    assert(rnn.save(path, checkpoint.pack(m, opt, at),
                    {["rnnlua.train"] = checkpoint.numbers(opt, at, {})}))
    go(m, opt, 3)
    local m2, opt2 = make()
    local tensors, meta = assert(rnn.load(path))
    assert(checkpoint.restore(path, tensors, meta, m2, opt2))
    go(m2, opt2, 3)
    assert.equal(bits(rnn.parameters(m)), bits(rnn.parameters(m2)))
    assert.equal(state_bits(opt), state_bits(opt2))
  end)

  it("refuse what makes no sense", function()
    local a, b = two()
    local params = rnn.parameters(small_model())
    assert_raises("group 2: must be a table", rnn.Adam, {{params = {a}}, b})
    assert_raises("group 1: parameter 1 must be a tensor", rnn.Adam,
                  {{params = {3}}})
    assert_raises("given twice", rnn.Adam, {{params = {a}}, {params = {a}}})
    assert_raises("unknown option 'momentum'", rnn.Adam,
                  {{params = {a}, momentum = 1}})
    assert_raises("unknown option 'clip_norm'", rnn.Adam,
                  {{params = {a}, clip_norm = 1}})
    assert_raises("not for a group", rnn.Adam, {{params = {a}, amsgrad = true}})
    assert_raises("'nesterov' needs", rnn.SGD,
                  {{params = {a}}, {params = {b}, nesterov = true}})
    assert_raises("no_decay' needs names", rnn.Adam, {a}, {no_decay = {"x"}})
    assert_raises("matches 'nothing'", rnn.Adam, params,
                  {no_decay = {"bias", "nothing"}})
    assert_raises("is no pattern", rnn.Adam, params, {no_decay = {"["}})
    assert_raises("must be a list", rnn.Adam, params, {no_decay = "bias"})
    assert_raises("sgd: unknown option 'amsgrad'", rnn.SGD, params,
                  {amsgrad = true})
    assert_raises("takes no groups", rnn.LBFGS, {{params = {a}},
                                                 {params = {b}}})
    local opt = rnn.Adam {a}
    assert_raises("unknown option 'x'", function() opt.groups[1].x = 1 end)
    assert_raises("unknown option 'x'", function() return opt.groups[1].x end)
    assert.is_nil(opt.groups[2])
  end)
end)

describe("clips", function()
  local rand = random(8)

  ---A parameter, a gradient and the gradient after an SGD step with lr 1.
  local function applied(shape, options, dtype)
    local p = array.random(rand, shape)
    local g = array.random(rand, shape)
    local t = rnn.param(array.tensor(rnn, p, dtype))
    set_gradients({t}, {array.tensor(rnn, g, dtype)})
    options.lr = 1
    rnn.SGD({t}, options):step()
    local after = array.of(t)
    return p, g, array.new(shape, function(i) return p[i] - after[i] end)
  end

  local function norm(a, from, n)
    local sum = 0
    for i = from, from + n - 1 do sum = sum + a[i] * a[i] end
    return sum ^ 0.5
  end

  it("adaptive: rows of any length, over the pieces workers take", function()
    for _, shape in ipairs {{3, 7}, {40000}, {3, 17000}, {20000, 2}, {}, {0, 3},
                            {2, 3, 5}} do
      local p, g, d = applied(shape, {clip_adaptive = 0.125}, "float64")
      local row = #shape > 1 and #g // math.max(1, shape[1]) or #g
      for from = 1, #g, math.max(1, row) do
        local most = 0.125 * math.max(1e-3, norm(p, from, row))
        local factor = math.min(1, most / norm(g, from, row))
        for i = from, from + row - 1 do
          assert.near(g[i] * factor, d[i], 1e-12)
        end
      end
    end
  end)

  it("adaptive: a row of zeros may still move", function()
    local p = rnn.param(rnn.zeros({2, 2}, "float64"))
    set_gradients({p}, {rnn.ones({2, 2}, "float64")})
    rnn.SGD({p}, {lr = 1, clip_adaptive = 0.5}):step()
    assert.near(-0.5e-3 / 2 ^ 0.5, p:totable()[1][1], 1e-15)
  end)

  it("normalize gives every gradient its norm, also a small one", function()
    for _, scale in ipairs {1e-3, 1, 1e6} do
      local p = rnn.param(rnn.zeros({4}, "float64"))
      set_gradients({p}, {rnn.full({4}, scale, "float64")})
      rnn.SGD({p}, {lr = 1, normalize = 2}):step()
      assert.near(-1, p:totable()[1], 1e-3)
    end
  end)

  it("each leaves what is short as it is", function()
    local _, g, d = applied({5}, {clip_each = 100}, "float64")
    for i = 1, 5 do assert.near(g[i], d[i], 1e-15) end
    _, g, d = applied({500}, {clip_each = 1}, "float64")
    assert.near(1, norm(d, 1, 500), 1e-6)
    assert.is_true(norm(g, 1, 500) > 2)
  end)

  it("a step still returns the norm before them", function()
    local p = rnn.param(rnn.ones {4})
    local opt = rnn.Adam({p}, CLIPS)
    set_gradients({p}, {rnn.full({4}, 8)})
    assert.equal(16, opt:step())
  end)
end)

describe("averages", function()
  it("take the place of parameters, whatever happens then", function()
    local p = rnn.param(rnn.tensor {1, 2})
    local ema = rnn.EMA({p}, {decay = 0.5})
    assert.equal("now 1.0", ema:with(function(x)
      return x .. " " .. p:totable()[1]
    end, "now"))
    ema:update()
    p:fill(3)
    ema:update()
    local inside = ema:with(function() return p:totable() end)
    assert.same({2, 2.5}, inside)
    assert.same({3, 3}, p:totable())
    assert_raises("oh", ema.with, ema, function() error "oh" end)
    assert.same({3, 3}, p:totable())
    assert.same({2, 2.5}, ema:with(function() return p:totable() end))
  end)

  it("are in place already for a call inside", function()
    local m = small_model()
    for _, opt in ipairs {
      rnn.EMA(rnn.Lookahead(rnn.SGD(rnn.parameters(m), {lr = 0.1}))),
      rnn.Lookahead(rnn.ASGD(rnn.parameters(m), {lr = 0.1, t0 = 0})),
    } do
      assert.is_true(opt:averages())
      for _ = 1, 3 do
        learn(m)
        opt:step()
      end
      local before = bits(opt.params)
      local outer, inner = opt:with(function()
        return bits(opt.params), opt:with(bits, opt.params)
      end)
      assert.equal(outer, inner)
      assert.not_equal(before, outer)
      assert.equal(before, bits(opt.params))
    end
    assert.is_false(rnn.Lookahead(rnn.SGD(rnn.parameters(m))):averages())
  end)

  it("of parameters alone have a state too", function()
    local function make()
      local m = small_model()
      return m, rnn.EMA(rnn.parameters(m), {decay = 0.5})
    end
    local _, ema = make()
    for _, p in ipairs(ema.params) do p:fill(0.5) end
    ema:update()
    local _, other = make()
    assert.is_true(other:restore(ema:state()))
    assert.equal(state_bits(ema), state_bits(other))
    assert_raises("follows parameters alone", ema.step, ema)
    assert_raises("it has no 'lr' to set", function() ema.lr = 1 end)
    assert_raises("no averages", function()
      rnn.SGD(ema.params):with(print)
    end)
  end)

  it("can be saved in the place of the parameters", function()
    local m = small_model()
    local opt = rnn.EMA(rnn.SGD(rnn.parameters(m), {lr = 0.1}), {decay = 0.5})
    for _ = 1, 3 do
      learn(m)
      opt:step()
    end
    local path = dir .. "/average.safetensors"
    assert.is_true(opt:with(rnn.save, path, m))
    local saved, want = assert(rnn.load(path)), opt:state()
    for i, name in ipairs(opt.params.names) do
      assert.equal(bits {want[i].slots.ema}, bits {saved[name]})
      assert.not_equal(bits {opt.params[i]}, bits {saved[name]})
    end
  end)

  it("of ASGD leave alone what has had no gradient", function()
    local a, b = rnn.param(rnn.ones {2}), rnn.param(rnn.ones {2})
    local opt = rnn.ASGD({a, b}, {lr = 0.5, lambd = 0})
    set_gradients({a}, {rnn.ones {2}})
    opt:step()
    opt:with(function()
      assert.same({1, 1}, b:totable())
      assert.same({0.5, 0.5}, a:totable())
    end)
  end)

  it("wrappers pass on what is the optimizer's", function()
    local p = rnn.param(rnn.ones {2})
    local opt = rnn.Lookahead(rnn.EMA(rnn.ASGD({p}, {lr = 0.5})))
    opt.lr = 0.25
    assert.equal(0.25, opt.optim.optim.lr)
    assert.equal(0.25, opt:hyper().lr)
    assert.equal("asgd", opt.kind)
    assert.equal(1, #opt.groups)
    assert.equal("Lookahead(EMA(ASGD(lr=0.25)))", tostring(opt))
    assert_raises("unknown option 'nothing'", function() opt.nothing = 1 end)
    opt:close()
    assert_raises("closed optimizer", opt.step, opt)
  end)

  it("and wrappers refuse what makes no sense", function()
    local p = rnn.param(rnn.ones {2})
    assert_raises("EMA: params must be", rnn.EMA, 3)
    assert_raises("EMA: 'decay' must be", rnn.EMA, {p}, {decay = 1.5})
    assert_raises("EMA: 'decay' must be", rnn.EMA, {p}, {decay = 0 / 0})
    assert_raises("EMA: unknown option 'x'", rnn.EMA, {p}, {x = 1})
    assert_raises("EMA: there is one already", rnn.EMA,
                  rnn.EMA(rnn.SGD {p}))
    assert_raises("Lookahead: an optimizer expected", rnn.Lookahead, {p})
    assert_raises("Lookahead: 'k' must be", rnn.Lookahead, rnn.SGD {p},
                  {k = 0})
    assert_raises("Lookahead: 'k' must be", rnn.Lookahead, rnn.SGD {p},
                  {k = 1.5})
    assert_raises("NTASGD: an optimizer made by rnn.ASGD", rnn.NTASGD,
                  rnn.SGD {p})
  end)
end)

describe("NT-ASGD", function()
  ---The published program: when does it start to average?
  local function published(losses, n)
    local past = {}
    for i, loss in ipairs(losses) do
      if #past > n then
        local best = math.huge
        for k = 1, #past - n do best = math.min(best, past[k]) end
        if loss > best then return i end
      end
      past[#past + 1] = loss
    end
  end

  it("starts when the published program does", function()
    local rand = random(4)
    for _ = 1, 100 do
      local losses, patience = {}, rand:int(1, 6)
      for i = 1, 30 do losses[i] = 10 / i + rand:real(0, 2) end
      local trigger = rnn.NTASGD(rnn.ASGD {rnn.param(rnn.ones {1})},
                                 {patience = patience})
      local started
      for i, loss in ipairs(losses) do
        local other = rnn.NTASGD(rnn.ASGD {rnn.param(rnn.ones {1})},
                                 {patience = patience})
        assert.is_true(other:restore(trigger:state()))
        trigger = other
        trigger:observe(loss)
        trigger:observe(0 / 0)
        if trigger.started and not started then started = i end
      end
      assert.equal(published(losses, patience), started)
    end
  end)

  it("averages from there on, and goes on with a run", function()
    local function go(out, steps)
      local m = small_model()
      local opt = rnn.ASGD(rnn.parameters(m), {lr = 0.5, lambd = 0})
      local trigger = rnn.NTASGD(opt, {patience = 1})
      local r = assert(rnn.run.open {
        dir = dir .. "/" .. out, model = m, optim = opt, steps = steps,
        parts = {trigger = trigger}, quiet = true, resume = "auto",
        eval_every = 2, evaluate = function(r)
          trigger:observe(({3, 2, 4, 1, 1, 1, 1})[r.at.step // 2])
          return 1
        end})
      assert.equal("done", r:train(function()
        local tape <close> = rnn.tape()
        local loss = rnn.cross_entropy(m.out((m.net(m.embed(X)))), Y)
        return r:backward(tape, loss), nil, 6
      end))
      return opt, trigger
    end
    local whole, trigger = go("nt1", 12)
    assert.is_true(trigger.started)
    assert.equal(6, whole.t0)
    go("nt2", 5)
    go("nt2", 9)
    local parts = go("nt2", 12)
    assert.equal(6, parts.t0)
    assert.equal(state_bits(whole), state_bits(parts))
    local before = bits(whole.params)
    assert.not_equal(before, whole:with(bits, whole.params))
    assert.equal(before, bits(whole.params))
  end)

  it("refuses damaged states", function()
    local trigger = rnn.NTASGD(rnn.ASGD {rnn.param(rnn.ones {1})})
    for _, state in ipairs {
      3, {}, {started = true, t0 = -1, recent = {}},
      {started = true, t0 = 1, recent = {"x"}},
      {started = true, t0 = 1, recent = {1, 2, 3, 4, 5, 6}},
      {started = 1, t0 = 1, recent = {}},
      {started = true, t0 = 1, recent = {}, best = "x"},
    } do
      assert.is_nil((trigger:restore(state)))
    end
  end)
end)

describe("L-BFGS", function()
  ---Rosenbrock's function at a parameter {x, y}.
  local function valley(p)
    local tape <close> = rnn.tape()
    local x, y = p:select(1, 1), p:select(1, 2)
    local loss = (1 - x) ^ 2 + 100 * (y - x * x) ^ 2
    tape:backward(loss)
    return loss:item()
  end

  local function start(dtype)
    return rnn.param(rnn.tensor({-1.2, 1}, dtype))
  end

  it("finds the end of the valley, in float32 too", function()
    for dtype, tol in pairs {float64 = 1e-6, float32 = 1e-3} do
      local p = start(dtype)
      local opt = rnn.LBFGS({p}, {line_search_fn = "strong_wolfe",
                                  max_iter = 100, max_eval = 1000,
                                  tolerance_change = 0})
      local first = opt:step(function() return valley(p) end)
      assert.near(24.2, first, 1e-4)
      assert.near(1, p:totable()[1], tol)
      assert.near(1, p:totable()[2], 2 * tol)
    end
  end)

  it("takes parameters of both dtypes together", function()
    local a = rnn.param(rnn.tensor({3, -4}, "float32"))
    local b = rnn.param(rnn.tensor({5}, "float64"))
    local opt = rnn.LBFGS({a, b}, {line_search_fn = "strong_wolfe"})
    opt:step(function()
      local tape <close> = rnn.tape()
      local first, second = (a * a):sum(), (b * b):sum()
      tape:backward(first)
      tape:backward(second)
      return first:item() + second:item()
    end)
    assert.near(0, a:totable()[1], 1e-6)
    assert.near(0, b:totable()[1], 1e-6)
  end)

  it("goes on from a state as if it had not stopped", function()
    local options = {line_search_fn = "strong_wolfe", max_iter = 3,
                     history_size = 2}
    local p, q = start "float64", start "float64"
    local opt, other = rnn.LBFGS({p}, options), rnn.LBFGS({q}, options)
    for _ = 1, 6 do
      opt:step(function() return valley(p) end)
      q:copy(p)
      assert.is_true(other:restore(opt:state()))
      assert.equal(state_bits(opt), state_bits(other))
      opt:step(function() return valley(p) end)
      other:step(function() return valley(q) end)
      assert.equal(bits {p}, bits {q})
      assert.equal(state_bits(opt), state_bits(other))
    end
  end)

  it("refuses damaged states", function()
    local p = start "float64"
    local opt = rnn.LBFGS({p}, {max_iter = 3, lr = 1e-3})
    opt:step(function() return valley(p) end)
    local good = opt:state()[1]
    for slot, bad in pairs {
      numbers = rnn.tensor({0 / 0, 1}, "float64"), d = rnn.ids {1, 2},
      before = rnn.zeros {3}, s1 = rnn.zeros({2}, "float64"),
      y1 = rnn.full({2}, 0 / 0, "float64"), s2 = rnn.zeros {1},
    } do
      local slots = {}
      for k, t in pairs(good.slots) do slots[k] = t end
      slots[slot] = bad
      local before = state_bits(opt)
      assert.is_nil((opt:restore {{name = "lbfgs", steps = good.steps,
                                   slots = slots}}))
      assert.equal(before, state_bits(opt))
    end
  end)

  it("puts the parameters back when it cannot go on", function()
    for _, search in ipairs {false, "strong_wolfe"} do
      local p, calls, kind = start "float64", 0, nil
      local opt = rnn.LBFGS({p}, {line_search_fn = search, lr = 1e-3})
      local function closure()
        calls = calls + 1
        local loss = valley(p)
        if calls < 3 then return loss end
        if kind == "error" then error "oh" end
        if kind == "inf" then return 1 / 0 end
        if kind == "tensor" then return p end
        set_gradients({p}, {rnn.tensor({0 / 0, 1}, "float64")})
        return loss
      end
      for what, text in pairs {error = "oh", inf = "the loss is not finite",
                               tensor = "must return the loss",
                               gradient = "gradient of '1' is not finite"} do
        kind, calls = what, 0
        local places = {}
        assert_raises(text, opt.step, opt, function()
          places[#places + 1] = bits {p}
          return closure()
        end)
        assert.is_true(bits {p} == places[1] or bits {p} == places[2])
        assert.not_equal(bits {p}, places[3])
      end
      calls = -100
      local before = valley(p)
      opt:step(closure)
      assert.is_true(valley(p) < before)
    end
  end)

  it("refuses options that make no sense", function()
    local p = start "float64"
    for text, options in pairs {
      ["unknown option 'momentum'"] = {momentum = 1},
      ["'line_search_fn' must be"] = {line_search_fn = "armijo"},
      ["'history_size' must be an integer >= 1"] = {history_size = 0},
      ["'max_iter' must be an integer >= 1"] = {max_iter = 1.5},
      ["'lr' must be a number >= 0"] = {lr = -1},
      ["'tolerance_grad' must be"] = {tolerance_grad = 0 / 0},
    } do
      assert_raises(text, rnn.LBFGS, {p}, options)
    end
    assert_raises("params must be a table", rnn.LBFGS, p)
    local opt = rnn.LBFGS({p}, {line_search_fn = "strong_wolfe"})
    assert_raises("needs step(closure)", opt.step, opt)
    assert_raises("'lr' must be", function() opt.lr = "x" end)
  end)
end)

describe("the documents", function()
  ---Blocks of code in the comments of a file: name of what follows -> text.
  local function examples(path)
    local list, code = {}, {}
    for line in read(path):gmatch "[^\n]*" do
      local text = line:match "^%-%-%-    (.*)" or
                   line:match "^%-%-%-$" and code[1] and ""
      if text then
        code[#code + 1] = text
      elseif code[1] then
        local block = table.concat(code, "\n")
        if block:find "^local.*rnn%.%u" then list[#list + 1] = block end
        code = {}
      end
    end
    return list
  end

  local function world()
    return setmetatable({
      rnn = rnn, evaluate = function() return 1 end, print = function() end,
      x = rnn.randn {4, 3}, y = rnn.randn {4, 2},
      model = {out = rnn.Linear(3, 2), embed = rnn.Embedding(3, 2),
               lstm = rnn.LSTM(2, 2)}}, {__index = _G})
  end

  local seen = {}
  for _, path in ipairs {
    "lua/types/rnn.d.lua", "lua/rnn/optim.lua", "lua/rnn/optim/ema.lua",
    "lua/rnn/optim/lookahead.lua", "lua/rnn/optim/ntasgd.lua",
    "lua/rnn/optim/lbfgs.lua",
  } do
    for i, text in ipairs(examples(path)) do
      for class in text:gmatch "rnn%.(%u%w+)%(" do seen[class] = true end
      it(("example %d of %s runs"):format(i, path), function()
        text = text:gsub("averaged.safetensors", dir .. "/%0")
        assert(load(text, "=example", "t", world()))()
      end)
    end
  end

  it("have an example of every optimizer", function()
    for class in pairs(require "rnn.optim") do
      assert.is_true(seen[class], "no example of rnn." .. class)
    end
  end)
end)
