---The model kind "seriesclassifier": a label for a series of numbers in one
---channel or more.
---
---    values (T,N,C) -> scaled, 0 where missing ---.
---    1 where missing, if any are in training --> conv, relu (T',N,D)
---                       -> rnn -> pool (N,F) -> drop -> out (N,K) logits
---
---`conv` is a list of convolutions with relu behind each, and may be empty. A
---pool gets the states of rnn and what rnn read, side by side; without one a
---series is the last state of either direction. Values are scaled by mean and
---standard deviation of each channel: over all series that are learnt from, or
---within each.
local core = require "rnn.core"
local data = require "rnn.data"
local inbatches = require "rnn.models.inbatches"
local json = require "rnn.json"
local map = require "rnn.map"
local model = require "rnn.model"
local new_layer = require("rnn.layer").named
local pooled = require "rnn.models.pooled"

local op = core.op
local seriesclassifier = {KIND = "seriesclassifier"}

local KNOWN = {}   -- the key of what is known, which no walk visits

---@class rnn.SeriesKnown: rnn.LabelKnown
---@field channels string[] their names
---@field scale "channel"|"series"|"none"
---@field means number[] of each channel; scale channel
---@field deviations number[] likewise, above 0
---@field missing boolean whether the network is told which values are missing

---@class rnn.SeriesClassifier
---@field conv rnn.Conv1d[]
---@field rnn rnn.LSTM|rnn.GRU|rnn.RNN
---@field pool rnn.Pool|rnn.AttentionPool|nil
---@field drop rnn.Dropout|nil
---@field out rnn.Linear|rnn.MLP
local SeriesClassifier = {}

local META = {__index = SeriesClassifier, __name = "rnn.SeriesClassifier"}

-- {== What is known of values and labels ==

local SCALES = {channel = true, series = true, none = true}

---How many values of x are there, and how many are missing.
local function count_missing(x)
  local s = core.stats(x)
  return s.count, s.count - s.finite
end

---Sums over the channels of series: values, squares, and how many there are.
local function sums_of(series, C)
  local sums = {}
  for c = 1, C do sums[c] = {n = 0, sum = 0.0, squares = 0.0} end
  for _, one in ipairs(series) do
    local rows = one.values:transpose(1, 2)
    for c, s in ipairs(sums) do
      local stats = core.stats(rows[c])
      s.n = s.n + stats.finite
      s.sum = s.sum + (stats.mean or 0) * stats.finite
      s.squares = s.squares + (stats.norm or 0) ^ 2
    end
  end
  return sums
end

---Means and standard deviations of C channels; 1 for those that do not change.
local function moments(series, C)
  local means, deviations = {}, {}
  for c, s in ipairs(sums_of(series, C)) do
    local n = math.max(1, s.n)
    local mean = s.sum / n
    local variance = s.squares / n - mean * mean
    local changes = variance > 1e-12 * mean * mean   -- more than rounding
    means[c], deviations[c] = mean, changes and math.sqrt(variance) or 1.0
  end
  return means, deviations
end

---What keeps a model from taking series.
---@param known {channels: string[]}
---@param series rnn.Series[]
---@return string|nil
function seriesclassifier.unfit(known, series)
  local expected = table.concat(known.channels, ", ")
  for _, one in ipairs(series) do
    local got = table.concat(one.channels, ", ")
    if got ~= expected then
      return ("the series in line %d has the channels %s; expected %s"):format(
             one.line, got, expected)
    end
  end
end

---What keeps series from being learnt from.
local function unlabelled(series)
  for _, one in ipairs(series) do
    if not one.label then
      return ("the series in line %d has no label"):format(one.line)
    end
  end
end

---Learns scales and labels of series.
---@param series rnn.Series[]
---@param o {scale: string, balance: string, label_smoothing: number}
---@return rnn.SeriesKnown|nil
---@return string[]|string notes, or the message
function seriesclassifier.learn(series, o)
  local known = {channels = series[1].channels, scale = o.scale,
                 smoothing = o.label_smoothing, means = {}, deviations = {},
                 weighted = o.balance == "weights"}
  local wrong = seriesclassifier.unfit(known, series) or unlabelled(series)
  if wrong then return nil, wrong end
  local notes, all, missing = {}, 0, 0
  for _, one in ipairs(series) do
    local count, without = count_missing(one.values)
    all, missing = all + count, missing + without
  end
  known.missing = missing > 0
  if known.missing then
    notes[1] = ("%d of %d values are missing"):format(missing, all)
  end
  known.labels, notes[#notes + 1] = data.labels(series, "label")
  known.counts = pooled.counts(known.labels, series)
  if o.scale == "channel" then
    known.means, known.deviations = moments(series, #known.channels)
  end
  return known, notes
end

seriesclassifier.unseen = pooled.unseen

local FIELDS = {channels = "table", scale = "string", means = "table",
                deviations = "table", missing = "boolean", counts = "table",
                weighted = "boolean", smoothing = "number"}

---What a model file says of a classifier of series, beside its layers.
---@param known rnn.SeriesKnown
---@return table<string, any> meta for rnn.save
function seriesclassifier.describe(known)
  local own = {}
  for name in pairs(FIELDS) do own[name] = known[name] end
  return {["rnnlua.kind"] = seriesclassifier.KIND, labels = known.labels,
          seriesclassifier = json.encode(own)}
end

---Is a list of so many finite numbers, which are above 'least'?
local function are_numbers(list, count, least)
  for _, x in ipairs(list) do
    if not math.type(x) or not (x > least and x < math.huge) then
      return false
    end
  end
  return #list == count
end

---Does a description, which is not trusted, make sense?
local function is_sound(o)
  for name, kind in pairs(FIELDS) do
    if type(o) ~= "table" or type(o[name]) ~= kind then return false end
  end
  for _, name in ipairs(o.channels) do
    if type(name) ~= "string" then return false end
  end
  local scaled = o.scale == "channel" and #o.channels or 0
  return #o.channels > 0 and SCALES[o.scale] and pooled.is_sound(o) and
         are_numbers(o.means, scaled, -math.huge) and
         are_numbers(o.deviations, scaled, 0)
end

---What seriesclassifier.describe described; nothing in it is trusted.
---@param meta table<string, string>
---@return rnn.SeriesKnown|nil
---@return string? message
function seriesclassifier.recall(meta)
  local kind = meta["rnnlua.kind"]
  if kind ~= seriesclassifier.KIND then
    return nil, ("is not a classifier of series: its kind is '%s'"):format(
                kind or "unknown")
  end
  local known = json.decode(meta.seriesclassifier or "null")
  if not is_sound(known) then return nil, "its description is damaged" end
  local wrong
  known.labels, wrong = data.labels_from(meta.labels or "")
  if not known.labels then return nil, wrong end
  if #known.counts ~= #known.labels then
    return nil, "its description is damaged"
  end
  return known
end

-- }==

-- {== Layers ==

---@class rnn.SeriesClassifierConfig: rnn.PooledConfig
---@field conv integer filters of each convolution; 0: there is none
---@field conv_layers integer
---@field kernel integer odd, steps that a filter sees
---@field stride integer of the first convolution

---Numbers of a step that the network gets.
local function width_of(known)
  return (known.missing and 2 or 1) * #known.channels
end

---A new classifier of series.
---@param known rnn.SeriesKnown
---@param o rnn.SeriesClassifierConfig
---@return rnn.SeriesClassifier
function seriesclassifier.build(known, o)
  local m, D = {conv = {}}, width_of(known)
  for i = 1, o.conv > 0 and o.conv_layers or 0 do
    m.conv[i] = new_layer("Conv1d", D, o.conv, o.kernel, {
      padding = o.kernel // 2, stride = i == 1 and o.stride or 1})
    D = o.conv
  end
  local F
  m.rnn, m.pool, F = pooled.reader(D, o)
  m.out = pooled.head(F, #known.labels, o)
  if o.dropout > 0 then
    m.drop = new_layer("Dropout", {p = o.dropout})
  end
  m[KNOWN] = known
  return setmetatable(m, META)
end

---How many numbers the convolutions of a file make of D; nil when they do not
---fit.
local function convolved(m, D)
  if m.conv == nil then return D end
  for _, conv in ipairs(m.conv) do
    local own = pooled.sizes(conv, "Conv1d")
    local options = own and conv.config.options
    if not own or own[1] ~= D or own[3] % 2 == 0 or options.causal or
       options.padding ~= own[3] // 2 or options.dilation ~= 1 then
      return nil
    end
    D = own[2]
  end
  return D
end

---What keeps the layers of a file from being those of a classifier of series.
local function fault(m, known)
  local D = convolved(m, width_of(known))
  local F = D and pooled.reads(m.rnn, m.pool, D)
  local out = pooled.sizes(m.out, "Linear", "MLP")
  local fits = F and out and out[1] == F and out[#out] == #known.labels
  fits = fits and (m.drop == nil or pooled.sizes(m.drop, "Dropout"))
  return not fits and "its layers do not fit its channels and labels" or nil
end

---Rebuilds a classifier of series from its file.
---@param path string
---@return rnn.SeriesClassifier|nil
---@return table<string, string>|string meta or the message "path: reason"
---@return string? code "EIO" or "EFORMAT"
function seriesclassifier.load(path)
  local m, known, meta = model.load_kind(path, seriesclassifier.recall, fault)
  if not m then return nil, known, meta end
  m[KNOWN] = known
  return setmetatable(m, META), meta
end

---@return rnn.SeriesKnown
function SeriesClassifier:known() return self[KNOWN] end

-- }==

-- {== Series as numbers ==

---1 where a value of x (T,C) is missing, else 0; nil when none is.
local function mask_of(x)
  local _, missing = count_missing(x)
  if missing == 0 then return nil end
  return core.tensor(map(x:totable(), function(row)
    return map(row, function(v) return v == v and 0 or 1 end)
  end), "float64")
end

---Values (T,C) as the network takes them (T,D).
local function prepared(one, known)
  local x, C = one.values:to "float64", #known.channels
  local mask, means, deviations = mask_of(x), known.means, known.deviations
  if known.scale == "series" then means, deviations = moments({one}, C) end
  if known.scale ~= "none" then
    x = (x - core.tensor(means, "float64")) /
        core.tensor(deviations, "float64")
  end
  if mask then x = op.masked_fill(x, mask, 0) end
  if known.missing then
    x = op.cat(x, mask or core.zeros(x:shape(), "float64"), 2)
  end
  return x
end

---Series made ready.
---@param series rnn.Series[] with the channels that are known
---@return table[] items with `x`, `size`, and `gold` where the label is known
function SeriesClassifier:encode(series)
  local known, dtype = self[KNOWN], self.rnn.weight_ih_l0.dtype
  return map(series, function(one)
    local label = one.label and known.labels:id(one.label) or 0
    return {x = prepared(one, known):to(dtype), size = #one.values,
            label = label, gold = label > 0}
  end)
end

---Items side by side (T,N,D), 0 behind the end of each, and their lengths.
local function gather(items)
  local lengths, T = {}, 0
  for n, item in ipairs(items) do
    lengths[n], T = item.size, math.max(T, item.size)
  end
  return op.stack(map(items, function(item)
    local x, shape = item.x, item.x:shape()
    if shape[1] == T then return x end
    return op.cat(x, core.zeros({T - shape[1], shape[2]}, x.dtype), 1)
  end), 2), lengths
end

---Logits (N,K) of items.
local function scores(self, items)
  local x, lengths = gather(items)
  for _, conv in ipairs(self.conv or {}) do
    x, lengths = conv(x, lengths)
    x = x:relu()
  end
  local y = pooled.summarise(self.rnn, self.pool, x, lengths)
  return self.out(self.drop and self.drop(y) or y)
end

-- }==

---What training makes small.
---@param items table[] from encode, all gold
---@return rnn.Tensor loss nats per series
---@return integer series
function SeriesClassifier:loss(items)
  return pooled.loss(self[KNOWN], scores(self, items), items)
end

---The likeliest labels of items.
---@param items table[] from encode
---@return string[] labels
---@return number loss nats of the labels that are known, summed
---@return integer count of these
function SeriesClassifier:predict(items)
  return pooled.predict(self[KNOWN], scores(self, items), items)
end

---Classifies series.
---@param series rnn.Series[] with the channels that are known
---@param batch? integer series at once; default 32
---@return {label: string, probabilities: number[]}[] the likeliest, and those
---of each label, in the order of known().labels
function SeriesClassifier:classify(series, batch)
  return inbatches.each(self:encode(series), batch or 32, function(part)
    return map(scores(self, part):softmax(2):totable(), function(p)
      return {label = pooled.likeliest(self[KNOWN], p), probabilities = p}
    end)
  end)
end

return seriesclassifier
