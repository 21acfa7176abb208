---Anomaly detection: peaks over a threshold against scipy, scores by hand,
---planted faults, the detector, anomaly.lua to its end and to its faults.
local rnn = require "rnn"
local detector = require "rnn.detector"
local sandbox = require "tests.sandbox"

local pot, metrics = rnn.pot, rnn.metrics
local quote, write, dir = sandbox.quote, sandbox.write, sandbox.dir

teardown(sandbox.remove)

local function near(want, got, tolerance)
  assert(math.abs(got - want) <= tolerance,
         ("got %.10g, expected %.10g"):format(got, want))
end

-- {== Peaks over a threshold ==

---The (i - 0.5) / n quantiles of a generalized Pareto distribution.
local function pareto(shape, scale, n)
  local y = {}
  for i = 1, n do
    y[i] = pot.excess({shape = shape, scale = scale}, 1 - (i - 0.5) / n)
  end
  return y
end

describe("peaks over a threshold", function()
  it("are fitted as scipy.stats.genpareto fits them", function()
    for _, case in ipairs {   -- shape, scale; those of scipy 1.17, quantile
      {0.3, 2.0, 0.2965662790511386, 2.0050651413583154, 45.68424267722613},
      {0.0, 1.5, -0.004668164831346647, 1.5059585654172003,
       10.236854616289714},
      {-0.3, 1.0, -0.30671524574166237, 1.0062050298172875,
       2.886303104201177},
      {-0.9, 1.0, -0.9092661825718148, 1.0086127817176023,
       1.1071841576023884},
    } do
      local tail = assert(pot.fit(pareto(case[1], case[2], 500)))
      near(case[3], tail.shape, 1e-5)
      near(case[4], tail.scale, 1e-5)
      near(case[5], pot.excess(tail, 1e-3), 1e-3)
    end
  end)

  it("find the parameters of samples, in any unit", function()
    rnn.seed(3)
    for _, shape in ipairs {0.4, 0.0, -0.2} do
      for _, scale in ipairs {1e-6, 1, 1e6} do
        local y = {}
        for i = 1, 4000 do
          y[i] = pot.excess({shape = shape, scale = scale}, 1 - rnn.random())
        end
        local tail = assert(pot.fit(y))
        near(shape, tail.shape, 0.08)
        near(1, tail.scale / scale, 0.08)
      end
    end
  end)

  it("take a bounded tail to its bound and no further", function()
    local tail = assert(pot.fit(pareto(-1, 1, 200)))
    near(-1, tail.shape, 0.05)
    near(1, pot.excess(tail, 1e-9), 0.02)
    near(0, pot.excess(tail, 1), 1e-12)
  end)

  it("give the level of a risk", function()
    rnn.seed(1)
    local scores = {}
    for i = 1, 20000 do scores[i] = -math.log(1 - rnn.random()) end
    local level, tail = pot.level(scores, {risk = 1e-4})
    near(-math.log(1e-4), level, 0.8)
    assert.equal(400, tail.count)
    assert.truthy(pot.level(scores, {risk = 1e-6}) > level)
  end)

  it("have no bound that a level relies on", function()
    local scores = {}
    for i = 1, 1000 do scores[i] = i / 1000 end
    local level, tail = pot.level(scores, {risk = 1e-5})
    assert.equal(0, tail.shape)
    near(tail.high + tail.scale * math.log(0.02 / 1e-5), level, 1e-9)
  end)

  it("need enough of them", function()
    local level, wrong = pot.level {1, 2, 3}
    assert.is_nil(level)
    assert.truthy(wrong:find("10 excesses or more, got 1", 1, true), wrong)
    level, wrong = pot.level {}
    assert.is_nil(level)
    assert.truthy(wrong:find("got 0", 1, true), wrong)
    local same = {}
    for i = 1, 1000 do same[i] = 7 end
    assert.is_nil((pot.level(same)))
    assert.has_error(function() pot.level({1}, {risk = 0.5}) end)
  end)

  it("quantiles are numpy's", function()
    near(3.25, pot.quantile({4, 1, 3, 2}, 0.75), 1e-12)
    assert.equal(4, pot.quantile({4, 1}, 1))
    assert.equal(5, pot.quantile({5}, 0.3))
  end)
end)

-- }==

