---What losses over large vocabularies share: the positions of a batch as a
---list.
local core = require "rnn.core"

local flat = {}

---A list of ids as a tensor, also when it is empty.
---@param list integer[]
---@return rnn.Tensor ids (M) int32
function flat.ids(list)
  return #list > 0 and core.ids(list) or core.zeros({0}, "int32")
end

---x (..., D) as rows.
---@param x rnn.Tensor
---@return rnn.Tensor rows (M,D)
---@return integer[] leading axes of x
function flat.rows(x)
  local shape, M = x:shape(), 1
  local D = table.remove(shape)
  for _, n in ipairs(shape) do M = M * n end
  return x:reshape {M, D}, shape
end

---The rows of x and the ids (...) that stand beside them, checked.
---@param what string the layer, for messages
---@param x rnn.Tensor (..., D)
---@param ids rnn.Tensor (...) int32
---@param V integer
---@param ignore? integer
---@return rnn.Tensor rows (M,D)
---@return integer[] list M ids, 0 for those ignored
---@return integer counted how many are not
function flat.positions(what, x, ids, V, ignore)
  local rows, shape = flat.rows(x)
  local got = ids:shape()
  if table.concat(shape, ", ") ~= table.concat(got, ", ") then
    error(("%s: 'ids' must be (%s), got (%s)"):format(what,
          table.concat(shape, ", "), table.concat(got, ", ")), 3)
  end
  local list, counted = ids:reshape {rows:shape()[1]}:totable(), 0
  for i, id in ipairs(list) do
    if id == ignore then
      list[i] = 0
    elseif id < 1 or id > V then
      error(("%s: 'ids' holds %d at position %d; ids run from 1 to %d"):format(
            what, id, i, V), 3)
    else
      counted = counted + 1
    end
  end
  return rows, list, counted
end

return flat
