---What keeps one more tensor for each parameter of an optimizer, and is an
---optimizer itself: the base of rnn.EMA and rnn.Lookahead. All that it has not
---itself is the optimizer's: lr, groups, norm and the rest. Its state is the
---optimizer's with one more slot for each parameter, and one more entry for
---the count of its own.
local core = require "rnn.core"
local slots = require "rnn.optim.slots"

---@class rnn.Wrapper
---@field optim rnn.Optim what is wrapped
---@field params rnn.Tensor[] its parameters
---@field kept rnn.Tensor[] one tensor for each
---@field slot string the slot they are in a state
---@field count integer
local Wrapper = {}

for name in pairs(core.optim_methods) do
  Wrapper[name] = function(self, ...)
    return self.optim[name](self.optim, ...)
  end
end

local function name_of(self, i)
  return self.params.names and self.params.names[i] or i
end

---Name of the entry that has the count.
local function mark(self)
  return "(" .. self.slot .. ")"
end

---@return table[] state
function Wrapper:state()
  local list, at = self.optim:state(), {}
  for _, entry in ipairs(list) do at[entry.name] = entry end
  for i, t in ipairs(self.kept) do
    local name = name_of(self, i)
    if not at[name] then
      at[name] = {name = name, steps = 0, slots = {}}
      list[#list + 1] = at[name]
    end
    at[name].slots[self.slot] = t
  end
  list[#list + 1] = {name = mark(self), steps = self.count, slots = {}}
  return list
end

---@param state table[]
---@return true|nil ok
---@return string? message
function Wrapper:restore(state)
  slots.expect(state)
  local own = self:state()
  for i, mine in ipairs(own) do
    local wrong = slots.unlike(state[i], mine)
    if wrong then return nil, "optimizer: " .. wrong end
  end
  local inner = #self.optim:state()
  local ok, wrong = self.optim:restore(table.move(state, 1, inner, 1, {}))
  if not ok then return nil, wrong end
  for i, mine in ipairs(own) do
    local t = mine.slots[self.slot]
    if t then t:copy(state[i].slots[self.slot]) end
  end
  self.count = state[#own].steps
  return true
end

local wrapper = {}

---A class of wrappers. Fields of an object are its own; a method is looked for
---in 'methods', then here, then in what is wrapped.
---@param class string
---@param methods table
---@return table meta
function wrapper.class(class, methods)
  local meta = {__name = "rnn." .. class}
  function meta.__index(self, name)
    local method = methods[name] or Wrapper[name]
    if method ~= nil then return method end
    return rawget(self, "optim")[name]
  end
  function meta.__newindex(self, name, x)
    self.optim[name] = x
  end
  function meta.__tostring(self)
    return ("%s(%s)"):format(class, tostring(self.optim))
  end
  function meta.__close(self)
    self:close()
  end
  return meta
end

---Is 'x' an optimizer, the engine's or one written in Lua?
function wrapper.is_optimizer(x)
  local meta = debug.getmetatable(x)
  local name = type(meta) == "table" and rawget(meta, "__name")
  return name == "rnn.Optim" or name == "rnn.EMA" or name == "rnn.Lookahead" or
         name == "rnn.LBFGS"
end

---A number option within [lo, hi], or an error at the caller of the
---constructor.
function wrapper.option(class, opts, name, default, lo, hi)
  local x = opts and opts[name]
  if x == nil then return default end
  if type(x) == "number" and x >= lo and x <= hi then return x end
  error(("%s: '%s' must be a number in [%g, %g], got %s"):format(
        class, name, lo, hi, tostring(x)), 3)
end

---Raises at the caller of the constructor unless all options are known.
function wrapper.known(class, opts, known)
  if opts ~= nil and type(opts) ~= "table" then
    error(("%s: options must be a table, got %s"):format(class, type(opts)), 3)
  end
  for name in pairs(opts or {}) do
    if not known[name] then
      error(("%s: unknown option '%s'"):format(class, tostring(name)), 3)
    end
  end
end

---Makes a wrapper of a class, with a copy of each parameter in a slot; raises
---at the caller of the constructor when there is such a slot.
---@param meta table the class
---@param slot string
---@param opt table what is wrapped
---@param params rnn.Tensor[]
---@param own table fields of its own
---@return rnn.Wrapper
function wrapper.new(meta, slot, opt, params, own)
  own.optim, own.params, own.slot, own.count = opt, params, slot, 0
  own.kept = {}
  for i, p in ipairs(params) do own.kept[i] = p:detach() end
  for _, entry in ipairs(opt:state()) do
    if entry.slots[slot] then
      error(meta.__name:sub(5) .. ": there is one already", 3)
    end
  end
  return setmetatable(own, meta)
end

return wrapper
