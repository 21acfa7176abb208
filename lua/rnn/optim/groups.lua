---Groups of parameters with hyper-parameters of their own, as one flat list.
local core = require "rnn.core"

local groups = {}

---@class rnn.FlatGroups
---@field params rnn.Tensor[] of all groups, with `names` when any has names
---@field member integer[] the group of each parameter
---@field groups {params: rnn.Tensor[], own: table<string, any>}[]

---What is wrong with a list of tensors, if anything is.
local function no_tensors(list)
  if type(list) ~= "table" then
    return "params must be a table of parameters, got " ..
           (core.is_tensor(list) and "a tensor" or type(list))
  end
  for i, p in ipairs(list) do
    if not core.is_tensor(p) then
      return ("parameter %d must be a tensor, got %s"):format(i, type(p))
    end
  end
end

---Is 'params' a list of groups? {{params = ..., lr = ...}, ...}
local function is_grouped(params)
  return type(params) == "table" and type(params[1]) == "table" and
         params[1].params ~= nil
end

---What is wrong with the parameters of a constructor, if anything is.
---@param params any
---@return string?
function groups.fault(params)
  if not is_grouped(params) then return no_tensors(params) end
  for i, group in ipairs(params) do
    local wrong = type(group) ~= "table" and "must be a table {params = ...}"
                  or no_tensors(group.params)
    if wrong then return ("group %d: %s"):format(i, wrong) end
  end
end

---Names of all parameters: those of their lists, with the number of the group
---before them if two would be the same; nil when no list has names.
local function names_of(list)
  local names, seen, named, twice = {}, {}, false, false
  for _, group in ipairs(list) do
    for i in ipairs(group.params) do
      local name = (group.params.names or {})[i]
      named = named or name ~= nil
      name = name or tostring(#names + 1)
      twice = twice or seen[name]
      seen[name] = true
      names[#names + 1] = name
    end
  end
  if not named then return nil end
  local n = 0
  for g, group in ipairs(list) do
    for _ in ipairs(group.params) do
      n = n + 1
      if twice then names[n] = g .. "." .. names[n] end
    end
  end
  return names
end

---Is the name found by a pattern? Notes which patterns found something.
local function matches(name, patterns, used)
  local found = false
  for _, pattern in ipairs(patterns) do
    if name:find(pattern) then found, used[pattern] = true, true end
  end
  return found
end

---Moves parameters whose names match into groups without weight decay, which
---come after the others.
local function spare_decay(flat, patterns)
  if not flat.params.names then
    error("'no_decay' needs names; take rnn.parameters(model)", 0)
  end
  local apart, used = {}, {}
  for i, name in ipairs(flat.params.names) do
    local g = flat.member[i]
    if matches(name, patterns, used) then
      if not apart[g] then
        local own = {}
        for k, v in pairs(flat.groups[g].own) do own[k] = v end
        own.weight_decay = 0
        table.insert(flat.groups, {own = own})
        apart[g] = #flat.groups
      end
      flat.member[i] = apart[g]
    end
  end
  for _, pattern in ipairs(patterns) do
    if not used[pattern] then
      error(("'no_decay': no parameter's name matches '%s'"):format(pattern),
            0)
    end
  end
end

---Each group's own list of parameters.
local function deal_out(flat)
  local names = flat.params.names
  for _, group in ipairs(flat.groups) do
    group.params = {names = names and {}}
  end
  for i, p in ipairs(flat.params) do
    local list = flat.groups[flat.member[i]].params
    list[#list + 1] = p
    if names then list.names[#list] = names[i] end
  end
end

---One flat list of parameters or of groups of them.
---@param params table as a constructor gets it, without fault
---@param no_decay? string[] patterns of names
---@return rnn.FlatGroups
function groups.flatten(params, no_decay)
  local list = is_grouped(params) and params or {{params = params}}
  local flat = {params = {names = names_of(list)}, member = {}, groups = {}}
  for g, group in ipairs(list) do
    local own = {}
    for k, v in pairs(group) do own[k] = v end
    own.params = nil
    flat.groups[g] = {own = own}
    for _, p in ipairs(group.params) do
      table.insert(flat.params, p)
      table.insert(flat.member, g)
    end
  end
  if no_decay then spare_decay(flat, no_decay) end
  deal_out(flat)
  return flat
end

return groups
