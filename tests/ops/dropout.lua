-- dropout: without a tape nothing; under one each element is 0 with
-- probability p, else scaled by 1/(1-p)

local assert = require "luassert"
local case = require "tests.case"

local function cases(rand)
  local list = case.over_shapes(rand)
  for i = 2, #list do
    list[i].args.p = rand:pick {0, 0.25, 0.5, 0.9, 1}
    if #list[i].inputs[1].shape > 1 then
      list[i].args.locked = rand:pick {true, false}
    end
  end
  return list
end

---Share of zeros of 10^5 ones under dropout; checks what the others are.
local function zeros_of(rnn, p)
  rnn.seed(7)
  local x = rnn.ones({100000}, "float64")
  local _ <close> = rnn.tape()
  local zeros, scaled = 0, 0
  for _, v in ipairs(rnn.op.dropout(x, p):totable()) do
    if v == 0 then
      zeros = zeros + 1
    elseif math.abs(v * (1 - p) - 1) < 1e-12 then
      scaled = scaled + 1
    end
  end
  assert.equal(100000, zeros + scaled)
  return zeros / 100000
end

return {
  cases = cases, reference = function(x) return x end, taped = true,
  options = {"p", "locked"},
  errors = {
    {"op.dropout(zeros{2}, 1.5)",
     "dropout: 'p' must be from 0 to 1, got 1.5"},
    {"op.dropout(zeros{2}, -0.5)",
     "dropout: 'p' must be from 0 to 1, got -0.5"},
    {"op.dropout(zeros{2}, 0/0)",
     "dropout: 'p' is not a number"},
    {"op.dropout(zeros{2}, {q = 0.5})",
     "dropout: unknown option 'q' (it has: p, locked)"},
    {"op.dropout(zeros{2}, {locked = true})",
     "dropout: 'x' must have 2 axes or more to be locked, got (2)"},
    {"op.dropout(ids{1})",
     "dropout: 'x' must be float32 or float64, got int32"},
  },
  extra = {
    ["drops with probability p"] = function(rnn)
      for _, p in ipairs {0, 0.1, 0.5, 0.9, 1} do
        local deviation = 5 * math.sqrt(p * (1 - p) / 100000)
        assert.is_true(math.abs(zeros_of(rnn, p) - p) <= deviation)
      end
    end,
    ["draws once for the whole first axis when locked"] = function(rnn)
      local _ <close> = rnn.tape()
      local x = rnn.ones {5, 3, 40}
      local y = rnn.op.dropout(x, 0.5, true):totable()
      for t = 2, 5 do assert.same(y[1], y[t]) end
      assert.not_same(y[1][1], y[1][2])
    end,
    ["draws anew on every call"] = function(rnn)
      local x = rnn.ones {64}
      local _ <close> = rnn.tape()
      local a, b = rnn.op.dropout(x), rnn.op.dropout(x)
      assert.not_same(a:totable(), b:totable())
    end,
    ["draws the same in both dtypes"] = function(rnn)
      local function mask(dtype)
        rnn.seed(3)
        local _ <close> = rnn.tape()
        return rnn.op.dropout(rnn.ones({64}, dtype)):totable()
      end
      assert.same(mask("float64"), mask("float32"))
    end,
  },
}
