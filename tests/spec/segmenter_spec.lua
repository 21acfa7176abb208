---Segmenters: characters to words by a network, with a dictionary and user
---words, and the scripts.
local rnn = require "rnn"
local data = require "rnn.data"
local dict = require "rnn.dict"
local gradcheck = require "tests.gradcheck"
local json = require "rnn.json"
local new_random = require "tests.random"
local sandbox = require "tests.sandbox"
local segmenter = require "rnn.models.segmenter"
local dir, read, write, quote = sandbox.dir, sandbox.read, sandbox.write,
                                sandbox.quote

teardown(sandbox.remove)

local LEXICON = {"他", "她", "来到", "上海", "北京", "交通", "大学", "的", "是",
                 "图书馆", "研究", "生命", "起源", "了", "2024", "AI", "。"}

---Sentences of random words of the lexicon.
local function sentences(count, seed)
  local rand, list = new_random(seed), {}
  for i = 1, count do
    local words = {}
    for k = 1, rand:int(1, 9) do words[k] = LEXICON[rand:int(1, #LEXICON)] end
    list[i] = words
  end
  return list
end

local function text_of(list, between)
  local lines = {}
  for i, words in ipairs(list) do lines[i] = table.concat(words, between) end
  return table.concat(lines, "\n") .. "\n"
end

local train_file = write("train.txt", text_of(sentences(300, 1), "  "))
local test_file = write("test.txt", text_of(sentences(60, 2), " "))

local function examples(path)
  return assert(data.segmented(path or train_file))
end

local CONFIG = {cell = "lstm", embed = 4, hidden = 3, layers = 1,
                pair_embed = 3, dropout = 0.0, weight_drop = 0.0,
                precision = "full", dictionary = "learn", min_count = 1,
                max_vocab = 1000, pair_count = 1, word_dropout = 0.0}

local function build(more)
  local o = {}
  for k, v in pairs(CONFIG) do o[k] = v end
  for k, v in pairs(more or {}) do o[k] = v end
  local list = examples()
  segmenter.mark(list, o)
  local known = assert(segmenter.learn(list, o))
  return segmenter.build(known, o), known, list
end

describe("a segmenter", function()
  local before = rnn.default_dtype()
  before_each(function()
    rnn.seed(4)
    rnn.default_dtype "float64"
  end)
  after_each(function() rnn.default_dtype(before) end)

  it("has a gradient", function()
    local m, _, list = build()
    local items = m:encode {list[1], list[2], list[3]}
    assert(gradcheck.check {seed = 2, params = rnn.parameters(m), sample = 12,
                            f = function() return (m:loss(items)) end})
  end)

  it("gives every character to one word, whatever the text", function()
    local rand = new_random(5)
    for _, dictionary in ipairs {"learn", "none"} do
      local m = build {dictionary = dictionary}
      for _ = 1, 30 do
        local bytes = {}
        for i = 1, rand:int(0, 30) do bytes[i] = rand:int(0, 255) end
        local line = string.char(table.unpack(bytes)):gsub("\n", "")
        local joined = table.concat(m:segment({line})[1])
        assert.equal((line:gsub("\u{3000}", ""):gsub("%s", "")), joined)
      end
      assert.same({{}, {}}, m:segment {"", " \u{3000} "})
      local spaced = "他\u{A0}来到\u{2003}\u{2003}上海"   -- none of ASCII
      assert.equal(spaced, table.concat(m:segment({spaced})[1]))
      assert.same({"\u{85}"}, m:segment({"\u{85}"})[1])
      local long = ("上海交通大学"):rep(700)
      local words = m:segment({long .. " x"})[1]
      assert.equal(long .. "x", table.concat(words))
      assert.equal("x", words[#words])
    end
  end)

  it("never cuts user words, for one call alone", function()
    local m = build()
    local line = "他来到上海交通大学图书馆的北京"
    local without = m:segment {line}
    for _, words in ipairs {{"海交通"}, {"来到上", "大学图书馆的"},
                            {"他来到上海交通大学图书馆的北京"}} do
      local cut = m:segment({line}, {user = words})[1]
      local has = {}
      for _, word in ipairs(cut) do has[word] = true end
      for _, word in ipairs(words) do
        assert.truthy(has[word], word .. " in " .. table.concat(cut, " "))
      end
      assert.equal(line, table.concat(cut))
      assert.same(without, m:segment {line})
    end
    local o = {}
    for k, v in pairs(CONFIG) do o[k] = v end
    local chars, tags = data.bmes {"上海", "的"}   -- no word is longer
    local short = {{words = {"上海", "的"}, chars = chars, tags = tags}}
    local known = assert(segmenter.learn(short, o))
    assert.equal("上海的", segmenter.build(known, o):segment(
                 {"上海的上海"}, {user = {"上海的"}})[1][1])
    local none = build {dictionary = "none"}
    local cut = none:segment({line}, {user = {"海交"}})[1]
    assert.truthy((" " .. table.concat(cut, " ") .. " "):find(" 海交 ", 1, true))
  end)

  it("cuts a line the same whatever is beside it", function()
    local m = build()
    local lines = {"他的大学", "上海交通大学图书馆是研究生命起源的。", "的"}
    local together = m:segment(lines)
    for i, line in ipairs(lines) do
      assert.same(together[i], m:segment({line})[1])
    end
  end)

  it("cuts long sentences between words, to train on", function()
    local list = examples()
    segmenter.mark(list, {dictionary = "learn"})
    local short, cut = segmenter.shortened(list, 5)
    assert.truthy(cut > 10 and #short > #list)
    local function joined(all, name)
      local parts = {}
      for _, one in ipairs(all) do
        table.move(one[name], 1, #one[name], #parts + 1, parts)
      end
      return table.concat(parts, " ")
    end
    for _, name in ipairs {"words", "chars", "tags", "marks"} do
      assert.equal(joined(list, name), joined(short, name))
    end
    for _, one in ipairs(short) do
      assert.truthy(#one.chars <= 5 or #one.words == 1)
      assert.equal(#one.chars, #one.marks)
    end
    assert.equal(list[1], segmenter.shortened({list[1]}, 100)[1])
  end)

  it("goes by what other parts of the text say of a part", function()
    local list = {}
    for i = 1, 16 do
      local words = {i == 3 and "独一" or "上海", "的"}
      local chars, tags = data.bmes(words)
      list[i] = {words = words, chars = chars, tags = tags}
    end
    segmenter.mark(list, {dictionary = "learn"})
    assert.same({"Bw", "Ew"}, {list[1].marks[1], list[1].marks[2]})
    assert.not_same({"Bw", "Ew"}, {list[3].marks[1], list[3].marks[2]})
  end)

  it("comes back from its file, which is not trusted", function()
    local path = dir .. "/s.safetensors"
    local m, known = build()
    assert(rnn.save(path, m, segmenter.describe(known)))
    local same = assert(segmenter.load(path))
    local lines = {"他来到上海交通大学图书馆的北京"}
    assert.same(m:segment(lines), same:segment(lines))
    assert.equal(known.dict:text(), same:dictionary():text())
    local function refused(message, change)
      local meta = segmenter.describe(known)
      change(meta)
      assert(rnn.save(path, m, meta))
      local got, wrong, code = segmenter.load(path)
      assert.is_nil(got)
      assert.equal("EFORMAT", code)
      assert.truthy(wrong:find(message, 1, true), wrong)
    end
    refused("is not a segmenter: its kind is 'tagger'", function(meta)
      meta["rnnlua.kind"] = "tagger"
    end)
    refused("its dictionary: ", function(meta) meta.dictionary = "a b c d" end)
    refused("damaged", function(meta) meta.dictionary = nil end)
    refused("'crf' does not keep to the scheme", function(meta)
      meta.tags = data.labels {"B", "E", "M", "X"}
    end)
  end)
end)

-- {== The scripts ==

local function shell(script, ...)
  local words = {quote(sandbox.program), quote("scripts/" .. script)}
  for _, word in ipairs {...} do words[#words + 1] = word end
  return sandbox.shell(table.concat(words, " "))
end

local function train(out, ...)
  return shell("train_segmenter.lua", "--out", quote(dir .. "/" .. out),
    "--threads 1 --hidden 12 --embed 8 --pair-embed 6 --pair-count 2",
    "--lr 0.02 --dropout 0.1 --batch 16", ...)
end

---The validations of a run.
local function log_of(out)
  local list = {}
  for _, e in ipairs(assert(rnn.run.read_log(dir .. "/" .. out ..
                                             "/log.jsonl"))) do
    if e.event == "val" then list[#list + 1] = e end
  end
  return list
end

describe("train_segmenter", function()
  it("learns, tests, and segment.lua cuts and scores", function()
    local code, out, err = train("run", "--data", quote(train_file),
      "--test-data", quote(test_file), "--epochs 3")
    assert.equal(0, code, err)
    local f1 = tonumber(err:match "test    loss .* f1 ([%d.]+)")
    assert.truthy(f1 > 90, err)
    assert.truthy(out:find "precision %d", out)
    local model = quote(dir .. "/run/best.safetensors")
    code, out, err = shell("segment.lua", model, quote(test_file), "--gold")
    assert.equal(0, code, err)
    assert.near(f1, tonumber(out:match "f1 ([%d.]+)"), 0.011)
    local typed = write("typed", "他的大学\r\n\n上海 北京")
    code, out, err = shell("segment.lua", model, "--user",
      quote(write("user.txt", "的大\n")), "--separator '|' <", quote(typed))
    assert.equal(0, code, err)
    assert.equal("他|的大|学\n\n上海|北京\n", out)
    code, out, err = shell("segment.lua", model, "--word 他的大 --json",
                           quote(typed))
    assert.equal(0, code, err)
    assert.same({"他的大", "学"}, json.decode(out:match "[^\n]*"))
    code, out, err = shell("segment.lua", model, "--mode max", quote(typed))
    assert.equal(2, code, out)
    assert.truthy(err:find("are for dictionaries", 1, true), err)
    local same = quote(write("model", read(dir .. "/run/best.safetensors")))
    code, out, err = shell("segment.lua", same, quote(write("typed2",
      "他的大北京上海\n")), "--word 他的大 --word 京上")
    assert.equal(0, code, err)
    assert.truthy(out:find("他的大  北  京上  海", 1, true), out)
    code, out, err = shell("segment.lua", quote(dir .. "/run"), quote(typed))
    assert.equal(3, code, out)
    assert.truthy(err:find("is a folder; take", 1, true), err)
    for _, e in ipairs(log_of "run") do
      assert.is_nil(e.oov_recall)   -- of what is cut off, all is in --data
    end
  end)

  it("goes on exactly where it stopped", function()
    local same = "--schedule constant --data " .. quote(train_file)
    assert.equal(0, (train("whole", same, "--steps 26 --eval-every 13")))
    assert.equal(0, (train("parts", same, "--steps 13 --eval-every 13")))
    local code, _, err = shell("train_segmenter.lua", "--out",
      quote(dir .. "/parts"), "--resume --steps 26 --threads 2")
    assert.equal(0, code, err)
    for _, name in ipairs {"last", "best"} do
      assert.truthy(read(dir .. "/whole/" .. name .. ".safetensors") ==
                    read(dir .. "/parts/" .. name .. ".safetensors"), name)
    end
  end)

  it("takes a dictionary of one's own, or none", function()
    local d = dict.learn(sentences(100, 3))
    local path = dir .. "/d.txt"
    assert(d:save(path))
    for _, name in ipairs {path, "none"} do
      local code, _, err = train("own", "--overwrite --steps 4 --data",
        quote(train_file), "--dictionary", quote(name))
      assert.equal(0, code, err)
    end
    local code, _, err = train("own2", "--steps 4 --data", quote(train_file),
                               "--dictionary", quote(dir .. "/nowhere"))
    assert.equal(3, code)
    assert.truthy(err:find("nowhere: No such file", 1, true), err)
  end)
end)

describe("segment by a dictionary", function()
  local path = write("dict.txt", "上海 10 ns\n大学 8 n\n交通 5\n")

  it("cuts, tells tags, and scores", function()
    local text = write("text", "上海交通大学\n")
    local code, out, err = shell("segment.lua", quote(path), quote(text),
                                 "--tags --new-words single")
    assert.equal(0, code, err)
    assert.equal("上海/ns  交通  大学/n\n", out)
    code, out, err = shell("segment.lua", quote(path), quote(text),
                           "--mode all --separator /")
    assert.equal(0, code, err)
    assert.equal("上海/交通/大学\n", out)
    local gold = write("gold", "上海 交通 大学\n交通大学\n")
    code, out, err = shell("segment.lua", quote(path), quote(gold), "--gold")
    assert.equal(0, code, err)
    assert.truthy(out:find("precision 60.00, recall 75.00", 1, true), out)
    code, out, err = shell("segment.lua", quote(path), quote(gold),
                           "--gold --mode all")
    assert.equal(2, code, out)
    assert.truthy(err:find("cannot be scored", 1, true), err)
  end)

  it("tells what is wrong, and where", function()
    local bad = write("bad.txt", "上海 10\n大学 x y z\n")
    local code, _, err = shell("segment.lua", quote(bad), quote(path))
    assert.equal(3, code)
    assert.truthy(err:find("bad.txt:2: ", 1, true), err)
    code, _, err = shell("segment.lua", quote(path), "--word ''", quote(path))
    assert.equal(2, code)
    assert.truthy(err:find("the word is empty", 1, true), err)
    code, _, err = shell("segment.lua", quote(path), "--tags --json")
    assert.equal(2, code)
    assert.truthy(err:find("three ways to print", 1, true), err)
    local text = write("text2", "上\xFF海\n")
    local out
    code, out, err = shell("segment.lua", quote(path), quote(text))
    assert.equal(3, code, out)
    assert.truthy(err:find "invalid UTF%-8.*line 1", err)
    code, out, err = shell("segment.lua", quote(path), quote(text),
                           "--invalid skip")
    assert.equal(0, code, err)
    assert.equal("上海\n", out)
  end)
end)

-- }==
