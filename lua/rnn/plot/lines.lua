---rnn.plot.lines and rnn.plot.panels: lines, bands between two lines, marked
---ranges and places, over numbers or dates, over one pair of axes or over
---several ones, one above the other, that share the x axis.
local check = require "rnn.check"
local dates = require "rnn.plot.dates"
local gnuplot = require "rnn.plot.gnuplot"
local panels = require "rnn.plot.panels"
local points = require "rnn.plot.points"

local is_finite = points.is_finite

local lines = {}

local HEIGHT, SINGLE = 300, 680      -- pixels: of one panel of several, of one
local MARGIN = 0.01                  -- of the x axis, on either side

---@class rnn.Line
---@field name? string not in the legend without
---@field x number[]
---@field y number[] what is not finite is a gap
---@field style? "line"|"pale"|"points"|"dashed" default line
---@field color? integer from 1; default the position among the lines

---@class rnn.Band what lies between two lines
---@field name? string not in the legend without
---@field x number[]
---@field low number[] what is not finite is a gap
---@field high number[]
---@field color? integer from 1; default the position among the bands
---@field pale? number share of white, 0 to 1; default 0.75

---@class rnn.Panel
---@field lines? rnn.Line[]
---@field bands? rnn.Band[] behind the lines, the first one behind the others
---@field spans? table[] ranges of the x axis: {from, to, name?}; those of one
---name have one colour
---@field marks? table[] places on the x axis: {x, name?}
---@field title? string
---@field ylabel? string
---@field ymin? number where the y axis begins
---@field log_y? boolean what is not above 0 is a gap

---@class rnn.LinesOptions: rnn.Panel
---@field xlabel? string
---@field dates? boolean x are seconds since 1970, UTC
---@field size? string "width,height" of a picture in pixels

---@class rnn.PanelsOptions
---@field panels rnn.Panel[] the first one on top
---@field spans? table[] of all panels
---@field marks? table[] of all panels
---@field title? string
---@field xlabel? string
---@field dates? boolean x are seconds since 1970, UTC
---@field size? string "width,height" of a picture in pixels

local OPTIONS = {lines = true, bands = true, spans = true, marks = true,
                 title = true, ylabel = true, ymin = true, log_y = true}
local LINES = {xlabel = true, dates = true, size = true}
for name in pairs(OPTIONS) do LINES[name] = true end

-- {== Data ==

---Calls visit(x) for every place on the x axis, and counts the points that can
---be drawn.
local function each_place(panel, visit)
  local count = 0
  local function take(x)
    if not x then return end
    count = count + 1
    visit(x)
  end
  for _, line in ipairs(panel.lines) do
    points.each(line, panel.log_y, take)
  end
  for _, band in ipairs(panel.bands) do
    points.each_of_band(band, panel.log_y, take)
  end
  return count
end

---From where to where the x axis goes; nil without points. Marks panels that
---have none.
local function range_of(list)
  local from, to, count = math.huge, -math.huge, 0
  for _, panel in ipairs(list) do
    local own = each_place(panel, function(x)
      from, to = math.min(from, x), math.max(to, x)
    end)
    panel.empty, count = own == 0, count + own
  end
  if count == 0 then return nil end
  local margin = from < to and MARGIN * (to - from) or
                 math.max(1, math.abs(from) * 1e-3)
  return {from = from - margin, to = to + margin}
end

---A row for each point: its line and where it is. Bands are two lines, ranges
---and marks rows without y.
local function save_rows(o, put)
  local several = #o.panels > 1
  local function row(panel, name, x, y)
    if o.dates and type(x) == "number" and dates.fits(x) then
      x = dates.text(x)
    end
    if several then put(panel, name, x, y) else put(name, x, y) end
  end
  row("panel", "line", o.xlabel or "x", not several and
      o.panels[1].ylabel or "y")
  for i, panel in ipairs(o.panels) do
    local function add(name, xs, ys)
      for k, x in ipairs(xs) do
        if is_finite(x) and is_finite(ys[k]) then row(i, name, x, ys[k]) end
      end
    end
    for _, band in ipairs(panel.bands) do
      add((band.name or "band") .. " low", band.x, band.low)
      add((band.name or "band") .. " high", band.x, band.high)
    end
    for _, line in ipairs(panel.lines) do
      add(line.name or "", line.x, line.y)
    end
    for _, span in ipairs(panel.spans) do
      row(i, (span[3] or "range") .. " from", span[1], "")
      row(i, (span[3] or "range") .. " to", span[2], "")
    end
    for _, mark in ipairs(panel.marks) do
      row(i, mark[2] or "mark", mark[1], "")
    end
  end
end

-- }==

