---Rows of different lengths in one (T,N,...) tensor: checks and masks.
local core = require "rnn.core"

local lengths = {}

---Raises unless 'list' has N integers from 'least' to T.
---@param name string of the layer, for the message
---@param list integer[]
---@param T integer
---@param N integer
---@param least integer
---@param level integer of the error, as for error()
function lengths.check(name, list, T, N, least, level)
  if type(list) ~= "table" or #list ~= N then
    error(("%s: lengths must have one integer for each of %d rows, got %s")
          :format(name, N, type(list) == "table" and #list or type(list)),
          level + 1)
  end
  for n, length in ipairs(list) do
    if math.type(length) ~= "integer" or length < least or length > T then
      error(("%s: lengths must be %d to %d, got %s for row %d"):format(
            name, least, T, length, n), level + 1)
    end
  end
end

---1 where a step is beyond the length of its row, else 0: for masked_fill.
---@param list integer[]
---@param T integer
---@param dtype rnn.Dtype
---@return rnn.Tensor mask (T, N, 1)
function lengths.beyond(list, T, dtype)
  local mask = core.zeros({T, #list, 1}, dtype)
  for n, length in ipairs(list) do
    for t = length + 1, T do core.set(mask, (t - 1) * #list + n, 1) end
  end
  return mask
end

return lengths
