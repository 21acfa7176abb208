---Optimizers by their class names: rnn.Adam(params, opts) and the like. The
---update rules are PyTorch's; opts may set any hyper-parameter of the rule and
---clip_norm or clip_value (0 = off).
local core = require "rnn.core"

local optim = {}

---Names of classes and the rows of the engine's table they stand for.
local KIND = {SGD = "sgd", Adagrad = "adagrad", RMSprop = "rmsprop",
              Adam = "adam", AdamW = "adamw"}

---What is wrong with the arguments of a constructor, if anything is.
local function fault(params, opts)
  if type(params) ~= "table" then
    return "params must be a table of parameters, got " ..
           (core.is_tensor(params) and "a tensor" or type(params))
  end
  for i, p in ipairs(params) do
    if not core.is_tensor(p) then
      return ("parameter %d must be a tensor, got %s"):format(i, type(p))
    end
  end
  if opts == nil then return nil end
  if type(opts) ~= "table" then
    return "options must be a table, got " .. type(opts)
  end
  local betas = opts.betas
  if betas ~= nil and not (type(betas) == "table" and #betas == 2) then
    return "'betas' must be {beta1, beta2}"
  end
end

---What is wrong with hyper-parameters taken together (PyTorch's rule).
local function conflict(opt)
  if opt.kind == "sgd" and opt.nesterov ~= 0 and
     (opt.momentum == 0 or opt.dampening ~= 0) then
    return "'nesterov' needs momentum > 0 and dampening = 0"
  end
end

---PyTorch's pair betas = {b1, b2} as two numbers.
local function spread(opts)
  if not (opts and opts.betas) then return opts end
  local all = {}
  for name, value in pairs(opts) do all[name] = value end
  all.betas, all.beta1, all.beta2 = nil, opts.betas[1], opts.betas[2]
  return all
end

for class, kind in pairs(KIND) do
  ---@param params rnn.Tensor[] from rnn.parameters, or any array of parameters
  ---@param opts? table<string, number|boolean>
  ---@return rnn.Optim
  optim[class] = function(params, opts)
    local wrong = fault(params, opts)
    if wrong then error(class .. ": " .. wrong, 2) end
    local ok, made = pcall(core.optim[kind], params, params.names,
                           spread(opts), class)
    if not ok then error(made, 2) end
    wrong = conflict(made)
    if wrong then error(class .. ": " .. wrong, 2) end
    return made
  end
end

---What keeps tensor 't' from being a slot like 'slot', if anything does.
local function misfit(t, slot)
  if not core.is_tensor(t) then return "missing" end
  if t.dtype == "int32" then return "int32" end
  if table.concat(t:shape(), ",") ~= table.concat(slot:shape(), ",") then
    return "of another shape"
  end
end

---What keeps 'given' from being a state like 'mine', if anything does.
local function unlike(given, mine)
  if type(given) ~= "table" or given.name ~= mine.name or
     type(given.slots) ~= "table" then
    return ("no state of parameter '%s'"):format(mine.name)
  end
  local steps = given.steps
  if math.type(steps) ~= "integer" or steps < 0 then
    return ("steps of '%s' must be an integer >= 0, got %s"):format(mine.name,
           math.type(steps) and steps or type(steps))
  end
  for name, slot in pairs(mine.slots) do
    local wrong = misfit(given.slots[name], slot)
    if wrong then
      return ("slot '%s' of '%s' is %s"):format(name, mine.name, wrong)
    end
  end
end

---Takes back what opt:state() gave, for the same parameters in the same order.
---All is checked first. Slots are copied, so the list may come from a file.
---@param state table[] of {name, steps, slots}
---@return true|nil ok
---@return string? message
function core.optim_methods:restore(state)
  if type(state) ~= "table" then
    error("restore: the state must be a table, got " .. type(state), 2)
  end
  local own = self:state()
  if #state > #own then
    return nil, ("optimizer: state of %d parameters, it has %d"):format(
                #state, #own)
  end
  for i, mine in ipairs(own) do
    local wrong = unlike(state[i], mine)
    if wrong then return nil, "optimizer: " .. wrong end
  end
  for i, mine in ipairs(own) do
    for name, slot in pairs(mine.slots) do slot:copy(state[i].slots[name]) end
    self:set_steps(i, state[i].steps)
  end
  return true
end

return optim
