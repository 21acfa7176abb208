---Forecasts: distributions, the model kind, strategies, back tests, the script.
local rnn = require "rnn"
local backtest = require "rnn.backtest"
local data = require "rnn.data"
local distribution = require "rnn.models.distribution"
local forecaster = require "rnn.models.forecaster"
local inwindows = require "rnn.models.inwindows"
local json = require "rnn.json"
local lfs = require "lfs"
local naive = require "rnn.naive"
local sandbox = require "tests.sandbox"
local dir, read, write, quote = sandbox.dir, sandbox.read, sandbox.write,
                                sandbox.quote

teardown(sandbox.remove)

local function distance(a, b)
  assert.same(a:shape(), b:shape())
  return (a - b):abs():max():item()
end

-- {== Distributions ==

describe("a distribution", function()
  local LEVELS = {0.05, 0.25, 0.5, 0.75, 0.95}

  it("has the quantiles of the normal one", function()   -- tables, 10 digits
    for q, z in pairs {[0.975] = 1.9599639845, [0.9] = 1.2815515655,
                       [0.5] = 0.0, [0.01] = -2.3263478740,
                       [1e-6] = -4.7534243088} do
      assert.is_true(math.abs(distribution.normal_quantile(q) - z) < 1e-9)
    end
  end)

  it("draws what its quantiles say", function()
    rnn.seed(8)
    for _, output in ipairs {"gaussian", "quantile"} do
      local d = distribution.new(output, "mse", LEVELS)
      local x = output == "gaussian" and {{3.0, math.log(4.0)}} or
                {{-1.0, 0.5, 1.0, 4.0, 9.0}}
      local many = rnn.tensor(x) + rnn.zeros {20000, 1}
      local drawn = d.draw(many):totable()
      table.sort(drawn)
      local want = d.spread(many)[1]:totable()
      for k, q in ipairs(LEVELS) do
        local got = drawn[math.max(1, math.floor(q * #drawn))]
        assert.is_true(math.abs(got - want[k]) < 0.15,
                       ("%s %g: %g, %g"):format(output, q, got, want[k]))
      end
      assert.equal(want[3], d.middle(many)[1]:item())
    end
  end)

  it("never has a quantile above the next", function()
    local d = distribution.new("quantile", "mse", LEVELS)
    local x = rnn.tensor {{5, 1, 4, 2, 3}}
    assert.same({{1.0, 2.0, 3.0, 4.0, 5.0}}, d.spread(x):totable())
    assert.equal(3.0, d.middle(x)[1]:item())
  end)
end)

-- }==

-- {== The model ==

---A frame of one series of numbers, monthly unless said.
local function frame_of(list, roles)
  local columns, names = {x = rnn.tensor(list, "float64")}, {"x"}
  for name, column in pairs(roles and roles.more or {}) do
    names[#names + 1], columns[name] = name, rnn.tensor(column, "float64")
  end
  table.sort(names, function(a, b) return a > b end)
  return assert(data.frame({{names = names, columns = columns}},
                           {target = {"x"}, inputs = roles and roles.inputs,
                            known = roles and roles.known}))
end

local function with(o)
  local all = {
    strategy = "direct", window = 12, horizon = 4, season = 5,
    difference = "last", output = "point", loss = "mse", scale = "standard",
    quantiles = "0.1,0.5,0.9", teacher_forcing = 0.0, cell = "lstm",
    hidden = 6, layers = 1, dropout = 0.0, weight_drop = 0.0,
    precision = "full"}
  for name, value in pairs(o) do all[name] = value end
  return all
end

---A new model and the windows of a frame, all of them to train on.
local function model_of(frame, o)
  o = with(o)
  local train = frame:parts {
    steps = forecaster.span(forecaster.plan(o)), horizon = o.horizon, val = 0,
    test = 0, stride = 1, most = 0}
  local known = assert(forecaster.learn(train, o))
  return forecaster.build(known, o), train
end

---Numbers above 0 with a season of 5 and growth.
local function series(count)
  local list = {}
  for t = 1, count do
    list[t] = (10 + t / 5) * (1 + 0.3 * math.sin(2 * math.pi * t / 5)) +
              (t * 7919 % 13) / 10
  end
  return list
end

local CONFIGS = {
  {}, {strategy = "recursive"}, {strategy = "seq2seq"},
  {strategy = "recursive", output = "gaussian"},
  {strategy = "recursive", output = "quantile", attention = true},
  {strategy = "seq2seq", output = "quantile", attention = true,
   teacher_forcing = 0.5},
  {output = "gaussian", attention = true, cell = "gru"},
  {difference = "both", log = true, cell = "clockwork", hidden = 8},
  {strategy = "recursive", difference = "seasonal", cell = "rnn", layers = 2},
  {strategy = "seq2seq", difference = "none", scale = "minmax", cell = "gru"},
  {strategy = "seq2seq", cell = "clockwork", hidden = 8},
}

describe("a forecaster", function()
  it("that says nothing forecasts what a naive one does", function()
    local frame = frame_of(series(80))
    local FLOOR = {last = naive.last, seasonal = naive.seasonal}
    for _, strategy in ipairs {"direct", "recursive", "seq2seq"} do
      for _, difference in ipairs {"last", "seasonal", "both"} do
        local m, part = model_of(frame, {
          strategy = strategy, difference = difference, horizon = 12,
          log = difference == "both"})
        m.out.weight:fill(0)
        m.out.bias:fill(0)
        local items = m:encode(part)
        local said = m:forecast({items[1], items[9], table = items.table,
                                 part = part})
        local want = (FLOOR[difference] or naive.growth)(
          frame.values, {part[1], part[9]},
          {first = {1, 1}, horizon = 12, season = 5})
        for n = 1, 2 do
          local off = distance(said[n][1], want:select(2, n))
          assert.is_true(off < 1e-3, ("%s %s: %g"):format(strategy, difference,
                                                          off))
        end
      end
    end
  end)

  it("can be trained, whatever its options", function()
    local frame = frame_of(series(90), {
      more = {b = series(90), k = series(90)}, inputs = {"b"},
      known = {"k"}})
    for i, o in ipairs(CONFIGS) do
      rnn.seed(i)
      local m, part = model_of(frame, o)
      local items = m:encode(part)
      local opt = rnn.Adam(rnn.parameters(m), {lr = 1e-2})
      local first, last
      for _ = 1, 25 do
        local tape <close> = rnn.tape()
        local loss, count = m:loss(items)
        assert.equal(#part, count)
        tape:backward(loss)
        opt:step()
        last = loss:item()
        first = first or last
      end
      assert.is_true(last < first, ("%d: %g, %g"):format(i, first, last))
    end
  end)

  it("forecasts each window alike, whatever is beside it", function()
    local frame = frame_of(series(60))
    for i, o in ipairs(CONFIGS) do
      rnn.seed(i)
      local m, part = model_of(frame, o)
      local items = m:encode(part)
      local all = inwindows.each(items, 7, function(batch)
        return m:forecast(batch, {paths = 1})
      end)
      local one = m:forecast({items[10], table = items.table, part = part},
                             {paths = 1})
      assert.is_true(distance(all[10], one[1]) < 1e-4)
      assert.equal(#part, #all)
    end
  end)

  it("is the same from its file", function()
    local frame = frame_of(series(60))
    for i, o in ipairs(CONFIGS) do
      rnn.seed(i)
      local m, part = model_of(frame, o)
      local path = dir .. "/m.safetensors"
      assert(rnn.save(path, m, forecaster.describe(m:known())))
      local again = assert(forecaster.load(path))
      local items, theirs = m:encode(part), again:encode(part)
      local a = m:forecast(items)
      local b = again:forecast(theirs)
      assert.equal(0.0, distance(a[3], b[3]))
    end
  end)

  it("draws the same paths each time, and leaves the generator", function()
    local m, part = model_of(frame_of(series(60)), CONFIGS[4])
    local items = m:encode(part)
    local before = rnn.random_state()
    local a, b = m:forecast(items), m:forecast(items)
    assert.equal(0.0, distance(a[5], b[5]))
    assert.same(before, rnn.random_state())
    assert.same({4, 4, 1}, a[1]:shape())
    for h = 1, 4 do                     -- quantiles grow
      local low, middle, high = a[5][2][h][1]:item(), a[5][3][h][1]:item(),
                                a[5][4][h][1]:item()
      assert.is_true(low < middle and middle < high)
    end
  end)

  it("goes on beyond its horizon", function()
    local frame = frame_of(series(60))
    for _, strategy in ipairs {"direct", "recursive"} do
      rnn.seed(2)
      local m, part = model_of(frame, {strategy = strategy})
      local said, longer = m:beyond(frame, 10)
      assert.same({1, 10, 1}, said[1]:shape())
      assert.equal(60 + (strategy == "direct" and 12 or 10), #longer.values)
      -- the first steps are those of the last window
      local items = m:encode({60, frame = longer, trained = part.trained})
      local last = m:forecast(items)
      assert.is_true(distance(said[1]:slice(2, 1, 4), last[1]) < 1e-4)
      assert.equal(60, #frame.values)
    end
  end)

  it("keeps series apart, each with its scale", function()
    local low, high = series(60), {}
    for t, x in ipairs(low) do high[t] = 1000 * x + 5e5 end
    local all, who = {}, {}
    for t = 1, 60 do all[t], who[t] = low[t], "low" end
    for t = 1, 60 do all[60 + t], who[60 + t] = high[t], "high" end
    local frame = assert(data.frame({{names = {"who", "x"}, columns = {
      who = who, x = rnn.tensor(all, "float64")}}}, {series = "who"}))
    local m, part = model_of(frame, {})
    local items = m:encode(part)
    local said = m:forecast(items)
    local half = #part // 2
    for n = 1, half, 7 do   -- the same shape, in another unit
      local a, b = said[n], (said[half + n] - 5e5) / 1000
      assert.is_true(distance(a, b) < 1e-2)
    end
    local one = frame_of(low)
    assert.equal("series 'table 1' is not one of the 2 that were learnt",
                 forecaster.unfit(m:known(), {frame = one}))
    assert.is_nil(forecaster.unfit(m:known(), part))
  end)

  it("refuses files that are damaged", function()
    local m = model_of(frame_of(series(60)), {strategy = "seq2seq"})
    local path = dir .. "/bad.safetensors"
    local known = m:known()
    local function refused(change, message)
      local meta = forecaster.describe(known)
      local own = json.decode(meta.forecaster)
      change(own, meta)
      meta.forecaster = meta.forecaster and json.encode(own)
      assert(rnn.save(path, m, meta))
      local again, wrong, code = forecaster.load(path)
      assert.is_nil(again)
      assert.equal("EFORMAT", code)
      assert.match(message or "damaged", wrong)
    end
    local function roles_with(o)
      local roles = {target = {"x"}, inputs = {}, known = {}, calendar = {}}
      for name, value in pairs(o) do roles[name] = value end
      return roles
    end
    for name, values in pairs {
      D = {0, 2, "1", 1.5}, P = {0, 2}, E = {-1, 3}, K = {-1, 5},
      window = {0, 1 << 40}, horizon = {"x", -1, 1 << 20}, season = {0},
      lags = {{0}, {1, 2, 3}, 5}, strategy = {"fault", 7}, output = {"fault"},
      loss = {"build"}, quantiles = {{}, {0.9, 0.5}, {2}, "x"},
      teacher_forcing = {"x"}, calendar = {{1}, 2, {"week"}, {"month"}},
      roles = {1, {target = "x"}, {target = {"x"}}, roles_with {target = {1}},
               roles_with {target = {"x", "y"}}, roles_with {time = 7},
               roles_with {date_format = "%Q"},
               roles_with {calendar = {"month"}}},
      spread = {1, {v = {}, y = {}}, {v = {1, 2}, y = {1}},
                {v = {0}, y = {1}}, {v = {1}, y = {-1}}},
      series = {{}, 7, {7}, {{target = {}}}, {{name = "x", target = 3}},
                {{name = "x", target = {{kind = "standard"}}}},
                {{name = "x", target = {{kind = "difference", lag = 1}}}}},
    } do
      for _, value in ipairs(values) do
        refused(function(own) own[name] = value end, ".")
      end
    end
    refused(function(_, meta) meta["rnnlua.kind"] = "tagger" end,
            "is no forecaster, but of kind tagger")
    refused(function(_, meta) meta.forecaster = nil end)
    refused(function(own) own.strategy = "direct" end, "do not fit")
    refused(function(own) own.D, own.P = 2, 1 end, ".")
  end)

  it("refuses files whose layers are of other sorts", function()
    local m = model_of(frame_of(series(60)), {strategy = "seq2seq"})
    local path = dir .. "/sorts.safetensors"
    local function refused(name, class, ...)
      local was = m[name]
      m[name] = rnn[class](...)
      assert(rnn.save(path, m, forecaster.describe(m:known())))
      m[name] = was
      local again, wrong = forecaster.load(path)
      assert.is_nil(again, name .. " " .. class)
      assert.match("fit", wrong)
    end
    for _, name in ipairs {"rnn", "decoder"} do
      refused(name, "LSTM", 1, 6, {bidirectional = true})
      refused(name, "LSTM", 1, 6, {batch_first = true})
      refused(name, "LSTM", 1, 6, {proj_size = 3})
      refused(name, "LSTM", 1, 5)
      refused(name, "Linear", 1, 6)
    end
    refused("decoder", "GRU", 1, 6)
    refused("decoder", "LSTM", 1, 6, {num_layers = 2})
    refused("attention", "Attention", 5, 6)
    refused("drop", "Linear", 6, 6)
  end)

  it("reads the same in training as in forecasts", function()
    local frame = frame_of(series(90), {
      more = {b = series(90), k = series(90)}, inputs = {"b"}, known = {"k"}})
    local strategies = require "rnn.strategies"
    for _, attention in ipairs {true, false} do
      local m, part = model_of(frame, {strategy = "recursive", horizon = 5,
                                       attention = attention})
      local items, kept = m:encode(part), nil
      local recursive = strategies.recursive
      local train = recursive.train
      recursive.train = function(self, known, view)
        kept = {self, known, view}
        return train(self, known, view)
      end
      m:loss(items)
      recursive.train = train
      local _, known, view = table.unpack(kept)
      local k = 0
      local said = recursive.free(m, known, view, function()
        k = k + 1
        return view.y:slice(1, k, k)     -- the truth
      end, 1)
      assert.is_true(distance(said, train(m, known, view)) < 1e-5)
    end
  end)

  it("sees nothing of what it forecasts", function()
    local x, b, k = series(60), series(60), series(60)
    local function frame(changed)
      local function column(list, from)
        local copy = {}
        for t = 1, 60 do
          copy[t] = changed and t >= from and 100 + t or list[t]
        end
        return copy
      end
      return frame_of(column(x, 41), {
        more = {b = column(b, 41), k = column(k, 45)}, inputs = {"b"},
        known = {"k"}})
    end
    for i, o in ipairs(CONFIGS) do
      rnn.seed(i)
      local m, part = model_of(frame(), o)
      local function said(of)
        return m:forecast(m:encode {40, frame = of, trained = part.trained})[1]
      end
      assert.equal(0.0, distance(said(frame()), said(frame(true))))
    end
  end)

  it("takes no logarithm of what has none, and says where", function()
    local list = series(60)
    list[55] = -2
    local frame = frame_of(list)
    local o = with {log = true}
    local train = frame:parts {
      steps = forecaster.span(forecaster.plan(o)), horizon = o.horizon,
      val = 0, test = 20, stride = 1, most = 0}
    local known = assert(forecaster.learn(train, o))
    assert.equal("table 1: row 55 has -2, but --log takes numbers above 0",
                 forecaster.unfit(known, train))
  end)

  it("has no forecasts that outgrow all numbers", function()
    local frame = frame_of(series(60))
    local m, part = model_of(frame, {strategy = "recursive", log = true,
                                     difference = "both", season = 1})
    m.out.bias:fill(50)
    local said, wrong = m:beyond(frame, 400)
    assert.is_nil(said)
    assert.match("table 1: the forecasts of 400 steps outgrow", wrong)
    local guesses = m:forecast(m:encode(part))
    guesses[1] = guesses[1] / 0
    local report = backtest.score(guesses, part, m:known(), 1)
    assert.equal(math.huge, report.model.rmse)
    assert.equal(math.huge, backtest.scores(guesses, part).rmse)
    assert.match("does NOT beat", backtest.show(report, #part))
  end)

  it("needs a row of each series to train on", function()
    local list, who = series(60), {}
    for t = 1, 60 do who[t] = t <= 50 and "a" or "b" end
    local frame = assert(data.frame({{names = {"who", "x"}, columns = {
      who = who, x = rnn.tensor(list, "float64")}}}, {series = "who"}))
    local o = with {window = 4}
    local train = frame:parts {
      steps = forecaster.span(forecaster.plan(o)), horizon = o.horizon,
      val = 0, test = 12, stride = 1, most = 0}
    local known, wrong = forecaster.learn(train, o)
    assert.is_nil(known)
    assert.equal("b: has no row to train on before --val and --test", wrong)
  end)

  it("refuses options that make none", function()
    local function wrong(o) return forecaster.check(with(o)) end
    assert.is_nil(wrong {})
    assert.match("one%-step is for %-%-horizon 1", wrong {
      strategy = "one-step"})
    assert.match("must have 0.5", wrong {quantiles = "0.1,0.9"})
    assert.match("growing numbers", wrong {quantiles = "0.9,0.1"})
    assert.match("growing numbers", wrong {quantiles = "a"})
    assert.match("teacher", wrong {teacher_forcing = 0.5})
    assert.match("one layer", wrong {cell = "clockwork", layers = 2})
    assert.match("%-%-loss mae is for", wrong {loss = "mae",
                                              output = "gaussian"})
  end)
end)

-- }==

-- {== Back tests ==

describe("a back test", function()
  ---Forecasts of the truth plus an error, with intervals of it.
  local function scored(list, off)
    local frame = frame_of(list)
    local _, _, test = frame:parts {steps = 6, horizon = 3, val = 0.1,
                                    test = 0.4, stride = 1, most = 0}
    local guesses = {}
    for n, at in ipairs(test) do
      local y = frame.values:slice(1, at + 1, at + 3)
      guesses[n] = rnn.op.stack({y + off, y - 1, y, y + 1}, 1)
    end
    return backtest.score(guesses, test, {
      horizon = 3, season = 5, quantiles = {0.25, 0.5, 0.75}}, 1), guesses, test
  end

  it("has the scores of forecasts whose error is known", function()
    local report, guesses, test = scored(series(60), 0.5)
    assert.is_true(math.abs(report.model.rmse - 0.5) < 1e-9)
    assert.is_true(math.abs(report.model.mae - 0.5) < 1e-9)
    local scores = backtest.scores(guesses, test)
    assert.is_true(math.abs(scores.rmse - 0.5) < 1e-9)
    assert.equal(4, #report.floors)
    assert.same({{level = 0.5, coverage = 1.0}}, report.intervals)
    for _, floor in ipairs(report.floors) do
      assert.is_true(floor.rmse >= report.best.rmse)
    end
    assert.match("The model's RMSE is %d", backtest.show(report, #test))
  end)

  it("says when a naive forecast is better", function()
    local report, _, test = scored(series(60), 1e3)
    assert.match("does NOT beat the naive forecast 'seasonal x growth'",
                 backtest.show(report, #test))
  end)

  it("has no scores where they have no meaning", function()
    local zeros = {}
    for t = 1, 60 do zeros[t] = t % 3 == 0 and 0 or 1 end
    assert.is_nil(scored(zeros, 0.5).model.mape)
    for t = 1, 60 do zeros[t] = 4 end
    local report, _, test = scored(zeros, 0.5)
    assert.is_nil(report.model.mase)
    assert.is_nil(report.model.mse)
    assert.match("does NOT beat", backtest.show(report, #test))
  end)
end)

-- }==

-- {== scripts/forecast.lua ==

describe("forecast.lua", function()
  local function forecast(args)
    return sandbox.shell(("%s scripts/forecast.lua %s"):format(
      quote(sandbox.program), args))
  end

  ---A monthly table of a season with growth.
  local function monthly(name, count)
    local lines = {"month,n"}
    for t = 0, count - 1 do
      lines[#lines + 1] = ("%04d-%02d,%.3f"):format(
        2000 + t // 12, t % 12 + 1, (50 + t) * (2 + math.sin(t * math.pi / 6)) +
        (t * 7919 % 17) / 4)
    end
    return write(name, table.concat(lines, "\n") .. "\n")
  end

  local air = monthly("air.csv", 120)
  local FEW = " --hidden 8 --epochs 3 --threads 1 "

  it("trains, tests beside naive forecasts, and says what comes", function()
    local code, out, err = forecast(("--data %s --out %s/air --log " ..
      "--difference both --predict 3 --output gaussian" .. FEW):format(air,
                                                                       dir))
    assert.equal(0, code, err)
    assert.match("^n: 24 forecasts of 1 step\n", out)
    for _, name in ipairs {"model", "last value", "seasonal naive",
                           "seasonal x growth", "drift", "RMSE", "MASE",
                           "95 %% interval"} do
      assert.match(name, out)
    end
    assert.match("\nmonth,n,n_q0.025,.*\n2010%-01,%d.*\n2010%-02,.*\n" ..
                 "2010%-03,[^\n]*\n$", out)
    assert.match("done    %d+ steps", err)
    -- the model alone says the same
    local _, alone = forecast(("--data %s --model %s/air/best.safetensors " ..
      "--predict 3"):format(air, dir))
    assert.equal(out:match "month,n,.*", alone)
    code, alone = forecast(("--data %s --model %s/air/best.safetensors")
                           :format(air, dir))
    assert.equal(0, code)
    assert.equal(out:match "^(.-)\nmonth,", alone:match "^(.-)\n?$")
  end)

  it("does the same with any number of threads, and when resumed", function()
    local function run(name, args)
      local code, out, err = forecast(("--data %s --out %s/%s --horizon 3 " ..
        "--hidden 8 --dropout 0.2 --batch 8 --strategy seq2seq " ..
        "--teacher-forcing 0.5 --schedule constant %s"):format(air, dir,
        name, args))
      assert.equal(0, code, err)
      return out, read(("%s/%s/last.safetensors"):format(dir, name))
    end
    local out, whole = run("a", "--steps 27 --threads 1")
    local out2, whole2 = run("b", "--steps 27 --threads 2")
    assert.equal(out, out2)
    assert.is_true(whole == whole2)
    run("c", "--steps 18 --threads 1")   -- two epochs of three
    local code, out3, err = forecast(("--data %s --out %s/c --resume " ..
                                      "--steps 27"):format(air, dir))
    assert.equal(0, code, err)
    assert.is_true(whole == read(dir .. "/c/last.safetensors"))
    assert.equal(out, out3)
  end)

  it("draws, and writes predictions to a file", function()
    local code, out, err = forecast(("--data %s --out %s/p --horizon 6 " ..
      "--predict 12 --predictions %s/p.csv --plot %s/p.svg --output quantile" ..
      FEW):format(air, dir, dir, dir))
    assert.equal(0, code, err)
    assert.is_nil(out:find("month,", 1, true))
    local t = assert(data.csv(dir .. "/p.csv", {guess = true}))
    assert.equal(12, t.count)
    assert.equal("date", t.kinds.month)
    if os.execute "command -v gnuplot >/dev/null" then
      assert.match("<svg", read(dir .. "/p.svg"))
    end
  end)

  it("tells series apart, with inputs and the calendar", function()
    local lines = {"day,shop,sold,price,open"}
    for t = 0, 79 do
      for s, shop in ipairs {"a", "b"} do
        lines[#lines + 1] = ("%s,%s,%d,%d,%s"):format(
          data.dates.format(t * 86400.0), shop,
          s * 100 + t % 7 * 5 + (t * 31 % 11), t % 5, t % 7 < 5 and 1 or 0)
      end
    end
    for t = 80, 83 do   -- days to come: open is known
      for _, shop in ipairs {"a", "b"} do
        lines[#lines + 1] = ("%s,%s,,,%d"):format(
          data.dates.format(t * 86400.0), shop, t % 7 < 5 and 1 or 0)
      end
    end
    local path = write("shops.csv", table.concat(lines, "\n") .. "\n")
    local code, out, err = forecast(("--data %s --out %s/shops --target " ..
      "sold --inputs price --known open --series shop --calendar weekday " ..
      "--horizon 2 --predict 4" .. FEW):format(path, dir))
    assert.equal(0, code, err)
    assert.match("\nshop,day,sold\na,1970%-03%-22,%d", out)
    assert.match("\nb,1970%-03%-25,[%d.]+\n$", out)
    code, out, err = forecast(("--data %s --model %s/shops/best.safetensors " ..
                               "--predict 5"):format(path, dir))
    assert.equal("3 ", code .. " " .. out)
    assert.match("known ahead %(open%) have 4 rows beyond the last target, 6",
                 err)
  end)

  it("says what is wrong with data, and where", function()
    local function refused(text, message, args)
      local path = write("bad.csv", text)
      local code, out, err = forecast(("--data %s --out %s/bad %s"):format(
        path, dir, args or ""))
      assert.equal(3, code, out .. err)
      assert.is_truthy(err:find(message, 1, true), err)
      assert.is_nil(lfs.attributes(dir .. "/bad/last.safetensors"))
    end
    refused("", "bad.csv: is empty")
    refused("a,b\n1,2\n3\n", "bad.csv:3: ")
    refused("a\n1\nx\n3\n", "bad.csv:3: ")
    refused("a\n\"\"\n\"\"\n", "bad.csv:2: no row has a number to forecast")
    refused("a\n1\n", "no series has the 18 rows to train on")
    refused("d,a\n2020-01-01,1\n2020-01-01,2\n", "bad.csv:3: ")
    refused("d,a\n2020-01-02,1\n2020-01-01,2\n", "bad.csv:3: ")
    refused("a\n1\n-1\n2\n3\n4\n5\n6\n7\n", "'log' needs values above 0, row 2",
            "--log --window 2 --val 0 --test 0")
    refused("a,b\n1,2\n", "has no column 'c' (it has: a, b)", "--target c")
  end)

  it("takes a column that is constant", function()
    local rows = {}
    for t = 1, 80 do rows[t] = "5," .. t % 4 end
    local path = write("flat.csv", "x,y\n" .. table.concat(rows, "\n") .. "\n")
    for _, target in ipairs {"x", "y"} do
      local code, out, err = forecast(("--data %s --out %s/flat --overwrite " ..
        "--target %s --inputs all" .. FEW):format(path, dir, target))
      assert.equal(0, code, err)
      assert.is_nil(out:find("nan", 1, true), out)
    end
  end)

  it("refuses options that say nothing", function()
    local function usage(args, message)
      local code, _, err = forecast("--data " .. air .. " " .. args)
      assert.equal(2, code)
      assert.match(message, err)
    end
    usage("", "give %-%-out DIR to train, or %-%-model MODEL")
    usage("--out " .. dir .. "/o --strategy one-step --horizon 2", "one%-step")
    usage("--out " .. dir .. "/o --cell clockwork --layers 2", "one layer")
    usage("--model x --target n", "%-%-target does not go with %-%-model")
    usage("--model x --dates d", "%-%-dates does not go with %-%-model")
    usage("--model x --horizon 2", "%-%-horizon does not go with")
    usage("--out " .. dir .. "/o --predictions x", "is for %-%-predict N")
    usage("--model x --predictions x", "is for %-%-predict N")
    usage("--model x --out y", "%-%-out does not go with %-%-model")
    local rows = {}
    for t = 1, 60 do rows[t] = t % 7 end
    local path = write("rows.csv", "x\n" .. table.concat(rows, "\n") .. "\n")
    local code, _, err = forecast(("--data %s --out %s/o --difference both")
                            :format(path, dir))
    assert.equal(2, code)
    assert.match("%-%-difference both needs %-%-season N", err)
    code, _, err = forecast("--data " .. air .. " --model " .. air)
    assert.equal(3, code)
    assert.match("air.csv", err)
  end)

  it("has no option of two meanings, nor can another script", function()
    local options = require "rnn.options"
    local ok, wrong = pcall(options.join, {name = "s.lua", {"a"}},
                            {{group = "B"}, {"b"}, {"a"}})
    assert.is_false(ok)
    assert.match("s.lua has %-%-a twice", wrong)
  end)

  it("forecasts where there is no test", function()
    local code, out, err = forecast(("--data %s --out %s/untested --val 0 " ..
      "--test 0 --predict 2 --dates month --time 1h" .. FEW):format(air, dir))
    assert.equal(0, code, err)
    assert.match("^month,n\n2010%-01,[%d.]+\n2010%-02,[%d.]+\n$", out)
  end)

  it("writes into pipes and devices, and leaves them what they are", function()
    local pipe = dir .. "/pipe"
    assert(os.execute("mkfifo " .. quote(pipe)))
    local _, got = sandbox.shell(("cat %s & %s scripts/forecast.lua --data " ..
      "%s --model %s/air/best.safetensors --predict 1 --predictions %s; wait")
      :format(quote(pipe), quote(sandbox.program), air, dir, quote(pipe)))
    assert.match("^month,n", got)
    assert.equal("named pipe", lfs.attributes(pipe).mode)
  end)

  it("writes dates as it reads them", function()
    local rows = {"d,x"}
    for t = 0, 59 do
      rows[#rows + 1] = data.dates.format(t * 86400.0, "%d.%m.%Y") .. "," ..
                        t % 7
    end
    local path = write("german.csv", table.concat(rows, "\n") .. "\n")
    local code, out, err = forecast(("--data %s --out %s/german --test 0 " ..
      "--date-format %%d.%%m.%%Y --predict 2" .. FEW):format(path, dir))
    assert.equal(0, code, err)
    assert.match("^d,x\n02.03.1970,[^,\n]+\n03.03.1970,[^,\n]+\n$", out)
  end)

  it("counts steps beside a column that is called so", function()
    local rows = {"step"}
    for t = 1, 60 do rows[t + 1] = t % 7 end
    local path = write("step.csv", table.concat(rows, "\n") .. "\n")
    local code, out, err = forecast(("--data %s --out %s/step --test 0 " ..
      "--predict 2" .. FEW):format(path, dir))
    assert.equal(0, code, err)
    assert.match("^step_,step\n1,[^,\n]+\n2,[^,\n]+\n$", out)
  end)

  it("draws series of which the last is too short to test", function()
    local rows = {"who,x"}
    for t = 1, 80 do rows[#rows + 1] = "a," .. t % 7 end
    for t = 1, 9 do rows[#rows + 1] = "b," .. t % 7 end
    local path = write("short.csv", table.concat(rows, "\n") .. "\n")
    local code, _, err = forecast(("--data %s --out %s/short --series who " ..
      "--plot %s/short.svg" .. FEW):format(path, dir, dir))
    assert.equal(0, code, err)
  end)

  it("refuses data of another frequency", function()
    local lines = {"month,n"}
    for t = 0, 60 do
      lines[#lines + 1] = data.dates.format(t * 86400.0) .. "," .. t
    end
    local path = write("days.csv", table.concat(lines, "\n") .. "\n")
    local code, _, err = forecast(("--data %s --model %s/air/best.safetensors")
                                  :format(path, dir))
    assert.equal(3, code)
    assert.match("is daily, the model was trained on data that are monthly",
                 err)
  end)
end)

-- }==

