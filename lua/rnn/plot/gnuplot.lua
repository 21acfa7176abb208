---Runs gnuplot: what rnn.plot draws with.
local core = require "rnn.core"
local shell = require "rnn.shell"
local show = require "rnn.show"

local gnuplot = {}

---"set terminal" for the kinds of pictures; %s is the size.
local TERMINAL = {
  png = "set terminal pngcairo size %s font 'Sans,13'\n",
  svg = "set terminal svg size %s font 'sans-serif,14' background 'white'\n",
}
local SIZE = "1100,680"

-- {== Texts ==

---A text without what would be obeyed, cut to so many columns.
---@param text string any bytes
---@param most integer columns
---@return string
function gnuplot.clean(text, most)
  if #text > 8 * most then text = text:sub(1, 8 * most) end
  text = show.text(text)
  if core.utf8_width(text) <= most then return text end
  local parts, width = {}, 1
  for _, code in utf8.codes(text) do
    local c = utf8.char(code)
    width = width + core.utf8_width(c)
    if width > most then break end
    parts[#parts + 1] = c
  end
  return table.concat(parts) .. "\u{2026}"
end

---A gnuplot string: nothing in it is a command or an escape. Its quotes become
---apostrophes, for gnuplot takes '' as a quote in some places only.
---@param text string any bytes
---@param most? integer columns; default 120
---@return string
function gnuplot.quote(text, most)
  return "'" .. gnuplot.clean(text, most or 120):gsub("'", "\u{2019}") .. "'"
end

---The same for the label of a tic, which is a format.
---@param text string any bytes
---@param most integer columns
---@return string
function gnuplot.tic(text, most)
  return (gnuplot.quote(text, most):gsub("%%", "%%%%"))
end

-- }==

-- {== Where to ==

---@return boolean
function gnuplot.installed()
  return (os.execute "command -v gnuplot >/dev/null 2>&1") and true or false
end

---Columns of a plot on the terminal.
---@return integer
function gnuplot.columns()
  return math.max(30, core.sys.columns() - 2)   -- gnuplot adds one
end

---Lines of a plot on the terminal.
local function rows_of(width, o)
  local rows, panels = math.max(16, math.min(30, width * 3 // 10)),
                       o.panels or 1
  return rows + (panels - 1) * (rows * 2 // 3) + panels * (o.legend or 0)
end

---@class rnn.PlotSize
---@field size? string "width,height" in pixels
---@field panels? integer how many lie one above the other; default 1
---@field legend? integer lines that the legend of a panel takes on a terminal

---Gnuplot's command for the kind of plot that a name asks for.
---@param path string name.png, name.svg, or "-" for the terminal
---@param o? rnn.PlotSize
---@return string|nil command
---@return string? message
---@return string? code "ENAME"
function gnuplot.terminal(path, o)
  o = o or {}
  if path == "-" then
    local width = gnuplot.columns()
    local color = core.sys.isatty "stdout" and not os.getenv "NO_COLOR"
    return ("set terminal dumb size %d,%d %s\n"):format(
      width, rows_of(width, o), color and "ansi256" or "mono")
  end
  local command = TERMINAL[path:match "%.(%w+)$"]
  if command then return command:format(o.size or SIZE) end
  return nil, path .. ": a plot's name must end in .png or .svg, or be -",
         "ENAME"
end

---Gnuplot's commands for what 'path' asks for, or nil, a message and a code.
---The file is made here, to know that it can be.
local function output(path, o)
  local command, wrong, code = gnuplot.terminal(path, o)
  if not command or path == "-" then return command, wrong, code end
  local file
  file, wrong = io.open(path, "wb")
  if not file then return nil, wrong, "EIO" end
  file:close()
  return command
end

-- }==

-- {== CSV ==

local function cell(value)
  if type(value) == "number" then
    local whole = value % 1 == 0 and math.abs(value) < 2 ^ 53
    return (whole and "%.16g" or "%.9g"):format(value)
  end
  return value:find '[,"\r\n]' and '"' .. value:gsub('"', '""') .. '"' or value
end

---Writes rows of cells: each_row(put) calls put(cell, ...) for each.
local function save_csv(path, each_row)
  local file, wrong = io.open(path, "wb")
  if not file then return nil, wrong end
  each_row(function(...)
    local cells = table.pack(...)
    for i = 1, cells.n do cells[i] = cell(cells[i]) end
    file:write(table.concat(cells, ","), "\n")
  end)
  return file:close()
end

-- }==

---What cannot be drawn for want of data.
---@param path string
---@param message string
---@return nil
---@return string message
---@return string code "EDATA"
function gnuplot.refuse(path, message)
  return nil, (path == "-" and "" or path .. ": ") .. message, "EDATA"
end

---Draws. Without gnuplot the data are saved instead, beside the file that would
---have been.
---@param path string name.png, name.svg, or "-" for the terminal
---@param commands string
---@param each_row fun(put: fun(...)) gives the data: calls put(cell, ...), each
---a string or a number, for each row of a table
---@param o? rnn.PlotSize
---@return true|nil ok
---@return string? message
---@return string? code "ENAME" or "EIO"
function gnuplot.draw(path, commands, each_row, o)
  local head, wrong, code = output(path, o)
  if not head then return nil, wrong, code end
  if not gnuplot.installed() then
    wrong = "gnuplot is not installed (Debian's package: gnuplot-nox)"
    if path == "-" then return nil, wrong end
    os.remove(path)
    local data = path:gsub("%.%w+$", ".csv")
    if save_csv(data, each_row) then
      wrong = wrong .. "; the data are in " .. data
    end
    return nil, wrong
  end
  io.stdout:flush()
  local pipe
  local into = path == "-" and "" or " >" .. shell.quote(path)
  pipe, wrong = io.popen("gnuplot 2>/dev/null" .. into, "w")
  if not pipe then return nil, "gnuplot: " .. wrong end
  pipe:write("set encoding utf8\n", head, commands)
  if not pipe:close() then return nil, path .. ": gnuplot failed" end
  return true
end

return gnuplot
