---Runs a model over windows of series: what rnn.models.inbatches is for lists
---of examples. Items are origins (rnn.data.windows), with the `table` that all
---of them look their rows up in and the `part` of a frame that they are; so has
---each batch of them.
local batches = require "rnn.data.batches"

local inwindows = {}

---@param model table with model:encode(part)
---@param part any
---@return integer[] items with `table`
---@return integer passed over
function inwindows.items(model, part)
  return model:encode(part), 0
end

---@param items integer[] with `table`
---@param batch integer
---@param seed integer
---@return rnn.Batches
function inwindows.reader(items, batch, seed)
  local reader = batches.batches(items, {batch = batch, seed = seed})
  local next_of = reader.next
  function reader:next()
    local list = next_of(self)
    list.table, list.part = items.table, items.part
    return list
  end
  return reader
end

---Calls visit(batch) for all items, batch by batch; the results it returns, one
---for each item, in their order.
---@param items integer[] with `table`
---@param batch integer
---@param visit fun(batch: integer[]): any[]|nil nil breaks off
---@return any[]|nil results
function inwindows.each(items, batch, visit)
  local results = {}
  for from = 1, #items, batch do
    local part = table.move(items, from, math.min(#items, from + batch - 1), 1,
                            {table = items.table, part = items.part})
    local list = visit(part)
    if not list then return nil end
    table.move(list, 1, #list, from, results)
  end
  return results
end

return inwindows
