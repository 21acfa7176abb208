-- crf: log sum_y e^s(y) - s(tags), s by enumeration of all sequences y

local assert = require "luassert"
local array = require "tests.array"
local case = require "tests.case"
local crf = require "tests.crf"

---A tag sequence of row n that has a score; where none is forbidden, any.
local function pick(rand, inputs, n, L)
  local list = crf.all(inputs[1], inputs[2], inputs[3], inputs[4], n, L)
  return rand:pick(list).tags
end

---Completes a case by tags; those after the lengths are 0.
local function add_tags(rand, c)
  local e = c.inputs[1]
  local T, N = e.shape[1], e.shape[2]
  local tags = array.new({T, N}, 0)
  for n = 1, N do
    for t, k in ipairs(pick(rand, c.inputs, n, crf.length(c.args, n, T))) do
      tags[(t - 1) * N + n] = k
    end
  end
  tags.dtype = "int32"
  table.insert(c.inputs, 2, tags)
end

---Inputs with a gradient: those without -inf, where differences are NaN.
local function finite(inputs)
  local list = {}
  for i, a in ipairs(inputs) do
    local all = a.dtype ~= "int32"
    for _, x in ipairs(a) do all = all and x > -math.huge end
    if all then list[#list + 1] = i end
  end
  return list
end

local function cases(rand)
  return crf.cases(rand, function(c, i)
    add_tags(rand, c)
    c.grad = finite(c.inputs)
    c.args.reduction = ({"mean", "sum", "none"})[i % 5]
  end)
end

local function reference(e, tags, trans, start, last, args)
  local T, N = e.shape[1], e.shape[2]
  local loss, counted = {shape = {N}}, 0
  for n = 1, N do
    local own = {}
    for t = 1, crf.length(args, n, T) do own[t] = tags[(t - 1) * N + n] end
    local all = crf.all(e, trans, start, last, n, #own)
    loss[n] = crf.log_z(all) - crf.score(e, trans, start, last, n, own)
    if #own > 0 then counted = counted + 1 end
  end
  return case.reduced(loss, args, counted)
end

local function large(rand)
  local c = crf.large(rand)
  add_tags(rand, c)
  c.grad = {1, 3, 4, 5}
  return {c}
end

local SCORES = "zeros{2, 1, 3}, %s, %s, zeros{3}, zeros{3}%s"

local function call(tags, trans, options)
  return ("op.crf(" .. SCORES .. ")"):format(tags, trans or "zeros{3, 3}",
                                             options or "")
end

return {
  cases = cases, reference = reference, large = large,
  options = {"lengths", "reduction"},
  errors = {
    {call("ids{{1}, {4}}"),
     "crf: 'tags' holds 4 at step 2 of row 1; tags run from 1 to 3"},
    {call("ids{{0}, {1}}", nil, ", {lengths = {1}}"),
     "crf: 'tags' holds 0 at step 1 of row 1; tags run from 1 to 3"},
    {call("ids{1, 1}"), "crf: 'tags' must be (2, 1), got (2)"},
    {call("ids{{1}, {1}}", "zeros{3, 2}"),
     "crf: 'transitions' must be (3, 3), got (3, 2)"},
    {call("ids{{1}, {1}}", "full({3, 3}, -1/0)"),
     "crf: 'tags' take a step at 2 of row 1 that 'transitions' forbids (-inf)"},
    {"op.crf(zeros{1, 1, 2}, ids{{1}}, zeros{2, 2}, full({2}, -1/0), " ..
     "zeros{2})",
     "crf: 'tags' take a step at 1 of row 1 that 'start' forbids (-inf)"},
    {"op.crf(zeros{1, 1, 2}, ids{{1}}, zeros{2, 2}, zeros{2}, " ..
     "full({2}, -1/0))",
     "crf: 'tags' take a step at 1 of row 1 that 'end' forbids (-inf)"},
    {call("ids{{1}, {1}}", nil, ", {lengths = {3}}"),
     "crf: 'lengths' must be 0 to 2, got 3 for row 1"},
    {call("ids{{1}, {1}}", nil, ", {lengths = {1, 1}}"),
     "crf: 'lengths' must have one integer for each of 1 rows, got 2"},
    {"op.crf(zeros{2, 1}, ids{{1}, {1}}, zeros{1, 1}, zeros{1}, zeros{1})",
     "crf: 'emissions' must be (T, N, K) with K > 0, got (2, 1)"},
    {"op.crf(zeros{2, 1, 0}, ids{{1}, {1}}, zeros{0, 0}, zeros{0}, zeros{0})",
     "crf: 'emissions' must be (T, N, K) with K > 0, got (2, 1, 0)"},
  },
  extra = {
    ["is exact for large scores and long sequences"] = function(rnn)
      local T = 3000
      for _, dtype in ipairs {"float32", "float64"} do
        local e = rnn.param(rnn.full({T, 1, 2}, 1e4, dtype))
        local zero = rnn.zeros({2}, dtype)
        local tags = rnn.zeros({T, 1}, "int32"):fill(1)
        local tape <close> = rnn.tape()
        local loss = rnn.op.crf(e, tags, rnn.zeros({2, 2}, dtype), zero, zero)
        local want = T * math.log(2)
        assert.is_true(math.abs(loss:item() - want) <= 3e-6 * want)
        tape:backward(loss)
        for _, row in ipairs(e.grad:totable()) do
          assert.is_true(math.abs(row[1][1] + 0.5) < 1e-6)
          assert.is_true(math.abs(row[1][2] - 0.5) < 1e-6)
        end
      end
    end,
    ["gives forbidden transitions no gradient"] = function(rnn)
      local trans = rnn.param(rnn.tensor {{0, -math.huge}, {0.5, 0.25}})
      local zero = rnn.zeros {2}
      local tape <close> = rnn.tape()
      local loss = rnn.op.crf(rnn.zeros {3, 1, 2}, rnn.ids {{2}, {2}, {1}},
                              trans, zero, zero)
      tape:backward(loss)
      local g = trans.grad:totable()
      assert.equal(0.0, g[1][2])
      assert.is_true(g[1][1] > 0 and g[2][1] == g[2][1])
    end,
  },
}
