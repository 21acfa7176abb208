---Naive Bayes of words and pairs of words, as features for a network that reads
---the text (Wang and Manning 2012 have them for an SVM): for each label k
---
---    b_k  = sum over the n different grams g of a text of r_gk / sqrt(n)
---    r_gk = log p(g|k) - the mean of log p(g|l) over labels l
---
---p(g|k) counts the texts of label k that have g, and one more. What it says of
---texts it has counted is far too sure: those to train on get the features from
---counts of the other texts (bayes.mark).
local core = require "rnn.core"
local data = require "rnn.data"

local op = core.op
local bayes = {}

local FOLDS = 8

---The different grams of a text: its tokens, and its tokens side by side.
---@param tokens string[]
---@return string[]
function bayes.grams(tokens)
  local list, seen = {}, {}
  local function add(gram)
    if not seen[gram] then list[#list + 1] = gram end
    seen[gram] = true
  end
  for i, token in ipairs(tokens) do
    add(token)
    if tokens[i + 1] then add(token .. " " .. tokens[i + 1]) end
  end
  return list
end

---Counts of grams by label: counts[k][gram], and of all grams of a label.
local function count(texts, keep, labels)
  local counts, totals = {}, {}
  for k = 1, #labels do counts[k], totals[k] = {}, 0 end
  for i, one in ipairs(texts) do
    local k = keep(i) and labels.ids[one.label]
    for _, gram in ipairs(k and one.grams or {}) do
      counts[k][gram] = (counts[k][gram] or 0) + 1
      totals[k] = totals[k] + 1
    end
  end
  return counts, totals
end

---r of a gram for each label.
local function ratios(gram, counts, totals, different)
  local list, mean = {}, 0.0
  for k, of_label in ipairs(counts) do
    list[k] = math.log(((of_label[gram] or 0) + 1) / (totals[k] + different))
    mean = mean + list[k] / #counts
  end
  for k, x in ipairs(list) do list[k] = x - mean end
  return list
end

local function different(counts)
  local seen, n = {}, 0
  for _, of_label in ipairs(counts) do
    for gram in pairs(of_label) do
      if not seen[gram] then n = n + 1 end
      seen[gram] = true
    end
  end
  return n
end

---@param texts {grams: string[], label: string}[]
---@param labels rnn.Labels
---@return rnn.Labels|nil grams
---@return rnn.Tensor|string table (G,K) of r, or the message
function bayes.learn(texts, labels)
  local grams, wrong = data.vocabulary(texts, "grams")
  if not grams then return nil, wrong end
  local counts, totals = count(texts, function() return true end, labels)
  local n, rows = different(counts), {}
  for i, gram in ipairs(grams.names) do
    rows[i] = ratios(gram, counts, totals, n)
  end
  for k = 1, #labels do rows[1][k] = 0.0 end   -- <unk>
  return grams, core.tensor(rows)
end

---b of texts that are not counted here.
local function features(one, counts, totals, n)
  local sum = {}
  for k = 1, #counts do sum[k] = 0.0 end
  for _, gram in ipairs(one.grams) do
    for k, r in ipairs(ratios(gram, counts, totals, n)) do
      sum[k] = sum[k] + r
    end
  end
  for k, x in ipairs(sum) do sum[k] = x / math.sqrt(#one.grams) end
  return sum
end

---Gives texts to train on the field `bayes`, b by label.
---@param texts {grams: string[], label: string}[]
function bayes.mark(texts)
  local labels = data.labels(texts, "label")
  for fold = 0, FOLDS - 1 do
    local counts, totals = count(texts, function(i)
      return i % FOLDS ~= fold
    end, labels)
    local n = different(counts)
    for i, one in ipairs(texts) do
      if i % FOLDS == fold then
        one.bayes = {}
        for k, x in ipairs(features(one, counts, totals, n)) do
          one.bayes[labels.names[k]] = x
        end
      end
    end
  end
end

---b of texts as ids of grams.
---@param embed rnn.Embedding the table
---@param items {grams: integer[], bayes: number[]?}[] N; `bayes` is b itself
---@return rnn.Tensor (N,K)
function bayes.features(embed, items)
  local ids, norms, given = {}, {}, {}
  local K = embed.weight:shape()[2]
  for n, item in ipairs(items) do
    local own = item.bayes
    ids[n] = own and {1} or item.grams   -- the row of id 1 is 0
    norms[n], given[n] = {1 / math.sqrt(#item.grams)}, {}
    for k = 1, K do given[n][k] = own and own[k] or 0.0 end
  end
  local dtype = embed.weight.dtype
  local sum = op.sum(embed((data.padded(ids, {pad = 1}))), 1)
  return sum * core.tensor(norms, dtype) + core.tensor(given, dtype)
end

return bayes
