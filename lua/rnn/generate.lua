---Text from a language model, one token after the other.
local core = require "rnn.core"
local stepper = require "rnn.stepper"

local generate = {}

local CHUNK = 256    -- tokens of the prime that go through the model at once
local AT_ONCE = 16   -- tokens made before they are shown

---@class rnn.SampleOptions
---@field prime? string text to go on from; it is not part of the result
---@field length? integer tokens to make; default 200
---@field temperature? number below 1 likelier, above 1 wilder, default 1; 0
---takes the likeliest token each time
---@field precision? "full"|"bf16"|"int8" of the weights: see rnn.stepper
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

---Feeds ids to the model; returns the logits (U) of what follows, and the
---state.
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

---Ids of what follows, some at a time, from a stepper.
local function by_stepper(model, ids, o)
  local steps = stepper(model, {precision = o.precision})
  for i = 1, #ids do steps:step(ids:slice(1, i, i)):close() end
  return function(most)
    return steps:sample(math.min(most, AT_ONCE), o.temperature):totable()
  end, steps
end

---The same through the layers, for models a stepper does not take.
local function by_layers(model, ids, o)
  local logits, state = feed(model, ids)
  return function()
    local id = core.draw(logits:to "float32", o.temperature)
    logits, state = feed(model, core.ids {id}, state)
    return {{id}}
  end
end

local function produce(model, tok, ids, o, emit)
  local stream, left = tok:stream(), o.length
  local source = stepper.fits(model) and by_stepper or by_layers
  if left == 0 then return end
  local more, _ <close> = source(model, ids, o)
  while left > 0 do
    local made = more(left)
    for _, id in ipairs(made) do emit(stream(id[1])) end
    left = left - #made
  end
  emit(stream())
end

---Text that a model makes.
---@param model table that rnn.stepper takes, or with
---model:forward(x, state) -> logits, state
---@param tok rnn.Tokenizer
---@param o? rnn.SampleOptions
---@return string|nil text valid UTF-8
---@return string? message when the prime cannot be encoded
---@return string? code
function generate.sample(model, tok, o)
  o = setmetatable({length = o and o.length or 200,
                    temperature = o and o.temperature or 1}, {__index = o})
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
