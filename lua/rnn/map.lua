---The results of a function for the elements of a list.
---@generic A, B
---@param list A[]
---@param f fun(x: A): B? only the first result counts
---@return B[]
return function(list, f)
  local out = {}
  for i, x in ipairs(list) do out[i] = f(x) end
  return out
end
