---train_seq2seq.lua and translate.lua: digits made words, letters made sounds;
---every output, whatever the input; scores, and files of pairs.
local rnn = require "rnn"
local json = require "rnn.json"
local log = require "rnn.log"
local new_random = require "tests.random"
local pairfiles = require "rnn.pairfiles"
local sandbox = require "tests.sandbox"
local textscores = require "rnn.textscores"
local dir, read, write, quote = sandbox.dir, sandbox.read, sandbox.write,
                                sandbox.quote

teardown(sandbox.remove)

local function words_of(text)
  local list = {}
  for word in text:gmatch "%S+" do list[#list + 1] = word end
  return list
end

-- {== Files of pairs ==

describe("pairs in a file", function()
  local OPTIONS = {separator = "tab", invalid = "error",
                   source_units = "words", target_units = "words"}

  local function pairs_of(text, more, other)
    local o = setmetatable(more or {}, {__index = OPTIONS})
    return pairfiles.read(write("pairs", text),
                          other and write("other", other), o)
  end

  it("with the same source are one with several targets", function()
    local list = assert(pairs_of("a b\tX\nc\tY\na b\tZ Z\na b\tX\n"))
    assert.same({{source = {"a", "b"}, targets = {{"X"}, {"Z", "Z"}},
                  line = 1}, {source = {"c"}, targets = {{"Y"}}, line = 2}},
                {list[1], list[2]})
    assert.equal(2, #list)
  end)

  it("are read as CMUdict has them", function()
    local list = assert(pairs_of(
      ";;; 1\naal AA1 L # x\naal(2) AE0 L\naal(3) AA2 L\n1st F 7\n", {
        separator = "space", comment = ";;;", source_units = "chars",
        no_stress = true}))
    assert.same({{"AA", "L", "#", "x"}, {"AE", "L"}, {"AA", "L"}},
                list[1].targets)
    assert.same({"a", "a", "l"}, list[1].source)
    assert.same({{"F", "7"}}, list[2].targets)
    list = pairs_of("a AH0 # x\n", {separator = "space", comment = "#"})
    assert.same({{"AH0"}}, list[1].targets)
  end)

  it("stay apart in two files", function()
    local list = assert(pairs_of("a\na\n\n", {target_units = "chars"},
                                 "xy\r\nz\r\nw\r\n"))
    assert.equal(2, #list)
    assert.same({{"x", "y"}}, list[1].targets)
    assert.same({"passed over 1 pair with an empty side, the first in line 3"},
                list.notes)
  end)

  it("may have other columns", function()
    local text = "1\tHi.\t嗨。\n2\tNo\t不\n"
    local list = assert(pairs_of(text, {source_column = -1, target_column = 2,
                                        source_units = "chars"}))
    assert.same({"嗨", "。"}, list[1].source)
    local got, wrong = pairs_of(text)
    assert.is_nil(got)
    assert.truthy(wrong:find("pairs:1: has 3 columns, expected 2", 1, true))
    assert.truthy(wrong:find("--source-column, --target-column", 1, true))
    got, wrong = pairs_of("a\tb\nc\n")
    assert.is_nil(got)
    assert.truthy(wrong:find("pairs:2: has 1 column, expected 2", 1, true))
  end)
end)

-- }==

-- {== Scores ==

describe("scores", function()
  local function of(guesses, truths, source, target)
    for i, text in ipairs(guesses) do guesses[i] = words_of(text) end
    for _, list in ipairs(truths) do
      for k, text in ipairs(list) do list[k] = words_of(text) end
    end
    return textscores.of(guesses, truths, {source_units = source,
                                           target_units = target})
  end

  it("of phonemes count words and phonemes", function()
    local s = of({"K AE T", "D AO"}, {{"K AH T", "K AE T"}, {"D AO G"}},
                 "chars", "words")
    assert.near(100 / 6, s.per, 1e-9)
    s.per = nil
    assert.same({wer = 50.0, accuracy = 50.0, edit_distance = 0.5}, s)
  end)

  it("of words are those of translation", function()
    local s = of({"the cat sat on it", "a b c d"},
                 {{"the cat sat on it"}, {"a x c d", "y y"}}, "words", "words")
    assert.near(100 / 9, s.wer, 1e-9)
    assert.equal(50.0, s.accuracy)
    assert.near(rnn.metrics.bleu({"the cat sat on it", "a b c d"},
      {"the cat sat on it", {"a x c d", "y y"}}, {tokenize = "none"}), s.bleu,
      1e-9)
    assert.near(100 * (1 + 0.75) / 2, s.rouge1, 1e-9)
    assert.truthy(s.chrf > 50 and s.rouge2 and s.rougeL)
    assert.truthy(textscores.layout(s):find "^bleu +%d.*\naccuracy +50%.00$")
  end)

  it("of characters join them", function()
    local s = of({"嗨 。"}, {{"嗨 !"}}, "words", "chars")
    assert.equal(50.0, s.cer)
    assert.is_nil(s.wer)
    assert.near(50, s.rouge1, 1e-9)
    s = of({""}, {{"a b"}}, "words", "words")     -- nothing was written
    assert.same({0.0, 100.0}, {s.bleu, s.wer})
  end)
end)

-- }==

-- {== The scripts ==

local NAMES = {[0] = "zero", "one", "two", "three", "four", "five", "six",
               "seven", "eight", "nine"}

---Digits, each text once, and their names.
local function digits(count, seed)
  local random, sources, targets, seen = new_random(seed), {}, {}, {}
  while #sources < count do
    local source, target = {}, {}
    for k = 1, random:int(1, 5) do
      source[k] = random:int(0, 9)
      target[k] = NAMES[source[k]]
    end
    local text = table.concat(source, " ")
    if not seen[text] then
      seen[text], sources[#sources + 1] = true, text
      targets[#targets + 1] = table.concat(target, " ")
    end
  end
  return sources, targets
end

local function lines_of(list, ending)
  return table.concat(list, ending or "\n") .. (ending or "\n")
end

local function tsv(sources, targets, ending)
  local list = {}
  for i, source in ipairs(sources) do list[i] = source .. "\t" .. targets[i] end
  return lines_of(list, ending)
end

local sources, targets = digits(800, 1)
local train_source = write("train.src", lines_of(sources))
local train_target = write("train.trg", lines_of(targets))
local train_pairs = write("train.tsv", tsv(sources, targets))
sources, targets = digits(50, 2)
local test_source = write("test.src", lines_of(sources, "\r\n"))
local test_target = write("test.trg", lines_of(targets))
local test_pairs = write("test.tsv", tsv(sources, targets, "\r\n"))

local function shell(script, ...)
  local words = {quote(sandbox.program), quote("scripts/" .. script)}
  for _, word in ipairs {...} do words[#words + 1] = word end
  return sandbox.shell(table.concat(words, " "))
end

local function train(out, ...)
  local from = table.concat({...}, " "):find "%-%-init%-from"
  return shell("train_seq2seq.lua", "--out", quote(dir .. "/" .. out),
    "--threads 1 --embed 16 --hidden 32 --encoder-hidden 16 --lr 0.01",
    "--dropout 0.05 --batch 25", from and "" or "--min-count 1", ...)
end

local function events(out, kind)
  local list = {}
  assert(log.each(dir .. "/" .. out .. "/log.jsonl", function(e)
    if e.event == kind then list[#list + 1] = e end
  end))
  return list
end

local model = quote(dir .. "/run/best.safetensors")

local function translate(input, ...)
  return shell("translate.lua", model, "<", quote(write("in", input)), ...)
end

describe("train_seq2seq", function()
  it("learns from two files, keeps the best, and tests", function()
    local code, out, err = train("run", "--data", quote(train_source),
      "--target", quote(train_target), "--test-data", quote(test_source),
      "--test-target", quote(test_target), "--val-max 40 --smoothing 0.05",
      "--epochs 12")
    assert.equal(0, code, err)
    assert.truthy(err:find("720 examples, 40 to validate with, 50 to", 1,
                           true), err)
    assert.truthy(err:find("model   GRU(16, 16, bidirectional=true", 1, true))
    assert.truthy(err:find "best validation loss %S+ nats %(perplexity", err)
    local bleu = tonumber(out:match "bleu +([%d.]+)\n")
    assert.truthy(bleu > 90, out)
    assert.truthy(out:find "wer +[%d.]+\n", out)
    assert.truthy(err:find "test    loss .*perplexity 1%.%d+, .*wer", err)
    local least = math.huge
    for _, e in ipairs(events("run", "val")) do
      assert.equal(e.best, e.val_loss < least)
      least = math.min(least, e.val_loss)
      assert.near(math.exp(e.val_loss), e.perplexity, 1e-9)
    end
    local losses = events("run", "step")
    assert.truthy(losses[#losses].loss < 0.2)     -- that without smoothing
    code, out, err = shell("translate.lua", model, quote(test_source),
                           "--gold", quote(test_target))
    assert.equal(0, code, err)
    assert.equal(bleu, tonumber(out:match "bleu +([%d.]+)\n"))
    local other
    code, other, err = shell("translate.lua", model, quote(test_pairs),
                             "--references")
    assert.equal(0, code, err)
    assert.equal(out, other)
    code, out, err = shell("train_seq2seq.lua", "--out", quote(dir .. "/run"),
      "--resume --epochs 13 --beam 2 --data", quote(train_source),
      "--target", quote(train_target))
    assert.equal(0, code, err)
    assert.truthy(out:find "^bleu", out)
    code, out, err = shell("train_seq2seq.lua", "--out", quote(dir .. "/run"),
                           "--resume --attention dot")
    assert.equal(2, code, out)
    assert.truthy(err:find("does not fit the run", 1, true), err)
  end)

  it("goes on exactly where it stopped, whatever is drawn", function()
    local same = "--schedule constant --sampling 0.3 --sampling-steps 20 " ..
                 "--ema 0.9 --data " .. quote(write("many.tsv",
                   read(train_pairs) .. tsv({"1", "1 2"}, {"un", "un deux"})))
    assert.equal(0, (train("whole", same, "--steps 30 --eval-every 15")))
    assert.equal(0, (train("parts", same, "--steps 15 --eval-every 15")))
    local code, _, err = shell("train_seq2seq.lua", "--out",
      quote(dir .. "/parts"), "--resume --steps 30 --threads 2")
    assert.equal(0, code, err)
    for _, name in ipairs {"last", "best"} do
      assert.truthy(read(dir .. "/whole/" .. name .. ".safetensors") ==
                    read(dir .. "/parts/" .. name .. ".safetensors"), name)
    end
    write("other.tsv", "1\tone\n2\ttwo\n")
    code, _, err = shell("train_seq2seq.lua", "--out", quote(dir .. "/parts"),
      "--resume --steps 40 --data", quote(dir .. "/other.tsv"))
    assert.equal(3, code)
    assert.truthy(err:find("is not the text", 1, true), err)
  end)

  it("stops for a signal, and goes on", function()
    local code, _, err = shell("train_seq2seq.lua", "--out",
      quote(dir .. "/signal"), "--data", quote(train_pairs),
      "--epochs 900 --embed 8 --hidden 8 --threads 1 & pid=$!; " ..
      "until grep -q checkpoint", quote(dir .. "/signal/log.jsonl"),
      "2>/dev/null; do sleep 0.1; done; kill -INT $pid; wait $pid")
    assert.equal(130, code, err)
    assert.truthy(err:find("to go on: ", 1, true), err)
    local at = events("signal", "end")[1].step
    code, _, err = shell("train_seq2seq.lua", "--out", quote(dir .. "/signal"),
                         "--resume --steps", tostring(at + 2))
    assert.equal(0, code, err)
    assert.equal(at + 2, events("signal", "end")[1].step)
  end)

  it("starts from another model", function()
    local code, _, err = train("from", "--data", quote(train_pairs),
      "--epochs 1 --init-from", model)
    assert.equal(0, code, err)
    assert.truthy(events("from", "val")[1].val_loss <
                  events("run", "val")[1].val_loss)
  end)

  it("takes every kind of model", function()
    for _, kind in ipairs {
      "--attention dot --cell lstm --layers 2",
      "--attention none --encoder forward --feed",
      "--attention multihead --heads 2 --shared-vocab --tied",
      "--attention scaled --precision bf16 --metric bleu",
      "--source-units jamo",
      "--source-units chars --target-units chars --metric accuracy",
    } do
      local code, _, err = train("kind", "--overwrite --data",
        quote(train_pairs), "--steps 2 --val-max 5 --beam 2", kind)
      if kind:find "none" then
        assert.equal(2, code, err)
        assert.truthy(err:find("--feed needs attention", 1, true), err)
      else
        assert.equal(0, code, err)
      end
    end
    local code, _, err = train("kind", "--overwrite --attention dot --data",
                               quote(train_pairs), "--hidden 7 --dry-run")
    assert.equal(2, code)
    assert.truthy(err:find("needs --hidden as large as", 1, true), err)
  end)

  it("learns letters and sounds by the words that are right", function()
    local list = {}
    for i = 1, 60 do
      local a, b = i % 8, i % 7
      list[2 * i - 1] = ("%s%s%s K%d AH0 %s1 # n%d"):format(
        NAMES[a]:sub(1, 1), NAMES[b]:sub(1, 1), i, a, NAMES[b]:upper(), i)
      list[2 * i] = ("%s%s%s(2) X"):format(NAMES[a]:sub(1, 1),
                                           NAMES[b]:sub(1, 1), i)
    end
    local path = write("cmu.dict", ";;; a\n" .. lines_of(list))
    local code, out, err = train("g2p", "--data", quote(path),
      "--separator space --comment '#' --no-stress --preset pronounce",
      "--test 0.2 --val 0.1 --epochs 2")
    assert.equal(0, code, err)
    assert.truthy(err:find("44 examples, 5 to validate with, 12 to", 1, true),
                  err)
    assert.truthy(err:find("best accuracy", 1, true), err)
    assert.truthy(out:find "^wer +%S+\nper +%S+\nedit_distance", out)
  end)

  it("leaves long pairs out of training, and says so", function()
    local path = write("long.tsv", tsv({"1 2 3", "1", "2", "3"},
                                       {"one", "a", ("b "):rep(9), "c"}))
    local code, _, err = train("long", "--data", quote(path), "--val 0",
                               "--max-length 2 --steps 1")
    assert.equal(0, code, err)
    assert.truthy(err:find(": 2 examples to train on are longer", 1,
                           true), err)
    code, _, err = train("long", "--overwrite --data", quote(path), "--val 0",
                         "--max-length 1 --steps 1 --source-units chars",
                         "--target-units chars")
    assert.equal(0, code, err)
  end)

  it("tells what is wrong, and where", function()
    local function fails(want, text, content, ...)
      local path = write("bad.tsv", content)
      local code, out, err = train("bad", "--data", quote(path), ...)
      assert.equal(want, code, err)
      assert.equal("", out)
      assert.truthy(err:find(text, 1, true), err)
      assert.equal(1, select(2, err:gsub("\n", "")), err)
    end
    fails(3, "bad.tsv:2: has 1 column, expected 2", "a\tb\nc d\n")
    fails(3, "bad.tsv:1: has 3 columns, expected 2", "a\tb\tc\n")
    fails(3, "bad.tsv:1: has 2 columns, 'target' is to be column 3",
          "a\tb\n", "--target-column 3")
    fails(3, "bad.tsv: has no pairs", "\n\n")
    fails(3, "1 examples to train on are longer; none is left", "a a\tb\n",
          "--max-length 1")
    fails(3, "line 2", "a\tb\n\xFF\tb\n")
    fails(3, "bad.tsv has 1 lines, " .. train_target .. " has 800", "a\n",
          "--target", quote(train_target))
    fails(2, "--valid-target must name a file for each of --valid-data: 1, " ..
          "got 0", "a\n", "--target", quote(train_target), "--valid-data",
          quote(test_source))
    fails(2, "--target must name a file for each of --data: 1, got 2", "a\n",
          "--target a b")
    fails(2, "need --separator tab", "a b\n",
          "--separator space --source-column 1")
    fails(2, "are for pairs in one file", "a\n",
          "--comment '#' --target", quote(train_target))
    fails(2, "counted from 1", "a\tb\n", "--source-column 0")
    fails(2, "--metric bleu is not for phonemes", "a\tb\n",
          "--metric bleu --source-units jamo")
    fails(2, "--attention must be one of", "a\tb\n", "--attention luong")
  end)
end)

describe("translate", function()
  it("writes a line for a line", function()
    local code, out, err = translate("3 1\r\n\r\n \t\n7 7 7\n\n0")
    assert.equal(0, code, err)
    assert.equal("three one\n\n\nseven seven seven\n\nzero\n", out)
    code, out = translate("", "")
    assert.equal(0, code)
    assert.equal("", out)
  end)

  it("writes the n best with their scores, or JSON", function()
    local code, out, err = translate("3 1\n\n5\n", "--n 2")
    assert.equal(0, code, err)
    local score, other = out:match(
      "^1\t(%-%d%.%d+)\tthree one\n1\t(%-%d+%.%d+)\t[^\n]+\n\n3\t")
    assert.truthy(score and tonumber(score) > tonumber(other), out)
    code, out, err = translate("3 1\n\n", "--n 2 --json --attention")
    assert.equal(0, code, err)
    local first, second = out:match "^([^\n]+)\n([^\n]+)\n$"
    assert.equal('{"line":2,"results":[],"source":[]}', second)
    local object = json.decode(first)
    assert.same({"3", "1"}, object.source)
    assert.equal(2, #object.results)
    local best = object.results[1]
    assert.same({"three", "one"}, best.tokens)
    assert.equal("three one", best.text)
    assert.equal("end", best.stopped)
    assert.near(tonumber(score), best.score, 1e-3)
    assert.near(best.logp / (8 / 6) ^ 0.6, best.score, 1e-9)
    assert.same({3, 3}, {#best.attention, #best.attention[1]})
    code, out = translate("3 1\n", "--alpha 0 --normalise length --json")
    assert.equal(0, code)
    best = json.decode(out).results[1]
    assert.equal(best.logp, best.score)
  end)

  it("draws where it looks", function()
    local code, out, err = translate("3 1\n\n", "--attention")
    assert.equal(0, code, err)
    assert.truthy(out:find "^three one\n.*\nthree .*\n +one .*\n +</s> .*\n\n$",
                  out)
    local have = os.execute "command -v gnuplot >/dev/null 2>&1"
    for _, name in ipairs {dir .. "/maps/sub", dir .. "/map.svg"} do
      code, _, err = translate("3\n\n1\n", "--heatmap", quote(name))
      assert.equal(have and 0 or 5, code, err)
    end
    if not have then return end
    assert.truthy(read(dir .. "/maps/sub/1.png"):find("PNG", 1, true))
    assert.truthy(read(dir .. "/maps/sub/3.png"):find("PNG", 1, true))
    assert.truthy(read(dir .. "/map.svg"):find("three", 1, true))
    assert.truthy(read(dir .. "/map-3.svg"):find("one", 1, true))
  end)

  it("takes what is not known, is not UTF-8, or is long", function()
    local code, out, err = translate("3 new 1\n", "--unknown copy")
    assert.equal(0, code, err)
    assert.equal(1, select(2, out:gsub("\n", "")), out)
    code, out, err = translate("3\n1\xFF\n")
    assert.equal(3, code, out)
    assert.truthy(err:find "invalid UTF%-8.*line 2", err)
    code, out, err = translate("3\n1\xFF\n", "--invalid skip")
    assert.equal(0, code, err)
    assert.equal("three\none\n", out)
    local long = ("7 "):rep(100000)
    code, out, err = translate("3\n" .. long .. "\n1\n",
                               "--max-source 50 --max-ratio 0.1 --beam 1")
    assert.equal(0, code, err)
    assert.equal("warning: stdin:2: has 100000 tokens, 50 are read " ..
                 "(--max-source)\n", err)
    local first, second, third = out:match "^([^\n]*)\n([^\n]*)\n([^\n]*)\n$"
    assert.same({"three", "one"}, {first, third})
    assert.truthy(#words_of(second) <= 15)
    code, out, err = translate(("7"):rep(100000) .. "\n", "--threads 1")
    assert.equal(0, code, err)
    assert.equal(1, select(2, out:gsub("\n", "")))
  end)

  it("joins characters", function()
    local code, _, err = train("letters", "--data", quote(train_pairs),
      "--target-units chars --source-units chars --steps 60 --val 0")
    assert.equal(0, code, err)
    local out
    code, out, err = shell("translate.lua",
      quote(dir .. "/letters/best.safetensors"), "--json", quote(test_source))
    assert.equal(0, code, err)
    local object = json.decode(out:match "[^\n]*")
    assert.equal(table.concat(object.results[1].tokens),
                 object.results[1].text)
    assert.equal(#sources[1], #object.source)
  end)

  it("refuses what does not go together", function()
    local function fails(want, text, ...)
      local code, out, err = translate("3\n", ...)
      assert.equal(want, code, err)
      assert.equal("", out)
      assert.truthy(err:find(text, 1, true), err)
    end
    fails(2, "--n must be at most --beam, 2, got 3", "--n 3 --beam 2")
    fails(2, "leave one of them out", "--references --gold x")
    fails(2, "must name a file for each of FILES: 1, got 2", "--gold x y")
    fails(2, "unknown option '--bean'", "--bean 3")
    fails(3, "no-such-file", "no-such-file")
    fails(3, "has 50 lines", quote(test_source) .. " --gold " ..
          quote(train_target))
    local code, _, err = shell("translate.lua", quote(test_source))
    assert.equal(3, code)
    assert.truthy(err:find(test_source, 1, true), err)
    code, _, err = shell("train_seq2seq.lua", "--data", quote(train_pairs),
      "--out", quote(dir .. "/blind"),
      "--attention none --embed 8 --hidden 8 --min-count 1 --steps 1")
    assert.equal(0, code, err)
    code, _, err = shell("translate.lua",
                         quote(dir .. "/blind/best.safetensors"),
                         "--unknown copy", quote(test_source))
    assert.equal(2, code)
    assert.truthy(err:find("need a model with attention", 1, true), err)
  end)
end)

-- }==
