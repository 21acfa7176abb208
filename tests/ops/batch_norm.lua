-- batch_norm: (x - mean) / sqrt(variance + eps) * w + b of each column, over
-- the rows that count; the mean and the variance

local array = require "tests.array"
local new_case = require "tests.norm"

local function lengths_of(rand, shape)
  local list = {}
  for n = 1, shape[2] do list[n] = rand:int(0, shape[1]) end
  return list
end

local function cases(rand)
  local list = {}
  for i, shape in ipairs(rand:shapes(16, 1)) do
    list[#list + 1] = new_case(rand, shape, i % 4 > 1, i % 2 == 1,
        i % 3 == 0 and {eps = rand:pick {1e-3, 0.5, 2}} or nil)
  end
  for i = 1, 12 do
    local shape = rand:dims(3, 1, 4)
    list[#list + 1] = new_case(rand, shape, i % 4 > 1, i % 2 == 1,
        {lengths = lengths_of(rand, shape), eps = i % 3 == 0 and 0.1 or nil})
  end
  return list
end

local function large(rand)
  return {
    new_case(rand, {300, 70}, true, true),
    new_case(rand, {3, 9001}, true, true),
    new_case(rand, {20, 30, 130}, true, true,
             {lengths = lengths_of(rand, {20, 30})}),
  }
end

---Does row i (from 1) of x count?
local function counts(x, lengths, i)
  local N = x.shape[2]
  return not lengths or (i - 1) // N < lengths[(i - 1) % N + 1]
end

local function reference(x, w, b, args)
  local F = x.shape[#x.shape]
  local y = array.new(x.shape, 0.0)
  local mean, var = array.new({F}, 0.0), array.new({F}, 0.0)
  local rows = {}
  for i = 1, F > 0 and #x // F or 0 do
    if counts(x, args.lengths, i) then rows[#rows + 1] = (i - 1) * F end
  end
  for k = 1, F do
    for _, r in ipairs(rows) do mean[k] = mean[k] + x[r + k] / #rows end
    for _, r in ipairs(rows) do
      var[k] = var[k] + (x[r + k] - mean[k]) ^ 2 / #rows
    end
    for _, r in ipairs(rows) do
      y[r + k] = (x[r + k] - mean[k]) / math.sqrt(var[k] + (args.eps or 1e-5))
                 * (w and w[k] or 1) + (b and b[k] or 0)
    end
  end
  return y, mean, var
end

return {
  cases = cases, large = large, reference = reference,
  options = {"lengths", "eps"},
  errors = {
    {"op.batch_norm(zeros{})", "batch_norm: 'x' must be (..., F), got ()"},
    {"op.batch_norm(zeros{2, 3}, zeros{2})",
     "batch_norm: 'w' must be (3), got (2)"},
    {"op.batch_norm(zeros{2, 3}, {lengths = {1, 1}})",
     "batch_norm: 'x' must be (T, N, F) to have lengths, got (2, 3)"},
    {"op.batch_norm(zeros{2, 1, 3}, {lengths = {3}})",
     "batch_norm: 'lengths' must be 0 to 2, got 3 for row 1"},
    {"op.batch_norm(zeros{2, 1, 3}, {lengths = {1, 1}})",
     "batch_norm: 'lengths' must have one integer for each of 1 rows, got 2"},
  },
}
