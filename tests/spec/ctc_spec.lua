---rnn.ctc: decoders against enumeration of all paths.
local rnn = require "rnn"
local array = require "tests.array"
local ctc = require "tests.ctc"
local new_random = require "tests.random"

local assert_raises = require "tests.raises".exactly

---Rows of random logits with lengths.
local function each_row(seed, f)
  local rand = new_random(seed)
  for i = 1, 30 do
    local T, N, C = rand:int(i == 1 and 0 or 1, 5), rand:int(1, 2),
                    rand:int(1, 3)
    local x, blank = array.random(rand, {T, N, C}), rand:pick {1, C}
    local lengths = {}
    for n = 1, N do lengths[n] = rand:int(0, T) end
    f(array.tensor(rnn, x, "float64"), {lengths = lengths, blank = blank},
      function(n) return ctc.all(x, n, lengths[n], blank) end)
  end
end

describe("ctc", function()
  it("is the op", function()
    local x, y = rnn.randn {4, 1, 3}, rnn.ids {{2, 3}}
    assert.equal(x:ctc(y):item(), rnn.ctc(x, y):item())
    assert.near(x:ctc(y):item(), rnn.ctc(x:log_softmax(), y):item(), 1e-5)
  end)

  it("greedy has the labels of the likeliest path", function()
    each_row(1, function(x, o, all)
      for n, one in ipairs(rnn.ctc.greedy(x, o)) do
        local _, best = all(n)
        assert.near(best.logp, one.logp, 1e-12)
        assert.equal(best.key, table.concat(one.ids, " "))
      end
    end)
  end)

  it("a wide beam has all labels and their probabilities", function()
    each_row(2, function(x, o, all)
      o.width, o.n = 400, 400
      for n, list in ipairs(rnn.ctc.beam(x, o)) do
        local p, before = all(n), math.huge
        for _, one in ipairs(list) do
          local key = table.concat(one.ids, " ")
          assert.near(math.log(p[key]), one.logp, 1e-11)
          assert.is_true(one.logp <= before)
          p[key], before = nil, one.logp
        end
        assert.is_nil(next(p))
      end
    end)
  end)

  it("a narrow beam has less, and never more, of a probability", function()
    each_row(3, function(x, o, all)
      o.width = 1
      for n, list in ipairs(rnn.ctc.beam(x, o)) do
        assert.equal(1, #list)
        local p = all(n)[table.concat(list[1].ids, " ")]
        assert.is_true(list[1].logp <= math.log(p) + 1e-12)
      end
    end)
  end)

  it("learns to spell", function()
    rnn.seed(2)
    local x = rnn.param(rnn.zeros {8, 1, 4})
    local opt = rnn.Adam({x}, {lr = 0.2})
    for _ = 1, 60 do
      local tape <close> = rnn.tape()
      tape:backward(rnn.ctc(x, rnn.ids {{3, 3, 2, 4}}))
      opt:step()
    end
    assert.same({3, 3, 2, 4}, rnn.ctc.greedy(x)[1].ids)
    assert.same({3, 3, 2, 4}, rnn.ctc.beam(x)[1][1].ids)
  end)

  it("says what is wrong", function()
    local x = rnn.zeros {2, 1, 3}
    assert_raises("ctc.greedy: 'logits' must be (T, N, C) with C > 0, got (2)",
                  rnn.ctc.greedy, rnn.zeros {2})
    assert_raises("ctc.beam: 'blank' must be from 1 to 3, got 4", rnn.ctc.beam,
                  x, {blank = 4})
    assert_raises("ctc.beam: 'n' must be at most 'width', 2, got 3",
                  rnn.ctc.beam, x, {width = 2, n = 3})
    assert_raises("ctc.beam: 'lengths' must be 0 to 2, got 3 for row 1",
                  rnn.ctc.beam, x, {lengths = {3}})
    assert_raises("ctc.greedy: 'lengths' must have one integer for each of 1 "
                  .. "rows", rnn.ctc.greedy, x, {lengths = {}})
    assert_raises("ctc.greedy: unknown option 'width' (it has: blank, lengths)",
                  rnn.ctc.greedy, x, {width = 2})
  end)
end)
