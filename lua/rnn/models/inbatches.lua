---Runs a model over any number of examples, in batches of examples that are as
---long as each other.
local batches = require "rnn.data.batches"

local inbatches = {
  ---Positions that a batch may have, padding too, unless one example has more.
  MOST = 1 << 14,
}

---@param items table[] each with `size`, an integer >= 1
---@return integer max_tokens for data.batches
local function room(items)
  local longest = 1
  for _, item in ipairs(items) do longest = math.max(longest, item.size) end
  return math.max(longest, inbatches.MOST)
end

local function size_of(item) return item.size end

---Examples made ready that can be learnt from.
---@param model table
---@param examples table[]
---@return table[] items, each with `size` and `gold`
---@return integer passed over, whose labels are not known
function inbatches.items(model, examples)
  local items, without = {}, 0
  for _, item in ipairs(model:encode(examples)) do
    if item.gold then items[#items + 1] = item else without = without + 1 end
  end
  return items, without
end

---Batches of items to train on, in another order each epoch.
---@param items table[] each with `size`
---@param batch integer
---@param seed integer
---@return rnn.Batches
function inbatches.reader(items, batch, seed)
  return batches.batches(items, {batch = batch, max_tokens = room(items),
                                 length = size_of, seed = seed})
end

---Calls visit(batch) for all items, batch by batch; the results it returns, one
---for each item of the batch, in the order of the items.
---@param items table[] each with `size`
---@param batch integer
---@param visit fun(batch: table[]): any[]|nil nil breaks off
---@return any[]|nil results
function inbatches.each(items, batch, visit)
  if #items == 0 then return {} end
  local result_of, results = {}, {}
  for part in batches.batches(items, {
    batch = batch, max_tokens = room(items), length = size_of,
    shuffle = false}) do
    local list = visit(part)
    if not list then return nil end
    for i, item in ipairs(part) do result_of[item] = list[i] end
  end
  for i, item in ipairs(items) do results[i] = result_of[item] end
  return results
end

---The rows of a result, for inbatches.each.
---@param y rnn.Tensor (N,...)
---@return rnn.Tensor[]
function inbatches.rows(y)
  local list = {}
  for n = 1, #y do list[n] = y[n] end
  return list
end

return inbatches
