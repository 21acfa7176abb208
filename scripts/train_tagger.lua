---Trains a tagger: a label for each word of a sentence - parts of speech,
---chunks, names, slots.
---Usage: rnnlua train_tagger.lua --data FILE --out DIR [options]   (--help)
local rnn = require "rnn"
local cli = require "rnn.cli"
local options = require "rnn.options"

local data, metrics = rnn.data, rnn.metrics

local SPEC = options.join({
  name = "train_tagger.lua", usage = "--data FILE --out DIR [options]",
  saved = "resume",
  summary = "Trains a BiLSTM-CRF on tagged sentences, by words and their " ..
    "characters. Writes log.jsonl, last.safetensors and best.safetensors " ..
    "(the best F1 or accuracy) to DIR. tag.lua tags other sentences.",
  notes = "Tags such as B-NP are those of spans: they are learnt as BIOES, " ..
    "given back as they were, and scored as conlleval does (f1); others by " ..
    "accuracy. Scores are in percent.",
  examples = {
    "train_tagger.lua --data train.conllu --valid-data dev.conllu " ..
      "--format conllu --out pos",
    "train_tagger.lua --data train.txt --test-data test.txt --features 2 " ..
      "--out chunks",
    "train_tagger.lua --format parallel --data seq.in --tags seq.out " ..
      "--out slots",
    "train_tagger.lua --out pos --resume --epochs 40",
  },
}, options.examples, {
  {"format", type = "choice", choices = {"columns", "conllu", "parallel"},
   default = "columns",
   help = "a word a line and blank lines between sentences, CoNLL-U, or a " ..
     "sentence a line with its tags in --tags"},
  {"word-column", type = "int",
   help = "column of the words (default 1, of CoNLL-U 2)"},
  {"tag-column", type = "int",
   help = "column of the tags (default -1, the last; of CoNLL-U 4, UPOS)"},
  {"tags", type = "file", list = true, many = true,
   help = "parallel: the tags of --data, a file for each"},
  {"valid-tags", type = "file", list = true, many = true,
   help = "parallel: the tags of --valid-data"},
  {"test-tags", type = "file", list = true, many = true,
   help = "parallel: the tags of --test-data"},
  {group = "Model"},
  {"features", type = "int", list = true, many = true,
   help = "other columns to go by; new text must have them too"},
  {"feature-embed", type = "int", min = 1, max = 65536, default = 20,
   help = "size of the vectors of the other columns"},
  {"output", type = "choice", choices = {"crf", "softmax"}, default = "crf",
   help = "what chooses the tags: all of a sentence together, or each one"},
  {"word-dropout", type = "number", min = 0, below = 1, default = 0.05,
   help = "chance that a word is not known, only its characters"},
}, options.words, options.example_layers, options.example_training,
  options.example_control)

-- {== Data ==

local TAGS_OF = {data = "tags", valid_data = "valid_tags",
                 test_data = "test_tags"}

local COLUMNS = {"word_column", "tag_column", "features"}

---Refuses options of the other format.
local function check_format(opts, parallel)
  for _, name in ipairs(parallel and COLUMNS or {"tags", "valid_tags",
                                                 "test_tags"}) do
    if opts[name] then
      cli.fail(2, "--%s is %s --format parallel", name:gsub("_", "-"),
               parallel and "not for" or "for")
    end
  end
end

---The sentences of a file, and of that with their tags.
local function read_parallel(path, opts, option, i)
  local name = TAGS_OF[option]
  local tags = opts[name] or {}
  if #tags ~= #opts[option] then
    cli.fail(2, "--%s must name the tags of %s: a file for each",
             name:gsub("_", "-"), table.concat(opts[option], ", "))
  end
  return data.tagged(path, tags[i], {invalid = opts.invalid})
end

local function read(path, opts, option, i)
  check_format(opts, opts.format == "parallel")
  if opts.format == "parallel" then
    return read_parallel(path, opts, option, i)
  end
  local conllu = opts.format == "conllu"
  local columns = {words = opts.word_column or conllu and 2 or 1,
                   tags = opts.tag_column or conllu and 4 or -1}
  for _, column in ipairs(opts.features or {}) do
    columns[tostring(column)] = column
  end
  return data.conll(path, {format = opts.format, columns = columns,
                           invalid = opts.invalid})
end

-- }==

-- {== Scores ==

---What is said of tags that are none of a span, if those learnt are.
local function fits(known, sentences)
  for _, s in ipairs(known.scheme and sentences or {}) do
    if not data.scheme {s.tags, {"B-X"}} then
      return ("the tags of the sentence in line %d are not all those of " ..
              "spans, such as B-X and O, as in --data"):format(s.line)
    end
  end
end

---The true tags, those of spans in the scheme of the guesses.
local function gold(sentences, scheme)
  local rewrite = {BIO = data.bio, BIOES = data.bioes}
  local tags = {}
  for i, s in ipairs(sentences) do
    tags[i] = scheme and rewrite[scheme](s.tags) or s.tags
  end
  return tags
end

---All tags of sentences, one after the other.
local function flat(list)
  local all = {}
  for _, tags in ipairs(list) do
    table.move(tags, 1, #tags, #all + 1, all)
  end
  return all
end

local function score(guesses, sentences, tagger)
  local scheme = tagger:known().scheme
  local truth = gold(sentences, scheme)
  return {accuracy = 100 * metrics.accuracy(flat(guesses), flat(truth)),
          f1 = scheme and 100 * metrics.span_f1(guesses, truth)}
end

---Precision, recall and F1 by type.
local function show(guesses, sentences, tagger)
  local scheme = tagger:known().scheme
  local truth = gold(sentences, scheme)
  if scheme then
    return tostring(select(2, metrics.span_f1(guesses, truth)))
  end
  return tostring(select(2, metrics.f1(flat(guesses), flat(truth))))
end

-- }==

rnn.datatask.main(arg, SPEC, {
  kind = require "rnn.models.tagger", unit = "word", read = read,
  shorten = data.shortened, fits = fits, score = score, show = show,
  metric = function(known) return known.scheme and "f1" or "accuracy" end,
  use = function(path)
    return {"tag", rnn.run.command("tag.lua", path, "FILE")}
  end,
})
