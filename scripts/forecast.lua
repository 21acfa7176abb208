---Forecasts time series: trains a model on the past, tests it beside naive
---forecasts, says what comes next.
---Usage: rnnlua forecast.lua --data FILE --out DIR [options]   (--help)
local rnn = require "rnn"
local backtest = require "rnn.backtest"
local cli = require "rnn.cli"
local forecaster = require "rnn.models.forecaster"
local framefiles = require "rnn.framefiles"
local inwindows = require "rnn.models.inwindows"
local options = require "rnn.options"
local outlook = require "rnn.outlook"

local data = rnn.data

local SPEC = options.join({
  name = "forecast.lua", usage = "--data FILE --out DIR [options]",
  saved = "resume",
  summary = "Trains a recurrent network to forecast columns of CSV files, " ..
    "tests it on the last rows beside naive forecasts, and says what comes " ..
    "next. Writes log.jsonl, last.safetensors and best.safetensors to DIR.",
  notes = "Rows are in the order of time. The scales that numbers are " ..
    "brought to are those of the part that is trained on.",
  examples = {
    "forecast.lua --data air.csv --out air --log --difference both",
    "forecast.lua --data hours.csv --target load --horizon 24 --out load " ..
      "--calendar hour weekday --plot load.png",
    "forecast.lua --data hours.csv --output quantile --horizon 24 --out q",
    "forecast.lua --data new.csv --model load/best.safetensors --predict 48",
  },
  {group = "Data"},
  {"data", type = "file", required = true, list = true, many = true,
   help = "CSV files with the same columns; - is stdin, .gz is unpacked"},
}, framefiles.options, {
  {"val", type = "number", min = 0, default = 0.1,
   help = "part of the rows, before those of --test, to validate with; a " ..
     "count from 1"},
  {"test", type = "number", min = 0, default = 0.2,
   help = "last part of the rows to test with; a count from 1"},
  {"stride", type = "int", min = 1, default = 1,
   help = "rows between the windows to train on"},
  {"most", type = "int", min = 1, default = 5000,
   help = "windows to validate or to test with, at most"},
  {group = "Model"},
  {"strategy", type = "choice", default = "direct",
   choices = {"one-step", "recursive", "direct", "seq2seq"},
   help = "how --horizon steps are forecast: one; one after the other; all " ..
     "at once; by a second network"},
  {"horizon", type = "int", min = 1, max = 1 << 16, default = 1,
   help = "steps to forecast"},
  {"window", type = "int", min = 1, max = 1 << 20,
   help = "steps that are read (default the most of 16, a season and twice " ..
     "--horizon)"},
  {"season", type = "int", min = 1, max = 1 << 20,
   help = "steps of a season (default as the dates say: 12 for months)"},
  {"log", type = "flag", help = "forecast logarithms: growth by parts"},
  {"scale", type = "choice", choices = {"standard", "minmax", "none"},
   default = "standard", help = "what numbers are brought to"},
  {"difference", type = "choice", default = "last",
   choices = {"none", "last", "seasonal", "both"},
   help = "forecast what is added to the last value, to that of a season " ..
     "ago, or to the latter with its change"},
  {"output", type = "choice", choices = {"point", "quantile", "gaussian"},
   default = "point",
   help = "what is said: a number, quantiles, a normal distribution"},
  {"quantiles", type = "string", metavar = "Q,Q",
   default = "0.025,0.1,0.25,0.5,0.75,0.9,0.975", help = "to be told"},
  {"loss", type = "choice", choices = {"mse", "mae", "huber"},
   default = "mse", help = "output point: what is made small"},
  {"attention", type = "flag", help = "look back at all states of the window"},
  {"teacher-forcing", type = "number", min = 0, max = 1, default = 0.0,
   help = "strategy seq2seq: chance that the truth is read in training"},
}, options.adapt(options.example_layers, {
  cell = {choices = {"lstm", "gru", "rnn", "clockwork"}},
  hidden = {default = 32, help = "units per layer"},
  dropout = {default = 0.0, help = "chance of zeroing an output of a layer"},
}), options.adapt(options.example_training, {
  batch = {help = "windows of a step"}, clip = {default = 1.0},
}), options.adapt(options.example_control, {
  out = {required = false},
  plot = {help = "draw the forecasts of the test, or with --predict those: " ..
    ".png, .svg or - (gnuplot)"},
}), {
  {group = "Forecasts"},
  {"model", type = "file", metavar = "MODEL",
   help = "test or forecast with a model that was trained before"},
  {"predict", type = "int", min = 1, max = 1 << 20,
   help = "steps after the end of the data to forecast"},
  {"predictions", type = "file", default = "-", metavar = "FILE",
   help = "CSV file for them; - is stdout"},
})

