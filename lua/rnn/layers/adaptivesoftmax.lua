---rnn.AdaptiveSoftmax(input_size, V, {cutoffs = {...}}): softmax over a large
---vocabulary whose ids are ordered by falling frequency (Grave et al. 2017), as
---torch.nn.AdaptiveLogSoftmaxWithLoss. The head scores the frequent ids, up to
---the first cutoff, and one cluster for each range of ids up to the next; a
---cluster's ids are scored only where it is meant, through fewer units:
---    p(id) = p_head(id)                          in the head
---    p(id) = p_head(cluster) p_cluster(id)       elsewhere
---
---    local out = rnn.AdaptiveSoftmax(64, 1000, {cutoffs = {100, 400}})
---    local h, ids = rnn.randn {5, 2, 64}, rnn.zeros({5, 2}, "int32"):fill(7)
---    local loss = out:loss(h, ids)        -- to train, no 1000 columns
---    local log_p = out:log_prob(h)        -- (5,2,1000)
---    local best = out:predict(h)          -- (5,2)
---
---Cluster i has input_size // div_value^i units. Initial values as in Linear.
local core = require "rnn.core"
local flat = require "rnn.flat"
local layer = require "rnn.layer"

---Parameters have PyTorch's names: ["head.weight"] (head, D) with ids of the
---head, then clusters; ["tail.0.0.weight"] (units, D), ["tail.0.1.weight"]
---(ids, units), and so on for each cluster.
---@class rnn.AdaptiveSoftmax
---Call: as log_prob.

---The first and last id of cluster i, from 1; of the head, i = 0.
local function range(sizes, options, i)
  local cutoffs = options.cutoffs
  return i == 0 and 1 or cutoffs[i] + 1, cutoffs[i + 1] or sizes[2]
end

