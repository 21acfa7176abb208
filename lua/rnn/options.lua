---Options that training scripts share, for their option tables:
---
---    local SPEC = options.join({name = ..., summary = ..., ...own options},
---                              options.data, options.model,
---                              options.training, options.control)
local cli = require "rnn.cli"
local core = require "rnn.core"
local json = require "rnn.json"
local lm = require "rnn.models.lm"
local optim = require "rnn.optim"
local plot = require "rnn.plot"

local options = {}

options.data = {
  {group = "Data"},
  {"data", type = "file", required = true, list = true, many = true,
   help = "text files; - is stdin, .gz is unpacked"},
  {"separator", type = "string", default = "\\n",
   help = "text put between files; \\n is a new line"},
  {"valid-data", type = "file", list = true, many = true,
   help = "text files to validate with, instead of a part of --data"},
  {"test-data", type = "file", list = true, many = true,
   help = "text files that the best model is tested with at the end"},
  {"val", type = "number", min = 0, below = 1, default = 0.1,
   help = "last part of the text, kept for validation"},
  {"val-max", type = "int", min = 0, default = 2000000,
   help = "tokens that part has at most; 0 = no limit"},
  {"normal", type = "choice", choices = {"none", "nfc", "nfkc"},
   default = "none", help = "Unicode normal form of the text"},
  {"invalid", type = "choice", choices = {"error", "replace", "skip", "bytes"},
   default = "error", help = "what to do with bytes that are not UTF-8"},
  {"crlf", type = "choice", choices = {"keep", "lf"}, default = "keep",
   help = "line ends CR LF: keep them, or make them LF"},
  {"stateless", type = "flag",
   help = "windows in random order, each from state 0, instead of streams " ..
     "that go on"},
}

---Data that is a list of examples: sentences, texts, pairs.
options.examples = {
  {group = "Data"},
  {"data", type = "file", required = true, list = true, many = true,
   help = "files to train on; - is stdin, .gz is unpacked"},
  {"valid-data", type = "file", list = true, many = true,
   help = "files to validate with, instead of a part of --data"},
  {"test-data", type = "file", list = true, many = true,
   help = "files that the best model is tested with at the end"},
  {"val", type = "number", min = 0, below = 1, default = 0.1,
   help = "part of --data, drawn at random, kept for validation"},
  {"test", type = "number", min = 0, below = 1, default = 0.0,
   help = "part of --data, drawn at random, kept for the test"},
  {"invalid", type = "choice", choices = {"error", "replace", "skip"},
   default = "error", help = "what to do with bytes that are not UTF-8"},
  {"max-length", type = "int", min = 1, default = 1000,
   help = "tokens of an example to train on at most; longer ones are cut"},
  {"min-count", type = "int", min = 1, default = 1,
   help = "times that a token must occur to be learnt"},
  {"max-vocab", type = "int", min = 2, default = 100000,
   help = "tokens to learn at most, the most frequent"},
}

---A chance of dropout.
local function chance(name, help)
  return {name, type = "number", min = 0, below = 1, default = 0.0,
          help = help}
end

options.model = {
  {"cell", type = "choice", choices = {"lstm", "gru", "rnn"},
   default = "lstm", help = "kind of recurrent layer"},
  {"hidden", type = "int", min = 1, max = 65536, default = 128,
   help = "units per layer"},
  {"layers", type = "int", min = 1, max = 100, default = 2, help = "layers"},
  {"embed", type = "int", min = 1, max = 65536,
   help = "size of an embedding (default as --hidden)"},
  {"tied", type = "flag",
   help = "score with the table of the embedding, which is as large as " ..
     "--hidden"},
  chance("dropout", "chance of zeroing an output of a layer"),
  chance("dropout-in", "of an embedding, as are those below the same at all " ..
         "steps"),
  chance("dropout-hidden", "of an output between layers"),
  chance("dropout-out", "of an output of the last layer"),
  chance("dropout-embed", "of a row of the embedding's table, a whole token"),
  chance("weight-drop", "of a recurrent weight"),
  {"precision", type = "choice", choices = {"full", "bf16"}, default = "full",
   help = "of factors of products in recurrent layers; bf16 is faster"},
}

options.softmax = {
  {"softmax", type = "choice", choices = {"full", "adaptive"},
   default = "full", help = "output layer; adaptive (Grave et al. 2017) " ..
     "takes less time with many words, and is not tied"},
  {"cutoffs", type = "string", metavar = "N,N",
   help = "--softmax adaptive: the last of the frequent words, and of each " ..
     "cluster but the last (default by how many words there are)"},
}

