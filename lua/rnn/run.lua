---A training run as people see it: its folder, log.jsonl, checkpoints, and the
---line of progress.
---
---A run folder holds `log.jsonl` (one JSON object a line: the first has
---"event":"start" and the whole configuration, then step, val, checkpoint and
---warn, the last one end; losses in nats), `last.safetensors` to go on from,
---`best.safetensors` with the lowest validation loss and, when asked for,
---`step-N.safetensors`.
---
---On a terminal progress is one line that is drawn anew, elsewhere (or with
---NO_COLOR set) a plain line now and then; it goes to stderr.
local core = require "rnn.core"
local json = require "rnn.json"
local lfs = require "lfs"
local model = require "rnn.model"
local plot = require "rnn.plot"

local run = {}

local REDRAW = 0.2           -- seconds between two drawings of the line
local PLAIN = 10             -- seconds between two plain lines
local SMOOTH = 0.9           -- share of the past in the speed that is shown
local LOG = "log.jsonl"

---@return number seconds on a clock that only goes forward
function run.clock()
  return core.sys.clock()
end

-- {== Text for people ==

---"45s", "1m32s", "2h05m"
---@param seconds number
---@return string
function run.duration(seconds)
  local s = math.floor(seconds + 0.5)
  if s < 60 then return ("%ds"):format(s) end
  if s < 3600 then return ("%dm%02ds"):format(s // 60, s % 60) end
  return ("%dh%02dm"):format(s // 3600, s % 3600 // 60)
end

---"812", "41.2k", "1.20M"
local function short(x)
  if x < 1000 then return ("%.0f"):format(x) end
  if x < 1e6 then return ("%.1fk"):format(x / 1e3) end
  return ("%.2fM"):format(x / 1e6)
end

---"2.0e-3"
local function scientific(x)
  return (("%.1e"):format(x):gsub("e([+-])0*(%d)", function(sign, digits)
    return "e" .. (sign == "-" and "-" or "") .. digits
  end))
end

---Nats as bits.
---@param nats number
---@return number
function run.bits(nats)
  return nats / math.log(2)
end

---@class rnn.Progress
---@field step integer
---@field total? integer steps to do
---@field done? number 0 to 1
---@field loss number nats
---@field val_loss? number
---@field unit string what a token is
---@field lr number
---@field grad_norm number
---@field tok_s number tokens a second
---@field eta? number seconds left

---The line of progress, without the parts that do not fit into 'width'.
---@param s rnn.Progress
---@param width? integer columns
---@return string
function run.progress(s, width)
  local parts = {
    "step " .. s.step .. (s.total and "/" .. s.total or ""),
    s.done and ("%d%%"):format((s.done * 100 + 1e-6) // 1) or "",
    ("loss %.3f"):format(s.loss),
    s.val_loss and ("(val %.3f)"):format(s.val_loss) or "",
    ("%.2f bits/%s"):format(run.bits(s.loss), s.unit),
    "lr " .. scientific(s.lr),
    ("|g| %.2f"):format(s.grad_norm),
    short(s.tok_s) .. " tok/s",
    s.eta and "ETA " .. run.duration(s.eta) or "",
  }
  local line = ""
  for _, part in ipairs(parts) do
    if width and #line + 1 + #part > width then break end
    if part ~= "" then line = line .. (line == "" and "" or " ") .. part end
  end
  return line
end

---A word for a shell to read as one argument.
---@param text string
---@return string
function run.quote(text)
  if text:find "^[%w_./=:,+-]+$" then return text end
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

-- }==

---Runs a training loop that yields between steps (coroutine.yield()). Signals
---reach a script as errors in the main thread; the loop runs in another, so a
---step is always done whole.
---@param train fun(): any
---@return boolean ok
---@return any result of train, or the error
---@return integer? signal exit code when the error stands for a signal
function run.loop(train)
  local thread = coroutine.create(train)
  local ok, result = pcall(function()
    while true do
      local alive, value = coroutine.resume(thread)
      if not alive then error(value, 0) end
      if coroutine.status(thread) == "dead" then return value end
    end
  end)
  if ok then return true, result end
  local text = tostring(result)
  if text:find "interrupted!$" then return false, result, 130 end
  if text:find "terminated!$" then return false, result, 143 end
  if type(result) == "string" then result = debug.traceback(thread, result) end
  return false, result
end

-- {== The log ==

---Events of a log; a last line that was cut short is passed over.
---@param path string log.jsonl
---@return table[]|nil events
---@return string? message
function run.read_log(path)
  local file, wrong = io.open(path, "rb")
  if not file then return nil, wrong end
  local events = {}
  for line in file:lines "L" do
    local event = line:sub(-1) == "\n" and json.decode(line)
    if type(event) == "table" then events[#events + 1] = event end
  end
  file:close()
  return events
end

---Drops from a log what came after 'step', so that what follows continues it.
local function rewind(path, step)
  local events = run.read_log(path)
  if not events or #events == 0 then return false end
  local file = io.open(path .. ".tmp", "wb")
  if not file then return false end
  for _, event in ipairs(events) do
    local at = math.tointeger(event.step) or 0
    if event.event ~= "end" and at <= step then
      file:write(json.encode(event), "\n")
    end
  end
  return file:close() and os.rename(path .. ".tmp", path)
end

-- }==

---@class rnn.Run
---@field dir string
---@field total integer|nil steps to do
---@field val_loss number|nil of the last validation
---@field best number|nil lowest validation loss
---@field best_step integer|nil
---@field bad integer validations since the best one
---@field val_step integer step of the last validation, 0 before any
---@field saved integer|nil step of the last checkpoint
local Run = {}
Run.__index = Run

local function make_folder(path)
  local at = path:sub(1, 1) == "/" and "/" or ""
  for name in path:gmatch "[^/]+" do
    at = at .. name
    if lfs.attributes(at, "mode") ~= "directory" then
      local ok, wrong = lfs.mkdir(at)
      if not ok then return nil, ("%s: %s"):format(at, wrong) end
    end
    at = at .. "/"
  end
  return true
end

---Temporary files that a killed run left behind.
local function sweep(dir)
  for name in lfs.dir(dir) do
    if name:find "^%..*%.safetensors%.tmp%.%d+$" or name == LOG .. ".tmp" then
      os.remove(dir .. "/" .. name)
    end
  end
end

---@class rnn.RunOptions
---@field dir string made when it is not there
---@field config table<string, any> what the log starts with
---@field start? table<string, any> more fields of the first line
---@field step? integer the run goes on from this step: the log is kept up to it
---@field total? integer steps to do
---@field seconds? number time to take
---@field keep? integer how many step-N checkpoints stay; default 0
---@field unit? string what a token is; default "char"
---@field quiet? boolean no progress and no notes, only warnings

---Starts a run, or goes on with one.
---@param o rnn.RunOptions
---@return rnn.Run|nil
---@return string? message
function run.open(o)
  local ok, wrong = make_folder(o.dir)
  if not ok then return nil, wrong end
  local self = setmetatable({
    dir = o.dir, total = o.total, seconds = o.seconds, keep = o.keep or 0,
    unit = o.unit or "char", quiet = o.quiet, bad = 0, val_step = 0,
    kept = {}, saved = o.step, failed = {},
  }, Run)
  sweep(o.dir)
  local path = o.dir .. "/" .. LOG
  local going_on = o.step and rewind(path, o.step)
  self.file, wrong = io.open(path, going_on and "ab" or "wb")
  if not self.file then return nil, wrong end
  self.file:setvbuf "line"
  self.live = not o.quiet and core.sys.isatty "stderr" and
              not os.getenv "NO_COLOR" and os.getenv "TERM" ~= "dumb"
  self.began = run.clock()
  self.mark, self.shown = self.began, self.began
  self.from = o.step or 0
  if o.step then self:find_kept(o.step) end
  if not going_on then
    local first = {config = o.config, version = core.version,
                   threads = core.threads(), utc = core.sys.utc()}
    for k, v in pairs(o.start or {}) do first[k] = v end
    self:log("start", first)
  end
  return self
end

---Seconds since the run was opened.
---@return number
function Run:elapsed()
  return run.clock() - self.began
end

---Writes one line to log.jsonl. Numbers that JSON has no place for are left
---out. A log that cannot be written is a warning, once.
---@param event string
---@param fields table<string, any>
function Run:log(event, fields)
  local line = {event = event}
  for key, value in pairs(fields) do
    if type(value) ~= "number" or value == value and
       math.abs(value) < math.huge then
      line[key] = value
    end
  end
  if not self.file then return end
  local ok, wrong = self.file:write(json.encode(line), "\n")
  if ok then return end
  self.file = nil
  self:warn("%s/%s cannot be written any more: %s", self.dir, LOG, wrong)
end

-- {== Words on stderr ==

local function clear(self)
  if not self.drawn then return end
  io.stderr:write "\r\27[K"
  self.drawn = false
end

---A line for the reader; not shown when quiet.
---@param message string format
---@param ... any
function Run:note(message, ...)
  if self.quiet then return end
  clear(self)
  io.stderr:write(message:format(...), "\n")
end

---A warning, on stderr and in the log.
---@param message string format
---@param ... any
function Run:warn(message, ...)
  local text = message:format(...)
  clear(self)
  io.stderr:write("warning: ", text, "\n")
  self:log("warn", {message = text, step = self.last and self.last.step})
end

---How much is done, 0 to 1, and the seconds left; nil for what is not known.
local function outlook(self, step)
  local done, eta
  local elapsed = self:elapsed()
  if self.total and self.total > 0 then
    done = step / self.total
    eta = (self.total - step) * elapsed / math.max(1, step - self.from)
  end
  if self.seconds then
    done = math.max(done or 0, math.min(1, elapsed / self.seconds))
    eta = math.min(eta or math.huge, math.max(0, self.seconds - elapsed))
  end
  return done, eta
end

local function draw(self)
  local s = self.last
  local done, eta = outlook(self, s.step)
  local line = {
    step = s.step, total = not self.seconds and self.total or nil,
    done = done, loss = s.loss, val_loss = self.val_loss, unit = self.unit,
    lr = s.lr, grad_norm = s.grad_norm, tok_s = self.speed, eta = eta,
  }
  if self.live then
    local width = core.sys.columns() - 1
    io.stderr:write("\r\27[K", run.progress(line, width))
    self.drawn = true
  else
    io.stderr:write(run.progress(line), "\n")
  end
end

-- }==

---@class rnn.Step
---@field step integer
---@field epoch integer from 1
---@field loss number nats
---@field lr number
---@field grad_norm number
---@field tokens integer how many the step was about

---Tells of one training step: a line in the log and, now and then, progress.
---@param s rnn.Step
function Run:step(s)
  local now = run.clock()
  local tok_s = s.tokens / math.max(now - self.mark, 1e-9)
  self.mark, self.last = now, s
  self.speed = self.speed and
               self.speed * SMOOTH + tok_s * (1 - SMOOTH) or tok_s
  self:log("step", {
    step = s.step, epoch = s.epoch, loss = s.loss, bpc = run.bits(s.loss),
    lr = s.lr, grad_norm = s.grad_norm, tok_s = math.floor(tok_s),
    time = math.floor(self:elapsed() * 1000) / 1000,
  })
  if self.quiet then return end
  if now - self.shown >= (self.live and REDRAW or PLAIN) then
    self.shown = now
    draw(self)
  end
end

---What validations have told, to be kept in a checkpoint.
---@return table<string, number>
function Run:get_best()
  return {best = self.best, best_step = self.best_step, bad = self.bad,
          val_loss = self.val_loss, val_step = self.val_step}
end

---Takes over what get_best returned.
---@param t table<string, any> from a checkpoint, so not trusted
function Run:set_best(t)
  local function number(x) return type(x) == "number" and x or nil end
  self.best, self.best_step = number(t.best), math.tointeger(t.best_step)
  if not self.best_step then self.best = nil end
  self.bad = math.tointeger(t.bad) or 0
  self.val_loss = number(t.val_loss)
  self.val_step = math.tointeger(t.val_step) or 0
end

---Tells of a validation, and whether it is the best so far.
---@param step integer
---@param val_loss number nats per token
---@return boolean better
function Run:val(step, val_loss)
  if val_loss ~= val_loss then error("validation loss is not finite", 2) end
  self.val_loss, self.val_step = val_loss, step
  local better = not self.best or val_loss < self.best
  if better then
    self.best, self.best_step, self.bad = val_loss, step, 0
  else
    self.bad = self.bad + 1
  end
  self:log("val", {
    step = step, val_loss = val_loss, bpc = run.bits(val_loss), best = better,
    time = math.floor(self:elapsed() * 1000) / 1000,
  })
  self.mark = run.clock()
  return better
end

-- {== Checkpoints ==

---@param name string "last", "best", "step-100"
---@return string path
function Run:path(name)
  return ("%s/%s.safetensors"):format(self.dir, name)
end

---Saves a checkpoint. A failure is a warning: training can go on, and the
---checkpoint before stays as it was.
---@param name string "last", "best", "step-100"
---@param m table model and other tensors
---@param meta table<string, string>
---@param step integer
---@param unlogged? boolean leave no line in the log
---@return boolean saved
function Run:save(name, m, meta, step, unlogged)
  local path = self:path(name)
  local ok, wrong = model.save(path, m, meta)
  self.failed[name] = not ok and wrong or nil
  if not ok then
    self:warn("could not save: %s", wrong)
    return false
  end
  if name == "last" then self.saved = step end
  if not unlogged then
    self:log("checkpoint", {step = step, path = path})
  end
  self.mark = run.clock()
  return true
end

---Why the last or the best checkpoint could not be saved; nil if they are.
---@return string? message
function Run:unsaved()
  return self.failed.last or self.failed.best
end

---Saves step-N and removes the oldest ones beyond `keep`.
---@param m table
---@param meta table<string, string>
---@param step integer
function Run:save_step(m, meta, step)
  if self.keep == 0 then return end
  if not self:save("step-" .. step, m, meta, step) then return end
  if self.kept[#self.kept] ~= step then
    self.kept[#self.kept + 1] = step
  end
  while #self.kept > self.keep do
    os.remove(self:path("step-" .. table.remove(self.kept, 1)))
  end
end

---The step-N files up to 'step' that an earlier part of this run left.
function Run:find_kept(step)
  for name in lfs.dir(self.dir) do
    local n = tonumber(name:match "^step%-(%d+)%.safetensors$" or "x")
    if n and n <= step then self.kept[#self.kept + 1] = n end
  end
  table.sort(self.kept)
end

-- }==

---Ends the log and leaves the cursor on a new line.
---@param reason string "done", "time", "patience", "interrupted", "diverged"
---@param fields table<string, any>
function Run:close(reason, fields)
  if not self.quiet and self.last and self.drawn then
    draw(self)
    io.stderr:write "\n"
    self.drawn = false
  end
  local line = {reason = reason, best = self.best, best_step = self.best_step,
                time = math.floor(self:elapsed() * 1000) / 1000}
  for k, v in pairs(fields) do line[k] = v end
  self:log("end", line)
  if self.file then self.file:close() end
  self.file = nil
end

---Draws the losses of the log.
---@param path string as for rnn.plot.lines
---@return true|nil ok
---@return string? message
function Run:plot(path)
  local events, wrong = run.read_log(self.dir .. "/" .. LOG)
  if not events then return nil, wrong end
  local train = {name = "training", x = {}, y = {}}
  local val = {name = "validation", x = {}, y = {}}
  for _, e in ipairs(events) do
    local line = e.event == "step" and train or e.event == "val" and val
    local loss = e.loss or e.val_loss
    if line and type(e.step) == "number" and type(loss) == "number" then
      line.x[#line.x + 1], line.y[#line.y + 1] = e.step, loss
    end
  end
  return plot.lines(path, {
    lines = {train, #val.x > 0 and val or nil}, xlabel = "step",
    ylabel = "nats per " .. self.unit, title = self.dir})
end

return run
