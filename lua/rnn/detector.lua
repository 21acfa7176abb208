---Anomaly detection: what a model expects of the rows of a series, how unusual
---their errors are, the level above which they are flagged.
---
---A model is a forecaster, which expects a row from those before it, or an
---autoencoder, which makes windows anew; several windows that say something of
---one row expect the mean of it. An error is row minus expectation, over the
---deviation that a forecaster tells (Nix and Weigend 1994). Its score is the
---Mahalanobis distance from the errors of rows that are normal and that the
---model was not trained on (Malhotra et al. 2015): with one column the number
---of their standard deviations.
---
---In the windows of a forecaster its forecast stands in for a row that is too
---far from it, as in robust smoothing (Gelper et al. 2010): so a fault is not
---what the rows after it are expected from, and one that lasts is seen to its
---end. Once `hold` rows have been as they are expected from the rows
---themselves, the series is taken for what it is now.
local autoencoder = require "rnn.models.autoencoder"
local core = require "rnn.core"
local forecaster = require "rnn.models.forecaster"
local inwindows = require "rnn.models.inwindows"
local json = require "rnn.json"
local model = require "rnn.model"
local pot = require "rnn.pot"

local detector = {}

-- {== Models of both kinds, as one for rnn.datatask ==

---Quantiles of a forecast that are its deviation away from it.
local DEVIATION = "0.15865525393145705,0.5,0.8413447460685429"

---What is not asked of people.
local FIXED = {strategy = "direct", season = 1, output = "gaussian",
               loss = "mse", teacher_forcing = 0.0, scale = "standard",
               attention = false, log = false, quantiles = DEVIATION}

local KINDS = {forecast = forecaster, autoencoder = autoencoder}

---@class rnn.DetectorOptions
---@field method "forecast"|"autoencoder"
---@field window integer
---@field horizon integer steps that are forecast
---@field code integer numbers that an autoencoder makes of a window
---@field absolute boolean levels count, not only their changes

---What a forecaster asks of options.
local function completed(o)
  return setmetatable({difference = o.absolute and "none" or "last"}, {
    __index = function(_, name)
      if FIXED[name] ~= nil then return FIXED[name] end
      return o[name]
    end})
end

local function kind_of(known)
  return known.code and autoencoder or forecaster
end

---Rows that windows have, and those that follow them, before or after a model
---is learnt.
---@param o rnn.DetectorOptions|table what is known
---@return {steps: integer, horizon: integer}
function detector.shape(o)
  if o.method == "autoencoder" or o.code and not o.method then
    return {steps = o.window, horizon = 0}
  end
  local plan = o.lags and o or forecaster.plan(completed(o))
  return {steps = forecaster.span(plan), horizon = o.horizon}
end

---As rnn.datatask has it of a kind.
function detector.learn(part, o)
  return KINDS[o.method].learn(part, completed(o))
end

function detector.build(known, o)
  return kind_of(known).build(known, completed(o))
end

function detector.unfit(known, part)
  local unfit = kind_of(known).unfit
  return unfit and unfit(known, part)
end

function detector.describe(known) return kind_of(known).describe(known) end

local function of_meta(meta)
  for _, kind in pairs(KINDS) do
    if meta["rnnlua.kind"] == kind.KIND then return kind end
  end
  return nil, ("is no forecaster and no autoencoder, but of kind %s"):format(
              meta["rnnlua.kind"])
end

function detector.recall(meta)
  local kind, wrong = of_meta(meta)
  if not kind then return nil, wrong end
  return kind.recall(meta)
end

function detector.load(path)
  local tensors, meta, code = model.load(path)
  if not tensors then return nil, meta, code end
  local kind, wrong = of_meta(meta)
  if not kind then return nil, path .. ": " .. wrong, "EFORMAT" end
  return kind.load(path)
end

-- }==

