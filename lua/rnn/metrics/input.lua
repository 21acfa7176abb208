---Arguments of scores. A kind is a function that takes a value and returns it
---as scores use it; or nil, what is wrong with it, and the place in it.
local core = require "rnn.core"
local show = require "rnn.show"

local input = {}

-- {== Kinds ==

---A value in a message: itself when it is short, else its type.
local function describe(x)
  if type(x) == "string" then
    return #x <= 20 and "'" .. show.text(x) .. "'" or "a string"
  end
  return type(x) == "number" and tostring(x) or type(x)
end

---@return nil
---@return string message
function input.wrong(wanted, x)
  return nil, ("must be %s, got %s"):format(wanted, describe(x))
end

---A finite number.
function input.number(x)
  if type(x) == "number" and x - x == 0 then return x end
  return input.wrong("a finite number", x)
end

local LABEL = {string = true, number = true, boolean = true}

---What can be equal to another: a string, a boolean, a number but NaN.
function input.label(x)
  if LABEL[type(x)] and x == x then return x end
  return input.wrong("a label (a string, number or boolean)", x)
end

---A string of valid UTF-8.
function input.text(x)
  if type(x) ~= "string" then return input.wrong("a string", x) end
  local byte = core.utf8_check(x)
  if not byte then return x end
  return nil, ("is invalid UTF-8 at byte %d"):format(byte)
end

---A list, or a tensor with one axis, of things of a kind.
---@param kind function
---@param wanted? string what else would do, for the message
---@return fun(x: any): any[]?, string?, string?
function input.list(kind, wanted)
  return function(x)
    if core.is_tensor(x) then
      local shape = x:shape()
      if #shape ~= 1 then
        return nil, ("must have one axis, got shape (%s)"):format(
               table.concat(shape, ", "))
      end
      x = x:totable()
    elseif type(x) ~= "table" then
      return input.wrong(wanted or "a list", x)
    end
    local list = {}
    for i = 1, #x do
      local value, wrong, place = kind(x[i])
      if value == nil then
        return nil, wrong, (place or "") .. ("item %d of "):format(i)
      end
      list[i] = value
    end
    return list
  end
end

local texts = input.list(input.text, "a string or a list of strings")

---One text or several of them, as a list.
function input.texts(x)
  local list, wrong, place = texts(type(x) == "string" and {x} or x)
  if list and #list == 0 then return nil, "is empty" end
  return list, wrong, place
end

---A sequence: a list of labels, or a string that 'split' makes one of.
---@param split fun(s: string): string[]
function input.sequence(split)
  local labels = input.list(input.label, "a string or a list")
  return function(x)
    if type(x) ~= "string" then return labels(x) end
    local s, wrong = input.text(x)
    if not s then return nil, wrong end
    return split(s)
  end
end

-- }==

-- {== Arguments ==

---Checks arguments that are of a kind; raises in the name of the caller.
---@param what string the score, for the message
---@param ... any for each argument its name, value and kind
---@return any ... the values as their kinds give them
function input.values(what, ...)
  local given, values = table.pack(...), {}
  for i = 1, given.n, 3 do
    local value, wrong, place = given[i + 2](given[i + 1])
    if value == nil then
      error(("%s: %s'%s' %s"):format(what, place or "", given[i], wrong), 3)
    end
    values[#values + 1] = value
  end
  return table.unpack(values)
end

---The same for lists, which must have items, and all as many.
---@param what string
---@param ... any for each list its name, value and kind of its items
---@return any[] ...
function input.lists(what, ...)
  local given, lists = table.pack(...), {}
  for i = 1, given.n, 3 do
    local list, wrong, place = input.list(given[i + 2])(given[i + 1])
    if list and #list == 0 then list, wrong = nil, "is empty" end
    if not list then
      error(("%s: %s'%s' %s"):format(what, place or "", given[i], wrong), 3)
    end
    if lists[1] and #list ~= #lists[1] then
      error(("%s: '%s' has %d items, '%s' %d"):format(what, given[1],
            #lists[1], given[i], #list), 3)
    end
    lists[#lists + 1] = list
  end
  return table.unpack(lists)
end

-- }==

return input
