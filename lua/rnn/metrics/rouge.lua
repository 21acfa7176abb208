---ROUGE-1, ROUGE-2 and ROUGE-L (Lin 2004) of summaries: precision, recall and
---F1 of the words, of the pairs of words, and of the longest common subsequence
---of words; means over items. Numbers are those of Google's rouge-score without
---stemming, which is for English alone and not offered.
---
---Tokens: "words" are runs of ASCII letters and digits in lower case, as there;
---"char" takes each code point but white space, for Chinese; "none" splits at
---white space. ROUGE-L takes n m comparisons and m numbers of memory: 60 ms for
---1000 by 1000 tokens.
local check = require "rnn.check"
local input = require "rnn.metrics.input"
local report = require "rnn.metrics.report"
local tokens = require "rnn.metrics.tokens"

---@class rnn.RougeOptions
---@field tokenize? "words"|"char"|"none" default words

---@class rnn.Rouge
---@field rouge1 rnn.MeanScores 0 to 1
---@field rouge2 rnn.MeanScores
---@field rougeL rnn.MeanScores
local Rouge = {__name = "rnn.Rouge"}

local NAMES = {"rouge1", "rouge2", "rougeL"}

function Rouge:__tostring()
  local rows = {{"%", "precision", "recall", "F1"}}
  for i, name in ipairs(NAMES) do
    local r = self[name]
    rows[i + 1] = {name, report.percent(r.precision),
                   report.percent(r.recall), report.percent(r.f1)}
  end
  return report.layout(rows)
end

local function words(s)
  local list = {}
  for word in s:lower():gmatch "[a-z0-9]+" do list[#list + 1] = word end
  return list
end

local TOKENIZE = {words = words, char = tokens.marks, none = tokens.split}

---The length of the longest common subsequence, row by row.
local function common_length(a, b)
  local row = {}
  for k = 0, #b do row[k] = 0 end
  for _, x in ipairs(a) do
    local diagonal = 0
    for k, y in ipairs(b) do
      local above = row[k]
      row[k] = x == y and diagonal + 1 or math.max(above, row[k - 1])
      diagonal = above
    end
  end
  return row[#b]
end

---Scores of a guess against one reference.
local function compare(guess, truth)
  local r = {}
  for n = 1, 2 do
    r["rouge" .. n] = report.scores(
      tokens.shared(tokens.ngrams(guess, n), tokens.ngrams(truth, n)),
      math.max(0, #guess - n + 1), math.max(0, #truth - n + 1))
  end
  r.rougeL = report.scores(common_length(guess, truth), #guess, #truth)
  return r
end

---Scores against that reference, for each name by itself, whose F1 is best.
local function best(guess, references)
  local found = {}
  for _, truth in ipairs(references) do
    for name, scores in pairs(compare(guess, truth)) do
      local other = found[name]
      if not other or scores.f1 > other.f1 then found[name] = scores end
    end
  end
  return found
end

---The references as tokens; nil if none of them has any.
local function split_all(truth, split)
  local lists, count = {}, 0
  for i, texts in ipairs(truth) do
    lists[i] = {}
    for k, text in ipairs(texts) do
      lists[i][k] = split(text)
      count = count + #lists[i][k]
    end
  end
  return count > 0 and lists or nil
end

---@param guess string[] one text for each item
---@param truth (string|string[])[] its reference or references
---@param opts? rnn.RougeOptions
---@return rnn.Rouge scores 0 to 1
return function(guess, truth, opts)
  guess, truth = input.lists("rouge", "guess", guess, input.text,
                             "truth", truth, input.texts)
  opts = opts or {}
  check.names("rouge", opts, {tokenize = true})
  local split = TOKENIZE[check.word("rouge", "tokenize", opts.tokenize,
                                    {"words", "char", "none"})]
  local references = split_all(truth, split)
  if not references then
    error("rouge: 'truth' has no words; text without ASCII letters needs " ..
          "tokenize 'char' or 'none'", 2)
  end
  local r = {}
  for _, name in ipairs(NAMES) do
    r[name] = {precision = 0.0, recall = 0.0, f1 = 0.0}
  end
  for i, text in ipairs(guess) do
    for name, scores in pairs(best(split(text), references[i])) do
      for key, sum in pairs(r[name]) do
        r[name][key] = sum + scores[key] / #guess
      end
    end
  end
  return setmetatable(r, Rouge)
end
