-- masked_fill: value where the mask is not 0, else x; the mask broadcasts to x

local assert = require "luassert"
local array = require "tests.array"

local function cases(rand)
  local list = {}
  for i, shape in ipairs(rand:shapes(24)) do
    local mask = {table.unpack(shape, i % 4 == 0 and 2 or 1)}
    for k = 1, #mask do
      if i % 3 == 0 and rand:chance(0.5) then mask[k] = 1 end
    end
    list[#list + 1] = {
      inputs = {array.random(rand, shape),
                array.new(mask, function() return rand:pick {0, 1, -0.5} end)},
      args = {value = rand:pick {0, -1e3, 2.5}}, grad = {1}}
  end
  return list
end

local function reference(x, mask, args)
  return array.broadcast(x, mask, function(v, m)
    return m ~= 0 and args.value or v
  end)
end

local function large(rand)
  local mask = array.new({1, 101}, function() return rand:int(0, 1) end)
  return {{inputs = {array.random(rand, {200, 101}), mask},
           args = {value = -1}, grad = {1}}}
end

return {
  cases = cases, reference = reference, large = large, options = {"value"},
  errors = {
    {"op.masked_fill(zeros{2}, zeros{2, 2}, 0)",
     "masked_fill: 'mask' (2, 2) is larger than 'x' (2)"},
    {"op.masked_fill(zeros{2}, zeros{3}, 0)",
     "masked_fill: 'x' (2) and 'mask' (3) do not broadcast"},
    {"op.masked_fill(zeros{2}, ids{1, 2}, 0)",
     "masked_fill: 'mask' must be float32 or float64, got int32"},
    {"op.masked_fill(zeros{2}, zeros{2}, 'x')",
     "masked_fill: 'value' must be a number, got string"},
  },
  extra = {
    ["takes -inf"] = function(rnn)
      local y = rnn.op.masked_fill(rnn.tensor {1, 2}, rnn.tensor {0, 1},
                                   -math.huge)
      assert.same({1.0, -math.huge}, y:totable())
    end,
  },
}
