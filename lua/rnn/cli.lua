---Options of a script, from one table: parser, help, checks and defaults.
---
---    local opts = cli.parse(arg, {
---      name = "count.lua", usage = "--data FILE [options]",
---      summary = "counts things",
---      examples = {"count.lua --data a.txt --top 3"},
---      {group = "Data"},
---      {"data", type = "file", required = true, help = "what to read"},
---      {"top", type = "int", min = 1, default = 10, help = "how many"},
---    })
---
---A value comes from the command line, else from `--config FILE.lua` (where
---there is an option of type "config"), else it is the default. What is wrong
---with them raises one line and exit code 2.
local argparse = require "argparse"

local cli = {}

---@alias rnn.OptionType
---| "int" | "number" | "string" | "file" | "choice" | "flag" | "duration"
---| "config"

---@class rnn.Option
---@field [1] string name, as in --name; in the result "-" becomes "_"
---@field type rnn.OptionType
---@field help string
---@field default? any
---@field required? boolean
---@field positional? boolean given without a name
---@field many? boolean of a positional one: a list of at least one value
---@field min? number smallest value
---@field above? number the value must be greater
---@field max? number largest value
---@field below? number the value must be smaller
---@field choices? string[] for type "choice"
---@field metavar? string what stands for the value in the help
---@field short? string one letter, as in -h

local EXIT_USAGE = 2

