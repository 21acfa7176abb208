---Describes drawn pictures: from a vector, the pixels, to a sequence of words.
---Usage: rnnlua caption.lua --out DIR [options]   (--help)
local rnn = require "rnn"
local cli = require "rnn.cli"
local options = require "rnn.options"
local show = require "rnn.show"

local op = rnn.op

local SPEC = {
  name = "caption.lua", usage = "--out DIR [options]", saved = "resume",
  summary = "Draws pictures of one or two shapes, learns to describe them, " ..
    "and shows pictures it has never seen beside what it says of them. " ..
    "The pixels condition a network that writes the caption word by word.",
  examples = {"caption.lua --out runs/caption --condition both",
              "caption.lua --model runs/caption/best.safetensors --show 5"},
  {"out", type = "file", metavar = "DIR", help = "folder of the run"},
  {"model", type = "file",
   help = "only show what a trained model says of new pictures"},
  {"condition", type = "choice", choices = {"state", "steps", "both"},
   default = "state",
   help = "what the picture is: the first state, an input of every step, both"},
  {"cell", type = "choice", choices = {"lstm", "gru", "rnn"}, default = "lstm",
   help = "kind of recurrent layer"},
  {"hidden", type = "int", min = 1, max = 65536, default = 128, help = "units"},
  {"noise", type = "number", min = 0, default = 0.1,
   help = "standard deviation of the noise of a pixel, which is 0 to 1"},
  {"steps", type = "int", min = 1, default = 3000, help = "training steps"},
  {"batch", type = "int", min = 1, default = 64, help = "pictures of a step"},
  {"lr", type = "number", above = 0, default = 3e-3, help = "learning rate"},
  {"seed", type = "int", default = 1, help = "seed of pictures and weights"},
  {"show", type = "int", min = 0, default = 3, help = "pictures to show"},
  {"resume", type = "file", bare = "last", metavar = "CHECKPOINT",
   help = "go on with the run in --out"},
  {"overwrite", type = "flag", help = "start anew in a folder with a run"},
  {"threads", type = "int", min = 0, default = 0, help = "0 = all cores"},
  {"quiet", type = "flag", help = "no progress on stderr"},
}

local task = {spec = SPEC, opts = cli.given(arg, SPEC)}
rnn.task.settle(task, function() end)
local opts = task.opts

local SIDE <const> = 16      -- pixels of a picture's side
local TESTS <const> = 500    -- pictures that are only tested on
local BEGIN <const>, END <const> = 1, 2

