---The commands of gnuplot that draw panels of lines, bands, ranges and marks.
local core = require "rnn.core"
local dates = require "rnn.plot.dates"
local gnuplot = require "rnn.plot.gnuplot"
local points = require "rnn.plot.points"

local quote = gnuplot.quote

local panels = {}

---Okabe and Ito's colours, which colour-blind people tell apart, without the
---yellow that white swallows; further lines are dashed.
local COLORS = {"#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00",
                "#56B4E9", "#000000"}
local PALE_LINE, PALE_BAND, PALE_SPAN = 0.65, 0.75, 0.7   -- share of white
local FIRST_SPAN = 5          -- colour of ranges
local THINNEST = 250          -- parts of the x axis: no range is narrower
local TITLE, NAME, MARK = 95, 60, 40   -- columns of texts

-- {== Colours and styles ==

---A colour mixed with white.
local function mixed(color, white)
  return "#" .. color:gsub("^#", ""):gsub("%x%x", function(part)
    local x = tonumber(part, 16)
    return ("%02X"):format(x + (255 - x) * white // 1 | 0)
  end)
end

local function rgb_of(color)
  return COLORS[(color - 1) % #COLORS + 1]
end

local STYLE = {
  line = "lines lw 2.5", dense = "lines lw 1.5", pale = "lines lw 1",
  points = "linespoints lw 1.5 pt 7 ps 0.7", dashed = "lines lw 1.5",
}
local PLAIN_STYLE = {line = "lines", dense = "lines", pale = "dots",
                     points = "points pt '%s'", dashed = "lines"}
local PLAIN_POINTS = {"o", "x", "+", "v", "s"}
local DENSE = 1000            -- points of a line that is drawn thin
local PLAIN_BANDS, PLAIN_SPANS = {".", ":", "'", ","}, {"=", "^", "~"}
local PLAIN_ROW = 0.07        -- of the height of a panel: a row of marks
local PLAIN_KEY = 12          -- columns of an entry of a legend, but its name

local LOOK = [[
set border 3 lw 1.2 lc rgb '#444444'
set tics nomirror
set grid lt 1 lw 0.8 lc rgb '#DDDDDD'
set key tmargin center horizontal reverse Left samplen 2
]]

---A terminal has no room for a grid, and no way to write an ylabel upwards.
local PLAIN_LOOK = [[
set border 3 back
set tics nomirror
set key below center horizontal reverse Left
]]

---A name as the legend has it.
local function cut_name(name, plain)
  return gnuplot.clean(name, plain and gnuplot.columns() // 3 or NAME)
end

local function titled(name, plain)
  if not name then return "notitle" end
  return "title " .. quote(cut_name(name, plain)) .. " noenhanced"
end

-- }==

-- {== One panel ==

---What writes the commands of a panel.
---@class rnn.PanelWriter
---@field parts string[]
---@field curves string[] of the command "plot"
---@field blocks integer of data so far
---@field at {from: number, to: number} the x axis
---@field plain boolean for a terminal
---@field tall integer columns of a ylabel

local function add(w, text, ...) w.parts[#w.parts + 1] = text:format(...) end

---Appends a block of data; returns its name.
local function add_data(w, each)
  w.blocks = w.blocks + 1
  add(w, "$data%d << EOD\n", w.blocks)
  each(function(x, ...)
    local form = "%.15g" .. (" %.9g"):rep(select("#", ...)) .. "\n"
    if x then add(w, form, x, ...) else add(w, "\n") end
  end)
  add(w, "EOD\n")
  return "$data" .. w.blocks
end

local function add_curve(w, text, ...)
  w.curves[#w.curves + 1] = text:format(...)
end

---The style of a line, and gnuplot's words for it.
local function style_of(w, line, color, count)
  local style = line.style or count > DENSE and "dense" or "line"
  if count == 1 then style = "points" end   -- that a line would not show
  local mark = PLAIN_POINTS[(color - 1) % #PLAIN_POINTS + 1]
  return style, w.plain and PLAIN_STYLE[style]:format(mark) or STYLE[style]
end

local function add_line(w, panel, i, line)
  local color, count = line.color or i, 0
  local data = add_data(w, function(put)
    points.each(line, panel.log_y, function(x, y)
      count = count + (x and 1 or 0)
      put(x, y)
    end)
  end)
  local style, words = style_of(w, line, color, count)
  local dash = style == "dashed" and 2 or (color - 1) // #COLORS + 1
  add_curve(w, "%s using 1:2 with %s lt %d dt %d lc rgb '%s' %s", data, words,
    i, dash, style == "pale" and mixed(rgb_of(color), PALE_LINE) or
    rgb_of(color), titled(line.name, w.plain))
end

---A band is filled; on a terminal it is its edges.
local function add_band(w, panel, i, band)
  local data = add_data(w, function(put)
    points.each_of_band(band, panel.log_y, put)
  end)
  local rgb = mixed(rgb_of(band.color or i), band.pale or PALE_BAND)
  if w.plain then
    local style = ("points pt \"%s\""):format(
                  PLAIN_BANDS[(i - 1) % #PLAIN_BANDS + 1])
    add_curve(w, "%s using 1:2 with %s %s", data, style,
              titled(band.name, true))
    add_curve(w, "%s using 1:3 with %s notitle", data, style)
  else
    add_curve(w, "%s using 1:2:3 with filledcurves fs solid noborder " ..
              "lc rgb '%s' %s", data, rgb, titled(band.name))
  end
end

---Ranges in order, wide enough to be seen, without those that would be one.
local function visible(spans, at)
  local least = (at.to - at.from) / THINNEST
  local list, found = {}, {}
  for _, span in ipairs(spans) do
    if span[1] <= span[2] then list[#list + 1] = span end   -- none is nan
  end
  table.sort(list, function(a, b) return a[1] < b[1] end)
  for _, span in ipairs(list) do
    local from, to = math.max(span[1], at.from), math.min(span[2], at.to)
    if from <= to then
      local more = math.max(0, least - (to - from)) / 2
      from, to = from - more, to + more
      local last = found[#found]
      if last and last.name == span[3] and from <= last.to then
        last.to = math.max(last.to, to)
      else
        found[#found + 1] = {from = from, to = to, name = span[3]}
      end
    end
  end
  return found
end

---A range on a terminal: marks in the row of its name, the first of which is
---the x axis itself.
local function add_plain_span(w, span, row, title)
  local step = (w.at.to - w.at.from) / (2 * gnuplot.columns())
  local data = add_data(w, function(put)
    local x = span.from
    repeat
      put(x, PLAIN_ROW * row)
      x = x + step
    until x > span.to
  end)
  add_curve(w, "%s using 1:2 axes x1y2 with points pt '%s' %s", data,
            PLAIN_SPANS[row % #PLAIN_SPANS + 1], title)
end

---A range as a rectangle: ranges of several names share the height.
local function add_pale_span(w, span, row, rows, title)
  local rgb = mixed(rgb_of(FIRST_SPAN + row), PALE_SPAN)
  add(w, "set object rectangle from first %.15g, graph %.4g to first %.15g, " ..
      "graph %.4g behind fc rgb '%s' fs solid noborder\n", span.from,
      1 - row / rows, span.to, 1 - (row + 1) / rows, rgb)
  if title ~= "notitle" then
    add_curve(w, "keyentry with boxes fs solid noborder fc rgb '%s' %s", rgb,
              title)
  end
end

local function add_spans(w, spans)
  local row_of, rows, told = {}, 0, {}
  local list = visible(spans, w.at)
  for _, span in ipairs(list) do
    local name = span.name or ""
    if not row_of[name] then row_of[name], rows = rows, rows + 1 end
  end
  for _, span in ipairs(list) do
    local name = span.name or ""
    local title = titled(not told[name] and span.name or nil, w.plain)
    told[name] = true
    if w.plain then
      add_plain_span(w, span, row_of[name], title)
    else
      add_pale_span(w, span, row_of[name], rows, title)
    end
  end
end

local function add_marks(w, marks)
  for _, mark in ipairs(marks) do
    local x = mark[1]
    if x >= w.at.from and x <= w.at.to then
      add(w, "set arrow from first %.15g, graph 0 to first %.15g, graph %s " ..
          "nohead back lw 1.2 dt 2 lc rgb '#777777'\n", x, x,
          w.plain and "0.9" or "1")
      if mark[2] and not mark.named then
        local left = x < (w.at.from + w.at.to) / 2
        add(w, "set label %s at first %.15g, graph 1 %s noenhanced front " ..
            "offset %s,-0.6 textcolor rgb '#555555'\n", quote(mark[2], MARK),
            x, left and "left" or "right", left and "0.5" or "-0.5")
      end
    end
  end
end

local function add_labels(w, panel)
  local title, ylabel = panel.title or "", panel.ylabel
  if w.plain and ylabel then
    title = title .. (title == "" and "" or ": ") .. ylabel
  elseif ylabel then
    add(w, "set ylabel %s noenhanced\n", quote(ylabel, w.tall))
  end
  local most = w.plain and gnuplot.columns() - 4 or TITLE
  if title ~= "" then
    add(w, "set title %s noenhanced\n", quote(title, most))
  end
end

---The x axis: the same for all panels, with labels below the last one.
local function add_x_axis(w, o, last)
  add(w, "set xrange [%.15g:%.15g]\n", w.at.from, w.at.to)
  if last and (o.xlabel or o.dates and w.plain) then
    add(w, "set xlabel %s noenhanced\n", quote(o.xlabel or " ", TITLE))
  end
  if not o.dates then
    add(w, "set format x '%s'\n", last and "%.10g" or "")
    return
  end
  local tics, most = {}, w.plain and gnuplot.columns() // 13 or 9
  for i, tic in ipairs(dates.tics(w.at.from, w.at.to, most)) do
    local label = last and tic.label:gsub("\n", "\\n") or ""
    tics[i] = ('"%s" %.15g'):format(label, tic.x)
  end
  add(w, "set xtics (%s)\n", table.concat(tics, ", "))
  if last and not w.plain then   -- room for the second lines of the tics
    add(w, "set xlabel offset 0,-1\nset bmargin %s\n",
        o.xlabel and "4.8" or "3.4")
  end
end

---Appends the commands that draw one panel.
local function add_panel(w, panel, o, i)
  local last = i == #o.panels
  w.curves = {}
  add(w, w.plain and PLAIN_LOOK or LOOK)
  add_spans(w, panel.spans)
  for k, band in ipairs(panel.bands) do add_band(w, panel, k, band) end
  for k, line in ipairs(panel.lines) do add_line(w, panel, k, line) end
  add_marks(w, panel.marks)
  add_labels(w, panel)
  add_x_axis(w, o, last)
  if panel.empty then
    add_curve(w, "NaN notitle")
    add(w, "set yrange [0:1]\nset label 'no data' at graph 0.5, graph 0.5 " ..
        "center textcolor rgb '#555555'\n")
  end
  if panel.ymin then add(w, "set yrange [%.9g:*]\n", panel.ymin) end
  if panel.log_y then add(w, "set logscale y\n") end
  add(w, "set y2range [0:1]\nset format y '%%.10g'\nplot %s\n",
      table.concat(w.curves, ", "))
end

-- }==

-- {== The picture ==

---Panels one above the other: each is drawn with the settings of its own. The
---title of all is above their legends.
---@param o rnn.PanelsOptions complete
---@param at {from: number, to: number} the x axis
---@param plain boolean for a terminal
---@return string
function panels.commands(o, at, plain)
  local w = {parts = {}, at = at, plain = plain, blocks = 0,
             tall = #o.panels == 1 and 60 or 26}
  local title = o.title and quote(o.title, plain and gnuplot.columns() - 4 or
                                  TITLE)
  add(w, "set multiplot layout %d,1%s\n", #o.panels, title and " title " ..
      title .. " font ',15' offset 0,0.3 noenhanced" or "")
  for i, panel in ipairs(o.panels) do
    add(w, "reset\n")
    if #o.panels > 1 then add(w, "set lmargin %d\n", plain and 8 or 11) end
    add_panel(w, panel, o, i)
  end
  add(w, "unset multiplot\n")
  return table.concat(w.parts)
end

---Lines that the longest legend takes on a terminal.
---@param list rnn.Panel[] complete
---@return integer
function panels.legend(list)
  local most = 0
  for _, panel in ipairs(list) do
    local names, count, wide = {}, 0, 0
    local function take(name)
      if not name or names[name] then return end
      names[name], count = true, count + 1
      wide = math.max(wide, core.utf8_width(cut_name(name, true)))
    end
    for _, line in ipairs(panel.lines) do take(line.name) end
    for _, band in ipairs(panel.bands) do take(band.name) end
    for _, span in ipairs(panel.spans) do take(span[3]) end
    local beside = math.max(1, gnuplot.columns() // (wide + PLAIN_KEY))
    most = math.max(most, (count + beside - 1) // beside)
  end
  return most
end

-- }==

return panels
