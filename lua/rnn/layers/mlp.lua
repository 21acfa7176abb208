---rnn.MLP(sizes, {activation = "relu", dropout = 0}): linear layers one after
---the other, with an activation and then dropout between them, none at the end
---(Rumelhart, Hinton and Williams 1986):
---    h = activation(W_1 x + b_1), ..., y = W_n h + b_n
---Activations: relu, gelu, tanh, sigmoid, leaky_relu.
---
---    local mlp = rnn.MLP({64, 128, 10}, {activation = "gelu"})
---    local y = mlp(rnn.randn {20, 64})                 -- (20, 10)
local core = require "rnn.core"
local layer = require "rnn.layer"

---@class rnn.MLP
---@field linear1 rnn.Linear and so on: linear2, ...
---@overload fun(x: rnn.Tensor): rnn.Tensor x (..., first) -> (..., last)

local ACTIVATIONS = {relu = true, gelu = true, tanh = true, sigmoid = true,
                     leaky_relu = true}

local function check(sizes, options)
  if #sizes < 2 then
    return ("'sizes' must be a list of 2 integers or more, got %d"):format(
           #sizes)
  end
  if not ACTIVATIONS[options.activation] then
    return ("'activation' must be relu, gelu, tanh, sigmoid or leaky_relu, " ..
            "got '%s'"):format(options.activation)
  end
  if not (options.dropout >= 0 and options.dropout <= 1) then
    return ("'dropout' must be from 0 to 1, got %s"):format(options.dropout)
  end
end

local MLP = layer.class {
  name = "MLP",
  sizes = {},
  options = {activation = "relu", dropout = 0.0, bias = true},
  check = check,
  shapes = function() return {} end,
  layers = function(sizes, options)
    local list = {}
    for i = 1, #sizes - 1 do
      list[i] = {"linear" .. i, require "rnn.layers.linear",
                 {sizes[i], sizes[i + 1]}, {bias = options.bias}}
    end
    return list
  end,
  init = function() end,
  call = function(self, x)
    local options = self.config.options
    local last = #self.config.sizes - 1
    for i = 1, last do
      x = self["linear" .. i](x)
      if i < last then
        x = core.op.dropout(core.op[options.activation](x), options.dropout)
      end
    end
    return x
  end,
}

getmetatable(MLP).__call = function(class, sizes, options)
  if type(sizes) ~= "table" then
    error(("MLP: 'sizes' must be a list of integers, got %s"):format(
          type(sizes)), 2)
  end
  return layer.new(class, {table.unpack(sizes)}, options, 2)
end

return MLP
