---rnn.CRF(K, {constraints = {}}): a linear-chain conditional random field
---(Lafferty, McCallum and Pereira 2001) over K tags, on top of scores of each
---tag at each step, as a Linear layer gives them. It learns what follows what:
---    s(y) = start_y1 + sum_t e_t,yt + sum_t transitions_yt,y(t+1) + end_yL
---    p(y) = e^s(y) / sum of e^s over all sequences of tags
---
---    local tags = {"O", "B-PER", "I-PER"}
---    local crf = rnn.CRF(3, {constraints = rnn.CRF.constraints(tags, "BIO")})
---    local scores = rnn.randn {5, 2, 3}                    -- (T,N,K)
---    local gold = rnn.ids {{1, 2}, {2, 3}, {3, 1}, {1, 1}, {1, 1}}
---    local loss = crf:loss(scores, gold, {5, 3})           -- -log p, to train
---    local best, score = crf:decode(scores, {5, 3})        -- (T,N), (N)
---
---Initial values uniform in ±0.1. Sequences with forbidden steps have
---probability 0: they are never decoded, and their scores have no gradient.
local core = require "rnn.core"
local layer = require "rnn.layer"

---Forbidden steps {from, to} of tags, from 0, the start, or to K + 1, the end.
---@alias rnn.CRFConstraints integer[][]

---@class rnn.CRF
---@field transitions rnn.Tensor (K,K): from, to
---@field start_transitions rnn.Tensor (K)
---@field end_transitions rnn.Tensor (K)
---Call: as decode.

local MASKS = {}   -- the key of a cache, which no walk of a model visits

---What is wrong with a list of forbidden steps, if anything is.
local function check_constraints(sizes, options)
  local K = sizes[1]
  if K < 1 then return "'num_tags' must be at least 1, got " .. K end
  for i, step in ipairs(options.constraints) do
    local from = type(step) == "table" and step[1]
    local to = type(step) == "table" and step[2]
    if math.type(from) ~= "integer" or math.type(to) ~= "integer" or
       from < 0 or from > K or to < 1 or to > K + 1 then
      return ("'constraints' must be steps {from, to} of tags from 0 (start) "
              .. "to %d (end), got another value at %d"):format(K + 1, i)
    end
  end
end

---Masks of forbidden steps: transitions, start, end.
local function masks(self)
  if self[MASKS] then return self[MASKS] end
  local K = self.config.sizes[1]
  local m = {transitions = core.zeros {K, K}, start = core.zeros {K},
             last = core.zeros {K}}
  for _, step in ipairs(self.config.options.constraints) do
    local from, to = step[1], step[2]
    if from > 0 and to <= K then
      core.set(m.transitions, (from - 1) * K + to, 1)
    elseif to <= K then
      core.set(m.start, to, 1)
    elseif from > 0 then
      core.set(m.last, from, 1)
    end
  end
  self[MASKS] = m
  return m
end

---The scores of steps, -inf where they are forbidden.
local function steps(self)
  if #self.config.options.constraints == 0 then
    return self.transitions, self.start_transitions, self.end_transitions
  end
  local m = masks(self)
  return self.transitions:masked_fill(m.transitions, -math.huge),
         self.start_transitions:masked_fill(m.start, -math.huge),
         self.end_transitions:masked_fill(m.last, -math.huge)
end

local CRF = layer.class {
  name = "CRF",
  sizes = {"num_tags"},
  options = {constraints = {}},
  shapes = function(sizes)
    local K = sizes[1]
    return {{"transitions", {K, K}}, {"start_transitions", {K}},
            {"end_transitions", {K}}}
  end,
  check = check_constraints,
  init = function(self) layer.uniform(self, 0.1) end,
  call = function(self, ...) return self:decode(...) end,
}

---Negative log-probability of tags, in nats.
---@param emissions rnn.Tensor (T,N,K)
---@param tags rnn.Tensor (T,N) int32; after the lengths anything
---@param lengths? integer[] steps of each row; default T
---@param opts? {reduction: rnn.Reduction} default "mean", over rows of one step
---or more
---@return rnn.Tensor loss
function CRF:loss(emissions, tags, lengths, opts)
  local trans, start, last = steps(self)
  return core.op.crf(emissions, tags, trans, start, last,
                     {lengths = lengths,
                      reduction = opts and opts.reduction})
