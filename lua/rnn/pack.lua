---rnn.pack(model, {precision = "full"}): a model as the library for inference
---runs it: weights packed for reading, never changed, without Lua. Hosts that
---have several Lua states share one among them (rnnlua_pushmodel), in as many
---threads. rnn.stepper and rnn.generate take it in the place of the model.
---
---    local model = {embed = rnn.Embedding(30, 8), net = rnn.LSTM(8, 16),
---                   out = rnn.Linear(16, 30)}
---    local packed = rnn.pack(model, {precision = "int8"})
---    local s = rnn.stepper(packed, {streams = 4})
---    local logits = s:step(rnn.ids {1, 2, 3, 4})         -- (4,30)
local check = require "rnn.check"
local core = require "rnn.core"
local model = require "rnn.model"

---@class rnn.Packed
---@field kind fun(self): string "lm", "tagger", ...; "net" reads numbers
---@field meta fun(self, key: string): string|nil of the file it came from
---@field sizes fun(self): {inputs: integer, ids: integer, outputs: integer,
---labels: integer, step_bytes: integer, bytes: integer} bytes of weights that a
---step reads, and of memory in all
---@field close fun(self)

---@class rnn.PackOptions
---@field precision? "full"|"bf16"|"int8" of the weights and what they are
---multiplied with; default "full". int8 has a scale for each unit

local OPTIONS = {precision = true}

---@param m table|string model, or the path of a model file
---@param o? rnn.PackOptions
---@return rnn.Packed|nil packed
---@return string? message of a file: "path: reason"
---@return string? code "EIO" or "EFORMAT"
return function(m, o)
  o = o or {}
  check.names("pack", o, OPTIONS)
  if type(m) == "string" then return core.pack_file(m, o.precision) end
  local names, tensors, meta = model.contents(m)
  return core.pack(names, tensors, meta, o.precision)
end
