---Waves that go on: networks learn the next value of sine waves, then hear only
---themselves (time_sequence_prediction of PyTorch's examples).
---Usage: rnnlua sine.lua [options]   (--help)
local rnn = require "rnn"
local cli = require "rnn.cli"
local folder = require "rnn.folder"
local output = require "rnn.output"

local MODELS = {"lstm", "rnn", "mlp"}

local opts = cli.parse(arg, {
  name = "sine.lua", usage = "[options]",
  summary = "Trains networks to foretell the next value of sine waves that " ..
    "begin anywhere, and lets them go on with three others by hearing only " ..
    "themselves.",
  notes = "lstm and rnn are two layers and a linear one, mlp two that see " ..
    "the last 20 values. They train in float64 on all waves at once; a step " ..
    "has 20 evaluations at most, a loss is the mean squared error of the " ..
    "next value. r is the correlation of the true wave and of what a " ..
    "network goes on with, over 200 steps and all. Drawn are three waves " ..
    "of one network, or one of several. Ctrl-C shows what there is then.",
  examples = {"sine.lua --plot -", "sine.lua --model all --out runs/sine"},
  {"model", type = "choice", default = "lstm", help = "what learns",
   choices = {"all", table.unpack(MODELS)}},
  {"steps", type = "int", min = 1, default = 15, help = "steps of L-BFGS"},
  {"hidden", type = "int", min = 1, max = 9999, default = 51, help = "units"},
  {"waves", type = "int", min = 4, max = 100000, default = 100,
   help = "waves, three of them only to test on"},
  {"length", type = "int", min = 2, max = 100000, default = 1000,
   help = "values of a wave that are given"},
  {"future", type = "int", min = 2, max = 100000, default = 1000,
   help = "steps to go on"},
  {"lr", type = "number", above = 0, default = 0.8, help = "learning rate"},
  {"out", type = "file", metavar = "DIR",
   help = "folder for the trained networks"},
  {"plot", type = "file",
   help = "draw to FILE.png, FILE.svg, or - for the terminal (gnuplot)"},
  {"seed", type = "int", default = 1, help = "seed of waves and weights"},
  {"threads", type = "int", min = 0, default = 0, help = "0 = all cores"},
})

local RADIAN <const> = 20    -- steps
local TESTS <const> = 3
local WINDOW <const> = 20    -- values that mlp sees
local NEAR <const> = 200     -- steps that have an r of their own
local EVERY <const> = 5      -- steps between points of the picture
local BLACK <const>, DOTTED <const> = 7, 14   -- DOTTED + a colour of rnn.plot

local STOPPED = {interrupted = 130, terminated = 143, hangup = 143}
local program = package.loaded["rnn.program"]   -- nil in other programs

local function say(text, ...)
  output.write(text:format(...))
  output.flush()
end

---The signal that stops the script after this step, if one came.
local function stopped()
  local signal = program and program.signal()
  return STOPPED[signal] and signal
end

-- {== Waves ==

---Values 'from' to 'to' - 1 of waves that begin at these places: (T,N,1).
local function waves(places, from, to)
  local rows = {}
  for t = from, to - 1 do
    local row = {}
    for i, at in ipairs(places) do row[i] = math.sin((t + at) / RADIAN) end
    table.insert(rows, row)
  end
  return rnn.tensor(rows):reshape {to - from, #places, 1}
end

---Waves to learn from and to test on: each value and the one after it.
local function new_data()
  local L, tests, rest = opts.length, {}, {}
  for i = 1, opts.waves do
    local at = math.floor(rnn.random() * 8 * RADIAN) - 4 * RADIAN
    table.insert(i <= TESTS and tests or rest, at)
  end
  return {
    train = {x = waves(rest, 0, L - 1), y = waves(rest, 1, L)},
    test = {x = waves(tests, 0, L - 1), y = waves(tests, 1, L)},
    given = waves(tests, 0, L + 1), truth = waves(tests, L, L + opts.future),
  }
end

-- }==

-- {== Networks ==

local function new_model(kind)
  local H, class = opts.hidden, kind == "lstm" and rnn.LSTM or rnn.RNN
  if kind == "mlp" then
    return {mlp = rnn.MLP({WINDOW, H, H, 1}, {activation = "tanh"})}
  end
  return {net = class(1, H, {num_layers = 2}), out = rnn.Linear(H, 1)}
end

---The state of an mlp is the values before x, at first zeros.
local function by_window(mlp, x, past)
  local T, N, before = #x, x:shape()[2], WINDOW - 1
  local all, seen = rnn.op.cat(past or rnn.zeros {before, N, 1}, x, 1), {}
  for k = 1, WINDOW do seen[k] = all:slice(1, k, k + T - 1) end
  return mlp(rnn.op.cat(seen, 3)), all:slice(1, T + 1, T + before)
end

---What a model expects after each value of x (T,N,1), and its state then.
local function predict(model, x, state)
  if model.mlp then return by_window(model.mlp, x, state) end
  local h, last = model.net(x, state)
  return model.out(h), last
end

---What a model goes on with after x: (future,N,1).
local function go_on(model, x)
  local y, state = predict(model, x)
  local made = {}
  y = y:slice(1, #y, #y)
  for t = 1, opts.future do
    y, state = predict(model, y, state)
    made[t] = y
  end
  return rnn.op.cat(made, 1)
end

-- }==

-- {== Training ==

local function loss_of(model, data)
  return rnn.mse((predict(model, data.x)), data.y)
end

---Returns how many steps were made, and why no more were.
local function train(kind, model, data)
  local opt, last = rnn.LBFGS(rnn.parameters(model), {lr = opts.lr}), nil
  local function look()
    local tape <close> = rnn.tape()
    local loss = loss_of(model, data.train)
    tape:backward(loss)
    last = loss:item()
    return last
  end
  for k = 1, opts.steps do
    local ok, wrong = pcall(opt.step, opt, look)
    if not ok and not wrong:find "not finite" then error(wrong, 0) end
    if not ok then return k - 1, wrong end
    say("%-5s %6d %10.4g %10.4g\n", kind, k, last,
        loss_of(model, data.test):item())
    if stopped() then return k, stopped() end
  end
  return opts.steps
end

---The mean of the correlations of columns of a and b (n,N,1).
local function correlation(a, b)
  a, b = a - a:mean(1), b - b:mean(1)
  local r = (a * b):sum(1) / ((a * a):sum(1) * (b * b):sum(1)):sqrt()
  return r:mean():item()
end

---A trained network, what it goes on with, and what there is to say of it.
local function study(kind, data)
  rnn.seed(opts.seed)
  local r, from = {kind = kind, model = new_model(kind)}, rnn.run.clock()
  r.steps, r.why = train(kind, r.model, data)
  r.seconds = rnn.run.clock() - from
  r.test = loss_of(r.model, data.test):item()
  r.future = go_on(r.model, data.test.x)
  local near = math.min(NEAR, opts.future)
  r.near = correlation(r.future:slice(1, 1, near), data.truth:slice(1, 1, near))
  r.far = correlation(r.future, data.truth)
  return r
end

-- }==

-- {== Results ==

local function tell(r)
  local params = 0
  for _, p in ipairs(rnn.parameters(r.model)) do
    params = params + #p:reshape {-1}
  end
  say("%-5s %6d %6d %10.4g %8.4f %8.4f %8.1f\n", r.kind, params, r.steps,
      r.test, r.near, r.far, r.seconds)
end

local function lines_of(results, data)
  local alone, L = #results == 1, opts.length
  local lines = {{x = {L, L}, y = {-1.2, 1.2}, style = "pale", color = BLACK}}
  local function add(values, wave, from, line)
    line.x, line.y = {}, {}
    for t = 1, #values, EVERY do
      table.insert(line.x, from + t - 1)
      table.insert(line.y, values[t][wave]:item())
    end
    table.insert(lines, line)
  end
  for w = 1, alone and TESTS or 1 do
    local color = alone and w or BLACK
    add(data.given, w, 0, {color = color})
    add(data.truth, w, L, {color = color, style = "pale"})
    for k, r in ipairs(results) do
      add(r.future, w, L, {color = DOTTED + (alone and w or k),
                           name = not alone and r.kind or nil})
    end
  end
  return lines
end

local function draw(path, results, data)
  local ok, wrong, code = rnn.plot.lines(path, {
    lines = lines_of(results, data), xlabel = "step",
    title = "Given waves, and what a network goes on with (dotted)"})
  if not ok then cli.fail(code == "EIO" and 5 or 1, "%s", wrong) end
  if path ~= "-" then say("plot  %s\n", path) end
end

-- }==

local ok, wrong = rnn.plot.terminal(opts.plot or "-")
if not ok then cli.fail(2, "--plot %s", wrong) end
ok, wrong = folder.make(opts.out or "")
if not ok then cli.fail(5, "%s", wrong) end
rnn.threads(opts.threads)
rnn.default_dtype "float64"
rnn.seed(opts.seed)
local data, results = new_data(), {}
if program then program.defer(true) end
say("%-5s %6s %10s %10s\n", "model", "step", "loss", "test loss")
for i, kind in ipairs(opts.model == "all" and MODELS or {opts.model}) do
  results[i] = study(kind, data)
  if opts.out then
    local path = opts.out .. "/" .. kind .. ".safetensors"
    ok, wrong = rnn.save(path, results[i].model)
    if not ok then cli.fail(5, "%s", wrong) end
  end
  if stopped() then break end
end
say("\n%-5s %6s %6s %10s %8s %8s %8s\n", "model", "params", "steps",
    "test loss", "r 200", "r all", "seconds")
for _, r in ipairs(results) do tell(r) end
if opts.plot then draw(opts.plot, results, data) end
for _, r in ipairs(results) do
  if r.why then cli.fail(STOPPED[r.why] or 4, "%s: %s", r.kind, r.why) end
end
