---rnn.plot.heatmap: numbers of rows and columns as shades, such as attention of
---the words of a translation to those of its source.
---
---    local o = {rows = {{0.9, 0.1}, {0.2, 0.8}}, ylabels = {"ein", "Hund"},
---               xlabels = {"a", "dog"}, title = "attention"}
---    assert(rnn.plot.heatmap("-", o))       -- or attention.png, .svg
local core = require "rnn.core"
local gnuplot = require "rnn.plot.gnuplot"
local show = require "rnn.show"

local quote = gnuplot.quote

local heatmap = {}

---@class rnn.HeatmapOptions
---@field rows number[][]|rnn.Tensor (Y,X)
---@field xlabels? string[] of the X columns
---@field ylabels? string[] of the Y rows
---@field cells? string[][] (Y,X) short texts to write on the shades
---@field most? number which is the darkest; default the largest of the rows
---@field shade? string what a shade stands for; goes with both axis labels
---@field title? string
---@field xlabel? string
---@field ylabel? string

---The number that is the darkest: the largest one, 1 when none is positive.
local function darkest(o, rows)
  if o.most then return o.most end
  local most = 0
  for _, row in ipairs(rows) do
    for _, value in ipairs(row) do
      if value > most and value < math.huge then most = value end
    end
  end
  return most > 0 and most or 1
end

