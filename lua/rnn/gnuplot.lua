---Runs gnuplot: what rnn.plot draws with.
local core = require "rnn.core"

local gnuplot = {}

---"set terminal" for the kinds of pictures; %s is the size.
local TERMINAL = {
  png = "set terminal pngcairo size %s font 'Sans,13'\n",
  svg = "set terminal svg size %s font 'Sans,13' background 'white'\n",
}
local SIZE = "1100,680"

---A gnuplot string: nothing in it is a command or an escape.
---@param text string
---@return string
function gnuplot.quote(text)
  return "'" .. text:gsub("[%c]", " "):gsub("'", "''") .. "'"
end

local function installed()
  return (os.execute "command -v gnuplot >/dev/null 2>&1") and true or false
end

---Gnuplot's command for the kind of plot that a name asks for.
---@param path string name.png, name.svg, or "-" for the terminal
---@param size? string "width,height" in pixels
---@return string|nil command
---@return string? message
---@return string? code "ENAME"
function gnuplot.terminal(path, size)
  if path == "-" then
    local width = core.sys.columns() - 2   -- gnuplot adds one
    local color = core.sys.isatty "stdout" and not os.getenv "NO_COLOR"
    return ("set terminal dumb size %d,%d %s\n"):format(
      width, math.max(16, math.min(30, width * 3 // 10)),
      color and "ansi256" or "mono")
  end
  local command = TERMINAL[path:match "%.(%w+)$"]
  if command then return command:format(size or SIZE) end
  return nil, path .. ": a plot's name must end in .png or .svg, or be -",
         "ENAME"
end

---Gnuplot's commands to write to 'path', or nil, a message and a code. The file
---is made here, for gnuplot would write to stdout instead.
local function output(path, size)
  local command, wrong, code = gnuplot.terminal(path, size)
  if not command or path == "-" then return command, wrong, code end
  local file
  file, wrong = io.open(path, "wb")
  if not file then return nil, wrong, "EIO" end
  file:close()
  return ("%sset output %s\n"):format(command, gnuplot.quote(path))
end

---Draws. Without gnuplot the data are saved instead, beside the file that would
---have been.
---@param path string name.png, name.svg, or "-" for the terminal
---@param commands string
---@param save fun(path: string): boolean? writes the data as CSV
---@param size? string "width,height" in pixels
---@return true|nil ok
---@return string? message
---@return string? code "ENAME" or "EIO"
function gnuplot.draw(path, commands, save, size)
  local head, wrong, code = output(path, size)
  if not head then return nil, wrong, code end
  if not installed() then
    wrong = "gnuplot is not installed (Debian's package: gnuplot-nox)"
    if path == "-" then return nil, wrong end
    os.remove(path)
    local data = path:gsub("%.%w+$", ".csv")
    if save(data) then wrong = wrong .. "; the data are in " .. data end
    return nil, wrong
  end
  io.stdout:flush()
  local pipe
  pipe, wrong = io.popen("gnuplot 2>/dev/null", "w")
  if not pipe then return nil, "gnuplot: " .. wrong end
  pipe:write(head, commands)
  if not pipe:close() then return nil, path .. ": gnuplot failed" end
  return true
end

return gnuplot
