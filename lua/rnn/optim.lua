---Optimizers by their class names: rnn.Adam(params, opts) and the like. The
---update rules are PyTorch's; opts may set any hyper-parameter of the rule and
---the clips of every rule. lua/types/rnn.d.lua tells of each.
---
---Parameters may come in groups with hyper-parameters of their own:
---
---    local opt = rnn.AdamW({
---      {params = rnn.parameters(model.embed), lr = 1e-4},
---      {params = rnn.parameters(model.lstm)},
---    }, {lr = 1e-3, weight_decay = 0.1, no_decay = {"bias"}})
---    opt.lr = 5e-4             -- the groups keep their ratios: 5e-5 and 5e-4
---    opt.groups[1].lr = 2e-4   -- from now on 0.4 times opt.lr
local average = require "rnn.optim.average"
local core = require "rnn.core"
local groups = require "rnn.optim.groups"
local slots = require "rnn.optim.slots"

local optim = {}

---Names of classes and the rows of the engine's table they stand for.
local KIND = {
  SGD = "sgd", ASGD = "asgd", Rprop = "rprop", Adagrad = "adagrad",
  Adadelta = "adadelta", RMSprop = "rmsprop", Adam = "adam", AdamW = "adamw",
  Adamax = "adamax", NAdam = "nadam", RAdam = "radam", Lion = "lion",
}

---PyTorch's pairs and the two numbers they are here.
local PAIR = {
  betas = {"beta1", "beta2"}, etas = {"etaminus", "etaplus"},
  step_sizes = {"step_min", "step_max"},
}

---What is wrong with options, if anything is.
local function bad_options(opts)
  if type(opts) ~= "table" then
    return "options must be a table, got " .. type(opts)
  end
  for name, two in pairs(PAIR) do
    local pair = opts[name]
    if pair ~= nil and not (type(pair) == "table" and #pair == 2) then
      return ("'%s' must be {%s, %s}"):format(name, two[1], two[2])
    end
  end
  local no_decay = opts.no_decay
  if no_decay ~= nil and type(no_decay) ~= "table" then
    return "'no_decay' must be a list of patterns, got " .. type(no_decay)
  end
  for i, pattern in ipairs(no_decay or {}) do
    if type(pattern) ~= "string" or not pcall(string.find, "", pattern) then
      return ("'no_decay' %d is no pattern"):format(i)
    end
  end
end

---What is wrong with hyper-parameters taken together (PyTorch's rules).
local function conflict(kind, h)
  if kind == "sgd" and h.nesterov ~= 0 and
     (h.momentum == 0 or h.dampening ~= 0) then
    return "'nesterov' needs momentum > 0 and dampening = 0"
  elseif kind == "rprop" and not (h.etaminus < 1 and h.etaplus > 1) then
    return "'etas' must be below 1 and above 1"
  end
end

---Options as the engine has them: pairs as two numbers each, and without what
---is not the rule's.
local function spread(opts)
  local all = {}
  for name, value in pairs(opts) do
    local two = PAIR[name]
    if two then
      all[two[1]], all[two[2]] = value[1], value[2]
    elseif name ~= "no_decay" and name ~= "amsgrad" then
      all[name] = value
    end
  end
  return all
end

---The row of a class: amsgrad has its own, with one slot more.
local function row(class, opts)
  local kind, wanted = KIND[class], opts.amsgrad
  if wanted == nil or wanted == false or wanted == 0 then return kind, class end
  if kind == "adam" then return "amsgrad", "AMSGrad" end
  if kind == "adamw" then return "amsgradw", "AMSGradW" end
  error(kind .. ": unknown option 'amsgrad'", 0)
end

---Group i of an optimizer: its parameters; reads and sets their values.
local function view(opt, i, params)
  return setmetatable({params = params}, {
    __index = function(_, name) return core.optim_group_get(opt, i, name) end,
    __newindex = function(_, name, x) core.optim_group_set(opt, i, name, x) end,
  })
end

---Makes the optimizer of a class; raises without a position.
local function make(class, params, opts)
  local wrong = groups.fault(params) or bad_options(opts)
  if wrong then error(class .. ": " .. wrong, 0) end
  local kind, shown = row(class, opts)
  local flat = groups.flatten(params, opts.no_decay)
  local views = {}
  local opt = core.optim[kind](flat.params, spread(opts), shown, flat.member,
                               views)
  for i, group in ipairs(flat.groups) do
    wrong = bad_options(group.own)
    for _, name in ipairs {"amsgrad", "no_decay"} do
      if group.own[name] ~= nil then
        wrong = ("'%s' is for all parameters, not for a group"):format(name)
      end
    end
    if wrong then break end
    views[i] = view(opt, i, group.params)
    for name, x in pairs(spread(group.own)) do views[i][name] = x end
    wrong = conflict(kind, views[i])
    if wrong then break end
  end
  if wrong then error(class .. ": " .. wrong, 0) end
  return opt
end

for class in pairs(KIND) do
  ---@param params rnn.Tensor[]|rnn.Group[] from rnn.parameters, any array of
  ---parameters, or groups of them
  ---@param opts? table<string, any>
  ---@return rnn.Optim
  optim[class] = function(params, opts)
    local ok, made = pcall(make, class, params, opts or {})
    if not ok then error(made, 2) end
    return made
  end
end

---Takes back what opt:state() gave, for the same parameters in the same order.
---All is checked first. Slots are copied, so the list may come from a file.
---@param state table[] of {name, steps, slots}
---@return true|nil ok
---@return string? message
function core.optim_methods:restore(state)
  slots.expect(state)
  local own = self:state()
  if #state > #own then
    return nil, ("optimizer: state of %d parameters, it has %d"):format(
                #state, #own)
  end
  for i, mine in ipairs(own) do
    local wrong = slots.unlike(state[i], mine)
    if wrong then return nil, "optimizer: " .. wrong end
  end
  for i, mine in ipairs(own) do
    for name, slot in pairs(mine.slots) do slot:copy(state[i].slots[name]) end
    self:set_steps(i, state[i].steps)
  end
  return true
end

---Does it keep averages of the parameters?
---@return boolean
function core.optim_methods:averages()
  return self.kind == "asgd"
end

---Calls fn(...) with the averages of rnn.ASGD in the place of the parameters,
---and puts the parameters back when it ends, however it ends. Inside of fn it
---calls only.
---@param fn function
---@param ... any
---@return any ... what fn returned
function core.optim_methods:with(fn, ...)
  if not self:averages() then
    error(self.kind .. " keeps no averages; rnn.EMA(opt) does", 2)
  end
  local params, averages = {}, {}
  for i, entry in ipairs(self:state()) do
    if entry.steps > 0 then
      table.insert(params, self.params[i])
      table.insert(averages, entry.slots.average)
    end
  end
  return average(self.params, params, averages, fn, ...)
end

for class, name in pairs {EMA = "ema", Lookahead = "lookahead",
                          LBFGS = "lbfgs", NTASGD = "ntasgd"} do
  optim[class] = require("rnn.optim." .. name)
end

return optim
