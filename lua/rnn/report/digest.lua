---What the log of a run tells, in short. A log may be damaged, and its texts
---and numbers may be anything: what is not as it should be is left out.
local json = require "rnn.json"
local points = require "rnn.plot.points"

local digest = {}

local function number(x) return points.is_finite(x) and x or nil end
local function text(x) return type(x) == "string" and x or nil end
local function is_table(x) return type(x) == "table" and x or {} end

---A value as people read it.
---@param value any of a log
---@return string
function digest.value(value)
  if type(value) == "string" then return value end
  if math.type(value) == "float" then return ("%.5g"):format(value) end
  if type(value) ~= "table" then return tostring(value) end
  local parts = {}
  for i, one in ipairs(value) do parts[i] = digest.value(one) end
  return #parts > 0 and table.concat(parts, ", ") or json.encode(value)
end

---The names of a table that are texts, sorted.
---@param t table
---@return string[]
function digest.names(t)
  local names = {}
  for name in pairs(t) do
    if type(name) == "string" then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

---Warnings that say the same are one.
local function add_warning(d, e)
  local message = text(e.message) or "?"
  local known = d.warned[message]
  if known then
    known.count = known.count + 1
  else
    known = {message = message, step = number(e.step), count = 1}
    d.warned[message], d.warnings[#d.warnings + 1] = known, known
  end
end

local TAKE = {
  start = function(d, e) d.start, d.config = e, is_table(e.config) end,
  step = function(d, e)
    d.count, d.step = d.count + 1, number(e.step) or d.step
    d.tokens, d.time = number(e.tokens) or d.tokens, number(e.time) or d.time
    if number(e.tok_s) then d.speeds[#d.speeds + 1] = e.tok_s end
  end,
  val = function(d, e)
    d.vals[#d.vals + 1] = e
    if e.best == true then d.best = e end
  end,
  sample = function(d, e)
    if text(e.text) then d.samples[#d.samples + 1] = e end
  end,
  warn = add_warning,
  resume = function(d, e) d.resumes[#d.resumes + 1] = e end,
  ["end"] = function(d, e) d.ended = e end,
}

local function median(list)
  table.sort(list)
  return list[(#list + 1) // 2]
end

---@class rnn.RunDigest
---@field start table first event, or an empty one
---@field config table<string, any> options
---@field count integer steps in the log
---@field step? number the last one
---@field tokens? number read by then
---@field time? number seconds of training by then
---@field speed? number tokens a second, the median of the steps
---@field vals table[] validations
---@field best? table the best of them
---@field samples table[] step, text
---@field warnings {message: string, step: number?, count: integer}[]
---@field resumes table[]
---@field ended? table last event, unless the run goes on, or was killed

---@param events table[] as rnn.run.read_log gives them
---@return rnn.RunDigest
function digest.of(events)
  local d = {start = {}, config = {}, count = 0, speeds = {}, vals = {},
             samples = {}, warnings = {}, warned = {}, resumes = {}}
  for _, e in ipairs(events) do
    d.ended = nil   -- what comes after an end goes on
    local take = TAKE[e.event]
    if take then take(d, e) end
  end
  d.speed = median(d.speeds)
  return d
end

return digest