-- {== What is expected of rows ==

---What a window says: the first row it says something of, and for each row and
---column what is expected, and with which deviation, if that is told.
local function statement(at, known, said)
  if known.code then
    return {first = at + 1 - known.window, middle = said:totable()}
  end
  local levels, spread = said:totable(), {}
  for h, low in ipairs(levels[2]) do
    spread[h] = {}
    for d, x in ipairs(low) do spread[h][d] = (levels[4][h][d] - x) / 2 end
  end
  return {first = at + 1, middle = levels[1], spread = spread}
end

---Adds to the sums of rows what a window says of them.
local function add(sums, said)
  for k, middle in ipairs(said.middle) do
    local row = said.first + k - 1
    local sum = sums[row]
    if not sum then
      sum = {count = 0, middle = {}, spread = {}}
      sums[row] = sum
    end
    sum.count = sum.count + 1
    for d, x in ipairs(middle) do
      local spread = said.spread and said.spread[k][d] or 1.0
      sum.middle[d] = (sum.middle[d] or 0.0) + x
      sum.spread[d] = (sum.spread[d] or 0.0) + spread
    end
  end
end

---Errors of a row and what was expected of it, column by column.
local function errors_of(sum, values)
  local errors, expected = {}, {}
  for d, x in ipairs(sum.middle) do
    expected[d] = x / sum.count
    errors[d] = (values[d] - expected[d]) / (sum.spread[d] / sum.count)
  end
  return errors, expected
end

-- }==

