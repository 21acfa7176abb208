---Text from a language model, one token after the other: that rnn.stepper
---takes, or any with model:forward(x (T,N), state) -> logits (T,N,U), state.
local beam = require "rnn.beam"
local check = require "rnn.check"
local session = require "rnn.session"

local generate = {
  beam = beam,
  save = session.save,
  load = session.load,
}

---@class rnn.OpenOptions: rnn.DrawOptions
---@field prime? string text to go on from; it is not part of the result
---@field precision? "full"|"bf16"|"int8" of the weights: see rnn.stepper
---@field seed? integer of the first text; the i-th is that of the seed i-1
---further, made alone. Default: one from the generator of rnn.seed
---@field stop? string|string[] the text ends before the first of these that is
---complete
---@field unknown? "error"|"skip" what to do with characters of a prime that the
---model has not learnt; default error
---@field state? table goes on where session:state() was taken: with its
---generator too unless there is a seed

---@class rnn.SampleOptions: rnn.OpenOptions
---@field length? integer tokens to make at most; default 200
---@field n? integer makes a list of so many texts, in one batch
---@field on_text? fun(piece: string, i: integer) called with each piece of text
---i, valid UTF-8

local OWN = {"prime", "precision", "seed", "stop", "unknown", "state"}
local OPEN = session.names(OWN)
local SAMPLE = session.names {"length", "n", "on_text", table.unpack(OWN)}

---A text that goes on: s:make(length, on_text), s:feed(text), s:state().
---@param model table
---@param tok rnn.Tokenizer
---@param o? rnn.OpenOptions
---@return rnn.Session|nil
---@return string? message when the prime or the state is bad
---@return string? code "EFORMAT"
function generate.open(model, tok, o)
  o = o or {}
  check.names("open", o, OPEN)
  return session.new(model, tok, o, 1)
end

---Text that a model makes.
---@param model table
---@param tok rnn.Tokenizer
---@param o? rnn.SampleOptions
---@return string|string[]|nil text valid UTF-8; a list with the option n
---@return rnn.Made[]|string made what else is known of each text; or the
---message when the prime or the state is bad
---@return string? code "EFORMAT"
function generate.sample(model, tok, o)
  o = o or {}
  check.names("sample", o, SAMPLE)
  local length = check.integer("sample", "length", o.length, 200, 0)
  local n = check.integer("sample", "n", o.n, 1, 1)
  local s <close>, wrong, code = session.new(model, tok, o, n)
  if not s then return nil, wrong, code end
  local made = s:make(length, o.on_text)
  if not o.n then return made[1].text, made end
  local texts = {}
  for i, one in ipairs(made) do texts[i] = one.text end
  return texts, made
end

return generate
