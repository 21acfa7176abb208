-- cross_entropy: with p = softmax(logits), e = label_smoothing, per position
--   (1-e) * -log p[id] + e * mean_v(-log p[v])
-- and 0 where id is 'ignore'; the mean counts only the others

local assert = require "luassert"
local array = require "tests.array"
local case = require "tests.case"

local function cases(rand)
  local list = case.classes(rand)
  for i, c in ipairs(list) do
    if i % 3 == 0 then c.args.label_smoothing = rand:pick {0.1, 0.5, 1} end
  end
  return list
end

local function reference(logits, ids, args)
  local e = args.label_smoothing or 0.0
  return case.class_loss(logits, ids, args, function(line, id)
    local sum, mean = 0.0, 0.0
    for _, x in ipairs(line) do sum = sum + math.exp(x) end
    for _, x in ipairs(line) do mean = mean + (math.log(sum) - x) / #line end
    return (1 - e) * (math.log(sum) - line[id]) + e * mean
  end)
end

local function large(rand)
  local ids = array.ids(rand, {20, 11}, 97)
  for i = 1, #ids, 7 do ids[i] = 5 end
  local x = array.random(rand, {20, 11, 97})
  return {{inputs = {x, ids}, args = {ignore = 5}, grad = {1}}}
end

return {
  cases = cases, reference = reference, large = large,
  errors = {
    {"op.cross_entropy(zeros{2, 3}, ids{1})",
     "cross_entropy: 'ids' must be (2), got (1)"},
    {"op.cross_entropy(zeros{2, 3}, ids{1, 4})",
     "cross_entropy: 'ids' holds 4 at position 2; ids run from 1 to 3"},
    {"op.cross_entropy(zeros{2, 3}, ids{1, 0})",
     "cross_entropy: 'ids' holds 0 at position 2; ids run from 1 to 3"},
    {"op.cross_entropy(zeros{2, 3}, zeros{2})",
     "cross_entropy: 'ids' must be int32, got float32"},
    {"op.cross_entropy(zeros{2, 3})",
     "cross_entropy: 'ids' must be a tensor, got no value"},
    {"op.cross_entropy(zeros{}, ids{1})",
     "cross_entropy: 'logits' must be (..., V), got ()"},
    {"op.cross_entropy(zeros{2, 3}, ids{1, 2}, {reduction = 'avg'})",
     "cross_entropy: 'reduction' must be one of mean|sum|none, got 'avg'"},
    {"op.cross_entropy(zeros{2, 3}, ids{1, 2}, {reduction = 1})",
     "cross_entropy: 'reduction' must be one of mean|sum|none, got number"},
    {"op.cross_entropy(zeros{2, 3}, ids{1, 2}, {label_smoothing = 1.5})",
     "cross_entropy: 'label_smoothing' must be from 0 to 1, got 1.5"},
    {"op.cross_entropy(zeros{2, 3}, ids{1, 2}, {ignore = 'pad'})",
     "cross_entropy: 'ignore' must be an integer, got pad"},
    {"op.cross_entropy(zeros{2, 3}, ids{1, 2}, {ignored = 0})",
     "cross_entropy: unknown option 'ignored' (it has: ignore, " ..
     "label_smoothing, reduction)"},
    {"op.cross_entropy(zeros{2, 3}, ids{1, 2}, 0, 0, 'sum', 1)",
     "cross_entropy: too many arguments"},
  },
  options = {"ignore", "label_smoothing", "reduction"},
  extra = {
    ["does not overflow"] = function(rnn)
      for _, dtype in ipairs {"float32", "float64"} do
        local x = rnn.tensor({{-1e4, 1e4}}, dtype)
        assert.equal(2e4, rnn.op.cross_entropy(x, rnn.ids {1}):item())
        assert.equal(0.0, rnn.op.cross_entropy(x, rnn.ids {2}):item())
      end
    end,
    ["has no gradient where ids are ignored"] = function(rnn)
      local x = rnn.param(rnn.tensor {{1, 2}, {3, 4}})
      local tape <close> = rnn.tape()
      tape:backward(rnn.op.cross_entropy(x, rnn.ids {0, 0}, {ignore = 0}))
      assert.same({{0.0, 0.0}, {0.0, 0.0}}, x.grad:totable())
    end,
  },
}