local function units(sizes, options, i)
  return math.tointeger(sizes[1] // options.div_value ^ i)
end

local function check(sizes, options)
  local before = 0
  for i, cutoff in ipairs(options.cutoffs) do
    if math.type(cutoff) ~= "integer" or cutoff <= before or
       cutoff >= sizes[2] then
      return ("'cutoffs' must be increasing ids below %d, got %s at %d"):format(
             sizes[2], cutoff, i)
    end
    before = cutoff
  end
  if before == 0 then return "'cutoffs' must have an id or more" end
  if not (options.div_value > 0 and options.div_value < math.huge) then
    return ("'div_value' must be above 0, got %s"):format(options.div_value)
  end
  for i = 1, #options.cutoffs do
    local n = units(sizes, options, i)
    if not n or n < 1 or n > 0x7fffffff then
      return ("'div_value' %g leaves cluster %d of %d units %s"):format(
             options.div_value, i, sizes[1], n or "too many")
    end
  end
end

local function shapes(sizes, options)
  local clusters = #options.cutoffs
  local _, short = range(sizes, options, 0)
  local list = {{"head.weight", {short + clusters, sizes[1]}}}
  if options.head_bias then
    list[2] = {"head.bias", {short + clusters}}
  end
  for i = 1, clusters do
    local first, last = range(sizes, options, i)
    local n, name = units(sizes, options, i), ("tail.%d."):format(i - 1)
    list[#list + 1] = {name .. "0.weight", {n, sizes[1]}}
    list[#list + 1] = {name .. "1.weight", {last - first + 1, n}}
  end
  return list
end

local function init(self, sizes, options)
  for _, p in ipairs(shapes(sizes, options)) do
    local fan_in = p[2][2] or sizes[1]
    local bound = fan_in > 0 and 1 / math.sqrt(fan_in) or 0
    core.fill_uniform(self[p[1]], -bound, bound)
  end
end

local AdaptiveSoftmax = layer.class {
  name = "AdaptiveSoftmax",
  sizes = {"input_size", "num_classes"},
  options = {cutoffs = {}, div_value = 4.0, head_bias = false},
  shapes = shapes, check = check, init = init,
  call = function(self, x) return self:log_prob(x) end,
}

local function head_scores(self, rows)
  return core.op.linear(rows, self["head.weight"], self["head.bias"])
end

local function cluster_scores(self, i, rows)
  local name = ("tail.%d."):format(i - 1)
  return rows:linear(self[name .. "0.weight"])
             :linear(self[name .. "1.weight"])
end

---Where M ids go: `head`, what the head is to say; `clusters`, for each its
---`rows` and their `ids` within it; `place`, where a row's part by its cluster
---is in a list of all these parts, after a first that is 0.
local function assign(self, list)
  local config = self.config
  local cutoffs = config.options.cutoffs
  local plan = {head = {}, clusters = {}, place = {}}
  for i = 1, #cutoffs do plan.clusters[i] = {rows = {}, ids = {}} end
  for row, id in ipairs(list) do
    local i = #cutoffs
    while i > 0 and id <= cutoffs[i] do i = i - 1 end
    local mine = plan.clusters[i]
    plan.head[row] = mine and cutoffs[1] + i or id
    if mine then
      mine.rows[#mine.rows + 1] = row
      mine.ids[#mine.ids + 1] = id - cutoffs[i]
    end
  end
  local at = 1
  for row = 1, #list do plan.place[row] = 1 end
  for _, cluster in ipairs(plan.clusters) do
    for _, row in ipairs(cluster.rows) do
      at = at + 1
      plan.place[row] = at
    end
  end
  return plan
end

local EACH = {ignore = 0, reduction = "none"}

---Negative log-probability of the ids, in nats.
---@param x rnn.Tensor (..., D)
---@param ids rnn.Tensor (...) int32
---@param opts? {ignore: integer, reduction: rnn.Reduction}
---@return rnn.Tensor loss
function AdaptiveSoftmax:loss(x, ids, opts)
  local o = opts or {}
  local rows, list, counted = flat.positions("AdaptiveSoftmax", x, ids,
                                             self.config.sizes[2], o.ignore)
  local plan = assign(self, list)
  local loss = head_scores(self, rows):cross_entropy(flat.ids(plan.head), EACH)
  local parts = {core.zeros({1}, x.dtype)}
  for i, mine in ipairs(plan.clusters) do
    if #mine.rows > 0 then
      local scores = cluster_scores(self, i,
                                    rows:embedding(core.ids(mine.rows)))
      parts[#parts + 1] = scores:cross_entropy(core.ids(mine.ids), EACH)
    end
  end
  loss = loss + core.op.cat(parts):gather(flat.ids(plan.place), 1)
  if o.reduction == "none" then return loss:reshape(ids:shape()) end
  if o.reduction == "sum" then return loss:sum() end
  return loss:sum() * (counted > 0 and 1 / counted or 0)
end

---Logarithms of the probabilities of all ids.
---@param x rnn.Tensor (..., D)
---@return rnn.Tensor log_prob (..., V)
function AdaptiveSoftmax:log_prob(x)
  local rows, shape = flat.rows(x)
  local sizes, options = self.config.sizes, self.config.options
  local short = options.cutoffs[1]
  local head = head_scores(self, rows):log_softmax()
  local parts = {head:slice(2, 1, short)}
  for i = 1, #options.cutoffs do
    parts[i + 1] = cluster_scores(self, i, rows):log_softmax() +
                   head:slice(2, short + i, short + i)
  end
  shape[#shape + 1] = sizes[2]
  return core.op.cat(parts, 2):reshape(shape)
end

---The likeliest ids: as log_prob(x):argmax(-1), which is only made where the
---head says a cluster.
---@param x rnn.Tensor (..., D)
---@return rnn.Tensor ids (...) int32
function AdaptiveSoftmax:predict(x)
  local rows, shape = flat.rows(x)
  local short = self.config.options.cutoffs[1]
  local list = head_scores(self, rows):argmax(-1):totable()
  local open = {}
  for row, id in ipairs(list) do
    if id > short then open[#open + 1] = row end
  end
  if #open > 0 then
    local some = rows:embedding(core.ids(open))
    for i, id in ipairs(self:log_prob(some):argmax(-1):totable()) do
      list[open[i]] = id
    end
  end
  return flat.ids(list):reshape(shape)
end

return AdaptiveSoftmax
