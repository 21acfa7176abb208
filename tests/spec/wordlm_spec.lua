---Word language models: tied weights, the parts of AWD-LSTM, the script, from
---text to files and back.
local rnn = require "rnn"
local core = require "rnn.core"
local gradcheck = require "tests.gradcheck"
local json = require "rnn.json"
local lm = require "rnn.models.lm"
local model_of = require "rnn.model"
local raises = require "tests.raises"
local sandbox = require "tests.sandbox"
local stops = require "tests.stops"
local text = require "rnn.text"
local dir, read, write, quote = sandbox.dir, sandbox.read, sandbox.write,
                                sandbox.quote

teardown(sandbox.remove)

local POEM = [[
 the little light that leaves the window pane
 is not the lamp , it is the falling rain ;
 the rain that reads aloud to field and tree
 the longest letter written by the sea .
]]

local function tokenizer(kind)
  return assert(text.tokenizer(kind):fit(POEM))
end

---A small model with everything; 'more' changes its options.
local function build(tok, more)
  local config = {tok = tok, cell = "lstm", embed = 6, hidden = 6, layers = 2,
                  tied = true, dropout_embed = 0.1, dropout_in = 0.2,
                  dropout_hidden = 0.2, dropout_out = 0.3, weight_drop = 0.2}
  for name, value in pairs(more or {}) do config[name] = value end
  return lm.build(config), config
end

local function ids_of(n, most)
  local ids = {}
  for i = 1, n do ids[i] = 1 + i * i % most end
  return rnn.ids(ids)
end

