---The model kind "forecaster": the next steps of series.
---
---    window (W+lag,N,F) -> log, scaled -> differences -> rnn -> (H,N,D,P)
---        -> what the strategy makes of it -> unit of the data
---
---What a network says is said of levels z, the targets with `log` and `scale`.
---Without differences it reads z; with lags, z - z[lag before]. What it says is
---added to a base: what the series would do if its differences were 0. How it
---says several steps: rnn.strategies; of how many numbers:
---rnn.models.distribution.
local calendar = require "rnn.data.calendar"
local core = require "rnn.core"
local data = require "rnn.data"
local distribution = require "rnn.models.distribution"
local json = require "rnn.json"
local map = require "rnn.map"
local model = require "rnn.model"
local strategies = require "rnn.strategies"
local windowing = require "rnn.data.windows"

local op = core.op
local forecaster = {}

forecaster.KIND = "forecaster"

local KNOWN, TABLES = {}, {}   -- keys that no walk over a model visits
local PATHS = 100              -- that are drawn for recursive quantiles
local PIECE = 1 << 14          -- rows
local MOST = 1 << 20           -- steps, columns
local FARTHEST = 1 << 16       -- step of a horizon
local SAMPLE = 2000            -- windows that the size of outputs is taken from

---@class rnn.ForecasterKnown
---@field D integer targets
---@field E integer inputs
---@field K integer columns known ahead
---@field P integer numbers of the network for each forecast
---@field strategy "recursive"|"direct"|"seq2seq"
---@field window integer W, steps that the network reads
---@field horizon integer H, steps that are forecast
---@field lags integer[] of the differences, in their order
---@field season integer steps
---@field output "point"|"quantile"|"gaussian"
---@field quantiles number[]
---@field loss "mse"|"mae"|"huber" of points
---@field teacher_forcing number
---@field spread {v: number[], y: number[]} sizes of what is read and said
---@field roles rnn.FrameRoles
---@field calendar string[]
---@field frequency string|nil of the steps
---@field series {name: string, target: table, others: table}[] scalers

---@class rnn.Forecaster
---@field rnn table
---@field decoder table|nil
---@field attention rnn.Attention|nil
---@field drop rnn.Dropout|nil
---@field out rnn.Linear
---@field known_out rnn.Linear|nil
local Forecaster = {}

local META = {__index = Forecaster, __name = "rnn.Forecaster"}

---Windows of a frame, all of whose forecasts lie in one part of it.
---@class rnn.FramePart: integer[] origins
---@field frame rnn.Frame
---@field trained integer[] of each series the last row to train on

