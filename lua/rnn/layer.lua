---What a layer is: a callable table made by a class that is described by one
---table - sizes, options, shapes of its parameters, the layers inside it,
---initial values, call. From the description come the constructor with its
---checks, printing, and the rebuilding of a layer from a model file.
local core = require "rnn.core"

local layer = {}

---`shapes` lists the parameters in the order they are made, as {field, shape};
---a number as third, {field, shape, value}, makes a tensor that is not trained
---but saved, and starts as that. `layers` lists the layers inside as {field,
---class, sizes, options}; they are made and get initial values first. `check`
---says what is wrong with an option, if anything is.
---@class rnn.LayerKind
---@field name string class name
---@field sizes string[] names of the integers the constructor takes first
---@field options table<string, any> options and their defaults
---@field shapes fun(sizes: integer[], options: table): table[]
---@field layers? fun(sizes: integer[], options: table): table[]
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

local function inner_layers(kind, sizes, options)
  return kind.layers and kind.layers(sizes, options) or {}
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
  for _, inner in ipairs(inner_layers(kind, sizes, options)) do
    local ok
    ok, wrong = layer.check(inner[2].kind, inner[3], inner[4])
    if not ok then return nil, inner[1] .. ": " .. wrong end
  end
  return options
end

---The tensors of a layer and of those inside it, as {path, shape}; sizes and
---options have been checked.
---@return table[]
function layer.tensors(class, sizes, options)
  local list = class.kind.shapes(sizes, options)
  for _, inner in ipairs(inner_layers(class.kind, sizes, options)) do
    local complete_options = layer.check(inner[2].kind, inner[3], inner[4])
    for _, p in ipairs(layer.tensors(inner[2], inner[3], complete_options)) do
      list[#list + 1] = {inner[1] .. "." .. p[1], p[2]}
    end
  end
  return list
end

---Whether a value, of a file say, is a layer of a class with these first sizes.
---@param value any
---@param class string
---@param ... integer
---@return boolean
function layer.is(value, class, ...)
  local config = type(value) == "table" and value.config
  if not config or config.class ~= class then return false end
  for i, size in ipairs {...} do
    if config.sizes[i] ~= size then return false end
  end
  return true
end

---A layer with all parameters 0; sizes and options have been checked.
function layer.make(class, sizes, options)
  local self = setmetatable({}, class)
  self.config = {class = class.kind.name, sizes = sizes, options = options}
  for _, p in ipairs(class.kind.shapes(sizes, options)) do
    self[p[1]] = p[3] and core.full(p[2], p[3]) or
                 core.param(core.zeros(p[2]))
  end
  for _, inner in ipairs(inner_layers(class.kind, sizes, options)) do
    self[inner[1]] = layer.make(inner[2], inner[3],
                                layer.check(inner[2].kind, inner[3], inner[4]))
  end
  return self
end

---Initial values: of the layers inside, then of the layer itself.
local function init(self)
  local config, kind = self.config, getmetatable(self).kind
  for _, inner in ipairs(inner_layers(kind, config.sizes, config.options)) do
    init(self[inner[1]])
  end
  kind.init(self, config.sizes, config.options)
end

---A layer with its initial values; raises, naming the class, what is wrong.
---@param level integer of the error, as for error()
function layer.new(class, sizes, given, level)
  local options, wrong = layer.check(class.kind, sizes, given)
  if not options then error(class.kind.name .. ": " .. wrong, level + 1) end
  local self = layer.make(class, sizes, options)
  init(self)
  return self
end

---A new layer by the name of its class, for models whose options name it.
---@param name string "LSTM"
---@param ... any what its constructor takes
---@return table
function layer.named(name, ...)
  return require("rnn.layers." .. name:lower())(...)
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
      return layer.new(class, sizes, (select(n + 1, ...)), 2)
    end,
  })
end

---Fills the parameters of a layer, in the order they were made, uniformly in
---[-bound, bound]; those of layers inside it stay.
function layer.uniform(self, bound)
  local config = self.config
  local shapes = getmetatable(self).kind.shapes(config.sizes, config.options)
  for _, p in ipairs(shapes) do core.fill_uniform(self[p[1]], -bound, bound) end
end

return layer
