---Scores of classification: each item has one label.
local input = require "rnn.metrics.input"
local report = require "rnn.metrics.report"

local classes = {}

---@alias rnn.Label string|number|boolean

---How often which label was guessed for which: confusion[truth][guess]; pairs
---that do not occur are nil. It prints itself.
---@class rnn.Confusion: table<rnn.Label, table<rnn.Label, integer>>
local Confusion = {__name = "rnn.Confusion"}

function Confusion:__tostring()
  local labels, rows = report.confused(self), {{"truth \\ guess"}}
  for _, label in ipairs(labels) do
    table.insert(rows[1], report.name(label))
  end
  for _, truth in ipairs(labels) do
    local row, counts = {report.name(truth)}, self[truth] or {}
    for _, guess in ipairs(labels) do
      row[#row + 1] = tostring(counts[guess] or 0)
    end
    rows[#rows + 1] = row
  end
  return report.layout(rows)
end

local function share_equal(guess, truth)
  local equal = 0
  for i, label in ipairs(truth) do
    if guess[i] == label then equal = equal + 1 end
  end
  return equal / #truth
end

---The share of items whose label is right.
---@param guess rnn.Label[]|rnn.Tensor (n) also ids
---@param truth rnn.Label[]|rnn.Tensor (n)
---@return number accuracy 0 to 1
function classes.accuracy(guess, truth)
  return share_equal(input.lists("accuracy", "guess", guess, input.label,
                                 "truth", truth, input.label))
end

---F1 of each class and its means. Classes are all labels that occur, also those
---that were only guessed. Micro precision, recall and F1 are the accuracy.
---@param guess rnn.Label[]|rnn.Tensor (n) also ids
---@param truth rnn.Label[]|rnn.Tensor (n)
---@return number f1 0 to 1, the macro one: the mean of the F1s of classes
---@return rnn.Report report with `confusion`
function classes.f1(guess, truth)
  guess, truth = input.lists("f1", "guess", guess, input.label,
                             "truth", truth, input.label)
  local counts, confusion = {}, setmetatable({}, Confusion)
  for i, label in ipairs(truth) do
    local row = confusion[label] or {}
    confusion[label] = row
    row[guess[i]] = (row[guess[i]] or 0) + 1
    report.count(counts, label, "truth")
    report.count(counts, guess[i], "guess")
    if guess[i] == label then report.count(counts, label, "correct") end
  end
  local r = report.new(counts, share_equal(guess, truth))
  r.confusion = confusion
  return r.macro.f1, r
end

return classes
