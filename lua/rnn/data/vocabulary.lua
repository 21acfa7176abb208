---Vocabularies: labels for the tokens of texts, the frequent ones first. Tokens
---are any strings - words, characters, a space too, phonemes. The first three
---ids are symbols: "<unk>" stands for all tokens that are not learnt, "<s>" and
---"</s>" for where a text begins and ends. A token that is written as a symbol
---is not learnt.
---
---    local data = require "rnn.data"
---    local list = {{words = {"the", "cat", "and", "the", "dog"}}}
---    local vocab = assert(data.vocabulary(list, "words", {max_size = 5}))
---    print(table.concat(vocab.names, " "))       -- <unk> <s> </s> the and
---    local ids, unseen = vocab:encode {"the", "dog"}
---    print(ids[1], ids[2], unseen)               -- 4, 1, 1
---    vocab = assert(data.vocabulary_from(vocab:spec()))
local check = require "rnn.check"
local json = require "rnn.json"
local labels = require "rnn.data.labels"

local vocabulary = {UNKNOWN = 1, BEGIN = 2, END = 3}

local SYMBOLS = {"<unk>", "<s>", "</s>"}
local IS_SYMBOL = {["<unk>"] = true, ["<s>"] = true, ["</s>"] = true}

local MAX_SIZE = 100000
local LONGEST = 4096    -- bytes of a token
local MOST = 5 << 20    -- bytes of a description; a model file holds two

local OPTIONS = {min_count = true, max_size = true}

---@class rnn.VocabularyOptions
---@field min_count? integer times a token must occur; default 1
---@field max_size? integer names at most, symbols among them; default 100000

local function new(names)
  return labels.new(names, #SYMBOLS, vocabulary.UNKNOWN)
end

---The tokens that are learnt, the most frequent first; of equals in the order
---of their bytes.
local function learnt(counts, least)
  local tokens = {}
  for token, count in pairs(counts) do
    if count >= least and #token <= LONGEST and not IS_SYMBOL[token] then
      tokens[#tokens + 1] = token
    end
  end
  table.sort(tokens, function(a, b)
    if counts[a] ~= counts[b] then return counts[a] > counts[b] end
    return a < b
  end)
  return tokens
end

---Learns the tokens of texts, which must be UTF-8.
---@param list any[] as for data.labels
---@param fields? string|string[] of the tables that have texts
---@param opts? rnn.VocabularyOptions
---@return rnn.Labels|nil
---@return string? message what makes it too much for a model file
---@return string? code "EFORMAT"
function vocabulary.vocabulary(list, fields, opts)
  opts = opts or {}
  check.names("vocabulary", opts, OPTIONS)
  local least = check.integer("vocabulary", "min_count", opts.min_count, 1, 1)
  local most = check.integer("vocabulary", "max_size", opts.max_size, MAX_SIZE,
                             #SYMBOLS)
  local counts = {}
  if type(fields) ~= "table" then fields = {fields} end
  for i = 1, math.max(1, #fields) do
    labels.count("vocabulary", list, fields[i], counts)
  end
  local names = table.move(SYMBOLS, 1, #SYMBOLS, 1, {})
  for i, token in ipairs(learnt(counts, least)) do
    if #SYMBOLS + i > most then break end
    if not utf8.len(token) then
      error(("vocabulary: %q is not valid UTF-8"):format(token), 2)
    end
    names[#SYMBOLS + i] = token
  end
  local size = #json.encode(names)
  if size <= MOST then return new(names) end
  return nil, ("%d tokens of %d bytes are more than a model file can hold; " ..
               "learn fewer: 'max_size'"):format(#names, size), "EFORMAT"
end

---The names of a description if they are such as vocabulary gives.
local function names_of(spec)
  local names, seen = json.decode(spec), {}
  if type(names) ~= "table" or #names < #SYMBOLS then return nil end
  for i, name in ipairs(names) do
    if type(name) ~= "string" or seen[name] or
       SYMBOLS[i] and SYMBOLS[i] ~= name then
      return nil
    end
    seen[name] = true
  end
  return json.encode(names) == spec and names or nil
end

---A vocabulary of what vocab:spec() gave; nothing in it is trusted.
---@param spec string
---@return rnn.Labels|nil
---@return string? message
---@return string? code "EFORMAT"
function vocabulary.vocabulary_from(spec)
  if type(spec) ~= "string" then
    error(("vocabulary_from: takes a string, got %s"):format(type(spec)), 2)
  end
  local names = names_of(spec)
  if names then return new(names) end
  return nil, "vocabulary: its description is damaged", "EFORMAT"
end

return vocabulary
