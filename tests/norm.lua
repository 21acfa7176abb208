-- A case of an op that normalises: x, and w and b of its last axis or nil.

local array = require "tests.array"

---@param w boolean  is there a w
---@param b boolean
---@param args? table
return function(rand, shape, w, b, args)
  local F = {shape[#shape]}
  local grad = {1}
  if w then grad[#grad + 1] = 2 end
  if b then grad[#grad + 1] = 3 end
  return {inputs = {n = 3, array.random(rand, shape),
                    w and array.random(rand, F) or nil,
                    b and array.random(rand, F) or nil},
          args = args or {}, grad = grad}
end
