-- Scores: the programs that define them (tests/fixtures/metrics.lua, made by
-- make_metrics.py there), counts by hand, properties, brute force, messages.

local rnn = require "rnn"
local new_random = require "tests.random"
local raises = require "tests.raises"

local metrics = rnn.metrics
local frozen = dofile "tests/fixtures/metrics.lua"

local function near(want, got, what, tolerance)
  assert(math.abs(got - want) <= (tolerance or 1e-9),
         ("%s is %.17g, expected %.17g"):format(what or "it", got, want))
end

local PRF = {"precision", "recall", "f1"}

local function near_scores(want, got, what)
  for _, name in ipairs(PRF) do
    near(want[name], got[name], what .. "." .. name)
  end
end

---The items of lists in another order, the same for all.
local function shuffled(random, ...)
  local lists = {...}
  for i = #lists[1], 2, -1 do
    local k = random:int(1, i)
    for _, list in ipairs(lists) do list[i], list[k] = list[k], list[i] end
  end
end

local function copy(list)
  return table.move(list, 1, #list, 1, {})
end

---One to n letters out of a, b, c.
local function random_letters(random, n)
  local letters = {}
  for i = 1, random:int(1, n) do
    letters[i] = string.char(0x60 + random:int(1, 3))
  end
  return table.concat(letters)
end

describe("perplexity and bpc", function()
  it("are of the unit of the loss, or of another", function()
    near(1, metrics.perplexity(0))
    near(50, metrics.perplexity(math.log(50)))
    near(3, metrics.bpc(math.log(8)))
    near(16, metrics.perplexity(math.log(2), 4))    -- four tokens a word
    near(0.5, metrics.bpc(math.log(4), 100 / 400))  -- four characters a token
    assert.equal(math.huge, metrics.perplexity(math.huge))
  end)

  it("say what is wrong", function()
    raises.exactly("bpc: 'loss' must be a number, got nil", metrics.bpc)
    raises.with("'loss' must be a number, got ", metrics.perplexity, 0 / 0)
    raises.exactly("bpc: 'per' must be a number > 0, got 0", metrics.bpc, 1, 0)
  end)
end)

describe("classification", function()
  it("is what scikit-learn computes", function()
    for _, case in ipairs(frozen.classes) do
      local f1, r = metrics.f1(case.guess, case.truth)
      assert.equal(r.macro.f1, f1)
      for _, mean in ipairs {"micro", "macro", "weighted"} do
        near_scores(case[mean], r[mean], mean)
      end
      for i, truth in ipairs(case.labels) do
        assert.equal(truth, r.labels[i])
        for k, guess in ipairs(case.labels) do
          local row = r.confusion[truth] or {}
          assert.equal(case.matrix[i][k], row[guess] or 0)
        end
      end
    end
  end)

  it("by hand: two classes, one of them rare", function()
    local f1, r = metrics.f1({"a", "a", "b", "b"}, {"a", "a", "a", "b"})
    near(2 * 2 / 5, r.classes.a.f1)
    near(2 / 3, r.classes.b.f1)
    near((4 / 5 + 2 / 3) / 2, f1)
    near((3 * 4 / 5 + 2 / 3) / 4, r.weighted.f1)
    near(3 / 4, r.accuracy)
    near(3 / 4, r.micro.f1)
    assert.same({correct = 2, guess = 2, truth = 3, precision = 1.0,
                 recall = 2 / 3, f1 = 4 / 5}, r.classes.a)
  end)

  it("accuracy takes labels of any kind, and tensors", function()
    near(0.5, metrics.accuracy({true, false}, {true, true}))
    near(1 / 3, metrics.accuracy(rnn.ids {1, 2, 3}, {1, 3, 2}))
    near(1, metrics.accuracy(rnn.tensor {1, 2}, rnn.ids {1, 2}))
    near(0, metrics.accuracy({"1"}, {1}))
    local _, r = metrics.f1({false, 2, "x"}, {true, 1.5, "x"})
    assert.same({false, true, 1.5, 2, "x"}, r.labels)
  end)

  it("a class that was never guessed or never true has F1 0", function()
    local f1, r = metrics.f1({"new"}, {"old"})
    assert.equal(0.0, f1)
    assert.equal(0.0, r.classes.new.recall)
    assert.equal(0.0, r.classes.old.precision)
  end)

  it("bounds, the same for any order; F1 for guess and truth swapped",
     function()
    local random = new_random(3)
    for _ = 1, 20 do
      local guess, truth = {}, {}
      for i = 1, 30 do
        guess[i], truth[i] = random:int(1, 4), random:int(1, 5)
      end
      local f1, r = metrics.f1(guess, truth)
      assert(0 <= f1 and f1 <= 1)
      near(r.accuracy, r.micro.precision)
      near(r.accuracy, metrics.accuracy(guess, truth))
      near(f1, (metrics.f1(truth, guess)))
      shuffled(random, guess, truth)
      assert.equal(f1, (metrics.f1(guess, truth)))
      assert.equal(1.0, (metrics.f1(truth, truth)))
    end
  end)

  it("prints tables whose columns are as wide as terminals show them",
     function()
    local _, r = metrics.f1({"犬", "a", "犬"}, {"a", "a", "犬"})
    assert.equal("truth \\ guess  a  犬\n" ..
                 "a              1   1\n" ..
                 "犬             0   1", tostring(r.confusion))
    assert.equal("%           precision  recall     F1  truth  guess  correct\n"
      .. "a              100.00   50.00  66.67      2      1        1\n"
      .. "犬              50.00  100.00  66.67      1      2        1\n"
      .. "(micro)         66.67   66.67  66.67      3      3        2\n"
      .. "(macro)         75.00   75.00  66.67\n"
      .. "(weighted)      83.33   66.67  66.67\n"
      .. "accuracy 66.67 %", tostring(r))
    _, r = metrics.f1({"e\u{301}", "\27[2J"}, {"e", "e"})
    assert.equal("truth \\ guess  \\x1b[2J  e  e\u{301}\n" ..
                 "\\x1b[2J              0  0  0\n" ..
                 "e                    1  0  1\n" ..
                 "e\u{301}                    0  0  0", tostring(r.confusion))
  end)

  it("says what is wrong", function()
    raises.exactly("accuracy: 'guess' has 1 items, 'truth' 2",
                   metrics.accuracy, {1}, {1, 2})
    raises.exactly("accuracy: 'guess' is empty", metrics.accuracy, {}, {})
    raises.exactly("f1: 'truth' must be a list, got nil", metrics.f1, {1})
    raises.with("accuracy: item 2 of 'truth' must be a label (a string, " ..
                "number or boolean), got ", metrics.accuracy, {1, 2},
                {1, 0 / 0})
    raises.exactly("accuracy: item 1 of 'guess' must be a label (a string, " ..
                   "number or boolean), got table", metrics.accuracy, {{}}, {1})
    raises.exactly("accuracy: 'guess' must have one axis, got shape (1, 2)",
                   metrics.accuracy, rnn.tensor {{1, 2}}, {1, 2})
  end)
end)

-- {== Spans ==

---F1 of one sentence, tags in a string.
local function span_f1(guess, truth)
  local lists = {}
  for i, s in ipairs {guess, truth} do
    lists[i] = {}
    for tag in s:gmatch "%S+" do table.insert(lists[i], tag) end
  end
  return metrics.span_f1({lists[1]}, {lists[2]})
end

---Asserts numbers of spans: guessed, true, correct.
local function spans(guess, truth, n)
  local _, r = span_f1(guess, truth)
  local micro = r.micro
  assert.same(n, {micro.guess, micro.truth, micro.correct},
              guess .. " | " .. truth)
end

describe("span_f1", function()
  it("counts as conlleval.pl does", function()
    for _, case in ipairs(frozen.conlleval) do
      local want = case.want
      local _, r = metrics.span_f1(case.guess, case.truth)
      assert.equal(want.truth, r.micro.truth)
      assert.equal(want.guess, r.micro.guess)
      assert.equal(want.correct, r.micro.correct)
      near(want.accuracy, 100 * r.accuracy, "accuracy", 0.0051)
      for label, scores in pairs(want.types) do
        assert.equal(scores.guess, r.classes[label].guess)
        for _, name in ipairs(PRF) do
          near(scores[name], 100 * r.classes[label][name], name, 0.0051)
        end
      end
    end
  end)

  it("is what seqeval computes, BIOES too", function()
    for _, case in ipairs(frozen.spans) do
      local f1, r = metrics.span_f1(case.guess, case.truth)
      near(case.accuracy, r.accuracy)
      near(case.rows.micro.f1, f1)
      for name, scores in pairs(case.rows) do
        local got = r.classes[name] or r[name]
        near_scores(scores, got, name)
        assert.equal(scores.truth, got.truth or r.micro.truth)
      end
    end
  end)

  it("by hand: the rules one by one", function()
    spans("B-A I-A O B-B", "B-A I-A O B-B", {2, 2, 2})
    spans("B-A I-A I-A O", "B-A I-A O O", {1, 1, 0})       -- another end
    spans("B-A O O", "B-B O O", {1, 1, 0})                 -- another type
    spans("I-A I-A O", "B-A I-A O", {1, 1, 1})             -- I after O begins
    spans("B-A I-B I-B", "B-A B-B I-B", {2, 2, 2})         -- another type too
    spans("I-A B-A I-A", "I-A B-A I-A", {2, 2, 2})         -- IOB1
    spans("I-A I-A I-A", "I-A B-A I-A", {1, 2, 0})
    spans("S-A B-A E-A", "B-A B-A I-A", {2, 2, 2})         -- BIOES
    spans("B-A I-A E-A S-A", "B-A I-A E-A S-A", {2, 2, 2})
    spans("E-A E-A I-A", "S-A S-A S-A", {3, 3, 3})         -- E ends, always
    spans("B-A I-A S-A", "B-A E-A O", {2, 1, 1})           -- no E is no matter
    spans("B I O B", "B I O O", {2, 1, 1})                 -- without types
    spans("B-A-B I-A-B", "B-A-B I-A-B", {1, 1, 1})         -- types with "-"
    spans("O O", "O O", {0, 0, 0})
  end)

  it("sentences do not run into one another", function()
    local f1, r = metrics.span_f1({{"B-A"}, {"I-A"}}, {{"B-A"}, {"I-A"}})
    assert.equal(1.0, f1)
    assert.equal(2, r.micro.truth)
    local _, one = span_f1("B-A I-A", "B-A I-A")
    assert.equal(1, one.micro.truth)
  end)

  it("without spans F1 is 0, as there; accuracy is of tags", function()
    local f1, r = span_f1("O O B-A", "O O O")
    assert.equal(0.0, f1)
    near(2 / 3, r.accuracy)
    local none = span_f1("O", "O")
    assert.equal(0.0, none)
  end)

  it("is symmetric, and the same for any order of sentences", function()
    local case = frozen.spans[4]
    local f1 = metrics.span_f1(case.guess, case.truth)
    near(f1, (metrics.span_f1(case.truth, case.guess)))
    local guess, truth = copy(case.guess), copy(case.truth)
    shuffled(new_random(1), guess, truth)
    assert.equal(f1, (metrics.span_f1(guess, truth)))
    assert.equal(1.0, (metrics.span_f1(truth, truth)))
  end)

  it("says what is wrong", function()
    raises.exactly("span_f1: item 2 of item 1 of 'guess' must be O, or B-, " ..
                   "I-, E- or S- and a type, got 'PER'", metrics.span_f1,
                   {{"O", "PER"}}, {{"O", "O"}})
    raises.exactly("span_f1: item 1 of 'guess' must be a list, got 'O'",
                   metrics.span_f1, {"O"}, {"O"})
    raises.exactly("span_f1: item 2 of 'guess' has 1 tags, of 'truth' 2",
                   metrics.span_f1, {{"O"}, {"O"}}, {{"O"}, {"O", "O"}})
    raises.exactly("span_f1: the sentences have no tags", metrics.span_f1,
                   {{}}, {{}})
    raises.exactly("span_f1: item 1 of item 1 of 'truth' must be a tag, got 1",
                   metrics.span_f1, {{"O"}}, {{1}})
  end)
end)

-- }==

describe("segmentation", function()
  it("is what the script of SIGHAN prints", function()
    local case, known = frozen.segmentation, {}
    for _, w in ipairs(case.known) do known[w] = true end
    local f1, r = metrics.segmentation(case.guess, case.truth, known)
    assert.equal(f1, r.f1)
    for name, want in pairs(case.want) do near(want, r[name], name, 5.1e-5) end
  end)

  it("by hand", function()
    local f1, r = metrics.segmentation({{"ab", "c", "d"}, {"我们", "好"}},
                                       {{"a", "b", "cd"}, {"我们", "好"}},
                                       {a = true, ["我们"] = 7, ["好"] = true})
    assert.same({5, 5, 2}, {r.guess, r.truth, r.correct})
    near(2 / 5, f1)
    near(2 / 5, r.oov_rate)
    assert.equal(0.0, r.oov_recall)
    near(2 / 3, r.iv_recall)
    assert.equal("precision 40.00, recall 40.00, f1 40.00, oov rate 40.00, " ..
                 "oov recall 0.00, iv recall 66.67 %", tostring(r))
  end)

  it("equal words at other places are not found", function()
    local f1 = metrics.segmentation({{"a", "aa"}}, {{"aa", "a"}})
    assert.equal(0.0, f1)
  end)

  it("tells of unknown words only what there is to tell", function()
    local _, r = metrics.segmentation({{"a"}}, {{"a"}})
    assert.is_nil(r.oov_rate)
    _, r = metrics.segmentation({{"a"}}, {{"a"}}, {a = true})
    assert.equal(0.0, r.oov_rate)
    assert.is_nil(r.oov_recall)
    assert.equal(1.0, r.iv_recall)
    _, r = metrics.segmentation({{"a"}}, {{"a"}}, {})
    assert.is_nil(r.iv_recall)
  end)

  it("says what is wrong", function()
    raises.exactly("segmentation: item 1 of 'guess' and of 'truth' have " ..
                   "different characters", metrics.segmentation, {{"a"}},
                   {{"b"}})
    raises.exactly("segmentation: item 1 of item 1 of 'guess' must be a " ..
                   "word, a string that is not empty, got ''",
                   metrics.segmentation, {{"", "a"}}, {{"a"}})
    raises.exactly("segmentation: 'known' must be a set, {[word] = true}, " ..
                   "got a list", metrics.segmentation, {{"a"}}, {{"a"}}, {"a"})
    raises.exactly("segmentation: the sentences have no words",
                   metrics.segmentation, {{}}, {{}})
  end)
end)

-- {== Texts ==

local function without_version(s)
  return (s:gsub("|version:[^ ]*", ""))
end

describe("BLEU", function()
  it("is what sacreBLEU computes, every text with all options", function()
    for _, case in ipairs(frozen.bleu) do
      local text, what = frozen.texts[case.name], case.name
      local score, r = metrics.bleu(text.guess, text.truth, case.options)
      near(case.score, score, what)
      for n, p in ipairs(case.precisions) do
        near(p, r.precisions[n], what .. ", p" .. n)
      end
      near(case.penalty, r.penalty, what .. ", penalty")
      assert.equal(case.guess_length, r.guess_length, what)
      assert.equal(case.truth_length, r.truth_length, what)
      assert.equal(case.signature, without_version(r.signature), what)
      assert.equal(case.line, (tostring(r):gsub("|.- =", " =", 1)), what)
    end
  end)

  it("by hand: the example of the paper", function()
    local _, r = metrics.bleu({"the the the the the the the"},
                              {{"the cat is on the mat",
                                "there is a cat on the mat"}})
    assert.same({2, 0, 0, 0}, r.counts)
    assert.same({7, 6, 5, 4}, r.totals)
    local score
    score, r = metrics.bleu({"a b c d e"}, {"a b c d x y"}, {smooth = "none"})
    near(100 * math.exp(1 - 6 / 5) * (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ^ 0.25,
         score)
    near(math.exp(-0.2), r.penalty)
  end)

  it("tokens by 13a", function()
    for text, want in pairs {
      ["Hi, (1,000.5) x-y 5-4."] = "Hi , ( 1,000.5 ) x-y 5 - 4 .",
      ["a.b,c 3.b"] = "a . b , c 3 . b",
      ["&lt;a&gt; [b]~{c}`^_"] = "< a > [ b ] ~ { c } ` ^ _",
    } do
      local _, r = metrics.bleu({text}, {want})
      assert.same(r.totals, r.counts, text)
      assert.equal(select(2, want:gsub("%S+", "")), r.guess_length, text)
    end
  end)

  it("bounds, order of items and of references, and a text with itself",
     function()
    for name, text in pairs(frozen.texts) do
      local score = metrics.bleu(text.guess, text.truth)
      assert(0 <= score and score <= 100 + 1e-9, name)
      local guess, truth = copy(text.guess), {}
      for i, references in ipairs(text.truth) do
        truth[i] = copy(references)
        shuffled(new_random(i), truth[i])
      end
      shuffled(new_random(1), guess, truth)
      assert.equal(score, (metrics.bleu(guess, truth)), name)
    end
    near(100, (metrics.bleu({"a b c d"}, {"a b c d"})))
  end)

  it("says what is wrong", function()
    local bleu = metrics.bleu
    raises.exactly("bleu: 'guess' is empty", bleu, {}, {})
    raises.exactly("bleu: 'guess' has 2 items, 'truth' 1", bleu, {"a", "b"},
                   {"a"})
    raises.exactly("bleu: item 1 of 'truth' is empty", bleu, {"a"}, {{}})
    raises.exactly("bleu: item 1 of 'truth' must be a string or a list of " ..
                   "strings, got 1", bleu, {"a"}, {1})
    raises.exactly("bleu: item 2 of item 1 of 'truth' is invalid UTF-8 at " ..
                   "byte 2", bleu, {"a"}, {{"a", "b\xFF"}})
    raises.exactly("bleu: 'tokenize' must be 13a, char or none, got 'intl'",
                   bleu, {"a"}, {"a"}, {tokenize = "intl"})
    raises.with("unknown option 'lowercase'", bleu, {"a"}, {"a"},
                {lowercase = true})
    raises.exactly("bleu: 'smooth_value' must be a number > 0 and goes with " ..
                   "floor and add-k, got 1", bleu, {"a"}, {"a"},
                   {smooth_value = 1})
  end)
end)

describe("chrF", function()
  it("is what sacreBLEU computes", function()
    for _, case in ipairs(frozen.chrf) do
      local text = frozen.texts[case.name]
      local score, r = metrics.chrf(text.guess, text.truth)
      near(case.score, score, case.name)
      assert.equal(case.signature, without_version(r.signature), case.name)
      assert.equal(("chrF2|%s = %.2f"):format(r.signature, score), tostring(r))
    end
  end)

  it("by hand", function()
    -- ab, abc: P (1 + 1) / 2, R (2/3 + 1/2) / 2
    local p, r = 1, 7 / 12
    near(100 * 5 * p * r / (4 * p + r), (metrics.chrf({"ab"}, {"a bc"})))
    near(100, (metrics.chrf({"一 二三"}, {{"x", "一二三"}})))
  end)
end)

describe("ROUGE", function()
  it("is what rouge-score computes", function()
    for _, case in ipairs(frozen.rouge) do
      local text = frozen.texts[case.name]
      local truth = text.truth[case.item]
      -- an item without words is refused when it is alone
      local r = metrics.rouge({text.guess[case.item], ""}, {truth, "x"})
      for _, name in ipairs {"rouge1", "rouge2", "rougeL"} do
        for _, key in ipairs(PRF) do
          near(case[name][key] / 2, r[name][key],
               ("%s %d %s"):format(case.name, case.item, name))
        end
      end
    end
  end)

  it("by hand: the sentences of the paper", function()
    local truth = {"police killed the gunman"}
    local a = metrics.rouge({"police kill the gunman"}, truth)
    local b = metrics.rouge({"the gunman kill police"}, truth)
    near(3 / 4, a.rougeL.f1)
    near(2 / 4, b.rougeL.f1)
    near(1 / 3, a.rouge2.f1)
    near(a.rouge2.f1, b.rouge2.f1)
    near(3 / 4, b.rouge1.recall)
    local both = metrics.rouge({"police kill the gunman", ""},
                               {truth[1], truth[1]})
    near(3 / 8, both.rougeL.f1)
  end)

  it("tokens that are not ASCII words", function()
    local r = metrics.rouge({"我喜欢猫"}, {"我喜欢狗"}, {tokenize = "char"})
    near(3 / 4, r.rougeL.f1)
    near(2 / 3, r.rouge2.f1)
    r = metrics.rouge({"Ä ö"}, {"ö"}, {tokenize = "none"})
    near(1 / 2, r.rouge1.precision)
    assert.equal("%       precision  recall     F1\n" ..
                 "rouge1      50.00  100.00  66.67\n" ..
                 "rouge2       0.00    0.00   0.00\n" ..
                 "rougeL      50.00  100.00  66.67", tostring(r))
    raises.exactly("rouge: 'truth' has no words; text without ASCII letters " ..
                   "needs tokenize 'char' or 'none'", metrics.rouge, {"我"},
                   {"我"})
  end)

  it("F1 is symmetric", function()
    local random = new_random(5)
    for _ = 1, 20 do
      local texts = {}
      for i = 1, 2 do
        texts[i] = random_letters(random, 9):gsub(".", "%0 ")
      end
      local r = metrics.rouge({texts[1]}, {texts[2]})
      local s = metrics.rouge({texts[2]}, {texts[1]})
      for name, scores in pairs(r) do
        near(scores.f1, s[name].f1)
        near(scores.precision, s[name].recall)
        assert(scores.f1 >= 0 and scores.f1 <= 1)
      end
      assert(r.rougeL.f1 <= r.rouge1.f1 + 1e-12)
    end
  end)
end)

-- }==

-- {== Edits ==

---The least {edits, gaps} by trying everything.
local function brute(a, i, b, k)
  if i > #a then return #b - k + 1, #b - k + 1 end
  if k > #b then return #a - i + 1, #a - i + 1 end
  local least, gaps = math.huge, math.huge
  for _, move in ipairs {{1, 1}, {1, 0}, {0, 1}} do
    local n, g = brute(a, i + move[1], b, k + move[2])
    local gap = move[1] + move[2] == 1
    if gap then g = g + 1 end
    if gap or a[i] ~= b[k] then n = n + 1 end
    if n < least or n == least and g < gaps then least, gaps = n, g end
  end
  return least, gaps
end

describe("edit distance", function()
  it("by hand", function()
    local n, edits = metrics.edit_distance("kitten", "sitting")
    assert.equal(3, n)
    assert.same({insertions = 0, deletions = 1, substitutions = 2}, edits)
    assert.equal("0 insertions, 1 deletions, 2 substitutions", tostring(edits))
    n, edits = metrics.edit_distance("", "abc")
    assert.same({3, 3}, {n, edits.deletions})
    n, edits = metrics.edit_distance({"a", "b"}, {})
    assert.same({2, 2}, {n, edits.insertions})
    assert.equal(2, (metrics.edit_distance("Größe", "Grösse")))
    assert.equal(1, (metrics.edit_distance("猫", "犬")))
    assert.equal(1, (metrics.edit_distance(rnn.ids {1, 2}, {1, 2, 3})))
    assert.equal(0, (metrics.edit_distance("", "")))
  end)

  it("agrees with brute force; substitutions come first", function()
    local random = new_random(7)
    for _ = 1, 60 do
      local a, b = {}, {}
      for i = 1, random:int(0, 5) do a[i] = random:int(1, 3) end
      for i = 1, random:int(0, 5) do b[i] = random:int(1, 3) end
      local n, edits = metrics.edit_distance(a, b)
      local least, gaps = brute(a, 1, b, 1)
      assert.equal(least, n)
      assert.equal(gaps, edits.insertions + edits.deletions)
      assert.equal(#a - #b, edits.insertions - edits.deletions)
      assert.equal(n, gaps + edits.substitutions)
      assert.equal(n, (metrics.edit_distance(b, a)))
    end
  end)

  it("is a metric", function()
    local random, words = new_random(8), {}
    for i = 1, 12 do
      words[i] = random_letters(random, 6)
    end
    local d = metrics.edit_distance
    for _, a in ipairs(words) do
      for _, b in ipairs(words) do
        assert.equal(a == b, d(a, b) == 0)
        assert(d(a, b) <= math.max(#a, #b))
        for _, c in ipairs(words) do assert(d(a, c) <= d(a, b) + d(b, c)) end
      end
    end
  end)

  it("error rates are those of jiwer", function()
    for _, case in ipairs(frozen.errors) do
      local wer, words = metrics.wer(case.guess, case.truth)
      local cer, marks = metrics.cer(case.guess, case.truth)
      near(case.wer, wer, "wer")
      near(case.cer, cer, "cer")
      assert.equal(#case.truth, words.sequences)
      for _, r in ipairs {words, marks} do
        near(r.rate, (r.insertions + r.deletions + r.substitutions) / r.length)
      end
    end
  end)

  it("error rates by hand: over all items, phones too", function()
    local per, r = metrics.wer({{"K", "AE"}, {}}, {{"K", "AE", "T"}, {"AH"}})
    near(2 / 4, per)
    assert.equal("50.00 % of 4: 0 insertions, 2 deletions, 0 substitutions; " ..
                 "2 of 2 sequences wrong", tostring(r))
    near(2, (metrics.wer({"a b c"}, {"a"})))
    near(1 / 4, (metrics.cer({"a  c"}, {"a bc"})))
  end)

  it("says what is wrong", function()
    raises.exactly("wer: every item of 'truth' is empty", metrics.wer, {"a"},
                   {" "})
    raises.exactly("edit_distance: 'truth' must be a string or a list, got " ..
                   "nil", metrics.edit_distance, "a")
    raises.exactly("edit_distance: 'guess' is invalid UTF-8 at byte 1",
                   metrics.edit_distance, "\xFF", "a")
    raises.exactly("cer: 'guess' has 2 items, 'truth' 1", metrics.cer,
                   {"a", "b"}, {"a"})
  end)
end)

-- }==

describe("forecasts", function()
  local guess, truth = {1, 2, 5}, {1, 4, 4}

  it("by hand, of lists and of tensors", function()
    for _, x in ipairs {guess, rnn.tensor(guess),
                        rnn.tensor(guess, "float64")} do
      for _, y in ipairs {truth, rnn.tensor(truth), rnn.ids(truth)} do
        near(math.sqrt(5 / 3), metrics.rmse(x, y))
        near(1, metrics.mae(x, y))
        near(100 * (2 / 4 + 1 / 4) / 3, metrics.mape(x, y))
        near(200 * (2 / 6 + 1 / 9) / 3, metrics.smape(x, y))
      end
    end
  end)

  it("smape: both 0 is no error, one of them 0 is all of it", function()
    near(0, metrics.smape({0}, {0}))
    near(200, metrics.smape({0}, {3}))
    near(200, metrics.smape({-1}, {1}))
  end)

  it("mase: errors in units of the naive forecast's", function()
    local history = {1, 3, 2, 4, 3, 5}
    near(1 / (8 / 5), metrics.mase(guess, truth, history))
    near(1 / 2, metrics.mase(guess, truth, {1, 2, 3, 4, 5}, 2))
    near(1 / 1, metrics.mase(guess, truth, history, 2))
    local naive = {}
    for i = 2, #history do naive[i - 1] = history[i - 1] end
    near(1, metrics.mase(naive, table.move(history, 2, #history, 1, {}),
                         history))
  end)

  it("coverage counts borders", function()
    near(3 / 4, metrics.coverage({0, 0, 0, 0}, {1, 1, 1, 1}, {0, 1, 0.5, 2}))
  end)

  it("pinball is half of mae at the median, and rnn.quantile", function()
    near(metrics.mae(guess, truth) / 2, metrics.pinball(guess, truth, 0.5))
    near((0.9 * 2 + 0.1 * 1) / 3, metrics.pinball(guess, truth, 0.9))
    local x, y = rnn.tensor(guess, "float64"), rnn.tensor(truth, "float64")
    near(rnn.quantile(x, y, 0.9):item(), metrics.pinball(x, y, 0.9))
  end)

  it("bounds, symmetry, scale", function()
    local random = new_random(9)
    local x, y = {}, {}
    for i = 1, 40 do
      x[i], y[i] = random:int(1, 100) / 7, random:int(1, 100) / 7
    end
    assert(metrics.mae(x, y) <= metrics.rmse(x, y))
    for _, name in ipairs {"rmse", "mae", "smape"} do
      near(metrics[name](x, y), metrics[name](y, x))
      assert.equal(0.0, metrics[name](x, x))
    end
    local double = {}
    for i, value in ipairs(y) do double[i] = 2 * value end
    near(2 * metrics.mae(x, x) + metrics.mae(y, double),
         metrics.mae(double, y))
    local before = metrics.rmse(x, y)
    shuffled(random, x, y)
    near(before, metrics.rmse(x, y))
  end)

  it("say what is wrong", function()
    raises.exactly("rmse: 'guess' has 1 items, 'truth' 2", metrics.rmse, {1},
                   {1, 2})
    raises.with("mae: item 2 of 'truth' must be a finite number, got ",
                metrics.mae, {1, 2}, rnn.tensor {1, 0 / 0})
    raises.exactly("mae: item 1 of 'guess' must be a finite number, got '1'",
                   metrics.mae, {"1"}, {1})
    raises.exactly("mae: item 1 of 'guess' must be a finite number, got inf",
                   metrics.mae, {math.huge}, {1})
    raises.exactly("mape: item 2 of 'truth' is 0, which has no relative " ..
                   "error; take smape or mase", metrics.mape, {1, 1}, {1, 0})
    raises.exactly("mase: 'history' must be longer than 'season', 2, got 2 " ..
                   "items", metrics.mase, {1}, {1}, {1, 2}, 2)
    raises.exactly("mase: 'season' must be an integer >= 1, got 0.5",
                   metrics.mase, {1}, {1}, {1, 2}, 0.5)
    raises.exactly("mase: 'history' repeats itself, so the naive forecast " ..
                   "has no error to compare with", metrics.mase, {1}, {1},
                   {1, 2, 1, 2}, 2)
    raises.exactly("coverage: item 1 of 'low' is 2, above that of 'high', 1",
                   metrics.coverage, {2}, {1}, {1})
    raises.exactly("pinball: 'q' must be a number from 0 to 1, got 2",
                   metrics.pinball, {1}, {1}, 2)
    raises.exactly("rmse: 'guess' is empty", metrics.rmse, rnn.zeros {0}, {})
  end)
end)

describe("messages", function()
  it("name the line that called", function()
    local here = debug.getinfo(1, "S").short_src .. ":"
    local bad = {
      accuracy = {}, f1 = {{1}, {1, 2}}, span_f1 = {{{}}, {{}}},
      segmentation = {{{"a"}}, {{"a"}}, 1}, bleu = {{"a"}, {"a"}, {x = 1}},
      chrf = {{"a"}, {1}}, rouge = {{"a"}, {"a"}, {tokenize = "x"}},
      edit_distance = {1, 2}, wer = {{"a"}, {""}}, cer = {{"a"}, {""}},
      perplexity = {}, bpc = {1, 0}, rmse = {{1}, {}}, mae = {}, mape = {},
      smape = {}, mase = {{1}, {1}, {1}}, coverage = {{1}, {0}, {1}},
      pinball = {{1}, {1}, 2}, anomalies = {{2}, {1}}, best_level = {{1}, {2}},
    }
    for name, score in pairs(metrics) do
      assert(bad[name], name)
      local ok, message = pcall(function()
        local x = score(table.unpack(bad[name], 1, 3))
        return x
      end)
      assert.is_false(ok, name)
      assert.equal(here, message:sub(1, #here), name)
      assert(message:find(name .. ": ", 1, true), message)
    end
  end)
end)
