---What goes on in a language model while it reads a text (Karpathy, Johnson and
---Fei-Fei 2015): how likely it finds each token, what it expected in its place,
---and the outputs of its hidden units, after each token.
---
---    local rnn = require "rnn"
---    local tok = rnn.text.tokenizer("char"):fit "to be or not to be"
---    local model = require("rnn.models.lm").build {
---      tok = tok, cell = "lstm", embed = 8, hidden = 16, layers = 2}
---    local reading = rnn.activations.read(model, tok, "to be")
---    print(reading.tokens[2], reading.logp[2], reading.expected[2][1].token)
---    for _, column in ipairs(reading:varied(3)) do
---      print(reading:name(column), reading:values(column)[2])
---    end
local core = require "rnn.core"
local known = require "rnn.known"
local recurrent = require "rnn.layers.recurrent"

local activations = {}

local CHUNK = 256   -- tokens that go through the model at once

---@class rnn.Expected
---@field token string its bytes
---@field p number

---The units of all layers are columns, those of the first layer first.
---@class rnn.Reading
---@field tokens string[] bytes, one after the other those of the text
---@field logp number[] natural logarithm of the probability of each token after
---those before it, the first one after a new line
---@field expected rnn.Expected[][] the likeliest in place of each token
---@field outputs rnn.Tensor (T,L*H) of each unit once a token was read
---@field layers integer L
---@field units integer H of a layer
---@field choices integer tokens that the model chooses among
---@field rest integer tokens of the text that were not read
local Reading = {}
Reading.__index = Reading

