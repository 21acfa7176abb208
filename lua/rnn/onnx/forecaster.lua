---The kind "forecaster" in ONNX: a window of the past to forecasts, both in the
---unit of the data: logarithms, scales and differences are inside. Of recursive
---models and seq2seq ones all steps of the horizon are, one after the other. A
---recursive model forecasts the middle alone: its quantiles are those of paths
---that are drawn, which a graph cannot do.
---    past    (R,N,D) the last R steps of the targets, R = W + the lags
---    inputs  (W,N,E) other columns that are read, at the last W steps
---    known   (W+H-1,N,K) what is known ahead, one step later: of the steps 2
---            to W of the window, then of the H that are forecast; columns of
---            the calendar last
---    series  (N) which one of several series each is, from 0
---    forecast (1+Q,H,N,D) the forecast, then the quantiles, if there are any
---The metadata "forecaster" has the names of columns and series.
local core = require "rnn.core"
local data = require "rnn.data"
local distribution = require "rnn.models.distribution"
local layers = require "rnn.onnx.layers"
local map = require "rnn.map"
local recurrent = require "rnn.onnx.recurrent"

local MOST = 4096    -- rows: a graph has matrices of so many times so many

-- {== Scales ==

---Numbers of one step of scalers, one row (D) for each series, as they are
---needed: (D), or (N,D) by `series`.
local function numbers(g, scalers, i, field, series)
  local rows = map(scalers, function(s) return s.steps[i][field] end)
  if not series then return g:reals(rows[1], "float64") end
  return g:op("Gather", g:reals(rows, "float64"), series)
end

local function check_alike(scalers)
  local first = scalers[1].steps
  for _, s in ipairs(scalers) do
    for i = 1, math.max(#s.steps, #first) do
      if not s.steps[i] or not first[i] or s.steps[i].kind ~= first[i].kind then
        error({message = "its series have scalers of different steps"}, 0)
      end
    end
  end
end

---x (T,N,D) float64 by scalers, one for each series.
local function forth(g, x, scalers, series)
  check_alike(scalers)
  for i, step in ipairs(scalers[1].steps) do
    if step.kind == "log" then
      x = g:op("Log", x)
    elseif step.kind == "log1p" then
      x = g:op("Log", g:op("Add", x, g:reals(1, "float64")))
    else
      x = g:op("Sub", x, numbers(g, scalers, i, "shift", series))
      x = g:op("Div", x, numbers(g, scalers, i, "scale", series))
    end
  end
  return x
end

---And back: x (...,N,D).
local function back(g, x, scalers, series)
  for i = #scalers[1].steps, 1, -1 do
    local kind = scalers[1].steps[i].kind
    if kind == "log" then
      x = g:op("Exp", x)
    elseif kind == "log1p" then
      x = g:op("Sub", g:op("Exp", x), g:reals(1, "float64"))
    else
      x = g:op("Mul", x, numbers(g, scalers, i, "scale", series))
      x = g:op("Add", x, numbers(g, scalers, i, "shift", series))
    end
  end
  return x
end

local function to_float(g, x) return g:op("Cast", x, {to = 1}) end

-- }==

-- {== Differences: linear, so each way is a matrix ==

---A matrix (rows,columns) times x (columns,N,D).
local function times(g, matrix, name, x, D)
  local y = g:op("MatMul", g:weight(matrix, name),
                 g:reshape(x, {#matrix:transpose(), -1}))
  return g:reshape(y, {#matrix, -1, D})
end

local function identity(n)
  local t = core.zeros({n, n}, "float64")
  for i = 1, n do core.set(t, (i - 1) * n + i, 1) end
  return t
end

---The differences of R rows; the H rows after them that differences of 0 give;
---and what differences of these rows add.
local function matrices(known, R)
  local H = known.horizon
  local steps = data.scaler(map(known.lags, function(lag)
    return {difference = lag}
  end))
  return steps:transform(identity(R)),
         steps:inverse(core.zeros({H, R}, "float64"), identity(R)),
         steps:inverse(identity(H), core.zeros({R, H}, "float64"))
end

-- }==

-- {== What is said of a number: as rnn.models.distribution ==

---Growing numbers of the last axis.
local function sorted(g, x, P)
  return (g:node("TopK", {x, g:ints {P}}, {largest = 0}, 2))
end

---The k-th of P numbers on the last axis, which goes.
local function part(g, x, k)
  return g:op("Gather", x, g:ints(k - 1), {axis = 3})
end

---The middle (T,N,D) of what is said (T,N,D,P).
local function middle(g, known, y)
  if known.output ~= "quantile" then return part(g, y, 1) end
  for k, q in ipairs(known.quantiles) do
    if q == 0.5 then return part(g, sorted(g, y, known.P), k) end
  end
end

---Middle and quantiles (1+Q,H,N,D).
local function spread(g, known, y)
  local first = g:unsqueeze(middle(g, known, y), 0)
  if known.output == "point" then return first end
  local all
  if known.output == "quantile" then
    all = sorted(g, y, known.P)
  else
    local z = map(known.quantiles, distribution.normal_quantile)
    local deviation = g:op("Exp", g:op("Mul", g:slice(y, 3, 1, 2),
                                       g:reals(0.5)))
    all = g:op("Add", g:slice(y, 3, 0, 1),
               g:op("Mul", deviation, g:reals(z)))
  end
  return g:cat(0, {first, g:transpose(all, {3, 0, 1, 2})})
end

-- }==

-- {== Strategies: as rnn.strategies ==

local function features(g, m, h, keys)
  if not m.attention then return h end
  return g:cat(2, {h, layers.attention(g, m.attention, h, keys)})
end

local function out(g, m, known, h, keys)
  local y = layers.linear(g, m.out, "out", features(g, m, h, keys))
  return g:reshape(y, {0, 0, known.D, known.P})
end

local function step_of(g, x, k) return x and g:slice(x, 0, k, k + 1) end

---Some of the tensors, as far as they are there, side by side.
local function beside(g, ...)
  local list = {}
  for i = 1, select("#", ...) do list[#list + 1] = (select(i, ...)) end
  return g:cat(2, list)
end

---Each takes a view as strategies do, and gives what is said (H,N,D,P), and of
---a recursive model the values that it read, (H,N,D).
local STRATEGY = {}

function STRATEGY.direct(g, m, known, view)
  local H, DP = known.horizon, known.D * known.P
  local h = recurrent.run(g, m.rnn, "rnn", view.x)
  local y = layers.linear(g, m.out, "out", features(
    g, m, g:slice(h, 0, -1, known.window), h))            -- (1,N,H*D*P)
  y = g:transpose(g:reshape(y, {-1, H, DP}), {1, 0, 2})
  if m.known_out then
    y = g:op("Add", y, layers.linear(g, m.known_out, "known_out", view.known))
  end
  return g:reshape(y, {0, 0, known.D, known.P})
end

function STRATEGY.recursive(g, m, known, view)
  local keys, state = recurrent.run(g, m.rnn, "rnn", view.x)
  local h, outs, values = g:slice(keys, 0, -1, known.window), {}, {}
  for k = 1, known.horizon do
    outs[k] = out(g, m, known, h, keys)
    values[k] = middle(g, known, outs[k])
    if k < known.horizon then
      h, state = recurrent.run(g, m.rnn, "rnn", beside(
        g, values[k], view.held, step_of(g, view.known, k)), state)
    end
  end
  return g:cat(0, outs), g:cat(0, values)
end

function STRATEGY.seq2seq(g, m, known, view)
  local keys, state = recurrent.run(g, m.rnn, "rnn", view.x)
  local shape = g:cat(0, {g:ints {1}, g:extent(view.x, 1), g:ints {known.D}})
  local read, outs = g:op("Expand", g:reals(0), shape), {}
  for k = 1, known.horizon do
    local h
    h, state = recurrent.run(g, m.decoder, "decoder", beside(
      g, read, step_of(g, view.known, k - 1)), state)
    outs[k] = out(g, m, known, h, keys)
    read = middle(g, known, outs[k])
  end
  return g:cat(0, outs)
end

-- }==

-- {== Windows ==

---The columns that are no targets, scaled: of `others` scalers the first E are
---those of inputs, then those known ahead; the calendar has none.
local function other_columns(g, known, name, rows, count, first, series, doc)
  local own = name == "known" and count - 2 * #known.calendar or count
  local x = g:input(name, "float64", {rows, "N", count}, doc)
  local parts = {}
  if own > 0 then
    parts[1] = forth(g, g:slice(x, 2, 0, own), map(known.series, function(s)
      return {steps = map(s.others.steps, function(step)
        local cut = {kind = step.kind}
        for _, field in ipairs {"shift", "scale"} do
          cut[field] = step[field] and table.move(step[field], first + 1,
                                                  first + own, 1, {})
        end
        return cut
      end)}
    end), series)
  end
  if own < count then parts[#parts + 1] = g:slice(x, 2, own, count) end
  return to_float(g, g:cat(2, parts))
end

---As view_of of the forecaster: what strategies read, and the levels z (R,N,D).
local function view_of(g, known, R, differences, series)
  local D, W, H = known.D, known.window, known.horizon
  local past = g:input("past", "float64", {R, "N", D},
                       "the targets, in the unit of the data")
  local z = to_float(g, forth(g, past, map(known.series, function(s)
    return s.target
  end), series))
  local v = g:op("Div", times(g, differences, "differences", z, D),
                 g:reals(known.spread.v))
  local view, parts = {z = z}, {v}
  if known.E > 0 then
    parts[2] = other_columns(g, known, "inputs", W, known.E, 0, series,
                             "other columns of the last steps")
    view.held = g:slice(parts[2], 0, W - 1, W)
  end
  if known.K > 0 then
    local ahead = other_columns(
      g, known, "known", W + H - 1, known.K, known.E, series,
      "known ahead, one step later")
    parts[#parts + 1] = g:slice(ahead, 0, 0, W)
    view.known = g:slice(ahead, 0, W - 1, W + H - 1)
  end
  view.x = g:cat(2, parts)
  return view
end

-- }==

---@param g rnn.OnnxGraph
---@param m rnn.Forecaster
return function(g, m)
  local known, R = m:known(), require("rnn.models.forecaster").span(m:known())
  local D, series = known.D, nil
  if R > MOST or known.horizon > MOST then
    error({message = ("reads %d rows and forecasts %d, a graph at most %d " ..
           "each"):format(R, known.horizon, MOST)}, 0)
  end
  if #known.series > 1 then
    series = g:input("series", "int64", {"N"}, "which series, from 0")
  end
  local differences, base, added = matrices(known, R)
  local view = view_of(g, known, R, differences, series)
  local said, values = STRATEGY[known.strategy](g, m, known, view)
  local levels
  if values then
    local change = g:op("Mul", values, g:reals(known.spread.v))
    levels = g:unsqueeze(times(g, added, "sums", change, D), 0)
  else
    levels = g:op("Mul", spread(g, known, said), g:reals(known.spread.y))
  end
  levels = g:op("Add", levels, times(g, base, "base", view.z, D))
  local targets = map(known.series, function(s) return s.target end)
  local quantiles = not values and known.output ~= "point" and
                    #known.quantiles or 0
  g:output("forecast", back(g, g:op("Cast", levels, {to = 11}), targets,
                            series), "float64",
           {1 + quantiles, known.horizon, "N", D},
           "in the unit of the data; the middle, then the quantiles")
end
