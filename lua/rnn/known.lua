---Ids of text for a model that has learnt the first tok:usable() of them: the
---tokenizers "char" and "grapheme" have an id for every byte, but those beyond
---mean nothing to a model.
local core = require "rnn.core"

local known = {}

local PREFIX = "^characters not in the vocabulary: "

---The ids that the model has learnt. Without any ids of a text, which then has
---characters that "char" has none for, bytes stand for these.
local function known_part(tok, s, ids)
  ids = ids or core.vocab_new(tok.vocab:codes(), true):encode(tok:prepare(s))
  local list, most = {}, tok:usable()
  for _, id in ipairs(ids:totable()) do
    if id <= most then list[#list + 1] = id end
  end
  return core.ids(list)
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
  if unknown == "skip" then return known_part(tok, s, ids) end
  if ids then wrong = tok:missing(ids) end
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
