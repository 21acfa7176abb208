---What training programs share, from the command line to the end of the run:
---options, the run to go on with, the folder of the run, the conclusion.
---rnn.lmtask trains on streams of text in this way, rnn.datatask on examples.
local cli = require "rnn.cli"
local json = require "rnn.json"
local memory = require "rnn.memory"
local options = require "rnn.options"
local progress = require "rnn.progress"
local run = require "rnn.run"

local task = {}

---A training in the making.
---@class rnn.Task
---@field spec table of options
---@field opts table<string, any>
---@field saved? rnn.Saved the run to go on with
---@field unit string|nil what a token is; nil: losses are not in nats
---@field model table
---@field run rnn.Run
---@field total? integer steps to make in all, where that is known

-- {== Options ==

local function find_run(opts)
  if not (opts.resume and opts.out) then return nil end
  local saved, wrong = run.find(opts.out, opts.resume)
  if not saved and (wrong or opts.resume ~= "auto") then
    cli.fail(3, "cannot resume: %s%s", wrong, opts.resume == "last" and
             "; --resume auto takes an older checkpoint, or starts" or "")
  end
  return saved
end

---Completes the options: those given, those of the run to go on with, those
---that 'start' adds for a new run, those of presets, the defaults.
---@param self rnn.Task with spec, and opts from cli.given
---@param start fun(self: rnn.Task)
function task.settle(self, start)
  local opts, spec = self.opts, self.spec
  options.check(opts)
  self.saved = find_run(opts)
  if self.saved then
    local config = self.saved.meta["rnnlua.config"]
    options.resume(spec, opts, json.decode(config or "null"), self.saved.path)
  else
    start(self)
  end
  local steps, epochs, seconds = opts.steps, opts.epochs, opts.time
  cli.complete(spec, opts)
  if steps or epochs or seconds then   -- go before those of the preset
    opts.steps, opts.epochs, opts.time = steps, epochs, seconds
  end
end

-- }==

---Ends the program when there is not the memory that training needs.
---@param bytes integer
---@param fewer string what to take less of
function task.check_memory(bytes, fewer)
  local have, limit = memory.available()
  if have and bytes > have then
    cli.fail(1, "training needs about %s of memory, %s leaves %s; take %s",
             progress.bytes(bytes), limit, progress.bytes(have), fewer)
  end
end

-- {== The run ==

---A part of a run: what it knows its texts by.
---@param opts table<string, any>
---@param now {hash: string, valid: string?} digests of the texts
---@return table part
function task.fingerprint(opts, now)
  local function refuse(paths, doing)
    return nil, ("%s: is not the text that the run in %s was %s; " ..
                 "--allow-new-data goes on with it"):format(
                 table.concat(paths, ", "), opts.out, doing)
  end
  return {
    state = function() return now end,
    restore = function(_, was)
      if opts.allow_new_data then return true end
      if was.hash ~= now.hash then return refuse(opts.data, "trained on") end
      if was.valid ~= now.valid then
        return refuse(opts.valid_data or opts.data, "validated with")
      end
      return true
    end,
  }
end

---Opens the run as the options say.
---@param self rnn.Task
---@param o rnn.RunOptions what is not among the options; with `start`
function task.open_run(self, o)
  local opts = self.opts
  o.dir, o.model, o.config = opts.out, self.model, options.lasting(opts)
  o.resume, o.new_data, o.overwrite = self.saved, opts.allow_new_data,
                                      opts.overwrite
  o.start.unit, o.start.script = self.unit, self.spec.name
  o.horizon = self.total or 10000
  o.schedule, o.seconds = options.schedule(opts, o.horizon), opts.time
  for _, name in ipairs {"accumulate", "save_every", "eval_every", "keep",
                         "patience", "nan", "csv", "quiet"} do
    if o[name] == nil then o[name] = opts[name] end
  end
  local r, wrong, code = run.open(o)
  if not r then
    cli.fail(({EIO = 5, EUSE = 2})[code] or 3, "%s%s",
             code == "EIO" and "cannot write the run: " or "", wrong)
  end
  self.run = r
end

---Says where a run goes on, if it does.
---@param self rnn.Task
function task.announce_resumed(self)
  local r, total = self.run, self.total
  if not self.saved then return end
  r:note("resume  from step %d%s", r.at.step, r.at.step < (total or math.huge)
         and "" or ": all steps are done, more are made with a larger " ..
         "--steps")
end

-- }==

-- {== The end ==

local function plot(self, draw)
  local opts, r = self.opts, self.run
  if not opts.plot then return end
  draw = draw or function(path) return r:plot(path) end
  local ok, wrong = draw(opts.plot)
  if not ok then
    io.stderr:write("warning: no plot: ", wrong, "\n")
  elseif opts.plot ~= "-" then
    return opts.plot
  end
end

---A loss in words.
---@param loss number
---@param unit string|nil
---@param usual? string the same in another measure
---@return string
function task.loss(loss, unit, usual)
  if not unit then return ("%.4g"):format(loss) end
  return ("%.3f nats%s per %s"):format(loss, usual or "", unit)
end

---The best validation, in words.
local function best(self)
  local r, metric = self.run, self.metric
  if not r.best then return "" end
  if metric then
    return ("; best %s %.2f, step %d"):format(metric, r.best, r.best_step)
  end
  local usual = r.o.unit and (" (%s)"):format(progress.usual(r.best,
                                                             r.o.unit)) or ""
  return ("; best validation loss %s, step %d"):format(
         task.loss(r.best, self.unit, usual), r.best_step)
end

---Tells how it went and where what is; ends the program if the run was stopped.
---@param self rnn.Task
---@param test fun() tells what the best model does on other texts
---@param use {[1]: string, [2]: string} what to do with the model, and how
---@param draw? fun(path: string): true|nil, string? what --plot is for, after
---the test, in the place of the losses
function task.conclude(self, test, use, draw)
  local opts, r = self.opts, self.run
  local plotted = not draw and plot(self)
  r:check(run.command(self.spec.name, "--out", opts.out, "--resume"))
  r:note("done    %d steps in %s%s%s", r.at.step, run.duration(r:elapsed()),
         r.reason == "patience" and ("; stopped, validation was no better " ..
         "%d times (--patience)"):format(opts.patience) or "", best(self))
  test()
  plotted = draw and plot(self, draw) or plotted
  r:note("log     %s/log.jsonl", opts.out)
  if plotted then r:note("plot    %s", plotted) end
  r:note("model   %s", r:path "best")
  r:note("%-7s %s", use[1], use[2])
end

-- }==

return task
