---What rnn.stepper gives, for models that it does not take: everything goes
---through model:forward, one stream at a time, so that here too a stream does
---not depend on those beside it. The methods are those of rnn.Stepper that
---rnn.generate needs; a state is what model:forward returns, a table of tensors
---with the streams along axis 2.
local core = require "rnn.core"

local CHUNK = 256   -- ids that go through the model at once

---@class rnn.PlainStepper
local Plain = {}
Plain.__index = Plain

---One stream reads ids (T). What it has is replaced, not changed: after a
---select streams may share it.
local function read(self, i, ids)
  local n, logits = #ids, nil
  for from = 1, n, CHUNK do
    local to = math.min(n, from + CHUNK - 1)
    local x = ids:slice(1, from, to):reshape {to - from + 1, 1}
    logits, self.states[i] = self.model:forward(x, self.states[i])
  end
  if n == 0 then return end
  local shape = logits:shape()
  self.scores[i] = logits:select(1, shape[1]):reshape {shape[3]}:to "float32"
  local seen = table.move(self.seen[i], 1, #self.seen[i], 1, {})
  for k = math.max(1, n - self.history + 1), n do
    seen[#seen + 1] = core.get(ids, k)
  end
  self.seen[i] = table.move(seen, math.max(1, #seen - self.history + 1), #seen,
                            1, {})
end

function Plain:feed(ids)
  for i = 1, self.streams do read(self, i, ids) end
end

function Plain:step(ids)
  for i = 1, self.streams do read(self, i, ids:slice(1, i, i)) end
  return self:logits()
end

function Plain:sample(steps, o)
  local made = {}
  for t = 1, steps do
    local row = {}
    for i = 1, self.streams do
      row[i], self.rngs[i] = core.draw(self.scores[i], o,
                                       core.ids(self.seen[i]), self.rngs[i])
      read(self, i, core.ids {row[i]})
    end
    made[t] = row
  end
  return core.ids(made)
end

function Plain:seed(n)
  n = n or math.tointeger(core.random() * 2 ^ 53)
  for i = 1, self.streams do self.rngs[i] = core.seeded(n + i - 1) end
  return n
end

function Plain:rng(states)
  if not states then return table.move(self.rngs, 1, self.streams, 1, {}) end
  for i = 1, self.streams do   -- a draw raises for what is no state
    core.draw(core.zeros({1}, "float32"), 1, nil, states[i])
  end
  table.move(states, 1, self.streams, 1, self.rngs)
end

function Plain:select(from)
  local states, scores, seen = {}, {}, {}
  for i, k in ipairs(from:totable()) do
    states[i], scores[i], seen[i] = self.states[k], self.scores[k],
                                    self.seen[k]
  end
  self.states, self.scores, self.seen = states, scores, seen
end

---Tensors one along an axis.
local function join(list, axis)
  list = {table.unpack(list)}
  list[#list + 1] = axis
  return core.op.cat(table.unpack(list))
end

function Plain:logits()
  local rows = {}
  for i, row in ipairs(self.scores) do rows[i] = row:reshape {1, #row} end
  return join(rows, 1)
end

function Plain:recent()
  return core.ids(self.seen)
end

local function get_state(self)
  local all = {logits = self:logits(), recent = self:recent()}
  for name in pairs(self.states[1]) do
    local parts = {}
    for i, state in ipairs(self.states) do parts[i] = state[name] end
    all[name] = join(parts, 2)
  end
  return all
end

local function is(t, dtype, ...)
  return core.is_tensor(t) and t.dtype == dtype and
         table.concat(t:shape(), ",") == table.concat({...}, ",")
end

---The part of stream i, after the model has read a token from there: raises
---unless it can.
local function part(self, all, i)
  local state = {}
  for name, t in pairs(all) do
    if core.is_tensor(t) and name ~= "logits" and name ~= "recent" then
      state[name] = t:slice(2, i, i)
    end
  end
  local y = self.model:forward(core.ids {{1}}, state)
  return state, y:shape()[3]
end

local function set_state(self, all)
  local N, states, U = self.streams, {}, nil
  for i = 1, N do states[i], U = part(self, all, i) end
  local M = core.is_tensor(all.recent) and all.recent:shape()[2] or 0
  if not is(all.logits, "float32", N, U) or
     not is(all.recent, "int32", N, M) then
    error(("state.logits must be float32 (%d, %d), state.recent int32 " ..
           "(%d, M)"):format(N, U, N), 0)
  end
  self.states, self.seen = states, all.recent:totable()
  for i = 1, N do self.scores[i] = all.logits:select(1, i) end
end

function Plain:state(all)
  if not all then return get_state(self) end
  set_state(self, all)
end

function Plain.close() end

Plain.__close = Plain.close

---@param model table with model:forward(x (T,N), state) -> logits (T,N,U),
---state
---@param o {streams: integer, history: integer}
---@return rnn.PlainStepper
return function(model, o)
  local self = setmetatable({
    model = model, streams = o.streams, history = o.history,
    states = {}, scores = {}, seen = {}, rngs = {}}, Plain)
  for i = 1, o.streams do self.seen[i] = {} end
  return self
end
