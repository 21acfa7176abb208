---A text coloured by numbers, piece by piece: as a page of HTML that needs no
---other file and no script, or for a terminal. A piece is any bytes, and a
---character may lie in several of them; what is no UTF-8, and what a reader
---would obey instead of showing it, is shown as an escape.
---
---    local textmap = require "rnn.textmap"
---    local page = textmap.html {
---      title = "moods", pieces = {"so", " <b>", "\n"},
---      views = {{name = "mood", values = {0.5, -1, 0}}}}
local html = require "rnn.html"
local show = require "rnn.show"

local textmap = {}

-- {== What pieces look like ==

---The length of the character at a byte of s, nil where there is none.
local function length_at(s, at)
  if not utf8.len(s, at, at) then return nil end
  return utf8.offset(s, 2, at) - at
end

---What is shown of a character or a byte: itself, or an escape.
local function face(c)
  if c == "\n" or c == "\t" then return c end
  return show.text(c)
end

---What is shown of each piece: a character stands in the piece in which it
---begins; one that only goes on with a character is "\u{B7}".
---@param pieces string[]
---@return string[] faces valid UTF-8 without controls but \n and \t
---@return boolean[] odd whether a face is not the piece itself
function textmap.faces(pieces)
  local s, at, from = table.concat(pieces), 1, 1
  local faces, odd = {}, {}
  for i, piece in ipairs(pieces) do
    local parts, stop = {}, from + #piece
    while at < stop do
      local n = length_at(s, at) or 1
      parts[#parts + 1] = face(s:sub(at, at + n - 1))
      at = at + n
    end
    faces[i] = #parts == 0 and piece ~= "" and "\u{B7}" or table.concat(parts)
    odd[i] = piece ~= "" and faces[i] ~= s:sub(from, at - 1)
    from = stop
  end
  return faces, odd
end

-- }==

---How strong a value is, from 0 to a number of levels.
local function level_of(value, levels)
  return math.floor(math.min(math.abs(value), 1) * levels + 0.5)
end

-- {== For a terminal ==

---Backgrounds of the 256 colours, faint to strong.
local WARM, COLD = {52, 88, 124, 160, 196}, {17, 18, 19, 20, 21}

---The colour of a value, "" for one near 0.
local function colour(value)
  local list = value > 0 and WARM or COLD
  local level = level_of(value, #list)
  return level == 0 and "" or ("\27[48;5;%d;38;5;231m"):format(list[level])
end

---The text for a terminal: warm behind what is above 0, cold below.
---@param pieces string[]
---@param values number[] -1 to 1
---@return string
function textmap.ansi(pieces, values)
  local faces, parts, last = textmap.faces(pieces), {}, ""
  local function set(code)
    if code == last then return end
    parts[#parts + 1] = last ~= "" and "\27[0m" .. code or code
    last = code
  end
  for i, text in ipairs(faces) do
    for line, ending in text:gmatch "([^\n]*)(\n?)" do
      if line ~= "" then set(colour(values[i])) end
      parts[#parts + 1] = line
      if ending ~= "" then set "" end   -- no colour to the edge
      parts[#parts + 1] = ending
    end
  end
  set ""
  return table.concat(parts)
end

-- }==

-- {== HTML ==

---@class rnn.TextView
---@field name string
---@field about? string what its numbers are
---@field values number[] -1 to 1, for each piece

---@class rnn.TextPlaces a table below the text
---@field heads string[]
---@field [integer] {at: integer, [integer]: string} cells, the first one leads
---to the piece 'at'

---@class rnn.TextMap all texts are any bytes
---@field title string
---@field about? string
---@field pieces string[]
---@field notes? string[] what is told of a piece that is pointed at
---@field views rnn.TextView[]
---@field places? rnn.TextPlaces

local STYLE = [[
input { margin: 0 .3em 0 0 }
label { margin-right: 1.2em; white-space: nowrap }
p.view { display: none; margin: .5rem 0 }
pre, td { font: .9rem/1.7 ui-monospace, monospace; white-space: pre-wrap;
  overflow-wrap: break-word; tab-size: 8 }
pre { print-color-adjust: exact; padding: .7rem;
  border: 1px solid rgba(128,128,128,.4) }
pre span:hover, pre span:target { outline: 2px solid }
pre b::before { content: "\21B5"; font-weight: normal; opacity: .4 }
pre .odd { font-style: italic; opacity: .75 }
th, td { max-width: 18em }
td:last-child { max-width: 40em }
]]

local LEVELS = 9   -- of a colour
local COLOURS = {p = "225,60,30", n = "30,110,230"}

---What the view that is chosen shows, and how strong its colours are: faint
---enough for text in black and in white.
local function view_style(views)
  local rules = {}
  for i = 1, #views do
    local show_about = "#v%d:checked ~ .v%d { display: block }\n"
    rules[#rules + 1] = show_about:format(i, i)
    for _, sign in ipairs {"p", "n"} do
      for level = 1, LEVELS do
        rules[#rules + 1] = ("#v%d:checked ~ pre .v%d%s%d { background: " ..
          "rgba(%s,%.2f) }\n"):format(i, i, sign, level, COLOURS[sign],
          0.8 * level / LEVELS)
      end
    end
  end
  return table.concat(rules)
end

local function view_choice(views)
  local parts = {}
  for i, view in ipairs(views) do
    parts[#parts + 1] = ('<input type="radio" name="view" id="v%d"%s>' ..
      '<label for="v%d">%s</label>\n'):format(i, i == 1 and " checked" or "",
      i, html.escape(view.name))
  end
  for i, view in ipairs(views) do
    parts[#parts + 1] = ('<p class="view v%d">%s</p>\n'):format(i,
      html.escape(view.about or ""))
  end
  return table.concat(parts)
end

---"v1p9 v2n3": the levels of a piece in the views, without those that are 0.
local function classes_of(views, i, odd)
  local names = {odd and "odd" or nil}
  for k, view in ipairs(views) do
    local level = level_of(view.values[i], LEVELS)
    if level > 0 then
      local sign = view.values[i] > 0 and "p" or "n"
      names[#names + 1] = ("v%d%s%d"):format(k, sign, level)
    end
  end
  return table.concat(names, " ")
end

local function text_spans(map)
  local faces, odd = textmap.faces(map.pieces)
  local parts, anchored = {}, {}
  for _, place in ipairs(map.places or {}) do anchored[place.at] = true end
  for i, text in ipairs(faces) do
    local id = anchored[i] and (' id="t%d"'):format(i) or ""
    local note = map.notes and (' title="%s"'):format(
                 html.escape(map.notes[i])) or ""
    parts[i] = ('<span%s class="%s"%s>%s</span>'):format(id,
      classes_of(map.views, i, odd[i]), note,
      (html.entities(text):gsub("\n", "<b>\n</b>")))
  end
  return table.concat(parts)
end

local function places_table(places)
  if not places then return "" end
  local rows = {"<table>\n<tr>"}
  for _, head in ipairs(places.heads) do
    rows[#rows + 1] = "<th>" .. html.escape(head) .. "</th>"
  end
  for _, place in ipairs(places) do
    rows[#rows + 1] = "</tr>\n<tr>"
    for k, cell in ipairs(place) do
      local text = html.escape(cell)
      if k == 1 then
        text = ('<a href="#t%d">%s</a>'):format(place.at, text)
      end
      rows[#rows + 1] = "<td>" .. text .. "</td>"
    end
  end
  rows[#rows + 1] = "</tr>\n</table>\n"
  return table.concat(rows)
end

---A page with a choice of views: red behind what is above 0, blue below.
---@param map rnn.TextMap
---@return string html valid UTF-8
function textmap.html(map)
  return html.page {
    title = map.title, style = STYLE .. view_style(map.views),
    body = table.concat {
      "<p>", html.escape(map.about or ""), "</p>\n", view_choice(map.views),
      "<pre>\n", text_spans(map), "</pre>\n", places_table(map.places)}}
end

-- }==

return textmap
