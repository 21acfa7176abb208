---What recurrent networks can keep in mind: the adding problem (Hochreiter and
---Schmidhuber 1997) and the copy-memory problem (as Arjovsky et al. 2016).
---Usage: rnnlua longterm.lua [options]   (--help)
local rnn = require "rnn"
local cli = require "rnn.cli"
local progress = require "rnn.progress"

local PROBLEMS, CELLS = {"adding", "copy"}, {"lstm", "gru", "irnn", "rnn"}

local opts = cli.parse(arg, {
  name = "longterm.lua", usage = "[options]",
  summary = "Trains recurrent networks on the adding and the copy-memory " ..
    "problem; prints which of them solve it, after how many steps.",
  notes = "adding: the sum of the two values that are marked, one in each " ..
    "half of --length random ones; solved when the mean squared error is " ..
    "below 0.01 (1/6 without memory). copy: 10 symbols of 8, to be repeated " ..
    "after --length steps; solved when less than 1 % of them are wrong (7/8 " ..
    "without memory). Errors are those of 500 sequences never trained on. " ..
    "Those trained on have that length for adding; for copy their lengths " ..
    "vary up to it, for every network alike. The learning rate falls to 0 " ..
    "over --steps.",
  examples = {
    "longterm.lua",
    "longterm.lua --problem adding --cell irnn --length 200",
  },
  {"problem", type = "choice", default = "all",
   choices = {"all", table.unpack(PROBLEMS)}, help = "what to learn"},
  {"cell", type = "choice", default = "all",
   choices = {"all", table.unpack(CELLS)}, help = "what learns it"},
  {"length", type = "int", min = 2, max = 100000, default = 100,
   help = "steps to remember over"},
  {"steps", type = "int", min = 1,
   help = "most training steps (10000 for adding, 60000 for copy)"},
  {"hidden", type = "int", min = 1, max = 9999, default = 128, help = "units"},
  {"batch", type = "int", min = 1, max = 10000, default = 32,
   help = "sequences of a step"},
  {"lr", type = "number", above = 0,
   help = "learning rate, in the place of the network's own"},
  {"test-every", type = "int", min = 1, default = 200,
   help = "steps between tests"},
  {"seed", type = "int", default = 1, help = "seed of data and weights"},
  {"threads", type = "int", min = 0, default = 0,
   help = "worker threads, 0 = all cores"},
  {"quiet", type = "flag", help = "no progress"},
})

local TESTS = 500            -- sequences that are only tested on
local SOLVED = 0.01          -- when the error is less
local CLIP = 1               -- norm of the gradient
local SYMBOLS, RECALL = 8, 10
local BLANK, MARK = SYMBOLS + 1, SYMBOLS + 2

