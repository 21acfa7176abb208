---Series: scalers, windows, frames of CSV tables, naive forecasts.
local rnn = require "rnn"
local data = require "rnn.data"
local naive = require "rnn.naive"
local new_random = require "tests.random"
local raises = require "tests.raises"
local sandbox = require "tests.sandbox"
local write = sandbox.write

teardown(sandbox.remove)

---The largest difference of two tensors.
local function distance(a, b)
  assert.same(a:shape(), b:shape())
  return (a - b):abs():max():item()
end

---A tensor (R,D) float64 of numbers above 0.
local function positive(R, D)
  return rnn.uniform({R, D}, 1, 9):to "float64"
end

-- {== Scalers ==

describe("a scaler", function()
  local STEPS = {
    {}, {"standard"}, {"minmax"}, {"log"}, {"log1p"}, {"difference"},
    {{difference = 5}}, {"log", "standard"},
    {"log", {difference = 7}, "difference", "standard"},
    {"standard", "difference", {difference = 3}, "minmax"},
  }

  it("is undone, whatever its steps", function()
    rnn.seed(3)
    for _, steps in ipairs(STEPS) do
      local y = positive(60, 3)
      local s = data.scaler(steps):fit(y:slice(1, 1, 40))
      local z = s:transform(y)
      assert.equal(60 - s.lag, #z)
      local back = s:inverse(z:slice(1, 41 - s.lag, #z), y:slice(1, 1, 40))
      assert.is_true(distance(back, y:slice(1, 41, 60)) < 1e-9)
    end
  end)

  it("does the same to rows of a batch", function()
    rnn.seed(4)
    local y = positive(30, 2)
    local s = data.scaler({"log", {difference = 4}, "standard"}):fit(y)
    local batch = rnn.op.stack({y, y * 2}, 2)              -- (T,N,D)
    local z = s:transform(batch)
    assert.is_true(distance(z:select(2, 1), s:transform(y)) < 1e-12)
    local back = s:inverse(z, batch:slice(1, 1, 4))
    assert.is_true(distance(back, batch:slice(1, 5, 30)) < 1e-9)
  end)

  it("knows nothing but what it was fitted to", function()
    local y = rnn.tensor({{1, 5}, {3, 5}, {1000, 7}}, "float64")
    local s = data.scaler({"standard"}):fit(y:slice(1, 1, 2))
    assert.same({{-1.0, 0.0}, {1.0, 0.0}, {998.0, 2.0}},
                s:transform(y):totable())
    s = data.scaler({"minmax"}):fit(y:slice(1, 1, 2))
    assert.same({{0.0, 0.0}, {1.0, 0.0}, {499.5, 2.0}},
                s:transform(y):totable())
  end)

  it("is fitted to many rows as to few", function()
    rnn.seed(5)
    local y = rnn.randn({40000, 2}):to "float64" * 3 + 7
    local s = data.scaler({"standard"}):fit(y)
    local z = s:transform(y)
    assert.is_true(z:mean(1):abs():max():item() < 1e-9)
    assert.is_true((((z * z):mean(1)) - 1):abs():max():item() < 1e-9)
  end)

  it("is kept as plain values", function()
    rnn.seed(6)
    local y = positive(30, 2)
    for _, steps in ipairs(STEPS) do
      local s = data.scaler(steps):fit(y)
      local again = assert(data.scaler_from(s:state(), 2))
      assert.equal(s.lag, again.lag)
      if #steps > 0 then
        assert.equal(0.0, distance(s:transform(y), again:transform(y)))
      end
    end
  end)

  it("refuses what is no scaler", function()
    raises.with("step 1 must be standard, minmax", data.scaler, {"z"})
    raises.with("step 2 must be", data.scaler, {"log", {difference = 0}})
    raises.with("fit needs more than 9 rows, got 9", function()
      data.scaler({{difference = 9}}):fit(positive(9, 1))
    end)
    raises.with("'log' needs values above 0, row 2 of column 1 is -1",
                function()
      data.scaler({"log"}):fit(rnn.tensor({{1}, {-1}}, "float64"))
    end)
    raises.with("must be fitted", function()
      data.scaler({"standard"}):transform(positive(3, 1))
    end)
    raises.with("inverse needs the 4 rows before, got 3", function()
      local s = data.scaler({{difference = 4}}):fit(positive(9, 1))
      s:inverse(positive(2, 1), positive(3, 1))
    end)
    for _, state in ipairs {
      7, {7}, {{kind = "x"}}, {{kind = "standard", shift = {1}, scale = {}}},
      {{kind = "difference", lag = -1}}, {{kind = "standard"}},
      {{kind = "standard", shift = {1}, scale = {0 / 0}}},
      {{kind = "difference", lag = 1 << 40}},
    } do
      local s, wrong = data.scaler_from(state, 1)
      assert.is_nil(s)
      assert.match("damaged", wrong)
    end
  end)
end)

-- }==

-- {== Windows ==

describe("windows", function()
  local function counted(R)
    return rnn.arange(R):reshape {R, 1}          -- row r holds r - 1
  end

  it("are the rows around each origin, all of them once", function()
    local seen, count = {}, 0
    local w = data.windows(counted(50), {steps = 7, horizon = 3, batch = 8})
    for x, y, at in w do
      for n, origin in ipairs(at) do
        for t = 1, 7 do assert.equal(origin - 8 + t, x[t][n][1]:item()) end
        for h = 1, 3 do assert.equal(origin - 1 + h, y[h][n][1]:item()) end
        assert.is_nil(seen[origin])
        seen[origin], count = true, count + 1
      end
    end
    assert.equal(50 - 7 - 3 + 1, count)
    assert.equal(count, #w)
  end)

  it("never cross from one series to the next", function()
    local w = data.windows({counted(9), counted(20) + 100},
                           {steps = 4, horizon = 2, batch = 3})
    for x, y in w do
      for n = 1, x:shape()[2] do
        assert.equal(x[1][n][1]:item() >= 100, y[2][n][1]:item() >= 100)
        assert.equal(5.0, y[2][n][1]:item() - x[1][n][1]:item())
      end
    end
    assert.equal(4 + 15, #w)
  end)

  it("go on from where they were", function()
    local function new()
      return data.windows(counted(40), {steps = 5, batch = 4, seed = 9})
    end
    local one, two = new(), new()
    for _ = 1, 12 do one:next() end
    assert(two:restore(one:state()))
    for _ = 1, 12 do
      local _, _, a = one:next()
      local _, _, b = two:next()
      assert.same(a, b)
    end
  end)

  it("refuses what makes none", function()
    raises.with("needs 'steps'", data.windows, counted(9), {batch = 2})
    raises.with("no series has the 12 rows", data.windows, counted(9),
                {steps = 9, horizon = 3, batch = 2})
    raises.with("unknown option 'size'", data.windows, counted(9), {size = 2})
  end)
end)

-- }==

-- {== Naive forecasts ==

describe("naive forecasts", function()
  ---What a definition says, step by step.
  local DEFINED = {
    last = function(y, t) return y[t] end,
    seasonal = function(y, t, k, o) return y[t + (k - 1) % o.season + 1 -
                                             o.season] end,
    drift = function(y, t, k, o)
      return y[t] + k * (y[t] - y[o.first[1]]) / (t - o.first[1])
    end,
    growth = function(y, t, k, o)
      local times = (k - 1) // o.season + 1
      return y[t + (k - 1) % o.season + 1 - o.season] *
             (y[t] / y[t - o.season]) ^ times
    end,
  }

  it("are what their definitions say", function()
    rnn.seed(7)
    local values = positive(60, 1)
    local y = values:reshape({60}):totable()
    local o = {first = {3, 3}, horizon = 17, season = 5}
    for _, name in ipairs(naive.NAMES) do
      local f = naive[name](values, {20, 31}, o)
      for n, t in ipairs {20, 31} do
        for k = 1, 17 do
          local want = DEFINED[name](y, t, k, o)
          assert.is_true(math.abs(f[k][n][1]:item() - want) <
                         1e-9 * math.abs(want))
        end
      end
    end
  end)

  it("are none where there is no past", function()
    local values = positive(30, 1)
    local o = {first = {10}, horizon = 2, season = 12}
    assert.is_nil(naive.seasonal(values, {20}, o))
    assert.is_nil(naive.growth(values, {21}, o))
    assert.is_nil(naive.growth(values - 9, {29}, o))
    assert.is_nil(naive.drift(values, {10}, o))
    assert.is_truthy(naive.seasonal(values, {21}, o))
  end)
end)

-- }==

-- {== Frames ==

describe("a frame", function()
  local function frame_of(text, roles)
    return data.frame({write("t.csv", text)}, roles or {})
  end

  local function refused(message, text, roles)
    local frame, wrong, code = frame_of(text, roles)
    assert.is_nil(frame)
    assert.equal("EFORMAT", code)
    assert.equal(sandbox.dir .. "/t.csv" .. message, wrong)
  end

  it("takes the last column of numbers, unless it is told", function()
    local frame = assert(frame_of "d,a,b\n2020-01-01,1,2\n2020-01-02,3,4\n")
    assert.same({"b"}, frame.names)
    assert.same({{2.0}, {4.0}}, frame.values:totable())
    assert.equal("daily", frame.frequency.name)
    frame = assert(frame_of("a,b,c\n1,2,3\n4,5,6\n",
                            {target = {"a"}, inputs = {"all"}}))
    assert.same({"a", "b", "c"}, frame.names)
    assert.equal(2, frame.inputs)
    frame = assert(frame_of("a,b,c\n1,2,3\n4,5,6\n",
                            {target = {"all"}, known = {"b"}}))
    assert.same({"a", "c", "b"}, frame.names)
    assert.same({2, 0, 1}, {frame.targets, frame.inputs, frame.known})
  end)

  it("tells series apart", function()
    local frame = assert(frame_of(
      "d,who,x\n2020-01,u,1\n2020-01,v,10\n2020-02,u,2\n2020-02,v,20\n",
      {series = "who"}))
    assert.same({{1.0}, {2.0}, {10.0}, {20.0}}, frame.values:totable())
    assert.same({"u", "v"}, {frame.series[1].name, frame.series[2].name})
    assert.same({1, 2, 3, 4}, {frame.series[1].first, frame.series[1].last,
                               frame.series[2].first, frame.series[2].last})
    for row, name in ipairs {"u", "u", "v", "v"} do
      assert.equal(name, frame:series_of(row).name)
    end
  end)

  it("fills what is missing as it is told", function()
    local text = "x\n\"\"\n2\n\"\"\n\"\"\n5\n\"\"\n"
    local function filled(how)
      local frame = assert(frame_of(text, {missing = how, known = {}}))
      local list = {}
      for r, row in ipairs(frame.values:totable()) do list[r] = row[1] end
      return list, frame.notes[1]
    end
    assert.same({2.0, 2.0, 3.0, 4.0, 5.0}, (filled "interpolate"))
    assert.same({2.0, 2.0, 2.0, 2.0, 5.0}, (filled "last"))
    local list, note = filled "zero"
    assert.same({0.0, 2.0, 0.0, 0.0, 5.0}, list)
    assert.equal("3 missing numbers were filled (--missing zero)", note)
    refused(":2: column 'x' has no number here; --missing interpolate, last " ..
            "or zero puts one there", text)
  end)

  it("has rows ahead, of what is known", function()
    local frame = assert(frame_of(
      "d,y,price\n2020-01-01,1,7\n2020-01-02,2,8\n2020-01-03,,9\n",
      {target = {"y"}, known = {"price"}, calendar = {"weekday"}}))
    assert.equal(2, #frame.values)
    local longer = assert(frame:extended(1))
    assert.equal(3, #longer.values)
    assert.same({2.0, 9.0}, longer.values[3]:slice(1, 1, 2):totable())
    assert.same({"y", "price", "weekday sin", "weekday cos"}, longer.names)
    local none, wrong = frame:extended(2)
    assert.is_nil(none)
    assert.match("price%) have 1 rows beyond the last target, 2", wrong)
  end)

  it("is cut by time: nothing of the test is trained on", function()
    local values = rnn.arange(100):to "float64":reshape {100, 1}
    local frame = assert(data.frame({{names = {"x"}, columns = {
      x = values:reshape {100}}}}, {}))
    local train, valid, test = frame:parts {steps = 8, horizon = 4, val = 0.1,
                                            test = 20, stride = 1, most = 0}
    assert.same({8, 66}, {train[1], train[#train]})
    assert.same({70, 76}, {valid[1], valid[#valid]})
    assert.same({80, 96}, {test[1], test[#test]})
    assert.same({70}, test.trained)
    local _, _, few = frame:parts {steps = 8, horizon = 4, val = 0, test = 20,
                                   stride = 1, most = 5}
    assert.is_true(#few <= 5)
  end)

  it("tells other numbers apart", function()
    local a = assert(frame_of "x\n1\n2\n3\n")
    local b = assert(frame_of "x\n1\n3\n2\n")
    local c = assert(frame_of "x\n1\n2\n3\n")
    assert.equal(a:digest(), c:digest())
    assert.not_equal(a:digest(), b:digest())
  end)

  it("takes the dates between two", function()
    local text = "d,x\n2020-01,1\n2020-02,2\n2020-03,3\n2020-04,4\n"
    local frame = assert(frame_of(text, {from = "2020-02", to = "2020-03"}))
    assert.same({{2.0}, {3.0}}, frame.values:totable())
    refused(": no row is between the dates", text, {from = "2021-01"})
  end)

  it("refuses columns that are not there, or not of numbers", function()
    local text = "d,who,x,y\n2020-01,u,1,2\n2020-02,u,2,3\n"
    refused(": has no column 'z' (it has: d, who, x, y)", text,
            {target = {"z"}})
    refused(": column 'who' is of texts, expected numbers", text,
            {target = {"who"}})
    refused(": column 'x' has two roles", text,
            {target = {"x"}, inputs = {"x"}})
    refused(":2: '1' in column 'x' is no date; expected YYYY-MM-DD, YYYY-MM " ..
            "or YYYY, maybe with HH:MM:SS, or set 'date_format'", text,
            {time = "x"})
    refused(": has no column of numbers to forecast", "who\nu\nv\n")
    refused(": the calendar needs a column of dates, and there is none",
            "x\n1\n2\n", {calendar = {"hour"}})
    refused(":2: no row has a number to forecast", "x,y\n1,\n2,\n",
            {target = {"y"}})
  end)

  it("refuses dates that are not regular, with their line", function()
    local function wrong_of(text)
      local _, wrong = frame_of(text)
      return wrong:sub(#sandbox.dir + 2)
    end
    local gap = "d,x\n2020-01-01,1\n2020-01-02,2\n2020-01-04,4\n"
    assert.match("^t.csv:4: .*2020%-01%-03 is missing; %-%-time none",
                 wrong_of(gap))
    assert.equal(3, #assert(frame_of(gap, {time = "none"})).values)
    assert.match("^t.csv:3: ", wrong_of "d,x\n2020-01-02,1\n2020-01-02,2\n")
    assert.match("^t.csv:3: ", wrong_of "d,x\n2020-01-02,1\n2020-01-01,2\n")
  end)
end)

-- }==

-- A brute force over random ranges: an origin is there if its rows are.
describe("origins", function()
  it("are all that fit", function()
    local windowing = require "rnn.data.windows"
    local random = new_random(11)
    for _ = 1, 200 do
      local first = random:int(1, 5)
      local range = {first = first, last = first + random:int(0, 30),
        from = random:int(0, 1) == 1 and first + random:int(0, 9) or nil}
      local o = {steps = random:int(1, 9), horizon = random:int(1, 6),
                 stride = 1}
      local want = {}
      for at = 1, 50 do
        if at - o.steps + 1 >= range.first and at + o.horizon <= range.last and
           at + 1 >= (range.from or range.first) then
          want[#want + 1] = at
        end
      end
      assert.same(want, windowing.origins({range}, o))
    end
  end)
end)
