---Labels series of numbers with a trained classifier.
---Usage: rnnlua classify_series.lua MODEL [FILES] [options]   (--help)
local rnn = require "rnn"
local cli = require "rnn.cli"
local json = require "rnn.json"
local labelscores = require "rnn.labelscores"
local options = require "rnn.options"
local output = require "rnn.output"
local ranked = require "rnn.ranked"
local seriesclassifier = require "rnn.models.seriesclassifier"
local seriesfiles = require "rnn.seriesfiles"

local opts = cli.parse(arg, options.join({
  name = "classify_series.lua", usage = "MODEL [FILES] [options]",
  summary = "Prints the label of each series, a line each, and on stderr " ..
    "how many are right, if the files have labels.",
  examples = {
    "classify_series.lua motions/best.safetensors new.ts --probabilities",
    "classify_series.lua motions/best.safetensors test.ts --scores",
  },
  {"model", positional = true, type = "file", required = true,
   help = "a checkpoint of train_seriesclassifier.lua: best.safetensors"},
  {"files", positional = true, type = "file", list = true, many = true,
   help = "series; without any, or for -, stdin"},
  {"top", type = "int", min = 1, default = 1,
   help = "labels of a series, the likeliest first"},
  {"probabilities", type = "flag", help = "and the probability of each"},
  {"json", type = "flag", help = "an object a line, with all probabilities"},
  {"scores", type = "flag",
   help = "print scores of the labels and which was taken for which, instead"},
}, seriesfiles.options, {
  {"invalid", type = "choice", choices = {"error", "replace", "skip"},
   default = "error", help = "what to do with bytes that are not UTF-8"},
  {"batch", type = "int", min = 1, max = 1 << 20, default = 32,
   help = "series at once"},
  {"threads", type = "int", min = 0, max = 256, default = 0,
   help = "worker threads; 0 = all cores this process may use"},
  {"config", type = "config", help = "file with a table of options"},
}))

rnn.threads(opts.threads)
local model, wrong = seriesclassifier.load(opts.model)
if not model then cli.fail(3, "%s", wrong) end
local known = model:known()
local names = known.labels.names

local truths, guesses = {}, {}   -- of series that have labels

local function as_json(one, series)
  local p = {}
  for i, name in ipairs(names) do p[name] = one.probabilities[i] end
  return json.encode {label = one.label, probabilities = p,
                      line = series.line, truth = series.label}
end

---Prints what a series is.
local function print_one(one, series)
  if one.probabilities[1] ~= one.probabilities[1] then
    cli.fail(3, "%s: its scores of the series in line %d are not finite: it " ..
             "has diverged or is damaged", opts.model, series.line)
  end
  if series.label then
    truths[#truths + 1], guesses[#guesses + 1] = series, one.label
  end
  if opts.scores then return end
  output.write((opts.json and as_json(one, series) or
                ranked(names, one.probabilities, opts)) .. "\n")
end

for _, path in ipairs(opts.files or {"-"}) do
  local list, why = seriesfiles.read(path, opts)
  if not list then cli.fail(3, "%s", why) end
  why = seriesclassifier.unfit(known, list)
  if why then cli.fail(3, "%s: %s", path, why) end
  for i, one in ipairs(model:classify(list, opts.batch)) do
    print_one(one, list[i])
  end
end

if opts.scores then
  if #truths == 0 then cli.fail(3, "--scores: the series have no labels") end
  output.write(labelscores.layout(guesses, truths) .. "\n")
end
output.flush()
if #truths > 0 then
  local unseen = seriesclassifier.unseen(known, truths)
  if unseen then io.stderr:write("warning: ", unseen, "\n") end
  local scores = labelscores.of(guesses, truths)
  io.stderr:write(("accuracy %.2f, macro_f1 %.2f of %d series\n"):format(
    scores.accuracy, scores.macro_f1, #truths))
end
