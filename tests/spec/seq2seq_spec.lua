---The model kind "seq2seq" and rnn.translate: gradients, independence of what
---is beside a text, search against enumeration, files that are not to be
---trusted.
local rnn = require "rnn"
local core = require "rnn.core"
local data = require "rnn.data"
local gradcheck = require "tests.gradcheck"
local json = require "rnn.json"
local new_random = require "tests.random"
local raises = require "tests.raises"
local sandbox = require "tests.sandbox"
local seq2seq = require "rnn.models.seq2seq"
local vocabulary = require "rnn.data.vocabulary"

teardown(sandbox.remove)

-- {== What the tests share ==

local before

local function in_float64()
  before = rnn.default_dtype()
  rnn.default_dtype "float64"
end

local function as_before() rnn.default_dtype(before) end

---Lists of letters, and the same from the last to the first.
local function reversals(n, longest, letters, seed)
  local random, list = new_random(seed or 1), {}
  for i = 1, n do
    local source, target = {}, {}
    for k = 1, random:int(1, longest) do
      source[k] = string.char(96 + random:int(1, letters))
    end
    for k = 1, #source do target[k] = source[#source + 1 - k] end
    list[i] = {source = source, target = target}
  end
  return list
end

---The sources of pairs.
local function sources_of(list)
  local sources = {}
  for i, pair in ipairs(list) do sources[i] = pair.source end
  return sources
end

local PAIRS = reversals(60, 6, 5)

local function copy(t, more)
  local all = {}
  for key, value in pairs(t) do all[key] = value end
  for key, value in pairs(more or {}) do all[key] = value end
  return all
end

---A small model, what it knows, and its options.
local function build(more)
  local config = copy({embed = 5, hidden = 6, encoder_hidden = 3}, more)
  local known = assert(seq2seq.learn(config.pairs or PAIRS, config))
  rnn.seed(7)
  return seq2seq.build(known, config), known, config
end

local function batch_of(m, list)
  return seq2seq.batch(m:encode(list))
end

---Every kind of attention with and without input feeding, and more options.
local KINDS = {
  {attention = "additive"}, {attention = "additive", feed = true},
  {attention = "dot"}, {attention = "dot", feed = true, cell = "lstm"},
  {attention = "general", encoder = "forward"}, {attention = "general",
   feed = true, tied = true}, {attention = "scaled", layers = 2},
  {attention = "scaled", feed = true, layers = 2}, {attention = "multihead",
   heads = 2}, {attention = "multihead", heads = 3, feed = true},
  {attention = "none"}, {attention = "none", cell = "lstm", layers = 2},
  {attention = "none", encoder = "forward", encoder_hidden = 6},
  {attention = "additive", shared_vocab = true, tied = true, cell = "lstm"},
}

local function name_of(kind)
  local parts = {}
  for key, value in pairs(kind) do
    parts[#parts + 1] = key .. "=" .. tostring(value)
  end
  table.sort(parts)
  return table.concat(parts, " ")
end

---The numbers of a tensor agree.
local function same(want, got, tolerance)
  assert.same(want:shape(), got:shape())
  local a, b = want:reshape {-1}:totable(), got:reshape {-1}:totable()
  for i, x in ipairs(a) do assert.near(x, b[i], tolerance or 1e-12) end
end

-- }==

local TEXT = vocabulary.TEXT

---A vocabulary of texts that begin and end.
local function vocabulary_of(list, fields, opts)
  opts = opts or {}
  opts.symbols = TEXT
  return data.vocabulary(list, fields, opts)
end

describe("a vocabulary", function()
  it("has symbols, then the frequent tokens", function()
    local list = {{t = {"b", " ", "a", " "}}, {t = {"c", "a", " ", "é"}},
                  {t = {"<s>", "</s>", "<unk>", "</s>"}}}
    local vocab = assert(vocabulary_of(list, "t"))
    assert.same({"<unk>", "<s>", "</s>", " ", "a", "b", "c", "é"}, vocab.names)
    local ids, unseen = vocab:encode {"é", " ", "z", "<s>", "</s>", "<unk>"}
    assert.same({8, 4, 1, 1, 1, 1}, ids)
    assert.equal(4, unseen)
    assert.same({"é", " ", "<unk>"}, vocab:decode {8, 4, 1})
    assert.equal(5, #vocabulary_of(list, "t", {min_count = 2}))
    assert.same({"<unk>", "<s>", "</s>", " "},
                vocabulary_of(list, "t", {max_size = 4}).names)
    assert.equal(3, #vocabulary_of({}, "t"))
    assert.equal(3, #vocabulary_of {("x"):rep(4097)})
  end)

  it("is of one field, or of several", function()
    local list = {{a = {"x", "y"}, b = {"y", "z"}}}
    assert.same({"<unk>", "<s>", "</s>", "y", "x", "z"},
                vocabulary_of(list, {"a", "b"}).names)
    local known = seq2seq.learn({{source = {"x"}, target = {"y"}}},
                                {shared_vocab = true})
    assert.equal(known.source, known.target)
    assert.equal(5, #known.source)
  end)

  it("has other symbols, or none", function()
    local list = {{"b", "a", "c"}, {"b", "b", "c"}, {"<unk>", "\xFF"}}
    local words = data.vocabulary(list)
    assert.same({"<unk>", "b", "c", "a"}, words.names)
    assert.equal("a vocabulary of 4 tokens", tostring(words))
    assert.same(words.names, data.vocabulary_from(words:spec()).names)
    assert.is_nil(data.vocabulary_from(words:spec(), TEXT))
    local none = data.vocabulary(list, nil, {symbols = {}, max_size = 2})
    assert.same({"b", "c"}, none.names)
    assert.same({1, 0}, (none:encode {"b", "a"}))
    assert.same({"b", "c"}, data.vocabulary_from(none:spec(), {}).names)
  end)

  it("comes back from its description, and from no other", function()
    local vocab = vocabulary_of {"a", " ", '"', "\\", "\0", "\u{1F600}"}
    assert.same(vocab, data.vocabulary_from(vocab:spec(), TEXT))
    for _, bad in ipairs {
      "", "[]", "3", "null", '["<unk>","<s>"]', '["a","b","c"]',
      '["<unk>","<s>","</s>","a","a"]', '["<unk>","<s>","</s>",1]',
      '["<unk>","<s>","</s>","<s>"]', '["<unk>", "<s>", "</s>"]',
      '["<unk>","</s>","<s>"]', '{"1":"<unk>"}', '["<unk>","<s>","</s>",null]',
      '["<unk>","<s>","</s>",["a"]]', vocab:spec() .. " ",
    } do
      local got, message, code = data.vocabulary_from(bad, TEXT)
      assert.is_nil(got, bad)
      assert.truthy(message:find("damaged or missing", 1, true))
      assert.equal("EFORMAT", code)
    end
  end)

  it("tells what it cannot learn", function()
    raises.with("'min_count' must be an integer >= 1", vocabulary_of, {},
                nil, {min_count = 0})
    raises.with("'max_size' must be an integer >= 3", vocabulary_of, {}, nil,
                {max_size = 2})
    assert.equal(3, #vocabulary_of {"\xFF"})
    raises.with("vocabulary: element 1 must have a label", vocabulary_of,
                {{}}, "t")
    assert.is_nil(data.vocabulary_from(nil))
    local list = {}
    for i = 1, 1300 do list[i] = ("x"):rep(4090) .. i end
    local got, message = vocabulary_of(list)
    assert.is_nil(got)
    assert.truthy(message:find("more than a model file can hold", 1, true))
  end)
end)

describe("a batch", function()
  it("has sources that end, and targets that begin and end", function()
    local list = {{source = {"a", "b"}, target = {"c"}},
                  {source = {"a", "?"}, target = {"d", "c", "c"}},
                  {source = {}, target = {}}}
    local m = build {pairs = {list[1]}}
    local items = m:encode(list)
    assert.same({3, 4, 1}, {items[1].size, items[2].size, items[3].size})
    local b = seq2seq.batch(items)
    assert.same({{4, 4, 3}, {5, 1, 3}, {3, 3, 3}}, b.source:totable())
    assert.same({3, 3, 1}, b.lengths)
    assert.same({{2, 2, 2}, {4, 1, 3}, {3, 4, 3}, {3, 4, 3}},
                b.input:totable())
    assert.same({{4, 1, 3}, {3, 4, 0}, {0, 4, 0}, {0, 3, 0}},
                b.output:totable())
    assert.equal(7, b.tokens)
    assert.equal("a", m:known().source.names[4])
  end)

  it("has the first of several targets, or one that is drawn", function()
    local list = {{source = {"a"}, targets = {{"c"}, {"d", "c"}}}}
    local m, known = build {pairs = list}
    assert.same({"<unk>", "<s>", "</s>", "c", "d"}, known.target.names)
    local items, seen = m:encode(list), {}
    assert.equal(3, items[1].size)
    assert.same({{4}, {3}}, seq2seq.batch(items).output:totable())
    rnn.seed(1)
    for _ = 1, 100 do
      local n = seq2seq.batch(items, true).tokens
      seen[n] = (seen[n] or 0) + 1
    end
    assert.equal(100, seen[2] + seen[3])
    assert.is_true(seen[2] > 30 and seen[3] > 30)
  end)

  it("is of lists of tokens", function()
    local m = build()
    raises.with("the target of pair 1 must be a list of tokens, got string",
                m.encode, m, {{source = {}, target = "abc"}})
    raises.with("the source of pair 2 must be a list of tokens, got nil",
                m.encode, m, {{source = {}}, {}})
    assert.is_false(m:encode({{source = {}}})[1].gold)
  end)
end)

describe("a model", function()
  setup(in_float64)
  teardown(as_before)

  for _, kind in ipairs(KINDS) do
    it("has the gradient of its loss: " .. name_of(kind), function()
      local m = build(kind)
      local items = m:encode {PAIRS[1], PAIRS[2], PAIRS[3]}
      local ok, why = gradcheck.check {
        f = function() return (m:loss(items, {smoothing = 0.1})) end,
        params = rnn.parameters(m), seed = 1, sample = 5}
      assert(ok, why)
    end)

    it("knows nothing of what is beside a text: " .. name_of(kind), function()
      local m = build(kind)
      local all, sum, tokens = {table.unpack(PAIRS, 1, 12)}, 0.0, 0
      for _, pair in ipairs(all) do
        local loss, n = m:loss(m:encode {pair})
        sum, tokens = sum + loss:item() * n, tokens + n
      end
      local loss, n = m:loss(m:encode(all))
      assert.equal(tokens, n)
      assert.near(sum / tokens, loss:item(), 1e-12)
      local guesses, total, count = m:predict(m:encode(all))
      assert.equal(tokens, count)
      assert.near(sum, total, 1e-10)
      for i, best in ipairs(rnn.translate(m, sources_of(all), {width = 1})) do
        assert.same(best[1].tokens, guesses[i])
      end
      local together = batch_of(m, all)
      local state = m:read(together.source, together.lengths)
      local few = batch_of(m, {all[5]})
      local alone = m:read(few.source, few.lengths)
      for part, t in pairs(alone) do
        same(t, state[part]:slice(2, 5, 5))
      end
    end)

    it("goes by steps as at once: " .. name_of(kind), function()
      local m, known = build(kind)
      local b = batch_of(m, {table.unpack(PAIRS, 1, 4)})
      local T, N = table.unpack(b.input:shape())
      local first, memory = m:read(b.source, b.lengths)
      local want, last, weights = m:write(b.input, first, memory)
      local state = first
      for t = 1, T do
        local out, w
        out, state, w = m:write(b.input:slice(1, t, t), state, memory)
        same(want:slice(1, t, t), out)
        if weights then
          same(weights:slice(2, t, t), w)
          for n, row in ipairs(w:select(2, 1):totable()) do
            local total = 0.0
            for s, p in ipairs(row) do
              if s > b.lengths[n] then assert.equal(0.0, p) end
              total = total + p
            end
            assert.near(1, total, 1e-12)
          end
        end
        if t == T then same(last.h, state.h) end
      end
      assert.same({T, N, #known.target}, m:scores(want):shape())
      -- two rows for each text, side by side
      local twice = {}
      for part, t in pairs(first) do twice[part] = t:cat(t, 2) end
      local ids = core.ids {{2, 2, 2, 2, 5, 4, 5, 4}}
      local out, _, w = m:write(ids, twice, memory)
      for half = 0, 1 do
        local o, _, v = m:write(ids:slice(2, 4 * half + 1, 4 * half + 4),
                                 first, memory)
        same(o, out:slice(2, 4 * half + 1, 4 * half + 4))
        if w then same(v, w:slice(2, half + 1, half + 1)) end
      end
    end)

    it("comes back from its file: " .. name_of(kind), function()
      local m, known = build(copy(kind, {dropout = 0.25,
                                         target_units = "chars"}))
      local path = sandbox.dir .. "/model.safetensors"
      assert(rnn.save(path, m, seq2seq.describe(known)))
      local back, meta = assert(seq2seq.load(path))
      assert.equal("seq2seq", meta["rnnlua.kind"])
      local its, items = back:known(), m:encode(PAIRS)
      assert.same(known, its)
      assert.equal(rawequal(known.source, known.target),
                   rawequal(its.source, its.target))
      assert.equal(m:loss(items):item(), back:loss(items):item())
      assert.same(rnn.parameters(m).names, rnn.parameters(back).names)
      assert.equal(tostring(m.drop), tostring(back.drop))
    end)
  end

  it("has a loss with smoothing, and the cross entropy", function()
    local m, known = build()
    local items, b = m:encode(PAIRS), batch_of(m, PAIRS)
    local smooth, _, plain = m:loss(items, {smoothing = 0.1})
    assert.equal(m:loss(items):item(), plain:item())
    local state, memory = m:read(b.source, b.lengths)
    local logp = m:scores((m:write(b.input, state, memory))):log_softmax()
    local sum, all, V = 0.0, 0.0, #known.target
    logp = logp:totable()
    for t, row in ipairs(b.output:totable()) do
      for n, id in ipairs(row) do
        if id > 0 then
          sum = sum - logp[t][n][id]
          for v = 1, V do all = all - logp[t][n][v] / V end
        end
      end
    end
    assert.near(sum / b.tokens, plain:item(), 1e-12)
    assert.near((0.9 * sum + 0.1 * all) / b.tokens, smooth:item(), 1e-12)
    raises.with("'sampling' must be from 0 to 1, got 2", m.loss, m, items,
                {sampling = 2})
    raises.with("unknown option 'sample'", m.loss, m, items, {sample = 2})
  end)

  for _, feed in ipairs {false, true} do
    it("reads its own guesses, all or none: feed=" .. tostring(feed),
       function()
      local m = build {feed = feed}
      local items, b = m:encode(PAIRS), batch_of(m, PAIRS)
      local state, memory = m:read(b.source, b.lengths)
      local T, N = table.unpack(b.input:shape())
      local read, rows = b.input[1], {b.input[1]:totable()}
      for t = 1, T - 1 do
        local out
        out, state = m:write(read:reshape {1, N}, state, memory)
        read = m:scores(out):argmax(3)[1]
        rows[t + 1] = read:totable()
      end
      local out = m:write(core.ids(rows), m:read(b.source, b.lengths))
      local guessed = rnn.cross_entropy(m:scores(out), b.output, {ignore = 0})
      assert.near(guessed:item(), m:loss(items, {sampling = 1}):item(),
                  1e-12)
      assert.near(m:loss(items):item(),
                  m:loss(items, {sampling = 1e-300}):item(), 1e-12)
      rnn.seed(3)
      local half = m:loss(items, {sampling = 0.5}):item()
      assert.not_near(m:loss(items):item(), half, 1e-9)
      rnn.seed(3)
      assert.equal(half, m:loss(items, {sampling = 0.5}):item())
      local tape <close> = rnn.tape()
      tape:backward((m:loss(items, {sampling = 0.5})))
      for _, p in ipairs(rnn.parameters(m)) do assert.truthy(p.grad) end
      rnn.SGD(rnn.parameters(m)):zero()
    end)
  end

  it("tells how many parameters it has, before it is made", function()
    for _, kind in ipairs(KINDS) do
      local m, known, config = build(kind)
      local count = 0
      for _, p in ipairs(rnn.parameters(m)) do
        count = count + #p:reshape {-1}
      end
      local size = {source = 5, target = 5, batch = 8}
      local bytes, params = seq2seq.memory(known, config, size, 2)
      assert.equal(count, params)
      size.batch = 16
      assert.is_true(seq2seq.memory(known, config, size, 2) > bytes)
    end
  end)

  it("is refused when it cannot be one", function()
    local function fails(message, more)
      raises.with(message, build, more)
    end
    fails("'attention' dot needs 'hidden' as large as what the encoder " ..
          "gives, 6, got 7", {attention = "dot", hidden = 7})
    fails("'feed' needs attention", {attention = "none", feed = true})
    fails("'heads' must divide 'hidden', 6, got 4", {attention = "multihead"})
    fails("'tied' without attention needs 'embed' as large as 'hidden', " ..
          "6, got 5", {attention = "none", tied = true})
    fails("'attention' must be additive, dot", {attention = "luong"})
    fails("'cell' must be gru or lstm, got 'rnn'", {cell = "rnn"})
    fails("'layers' must be an integer >= 1, got 0", {layers = 0})
    fails("'encoder' must be both or forward", {encoder = "backward"})
    raises.with("'hidden' is missing", seq2seq.build, select(2, build()),
                {embed = 3})
    assert.is_nil(seq2seq.misfit {embed = 4, hidden = 3})
    assert.equal("'feed' needs attention", seq2seq.misfit {
      embed = 4, hidden = 3, attention = "none", feed = true})
  end)
end)

-- {== Search ==

---A model of two letters, whose scores are far apart.
local function toy(more)
  local m = build(copy({pairs = reversals(20, 4, 2), embed = 4}, more))
  local scale = rnn.parameters(m)
  for _, p in ipairs(scale) do p:copy(p * 3) end
  return m
end

---log P of a target, by teacher forcing.
local function logp_of(m, source, target)
  local loss, n = m:loss(m:encode {{source = source, target = target}})
  return -loss:item() * n
end

---All targets of up to so many tokens, with "<unk>"; the best first.
local function enumerate(m, source, most, score)
  local names, all = {"<unk>"}, {}
  local known = m:known().target.names
  table.move(known, 4, #known, 2, names)
  local function visit(tokens)
    local logp = logp_of(m, source, tokens)
    all[#all + 1] = {tokens = tokens, logp = logp,
                     score = score(logp, #tokens + 1)}
    if #tokens == most then return end
    for _, name in ipairs(names) do
      local longer = copy(tokens)
      longer[#longer + 1] = name
      visit(longer)
    end
  end
  visit {}
  table.sort(all, function(a, b) return a.score > b.score end)
  return all
end

---The likeliest token each time.
local function greedy(m, source, most)
  local known = m:known()
  local ids = known.source:encode(source)
  ids[#ids + 1] = 3
  local state, memory = m:read(core.ids(ids):reshape {#ids, 1}, {#ids})
  local tokens, logp, id = {}, 0.0, 2
  while true do
    local out
    out, state = m:write(core.ids {{id}}, state, memory)
    local row = m:scores(out):log_softmax():reshape {-1}:totable()
    id = 3
    for v = 1, #tokens < most and #row or 0 do
      if v ~= 2 and row[v] > row[id] then id = v end
    end
    logp = logp + row[id]
    if id == 3 then return tokens, logp end
    tokens[#tokens + 1] = known.target.names[id]
  end
end

describe("translate", function()
  setup(in_float64)
  teardown(as_before)

  for _, kind in ipairs(KINDS) do
    it("of width 1 takes the likeliest token: " .. name_of(kind), function()
      local m = toy(kind)
      local sources = sources_of(reversals(20, 4, 2, 5))
      sources[#sources + 1] = {}
      for i, best in ipairs(rnn.translate(m, sources, {width = 1})) do
        local most = 2 * #sources[i] + 10
        local tokens, logp = greedy(m, sources[i], most)
        assert.equal(1, #best)
        assert.same(tokens, best[1].tokens)
        assert.near(logp, best[1].logp, 1e-9)
        assert.equal(#tokens == most and "length" or "end", best[1].stopped)
      end
    end)

    it("finds the best of all when it is wide: " .. name_of(kind), function()
      local m = toy(kind)
      for _, o in ipairs {{alpha = 0}, {alpha = 1.5},
                          {alpha = 1, normalise = "length"}} do
        local source = {"a", "b"}
        local all = enumerate(m, source, 3, function(logp, n)
          return logp / (o.normalise and n or (5 + n) / 6) ^ o.alpha
        end)
        local got = rnn.translate(m, {{"b"}, source, {"a", "b", "a"}},
          copy(o, {width = 100, n = 10, ratio = 0, length = 3}))[2]
        assert.equal(10, #got)
        for i, one in ipairs(got) do
          assert.same(all[i].tokens, one.tokens)
          assert.near(all[i].logp, one.logp, 1e-9)
          assert.near(all[i].score, one.score, 1e-9)
          assert.equal(#one.tokens == 3 and "length" or "end", one.stopped)
        end
      end
    end)

    it("does not depend on what is beside: " .. name_of(kind), function()
      local m = toy(kind)
      local sources = sources_of(reversals(17, 6, 2, 9))
      local o = {width = 3, n = 2, attention = kind.attention ~= "none"}
      local together = rnn.translate(m, sources, o)
      local some = rnn.translate(m, sources, copy(o, {batch = 4}))
      for i, source in ipairs(sources) do
        local alone = rnn.translate(m, {source}, o)[1]
        for _, other in ipairs {together[i], some[i]} do
          assert.equal(#alone, #other)
          for k, one in ipairs(alone) do
            assert.same(one.tokens, other[k].tokens)
            assert.near(one.score, other[k].score, 1e-9)
            if o.attention then same(one.attention, other[k].attention) end
          end
        end
      end
    end)
  end

  it("gives the probability of what it gives, the best first", function()
    local m = toy()
    for i, best in ipairs(rnn.translate(m, sources_of(PAIRS),
                                        {width = 5, n = 5})) do
      assert.equal(5, #best)
      for k, one in ipairs(best) do
        if one.tokens[1] then
          assert.near(logp_of(m, PAIRS[i].source, one.tokens), one.logp,
                      1e-9)
        end
        assert.is_true(k == 1 or best[k - 1].score >= one.score)
      end
    end
  end)

  it("keeps to lengths", function()
    local m = toy()
    local sources = {{"a"}, {"a", "b", "b"}, {}}
    local function lengths(o)
      local list = {}
      for i, best in ipairs(rnn.translate(m, sources, o)) do
        list[i] = #best[1].tokens
      end
      return list
    end
    assert.same({0, 0, 0}, lengths {ratio = 0, length = 0})
    assert.same({1, 4, 0}, lengths {ratio = 1.5, length = 0, min_length = 99})
    for _, width in ipairs {1, 3} do
      for i, n in ipairs(lengths {min_length = 4, width = width}) do
        assert.is_true(n >= 4 and n <= 2 * #sources[i] + 10)
      end
    end
  end)

  it("shows its attention, and rewards what covers the source", function()
    local m = toy {feed = true}
    local source = {"a", "b", "a"}
    local o = {width = 100, n = 30, alpha = 0.6, beta = 0.4, attention = true,
               ratio = 0, length = 2}
    local best = rnn.translate(m, {source, {"b"}}, o)[1]
    for k, one in ipairs(best) do
      assert.same({#one.tokens + 1, 4}, one.attention:shape())
      local b = batch_of(m, {{source = source, target = one.tokens}})
      local _, _, weights = m:write(b.input, m:read(b.source, b.lengths))
      same(weights[1], one.attention, 1e-9)
      local cover = 0.0
      for _, x in ipairs(one.attention:sum(1):totable()) do
        cover = cover + math.log(math.min(x, 1))
      end
      local n = #one.tokens + 1
      assert.near(one.logp / ((5 + n) / 6) ^ 0.6 + 0.4 * cover, one.score,
                  1e-9)
      assert.is_true(k == 1 or best[k - 1].score >= one.score)
    end
  end)

  it("copies what it does not know from where it looks", function()
    local m = toy()
    m.out.bias:fill(0)
    core.set(m.out.bias, 1, 50)   -- always "<unk>"
    local source, o = {"a", "new", "b"}, {width = 2, length = 4, ratio = 0}
    local kept = rnn.translate(m, {source, {}}, o)
    assert.same({"<unk>", "<unk>", "<unk>", "<unk>"}, kept[1][1].tokens)
    o.unknown, o.attention = "copy", true
    local copied = rnn.translate(m, {source, {}}, o)
    for t, row in ipairs(copied[1][1].attention:totable()) do
      if t > 4 then break end
      local at = 1
      for s = 2, 3 do if row[s] > row[at] then at = s end end
      assert.equal(source[at], copied[1][1].tokens[t])
    end
    assert.equal("<unk>", copied[2][1].tokens[1])   -- there is none to copy
  end)

  it("never writes where a text begins", function()
    local m = toy()
    core.set(m.out.bias, 2, 50)
    for _, width in ipairs {1, 3} do
      local best = rnn.translate(m, {{"a", "b"}}, {width = width})[1]
      for _, token in ipairs(best[1].tokens) do
        assert.not_equal("<s>", token)
      end
    end
  end)

  it("refuses what means nothing", function()
    local m = toy()
    local function fails(message, o, sources)
      raises.with(message, rnn.translate, m, sources or {{"a"}}, o)
    end
    assert.same({}, rnn.translate(m, {}))
    fails("'n' must be at most 'width', 2, got 3", {width = 2, n = 3})
    fails("'width' must be an integer >= 1, got 0", {width = 0})
    fails("'alpha' must be a number >= 0, got -1", {alpha = -1})
    fails("'beta' must be a number >= 0, got ", {beta = 0 / 0})
    fails("'ratio' must be a number >= 0, got inf", {ratio = math.huge})
    fails("'normalise' must be gnmt or length, got 'no'", {normalise = "no"})
    fails("'unknown' must be keep or copy", {unknown = "drop"})
    fails("unknown option 'beam'", {beam = 3})
    fails("source 2 must be a list of tokens, got string", {}, {{}, "a"})
    local blind = toy {attention = "none"}
    for _, o in ipairs {{beta = 1}, {unknown = "copy"}, {attention = true}} do
      raises.with("need a model with attention", rnn.translate, blind,
                  {{"a"}}, o)
    end
    do
      local _ <close> = rnn.tape()
      fails("close the tape first", {})
    end
    core.set(m.out.bias, 4, 0 / 0)
    fails("the scores are not finite", {})
    fails("the scores are not finite", {width = 1})
  end)
end)

-- }==

describe("a file", function()
  local path = sandbox.dir .. "/hostile.safetensors"

  local function refused(message)
    local got, wrong, code = seq2seq.load(path)
    assert.is_nil(got)
    assert.equal("EFORMAT", code)
    assert.truthy(wrong:find(message, 1, true), wrong)
    assert.equal(1, select(2, wrong:gsub(path, "", 1)))
  end

  ---Saves a model, changed, and looks what load says.
  local function changed(message, kind, change)
    local m, known = build(kind)
    local meta = seq2seq.describe(known)
    change(m, meta)
    assert(rnn.save(path, m, meta))
    refused(message)
  end

  it("of another kind, or without vocabularies, is refused", function()
    changed("its kind is 'lm'", {}, function(_, meta)
      meta["rnnlua.kind"] = "lm"
    end)
    changed("its kind is not told", {}, function(_, meta)
      meta["rnnlua.kind"] = nil
    end)
    changed("has no vocabulary.target", {}, function(_, meta)
      meta["vocabulary.target"] = nil
    end)
    changed("vocabulary: its description is damaged", {}, function(_, meta)
      meta["vocabulary.source"] = '["a"]'
    end)
    changed("vocabulary: its description is damaged", {shared_vocab = true},
            function(_, meta) meta.vocabulary = "x" end)
    for _, text in ipairs {"", "[]", "{", '{"source_units":"words"}',
                           '{"source_units":"words","target_units":1}'} do
      changed("its description is damaged", {}, function(_, meta)
        meta.seq2seq = text
      end)
    end
  end)

  it("whose layers do not fit is refused", function()
    local fit = "has layers that do not fit each other or its vocabularies: "
    for _, row in ipairs {
      {{}, function(m) m.source = rnn.Embedding(7, 5) end, fit .. "'source'"},
      {{}, function(m) m.target = rnn.Embedding(9, 5) end, fit .. "'target'"},
      {{}, function(m) m.target = nil end, fit .. "'target'"},
      {{}, function(m) m.out = rnn.Linear(6, 7) end, fit .. "'out'"},
      {{}, function(m) m.out = rnn.Linear(5, 8) end, fit .. "'out'"},
      {{}, function(m) m.encoder = rnn.LSTM(5, 3, {bidirectional = true}) end,
       fit .. "'decoder'"},
      {{}, function(m)
        m.encoder = rnn.GRU(5, 3, {bidirectional = true, batch_first = true})
      end, fit .. "'encoder'"},
      {{}, function(m) m.decoder = rnn.GRU(5, 6, {bidirectional = true}) end,
       fit .. "'decoder'"},
      {{}, function(m) m.decoder = rnn.GRU(8, 6) end, fit .. "'decoder'"},
      {{cell = "lstm"}, function(m)
        m.decoder = rnn.LSTM(5, 6, {proj_size = 2})
      end, fit .. "'decoder'"},
      {{}, function(m) m.encoder = rnn.RNN(5, 3) end, "make no model"},
      {{}, function(m) m.encoder = rnn.LayerNorm(5) end, "make no model"},
      {{}, function(m) m.decoder = rnn.Dropout(0.5) end, "make no model"},
      {{}, function(m) m.out = rnn.Dropout(0.5) end, fit .. "'out'"},
      {{}, function(m) m.bridge.h = rnn.Linear(6, 5) end, fit .. "'bridge.h'"},
      {{}, function(m) m.bridge = nil end, fit .. "'bridge.h'"},
      {{}, function(m) m.bridge = rnn.Linear(6, 6) end, fit .. "'bridge.h'"},
      {{cell = "lstm"}, function(m) m.bridge.c = nil end,
       fit .. "'bridge.c'"},
      {{}, function(m) m.attention = nil end, "'combine'"},
      {{}, function(m) m.attention = rnn.Linear(2, 2) end,
       fit .. "'attention'"},
      {{}, function(m) m.attention = rnn.Attention(6, 5) end,
       fit .. "'attention'"},
      {{attention = "multihead", heads = 2}, function(m)
        m.attention = rnn.MultiheadAttention(6, 2, {causal = true})
      end, fit .. "'attention'"},
      {{attention = "multihead", heads = 2}, function(m)
        m.attention = rnn.MultiheadAttention(6, 2, {weights = false})
      end, fit .. "'attention'"},
      {{}, function(m) m.combine = rnn.Linear(12, 7) end, fit .. "'combine'"},
      {{}, function(m) m.drop = rnn.Linear(1, 1) end, "a layer 'drop'"},
      {{}, function(m) m.loss = rnn.Linear(1, 1) end, "a layer 'loss'"},
      {{}, function(m) m.encoder = nil end, "needs an embedding 'source'"},
      {{}, function(m) m.source = rnn.Linear(8, 5) end,
       "needs an embedding 'source'"},
      {{}, function(m) m.bridge.x = rnn.Linear(1, 1) end, "'bridge.x'"},
    } do
      changed(row[3], row[1], row[2])
    end
  end)

  it("with a layer in place of a weight is refused", function()
    local m, known = build()
    local meta = seq2seq.describe(known)
    assert(rnn.save(path, m, meta))
    local tensors, strings = rnn.load(path)
    local layers = json.decode(strings["rnnlua.layers"])
    layers["source.weight"] = {class = "Linear", sizes = {1, 1}, options = {}}
    tensors["source.weight.weight"] = rnn.zeros {1, 1}
    tensors["source.weight.bias"] = rnn.zeros {1}
    strings["rnnlua.layers"] = json.encode(layers)
    local names, list = {}, {}
    for name in pairs(tensors) do names[#names + 1] = name end
    table.sort(names)
    for i, name in ipairs(names) do list[i] = tensors[name] end
    for name in pairs(strings) do
      if name:find "digest" then strings[name] = nil end
    end
    assert(core.file_save(path, names, list, strings))
    refused("layer 'source.weight' is inside of layer 'source'")
  end)

  it("that is none is refused", function()
    sandbox.write("hostile.safetensors", "no model")
    refused("")
    local got, _, code = seq2seq.load(sandbox.dir .. "/none")
    assert.is_nil(got)
    assert.equal("EIO", code)
  end)
end)

describe("training", function()
  it("learns to reverse texts it has not seen", function()
    local list, unseen = reversals(2000, 10, 8), reversals(100, 10, 8, 99)
    local m = build {pairs = list, embed = 24, hidden = 48,
                     encoder_hidden = 24, attention = "general",
                     feed = true, dropout = 0.05}
    local opt = rnn.Adam(rnn.parameters(m), {lr = 5e-3, clip_norm = 5})
    local batches = data.batches(m:encode(list),
                                 {batch = 64, length = "source"})
    for step = 1, 300 do
      local tape <close> = rnn.tape()
      local loss = m:loss(batches:next(), {smoothing = 0.02})
      tape:backward(loss)
      opt.lr = 5e-3 * math.min(1, (301 - step) / 100)
      opt:step()
    end
    local right = 0
    for i, best in ipairs(rnn.translate(m, sources_of(unseen))) do
      if table.concat(best[1].tokens) == table.concat(unseen[i].target) then
        right = right + 1
      end
    end
    assert.is_true(right >= 90, right .. " of 100")
  end)
end)
