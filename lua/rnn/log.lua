---log.jsonl: one JSON object a line, written as training goes on, read by
---plots and reports, cut back when a run goes on from a checkpoint.
local json = require "rnn.json"

local log = {}

---Events of a log; a last line that was cut short is passed over.
---@param path string log.jsonl
---@return table[]|nil events
---@return string? message
function log.read(path)
  local events = {}
  local ok, wrong = log.each(path, function(event)
    events[#events + 1] = event
  end)
  if not ok then return nil, wrong end
  return events
end

---Calls visit(event, line) for each whole line of a log.
---@param path string
---@param visit fun(event: table, line: string)
---@return true|nil ok
---@return string? message
function log.each(path, visit)
  local file <close>, wrong = io.open(path, "rb")
  if not file then return nil, wrong end
  while true do
    local line
    line, wrong = file:read "L"
    if wrong then return nil, path .. ": " .. wrong end
    if not line then return true end
    local event = line:sub(-1) == "\n" and json.decode(line)
    if type(event) == "table" then visit(event, line) end
  end
end

---Does a line belong to a run that is back at step 'step', where the last
---validation was at 'val_step'? A checkpoint made at that step will be made
---again, but for the best one, which came of the validation.
local function stays(event, step, val_step)
  local at = math.tointeger(event.step) or 0
  if event.event == "val" or event.event == "sample" then
    return at <= val_step   -- samples are made with validations
  end
  if event.event == "checkpoint" and at == step then
    return step == val_step and
           tostring(event.path):find "best%.safetensors$" ~= nil
  end
  return event.event ~= "end" and at <= step
end

---Replaces a file; nil and a message when it is the old one still.
---@param path string
---@param text string
---@return true|nil ok
---@return string? message
function log.replace(path, text)
  local tmp = path .. ".tmp"
  local file, wrong = io.open(tmp, "wb")
  if not file then return nil, wrong end
  local ok, closed, late
  ok, wrong = file:write(text)
  closed, late = file:close()
  if ok and closed then ok, late = os.rename(tmp, path) end
  if ok and closed then return true end
  os.remove(tmp)
  return nil, ("%s: cannot be written: %s"):format(path, wrong or late)
end

---Drops from a log what came after a step, so that what follows continues it.
---@param path string
---@param step integer
---@param val_step integer step of the last validation by then
---@return number|nil time of the last line that stays, seconds; nil when it is
---no log, or cannot be read
---@return string? message when it cannot be read or written; it stays as it was
function log.rewind(path, step, val_step)
  local kept, time = {}, 0.0
  local first
  local ok, wrong = log.each(path, function(event, line)
    first = first or event.event
    if not stays(event, step, val_step) then return end
    kept[#kept + 1] = line
    time = type(event.time) == "number" and event.time or time
  end)
  if not ok then return nil, wrong end
  if first ~= "start" then return nil end
  return time, select(2, log.replace(path, table.concat(kept)))
end

---An object without the numbers that JSON has no place for.
---@param event string
---@param fields table<string, any>
---@return table
function log.event(event, fields)
  local line = {event = event}
  for key, value in pairs(fields) do
    if type(value) ~= "number" or value == value and
       math.abs(value) < math.huge then
      line[key] = value
    end
  end
  return line
end

-- {== CSV ==

local COLUMNS = {"step", "epoch", "loss", "bpc", "val_loss", "lr",
                 "grad_norm", "tok_s", "time"}

---A line of CSV of a step or a validation; nil for other events.
---@param event table
---@return string?
function log.csv(event)
  if event.event ~= "step" and event.event ~= "val" then return nil end
  local cells = {}
  for i, name in ipairs(COLUMNS) do
    local x = event[name]
    cells[i] = type(x) == "number" and json.encode(x) or ""
  end
  return table.concat(cells, ",") .. "\n"
end

---Starts a CSV file with the lines of a log.
---@param path string
---@param from string log.jsonl
---@return file*|nil file open for more
---@return string? message
function log.start_csv(path, from)
  local file, wrong = io.open(path, "wb")
  if not file then return nil, wrong end
  file:setvbuf "line"
  local ok
  ok, wrong = file:write(table.concat(COLUMNS, ","), "\n")
  log.each(from, function(event)
    local line = ok and log.csv(event)
    if line then ok, wrong = file:write(line) end
  end)
  if ok then return file end
  file:close()
  return nil, ("%s: cannot be written: %s"):format(path, wrong)
end

-- }==

return log