-- {== By gnuplot ==

local CELL, LETTER = 34, 9       -- pixels: of a cell, of a letter in one
local MARGIN, SCALE = 70, 130    -- beside the cells; the scale of shades
local LEAST, MOST = 150, 3000    -- all cells; the picture
local LABEL = 24                 -- columns of the label of a row or a column
local DARK = 0.55                -- from there on texts are white

local LOOK = [[
set palette defined (0 '#FFFFFF', 0.5 '#7FB2D9', 1 '#08306B')
set tics nomirror out scale 0
set border lc rgb '#444444'
unset key
]]

---Labels of an axis; without any there are no numbers instead.
local function tics(axis, labels, count)
  local parts = {}
  for i = 1, labels and math.min(#labels, count) or 0 do
    parts[i] = ("%s %d"):format(gnuplot.tic(labels[i], LABEL), i - 1)
  end
  if #parts == 0 then return ("unset %stics\n"):format(axis) end
  return ("set %stics noenhanced (%s)%s\n"):format(axis,
         table.concat(parts, ", "),
         axis == "x" and " rotate by 45 right" or "")
end

---Appends the numbers, each twice: one row alone is no image.
local function add_shades(parts, rows)
  parts[#parts + 1] = "$data << EOD\n"
  for _, row in ipairs(rows) do
    local cells = {}
    for x, value in ipairs(row) do
      local cell = value == value and ("%.6g"):format(value) or "NaN"
      cells[x] = cell .. " " .. cell
    end
    parts[#parts + 1] = (table.concat(cells, " ") .. "\n"):rep(2)
  end
  parts[#parts + 1] = "EOD\n"
end

---Appends the texts on the shades, black or white.
local function add_cells(parts, o, rows)
  parts[#parts + 1] = "$cells << EOD\n"
  local most = darkest(o, rows)
  for y, row in ipairs(rows) do
    for x, value in ipairs(row) do
      local text = gnuplot.clean(o.cells[y][x], LABEL):gsub('[\\"]', " ")
      parts[#parts + 1] = ('%d %d "%s" %d\n'):format(x - 1, y - 1, text,
        value > DARK * most and 0xFFFFFF or 0x222222)
    end
  end
  parts[#parts + 1] = "EOD\n"
end

local function commands(o, rows, X)
  local parts = {LOOK, tics("x", o.xlabels, X), tics("y", o.ylabels, #rows)}
  for name, text in pairs {title = o.title, xlabel = o.xlabel,
                           ylabel = o.ylabel, cblabel = o.shade} do
    local most = name == "title" and 20 + X * CELL // LETTER or nil
    parts[#parts + 1] = ("set %s %s noenhanced\n"):format(name,
                                                          quote(text, most))
  end
  add_shades(parts, rows)
  if o.cells then add_cells(parts, o, rows) end
  parts[#parts + 1] = ("set cbrange [0:%g]\nset xrange [-0.5:%g]\n" ..
    "set yrange [%g:-0.5]\nplot $data matrix using ($1 / 2 - 0.25):" ..
    "($2 / 2 - 0.25):3 with image%s\n"):format(darkest(o, rows), X - 0.5,
    #rows - 0.5, o.cells and
    ", $cells using 1:2:3:4 with labels noenhanced tc rgb variable" or "")
  return table.concat(parts)
end

---The widest of texts, in columns.
local function widest(texts)
  local most = 0
  for _, text in ipairs(texts or {}) do
    most = math.max(most, core.utf8_width(gnuplot.clean(text, LABEL)))
  end
  return most
end

local function pixels(count, cell, margin)
  return math.min(MOST, margin + math.max(LEAST, cell * count))
end

---Size of the picture: room for labels, and for what is written in the cells.
local function size_of(o, rows, X)
  local wide, below = CELL, MARGIN + LETTER * widest(o.xlabels) * 3 // 4
  for _, row in ipairs(o.cells or {}) do
    wide = math.max(wide, 2 * LETTER + LETTER * widest(row))
  end
  local beside = math.max(LETTER * widest(o.ylabels), below - MARGIN)
  return ("%d,%d"):format(pixels(X, wide, MARGIN + SCALE + beside),
                          pixels(#rows, CELL, below + MARGIN))
end

---A row for each number: its labels and itself.
local function save_rows(o, rows, put)
  put(o.ylabel or "y", o.xlabel or "x", "value")
  for y, row in ipairs(rows) do
    for x, value in ipairs(row) do
      put(o.ylabels and o.ylabels[y] or y, o.xlabels and o.xlabels[x] or x,
          o.cells and o.cells[y][x] or value)
    end
  end
end

-- }==

-- {== As text ==

local SHADES = {"  ", "\u{2591}\u{2591}", "\u{2592}\u{2592}",
                "\u{2593}\u{2593}", "\u{2588}\u{2588}"}
local NAN = "??"
local TALLEST = 12     -- letters of a column's label

---A text with spaces before it, as wide as 'width'.
local function right(s, width)
  return (" "):rep(width - core.utf8_width(s)) .. s
end

---The letters of a label, top to bottom, each two columns wide.
local function letters(label)
  local list = {}
  for _, code in utf8.codes(show.text(label)) do
    local c = utf8.char(code)
    if #list == TALLEST then
      list[TALLEST] = "\u{2026} "
      break
    end
    if core.utf8_width(c) > 0 then
      list[#list + 1] = c .. (" "):rep(2 - core.utf8_width(c))
    end
  end
  return list
end

---The labels of columns, written downwards, each column so wide.
local function header(xlabels, X, indent, wide, between)
  local columns, tall, lines = {}, 0, {}
  for x = 1, X do
    columns[x] = letters(xlabels[x] or "")
    tall = math.max(tall, #columns[x])
  end
  for i = 1, tall do
    local cells = {}
    for x, list in ipairs(columns) do
      cells[x] = right(list[i - tall + #list] or "  ", wide)
    end
    lines[i] = ((" "):rep(indent) .. table.concat(cells, between)):gsub(" +$",
                                                                        "")
  end
  return lines
end

---A cell as shades, or as its text and a shade.
local function cell_text(value, most, text, wide)
  local level = math.max(0, math.min(1, value / most)) * (#SHADES - 1)
  local shade = value ~= value and NAN or SHADES[math.floor(level + 0.5) + 1]
  if not text then return shade end
  return right(show.text(text), wide - 1) ..
         shade:sub(1, (utf8.offset(shade, 2) or 2) - 1)
end

---Columns that a cell takes with its text, nil if not all fit into so many, and
---what stands between cells.
local function cell_width(o, X, room)
  local wide = 1
  for _, row in ipairs(o.cells or {}) do wide = math.max(wide, widest(row)) end
  wide = math.max(2, wide + 1)
  if o.cells and X * (wide + 1) <= room then return wide, " " end
  return nil, 3 * X <= room and " " or ""
end

---@param o rnn.HeatmapOptions
---@param rows number[][]
---@param X integer
---@return string
local function as_text(o, rows, X)
  local names, indent, most = {}, 0, darkest(o, rows)
  for y = 1, #rows do
    names[y] = o.ylabels and gnuplot.clean(o.ylabels[y] or "", LABEL) or ""
    indent = math.max(indent, core.utf8_width(names[y]) + 1)
  end
  local wide, between = cell_width(o, X, gnuplot.columns() - indent)
  local lines = o.xlabels and header(o.xlabels, X, indent, wide or 2, between)
                or {}
  if o.shade then
    table.insert(lines, 1, ("rows: %s, columns: %s, shade: %s"):format(
      o.ylabel, o.xlabel, o.shade))
  end
  if o.title then table.insert(lines, 1, show.text(o.title)) end
  for y, row in ipairs(rows) do
    local cells = {}
    for x, value in ipairs(row) do
      cells[x] = cell_text(value, most, wide and o.cells[y][x], wide)
    end
    lines[#lines + 1] = (right(names[y], indent - 1) .. " " ..
                         table.concat(cells, between)):gsub(" +$", "")
  end
  return table.concat(lines, "\n") .. "\n"
end

-- }==

---Draws numbers as shades: white is 0 or less, the darkest the largest.
---@param path string name.png, name.svg, or "-" for the terminal
---@param o rnn.HeatmapOptions
---@return true|nil ok
---@return string? message
---@return string? code "ENAME": no name of a plot, "EIO": cannot be written,
---"EDATA": no data, or rows of different lengths
function heatmap.heatmap(path, o)
  local rows = core.is_tensor(o.rows) and o.rows:totable() or o.rows
  local X = type(rows[1]) == "table" and #rows[1] or 0
  if X == 0 then return nil, "heatmap: there are no numbers", "EDATA" end
  for y, row in ipairs(rows) do
    if #row ~= X then
      return nil, ("heatmap: row %d has %d numbers, expected %d as the first")
             :format(y, #row, X), "EDATA"
    end
  end
  if path == "-" then
    io.stdout:write(as_text(o, rows, X))
    return true
  end
  return gnuplot.draw(path, commands(o, rows, X), function(put)
    save_rows(o, rows, put)
  end, {size = size_of(o, rows, X)})
end

return heatmap
