-- Conditional random fields by enumeration: the score of every sequence of
-- tags, added up, for the case files of the three ops and the layer's spec.

local array = require "tests.array"

local crf = {}

---All sequences of L tags of 1..K, in order.
local function sequences(K, L)
  local list = {}
  for _, index in array.indices(array.new({L}, K)) do
    list[#list + 1] = {table.unpack(index)}
  end
  return list
end

---The score of tags (a list) for row n.
local function score(e, trans, start, last, n, tags)
  local K, L, s = e.shape[3], #tags, 0.0
  if L == 0 then return 0.0 end
  for t, k in ipairs(tags) do
    s = s + e[array.at(e.shape, {t, n, k})]
    if t > 1 then s = s + trans[(tags[t - 1] - 1) * K + k] end
  end
  return s + start[tags[1]] + last[tags[L]]
end

---All sequences of row n that have a score above -inf, as {tags, score}, best
---first; where scores are the same, in the order of the ops.
function crf.all(e, trans, start, last, n, L)
  local list = {}
  for _, tags in ipairs(sequences(e.shape[3], L)) do
    local s = score(e, trans, start, last, n, tags)
    if s > -math.huge then list[#list + 1] = {tags = tags, score = s} end
  end
  table.sort(list, function(a, b) return a.score > b.score end)
  return list
end

---log of the sum of e^score.
function crf.log_z(list)
  local sum = 0.0
  for _, one in ipairs(list) do
    sum = sum + math.exp(one.score - list[1].score)
  end
  return list[1].score + math.log(sum)
end

function crf.score(e, trans, start, last, n, tags)
  return score(e, trans, start, last, n, tags)
end

---The length of row n under options 'args'.
function crf.length(args, n, T)
  return args.lengths and args.lengths[n] or T
end

---Cases of emissions, transitions, start and end: all sizes, 0 and 1 among
---them, lengths in two of three, forbidden steps in one of four.
---@param f fun(c: table, i: integer, forbidden: boolean) completes a case
function crf.cases(rand, f)
  local list = {}
  for i = 1, 30 do
    local T, N, K = rand:int(1, 4), rand:int(1, 3), rand:int(1, 3)
    if i == 1 then T = 0 elseif i == 2 then N = 0 elseif i == 3 then K = 1 end
    local c = {inputs = {array.random(rand, {T, N, K}),
                         array.random(rand, {K, K}),
                         array.random(rand, {K}), array.random(rand, {K})},
               args = {}}
    if i % 3 > 0 and N > 0 then
      c.args.lengths = {}
      for n = 1, N do c.args.lengths[n] = rand:int(0, T) end
    end
    if i % 4 == 0 then crf.forbid(rand, c.inputs) end
    f(c, i)
    list[i] = c
  end
  return list
end

---Forbids some steps, none of which leads from or to the last tag.
function crf.forbid(rand, inputs)
  local K = #inputs[3]
  for at = 1, K * K do
    local last = (at - 1) // K == K - 1 or at % K == 0
    if not last and rand:chance(0.5) then inputs[2][at] = -math.huge end
  end
  for k = 1, K - 1 do
    if rand:chance(0.3) then inputs[3][k] = -math.huge end
    if rand:chance(0.3) then inputs[4][k] = -math.huge end
  end
end

---A larger case: T, N and K such that more than one worker is asked.
function crf.large(rand)
  local T, N, K = 5, 37, 4
  local lengths = {}
  for n = 1, N do lengths[n] = rand:int(0, T) end
  return {inputs = {array.random(rand, {T, N, K}), array.random(rand, {K, K}),
                    array.random(rand, {K}), array.random(rand, {K})},
          args = {lengths = lengths}}
end

return crf
