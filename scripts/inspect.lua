---Shows what a language model makes of a text: which tokens surprise it, and
---what its hidden units do.
---Usage: rnnlua inspect.lua MODEL [TEXT...] [options]   (--help)
local rnn = require "rnn"
local cli = require "rnn.cli"
local core = require "rnn.core"
local lm = require "rnn.models.lm"
local output = require "rnn.output"
local show = require "rnn.show"
local source = require "rnn.source"
local activations, textmap = rnn.activations, rnn.textmap

local BYTES = 64          -- of text that are read for each token wanted
local AROUND = 30         -- bytes on each side of a surprise that are shown

local opts = cli.parse(arg, {
  name = "inspect.lua", usage = "MODEL [TEXT...] [options]",
  summary = "Shows what a language model makes of a text. Lists the tokens " ..
    "that surprised it most, in brackets, with what it expected; with " ..
    "--units or --top what those hidden units do. On a terminal the text " ..
    "comes first, coloured by surprise and by each unit. --out writes a " ..
    "page of HTML with the text in these colours, which tells of each token " ..
    "that is pointed at its probability and the likeliest ones.",
  notes = "The output of a unit after a token colours that token, red above " ..
    "0 and blue below, strongest at the largest output of that unit in the " ..
    "text. r is the correlation of a unit with the feature it goes with " ..
    "most: the column in the line, characters since the word began, open " ..
    "quotes, open brackets, a capital or a digit in the token, white space " ..
    "at its end.",
  examples = {
    "inspect.lua runs/book/best.safetensors chapter.txt --out page.html",
    "inspect.lua runs/book/best.safetensors --units 5,layer1:17 < code.c",
    "inspect.lua runs/book/best.safetensors code.c --top 3 --by brackets",
  },
  {"model", positional = true, type = "file", required = true,
   help = "a checkpoint: best.safetensors or last.safetensors"},
  {"texts", positional = true, type = "file", list = true, many = true,
   help = "texts, one after the other; without any, or for -, stdin"},
  {"units", type = "string", metavar = "LIST",
   help = "hidden units: 1,5,layer2:17; without a layer those of the last one"},
  {"top", type = "int", min = 0, max = 100, metavar = "N",
   help = "so many units, by --by (default 0; 4 with --out, if no --units)"},
  {"by", type = "choice", default = "variation",
   choices = {"variation", table.unpack(activations.FEATURES)},
   help = "which units --top takes: those that vary most, or that go with " ..
     "something in the text"},
  {"surprises", type = "int", min = 0, max = 1000, default = 10,
   help = "how many surprises to list"},
  {"max", type = "int", min = 1, max = 100000, default = 5000,
   help = "tokens to read at most"},
  {"out", type = "file", metavar = "PAGE.html", help = "write a page"},
  {"unknown", type = "choice", choices = {"error", "skip"}, default = "error",
   help = "what to do with characters that the model has not learnt"},
  {"invalid", type = "choice", choices = {"error", "replace", "bytes"},
   default = "error", help = "what to do with bytes that are not UTF-8"},
  {"threads", type = "int", min = 0, max = 256, default = 1,
   help = "worker threads; 0 = all cores this process may use"},
  {"config", type = "config", help = "file with a table of options"},
})

