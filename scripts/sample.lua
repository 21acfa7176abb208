---Prints text made by a language model, as it is made.
---Usage: rnnlua sample.lua MODEL [options]   (--help)
local rnn = require "rnn"
local cli = require "rnn.cli"
local json = require "rnn.json"
local lm = require "rnn.models.lm"
local output = require "rnn.output"

local opts = cli.parse(arg, {
  name = "sample.lua", usage = "MODEL [options]",
  summary = "Prints text made by a language model, as it is made.",
  examples = {
    "sample.lua runs/book/best.safetensors",
    "sample.lua runs/book/best.safetensors --prime 'The ' --top-p 0.9",
    "sample.lua runs/book/best.safetensors --prime @start.txt --length 2000",
    "sample.lua runs/book/best.safetensors --prime 'Q: ' --stop '\\nQ: '",
    "sample.lua runs/book/best.safetensors --state talk.state --length 80",
  },
  {"model", positional = true, type = "file", required = true,
   help = "a checkpoint: best.safetensors or last.safetensors"},
  {group = "Text"},
  {"prime", type = "string",
   help = "text to begin with; @FILE is the text in FILE, - stdin"},
  {"unknown", type = "choice", choices = {"error", "skip"}, default = "error",
   help = "what to do with characters of it that the model has not learnt"},
  {"length", type = "int", min = 0, default = 500,
   help = "tokens to make: characters, words or parts of words"},
  {"stop", type = "string", list = true,
   help = "the text ends before this; may be given several times; \\n and " ..
          "\\t are a line's end and a tab"},
  {"n", type = "int", min = 1, max = 1 << 16, default = 1,
   help = "texts, made side by side; text i is that of --seed + i - 1"},
  {"json", type = "flag",
   help = "print one object a line for each text, without the prime"},
  {"state", type = "file",
   help = "go on from FILE if it is there, and save to it at the end"},
  {group = "Choice of tokens"},
  {"temperature", type = "number", min = 0,
   help = "lower is safer, higher is wilder; 0 = always the likeliest " ..
          "(default 0.8, with --beam 1)"},
  {"top-k", type = "int", min = 0, default = 0,
   help = "only the K likeliest; 0 = all"},
  {"top-p", type = "number", above = 0, max = 1, default = 1.0,
   help = "only the likeliest that together have this probability"},
  {"min-p", type = "number", min = 0, max = 1, default = 0.0,
   help = "only what is this many times as likely as the likeliest"},
  {"penalty", type = "number", above = 0, default = 1.0,
   help = "above 1 makes recent tokens less likely"},
  {"penalty-window", type = "int", min = 0, max = 1 << 20, default = 64,
   help = "how many tokens are recent"},
  {"beam", type = "int", min = 1, max = 1 << 16, metavar = "W",
   help = "search the likeliest texts, W at a time, instead of drawing"},
  {"seed", type = "int",
   help = "another seed, another text (default 1, or as --state goes on)"},
  {group = "Machine"},
  {"precision", type = "choice", choices = {"full", "bf16", "int8"},
   default = "full", help = "of the weights: smaller is faster"},
  {"threads", type = "int", min = 0, max = 256, default = 1,
   help = "worker threads; 0 = all cores this process may use"},
  {"config", type = "config", help = "file with a table of options"},
})

