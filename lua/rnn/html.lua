---Pages of HTML that need no other file and no script, in light and in dark.
---Texts may be any bytes: what is no UTF-8, and what a reader would obey
---instead of showing it, is shown as an escape.
---
---    local html = require "rnn.html"
---    local page = html.page {title = "a < b", body = "<p>" ..
---                            html.escape "<script>" .. "</p>"}
local show = require "rnn.show"

local html = {}

local ENTITIES = {["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;",
                  ['"'] = "&quot;", ["'"] = "&#39;"}

---A text, which is shown as it is, as HTML.
---@param s string valid UTF-8 without controls but \n and \t
---@return string
function html.entities(s)
  return (s:gsub("[&<>\"']", ENTITIES))
end

---A text as HTML, in content and in attributes.
---@param s string any bytes
---@return string
function html.escape(s)
  local lines = {}
  for line in (s .. "\n"):gmatch "([^\n]*)\n" do
    lines[#lines + 1] = html.entities(show.text(line))
  end
  return table.concat(lines, "&#10;")
end

---A table of texts.
---@param heads string[] none when there are no cells
---@param rows string[][] any bytes
---@return string
function html.table(heads, rows)
  local parts = {"<table>\n"}
  local function put(cells, tag)
    parts[#parts + 1] = "<tr>"
    for _, cell in ipairs(cells) do
      parts[#parts + 1] = ("<%s>%s</%s>"):format(tag, html.escape(cell), tag)
    end
    parts[#parts + 1] = "</tr>\n"
  end
  if #heads > 0 then put(heads, "th") end
  for _, row in ipairs(rows) do put(row, "td") end
  parts[#parts + 1] = "</table>\n"
  return table.concat(parts)
end

local STYLE = [[
:root { color-scheme: light dark }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem;
  margin: 0 auto; padding: 1rem }
h1 { font-size: 1.3rem; overflow-wrap: anywhere }
table { border-collapse: collapse; margin: 1rem 0 }
th, td { text-align: left; vertical-align: top; padding: .1rem .8rem .1rem 0 }
]]

---@class rnn.Page
---@field title string any bytes; the heading, too
---@field style? string CSS
---@field body string HTML

---@param p rnn.Page
---@return string html valid UTF-8
function html.page(p)
  local title = html.escape(p.title)
  return table.concat {
    '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
    '<meta http-equiv="Content-Security-Policy" ',
    "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n",
    '<meta name="viewport" content="width=device-width">\n',
    "<title>", title, "</title>\n<style>\n", STYLE, p.style or "",
    "</style>\n</head>\n<body>\n<h1>", title, "</h1>\n", p.body,
    "</body>\n</html>\n"}
end

return html
