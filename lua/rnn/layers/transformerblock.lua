---rnn.TransformerBlock(dim, heads, opts): attention and two linear layers, each
---with a way around it (Vaswani et al. 2017), as torch.nn's
---TransformerEncoderLayer or, with decoder = true, TransformerDecoderLayer:
---    norm_first (Xiong et al. 2020)     otherwise
---    x = x + attention(norm1(x))        x = norm1(x + attention(x))
---    x = x + ff(norm2(x))               x = norm2(x + ff(x))
---with ff(x) = linear2(activation(linear1(x))); a decoder also attends to a
---memory, between the two. Options: ff 0: the inner size, 0 for 4 dim; dropout
---0.1, while a tape is open; activation "relu" or "gelu"; norm_first true;
---decoder false; causal false: true hides later steps, as a decoder always
---does; bias true, of all layers; eps 1e-5 of the norms.
---
---    local block = rnn.TransformerBlock(64, 4, {causal = true})
---    local y = block(rnn.randn {10, 2, 64}, {10, 7})
---    local decoder = rnn.TransformerBlock(64, 4, {decoder = true})
---    local z = decoder(rnn.randn {5, 2, 64}, nil, y, {10, 7})
local core = require "rnn.core"
local layer = require "rnn.layer"

local op = core.op

---@class rnn.TransformerBlock
---@field self_attn rnn.MultiheadAttention
---@field multihead_attn rnn.MultiheadAttention|nil of a decoder, to its memory
---@field linear1 rnn.Linear
---@field linear2 rnn.Linear
---@field norm1 rnn.LayerNorm
---@field norm2 rnn.LayerNorm
---@field norm3 rnn.LayerNorm|nil of a decoder
---Call: y = block(x, lengths), or a decoder's block(x, lengths, memory,
---memory_lengths). x (T,N,dim), memory (S,N,dim) -> y (T,N,dim); what y has
---beyond the length of a row means nothing.

local function check(_, options)
  if math.type(options.ff) ~= "integer" or options.ff < 0 then
    return ("'ff' must be an integer >= 0, got %s"):format(options.ff)
  end
  if options.activation ~= "relu" and options.activation ~= "gelu" then
    return ("'activation' must be relu or gelu, got '%s'"):format(
           options.activation)
  end
end

local function layers(sizes, options)
  local attention = require "rnn.layers.multiheadattention"
  local linear = require "rnn.layers.linear"
  local dim, bias = sizes[1], {bias = options.bias}
  local ff = options.ff > 0 and options.ff or 4 * dim

  local function attend(causal)
    return {bias = options.bias, dropout = options.dropout, causal = causal,
            weights = false}
  end

  local list = {
    {"self_attn", attention, sizes, attend(options.causal or options.decoder)},
    {"linear1", linear, {dim, ff}, bias},
    {"linear2", linear, {ff, dim}, bias},
  }
  if options.decoder then
    list[#list + 1] = {"multihead_attn", attention, sizes, attend(false)}
  end
  for i = 1, options.decoder and 3 or 2 do
    list[#list + 1] = {"norm" .. i, require "rnn.layers.layernorm", {dim},
                       {eps = options.eps, bias = options.bias}}
  end
  return list
end

---x with what f makes of it added, normalised before or after.
local function around(self, norm, x, f)
  local options = self.config.options
  local p = options.dropout
  if options.norm_first then return x + op.dropout((f(norm(x))), p) end
  return norm(x + op.dropout((f(x)), p))
end

local function call(self, x, lengths, memory, memory_lengths)
  local options = self.config.options
  if options.decoder ~= (memory ~= nil) then
    error(options.decoder and "TransformerBlock: a decoder needs a memory: " ..
          "block(x, lengths, memory)" or "TransformerBlock: only a decoder " ..
          "has a memory; make it with {decoder = true}", 2)
  end
  x = around(self, self.norm1, x, function(h)
    return self.self_attn(h, h, h, lengths)
  end)
  if memory then
    x = around(self, self.norm2, x, function(h)
      return self.multihead_attn(h, memory, memory, memory_lengths)
    end)
  end
  return around(self, self.norm3 or self.norm2, x, function(h)
    h = op[options.activation](self.linear1(h))
    return self.linear2(op.dropout(h, options.dropout))
  end)
end

return layer.class {
  name = "TransformerBlock",
  sizes = {"dim", "heads"},
  options = {ff = 0, dropout = 0.1, activation = "relu", norm_first = true,
             decoder = false, causal = false, bias = true, eps = 1e-5},
  check = check,
  shapes = function() return {} end,
  layers = layers,
  init = function() end,
  call = call,
}