-- {== What is normal ==

---The lower factor L of a covariance C = L L' (Cholesky).
local function factor_of(c)
  local l = {}
  for i in ipairs(c) do
    l[i] = {}
    for j = 1, i do
      local sum = c[i][j]
      for k = 1, j - 1 do sum = sum - l[i][k] * l[j][k] end
      l[i][j] = i == j and math.sqrt(math.max(sum, 1e-9 * c[i][i])) or
                sum / l[j][j]
    end
  end
  return l
end

local FARTHEST <const> = 1e9   -- also of errors that are not finite

---The distance of errors from those that are normal.
local function distance(normal, errors)
  local sum, w = 0.0, {}
  for i, row in ipairs(normal.factor) do
    local x = errors[i] - normal.mean[i]
    for k = 1, i - 1 do x = x - row[k] * w[k] end
    w[i] = x / row[i]
    sum = sum + w[i] * w[i]
  end
  return sum < FARTHEST ^ 2 and math.sqrt(sum) or FARTHEST
end

---Mean and covariance of errors.
local function normal_of(errors)
  local D, n = #errors[1], #errors
  local mean, c = {}, {}
  for i = 1, D do
    local sum = 0.0
    for _, e in ipairs(errors) do sum = sum + e[i] end
    mean[i] = sum / n
  end
  for i = 1, D do
    c[i] = {}
    for j = 1, i do
      local sum = 0.0
      for _, e in ipairs(errors) do
        sum = sum + (e[i] - mean[i]) * (e[j] - mean[j])
      end
      c[i][j] = sum / n
    end
    c[i][i] = math.max(c[i][i], 1e-12)
  end
  return {mean = mean, factor = factor_of(c)}
end

---Scores that are averaged with those before: s <- s + 2 / (N + 1) (x - s), as
---Hundman et al. (2018) do.
---@param scores number[]
---@param span integer N; 1: as they are
---@return number[]
function detector.smooth(scores, span)
  local out, s = {}, scores[1]
  for i, x in ipairs(scores) do
    s = s + 2 / (span + 1) * (x - s)
    out[i] = s
  end
  return out
end

---A level for scores of what is normal, as options say.
---@param scores number[]
---@param o {threshold: string, quantile: number, risk: number} threshold is
---"pot", "quantile" or a number as text
---@return number|nil
---@return string text how it was found, or the message
function detector.level(scores, o)
  local given = tonumber(o.threshold)
  if given then return given, "given" end
  if o.threshold == "quantile" then
    return pot.quantile(scores, o.quantile),
           ("the %g quantile of %d scores"):format(o.quantile, #scores)
  end
  local level, tail = pot.level(scores, {risk = o.risk})
  if not level then return nil, tail end
  return level, ("risk %g, of %d of %d scores, tail of shape %.2f"):format(
         o.risk, tail.count, #scores, tail.shape)
end

-- }==

-- {== Judging rows ==

---What a detector knows beside its model.
---@class rnn.Normal
---@field mean number[] D of errors
---@field factor number[][] of their covariance
---@field gate number score above which a forecast stands in for a row
---@field threshold number above which the smoothed score of a row is flagged
---@field smooth integer
---@field hold integer rows that must be as expected before windows have rows as
---they are again; 0: they always have
---@field gap integer rows between flags that are flagged too

---@class rnn.Judged
---@field first integer row
---@field last integer
---@field expected number[][] of each row from first to last, D columns
---@field errors number[][]
---@field scores number[]|nil

---Rows as a forecaster goes through them.
local Watch = {}
Watch.__index = Watch

local function new_watch(m, part, normal)
  local values = part.frame.values:totable()
  return setmetatable({
    m = m, part = part, known = m:known(), normal = normal, values = values,
    span = detector.shape(m:known()).steps,
    rows = table.move(values, 1, #values, 1, {}),   -- or what stands in
    plain = {}, sums = {},   -- what windows say as they are, and with stand-ins
    replaced = -math.huge, odd = nil}, Watch)
end

---The forecast of a window with what stands in for rows of it.
function Watch:forecast(at)
  local m, frame, values = self.m, self.part.frame, {}
  for k = at - self.span + 1, at + self.known.horizon do
    values[#values + 1] = self.rows[k]
  end
  local copy = setmetatable({
    values = core.tensor(values, "float64"),
    series = {{name = frame.series[1].name, first = 1, last = #values}},
  }, getmetatable(frame))
  return m:forecast(m:encode {self.span, frame = copy})[1]
end

---Errors and expectation of a row, and the score where it is known what is
---normal; 'said' of the window before it.
function Watch:judge(row, said)
  local stands = row - 1 - self.replaced < self.span
  if said then
    local plain = statement(row - 1, self.known, said)
    add(self.plain, plain)
    add(self.sums, stands and statement(row - 1, self.known,
                                        self:forecast(row - 1)) or plain)
  end
  local errors, expected = errors_of(self.sums[row], self.values[row])
  local score = self.normal and distance(self.normal, errors)
  if score and self.normal.hold > 0 then
    self:stand_in(row, score, expected, stands)
  end
  self.plain[row], self.sums[row] = nil, nil
  return errors, expected, score
end

---Lets the forecast stand in for a row that is far from it, until the rows have
---long been as expected without that.
function Watch:stand_in(row, score, expected, stands)
  local normal, values = self.normal, self.values
  if stands and distance(normal, (errors_of(self.plain[row], values[row]))) >
     normal.gate then
    self.odd = row
  end
  if stands and row - self.odd >= normal.hold then
    local from = math.max(1, row - self.span)
    table.move(values, from, row, from, self.rows)
    self.replaced = -math.huge
  elseif score > normal.gate then
    local copy = table.move(values[row], 1, #values[row], 1, {})
    self.rows[row] = table.move(expected, 1, #expected, 1, copy)
    self.replaced, self.odd = row, stands and self.odd or row
  end
end

local function judge_forecasts(m, part, said, normal)
  local watch = new_watch(m, part, normal)
  local j = {first = part[1] + 1, last = part[#part] + m:known().horizon,
             errors = {}, expected = {}, scores = normal and {}}
  for row = j.first, j.last do
    local i = row - j.first + 1
    local score
    j.errors[i], j.expected[i], score = watch:judge(row, said[i])
    if normal then j.scores[i] = score end
  end
  return j
end

local function judge_windows(m, part, said, normal)
  local known, sums = m:known(), {}
  local values = part.frame.values:totable()
  for i, at in ipairs(part) do add(sums, statement(at, known, said[i])) end
  local j = {first = part[1] + 1, last = part[#part], errors = {},
             expected = {}, scores = normal and {}}
  for row = j.first, j.last do
    local i = row - j.first + 1
    j.errors[i], j.expected[i] = errors_of(sums[row], values[row])
    if normal then j.scores[i] = distance(normal, j.errors[i]) end
  end
  return j
end

---Goes through the rows behind the first window, in order; scores are told
---where it is known what is normal.
---@param m table
---@param part rnn.FramePart every window of some rows
---@param said rnn.Tensor[] as model:predict tells of them
---@param normal rnn.Normal|nil
---@return rnn.Judged
function detector.judge(m, part, said, normal)
  local f = m:known().code and judge_windows or judge_forecasts
  return f(m, part, said, normal)
end

---What a model says of windows.
---@param m table
---@param part rnn.FramePart
---@param batch integer
---@return rnn.Tensor[]
function detector.say(m, part, batch)
  return inwindows.each(m:encode(part), batch, function(items)
    return (m:predict(items))
  end)
end

---Learns what is normal from windows that are.
---@param m table
---@param part rnn.FramePart
---@param o table threshold, quantile, risk, smooth, hold, gap, batch
---@return rnn.Normal|nil
---@return string how the threshold was found, or the message
function detector.calibrate(m, part, o)
  local errors = detector.judge(m, part, detector.say(m, part, o.batch)).errors
  local normal = normal_of(errors)
  local scores = {}
  for i, e in ipairs(errors) do
    scores[i] = distance(normal, e)
    if scores[i] == FARTHEST then
      return nil, "errors of the validation part are not finite"
    end
  end
  local how
  normal.smooth, normal.hold, normal.gap = o.smooth, o.hold, o.gap
  normal.gate, how = detector.level(scores, o)
  if not normal.gate then return nil, how end
  normal.threshold = normal.gate
  if o.smooth > 1 then
    normal.threshold, how = detector.level(detector.smooth(scores, o.smooth),
                                           o)
    if not normal.threshold then return nil, how end
  end
  return normal, how
end

---Flags of scores: those above the threshold, and those between two of them
---that are not far apart.
---@param scores number[] smoothed
---@param normal rnn.Normal
---@return integer[] flags 0 or 1
function detector.flags(scores, normal)
  local flags, last = {}, nil
  for i, score in ipairs(scores) do
    flags[i] = score > normal.threshold and 1 or 0
    if flags[i] == 1 then
      if last and i - last <= normal.gap + 1 then
        for k = last + 1, i - 1 do flags[k] = 1 end
      end
      last = i
    end
  end
  return flags
end

-- }==

-- {== Files ==

---Saves a model with what is normal.
---@param path string
---@param m table
---@param normal rnn.Normal
---@return true|nil ok
---@return string? message
---@return string? code
function detector.save(path, m, normal)
  local meta = detector.describe(m:known())
  meta.detector = json.encode(normal)
  return model.save(path, m, meta)
end

local function is_number(x)
  return type(x) == "number" and x == x and math.abs(x) < math.huge
end

---Is a description, which is not trusted, one of D columns?
local function is_sound(o, D)
  if type(o) ~= "table" or not (is_number(o.gate) and is_number(o.threshold))
  then
    return false
  end
  for name, least in pairs {smooth = 1, hold = 0, gap = 0} do
    if math.type(o[name]) ~= "integer" or o[name] < least then return false end
  end
  local mean, factor = o.mean, o.factor
  if type(mean) ~= "table" or type(factor) ~= "table" or #mean ~= D or
     #factor ~= D then
    return false
  end
  for i, row in ipairs(factor) do
    if not is_number(mean[i]) or type(row) ~= "table" or #row ~= i then
      return false
    end
    for _, x in ipairs(row) do if not is_number(x) then return false end end
    if row[i] <= 0 then return false end
  end
  return true
end

---Loads a model with what is normal.
---@param path string
---@return table|nil model
---@return rnn.Normal|string normal, or the message
function detector.open(path)
  local m, meta = detector.load(path)
  if not m then return nil, meta end
  if not meta.detector then
    return nil, path .. ": has no threshold; anomaly.lua writes " ..
                "detector.safetensors, which has one"
  end
  local normal = json.decode(meta.detector)
  if not is_sound(normal, m:known().D) then
    return nil, path .. ": its threshold is damaged"
  end
  return m, normal
end

-- }==

return detector
