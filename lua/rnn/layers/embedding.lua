---rnn.Embedding(num_embeddings, embedding_dim, {dropout = 0, freeze = false}):
---a row of a table for every id. Initial values normal(0, 1), as
---torch.nn.Embedding.
---Option freeze: the table is no parameter, so it is not trained, but model
---files keep it; rnn.vectors fills such tables. To train it after all, copy it
---into another: rnn.Embedding(V, D).weight:copy(frozen.weight).
---Option dropout: while a tape is open, each row of the table is 0 for a whole
---call with this probability, and the others are scaled by 1/(1-p) (Gal and
---Ghahramani 2016; Merity et al. 2017).
---
---    local embed = rnn.Embedding(100, 8, {dropout = 0.1})
---    local y = embed(rnn.ids {{3, 5}, {5, 100}})         -- (2,2,8)
local core = require "rnn.core"
local layer = require "rnn.layer"

local op = core.op

---@class rnn.Embedding
---@field weight rnn.Tensor (V, D)
---@overload fun(ids: rnn.Tensor): rnn.Tensor ids (...) int32 -> (..., D)

---The rows of ids, some words of the table left out. What is multiplied by the
---mask (V,1) is the table or the rows, whichever is smaller.
local function drop(weight, ids, p)
  local ones <close> = core.ones({#weight, 1}, weight.dtype)
  local mask = op.dropout(ones, p)
  if #weight <= #op.reshape(ids, {-1}) then
    return op.embedding(weight * mask, ids)
  end
  return op.embedding(weight, ids) * op.embedding(mask, ids)
end

return layer.class {
  name = "Embedding",
  sizes = {"num_embeddings", "embedding_dim"},
  options = {dropout = 0.0, freeze = false},
  check = function(_, options)
    if not (options.dropout >= 0 and options.dropout <= 1) then
      return ("'dropout' must be from 0 to 1, got %s"):format(options.dropout)
    end
  end,
  shapes = function(sizes, options)
    return {{"weight", {sizes[1], sizes[2]}, options.freeze and 0 or nil}}
  end,
  init = function(self) core.fill_normal(self.weight, 0, 1) end,
  call = function(self, ids)
    local p = self.config.options.dropout
    if p > 0 and core.taped() then return drop(self.weight, ids, p) end
    return op.embedding(self.weight, ids)
  end,
}
