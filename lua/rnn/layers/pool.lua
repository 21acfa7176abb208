---rnn.Pool(kind): the steps of a row as one vector: "mean" (default), "max" or
---"last", over the steps within its length.
---
---    local pool = rnn.Pool("max")
---    local y = pool(rnn.randn {10, 2, 64}, {10, 7})    -- (2, 64)
local core = require "rnn.core"
local layer = require "rnn.layer"
local lengths_of = require "rnn.lengths"

local op = core.op

---@class rnn.Pool
---@overload fun(x: rnn.Tensor, lengths?: integer[]): rnn.Tensor
---x (T, N, F) -> (N, F); lengths: N integers from 1

local POOL = {}

function POOL.mean(x, lengths, shape)
  if not lengths then return op.mean(x, 1) end
  local counts = core.zeros({#lengths, 1}, x.dtype)
  for n, length in ipairs(lengths) do core.set(counts, n, length) end
  local mask = lengths_of.beyond(lengths, shape[1], x.dtype)
  return op.sum(op.masked_fill(x, mask, 0), 1) / counts
end

function POOL.max(x, lengths, shape)
  if lengths then
    local mask = lengths_of.beyond(lengths, shape[1], x.dtype)
    x = op.masked_fill(x, mask, -math.huge)
  end
  return op.max(x, 1)
end

function POOL.last(x, lengths, shape)
  if not lengths then return x:select(1, -1) end
  local ids = {}
  for n, length in ipairs(lengths) do ids[n] = (length - 1) * shape[2] + n end
  local rows = op.reshape(x, {shape[1] * shape[2], shape[3]})
  return op.embedding(rows, core.ids(ids))
end

local Pool = layer.class {
  name = "Pool",
  sizes = {},
  options = {kind = "mean"},
  check = function(_, options)
    if not POOL[options.kind] then
      return ("'kind' must be mean, max or last, got '%s'"):format(
             options.kind)
    end
  end,
  shapes = function() return {} end,
  init = function() end,
  call = function(self, x, lengths)
    local shape = x:shape()
    if #shape ~= 3 or shape[1] == 0 then
      error(("Pool: x must be (T, N, F) with a step or more, got (%s)"):format(
            table.concat(shape, ", ")), 2)
    end
    if lengths then
      lengths_of.check("Pool", lengths, shape[1], shape[2], 1, 2)
    end
    if shape[2] == 0 then lengths = nil end   -- nothing to look up
    return POOL[self.config.options.kind](x, lengths, shape)
  end,
}

---The kind may be given by itself, as in rnn.Pool("max").
local make = getmetatable(Pool).__call
getmetatable(Pool).__call = function(class, kind)
  return make(class, type(kind) == "string" and {kind = kind} or kind)
end

return Pool
