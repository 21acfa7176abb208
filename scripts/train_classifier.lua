---Trains a classifier: a label for a text - topic, opinion, language.
---Usage: rnnlua train_classifier.lua --data FILE --out DIR [options]   (--help)
local rnn = require "rnn"
local cli = require "rnn.cli"
local classifier = require "rnn.models.classifier"
local labelscores = require "rnn.labelscores"
local options = require "rnn.options"
local pooled = require "rnn.models.pooled"

local data = rnn.data

local PRESETS = {
  plain = {hidden = 64, pool = "attention", epochs = 10, word_dropout = 0.3,
    help = "texts of any kind, read by words"},
  sentences = {hidden = 64, pool = "attention", epochs = 10, ema = 0.998,
    word_dropout = 0.3,
    help = "the same with averages of the weights: thousands of short texts"},
  documents = {hierarchical = true, pool = "attention", hidden = 64,
    epochs = 10, batch = 16, word_dropout = 0.2,
    help = "texts of many sentences, which are read first"},
  chars = {tokens = "chars", max_length = 200, embed = 32, hidden = 96,
    epochs = 4, dropout = 0.2, word_dropout = 0.0, lr = 2e-3,
    help = "names, languages, scripts without spaces"},
}

local SPEC = options.join({
  name = "train_classifier.lua", usage = "--data FILE --out DIR [options]",
  saved = "resume",
  summary = "Trains a network that reads a text, in both directions, and " ..
    "gives it a label. Writes log.jsonl, last.safetensors and " ..
    "best.safetensors (the best accuracy) to DIR. classify.lua labels " ..
    "other texts.",
  notes = "Scores are in percent. A label that only the test has is told, " ..
    "and counts as wrong.",
  examples = {
    "train_classifier.lua --data train.tsv --test-data test.tsv --out topics",
    "train_classifier.lua --data reviews.csv --format csv --label-column " ..
      "stars --out stars",
    "train_classifier.lua --data bad.txt good.txt --labels bad good " ..
      "--preset sentences --out opinion",
    "train_classifier.lua --data names/ --preset chars --out names",
  },
}, options.examples, {
  {"format", type = "choice", choices = {"tab", "space", "csv"},
   default = "tab",
   help = "lines with a label and a text, a tab or white space between " ..
     "them, or CSV; folders of files or of folders by label are read too"},
  {"label", type = "choice", choices = {"first", "last", "file"},
   default = "first",
   help = "where the label is: in the line, or in the name of the file"},
  {"labels", type = "string", list = true, many = true,
   help = "labels of the files, whose lines are texts, one for each"},
  {"label-column", type = "string",
   help = "format tab: its number, -1 the last; csv: its name (default label)"},
  {"text-column", type = "string",
   help = "likewise of the text (csv: default text)"},
  {group = "Model"},
  {"preset", type = "choice", default = "plain",
   choices = {"plain", "sentences", "documents", "chars"}, presets = PRESETS,
   help = "sizes and schedule that go together"},
  {"tokens", type = "choice", choices = {"words", "chars"}, default = "words",
   help = "what a text is read by"},
  {"hierarchical", type = "flag",
   help = "read words of sentences, then sentences: for long texts"},
  {"bayes", type = "flag",
   help = "go by a naive Bayes of words and pairs of words as well"},
  {"word-dropout", type = "number", min = 0, below = 1, default = 0.1,
   help = "chance that a token is not known"},
}, options.labels, options.adapt(options.words, {chars = {default = "none"}}),
  options.example_layers, options.example_training, options.example_control)

-- {== Data ==

---The label that --labels gives a file.
local function label_of(opts, option, i)
  if #opts.labels ~= #opts[option] then
    cli.fail(2, "--labels must give a label to each of the %d files of " ..
             "--%s, got %d", #opts[option], option:gsub("_", "-"), #opts.labels)
  end
  return opts.labels[i]
end

---Columns as data.labelled takes them: by number, of CSV by name.
local function columns_of(opts)
  local label, text = opts.label_column, opts.text_column
  if not (label or text) then return nil end
  if opts.format == "csv" then
    return {label = label or "label", text = text or "text"}
  end
  local columns = {label = math.tointeger(tonumber(label)),
                   text = math.tointeger(tonumber(text))}
  if opts.format ~= "tab" or not (columns.label and columns.text) then
    cli.fail(2, "--label-column and --text-column: give both as numbers, " ..
             "with --format tab, or names, with --format csv")
  end
  return columns
end

local function read(path, opts, option, i)
  return data.labelled(opts.labels and {[label_of(opts, option, i)] = path} or
                       path, {
    separator = opts.format, label = opts.label, columns = columns_of(opts),
    invalid = opts.invalid})
end

-- }==

rnn.datatask.main(arg, SPEC, {
  kind = classifier, unit = "text", read = read, mark = classifier.mark,
  draw = pooled.draw, score = labelscores.of, show = labelscores.layout,
  metric = function(_, opts) return opts.metric end,
  use = function(path)
    return {"label", rnn.run.command("classify.lua", path, "FILE")}
  end,
})
