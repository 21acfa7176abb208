-- crf_decode: the sequences of largest score, by enumeration of all; 0 and
-- -inf where there are fewer than n

local array = require "tests.array"
local crf = require "tests.crf"

local function reference(e, trans, start, last, args)
  local T, N, n = e.shape[1], e.shape[2], args.n or 1
  local tags = array.new({n, T, N}, 0)
  local scores = array.new({n, N}, -math.huge)
  for row = 1, N do
    local all = crf.all(e, trans, start, last, row, crf.length(args, row, T))
    for r = 1, math.min(n, #all) do
      scores[array.at(scores.shape, {r, row})] = all[r].score
      for t, k in ipairs(all[r].tags) do
        tags[array.at(tags.shape, {r, t, row})] = k
      end
    end
  end
  return tags, scores
end

---Scores no two sums of which are the same, so that the order is one.
local function distinct(rand, c)
  for i = 1, 4 do
    local a = c.inputs[i]
    for k = 1, #a do a[k] = a[k] + rand:int(-4096, 4096) / 65536 end
  end
  c.grad = {}
end

return {
  cases = function(rand)
    return crf.cases(rand, function(c, i)
      distinct(rand, c)
      if i % 2 == 0 then c.args.n = rand:int(1, 9) end
    end)
  end,
  large = function(rand)
    local c = crf.large(rand)
    distinct(rand, c)
    c.args.n = 70
    return {c}
  end,
  reference = reference, options = {"lengths", "n"},
  errors = {
    {"op.crf_decode(zeros{2, 1, 3}, zeros{3, 3}, zeros{3}, zeros{3}, " ..
     "{n = 0})", "crf_decode: 'n' must be from 1 to 715827882, got 0"},
    {"op.crf_decode(zeros{2, 1, 3}, zeros{3, 3}, zeros{3}, zeros{1})",
     "crf_decode: 'end' must be (3), got (1)"},
  },
}
