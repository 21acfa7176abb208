---rnn.report and scripts/report.lua: pages about runs, as text, in a browser.
local rnn = require "rnn"

local sandbox = require "tests.sandbox"
local dir, quote, write = sandbox.dir, sandbox.quote, sandbox.write
local have = os.execute "command -v gnuplot >/dev/null 2>&1"
local browser = os.execute "command -v chromium >/dev/null 2>&1"

teardown(sandbox.remove)

---Runs a script; returns its exit code, stdout and stderr.
local function run(script, ...)
  local words = {quote(sandbox.program), "scripts/" .. script}
  for _, word in ipairs {...} do words[#words + 1] = quote(word) end
  return sandbox.shell(table.concat(words, " "))
end

---A run folder with a log.
local function folder(name, ...)
  assert(os.execute("mkdir -p " .. quote(dir .. "/" .. name)))
  write(name .. "/log.jsonl", table.concat({...}, "\n") .. "\n")
  return dir .. "/" .. name
end

---The page about a run, which must be valid UTF-8 and load nothing.
local function page_of(path)
  local page = assert(rnn.report(path))
  assert.truthy(utf8.len(page))
  assert.falsy(page:find "<script")
  assert.falsy(page:find "<link")
  assert.falsy(page:find "<[^>]*%ssrc=")
  assert.falsy(page:find '<[^>]*href=["\'][^#]')
  assert.truthy(page:find("default-src 'none'", 1, true))
  return page
end

local function has(page, ...)
  for _, text in ipairs {...} do
    assert.truthy(page:find(text, 1, true), text)
  end
end

local function figures(page)
  return select(2, page:gsub("<figure>", ""))
end

local START = '{"event":"start","config":{"steps":3,"data":["a.txt",' ..
  '"b.txt"],"lr":0.5},"unit":"word","threads":2,"version":"9.9",' ..
  '"utc":"2026-01-02","script":"train_tagger.lua"}'
local STEPS = {
  '{"event":"step","step":1,"loss":4,"lr":0.5,"grad_norm":1,"tok_s":900}',
  '{"event":"step","step":2,"loss":2,"lr":0.5,"grad_norm":2,"tok_s":1100}',
  '{"event":"val","step":2,"val_loss":3,"accuracy":50,"best":true}',
  '{"event":"step","step":3,"loss":1,"lr":0.5,"grad_norm":2,"tok_s":1500,' ..
  '"time":75,"tokens":1234567}',
  '{"event":"val","step":3,"val_loss":2.5,"accuracy":62.5,"best":true}'}

local function whole(name, ...)
  local lines = {START, table.unpack(STEPS)}
  return folder(name, table.unpack(table.move({...}, 1, select("#", ...),
                                              #lines + 1, lines)))
end

describe("a report", function()
  it("tells how a run went", function()
    local path = whole("done", '{"event":"warn","message":"odd","step":2}',
      '{"event":"warn","message":"odd","step":3}',
      '{"event":"end","reason":"done","step":3}')
    local page = page_of(path)
    has(page, "all steps are done",
        "step 3: loss 2.5 nats per word, accuracy 62.5",
        "1m15s", "1,100 words a second", "1,234,567 tokens", "a.txt, b.txt",
        "<td>lr</td><td>0.5</td>", "<td>2</td><td>odd</td><td>2 times</td>",
        "<td>threads</td><td>2</td>", "The log has no samples.",
        "No checkpoint has been saved yet.",
        "train_tagger.lua --out " .. path .. " --resume --steps 6",
        "<td>50</td><td>best so far</td>")
    assert.equal(have and 5 or 0, figures(page))
  end)

  it("tells how a run stands that has no end, or a bad one", function()
    has(page_of(whole "going"), "no end in the log", "UTC")
    has(page_of(whole("bad", '{"event":"end","reason":"diverged","step":3}')),
        "the loss diverged")
    has(page_of(whole("fault", '{"event":"end","reason":"error",' ..
                      '"message":"a:1: <b>"}')),
        "stopped by an error: a:1: &lt;b&gt;")
    has(page_of(whole("again", '{"event":"end","reason":"done","step":3}',
      '{"event":"resume","step":3,"threads":8,"utc":"2027"}')),
      "no end in the log", "step 3, 2027, threads 8")
  end)

  it("shows any text, and obeys none", function()
    local evil = "<script>alert(1)</script>\xFF\27[31m'\"&"
    local log = ('{"event":"start","config":{"%s":"%s"},"unit":"%s"}'):format(
      "<script>k", "<img src=x onerror=alert(1)>", "<u>")
    local path = folder("evil", log, STEPS[1], STEPS[2],
      '{"event":"sample","step":1,"text":"<script>alert(2)</script>\\u001b' ..
      '\\ntwo"}',
      '{"event":"val","step":2,"val_loss":1,"<b>f1</b>":3,"best":true}',
      '{"event":"warn","message":"</td><script>"}',
      '{"event":"end","reason":"<script>"}')
    local page = page_of(path)
    has(page, "&lt;script&gt;alert(2)&lt;/script&gt;\\x1b\ntwo",
        "&lt;img src=x onerror=alert(1)&gt;", "&lt;b&gt;f1&lt;/b&gt;")
    assert.falsy(page:find("<img", 1, true))
    assert(os.rename(path, dir .. "/" .. evil:gsub("/", "")))
    page_of(dir .. "/" .. evil:gsub("/", ""))
  end)

  it("takes a log that is damaged, or of numbers that are none", function()
    page_of(folder("odd", '{"event":"step"}', '{"event":5}', "[1,2]", "no",
      '{"event":"step","step":1e999,"loss":1e308,"time":-1,"tok_s":1e300}',
      '{"event":"step","step":"x","loss":{"a":[1]},"time":1e300}',
      '{"event":"val","val_loss":null,"best":true,"step":1.5}',
      '{"event":"sample","text":7}', '{"event":"warn"}', '{"event":"resume"}',
      '{"event":"start","config":7,"unit":{"a":1},"corpus":3,"script":"../x"}',
      '{"event":"end","reason":{"a":1},"message":4}', '{"event":"st'))
    local long = folder("long", START, '{"event":"sample","step":1,"text":"' ..
                        ("a"):rep(1000000) .. '"}')
    assert.truthy(#page_of(long) < 20000)
  end)

  it("leaves out what is too much", function()
    local lines = {START}
    for k = 1, 300 do
      lines[#lines + 1] = ('{"event":"val","step":%d,"val_loss":1}'):format(k)
      lines[#lines + 1] = ('{"event":"warn","message":"w%d"}'):format(k)
      lines[#lines + 1] = ('{"event":"sample","step":%d,"text":"s%d"}'):format(
                          k, k)
    end
    local page = page_of(folder("much", table.unpack(lines)))
    has(page, "280 more are left out.", "250 more are left out.",
        "<pre>s1</pre>", "<pre>s300</pre>")
    assert.equal(8, select(2, page:gsub("<pre>", "")))
  end)
end)

describe("report.lua", function()
  local path = whole("script", '{"event":"end","reason":"done","step":3}')

  it("writes beside the log, to a file, to stdout", function()
    local code, out, err = run("report.lua", path .. "/")
    assert.same({0, "", path .. "/report.html\n"}, {code, out, err})
    assert.truthy(sandbox.read(path .. "/report.html"):find "</html>\n$")
    assert.equal(0, (run("report.lua", path, "--out", dir .. "/p.html")))
    assert.truthy(sandbox.read(dir .. "/p.html"):find "</html>\n$")
    code, out, err = run("report.lua", path, "--out", "-")
    assert.same({0, ""}, {code, err})
    assert.truthy(out:find "^<!DOCTYPE html>.*</html>\n$")
  end)

  it("has tables where there is no gnuplot", function()
    local code, out, err = sandbox.shell(("PATH=/nonexistent %s " ..
      "scripts/report.lua %s --out -"):format(quote(sandbox.program),
                                              quote(path)))
    assert.same({0, ""}, {code, err})
    assert.equal(0, figures(out))
    has(out, "gnuplot is not installed (Debian&#39;s package: gnuplot-nox)",
        "<td>2</td><td>2</td><td>0.5</td><td>2</td><td>1,100</td><td>-</td>")
  end)

  it("says in one line what is wrong", function()
    local function fails(wanted, text, ...)
      local code, out, err = run("report.lua", ...)
      assert.same({wanted, ""}, {code, out})
      assert.equal(1, select(2, err:gsub("\n", "")), err)
      assert.truthy(err:find(text, 1, true), err)
    end
    fails(3, "log.jsonl: No such file", dir)
    fails(3, "No such file", dir .. "/nope")
    fails(3, "is no log of a run", folder("empty", ""))
    fails(3, "is no log of a run", folder("text", "hello"))
    fails(5, "cannot write the page", path, "--out", dir .. "/nope/p.html")
    fails(2, "missing argument 'run'")
  end)
end)

describe("the page of a trained model", function()
  local text = write("poem.txt", ("the rain that reads to field and tree\n")
                     :rep(40))
  local out = dir .. "/lm"

  setup(function()
    for _, more in ipairs {{"--steps", "6", "--data", text},
                           {"--steps", "12", "--resume"}} do
      local code, _, err = run("train_charlm.lua", "--out", out, "--quiet",
        "--threads", "1", "--hidden", "8", "--layers", "1", "--batch", "2",
        "--seq", "8", "--eval-every", "3", "--sample-length", "20",
        table.unpack(more))
      assert.equal(0, code, err)
    end
  end)

  it("has samples, the model, and where it was resumed", function()
    local page = page_of(out)
    has(page, "LSTM(", "parameters", "step 6, ", "nats per char", text)
    assert.equal(4, select(2, page:gsub("<pre>", "")))
    assert.equal(have and 4 or 0, figures(page))
  end)

  it("has the commands that go on with it", function()
    local _, page = run("report.lua", out, "--out", "-")
    local n = 0
    for command in page:gmatch "<dd><code>(.-)</code>" do
      command = command:gsub("&#39;", "'"):gsub("&amp;", "&")
      if have or not command:find "plot.lua" then
        local code, _, err = sandbox.shell(command)
        assert.equal(0, code, command .. "\n" .. err)
      end
      n = n + 1
    end
    assert.equal(4, n)
    local last = assert(rnn.run.read_log(out .. "/log.jsonl"))
    assert.equal(24, last[#last].step)
  end)

  it("opens in a browser", function()
    if not browser then return pending "chromium is not installed" end
    local path = dir .. "/browser.html"
    assert.equal(0, (run("report.lua", out, "--out", path)))
    local shot = dir .. "/shot.png"
    local open = "chromium --headless --no-sandbox --disable-gpu " ..
      "--disable-dev-shm-usage --user-data-dir=%s --enable-logging=stderr " ..
      "--v=0 %s %s"
    local user = quote(dir .. "/chromium")
    local code, dom, err = sandbox.shell(open:format(user, "--dump-dom",
                                         quote("file://" .. path)))
    assert.equal(0, code, err)
    assert.falsy(err:find "CONSOLE", err)
    assert.equal(have and 4 or 0, select(2, dom:gsub("<svg", "")))
    has(dom, "<h2>Samples</h2>", "all steps are done", "</body>")
    code, dom, err = sandbox.shell(open:format(user, "--screenshot=" ..
      quote(shot) .. " --window-size=900,2000", quote("file://" .. path)))
    assert.equal(0, code, err .. dom)
    assert.truthy(#sandbox.read(shot) > 20000)
  end)
end)
