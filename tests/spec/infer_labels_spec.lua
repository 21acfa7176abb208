---Models that give labels in the inference library: taggers, segmenters,
---classifiers of texts and of series give what the Lua ones give.
local rnn = require "rnn"
local core = require "rnn.core"
local classifier = require "rnn.models.classifier"
local data = require "rnn.data"
local json = require "rnn.json"
local new_random = require "tests.random"
local sandbox = require "tests.sandbox"
local segmenter = require "rnn.models.segmenter"
local seriesclassifier = require "rnn.models.seriesclassifier"
local tagger = require "rnn.models.tagger"
local quote = sandbox.quote

teardown(sandbox.remove)

local RUN = sandbox.build .. "/infer_labels"
local NAN <const> = 0 / 0

-- {== Running the library ==

---Items as the program reads them.
local function framed(items)
  local parts = {}
  for i, item in ipairs(items) do parts[i] = #item .. "\n" .. item end
  return table.concat(parts)
end

local function lines_of(text)
  local list = {}
  for line in text:gmatch "([^\n]*)\n" do list[#list + 1] = line end
  return list
end

---A line for each item, by a model file.
local function run(path, items, options)
  local code, out, err = sandbox.shell(("%s %s %s"):format(RUN, options or "",
                                       quote(path)), framed(items))
  assert.equal("", err)
  assert.equal(0, code)
  return lines_of(out)
end

local function numbers_of(line)
  local list = {}
  for number in line:gmatch "%S+" do
    list[#list + 1] = assert(tonumber(number), line)
  end
  return list
end

---How far the probabilities of lines are from others: at most and on average.
local function apart(want, lines)
  local most, sum, n = 0.0, 0.0, 0
  assert.equal(#want, #lines)
  for i, one in ipairs(want) do
    local got = numbers_of(lines[i])
    assert.equal(#one.probabilities, #got)
    for k, p in ipairs(one.probabilities) do
      most = math.max(most, math.abs(p - got[k]))
      sum, n = sum + math.abs(p - got[k]), n + 1
    end
  end
  return most, sum / n
end

---Asserts that a file gives the same probabilities with all kernels, and nearly
---so with less precision.
local function same(path, want, items)
  for _, kernels in ipairs {"", "-k portable"} do
    assert.near(0, (apart(want, run(path, items, kernels))), 1e-5)
  end
  for precision, within in pairs {bf16 = 0.02, int8 = 0.1} do
    local _, mean = apart(want, run(path, items, "-p " .. precision))
    assert.truthy(mean < within, ("%s: %g"):format(precision, mean))
  end
end

local function with(defaults, more)
  local o = {}
  for name, value in pairs(defaults) do o[name] = value end
  for name, value in pairs(more) do o[name] = value end
  return o
end

---Makes all weights large enough to matter.
local function enlarge(m)
  for _, p in ipairs(rnn.parameters(m)) do
    p:copy(rnn.randn(p:shape()) * 0.5)
  end
end

local function save(name, m, meta)
  local path = sandbox.dir .. "/" .. name .. ".safetensors"
  assert(rnn.save(path, m, meta))
  return path
end

---A copy of a model file with its metadata changed.
local function changed(path, name, change)
  local tensors, meta = assert(rnn.load(path))
  local names, list = {}, {}
  change(meta, tensors)
  for key in pairs(tensors) do names[#names + 1] = key end
  table.sort(names)
  for i, key in ipairs(names) do list[i] = tensors[key] end
  local to = sandbox.dir .. "/" .. name .. ".safetensors"
  assert(core.file_save(to, names, list, meta))
  return to
end

-- }==

-- {== Taggers ==

local function words_of(text)
  local list = {}
  for word in text:gmatch "%S+" do list[#list + 1] = word end
  return list
end

local SENTENCES = {
  {words = words_of "Anna sees the old dog", tags = words_of
    "B-NP B-VP B-NP I-NP I-NP", ["2"] = words_of "N V D A N",
    ["-1"] = words_of "a b c d e"},
  {words = words_of "Run", tags = words_of "B-VP", ["2"] = words_of "V",
    ["-1"] = words_of "x"},
  {words = words_of "the 3 dogs that Ünna sees run off", tags = words_of
    "B-NP I-NP I-NP O B-NP B-VP B-VP O", ["2"] = words_of
    "D C N P N V V R", ["-1"] = words_of "a a b b c c d d"},
}

local PLAIN = {   -- tags that are no spans
  {words = words_of "a b c", tags = words_of "X Y X"},
  {words = words_of "c d", tags = words_of "Z X"},
}

local TAGGER = {cell = "lstm", embed = 4, hidden = 3, layers = 1,
                char_embed = 3, char_hidden = 2, feature_embed = 2,
                output = "crf", dropout = 0.0, weight_drop = 0.0,
                precision = "full", chars = "lstm", features = {2},
                min_count = 1, max_vocab = 100, word_dropout = 0.0}

local function new_tagger(name, more, sentences)
  local o = with(TAGGER, more)
  local known = assert(tagger.learn(sentences or SENTENCES, o))
  local m = tagger.build(known, o)
  enlarge(m)
  return m, save(name, m, tagger.describe(known))
end

---Sentences to tag: random words of those that are known, others, bytes that
---are no UTF-8, long words.
local function new_sentences(seed, columns, most)
  local rand, list = new_random(seed), {}
  local all = words_of("Anna ANNA sees the The 3 7 dogs x naïve STRASSE Straße "
                       .. "ﬁn 上海 \xFF\x80 a\xC3 Ünna e\u{301} 12 " ..
                       ("x"):rep(99) .. "é " .. ("上"):rep(120))
  local cells = words_of "N V D A a b c ? é"
  for i = 1, 12 do
    local s = {words = {}}
    for _, c in ipairs(columns) do s[c] = {} end
    for k = 1, rand:int(1, most or 9) do
      s.words[k] = rand:pick(all)
      for _, c in ipairs(columns) do s[c][k] = rand:pick(cells) end
    end
    list[i] = s
  end
  return list
end

local function tagger_items(sentences, columns)
  local items = {}
  for i, s in ipairs(sentences) do
    local lines = {}
    for k, word in ipairs(s.words) do
      local cells = {word}
      for _, c in ipairs(columns) do cells[#cells + 1] = s[c][k] end
      lines[k] = table.concat(cells, "\t") .. "\n"
    end
    items[i] = table.concat(lines)
  end
  return items
end

local function joined(lists)
  local lines = {}
  for i, list in ipairs(lists) do
    lines[i] = #list == 0 and "" or table.concat(list, " ") .. " "
  end
  return lines
end

describe("a tagger", function()
  before_each(function() rnn.seed(3) end)

  local KINDS = {
    all = {}, convolution = {chars = "cnn", cell = "gru"},
    softmax = {output = "softmax"},
    words = {chars = "none", features = {}, layers = 2, cell = "rnn"},
    columns = {features = {2, -1}, layers = 2, hidden = 20, embed = 17},
  }
  for name, more in pairs(KINDS) do
    it("of the kind '" .. name .. "' gives the same tags", function()
      for seed = 1, 4 do
        local columns = {}
        for i, c in ipairs(more.features or {2}) do columns[i] = tostring(c) end
        local m, path = new_tagger(name, more)
        local sentences = new_sentences(seed, columns)
        local want = joined(m:tag(sentences))
        local items = tagger_items(sentences, columns)
        assert.same(want, run(path, items))
        assert.same(want, run(path, items, "-k portable"))
      end
    end)
  end

  it("without a scheme has the tags as they are", function()
    for _, output in ipairs {"crf", "softmax"} do
      local m, path = new_tagger("plain", {output = output, features = {}},
                                 PLAIN)
      local sentences = new_sentences(5, {})
      assert.same(joined(m:tag(sentences)), run(path, tagger_items(sentences,
                                                                   {})))
    end
  end)

  it("gives spans back in the scheme they came in", function()
    local bioes = {}
    for i, s in ipairs(SENTENCES) do
      bioes[i] = with(s, {tags = data.bioes(s.tags)})
    end
    local odd = {{words = words_of "a b c", tags = words_of "B-X I-X O"},
                 {words = words_of "a b", tags = words_of "I-Y B-Y"},
                 {words = words_of "c", tags = words_of "B-Z-é"}}
    for i, list in ipairs {bioes, odd} do
      for seed = 1, 5 do
        local m, path = new_tagger("scheme", {
          output = seed % 2 == 0 and "crf" or "softmax", features = {}}, list)
        assert.equal(i == 1 and "BIOES" or "BIO", m:known().scheme)
        local sentences = new_sentences(seed, {}, 30)
        assert.same(joined(m:tag(sentences)),
                    run(path, tagger_items(sentences, {})))
      end
    end
  end)

  it("reads long sentences in parts", function()
    local m, path = new_tagger("long", {features = {}})
    local s = {words = {}}
    for i = 1, 4500 do s.words[i] = i % 3 == 0 and "dog" or "the" end
    assert.same(joined(m:tag {s}), run(path, tagger_items({s}, {})))
    assert.same({""}, run(path, {""}))
  end)

  it("refuses words that are empty", function()
    local _, path = new_tagger("empty", {features = {}})
    assert.same({"error -2: word 1 is empty"}, run(path, {"a\n\nb\n"}))
  end)

  it("loads in each precision", function()
    local m, path = new_tagger("precise", {hidden = 24, embed = 24})
    local sentences = new_sentences(8, {"2"})
    local want, items = joined(m:tag(sentences)), tagger_items(sentences, {"2"})
    for _, precision in ipairs {"full", "bf16", "int8"} do
      local equal, got = 0, run(path, items, "-p " .. precision)
      for i, line in ipairs(want) do
        equal = equal + (line == got[i] and 1 or 0)
      end
      assert.truthy(equal >= #want - 3, precision .. ": " .. equal)
    end
  end)
end)

-- }==

-- {== Segmenters ==

local LEXICON = {"他", "她", "来到", "上海", "北京", "交通", "大学", "的", "是",
                 "图书馆", "研究", "生命", "起源", "了", "2024", "AI", "。"}

local SEGMENTER = {cell = "lstm", embed = 4, hidden = 3, layers = 1,
                   pair_embed = 3, dropout = 0.0, weight_drop = 0.0,
                   precision = "full", dictionary = "learn", min_count = 1,
                   max_vocab = 1000, pair_count = 1, word_dropout = 0.0}

local function new_segmenter(name, more)
  local o, rand, list = with(SEGMENTER, more or {}), new_random(1), {}
  for i = 1, 40 do
    local words = {}
    for k = 1, rand:int(1, 9) do words[k] = rand:pick(LEXICON) end
    local chars, tags = data.bmes(words)
    list[i] = {words = words, chars = chars, tags = tags}
  end
  segmenter.mark(list, o)
  local known = assert(segmenter.learn(list, o))
  local m = segmenter.build(known, o)
  enlarge(m)
  return m, save(name, m, segmenter.describe(known))
end

local function new_lines(seed)
  local rand, list = new_random(seed), {}
  local others = {" ", "\u{3000}", "\u{A0}", "\u{2003}", "\t", "x", "Ünï",
                  "12.5", "\xFF", "\xE4\xB8", "，", "人", "东方", "\0"}
  for i = 1, 30 do
    local parts = {}
    for k = 1, rand:int(0, 25) do
      parts[k] = rand:chance(0.7) and rand:pick(LEXICON) or rand:pick(others)
    end
    list[i] = table.concat(parts)
  end
  for i = 31, 40 do
    local bytes = {}
    for k = 1, rand:int(0, 40) do bytes[k] = rand:int(0, 255) end
    list[i] = string.char(table.unpack(bytes))
  end
  list[41] = ("上海交通大学。"):rep(400) .. " x" .. ("的"):rep(1300)
  return list
end

---The words of spans.
local function spelt(text, line)
  local words = {}
  for from, to in line:gmatch "(%d+)%-(%d+)" do
    words[#words + 1] = text:sub(from + 1, math.tointeger(to))
  end
  return words
end

describe("a segmenter", function()
  before_each(function() rnn.seed(4) end)

  local function compare(m, path, opts, options)
    local lines = new_lines(3)
    local want, got = m:segment(lines, opts), run(path, lines, options)
    for i, line in ipairs(lines) do
      assert.same(want[i], spelt(line, got[i]))
    end
  end

  for _, dictionary in ipairs {"learn", "none"} do
    it("cuts the same words, dictionary " .. dictionary, function()
      for _, cell in ipairs {"lstm", "gru"} do
        local m, path = new_segmenter("seg", {dictionary = dictionary,
                                              cell = cell})
        compare(m, path)
        compare(m, path, nil, "-k portable")
      end
    end)

    it("never cuts user words, dictionary " .. dictionary, function()
      local m, path = new_segmenter("user", {dictionary = dictionary})
      local text = "海交通 3\n来到上\n大学图书馆的 2 n\n\n东方人 7\nx他\n"
      local user = assert(rnn.dict.from(text))
      compare(m, path, {user = user},
              "-u " .. quote(sandbox.write("user.txt", text)))
      local bad = sandbox.write("bad.txt", "上海\n大学 x y z\n")
      assert.truthy(run(path, {"上海"}, "-u " .. quote(bad))[1]:find(
        "^error %-7: user words, line 2: expected WORD FREQUENCY TAG"))
    end)
  end
end)

-- }==

-- {== Classifiers ==

local TEXTS = {
  {text = "A fine film. I liked it!", label = "pos"},
  {text = "dull", label = "neg"},
  {text = "not so bad , rather good", label = "pos"},
  {text = "Bad? Dull. Bad.\nDull, dull.", label = "neg"},
  {text = "So so. (Well.) \"Hm!\" it's 7 of 10", label = "so"},
}

local CLASSIFIER = {tokens = "words", chars = "none", min_count = 1,
                    max_vocab = 1000, max_length = 100, balance = "none",
                    label_smoothing = 0.0, word_dropout = 0.0, cell = "lstm",
                    embed = 5, hidden = 4, layers = 1, pool = "max", head = 0,
                    dropout = 0.0, weight_drop = 0.0, precision = "full",
                    char_embed = 3, char_hidden = 2}

local function new_classifier(name, more)
  local o, list = with(CLASSIFIER, more or {}), {}
  for i, one in ipairs(TEXTS) do
    list[i] = {text = one.text, label = one.label}
  end
  classifier.mark(list, o)
  local known = assert(classifier.learn(list, o))
  local m = classifier.build(known, o)
  local ratios = m.bayes and m.bayes.weight:clone()
  enlarge(m)
  if ratios then m.bayes.weight:copy(ratios) end
  return m, save(name, m, classifier.describe(known))
end

local function new_texts(seed)
  local rand, list = new_random(seed), {}
  local parts = {"fine", "Bad", "dull", "film", "it's", "well-made", "7", "3",
                 "so", "né", "\xFF", "上海", "。", "！", "?", ".", "!\"", "...)",
                 " ", "  ", "\n", "\t\n ", ",", "'", "-", "\0", "ﬁ", "Straße",
                 "\u{A0}", " . ", "~", "x@y"}
  for i = 1, 25 do
    local text = {"film"}
    for k = 2, rand:int(1, 40) do text[k] = rand:pick(parts) end
    list[i] = table.concat(text, rand:chance(0.5) and " " or "")
  end
  for i = 26, 32 do
    local bytes = {"x"}
    for k = 2, rand:int(2, 60) do bytes[k] = string.char(rand:int(0, 255)) end
    list[i] = table.concat(bytes)
  end
  list[33] = ("good film "):rep(300)
  list[34] = ("Good. Bad! "):rep(90)
  return list
end

describe("a classifier", function()
  before_each(function() rnn.seed(5) end)

  local KINDS = {
    ["characters of words"] = {chars = "lstm", pool = "mean"},
    ["characters by convolution"] = {chars = "cnn", cell = "gru"},
    ["characters"] = {tokens = "chars", cell = "rnn", layers = 2},
    ["characters, sentences, Bayes"] = {tokens = "chars", hierarchical = true,
                                        bayes = true, chars = "cnn"},
    ["a naive Bayes"] = {bayes = true},
    ["a naive Bayes, sentences, a head"] = {bayes = true, hierarchical = true,
                                            head = 2},
    ["a head"] = {head = 3, balance = "weights", label_smoothing = 0.1},
    ["short texts"] = {max_length = 7},
    ["short texts, sentences"] = {max_length = 7, hierarchical = true},
    ["short texts, characters, sentences"] = {max_length = 9, tokens = "chars",
                                              hierarchical = true},
  }
  for _, pool in ipairs {"last", "mean", "max", "attention"} do
    KINDS[pool] = {pool = pool}
    KINDS[pool .. " of sentences"] = {pool = pool, hierarchical = true}
    KINDS[pool .. ", wide"] = {pool = pool, hidden = 40, embed = 33,
                               layers = 2, cell = "gru", head = 21}
  end
  for name, more in pairs(KINDS) do
    it("of the kind '" .. name .. "' gives the same probabilities", function()
      local m, path = new_classifier("classifier", more)
      local texts = new_texts(6)
      same(path, m:classify(texts), texts)
    end)
  end

  for _, activation in ipairs {"gelu", "tanh", "sigmoid", "leaky_relu"} do
    it("may have a head of two layers with " .. activation, function()
      local o = with(CLASSIFIER, {pool = "mean"})
      local known = assert(classifier.learn(TEXTS, o))
      local m = classifier.build(known, o)
      m.out = rnn.MLP({13, 9, 4, 3}, {activation = activation})
      enlarge(m)
      local texts = new_texts(2)
      same(save("head", m, classifier.describe(known)), m:classify(texts),
           texts)
    end)
  end

  it("wants a word", function()
    local _, path = new_classifier("none", {})
    local why = "error -2: the text has no words to read"
    assert.same({why, why}, run(path, {"", " \n\t"}))
  end)
end)

-- }==

-- {== Series ==

local function new_series(seed, C, missing)
  local rand, list = new_random(seed), {}
  for i = 1, 10 do
    local rows = {}
    for t = 1, rand:int(1, 20) do
      rows[t] = {}
      for c = 1, C do
        rows[t][c] = missing and rand:chance(0.2) and NAN or
                     rand:real(-3, 3) * 10 ^ c + 100
      end
    end
    list[i] = {values = rnn.tensor(rows), label = i % 3 == 0 and "a" or "b",
               channels = {}, line = i}
    for c = 1, C do list[i].channels[c] = "c" .. c end
  end
  return list
end

local function series_items(list)
  local items = {}
  for i, one in ipairs(list) do
    local rows = one.values:totable()
    for t, row in ipairs(rows) do
      for c, x in ipairs(row) do
        row[c] = x == x and ("%.17g"):format(x) or "nan"
      end
      rows[t] = table.concat(row, " ") .. "\n"
    end
    items[i] = table.concat(rows)
  end
  return items
end

local SERIES = {scale = "channel", balance = "none", label_smoothing = 0.0,
                cell = "gru", hidden = 5, layers = 1, pool = "max", head = 0,
                dropout = 0.0, weight_drop = 0.0, precision = "full", conv = 0,
                conv_layers = 1, kernel = 3, stride = 1}

local function new_model(name, more, C, missing)
  local o, list = with(SERIES, more), new_series(1, C, missing)
  local known = assert(seriesclassifier.learn(list, o))
  local m = seriesclassifier.build(known, o)
  enlarge(m)
  return m, save(name, m, seriesclassifier.describe(known))
end

describe("a classifier of series", function()
  before_each(function() rnn.seed(6) end)

  local KINDS = {
    plain = {}, series = {scale = "series"}, unscaled = {scale = "none"},
    convolution = {conv = 4, conv_layers = 1},
    convolutions = {conv = 6, conv_layers = 3, kernel = 5, stride = 3},
    attention = {pool = "attention", conv = 3}, mean = {pool = "mean"},
    last = {pool = "last", layers = 2, cell = "lstm", head = 4},
    wide = {hidden = 40, conv = 33, kernel = 7, head = 9},
  }
  for name, more in pairs(KINDS) do
    for _, missing in ipairs {false, true} do
      it(("'%s'%s gives the same probabilities"):format(name,
         missing and ", values missing," or ""), function()
        for C = 1, 3, 2 do
          local m, path = new_model("series", more, C, missing)
          local list = new_series(7, C, true)
          same(path, m:classify(list), series_items(list))
        end
      end)
    end
  end

  it("takes series that do not change, or that are missing", function()
    local m, path = new_model("same", {scale = "series"}, 1, true)
    local list = {}
    for i, rows in ipairs {{{3}, {3}, {3}}, {{NAN}, {NAN}},
                           {{1e6}, {1e6 + 1}}} do
      list[i] = {values = rnn.tensor(rows), channels = {"c1"}, line = i}
    end
    same(path, m:classify(list), series_items(list))
  end)

  it("refuses what is none", function()
    local _, path = new_model("refuses", {}, 2, false)
    assert.same({"error -2: a series has a step or more, got 0",
                 "error -2: the value of channel 1 at step 1 is infinite"},
                run(path, {"", "1 2 3 inf"}))
  end)
end)

-- }==

-- {== Memory that is refused ==

describe("memory that is refused", function()
  before_each(function() rnn.seed(7) end)

  ---Refuses each request for memory in turn.
  local function refuse(path, items, options)
    local line = run(path, items, (options or "") .. " -f")[1]
    assert.truthy(line:find "^%d%d+ refused, the same after$", line)
  end

  it("is an error, nothing is lost, and then all goes on", function()
    local _, path = new_tagger("refused", {})
    refuse(path, tagger_items(new_sentences(1, {"2"}), {"2"}))
    _, path = new_segmenter("refused")
    refuse(path, {"他来到上海交通大学 x", "的的"},
           "-u " .. quote(sandbox.write("user.txt", "海交\n他来\n")))
    _, path = new_classifier("refused", {bayes = true, hierarchical = true,
                                         chars = "cnn", head = 3,
                                         pool = "attention"})
    refuse(path, {"Good. Bad, bad!", "dull"})
    _, path = new_model("refused", {conv = 3, scale = "series"}, 2, true)
    refuse(path, series_items(new_series(2, 2, true)))
  end)
end)

-- }==

-- {== Damaged files ==

---What a value of a description may become: other types, sizes and names.
local function others_of(value)
  local list = {"x", json.null, {x = 1}, json.array {}}
  local function add(...)
    table.move({...}, 1, select("#", ...), #list + 1, list)
  end
  if type(value) == "string" then
    add("", "Linear", "GRU", "RNN", "MLP", "Dropout", "ClockworkRNN", "relu",
        "Pool", "BIO", "none", "series", "chars", "hard_sigmoid")
  elseif type(value) == "boolean" then
    add(not value)
  elseif type(value) == "number" then
    add(0, 1, -1, value + 1, 2 * value, 0.5, 1 << 31, 1 << 40, 1e300)
  elseif #value > 0 then
    local twice = table.move(value, 1, #value, 1, {})
    add(json.array(table.move(value, 2, #value, 1, {})),
        table.move(value, 1, #value, #value + 1, twice))
  end
  return list
end

---Calls visit(path) with each place of a description changed in turn; t[name]
---is the description.
local function each_change(t, name, path, visit)
  local was = t[name]
  if math.type(name) ~= "integer" then
    t[name] = nil
    visit(path)
  end
  for _, other in ipairs(others_of(was)) do
    t[name] = other
    visit(path)
  end
  t[name] = was
  if type(was) ~= "table" then return end
  local keys = {}
  for key in pairs(was) do
    keys[#keys + 1] = (math.type(key) ~= "integer" or key <= 2) and key or nil
  end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  for _, key in ipairs(keys) do
    each_change(was, key, path .. "." .. key, visit)
  end
end

---Files with one thing changed, in "NAME123": lists of them and of what it is.
local function damaged(path, name)
  local files, what = {}, {}
  local _, meta = assert(rnn.load(path))
  local function add(key, text, place)
    if text == meta[key] then return end
    files[#files + 1] = changed(path, name .. #files, function(m)
      m[key] = text
    end)
    what[#files] = place or key
  end
  for key, text in pairs(meta) do
    add(key, nil)
    local half = utf8.offset(text, 0, #text // 2 + 1) or 1
    for _, other in ipairs {"", "x", "{}", "[]", "null", '["<unk>"]',
                            text:sub(1, half - 1)} do
      add(key, other)
    end
    local root = {json.decode(text)}
    if type(root[1]) == "table" then
      each_change(root, 1, key, function(place)
        local ok, encoded = pcall(json.encode, root[1])
        if ok then add(key, encoded, place) end
      end)
    end
  end
  return files, what
end

---The lines that the library gives for each of some files.
local function verdicts(files, items)
  local found = {}
  for from = 1, #files, 200 do
    local last = math.min(#files, from + 199)
    local code, out, err = sandbox.shell(RUN .. " " .. table.concat(files, " ",
                                         from, last), framed(items))
    assert.equal("", err)
    assert.equal(0, code)
    local lines, at = lines_of(out), 1
    for i = from, last do
      local n = lines[at]:find "^refused" and 1 or #items
      found[i], at = table.move(lines, at, at + n - 1, 1, {}), at + n
    end
    assert.equal(#lines + 1, at)
  end
  return found
end

---Options that a model is trained with do nothing here.
local function is_for_training(place)
  return place:find "%.[%w_]*dropout$" or place:find "%.weight_drop$" or
         place:find "%.precision$" or place:find "%.recurrent_%w+$"
end

describe("a damaged file", function()
  before_each(function() rnn.seed(8) end)

  ---Asserts that what Lua refuses is refused, and that what is not gives what
  ---expect(model, lines) expects.
  local function check(kind, path, items, expect)
    local files, what = damaged(path, kind)
    local load, refused = require("rnn.models." .. kind).load, 0
    for i, lines in ipairs(verdicts(files, items)) do
      local no = lines[1]:find "^refused %-7: " ~= nil
      local ok, m = pcall(load, files[i])
      if no then
        refused = refused + 1
      elseif ok and m then
        expect(m, lines, what[i])
      else
        assert.truthy(is_for_training(what[i]), what[i])
      end
      os.remove(files[i])
    end
    assert.truthy(refused > #files / 2 and refused < #files)
  end

  it("is refused without one of its tensors, or with another one", function()
    for kind, path in pairs {
      tagger = select(2, new_tagger("t", {})),
      segmenter = select(2, new_segmenter("s")),
      classifier = select(2, new_classifier("c", {bayes = true, head = 2,
                                                  chars = "cnn"})),
      seriesclassifier = select(2, new_model("n", {conv = 3}, 2, true))} do
      local files = {}
      for name in pairs(assert(rnn.load(path))) do
        for i, change in ipairs {
          function() return nil end,
          function(t) return t:reshape {1, #t:reshape {-1}} end,
          function(t) return rnn.op.cat(t, t, 1) end,
          function(t) return t * NAN end,
          function() return rnn.ids {1, 2} end} do
          files[#files + 1] = changed(path, ("%s%s%d"):format(kind, name, i),
                                      function(_, tensors)
            tensors[name] = change(tensors[name])
          end)
        end
      end
      for i, lines in ipairs(verdicts(files, {""})) do
        assert.truthy(lines[1]:find "^refused %-7: ", files[i])
        os.remove(files[i])
      end
    end
  end)

  local function near(want, lines, place)
    local p = want[1].probabilities[1]
    if p == p then
      assert.near(0, (apart(want, lines)), 1e-5, place)
    else
      assert.truthy(lines[1]:find "^error %-8: the scores are not finite",
                    place)
    end
  end

  it("of a tagger is refused, or gives the same", function()
    local _, path = new_tagger("tagger", {})
    local sentences = new_sentences(1, {"2"})
    check("tagger", path, tagger_items(sentences, {"2"}),
          function(m, lines, place)
            assert.same(joined(m:tag(sentences)), lines, place)
          end)
  end)

  it("of a segmenter is refused, or gives the same", function()
    local _, path = new_segmenter("segmenter")
    local text = "他来到上海交通大学 x"
    check("segmenter", path, {text}, function(m, lines, place)
      assert.same(m:segment({text})[1], spelt(text, lines[1]), place)
    end)
  end)

  it("of a classifier is refused, or gives the same", function()
    local _, path = new_classifier("classifier", {
      bayes = true, hierarchical = true, chars = "cnn", head = 3,
      pool = "attention"})
    local texts = {"Good. Bad, bad!", "A fine (dull) film"}
    check("classifier", path, texts, function(m, lines, place)
      near(m:classify(texts), lines, place)
    end)
  end)

  it("of a classifier of series is refused, or gives the same", function()
    local _, path = new_model("seriesclassifier", {conv = 3, conv_layers = 2},
                              2, true)
    local list = new_series(2, 2, true)
    check("seriesclassifier", path, series_items(list),
          function(m, lines, place) near(m:classify(list), lines, place) end)
  end)
end)

-- }==