options.training = {
  {group = "Training"},
  {"steps", type = "int", min = 1,
   help = "steps to train (default 2000 unless --epochs or --time is given)"},
  {"epochs", type = "int", min = 1, help = "passes over the data"},
  {"time", type = "duration", above = 0,
   help = "stop after seconds, or 30m, 1h30m"},
  {"batch", type = "int", min = 1, max = 1 << 20, default = 50,
   help = "streams trained side by side"},
  {"seq", type = "int", min = 1, max = 1 << 20, default = 50,
   help = "tokens of a stream in one step, the window of BPTT"},
  {"random-seq", type = "flag",
   help = "vary --seq from step to step, and the learning rate with it"},
  {"accumulate", type = "int", min = 1, default = 1,
   help = "batches whose gradients make one step"},
  {"optim", type = "choice", default = "adam",
   choices = {"sgd", "asgd", "ntasgd", "adagrad", "adadelta", "rmsprop",
     "adam", "adamw", "adamax", "nadam", "radam", "lion"},
   help = "update rule; asgd and ntasgd average the weights"},
  {"momentum", type = "number", min = 0, below = 1,
   help = "optim sgd, rmsprop: part of the last step that is added"},
  {"beta1", type = "number", min = 0, below = 1,
   help = "optim adam and its kin, lion: decay of the mean gradient"},
  {"beta2", type = "number", min = 0, below = 1,
   help = "decay of the mean squared gradient"},
  {"eps", type = "number", above = 0,
   help = "what is added to a square root before it divides"},
  {"average-from", type = "int", min = 0,
   help = "optim asgd: steps before it averages (default 0)"},
  {"average-patience", type = "int", min = 1,
   help = "optim ntasgd: it averages once a validation is worse than the " ..
     "best of all but so many last ones (default 5)"},
  {"ema", type = "number", above = 0, below = 1,
   help = "decay of averages of the weights, kept beside any rule"},
  {"weight-decay", type = "number", min = 0, default = 0.0,
   help = "pull of the weights towards 0"},
  {"ar", type = "number", min = 0, default = 0.0,
   help = "penalty of large outputs of the last layer"},
  {"tar", type = "number", min = 0, default = 0.0,
   help = "penalty of their change from step to step"},
  {"clip", type = "number", min = 0, default = 5.0,
   help = "largest norm of the gradient; 0 = no limit"},
  {"lr", type = "number", above = 0, default = 2e-3, help = "learning rate"},
  {"schedule", type = "choice", default = "constant",
   choices = {"constant", "step", "exponential", "cosine", "plateau"},
   help = "how the learning rate falls"},
  {"warmup", type = "int", min = 0, default = 0,
   help = "steps over which the learning rate rises from 0"},
  {"lr-every", type = "int", min = 1,
   help = "schedule step: steps between falls (default a quarter of all)"},
  {"lr-factor", type = "number", above = 0, max = 1, default = 0.5,
   help = "schedules step, plateau: what a fall multiplies with"},
  {"lr-patience", type = "int", min = 0, default = 1,
   help = "schedule plateau: validations without a new best before a fall"},
  {"lr-final", type = "number", above = 0, max = 1, default = 0.01,
   help = "schedules exponential, cosine: the last part of --lr"},
  {"seed", type = "int", default = 1, help = "seed of all randomness"},
  {"threads", type = "int", min = 0, max = 256, default = 0,
   help = "worker threads; 0 = all cores this process may use"},
}

options.control = {
  {group = "Control"},
  {"out", type = "file", metavar = "DIR", required = true,
   help = "folder of the run"},
  {"resume", type = "file", bare = "last", metavar = "CHECKPOINT",
   help = "go on from DIR/last.safetensors, with its options; auto: from " ..
     "the newest sound checkpoint, or from the start; or a file"},
  {"overwrite", type = "flag", help = "start anew in a folder with a run"},
  {"init-from", type = "file", metavar = "MODEL",
   help = "start with the weights and the sizes of a model"},
  {"extend-vocab", type = "flag",
   help = "--init-from: add the characters that are new in the text"},
  {"allow-new-data", type = "flag",
   help = "--resume: go on with another text, from its start"},
  {"config", type = "config",
   help = "file with a table of options: {hidden = 256}"},
  {"eval-every", type = "int", min = 1,
   help = "steps between validations (default 250)"},
  {"save-every", type = "int", min = 1,
   help = "steps between checkpoints (default 250)"},
  {"keep", type = "int", min = 0, default = 0,
   help = "numbered checkpoints to keep beside last and best"},
  {"patience", type = "int", min = 0, default = 0,
   help = "validations without a new best before stopping; 0 = never"},
  {"nan", type = "choice", choices = {"stop", "skip", "rollback"},
   default = "stop",
   help = "when loss or gradient is not finite: stop, pass the batch over, " ..
     "or go back to the last checkpoint with half the rate"},
  {"plot", type = "file", help = "draw the losses: .png, .svg or - (gnuplot)"},
  {"csv", type = "flag", help = "write DIR/log.csv too"},
  {"quiet", type = "flag", help = "only warnings on stderr"},
  {"dry-run", type = "flag",
   help = "show text, model, memory and steps, and stop"},
}