-- {== Levels ==

---The differences as a scaler.
local function differences_of(known)
  return data.scaler(map(known.lags, function(lag)
    return {difference = lag}
  end))
end

---Rows that a window reads: differences take some away.
local function span_of(known)
  local span = known.window
  for _, lag in ipairs(known.lags) do span = span + lag end
  return span
end

forecaster.span = span_of

---The scalers of a series of a frame, or nil and a message.
local function scalers_of(known, one)
  local found = #known.series == 1 and known.series[1]
  for _, s in ipairs(known.series) do
    if s.name == one.name then found = s end
  end
  if not found then
    return nil, ("series '%s' is not one of the %d that were learnt")
           :format(one.name, #known.series)
  end
  return found
end

---Rows of a series as levels (R,D + E + K); the calendar is as it is.
local function levels(known, scaler, rows)
  local F = #rows[1]
  local D, own = known.D, known.D + known.E + known.K -
                          2 * #known.calendar
  local parts = {scaler.target:transform(rows:slice(2, 1, D))}
  if own > D then
    parts[#parts + 1] = scaler.others:transform(rows:slice(2, D + 1, own))
  end
  if F > own then parts[#parts + 1] = rows:slice(2, own + 1, F) end
  return op.cat(parts, 2)
end

---All rows of a frame as levels, float32; made piece by piece, for there may be
---many.
local function levels_of(known, frame)
  local parts = {}
  for i, one in ipairs(frame.series) do
    local to = i < #frame.series and frame.series[i + 1].first - 1 or
               #frame.values
    local scaler = assert(scalers_of(known, one))
    for from = one.first, to, PIECE do
      local rows = frame.values:slice(1, from, math.min(to, from + PIECE - 1))
      parts[#parts + 1] = levels(known, scaler, rows):to "float32"
    end
  end
  return op.cat(parts, 1)
end

-- }==

-- {== Windows ==

---What strategies need of a batch of windows, to forecast H steps.
local function view_of(known, batch, H)
  local D, E, W = known.D, known.E, known.window
  H = H or known.horizon
  local span = span_of(known)
  local F = D + E + known.K
  local all = windowing.rows(batch.table, batch, 1 - span, H)
  local z = all:slice(3, 1, D)
  local past, steps = z:slice(1, 1, span), differences_of(known)
  local d = steps:transform(z)                       -- (W + H,N,D)
  local v = d / core.tensor(known.spread.v, d.dtype)
  local view = {past = past, v = v:slice(1, 1, W), steps = steps, H = H}
  view.x = view.v
  if E > 0 then
    view.x = op.cat(view.x, all:slice(3, D + 1, D + E)
                               :slice(1, span - W + 1, span), 3)
    view.held = all:slice(3, D + 1, D + E):slice(1, span, span)
  end
  if known.K > 0 then
    local k = all:slice(3, D + E + 1, F)
    view.x = op.cat(view.x, k:slice(1, span - W + 2, span + 1), 3)
    view.known = k:slice(1, span + 1, span + H)
  end
  if known.strategy == "recursive" then
    view.y = v:slice(1, W + 1, W + H)
  else
    view.base = steps:inverse(d:slice(1, W + 1, W + H) * 0, past)
    view.y = (z:slice(1, span + 1, span + H) - view.base) /
             core.tensor(known.spread.y, d.dtype)
  end
  return view
end

---Levels (H,N,D) of what a strategy says of steps one by one, with so many
---copies of each window.
local function levels_of_steps(known, view, v, copies)
  local past = {}
  for i = 1, copies do past[i] = view.past end
  return view.steps:inverse(v * core.tensor(known.spread.v, v.dtype),
                            op.cat(past, 2))
end

-- }==

-- {== What is known ==

---Every k-th of a list, so that about so many are left.
local function sample(list, count)
  local step, out = math.max(1, #list // count), {}
  for i = 1, #list, step do out[#out + 1] = list[i] end
  return out
end

---Root mean squares of the columns of x (...,D); 1 for a column of zeros.
local function sizes_of(x, D)
  x = x:to("float64"):reshape {-1, D}
  return map((x * x):mean(1):sqrt():totable(), function(size)
    return size > 1e-12 and size or 1.0
  end)
end

---How large what is read and what is said are on the average.
local function measure(known, part)
  known.spread = {v = {}, y = {}}
  for k = 1, known.D do known.spread.v[k], known.spread.y[k] = 1.0, 1.0 end
  local batch = sample(part, SAMPLE)
  batch.table = levels_of(known, part.frame)
  local view = view_of(known, batch)
  local v = sizes_of(view.v, known.D)
  known.spread = {v = v, y = known.strategy == "recursive" and v or
                             sizes_of(view.y, known.D)}
end

---The differences that options ask for.
local LAGS = {
  none = function() return {} end, last = function() return {1} end,
  seasonal = function(season) return {season} end,
  both = function(season) return {season, 1} end,
}

---How many steps windows have, for forecaster.span, before anything is learnt.
---@param o {window: integer, horizon: integer, season: integer,
---difference: "none"|"last"|"seasonal"|"both"}
---@return table
function forecaster.plan(o)
  return {window = o.window, horizon = o.horizon,
          lags = LAGS[o.difference](o.season)}
end

---The numbers of "0.1,0.5,0.9"; or nil and what is wrong with it.
---@param text string
---@return number[]|nil
---@return string? message
function forecaster.quantiles(text)
  local list, middle = {}, false
  for item in (text .. ","):gmatch "([^,]*)," do
    local q = tonumber(item)
    if not q or q <= (list[#list] or 0) or q >= 1 then
      return nil, ("must be growing numbers between 0 and 1, such as " ..
                   "0.1,0.5,0.9, got '%s'"):format(text)
    end
    list[#list + 1], middle = q, middle or q == 0.5
  end
  if not middle then
    return nil, ("must have 0.5 among them, got '%s'"):format(text)
  end
  return list
end

---What keeps options from making a model.
---@param o table options of scripts/forecast.lua
---@return string|nil
function forecaster.check(o)
  local _, wrong = forecaster.quantiles(o.quantiles)
  if wrong then return "--quantiles " .. wrong end
  if o.strategy == "one-step" and o.horizon > 1 then
    return ("--strategy one-step is for --horizon 1, got %d; recursive goes " ..
            "on step by step"):format(o.horizon)
  elseif o.teacher_forcing > 0 and o.strategy ~= "seq2seq" then
    return "--teacher-forcing is for --strategy seq2seq"
  elseif o.loss ~= "mse" and o.output ~= "point" then
    return ("--loss %s is for --output point"):format(o.loss)
  end
  if o.cell ~= "clockwork" then return nil end
  if o.layers > 1 or o.weight_drop > 0 or o.precision ~= "full" then
    return "--cell clockwork has one layer, no --weight-drop and full " ..
           "--precision"
  end
end

---Learns the scales of series from a part to train on.
---@param part rnn.FramePart
---@param o table options of scripts/forecast.lua
---@return rnn.ForecasterKnown|nil
---@return string[]|string notes, none, or the message
function forecaster.learn(part, o)
  local frame = part.frame
  local known = {
    D = frame.targets, E = frame.inputs, K = frame.known,
    strategy = o.strategy == "one-step" and "recursive" or o.strategy,
    window = o.window, horizon = o.horizon,
    lags = LAGS[o.difference](o.season), season = o.season,
    output = o.output, quantiles = forecaster.quantiles(o.quantiles),
    loss = o.loss, teacher_forcing = o.teacher_forcing, roles = frame.roles,
    calendar = frame.calendar, series = {},
    frequency = frame.frequency and frame.frequency.name,
  }
  known.P = distribution.new(o.output, o.loss, known.quantiles).size
  local own = #frame.names - 2 * #frame.calendar
  for i, one in ipairs(frame.series) do
    if part.trained[i] < one.first then
      return nil, one.name .. ": has no row to train on before --val and --test"
    end
    local rows = frame.values:slice(1, one.first, part.trained[i])
    local s = {name = one.name}
    local steps = o.log and {"log"} or {}
    if o.scale ~= "none" then steps[#steps + 1] = o.scale end
    local ok, wrong = pcall(function()
      s.target = data.scaler(steps):fit(rows:slice(2, 1, known.D))
      if own > known.D then
        s.others = data.scaler {o.scale ~= "none" and o.scale or nil}
        s.others:fit(rows:slice(2, known.D + 1, own))
      end
    end)
    if not ok then
      return nil, ("%s: %s"):format(one.name, wrong:match "scaler: .*" or wrong)
    end
    known.series[i] = s
  end
  measure(known, part)
  return known, {}
end

---The first row and target of a series without a logarithm, or nil.
local function row_without_log(scaler, rows)
  local function finite(x) return core.finite(scaler.target:transform(x)) end
  if finite(rows) then return nil end
  for r = 1, #rows do
    if not finite(rows:slice(1, r, r)) then return r end
  end
end

---What keeps a frame from being forecast by what is known of others.
---@param known rnn.ForecasterKnown
---@param part {frame: rnn.Frame}
---@return string|nil
function forecaster.unfit(known, part)
  local frame = part.frame
  if frame.targets ~= known.D or frame.inputs ~= known.E or
     frame.known ~= known.K or #frame.calendar ~= #known.calendar then
    return ("has %d targets, %d inputs and %d columns known ahead, the " ..
            "model has %d, %d and %d"):format(frame.targets, frame.inputs,
           frame.known, known.D, known.E, known.K)
  end
  local frequency = frame.frequency and frame.frequency.name
  if known.frequency and frequency and frequency ~= known.frequency then
    return ("is %s, the model was trained on data that are %s"):format(
           frequency, known.frequency)
  end
  for _, one in ipairs(frame.series) do
    local found, wrong = scalers_of(known, one)
    if not found then return wrong end
    local rows = frame.values:slice(1, one.first, one.last)
                             :slice(2, 1, known.D)
    local row = row_without_log(found, rows)
    if row then
      return ("%s: row %d has %g, but --log takes numbers above 0"):format(
             one.name, row, -(-rows[row]):max():item())
    end
  end
end

---What a model file says of a forecaster, beside its layers.
---@param known rnn.ForecasterKnown
---@return table<string, any> meta for rnn.save
function forecaster.describe(known)
  local own = {}
  for name, value in pairs(known) do own[name] = value end
  own.series = map(known.series, function(s)
    return {name = s.name, target = s.target:state(),
            others = s.others and s.others:state()}
  end)
  return {["rnnlua.kind"] = forecaster.KIND, forecaster = json.encode(own)}
end

local function integer(least, most)
  return function(x)
    return math.type(x) == "integer" and x >= least and x <= (most or MOST)
  end
end

local function is_number(x)
  return type(x) == "number" and x == x and math.abs(x) < math.huge
end

local function is_size(x) return is_number(x) and x > 0 end

local function of_type(name)
  return function(x) return type(x) == name end
end

local function list_of(is)
  return function(x)
    if type(x) ~= "table" then return false end
    for _, one in ipairs(x) do if not is(one) then return false end end
    return true
  end
end

local function among(list)
  return function(x)
    for _, one in ipairs(list) do if x == one then return true end end
    return false
  end
end

---What each field of a description must be.
local FIELDS = {
  D = integer(1), E = integer(0), K = integer(0), P = integer(1),
  window = integer(1), horizon = integer(1, FARTHEST), season = integer(1),
  lags = list_of(integer(1)), strategy = among(strategies.NAMES),
  output = among(distribution.OUTPUTS), loss = among(distribution.LOSSES),
  quantiles = list_of(is_number), teacher_forcing = is_number,
  roles = of_type "table", calendar = list_of(among(calendar.NAMES)),
  spread = of_type "table", series = of_type "table",
}

---Are these roles, which are not trusted, those of a model?
local function are_roles(r, o)
  local is_names = list_of(of_type "string")
  for _, name in ipairs {"target", "inputs", "known", "calendar"} do
    if not is_names(r[name]) then return false end
  end
  for _, name in ipairs {"time", "series", "date_format"} do
    if r[name] ~= nil and type(r[name]) ~= "string" then return false end
  end
  for i, name in ipairs(r.calendar) do
    if o.calendar[i] ~= name then return false end
  end
  local wrong = r.date_format and data.dates.wrong_format(r.date_format)
  return not wrong and #r.calendar == #o.calendar and #r.target == o.D and
         #r.inputs == o.E and #r.known + 2 * #r.calendar == o.K
end

---Does a description, which is not trusted, make sense?
local function is_sound(o)
  for name, is in pairs(FIELDS) do
    if type(o) ~= "table" or not is(o[name]) then return false end
  end
  local text = table.concat(o.quantiles, ",")
  for _, name in ipairs {"v", "y"} do
    local sizes = o.spread[name]
    if not list_of(is_size)(sizes) or #sizes ~= o.D then return false end
  end
  return forecaster.quantiles(text) ~= nil and #o.lags <= 2 and
         #o.series > 0 and are_roles(o.roles, o) and
         o.P == distribution.new(o.output, o.loss, o.quantiles).size
end

---What is known, from the metadata of a file, which is not trusted.
---@param meta table<string, string>
---@return rnn.ForecasterKnown|nil
---@return string? message
function forecaster.recall(meta)
  if meta["rnnlua.kind"] ~= forecaster.KIND then
    return nil, "is no forecaster, but of kind " ..
                tostring(meta["rnnlua.kind"])
  end
  local known = json.decode(meta.forecaster or "null")
  if not is_sound(known) then return nil, "its description is damaged" end
  local others = known.E + known.K - 2 * #known.calendar
  for i, s in ipairs(known.series) do
    if type(s) ~= "table" or type(s.name) ~= "string" then
      return nil, "its description is damaged"
    end
    local one, wrong = {name = s.name}
    one.target, wrong = data.scaler_from(s.target, known.D)
    if one.target and others > 0 then
      one.others, wrong = data.scaler_from(s.others, others)
    end
    if not wrong and one.target.lag + (one.others and one.others.lag or 0) > 0
    then
      wrong = "its scaler is damaged"
    end
    if wrong then return nil, wrong end
    known.series[i] = one
  end
  return known
end

-- }==

-- {== Layers ==

---@class rnn.ForecasterConfig
---@field cell "lstm"|"gru"|"rnn"|"clockwork"
---@field hidden integer
---@field layers integer
---@field attention boolean whether it attends to the states of the window
---@field dropout number
---@field weight_drop number
---@field precision "full"|"bf16"

---@param known rnn.ForecasterKnown
---@param o rnn.ForecasterConfig
---@return rnn.Forecaster
function forecaster.build(known, o)
  local m = {}
  strategies[known.strategy].build(m, known, o)
  return forecaster.wrap(m, known)
end

function forecaster.wrap(m, known)
  m[KNOWN], m[TABLES] = known, setmetatable({}, {__mode = "k"})
  return setmetatable(m, META)
end

local GATES = {lstm = 4, gru = 3, rnn = 1, clockwork = 1}

---Numbers of a recurrent network that reads I: its parameters, and what it
---keeps of a step of a row for backward.
local function numbers_of(I, o)
  local H, gates = o.hidden, GATES[o.cell]
  local deeper = o.layers - 1
  return gates * H * (I + H + 2 + deeper * (2 * H + 2)),
         2 * I + o.layers * (gates + 4) * H + deeper * H
end

---What training is likely to need.
---@param known rnn.ForecasterKnown
---@param o rnn.ForecasterConfig with `batch`
---@param part rnn.FramePart to train on
---@param slots integer numbers that the optimizer keeps for each parameter
---@return integer bytes
function forecaster.memory(known, o, part, slots)
  local W, H, D = known.window, known.horizon, known.D
  local F, kind = D + known.E + known.K, known.strategy
  local params, kept = numbers_of(F, o)
  local features = (o.attention and 2 or 1) * o.hidden
  local out = (kind == "direct" and H or 1) * D * known.P
  local steps = kind == "recursive" and W + H - 1 or W
  local floats = steps * kept + (span_of(known) + H) * (3 * F + 6 * D)
  if kind == "seq2seq" then
    local more, written = numbers_of(D + known.K, o)
    params, floats = params + more, floats + H * written
  end
  local asked = kind == "direct" and 1 or H
  floats = floats + asked * 4 * (features + out) +
           (o.attention and asked * 2 * W or 0)
  params = params + features * out
  return 4 * (params * (2 + slots) + o.batch * floats) + 16 * #part +
         12 * #part.frame.values * F + (24 << 20)
end

---Rebuilds a forecaster from its file.
---@param path string
---@return rnn.Forecaster|nil
---@return table<string, string>|string meta or the message "path: reason"
---@return string? code "EIO" or "EFORMAT"
function forecaster.load(path)
  local m, known, meta = model.load_kind(path, forecaster.recall,
                                         strategies.fault)
  if not m then return nil, known, meta end
  return forecaster.wrap(m, known), meta
end

---@return rnn.ForecasterKnown
function Forecaster:known() return self[KNOWN] end

-- }==

-- {== Forecasts ==

---Windows made ready.
---@param part rnn.FramePart
---@return integer[] items, the origins, with the `table` of levels
function Forecaster:encode(part)
  local tables, frame = self[TABLES], part.frame
  tables[frame] = tables[frame] or levels_of(self[KNOWN], frame)
  local items = {table = tables[frame], part = part}
  return table.move(part, 1, #part, 1, items)
end

local function distribution_of(known)
  return distribution.new(known.output, known.loss, known.quantiles)
end

---What training makes small.
---@param batch integer[] of encode's items, with their `table`
---@return rnn.Tensor loss of scaled numbers
---@return integer windows
function Forecaster:loss(batch)
  local known = self[KNOWN]
  local d, view = distribution_of(known), view_of(known, batch)
  local said = strategies[known.strategy].train(self, known, view, d.middle,
                                                known.teacher_forcing)
  return d.loss(said, view.y), #batch
end

---Levels (1 + Q,H,N,D) of forecasts (H,N,D,P): the middle, then the quantiles.
local function levels_of_all(known, d, view, said)
  local y = d.middle(said)
  local axes = y:shape()
  y = y:reshape {1, axes[1], axes[2], axes[3]}
  if d.spread then
    local Q = #known.quantiles
    local spread = d.spread(said)                       -- (H,N,D,Q)
    local parts = {y}
    for k = 1, Q do
      parts[k + 1] = spread:select(4, k):reshape {1, axes[1], axes[2], axes[3]}
    end
    y = op.cat(parts, 1)
  end
  return y * core.tensor(known.spread.y, y.dtype) + view.base
end

---The same from paths (H,N * S,D) that were drawn.
local function levels_of_paths(known, view, paths, S)
  local z = levels_of_steps(known, view, paths, S)
  local shape = z:shape()
  local H, N, D = shape[1], shape[2] // S, shape[3]
  z = z:reshape {H, S, N, D}:transpose(2, 4)           -- (H,D,N,S)
  local sorted = -((-z):topk(S))
  local function level(q)
    local at = 1 + q * (S - 1)
    local low = math.min(S - 1, math.floor(at))
    local a, b = sorted:select(4, low), sorted:select(4, low + 1)
    return (a + (b - a) * (at - low)):transpose(2, 3):reshape {1, H, N, D}
  end
  local parts = {level(0.5)}
  for k, q in ipairs(known.quantiles) do parts[k + 1] = level(q) end
  return op.cat(parts, 1)
end

---Draws paths; the generator is left as it was, and the same each time.
local function draw(known, view, free, d, copies)
  local state = core.random_state()
  core.seed(1)
  local _, paths = free(d.draw, copies)
  core.random_state(state)
  return levels_of_paths(known, view, paths, copies)
end

---Levels (1 + Q,H,N,D) of a view; said: what the strategy says of it, where
---that is known, and is not recursive.
local function said_levels(self, view, paths, said)
  local known, d = self[KNOWN], distribution_of(self[KNOWN])
  local strategy = strategies[known.strategy]
  local function free(choose, copies)
    return strategy.free(self, known, view, choose, copies)
  end
  if known.strategy ~= "recursive" then
    return levels_of_all(known, d, view, said or (free(d.middle, 1)))
  elseif d.draw and paths > 1 then
    return draw(known, view, free, d, paths)
  end
  local _, values = free(d.middle, 1)
  local z = levels_of_steps(known, view, values, 1)
  local shape = z:shape()
  return z:reshape {1, shape[1], shape[2], shape[3]}
end

---Levels (1 + Q,H,N,D) of a batch as a list, in the unit of the data.
local function in_units(self, batch, z)
  local list = {}
  z = z:to "float64"
  for n, at in ipairs(batch) do
    local scaler = scalers_of(self[KNOWN], batch.part.frame:series_of(at))
    list[n] = scaler.target:inverse(z:select(3, n))
  end
  return list
end

---Forecasts of windows.
---@param batch integer[] of encode's items, with their `table` and `part`
---@param o? {paths: integer?, horizon: integer?} paths that are drawn for
---recursive quantiles, default 100; 1: none, there is a middle alone; steps,
---for a recursive model other than it was trained with
---@return rnn.Tensor[] (1 + Q,H,D) each in the unit of the data, float64: the
---forecast, then the quantiles, if there are any
function Forecaster:forecast(batch, o)
  o = o or {}
  local view = view_of(self[KNOWN], batch, o.horizon)
  return in_units(self, batch, said_levels(self, view, o.paths or PATHS))
end

---The next H steps of all series of a frame, so many rows behind their last.
local function block(self, frame, at, H)
  local span, origins = span_of(self[KNOWN]), {}
  for i, one in ipairs(frame.series) do
    local count = one.last - one.first + 1
    if count < span then
      return nil, ("%s: has %d rows, the model reads %d"):format(one.name,
             count, span)
    end
    origins[i] = one.last + at
  end
  local near = frame:around(origins, span, H)
  local part = {frame = near}
  for i, one in ipairs(near.series) do part[i] = one.last end
  return self:forecast(self:encode(part), {horizon = H})
end

---What comes after the end of series. A recursive model goes on step by step;
---what lies beyond the horizon of another one is forecast from the forecasts
---before it, as if they were true.
---@param frame rnn.Frame
---@param count integer steps
---@return rnn.Tensor[]|nil forecasts (1 + Q,count,D) of each series, as of
---forecast
---@return rnn.Frame|string extended by so many rows, or the message
function Forecaster:beyond(frame, count)
  local known, lists = self[KNOWN], {}
  local D = known.D
  local H = known.strategy == "recursive" and count or known.horizon
  local blocks = (count + H - 1) // H
  local longer, wrong = frame:extended(blocks * H)
  if not longer then return nil, wrong end
  for b = 1, blocks do
    local said
    said, wrong = block(self, longer, (b - 1) * H, H)
    if not said then return nil, wrong end
    for i, one in ipairs(longer.series) do
      if not core.finite(said[i]) then
        return nil, ("%s: the forecasts of %d steps outgrow all numbers: " ..
               "take fewer, or a model without --log or with another " ..
               "--difference"):format(one.name, count)
      end
      lists[i] = lists[i] or {}
      lists[i][b] = said[i]
      for h = 1, H do
        for k = 1, D do
          core.set(longer.values, (one.last + (b - 1) * H + h - 1) *
                   #longer.names + k, core.get(said[i], (h - 1) * D + k))
        end
      end
    end
  end
  return map(lists, function(list)
    return op.cat(list, 2):slice(2, 1, count)
  end), longer
end

---Forecasts of windows, and the loss, which recursive ones have step by step.
---@param batch integer[] as forecast takes them
---@param o? {paths: integer?}
---@return rnn.Tensor[] forecasts
---@return number loss summed over windows
---@return integer windows
function Forecaster:predict(batch, o)
  local known = self[KNOWN]
  local d, view = distribution_of(known), view_of(known, batch)
  local said = strategies[known.strategy].train(self, known, view, d.middle, 0)
  local z = said_levels(self, view, o and o.paths or PATHS, said)
  return in_units(self, batch, z), d.loss(said, view.y):item() * #batch, #batch
end

-- }==

return forecaster
