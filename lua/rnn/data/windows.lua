---Windows of series: some steps to read, and those that follow.
---
---    local data = require "rnn.data"
---    local values = rnn.randn {100, 3}                       -- (R,F) rows
---    local windows = data.windows(values, {steps = 24, horizon = 6,
---                                          batch = 32})
---    for x, y, at in windows do                   -- until the epoch ends
---      print(x:shape()[1], y:shape()[1], at[1])   -- 24, 6, where y's row 0 is
---    end
---
---A window is known by its origin: the row of its last step to read. As
---rnn.data.batches it is a part of a run; windows:next() goes from epoch to
---epoch.
local batching = require "rnn.data.batches"
local check = require "rnn.check"
local core = require "rnn.core"

local windowing = {}

-- {== Origins and rows ==

---Origins of the windows within ranges of rows, in order.
---@param ranges {first: integer, last: integer, from: integer?}[] windows read
---rows from first on, and what follows their origin lies in from .. last; from
---is first if absent
---@param o {steps: integer, horizon: integer, stride: integer}
---@return integer[] origins
function windowing.origins(ranges, o)
  local list = {}
  for _, range in ipairs(ranges) do
    local least = math.max(range.first + o.steps - 1,
                           (range.from or range.first) - 1)
    for at = least, range.last - o.horizon, o.stride do
      list[#list + 1] = at
    end
  end
  return list
end

---Rows origin + from .. origin + to of each origin.
---@param values rnn.Tensor (R,F)
---@param origins integer[] N of them
---@param from integer 0 is the origin itself
---@param to integer
---@return rnn.Tensor (to - from + 1, N, F)
function windowing.rows(values, origins, from, to)
  local ids = {}
  for k = from, to do
    local row = {}
    for n, at in ipairs(origins) do row[n] = at + k end
    ids[k - from + 1] = row
  end
  return core.op.embedding(values, core.ids(ids))
end

-- }==

-- {== Batches of windows ==

local OPTIONS = {steps = true, horizon = true, stride = true, batch = true,
                 shuffle = true, seed = true, drop_last = true}

---@class rnn.WindowsOptions
---@field steps integer T, steps to read
---@field horizon? integer H, steps that follow; default 1
---@field stride? integer rows from one window to the next; default 1
---@field batch integer N
---@field shuffle? boolean default true
---@field seed? integer default 1
---@field drop_last? boolean leave out a batch with fewer than N; default false

---@class rnn.Windows: rnn.Batches
---@overload fun(): rnn.Tensor?, rnn.Tensor?, integer[]? x (T,N,F), y (H,N,F),
---origins; nil when the epoch ends
local Windows = {}

local META = {
  __name = "rnn.Windows",
  __len = function(self) return #self.batches.examples end,
  __index = function(self, name)
    return Windows[name] or self.batches[name]
  end,
}

---Tensors of a batch of origins.
local function tensors_of(self, origins)
  if not origins then return nil end
  local o = self.o
  return windowing.rows(self.values, origins, 1 - o.steps, 0),
         windowing.rows(self.values, origins, 1, o.horizon), origins
end

META.__call = function(self) return tensors_of(self, self.batches()) end

---The next batch, of the next epoch if this one has ended.
---@return rnn.Tensor x (T,N,F)
---@return rnn.Tensor y (H,N,F)
---@return integer[] origins
function Windows:next() return tensors_of(self, self.batches:next()) end

for _, name in ipairs {"per_epoch", "finished", "state", "restore"} do
  Windows[name] = function(self, ...)
    return self.batches[name](self.batches, ...)
  end
end

---One table of all series, and the ranges of rows they have.
local function joined(values)
  if core.is_tensor(values) then
    return values, {{first = 1, last = #values}}
  end
  local ranges, parts, at = {}, {}, 0
  for i, one in ipairs(values) do
    ranges[i], parts[i] = {first = at + 1, last = at + #one}, one
    at = at + #one
  end
  return core.op.cat(parts, 1), ranges
end

---Batches of windows of a series, or of several with the same columns.
---@param values rnn.Tensor|rnn.Tensor[] (R,F)
---@param opts rnn.WindowsOptions
---@return rnn.Windows
function windowing.windows(values, opts)
  check.names("windows", opts, OPTIONS)
  local function integer(name, default)
    return check.integer("windows", name, opts[name], default, 1)
  end
  local o = {steps = integer "steps", horizon = integer("horizon", 1),
             stride = integer("stride", 1)}
  if not o.steps then error("windows: needs 'steps'", 2) end
  local all, ranges = joined(values)
  local origins = windowing.origins(ranges, o)
  if #origins == 0 then
    error(("windows: no series has the %d rows of 'steps' and 'horizon'")
          :format(o.steps + o.horizon), 2)
  end
  return setmetatable({values = all, o = o,
    batches = batching.batches(origins, {
      batch = opts.batch, shuffle = opts.shuffle, seed = opts.seed,
      drop_last = opts.drop_last})}, META)
end

-- }==

return windowing
