-- ctc: -log of the sum of the probabilities of all paths that stand for the
-- targets, by enumeration

local assert = require "luassert"
local array = require "tests.array"
local case = require "tests.case"
local ctc = require "tests.ctc"

---Completes a case of (T,N,C): targets, lengths, options.
local function complete(rand, c, T, N, C)
  local S, blank = rand:int(0, 2), rand:pick {1, C}
  local targets = array.new({N, S}, function()
    if C == 1 then return 0 end
    return blank == 1 and rand:int(2, C) or rand:int(1, C - 1)
  end)
  targets.dtype = "int32"
  c.inputs = {array.random(rand, {T, N, C}), targets}
  if N > 0 and (C == 1 or rand:chance(0.7)) then
    c.args.target_lengths = {}
    for n = 1, N do
      c.args.target_lengths[n] = C == 1 and 0 or rand:int(0, S)
    end
  end
  if N > 0 and rand:chance(0.7) then
    c.args.lengths = {}
    for n = 1, N do c.args.lengths[n] = rand:int(0, T) end
  end
  if blank ~= 1 then c.args.blank = blank end
  c.args.zero_infinity = true   -- differences of infinities are no gradient
  c.args.reduction = rand:pick {"mean", "sum", "none", nil}
  c.grad = {1}
  return c
end

local function cases(rand)
  local list = {}
  for i = 1, 40 do
    local T, N, C = rand:int(1, 4), rand:int(1, 3), rand:int(1, 3)
    if i == 1 then T = 0 elseif i == 2 then N = 0 elseif i == 3 then C = 1 end
    list[i] = complete(rand, {args = {}}, T, N, C)
  end
  return list
end

local function reference(x, targets, args)
  local T, N, S = x.shape[1], x.shape[2], targets.shape[2]
  local loss = {shape = {N}}
  local mean = not args.reduction or args.reduction == "mean"
  for n = 1, N do
    local L = args.lengths and args.lengths[n] or T
    local U = args.target_lengths and args.target_lengths[n] or S
    local key = table.concat(targets, " ", (n - 1) * S + 1, (n - 1) * S + U)
    local p = ctc.all(x, n, L, args.blank or 1)[key]
    loss[n] = p and -math.log(p) or args.zero_infinity and 0.0 or math.huge
    if mean then loss[n] = loss[n] / math.max(U, 1) end
  end
  return case.reduced(loss, args)
end

local function large(rand)
  return {complete(rand, {args = {}}, 5, 300, 4)}
end

local Y = "op.ctc(zeros{3, 2, 4}, "

return {
  cases = cases, reference = reference, large = large,
  options = {"lengths", "target_lengths", "blank", "reduction",
             "zero_infinity"},
  errors = {
    {Y .. "ids{{2, 1}, {2, 2}})",
     "ctc: 'targets' holds 1 at position 2 of row 1; labels run from 1 to 4, "
     .. "without the blank, 1"},
    {Y .. "ids{{2, 2}, {2, 5}})",
     "ctc: 'targets' holds 5 at position 2 of row 2; labels run from 1 to 4, "
     .. "without the blank, 1"},
    {Y .. "ids{{2, 2}})", "ctc: 'targets' must be (2, S), got (1, 2)"},
    {Y .. "ids{{2}, {2}}, {blank = 5})",
     "ctc: 'blank' must be from 1 to 4, got 5"},
    {Y .. "ids{{2}, {2}}, {lengths = {4, 1}})",
     "ctc: 'lengths' must be 0 to 3, got 4 for row 1"},
    {Y .. "ids{{2}, {2}}, {target_lengths = {1, 2}})",
     "ctc: 'target_lengths' must be 0 to 1, got 2 for row 2"},
    {"op.ctc(zeros{3, 2}, ids{{2}, {2}})",
     "ctc: 'logits' must be (T, N, C) with C > 0, got (3, 2)"},
  },
  extra = {
    ["is infinite where no path fits, and says so"] = function(rnn)
      local x = rnn.param(rnn.zeros {2, 1, 3})
      local tape <close> = rnn.tape()
      local loss = rnn.op.ctc(x, rnn.ids {{2, 2}})
      assert.equal(math.huge, loss:item())
      tape:backward(loss)
      local g = x.grad:totable()[1][1][2]
      assert.is_true(g ~= g)
    end,
    ["does not lose digits over many steps"] = function(rnn)
      local T = 2000
      for dtype, tol in pairs {float32 = 1e-4, float64 = 1e-10} do
        local x = rnn.param(rnn.full({T, 1, 2}, -1e3, dtype))
        local tape <close> = rnn.tape()
        local loss = rnn.op.ctc(x, rnn.ids {{2}}, {reduction = "sum"})
        -- T(T+1)/2 paths, each of probability 2^-T
        local want = T * math.log(2) - math.log(T * (T + 1) / 2)
        assert.near(want, loss:item(), tol * want)
        tape:backward(loss)
        local sum = 0.0
        for _, row in ipairs(x.grad:totable()) do sum = sum + row[1][2] end
        -- as many labels as the paths have on the average
        assert.near(T / 2 - (T + 2) / 3, sum, tol * T)
      end
    end,
  },
}
