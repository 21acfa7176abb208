-- topk: by sorting each row; of equals the lower id comes first

local assert = require "luassert"
local array = require "tests.array"
local case = require "tests.case"

local function reference(x, args)
  local shape = {table.unpack(x.shape)}
  local n, k = shape[#shape], args.k
  shape[#shape] = k
  local y, ids = array.new(shape, 0.0), array.new(shape, 0)
  for row = 0, (n > 0 and #x // n or 0) - 1 do
    local order = {}
    for i = 1, n do order[i] = i end
    table.sort(order, function(a, b)
      local u, v = x[row * n + a], x[row * n + b]
      if u ~= v then return u > v end
      return a < b
    end)
    for j = 1, k do
      y[row * k + j], ids[row * k + j] = x[row * n + order[j]], order[j]
    end
  end
  return y, ids
end

---Numbers with ties have no gradient that differences could find.
local function cases(rand)
  local list = {}
  for i, shape in ipairs(rand:shapes(32, 1)) do
    local n = shape[#shape]
    local apart = i % 2 == 0
    local x = apart and array.distinct(rand, shape) or
              array.new(shape, function() return rand:int(-1, 1) end)
    list[i] = case.one(x, {k = rand:int(0, n)}, apart and {1} or {})
  end
  return list
end

---Rows of several blocks, with the best anywhere.
local function large(rand)
  local list = {}
  for _, shape in ipairs {{7, 5003}, {3001, 9}, {2, 40000}, {300, 129}} do
    local n = shape[#shape]
    for _, k in ipairs {1, 6, n // 3} do
      list[#list + 1] = case.one(array.distinct(rand, shape), {k = k})
    end
  end
  return list
end

return {
  cases = cases, reference = reference, large = large, options = {"k"},
  extra = {
    ["takes NaN for the largest"] = function(rnn)
      local x = rnn.tensor {1, 0 / 0, 3, 0 / 0, -math.huge, math.huge}
      local y, ids = rnn.op.topk(x, 6)
      assert.same({2, 4, 6, 3, 1, 5}, ids:totable())
      assert.equal(math.huge, y:totable()[3])
      local many = rnn.zeros {1000}
      many[700]:fill(0 / 0)
      assert.same({700, 1, 2}, select(2, many:topk(3)):totable())
    end,
    ["the order of numbers makes no difference"] = function(rnn)
      for _, sign in ipairs {1, -1} do
        local y, ids = rnn.op.topk(rnn.arange(5000) * sign, 3)
        assert.same(sign > 0 and {5000, 4999, 4998} or {1, 2, 3},
                    ids:totable())
        assert.same(sign > 0 and {4999, 4998, 4997} or {0, -1, -2},
                    y:totable())
      end
    end,
  },
  errors = {
    {"op.topk(zeros{2, 3})", "topk: 'k' is missing"},
    {"op.topk(zeros{2, 3}, 4)",
     "topk: 'k' must be from 0 to 3, the numbers of a row; got 4"},
    {"op.topk(zeros{2, 3}, -1)",
     "topk: 'k' must be from 0 to 3, the numbers of a row; got -1"},
    {"op.topk(zeros{}, 1)", "topk: 'x' must be (..., n), got ()"},
  },
}
