---rnn.scan: a cell of one's own over time. Any Lua function of elementary ops
---will do; under a tape its gradients follow.
---
---    local w, u = rnn.Linear(8, 16), rnn.Linear(16, 16, {bias = false})
---    local y, last = rnn.scan(function(x, h)
---      local new = (w(x) + (h and u(h) or 0)):relu()
---      return new, new
---    end, rnn.zeros {20, 4, 8})          -- y (20,4,16), last (4,16)
---
---A step costs a call per op of the cell, and the memory of its output until
---the tape closes. An LSTM of elementary ops (T 50, N 50) takes 5 times as long
---as rnn.LSTM with 32 units, 3 times with 128, less than twice with 512; what
---an option of rnn.LSTM, rnn.GRU or rnn.RNN does is better left to it.
local core = require "rnn.core"

local op = core.op

---1 where a row has not ended at a step, else 0: (T,N,1).
local function masks_of(x, lengths)
  local shape = x:shape()
  local T, N = shape[1], shape[2]
  if core.is_tensor(lengths) then lengths = lengths:totable() end
  if type(lengths) ~= "table" or #lengths ~= N then
    error(("scan: 'lengths' must be %d integers"):format(N), 4)
  end
  local dtype = x.dtype ~= "int32" and x.dtype or nil
  local masks = core.zeros({T, N, 1}, dtype)
  for n, length in ipairs(lengths) do
    if math.type(length) ~= "integer" or length < 0 or length > T then
      error(("scan: length %d must be from 0 to %d, got %s"):format(n, T,
            length), 4)
    end
    for t = 1, length do core.set(masks, (t - 1) * N + n, 1) end
  end
  return masks
end

---The mask (N,1) with as many axes as 't', which has rows of the batch.
local function fit(mask, t)
  local shape = {mask:shape()[1], 1}
  for axis = 3, #t:shape() do shape[axis] = 1 end
  return #shape > 2 and mask:reshape(shape) or mask
end

---'new' where the mask is 1, 'old' (0 when nil) where it is 0.
local function blend(old, new, mask)
  if core.is_tensor(new) then
    local m = fit(mask, new)
    if not old then return new * m end
    return old + m * (new - old)
  end
  if type(new) ~= "table" then return new end
  local all = {}
  for key, value in pairs(new) do
    all[key] = blend(old and old[key], value, mask)
  end
  return all
end

---@class rnn.ScanOptions
---@field reverse? boolean from the last step to the first
---@field lengths? integer[]|rnn.Tensor steps of each row; beyond them y is 0
---and the state stays

---Runs a cell over the first axis.
---@generic S
---@param cell fun(x: rnn.Tensor, state: S?): rnn.Tensor, S one step: x (N,...)
---and the state before it to y (N,...) and the state after it, a tensor or a
---table of them, rows of the batch first
---@param x rnn.Tensor (T,N,...)
---@param state? S before the first step, which then gets nil
---@param o? rnn.ScanOptions
---@return rnn.Tensor y (T,N,...)
---@return S state after the last step
local function scan(cell, x, state, o)
  o = o or {}
  for name in pairs(o) do
    if name ~= "reverse" and name ~= "lengths" then
      error(("scan: unknown option '%s' (it has: lengths, reverse)"):format(
            name), 2)
    end
  end
  if not core.is_tensor(x) or #x:shape() < 2 or x:shape()[1] == 0 then
    error("scan: x must be a tensor (T, N, ...) with T >= 1", 2)
  end
  local T, masks = x:shape()[1], o.lengths and masks_of(x, o.lengths)
  local out = {}
  for i = 1, T do
    local t = o.reverse and T + 1 - i or i
    local y, new = cell(x[t], state)
    if masks then
      y, new = blend(nil, y, masks[t]), blend(state, new, masks[t])
    end
    out[t], state = y, new
  end
  return op.stack(out, 1), state
end

return scan
