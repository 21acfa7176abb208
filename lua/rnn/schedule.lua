---rnn.schedule: how the learning rate falls. Each constructor takes the first
---learning rate and the number of steps, and returns a function from the steps
---done so far to the learning rate of the next one:
---
---    local rate = rnn.schedule.cosine(2e-3, 5000)
---    opt.lr = rate(step)
local schedule = {}

---@alias rnn.Rate fun(step: integer): number

local function option(opts, name, default)
  local value = opts and opts[name]
  if value == nil then return default end
  if type(value) ~= "number" or value < 0 or value ~= value then
    error(("schedule: '%s' must be a number >= 0, got %s"):format(name,
          value), 3)
  end
  return value
end

---The same rate throughout.
---@param lr number
---@return rnn.Rate
function schedule.constant(lr)
  return function() return lr end
end

---lr * factor after every 'every' steps.
---@param lr number
---@param total integer
---@param opts? {every: integer, factor: number} defaults total/4, 0.5
---@return rnn.Rate
function schedule.step(lr, total, opts)
  local every = math.max(1, option(opts, "every", total // 4))
  local factor = option(opts, "factor", 0.5)
  return function(step) return lr * factor ^ (step // every) end
end

---Falls by the same factor each step, to lr * 'final' at the end.
---@param lr number
---@param total integer
---@param opts? {final: number} default 0.01
---@return rnn.Rate
function schedule.exponential(lr, total, opts)
  local final = option(opts, "final", 0.01)
  return function(step) return lr * final ^ math.min(1, step / total) end
end

---Half a cosine from lr to lr * 'final' (Loshchilov and Hutter 2017).
---@param lr number
---@param total integer
---@param opts? {final: number} default 0.01
---@return rnn.Rate
function schedule.cosine(lr, total, opts)
  local final = option(opts, "final", 0.01)
  return function(step)
    local half = (1 + math.cos(math.pi * math.min(1, step / total))) / 2
    return lr * (final + (1 - final) * half)
  end
end

---Rises linearly to another schedule over the first 'steps' steps. What the
---other one is told and asked goes through: observe, state, restore.
---@param rate rnn.Rate
---@param steps integer
---@return rnn.Rate
function schedule.warmup(rate, steps)
  return setmetatable({}, {
    __call = function(_, step)
      return rate(step) * math.min(1, (step + 1) / math.max(1, steps))
    end,
    __index = type(rate) == "table" and function(_, name)
      local method = rate[name]
      return method and function(_, ...) return method(rate, ...) end
    end or nil,
  })
end

---@class rnn.Plateau
---@overload fun(step: integer): number
local Plateau = {}
Plateau.__index = Plateau
Plateau.__call = function(self) return self.lr end

---Tells the schedule a validation loss: after more than 'patience' without a
---new best, the rate is multiplied by 'factor'. A NaN is never the best.
---@param loss number
function Plateau:observe(loss)
  if loss < (self.best or math.huge) then
    self.best, self.bad = loss, 0
    return
  end
  self.bad = self.bad + 1
  if self.bad > self.patience then
    self.lr, self.bad = self.lr * self.factor, 0
  end
end

---@return {lr: number, best: number?, bad: integer} what restore takes back
function Plateau:state()
  return {lr = self.lr, best = self.best, bad = self.bad}
end

---@param state any from a file, so not trusted
---@return true|nil ok
---@return string? message
function Plateau:restore(state)
  if type(state) ~= "table" or type(state.lr) ~= "number" or
     math.type(state.bad) ~= "integer" or
     state.best ~= nil and type(state.best) ~= "number" then
    return nil, "the state of the schedule is damaged"
  end
  self.lr, self.best, self.bad = state.lr, state.best, state.bad
  return true
end

---Falls when the validation loss, told by :observe(loss), stops falling.
---@param lr number
---@param _ integer
---@param opts? {factor: number, patience: integer} defaults 0.5, 1
---@return rnn.Plateau
function schedule.plateau(lr, _, opts)
  return setmetatable({lr = lr, bad = 0,
                       factor = option(opts, "factor", 0.5),
                       patience = option(opts, "patience", 1)}, Plateau)
end

return schedule
