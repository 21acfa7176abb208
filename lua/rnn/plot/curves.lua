---rnn.plot.run_curves: losses, scores, rates of training runs, from their logs.
local gnuplot = require "rnn.plot.gnuplot"
local lines_of = require "rnn.plot.lines"
local points = require "rnn.plot.points"

local is_finite = points.is_finite

local curves = {}

-- {== What is drawn ==

---What is drawn: a field of which events, whether it is noisy, the field of
---validations that belongs to it, and in which unit, if it is a loss.
local WHAT = {
  loss = {event = "step", field = "loss", noisy = true, val = "val_loss",
          label = "loss", per = "nats"},
  bpc = {event = "step", field = "bpc", noisy = true, val = "bpc",
         label = "loss", per = "bits"},
  val = {event = "val", field = "val_loss", label = "validation loss",
         per = "nats"},
  lr = {event = "step", field = "lr", label = "learning rate"},
  grad_norm = {event = "step", field = "grad_norm", noisy = true,
               label = "norm of the gradient before clipping"},
  tok_s = {event = "step", field = "tok_s", noisy = true, ymin = 0,
           label = "%ss per second"},
}

local function is_number(x) return type(x) == "number" end

---Fields of validations that are no scores.
local NO_SCORE = {step = true, time = true, val_loss = true, bpc = true}

---Does a log have a number in such a field of such events?
local function has_field(events, event, field)
  for _, e in ipairs(events) do
    if e.event == event and is_number(e[field]) then return true end
  end
  return false
end

---What of a log can be drawn: losses and rates, and scores of validations.
---@param events table[] as rnn.run.read_log gives them
---@return string[] names sorted, those of scores behind the others
---@return integer scores how many of them are scores
function curves.log_fields(events)
  local names, scores, seen = {}, {}, {}
  for name, what in pairs(WHAT) do
    if has_field(events, what.event, what.field) then
      names[#names + 1] = name
    end
  end
  for _, e in ipairs(events) do
    for name, value in pairs(e.event == "val" and e or {}) do
      if is_number(value) and not (NO_SCORE[name] or seen[name]) then
        seen[name], scores[#scores + 1] = true, name
      end
    end
  end
  table.sort(names)
  table.sort(scores)
  return table.move(scores, 1, #scores, #names + 1, names), #scores
end

---What a name stands for: one of WHAT, or a score of validations; nil and what
---there is when no log has it.
local function find_what(runs, name)
  local what = WHAT[name] or {event = "val", field = name,
                              label = name:gsub("_", " "):gsub("%%", "%%%%") ..
                                      " (validation)"}
  for _, run in ipairs(runs) do
    if has_field(run.events, what.event, what.field) then return what end
  end
  local names = curves.log_fields(runs[1].events)
  return nil, ("%s: the log has no '%s'; it has %s"):format(runs[1].name, name,
         #names > 0 and table.concat(names, ", ") or "nothing to draw")
end

-- }==

-- {== Where ==

---Calls visit(step, event) for the steps of a log.
local function each_step(events, visit)
  for _, e in ipairs(events) do
    if e.event == "step" and is_number(e.step) then visit(e.step, e) end
  end
end

local function own_field(events, field)
  local at = {}
  each_step(events, function(step, e)
    at[step] = is_number(e[field]) and e[field] or nil
  end)
  return at
end

---Seconds of training; those of a run that was resumed begin anew in its log.
local function seconds(events)
  local at, before, last = {}, 0, 0
  each_step(events, function(step, e)
    if not is_number(e.time) then return end
    if e.time < last then before = before + last end
    last = e.time
    at[step] = before + last
  end)
  return at
end

---Passes over the data, in parts of the longest one that the log has whole.
local function epochs(events)
  local at, count, first, last = {}, {}, math.huge, 0
  each_step(events, function(_, e)
    if not is_number(e.epoch) then return end
    first, last = math.min(first, e.epoch), math.max(last, e.epoch)
    count[e.epoch] = (count[e.epoch] or 0) + 1
  end)
  if last <= first then return at end
  local whole, within = 0, {}
  for _, n in pairs(count) do whole = math.max(whole, n) end
  each_step(events, function(step, e)
    if not is_number(e.epoch) then return end
    within[e.epoch] = (within[e.epoch] or 0) + 1
    at[step] = e.epoch - 1 + within[e.epoch] / whole
  end)
  return at
end

---Where a step lies on the x axis, and what a log without it lacks.
local X = {
  step = {find = own_field, lacks = "steps"},
  tokens = {find = own_field, lacks = "counts of tokens"},
  time = {find = seconds, lacks = "times"},
  epoch = {find = epochs, lacks = "second epoch"},
}

-- }==

-- {== Lines ==

---The points of one field of a log; a number that is missing is a gap.
local function series(events, event, field, at, from)
  local x, y = {}, {}
  for _, e in ipairs(events) do
    if e.event == event and is_number(e.step) and e.step >= from and
       at[e.step] then
      x[#x + 1] = at[e.step]
      y[#y + 1] = is_number(e[field]) and e[field] or 0 / 0
    end
  end
  return x, y
end

---The mean of the 'width' values around each one; a gap stays one.
local function running_mean(y, width)
  local mean, sum, count, half = {}, 0.0, 0, width // 2
  local function take(k, sign)
    if y[k] and is_finite(y[k]) then
      sum, count = sum + sign * y[k], count + sign
    end
  end
  for k = 1, half do take(k, 1) end
  for k = 1, #y do
    take(k + half, 1)
    take(k - half - 1, -1)
    mean[k] = is_finite(y[k]) and sum / count or y[k]
  end
  return mean
end

---Appends the lines of run i: what is asked for, its mean where it is noisy,
---and the validations that belong to it.
local function add_run(lines, run, i, at, o)
  local what = o.what
  local function add(name, style, color, x, y)
    if #x == 0 then return end
    lines[#lines + 1] = {name = name, style = style, color = color, x = x,
                         y = y}
  end
  local x, y = series(run.events, what.event, what.field, at, o.from)
  local width = what.noisy and (o.smooth or #y // 50) or 0
  if width < 2 then
    local name = not o.alone and run.name or what.val and "training" or nil
    add(name, what.event == "val" and "points" or "line", i, x, y)
  else
    if o.alone and not o.rough then add("each step", "pale", i, x, y) end
    add(o.alone and ("mean of %d steps"):format(width) or run.name, "line", i,
        x, running_mean(y, width))
  end
  if what.val then
    add(o.alone and "validation" or nil, "points", o.alone and 2 or i,
        series(run.events, "val", what.val, at, o.from))
  end
end

---What a token of a run is, as its log says; nil when it does not.
local function unit_of(events)
  local start = events[1]
  if type(start.unit) == "string" then return start.unit end
  local tokens = type(start.config) == "table" and start.config.tokenizer
  return type(tokens) == "string" and (tokens == "bpe" and "token" or tokens)
         or nil
end

---What f gives for every run, if it is the same.
local function common(runs, f)
  local value = f(runs[1].events)
  for _, run in ipairs(runs) do
    if f(run.events) ~= value then return nil end
  end
  return value
end

---The label of the y axis: what the loss is measured in (the start of a log may
---have a `measure` other than nats), if that is known and the same for all.
local function label_of(what, runs)
  local unit = common(runs, unit_of)
  if not what.per then return what.label:format(unit or "token") end
  local measure = common(runs, function(events)
    local own = what.per == "nats" and events[1].measure
    return type(own) == "string" and own or what.per
  end)
  return unit and measure and
         ("%s (%s per %s)"):format(what.label, measure, unit) or what.label
end

---Seconds become minutes or hours where that reads better; returns the unit.
local function scale_time(places)
  local longest, unit, name = 0, 1, "s"
  for _, at in ipairs(places) do
    for _, seconds_to in pairs(at) do
      longest = math.max(longest, seconds_to)
    end
  end
  if longest > 600 then unit, name = 60, "min" end
  if longest > 36000 then unit, name = 3600, "h" end
  for _, at in ipairs(places) do
    for step, seconds_to in pairs(at) do at[step] = seconds_to / unit end
  end
  return name
end

---For each run where its steps lie on the x axis, and the label of that; or
---nil and what a log lacks.
local function find_places(runs, x)
  local places = {}
  for i, run in ipairs(runs) do
    places[i] = X[x].find(run.events, x)
    if not next(places[i]) then
      return nil, ("%s: the log has no %s"):format(run.name, X[x].lacks)
    end
  end
  return places, x == "time" and "time (" .. scale_time(places) .. ")" or x
end

---@class rnn.PlottedRun
---@field name string
---@field events table[] as rnn.run.read_log gives them

---@class rnn.CurveOptions
---@field what? string loss, val (the validation loss), bpc, lr, grad_norm,
---tok_s, or a score of the validations, such as accuracy; default loss
---@field x? "step"|"time"|"epoch"|"tokens" default step
---@field smooth? integer steps of a running mean; default a 50th of them all
---@field from? integer first step
---@field log_y? boolean
---@field title? string default the name of a single run
---@field size? string "width,height" of a picture in pixels

---Draws a curve of one or more training runs: of one run the loss of each step,
---its running mean and the validations, of several the means, with validations
---as points.
---@param path string as for plot.lines
---@param runs rnn.PlottedRun[]
---@param o? rnn.CurveOptions
---@return true|nil ok
---@return string? message
---@return string? code as of plot.lines
function curves.run_curves(path, runs, o)
  o = o or {}
  local what, wrong = find_what(runs, o.what or "loss")
  if not what then return gnuplot.refuse("-", wrong) end
  local places, xlabel = find_places(runs, o.x or "step")
  if not places then return gnuplot.refuse("-", xlabel) end
  local opts = {what = what, smooth = o.smooth, from = o.from or 0,
                alone = #runs == 1, rough = path == "-"}
  local lines = {}
  for i, run in ipairs(runs) do add_run(lines, run, i, places[i], opts) end
  local ylabel = label_of(what, runs)
  if what.val and not opts.alone then
    ylabel = ylabel .. "; points: validation"
  end
  return lines_of.lines(path, {
    lines = lines, xlabel = xlabel, ylabel = ylabel, ymin = what.ymin,
    log_y = o.log_y, title = o.title or opts.alone and runs[1].name or nil,
    size = o.size,
  })
end

-- }==

return curves
