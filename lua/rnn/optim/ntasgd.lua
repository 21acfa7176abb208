---NT-ASGD (Merity et al. 2017, algorithm 1): rnn.ASGD that begins to average
---when validation has stopped to improve, that is, when a loss is worse than
---the best of all but the last `patience` ones. It sets the optimizer's t0.
---
---    local opt = rnn.ASGD(rnn.parameters(model), {lr = 30, lambd = 0})
---    local trigger = rnn.NTASGD(opt, {patience = 5})
---    for _, loss in ipairs {3, 2, 1, 2, 2, 2, 2, 2, 2} do
---      trigger:observe(loss)      -- after each validation
---    end
---    print(trigger.started)       -- true: opt:with(fn) evaluates the averages
---
---Given to rnn.run in `parts`, it is told each validation loss, saved, and goes
---on with the run.
local wrapper = require "rnn.optim.wrapper"

---@class rnn.NTASGD
---@field optim rnn.Optim
---@field patience integer
---@field started boolean are averages made?
---@field best? number the lowest loss but for the recent ones
---@field recent number[] the last losses, at most `patience`
local NTASGD = {}
local meta = {__index = NTASGD, __name = "rnn.NTASGD"}

---Updates that the parameters have had.
local function steps_of(opt)
  local most = 0
  for _, entry in ipairs(opt:state()) do most = math.max(most, entry.steps) end
  return most
end

---Tells a validation loss. One that is not finite is passed over.
---@param loss number
function NTASGD:observe(loss)
  if loss ~= loss or math.abs(loss) == math.huge then return end
  if not self.started and self.best and loss > self.best then
    self.started, self.optim.t0 = true, steps_of(self.optim)
  end
  local recent = table.move(self.recent, 1, #self.recent, 1, {})
  recent[#recent + 1] = loss
  if #recent > self.patience then
    self.best = math.min(self.best or math.huge, table.remove(recent, 1))
  end
  self.recent = recent
end

---@return {t0: number, best: number?, recent: number[], started: boolean}
function NTASGD:state()
  return {t0 = self.optim.t0, best = self.best, recent = self.recent,
          started = self.started}
end

---Is 't' a list of at most n numbers?
local function are_numbers(t, n)
  if type(t) ~= "table" or #t > n then return false end
  for _, x in ipairs(t) do
    if type(x) ~= "number" then return false end
  end
  return true
end

---@param state any from a file, so not trusted
---@return true|nil ok
---@return string? message
function NTASGD:restore(state)
  if type(state) ~= "table" or type(state.started) ~= "boolean" or
     state.best ~= nil and type(state.best) ~= "number" or
     not are_numbers(state.recent, self.patience) or
     type(state.t0) ~= "number" or
     not pcall(function() self.optim.t0 = state.t0 end) then
    return nil, "the state of NTASGD is damaged"
  end
  self.best, self.started = state.best, state.started
  self.recent = state.recent
  return true
end

---@param opt rnn.Optim from rnn.ASGD
---@param opts? {patience: integer} default 5
---@return rnn.NTASGD
return function(opt, opts)
  if not (wrapper.is_optimizer(opt) and opt.kind == "asgd") then
    error("NTASGD: an optimizer made by rnn.ASGD expected", 2)
  end
  wrapper.known("NTASGD", opts, {patience = true})
  local patience = wrapper.option("NTASGD", opts, "patience", 5, 1, 1e6)
  return setmetatable({optim = opt, patience = patience // 1, recent = {},
                       started = false}, meta)
end
