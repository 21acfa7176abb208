---How likely a language model finds a text: the logarithm of the probability of
---each token after those before it, the first one after a new line. Text comes
---in pieces of any size, and memory does not grow with it.
local core = require "rnn.core"
local known = require "rnn.known"
local neuralcache = require "rnn.neuralcache"

local score = {}

local CHUNK = 256   -- tokens that go through the model at once

---@class rnn.ScoreOptions
---@field unknown? "error"|"skip" what to do with characters that the model has
---not learnt; default error
---@field invalid? "error"|"replace" what to do with bytes that are no UTF-8,
---but for a tokenizer that takes bytes; default error
---@field on_token? fun(token: string, logp: number) token: its bytes; logp in
---nats
---@field cache? rnn.CacheOptions what was read last is likelier to come again:
---see rnn.neuralcache; for a model with model:hidden and model:scores, as "lm"
---has. Each text begins with none

---@class rnn.Score
---@field tokens integer
---@field chars integer code points of these tokens
---@field bytes integer of these tokens
---@field logp number natural logarithm of the probability of all
---@field bits_per_char number|nil nil when there are none
---@field bits_per_byte number|nil models of different tokens compare by it
---@field bits_per_token number|nil
---@field perplexity number|nil of a token

---@class rnn.Scorer
local Scorer = {}
Scorer.__index = Scorer

-- {== Tokens ==

---Log probabilities (T) of ids (T), float64, each after the one before it;
---'last' comes before the first.
local function log_probabilities(self, ids)
  local T = #ids
  local x = T > 1 and self.last:cat(ids:slice(1, 1, T - 1), 1) or self.last
  local h, logits
  if self.cache then
    h, self.state = self.model:hidden(x:reshape {T, 1}, self.state)
    logits = self.model:scores(h)
  else
    logits, self.state = self.model:forward(x:reshape {T, 1}, self.state)
  end
  self.last = ids:slice(1, T, T):clone()
  local logp = logits:reshape {T, logits:shape()[3]}:to "float64"
    :log_softmax(2):gather(ids:reshape {T, 1}, 2):reshape {T}:totable()
  if not self.cache then return logp end
  return self.cache:mix(h:reshape {T, h:shape()[3]}, ids, logp)
end

---Scores a chunk of ids, a whole one but for the last of a text.
local function score_ids(self, ids)
  for i, logp in ipairs(log_probabilities(self, ids)) do
    local id = core.get(ids, i)
    if logp ~= logp then
      return nil, "the logits are not finite: the model has diverged or is " ..
             "damaged", "EFORMAT"
    end
    local bytes = self.tok:decode {id}
    self.sum.logp = self.sum.logp + logp
    self.sum.tokens = self.sum.tokens + 1
    self.sum.bytes = self.sum.bytes + #bytes
    self.sum.chars = self.sum.chars + select(2, bytes:gsub("[^\x80-\xBF]", ""))
    if self.on_token then self.on_token(bytes, logp) end
  end
  return true
end

---Adds ids to those that wait for a whole chunk, and scores the whole ones.
local function add_ids(self, ids)
  if self.waiting then ids = self.waiting:cat(ids, 1) end
  local n = #ids - #ids % CHUNK
  for from = 1, n, CHUNK do
    local ok, wrong, code = score_ids(self, ids:slice(1, from,
                                                      from + CHUNK - 1))
    if not ok then return nil, wrong, code end
  end
  self.waiting = n < #ids and ids:slice(1, n + 1, #ids):clone() or nil
  return true
end

-- }==

-- {== Text ==

local function check_utf8(self, s)
  if self.tok.kind == "byte" or self.tok.kind == "bpe" then return s end
  local byte, line = core.utf8_check(s)
  if not byte then return s end
  if self.invalid == "replace" then return core.repair(s, "replace") end
  return nil, ("invalid UTF-8 at byte %d (line %d)"):format(
         self.bytes + byte, self.lines + line), "EFORMAT"
end

---A message about a piece, with its bytes counted from the start of the text.
function Scorer:place(message, piece)
  return (message:gsub(" at byte (%d+)", function(n)
    local lines = select(2, piece:sub(1, n):gsub("\n", ""))
    return (" at byte %d (line %d)"):format(self.bytes + n,
                                            self.lines + lines + 1)
  end))
end

---Scores text that ends where a character does.
local function add_text(self, s)
  local whole, ids, wrong, code
  whole, wrong, code = check_utf8(self, s)
  if not whole then return nil, wrong, code end
  ids, wrong, code = known.encode(self.tok, whole, self.unknown)
  if not ids then return nil, self:place(wrong, whole), code end
  self.bytes = self.bytes + #s
  self.lines = self.lines + select(2, s:gsub("\n", ""))
  if #ids == 0 then return true end
  return add_ids(self, ids)
end

---Takes the next piece of the text.
---@param s string any bytes, cut anywhere
---@return true|nil ok
---@return string? message
---@return string? code "EFORMAT"
function Scorer:feed(s)
  s = self.held .. s
  if self.bytes == 0 and s:find "^\xEF\xBB\xBF" then
    s, self.bytes = s:sub(4), 3
  end
  local n = self.tok:cut(s)
  self.held = s:sub(n + 1)
  return add_text(self, s:sub(1, n))
end

---Ends the text and tells its score; the next piece begins another text.
---@return rnn.Score|nil
---@return string? message
---@return string? code "EFORMAT"
function Scorer:finish()
  local ok, wrong, code = add_text(self, self.held)
  if ok and self.waiting then
    ok, wrong, code = score_ids(self, self.waiting)
  end
  if not ok then return nil, wrong, code end
  local sum = self.sum
  local bits = -sum.logp / math.log(2)
  if sum.chars > 0 then sum.bits_per_char = bits / sum.chars end
  if sum.bytes > 0 then sum.bits_per_byte = bits / sum.bytes end
  if sum.tokens > 0 then
    sum.bits_per_token = bits / sum.tokens
    sum.perplexity = math.exp(-sum.logp / sum.tokens)
  end
  self:reset()
  return sum
end

---Begins another text.
function Scorer:reset()
  self.held, self.bytes, self.lines = "", 0, 0
  self.state, self.waiting, self.last = nil, nil, known.start(self.tok)
  self.sum = {tokens = 0, chars = 0, bytes = 0, logp = 0.0}
  if self.cache then self.cache:reset() end
end

-- }==

---@param model table with model:forward(x (T,N), state) -> logits, state
---@param tok rnn.Tokenizer
---@param o? rnn.ScoreOptions
---@return rnn.Scorer
function score.open(model, tok, o)
  o = o or {}
  if o.cache and not model.hidden then
    error("score: 'cache' needs a model with model:hidden", 2)
  end
  local self = setmetatable({model = model, tok = tok, unknown = o.unknown,
                             invalid = o.invalid, on_token = o.on_token,
                             cache = o.cache and neuralcache.new(o.cache)},
                            Scorer)
  self:reset()
  return self
end

---The score of a text.
---@param model table
---@param tok rnn.Tokenizer
---@param s string
---@param o? rnn.ScoreOptions
---@return rnn.Score|nil
---@return string? message
---@return string? code "EFORMAT"
function score.text(model, tok, s, o)
  local scorer = score.open(model, tok, o)
  local ok, wrong, code = scorer:feed(s)
  if not ok then return nil, wrong, code end
  return scorer:finish()
end

return score
