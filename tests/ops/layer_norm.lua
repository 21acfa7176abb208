-- layer_norm: (x - mean) / sqrt(variance + eps) * w + b of each row

local array = require "tests.array"
local new_case = require "tests.norm"

local function cases(rand)
  local list = {}
  for i, shape in ipairs(rand:shapes(24, 1)) do
    list[#list + 1] = new_case(rand, shape, i % 4 > 1, i % 2 == 1,
        i % 3 == 0 and {eps = rand:pick {1e-3, 0.5, 2}} or nil)
  end
  return list
end

local function large(rand)
  local list = {}
  for _, shape in ipairs {{300, 70}, {3, 9001}, {20, 30, 33}} do
    list[#list + 1] = new_case(rand, shape, true, true)
  end
  return list
end

local function reference(x, w, b, args)
  local y = {shape = x.shape}
  array.lines(x, -1, function(line, position)
    local n, mean, var = #line, 0.0, 0.0
    for _, v in ipairs(line) do mean = mean + v / n end
    for _, v in ipairs(line) do var = var + (v - mean) ^ 2 / n end
    for k, v in ipairs(line) do
      y[position[k]] = (v - mean) / math.sqrt(var + (args.eps or 1e-5)) *
                       (w and w[k] or 1) + (b and b[k] or 0)
    end
  end)
  return y
end

return {
  cases = cases, large = large, reference = reference, options = {"eps"},
  errors = {
    {"op.layer_norm(zeros{})", "layer_norm: 'x' must be (..., F), got ()"},
    {"op.layer_norm(zeros{2, 3}, zeros{2})",
     "layer_norm: 'w' must be (3), got (2)"},
    {"op.layer_norm(zeros{2, 3}, nil, zeros{3, 1})",
     "layer_norm: 'b' must be (3), got (3, 1)"},
    {"op.layer_norm(zeros{2}, {eps = -1})",
     "layer_norm: 'eps' must be at least 0, got -1"},
  },
}
