---What options of recurrent layers cost: a training step of a character model
---with each, next to the same step of the plain cell.
---Usage: rnnlua scripts/bench/variants.lua [options]   (--help)
---
---One thread, processor time of this process, the forms by turns; the least of
---all rounds counts, so that what else runs on the machine hardly shows.
local rnn = require "rnn"
local cli = require "rnn.cli"
local core = require "rnn.core"

local opts = cli.parse(arg, {
  name = "variants.lua",
  summary = "what options of recurrent layers cost, next to the plain cell",
  examples = {"variants.lua", "variants.lua --hidden 128 --rounds 20"},
  {"hidden", type = "int", min = 2, max = 8192, default = 512,
   help = "units per layer"},
  {"layers", type = "int", min = 1, max = 16, default = 2, help = "layers"},
  {"batch", type = "int", min = 1, default = 64, help = "rows side by side"},
  {"seq", type = "int", min = 1, default = 32, help = "steps"},
  {"rounds", type = "int", min = 1, default = 5, help = "steps of each form"},
})

local V = 65
local H = opts.hidden

---An LSTM of elementary ops, over time by rnn.scan.
local function scanned()
  local stack = {}
  for l = 1, opts.layers do
    local w, u = rnn.Linear(H, 4 * H), rnn.Linear(H, 4 * H, {bias = false})
    local zeros = rnn.zeros {opts.batch, H}
    stack[l] = {w = w, u = u, cell = function(x, s)
      s = s or {h = zeros, c = zeros}
      local a = w(x) + u(s.h)
      local function part(k) return a:slice(2, (k - 1) * H + 1, k * H) end
      local c = part(2):sigmoid() * s.c + part(1):sigmoid() * part(3):tanh()
      local h = part(4):sigmoid() * c:tanh()
      return h, {h = h, c = c}
    end}
  end
  return setmetatable(stack, {__call = function(_, x)
    for l = 1, #stack do x = rnn.scan(stack[l].cell, x) end
    return x
  end})
end

local function layer(class, options)
  return function()
    options.num_layers = opts.layers
    return rnn[class](H, H, options), options.proj_size
  end
end

---Name, what it is compared with, and what makes it.
local FORMS = {
  {"LSTM", "LSTM", layer("LSTM", {})},
  {"peephole", "LSTM", layer("LSTM", {peephole = true})},
  {"layer_norm", "LSTM", layer("LSTM", {layer_norm = true})},
  {"zoneout, zoneout_c", "LSTM",
   layer("LSTM", {zoneout = 0.1, zoneout_c = 0.1})},
  {"locked_dropout", "LSTM", layer("LSTM", {locked_dropout = 0.3})},
  {"weight_drop", "LSTM", layer("LSTM", {weight_drop = 0.5})},
  {"residual", "LSTM", layer("LSTM", {residual = true})},
  {"hard_sigmoid", "LSTM", layer("LSTM", {gate_activation = "hard_sigmoid"})},
  {"coupled", "LSTM", layer("LSTM", {coupled = true})},
  {"proj_size H/2", "LSTM", layer("LSTM", {proj_size = H // 2})},
  {"rnn.scan of ops", "LSTM", scanned},
  {"GRU", "GRU", layer("GRU", {})},
  {"reset before", "GRU", layer("GRU", {reset = "before"})},
  {"zoneout", "GRU", layer("GRU", {zoneout = 0.1})},
  {"RNN", "RNN", layer("RNN", {})},
  {"zoneout", "RNN", layer("RNN", {zoneout = 0.1})},
}

local function build(make)
  local net, size = make()
  local model = {embed = rnn.Embedding(V, H), net = net,
                 out = rnn.Linear(size or H, V)}
  return model, rnn.Adam(rnn.parameters(model), {lr = 1e-3, clip_norm = 5})
end

local function random_ids()
  local t = rnn.zeros({opts.seq, opts.batch}, "int32")
  for i = 1, opts.seq * opts.batch do core.set(t, i, math.random(V)) end
  return t
end

rnn.threads(1)
math.randomseed(1)
local x, y = random_ids(), random_ids()

---Processor seconds of one step.
local function step(form)
  local start = os.clock()
  local tape <close> = rnn.tape()
  local h = form.model.net(form.model.embed(x))
  tape:backward(rnn.cross_entropy(form.model.out((h)), y))
  form.opt:step()
  return os.clock() - start
end

local least = {}
for _, form in ipairs(FORMS) do form.model, form.opt = build(form[3]) end
for _ = 0, opts.rounds do
  for i, form in ipairs(FORMS) do
    least[i] = math.min(least[i] or math.huge, step(form))
  end
end

print(("%dx%d, B%d T%d, kernels %s, one thread"):format(opts.layers, H,
      opts.batch, opts.seq, rnn.kernels()))
local plain
for i, form in ipairs(FORMS) do
  if form[1] == form[2] then plain = least[i] end
  print(("  %-20s %8.1f ms  %5.2f of %s"):format(form[1], least[i] * 1e3,
        least[i] / plain, form[2]))
end
