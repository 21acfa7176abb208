---Tokens of any kind - words, characters, phonemes - and the ids 1 .. V that
---stand for them, the frequent ones first, those of the same frequency in the
---order of their bytes. What was not learnt is "<unk>".
---
---    local data = require "rnn.data"
---    local list = {{words = {"a", "b", "a"}}, {words = {"c"}}}
---    local words = data.vocabulary(list, "words", {max_size = 3})
---    print(#words, table.concat(words.names, " "))         -- 3, <unk> a b
---    local ids, unknown = words:encode {"b", "c"}
---    print(ids[1], ids[2], unknown)                        -- 3, 1, 1
---    words = assert(data.vocabulary_from(words:spec()))
local check = require "rnn.check"
local json = require "rnn.json"

local M = {}

local UNKNOWN = "<unk>"

---@class rnn.Vocabulary
---@field names string[] of each id
---@field ids table<string, integer> of each token
---@field unknown integer|nil the id of "<unk>"
---@operator len: integer
local Vocabulary = {}

local META = {
  __index = Vocabulary, __name = "rnn.Vocabulary",
  __len = function(self) return #self.names end,
  __tostring = function(self)
    return ("a vocabulary of %d tokens"):format(#self.names)
  end,
}

local function new(names)
  local ids = {}
  for i, name in ipairs(names) do ids[name] = i end
  return setmetatable({names = names, ids = ids, unknown = ids[UNKNOWN]}, META)
end

---Counts the tokens of lists; a list of lists is gone through.
local function count(what, list, counts)
  for _, token in ipairs(list) do
    if type(token) == "table" then
      count(what, token, counts)
    elseif type(token) == "string" then
      counts[token] = (counts[token] or 0) + 1
    else
      error(("%s: a token must be a string, got %s"):format(what, type(token)),
            0)
    end
  end
end

---Tokens that occur often enough, the most frequent first, without those that
---have an id already and those that are no UTF-8.
local function ranked(counts, known, least)
  local list = {}
  for token, n in pairs(counts) do
    if n >= least and not known[token] and utf8.len(token) then
      list[#list + 1] = token
    end
  end
  table.sort(list, function(a, b)
    if counts[a] ~= counts[b] then return counts[a] > counts[b] end
    return a < b
  end)
  return list
end

---@class rnn.VocabularyOptions
---@field min_count? integer times that a token must occur; default 1
---@field max_size? integer tokens in all, special ones too; default no limit
---@field special? string[] tokens with the first ids, whether they occur or
---not; default {"<unk>"}

local OPTIONS = {min_count = true, max_size = true, special = true}

---Learns tokens.
---@param list any[] lists of tokens (or of lists of them), or tables that have
---them in a field
---@param field? string
---@param opts? rnn.VocabularyOptions
---@return rnn.Vocabulary
---@return table<string, integer> counts of all tokens that occur
function M.vocabulary(list, field, opts)
  opts = opts or {}
  check.names("vocabulary", opts, OPTIONS)
  local least = check.integer("vocabulary", "min_count", opts.min_count, 1, 1)
  local special = opts.special or {UNKNOWN}
  local names = table.move(special, 1, #special, 1, {})
  local most = check.integer("vocabulary", "max_size", opts.max_size,
                             math.maxinteger, #names + 1)
  local counts, known = {}, {}
  for _, value in ipairs(list) do
    count("vocabulary", field and value[field] or value, counts)
  end
  for _, name in ipairs(names) do known[name] = true end
  local found = ranked(counts, known, least)
  table.move(found, 1, math.min(#found, most - #names), #names + 1, names)
  return new(names), counts
end

---@param token string
---@return integer|nil id that of "<unk>" for a token that is not known; nil
---when there is none
function Vocabulary:id(token)
  return self.ids[token] or self.unknown
end

---@param tokens string[]
---@return integer[] ids without "<unk>", 0 for tokens that are not known
---@return integer unknown how many these are
function Vocabulary:encode(tokens)
  local ids, other, unknown = {}, self.unknown or 0, 0
  for i, token in ipairs(tokens) do
    local id = self.ids[token]
    ids[i] = id or other
    if not id then unknown = unknown + 1 end
  end
  return ids, unknown
end

---@param ids integer[]
---@return string[] tokens
function Vocabulary:decode(ids)
  local names = {}
  for i, id in ipairs(ids) do
    names[i] = self.names[id] or
      error(("decode: id %s at position %d is not in 1..%d"):format(id, i,
            #self.names), 2)
  end
  return names
end

---The tokens as JSON, for rnn.save's metadata: {words = words}.
---@return string
function Vocabulary:spec()
  return json.encode(self.names)
end

---The vocabulary of what vocabulary:spec() gave; nothing in it is trusted.
---@param spec string
---@return rnn.Vocabulary|nil
---@return string? message
---@return string? code "EFORMAT"
function M.vocabulary_from(spec)
  local names = type(spec) == "string" and json.decode(spec)
  local sound, seen = type(names) == "table" and #names > 0, {}
  for _, name in ipairs(sound and names or {}) do
    sound = sound and type(name) == "string" and not seen[name]
    seen[name] = true
  end
  if sound and json.encode(names) == spec then return new(names) end
  return nil, "a vocabulary is damaged or missing", "EFORMAT"
end

return M
