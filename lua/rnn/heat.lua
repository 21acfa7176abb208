---Texts with a weight for each token, such as attention: as shades on a
---terminal, as plain text, as a page of HTML.
---
---    local heat = require "rnn.heat"
---    local tokens, weights = {"a", "fine", "film"}, {0.1, 0.7, 0.2}
---    print(heat.plain(tokens, weights))        -- a:0.10 fine:0.70 film:0.20
---    print(heat.shades(tokens, weights, " "))
---    local page = heat.html({{label = "pos", tokens = tokens,
---                             weights = weights}}, " ", "opinions")
local core = require "rnn.core"
local show = require "rnn.show"
local textmap = require "rnn.textmap"

local heat = {}

---Appends tokens as pieces of a text map, each weight as a part of the largest.
local function add(pieces, values, notes, tokens, weights, between)
  local most = 1e-30
  for _, w in ipairs(weights) do most = math.max(most, w) end
  local function put(piece, value, note)
    pieces[#pieces + 1], values[#values + 1] = piece, value
    notes[#notes + 1] = note
  end
  for i, token in ipairs(tokens) do
    if i > 1 and between ~= "" then put(between, 0, "") end
    put(token, weights[i] / most, ("%.3f"):format(weights[i]))
  end
  return put
end

---@param tokens string[]
---@param weights number[]
---@return string line
function heat.plain(tokens, weights)
  local parts = {}
  for i, token in ipairs(tokens) do
    parts[i] = ("%s:%.2f"):format(show.text(token), weights[i])
  end
  return table.concat(parts, " ")
end

---@param tokens string[]
---@param weights number[]
---@param between string " " or ""
---@return string line with escapes that terminals obey
function heat.shades(tokens, weights, between)
  local pieces, values = {}, {}
  add(pieces, values, {}, tokens, weights, between)
  return textmap.ansi(pieces, values)
end

---As shades where standard output is a terminal, else as plain text.
---@param tokens string[]
---@param weights number[]
---@param between string " " or ""
---@return string line
function heat.line(tokens, weights, between)
  if core.sys.isatty "stdout" and not os.getenv "NO_COLOR" then
    return heat.shades(tokens, weights, between)
  end
  return heat.plain(tokens, weights)
end

---A page that needs no other file, a text a line.
---@param list {label: string, tokens: string[], weights: number[]}[]
---@param between string " " or ""
---@param title string
---@return string
function heat.html(list, between, title)
  local pieces, values, notes = {}, {}, {}
  for _, one in ipairs(list) do
    local put = add(pieces, values, notes, {one.label .. "\t"}, {0}, "")
    add(pieces, values, notes, one.tokens, one.weights, between)
    put("\n", 0, "")
  end
  return textmap.html {title = title, pieces = pieces, notes = notes,
                       views = {{name = "weights", values = values}}}
end

return heat
