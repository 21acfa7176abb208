---Makes texts of texts with a trained model: translations, pronunciations,
---inflected words, summaries, answers.
---Usage: rnnlua translate.lua MODEL [FILES] [options]   (--help)
local rnn = require "rnn"
local cli = require "rnn.cli"
local folder = require "rnn.folder"
local inbatches = require "rnn.models.inbatches"
local json = require "rnn.json"
local options = require "rnn.options"
local output = require "rnn.output"
local pairfiles = require "rnn.pairfiles"
local seq2seq = require "rnn.models.seq2seq"
local textscores = require "rnn.textscores"
local units = require "rnn.data.units"

local opts = cli.parse(arg, options.join({
  name = "translate.lua", usage = "MODEL [FILES] [options]",
  summary = "Prints a line for each line of text: the likeliest that the " ..
    "model makes of it. Empty lines stay empty. Tokens are what they were " ..
    "in training, characters or words apart by white space.",
  notes = "A text that has ended has the score log p / norm + beta coverage " ..
    "(see lua/rnn/translate.lua). With --gold or --references scores are " ..
    "printed in place of texts, in percent: bleu, chrf, rouge, wer, per or " ..
    "cer, accuracy.",
  examples = {
    "translate.lua de-en/best.safetensors < text.de",
    "translate.lua de-en/best.safetensors test.de --gold test.en",
    "translate.lua speak/best.safetensors words.txt --n 3",
    "translate.lua speak/best.safetensors test.tsv --references",
    "translate.lua de-en/best.safetensors text.de --unknown copy " ..
      "--heatmap maps",
  },
  {"model", positional = true, type = "file", required = true,
   help = "a checkpoint of train_seq2seq.lua: best.safetensors"},
  {"files", positional = true, type = "file", list = true, many = true,
   help = "texts; without any, or for -, stdin"},
  {group = "Search"},
  {"beam", type = "int", min = 1, max = 1000, default = 5,
   help = "texts that are followed; 1 takes the likeliest token each time"},
  {"n", type = "int", min = 1, max = 1000, default = 1,
   help = "results for a line, with more than 1 each as \"LINE tab SCORE " ..
     "tab TEXT\""},
  {"normalise", type = "choice", choices = {"gnmt", "length"},
   default = "gnmt", help = "norm for lengths: ((5 + n) / 6)^A, or n^A"},
  {"alpha", type = "number", min = 0, default = 0.6,
   help = "the A of the norm; 0 favours short texts"},
  {"beta", type = "number", min = 0, default = 0.0,
   help = "weight of the coverage of the source"},
  {"unknown", type = "choice", choices = {"keep", "copy"}, default = "keep",
   help = "<unk> stays, or becomes what the model looks at"},
  {"max-ratio", type = "number", min = 0, default = 2.0,
   help = "tokens of a result at most for each of its source, and 10 more"},
  {"max-source", type = "int", min = 1, default = 1000,
   help = "tokens of a line that are read; it is told if there are more"},
  {group = "Output"},
  {"json", type = "flag", help = "an object for each line"},
  {"attention", type = "flag",
   help = "draw where the model looks, below each text"},
  {"heatmap", type = "file",
   help = "the same as pictures: NAME.png or NAME.svg for the first line, " ..
     "NAME-2.png for the second, ...; or a folder (gnuplot)"},
  {group = "Scores"},
  {"gold", type = "file", list = true, many = true,
   help = "score by these texts, a file for each of FILES"},
  {"references", type = "flag",
   help = "score; FILES are pairs as --data of train_seq2seq.lua"},
}, pairfiles.options, {
  {group = "Control"},
  {"invalid", type = "choice", choices = {"error", "replace", "skip"},
   default = "error", help = "what to do with bytes that are not UTF-8"},
  {"batch", type = "int", min = 1, max = 1 << 20, default = 32,
   help = "lines at once"},
  {"threads", type = "int", min = 0, max = 256, default = 0,
   help = "worker threads; 0 = all cores this process may use"},
  {"config", type = "config", help = "file with a table of options"},
}))

