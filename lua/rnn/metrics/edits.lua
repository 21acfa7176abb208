---Edit distance (Levenshtein 1966) and error rates: how many insertions,
---deletions and substitutions of single items make the truth of the guess, at
---the least. An insertion is an item that only the guess has, a deletion one
---that only the truth has. Where several alignments have the fewest edits, that
---with the most substitutions counts.
---
---It takes n m steps and m numbers of memory: 60 ms for 1000 by 1000 items.
local input = require "rnn.metrics.input"
local report = require "rnn.metrics.report"
local tokens = require "rnn.metrics.tokens"

local edits = {}

---@class rnn.Edits
---@field insertions integer
---@field deletions integer
---@field substitutions integer
local Edits = {__name = "rnn.Edits"}

function Edits:__tostring()
  return ("%d insertions, %d deletions, %d substitutions"):format(
         self.insertions, self.deletions, self.substitutions)
end

---Both numbers that are made least, edits and, among equals, insertions and
---deletions, are one: edits * BASE + insertions + deletions.
local BASE = 1 << 31

local function align(guess, truth)
  local row = {}
  for k = 0, #truth do row[k] = k * (BASE + 1) end
  for i, x in ipairs(guess) do
    local diagonal = row[0]
    row[0] = i * (BASE + 1)
    for k, y in ipairs(truth) do
      local above = row[k]
      local beside = row[k - 1]
      local best = x == y and diagonal or diagonal + BASE
      local gap = (above < beside and above or beside) + BASE + 1
      row[k] = best < gap and best or gap
      diagonal = above
    end
  end
  local total, gaps = row[#truth] // BASE, row[#truth] % BASE
  local longer = #guess - #truth
  return total, {insertions = (gaps + longer) // 2,
                 deletions = (gaps - longer) // 2,
                 substitutions = total - gaps}
end

---A string stands for its code points.
---@param guess string|rnn.Label[]|rnn.Tensor
---@param truth string|rnn.Label[]|rnn.Tensor
---@return integer distance
---@return rnn.Edits edits
function edits.edit_distance(guess, truth)
  local sequence = input.sequence(tokens.characters)
  guess, truth = input.values("edit_distance", "guess", guess, sequence,
                              "truth", truth, sequence)
  local distance, counts = align(guess, truth)
  return distance, setmetatable(counts, Edits)
end

---@class rnn.ErrorReport: rnn.Edits
---@field rate number all edits / length
---@field length integer items of the truth
---@field wrong integer sequences with an edit
---@field sequences integer
local Report = {__name = "rnn.ErrorReport"}

function Report:__tostring()
  return ("%s %% of %d: %s; %d of %d sequences wrong"):format(
         report.percent(self.rate), self.length, Edits.__tostring(self),
         self.wrong, self.sequences)
end

---All edits over the length of all truth, as sclite and jiwer have it. Raises
---in the name of who called its caller, so it must not be a tail call.
local function error_rate(what, guess, truth)
  local r = {insertions = 0, deletions = 0, substitutions = 0, length = 0,
             wrong = 0, sequences = #truth}
  local sum = 0
  for i, wanted in ipairs(truth) do
    local distance, counts = align(guess[i], wanted)
    for name, n in pairs(counts) do r[name] = r[name] + n end
    sum, r.length = sum + distance, r.length + #wanted
    if distance > 0 then r.wrong = r.wrong + 1 end
  end
  if r.length == 0 then
    error(what .. ": every item of 'truth' is empty", 3)
  end
  r.rate = sum / r.length
  return r.rate, setmetatable(r, Report)
end

---Word error rate; of lists of phones, the phone error rate.
---@param guess (string|rnn.Label[])[] a string is split at white space
---@param truth (string|rnn.Label[])[]
---@return number rate 0 and more, above 1 when the guess is much longer
---@return rnn.ErrorReport report
function edits.wer(guess, truth)
  local sequence = input.sequence(tokens.split)
  guess, truth = input.lists("wer", "guess", guess, sequence,
                             "truth", truth, sequence)
  local rate, r = error_rate("wer", guess, truth)
  return rate, r
end

---Character error rate, over code points, white space too.
---@param guess string[]
---@param truth string[]
---@return number rate
---@return rnn.ErrorReport report
function edits.cer(guess, truth)
  local sequence = input.sequence(tokens.characters)
  guess, truth = input.lists("cer", "guess", guess, sequence,
                             "truth", truth, sequence)
  local rate, r = error_rate("cer", guess, truth)
  return rate, r
end

return edits
