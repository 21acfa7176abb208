---rnn.inspect: how gradients flow back through time. The norm of dL/dh_t, all
---that reaches a hidden state, from its own step and from later ones, tells
---whether they vanish or explode (Bengio et al. 1994, Pascanu et al. 2013).
---
---    local rnn = require "rnn"
---    local model = {rnn = rnn.RNN(1, 32), out = rnn.Linear(32, 1)}
---    local x, y = rnn.randn {100, 8, 1}, rnn.randn {8, 1}
---    local tape <close> = rnn.tape()
---    local net = rnn.inspect.unroll(tape, model)
---    local loss = rnn.mse(net.out(net.rnn(x)[100]), y)
---    local flow = rnn.inspect.gradient_flow(tape, loss)
---    print(flow, flow.layers[1][100])          -- a table; |dL/dh_100|
---    rnn.plot.gradient_flow("flow.png", {flow})
---
---A recurrent layer that is unrolled computes the same, a step at a time, and
---keeps a gradient (N,H) for every step: it takes up to ten times as long.
local core = require "rnn.core"
local recurrent = require "rnn.layers.recurrent"
local scan = require "rnn.scan"

local inspect = {}

-- {== States that are marked ==

---A state is marked by a parameter of zeros that is added to it: its gradient
---is that of the state.
---@class rnn.MarkedSteps
---@field name string
---@field [integer] rnn.Tensor what was added to h_t

---For each tape its lists of steps, in the order in which they were begun.
---@type table<rnn.Tape, rnn.MarkedSteps[]>
local marked = setmetatable({}, {__mode = "k"})

local function type_of(value)
  return core.is_tensor(value) and "tensor" or type(value)
end

local function check_tape(what, tape)
  local meta = getmetatable(tape)
  if type(meta) ~= "table" or meta.__name ~= "rnn.Tape" then
    error(("%s: the first argument must be a tape, got a %s"):format(what,
          type_of(tape)), 3)
  end
  if tostring(tape) == "tape (closed)" then
    error(what .. ": the tape is closed", 3)
  end
end

local function steps_of(tape, name)
  local lists = marked[tape] or {}
  marked[tape] = lists
  for _, steps in ipairs(lists) do
    if steps.name == name then return steps end
  end
  lists[#lists + 1] = {name = name}
  return lists[#lists]
end

local function mark(steps, t, h)
  steps[t] = core.param(core.zeros(h:shape(), h.dtype))
  return h + steps[t]
end

---Marks the next state of a cell of one's own; what follows must use what is
---returned.
---
---    local y = rnn.scan(function(x, h)
---      h = rnn.inspect.mark(tape, "cell", (w(x) + (h and u(h) or 0)):tanh())
---      return h, h
---    end, x)
---@param tape rnn.Tape that is open
---@param name string of the layer
---@param h rnn.Tensor h_t, the t-th to be marked under this name
---@return rnn.Tensor h_t the same numbers
function inspect.mark(tape, name, h)
  check_tape("mark", tape)
  if not core.is_tensor(h) then
    error("mark: h must be a tensor, got a " .. type(h), 2)
  end
  local steps = steps_of(tape, name)
  return mark(steps, #steps + 1, h)
end

-- }==

-- {== Layers step by step ==

---What of a layer a fused op was given: "l0", "l1_reverse".
local function part_of(layer, w_ih)
  for name, p in pairs(layer) do
    if rawequal(p, w_ih) then return name:match "^weight_ih_(.*)$" end
  end
end

local function for_one_step(opts)
  local all = {}
  for name, value in pairs(opts) do all[name] = value end
  all.lengths, all.reverse = nil, nil
  return all
end

local function inside(path, name)
  return path == "" and tostring(name) or path .. "." .. tostring(name)
end

---The fused op of a layer as many calls of one step, whose states are marked.
---Its arguments are x, w_ih, w_hh, b_ih, b_hh, h, for a kind with cells c, ...,
---and options.
local function step_by_step(tape, layer, kind, path)
  local H, C = 6, kind.cell and 7
  return function(...)
    local args = table.pack(...)
    local x, opts, last = args[1], args[args.n], {h = args[H], c = args[C]}
    local steps = steps_of(tape, inside(path, part_of(layer, args[2])))
    local T, before, count = x:shape()[1], #steps, 0
    args[args.n] = for_one_step(opts)
    local function step(x_t, state)
      count = count + 1
      args[1], args[H] = x_t:reshape {1, table.unpack(x_t:shape())}, state.h
      if C then args[C] = state.c end
      local _, h, c = kind.op(table.unpack(args, 1, args.n))
      h = mark(steps, before + (opts.reverse and T + 1 - count or count), h)
      return h, {h = h, c = c}
    end
    local y
    y, last = scan(step, x, last, {lengths = opts.lengths,
                                   reverse = opts.reverse})
    return y, last.h, last.c
  end
end

---A layer that does as 'layer' does, step by step.
local function unroll_layer(tape, layer, kind, path)
  local stepwise = setmetatable({op = step_by_step(tape, layer, kind, path)},
                                {__index = kind})
  return setmetatable({}, {
    __index = layer,
    __call = function(_, x, state, lengths)
      return recurrent.call(layer, stepwise, x, state, lengths)
    end,
  })
end

local function sorted_keys(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  return keys
end

---A model, or a layer, with the same parameters, whose RNN, LSTM and GRU layers
---run step by step under the tape and have their states marked, by the path of
---the layer: "lstm.l0", "lstm.l0_reverse". Cells are marked by inspect.mark.
---@generic M : table
---@param tape rnn.Tape that is open
---@param model M
---@return M
function inspect.unroll(tape, model)
  check_tape("unroll", tape)
  if type(model) ~= "table" then
    error("unroll: the model must be a table, got a " .. type_of(model), 2)
  end
  local done = {}
  local function copy(value, path)
    if type(value) ~= "table" then return value end
    if done[value] then return done[value] end
    local class = getmetatable(value)
    local known = type(class) == "table" and class or {}
    if known.recurrent then
      done[value] = unroll_layer(tape, value, known.recurrent, path)
    elseif known.kind then
      done[value] = value
    else
      done[value] = setmetatable({}, class)
      for _, key in ipairs(sorted_keys(value)) do
        rawset(done[value], key, copy(value[key], inside(path, key)))
      end
    end
    return done[value]
  end
  return copy(model, "")
end

-- }==

-- {== The flow ==

---@class rnn.Flow
---@field T integer steps of the longest layer
---@field layers table[] for each layer its norms by step, and its `name`
---@field name? string what a table or a plot of several calls it
local Flow = {}
Flow.__index = Flow
Flow.__name = "rnn.Flow"

---The Euclidean norm, which does not underflow where its squares would.
local function norm_of(grad)
  local largest, sum = 0.0, 0.0
  local list = grad and grad:reshape {-1}:totable() or {}
  for _, x in ipairs(list) do largest = math.max(largest, math.abs(x)) end
  if largest == math.huge then return largest end
  local unit = largest > 0 and largest or 1.0
  for _, x in ipairs(list) do sum = sum + (x / unit) ^ 2 end
  return unit * math.sqrt(sum)
end

---tape:backward(loss), and the norm of dL/dh_t for each marked state h_t: the
---Euclidean norm of all its elements, those of all rows. Parameters get their
---gradients as from tape:backward, so opt:step() may follow.
---@param tape rnn.Tape
---@param loss rnn.Tensor
---@return rnn.Flow
function inspect.gradient_flow(tape, loss)
  check_tape("gradient_flow", tape)
  if not marked[tape] then
    error("gradient_flow: no state was marked under this tape; call the " ..
          "layers of rnn.inspect.unroll(tape, model), or mark those of a " ..
          "cell by rnn.inspect.mark(tape, name, h)", 2)
  end
  for _, steps in ipairs(marked[tape]) do
    for _, p in ipairs(steps) do
      if p.grad then p.grad:fill(0) end
    end
  end
  tape:backward(loss)
  local flow = setmetatable({T = 0, layers = {}}, Flow)
  for i, steps in ipairs(marked[tape]) do
    flow.layers[i] = {name = steps.name}
    for t, p in ipairs(steps) do flow.layers[i][t] = norm_of(p.grad) end
    flow.T = math.max(flow.T, #steps)
  end
  return flow
end

-- }==

-- {== Table ==

---Calls visit(label, norms) for each layer of each flow.
---@param flows rnn.Flow[]
---@param visit fun(label: string, norms: number[])
function inspect.each_layer(flows, visit)
  for _, flow in ipairs(flows) do
    for _, norms in ipairs(flow.layers) do
      local label = flow.name or norms.name
      if flow.name and #flow.layers > 1 then
        label = label .. " " .. norms.name
      end
      visit(label, norms)
    end
  end
end

---T, 3T/4, T/2, T/4, 1, each once.
local function some_steps(T)
  local list = {}
  for quarter = 4, 0, -1 do
    local t = math.max(1, T * quarter // 4)
    if t ~= list[#list] then list[#list + 1] = t end
  end
  return list
end

---|dL/dh_t| at five steps from the last to the first, and by what factor the
---first differs from the last; lines of text, one for each layer.
---@param flows rnn.Flow[]
---@return string
function inspect.table(flows)
  local T, width, lines = 1, #"|dL/dh_t|", {}
  for _, flow in ipairs(flows) do T = math.max(T, flow.T) end
  inspect.each_layer(flows, function(label) width = math.max(width, #label) end)
  local at, head = some_steps(T), ("%-" .. width .. "s"):format "|dL/dh_t|"
  for _, t in ipairs(at) do head = head .. ("%10s"):format("t=" .. t) end
  lines[1] = head .. ("%12s"):format "first/last"
  inspect.each_layer(flows, function(label, norms)
    local line = ("%-" .. width .. "s"):format(label)
    for _, t in ipairs(at) do
      line = line .. ("%10s"):format(norms[t] and
                                     ("%.2e"):format(norms[t]) or "-")
    end
    local ratio = #norms > 0 and norms[1] / norms[#norms] or 0 / 0
    lines[#lines + 1] = line .. ("%12s"):format(ratio == ratio and
                                                ("%.1e"):format(ratio) or "-")
  end)
  return table.concat(lines, "\n")
end

function Flow:__tostring()
  return inspect.table {self}
end

-- }==

return inspect
