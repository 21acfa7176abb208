---Plots by gnuplot, which must be installed: png or svg by the file's name, or
---"-" for characters on a terminal.
local plot = {}

local TERMINAL = {
  png = "set terminal pngcairo size 960,540",
  svg = "set terminal svg size 960,540 background 'white'",
}

---A gnuplot string: nothing in it is a command or an escape.
local function quote(text)
  return "'" .. text:gsub("[%c]", " "):gsub("'", "''") .. "'"
end

local function installed()
  return (os.execute "command -v gnuplot >/dev/null 2>&1") and true or false
end

---Gnuplot's commands to write to 'path', or nil and a message. The file is
---made here, for gnuplot would write to stdout instead.
local function output(path)
  if path == "-" then
    return "set terminal dumb 79 24\n"
  end
  local terminal = TERMINAL[path:match "%.(%w+)$"]
  if not terminal then
    return nil, ("%s: a plot's name must end in .png or .svg, or be -")
                :format(path)
  end
  local file, wrong = io.open(path, "wb")
  if not file then return nil, wrong end
  file:close()
  return ("%s\nset output %s\n"):format(terminal, quote(path))
end

local function add_data(parts, i, line)
  parts[#parts + 1] = ("$data%d << EOD\n"):format(i)
  for k, x in ipairs(line.x) do
    local y = line.y[k]
    if y == y and math.abs(y) < math.huge then
      parts[#parts + 1] = ("%.9g %.9g\n"):format(x, y)
    end
  end
  parts[#parts + 1] = "EOD\n"
end

local function commands(head, o)
  local parts, curves = {head}, {}
  for i, line in ipairs(o.lines) do
    add_data(parts, i, line)
    curves[i] = ("$data%d using 1:2 with lines title %s noenhanced"):format(
      i, quote(line.name or ""))
  end
  parts[#parts + 1] = ("set title %s noenhanced\n"):format(
    quote(o.title or ""))
  parts[#parts + 1] = ("set xlabel %s\nset ylabel %s\nset grid\n"):format(
    quote(o.xlabel or ""), quote(o.ylabel or ""))
  if o.ymin then
    parts[#parts + 1] = ("set yrange [%.9g:*]\n"):format(o.ymin)
  end
  parts[#parts + 1] = "plot " .. table.concat(curves, ", ") .. "\n"
  return table.concat(parts)
end

---@class rnn.Line
---@field name? string
---@field x number[]
---@field y number[]

---@class rnn.LinesOptions
---@field lines rnn.Line[]
---@field title? string
---@field xlabel? string
---@field ylabel? string
---@field ymin? number where the y axis begins

---Draws lines over one pair of axes.
---@param path string name.png, name.svg, or "-" for the terminal
---@param o rnn.LinesOptions
---@return true|nil ok
---@return string? message
function plot.lines(path, o)
  local count = 0
  for _, line in ipairs(o.lines) do count = count + #line.x end
  if count == 0 then return nil, path .. ": nothing to plot" end
  if not installed() then
    return nil, "gnuplot is not installed (Debian's package: gnuplot-nox)"
  end
  local head, wrong = output(path)
  if not head then return nil, wrong end
  io.stdout:flush()
  local pipe
  pipe, wrong = io.popen("gnuplot 2>/dev/null", "w")
  if not pipe then return nil, "gnuplot: " .. wrong end
  pipe:write(commands(head, o))
  if not pipe:close() then return nil, path .. ": gnuplot failed" end
  return true
end

return plot
