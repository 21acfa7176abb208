---Word segmentation, as the bakeoffs of SIGHAN score it (Sproat and Emerson
---2003): a word is found if a guessed word begins and ends at the same
---characters. (Their script aligns lines by `diff`, which now and then takes
---equal words at different places for one another; places are exact.)
local input = require "rnn.metrics.input"
local report = require "rnn.metrics.report"

---@class rnn.SegmentationReport: rnn.Scores
---@field oov_rate? number share of true words that are not known
---@field oov_recall? number share of those that were found; nil without such
---@field iv_recall? number share of the known true words that were found
local Report = {__name = "rnn.SegmentationReport"}

function Report:__tostring()
  local parts = {}
  for _, name in ipairs {"precision", "recall", "f1", "oov_rate",
                         "oov_recall", "iv_recall"} do
    if self[name] then
      parts[#parts + 1] = name:gsub("_", " ") .. " " ..
                          report.percent(self[name])
    end
  end
  return table.concat(parts, ", ") .. " %"
end

---A kind.
local function word(x)
  if type(x) == "string" and x ~= "" then return x end
  return input.wrong("a word, a string that is not empty", x)
end

---Calls visit(word, found) for the true words of a sentence.
local function each_word(guess, truth, visit)
  local ends, at = {}, 1
  for _, w in ipairs(guess) do
    ends[at] = at + #w
    at = at + #w
  end
  at = 1
  for _, w in ipairs(truth) do
    visit(w, ends[at] == at + #w)
    at = at + #w
  end
end

local function check_known(known)
  if known ~= nil and (type(known) ~= "table" or #known > 0) then
    error("segmentation: 'known' must be a set, {[word] = true}, got " ..
          (type(known) == "table" and "a list" or type(known)), 3)
  end
end

---@param guess string[][] words of each sentence
---@param truth string[][] the same characters
---@param known? table<string, any> the words of the training text, as keys
---@return number f1 0 to 1
---@return rnn.SegmentationReport report
return function(guess, truth, known)
  local sentence = input.list(word)
  guess, truth = input.lists("segmentation", "guess", guess, sentence,
                             "truth", truth, sentence)
  check_known(known)
  local guessed, all, found = 0, {iv = 0, oov = 0}, {iv = 0, oov = 0}
  for i, words in ipairs(truth) do
    if table.concat(guess[i]) ~= table.concat(words) then
      error(("segmentation: item %d of 'guess' and of 'truth' have " ..
             "different characters"):format(i), 2)
    end
    guessed = guessed + #guess[i]
    each_word(guess[i], words, function(w, hit)
      local class = (not known or known[w]) and "iv" or "oov"
      all[class] = all[class] + 1
      if hit then found[class] = found[class] + 1 end
    end)
  end
  local total = all.iv + all.oov
  if total == 0 then error("segmentation: the sentences have no words", 2) end
  local r = report.scores(found.iv + found.oov, guessed, total)
  if known then
    r.oov_rate = all.oov / total
    if all.oov > 0 then r.oov_recall = found.oov / all.oov end
    if all.iv > 0 then r.iv_recall = found.iv / all.iv end
  end
  return r.f1, setmetatable(r, Report)
end
