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
---A value comes from the command line, else from the environment
---(RNNLUA_TOP=3), else from `--config FILE.lua` (where there is an option of
---type "config"), else from the preset chosen (where an option has presets),
---else it is the default. What is wrong with them raises one line and exit
---code 2.
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
---@field min? number smallest value
---@field above? number the value must be greater
---@field max? number largest value
---@field below? number the value must be smaller
---@field choices? string[] for type "choice"
---@field metavar? string what stands for the value in the help
---@field short? string one letter, as in -h
---@field list? boolean may be given several times; the value is a list
---@field many? boolean takes several words at once; the value is a list
---@field bare? string the value of the option given without one
---@field presets? table<string, table> for type "choice": values of other
---options that each choice stands for, and under `help` when to use it

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

local function read_file(text)
  return text ~= "" and text or nil
end

local READ = {int = read_int, number = read_number, duration = read_duration,
              file = read_file, config = read_file}
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
  if type(x) ~= "number" then return true end
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

local WORD = {["true"] = true, ["1"] = true, ["false"] = false, ["0"] = false}

local function is_list(option)
  return option.list or option.many
end

local read_other

local function read_list(option, values)
  local list = {}
  for i, value in ipairs(type(values) == "table" and values or {values}) do
    local x, wrong = read_other({type = option.type}, value)
    if x == nil then return nil, wrong end
    list[i] = x
  end
  if #list == 0 then return nil, "must be a list of at least one" end
  return list
end

---A value that was not typed as an option: from a configuration file, a saved
---run or the environment.
function read_other(option, value)
  if is_list(option) then return read_list(option, value) end
  if option.type == "flag" then
    if WORD[value] ~= nil then value = WORD[value] end
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

---A name in a configuration file is a text without its quotes, or a mistake:
---as nil it would leave the option out.
local NAMES = {__index = function(_, name)
  error("unknown name '" .. tostring(name) .. "'; texts are put in quotes", 2)
end}

---Where a file holds only the braces of a table, after a byte order mark and
---comments, the word that makes a chunk of it.
local function completed(text)
  text = text:gsub("^\u{FEFF}", "")
  local rest = text
  while rest:find "^%s*%-%-[^\n]*\n" do
    rest = rest:gsub("^%s*%-%-[^\n]*\n", "")
  end
  return rest:find "^%s*{" and "return " .. text or text
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
  local chunk, values
  chunk, wrong = load(completed(text), "=" .. path, "t",
                      setmetatable({}, NAMES))
  if chunk then values, wrong = evaluate(chunk) end
  if values then return values end
  return nil, wrong:find(path, 1, true) and wrong or path .. ": " .. wrong
end

-- }==

