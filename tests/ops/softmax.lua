-- softmax: e^x / sum e^x along an axis (default the last)

local assert = require "luassert"
local array = require "tests.array"
local case = require "tests.case"

local function cases(rand)
  return case.along_axis(rand)
end

local function reference(x, args)
  local out = {shape = x.shape}
  array.lines(x, args.axis or -1, function(line, position)
    local sum = 0.0
    for _, v in ipairs(line) do sum = sum + math.exp(v) end
    for i, v in ipairs(line) do out[position[i]] = math.exp(v) / sum end
  end)
  return out
end

local function large(rand)
  return case.large_axes(rand)
end

return {
  cases = cases, reference = reference, large = large, options = {"axis"},
  errors = {
    {"op.softmax(zeros{2, 3}, 3)",
     "softmax: 'axis' is 3, but the tensor has 2 axes"},
    {"op.softmax(ids{1})",
     "softmax: 'x' must be float32 or float64, got int32"},
  },
  extra = {
    ["does not overflow"] = function(rnn)
      for _, dtype in ipairs {"float32", "float64"} do
        local x = rnn.tensor({{1e4, 1e4}, {-1e4, 1e4}}, dtype)
        assert.same({{0.5, 0.5}, {0.0, 1.0}}, rnn.op.softmax(x):totable())
      end
    end,
    ["takes -inf as probability 0"] = function(rnn)
      local x = rnn.tensor {-math.huge, 1, 1}
      assert.same({0.0, 0.5, 0.5}, rnn.op.softmax(x):totable())
    end,
  },
}
