-- Scores of text: equal to a single pass and to the loss of cross_entropy,
-- however the text is cut.

local rnn = require "rnn"
local core = require "rnn.core"
local json = require "rnn.json"
local lm = require "rnn.models.lm"
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
