---rnn.vectors: pretrained word vectors - read, searched, put into an
---rnn.Embedding, written. Formats: "word2vec" (text with a first line of
---counts, as fastText's .vec), "binary" (word2vec's .bin) and "glove" (text
---without that line).
---
---    local v = rnn.vectors.new({"king", "queen", "man", "woman"},
---                              rnn.tensor {{2, 1}, {2, -1}, {1, 1}, {1, -1}})
---    local path = os.tmpname()
---    assert(v:save(path, {format = "glove"}))
---    v = assert(rnn.vectors.load(path))
---    print(v:analogy("man", "king", "woman", 1)[1].word)   -- queen
---    local embed, found = v:embedding({"queen", "dragon"}, {freeze = true})
---    print(embed, found.count, found.missing[1])           -- 1, dragon
---    os.remove(path)
local check = require "rnn.check"
local core = require "rnn.core"
local Embedding = require "rnn.layers.embedding"
local flat = require "rnn.flat"
local source = require "rnn.source"

local vectors = {}

---@class rnn.Vectors
---@field words string[]
---@field weight rnn.Tensor (V,D): row i is the vector of words[i]
---@field ids table<string, integer> the row of each word
---@field repeated integer words that the file had again; the first counts
---@operator len: integer
local Vectors = {}

local META = {
  __index = Vectors, __name = "rnn.Vectors",
  __len = function(self) return #self.words end,
  __tostring = function(self)
    return ("%d word vectors of %d dimensions"):format(#self.words,
           self.weight:shape()[2])
  end,
}

local FORMATS = {"word2vec", "binary", "glove"}

local function check_path(what, path)
  if type(path) ~= "string" then
    error(("%s: 'path' must be a string, got %s"):format(what, type(path)), 3)
  end
end

