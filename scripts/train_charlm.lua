---Trains a character language model on text files and samples from it.
---Usage: rnnlua train_charlm.lua --data FILE --out DIR [options]   (--help)
local rnn = require "rnn"
local cli = require "rnn.cli"
local json = require "rnn.json"
local lm = require "rnn.models.lm"
local memory = require "rnn.memory"
local options = require "rnn.options"
local progress = require "rnn.progress"
local text = require "rnn.text"

local run = rnn.run

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
  {"tokenizer", type = "choice", choices = {"char", "byte"}, default = "char",
   help = "what a token is"},
  {group = "Model"},
  {"preset", type = "choice", choices = {"small", "medium", "large", "awd"},
   presets = PRESETS, help = "sizes and schedule that go together"},
  {"cell", type = "choice", choices = {"lstm", "gru", "rnn"},
   default = "lstm", help = "kind of recurrent layer"},
  {"hidden", type = "int", min = 1, max = 65536, default = 128,
   help = "units per layer"},
  {"layers", type = "int", min = 1, max = 100, default = 2, help = "layers"},
  {"embed", type = "int", min = 1, max = 65536,
   help = "size of an embedding (default as --hidden)"},
  {"dropout", type = "number", min = 0, below = 1, default = 0.0,
   help = "chance of zeroing an output of a layer"},
  {"precision", type = "choice", choices = {"full", "bf16"}, default = "full",
   help = "of factors of products in recurrent layers; bf16 is faster"},
}, options.training, options.control, {
  {"sample-length", type = "int", min = 0, default = 300,
   help = "characters of the sample at the end; 0 = none"},
})

-- {== Options, and the run or the model to go on with ==

local opts = cli.given(arg, SPEC)
options.check(opts)
local saved, base, base_tok, wrong
if opts.resume and opts.out then
  saved, wrong = run.find(opts.out, opts.resume)
  if not saved and (wrong or opts.resume ~= "auto") then
    cli.fail(3, "cannot resume: %s%s", wrong, opts.resume == "last" and
             "; --resume auto takes an older checkpoint, or starts" or "")
  end
end
if saved then
  options.resume(SPEC, opts, json.decode(saved.meta["rnnlua.config"] or
                                         "null"), saved.path)
elseif opts.init_from then
  base, base_tok = lm.load(opts.init_from)
  if not base then cli.fail(3, "%s", base_tok) end
  for name, value in pairs(lm.sizes(base)) do
    if opts[name] ~= nil and opts[name] ~= value then
      cli.fail(2, "--%s %s does not fit %s, which has %s: leave it out", name,
               opts[name], opts.init_from, value)
    end
    opts[name] = value
  end
  opts.tokenizer = opts.tokenizer or base_tok.kind
end
cli.complete(SPEC, opts)
opts.embed = opts.embed or opts.hidden
if not (opts.steps or opts.epochs or opts.time) then opts.steps = 2000 end
rnn.threads(opts.threads)
rnn.seed(opts.seed)

-- }==

