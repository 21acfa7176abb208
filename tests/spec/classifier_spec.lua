---The model kind "classifier", train_classifier.lua, classify.lua, nearest.lua.
local rnn = require "rnn"
local classifier = require "rnn.models.classifier"
local gradcheck = require "tests.gradcheck"
local heat = require "rnn.heat"
local json = require "rnn.json"

local sandbox = require "tests.sandbox"
local dir, read, write, quote = sandbox.dir, sandbox.read, sandbox.write,
                                sandbox.quote

teardown(sandbox.remove)

local TEXTS = {
  {text = "A fine film. I liked it!", label = "pos"},
  {text = "dull", label = "neg"},
  {text = "not so bad , rather good", label = "pos"},
  {text = "Bad? Dull. Bad.\nDull, dull.", label = "neg"},
}

---Options of classifier.learn and of classifier.build, small ones.
local function options(o)
  local all = {tokens = "words", chars = "none", min_count = 1,
               max_vocab = 1000, max_length = 100, balance = "none",
               label_smoothing = 0.0, word_dropout = 0.0, cell = "lstm",
               embed = 3, hidden = 2, layers = 1, pool = "max", head = 0,
               dropout = 0.0, weight_drop = 0.0, precision = "full",
               char_embed = 2, char_hidden = 2}
  for name, value in pairs(o or {}) do all[name] = value end
  return all
end

local function new(o, texts)
  o = options(o)
  local list = {}
  for i, one in ipairs(texts or TEXTS) do
    list[i] = {text = one.text, label = one.label}
  end
  classifier.mark(list, o)
  local known, notes = classifier.learn(list, o)
  return classifier.build(known, o), notes
end

local POOLS = {"last", "mean", "max", "attention"}

---Calls f(name, options) for each kind of network.
local function each_kind(f)
  for _, pool in ipairs(POOLS) do
    for _, hierarchical in ipairs {false, true} do
      f(pool .. (hierarchical and " of sentences" or ""),
        {pool = pool, hierarchical = hierarchical})
    end
  end
  f("characters of words", {chars = "lstm", pool = "mean"})
  f("characters by convolution", {chars = "cnn", cell = "gru"})
  f("characters", {tokens = "chars", cell = "rnn", layers = 2})
  f("a naive Bayes", {bayes = true})
  f("a naive Bayes, sentences, a head", {bayes = true, hierarchical = true,
                                         head = 2})
  f("a head", {head = 3, balance = "weights", label_smoothing = 0.1})
end

