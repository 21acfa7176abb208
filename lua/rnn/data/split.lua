---Parts of a list, at random but the same for a seed.
---
---    local data = require "rnn.data"
---    local list = {}
---    for i = 1, 10 do list[i] = i end
---    local train, test = data.split(list, {0.8, 0.2}, 1)
---    print(#train, #test)                                  -- 8, 2
local reader = require "rnn.reader"

local splitting = {}

local SLACK <const> = 1e-9     -- 0.8 + 0.1 + 0.1 is not 1

---Where each part ends.
local function ends_of(count, fractions)
  local ends, sum = {}, 0
  for i, fraction in ipairs(fractions) do
    if not math.type(fraction) or fraction ~= fraction or fraction <= 0 then
      error(("split: fraction %d must be above 0, got %s"):format(i, fraction),
            3)
    end
    sum = sum + fraction
    ends[i] = math.floor(math.min(sum, 1) * count + 0.5)
    if ends[i] == (ends[i - 1] or 0) then
      error(("split: %g of %d is no example"):format(fraction, count), 3)
    end
  end
  if #ends == 0 or sum > 1 + SLACK then
    error(("split: 'fractions' must be one or more, of a sum of 1 at most; " ..
           "got %g"):format(sum), 3)
  end
  return ends
end

---Cuts a list into parts. Which elements a part has, the seed and their number
---decide; those of a part stay in their order.
---@param list any[]
---@param fractions number[] of each part, in all 1 at most
---@param seed? integer|false default 1; false: the first ones, then the next
---@return any[] ... parts
function splitting.split(list, fractions, seed)
  local ends, count = ends_of(#list, fractions), #list
  local parts, part_of = {}, {}
  local key = seed and reader.mix(seed) or seed == nil and reader.mix(1)
  local at = 0
  for k, last in ipairs(ends) do
    parts[k] = {}
    while at < last do
      local i = key and reader.permuted(at, count, key) or at
      part_of[i + 1] = parts[k]
      at = at + 1
    end
  end
  for i, value in ipairs(list) do
    local part = part_of[i]
    if part then part[#part + 1] = value end
  end
  return table.unpack(parts)
end

return splitting
