---rnn.scan: cells of one's own against the fused layers, and gradients.
local rnn = require "rnn"
local array = require "tests.array"
local gradcheck = require "tests.gradcheck"
local new_random = require "tests.random"

local function random(rand, shape)
  return array.tensor(rnn, array.random(rand, shape, -1, 1), "float64")
end

local function assert_same(a, b)
  local ok, why = array.compare(array.of(a), array.of(b), 1e-13)
  assert.is_true(ok, why)
end

local old = rnn.default_dtype()
setup(function() rnn.default_dtype "float64" end)
teardown(function() rnn.default_dtype(old) end)

describe("scan", function()
  local rand = new_random(5)

  for name, parts in pairs {RNN = {"h"}, GRU = {"h"}, LSTM = {"h", "c"}} do
    it("of the step is the layer " .. name .. ", with lengths and backwards",
       function()
      for _, lengths in ipairs {{4, 4, 4}, {4, 1, 3}, {0, 2, 4}} do
        local both = rnn[name](2, 3, {bidirectional = true})
        local x = random(rand, {4, 3, 2})
        local want, want_last = both(x, nil, lengths)
        for d, suffix in ipairs {"_l0", "_l0_reverse"} do
          local cell = rnn[name .. "Cell"](2, 3)
          for _, p in ipairs {"weight_ih", "weight_hh", "bias_ih",
                              "bias_hh"} do
            cell[p]:copy(both[p .. suffix])
          end
          local y, last = rnn.scan(cell, x, nil, {lengths = lengths,
                                                  reverse = d == 2})
          assert_same(want:slice(3, 3 * d - 2, 3 * d), y)
          for _, part in ipairs(parts) do
            assert_same(want_last[part][d], last[part])
          end
        end
      end
    end)
  end

  ---The steps of rnn.op.clockwork on inputs of these names, as a cell.
  local function clockwork_cell(p, o)
    local H = p.h0:shape()[2]
    local units = H // #o.periods
    return function(x, s)
      local parts = {}
      for m, period in ipairs(o.periods) do
        local from, to = (m - 1) * units + 1, m * units
        local function rows(t) return t:slice(1, from, to) end
        parts[m] = s.h:slice(2, from, to)
        if s.t % period == 0 then
          local a = x:linear(rows(p.w_ih), rows(p.b_ih)) +
                    s.h:slice(2, from, H):linear(rows(p.w_hh):slice(2, from, H),
                                                 rows(p.b_hh))
          parts[m] = o.nonlinearity == "relu" and a:relu() or a:tanh()
        end
      end
      local h = rnn.op.cat(parts, 2)
      return h, {h = h, t = s.t + 1}
    end
  end

  it("of its step is clockwork, gradients too", function()
    for i, o in ipairs {
      {periods = {1, 2, 4}}, {periods = {1, 2, 4}, start = 5, reverse = true},
      {periods = {1, 2, 4}, lengths = {9, 0, 4}},
      {periods = {2, 3, 7}, start = 1, lengths = {5, 8, 9}, reverse = true},
      {periods = {1, 3, 8}, nonlinearity = "relu", lengths = {2, 9, 6}},
      {periods = {4}, start = 3},
    } do
      local T, N, D, H = 9, 3, 4, 6
      local p, params = {}, {}
      for _, part in ipairs {{"x", {T, N, D}}, {"w_ih", {H, D}},
                             {"w_hh", {H, H}}, {"b_ih", {H}}, {"b_hh", {H}},
                             {"h0", {N, H}}} do
        p[part[1]] = random(rand, part[2])
        params[#params + 1] = rnn.param(p[part[1]])
      end
      local function fused()
        return rnn.op.clockwork(p.x, p.w_ih, p.w_hh, p.b_ih, p.b_hh, p.h0, o)
      end
      local function scanned()
        local y, last = rnn.scan(clockwork_cell(p, o), p.x,
                                 {h = p.h0, t = o.start or 0},
                                 {lengths = o.lengths, reverse = o.reverse})
        return y, last.h
      end
      local y, h = scanned()
      local got_y, got_h = fused()
      assert_same(y, got_y)
      assert_same(h, got_h)
      local function gradients(f)
        return gradcheck.gradients {f = f, params = params, seed = i}
      end
      local ok, why = gradcheck.agree(gradients(fused), gradients(scanned),
                                      1e-12, 1)
      assert.is_true(ok, why)
    end
  end)

  it("has the right gradients", function()
    for _, lengths in ipairs {false, {3, 1}, {2, 0}} do
      for _, reverse in ipairs {false, true} do
        local m = {w = rnn.Linear(2, 3), u = rnn.Linear(3, 3)}
        local x, h0 = random(rand, {3, 2, 2}), random(rand, {2, 3})
        local params = rnn.parameters(m)
        params[#params + 1], params[#params + 2] = rnn.param(x), rnn.param(h0)
        local ok, why = gradcheck.check {params = params, seed = 3,
          f = function()
            local y, last = rnn.scan(function(xt, h)
              local new = (m.w(xt) + m.u(h)):tanh()
              return new * 2, new
            end, x, h0, {lengths = lengths or nil, reverse = reverse})
            return y, last
          end}
        assert.is_true(ok, why)
      end
    end
  end)

  it("passes ids and states of any form", function()
    local embed = rnn.Embedding(5, 2)
    local ids = rnn.ids {1, 2, 3, 4, 5, 1}:reshape {3, 2}
    local y, last = rnn.scan(function(id, state)
      local sum = embed(id) + (state and state.deep.sum or 0)
      return sum, {deep = {sum = sum}, count = (state and state.count or 0) + 1}
    end, ids)
    assert.same({3, 2, 2}, y:shape())
    assert.equal(3, last.count)
    assert_same(y[3], last.deep.sum)
    assert_same(embed(ids):sum(1), last.deep.sum)
  end)

  it("says what is wrong", function()
    local function cell(x) return x end
    local x = rnn.zeros {3, 2, 1}
    local fails = require "tests.raises".with
    fails("scan: x must be a tensor (T, N, ...)", rnn.scan, cell,
          rnn.zeros {3})
    fails("unknown option 'length' (it has: lengths, reverse)", rnn.scan,
          cell, x, nil, {length = {1}})
    fails("scan: lengths must have one integer for each of 2 rows, got 1",
          rnn.scan, cell, x, nil, {lengths = {1}})
    fails("scan: lengths must be 0 to 3, got 4 for row 2", rnn.scan, cell, x,
          nil, {lengths = {1, 4}})
  end)
end)
