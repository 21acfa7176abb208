---Recurrent layers as nodes of ONNX. RNN, LSTM and GRU are nodes of their own,
---with gates in the order i o f c and z r h. What these nodes do not have,
---proj_size, layer_norm, zoneout (as it is without a tape: on the average), and
---ClockworkRNN are Scan nodes, whose body is one step.
local core = require "rnn.core"

local op = core.op
local recurrent = {}

---@class rnn.OnnxState
---@field h string (L*dirs,N,H)
---@field c? string likewise
---@field t? string steps done, of a ClockworkRNN

-- {== What the layers have ==

local function directions(options)
  return options.bidirectional and 2 or 1
end

local function suffix_of(l, d)
  return "_l" .. (l - 1) .. (d == 2 and "_reverse" or "")
end

---Blocks of H rows in another order; 0 is a block of zeros.
local function blocks(t, H, order)
  local parts, shape = {}, t:shape()
  shape[1] = H
  for i, k in ipairs(order) do
    parts[i] = k == 0 and core.zeros(shape, t.dtype) or
               t:slice(1, (k - 1) * H + 1, k * H)
  end
  return op.cat(parts, 1)
end

---The weights of all directions of a layer, each made by f(suffix), on top of
---each other.
local function stacked(l, dirs, f)
  local parts = {}
  for d = 1, dirs do parts[d] = f(suffix_of(l, d)) end
  return op.stack(parts, 1)
end

---The state of layer l, or "" where there is none.
local function part_of(g, whole, l, dirs, L)
  if not whole then return "" end
  if L == 1 then return whole end
  return g:slice(whole, 0, (l - 1) * dirs, l * dirs)
end

-- }==

