---Writes the linker's version script of a library from the list of what it
---exports: lua5.4 src/exports.lua src/exports.txt librnnlua 0 > FILE.map
---All its names get one version, RNNLUA_0 for librnnlua.so.0.
local path, library, abi = table.unpack(arg)

---Names by section, and what else the line of a section says.
local names, also, section = {}, {}, nil
for line in io.lines(path) do
  local title, rest = line:match "^%[([%w_]+)%](.*)"
  if title then
    names[title], also[title], section = {}, rest, title
  elseif line:find "^%a" then
    table.insert(names[section], line)
  end
end
assert(names[library], path .. ": has no section of " .. library)

local lines = {}
local function add(title)
  for _, name in ipairs(names[title]) do
    lines[#lines + 1] = "    " .. name .. ";\n"
  end
end
add(library)
for other in also[library]:gmatch "[%w_.]+" do
  if names[other] then add(other) end
end

local node = library:gsub("^lib", ""):upper() .. "_" .. abi
io.write(node, " {\n")
-- an empty "global:" is no syntax of the linker
if #lines > 0 then io.write("  global:\n", table.concat(lines)) end
io.write("  local:\n    *;\n};\n")
assert(io.stdout:flush())   -- a full disk stops the build too
