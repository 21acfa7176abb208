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

---The CSV rows that a call leaves where there is no gnuplot.
local function rows_of(call)
  local path = write("rows.lua", ([[
    local plot, nan = require("rnn").plot, 0 / 0
    local ok, wrong, code = plot.%s
    assert(not ok and not code and wrong:find("gnuplot%%-nox"), wrong)]])
    :format(call:format(("%q"):format(dir .. "/rows.png"))))
  os.remove(dir .. "/rows.csv")
  local code, _, err = sandbox.shell("PATH=/nonexistent " ..
    quote(sandbox.program) .. " " .. quote(path))
  assert.equal(0, code, err)
  assert.falsy(io.open(dir .. "/rows.png"))
  local rows = {}
  for row in sandbox.read(dir .. "/rows.csv"):gmatch "[^\n]+" do
    rows[#rows + 1] = row
  end
  return rows
end

---What a program prints that draws on the terminal.
local function printed(call)
  local path = write("printed.lua", ([[
    local rnn = require "rnn"
    assert(rnn.plot.%s)]]):format(call))
  local code, out, err = sandbox.shell(quote(sandbox.program) .. " " ..
                                       quote(path))
  assert.equal(0, code, err)
  return out
end

describe("a score of validations", function()
  local tagged = {}
  for i, name in ipairs {"t1", "t2"} do
    tagged[i] = log(name, step(1, '"loss":1'),
      ('{"event":"val","step":1,"val_loss":1,"f1":%d,"best":true}'):format(i))
  end

  it("is drawn, of one run and of several", function()
    assert.same({"line,step,f1 (validation)", ",1,1", ",2,6"},
                data(log("t0", step(1, '"loss":1'), step(2, '"loss":1'),
                  '{"event":"val","step":1,"f1":1}',
                  '{"event":"val","step":2,"f1":6}'), "--what", "f1"))
    assert.same({"line,step,f1 (validation)", "t1,1,1", "t2,1,2"},
                data(tagged[1], tagged[2], "--what", "f1"))
  end)

  it("is named, with all there is, when a log lacks it", function()
    local events = {{event = "step", step = 1, loss = 1},
                    {event = "val", step = 1, val_loss = 2, f1 = 3, x = "a"}}
    assert.same({{"loss", "val", "f1"}, 1}, {plot.log_fields(events)})
    local ok, wrong, code = plot.run_curves("-", {{name = "a",
      events = events}}, {what = "bleu"})
    assert.same({false, "EDATA", "a: the log has no 'bleu'; it has loss, " ..
                 "val, f1"}, {ok or false, code, wrong})
    assert.truthy(select(2, plot.run_curves("-", {{name = "a", events = {}}}))
                  :find("nothing to draw", 1, true))
  end)

  it("stands beside losses in the unit of the log", function()
    local function label(start)
      local path = dir .. "/unit"
      os.execute("mkdir -p " .. quote(path))
      write("unit/log.jsonl", start .. "\n" .. step(1, '"loss":1') .. "\n")
      return data(path)[1]
    end
    assert.equal("line,step,loss (nats per word)",
                 label '{"event":"start","unit":"word"}')
    assert.equal("line,step,loss (squared error per hour)",
                 label('{"event":"start","unit":"hour","measure":' ..
                       '"squared error"}'))
    assert.equal("line,step,loss", label '{"event":"start"}')
    assert.equal("line,step,loss", label '{"event":"start","unit":{"a":1}}')
    label '{"event":"start","unit":"word"}'
    assert.equal("line,step,loss; points: validation",
                 data(dir .. "/unit", one)[1])
  end)
end)

describe("dates", function()
  local dates = require "rnn.plot.dates"
  local DAY <const> = 86400

  ---Labels of tics, "|" where their second lines begin.
  local function labels(from, to, most)
    local list = {}
    for i, tic in ipairs(dates.tics(from, to, most)) do
      list[i] = tic.label:gsub("\n", "|")
    end
    return table.concat(list, " ")
  end

  it("have tics at round places, the rest below where it changes", function()
    assert.equal("00:00|1970-01-01 12:00 00:00|1970-01-02 12:00",
                 labels(0, 1.9 * DAY, 4))
    assert.equal("Dec 31|2019 Jan 01|2020 Jan 02",
                 labels(18261 * DAY, 18263 * DAY, 3))
    assert.equal("Dec|2019 Jan|2020 Feb Mar",
                 labels(18231 * DAY, 18330 * DAY, 4))
    assert.equal("1980 1990 2000", labels(3650 * DAY, 11000 * DAY, 4))
    assert.equal("23:59:58|1969-12-31 00:00:00|1970-01-01",
                 labels(-2, 1, 2))
  end)

  it("have their months where the calendar has them", function()
    for _, tic in ipairs(dates.tics(-4000 * DAY, 30000 * DAY, 2000)) do
      assert.equal("01", os.date("!%d", tic.x))
      assert.equal(tic.label:match "^%a+", os.date("!%b", tic.x))
    end
  end)

  it("have few tics, over any time", function()
    local state = 1
    for _ = 1, 300 do
      state = state * 48271 % 2147483647
      local from = (state % 4e9) * 60 - 6e10
      state = state * 48271 % 2147483647
      local to = from + 10 ^ (state % 1100 / 100)
      if dates.fits(from) and dates.fits(to) then
        local tics = dates.tics(from, to, 8)
        assert.truthy(#tics <= 9, #tics)
        for _, tic in ipairs(tics) do
          assert.truthy(tic.x >= from and tic.x <= to)
        end
      end
    end
  end)

  it("are written as such, and refused where they are none", function()
    assert.same({"line,x,y", "a,2017-07-14T02:40:00Z,1", "a,2017-07-15,2"},
                rows_of [[lines(%s, {dates = true, lines = {{name = "a",
                  x = {1.5e9, 1500076800}, y = {1, 2}}}})]])
    local ok, wrong, code = plot.lines("-", {dates = true, lines = {
      {x = {1, 1e15}, y = {1, 2}}}})
    assert.same({false, "EDATA"}, {ok or false, code})
    assert.truthy(wrong:find("dates are seconds since 1970", 1, true), wrong)
  end)
end)

describe("ranges, bands and marks", function()
  it("are rows of the data", function()
    assert.same({"line,t,y", "b low,1,0", "b low,2,1", "b high,1,3",
                 "b high,2,4", "a,1,1", "a,2,2", "odd from,1,", "odd to,2,",
                 "range from,3,", "range to,4,", "end,2,", "mark,1,"},
      rows_of [[lines(%s, {xlabel = "t",
        lines = {{name = "a", x = {1, 2}, y = {1, 2}}},
        bands = {{name = "b", x = {1, 2}, low = {0, 1}, high = {3, 4}}},
        spans = {{1, 2, "odd"}, {3, 4}}, marks = {{2, "end"}, {1}}})]])
    assert.same({"panel,line,x,y", "1,a,1,2", "1,m,5,", "2,,1,3", "2,m,5,"},
      rows_of [[panels(%s, {marks = {{5, "m"}}, panels = {
        {lines = {{name = "a", x = {1, 2}, y = {2, nan}}}},
        {lines = {{x = {1}, y = {3}}}}}})]])
  end)

  it("are marked below a plot on a terminal", function()
    if not have then return pending "gnuplot is not installed" end
    local out = printed [[lines("-", {
      lines = {{name = "a", x = {0, 100}, y = {1, 2}}},
      spans = {{50, 60, "odd"}, {0 / 0, 1}, {80, 80, "new"}},
      marks = {{30, "here"}, {1 / 0, "nowhere"}}})]]
    assert.truthy(out:find "%-=====+%-", out)
    assert.truthy(out:find("odd", 1, true) and out:find("new", 1, true))
    assert.truthy(out:find("here", 1, true))
    assert.falsy(out:find("nowhere", 1, true))
    for line in out:gmatch "[^\n]+" do assert.truthy(#line <= 79, line) end
  end)

  it("are drawn over numbers and dates, with panels above", function()
    if not have then return pending "gnuplot is not installed" end
    local x, y = {}, {}
    for t = 1, 3000 do x[t], y[t] = 1.5e9 + 3600 * t, math.sin(t / 50) end
    local path = dir .. "/panels.svg"
    assert(plot.panels(path, {
      dates = true, title = "two", spans = {{x[100], x[200], "odd"}},
      marks = {{x[2000], "training ends"}},
      panels = {{lines = {{name = "a", x = x, y = y}}, ylabel = "volt"},
                {bands = {{name = "b", x = x, low = y, high = x}},
                 lines = {{x = {}, y = {}}}},
                {lines = {{x = {1}, y = {0 / 0}}}}}}))
    local svg = sandbox.read(path)
    for _, text in ipairs {"two", "volt", "odd", "training ends", "no data",
                           "2017"} do
      assert.truthy(svg:find(text, 1, true), text)
    end
    assert.equal(1, select(2, svg:gsub(">training ends<", "")))
  end)

  it("are refused when something is missing", function()
    local function raises(message, o)
      local ok, wrong = pcall(plot.lines, "-", o)
      assert.falsy(ok)
      assert.truthy(tostring(wrong):find(message, 1, true), wrong)
    end
    raises("unknown option 'linse'", {linse = {}})
    raises("item 1 of 'lines' must have a table 'y', got nil",
           {lines = {{x = {1}}}})
    raises("item 2 of 'spans' must have a number '2', got nil",
           {lines = {}, spans = {{1, 2}, {1}}})
    raises("'style' must be line, pale, points or dashed, got 'bar'",
           {lines = {{x = {1}, y = {1}, style = "bar"}}})
    raises("item 1 of 'bands' must have a table 'low', got number",
           {bands = {{x = {1}, low = 1, high = {1}}}})
  end)
end)

describe("texts of a plot", function()
  local EVIL = "it's \"q\" `touch %s/owned` $(x)\n%%d {/Bold b} ^y \27[31m " ..
               "\xFF\xFE \u{202E}\u{4E2D} <b>&amp;</b>"
  local evil = EVIL:format(dir)

  it("may be any bytes, of any length, and nothing obeys them", function()
    if not have then return pending "gnuplot is not installed" end
    local path = dir .. "/''it's; `touch owned` $(x).svg"
    for _, text in ipairs {evil, ("long "):rep(100000), "", "%s%n", "'", "\\",
                           ("''; system('touch %s/owned'); #''"):format(dir)}
    do
      assert(plot.lines(path, {
        lines = {{name = text, x = {1, 2}, y = {1, 2}}}, title = text,
        bands = {{name = text, x = {1, 2}, low = {0, 1}, high = {3, 3}}},
        spans = {{1, 2, text}}, marks = {{1.5, text}}, xlabel = text,
        ylabel = text}))
      local svg = sandbox.read(path)
      assert.truthy(#svg < 200000 and utf8.len(svg))
      assert.falsy(svg:find "<b>" or svg:find "\27")
      assert(plot.confusion(path, {[text] = {[text] = 1, b = 2}},
                            {title = text}))
      assert.truthy(utf8.len(sandbox.read(path)))
    end
    assert.falsy(io.open(dir .. "/owned") or io.open "owned")
  end)
end)

describe("a forecast", function()
  it("goes on from the end of the history", function()
    assert.same({"line,step,y", "80 % low,3,7", "80 % low,4,1",
      "80 % high,3,7", "80 % high,4,9", "50 % low,3,7", "50 % low,4,3",
      "50 % high,3,7", "50 % high,4,6", "history,2,6", "history,3,7",
      "naive,3,7", "naive,4,7", "truth,3,7", "truth,4,5", "median,3,7",
      "median,4,4", "mark,3,"},
      rows_of [[forecast(%s, {history = {5, 6, 7}, forecast = {4},
        truth = {5}, shown = 2, name = "median",
        intervals = {{level = 0.5, low = {3}, high = {6}},
                     {level = 0.8, low = {1}, high = {9}}},
        floors = {{name = "naive", y = {7}}}})]])
    assert.same({"line,x,y", "forecast,1970-01-01,4"},
      rows_of [[forecast(%s, {history = {}, forecast = {4}, dates = true,
        times = {0}})]])
  end)

  it("shows a part of a long history that fits the forecast", function()
    local rows = rows_of [[forecast(%s, {forecast = {1, 2}, history =
      (function() local t = {} for i = 1, 500 do t[i] = i end return t end)()
      })]]
    assert.equal("history,461,461", rows[2])
    assert.equal("history,500,500", rows[41])
  end)

  it("is a picture, with dates or steps, or a message", function()
    if have then
      local history, times = {}, {}
      for t = 1, 100 do history[t] = t % 7 end
      for t = 1, 103 do times[t] = 86400 * t end
      for _, o in ipairs {{}, {times = times, dates = true}} do
        o.history, o.forecast, o.truth = history, {1, 0 / 0, 3}, {2}
        o.intervals = {{level = 0.9, low = {0, 0, 0}, high = {1, 2, 1 / 0}}}
        local path = dir .. "/forecast.svg"
        assert(plot.forecast(path, o))
        assert.truthy(sandbox.read(path):find("90 %", 1, true))
      end
    end
    local _, wrong = plot.forecast("-", {history = {1}, forecast = {1},
                                         times = {1}})
    assert.equal("'times' has 1 places, expected 2: those of the history " ..
                 "and of the forecast", wrong)
    _, wrong = plot.forecast("-", {history = {}, forecast = {}})
    assert.equal("nothing to plot", wrong)
  end)
end)

describe("a confusion matrix", function()
  local F1 = [[select(2, rnn.metrics.f1({"a", "b", "b", "b"},
                                        {"a", "a", "b", "b"})).confusion]]

  it("is counts with shades on a terminal", function()
    assert.equal("t\nrows: truth, columns: guess, shade: share of the row\n" ..
      "  a  b\na 1\u{2592} 1\u{2592}\nb 0  2\u{2588}\n",
      printed(('confusion("-", %s, {title = "t"})'):format(F1)))
  end)

  it("is shades alone where counts do not fit", function()
    local out = printed [[confusion("-", (function() local t = {}
      for i = 1, 22 do t["x" .. i] = {["x" .. i] = 1000} end return t end)())]]
    assert.truthy(out:find "\u{2588}\u{2588}")
    assert.falsy(out:find "1000")
  end)

  it("leaves its counts where there is no gnuplot", function()
    assert.same({"truth,guess,value", "a,a,1", "a,b,1", "b,a,0", "b,b,2"},
      rows_of [[confusion(%s, {a = {a = 1, b = 1}, b = {b = 2}})]])
  end)

  it("is a picture with counts in it", function()
    if not have then return pending "gnuplot is not installed" end
    local _, report = rnn.metrics.f1({1, 2, 2}, {1, 1, 2})
    local path = dir .. "/confusion.svg"
    assert(plot.confusion(path, report.confusion))
    local svg = sandbox.read(path)
    for _, text in ipairs {"truth", "guess", "share of the row"} do
      assert.truthy(svg:find(text, 1, true), text)
    end
    local _, wrong = plot.confusion("-", {})
    assert.equal("the confusion matrix is empty", wrong)
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

  local function drawn(o) return printed(('heatmap("-", %s)'):format(o)) end

  it("stands on a terminal, its labels over columns two wide", function()
    local text = drawn [[{rows = {{0, 1, 4}, {2, -1, 3}},
      xlabels = {"ab", "\u{72D7}", "c"}, ylabels = {"x", "\u{4E2D}\u{6587}"},
      title = "t\27"}]]
    assert.equal("t\\x1b\n" ..
      "     a\n" ..
      "     b  \u{72D7} c\n" ..
      "   x    \u{2591}\u{2591} \u{2588}\u{2588}\n" ..
      "\u{4E2D}\u{6587} \u{2592}\u{2592}    \u{2593}\u{2593}\n", text)
    assert.equal(" \u{2588}\u{2588}\n", drawn "{rows = {{1}}}")
    assert.equal("\n", drawn "{rows = {{0}}}")
    assert.equal(" ?? \u{2588}\u{2588} \u{2588}\u{2588}\n" ..
                 "       \u{2592}\u{2592}\n",
                 drawn "{rows = {{0/0, 1/0, 2}, {-1/0, 0, 1}}}")
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
