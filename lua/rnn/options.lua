---Options that training scripts share, for their option tables:
---
---    local SPEC = options.join({name = ..., summary = ..., ...own options},
---                              options.training, options.control)
local cli = require "rnn.cli"

local options = {}

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
  {"lr", type = "number", above = 0, default = 2e-3, help = "learning rate"},
  {"optim", type = "choice", default = "adam",
   choices = {"sgd", "adagrad", "rmsprop", "adam", "adamw"},
   help = "update rule"},
  {"clip", type = "number", min = 0, default = 5.0,
   help = "largest norm of the gradient; 0 = no limit"},
  {"schedule", type = "choice", default = "constant",
   choices = {"constant", "step", "exponential", "cosine", "plateau"},
   help = "how the learning rate falls"},
  {"seed", type = "int", default = 1, help = "seed of all randomness"},
  {"threads", type = "int", min = 0, max = 256, default = 0,
   help = "worker threads; 0 = all cores this process may use"},
}

options.control = {
  {group = "Control"},
  {"out", type = "file", metavar = "DIR", required = true,
   help = "folder of the run"},
  {"config", type = "config",
   help = "file with a table of options: {hidden = 256}"},
  {"resume", type = "flag",
   help = "go on from DIR/last.safetensors, with its options"},
  {"eval-every", type = "int", min = 1, default = 250,
   help = "steps between validations"},
  {"save-every", type = "int", min = 1, default = 250,
   help = "steps between checkpoints"},
  {"keep", type = "int", min = 0, default = 0,
   help = "numbered checkpoints to keep beside last and best"},
  {"patience", type = "int", min = 0, default = 0,
   help = "validations without a new best before stopping; 0 = never"},
  {"plot", type = "file", help = "draw the losses: .png, .svg or - (gnuplot)"},
  {"quiet", type = "flag", help = "only warnings on stderr"},
}

---Classes of the choices of --optim.
options.OPTIM = {sgd = "SGD", adagrad = "Adagrad", rmsprop = "RMSprop",
                 adam = "Adam", adamw = "AdamW"}

---Options that say where, how long and how loud: files do not depend on them.
local PASSING = {"out", "config", "resume", "threads", "time", "plot", "quiet",
                 "sample_length"}

---Options that may change when a run goes on; the others are what it is.
local FREE = {"data", "steps", "epochs", "lr", "clip", "schedule",
              "eval_every", "save_every", "keep", "patience"}

local function without(t, names)
  local copy = {}
  for k, v in pairs(t) do copy[k] = v end
  for _, name in ipairs(names) do copy[name] = nil end
  return copy
end

---Appends lists of options to an option table.
---@param spec table
---@param ... table[]
---@return table spec
function options.join(spec, ...)
  for _, list in ipairs {...} do
    table.move(list, 1, #list, #spec + 1, spec)
  end
  return spec
end

---What a checkpoint keeps of the options.
---@param opts table<string, any>
---@return table<string, any>
function options.lasting(opts)
  return without(opts, PASSING)
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
    if opts[name] ~= nil and opts[name] ~= value then
      cli.fail(2, "--%s %s does not fit the run in %s, which has %s: leave " ..
               "it out, or choose another --out",
               tostring(name):gsub("_", "-"), opts[name], opts.out, value)
    end
  end
  saved = without(saved, PASSING)
  if opts.epochs or opts.time then saved.steps = nil end
  if opts.steps then saved.epochs = nil end
  local wrong = cli.merge(spec, saved, opts)
  if wrong then cli.fail(3, "%s: %s", path, wrong) end
end

return options