describe("a tied model", function()
  for _, kind in ipairs {"word", "char"} do
    it("scores with the table of its embedding: " .. kind, function()
      local tok = tokenizer(kind)
      local m = build(tok)
      local x = ids_of(12, tok:usable()):reshape {6, 2}
      local logits, state = m:forward(x)
      assert.same({6, 2, tok:usable()}, logits:shape())
      local h = m.rnn(m.embed(x))
      local w = m.embed.weight:slice(1, 1, tok:usable())
      assert.same(core.op.linear(h, w, m.out.bias):totable(),
                  logits:totable())
      local again = m:forward(x, state)
      assert.not_same(logits:totable(), again:totable())
    end)
  end

  it("has the gradient of both uses, and of the penalties", function()
    local before = rnn.default_dtype()
    rnn.default_dtype "float64"
    local tok = tokenizer "word"
    local m = build(tok, {dropout_embed = 0, dropout_in = 0, weight_drop = 0,
                          dropout_hidden = 0, dropout_out = 0})
    local x, y = ids_of(8, #tok):reshape {4, 2}, ids_of(8, 7):reshape {4, 2}
    local ok, wrong = pcall(gradcheck.check, {
      f = function() return (m:loss(x, y, nil, {ar = 2, tar = 1})) end,
      params = rnn.parameters(m), seed = 1, sample = 20})
    rnn.default_dtype(before)
    assert(ok, wrong)
  end)

  it("is saved once, and comes back with all its options", function()
    for _, kind in ipairs {"word", "char"} do
      local tok = tokenizer(kind)
      local m, config = build(tok)
      local path = dir .. "/tied.safetensors"
      assert(rnn.save(path, m, lm.describe(tok)))
      local back, back_tok = assert(lm.load(path))
      assert.equal(tok:spec(), back_tok:spec())
      assert.same(lm.sizes(m), lm.sizes(back))
      assert.is_true(lm.sizes(back).tied)
      for name in pairs(m) do
        assert.equal(tostring(m[name]), tostring(back[name]))
      end
      local x = ids_of(10, tok:usable()):reshape {10, 1}
      assert.same(m:forward(x):totable(), back:forward(x):totable())
      local _, count = lm.memory(config, 1, 1, 0)
      assert.equal(model_of.count(m), count)
      assert.equal(count, model_of.count(back))
    end
  end)

  it("steps as it goes forward", function()
    local tok = tokenizer "char"
    local m = build(tok)
    assert.is_true(rnn.stepper.fits(m))
    local s <close> = rnn.stepper(m)
    local ids = ids_of(9, tok:usable())
    s:feed(ids)
    local want = m:forward(ids:reshape {9, 1}):select(1, 9):totable()[1]
    for i, x in ipairs(s:logits():totable()[1]) do
      assert.near(want[i], x, 1e-5)
    end
  end)

  it("is as wide as its embedding", function()
    raises.with("'embed' as large as 'hidden', 6, got 5", build,
                tokenizer "word", {embed = 5})
    raises.with("either 'dropout' or 'dropout_out'", build, tokenizer "word",
                {dropout = 0.5})
    raises.with("'cell' must be", build, tokenizer "word", {cell = "lstmp"})
  end)

  it("in a damaged file is refused", function()
    local tok = tokenizer "word"
    local path = dir .. "/damaged.safetensors"
    local function refused(change, message)
      local m = build(tok)
      change(m)
      assert(rnn.save(path, m, lm.describe(tok)))
      local got, wrong, code = lm.load(path)
      assert.is_nil(got)
      assert.equal("EFORMAT", code)
      assert.truthy(wrong:find(message, 1, true), wrong)
    end
    refused(function(m) m.drop_in = rnn.LayerNorm(6) end,
            "'drop_in' is no Dropout")
    refused(function(m) m.out = rnn.TiedLinear(5, #tok) end, "fit each other")
    refused(function(m) m.embed = rnn.Embedding(#tok, 5) end,
            "fit each other")
    refused(function(m) m.out = rnn.TiedLinear(6, 3) end, "outputs")
  end)
end)

describe("an adaptive softmax", function()
  local function adaptive(tok, more)
    local config = {softmax = "adaptive", cutoffs = {6, 14}, hidden = 16,
                    tied = false}
    for name, value in pairs(more or {}) do config[name] = value end
    return build(tok, config)
  end

  ---The sum of what the layers of a model hold.
  local function weights(m)
    local sum = 0.0
    for _, p in ipairs(rnn.parameters(m)) do sum = sum + p:sum():item() end
    return sum
  end

  it("gives log-probabilities, and the loss without them", function()
    local tok = tokenizer "word"
    local m, config = adaptive(tok)
    local x, y = ids_of(12, #tok):reshape {6, 2}, ids_of(12, 7):reshape {6, 2}
    local logits = m:forward(x)
    for _, row in ipairs(logits:exp():sum(3):reshape {12}:totable()) do
      assert.near(1, row, 1e-5)
    end
    local want = rnn.cross_entropy(logits, y):item()
    local _, loss = m:loss(x, y, nil, {ar = 0, tar = 0})
    assert.near(want, loss:item(), 1e-5)
    local value, state = m:evaluate(x, y)
    assert.near(want, value, 1e-5)
    assert.is_true(lm.fits(m, state, 2))
    local _, count = lm.memory(config, 1, 1, 0)
    assert.equal(model_of.count(m), count)
  end)

  it("has cutoffs by the number of tokens", function()
    for _, row in ipairs {
      {2, 4, {1}}, {29, 8, {5}}, {29, 64, {5}}, {2000, 64, {400}},
      {10000, 200, {2000}}, {100000, 200, {6324, 31620}},
      {100000, 8, {6324}},
    } do
      assert.same(row[3], lm.cutoffs(row[1], row[2]))
      rnn.AdaptiveSoftmax(row[2], row[1], {cutoffs = row[3]})
    end
  end)

  it("is saved and comes back, and is sampled, searched, scored", function()
    local tok = tokenizer "word"
    local m = adaptive(tok)
    local path = dir .. "/adaptive.safetensors"
    assert(rnn.save(path, m, lm.describe(tok)))
    local back, its = assert(lm.load(path))
    assert.same({6, 14}, lm.sizes(back).cutoffs)
    assert.equal("adaptive", lm.sizes(back).softmax)
    assert.is_false(lm.sizes(back).tied)
    local x = ids_of(10, #tok):reshape {10, 1}
    assert.same(m:forward(x):totable(), back:forward(x):totable())
    local s = "the little light\n"
    local sum = 0.0
    local start = tok:encode("\n" .. s):totable()
    local logp = back:forward(rnn.ids(start):reshape {#start, 1}):totable()
    for i = 2, #start do sum = sum + logp[i - 1][1][start[i]] end
    assert.near(sum, rnn.score.text(back, its, s).logp, 1e-4)
    assert.equal(7, select(2, rnn.generate.sample(back, its, {length = 7,
                 seed = 1}))[1].tokens)
    local best = assert(rnn.generate.beam(back, its, {length = 3, width = 2}))
    assert.near(best[1].logp, rnn.score.text(back, its, best[1].text).logp,
                1e-4)
  end)

  it("goes on with more words, cluster by cluster", function()
    local tok = tokenizer "word"
    local from = adaptive(tok)
    local scan = tok:learner "extend"
    scan:feed "a new moon\n"
    local more = assert(tok:fit_scan(scan, false, "extend"))
    local m = adaptive(more)
    assert.equal(#tok + 3, #more)
    local x = ids_of(9, #tok):reshape {9, 1}
    assert(lm.transfer(m, more, from, tok))
    local new, old = m:forward(x):slice(3, 1, 14), from:forward(x)
    assert.same(old:slice(3, 1, 14):totable(), new:totable())
    assert.same(from.out["tail.1.1.weight"]:totable(),
                m.out["tail.1.1.weight"]:slice(1, 1, #tok - 14):totable())
    local before = weights(m)
    for _, other in ipairs {adaptive(more, {cutoffs = {5, 14}}),
                            (build(more, {hidden = 16, tied = false}))} do
      local ok, wrong = lm.transfer(m, more, other, more)
      assert.is_nil(ok)
      assert.truthy(wrong:find("cutoffs", 1, true), wrong)
    end
    assert.equal(before, weights(m))
  end)

  it("says where it cannot go", function()
    local tok = tokenizer "word"
    raises.with("has tables of its own and cannot be tied", adaptive, tok,
                {tied = true, embed = 16})
    raises.with("'cutoffs' are for an adaptive softmax", build, tok,
                {cutoffs = {3}})
    raises.with("'softmax' must be full or adaptive, got half", build, tok,
                {softmax = "half"})
    raises.with("increasing ids below 29, got 29 at 2", adaptive, tok,
                {cutoffs = {6, 29}})
  end)

  it("is stepped through", function()
    local tok = tokenizer "word"
    local m = adaptive(tok)
    local x = rnn.ids {{2}, {5}, {28}, {7}}
    local want = m:forward(x)
    local s = rnn.stepper(m)
    for t = 1, 4 do
      local got = s:step(x[t])
      assert.is_true((got - want[t]):abs():max():item() < 2e-6)
    end
  end)
end)

-- {== The script ==

local data, valid = write("train.txt", POEM:rep(40)),
                    write("valid.txt", POEM .. " the sea of rain\n")

local function run(script, ...)
  local words = {quote(sandbox.program), quote("scripts/" .. script)}
  for _, word in ipairs {...} do words[#words + 1] = quote(word) end
  return sandbox.shell(table.concat(words, " "))
end

local function train(out, ...)
  return run("train_wordlm.lua", "--data", data, "--valid-data", valid,
             "--out", out, "--hidden", "8", "--batch", "4", "--seq", "6",
             "--threads", "1", "--sample-length", "5", ...)
end

local function meta_of(out, name)
  return select(2, rnn.load(("%s/%s.safetensors"):format(out, name)))
end

describe("train_wordlm", function()
  local out = dir .. "/awd"

  it("trains with all that AWD-LSTM has", function()
    local code, stdout, err = train(out, "--preset", "awd", "--steps", "60",
      "--eval-every", "10", "--test-data", data)
    assert.equal(0, code, err)
    assert.truthy(utf8.len(stdout))
    for _, words in ipairs {"words, 29 different; others, 45 are for",
                            "(perplexity ", "test    loss "} do
      assert.truthy(err:find(words, 1, true), err)
    end
    local m = assert(lm.load(out .. "/best.safetensors"))
    assert.equal("LSTM(8, 8, locked_dropout=0.15, num_layers=2, " ..
                 "weight_drop=0.2)", tostring(m.rnn))
    assert.equal("Embedding(29, 8, dropout=0.05)", tostring(m.embed))
    assert.equal("TiedLinear(8, 29)", tostring(m.out))
    assert.equal("Dropout(locked=true, p=0.25)", tostring(m.drop))
  end)

  it("trains an adaptive softmax, and goes on exactly", function()
    local whole, parts = dir .. "/adaptive-whole", dir .. "/adaptive-parts"
    local code, _, err = train(whole, "--softmax", "adaptive", "--cutoffs",
      "6, 14", "--hidden", "16", "--steps", "12", "--test-data", data)
    assert.equal(0, code, err)
    assert.truthy(err:find("2 layers, softmax by 6,14, ", 1, true), err)
    assert.truthy(err:find("test    loss ", 1, true), err)
    local m, tok = assert(lm.load(whole .. "/best.safetensors"))
    assert.equal("AdaptiveSoftmax(16, 29, cutoffs={6, 14})", tostring(m.out))
    code, _, err = train(parts, "--softmax", "adaptive", "--cutoffs", "6,14",
      "--hidden", "16", "--steps", "5", "--test-data", data)
    assert.equal(0, code, err)
    code, _, err = run("train_wordlm.lua", "--out", parts, "--resume",
      "--steps", "12", "--threads", "1", "--sample-length", "0")
    assert.equal(0, code, err)
    for _, name in ipairs {"/last.safetensors", "/best.safetensors"} do
      assert.truthy(read(whole .. name) == read(parts .. name), name)
    end
    local valid_loss
    for line in io.lines(whole .. "/log.jsonl") do
      valid_loss = json.decode(line).val_loss or valid_loss
    end
    local scored = rnn.score.text(m, tok, read(valid))
    assert.near(valid_loss, -scored.logp / scored.tokens, 0.2)
    local model = whole .. "/best.safetensors"
    local made
    code, made, err = run("sample.lua", model, "--length", "5", "--precision",
                          "int8")
    assert.equal(0, code, err)
    assert.truthy(utf8.len(made))
    assert.equal("", err)
    code, _, err = run("train_wordlm.lua", "--data", data, "--out",
      dir .. "/adaptive-more", "--init-from", model, "--extend-vocab",
      "--batch", "2", "--seq", "5", "--steps", "2", "--threads", "1",
      "--sample-length", "0")
    assert.equal(0, code, err)
    assert.truthy(err:find("softmax by 6,14", 1, true), err)
  end)

  it("goes on exactly, averages and their beginning too", function()
    local whole, parts = dir .. "/whole", dir .. "/parts"
    local function part(steps, ...)
      local code, _, err = train(parts, "--steps", steps, "--save-every", "7",
        "--preset", "awd", "--lr", "30", "--eval-every", "5",
        "--average-patience", "1", ...)
      assert.equal(0, code, err)
    end
    local code, _, err = train(whole, "--preset", "awd", "--lr", "30",
      "--steps", "80", "--save-every", "7", "--eval-every", "5",
      "--average-patience", "1")
    assert.equal(0, code, err)
    part("33")
    for _, steps in ipairs {"47", "61", "80"} do
      part(steps, "--resume")
    end
    for _, name in ipairs {"/last.safetensors", "/best.safetensors"} do
      assert.truthy(read(whole .. name) == read(parts .. name), name)
    end
    assert.equal(stops.losses(whole), stops.losses(parts))
    local about = json.decode(meta_of(whole, "last")["rnnlua.train"])
    assert.is_true(about.extra.parts.ntasgd.started)
  end)

  it("tells the perplexity that score.lua gives", function()
    local code, scored, err = run("score.lua", out .. "/best.safetensors",
                                  valid, "--json")
    assert.equal(0, code, err)
    local row = json.decode(scored)
    assert.equal(45, row.tokens)
    -- all of it, once; --valid-data is read without its first token
    local m, tok = lm.load(out .. "/best.safetensors")
    local ids = tok:encode("\n" .. read(valid))
    local x, y = ids:slice(1, 1, -2), ids:slice(1, 2, -1)
    local logits = m:forward(x:reshape {#x, 1})
    local loss = rnn.cross_entropy(logits, y:reshape {#y, 1}):item()
    assert.near(math.exp(loss), row.perplexity, 1e-3)
  end)

  it("makes text of words", function()
    local code, made, err = run("sample.lua", out .. "/best.safetensors",
      "--prime", "the unheard rain", "--length", "30", "--seed", "2")
    assert.equal(0, code, err)
    assert.truthy(made:find("the unheard rain", 1, true))
    local _, tok = lm.load(out .. "/best.safetensors")
    for word in made:sub(17):gmatch "%S+" do
      assert.equal(1, #tok:encode(word))
      assert.truthy(word == "<unk>" or tok:encode(word):totable()[1] > 1,
                    word)
    end
    code, made = run("sample.lua", out .. "/best.safetensors", "--beam", "3",
                     "--prime", "the", "--length", "5", "--stop", "\\n")
    assert.equal(0, code)
    assert.truthy(utf8.len(made))
  end)

  it("starts from another model, with new words", function()
    local more = write("more.txt", POEM:rep(4) .. "a new moon\n")
    local code, _, err = run("train_wordlm.lua", "--data", more, "--out",
      dir .. "/more", "--init-from", out .. "/best.safetensors",
      "--extend-vocab", "--batch", "2", "--seq", "5", "--steps", "3",
      "--threads", "1", "--sample-length", "0")
    assert.equal(0, code, err)
    local m, tok = assert(lm.load(dir .. "/more/best.safetensors"))
    assert.equal(32, #tok)
    assert.same({32, 8}, m.embed.weight:shape())
    code, _, err = run("train_charlm.lua", "--data", more, "--out",
      dir .. "/chars", "--init-from", out .. "/best.safetensors")
    assert.equal(3, code)
    assert.truthy(err:find("its --tokenizer is word, this is for char, " ..
                           "byte, grapheme", 1, true), err)
  end)

  it("knows which options go together", function()
    local function fails(code, message, ...)
      local got, _, err = train(dir .. "/wrong", ...)
      assert.equal(code, got, err)
      assert.truthy(err:find(message, 1, true), err)
      assert.equal(1, select(2, err:gsub("\n", "")), err)
    end
    fails(2, "--tied needs --embed 8, as --hidden, got 5", "--embed", "5")
    fails(2, "--dropout and --dropout-out", "--dropout", "0.1",
          "--dropout-out", "0.1")
    fails(2, "--softmax adaptive has tables of its own: leave out --tied",
          "--softmax", "adaptive", "--tied")
    fails(2, "--cutoffs needs --softmax adaptive", "--cutoffs", "5")
    fails(2, "--cutoffs must be integers such as 2000,10000, got '5;6'",
          "--softmax", "adaptive", "--cutoffs", "5;6")
    fails(2, "--cutoffs must be increasing ids below 29, got 50 at 1",
          "--softmax", "adaptive", "--cutoffs", "50")
    fails(2, "with 2 clusters needs --hidden 16, got 8", "--softmax",
          "adaptive", "--cutoffs", "5,10")
    fails(2, "--softmax adaptive does not fit", "--softmax", "adaptive",
          "--init-from", out .. "/best.safetensors")
    fails(2, "--optim adam has no --momentum", "--optim", "adam",
          "--momentum", "0.9")
    fails(2, "--optim sgd has no --average-patience", "--average-patience",
          "3")
    fails(2, "--optim lion has no --average-from", "--optim", "lion",
          "--average-from", "3")
    fails(3, "valid.no: No such file", "--valid-data", "valid.no")
    local code, _, err = run("train_wordlm.lua", "--data", data, "--out",
      dir .. "/wrong", "--valid-data", write("short.txt", "the"))
    assert.equal(3, code)
    assert.truthy(err:find("short.txt: is too short", 1, true), err)
    local help
    code, help = run("train_wordlm.lua", "--help")
    assert.equal(0, code)
    assert.truthy(help:find("--weight-drop", 1, true), help)
  end)

  for _, optim in ipairs {"sgd", "asgd", "adagrad", "adadelta", "rmsprop",
                          "adam", "adamw", "adamax", "nadam", "radam",
                          "lion"} do
    it("takes the rule " .. optim, function()
      local folder = dir .. "/optim-" .. optim
      local code, _, err = train(folder, "--optim", optim, "--lr", "0.01",
        "--steps", "4", "--ema", "0.9", "--sample-length", "0",
        "--schedule", "constant")
      assert.equal(0, code, err)
      code, _, err = train(folder, "--resume", "--steps", "6")
      assert.equal(0, code, err)
    end)
  end
end)

-- }==
