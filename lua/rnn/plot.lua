---Plots by gnuplot, which must be installed: png or svg by the file's name, or
---"-" for characters on a terminal.
local gnuplot = require "rnn.gnuplot"

local quote = gnuplot.quote

local plot = {
  terminal = gnuplot.terminal,
  heatmap = require "rnn.heatmap",
}

---Okabe and Ito's colours, which colour-blind people tell apart, without the
---yellow that white swallows; further lines are dashed.
local COLORS = {"#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00",
                "#56B4E9", "#000000"}
local PALE = 0.65            -- how much white a pale line has
local POINTS = 4000          -- of a line that gnuplot gets

-- {== Data ==

local function is_finite(y)
  return y == y and math.abs(y) < math.huge
end

---Every finite point of a line, in order, and its gaps; of a long line
---the lowest and the highest of as many parts as can be told apart.
local function each_point(line, visit)
  local part = math.max(1, 2 * #line.x // POINTS)
  for from = 1, #line.x, part do
    local low, high
    for k = from, math.min(from + part - 1, #line.x) do
      local y = line.y[k]
      if is_finite(y) then
        if not low or y < line.y[low] then low = k end
        if not high or y > line.y[high] then high = k end
      end
    end
    if not low then
      visit(nil)
    else
      local first, last = math.min(low, high), math.max(low, high)
      visit(line.x[first], line.y[first])
      if last > first then visit(line.x[last], line.y[last]) end
    end
  end
end

local function count_points(lines)
  local count = 0
  for _, line in ipairs(lines) do
    each_point(line, function(x) count = count + (x and 1 or 0) end)
  end
  return count
end

local function csv(text)
  return text:find '[,"\n]' and '"' .. text:gsub('"', '""') .. '"' or text
end

---The data as a table of line, x and y.
local function save_csv(path, o)
  local file, wrong = io.open(path, "wb")
  if not file then return nil, wrong end
  file:write(("line,%s,%s\n"):format(csv(o.xlabel or "x"),
                                     csv(o.ylabel or "y")))
  for _, line in ipairs(o.lines) do
    local name = csv(line.name or "")
    for k, x in ipairs(line.x) do
      if is_finite(line.y[k]) then
        file:write(("%s,%.9g,%.9g\n"):format(name, x, line.y[k]))
      end
    end
  end
  return file:close()
end

-- }==

-- {== Lines ==

---A colour mixed with white.
local function pale(color)
  return "#" .. color:gsub("^#", ""):gsub("%x%x", function(part)
    local x = tonumber(part, 16)
    return ("%02X"):format(x + (255 - x) * PALE // 1 | 0)
  end)
end

local STYLE = {
  line = "lines lw 2.5", pale = "lines lw 1",
  points = "linespoints lw 1.5 pt 7 ps 0.9",
}
local PLAIN_STYLE = {line = "lines", pale = "dots", points = "points pt 'o'"}

local function curve(i, line, plain)
  local color, style = line.color or i, line.style or "line"
  local rgb = COLORS[(color - 1) % #COLORS + 1]
  return ("$data%d using 1:2 with %s dt %d lc rgb '%s' %s"):format(
    i, (plain and PLAIN_STYLE or STYLE)[style], (color - 1) // #COLORS + 1,
    style == "pale" and pale(rgb) or rgb,
    line.name and "title " .. quote(line.name) .. " noenhanced" or "notitle")
end

local LOOK = [[
set border 3 lw 1.2 lc rgb '#444444'
set tics nomirror
set grid lt 1 lw 0.8 lc rgb '#DDDDDD'
set key tmargin center horizontal reverse Left samplen 2
]]

---A terminal has no room for a grid, and no way to write an ylabel upwards.
local PLAIN_LOOK = [[
set border 3
set tics nomirror
set key below center horizontal reverse Left
]]

local function add_labels(add, o, plain)
  local title = o.title or ""
  if plain and o.ylabel then
    title = title .. (title == "" and "" or ": ") .. o.ylabel
  elseif o.ylabel then
    add("set ylabel %s noenhanced\n", quote(o.ylabel))
  end
  if title ~= "" then add("set title %s noenhanced\n", quote(title)) end
  if o.xlabel then add("set xlabel %s noenhanced\n", quote(o.xlabel)) end
end

local function commands(o, plain)
  local parts, curves = {plain and PLAIN_LOOK or LOOK}, {}
  local function add(text, ...) parts[#parts + 1] = text:format(...) end
  for i, line in ipairs(o.lines) do
    add("$data%d << EOD\n", i)
    each_point(line, function(x, y)
      if x then add("%.9g %.9g\n", x, y) else add "\n" end
    end)
    add "EOD\n"
    curves[i] = curve(i, line, plain)
  end
  add_labels(add, o, plain)
  if o.ymin then add("set yrange [%.9g:*]\n", o.ymin) end
  if o.log_y then add "set logscale y\n" end
  add("set format y '%%g'\nset format x '%%.10g'\nplot %s\n",
      table.concat(curves, ", "))
  return table.concat(parts)
end

---@class rnn.Line
---@field name? string not in the legend without
---@field x number[]
---@field y number[] what is not finite is a gap
---@field style? "line"|"pale"|"points" default line
---@field color? integer from 1; default the position among the lines

---@class rnn.LinesOptions
---@field lines rnn.Line[]
---@field title? string
---@field xlabel? string
---@field ylabel? string
---@field ymin? number where the y axis begins
---@field log_y? boolean

---Draws lines over one pair of axes. Without gnuplot the data are written as
---CSV instead, beside the file that would have been.
---@param path string name.png, name.svg, or "-" for the terminal
---@param o rnn.LinesOptions
---@return true|nil ok
---@return string? message
---@return string? code "ENAME": no name of a plot, "EIO": cannot be
---written, "EDATA": no data
function plot.lines(path, o)
  if count_points(o.lines) == 0 then
    return nil, (path == "-" and "" or path .. ": ") .. "nothing to plot",
           "EDATA"
  end
  return gnuplot.draw(path, commands(o, path == "-"), function(data)
    return save_csv(data, o)
  end)
end

-- }==

-- {== Curves of training runs ==

---What is drawn: a field of which events, whether it is noisy, the field of
---validations that belongs to it. %s is what a token is.
local WHAT = {
  loss = {event = "step", field = "loss", noisy = true, val = "val_loss",
          label = "loss (nats per %s)"},
  bpc = {event = "step", field = "bpc", noisy = true, val = "bpc",
         label = "loss (bits per %s)"},
  val = {event = "val", field = "val_loss",
         label = "validation loss (nats per %s)"},
  lr = {event = "step", field = "lr", label = "learning rate"},
  grad_norm = {event = "step", field = "grad_norm", noisy = true,
               label = "norm of the gradient before clipping"},
  tok_s = {event = "step", field = "tok_s", noisy = true, ymin = 0,
           label = "%ss per second"},
}

local function is_number(x) return type(x) == "number" end

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
  local what = WHAT[o.what]
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

---What a token of a run is, as its log says.
local function unit_of(run)
  local start = run.events[1]
  local config = start and start.event == "start" and start.config
  local unit = type(config) == "table" and config.tokenizer
  return type(unit) == "string" and unit ~= "bpe" and unit or "token"
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
---@field what? "loss"|"val"|"bpc"|"lr"|"grad_norm"|"tok_s" default loss
---@field x? "step"|"time"|"epoch"|"tokens" default step
---@field smooth? integer steps of a running mean; default a 50th of them all
---@field from? integer first step
---@field log_y? boolean
---@field title? string default the name of a single run

---Draws a curve of one or more training runs: of one run the loss of each step,
---its running mean and the validations, of several the means, with validations
---as points.
---@param path string as for plot.lines
---@param runs rnn.PlottedRun[]
---@param o? rnn.CurveOptions
---@return true|nil ok
---@return string? message
---@return string? code as of plot.lines
function plot.run_curves(path, runs, o)
  o = o or {}
  local opts = {what = o.what or "loss", smooth = o.smooth, from = o.from or 0,
                alone = #runs == 1, rough = path == "-"}
  local places, xlabel = find_places(runs, o.x or "step")
  if not places then return nil, xlabel, "EDATA" end
  local what, lines = WHAT[opts.what], {}
  for i, run in ipairs(runs) do add_run(lines, run, i, places[i], opts) end
  local ylabel = what.label:format(unit_of(runs[1]))
  if what.val and not opts.alone then
    ylabel = ylabel .. "; points: validation"
  end
  return plot.lines(path, {
    lines = lines, xlabel = xlabel, ylabel = ylabel, ymin = what.ymin,
    log_y = o.log_y, title = o.title or opts.alone and runs[1].name or nil,
  })
end

-- }==

return plot
