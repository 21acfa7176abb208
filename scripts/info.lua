---Shows what model files hold.
---Usage: rnnlua info.lua MODEL... [options]   (--help)
local rnn = require "rnn"
local cli = require "rnn.cli"
local json = require "rnn.json"
local run = require "rnn.run"
local show = require "rnn.show"

local opts = cli.parse(arg, {
  name = "info.lua", usage = "MODEL... [options]",
  summary = "Shows what model files hold: layers, tokenizer, training. " ..
    "Takes any safetensors file.",
  examples = {"info.lua runs/book/best.safetensors",
              "info.lua runs/book/last.safetensors --tensors",
              "info.lua runs/*/best.safetensors --json"},
  {"model", positional = true, many = true, type = "file", required = true,
   help = "a model file, such as best.safetensors"},
  {"tensors", type = "flag", help = "list all tensors, with their range"},
  {"json", type = "flag", help = "all of it as one JSON object a file"},
})

---Texts of a file are not trusted: they are escaped and cut.
local function safe(s, bytes)
  if #s <= bytes then return show.text(s) end
  return show.text(s:sub(1, (utf8.offset(s, 0, bytes + 1) or 1) - 1)) .. "..."
end

local function sorted(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

-- {== Lines: a name, and what is to be said ==

local function line(name, text, ...)
  if select("#", ...) > 0 then text = text:format(...) end
  print(("%-12s%s"):format(name, text))
end

---"1234567" as "1,234,567"
local function count_text(n)
  local text = ("%d"):format(n):reverse():gsub("(%d%d%d)", "%1,"):reverse()
  return (text:gsub("^,", ""))
end

---Words in lines of 80 columns below a name.
local function wrapped(name, words)
  local text = ""
  for _, word in ipairs(words) do
    if text ~= "" and #text + #word > 66 then
      line(name, "%s", text)
      name, text = "", ""
    end
    text = text == "" and word or text .. " " .. word
  end
  if text ~= "" then line(name, "%s", text) end
end

local function value_text(value)
  if math.type(value) == "float" then return ("%g"):format(value) end
  return safe(tostring(value), 60)
end

local function show_config(config)
  local words = {}
  for i, key in ipairs(sorted(config)) do
    words[i] = ("%s=%s"):format(safe(key, 40), value_text(config[key]))
  end
  wrapped("options", words)
end

local function show_training(t, config)
  local best = ""
  if t.best and t.metric then
    best = ("; best %s %.4g, step %s"):format(safe(t.metric, 40), t.best,
                                              t.best_step or "unknown")
  elseif t.best then
    best = ("; best validation loss %.4g nats (%.4g bits), step %s"):format(
           t.best, run.bits(t.best), t.best_step or "unknown")
  end
  line("training", "step %s%s", t.step or "unknown", best)
  if t.slots then
    line("optimizer", "%s with its state: %s",
         safe(tostring(config.optim or "unknown"), 40),
         table.concat(t.slots, ", "))
  end
  if t.corpus then
    line("corpus", "%s (bytes-fingerprint)", safe(t.corpus, 60))
  end
end

local function show_layers(layers)
  local width = 0
  for _, one in ipairs(layers) do width = math.max(width, #one.path) end
  for i, one in ipairs(layers) do
    line(i == 1 and "layers" or "", "%-" .. math.min(width, 40) .. "s  %s",
         one.path, show.text(one.layer))
  end
end

local function number_text(x)
  return x and ("%.4g"):format(x) or "-"
end

local function show_tensors(list)
  local rows = {{"tensor", "dtype", "shape", "min", "max", "mean", "norm"}}
  for _, t in ipairs(list) do
    rows[#rows + 1] = {
      safe(t.name, 60), t.dtype, t.shape == json.null and "()" or
      "(" .. table.concat(t.shape, ", ") .. ")", number_text(t.min),
      number_text(t.max), number_text(t.mean), number_text(t.norm)}
  end
  local width = {}
  for _, row in ipairs(rows) do
    for i, cell in ipairs(row) do
      width[i] = math.max(width[i] or 0, utf8.len(cell))
    end
  end
  print()
  for _, row in ipairs(rows) do
    for i, cell in ipairs(row) do
      local pad = (" "):rep(width[i] - utf8.len(cell))
      row[i] = i <= 3 and cell .. pad or pad .. cell
    end
    print((table.concat(row, "  "):gsub(" +$", "")))
  end
end

local function show_facts(facts)
  local p, tok = facts.parameters, facts.tokenizer
  line("file", "%s, %s bytes", show.text(facts.path),
       count_text(facts.file_bytes))
  line("made by", "%s", facts.version and
       "rnnlua " .. safe(facts.version, 40) or facts.format and
       "format " .. safe(facts.format, 40) or "unknown")
  line("checksum", facts.checksum)
  if facts.kind then line("kind", "%s", safe(facts.kind, 40)) end
  if facts.layers then show_layers(facts.layers) end
  if tok then
    line("tokenizer", "%s", safe(tok.description, 200))
    if tok.sample then line("", "%s", show.text(tok.sample)) end
  end
  for _, list in ipairs(facts.labels or {}) do
    line(safe(list.name, 11), "%s", safe(("%s: %s"):format(
         count_text(list.count), table.concat(list.sample, " ")), 66))
  end
  line("parameters", "%s in %d tensor%s, %s bytes", count_text(p.count),
       p.tensors, p.tensors == 1 and "" or "s", count_text(p.bytes))
  if facts.training then show_training(facts.training, facts.config) end
  show_config(facts.config)
  for _, key in ipairs(sorted(facts.metadata)) do
    line("metadata", "%s=%s", safe(key, 40), safe(facts.metadata[key], 60))
  end
  if opts.tensors then show_tensors(facts.tensors) end
end

-- }==

---Tells of numbers that no model should have.
local function warn_of_numbers(facts)
  for _, t in ipairs(facts.tensors) do
    if t.finite < t.count then
      io.stderr:write(("warning: %s: %s of %s numbers in '%s' are not finite\n")
        :format(show.text(facts.path), count_text(t.count - t.finite),
                count_text(t.count), safe(t.name, 60)))
    end
  end
end

local failed = false
for i, path in ipairs(opts.model) do
  local facts, wrong = rnn.info(path)
  if facts then
    if i > 1 and not opts.json then print() end
    if opts.json then print(json.encode(facts)) else show_facts(facts) end
    io.stdout:flush()
    warn_of_numbers(facts)
  end
  wrong = wrong or facts.problem
  if wrong then
    io.stderr:write("rnnlua: ", show.text(wrong), "\n")
    failed = true
  end
end
if failed then error({exit = 3}, 0) end
