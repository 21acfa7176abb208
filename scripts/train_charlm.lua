---Trains a character language model on text files and samples from it.
---Usage: rnnlua train_charlm.lua --data FILE --out DIR [options]   (--help)
local rnn = require "rnn"
local options = require "rnn.options"

local PRESETS = {
  small = {hidden = 128, layers = 2, help = "a first look; texts up to a few "
    .. "MB, minutes (these are the defaults)"},
  medium = {hidden = 256, layers = 2, embed = 64, dropout = 0.1, seq = 100,
    steps = 10000, schedule = "cosine", warmup = 100,
    help = "good text from 1 to 20 MB in an hour or so"},
  large = {hidden = 512, layers = 3, embed = 128, dropout = 0.2, batch = 64,
    seq = 128, steps = 30000, schedule = "cosine", warmup = 500, clip = 1.0,
    help = "the best this tool gives, for 10 MB and more: a night"},
  awd = {hidden = 512, layers = 3, embed = 128, dropout = 0.4, batch = 32,
    seq = 100, steps = 20000, random_seq = true, optim = "adamw",
    weight_decay = 0.01, schedule = "plateau", patience = 10, clip = 1.0,
    help = "much regularised, in the manner of AWD-LSTM: small texts that " ..
      "are read many times"},
}

local SPEC = options.join({
  name = "train_charlm.lua", usage = "--data FILE --out DIR [options]",
  saved = "resume",
  summary = "Trains a character language model on text files. Writes " ..
    "log.jsonl, last.safetensors and best.safetensors to DIR; prints a sample.",
  notes = "Every option can be set by a variable too: RNNLUA_HIDDEN=256 for " ..
    "--hidden 256. A flag goes before the variable, that before --config, " ..
    "that before --preset. Ctrl-C finishes the step, saves, and says how to " ..
    "go on; SIGUSR1 saves.",
  examples = {
    "train_charlm.lua --data book.txt --out runs/book --steps 2000",
    "train_charlm.lua --data books/*.txt --out runs/all --preset medium",
    "train_charlm.lua --data book.txt --out runs/gru --cell gru --time 10m",
    "train_charlm.lua --out runs/book --resume --steps 4000",
    "train_charlm.lua --data b.txt --out b --init-from a/best.safetensors",
  },
}, options.data, {
  {"tokenizer", type = "choice", choices = {"char", "byte", "grapheme"},
   default = "char",
   help = "what a token is: a code point, a byte, or all that people take " ..
     "for one character"},
  {group = "Model"},
  {"preset", type = "choice", choices = {"small", "medium", "large", "awd"},
   presets = PRESETS, help = "sizes and schedule that go together"},
}, options.model, options.training, options.control, {
  {"sample-length", type = "int", min = 0, default = 300,
   help = "characters of the sample at the end; 0 = none"},
})

rnn.lmtask.main(arg, SPEC)
