---Sentences that are too long, as several: a text without ends of sentences
---would take memory and time without end.
---
---    local data = require "rnn.data"
---    local list = {{words = {"a", "b", "c"}, tags = {"X", "Y", "Z"}}}
---    local short, cut = data.shortened(list, 2)
---    print(#short, cut, short[2].tags[1])                  -- 2, 1, Z
local shortening = {}

---The part of a sentence from one word to another: of all its lists that have
---as many elements as words.
local function part_of(sentence, from, to)
  local part, count = {}, #sentence.words
  for name, value in pairs(sentence) do
    local column = type(value) == "table" and #value == count
    part[name] = column and table.move(value, from, to, 1, {}) or value
  end
  return part
end

---@param list rnn.Sentence[]
---@param most integer words of a sentence
---@return rnn.Sentence[] short those of 'list', or their parts
---@return integer cut how many were cut
function shortening.shortened(list, most)
  local short, cut = {}, 0
  for _, sentence in ipairs(list) do
    local count = #sentence.words
    if count <= most then
      short[#short + 1] = sentence
    else
      cut = cut + 1
      for from = 1, count, most do
        short[#short + 1] = part_of(sentence, from,
                                    math.min(from + most - 1, count))
      end
    end
  end
  return short, cut
end

return shortening
