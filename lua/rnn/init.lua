---rnnlua: neural sequence models, scripted in Lua.
---`local rnn = require "rnn"`. Layers, optimizers and submodules are loaded
---when they are first named: rnn.LSTM, rnn.Adam, rnn.text.
local core = require "rnn.core"
local model = require "rnn.model"
local regularise = require "rnn.regularise"

---@class rnn
local rnn = {
  _VERSION = "rnnlua " .. core.version,
  _NAME = "rnnlua",
  _DESCRIPTION = "neural sequence models for Lua",
  op = core.op,
}

for _, name in ipairs {
  "tensor", "ids", "zeros", "ones", "full", "randn", "uniform", "arange",
  "param", "tape", "seed", "random", "random_state", "threads",
  "kernels", "default_dtype", "memory",
} do
  rnn[name] = core[name]
end

for _, loss in ipairs {
  "cross_entropy", "nll", "mse", "bce_with_logits", "huber", "smooth_l1",
  "gaussian_nll",
} do
  rnn[loss] = core.op[loss]
end

for _, name in ipairs {
  "parameters", "detach", "save", "load", "restore", "load_model",
} do
  rnn[name] = model[name]
end

for _, name in ipairs {"ar", "tar", "word_dropout"} do
  rnn[name] = regularise[name]
end

---Lua modules whose name differs from the field that holds them.
local MODULE = {init = "rnn.initializers"}

local function exists(name)
  return package.preload[name] or package.searchpath(name, package.path)
end

---A layer by its class name, an optimizer, or a submodule; nil for others.
local function find(name)
  local optim = require "rnn.optim"
  if optim[name] then return optim[name] end
  local layer = "rnn.layers." .. name:lower()
  if name:find("^%u") and exists(layer) then return require(layer) end
  local module = MODULE[name] or "rnn." .. name
  if name:find("^%l") and exists(module) then return require(module) end
end

return setmetatable(rnn, {
  __index = function(self, name)
    local value = type(name) == "string" and find(name) or nil
    rawset(self, name, value)
    return value
  end,
})
