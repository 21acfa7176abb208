---Trains a segmenter: text without spaces between words, Chinese say, cut into
---words.
---Usage: rnnlua train_segmenter.lua --data FILE --out DIR [options]   (--help)
local rnn = require "rnn"
local options = require "rnn.options"
local segmenter = require "rnn.models.segmenter"

local SPEC = options.join({
  name = "train_segmenter.lua", usage = "--data FILE --out DIR [options]",
  saved = "resume",
  summary = "Trains a BiLSTM-CRF over characters to cut text into words, by " ..
    "the characters, their pairs, and what a dictionary says. Data: a " ..
    "sentence a line, spaces between words. Writes log.jsonl, " ..
    "last.safetensors and best.safetensors (the best F1) to DIR. " ..
    "segment.lua cuts other text.",
  notes = "Scores are those of SIGHAN, in percent: a word is found if it " ..
    "begins and ends where it should; oov_recall is of words that --data " ..
    "does not have.",
  examples = {
    "train_segmenter.lua --data train.txt --test-data test.txt --out words",
    "train_segmenter.lua --data train.txt --dictionary dict.txt --out words",
  },
}, options.examples, {
  {group = "Model"},
  {"dictionary", type = "string", default = "learn",
   help = "a file of words to go by, \"WORD FREQUENCY TAG\" a line; learn: " ..
     "the words of --data; or none"},
  {"embed", type = "int", min = 1, max = 65536, default = 100,
   help = "size of the vectors of characters"},
  {"pair-embed", type = "int", min = 1, max = 65536, default = 50,
   help = "size of the vectors of pairs, and of what the dictionary says"},
  {"pair-count", type = "int", min = 1, default = 5,
   help = "times that a pair must occur to be learnt"},
  {"word-dropout", type = "number", min = 0, below = 1, default = 0.05,
   help = "chance that a character is not known"},
}, options.adapt(options.example_layers, {dropout = {default = 0.3}}),
  options.example_training, options.example_control)

local train_words = {}   -- as keys

local function read(path, opts, option)
  local list, wrong = rnn.data.segmented(path, {invalid = opts.invalid})
  if not list or option ~= "data" then return list, wrong end
  for _, one in ipairs(list) do
    for _, word in ipairs(one.words) do train_words[word] = true end
  end
  return list
end

local function report_of(guesses, examples)
  local truth = {}
  for i, one in ipairs(examples) do truth[i] = one.words end
  return select(2, rnn.metrics.segmentation(guesses, truth, train_words))
end

rnn.datatask.main(arg, SPEC, {
  kind = segmenter, unit = "character", read = read,
  shorten = segmenter.shortened, mark = segmenter.mark,
  score = function(guesses, examples)
    local r = report_of(guesses, examples)
    return {f1 = 100 * r.f1, oov_recall = r.oov_recall and
                                          100 * r.oov_recall}
  end,
  show = function(guesses, examples)
    return tostring(report_of(guesses, examples))
  end,
  metric = function() return "f1" end,
  use = function(path)
    return {"segment", rnn.run.command("segment.lua", path, "FILE")}
  end,
})
