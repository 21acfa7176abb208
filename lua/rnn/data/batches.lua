---Batches of examples, epoch after epoch, from a place that can be saved.
---
---    local data = require "rnn.data"
---    local list = {{ids = {1, 2}}, {ids = {3}}, {ids = {2, 2, 1}}}
---    local batches = data.batches(list, {batch = 2, length = "ids"})
---    for batch in batches do                       -- until the epoch ends
---      local x, lengths = data.padded(batch, {field = "ids", pad = 1})
---      print(#batch, x:shape()[1], lengths[1])
---    end
---    print(batches:next()[1], batches.epoch)       -- of the next epoch
---
---It is a part of a run: rnn.run.open {parts = {reader = batches}, ...}. Where
---it stands is three numbers (batches:state()); order comes from the seed, the
---epoch and the number of examples.
local check = require "rnn.check"
local reader = require "rnn.reader"

local batching = {}

local mix, permuted = reader.mix, reader.permuted

local POOL = 2048

local OPTIONS = {batch = true, max_tokens = true, length = true, pool = true,
                 shuffle = true, seed = true, drop_last = true}

---@class rnn.BatchesOptions
---@field batch? integer N, examples of a batch; this or max_tokens, or both
---@field max_tokens? integer what a batch may have at most, with padding: its
---longest example times its examples
---@field length? string|fun(example: any): integer how long an example is: #
---of a field of it, or what a function says. Examples are then put in the order
---of their lengths, pool by pool, so that those of a batch are alike.
---@field pool? integer examples; default 2048
---@field shuffle? boolean another order each epoch; default true
---@field seed? integer default 1
---@field drop_last? boolean leave out a batch with fewer than N; default false

---@class rnn.Batches
---@overload fun(): any[]? the next batch of the epoch; nil when it ends
---@field epoch integer of the last batch, from 1
---@field at integer batches of the epoch that were given
---@field examples any[]
local Batches = {}

local META = {__index = Batches, __name = "rnn.Batches"}

-- {== Options ==

---A function that tells how long an example is.
local function length_by(length)
  if type(length) ~= "string" then return length end
  return function(example)
    local value = type(example) == "table" and example[length]
    local kind = type(value)
    return (kind == "table" or kind == "string" or kind == "userdata") and
           #value
  end
end

---How long all examples are.
local function measure(examples, o)
  local lengths, length = {}, length_by(o.length)
  for i, example in ipairs(examples) do
    local n = length(example)
    if math.type(n) ~= "integer" or n < 1 then
      error(("batches: the length of example %d must be an integer >= 1, " ..
             "got %s"):format(i, n), 4)
    end
    if o.max_tokens and n > o.max_tokens then
      error(("batches: example %d has length %d, more than max_tokens = %d; " ..
             "leave it out, or take more"):format(i, n, o.max_tokens), 4)
    end
    lengths[i] = n
  end
  return lengths
end

local function check_options(examples, opts)
  check.names("batches", opts, OPTIONS)
  local function integer(name, default)
    return check.integer("batches", name, opts[name], default, 1)
  end
  local o = {
    batch = integer("batch", math.maxinteger), pool = integer("pool", POOL),
    max_tokens = opts.max_tokens and integer "max_tokens",
    seed = check.integer("batches", "seed", opts.seed, 1, math.mininteger),
    shuffle = opts.shuffle ~= false, drop_last = opts.drop_last,
    length = opts.length,
  }
  if not opts.batch and not o.max_tokens then
    error("batches: needs 'batch' or 'max_tokens'", 3)
  end
  if o.max_tokens and o.drop_last then
    error("batches: 'drop_last' has no meaning with 'max_tokens'", 3)
  end
  if (o.max_tokens or opts.pool) and not o.length then
    error("batches: 'max_tokens' and 'pool' need 'length'", 3)
  end
  if #examples == 0 then error("batches: there are no examples", 3) end
  if o.drop_last and #examples < o.batch then
    error(("batches: %d examples make no batch of %d; take a smaller one, " ..
           "or leave out 'drop_last'"):format(#examples, o.batch), 3)
  end
  return o
end

-- }==

-- {== The plan of an epoch ==

---Examples in the order of the epoch.
local function order_of(self, key)
  local order, count = {}, #self.examples
  for i = 1, count do
    order[i] = self.o.shuffle and permuted(i - 1, count, key) + 1 or i
  end
  return order
end

---Puts from .. to in the order of lengths, 'sign' being 1 for short ones first;
---those of one length stay.
local function sort_pool(self, order, from, to, sign)
  local lengths, pool, place = self.lengths, {}, {}
  for i = from, to do
    pool[#pool + 1] = order[i]
    place[order[i]] = i
  end
  table.sort(pool, function(a, b)
    local difference = sign * (lengths[a] - lengths[b])
    if difference ~= 0 then return difference < 0 end
    return place[a] < place[b]
  end)
  table.move(pool, 1, #pool, from, order)
end

---Cuts an order into batches, {from, to} each.
local function cut(self, order)
  local o, lengths, plan = self.o, self.lengths, {}
  local begins, longest = 1, 0
  for i = 1, #order do
    local count = i - begins + 1
    longest = lengths and math.max(longest, lengths[order[i]]) or 0
    if count > o.batch or o.max_tokens and count * longest > o.max_tokens then
      plan[#plan + 1] = {begins, i - 1}
      begins, longest = i, lengths and lengths[order[i]] or 0
    end
  end
  if not o.drop_last or #order - begins + 1 == o.batch then
    plan[#plan + 1] = {begins, #order}
  end
  return plan
end

---Plans an epoch. Every second pool goes from long examples to short ones, so
---that a batch of two pools is alike as well; batches are shuffled afterwards.
local function make_plan(self)
  local key = mix(self.o.seed ~ mix(self.epoch))
  local order, sign = order_of(self, key), 1
  for from = 1, self.lengths and #order or 0, self.o.pool do
    sort_pool(self, order, from, math.min(from + self.o.pool - 1, #order),
              sign)
    sign = -sign
  end
  self.order, self.plan = order, cut(self, order)
  self.planned, self.key = self.epoch, key
end

---The k-th batch of the epoch, from 0.
local function take(self, k)
  local shuffled = self.lengths and self.o.shuffle
  local range = self.plan[(shuffled and permuted(k, #self.plan, ~self.key) or
                           k) + 1]
  local batch = {}
  for i = range[1], range[2] do
    batch[#batch + 1] = self.examples[self.order[i]]
  end
  return batch
end

-- }==

---Batches of the epoch.
---@return integer
function Batches:per_epoch()
  if self.planned ~= self.epoch then make_plan(self) end
  return #self.plan
end

---Is the epoch at its end?
local function spent(self)
  return self.at >= self:per_epoch()
end

---The next batch, of the next epoch if this one has ended.
---@return any[] examples
function Batches:next()
  if spent(self) then self.epoch, self.at = self.epoch + 1, 0 end
  self:per_epoch()
  self.at = self.at + 1
  return take(self, self.at - 1)
end

---As an iterator: nil when the epoch ends, after which the next one begins.
function META:__call()
  if not spent(self) then return self:next() end
  self.epoch, self.at = self.epoch + 1, 0
end

---Have so many epochs been read?
---@param epochs integer
---@return boolean
function Batches:finished(epochs)
  return self.epoch > epochs or self.epoch == epochs and spent(self)
end

---Where it stands, for restore.
---@return {epoch: integer, at: integer, examples: integer}
function Batches:state()
  return {epoch = self.epoch, at = self.at, examples = #self.examples}
end

---Goes back to where state() was taken.
---@param state any from a file, so not trusted
---@return true|nil ok
---@return string? message
function Batches:restore(state)
  local is_table = type(state) == "table"
  local epoch = is_table and math.tointeger(state.epoch)
  local at = is_table and math.tointeger(state.at)
  if not epoch or not at or epoch < 1 or at < 0 then
    return nil, "the place in the data is damaged"
  end
  if state.examples ~= #self.examples then
    return nil, ("the place is in data of %s examples, there are %d"):format(
                state.examples, #self.examples)
  end
  local before = self.epoch
  self.epoch = epoch
  if at > self:per_epoch() then
    self.epoch = before
    return nil, "the place in the data is damaged"
  end
  self.at = at
  return true
end

---Batches of a list of examples: lists of them, each example once an epoch.
---@param examples any[] not to be changed while batches are taken
---@param opts rnn.BatchesOptions
---@return rnn.Batches
function batching.batches(examples, opts)
  local o = check_options(examples, opts)
  return setmetatable({
    examples = examples, o = o, epoch = 1, at = 0,
    lengths = o.length and measure(examples, o)}, META)
end

return batching
