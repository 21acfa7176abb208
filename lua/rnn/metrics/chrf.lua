---chrF2 (Popović 2015) as sacreBLEU computes it: precision P and recall R of
---character n-grams without white space, means over n from 1 to 6 of those that
---guess and truth are long enough for, as one number that recall counts twice:
---    chrF = 100 * 5 P R / (4 P + R)
---The n-grams of all items are counted together; of several references that
---with the best score.
local core = require "rnn.core"
local input = require "rnn.metrics.input"
local tokens = require "rnn.metrics.tokens"

local ORDER = 6

---@class rnn.ChrfReport
---@field score number 0 to 100
---@field signature string what was computed, in sacreBLEU's words
local Report = {__name = "rnn.ChrfReport"}

---The line that sacreBLEU prints.
function Report:__tostring()
  return ("chrF2|%s = %.2f"):format(self.signature, self.score)
end

---For each n the numbers of n-grams: guessed, true, shared.
local function compare(guess, truth)
  local stats = {}
  for n = 1, ORDER do
    local wanted = math.max(0, #truth - n + 1)
    stats[n] = {wanted > 0 and math.max(0, #guess - n + 1) or 0, wanted,
                tokens.shared(tokens.ngrams(guess, n),
                              tokens.ngrams(truth, n))}
  end
  return stats
end

local function score(stats)
  local precision, recall, orders = 0.0, 0.0, 0
  for _, n in ipairs(stats) do
    if n[1] > 0 and n[2] > 0 then
      precision, recall = precision + n[3] / n[1], recall + n[3] / n[2]
      orders = orders + 1
    end
  end
  if precision == 0 then return 0.0 end
  precision, recall = precision / orders, recall / orders
  return 100 * 5 * precision * recall / (4 * precision + recall)
end

---The counts with that reference whose score is best.
local function best(guess, texts)
  local most, found = -1.0, nil
  for _, text in ipairs(texts) do
    local stats = compare(guess, tokens.marks(text))
    local x = score(stats)
    if x > most then most, found = x, stats end
  end
  return found
end

---@param guess string[] one text for each item
---@param truth (string|string[])[] its reference or references
---@return number score 0 to 100
---@return rnn.ChrfReport report
return function(guess, truth)
  guess, truth = input.lists("chrf", "guess", guess, input.text,
                             "truth", truth, input.texts)
  local total = compare({}, {})
  for i, text in ipairs(guess) do
    for n, counts in ipairs(best(tokens.marks(text), truth[i])) do
      for k, count in ipairs(counts) do
        total[n][k] = total[n][k] + count
      end
    end
  end
  local signature = ("nrefs:%s|case:mixed|eff:yes|nc:%d|nw:0|space:no|" ..
                     "version:rnnlua-%s"):format(
                    tokens.count_references(truth), ORDER, core.version)
  local x = score(total)
  return x, setmetatable({score = x, signature = signature}, Report)
end
