---Labels texts with a trained classifier.
---Usage: rnnlua classify.lua MODEL [FILES] [options]   (--help)
local rnn = require "rnn"
local classifier = require "rnn.models.classifier"
local cli = require "rnn.cli"
local heat = require "rnn.heat"
local json = require "rnn.json"
local output = require "rnn.output"
local ranked = require "rnn.ranked"

local opts = cli.parse(arg, {
  name = "classify.lua", usage = "MODEL [FILES] [options]",
  summary = "Prints the label of each line of text; of an empty line, an " ..
    "empty line.",
  examples = {
    "classify.lua opinion/best.safetensors < reviews.txt",
    "classify.lua topics/best.safetensors new.txt --top 3 --probabilities",
    "classify.lua opinion/best.safetensors new.txt --attention",
    "classify.lua opinion/best.safetensors new.txt --html why.html",
  },
  {"model", positional = true, type = "file", required = true,
   help = "a checkpoint of train_classifier.lua: best.safetensors"},
  {"files", positional = true, type = "file", list = true, many = true,
   help = "texts, a line each; without any, or for -, stdin"},
  {"top", type = "int", min = 1, default = 1,
   help = "labels of a text, the likeliest first"},
  {"probabilities", type = "flag", help = "and the probability of each"},
  {"json", type = "flag", help = "an object a line, with all probabilities"},
  {"attention", type = "flag",
   help = "and the text, its words shaded by their weights, or with numbers " ..
     "where there is no terminal; for a pool of maxima a weight is the part " ..
     "of these that are a word's"},
  {"html", type = "file", help = "write these texts as a page of HTML"},
  {"invalid", type = "choice", choices = {"error", "replace", "skip"},
   default = "error", help = "what to do with bytes that are not UTF-8"},
  {"batch", type = "int", min = 1, max = 1 << 20, default = 32,
   help = "texts at once"},
  {"threads", type = "int", min = 0, max = 256, default = 0,
   help = "worker threads; 0 = all cores this process may use"},
  {"config", type = "config", help = "file with a table of options"},
})

rnn.threads(opts.threads)
local model, wrong = classifier.load(opts.model)
if not model then cli.fail(3, "%s", wrong) end
local known = model:known()
local names = known.labels.names
local between = known.tokens == "words" and " " or ""
local weights = opts.attention or opts.html ~= nil
if weights and not model:chooses() then
  cli.fail(2, "%s tells no weights of words: it was trained with a --pool " ..
           "that has none; attention and max have", opts.model)
end

-- {== Results as text ==

local function as_line(one)
  local line = ranked(names, one.probabilities, opts)
  if not opts.attention then return line end
  return line .. "\t" .. heat.line(one.tokens, one.weights, between)
end

local function as_json(one, text)
  local p = {}
  for i, name in ipairs(names) do p[name] = one.probabilities[i] end
  return json.encode {text = text, label = one.label, probabilities = p,
                      tokens = one.tokens, weights = one.weights}
end

-- }==

local page, cut = {}, 0

---Prints what a text is; nil for an empty one.
local function print_one(one, text)
  if not one then
    output.write(opts.json and json.encode {text = text} .. "\n" or "\n")
    return
  end
  if one.probabilities[1] ~= one.probabilities[1] then
    cli.fail(3, "%s: its scores are not finite: it has diverged or is damaged",
             opts.model)
  end
  if one.cut then cut = cut + 1 end
  if opts.html then
    page[#page + 1] = {label = ranked(names, one.probabilities, opts),
                       tokens = one.tokens, weights = one.weights}
  end
  output.write((opts.json and as_json(one, text) or as_line(one)) .. "\n")
end

rnn.textlines.each(opts.files, opts.invalid, function(lines)
  local texts = {}
  for _, line in ipairs(lines) do
    if line:find "%S" then texts[#texts + 1] = line end
  end
  local list = model:classify(texts, {batch = opts.batch, weights = weights})
  local at = 0
  for _, line in ipairs(lines) do
    local empty = not line:find "%S"
    at = empty and at or at + 1
    print_one(not empty and list[at] or nil, line)
  end
end)
output.flush()

if cut > 0 then
  io.stderr:write(("warning: %d text%s longer than %d tokens; these were " ..
                   "read\n"):format(cut, cut == 1 and " is" or "s are",
                                    known.max_length))
end
if opts.html then
  output.page(opts.html, heat.html(page, between, opts.model))
end
