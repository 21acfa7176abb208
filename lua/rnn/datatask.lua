---Training on examples (sentences with tags, texts with labels, pairs), from
---the command line to the test at the end: what scripts/train_tagger.lua and
---its kin do. A script gives its options and its task:
---
---    rnn.datatask.main(arg, SPEC, {
---      kind = require "rnn.models.tagger", unit = "word",
---      read = function(path, opts) return data.conll(path) end,
---      metric = function(known) return "accuracy" end,
---      score = function(guesses, examples) return {accuracy = ...} end,
---    })
---
---A kind is a module in rnn.models, as rnn.models.tagger, with
---    learn(examples, opts)    what is known, notes; or nil, message
---    build(known, opts)       a model
---    describe(known)          metadata of its file
---    recall(metadata)         what is known; or nil, message
---    load(path)               a model; or nil, message
---    unseen(known, examples)  a message about labels not learnt, or nil; need
---                             not be there
---    unfit(known, examples)   what keeps the model from taking examples, or
---                             nil; need not be there
---and a model has
---    encode(examples)         items with `size` and `gold`
---    loss(items, o)           mean loss, count, loss to tell if another one
---    predict(items, o)        guesses, summed loss, count
---
---Examples are lists, cut at random and batched by rnn.models.inbatches.
---A task with other data, windows of series for one, says how to open them and
---how they are batched.
local cli = require "rnn.cli"
local common = require "rnn.task"
local core = require "rnn.core"
local inbatches = require "rnn.models.inbatches"
local json = require "rnn.json"
local model_of = require "rnn.model"
local options = require "rnn.options"
local progress = require "rnn.progress"
local splitting = require "rnn.data.split"
local vectors = require "rnn.vectors"

local datatask = {}

local PACKED = 128   -- numbers of a tensor that are made bytes at once

---@class rnn.TaskKind
---@field kind table the module of the model kind
---@field unit? string what the loss is told for, in nats: "word", "text"
---@field predicts? boolean whether it is the likelihood of a token, which
---perplexity is told of
---@field read? fun(path: string, opts: table, option: string, index: integer):
---table[]|nil, string? the examples of one of the files of an option, with
---`notes` of what people should know
---@field open? fun(opts: table, known: table?): rnn.OpenedData in the place of
---read; known: of the model to go on with
---@field noun? string what examples are called; default "examples"
---@field batching? table in the place of rnn.models.inbatches
---@field check? fun(opts: table): string? what is wrong with the options
---@field shorten? fun(list: table[], most: integer): table[], integer examples
---to train on with no more than so many tokens, and how many had more
---@field mark? fun(train: table[], opts: table) adds to the examples to train
---on what the others say of them
---@field draw? fun(items: table[], opts: table): table[] the examples of an
---epoch, some of them more than once; default all
---@field memory? fun(known: table, opts: table, examples: table[], slots:
---integer): integer bytes that training is likely to need
---@field loss_options? fun(opts: table, step: integer): table what model:loss
---is given beside items, after so many steps
---@field predict_options? fun(opts: table, testing: boolean): table what
---model:predict is given
---@field metric fun(known: table, opts: table): string? the score that the best
---model has most of; nil: the lowest loss
---@field fits? fun(known: table, examples: table[]): string? what keeps scores
---of examples from being told
---@field score fun(guesses: any[], examples: table[], model: table): table<
---string, number> scores by name
---@field show? fun(guesses: any[], examples: table[], model: table): string
---what is told of the test, beside the scores
---@field use fun(path: string): string[] what to do with the model, and how
---@field plot? fun(path: string, guesses: any[], examples: table[], model:
---table): true|nil, string? draws the test, in the place of the losses

---@class rnn.OpenedData
---@field train table[]
---@field valid table[]|nil
---@field test table[]|nil
---@field digest string that other data would not have
---@field notes string[]

---@class rnn.DataTask: rnn.Task
---@field def rnn.TaskKind
---@field train table[] examples
---@field valid table[]|nil
---@field test table[]|nil
---@field known table what the kind has learnt of the data
---@field items table[] examples to train on, made ready
---@field reader rnn.Batches