-- {== Problems: data, and errors of outputs (T,N,outputs) ==

local function one_hot(n) return rnn.init.identity(rnn.zeros {n, n}) end

---Ids (rows, columns): those that draw(row) gives.
local function ids(rows, columns, draw)
  local list = {}
  for i = 1, rows do
    list[i] = {}
    for j = 1, columns do list[i][j] = draw(i) end
  end
  return rnn.ids(list)
end

---A random integer in 1..n.
local function any(n) return math.floor(rnn.random() * n) + 1 end

local adding = {inputs = 2, outputs = 1, steps = 10000}

---Values and marks (T,N,2), and the sums of the marked values (N).
function adding.make(T, N)
  local half = T // 2
  local at = ids(2, N, function(row)
    return row == 1 and any(half) or half + any(T - half)
  end)
  local values = rnn.uniform {T, N}
  local marks = one_hot(T):embedding(at):sum(1):transpose()
  return rnn.op.stack(values, marks, 3), (values * marks):sum(1)
end

function adding.loss(out, y) return rnn.mse(out[#out]:reshape {-1}, y) end

function adding.error(out, y) return adding.loss(out, y):item() end

function adding.baseline() return 1 / 6 end

---The length of a sequence to learn from.
function adding.length(longest) return longest end

local copy = {inputs = MARK, outputs = BLANK, steps = 60000}
local CODES = one_hot(MARK)

---Symbols, T-1 blanks, the mark and as many blanks as symbols, each as a row of
---zeros with a one; what to say (T+20,N) at each of them.
function copy.make(T, N)
  local symbols = ids(RECALL, N, function() return any(SYMBOLS) end)
  local rest = ids(T + RECALL, N, function(row)
    return row == T and MARK or BLANK
  end)
  local silence = ids(T + RECALL, N, function() return BLANK end)
  return CODES:embedding(rnn.op.cat(symbols, rest, 1)),
         rnn.op.cat(silence, symbols, 1)
end

copy.loss = rnn.cross_entropy

---The share of symbols that are not repeated.
function copy.error(out, y)
  local from = #out - RECALL + 1
  local said = out:slice(1, from):argmax(3):to "float32"
  local off = (said - y:slice(1, from):to "float32"):abs():clamp(0, 1)
  return off:mean():item()
end

function copy.baseline(T)
  return RECALL * math.log(SYMBOLS) / (T + 2 * RECALL)
end

---The logarithm of the length is uniform: short sequences teach what to do,
---long ones to keep it.
function copy.length(longest)
  return math.floor(2 * ((longest + 1) / 2) ^ rnn.random())
end

local PROBLEM = {adding = adding, copy = copy}

-- }==

-- {== Networks ==

---A layer's bias of its second gate, which forgets or updates, for units that
---remember 1 to T steps (Tallec and Ollivier 2018).
local function remember(layer, H, T)
  local steps = rnn.uniform({H}, 1, math.max(2, T - 1))
  layer.bias_ih_l0:slice(1, H + 1, 2 * H):copy(steps:log())
  layer.bias_hh_l0:slice(1, H + 1, 2 * H):fill(0)
  return layer
end

---A network's layer of D inputs and H units.
local NET = {}

function NET.lstm(D, H, T)
  local layer = remember(rnn.LSTM(D, H, {recurrent_init = "orthogonal"}), H, T)
  local forget = layer.bias_ih_l0:slice(1, H + 1, 2 * H)
  layer.bias_ih_l0:slice(1, 1, H):copy(-forget)   -- write as little as forget
  layer.bias_hh_l0:slice(1, 1, H):fill(0)
  return layer
end

function NET.gru(D, H, T)
  local layer = rnn.GRU(D, H, {recurrent_init = "orthogonal"})
  return remember(layer, H, T)
end

---Le et al. 2015, but for a larger weight_ih (theirs: 0.001): it learns sooner.
function NET.irnn(D, H)
  local layer = rnn.RNN(D, H, {nonlinearity = "relu",
                               recurrent_init = "identity"})
  rnn.init.normal(layer.weight_ih_l0, 0, 0.3)
  return layer
end

function NET.rnn(D, H) return rnn.RNN(D, H) end

-- }==

-- {== Training ==

---Learning rates, and that of weight_hh where it is another one: a step of Adam
---moves an eigenvalue by up to the rate times H, and the states of a relu
---network explode when one leaves 1.
local RATE = {
  adding = {lstm = {1e-2}, gru = {5e-3}, irnn = {1e-3, 1e-4}, rnn = {1e-3}},
  copy = {lstm = {1e-2}, gru = {5e-3}, irnn = {3e-3, 6e-4}, rnn = {1e-3}},
}

local teller = progress.teller(opts.quiet)

local function new_model(name, cell)
  local problem, H = PROBLEM[name], opts.hidden
  local model = {layer = NET[cell](problem.inputs, H, opts.length),
                 out = rnn.Linear(H, problem.outputs)}
  local lr, slow = table.unpack(RATE[name][cell])
  local hidden = model.layer.weight_hh_l0
  local groups = {{params = {hidden}, lr = slow}, {params = {}}}
  for _, p in ipairs(rnn.parameters(model)) do
    if p ~= hidden then table.insert(groups[2].params, p) end
  end
  local opt = rnn.Adam(groups, {lr = lr, clip_norm = CLIP})
  opt.lr = opts.lr or lr
  return model, opt
end

---The loss and the error of a model on sequences it was not trained on.
local function test(problem, model, x, y)
  local out = model.out((model.layer(x)))
  return problem.loss(out, y):item(), problem.error(out, y)
end

---One step; returns false, having changed nothing, when a gradient is infinite.
local function train(problem, model, opt)
  local x, y = problem.make(problem.length(opts.length), opts.batch)
  local tape <close> = rnn.tape()
  tape:backward(problem.loss(model.out((model.layer(x))), y))
  local _, bad = opt:norm()
  if not bad then opt:step() end
  return not bad
end

---Trains until a test is passed, the steps are over or a gradient is infinite;
---returns which, and loss and error of the last test.
local function learn(name, cell)
  local problem = PROBLEM[name]
  rnn.seed(opts.seed)
  local x, y = problem.make(opts.length, TESTS)
  local model, opt = new_model(name, cell)
  local steps = opts.steps or problem.steps
  local rate = rnn.schedule.cosine(opt.lr, steps, {final = 0})
  local loss, wrong = test(problem, model, x, y)
  for step = 1, steps do
    opt.lr = rate(step - 1)
    if not train(problem, model, opt) then return "diverged", loss, wrong end
    if step % opts.test_every == 0 or step == steps then
      loss, wrong = test(problem, model, x, y)
      if wrong < SOLVED then return tostring(step), loss, wrong end
      teller:note(("%s %s: step %d, loss %.4g, error %.4g"):format(
                  name, cell, step, loss, wrong))
    end
  end
  return "not solved", loss, wrong
end

-- }==

rnn.threads(opts.threads)
print(("%-8s%-6s%12s%10s%10s%10s%9s"):format("problem", "cell", "solved at",
      "loss", "baseline", "error", "seconds"))
for _, name in ipairs(opts.problem == "all" and PROBLEMS or {opts.problem}) do
  for _, cell in ipairs(opts.cell == "all" and CELLS or {opts.cell}) do
    local from = rnn.run.clock()
    local solved, loss, wrong = learn(name, cell)
    print(("%-8s%-6s%12s%10.4g%10.4g%10.4g%9.0f"):format(name, cell, solved,
          loss, PROBLEM[name].baseline(opts.length), wrong,
          rnn.run.clock() - from))
    io.stdout:flush()
  end
end
