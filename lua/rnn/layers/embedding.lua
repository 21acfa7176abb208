---Embedding: a row of a table for every id.
local core = require "rnn.core"
local layer = require "rnn.layer"

---@class rnn.Embedding
---@field weight rnn.Tensor (V, D)
---@overload fun(ids: rnn.Tensor): rnn.Tensor ids (...) int32 -> (..., D)
local Embedding = layer.class("Embedding")

---@param num_embeddings integer V, the vocabulary
---@param embedding_dim integer D
---Initial values normal(0, 1), as torch.nn.Embedding.
function Embedding.new(num_embeddings, embedding_dim, opts)
  layer.check_size("Embedding", "num_embeddings", num_embeddings)
  layer.check_size("Embedding", "embedding_dim", embedding_dim)
  opts = layer.options("Embedding", opts, {})
  local self = layer.object(Embedding, {num_embeddings, embedding_dim}, opts)
  self.weight = core.param(core.randn({num_embeddings, embedding_dim}))
  return self
end

function Embedding:__call(ids)
  return core.op.embedding(self.weight, ids)
end

return Embedding
