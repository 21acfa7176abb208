---F1 of chunks and entities, as the script conlleval of the CoNLL shared tasks
---counts them (Tjong Kim Sang and Buchholz 2000).
---
---A tag is O, or B, I, E or S with "-" and a type. Between two tags, the first
---and the last of a sentence having O beside them, there is a border if
---    the first one is O, E or S, or
---    the second one is O, B or S, or
---    their types differ.
---A span is what lies between two borders and is not O. So an I-X after O, or
---after a tag of another type, begins a span (as IOB1 has it, and as IOB2 that
---is ill-formed is read); an E or S ends one, and a B or I that no E follows
---ends where the next border is. (conlleval itself knows no S, and takes E-X
---B-X for one span; both are here as its successors have them.)
local input = require "rnn.metrics.input"
local report = require "rnn.metrics.report"

local OUTSIDE = {prefix = "O", type = ""}
local BEGINS = {O = true, B = true, S = true}
local ENDS = {O = true, E = true, S = true}

---A kind: tags as prefix and type; equal tags are one table.
local function tag_kind()
  local seen = {O = OUTSIDE}
  return function(x)
    if seen[x] then return seen[x] end
    if type(x) ~= "string" then return input.wrong("a tag", x) end
    local prefix, label = x:match "^([BIES])%-(.*)$"
    prefix = prefix or x:match "^[BIES]$"
    if not prefix then
      return input.wrong("O, or B-, I-, E- or S- and a type", x)
    end
    seen[x] = {prefix = prefix, type = label or ""}
    return seen[x]
  end
end

local function is_border(a, b)
  return ENDS[a.prefix] or BEGINS[b.prefix] or a.type ~= b.type
end

---The spans of a sentence: its type for each "first last".
local function spans_of(tags)
  local spans, first, before = {}, 1, OUTSIDE
  for i = 1, #tags + 1 do
    local tag = tags[i] or OUTSIDE
    if is_border(before, tag) then
      if before ~= OUTSIDE then
        spans[first .. " " .. i - 1] = before.type
      end
      first = i
    end
    before = tag
  end
  return spans
end

---Adds the spans of a sentence to the counts of their types.
local function count_spans(counts, guess, truth)
  local guessed, wanted = spans_of(guess), spans_of(truth)
  for place, label in pairs(guessed) do
    report.count(counts, label, "guess")
    if wanted[place] == label then report.count(counts, label, "correct") end
  end
  for _, label in pairs(wanted) do report.count(counts, label, "truth") end
end

---F1 of spans of tagged sentences, in IOB1, IOB2 or BIOES (also called IOBES).
---@param guess string[][] tags of each sentence
---@param truth string[][] as many
---@return number f1 0 to 1, of the spans of all types
---@return rnn.Report report by type; accuracy is that of tags
return function(guess, truth)
  local sentence = input.list(tag_kind())
  guess, truth = input.lists("span_f1", "guess", guess, sentence,
                             "truth", truth, sentence)
  local counts, right, tags = {}, 0, 0
  for i, wanted in ipairs(truth) do
    if #guess[i] ~= #wanted then
      error(("span_f1: item %d of 'guess' has %d tags, of 'truth' %d"):format(
            i, #guess[i], #wanted), 2)
    end
    for k, tag in ipairs(wanted) do
      if guess[i][k] == tag then right = right + 1 end
    end
    tags = tags + #wanted
    count_spans(counts, guess[i], wanted)
  end
  if tags == 0 then error("span_f1: the sentences have no tags", 2) end
  local r = report.new(counts, right / tags)
  return r.micro.f1, r
end
