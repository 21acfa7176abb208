---What RNN, LSTM and GRU share: stacked layers of one fused op, in one or both
---directions, with PyTorch's parameter names and layouts.
local core = require "rnn.core"
local layer = require "rnn.layer"

local op = core.op
local recurrent = {}

local DEFAULT = {
  num_layers = 1, bias = true, batch_first = false, dropout = 0.0,
  bidirectional = false,
}

---@param own table options beside the shared ones
local function defaults(own)
  local all = {}
  for k, v in pairs(DEFAULT) do all[k] = v end
  for k, v in pairs(own) do all[k] = v end
  return all
end

---Makes the parameters of one layer in one direction: fields named
---weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0 with 'suffix' for l0.
local function add_params(self, suffix, gates, D, H, bias)
  local bound = H > 0 and 1 / math.sqrt(H) or 0
  self["weight_ih" .. suffix] = layer.uniform({gates * H, D}, bound)
  self["weight_hh" .. suffix] = layer.uniform({gates * H, H}, bound)
  if not bias then return end
  self["bias_ih" .. suffix] = layer.uniform({gates * H}, bound)
  self["bias_hh" .. suffix] = layer.uniform({gates * H}, bound)
end

---Adds 'x' to the bias of an LSTM's forget gates (Jozefowicz et al. 2015), the
---second of the four parts of bias_ih.
local function add_forget_bias(self, suffix, H, x)
  local bias = self["bias_ih" .. suffix]
  for k = H + 1, 2 * H do core.set(bias, k, core.get(bias, k) + x) end
end

local function check_options(name, o)
  if math.type(o.num_layers) ~= "integer" or o.num_layers < 1 then
    error(("%s: 'num_layers' must be an integer >= 1, got %s"):format(
          name, o.num_layers), 4)
  end
  if not (o.dropout >= 0 and o.dropout <= 1) then
    error(("%s: 'dropout' must be from 0 to 1, got %s"):format(
          name, o.dropout), 4)
  end
end

