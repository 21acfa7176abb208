---How a network forecasts H steps from a window of W (Ben Taieb et al. 2012):
---
---    recursive  one step at a time, each forecast being read for the next
---    direct     all steps at once, by outputs of their own
---    seq2seq    by a second network that the state of the first one starts
---               (Cho et al. 2014), which reads its own forecasts
---
---A strategy adds its layers to a model (build), forecasts with the truth at
---hand (train) and without (free). What a window holds is a view:
---    x       (W,N,I) what is read: v, inputs, what is known of the next step
---    v       (W,N,D) the targets
---    held    (1,N,E) the last inputs, or nil
---    H       steps to forecast: only recursive ones have a choice
---    known   (H,N,K) what is known of the steps to come, or nil
---    y       (H,N,D) what is to be said of them
---Results are (H,N,D,P) for a distribution of P numbers.
local core = require "rnn.core"
local layer = require "rnn.layer"

local is_layer, new_layer, op = layer.is, layer.named, core.op

local CELLS = {lstm = "LSTM", gru = "GRU", rnn = "RNN",
               clockwork = "ClockworkRNN"}

-- {== Parts of networks ==

---A recurrent layer that reads I numbers.
local function new_rnn(I, o)
  if o.cell == "clockwork" then
    return new_layer(CELLS.clockwork, I, o.hidden)
  end
  return new_layer(CELLS[o.cell], I, o.hidden, {
    num_layers = o.layers, locked_dropout = o.dropout,
    weight_drop = o.weight_drop, precision = o.precision})
end

---How many numbers features() gives.
local function add_features(m, o)
  if o.dropout > 0 then m.drop = new_layer("Dropout", {p = o.dropout}) end
  if not o.attention then return o.hidden end
  m.attention = new_layer("Attention", o.hidden, o.hidden,
                          {kind = "scaled_dot"})
  return 2 * o.hidden
end

---What forecasts are made of: states h (T,N,F), beside what they attend to of
---the window's states.
local function features(m, h, keys)
  if m.attention then h = op.cat(h, (m.attention(h, keys)), 3) end
  return m.drop and m.drop(h) or h
end

---(T,N,D*P) as (T,N,D,P).
local function by_target(y, known)
  local s = y:shape()
  return y:reshape {s[1], s[2], known.D, s[3] // known.D}
end

---What one step reads: a value v (1,N,D), the held inputs, what is known.
local function step_input(v, held, known)
  if held then v = op.cat(v, held, 3) end
  return known and op.cat(v, known, 3) or v
end

---Step k of a tensor (H,...), if it is there.
local function at(x, k) return x and x:slice(1, k, k) end

---A state, or a tensor (T,N,F), with so many copies of its rows.
local function copied(x, copies, axis)
  if not x or copies == 1 then return x end
  local list = {}
  for i = 1, copies do list[i] = x end
  return op.cat(list, axis)
end

local function copied_state(state, copies)
  return {h = copied(state.h, copies, 2), t = state.t,
          c = copied(state.c, copies, 2)}
end

-- }==

local strategies = {NAMES = {"recursive", "direct", "seq2seq"}}

-- {== Recursive ==

local recursive = {}
strategies.recursive = recursive

function recursive.build(m, known, o)
  m.rnn = new_rnn(known.D + known.E + known.K, o)
  m.out = new_layer("Linear", add_features(m, o), known.D * known.P)
end

---The network reads the truth up to the step before each forecast.
function recursive.train(m, known, view)
  local x, W, H = view.x, #view.x, #view.y
  if H > 1 then
    local held = view.held and copied(view.held, H - 1, 1)
    x = op.cat(x, step_input(view.y:slice(1, 1, H - 1), held, view.known and
                             view.known:slice(1, 2, H)), 1)
  end
  local h = m.rnn(x)
  return by_target(m.out(features(m, h:slice(1, W, W + H - 1),
                                  h:slice(1, 1, W))), known)
end

---The network reads what choose() makes of its forecasts; returns these values
---too, (H,N*copies,D).
function recursive.free(m, known, view, choose, copies)
  local h, state = m.rnn(view.x)
  local keys, H, rows = h, view.H, {}
  for _, name in ipairs {"held", "known"} do
    rows[name] = copied(view[name], copies, 2)
  end
  keys, state = copied(keys, copies, 2), copied_state(state, copies)
  h = keys:slice(1, #keys, #keys)
  local outs, values = {}, {}
  for k = 1, H do
    local y = by_target(m.out(features(m, h, keys)), known)
    outs[k], values[k] = y, choose(y)
    if k < H then
      h, state = m.rnn(step_input(values[k], rows.held,
                                  at(rows.known, k + 1)), state)
    end
  end
  return op.cat(outs, 1), op.cat(values, 1)
end

-- }==

-- {== Direct ==

local direct = {}
strategies.direct = direct

function direct.build(m, known, o)
  local F, DP = add_features(m, o), known.D * known.P
  m.rnn = new_rnn(known.D + known.E + known.K, o)
  m.out = new_layer("Linear", F, known.horizon * DP)
  if known.K > 0 then m.known_out = new_layer("Linear", known.K, DP) end
end

function direct.train(m, known, view)
  local h = m.rnn(view.x)
  local y = m.out(features(m, h:slice(1, #h, #h), h))
  local N = y:shape()[2]
  y = y:reshape {N, known.horizon, known.D * known.P}:transpose(1, 2)
  if m.known_out then y = y + m.known_out(view.known) end
  return by_target(y, known)
end

direct.free = direct.train

-- }==

-- {== Sequence to sequence ==

local seq2seq = {}
strategies.seq2seq = seq2seq

function seq2seq.build(m, known, o)
  m.rnn = new_rnn(known.D + known.E + known.K, o)
  m.decoder = new_rnn(known.D + known.K, o)
  m.out = new_layer("Linear", add_features(m, o), known.D * known.P)
end

---Step by step; truth(k) tells what is read in the place of forecast k, or nil.
local function decode(m, known, view, middle, truth)
  local keys, state = m.rnn(view.x)
  local read, outs = view.v:slice(1, #view.v, #view.v) * 0, {}
  for k = 1, known.horizon do
    local h
    h, state = m.decoder(step_input(read, nil, at(view.known, k)), state)
    outs[k] = by_target(m.out(features(m, h, keys)), known)
    read = truth(k) or middle(outs[k])
  end
  return op.cat(outs, 1)
end

---With a chance, the truth is read at a step (Bengio et al. 2015).
function seq2seq.train(m, known, view, middle, chance)
  return decode(m, known, view, middle, function(k)
    return chance > 0 and core.random() < chance and at(view.y, k)
  end)
end

function seq2seq.free(m, known, view, middle)
  return seq2seq.train(m, known, view, middle, 0)
end

-- }==

-- {== Files ==

---The class of a recurrent layer as new_rnn() makes it, that reads I numbers;
---or nil.
local function class_of(net, I)
  for _, class in pairs(CELLS) do
    if is_layer(net, class, I) then
      local o = net.config.options
      local other = o.bidirectional or o.batch_first or
                    (o.proj_size or 0) > 0
      return not other and class or nil
    end
  end
end

---What keeps the layers of a file, which is not trusted, from being those that
---build() makes.
---@param m table
---@param known rnn.ForecasterKnown
---@return string|nil
function strategies.fault(m, known)
  local I, DP = known.D + known.E + known.K, known.D * known.P
  local cell = class_of(m.rnn, I)
  if not cell then return "its recurrent layer does not fit" end
  local H, options = m.rnn.config.sizes[2], m.rnn.config.options
  local F, is_direct = m.attention and 2 * H or H, known.strategy == "direct"
  local fits = is_layer(m.out, "Linear", F,
                        is_direct and known.horizon * DP or DP)
  fits = fits and (not m.attention or is_layer(m.attention, "Attention", H, H))
  fits = fits and (not m.drop or is_layer(m.drop, "Dropout"))
  if is_direct and known.K > 0 then
    fits = fits and is_layer(m.known_out, "Linear", known.K, DP)
  elseif known.strategy == "seq2seq" then
    local D = known.D + known.K
    fits = fits and class_of(m.decoder, D) == cell and
           is_layer(m.decoder, cell, D, H) and
           m.decoder.config.options.num_layers == options.num_layers
  end
  return not fits and "its layers do not fit its description" or nil
end

-- }==

return strategies
