---Exponential moving averages of parameters (Polyak and Juditsky 1992; with
---decay as in Tarvainen and Valpola 2017), as torch's AveragedModel with
---get_ema_multi_avg_fn:
---
---    average = p                                   at the first update
---    average += (p - average) * (1 - decay)        afterwards
---
---rnn.EMA(opt, opts) is an optimizer: step() steps `opt`, then averages, and
---checkpoints hold the averages. rnn.EMA(params, opts) only averages, by
---update(). with() evaluates or saves with the averages:
---
---    local opt = rnn.EMA(rnn.Adam(rnn.parameters(model)), {decay = 0.99})
---    local tape = rnn.tape()
---    tape:backward(rnn.mse(model.out(x), y))
---    tape:close()
---    opt:step()
---    local loss = opt:with(function() return evaluate(model) end)
---    opt:with(rnn.save, "averaged.safetensors", model)
---
---rnn.run validates the averages and saves them as best.safetensors;
---last.safetensors holds them as "optim.ema.<parameter>" beside the parameters.
local average = require "rnn.optim.average"
local core = require "rnn.core"
local groups = require "rnn.optim.groups"
local wrapper = require "rnn.optim.wrapper"

---@class rnn.EMA: rnn.Optim
---@field decay number
local EMA = {}
local meta = wrapper.class("EMA", EMA)

---What is wrapped when there are only parameters.
local NOTHING = setmetatable({
  state = function() return {} end, restore = function() return true end,
  close = function() end,
}, {
  __index = function(_, name)
    error(("EMA: '%s' is an optimizer's, and this follows parameters alone")
          :format(tostring(name)), 3)
  end,
  __newindex = function(_, name)
    error(("EMA: it has no '%s' to set"):format(tostring(name)), 3)
  end,
  __tostring = function() return "parameters" end,
})

---Takes the parameters as they are into the averages.
function EMA:update()
  core.vector.lerp(self.kept, self.params,
                   self.count == 0 and 1 or 1 - self.decay)
  self.count = self.count + 1
end

---Steps the optimizer, then takes the parameters into the averages.
---@return number norm
function EMA:step(...)
  local norm = self.optim:step(...)
  self:update()
  return norm
end

---@return true
function EMA.averages() return true end

---Calls fn(...) with the averages in the place of the parameters, and puts the
---parameters back when it ends, however it ends.
---@param fn function
---@param ... any
---@return any ... what fn returned
function EMA:with(fn, ...)
  if self.count == 0 then return fn(...) end
  return average(self.params, self.params, self.kept, fn, ...)
end

---@param followed rnn.Tensor[]|rnn.Optim parameters, or an optimizer
---@param opts? {decay: number} default 0.999
---@return rnn.EMA
return function(followed, opts)
  wrapper.known("EMA", opts, {decay = true})
  local decay = wrapper.option("EMA", opts, "decay", 0.999, 0, 1)
  local alone = not wrapper.is_optimizer(followed)
  local wrong = alone and groups.fault(followed)
  if wrong then error("EMA: " .. wrong, 2) end
  local params = alone and groups.flatten(followed).params or followed.params
  return wrapper.new(meta, "ema", alone and NOTHING or followed, params,
                     {decay = decay})
end