-- {== Input ==

local function refuse(wrong)
  cli.fail(3, "%s", (wrong:gsub("; set 'unknown' to skip", "; use --unknown " ..
    "skip"):gsub("; set 'invalid' to .*", "; use --invalid replace or bytes")))
end

---The beginning of the texts, as much as can be wanted, and whether that is not
---all.
local function read_texts(tok)
  local paths = type(opts.texts) == "table" and opts.texts or {opts.texts}
  if #paths == 0 then paths[1] = "-" end
  local parts, size, enough = {}, 0, BYTES * opts.max
  for _, path in ipairs(paths) do
    local file, read, ok, wrong
    file, wrong = source.find(path)
    if file then
      read, wrong = file:text {crlf = "keep", invalid =
        tok.kind == "byte" and "bytes" or opts.invalid}
    end
    if read then
      ok, wrong = source.each(read, function(s)
        parts[#parts + 1], size = s, size + #s
        if size > enough then return "enough" end
      end)
    end
    if size > enough then break end
    if not ok then refuse(wrong) end
  end
  local s = table.concat(parts)
  if size <= enough then return s, false end
  s = s:sub(1, enough)
  return s:sub(1, tok:cut(s)), true
end

local function read(model, tok)
  local s, more = read_texts(tok)
  local reading, wrong = activations.read(model, tok, s, {
    max = opts.max, unknown = opts.unknown})
  if not reading then refuse("the text: " .. wrong) end
  if more or reading.rest > 0 then
    io.stderr:write("only the first ", #reading.tokens, " tokens are shown\n")
  end
  return reading
end

---The columns of --units, then those of --top.
local function choose_units(reading)
  local columns, taken = {}, {}
  local function take(column)
    if not taken[column] then columns[#columns + 1] = column end
    taken[column] = true
  end
  for name in (opts.units and opts.units .. "," or ""):gmatch "([^,]*)," do
    local column, wrong = reading:column(name:match "^%s*(.-)%s*$")
    if not column then cli.fail(2, "--units: %s", wrong) end
    take(column)
  end
  local top = opts.top or opts.out and not opts.units and 4 or 0
  local best = opts.by == "variation" and reading:varied(top) or
               reading:alike(opts.by, top)
  if #best == 0 and top > 0 then
    io.stderr:write("warning: --by ", opts.by, " says nothing, it is the " ..
                    "same everywhere in the text\n")
  end
  for _, column in ipairs(best) do take(column) end
  return columns
end

-- }==

-- {== What is shown ==

local function bits(logp) return -logp / math.log(2) end

local function quoted(token) return '"' .. show.text(token) .. '"' end

---Surprise as a colour: strongest where a guess would have done as well.
local function surprise_view(reading)
  local guess, values = math.log(math.max(2, reading.choices)), {}
  for t, logp in ipairs(reading.logp) do values[t] = -logp / guess end
  return {name = "surprise", values = values, about = ("Red: how surprised " ..
    "the model was, strongest at %.1f bits, a guess."):format(
    guess / math.log(2))}
end

local function unit_view(reading, column)
  local values, low, high = reading:values(column), math.huge, -math.huge
  for _, value in ipairs(values) do
    low, high = math.min(low, value), math.max(high, value)
  end
  local most = math.max(-low, high)
  for t, value in ipairs(values) do values[t] = most > 0 and value / most or 0
  end
  local feature, r = reading:likeness(column)
  return {name = reading:name(column), values = values, about =
    ("from %.2f to %.2f, r %.2f with %s"):format(low, high, r, feature)}
end

---The most surprising places: where, and the cells of their rows.
local function surprises(reading)
  local places = {heads = {"bits", "p", "line", "expected", "place"}}
  for k, t in ipairs(reading:surprises(opts.surprises)) do
    local best = reading.expected[t][1]
    local before, after, line = reading:context(t, AROUND)
    places[k] = {
      at = t, ("%.2f"):format(bits(reading.logp[t])),
      ("%.2g"):format(math.exp(reading.logp[t])), tostring(line),
      ("%s %.0f%%"):format(quoted(best.token), 100 * best.p),
      ("%s[%s]%s"):format(show.text(before), show.text(reading.tokens[t]),
                          show.text(after))}
  end
  return places
end

local function notes(reading)
  local list = {}
  for t, token in ipairs(reading.tokens) do
    local lines = {("%s  p %.3g, %.2f bits"):format(quoted(token),
                   math.exp(reading.logp[t]), bits(reading.logp[t]))}
    for _, other in ipairs(reading.expected[t]) do
      lines[#lines + 1] = ("%5.1f%%  %s"):format(100 * other.p,
                                                 quoted(other.token))
    end
    list[t] = table.concat(lines, "\n")
  end
  return list
end

---Rows in columns of the width of the widest cell; the last one is free.
local function write_table(rows)
  local width = {}
  for _, row in ipairs(rows) do
    for i = 1, #row - 1 do
      width[i] = math.max(width[i] or 0, utf8.len(row[i]))
    end
  end
  for _, row in ipairs(rows) do
    for i = 1, #row - 1 do
      output.write(row[i] .. (" "):rep(width[i] - utf8.len(row[i]) + 2))
    end
    output.write(row[#row] .. "\n")
  end
end

-- }==

rnn.threads(opts.threads)
local model, tok = lm.load(opts.model)
if not model then cli.fail(3, "%s", tok) end
local reading = read(model, tok)
local views = {surprise_view(reading)}
for k, column in ipairs(choose_units(reading)) do
  views[k + 1] = unit_view(reading, column)
end
local places, loss = surprises(reading), reading:loss()
local about = ("%d tokens, %.3f bits each, perplexity %.2f"):format(
  #reading.tokens, bits(-loss), math.exp(loss))
local colours = core.sys.isatty "stdout" and not opts.out and
                not os.getenv "NO_COLOR" and os.getenv "TERM" ~= "dumb"
for _, view in ipairs(colours and views or {}) do
  output.write(view.name .. "\n" .. textmap.ansi(reading.tokens, view.values) ..
               "\n\n")
end
output.write(about .. "\n")
for k = 2, #views do output.write(views[k].name .. "  " .. views[k].about ..
                                  "\n") end
if #places > 0 then write_table {places.heads, table.unpack(places)} end
output.flush()
if opts.out then
  output.page(opts.out, textmap.html {
    title = "What " .. opts.model .. " makes of a text", about = about,
    pieces = reading.tokens, notes = notes(reading), views = views,
    places = #places > 0 and places or nil})
end