---Classes of the choices of --optim. Rprop and L-BFGS are not for batches.
local OPTIM = {sgd = "SGD", asgd = "ASGD", ntasgd = "ASGD",
               adagrad = "Adagrad", adadelta = "Adadelta",
               rmsprop = "RMSprop", adam = "Adam", adamw = "AdamW",
               adamax = "Adamax", nadam = "NAdam", radam = "RAdam",
               lion = "Lion"}

---Options that say where and how loud: files do not depend on them.
local PASSING = {"out", "config", "resume", "overwrite", "init_from",
                 "extend_vocab", "allow_new_data", "threads", "plot", "csv",
                 "quiet", "dry_run", "sample_length", "show", "predict",
                 "predictions"}

---Options that may change when a run goes on; the others are what it is.
local FREE = {"data", "valid_data", "test_data", "tags", "valid_tags",
              "test_tags", "target", "valid_target", "test_target", "beam",
              "steps", "epochs", "time", "lr", "clip", "schedule", "warmup",
              "lr_every", "lr_factor", "lr_patience", "lr_final",
              "weight_decay", "eval_every", "save_every", "keep", "patience",
              "nan"}

local function without(t, names)
  local copy = {}
  for k, v in pairs(t) do copy[k] = v end
  for _, name in ipairs(names) do copy[name] = nil end
  return copy
end

