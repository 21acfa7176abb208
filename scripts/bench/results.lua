---What the programs reach on real data: trains them, prints the results as the
---rows of README's table.
---Usage: rnnlua results.lua [ROWS] [options]   (--help)
local rnn = require "rnn"
local cli = require "rnn.cli"
local lfs = require "lfs"
local shell = require "rnn.shell"

---@class Row
---@field name string
---@field task string for people
---@field needs? string what must lie in --corpora; without, the data are made
---@field make? string script and options that make them in the folder {d}
---@field train string script and options; {d} is the folder of the data
---@field result string pattern of the number in what the script prints
---@field unit string
---@field least? number the number must be so large
---@field most? number or so small

local WORD = "train_wordlm.lua --data {d}/ptb.train.txt --valid-data " ..
             "{d}/ptb.valid.txt --test-data {d}/ptb.test.txt "
local PERPLEXITY = "\ntest .-perplexity ([%d.]+)"
local SPANS = "\ntest .- span_f1 ([%d.]+)"
local F1, ACCURACY = "\ntest .- f1 ([%d.]+)", "\ntest .-accuracy ([%d.]+)"
local WER = "\nwer +([%d.]+)"
local RMSE, MSE = "\nmodel +([%d.]+)", "\nmodel [^\n]- ([%d.]+)\n"
local EWT = "--data {d}/en_ewt-ud-train.conllu.gz --valid-data " ..
            "{d}/en_ewt-ud-dev.conllu.gz --test-data " ..
            "{d}/en_ewt-ud-test.conllu.gz --format conllu "

