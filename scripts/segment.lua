---Cuts text into words, by a trained segmenter or by a dictionary alone.
---Usage: rnnlua segment.lua MODEL [FILES] [options]   (--help)
local rnn = require "rnn"
local cli = require "rnn.cli"
local json = require "rnn.json"
local output = require "rnn.output"
local segmenter = require "rnn.models.segmenter"

local opts = cli.parse(arg, {
  name = "segment.lua", usage = "MODEL [FILES] [options]",
  summary = "Prints text with spaces between its words. MODEL is a " ..
    "checkpoint of train_segmenter.lua, or a dictionary: lines of \"WORD " ..
    "FREQUENCY TAG\", of which the word must be there.",
  notes = "User words are never cut; of those that overlap the ones are " ..
    "taken that cover most. With --gold the FILES have spaces between their " ..
    "words: what is found without them is scored as SIGHAN does.",
  examples = {
    "segment.lua words/best.safetensors < text.txt",
    "segment.lua words/best.safetensors text.txt --user names.txt",
    "segment.lua dict.txt test.txt --gold",
  },
  {"model", positional = true, type = "file", required = true,
   help = "a checkpoint (.safetensors) or a dictionary"},
  {"files", positional = true, type = "file", list = true, many = true,
   help = "texts; without any, or for -, stdin"},
  {"user", type = "file", list = true, many = true,
   help = "files of words that are never cut, one a line"},
  {"word", type = "string", list = true, many = true,
   help = "words that are never cut"},
  {"mode", type = "choice", choices = {"best", "max", "all"},
   default = "best",
   help = "dictionary: the most likely words, from left to right the " ..
     "longest ones, or every word there is"},
  {"new-words", type = "choice", choices = {"guess", "single"},
   default = "guess",
   help = "dictionary: what becomes of characters in no word"},
  {"separator", type = "string", default = "  ", help = "put between words"},
  {"tags", type = "flag", help = "dictionary: word/TAG, where it has tags"},
  {"json", type = "flag", help = "a list of words for each line"},
  {"gold", type = "flag", help = "score instead of printing"},
  {"invalid", type = "choice", choices = {"error", "replace", "skip", "bytes"},
   default = "error", help = "what to do with bytes that are not UTF-8"},
  {"batch", type = "int", min = 1, max = 1 << 20, default = 32,
   help = "sentences at once"},
  {"threads", type = "int", min = 0, max = 256, default = 0,
   help = "worker threads; 0 = all cores this process may use"},
  {"config", type = "config", help = "file with a table of options"},
})

if (opts.gold or opts.json) and opts.tags or opts.gold and opts.json then
  cli.fail(2, "--gold, --json and --tags are three ways to print: take one")
end
rnn.threads(opts.threads)

---The words that are never cut, as dictionaries.
local function user_words()
  local list = {}
  for i, path in ipairs(opts.user or {}) do
    local d, wrong = rnn.dict.load(path)
    if not d then cli.fail(3, "%s", wrong) end
    list[i] = d
  end
  local own = rnn.dict.new()
  for _, word in ipairs(opts.word or {}) do
    local ok, wrong = own:add(word)
    if not ok then cli.fail(2, "--word: %s", wrong) end
  end
  if opts.word then list[#list + 1] = own end
  return #list > 0 and list or nil
end

local user = user_words()

-- {== What cuts: a function of lines to lists of words, and a dictionary ==

local function load_segmenter()
  local model, wrong = segmenter.load(opts.model)
  if not model then cli.fail(3, "%s", wrong) end
  if opts.tags or opts.mode ~= "best" or opts.new_words ~= "guess" then
    cli.fail(2, "--tags, --mode and --new-words are for dictionaries, %s is " ..
             "a model", opts.model)
  end
  return function(lines)
    return model:segment(lines, {user = user, batch = opts.batch})
  end, model:dictionary()
end

local function load_dictionary()
  local d, wrong = rnn.dict.load(opts.model)
  if not d then cli.fail(3, "%s", wrong) end
  return function(lines)
    local words = {}
    for i, line in ipairs(lines) do
      words[i] = d:segment(line, {user = user, mode = opts.mode,
                                  unknown = opts.new_words})
    end
    return words
  end, d
end

---Is it a model, not a dictionary, that a path leads to? Models begin with the
---length of a JSON object. The folder of a run is one, to be told so.
local function is_model(path)
  local file <close> = io.open(path, "rb")
  local inside <close> = io.open(path .. "/best.safetensors", "rb")
  local head = file and file:read(9)
  return path:find "%.safetensors$" or inside or
         head and head:sub(5) == "\0\0\0\0{"
end

local cut, dictionary
if is_model(opts.model) then
  cut, dictionary = load_segmenter()
else
  cut, dictionary = load_dictionary()
end

-- }==

---Words with their tags.
local function tagged(words)
  local list = {}
  for i, tag in ipairs(dictionary:tags(words)) do
    list[i] = tag ~= "" and words[i] .. "/" .. tag or words[i]
  end
  return list
end

local function print_words()
  rnn.textlines.each(opts.files, opts.invalid, function(lines)
    for _, words in ipairs(cut(lines)) do
      if opts.json then
        output.write(json.encode(json.array(words)) .. "\n")
      else
        output.write(table.concat(opts.tags and tagged(words) or words,
                                  opts.separator) .. "\n")
      end
    end
  end)
end

---The words that the dictionary has, as keys.
local function known_words()
  return dictionary and setmetatable({}, {__index = function(_, word)
    return dictionary:lookup(word) and true
  end})
end

local function score(path)
  local examples, wrong = rnn.data.segmented(path, {invalid = opts.invalid})
  if not examples then cli.fail(3, "%s", wrong) end
  local lines, truth = {}, {}
  for i, one in ipairs(examples) do
    lines[i], truth[i] = table.concat(one.words), one.words
  end
  local _, report = rnn.metrics.segmentation(cut(lines), truth,
                                             known_words())
  print(path .. ": " .. tostring(report))
end

if opts.gold then
  if opts.mode == "all" then
    cli.fail(2, "--mode all finds words that overlap: it cannot be scored")
  end
  for _, path in ipairs(opts.files or {"-"}) do score(path) end
else
  print_words()
end
output.flush()
