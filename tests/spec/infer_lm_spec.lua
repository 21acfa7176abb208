-- The same model, seed and prompt: the same text from Lua and from the library
-- for inference, for every tokenizer and cell.

local rnn = require "rnn"
local lm = require "rnn.models.lm"
local sandbox = require "tests.sandbox"
local text = require "rnn.text"

local dir, build = sandbox.dir, sandbox.build

local CORPUS = ("The quick brown fox jumps over the lazy dog. " ..
  "Müde Löwen schlafen; d'accord, naïve?\nΑθήνα 東京 e\u{301}te\u{301} " ..
  "👩‍👩‍👧 done.\n"):rep(8)

local TOKENIZERS = {
  {"char", {}}, {"char", {byte_fallback = false}}, {"byte", {}},
  {"char", {normal = "nfc"}}, {"grapheme", {}}, {"bpe", {vocab_size = 300}},
  {"word", {}}, {"word", {lines = true}}, {"word", {split = "unicode"}},
  {"dict", {dictionary = rnn.dict.learn {{"東京", "Löwen"}, {"Αθήνα", "東京"}},
            user = {"naïve"}}},
}

---What the library makes: texts, or nil and its message.
local function infer(path, o)
  local code, out, err = sandbox.shell(("%s/infer_text %s %d %d %s %g %d")
    :format(build, path, o.length, o.seed, o.precision or "full",
            o.temperature or 1, o.n or 1), o.prime)
  if code ~= 0 then return nil, err end
  local texts = {}
  for one in (out .. "\n--\n"):gmatch "(.-)\n%-%-\n" do
    texts[#texts + 1] = one
  end
  return texts
end

local function saved(name, m, tok)
  local path = ("%s/%s.safetensors"):format(dir, name)
  assert(rnn.save(path, m, lm.describe(tok)))
  return path
end

local function same_text(path, o)
  local m, tok = assert(lm.load(path))
  local want = {rnn.generate.sample(m, tok, {
    length = o.length, seed = o.seed, n = o.n or 1, prime = o.prime,
    precision = o.precision, temperature = o.temperature})}
  local got = assert(infer(path, o))
  for i, one in ipairs(want[1]) do assert.equal(one, got[i]) end
  assert.equal(#want[1], #got)
end

describe("the library for inference", function()
  for i, row in ipairs(TOKENIZERS) do
    local name, options = row[1], row[2]
    it(("writes the same with the tokenizer %s, %d"):format(name, i), function()
      local tok = assert(text.tokenizer(name, options):fit(CORPUS))
      rnn.seed(i)
      local m = lm.build {tok = tok, cell = "lstm", embed = 9, hidden = 21,
                          layers = 2}
      local path = saved("tok" .. i, m, tok)
      for _, prime in ipairs {"", "The quick", "Müde Löwen "} do
        same_text(path, {length = 60, seed = 5, prime = prime, n = 3})
      end
      same_text(path, {length = 200, seed = 7, prime = "done.\n",
                       temperature = 0.7})
    end)
  end

  local CELLS = {
    {"lstm", {layers = 3, tied = true, embed = 20, hidden = 20}},
    {"gru", {}}, {"rnn", {layers = 2}},
    {"lstm", {softmax = "adaptive", cutoffs = {6, 20}, hidden = 32}},
  }
  for i, row in ipairs(CELLS) do
    it(("writes the same with the model %s, %d"):format(row[1], i), function()
      local tok = assert(text.tokenizer("char"):fit(CORPUS))
      rnn.seed(10 + i)
      local o = {tok = tok, cell = row[1], embed = 9, hidden = 21, layers = 1,
                 dropout = 0.5, dropout_in = 0.1}
      for k, value in pairs(row[2]) do o[k] = value end
      local path = saved("cell" .. i, lm.build(o), tok)
      for _, precision in ipairs {"full", "bf16", "int8"} do
        same_text(path, {length = 80, seed = 3, prime = "The ", n = 2,
                         precision = precision})
      end
    end)
  end

  it("takes models of no kind by their layers", function()
    local tok = assert(text.tokenizer("char"):fit(CORPUS))
    rnn.seed(3)
    local m = {a = rnn.Embedding(#tok, 6), drop = rnn.Dropout(0.2),
               b = rnn.LSTM(6, 12, {layer_norm = true, peephole = true,
                                    zoneout = 0.1}),
               c = rnn.Linear(12, tok:usable())}
    local path = dir .. "/plain.safetensors"
    assert(rnn.save(path, m, {tokenizer = tok}))
    same_text(path, {length = 80, seed = 9, prime = "Löwen"})
  end)

  it("says what it does not know", function()
    local tok = assert(text.tokenizer("char", {byte_fallback = false})
                       :fit "abc")
    local m = lm.build {tok = tok, cell = "gru", embed = 2, hidden = 3,
                        layers = 1}
    local path = saved("abc", m, tok)
    local texts, why = infer(path, {length = 1, seed = 1, prime = "axb"})
    assert.is_nil(texts)
    assert.truthy(why:find("x", 1, true), why)
    texts, why = infer(dir .. "/none", {length = 1, seed = 1, prime = ""})
    assert.is_nil(texts)
    assert.truthy(why:find("/none: cannot be opened: ", 1, true), why)
  end)

  it("shares a model that Lua has packed", function()
    local tok = assert(text.tokenizer("char"):fit(CORPUS))
    rnn.seed(4)
    local m = lm.build {tok = tok, cell = "gru", embed = 5, hidden = 17,
                        layers = 1}
    local path = saved("packed", m, tok)
    local packed = assert(rnn.pack(path, {precision = "int8"}))
    assert.equal("lm", packed:kind())
    assert.equal(#tok, packed:sizes().ids)
    local o = {length = 50, seed = 2, prime = "The"}
    local want = rnn.generate.sample(m, tok, {
      length = 50, seed = 2, prime = "The", precision = "int8"})
    assert.equal(want, (rnn.generate.sample(packed, tok, o)))
    local nothing, why, code = rnn.pack(dir .. "/none")
    assert.is_nil(nothing)
    assert.equal("EIO", code)
    assert.truthy(why:find("/none: ", 1, true), why)
  end)

  teardown(sandbox.remove)
end)
