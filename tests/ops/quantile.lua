-- quantile: max(q d, (q - 1) d) with d = y - x, for one q or each on the last
-- axis of x

local assert = require "luassert"
local array = require "tests.array"
local case = require "tests.case"

local function reference(x, y, q, args)
  local n = #q
  return case.reduced(array.new(x.shape, function(i)
    local at = (i - 1) % n + 1
    local d = y[(i - 1) // n + 1] - x[i]
    return math.max(q[at] * d, (q[at] - 1) * d)
  end), args)
end

---x away from its target by what 'apart' says.
local function make(rand, shape, Q, reduction)
  local full, q = {table.unpack(shape)}, {shape = {}, rand:real(0, 1)}
  if Q then
    full[#full + 1] = Q
    q = array.random(rand, {Q}, 0, 1)
  end
  local y = array.random(rand, shape)
  local x = case.away_from {0}(rand, full)
  for i = 1, #x do x[i] = x[i] + y[(i - 1) // (Q or 1) + 1] end
  return {inputs = {x, y, q}, args = {reduction = reduction}, grad = {1, 2}}
end

local function cases(rand)
  local list = {}
  for i, shape in ipairs(rand:shapes(30)) do
    list[i] = make(rand, shape, i % 3 > 0 and rand:int(1, 3) or nil,
                   ({"mean", "sum", "none"})[i % 4])
  end
  return list
end

return {
  cases = cases, reference = reference, options = {"reduction"},
  large = function(rand) return {make(rand, {70, 101}, 3)} end,
  errors = {
    {"op.quantile(zeros{2}, zeros{2}, full({}, 1.5))",
     "quantile: 'q' must be from 0 to 1, got 1.5"},
    {"op.quantile(zeros{2, 3}, zeros{2}, zeros{2})",
     "quantile: 'q' must be () or the last axis of 'x' (2, 3), got (2)"},
    {"op.quantile(zeros{2, 3}, zeros{3}, zeros{3})",
     "quantile: 'y' must be (2), got (3)"},
    {"op.quantile(zeros{2}, zeros{3}, zeros{})",
     "quantile: 'y' must be (2), got (3)"},
  },
  extra = {
    ["takes a number or a list in rnn.quantile"] = function(rnn)
      local x, y = rnn.tensor {{1, 2}, {3, 4}}, rnn.tensor {2, 2}
      assert.near((0.1 * 1 + 0 + 0.9 * 1 + 0.25 * 2) / 4,
                  rnn.quantile(x, y, {0.1, 0.75}):item(), 1e-6)
      assert.same({0.75, 0.25}, rnn.quantile(y, x:select(2, 1), 0.25,
                                             {reduction = "none"}):totable())
    end,
    ["is smallest at the quantile"] = function(rnn)
      local y = rnn.arange(100, "float64")
      local best, at = math.huge, nil
      for x = 0.5, 98.5 do
        local loss = rnn.quantile(rnn.full({100}, x, "float64"), y, 0.9):item()
        if loss < best then best, at = loss, x end
      end
      assert.equal(89.5, at)
    end,
  },
}
