---Finds anomalies in series of numbers: rows that are not what a network
---expects, which has learnt what is normal.
---Usage: rnnlua anomaly.lua --data FILE.csv --out DIR [options]   (--help)
local rnn = require "rnn"
local anomalies = require "rnn.anomalies"
local cli = require "rnn.cli"
local detector = require "rnn.detector"
local framefiles = require "rnn.framefiles"
local options = require "rnn.options"

local SPEC = options.join({
  name = "anomaly.lua", usage = "--data FILE.csv --out DIR [options]",
  saved = "resume",
  summary = "Learns from the first part of a series, taken to be normal, " ..
    "and prints what is unusual in the rest. Writes " ..
    "DIR/detector.safetensors, by which --model judges other data.",
  notes = "The score of a row is the Mahalanobis distance of its error from " ..
    "those of the validation part: with one column, in standard deviations. " ..
    "Rows above the threshold are flagged, and those between flagged rows " ..
    "that are near (--gap); a run of flagged rows is a span.",
  examples = {
    "anomaly.lua --demo sensor --out runs/sensor --plot sensor.png",
    "anomaly.lua --demo ecg --absolute --out runs/ecg",
    "anomaly.lua --data pump.csv --out pump --normal-until 2020-06-30",
    "anomaly.lua --data ecg.csv --labels odd --out ecg --method autoencoder",
    "anomaly.lua --model pump/detector.safetensors --data new.csv",
  },
  {group = "Data"},
  {"data", type = "file", list = true, many = true,
   help = "a CSV table with a row for each time, in order; .gz is unpacked"},
  {"demo", type = "choice", choices = {"sensor", "ecg"},
   help = "a made series with planted faults, in the place of --data"},
  {"rows", type = "int", min = 2000, max = 10000000, default = 60000,
   help = "rows of --demo; faults are in 1 % of those to be judged"},
  {"model", type = "file",
   help = "judge --data by a DIR/detector.safetensors; nothing is trained"},
  {"labels", type = "string", metavar = "COLUMN",
   help = "a column that is 1 for anomalies, else 0: tells how many are found"},
}, options.adapt(framefiles.options, {
  target = {help = "columns to judge together (default all of numbers)"},
  inputs = false, known = false, calendar = false, series = false,
  from = false, to = false,
}), {
  {"train", type = "number", above = 0,
   help = "first part of the rows, or from 1 their count, taken to be " ..
     "normal (default 0.5, of --demo a third)"},
  {"normal-until", type = "string", metavar = "DATE",
   help = "the last date, or row, of that part, in the place of --train"},
  {"val", type = "number", above = 0, below = 1, default = 0.25,
   help = "last part of the normal rows, not trained on, for the threshold"},
  {"stride", type = "int", min = 1, default = 2,
   help = "rows between windows to train on"},
  {group = "Result"},
  {"threshold", type = "string", default = "pot", metavar = "HOW",
   help = "pot: peaks over threshold (Siffer et al. 2017); quantile; or a " ..
     "number"},
  {"risk", type = "number", above = 0, below = 0.02, default = 1e-4,
   help = "pot: chance that a normal row is above it"},
  {"quantile", type = "number", above = 0, max = 1, default = 0.999,
   help = "quantile: of the scores of normal rows"},
  {"smooth", type = "int", min = 1, default = 1,
   help = "average scores over about so many rows (Hundman et al. 2018)"},
  {"gap", type = "int", min = 0, default = 40,
   help = "flagged rows with at most so many between them are one span"},
  {"hold", type = "int", min = 0, default = 32,
   help = "forecasts stand in for unusual rows until so many rows have been " ..
     "as expected; 0: never"},
  {"scores", type = "file", help = "write rows, scores and flags as CSV"},
  {group = "Model"},
  {"method", type = "choice", choices = {"forecast", "autoencoder"},
   default = "forecast", help = "what rows are expected by"},
  {"window", type = "int", min = 2, max = 65536, default = 64,
   help = "rows of a window"},
  {"horizon", type = "int", min = 1, max = 65536, default = 1,
   help = "forecast: rows ahead that are forecast; a row's forecasts are " ..
     "averaged"},
  {"code", type = "int", min = 1, max = 65536, default = 8,
   help = "autoencoder: numbers that a window is made of"},
  {"absolute", type = "flag",
   help = "levels count: windows are not read relative to their own"},
}, options.adapt(options.example_layers, {
  hidden = {default = 32, help = "units per layer"}, dropout = {default = 0.0},
}), options.adapt(options.example_training, {
  batch = {default = 64, help = "windows of a step"}, lr = {default = 5e-3},
  clip = {default = 1.0},
}), options.adapt(options.example_control, {
  out = {required = false}, ["init-from"] = false,
  plot = {help = "draw series, spans and scores: .png, .svg or - (gnuplot)"},
}))

