-- argmax: the id of the largest element, the first of equal ones; without an
-- axis its position in the flat data

local assert = require "luassert"
local array = require "tests.array"
local case = require "tests.case"

local function argmax(line)
  local best = 1
  for i, x in ipairs(line) do
    if x > line[best] then best = i end
  end
  return best
end

---Few different numbers, so that there are ties.
local function tied(rand, shape)
  return array.new(shape, function() return rand:int(-1, 1) end)
end

local argmax_case = case.reduction(argmax, {make = tied, grad = {}})

argmax_case.extra = {
  ["gives int32"] = function(rnn)
    assert.equal("int32", rnn.op.argmax(rnn.tensor {1, 3, 2}).dtype)
    assert.equal(2, rnn.op.argmax(rnn.tensor {1, 3, 2}):item())
  end,
}

argmax_case.errors = {
  {"op.argmax(zeros{0})",
   "argmax: nothing to reduce in (0)"},
  {"op.argmax(zeros{2, 3}, -3)",
   "argmax: 'axis' is -3, but the tensor has 2 axes"},
}

return argmax_case
