---A training run: its folder, log.jsonl, checkpoints, progress, validation,
---signals, and going on exactly where it stopped.
---
---    local reader = rnn.reader(ids, {steps = 64, streams = 32})
---    local run = assert(rnn.run.open {
---      dir = "runs/mine", model = model, optim = opt, steps = 5000,
---      parts = {reader = reader}, meta = {tokenizer = tok}, resume = "auto",
---    })
---    run:train(function(state)
---      local x, y, fresh = reader:next()
---      if fresh then state = nil end
---      local tape <close> = rnn.tape()
---      local h, last = model.lstm(model.embed(x), state)
---      local loss = rnn.cross_entropy(model.out(h), y)
---      return run:backward(tape, loss), run:carry(last), 64 * 32
---    end)
---
---The folder holds `log.jsonl` (one JSON object a line: the first has
---"event":"start" and the whole configuration, then step, val, checkpoint, warn
---and resume, the last one end; losses in nats), `last.safetensors` to go on
---from, `best.safetensors` with the lowest validation loss and, when asked for,
---`step-N.safetensors`. One run at a time works in a folder.
---
---With an optimizer that keeps averages of the parameters (rnn.ASGD, rnn.EMA)
---it is the averages that are validated, and those that best.safetensors holds.
---Parts and schedules that have a method `observe` are told each validation
---loss: rnn.NTASGD among the parts begins to average by it. With a `metric`
---they are told its negative.
---
---In the program rnnlua, Ctrl-C, SIGTERM and SIGHUP let the step be finished
---and save; a second one stops at once. SIGUSR1 saves. In other programs run
---leaves signals alone.
local checkpoint = require "rnn.checkpoint"
local cli = require "rnn.cli"
local core = require "rnn.core"
local folder = require "rnn.folder"
local json = require "rnn.json"
local lfs = require "lfs"
local log = require "rnn.log"
local model = require "rnn.model"
local plot = require "rnn.plot"
local progress = require "rnn.progress"
local runoptions = require "rnn.runoptions"
local shell = require "rnn.shell"

local program = package.loaded["rnn.program"]   -- nil in other programs

local run = {
  duration = progress.duration, bits = progress.bits,
  progress = progress.line, read_log = log.read, command = shell.command,
  find = checkpoint.find,
}

local SMOOTH = 0.9           -- share of the past in the speed that is shown
local LOG, CSV = "log.jsonl", "log.csv"
local MOST_SKIPS = 10        -- steps not applied in a row before giving up
local MOST_ROLLBACKS = 5     -- returns to the same checkpoint

---Exit codes of the reasons for which a run ends before it is done.
local CODE = {interrupted = 130, terminated = 143, hangup = 143, diverged = 4}

---@return number seconds on a clock that only goes forward
function run.clock()
  return core.sys.clock()
end

---@class rnn.Run
---@field dir string
---@field at rnn.Position where training stands after a completed step
---@field accumulate integer
---@field val_loss number|nil of the last validation
---@field val_score number|nil its metric, if there is one
---@field best number|nil lowest validation loss, or highest metric
---@field best_step integer|nil
---@field saved integer|nil step of the last checkpoint
---@field told integer|nil step of the last one that the log tells of
local Run = {}
Run.__index = Run