---"_l0", "_l0_reverse", "_l1", ... in the order the state counts them.
local function suffixes(num_layers, bidirectional)
  local list = {}
  for l = 0, num_layers - 1 do
    list[#list + 1] = "_l" .. l
    if bidirectional then list[#list + 1] = "_l" .. l .. "_reverse" end
  end
  return list
end

---@class rnn.RecurrentKind
---@field name string class name
---@field gates integer rows of weights per unit
---@field options table options of its own and their defaults
---@field op fun(...): rnn.Tensor, rnn.Tensor, rnn.Tensor? the fused op
---@field cell boolean whether the state has a `c` beside `h`

---The constructor of a class: checks, parameters, initial values.
function recurrent.construct(class, kind, input_size, hidden_size, opts)
  layer.check_size(kind.name, "input_size", input_size)
  layer.check_size(kind.name, "hidden_size", hidden_size)
  local o = layer.options(kind.name, opts, defaults(kind.options))
  check_options(kind.name, o)
  local self = layer.object(class, {input_size, hidden_size}, o)
  local dirs = o.bidirectional and 2 or 1
  for k, suffix in ipairs(suffixes(o.num_layers, o.bidirectional)) do
    local D = k <= dirs and input_size or dirs * hidden_size
    add_params(self, suffix, kind.gates, D, hidden_size, o.bias)
    if o.bias and (o.forget_bias or 0) ~= 0 then
      add_forget_bias(self, suffix, hidden_size, o.forget_bias)
    end
  end
  return self
end

local function check_state(kind, state)
  if state == nil then return end
  if type(state) ~= "table" or not state.h or (kind.cell and not state.c) then
    error(("%s: the state must be a table {h = tensor%s}"):format(
          kind.name, kind.cell and ", c = tensor" or ""), 3)
  end
end

local function check_state_shape(kind, x, t, count, H)
  if not t then return end
  local s, N = t:shape(), x:shape()[2]
  if #s ~= 3 or s[1] ~= count or s[2] ~= N or s[3] ~= H then
    error(("%s: the state must be (%d, %d, %d), got (%s)"):format(
          kind.name, count, N, H, table.concat(s, ", ")), 3)
  end
end

---One direction of one layer over the whole sequence: y, last h, last c.
local function run(self, kind, x, suffix, h, c, opts)
  local w_ih, w_hh = self["weight_ih" .. suffix], self["weight_hh" .. suffix]
  local b_ih, b_hh = self["bias_ih" .. suffix], self["bias_hh" .. suffix]
  if kind.cell then return kind.op(x, w_ih, w_hh, b_ih, b_hh, h, c, opts) end
  return kind.op(x, w_ih, w_hh, b_ih, b_hh, h, opts)
end

---Both directions of layer l (from 1) side by side; last states go to 'last'.
local function run_layer(self, kind, x, l, state, lengths, last)
  local o = self.config[3]
  local dirs = o.bidirectional and 2 or 1
  local out = {}
  for d = 1, dirs do
    local k = (l - 1) * dirs + d
    local suffix = "_l" .. (l - 1) .. (d == 2 and "_reverse" or "")
    local y, h, c = run(self, kind, x, suffix, state and state.h[k],
                        state and state.c and state.c[k],
                        {lengths = lengths, reverse = d == 2,
                         nonlinearity = o.nonlinearity})
    out[d], last.h[k], last.c[k] = y, h, c
  end
  return dirs == 1 and out[1] or op.cat(out, 3)
end

---The call of a layer: y, state = layer(x, state, lengths).
function recurrent.call(self, kind, x, state, lengths)
  local o = self.config[3]
  local H = self.config[2][2]
  check_state(kind, state)
  if #x:shape() ~= 3 then
    error(("%s: x must have 3 axes (%s, D), got (%s)"):format(kind.name,
          o.batch_first and "N, T" or "T, N", table.concat(x:shape(), ", ")),
          3)
  end
  if o.batch_first then x = x:transpose(1, 2) end
  local count = o.num_layers * (o.bidirectional and 2 or 1)
  if state then
    check_state_shape(kind, x, state.h, count, H)
    check_state_shape(kind, x, kind.cell and state.c, count, H)
  end
  local last = {h = {}, c = {}}
  for l = 1, o.num_layers do
    if l > 1 and o.dropout > 0 then x = op.dropout(x, o.dropout) end
    x = run_layer(self, kind, x, l, state, lengths, last)
  end
  if o.batch_first then x = x:transpose(1, 2) end
  return x, {h = op.stack(last.h, 1),
             c = kind.cell and op.stack(last.c, 1) or nil}
end

---The constructor of a cell: one layer, fields without the suffix _l0.
function recurrent.construct_cell(class, kind, input_size, hidden_size, opts)
  layer.check_size(class.name, "input_size", input_size)
  layer.check_size(class.name, "hidden_size", hidden_size)
  local own = {bias = true}
  for k, v in pairs(kind.options) do own[k] = v end
  local o = layer.options(class.name, opts, own)
  local self = layer.object(class, {input_size, hidden_size}, o)
  add_params(self, "", kind.gates, input_size, hidden_size, o.bias)
  if o.bias and (o.forget_bias or 0) ~= 0 then
    add_forget_bias(self, "", hidden_size, o.forget_bias)
  end
  return self
end

---The call of a cell: h, state = cell(x, state) with x (N, D), h (N, H).
function recurrent.call_cell(self, kind, x, state)
  local s = x:shape()
  if #s ~= 2 then
    error(("%s: x must be (N, D), got (%s)"):format(self.config[1],
          table.concat(s, ", ")), 3)
  end
  check_state(kind, state)
  local _, h, c = run(self, kind, x:reshape {1, s[1], s[2]}, "",
                      state and state.h, state and state.c,
                      {nonlinearity = self.config[3].nonlinearity})
  return h, {h = h, c = c}
end

---The layer class of a kind; `class.kind` is the kind.
---@param kind rnn.RecurrentKind
function recurrent.layer(kind)
  local class = layer.class(kind.name)
  class.kind = kind
  function class.new(input_size, hidden_size, opts)
    return recurrent.construct(class, kind, input_size, hidden_size, opts)
  end
  function class:__call(x, state, lengths)
    return recurrent.call(self, kind, x, state, lengths)
  end
  return class
end

---The class that does one step of a layer class.
function recurrent.cell(of)
  local kind = of.kind
  local class = layer.class(kind.name .. "Cell")
  function class.new(input_size, hidden_size, opts)
    return recurrent.construct_cell(class, kind, input_size, hidden_size, opts)
  end
  function class:__call(x, state)
    return recurrent.call_cell(self, kind, x, state)
  end
  return class
end

return recurrent
