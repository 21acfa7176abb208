---Makes a model file of a checkpoint of PyTorch.
---Usage: rnnlua import_torch.lua FILE [options]   (--help)
local rnn = require "rnn"
local cli = require "rnn.cli"
local json = require "rnn.json"
local lm = require "rnn.models.lm"
local output = require "rnn.output"
local show = require "rnn.show"

local opts = cli.parse(arg, {
  name = "import_torch.lua", usage = "FILE [options]",
  summary = "Finds the layers of a safetensors file by the names and shapes " ..
    "of its tensors (RNN, LSTM, GRU and their cells, Linear, Embedding, " ..
    "LayerNorm, BatchNorm1d, Conv1d, MultiheadAttention, " ..
    "AdaptiveLogSoftmaxWithLoss), prints them, and writes a model file that " ..
    "describes itself. In PyTorch: safetensors.torch.save_file(" ..
    "model.state_dict(), FILE). Checkpoints of rnnlua need no such thing to " ..
    "be read by load_state_dict.",
  examples = {
    "import_torch.lua net.safetensors",
    "import_torch.lua net.safetensors --rename module= --out model.safetensors",
    "import_torch.lua words.safetensors --class encoder=Embedding --kind lm " ..
      "--tokens word --vocab words.json --out lm.safetensors",
    "import_torch.lua net.safetensors --option attn.num_heads=4 " ..
      "--option rnn.nonlinearity=relu --out model.safetensors",
  },
  {"file", positional = true, type = "file", required = true,
   help = "a safetensors file; half floats become float32"},
  {"out", type = "file", help = "the model file to write; without it layers " ..
     "are only printed"},
  {group = "Names"},
  {"rename", type = "string", list = true, metavar = "FROM=TO",
   help = "what takes the place of a path that names begin with; module= " ..
     "takes module. away, =net puts net. in front; may be given several " ..
     "times, and of several the longest counts"},
  {"drop", type = "string", list = true, metavar = "PATH",
   help = "leaves out the tensors of a path; may be given several times"},
  {group = "What shapes do not tell"},
  {"class", type = "string", list = true, metavar = "PATH=CLASS",
   help = "Embedding or Linear for a weight without bias, TiedLinear for a " ..
     "bias without weight (with its input_size as an option)"},
  {"option", type = "string", list = true, metavar = "PATH.NAME=VALUE",
   help = "an option of a layer, or NAME=VALUE of all that have it: " ..
     "num_heads, nonlinearity, batch_first, eps, stride, padding, ..."},
  {group = "Kinds"},
  {"kind", type = "choice", choices = {"lm"},
   help = "lm: a language model for sample.lua and score.lua, of one " ..
     "Embedding, one recurrent layer and one output layer"},
  {"tokens", type = "choice", choices = {"char", "word"}, default = "char",
   help = "lm: what its tokens are"},
  {"vocab", type = "file", metavar = "FILE",
   help = "lm: a JSON list of the tokens in the order of their ids; words " ..
     "with <unk> among them, and <eos> if line ends are one"},
})

---{FROM = TO} of "FROM=TO".
local function pairs_of(name)
  local map = {}
  for _, text in ipairs(opts[name] or {}) do
    local from, to = text:match "^([^=]*)=(.*)$"
    if not from then
      cli.fail(2, "--%s must be %s, got '%s'", name, name == "rename" and
               "FROM=TO" or "NAME=VALUE", show.text(text))
    end
    if map[from] then
      cli.fail(2, "--%s has '%s' twice", name, show.text(from))
    end
    map[from] = to
  end
  return map
end

---The outermost layers with their paths, in order.
local function layers_of(value, path, list)
  local class = getmetatable(value)
  if type(class) == "table" and class.kind then
    list[#list + 1] = {path, tostring(value)}
    return list
  end
  local keys = {}
  for key in pairs(value) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  for _, key in ipairs(keys) do
    layers_of(value[key], path == "" and tostring(key) or path .. "." .. key,
              list)
  end
  return list
end

---The tokens that --vocab has.
local function read_tokens()
  if not opts.vocab then cli.fail(2, "--kind lm needs --vocab") end
  local s, wrong = rnn.text.read(opts.vocab)
  if not s then cli.fail(3, "%s", show.text(wrong)) end
  local list
  list, wrong = json.decode(s)
  if type(list) ~= "table" or #list == 0 then
    cli.fail(3, "%s: %s", show.text(opts.vocab), wrong or "is no JSON list")
  end
  return list
end

local m, wrong = rnn.torch.import(opts.file, {
  rename = pairs_of "rename", drop = opts.drop, class = pairs_of "class",
  options = pairs_of "option"})
if not m then cli.fail(3, "%s", show.text(wrong)) end
local meta
if opts.kind == "lm" then
  local tok
  m, tok = rnn.torch.lm(m, opts.tokens, read_tokens())
  if not m then
    cli.fail(3, "%s: %s", show.text(opts.file), show.text(tok))
  end
  meta = lm.describe(tok)
end
for _, one in ipairs(layers_of(m, "", {})) do
  output.write(("%s\t%s\n"):format(show.text(one[1]), show.text(one[2])))
end
output.flush()
if opts.out then
  local ok, why = rnn.save(opts.out, m, meta)
  if not ok then cli.fail(5, "could not save: %s", show.text(why)) end
end
