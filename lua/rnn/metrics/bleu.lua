---BLEU (Papineni et al. 2002) as sacreBLEU computes it (Post 2018). With c_n of
---the t_n n-grams of all guesses found in their references, each at most as
---often as in the reference that has it most, and the lengths g of the guesses
---and r of the references, of each item the one nearest in length:
---    p_n = c_n / t_n,  penalty = min(1, exp(1 - r / g))
---    BLEU = 100 penalty (p_1 p_2 p_3 p_4)^(1/4)
---
---Tokens: "13a" splits Western text as WMT does (mteval-v13a), "char" takes
---each character but white space, "none" splits at white space, for text that
---is tokenized. Texts are compared as they are, upper and lower case too.
---
---Smoothing (Chen and Cherry 2014): where c_n = 0, "exp" has 1 / (2^k t_n) for
---the k-th of them, "floor" value / t_n with a value of 0.1; "add-k" adds a
---value of 1 to c_n and t_n for n > 1. If no token is found, BLEU is 0 whatever
---the smoothing.
local check = require "rnn.check"
local core = require "rnn.core"
local input = require "rnn.metrics.input"
local tokens = require "rnn.metrics.tokens"

local ORDER = 4

---@class rnn.BleuOptions
---@field tokenize? "13a"|"char"|"none" default 13a
---@field smooth? "exp"|"floor"|"add-k"|"none" default exp
---@field smooth_value? number default 0.1 for floor, 1 for add-k
---@field effective_order? boolean only n that the guesses are long enough for:
---for the BLEU of single sentences, which are lists of one item; default false

---@class rnn.BleuReport
---@field score number 0 to 100
---@field precisions number[] p_1 to p_4 after smoothing, 0 to 100
---@field counts integer[] c_1 to c_4
---@field totals integer[] t_1 to t_4
---@field penalty number for brevity, 0 to 1
---@field guess_length integer g in tokens
---@field truth_length integer r
---@field signature string what was computed, in sacreBLEU's words
local Report = {__name = "rnn.BleuReport"}

---The line that sacreBLEU prints.
function Report:__tostring()
  local p = {}
  for n, x in ipairs(self.precisions) do p[n] = ("%.1f"):format(x) end
  return ("BLEU|%s = %.2f %s (BP = %.3f ratio = %.3f hyp_len = %d " ..
          "ref_len = %d)"):format(self.signature, self.score,
         table.concat(p, "/"), self.penalty,
         self.truth_length > 0 and self.guess_length / self.truth_length or 0,
         self.guess_length, self.truth_length)
end

-- {== Tokens ==

local ENTITIES = {{"&quot;", '"'}, {"&amp;", "&"}, {"&lt;", "<"},
                  {"&gt;", ">"}}

local function tokenize_13a(s)
  s = tokens.plain(s):gsub("<skipped>", ""):gsub("%-\n", ""):gsub("\n", " ")
  for _, entity in ipairs(ENTITIES) do s = s:gsub(entity[1], entity[2]) end
  s = (" " .. s .. " "):gsub("[{-~[-` -&(-+:-@/]", " %0 ")
  s = s:gsub("([^0-9])([.,])", "%1 %2 ")      -- unless a digit is before it
  s = s:gsub("([.,])([^0-9])", " %1 %2")      -- or after it
  return tokens.split((s:gsub("([0-9])(%-)", "%1 %2 ")))
end

local TOKENIZE = {["13a"] = tokenize_13a, char = tokens.marks,
                  none = tokens.split}

-- }==

