---rnn.report: a run folder as a page of HTML that needs no other file: options,
---model, curves, samples, results, warnings, and the commands that go on.
---
---    local page = assert(rnn.report "runs/book")
local core = require "rnn.core"
local digest = require "rnn.report.digest"
local folder = require "rnn.folder"
local gnuplot = require "rnn.plot.gnuplot"
local html = require "rnn.html"
local info = require "rnn.info"
local lfs = require "lfs"
local log = require "rnn.log"
local map = require "rnn.map"
local plot = require "rnn.plot"
local points = require "rnn.plot.points"
local progress = require "rnn.progress"
local shell = require "rnn.shell"

local LONG = 2000            -- bytes of a text that are shown
local ROWS = 20              -- of a table of steps or validations
local SAMPLES = 8
local WARNINGS = 50
local SIZE = "1000,480"      -- pixels of a curve

-- {== Texts ==

local function number(x, form)
  return points.is_finite(x) and (form or "%.5g"):format(x) or "-"
end

---"1234567" as "1,234,567"
local function count(x)
  if not points.is_finite(x) then return "-" end
  local digits = ("%.0f"):format(x):reverse():gsub("(%d%d%d)", "%1,"):reverse()
  return (digits:gsub("^(-?),", "%1"))
end

local function duration(x)
  local known = points.is_finite(x) and x >= 0 and x < 1e12
  return known and progress.duration(x) or "-"
end

local function cut(s)
  if #s <= LONG then return s end
  return ("%s... %d bytes more"):format(s:sub(1, LONG), #s - LONG)
end

local function paragraph(s, ...)
  return ("<p>%s</p>\n"):format(html.escape(s:format(...)))
end

local function section(title, body)
  return body ~= "" and ("<h2>%s</h2>\n%s"):format(html.escape(title), body)
         or ""
end

---So many items of a list, evenly, the first and the last among them.
local function some(list, most)
  if #list <= most then return list end
  local few = {}
  for i = 1, most do
    few[i] = list[1 + (i - 1) * (#list - 1) // (most - 1)]
  end
  return few
end

---Names and values, without what is not known.
local function facts(rows)
  local known = {}
  for _, row in ipairs(rows) do
    if row[2] and row[2] ~= "-" then
      known[#known + 1] = {row[1], cut(row[2])}
    end
  end
  return #known > 0 and html.table({}, known) or ""
end

-- }==

-- {== Results ==

local REASONS = {
  done = "all steps are done", time = "the time was up",
  patience = "stopped: validation got no better",
  interrupted = "stopped by Ctrl-C", terminated = "stopped by a signal",
  hangup = "stopped: its terminal was closed",
  diverged = "the loss diverged", error = "stopped by an error",
}

---How it stands.
local function state_of(d, path)
  local ended = d.ended
  if ended then
    local reason = tostring(ended.reason)
    local why = type(ended.message) == "string" and ": " .. cut(ended.message)
                or ""
    return (REASONS[reason] or "ended: " .. cut(reason)) .. why
  end
  local written = lfs.attributes(path, "modification")
  return "no end in the log: training is going on, or was killed; the last " ..
         "line was written " .. os.date("!%Y-%m-%d %H:%M:%S UTC", written)
end

---"accuracy 93.2, f1 88.1" of a validation.
local function scores_of(val, names)
  local parts = {}
  for _, name in ipairs(names) do
    if points.is_finite(val[name]) then
      parts[#parts + 1] = name .. " " .. number(val[name])
    end
  end
  return table.concat(parts, ", ")
end

local function results(d, scores, path)
  local best, unit = d.best or {}, digest.value(d.start.unit or "token")
  local loss = number(best.val_loss)
  if d.start.unit then
    loss = ("%s %s per %s"):format(loss, digest.value(d.start.measure or
                                                      "nats"), unit)
  end
  return facts {
    {"state", state_of(d, path)},
    {"steps", d.step and count(d.step)},
    {"best", d.best and ("step %s: loss %s%s"):format(count(best.step),
      loss, scores_of(best, scores):gsub("^.", ", %0"))},
    {"time", duration(d.time)},
    {"speed", d.speed and ("%s %ss a second (median)"):format(
      count(d.speed), unit)},
  }
end

local function validations(d, scores)
  local heads, rows = {"step", "loss"}, {}
  for _, name in ipairs(scores) do heads[#heads + 1] = cut(name) end
  heads[#heads + 1] = ""
  for i, val in ipairs(some(d.vals, ROWS)) do
    local row = {count(val.step), number(val.val_loss)}
    for _, name in ipairs(scores) do row[#row + 1] = number(val[name]) end
    row[#row + 1] = val.best == true and "best so far" or ""
    rows[i] = row
  end
  if #rows == 0 then return paragraph "The log has no validation." end
  local more = #d.vals - #rows
  return html.table(heads, rows) ..
         (more > 0 and paragraph("%d more are left out.", more) or "")
end

-- }==

-- {== Curves ==

---A picture as it stands in a page; its ids are those of no other one.
local function inline(svg, name, i)
  svg = svg:match "<svg.*" or ""
  local id = ("c%d-"):format(i)
  svg = svg:gsub([[(%sid=['"])]], "%1" .. id):gsub("href='#", "href='#" .. id)
  svg = svg:gsub("<title>[^<]*</title>", function()
    return "<title>" .. html.escape(name) .. "</title>"
  end, 1)
  return ("<figure>%s</figure>\n"):format(svg)
end

---One curve as HTML, or nil and why not.
local function curve(run, what, i)
  local base = os.tmpname()
  local path = base .. ".svg"
  local ok, wrong = plot.run_curves(path, {run}, {what = what, title = "",
                                                  size = SIZE})
  local file = ok and io.open(path, "rb")
  local svg = file and file:read "a"
  if file then file:close() end
  os.remove(path)
  os.remove(base)
  if not svg then return nil, wrong end
  return inline(svg, what, i)
end

---Steps as a table: what is left where no curves can be drawn.
local function step_table(events)
  local steps, rows = {}, {}
  for _, e in ipairs(events) do
    if e.event == "step" then steps[#steps + 1] = e end
  end
  for i, e in ipairs(some(steps, ROWS)) do
    rows[i] = {count(e.step), number(e.loss), number(e.lr),
               number(e.grad_norm), count(e.tok_s), duration(e.time)}
  end
  return html.table({"step", "loss", "learning rate", "gradient norm",
                     "tokens a second", "time"}, rows)
end

---The order of the curves; scores come after them.
local CURVES = {"loss", "lr", "grad_norm", "tok_s"}

local function curves(run, fields, scores)
  if not gnuplot.installed() then
    return paragraph("gnuplot is not installed (Debian's package: " ..
      "gnuplot-nox): steps as a table in place of curves.") ..
      step_table(run.events)
  end
  local there, names, parts = {}, {}, {}
  for _, name in ipairs(fields) do there[name] = true end
  for _, name in ipairs(CURVES) do
    if there[name] then names[#names + 1] = name end
  end
  table.move(scores, 1, #scores, #names + 1, names)
  for i, name in ipairs(names) do
    local svg, wrong = curve(run, name, i)
    parts[i] = svg or paragraph("%s: %s", cut(name), wrong)
  end
  if #parts == 0 then return paragraph "The log has no step." end
  return table.concat(parts)
end

-- }==

-- {== The rest ==

local function samples(d)
  local parts = {}
  for i, e in ipairs(some(d.samples, SAMPLES)) do
    parts[i] = ("<h3>step %s</h3>\n<pre>%s</pre>\n"):format(count(e.step),
               html.escape(cut(e.text)):gsub("&#10;", "\n"))
  end
  if #parts == 0 then return paragraph "The log has no samples." end
  return table.concat(parts)
end

local function model_facts(dir)
  local about, wrong
  for _, name in ipairs {"best", "last"} do
    local path = folder.checkpoint(dir, name)
    if lfs.attributes(path, "mode") then about, wrong = info(path) end
    if about then break end
  end
  if not about then
    return paragraph("%s", cut(wrong or "No checkpoint has been saved yet.")),
           nil
  end
  local rows = {{"file", about.path}, {"kind", about.kind},
                {"parameters", count(about.parameters.count)},
                {"tokenizer", about.tokenizer and about.tokenizer.description}}
  for _, one in ipairs(about.layers or {}) do
    rows[#rows + 1] = {one.path, one.layer}
  end
  for _, list in ipairs(about.labels or {}) do
    rows[#rows + 1] = {list.name, ("%s: %s"):format(count(list.count),
                       table.concat(list.sample, " "))}
  end
  return facts(rows), about.kind
end

local function data_facts(d)
  local rows = {}
  for _, name in ipairs {"data", "valid_data", "test_data"} do
    local value = d.config[name]
    if value then rows[#rows + 1] = {name, digest.value(value)} end
  end
  local corpus = type(d.start.corpus) == "table" and d.start.corpus or {}
  rows[#rows + 1] = {"bytes", count(corpus.bytes)}
  rows[#rows + 1] = {"fingerprint", corpus.hash and
                     digest.value(corpus.hash)}
  rows[#rows + 1] = {"read", d.tokens and count(d.tokens) .. " tokens"}
  return facts(rows)
end

local function options(d)
  local rows = {}
  for i, name in ipairs(digest.names(d.config)) do
    rows[i] = {cut(name), cut(digest.value(d.config[name]))}
  end
  if #rows == 0 then return paragraph "The log does not tell." end
  return '<div class="options">\n' .. html.table({}, rows) .. "</div>\n"
end

local function warnings(d)
  local rows = {}
  for i, w in ipairs(d.warnings) do
    if i > WARNINGS then break end
    rows[i] = {count(w.step), cut(w.message),
               w.count > 1 and w.count .. " times" or ""}
  end
  if #rows == 0 then return paragraph "None." end
  local more = #d.warnings - #rows
  return html.table({"step", "warning", ""}, rows) ..
         (more > 0 and paragraph("%d more are left out.", more) or "")
end

local MACHINE = {"version", "cpu", "threads", "kernels", "blas"}

---Where it ran, and when it was resumed.
local function machine(d)
  local rows = {{"started", d.start.utc and digest.value(d.start.utc)}}
  for _, name in ipairs(MACHINE) do
    local value = d.start[name]
    rows[#rows + 1] = {name, value and digest.value(value)}
  end
  for _, e in ipairs(d.resumes) do
    local parts = {"step " .. count(e.step), e.utc and digest.value(e.utc)}
    for _, name in ipairs(MACHINE) do
      if e[name] ~= nil and e[name] ~= d.start[name] then
        parts[#parts + 1] = name .. " " .. digest.value(e[name])
      end
    end
    rows[#rows + 1] = {"resumed", table.concat(parts, ", ")}
  end
  return facts(rows)
end

local MODEL = {}   -- stands for its path

---The script that uses a kind of model, and its further arguments.
local USES = {
  lm = {"sample.lua", MODEL, "--length", "500"},
  tagger = {"tag.lua", MODEL, "FILE"},
  classifier = {"classify.lua", MODEL, "FILE"},
  segmenter = {"segment.lua", MODEL, "FILE"},
  seq2seq = {"translate.lua", MODEL, "FILE"},
  forecaster = {"forecast.lua", "--model", MODEL, "--data", "FILE",
                "--predict", "N"},
  seriesclassifier = {"classify_series.lua", MODEL, "FILE"},
}

---An option with twice what was done.
local function twice(name, done)
  local n = math.tointeger(done)
  return n and (" --%s %d"):format(name, 2 * n) or ""
end

local function commands(d, dir, kind)
  local rows, script = {}, d.start.script
  if type(script) == "string" and script:find "^[%w_]+%.lua$" then
    local resume = shell.command(script, "--out", dir, "--resume")
    if d.ended and d.ended.reason == "done" then
      resume = resume .. twice("steps", d.config.steps and d.step) ..
               twice("epochs", d.config.epochs)
    end
    rows[1] = {"go on", resume}
  end
  local best, use = folder.checkpoint(dir, "best"), USES[kind or ""]
  if use then
    use = map(use, function(word) return word == MODEL and best or word end)
    rows[#rows + 1] = {"use", shell.command(table.unpack(use))}
  end
  if kind then rows[#rows + 1] = {"look", shell.command("info.lua", best)} end
  rows[#rows + 1] = {"draw", shell.command("plot.lua", dir, "--out",
                                           dir .. "/loss.png")}
  local parts = {}
  for i, row in ipairs(rows) do
    parts[i] = ("<dt>%s</dt><dd><code>%s</code></dd>\n"):format(row[1],
               html.escape(row[2]))
  end
  return "<dl>\n" .. table.concat(parts) .. "</dl>\n"
end

local STYLE = [[
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem;
  border-bottom: 1px solid rgba(128,128,128,.4) }
h3 { font-size: .9rem; margin: 1rem 0 .2rem }
pre, code { font: .85rem/1.5 ui-monospace, monospace; white-space: pre-wrap;
  overflow-wrap: anywhere }
pre { margin: 0; padding: .6rem; border: 1px solid rgba(128,128,128,.4) }
td { overflow-wrap: anywhere; font-variant-numeric: tabular-nums }
td:first-child, th { white-space: nowrap }
figure { margin: 1rem 0 }
figure svg { display: block; width: 100%; height: auto }
.options table { font-size: .85rem }
dt { font-weight: bold } dd { margin: 0 0 .6rem }
@media (prefers-color-scheme: dark) {
  figure svg { filter: invert(1) hue-rotate(180deg);
    mix-blend-mode: screen } }
@media print { figure, pre, tr { break-inside: avoid }
  body { max-width: none } }
]]

-- }==

---A page about a run. Without gnuplot it has tables in place of curves.
---@param dir string folder of the run
---@return string|nil html valid UTF-8
---@return string? message
---@return string? code "EIO": there is no log, "EDATA": nothing is in it
local function report(dir)
  local path = dir .. "/log.jsonl"
  local events, wrong = log.read(path)
  if not events then return nil, wrong, "EIO" end
  if #events == 0 then
    return nil, path .. ": is no log of a run, or nothing is in it yet",
           "EDATA"
  end
  local d = digest.of(events)
  local fields, n = plot.log_fields(events)
  local scores = table.move(fields, #fields - n + 1, #fields, 1, {})
  local about, kind = model_facts(dir)
  return html.page {
    title = "Run " .. dir, style = STYLE,
    body = table.concat {
      results(d, scores, path),
      section("How to go on", commands(d, dir, kind)),
      section("Curves", curves({name = dir, events = events}, fields, scores)),
      section("Validations", validations(d, scores)),
      section("Samples", samples(d)),
      section("Model", about),
      section("Data", data_facts(d)),
      section("Options", options(d)),
      section("Warnings", warnings(d)),
      section("Machine", machine(d)),
      paragraph("Made by %s, %s.", "rnnlua " .. core.version, core.sys.utc()),
    },
  }
end

return report
