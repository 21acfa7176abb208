---Optimizers by their class names: rnn.Adam(params, opts) and the like. The
---update rules are PyTorch's; opts may set any hyper-parameter of the rule and
---clip_norm or clip_value (0 = off).
local core = require "rnn.core"

local optim = {}

---Names of classes and the rows of the engine's table they stand for.
local KIND = {SGD = "sgd", Adagrad = "adagrad", RMSprop = "rmsprop",
              Adam = "adam", AdamW = "adamw"}

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
    if type(params) ~= "table" then
      error(("%s: params must be a table of parameters, got %s"):format(
            class, core.is_tensor(params) and "a tensor" or type(params)), 2)
    end
    local ok, made = pcall(core.optim[kind], params, params.names,
                           spread(opts))
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
  local own = self:state()
  for i, mine in ipairs(own) do
    local given = state[i]
    if not given or given.name ~= mine.name then
      return nil, ("optimizer: no state of parameter '%s'"):format(mine.name)
    end
    for name, slot in pairs(mine.slots) do
      local t = given.slots[name]
      if not t or table.concat(t:shape(), ",") ~=
                  table.concat(slot:shape(), ",") then
        return nil, ("optimizer: slot '%s' of '%s' is %s"):format(name,
                    mine.name, t and "of another shape" or "missing")
      end
    end
  end
  for i, mine in ipairs(own) do
    for name, slot in pairs(mine.slots) do slot:copy(state[i].slots[name]) end
    self:set_steps(i, state[i].steps)
  end
  return true
end

return optim
