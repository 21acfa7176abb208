---Makes one C file of many: amalgamate.lua FOLDERS FILE.c... > rnnlua_infer.c
---FOLDERS, with ':' between them, is where #include "..." is looked up. Headers
---with a guard go in once, other files where they are included. Names that two
---sources have for themselves - static functions, types - get the name of their
---source behind them; macros end with a source. The public header stays apart.

local PUBLIC = "rnnlua_infer.h"

local folders = {}
for folder in arg[1]:gmatch "[^:]+" do folders[#folders + 1] = folder end

local function read(name)
  for _, folder in ipairs(folders) do
    local file <close> = io.open(folder .. "/" .. name, "rb")
    if file then return file:read "a" end
  end
  error("amalgamate: there is no " .. name)
end

-- {== What a source has for itself ==

local KEYWORDS = {}
for word in ("if for while return sizeof switch static const struct"):gmatch
            "%a+" do
  KEYWORDS[word] = true
end

---The code without comments and strings, line for line.
local function bare(text)
  return (text:gsub("/%*.-%*/", function(s) return s:gsub("[^\n]", " ") end)
              :gsub('"[^"\n]*"', '""'))
end

---Names that a source declares at its outermost level and shares with nobody.
local function own_names(text)
  local names, list = {}, {}
  local function add(name)
    if name and not names[name] and not KEYWORDS[name] then
      names[name] = true
      list[#list + 1] = name
    end
  end
  local code = "\n" .. bare(text)
  for line in code:gmatch "\n(static [^\n]*)" do
    add(line:match "([%w_]+) ?%(%*?[^)]*" or nil)
    if not line:find "%(" then add(line:match "([%w_]+)%s*[%[=;]") end
    add(line:match "%(%*([%w_]+) %(")
  end
  for line in code:gmatch "\nRNLI_%u+ static ([^\n]*)" do
    add(line:match "([%w_]+) ?%(")
  end
  for line in code:gmatch "\nRNLI_INLINE ([^\n]*)" do
    add(line:match "([%w_]+) ?%(")
  end
  for tag in code:gmatch "\ntypedef %a+ ([%w_]+) {" do add(tag) end
  for name in code:gmatch "\n} ([%w_]+);" do add(name) end
  for name in code:gmatch "\ntypedef [^\n{]- %*?([%w_]+) ?%([^\n]*%);" do
    add(name)
  end
  for body in code:gmatch "\n[typedf ]*enum ?[%w_]* {(.-)}" do
    for name in (body .. ","):gmatch "%f[%w_](%u[%u%d_]*)%s*[=,]" do
      add(name)
    end
  end
  return list
end

---Macros that a source defines.
local function macros_of(text)
  local list = {}
  for name in ("\n" .. text):gmatch "\n#define ([%w_]+)" do
    list[#list + 1] = name
  end
  return list
end

-- }==

-- {== Putting together ==

local seen, system = {}, {}
local expand

local function guarded(text)
  return bare(text):find "^%s*#ifndef ([%w_]+_H)\n#define %1"
end

local function include(name)
  if name == PUBLIC then
    return seen[name] and "" or '#include "' .. PUBLIC .. '"\n'
  end
  local text = read(name)
  if guarded(text) then
    if seen[name] then return "" end
    seen[name] = true
  end
  return expand(text)
end

---A text with what it includes; system headers once, where they are.
function expand(text)
  return (text:gsub("([^\n]*)\n", function(line)
    local name = line:match '^#include "([^"]+)"'
    if name then return include(name) end
    local header = line:match "^#include (<[^>]+>)"
    if header then
      if system[header] then return "" end
      system[header] = true
    end
    return line .. "\n"
  end))
end

---Where the string, character or comment ends that begins at 'from'; nil: none
---does.
local function passive(code, from)
  local mark = code:sub(from, from)
  if mark == "/" then
    return code:sub(from, from + 1) == "/*" and
           select(2, code:find("*/", from + 2, true)) or nil
  end
  local at = from
  repeat
    at = code:find("[\\" .. mark .. "]", at + 1)
    local escaped = code:sub(at, at) == "\\"
    if escaped then at = at + 1 end
  until not escaped
  return at
end

---A text with 'change' made to what is no string, character or comment.
local function change_code(code, change)
  local parts, done, at = {}, 1, 1
  while true do
    local from = code:find("[\"'/]", at)
    if not from then break end
    local to = passive(code, from)
    if to then
      parts[#parts + 1] = change(code:sub(done, from - 1))
      parts[#parts + 1] = code:sub(from, to)
      done = to + 1
    end
    at = (to or from) + 1
  end
  parts[#parts + 1] = change(code:sub(done))
  return table.concat(parts)
end

---A piece of code with some names changed, but for those of fields.
local function rename(code, names, stem)
  return change_code(code, function(piece)
    return (piece:gsub("()(%f[%w_][%a_][%w_]*)", function(at, name)
      local before = piece:sub(math.max(1, at - 2), at - 1)
      if not names[name] or before:find "%.$" or before == "->" then
        return nil
      end
      return name .. "_" .. stem .. "_c"
    end))
  end)
end

---The text with some names changed. Between the braces of a structure only
---types are.
local function renamed(text, names, stem)
  local types, parts, at = {}, {}, 1
  for name in pairs(names) do types[name] = name:find "^%u[%w_]" and true end
  for from, to in text:gmatch "()\n[typedf ]*struct [%w_]+ {\n.-\n}()" do
    parts[#parts + 1] = rename(text:sub(at, from - 1), names, stem)
    parts[#parts + 1] = rename(text:sub(from, to - 1), types, stem)
    at = to
  end
  parts[#parts + 1] = rename(text:sub(at), names, stem)
  return table.concat(parts)
end

---The guarded and system headers of a source, and its text with all others in
---their places.
local function divide(path)
  local headers = {}
  local function inside(text)
    return (text:gsub("([^\n]*)\n", function(line)
      local name = line:match '^#include "([^"]+)"'
      if line:find "^#include <" or name == PUBLIC or
         name and guarded(read(name)) then
        headers[#headers + 1] = line .. "\n"
        return ""
      end
      return name and inside(read(name)) or line .. "\n"
    end))
  end
  return {stem = path:match "([^/]+)%.c$", path = path,
          text = inside(read(path)), headers = table.concat(headers),
          macros = macros_of(read(path))}
end

---Macros that give names to what a source has several times (kernels/names.h):
---it needs no other ones, and they end with it.
local function own_macros(text)
  local list = {}
  for _, name in ipairs(text:find "\n#define RNLI_L%(" and macros_of(text) or
                        {}) do
    if not name:find "^RNLI_" then list[#list + 1] = name end
  end
  return list
end

---A source; those of its own names that others have too are changed.
local function join(one, shared)
  local after, named = {}, own_macros(one.text)
  for _, list in ipairs {one.macros, named} do
    for _, name in ipairs(list) do
      after[#after + 1] = "#undef " .. name .. "\n"
    end
  end
  local text = #named > 0 and one.text or renamed(one.text, shared, one.stem)
  return table.concat {
    ("/* {== %s %s */\n\n"):format(one.path, ("="):rep(math.max(1, 66 -
                                                               #one.path))),
    expand(one.headers), text,
    table.concat(after), "\n/* }== */\n\n"}
end

---Names that several sources have for themselves.
local sources, shared, times = {}, {}, {}
for i = 2, #arg do
  local one = divide(arg[i])
  sources[#sources + 1] = one
  for _, name in ipairs(#own_macros(one.text) == 0 and own_names(one.text) or
                        {}) do
    times[name] = (times[name] or 0) + 1
    shared[name] = times[name] > 1 or nil
  end
end

local parts = {}
for i, one in ipairs(sources) do parts[i] = join(one, shared) end
local version = read(PUBLIC):match '#define RNL_VERSION "([^"]+)"'
io.write(([[
/*
** rnnlua_infer.c %s - trained models inside C programs: see rnnlua_infer.h.
** Made of the sources of rnnlua. Compile it as C11 and link with -lm:
**     cc -O2 -c rnnlua_infer.c
*/
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE
#endif
#define RNLI_INFER

]]):format(version), table.concat(parts))
assert(io.stdout:flush())

-- }==