-- {== Text -> ids: a part to train on and a part to validate with ==

---Option names as they are typed, in a message about the text.
local function in_options(message)
  return (message:gsub("; set 'invalid' to .*", "; use --invalid replace, " ..
    "skip or bytes, or --tokenizer byte"):gsub("(%l+) = '(%l+)'", "--%1 %2")
    :gsub("; 'fit' may extend it", ""))
end

---What to do when the text cannot be opened with the options given.
local function remedy(code)
  if code == "EIO" and saved then
    return "; --data names the text of the run where it is now"
  elseif code ~= "EVOCAB" then
    return ""
  elseif base then
    return "; --extend-vocab adds them"
  end
  return ("; a run that goes on cannot learn new ones, one with " ..
          "--init-from %s --extend-vocab can"):format(saved.path)
end

---With --dry-run nothing is written: no cache.
local function open_corpus()
  local tok = base_tok
  if saved then
    tok, wrong = text.tokenizer_from(saved.meta.tokenizer or "")
    if not tok then cli.fail(3, "%s: %s", saved.path, wrong) end
  end
  local corpus, message, code = rnn.corpus.open(opts.data, {
    tokenizer = tok or text.tokenizer(opts.tokenizer, {
      normal = opts.normal ~= "none" and opts.normal or nil}),
    fit = not tok and "new" or opts.extend_vocab and not saved and "extend" or
          "keep",
    invalid = opts.tokenizer == "byte" and "bytes" or opts.invalid,
    crlf = opts.crlf, separator = (opts.separator:gsub("\\n", "\n")),
    cache = not opts.dry_run and opts.out .. "/corpus.tokens",
  })
  if corpus then return corpus end
  cli.fail(3, "%s%s", in_options(message), remedy(code))
end

local corpus = open_corpus()
local tok, unit, M = corpus.tokenizer, opts.tokenizer, #corpus.tokens
if M < 2 then
  cli.fail(3, "%s: %s, training needs at least 2; give a longer text",
           table.concat(opts.data, ", "),
           M == 0 and "is empty" or "has 1 " .. unit)
end
local M_val = math.min(math.floor(M * opts.val), opts.val_max > 0 and
                       opts.val_max or M)
if M_val < 2 or M - M_val < 2 then M_val = 0 end
local train_ids = corpus.tokens:slice(1, 1, M - M_val)
local val_ids = M_val > 0 and corpus.tokens:slice(1, M - M_val + 1, M) or nil

---Streams and steps such that n tokens make at least one window.
local function window(n, streams, steps)
  if n - 1 < steps then return 1, n - 1 end
  return math.min(streams, (n - 1) // steps), steps
end

local batch, seq = window(#train_ids, opts.batch, opts.seq)
local reader = rnn.reader(train_ids, {
  steps = seq, streams = batch, stateless = opts.stateless,
  vary = opts.random_seq, seed = opts.seed})
local per_epoch = math.max(1, reader:per_epoch() // opts.accumulate)
local by_epochs = opts.epochs and opts.epochs * per_epoch
local total = math.min(opts.steps or math.maxinteger,
                       by_epochs or math.maxinteger)
if total == math.maxinteger then total = nil end

-- }==

-- {== Model, optimizer, memory ==

local config = {
  tok = tok, cell = opts.cell, embed = opts.embed, hidden = opts.hidden,
  layers = opts.layers, dropout = opts.dropout, precision = opts.precision,
}
local SLOTS = {sgd = 1, adagrad = 1, rmsprop = 3, adam = 2, adamw = 2}
local need, params = lm.memory(config, seq, batch, SLOTS[opts.optim])
local have, limit = memory.available()
if have and need > have then
  cli.fail(1, "training needs about %s of memory, %s leaves %s; take fewer " ..
           "units (--hidden), --batch or --seq", progress.bytes(need), limit,
           progress.bytes(have))
end

---Tells what is to be trained on what.
local function introduce(note)
  note(("text    %d %ss, %d different; the last %d are for validation")
       :format(M, unit, tok:usable(), M_val))
  for _, remark in ipairs(corpus.notes) do
    note("        " .. in_options(remark))
  end
  note(("model   %s of %d units, %d layer%s, %d parameters; needs about %s")
       :format(opts.cell:upper(), opts.hidden, opts.layers,
               opts.layers == 1 and "" or "s", params, progress.bytes(need)))
end

if opts.dry_run then
  introduce(print)
  print(("steps   %s of %d streams x %d tokens, %d to an epoch; nothing was " ..
         "trained"):format(total or "endless", batch, seq, per_epoch))
  return
end

local model = lm.build(config)
if base then
  local ok
  ok, wrong = lm.transfer(model, tok, base, base_tok)
  if not ok then cli.fail(3, "%s: %s", opts.init_from, wrong) end
end
local opt = options.optimizer(opts, rnn.parameters(model))

-- }==

-- {== The run ==

---Mean loss over the validation part: few streams, so that little of it is left
---out; the state is carried through all of it; no tape is open.
local function evaluate(r)
  local streams, steps = window(
    M_val, math.max(1, math.min(batch, M_val // (100 * seq))), seq)
  local sum, n, state = 0.0, 0, nil
  for x, y in text.batches(val_ids, {steps = steps, streams = streams}) do
    local logits
    logits, state = model:forward(x, state)
    sum, n = sum + rnn.cross_entropy(logits, y):item(), n + 1
    if r:stopping() then return nil end
  end
  return sum / n
end

---What a run knows its text by.
local fingerprint = {
  state = function() return {hash = corpus.hash} end,
  restore = function(_, was)
    if opts.allow_new_data or was.hash == corpus.hash then return true end
    return nil, ("%s: is not the text that the run in %s was trained on; " ..
                 "--allow-new-data goes on with it"):format(
                 table.concat(opts.data, ", "), opts.out)
  end,
}

local meta = lm.describe(tok)
local r, code
r, wrong, code = run.open {
  dir = opts.out, model = model, optim = opt, config = options.lasting(opts),
  start = {corpus = {bytes = corpus.bytes, hash = corpus.hash}}, meta = meta,
  parts = {reader = reader, corpus = fingerprint}, resume = saved,
  new_data = opts.allow_new_data, overwrite = opts.overwrite,
  schedule = options.schedule(opts, total or 10000), horizon = total or 10000,
  steps = opts.random_seq and opts.steps or total, seconds = opts.time,
  finished = by_epochs and opts.random_seq and
             function() return reader:finished(opts.epochs) end or nil,
  evaluate = val_ids and evaluate, accumulate = opts.accumulate,
  save_every = opts.save_every, eval_every = opts.eval_every,
  keep = opts.keep, patience = opts.patience, nan = opts.nan, unit = unit,
  csv = opts.csv, quiet = opts.quiet,
}
if not r then
  cli.fail(({EIO = 5, EUSE = 2})[code] or 3, "%s%s",
           code == "EIO" and "cannot write the run: " or "", wrong)
end
if r.at.state and not lm.fits(model, r.at.state, batch) then
  cli.fail(3, "%s: its recurrent state does not fit the model", saved.path)
end
introduce(function(line) r:note("%s", line) end)
if saved then
  r:note("resume  from step %d%s", r.at.step, r.at.step < (total or math.huge)
         and "" or ": all steps are done, more are made with a larger --steps")
elseif batch < opts.batch or seq < opts.seq then
  r:warn("the text is short: training with --batch %d --seq %d", batch, seq)
end
if not val_ids and opts.val > 0 and not saved then
  r:warn("no text is left for validation: only the training loss is told")
end
if tok:usable() == 1 and not saved then
  r:warn("the text is one %s repeated", unit)
end

r:train(function(state)
  local x, y, fresh = reader:next()
  local steps = x:shape()[1]
  local tape <close> = rnn.tape()
  local logits, last = model:forward(x, not fresh and state or nil)
  local loss = r:backward(tape, rnn.cross_entropy(logits, y))
  return loss, not opts.stateless and r:carry(last) or nil, steps * batch,
         steps / seq
end)

-- }==

-- {== The end ==

local plotted
if opts.plot then
  plotted, wrong = r:plot(opts.plot)
  if not plotted then io.stderr:write("warning: no plot: ", wrong, "\n") end
end
r:check(run.command("train_charlm.lua", "--out", opts.out, "--resume"))
local best = r:path "best"
r:note("done    %d steps in %s%s%s", r.at.step, run.duration(r:elapsed()),
       r.reason == "patience" and ("; stopped, validation was no better " ..
       "%d times (--patience)"):format(opts.patience) or "",
       r.best and ("; best validation loss %.3f nats (%.2f bits) per %s, " ..
       "step %d"):format(r.best, run.bits(r.best), unit, r.best_step) or "")
r:note("log     %s/log.jsonl", opts.out)
if plotted and opts.plot ~= "-" then r:note("plot    %s", opts.plot) end
r:note("model   %s", best)
r:note("sample  %s", run.command("sample.lua", best, "--length", "500"))
if opts.sample_length > 0 then
  r:note("")
  rnn.generate.sample(model, tok, {
    length = opts.sample_length, temperature = 0.8, seed = opts.seed,
    on_text = function(s) io.stdout:write(s) end,
  })
  io.stdout:write "\n"
end

-- }==
