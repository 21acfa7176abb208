---Speed of training next to the peak of this machine, measured in one run.
---Usage: rnnlua scripts/bench.lua [--threads N] [--repeat N]   (make bench)
---
---GFLOP/s counts 3 x the multiply-adds of the forward pass x 2 (backward takes
---twice the work of forward); the peak is a 2048 x 2048 x 2048 float32 matrix
---product with the same threads. Each figure is the median of several runs.
local rnn = require "rnn"
local cli = require "rnn.cli"
local sys = require("rnn.core").sys

local opts = cli.parse(arg, {
  name = "bench.lua",
  summary = "training speed next to this machine's matrix product",
  {"threads", type = "int", min = 0, default = 0,
   help = "worker threads; 0 = all cores"},
  {"repeat", type = "int", min = 1, default = 7,
   help = "runs per figure; the median counts"},
})

local T, N, V = 50, 50, 65
local ROWS = {
  {cell = "LSTM", layers = 2, hidden = 128, steps = 10},
  {cell = "LSTM", layers = 2, hidden = 512, steps = 2},
  {cell = "GRU", layers = 2, hidden = 256, steps = 4},
}
local GATES = {RNN = 1, GRU = 3, LSTM = 4}

local function median(values)
  table.sort(values)
  return values[(#values + 1) // 2]
end

local function seconds(f)
  local start = sys.clock()
  f()
  return sys.clock() - start
end

---GFLOP/s of a square float32 matrix product.
local function peak(n)
  local a, b = rnn.uniform({n, n}, -1, 1), rnn.uniform({n, n}, -1, 1)
  local times = {}
  for i = 1, opts["repeat"] do
    times[i] = seconds(function() a:matmul(b):close() end)
  end
  return 2 * n ^ 3 / median(times) / 1e9
end

local function build(row)
  local H = row.hidden
  return {
    embed = rnn.Embedding(V, H),
    rnn = rnn[row.cell](H, H, {num_layers = row.layers}),
    out = rnn.Linear(H, V),
  }
end

---Multiply-adds of one token going forward, an embedding counting as a product
---as wide as the layer.
local function forward_macs(row)
  local H = row.hidden
  return row.layers * GATES[row.cell] * H * 2 * H + H * V
end

local function trainer(row)
  local model = build(row)
  local opt = rnn.Adam(rnn.parameters(model), {lr = 2e-3, clip_norm = 5})
  local x, y = rnn.zeros({T, N}, "int32"), rnn.zeros({T, N}, "int32")
  for i = 1, T * N do
    require("rnn.core").set(x, i, 1 + (i * 7919) % V)
    require("rnn.core").set(y, i, 1 + (i * 104729) % V)
  end
  local state
  return function()
    local tape <close> = rnn.tape()
    local h, last = model.rnn(model.embed(x), state)
    local loss = rnn.cross_entropy(model.out(h), y)
    tape:backward(loss)
    opt:step()
    state = rnn.detach(last, state)
  end
end

local function measure(row)
  local step = trainer(row)
  step()
  step()
  local before = rnn.memory().mallocs
  local times = {}
  for i = 1, opts["repeat"] do
    times[i] = seconds(function()
      for _ = 1, row.steps do step() end
    end) / row.steps
  end
  local mallocs = rnn.memory().mallocs - before
  return T * N / median(times), mallocs / (opts["repeat"] * row.steps)
end

rnn.threads(opts.threads)
rnn.seed(1)
print(("rnnlua %s  %s  threads %d  %s"):format(rnn._VERSION:match "%S+$",
      sys.cpu() or "unknown CPU", rnn.threads(), sys.utc()))
local top = peak(2048)
print(("sgemm 2048: %.0f GFLOP/s (the peak below)"):format(top))
print(("%-22s %10s %9s %8s %13s"):format("train, B50 T50 V65", "tokens/s",
      "GFLOP/s", "of peak", "mallocs/step"))
for _, row in ipairs(ROWS) do
  local tok_s, mallocs = measure(row)
  local gflops = 3 * 2 * forward_macs(row) * tok_s / 1e9
  print(("%-22s %10.0f %9.1f %8.2f %13g"):format(
        ("%s %dx%d"):format(row.cell, row.layers, row.hidden), tok_s, gflops,
        gflops / top, mallocs))
end
print(("peak resident memory %.0f MiB"):format(sys.rss() / 2 ^ 20))
