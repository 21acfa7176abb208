---Training of a language model, from the command line to the sample at the end:
---what scripts/train_charlm.lua and scripts/train_wordlm.lua do.
local cli = require "rnn.cli"
local common = require "rnn.task"
local core = require "rnn.core"
local corpora = require "rnn.corpus"
local generate = require "rnn.generate"
local lm = require "rnn.models.lm"
local model_of = require "rnn.model"
local options = require "rnn.options"
local progress = require "rnn.progress"
local reader = require "rnn.reader"
local run = require "rnn.run"
local text = require "rnn.text"

local lmtask = {}

local MIXED = 4     -- how much more memory varied lengths take
local LOGGED = 200  -- tokens of a sample in the log, at most
local WARMTH = 0.8  -- temperature of samples

---@class rnn.LMTask: rnn.Task
---@field base? rnn.LM the model to start from
---@field base_tok? rnn.Tokenizer
---@field corpus rnn.Corpus
---@field valid? rnn.Corpus a text of its own to validate with
---@field tok rnn.Tokenizer
---@field val_ids? rnn.Tokens
---@field reader rnn.Reader
---@field batch integer
---@field seq integer
---@field config rnn.LMConfig
---@field model rnn.LM

-- {== Options, and the run or the model to go on with ==

local function has_option(spec, name)
  for _, option in ipairs(spec) do
    if option[1] == name then return true end
  end
end

---Ends the program unless the tokens of a model are among those of the script.
local function check_tokens(task, kind)
  for _, option in ipairs(task.spec) do
    if option[1] == "tokenizer" then
      for _, choice in ipairs(option.choices) do
        if choice == kind then return end
      end
      cli.fail(3, "%s: its --tokenizer is %s, this is for %s",
               task.opts.init_from, kind, table.concat(option.choices, ", "))
    end
  end
end

---Which tokenizer has which size.
local function check_size(opts)
  local bpe = opts.tokenizer == "bpe"
  if bpe and opts.max_vocab then
    cli.fail(2, "--tokenizer bpe has no --max-vocab, but --vocab-size")
  elseif bpe and opts.split then
    cli.fail(2, "--tokenizer bpe has no --split: it splits by itself")
  elseif opts.vocab_size and not bpe then
    cli.fail(2, "--tokenizer %s has no --vocab-size, but --max-vocab",
             opts.tokenizer)
  end
end

---The model to start from: its sizes and its tokenizer are options now.
local function load_base(task)
  local opts = task.opts
  local base, tok = lm.load(opts.init_from)
  if not base then cli.fail(3, "%s", tok) end
  for name, value in pairs(lm.sizes(base)) do
    if type(value) == "table" then value = table.concat(value, ",") end
    if opts[name] ~= nil and opts[name] ~= value then
      cli.fail(2, "--%s %s does not fit %s, which has %s: leave it out", name,
               opts[name], opts.init_from, value)
    end
    local known = has_option(task.spec, name)
    if not known and value == "adaptive" then
      cli.fail(3, "%s: has an adaptive softmax, %s trains none",
               opts.init_from, task.spec.name)
    end
    opts[name] = known and value or nil
  end
  check_tokens(task, tok.kind)
  opts.tokenizer = opts.tokenizer or tok.kind
  task.base, task.base_tok = base, tok
end

---Completes the options, by those of the run or the model to go on with.
local function settle_options(task)
  local opts = task.opts
  common.settle(task, function()
    if opts.init_from then load_base(task) end
    if opts.softmax == "adaptive" and opts.tied == nil then
      opts.tied = false   -- that of a preset is for the full one
    end
  end)
  check_size(opts)
  opts.embed = opts.embed or opts.hidden
  options.check_model(opts)
  if not (opts.steps or opts.epochs or opts.time) then opts.steps = 2000 end
  task.slots = options.slots(opts)
end

-- }==

