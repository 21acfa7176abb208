---Files of pairs of texts, as scripts take them: two columns of one file, or
---two files whose lines belong together. Lines of one file with the same source
---are one pair with several targets, all of them right.
local data = require "rnn.data"
local units = require "rnn.data.units"

local pairfiles = {}

---Options that say how a file is read.
pairfiles.options = {
  {"separator", type = "choice", choices = {"tab", "space"}, default = "tab",
   help = "what stands behind the source in a line: a tab, or the first " ..
     "white space, as in dictionaries; WORD(2) is WORD there"},
  {"source-column", type = "int",
   help = "column of the sources, apart by tabs; -1 is the last (default 1)"},
  {"target-column", type = "int",
   help = "column of the targets (default 2)"},
  {"comment", type = "string", metavar = "MARK",
   help = "what begins a comment: # or ;;;"},
  {"no-stress", type = "flag",
   help = "leave out digits at the end of tokens of the target: AH0 is AH"},
}

---What is wrong with these options, if anything is.
---@param o table<string, any>
---@param two boolean whether targets have files of their own
---@return string? message
function pairfiles.fault(o, two)
  local columns = o.source_column or o.target_column
  if two and (columns or o.comment or o.separator ~= "tab") then
    return "--separator, --source-column, --target-column and --comment are " ..
           "for pairs in one file"
  elseif columns and o.separator ~= "tab" then
    return "--source-column and --target-column need --separator tab"
  elseif o.source_column == 0 or o.target_column == 0 then
    return "columns are counted from 1, or backwards from -1, got 0"
  end
end

---Columns, if they are not the first two.
local function columns_of(o)
  if not (o.source_column or o.target_column) then return nil end
  return {source = o.source_column or 1, target = o.target_column or 2}
end

---The options that the readers of rnn.data take.
local function reading(o, other)
  local r = {source = "text", target = "text", invalid = o.invalid}
  if other then return r end
  r.separator, r.columns, r.comment = o.separator, columns_of(o), o.comment
  return r
end

---The tokens of a target.
local function target_of(text, o)
  local tokens = units.of(text, o.target_units)
  for i, token in ipairs(o.no_stress and tokens or {}) do
    tokens[i] = token:gsub("(%D)%d+$", "%1")
  end
  return tokens
end

---Adds a target to a pair, unless it has it.
local function add(pair, tokens)
  local text = table.concat(tokens, " ")
  if pair.seen[text] then return end
  pair.seen[text] = true
  pair.targets[#pair.targets + 1] = tokens
end

---Reads pairs whose sides are lists of tokens.
---@param path string
---@param other string|nil the file of the targets
---@param o {separator: string, source_column: integer?, target_column:
---integer?, comment: string?, no_stress: boolean, invalid: string,
---source_units: "words"|"chars"|"jamo", target_units: "words"|"chars"}
---@return rnn.Seq2seqPair[]|nil with `notes`
---@return string? message
function pairfiles.read(path, other, o)
  local list, wrong
  if other then
    list, wrong = data.pairs(path, other, reading(o, other))
  else
    list, wrong = data.pairs(path, reading(o))
  end
  if not list then
    return nil, (wrong:gsub("'columns'", "--source-column, --target-column"))
  end
  local pairs_of, merged = {}, {notes = list.notes}
  for _, one in ipairs(list) do
    local source = one.source
    if o.separator == "space" then source = source:gsub("%(%d+%)$", "") end
    local pair = not other and pairs_of[source]
    if not pair then
      pair = {source = units.of(source, o.source_units), targets = {},
              seen = {}, line = one.line}
      pairs_of[source], merged[#merged + 1] = pair, pair
    end
    add(pair, target_of(one.target, o))
  end
  for _, pair in ipairs(merged) do pair.seen = nil end
  return merged
end

return pairfiles