-- {== Reading ==

---Outputs (T,N,H) of each layer of a recurrent layer, and its last state: its
---op is called once for each.
local function all_outputs(net, x, state)
  local kind, list = getmetatable(net).recurrent, {}
  local seen = setmetatable({op = function(...)
    local results = table.pack(kind.op(...))
    list[#list + 1] = results[1]
    return table.unpack(results, 1, results.n)
  end}, {__index = kind})
  local y, last = recurrent.call(net, seen, x, state)
  return list, y, last
end

---The bytes of a token behind another one: the first word of a line has no
---space before it.
local function piece(tok, before, id)
  return tok:decode {before, id}:sub(#tok:decode {before} + 1)
end

---A pass of a model over ids.
---@class rnn.Pass
---@field model rnn.LM
---@field tok rnn.Tokenizer
---@field ids integer[] the start, then those that are judged
---@field top integer
---@field state? table

---Adds the i-th id of a pass: how likely the model found it, and what it
---expected, by scores (U).
local function judge(self, pass, i, logp, scores)
  if logp ~= logp then
    return nil, "the logits are not finite: the model has diverged or is " ..
           "damaged", "EFORMAT"
  end
  local tok, before, t = pass.tok, pass.ids[i - 1], #self.tokens + 1
  self.tokens[t], self.logp[t] = piece(tok, before, pass.ids[i]), logp
  local ids, likely = core.rank(scores, pass.top, {})
  local expected, logs = {}, likely:totable()
  for k, id in ipairs(ids:totable()) do
    expected[k] = {token = piece(tok, before, id), p = math.exp(logs[k])}
  end
  self.expected[t] = expected
  return true
end

---Log-probabilities (T,U) of what follows outputs (T,1,H).
local function log_probabilities(model, h)
  local logits <close> = model:scores(h)
  local shape = logits:shape()
  local exact <close> = logits:reshape {shape[1], shape[3]}:to "float64"
  return exact:log_softmax(2)
end

---Reads the ids of a pass from one to another, and judges those that follow
---them. Returns the outputs of all units (T,L*H).
local function read_chunk(self, pass, from, to)
  local T = to - from + 1
  local x = core.ids(table.move(pass.ids, from, to, 1, {})):reshape {T, 1}
  local list, y
  list, y, pass.state = all_outputs(pass.model.rnn, pass.model:input(x),
                                    pass.state)
  self.layers, self.units = #list, list[1]:shape()[3]
  local p <close> = log_probabilities(pass.model, y)
  local scores <close> = p:to "float32"
  local U = p:shape()[2]
  self.choices = U
  for i = from + 1, math.min(to + 1, #pass.ids) do
    local row = i - from
    local logp = core.get(p, (row - 1) * U + pass.ids[i])
    local ok, wrong, code = judge(self, pass, i, logp, scores[row])
    if not ok then return nil, wrong, code end
  end
  return core.op.cat(list, 3):reshape {T, self.layers * self.units}
end

---@class rnn.ReadingOptions
---@field max? integer tokens that are read; default all. Each takes 4 bytes for
---every unit
---@field top? integer how many of the likeliest are told; default 5
---@field unknown? "error"|"skip" what to do with characters that the model has
---not learnt; default error

---@param model rnn.LM
---@param tok rnn.Tokenizer
---@param s string
---@param o? rnn.ReadingOptions
---@return rnn.Reading|nil
---@return string? message
---@return string? code "EFORMAT"
function activations.read(model, tok, s, o)
  o = o or {}
  local ids, wrong, code = known.encode(tok, s, o.unknown)
  if not ids then return nil, wrong, code end
  local T = math.min(#ids, o.max or #ids)
  if T == 0 then return nil, "has no token", "EFORMAT" end
  local pass = {model = model, tok = tok, top = o.top or 5,
                ids = known.start(tok):cat(ids:slice(1, 1, T), 1):totable()}
  local self = setmetatable({tokens = {}, logp = {}, expected = {},
                             rest = #ids - T}, Reading)
  local parts = {}
  for from = 1, T + 1, CHUNK do
    parts[#parts + 1], wrong, code = read_chunk(self, pass, from,
                                                math.min(T + 1,
                                                         from + CHUNK - 1))
    if wrong then return nil, wrong, code end
  end
  self.outputs = core.op.cat(parts, 1):slice(1, 2)
  return self
end

-- }==

-- {== Tokens ==

---Mean of the negative logarithms of the probabilities, in nats.
---@return number
function Reading:loss()
  local sum = 0.0
  for _, logp in ipairs(self.logp) do sum = sum - logp end
  return sum / #self.logp
end

---Where the model was surprised most, at the least likely tokens.
---@param n integer
---@return integer[] places, the first n or all
function Reading:surprises(n)
  local places = {}
  for t = 1, #self.logp do places[t] = t end
  table.sort(places, function(a, b)
    if self.logp[a] ~= self.logp[b] then return self.logp[a] < self.logp[b] end
    return a < b
  end)
  return table.move(places, 1, math.min(n, #places), 1, {})
end

---What stands around a token.
---@param t integer
---@param bytes integer that are enough on a side
---@return string before
---@return string after
---@return integer line in which it begins
function Reading:context(t, bytes)
  local before, after, line, k = "", "", 1, t
  while k > 1 and #before < bytes do
    k = k - 1
    before = self.tokens[k] .. before
  end
  k = t
  while k < #self.tokens and #after < bytes do
    k = k + 1
    after = after .. self.tokens[k]
  end
  for i = 1, t - 1 do
    line = line + select(2, self.tokens[i]:gsub("\n", ""))
  end
  return before, after, line
end

-- }==

-- {== Units ==

---@param column integer
---@return string name as "layer2:17"
function Reading:name(column)
  return ("layer%d:%d"):format((column - 1) // self.units + 1,
                               (column - 1) % self.units + 1)
end

---The column of a unit.
---@param name string "layer2:17", or "17" for a unit of the last layer
---@return integer|nil
---@return string? message
function Reading:column(name)
  local l, u = name:match "^layer(%d+):(%d+)$"
  u = u or name:match "^%d+$"
  if not u then
    return nil, ("a unit is given as 17 or layer2:17, got '%s'"):format(name)
  end
  l, u = math.tointeger(l or self.layers), math.tointeger(u)
  if not l or l < 1 or l > self.layers or not u or u < 1 or u > self.units then
    return nil, ("there is no unit %s: the model has %d layer%s of %d"):format(
           name, self.layers, self.layers == 1 and "" or "s", self.units)
  end
  return (l - 1) * self.units + u
end

---@param column integer
---@return number[] values of a unit, after each token
function Reading:values(column)
  return self.outputs:slice(2, column, column):reshape {#self.tokens}:totable()
end

---The n columns with the largest numbers.
local function largest(numbers, n)
  local columns = {}
  for c = 1, #numbers do columns[c] = c end
  table.sort(columns, function(a, b)
    if numbers[a] ~= numbers[b] then return numbers[a] > numbers[b] end
    return a < b
  end)
  return table.move(columns, 1, math.min(n, #columns), 1, {})
end

local function centred(x)
  return x - x:mean(1, true)
end

---The units that vary most.
---@param n integer
---@return integer[] columns
function Reading:varied(n)
  local d = centred(self.outputs)
  return largest((d * d):mean(1):totable(), n)
end

-- }==

-- {== What units may tell ==

---Simple things to say of a place in a text, after the token that stands there:
---characters since the line began, since white space; whether quotes are open,
---how many brackets are; whether the token has a capital, a digit, and whether
---it ends with white space.
activations.FEATURES = {"column", "word", "quotes", "brackets", "capital",
                        "digit", "space"}

---Characters but the first byte of each, which is all that matters here.
local CHARACTER = "[^\x80-\xBF]"
local OPEN, CLOSED = "\u{201C}", "\u{201D}"

local function count_character(at, c)
  at.column = c == "\n" and 0 or at.column + 1
  at.space = c:find "%s" and 1 or 0
  at.word = at.space == 1 and 0 or at.word + 1
  if c == '"' then at.quotes = 1 - at.quotes end
  if c:find "[%(%[{]" then at.brackets = at.brackets + 1 end
  if c:find "[%)%]}]" then at.brackets = math.max(0, at.brackets - 1) end
end

---@param tokens string[]
---@return table<string, number[]> features by name, a number for each token
function activations.features(tokens)
  local at = {column = 0, word = 0, quotes = 0, brackets = 0, space = 0}
  local features = {}
  for _, name in ipairs(activations.FEATURES) do features[name] = {} end
  for t, bytes in ipairs(tokens) do
    for c in bytes:gmatch(CHARACTER) do count_character(at, c) end
    if bytes:find(OPEN, 1, true) then at.quotes = 1 end
    if bytes:find(CLOSED, 1, true) then at.quotes = 0 end
    at.capital = bytes:find "%u" and 1 or 0
    at.digit = bytes:find "%d" and 1 or 0
    for name, list in pairs(features) do list[t] = at[name] end
  end
  return features
end

---Columns with mean 0 and norm 1, or 0 where nothing varies.
local function normal(x)
  local d = centred(x)
  local norm = (d * d):sum(1, true):sqrt()
  return d / norm:clamp(1e-6)
end

---The correlation of each unit with each feature, made once.
---@return table<string, number[]> by the name of the feature, for each column
function Reading:correlations()
  if self.correlated then return self.correlated end
  local rows, all = {}, activations.features(self.tokens)
  for i, name in ipairs(activations.FEATURES) do rows[i] = all[name] end
  local features = normal(core.tensor(rows, self.outputs.dtype):transpose())
  local r = features:transpose():matmul(normal(self.outputs)):totable()
  self.correlated = {}
  for i, name in ipairs(activations.FEATURES) do
    self.correlated[name] = r[i]
  end
  return self.correlated
end

---The units that go with a feature most, or against it; none when it is the
---same everywhere.
---@param feature string
---@param n integer
---@return integer[] columns
function Reading:alike(feature, n)
  local strength, most = {}, 0.0
  for c, r in ipairs(self:correlations()[feature]) do
    strength[c] = math.abs(r)
    most = math.max(most, strength[c])
  end
  return most > 0 and largest(strength, n) or {}
end

---The feature that a unit goes with most.
---@param column integer
---@return string feature
---@return number r correlation, 0 where nothing varies
function Reading:likeness(column)
  local best, most = activations.FEATURES[1], 0.0
  for _, name in ipairs(activations.FEATURES) do
    local r = self:correlations()[name][column]
    if math.abs(r) > math.abs(most) then best, most = name, r end
  end
  return best, most
end

-- }==

return activations
