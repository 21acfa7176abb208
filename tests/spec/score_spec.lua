-- Scores of text: equal to a single pass and to the loss of cross_entropy,
-- however the text is cut.

local rnn = require "rnn"
local core = require "rnn.core"
local json = require "rnn.json"
local lm = require "rnn.models.lm"
local raises = require "tests.raises"
local sandbox = require "tests.sandbox"
local score = require "rnn.score"
local text = require "rnn.text"

local CORPUS = ("\u{4EBA}\u{4E4B}\u{521D}, caf\u{E9} au lait;\n" ..
                "\u{6027}\u{672C}\u{5584}. abcdefgh\n"):rep(40)

local function new_model(kind, o)
  rnn.seed(3)
  local tok = text.tokenizer(kind, o):fit(CORPUS)
  return lm.build {tok = tok, cell = "gru", embed = 8, hidden = 12,
                   layers = 2}, tok
end

local function near(a, b, bound)
  assert.is_true(math.abs(a - b) <= bound, a .. " is not " .. b)
end

describe("a score", function()
  local model, tok = new_model "char"

  it("is the loss of cross_entropy after a new line", function()
    local ids = tok:encode("\n" .. CORPUS)
    local n = #ids - 1
    local loss = rnn.cross_entropy(
      model:forward(ids:slice(1, 1, n):reshape {n, 1}),
      ids:slice(1, 2, n + 1):reshape {n, 1}):item()
    local got = assert(score.text(model, tok, CORPUS))
    assert.equal(n, got.tokens)
    assert.equal(utf8.len(CORPUS), got.chars)
    near(-got.logp / n, loss, 1e-5)
    near(got.perplexity, math.exp(loss), 1e-4)
    near(got.bits_per_char, loss / math.log(2), 1e-5)
    assert.equal(got.bits_per_token, got.bits_per_char)
  end)

  it("has the tokens of a single pass", function()
    local ids = tok:encode("\n" .. CORPUS)
    local n, list, pieces = #ids - 1, {}, {}
    score.text(model, tok, CORPUS, {on_token = function(token, logp)
      list[#list + 1], pieces[#pieces + 1] = logp, token
    end})
    assert.equal(CORPUS, table.concat(pieces))
    local want = model:forward(ids:slice(1, 1, n):reshape {n, 1})
      :log_softmax(3):gather(ids:slice(1, 2, n + 1):reshape {n, 1, 1}, 3)
      :reshape {n}:totable()
    for i = 1, n do near(list[i], want[i], 1e-5) end
  end)

  for _, row in ipairs {
    {"char"}, {"byte"}, {"char", {normal = "nfc"}},
    {"char", {byte_fallback = false}},
  } do
    it("does not depend on where the text is cut: " .. row[1], function()
      local m, t = new_model(row[1], row[2])
      local s = "\u{FEFF}" .. CORPUS:sub(1, 700) .. "cafe\u{301} e"
      if not row[2] then s = CORPUS:sub(1, 700) end
      local options = {unknown = "skip"}
      local want = assert(score.text(m, t, s, options))
      for _, size in ipairs {1, 2, 3, 7, 100, 699} do
        local scorer = score.open(m, t, options)
        for from = 1, #s, size do
          assert(scorer:feed(s:sub(from, from + size - 1)))
        end
        assert.same(want, scorer:finish())
        assert(scorer:feed(s))   -- and again
        assert.same(want, scorer:finish())
      end
    end)
  end

  it("of nothing has no mean", function()
    assert.same({tokens = 0, chars = 0, bytes = 0, logp = 0.0},
                score.text(model, tok, ""))
  end)

  it("takes memory for a chunk, not for the text", function()
    local scorer = score.open(model, tok)
    local function feed(times)
      for _ = 1, times do assert(scorer:feed(CORPUS)) end
      collectgarbage()
      return rnn.memory().live
    end
    local before = feed(2)
    assert.is_true(feed(30) <= before + 4096)
  end)

  it("names what the model does not know, and where", function()
    local scorer = score.open(model, tok)
    assert(scorer:feed "abc\nab")
    local ok, why, code = scorer:feed "c\nx\u{E8}"
    assert.is_nil(ok)
    assert.equal("EFORMAT", code)
    assert.equal("not among the characters of the model: 'x' (U+0078) at " ..
                 "byte 9 (line 3), '\u{E8}' (U+00E8) at byte 10 (line 3); " ..
                 "set 'unknown' to skip to leave them out", why)
    assert.same(score.text(model, tok, "ab"),
                score.text(model, tok, "a\u{E8}b", {unknown = "skip"}))
  end)

  it("does not take the first byte beyond the characters for one", function()
    local got, why = score.text(model, tok, "ab\0")
    assert.is_nil(got)
    assert.truthy(why:find("U+0000 at byte 3 (line 1)", 1, true), why)
    assert.same(score.text(model, tok, "ab"),
                score.text(model, tok, "a\0b", {unknown = "skip"}))
  end)

  it("names bytes that are no UTF-8, and where", function()
    local scorer = score.open(model, tok)
    assert(scorer:feed "abc\na\xC3")
    local ok, why = scorer:feed "b"
    assert.is_nil(ok)
    assert.equal("invalid UTF-8 at byte 6 (line 2)", why)
    scorer:reset()
    assert(scorer:feed "ab\xC3")
    ok, why = scorer:finish()
    assert.is_nil(ok)
    assert.equal("invalid UTF-8 at byte 3 (line 1)", why)
    assert.equal(2, score.text(model, tok, "a\xFFb", {
      invalid = "replace", unknown = "skip"}).tokens)
    local bytes, its = new_model "byte"
    assert.equal(3, score.text(bytes, its, "a\xFFb").tokens)
  end)

  it("is not told of a model that has diverged", function()
    local broken, its = new_model "char"
    core.set(broken.out.bias, 1, 0 / 0)
    for _, s in ipairs {"abc", CORPUS} do
      local got, why = score.text(broken, its, s)
      assert.is_nil(got)
      assert.truthy(why:find "^the logits are not finite")
    end
  end)
end)

describe("a cache", function()
  ---Log-probabilities of the tokens of a text, by the definition.
  local function reference(model, tok, s, n, theta, lambda)
    local ids = tok:encode("\n" .. s):totable()
    local x = rnn.ids(ids):reshape {#ids, 1}
    local h = model:hidden(x):reshape {#ids, -1}:totable()
    local logp = model:forward(x):log_softmax(3):reshape {#ids, -1}:totable()
    local list = {}
    for t = 1, #ids - 1 do
      local all, same = 0.0, 0.0
      for i = math.max(1, t - n), t - 1 do
        local dot = 0.0
        for k, a in ipairs(h[t]) do dot = dot + a * h[i][k] end
        local weight = math.exp(theta * dot)
        all = all + weight
        if ids[i + 1] == ids[t + 1] then same = same + weight end
      end
      local p = math.exp(logp[t][ids[t + 1]])
      list[t] = math.log(t == 1 and p or
                         (1 - lambda) * p + lambda * same / all)
    end
    return list
  end

  local function logs(model, tok, s, cache)
    local list = {}
    local sum = assert(score.text(model, tok, s, {
      cache = cache, on_token = function(_, logp) list[#list + 1] = logp end}))
    return list, sum
  end

  local s = CORPUS:sub(1, 900)
  local models = {char = {new_model "char"}, byte = {new_model "byte"}}
  rnn.seed(5)
  local words = text.tokenizer "word":fit(CORPUS)
  models.tied = {lm.build {tok = words, cell = "lstm", embed = 12, hidden = 12,
                           layers = 2, tied = true}, words}
  models.adaptive = {lm.build {tok = words, cell = "rnn", embed = 5,
                     hidden = 8, layers = 1, softmax = "adaptive"}, words}

  for name, pair in pairs(models) do
    it("is that of the definition: " .. name, function()
      local model, tok = pair[1], pair[2]
      local text_of = pair[2] == words and CORPUS or s
      for _, o in ipairs {{1, 0.5, 0.5}, {40, 2.0, 0.3}, {255, 0.0, 0.1},
                          {256, 1.0, 0.9}, {300, 0.66, 0.1}, {5000, 3, 0.2}} do
        local n, theta, lambda = table.unpack(o)
        local got = logs(model, tok, text_of, {size = n, theta = theta,
                                               lambda = lambda})
        local want = reference(model, tok, text_of, n, theta, lambda)
        assert.equal(#want, #got)
        assert.is_true(#got > 300)
        for i, x in ipairs(want) do near(got[i], x, 1e-4) end
      end
    end)
  end

  it("without weight is none", function()
    local model, tok = table.unpack(models.char)
    local plain = logs(model, tok, s)
    for i, x in ipairs(logs(model, tok, s, {lambda = 0})) do
      near(x, plain[i], 1e-12)
    end
  end)

  it("makes what is repeated likelier", function()
    local model, tok = table.unpack(models.char)
    local _, plain = logs(model, tok, s)
    local _, cached = logs(model, tok, s, {size = 200, theta = 50,
                                           lambda = 0.5})
    assert.is_true(cached.perplexity < 0.9 * plain.perplexity)
  end)

  it("does not depend on where the text is cut, nor on one before", function()
    local model, tok = table.unpack(models.char)
    local scorer = score.open(model, tok, {cache = {size = 100}})
    local _, want = logs(model, tok, s, {size = 100})
    for size = 97, 700, 200 do
      for from = 1, #s, size do
        assert(scorer:feed(s:sub(from, from + size - 1)))
      end
      assert.same(want, scorer:finish())
    end
  end)

  it("survives what has no chance at all", function()
    local model, tok = new_model "char"
    core.set(model.out.bias, tok:encode "e":totable()[1], -3000)
    local got = logs(model, tok, "eaee", {size = 4, lambda = 0.5, theta = 0})
    assert.is_true(got[1] < -2000 and got[2] > -10)
    near(got[3], math.log(0.5 * 0.5), 1e-6)
    near(got[4], math.log(0.5 * 2 / 3), 1e-6)
  end)

  it("takes memory for its window, not for the text", function()
    local model, tok = table.unpack(models.char)
    local scorer = score.open(model, tok, {cache = {size = 300}})
    local function feed(times)
      for _ = 1, times do assert(scorer:feed(CORPUS)) end
      collectgarbage()
      return rnn.memory().live
    end
    local before = feed(3)
    assert.is_true(feed(30) <= before + 4096)
  end)

  it("says what is wrong with its options", function()
    local model, tok = table.unpack(models.char)
    for message, cache in pairs {
      ["cache: 'size' must be an integer >= 1, got 0"] = {size = 0},
      ["cache: 'theta' must be 0 or more, got -1"] = {theta = -1},
      ["cache: 'lambda' must be from 0 to below 1, got 1"] = {lambda = 1},
      ["cache: unknown option 'n'"] = {n = 3},
    } do
      raises.with(message, score.open, model, tok, {cache = cache})
    end
    raises.with("'cache' needs a model with model:hidden", score.open,
                {forward = model.forward}, tok, {cache = {}})
    local broken, its = new_model "char"
    core.set(broken.out.bias, 1, 0 / 0)
    local got, why = score.text(broken, its, s, {cache = {}})
    assert.is_nil(got)
    assert.truthy(why:find "^the logits are not finite")
  end)
end)

describe("score.lua", function()
  local model, tok = new_model "char"
  local path = sandbox.dir .. "/model.safetensors"
  assert(rnn.save(path, model, lm.describe(tok)))
  teardown(sandbox.remove)

  ---Runs the script on text from stdin; returns exit code, stdout, stderr.
  local function run(input, options)
    return sandbox.shell(("%s scripts/score.lua %s - %s"):format(
      sandbox.quote(sandbox.program), sandbox.quote(path), options or ""),
      input)
  end

  ---Rows of a table: {column = cell}.
  local function rows(out)
    local names, list = nil, {}
    for line in out:gmatch "([^\n]*)\n" do
      local cells = {}
      for cell in (line .. "\t"):gmatch "([^\t]*)\t" do
        cells[#cells + 1] = cell
      end
      if not names then
        names = cells
      else
        list[#list + 1] = {}
        for i, name in ipairs(names) do list[#list][name] = cells[i] end
      end
    end
    return list
  end

  it("scores a text that is longer than a block", function()
    local long = CORPUS:rep(40)
    local want = score.text(model, tok, long)
    local code, out, err = run(long)
    assert.equal(0, code, err)
    local row = rows(out)[1]
    assert.equal("stdin", row.file)
    assert.equal(want.tokens, tonumber(row.tokens))
    for _, name in ipairs {"logp", "bits_per_char", "perplexity"} do
      near(tonumber(row[name]), want[name], 1e-6 * math.abs(want[name]))
    end
    code, out = run(long, "--json")
    assert.equal(0, code)
    want.file = "stdin"
    local got = json.decode(out)
    for name, value in pairs(want) do assert.equal(value, got[name], name) end
    local file = sandbox.write("long.txt", long)
    code, out = sandbox.shell(("%s scripts/score.lua %s %s"):format(
      sandbox.program, path, file))
    assert.equal(0, code)
    assert.equal(file, rows(out)[1].file)
    assert.equal(row.logp, rows(out)[1].logp)
  end)

  it("scores each token", function()
    local sum = 0.0
    local code, out = run("cab\n\u{E9}", "--tokens")
    assert.equal(0, code)
    local list = rows(out)
    for i, token in ipairs {"c", "a", "b", "\\n", "\u{E9}"} do
      assert.equal(token, list[i].token)
      near(tonumber(list[i].logp), -math.log(2) * tonumber(list[i].bits), 1e-6)
      sum = sum + tonumber(list[i].logp)
    end
    near(sum, score.text(model, tok, "cab\n\u{E9}").logp, 1e-6)
    code, out = run("cab\n\u{E9}", "--tokens --json")
    assert.equal(0, code)
    local i = 0
    for line in out:gmatch "[^\n]+" do
      i = i + 1
      near(json.decode(line).logp, tonumber(list[i].logp), 1e-6)
    end
    assert.equal(5, i)
  end)

  it("scores each line by itself", function()
    local code, out = run("cab\n\nabc \u{4EBA}\ncab", "--lines")
    assert.equal(0, code)
    local list = rows(out)
    assert.equal(4, #list)
    for i, line in ipairs {"cab", "", "abc \u{4EBA}", "cab"} do
      local want = score.text(model, tok, line)
      assert.equal(line, list[i].text)
      assert.equal(tostring(want.tokens), list[i].tokens)
      near(tonumber(list[i].logp), want.logp, 1e-6)
      assert.equal(line == "", list[i].perplexity == "")
    end
    assert.same(list[1], list[4])
  end)

  it("has a cache for each text, each line", function()
    local s = CORPUS:sub(1, utf8.offset(CORPUS, 500) - 1)
    local o = {cache = {size = 50, theta = 1.5, lambda = 0.2}}
    local options = "--cache 50 --cache-theta 1.5 --cache-lambda 0.2"
    local want = score.text(model, tok, s, o)
    local code, out, err = run(s, options)
    assert.equal(0, code, err)
    near(tonumber(rows(out)[1].logp), want.logp, 1e-4)
    code, out, err = run("abcabc\nabcabc\n", options .. " --lines")
    assert.equal(0, code, err)
    want = score.text(model, tok, "abcabc", o).logp
    near(tonumber(rows(out)[1].logp), want, 1e-6)
    near(tonumber(rows(out)[2].logp), want, 1e-6)
    local sum = 0.0
    code, out, err = run("abcabc", options .. " --tokens")
    assert.equal(0, code, err)
    for _, row in ipairs(rows(out)) do sum = sum + tonumber(row.logp) end
    near(sum, want, 1e-6)
    code, out, err = run("a", "--cache-theta 1")
    assert.equal("", out)
    assert.equal(2, code)
    assert.truthy(err:find("--cache-theta needs --cache N", 1, true), err)
  end)

  it("refuses what it cannot score, in one line", function()
    for input, row in pairs {
      ["ab\nZ"] = {"", "'Z' (U+005A) at byte 4 (line 2); use --unknown skip"},
      ["ab\n\xFF"] = {"", "stdin: invalid UTF-8 at byte 4 (line 2); use"},
      ["ab\nZ\n"] = {"--lines", "stdin: line 2: not among"},
    } do
      local code, _, err = run(input, row[1])
      assert.equal(3, code)
      assert.truthy(err:find(row[2], 1, true), err)
      assert.equal(1, select(2, err:gsub("\n", "")))
    end
    local code, out = run("ab\nZ\xFF", "--unknown skip --invalid replace")
    assert.equal(0, code)
    assert.equal("3", rows(out)[1].tokens)
    assert.equal(2, (run("", "--lines --tokens")))
    code = sandbox.shell(("%s scripts/score.lua %s %s/none"):format(
      sandbox.program, path, sandbox.dir))
    assert.equal(3, code)
  end)
end)
