---rnn.Embedding(num_embeddings, embedding_dim): a row of a table for every id.
---Initial values normal(0, 1), as torch.nn.Embedding.
local core = require "rnn.core"
local layer = require "rnn.layer"

---@class rnn.Embedding
---@field weight rnn.Tensor (V, D)
---@overload fun(ids: rnn.Tensor): rnn.Tensor ids (...) int32 -> (..., D)

return layer.class {
  name = "Embedding",
  sizes = {"num_embeddings", "embedding_dim"},
  options = {},
  shapes = function(sizes) return {{"weight", {sizes[1], sizes[2]}}} end,
  init = function(self) core.fill_normal(self.weight, 0, 1) end,
  call = function(self, ids) return core.op.embedding(self.weight, ids) end,
}
