---Finds texts that a trained model takes for alike.
---Usage: rnnlua nearest.lua MODEL FILES [options]   (--help)
local rnn = require "rnn"
local cli = require "rnn.cli"
local output = require "rnn.output"

local opts = cli.parse(arg, {
  name = "nearest.lua", usage = "MODEL FILES [options]",
  summary = "Prints the lines of files that are nearest to a text, with the " ..
    "cosines of their vectors: of a classifier what it chooses the label " ..
    "by, of a tagger and of a language model the mean of its states.",
  examples = {
    'nearest.lua opinion/best.safetensors reviews.txt --query "a fine film"',
    "nearest.lua book/best.safetensors lines.txt --top 3 < queries.txt",
    "nearest.lua topics/best.safetensors texts.txt --save texts.vec",
  },
  {"model", positional = true, type = "file", required = true,
   help = "a checkpoint of a classifier, a tagger or a language model"},
  {"files", positional = true, type = "file", list = true, many = true,
   required = true, help = "texts, a line each"},
  {"query", type = "string", list = true,
   help = "what to look for; may be given several times; without any, or " ..
     "--save, each line of stdin"},
  {"top", type = "int", min = 1, default = 5, help = "lines for each query"},
  {"save", type = "file",
   help = "write the vectors as text, in word2vec's format; white space is " ..
     "_ there"},
  {"invalid", type = "choice", choices = {"error", "replace", "skip"},
   default = "error", help = "what to do with bytes that are not UTF-8"},
  {"batch", type = "int", min = 1, max = 1 << 20, default = 32,
   help = "texts at once"},
  {"threads", type = "int", min = 0, max = 256, default = 0,
   help = "worker threads; 0 = all cores this process may use"},
  {"config", type = "config", help = "file with a table of options"},
})

rnn.threads(opts.threads)
local embed, wrong = rnn.embed.load(opts.model)
if not embed then cli.fail(3, "%s", wrong) end

---The different texts of the files, white space made one space.
local function read_texts()
  local texts, seen = {}, {}
  rnn.textlines.each(opts.files, opts.invalid, function(lines)
    for _, line in ipairs(lines) do
      local text = line:gsub("%s+", " "):gsub("^ ", ""):gsub(" $", "")
      if text ~= "" and not seen[text] then texts[#texts + 1] = text end
      seen[text] = true
    end
  end)
  if #texts == 0 then
    cli.fail(3, "%s: no text", table.concat(opts.files, ", "))
  end
  return texts
end

local texts = read_texts()
local vectors = rnn.vectors.new(texts, embed(texts, opts.batch))

local function answer(query)
  if query:find "%S" then
    local vector = embed({query}, 1)[1]
    for _, near in ipairs(vectors:nearest(vector, opts.top)) do
      output.write(("%.4f\t%s\n"):format(near.score, near.word))
    end
  end
  output.write "\n"
end

---Texts as words that a file of vectors can hold.
local function save(path)
  local names, seen = {}, {}
  for i, text in ipairs(texts) do
    local name = text:gsub("%s", "_")
    while seen[name] do name = name .. "_" end
    names[i], seen[name] = name, true
  end
  local ok, why = rnn.vectors.new(names, vectors.weight):save(path)
  if not ok then cli.fail(5, "could not save: %s", why) end
end

if opts.save then save(opts.save) end
for _, query in ipairs(opts.query or {}) do answer(query) end
if not (opts.query or opts.save) then
  rnn.textlines.each(nil, opts.invalid, function(lines)
    for _, line in ipairs(lines) do answer(line) end
  end)
end
output.flush()
