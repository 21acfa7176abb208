---Trains a language model of words, or of parts of words, on text files and
---samples from it.
---Usage: rnnlua train_wordlm.lua --data FILE --out DIR [options]   (--help)
local rnn = require "rnn"
local options = require "rnn.options"

---Presets of a size are compared fairly: they differ in what regularises.
---Losses are means over steps: --lr 20 with --seq 20 is a rate of 1 for sums.
local PRESETS = {
  plain = {hidden = 200, layers = 2, tied = true, batch = 20, seq = 35,
    epochs = 20, optim = "sgd", lr = 20.0, clip = 0.25, schedule = "plateau",
    lr_factor = 0.25, lr_patience = 0, eval_every = 664, patience = 4,
    help = "a tied LSTM without dropout, stopped when validation gets no " ..
      "better"},
  awd = {hidden = 200, layers = 2, tied = true, batch = 20, seq = 35,
    epochs = 25, random_seq = true, optim = "ntasgd", lr = 20.0, clip = 0.25,
    average_patience = 2, eval_every = 332, weight_decay = 1.2e-6,
    dropout_embed = 0.05, dropout_in = 0.15, dropout_hidden = 0.15,
    dropout_out = 0.25, weight_drop = 0.2, ar = 1.0, tar = 0.5,
    help = "the same size, regularised and averaged as AWD-LSTM (Merity et " ..
      "al. 2017)"},
  small = {hidden = 200, layers = 2, batch = 20, seq = 20, epochs = 13,
    optim = "sgd", lr = 20.0, clip = 0.25, schedule = "plateau",
    lr_patience = 0, eval_every = 2323,
    help = "the small model of Zaremba et al. 2014"},
  medium = {hidden = 650, layers = 2, dropout = 0.5, batch = 20, seq = 35,
    epochs = 39, optim = "sgd", lr = 35.0, clip = 0.14, schedule = "plateau",
    lr_patience = 0, lr_factor = 0.8, eval_every = 1327,
    help = "their medium one: a day on a few cores"},
}

local TOKENIZERS = {
  word = {min_count = 1, max_vocab = 100000, help = "words"},
  bpe = {min_count = 2, vocab_size = 8192,
    help = "parts of words, learnt by byte pair encoding; no text is unknown"},
}

local SPEC = options.join({
  name = "train_wordlm.lua", usage = "--data FILE --out DIR [options]",
  saved = "resume",
  summary = "Trains a language model on the words of text files, which " ..
    "white space stands between; line ends are the word <eos>, words that " ..
    "are not learnt <unk>. With --tokenizer bpe tokens are parts of words, " ..
    "and any text has them. Writes log.jsonl, last.safetensors and " ..
    "best.safetensors to DIR; prints a sample. score.lua gives the " ..
    "perplexity of other texts.",
  notes = "Every option can be set by a variable too: RNNLUA_HIDDEN=256 for " ..
    "--hidden 256. A flag goes before the variable, that before --config, " ..
    "that before --preset. Ctrl-C finishes the step, saves, and says how to " ..
    "go on; SIGUSR1 saves.",
  examples = {
    "train_wordlm.lua --data train.txt --valid-data valid.txt --out run",
    "train_wordlm.lua --data book.txt --out book --preset awd --max-vocab " ..
      "20000",
    "train_wordlm.lua --data big.txt --out big --softmax adaptive --optim " ..
      "adam --lr 1e-3",
    "train_wordlm.lua --data book.txt --out parts --tokenizer bpe",
    "train_wordlm.lua --out run --resume --epochs 30",
  },
}, options.data, {
  {"tokenizer", type = "choice", choices = {"word", "bpe"}, default = "word",
   presets = TOKENIZERS, help = "what a token is"},
  {"split", type = "choice", choices = {"space", "unicode"},
   help = "where words end: at white space (default), or before punctuation " ..
     "as well, in the manner of Unicode's word boundaries"},
  {"min-count", type = "int", min = 1,
   help = "times that a word must occur to be learnt, or a pair of tokens " ..
     "that bpe joins"},
  {"max-vocab", type = "int", min = 1,
   help = "words to learn at most, the most frequent"},
  {"vocab-size", type = "int", min = 256, max = 1 << 20,
   help = "tokens of bpe at most, 256 bytes among them"},
  {group = "Model"},
  {"preset", type = "choice", choices = {"plain", "awd", "small", "medium"},
   default = "plain", presets = PRESETS,
   help = "sizes and schedule that go together"},
}, options.model, options.softmax, options.training, options.control, {
  {"sample-length", type = "int", min = 0, default = 50,
   help = "tokens of the sample at the end; 0 = none"},
})

rnn.lmtask.main(arg, SPEC)
