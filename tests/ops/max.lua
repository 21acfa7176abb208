-- max: of all elements or along an axis; differences need distinct elements

local array = require "tests.array"
local case = require "tests.case"

local function max(line)
  return math.max(table.unpack(line))
end

local this = case.reduction(max, {make = array.distinct})

this.errors = {
  {"op.max(zeros{0, 3}, 1)",
   "max: nothing to reduce in (0, 3)"},
  {"op.max(zeros{0})",
   "max: nothing to reduce in (0)"},
  {"op.max(zeros{2}, -2)",
   "max: 'axis' is -2, but the tensor has 1 axis"},
}

return this
