---Batches of a long text, epoch after epoch, from a place that can be saved:
---
---    local reader = rnn.reader(ids, {steps = 64, streams = 32})
---    local x, y, fresh = reader:next()     -- each (T,N)
---    if fresh then state = nil end         -- does not go on where one ended
---
---Where it stands is two numbers (reader:state()), whatever the size of the
---text: orders and lengths come from the seed, the epoch and the place.
local core = require "rnn.core"

-- {== Numbers that depend on a key alone ==

---A well mixed integer (the finaliser of splitmix64, Steele et al. 2014).
local function mix(z)
  z = (z ~ z >> 30) * 0xbf58476d1ce4e5b9
  z = (z ~ z >> 27) * 0x94d049bb133111eb
  return z ~ z >> 31
end

---In [0,1).
local function uniform(key)
  return (mix(key) >> 11) * 2.0 ^ -53
end

---The place of i in an order of 0 .. n-1 that the key chooses: a Feistel
---network (Luby and Rackoff 1988) over the next power of 4, walked until it
---comes back into range. Takes no memory.
local function permuted(i, n, key)
  local half = 1
  while 1 << 2 * half < n do half = half + 1 end
  local mask = (1 << half) - 1
  repeat
    local a, b = i >> half, i & mask
    for round = 1, 4 do
      a, b = b, a ~ mix(key + b * 0x9e3779b97f4a7c15 + round) & mask
    end
    i = a << half | b
  until i < n
  return i
end

-- }==

---@class rnn.ReaderOptions
---@field steps integer T
---@field streams integer N
---@field stateless? boolean windows in a random order, each on its own;
---default: N streams side by side, each batch going on where the last ended
---@field vary? boolean another length each time, as in AWD-LSTM (Merity et al.
---2017): mostly near T, sometimes near T/2
---@field seed? integer default 1

---@class rnn.Reader
---@field epoch integer of the last batch, from 1
---@field steps integer T
---@field streams integer N
local Reader = {}
Reader.__index = Reader

local SHORT = 0.05     -- share of steps with half the length
local SPREAD = 5       -- standard deviation of lengths
local LEAST = 5        -- steps of a varied batch, if T is not less

local function check(ids, o)
  for _, name in ipairs {"steps", "streams"} do
    local n = o[name]
    if math.type(n) ~= "integer" or n < 1 or n > 0x7fffffff then
      error(("reader: '%s' must be an integer >= 1, got %s"):format(name, n),
            4)
    end
  end
  local need = o.streams * o.steps + 1
  if #ids < need then
    error(("reader: there are %d tokens, %d streams of %d steps need %d")
          :format(#ids, o.streams, o.steps, need), 4)
  end
end

---Steps of the batch at the present place.
local function length(self)
  local T = self.steps
  if not self.vary then return T end
  local key = mix(self.seed * 3 + self.epoch) + 3 * self.at
  local base = uniform(key) < SHORT and T / 2 or T
  local normal = math.sqrt(-2 * math.log(1 - uniform(key + 1))) *
                 math.cos(2 * math.pi * uniform(key + 2))
  local n = math.floor(base + SPREAD * normal + 0.5)
  return math.max(math.min(LEAST, T), math.min(n, self.most))
end

local function next_stream(self)
  local steps = math.min(length(self), self.stride - self.at)
  local fresh = self.at == 0
  local x, y = core.text_batch(self.ids, self.at, steps, self.streams,
                               self.stride)
  self.at = self.at + steps
  return x, y, fresh
end

local function next_windows(self)
  local key = mix(self.seed ~ mix(self.epoch))
  local starts = self.starts
  for n = 1, self.streams do
    starts[n] = self.steps * permuted(self.at * self.streams + n - 1,
                                      self.windows, key)
  end
  local x, y = core.text_windows(self.ids, starts, length(self))
  self.at = self.at + 1
  return x, y, true
end

---Is what is left of the epoch too little for a batch?
local function spent(self)
  if self.stateless then
    return (self.at + 1) * self.streams > self.windows
  end
  local left = self.stride - self.at
  return left < (self.vary and math.min(LEAST, self.steps) or self.steps)
end

---The next batch.
---@return rnn.Tensor x (T,N) ids
---@return rnn.Tensor y (T,N) one token later
---@return boolean fresh true when it does not go on where the last one ended
function Reader:next()
  if spent(self) then self.epoch, self.at = self.epoch + 1, 0 end
  return (self.stateless and next_windows or next_stream)(self)
end

---Batches of an epoch; with varied lengths, about.
---@return integer
function Reader:per_epoch()
  if self.stateless then return self.windows // self.streams end
  if not self.vary then return self.stride // self.steps end
  return math.max(1, math.floor(self.stride / self.steps /
                                (1 - SHORT / 2) + 0.5))
end

---Have so many epochs been read?
---@param epochs integer
---@return boolean
function Reader:finished(epochs)
  return self.epoch > epochs or self.epoch == epochs and spent(self)
end

---Where it stands, for restore.
---@return {epoch: integer, at: integer}
function Reader:state()
  return {epoch = self.epoch, at = self.at}
end

---Goes back to where state() was taken.
---@param state any from a file, so not trusted
---@return true|nil ok
---@return string? message
function Reader:restore(state)
  local epoch = type(state) == "table" and math.tointeger(state.epoch)
  local at = type(state) == "table" and math.tointeger(state.at)
  if not epoch or not at or epoch < 1 or at < 0 or
     at > (self.stateless and self.windows or self.stride) then
    return nil, "the place in the text is damaged"
  end
  self.epoch, self.at = epoch, at
  return true
end

---@param ids rnn.Tensor|rnn.Tokens (M) int32
---@param o rnn.ReaderOptions
---@return rnn.Reader
local function new(_, ids, o)
  check(ids, o)
  return setmetatable({
    ids = ids, steps = o.steps, streams = o.streams, seed = o.seed or 1,
    vary = o.vary, stateless = o.stateless, epoch = 1, at = 0,
    stride = (#ids - 1) // o.streams, windows = (#ids - 1) // o.steps,
    most = o.stateless and o.steps or 2 * o.steps, starts = {},
  }, Reader)
end

return setmetatable({mix = mix, permuted = permuted}, {__call = new})