describe("a classifier", function()
  each_kind(function(name, o)
    it("has the gradients of its loss: " .. name, function()
      rnn.default_dtype "float64"
      rnn.seed(3)
      local m = new(o)
      local items = m:encode(TEXTS)
      local ok, why = gradcheck.check {
        f = function() return (m:loss(items)) end,
        params = rnn.parameters(m), seed = 5, sample = 6}
      rnn.default_dtype "float32"
      assert.truthy(ok, why)
    end)

    it("gives a text the same in any batch: " .. name, function()
      rnn.default_dtype "float64"
      rnn.seed(3)
      local m, texts = new(o), {}
      for i, one in ipairs(TEXTS) do texts[i] = one.text end
      local alone = m:classify(texts, {batch = 1, weights = true})
      local both = m:classify(texts, {batch = 4, weights = true})
      local vectors = m:vectors(texts, 4)
      rnn.default_dtype "float32"
      for i, one in ipairs(alone) do
        assert.equal(one.label, both[i].label)
        for k, p in ipairs(one.probabilities) do
          assert.near(p, both[i].probabilities[k], 1e-12)
        end
        assert.equal(m:chooses(), one.weights ~= nil)
        local sum = 0
        for t, w in ipairs(one.weights or {}) do
          assert.near(w, both[i].weights[t], 1e-12)
          sum = sum + w
        end
        assert.near(m:chooses() and 1 or 0, sum, 1e-9)
        assert.truthy(#vectors[i] >= 4)
      end
    end)

    it("is the same again from its file: " .. name, function()
      rnn.seed(4)
      local m = new(o)
      local path = dir .. "/round.safetensors"
      assert(rnn.save(path, m, classifier.describe(m:known())))
      local again = assert(classifier.load(path))
      local a = m:classify({"a bad film", "good"})
      local b = again:classify({"a bad film", "good"})
      assert.same(a, b)
      assert.same(m:known().counts, again:known().counts)
    end)
  end)

  it("goes by the naive Bayes of other texts in training", function()
    local texts = {}
    for i = 1, 16 do
      texts[i] = {text = i % 2 == 0 and "good film" or "bad film",
                  label = i % 2 == 0 and "pos" or "neg"}
    end
    local o = options {bayes = true}
    classifier.mark(texts, o)
    assert.same({"bad", "bad film", "film"}, texts[1].grams)
    -- without texts 1 and 9: 6 of neg, 8 of pos; 5 grams, as many and one more
    local function log_p(n, all) return math.log((n + 1) / (3 * all + 5)) end
    local neg = log_p(6, 6) * 2 + log_p(6, 6)
    local pos = log_p(0, 8) * 2 + log_p(8, 8)
    local b = (neg - pos) / 2 / math.sqrt(3)
    assert.near(b, texts[1].bayes.neg, 1e-12)
    assert.near(-b, texts[1].bayes.pos, 1e-12)
    local before = texts[1].bayes
    texts[1].label = "pos"
    classifier.mark(texts, o)
    assert.same(before, texts[1].bayes)
    -- for other texts: of all, and nothing for what is not known
    local m = new({bayes = true}, texts)
    local items = m:encode {{text = "bad film"}, {text = "what"}}
    rnn.seed(2)
    local y = require("rnn.models.bayes").features(m.bayes, items):totable()
    local neg_all, pos_all = log_p(7, 7) * 3, log_p(1, 9) * 2 + log_p(9, 9)
    assert.near((neg_all - pos_all) / 2 / math.sqrt(3), y[1][1], 1e-5)
    assert.same({0, 0}, y[2])
  end)

  it("weighs labels by how rare they are", function()
    rnn.seed(1)
    local texts = {{text = "a", label = "x"}, {text = "a", label = "x"},
                   {text = "a", label = "x"}, {text = "b", label = "y"}}
    local m = new({balance = "weights"}, texts)
    local items = m:encode(texts)
    local function nats(item) return select(2, m:predict {item}) end
    -- 4 / (2 * 3) and 4 / (2 * 1), divided by their sum over the texts
    assert.near((3 * 2 / 3 * nats(items[1]) + 2 * nats(items[4])) / 4,
                m:loss(items):item(), 1e-6)
  end)

  it("cuts texts into words, sentences and characters", function()
    local function rows(text, o)
      local list = {}
      for i, row in ipairs(new(o):encode({{text = text}})[1].rows) do
        list[i] = table.concat(row.spelt, "|")
      end
      return list
    end
    assert.same({"It|isn't|(|all|)|well-made|!"},
                rows " It isn't (all)  well-made!\t")
    assert.same({"a| |b"}, rows("a \n b", {tokens = "chars"}))
    local split = {hierarchical = true}
    assert.same({"One|.", "Two|!|!", "Three|3|.|5", "four"},
                rows("One. Two!! Three 3.5\nfour", split))
    split.tokens = "chars"
    assert.same({"\u{597D}|\u{3002}", "\u{574F}|\u{FF1F}", "x"},
                rows("\u{597D}\u{3002}\u{574F}\u{FF1F}x", split))
    local long = rows(("w "):rep(130), {hierarchical = true, max_length = 129})
    assert.equal(3, #long)
    assert.equal("w", long[3])
  end)

  it("knows words by their folded form, and none by their absence", function()
    local m = new()
    local item = m:encode({{text = "FILM zzz", label = "other"}})[1]
    assert.equal(m:known().words:id "film", item.rows[1].ids[1])
    assert.equal(1, item.rows[1].ids[2])
    assert.falsy(item.gold)
    local guess, loss, count = m:predict {item}
    assert.equal(1, #guess)
    assert.equal(0, loss)
    assert.equal(0, count)
    assert.truthy(classifier.unseen(m:known(), {{label = "other"}})
                  :find("'other' (1); guesses for them count as wrong", 1,
                        true))
  end)

  it("refuses descriptions that are not its own", function()
    local m = new {hierarchical = true, pool = "attention", chars = "lstm"}
    local path = dir .. "/hostile.safetensors"
    local meta = classifier.describe(m:known())
    local o = json.decode(meta.classifier)
    local function refused(changes, text)
      local hostile = {}
      for name, value in pairs(meta) do hostile[name] = value end
      for name, value in pairs(changes) do
        hostile[name] = value ~= "" and value or nil
      end
      assert(rnn.save(path, m, hostile))
      local got, why = classifier.load(path)
      assert.is_nil(got, text)
      assert.truthy(why:find(text, 1, true), why)
      assert.equal(path, why:sub(1, #path))
    end
    refused({["rnnlua.kind"] = "lm"}, "its kind is 'lm'")
    refused({["rnnlua.kind"] = ""}, "its kind is 'unknown'")
    refused({labels = '["a"]'}, "damaged")
    refused({labels = '["b","a"]'}, "damaged")
    refused({labels = '["neg","none","pos"]'}, "damaged")
    refused({words = '["<unk>","a"]'}, "do not fit")
    refused({words = "[]"}, "damaged")
    refused({chars = '["<unk>"]'}, "do not fit")
    refused({chars = ""}, "do not fit")
    for _, bad in ipairs {"", "null", "[]", "{}", "{"} do
      refused({classifier = bad}, "damaged")
    end
    for name, values in pairs {
      tokens = {"bytes", 3}, counts = {{1}, {1, -1}, {1.5, 1}, "x"},
      smoothing = {1, -0.5, "0"}, word_dropout = {2, -1, true},
      max_length = {0, 2.5, "9"}, weighted = {1}, hierarchical = {"yes"},
    } do
      for _, value in ipairs(values) do
        local was = o[name]
        o[name] = value
        refused({classifier = json.encode(o)}, "damaged")
        o[name] = was
      end
    end
    for _, name in ipairs {"embed", "rnn", "sentence_rnn", "char_rnn", "out",
                           "char_embed", "pool"} do
      local was = m[name]
      for _, other in ipairs {rnn.Linear(4, 4), rnn.Dropout(0.1)} do
        m[name] = other
        refused({}, "do not fit")
      end
      m[name] = was
    end
    m.rnn = rnn.LSTM(7, 2)                      -- in one direction
    refused({}, "do not fit")
  end)
end)

-- {== Scripts ==

---Runs a script; returns its exit code, stdout and stderr.
local function run(script, ...)
  local words = {quote(sandbox.program), quote("scripts/" .. script)}
  for _, word in ipairs {...} do words[#words + 1] = quote(word) end
  return sandbox.shell(table.concat(words, " "))
end

local function train(out, ...)
  return run("train_classifier.lua", "--out", dir .. "/" .. out, "--hidden",
             "4", "--embed", "6", "--threads", "1", ...)
end

---One line on stderr with the text, and the exit code.
local function assert_fails(code, text, got, out, err)
  assert.equal(code, got, err)
  assert.equal("", out)
  assert.truthy(err:find(text, 1, true), err)
  assert.equal(1, select(2, err:gsub("\n", "")), err)
end

---Lines "label TAB text": the label says whether the text has a word of praise.
local function lines(count, seed)
  local random, list = require "tests.random" (seed), {}
  local fill = {"the", "film", "is", "a", "story", "of", "it"}
  for i = 1, count do
    local words = {}
    for k = 1, random:int(2, 8) do words[k] = fill[random:int(1, #fill)] end
    words[random:int(1, #words)] = i % 2 == 0 and "Great" or "awful"
    list[i] = (i % 2 == 0 and "pos" or "neg") .. "\t" ..
              table.concat(words, " ") .. "\n"
  end
  return table.concat(list)
end

local data = write("data.tsv", lines(120, 1))
local test_data = write("test.tsv", lines(40, 2))
local model = dir .. "/run/best.safetensors"

describe("train_classifier", function()
  it("learns, tests the best model, and tells how to use it", function()
    local code, out, err = train("run", "--data", data, "--test-data",
                                 test_data, "--epochs", "15", "--lr", "0.02",
                                 "--dropout", "0", "--batch", "8", "--pool",
                                 "max")
    assert.equal(0, code, err)
    assert.truthy(out:find "accuracy 100.00 %%", out)
    assert.truthy(out:find "truth \\ guess +neg +pos", out)
    assert.truthy(err:find("classify.lua " .. model, 1, true), err)
  end)

  it("goes on in the same bytes as a run that was never stopped", function()
    local o = {"--data", data, "--dropout", "0.3", "--balance", "sample",
               "--word-dropout", "0.2", "--eval-every", "2", "--pool",
               "attention", "--test", "0.1", "--schedule", "constant",
               "--bayes"}
    assert.equal(0, (train("whole", "--steps", "9", table.unpack(o))))
    assert.equal(0, (train("parts", "--steps", "4", table.unpack(o))))
    local code, _, err = run("train_classifier.lua", "--out", dir .. "/parts",
                             "--resume", "--steps", "9")
    assert.equal(0, code, err)
    assert.truthy(read(dir .. "/whole/last.safetensors") ==
                  read(dir .. "/parts/last.safetensors"))
  end)

  it("trains every kind", function()
    for _, o in ipairs {
      {"--pool", "mean", "--cell", "gru", "--chars", "cnn"},
      {"--hierarchical", "--pool", "attention", "--head", "3"},
      {"--tokens", "chars", "--pool", "last", "--metric", "macro_f1",
       "--balance", "weights", "--label-smoothing", "0.1"},
    } do
      local code, _, err = train("kind", "--data", data, "--steps", "2",
                                 "--overwrite", "--test", "0.2",
                                 table.unpack(o))
      assert.equal(0, code, err)
    end
  end)

  it("reads every format", function()
    local function try(...)
      local code, out, err = train("format", "--dry-run", ...)
      assert.equal(0, code, err)
      return out
    end
    local space = write("space.txt", "pos a b\nneg c d\npos e\n")
    assert.truthy(try("--data", space, "--format", "space", "--val", "0")
                  :find "data +3 examples")
    local last = write("last.txt", "a b\tpos\nc\tneg\n")
    assert.truthy(try("--data", last, "--label", "last", "--val", "0")
                  :find "data +2 examples")
    local csv = write("a.csv", 'stars,review\n5,"good, ""really"""\n1,bad\n')
    assert.truthy(try("--data", csv, "--format", "csv", "--label-column",
                      "stars", "--text-column", "review", "--val", "0")
                  :find "data +2 examples")
    local wide = write("wide.txt", "9\tx\tgood\t\r\n8\ty\tbad\t\r\n")
    assert.truthy(try("--data", wide, "--label-column", "2",
                      "--text-column=-2", "--val", "0"):find "data +2 examples")
    local a, b = write("a.neg", "dull\nbad\n"), write("a.pos", "good\n")
    assert.truthy(try("--data", a, b, "--labels", "neg", "pos", "--val", "0")
                  :find "data +3 examples")
    local x, y = write("x.txt", "dull\nbad\n"), write("y.txt", "good\n")
    assert.truthy(try("--data", x, y, "--label", "file", "--val", "0",
                      "--balance", "sample"):find "data +4 examples")
    os.execute("mkdir -p " .. quote(dir .. "/by/pos"))
    write("by/neg.txt", "bad\n")
    write("by/pos/1", "good\nand long\n")
    assert.truthy(try("--data", dir .. "/by", "--val", "0")
                  :find "data +2 examples")
  end)

  it("says what is wrong with data, and where", function()
    local function fails(text, bytes, ...)
      local path = write("bad.tsv", bytes)
      local code, out, err = train("bad", "--data", path, ...)
      assert_fails(3, text, code, out, err)
    end
    fails("bad.tsv:2: has 1 column", "a\tx\nb\n")
    fails("bad.tsv:2: has 2 columns, 'text' is to be column 3",
          "a\t\tx\na\tx\n", "--label-column", "1", "--text-column", "3")
    fails("bad.tsv:2: has no label", "a\tx\n\ty\n")
    fails("bad.tsv: has no examples", "\n\n")
    fails("bad.tsv: ", "a\tx\xff\n")
    fails("has no column 'label' (it has: a, b)", "a,b\n1,2\n", "--format",
          "csv")
    assert_fails(2, "--labels must give a label to each of the 1 files",
                 train("bad", "--data", data, "--labels", "a", "b"))
    assert_fails(2, "--label-column and --text-column", train("bad", "--data",
                 data, "--label-column", "x"))
    assert_fails(2, "--label-column and --text-column", train("bad", "--data",
                 data, "--label-column", "1", "--text-column", "2", "--format",
                 "space"))
    assert_fails(3, "none.tsv: No such file", train("bad", "--data",
                 dir .. "/none.tsv"))
  end)

  it("tells of texts without words, of long ones and of one label", function()
    local path = write("odd.tsv", "a\tx y\r\na\t \n\na\t" ..
                       ("w "):rep(50) .. "\na\tlatin \xe9\n")
    local code, _, err = train("odd", "--data", path, "--invalid", "replace",
                               "--max-length", "10", "--steps", "2", "--val",
                               "0")
    assert.equal(0, code, err)
    assert.truthy(err:find("odd.tsv: passed over 1 example without text, " ..
                           "the first in line 2", 1, true), err)
    assert.truthy(err:find("texts cut to 10 tokens (--max-length): 1", 1,
                           true), err)
    assert.truthy(err:find("all 3 labels are 'a'; a model learns nothing", 1,
                           true), err)
  end)

  it("counts labels that only the test has as wrong", function()
    local path = write("unseen.tsv", "pos\tgreat film\nodd\tawful film\n")
    local code, out, err = train("unseen", "--data", data, "--test-data", path,
                                 "--steps", "30", "--lr", "0.05", "--dropout",
                                 "0")
    assert.equal(0, code, err)
    assert.truthy(err:find("test: 1 of 2 labels are unknown: 'odd' (1)", 1,
                           true), err)
    assert.truthy(out:find("accuracy 50.00 %", 1, true), out)
  end)

  it("takes texts of 100000 words", function()
    local path = write("huge.tsv", "a\t" .. ("word "):rep(100000) ..
                       "\nb\tshort\n")
    for _, o in ipairs {{}, {"--hierarchical"}} do
      local code, _, err = train("huge", "--data", path, "--steps", "2",
                                 "--val", "0", "--overwrite", "--max-length",
                                 "200000", table.unpack(o))
      assert.equal(0, code, err)
    end
  end)
end)

describe("classify", function()
  local TEXT = "a great film\n\nawful <story> of it\r\n"

  local function classify(input, ...)
    local words = {}
    for _, word in ipairs {...} do words[#words + 1] = quote(word) end
    return sandbox.shell(("%s scripts/classify.lua %s --threads 1 %s"):format(
      quote(sandbox.program), quote(model), table.concat(words, " ")), input)
  end

  it("prints a label a line", function()
    local code, out, err = classify(TEXT)
    assert.equal(0, code, err)
    assert.equal("pos\n\nneg\n", out)
    local path = write("a.txt", "great\n")
    code, out = classify("", path, path)
    assert.equal(0, code)
    assert.equal("pos\npos\n", out)
    assert.equal("", select(2, classify ""))
  end)

  it("prints probabilities and the likeliest labels", function()
    local _, out = classify(TEXT, "--probabilities", "--top", "5")
    local a, b, p, q = out:match "^(%l+)\t(%S+)\t(%l+)\t(%S+)\n\n"
    a, b, p, q = a, tonumber(b), p, tonumber(q)
    assert.equal("pos neg", a .. " " .. p)
    assert.truthy(b > q)
    assert.near(1, b + q, 2e-4)
    assert.equal("pos\tneg\n\nneg\tpos\n", select(2, classify(TEXT, "--top",
                                                              "2")))
  end)

  it("prints JSON", function()
    local _, out = classify(TEXT, "--json", "--attention")
    local list = {}
    for line in out:gmatch "[^\n]+" do list[#list + 1] = json.decode(line) end
    assert.equal(3, #list)
    assert.same({"a", "great", "film"}, list[1].tokens)
    assert.equal("pos", list[1].label)
    assert.truthy(list[1].weights[2] > list[1].weights[1])
    assert.same({text = ""}, list[2])
    assert.equal("awful <story> of it", list[3].text)
    local sum = 0
    for _, p in pairs(list[3].probabilities) do sum = sum + p end
    assert.near(1, sum, 1e-6)
  end)

  it("shows what words gave, as text and as HTML", function()
    local page = dir .. "/why.html"
    local code, out, err = classify(TEXT, "--attention", "--html", page)
    assert.equal(0, code, err)
    assert.truthy(out:find "^pos\ta:0%.%d%d great:0%.%d%d film:0%.%d%d\n\nneg",
                  out)
    local html = read(page)
    assert.truthy(html:find "^<!DOCTYPE html>")
    assert.truthy(html:find(">great</span>", 1, true))
    assert.truthy(html:find(">&lt;</span>", 1, true))
    assert.equal(2, select(2, html:gsub("<b>\n</b>", "")))
    code, out, err = classify(TEXT, "--html", dir .. "/none/why.html")
    assert.equal(5, code)
    assert.truthy(out:find "^pos\n", out)
    assert.truthy(err:find("cannot write the page: ", 1, true), err)
  end)

  it("says when a model has no weights to show", function()
    assert.equal(0, (train("mean", "--data", data, "--steps", "1", "--pool",
                           "mean")))
    assert_fails(2, "mean/best.safetensors tells no weights of words",
                 run("classify.lua", dir .. "/mean/best.safetensors",
                     "--attention"))
  end)

  it("refuses or replaces what is not UTF-8, and cuts long texts", function()
    local code, _, err = classify "great \xe9\n"
    assert.equal(3, code)
    assert.truthy(err:find("UTF-8", 1, true), err)
    local out
    code, out = classify("great \xe9\n", "--invalid", "replace")
    assert.equal(0, code)
    assert.equal("pos\n", out)
    code, out, err = classify("great " .. ("film "):rep(100000) .. "\n")
    assert.equal(0, code, err)
    assert.equal("pos\n", out)
    assert.equal("warning: 1 text is longer than 1000 tokens; these were " ..
                 "read\n", err)
  end)

  it("refuses what is no classifier, and what has diverged", function()
    assert_fails(3, "No such file", run("classify.lua", dir .. "/none"))
    assert_fails(3, data, run("classify.lua", data))
    local m = assert(classifier.load(model))
    m.out.bias:fill(0 / 0)
    local path = dir .. "/nan.safetensors"
    assert(rnn.save(path, m, classifier.describe(m:known())))
    local code, out, err = sandbox.shell(
      ("printf 'great\\n' | %s scripts/classify.lua %s"):format(
      quote(sandbox.program), quote(path)))
    assert_fails(3, "nan.safetensors: its scores are not finite", code, out,
                 err)
  end)
end)

describe("heat", function()
  it("shades by parts of the largest weight", function()
    assert.equal("a:0.00 \\x1bb:1.00", heat.plain({"a", "\27b"}, {0, 1}))
    assert.equal("a\27[48;5;196;38;5;231mb\27[0m",
                 heat.shades({"a", "b"}, {0, 1}, ""))
    assert.equal("a b", heat.shades({"a", "b"}, {0, 0}, " "))
    assert.equal("", heat.plain({}, {}))
    local html = heat.html({{label = "<", tokens = {'"&'}, weights = {0.5}}},
                           " ", "a<b")
    assert.truthy(html:find("<title>a&lt;b</title>", 1, true))
    assert.truthy(html:find(">&lt;\t</span>", 1, true))
    assert.truthy(html:find('class="v1p9" title="0.500">&quot;&amp;</span>', 1,
                            true))
  end)
end)

describe("nearest", function()
  local texts = write("texts.txt", "great film\n\nthe story\n" ..
                      " great  film\r\nawful film\ngreat_film\n")

  it("finds the lines that are taken for alike", function()
    local code, out, err = run("nearest.lua", model, texts, "--query",
                               "great film", "--query", " ", "--top", "2")
    assert.equal(0, code, err)
    assert.truthy(out:find "^1%.0000\tgreat film\n0%.%d+\t[^\n]+\n\n\n$", out)
    local again
    code, again, err = sandbox.shell(
      ("printf 'great film\\n\\n' | %s scripts/nearest.lua %s %s --top 2")
      :format(quote(sandbox.program), quote(model), quote(texts)))
    assert.equal(0, code, err)
    assert.equal(out, again)
  end)

  it("saves vectors that can be read again", function()
    local path = dir .. "/texts.vec"
    local code, out, err = run("nearest.lua", model, texts, "--save", path)
    assert.equal(0, code, err)
    assert.equal("", out)
    local v = assert(rnn.vectors.load(path))
    assert.same({"great_film", "the_story", "awful_film", "great_film_"},
                v.words)
    assert.equal(14, v.weight:shape()[2])
  end)

  it("takes taggers and language models, whatever else is in a batch",
     function()
    local lm, tagger = require "rnn.models.lm", require "rnn.models.tagger"
    local tok = rnn.text.tokenizer("char"):fit "to be or not to be"
    local path = dir .. "/lm.safetensors"
    local m = lm.build {tok = tok, cell = "gru", embed = 4, hidden = 8,
                        layers = 1}
    assert(rnn.save(path, m, lm.describe(tok)))
    local o = {min_count = 1, max_vocab = 9, chars = "none", word_dropout = 0,
               cell = "lstm", embed = 3, hidden = 2, layers = 1, dropout = 0,
               weight_drop = 0, precision = "full", output = "crf"}
    local known = tagger.learn({{words = {"a", "b"}, tags = {"X", "Y"}}}, o)
    local other = dir .. "/tagger.safetensors"
    assert(rnn.save(other, tagger.build(known, o), tagger.describe(known)))
    for file, size in pairs {[path] = 8, [other] = 4} do
      local embed = assert(rnn.embed.load(file))
      local one, all = embed {"not"}, embed {"to be or not", "not", "zzz"}
      assert.same({3, size}, all:shape())
      for k, x in ipairs(one[1]:totable()) do
        assert.near(x, all[2]:totable()[k], 1e-6)
      end
    end
    local ids = tok:encode "not":reshape {3, 1}
    local mean = m.rnn(m.embed(ids)):mean(1)[1]:totable()
    local got = assert(rnn.embed.load(path)) {"not"} [1]:totable()
    for k, x in ipairs(mean) do assert.near(x, got[k], 1e-6) end
  end)

  it("says what makes no vectors, and what has no text", function()
    assert_fails(3, "no text", run("nearest.lua", model,
                 write("empty.txt", "\n \n"), "--query", "x"))
    assert_fails(3, "No such file", run("nearest.lua", dir .. "/none", texts))
    local path = dir .. "/other.safetensors"
    assert(rnn.save(path, {a = rnn.Linear(1, 1)}, {["rnnlua.kind"] = "other"}))
    assert_fails(3, "its kind is 'other'", run("nearest.lua", path,
                                                    texts))
  end)
end)

-- }==
