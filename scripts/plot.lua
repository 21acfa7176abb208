---Draws curves of training runs.
---Usage: rnnlua plot.lua RUN... [options]   (--help)
local rnn = require "rnn"
local cli = require "rnn.cli"
local show = require "rnn.show"

local opts = cli.parse(arg, {
  name = "plot.lua", usage = "RUN... [options]",
  summary = "Draws the losses, or another curve, of training runs by " ..
    "gnuplot. report.lua writes a page about one run.",
  examples = {
    "plot.lua runs/book",
    "plot.lua runs/* --what val --out losses.png",
    "plot.lua runs/book --what grad_norm --x time --log-y --out norm.svg",
  },
  {"run", positional = true, many = true, type = "file", required = true,
   help = "folder of a run, or its log.jsonl"},
  {"out", type = "file", default = "-",
   help = "FILE.png, FILE.svg, or - for the terminal"},
  {"what", type = "string", default = "loss", metavar = "NAME",
   help = "what to draw: loss, val (of validations), bpc, lr, grad_norm, " ..
     "tok_s, or a score of the validations, such as accuracy or f1"},
  {"x", type = "choice", default = "step",
   choices = {"step", "time", "epoch", "tokens"}, help = "against what"},
  {"smooth", type = "int", min = 0,
   help = "steps of the running mean; 0 = none (default a 50th of the run)"},
  {"log-y", type = "flag", help = "logarithmic y axis"},
  {"from", type = "int", min = 0, default = 0, help = "first step to draw"},
  {"title", type = "string", help = "text above the plot"},
})

---Events of a run given by its folder or its log.
local function read_run(path)
  local folder = io.open(path .. "/.")
  if folder then
    folder:close()
    path = path .. "/log.jsonl"
  end
  local events, wrong = rnn.run.read_log(path)
  if not events then cli.fail(3, "%s", show.text(wrong)) end
  if #events == 0 then
    cli.fail(3, "%s: is no log of a run; RUN is a folder with log.jsonl, or " ..
             "that file", show.text(path))
  end
  return events
end

---The paths without the folders that all of them begin with, and without
---"log.jsonl".
local function short_names(paths)
  local names, common = {}, nil
  for i, path in ipairs(paths) do
    names[i] = path:gsub("/+", "/"):gsub("/log%.jsonl$", ""):gsub("/$", "")
    local folder = names[i]:match "^.*/" or ""
    common = common or folder
    while folder:sub(1, #common) ~= common do
      common = common:gsub("[^/]*/$", "")
    end
  end
  for i, name in ipairs(names) do names[i] = name:sub(#common + 1) end
  return names
end

local runs, names = {}, short_names(opts.run)
for i, path in ipairs(opts.run) do
  runs[i] = {name = names[i], events = read_run(path)}
end

local EXIT = {ENAME = 2, EDATA = 3, EIO = 5}
local ok, wrong, code = rnn.plot.run_curves(opts.out, runs, opts)
if not ok then cli.fail(EXIT[code] or 1, "%s", show.text(wrong)) end
