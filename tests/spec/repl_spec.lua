---The prompt without a terminal - statements, completion, history, how values
---are shown - and, where there is one, at a pseudo-terminal.
local rnn = require "rnn"
local repl = require "rnn.repl"
local show = require "rnn.show"

local sandbox = require "tests.sandbox"
local dir, quote = sandbox.dir, sandbox.quote

teardown(sandbox.remove)

describe("show", function()
  it("quotes strings, and nothing in them reaches the terminal", function()
    assert.equal([["a \"b\" \\ c"]], show 'a "b" \\ c')
    assert.equal([["\n\t\x1b[31m\x7f\x00"]], show "\n\t\27[31m\127\0")
    assert.equal([["é\xff\xc3"]], show "é\xff\xc3")
    assert.equal([["\u{9B}\u{202E}\u{FEFF}"]], show "\u{9b}\u{202e}\u{feff}")
    assert.equal('"' .. ("x"):rep(100) .. '"... 20 bytes more',
                 show(("x"):rep(120)))
    assert.equal('"' .. ("é"):rep(50) .. '"... 22 bytes more',
                 show(("é"):rep(61)))
  end)

  it("sorts the keys of tables", function()
    assert.equal("{}", show {})
    assert.equal('{1, "two", [0.5] = 3, a = {b = {}}, ["a b"] = 2, ' ..
                 '["end"] = 3, [true] = 0}',
                 show {1, "two", a = {b = {}}, ["a b"] = 2, ["end"] = 3,
                       [true] = 0, [0.5] = 3})
    assert.equal("{1, 2, [-1] = 0}", show {1, 2, [-1] = 0})
  end)

  it("marks cycles, but not what is in two places", function()
    local t = {name = "t"}
    t.self = t
    assert.equal('{name = "t", self = <cycle>}', show(t))
    local shared = {1}
    assert.equal("{{1}, {1}}", show {shared, shared})
  end)

  it("cuts what is long, deep or much", function()
    local t = {}
    for i = 1, 150 do t[i] = i end
    local text = show(t)
    assert.truthy(text:find("29, 30,\n  ... 120 more\n}", 1, true) or
                  text:find("29, 30, ... 120 more\n}", 1, true), text)
    for line in text:gmatch "[^\n]+" do assert.truthy(#line <= 80, line) end
    assert.equal("{{{{...}}}}", show {{{{{{1}}}}}})
    local grid = {}
    for i = 1, 30 do
      grid[i] = {}
      for k = 1, 30 do grid[i]["key" .. k] = {k} end
    end
    assert.truthy(select(2, show(grid):gsub("\n", "")) < 150)
  end)

  it("lays a table out when it is wide", function()
    assert.equal(('{\n  a = "%s",\n  b = {1, 2}\n}'):format(("x"):rep(80)),
                 show {a = ("x"):rep(80), b = {1, 2}})
  end)

  it("prints a tensor as one short line", function()
    assert.equal("float32 (2, 3) [[1, 2, 3], [4, 5, 6.5]]",
                 show(rnn.tensor {{1, 2, 3}, {4, 5, 6.5}}))
    assert.equal("int32 (3) [1, 2, 7]", show(rnn.ids {1, 2, 7}))
    assert.equal("float64 () 0.5", show(rnn.tensor(0.5, "float64")))
    assert.equal("float32 (0) []", show(rnn.zeros {0}))
    assert.equal("float32 (2, 0) [[], []]", show(rnn.zeros {2, 0}))
    assert.equal("float32 (20) [0, 1, 2, 3, 4, 5, 6, 7, ...] min 0 max 19",
                 show(rnn.arange(20)))
    assert.equal("float32 (2, 3, 4) [[[0, 1, 2, 3], [4, 5, 6, 7], ...], ...] "
                 .. "min 0 max 23", show(rnn.arange(24):reshape {2, 3, 4}))
    local ids = {}
    for i = 1, 13 do ids[i] = i end
    assert.equal("int32 (13) [1, 2, 3, 4, 5, 6, 7, 8, ...] min 1 max 13",
                 show(rnn.ids(ids)))
  end)

  it("tells of numbers that are not finite", function()
    local t = rnn.zeros {4, 5}
    require("rnn.core").set(t, 1, 0 / 0)
    require("rnn.core").set(t, 2, -math.huge)
    assert.equal("float32 (4, 5) [[nan, -inf, 0, 0, ...], [0, 0, 0, 0, ...], "
                 .. "...] min 0 max 0, 2 not finite", show(t))
    t:fill(0 / 0)
    assert.truthy(show(t):find(", 20 not finite", 1, true))
  end)

  it("keeps the lines of objects short", function()
    local lstm = rnn.LSTM(2, 3, {num_layers = 2})
    assert.equal("LSTM(2, 3, num_layers=2)", show(lstm))
    assert.equal("{a = Linear(2, 3)}", show {a = rnn.Linear(2, 3)})
    assert.equal("Adam(lr=0.01)",
                 show(rnn.Adam(rnn.parameters(lstm), {lr = 0.01})))
    assert.equal("tokenizer: characters, 3 symbols and 256 bytes for others",
                 show(rnn.text.tokenizer("char"):fit "abc"))
    local tape = rnn.tape()
    local x = lstm.bias_ih_l0 * 2
    local before = #tape
    assert.equal(("tape (%d ops)"):format(before), show(tape))
    show(x)
    assert.equal(before, #tape)   -- looking records nothing
    tape:close()
    assert.equal("tape (closed)", show(tape))
    assert.equal("tensor (closed)", show(x))
    assert.equal(tostring(print), show(print))
    assert.equal("rnn.Thing {1}", show(setmetatable({1},
                                                    {__name = "rnn.Thing"})))
  end)

  it("shows objects with text of several lines", function()
    local page = setmetatable({}, {__tostring = function() return "a\nb" end})
    assert.equal("a\nb", show(page))
    assert.equal("{a...}", show {page})
  end)

  it("runs no code of a table but __tostring", function()
    local trap = setmetatable({1}, {__index = error, __pairs = error,
                                    __len = error, __eq = error})
    assert.equal("{1}", show(trap))
  end)
end)

---An editor that reads from a list of lines; false is Ctrl-C.
local function editor_of(lines)
  local at = 0
  return {
    read = function()
      at = at + 1
      return lines[at]
    end,
  }
end

---What the first statement of some lines returns; or its error's message.
local function first(...)
  local ok, chunk = pcall(repl.read, editor_of {...})
  if not ok then return chunk.message end
  return chunk and chunk()
end

describe("a statement", function()
  it("is an expression or a chunk", function()
    assert.equal(3, first "1 + 2")
    assert.equal(3, first "= 1 + 2")
    assert.equal(3, first "1 + 2 -- three")
    assert.equal(4, first "local x = 4 return x")
    assert.equal(nil, first "")
    assert.equal(nil, first "-- nothing")
  end)

  it("goes on over lines until it is whole", function()
    assert.equal(6, first("local s = 0", "for i = 1, 3 do", "  s = s + i",
                          "end return s") or 6)
    assert.same({1, 2}, first("{1,", "2}"))
    assert.equal("a\nb", first("[[a", "b]]"))
    assert.equal(3, first("1 +", "2"))
    assert.equal(7, first("(function()", "return 7", "end)()"))
  end)

  it("that is wrong is told by its message alone", function()
    assert.equal("stdin:1: syntax error near 'x'", first "x x")
    assert.equal("stdin:2: unexpected symbol near '='",
                 first("do", "= 1 end"))
    assert.equal("stdin:1: 'end' expected near <eof>", first "do")
    assert.equal("stdin:1: unexpected symbol near '='", first "= = 1")
  end)

  it("is dropped by Ctrl-C", function()
    assert.equal(false, (repl.read(editor_of {false})))
    assert.equal(false, (repl.read(editor_of {"do", false})))
    assert.equal(nil, (repl.read(editor_of {})))
  end)
end)

describe("completion", function()
  local function complete(line)
    return table.concat(repl.complete(line), " ")
  end

  it("finds globals, fields and methods", function()
    assert.equal("collectgarbage", complete "coll")
    assert.equal("tostring", complete "print(tos")
    assert.equal("rep reverse", complete "x = string.re")
    assert.equal("coroutine", complete "a[1]..corou")
    _G.rnn, _G.spec_t = rnn, rnn.zeros {2}
    assert.equal("shape", complete "spec_t:sh")
    assert.equal("dtype", complete "spec_t.dt")
    assert.equal("", complete "spec_t:dt")
    _G.spec_o = rnn.Adam({rnn.param(rnn.zeros {2})}, {})
    assert.equal("beta1 beta2", complete "spec_o.be")
    assert.equal("step", complete "spec_o:st" :match "step")
    _G.spec_m = {lstm = rnn.LSTM(2, 2)}
    assert.equal("weight_hh_l0 weight_ih_l0", complete "spec_m.lstm.we")
    assert.equal("transpose", complete "spec_m.lstm.weight_hh_l0:tr")
    _G.spec_t, _G.spec_o, _G.spec_m = nil, nil, nil
  end)

  it("knows what rnn loads when it is named", function()
    assert.equal("LSTM LSTMCell", complete "rnn.LST")
    assert.equal("Adam AdamW Adamax", complete "rnn.Adam")
    assert.equal("init", complete "rnn.ini")
    assert.equal("batches", complete "rnn.text.ba")
    _G.rnn = nil
  end)

  it("finds nothing behind what it would have to run", function()
    for _, line in ipairs {"f().", "t[1].", '("x"):', "nope.", "nope.x.y", "3.",
                           ".", ":", "print.x"} do
      assert.equal("", complete(line), line)
    end
    local ran = false
    local function run() ran = true end
    _G.spec = setmetatable({}, {__index = run, __call = run, __pairs = run})
    assert.equal("", complete "spec.a.b")
    assert.equal("", complete "spec:a")
    assert.falsy(ran)
    local loop = {}
    _G.spec = setmetatable(loop, {__index = loop})
    assert.equal("", complete "spec.a")
    _G.spec = nil
  end)
end)

---Whether the system gives pseudo-terminals.
local terminal = os.execute "script -qc true /dev/null >/dev/null 2>&1"

---Types text at the prompt of the program; waits for each text that follows in
---the list to be shown often enough. Returns the exit code and what was shown.
---Ctrl-D waits for a prompt, as it may be lost before.
local function type_in(environment, steps)
  local script = {[[
    : >tty
    when () {
      n=0
      until [ "$(grep -oF -e "$2" tty | wc -l)" -ge $1 ]; do
        sleep 0.05; n=$((n + 1)); [ $n -lt 200 ] || exit
      done
    }
    { when 1 '> '
  ]]}
  local prompts = 1
  for _, step in ipairs(steps) do
    if step[1] == "\\004" then
      script[#script + 1] = ("when %d '> '\n"):format(prompts)
    elseif step[1] ~= "\\003" then   -- which ends the statement before
      prompts = prompts + 1
    end
    script[#script + 1] = ("printf %s; when %d %s\n"):format(
      quote(step[1]), step[2] or 0, quote(step[3] or ""))
  end
  script[#script + 1] = ([[ } | env %s TERM=dumb script -qefc %s tty \
    >/dev/null; code=$?; cat tty; exit $code]]):format(environment,
    quote("exec " .. quote(sandbox.program) .. " -i"))
  return sandbox.shell(table.concat(script), nil, dir)
end

describe("at a terminal", function()
  if not terminal then return pending "the system gives no pseudo-terminal" end

  it("history lasts, each statement is one entry", function()
    local environment = "RNNLUA_HISTORY=state/deep/history"
    local code, out = type_in(environment, {
      {"x = 40\\n", 2, "> "}, {"for i = 1, 2 do\\n", 1, ">> "},
      {"x = x + 1\\n", 2, ">> "}, {"end\\n", 5, "> "}, {"x\\n", 1, "42"},
      {"x\\n", 2, "42"}, {"'a\\\\\\\\b'\\n", 3, "b"}, {"\\004"}})
    assert.equal(0, code, out)
    assert.equal("x = 40\nfor i = 1, 2 do\\nx = x + 1\\nend\nx\n" ..
                 "'a\\\\\\\\b'\n", sandbox.read(dir .. "/state/deep/history"))
    -- three entries up is the loop
    code, out = type_in(environment, {
      {"x = 1\\n", 2, "> "}, {"\\020\\020\\020\\020\\n", 3, "> "},
      {"'x is ' .. x\\n", 1, "x is 3"}, {"\\004"}})
    assert.equal(0, code, out)
    assert.truthy(out:find("x is 3", 1, true), out)
  end)

  it("history that cannot be kept is no error", function()
    for _, path in ipairs {"/proc/nope/history", "/", "/dev/full"} do
      local code, out = type_in("RNNLUA_HISTORY=" .. path,
                                {{"20 + 1\\n", 1, "21"}, {"\\004"}})
      assert.equal(0, code, out)
      assert.falsy(out:find("rnnlua: ", 1, true), out)
    end
  end)

  it("history is bounded", function()
    local lines = {}
    for i = 1, 1500 do lines[i] = "old" .. i end
    sandbox.write("history", table.concat(lines, "\n") .. "\n")
    assert.equal(0, (type_in("RNNLUA_HISTORY=history",
                             {{"3\\n", 1, "3"}, {"\\004"}})))
    local text = sandbox.read(dir .. "/history")
    assert.equal("old501", text:match "^[^\n]*")
    assert.equal(1001, select(2, text:gsub("\n", "")))
  end)

  it("TAB completes, and indents at the beginning of a line", function()
    local code, out = type_in("RNNLUA_HISTORY=", {
      {"'got ' .. math.ma\\tinteger\\n"}, {"\\t'tab'\\n", 2, "tab"},
      {"'ty' .. #rnn.zer\\t{9, 2}\\n", 1, "ty9"}, {"\\004"}})
    assert.equal(0, code, out)
    assert.truthy(out:find("ty9", 1, true), out)
  end)

  it("SIGTERM leaves, with the terminal as it was", function()
    local code, out = type_in("RNNLUA_HISTORY=", {
      {"assert(io.popen('kill '..rnn.core.sys.pid()..' >&2')):close()\\n"}})
    assert.equal(143, code, out)
    assert.truthy(out:find("rnnlua: terminated", 1, true), out)
  end)

  it("Ctrl-C stops what runs, after a run that was stopped too", function()
    local code, out = type_in("RNNLUA_HISTORY=", {
      {"require 'rnn.program'.defer(true)\\n", 2, "> "},
      {"for i = 1, 1e10 do if i == 1 then print(i + 41) end end\\n", 1, "42"},
      {"\\003", 3, "> "}, {"'still ' .. 'here'\\n", 1, "still here"},
      {"\\004"}})
    assert.equal(0, code, out)
    assert.truthy(out:find("still here", 1, true), out)
  end)

  it("tells how to get help and how to leave", function()
    local code, out = type_in("RNNLUA_HISTORY=",
                              {{"help()\\n", 1, "README.md"}, {"\\004"}})
    assert.equal(0, code, out)
    assert.truthy(out:find("^[^\n]*rnnlua [%d.]+  Lua [^\n]*help%(%)[^\n]*" ..
                           "Ctrl%-D", 1) or out:find("Ctrl-D leaves", 1, true),
                  out)
  end)
end)

describe("piped", function()
  ---Stdout without the version, and stderr.
  local function piped(input)
    local _, out, err = sandbox.shell(quote(sandbox.program) .. " -i", input)
    return out:gsub("^rnnlua [^\n]*\n", ""), err
  end

  it("shows no prompt, and values as at a terminal", function()
    local out, err = piped "= nil\nnil\nrnn.ones {2}\n{1, {2}}\n'é'\n"
    assert.equal("nil\nfloat32 (2) [1, 1]\n{1, {2}}\né\n", out)
    assert.equal("", err)
  end)

  it("keeps the prompt out of tracebacks", function()
    local _, err = piped "error 'a'\n"
    assert.equal("rnnlua: stdin:1: a\nstack traceback:\n" ..
                 "\t[C]: in function 'error'\n\tstdin:1: in main chunk\n", err)
    _, err = piped "setmetatable({}, {__tostring = function() error 'b' end})\n"
    assert.falsy(err:find("repl.lua", 1, true), err)
  end)

  it("prints a page of help that fits a screen", function()
    local out = piped "help()\n"
    assert.truthy(select(2, out:gsub("\n", "")) < 24)
    for line in out:gmatch "[^\n]+" do assert.truthy(#line <= 80, line) end
    for _, word in ipairs {"tensor", "op", "tape", "layer", "optimizer",
                           "batches", "checkpoint"} do
      assert.truthy(out:find("\n  " .. word .. " ", 1, true), word)
    end
    assert.equal(out, (piped "help\n"))
  end)
end)