-- {== Making and reading ==

---Vectors of words. The tensor is shared, not copied: that of a trained layer,
---embed.weight, will do.
---@param words string[] different ones
---@param weight rnn.Tensor (V,D)
---@return rnn.Vectors
function vectors.new(words, weight)
  local shape = core.is_tensor(weight) and weight:shape() or {}
  if #shape ~= 2 or weight.dtype == "int32" then
    error(("vectors.new: 'weight' must be a tensor (V, D) of reals, got %s")
          :format(core.is_tensor(weight) and weight.dtype .. " (" ..
                  table.concat(shape, ", ") .. ")" or type(weight)), 2)
  end
  if type(words) ~= "table" or #words ~= shape[1] then
    error(("vectors.new: 'words' must be a list of %d words, got %s"):format(
          shape[1], type(words) == "table" and #words or type(words)), 2)
  end
  local ids = {}
  for i, word in ipairs(words) do
    if type(word) ~= "string" or ids[word] then
      error(("vectors.new: word %d must be a string that is not among those " ..
             "before it, got %s"):format(i, word), 2)
    end
    ids[word] = i
  end
  return setmetatable({words = words, weight = weight, ids = ids,
                       repeated = 0}, META)
end

---The words of a list or a set as a set, and their number.
local function set_of(words)
  if words == nil then return nil, math.huge end
  if type(words) ~= "table" then
    error(("vectors.load: 'words' must be a list or a set of words, got %s")
          :format(type(words)), 3)
  end
  local set, count = {}, 0
  local function add(word)
    if type(word) ~= "string" then
      error(("vectors.load: 'words' must hold strings, got %s"):format(word),
            4)
    end
    if not set[word] then count = count + 1 end
    set[word] = true
  end
  if #words > 0 then
    for _, word in ipairs(words) do add(word) end
  else
    for word in pairs(words) do add(word) end
  end
  return set, count
end

---Words and rows of all pieces, until there is nothing more to look for.
local function read_all(reader, read, o)
  local v = {words = {}, ids = {}, repeated = 0}
  local left, ended = o.limit
  repeat
    local s, wrong, code = read()
    if wrong then return nil, wrong, code end
    ended = not s
    reader:feed(s)
    local seen, repeated
    seen, repeated, code = reader:next(v.words, v.ids, o.wanted, left)
    if not seen then return nil, o.name .. ": " .. repeated, code end
    left, v.repeated = left - seen, v.repeated + repeated
  until ended or left == 0 or #v.words == o.count
  v.weight = reader:finish()
  return setmetatable(v, META)
end

local LOAD = {format = true, limit = true, words = true, dtype = true}

---What is wanted bounds the memory: `words` keeps only those, `limit` looks at
---the first so many of the file, which are the most frequent as a rule.
---@class rnn.VectorOptions
---@field format? "auto"|"word2vec"|"binary"|"glove" default auto: told by the
---beginning of the file
---@field limit? integer default all
---@field words? string[]|table<string, any> a list of words, or a set whose
---keys they are; default all
---@field dtype? "float32"|"float64" default that of rnn.default_dtype

---Reads a file of word vectors. Of a word that comes again the first vector
---counts. Words are bytes, kept as they are; numbers must be finite.
---@param path string "-" is standard input; gzip unpacks what ends in ".gz"
---@param opts? rnn.VectorOptions
---@return rnn.Vectors|nil
---@return string? message "path: line 7: reason"
---@return string? code "EIO" or "EFORMAT"
function vectors.load(path, opts)
  opts = opts or {}
  check_path("vectors.load", path)
  check.names("vectors.load", opts, LOAD)
  local wanted, count = set_of(opts.words)
  local format = check.word("vectors.load", "format", opts.format,
                            {"auto", table.unpack(FORMATS)})
  local dtype = check.word("vectors.load", "dtype",
                           opts.dtype or core.default_dtype(),
                           {"float32", "float64"})
  local limit = check.integer("vectors.load", "limit", opts.limit,
                              math.maxinteger, 1)
  local file, wrong, code = source.find(path)
  local read
  if file then read, wrong, code = file:reader() end
  if not read then return nil, wrong, code end
  local reader <close> = core.vector_reader(format, dtype)
  return read_all(reader, read, {wanted = wanted, count = count, limit = limit,
                                 name = file.name})
end

-- }==

-- {== Looking up ==

---@param word string
---@return integer|nil row of the weight
function Vectors:index(word)
  return self.ids[word]
end

---@param word string
---@return rnn.Tensor|nil vector a copy, (D)
function Vectors:get(word)
  local i = self.ids[word]
  return i and self.weight[i]:detach()
end

---The vector of a word, or the tensor itself; nil and a message.
local function find(self, what)
  if core.is_tensor(what) then return what end
  local vector = self:get(what)
  if vector then return vector end
  return nil, ("'%s' is not among the %d words"):format(what, #self.words)
end

---The k words nearest to a vector, those in 'but' left out.
local function nearest(self, vector, k, but, what)
  k = check.integer(what, "k", k, 10, 1)
  local most = math.max(1, math.min(k, #self) + #but)
  local rows, scores = core.nearest(self.weight, vector, most)
  local skip, list = {}, {}
  for _, word in ipairs(but) do skip[word] = true end
  for i, row in ipairs(rows) do
    local word = self.words[row]
    if not skip[word] and #list < k then
      list[#list + 1] = {word = word, score = scores[i]}
    end
  end
  return list
end

---@class rnn.Neighbour
---@field word string
---@field score number cosine

---The words whose vectors have the highest cosines to that of a word, which is
---not among them, or to a vector.
---@param what string|rnn.Tensor word, or vector (D)
---@param k? integer default 10
---@return rnn.Neighbour[]|nil best first
---@return string? message when the word is not there
function Vectors:nearest(what, k)
  local vector, wrong = find(self, what)
  if not vector then return nil, wrong end
  return nearest(self, vector, k, core.is_tensor(what) and {} or {what},
                 "nearest")
end

---@param a string|rnn.Tensor word, or vector (D)
---@param b string|rnn.Tensor
---@return number|nil cosine from -1 to 1
---@return string? message
function Vectors:similarity(a, b)
  local x, wrong = find(self, a)
  if not x then return nil, wrong end
  local y
  y, wrong = find(self, b)
  if not y then return nil, wrong end
  local _, scores = core.nearest(x:reshape {1, -1}, y, 1)
  return scores[1]
end

local function unit(x)
  local norm = core.stats(x).norm or 0
  return norm > 0 and x * (1 / norm) or x
end

---What is to c as b is to a: the words nearest to b - a + c, of vectors of
---length 1 (Mikolov et al. 2013), without these three.
---@param a string
---@param b string
---@param c string
---@param k? integer default 10
---@return rnn.Neighbour[]|nil best first
---@return string? message
function Vectors:analogy(a, b, c, k)
  local three = {}
  for i, word in ipairs {a, b, c} do
    local vector, wrong = find(self, word)
    if not vector then return nil, wrong end
    three[i] = unit(vector)
  end
  return nearest(self, three[2] - three[1] + three[3], k, {a, b, c}, "analogy")
end

-- }==

-- {== Into layers and files ==

---Rows (n,D) for words without a vector.
local UNKNOWN = {
  mean = function(weight, n, D)
    local rows = core.zeros({n, D}, weight.dtype)
    return #weight > 0 and rows + weight:mean(1) or rows
  end,
  zeros = function(weight, n, D) return core.zeros({n, D}, weight.dtype) end,
  uniform = function(weight, n, D)
    local s = core.stats(weight)
    local var = s.mean and s.norm ^ 2 / s.count - s.mean ^ 2 or 0
    local a = math.sqrt(3 * math.max(var, 0))
    return core.uniform({n, D}, -a, a, weight.dtype)
  end,
}

local function check_list(words)
  local is_list = type(words) == "table" and (#words > 0 or not next(words))
  for i = 1, is_list and #words or 0 do
    is_list = is_list and type(words[i]) == "string"
  end
  if not is_list then
    error(("vectors:embedding: 'words' must be a list of words, got %s")
          :format(type(words)), 3)
  end
end

local EMBEDDING = {freeze = true, dropout = true, unknown = true}

---@class rnn.VectorEmbeddingOptions
---@field freeze? boolean not trained; default false: fine-tuned
---@field dropout? number as of rnn.Embedding
---@field unknown? "mean"|"zeros"|"uniform" rows of words that have no vector:
---the mean of all vectors (the default), zeros, or uniform with the variance of
---all numbers (Kim 2014)

---@class rnn.Found
---@field count integer words that have a vector
---@field missing string[] the others, in order

---An embedding for a vocabulary: the row of id i is that of words[i].
---@param words string[]
---@param opts? rnn.VectorEmbeddingOptions
---@return rnn.Embedding
---@return rnn.Found found
function Vectors:embedding(words, opts)
  opts = opts or {}
  check.names("vectors:embedding", opts, EMBEDDING)
  local unknown = check.word("vectors:embedding", "unknown", opts.unknown,
                             {"mean", "zeros", "uniform"})
  check_list(words)
  local rows, missing, place = {}, {}, {}
  for i, word in ipairs(words) do
    local row = self.ids[word]
    local list = row and rows or missing
    list[#list + 1] = row or word
    place[i] = row and #rows or -#missing
  end
  for i, at in ipairs(place) do place[i] = at > 0 and at or #rows - at end
  local D = self.weight:shape()[2]
  local fill = UNKNOWN[#missing > 0 and unknown or "zeros"]
  local both = core.op.cat {self.weight:embedding(flat.ids(rows)),
                            fill(self.weight, #missing, D)}
  local embed = Embedding(#words, D, {freeze = opts.freeze,
                                      dropout = opts.dropout})
  embed.weight:copy(both:embedding(flat.ids(place)))
  return embed, {count = #rows, missing = missing}
end

---Writes all vectors, replacing a file as a whole or not at all. Text reads
---back as the same numbers; binary is float32.
---@param path string
---@param opts? {format: "word2vec"|"binary"|"glove"} default word2vec
---@return true|nil ok
---@return string? message "path: reason"
---@return string? code "EIO" or "EFORMAT": a word the format cannot hold
function Vectors:save(path, opts)
  opts = opts or {}
  check_path("vectors:save", path)
  check.names("vectors:save", opts, {format = true})
  local format = check.word("vectors:save", "format", opts.format, FORMATS)
  if path:find "%.gz$" then
    error("vectors:save: does not pack; leave out the '.gz' of " .. path, 2)
  end
  return core.vectors_save(path, format, self.words, self.weight)
end

-- }==

return vectors
