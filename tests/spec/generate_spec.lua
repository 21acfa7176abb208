-- Text from models: every option against a plain reference, texts side by side,
-- texts that go on through a file, beam search against all sequences there are.

local rnn = require "rnn"
local core = require "rnn.core"
local lm = require "rnn.models.lm"
local sandbox = require "tests.sandbox"
local stops = require "rnn.stops"
local text = require "rnn.text"

local CHINESE = "\u{4EBA}\u{4E4B}\u{521D}\u{FF0C}\u{6027}\u{672C}\u{5584}" ..
                "\u{3002}\u{6027}\u{76F8}\u{8FD1}\u{FF0C}\u{4E60}\u{76F8}" ..
                "\u{8FDC}\u{3002}\n"

teardown(sandbox.remove)

---A model that knows nothing, with wide scores so that it does not dither.
local function new_model(corpus, o)
  o = o or {}
  rnn.seed(o.seed or 3)
  local before = rnn.default_dtype()
  rnn.default_dtype(o.dtype or "float32")
  local tok = text.tokenizer(o.tokenizer or "char", {normal = o.normal})
              :fit(corpus)
  local model = lm.build {tok = tok, cell = o.cell or "lstm", embed = 6,
                          hidden = 10, layers = o.layers or 2}
  model.out.weight:copy(model.out.weight * 6.0)
  rnn.default_dtype(before)
  return model, tok
end

local function raises(expected, f, ...)
  local ok, why = pcall(f, ...)
  assert.is_false(ok, "nothing was raised; expected: " .. expected)
  assert.truthy(tostring(why):find(expected, 1, true), why)
end

local function refuses(expected, value, why, code)
  assert.is_nil(value)
  assert.truthy(why:find(expected, 1, true), why)
  assert.equal("EFORMAT", code)
end

local ALL = {temperature = 0.9, top_k = 9, top_p = 0.95, min_p = 0.01,
             penalty = 1.3, window = 5}

local function with(more, base)
  local o = {}
  for name, value in pairs(base or ALL) do o[name] = value end
  for name, value in pairs(more) do o[name] = value end
  return o
end

local KINDS = {
  {"through a stepper", {}},
  {"through the layers", {dtype = "float64"}},
}