-- {== Pictures and their captions ==

---Is a point inside a shape of radius 1?
local INSIDE = {
  circle = function(x, y) return x * x + y * y <= 1 end,
  square = function(x, y) return math.max(math.abs(x), math.abs(y)) <= 0.9 end,
  triangle = function(x, y) return y <= 0.9 and math.abs(x) <= (y + 1) / 2 end,
  cross = function(x, y)
    return math.min(math.abs(x), math.abs(y)) <= 0.3 and
           math.max(math.abs(x), math.abs(y)) <= 1
  end,
}

local SHAPES = {"circle", "cross", "square", "triangle"}
local SIZES = {large = 4, small = 2.6}
local SIZE_NAMES = {"large", "small"}

---Where one shape is, or two.
local PLACES = {["on the left"] = {4, 8}, ["on the right"] = {12, 8},
                ["at the top"] = {8, 4}, ["at the bottom"] = {8, 12},
                ["left of"] = {4, 8, 12, 8}, above = {8, 4, 8, 12}}
local NAMES = {"on the left", "on the right", "at the top", "at the bottom",
               "left of", "above"}

---The words of all captions, and their ids.
local WORDS = {"<s>", "</s>", "a"}
for _, list in ipairs {SHAPES, {"large", "small"}, {"on", "at", "the", "left",
                       "right", "top", "bottom", "of", "above"}} do
  table.move(list, 1, #list, #WORDS + 1, WORDS)
end
local ID = {}
for i, word in ipairs(WORDS) do ID[word] = i end

local function pick(list) return list[math.floor(rnn.random() * #list) + 1] end

---Draws a shape near a point into pixels; returns what it is.
local function draw(pixels, cx, cy)
  local shape, size = pick(SHAPES), pick(SIZE_NAMES)
  local inside, r = INSIDE[shape], SIZES[size]
  cx, cy = cx + rnn.random() * 2 - 1, cy + rnn.random() * 2 - 1
  for y = math.floor(cy - r), math.ceil(cy + r) do
    for x = math.floor(cx - r), math.ceil(cx + r) do
      if x >= 0 and x < SIDE and y >= 0 and y < SIDE and
         inside((x - cx) / r, (y - cy) / r) then
        pixels[y * SIDE + x + 1] = 1
      end
    end
  end
  return ("a %s %s"):format(size, shape)
end

---A picture, and its caption.
local function picture()
  local pixels, name = {}, pick(NAMES)
  for i = 1, SIDE * SIDE do pixels[i] = 0 end
  local at = PLACES[name]
  local caption = draw(pixels, at[1], at[2]) .. " " .. name
  if not at[3] then return pixels, caption end
  return pixels, caption .. " " .. draw(pixels, at[3], at[4])
end

---N pictures with noise (N,pixels), what the decoder reads and what it is to
---say (T,N), and their captions.
local function pictures(N)
  local rows, reads, says, captions = {}, {}, {}, {}
  for n = 1, N do
    rows[n], captions[n] = picture()
    reads[n], says[n] = {BEGIN}, {}
    for word in captions[n]:gmatch "%S+" do
      table.insert(reads[n], ID[word])
      table.insert(says[n], ID[word])
    end
    table.insert(says[n], END)
  end
  local x = rnn.tensor(rows)
  return x + opts.noise * rnn.randn(x:shape()),
         rnn.data.padded(reads, {pad = END}), rnn.data.padded(says), captions
end

-- }==

-- {== The model ==

local CELLS = {lstm = rnn.LSTM, gru = rnn.GRU, rnn = rnn.RNN}
local FEATURES <const>, EMBED <const> = 64, 32

local function new_model()
  local H, model = opts.hidden, {see = rnn.Linear(SIDE * SIDE, 256),
                                 features = rnn.Linear(256, FEATURES)}
  model.embed = rnn.Embedding(#WORDS, EMBED)
  model.rnn = CELLS[opts.cell](
    EMBED + (opts.condition ~= "state" and FEATURES or 0), H)
  model.first = opts.condition ~= "steps" and rnn.Linear(FEATURES, H) or nil
  model.out = rnn.Linear(H, #WORDS)
  return model
end

---What is seen in pictures: features (N,F), the first state of the network.
local function look(model, x)
  local f = model.features(model.see(x):relu()):tanh()
  if not model.first then return f end
  local h = model.first(f):tanh()
  h = h:reshape {1, #x, h:shape()[2]}
  return f, {h = h, c = model.rnn.config.class == "LSTM" and h or nil}
end

---Logits (T,N,words) of the word after each of ids (T,N); the state after them.
local function say(model, f, ids, state)
  local e = model.embed(ids)
  if model.rnn.config.sizes[1] > EMBED then
    local every = {}
    for t = 1, #ids do every[t] = f end
    e = op.cat(e, op.stack(every, 1), 3)
  end
  local h, last = model.rnn(e, state)
  return model.out(h), last
end

---The likeliest words for pictures (N,pixels).
local function describe(model, x, most)
  local f, state = look(model, x)
  local N = #x
  local captions, ended, words = {}, 0, {}
  local ids = rnn.full({1, N}, BEGIN, "int32")
  for n = 1, N do words[n] = {} end
  repeat
    local logits
    logits, state = say(model, f, ids, state)
    ids = logits:argmax(3)
    for n, id in ipairs(ids:totable()[1]) do
      if not captions[n] and (id == END or #words[n] == most) then
        captions[n], ended = table.concat(words[n], " "), ended + 1
      end
      table.insert(words[n], WORDS[id] or "?")   -- a file may have more
    end
  until ended == N
  return captions
end

-- }==

-- {== Training, and showing ==

local function train()
  rnn.seed(opts.seed)
  local x, reads, says, truth = pictures(TESTS)
  local model = new_model()
  local function evaluate()
    local f, state = look(model, x)
    local loss = rnn.cross_entropy((say(model, f, reads, state)), says,
                                   {ignore = 0}):item()
    local captions = describe(model, x, #says)
    return loss, {exact = 100 * rnn.metrics.accuracy(captions, truth),
                  bleu = rnn.metrics.bleu(captions, truth)}
  end
  local run, wrong = rnn.run.open {
    dir = opts.out, model = model, steps = opts.steps,
    config = options.lasting(opts), resume = task.saved,
    optim = rnn.Adam(rnn.parameters(model), {lr = opts.lr, clip_norm = 1}),
    schedule = rnn.schedule.cosine(opts.lr, opts.steps), evaluate = evaluate,
    metric = "exact", quiet = opts.quiet, overwrite = opts.overwrite,
  }
  if not run then cli.fail(3, "%s", wrong) end
  run:train(function()
    local some, read, right = pictures(opts.batch)
    local tape <close> = rnn.tape()
    local f, state = look(model, some)
    local loss = rnn.cross_entropy((say(model, f, read, state)), right,
                                   {ignore = 0})
    return run:backward(tape, loss), nil, opts.batch
  end)
  run:check(rnn.run.command("caption.lua", "--out", opts.out, "--resume"))
  run:note("done    %.1f %% of %d new pictures are described exactly: %s",
           run.best, TESTS, run:path "best")
  return run:path "best"
end

---Pictures beside what a model says of them, and what is right if it is not.
local function show_pictures(path)
  local model, wrong = rnn.load_model(path)
  if not model then cli.fail(3, "%s", wrong) end
  if opts.show == 0 then return end
  rnn.seed(opts.seed + 1)
  local x, _, _, truth = pictures(opts.show)
  local fits, captions = pcall(describe, model, x, 20)
  if not fits then cli.fail(3, "%s: is not a model of caption.lua", path) end
  local pixels = x:reshape {opts.show, SIDE, SIDE}:totable()
  for n, caption in ipairs(captions) do
    for y, line in ipairs(show.pixels(pixels[n])) do
      local beside = y == 4 and caption or
                     y == 5 and caption ~= truth[n] and "(" .. truth[n] .. ")"
      print((line .. "  " .. (beside or "")):match "^(.-) *$")
    end
  end
end

-- }==

rnn.threads(opts.threads)
if not opts.model and not opts.out then
  cli.fail(2, "--out DIR is missing, or --model FILE; see --help")
end
show_pictures(opts.model or train())
