---Options of scripts that read series from CSV files by rnn.data.frame, and the
---reading.
local frames = require "rnn.data.frame"
local options = require "rnn.options"

local framefiles = {}

framefiles.options = {
  {"target", type = "string", list = true, many = true, metavar = "COLUMN",
   help = "columns to forecast (default the last one of numbers); all"},
  {"inputs", type = "string", list = true, many = true, metavar = "COLUMN",
   help = "columns that are read too, known up to now; all: the others"},
  {"known", type = "string", list = true, many = true, metavar = "COLUMN",
   help = "columns that are known ahead of time"},
  {"calendar", type = "choice", list = true, many = true,
   choices = {"minute", "hour", "weekday", "monthday", "month", "yearday"},
   help = "places in the calendar to read, known ahead"},
  {"dates", type = "string", metavar = "COLUMN",
   help = "column of dates (default the first one of dates); none: the rows " ..
     "are counted"},
  {"date-format", type = "string", metavar = "FORMAT",
   help = "of dates that are not like 2026-01-31 12:00: %d.%m.%Y"},
  {"series", type = "string", metavar = "COLUMN",
   help = "column that tells several series apart"},
  {"missing", type = "choice", default = "error",
   choices = {"error", "interpolate", "last", "zero"},
   help = "what to do with missing numbers; interpolate looks at those " ..
     "behind them, too"},
  {"from", type = "string", metavar = "DATE", help = "first date to take"},
  {"to", type = "string", metavar = "DATE", help = "last date to take"},
}

---Options that say what columns are for, and their roles.
framefiles.ROLES = {
  target = "target", inputs = "inputs", known = "known", calendar = "calendar",
  dates = "time", date_format = "date_format", series = "series",
}

---What data.frame is given beside paths.
---@param opts table<string, any>
---@param own? rnn.FrameRoles of the model to go on with, in the place of those
---that options ask for
---@return rnn.FrameRoles
function framefiles.roles(opts, own)
  local roles = {missing = opts.missing, from = opts.from, to = opts.to}
  for option, role in pairs(framefiles.ROLES) do
    roles[role] = (own or opts)[own and role or option]
  end
  return roles
end

---The frame that options ask for, or the model to go on with.
---@param opts table<string, any> with `data`
---@param own? rnn.FrameRoles
---@return rnn.Frame|nil
---@return string? message
---@return string? code
function framefiles.read(opts, own)
  return frames.frame(opts.data, framefiles.roles(opts, own))
end

---Ends the program when the model to go on with has other columns.
---@param opts table<string, any> from cli.given
---@param own rnn.FrameRoles of the model
function framefiles.check_roles(opts, own)
  for option, role in pairs(framefiles.ROLES) do
    local value = opts[option]
    if value and value[1] ~= "all" then
      options.must_fit(opts, option, own[role], "the model")
    end
  end
end

return framefiles
