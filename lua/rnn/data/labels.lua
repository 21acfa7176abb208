---Labels and the ids 1 .. K that stand for them, in the order of their bytes:
---the same labels have the same ids, whatever order the data are in.
---
---    local data = require "rnn.data"
---    local list = {{tags = {"O", "B-NP"}}, {tags = {"B-NP", "I-NP"}}}
---    local labels = data.labels(list, "tags")
---    print(#labels, table.concat(labels.names, " "))       -- 3, B-NP I-NP O
---    local ids, unseen = labels:encode {"O", "B-VP"}
---    print(ids[1], ids[2], unseen)                         -- 3, 0, 1
---    print(labels:unseen({{tags = {"B-VP"}}}, "tags"))
---    labels = assert(data.labels_from(labels:spec()))
local json = require "rnn.json"

local M = {}

---@class rnn.Labels
---@field names string[] of each id
---@field ids table<string, integer> of each name
---@field unknown? integer id of all other names, in a vocabulary
---@operator len: integer
local Labels = {}

local META = {
  __index = Labels, __name = "rnn.Labels",
  __len = function(self) return #self.names end,
  __tostring = function(self)
    if self.unknown then
      return ("a vocabulary of %d tokens"):format(#self.names)
    end
    return ("%d labels: %s"):format(#self.names,
                                    table.concat(self.names, " "))
  end,
}

---Labels with these names, the first of which may be symbols that stand for no
---label.
---@param names string[]
---@param symbols? integer how many are symbols; default 0
---@param unknown? integer id of the one for labels that are not known
---@return rnn.Labels
function M.new(names, symbols, unknown)
  local ids = {}
  for i = (symbols or 0) + 1, #names do ids[names[i]] = i end
  return setmetatable({names = names, ids = ids, unknown = unknown}, META)
end

---Gives each label of a list to f.
local function each(what, list, field, f)
  for i, value in ipairs(list) do
    if field then value = type(value) == "table" and value[field] or nil end
    for _, label in ipairs(type(value) == "table" and value or {value}) do
      f(label)
    end
    if value == nil or type(value) ~= "table" and type(value) ~= "string" then
      error(("%s: element %d must have a label or a list of labels, got %s")
            :format(what, i, type(value)), 3)
    end
  end
end

---Counts the labels of a list; adds to 'counts'.
---@param what string the function, for messages
---@param list any[]
---@param field? string
---@param counts? table<string, integer>
---@return table<string, integer> counts
---@return integer total
function M.count(what, list, field, counts)
  local total = 0
  counts = counts or {}
  each(what, list, field, function(label)
    if type(label) ~= "string" then
      error(("%s: a label must be a string, got %s"):format(what,
            type(label)), 4)
    end
    counts[label] = (counts[label] or 0) + 1
    total = total + 1
  end)
  return counts, total
end

local function names_of(counts)
  local names = {}
  for name in pairs(counts) do names[#names + 1] = name end
  table.sort(names)
  return names
end

---Finds the labels there are, which must be UTF-8.
---@param list any[] labels, lists of labels, or tables that have them
---@param field? string of the tables
---@return rnn.Labels
---@return string? warning when all are one label, for that teaches nothing
function M.labels(list, field)
  local counts, total = M.count("labels", list, field)
  local names = names_of(counts)
  if #names == 0 then error("labels: there are none", 2) end
  for _, name in ipairs(names) do
    if not utf8.len(name) then
      error(("labels: %q is not valid UTF-8"):format(name), 2)
    end
  end
  local warning
  if #names == 1 then
    warning = ("all %d labels are '%s'; a model learns nothing from them")
              :format(total, names[1])
  end
  return M.new(names), warning
end

---@param name string
---@return integer|nil id nil for a label that is not known
function Labels:id(name)
  return self.ids[name]
end

---@param names string[]
---@return integer[] ids for labels that are not known 0, or `unknown`
---@return integer unseen how many these are
function Labels:encode(names)
  local ids, unseen = {}, 0
  for i, name in ipairs(names) do
    local id = self.ids[name]
    ids[i] = id or self.unknown or 0
    if not id then unseen = unseen + 1 end
  end
  return ids, unseen
end

---@param ids integer[]
---@return string[] names
function Labels:decode(ids)
  local names = {}
  for i, id in ipairs(ids) do
    names[i] = self.names[id] or
      error(("decode: id %s at position %d is not in 1..%d"):format(id, i,
            #self.names), 2)
  end
  return names
end

---What people should know of labels that are not known.
---@param list any[] as for data.labels
---@param field? string
---@return string|nil report "2 of 9 labels are unknown: 'X' (2)", or nil
function Labels:unseen(list, field)
  local counts, total = M.count("unseen", list, field)
  local parts, n = {}, 0
  for _, name in ipairs(names_of(counts)) do
    if not self.ids[name] then
      n = n + counts[name]
      parts[#parts + 1] = ("'%s' (%d)"):format(name, counts[name])
    end
  end
  if n == 0 then return nil end
  return ("%d of %d labels are unknown: %s"):format(n, total,
         table.concat(parts, ", "))
end

---The labels as JSON, for rnn.save's metadata: {labels = labels}.
---@return string
function Labels:spec()
  return json.encode(self.names)
end

---Labels of what labels:spec() gave; nothing in it is trusted.
---@param spec string
---@return rnn.Labels|nil
---@return string? message
---@return string? code "EFORMAT"
function M.labels_from(spec)
  if type(spec) ~= "string" then
    error(("labels_from: takes a string, got %s"):format(type(spec)), 2)
  end
  local names = json.decode(spec)
  local last = type(names) == "table" and #names > 0
  for i, name in ipairs(last and names or {}) do
    last = last and type(name) == "string" and (i == 1 or names[i - 1] < name)
  end
  if last and json.encode(names) == spec then return M.new(names) end
  return nil, "labels: their description is damaged", "EFORMAT"
end

return M