-- {== The picture ==

---What each item of a list of a panel must have.
local NEEDS = {
  lines = {"table", "x", "y"}, bands = {"table", "x", "low", "high"},
  spans = {"number", 1, 2}, marks = {"number", 1},
}

local STYLES = {"line", "pale", "points", "dashed"}

---Appends items to a list of a panel; raises for what they lack.
local function append(list, items, name)
  local wanted = NEEDS[name]
  for i, item in ipairs(items or {}) do
    for k = 2, #wanted do
      local got = type(item) == "table" and type(item[wanted[k]]) or "nil"
      if got ~= wanted[1] then
        error(("plot: item %d of '%s' must have a %s '%s', got %s"):format(i,
              name, wanted[1], wanted[k], got), 0)
      end
    end
    if name == "lines" then
      check.word("plot", "style", item.style, STYLES)
    end
    list[#list + 1] = item
  end
end

---A panel as it is drawn: with all lists, and what belongs to all panels. Only
---the first one names the marks of all.
local function completed(panel, o, first)
  local whole = setmetatable({}, {__index = panel})
  for name in pairs(NEEDS) do
    whole[name] = {}
    append(whole[name], panel[name], name)
  end
  append(whole.spans, o.spans, "spans")
  append(whole.marks, o.marks, "marks")
  if not first then
    for k = #whole.marks - #(o.marks or {}) + 1, #whole.marks do
      whole.marks[k] = {whole.marks[k][1], whole.marks[k][2], named = true}
    end
  end
  return whole
end

---Draws panels, one above the other, with one x axis. Without gnuplot the data
---are written as CSV instead, beside the file that would have been.
---@param path string name.png, name.svg, or "-" for the terminal
---@param o rnn.PanelsOptions
---@return true|nil ok
---@return string? message
---@return string? code "ENAME": no name of a plot, "EIO": cannot be
---written, "EDATA": no data
function lines.panels(path, o)
  local whole = {panels = {}, title = o.title, xlabel = o.xlabel,
                 dates = o.dates}
  for i, panel in ipairs(o.panels) do
    check.names("panels", panel, OPTIONS)
    whole.panels[i] = completed(panel, o, i == 1)
  end
  local at, plain = range_of(whole.panels), path == "-"
  if not at then
    local log_y = whole.panels[1] and whole.panels[1].log_y
    return gnuplot.refuse(path, "nothing to plot" .. (log_y and
      ": a logarithmic axis has only what is above 0" or ""))
  end
  if o.dates and not (dates.fits(at.from) and dates.fits(at.to)) then
    return gnuplot.refuse(path, ("dates are seconds since 1970, of years 1 " ..
      "to 9999; got %.15g to %.15g"):format(at.from, at.to))
  end
  local size = o.size or ("1100,%d"):format(#o.panels == 1 and SINGLE or
                                            100 + HEIGHT * #o.panels)
  return gnuplot.draw(path, panels.commands(whole, at, plain), function(put)
    save_rows(whole, put)
  end, {size = size, panels = #o.panels,
      legend = plain and panels.legend(whole.panels) or nil})
end

---Draws lines over one pair of axes; the rest as for panels.
---@param path string name.png, name.svg, or "-" for the terminal
---@param o rnn.LinesOptions
---@return true|nil ok
---@return string? message
---@return string? code as of panels
function lines.lines(path, o)
  check.names("lines", o, LINES)
  local panel, title = {}, nil
  for name, value in pairs(o) do panel[name] = value end
  panel.xlabel, panel.dates, panel.size = nil, nil, nil
  if path ~= "-" then panel.title, title = nil, o.title end
  return lines.panels(path, {panels = {panel}, title = title,
                             xlabel = o.xlabel, dates = o.dates,
                             size = o.size})
end

-- }==

return lines