end

---The likeliest tags (Viterbi 1967); 0 after the lengths.
---@param emissions rnn.Tensor (T,N,K)
---@param lengths? integer[]
---@param opts? {n: integer} so many, best first
---@return rnn.Tensor tags (T,N) int32; with n (n,T,N), best first, all 0 where
---there are fewer sequences
---@return rnn.Tensor scores (N); with n (n,N): log-probabilities but for a
---constant of each row, -inf where there are fewer
function CRF:decode(emissions, lengths, opts)
  local n = opts and opts.n
  local trans, start, last = steps(self)
  local tags, scores = core.op.crf_decode(emissions, trans, start, last,
                                          {lengths = lengths, n = n})
  if n then return tags, scores end
  return tags:select(1, 1), scores:select(1, 1)
end

---The probability of each tag at each step; 0 after the lengths.
---@param emissions rnn.Tensor (T,N,K)
---@param lengths? integer[]
---@return rnn.Tensor p (T,N,K)
function CRF:marginals(emissions, lengths)
  local trans, start, last = steps(self)
  return core.op.crf_marginals(emissions, trans, start, last,
                               lengths and {lengths = lengths})
end

---Prefixes of a scheme, those that go on with a span, those that one may go on
---after, and those that may end one.
local SCHEMES = {
  BIO = {prefixes = "BI", inside = "I", open = "BI", ends = "BI"},
  BIOES = {prefixes = "BIOES", inside = "IE", open = "BI", ends = "ES"},
  BMES = {prefixes = "BMES", inside = "ME", open = "BM", ends = "ES",
          plain = true},
}

local OUTSIDE = {prefix = "O"}   -- as the start and the end are

local function has(set, prefix)
  return set:find(prefix, 1, true) ~= nil
end

---A tag as {prefix, kind}: "B-PER", or "O".
local function parse(tag, i, name)
  local scheme = SCHEMES[name]
  if scheme.plain then
    if #tag == 1 and has(scheme.prefixes, tag) then return {prefix = tag} end
    error(("constraints: tag %d must be B, M, E or S, got '%s'"):format(i,
          tag), 3)
  end
  if tag == "O" then return OUTSIDE end
  local prefix, kind = tostring(tag):match "^(%u)%-(.+)$"
  if prefix and prefix ~= "O" and has(SCHEMES[name].prefixes, prefix) then
    return {prefix = prefix, kind = kind}
  end
  error(("constraints: tag %d is no %s tag, got '%s' (tags are O, B-KIND and "
         .. "so on)"):format(i, name, tag), 3)
end

---May tag b come right after tag a?
local function follows(scheme, a, b)
  if has(scheme.inside, b.prefix) then
    return has(scheme.open, a.prefix) and a.kind == b.kind
  end
  return a == OUTSIDE or has(scheme.ends, a.prefix)
end

---The steps that a tagging scheme forbids, for option `constraints`. BIO: I-X
---comes after B-X or I-X only. BIOES: a span is S-X, or B-X, any I-X, E-X.
---BMES, for characters of words: a word is S, or B, any M, E.
---@param tags string[] names of tags 1 to K: "O", "B-PER", "I-PER", ...
---@param scheme "BIO"|"BIOES"|"BMES"
---@return rnn.CRFConstraints
function CRF.constraints(tags, scheme)
  local s = SCHEMES[scheme]
  if not s then
    error(("constraints: the scheme must be 'BIO', 'BIOES' or 'BMES', got " ..
           "'%s'"):format(tostring(scheme)), 2)
  end
  local parsed, forbidden = {[0] = OUTSIDE}, {}
  for i, tag in ipairs(tags) do parsed[i] = parse(tag, i, scheme) end
  parsed[#tags + 1] = OUTSIDE
  for from = 0, #tags do
    for to = 1, #tags + 1 do
      if not follows(s, parsed[from], parsed[to]) then
        forbidden[#forbidden + 1] = {from, to}
      end
    end
  end
  return forbidden
end

return CRF
