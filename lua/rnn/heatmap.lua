---rnn.plot.heatmap: numbers of rows and columns as shades, such as attention of
---the words of a translation to those of its source.
---
---    local o = {rows = {{0.9, 0.1}, {0.2, 0.8}}, ylabels = {"ein", "Hund"},
---               xlabels = {"a", "dog"}, title = "attention"}
---    assert(rnn.plot.heatmap("-", o))       -- or attention.png, .svg
local core = require "rnn.core"
local gnuplot = require "rnn.gnuplot"
local show = require "rnn.show"

local quote = gnuplot.quote

---@class rnn.HeatmapOptions
---@field rows number[][]|rnn.Tensor (Y,X)
---@field xlabels? string[] of the X columns
---@field ylabels? string[] of the Y rows
---@field title? string
---@field xlabel? string
---@field ylabel? string

---The largest number, which is the darkest; 1 when none is positive.
local function largest(rows)
  local most = 0
  for _, row in ipairs(rows) do
    for _, value in ipairs(row) do
      if value > most and value < math.huge then most = value end
    end
  end
  return most > 0 and most or 1
end

-- {== By gnuplot ==

local CELL, MARGIN = 34, 190     -- pixels
local LEAST, MOST = 360, 3000

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
    parts[i] = ("%s %d"):format(quote(show.text(labels[i])), i - 1)
  end
  if #parts == 0 then return ("unset %stics\n"):format(axis) end
  return ("set %stics noenhanced (%s)%s\n"):format(axis,
         table.concat(parts, ", "),
         axis == "x" and " rotate by 45 right" or "")
end

local function commands(o, rows, X)
  local parts = {LOOK, tics("x", o.xlabels, X), tics("y", o.ylabels, #rows)}
  for _, name in ipairs {"title", "xlabel", "ylabel"} do
    if o[name] then
      parts[#parts + 1] = ("set %s %s noenhanced\n"):format(name,
                                                            quote(o[name]))
    end
  end
  parts[#parts + 1] = "$data << EOD\n"
  for _, row in ipairs(rows) do
    local cells = {}
    for x, value in ipairs(row) do   -- twice: one row alone is no image
      local cell = value == value and ("%.6g"):format(value) or "NaN"
      cells[x] = cell .. " " .. cell
    end
    parts[#parts + 1] = (table.concat(cells, " ") .. "\n"):rep(2)
  end
  parts[#parts + 1] = ("EOD\nset cbrange [0:%g]\nset xrange [-0.5:%g]\n" ..
    "set yrange [%g:-0.5]\nplot $data matrix using ($1 / 2 - 0.25):" ..
    "($2 / 2 - 0.25):3 with image\n"):format(largest(rows), X - 0.5,
                                             #rows - 0.5)
  return table.concat(parts)
end

local function pixels(count)
  return math.max(LEAST, math.min(MOST, MARGIN + CELL * count))
end

local function save_csv(path, o, rows)
  local file, wrong = io.open(path, "wb")
  if not file then return nil, wrong end
  local function cell(s) return '"' .. s:gsub('"', '""') .. '"' end
  for y, row in ipairs(rows) do
    for x, value in ipairs(row) do
      file:write(("%s,%s,%.9g\n"):format(
        cell(o.ylabels and o.ylabels[y] or tostring(y)),
        cell(o.xlabels and o.xlabels[x] or tostring(x)), value))
    end
  end
  return file:close()
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

---The labels of columns, written downwards.
local function header(xlabels, X, indent)
  local columns, tall, lines = {}, 0, {}
  for x = 1, X do
    columns[x] = letters(xlabels[x] or "")
    tall = math.max(tall, #columns[x])
  end
  for i = 1, tall do
    local cells = {}
    for x, list in ipairs(columns) do
      cells[x] = list[i - tall + #list] or "  "
    end
    lines[i] = (" "):rep(indent) .. table.concat(cells, " "):gsub(" +$", "")
  end
  return lines
end

---@param o rnn.HeatmapOptions
---@param rows number[][]
---@param X integer
---@return string
local function as_text(o, rows, X)
  local names, indent, most = {}, 0, largest(rows)
  for y = 1, #rows do
    names[y] = o.ylabels and show.text(o.ylabels[y] or "") or ""
    indent = math.max(indent, core.utf8_width(names[y]) + 1)
  end
  local lines = o.xlabels and header(o.xlabels, X, indent) or {}
  if o.title then table.insert(lines, 1, show.text(o.title)) end
  for y, row in ipairs(rows) do
    local cells = {}
    for x, value in ipairs(row) do
      local level = math.max(0, math.min(1, value / most)) * (#SHADES - 1)
      cells[x] = value ~= value and NAN or SHADES[math.floor(level + 0.5) + 1]
    end
    lines[#lines + 1] = (right(names[y], indent - 1) .. " " ..
                         table.concat(cells, " ")):gsub(" +$", "")
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
local function heatmap(path, o)
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
  return gnuplot.draw(path, commands(o, rows, X), function(data)
    return save_csv(data, o, rows)
  end, ("%d,%d"):format(pixels(X), pixels(#rows)))
end

return heatmap
