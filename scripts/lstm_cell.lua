---An LSTM cell written in Lua from rnn.Linear, sigmoid and tanh: unrolled under
---a tape it trains, and it computes what the fused rnn.LSTM computes.
---Usage: rnnlua lstm_cell.lua
local rnn = require "rnn"
local text = require "rnn.text"
local cli = require "rnn.cli"

local opts = cli.parse(arg, {
  name = "lstm_cell.lua",
  summary = "trains an LSTM cell written in Lua and compares it with rnn.LSTM",
  examples = {"lstm_cell.lua", "lstm_cell.lua --steps 200 --hidden 32"},
  {"steps", type = "int", min = 1, default = 60, help = "training steps"},
  {"hidden", type = "int", min = 1, default = 16, help = "units"},
  {"seed", type = "int", default = 1, help = "seed of the initial values"},
})

local TOLERANCE = 1e-12
local T, N = 8, 4
local TOY = ("to be or not to be, that is the question. "):rep(8)

---The cell: four gates, each a slice of the sum of two linear maps.
---    i, f, o = sigmoid(...)   g = tanh(...)   c = f*c + i*g   h = o*tanh(c)
local function Cell(D, H)
  local cell = {from_x = rnn.Linear(D, 4 * H), from_h = rnn.Linear(H, 4 * H)}
  return setmetatable(cell, {__call = function(_, x, h, c)
    local gates = cell.from_x(x) + cell.from_h(h)
    local i = gates:slice(2, 1, H):sigmoid()
    local f = gates:slice(2, H + 1, 2 * H):sigmoid()
    local g = gates:slice(2, 2 * H + 1, 3 * H):tanh()
    local o = gates:slice(2, 3 * H + 1, 4 * H):sigmoid()
    c = f * c + i * g
    return o * c:tanh(), c
  end})
end

---The cell over all steps of x (T,N,D): y (T,N,H)
local function unroll(cell, x, H)
  local steps, streams = x:shape()[1], x:shape()[2]
  local h, c, ys = rnn.zeros {streams, H}, rnn.zeros {streams, H}, {}
  for t = 1, steps do
    h, c = cell(x:select(1, t), h, c)
    ys[t] = h
  end
  return rnn.op.stack(ys, 1)
end

rnn.default_dtype "float64"
rnn.seed(opts.seed)

-- train the cell on a toy text
local tok = text.tokenizer("char"):fit(TOY)
local ids = tok:encode(TOY)
local H, V = opts.hidden, #tok
local model = {embed = rnn.Embedding(V, H), cell = Cell(H, H),
               out = rnn.Linear(H, V)}
local opt = rnn.Adam(rnn.parameters(model), {lr = 1e-2, clip_norm = 5})
local step, first, last = 0, nil, nil
while step < opts.steps do
  for x, y in text.batches(ids, {steps = T, streams = N}) do
    if step == opts.steps then break end
    local tape <close> = rnn.tape()
    local h = unroll(model.cell, model.embed(x), H)
    local loss = rnn.cross_entropy(model.out(h), y)
    tape:backward(loss)
    opt:step()
    step, last = step + 1, loss:item()
    first = first or last
  end
end
print(("cell in Lua: loss %.3f -> %.3f nats/char in %d steps"):format(
      first, last, step))

-- give its weights to the fused layer, and compare outputs and gradients
local fused = rnn.LSTM(H, H)
local pairs_of = {
  weight_ih_l0 = model.cell.from_x.weight, bias_ih_l0 = model.cell.from_x.bias,
  weight_hh_l0 = model.cell.from_h.weight, bias_hh_l0 = model.cell.from_h.bias,
}
for name, p in pairs(pairs_of) do fused[name]:copy(p) end

local x = rnn.randn {T, N, H}
local function run(layer)
  local tape <close> = rnn.tape()
  local y = layer(x)
  tape:backward((y * y):sum())
  return y:detach()
end

local function difference(a, b)
  return (a - b):abs():max():item()
end

local worst = difference(run(function(v) return unroll(model.cell, v, H) end),
                         run(function(v) return (fused(v)) end))
for name, p in pairs(pairs_of) do
  worst = math.max(worst, difference(p.grad, fused[name].grad))
end
print(("largest difference to rnn.LSTM, outputs and gradients: %.1e"):format(
      worst))
local close, learned = worst <= TOLERANCE, last < first   -- false for nan
if not close then
  cli.fail(1, "the cell and rnn.LSTM differ by %g, more than %g", worst,
           TOLERANCE)
end
if opts.steps >= 50 and not learned then
  cli.fail(1, "the cell did not learn: loss %g -> %g", first, last)
end
