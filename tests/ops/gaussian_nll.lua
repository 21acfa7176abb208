-- gaussian_nll: (log v + (x - y)^2 / v) / 2 + log(2 pi) / 2 where 'full', with
-- v = max(var, eps)

local assert = require "luassert"
local array = require "tests.array"
local case = require "tests.case"

local function reference(x, y, var, args)
  local share = #var > 0 and #x // #var or 1
  return case.reduced(array.new(x.shape, function(i)
    local v = var[(i - 1) // share + 1]
    if args.log_var then v = math.exp(v) end
    v = math.max(v, args.eps or 1e-6)
    local more = args.full and math.log(2 * math.pi) / 2 or 0
    return (math.log(v) + (x[i] - y[i]) ^ 2 / v) / 2 + more
  end), args)
end

local function make(rand, shape, i)
  local one = {table.unpack(shape)}
  if i % 5 == 0 and #one > 0 and one[#one] > 0 then one[#one] = 1 end
  local var = i % 2 == 0 and array.random(rand, one, 0.25, 2) or
              array.random(rand, one)
  return {inputs = {array.random(rand, shape), array.random(rand, shape), var},
          args = {log_var = i % 2 == 1, full = i % 3 == 0 or nil,
                  eps = i % 7 == 0 and 0.125 or nil,
                  reduction = ({"mean", "sum", "none"})[i % 4]},
          grad = {1, 2, 3}}
end

local function cases(rand)
  local list = {}
  for i, shape in ipairs(rand:shapes(30)) do list[i] = make(rand, shape, i) end
  return list
end

return {
  cases = cases, reference = reference,
  options = {"reduction", "log_var", "full", "eps"},
  large = function(rand) return {make(rand, {70, 301}, 1)} end,
  errors = {
    {"op.gaussian_nll(zeros{2}, zeros{3}, ones{2})",
     "gaussian_nll: 'y' must be (2), got (3)"},
    {"op.gaussian_nll(zeros{2, 3}, zeros{2, 3}, ones{2})",
     "gaussian_nll: 'var' must be (2, 3), got (2)"},
    {"op.gaussian_nll(zeros{2}, zeros{2}, -ones{2})",
     "gaussian_nll: 'var' must not be negative, got -1 at position 1"},
    {"op.gaussian_nll(zeros{2}, zeros{2}, ones{2}, {eps = 0})",
     "gaussian_nll: 'eps' must be above 0, got 0"},
  },
  extra = {
    ["stands a variance of 0"] = function(rnn)
      local x = rnn.zeros {2}
      assert.near(math.log(1e-6) / 2, x:gaussian_nll(x, x):item(), 1e-5)
    end,
  },
}