-- {== Scores ==

describe("metrics.anomalies", function()
  it("counts rows, spans and adjusted rows", function()
    local f1, r = metrics.anomalies({0, 1, 0, 0, 1, 0, 0, 1},
                                    {0, 1, 1, 1, 0, 0, 1, 0})
    near(2 * 1 / (3 + 4), f1, 1e-12)
    assert.equal(1, r.rows.correct)
    near(1 / 3, r.spans.precision, 1e-12)
    near(1 / 2, r.spans.recall, 1e-12)
    near(3 / 5, r.adjusted.precision, 1e-12)
    near(3 / 4, r.adjusted.recall, 1e-12)
    assert.truthy(tostring(r):find "flatters")
  end)

  it("is perfect for the truth, and 0 without flags", function()
    local truth = {0, 1, 1, 0, 1}
    assert.equal(1, (metrics.anomalies(truth, truth)))
    local f1, r = metrics.anomalies({0, 0, 0, 0, 0}, truth)
    assert.equal(0, f1)
    assert.equal(0, r.spans.f1)
    assert.equal(1, (metrics.anomalies({true, false}, {1, 0})))
    assert.has_error(function() metrics.anomalies({2}, {1}) end)
  end)

  it("best_level tries them all", function()
    rnn.seed(5)
    local scores, labels = {}, {}
    for i = 1, 60 do
      scores[i] = math.floor(rnn.random() * 20)
      labels[i] = rnn.random() < 0.3 and 1 or 0
    end
    local best = 0
    for level = -1, 20 do
      local flags = {}
      for i, x in ipairs(scores) do flags[i] = x > level and 1 or 0 end
      best = math.max(best, (metrics.anomalies(flags, labels)))
    end
    local f1, level = metrics.best_level(scores, labels)
    near(best, f1, 1e-12)
    local flags = {}
    for i, x in ipairs(scores) do flags[i] = x > level and 1 or 0 end
    near(f1, (metrics.anomalies(flags, labels)), 1e-12)
  end)
end)

describe("planted faults", function()
  for _, kind in ipairs {"sensor", "ecg"} do
    it(kind .. ": lie where the labels say, 1 % of the rows", function()
      rnn.seed(2)
      local one = rnn.planted(kind, {rows = 60000, from = 20001})
      rnn.seed(2)
      local again = rnn.planted(kind, {rows = 60000, from = 20001})
      assert.same(one, again)
      local marked, last = 0, 0
      for row, label in ipairs(one.labels) do
        if label == 1 then marked, last = marked + 1, row end
      end
      assert.equal(60000, #one.values)
      assert.truthy(marked > 300 and marked <= 400, marked)
      assert.truthy(one.faults[1].first > 20000 and last < 60000)
      local kinds = {}
      for i, fault in ipairs(one.faults) do
        kinds[fault.kind] = true
        for row = fault.first, fault.last do
          assert.equal(1, one.labels[row])
        end
        local next_one = one.faults[i + 1]
        assert.truthy(not next_one or next_one.first > fault.last + 100)
        if fault.kind == "flat" then
          assert.equal(one.values[fault.first], one.values[fault.last])
        end
      end
      for _, name in ipairs {"spike", "shift", "flat", "burst",
                             "frequency"} do
        assert.truthy(kinds[name], name)
      end
      assert.equal(kind == "ecg" or nil, kinds.missing)
    end)
  end
end)

-- }==

-- {== The detector ==

describe("a detector", function()
  it("smooths, and joins flags that are near", function()
    assert.same({1, 1, 1}, detector.smooth({1, 1, 1}, 5))
    assert.same({4, 2, 7}, detector.smooth({4, 2, 7}, 1))
    near(3, detector.smooth({4, 2}, 3)[2], 1e-12)
    local function flags(gap)
      return table.concat(detector.flags({9, 0, 0, 9, 0, 0, 0, 9, 0},
                                         {threshold = 3, gap = gap}))
    end
    assert.equal("100100010", flags(0))
    assert.equal("111100010", flags(2))
    assert.equal("111111110", flags(3))
  end)

  it("takes a level as it is asked to", function()
    assert.equal(2.5, (detector.level({1}, {threshold = "2.5"})))
    local scores = {}
    for i = 1, 101 do scores[i] = i - 1 end
    near(90, (detector.level(scores, {threshold = "quantile",
                                      quantile = 0.9})), 1e-9)
  end)

  it("an autoencoder is the same after its file", function()
    rnn.seed(1)
    local frame = assert(rnn.data.frame({{names = {"a", "b"}, columns = {
      a = rnn.randn({80}, "float64"), b = rnn.randn({80}, "float64") * 50,
    }}}, {target = {"all"}}))
    local part = frame:parts {steps = 8, horizon = 0, val = 0, test = 0,
                              stride = 1, most = 0}
    local kind = require "rnn.models.autoencoder"
    local known = kind.learn(part, {window = 8, code = 3})
    local o = {cell = "gru", hidden = 6, layers = 1, dropout = 0,
               weight_drop = 0, precision = "full"}
    local m = kind.build(known, o)
    local path = dir .. "/ae.safetensors"
    assert(rnn.save(path, m, kind.describe(known)))
    local again = assert(kind.load(path))
    local items = {8, 30, 80}
    local function said(model)
      local batch = model:encode(part)
      return model:predict {8, 30, 80, table = batch.table, part = part}
    end
    local a, b = said(m), said(again)
    assert.equal(#items, #a)
    for i = 1, #items do assert.same(a[i]:totable(), b[i]:totable()) end
    assert.same({8, 2}, a[1]:shape())
    local function refused(message)
      assert(rnn.save(path, m, kind.describe(known)))
      local none, wrong = kind.load(path)
      assert.is_nil(none)
      assert.truthy(wrong:find(message, 1, true), wrong)
    end
    known.D = 3
    refused "damaged"
    known.D, known.scaler = 2, rnn.data.scaler {"difference"}
    refused "its scaler is damaged"
  end)
end)

-- }==

-- {== The script ==

---Runs anomaly.lua; returns exit code, stdout, stderr.
local function run(...)
  return sandbox.shell(table.concat({quote(sandbox.program),
                                     "scripts/anomaly.lua", ...}, " "))
end

local SMALL = "--epochs 2 --window 16 --hidden 8 --threads 1 --overwrite " ..
              "--threshold quantile"

---A day of 20 rows with noise, and what change(row, value) makes of it.
local function table_of(name, change, header, rows)
  rnn.seed(4)
  local lines = {header or "day,x,odd"}
  local first = rnn.data.dates.parse "2020-01-01"
  for row = 1, rows or 400 do
    local x = math.sin(row * math.pi / 10) + 0.05 * rnn.random()
    lines[#lines + 1] = ("%s,%s"):format(
      rnn.data.dates.format(first + 86400 * row), change(row, x))
  end
  return quote(write(name, table.concat(lines, "\n") .. "\n"))
end

local function planted_rows(row, x)
  local odd = row >= 300 and row < 306
  return ("%.4f,%d"):format(odd and x + 4 or x, odd and 1 or 0)
end

local good = table_of("good.csv", planted_rows)

describe("anomaly.lua", function()
  for _, method in ipairs {"forecast", "autoencoder"} do
    it("finds and judges again: " .. method, function()
      local out = dir .. "/" .. method
      local code, stdout, err = run("--data", good, "--labels odd --out", out,
        SMALL, "--method", method, "--scores", dir .. "/scores.csv",
        "--normal-until 2020-07-19 --gap 2 --epochs 40 --stride 1")
      assert.equal(0, code, err)
      assert.truthy(stdout:find "2020%-10%-2%d", stdout)
      assert.truthy(stdout:find "point%-adjusted %(flatters%)", stdout)
      local scores = assert(rnn.data.csv(dir .. "/scores.csv",
                                         {guess = true}))
      assert.equal(200, scores.count)
      assert.same({"row", "time", "x", "x expected", "score", "flag",
                   "label"}, scores.names)
      assert.equal(1, scores.columns.flag[301 - 200]:item())
      local code2, stdout2, err2 = run("--model",
        out .. "/detector.safetensors --labels odd --data", good)
      assert.equal(0, code2, err2)
      for line in stdout:gmatch "\n2020%-10%-2[^\n]*" do
        assert.truthy(stdout2:find(line, 1, true), stdout2)
      end
    end)
  end

  it("scores several columns, ahead and smoothed", function()
    local path = table_of("two.csv", function(row, x)
      return ("%.4f,%.4f"):format(x, row == 350 and 100 or 50 * x)
    end, "day,x,y")
    local code, stdout, err = run("--data", path, "--out", dir .. "/two",
      SMALL, "--horizon 3 --smooth 3 --hold 0 --threshold 8")
    assert.equal(0, code, err)
    assert.truthy(stdout:find "\n2020%-12%-1%d", stdout)
  end)

  it("says when there is nothing, or everything", function()
    local code, stdout, err = run("--data", good, "--labels odd --out",
      dir .. "/none", SMALL, "--threshold 1e8 --normal-until 2020-11-20")
    assert.equal(0, code, err)
    assert.truthy(stdout:find "^no anomalies found", stdout)
    assert.truthy(stdout:find("no label of these rows is 1", 1, true), stdout)
    assert.truthy(err:find("6 rows of the part taken to be normal", 1, true),
                  err)
    code, stdout, err = run("--model", dir .. "/none/detector.safetensors",
      "--data", table_of("all.csv", function(row)
        return ("%g,1"):format(row % 2 * 1e300)
      end), "--labels odd")
    assert.equal(0, code, err)
    assert.truthy(stdout:find "\n1 span, 38%d of 38%d rows", stdout)
    assert.truthy(stdout:find "rows +100", stdout)
  end)

  it("draws what it finds", function()
    local path = dir .. "/found.svg"
    local code, _, err = run("--data", good, "--labels odd --out",
                             dir .. "/drawn", SMALL, "--plot", path)
    assert.equal(0, code, err)
    assert.truthy(io.open(path) or io.open(path .. ".csv") or
                  err:find "gnuplot", err)
  end)

  ---One line on stderr, and the exit code.
  local function fails(code, text, ...)
    local got, out, err = run(...)
    assert.equal(code, got, err)
    assert.equal("", out)
    assert.truthy(err:find(text, 1, true), err)
    assert.equal(1, select(2, err:gsub("\n", "")), err)
  end

  it("says what is wrong with data", function()
    local function bad(text, change, ...)
      fails(3, text, "--data", table_of("bad.csv", change), "--out",
            dir .. "/bad", SMALL, ...)
    end
    bad("column 'x' is 3.5 in all rows to train on",
        function() return "3.5,0" end, "--labels odd")
    bad("column 'x' has no number here", function(row, x)
      return (row == 50 and "" or x) .. ",0"
    end, "--labels odd")
    bad("bad.csv:8: column 'odd' must be 0 or 1, got 2", function(row, x)
      return x .. (row == 7 and ",2" or ",0")
    end, "--labels odd")
    bad("got nothing", function(row, x)
      return x .. (row == 7 and "," or ",0")
    end, "--labels odd")
    bad("has no column 'missing' for --labels (it has: day, x, odd)",
        planted_rows, "--labels missing")
    bad("has no column 'z'", planted_rows, "--target z")
    bad("1 rows are to be trained on", planted_rows, "--train 2")
    bad("none is left to judge", planted_rows, "--train 400")
    bad("--normal-until", planted_rows, "--normal-until soon")
    bad("--threshold pot needs 500 rows to validate with, there are 50",
        planted_rows, "--threshold pot --labels odd")
    fails(3, "No such file", "--data", dir .. "/none.csv", "--out",
          dir .. "/bad", SMALL)
  end)

  it("takes missing numbers when it is told how", function()
    local code, _, err = run("--data", table_of("gaps.csv", function(row, x)
      return (row == 50 and "NA" or x) .. ",0"
    end), "--labels odd --missing last --out", dir .. "/gaps", SMALL)
    assert.equal(0, code, err)
    assert.truthy(err:find("1 missing number was filled", 1, true), err)
  end)

  it("says what is wrong with options", function()
    local out = "--out " .. dir .. "/wrong"
    fails(2, "--out DIR is missing", "--data", good)
    fails(2, "--data FILE is missing", out)
    fails(2, "must be pot, quantile or a number", "--data", good, out,
          "--threshold high")
    fails(2, "--train and --normal-until say the same", "--data", good, out,
          "--train 0.5 --normal-until 9")
    fails(2, "takes one series", "--data", good, good, out)
    fails(2, "are for --data", "--demo ecg --labels x", out)
    fails(2, "--hidden does not go with --model", "--model x --hidden 3",
          "--data", good)
  end)

  it("refuses models of other kinds, and data that do not fit", function()
    local model = dir .. "/forecast/detector.safetensors"
    fails(3, "best.safetensors: has no threshold", "--data", good, "--model",
          dir .. "/forecast/best.safetensors")
    assert(rnn.save(dir .. "/lm.safetensors", {rnn.Linear(2, 3)},
                    {["rnnlua.kind"] = "lm"}))
    fails(3, "no forecaster and no autoencoder, but of kind lm", "--data",
          good, "--model", dir .. "/lm.safetensors")
    fails(3, "has no column 'x'", "--model", model, "--data",
          table_of("other.csv", planted_rows, "day,z,odd"))
    fails(3, "has 9 rows, a window of the model needs 18 or more", "--model",
          model, "--data", table_of("short.csv", planted_rows, nil, 9))
    local m, meta = rnn.load(model)
    for _, damaged in ipairs {"", "{}", "[1]", (meta.detector:gsub(
                              '"gap":%d+', '"gap":-1'))} do
      local again = assert(rnn.load_model(model))
      assert(rnn.save(dir .. "/damaged.safetensors", again, {
        ["rnnlua.kind"] = meta["rnnlua.kind"], forecaster = meta.forecaster,
        detector = damaged}))
      fails(3, "its threshold is damaged", "--data", good, "--model",
            dir .. "/damaged.safetensors")
    end
    assert.truthy(m)
  end)

  it("goes on with a run", function()
    local out = dir .. "/resumed"
    local code, _, err = run("--demo sensor --rows 4000 --out", out,
                             "--epochs 1 --hidden 4 --threshold 4")
    assert.equal(0, code, err)
    local stdout
    code, stdout, err = run("--resume --epochs 2 --out", out)
    assert.equal(0, code, err)
    assert.truthy(stdout:find "planted +faults", stdout)
  end)
end)

-- }==