-- {== Text -> ids: a part to train on and a part to validate with ==

---Option names as they are typed, in a message about the text.
local function in_options(message)
  return (message:gsub("; set 'invalid' to .*", "; use --invalid replace, " ..
    "skip or bytes, or --tokenizer byte"):gsub("(%l+) = '(%l+)'", "--%1 %2")
    :gsub("; 'fit' may extend it", "")
    :gsub("leave out 'extend'", "leave out --extend-vocab")
    :gsub("'max_size'", "--max-vocab"):gsub("'vocab_size'", "--vocab-size"))
end

---What to do when the text cannot be opened with the options given.
local function remedy(task, code)
  if code == "EIO" and task.saved then
    return "; --data names the text of the run where it is now"
  elseif code ~= "EVOCAB" then
    return ""
  elseif task.base then
    return "; --extend-vocab adds them"
  end
  return ("; a run that goes on cannot learn new ones, one with " ..
          "--init-from %s --extend-vocab can"):format(task.saved.path)
end

---Opens texts; with --dry-run nothing is written: no cache.
local function open(task, paths, tok, fit, cache)
  local opts = task.opts
  return corpora.open(paths, {
    tokenizer = tok, fit = fit, crlf = opts.crlf,
    invalid = opts.tokenizer == "byte" and "bytes" or opts.invalid,
    separator = (opts.separator:gsub("\\n", "\n")),
    cache = not opts.dry_run and opts.out .. "/" .. cache or nil,
  })
end

---The text, and the tokenizer for it.
local function open_corpus(task)
  local opts, saved, tok = task.opts, task.saved, task.base_tok
  if saved then
    local wrong
    tok, wrong = text.tokenizer_from(saved.meta.tokenizer or "")
    if not tok then cli.fail(3, "%s: %s", saved.path, wrong) end
  end
  local fit = not tok and "new" or opts.extend_vocab and not saved and
              "extend" or "keep"
  local corpus, message, code = open(task, opts.data, tok or
    text.tokenizer(opts.tokenizer, {
      normal = opts.normal ~= "none" and opts.normal or nil,
      split = opts.split,
      min_count = opts.min_count, max_size = opts.max_vocab,
      vocab_size = opts.vocab_size,
    }), fit, "corpus.tokens")
  if not corpus then
    cli.fail(3, "%s%s", in_options(message), remedy(task, code))
  end
  task.corpus, task.tok = corpus, corpus.tokenizer
  task.unit = task.tok.unit
  local M = #corpus.tokens
  if M < 2 then
    cli.fail(3, "%s: %s, training needs at least 2; give a longer text",
             table.concat(opts.data, ", "),
             M == 0 and "is empty" or "has 1 " .. task.unit)
  end
end

---Another text, in the tokens of the first.
local function open_other(task, name)
  local paths = task.opts[name]
  if not paths then return nil end
  local other, message, code = open(task, paths, task.tok, "keep",
                                    name .. ".tokens")
  if not other then
    cli.fail(3, "%s%s", in_options(message), code == "EVOCAB" and
             "; --data must have them" or "")
  elseif #other.tokens < 2 then
    cli.fail(3, "%s: is too short", table.concat(paths, ", "))
  end
  return other
end

---Cuts the last part off the text for validation, unless there is another one.
local function divide(task)
  local opts, tokens = task.opts, task.corpus.tokens
  task.valid, task.test = open_other(task, "valid_data"),
                          open_other(task, "test_data")
  if task.valid then
    task.val_ids = task.valid.tokens
    return tokens
  end
  local M = #tokens
  local M_val = math.min(math.floor(M * opts.val), opts.val_max > 0 and
                   opts.val_max or M)
  if M_val < 2 or M - M_val < 2 then return tokens end
  task.val_ids = tokens:slice(1, M - M_val + 1, M)
  return tokens:slice(1, 1, M - M_val)
end

---Streams and steps such that n tokens make at least one window.
local function window(n, streams, steps)
  if n - 1 < steps then return 1, n - 1 end
  return math.min(streams, (n - 1) // steps), steps
end

---The reader of the training part, and how many steps there are to make.
local function open_reader(task)
  local opts, ids = task.opts, divide(task)
  task.batch, task.seq = window(#ids, opts.batch, opts.seq)
  task.reader = reader(ids, {
    steps = task.seq, streams = task.batch, stateless = opts.stateless,
    vary = opts.random_seq, seed = opts.seed})
  task.per_epoch = math.max(1, task.reader:per_epoch() // opts.accumulate)
  task.by_epochs = opts.epochs and opts.epochs * task.per_epoch
  local total = math.min(opts.steps or math.maxinteger,
                         task.by_epochs or math.maxinteger)
  task.total = total < math.maxinteger and total or nil
end

-- }==

-- {== Model, optimizer, memory ==

local function plan_model(task)
  local opts = task.opts
  local config = {tok = task.tok}
  for _, option in ipairs(options.model) do
    local name = option[1]:gsub("-", "_")
    config[name] = opts[name]
  end
  options.output_layer(config, opts)
  task.config = config
  -- blocks of other lengths are kept, to be used again
  local steps = task.seq * (opts.random_seq and MIXED or 1)
  task.need, task.params = lm.memory(config, steps, task.batch, task.slots)
  common.check_memory(task.need, "fewer units (--hidden), --batch or --seq")
end

---Tells what is to be trained on what.
local function introduce(task, note)
  local opts, M_val = task.opts, task.val_ids and #task.val_ids or 0
  note(("text    %d %ss, %d different; %s %d are for validation"):format(
       #task.corpus.tokens, task.unit, task.tok:usable(),
       task.valid and "others," or "the last", M_val))
  for _, remark in ipairs(task.corpus.notes) do
    note("        " .. in_options(remark))
  end
  local cutoffs = task.config.cutoffs
  note(("model   %s of %d units, %d layer%s%s, %d parameters; needs about %s")
       :format(opts.cell:upper(), opts.hidden, opts.layers,
               opts.layers == 1 and "" or "s", cutoffs and
               ", softmax by " .. table.concat(cutoffs, ",") or "", task.params,
               progress.bytes(task.need)))
end

local function make_model(task)
  local model = lm.build(task.config)
  if task.base then
    local ok, wrong = lm.transfer(model, task.tok, task.base, task.base_tok)
    if not ok then cli.fail(3, "%s: %s", task.opts.init_from, wrong) end
  end
  task.model = model
end

-- }==

-- {== The run ==

---Mean loss over ids: few streams, so that little of them is left out; the
---state is carried through all; no tape is open. nil when it was broken off.
local function evaluate(task, model, ids)
  local seq = task.seq
  local streams, steps = window(
    #ids, math.max(1, math.min(task.batch, #ids // (100 * seq))), seq)
  local sum, count, state = 0.0, 0, nil
  for x, y in text.batches(ids, {steps = steps, streams = streams,
                                 rest = true}) do
    local loss
    loss, state = model:evaluate(x, y, state)
    local n = x:shape()[1] * streams
    sum, count = sum + loss * n, count + n
    if task.run:stopping() then return nil end
  end
  return sum / count
end

---Adds to the log what the model writes by itself now, at each validation.
local function log_sample(task)
  local opts, r = task.opts, task.run
  local length = math.min(opts.sample_length, LOGGED)
  if length == 0 then return end
  r:log("sample", {step = r.at.step, text = assert(generate.sample(task.model,
    task.tok, {length = length, temperature = WARMTH, seed = opts.seed}))})
end

local function open_run(task)
  local opts, by_text = task.opts, task.reader
  local opt, parts = options.optimizer(opts, model_of.parameters(task.model))
  parts.reader = by_text
  parts.corpus = common.fingerprint(opts, {
    hash = task.corpus.hash, valid = task.valid and task.valid.hash})
  common.open_run(task, {
    optim = opt, parts = parts, meta = lm.describe(task.tok),
    unit = task.unit,
    start = {corpus = {bytes = task.corpus.bytes, hash = task.corpus.hash}},
    steps = opts.random_seq and opts.steps or task.total,
    finished = task.by_epochs and opts.random_seq and
               function() return by_text:finished(opts.epochs) end or nil,
    evaluate = task.val_ids and function()
      local loss = evaluate(task, task.model, task.val_ids)
      if loss then log_sample(task) end
      return loss
    end,
  })
  local r = task.run
  if r.at.state and not lm.fits(task.model, r.at.state, task.batch) then
    cli.fail(3, "%s: its recurrent state does not fit the model",
             task.saved.path)
  end
end

---What people should know before it begins.
local function announce(task)
  local opts, r, saved = task.opts, task.run, task.saved
  introduce(task, function(line) r:note("%s", line) end)
  common.announce_resumed(task)
  if not saved and (task.batch < opts.batch or task.seq < opts.seq) then
    r:warn("the text is short: training with --batch %d --seq %d", task.batch,
           task.seq)
  end
  if not task.val_ids and opts.val > 0 and not saved then
    r:warn("no text is left for validation: only the training loss is told")
  end
  if task.tok:usable() == 1 and not saved then
    r:warn("the text is one %s repeated", task.unit)
  end
end

local function train(task)
  local opts, r, model = task.opts, task.run, task.model
  r:train(function(state)
    local x, y, fresh = task.reader:next()
    local steps = x:shape()[1]
    local tape <close> = core.tape()
    local total, loss, last = model:loss(x, y, not fresh and state or nil,
                                         opts)
    r:backward(tape, total)
    return loss:item(), not opts.stateless and r:carry(last) or nil,
           steps * task.batch, steps / task.seq
  end)
end

-- }==

-- {== The end ==

---The loss of the best model on the text of --test-data.
local function test(task)
  if not task.test then return end
  local r = task.run
  local best, wrong = lm.load(r:path "best")
  if not best then return r:warn("no test: %s", wrong) end
  local loss = evaluate(task, best, task.test.tokens)
  if not loss then return end
  r:note("test    loss %.3f nats (%s) per %s", loss,
         progress.usual(loss, task.unit), task.unit)
end

local function sample(task)
  local opts = task.opts
  if opts.sample_length == 0 then return end
  task.run:note("")
  task.run:averaged(generate.sample, task.model, task.tok, {
    length = opts.sample_length, temperature = WARMTH, seed = opts.seed,
    on_text = function(s) io.stdout:write(s) end,
  })
  io.stdout:write "\n"
end

local function conclude(task)
  common.conclude(task, function() test(task) end, {"sample", run.command(
    "sample.lua", task.run:path "best", "--length", "500")})
end

-- }==

---Trains as the command line says; ends the program when something is wrong.
---@param args string[] the script's `arg`
---@param spec table its options, those of rnn.options among them
function lmtask.main(args, spec)
  local task = {spec = spec, opts = cli.given(args, spec)}
  settle_options(task)
  core.threads(task.opts.threads)
  core.seed(task.opts.seed)
  open_corpus(task)
  open_reader(task)
  plan_model(task)
  if task.opts.dry_run then
    introduce(task, print)
    print(("steps   %s of %d streams x %d tokens, %d to an epoch; nothing " ..
           "was trained"):format(task.total or "endless", task.batch, task.seq,
                                 task.per_epoch))
    return
  end
  make_model(task)
  open_run(task)
  announce(task)
  train(task)
  conclude(task)
  sample(task)
end

return lmtask
