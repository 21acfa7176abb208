---rnn.plot and scripts/plot.lua: what is drawn of which log, and what is told
---when nothing can be.
local rnn = require "rnn"
local plot = require "rnn.plot"

local sandbox = require "tests.sandbox"
local dir, quote, write = sandbox.dir, sandbox.quote, sandbox.write
local have = os.execute "command -v gnuplot >/dev/null 2>&1"

teardown(sandbox.remove)

---Runs the script; returns its exit code, stdout and stderr.
local function run(...)
  local words = {quote(sandbox.program), "scripts/plot.lua"}
  for _, word in ipairs {...} do words[#words + 1] = quote(word) end
  return sandbox.shell(table.concat(words, " "))
end

---The same in a PATH without gnuplot: the plotted data as CSV lines.
local function data(...)
  local words = {"PATH=/nonexistent", quote(sandbox.program),
                 "scripts/plot.lua"}
  for _, word in ipairs {...} do words[#words + 1] = quote(word) end
  words[#words + 1] = "--out " .. quote(dir .. "/data.png")
  os.remove(dir .. "/data.csv")
  local code, _, err = sandbox.shell(table.concat(words, " "))
  if code ~= 1 then return nil, err, code end
  local lines = {}
  for line in sandbox.read(dir .. "/data.csv"):gmatch "[^\n]+" do
    lines[#lines + 1] = line
  end
  return lines, err, code
end

local START = '{"event":"start","config":{"tokenizer":"char"}}\n'

---A run folder whose log has these lines behind the start.
local function log(name, ...)
  assert(os.execute("mkdir -p " .. quote(dir .. "/" .. name)))
  write(name .. "/log.jsonl", START .. table.concat({...}, "\n") .. "\n")
  return dir .. "/" .. name
end

local function step(k, fields)
  return ('{"event":"step","step":%d,%s}'):format(k, fields)
end

local one = log("one", step(1, '"loss":4,"time":1,"epoch":1,"lr":0.5'),
                step(2, '"loss":2,"time":2,"epoch":1,"lr":0.5'),
                '{"event":"val","step":2,"val_loss":3,"time":2}',
                step(3, '"loss":3,"time":3,"epoch":2,"lr":0.25'))
local two = log("two", step(1, '"loss":5,"time":0.5'),
                '{"event":"val","step":1,"val_loss":6}')

describe("the data of a plot", function()
  it("are the losses of a run and its validations", function()
    assert.same({"line,step,loss (nats per char)", "training,1,4",
                 "training,2,2", "training,3,3", "validation,2,3"}, data(one))
  end)

  it("are named by what differs between runs", function()
    assert.same({"line,step,loss (nats per char); points: validation",
                 "one,1,4", "one,2,2", "one,3,3", ",2,3", "two,1,5", ",1,6"},
                data(one .. "/log.jsonl", two .. "/"))
  end)

  it("are smoothed around each step", function()
    assert.same({"line,step,loss (nats per char)", "each step,1,4",
                 "each step,2,2", "each step,3,3", "mean of 3 steps,1,3",
                 "mean of 3 steps,2,3", "mean of 3 steps,3,2.5",
                 "validation,2,3"}, data(one, "--smooth", "3"))
  end)

  it("are what is asked for", function()
    assert.same({"line,step,learning rate", ",1,0.5", ",2,0.5", ",3,0.25"},
                data(one, "--what", "lr"))
    assert.same({"line,step,validation loss (nats per char)", "one,2,3",
                 "two,1,6"}, data(one, two, "--what", "val"))
    assert.same({"line,step,learning rate", ",3,0.25"},
                data(one, "--what", "lr", "--from", "3"))
  end)

  it("lie where time or epoch puts them", function()
    assert.same({"line,time (s),learning rate", ",1,0.5", ",2,0.5", ",3,0.25"},
                data(one, "--what", "lr", "--x", "time"))
    assert.same({"line,epoch,learning rate", ",0.5,0.5", ",1,0.5", ",1.5,0.25"},
                data(one, "--what", "lr", "--x", "epoch"))
    local resumed = log("resumed", step(1, '"lr":1,"time":1000'),
                        step(2, '"lr":1,"time":2000'),
                        step(3, '"lr":1,"time":1000'))
    assert.same({"line,time (min),learning rate", ",16.6666667,1",
                 ",33.3333333,1", ",50,1"},
                data(resumed, "--what", "lr", "--x", "time"))
    local means = data(resumed, resumed, "--what", "lr", "--x", "time",
                       "--smooth", "3")
    assert.equal("resumed,50,1", means[4])
  end)

  it("leave gaps where a number was not finite", function()
    local gap = log("gap", step(1, '"loss":1'), step(2, '"lr":1'),
                    step(3, '"loss":3'))
    assert.same({"line,step,loss (nats per char)", "training,1,1",
                 "training,3,3"}, data(gap))
  end)

  it("are those of a log that is still written", function()
    local path = log("live", step(1, '"loss":1'), step(2, '"loss":2'))
    local file <close> = assert(io.open(path .. "/log.jsonl", "ab"))
    file:write '{"event":"step","step":3,"lo'
    file:flush()
    assert.equal(3, #data(path))
  end)
end)

describe("a plot", function()
  if not have then return pending "gnuplot is not installed" end

  it("is a picture by the name of its file", function()
    for name, head in pairs {["p.png"] = "^\x89PNG", ["p.svg"] = "<svg"} do
      local path = dir .. "/" .. name
      local code, out, err = run(one, two, "--out", path, "--title",
                                 "it's $(a) `b` \\n @x", "--log-y")
      assert.equal(0, code, err)
      assert.equal("", out .. err)
      assert.truthy(sandbox.read(path):find(head), name)
    end
    assert.truthy(sandbox.read(dir .. "/p.svg"):find("it's $(a) `b`", 1, true)
                  or sandbox.read(dir .. "/p.svg"):find("$(a) `b`", 1, true))
  end)

  it("is as wide as the terminal, and plain in a pipe", function()
    local code, out, err = run(one)
    assert.equal(0, code, err)
    assert.truthy(out:find("loss (nats per char)", 1, true), out)
    assert.truthy(out:find("validation", 1, true), out)
    assert.falsy(out:find "\27")
    for line in out:gmatch "[^\n]+" do assert.truthy(#line <= 79, line) end
  end)

  it("shows both ends of what is thinned", function()
    local x, y = {}, {}
    for i = 1, 1000000 do x[i], y[i] = i, 1 end
    y[123456], y[654321] = 9, -7
    local path = dir .. "/thin.svg"
    assert(plot.lines(path, {lines = {{name = "a", x = x, y = y}}}))
    local svg = sandbox.read(path)
    assert.truthy(#svg < 400000, #svg)
    assert.truthy(svg:find("> 8<", 1, true) or svg:find(">8<", 1, true) or
                  svg:find(">10<", 1, true) or svg:find("> 10<", 1, true))
  end)

  it("of lines that are not finite or constant is drawn", function()
    local nan = 0 / 0
    assert(plot.lines(dir .. "/c.svg", {lines = {
      {name = "a", x = {1, 2, 3, 4}, y = {1, nan, math.huge, 1}},
      {name = "none", x = {1}, y = {nan}}}}))
    local ok, message, code = plot.lines(dir .. "/n.svg", {lines = {
      {x = {1}, y = {nan}}}})
    assert.falsy(ok)
    assert.equal("EDATA", code)
    assert.equal(dir .. "/n.svg: nothing to plot", message)
  end)
end)

describe("what cannot be plotted", function()
  local function fails(code, text, ...)
    local got, out, err = run(...)
    assert.equal(code, got, err)
    assert.equal("", out)
    assert.equal(1, select(2, err:gsub("\n", "")), err)
    assert.truthy(err:find(text, 1, true), err)
  end

  it("is told in one line", function()
    fails(3, "No such file or directory", dir .. "/nope")
    fails(3, "log.jsonl: No such file or directory", dir)
    fails(3, "is no log of a run", write("text.txt", "no log\n"))
    fails(3, "the log has no counts of tokens", one, "--x", "tokens")
    fails(3, "two: the log has no second epoch", one, two, "--x", "epoch")
    fails(3, "nothing to plot", one, "--from", "100")
    fails(5, "No such file or directory", one, "--out", dir .. "/nope/p.png")
    fails(2, ".png or .svg, or be -", one, "--out", dir .. "/p.jpg")
    fails(3, "one: the log has no 'los'; it has loss, lr, val",
          one, two, "--what", "los")
    fails(2, "missing argument 'run'")
  end)

  it("for want of gnuplot leaves the data", function()
    local lines, err = data(one)
    assert.equal(5, #lines)
    assert.equal(("rnnlua: gnuplot is not installed (Debian's package: " ..
                  "gnuplot-nox); the data are in %s/data.csv\n"):format(dir),
                 err)
    assert.falsy(io.open(dir .. "/data.png"))
    local code, out
    code, out, err = sandbox.shell(("PATH=/nonexistent %s scripts/plot.lua %s")
      :format(quote(sandbox.program), quote(one)))
    assert.equal(1, code)
    assert.equal("", out)
    assert.equal("rnnlua: gnuplot is not installed (Debian's package: " ..
                 "gnuplot-nox)\n", err)
  end)
end)

describe("run_curves", function()
  it("takes events as read_log gives them", function()
    local events = assert(rnn.run.read_log(one .. "/log.jsonl"))
    local ok, wrong = plot.run_curves(dir .. "/r.svg",
                                      {{name = "one", events = events}})
    if have then assert(ok, wrong) end
  end)
end)

describe("a heat map", function()
  local O = {rows = {{0, 1, 4}, {2, -1, 3}}, xlabels = {"ab", "\u{72D7}", "c"},
             ylabels = {"x", "\u{4E2D}\u{6587}"}, title = "t\27"}

  ---What a program prints that draws on the terminal.
  local function printed(o)
    local path = write("heat.lua", ([[
      local rnn = require "rnn"
      assert(rnn.plot.heatmap("-", %s))]]):format(o))
    return select(2, sandbox.shell(quote(sandbox.program) .. " " ..
                                   quote(path)))
  end

  it("stands on a terminal, its labels over columns two wide", function()
    local text = printed [[{rows = {{0, 1, 4}, {2, -1, 3}},
      xlabels = {"ab", "\u{72D7}", "c"}, ylabels = {"x", "\u{4E2D}\u{6587}"},
      title = "t\27"}]]
    assert.equal("t\\x1b\n" ..
      "     a\n" ..
      "     b  \u{72D7} c\n" ..
      "   x    \u{2591}\u{2591} \u{2588}\u{2588}\n" ..
      "\u{4E2D}\u{6587} \u{2592}\u{2592}    \u{2593}\u{2593}\n", text)
    assert.equal(" \u{2588}\u{2588}\n", printed "{rows = {{1}}}")
    assert.equal("\n", printed "{rows = {{0}}}")
    assert.equal(" ?? \u{2588}\u{2588} \u{2588}\u{2588}\n" ..
                 "       \u{2592}\u{2592}\n",
                 printed "{rows = {{0/0, 1/0, 2}, {-1/0, 0, 1}}}")
  end)

  it("is a picture, or leaves its data", function()
    local path = dir .. "/heat.svg"
    local ok, wrong = plot.heatmap(path, O)
    if have then
      assert(ok, wrong)
      local svg = sandbox.read(path)
      assert.truthy(svg:find("\u{72D7}", 1, true))
      assert.truthy(svg:find "<image")
    end
    if have then   -- a single row, too, and white is 0
      assert(plot.heatmap(path, {rows = {{0.5, 1, 0/0}}, ylabels = {"a"}}))
      local svg = sandbox.read(path)
      assert.truthy(svg:find "<image")
      assert.truthy(svg:find "> 0<" and not svg:find "> *%-")
    end
    local from = write("none.lua", ([[
      local rnn = require "rnn"
      print(select(2, rnn.plot.heatmap(%q, {rows = {{1, 2}},
                                            ylabels = {'a "b"'}})))]])
      :format(dir .. "/none.png"))
    local _, out = sandbox.shell("PATH=/nonexistent " ..
      quote(sandbox.program) .. " " .. quote(from))
    assert.truthy(out:find("none.csv", 1, true), out)
    assert.equal('y,x,value\n"a ""b""",1,1\n"a ""b""",2,2\n',
                 sandbox.read(dir .. "/none.csv"))
  end)

  it("needs rows of the same length", function()
    local function refused(message, o, path)
      local ok, wrong = plot.heatmap(path or "-", o)
      assert.is_nil(ok)
      assert.truthy(wrong:find(message, 1, true), wrong)
    end
    refused("there are no numbers", {rows = {}})
    refused("there are no numbers", {rows = {{}}})
    refused("row 2 has 1 numbers, expected 2", {rows = {{1, 2}, {1}}})
    refused("must end in .png or .svg", O, dir .. "/heat.gif")
  end)
end)