-- {== Input and output ==

---A fault of the input, told in the names of the options.
local function refuse(wrong)
  cli.fail(3, "%s", (wrong:gsub("^prime: ", "--%0")
                          :gsub("; set 'unknown' to skip",
                                "; use --unknown skip")))
end

---The prime, read from a file after an "@".
local function read_prime(prime)
  local path = prime and prime:match "^@(.+)$"
  if not path and prime ~= "-" then return prime end
  local file, wrong = io.stdin, nil
  if path then file, wrong = io.open(path, "rb") end
  local s
  if file then s, wrong = file:read "a" end
  if path and file then file:close() end
  if not s then cli.fail(3, "%s", wrong) end
  return s
end

local function write(s)
  output.write(s)
  output.flush()
end

local ESCAPES = {["\\n"] = "\n", ["\\t"] = "\t", ["\\\\"] = "\\"}

local function stop_texts()
  local list = {}
  for i, s in ipairs(type(opts.stop) == "table" and opts.stop or
                     {opts.stop}) do
    if s == "" or not utf8.len(s) then
      cli.fail(2, "--stop must be text, valid UTF-8, got '%s'", s)
    end
    list[i] = s:gsub("\\[nt\\]", ESCAPES)
  end
  return list
end

---The state to go on from, nil when there is no such file yet.
local function read_state(model)
  local file, wrong, code = io.open(opts.state, "rb")
  local ENOENT <const> = 2
  if not file and code == ENOENT then return nil end
  if not file then cli.fail(3, "%s", wrong) end
  file:close()
  local state
  state, wrong = rnn.generate.load(opts.state, model)
  if not state then cli.fail(3, "--state: %s", wrong) end
  return state
end

-- }==

rnn.threads(opts.threads)
if opts.state and (opts.beam or opts.n > 1) then
  cli.fail(2, "--state is for one text: leave out %s",
           opts.beam and "--beam" or "--n")
end
if opts.beam and opts.n > opts.beam then
  cli.fail(2, "--n must be at most --beam, %d, got %d", opts.beam, opts.n)
end
if opts.beam and opts.temperature == 0 then
  cli.fail(2, "--temperature must be above 0 with --beam")
end

local model, tok = lm.load(opts.model)
if not model then cli.fail(3, "%s", tok) end
local steps, why = rnn.stepper.fits(model)
if opts.precision ~= "full" and not steps then
  io.stderr:write("warning: --precision ", opts.precision, " is left out: it ",
                  why, "\n")
end
local prime = read_prime(opts.prime)
if prime and not utf8.len(prime) then
  cli.fail(3, "--prime: is not valid UTF-8")
end
local options = {
  prime = prime, unknown = opts.unknown, stop = stop_texts(),
  precision = opts.precision,
  temperature = opts.temperature or opts.beam and 1 or 0.8,
  top_k = opts.top_k, top_p = opts.top_p, min_p = opts.min_p,
  penalty = opts.penalty, window = opts.penalty_window,
}

---Texts that a search finds, the best first.
local function search()
  options.width, options.n, options.length = opts.beam, opts.n, opts.length
  local made, wrong = rnn.generate.beam(model, tok, options)
  if not made then refuse(wrong) end
  return made
end

---Several texts at once.
local function draw_all()
  options.n, options.length, options.seed = opts.n, opts.length,
                                            opts.seed or 1
  local texts, made = rnn.generate.sample(model, tok, options)
  if not texts then refuse(made) end
  return made
end

---One text, which is written as it is made unless it will be JSON.
local function draw_one()
  options.state = opts.state and read_state(model)
  options.seed = opts.seed or not options.state and 1 or nil
  local session, wrong = rnn.generate.open(model, tok, options)
  if not session then refuse(wrong) end
  if not opts.json and prime then write(prime) end
  local made = session:make(opts.length, not opts.json and write or nil)
  if not opts.json then write "\n" end
  if opts.state then
    local ok
    ok, wrong = rnn.generate.save(opts.state, model, session:state())
    if not ok then cli.fail(5, "could not save: %s", wrong) end
  end
  return made
end

local one = not opts.beam and opts.n == 1
local ok, made = pcall(opts.beam and search or one and draw_one or draw_all)
if not ok then
  local text = type(made) == "string" and made:match "logits.*not finite.*"
  if text then cli.fail(3, "%s: %s", opts.model, text:match "[^\n]*") end
  error(made, 0)
end
for i, text in ipairs(made) do
  if opts.json then
    write(json.encode(text) .. "\n")
  elseif not one then
    write((i > 1 and "---\n" or "") .. (prime or "") .. text.text .. "\n")
  end
end
