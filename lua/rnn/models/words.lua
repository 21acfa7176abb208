---Words as models read them: looked up with case folded and digits as 0, and
---spelt as they are by a bidirectional LSTM or a convolution over their
---characters (Lample et al. 2016; Ma and Hovy 2016). The characters of a word
---are read once for all its places in a batch.
local core = require "rnn.core"
local data = require "rnn.data"
local new_layer = require("rnn.layer").named
local units = require "rnn.data.units"

local op = core.op
local words = {}

local LONGEST = 100    -- characters of a word that are read
local TOGETHER = 1024  -- words whose characters are read together

---A word as it is looked up.
---@param word string
---@return string
function words.fold(word)
  return (core.normalise(word, "fold"):gsub("%d", "0"))
end

---The characters of a word that are read: the first ones of a long one.
---@param word string
---@return string[]
function words.spell(word)
  if #word <= LONGEST then return units.chars(word) end
  local chars = units.chars(word:sub(1, 4 * LONGEST))
  return table.move(chars, 1, math.min(#chars, LONGEST), 1, {})
end

---@class rnn.SpellingConfig
---@field chars "lstm"|"cnn"|"none"
---@field char_embed integer
---@field char_hidden integer units in each direction, or filters

---Gives a model the layers that read characters: char_embed, and char_rnn or
---char_cnn.
---@param m table
---@param chars rnn.Labels|nil
---@param o rnn.SpellingConfig
---@return integer F what they give for a word; 0 without characters
function words.add_chars(m, chars, o)
  if not chars then return 0 end
  m.char_embed = new_layer("Embedding", #chars, o.char_embed)
  if o.chars == "cnn" then
    m.char_cnn = new_layer("Conv1d", o.char_embed, o.char_hidden, 3,
                           {padding = 1})
    return o.char_hidden
  end
  m.char_rnn = new_layer("LSTM", o.char_embed, o.char_hidden,
                     {bidirectional = true})
  return 2 * o.char_hidden
end

---The different words of rows, and the number of each at every place (T,N).
local function different(rows, T)
  local list, number, places = {}, {}, {}
  for t = 1, T do
    local step = {}
    for n, row in ipairs(rows) do
      local word = row.spelt[t] or row.spelt[1]
      if not number[word] then
        list[#list + 1] = word
        number[word] = #list
      end
      step[n] = number[word]
    end
    places[t] = step
  end
  return list, core.ids(places)
end

---What the characters of some words say (words,F).
local function read_words(m, chars, list)
  local ids = {}
  for i, word in ipairs(list) do ids[i] = chars:encode(words.spell(word)) end
  local x, lengths = data.padded(ids, {pad = 1})
  x = m.char_embed(x)
  if m.char_cnn then
    return new_layer("Pool", "max")(m.char_cnn(x, lengths), lengths)
  end
  local _, state = m.char_rnn(x, nil, lengths)
  return op.cat(state.h:select(1, 1), state.h:select(1, 2), 2)
end

---What the characters of all words say.
---@param m table with the layers of words.add_chars
---@param chars rnn.Labels
---@param rows {spelt: string[]}[] N
---@param T integer words of the longest
---@return rnn.Tensor (T,N,F)
function words.read_chars(m, chars, rows, T)
  local list, places = different(rows, T)
  local parts = {}
  for from = 1, #list, TOGETHER do
    local to = math.min(#list, from + TOGETHER - 1)
    parts[#parts + 1] = read_words(m, chars, table.move(list, from, to, 1, {}))
  end
  return op.embedding(#parts > 1 and op.cat(parts, 1) or parts[1], places)
end

return words
