---Tags text with a trained tagger.
---Usage: rnnlua tag.lua MODEL [FILES] [options]   (--help)
local rnn = require "rnn"
local cli = require "rnn.cli"
local json = require "rnn.json"
local output = require "rnn.output"
local tagger = require "rnn.models.tagger"
local units = require "rnn.data.units"

local opts = cli.parse(arg, {
  name = "tag.lua", usage = "MODEL [FILES] [options]",
  summary = "Prints the words of text with their tags. Text has a sentence " ..
    "a line, words apart by white space; or it is in columns.",
  examples = {
    "tag.lua pos/best.safetensors < sentences.txt",
    "tag.lua chunks/best.safetensors new.txt --format columns",
    "tag.lua slots/best.safetensors --output json",
  },
  {"model", positional = true, type = "file", required = true,
   help = "a checkpoint of train_tagger.lua: best.safetensors"},
  {"files", positional = true, type = "file", list = true, many = true,
   help = "texts; without any, or for -, stdin"},
  {"format", type = "choice", choices = {"text", "columns", "conllu"},
   default = "text", help = "a sentence a line, a word a line, or CoNLL-U"},
  {"split", type = "choice", choices = {"space", "unicode"},
   default = "space",
   help = "text: where words end, at white space, or before punctuation as " ..
     "well, in the manner of Unicode's word boundaries"},
  {"word-column", type = "int",
   help = "column of the words (default 1, of CoNLL-U 2)"},
  {"output", type = "choice", choices = {"inline", "columns", "spans", "json"},
   default = "inline",
   help = "word/TAG, a word and its tag a line, [words]TYPE, or an object " ..
     "for each sentence"},
  {"invalid", type = "choice", choices = {"error", "replace", "skip"},
   default = "error", help = "what to do with bytes that are not UTF-8"},
  {"batch", type = "int", min = 1, max = 1 << 20, default = 32,
   help = "sentences at once"},
  {"threads", type = "int", min = 0, max = 256, default = 0,
   help = "worker threads; 0 = all cores this process may use"},
  {"config", type = "config", help = "file with a table of options"},
})

if opts.format == "text" and opts.word_column then
  cli.fail(2, "--word-column needs --format columns or conllu")
elseif opts.format ~= "text" and opts.split ~= "space" then
  cli.fail(2, "--split is for --format text: lines of columns are split")
end
rnn.threads(opts.threads)
local model, wrong = tagger.load(opts.model)
if not model then cli.fail(3, "%s", wrong) end
local known = model:known()

-- {== Sentences and their tags, as text ==

local WRITE = {}

function WRITE.inline(words, tags)
  local parts = {}
  for i, word in ipairs(words) do parts[i] = word .. "/" .. tags[i] end
  return table.concat(parts, " ") .. "\n"
end

function WRITE.columns(words, tags)
  local lines = {}
  for i, word in ipairs(words) do lines[i] = word .. "\t" .. tags[i] .. "\n" end
  return table.concat(lines) .. "\n"
end

function WRITE.spans(words, tags)
  local list = table.move(words, 1, #words, 1, {})
  for _, span in ipairs(rnn.data.spans(tags)) do
    list[span.first] = "[" .. list[span.first]
    list[span.last] = list[span.last] .. "]" .. span.type
  end
  return table.concat(list, " ") .. "\n"
end

function WRITE.json(words, tags)
  local spans = known.scheme and rnn.data.spans(tags)
  local line = json.encode {tags = tags, words = words}
  if not spans then return line .. "\n" end
  return ('{"spans":%s,%s\n'):format(
         #spans > 0 and json.encode(spans) or "[]", line:sub(2))
end

local write = WRITE[opts.output]
if opts.output == "spans" and not known.scheme then
  cli.fail(2, "--output spans: the tags of %s are not those of spans",
           opts.model)
end

-- }==

local UNIT = {space = "words", unicode = "tokens"}

---Sentences of lines; an empty line stays one.
local function sentences_of(lines)
  local sentences = {}
  for _, line in ipairs(lines) do
    local words = units.of(line, UNIT[opts.split])
    sentences[#sentences + 1] = #words > 0 and {words = words} or nil
  end
  return sentences
end

local function tag_text()
  if #known.columns > 0 then
    cli.fail(2, "%s goes by column %s of its data: give --format columns",
             opts.model, table.concat(known.columns, " and "))
  end
  rnn.textlines.each(opts.files, opts.invalid, function(lines)
    local sentences = sentences_of(lines)
    local tags, at = model:tag(sentences, opts.batch), 0
    for _, line in ipairs(lines) do
      local empty = not line:find "%S"
      at = empty and at or at + 1
      output.write(empty and "\n" or write(sentences[at].words, tags[at]))
    end
  end)
end

local function tag_columns()
  local columns = {words = opts.word_column or
                           (opts.format == "conllu" and 2 or 1)}
  for _, name in ipairs(known.columns) do
    columns[name] = math.tointeger(tonumber(name))
  end
  local files = opts.files and #opts.files > 0 and opts.files or {"-"}
  for _, path in ipairs(files) do
    local sentences, why = rnn.data.conll(path, {
      format = opts.format, columns = columns, invalid = opts.invalid})
    if not sentences then cli.fail(3, "%s", why) end
    local tags = model:tag(sentences, opts.batch)
    for i, s in ipairs(sentences) do output.write(write(s.words, tags[i])) end
  end
end

if opts.format == "text" then tag_text() else tag_columns() end
output.flush()
