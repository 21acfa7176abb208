---What a training run needs to go on exactly: in one safetensors file beside
---the parameters stand the optimizer's slots as "optim.<slot>.<parameter>", the
---recurrent state as "state.<name>" and, in `__metadata__` under
---"rnnlua.train", counts and the state of the generator as JSON.
local core = require "rnn.core"
local folder = require "rnn.folder"
local json = require "rnn.json"
local model = require "rnn.model"

local checkpoint = {}

local KEY = "rnnlua.train"

---Where a run stands after a step.
---@class rnn.Position
---@field step integer
---@field tokens? number read by then; nil if a file does not tell
---@field state? table<string, rnn.Tensor> recurrent state after the step
---@field parts? table<string, table> states of the parts of the run
---@field rng string core.random_state() after the step
---@field extra table<string, any> counts of the script's own, as JSON

---All tensors of a run, as one table for rnn.save.
---@param m table model
---@param opt rnn.Optim
---@param at rnn.Position
---@return table all
function checkpoint.pack(m, opt, at)
  local all = {}
  for key, value in pairs(m) do all[key] = value end
  for _, entry in ipairs(opt:state()) do
    for slot, t in pairs(entry.slots) do
      all[("optim.%s.%s"):format(slot, entry.name)] = t
    end
  end
  for name, t in pairs(at.state or {}) do all["state." .. name] = t end
  return all
end

---All that is not a tensor, for the metadata key "rnnlua.train".
---@param opt rnn.Optim
---@param at rnn.Position
---@param made_by table<string, string> versions that bits depend on
---@return string
function checkpoint.numbers(opt, at, made_by)
  local steps = {}
  for _, entry in ipairs(opt:state()) do steps[entry.name] = entry.steps end
  return json.encode {step = at.step, rng = at.rng, extra = at.extra,
                      optim_steps = steps, made_by = made_by}
end

---The name of a tensor with an element that is not finite; nil if there is
---none.
---@param all table model, or what pack gave
---@return string?
function checkpoint.not_finite(all)
  local params = model.parameters(all)
  for i, t in ipairs(params) do
    if not core.finite(t) then return params.names[i] end
  end
  for name, t in pairs(all) do
    if core.is_tensor(t) and not core.finite(t) then return name end
  end
  return nil
end

---Tensors of a file by what they are: parameters, slots, recurrent state.
local function sort_out(tensors)
  local params, slots, state = {}, {}, nil
  for name, t in pairs(tensors) do
    local slot, param = name:match "^optim%.([%w_]+)%.(.+)$"
    local part = name:match "^state%.([%w_]+)$"
    if slot then
      slots[param] = slots[param] or {}
      slots[param][slot] = t
    elseif part then
      state = state or {}
      state[part] = t
    else
      params[name] = t
    end
  end
  return params, slots, state
end

---The numbers under "rnnlua.train", or nil when they are not what pack writes.
local function read_numbers(text)
  local all = text and json.decode(text)
  if type(all) ~= "table" or math.type(all.step) ~= "integer" or
     all.step < 0 or type(all.rng) ~= "string" or
     type(all.optim_steps) ~= "table" or type(all.extra) ~= "table" then
    return nil
  end
  for _, n in pairs(all.optim_steps) do
    if math.type(n) ~= "integer" or n < 0 then return nil end
  end
  return all
end

---Does a file hold training to go on with?
---@param path string for messages
---@param meta table<string, string>
---@return table|nil numbers what checkpoint.numbers wrote
---@return string? message
function checkpoint.check(path, meta)
  local numbers = read_numbers(meta[KEY])
  if numbers then return numbers end
  return nil, path .. ": holds no training to go on with"
end

---The versions a checkpoint was made by.
---@param meta table<string, string>
---@return table<string, string>
function checkpoint.made_by(meta)
  local numbers = read_numbers(meta[KEY])
  local made_by = numbers and numbers.made_by
  return type(made_by) == "table" and made_by or {}
end

---Optimizer state in the order of the parameters, for opt:restore to check.
local function optimizer_state(opt, slots, steps)
  local list = {}
  for i, entry in ipairs(opt:state()) do
    list[i] = {name = entry.name, steps = steps[entry.name] or 0,
               slots = slots[entry.name] or {}}
  end
  return list
end

---Puts a run back where it was saved: parameters, optimizer and generator.
---@param path string for messages
---@param tensors table<string, rnn.Tensor> from rnn.load
---@param meta table<string, string>
---@param m table model
---@param opt rnn.Optim
---@return rnn.Position|nil at
---@return string? message
---@return string? code
function checkpoint.restore(path, tensors, meta, m, opt)
  local numbers, unfit = checkpoint.check(path, meta)
  if not numbers then return nil, unfit, "EFORMAT" end
  local params, slots, state = sort_out(tensors)
  local ok, wrong = model.restore(m, params)
  if ok then
    ok, wrong = opt:restore(optimizer_state(opt, slots, numbers.optim_steps))
  end
  if not ok then return nil, path .. ": " .. wrong, "EFORMAT" end
  if not pcall(core.random_state, numbers.rng) then
    return nil, path .. ": the state of its generator is damaged", "EFORMAT"
  end
  return {step = numbers.step, state = state, rng = numbers.rng,
          extra = numbers.extra}
end

-- {== Finding what a run can go on from ==

---@class rnn.Saved
---@field path string
---@field tensors table<string, rnn.Tensor>
---@field meta table<string, string>
---@field passed? string what was passed over, and why

local function load(path)
  local tensors, meta, code = model.load(path)
  if not tensors then return nil, meta, code end
  local ok, wrong = checkpoint.check(path, meta)
  if not ok then return nil, wrong, "EFORMAT" end
  return {path = path, tensors = tensors, meta = meta}
end

---The newest checkpoint that loads: last, or else of the step-N.
local function newest(dir)
  local names, passed = {"last"}, nil
  for _, n in ipairs(folder.numbered(dir)) do
    table.insert(names, 2, "step-" .. n)
  end
  for _, name in ipairs(names) do
    local saved, wrong, code = load(folder.checkpoint(dir, name))
    if saved then
      saved.passed = passed
      return saved
    end
    if code == "EFORMAT" then passed = passed or wrong end
  end
  return nil, passed
end

---What a run can go on from.
---@param dir string
---@param how string "last"; "auto": the newest that is sound; or a path
---@return rnn.Saved|nil saved nil for "auto" when there is none
---@return string? message
---@return string? code
function checkpoint.find(dir, how)
  if how == "auto" then return newest(dir) end
  return load(how == "last" and folder.checkpoint(dir, "last") or how)
end

-- }==

return checkpoint