---Options that go with --model.
local JUDGING = {"model", "data", "labels", "missing", "date_format", "scores",
                 "plot", "batch", "threads", "config", "quiet"}

-- {== Training ==

local found   -- what is told at the end: rnn.Found

---What is wrong with the options of a training.
local function check(opts)
  local how = opts.threshold
  if not opts.out then
    return "--out DIR is missing, or --model FILE; see --help"
  elseif opts.demo then
    opts.data = {"--demo " .. opts.demo}
    if opts.labels or opts.target then
      return "--labels and --target are for --data"
    end
  elseif not opts.data then
    return "--data FILE is missing, or --demo sensor|ecg; see --help"
  elseif #opts.data > 1 then
    return "--data takes one series, got " .. #opts.data .. " files"
  end
  if opts.train and opts.normal_until then
    return "--train and --normal-until say the same: leave one of them out"
  elseif how ~= "pot" and how ~= "quantile" and not tonumber(how) then
    return ("--threshold must be pot, quantile or a number, got '%s'"):format(
           how)
  end
end

local function open(opts)
  local series, wrong = anomalies.read(opts)
  if not series then cli.fail(3, "%s", wrong) end
  local shape = detector.shape(opts)
  local parts
  parts, wrong = anomalies.parts(series, shape, opts)
  if not parts then cli.fail(3, "%s", wrong) end
  found = {series = series, valid = parts.valid, test = parts.test,
           opts = opts}
  return {train = parts.train, valid = parts.valid, test = parts.test,
          digest = series.frame:digest(), notes = series.notes}
end

local function note(opts, text)
  if not opts.quiet then io.stderr:write(text, "\n") end
end

local function write_scores(opts)
  if not opts.scores then return end
  local ok, wrong = anomalies.write(opts.scores, found)
  if not ok then cli.fail(5, "could not save: %s", wrong) end
end

---Judges the test part; validations have no scores.
local function score(guesses, part, model)
  if part ~= found.test then return {} end
  local opts = found.opts
  local normal, how = detector.calibrate(model, found.valid, opts)
  if not normal then cli.fail(3, "no threshold: %s", how) end
  local path = opts.out .. "/detector.safetensors"
  local ok, wrong = detector.save(path, model, normal)
  if not ok then cli.fail(5, "could not save: %s", wrong) end
  anomalies.judge(found, model, guesses, normal)
  note(opts, ("level   %.2f: %s"):format(normal.threshold, how))
  write_scores(opts)
  local report = found.report
  return report and {f1 = 100 * report.rows.f1,
                     span_f1 = 100 * report.spans.f1} or {}
end

local function train()
  rnn.datatask.main(arg, SPEC, {
    kind = detector, noun = "windows", open = open,
    batching = require "rnn.models.inwindows", score = score,
    check = check, metric = function() end,
    show = function() return anomalies.text(found) end,
    plot = function(path) return anomalies.plot(path, found) end,
    use = function(path)
      path = path:gsub("best%.safetensors$", "detector.safetensors")
      return {"judge", rnn.run.command("anomaly.lua", "--model", path,
                                       "--data", "FILE")}
    end,
  })
end

-- }==

-- {== Judging by a model ==

---Judges data by a model.
local function judge(opts)
  options.only(opts, JUDGING, "--model, which has its own")
  if not opts.data or #opts.data > 1 then
    cli.fail(2, "--model needs --data FILE")
  end
  cli.complete(SPEC, opts)
  rnn.threads(opts.threads)
  local model, normal = detector.open(opts.model)
  if not model then cli.fail(3, "%s", normal) end
  local known = model:known()
  local shape = detector.shape(known)
  local series, wrong = anomalies.read(opts, known.roles)
  if not series then cli.fail(3, "%s", wrong) end
  local part
  part, wrong = anomalies.whole(series, shape)
  wrong = wrong or detector.unfit(known, part)
  if wrong then cli.fail(3, "%s", wrong) end
  for _, remark in ipairs(series.notes) do note(opts, remark) end
  found = {series = series, test = part}
  anomalies.judge(found, model, detector.say(model, part, opts.batch), normal)
  write_scores(opts)
  print(anomalies.text(found))
  if not opts.plot then return end
  local ok
  ok, wrong = anomalies.plot(opts.plot, found)
  if not ok then io.stderr:write("warning: no plot: ", wrong, "\n") end
end

-- }==

local opts = cli.given(arg, SPEC)
if opts.model then judge(opts) else train() end
