---Series with labels: data.ts and data.write_ts, the model kind
---"seriesclassifier", make_series.lua, train_seriesclassifier.lua,
---classify_series.lua.
local rnn = require "rnn"
local core = require "rnn.core"
local gradcheck = require "tests.gradcheck"
local json = require "rnn.json"
local raises = require "tests.raises"
local seriesclassifier = require "rnn.models.seriesclassifier"

local sandbox = require "tests.sandbox"
local dir, read, write, quote = sandbox.dir, sandbox.read, sandbox.write,
                                sandbox.quote

teardown(sandbox.remove)

local NAN <const> = 0 / 0

-- {== Reading ==

---A table of numbers and tables with NaN as "nan", so that it can be compared.
local function plain(value)
  if type(value) ~= "table" then
    return value ~= value and "nan" or value
  end
  local copy = {}
  for k, v in pairs(value) do copy[k] = plain(v) end
  return copy
end

local function load_series(bytes, opts, name)
  return rnn.data.ts(write(name or "f.ts", bytes), opts)
end

---Labels and values of what is read.
local function values(bytes, opts, name)
  local list = {}
  for i, one in ipairs(assert(load_series(bytes, opts, name))) do
    assert.equal("float32", one.values.dtype)
    list[i] = {one.label or "-", plain(one.values:totable())}
  end
  return list
end

---Asserts the message, behind the folder, of what is not read.
local function refuses(message, bytes, opts, name)
  local got, why, code = load_series(bytes, opts, name)
  assert.is_nil(got, message)
  assert.equal(message, (why:gsub(dir:gsub("%p", "%%%0") .. "/", "")))
  assert.equal("EFORMAT", code)
end

local HEAD = "@classLabel true a b\n@data\n"
local GOOD = "# of two channels\n\n@problemName x\n%# old\n" ..
             "@timeStamps False\n@univariate false\n@dimensions 2\n" ..
             "@equalLength false\n@other thing\n@CLASSLABEL  true  a b\n" ..
             "@Data\n1,2,-3e1:4, ?,0.5:a\n# in between\n7:NaN:b\n"

describe("a .ts file", function()
  it("has series of any length and channels, with missing values", function()
    assert.same({{"a", {{1, 4}, {2, "nan"}, {-30, 0.5}}}, {"b", {{7, "nan"}}}},
                values(GOOD))
    local list = assert(load_series(GOOD))
    assert.same({"1", "2"}, list[1].channels)
    assert.same({12, 14}, {list[1].line, list[2].line})
    assert.same({{"-", {{1}, {2}}}}, values "@classLabel false\n@data\n1,2\n")
  end)

  it("may have CR LF, a byte order mark, gzip, and no last line end", function()
    local expected = values(GOOD)
    assert.same(expected, values((GOOD:gsub("\n", "\r\n"))))
    assert.same(expected, values("\u{FEFF}" .. GOOD:sub(1, -2)))
    local path = write("packed.ts", GOOD)
    assert(os.execute("gzip -f " .. quote(path)))
    assert.equal(2, #assert(rnn.data.ts(path .. ".gz")))
  end)

  it("is refused where it is no such file", function()
    refuses("f.ts: has no line '@data', expected one before the series", "")
    refuses("f.ts: has no line '@data', expected one before the series",
            "@classLabel true a\n")
    refuses("f.ts: has no series", HEAD .. "\n")
    refuses("f.ts:1: expected a line of the header, such as '@classLabel " ..
            "true a b' or '@data', got '1,2:a'", "1,2:a\n")
    refuses("f.ts:1: its header has no @classLabel, expected '@classLabel " ..
            "true' and the labels, or '@classLabel false'", "@data\n1:a\n")
    refuses("f.ts:1: expected '@classLabel true' and the labels, or " ..
            "'@classLabel false', got 'true'", "@classLabel true\n")
    refuses("f.ts:1: @univariate must be true or false, got 'yes'",
            "@univariate yes\n")
    refuses("f.ts:1: @seriesLength must be an integer, got 'x'",
            "@seriesLength x\n")
    refuses("f.ts:2: its targets are numbers (@targetLabel true), expected " ..
            "labels", "@targetLabel true\n@data\n")
    refuses("f.ts:3: its values have time stamps (@timeStamps true), which " ..
            "are not read; expected values at regular times",
            "@timeStamps true\n@classLabel true a\n@data\n(1,2):a\n")
    local _, why = load_series(HEAD .. "1:a\xff\n")
    assert.truthy(why:find "UTF%-8")
    _, why = rnn.data.ts(dir .. "/none.ts")
    assert.truthy(why:find "No such file")
  end)

  it("is refused where a value is none", function()
    local function cell(message, value)
      refuses("f.ts:3: channel 2, value 3: " .. message,
              HEAD .. "1,2,3:4,5," .. value .. ":a\n")
    end
    for _, value in ipairs {"x", "inf", "-Inf", "0x10", "1.2.3", "1 2"} do
      cell("'" .. value .. "' is no number, expected one such as -1.5e3, or " ..
           "? for none", value)
    end
    cell("is empty, expected a number, or ? for none", "")
    cell("'1e39' is larger than float32 holds", "1e39")
    cell("'1e999' is larger than float32 holds", "1e999")
    refuses("f.ts:3: channel 1, value 1: '(0' has a time stamp, expected a " ..
            "number", HEAD .. "(0,1),(1,2):a\n")
  end)

  it("is refused where it goes against itself", function()
    refuses("f.ts:3: has no label, expected one behind the last ':'",
            HEAD .. "1,2\n")
    refuses("f.ts:3: has no label, expected one behind the last ':'",
            HEAD .. "1,2: \n")
    refuses("f.ts:3: has the label 'c', @classLabel has 'a b'",
            HEAD .. "1,2:c\n")
    refuses("f.ts:3: channel 2 has 1 values, channel 1 has 2",
            HEAD .. "1,2:3:a\n")
    refuses("f.ts:5: has 1 channels, the series in line 3 has 2",
            HEAD .. "1:2:a\n\n1:b\n")
    local function header(line, bytes)
      return line .. "\n" .. HEAD .. bytes
    end
    refuses("f.ts:4: has 2 channels, @univariate true allows 1",
            header("@univariate true", "1:2:a\n"))
    refuses("f.ts:4: has 1 channels, @dimensions says 3",
            header("@dimensions 3", "1:a\n"))
    refuses("f.ts:4: has 2 steps, @seriesLength says 3",
            header("@seriesLength 3", "1,2:a\n"))
    refuses("f.ts:5: has 1 steps, the series in line 4 has 2, and " ..
            "@equalLength is true",
            header("@equalLength true", "1,2:a\n1:b\n"))
  end)

  it("is read again as it was written", function()
    local random = require "tests.random" (7)
    local path, list = dir .. "/w.ts", {}
    for i = 1, 20 do
      local rows = {}
      for t = 1, random:int(1, 9) do
        rows[t] = {random:int(-500, 500) / 7, random:int(-9, 9) * 1e30,
                   random:chance(0.2) and NAN or random:int(0, 9) / 1e30}
      end
      list[i] = {label = random:pick {"é", "b"}, values = rnn.tensor(rows)}
    end
    assert(rnn.data.write_ts(path, list, {name = "x"}))
    for i, one in ipairs(assert(rnn.data.ts(path))) do
      assert.same(list[i].label, one.label)
      assert.same(plain(list[i].values:totable()),
                  plain(one.values:totable()))
    end
    assert(rnn.data.write_ts(path, {{values = rnn.tensor {{1}}}}))
    assert.is_nil(assert(rnn.data.ts(path))[1].label)
    raises.with("series 1 has the label a b", rnn.data.write_ts, path,
                {{label = "a b", values = rnn.tensor {{1}}}})
    raises.with("series 2 has the label nil; all or none", rnn.data.write_ts,
                path, {list[1], {values = rnn.tensor {{1, 2, 3}}}})
    raises.with("series 2 has 1 channels, the first has 3", rnn.data.write_ts,
                path, {list[1], {label = "a", values = rnn.tensor {{1}}}})
  end)
end)

describe("a UCR file", function()
  it("has a label in front of the values", function()
    local expected = {{"1", {{0.5}, {-2}, {3}}}, {"-1", {{4}, {"nan"}, {5}}}}
    for _, bytes in ipairs {"1\t0.5\t-2\t3\n-1\t4\tNaN\t5\n",
                            "1,0.5,-2,3\n-1,4,NaN,5\n\n",
                            "  1  5e-1 -2  3\r\n  -1  4 NaN 5\r\n"} do
      assert.same(expected, values(bytes, nil, "CBF_TRAIN"))
    end
    -- shorter ones are filled up
    assert.same({{"1", {{2}}}, {"2", {{2}, {3}}}},
                values("1\t2\tNaN\n2\t2\t3\n", {format = "ucr"}))
  end)

  it("is refused where it is none", function()
    local function fails(message, bytes)
      refuses(message, bytes, nil, "f.tsv")
    end
    fails("f.tsv: has no series", "")
    fails("f.tsv:1: value 2: 'x' is no number, expected one such as -1.5e3, " ..
          "or ? for none", "1,2,x\n")
    fails("f.tsv:2: value 2: is empty, expected a number, or ? for none",
          "1\t2\t3\n1\t2\t\t3\n")
    fails("f.tsv:1: has no label, expected one in front", ",1,2\n")
    fails("f.tsv:1: has no values behind the label", "1\n")
    fails("f.tsv:1: has no values behind the label", "1\tNaN\n")
  end)
end)

describe("series in CSV", function()
  local ROWS = "who,y,x,label\nann,1,2,up\nbob,3,,down\nann,5,6,up\n"

  it("have a row for each step", function()
    local o = {columns = {id = "who"}}
    local list = assert(load_series(ROWS, o, "f.csv"))
    assert.same({"x", "y"}, list[1].channels)
    assert.same({{"up", {{2, 1}, {6, 5}}}, {"down", {{"nan", 3}}}},
                values(ROWS, o, "f.csv"))
    o.channels = {"y"}
    assert.same({{"up", {{1}, {5}}}, {"down", {{3}}}},
                values(ROWS, o, "f.csv"))
    assert.same({{"-", {{7}, {8}}}},
                values("id,time,v\n1,0,7\n1,0.5,8\n", nil, "f.csv"))
    assert.same({{"-", {{7}}}},
                values("id,time,v\n1,Monday,7\n", nil, "f.csv"))
  end)

  it("are refused with line and column", function()
    local function fails(message, bytes, o)
      refuses(message, bytes, o, "f.csv")
    end
    fails("f.csv: is empty", "")
    fails("f.csv: has no series", "id,v\n")
    fails("f.csv:2: has no column 'id' (it has: a, b)", "a,b\n1,2\n")
    fails("f.csv:2: has no column 'l' (it has: id, v)", "id,v\n1,2\n",
          {columns = {label = "l"}})
    fails("f.csv:2: has no column 'w' (it has: id, v)", "id,v\n1,2\n",
          {channels = {"w"}})
    fails("f.csv:2: has no columns of values", "id,label\n1,2\n")
    fails("f.csv:3: column 'v': 'x' is no number, expected one such as " ..
          "-1.5e3, or ? for none", "id,v\n1,2\n1,x\n")
    fails("f.csv:3: column 'v': 'inf' is no number, expected one such as " ..
          "-1.5e3, or ? for none", "id,v\n1,2\n1,inf\n")
    fails("f.csv:3: has 1 cell, expected 2 as in the first row",
          "id,v\n1,2\n1\n")
    fails("f.csv:3: has the label 'b', line 2 has 'a' for this 'id'",
          "id,v,label\n1,2,a\n1,3,b\n")
    fails("f.csv:2: has no label", "id,v,label\n1,2,\n")
    fails("f.csv:3: is of time 1, behind 1 of this 'id'; expected times " ..
          "that rise", "id,time,v\n1,1,2\n1,1,3\n")
  end)

  it("are asked for by names that there are", function()
    raises.with("ts: 'format' must be ts, ucr or csv", rnn.data.ts, "x",
                {format = "arff"})
    raises.with("ts: unknown option 'ids'", rnn.data.ts, "x",
                {columns = {ids = "x"}})
    raises.with("ts: 'channels' must be a table, got string", rnn.data.ts,
                "x", {channels = "x"})
  end)
end)

-- }==

-- {== The model ==

---Series of some steps in two channels, of two labels.
local function series(o)
  local list = {}
  for i, rows in ipairs {{{1, 5}, {2, 5}, {4, 6}}, {{0, 7}},
                         {{3, 5}, {0, o and o.missing and NAN or 8}}} do
    list[i] = {label = i == 2 and "b" or "a", channels = {"1", "2"}, line = i,
               values = rnn.tensor(rows, "float32")}
  end
  return list
end

---Options of learn and of build, small ones.
local function options(o)
  local all = {scale = "channel", balance = "none", label_smoothing = 0.0,
               cell = "gru", hidden = 2, layers = 1, pool = "mean", head = 0,
               dropout = 0.0, weight_drop = 0.0, precision = "full", conv = 0,
               conv_layers = 1, kernel = 3, stride = 1}
  for name, value in pairs(o or {}) do all[name] = value end
  return all
end

local function new(o, list)
  o = options(o)
  local known, notes = seriesclassifier.learn(list or series(o), o)
  return seriesclassifier.build(known, o), notes
end

---Calls f(name, options) for each kind of network.
local function each_kind(f)
  for _, pool in ipairs {"last", "mean", "max", "attention"} do
    f(pool, {pool = pool})
    f(pool .. " of convolutions", {pool = pool, conv = 3, conv_layers = 2,
                                   stride = 2, cell = "lstm"})
  end
  f("a head", {head = 3, balance = "weights", label_smoothing = 0.1,
               cell = "rnn", layers = 2})
  f("missing values", {missing = true, conv = 2})
  f("scales of series", {scale = "series", missing = true})
  f("values as they are", {scale = "none"})
end

describe("a classifier of series", function()
  each_kind(function(name, o)
    it("has the gradients of its loss: " .. name, function()
      rnn.default_dtype "float64"
      rnn.seed(3)
      local m = new(o)
      local items = m:encode(series(o))
      local ok, why = gradcheck.check {
        f = function() return (m:loss(items)) end,
        params = rnn.parameters(m), seed = 5, sample = 6}
      rnn.default_dtype "float32"
      assert.truthy(ok, why)
    end)

    it("gives a series the same in any batch: " .. name, function()
      rnn.seed(3)
      local m, list = new(o), series(o)
      local alone, both = m:classify(list, 1), m:classify(list, 3)
      for i, one in ipairs(alone) do
        assert.equal(one.label, both[i].label)
        assert.near(1, one.probabilities[1] + one.probabilities[2], 1e-6)
        assert.near(one.probabilities[1], both[i].probabilities[1], 1e-6)
      end
    end)

    it("is the same again from its file: " .. name, function()
      rnn.seed(4)
      local m, path = new(o), dir .. "/round.safetensors"
      assert(rnn.save(path, m, seriesclassifier.describe(m:known())))
      local again = assert(seriesclassifier.load(path))
      assert.same(m:classify(series(o)), again:classify(series(o)))
      local known, got = m:known(), again:known()
      assert.same(known.labels.names, got.labels.names)
      known.labels, got.labels = nil, nil
      assert.same(known, got)
    end)
  end)

  it("scales values, and puts 0 where one is missing", function()
    local list = series {missing = true}
    local function rows(o, i, names)
      local m = new(o, list)
      return m:encode({list[i]})[1].x:totable(), m:known(), names
    end
    -- channel 1: 1 2 4 0 3 0, channel 2: 5 5 6 7 5
    local m1, s1 = 10 / 6, math.sqrt(30 / 6 - (10 / 6) ^ 2)
    local m2, s2 = 28 / 5, math.sqrt(160 / 5 - (28 / 5) ^ 2)
    local x = rows({}, 3)
    local expected = {{(3 - m1) / s1, (5 - m2) / s2, 0, 0},
                      {(0 - m1) / s1, 0, 0, 1}}
    for t, row in ipairs(expected) do
      for k, v in ipairs(row) do assert.near(v, x[t][k], 1e-6) end
    end
    assert.same({{1, 0, 0, 0}, {-1, 0, 0, 1}}, (rows({scale = "series"}, 3)))
    assert.same({{3, 5, 0, 0}, {0, 0, 0, 1}}, (rows({scale = "none"}, 3)))
    assert.same({{0, 0, 0, 0}}, (rows({scale = "series"}, 2)))
    -- what training never lacks has no sign of its own
    local m = new {scale = "none"}
    assert.same({{3, 5}, {0, 0}}, m:encode({list[3]})[1].x:totable())
  end)

  it("takes large numbers, and channels that never change", function()
    local list = series()
    for _, one in ipairs(list) do
      one.values = one.values * rnn.tensor({1e37, 0}, "float32") + 3
    end
    for _, scale in ipairs {"channel", "series"} do
      for _, item in ipairs(new({scale = scale}, list):encode(list)) do
        local stats = core.stats(item.x)
        assert.equal(stats.count, stats.finite)
        assert.truthy(stats.max < 3 and stats.min > -3)
        for _, row in ipairs(item.x:totable()) do assert.equal(0, row[2]) end
      end
    end
  end)

  it("says what it cannot learn from, and what it cannot take", function()
    local list = series()
    list[2].channels = {"1", "x"}
    local known, why = seriesclassifier.learn(list, options())
    assert.is_nil(known)
    assert.equal("the series in line 2 has the channels 1, x; expected 1, 2",
                 why)
    list[2].channels, list[3].label = list[1].channels, nil
    known, why = seriesclassifier.learn(list, options())
    assert.is_nil(known)
    assert.equal("the series in line 3 has no label", why)
    local _, notes = new({missing = true})
    assert.same({"1 of 12 values are missing"}, notes)
    for _, one in ipairs(list) do one.label = "a" end
    _, notes = new({}, list)
    assert.truthy(notes[1]:find("all 3 labels are 'a'; a model learns " ..
                                "nothing from them", 1, true))
  end)

  it("weighs labels by how rare they are", function()
    rnn.seed(1)
    local m = new {balance = "weights"}
    local items = m:encode(series())
    local function nats(item) return select(2, m:predict {item}) end
    local a, b = 3 / (2 * 2), 3 / (2 * 1)
    assert.near((a * (nats(items[1]) + nats(items[3])) + b * nats(items[2])) /
                (2 * a + b), m:loss(items):item(), 1e-6)
  end)

  it("refuses descriptions that are not its own", function()
    local m = new {conv = 3, conv_layers = 2, pool = "attention",
                   dropout = 0.1}
    local path = dir .. "/hostile.safetensors"
    local meta = seriesclassifier.describe(m:known())
    local o = json.decode(meta.seriesclassifier)
    local function refused(changes, text)
      local hostile = {}
      for name, value in pairs(meta) do hostile[name] = value end
      for name, value in pairs(changes) do
        hostile[name] = value ~= "" and value or nil
      end
      assert(rnn.save(path, m, hostile))
      local got, why = seriesclassifier.load(path)
      assert.is_nil(got, text)
      assert.truthy(why:find(text, 1, true), why)
      assert.equal(path, why:sub(1, #path))
    end
    refused({["rnnlua.kind"] = "classifier"}, "its kind is 'classifier'")
    refused({labels = '["a"]'}, "damaged")
    refused({labels = '["b","a"]'}, "damaged")
    refused({labels = ""}, "damaged")
    for _, bad in ipairs {"", "null", "[]", "{}", "{"} do
      refused({seriesclassifier = bad}, "damaged")
    end
    for name, values_of in pairs {
      channels = {{}, {1, 2}, "x"}, scale = {"all", 1, "series"},
      means = {{}, {1}, {1, "2"}, {1, 2, 3}},
      deviations = {{1, 0}, {1, -1}, {1}}, missing = {1},
      counts = {{1}, {1, 0}, {1.5, 1}}, smoothing = {1, -0.5, "0"},
      weighted = {"yes"},
    } do
      for _, value in ipairs(values_of) do
        local was = o[name]
        o[name] = value
        refused({seriesclassifier = json.encode(o)}, "damaged")
        o[name] = was
      end
    end
    o.missing = true   -- two inputs more
    refused({seriesclassifier = json.encode(o)}, "do not fit")
    for _, name in ipairs {"rnn", "pool", "out", "drop"} do
      local was = m[name]
      for _, other in ipairs {rnn.Linear(4, 4), rnn.LSTM(3, 2)} do
        m[name] = other
        refused({}, "do not fit")
      end
      m[name] = was
    end
    for _, other in ipairs {
      rnn.Conv1d(2, 3, 3), rnn.Conv1d(2, 3, 4, {padding = 2}),
      rnn.Conv1d(3, 3, 3, {padding = 1}), rnn.Conv1d(2, 3, 3, {causal = true}),
      rnn.Conv1d(2, 3, 3, {padding = 1, dilation = 2}), rnn.Linear(2, 3),
    } do
      local was = m.conv[1]
      m.conv[1] = other
      refused({}, "do not fit")
      m.conv[1] = was
    end
  end)
end)

-- }==

-- {== Scripts ==

---Runs a script; returns its exit code, stdout and stderr.
local function run(script, ...)
  local words = {quote(sandbox.program), quote("scripts/" .. script)}
  for _, word in ipairs {...} do words[#words + 1] = quote(word) end
  return sandbox.shell(table.concat(words, " "))
end

local function train(out, ...)
  return run("train_seriesclassifier.lua", "--out", dir .. "/" .. out,
             "--hidden", "8", "--conv", "8", "--threads", "1", ...)
end

---One line on stderr with the text, and the exit code.
local function assert_fails(code, text, got, out, err)
  assert.equal(code, got, err)
  assert.equal("", out)
  assert.truthy(err:find(text, 1, true), err)
  assert.equal(1, select(2, err:gsub("\n", "")), err)
end

---Paths of the series that are made in a folder.
local function make(folder, kind, ...)
  folder = dir .. "/made/" .. folder
  local code, out, err = run("make_series.lua", kind, "--out", folder, ...)
  assert.equal(0, code, err)
  local train_path, test_path = folder .. "/train.ts", folder .. "/test.ts"
  assert.equal(train_path .. "\n" .. test_path .. "\n", out)
  return train_path, test_path
end

local cbf, cbf_test, strokes

setup(function()
  cbf, cbf_test = make("cbf", "cbf", "--test", "300")
  strokes = make("strokes", "strokes", "--train", "60", "--test", "60")
end)

---Values of a series with mean 0 and deviation 1.
local function standardised(one)
  local s = core.stats(one.values)
  local deviation = math.sqrt(s.norm ^ 2 / s.count - s.mean ^ 2)
  return ((one.values - s.mean) / deviation):reshape {s.count}
end

describe("make_series", function()
  it("makes the series of Saito", function()
    local list, test = assert(rnn.data.ts(cbf)), assert(rnn.data.ts(cbf_test))
    local x, wrong = {}, 0
    for i, one in ipairs(list) do
      assert.same({128, 1}, one.values:shape())
      x[i] = standardised(one)
    end
    x = rnn.op.stack(x)
    for _, one in ipairs(test) do
      local d = x - standardised(one)
      local nearest = (-(d * d):sum(2)):argmax(1):item()
      if list[nearest].label ~= one.label then wrong = wrong + 1 end
    end
    -- of UCR's 30 and 900 series the nearest neighbour has 0.148 wrong
    assert.truthy(wrong / #test > 0.05 and wrong / #test < 0.25, wrong)
  end)

  it("makes strokes of different lengths, with values missing", function()
    local lengths, labels = {}, {}
    for _, one in ipairs(assert(rnn.data.ts(strokes))) do
      lengths[#one.values] = true
      labels[one.label] = (labels[one.label] or 0) + 1
      assert.equal(3, one.values:shape()[2])
    end
    assert.truthy(next(lengths, next(lengths)))
    assert.same({circle = 10, eight = 10, spiral = 10, square = 10,
                 triangle = 10, zigzag = 10}, labels)
    local path = make("half", "strokes", "--train", "6", "--test", "6",
                      "--missing", "0.5")
    local count, finite = 0, 0
    for _, one in ipairs(assert(rnn.data.ts(path))) do
      local s = core.stats(one.values)
      count, finite = count + s.count, finite + s.finite
    end
    assert.near(0.5, finite / count, 0.1)
  end)
end)

describe("train_seriesclassifier", function()
  it("learns, tests the best model, and tells how to use it", function()
    local code, out, err = train("run", "--data", cbf, "--test-data", cbf_test,
                                 "--steps", "200", "--lr", "0.01",
                                 "--dropout", "0", "--val", "0")
    assert.equal(0, code, err)
    assert.truthy(tonumber(out:match "accuracy ([%d.]+) %%") > 85, out)
    assert.truthy(out:find "truth \\ guess +bell +cylinder +funnel", out)
    assert.truthy(err:find("classify_series.lua " .. dir .. "/run/best", 1,
                           true), err)
  end)

  it("goes on in the same bytes as a run that was never stopped", function()
    local o = {"--data", strokes, "--dropout", "0.3", "--balance", "sample",
               "--eval-every", "2", "--pool", "attention", "--test", "0.1",
               "--schedule", "constant", "--layers", "2"}
    assert.equal(0, (train("whole", "--steps", "7", table.unpack(o))))
    assert.equal(0, (train("parts", "--steps", "3", table.unpack(o))))
    local code, _, err = run("train_seriesclassifier.lua", "--out",
                             dir .. "/parts", "--resume", "--steps", "7")
    assert.equal(0, code, err)
    assert.truthy(read(dir .. "/whole/last.safetensors") ==
                  read(dir .. "/parts/last.safetensors"))
  end)

  it("knows its data by their numbers, not by their lines", function()
    local path = write("same.ts", HEAD .. "1,2:a\n2,1:b\n")
    local function go_on(bytes)
      write("same.ts", bytes)
      return run("train_seriesclassifier.lua", "--out", dir .. "/same",
                 "--resume", "--steps", "2")
    end
    assert.equal(0, (train("same", "--data", path, "--steps", "1", "--val",
                           "0")))
    assert_fails(3, "is not the text that the run in", go_on(
                 HEAD .. "1,2.5:a\n2,1:b\n"))
    assert_fails(3, "the series in line 3 has the channels 1, 2; expected 1",
                 go_on(HEAD .. "1:2:a\n2:1:b\n"))
    assert.equal(0, (go_on(HEAD .. "1.0,2:a\n# here\n2,1:b\n")))
  end)

  it("trains every kind", function()
    local path = make("some", "strokes", "--train", "12", "--test", "6",
                      "--missing", "0.2")
    for _, o in ipairs {
      {"--pool", "mean", "--cell", "lstm", "--scale", "series"},
      {"--pool", "last", "--conv-layers", "3", "--stride", "4", "--metric",
       "macro_f1", "--balance", "weights", "--label-smoothing", "0.1"},
      {"--pool", "max", "--conv", "0", "--cell", "rnn", "--scale", "none",
       "--head", "3", "--epochs", "1"},
    } do
      local code, _, err = train("kind", "--data", path, "--steps", "2",
                                 "--overwrite", "--test", "0.2",
                                 table.unpack(o))
      assert.equal(0, code, err)
    end
  end)

  it("starts from a model, if the channels are those", function()
    local model = dir .. "/run/best.safetensors"
    local code, _, err = train("more", "--data", cbf, "--init-from", model,
                               "--steps", "2")
    assert.equal(0, code, err)
    assert_fails(3, "has the channels 1, 2, 3; expected 1",
                 train("more", "--data", strokes, "--overwrite",
                       "--init-from", model, "--steps", "2"))
  end)

  it("says what is wrong with data, and where", function()
    local function fails(text, bytes, name, ...)
      assert_fails(3, text, train("bad", "--data", write(name, bytes), ...))
    end
    fails("bad.ts: has no line '@data'", "", "bad.ts")
    fails("bad.tsv:1: value 1: 'x' is no number", "a\tx\n", "bad.tsv")
    fails("bad.csv:2: has no column 'who' (it has: id, v)", "id,v\n1,2\n",
          "bad.csv", "--id-column", "who")
    fails("bad.csv:2: has no column 'what' (it has: id, v)", "id,v\n1,2\n",
          "bad.csv", "--label-column", "what")
    fails("the series in line 2 has no label", "id,v\n1,2\n", "bad.csv")
    local other = write("other.ts", HEAD .. "1:2:3:a\n")
    assert_fails(3, "other.ts: the series in line 3 has the channels 1, 2, 3" ..
                 "; expected 1", train("bad", "--data", cbf, "--test-data",
                                       other))
    assert_fails(2, "--kernel must be odd, got 4", train("bad", "--data", cbf,
                 "--kernel", "4"))
  end)

  it("counts labels that only the test has as wrong", function()
    local path = write("unseen.ts", "@classLabel true bell odd\n@data\n" ..
                       ("0,"):rep(127) .. "0:odd\n")
    local code, out, err = train("unseen", "--data", cbf, "--test-data", path,
                                 "--steps", "2")
    assert.equal(0, code, err)
    assert.truthy(err:find("test: 1 of 1 labels are unknown: 'odd' (1)", 1,
                           true), err)
    assert.truthy(out:find("accuracy 0.00 %", 1, true), out)
  end)

  it("takes one step, one label, and 100000 steps", function()
    local function trains(bytes, ...)
      local code, _, err = train("odd", "--data", write("odd.ts", bytes),
                                 "--steps", "2", "--val", "0", "--overwrite",
                                 ...)
      assert.equal(0, code, err)
      return err
    end
    trains(HEAD .. "1:a\n2:b\n")
    trains(HEAD .. "1:a\n2:b\n", "--batch", "1")
    trains(HEAD .. "1:a\n2:b\n", "--scale", "series", "--stride", "9")
    assert.truthy(trains(HEAD .. "1:a\n2:a\n"):find(
      "all 2 labels are 'a'; a model learns nothing", 1, true))
    local long = ("0.5,"):rep(99999) .. "1:a\n" .. "1,2:b\n"
    trains(HEAD .. long, "--hidden", "2", "--conv", "2", "--stride", "10")
    trains(HEAD .. long, "--hidden", "2", "--conv", "0")
  end)
end)

describe("classify_series", function()
  local model = dir .. "/run/best.safetensors"

  local function classify(...)
    return run("classify_series.lua", model, "--threads", "1", ...)
  end

  it("prints a label a line, and how many are right", function()
    local code, out, err = classify(cbf_test)
    assert.equal(0, code, err)
    local list = assert(rnn.data.ts(cbf_test))
    local right, i = 0, 0
    for label in out:gmatch "[^\n]+" do
      i = i + 1
      if label == list[i].label then right = right + 1 end
    end
    assert.equal(#list, i)
    assert.truthy(err:find(("^accuracy %.2f, macro_f1 [%%d.]+ of 300 series\n$")
                  :format(100 * right / i)), err)
    local _, scores = classify(cbf_test, "--scores")
    assert.truthy(scores:find(("accuracy %.2f %%"):format(100 * right / i), 1,
                              true), scores)
  end)

  it("prints probabilities, JSON, and series without labels", function()
    local values_of = read(cbf_test):match "@data\n([^:]*):"
    local path = write("new.ts", "@classLabel false\n@data\n" .. values_of ..
                       "\n")
    local code, out, err = classify(path, "--top", "2", "--probabilities")
    assert.equal(0, code, err)
    assert.equal("", err)
    assert.truthy(out:find "^%l+\t[01]%.%d%d%d%d\t%l+\t0%.%d%d%d%d\n$", out)
    code, out = classify(path, "--json")
    assert.equal(0, code)
    local one = json.decode(out)
    assert.equal(3, one.line)
    assert.is_nil(one.truth)
    local p = one.probabilities
    assert.near(1, p.bell + p.cylinder + p.funnel, 1e-4)
    assert.truthy(p[one.label] >= 1 / 3)
    assert_fails(3, "--scores: the series have no labels",
                 classify(path, "--scores"))
    local _, piped = sandbox.shell(("%s scripts/classify_series.lua %s"):format(
      quote(sandbox.program), quote(model)), read(path))
    assert.equal(one.label .. "\n", piped)
  end)

  it("says what it cannot take", function()
    assert_fails(3, "the series in line 7 has the channels 1, 2, 3; " ..
                 "expected 1", classify(strokes))
    assert_fails(3, "No such file", classify(dir .. "/none.ts"))
    assert_fails(3, "none.safetensors", run("classify_series.lua",
                 dir .. "/none.safetensors", cbf))
    local code, _, err = classify(write("odd.ts", "@classLabel true odd\n" ..
                                        "@data\n1,2:odd\n"))
    assert.equal(0, code, err)
    assert.truthy(err:find("warning: 1 of 1 labels are unknown: 'odd' (1)", 1,
                           true), err)
  end)

  it("says that a model has diverged", function()
    local m = assert(seriesclassifier.load(model))
    m.out.bias:fill(NAN)
    local path = dir .. "/nan.safetensors"
    assert(rnn.save(path, m, seriesclassifier.describe(m:known())))
    assert_fails(3, "its scores of the series in line 7 are not finite",
                 run("classify_series.lua", path, cbf_test))
  end)
end)

-- }==