for _, kind in ipairs(KINDS) do
  describe("text " .. kind[1], function()
    local model, tok = new_model(CHINESE .. "abcdefgh ", kind[2])

    local function sample(o, ...)
      local s, made, code = rnn.generate.sample(model, tok, o, ...)
      return s, made, code
    end

    it("is the same for the same seed, and the generator is left alone",
       function()
      rnn.seed(5)
      local state = rnn.random_state()
      local a, made = sample(with {seed = 4, length = 50})
      assert.equal(state, rnn.random_state())
      assert.equal(a, (sample(with {seed = 4, length = 50})))
      assert.not_equal(a, (sample(with {seed = 5, length = 50})))
      assert.same({{text = a, tokens = 50, stopped = "length", seed = 4}},
                  made)
    end)

    it("without a seed follows rnn.seed", function()
      local function two()
        return (sample {length = 20}) .. "|" .. (sample {length = 20})
      end
      rnn.seed(8)
      local a = two()
      rnn.seed(8)
      assert.equal(a, two())
      local first, second = a:match "^(.-)|(.*)$"
      assert.not_equal(first, second)
      rnn.seed(8)
      local _, made = sample {length = 20}
      assert.equal(first, (sample {length = 20, seed = made[1].seed}))
    end)

    it("comes in batches of texts that are those made alone", function()
      for _, o in ipairs {{}, ALL, {stop = {"a", "\u{3002}"}}} do
        local texts = sample(with({n = 5, seed = 7, length = 40,
                                   prime = "ab"}, o))
        assert.equal(5, #texts)
        for i, s in ipairs(texts) do
          assert.equal(s, (sample(with({seed = 6 + i, length = 40,
                                        prime = "ab"}, o))))
        end
      end
    end)

    it("is handed on in pieces of valid UTF-8", function()
      local pieces = {"", "", ""}
      local texts = sample(with {n = 3, length = 60, on_text = function(s, i)
        assert.truthy(s ~= "" and utf8.len(s))
        pieces[i] = pieces[i] .. s
      end})
      assert.same(texts, pieces)
    end)

    it("ends before a stop string, as the whole text cut there", function()
      local whole = sample {seed = 2, length = 200}
      for from = 3, 30, 7 do
        local stop = whole:sub(utf8.offset(whole, from),
                               utf8.offset(whole, from + 3) - 1)
        local pieces = ""
        local s, made = sample {seed = 2, length = 200, stop = stop,
                                on_text = function(p) pieces = pieces .. p end}
        assert.equal(whole:sub(1, whole:find(stop, 1, true) - 1), s)
        assert.equal(s, pieces)
        assert.equal("stop", made[1].stopped)
        assert.equal(utf8.len(s) + 3, made[1].tokens)
      end
    end)

    it("goes on exactly, in memory and through a file", function()
      for _, o in ipairs {{}, ALL, {stop = "\u{6027}"}} do
        local path = sandbox.dir .. "/talk.state"
        local function talk(between)
          local s = assert(rnn.generate.open(model, tok,
                                             with({seed = 9, prime = "ab"},
                                                  o)))
          local parts = {}
          for turn = 1, 4 do
            parts[#parts + 1] = s:make(17)[1].text
            s = between(s)
            assert(s:feed(turn == 2 and "cde" or ""))
          end
          return table.concat(parts, "|")
        end
        local whole = talk(function(s) return s end)
        assert.equal(whole, talk(function(s)
          return assert(rnn.generate.open(model, tok,
                                          with({state = s:state()}, o)))
        end))
        assert.equal(whole, talk(function(s)
          assert(rnn.generate.save(path, model, s:state()))
          s:close()
          local state = assert(rnn.generate.load(path, model))
          return assert(rnn.generate.open(model, tok, with({state = state},
                                                           o)))
        end))
      end
    end)

    it("refuses a state of another model, and one that is damaged", function()
      local path = sandbox.dir .. "/other.state"
      local s = rnn.generate.open(model, tok, {seed = 1})
      local state = s:state()
      assert(rnn.generate.save(path, model, state))
      local other = new_model(CHINESE .. "abcdefgh ", with({seed = 4},
                                                           kind[2]))
      refuses("is the state of another model", rnn.generate.load(path, other))
      assert(rnn.save(path, model, lm.describe(tok)))
      refuses("holds no state", rnn.generate.load(path, model))
      assert(rnn.generate.save(path, other, state))
      refuses("is the state of another model", rnn.generate.load(path, model))
      for name, wrong in pairs {
        h = rnn.zeros {2, 1, 11}, logits = rnn.zeros {1, 3},
        recent = rnn.zeros {1, 3}, rng = {"00"},
      } do
        refuses("state: ", rnn.generate.open(model, tok, {
          state = with({[name] = wrong}, state)}))
      end
      local none = with({}, state)
      none.c = nil
      refuses("state: ", rnn.generate.open(model, tok, {state = none}))
    end)

    it("names what a model cannot read of a prime, or skips it", function()
      refuses("prime: not among the characters of the model: '\u{E9}' " ..
              "(U+00E9) at byte 3, '\u{1F600}' (U+1F600) at byte 5; set " ..
              "'unknown' to skip", sample {prime = "ab\u{E9}\u{1F600}"})
      assert.equal((sample {seed = 1, prime = "ab"}),
                   (sample {seed = 1, prime = "a\u{E9}b\u{1F600}",
                            unknown = "skip"}))
      assert.equal((sample {seed = 1}),
                   (sample {seed = 1, prime = "\u{E9}", unknown = "skip"}))
      raises("'unknown' must be error or skip", sample, {unknown = "no"})
    end)

    it("raises for options that mean nothing", function()
      raises("sample: unknown option 'topk'", sample, {topk = 3})
      raises("'length' must be an integer >= 0, got -1", sample,
             {length = -1})
      raises("'n' must be an integer >= 1, got 0", sample, {n = 0})
      raises("'temperature' must be 0 or more", sample,
             {temperature = 0 / 0, length = 0})
      raises("'top_k' must be an integer", sample, {top_k = 1.5})
      raises("'top_p' must be a number, got string", sample, {top_p = "x"})
      raises("'stop' must be a string", sample, {stop = ""})
      raises("open: unknown option 'length'", rnn.generate.open, model, tok,
             {length = 1})
    end)

    it("is an error when the scores are not finite", function()
      local broken, its = new_model("abc", kind[2])
      core.set(broken.out.bias, 2, 0 / 0)
      for _, o in ipairs {{}, {temperature = 0}, ALL} do
        raises("are not finite", rnn.generate.sample, broken, its, o)
      end
    end)
  end)
end

describe("a text's end", function()
  ---What a watch lets through, by the size of the pieces.
  local function watch(s, list, size)
    local step, shown = stops.watch(list), ""
    for from = 1, #s, size do
      local piece, stopped = step(s:sub(from, from + size - 1))
      shown = shown .. piece
      if stopped then return shown, true end
    end
    return shown .. step(), false
  end

  it("does not depend on the pieces the text comes in", function()
    for s, row in pairs {
      xabcy = {{"bc"}, "xa"}, xaab = {{"ab"}, "xa"}, abab = {{"abc"}, "abab"},
      ["one\ntwo"] = {{"\n", "e\n"}, "on"}, aabaac = {{"aac", "abx"}, "aab"},
      xabcd = {{"abcd", "bc"}, "xa"}, ab = {{"ab"}, ""}, none = {{}, "none"},
    } do
      for size = 1, #s do
        local shown, stopped = watch(s, row[1], size)
        assert.equal(row[2], shown)
        assert.equal(row[2] ~= s, stopped)
      end
    end
  end)

  it("holds back no more than a stop string's beginning", function()
    local step = stops.watch {"\n\nQ"}
    assert.equal("a", step "a")
    assert.equal("", step "\n")
    assert.equal("\nb", step "b")
    assert.equal("c", step "c\n\n")
    assert.equal("\n", step "\n")
    assert.equal("\n\n", step())
  end)
end)

describe("Chinese text", function()
  it("is trained on and made with all options together", function()
    local model, tok = new_model(CHINESE)
    local ids = tok:encode(CHINESE:rep(20))
    local opt = rnn.Adam(rnn.parameters(model), {lr = 1e-2, clip_norm = 5})
    for _ = 1, 12 do
      for x, y in text.batches(ids, {steps = 16, streams = 4}) do
        local tape <close> = rnn.tape()
        tape:backward(rnn.cross_entropy(model:forward(x), y))
        opt:step()
      end
    end
    local texts = rnn.generate.sample(model, tok, with {
      n = 4, seed = 1, length = 100, prime = "\u{4EBA}\u{4E4B}x",
      unknown = "skip", stop = {"\u{8FDC}\u{3002}\n"}, precision = "int8"})
    for _, s in ipairs(texts) do assert.truthy(utf8.len(s)) end
    local rest = CHINESE:sub(7, -2)
    assert.equal(rest, (rnn.generate.sample(model, tok, {
      prime = "\u{4EBA}\u{4E4B}", temperature = 0, stop = "\n"})))
    local best = rnn.generate.beam(model, tok, {
      prime = "\u{4EBA}\u{4E4B}", width = 3, stop = "\n"})
    assert.equal(rest, best[1].text)
    assert.equal("stop", best[1].stopped)
  end)

  it("of bytes is valid wherever it is cut", function()
    local model, tok = new_model(CHINESE, {tokenizer = "byte"})
    for length = 0, 12 do
      for seed = 1, 4 do
        local s = rnn.generate.sample(model, tok, {
          prime = CHINESE, length = length, seed = seed})
        assert.truthy(utf8.len(s))
      end
      for _, one in ipairs(rnn.generate.beam(model, tok, {
        prime = CHINESE, length = length, width = 2, n = 2})) do
        assert.truthy(utf8.len(one.text))
      end
    end
  end)

  it("reads a prime in the tokenizer's normal form", function()
    local model, tok = new_model("caf\u{E9} ", {normal = "nfc"})
    assert.equal(
      (rnn.generate.sample(model, tok, {prime = "\u{E9}", seed = 1})),
      (rnn.generate.sample(model, tok, {prime = "e\u{301}", seed = 1})))
    local s = rnn.generate.sample(model, tok, {stop = "e\u{301}", seed = 1})
    assert.falsy(s:find("\u{E9}", 1, true))
  end)
end)

describe("beam search", function()
  local model, tok = new_model("abcd", {layers = 1})

  ---log P of every sequence of a length by the layers.
  local function all_sequences(length, prime)
    local best = {}
    local function visit(s, logp)
      if utf8.len(s) == length then
        best[#best + 1] = {text = s, logp = logp}
        return
      end
      local ids = tok:encode(prime .. s)
      local y = model:forward(ids:reshape {#ids, 1})
      local row = y:select(1, #ids):log_softmax(2):totable()[1]
      for id = 1, tok:usable() do
        visit(s .. tok:decode {id}, logp + row[id])
      end
    end
    visit("", 0.0)
    table.sort(best, function(a, b) return a.logp > b.logp end)
    return best
  end

  it("finds the likeliest of all sequences when it is wide", function()
    local want = all_sequences(5, "ab")
    local got = rnn.generate.beam(model, tok, {prime = "ab", length = 5,
                                               width = 4 ^ 4, n = 20})
    for i = 1, 20 do
      assert.equal(want[i].text, got[i].text)
      assert.is_true(math.abs(want[i].logp - got[i].logp) < 1e-5)
      assert.equal(5, got[i].tokens)
    end
  end)

  it("counts a stop string, and orders by length penalty", function()
    local want = {}   -- texts that end at the first d, at most 4 long
    for length = 1, 4 do
      for _, one in ipairs(all_sequences(length, "ab")) do
        local at = one.text:find("d", 1, true)
        if at == length or not at and length == 4 then
          want[#want + 1] = {text = one.text:match "^[^d]*",
                             score = one.logp / length ^ 0.7}
        end
      end
    end
    table.sort(want, function(a, b) return a.score > b.score end)
    local got = rnn.generate.beam(model, tok, {
      prime = "ab", length = 4, width = 300, n = 10, stop = "d",
      length_penalty = 0.7})
    for i = 1, 10 do
      assert.equal(want[i].text, got[i].text)
      assert.is_true(math.abs(want[i].score - got[i].logp /
                              got[i].tokens ^ 0.7) < 1e-5)
      assert.equal(#got[i].text == got[i].tokens and "length" or "stop",
                   got[i].stopped)
    end
  end)

  it("of one text is the likeliest token each time", function()
    for _, o in ipairs {{}, {penalty = 1.5, window = 3}} do
      local got = rnn.generate.beam(model, tok, with({width = 1, length = 30},
                                                     o))
      assert.equal((rnn.generate.sample(model, tok, with({temperature = 0,
                                                          length = 30}, o))),
                   got[1].text)
    end
  end)

  it("keeps to what the filters leave", function()
    local greedy = rnn.generate.sample(model, tok, {temperature = 0,
                                                    length = 12})
    for _, o in ipairs {{top_k = 1}, {top_p = 1e-6}, {min_p = 1}} do
      local got = rnn.generate.beam(model, tok, with({width = 3, n = 3,
                                                      length = 12}, o))
      assert.equal(1, #got)
      assert.equal(greedy, got[1].text)
    end
  end)

  it("finds the same through the layers", function()
    local slow, its = new_model("abcd", {layers = 1, dtype = "float64"})
    local fast = lm.build {tok = its, cell = "lstm", embed = 6, hidden = 10,
                           layers = 1}
    for i, p in ipairs(rnn.parameters(slow)) do
      rnn.parameters(fast)[i]:copy(p:to "float32")
    end
    local o = {width = 4, n = 4, length = 8, stop = "b", penalty = 1.2}
    local a = rnn.generate.beam(slow, its, o)
    local b = rnn.generate.beam(fast, its, o)
    for i = 1, 4 do
      assert.equal(a[i].text, b[i].text)
      assert.is_true(math.abs(a[i].logp - b[i].logp) < 1e-4)
    end
  end)

  it("refuses what means nothing", function()
    raises("'n' must be at most 'width', 2, got 3", rnn.generate.beam, model,
           tok, {width = 2, n = 3})
    raises("'temperature' must be above 0", rnn.generate.beam, model, tok,
           {temperature = 0})
    raises("unknown option 'seed'", rnn.generate.beam, model, tok, {seed = 1})
    refuses("prime: ", rnn.generate.beam(model, tok, {prime = "x"}))
    assert.same({{text = "", logp = 0.0, tokens = 0, stopped = "length"}},
                rnn.generate.beam(model, tok, {length = 0}))
  end)
end)
