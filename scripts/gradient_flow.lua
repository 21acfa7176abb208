---How far gradients flow back through time in networks as they start: the norm
---of dL/dh_t for an Elman net that makes them vanish or explode, and what an
---orthogonal start, IRNN, LSTM, GRU, residual connections and clipping change.
---Usage: rnnlua gradient_flow.lua [options]   (--help)
local rnn = require "rnn"
local cli = require "rnn.cli"
local show = require "rnn.show"

local NETS = {"vanishing", "exploding", "orthogonal", "irnn", "lstm",
              "lstm-open", "gru", "stacked", "residual"}

local opts = cli.parse(arg, {
  name = "gradient_flow.lua", usage = "[NET...] [options]",
  summary = "Prints and draws the norm of the gradient that reaches each " ..
    "hidden state from a loss after the last step, in networks as they start.",
  notes = "The loss is the mean squared error of a linear output after the " ..
    "last step; inputs and targets are normal noise. vanishing is an Elman " ..
    "net (tanh) with PyTorch's start, exploding the same with weight_hh " ..
    "times --gain, orthogonal with an orthogonal weight_hh; irnn is relu " ..
    "with the identity, lstm-open an LSTM with --forget-bias; stacked and " ..
    "residual have --layers Elman layers, of which the lowest is drawn. The " ..
    "second table is the norm of the gradient of all parameters and that of " ..
    "a step of SGD (lr 1) with it clipped: clipping bounds the step, not " ..
    "the flow.",
  examples = {
    "gradient_flow.lua",
    "gradient_flow.lua --length 200 --out flow.png",
    "gradient_flow.lua exploding lstm --gain 6 --out -",
  },
  {"net", positional = true, many = true, type = "choice", choices = NETS,
   help = "which networks; all without it"},
  {"length", type = "int", min = 1, max = 100000, default = 100,
   help = "steps T"},
  {"hidden", type = "int", min = 1, max = 10000, default = 64,
   help = "units"},
  {"batch", type = "int", min = 1, max = 10000, default = 16,
   help = "rows"},
  {"layers", type = "int", min = 2, max = 100, default = 4,
   help = "layers of stacked and residual"},
  {"gain", type = "number", above = 0, default = 4,
   help = "factor of weight_hh in exploding"},
  {"forget-bias", type = "number", default = 5,
   help = "added to the forget gates of lstm-open"},
  {"clip", type = "number", above = 0, default = 1,
   help = "norm that the gradient of all parameters is clipped to"},
  {"out", type = "file",
   help = "draw to FILE.png, FILE.svg, or - for the terminal"},
  {"seed", type = "int", default = 1, help = "seed of data and weights"},
  {"threads", type = "int", min = 0, default = 0,
   help = "worker threads, 0 = all cores"},
})

local INPUTS = 2

---What each network is, as class and options.
local NET = {
  vanishing = {"RNN"},
  exploding = {"RNN", {recurrent_gain = opts.gain}},
  orthogonal = {"RNN", {recurrent_init = "orthogonal"}},
  irnn = {"RNN", {recurrent_init = "identity", nonlinearity = "relu"}},
  lstm = {"LSTM"},
  ["lstm-open"] = {"LSTM", {forget_bias = opts.forget_bias}},
  gru = {"GRU"},
  stacked = {"RNN", {num_layers = opts.layers}},
  residual = {"RNN", {num_layers = opts.layers, residual = true}},
}

---The flow in a network, the norm of its parameters' gradient, and that of the
---step an optimizer takes which clips it.
local function measure(name)
  rnn.seed(opts.seed)
  local class, options = table.unpack(NET[name])
  local T, N, H = opts.length, opts.batch, opts.hidden
  local model = {net = rnn[class](INPUTS, H, options), out = rnn.Linear(H, 1)}
  local params = rnn.parameters(model)
  local opt = rnn.SGD(params, {lr = 1, clip_norm = opts.clip})
  local x, y = rnn.randn {T, N, INPUTS}, rnn.randn {N, 1}
  local flow
  do
    local tape <close> = rnn.tape()
    local net = rnn.inspect.unroll(tape, model.net)
    local h = net(x)
    flow = rnn.inspect.gradient_flow(tape, rnn.mse(model.out(h[T]), y))
  end
  local before, moved = rnn.detach(params), 0
  local norm = opt:step()
  for i, p in ipairs(params) do
    local by = p - before[i]
    moved = moved + (by * by):sum():item()
  end
  flow.name = name
  return flow, norm, math.sqrt(moved)
end

rnn.threads(opts.threads)
rnn.default_dtype "float64"
local flows, lowest, norms = {}, {}, {}
for i, name in ipairs(opts.net or NETS) do
  local norm, step
  flows[i], norm, step = measure(name)
  lowest[i] = {name = name, layers = {flows[i].layers[1]}}
  norms[i] = ("%-11s%10.2e%10.2e"):format(name, norm, step)
end
print(rnn.inspect.table(flows))
print(("\n%-11s%10s%10s"):format("|dL/dw|", "gradient", "step"))
print(table.concat(norms, "\n"))

if opts.out then
  local EXIT = {ENAME = 2, EDATA = 3, EIO = 5}
  local ok, wrong, code = rnn.plot.gradient_flow(opts.out, lowest, {
    title = ("Gradient of a loss after step %d"):format(opts.length)})
  if not ok then cli.fail(EXIT[code] or 1, "%s", show.text(wrong)) end
end
