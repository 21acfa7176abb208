---What a layer is: a callable table made by a class that is described by one
---table - sizes, options, shapes of its parameters, initial values, call. From
---the description come the constructor with its checks, printing, and the
---rebuilding of a layer from a model file.
local core = require "rnn.core"

local layer = {}

---`shapes` lists the parameters in the order they are made, as {field, shape};
---`check` says what is wrong with an option, if anything is.
---@class rnn.LayerKind
---@field name string class name
---@field sizes string[] names of the integers the constructor takes first
---@field options table<string, any> options and their defaults
---@field shapes fun(sizes: integer[], options: table): table[]
---@field check? fun(sizes: integer[], options: table): string?
---@field init fun(self: table, sizes: integer[], options: table) initial values
---@field call fun(self: table, ...): ... what calling a layer does

local function check_sizes(kind, sizes)
  for i, what in ipairs(kind.sizes) do
    local n = sizes[i]
    if math.type(n) ~= "integer" or n < 0 or n > 0x7fffffff then
      return ("'%s' must be an integer >= 0, got %s"):format(what, n)
    end
  end
end

local function names_of(t)
  local names = {}
  for name in pairs(t) do names[#names + 1] = tostring(name) end
  table.sort(names)
  return names
end

---Options given, completed from the defaults, or nil and what is wrong: names
---that are unknown, values of another type than the default's.
local function complete(kind, given)
  if given ~= nil and type(given) ~= "table" then
    return nil, ("options must be a table, got %s"):format(type(given))
  end
  local options = {}
  for name, value in pairs(kind.options) do options[name] = value end
  for _, name in ipairs(names_of(given or {})) do
    local want, got = kind.options[name], given[name]
    if want == nil then
      return nil, ("unknown option '%s' (it has: %s)"):format(name,
                  table.concat(names_of(kind.options), ", "))
    end
    if type(got) ~= type(want) then
      return nil, ("option '%s' must be a %s, got %s"):format(name, type(want),
                  type(got))
    end
    options[name] = got
  end
  return options
end

---Sizes and options of a layer to be, checked; or nil and what is wrong.
---@return table|nil options
---@return string? message
function layer.check(kind, sizes, given)
  local wrong = check_sizes(kind, sizes)
  if wrong then return nil, wrong end
  local options
  options, wrong = complete(kind, given)
  if options and kind.check then wrong = kind.check(sizes, options) end
  if wrong then return nil, wrong end
  return options
end

---A layer with all parameters 0; sizes and options have been checked.
function layer.make(class, sizes, options)
  local self = setmetatable({}, class)
  self.config = {class = class.kind.name, sizes = sizes, options = options}
  for _, p in ipairs(class.kind.shapes(sizes, options)) do
    self[p[1]] = core.param(core.zeros(p[2]))
  end
  return self
end

---An option's value: a list by its elements, one of tables as {...}.
local function show(value)
  if type(value) ~= "table" then return tostring(value) end
  local flat = type(value[1]) ~= "table"
  return "{" .. (flat and table.concat(value, ", ") or "...") .. "}"
end

---LSTM(64, 256, num_layers=2): sizes, then options that are not the default.
local function print_layer(self)
  local kind, config = getmetatable(self).kind, self.config
  local parts = {}
  for i, size in ipairs(config.sizes) do parts[i] = tostring(size) end
  for _, name in ipairs(names_of(config.options)) do
    local value = config.options[name]
    if value ~= kind.options[name] then
      parts[#parts + 1] = ("%s=%s"):format(name, show(value))
    end
  end
  return ("%s(%s)"):format(kind.name, table.concat(parts, ", "))
end

---A class from its description. Calling it makes a layer.
---@param kind rnn.LayerKind
function layer.class(kind)
  local class = {kind = kind, __name = kind.name, __call = kind.call,
                 __tostring = print_layer}
  class.__index = class
  local n = #kind.sizes
  return setmetatable(class, {
    __call = function(_, ...)
      local sizes = {table.unpack({...}, 1, n)}
      local options, wrong = layer.check(kind, sizes, (select(n + 1, ...)))
      if not options then error(kind.name .. ": " .. wrong, 2) end
      local self = layer.make(class, sizes, options)
      kind.init(self, sizes, options)
      return self
    end,
  })
end

---Fills the parameters of a layer, in the order they were made, uniformly in
---[-bound, bound].
function layer.uniform(self, bound)
  local config = self.config
  local shapes = getmetatable(self).kind.shapes(config.sizes, config.options)
  for _, p in ipairs(shapes) do core.fill_uniform(self[p[1]], -bound, bound) end
end

return layer
