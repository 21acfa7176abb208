---rnn.MultiheadAttention(embed_dim, num_heads, opts): attention in several
---slices of the features at once (Vaswani et al. 2017), as
---torch.nn.MultiheadAttention, time-major:
---    q = W_q query + b_q,  k = W_k key + b_k,  v = W_v value + b_v
---    head = softmax(q k' / sqrt(embed_dim / num_heads)) v  of each slice
---    y = W_out [heads] + b_out
---Options: bias true; dropout 0, of the weights, while a tape is open; kdim and
---vdim, of key and value, 0 for embed_dim; causal false: true hides the keys
---after each query; weights true: false saves making them.
---
---    local attention = rnn.MultiheadAttention(64, 4, {causal = true})
---    local x = rnn.randn {10, 2, 64}
---    local y, weights = attention(x, x, x, {10, 7})
local core = require "rnn.core"
local init = require "rnn.initializers"
local layer = require "rnn.layer"

local op = core.op

---@class rnn.MultiheadAttention
---@field in_proj_weight rnn.Tensor|nil (3E, E): W_q, W_k, W_v
---@field in_proj_bias rnn.Tensor|nil (3E)
---@field q_proj_weight rnn.Tensor|nil (E, E); with kdim or vdim, instead
---@field k_proj_weight rnn.Tensor|nil (E, kdim)
---@field v_proj_weight rnn.Tensor|nil (E, vdim)
---@field out_proj rnn.Linear
---Call: y, weights = attention(query, key, value, lengths, mask). query
---(T,N,E), key (S,N,kdim), value (S,N,vdim) -> y (T,N,E), weights (N,T,S): the
---mean of the heads', before dropout, nil if not wanted; lengths: keys of each
---row; mask (T,S): nonzeros hide keys. Padded queries get what means nothing.
---Or attention(query, memory).

local function dims(sizes, options)
  local E = sizes[1]
  return E, options.kdim > 0 and options.kdim or E,
         options.vdim > 0 and options.vdim or E
end

local function check(sizes, options)
  if sizes[2] < 1 or sizes[1] % sizes[2] ~= 0 then
    return ("'num_heads' must divide 'embed_dim', got %d and %d"):format(
           sizes[2], sizes[1])
  end
  if not (options.dropout >= 0 and options.dropout <= 1) then
    return ("'dropout' must be from 0 to 1, got %s"):format(options.dropout)
  end
  for _, name in ipairs {"kdim", "vdim"} do
    if math.type(options[name]) ~= "integer" or options[name] < 0 then
      return ("'%s' must be an integer >= 0, got %s"):format(name,
             options[name])
    end
  end
end

local function shapes(sizes, options)
  local E, kdim, vdim = dims(sizes, options)
  local list = {{"in_proj_weight", {3 * E, E}}}
  if kdim ~= E or vdim ~= E then
    list = {{"q_proj_weight", {E, E}}, {"k_proj_weight", {E, kdim}},
            {"v_proj_weight", {E, vdim}}}
  end
  if options.bias then list[#list + 1] = {"in_proj_bias", {3 * E}} end
  return list
end

---W x + b for the i-th of query, key and value.
local function project(self, i, x)
  local E = self.config.sizes[1]
  local from, to = (i - 1) * E + 1, i * E
  local weight = self.in_proj_weight and self.in_proj_weight:slice(1, from, to)
                 or self[("qkv"):sub(i, i) .. "_proj_weight"]
  local bias = self.in_proj_bias and self.in_proj_bias:slice(1, from, to)
  return op.linear(x, weight, bias)
end

local MultiheadAttention = layer.class {
  name = "MultiheadAttention",
  sizes = {"embed_dim", "num_heads"},
  options = {bias = true, dropout = 0.0, kdim = 0, vdim = 0, causal = false,
             weights = true},
  check = check,
  shapes = shapes,
  layers = function(sizes, options)
    return {{"out_proj", require "rnn.layers.linear", {sizes[1], sizes[1]},
             {bias = options.bias}}}
  end,
  init = function(self, sizes, options)
    for _, p in ipairs(shapes(sizes, options)) do
      if #p[2] == 2 then init.xavier(self[p[1]]) end
    end
    if self.out_proj.bias then self.out_proj.bias:fill(0) end
  end,
  call = function(self, query, key, value, lengths, mask)
    local options, memory = self.config.options, key
    if core.is_tensor(key) then memory = self:memory(key, value, lengths) end
    local y, weights = op.attention(
      project(self, 1, query), memory.keys, memory.values, nil, mask,
      {heads = self.config.sizes[2], lengths = memory.lengths,
       causal = options.causal, dropout = options.dropout,
       weights = options.weights})
    y = self.out_proj(y)
    if options.weights then return y, weights:mean(2) end
    return y
  end,
}

---What does not change while queries are made one after the other.
---@param key rnn.Tensor
---@param value? rnn.Tensor default the key
---@param lengths? integer[]
---@return rnn.AttentionMemory
function MultiheadAttention:memory(key, value, lengths)
  return {keys = project(self, 2, key), values = project(self, 3, value or key),
          lengths = lengths}
end

return MultiheadAttention
