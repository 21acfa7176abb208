---Spans of tagged sentences, and the schemes that tags write them in.
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
---
---    local data = require "rnn.data"
---    local tags = {"O", "B-NP", "I-NP", "B-VP"}
---    print(table.concat(data.bioes(tags), " "))   -- O B-NP E-NP S-VP
---    print(data.spans(tags)[1].last, data.scheme {tags})   -- 3, BIO
local spans = {}

---@class rnn.Span
---@field first integer
---@field last integer
---@field type string

---@class rnn.SpanTag
---@field prefix "O"|"B"|"I"|"E"|"S"
---@field type string

spans.OUTSIDE = {prefix = "O", type = ""}
local BEGINS = {O = true, B = true, S = true}
local ENDS = {O = true, E = true, S = true}

---@param tag string
---@return rnn.SpanTag|nil nil for what is no tag of a span
function spans.parse(tag)
  if tag == "O" then return spans.OUTSIDE end
  local prefix, label = tag:match "^([BIES])%-(.*)$"
  prefix = prefix or tag:match "^[BIES]$"
  return prefix and {prefix = prefix, type = label or ""}
end

local function is_border(a, b)
  return ENDS[a.prefix] or BEGINS[b.prefix] or a.type ~= b.type
end

---The spans of parsed tags.
---@param tags rnn.SpanTag[]
---@return rnn.Span[]
function spans.of(tags)
  local list, first, before = {}, 1, spans.OUTSIDE
  for i = 1, #tags + 1 do
    local tag = tags[i] or spans.OUTSIDE
    if is_border(before, tag) then
      if before.prefix ~= "O" then
        list[#list + 1] = {first = first, last = i - 1, type = before.type}
      end
      first = i
    end
    before = tag
  end
  return list
end

---The spans of a sentence's tags.
---@param tags string[]
---@return rnn.Span[]
function spans.spans(tags)
  local parsed = {}
  for i, tag in ipairs(tags) do
    parsed[i] = spans.parse(tag) or
      error(("spans: tag %d must be O, or B-, I-, E- or S- and a type, got " ..
             "'%s'"):format(i, tag), 2)
  end
  return spans.of(parsed)
end

---The scheme of tagged sentences: BIOES when E or S occur; nil when a tag is
---none of a span, or all are O.
---@param list string[][] tags of each sentence
---@return "BIO"|"BIOES"|nil
function spans.scheme(list)
  local scheme
  for _, tags in ipairs(list) do
    for _, tag in ipairs(tags) do
      local parsed = tag:find "^[BIES]%-." and spans.parse(tag)
      if not parsed and tag ~= "O" then return nil end
      if parsed and (parsed.prefix == "E" or parsed.prefix == "S") then
        scheme = "BIOES"
      elseif parsed then
        scheme = scheme or "BIO"
      end
    end
  end
  return scheme
end

---Tags written anew: name(span, i) for each place of a span.
local function rewrite(tags, name)
  local out = {}
  for i = 1, #tags do out[i] = "O" end
  for _, span in ipairs(spans.spans(tags)) do
    for i = span.first, span.last do
      out[i] = name(span, i) .. (span.type ~= "" and "-" .. span.type or "")
    end
  end
  return out
end

---The same spans in BIOES: S is a span of one, E ends one.
---@param tags string[]
---@return string[]
function spans.bioes(tags)
  return rewrite(tags, function(span, i)
    if span.first == span.last then return "S" end
    return i == span.first and "B" or i == span.last and "E" or "I"
  end)
end

---The same spans in BIO (IOB2): each begins with B.
---@param tags string[]
---@return string[]
function spans.bio(tags)
  return rewrite(tags, function(span, i)
    return i == span.first and "B" or "I"
  end)
end

return spans
