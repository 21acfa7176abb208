---What the tokenizers share.
local core = require "rnn.core"

local base = {}

---Normal forms, and which words name one.
base.FORMS = {"nfc", "nfkc"}
base.IS_FORM = {nfc = true, nfkc = true}

---A function to call with each id as it is made: it returns the text that can
---be printed so far, always valid UTF-8. Called without an id it returns what
---was held back.
---@return fun(id: integer?): string
function base:stream()
  local held = ""
  return function(id)
    local bytes = id and held .. self:decode {id} or held
    local keep = id and core.utf8_tail(bytes) or 0
    held = bytes:sub(#bytes - keep + 1)
    return core.repair(bytes:sub(1, #bytes - keep), "replace")
  end
end

---The message about a text to learn from, and a code, if it is not UTF-8.
function base.invalid(s)
  if type(s) ~= "string" then
    error(("fit: takes a string, got %s"):format(type(s)), 3)
  end
  local byte, line = core.utf8_check(s)
  if byte then
    return ("invalid UTF-8 at byte %d (line %d)"):format(byte, line), "EFORMAT"
  end
end

---The text in the normal form of the tokenizer; bytes that are no UTF-8 stay.
function base:prepare(s)
  return self.normal and core.normalise(s, self.normal) or s
end

---How many bytes of s can be encoded before it is known what comes after s.
function base:cut(s)
  if self.normal then return core.normal_cut(s, self.normal) end
  return #s - core.utf8_tail(s)
end

---Appends the ids of a text to a token store.
---@param writer rnn.TokenWriter
---@param s string
---@return true|nil
---@return string? message
---@return string? code
function base:write(writer, s)
  local ids <close>, wrong, code = self:encode(s)
  if not ids then return nil, wrong, code end
  return writer:append(ids)
end

---A class of tokenizers.
---@param kind string
---@return table class
function base.class(kind)
  local class = {kind = kind}
  for _, name in ipairs {"stream", "prepare", "cut", "write"} do
    class[name] = base[name]
  end
  class.__index = class
  return class
end

return base
