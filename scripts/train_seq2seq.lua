---Trains a model that makes texts of texts: translation, pronunciation,
---inflection, summaries, answers.
---Usage: rnnlua train_seq2seq.lua --data FILE --out DIR [options]   (--help)
local rnn = require "rnn"
local inbatches = require "rnn.models.inbatches"
local options = require "rnn.options"
local pairfiles = require "rnn.pairfiles"
local seq2seq = require "rnn.models.seq2seq"
local textscores = require "rnn.textscores"

local PRESETS = {
  sentences = {embed = 256, hidden = 256, tied = true, attention = "general",
    dropout = 0.4, smoothing = 0.1, batch = 64, epochs = 15, lr = 1e-3,
    min_count = 2,
    help = "words to words; tens of thousands of sentences"},
  pronounce = {source_units = "chars", embed = 64, hidden = 128,
    cell = "lstm", dropout = 0.4, smoothing = 0.1, batch = 32, epochs = 40,
    lr = 2e-3, ema = 0.998,
    help = "letters to phonemes; a word a line"},
}

local SPEC = options.join({
  name = "train_seq2seq.lua", usage = "--data FILE --out DIR [options]",
  saved = "resume",
  summary = "Trains an encoder, attention and a decoder on pairs of texts. " ..
    "Data: a line with source, tab and target; or two files whose lines " ..
    "belong together. Lines of one file with the same source are one " ..
    "example with several targets, all of them right. Writes log.jsonl, " ..
    "last.safetensors and best.safetensors to DIR. translate.lua makes " ..
    "texts of others.",
  notes = "Validation searches greedily, the test at the end with --beam. " ..
    "Losses are cross entropies of a token without smoothing. Scores are in " ..
    "percent: bleu, chrf, rouge, wer (words) or cer (characters), accuracy " ..
    "(whole targets). Of letters to phonemes per is of phonemes and wer of " ..
    "whole words. Translation, summaries and dialogue are words to words; " ..
    "inflection has characters apart and tags behind them as words: \"r u n " ..
    "V PST\", with --target-units chars.",
  examples = {
    "train_seq2seq.lua --data train.de --target train.en --out de-en",
    "train_seq2seq.lua --data cmudict.dict --separator space --comment '#' " ..
      "--no-stress --test 0.05 --preset pronounce --out speak",
    "train_seq2seq.lua --data eng-deu.tsv --source-column 2 " ..
      "--target-column 1 --out de-en",
    "train_seq2seq.lua --data forms.tsv --target-units chars --metric " ..
      "accuracy --embed 64 --hidden 128 --out inflect",
    "train_seq2seq.lua --data articles.txt --target headlines.txt " ..
      "--max-length 200 --shared-vocab --tied --out summaries",
    "train_seq2seq.lua --data turns.tsv --shared-vocab --out talk",
    "train_seq2seq.lua --out de-en --resume --epochs 20",
  },
}, options.adapt(options.examples, {
  ["max-vocab"] = {min = 4},
  ["max-length"] = {help = "pairs with more tokens on a side are not " ..
    "trained on"},
}),
pairfiles.options, {
  {"target", type = "file", list = true, many = true,
   help = "the targets of --data, a file for each, when its lines are sources"},
  {"valid-target", type = "file", list = true, many = true,
   help = "the targets of --valid-data"},
  {"test-target", type = "file", list = true, many = true,
   help = "the targets of --test-data"},
  {"source-units", type = "choice", choices = {"words", "chars", "jamo"},
   default = "words",
   help = "tokens of a source; jamo are the letters of Hangul, and characters"},
  {"target-units", type = "choice", choices = {"words", "chars"},
   default = "words", help = "tokens of a target"},
  {"val-max", type = "int", min = 0, default = 1000,
   help = "examples to validate with at most; 0 = all"},
  {group = "Model"},
  {"preset", type = "choice", choices = {"sentences", "pronounce"},
   default = "sentences", presets = PRESETS,
   help = "sizes and schedule that go together"},
  {"embed", type = "int", min = 1, max = 65536,
   help = "size of the vectors of tokens"},
  {"encoder-hidden", type = "int", min = 1, max = 65536,
   help = "units of the encoder per layer and direction (default as --hidden)"},
  {"encoder", type = "choice", choices = {"both", "forward"},
   default = "both", help = "directions that the source is read in"},
  {"attention", type = "choice", choices = seq2seq.ATTENTION,
   default = "additive", help = "how the decoder looks at the source"},
  {"heads", type = "int", min = 1, default = 4,
   help = "attention multihead: heads"},
  {"feed", type = "flag",
   help = "the decoder reads where it has just looked, too (input feeding)"},
  {"tied", type = "flag",
   help = "score with the table of the embedding of targets"},
  {"shared-vocab", type = "flag",
   help = "the same tokens and embedding for both sides"},
}, options.adapt(options.model, {
  cell = {choices = {"gru", "lstm"}, default = "gru"},
  hidden = {help = "units of the decoder per layer"}, layers = {default = 1},
  dropout = {help = "chance of zeroing what is between layers"},
  embed = false, tied = false, ["dropout-in"] = false,
  ["dropout-hidden"] = false, ["dropout-out"] = false,
  ["dropout-embed"] = false, ["weight-drop"] = false,
}), options.example_training, {
  {"smoothing", type = "number", min = 0, max = 1, default = 0.0,
   help = "share of the truth that goes to all tokens alike"},
  {"sampling", type = "number", min = 0, max = 1, default = 0.0,
   help = "chance that the decoder reads its own guess, not the truth"},
  {"sampling-steps", type = "int", min = 0, default = 2000,
   help = "steps over which that chance rises from 0"},
  {"metric", type = "choice", choices = {"loss", "bleu", "accuracy"},
   help = "what makes a model the best (default loss if sources are " ..
     "words, else accuracy)"},
  {"beam", type = "int", min = 1, max = 1000, default = 5,
   help = "width of the search in the test"},
}, options.example_control)