-- {== Nodes RNN, LSTM, GRU ==

local NODES = {
  LSTM = {order = {1, 4, 2, 3}, coupled = {1, 3, 0, 2},
          peepholes = {1, 3, 2}, coupled_peepholes = {1, 2, 0}},
  GRU = {order = {2, 1, 3}},
  RNN = {order = {1}},
}

---The attributes of a node.
local function attributes_of(class, H, options)
  local a = {hidden_size = H, activations = {}}
  local names = class == "LSTM" and {"Sigmoid", "Tanh", "Tanh"} or
                class == "GRU" and {"Sigmoid", "Tanh"} or
                {options.nonlinearity == "relu" and "Relu" or "Tanh"}
  if options.gate_activation == "hard_sigmoid" then
    names[1], a.activation_alpha, a.activation_beta = "HardSigmoid", {}, {}
  end
  for d = 1, directions(options) do
    for _, name in ipairs(names) do
      a.activations[#a.activations + 1] = name
    end
    if a.activation_alpha then
      a.activation_alpha[d], a.activation_beta[d] = 1 / 6, 0.5
    end
  end
  if options.bidirectional then a.direction = "bidirectional" end
  if options.coupled then a.input_forget = 1 end
  if class == "GRU" then
    a.linear_before_reset = options.reset == "after" and 1 or 0
  end
  return a
end

---One layer as a node: y (T,N,dirs*H), last h and c (dirs,N,H).
local function run_node(g, net, path, l, x, state, lengths)
  local config = net.config
  local H, options, class = config.sizes[2], config.options, config.class
  local dirs, kind = directions(options), NODES[class]
  local order = options.coupled and kind.coupled or kind.order
  local function all(what, f)
    return g:weight(function() return stacked(l, dirs, f) end,
                    ("%s.%s_l%d"):format(path, what, l - 1))
  end
  local function weights(what)
    return all(what, function(suffix)
      return blocks(net["weight_" .. what .. suffix], H, order)
    end)
  end
  local inputs = {x, weights "ih", weights "hh", "", lengths or "",
                  state.h, class == "LSTM" and state.c or nil}
  if options.bias then
    inputs[4] = all("bias", function(suffix)
      return op.cat(blocks(net["bias_ih" .. suffix], H, order),
                    blocks(net["bias_hh" .. suffix], H, order), 1)
    end)
  end
  if options.peephole then
    inputs[8] = all("peephole", function(suffix)
      return blocks(net["weight_peephole" .. suffix]:reshape {-1}, H,
                    options.coupled and kind.coupled_peepholes or
                    kind.peepholes)
    end)
  end
  local y, h, c = g:node(class, inputs, attributes_of(class, H, options),
                         class == "LSTM" and 3 or 2)
  if dirs == 1 then return g:squeeze(y, 1), h, c end
  return g:reshape(g:transpose(y, {0, 2, 1, 3}), {0, 0, -1}), h, c
end

-- }==

-- {== Scan: the body is a graph of one step ==

---1 - p of a and p of b.
local function mix(g, a, b, p)
  if not p or p == 0 then return a end
  return g:op("Add", g:op("Mul", a, g:reals(1 - p)),
              g:op("Mul", b, g:reals(p)))
end

local function gate(g, x, options)
  if options.gate_activation == "hard_sigmoid" then
    return g:op("HardSigmoid", x, {alpha = 1 / 6, beta = 0.5})
  end
  return g:op("Sigmoid", x)
end

---Layer norm with gains, and maybe biases.
local function norm(g, x, gain, bias)
  return (g:node("LayerNormalization", {x, gain, bias}, {epsilon = 1e-5}))
end

---One step: the graph, the layer's options, w(name) for its weights, what x
---gives to the gates, and the states. Returns the states, h first.
local STEP = {}

---Some rows of 'layer_norm' in one, as gains.
local function gains(w, from, to)
  return w("layer_norm", function(t)
    return t:slice(1, from, to):reshape {-1}
  end, from)
end

---The gates of an LSTM that are given a cell through a peephole.
local function peeped(g, w, x, row, c)
  local p = w("weight_peephole", function(t) return t[row] end, row)
  return p and g:op("Add", x, g:op("Mul", p, c)) or x
end

function STEP.LSTM(g, o, w, a, h, c)
  local G = o.coupled and 3 or 4
  local product = g:linear(h, w "weight_hh")
  if o.layer_norm then product = norm(g, product, gains(w, G + 1, 2 * G)) end
  if o.bias then product = g:op("Add", product, w "bias_hh") end
  local parts = {g:node("Split", {g:op("Add", a, product)}, {axis = 1}, G)}
  local i = gate(g, peeped(g, w, parts[1], 1, c), o)
  local f = o.coupled and g:op("Sub", g:reals(1), i) or
            gate(g, peeped(g, w, parts[2], 2, c), o)
  local fresh = g:op("Add", g:op("Mul", f, c),
                     g:op("Mul", i, g:op("Tanh", parts[G - 1])))
  local next_c = mix(g, fresh, c, o.zoneout_c)
  local out = gate(g, peeped(g, w, parts[G], G - 1, next_c), o)
  local cell = fresh   -- h goes by c without zoneout
  if o.layer_norm then
    cell = norm(g, fresh, gains(w, 2 * G + 1, 2 * G + 1),
                gains(w, 2 * G + 2, 2 * G + 2))
  end
  local new = g:op("Mul", out, g:op("Tanh", cell))
  if w "weight_hr" then new = g:linear(new, w "weight_hr") end
  return mix(g, new, h, o.zoneout), next_c
end

function STEP.GRU(g, o, w, a, h)
  local H = w.units
  local u, b = w "weight_hh", o.bias and w "bias_hh" or nil
  local ar, az, an = g:node("Split", {a}, {axis = 1}, 3)
  local r, z, q
  if o.reset == "after" then
    r, z, q = g:node("Split", {g:linear(h, u, b)}, {axis = 1}, 3)
  else
    r, z = g:node("Split", {g:linear(h, g:slice(u, 0, 0, 2 * H),
                                     b and g:slice(b, 0, 0, 2 * H))},
                  {axis = 1}, 2)
  end
  r = gate(g, g:op("Add", ar, r), o)
  z = gate(g, g:op("Add", az, z), o)
  if q then
    q = g:op("Mul", r, q)
  else
    q = g:linear(g:op("Mul", r, h), g:slice(u, 0, 2 * H, 3 * H),
                 b and g:slice(b, 0, 2 * H, 3 * H))
  end
  local n = g:op("Tanh", g:op("Add", an, q))
  local new = g:op("Add", n, g:op("Mul", z, g:op("Sub", h, n)))
  return mix(g, new, h, o.zoneout)
end

local function simple(g, o, w, a, h, u)
  local sum = g:op("Add", a, g:linear(h, u, o.bias and w "bias_hh" or nil))
  return g:op(o.nonlinearity == "relu" and "Relu" or "Tanh", sum)
end

function STEP.RNN(g, o, w, a, h)
  return mix(g, simple(g, o, w, a, h, w "weight_hh"), h, o.zoneout)
end

---The weights that a clockwork reads: none below the block diagonal.
local function above_blocks(t, modules)
  local H = #t
  local k, rows = H // modules, {}
  for m = 0, modules - 1 do
    local row = t:slice(1, m * k + 1, (m + 1) * k)
    rows[m + 1] = op.cat(core.zeros({k, m * k}, t.dtype),
                         row:slice(2, m * k + 1, H), 2)
  end
  return op.cat(rows, 1)
end

function STEP.ClockworkRNN(g, o, w, a, h, t)
  local modules, periods = #o.periods, {}
  for unit = 0, w.units - 1 do
    periods[unit + 1] = o.periods[unit * modules // w.units + 1]
  end
  local u = w("weight_hh", function(x) return above_blocks(x, modules) end)
  local runs = g:op("Equal", g:op("Mod", t, g:ints(periods)), g:ints(0))
  return g:op("Where", runs, simple(g, o, w, a, h, u), h),
         g:op("Add", t, g:ints(1))
end

---The weights of one layer in one direction: w(name) is the initializer, or
---nil; w(name, f, part) is f of the tensor.
local function weights_of(g, net, path, suffix)
  return setmetatable({units = net.config.sizes[2]}, {
    __call = function(_, name, f, part)
      local t = net[name .. suffix]
      if not t then return nil end
      return g:weight(function() return f and f(t) or t end,
                      ("%s.%s%s%s"):format(path, name, suffix,
                                           part and "_" .. part or ""))
    end})
end

---What x gives to the gates of all steps (T,N,rows).
local function read(g, o, w, x)
  local a = g:linear(x, w "weight_ih")
  if o.layer_norm then a = norm(g, a, gains(w, 1, o.coupled and 3 or 4)) end
  return o.bias and g:op("Add", a, w "bias_ih") or a
end

---One layer in one direction: y (T,N,S) and the last states, given those before
---and, with lengths, which steps are within them (T,N,1).
local function run_scan(g, net, path, suffix, x, states, within, reverse)
  local config, b = net.config, g:inside(path .. suffix)
  local w = weights_of(g, net, path, suffix)
  local own = {}
  for i, state in ipairs(states) do
    own[i] = b:input(b:fresh "state", state.dtype)
  end
  local a = b:input(b:fresh "x", "float32")
  local valid = within and b:input(b:fresh "valid", "bool")
  local new = {STEP[config.class](b, config.options, w, a,
                                  table.unpack(own))}
  local y = new[1]
  for i = 1, #new do
    local clock = states[i].dtype == "int64"
    if valid and not clock then
      new[i] = b:op("Where", valid, new[i], own[i])
    end
    b:output(b:fresh "next", new[i], states[i].dtype)
  end
  if valid then y = b:op("Where", valid, y, b:reals(0)) end
  b:output(b:fresh "y", y, "float32")
  local inputs = {}
  for i, state in ipairs(states) do inputs[i] = state.name end
  inputs[#inputs + 1] = read(g, config.options, w, x)
  inputs[#inputs + 1] = within
  local scans, way = within and 2 or 1, reverse and 1 or 0
  local results = {g:node("Scan", inputs, {
    body = b, num_scan_inputs = scans, scan_output_directions = {way},
    scan_input_directions = scans == 2 and {way, way} or {way}}, #states + 1)}
  return results[#results], results
end

---The states that a layer in one direction begins with.
local function first_states(g, net, x, state, k)
  local o, H = net.config.options, net.config.sizes[2]
  local S = (o.proj_size or 0) > 0 and o.proj_size or H
  local function part(whole, size)
    if whole then
      return {name = g:squeeze(g:slice(whole, 0, k - 1, k), 0),
              dtype = "float32"}
    end
    local shape = g:cat(0, {g:extent(x, 1), g:ints {size}})
    return {name = g:op("Expand", g:reals(0), shape), dtype = "float32"}
  end
  local class = net.config.class
  return {part(state.h, S), class == "LSTM" and part(state.c, H) or
          class == "ClockworkRNN" and {name = state.t or g:ints(0),
                                       dtype = "int64"} or nil}
end

---One layer of Scan nodes: as run_node gives.
local function run_layer(g, net, path, l, x, state, within)
  local dirs, ys, last = directions(net.config.options), {}, {{}, {}}
  local clock
  for d = 1, dirs do
    local states = first_states(g, net, x, state, (l - 1) * dirs + d)
    local y, results = run_scan(g, net, path, suffix_of(l, d), x, states,
                                within, d == 2)
    ys[d], last[1][d] = y, g:unsqueeze(results[1], 0)
    if net.config.class == "LSTM" then
      last[2][d] = g:unsqueeze(results[2], 0)
    else
      clock = #states == 2 and results[2] or nil
    end
  end
  return g:cat(2, ys), g:cat(0, last[1]),
         #last[2] > 0 and g:cat(0, last[2]) or nil, clock
end

-- }==

---Whether a layer is more than its node has.
local function needs_scan(config)
  local o = config.options
  return config.class == "ClockworkRNN" or (o.proj_size or 0) > 0 or
         o.layer_norm or (o.zoneout or 0) > 0 or (o.zoneout_c or 0) > 0
end

---The state that is trained, for every row of x.
local function learned(g, net, path, x)
  if not net.config.options.learned_state then return {} end
  local shape, state = g:cat(0, {g:ints {1}, g:extent(x, 1), g:ints {1}}), {}
  for _, part in ipairs {"h", "c"} do
    local p = net[part .. "0"]
    state[part] = p and g:op("Expand", g:weight(p, path .. "." .. part .. "0"),
                             shape)
  end
  return state
end

---y, state = layer(x, state, lengths). Without a state it is that which the
---layer begins with.
---@param g rnn.OnnxGraph
---@param net table layer
---@param path string of its parameters
---@param x string (T,N,D), batch first if it is so
---@param state? rnn.OnnxState
---@param lengths? string (N) int64
---@return string y
---@return rnn.OnnxState state
function recurrent.run(g, net, path, x, state, lengths)
  local o = net.config.options
  local L, dirs, scan = o.num_layers or 1, directions(o), needs_scan(net.config)
  if o.batch_first then x = g:transpose(x, {1, 0, 2}) end
  state = state or learned(g, net, path, x)
  local guard = lengths and (scan and g:within(x, lengths) or
                             g:op("Cast", lengths, {to = 6}))
  local last, t = {h = {}, c = {}}, nil
  for l = 1, L do
    local y
    if scan then
      y, last.h[l], last.c[l], t = run_layer(g, net, path, l, x, state, guard)
    else
      y, last.h[l], last.c[l] = run_node(g, net, path, l, x, {
        h = part_of(g, state.h, l, dirs, L),
        c = part_of(g, state.c, l, dirs, L)}, guard)
    end
    x = o.residual and l > 1 and g:op("Add", x, y) or y
  end
  if o.batch_first then x = g:transpose(x, {1, 0, 2}) end
  return x, {h = g:cat(0, last.h), t = t,
             c = #last.c > 0 and g:cat(0, last.c) or nil}
end

return recurrent
