---The work of one row of bench.lua; peer_torch.py does the same with PyTorch.
---Usage: rnnlua row.lua train|sample CELL LAYERS HIDDEN BATCH STEPS VOCAB
---                      [threads] [precision] [seconds]
---       rnnlua row.lua peak [threads]
---Prints tokens (or, for peak, GFLOP) per second, the median of five passes;
---peak resident bytes; mallocs per step; bytes of weights that a sampled token
---reads.
local rnn = require "rnn"
local core = require "rnn.core"

local clock = core.sys.clock
local PASSES = 5

---Calls of f per second: the median of passes of so many seconds in all.
local function rate(f, seconds)
  local start = clock()
  f()
  f()
  local each = (clock() - start) / 2
  local n = math.max(1, math.floor(seconds / PASSES / each + 0.5))
  local mallocs = rnn.memory().mallocs
  local speeds = {}
  for i = 1, PASSES do
    start = clock()
    for _ = 1, n do f() end
    speeds[i] = n / (clock() - start)
  end
  table.sort(speeds)
  return speeds[(PASSES + 1) // 2],
         (rnn.memory().mallocs - mallocs) / (PASSES * n)
end

local function peak()
  local n = 2048
  local a, b = rnn.uniform({n, n}, -1, 1), rnn.uniform({n, n}, -1, 1)
  local speed = rate(function() a:matmul(b):close() end, 1)
  return speed * 2 * n ^ 3 / 1e9, 0, 0
end

local function build(row)
  local H = row.hidden
  return {
    embed = rnn.Embedding(row.vocab, H),
    rnn = rnn[row.cell](H, H, {
      num_layers = row.layers,
      precision = row.work == "train" and row.precision or "full"}),
    out = rnn.Linear(H, row.vocab),
  }
end

local function train(row)
  local model = build(row)
  local opt = rnn.Adam(rnn.parameters(model), {lr = 2e-3, clip_norm = 5})
  local T, N, V = row.steps, row.batch, row.vocab
  local x, y = rnn.zeros({T, N}, "int32"), rnn.zeros({T, N}, "int32")
  for i = 1, T * N do
    core.set(x, i, math.random(V))
    core.set(y, i, math.random(V))
  end
  local state
  local speed, mallocs = rate(function()
    local tape <close> = rnn.tape()
    local h, last = model.rnn(model.embed(x), state)
    local loss = rnn.cross_entropy(model.out(h), y)
    tape:backward(loss)
    opt:step()
    state = rnn.detach(last, state)
  end, row.seconds)
  return speed * T * N, mallocs, 0
end

local function sample(row)
  local stepper = rnn.stepper(build(row), {precision = row.precision,
                                           streams = row.batch})
  local AT_ONCE = 100
  local speed, mallocs = rate(function()
    stepper:sample(AT_ONCE):close()
  end, row.seconds)
  return speed * AT_ONCE * row.batch, mallocs, stepper:bytes()
end

math.randomseed(1)
rnn.seed(1)
local work, result = arg[1]
if work == "peak" then
  rnn.threads(tonumber(arg[2]) or 0)
  result = table.pack(peak())
else
  local row = {work = work, cell = arg[2]}
  for i, name in ipairs {"layers", "hidden", "batch", "steps", "vocab"} do
    row[name] = math.tointeger(tonumber(arg[2 + i]))
  end
  rnn.threads(tonumber(arg[8]) or 0)
  row.precision, row.seconds = arg[9] or "full", tonumber(arg[10]) or 2
  result = table.pack(({train = train, sample = sample})[work](row))
end
print(("%.6g %d %g %d"):format(result[1], core.sys.rss(), result[2],
                               result[3]))