-- {== Counts ==

---For each n-gram the most of what the texts have.
local function most(texts, n)
  local counts = {}
  for _, list in ipairs(texts) do
    for key, count in pairs(tokens.ngrams(list, n)) do
      counts[key] = math.max(counts[key] or 0, count)
    end
  end
  return counts
end

---The length nearest to n, the shorter one of two.
local function nearest_length(texts, n)
  local best
  for _, list in ipairs(texts) do
    local far = best and math.abs(best - n) or math.huge
    local d = math.abs(#list - n)
    if d < far or d == far and #list < best then best = #list end
  end
  return best
end

---Adds the counts of one item.
local function add(r, guess, truth)
  r.guess_length = r.guess_length + #guess
  r.truth_length = r.truth_length + nearest_length(truth, #guess)
  for n = 1, ORDER do
    r.counts[n] = r.counts[n] + tokens.shared(tokens.ngrams(guess, n),
                                              most(truth, n))
    r.totals[n] = r.totals[n] + math.max(0, #guess - n + 1)
  end
end

-- }==

-- {== Score ==

local function brevity_penalty(guess, truth)
  if guess >= truth then return 1.0 end
  return guess > 0 and math.exp(1 - truth / guess) or 0.0
end

---Precisions of the n that the guesses are long enough for; others are 0.
local function precisions(r, smooth, value)
  local p, halves, orders = {}, 1, 0
  for n = 1, ORDER do
    local count, total = r.counts[n], r.totals[n]
    if smooth == "add-k" and n > 1 then
      count, total = count + value, total + value
    end
    if total == 0 then break end
    if count == 0 and smooth == "exp" then
      halves = 2 * halves
      count = 1 / halves
    elseif count == 0 and smooth == "floor" then
      count = value
    end
    p[n], orders = 100 * count / total, n
  end
  for n = orders + 1, ORDER do p[n] = 0.0 end
  return p, orders
end

local function score(r, o)
  r.penalty = brevity_penalty(r.guess_length, r.truth_length)
  if r.counts[1] == 0 then
    r.precisions = {0.0, 0.0, 0.0, 0.0}
    return 0.0
  end
  local orders
  r.precisions, orders = precisions(r, o.smooth, o.value)
  if not o.effective_order then orders = ORDER end
  local sum = 0.0
  for n = 1, orders do sum = sum + math.log(r.precisions[n]) end
  return r.penalty * math.exp(sum / orders)
end

-- }==

local KNOWN = {tokenize = {"13a", "char", "none"},
               smooth = {"exp", "floor", "add-k", "none"},
               smooth_value = true, effective_order = true}
local VALUE = {floor = 0.1, ["add-k"] = 1}

local function check_value(value, smooth)
  if value ~= nil and not (VALUE[smooth] and input.number(value) and
                           value > 0) then
    error(("bleu: 'smooth_value' must be a number > 0 and goes with floor " ..
           "and add-k, got %s"):format(value), 3)
  end
end

local function signature(o, truth)
  local smooth = o.value and ("%s[%.2f]"):format(o.smooth, o.value) or o.smooth
  return ("nrefs:%s|case:mixed|eff:%s|tok:%s|smooth:%s|version:rnnlua-%s")
         :format(tokens.count_references(truth),
                 o.effective_order and "yes" or "no", o.tokenize, smooth,
                 core.version)
end

---BLEU of a corpus.
---@param guess string[] one text for each item
---@param truth (string|string[])[] its reference or references
---@param opts? rnn.BleuOptions
---@return number score 0 to 100
---@return rnn.BleuReport report
return function(guess, truth, opts)
  guess, truth = input.lists("bleu", "guess", guess, input.text,
                             "truth", truth, input.texts)
  opts = opts or {}
  check.names("bleu", opts, KNOWN)
  local o = {
    tokenize = check.word("bleu", "tokenize", opts.tokenize, KNOWN.tokenize),
    smooth = check.word("bleu", "smooth", opts.smooth, KNOWN.smooth),
    effective_order = opts.effective_order,
  }
  check_value(opts.smooth_value, o.smooth)
  o.value = opts.smooth_value or VALUE[o.smooth]
  local split = TOKENIZE[o.tokenize]
  local r = setmetatable({counts = {0, 0, 0, 0}, totals = {0, 0, 0, 0},
                          guess_length = 0, truth_length = 0}, Report)
  for i, text in ipairs(guess) do
    local references = {}
    for k, reference in ipairs(truth[i]) do references[k] = split(reference) end
    add(r, split(text), references)
  end
  r.score, r.signature = score(r, o), signature(o, truth)
  return r.score, r
end
