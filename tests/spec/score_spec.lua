-- Scores of text: equal to a single pass and to the loss of cross_entropy,
-- however the text is cut.

local rnn = require "rnn"
local core = require "rnn.core"
local lm = require "rnn.models.lm"
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
    assert.same({tokens = 0, chars = 0, logp = 0.0},
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
