---What a run is made of: readers of text, schedules, checkpoints.
local rnn = require "rnn"
local checkpoint = require "rnn.checkpoint"
local core = require "rnn.core"

describe("the reader", function()
  local reader = rnn.reader

  local function tensor_of(n)
    local list = {}
    for i = 1, n do list[i] = i end
    return rnn.ids(list)
  end

  it("permutes each number once, and otherwise for another key", function()
    for _, n in ipairs {1, 2, 3, 5, 16, 17, 100, 1000} do
      local seen, moved = {}, 0
      for i = 0, n - 1 do
        local k = reader.permuted(i, n, 42)
        assert.truthy(k >= 0 and k < n and not seen[k])
        seen[k] = true
        if k ~= reader.permuted(i, n, 43) then moved = moved + 1 end
      end
      assert.truthy(n < 16 or moved > n / 2)
    end
  end)

  it("reads every window of an epoch once when stateless", function()
    local ids = tensor_of(101)
    local r = reader(ids, {steps = 10, streams = 2, stateless = true})
    local seen = {}
    for _ = 1, 5 do
      local x, y, fresh = r:next()
      assert.truthy(fresh)
      for _, first in ipairs(x:totable()[1]) do
        assert.falsy(seen[first])
        seen[first] = true
      end
      assert.equal(x:totable()[1][1] + 1, y:totable()[1][1])
    end
    assert.equal(1, r.epoch)
    r:next()
    assert.equal(2, r.epoch)
  end)

  it("varies lengths about the one asked for, the same each time", function()
    local ids = rnn.zeros({20001}, "int32")
    local function lengths(seed)
      local r = reader(ids, {steps = 40, streams = 1, vary = true,
                             seed = seed})
      local list, sum = {}, 0
      for i = 1, 400 do
        list[i] = r:next():shape()[1]
        sum = sum + list[i]
      end
      return list, sum / 400
    end
    local list, mean = lengths(1)
    assert.truthy(mean > 37 and mean < 41, mean)
    assert.same(list, (lengths(1)))
    assert.not_same(list, (lengths(2)))
    for _, n in ipairs(list) do assert.truthy(n >= 5 and n <= 80) end
  end)

  it("knows when so many epochs have been read", function()
    for _, o in ipairs {{}, {stateless = true}, {vary = true}} do
      o.steps, o.streams = 7, 3
      local r = reader(rnn.zeros({400}, "int32"), o)
      while not r:finished(2) do
        r:next()
        assert.truthy(r.epoch <= 2)
      end
      r:next()
      assert.equal(3, r.epoch)
    end
  end)

  it("refuses a place that is none", function()
    local r = reader(rnn.zeros({100}, "int32"), {steps = 5, streams = 2})
    for _, state in ipairs {false, {}, {epoch = 0, at = 1},
                            {epoch = 1, at = 1000}, {epoch = 1.5, at = 0}} do
      assert.falsy(r:restore(state))
    end
    assert.truthy(r:restore {epoch = 3, at = 10})
  end)
end)

describe("schedules", function()
  it("warm up, and let the one within be told", function()
    local rate = rnn.schedule.warmup(rnn.schedule.plateau(1, 10,
                                     {patience = 0}), 4)
    assert.equal(0.25, rate(0))
    assert.equal(1, rate(3))
    rate:observe(1)
    rate:observe(2)
    assert.equal(0.5, rate(10))
    local state = rate:state()
    local other = rnn.schedule.warmup(rnn.schedule.plateau(1, 10), 4)
    assert.truthy(other:restore(state))
    assert.equal(0.5, other(10))
    assert.falsy(other:restore {lr = "x"})
  end)
end)

describe("checkpoints", function()
  it("name the first tensor that is not finite", function()
    local m = {a = rnn.param(rnn.ones {2}), b = rnn.param(rnn.tensor {1, 1})}
    assert.falsy(checkpoint.not_finite(m))
    core.set(m.b, 2, math.huge)
    assert.equal("b", checkpoint.not_finite(m))
  end)
end)
