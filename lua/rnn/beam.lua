---Beam search: the likeliest texts that a model makes, not drawn but looked
---for. Each step keeps the 'width' likeliest of all continuations.
local core = require "rnn.core"
local check = require "rnn.check"
local session = require "rnn.session"
local stops = require "rnn.stops"

---@class rnn.BeamOptions: rnn.DrawOptions the filters, without which all tokens
---may follow; probabilities are those after penalty and temperature
---@field prime? string text to go on from
---@field width? integer texts kept in each step; default 4
---@field n? integer how many to return, at most 'width'; default 1
---@field length? integer tokens at most; default 200
---@field length_penalty? number texts are ordered by logp / tokens ^ this;
---default 0
---@field stop? string|string[] ends a text, which does not have it
---@field unknown? "error"|"skip" characters of the prime not learnt
---@field precision? "full"|"bf16"|"int8"

---@class rnn.Beam
---@field text string valid UTF-8
---@field logp number natural logarithm of its probability after the prime,
---stop string included
---@field tokens integer
---@field stopped "length"|"stop"

local NAMES = session.names {"prime", "width", "n", "length",
                             "length_penalty", "stop", "unknown", "precision"}

---Continuations of all texts, likeliest first; the texts before one another
---keep their order where two are as likely.
local function continuations(s, texts, width)
  local logits, recent, all = s.steps:logits(), s.steps:recent(), {}
  for i, text in ipairs(texts) do
    local ids, logp = core.rank(logits:select(1, i), 2 * width, s.draw,
                                recent:select(1, i))
    logp = logp:totable()
    for rank, id in ipairs(ids:totable()) do
      all[#all + 1] = {from = i, rank = rank, id = id,
                       logp = text.logp + logp[rank]}
    end
  end
  table.sort(all, function(a, b)
    if a.logp ~= b.logp then return a.logp > b.logp end
    if a.from ~= b.from then return a.from < b.from end
    return a.rank < b.rank
  end)
  return all
end

---A text with one more token. 'bytes' are what it is made of so far.
local function extend(s, text, next)
  local bytes = text.bytes .. s.tok:decode {next.id}
  local from = stops.find(bytes, s.stops)
  return {bytes = from and bytes:sub(1, from - 1) or bytes, logp = next.logp,
          tokens = text.tokens + 1, stopped = from and "stop" or "length"}
end

---One step: the texts that go on, with where they come from and what they
---read; those that end join 'done'.
local function advance(s, texts, width, done)
  local kept, from, ids = {}, {}, {}
  for _, next in ipairs(continuations(s, texts, width)) do
    if #kept == width then break end
    local text = extend(s, texts[next.from], next)
    local list = text.stopped == "stop" and done or kept
    list[#list + 1] = text
    if list == kept then from[#kept], ids[#kept] = next.from, next.id end
  end
  for i = #kept + 1, width do from[i], ids[i] = 1, 1 end   -- nobody's
  s.steps:select(core.ids(from))
  s.steps:step(core.ids(ids)):close()
  return kept
end

---Sorts texts by score, in their order where two are the same.
local function order(texts, score)
  for i, text in ipairs(texts) do text.score, text.place = score(text), i end
  table.sort(texts, function(a, b)
    if a.score ~= b.score then return a.score > b.score end
    return a.place < b.place
  end)
end

---@param model table
---@param tok rnn.Tokenizer
---@param o? rnn.BeamOptions
---@return rnn.Beam[]|nil texts the best first
---@return string? message
---@return string? code "EFORMAT"
return function(model, tok, o)
  o = o or {}
  check.names("beam", o, NAMES)
  local width = check.integer("beam", "width", o.width, 4, 1)
  local n = check.integer("beam", "n", o.n, 1, 1)
  local length = check.integer("beam", "length", o.length, 200, 0)
  local power = o.length_penalty or 0
  if n > width then
    error(("beam: 'n' must be at most 'width', %d, got %d"):format(width, n), 2)
  end
  if type(power) ~= "number" or power ~= power or power < 0 then
    error(("beam: 'length_penalty' must be 0 or more, got %s"):format(power), 2)
  end
  if o.temperature == 0 then
    error("beam: 'temperature' must be above 0", 2)
  end
  local s <close>, wrong, code = session.new(model, tok, o, width)
  if not s then return nil, wrong, code end
  local function score(text, tokens)
    return text.logp / (tokens or math.max(1, text.tokens)) ^ power
  end
  local texts, done = {{bytes = "", logp = 0.0, tokens = 0,
                        stopped = "length"}}, {}
  for _ = 1, length do
    texts = advance(s, texts, width, done)
    order(done, score)
    -- what goes on only becomes less likely
    if #texts == 0 or done[n] and
       done[n].score >= score(texts[1], length) then
      texts = {}
      break
    end
  end
  table.move(texts, 1, #texts, #done + 1, done)
  order(done, score)
  local best = {}
  for i = 1, math.min(n, #done) do
    local text = done[i]
    best[i] = {text = core.repair(text.bytes, "replace"), logp = text.logp,
               tokens = text.tokens, stopped = text.stopped}
  end
  return best
end
