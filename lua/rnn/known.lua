---Ids of text for a model that has learnt the first tok:usable() of them: the
---tokenizer "char" has an id for every byte, but those beyond mean nothing to a
---model.
local core = require "rnn.core"

local known = {}

local PREFIX = "^characters not in the vocabulary: "

---Text without the characters that the model has not learnt.
local function known_part(tok, s)
  local is_known, parts = {}, {}
  for _, code in ipairs(tok.vocab:codes()) do
    is_known[utf8.char(code)] = true
  end
  if tok.normal then s = core.normalise(s, tok.normal) end
  for c in s:gmatch(utf8.charpattern) do
    if is_known[c] then parts[#parts + 1] = c end
  end
  return table.concat(parts)
end

---Ids of a text, all of them learnt.
---@param tok rnn.Tokenizer
---@param s string
---@param unknown? "error"|"skip" what to do with other characters
---@return rnn.Tensor|nil ids (M)
---@return string? message naming them
---@return string? code "EFORMAT"
function known.encode(tok, s, unknown)
  if unknown ~= nil and unknown ~= "error" and unknown ~= "skip" then
    error(("'unknown' must be error or skip, got '%s'"):format(unknown), 2)
  end
  local ids, wrong = tok:encode(s)
  if ids and (#ids == 0 or   -- as numbers they count from 0
              ids:to "float64":max():item() < tok:usable()) then
    return ids
  end
  if unknown == "skip" then return tok:encode(known_part(tok, s)) end
  if ids then
    local vocab = core.vocab_new(tok.vocab:codes(), false)
    wrong = select(2, vocab:encode(tok:decode(ids)))
  end
  return nil, "not among the characters of the model: " ..
         wrong:gsub(PREFIX, "") .. "; set 'unknown' to skip to leave them out",
         "EFORMAT"
end

---What a text is taken to follow: a new line where the model has learnt one,
---else its first token.
---@param tok rnn.Tokenizer
---@return rnn.Tensor ids (1)
function known.start(tok)
  local ids = tok:encode "\n"
  if ids and #ids == 1 and core.get(ids, 1) <= tok:usable() then return ids end
  return core.ids {1}
end

return known
