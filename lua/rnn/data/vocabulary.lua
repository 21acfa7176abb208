---Vocabularies: labels for the tokens of texts, the frequent ones first. Tokens
---are any strings - words, characters, a space too, phonemes. The first ids are
---symbols: "<unk>" stands for all tokens that are not learnt. A token that is
---written as a symbol, is no valid UTF-8 or has more than 4096 bytes is not.
---
---    local data = require "rnn.data"
---    local list = {{words = {"the", "cat", "and", "the", "dog"}}}
---    local vocab = assert(data.vocabulary(list, "words", {max_size = 3}))
---    print(table.concat(vocab.names, " "))       -- <unk> the and
---    local ids, unseen = vocab:encode {"the", "dog"}
---    print(ids[1], ids[2], unseen)               -- 2, 1, 1
---    vocab = assert(data.vocabulary_from(vocab:spec()))
local check = require "rnn.check"
local json = require "rnn.json"
local labels = require "rnn.data.labels"

local vocabulary = {
  ---Symbols of texts that are written: where one begins and ends.
  TEXT = {"<unk>", "<s>", "</s>"}, UNKNOWN = 1, BEGIN = 2, END = 3,
}

local WORDS = {"<unk>"}

local MAX_SIZE = 100000
local LONGEST = 4096    -- bytes of a token
local MOST = 5 << 20    -- bytes of a description; a model file holds three

local OPTIONS = {min_count = true, max_size = true, symbols = true}

---@class rnn.VocabularyOptions
---@field min_count? integer times a token must occur; default 1
---@field max_size? integer names at most, symbols among them; default 100000
---@field symbols? string[] default {"<unk>"}; without "<unk>" as the first one
---other tokens have no id

local function new(names, symbols)
  return labels.new(names, #symbols, symbols[1] == "<unk>" and
                    vocabulary.UNKNOWN or nil)
end

local function set_of(list)
  local set = {}
  for _, value in ipairs(list) do set[value] = true end
  return set
end

---The tokens that are learnt, the most frequent first; of equals in the order
---of their bytes.
local function learnt(counts, least, symbols)
  local tokens, is_symbol = {}, set_of(symbols)
  for token, count in pairs(counts) do
    if count >= least and #token <= LONGEST and utf8.len(token) and
       not is_symbol[token] then
      tokens[#tokens + 1] = token
    end
  end
  table.sort(tokens, function(a, b)
    if counts[a] ~= counts[b] then return counts[a] > counts[b] end
    return a < b
  end)
  return tokens
end

---Learns the tokens of texts.
---@param list any[] as for data.labels
---@param fields? string|string[] of the tables that have texts
---@param opts? rnn.VocabularyOptions
---@return rnn.Labels|nil
---@return string? message what makes it too much for a model file
---@return string? code "EFORMAT"
function vocabulary.vocabulary(list, fields, opts)
  opts = opts or {}
  check.names("vocabulary", opts, OPTIONS)
  local symbols = opts.symbols or WORDS
  local least = check.integer("vocabulary", "min_count", opts.min_count, 1, 1)
  local most = check.integer("vocabulary", "max_size", opts.max_size, MAX_SIZE,
                             #symbols)
  local counts = {}
  if type(fields) ~= "table" then fields = {fields} end
  for i = 1, math.max(1, #fields) do
    labels.count("vocabulary", list, fields[i], counts)
  end
  local names = table.move(symbols, 1, #symbols, 1, {})
  local tokens = learnt(counts, least, symbols)
  table.move(tokens, 1, math.min(#tokens, most - #symbols), #symbols + 1,
             names)
  local size = #json.encode(names)
  if size <= MOST then return new(names, symbols) end
  return nil, ("%d tokens of %d bytes are more than a model file can hold; " ..
               "learn fewer: 'max_size'"):format(#names, size), "EFORMAT"
end

---The names of a description if they are such as vocabulary gives.
local function names_of(spec, symbols)
  local names, seen = json.decode(spec), {}
  if type(names) ~= "table" or #names < math.max(1, #symbols) then
    return nil
  end
  for i, name in ipairs(names) do
    if type(name) ~= "string" or seen[name] or
       symbols[i] and symbols[i] ~= name then
      return nil
    end
    seen[name] = true
  end
  return json.encode(names) == spec and names or nil
end

---A vocabulary of what vocab:spec() gave; nothing in it is trusted.
---@param spec string|nil
---@param symbols? string[] that it must have; default {"<unk>"}
---@return rnn.Labels|nil
---@return string? message
---@return string? code "EFORMAT"
function vocabulary.vocabulary_from(spec, symbols)
  symbols = symbols or WORDS
  local names = type(spec) == "string" and names_of(spec, symbols)
  if names then return new(names, symbols) end
  return nil, "vocabulary: its description is damaged or missing", "EFORMAT"
end

return vocabulary
