---rnn.translate: the likeliest texts that a sequence to sequence model makes of
---others, by beam search; with a width of 1 it takes the likeliest token each
---time. Of the texts that have ended in "</s>" the best have the highest
---    score = log p / norm + beta coverage
---    norm      ((5 + n) / 6) ^ alpha  "gnmt" (Wu et al. 2016, equation 14)
---              n ^ alpha              "length"
---    coverage  sum over the source of log min(sum of its attention, 1)
---n counts the tokens and "</s>"; alpha 0 leaves log p alone. While texts grow
---they are compared by log p, and one that has ended keeps its place among the
---`width` that are followed (Sutskever, Vinyals and Le 2014). A search is over
---when all have ended, or when no other can be among the n best.
---
---    local seq2seq = require "rnn.models.seq2seq"
---    local list = {{source = {"c", "a", "t"}, target = {"k", "æ", "t"}}}
---    local known = assert(seq2seq.learn(list))
---    local model = seq2seq.build(known, {embed = 8, hidden = 16})
---    local best = rnn.translate(model, {{"c", "a", "t"}},
---                               {width = 4, n = 2, attention = true})[1]
---    print(table.concat(best[1].tokens, " "), best[1].score)
---    print(best[1].attention:shape()[2])             -- 4: c a t </s>
local check = require "rnn.check"
local core = require "rnn.core"
local hypotheses = require "rnn.hypotheses"
local vocabulary = require "rnn.data.vocabulary"

local op = core.op
local UNKNOWN, BEGIN, END = vocabulary.UNKNOWN, vocabulary.BEGIN,
                            vocabulary.END

---@class rnn.TranslateOptions
---@field width? integer texts kept in each step; default 5
---@field n? integer results for each source, at most `width`; default 1
---@field normalise? "gnmt"|"length"
---@field alpha? number default 0.6
---@field beta? number of the coverage penalty; default 0
---@field min_length? integer tokens at least, where there is room; default 0
---@field ratio? number tokens at most for each token of the source; default 2
---@field length? integer and so many more; default 10. A text that is as long
---can only end
---@field unknown? "keep"|"copy" whether "<unk>" stays, or becomes the token of
---the source that has most attention
---@field attention? boolean whether results have it; default false
---@field batch? integer sources searched at once; default 32

---@class rnn.Translation
---@field tokens string[]
---@field logp number natural logarithm of its probability, "</s>" included
---@field score number
---@field stopped "end"|"length" length: it had to end
---@field attention? rnn.Tensor (T,S): of each token and "</s>", to each token
---of the source and its "</s>"

local OPTIONS = {
  width = true, n = true, normalise = true, alpha = true, beta = true,
  min_length = true, ratio = true, length = true, unknown = true,
  attention = true, batch = true,
}

-- {== Options ==

local function number(o, name, default)
  local x = o[name]
  if x == nil then return default end
  if type(x) == "number" and x >= 0 and x < math.huge then return x end
  error(("translate: '%s' must be a number >= 0, got %s"):format(name, x), 4)
end

local function check_options(m, given)
  check.names("translate", given, OPTIONS)
  local function integer(name, default, least)
    return check.integer("translate", name, given[name], default, least)
  end
  local o = {
    width = integer("width", 5, 1), n = integer("n", 1, 1),
    min_length = integer("min_length", 0, 0), length = integer("length", 10, 0),
    batch = integer("batch", 32, 1), attention = given.attention,
    alpha = number(given, "alpha", 0.6), beta = number(given, "beta", 0),
    ratio = number(given, "ratio", 2),
    normalise = check.word("translate", "normalise", given.normalise,
                           {"gnmt", "length"}),
    unknown = check.word("translate", "unknown", given.unknown,
                         {"keep", "copy"}),
  }
  o.attends = o.attention or o.beta > 0 or o.unknown == "copy"
  if o.n > o.width then
    error(("translate: 'n' must be at most 'width', %d, got %d"):format(
          o.width, o.n), 3)
  elseif o.attends and not m.attention then
    error("translate: 'attention', 'beta' and 'unknown' = copy need a model " ..
          "with attention", 3)
  end
  return o
end

local function check_sources(sources)
  for i, tokens in ipairs(sources) do
    if type(tokens) ~= "table" then
      error(("translate: source %d must be a list of tokens, got %s"):format(
            i, type(tokens)), 3)
    end
  end
  if core.taped() then
    error("translate: close the tape first, dropout would act", 3)
  end
end

-- }==

