---rnn.Attention(query_size, key_size, {kind = "additive", size = key_size}):
---the mean of values, weighted by how their keys match a query:
---    context = sum_s p_s value_s,   p = softmax score(query, key_s)
---    additive    w . tanh(W query + U key)     (Bahdanau, Cho, Bengio 2015)
---    dot         query . key                   (Luong, Pham, Manning 2015)
---    general     (W query) . key               (the same)
---    scaled_dot  query . key / sqrt(key_size)  (Vaswani et al. 2017)
---`size` is of the inner vectors of "additive"; 0 stands for key_size.
---
---    local attention = rnn.Attention(32, 64)
---    local encoded = rnn.randn {10, 2, 64}              -- 10 steps, 2 rows
---    local context, weights = attention(rnn.randn {2, 32}, encoded, nil,
---                                       {10, 7})
local core = require "rnn.core"
local init = require "rnn.initializers"
local layer = require "rnn.layer"

local op = core.op

---What a decoder that asks step by step keeps of keys and values.
---@class rnn.AttentionMemory
---@field keys rnn.Tensor (S, N, size), as scores take them: for additive U key
---@field values rnn.Tensor (S, N, V)
---@field lengths? integer[]

---@class rnn.Attention
---@field weight rnn.Tensor|nil additive: w (size); general: W (key, query)
---@field weight_query rnn.Tensor|nil additive: W (size, query)
---@field weight_key rnn.Tensor|nil additive: U (size, key)
---Call: context, weights = attention(query, keys, values, lengths). query
---(T,N,query_size) -> context (T,N,V), weights (N,T,S); or query (N,query_size)
----> (N,V), (N,S). keys (S,N,key_size); values (S,N,V), absent = the keys;
---lengths: keys of each row. Or attention(query, memory).
local Attention = layer.class {
  name = "Attention",
  sizes = {"query_size", "key_size"},
  options = {kind = "additive", size = 0},
  check = function(sizes, options)
    local kind = options.kind
    if not ({additive = 1, dot = 1, general = 1, scaled_dot = 1})[kind] then
      return ("'kind' must be additive, dot, general or scaled_dot, got '%s'")
             :format(kind)
    end
    local dots = kind == "dot" or kind == "scaled_dot"
    if dots and sizes[1] ~= sizes[2] then
      return ("'%s' needs query_size = key_size, got %d and %d"):format(
             kind, sizes[1], sizes[2])
    end
    if math.type(options.size) ~= "integer" or options.size < 0 then
      return ("'size' must be an integer >= 0, got %s"):format(options.size)
    end
  end,
  shapes = function(sizes, options)
    local size = options.size > 0 and options.size or sizes[2]
    if options.kind == "additive" then
      return {{"weight_query", {size, sizes[1]}},
              {"weight_key", {size, sizes[2]}}, {"weight", {size}}}
    end
    if options.kind == "general" then
      return {{"weight", {sizes[2], sizes[1]}}}
    end
    return {}
  end,
  init = function(self)
    for _, name in ipairs {"weight_query", "weight_key", "weight"} do
      local t = self[name]
      local shape = t and t:shape()
      if t then init.uniform(t, -1 / math.sqrt(math.max(1, shape[#shape]))) end
    end
  end,
  call = function(self, query, keys, values, lengths)
    local memory = keys
    if core.is_tensor(keys) then memory = self:memory(keys, values, lengths) end
    local shape, kind = query:shape(), self.config.options.kind
    local one = #shape == 2
    if one then query = query:reshape {1, shape[1], shape[2]} end
    local w
    if kind == "additive" then
      query, w = op.linear(query, self.weight_query), self.weight
    elseif kind == "general" then
      query = op.linear(query, self.weight)
    end
    local context, weights = op.attention(
      query, memory.keys, memory.values, w,
      {lengths = memory.lengths, weights = true,
       scale = kind ~= "scaled_dot" and 1 or nil})
    weights = weights:select(2, 1)   -- of the only head
    if not one then return context, weights end
    return context:select(1, 1), weights:select(2, 1)
  end,
}

---What does not change while queries are made one after the other.
---@param keys rnn.Tensor
---@param values? rnn.Tensor
---@param lengths? integer[]
---@return rnn.AttentionMemory
function Attention:memory(keys, values, lengths)
  local additive = self.config.options.kind == "additive"
  return {keys = additive and op.linear(keys, self.weight_key) or keys,
          values = values or keys, lengths = lengths}
end

return Attention
