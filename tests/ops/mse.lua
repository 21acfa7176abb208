-- mse: (x - y)^2 per element; mean of nothing is 0

local array = require "tests.array"
local case = require "tests.case"

local function reference(x, y, args)
  return case.reduced(array.broadcast(x, y, function(a, b)
    return (a - b) ^ 2
  end), args)
end

return {
  cases = function(rand) return case.losses(rand, array.random, {1, 2}) end,
  reference = reference, large = case.large_loss, options = {"reduction"},
  errors = {
    {"op.mse(zeros{2}, zeros{3})",
     "mse: 'y' must be (2), got (3)"},
    {"op.mse(zeros{2}, zeros{2}, {reduction = ''})",
     "mse: 'reduction' must be one of mean|sum|none, got ''"},
    {"op.mse(zeros{2}, ids{1, 2})",
     "mse: 'y' must be float32 or float64, got int32"},
  },
}
