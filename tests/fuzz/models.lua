---Writes a small model of each kind, as the programs make them, for
---infer_fuzz.c: rnnlua tests/fuzz/models.lua DIR
local rnn, text = require "rnn", require "rnn.text"
local lm = require "rnn.models.lm"

local dir = assert(arg[1], "usage: rnnlua tests/fuzz/models.lua DIR")
local program = arg[-1]

local function write(name, content)
  local path = dir .. "/" .. name
  local file <close> = assert(io.open(path, "w"))
  file:write(content)
  return path
end

---Trains with a script for one step; its model becomes NAME.safetensors.
local function train(name, script, data, options, model)
  local out = dir .. "/" .. name
  local path = write(name .. ".data", data)
  assert(os.execute(([[%s scripts/%s.lua --data %s --out %s --seed 1 --steps 1 \
    --overwrite --quiet --threads 1 %s >%s.log 2>&1]]):format(program, script,
    path, out, options or "", out)), out .. ".log")
  assert(os.rename(("%s/%s.safetensors"):format(out, model or "best"),
                   out .. ".safetensors"))
  os.execute(("rm -r %s %s %s.log"):format(out, path, out))
end

-- {== Models that are stepped ==

local CORPUS = "ab cd\nBär\n"
local TOKENIZERS = {char = {}, bpe = {vocab_size = 260}, word = {},
                    grapheme = {}, dict = {dictionary = rnn.dict.learn {
                      {"ab", "cd"}, {"Bär"}}}}
local LAYERS = {
  lstm = {layers = 2}, gru = {tied = true, embed = 5}, rnn = {},
  adaptive = {cell = "lstm", softmax = "adaptive",
                                        cutoffs = {3, 5}, hidden = 20},
}

local function save_lm(name, tok, o)
  local config = {tok = tok, cell = name, embed = 3, hidden = 5, layers = 1}
  for key, value in pairs(o) do config[key] = value end
  local path = ("%s/lm-%s.safetensors"):format(dir, name)
  assert(rnn.save(path, lm.build(config), lm.describe(tok)))
end

rnn.seed(1)
for name, o in pairs(TOKENIZERS) do
  save_lm(name, assert(text.tokenizer(name, o):fit(CORPUS)), {cell = "rnn"})
end
for name, o in pairs(LAYERS) do
  save_lm(name, text.tokenizer("char", {byte_fallback = false}):fit(CORPUS), o)
end
assert(rnn.save(dir .. "/lm-clockwork.safetensors", {
  a = rnn.Embedding(5, 3), b = rnn.ClockworkRNN(3, 4, {periods = {1, 2}}),
  c = rnn.Linear(4, 5)}))
assert(rnn.save(dir .. "/net.safetensors", {
  a = rnn.LSTM(2, 3, {peephole = true, layer_norm = true, proj_size = 2,
                      learned_state = true}),
  b = rnn.Linear(2, 2)}))

-- }==

-- {== Models of the scripts ==

local wave = {"date,x,y"}
for t = 0, 59 do
  wave[#wave + 1] = ("2020-01-01 %02d:%02d,%.3f,%.3f"):format(
    t // 60, t % 60, math.sin(t / 3), math.cos(t / 3))
end
wave = table.concat(wave, "\n") .. "\n"

train("tagger", "train_tagger", ("She N\nsees V\n\nit N\n\n"):rep(8),
      "--embed 3 --hidden 2 --char-embed 2 --char-hidden 2")
train("segmenter", "train_segmenter", ("他  来到  上海\n她  的\n"):rep(8),
      "--embed 3 --hidden 2")
train("classifier", "train_classifier", ("a\tone two\nb\tthree\n"):rep(8),
      "--embed 3 --hidden 2 --test 0")
train("seriesclassifier", "train_seriesclassifier",
      ("1 0.5 1 2 3\n2 3 2 1 0\n"):rep(8), "--hidden 2 --test 0")
train("seq2seq", "train_seq2seq", ("ab cd\tx y\ncd\tz\n"):rep(8),
      "--embed 3 --hidden 2 --test 0")
train("forecaster", "forecast", wave, "--hidden 2 --window 4 --horizon 2 " ..
      "--target x --inputs y --output quantile --quantiles 0.1,0.5")
train("recursive", "forecast", wave, "--hidden 2 --window 4 --horizon 2 " ..
      "--strategy recursive --output gaussian --target x --known y")
train("autoencoder", "anomaly", wave, "--hidden 2 --window 4 --code 2 " ..
      "--method autoencoder --threshold quantile", "detector")

-- }==
