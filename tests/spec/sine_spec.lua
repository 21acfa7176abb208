---scripts/sine.lua: waves that go on.
local rnn = require "rnn"
local sandbox = require "tests.sandbox"
local dir, quote = sandbox.dir, sandbox.quote

teardown(sandbox.remove)

local SMALL = "--waves 12 --length 150 --hidden 8 --future 100 --threads 1"

---Exit code, standard output and error of the script.
local function run(...)
  return sandbox.shell(table.concat({quote(sandbox.program),
                                     "scripts/sine.lua", ...}, " "))
end

---The row of the last table: test loss, r near and far.
local function row(text, kind)
  local test, near, far = text:match(
    "r all  seconds\n.-" .. kind .. " +%d+ +%d+ +(%S+) +(%S+) +(%S+) +%S+\n")
  return tonumber(test), tonumber(near), tonumber(far)
end

local function without_seconds(text) return (text:gsub(" +%S+\n", "\n")) end

describe("sine", function()
  local have = os.execute "command -v gnuplot >/dev/null 2>&1"

  it("learns waves that were not trained on, and goes on with them", function()
    local code, text, err = run(SMALL, "--steps 12")
    assert.equal(0, code, err)
    assert.equal("", err)
    local test, near, far = row(text, "lstm")
    assert.truthy(test < 2e-4, text)
    assert.truthy(near > 0.8, text)
    assert.equal(near, far)                   -- there are but 100 steps
    local first = tonumber(text:match "\nlstm +1 +(%S+) ")
    local last = tonumber(text:match "\nlstm +12 +(%S+) ")
    assert.truthy(last < first / 10, text)
  end)

  it("compares networks, and saves them", function()
    local out = dir .. "/models"
    local code, text, err = run(SMALL, "--model all --steps 3 --out",
                                quote(out))
    assert.equal(0, code, err)
    local params = {lstm = 937, rnn = 241, mlp = 249}
    for kind, count in pairs(params) do
      assert.truthy(row(text, kind), text)
      assert.truthy(text:find(("\n%-5s %6d      3 "):format(kind, count)), text)
      local path, n = ("%s/%s.safetensors"):format(out, kind), 0
      for _, t in pairs(assert(rnn.load(path))) do
        assert.equal("float64", t.dtype)
        n = n + #t:reshape {-1}
      end
      assert.equal(count, n)
      assert(rnn.load_model(path))
    end
  end)

  it("says the same with any number of threads", function()
    local said = {}
    for threads = 1, 3 do
      local code, text, err = run(SMALL, "--model all --steps 3 --seed 4",
                                  "--threads", threads)
      assert.equal(0, code, err)
      said[threads] = without_seconds(text)
    end
    assert.equal(said[1], said[2])
    assert.equal(said[1], said[3])
    local _, other = run(SMALL, "--model all --steps 3 --seed 5")
    assert.are_not.equal(said[1], without_seconds(other))
  end)

  it("draws", function()
    if not have then return pending "gnuplot is not installed" end
    for name, head in pairs {["p.png"] = "^\x89PNG", ["p.svg"] = "<svg"} do
      local path = dir .. "/" .. name
      for _, model in ipairs {"rnn", "all"} do
        local code, text, err = run(SMALL, "--steps 1 --model", model,
                                    "--plot", quote(path))
        assert.equal(0, code, err)
        assert.truthy(text:find("\nplot  " .. path .. "\n", 1, true), text)
        assert.truthy(sandbox.read(path):find(head))
      end
    end
    assert.truthy(sandbox.read(dir .. "/p.svg"):find(">mlp<", 1, true))
    local code, text, err = run(SMALL, "--steps 1 --plot -")
    assert.equal(0, code, err)
    assert.truthy(text:find("Given waves, and what", 1, true), text)
  end)

  it("for want of gnuplot leaves the data", function()
    local code, text, err = sandbox.shell(("PATH=/nowhere %s scripts/sine.lua"
      .. " %s --steps 1 --plot %s"):format(quote(sandbox.program), SMALL,
                                           quote(dir .. "/data.svg")))
    assert.equal(1, code, text)
    assert.truthy(row(text, "lstm"), text)
    assert.truthy(err:find("gnuplot is not installed", 1, true), err)
    local data = sandbox.read(dir .. "/data.csv")
    local _, lines = data:gsub("\n", "")
    assert.equal(1 + 2 + 3 * (31 + 20 + 20), lines)   -- every 5th step
  end)

  it("finishes the step on Ctrl-C, and shows what there is", function()
    local log = quote(dir .. "/log")
    local code, text, err = sandbox.shell(([[%s scripts/sine.lua %s \
      --model all --steps 100000 --out %s >%s & p=$!
      while ! grep -q 'lstm *1 ' %s 2>/dev/null; do
        kill -0 $p 2>/dev/null || break; sleep 0.01
      done; kill -INT $p; wait $p; code=$?; cat %s; exit $code]]):format(
      quote(sandbox.program), SMALL, quote(dir .. "/stopped"), log, log, log))
    assert.equal(130, code, err)
    assert.equal("rnnlua: lstm: interrupted\n", err)
    assert.truthy(row(text, "lstm"), text)
    assert.falsy(row(text, "rnn"), text)
    assert(rnn.load_model(dir .. "/stopped/lstm.safetensors"))
  end)

  it("keeps the last sound step when a loss explodes", function()
    local code, text, err = run(SMALL, "--model rnn --steps 50 --lr 1e300")
    assert.equal(4, code, text)
    assert.truthy(err:find("rnn: LBFGS: .* is not finite"), err)
    assert.truthy(text:find("\nrnn +241 "), text)
  end)

  it("says what is wrong with its options", function()
    for options, message in pairs {
      ["--model gru"] = "--model must be one of all, lstm, rnn, mlp, got 'gru'",
      ["--waves 3"] = "--waves must be an integer from 4 to 100000, got '3'",
      ["--length 1"] = "--length must be an integer from 2 to 100000, got '1'",
      ["--future 1"] = "--future must be an integer from 2 to 100000, got '1'",
      ["--lr 0"] = "--lr must be a number > 0, got '0'",
      ["--plot p.gif"] = "--plot p.gif: a plot's name must end in .png or",
    } do
      local code, text, err = run(options)
      assert.equal(2, code, text)
      assert.truthy(err:find(message, 1, true), err)
    end
    local code, _, err = run(SMALL, "--out", quote(sandbox.write("file", "")))
    assert.equal(5, code)
    assert.truthy(err:find("is not a folder", 1, true), err)
  end)
end)
