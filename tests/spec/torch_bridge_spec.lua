---Checkpoints from and to PyTorch: modules of its own are imported and say the
---same, and take back what rnnlua saved, by load_state_dict. Without PyTorch,
---files that it wrote, in tests/fixtures/bridge (torch_bridge.py there).
local rnn = require "rnn"
local json = require "rnn.json"
local sandbox = require "tests.sandbox"
local dir, write, read = sandbox.dir, sandbox.write, sandbox.read
local shell, quote = sandbox.shell, sandbox.quote

local TOLERANCE = 1e-6
local BRIDGE = "tests/fixtures/torch_bridge.py"
local has_torch = shell "python3 -c 'import torch'" == 0

teardown(sandbox.remove)

---What PyTorch's arguments are called here; `class`, where shapes do not tell.
local OPTIONS = {batch_first = true, nonlinearity = true, stride = true,
                 padding = true, dilation = true}
local CLASS = {Embedding = "Embedding", Linear = "Linear"}

local function options_of(case)
  local o = {rename = {model = "m"}, drop = {"example"}, options = {},
             class = {}}
  for name, value in pairs(case.kwargs) do
    if OPTIONS[name] then o.options[name] = value end
  end
  if case.class == "MultiheadAttention" then
    o.options.num_heads = case.args[2]
  end
  local plain = case.kwargs.bias == false or case.class == "Embedding"
  o.class.m = plain and CLASS[case.class] or nil
  return o
end

---Calls an imported model as torch_bridge.py calls its module.
local CALLS = {
  MultiheadAttention = function(m, x, k, v)
    local y, w = m(x, k, v)
    return {y = y, w = w}
  end,
  Sequential = function(m, x) return {y = m[2](m[0](x):tanh())} end,
  LSTMCell = function(m, x)
    local y, state = m(x)
    return {y = y, c = state.c}
  end,
}

local function call_recurrent(m, x)
  local y, state = m(x)
  return {y = y, h = state.h, c = state.c}
end

for _, name in ipairs {"RNN", "LSTM", "GRU"} do CALLS[name] = call_recurrent end

local function call(case, m, inputs)
  local f = CALLS[case.class] or function(_, x) return {y = (m(x))} end
  return f(m, table.unpack(inputs))
end

local function inputs_of(case, tensors)
  local list = {}
  for i = 1, #case.inputs do list[i] = tensors["example.x" .. i] end
  return list
end

---Largest difference, relative to the largest number.
local function distance(got, want)
  assert.same(want:shape(), got:shape())
  return (got - want):abs():max():item() / want:abs():max():item()
end

local function read_cases(folder)
  return json.decode(read(folder .. "/cases.json"))
end

---Imports the model of each case and compares it; returns the worst difference.
local function compare(folder)
  local worst = 0
  for _, case in ipairs(read_cases(folder)) do
    local path = ("%s/%s.safetensors"):format(folder, case.name)
    local tensors = assert(rnn.load(path))
    local m = assert(rnn.torch.import(path, options_of(case))).m
    for name, got in pairs(call(case, m, inputs_of(case, tensors))) do
      local apart = distance(got, tensors["example." .. name])
      assert(apart <= TOLERANCE, ("%s: %s is off by %g"):format(case.name,
             name, apart))
      worst = math.max(worst, apart)
    end
  end
  return worst
end

---Each case with other weights, saved as rnn.save does, and what comes of it.
local function rewrite(folder)
  rnn.seed(3)
  for _, case in ipairs(read_cases(folder)) do
    local path = ("%s/%s.safetensors"):format(folder, case.name)
    local tensors = assert(rnn.load(path))
    local m = assert(rnn.torch.import(path, options_of(case))).m
    for _, p in ipairs(rnn.parameters(m)) do
      p:copy(rnn.uniform(p:shape(), -0.6, 0.6))
    end
    local example = {}
    for i, x in ipairs(inputs_of(case, tensors)) do example["x" .. i] = x end
    for k, t in pairs(call(case, m, inputs_of(case, tensors))) do
      example[k] = t
    end
    local all = {model = m}
    for name, t in pairs(example) do all["example." .. name] = t end
    assert(rnn.save(path, all))
  end
