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
local check = require "rnn.check"
local core = require "rnn.core"
local lengths = require "rnn.lengths"

local op = core.op

---1 where a row has not ended at a step, else 0: (T,N,1).
local function masks_of(x, list)
  local shape = x:shape()
  if core.is_tensor(list) then list = list:totable() end
  lengths.check("scan", list, shape[1], shape[2], 0, 3)
  local dtype = x.dtype ~= "int32" and x.dtype or nil
  return 1 - lengths.beyond(list, shape[1], dtype)
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
  check.names("scan", o, {lengths = true, reverse = true})
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
