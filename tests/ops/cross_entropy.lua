-- cross_entropy: with p = softmax(logits), e = label_smoothing, per position
--   (1-e) * -log p[id] + e * mean_v(-log p[v])
-- and 0 where id is 'ignore'; the mean counts only the others. With weights
--   (1-e) * -w[id] log p[id] + e * mean_v(-w[v] log p[v])
-- and the mean divides by the sum of w[id]

local assert = require "luassert"
local array = require "tests.array"
local case = require "tests.case"

local function cases(rand)
  local list = case.classes(rand)
  for i, c in ipairs(list) do
    if i % 3 == 0 then c.args.label_smoothing = rand:pick {0.1, 0.5, 1} end
    c.inputs.n = 3
    local shape = c.inputs[1].shape
    if i % 8 == 0 then
      c.inputs[3] = array.new({shape[#shape]}, 0.0)
    elseif i % 2 == 0 then
      c.inputs[3] = array.random(rand, {shape[#shape]}, 0.25, 2)
    end
  end
  return list
end

---The sum of the weights of the ids that count; nil without weights.
local function counted(ids, w, ignore)
  local sum = 0.0
  for _, id in ipairs(ids) do
    if w and id ~= ignore then sum = sum + w[id] end
  end
  return w and sum
end

local function reference(logits, ids, w, args)
  local e = args.label_smoothing or 0.0
  local function weight(v) return w and w[v] or 1.0 end
  local function loss(line, id)
    local sum, mean = 0.0, 0.0
    for _, x in ipairs(line) do sum = sum + math.exp(x) end
    for v, x in ipairs(line) do
      mean = mean + weight(v) * (math.log(sum) - x) / #line
    end
    return (1 - e) * weight(id) * (math.log(sum) - line[id]) + e * mean
  end
  if not w then return case.class_loss(logits, ids, args, loss) end
  local each = case.class_loss(logits, ids,
                               {ignore = args.ignore, reduction = "none"}, loss)
  return case.reduced(each, args, counted(ids, w, args.ignore))
end

local function large(rand)
  local ids = array.ids(rand, {20, 11}, 97)
  for i = 1, #ids, 7 do ids[i] = 5 end
  local x = array.random(rand, {20, 11, 97})
  local w = array.random(rand, {97}, 0.25, 2)
  return {{inputs = {x, ids, n = 3}, args = {ignore = 5}, grad = {1}},
          {inputs = {x, ids, w}, args = {label_smoothing = 0.125},
           grad = {1}}}
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
    {"op.cross_entropy(zeros{2, 3}, ids{1, 2}, nil, 0, 0, 'sum', 1)",
     "cross_entropy: too many arguments"},
    {"op.cross_entropy(zeros{2, 3}, ids{1, 2}, {weight = ones{2}})",
     "cross_entropy: 'weight' must be (3), got (2)"},
    {"op.cross_entropy(zeros{2, 3}, ids{1, 2}, {weight = -ones{3}})",
     "cross_entropy: 'weight' must be 0 or more, got -1 for id 1"},
    {"op.cross_entropy(zeros{2, 3}, ids{1, 2}, {weight = {1, 1, 1}})",
     "cross_entropy: 'weight' must be a tensor, got table"},
    {"op.cross_entropy(zeros{2, 3}, ids{1, 2}, ones{3}, {weight = ones{3}})",
     "cross_entropy: 'weight' is given twice"},
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
    ["takes weights by position and by name"] = function(rnn)
      local x, ids, w = rnn.randn {4, 3}, rnn.ids {1, 2, 0, 3},
                        rnn.tensor {0.5, 1, 2}
      assert.equal(
        rnn.op.cross_entropy(x, ids, w, {ignore = 0}):item(),
        rnn.op.cross_entropy(x, ids, {ignore = 0, weight = w}):item())
    end,
    ["has weights when it looks through linear"] = function(rnn)
      local x, w = rnn.randn({6, 4}, "float64"), rnn.randn({3, 4}, "float64")
      local ids, weight = rnn.ids {1, 2, 3, 3, 2, 1},
                          rnn.tensor({0.5, 1, 2}, "float64")
      local grad = {}
      for i, through in ipairs {true, false} do
        local p = rnn.param(w:clone())
        local tape <close> = rnn.tape()
        local y = x:linear(p)
        if not through then y = y * 1 end
        tape:backward(y:cross_entropy(ids, {weight = weight,
                                            label_smoothing = 0.25}))
        grad[i] = array.of(p.grad)
      end
      assert.is_true((array.compare(grad[1], grad[2], 1e-13)))
    end,
    ["has no gradient where ids are ignored"] = function(rnn)
      local x = rnn.param(rnn.tensor {{1, 2}, {3, 4}})
      local tape <close> = rnn.tape()
      tape:backward(rnn.op.cross_entropy(x, rnn.ids {0, 0}, {ignore = 0}))
      assert.same({{0.0, 0.0}, {0.0, 0.0}}, x.grad:totable())
    end,
  },
}
