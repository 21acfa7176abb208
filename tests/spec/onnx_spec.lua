---ONNX files: what is written is read back and looked through by
---tests/onnxfile.lua and, where onnxruntime is installed, run: every kind says
---there what it says here.
local rnn = require "rnn"
local classifier = require "rnn.models.classifier"
local core = require "rnn.core"
local data = require "rnn.data"
local forecaster = require "rnn.models.forecaster"
local json = require "rnn.json"
local lm = require "rnn.models.lm"
local onnxfile = require "tests.onnxfile"
local proto = require "rnn.onnx.proto"
local sandbox = require "tests.sandbox"
local seriesclassifier = require "rnn.models.seriesclassifier"
local tagger = require "rnn.models.tagger"
local words = require "rnn.models.words"

local dir, quote, shell = sandbox.dir, sandbox.quote, sandbox.shell
local op = core.op
local TOLERANCE = 1e-5

teardown(sandbox.remove)

-- {== Cases ==

local folder = dir .. "/cases"
os.execute("mkdir " .. quote(folder))

---Parameters of a model become larger random numbers than they begin as.
local function shake(m)
  for _, p in ipairs(rnn.parameters(m)) do
    p:copy(rnn.uniform(p:shape(), -0.7, 0.7))
  end
  return m
end

---Saves a model, converts it, and leaves inputs and what is expected for
---onnx_run.py; returns what was written, as read back.
local function keep(name, m, meta, values)
  local path = ("%s/%s"):format(folder, name)
  assert(rnn.save(path .. ".safetensors", m, meta))
  local converted = assert(rnn.onnx.convert(path .. ".safetensors"))
  assert(rnn.onnx.save(path .. ".onnx", converted))
  for key, t in pairs(values) do
    assert(rnn.npy.save(("%s.%s.npy"):format(path, key), t))
  end
  local file = onnxfile.read(converted.bytes)
  for _, list in ipairs {"inputs", "outputs"} do
    assert.equal(#converted[list], #file[list])
    for i, value in ipairs(converted[list]) do
      assert.equal(value.name, file[list][i].name)
      assert.same(value.shape, file[list][i].shape)
      assert(list == "outputs" or values[value.name], value.name)
    end
  end
  return file
end

---Random ids from 1 to V.
local function random_ids(V, T, N)
  local rows = {}
  for t = 1, T do
    rows[t] = {}
    for n = 1, N do rows[t][n] = 1 + math.floor(rnn.random() * V) end
  end
  return rnn.ids(rows)
end

---Lists of 64-bit or fewer integers as ids that count from 0 in files.
local function counts(list)
  local ids = {}
  for i, n in ipairs(list) do ids[i] = n + 1 end
  return rnn.ids(ids)
end

-- }==

describe("the protobuf", function()
  it("is written as its description says", function()
    assert.equal("", proto.encode("Opset", {}))
    assert.equal("\16\17", proto.encode("Opset", {domain = nil, version = 17}))
    assert.equal("\10\0\16\xac\2", proto.encode("Opset", {domain = "",
                                                          version = 300}))
    assert.equal("\24" .. ("\xff"):rep(9) .. "\1",
                 proto.encode("Attribute", {i = -1}))
    assert.equal("\21\0\0\0\x3f\x40\1\x40\x80\1",
                 proto.encode("Attribute", {f = 0.5, ints = {1, 128}}))
    assert.equal("\10\5\10\3abc", proto.encode("Graph", {node = {
      {input = {"abc"}}}}))
  end)
end)

-- {== Language models ==

local tok = rnn.text.tokenizer("char"):fit("to be or not to be, that is")

local function keep_lm(name, m, T, N)
  local D = m.rnn.config
  local ids = random_ids(#tok, T, N)
  local L, H = D.options.num_layers, D.sizes[2]
  local state = {h = rnn.uniform({L, N, H}, -1, 1),
                 c = D.class == "LSTM" and rnn.uniform({L, N, H}, -1, 1)}
  local h, last = m.rnn(m.embed(ids), state)
  local scores = m.out(h, m.embed.weight)
  return keep(name, m, lm.describe(tok), {
    ids = ids, h = state.h, c = state.c or nil, h_next = last.h,
    c_next = last.c, [m.out.loss and "log_probabilities" or "logits"] = scores})
end

describe("language models", function()
  rnn.seed(1)

  for _, cell in ipairs {"lstm", "gru", "rnn"} do
    for layers = 1, 2 do
      for _, tied in ipairs {true, false} do
        it(("of cell %s, %d layers, %s"):format(cell, layers, tied),
           function()
          local m = shake(lm.build {tok = tok, cell = cell, embed = 6,
                                    hidden = 6, layers = layers, tied = tied,
                                    dropout = 0.3})
          local file = keep_lm(("lm-%s-%d-%s"):format(cell, layers, tied), m,
                               7, 3)
          assert.equal(layers, file.nodes[cell:upper()])
          assert.equal("lm", file.meta["rnnlua.kind"])
          assert.equal(tok:spec(), file.meta.tokenizer)
          assert.is_nil(file.meta["rnnlua.digest"])
          assert.same({"T", "N"}, file.inputs[1].shape)
          assert.same({layers, "N", 6}, file.inputs[2].shape)
          assert.same({"T", "N", tok:usable()}, file.outputs[1].shape)
        end)
      end
    end
  end

  it("with an adaptive softmax", function()
    local m = shake(lm.build {tok = tok, cell = "gru", embed = 5, hidden = 16,
                              layers = 1, softmax = "adaptive",
                              cutoffs = {3, 8}})
    local file = keep_lm("lm-adaptive", m, 4, 2)
    assert.equal("log_probabilities", file.outputs[1].name)
    assert.same({4, 16}, file.weights["out.tail.0.0.weight"].dims)
  end)

  for name, case in pairs {
    nobias = {"LSTM", {bias = false}},
    peephole = {"LSTM", {peephole = true}},
    coupled = {"LSTM", {coupled = true, num_layers = 2}},
    coupled_peephole = {"LSTM", {coupled = true, peephole = true}},
    hard = {"LSTM", {gate_activation = "hard_sigmoid"}},
    hard_gru = {"GRU", {gate_activation = "hard_sigmoid"}},
    before = {"GRU", {reset = "before", num_layers = 2}},
    gru_nobias = {"GRU", {bias = false, reset = "before"}},
    relu = {"RNN", {nonlinearity = "relu"}},
    residual = {"LSTM", {residual = true, num_layers = 3}},
    layer_norm = {"LSTM", {layer_norm = true}, "Scan"},
    layer_norm_all = {"LSTM", {layer_norm = true, peephole = true,
      coupled = true, zoneout = 0.3, zoneout_c = 0.2, num_layers = 2,
      gate_activation = "hard_sigmoid"}, "Scan"},
    zoneout = {"LSTM", {zoneout = 0.25, zoneout_c = 0.5}, "Scan"},
    zoneout_peephole = {"LSTM", {zoneout_c = 0.5, peephole = true}, "Scan"},
    zoneout_gru = {"GRU", {zoneout = 0.25, bias = false}, "Scan"},
    zoneout_before = {"GRU", {zoneout = 0.25, reset = "before"}, "Scan"},
    zoneout_before_nobias = {"GRU", {zoneout = 0.2, reset = "before",
                                     bias = false}, "Scan"},
    zoneout_rnn = {"RNN", {zoneout = 0.25, nonlinearity = "relu",
                           num_layers = 2}, "Scan"},
  } do
    it("with " .. name, function()
      local m = shake {embed = rnn.Embedding(#tok, 5),
                       rnn = rnn[case[1]](5, 8, case[2]),
                       out = rnn.Linear(8, tok:usable())}
      local file = keep_lm("lm-" .. name, m, 6, 2)
      local node = case[3] or case[1]
      assert.equal(m.rnn.config.options.num_layers, file.nodes[node])
    end)
  end

  it("with a state that is trained are refused", function()
    local m = {embed = rnn.Embedding(#tok, 5),
               rnn = rnn.GRU(5, 8, {learned_state = true}),
               out = rnn.Linear(8, tok:usable())}
    local path = dir .. "/learned.safetensors"
    assert(rnn.save(path, m, lm.describe(tok)))
    local got, wrong, code = rnn.onnx.convert(path)
    assert.is_nil(got)
    assert.equal("EFORMAT", code)
    assert.truthy(wrong:find("learned.safetensors: 'learned_state' has no",
                             1, true), wrong)
  end)
end)

-- }==

-- {== Taggers ==

local SENTENCES = {
  {words = {"The", "cat", "saw", "Anna"}, tags = {"O", "O", "O", "B-PER"},
   ["2"] = {"D", "N", "V", "N"}},
  {words = {"Anna", "Smith", "slept"}, tags = {"B-PER", "I-PER", "O"},
   ["2"] = {"N", "N", "V"}},
  {words = {"unheard"}, tags = {"O"}, ["2"] = {"N"}},
}

local function tagger_of(o)
  local all = {min_count = 1, max_vocab = 100, chars = "lstm", features = {2},
               word_dropout = 0.0, cell = "lstm", embed = 5, hidden = 4,
               layers = 1, char_embed = 3, char_hidden = 2, feature_embed = 2,
               output = "crf", dropout = 0.1, weight_drop = 0.0,
               precision = "full"}
  for name, value in pairs(o) do all[name] = value end
  return shake(tagger.build(assert(tagger.learn(SENTENCES, all)), all))
end

---Ids of the characters of all words, and where each word is among these.
local function spelling(known, rows, T)
  local list, places = {}, {}
  for t = 1, T do
    places[t] = {}
    for n, row in ipairs(rows) do
      local word = row.spelt[t] or row.spelt[1]
      list[#list + 1] = known.chars:encode(words.spell(word))
      places[t][n] = #list
    end
  end
  local ids, lengths = data.padded(list, {pad = 1})
  return ids, counts(lengths), rnn.ids(places)
end

local function keep_tagger(name, m)
  local known, items = m:known(), m:encode(SENTENCES)
  local ids, lengths = data.padded(items, {field = "words", pad = 1})
  local values = {words = ids, lengths = counts(lengths)}
  local parts = {m.embed(ids)}
  if known.chars then
    parts[2] = words.read_chars(m, known.chars, items, #ids)
    values.chars, values.char_lengths, values.places = spelling(known, items,
                                                                #ids)
  end
  for k, embed in ipairs(m.features or {}) do
    local rows = {}
    for i, item in ipairs(items) do rows[i] = item.features[k] end
    values["feature" .. k] = data.padded(rows, {pad = 1})
    parts[#parts + 1] = embed(values["feature" .. k])
  end
  local x = #parts > 1 and op.cat(parts, 3) or parts[1]
  values.scores = m.out((m.rnn(x, nil, lengths)))
  local file = keep(name, m, tagger.describe(known), values)
  return file
end

describe("taggers", function()
  for name, o in pairs {
    crf = {}, cnn = {chars = "cnn", cell = "gru", layers = 2},
    plain = {chars = "none", output = "softmax", features = {}, cell = "rnn"},
    frozen = {freeze = true, chars = "none"},
  } do
    it("of " .. name, function()
      local m = tagger_of(o)
      local file = keep_tagger("tagger-" .. name, m)
      assert.equal(m.crf and 4 or 1, #file.outputs)
      assert.equal("tagger", file.meta["rnnlua.kind"])
      assert.truthy(file.meta.tags and file.meta.words)
    end)
  end

  for name, o in pairs {
    proj = {proj_size = 3}, norm = {layer_norm = true, zoneout_c = 0.3},
    learned = {learned_state = true, num_layers = 2},
    learned_scan = {learned_state = true, zoneout = 0.2, num_layers = 2},
    deep_proj = {proj_size = 3, num_layers = 2, bias = false,
                 residual = false},
  } do
    it("of both directions with " .. name, function()
      local m = tagger_of {chars = "none", features = {}}
      o.bidirectional = true
      m.rnn = rnn.LSTM(5, 4, o)
      m.out = rnn.Linear(2 * (o.proj_size or 4), #m:known().tags)
      keep_tagger("tagger-" .. name, shake(m))
    end)
  end

  it("with a CRF give its transitions, none of which breaks the scheme",
     function()
    local m = tagger_of {}
    local file = keep_tagger("tagger-transitions", m)
    local K = #m:known().tags
    local t = rnn.zeros({K, K}, "float32")
    t:setbytes(file.weights["crf.transitions"].raw)
    local last = rnn.zeros({K}, "float32")
    last:setbytes(file.weights["crf.end_transitions"].raw)
    local start = rnn.zeros({K}, "float32")
    start:setbytes(file.weights["crf.start_transitions"].raw)
    local y = rnn.uniform({5, 2, K}, -1, 1)
    local want = m.crf:decode(y, {5, 3})
    assert.same(want:totable(), core.op.crf_decode(
      y, t, start, last, {lengths = {5, 3}}):select(1, 1):totable())
    assert.truthy(-(-t):max():item() == -math.huge)
  end)
end)

-- }==

-- {== Classifiers ==

local TEXTS = {
  {text = "a fine film. It was good!", label = "pos"},
  {text = "bad", label = "neg"},
  {text = "what a bad bad story. No. It never ends", label = "neg"},
}

local function classifier_of(o)
  local all = {tokens = "words", chars = "none", min_count = 1,
               max_vocab = 100, max_length = 50, balance = "none",
               label_smoothing = 0.0, word_dropout = 0.0, bayes = false,
               hierarchical = false, cell = "lstm", embed = 5, hidden = 4,
               layers = 1, char_embed = 3, char_hidden = 2, pool = "last",
               head = 0, dropout = 0.1, weight_drop = 0.0,
               precision = "full"}
  for name, value in pairs(o) do all[name] = value end
  local texts = {}
  for i, one in ipairs(TEXTS) do
    texts[i] = {text = one.text, label = one.label}
  end
  classifier.mark(texts, all)
  return shake(classifier.build(assert(classifier.learn(texts, all)), all))
end

---What a classifier says, and what it is to be given.
local function keep_classifier(name, m)
  local known, items = m:known(), m:encode(TEXTS)
  local rows, places, sentence_counts = {}, {}, {}
  for n, item in ipairs(items) do
    places[n], sentence_counts[n] = {}, #item.rows
    for k, row in ipairs(item.rows) do
      rows[#rows + 1] = row
      places[n][k] = #rows
    end
  end
  local ids, lengths = data.padded(rows, {field = "ids", pad = 1})
  local values = {tokens = ids, lengths = counts(lengths)}
  if known.chars then
    values.chars, values.char_lengths, values.places = spelling(known, rows,
                                                                #ids)
  end
  if known.hierarchical then
    values.sentences = data.padded(places, {pad = 1})
    values.sentence_counts = counts(sentence_counts)
  end
  if known.grams then
    local grams, n = {}, {}
    for i, item in ipairs(items) do
      grams[i], n[i] = item.grams, #item.grams
    end
    values.grams, values.gram_counts = data.padded(grams, {pad = 1}), counts(n)
  end
  local p = {}
  for i, one in ipairs(TEXTS) do
    p[i] = m:classify({one.text})[1].probabilities
  end
  values.probabilities = rnn.tensor(p, "float32")
  return keep(name, m, classifier.describe(known), values)
end

describe("classifiers", function()
  for name, o in pairs {
    last = {}, mean = {pool = "mean", cell = "gru", layers = 2},
    max = {pool = "max", chars = "cnn", head = 6},
    attention = {pool = "attention", chars = "lstm", cell = "rnn"},
    chars = {tokens = "chars", pool = "max"},
    sentences = {hierarchical = true, pool = "attention", bayes = true},
    bayes = {bayes = true, head = 3},
  } do
    it("of " .. name, function()
      local file = keep_classifier("classifier-" .. name, classifier_of(o))
      assert.equal("classifier", file.meta["rnnlua.kind"])
      assert.truthy(file.meta.labels)
    end)
  end

  it("with every pool and activation there is", function()
    local m = classifier_of {pool = "mean"}
    for _, kind in ipairs {"relu", "gelu", "tanh", "sigmoid", "leaky_relu"} do
      m.out = rnn.MLP({13, 6, 5, 2}, {activation = kind})
      m.pool = rnn.Pool "last"
      keep_classifier("classifier-" .. kind, shake(m))
    end
  end)
end)

local NAN <const> = 0 / 0

local function series_list(missing)
  local list = {}
  for i = 1, 4 do
    local rows = {}
    for t = 1, 5 + 3 * i do
      rows[t] = {math.sin(t * i) * 3 + 5, missing and t % 4 == 0 and NAN or
                 t % (i + 1) * 1.0}
    end
    list[i] = {values = rnn.tensor(rows, "float32"), channels = {"a", "b"},
               label = i % 2 == 0 and "even" or "odd", line = i}
  end
  return list
end

describe("classifiers of series", function()
  for name, o in pairs {
    plain = {conv = 0}, conv = {stride = 2, pool = "max"},
    missing = {missing = true, pool = "attention"},
    attention = {pool = "attention", kernel = 5, conv_layers = 1},
    none = {scale = "none", pool = "mean", head = 4},
  } do
    it("of " .. name, function()
      local all = {scale = "channel", balance = "none", label_smoothing = 0.0,
                   conv = 4, conv_layers = 2, kernel = 3, stride = 1,
                   cell = "gru", hidden = 3, layers = 1, pool = "last",
                   head = 0, dropout = 0.0, weight_drop = 0.0,
                   precision = "full"}
      for key, value in pairs(o) do all[key] = value end
      local list = series_list(o.missing)
      local m = shake(seriesclassifier.build(
        assert(seriesclassifier.learn(list, all)), all))
      local T, lengths, columns = #list[4].values, {}, {}
      for n, one in ipairs(list) do
        lengths[n] = #one.values
        columns[n] = op.cat(one.values, rnn.zeros {T - #one.values, 2}, 1)
      end
      local p = {}
      for i, said in ipairs(m:classify(list)) do p[i] = said.probabilities end
      keep("series-" .. name, m, seriesclassifier.describe(m:known()), {
        values = op.stack(columns, 2):to "float64", lengths = counts(lengths),
        probabilities = rnn.tensor(p, "float32")})
    end)
  end
end)

-- }==

-- {== Forecasters ==

---A frame of series with a target, an input and two columns known ahead.
local function frame_of(names, targets)
  local columns, order = {}, {}
  local function add(name, f)
    local list = {}
    for i in ipairs(names) do
      for t = 1, 90 do list[#list + 1] = f(t, i) end
    end
    columns[name], order[#order + 1] = rnn.tensor(list, "float64"), name
  end
  add("x", function(t, i)
    return i * (10 + t / 5 + 3 * math.sin(t * 2 * math.pi / 5)) + t * 7 % 3
  end)
  add("y", function(t, i) return 100 + 20 * math.cos(t / 3) + i end)
  add("seen", function(t) return t * 31 % 17 end)
  add("price", function(t) return 5 + t * 13 % 7 end)
  if #names > 1 then
    local list = {}
    for _, name in ipairs(names) do
      for _ = 1, 90 do list[#list + 1] = name end
    end
    columns.shop, order[#order + 1] = list, "shop"
  end
  local days = {}
  for _ in ipairs(names) do
    for t = 1, 90 do
      days[#days + 1] = os.date("!%Y-%m-%d", 1577836800 + 86400 * t)
    end
  end
  columns.day, order[#order + 1] = days, "day"
  local path = dir .. "/frame.csv"
  assert(data.write_csv(path, {names = order, columns = columns}))
  return assert(data.frame({path}, {
    target = targets.target, inputs = targets.inputs, known = targets.known,
    calendar = targets.calendar,
    series = #names > 1 and "shop" or nil}))
end

local function forecaster_of(frame, o)
  local all = {strategy = "direct", window = 8, horizon = 4, season = 5,
               difference = "last", output = "point", loss = "mse",
               scale = "standard", quantiles = "0.1,0.5,0.9",
               teacher_forcing = 0.0, cell = "lstm", hidden = 6, layers = 1,
               dropout = 0.0, weight_drop = 0.0, precision = "full"}
  for name, value in pairs(o) do all[name] = value end
  local part = frame:parts {
    steps = forecaster.span(forecaster.plan(all)), horizon = all.horizon,
    val = 0, test = 0, stride = 1, most = 0}
  return shake(forecaster.build(assert(forecaster.learn(part, all)), all)),
         part
end

---Columns from .. to of rows around some origins, (rows,N,columns).
local function rows_of(frame, origins, first, last, from, to)
  local ids = {}
  for k = first, last do
    local row = {}
    for n, at in ipairs(origins) do row[n] = at + k end
    ids[#ids + 1] = row
  end
  return op.embedding(frame.values, rnn.ids(ids)):slice(3, from, to)
end

local function keep_forecaster(name, m, part)
  local known, frame = m:known(), part.frame
  local origins = {part[1], part[7], part[#part]}
  local batch = {table = m:encode(part).table, part = part,
                 table.unpack(origins)}
  local R, W, H = forecaster.span(known), known.window, known.horizon
  local D, E, K = known.D, known.E, known.K
  local values = {past = rows_of(frame, origins, 1 - R, 0, 1, D)}
  if E > 0 then
    values.inputs = rows_of(frame, origins, 1 - W, 0, D + 1, D + E)
  end
  if K > 0 then
    values.known = rows_of(frame, origins, 2 - W, H, D + E + 1, D + E + K)
  end
  if #known.series > 1 then
    local which = {}
    for n, at in ipairs(origins) do
      for i, s in ipairs(known.series) do
        if s.name == frame:series_of(at).name then which[n] = i end
      end
    end
    values.series = rnn.ids(which)
  end
  values.forecast = op.stack(m:forecast(batch, {paths = 1}), 3)
  return keep(name, m, forecaster.describe(known), values)
end

local ONE, ALL = {target = {"x"}}, {target = {"x", "y"}, inputs = {"seen"},
                                    known = {"price"},
                                    calendar = {"weekday"}}

describe("forecasters", function()
  local case = 0
  for _, one in ipairs {
    {ONE, {}}, {ALL, {}}, {ALL, {output = "quantile", difference = "both"}},
    {ALL, {output = "gaussian", attention = true, difference = "seasonal"}},
    {ONE, {log = true, scale = "none", difference = "none"}},
    {ONE, {strategy = "recursive"}},
    {ALL, {strategy = "recursive", difference = "both", cell = "gru"}},
    {ALL, {strategy = "recursive", attention = true, output = "quantile",
           layers = 2}},
    {ALL, {strategy = "recursive", output = "gaussian", cell = "clockwork",
           hidden = 8, log = true}},
    {ALL, {strategy = "seq2seq", attention = true, scale = "minmax"}},
    {ALL, {strategy = "seq2seq", output = "quantile", cell = "rnn"}},
    {ALL, {strategy = "seq2seq", cell = "clockwork", hidden = 8}},
    {{target = {"x"}, calendar = {"weekday", "month"}}, {}},
    {ALL, {log = true, difference = "both"}, {"north", "south", "west"}},
    {ALL, {strategy = "recursive", scale = "none"}, {"north", "south"}},
  } do
    case = case + 1
    local name = "forecaster-" .. case
    local o = one[2]
    it(("%d %s %s"):format(case, o.strategy or "direct", o.output or "point"),
       function()
      local frame = frame_of(one[3] or {"only"}, one[1])
      local file = keep_forecaster(name, forecaster_of(frame, o))
      assert.same({8 + (o.difference == "none" and 0 or
                        o.difference == "both" and 6 or
                        o.difference == "seasonal" and 5 or 1), "N",
                   #one[1].target}, file.inputs[one[3] and 2 or 1].shape)
    end)
  end
end)

-- }==

describe("onnx.convert", function()
  it("bounds the rows of forecasters, which weights do not", function()
    local m = forecaster_of(frame_of({"only"}, ONE), {})
    local known, path = m:known(), dir .. "/long.safetensors"
    known.window = 5000
    assert(rnn.save(path, m, forecaster.describe(known)))
    local got, wrong, code = rnn.onnx.convert(path)
    assert.is_nil(got)
    assert.equal("EFORMAT", code)
    assert.truthy(wrong:find("reads 5001 rows and forecasts 4, a graph at " ..
                             "most 4096", 1, true), wrong)
  end)

  it("tells what it makes no graphs of", function()
    local path = dir .. "/a.safetensors"
    local function refused(text, meta)
      assert(rnn.save(path, {out = rnn.Linear(2, 3)}, meta))
      local got, wrong, code = rnn.onnx.convert(path)
      assert.is_nil(got)
      assert.equal("EFORMAT", code)
      assert.truthy(wrong:find(path .. ": " .. text, 1, true), wrong)
    end
    refused "is of no kind, ONNX files are made of lm, tagger"
    refused("is of kind 'seq2seq', ONNX", {["rnnlua.kind"] = "seq2seq"})
    refused("has no tokenizer", {["rnnlua.kind"] = "lm"})
    local got, wrong, code = rnn.onnx.convert(dir .. "/none")
    assert.is_nil(got)
    assert.equal("EIO", code, wrong)
  end)
end)

describe("export_onnx.lua", function()
  local model = folder .. "/lm-lstm-1-true.safetensors"
  local function run(...)
    local list = {quote(sandbox.program), "scripts/export_onnx.lua"}
    for _, word in ipairs {...} do list[#list + 1] = quote(word) end
    return shell(table.concat(list, " "))
  end

  it("writes a file and prints what goes in and out", function()
    local path = dir .. "/lm.onnx"
    local code, out, err = run(model, "--out", path)
    assert.equal(0, code, err)
    assert.equal("input\tids\tint64\t(T, N)\ttokens, from 0\n",
                 out:match "^[^\n]*\n")
    assert.truthy(out:find "\noutput\tlogits\tfloat32\t%(T, N, %d+%)\t")
    assert.equal("LSTM", onnxfile.read(sandbox.read(path)).nodes.LSTM and
                 "LSTM")
    code, out, err = run(model, "--out", path, "--json")
    assert.equal(0, code, err)
    assert.equal("ids", json.decode(out).inputs[1].name)
  end)

  it("ends with 3 for what is no model, 5 where it cannot write", function()
    local code, out, err = run("README.md", "--out", dir .. "/x.onnx")
    assert.equal(3, code, err)
    assert.equal("", out)
    code, out, err = run(model, "--out", dir .. "/no/x.onnx")
    assert.equal(5, code, err)
    assert.equal("", out)
  end)
end)

describe("onnxruntime", function()
  it("gives what rnnlua does, for all of the above", function()
    if shell "python3 -c 'import onnx, onnxruntime'" ~= 0 then
      return pending "onnx and onnxruntime are not installed"
    end
    local code, out, err = shell(
      ("python3 tests/fixtures/onnx_run.py %s %g"):format(quote(folder),
                                                          TOLERANCE))
    if os.getenv "RNNLUA_VERBOSE" then print(out) end
    assert.equal(0, code, out .. err)
  end)
end)
