---Prints text made by a model of train_charlm.lua, as it is made.
---Usage: rnnlua sample.lua MODEL [options]   (--help)
local rnn = require "rnn"
local cli = require "rnn.cli"
local lm = require "rnn.models.lm"

local opts = cli.parse(arg, {
  name = "sample.lua", usage = "MODEL [options]",
  summary = "Prints text made by a language model, as it is made.",
  examples = {
    "sample.lua runs/book/best.safetensors",
    "sample.lua runs/book/best.safetensors --prime 'The ' --temperature 0.5",
    "sample.lua runs/book/best.safetensors --prime @start.txt --length 2000",
  },
  {"model", positional = true, type = "file", required = true,
   help = "a checkpoint: best.safetensors or last.safetensors"},
  {"prime", type = "string",
   help = "text to begin with; @FILE is the text in FILE"},
  {"length", type = "int", min = 0, default = 500,
   help = "characters to make"},
  {"temperature", type = "number", min = 0, default = 0.8,
   help = "lower is safer, higher is wilder; 0 = always the likeliest"},
  {"precision", type = "choice", choices = {"full", "bf16", "int8"},
   default = "full", help = "of the weights: smaller is faster"},
  {"seed", type = "int", default = 1, help = "another seed, another text"},
  {"threads", type = "int", min = 0, max = 256, default = 1,
   help = "worker threads; 0 = all cores this process may use"},
  {"config", type = "config", help = "file with a table of options"},
})

---The prime, read from a file after an "@".
local function read_prime(prime)
  local path = prime and prime:match "^@(.+)$"
  if not path then return prime end
  local file, wrong = io.open(path, "rb")
  local s
  if file then
    s, wrong = file:read "a"
    file:close()
  end
  if not s then cli.fail(3, "%s", wrong) end
  return s
end

rnn.threads(opts.threads)
rnn.seed(opts.seed)
local model, tok = lm.load(opts.model)
if not model then cli.fail(3, "%s", tok) end
local prime = read_prime(opts.prime)
if prime and not utf8.len(prime) then
  cli.fail(3, "--prime: is not valid UTF-8")
end

local begun = false
local function write(s)
  if prime and not begun then io.stdout:write(prime) end
  begun = true
  io.stdout:write(s)
  io.stdout:flush()
end

local made, wrong = rnn.generate.sample(model, tok, {
  prime = prime, length = opts.length, temperature = opts.temperature,
  precision = opts.precision, on_text = write,
})
if not made then cli.fail(3, "--prime: %s", wrong) end
write "\n"
