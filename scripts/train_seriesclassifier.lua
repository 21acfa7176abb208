---Trains a classifier of series: a label for a recording of one channel or more
---- a gesture, a heartbeat, an activity, the state of a machine.
---Usage: rnnlua train_seriesclassifier.lua --data FILE --out DIR [options]
---(--help)
local rnn = require "rnn"
local labelscores = require "rnn.labelscores"
local options = require "rnn.options"
local pooled = require "rnn.models.pooled"
local seriesclassifier = require "rnn.models.seriesclassifier"
local seriesfiles = require "rnn.seriesfiles"

local SPEC = options.join({
  name = "train_seriesclassifier.lua",
  usage = "--data FILE --out DIR [options]", saved = "resume",
  summary = "Trains a network that reads a series of numbers, in both " ..
    "directions, and gives it a label. Writes log.jsonl, last.safetensors " ..
    "and best.safetensors to DIR. classify_series.lua labels other series.",
  notes = "Scores are in percent. A label that only the test has is told, " ..
    "and counts as wrong. Missing values are 0 once the others are scaled, " ..
    "and the network is told which they are.",
  examples = {
    "train_seriesclassifier.lua --data BasicMotions_TRAIN.ts --test-data " ..
      "BasicMotions_TEST.ts --out motions",
    "train_seriesclassifier.lua --data steps.csv --id-column person " ..
      "--channels x y z --test 0.2 --out steps",
    "train_seriesclassifier.lua --data CBF_TRAIN.tsv --val 0 --out cbf",
  },
}, options.adapt(options.examples, {
  ["max-length"] = false, ["min-count"] = false, ["max-vocab"] = false,
}), seriesfiles.options, {
  {group = "Model"},
  {"scale", type = "choice", choices = {"channel", "series", "none"},
   default = "channel",
   help = "values get mean 0 and deviation 1: in each channel of --data, in " ..
     "each series by itself, or not at all"},
  {"conv", type = "int", min = 0, max = 65536, default = 64,
   help = "filters of a convolution in front of the recurrent layer; 0 = none"},
  {"conv-layers", type = "int", min = 1, max = 100, default = 1,
   help = "convolutions"},
  {"kernel", type = "int", min = 1, max = 65535, default = 9,
   help = "steps that a filter sees, an odd number"},
  {"stride", type = "int", min = 1, max = 65536, default = 1,
   help = "steps from one place of a filter to the next: more than 1 makes " ..
     "long series short"},
}, options.adapt(options.labels, {
  metric = {choices = {"loss", "accuracy", "macro_f1"}, default = "loss",
            help = "what the best model has most of, or of loss the least"},
}),
options.adapt(options.example_layers, {
  cell = {default = "gru"}, hidden = {default = 64},
  dropout = {default = 0.2, help = "chance of zeroing what the labels are " ..
    "told by, or an output between recurrent layers"},
}), options.adapt(options.example_training, {
  steps = {default = 1000,
           help = "steps to train, unless --epochs or --time is given"},
  epochs = false, batch = {default = 16}, lr = {default = 5e-3},
}), {
  {"epochs", type = "int", min = 1, help = "passes over the data"},
}, options.adapt(options.example_control, {
  ["eval-every"] = {default = 50, help = "steps between validations"},
  ["save-every"] = {default = 250, help = "steps between checkpoints"},
  ["init-from"] = {help = "start with the weights and the scales of a model"},
}))

local function check(opts)
  if opts.kernel % 2 == 0 then
    return ("--kernel must be odd, got %d"):format(opts.kernel)
  end
end

rnn.datatask.main(arg, SPEC, {
  kind = seriesclassifier, unit = "series", check = check,
  read = seriesfiles.read, draw = pooled.draw, score = labelscores.of,
  show = labelscores.layout,
  metric = function(_, opts)
    return opts.metric ~= "loss" and opts.metric or nil
  end,
  use = function(path)
    return {"label", rnn.run.command("classify_series.lua", path, "FILE")}
  end,
})
