---How well labels were guessed: accuracy and macro F1 in percent, and a table
---for people.
local classes = require "rnn.metrics.classes"
local map = require "rnn.map"

local labelscores = {}

local function report_of(guesses, examples)
  return classes.f1(guesses, map(examples, function(one)
    return one.label
  end))
end

---@param guesses string[]
---@param examples {label: string}[]
---@return table<string, number> scores by name
function labelscores.of(guesses, examples)
  local f1, report = report_of(guesses, examples)
  return {accuracy = 100 * report.accuracy, macro_f1 = 100 * f1}
end

---Precision, recall and F1 by label, and which was taken for which.
---@param guesses string[]
---@param examples {label: string}[]
---@return string
function labelscores.layout(guesses, examples)
  local _, report = report_of(guesses, examples)
  return ("%s\n\n%s"):format(report, report.confusion)
end

return labelscores
