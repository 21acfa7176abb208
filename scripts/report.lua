---Writes a page about a training run.
---Usage: rnnlua report.lua RUN [options]   (--help)
local rnn = require "rnn"
local cli = require "rnn.cli"
local output = require "rnn.output"
local show = require "rnn.show"

local opts = cli.parse(arg, {
  name = "report.lua", usage = "RUN [options]",
  summary = "Writes a page of HTML about a training run, which needs no " ..
    "other file: results, curves, samples, model, data, options, warnings, " ..
    "and the commands that go on with it. The run may still be going.",
  notes = "Curves are drawn by gnuplot; without it there are tables.",
  examples = {"report.lua runs/book",
              "report.lua runs/book --out book.html"},
  {"run", positional = true, type = "file", required = true,
   help = "folder of a run"},
  {"out", type = "file", metavar = "PAGE.html",
   help = "where to write it (default RUN/report.html); - is stdout"},
})

local EXIT = {EIO = 3, EDATA = 3}
local dir = opts.run:gsub("(.)/+$", "%1")
local page, wrong, code = rnn.report(dir)
if not page then cli.fail(EXIT[code] or 1, "%s", show.text(wrong)) end

local path = opts.out or dir .. "/report.html"
if path == "-" then
  output.write(page)
  output.flush()
else
  output.page(path, page)
  io.stderr:write(path, "\n")
end
