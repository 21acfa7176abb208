---make install: what lies where, that stock Lua, C compilers, pkg-config and
---luarocks can work with it, and that uninstall takes it all away.
local lfs = require "lfs"

local sandbox = require "tests.sandbox"
local shell, quote, read = sandbox.shell, sandbox.quote, sandbox.read
local dir, build = sandbox.dir, sandbox.build

teardown(sandbox.remove)

if os.getenv "VARIANT" == "asan" then
  it("is looked at without sanitizers", function()
    pending "libraries have names of the sanitizers' too"
  end)
  return
end

-- {== Helpers ==

---Runs a command that must end well and be silent on stderr.
local function run(command, ...)
  local code, out, err = shell(command:format(...))
  assert.equal(0, code, err)
  assert.equal("", err)
  return out
end

local function have(command)
  return (shell("command -v " .. command)) == 0
end

---make as a user calls it who knows nothing of this run of the tests.
local function make(words)
  return run("env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u DESTDIR " ..
             "make -s VARIANT=%s %s", build:match "[^/]+$", words)
end

local function sorted(list)
  table.sort(list)
  return list
end

local function lines_of(text)
  local list = {}
  for line in text:gmatch "[^\n]+" do list[#list + 1] = line end
  return sorted(list)
end

local function glob(folder, match)
  local list = {}
  for name in lfs.dir(folder) do
    if name:find(match) then list[#list + 1] = name end
  end
  return sorted(list)
end

-- }==

local LIBRARIES = {"librnnlua", "librnnlua_infer"}
local HEADERS = {"rnl.h", "rnnlua.h", "rnnlua_infer.h"}

---What RNL_VERSION is, and how often it is written.
local function version_of_headers()
  local version, n = nil, 0
  for _, name in ipairs(glob("src", "%.h$")) do
    for found in read("src/" .. name):gmatch '#define RNL_VERSION "([^"]+)"' do
      version, n = found, n + 1
    end
  end
  return version, n
end

local VERSION, WRITTEN = version_of_headers()
local ABI = VERSION:match "^%d+"

-- {== Exports ==

---Sections of src/exports.txt: names in the order of the file, and the words of
---the section's line.
local function read_exports()
  local list, current = {}, nil
  for line in io.lines "src/exports.txt" do
    local title, words = line:match "^%[([%w_]+)%](.*)$"
    if title then
      list[title], current = {words = words}, title
    elseif not line:find "^#" and line ~= "" then
      table.insert(list[current], line)
    end
  end
  return list
end

local function names_of(section)
  return table.move(section, 1, #section, 1, {})
end

---Names that a header declares RNL_API.
local function declared(header)
  local list = {}
  local text = read("src/" .. header):gsub("/%*.-%*/", "")
                                     :gsub("#define[^\n]*", "")
  for declaration in text:gmatch "RNL_API%s([^;(]*)" do
    list[#list + 1] = declaration:match "([%w_]+)%s*$"
  end
  return list
end

local exports = read_exports()

---All names of a library: its section, and those that this one names.
local function exported(title)
  local list = names_of(exports[title])
  for word in exports[title].words:gmatch "%S+" do
    for _, name in ipairs(exports[word] or {}) do list[#list + 1] = name end
  end
  return sorted(list)
end

---Names that others see in a shared library, with their version.
local function dynamic(path)
  local list = {}
  for kind, name in run("nm -D --defined-only %s", quote(path))
                    :gmatch "%x+ (%a) (%S+)" do
    if kind ~= "A" then list[#list + 1] = name end   -- the version itself
  end
  return list
end

describe("src/exports.txt", function()
  it("is sorted", function()
    for title, section in pairs(exports) do
      assert.same(sorted(names_of(section)), names_of(section), title)
    end
  end)

  it("has what the headers declare, and nothing else", function()
    for title, section in pairs(exports) do
      local names, headers = {}, 0
      for header in section.words:gmatch "[%w_]+%.h" do
        headers = headers + 1
        if lfs.attributes("src/" .. header) then
          for _, name in ipairs(declared(header)) do
            names[#names + 1] = name
          end
        end
      end
      if headers > 0 then
        assert.same(sorted(names), names_of(section), title)
      end
    end
  end)
end)

describe("a library", function()
  it("shows what the list has, under one version", function()
    local function check(title, file)
      local node = "@@" .. title:gsub("^lib", ""):upper() .. "_" .. ABI
      local names = exported(title)
      for i, name in ipairs(names) do names[i] = name .. node end
      assert.same(sorted(names), sorted(dynamic(build .. "/" .. file)), title)
    end
    for _, name in ipairs(LIBRARIES) do check(name, name .. ".so") end
    check("rnn", "rnn.so")
  end)

  it("is named by its ABI, and relocated before it runs", function()
    for _, name in ipairs(LIBRARIES) do
      local path = quote(("%s/%s.so"):format(build, name))
      local text = run("readelf -dlW %s", path)
      assert.equal(("%s.so.%s"):format(name, ABI),
                   text:match "SONAME.-%[(.-)%]")
      assert.truthy(text:find "BIND_NOW" or text:find "Flags: NOW", text)
      assert.truthy(text:find "GNU_RELRO", text)
      assert.falsy(text:find "RWE", text)   -- no stack that can be executed
    end
  end)

  it("leaves Lua to its host", function()
    local text = run("readelf -dW %s", quote(build .. "/librnnlua.so"))
    assert.falsy(text:find "NEEDED[^\n]*liblua", text)
  end)

  it("has names of its own alone in its archive", function()
    for _, name in ipairs(LIBRARIES) do
      local text = run("nm -g --defined-only %s",
                       quote(("%s/%s.a"):format(build, name)))
      for symbol in text:gmatch "%x+ %a (%S+)" do
        assert.truthy(symbol:find "^rnl_" or symbol:find "^rnli_" or
                      symbol:find "^rnnlua_" or symbol == "luaopen_rnn",
                      symbol)
      end
    end
  end)

  it("without Lua needs the C library alone, and is small", function()
    local path = quote(build .. "/librnnlua_infer.so")
    for name in run("readelf -dW %s", path):gmatch "NEEDED.-%[(.-)%]" do
      assert.truthy(name:find "^libc%.so" or name:find "^libm%.so" or
                    name:find "^ld%-linux", name)
    end
    local stripped = dir .. "/stripped.so"
    run("strip -o %s %s", quote(stripped), path)
    -- 200 KB by the compiler of the reference, some more by others
    local known = run "cc -dumpmachine; cc -dumpversion; echo $CFLAGS"
                  == "x86_64-linux-gnu\n12\n\n"
    assert.truthy(lfs.attributes(stripped, "size") <
                  (known and 200e3 or 300e3))
  end)
end)

-- }==

-- {== Files ==

---The files of an installation, from its prefix.
local function expected()
  local list = {
    "bin/rnnlua", "lib/lua/5.4/rnn.so", "share/rnnlua/types/rnn.d.lua",
    "share/doc/rnnlua/README.md", "share/doc/rnnlua/LICENSE",
    "share/man/man1/rnnlua.1", "share/zsh/site-functions/_rnnlua",
    "share/bash-completion/completions/rnnlua",
    "share/fish/vendor_completions.d/rnnlua.fish",
  }
  local function add(form, ...) list[#list + 1] = form:format(...) end
  for _, name in ipairs(LIBRARIES) do
    for _, tail in ipairs {"a", "so", "so." .. ABI, "so." .. VERSION} do
      add("lib/%s.%s", name, tail)
    end
    add("lib/pkgconfig/%s.pc", name:gsub("^lib", ""):gsub("_", "-"))
  end
  for _, name in ipairs(HEADERS) do add("include/%s", name) end
  for _, name in ipairs(glob("scripts", "%.lua$")) do
    add("share/rnnlua/scripts/%s", name)
  end
  return sorted(list)
end

local function files_in(folder)
  return lines_of(run("cd %s && find . ! -type d -printf '%%P\\n'",
                      quote(folder)))
end

describe("make install", function()
  local stage = dir .. "/a stage"
  local tree = stage .. "/usr/local"
  local knob = "DESTDIR=" .. quote(stage)

  it("puts each file where it belongs, twice if asked", function()
    make("install " .. knob)
    local files = files_in(tree)
    for i = #files, 1, -1 do   -- what is made of the engine for other programs
      if files[i] == "share/rnnlua/rnnlua_infer.c" then
        table.remove(files, i)
      end
    end
    assert.same(expected(), files)
    assert.same(#files_in(tree), #files_in(stage))
    make("install " .. knob)
    assert.same(#files_in(tree), #files_in(stage))
  end)

  it("makes links from name to ABI to version", function()
    for _, name in ipairs(LIBRARIES) do
      local path = ("%s/lib/%s.so"):format(tree, name)
      assert.equal(("%s.so.%s"):format(name, ABI),
                   lfs.symlinkattributes(path, "target"))
      assert.equal(("%s.so.%s"):format(name, VERSION),
                   lfs.symlinkattributes(path .. "." .. ABI, "target"))
    end
  end)

  it("lets all read, and none but the owner write", function()
    for _, name in ipairs(files_in(tree)) do
      local path = tree .. "/" .. name
      if lfs.symlinkattributes(path, "mode") ~= "link" then
        local runs = name:find "^bin/" or name:find "%.so"
        assert.equal(runs and "rwxr-xr-x" or "rw-r--r--",
                     lfs.attributes(path, "permissions"), name)
      end
    end
  end)

  it("names no folder of the stage or of the build", function()
    for _, name in ipairs(glob(tree .. "/lib/pkgconfig", "%.pc$")) do
      local text = read(tree .. "/lib/pkgconfig/" .. name)
      assert.falsy(text:find(dir, 1, true), text)
      assert.truthy(text:find "^prefix=/usr/local\nlibdir=${prefix}/lib\n",
                    text)
      assert.falsy(text:find "@", text)
    end
  end)

  it("looks for modules where the Lua of the prefix does", function()
    local place = run("pkg-config --variable=INSTALL_CMOD lua5.4")
                  :match "%S+"
    local function plan(words)
      return run("env -u MAKEFLAGS -u MAKELEVEL make -n install-module %s",
                 words)
    end
    assert.truthy(plan("PREFIX=/usr DESTDIR=/x"):find(
                  "'/x" .. place .. "'", 1, true))
    assert.truthy(plan("PREFIX=/opt/r"):find("'/opt/r/lib/lua/5.4'", 1,
                                             true))
    assert.truthy(plan("LUA_CMOD=/here"):find("'/here'", 1, true))
  end)

  it("is undone by make uninstall, but for what is not ours", function()
    local mine = tree .. "/share/rnnlua/scripts/mine.lua"
    run("touch %s", quote(mine))
    make("uninstall " .. knob)
    assert.same({"share/rnnlua/scripts/mine.lua"}, files_in(tree))
    os.remove(mine)
    make("uninstall " .. knob)
    assert.same({}, files_in(stage))
    assert.equal("", run("find %s -name '*rnnlua*'", quote(stage)))
  end)
end)

-- }==

-- {== At work ==

local HOST = [[
#include <stdio.h>

#include <lauxlib.h>
#include <lualib.h>
#include <rnnlua.h>

static const char script[] =
  "local rnn = require 'rnn'\n"
  "return rnn.tensor({1, 2, 4}):sum():item()";

int main (void) {
  int failed = 1;
  lua_State *L = luaL_newstate();
  if (!L) return 1;
  luaL_openlibs(L);
  luaL_requiref(L, "rnn", luaopen_rnn, 0);
  lua_pop(L, 1);
  if (luaL_dostring(L, script) == LUA_OK) {
    printf("%s %g\n", rnl_version(), lua_tonumber(L, -1));
    failed = 0;
  } else {
    fprintf(stderr, "%s\n", lua_tostring(L, -1));
  }
  lua_close(L);
  return failed;
}
]]

describe("an installed tree", function()
  local prefix, lib = dir .. "/tree", dir .. "/tree/lib"
  local clean = "env -u LUA_INIT -u LUA_INIT_5_4 -u LUA_PATH -u LUA_CPATH " ..
                "-u LUA_PATH_5_4 -u LUA_CPATH_5_4 "
  local strict = "-Wall -Wextra -pedantic -Werror"

  local function pkg_config(words)
    return run("PKG_CONFIG_PATH=%s/pkgconfig pkg-config %s", quote(lib),
               words):gsub("%s+$", "")
  end

  setup(function() make("install PREFIX=" .. quote(prefix)) end)

  it("has the version of the header in all places", function()
    assert.equal(1, WRITTEN)
    assert.equal(VERSION, pkg_config "--modversion rnnlua")
    assert.equal("rnnlua " .. VERSION,
                 run("%s/bin/rnnlua -v", prefix):match "^%S+ %S+")
    assert.truthy(read(prefix .. "/share/man/man1/rnnlua.1")
                  :find("\nThis is version " .. VERSION .. ".\n", 1, true))
    assert.equal(VERSION, read "scripts/packaging/debian/changelog"
                          :match "^rnnlua %((.-)%-%d+%)")
    for _, name in ipairs(glob("scripts/packaging", "rockspec$")) do
      assert.equal("rnnlua-scm-1.rockspec", name)
      assert.falsy(read("scripts/packaging/" .. name)
                   :find(VERSION, 1, true))
    end
  end)

  it("gives stock Lua the module, which says nothing", function()
    local script = sandbox.write("stock.lua", [[
      local before = {}
      for k, v in pairs(_G) do before[k] = v end
      local rnn = require "rnn"
      for k, v in pairs(_G) do assert(before[k] == v, k) end
      for k in pairs(before) do assert(_G[k] ~= nil, k) end
      assert(rnn.tensor({1, 2}):sum():item() == 3)
      require "rnn.text"]])
    assert.equal("", run("%sLUA_CPATH=%s lua5.4 %s", clean,
                         quote(lib .. "/lua/5.4/?.so;;"), quote(script)))
  end)

  it("runs its scripts, also after it was moved", function()
    local moved = dir .. "/moved to"
    os.rename(prefix, moved)
    local out = run("cd / && %s%s/bin/rnnlua info.lua --help", clean,
                    quote(moved))
    os.rename(moved, prefix)
    assert.truthy(out:find("Usage: rnnlua info.lua", 1, true), out)
  end)

  it("tells pkg-config what programs need", function()
    for _, name in ipairs(glob(lib .. "/pkgconfig", "%.pc$")) do
      run("pkg-config --validate %s/pkgconfig/%s", quote(lib), name)
    end
    local function has(words, ...)
      local flags = " " .. pkg_config(words) .. " "
      for _, flag in ipairs {...} do
        assert.truthy(flags:find(" " .. flag .. " ", 1, true), flags)
      end
    end
    has("--cflags rnnlua", ("-I%s/include"):format(prefix))
    assert.equal(("-L%s -lrnnlua"):format(lib), pkg_config "--libs rnnlua")
    assert.equal("-L/x/lib -lrnnlua", pkg_config
                 "--define-variable=prefix=/x --libs rnnlua")
    has("--static --libs rnnlua", "-lrnnlua", "-lopenblas", "-lutf8proc",
        "-lm", "-pthread")
  end)

  it("lets a C host open the bridge, from either library", function()
    local source = quote(sandbox.write("host.c", HOST))
    local host = quote(dir .. "/host")
    local flags = pkg_config "--cflags --libs rnnlua lua5.4"
    run("cc -std=c11 %s -o %s %s %s -Wl,-rpath,%s", strict, host, source,
        flags, quote(lib))
    assert.truthy(run("ldd %s", host):find("librnnlua.so." .. ABI, 1, true))
    assert.equal(VERSION .. " 7\n", run(host))

    flags = pkg_config "--static --cflags --libs rnnlua lua5.4"
    -- OpenBLAS names a library that Debian's package of it does not bring
    if shell "cc -shared -o /dev/null -lgfortran" ~= 0 then
      flags = flags:gsub("%-lgfortran", "")
    end
    run("cc -std=c11 %s -o %s %s %s", strict, host, source,
        flags:gsub("%-lrnnlua", "-l:librnnlua.a"))
    assert.falsy(run("ldd %s", host):find("librnnlua", 1, true))
    assert.equal(VERSION .. " 7\n", run(host))
  end)

  it("builds the hosts of tests/hosts, which run", function()
    local rnn, text = require "rnn", require "rnn.text"
    local tok = text.tokenizer("char"):fit "a cat"
    local model = dir .. "/lm.safetensors"
    assert(rnn.save(model, {
      embed = rnn.Embedding(#tok, 4), rnn = rnn.GRU(4, 6),
      out = rnn.Linear(6, tok:usable())}, {tokenizer = tok}))
    local bin = {}
    local function build_host(source, std, libs)
      local path = dir .. "/" .. source:gsub("%W", "_")
      run("%s -std=%s %s -O1 -o %s tests/hosts/%s %s -lm -pthread %s%s",
          source:find "%.cpp$" and "c++" or "cc", std, strict, quote(path),
          source, pkg_config("--cflags --libs " .. libs), "-Wl,-rpath,",
          quote(lib))
      bin[source] = path
    end
    for _, source in ipairs {"generate.c", "server.c", "audio.c", "tag.c",
                             "classify.c"} do
      build_host(source, "c99", "rnnlua-infer")
      build_host(source, "c11", "rnnlua-infer")
    end
    build_host("script.c", "c11", "rnnlua lua5.4")
    if have "c++" then build_host("generate.cpp", "c++17", "rnnlua-infer") end
    local ask = quote(model) .. " 'a c' 30 2"
    local made = run("%s %s", bin["generate.c"], ask)
    assert.equal(30, #made)
    if bin["generate.cpp"] then
      assert.equal(made, run("%s %s", bin["generate.cpp"], ask))
    end
    local needed = run("readelf -dW %s", bin["generate.c"])
    assert.truthy(needed:find("librnnlua_infer.so." .. ABI, 1, true))
    assert.falsy(needed:find "lua5" or needed:find "blas")
  end)

  it("has headers that stand alone in C99, C11 and C++17", function()
    local languages = {"cc -x c -std=c99", "cc -x c -std=c11",
                       have "c++" and "c++ -x c++ -std=c++17" or nil}
    local flags = pkg_config "--cflags rnnlua lua5.4"
    for _, header in ipairs(HEADERS) do
      local source = sandbox.write("alone.txt", ("#include <%s>\n"):format(
                                   header))
      for _, language in ipairs(languages) do
        run("%s %s -fsyntax-only %s %s", language, strict, flags,
            quote(source))
      end
    end
  end)

  it("has a manual page of the program and its scripts", function()
    local path = prefix .. "/share/man/man1/rnnlua.1"
    local page = read(path)
    for _, option in ipairs {"Fl e Ar STAT", "Fl l Ar MOD", "Fl i"} do
      assert.truthy(page:find("\n.It " .. option .. "\n", 1, true), option)
      assert.truthy(page:find("\n.Op " .. option .. "\n", 1, true), option)
    end
    for _, name in ipairs(glob("scripts", "%.lua$")) do
      assert.truthy(page:find("\n.It Ic " .. name .. "\n", 1, true), name)
    end
    assert.falsy(page:find "@%u+@", page)
    if not have "mandoc" then return pending "mandoc is not installed" end
    local _, out, err = shell("mandoc -T lint " .. quote(path))
    for line in (out .. err):gmatch "[^\n]+" do
      assert.falsy(line:find "rnnlua%.1:%d", line)
    end
  end)

  it("completes in shells", function()
    local function has(path, text)
      assert.truthy(read(prefix .. "/share/" .. path):find(text, 1, true))
    end
    has("bash-completion/completions/rnnlua", "complete -F _rnnlua")
    has("zsh/site-functions/_rnnlua", "#compdef rnnlua")
    has("fish/vendor_completions.d/rnnlua.fish", "complete -c rnnlua")
    run("bash -n %s/share/bash-completion/completions/rnnlua", prefix)
  end)
end)

-- }==

-- {== Packages ==

describe("the rockspec", function()
  it("gives a tree the module", function()
    if not have "luarocks" then return pending "luarocks is not installed" end
    if build:match "[^/]+$" ~= "release" then
      return pending "it builds the release"
    end
    local rocks = dir .. "/rocks"
    local code, out, err = shell(("env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL " ..
      "HOME=%s luarocks --lua-version=5.4 --tree=%s make " ..
      "scripts/packaging/rnnlua-scm-1.rockspec"):format(quote(dir),
                                                        quote(rocks)))
    assert.equal(0, code, out .. err)
    assert.equal("3.0\n", run("LUA_CPATH=%s lua5.4 -e %s",
      quote(rocks .. "/lib/lua/5.4/?.so"),
      quote "print(require 'rnn'.tensor({1, 2}):sum():item())"))
  end)
end)

describe("Debian's packages", function()
  it("are built with what scripts/setup.sh names", function()
    local control = read "scripts/packaging/debian/control"
    local needs = control:match "Build%-Depends:(.-\n)%S"
    local body = read "scripts/setup.sh":match "\nbuild%(%) {(.-)\n}" .. "\n"
    local named = {gcc = true, make = true}   -- Debian's build-essential
    for package in needs:gmatch "\n? ([%w.+-]+)" do named[package] = true end
    for package in body:gmatch "need (%S+)" do
      assert.truthy(named[package], package)
    end
    for package in needs:gmatch "lib[%w.+-]+%-dev" do
      assert.truthy(body:find("need " .. package .. " ", 1, true), package)
    end
  end)
end)

-- }==