-- {== Data ==

---The frame that options ask for, or the model to go on with.
local function read_frame(opts, roles)
  local frame, wrong = framefiles.read(opts, roles)
  if not frame then cli.fail(3, "%s", wrong) end
  return frame
end

---Completes what depends on the data; ends the program for what is no model.
local function complete(opts, frame)
  if opts.strategy == "one-step" then opts.horizon = 1 end
  opts.season = opts.season or frame.frequency and
                data.dates.season(frame.frequency) or 1
  if opts.season == 1 and
     (opts.difference == "seasonal" or opts.difference == "both") then
    cli.fail(2, "--difference %s needs --season N, the steps of a season: " ..
             "the data do not tell it", opts.difference)
  end
  opts.window = opts.window or math.max(16, opts.season, 2 * opts.horizon)
end

local function parts_of(opts, frame, known)
  return frame:parts {steps = forecaster.span(known), horizon = known.horizon,
                      val = opts.val, test = opts.test, stride = opts.stride,
                      most = opts.most}
end

local function open(opts, known)
  if known then framefiles.check_roles(opts, known.roles) end
  local frame = read_frame(opts, known and known.roles)
  complete(opts, frame)
  local train, valid, test = parts_of(opts, frame,
                                      known or forecaster.plan(opts))
  if #train == 0 then
    cli.fail(3, "%s: no series has the %d rows to train on that --window " ..
             "%d and --horizon %d take", table.concat(opts.data, ", "),
             forecaster.span(forecaster.plan(opts)) + opts.horizon,
             opts.window, opts.horizon)
  end
  return {train = train, valid = #valid > 0 and valid or nil,
          test = #test > 0 and test or nil, digest = frame:digest(),
          notes = frame.notes}
end

local SAYS_NOTHING = "--predictions is for --predict N"

local function check(opts)
  if not opts.out then
    return "give --out DIR to train, or --model MODEL to use a model"
  elseif opts.predictions ~= "-" and not opts.predict then
    return SAYS_NOTHING
  end
  return forecaster.check(opts)
end

-- }==

-- {== Results ==

local function show(guesses, part, model)
  return backtest.text(guesses, part, model:known())
end

local function plot(path, guesses, part, model)
  return rnn.plot.forecast(path, outlook.tested(guesses, part, model:known()))
end

---Draws a chart where --plot says.
local function draw(path, chart)
  local ok, wrong = rnn.plot.forecast(path, chart)
  if not ok then
    io.stderr:write("warning: no plot: ", wrong, "\n")
  elseif path ~= "-" then
    io.stderr:write("plot    ", path, "\n")
  end
end

---Writes what comes after the end of the data.
local function predict(model, frame, opts)
  local said, longer = model:beyond(frame, opts.predict)
  if not said then cli.fail(3, "%s", longer) end
  local t = outlook.table_of(said, longer, model:known())
  local ok, wrong = data.write_csv(opts.predictions, t)
  if not ok then cli.fail(5, "%s", wrong) end
  if opts.plot then
    draw(opts.plot, outlook.ahead(said, longer, model:known()))
  end
end

---Options that mean something beside --model.
local OF_USE = {"data", "missing", "from", "to", "val", "test", "most",
                "batch", "threads", "plot", "config", "quiet", "model",
                "predict", "predictions"}

---Uses a model that was trained before.
local function use(opts)
  if opts.predictions ~= "-" and not opts.predict then
    cli.fail(2, "%s", SAYS_NOTHING)
  end
  local model, wrong = forecaster.load(opts.model)
  if not model then cli.fail(3, "%s", wrong) end
  local known = model:known()
  local frame = read_frame(opts, known.roles)
  wrong = forecaster.unfit(known, {frame = frame})
  if wrong then
    cli.fail(3, "%s: %s", table.concat(opts.data, ", "), wrong)
  end
  if opts.predict then return predict(model, frame, opts) end
  local _, _, test = parts_of(opts, frame, known)
  if #test == 0 then
    cli.fail(3, "%s: the last rows (--test %g) have no window of %d steps " ..
             "to forecast", table.concat(opts.data, ", "), opts.test,
             known.horizon)
  end
  local items = model:encode(test)
  local guesses = inwindows.each(items, opts.batch, function(batch)
    return model:forecast(batch)
  end)
  print(show(guesses, test, model))
  if opts.plot then
    draw(opts.plot, outlook.tested(guesses, test, model:known()))
  end
end

-- }==

local opts = cli.given(arg, SPEC)
if opts.model then
  options.only(opts, OF_USE, "--model, which is trained")
  cli.complete(SPEC, opts)
  rnn.threads(opts.threads)
  return use(opts)
end

local task = rnn.datatask.main(arg, SPEC, {
  kind = forecaster, noun = "windows", batching = inwindows, open = open,
  check = check, memory = forecaster.memory, score = backtest.scores,
  show = show, plot = plot, metric = function() return nil end,
  predict_options = function(_, testing)
    return {paths = not testing and 1 or nil}
  end,
  use = function(path)
    return {"predict", rnn.run.command("forecast.lua", "--model", path,
                                       "--data", "FILE", "--predict", "N")}
  end,
})
if task and task.opts.predict then
  local model, wrong = forecaster.load(task.run:path "best")
  if not model then cli.fail(3, "%s", wrong) end
  predict(model, task.train.frame, task.opts)
end