local TARGETS = {data = "target", valid_data = "valid_target",
                 test_data = "test_target"}

local function read(path, opts, option, i)
  return pairfiles.read(path, (opts[TARGETS[option]] or {})[i], opts)
end

---Tokens of the longest target.
local function target_length(pair)
  local most = 0
  for _, tokens in ipairs(pair.targets) do most = math.max(most, #tokens) end
  return most
end

---The pairs that are short enough to train on, and how many are not.
local function shorten(pairs, most)
  local short = {}
  for _, pair in ipairs(pairs) do
    if math.max(#pair.source, target_length(pair)) <= most then
      short[#short + 1] = pair
    end
  end
  return short, #pairs - #short
end

local function memory(known, opts, examples, slots)
  local source, target = 1, 1     -- "</s>"
  for _, pair in ipairs(examples) do
    source = math.max(source, #pair.source + 1)
    target = math.max(target, target_length(pair) + 1)
  end
  local batch = math.max(1, inbatches.MOST // math.max(source, target))
  return (seq2seq.memory(known, opts, {
    source = source, target = target, batch = math.min(opts.batch, batch)},
    slots))
end

---What is wrong with the files, if all targets have their own or none has.
local function uneven(opts)
  for _, option in ipairs {"data", "valid_data", "test_data"} do
    local name = TARGETS[option]
    local files, targets = #(opts[option] or {}), #(opts[name] or {})
    if (opts.target or targets > 0) and files ~= targets then
      return ("--%s must name a file for each of --%s: %d, got %d"):format(
             name:gsub("_", "-"), option:gsub("_", "-"), files, targets)
    end
  end
end

local function check(opts)
  local wrong = seq2seq.misfit(opts)
  if wrong then return (wrong:gsub("'(%l+)'", "--%1")) end
  if opts.metric == "bleu" and opts.source_units ~= "words" and
     opts.target_units == "words" then
    return "--metric bleu is not for phonemes: take loss or accuracy"
  end
  return uneven(opts) or pairfiles.fault(opts, opts.target ~= nil)
end

local function loss_options(opts, step)
  local risen = opts.sampling_steps == 0 and 1 or
                math.min(1, step / opts.sampling_steps)
  return {smoothing = opts.smoothing, sampling = opts.sampling * risen}
end

local function score(guesses, examples, model)
  local truths = {}
  for i, pair in ipairs(examples) do truths[i] = pair.targets end
  return textscores.of(guesses, truths, model:known())
end

rnn.datatask.main(arg, SPEC, {
  kind = seq2seq, unit = "token", predicts = true, read = read,
  shorten = shorten, check = check, memory = memory, score = score,
  loss_options = loss_options,
  predict_options = function(opts, testing)
    return {width = testing and opts.beam or 1}
  end,
  metric = function(known, opts)
    local metric = opts.metric or known.source_units ~= "words" and
                   "accuracy" or "loss"
    return metric ~= "loss" and metric or nil
  end,
  show = function(guesses, examples, model)
    return textscores.layout(score(guesses, examples, model))
  end,
  use = function(path)
    return {"use", rnn.run.command("translate.lua", path, "FILE")}
  end,
})
