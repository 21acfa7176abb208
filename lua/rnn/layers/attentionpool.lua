---rnn.AttentionPool(size, {hidden = size}): the steps of a row as one vector,
---by the attention of a context vector that is learned (Yang et al. 2016):
---    u_t = tanh(W x_t + b),  p = softmax(u_t . c),  y = sum_t p_t x_t
---For documents, over the words of every sentence, then over the sentences:
---
---    local words, sentences = rnn.AttentionPool(64), rnn.AttentionPool(64)
---    local x = rnn.randn {12, 2 * 5, 64}   -- 12 words, 5 sentences, 2 texts
---    local s = words(x)                    -- (2 * 5, 64)
---    local y, weights = sentences(s:reshape {2, 5, 64}:transpose(1, 2))
local core = require "rnn.core"
local layer = require "rnn.layer"

local op = core.op

---@class rnn.AttentionPool
---@field weight rnn.Tensor W (hidden, size)
---@field bias rnn.Tensor b (hidden)
---@field context rnn.Tensor c (hidden)
---Call: y, weights = pool(x, lengths). x (T,N,size) -> y (N,size), weights
---(N,T)

local function hidden_of(sizes, options)
  return options.hidden > 0 and options.hidden or sizes[1]
end

return layer.class {
  name = "AttentionPool",
  sizes = {"size"},
  options = {hidden = 0},
  check = function(_, options)
    if math.type(options.hidden) ~= "integer" or options.hidden < 0 then
      return ("'hidden' must be an integer >= 0, got %s"):format(
             options.hidden)
    end
  end,
  shapes = function(sizes, options)
    local hidden = hidden_of(sizes, options)
    return {{"weight", {hidden, sizes[1]}}, {"bias", {hidden}},
            {"context", {hidden}}}
  end,
  init = function(self, sizes)
    layer.uniform(self, 1 / math.sqrt(math.max(1, sizes[1])))
  end,
  call = function(self, x, lengths)
    local u = op.linear(x, self.weight, self.bias)
    local shape = u:shape()
    local none = core.zeros({1, shape[2], shape[3]}, u.dtype)
    local y, weights = op.attention(none, u, x, self.context,
                                    {lengths = lengths, weights = true})
    return y:select(1, 1), weights:select(3, 1):select(2, 1)
  end,
}
