---Trains a character language model on a text file and samples from it.
---Usage: rnnlua train_charlm.lua --data FILE --out DIR [options]   (--help)
local rnn = require "rnn"
local checkpoint = require "rnn.checkpoint"
local cli = require "rnn.cli"
local json = require "rnn.json"
local lm = require "rnn.models.lm"
local options = require "rnn.options"
local run = require "rnn.run"
local text = require "rnn.text"

local SPEC = options.join({
  name = "train_charlm.lua", usage = "--data FILE --out DIR [options]",
  summary = "Trains a character language model on a text file. Writes " ..
    "log.jsonl, last.safetensors and best.safetensors to DIR; prints a sample.",
  examples = {
    "train_charlm.lua --data book.txt --out runs/book --steps 2000",
    "train_charlm.lua --data book.txt --out runs/gru --cell gru --time 10m",
    "train_charlm.lua --out runs/book --resume --steps 4000",
  },
  {group = "Data"},
  {"data", type = "file", required = true, help = "text file; - is stdin"},
  {"val", type = "number", min = 0, below = 1, default = 0.1,
   help = "last part of the text, kept for validation"},
  {"tokenizer", type = "choice", choices = {"char", "byte"}, default = "char",
   help = "what a token is"},
  {"normal", type = "choice", choices = {"none", "nfc", "nfkc"},
   default = "none", help = "Unicode normal form of the text"},
  {"invalid", type = "choice", choices = {"error", "replace", "skip", "bytes"},
   default = "error", help = "what to do with bytes that are not UTF-8"},
  {group = "Model"},
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

-- {== Options, and the run to go on with ==

local opts = cli.given(arg, SPEC)
local last_path = (opts.out or "") .. "/last.safetensors"
local saved, meta, wrong
if opts.resume and opts.out then
  saved, meta = rnn.load(last_path)
  if not saved then cli.fail(3, "cannot resume: %s", meta) end
  options.resume(SPEC, opts, json.decode(meta["rnnlua.config"] or "null"),
                 last_path)
end
cli.complete(SPEC, opts)
if not (opts.steps or opts.epochs or opts.time) then opts.steps = 2000 end
rnn.threads(opts.threads)
rnn.seed(opts.seed)

-- }==

-- {== Text -> ids: a part to train on and a part to validate with ==

local function read_text()
  local corpus, message, code = text.read(opts.data, {
    invalid = opts.tokenizer == "byte" and "bytes" or opts.invalid})
  if not corpus then
    cli.fail(3, "%s%s", (message:gsub("; set .*", "")), code == "EIO" and
             "; --data takes a text file, or - for stdin" or
             "; use --invalid replace, skip or bytes, or --tokenizer byte")
  end
  local tok
  if saved then
    tok, message = text.tokenizer_from(meta.tokenizer or "")
    if not tok then cli.fail(3, "%s: %s", last_path, message) end
  else
    tok = text.tokenizer(opts.tokenizer, {
      normal = opts.normal ~= "none" and opts.normal or nil}):fit(corpus)
  end
  return tok, tok:encode(corpus),
         {bytes = #corpus, hash = checkpoint.fingerprint(corpus)}
end

local tok, ids, about_corpus = read_text()
local unit, M = opts.tokenizer, #ids
if M < 2 then
  cli.fail(3, "%s: %s, training needs at least 2; give a longer text",
           opts.data,
           M == 0 and "is empty" or "has 1 " .. unit)
end
local M_val = math.floor(M * opts.val)
if M_val < 2 or M - M_val < 2 then M_val = 0 end
local train_ids = ids:slice(1, 1, M - M_val)
local val_ids = M_val > 0 and ids:slice(1, M - M_val + 1, M) or nil

---Streams and steps such that n tokens make at least one window.
local function window(n, streams, steps)
  if n - 1 < steps then return 1, n - 1 end
  return math.min(streams, (n - 1) // steps), steps
end

local batch, seq = window(#train_ids, opts.batch, opts.seq)
local per_epoch = text.count_batches(#train_ids, seq, batch)
local total = math.min(opts.steps or math.maxinteger,
                       opts.epochs and opts.epochs * per_epoch or
                       math.maxinteger)
local endless = total == math.maxinteger

-- }==

-- {== Model, optimizer, run ==

local model = lm.build {
  tok = tok, cell = opts.cell, embed = opts.embed or opts.hidden,
  hidden = opts.hidden, layers = opts.layers, dropout = opts.dropout,
  precision = opts.precision,
}
local opt = rnn[options.OPTIM[opts.optim]](rnn.parameters(model), {
  lr = opts.lr, clip_norm = opts.clip > 0 and opts.clip or nil,
})

---Where training stands after a completed step: all that the next one needs.
local at = {step = 0, rng = rnn.random_state(), extra = {}}
if saved then
  at, wrong = checkpoint.restore(last_path, saved, meta, model, opt)
  if not at then cli.fail(3, "%s", wrong) end
  if at.extra.corpus ~= about_corpus.hash then
    cli.fail(3, "%s: is not the text that the run in %s was trained on",
             opts.data, opts.out)
  end
  if at.state and not lm.fits(model, at.state, batch) then
    cli.fail(3, "%s: its recurrent state does not fit the model", last_path)
  end
end

local log
log, wrong = run.open {
  dir = opts.out, config = opts, start = {corpus = about_corpus},
  step = opts.resume and at.step or nil, seconds = opts.time,
  total = not endless and total or nil, keep = opts.keep,
  unit = unit, quiet = opts.quiet,
}
if not log then cli.fail(5, "cannot write the run: %s", wrong) end
log:set_best(at.extra)

log:note("text    %d %ss, %d different; the last %d are for validation", M,
         unit, tok:usable(), M_val)
log:note("model   %s, %d parameters", model.rnn, lm.count(model))
if opts.resume then
  log:note("resume  from step %d%s", at.step, at.step < total and "" or
           ": all steps are done, more are made with a larger --steps")
else
  if batch < opts.batch or seq < opts.seq then
    log:warn("the text is short: training with --batch %d --seq %d", batch,
             seq)
  end
  if not val_ids and opts.val > 0 then
    log:warn("no text is left for validation: only the training loss is told")
  end
  if tok:usable() == 1 then log:warn("the text is one %s repeated", unit) end
end

local horizon = endless and 10000 or total
local schedule = rnn.schedule[opts.schedule](opts.lr, horizon)
local plateau = opts.schedule == "plateau" or nil
if plateau and at.extra.plateau then schedule:restore(at.extra.plateau) end

local function describe()
  local about = lm.describe(tok)
  about["rnnlua.config"] = json.encode(options.lasting(opts))
  return about
end

local function save_last(unlogged)
  at.extra = log:get_best()
  at.extra.corpus = about_corpus.hash
  at.extra.plateau = plateau and schedule:state()
  local all, about = checkpoint.pack(model, opt, at), describe()
  about["rnnlua.train"] = checkpoint.numbers(opt, at)
  return log:save("last", all, about, at.step, unlogged)
end

---Mean loss over the validation part: few streams, so that little of it is left
---out; the state is carried through all of it; no tape is open.
local function validate()
  local streams, steps = window(
    M_val, math.max(1, math.min(batch, M_val // (100 * seq))), seq)
  local sum, n, state = 0.0, 0, nil
  for x, y in text.batches(val_ids, {steps = steps, streams = streams}) do
    local logits
    logits, state = model:forward(x, state)
    sum, n = sum + rnn.cross_entropy(logits, y):item(), n + 1
    if coroutine.isyieldable() then coroutine.yield() end
  end
  if plateau then schedule:observe(sum / n) end
  if log:val(at.step, sum / n) then
    log:save("best", model, describe(), at.step)
  end
end

-- }==

-- {== Training ==

---Where the schedule stands: at a step, or with --time at a part of the time.
local function position()
  if not opts.time then return at.step end
  local by_time = log:elapsed() / opts.time * horizon
  return endless and by_time or math.max(at.step, by_time)
end

local function train_step(x, y)
  opt.lr = schedule(position())
  local tape <close> = rnn.tape()
  local logits, state = model:forward(x, at.state)
  local loss = rnn.cross_entropy(logits, y)
  tape:backward(loss)
  local norm = opt:step()
  at = {step = at.step + 1, state = rnn.detach(state, at.state),
        extra = at.extra, rng = rnn.random_state()}
  log:step {step = at.step, epoch = (at.step - 1) // per_epoch + 1,
            loss = loss:item(), lr = opt.lr, grad_norm = norm,
            tokens = batch * seq}
end

---Does what is due after a step; returns a reason to stop.
local function after_step()
  if val_ids and at.step % opts.eval_every == 0 and
     log.val_step < at.step then
    validate()
  end
  if at.step % opts.save_every == 0 then
    save_last()
    log:save_step(model, describe(), at.step)
  end
  if opts.patience > 0 and log.bad >= opts.patience then return "patience" end
  if opts.time and log:elapsed() >= opts.time then return "time" end
  if at.step >= total then return "done" end
end

local function train()
  local reason = at.step > 0 and after_step() or nil
  while not reason do
    local first = at.step % per_epoch + 1
    if first == 1 then at.state = nil end
    for x, y in text.batches(train_ids, {steps = seq, streams = batch,
                                         first = first}) do
      train_step(x, y)
      reason = after_step()
      if reason then break end
      coroutine.yield()
    end
  end
  return reason
end

local ok, reason, signal = run.loop(train)

-- }==

-- {== The end ==

---The command line of a script that lies beside this one.
local function command(script, ...)
  local program = 0
  while arg[program - 1] do program = program - 1 end
  local words = {arg[program], (arg[0]:gsub("[^/]+$", script)), ...}
  for i, word in ipairs(words) do words[i] = run.quote(word) end
  return table.concat(words, " ")
end

local function stop()
  local could = save_last(true)
  log:close("interrupted", {step = at.step})
  cli.fail(could and signal or 5, "stopped after step %d; to go on: %s",
           at.step, command("train_charlm.lua", "--out", opts.out, "--resume"))
end

local function diverged(why)
  log:close("diverged", {step = at.step})
  cli.fail(4, "training diverged at step %d (lr %g): %s; last checkpoint: " ..
           "%s; try a smaller --lr or --clip", at.step + 1, opt.lr, why,
           log.saved and last_path .. ", step " .. log.saved or "none")
end

if signal then stop() end
if not ok then
  local why = tostring(reason):match "[^\n]*":gsub("%S+:%d+: ", "")
  if why:find "not finite" then diverged(why) end
  log:close("error", {step = at.step, message = why})
  error(reason, 0)
end

if log.saved ~= at.step then save_last() end
if val_ids and log.val_step < at.step then validate() end
if not val_ids then log:save("best", model, describe(), at.step) end
log:close(reason, {step = at.step})

local plotted
if opts.plot then
  local drawn
  drawn, wrong = log:plot(opts.plot)
  if not drawn then io.stderr:write("warning: no plot: ", wrong, "\n") end
  if drawn and opts.plot ~= "-" then plotted = opts.plot end
end
log:note("done    %d steps in %s%s", at.step, run.duration(log:elapsed()),
         log.best and ("; best validation loss %.3f nats (%.2f bits) per %s, "
         .. "step %d"):format(log.best, run.bits(log.best), unit,
                              log.best_step) or "")
log:note("log     %s/log.jsonl", opts.out)
if plotted then log:note("plot    %s", plotted) end
log:note("model   %s", log:path "best")
log:note("sample  %s", command("sample.lua", log:path "best", "--length",
                               "500"))
if opts.sample_length > 0 then
  log:note("")
  rnn.generate.sample(model, tok, {
    length = opts.sample_length, temperature = 0.8, seed = opts.seed,
    on_text = function(s) io.stdout:write(s) end,
  })
  io.stdout:write "\n"
end
if log:unsaved() then cli.fail(5, "could not save: %s", log:unsaved()) end

-- }==
