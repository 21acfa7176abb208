---Programs with models inside: those of tests/hosts, compiled as a stranger
---would, do what they say; steps make no system call.
---`make hosts` runs this with sanitizers as well, and with what `make install`
---has put into the folder INSTALLED, through pkg-config.
local lfs = require "lfs"

local rnn, text = require "rnn", require "rnn.text"
local sandbox = require "tests.sandbox"
local shell, quote, write = sandbox.shell, sandbox.quote, sandbox.write
local dir, build = sandbox.dir, sandbox.build

teardown(sandbox.remove)

local VARIANT = build:match "[^/]+$"
local SANITIZE = {
  asan = "-g -fsanitize=address,undefined -fno-sanitize-recover=undefined",
  tsan = "-g -fsanitize=thread",
}
local STRICT = "-Wall -Wextra -pedantic -Werror -O2"
local INSTALLED = os.getenv "INSTALLED"
local ENGINE = "$(pkg-config --libs openblas libutf8proc)"

-- {== Helpers ==

local function have(command)
  return (shell("command -v " .. command)) == 0
end

---Runs a command that must end well; returns stdout.
local function run(command, input)
  local code, out, err = shell(command, input)
  assert(code == 0, ("%s: %d\n%s%s"):format(command, code, out, err))
  return out
end

---What a host of a library needs: the shared one that is installed, or the
---archive of the build with 'more' behind it.
local function flags_of(library, more)
  if not INSTALLED then
    return ("-Isrc %s/lib%s.a %s"):format(build, library, more)
  end
  local lib = quote(INSTALLED .. "/lib")
  return ("$(PKG_CONFIG_PATH=%s/pkgconfig pkg-config --cflags --libs %s) %s")
         :format(lib, (library:gsub("_", "-")), "-Wl,-rpath," .. lib)
end

---Compiles a host; returns its path.
local function compile(source, flags, libs)
  local path = ("%s/%s"):format(dir, source:gsub("%.c$", ""):gsub("%.", "_"))
  local compiler = source:find "%.cpp$" and "c++" or "cc"
  run(("%s %s %s %s -o %s tests/hosts/%s %s -lm"):format(compiler, flags,
      STRICT, SANITIZE[VARIANT] or "", path, source, libs))
  return path
end

local function infer_host(source, std)
  return compile(source, std, flags_of("rnnlua_infer", ""))
end

-- Two alphabets, so that characters have one, two and three bytes.
local CORPUS = ("the cat – und der Bär – sat on Ωmega\n"):rep(3)

local function lm_file(cell, options)
  rnn.seed(4)
  local tok = text.tokenizer("char"):fit(CORPUS)
  local model = {
    embed = rnn.Embedding(#tok, 12), rnn = rnn[cell](12, 33, options),
    out = rnn.Linear(33, tok:usable()),
  }
  local path = dir .. "/lm.safetensors"
  assert(rnn.save(path, model, {tokenizer = tok, ["rnnlua.kind"] = "lm"}))
  return path
end

local function net_file(H, layers)
  local path = ("%s/net%d.safetensors"):format(dir, H)
  local net = rnn.LSTM(1, H, {num_layers = layers})
  assert(rnn.save(path, {rnn = net, out = rnn.Linear(H, 1)}))
  return path
end

local function lines_of(s)
  local list = {}
  for line in s:gmatch "([^\n]*)\n" do list[#list + 1] = line end
  return list
end

local LM = lm_file("LSTM", {num_layers = 2})
local NET = net_file(16, 1)

-- }==

describe("a text generator", function()
  local generate = infer_host("generate.c", "-std=c99")

  local function sample(prime, length, seed)
    return run(("%s scripts/sample.lua %s --prime %s --length %d --seed %d")
               :format(sandbox.program, LM, quote(prime), length, seed))
  end

  it("in C gives the text of the program", function()
    for seed, prime in ipairs {"the ", "Bär", "Ω\n", ""} do
      local made = run(("%s %s %s 120 %d"):format(generate, LM, quote(prime),
                                                  seed))
      assert.equal(120, utf8.len(made))
      assert.equal(sample(prime, 120, seed), prime .. made .. "\n")
    end
  end)

  it("in C++ gives the same", function()
    if not have "c++" then return pending "there is no C++ compiler" end
    local plus = infer_host("generate.cpp", "-std=c++17")
    for seed = 1, 3 do
      local rest = ("%s 'the ' 120 %d"):format(LM, seed)
      assert.equal(run(generate .. " " .. rest), run(plus .. " " .. rest))
    end
    assert.same({1, "generate: /no/file: cannot be opened: " ..
                    "No such file or directory\n"},
                {(function() local code, _, err = shell(plus .. " /no/file a 1")
                             return code, err end)()})
  end)

  it("says what is wrong", function()
    local function fails(arguments, code, says)
      local got, out, err = shell(generate .. " " .. arguments)
      assert.equal(code, got)
      assert.equal("", out)
      assert.truthy(err:find(says, 1, true), err)
    end
    fails("", 2, "usage: ")
    fails("/no/file a 1", 1, "/no/file: ")
    fails(quote(write("bad", "no model at all")) .. " a 1", 1, "not a model")
    fails(LM .. " 'the quick' 1", 1, "learnt")
    fails(NET .. " a 1", 1, "'net'")
  end)
end)

describe("a server", function()
  local server = infer_host("server.c", "-std=c99 -pthread")

  it("answers in order, whoever works, as one would alone", function()
    local requests = {}
    for i = 1, 300 do
      requests[i] = ({"the cat", "on", "", "Bär", "no such text: !"})[i % 5 + 1]
    end
    local input = table.concat(requests, "\n") .. "\n"
    local out = run(server .. " " .. LM .. " 40", input)
    local answers = lines_of(out)
    assert.equal(#requests, #answers)
    local model, meta = rnn.load_model(LM)
    for i, request in ipairs(requests) do
      if request:find "!" then
        assert.truthy(answers[i]:find("'!'", 1, true) or
                      answers[i]:find("learnt", 1, true) or
                      answers[i]:find("vocabulary", 1, true), answers[i])
      elseif i <= 40 then
        local made = rnn.generate.sample(model, meta.tokenizer, {
          prime = request, length = 40, seed = i, temperature = 1})
        assert.equal(made:gsub("\n", " "), answers[i])
      end
    end
    assert.equal(out, run(server .. " " .. LM .. " 40", input))
  end)

  it("ends when nothing comes", function()
    assert.equal("", run(server .. " " .. LM .. " 40", ""))
    assert.equal(1, #lines_of(run(server .. " " .. LM .. " 9", "the cat")))
  end)
end)

describe("a loop over samples", function()
  local audio = infer_host("audio.c", "-std=c99")

  it("takes no memory", function()
    local out = run(("%s %s 100"):format(audio, NET))
    assert.truthy(out:find "^6400 steps: median [%d.]+ us", out)
    assert.truthy(out:find "memory taken 0 times\n$", out)
    local code, _, err = shell(("%s %s 100"):format(audio, LM))
    assert.equal(1, code)
    assert.truthy(err:find("must read one number", 1, true), err)
  end)

  it("makes no system call, and drawing text makes none but writes", function()
    if VARIANT ~= "release" then return pending "sanitizers make some" end
    if not have "strace" then return pending "there is no strace" end
    local counts = dir .. "/calls"
    local function calls(command, but)
      run(("strace -f -c -o %s %s %s >/dev/null"):format(counts, but or "",
                                                         command))
      -- the fourth number, of five if some failed
      return tonumber(sandbox.read(counts):match
                      "[%d.]+ +[%d.]+ +%d+ +(%d+)[%d ]* total")
    end
    local generate = dir .. "/generate"
    assert.equal(calls(("%s %s 15625"):format(audio, NET)),
                 calls(("%s %s 31250"):format(audio, NET)))
    assert.equal(calls(("%s %s a 20000"):format(generate, LM), "-e '!write'"),
                 calls(("%s %s a 40000"):format(generate, LM), "-e '!write'"))
  end)
end)

describe("a host with Lua", function()
  local flags = "-std=c99 -pthread $(pkg-config --cflags lua5.4)"
  local LUA = " $(pkg-config --libs lua5.4)"

  local function works(path, before)
    local code, out, err = shell((before or "") .. path ..
                                 " tests/hosts/script.lua")
    assert.equal("", err)
    assert.equal(0, code)
    assert.truthy(out:find("at most 0.0", 1, true), out)
    assert.truthy(out:find("has 0 bytes; the array is ours", 1, true), out)
  end

  it("has memory, arrays and a log of its own", function()
    local path = compile("script.c", flags, flags_of("rnnlua", ENGINE) .. LUA)
    works(path)
    local function fails(source, says, logged)
      local code, out, err = shell(path .. " " .. write("bad.lua", source))
      assert.equal(1, code)
      assert.truthy(err:find(says, 1, true), err)
      assert.equal(logged or false, err:find "^engine: " ~= nil, err)
      assert.truthy(out:find("has 0 bytes; the array is ours", 1, true), out)
    end
    fails("x = = 1", "unexpected symbol")
    fails("return function(x) kept = x; error 'no' end", "no")
    fails("return function(x) return 1 end", "Tensor")
    fails("", "attempt to call a nil value")
    fails("local rnn = require 'rnn' local _ = rnn.ones {2} + rnn.ones {3}",
          "broadcast", true)
    fails("require 'rnn'.zeros {1 << 25}", "not enough memory", true)
  end)

  it("may link the shared library", function()
    if INSTALLED then return pending "all of them did" end
    if VARIANT ~= "release" then return pending "the archive was looked at" end
    local path = compile("script.c", flags, ("-Isrc -L%s -lrnnlua"):format(
                         build) .. LUA)
    works(path, ("LD_LIBRARY_PATH=%s "):format(quote(build)))
  end)

  it("may be stock Lua, with the module", function()
    if VARIANT ~= "release" then return pending "the archive was looked at" end
    local out = run(("LUA_CPATH='%s/?.so;;' lua5.4 -e %s"):format(build, quote(
      "local predict = dofile 'tests/hosts/script.lua' " ..
      "print(predict(require 'rnn'.zeros {3, 1, 1}):shape()[1])")))
    assert.equal("3\n", out)
  end)
end)

describe("a model of the scripts", function()
  local models = dir .. "/models"
  lfs.mkdir(models)
  run(("%s tests/fuzz/models.lua %s"):format(sandbox.program, models))

  it("tags words as tag.lua does", function()
    local tag = infer_host("tag.c", "-std=c99")
    local model = models .. "/tagger.safetensors"
    local sentences = "She sees it\nit sees a Bär\n"
    assert.equal(run(("%s scripts/tag.lua %s"):format(sandbox.program, model),
                     sentences), run(tag .. " " .. model, sentences))
    assert.equal("\n", run(tag .. " " .. model, "\n"))
  end)

  it("labels lines as classify.lua does", function()
    local classify = infer_host("classify.c", "-std=c99")
    local model = models .. "/classifier.safetensors"
    local texts = "one two\nthree\nfour one\n"
    local out = run(classify .. " " .. model, texts)
    assert.equal(run(("%s scripts/classify.lua %s"):format(sandbox.program,
                     model), texts), (out:gsub("\t[%d.]+", "")))
    local code, _, err = shell(classify .. " " .. model, " \n")
    assert.equal(1, code)
    assert.truthy(err:find("^classify: "), err)
  end)

  it("that somebody has changed is an error, or runs", function()
    local out = run(("%s/infer_fuzz 20000 1 %s/*"):format(build, models))
    assert.truthy(out:find("^20000 changed models, %d+ of them ran"), out)
  end)
end)

it("is shown in the README as it is", function()
  local shown = sandbox.read "README.md"
                :match "\n## Inside other programs\n(.-)\n## "
  local n = 0
  for block in shown:gmatch "```c\n(.-)```" do
    local found = false
    for name in lfs.dir "tests/hosts" do
      if name:find "%.c$" then
        found = found or sandbox.read("tests/hosts/" .. name)
                         :find(block, 1, true) ~= nil
      end
    end
    assert(found, "in no file of tests/hosts:\n" .. block)
    n = n + 1
  end
  assert.is_true(n >= 2)
end)

it("has a program for each source in tests/hosts", function()
  for name in lfs.dir "tests/hosts" do
    local made = name:gsub("%.c$", ""):gsub("%.", "_")
    assert(name:find "^%.+$" or name:find "%.lua$" or
           lfs.attributes(dir .. "/" .. made), name .. " was not compiled")
  end
end)