-- {== Texts ==

---A text is its last token and the text before: {id, before, logp, tokens}. The
---attention of that token is row `row` of `weights` (N,M,S) for text `n`.
---@class rnn.translate.Text
---@field id integer
---@field before? rnn.translate.Text
---@field logp number
---@field tokens integer of the text, "</s>" not counted
---@field weights? rnn.Tensor
---@field row integer it was made from
---@field n integer

---The texts from the first token on.
local function path_of(text)
  local path = {}
  while text.before do
    path[#path + 1] = text
    text = text.before
  end
  for i = 1, #path // 2 do
    path[i], path[#path + 1 - i] = path[#path + 1 - i], path[i]
  end
  return path
end

---Attention (T,S) along a path, without what stands behind the source.
local function attention_along(path, S)
  local rows = {}
  for t, text in ipairs(path) do
    rows[t] = text.weights:select(1, text.n):select(1, text.row)
              :slice(1, 1, S)
  end
  return op.stack(rows, 1)
end

local function coverage(text, S)
  local seen, sum = attention_along(path_of(text), S):sum(1):totable(), 0.0
  for _, x in ipairs(seen) do
    sum = sum + math.log(math.max(math.min(x, 1), 1e-30))
  end
  return sum
end

---Where a row has its largest number, among the first S.
local function argmax(row, S)
  local best = 1
  for s = 2, S do
    if row[s] > row[best] then best = s end
  end
  return best
end

---A text as a result.
local function result_of(text, source, known, o)
  local path, tokens = path_of(text), {}
  local weights = o.attends and attention_along(path, #source.ids)
  local rows = o.unknown == "copy" and #source.tokens > 0 and weights:totable()
  for t = 1, #path - 1 do
    local id = path[t].id
    tokens[t] = rows and id == UNKNOWN and
                source.tokens[argmax(rows[t], #source.tokens)] or
                known.target.names[id]
  end
  return {tokens = tokens, logp = text.logp, score = text.score,
          stopped = text.tokens < source.most and "end" or "length",
          attention = o.attention and weights or nil}
end

-- }==

-- {== Searching ==

---Tokens of a source as ids, and how long its translation may be.
local function read_source(tokens, place, known, o)
  local ids = known.source:encode(tokens)
  ids[#ids + 1] = END
  return {tokens = tokens, ids = ids, place = place,
          most = math.floor(o.ratio * #tokens) + o.length}
end

---The search for the translation of one source.
local function new_search(source, o)
  local function norm(n)
    return (o.normalise == "gnmt" and (5 + n) / 6 or n) ^ o.alpha
  end
  return hypotheses({id = BEGIN, logp = 0.0, tokens = 0, row = 1}, {
    width = o.width, n = o.n, shrink = true,
    score = function(text)
      local score = text.logp / norm(text.tokens + 1)
      if o.beta == 0 then return score end
      return score + o.beta * coverage(text, #source.ids)
    end,
    hope = function(text) return text.logp / norm(source.most + 1) end})
end

---Rows of t (L,R,F), picked for each L.
local function pick(t, rows)
  local L, R, F = table.unpack(t:shape())
  local ids = {}
  for l = 1, L do
    local list = {}
    for i, row in ipairs(rows) do list[i] = (l - 1) * R + row end
    ids[l] = list
  end
  return op.embedding(t:reshape {L * R, F}, core.ids(ids))
end

local function pick_state(state, rows)
  local picked = {}
  for name, t in pairs(state) do picked[name] = pick(t, rows) end
  return picked
end

local function pick_memory(memory, rows)
  local lengths = {}
  for i, row in ipairs(rows) do lengths[i] = memory.lengths[row] end
  return {keys = pick(memory.keys, rows), values = pick(memory.values, rows),
          lengths = lengths}
end

---What may follow each of R rows: the k likeliest ids, k log probabilities, and
---those of "</s>".
local function continuations(m, out, k)
  local shape = out:shape()
  local logits <close> = m:scores(out)
  local logp <close> = op.log_softmax(logits)
  local rows = logp:reshape {shape[2], logp:shape()[3]}
  local best, ids = rows:topk(math.min(k, rows:shape()[2]))
  local last = rows:slice(2, END, END):reshape {shape[2]}
  return ids:totable(), best:totable(), last:totable()
end

local function refuse_nan(logps)
  for _, row in ipairs(logps) do
    if row[1] ~= row[1] then
      error("translate: the scores are not finite: the model has diverged " ..
            "or is damaged", 0)
    end
  end
end

---One step of one search: it reads rows (w - 1) * N + n of what may follow.
local function advance(one, n, N, ids, logps, last, weights)
  local search, source = one.search, one.source
  local before, my_ids, my_logps = search.live, {}, {}
  for w, text in ipairs(before) do
    local row = (w - 1) * N + n
    local full = text.tokens == source.most
    my_ids[w] = full and {END} or ids[row]
    my_logps[w] = full and {last[row]} or logps[row]
  end
  search:advance(my_ids, my_logps, function(w, id, logp)
    local text = before[w]
    local least = math.min(one.least, source.most)
    if id == BEGIN or id == END and text.tokens < least then return nil end
    return {id = id, before = text, logp = logp, row = w, n = n,
            tokens = text.tokens + (id == END and 0 or 1),
            weights = weights}, id == END
  end)
end

---Which rows go on, and what they read: w-th texts of all searches side by
---side. Where a search has fewer texts than another its first one stands in.
local function next_rows(active, N)
  local rows, ids, most = {}, {}, 0
  for _, one in ipairs(active) do most = math.max(most, #one.search.live) end
  for w = 1, most do
    for _, one in ipairs(active) do
      local text = one.search.live[w] or one.search.live[1]
      rows[#rows + 1] = (text.row - 1) * N + one.n
      ids[#ids + 1] = text.id
    end
  end
  return rows, ids
end

---Those that go on; with their places as they were and as they are now.
local function still_active(active)
  local left, places = {}, {}
  for n, one in ipairs(active) do
    if not one.search:over() then
      left[#left + 1], places[#places + 1] = one, n
      one.n = n
    end
  end
  return left, places
end

---Searches the translations of some sources at once.
local function search_batch(m, sources, o)
  local list, active = {}, {}
  for i, source in ipairs(sources) do
    list[i] = source.ids
    active[i] = {source = source, search = new_search(source, o),
                 least = o.min_length}
  end
  local all = table.move(active, 1, #active, 1, {})
  local x, lengths = require("rnn.data").padded(list, {pad = END})
  local state, memory = m:read(x, lengths)
  local ids = {}
  for n = 1, #sources do ids[n] = BEGIN end
  while #active > 0 do
    local N = #active
    local out, now, weights = m:write(core.ids {ids}, state, memory)
    local follow, logps, last = continuations(m, out, o.width + 2)
    refuse_nan(logps)
    for n, one in ipairs(active) do
      advance(one, n, N, follow, logps, last, o.attends and weights)
    end
    local places, rows
    active, places = still_active(active)
    rows, ids = next_rows(active, N)
    if #active > 0 then
      state = pick_state(now, rows)
      if memory and #active < N then memory = pick_memory(memory, places) end
    end
  end
  return all
end

-- }==

---Order in which sources are searched: those of one length together.
local function by_length(sources)
  local order = table.move(sources, 1, #sources, 1, {})
  table.sort(order, function(a, b)
    if #a.ids ~= #b.ids then return #a.ids < #b.ids end
    return a.place < b.place
  end)
  return order
end

---@param m rnn.Seq2seq
---@param sources string[][] lists of tokens
---@param o? rnn.TranslateOptions
---@return rnn.Translation[][] results of each source, the best first
local function translate(m, sources, o)
  o = check_options(m, o or {})
  check_sources(sources)
  local known, all, results = m:known(), {}, {}
  for i, tokens in ipairs(sources) do
    all[i] = read_source(tokens, i, known, o)
  end
  all = by_length(all)
  for from = 1, #all, o.batch do
    local some = table.move(all, from, math.min(from + o.batch - 1, #all), 1,
                            {})
    for _, one in ipairs(search_batch(m, some, o)) do
      local best = {}
      for i, text in ipairs(one.search.done) do
        best[i] = result_of(text, one.source, known, o)
      end
      results[one.source.place] = best
    end
  end
  return results
end

return translate
