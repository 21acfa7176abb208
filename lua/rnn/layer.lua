---What layers share: a callable table with a constructor that checks its
---numbers and remembers them, so that a model can describe itself.
local core = require "rnn.core"

local layer = {}

---A layer class: calling it makes a layer, calling a layer runs it.
---@param name string
function layer.class(name)
  local class = {name = name}
  class.__index = class
  class.__name = name
  class.__tostring = layer.tostring
  return setmetatable(class, {
    __call = function(_, ...) return class.new(...) end,
  })
end

---A new object of 'class' made with these sizes and options.
function layer.object(class, sizes, options)
  return setmetatable({config = {class.name, sizes, options}}, class)
end

---LSTM(64, 256, num_layers=2): sizes, then options that are not the default.
function layer.tostring(self)
  local name, sizes, options = table.unpack(self.config)
  local parts = {}
  for i, size in ipairs(sizes) do parts[i] = tostring(size) end
  local keys = {}
  for k in pairs(options) do keys[#keys + 1] = k end
  table.sort(keys)
  for _, k in ipairs(keys) do
    if options[k] ~= getmetatable(options).default[k] then
      parts[#parts + 1] = ("%s=%s"):format(k, options[k])
    end
  end
  return ("%s(%s)"):format(name, table.concat(parts, ", "))
end

---@param name string of the layer
---@param what string of the size
function layer.check_size(name, what, n)
  if math.type(n) ~= "integer" or n < 0 then
    error(("%s: '%s' must be an integer >= 0, got %s"):format(name, what, n),
          4)
  end
end

---Options given, completed from the defaults; unknown names are errors, and so
---are values of another type than the default's.
function layer.options(name, given, default)
  local options = setmetatable({}, {default = default})
  for k, v in pairs(default) do options[k] = v end
  if given == nil then return options end
  if type(given) ~= "table" then
    error(("%s: options must be a table, got %s"):format(name, type(given)),
          4)
  end
  for k, v in pairs(given) do
    if default[k] == nil then
      local known = {}
      for d in pairs(default) do known[#known + 1] = d end
      table.sort(known)
      error(("%s: unknown option '%s' (it has: %s)"):format(name, k,
            table.concat(known, ", ")), 4)
    end
    if type(v) ~= type(default[k]) then
      error(("%s: option '%s' must be a %s, got %s"):format(name, k,
            type(default[k]), type(v)), 4)
    end
    options[k] = v
  end
  return options
end

---A parameter with values uniform in [-bound, bound].
---@return rnn.Tensor
function layer.uniform(shape, bound)
  return core.param(core.uniform(shape, -bound, bound))
end

return layer
