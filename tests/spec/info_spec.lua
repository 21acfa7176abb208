---scripts/info.lua and rnn.info: what is told of our files, of files from
---elsewhere, and of what is no model.
local rnn = require "rnn"
local core = require "rnn.core"
local json = require "rnn.json"
local lm = require "rnn.models.lm"
local model_of = require "rnn.model"

local sandbox = require "tests.sandbox"
local dir, quote, write = sandbox.dir, sandbox.quote, sandbox.write

teardown(sandbox.remove)

---Runs the script; returns its exit code, stdout and stderr.
local function run(...)
  local words = {quote(sandbox.program), "scripts/info.lua"}
  for _, word in ipairs {...} do words[#words + 1] = quote(word) end
  return sandbox.shell(table.concat(words, " "))
end

local function has(text, part)
  assert.truthy(text:find(part, 1, true), ("no '%s' in:\n%s"):format(part,
                                                                      text))
end

---A safetensors file, written by hand as other programs do. Each tensor is
---{name, dtype, shape as JSON, bytes}.
local function foreign(name, tensors, meta)
  local parts, data = {}, ""
  if meta then parts[1] = ('"__metadata__":%s'):format(json.encode(meta)) end
  for _, t in ipairs(tensors) do
    parts[#parts + 1] = ('%s:{"dtype":"%s","shape":%s,"data_offsets":[%d,%d]}')
      :format(json.encode(t[1]), t[2], t[3], #data, #data + #t[4])
    data = data .. t[4]
  end
  local header = "{" .. table.concat(parts, ",") .. "}"
  return write(name, string.pack("<I8", #header) .. header .. data)
end

local tok = rnn.text.tokenizer("char"):fit "abc\n\27"
local model = lm.build {tok = tok, cell = "gru", embed = 3, hidden = 4,
                        layers = 2, dropout = 0.25}
local path = dir .. "/model.safetensors"
local meta = lm.describe(tok)
meta["rnnlua.config"] = '{"cell":"gru","lr":0.01,"optim":"adam","deep":[1]}'
assert(rnn.save(path, model, meta))

describe("a model of ours", function()
  it("is told in full", function()
    local code, out, err = run(path)
    assert.equal(0, code, err)
    assert.equal("", err)
    for _, part in ipairs {
      "rnnlua " .. core.version, "\nchecksum    holds\n", "\nkind        lm\n",
      "drop   Dropout(p=0.25)", "embed  Embedding(261, 3)",
      "rnn    GRU(3, 4, dropout=0.25, num_layers=2)",
      "\ntokenizer   characters, 5 symbols and 256 bytes for others\n",
      "\n            \\n\\x1babc\n", "cell=gru lr=0.01 optim=adam\n",
      "\nparameters  1,036 in 11 tensors, 4,144 bytes\n",
    } do
      has(out, part)
    end
    assert.falsy(out:find "\27")
  end)

  it("has its tensors listed", function()
    model.out.bias:copy(rnn.tensor {1, -2, 3, 0.5, 0})
    assert(rnn.save(path, model, meta))
    local _, out = run(path, "--tensors")
    local found = out:match "\n(out%.bias[^\n]*)"
    local cells = {}
    for cell in found:gmatch "%S+" do cells[#cells + 1] = cell end
    assert.same({"out.bias", "float32", "(5)", "-2", "3", "0.5", "3.775"},
                cells)
  end)

  it("is one JSON object", function()
    local code, out = run(path, "--json")
    assert.equal(0, code)
    local facts = assert(json.decode(out))
    assert.equal(model_of.count(model), facts.parameters.count)
    assert.equal(4 * model_of.count(model), facts.parameters.bytes)
    assert.equal("holds", facts.checksum)
    assert.equal(261, facts.tokenizer.symbols)
    assert.equal("abc", facts.tokenizer.sample:sub(3))
    assert.same({cell = "gru", lr = 0.01, optim = "adam"}, facts.config)
    assert.same({path = "drop", layer = "Dropout(p=0.25)"}, facts.layers[1])
    assert.equal(#sandbox.read(path), facts.file_bytes)
    for _, t in ipairs(facts.tensors) do
      assert.equal(t.count, t.finite)
      assert.truthy(t.min <= t.mean and t.mean <= t.max, t.name)
    end
  end)

  it("with numbers that are not finite is warned of", function()
    core.set(model.out.bias, 2, 0 / 0)
    local bad = dir .. "/bad.safetensors"
    assert(rnn.save(bad, model, meta))
    model.out.bias:fill(0)
    local code, out, err = run(bad, "--tensors")
    assert.equal(0, code)
    has(out, "out.bias")
    assert.equal(("warning: %s: 1 of 5 numbers in 'out.bias' are not " ..
                  "finite\n"):format(bad), err)
    assert.equal(4, assert(json.decode(select(2, run(bad, "--json"))))
                    .tensors[2].finite)
  end)

  it("tells of the training it can go on with", function()
    local poem = write("poem.txt", ("rain on the sea\n"):rep(40))
    local code, _, err = sandbox.shell(table.concat({
      quote(sandbox.program), "scripts/train_charlm.lua --data", quote(poem),
      "--out", quote(dir .. "/run"), "--steps 6 --eval-every 3 --hidden 4",
      "--layers 1 --batch 2 --seq 8 --quiet --sample-length 0"}, " "))
    assert.equal(0, code, err)
    local _, out = run(dir .. "/run/last.safetensors")
    has(out, "\ntraining    step 6; best validation loss ")
    has(out, "\noptimizer   adam with its state: m, v\n")
    has(out, "hidden=4")
    local last = assert(rnn.info(dir .. "/run/last.safetensors"))
    local best = assert(rnn.info(dir .. "/run/best.safetensors"))
    assert.same(best.parameters, last.parameters)
    assert.falsy(best.training)
  end)
end)

describe("a file from elsewhere", function()
  it("is shown as far as it can be", function()
    local file = foreign("torch.safetensors", {
      {"fc.weight", "BF16", "[1,2]", "\x80\x3f\x00\xc0"},   -- 1, -2
      {"steps", "I64", "[]", string.pack("<i8", 1000)},
      {"empty", "F32", "[0,3]", ""}}, {format = "pt", note = "a\27[31m"})
    local code, out, err = run(file, "--tensors")
    assert.equal(0, code, err)
    has(out, "made by     format pt\n")
    has(out, "checksum    none\n")
    has(out, "metadata    note=a\\x1b[31m\n")
    has(out, "fc.weight  bfloat16  (1, 2)    -2     1  -0.5  2.236\n")
    has(out, "steps      int64     ()      1000  1000  1000      -\n")
    has(out, "empty      float32   (0, 3)     -     -     -      -\n")
    local facts = assert(json.decode(select(2, run(file, "--json"))))
    assert.equal(json.null, facts.tensors[3].shape)
    assert.equal(4 + 8, facts.parameters.bytes)
  end)

  it("tells of the text a run was trained on", function()
    local file = foreign("run.safetensors", {{"a", "F32", "[1]", "\0\0\0\0"}},
      {["rnnlua.train"] = '{"extra":{"parts":{"corpus":{"hash":"7-ab"}}}}'})
    local _, out = run(file)
    has(out, "corpus      7-ab (bytes-fingerprint)\n")
  end)

  it("cannot command the terminal", function()
    local nasty = "x\u{9b}31m\u{202e}"
    local file = foreign("nasty.safetensors",
      {{nasty, "F32", "[1]", string.pack("<f", 1 / 0)}},
      {["rnnlua.kind"] = "\27]0;title\7", tokenizer = "\27[2J",
       ["rnnlua.train"] = '{"step":"\\u001b[2J","extra":{"corpus":"\\u001b"}}',
       ["rnnlua.config"] = '{"\\u001b[2J":"\\u001b[2J","optim":[]}',
       ["\27k"] = "\27v", ["rnnlua.version"] = "\27[8m"})
    local code, out, err = run(file, "--tensors")
    assert.equal(0, code, err)
    assert.falsy((out .. err):find "[\0-\9\11-\31\127]")
    assert.falsy((out .. err):find("\u{9b}", 1, true))
    assert.falsy((out .. err):find("\u{202e}", 1, true))
    has(err, "1 of 1 numbers")
  end)

  it("with metadata that is nonsense is still shown", function()
    for _, text in ipairs {"", "0", "null", "[1]", '{"extra":3}', "{",
                           ('{"a":'):rep(60) .. "1" .. ("}"):rep(60),
                           '{"step":1e300,"extra":{"best":-1e300}}'} do
      local file = foreign("odd.safetensors",
        {{"x", "F32", "[]", string.pack("<f", 1)}},
        {["rnnlua.train"] = text, ["rnnlua.config"] = text})
      local code, _, err = run(file)
      assert.equal(0, code, err)
      code, _, err = run(file, "--json")
      assert.equal(0, code, err)
    end
  end)

  it("that does not fit its description says so", function()
    local file = foreign("misfit.safetensors",
      {{"x", "F32", "[1]", string.pack("<f", 1)}},
      {["rnnlua.layers"] = '{"a":{"class":"Linear","sizes":[1,1]}}'})
    local code, out, err = run(file)
    assert.equal(3, code)
    has(out, "parameters  1 in 1 tensor,")
    assert.equal(("rnnlua: %s: does not fit its description: missing " ..
                  "a.weight; missing a.bias\n"):format(file), err)
  end)
end)

describe("what is no model", function()
  it("is refused with the loader's words", function()
    local whole = sandbox.read(path)
    local cases = {
      {write("cut.safetensors", whole:sub(1, -2)), "data_offsets"},
      {write("flip.safetensors", whole:sub(1, -2) .. "\x77"), "checksum"},
      {write("text.txt", "hello, this is no model\n"), "not a model file"},
      {dir, "is not a regular file"},
      {dir .. "/nope", "No such file or directory"},
    }
    for _, case in ipairs(cases) do
      local code, out, err = run(case[1])
      assert.equal(3, code, err)
      assert.equal("", out)
      assert.equal(1, select(2, err:gsub("\n", "")), err)
      has(err, "rnnlua: " .. case[1])
      assert.truthy(err:find(case[2], 1, true), err)
    end
  end)

  it("does not keep others from being shown", function()
    local code, out, err = run(dir .. "/nope", path)
    assert.equal(3, code)
    has(out, "kind        lm")
    has(err, "nope")
  end)

  it("without a name, or with a wrong option, is a usage error", function()
    local code, _, err = run()
    assert.equal(2, code)
    has(err, "missing argument 'model'")
    code, _, err = run(path, "--tensor")
    assert.equal(2, code)
    has(err, "did you mean '--tensors'?")
  end)
end)