-- {== Opening ==

local function has(x, method)
  return type(x) == "table" and x[method] ~= nil
end

---Versions that bits depend on.
local function made_by()
  return {version = core.version, kernels = core.kernels(),
          blas = core.blas()}
end

---When and on what training begins or goes on.
local function machine()
  local t = made_by()
  t.threads, t.utc, t.cpu = core.threads(), core.sys.utc(), core.sys.cpu()
  return t
end

---What validations have told, to be kept in a checkpoint.
local function best_of(self)
  return {best = self.best, best_step = self.best_step, bad = self.bad,
          val_loss = self.val_loss, val_score = self.val_score,
          val_step = self.val_step, metric = self.o.metric}
end

---Takes over what best_of returned; from a file, so not trusted.
local function set_best(self, t)
  local function number(x) return type(x) == "number" and x or nil end
  self.best, self.best_step = number(t.best), math.tointeger(t.best_step)
  self.bad = math.tointeger(t.bad) or 0
  if t.metric ~= self.o.metric or not self.best_step then
    self.best, self.best_step, self.bad = nil, nil, 0
  end
  self.val_loss, self.val_score = number(t.val_loss), number(t.val_score)
  self.val_step = math.min(math.tointeger(t.val_step) or 0, self.at.step)
end

---The state of every part, as plain values.
local function states_of(parts)
  local states = {}
  for name, part in pairs(parts) do states[name] = part:state() end
  return states
end

local function sorted(parts)
  local names = {}
  for name in pairs(parts) do names[#names + 1] = name end
  table.sort(names)
  return names
end

---Puts one part back to a state, which comes from a file.
local function restore_part(part, name, state)
  if type(state) ~= "table" then
    return nil, ("the state of '%s' is damaged"):format(name)
  end
  return part:restore(state)
end

---Puts model, optimizer, generator and parts back to a checkpoint; with
---'new_data' the reader and the recurrent state start anew.
local function go_back(self, saved, new_data)
  local o = self.o
  local at, wrong, code = checkpoint.restore(saved.path, saved.tensors,
                                             saved.meta, o.model, o.optim)
  if not at then return nil, wrong, code end
  local parts = type(at.extra.parts) == "table" and at.extra.parts or {}
  if new_data then parts.reader, at.state = nil, nil end
  for _, name in ipairs(sorted(o.parts)) do
    if parts[name] ~= nil then
      local ok
      ok, wrong = restore_part(o.parts[name], name, parts[name])
      if not ok then return nil, saved.path .. ": " .. wrong, "EFORMAT" end
    end
  end
  at.parts = states_of(o.parts)
  at.tokens = tonumber(at.extra.tokens)
  self.at = at
  local scale = at.extra.lr_scale
  self.lr_scale = type(scale) == "number" and scale > 0 and scale or 1.0
  set_best(self, at.extra)
  return true
end

---Says when bits cannot be those of a run that was never stopped.
local function compare_makers(self, saved)
  local before = checkpoint.made_by(saved.meta)
  for name, now in pairs(made_by()) do
    if before[name] ~= nil and before[name] ~= now then
      self:warn("the run goes on, but not bit for bit: %s was %s, is %s",
                name, before[name], now)
    end
  end
end

---Opens the files of the log, for more or anew.
local function open_files(self, mode)
  local path = self.dir .. "/" .. LOG
  local file, wrong = io.open(path, mode)
  if not file then return nil, wrong, "EIO" end
  file:setvbuf "line"
  self.file = file
  if not self.o.csv then return true end
  self.csv, wrong = log.start_csv(self.dir .. "/" .. CSV, path)
  if not self.csv then return nil, wrong, "EIO" end
  return true
end

local function close_files(self)
  if self.file then self.file:close() end
  if self.csv then self.csv:close() end
  self.file, self.csv = nil, nil
end

---Opens the log: one that goes on, or a new one.
local function open_log(self)
  local path, past, uncut = self.dir .. "/" .. LOG, nil, nil
  if self.resumed and lfs.attributes(path, "mode") then
    past, uncut = log.rewind(path, self.at.step, self.val_step)
    if uncut and not past then return nil, uncut, "EIO" end
  end
  if not past then os.rename(path, path .. ".old") end   -- if there is one
  local ok, wrong, code = open_files(self, "ab")
  if not ok then return nil, wrong, code end
  self.past = past or 0.0
  if uncut then self:warn("the log goes on as it is: %s", uncut) end
  if past then return true end
  local first = machine()
  first.config, first.unit = self.o.config, self.o.unit
  for k, v in pairs(self.o.start or {}) do first[k] = v end
  self:log("start", first)
  return true
end

---Makes room for a new run, if there is none or it may go.
local function vacate(o)
  if o.overwrite then
    folder.clear(o.dir)
  elseif folder.holds_run(o.dir) then
    return nil, ("%s: holds a run; go on with it (--resume), start anew " ..
                 "(--overwrite), or take another folder"):format(o.dir), "EUSE"
  end
  return true
end

---Takes the folder and, if there is something to go on from, goes back to it.
local function settle(self)
  local o = self.o
  local ok, wrong = folder.make(o.dir)
  if not ok then return nil, wrong, "EIO" end
  local code
  self.lock, wrong, code = folder.lock(o.dir)
  if not self.lock then return nil, wrong, code end
  folder.sweep(o.dir)
  local saved = o.resume
  if type(saved) == "string" then
    saved, wrong, code = checkpoint.find(o.dir, saved)
    if not saved and wrong then return nil, wrong, code end
  end
  if not saved then return vacate(o) end
  ok, wrong, code = go_back(self, saved, o.new_data)
  if not ok then return nil, wrong, code end
  self.resumed = saved
  local same = saved.path == self:path "last" and not o.new_data
  self.saved = same and self.at.step or nil
  for _, n in ipairs(folder.numbered(o.dir)) do
    if n <= self.at.step then self.kept[#self.kept + 1] = n end
  end
  return true
end

---Starts a run, or goes on with one.
---@param o rnn.RunOptions
---@return rnn.Run|nil
---@return string? message
---@return string? code "EIO", "EFORMAT", or "EUSE" when the folder is taken
function run.open(o)
  o = runoptions.complete("run.open", o)
  local parts = {schedule = has(o.schedule, "state") and o.schedule or nil}
  for name, part in pairs(o.parts) do parts[name] = part end
  o.parts = parts
  local self = setmetatable({
    o = o, dir = o.dir, accumulate = o.accumulate, bad = 0, val_step = 0,
    kept = {}, failed = {}, lr_scale = 1.0, skipped = 0, rollbacks = 0,
    at = {step = 0, tokens = 0, rng = core.random_state(), extra = {}},
    buffers = {},
    teller = progress.teller(o.quiet),
  }, Run)
  local ok, wrong, code = settle(self)
  if ok then ok, wrong, code = open_log(self) end
  if not ok then
    close_files(self)
    if self.lock then self.lock:close() end
    return nil, wrong, code
  end
  self.began, self.mark = run.clock(), run.clock()
  self.from, self.before = self.at.step, self.past
  if self.resumed then
    local now = machine()
    now.step = self.at.step
    self:log("resume", now)
    if self.resumed.passed then
      self:warn("%s; going on from %s", self.resumed.passed,
                self.resumed.path)
    end
    compare_makers(self, self.resumed)
  end
  return self
end

-- }==

-- {== Telling ==

---Seconds this run has taken, those before it was last stopped included.
---@return number
function Run:elapsed()
  return self.past + run.clock() - self.began
end

---Writes text to the open file self[key]. One that cannot be written is a
---warning, once.
local function append(self, key, name, text)
  local file = self[key]
  if not file then return end
  local ok, wrong = file:write(text)
  if ok then return end
  self[key] = nil
  file:close()
  self:warn("%s/%s cannot be written any more: %s", self.dir, name, wrong)
end

---Writes one line to log.jsonl. Numbers that JSON has no place for are left
---out.
---@param event string
---@param fields table<string, any>
function Run:log(event, fields)
  local line = log.event(event, fields)
  append(self, "file", LOG, json.encode(line) .. "\n")
  append(self, "csv", CSV, log.csv(line) or "")
end

---A line for the reader; not shown when quiet.
---@param message string format
---@param ... any
function Run:note(message, ...)
  self.teller:note(message:format(...))
end

---A warning, on stderr and in the log.
---@param message string format
---@param ... any
function Run:warn(message, ...)
  local text = message:format(...)
  self.teller:warn(text)
  self:log("warn", {message = text, step = self.at.step})
end

---How much is done, 0 to 1, and the seconds left; nil for what is not known.
local function outlook(self)
  local done, eta
  local step, seconds = self.at.step, self.o.seconds
  local total = self.o.steps or self.o.finished and self.o.horizon
  local elapsed = self:elapsed()
  if total and total > 0 then
    done = math.min(1, step / total)
    eta = math.max(0, total - step) * (elapsed - self.before) /
          math.max(1, step - self.from)
  end
  if seconds then
    done = math.max(done or 0, math.min(1, elapsed / seconds))
    eta = math.min(eta or math.huge, math.max(0, seconds - elapsed))
  end
  return done, eta
end

---What the line of progress shows.
local function outline(self)
  local s = self.last
  local done, eta = outlook(self)
  return {
    step = s.step, total = not self.o.seconds and self.o.steps or nil,
    done = done, loss = s.loss, val_loss = self.val_loss, unit = self.o.unit,
    metric = self.o.metric, val_score = self.val_score,
    lr = s.lr, grad_norm = s.grad_norm, tok_s = self.speed, eta = eta,
  }
end

local function seconds_of(self)
  return math.floor(self:elapsed() * 1000) / 1000
end

---Tells of one training step: a line in the log and, now and then, progress.
local function tell_step(self, loss, norm, tokens)
  local now = run.clock()
  local tok_s = tokens / math.max(now - self.mark, 1e-9)
  self.mark = now
  self.speed = self.speed and
               self.speed * SMOOTH + tok_s * (1 - SMOOTH) or tok_s
  self.last = {step = self.at.step, loss = loss, lr = self.o.optim.lr,
               grad_norm = norm}
  local reader = self.o.parts.reader
  self:log("step", {
    step = self.at.step, epoch = reader and reader.epoch, loss = loss,
    bpc = self.o.unit and run.bits(loss), lr = self.last.lr,
    grad_norm = norm, tokens = self.at.tokens, tok_s = math.floor(tok_s),
    time = seconds_of(self),
  })
  if self.teller:due() then self.teller:draw(outline(self)) end
end

-- }==

-- {== Checkpoints ==

---@param name string "last", "best", "step-100"
---@return string path
function Run:path(name)
  return folder.checkpoint(self.dir, name)
end

local function metadata(self)
  local meta = {["rnnlua.config"] = json.encode(self.o.config)}
  for key, value in pairs(self.o.meta) do meta[key] = value end
  return meta
end

---Saves one file. A failure is a warning: training can go on, and the file
---before stays as it was. Numbers that are not finite are never saved.
local function save(self, name, tensors, meta, unlogged)
  local path = self:path(name)
  local bad = checkpoint.not_finite(tensors)
  local ok, wrong
  if bad then
    wrong = ("%s: '%s' is not finite; the file before is kept"):format(path,
                                                                       bad)
  else
    ok, wrong = model.save(path, tensors, meta)
  end
  local known = self.failed[name]
  self.failed[name] = not ok and wrong or nil
  if not ok and wrong ~= known then
    self:warn("could not save: %s; it is tried again", wrong)
  elseif ok and known then
    self:warn("could save again: %s", path)
  end
  if ok and not unlogged then
    self:log("checkpoint", {step = self.at.step, path = path})
  end
  self.mark = run.clock()
  return ok
end

local function save_last(self, unlogged)
  local at, o = self.at, self.o
  at.extra = best_of(self)
  at.extra.parts, at.extra.tokens = at.parts, at.tokens
  at.extra.lr_scale = self.lr_scale
  local meta = metadata(self)
  meta["rnnlua.train"] = checkpoint.numbers(o.optim, at, made_by())
  local all = checkpoint.pack(o.model, o.optim, at)
  if save(self, "last", all, meta, unlogged) then
    if at.step > (self.saved or 0) then self.rollbacks = 0 end
    self.saved = at.step
    if not unlogged then self.told = at.step end
  end
  if o.keep == 0 or unlogged then return end
  if not save(self, "step-" .. at.step, all, meta) then return end
  if self.kept[#self.kept] ~= at.step then
    self.kept[#self.kept + 1] = at.step
  end
  while #self.kept > o.keep do
    os.remove(self:path("step-" .. table.remove(self.kept, 1)))
  end
end

---Why the last or the best checkpoint could not be saved; nil if they are.
---@return string? message
function Run:unsaved()
  return self.failed.last or self.failed.best
end

-- }==

-- {== Steps ==

---Where the schedule stands: at a step, or with `seconds` at a part of them.
local function position(self)
  local o = self.o
  if not o.seconds then return self.at.step end
  local by_time = self:elapsed() / o.seconds * (o.horizon or 1)
  return o.steps and math.max(self.at.step, by_time) or by_time
end

---Walks the tape back from the loss, as one of `accumulate` parts of a step.
---@param tape rnn.Tape
---@param loss rnn.Tensor scalar
---@return number loss
function Run:backward(tape, loss)
  local part = self.accumulate > 1 and loss / self.accumulate or loss
  tape:backward(part)
  return loss:item()
end

---A copy of a recurrent state that outlives the tape, for the next step. The
---memory of states that nobody needs any more is used again.
---@param state table<string, rnn.Tensor>
---@return table
function Run:carry(state)
  local into = 1
  while self.buffers[into] and (self.buffers[into] == self.at.state or
                                self.buffers[into] == state or
                                self.buffers[into] == self.carried) do
    into = into + 1
  end
  self.carried = model.detach(state, self.buffers[into])
  self.buffers[into] = self.carried
  return self.carried
end

---Raises when a function of the user's has given something else than asked for.
local function must_be(wanted, what, x)
  if type(x) == wanted then return end
  error(("train: %s must be a %s, got %s"):format(what, wanted, type(x)), 0)
end

---One step of the user's: mean loss, state, tokens, factor of the rate.
local function gather(self, one_step)
  local state, tokens, sum, scale = self.at.state, 0, 0.0, 0.0
  for _ = 1, self.accumulate do
    local loss, n, factor
    loss, state, n, factor = one_step(state)
    must_be("number", "the loss that the step returns (run:backward gives it)",
            loss)
    must_be("table", "the state that the step returns", state or {})
    must_be("number", "the count of tokens that the step returns", n or 0)
    must_be("number", "the factor that the step returns", factor or 1)
    sum, tokens = sum + loss, tokens + (n or 0)
    scale = scale + (factor or 1)
  end
  return sum / self.accumulate, state, tokens, scale / self.accumulate
end

local function finite(x)
  return x == x and math.abs(x) < math.huge
end

---Applies the gradients; the norm, or nil and why not.
local function apply(self, loss)
  local opt = self.o.optim
  if not finite(loss) then
    local norm, bad = opt:norm()
    opt:zero()
    return nil, ("the loss is %s%s"):format(loss ~= loss and "nan" or "inf",
                bad and ", first bad gradient that of '" .. bad .. "'" or
                (", |g| %.3g"):format(norm))
  end
  local ok, norm = pcall(opt.step, opt)
  if ok then return norm end
  norm = tostring(norm):gsub("^[^\n]-:%d+: ", "")
  if not norm:find "not finite" then error(norm, 0) end
  return nil, norm:match "gradient of '.-' is not finite" or norm
end

---The step was not applied: back to before it.
local function undo(self, before)
  for name, part in pairs(self.o.parts) do part:restore(before[name]) end
  core.random_state(self.at.rng)
end

---What is wrong with the step, and how it was before.
local function circumstances(self, why)
  return ("step %d: %s (lr %g, |g| %.3g the step before)"):format(
    self.at.step + 1, why, self.o.optim.lr,
    self.last and self.last.grad_norm or 0)
end

---Passes the batch over: the step counts, nothing else has happened.
local function skip(self, why)
  self.skipped = self.skipped + 1
  if self.skipped > MOST_SKIPS then return nil end
  local text = circumstances(self, why)
  self.at = {step = self.at.step + 1, tokens = self.at.tokens,
             state = self.at.state, extra = {}, rng = core.random_state(),
             parts = states_of(self.o.parts)}
  self:warn("%s; it was not applied, the batch is passed over", text)
  return true
end

---Back to the last checkpoint, with half the learning rate.
local function roll_back(self, why)
  self.rollbacks = self.rollbacks + 1
  local saved = self.saved and self.rollbacks <= MOST_ROLLBACKS and
                checkpoint.find(self.dir, "last")
  if not saved then return nil end
  local text, scale = circumstances(self, why), self.lr_scale / 2
  local ok = go_back(self, saved)
  if not ok then return nil end
  self.lr_scale = scale
  close_files(self)
  local _, uncut = log.rewind(self.dir .. "/" .. LOG, self.at.step,
                              self.val_step)
  local open, wrong = open_files(self, "ab")
  if uncut or not open then
    self:warn("the log goes on as it is: %s", uncut or wrong)
  end
  self:warn("%s; back to step %d with the learning rate times %g", text,
            self.at.step, self.lr_scale)
  return true
end

---What --nan says; a reason to stop, or nil.
local function refuse(self, why, before)
  if self.o.nan == "skip" and skip(self, why) then return nil end
  undo(self, before)
  if self.o.nan == "rollback" and roll_back(self, why) then return nil end
  self.why = circumstances(self, why)
  return "diverged"
end

---One step; returns a reason to stop.
local function attempt(self, one_step)
  local o = self.o
  local before = self.at.parts
  local rate = o.schedule and o.schedule(position(self)) or self.rate
  must_be("number", "what 'schedule' returns", rate)
  local loss, state, tokens, scale = gather(self, one_step)
  o.optim.lr = rate * self.lr_scale * scale
  local norm, why = apply(self, loss)
  if not norm then return refuse(self, why, before) end
  self.skipped = 0
  self.at = {step = self.at.step + 1,
             tokens = self.at.tokens and self.at.tokens + tokens,
             state = state, extra = {}, rng = core.random_state(),
             parts = states_of(o.parts)}
  tell_step(self, loss, norm, tokens)
end

-- }==

-- {== Between steps ==

---Asks for signals; "save" is remembered, so is one that stops.
local function poll(self)
  local signal = program and program.signal()
  if signal == "save" then self.save_asked = true
  elseif signal then self.signal = signal end
  return self.signal
end

---Is the run about to stop because of a signal? For loops of validation.
---@return boolean
function Run:stopping()
  return poll(self) ~= nil
end

---Calls fn(...) with the averages that the optimizer keeps, if it keeps any, in
---the place of the parameters: what is validated and is the best.
---@param fn function
---@param ... any
---@return any ... what fn returned
function Run:averaged(fn, ...)
  local opt = self.o.optim
  if opt.averages and opt:averages() then return opt:with(fn, ...) end
  return fn(...)
end

local function save_best(self)
  return self:averaged(save, self, "best", self.o.model, metadata(self))
end

---What a validation gave, the lowest being the best: the loss, or with a metric
---what it lacks.
local function cost_of(self, val_loss, scores)
  must_be("number", "what 'evaluate' returns", val_loss)
  must_be("table", "the scores that 'evaluate' returns", scores or {})
  local metric = self.o.metric
  if not metric then return val_loss end
  must_be("number", ("the score '%s' of 'evaluate'"):format(metric),
          (scores or {})[metric])
  return -scores[metric]
end

---Tells schedule and parts.
local function observe(self, cost)
  local o = self.o
  if has(o.schedule, "observe") then o.schedule:observe(cost) end
  for _, part in pairs(o.parts) do
    if part ~= o.schedule and has(part, "observe") then part:observe(cost) end
  end
  self.at.parts = states_of(o.parts)
end

---Is this cost the lowest so far? Takes it over if so.
local function is_best(self, cost)
  local sign = self.o.metric and -1 or 1
  if self.best and cost >= sign * self.best or cost == math.huge then
    self.bad = self.bad + 1
    return false
  end
  self.best, self.best_step, self.bad = sign * cost, self.at.step, 0
  return true
end

---Runs the validation; nothing has happened if it breaks off.
local function validate(self)
  local o = self.o
  local val_loss, scores = self:averaged(o.evaluate, self)
  self.mark = run.clock()
  if not val_loss or poll(self) then return end
  local cost = cost_of(self, val_loss, scores)
  if not finite(cost) then
    self:warn("the validation %s is %s", o.metric or "loss", cost)
    cost = math.huge   -- never the best
  end
  observe(self, cost)
  self.val_loss = finite(val_loss) and val_loss or nil
  self.val_score = o.metric and finite(cost) and -cost or nil
  self.val_step = self.at.step
  local better = is_best(self, cost)
  local told = {step = self.at.step, val_loss = val_loss, best = better,
                bpc = o.unit and run.bits(val_loss), time = seconds_of(self)}
  for name, score in pairs(scores or {}) do told[name] = score end
  self:log("val", told)
  if better then save_best(self) end
end

---Does what is due after a step; returns a reason to stop.
local function after_step(self)
  local o, step = self.o, self.at.step
  if poll(self) then return self.signal end
  if o.evaluate and step % o.eval_every == 0 and self.val_step < step then
    validate(self)
  end
  if self.signal then return self.signal end
  if step % o.save_every == 0 then save_last(self) end
  if self.save_asked then
    self.save_asked = nil
    save_last(self, true)
    if self.saved == step then
      self:note("saved   %s, step %d", self:path "last", step)
    end
  end
  if o.patience > 0 and self.bad >= o.patience then return "patience" end
  if o.seconds and self:elapsed() >= o.seconds then return "time" end
  if o.steps and step >= o.steps or o.finished and o.finished() then
    return "done"
  end
end

---The last files of a run. Returns why it ended: a signal may break off the
---last validation, which is then made when the run goes on.
local function finish(self, reason)
  local o = self.o
  if CODE[reason] then
    if self.saved ~= self.at.step or self.failed.last then
      save_last(self, true)
    end
    return reason
  end
  if self.told ~= self.at.step or self.failed.last then save_last(self) end
  if o.evaluate and self.val_step < self.at.step then
    validate(self)
    if self.signal then return self.signal end
  end
  if not o.evaluate or not self.best or self.failed.best then
    save_best(self)
  end
  return reason
end

local function loop(self, one_step)
  local reason = self.at.step > 0 and after_step(self) or nil
  while not reason do
    reason = attempt(self, one_step) or after_step(self)
  end
  reason = finish(self, reason)
  if reason == "diverged" then
    self.why = ("training diverged at %s; the step was not applied, weights " ..
      "are those of step %d, last checkpoint: %s; try a smaller --lr or --clip")
      :format(self.why, self.at.step, self.saved and ("%s, step %d"):format(
              self:path "last", self.saved) or "none")
  end
  return reason
end

---Ends the log, leaves the cursor on a new line, gives the folder back.
local function close(self, reason, message)
  if self.last then self.teller:finish(outline(self)) end
  self:log("end", {reason = reason, message = message, step = self.at.step,
                   best = self.best, best_step = self.best_step,
                   time = seconds_of(self)})
  close_files(self)
  self.lock:close()
  self.lock = nil
end

---Trains: calls one_step(state) again and again; it reads a batch, walks back
---from its loss by run:backward and returns
---
---    loss (number), state for the next call or nil, tokens read, factor that
---    the learning rate is multiplied with (default 1)
---
---The run applies the gradients, logs, validates and saves. Returns why it
---ended: "done", "time", "patience", "interrupted", "terminated", "hangup" or
---"diverged" (then run.why says how).
---@param one_step fun(state: table?): number, table?, integer?, number?
---@return string reason
function Run:train(one_step)
  if type(one_step) ~= "function" then
    error("train: the step must be a function, got " .. type(one_step), 2)
  elseif not self.lock then
    error("train: this run has ended; open it again with resume = 'last'", 2)
  end
  self.rate = self.o.optim.lr
  self.at.parts = self.at.parts or states_of(self.o.parts)
  if program then program.defer(true) end
  local ok, reason = xpcall(loop, function(wrong)
    return type(wrong) == "string" and debug.traceback(wrong, 2) or wrong
  end, self, one_step)
  if ok then
    close(self, reason)
  else
    local unsaved = self.at.step > 0 and self.saved ~= self.at.step
    if unsaved then pcall(save_last, self, true) end   -- the step before
    close(self, "error", tostring(reason):match "[^\n]*")
  end
  if program and not self.signal then program.defer(false) end
  if not ok then error(reason, 0) end
  self.reason = reason
  return reason
end

---Fails with the exit code of a run that was stopped, diverged or could not
---save.
---@param command string what to type to go on
function Run:check(command)
  if self.reason == "diverged" then cli.fail(CODE.diverged, "%s", self.why) end
  local code = CODE[self.reason]
  if self:unsaved() then
    cli.fail(5, "could not save: %s%s", self:unsaved(), code and
             ("; stopped after step %d"):format(self.at.step) or "")
  end
  if code then
    cli.fail(code, "stopped after step %d; to go on: %s", self.at.step,
             command)
  end
end

-- }==

---Draws the losses of the log.
---@param path string name.png, name.svg, or "-" for the terminal
---@return true|nil ok
---@return string? message
function Run:plot(path)
  local events, wrong = log.read(self.dir .. "/" .. LOG)
  if not events then return nil, wrong end
  return plot.run_curves(path, {{name = self.dir, events = events}})
end

return run
