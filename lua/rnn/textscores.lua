---The scores of texts that a model made of others, under the names that are
---usual for what they are, in percent:
---
---    accuracy        texts that are right
---    bleu chrf rouge1 rouge2 rougeL       of words, or of characters
---    wer per cer     edits for each word, phoneme or character of the truth
---    edit_distance   edits for each text; no percentage
---
---Of letters made phonemes (sources no words, targets words) per is
---of phonemes, wer is what accuracy lacks, and there is no BLEU. Of several
---texts that are right the nearest one counts.
local metrics = require "rnn.metrics"
local report = require "rnn.metrics.report"

local textscores = {}

local ORDER = {"bleu", "chrf", "rouge1", "rouge2", "rougeL", "wer", "per",
               "cer", "edit_distance", "accuracy", "perplexity"}

---Of several token lists the one with the fewest edits.
local function nearest(guess, truth)
  local best, least = truth[1], math.huge
  for _, tokens in ipairs(#truth > 1 and truth or {}) do
    local distance = metrics.edit_distance(guess, tokens)
    if distance < least then best, least = tokens, distance end
  end
  return best
end

---Scores of n-grams.
local function overlap(scores, guesses, truths, letters)
  local between, tokenize = letters and "" or " ", letters and "char" or "none"
  local guess, truth = {}, {}
  for i, tokens in ipairs(guesses) do
    guess[i], truth[i] = table.concat(tokens, between), {}
    for k, other in ipairs(truths[i]) do
      truth[i][k] = table.concat(other, between)
    end
  end
  scores.bleu = metrics.bleu(guess, truth, {tokenize = tokenize})
  scores.chrf = metrics.chrf(guess, truth)
  local rouge = metrics.rouge(guess, truth, {tokenize = tokenize})
  for name, r in pairs(rouge) do scores[name] = 100 * r.f1 end
end

---@param guesses string[][] tokens of each
---@param truths string[][][] tokens of all that are right, of each
---@param known {source_units: string, target_units: string}
---@return table<string, number> scores by name
function textscores.of(guesses, truths, known)
  local truth = {}
  for i, tokens in ipairs(guesses) do truth[i] = nearest(tokens, truths[i]) end
  local rate, edits = metrics.wer(guesses, truth)
  local letters = known.target_units == "chars"
  local phonemes = known.source_units ~= "words" and not letters
  local sum = edits.insertions + edits.deletions + edits.substitutions
  local scores = {edit_distance = sum / #guesses,
                  accuracy = 100 * (1 - edits.wrong / #guesses)}
  scores[letters and "cer" or phonemes and "per" or "wer"] = 100 * rate
  if phonemes then
    scores.wer = 100 - scores.accuracy
  else
    overlap(scores, guesses, truths, letters)
  end
  return scores
end

---@param scores table<string, number>
---@return string lines a score each
function textscores.layout(scores)
  local rows = {}
  for _, name in ipairs(ORDER) do
    if scores[name] then
      rows[#rows + 1] = {name, ("%.2f"):format(scores[name])}
    end
  end
  return report.layout(rows)
end

return textscores
