---What scripts/anomaly.lua reads and tells: series with labels, or with planted
---faults; spans of flagged rows, scores, plots.
local core = require "rnn.core"
local data = require "rnn.data"
local dates = require "rnn.data.dates"
local detector = require "rnn.detector"
local flagged = require "rnn.metrics.anomalies"
local metrics = require "rnn.metrics"
local planted = require "rnn.planted"
local plot = require "rnn.plot"
local pot = require "rnn.pot"
local tables = require "rnn.metrics.report"

local anomalies = {}

-- {== Series ==

---@class rnn.AnomalySeries
---@field frame rnn.Frame of one series
---@field labels integer[]|nil of rows
---@field faults rnn.PlantedFault[]|nil
---@field name string of the file
---@field notes string[]

local NORMAL_OF_DEMO = 1 / 3

local function read_demo(opts)
  local part = opts.train or NORMAL_OF_DEMO
  local normal = part < 1 and part * opts.rows or part
  local one = planted(opts.demo, {rows = opts.rows, from = normal // 1 | 0})
  local frame = data.frame({{names = {"value"}, columns = {
    value = core.tensor(one.values, "float64")}}}, {target = {"value"}})
  return {frame = frame, labels = one.labels, faults = one.faults,
          name = opts.data[1], notes = frame.notes}
end

---The column of labels, and the names of the columns to judge; or nil and a
---message.
local function read_labels(path, opts)
  if path == "-" then return nil, "--labels needs a file, not -" end
  local t, wrong = data.csv(path, {guess = true,
                                   date_format = opts.date_format})
  if not t then return nil, wrong end
  local name = opts.labels
  if t.kinds[name] ~= "number" then
    return nil, ("%s: %s '%s' for --labels (it has: %s)"):format(path,
           t.kinds[name] and "has no numbers in the column" or
           "has no column", name, table.concat(t.names, ", "))
  end
  local labels, targets = t.columns[name]:totable(), {}
  for i, x in ipairs(labels) do
    if x ~= 0 and x ~= 1 then
      return nil, ("%s:%d: column '%s' must be 0 or 1, got %s"):format(path,
             t:line(i), name, x == x and ("%g"):format(x) or "nothing")
    end
    labels[i] = x // 1 | 0
  end
  for _, other in ipairs(t.names) do
    if t.kinds[other] == "number" and other ~= name then
      targets[#targets + 1] = other
    end
  end
  return labels, targets
end

---The series of a table; or nil and a message.
---@param opts table<string, any>
---@param roles? rnn.FrameRoles of the model that judges it
---@return rnn.AnomalySeries|nil
---@return string? message
function anomalies.read(opts, roles)
  if opts.demo then return read_demo(opts) end
  local path, labels, others = opts.data[1], nil, {"all"}
  if opts.labels then
    labels, others = read_labels(path, opts)
    if not labels then return nil, others end
  end
  local frame, wrong = data.frame({path}, {
    target = roles and roles.target or opts.target or others,
    time = roles and roles.time or opts.time, missing = opts.missing,
    date_format = roles and roles.date_format or opts.date_format})
  if not frame then return nil, wrong end
  return {frame = frame, labels = labels, name = path, notes = frame.notes}
end

---How many rows are taken to be normal; or nil and a message.
local function count_normal(series, opts)
  local frame, R = series.frame, #series.frame.values
  local until_ = opts.normal_until
  if not until_ then
    local part = opts.train or (opts.demo and NORMAL_OF_DEMO or 0.5)
    return part < 1 and part * R // 1 | 0 or part // 1 | 0
  elseif math.tointeger(tonumber(until_)) and not frame.times then
    return math.tointeger(tonumber(until_))
  elseif not frame.times then
    return nil, ("--normal-until %s: there is no column of dates, give a row")
                :format(until_)
  end
  local time, wrong = dates.parse(until_, opts.date_format)
  if not time then return nil, "--normal-until: " .. wrong end
  local count = 0
  for _, t in ipairs(frame.times:totable()) do
    if t <= time then count = count + 1 end
  end
  return count
end

---What is wrong with the rows to learn from.
local function find_fault(series, count, shape, val, opts)
  local R, name = #series.frame.values, series.name
  local least = shape.steps + shape.horizon + 1
  if count - val < least or val < 1 then
    return ("%s: %d rows are to be trained on, a window needs %d or more; " ..
            "give more of them (--train), or a smaller --window"):format(name,
           math.max(0, count - val), least)
  elseif count >= R then
    return ("%s: all of %d rows are taken to be normal, none is left to judge")
           :format(name, R)
  elseif opts.threshold == "pot" and val < pot.FEWEST then
    return ("%s: --threshold pot needs %d rows to validate with, there are " ..
            "%d: take a larger --val, or --threshold quantile"):format(name,
           pot.FEWEST, val)
  end
  local rows = series.frame.values:slice(1, 1, count - val)
  for k = 1, series.frame.targets do
    local column = rows:select(2, k)
    local high, low = column:max():item(), -(-column):max():item()
    if high == low then
      return ("%s: column '%s' is %g in all rows to train on: nothing is " ..
              "learnt from it; leave it out of --target"):format(name,
             series.frame.names[k], high)
    end
  end
end

---Windows to train on, to find the threshold by, and to judge.
---@param series rnn.AnomalySeries
---@param shape {steps: integer, horizon: integer}
---@param opts table<string, any>
---@return {train: rnn.FramePart, valid: rnn.FramePart, test: rnn.FramePart}|nil
---@return string? message
function anomalies.parts(series, shape, opts)
  local count, wrong = count_normal(series, opts)
  local val = count and math.max(1, count * opts.val // 1 | 0)
  wrong = wrong or find_fault(series, count, shape, val, opts)
  if wrong then return nil, wrong end
  local p = {}
  p.train, p.valid, p.test = series.frame:parts {
    steps = shape.steps, horizon = shape.horizon, val = val,
    test = #series.frame.values - count, stride = opts.stride, most = 0}
  local odd = 0
  for row = 1, series.labels and count or 0 do
    odd = odd + series.labels[row]
  end
  if odd > 0 then
    series.notes[#series.notes + 1] =
      ("%d rows of the part taken to be normal are labelled as anomalies")
      :format(odd)
  end
  return p
end

---Windows of all rows that have enough rows before them; or nil and a message.
---@param series rnn.AnomalySeries
---@param shape {steps: integer, horizon: integer}
---@return rnn.FramePart|nil
---@return string? message
function anomalies.whole(series, shape)
  local R, least = #series.frame.values, shape.steps +
                   math.max(1, shape.horizon)
  if R < least then
    return nil, ("%s: has %d rows, a window of the model needs %d or more")
                :format(series.name, R, least)
  end
  return (select(3, series.frame:parts {
    steps = shape.steps, horizon = shape.horizon, val = 0.0,
    test = R - shape.steps, stride = 1, most = 0}))
end

-- }==

-- {== Judging ==

---@class rnn.Found
---@field series rnn.AnomalySeries
---@field first integer row
---@field normal rnn.Normal
---@field expected number[][]
---@field scores number[] of rows from first on
---@field flags integer[]
---@field report rnn.AnomalyReport|nil
---@field best {f1: number, level: number}|nil

---Adds to what is found the judgement of windows.
---@param found table with series and test
---@param m table the model
---@param said rnn.Tensor[] of the windows
---@param normal rnn.Normal
function anomalies.judge(found, m, said, normal)
  local judged = detector.judge(m, found.test, said, normal)
  found.first, found.expected, found.normal = judged.first, judged.expected,
                                              normal
  found.scores = detector.smooth(judged.scores, normal.smooth)
  found.flags = detector.flags(found.scores, normal)
  local labels = found.series.labels
  if not labels then return end
  labels = table.move(labels, judged.first, judged.last, 1, {})
  found.report = select(2, metrics.anomalies(found.flags, labels))
  local f1, level = metrics.best_level(found.scores, labels)
  found.best = {f1 = f1, level = level}
end

-- }==

-- {== Telling ==

---A row as people know it.
local function place(found, row)
  local frame = found.series.frame
  if not frame.times then return tostring(row) end
  return dates.format(frame.times[row]:item(), frame.frequency)
end

---Spans of flagged rows, each with its highest score.
local function spans_of(found)
  local spans = flagged.spans(found.flags)
  for _, span in ipairs(spans) do
    span.peak = 0.0
    for i = span.first, span.last do
      span.peak = math.max(span.peak, found.scores[i])
    end
    span.rows = span.last - span.first + 1
    span.first = span.first + found.first - 1
    span.last = span.last + found.first - 1
  end
  return spans
end

local function span_table(found, spans)
  local rows = {{"from", "to", "rows", "peak score"}}
  for _, span in ipairs(spans) do
    rows[#rows + 1] = {place(found, span.first), place(found, span.last),
                       tostring(span.rows), ("%.1f"):format(span.peak)}
  end
  return tables.layout(rows)
end

---What was found of the planted faults of each kind.
local function fault_table(found)
  local kinds, order = {}, {}
  for _, fault in ipairs(found.series.faults) do
    local k = kinds[fault.kind]
    if not k then
      k = {0, 0, 0, 0}
      kinds[fault.kind], order[#order + 1] = k, fault.kind
    end
    local hits = 0
    for row = fault.first, fault.last do
      hits = hits + (found.flags[row - found.first + 1] or 0)
    end
    local more = {1, hits > 0 and 1 or 0, fault.last - fault.first + 1, hits}
    for i, x in ipairs(more) do k[i] = k[i] + x end
  end
  local rows = {{"planted", "faults", "found", "rows", "flagged"}}
  for _, kind in ipairs(order) do
    local row = {kind}
    for i, x in ipairs(kinds[kind]) do row[i + 1] = tostring(x) end
    rows[#rows + 1] = row
  end
  return tables.layout(rows)
end

---What is found, in words.
---@param found rnn.Found
---@return string
function anomalies.text(found)
  local spans, rows, parts = spans_of(found), 0, {}
  for _, flag in ipairs(found.flags) do rows = rows + flag end
  if #spans == 0 then
    parts[1] = ("no anomalies found: no score of %d rows is above %.2f")
               :format(#found.flags, found.normal.threshold)
  else
    parts[1] = span_table(found, spans)
    parts[2] = ("%d span%s, %d of %d rows, scores above %.2f"):format(#spans,
               #spans == 1 and "" or "s", rows, #found.flags,
               found.normal.threshold)
  end
  local report = found.report
  if report and report.rows.truth == 0 then
    parts[#parts + 1] = "no label of these rows is 1: there is no recall"
  elseif report then
    parts[#parts + 1] = "\n" .. tostring(report)
    parts[#parts + 1] = ("(the best threshold, for who knows the labels, is " ..
      "%.2f: F1 %.1f before rows between flags are added)"):format(
      found.best.level, 100 * found.best.f1)
  end
  if found.series.faults then
    parts[#parts + 1] = "\n" .. fault_table(found)
  end
  return table.concat(parts, "\n")
end

---Writes rows, values, expectations, scores and flags.
---@param path string
---@param found rnn.Found
---@return true|nil ok
---@return string? message
function anomalies.write(path, found)
  local frame = found.series.frame
  local first, count = found.first, #found.scores
  local last = first + count - 1
  local t = {names = {"row"}, columns = {row = {}}, kinds = {}, count = count}
  local function add(name, column)
    while t.columns[name] do name = name .. " " end
    t.names[#t.names + 1], t.columns[name] = name, column
    return name
  end
  for row = first, last do t.columns.row[row - first + 1] = row end
  if frame.times then
    t.kinds[add("time", frame.times:slice(1, first, last))] = "date"
  end
  for k = 1, frame.targets do
    local expected = {}
    for i, row in ipairs(found.expected) do expected[i] = row[k] end
    add(frame.names[k], frame.values:slice(1, first, last):select(2, k))
    add(frame.names[k] .. " expected", expected)
  end
  add("score", found.scores)
  add("flag", found.flags)
  if found.series.labels then
    add("label", table.move(found.series.labels, first, last, 1, {}))
  end
  return data.write_csv(path, t)
end

---Draws columns, marked where flagged, and the score with its threshold.
---@param path string
---@param found rnn.Found
---@return true|nil ok
---@return string? message
function anomalies.plot(path, found)
  local frame, first = found.series.frame, found.first
  local last, x, level = first + #found.scores - 1, {}, {}
  for row = first, last do
    x[#x + 1] = frame.times and frame.times[row]:item() or row
    level[#level + 1] = found.normal.threshold
  end
  local spans, panels = {}, {}
  for i, span in ipairs(spans_of(found)) do
    spans[i] = {x[span.first - first + 1], x[span.last - first + 1], "flagged"}
  end
  for _, fault in ipairs(flagged.spans(found.series.labels or {})) do
    if fault.first >= first and fault.last <= last then
      spans[#spans + 1] = {x[fault.first - first + 1],
                           x[fault.last - first + 1], "labelled"}
    end
  end
  for k = 1, frame.targets do
    local y = frame.values:slice(1, first, last):select(2, k):totable()
    panels[k] = {lines = {{x = x, y = y}}, spans = spans,
                 ylabel = frame.names[k]}
  end
  panels[#panels + 1] = {
    ylabel = "score", log_y = true, ymin = 0.1, lines = {
      {name = "score", x = x, y = found.scores},
      {name = "threshold", x = x, y = level, style = "dashed"}}}
  return plot.panels(path, {panels = panels, title = found.series.name,
                            xlabel = frame.times and "time" or "row",
                            dates = frame.times ~= nil})
end

-- }==

return anomalies
