---rnn.ClockworkRNN(input_size, hidden_size, opts): the Clockwork RNN (Koutnik,
---Greff, Gomez and Schmidhuber 2014). The units are modules of one size with
---growing periods T_1 < T_2 < ...; at step t = 0, 1, 2, ... the modules m whose
---period divides t run,
---    h_m = tanh(W_m x + b_m + sum_(j >= m) U_mj h_j),
---the others keep their state. Slow modules remember, fast ones read them, and
---what does not run costs nothing.
---
---    local cw = rnn.ClockworkRNN(8, 32, {periods = {1, 2, 4, 8}})
---    local y, state = cw(rnn.randn {20, 3, 8})       -- y (20, 3, 32)
---    y, state = cw(rnn.randn {5, 3, 8}, state)       -- steps 20 to 24
---
---Options: periods, growing integers, as many as divide hidden_size; by default
---1, 2, 4, ..., as many of them as the largest number up to 8 that divides
---hidden_size. nonlinearity "tanh", or "relu"; bias true; batch_first false.
local core = require "rnn.core"
local layer = require "rnn.layer"

local op = core.op

---@class rnn.ClockworkRNN
---@field weight_ih_l0 rnn.Tensor (H, D)
---@field weight_hh_l0 rnn.Tensor (H, H); below the block diagonal not read: 0
---@field bias_ih_l0 rnn.Tensor|nil (H)
---@field bias_hh_l0 rnn.Tensor|nil (H)
---Call: y, state = cw(x, state, lengths). x (T,N,D) -> y (T,N,H); state {h =
---(1,N,H), t = steps done}: given back with the next chunk of a sequence, it
---lets the clock go on. t counts for all rows; a row whose length is over keeps
---its state while the clock goes on.

local MODULES, MOST = 64, 0x7fffffff

---1, 2, 4, ...: as many as the largest number up to 8 that divides H.
local function default_periods(H)
  local count = 8
  while H % count ~= 0 do count = count - 1 end
  local periods = {}
  for i = 1, count do periods[i] = 1 << (i - 1) end
  return periods
end

local function check_periods(periods, H)
  local count, before = #periods, 0
  if count < 1 or count > MODULES then
    return ("'periods' must be a list of 1 to %d integers, got %d"):format(
           MODULES, count)
  end
  for i = 1, count do
    local period = periods[i]
    if math.type(period) ~= "integer" or period <= before or period > MOST then
      return ("'periods' must be growing integers from 1, got %s after %d")
             :format(period, before)
    end
    before = period
  end
  if H % count ~= 0 then
    return ("'periods' must be as many as divide 'hidden_size', got %d for " ..
            "%d units"):format(count, H)
  end
end

---Checks the options and completes the periods, a list of the layer's own.
local function check(sizes, options)
  local given, word = options.periods, options.nonlinearity
  if word ~= "tanh" and word ~= "relu" then
    return ("'nonlinearity' must be tanh or relu, got '%s'"):format(word)
  end
  if next(given) == nil then given = default_periods(sizes[2]) end
  local wrong = check_periods(given, sizes[2])
  if wrong then return wrong end
  options.periods = table.move(given, 1, #given, 1, {})
end

---Uniform in ±1/sqrt(H), as rnn.RNN, and 0 where weight_hh is not read.
local function init(self, sizes, options)
  local H, modules = sizes[2], #options.periods
  if H == 0 then return end
  layer.uniform(self, 1 / math.sqrt(H))
  local w, units, rows = self.weight_hh_l0, H // modules, {}
  for m = 1, modules do
    local from = (m - 1) * units
    local read = w:slice(1, from + 1, from + units):slice(2, from + 1, H)
    rows[m] = op.cat({core.zeros({units, from}, w.dtype), read}, 2)
  end
  w:copy(op.cat(rows, 1))
end

---Steps after which the clock of all modules is as it was.
local function cycle(periods)
  local all = 1
  for _, period in ipairs(periods) do
    local a, b = all, period
    while b ~= 0 do a, b = b, a % b end
    all = all // a * period
    if all > MOST then return math.maxinteger end
  end
  return all
end

local function check_state(state, N, H)
  if type(state) ~= "table" or not core.is_tensor(state.h) or
     math.type(state.t) ~= "integer" or state.t < 0 then
    error("ClockworkRNN: the state must be a table {h = tensor, t = steps " ..
          "done}",
          3)
  end
  local got = table.concat(state.h:shape(), ", ")
  local want = ("1, %d, %d"):format(N, H)
  if got ~= want then
    error(("ClockworkRNN: state.h must be (%s), got (%s)"):format(want, got), 3)
  end
end

---y, state = layer(x, state, lengths)
local function call(self, x, state, lengths)
  local sizes, options = self.config.sizes, self.config.options
  local shape, H = x:shape(), sizes[2]
  if #shape ~= 3 or shape[3] ~= sizes[1] then
    error(("ClockworkRNN: x must be (%s, %d), got (%s)"):format(
          options.batch_first and "N, T" or "T, N", sizes[1],
          table.concat(shape, ", ")), 2)
  end
  if options.batch_first then x = x:transpose(1, 2) end
  local T, N = table.unpack(x:shape())
  if state then check_state(state, N, H) end
  local t = state and state.t or 0
  local y, h = op.clockwork(
    x, self.weight_ih_l0, self.weight_hh_l0, self.bias_ih_l0,
    self.bias_hh_l0, state and state.h:reshape {N, H},
    {periods = options.periods, lengths = lengths,
     nonlinearity = options.nonlinearity,
     start = t % cycle(options.periods)})
  if options.batch_first then y = y:transpose(1, 2) end
  return y, {h = h:reshape {1, N, H}, t = t + T}
end

return layer.class {
  name = "ClockworkRNN",
  sizes = {"input_size", "hidden_size"},
  options = {periods = {}, nonlinearity = "tanh", bias = true,
             batch_first = false},
  check = check,
  shapes = function(sizes, options)
    local D, H = sizes[1], sizes[2]
    local list = {{"weight_ih_l0", {H, D}}, {"weight_hh_l0", {H, H}}}
    if options.bias then
      list[3], list[4] = {"bias_ih_l0", {H}}, {"bias_hh_l0", {H}}
    end
    return list
  end,
  init = init,
  call = call,
}
