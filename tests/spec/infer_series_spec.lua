-- Series by the library for inference: forecasts, windows made anew and rows
-- judged, the same as those of the Lua program.

local rnn = require "rnn"
local core = require "rnn.core"
local damage = require "tests.damage"
local autoencoder = require "rnn.models.autoencoder"
local detector = require "rnn.detector"
local forecaster = require "rnn.models.forecaster"
local json = require "rnn.json"
local sandbox = require "tests.sandbox"

local data, dir = rnn.data, sandbox.dir

teardown(sandbox.remove)

-- {== Models ==

---Numbers above 0 with a season of 5 and growth.
local function wave(count, k)
  local list = {}
  for t = 1, count do
    list[t] = (10 + t / 5) * (1 + 0.3 * math.sin(2 * math.pi * t / 5 + k)) +
              ((t + k) * 7919 % 13) / 10
  end
  return list
end

local AHEAD = 40       -- rows that only columns known ahead have

---A frame of one series: targets a, b; roles say which of i, k and the calendar
---there are.
local function frame_of(count, roles)
  local columns, names = {}, {}
  local function add(name, list)
    names[#names + 1] = name
    columns[name] = core.tensor(list, "float64")
  end
  local all = roles.known and count + AHEAD or count
  for j, name in ipairs(roles.target) do
    local list = wave(all, j)
    for t = count + 1, all do list[t] = 0 / 0 end
    add(name, list)
  end
  for j, name in ipairs(roles.inputs or {}) do
    local list = wave(all, 3 * j)
    for t = count + 1, all do list[t] = 0 / 0 end
    add(name, list)
  end
  for j, name in ipairs(roles.known or {}) do add(name, wave(all, 5 * j)) end
  if roles.calendar then
    local times = {}
    for t = 1, all do times[t] = 1.6e9 + 3600.0 * t end
    add("t", times)
  end
  return assert(data.frame({{names = names, columns = columns}}, {
    target = roles.target, inputs = roles.inputs, known = roles.known,
    calendar = roles.calendar, time = roles.calendar and "t" or nil}))
end

---A model with weights that are not small, and its file.
local function saved(m, meta, name)
  for _, p in ipairs(rnn.parameters(m)) do
    core.fill_uniform(p, -0.4, 0.4)
  end
  local path = ("%s/%s.safetensors"):format(dir, name or "model")
  assert(rnn.save(path, m, meta))
  return path
end

local function options(o)
  local all = {
    strategy = "direct", window = 12, horizon = 4, season = 5,
    difference = "last", output = "point", loss = "mse", scale = "standard",
    quantiles = "0.1,0.25,0.5,0.9", teacher_forcing = 0.0, cell = "lstm",
    hidden = 6, layers = 1, dropout = 0.0, weight_drop = 0.0,
    precision = "full"}
  for name, value in pairs(o) do all[name] = value end
  return all
end

local function forecaster_of(frame, o)
  o = options(o)
  local train = frame:parts {
    steps = forecaster.span(forecaster.plan(o)), horizon = o.horizon, val = 0,
    test = 0, stride = 1, most = 0}
  local known = assert(forecaster.learn(train, o))
  rnn.seed(o.seed or 4)
  local m = forecaster.build(known, o)
  return m, saved(m, forecaster.describe(known))
end

-- }==

-- {== Running ==

local function program(path, command, input, precision)
  local code, out, wrong = sandbox.shell(("%s/infer_sequences %s %s %s"):format(
    sandbox.build, sandbox.quote(path), command, precision or ""), input)
  assert.equal(0, code, wrong)
  return out
end

local function numbers(text)
  local list = {}
  for x in text:gmatch "%S+" do list[#list + 1] = tonumber(x) or x end
  return list
end

---Numbers of a tensor as words.
local function words(x)
  local list = {}
  for i, v in ipairs(x:reshape {-1}:totable()) do
    list[i] = ("%.17g"):format(v)
  end
  return table.concat(list, " ")
end

local function near(want, got, bound, what)
  assert.is_true(math.abs(want - got) <= bound * math.max(1, math.abs(want)),
                 ("%s: %.9g, got %s"):format(what, want, got))
end

---A series of a frame as what is asked of it.
local function question(m, frame, one, H, o)
  local known, K = m:known(), m:known().K - 2 * #m:known().calendar
  local C = known.D + known.E + K
  local text = {("%s %d %d %d %d"):format(o.name or "-", H, o.paths or 0,
                o.seed or 0, one.last - one.first + 1)}
  text[2] = words(frame.values:slice(1, one.first, one.last):slice(2, 1, C))
  if K > 0 then text[3] = words(one.ahead:slice(1, 1, H)) end
  if #known.calendar > 0 then
    local longer = assert(frame:extended(H))
    text[#text + 1] = words(longer.times)
  end
  return table.concat(text, "\n") .. "\n"
end

---Numbers (H,D), then (H,D,Q), as the library prints them.
local function flat(said)
  local shape, list = said:shape(), {}
  local y = said:totable()
  for h = 1, shape[2] do
    for d = 1, shape[3] do list[#list + 1] = y[1][h][d] end
  end
  for h = 1, shape[2] do
    for d = 1, shape[3] do
      for q = 2, shape[1] do list[#list + 1] = y[q][h][d] end
    end
  end
  return list
end

local function same(want, out, bound)
  local got = numbers(out)
  assert.equal(#want, #got, out:sub(1, 300))
  for i, x in ipairs(want) do near(x, got[i], bound or 1e-5, i) end
end

-- }==

local CONFIGS = {
  {}, {strategy = "recursive"}, {strategy = "seq2seq"},
  {strategy = "recursive", output = "gaussian"},
  {strategy = "recursive", output = "quantile", attention = true},
  {strategy = "seq2seq", output = "quantile", attention = true, layers = 2},
  {output = "gaussian", attention = true, cell = "gru"},
  {output = "quantile", difference = "none", dropout = 0.2},
  {difference = "both", log = true, cell = "clockwork", hidden = 8},
  {strategy = "recursive", difference = "both", cell = "rnn", layers = 2,
   log = true, scale = "none"},
  {strategy = "recursive", difference = "seasonal", cell = "clockwork",
   hidden = 8, output = "gaussian"},
  {strategy = "seq2seq", difference = "none", scale = "minmax", cell = "gru"},
  {strategy = "seq2seq", cell = "clockwork", hidden = 8, attention = true},
}

local ROLES = {
  {target = {"a"}}, {target = {"a", "b"}, inputs = {"i"}},
  {target = {"a"}, known = {"k", "l"}},
  {target = {"a", "b"}, inputs = {"i", "j"}, known = {"k"},
   calendar = {"hour", "weekday", "minute", "monthday", "month", "yearday"}},
  {target = {"b"}, calendar = {"hour"}},
}

describe("forecasts by the library", function()
  for i, o in ipairs(CONFIGS) do
    local name = {}
    for k, v in pairs(o) do name[#name + 1] = k .. " " .. tostring(v) end
    table.sort(name)
    it("are those of the model: " .. table.concat(name, ", "), function()
      for k, roles in ipairs(ROLES) do
        local frame = frame_of(60 + i, roles)
        local m, path = forecaster_of(frame, o)
        local one = frame.series[1]
        for _, H in ipairs {4, 1, 10} do
          local want = assert(m:beyond(frame, H))[1]
          same(flat(want), program(path, "forecast",
                                   question(m, frame, one, H, {})))
        end
        if k == 1 then
          local want = assert(m:beyond(frame, 4))[1]
          for _, precision in ipairs {"bf16", "int8"} do
            same(flat(want), program(path, "forecast", question(
                 m, frame, one, 4, {}), precision), 0.15)
          end
        end
      end
    end)
  end

  it("without paths have no quantiles", function()
    local frame = frame_of(50, ROLES[2])
    local m, path = forecaster_of(frame, {strategy = "recursive",
                                          output = "gaussian"})
    local items = m:encode {50, frame = assert(frame:extended(4)),
                            trained = {50}}
    local want = m:forecast({50, table = items.table, part = items.part},
                            {paths = 1})[1]
    same(flat(want), program(path, "forecast", question(
         m, frame, frame.series[1], 4, {paths = 1})))
    local one = program(path, "forecast", question(m, frame, frame.series[1],
                                                   4, {seed = 1}))
    assert.equal(one, program(path, "forecast", question(
                 m, frame, frame.series[1], 4, {paths = 100})))
    assert.not_equal(one, program(path, "forecast", question(
                     m, frame, frame.series[1], 4, {seed = 2})))
  end)

  it("have the scale of each series", function()
    local low, high, all, who = wave(60, 1), wave(50, 2), {}, {}
    for _, x in ipairs(low) do all[#all + 1], who[#who + 1] = x, "low" end
    for _, x in ipairs(high) do
      all[#all + 1], who[#who + 1] = 1000 * x + 5e5, "high"
    end
    local frame = assert(data.frame({{names = {"who", "x"}, columns = {
      who = who, x = core.tensor(all, "float64")}}}, {series = "who"}))
    local m, path = forecaster_of(frame, {})
    local want = assert(m:beyond(frame, 6))
    for i, one in ipairs(frame.series) do
      same(flat(want[i]), program(path, "forecast", question(
           m, frame, one, 6, {name = one.name})))
    end
    assert.match("^%-2 .*'other' is not one of the 2", program(path, "forecast",
                 question(m, frame, frame.series[1], 6, {name = "other"})))
    assert.equal("1 0 0 0 13 4 2 0 0\nx\nlow\nhigh\n",
                 program(path, "outlook"))
  end)

  it("tell what they read", function()
    local _, path = forecaster_of(frame_of(60, ROLES[4]), {
      output = "quantile", difference = "both"})
    assert.equal("2 2 1 1 18 4 1 4 0\na\nb\ni\nj\nk\ntable 1\n0.1\n0.25\n" ..
                 "0.5\n0.9\n", program(path, "outlook"))
  end)

  it("refuse what cannot be forecast", function()
    local frame = frame_of(60, ROLES[1])
    local _, path = forecaster_of(frame, {log = true})
    local function refused(text, ask)
      local out = program(path, "forecast", ask)
      assert.truthy(out:find(text, 1, true), out)
    end
    local list = wave(13, 1)
    local function ask(H, paths)
      return ("- %d %d 0 %d %s\n"):format(H, paths or 0, #list,
                                          table.concat(list, " "))
    end
    refused("'horizon' must be from 1", ask(-3))
    refused("'paths' must be from 1", ask(4, -1))
    list[13] = 0
    refused("takes logarithms, which row 12", ask(4))
    list[13] = "nan"
    refused("column 0 of row 12 of 'values' is no number", ask(4))
    list[13] = "inf"
    refused("column 0 of row 12 of 'values' is no number", ask(4))
    table.remove(list)
    refused("the series has 12 rows, the model reads 13", ask(4))
  end)

  it("that outgrow all numbers are told", function()
    local frame = frame_of(60, ROLES[1])
    local m = forecaster_of(frame, {log = true})
    m.out.bias:fill(5e3)
    local path = dir .. "/grows.safetensors"
    assert(rnn.save(path, m, forecaster.describe(m:known())))
    assert.match("^%-8 .*outgrow all numbers", program(path, "forecast",
                 question(m, frame, frame.series[1], 4, {})))
  end)
end)

-- {== Windows made anew ==

local function autoencoder_of(frame, o)
  local all = {window = 9, code = 3, cell = "lstm", hidden = 7, layers = 1,
               dropout = 0.0, weight_drop = 0.0, precision = "full"}
  for name, value in pairs(o) do all[name] = value end
  local part = frame:parts {steps = all.window, horizon = 0, val = 0,
                            test = 0, stride = 1, most = 0}
  local known = assert(autoencoder.learn(part, all))
  rnn.seed(6)
  local m = autoencoder.build(known, all)
  return m, saved(m, autoencoder.describe(known)), part
end

describe("windows by the library", function()
  for _, o in ipairs {{}, {absolute = true, cell = "gru"},
                      {cell = "rnn", layers = 2}, {window = 1}} do
    it("are made anew as by the model: " .. json.encode(o), function()
      for _, roles in ipairs {ROLES[1], {target = {"a", "b"}}} do
        local frame = frame_of(40, roles)
        local m, path, part = autoencoder_of(frame, o)
        local W = m:known().window
        local said = m:predict(m:encode(part))
        local text = {#said .. "\n"}
        for i, at in ipairs(part) do
          text[i + 1] = words(frame.values:slice(1, at - W + 1, at)) .. "\n"
        end
        local want = {}
        for _, y in ipairs(said) do
          for _, x in ipairs(y:reshape {-1}:totable()) do
            want[#want + 1] = x
          end
        end
        same(want, program(path, "rebuild", table.concat(text)))
      end
    end)
  end

  it("must be numbers", function()
    local _, path = autoencoder_of(frame_of(40, ROLES[1]), {window = 2})
    assert.match("^%-2 rebuild: column 0 of row 1 is no number",
                 program(path, "rebuild", "1 3 nan"))
    assert.match("^%-5 .*no threshold", program(path, "judge", "4 1 2 3 4"))
    assert.match("^%-5 .*'autoencoder' is no 'forecaster'",
                 program(path, "forecast", "- 3 0 0 1 7"))
  end)
end)

-- }==

-- {== Rows judged ==

---A frame with faults: a jump, and what lasts.
local function faulty(roles, count)
  local frame = frame_of(count, roles)
  local F = #frame.names
  for _, row in ipairs {41, 42, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 80} do
    core.set(frame.values, (row - 1) * F + 1, 90.0 + row)
  end
  return frame
end

---Judges a frame; scores and flags from the first row on.
local function judged(m, frame, normal)
  local shape = detector.shape(m:known())
  local R = #frame.values
  local part = select(3, frame:parts {steps = shape.steps,
    horizon = shape.horizon, val = 0.0, test = R - shape.steps, stride = 1,
    most = 0})
  local j = detector.judge(m, part, detector.say(m, part, 8), normal)
  local scores = detector.smooth(j.scores, normal.smooth)
  return scores, detector.flags(scores, normal), j.first
end

local NORMAL = {mean = {0.1, -0.2}, gate = 2.5, threshold = 3.0, smooth = 1,
                hold = 0, gap = 0, factor = {{0.9}, {0.2, 1.1}}}

local function normal_of(D, o)
  local n = {}
  for name, value in pairs(NORMAL) do n[name] = value end
  for name, value in pairs(o) do n[name] = value end
  n.mean = table.move(n.mean, 1, D, 1, {})
  n.factor = table.move(n.factor, 1, D, 1, {})
  return n
end

describe("rows by the library", function()
  local function compare(m, meta, frame, o)
    local normal = normal_of(m:known().D, o)
    meta.detector = json.encode(normal)
    local path = dir .. "/detector.safetensors"
    assert(rnn.save(path, m, meta))
    local scores, flags, first = judged(m, frame, normal)
    local known = m:known()
    local C = known.D + (known.E or 0) + (known.K or 0) -
              2 * #(known.calendar or {})
    local text = #frame.values .. "\n" ..
                 words(frame.values:slice(2, 1, C)) .. "\n"
    if known.calendar and #known.calendar > 0 then
      text = text .. words(frame.times) .. "\n"
    end
    local got, row, flagged = program(path, "judge", text), 0, 0
    for score, flag in got:gmatch "(%S+) (%d)\n" do
      row = row + 1
      local want = scores[row - first + 1]
      if want then
        near(want, tonumber(score), 2e-5, "row " .. row)
        assert.equal(flags[row - first + 1], tonumber(flag))
        flagged = flagged + tonumber(flag)
      else
        assert.match("nan", score)
        assert.equal("0", flag)
      end
    end
    assert.equal(#frame.values, row, got:sub(1, 300))
    return flagged
  end

  for i, roles in ipairs {ROLES[1], ROLES[2], ROLES[5]} do
    it("are judged as forecasts say: " .. i, function()
      local frame = faulty(roles, 120)
      local m = forecaster_of(frame, {output = "gaussian", horizon = i,
        quantiles = "0.15865525393145705,0.5,0.8413447460685429",
        difference = i == 2 and "none" or "last"})
      local meta = forecaster.describe(m:known())
      local gates = {2.5, 30.0, 4.0, 1.0, 2.5}
      for k, o in ipairs {{}, {hold = 4}, {hold = 3, smooth = 5, gap = 2},
                          {hold = 20}, {gap = 1000}} do
        o.gate = gates[k]
        local count = compare(m, meta, frame, o)
        assert.is_true(count > 0)
      end
    end)
  end

  it("are judged as windows made anew say", function()
    for _, roles in ipairs {ROLES[1], {target = {"a", "b"}}} do
      local frame = faulty(roles, 110)
      local m = autoencoder_of(frame, {window = 7})
      local meta = autoencoder.describe(m:known())
      compare(m, meta, frame, {})
      compare(m, meta, frame, {smooth = 4, gap = 3, threshold = 9.0})
    end
  end)
end)

-- }==

-- {== Faults ==

describe("a damaged file", function()
  local function check(path, keys)
    for _, line in ipairs(damage.run(path, keys)) do
      assert.truthy(line:find "^%-[78] %S" or line:find "^0 runs: fine$" or
                    line:find "^%-[28] runs: %S", line)
    end
  end

  it("of a forecaster is refused, or runs", function()
    local o = {window = 4, horizon = 2, hidden = 3}
    for _, more in ipairs {
      {strategy = "recursive", output = "gaussian", difference = "both"},
      {strategy = "seq2seq", output = "quantile", attention = true},
      {cell = "clockwork", hidden = 8, log = true},
    } do
      for name, value in pairs(o) do more[name] = more[name] or value end
      local _, path = forecaster_of(frame_of(60, ROLES[4]), more)
      check(path, {"forecaster"})
    end
  end)

  it("of a detector is refused, or runs", function()
    local frame = frame_of(40, {target = {"a", "b"}})
    local m, path = autoencoder_of(frame, {})
    local meta = autoencoder.describe(m:known())
    meta.detector = json.encode(normal_of(2, {}))
    assert(rnn.save(path, m, meta))
    check(path, {"autoencoder", "detector"})
    m = forecaster_of(frame, {output = "gaussian", quantiles = "0.2,0.5,0.8"})
    meta = forecaster.describe(m:known())
    meta.detector = json.encode(normal_of(2, {hold = 2}))
    assert(rnn.save(path, m, meta))
    check(path, {"detector"})
  end)
end)

describe("memory that is refused", function()
  it("is told, and nothing is lost", function()
    for _, o in ipairs {{strategy = "recursive", output = "quantile",
                         layers = 2, attention = true},
                        {strategy = "seq2seq", output = "gaussian"}} do
      local _, path = forecaster_of(frame_of(60, ROLES[4]), o)
      assert.is_true(tonumber(program(path, "starve")) > 30)
    end
    local m, path = autoencoder_of(frame_of(40, ROLES[1]), {layers = 2})
    local meta = autoencoder.describe(m:known())
    meta.detector = json.encode(normal_of(1, {}))
    assert(rnn.save(path, m, meta))
    assert.is_true(tonumber(program(path, "starve")) > 20)
  end)
end)

-- }==