-- {== The parser ==

local PREFIX = "RNNLUA_"

---Values from the environment: RNNLUA_EVAL_EVERY for --eval-every.
local function merge_environment(spec, opts)
  for _, option in ipairs(spec) do
    local key = option[1] and not option.positional and key_of(option)
    local name = key and PREFIX .. key:upper()
    local text = key and opts[key] == nil and os.getenv(name)
    if text and text ~= "" then
      local x, wrong = read_other(option, text)
      if x == nil then cli.fail(EXIT_USAGE, "%s %s", name, wrong) end
      opts[key] = x
    end
  end
end

local METAVAR = {int = "N", number = "X", string = "TEXT", file = "FILE",
                 duration = "TIME", config = "FILE.lua"}

local function show(value)
  if math.type(value) == "float" then return ("%g"):format(value) end
  return tostring(value)
end

---What an option is when nobody sets it: a preset that is the default counts.
local function default_of(spec, option)
  for _, other in ipairs(spec) do
    local preset = other.presets and other.presets[other.default]
    local value = preset and option[1] and preset[key_of(option)]
    if value ~= nil then return value end
  end
  return option.default
end

local function help_text(spec, option)
  local notes, default = {}, default_of(spec, option)
  if option.type == "choice" then
    notes[1] = table.concat(option.choices, ", ")
  end
  if option.required and not option.positional then
    notes[#notes + 1] = "required"
  elseif default ~= nil and option.type ~= "flag" then
    notes[#notes + 1] = "default " .. show(default)
  end
  if #notes == 0 then return option.help end
  return ("%s (%s)"):format(option.help, table.concat(notes, "; "))
end

local function add_option(parser, spec, option)
  local element
  if option.positional then
    element = parser:argument(option[1], help_text(spec, option))
    local least = option.required and 1 or 0
    element:args(option.many and (least == 1 and "+" or "*") or
                 least == 1 and 1 or "?")
  else
    local short = option.short and "-" .. option.short .. " " or ""
    local make = option.type == "flag" and parser.flag or parser.option
    element = make(parser, short .. "--" .. option[1],
                   help_text(spec, option))
    element:argname(option.metavar or METAVAR[option.type] or "NAME")
  end
  if is_list(option) and not option.positional then element:count "*" end
  if option.many and not option.positional then
    element:args "+"
    element:action "concat"
  end
  if option.bare then
    element:args "?"
    element:action(function(result, target, args)
      result[target] = args[1] or option.bare
    end)
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

---Text cut into lines of at most 'width' columns.
local function wrap(text, width)
  local lines, line = {}, nil
  for word in text:gmatch "%S+" do
    if line and #line + 1 + #word <= width then
      line = line .. " " .. word
    else
      lines[#lines + 1] = line
      line = word
    end
  end
  lines[#lines + 1] = line
  return lines
end

local WIDTH, MARGIN = 80, 24

---What each preset stands for, and when to use it.
local function preset_lines(lines, option)
  lines[#lines + 1] = ("What --%s stands for:"):format(option[1])
  for _, choice in ipairs(option.choices) do
    local preset = option.presets[choice]
    for i, line in ipairs(wrap(preset.help, WIDTH - MARGIN)) do
      lines[#lines + 1] = ("  %-" .. MARGIN - 2 .. "s%s"):format(
        i == 1 and choice or "", line)
    end
  end
  lines[#lines + 1] = ""
end

local function epilog(spec)
  local lines = {}
  for _, option in ipairs(spec) do
    if option.presets then preset_lines(lines, option) end
  end
  if spec.notes then
    table.move(wrap(spec.notes, WIDTH), 1, 1000, #lines + 1, lines)
    lines[#lines + 1] = ""
  end
  if spec.examples then lines[#lines + 1] = "Examples:" end
  for _, example in ipairs(spec.examples or {}) do
    lines[#lines + 1] = "  rnnlua " .. example
  end
  return #lines > 0 and table.concat(lines, "\n") or nil
end

---Gives a parser, or a command of one, all options of a table; 'each' is called
---with every element made.
local function add_options(parser, spec, each)
  local group, members = nil, {}
  local function close_group()
    if group then parser:group(group, table.unpack(members)) end
  end
  for _, option in ipairs(spec) do
    if option.group then
      close_group()
      group, members = option.group, {}
    else
      members[#members + 1] = add_option(parser, spec, option)
      if each then each(members[#members], option) end
    end
  end
  close_group()
end

---The argparse parser of an option table; its help lists every option.
---@param spec table
function cli.parser(spec)
  local parser = argparse(spec.name, spec.summary, epilog(spec))
  parser:usage(("Usage: rnnlua %s %s"):format(spec.name,
                                               spec.usage or "[options]"))
  parser:help_description_margin(MARGIN):help_usage_margin(2)
  parser:help_max_width(WIDTH)
  parser:add_help {name = "-h --help", description = "show this and exit"}
  add_options(parser, spec)
  return parser
end

local COMPLETION = {bash = "get_bash_complete", zsh = "get_zsh_complete",
                    fish = "get_fish_complete"}

---What a shell needs to complete scripts of the program and their options.
---@param shell "bash"|"zsh"|"fish"
---@param specs table[] option tables of the scripts
---@return string
function cli.completion(shell, specs)
  local parser = argparse("rnnlua", "neural sequence models in Lua")
  for _, spec in ipairs(specs) do
    local command = parser:command(spec.name, spec.summary:match "^[^.]*")
    command._aliases = {spec.name}   -- argparse adds one without underscores
    add_options(command, spec, function(element, option)
      if option.choices then element:choices(option.choices) end
    end)
  end
  return parser[COMPLETION[shell]](parser)
end

-- {== Manual pages ==

---Text in troff: no line of it is a request, no word an escape.
---@param text string
---@return string
function cli.troff(text)
  return (text:gsub("\\", "\\e"):gsub("%-", "\\-"):gsub("^([.'])", "\\&%1")
          :gsub("\n([.'])", "\n\\&%1"))
end

local troff = cli.troff

local function man_option(add, spec, option)
  local name = option.positional and option[1] or "--" .. option[1]
  local value = option.type ~= "flag" and not option.positional and
                (option.metavar or METAVAR[option.type] or "NAME")
  if value and option.bare then value = "[" .. value .. "]" end
  if value and option.many then value = value .. " ..." end
  add(".TP\n\\fB%s\\fR%s", troff(name),
      value and " \\fI" .. troff(value) .. "\\fR" or "")
  add("%s.", troff(help_text(spec, option)))
  for _, choice in ipairs(option.presets and option.choices or {}) do
    add("\\fI%s\\fR: %s.", choice, troff(option.presets[choice].help))
  end
end

---The manual page of a script, section 1.
---@param spec table
---@param version string
---@return string troff with the macros of man(7)
function cli.man(spec, version)
  local lines = {}
  local function add(form, ...) lines[#lines + 1] = form:format(...) end
  local name = spec.name:gsub("%.lua$", "")
  add('.TH "RNNLUA-%s" 1 "" "rnnlua %s" "rnnlua"',
      troff(name:upper():gsub("_", "-")), version)
  add(".SH NAME\nrnnlua %s \\- %s", troff(spec.name),
      troff((spec.summary:match "^[^.]*":gsub("^%u", string.lower))))
  add(".SH SYNOPSIS\n\\fBrnnlua %s\\fR %s", troff(spec.name),
      troff(spec.usage or "[options]"))
  add(".SH DESCRIPTION\n%s", troff(spec.summary))
  if spec.notes then add(".PP\n%s", troff(spec.notes)) end
  add ".SH OPTIONS"
  for _, option in ipairs(spec) do
    if option.group then add(".SS %s", troff(option.group))
    else man_option(add, spec, option) end
  end
  if spec.examples then add ".SH EXAMPLES\n.nf" end
  for _, example in ipairs(spec.examples or {}) do
    add("rnnlua %s", troff(example))
  end
  if spec.examples then add ".fi" end
  add('.SH "EXIT STATUS"\n0 done, 1 runtime, 2 usage, 3 bad input or model, ' ..
      "4 diverged, 5 could not save, 130 or 143 stopped by a signal after " ..
      "saving.")
  return table.concat(lines, "\n") .. "\n"
end

-- }==

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

---Refuses words of one dash that are no short options: argparse would take
---"-hidden" for -h, and a negative number for an option.
local function refuse_dashed(spec, args)
  local short = {h = true}
  for _, option in ipairs(spec) do short[option.short or "h"] = true end
  for i, word in ipairs(args) do
    if word == "--" then return end
    local name = word:match "^%-([^-].*)$"
    if name and not short[name] then
      local near = cli.nearest(name, option_names(spec))
      local option = i > 1 and args[i - 1]:match "^%-%-[^=]+$"
      usage_error(spec, ("unknown option '%s'%s"):format(word,
        near and (" (did you mean '--%s'?)"):format(near) or
        option and ("; a value that begins with - is given as %s=%s"):format(
                   option, word) or ""))
    end
  end
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

local function merge_presets(spec, opts)
  for _, option in ipairs(spec) do
    local chosen = option.presets and
                   (opts[key_of(option)] or option.default)
    for name, value in pairs(chosen and option.presets[chosen] or {}) do
      if name ~= "help" and opts[name] == nil then opts[name] = value end
    end
  end
end

---Fills what has no value yet from the environment, the preset and the
---defaults; asks for what is required.
---@param spec table
---@param opts table
---@return table opts
function cli.complete(spec, opts)
  merge_environment(spec, opts)
  merge_presets(spec, opts)
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

---A list that was not given has no value.
local function drop_empty(spec, opts)
  for _, option in ipairs(spec) do
    local value = is_list(option) and opts[key_of(option)]
    if value and #value == 0 then opts[key_of(option)] = nil end
  end
end

local collecting   -- set while cli.spec_of loads a script

---The options given in 'args', the environment and the configuration file, but
---no defaults: for scripts that have another source of values between them.
---With the option that `spec.saved` names, what was saved comes before the
---environment, which is then left to cli.complete.
---@param args string[]
---@param spec table
---@return table<string, any> opts
function cli.given(args, spec)
  if collecting then error(spec, 0) end
  refuse_dashed(spec, args)
  local ok, opts = cli.parser(spec):pparse(args)
  if not ok then usage_error(spec, opts) end
  drop_empty(spec, opts)
  if not (spec.saved and opts[spec.saved]) then
    merge_environment(spec, opts)
  end
  merge_config(spec, opts)
  return opts
end

---The options of a script.
---@param args string[] normally the global `arg`
---@param spec table name, usage, summary, notes, examples, and a list of
---rnn.Option with {group = "Name"} between them
---@return table<string, any> opts by name
function cli.parse(args, spec)
  return cli.complete(spec, cli.given(args, spec))
end

---The option table of a script, which is not run: it is stopped when it asks
---for its options.
---@param path string
---@return table|nil spec
---@return string? message
function cli.spec_of(path)
  local chunk, wrong = loadfile(path, "t")
  if not chunk then return nil, wrong end
  collecting = true
  local _, spec = pcall(chunk)
  collecting = nil
  if type(spec) == "table" and spec.name then return spec end
  return nil, path .. ": takes no options"
end

---The option tables of all scripts in a folder that have one, by name.
---@param folder string
---@return table[] specs
function cli.specs(folder)
  local lfs, specs = require "lfs", {}
  for name in lfs.dir(folder) do
    local spec = name:find "%.lua$" and cli.spec_of(folder .. "/" .. name)
    specs[#specs + 1] = spec or nil
  end
  table.sort(specs, function(a, b) return a.name < b.name end)
  return specs
end

-- }==

return cli
