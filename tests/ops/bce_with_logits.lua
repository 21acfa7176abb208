-- bce_with_logits: with p = sigmoid(x), -y log p - (1-y) log(1-p) per element

local assert = require "luassert"
local array = require "tests.array"
local case = require "tests.case"

local function reference(x, y, args)
  return case.reduced(array.broadcast(x, y, function(v, t)
    local p = 1 / (1 + math.exp(-v))
    return -t * math.log(p) - (1 - t) * math.log(1 - p)
  end), args)
end

local function large(rand)
  local x = array.random(rand, {3, 7001})
  return {{inputs = {x, case.between(0, 1)(rand, {3, 7001})}, args = {},
           grad = {1}}}
end

return {
  cases = function(rand)
    return case.losses(rand, case.between(0, 1), {1})
  end,
  reference = reference, large = large, options = {"reduction"},
  errors = {
    {"op.bce_with_logits(zeros{2, 1}, zeros{2})",
     "bce_with_logits: 'targets' must be (2, 1), got (2)"},
    {"op.bce_with_logits(zeros{2}, ids{1, 2})",
     "bce_with_logits: 'targets' must be float32 or float64, got int32"},
  },
  extra = {
    ["does not overflow"] = function(rnn)
      for _, dtype in ipairs {"float32", "float64"} do
        local x = rnn.tensor({-1e4, 1e4}, dtype)
        local y = rnn.tensor({1, 1}, dtype)
        local loss = rnn.op.bce_with_logits(x, y, {reduction = "none"})
        assert.same({1e4, 0.0}, loss:totable())
      end
    end,
  },
}
