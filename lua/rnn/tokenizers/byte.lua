---The tokenizer "byte": the ids are the bytes, 256 of them.
local base = require "rnn.tokenizers.base"
local core = require "rnn.core"

---@class rnn.ByteTokenizer: rnn.Tokenizer
local Byte = base.class "byte"
Byte.__len = function() return 256 end

Byte.options = {normal = true}

---@param o rnn.TokenizerOptions
---@return rnn.ByteTokenizer
function Byte.new(o)
  return setmetatable({normal = o.normal, vocab = core.vocab_new({}, true)},
                      Byte)
end

---Nothing to learn: there are 256 bytes.
function Byte:fit() return self end
function Byte.learner() return nil end
function Byte:fit_scan() return self end
function Byte.fitted() return true end

function Byte:encode(s)
  return self.vocab:encode(self:prepare(s))
end

---As base.write, without a tensor.
function Byte:write(writer, s)
  return writer:append(self:prepare(s))
end

function Byte:decode(ids)
  return self.vocab:decode(ids)
end

function Byte.usable() return 256 end

function Byte.symbols()
  local list = {}
  for byte = 0, 255 do list[byte + 1] = ("byte %d"):format(byte) end
  return list
end

---@return string "byte", then the normal form if there is one
function Byte:spec()
  return self.normal and "byte " .. self.normal or "byte"
end

function Byte:describe()
  return "bytes, 256 symbols" ..
         (self.normal and ", " .. self.normal:upper() or "")
end

---The tokenizer of a specification.
---@param spec string
---@return rnn.ByteTokenizer
function Byte.read(spec)
  local form = spec:match "^byte (%l+)$"
  return Byte.new {normal = base.IS_FORM[form] and form or nil}
end

return Byte