-- {== Errors ==

local Failure = {__tostring = function(self) return self.message end}

---Ends a script with one line and an exit code: the program prints the message
---without a traceback.
---@param code integer
---@param message string format
---@param ... any
function cli.fail(code, message, ...)
  if select("#", ...) > 0 then message = message:format(...) end
  error(setmetatable({exit = code, message = message}, Failure), 0)
end

---Letters to insert, delete or replace to get from a to b (Levenshtein).
local function distance(a, b)
  local row = {}
  for j = 0, #b do row[j] = j end
  for i = 1, #a do
    local diagonal
    diagonal, row[0] = row[0], i
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      diagonal, row[j] = row[j], math.min(row[j] + 1, row[j - 1] + 1,
                                          diagonal + (same and 0 or 1))
    end
  end
  return row[#b]
end

---The name closest to a mistyped one, or nil when none resembles it.
---@param wrong string
---@param names string[]
---@return string?
function cli.nearest(wrong, names)
  local best, least
  for _, name in ipairs(names) do
    local d = distance(wrong, name)
    if #wrong >= 3 and name:sub(1, #wrong) == wrong then d = 1 end
    if not least or d < least then best, least = name, d end
  end
  return least and least <= math.max(1, #wrong // 3) and best or nil
end

local function unknown(what, name, names, prefix)
  local near = cli.nearest(name, names)
  return ("%s'%s%s'%s"):format(what, prefix, name, near and
         (" (did you mean '%s%s'?)"):format(prefix, near) or "")
end

-- }==

-- {== Values ==

local UNIT = {[""] = 1, s = 1, m = 60, h = 3600}

---Seconds of "90", "90s", "30m" or "1h30m"; nil for anything else.
local function read_duration(text)
  if not text:find "%d" then return nil end
  local total, rest = 0, text
  while rest ~= "" do
    local n, unit, behind = rest:match "^(%d+%.?%d*)([hms]?)(.*)$"
    if not n or unit == "" and behind ~= "" then return nil end
    total, rest = total + tonumber(n) * UNIT[unit], behind
  end
  return total
end

local function read_int(text)
  return text:find "^[+-]?%d+$" and math.tointeger(tonumber(text)) or nil
end

local function read_number(text)
  local x = text:find "^[+-]?[%d.]" and not text:find "[xX]" and tonumber(text)
  return x and x == x and math.abs(x) < math.huge and x + 0.0 or nil
end

local READ = {int = read_int, number = read_number, duration = read_duration}
local NOUN = {int = "an integer", number = "a number", string = "text",
              file = "a file name", config = "a file name",
              duration = "a duration such as 90, 30m or 1h30m"}

---"an integer >= 1", "a number from 0 to 1", "one of lstm, gru, rnn"
local function range_text(option)
  if option.type == "choice" then
    return "one of " .. table.concat(option.choices, ", ")
  end
  local parts = {}
  local function add(sign, bound)
    if bound then parts[#parts + 1] = ("%s %g"):format(sign, bound) end
  end
  if option.min and option.max then
    return ("%s from %g to %g"):format(NOUN[option.type], option.min,
                                       option.max)
  end
  add(">=", option.min)
  add(">", option.above)
  add("<=", option.max)
  add("<", option.below)
  return (NOUN[option.type] .. " " .. table.concat(parts, " and "))
         :gsub(" $", "")
end

local function in_range(option, x)
  return x >= (option.min or x) and x <= (option.max or x) and
         x > (option.above or -math.huge) and x < (option.below or math.huge)
end

local function is_choice(option, text)
  for _, choice in ipairs(option.choices) do
    if choice == text then return true end
  end
end

---The value a text stands for, or nil and "must be ..., got '...'".
local function read_value(option, text)
  local x = text
  if READ[option.type] then
    x = READ[option.type](text)
    if x and not in_range(option, x) then x = nil end
  elseif option.type == "choice" and not is_choice(option, text) then
    x = nil
  end
  if x == nil then
    return nil, ("must be %s, got '%s'"):format(range_text(option), text)
  end
  return x
end

---A value that was not typed as text: from a configuration file or a saved run.
local function read_other(option, value)
  if option.type == "flag" then
    if type(value) == "boolean" then return value end
    return nil, ("must be true or false, got '%s'"):format(value)
  end
  if type(value) == "number" then
    value = math.type(value) == "float" and value % 1 == 0 and
            math.abs(value) < 2 ^ 53 and ("%d"):format(value) or
            math.type(value) == "float" and ("%.17g"):format(value) or
            tostring(value)
  end
  if type(value) ~= "string" then
    return nil, ("must be %s, got a %s"):format(range_text(option),
                                                type(value))
  end
  return read_value(option, value)
end

local function key_of(option)
  return (option[1]:gsub("-", "_"))
end

---Takes values by option name into 'opts', checked like typed ones, except for
---options that already have one. Returns nil, or what is wrong.
---@param spec table the option table
---@param values table<string, any> names with "-" or "_"
---@param opts table
---@return string? message
function cli.merge(spec, values, opts)
  local known, names = {}, {}
  for _, option in ipairs(spec) do
    if option[1] and option.type ~= "config" then
      known[key_of(option)] = option
      names[#names + 1] = key_of(option)
    end
  end
  for name, value in pairs(values) do
    local key = type(name) == "string" and name:gsub("-", "_") or name
    local option = known[key]
    if not option then
      return unknown("unknown option ", tostring(name), names, "")
    end
    local x, wrong = read_other(option, value)
    if x == nil then return option[1] .. " " .. wrong end
    if opts[key] == nil then opts[key] = x end
  end
end

-- }==

-- {== Configuration files: data, so the code in them gets nothing to work
-- with - no names, no string methods, little time and memory ==

local MAX_INSTRUCTIONS = 100000
local MAX_KB = 4096

local function evaluate(chunk)
  local strings = debug.getmetatable ""
  local from, count = collectgarbage "count", 0
  local thread = coroutine.create(chunk)
  debug.sethook(thread, function()
    count = count + 1
    if count > MAX_INSTRUCTIONS or collectgarbage "count" - from > MAX_KB then
      error("runs too long for a table of options", 0)
    end
  end, "", 1)
  debug.setmetatable("", nil)
  local ok, result = coroutine.resume(thread)
  debug.setmetatable("", strings)
  if not ok then return nil, tostring(result) end
  if type(result) ~= "table" then
    return nil, "must return a table of options"
  end
  return result
end

---The options of a configuration file: Lua text that returns a table, or only
---its braces.
---@param path string
---@return table|nil values
---@return string? message
function cli.config(path)
  local file, wrong = io.open(path, "rb")
  if not file then return nil, wrong end
  local text = file:read "a"
  file:close()
  if not text then return nil, path .. ": cannot be read" end
  if text:find "^%s*{" then text = "return " .. text end
  local chunk, values
  chunk, wrong = load(text, "=" .. path, "t", {})
  if chunk then values, wrong = evaluate(chunk) end
  if values then return values end
  return nil, wrong:find(path, 1, true) and wrong or path .. ": " .. wrong
end

-- }==

-- {== The parser ==

local METAVAR = {int = "N", number = "X", string = "TEXT", file = "FILE",
                 duration = "TIME", config = "FILE.lua"}

local function show(value)
  if math.type(value) == "float" then return ("%g"):format(value) end
  return tostring(value)
end

local function help_text(option)
  local notes = {}
  if option.type == "choice" then
    notes[1] = table.concat(option.choices, ", ")
  end
  if option.required and not option.positional then
    notes[#notes + 1] = "required"
  elseif option.default ~= nil and option.type ~= "flag" then
    notes[#notes + 1] = "default " .. show(option.default)
  end
  if #notes == 0 then return option.help end
  return ("%s (%s)"):format(option.help, table.concat(notes, "; "))
end

local function add_option(parser, option)
  local element
  if option.positional then
    element = parser:argument(option[1], help_text(option))
    element:args(option.many and "+" or option.required and 1 or "?")
  else
    local short = option.short and "-" .. option.short .. " " or ""
    local make = option.type == "flag" and parser.flag or parser.option
    element = make(parser, short .. "--" .. option[1], help_text(option))
    element:argname(option.metavar or METAVAR[option.type] or "NAME")
  end
  element:target(key_of(option))
  if option.type ~= "flag" then
    element:convert(function(text)
      local x, wrong = read_value(option, text)
      if x ~= nil then return x end
      return nil, (option.positional and "" or "--") .. option[1] .. " " ..
                  wrong
    end)
  end
  return element
end

local function epilog(spec)
  if not spec.examples then return nil end
  local lines = {"Examples:"}
  for _, example in ipairs(spec.examples) do
    lines[#lines + 1] = "  rnnlua " .. example
  end
  return table.concat(lines, "\n")
end

---The argparse parser of an option table; its help lists every option.
---@param spec table
function cli.parser(spec)
  local parser = argparse(spec.name, spec.summary, epilog(spec))
  parser:usage(("Usage: rnnlua %s %s"):format(spec.name,
                                               spec.usage or "[options]"))
  parser:help_description_margin(24):help_usage_margin(2):help_max_width(80)
  parser:add_help {name = "-h --help", description = "show this and exit"}
  local group, members = nil, {}
  local function close_group()
    if group then parser:group(group, table.unpack(members)) end
  end
  for _, option in ipairs(spec) do
    if option.group then
      close_group()
      group, members = option.group, {}
    else
      members[#members + 1] = add_option(parser, option)
    end
  end
  close_group()
  return parser
end

local function option_names(spec)
  local names = {"help"}
  for _, option in ipairs(spec) do
    if option[1] and not option.positional then
      names[#names + 1] = option[1]
    end
  end
  return names
end

---One line of what argparse says, with the nearest name for an unknown one.
local function usage_error(spec, message)
  message = message:match "[^\n]*"
  local name = message:match "^unknown option '%-%-(.*)'$"
  if name then
    message = unknown("unknown option ", name, option_names(spec), "--")
  end
  message = message:gsub("^too many arguments$", "%0: options start with --")
  cli.fail(EXIT_USAGE, "%s; see --help", message)
end

local function merge_config(spec, opts)
  for _, option in ipairs(spec) do
    local path = option.type == "config" and opts[key_of(option)]
    if path then
      local values, wrong = cli.config(path)
      if not values then cli.fail(EXIT_USAGE, "%s", wrong) end
      wrong = cli.merge(spec, values, opts)
      if wrong then cli.fail(EXIT_USAGE, "%s: %s", path, wrong) end
    end
  end
end

---Fills what has no value yet with the defaults; asks for what is required.
---@param spec table
---@param opts table
---@return table opts
function cli.complete(spec, opts)
  for _, option in ipairs(spec) do
    local key = option[1] and key_of(option)
    if key and opts[key] == nil then
      if option.required then
        cli.fail(EXIT_USAGE, "%s%s is missing; see --help",
                 option.positional and "" or "--", option[1])
      end
      opts[key] = option.default
    end
  end
  return opts
end

---The options given in 'args' and in the configuration file named there, but no
---defaults: for scripts that have another source of values between the two.
---@param args string[]
---@param spec table
---@return table<string, any> opts
function cli.given(args, spec)
  local ok, opts = cli.parser(spec):pparse(args)
  if not ok then usage_error(spec, opts) end
  merge_config(spec, opts)
  return opts
end

---The options of a script.
---@param args string[] normally the global `arg`
---@param spec table name, usage, summary, examples, and a list of rnn.Option
---with {group = "Name"} between them
---@return table<string, any> opts by name
function cli.parse(args, spec)
  return cli.complete(spec, cli.given(args, spec))
end

-- }==

return cli
