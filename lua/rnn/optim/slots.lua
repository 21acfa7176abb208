---States of optimizers: lists of {name =, steps =, slots = {name = tensor}},
---checked before anything of them is taken over.
local core = require "rnn.core"

local slots = {}

---What keeps tensor 't' from being a slot like 'slot', if anything does.
---@param t any
---@param slot rnn.Tensor
---@return string?
function slots.misfit(t, slot)
  if not core.is_tensor(t) then return "missing" end
  if t.dtype == "int32" then return "int32" end
  if table.concat(t:shape(), ",") ~= table.concat(slot:shape(), ",") then
    return "of another shape"
  end
end

---What keeps 'given' from being a state like 'mine', if anything does.
---@param given any
---@param mine table
---@return string?
function slots.unlike(given, mine)
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
    local wrong = slots.misfit(given.slots[name], slot)
    if wrong then
      return ("slot '%s' of '%s' is %s"):format(name, mine.name, wrong)
    end
  end
end

---Raises unless 'state' is a table: that is a mistake of the program.
---@param state any
function slots.expect(state)
  if type(state) ~= "table" then
    error("restore: the state must be a table, got " .. type(state), 3)
  end
end

return slots
