-- nll: -log_probs[id] per position, 0 where id is 'ignore'; the mean counts
-- only the others

local array = require "tests.array"
local case = require "tests.case"

local function reference(log_probs, ids, args)
  return case.class_loss(log_probs, ids, args, function(line, id)
    return -line[id]
  end)
end

local function large(rand)
  local ids = array.ids(rand, {20, 11}, 97)
  for i = 1, #ids, 7 do ids[i] = 5 end
  local x = array.random(rand, {20, 11, 97})
  return {{inputs = {x, ids}, args = {ignore = 5}, grad = {1}}}
end

return {
  cases = case.classes, reference = reference, large = large,
  options = {"ignore", "reduction"},
  errors = {
    {"op.nll(zeros{2, 3}, ids{{1, 2}})",
     "nll: 'ids' must be (2), got (1, 2)"},
    {"op.nll(zeros{2, 3}, ids{0, 1}, {ignore = -1})",
     "nll: 'ids' holds 0 at position 1; ids run from 1 to 3"},
    {"op.nll(zeros{2, 3}, {1, 2})",
     "nll: 'ids' must be a tensor, got table"},
  },
}
