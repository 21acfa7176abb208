---Texts with a weight for each token, such as attention: as shades on a
---terminal, as plain text, as a page of HTML.
---
---    local heat = require "rnn.heat"
---    local tokens, weights = {"a", "fine", "film"}, {0.1, 0.7, 0.2}
---    print(heat.plain(tokens, weights))      -- a:0.10 fine:0.70 film:0.20
---    print(heat.shades(tokens, weights, " "))
---    local page = heat.html({{label = "pos", tokens = tokens,
---                             weights = weights}}, " ")
local core = require "rnn.core"
local show = require "rnn.show"

local heat = {}

---Backgrounds of the 256 colours of terminals, from pale to red.
local SHADES = {230, 223, 216, 209, 202}

---Each weight as a part of the largest.
local function relative(weights)
  local most = 1e-30
  for _, w in ipairs(weights) do most = math.max(most, w) end
  local parts = {}
  for i, w in ipairs(weights) do parts[i] = w / most end
  return parts
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
  local parts = {}
  for i, x in ipairs(relative(weights)) do
    local shade = SHADES[math.floor(x * #SHADES + 0.5)]
    local token = show.text(tokens[i])
    parts[i] = shade and ("\27[38;5;16;48;5;%dm%s\27[0m"):format(shade, token)
               or token
  end
  return table.concat(parts, between)
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

local ENTITY = {["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;",
                ['"'] = "&quot;"}

local function escape(s)
  return (s:gsub('[&<>"]', ENTITY):gsub("%c", " "))
end

local HEAD = [[
<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>%s</title><style>
body { font: 16px/1.7 sans-serif; max-width: 60em; margin: 2em auto; }
b { display: inline-block; min-width: 6em; }
span { border-radius: 3px; padding: 2px 0; }
</style></head><body>
]]

---@param one {label: string, tokens: string[], weights: number[]}
local function paragraph(one, between)
  local parts = {}
  for i, x in ipairs(relative(one.weights)) do
    parts[i] = ('<span title="%.3f" style="background:rgba(230,60,20,%.2f)">' ..
                "%s</span>"):format(one.weights[i], x, escape(one.tokens[i]))
  end
  return ("<p><b>%s</b> %s</p>\n"):format(escape(one.label),
                                          table.concat(parts, between))
end

---A page that needs no other file.
---@param list {label: string, tokens: string[], weights: number[]}[]
---@param between string " " or ""
---@param title? string
---@return string
function heat.html(list, between, title)
  local parts = {HEAD:format(escape(title or "weights"))}
  for _, one in ipairs(list) do
    parts[#parts + 1] = paragraph(one, between)
  end
  parts[#parts + 1] = "</body></html>\n"
  return table.concat(parts)
end

return heat
