-- log_softmax: x - log sum e^x along an axis (default the last)

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
    for i, v in ipairs(line) do out[position[i]] = v - math.log(sum) end
  end)
  return out
end

local function large(rand)
  return case.large_axes(rand)
end

return {
  cases = cases, reference = reference, large = large, options = {"axis"},
  errors = {
    {"op.log_softmax(zeros{2, 3}, 0)",
     "log_softmax: 'axis' counts from 1 (or from the end by -1), got 0"},
    {"op.log_softmax(zeros{2, 3}, {dim = 1})",
     "log_softmax: unknown option 'dim' (it has: axis)"},
  },
  extra = {
    ["does not overflow"] = function(rnn)
      for _, dtype in ipairs {"float32", "float64"} do
        local x = rnn.tensor({-1e4, 1e4}, dtype)
        assert.same({-2e4, 0.0}, rnn.op.log_softmax(x):totable())
      end
    end,
  },
}
