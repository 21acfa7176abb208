---The program rnnlua as a user meets it: options, scripts, exit codes, the
---prompt. RNNLUA_BIN names another program to test.
require "rnn"
local lfs = require "lfs"
local clock = require("rnn.run").clock

local sandbox = require "tests.sandbox"
local program, dir = sandbox.program, sandbox.dir
local write, quote = sandbox.write, sandbox.quote
local stock = os.getenv "LUA" or "lua5.4"
local scripts = lfs.currentdir() .. "/scripts"

local function shell(command, input)
  return sandbox.shell(command, input, dir)
end

local CLEAN = "env -u LUA_INIT -u LUA_INIT_5_4 -u LUA_PATH -u LUA_PATH_5_4 "

---The command that runs the program, free of the environment of the tests.
local function command(...)
  local words = {quote(program)}
  for _, word in ipairs {...} do words[#words + 1] = quote(word) end
  return CLEAN .. table.concat(words, " ")
end

local function run(...)
  return shell(command(...))
end

---Asserts the exit code and that stderr is this one line.
local function refused(code, line, ...)
  local got, out, err = run(...)
  assert.equal(line .. "\n", err)
  assert.equal("", out)
  assert.equal(code, got)
end

local function sorted_words(text)
  local list = {}
  for word in text:gmatch "%S+" do list[#list + 1] = word end
  table.sort(list)
  return list
end

teardown(sandbox.remove)

describe("options", function()
  it("-e runs a string, several in order", function()
    local code, out, err = run("-e", "x = 2", "-eprint(x)", "-e", "print(x*x)")
    assert.equal("2\n4\n", out)
    assert.equal("", err)
    assert.equal(0, code)
  end)

  it("-l makes a module a global", function()
    local show = "print(type(rnn), type(g))"
    assert.equal("table\tnil\n", select(2, run("-l", "rnn", "-e", show)))
    assert.equal("table\tnil\n", select(2, run("-lrnn", "-e", show)))
    assert.equal("nil\ttable\n", select(2, run("-l", "g=rnn", "-e", show)))
    local code, _, err = run("-l", "rnn.no_such_module")
    assert.equal(1, code)
    assert.truthy(err:find("module 'rnn.no_such_module' not found", 1, true))
  end)

  it("-v and --version show the version and the one of Lua", function()
    for _, option in ipairs {"-v", "--version"} do
      local code, out = run(option)
      assert.equal(0, code)
      assert.truthy(out:find "^rnnlua %d+%.%d+%.%d+  Lua 5%.4[%d.]*\n$", out)
    end
    local path = write("v.lua", "print 'ran'")
    assert.truthy(select(2, run("-v", path)):find "^rnnlua .*\nran\n$")
  end)

  it("-W turns warnings on", function()
    assert.equal("", select(3, run("-e", "warn 'w'")))
    assert.equal("Lua warning: w\n", select(3, run("-W", "-e", "warn 'w'")))
  end)

  it("-E ignores the environment", function()
    local _, out = shell("export LUA_INIT='print(1)' LUA_PATH=zzz; " ..
      quote(program) .. " -E -e 'print(package.path)'")
    assert.falsy(out:find "zzz")
    assert.falsy(out:find "^1\n")
  end)

  it("-h and --help fit a screen, wherever they stand", function()
    local code, help, err = run("--help")
    assert.equal(0, code)
    assert.equal("", err)
    local lines = 0
    for line in help:gmatch "([^\n]*)\n" do
      lines = lines + 1
      assert.truthy(#line <= 80, line)
    end
    assert.truthy(lines < 25, lines)
    for _, option in ipairs {"-e", "-l", "-i", "-v", "-E", "-W", "--", "-h"} do
      assert.truthy(help:find("\n  " .. option, 1, true), option)
    end
    assert.equal(help, select(2, run("-h")))
    assert.equal(help, select(2, run("-v", "-h")))
  end)

  it("that are unknown or incomplete are usage errors", function()
    local hint = "; rnnlua --help lists them"
    for _, option in ipairs {"-z", "--nope", "-vx", "---"} do
      refused(2, ("rnnlua: unknown option '%s'%s"):format(option, hint),
              option)
    end
    refused(2, "rnnlua: unknown option '-z'" .. hint, "-e", "print(1)", "-z")
    refused(2, "rnnlua: '-e' needs an argument", "-e")
    refused(2, "rnnlua: '-l' needs an argument", "-v", "-l")
  end)

  it("end at -- and at the script", function()
    local path = write("-v", "print(...)")
    assert.truthy(path)
    assert.equal("-e\t1\n", select(2, run("--", "-v", "-e", "1")))
    assert.equal("-e\t--help\n",
                 select(2, run("./-v", "-e", "--help")))
  end)
end)

describe("scripts", function()
  it("get their arguments in arg, with those of the program below", function()
    local path = write("args.lua", [[
      for i = -4, 4 do io.write(i, "=", tostring(arg[i]), " ") end
      print(#arg, ...)]])
    local code, out = run("-W", "-e", "y = 1", path, "a b", "")
    assert.equal(0, code)
    assert.equal(("-4=%s -3=-W -2=-e -1=y = 1 0=%s 1=a b 2= 3=nil 4=nil " ..
                  "2\ta b\t\n"):format(program, path), out)
    assert.equal(program .. "\t-e\n",
                 select(2, run("-e", "print(arg[0], arg[1])")))
  end)

  it("come from standard input with - and without a script", function()
    local code, out = shell(command("-", "a", "b"), "print(arg[0], ...)")
    assert.equal("-\ta\tb\n", out)
    assert.equal(0, code)
    assert.equal("3\n", select(2, shell(command(), "print(1 + 2)")))
    local err
    code, out, err = shell(command("-"), "x x")
    assert.equal(1, code)
    assert.equal("", out)
    assert.equal("rnnlua: stdin:1: syntax error near 'x'\n", err)
  end)

  it("are looked up among the installed ones", function()
    local code, out, err = run("train_charlm.lua", "--help")
    assert.equal(0, code, err)
    assert.truthy(out:find("Usage: rnnlua train_charlm.lua", 1, true), out)
  end)

  it("of the folder come before the installed ones", function()
    local path = write("sample.lua", "print 'mine'")
    assert.equal("mine\n", select(2, run "sample.lua"))
    os.remove(path)
  end)

  it("are found beside an installed program", function()
    assert.equal(0, (shell(([[
      mkdir -p inst/bin inst/share/rnnlua/scripts inst/bare && cp %s inst/bin/
      echo 'print(arg[0], ...)' >inst/share/rnnlua/scripts/only.lua]]):format(
      quote(program)))))
    local here = dir .. "/inst"
    local code, out = shell(CLEAN .. "inst/bin/rnnlua only.lua 1")
    assert.equal("only.lua\t1\n", out)
    assert.equal(0, code)
    local _, _, err = shell(CLEAN .. "inst/bin/rnnlua nope.lua")
    assert.equal(("rnnlua: no script 'nope.lua' here or in " ..
      "%s/share/rnnlua/scripts; rnnlua --help lists options\n"):format(here),
      err)
  end)

  it("that are missing are usage errors of one line", function()
    local tail = "; rnnlua --help lists options"
    if not os.getenv "RNNLUA_BIN" then
      refused(2, ("rnnlua: no script 'nope.lua' here or in %s%s"):format(
              scripts, tail), "nope.lua", "--data", "x")
    end
    refused(2, "rnnlua: no script '/nope/x.lua'" .. tail, "/nope/x.lua")
    refused(2, "rnnlua: no script '../scripts/sample.lua'" .. tail,
            "../scripts/sample.lua")
    refused(2, "rnnlua: no script ''" .. tail, "")
  end)

  it("with syntax errors say where", function()
    local path = write("bad.lua", "local a = 1\nlocal b = = 2\n")
    refused(1, ("rnnlua: %s:2: unexpected symbol near '='"):format(path), path)
    refused(1, "rnnlua: (command line):1: syntax error near 'x'", "-e", "x x")
  end)

  it("are text only", function()
    local path = write("code.luac", string.dump(function() end))
    local code, _, err = run(path)
    assert.equal(1, code)
    assert.truthy(err:find "attempt to load a binary chunk", err)
  end)
end)

describe("a script that fails", function()
  it("shows a traceback", function()
    local path = write("fail.lua", "local function f() error 'why' end\nf()\n")
    local code, out, err = run(path)
    assert.equal(1, code)
    assert.equal("", out)
    assert.truthy(err:find(("rnnlua: %s:1: why\nstack traceback:\n"):format(
                  path), 1, true), err)
    assert.truthy(err:find "fail.lua:2: in main chunk", err)
  end)

  it("with any value says which", function()
    local function message(text)
      return (select(3, run("-e", text)):match "^[^\n]*")
    end
    assert.equal("rnnlua: (error object is a nil value)", message "error()")
    assert.equal("rnnlua: (error object is a table value)",
                 message "error {}")
    assert.equal("rnnlua: shown", message
      "error(setmetatable({}, {__tostring = function() return 'shown' end}))")
  end)

  it("with an exit code and a message prints just that", function()
    for _, code in ipairs {1, 2, 3, 4, 5, 130, 255} do
      refused(code, "rnnlua: loss is nan", "-e",
              ("error {exit = %d, message = 'loss is nan'}"):format(code))
    end
    local path = write("cli.lua", "error({exit = 3, message = 'x: no model'})")
    refused(3, "rnnlua: x: no model", path)
    local code, out, err = run("-e", "error {exit = 0}")
    assert.equal("", out .. err)
    assert.equal(0, code)
  end)

  it("with an exit code that is none fails as others do", function()
    for _, exit in ipairs {"4.5", "-1", "256", "'3'", "true", "1 << 32"} do
      local code, _, err = run("-e", ("error {exit = %s}"):format(exit))
      assert.equal(1, code, exit)
      assert.truthy(err:find "error object is a table value", exit)
    end
  end)

  it("within what can be: recursion, memory, errors in errors", function()
    for _, text in ipairs {
      "local function f() return 1 + f() end f()",
      "error(setmetatable({}, {__tostring = error}))",
      "local t = ('x'):rep(1 << 40)",
    } do
      local code, _, err = run("-e", text)
      assert.equal(1, code, text)
      assert.truthy(err:find "^rnnlua: ", err)
    end
  end)

  it("stops the options behind it", function()
    local code, out = run("-e", "error {exit = 3}", "-e", "print 'ran'")
    assert.equal(3, code)
    assert.equal("", out)
  end)
end)

describe("exit", function()
  it("by os.exit keeps the code and the output", function()
    for _, close in ipairs {"false", "true"} do
      local code, out = run("-e", ("io.write 'x' os.exit(7, %s)"):format(close))
      assert.equal(7, code)
      assert.equal("x", out)
    end
  end)

  it("closes the state", function()
    local _, out = run("-e", "setmetatable({}, {__gc = function() " ..
                       "print 'closed' end})")
    assert.equal("closed\n", out)
  end)

  it("tells that the output could not be written", function()
    if not lfs.attributes "/dev/full" then return pending "no /dev/full" end
    for _, text in ipairs {"print(1)", "io.write 'x'", "print(1) print(2)"} do
      local code, _, err = shell(command("-e", text) .. " >/dev/full")
      assert.equal(1, code)
      assert.equal("rnnlua: cannot write standard output\n", err)
    end
  end)

  it("is quiet when the reader has gone", function()
    local code, out, err = shell(
      command("-e", "for i = 1, 1e6 do print(i) end") .. " | head -n 1")
    assert.equal("1\n", out)
    assert.equal("", err)
    assert.equal(0, code)
  end)

  ---Sends a signal to a script that says it is ready; returns the exit code
  ---and stderr.
  local function signalled(signal, text)
    local path = write("signal.lua", "io.stderr:write 'ready\\n'\n" .. text)
    local code, _, err = shell(([[
      rm -f ready; %s 2>ready & pid=$!
      until grep -qs ready ready; do
        sleep 0.02; kill -0 $pid || break
      done
      kill -%s $pid; wait $pid; code=$?; cat ready >&2; exit $code]]):format(
      command(path):gsub("^env", "exec env"), signal))
    return code, err:gsub("^ready\n", "")
  end

  for signal, expected in pairs {INT = {130, "interrupted"},
                                 TERM = {143, "terminated"}} do
    it("after SIG" .. signal .. " is one line", function()
      local code, err = signalled(signal, "while true do end")
      assert.equal(("rnnlua: %s\n"):format(expected[2]), err)
      assert.equal(expected[1], code)
    end)

    it("after SIG" .. signal .. " does not wait for input", function()
      shell "rm -f fifo; mkfifo fifo"
      local code, err = signalled(signal, "io.open('fifo', 'r+'):read()")
      assert.equal(("rnnlua: %s\n"):format(expected[2]), err)
      assert.equal(expected[1], code)
    end)

    it("after a caught SIG" .. signal .. " is up to the script", function()
      local code, err = signalled(signal, [[
        local ok, message = pcall(function() while true do end end)
        error {exit = 9, message = message:match "%a+!$"}]])
      assert.equal(("rnnlua: %s!\n"):format(expected[2]), err)
      assert.equal(9, code)
    end)
  end

  it("is not taken for a signal by the text of an error", function()
    assert.equal(1, (run("-e", "error 'interrupted!'")))
  end)
end)

describe("the environment", function()
  it("runs LUA_INIT first", function()
    local tail = " " .. quote(program) .. " -e 'print(x)'"
    assert.equal("5\n", select(2, shell("LUA_INIT='x = 5'" .. tail)))
    write("init.lua", "x = 6")
    assert.equal("6\n", select(2, shell("LUA_INIT=@init.lua" .. tail)))
    assert.equal("7\n", select(2, shell("LUA_INIT_5_4='x = 7' " ..
                                        "LUA_INIT='x = 5'" .. tail)))
    local code, out, err = shell("LUA_INIT='x x'" .. tail)
    assert.equal(1, code)
    assert.equal("", out)
    assert.equal("rnnlua: LUA_INIT:1: syntax error near 'x'\n", err)
  end)

  it("has the globals of lua and no others", function()
    local list = "for k in pairs(_G) do print(k) end"
    local _, theirs = shell(CLEAN .. stock .. " -e " .. quote(list))
    local _, ours = run("-e", list)
    assert.same(sorted_words(theirs), sorted_words(ours))
    _, ours = run("-e", "require 'rnn'.Linear(2, 2) require 'rnn.text' " ..
                  list)
    assert.same(sorted_words(theirs), sorted_words(ours))
  end)

  it("with unknown kernels is a usage error", function()
    for _, words in ipairs {"-e 'require \"rnn\"'", "-l rnn", "-i",
                            "train_charlm.lua --help"} do
      local code, out, err = shell(("RNNLUA_KERNELS=neon %s %s"):format(
        quote(program), words))
      assert.equal(2, code)
      assert.equal("", out)
      assert.truthy(err:find("^rnnlua: RNNLUA_KERNELS: there are no " ..
                             "kernels 'neon'; there are [^\n]*\n$"), err)
    end
  end)

  it("finds rnn from any folder without a path", function()
    local code, out, err = run("-e", "package.path, package.cpath = '', '' " ..
      "print(require 'rnn'.tensor {1, 2}:sum():item())")
    assert.equal("", err)
    assert.equal("3.0\n", out)
    assert.equal(0, code)
  end)
end)

describe("the prompt", function()
  ---What the prompt prints for this input, without the version line.
  local function prompt(input)
    local code, out, err = shell(command "-i", input)
    assert.truthy(out:find "^rnnlua [^\n]*\n", out)
    return out:gsub("^[^\n]*\n", ""), err, code
  end

  it("prints values and runs statements", function()
    local out, err, code = prompt("1 + 1\nx = 3\nx, 'a', nil\nprint(x)\n\n")
    assert.equal("2\n3\ta\tnil\n3\n", out)
    assert.equal("", err)
    assert.equal(0, code)
  end)

  it("goes on until a statement is whole", function()
    assert.equal("1\n2\n", (prompt "for i = 1, 2 do\nprint(i)\nend\n"))
    assert.equal("a\nb\n", (prompt "s = [[a\nb]]\ns\n"))
    local out, err, code = prompt "for i = 1, 2 do\n"
    assert.equal("", out)
    assert.equal("rnnlua: stdin:1: 'end' expected near <eof>\n", err)
    assert.equal(0, code)
  end)

  it("survives errors", function()
    local out, err, code = prompt("error 'one'\nx x\nerror {exit = 3, " ..
      "message = 'two'}\nsetmetatable({}, {__tostring = error})\n'on'\n")
    assert.equal("on\n", out)
    assert.truthy(err:find "rnnlua: stdin:1: one\nstack traceback:", err)
    assert.truthy(err:find "rnnlua: stdin:1: syntax error near 'x'\n", err)
    assert.truthy(err:find "\nrnnlua: two\n", err)
    assert.equal(0, code)
  end)

  it("has rnn as a global, unless a script ran", function()
    assert.equal("table\n", (prompt "type(rnn)\n"))
    local path = write("quiet.lua", "y = 8")
    local _, out = shell(command("-i", path), "type(rnn), y\n")
    assert.truthy(out:find "\nnil\t8\n$", out)
  end)

  it("takes a last line without its end", function()
    assert.equal("4\n", (prompt "2 + 2"))
  end)

  it("drops a line or stops a loop at Ctrl-C", function()
    if not os.execute "script -qc true /dev/null >/dev/null 2>&1" then
      return pending "the system gives no pseudo-terminal"
    end
    -- exec: a shell in between would die of the same Ctrl-C
    local code, out = shell(([[
      : >tty
      when () {   # a count, a text: waits for the terminal to show it
        n=0
        until [ "$(grep -oF "$2" tty | wc -l)" -ge $1 ]; do
          sleep 0.05; n=$((n + 1)); [ $n -lt 200 ] || exit
        done
      }
      { when 1 '> '; printf 'abc\003'; when 2 '> '; printf '40 + 2\n'
        when 1 42; when 3 '> '; printf 'io.write("bu".."sy"):flush() '
        printf 'while true do end\n'; when 1 busy; sleep 0.1; printf '\003'
        when 1 interrupted; when 4 '> '; printf '\004'
      } | TERM=dumb script -qefc %s tty >/dev/null; code=$?
      cat tty; exit $code]]):format(quote("exec " .. command())))
    assert.equal(0, code, out)
    assert.truthy(out:find "42\r\n", out)
    assert.truthy(out:find "rnnlua: interrupted\r\n", out)
    assert.falsy(out:find("stack traceback", 1, true), out)
  end)
end)

describe("start-up", function()
  ---Milliseconds of one run.
  local function measure(...)
    local start, n = clock(), 10
    for _ = 1, n do assert.equal(0, (run(...))) end
    return (clock() - start) / n * 1e3
  end

  it("is shown", function()
    print(("# start-up: %.1f ms, with rnn %.1f ms"):format(
      measure("-e", ""), measure("-l", "rnn")))
  end)
end)