---@type Row[]
local ROWS = {
  {name = "captions", task = "captions of drawn shapes",
   train = "caption.lua --show 0", unit = "% exact", least = 90,
   result = "done +([%d.]+) %%"},
  {name = "captions-small", task = "captions, a quarter of the steps",
   train = "caption.lua --show 0 --steps 750", unit = "% exact", least = 30,
   result = "done +([%d.]+) %%"},
  {name = "shakespeare", task = "Tiny-shakespeare characters, last tenth",
   needs = "charlm/tinyshakespeare", most = 1.5, unit = "nats",
   train = "train_charlm.lua --data {d}/input.txt --hidden 384 --embed 64 " ..
     "--dropout 0.4 --batch 32 --seq 100 --epochs 20 --schedule cosine " ..
     "--warmup 100 --optim adamw --weight-decay 0.01 --clip 1 " ..
     "--precision bf16 --eval-every 313 --sample-length 0",
   result = "best validation loss ([%d.]+) nats"},
  {name = "ptb", task = "Penn Treebank words, LSTM 2x200, no dropout",
   needs = "wordlm/ptb", train = WORD .. "--preset plain",
   result = PERPLEXITY, unit = "perplexity", most = 120},
  {name = "ptb-awd", task = "Penn Treebank words, LSTM 2x650, AWD",
   needs = "wordlm/ptb", result = PERPLEXITY, unit = "perplexity", most = 86,
   train = WORD .. "--preset awd --hidden 650 --precision bf16 " ..
     "--dropout-embed 0.1 --dropout-in 0.3 --dropout-hidden 0.25 " ..
     "--dropout-out 0.4 --weight-drop 0.4"},
  {name = "sst2", task = "SST-2, opinions", needs = "classify/sst2",
   train = "train_classifier.lua --preset sentences --bayes --format space " ..
     "--data {d}/stsa.binary.train.gz --valid-data {d}/stsa.binary.dev " ..
     "--test-data {d}/stsa.binary.test",
   result = ACCURACY, unit = "%", least = 82.5},
  {name = "polarity", task = "rt-polarity, a tenth held out",
   needs = "classify/rt-polarity", result = ACCURACY, unit = "%", least = 77,
   train = "train_classifier.lua --preset sentences --bayes --invalid " ..
     "replace --labels neg pos --test 0.1 --data {d}/rt-polarity.neg " ..
     "{d}/rt-polarity.pos"},
  {name = "languages", task = "12 languages of fortune cookies, a tenth " ..
     "held out", needs = "classify/languages", least = 97, unit = "%",
   train = "train_classifier.lua --preset chars --invalid replace --test " ..
     "0.1 --data {d}/languages.tsv", result = ACCURACY},
  {name = "cbf", task = "cylinder, bell, funnel: 30 series to learn from, " ..
     "900 to test", make = "make_series.lua cbf --out {d}", least = 97,
   train = "train_seriesclassifier.lua --data {d}/train.ts --test-data " ..
     "{d}/test.ts --val 0", result = ACCURACY, unit = "%"},
  {name = "anomaly-sensor", task = "planted faults of a sensor, spans",
   train = "anomaly.lua --demo sensor", result = SPANS, unit = "F1",
   least = 90},
  {name = "anomaly-ecg", task = "planted faults of an ECG, spans",
   train = "anomaly.lua --demo ecg --absolute", result = SPANS, unit = "F1",
   least = 90},
  {name = "airline", task = "AirPassengers, one month ahead, the last third",
   needs = "timeseries/classic", result = RMSE, unit = "RMSE", most = 15.62,
   train = "forecast.lua --data {d}/airline-passengers.csv --test 0.33 " ..
     "--log --difference both --epochs 100"},
  {name = "sunspots", task = "sunspots, one month ahead, the last fifth",
   needs = "timeseries/classic", result = RMSE, unit = "RMSE", most = 18.5,
   train = "forecast.lua --data {d}/monthly-sunspots.csv --window 48"},
  {name = "temperatures", task = "lowest temperature of the next day, the " ..
     "last fifth", needs = "timeseries/classic", result = RMSE, unit = "RMSE",
   train = "forecast.lua --data {d}/daily-min-temperatures.csv --window 30 " ..
     "--missing last --calendar yearday --epochs 10", most = 2.3},
  {name = "etth1", task = "ETTh1, oil temperature of the next 24 hours",
   needs = "timeseries/ett", result = MSE, unit = "MSE/var", most = 0.0343,
   train = "forecast.lua --data {d}/ETTh1.csv.gz --to 2018-02-20T23:00 " ..
     "--val 2880 --test 2880 --horizon 24 --window 96 --epochs 5"},
  {name = "ewt", task = "UD English EWT, parts of speech",
   needs = "tagging/ud-english-ewt", result = ACCURACY, unit = "% UPOS",
   train = "train_tagger.lua " .. EWT .. "--hidden 200 --lr 2e-3 --epochs 25",
   least = 94},
  {name = "conll2000", task = "CoNLL-2000, chunks",
   needs = "tagging/conll2000", result = F1, unit = "F1", least = 93,
   train = "train_tagger.lua --data {d}/train.txt.gz --test-data " ..
     "{d}/test.txt.gz --features 2 --hidden 200 --lr 2e-3 --epochs 25"},
  {name = "sxu", task = "SXU, Chinese words", needs = "cws/sxu-sighan2008",
   train = "train_segmenter.lua --data {d}/train.txt.gz --test-data " ..
     "{d}/test.txt.gz --hidden 160 --lr 2e-3 --epochs 12",
   result = F1, unit = "F1", least = 95},
  {name = "atis", task = "ATIS, slots", needs = "tagging/atis",
   train = "train_tagger.lua --format parallel --data {d}/train/seq.in.gz " ..
     "--tags {d}/train/seq.out.gz --valid-data {d}/valid/seq.in " ..
     "--valid-tags {d}/valid/seq.out --test-data {d}/test/seq.in " ..
     "--test-tags {d}/test/seq.out --lr 2e-3",
   result = F1, unit = "F1", least = 95},
  {name = "french", task = "SIGMORPHON 2020, French pronunciation",
   needs = "seq2seq/sigmorphon2020-g2p", result = WER, unit = "% WER",
   most = 8, train = "train_seq2seq.lua --preset pronounce --data " ..
     "{d}/fre_train.tsv --valid-data {d}/fre_dev.tsv --test-data " ..
     "{d}/fre_test.tsv"},
  {name = "cmudict", task = "CMUdict without stress, pronunciation",
   needs = "seq2seq/cmudict", result = WER, unit = "% WER", most = 31,
   train = "train_seq2seq.lua --preset pronounce --data {d}/cmudict.dict " ..
     "--separator space --comment # --no-stress --val 0.05 --test 0.05 " ..
     "--hidden 256 --dropout 0.2 --batch 128 --epochs 12"},
  {name = "multi30k", task = "Multi30k, German to English",
   needs = "seq2seq/multi30k-en-de", result = "\nbleu +([%d.]+)",
   unit = "BLEU", least = 30, train = "train_seq2seq.lua " ..
     "--data {d}/train.lc.norm.tok.de.gz --target " ..
     "{d}/train.lc.norm.tok.en.gz --valid-data {d}/val.lc.norm.tok.de " ..
     "--valid-target {d}/val.lc.norm.tok.en --test-data " ..
     "{d}/test_2016_flickr.lc.norm.tok.de --test-target " ..
     "{d}/test_2016_flickr.lc.norm.tok.en"},
}

