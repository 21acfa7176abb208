---Writes the C table of the Lua files named in the arguments, which become
---part of the module: lua5.4 src/bind/embed.lua lua/rnn/init.lua ... > FILE.c
---A file that does not compile stops the build with its message.

---lua/rnn/init.lua -> rnn, lua/rnn/layers/lstm.lua -> rnn.layers.lstm
local function module_of(path)
  return (path:gsub("^lua/", ""):gsub("%.lua$", ""):gsub("/init$", "")
          :gsub("/", "."))
end

local function read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

---The bytes of a text as lines of C numbers.
local function bytes_of(text)
  local lines = {}
  for i = 1, #text, 20 do
    lines[#lines + 1] = table.concat({text:byte(i, i + 19)}, ",")
  end
  return table.concat(lines, ",\n")
end

local rows = {}
io.write('#include <stddef.h>\n\n#include "bind/embedded.h"\n\n')
for i, path in ipairs(arg) do
  local text = read(path)
  local ok, message = load(text, "@" .. path, "t")
  if not ok then
    io.stderr:write(message, "\n")
    os.exit(1)
  end
  io.write(("static const unsigned char file%d[] = {\n%s};\n\n"):format(
           i, bytes_of(text .. "\0")))   -- C has no empty arrays
  rows[i] = ('  {"%s", "%s", (const char *)file%d, %d},\n'):format(
            module_of(path), path, i, #text)
end
io.write("const rnnlua_Source rnnlua_sources[] = {\n", table.concat(rows),
         "  {NULL, NULL, NULL, 0}\n};\n")
assert(io.stdout:flush())   -- a full disk stops the build too
