-- crf_marginals: the part of sum_y e^s(y) that has tag k at step t

local assert = require "luassert"
local array = require "tests.array"
local crf = require "tests.crf"

local function reference(e, trans, start, last, args)
  local p = array.new(e.shape, 0.0)
  for n = 1, e.shape[2] do
    local all = crf.all(e, trans, start, last, n,
                        crf.length(args, n, e.shape[1]))
    local log_z = crf.log_z(all)
    for _, one in ipairs(all) do
      for t, k in ipairs(one.tags) do
        local at = array.at(e.shape, {t, n, k})
        p[at] = p[at] + math.exp(one.score - log_z)
      end
    end
  end
  return p
end

return {
  cases = function(rand)
    return crf.cases(rand, function(c) c.grad = {} end)
  end,
  large = function(rand)
    local c = crf.large(rand)
    c.grad = {}
    return {c}
  end,
  reference = reference, options = {"lengths"},
  errors = {
    {"op.crf_marginals(zeros{2, 1, 3}, zeros{3, 3}, zeros{2}, zeros{3})",
     "crf_marginals: 'start' must be (3), got (2)"},
    {"op.crf_marginals(zeros{2, 1, 3}, zeros{3, 3}, zeros{3}, zeros{3}, " ..
     "{lengths = {-1}})",
     "crf_marginals: 'lengths' must be 0 to 2, got -1 for row 1"},
  },
  extra = {
    ["is the gradient of the partition function"] = function(rnn)
      local e = rnn.param(rnn.randn({4, 2, 3}, "float64"))
      local trans = rnn.randn({3, 3}, "float64")
      local start = rnn.randn({3}, "float64")
      local last = rnn.randn({3}, "float64")
      local tags = rnn.zeros({4, 2}, "int32"):fill(1)
      local p = rnn.op.crf_marginals(e, trans, start, last)
      local tape <close> = rnn.tape()
      tape:backward(rnn.op.crf(e, tags, trans, start, last,
                               {reduction = "sum"}))
      local want, got = array.of(e.grad), array.of(p)
      for i = 1, #want, 3 do want[i] = want[i] + 1 end   -- tag 1 is there
      assert.is_true((array.compare(got, want, 1e-13)))
    end,
  },
}
