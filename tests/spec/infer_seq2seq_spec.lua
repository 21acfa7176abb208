-- Translations by the library for inference: the same as rnn.translate's.

local rnn = require "rnn"
local core = require "rnn.core"
local damage = require "tests.damage"
local sandbox = require "tests.sandbox"
local seq2seq = require "rnn.models.seq2seq"
local units = require "rnn.data.units"

local dir = sandbox.dir

teardown(sandbox.remove)

-- {== Models ==

local WORDS = {"la", "casa", "es", "muy", "alta", "y", "vieja", "no"}

local PAIRS = {}
for i = 1, 40 do
  local source, target = {}, {}
  for k = 1, 1 + i % 5 do
    source[k] = WORDS[1 + (i * k) % #WORDS]
    target[#target + 1] = "x" .. (i + k) % 9
  end
  PAIRS[i] = {source = source, target = target}
end

---A model with weights that are not small, in a file.
local function model_of(config, known)
  known = known or {}
  local learnt = assert(seq2seq.learn(known.pairs or PAIRS, known))
  local o = {embed = 6, hidden = 8}
  for name, value in pairs(config) do o[name] = value end
  rnn.seed(config.seed or 3)
  o.seed = nil
  local m = seq2seq.build(learnt, o)
  for _, p in ipairs(rnn.parameters(m)) do
    core.fill_uniform(p, -0.7, 0.7)
  end
  local path = dir .. "/model.safetensors"
  assert(rnn.save(path, m, seq2seq.describe(learnt)))
  return m, path
end

-- }==

-- {== Running ==

local DEFAULT = {width = 5, n = 1, normalise = "gnmt", alpha = 0.6, beta = 0,
                 min_length = 0, ratio = 2, length = 10, unknown = "keep"}

local function options_of(o)
  local all = {}
  for name, value in pairs(DEFAULT) do all[name] = value end
  for name, value in pairs(o) do all[name] = value end
  return all
end

local function program(path, command, input, precision)
  return sandbox.shell(("%s/infer_sequences %s %s %s"):format(sandbox.build,
                       sandbox.quote(path), command, precision or ""), input)
end

local function numbers(text)
  local list = {}
  for x in text:gmatch "%S+" do list[#list + 1] = tonumber(x) end
  return list
end

---What the library makes of lines: for each a list of results.
local function translated(path, o, lines, command, precision)
  o = options_of(o)
  local head = ("%d %d %s %.17g %.17g %d %.17g %d %d %d\n"):format(
    o.width, o.n, o.normalise, o.alpha, o.beta, o.min_length, o.ratio,
    o.length, o.unknown == "copy" and 1 or 0, o.attention and 1 or 0)
  local code, out, wrong = program(path, command, head ..
                                   table.concat(lines, "\n") .. "\n",
                                   precision)
  assert.equal(0, code, wrong)
  local all, next_line = {}, out:gmatch "([^\n]*)\n"
  for i = 1, #lines do
    local results = {}
    for k = 1, assert(tonumber(next_line())) do
      local score, logp, stopped, text =
        next_line():match "^(%S+) (%S+) (%S+) (.*)$"
      local tokens = {}
      local list = next_line()
      for token in (list == "" and "" or list .. "\t"):gmatch "([^\t]*)\t" do
        tokens[#tokens + 1] = token
      end
      results[k] = {score = tonumber(score), logp = tonumber(logp),
                    stopped = stopped, text = text, tokens = tokens,
                    attention = numbers(next_line())}
    end
    all[i] = results
  end
  return all
end

local function near(want, got, what)
  assert.is_true(math.abs(want - got) <= 1e-5 * (1 + math.abs(want)),
                 ("%s: %.9g, got %.9g"):format(what, want, got))
end

local function same(want, got, o)
  assert.equal(#want, #got)
  for k, w in ipairs(want) do
    assert.same(w.tokens, got[k].tokens)
    assert.equal(w.stopped, got[k].stopped)
    near(w.score, got[k].score, "score")
    near(w.logp, got[k].logp, "log p")
    local flat = o.attention and w.attention:reshape {-1}:totable() or {}
    assert.equal(#flat, #got[k].attention)
    for i, x in ipairs(flat) do near(x, got[k].attention[i], "attention") end
  end
end

local SOURCES = {{"la", "casa"}, {"no"}, {}, {"muy", "nada", "y", "<s>", "la",
                 "vieja", "casa"}, {"nada", "de", "nada"}}

---Compares lists of tokens.
local function compare(m, path, o)
  local lines = {}
  for i, tokens in ipairs(SOURCES) do lines[i] = table.concat(tokens, "\t") end
  local got = translated(path, o, lines, "tokens")
  for i, want in ipairs(rnn.translate(m, SOURCES, o)) do
    same(want, got[i], o)
  end
end

-- }==

local VARIANTS = {
  {}, {cell = "lstm"}, {layers = 3, cell = "lstm"}, {layers = 2},
  {encoder = "forward", attention = "dot"},
  {encoder = "forward", attention = "none", cell = "lstm", layers = 2},
  {attention = "none", layers = 2}, {attention = "general"},
  {attention = "dot", encoder_hidden = 4}, {attention = "scaled",
   encoder_hidden = 4, cell = "lstm"},
  {attention = "multihead", heads = 4}, {attention = "multihead", heads = 1,
   encoder_hidden = 4}, {feed = true}, {feed = true, cell = "lstm", layers = 2,
   attention = "general"}, {tied = true}, {tied = true, feed = true,
   attention = "multihead", heads = 2}, {tied = true, attention = "none",
   embed = 8}, {dropout = 0.3, layers = 2, cell = "lstm"},
  {encoder_hidden = 3, hidden = 21, embed = 40},
}

describe("translations by the library", function()
  for i, config in ipairs(VARIANTS) do
    local names = {}
    for name, value in pairs(config) do
      names[#names + 1] = name .. " " .. tostring(value)
    end
    table.sort(names)
    it("are those of the model: " .. table.concat(names, ", "), function()
      local m, path = model_of(config, {shared_vocab = i % 3 == 0})
      compare(m, path, {attention = m.attention ~= nil})
      compare(m, path, {width = 1})
    end)
  end

  it("go by all options of a search", function()
    local m, path = model_of {seed = 5}
    for _, o in ipairs {
      {width = 3, n = 3}, {width = 8, n = 4, alpha = 0}, {alpha = 1.7, n = 2},
      {normalise = "length", alpha = 0.8, n = 5}, {beta = 0.4, n = 3},
      {min_length = 4}, {min_length = 100, ratio = 1, length = 0},
      {ratio = 0, length = 0}, {ratio = 0.5, length = 1, n = 2},
      {unknown = "copy"}, {unknown = "copy", attention = true, n = 5},
      {width = 60, n = 60, length = 2},
    } do
      compare(m, path, o)
    end
  end)

  it("cut texts as training did", function()
    for i, unit in ipairs {"words", "chars", "jamo"} do
      local texts = {"la  casa\tes", "", "  no ", "a한국b각", "\xff x",
                     "x\xe2\x82", "él"}
      local list = {}
      for k, text in ipairs {"la casa es alta", "한국", "él a b c"} do
        list[k] = {source = units.of(text, unit),
                   target = units.of(text, i > 1 and "chars" or "words")}
      end
      local m, path = model_of({seed = 9}, {
        pairs = list, source_units = unit,
        target_units = i > 1 and "chars" or "words"})
      local got = translated(path, {n = 2}, texts, "texts")
      local between = i > 1 and "" or " "
      for k, text in ipairs(texts) do
        local tokens = units.of(text, unit)
        local want = #tokens > 0 and rnn.translate(m, {tokens}, {n = 2})[1] or
                     {}
        same(want, got[k], {})
        for j, w in ipairs(want) do
          assert.equal(table.concat(w.tokens, between), got[k][j].text)
        end
      end
    end
  end)

  it("are near those of full precision", function()
    local m, path = model_of {seed = 2, hidden = 32, embed = 16}
    local want = rnn.translate(m, {{"la", "casa"}}, {length = 3})[1][1]
    for _, precision in ipairs {"bf16", "int8"} do
      local got = translated(path, {length = 3}, {"la\tcasa"}, "tokens",
                             precision)[1][1]
      assert.is_true(math.abs(got.score - want.score) < 0.2,
                     ("%s: %g, %g"):format(precision, want.score, got.score))
    end
  end)

  it("refuse options that make no sense", function()
    local _, path = model_of {attention = "none"}
    local function refused(text, o)
      o = options_of(o)
      local head = ("%d %d %s %g %g %d %g %d %d 0\n"):format(
        o.width, o.n, o.normalise, o.alpha, o.beta, o.min_length, o.ratio,
        o.length, o.unknown == "copy" and 1 or 0)
      local _, out = program(path, "texts", head .. "x\n")
      assert.truthy(out:find("^%-2 ") and out:find(text, 1, true), out)
    end
    refused("'width'", {width = 0})
    refused("'n' must be from 1 to 'width', 5, got 6", {n = 6})
    refused("'normalise'", {normalise = "both"})
    refused("0 or more", {alpha = -1})
    refused("0 or more", {min_length = -1})
    refused("0 or more", {ratio = 0 / 0})
    refused("smaller 'ratio'", {ratio = 1e300})
    refused("need a model with attention", {beta = 1})
    refused("need a model with attention", {unknown = "copy"})
  end)
end)

describe("a damaged file", function()
  for i, config in ipairs {{cell = "lstm", layers = 2}, {feed = true},
                           {attention = "multihead", heads = 2, tied = true}} do
    it(("is refused, or runs: %d"):format(i), function()
      local _, path = model_of(config, {shared_vocab = i == 3})
      local keys = i == 3 and {"seq2seq", "vocabulary"} or
                   {"seq2seq", "vocabulary.source", "vocabulary.target"}
      for _, line in ipairs(damage.run(path, keys)) do
        assert.truthy(line:find "^%-[78] %S" or line:find "^0 runs: fine$",
                      line)
      end
    end)
  end

  it("of scores that are not finite is told", function()
    local m, path = model_of {}
    m.out.bias:fill(0 / 0)
    local ok, wrong = rnn.save(path, m, seq2seq.describe(m:known()))
    assert(ok, wrong)
    local code, _, told = program(path, "texts", "")
    assert.equal(1, code)
    assert.truthy(told:find("not finite", 1, true), told)
  end)
end)

describe("memory that is refused", function()
  it("is told, and nothing is lost", function()
    local _, path = model_of {cell = "lstm", feed = true, layers = 2}
    local code, out, wrong = program(path, "starve")
    assert.equal(0, code, wrong)
    assert.is_true(tonumber(out) > 30)
  end)
end)
