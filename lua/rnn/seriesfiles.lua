---Options of scripts that read files of series with labels, and the reading.
local ts = require "rnn.data.ts"

local seriesfiles = {}

seriesfiles.options = {
  {"format", type = "choice", choices = {"ts", "ucr", "csv"},
   help = "how files are read (default by their names: .ts, .csv, else " ..
     "ucr): .ts of the UEA and UCR archives; lines with a label and the " ..
     "values of one channel; CSV with a row for each step"},
  {"id-column", type = "string", default = "id",
   help = "format csv: the column that tells which series a row is of"},
  {"label-column", type = "string",
   help = "its label, the same in all its rows (default label)"},
  {"time-column", type = "string",
   help = "when a row was measured, which is no channel (default time)"},
  {"channels", type = "string", list = true, many = true,
   help = "the columns of values (default all others)"},
}

---The series of a file, as the options say.
---@param path string
---@param opts table<string, any>
---@return rnn.SeriesList|nil
---@return string? message
---@return string? code
function seriesfiles.read(path, opts)
  return ts.ts(path, {
    format = opts.format, channels = opts.channels, invalid = opts.invalid,
    columns = {id = opts.id_column, label = opts.label_column,
               time = opts.time_column}})
end

return seriesfiles
