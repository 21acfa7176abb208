---Text from a language model, one token after the other.
local core = require "rnn.core"

local generate = {}

local CHUNK = 256    -- tokens of the prime that go through the model at once

---@class rnn.SampleOptions
---@field prime? string text to go on from; it is not part of the result
---@field length? integer tokens to make; default 200
---@field temperature? number below 1 likelier, above 1 wilder, default 1; 0
---takes the likeliest token each time
---@field seed? integer draws by this seed; the generator is left as it was
---@field on_text? fun(s: string) called with each piece of text, valid UTF-8

---Ids to begin with: the prime's; else those of a new line where the model has
---seen one, else its first token.
local function prime_ids(tok, prime)
  local ids, wrong, code
  if prime and prime ~= "" then
    ids, wrong, code = tok:encode(prime)
    if not ids then return nil, wrong, code end
  end
  if ids and #ids > 0 then return ids end
  ids = tok:encode "\n"
  if ids and #ids == 1 and core.get(ids, 1) <= tok:usable() then return ids end
  return core.ids {1}
end

---Feeds ids to the model; returns the logits of what follows, and the state.
local function feed(model, ids, state)
  local n, logits = #ids, nil
  for from = 1, n, CHUNK do
    local to = math.min(n, from + CHUNK - 1)
    local x = ids:slice(1, from, to):reshape {to - from + 1, 1}
    logits, state = model:forward(x, state)
  end
  local shape = logits:shape()
  return logits:select(1, shape[1]):reshape {shape[3]}, state
end

local function argmax(logits, usable)
  local best = 1
  for id = 2, usable do
    if logits[id] > logits[best] then best = id end
  end
  return best
end

---One of the ids 1 to 'usable', drawn by softmax(logits / temperature).
local function draw(logits, usable, temperature)
  local top = logits[argmax(logits, usable)]
  local weights, sum = {}, 0.0
  for id = 1, usable do
    weights[id] = math.exp((logits[id] - top) / temperature)
    sum = sum + weights[id]
  end
  local rest = core.random() * sum
  for id = 1, usable - 1 do
    rest = rest - weights[id]
    if rest < 0 then return id end
  end
  return usable
end

local function produce(model, tok, ids, o, emit)
  local usable, temperature = tok:usable(), o.temperature or 1
  local stream, state = tok:stream(), nil
  for _ = 1, o.length or 200 do
    local logits
    logits, state = feed(model, ids, state)
    logits = logits:totable()
    local id = temperature == 0 and argmax(logits, usable) or
               draw(logits, usable, temperature)
    emit(stream(id))
    ids = core.ids {id}
  end
  emit(stream())
end

---Text that a model makes.
---@param model table with model:forward(x, state) -> logits, state
---@param tok rnn.Tokenizer
---@param o? rnn.SampleOptions
---@return string|nil text valid UTF-8
---@return string? message when the prime cannot be encoded
---@return string? code
function generate.sample(model, tok, o)
  o = o or {}
  local ids, wrong, code = prime_ids(tok, o.prime)
  if not ids then return nil, wrong, code end
  local before = o.seed and core.random_state()
  if o.seed then core.seed(o.seed) end
  local pieces = {}
  produce(model, tok, ids, o, function(piece)
    if piece == "" then return end
    pieces[#pieces + 1] = piece
    if o.on_text then o.on_text(piece) end
  end)
  if before then core.random_state(before) end
  return table.concat(pieces)
end

return generate
