---Taggers: spans and their schemes, vocabularies, the model, the scripts.
local rnn = require "rnn"
local data = require "rnn.data"
local gradcheck = require "tests.gradcheck"
local json = require "rnn.json"
local log = require "rnn.log"
local new_random = require "tests.random"
local raises = require "tests.raises"
local sandbox = require "tests.sandbox"
local tagger = require "rnn.models.tagger"
local dir, read, write, quote = sandbox.dir, sandbox.read, sandbox.write,
                                sandbox.quote

teardown(sandbox.remove)

local function words_of(text)
  local list = {}
  for word in text:gmatch "%S+" do list[#list + 1] = word end
  return list
end

-- {== Spans ==

describe("spans", function()
  local function as_text(tags)
    local parts = {}
    for i, s in ipairs(data.spans(words_of(tags))) do
      parts[i] = ("%d-%d %s"):format(s.first, s.last, s.type)
    end
    return table.concat(parts, ", ")
  end

  it("are read from every scheme", function()
    assert.equal("1-2 NP, 3-3 VP", as_text "B-NP I-NP B-VP O")
    assert.equal("1-2 NP, 3-3 NP", as_text "I-NP I-NP B-NP O")   -- IOB1
    assert.equal("1-3 NP, 4-4 VP", as_text "B-NP I-NP E-NP S-VP")
    assert.equal("1-1 NP, 2-3 VP", as_text "I-NP I-VP I-VP")
    assert.equal("2-2 X-Y", as_text "O B-X-Y O")
    assert.equal("", as_text "O O")
    raises.with("tag 2 must be O", data.spans, {"O", "NP"})
  end)

  it("are written in both schemes", function()
    local function same(bio, bioes)
      assert.same(words_of(bioes), data.bioes(words_of(bio)))
      assert.same(words_of(bio), data.bio(words_of(bioes)))
    end
    same("B-NP I-NP I-NP O B-VP B-VP I-VP", "B-NP I-NP E-NP O S-VP B-VP E-VP")
    same("O", "O")
    assert.same({}, data.bioes {})
  end)

  it("stay the same through both, whatever the tags", function()
    local rand = new_random(7)
    local all = words_of "O B-x I-x E-x S-x B-y I-y E-y S-y"
    for _ = 1, 500 do
      local tags = {}
      for i = 1, rand:int(0, 9) do tags[i] = all[rand:int(1, #all)] end
      local want = data.spans(tags)
      assert.same(want, data.spans(data.bioes(tags)))
      assert.same(want, data.spans(data.bio(data.bioes(tags))))
    end
  end)

  it("have a scheme if all tags are those of spans", function()
    assert.equal("BIO", data.scheme {{"O"}, {"B-a", "I-a"}})
    assert.equal("BIOES", data.scheme {{"O", "B-a"}, {"S-b"}})
    assert.is_nil(data.scheme {{"O", "O"}})
    assert.is_nil(data.scheme {{"O", "B-a", "NOUN"}})
    assert.is_nil(data.scheme {{"I-"}})
  end)
end)

-- }==

-- {== The model ==

local SENTENCES = {
  {words = words_of "Anna sees the old dog", tags = words_of
    "B-NP B-VP B-NP I-NP I-NP", ["2"] = words_of "N V D A N"},
  {words = words_of "Run", tags = words_of "B-VP", ["2"] = words_of "V"},
  {words = words_of "the 3 dogs that Anna sees run off", tags = words_of
    "B-NP I-NP I-NP O B-NP B-VP B-VP O", ["2"] = words_of
    "D C N P N V V R"},
}

local SMALL = {cell = "lstm", embed = 4, hidden = 3, layers = 1,
               char_embed = 3, char_hidden = 2, feature_embed = 2,
               output = "crf", dropout = 0.0, weight_drop = 0.0,
               precision = "full", chars = "lstm", features = {2},
               min_count = 1, max_vocab = 100, word_dropout = 0.0}

local function build(more)
  local o = {}
  for k, v in pairs(SMALL) do o[k] = v end
  for k, v in pairs(more or {}) do o[k] = v end
  local known = tagger.learn(SENTENCES, o)
  return tagger.build(known, o), known
end

describe("a tagger", function()
  local before = rnn.default_dtype()
  before_each(function()
    rnn.seed(3)
    rnn.default_dtype "float64"
  end)
  after_each(function() rnn.default_dtype(before) end)

  for name, more in pairs {
    ["of all parts"] = {}, ["that reads characters by convolution"] =
      {chars = "cnn", cell = "gru"}, ["without a CRF"] = {output = "softmax"},
    ["of words alone, two layers"] = {chars = "none", features = {},
                                      layers = 2, cell = "rnn"},
  } do
    it(name .. " has a gradient", function()
      local m = build(more)
      local items = m:encode(SENTENCES)
      assert(gradcheck.check {seed = 5, params = rnn.parameters(m),
                              f = function() return (m:loss(items)) end})
    end)

    it(name .. " gives a sentence the same whatever is beside it", function()
      local m = build(more)
      local items, sum = m:encode(SENTENCES), 0
      local together, loss = m:predict(items)
      for i, item in ipairs(items) do
        local alone, one = m:predict {item}
        assert.same(together[i], alone[1])
        sum = sum + one
      end
      assert.near(loss, sum, 1e-10)
      local mean, n = m:loss(items)
      assert.equal(14, n)
      assert.near(loss / 14, mean:item(), 1e-12)
    end)
  end

  it("learns spans as BIOES, and tells them as they were", function()
    local m, known = build()
    assert.equal("BIO", known.scheme)
    assert.same(words_of "B-NP E-NP I-NP O S-NP S-VP", known.tags.names)
    local two = {{words = {"a", "b"}, tags = {"B-X", "I-X"},
                  ["2"] = {"N", "N"}}}
    local small = tagger.build(assert(tagger.learn(two, SMALL)), SMALL)
    assert.same({{"O"}}, small:tag {{words = {"a"}, ["2"] = {"N"}}})
    for _, tags in ipairs(m:tag(SENTENCES)) do
      for _, tag in ipairs(tags) do assert.truthy(tag:find "^[BIO]%f[%-\0]") end
      assert.same(tags, data.bio(tags))   -- the CRF keeps to the scheme
    end
  end)

  it("looks words up without their case and digits", function()
    local m, known = build()
    assert.equal(known.words:id "anna", m:encode(SENTENCES)[1].words[1])
    assert.truthy(known.words.ids["0"])
    assert.is_nil(known.words.ids["3"])
    local s = {{words = {"ANNA", "7"}, ["2"] = {"N", "?"}}}
    local item = m:encode(s)[1]
    assert.same({known.words:id "anna", known.words:id "0"}, item.words)
    assert.falsy(item.gold)
    assert.equal(2, #m:tag(s)[1])
  end)

  it("cuts long sentences, and reads the beginning of long words", function()
    local s = {words = {}, tags = {}, ["2"] = {}, line = 7}
    for i = 1, 11 do
      s.words[i], s.tags[i], s["2"][i] = "w" .. i, "t" .. i, "N"
    end
    local short, cut = data.shortened({s, SENTENCES[2]}, 4)
    assert.equal(1, cut)
    assert.equal(4, #short)
    assert.same({"w9", "w10", "w11"}, short[3].words)
    assert.same({"t9", "t10", "t11"}, short[3].tags)
    assert.equal(7, short[3].line)
    assert.equal(SENTENCES[2], short[4])
    local m = build()
    local long = {words = {}, ["2"] = {}}
    for i = 1, 4500 do long.words[i], long["2"][i] = "dog", "N" end
    assert.equal(4500, #m:tag({long, SENTENCES[1]})[1])
    local a, b = ("x"):rep(100), ("x"):rep(300000)
    local tags = {m:predict(m:encode {{words = {a}, ["2"] = {"N"}}}),
                  m:predict(m:encode {{words = {b}, ["2"] = {"N"}}})}
    assert.same(tags[1], tags[2])
  end)

  it("reads the characters of any number of words", function()
    local m, list = build(), {}
    for i = 1, 1500 do
      list[i] = {words = {("%dx"):format(i):rep(1 + i % 5)}, tags = {"O"},
                 ["2"] = {"N"}}
    end
    local items, sum = m:encode(list), 0
    local tags, loss = m:predict(items)
    for from = 1, 1500, 100 do
      local some, one = m:predict(table.move(items, from, from + 99, 1, {}))
      assert.same(tags[from + 99], some[100])
      sum = sum + one
    end
    assert.near(sum, loss, 1e-8)
  end)

  it("has no loss for tags it does not know", function()
    local m = build()
    local items = m:encode {{words = {"dog"}, tags = {"B-XX"},
                             ["2"] = {"N"}}}
    assert.falsy(items[1].gold)
    local tags, loss, n = m:predict(items)
    assert.equal(1, #tags[1])
    assert.is_nil(loss)
    assert.equal(0, n)
    local more = m:encode(SENTENCES)
    local _, want = m:predict(more)
    for _, tag in ipairs {"B-XX", "NOUN", ""} do
      more[4] = m:encode {{words = {"a", "dog"}, tags = {"O", tag},
                           ["2"] = {"N", "N"}}}[1]
      tags, loss, n = m:predict(more)
      assert.equal(4, #tags)
      assert.near(want, loss, 1e-10)   -- of the others
      assert.equal(14, n)
    end
  end)

  it("comes back from its file", function()
    local path = dir .. "/tagger.safetensors"
    local m, known = build {chars = "cnn"}
    assert(rnn.save(path, m, tagger.describe(known)))
    local same = assert(tagger.load(path))
    assert.same(m:tag(SENTENCES), same:tag(SENTENCES))
    local _, loss = m:predict(m:encode(SENTENCES))
    local _, again = same:predict(same:encode(SENTENCES))
    assert.near(loss, again, 1e-6)
  end)

  it("in a damaged file is refused", function()
    local path = dir .. "/bad.safetensors"
    local m, known = build()
    local function refused(message, change, layers)
      local meta = tagger.describe(known)
      change(meta)
      assert(rnn.save(path, layers or m, meta))
      local got, wrong, code = tagger.load(path)
      assert.is_nil(got)
      assert.equal("EFORMAT", code)
      assert.truthy(wrong:find(message, 1, true), wrong)
    end
    refused("is not a tagger: its kind is 'lm'", function(meta)
      meta["rnnlua.kind"] = "lm"
    end)
    for _, name in ipairs {"words", "tags", "feature.1"} do
      refused("damaged", function(meta) meta[name] = nil end)
      refused("damaged", function(meta) meta[name] = "[1]" end)
    end
    for _, text in ipairs {"", "[]", '{"columns":[1]}', "{",
      '{"columns":["2"],"word_dropout":2}', '{"columns":["a"]}',
      '{"columns":["2"],"scheme":"X"}', '{"columns":["02"]}'} do
      refused("damaged", function(meta) meta.tagger = text end)
    end
    refused("not those of its scheme", function(meta)
      meta.tags = data.labels {"B-NP", "NOUN", "O"}
    end)
    refused("keep to the scheme", function(meta)
      meta.tagger = '{"columns":["2"]}'
    end)
    refused("do not fit", function(meta)
      meta.words = data.vocabulary {{"a"}}
    end)
    refused("do not fit", function(meta) meta.tags = data.labels {"O"} end)
    refused("do not fit", function(meta)
      meta["feature.1"] = data.vocabulary {{"a"}}
    end)
    refused("do not fit", function() end, {embed = m.embed, out = m.out})
    refused("'rnn' is of another class", function() end,
            {embed = m.embed, out = m.out, rnn = rnn.Linear(6, 6)})
    refused("both directions", function() end, {
      embed = m.embed, out = m.out, features = m.features,
      char_embed = m.char_embed, char_rnn = m.char_rnn,
      rnn = rnn.LSTM(10, 6)})
    refused("do not fit each other", function() end, {
      embed = m.embed, out = m.out, features = m.features,
      char_embed = m.char_embed, char_rnn = m.char_rnn,
      rnn = rnn.LSTM(11, 3, {bidirectional = true})})
  end)

  it("in a file changed at random is refused, or tags", function()
    local path, rand = dir .. "/fuzz.safetensors", new_random(11)
    local LAYERS = {rnn.LSTM(10, 3), rnn.Linear(6, 6), rnn.Embedding(9, 4),
                    rnn.GRU(10, 3, {bidirectional = true}), rnn.Dropout(0.5),
                    rnn.Conv1d(3, 4, 5), rnn.CRF(6), rnn.Linear(10, 6)}
    local refused, tagged = 0, 0
    for _ = 1, 200 do
      local m, known = build {
        chars = ({"lstm", "cnn", "none"})[rand:int(1, 3)],
        output = ({"crf", "softmax"})[rand:int(1, 2)],
        dropout = rand:int(0, 1) / 2, features = rand:int(0, 1) == 0 and {2} or
                                                 {}}
      local meta, names, parts = tagger.describe(known), {}, {}
      for name, part in pairs(m) do
        if type(name) == "string" then
          names[#names + 1], parts[name] = name, part
        end
      end
      table.sort(names)
      if rand:int(0, 1) == 0 then
        local value = LAYERS[rand:int(0, #LAYERS)]
        parts[names[rand:int(1, #names)]] = value
      else
        local keys = {"words", "chars", "tags", "tagger", "feature.1"}
        local key = keys[rand:int(1, #keys)]
        local text = meta[key] and (meta[key].spec and meta[key]:spec() or
                                    meta[key]) or "[]"
        local at = rand:int(1, #text)
        meta[key] = text:sub(1, at - 1) .. ('"[]{},01aO-'):sub(
                    rand:int(1, 11)):sub(1, 1) .. text:sub(at + rand:int(0, 1))
      end
      assert(rnn.save(path, parts, meta))
      local got, _, code = tagger.load(path)
      if got then
        tagged = tagged + 1
        local list = got:tag(SENTENCES)
        for i, s in ipairs(SENTENCES) do assert.equal(#s.words, #list[i]) end
      else
        refused = refused + 1
        assert.equal("EFORMAT", code)
      end
    end
    assert.truthy(refused > 20 and tagged > 20, refused .. " " .. tagged)
  end)
end)

-- }==

-- {== The scripts ==

local function shell(script, ...)
  local words = {quote(sandbox.program), quote("scripts/" .. script)}
  for _, word in ipairs {...} do words[#words + 1] = word end
  return sandbox.shell(table.concat(words, " "))
end

---Sentences whose tags follow from the words: "x" begins a span of letters,
---digits are O.
local function corpus(count, seed, ending)
  local rand, out = new_random(seed), {}
  for _ = 1, count do
    local open = false
    for _ = 1, rand:int(1, 8) do
      local kind = rand:int(1, 3)
      local word = kind == 1 and tostring(rand:int(10, 99)) or
                   (kind == 2 and "x" or "y") .. rand:int(1, 30)
      local tag = kind == 1 and "O" or kind == 2 and "B-L" or
                  open and "I-L" or "B-L"
      open = kind ~= 1
      out[#out + 1] = ("%s c%d %s"):format(word, kind, tag)
    end
    out[#out + 1] = ""
  end
  return table.concat(out, ending or "\n") .. (ending or "\n")
end

local train_file = write("train.txt", corpus(300, 1))
local test_file = write("test.txt", corpus(60, 2, "\r\n"))

local function train(out, ...)
  return shell("train_tagger.lua", "--out", quote(dir .. "/" .. out),
               "--threads 1 --hidden 12 --embed 8 --char-hidden 6",
               "--char-embed 6 --lr 0.02 --dropout 0.1 --batch 16", ...)
end

local function events(out, kind)
  local list = {}
  assert(log.each(dir .. "/" .. out .. "/log.jsonl", function(e)
    if e.event == kind then list[#list + 1] = e end
  end))
  return list
end

describe("train_tagger", function()
  it("learns, keeps the best F1, tests, and tag.lua tags", function()
    local code, out, err = train("run", "--data", quote(train_file),
      "--test-data", quote(test_file), "--features 2 --epochs 4")
    assert.equal(0, code, err)
    assert.truthy(err:find("data    270 examples, 30 to validate with, 60 to",
                           1, true), err)
    assert.truthy(err:find "best f1 %d+%.%d+, step %d+", err)
    assert.truthy(out:find "precision  recall", out)
    local f1 = tonumber(err:match "test    loss .* f1 ([%d.]+)\n")
    assert.truthy(f1 > 95, err)
    local best = 0
    for _, e in ipairs(events("run", "val")) do
      assert.equal(e.best, e.f1 > best)
      best = math.max(best, e.f1)
    end
    local model = quote(dir .. "/run/best.safetensors")
    code, out, err = shell("tag.lua", model, "--format columns", "-",
                           "< " .. quote(test_file))
    assert.equal(0, code, err)
    local _, words = out:gsub("/[BIO]%S*", "")
    local _, lines = read(test_file):gsub("%S+ c%d", "")
    assert.equal(lines, words)
    code, out, err = shell("tag.lua", model, "--format columns --output json",
                           quote(write("o.txt", "10 c1\n11 c1\n")))
    assert.equal(0, code, err)
    assert.equal('{"spans":[],"tags":["O","O"],"words":["10","11"]}\n', out)
    code, out, err = shell("info.lua", quote(dir .. "/run/last.safetensors"))
    assert.equal(0, code, err)
    assert.truthy(out:find "\ntags        %d: B%-L", out)
    assert.truthy(out:find "; best f1 %d", out)
    code, out, err = shell("tag.lua", model, "text", "2>&1")
    assert.equal(2, code)
    assert.truthy(out:find("goes by column 2", 1, true), err)
  end)

  it("goes on exactly where it stopped", function()
    local same = "--schedule constant --data " .. quote(train_file)
    assert.equal(0, (train("whole", same, "--steps 26 --eval-every 13")))
    assert.equal(0, (train("parts", same, "--steps 13 --eval-every 13")))
    local code, _, err = shell("train_tagger.lua", "--out",
      quote(dir .. "/parts"), "--resume --steps 26 --threads 2")
    assert.equal(0, code, err)
    for _, name in ipairs {"last", "best"} do
      assert.truthy(read(dir .. "/whole/" .. name .. ".safetensors") ==
                    read(dir .. "/parts/" .. name .. ".safetensors"), name)
    end
    write("other.txt", corpus(20, 3))
    code, _, err = shell("train_tagger.lua", "--out", quote(dir .. "/parts"),
      "--resume --steps 30 --data", quote(dir .. "/other.txt"))
    assert.equal(3, code)
    assert.truthy(err:find("is not the text", 1, true), err)
  end)

  it("starts from another model, and with vectors", function()
    local code, _, err = train("from", "--data", quote(train_file),
      "--epochs 1 --init-from", quote(dir .. "/whole/best.safetensors"))
    assert.equal(0, code, err)
    assert.truthy(events("from", "val")[1].f1 >
                  events("whole", "val")[1].f1)
    local vectors = write("v.vec", "2 3\nx0 1 0 0\ny0 0 1 0\n")
    code, _, err = train("vectors", "--data", quote(train_file),
      "--steps 3 --freeze --chars cnn --output softmax --vectors",
      quote(vectors))
    assert.equal(0, code, err)
    assert.truthy(err:find "2 of %d+ words have .* decides %-%-embed 3", err)
    local _, meta = rnn.load(dir .. "/vectors/best.safetensors")
    local layers = json.decode(meta["rnnlua.layers"])
    assert.equal(3, layers.embed.sizes[2])
    assert.truthy(layers.embed.options.freeze)
    code, _, err = shell("train_tagger.lua", "--out",
      quote(dir .. "/vectors"), "--resume --steps 5")
    assert.equal(0, code, err)
    os.remove(vectors)
    code, _, err = shell("train_tagger.lua", "--threads 1 --steps 2 --data",
      quote(train_file), "--out", quote(dir .. "/from-vectors"),
      "--init-from", quote(dir .. "/vectors/best.safetensors"))
    assert.equal(0, code, err)
    local before = rnn.load(dir .. "/vectors/best.safetensors")
    local after = rnn.load(dir .. "/from-vectors/best.safetensors")
    assert.same(before["embed.weight"]:totable(),
                after["embed.weight"]:totable())
  end)

  it("takes sentences with tags beside them, and plain tags", function()
    local words = write("seq.in", ("a b c\nd a\n"):rep(20))
    local tags = write("seq.out", ("X Y Z\nW X\n"):rep(20))
    local code, out, err = train("slots", "--format parallel --data",
      quote(words), "--tags", quote(tags), "--epochs 10")
    assert.equal(0, code, err)
    assert.truthy(err:find("best accuracy 100.00", 1, true), err)
    assert.truthy(out:find "precision" == nil)   -- there was no --test-data
    local model = quote(dir .. "/slots/best.safetensors")
    local typed = write("typed", "a b\n\n" .. ("d "):rep(1000) .. "\r\nc")
    code, out, err = shell("tag.lua", model, "<", quote(typed))
    assert.equal(0, code, err)
    local first, long, last = out:match "^(a/X b/%u)\n\n([^\n]*)\n(c/%u)\n$"
    assert.truthy(first and last, out:sub(1, 20))
    assert.equal(read(typed):match "\n([d ]+d)", (long:gsub("/%u", "")))
    code, out, err = shell("tag.lua", model, "--split unicode",
                           quote(write("raw", "a,b (c)\n")))
    assert.equal(0, code, err)
    assert.equal("a , b ( c )\n", (out:gsub("/%u", "")))
    code, out, err = shell("tag.lua", model, "--output json", quote(typed))
    assert.equal(0, code, err)
    assert.same({"X", "Y"}, json.decode(out:match "[^\n]*").tags)
    code, out, err = shell("tag.lua", model, "--word-column 2", quote(typed))
    assert.equal(2, code, out)
    assert.truthy(err:find("--word-column needs --format", 1, true), err)
    code, out, err = shell("tag.lua", model, "--output spans", quote(typed))
    assert.equal(2, code, out)
    assert.truthy(err:find("not those of spans", 1, true), err)
    code, out, err = train("slots2", "--format parallel --data", quote(words))
    assert.equal(2, code, out)
    assert.truthy(err:find("--tags must name the tags of", 1, true), err)
  end)

  it("tells what is wrong with data, and where", function()
    local function fails(text, content, ...)
      local path = write("bad.txt", content)
      local code, out, err = train("bad", "--data", quote(path), ...)
      assert.equal(3, code, err)
      assert.equal("", out)
      assert.truthy(err:find("bad.txt:?" .. text), err)
      assert.equal(1, select(2, err:gsub("\n", "")), err)
    end
    fails("2: has 1 column, expected 2", "a O\nb\n")
    fails("1: has 1 column, 'tags' and 'words' must be two", "a\nb\n")
    fails(" has no sentences", "\n\n\n")
    fails(" has no sentences", "")
    fails(".*invalid UTF%-8.*line 2", "a O\n\xFF O\n")
    fails("1: has 2 columns, '7'", "a O\n", "--features 7")
    local lines = ("a O\n"):rep(2500)
    local code, _, err = train("long", "--data", quote(write("long.txt",
      lines .. "\nb O\n\nc O\n")), "--epochs 1 --val 0")
    assert.equal(0, code, err)
    assert.truthy(err:find("--max-length 1000: 1 examples to train on are", 1,
                           true), err)
    local path = write("odd.txt", ("a O\r\n\r\n\xFF O\r\n\r\n"):rep(9))
    code, _, err = train("odd", "--data", quote(path),
                         "--invalid replace --epochs 1")
    assert.equal(0, code, err)
    assert.truthy(err:find("all 16 labels are 'O'", 1, true) or
                  err:find("all 17 labels are 'O'", 1, true), err)
  end)

  it("takes the options of a run or a model again, and no others", function()
    local data_of = "--data " .. quote(train_file)
    assert.equal(0, (train("again", data_of, "--features 2 --steps 2")))
    local function resume(...)
      return shell("train_tagger.lua", "--resume --out",
                   quote(dir .. "/again"), ...)
    end
    assert.equal(0, (resume("--features 2 --steps 3")))
    local code, _, err = resume("--features 3")
    assert.equal(2, code)
    assert.truthy(err:find("--features [3] does not fit", 1, true), err)
    local base = "--init-from " .. quote(dir .. "/again/best.safetensors")
    code, _, err = train("from2", data_of, base, "--steps 1")
    assert.equal(0, code, err)
    for option, message in pairs {
      ["--features 3"] = "--features [3] does not fit",
      ["--chars none"] = "--chars none does not fit",
      ["--min-count 2"] = "--min-count is for new tokens"} do
      code, _, err = train("from3", data_of, base, "--steps 1", option)
      assert.equal(2, code, err)
      assert.truthy(err:find(message, 1, true), err)
    end
    code, _, err = shell("train_tagger.lua", data_of, "--steps 1 --threads 1",
      "--out", quote(dir .. "/from5"), "--init-from",
      quote(dir .. "/vectors/best.safetensors"))   -- its vectors are frozen
    assert.equal(0, code, err)
    local was = rnn.load(dir .. "/vectors/best.safetensors")["embed.weight"]
    local is = rnn.load(dir .. "/from5/best.safetensors")["embed.weight"]
    assert.same(was:totable(), is:totable())
    code, _, err = train("both", data_of, "--epochs 1 --steps 100")
    assert.equal(0, code, err)
    assert.equal(17, events("both", "end")[1].step)
  end)

  it("has no option that says nothing", function()
    local path = "--data " .. quote(train_file)
    local words, tags = quote(dir .. "/seq.in"), quote(dir .. "/seq.out")
    for _, case in ipairs {
      {"--tags is for --format parallel", path, "--tags", tags},
      {"--features is not for --format parallel", "--format parallel --data",
       words, "--tags", tags, "--features 2"},
      {"a file for each", "--format parallel --data", words, "--tags", tags,
       tags},
    } do
      local code, _, err = train("mute", table.unpack(case, 2))
      assert.equal(2, code, err)
      assert.truthy(err:find(case[1], 1, true), err)
    end
  end)

  it("has scores of texts without spans, and without known tags", function()
    local none = quote(write("none.txt", "10 O\n11 O\n"))
    local code, _, err = train("none", "--data", quote(write("two.txt",
      "x1 B-L\ny2 I-L\n10 O\n\nx1 B-L\n\n10 O\n")), "--valid-data", none,
      "--steps 2 --test-data", quote(write("odd2.txt", "x1 B-NEW\n")))
    assert.equal(0, code, err)
    assert.equal("number", type(events("none", "val")[1].f1))
    assert.truthy(err:find("test    all labels that matter are", 1, true), err)
    code, _, err = train("none2", "--data", quote(dir .. "/two.txt"),
      "--valid-data", quote(write("pos.txt", "a O\n\nb NOUN\n")), "--steps 2")
    assert.equal(3, code, err)
    assert.truthy(err:find("pos.txt: the tags of the sentence in line 3", 1,
                           true), err)
    local iob1 = ("x1 I-L\ny2 I-L\n10 O\n\n"):rep(30)
    code, _, err = train("iob1", "--data", quote(write("iob1.txt", iob1)),
                         "--epochs 20")
    assert.equal(0, code, err)
    local val = events("iob1", "val")
    assert.equal(100, val[#val].f1)
    assert.equal(100, val[#val].accuracy)
    code, _, err = train("one", "--data", quote(write("one.txt", "a O\n")),
                         "--steps 1")
    assert.equal(0, code, err)
    assert.truthy(err:find("no example is left for validation", 1, true), err)
  end)

  it("says what to make smaller when there is not the memory", function()
    if os.getenv "VARIANT" == "asan" then return end   -- it needs all there is
    local code, _, err = sandbox.shell(("ulimit -v 3000000; %s " ..
      "scripts/train_tagger.lua --data %s --out %s --hidden 12000"):format(
      quote(sandbox.program), quote(train_file), quote(dir .. "/huge")))
    assert.equal(1, code, err)
    assert.truthy(err:find "rnnlua: not enough memory: .*smaller %-%-hidden",
                  err)
    assert.falsy(err:find "traceback")
  end)

  it("is not put off by tags that it has not learnt", function()
    local path = write("unseen.txt", "a c1 B-NEW\n\nx1 c2 B-L\n")
    local code, _, err = train("unseen", "--data", quote(train_file),
      "--test-data", quote(path), "--features 2 --steps 5")
    assert.equal(0, code, err)
    assert.truthy(err:find("test    loss", 1, true), err)
  end)
end)

-- }==