---A list of options, some with other fields (default, help), some left out.
---@param list table[]
---@param changes table<string, table|false> by name; false leaves it out
---@return table[]
function options.adapt(list, changes)
  local adapted = {}
  for _, option in ipairs(list) do
    local change = changes[option[1]]
    local copy = without(option, {})
    for field, value in pairs(change or {}) do copy[field] = value end
    if change ~= false then adapted[#adapted + 1] = copy end
  end
  return adapted
end

---Options of the layers that read examples, in both directions as a rule.
options.example_layers = options.adapt(options.model, {
  hidden = {help = "units per layer and direction"}, layers = {default = 1},
  dropout = {default = 0.5, help = "chance of zeroing an input or an output " ..
    "of a layer, the same ones at all steps"},
  embed = false, tied = false, ["dropout-in"] = false,
  ["dropout-hidden"] = false, ["dropout-out"] = false,
  ["dropout-embed"] = false,
})

---Options of a label by the vector of an example.
options.labels = {
  {"pool", type = "choice", choices = {"last", "mean", "max", "attention"},
   default = "max", help = "what makes the steps of an example one vector"},
  {"head", type = "int", min = 0, max = 65536, default = 0,
   help = "units between that vector and the labels; 0 = none"},
  {"label-smoothing", type = "number", min = 0, below = 1, default = 0.0,
   help = "part of the certainty that goes to all labels"},
  {"balance", type = "choice", choices = {"none", "weights", "sample"},
   default = "none",
   help = "rare labels: as they are, of more weight, or repeated"},
  {"metric", type = "choice", choices = {"accuracy", "macro_f1"},
   default = "accuracy", help = "what the best model has most of"},
}

---Options of what words are read by.
options.words = {
  {"embed", type = "int", min = 1, max = 65536, default = 100,
   help = "size of the vectors of tokens"},
  {"vectors", type = "file", metavar = "FILE",
   help = "pretrained vectors of words: word2vec, GloVe, .vec; also .gz"},
  {"freeze", type = "flag", help = "do not train the pretrained vectors"},
  {"chars", type = "choice", choices = {"lstm", "cnn", "none"},
   default = "lstm", help = "what reads the characters of a word, beside it"},
  {"char-embed", type = "int", min = 1, max = 65536, default = 30,
   help = "size of the vectors of characters"},
  {"char-hidden", type = "int", min = 1, max = 65536, default = 50,
   help = "units that read characters in each direction, or filters"},
}

---Options of training on examples: there are no streams and no windows.
options.example_training = options.adapt(options.training, {
  steps = {help = "steps to train, instead of --epochs"},
  epochs = {default = 20},
  batch = {default = 32, help = "examples of a step"},
  lr = {default = 1e-3}, schedule = {default = "cosine"},
  seq = false, ["random-seq"] = false, ar = false, tar = false,
})

---Options of such a run.
options.example_control = options.adapt(options.control, {
  ["eval-every"] = {help = "steps between validations (default an epoch)"},
  ["save-every"] = {help = "steps between checkpoints (default an epoch)"},
  ["init-from"] = {help = "start with the weights and the tokens of a model"},
  ["extend-vocab"] = false,
})

---Appends lists of options to an option table.
---@param spec table
---@param ... table[]
---@return table spec
function options.join(spec, ...)
  for _, list in ipairs {...} do
    table.move(list, 1, #list, #spec + 1, spec)
  end
  local seen = {}
  for _, option in ipairs(spec) do
    local name = option[1]
    if name and seen[name] then
      error(("options: %s has --%s twice"):format(spec.name, name), 2)
    elseif name then
      seen[name] = true
    end
  end
  return spec
end

---Refuses options given that say nothing, or the opposite of others.
---@param opts table<string, any> from cli.given
function options.check(opts)
  local goes_on = opts.resume and opts.resume ~= "auto"
  local function refuse(...) cli.fail(2, ...) end
  if goes_on and opts.overwrite then
    refuse "--overwrite starts anew, --resume goes on: leave one of them out"
  elseif goes_on and opts.init_from then
    refuse "--init-from is for a new run: leave it out, or leave out --resume"
  elseif opts.extend_vocab and not opts.init_from then
    refuse "--extend-vocab needs --init-from MODEL"
  elseif opts.allow_new_data and not opts.resume then
    refuse "--allow-new-data needs --resume"
  end
  local ok, wrong = plot.terminal(opts.plot or "-")
  if not ok then refuse("--plot %s", wrong) end
end

---The integers of "2000,10000"; nil for anything else.
local function read_cutoffs(text)
  local list = {}
  for item in (text .. ","):gmatch "([^,]*)," do
    list[#list + 1] = item:find "^%s*%d+%s*$" and math.tointeger(item) or nil
  end
  return #list == select(2, text:gsub(",", "")) + 1 and list or nil
end

local function check_softmax(opts)
  local adaptive = opts.softmax == "adaptive"
  if adaptive and opts.tied then
    cli.fail(2, "--softmax adaptive has tables of its own: leave out --tied")
  elseif opts.cutoffs and not adaptive then
    cli.fail(2, "--cutoffs needs --softmax adaptive")
  elseif not adaptive then
    return
  end
  local list = opts.cutoffs and read_cutoffs(opts.cutoffs)
  if opts.cutoffs and not list then
    cli.fail(2, "--cutoffs must be integers such as 2000,10000, got '%s'",
             opts.cutoffs)
  end
  local clusters = list and #list or 1
  if opts.hidden < 4 ^ clusters then
    cli.fail(2, "--softmax adaptive with %d cluster%s needs --hidden %d, " ..
             "got %d", clusters, clusters == 1 and "" or "s", 4 ^ clusters,
             opts.hidden)
  end
  opts.cutoffs = list and table.concat(list, ",")
end

---Puts the output layer that the options ask for into the plan of a model,
---whose tokens are known by then.
---@param config rnn.LMConfig
---@param opts table<string, any> complete
function options.output_layer(config, opts)
  if opts.softmax ~= "adaptive" then return end
  config.softmax = "adaptive"
  config.cutoffs = opts.cutoffs and read_cutoffs(opts.cutoffs) or
                   lm.cutoffs(config.tok:usable(), opts.hidden)
  local wrong = lm.check_output(config)
  if wrong then cli.fail(2, "%s", (wrong:gsub("^'cutoffs'", "--cutoffs"))) end
end

---Refuses sizes and chances that make no model.
---@param opts table<string, any> complete
function options.check_model(opts)
  if opts.tied and opts.embed ~= opts.hidden then
    cli.fail(2, "--tied needs --embed %d, as --hidden, got %d", opts.hidden,
             opts.embed)
  elseif opts.dropout > 0 and opts.dropout_out > 0 then
    cli.fail(2, "--dropout and --dropout-out both drop what the last layer " ..
             "gives: leave one of them out")
  end
  check_softmax(opts)
end

---What a checkpoint keeps of the options.
---@param opts table<string, any>
---@return table<string, any>
function options.lasting(opts)
  return without(opts, PASSING)
end

---A value as text, by which lists are compared.
local function shown(value)
  return type(value) == "table" and json.encode(value) or value
end

---Refuses an option given that is another one than that of a file.
---@param opts table<string, any> from cli.given
---@param name string
---@param value any of the file, so not trusted; nil: it has none
---@param what string the file, or what is in it
---@param advice? string what else to do
function options.must_fit(opts, name, value, what, advice)
  if opts[name] ~= nil and shown(opts[name]) ~= shown(value) then
    cli.fail(2, "--%s %s does not fit %s, which has %s: leave it out%s",
             tostring(name):gsub("_", "-"), shown(opts[name]), what,
             value == nil and "none" or shown(value), advice or "")
  end
end

---Refuses options given that say nothing beside another one.
---@param opts table<string, any> from cli.given
---@param names string[] of those that do, with _ for -
---@param beside string the other one, and why
function options.only(opts, names, beside)
  for name in pairs(without(opts, names)) do
    cli.fail(2, "--%s does not go with %s: leave one of them out",
             tostring(name):gsub("_", "-"), beside)
  end
end

---Completes the options given for a run that goes on by those it was saved
---with. What the run is may not change.
---@param spec table
---@param opts table<string, any> from cli.given
---@param saved any decoded from a checkpoint, so not trusted
---@param path string of the checkpoint
function options.resume(spec, opts, saved, path)
  if type(saved) ~= "table" then
    cli.fail(3, "%s: holds no training to go on with", path)
  end
  for name, value in pairs(without(saved, FREE)) do
    options.must_fit(opts, name, value, "the run in " .. tostring(opts.out),
                     ", or choose another --out")
  end
  saved = without(saved, PASSING)
  if opts.epochs or opts.time then saved.steps = nil end
  if opts.steps then saved.epochs, saved.time = nil, nil end
  local wrong = cli.merge(spec, saved, opts)
  if wrong then cli.fail(3, "%s: %s", path, wrong) end
end

---The rate that the options ask for, as a schedule of rnn.schedule.
---@param opts table<string, any>
---@param horizon integer steps until the rate has fallen
---@return rnn.Rate
function options.schedule(opts, horizon)
  local schedule = require "rnn.schedule"
  local rate = schedule[opts.schedule](opts.lr, horizon, {
    every = opts.lr_every, factor = opts.lr_factor, final = opts.lr_final,
    patience = opts.lr_patience})
  return opts.warmup > 0 and schedule.warmup(rate, opts.warmup) or rate
end

---Hyper-parameters that the options set. ASGD is to average, not to decay too.
local function hyper(opts)
  local averages = OPTIM[opts.optim] == "ASGD"
  return {
    lr = opts.lr, clip_norm = opts.clip > 0 and opts.clip or nil,
    weight_decay = opts.weight_decay, momentum = opts.momentum,
    beta1 = opts.beta1, beta2 = opts.beta2, eps = opts.eps,
    lambd = averages and 0 or nil,
    t0 = opts.average_from or opts.optim == "asgd" and 0 or nil,
  }
end

---The optimizer that the options ask for.
---@param opts table<string, any>
---@param params rnn.Tensor[]
---@return rnn.Optim
---@return table<string, table> parts of a run that belong to it
function options.optimizer(opts, params)
  local opt = optim[OPTIM[opts.optim]](params, hyper(opts))
  local parts = {}
  if opts.optim == "ntasgd" then
    parts.ntasgd = optim.NTASGD(opt, {patience = opts.average_patience})
  elseif opts.average_patience then
    error "unknown option 'average-patience'"
  end
  return opts.ema and optim.EMA(opt, {decay = opts.ema}) or opt, parts
end

---Numbers that the optimizer keeps for each parameter. Ends the program when
---the rule has no option that is given.
---@param opts table<string, any>
---@return integer
function options.slots(opts)
  local one = {core.param(core.zeros {1})}
  local ok, opt = pcall(options.optimizer, opts, one)
  if not ok then
    local name = opt:match "unknown option '([%w-]+)'"
    if not name then error(opt, 0) end
    cli.fail(2, "--optim %s has no --%s", opts.optim,
             name == "t0" and "average-from" or name)
  end
  local n = 0
  for _ in pairs(opt:state()[1].slots) do n = n + 1 end
  return n
end

return options
