---rnn.SampledSoftmax(input_size, V, {samples = 64, bias = true}): a Linear
---layer over a large vocabulary that is trained on a sample of it (Bengio and
---Senecal 2008; Jean et al. 2015). Ids are to be ordered by falling frequency:
---samples are drawn log-uniformly, without repetition, until there are enough,
---each id with
---    P(id) = log(1 + 1/id) / log(V + 1),   Q(id) = 1 - (1 - P(id))^draws
---the expected number of times that it is drawn. The loss is that of softmax
---over the id itself and the samples S, by scores without what drawing adds:
---    s_v = x w_v + b_v - log Q(v)
---    loss = -s_id + log (e^s_id + sum of e^s_v over v in S, v ~= id)
---so that only the rows of w and b that were drawn or are meant have gradients.
---
---    local out = rnn.SampledSoftmax(64, 10000, {samples = 500})
---    local h, ids = rnn.randn {5, 2, 64}, rnn.zeros({5, 2}, "int32"):fill(7)
---    local loss = out:loss(h, ids)                     -- to train
---    local exact = rnn.cross_entropy(out(h), ids)      -- all 10000
local core = require "rnn.core"
local flat = require "rnn.flat"
local layer = require "rnn.layer"

---@class rnn.SampledSoftmax
---@field weight rnn.Tensor (V,D)
---@field bias rnn.Tensor|nil (V)
---@overload fun(x: rnn.Tensor): rnn.Tensor all scores: x (...,D) -> (...,V)

local SampledSoftmax = layer.class {
  name = "SampledSoftmax",
  sizes = {"input_size", "num_classes"},
  options = {samples = 64, bias = true},
  shapes = function(sizes, options)
    return {{"weight", {sizes[2], sizes[1]}},
            options.bias and {"bias", {sizes[2]}} or nil}
  end,
  check = function(sizes, options)
    local n = options.samples
    if math.type(n) ~= "integer" or n < 1 or n > sizes[2] then
      return ("'samples' must be an integer from 1 to %d, got %s"):format(
             sizes[2], n)
    end
  end,
  init = function(self, sizes)
    layer.uniform(self, sizes[1] > 0 and 1 / math.sqrt(sizes[1]) or 0)
  end,
  call = function(self, x)
    return core.op.linear(x, self.weight, self.bias)
  end,
}

---Different ids drawn log-uniformly from 1 .. V with rnn's generator.
---@return integer[] ids in the order drawn
---@return integer draws it took
local function draw(V, samples)
  local ids, seen, draws = {}, {}, 0
  while #ids < samples do
    draws = draws + 1
    local id = math.min(V, math.floor((V + 1) ^ core.random()))
    if not seen[id] then
      seen[id] = true
      ids[#ids + 1] = id
    end
  end
  return ids, draws
end

---log Q of each id of a list, as a tensor (M).
local function log_expected(ids, draws, V, dtype)
  local t = core.zeros({#ids}, dtype)
  for i, id in ipairs(ids) do
    local p = math.log(1 + 1 / id) / math.log(V + 1)
    core.set(t, i, math.log(1 - (1 - p) ^ draws))
  end
  return t
end

---Marks where a sample is the id itself: (M,samples), or nil.
local function hits(ids, sample)
  local column, mask = {}, nil
  for j, id in ipairs(sample) do column[id] = j end
  for i, id in ipairs(ids) do
    if column[id] then
      mask = mask or core.zeros {#ids, #sample}
      core.set(mask, (i - 1) * #sample + column[id], 1)
    end
  end
  return mask
end

---Scores (M) of one id for each row.
local function own_scores(self, rows, ids)
  local s = (rows * self.weight:embedding(ids)):sum(2)
  return self.bias and s + self.bias:gather(ids, 1) or s
end

---Scores (M,samples) of all samples for each row.
local function sample_scores(self, rows, sample)
  local ids = core.ids(sample)
  return core.op.linear(rows, self.weight:embedding(ids),
                        self.bias and self.bias:gather(ids, 1))
end

---The sampled loss, for training; samples are the same for all positions.
---@param x rnn.Tensor (..., D)
---@param ids rnn.Tensor (...) int32
---@param opts? {ignore: integer, reduction: rnn.Reduction}
---@return rnn.Tensor loss
function SampledSoftmax:loss(x, ids, opts)
  local o = opts or {}
  local V = self.config.sizes[2]
  local rows, list = flat.positions("SampledSoftmax", x, ids, V, o.ignore)
  local sample, draws = draw(V, self.config.options.samples)
  local first = {}   -- the id itself comes first, where it counts
  for i, id in ipairs(list) do
    first[i] = id > 0 and 1 or 0
    list[i] = math.max(id, 1)
  end
  local own = own_scores(self, rows, flat.ids(list)) -
              log_expected(list, draws, V, x.dtype)
  local others = sample_scores(self, rows, sample) -
                 log_expected(sample, draws, V, x.dtype)
  local mask = hits(list, sample)
  if mask then others = others:masked_fill(mask, -math.huge) end
  local scores = core.op.cat({own:reshape {#list, 1}, others}, 2)
  local loss = scores:cross_entropy(flat.ids(first),
                                    {ignore = 0, reduction = o.reduction})
  return o.reduction == "none" and loss:reshape(ids:shape()) or loss
end

return SampledSoftmax