-- {== Data ==

---Examples of the files of an option, one after the other.
local function read(self, option)
  local all, paths = {}, self.opts[option]
  for i, path in ipairs(paths) do
    local list, wrong = self.def.read(path, self.opts, option, i)
    if not list then cli.fail(3, "%s", wrong) end
    for _, note in ipairs(list.notes or {}) do
      self.notes[#self.notes + 1] = path .. ": " .. note
    end
    table.move(list, 1, #list, #all + 1, all)
  end
  return all
end

---Gives a scanner the numbers of a tensor, as they are, and its shape.
local function feed_tensor(scan, t)
  local numbers = t:reshape({-1}):totable()
  for from = 1, #numbers, PACKED do
    local to = math.min(#numbers, from + PACKED - 1)
    scan:feed(string.pack(("<n"):rep(to - from + 1),
                          table.unpack(numbers, from, to)))
  end
  scan:feed(table.concat(t:shape(), " ") .. "\n")
end

---Gives a scanner all texts and numbers of examples, in an order that is always
---the same; the line where an example stands is none of them.
local function feed(scan, value)
  if type(value) == "string" then
    scan:feed(value)
    scan:feed "\n"
  elseif math.type(value) then
    scan:feed(string.pack("<n", value) .. "\n")
  elseif core.is_tensor(value) then
    feed_tensor(scan, value)
  elseif type(value) == "table" then
    local names = {}
    for name in pairs(value) do
      if type(name) == "string" and name ~= "line" then
        names[#names + 1] = name
      end
    end
    table.sort(names)
    for _, name in ipairs(names) do feed(scan, value[name]) end
    for _, one in ipairs(value) do feed(scan, one) end
  end
end

local function digest(examples)
  local scan <close> = core.scanner()
  feed(scan, examples)
  scan:finish()
  return scan:fingerprint()
end

---Cuts a part off the examples to train on, drawn at random, at least one.
local function cut_off(self, part)
  if part == 0 or #self.train < 2 then return nil end
  part = math.max(part, 1 / #self.train)
  local rest
  part, rest = splitting.split(self.train, {part, 1 - part}, self.opts.seed)
  self.train = rest
  return part
end

---Cuts the examples to train on that are too long, or leaves them out.
local function shorten(self)
  local opts = self.opts
  if not self.def.shorten then return end
  local long
  self.train, long = self.def.shorten(self.train, opts.max_length)
  if long == 0 then return end
  local note = ("--max-length %d: %d examples to train on are longer"):format(
               opts.max_length, long)
  if #self.train == 0 then
    cli.fail(3, "%s; none is left", note)
  end
  self.notes[#self.notes + 1] = note
end

---What the model to go on with knows, if there is one.
local function known_before(self)
  local from = self.saved or self.base
  if not from then return nil end
  local known, wrong = self.def.kind.recall(from.meta)
  if not known then cli.fail(3, "%s: %s", from.path, wrong) end
  return known
end

---Reads examples, and cuts off parts to test and to validate with unless there
---are files of them.
local function open_examples(self)
  local opts = self.opts
  self.train = read(self, "data")
  self.valid = opts.valid_data and read(self, "valid_data")
  self.test = opts.test_data and read(self, "test_data")
  self.digest = {hash = digest(self.train),
                 valid = self.valid and digest(self.valid)}
  self.test = self.test or cut_off(self, opts.test)
  self.valid = self.valid or cut_off(self, opts.val)
  local most = opts.val_max or 0
  if self.valid and most > 0 and #self.valid > most then
    self.valid = splitting.split(self.valid, {most / #self.valid}, opts.seed)
  end
  shorten(self)
  if self.def.mark then self.def.mark(self.train, opts) end
end

local function open_data(self)
  if not self.def.open then return open_examples(self) end
  local data = self.def.open(self.opts, self.known)
  self.train, self.valid, self.test = data.train, data.valid, data.test
  self.digest, self.notes = {hash = data.digest}, data.notes
end

-- }==

-- {== Model ==

---Calls f(self); ends the program when there is not the memory for it.
local function within_memory(f, self)
  local need
  local ok, wrong = xpcall(f, function(what)
    if type(what) ~= "string" then return what end
    need = what:match "not enough memory: [^\n]*"
    return debug.traceback(what, 2)
  end, self)
  if ok then return end
  if not need then error(wrong, 0) end
  cli.fail(1, "%s; take a smaller --hidden, --embed or --batch", need)
end

---Ends the program when there will be no scores.
local function check_fits(self, examples, paths)
  local wrong = examples and self.def.fits and
                self.def.fits(self.known, examples)
  if wrong then cli.fail(3, "%s: %s", table.concat(paths, ", "), wrong) end
end

---Ends the program when there are examples that the model cannot take.
local function check_unfit(self)
  local kind, opts = self.def.kind, self.opts
  for _, part in ipairs(kind.unfit and {"train", "valid", "test"} or {}) do
    local wrong = self[part] and kind.unfit(self.known, self[part])
    if wrong then
      local paths = opts[part .. "_data"] or opts.data
      cli.fail(3, "%s: %s", table.concat(paths, ", "), wrong)
    end
  end
end

---What is known of the data: by the run or the model to go on with, or learnt.
local function learn(self)
  local kind = self.def.kind
  if not self.known then
    local notes
    self.known, notes = kind.learn(self.train, self.opts)
    if not self.known then cli.fail(3, "%s", notes) end
    table.move(notes, 1, #notes, #self.notes + 1, self.notes)
  end
  check_unfit(self)
  for _, part in ipairs {"valid", "test"} do
    local unseen = self[part] and kind.unseen and
                   kind.unseen(self.known, self[part])
    if unseen then self.notes[#self.notes + 1] = part .. ": " .. unseen end
  end
end

---Options of a model that another one that starts from it need not have.
local LOOSE = {dropout = true, weight_drop = true, word_dropout = true,
               precision = true, freeze = true}

---Takes over the options that the model of a file was made with, which are not
---trusted.
local function take_over(self, config, path)
  local all, group = {}, nil
  for _, option in ipairs(self.spec) do
    group = option.group or group
    local name = group == "Model" and option[1] and option[1]:gsub("-", "_")
    if name and name ~= "vectors" then
      all[name] = config[name]
      if not LOOSE[name] then
        options.must_fit(self.opts, name, all[name], path)
      end
    end
  end
  local wrong = cli.merge(self.spec, all, self.opts)
  if wrong then cli.fail(3, "%s: %s", path, wrong) end
end

---The model to start from: what it is made of are options now.
local function load_base(self)
  local opts = self.opts
  local path = opts.init_from
  local m, meta = self.def.kind.load(path)
  if not m then cli.fail(3, "%s", meta) end
  self.base = {model = m, meta = meta, path = path}
  for _, name in ipairs {"min_count", "max_vocab", "vectors"} do
    if opts[name] then
      cli.fail(2, "--%s is for new tokens, --init-from takes those of %s: " ..
               "leave it out", name:gsub("_", "-"), path)
    end
  end
  local config = json.decode(meta["rnnlua.config"] or "null")
  if type(config) == "table" then take_over(self, config, path) end
end

---Pretrained vectors, in the place of the embedding.
local function use_vectors(self)
  local opts = self.opts
  if not opts.vectors or self.saved or self.base then return end
  local words = self.known.words.names
  local v, wrong = vectors.load(opts.vectors, {words = words})
  if not v then cli.fail(3, "%s", wrong) end
  opts.embed = v.weight:shape()[2]
  local found
  self.vectors, found = v:embedding(words, {freeze = opts.freeze})
  self.notes[#self.notes + 1] = ("%d of %d words have a vector of " ..
    "--vectors, which decides --embed %d"):format(found.count, #words,
                                                  opts.embed)
end

---Ends the program when there is not the memory that training needs.
local function check_memory(self)
  if not self.def.memory then return end
  self.bytes = self.def.memory(self.known, self.opts, self.train,
                               options.slots(self.opts))
  common.check_memory(self.bytes, "a smaller --batch or --hidden")
end

local function make_model(self)
  local opts = self.opts
  use_vectors(self)
  check_memory(self)
  self.model = self.def.kind.build(self.known, opts)
  if self.vectors then self.model.embed = self.vectors end
  if not self.base then return end
  local ok, wrong = model_of.restore(self.model,
                                     model_of.tensors(self.base.model))
  if not ok then cli.fail(3, "%s: %s", opts.init_from, wrong) end
end

---Examples to train on, made ready.
local function prepare(self)
  local items, without = self.batching.items(self.model, self.train)
  if without > 0 then
    self.notes[#self.notes + 1] = ("%d examples are passed over, their " ..
                                   "labels are not known"):format(without)
  end
  if #items == 0 then
    cli.fail(3, "%s: there is nothing to train on",
             table.concat(self.opts.data, ", "))
  end
  if self.def.draw then items = self.def.draw(items, self.opts) end
  self.items = items
  self.reader = self.batching.reader(items, self.opts.batch, self.opts.seed)
  self.per_epoch = math.max(1, self.reader:per_epoch() // self.opts.accumulate)
  local steps, epochs = self.opts.steps, self.opts.epochs
  self.total = steps and epochs and math.min(steps, epochs * self.per_epoch) or
               steps or epochs and epochs * self.per_epoch
end

-- }==

-- {== The run ==

---Mean loss (nan when it can be told of none) and scores of examples, which are
---ready as items; nil when it was broken off.
local function evaluate(self, model, examples, items, testing)
  local def, sum, count = self.def, 0.0, 0
  local o = def.predict_options and def.predict_options(self.opts, testing)
  local guesses = self.batching.each(items, self.opts.batch, function(part)
    if self.run:stopping() then return nil end
    local list, loss, n = model:predict(part, o)
    if loss then sum, count = sum + loss, count + n end
    return list
  end)
  if not guesses then return nil end
  local loss, scores = sum / count, def.score(guesses, examples, model)
  if def.predicts then scores.perplexity = math.exp(loss) end
  return loss, scores, guesses
end

local function open_run(self)
  local opts, valid, reader = self.opts, self.valid, self.reader
  local opt, parts = options.optimizer(opts, model_of.parameters(self.model))
  parts.reader, parts.corpus = reader, common.fingerprint(opts, self.digest)
  local items = valid and self.model:encode(valid)
  self.metric = valid and self.def.metric(self.known, opts)
  common.open_run(self, {
    optim = opt, parts = parts, unit = self.def.predicts and self.unit or nil,
    meta = self.def.kind.describe(self.known),
    steps = opts.steps, start = {corpus = self.digest},
    finished = opts.epochs and
               function() return reader:finished(opts.epochs) end or nil,
    metric = self.metric,
    evaluate = valid and function()
      local loss, scores = evaluate(self, self.model, valid, items, false)
      return loss, scores
    end,
    eval_every = opts.eval_every or self.per_epoch,
    save_every = opts.save_every or self.per_epoch,
  })
end

local function introduce(self, note)
  note(("data    %d %s, %d to validate with, %d to test with"):format(
       #self.items, self.def.noun or "examples", self.valid and #self.valid or
       0, self.test and #self.test or 0))
  for _, remark in ipairs(self.notes) do note("        " .. remark) end
  note(("model   %s, %d parameters"):format(
       tostring(self.model.rnn or self.model), model_of.count(self.model)))
  if self.bytes then
    note("memory  about " .. progress.bytes(self.bytes))
  end
end

local function train(self)
  local reader, model, r = self.reader, self.model, self.run
  local options_of = self.def.loss_options
  r:train(function()
    local items = reader:next()
    local tape <close> = core.tape()
    local loss, n, told = model:loss(items, options_of and
                                     options_of(self.opts, r.at.step))
    local value = r:backward(tape, loss)
    return told and told:item() or value, nil, n
  end)
end

---The best model on the examples of --test-data.
local function test(self)
  local r, def = self.run, self.def
  if not self.test then return end
  local best, wrong = def.kind.load(r:path "best")
  if not best then return r:warn("no test: %s", wrong) end
  local loss, scores, guesses = evaluate(self, best, self.test,
                                         best:encode(self.test), true)
  if not loss then return end
  local parts = {}
  for name, score in pairs(scores) do
    parts[#parts + 1] = ("%s %.2f"):format(name, score)
  end
  table.sort(parts)
  table.insert(parts, 1, loss ~= loss and "all labels that matter are " ..
               "unknown" or "loss " .. common.loss(loss, self.unit))
  r:note("test    %s", table.concat(parts, ", "))
  if def.show then print(def.show(guesses, self.test, best)) end
  self.tested = {guesses, self.test, best}
end

---Draws the test.
local function plot(self, path)
  if not self.tested then return nil, "there is nothing to test with" end
  return self.def.plot(path, table.unpack(self.tested))
end

-- }==

---Trains as the command line says; ends the program when something is wrong.
---@param args string[] the script's `arg`
---@param spec table its options, those of rnn.options among them
---@param def rnn.TaskKind
---@return rnn.DataTask|nil task that has ended; nil when it was only shown
function datatask.main(args, spec, def)
  local self = {spec = spec, def = def, unit = def.unit, notes = {},
                batching = def.batching or inbatches,
                opts = cli.given(args, spec)}
  common.settle(self, function()
    if self.opts.init_from then load_base(self) end
  end)
  local opts = self.opts
  options.slots(opts)   -- checks them
  if opts.freeze and not (opts.vectors or self.base or self.saved) then
    cli.fail(2, "--freeze needs --vectors FILE")
  end
  local wrong = def.check and def.check(opts)
  if wrong then cli.fail(2, "%s", wrong) end
  core.threads(opts.threads)
  core.seed(opts.seed)
  self.known = known_before(self)
  open_data(self)
  learn(self)
  check_fits(self, self.valid, opts.valid_data or opts.data)
  check_fits(self, self.test, opts.test_data)
  within_memory(make_model, self)
  prepare(self)
  if opts.dry_run then
    introduce(self, print)
    print(("steps   %s of %d examples, %d to an epoch; nothing was trained")
          :format(self.total or "endless", opts.batch, self.per_epoch))
    return
  end
  within_memory(open_run, self)
  introduce(self, function(line) self.run:note("%s", line) end)
  common.announce_resumed(self)
  if not self.valid and opts.val > 0 and not self.saved then
    self.run:warn("no example is left for validation: only the training " ..
                  "loss is told")
  end
  within_memory(train, self)
  common.conclude(self, function() test(self) end,
                  def.use(self.run:path "best"),
                  def.plot and function(path) return plot(self, path) end)
  return self
end

return datatask
