---What is counted, as precision, recall and F1, of all and of each class; and
---as a table that people read.
local core = require "rnn.core"
local show = require "rnn.show"

local report = {}

-- {== Tables of text ==

---Rows as aligned text: the first column to the left, others to the right.
---@param rows string[][]
---@return string lines
function report.layout(rows)
  local widths, lines = {}, {}
  for _, row in ipairs(rows) do
    for k, cell in ipairs(row) do
      widths[k] = math.max(widths[k] or 0, core.utf8_width(cell))
    end
  end
  for i, row in ipairs(rows) do
    local cells = {}
    for k, cell in ipairs(row) do
      local pad = (" "):rep(widths[k] - core.utf8_width(cell))
      cells[k] = k == 1 and cell .. pad or pad .. cell
    end
    lines[i] = table.concat(cells, "  "):gsub(" +$", "")
  end
  return table.concat(lines, "\n")
end

---A label as it stands in a table: nothing that a terminal obeys.
---@param label rnn.Label
---@return string
function report.name(label)
  return show.text(tostring(label))
end

local function before(a, b)
  if type(a) ~= type(b) then return type(a) < type(b) end
  if type(a) == "boolean" then return not a and b end
  return a < b
end

---The keys of a table, sorted: booleans, numbers, strings.
---@param t table
---@return rnn.Label[]
function report.labels(t)
  local labels = {}
  for label in pairs(t) do labels[#labels + 1] = label end
  table.sort(labels, before)
  return labels
end

---The labels of a confusion matrix, sorted.
---@param confusion rnn.Confusion
---@return rnn.Label[]
function report.confused(confusion)
  local all = {}
  for truth, row in pairs(confusion) do
    all[truth] = true
    for guess in pairs(row) do all[guess] = true end
  end
  return report.labels(all)
end

-- }==

-- {== Scores ==

---A class, an entity type, a set of words. What has no denominator is 0.
---@class rnn.Scores
---@field correct integer guessed, and true
---@field guess integer guessed
---@field truth integer true; the support
---@field precision number correct / guess
---@field recall number correct / truth
---@field f1 number harmonic mean of the two

local function ratio(a, b)
  return b > 0 and a / b or 0.0
end

---@param correct integer
---@param guess integer
---@param truth integer
---@return rnn.Scores
function report.scores(correct, guess, truth)
  return {correct = correct, guess = guess, truth = truth,
          precision = ratio(correct, guess), recall = ratio(correct, truth),
          f1 = ratio(2 * correct, guess + truth)}
end

---A mean over classes: of precisions, of recalls, of F1s.
---@class rnn.MeanScores
---@field precision number
---@field recall number
---@field f1 number

---@class rnn.Report
---@field labels rnn.Label[] all that occur, sorted
---@field classes table<rnn.Label, rnn.Scores>
---@field micro rnn.Scores of all classes together
---@field macro rnn.MeanScores each class counts the same
---@field weighted rnn.MeanScores each class counts as often as it is true
---@field accuracy number correct labels or tags / all
---@field confusion? rnn.Confusion of f1
local Report = {}

local function mean(self, weight_of)
  local m, total = {precision = 0.0, recall = 0.0, f1 = 0.0}, 0
  for _, label in ipairs(self.labels) do
    local scores = self.classes[label]
    local weight = weight_of(scores)
    for name, sum in pairs(m) do m[name] = sum + weight * scores[name] end
    total = total + weight
  end
  for name, sum in pairs(m) do m[name] = ratio(sum, total) end
  return m
end

---@param counts table<rnn.Label, {correct: integer, guess: integer, truth:
---integer}>
---@param accuracy number
---@return rnn.Report
function report.new(counts, accuracy)
  local self = {labels = report.labels(counts), classes = {},
                accuracy = accuracy}
  local correct, guess, truth = 0, 0, 0
  for label, n in pairs(counts) do
    self.classes[label] = report.scores(n.correct, n.guess, n.truth)
    correct, guess, truth = correct + n.correct, guess + n.guess,
                            truth + n.truth
  end
  self.micro = report.scores(correct, guess, truth)
  self.macro = mean(self, function() return 1 end)
  self.weighted = mean(self, function(scores) return scores.truth end)
  return setmetatable(self, Report)
end

---@param counts table<rnn.Label, table> as report.new takes them
---@param label rnn.Label
---@param what "correct"|"guess"|"truth"
function report.count(counts, label, what)
  local n = counts[label]
  if not n then
    n = {correct = 0, guess = 0, truth = 0}
    counts[label] = n
  end
  n[what] = n[what] + 1
end

---@param x number
---@return string in percent
function report.percent(x)
  return ("%.2f"):format(100 * x)
end

local function row_of(name, scores)
  local percent = report.percent
  return {name, percent(scores.precision), percent(scores.recall),
          percent(scores.f1), tostring(scores.truth or ""),
          tostring(scores.guess or ""), tostring(scores.correct or "")}
end

Report.__name = "rnn.Report"

function Report:__tostring()
  local rows = {{"%", "precision", "recall", "F1", "truth", "guess",
                 "correct"}}
  for _, label in ipairs(self.labels) do
    rows[#rows + 1] = row_of(report.name(label), self.classes[label])
  end
  for _, name in ipairs {"micro", "macro", "weighted"} do
    rows[#rows + 1] = row_of("(" .. name .. ")", self[name])
  end
  return ("%s\naccuracy %s %%"):format(report.layout(rows),
         report.percent(self.accuracy))
end

-- }==

return report