local names = {}
for i, row in ipairs(ROWS) do names[i] = row.name end

local opts = cli.parse(arg, {
  name = "results.lua", usage = "[ROWS] [options]",
  summary = "Trains the programs on real data, a row of README's table " ..
    "each, and prints what they reach beside what they must. Rows: " ..
    table.concat(names, ", ") .. ". Without any, those whose data are there.",
  notes = "Exit code 1 when a row misses what it must reach.",
  examples = {"results.lua captions",
              "results.lua ewt atis --corpora ../corpora --threads 1"},
  {"rows", positional = true, type = "string", list = true, many = true,
   help = "names of rows"},
  {"corpora", type = "file", metavar = "DIR", default = "corpora",
   help = "folder of the data; corpora/README.md says what lies where"},
  {"out", type = "file", metavar = "DIR", default = "runs/results",
   help = "folder for the runs; one that was stopped goes on"},
  {"threads", type = "int", min = 0, max = 256, default = 0,
   help = "worker threads; 0 = all cores this process may use"},
  {"seed", type = "int", default = 1, help = "seed of every run"},
})

local function folder_of(row)
  return row.needs and opts.corpora .. "/" .. row.needs or
         opts.out .. "/" .. row.name .. ".data"
end

local function is_there(row)
  return not row.needs or lfs.attributes(folder_of(row), "mode") ~= nil
end

---The rows asked for.
local function chosen()
  local list = {}
  for _, name in ipairs(opts.rows or {}) do
    local found
    for _, row in ipairs(ROWS) do found = row.name == name and row or found end
    if not found then
      cli.fail(2, "there is no row '%s' (%s)", name,
               table.concat(names, ", "))
    elseif not is_there(found) then
      cli.fail(3, "%s: is not there, for %s; see --corpora", folder_of(found),
               name)
    end
    list[#list + 1] = found
  end
  for _, row in ipairs(#list == 0 and ROWS or {}) do
    if is_there(row) then list[#list + 1] = row end
  end
  return list
end

---The words of a command, {d} filled in, as a shell takes them.
local function words_of(row, command)
  local words = {}
  for word in command:gmatch "%S+" do
    words[#words + 1] = word:gsub("{d}", function() return folder_of(row) end)
  end
  return words
end

---Runs a script to its end; returns what it printed.
local function run_script(row, words)
  local script = "../" .. table.remove(words, 1)
  local pipe = assert(io.popen(shell.command(script, table.unpack(words)) ..
                               " 2>&1", "r"))
  local text = pipe:read "a"
  local ok, _, code = pipe:close()
  if not ok then
    cli.fail(code == 130 and 130 or 1, "%s: %s", row.name,
             text:match "([^\n]*)\n*$")
  end
  return text
end

---Runs a row to its end; returns what it printed.
local function run(row)
  if row.make then run_script(row, words_of(row, row.make)) end
  local words = words_of(row, row.train)
  local dir = opts.out .. "/" .. row.name
  table.move({"--out", dir, "--seed", tostring(opts.seed), "--threads",
              tostring(opts.threads)}, 1, 6, #words + 1, words)
  if lfs.attributes(dir .. "/last.safetensors", "mode") then
    words[#words + 1] = "--resume"
  end
  return run_script(row, words), dir
end

---The command as people would type it.
local function typed(row)
  local words = {}
  for word in row.train:gsub("{d}/", ""):gmatch "%S+" do
    words[#words + 1] = shell.quote(word)
  end
  return table.concat(words, " ")
end

---Seconds a run has taken, those before it was last stopped included.
local function seconds_of(dir)
  local events = assert(rnn.run.read_log(dir .. "/log.jsonl"))
  return events[#events].time
end

local missed = 0
print "| task | command | result | must be | time |"
print "|---|---|---|---|---|"
for _, row in ipairs(chosen()) do
  local text, dir = run(row)
  local x = tonumber(text:match(row.result))
  if not x then cli.fail(1, "%s: printed no result", row.name) end
  local well = x >= (row.least or -math.huge) and x <= (row.most or math.huge)
  if not well then missed = missed + 1 end
  print(("| %s | `%s` | %s%g %s%s | %s %g | %s |"):format(
    row.task, typed(row), well and "" or "**", x, row.unit,
    well and "" or "**", row.least and ">=" or "<=", row.least or row.most,
    rnn.run.duration(seconds_of(dir))))
  io.stdout:flush()
end
if missed > 0 then cli.fail(1, "%d rows miss what they must reach", missed) end
