---Scores of flags for the rows of a series against labels, as the literature
---has them, which differ much:
---    rows      each row is right or wrong by itself
---    spans     a true span is found if any row of it is flagged, and a span of
---              flags that meets no true one is a false alarm (Hundman et al.
---              2018)
---    adjusted  as rows, but all rows of a span count as flagged once one is
---              (Xu et al. 2018): flattering, random flags score high by it
---              (Kim et al. 2022), so nobody should quote it alone
local input = require "rnn.metrics.input"
local report = require "rnn.metrics.report"

local anomalies = {}

---@class rnn.AnomalyReport
---@field rows rnn.Scores
---@field spans rnn.Scores correct, guessed and true are of spans
---@field adjusted rnn.Scores
local Report = {__name = "rnn.AnomalyReport"}

local TITLE = {rows = "rows", spans = "spans",
               adjusted = "rows, point-adjusted (flatters)"}

function Report:__tostring()
  local rows = {{"", "precision", "recall", "F1"}}
  for _, name in ipairs {"rows", "spans", "adjusted"} do
    local s = self[name]
    rows[#rows + 1] = {TITLE[name], report.percent(s.precision),
                       report.percent(s.recall), report.percent(s.f1)}
  end
  return report.layout(rows)
end

---A kind: 0 or 1, or a boolean.
local function flag(x)
  if x == 1 or x == true then return 1 end
  if x == 0 or x == false then return 0 end
  return input.wrong("0 or 1, or a boolean", x)
end

local function lists(what, flags, labels)
  return input.lists(what, "flags", flags, flag, "labels", labels, flag)
end

---Spans of rows that are 1.
---@param flags integer[]
---@return {first: integer, last: integer}[]
function anomalies.spans(flags)
  local spans = {}
  for i, x in ipairs(flags) do
    if x == 1 then
      local last = spans[#spans]
      if last and last.last == i - 1 then last.last = i
      else spans[#spans + 1] = {first = i, last = i} end
    end
  end
  return spans
end

---How many of the rows of a span are 1.
local function count(flags, span)
  local n = 0
  for i = span.first, span.last do n = n + flags[i] end
  return n
end

---Flags, all of a true span where one of it is.
local function adjusted(flags, labels)
  local copy = table.move(flags, 1, #flags, 1, {})
  for _, span in ipairs(anomalies.spans(labels)) do
    if count(flags, span) > 0 then
      for i = span.first, span.last do copy[i] = 1 end
    end
  end
  return copy
end

local function by_rows(flags, labels)
  local correct, guessed, truly = 0, 0, 0
  for i, x in ipairs(flags) do
    correct, guessed = correct + x * labels[i], guessed + x
    truly = truly + labels[i]
  end
  return report.scores(correct, guessed, truly)
end

---Precision is of spans of flags, recall of true ones.
local function by_spans(flags, labels)
  local alarms, truly, hits, found = anomalies.spans(flags),
    anomalies.spans(labels), 0, 0
  for _, span in ipairs(alarms) do
    hits = hits + (count(labels, span) > 0 and 1 or 0)
  end
  for _, span in ipairs(truly) do
    found = found + (count(flags, span) > 0 and 1 or 0)
  end
  local s = report.scores(found, #alarms, #truly)
  s.precision = #alarms > 0 and hits / #alarms or 0.0
  local sum = s.precision + s.recall
  s.f1 = sum > 0 and 2 * s.precision * s.recall / sum or 0.0
  return s
end

---@param flags (integer|boolean)[]|rnn.Tensor
---@param labels (integer|boolean)[]|rnn.Tensor
---@return number f1 of rows, 0 to 1
---@return rnn.AnomalyReport report
function anomalies.anomalies(flags, labels)
  flags, labels = lists("anomalies", flags, labels)
  local r = setmetatable({
    rows = by_rows(flags, labels), spans = by_spans(flags, labels),
    adjusted = by_rows(adjusted(flags, labels), labels)}, Report)
  return r.rows.f1, r
end

---The level of scores above which flags have the best F1 of rows: what labels,
---which nobody has before, would have chosen.
---@param scores number[]|rnn.Tensor finite
---@param labels (integer|boolean)[]|rnn.Tensor
---@return number f1 0 to 1
---@return number level
function anomalies.best_level(scores, labels)
  scores, labels = input.lists("best_level", "scores", scores, input.number,
                               "labels", labels, flag)
  local order, truly = {}, 0
  for i, label in ipairs(labels) do order[i], truly = i, truly + label end
  table.sort(order, function(a, b) return scores[a] > scores[b] end)
  local correct, best, level = 0, 0.0, math.huge
  for n, i in ipairs(order) do
    correct = correct + labels[i]
    local below = order[n + 1] and scores[order[n + 1]] or -math.huge
    local f1 = 2 * correct / (n + truly)
    if below < scores[i] and f1 > best then best, level = f1, below end
  end
  return best, level
end

return anomalies
