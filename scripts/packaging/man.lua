---Writes the manual page of the program, in mdoc, from a template and from what
---the program and its scripts say of themselves:
---rnnlua --help | rnnlua scripts/packaging/man.lua rnnlua.1.in > rnnlua.1
local rnn = require "rnn"
local cli = require "rnn.cli"

local help = io.read "a"

---Text in lines of at most 'width' columns, each sentence on a line of its own
---as mdoc wants them.
local function fill(text, width)
  local lines = {}
  for sentence in (text:gsub("%.%s+(%u)", ".\0%1") .. "\0"):gmatch "(.-)%z" do
    local line = ""
    for word in sentence:gmatch "%S+" do
      if #line + #word >= width then
        lines[#lines + 1], line = line, ""
      end
      line = line .. (line == "" and "" or " ") .. word
    end
    lines[#lines + 1] = line
  end
  return cli.troff(table.concat(lines, "\n"))
end

---Each option of the program, as mdoc has it, and its text. A line of the help
---has cells apart by two spaces: "  --        end of options      -   run ...".
local function options()
  local list = {}
  for line in help:gmatch "\n  (%-[^\n]*)" do
    for name, value, text in (line .. "  "):gmatch
        "%-(%S*) ?(%u*)%s%s+(.-)%s%s+" do
      local words = ("Fl %s Ar %s"):format(cli.troff(name), value)
      list[#list + 1] = {words = words:gsub(" Ar $", ""):gsub(" $", ""),
                         text = text}
    end
  end
  return list
end

local function each(list, line_of)
  local lines = {}
  for i, x in ipairs(list) do lines[i] = line_of(x) end
  return table.concat(lines, "\n")
end

local parts = {
  VERSION = rnn._VERSION:match "%S+$",
  SYNOPSIS = each(options(), function(o)
    return ".Op " .. o.words
  end),
  OPTIONS = each(options(), function(o)
    return (".It %s\n%s."):format(o.words, fill(o.text, 76))
  end),
  SCRIPTS = each(cli.specs "scripts", function(spec)
    local summary = spec.summary:match "^.-%.%f[%s\0]" or spec.summary .. "."
    return (".It Ic %s\n%s"):format(spec.name, fill(summary, 76))
  end),
  EXIT = fill(help:match "\nExit status: (.*)", 76),
  EXAMPLES = each({help:match "\n  (rnnlua [^\n]*)\n  ([^\n]*)\n  ([^\n]*)"},
                  cli.troff),
}

local file <close> = assert(io.open(arg[1]))
io.write((file:read "a":gsub("@(%u+)@", parts)))
assert(io.stdout:flush())   -- a full disk stops the build too