-- {== Options ==

local function check()
  local wrong = pairfiles.fault(opts, opts.gold ~= nil)
  if wrong then cli.fail(2, "%s", wrong) end
  if opts.n > opts.beam then
    cli.fail(2, "--n must be at most --beam, %d, got %d", opts.beam, opts.n)
  elseif opts.gold and opts.references then
    cli.fail(2, "--gold names the targets, with --references they are in " ..
             "FILES: leave one of them out")
  elseif opts.gold and #opts.gold ~= #(opts.files or {"-"}) then
    cli.fail(2, "--gold must name a file for each of FILES: %d, got %d",
             #(opts.files or {"-"}), #opts.gold)
  end
end

check()
rnn.threads(opts.threads)
local model, failed = seq2seq.load(opts.model)
if not model then cli.fail(3, "%s", failed) end
local known = model:known()
local attends = opts.attention or opts.heatmap ~= nil
if not model.attention and
   (attends or opts.beta > 0 or opts.unknown == "copy") then
  cli.fail(2, "--attention, --heatmap, --beta and --unknown copy need a " ..
           "model with attention, %s has none", opts.model)
end

local SEARCH = {width = opts.beam, n = opts.n, alpha = opts.alpha,
                normalise = opts.normalise, beta = opts.beta,
                unknown = opts.unknown, ratio = opts.max_ratio,
                attention = attends}

-- }==

---As many tokens of a source as are read.
local function cut(tokens, name, number)
  if #tokens <= opts.max_source then return tokens end
  io.stderr:write(("warning: %s:%d: has %d tokens, %d are read " ..
                   "(--max-source)\n"):format(name, number, #tokens,
                                              opts.max_source))
  return table.move(tokens, 1, opts.max_source, 1, {})
end

-- {== Results of a line ==

local BETWEEN = known.target_units == "chars" and "" or " "

local function text_of(result)
  return table.concat(result.tokens, BETWEEN)
end

---Where to draw the map of a line.
local function picture(number)
  local name, ending = opts.heatmap:match "^(.*)(%.%l+)$"
  if ending == ".png" or ending == ".svg" then
    return number == 1 and opts.heatmap or
           ("%s-%d%s"):format(name, number, ending)
  end
  local ok, wrong = folder.make(opts.heatmap)
  if not ok then cli.fail(5, "%s", wrong) end
  return ("%s/%d.png"):format(opts.heatmap, number)
end

local function draw(path, tokens, result)
  local xlabels = table.move(tokens, 1, #tokens, 1, {})
  local ylabels = table.move(result.tokens, 1, #result.tokens, 1, {})
  xlabels[#xlabels + 1], ylabels[#ylabels + 1] = "</s>", "</s>"
  local ok, wrong = rnn.plot.heatmap(path, {
    rows = result.attention, xlabels = xlabels, ylabels = ylabels})
  if not ok then cli.fail(5, "%s", wrong) end
end

local function object_of(number, tokens, results)
  local list = {}
  for i, r in ipairs(results) do
    list[i] = {text = text_of(r), tokens = json.array(r.tokens),
               score = r.score, logp = r.logp, stopped = r.stopped,
               attention = opts.attention and r.attention:totable() or nil}
  end
  return {line = number, source = json.array(tokens),
          results = json.array(list)}
end

local function write(number, tokens, results)
  if opts.json then
    output.write(json.encode(object_of(number, tokens, results)) .. "\n")
  elseif opts.n == 1 or #results == 0 then
    output.write((results[1] and text_of(results[1]) or "") .. "\n")
  end
  for _, r in ipairs(opts.n > 1 and not opts.json and results or {}) do
    output.write(("%d\t%.4f\t%s\n"):format(number, r.score, text_of(r)))
  end
  if not results[1] then return end
  if opts.attention and not opts.json then draw("-", tokens, results[1]) end
  if opts.heatmap then draw(picture(number), tokens, results[1]) end
end

-- }==

---The results of each list of tokens; none for an empty one.
local function translated(sources)
  local items, all = {}, {}
  for i, tokens in ipairs(sources) do
    all[i] = {}
    if #tokens > 0 then
      items[#items + 1] = {size = #tokens, tokens = tokens, place = i}
    end
  end
  local results = inbatches.each(items, opts.batch, function(part)
    local list = {}
    for i, item in ipairs(part) do list[i] = item.tokens end
    return rnn.translate(model, list, SEARCH)
  end)
  for i, item in ipairs(items) do all[item.place] = results[i] end
  return all
end

local function print_texts()
  rnn.textlines.each(opts.files, opts.invalid, function(lines, first, name)
    local sources = {}
    for i, line in ipairs(lines) do
      sources[i] = cut(units.of(line, known.source_units), name,
                       first + i - 1)
    end
    for i, results in ipairs(translated(sources)) do
      write(first + i - 1, sources[i], results)
    end
  end)
end

-- {== Scores ==

local function pairs_of(path, gold)
  local o = {source_units = known.source_units,
             target_units = known.target_units}
  local list, wrong = pairfiles.read(path, gold,
                                     setmetatable(o, {__index = opts}))
  if not list then cli.fail(3, "%s", wrong) end
  for _, note in ipairs(list.notes) do
    io.stderr:write("warning: ", path, ": ", note, "\n")
  end
  for _, pair in ipairs(list) do
    pair.source = cut(pair.source, path, pair.line)
  end
  return list
end

local function print_scores()
  local all, truths, sum, count = {}, {}, 0.0, 0
  for i, path in ipairs(opts.files or {"-"}) do
    local list = pairs_of(path, opts.gold and opts.gold[i])
    table.move(list, 1, #list, #all + 1, all)
  end
  for i, pair in ipairs(all) do truths[i] = pair.targets end
  local guesses = inbatches.each(model:encode(all), opts.batch,
                                 function(items)
    local list, loss, n = model:predict(items, SEARCH)
    sum, count = sum + loss, count + n
    return list
  end)
  local scores = textscores.of(guesses, truths, known)
  scores.perplexity = rnn.metrics.perplexity(sum / count)
  output.write(textscores.layout(scores) .. "\n")
end

-- }==

if opts.gold or opts.references then print_scores() else print_texts() end
output.flush()
