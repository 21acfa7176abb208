---Style and layering, checked by `make lint`: widths, includes, forbidden
---calls; then luacheck. Exits 1 if anything is found.
local found = 0

local function complain(...)
  found = found + 1
  print(string.format(...))
end

local function tracked(match)
  local list = {}
  local pipe <close> = assert(io.popen(
    "git ls-files --cached --others --exclude-standard"))
  for name in pipe:lines() do
    if name:match(match) then list[#list + 1] = name end
  end
  return list
end

local function read(path)
  local file = io.open(path)
  if not file then return "" end
  local text = file:read "a"
  file:close()
  return text
end

---Which folder may include which: bind sees the public headers, the engine
---never sees Lua, and each system library has one file.
local ALLOWED = {
  ["src/kernels/"] = {"^kernels/"},
  ["src/core/"] = {"^core/", "^kernels/", "^rnl%.h$", "^ops/ops%.def$",
                   "^optim/optims%.def$"},
  ["src/ops/"] = {"^core/", "^kernels/", "^ops/"},
  ["src/infer/"] = {"^core/", "^kernels/", "^infer/", "^io/", "^text/"},
  ["src/optim/"] = {"^core/", "^optim/"},
  ["src/io/"] = {"^core/", "^io/", "^rnl%.h$"},
  ["src/text/"] = {"^core/", "^text/", "^rnl%.h$"},
  ["src/bind/"] = {"^bind/", "^rnl%.h$", "^rnnlua%.h$"},
}
local QUARANTINE = {
  ["cblas.h"] = "src/core/gemm.c",
  ["utf8proc.h"] = "src/text/unicode.c",
  ["lua.h"] = "src/bind/", ["lauxlib.h"] = "src/bind/",
  ["lualib.h"] = "src/bind/",
}
local FORBIDDEN = {
  "%f[%w_]printf%s*%(", "%f[%w_]exit%s*%(", "%f[%w_]abort%s*%(",
  "%f[%w_]sprintf%s*%(", "%f[%w_]strcpy%s*%(", "%f[%w_]strcat%s*%(",
  "%f[%w_]alloca%s*%(", "%f[%w_]atoi%s*%(",
}

local function lint_widths(path, text)
  local n = 0
  for line in text:gmatch "([^\n]*)\n" do
    n = n + 1
    if utf8.len(line) and utf8.len(line) > 80 or #line > 200 then
      complain("%s:%d: %d columns", path, n, #line)
    end
    if line:find "\t" then complain("%s:%d: tab", path, n) end
    if line:find "%s$" then complain("%s:%d: trailing space", path, n) end
  end
end

local function lint_includes(path, text)
  local folder = path:match "^src/[^/]+/"
  for name in text:gmatch '#include "([^"]+)"' do
    local ok = folder == nil
    for _, match in ipairs(ALLOWED[folder] or {}) do
      ok = ok or name:match(match) ~= nil
    end
    if not ok then complain("%s: must not include %s", path, name) end
  end
  for name in text:gmatch "#include <([^>]+)>" do
    local home = QUARANTINE[name]
    if home and path:sub(1, #home) ~= home and path ~= "src/rnnlua.h" then
      complain("%s: only %s may include %s", path, home, name)
    end
  end
end

local function lint_calls(path, text)
  -- core, infer, io, ops, optim, text; but for programs of the build
  if not path:match "^src/[coti]" or path:match "/tables/" then return end
  local code = text:gsub("/%*.-%*/", ""):gsub('"[^"\n]*"', '""')
  for _, call in ipairs(FORBIDDEN) do
    local at = code:match(call)
    if at then complain("%s: the engine must not call %s", path, at) end
  end
end

for _, path in ipairs(tracked "%.[ch]$") do
  local text = read(path)
  lint_widths(path, text)
  if path:match "^src/" then
    lint_includes(path, text)
    lint_calls(path, text)
  end
end
for _, path in ipairs(tracked "%.lua$") do
  if not path:match "^tests/fixtures/" then lint_widths(path, read(path)) end
end

if not os.execute "luacheck -q lua scripts tests" then found = found + 1 end
print(found == 0 and "lint: clean" or "lint: " .. found .. " found")
os.exit(found == 0)