end

describe("torch", function()
  it("files of PyTorch that are kept say here what they said there",
     function()
    assert.truthy(compare "tests/fixtures/bridge" <= TOLERANCE)
  end)

  it("random modules of PyTorch do, and take back what is saved here",
     function()
    if not has_torch then return pending "torch is not installed" end
    local folder = quote(dir .. "/cases")
    local made, _, wrong = shell(("python3 %s make %s"):format(BRIDGE, folder))
    assert.equal(0, made, wrong)
    local worst = compare(dir .. "/cases")
    rewrite(dir .. "/cases")
    local code, out, err = shell(("python3 %s check %s"):format(BRIDGE,
                                                                folder))
    assert.equal(0, code, err)
    if os.getenv "RNNLUA_VERBOSE" then
      print("torch -> rnnlua", worst, "rnnlua -> torch", out)
    end
  end)
end)

local function case_file(name)
  return ("tests/fixtures/bridge/%s.safetensors"):format(name)
end

describe("torch.import", function()
  local function refused(tensors, o, text)
    local m, wrong, code = rnn.torch.import(tensors, o)
    assert.is_nil(m)
    assert.equal("EFORMAT", code)
    assert.truthy(wrong:find(text, 1, true), wrong)
  end

  local lstm = {weight_ih_l0 = rnn.zeros {16, 3},
                weight_hh_l0 = rnn.zeros {16, 4},
                bias_ih_l0 = rnn.zeros {16}, bias_hh_l0 = rnn.zeros {16}}

  it("finds a layer by itself, which the model then is", function()
    local m = assert(rnn.torch.import(lstm))
    assert.equal("LSTM(3, 4)", tostring(m))
  end)

  it("renames the longest path first, and puts paths in front", function()
    local tensors = {}
    for name, t in pairs(lstm) do tensors["module.net.rnn." .. name] = t end
    tensors["module.out.weight"] = rnn.zeros {5, 4}
    tensors["module.out.bias"] = rnn.zeros {5}
    local m = assert(rnn.torch.import(tensors, {
      rename = {module = "", ["module.net"] = "deep.0"}}))
    assert.equal("LSTM(3, 4)", tostring(m.deep[0].rnn))
    assert.equal("Linear(4, 5)", tostring(m.out))
    m = assert(rnn.torch.import(lstm, {rename = {[""] = "a.b"}}))
    assert.equal("LSTM(3, 4)", tostring(m.a.b))
    refused(tensors, {rename = {["module.net.rnn"] = "module.out",
                                ["module.out"] = "module.out.bias_ih_l0",
                                ["module.out.weight"] = "module.out.bias_ih_l0"
                                }},
            "'module.net.rnn.bias_ih_l0' and 'module.out.weight' are both")
  end)

  it("names what fits nothing, what is missing and what is misshapen",
     function()
    local more = {["x.alpha"] = rnn.zeros {2, 3}, beta = rnn.zeros {}}
    for name, t in pairs(lstm) do more["rnn." .. name] = t end
    refused(more, nil, "no layer is known for: beta (), x.alpha (2, 3)")
    more = {}
    for name, t in pairs(lstm) do more["rnn." .. name] = t end
    more["rnn.bias_hh_l0"] = nil
    refused(more, nil, "'rnn.bias_hh_l0' is missing, which the LSTM 'rnn' has")
    more["rnn.bias_hh_l0"] = rnn.zeros {15}
    refused(more, nil, "'rnn.bias_hh_l0' is (15), the LSTM 'rnn' wants (16)")
    refused({weight_ih_l0 = rnn.zeros {10, 3},
             weight_hh_l0 = rnn.zeros {10, 5}}, nil, "no layer is known for")
  end)

  it("asks for what shapes do not tell, and for nothing else", function()
    local weight = {["e.weight"] = rnn.zeros {5, 4}}
    refused(weight, nil, "'e.weight' (5, 4) is an Embedding or a Linear")
    assert.equal("Embedding(5, 4)", tostring(assert(
      rnn.torch.import(weight, {class = {e = "Embedding"}})).e))
    assert.equal("Linear(4, 5, bias=false)", tostring(assert(
      rnn.torch.import(weight, {class = {e = "Linear"}})).e))
    refused(weight, {class = {e = "Linaer"}}, "there is no class 'Linaer'")
    refused(weight, {class = {e = "Linear", f = "Linear"}},
            "'f', said among the classes")
    refused(lstm, {options = {bacth_first = true}}, "'bacth_first', said")
    refused(lstm, {options = {batch_first = "yes"}},
            "option 'batch_first' must be a boolean, got string")
    refused(case_file "attention_kv", {drop = {"example"}},
            "say 'num_heads' of the MultiheadAttention 'model'")
    assert.equal("TiedLinear(4, 5)", tostring(assert(rnn.torch.import(
      {["out.bias"] = rnn.zeros {5}}, {class = {out = "TiedLinear"},
       options = {["out.input_size"] = "4"}})).out))
  end)

  it("refuses what makes no sense, whatever names and shapes there are",
     function()
    refused({["a..weight"] = rnn.zeros {2}}, nil, "which is no path")
    refused({a = rnn.zeros {2}}, {rename = {a = ""}}, "which is no path")
    refused({["a.weight"] = rnn.zeros {2}, ["a.b.weight"] = rnn.zeros {3}},
            nil, "the LayerNorm 'a.b' is inside of the LayerNorm 'a'")
    refused({["a.weight"] = rnn.zeros({2}, "int32")}, nil, "holds integers")
    refused({["a.weight"] = rnn.zeros {2, 3, 4, 5}}, nil, "no layer is known")
    refused({["01.weight"] = rnn.zeros {2}}, nil, "missing 1.weight")
    local NAMES = {"weight", "bias", "weight_ih_l0", "weight_hh_l0",
                   "weight_hr_l0", "weight_ih", "weight_hh", "head.weight",
                   "tail.0.0.weight", "tail.0.1.weight", "in_proj_weight",
                   "out_proj.weight", "k_proj_weight", "v_proj_weight",
                   "running_mean", "running_var", "x"}
    rnn.seed(5)
    local function below(n) return math.floor(rnn.random() * n) end
    local found = 0
    for _ = 1, 3000 do
      local tensors = {}
      for _ = 1, 1 + below(4) do
        local shape = {}
        for k = 1, below(4) do shape[k] = below(5) end
        local path = ({"", "a.", "a.b."})[1 + below(3)]
        tensors[path .. NAMES[1 + below(#NAMES)]] = rnn.zeros(shape)
      end
      local m, wrong, code = rnn.torch.import(tensors)
      assert(m or type(wrong) == "string" and code == "EFORMAT")
      if m then found = found + 1 end
    end
    assert.truthy(found > 100)
  end)

  it("takes options as texts, too", function()
    local m = assert(rnn.torch.import(lstm, {options = {
      batch_first = "true", dropout = "0.5"}}))
    assert.equal("LSTM(3, 4, batch_first=true, dropout=0.5)", tostring(m))
  end)

  it("tells of a file that is none", function()
    local m, wrong, code = rnn.torch.import(dir .. "/none")
    assert.is_nil(m)
    assert.truthy(wrong:find "none", wrong)
    assert.equal("EIO", code)
  end)
end)

---A language model as PyTorch may have it.
local function lm_tensors(V)
  rnn.seed(4)
  local m = {encoder = rnn.Embedding(V, 4), rnn = rnn.GRU(4, 5),
             decoder = rnn.Linear(5, V)}
  local tensors = {}
  local params = rnn.parameters(m)
  for i, p in ipairs(params) do tensors[params.names[i]] = p end
  return m, tensors
end

local AS_LM = {class = {encoder = "Embedding"}}

describe("torch.lm", function()
  it("puts rows into the order of the tokenizer", function()
    for kind, tokens in pairs {
      char = {"b", "\n", "a", "é"},
      word = {"the", "<eos>", "cat", "<unk>"},
    } do
      local m, tensors = lm_tensors(4)
      local lm, tok = rnn.torch.lm(assert(rnn.torch.import(tensors, AS_LM)),
                                   kind, tokens)
      assert(lm, tok)
      local s = kind == "char" and "ab\né" or "the cat\nthe dog\n"
      local places = {}
      for i, token in ipairs(tokens) do places[token] = i end
      local ids = {}
      for i, id in ipairs(tok:encode(s):totable()) do
        local symbol = tok:symbols()[id]
        ids[i] = places[kind == "char" and utf8.char(symbol) or symbol]
      end
      local want = m.decoder((m.rnn(m.encoder(
        rnn.ids(ids):reshape {#ids, 1}))))
      local h = lm.rnn(lm.embed(tok:encode(s):reshape {#ids, 1}))
      local got = lm.out((h))
      for i, symbol in ipairs(tok:symbols()) do
        local at = places[kind == "char" and utf8.char(symbol) or symbol]
        assert.same(want:select(3, at):totable(), got:select(3, i):totable())
      end
    end
  end)

  it("tells why a model or tokens are none", function()
    local function refused(text, ...)
      local lm, wrong = rnn.torch.lm(...)
      assert.is_nil(lm)
      assert.truthy(wrong:find(text, 1, true), wrong)
    end
    local _, tensors = lm_tensors(3)
    local function import()
      return assert(rnn.torch.import(tensors, AS_LM))
    end
    refused("token 2 is no text", import(), "char", {"a", 3, "b"})
    refused("token 3 is no text, or has been there", import(), "char",
            {"a", "b", "a"})
    refused("have no '<unk>'", import(), "word", {"a", "b", "c"})
    refused("have no 'a'", import(), "char", {"ab", "c", "d"})
    refused("its tokenizer has 2", import(), "char", {"a", "b"})
    refused("is one too many", {import(), rnn.Linear(2, 2)}, "char",
            {"a", "b", "c"})
    refused("no layer for 'rnn'", {rnn.Embedding(3, 2), rnn.Linear(2, 3)},
            "char", {"a", "b", "c"})
  end)
end)

describe("import_torch.lua", function()
  local function run(...)
    local words = {quote(sandbox.program), "scripts/import_torch.lua"}
    for _, word in ipairs {...} do words[#words + 1] = quote(word) end
    return shell(table.concat(words, " "))
  end

  it("prints layers, and writes a model that describes itself", function()
    local path = dir .. "/out.safetensors"
    local code, out, err = run(case_file "lstm", "--rename", "model=net",
                               "--drop", "example", "--out", path)
    assert.equal(0, code, err)
    assert.equal("net\tLSTM(3, 4, num_layers=2)\n", out)
    local m = assert(rnn.load_model(path))
    assert.equal("LSTM(3, 4, num_layers=2)", tostring(m.net))
  end)

  it("makes a language model that can be sampled", function()
    local _, tensors = lm_tensors(4)
    local from, to = dir .. "/lm.safetensors", dir .. "/lm2.safetensors"
    assert(rnn.save(from, tensors))
    local vocab = write("vocab.json", '["b","\\n","a"," "]')
    local code, _, err = run(from, "--class", "encoder=Embedding", "--kind",
                             "lm", "--vocab", vocab, "--out", to)
    assert.equal(0, code, err)
    code, _, err = shell(("%s scripts/sample.lua %s --length 5"):format(
                         quote(sandbox.program), to))
    assert.equal(0, code, err)
    code, _, err = run(from, "--class", "encoder=Embedding", "--kind", "lm")
    assert.equal(2, code)
    assert.truthy(err:find("--kind lm needs --vocab", 1, true), err)
    code, _, err = run(from, "--class", "encoder=Embedding", "--kind", "lm",
                       "--vocab", write("vocab.json", '{"a":1}'))
    assert.equal(3, code)
    assert.truthy(err:find "is no JSON list", err)
  end)

  it("tells what is wrong with a line", function()
    local code, out, err = run(case_file "lstm")
    assert.equal(3, code)
    assert.equal("", out)
    assert.truthy(err:find("no layer is known for: example.c", 1, true), err)
    code, out, err = run(case_file "lstm", "--rename", "model")
    assert.equal(2, code)
    assert.equal("", out)
    assert.truthy(err:find("--rename must be FROM=TO, got 'model'", 1, true))
    code = run(case_file "lstm", "--drop", "example", "--out",
               dir .. "/no/where.safetensors")
    assert.equal(5, code)
  end)
end)
