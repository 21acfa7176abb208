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

---The text in the normal form of the tokenizer; bytes that are no UTF-8 stay.
function base:prepare(s)
  return self.normal and core.normalise(s, self.normal) or s
end

---How many bytes of s can be encoded before it is known what comes after s.
function base:cut(s)
  if self.normal then return core.normal_cut(s, self.normal) end
  return #s - core.utf8_tail(s)
end

---How many bytes of s may be dealt with by themselves, in any normal form: up
---to a line, or a place between ASCII, where words and characters end whatever
---comes after.
function base.plain_cut(s)
  local line = s:match "^.*\n()[!-~\xC3-\xE0\xE4-\xF4]" or 1   -- no space
  local word = s:match "^.*[!-~]() [!-~]" or 1
  return math.max(line, word) - 1
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

-- {== Learning by counting ==

---What goes over a text and counts its words.
local Counter = {}
Counter.__index = Counter

---@param s string whole words
function Counter:feed(s)
  self.bad = self.bad or core.utf8_check(s) ~= nil
  self.words:feed(s)
end

---@return {bad: integer} above 0 if there were bytes that are no UTF-8
function Counter:finish()
  return {bad = self.bad and 1 or 0}
end

---@param words rnn.Words
---@return table learner
function base.counter(words)
  return setmetatable({words = words, bad = false}, Counter)
end

---The tokenizer that fit_scan makes of one text.
---@param s string
---@param any_bytes boolean it need not be valid UTF-8
---@return rnn.Tokenizer|nil
---@return string? message
---@return string? code
function base:learn(s, any_bytes)
  if type(s) ~= "string" then
    error(("fit: takes a string, got %s"):format(type(s)), 3)
  end
  local byte, line = core.utf8_check(s)
  if byte and not any_bytes then
    return nil, ("invalid UTF-8 at byte %d (line %d)"):format(byte, line),
           "EFORMAT"
  end
  local learner = self:learner "new"
  learner:feed(self:prepare(s))
  return self:fit_scan(learner, byte ~= nil, "new")
end

local MOST = 15 << 20   -- bytes of a description

---The tokenizer, unless a model file cannot hold its description.
---@param option string that makes it learn less
---@return rnn.Tokenizer|nil
---@return string? message
---@return string? code "EFORMAT"
function base:storable(option)
  local size = #self:spec()
  if size <= MOST then return self end
  return nil, ("has %d %ss of %d bytes, more than a model file can hold; " ..
               "learn fewer: '%s'"):format(#self, self.unit, size, option),
         "EFORMAT"
end

-- }==

---A class of tokenizers. `options` are those it has, with their defaults where
---these are its own.
---@param kind string
---@param unit? string what a token is; default 'kind'
---@return table class
function base.class(kind, unit)
  local class = {kind = kind, unit = unit or kind}
  for _, name in ipairs {"stream", "prepare", "cut", "write"} do
    class[name] = base[name]
  end
  class.__index = class
  return class
end

return base
