---A continuous cache (Grave, Joulin and Usunier 2016): what a model has read
---last is likelier to come again. It keeps pairs of an output of the recurrent
---layers and the token that followed it, and adds to what the model expects
---after h_t the tokens that came after outputs like it:
---    p_cache(w) ~ sum over the last n of exp(theta h_t . h_i) [w = x_(i+1)]
---    p(w) = (1 - lambda) p_model(w) + lambda p_cache(w)
---While there is no pair, p is p_model.
local check = require "rnn.check"
local core = require "rnn.core"

local neuralcache = {}

---@class rnn.CacheOptions
---@field size? integer n, pairs that are kept; default 500
---@field theta? number how much likeness counts, 0 or more; default 0.66
---@field lambda? number weight of the cache, from 0 to 1; default 0.1

---@class rnn.NeuralCache
---@field size integer
---@field theta number
---@field lambda number
---@field h? rnn.Tensor (M,H) outputs that are kept, the last one last
---@field ids? rnn.Tensor (M) the ids that followed them
local Cache = {}
Cache.__index = Cache

---What a query does not see: of M pairs that were kept and T new ones, query t
---sees those before it, k from M+t-n to M+t-1. (T,M+T), 0 where it does.
local function unseen(n, M, T, dtype)
  local ahead = core.arange(M + T, dtype):reshape {1, M + T} -
                core.arange(T, dtype):reshape {T, 1} - M   -- k - M - t
  return (ahead + 1):clamp(0, 1) + (-n - ahead):clamp(0, 1)
end

---Where another token followed than the one that is asked for: (T,K), else 0.
local function others(ids, followed, dtype)
  return ids:to(dtype):reshape {#ids, 1} -
         followed:to(dtype):reshape {1, #followed}
end

---p_cache of the ids that follow queries h (T,H), the last T of the keys (K,H);
---the first is no number when there is no key before it. All queries are one
---product.
---@return number[]
local function probabilities(self, h, ids, keys, followed)
  local T, K = #ids, #followed
  local _ <close> = core.tape()   -- a tape closes all that is made from here
  return (h * self.theta):matmul(keys:transpose(1, 2))
    :masked_fill(unseen(self.size, K - T, T, h.dtype), -math.huge):softmax(2)
    :masked_fill(others(ids, followed, h.dtype), 0):sum(2):totable()
end

---log((1 - lambda) e^logp + lambda p), which does not underflow.
local function mix(lambda, logp, p)
  local a, b = math.log(1 - lambda) + logp, math.log(lambda * p)
  if b == -math.huge then return a end
  local most = math.max(a, b)
  return most + math.log(math.exp(a - most) + math.exp(b - most))
end

---Mixes the probabilities that a model gives to the tokens of a block with
---those of the cache, which then remembers the block. No tape is open.
---@param h rnn.Tensor (T,H) outputs of the recurrent layers
---@param ids rnn.Tensor (T) that follow each of them
---@param logp number[] natural logarithms, which are overwritten
---@return number[] logp
function Cache:mix(h, ids, logp)
  local first = self.h and 1 or 2
  local keys = self.h and self.h:cat(h, 1) or h
  local followed = self.ids and self.ids:cat(ids, 1) or ids
  local p = probabilities(self, h, ids, keys, followed)
  for t = first, #ids do logp[t] = mix(self.lambda, logp[t], p[t]) end
  local K = #followed
  local from = math.max(1, K - self.size + 1)
  self.h = keys:slice(1, from, K):clone()
  self.ids = followed:slice(1, from, K):clone()
  return logp
end

---Forgets all.
function Cache:reset()
  self.h, self.ids = nil, nil
end

local DEFAULTS = {size = 500, theta = 0.66, lambda = 0.1}

local function check_number(name, value, ok, range)
  if type(value) == "number" and ok(value) then return end
  error(("cache: '%s' must be %s, got %s"):format(name, range, value), 3)
end

---@param o? rnn.CacheOptions
---@return rnn.NeuralCache
function neuralcache.new(o)
  o = o or {}
  check.names("cache", o, DEFAULTS)
  local self = setmetatable({}, Cache)
  for name, value in pairs(DEFAULTS) do self[name] = o[name] or value end
  self.size = check.integer("cache", "size", self.size, 0, 1)
  check_number("theta", self.theta, function(x)
    return x >= 0 and x < math.huge
  end, "0 or more")
  check_number("lambda", self.lambda, function(x)
    return x >= 0 and x < 1
  end, "from 0 to below 1")
  return self
end

return neuralcache
