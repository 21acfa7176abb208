---What RNN, LSTM and GRU share: stacked layers of one fused op, in one or both
---directions, with PyTorch's parameter names and layouts.
local core = require "rnn.core"
local initializers = require "rnn.initializers"
local layer = require "rnn.layer"

local op = core.op
local recurrent = {}

---@class rnn.RecurrentKind
---@field name string class name
---@field gates integer rows of weights per unit; one less when coupled
---@field words? table<string, string[]> values of options that are words
---@field options table options of its own and their defaults
---@field op fun(...): rnn.Tensor, rnn.Tensor, rnn.Tensor? the fused op
---@field cell boolean whether the state has a `c` beside `h`

local SIZES = {"input_size", "hidden_size"}

local function with_defaults(own, shared)
  local all = {}
  for name, value in pairs(shared) do all[name] = value end
  for name, value in pairs(own) do all[name] = value end
  return all
end

---Units of h: a projection may give fewer than hidden_size.
local function units(H, options)
  return (options.proj_size or 0) > 0 and options.proj_size or H
end

---The parameters of one layer in one direction: weight_ih, weight_hh, bias_ih,
---bias_hh and those of options, each with 'suffix'.
local function add_shapes(list, suffix, kind, D, H, options)
  local gates = options.coupled and kind.gates - 1 or kind.gates
  local rows, S = gates * H, units(H, options)
  list[#list + 1] = {"weight_ih" .. suffix, {rows, D}}
  list[#list + 1] = {"weight_hh" .. suffix, {rows, S}}
  if options.peephole then
    list[#list + 1] = {"weight_peephole" .. suffix, {gates - 1, H}}
  end
  if options.layer_norm then
    list[#list + 1] = {"layer_norm" .. suffix, {2 * gates + 2, H}}
  end
  if S ~= H then list[#list + 1] = {"weight_hr" .. suffix, {S, H}} end
  if not options.bias then return end
  list[#list + 1] = {"bias_ih" .. suffix, {rows}}
  list[#list + 1] = {"bias_hh" .. suffix, {rows}}
end

---"_l0", "_l0_reverse", "_l1", ... in the order the state counts them.
local function suffix_of(l, d)
  return "_l" .. (l - 1) .. (d == 2 and "_reverse" or "")
end

local function directions(options)
  return options.bidirectional and 2 or 1
end

---What makes the (H,H) of one gate in weight_hh, which is uniform by then.
local FILL = {
  uniform = function(t, o) t:copy(t * o.gain) end,
  orthogonal = initializers.orthogonal,
  identity = initializers.identity,
}

local function check_init(_, options)
  if not FILL[options.recurrent_init] then
    return ("'recurrent_init' must be uniform, orthogonal or identity, got %s")
           :format(options.recurrent_init)
  end
end

---weight_hh as 'recurrent_init' says, times 'recurrent_gain'. The identity
---comes with the rest of its recipe: weight_ih normal of std 0.001, biases 0.
local function init_recurrent(self, sizes, options)
  local H, how = sizes[2], options.recurrent_init
  for _, shape in ipairs(getmetatable(self).kind.shapes(sizes, options)) do
    local name, p = shape[1], self[shape[1]]
    if name:find "^weight_hh" then
      local rows, S = table.unpack(p:shape())
      local gates = p:reshape {rows // math.max(1, H), H, S}
      for k = 1, #gates do
        FILL[how](gates[k], {gain = options.recurrent_gain})
      end
    elseif how == "identity" and name:find "^weight_ih" then
      initializers.normal(p, 0, 0.001)
    elseif how == "identity" and name:find "^bias" then
      initializers.zeros(p)
    end
  end
end

---Uniform in ±1/sqrt(H), as PyTorch; then weight_hh as its options say, and
---'forget_bias' is added to bias_ih of an LSTM's forget gates, its second part
---(Jozefowicz et al. 2015).
local function init(self, sizes, options)
  local H = sizes[2]
  layer.uniform(self, H > 0 and 1 / math.sqrt(H) or 0)
  init_recurrent(self, sizes, options)
  for name, p in pairs(self) do
    if name == "h0" or name == "c0" then
      p:fill(0)
    elseif name:find "^layer_norm" then
      p:fill(1)
      p[#p]:fill(0)
    end
  end
  local add = options.forget_bias or 0
  if add == 0 or not options.bias then return end
  for name, p in pairs(self) do
    if name:find "^bias_ih" then
      for k = H + 1, 2 * H do core.set(p, k, core.get(p, k) + add) end
    end
  end
end

local function check_state(name, state, cell)
  if state == nil then return end
  if type(state) ~= "table" or not core.is_tensor(state.h) or
     cell and not core.is_tensor(state.c) then
    error(("%s: the state must be a table {h = tensor%s}"):format(name,
          cell and ", c = tensor" or ""), 4)
  end
end

local function check_shape(name, what, t, want)
  local got = t:shape()
  local same = #got == #want
  for i = 1, #want do same = same and got[i] == want[i] end
  if not same then
    error(("%s: %s must be (%s), got (%s)"):format(name, what,
          table.concat(want, ", "), table.concat(got, ", ")), 4)
  end
end

---One direction of one layer over the whole sequence: y, last h, last c.
local function run(self, kind, x, suffix, h, c, opts)
  local w_ih, w_hh = self["weight_ih" .. suffix], self["weight_hh" .. suffix]
  local drop = self.config.options.weight_drop
  if drop and drop > 0 then w_hh = op.dropout(w_hh, drop) end
  local b_ih, b_hh = self["bias_ih" .. suffix], self["bias_hh" .. suffix]
  if kind.cell then
    return kind.op(x, w_ih, w_hh, b_ih, b_hh, h, c,
                   self["weight_peephole" .. suffix],
                   self["layer_norm" .. suffix], self["weight_hr" .. suffix],
                   opts)
  end
  return kind.op(x, w_ih, w_hh, b_ih, b_hh, h, opts)
end

---The options of a layer that are the op's, too.
local OF_OP = {"precision", "recompute", "zoneout", "zoneout_c", "coupled"}

local function op_options(kind, options)
  local opts = {}
  for _, name in ipairs(OF_OP) do opts[name] = options[name] end
  for name in pairs(kind.words or {}) do opts[name] = options[name] end
  return opts
end

---All directions of layer l side by side; last states go to 'last'.
local function run_layer(self, kind, x, l, state, lengths, last)
  local options = self.config.options
  local dirs = directions(options)
  local out = {}
  for d = 1, dirs do
    local k = (l - 1) * dirs + d
    local opts = op_options(kind, options)
    opts.lengths, opts.reverse = lengths, d == 2
    out[d], last.h[k], last.c[k] = run(
      self, kind, x, suffix_of(l, d), state and state.h[k],
      state and state.c and state.c[k], opts)
  end
  return dirs == 1 and out[1] or op.cat(out, 3)
end

---The initial state that is trained, for every row of the batch.
local function learned(self, want)
  local state = {}
  for part, shape in pairs(want) do
    local p = self[part .. "0"]
    state[part] = p + core.zeros(shape, p.dtype)
  end
  return state
end

---y, state = layer(x, state, lengths), by the op of 'kind': that of the layer's
---class, or another one that does the same (rnn.inspect).
---@param kind rnn.RecurrentKind
function recurrent.call(self, kind, x, state, lengths)
  local sizes, options = self.config.sizes, self.config.options
  check_state(kind.name, state, kind.cell)
  local s = x:shape()
  if #s ~= 3 or s[3] ~= sizes[1] then
    error(("%s: x must be (%s, %d), got (%s)"):format(kind.name,
          options.batch_first and "N, T" or "T, N", sizes[1],
          table.concat(s, ", ")), 3)
  end
  if options.batch_first then x = x:transpose(1, 2) end
  local L, N = options.num_layers * directions(options), x:shape()[2]
  local want = {h = {L, N, units(sizes[2], options)},
                c = kind.cell and {L, N, sizes[2]} or nil}
  for _, part in ipairs {"h", "c"} do
    if state and want[part] then
      check_shape(kind.name, "state." .. part, state[part], want[part])
    end
  end
  if not state and options.learned_state then state = learned(self, want) end
  local last = {h = {}, c = {}}
  for l = 1, options.num_layers do
    if l > 1 and options.dropout > 0 then
      x = op.dropout(x, options.dropout)
    end
    if l > 1 and options.locked_dropout > 0 then
      x = op.dropout(x, options.locked_dropout, true)
    end
    local y = run_layer(self, kind, x, l, state, lengths, last)
    x = options.residual and l > 1 and x + y or y
  end
  if options.batch_first then x = x:transpose(1, 2) end
  return x, {h = op.stack(last.h, 1),
             c = kind.cell and op.stack(last.c, 1) or nil}
end

local function check_proj(sizes, options)
  local S, H = options.proj_size or 0, sizes[2]
  if math.type(S) ~= "integer" or S < 0 or S > 0 and S >= H then
    return ("'proj_size' must be an integer from 0 (none) to below " ..
            "hidden_size %d, got %s"):format(H, S)
  elseif S > 0 and options.zoneout > 0 then
    return "'zoneout' is not for a projected state; use 'zoneout_c'"
  elseif S > 0 and options.recurrent_init == "identity" then
    return "'recurrent_init' identity is not for a projected state"
  end
end

---What is wrong with options that a single step has, too.
local function check_cell(kind, sizes, options)
  for _, name in ipairs {"dropout", "locked_dropout", "weight_drop", "zoneout",
                         "zoneout_c"} do
    local p = options[name] or 0
    if not (p >= 0 and p <= 1) then
      return ("'%s' must be from 0 to 1, got %s"):format(name, p)
    end
  end
  for name, words in pairs(kind.words or {}) do
    local known = {}
    for _, word in ipairs(words) do known[word] = true end
    if not known[options[name]] then
      return ("'%s' must be %s, got %s"):format(name,
             table.concat(words, " or "), options[name])
    end
  end
  if options.coupled and options.forget_bias ~= 0 then
    return "'forget_bias' is for a forget gate, which 'coupled' does without"
  end
  return check_proj(sizes, options) or check_init(sizes, options)
end

local function check_options(kind, sizes, options)
  local L = options.num_layers
  if math.type(L) ~= "integer" or L < 1 or L > 1000 then
    return ("'num_layers' must be an integer from 1 to 1000, got %s"):format(L)
  end
  if options.precision ~= "full" and options.precision ~= "bf16" then
    return ("'precision' must be full or bf16, got %s"):format(
           options.precision)
  end
  return check_cell(kind, sizes, options)
end

---The layer class of a kind; `class.recurrent` is the kind.
---Options: num_layers 1, bias true, batch_first false, bidirectional false, and
---the kind's own. While a tape is open: dropout 0 (between layers),
---locked_dropout 0 (between layers, one mask for all steps; Gal and Ghahramani
---2016), weight_drop 0 (of weight_hh, once a call; Wan et al. 2013, Merity et
---al. 2017), zoneout 0 (chance that a unit of h stays as it was; without a
---tape, what that is on the average; Krueger et al. 2017). residual false:
---layers above the first add what they read (Wu et al. 2016). learned_state
---false: the state of a call without one is trained, parameters h0 and c0
---(L*dirs,1,H), at first 0. precision "full": "bf16" rounds the factors of
---products to bfloat16, sums stay float32; recompute false: true makes the
---gates again in backward instead of keeping them, (T,N,4H) less memory for a
---third more time. recurrent_init "uniform": how
---weight_hh starts, "orthogonal" in each gate (Saxe et al. 2014), or "identity"
---with weight_ih of std 0.001 and biases 0: with nonlinearity "relu" the IRNN
---(Le et al. 2015); recurrent_gain 1.0 is a factor of it.
---@param kind rnn.RecurrentKind
function recurrent.layer(kind)
  local class = layer.class {
    name = kind.name,
    sizes = SIZES,
    options = with_defaults(kind.options, {
      num_layers = 1, bias = true, batch_first = false, dropout = 0.0,
      bidirectional = false, precision = "full", recompute = false,
      locked_dropout = 0.0, weight_drop = 0.0, residual = false,
      learned_state = false, zoneout = 0.0, recurrent_init = "uniform",
      recurrent_gain = 1.0}),
    check = function(sizes, options)
      return check_options(kind, sizes, options)
    end,
    shapes = function(sizes, options)
      local list, dirs, H = {}, directions(options), sizes[2]
      for l = 1, options.num_layers do
        for d = 1, dirs do
          add_shapes(list, suffix_of(l, d), kind,
                     l == 1 and sizes[1] or dirs * units(H, options), H,
                     options)
        end
      end
      if not options.learned_state then return list end
      local all = options.num_layers * dirs
      list[#list + 1] = {"h0", {all, 1, units(H, options)}}
      if kind.cell then list[#list + 1] = {"c0", {all, 1, H}} end
      return list
    end,
    init = init,
    call = function(self, x, state, lengths)
      return recurrent.call(self, kind, x, state, lengths)
    end,
  }
  class.recurrent = kind
  return class
end

---h, state = cell(x, state) with x (N, D), h (N, H)
local function call_cell(self, kind, name, x, state)
  local s, sizes = x:shape(), self.config.sizes
  if #s ~= 2 or s[2] ~= sizes[1] then
    error(("%s: x must be (N, %d), got (%s)"):format(name, sizes[1],
          table.concat(s, ", ")), 3)
  end
  check_state(name, state, kind.cell)
  local _, h, c = run(self, kind, x:reshape {1, s[1], s[2]}, "",
                      state and state.h, state and state.c,
                      op_options(kind, self.config.options))
  return h, {h = h, c = c}
end

---The class that does one step of a layer class; its parameters are named
---without a suffix.
function recurrent.cell(of)
  local kind = of.recurrent
  local name = kind.name .. "Cell"
  return layer.class {
    name = name,
    sizes = SIZES,
    options = with_defaults(kind.options, {
      bias = true, zoneout = 0.0, recurrent_init = "uniform",
      recurrent_gain = 1.0}),
    check = function(sizes, options)
      return check_cell(kind, sizes, options)
    end,
    shapes = function(sizes, options)
      local list = {}
      add_shapes(list, "", kind, sizes[1], sizes[2], options)
      return list
    end,
    init = init,
    call = function(self, x, state)
      return call_cell(self, kind, name, x, state)
    end,
  }
end

return recurrent
