---Tells how likely a language model finds texts.
---Usage: rnnlua score.lua MODEL [FILES] [options]   (--help)
local rnn = require "rnn"
local cli = require "rnn.cli"
local json = require "rnn.json"
local lm = require "rnn.models.lm"
local output = require "rnn.output"
local score = require "rnn.score"

local BLOCK = 1 << 16   -- bytes read at once

local opts = cli.parse(arg, {
  name = "score.lua", usage = "MODEL [FILES] [options]",
  summary = "Prints how likely a language model finds texts: a table with a " ..
    "header, columns apart by tabs. Probabilities are natural logarithms; " ..
    "the first token comes after a new line, each other one after those " ..
    "before it.",
  examples = {
    "score.lua runs/book/best.safetensors chapter.txt",
    "score.lua runs/book/best.safetensors --lines < questions.txt",
    "score.lua runs/book/best.safetensors chapter.txt --tokens --json",
    "score.lua runs/words/best.safetensors chapter.txt --cache 500",
  },
  {"model", positional = true, type = "file", required = true,
   help = "a checkpoint: best.safetensors or last.safetensors"},
  {"files", positional = true, type = "file", list = true, many = true,
   help = "texts; without any, or for -, stdin"},
  {"tokens", type = "flag", help = "a row for each token"},
  {"lines", type = "flag", help = "a row for each line, each by itself"},
  {"json", type = "flag", help = "objects, one a line, instead of the table"},
  {"unknown", type = "choice", choices = {"error", "skip"}, default = "error",
   help = "what to do with characters that the model has not learnt"},
  {"invalid", type = "choice", choices = {"error", "replace"},
   default = "error", help = "what to do with bytes that are not UTF-8"},
  {"cache", type = "int", min = 1, max = 100000,
   help = "make what the last N tokens had likelier, the more so where the " ..
     "model was in a state like now (Grave et al. 2016); 500 is usual, 2000 " ..
     "to 4000 for long texts. Each text, with --lines each line, begins anew"},
  {"cache-theta", type = "number", min = 0,
   help = "--cache: how much it counts how like the states are; 0.3 to 1 is " ..
     "usual (default 0.66)"},
  {"cache-lambda", type = "number", min = 0, below = 1,
   help = "--cache: its part of the probability; 0.05 to 0.2 is usual, " ..
     "chosen with theta on a validation text (default 0.1)"},
  {"threads", type = "int", min = 0, max = 256, default = 0,
   help = "worker threads; 0 = all cores this process may use"},
  {"config", type = "config", help = "file with a table of options"},
})

-- {== Output ==

local ESCAPES = {["\n"] = "\\n", ["\t"] = "\\t", ["\r"] = "\\r",
                 ["\\"] = "\\\\"}

---Text in one cell of a table: bytes that are no UTF-8 as \xE4.
local function cell(value)
  if value == nil then return "" end
  if math.type(value) == "float" then return ("%.9g"):format(value) end
  value = tostring(value):gsub("[\n\t\r\\]", ESCAPES)
  if utf8.len(value) then return value end
  return (value:gsub("[\x80-\xFF]", function(c)
    return ("\\x%02X"):format(c:byte())
  end))
end

---A function that prints rows with these columns, after a header.
local function printer(columns)
  local begun = opts.json
  return function(row)
    if opts.json then return output.write(json.encode(row) .. "\n") end
    if not begun then output.write(table.concat(columns, "\t") .. "\n") end
    begun = true
    local cells = {}
    for i, name in ipairs(columns) do cells[i] = cell(row[name]) end
    output.write(table.concat(cells, "\t") .. "\n")
  end
end

-- }==

-- {== Input ==

local function open(path)
  if path == "-" then return io.stdin end
  local file, wrong = io.open(path, "rb")
  if not file then cli.fail(3, "%s", wrong) end
  return file
end

local function name_of(path)
  return path == "-" and "stdin" or path
end

local function refuse(path, wrong)
  wrong = wrong:gsub("; set 'unknown' to skip", "; use --unknown skip")
               :gsub("^(invalid UTF%-8.*)", "%1; use --invalid replace")
  cli.fail(3, "%s: %s", name_of(path), wrong)
end

---Pieces of a file; a file that cannot be read ends the program.
local function blocks(path)
  local file = open(path)
  return function()
    local s, wrong = file:read(BLOCK)
    if wrong then cli.fail(3, "%s: %s", name_of(path), wrong) end
    if not s and path ~= "-" then file:close() end
    return s
  end
end

---Lines of a file, each without its end.
local function lines(path)
  local next_block, held, at = blocks(path), "", 1
  return function()
    while next_block do
      local stop = held:find("\n", at, true)
      if stop then
        local line = held:sub(at, stop - 1)
        at = stop + 1
        return line
      end
      local s = next_block()
      if not s then next_block = nil end
      held, at = held:sub(at) .. (s or ""), 1
    end
    local last = held
    held = ""
    return last ~= "" and last or nil
  end
end

-- }==

if opts.tokens and opts.lines then
  cli.fail(2, "--tokens and --lines do not go together")
end
if (opts.cache_theta or opts.cache_lambda) and not opts.cache then
  cli.fail(2, "--cache-%s needs --cache N",
           opts.cache_theta and "theta" or "lambda")
end
rnn.threads(opts.threads)
local model, tok = lm.load(opts.model)
if not model then cli.fail(3, "%s", tok) end
local options = {
  unknown = opts.unknown, invalid = opts.invalid,
  cache = opts.cache and {size = opts.cache, theta = opts.cache_theta,
                          lambda = opts.cache_lambda},
}

---Scores a file as one text.
local function whole(path)
  local scorer = score.open(model, tok, options)
  for s in blocks(path) do
    local ok, wrong = scorer:feed(s)
    if not ok then refuse(path, wrong) end
  end
  local sum, wrong = scorer:finish()
  if not sum then refuse(path, wrong) end
  return sum
end

local function score_lines(path, print_row)
  local n = 0
  for line in lines(path) do
    n = n + 1
    local row, wrong = score.text(model, tok, line, options)
    if not row then
      refuse(("%s: line %d"):format(name_of(path), n),
             (wrong:gsub(" %(line 1%)", "")))
    end
    row.text = line
    print_row(row)
  end
end

local files = type(opts.files) == "table" and opts.files or {opts.files}
if #files == 0 then files[1] = "-" end
local print_row
if opts.tokens then
  print_row = printer {"token", "logp", "bits"}
  options.on_token = function(token, logp)
    print_row {token = token, logp = logp, bits = -logp / math.log(2)}
  end
elseif opts.lines then
  print_row = printer {"text", "tokens", "logp", "bits_per_token",
                       "perplexity"}
else
  print_row = printer {"file", "tokens", "chars", "logp", "bits_per_char",
                       "bits_per_byte", "perplexity"}
end
for _, path in ipairs(files) do
  if opts.lines then
    score_lines(path, print_row)
  else
    local row = whole(path)
    row.file = name_of(path)
    if not opts.tokens then print_row(row) end
  end
end
output.flush()
