---What the kinds "classifier" and "seriesclassifier" share: steps that a
---recurrent network reads in both directions and a pool makes one vector, and a
---label by such a vector.
local core = require "rnn.core"
local lengths_of = require "rnn.lengths"
local map = require "rnn.map"
local new_layer = require("rnn.layer").named

local op = core.op
local pooled = {}

-- {== Steps as one vector ==

local CELLS = {lstm = "LSTM", gru = "GRU", rnn = "RNN"}

---@class rnn.PooledConfig
---@field cell "lstm"|"gru"|"rnn"
---@field hidden integer units in each direction
---@field layers integer
---@field pool "last"|"mean"|"max"|"attention"
---@field head integer units between the vector and the scores; 0 without
---@field dropout number of inputs, between layers and of vectors, one mask for
---all steps
---@field weight_drop number
---@field precision "full"|"bf16"

---A network that reads vectors of D numbers, its pool, and how many numbers
---come of them. A pool gets the states and what the network read, side by side;
---without one the vector is the last state of either direction.
---@param D integer
---@param o rnn.PooledConfig
---@return rnn.LSTM|rnn.GRU|rnn.RNN net
---@return rnn.Pool|rnn.AttentionPool|nil pool
---@return integer F
function pooled.reader(D, o)
  local net = new_layer(CELLS[o.cell], D, o.hidden, {
    num_layers = o.layers, bidirectional = true, locked_dropout = o.dropout,
    weight_drop = o.weight_drop, precision = o.precision})
  local F = 2 * o.hidden
  if o.pool == "last" then return net, nil, F end
  F = F + D
  return net, o.pool == "attention" and new_layer("AttentionPool", F) or
              new_layer("Pool", o.pool), F
end

---The layer that scores K labels by a vector of F numbers.
---@param F integer
---@param K integer
---@param o rnn.PooledConfig
---@return rnn.Linear|rnn.MLP
function pooled.head(F, K, o)
  if o.head > 0 then
    return new_layer("MLP", {F, o.head, K}, {dropout = o.dropout})
  end
  return new_layer("Linear", F, K)
end

---The sizes of a layer of a file if it is of one of the classes, else nil.
---@param value any
---@param ... string names of classes
---@return integer[]|nil
function pooled.sizes(value, ...)
  local config = type(value) == "table" and value.config
  for _, name in ipairs {...} do
    if config and config.class == name then return config.sizes end
  end
end

local sizes = pooled.sizes

---Does a network of a file read vectors of D numbers in both directions, for a
---pool?
---@param net any
---@param pool any
---@param D integer
---@return integer|nil F how many numbers it gives; nil: it does not
function pooled.reads(net, pool, D)
  local own = sizes(net, "LSTM", "GRU", "RNN")
  local options = own and net.config.options
  if not own or own[1] ~= D or not options.bidirectional or
     options.batch_first or (options.proj_size or 0) > 0 then
    return nil
  end
  local F = 2 * own[2] + (pool and D or 0)
  local fits = pool == nil or sizes(pool, "Pool") or
               (sizes(pool, "AttentionPool") or {})[1] == F
  return fits and F or nil
end

---How much each step gave to the maxima of h (T,N,F), as lists by row.
local function shares(h, lengths)
  local beyond = lengths_of.beyond(lengths, #h, h.dtype)
  local rows = op.masked_fill(h, beyond, -math.huge):argmax(1):totable()
  for n, chosen in ipairs(rows) do
    local share = {}
    for t = 1, lengths[n] do share[t] = 0.0 end
    for _, t in ipairs(chosen) do share[t] = share[t] + 1 / #chosen end
    rows[n] = share
  end
  return rows
end

---Vectors (N,F) of rows x (T,N,D).
---@param net rnn.LSTM|rnn.GRU|rnn.RNN
---@param pool rnn.Pool|rnn.AttentionPool|nil
---@param x rnn.Tensor
---@param lengths integer[]
---@param want? boolean whether to tell how much each step gave to them, which a
---pool of attention or of maxima knows
---@return rnn.Tensor
---@return number[][]? weights by row, 1 in all
function pooled.summarise(net, pool, x, lengths, want)
  local h, state = net(x, nil, lengths)
  if not pool then
    local last = #state.h
    return op.cat(state.h:select(1, last - 1), state.h:select(1, last), 2)
  end
  h = op.cat(h, x, 3)
  local y, weights = pool(h, lengths)
  if not want then return y end
  return y, weights and weights:totable() or shares(h, lengths)
end

-- }==

-- {== A label by a vector ==

---@class rnn.LabelKnown
---@field labels rnn.Labels
---@field counts integer[] examples of each label
---@field weighted boolean whether labels count in the loss by how rare they are
---@field smoothing number of labels

---@param labels rnn.Labels
---@param examples {label: string}[]
---@return integer[] counts of each label
function pooled.counts(labels, examples)
  local counts = {}
  for i = 1, #labels do counts[i] = 0 end
  for _, one in ipairs(examples) do
    local id = labels:id(one.label)
    counts[id] = counts[id] + 1
  end
  return counts
end

---Are counts and smoothing of a description, which is not trusted, such as are
---learnt?
---@param o {counts: table, smoothing: number}
---@return boolean
function pooled.is_sound(o)
  for _, count in ipairs(o.counts) do
    if math.type(count) ~= "integer" or count < 1 then return false end
  end
  return o.smoothing >= 0 and o.smoothing < 1
end

---What people should know of labels that were not learnt.
---@param known rnn.LabelKnown
---@param examples {label: string}[]
---@return string|nil
function pooled.unseen(known, examples)
  local report = known.labels:unseen(examples, "label")
  return report and report .. "; guesses for them count as wrong"
end

---Weights of labels, 1 on average over the examples that were learnt from.
local function weights_of(known, dtype)
  if not known.weighted then return nil end
  local total = 0
  for _, n in ipairs(known.counts) do total = total + n end
  return core.tensor(map(known.counts, function(n)
    return total / (#known.counts * n)
  end), dtype)
end

local function labels_of(items)
  return core.ids(map(items, function(item) return item.label end))
end

---What training makes small, of logits y (N,K).
---@param known rnn.LabelKnown
---@param y rnn.Tensor
---@param items {label: integer}[]
---@return rnn.Tensor loss nats per example
---@return integer examples
function pooled.loss(known, y, items)
  return op.cross_entropy(y, labels_of(items), {
    weight = weights_of(known, y.dtype), label_smoothing = known.smoothing,
  }), #items
end

---The likeliest labels by logits y (N,K).
---@param known rnn.LabelKnown
---@param y rnn.Tensor
---@param items {label: integer, gold: boolean}[] 0 for a label not known
---@return string[] labels
---@return number loss nats of the labels that are known, summed
---@return integer count of these
function pooled.predict(known, y, items)
  local count = 0
  for _, item in ipairs(items) do count = count + (item.gold and 1 or 0) end
  local loss = op.cross_entropy(y, labels_of(items), {ignore = 0,
                                                      reduction = "sum"})
  return known.labels:decode(y:argmax(2):totable()), loss:item(), count
end

---The likeliest label by its probabilities.
---@param known rnn.LabelKnown
---@param p number[]
---@return string
function pooled.likeliest(known, p)
  local best = 1
  for k, x in ipairs(p) do if x > p[best] then best = k end end
  return known.labels.names[best]
end

---The examples of an epoch: with balance "sample" those of rare labels are
---repeated, until each label has as many as the most frequent.
---@generic T: {label: any}
---@param items T[]
---@param o {balance: string}
---@return T[]
function pooled.draw(items, o)
  if o.balance ~= "sample" then return items end
  local by_label, most, all = {}, 0, {}
  for _, item in ipairs(items) do
    local list = by_label[item.label] or {}
    by_label[item.label] = list
    list[#list + 1] = item
    most = math.max(most, #list)
  end
  for _, item in ipairs(items) do
    local list = by_label[item.label]
    list.at = (list.at or 0) + 1
    for _ = list.at, most, #list do all[#all + 1] = item end
  end
  return all
end

-- }==

return pooled
