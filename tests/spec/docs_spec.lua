---What the documents say is what happens: README blocks are run, the program at
---the head of rnl.h is compiled and run, every public name has its annotation.
local rnn = require "rnn"
local core = require "rnn.core"
local sandbox = require "tests.sandbox"
local build, dir = sandbox.build, sandbox.dir
local read, write = sandbox.read, sandbox.write

---Runs a shell command; returns what it printed, and whether it ended well.
local function run(command, from)
  local code, out, err = sandbox.shell(command, nil, from)
  return out .. err, code == 0
end

---Fenced blocks of one language in the README.
local function blocks(language)
  local list = {}
  for text in read "README.md":gmatch("```" .. language .. "\n(.-)```") do
    list[#list + 1] = text
  end
  return list
end

write("corpus.txt",
      ("It was the best of times, it was the worst of times.\n"):rep(60))
for _, name in ipairs {"neg", "pos", "new", "texts"} do
  write(name .. ".txt", ("a %s film\na %s story\n"):format(name, name):rep(9))
end

write("tagged.txt", ("She PRP\nsees VBZ\nit PRP\n\nStop VB\n\n"):rep(9))
write("cut.txt", ("他  来到  上海  交通  大学\n她  的  大学\n"):rep(9))
for _, name in ipairs {"train", "test", "new"} do
  write(name .. ".de", ("ein hund\nein %s tag\n"):format(name):rep(5))
  write(name .. ".en", ("a dog\na %s day\n"):format(name):rep(5))
end
do
  local lines = {"value,odd"}
  for t = 1, 200 do
    lines[t + 1] = ("%g,%d"):format(math.sin(t / 8), t == 150 and 1 or 0)
  end
  write("sensor.csv", table.concat(lines, "\n") .. "\n")
end
assert(rnn.save(dir .. "/net.safetensors", {module = {
  encoder = rnn.Embedding(9, 4), rnn = rnn.RNN(4, 8), fc = rnn.Linear(8, 3)}}))
write("cmudict.dict", "a AH0\na(2) EY1\nell EH1 L # x\nhe HH IY1\nlo L OW1\n")

local sales = {"month,sold"}
for t = 0, 95 do
  sales[#sales + 1] = ("%d-%02d,%d"):format(2018 + t // 12, t % 12 + 1,
                                            (9 + t) * (3 + t % 12))
end
write("sales.csv", table.concat(sales, "\n"))

local NAMES = {
  "Linear", "Embedding", "RNN", "LSTM", "GRU", "RNNCell", "LSTMCell",
  "GRUCell", "Dropout", "SGD", "Adagrad", "RMSprop", "Adam", "AdamW",
}

describe("the documents", function()
  it("README: every Lua block runs", function()
    local list = blocks "lua"
    assert.is_true(#list >= 1)
    for _, text in ipairs(list) do
      write("program.lua", text)
      local output, ok = run(build .. "/rnnlua program.lua", dir)
      assert(ok, output)
    end
    local model, meta = rnn.load_model(dir .. "/model.safetensors")
    assert(model, meta)
    assert.equal("LSTM(64, 256, num_layers=2)", tostring(model.lstm))
    assert.equal("char", meta.tokenizer.kind)
  end)

  it("README: every shell block runs, with fewer steps", function()
    local list = blocks "sh"
    assert.is_true(#list >= 1)
    for _, text in ipairs(list) do
      text = text:gsub("%-%-steps %d+", "--steps 3")
      write("block.sh", "set -e\n" .. text)
      local output, ok = run(("PATH=%s:$PATH sh block.sh"):format(build), dir)
      assert(ok, output)
    end
  end)

  it("README: Python blocks run, where their packages are", function()
    for _, text in ipairs(blocks "python") do
      local path = write("block.py", text)
      if not select(2, run(("grep import %s | python3"):format(path))) then
        return pending "packages of Python are not installed"
      end
      local output, ok = run("python3 block.py", dir)
      assert(ok, output)
    end
  end)

  it("rnl.h: the program at its head compiles and runs", function()
    local program = read "src/rnl.h"
                    :match "%*%*     rnl_Context %*ctx;.-\n%*%*\n"
    program = program:gsub("%*%*", "", 1):gsub("\n%*%*", "\n")
    write("host.c", '#include "rnl.h"\nint main (void) {\n' ..
          program .. "  return 0;\n}\n")
    local flags = build:find "asan" and "-fsanitize=address,undefined" or ""
    local output, ok = run(([[cc -std=c99 -Wall -Wextra -pedantic -Werror %s \
      -Isrc -o %s/host %s/host.c %s/librnnlua.a \
      $(pkg-config --libs openblas libutf8proc lua5.4) -lm -pthread \
      && %s/host]]):format(flags, dir, dir, build, dir))
    assert(ok, output)
  end)

  it("rnl.h and rnnlua.h compile as C++", function()
    write("host.cc", '#include "rnl.h"\n#include "rnnlua.h"\n')
    local output, ok = run(("command -v c++ >/dev/null || exit 0; " ..
      "c++ -std=c++11 -Wall -Wextra -pedantic -Werror -Isrc " ..
      "$(pkg-config --cflags lua5.4) -fsyntax-only %s/host.cc"):format(dir))
    assert(ok, output)
  end)

  it("the examples of modules and layers run", function()
    local names = {"activations", "ctc", "data", "dict", "html", "metrics",
                   "models/seq2seq", "naive", "npy", "onnx", "planted",
                   "plot", "plot/heatmap", "pot", "quantile", "regularise",
                   "scan", "textmap", "torch", "translate", "vectors"}
    for _, name in ipairs {"batches", "conll", "csv", "dates", "frame",
                           "labelled", "labels", "padded", "pairs", "scaler",
                           "segmented", "shortened", "spans", "split",
                           "ts", "vocabulary", "windows"} do
      names[#names + 1] = "data/" .. name
    end
    for path in io.popen("ls lua/rnn/layers"):lines() do
      local name = path:match "^(.*)%.lua$"
      if name ~= "recurrent" then names[#names + 1] = "layers/" .. name end
    end
    for _, name in ipairs(names) do
      local lines = {}
      for line in read("lua/rnn/" .. name .. ".lua"):gmatch "[^\n]+" do
        local code = line:match "^%-%-%-    (.*)"
        local begun = #lines > 0 or code and code:find "^local "
        if #lines > 0 and not code then break end
        if begun then lines[#lines + 1] = code end
      end
      assert.is_true(#lines > 1, name)
      local env = setmetatable({rnn = rnn, print = function() end},
                               {__index = _G})
      local f = assert(load(table.concat(lines, "\n"), "=" .. name, "t", env))
      f()
    end
  end)

  it("annotations: every op and method of a tensor has one", function()
    local text = read "lua/types/rnn.d.lua"
    for name in pairs(core.methods) do
      assert(text:find("function Tensor:" .. name .. "(", 1, true),
             "no annotation of Tensor:" .. name)
    end
    for name in text:gmatch "function Tensor:([%w_]+)" do
      assert(core.methods[name], "there is no Tensor:" .. name)
    end
  end)

  it("annotations: every optimizer method has one", function()
    local text = read "lua/types/rnn.d.lua"
    for name in pairs(core.optim_methods) do
      assert(text:find("function Optim:" .. name .. "(", 1, true),
             "no annotation of Optim:" .. name)
    end
  end)

  it("annotations: every function of rnn has one", function()
    local types, own = read "lua/types/rnn.d.lua", read "lua/rnn/model.lua"
    for name, value in pairs(rnn) do
      local public = type(value) == "function" and name:find "^%l"
      if public then
        assert(types:find("rnn%." .. name .. "[ (]") or
               own:find("function model." .. name, 1, true) or
               io.open("lua/rnn/" .. name .. ".lua"),
               "no annotation of rnn." .. name)
      end
    end
    for name in types:gmatch "function rnn%.([%w_]+)" do
      assert(rnn[name], "there is no rnn." .. name)
    end
  end)

  it("the names scripts rely on are there", function()
    for _, name in ipairs(NAMES) do assert(rnn[name], name) end
    for _, name in ipairs {"xavier", "kaiming", "orthogonal", "uniform"} do
      assert(rnn.init[name], name)
    end
    assert.is_nil(rnn.no_such_thing)
  end)

  it("make help names every target for people", function()
    local output = run "make help"
    for _, target in ipairs {"demo", "test", "bench", "asan", "lint",
                             "install", "clean"} do
      assert(output:find("make " .. target, 1, true), target)
    end
  end)
end)

describe("threads", function()
  it("give the same bits, whatever their number", function()
    local sums = {}
    for i, threads in ipairs {1, 2, 3} do
      local output, ok = run(([[%s/rnnlua scripts/train_charlm.lua --data \
        %s/corpus.txt --out %s/run --steps 4 --batch 24 --seq 32 \
        --hidden 128 --threads %d --quiet --sample-length 0 --overwrite && \
        cksum < %s/run/last.safetensors]]):format(build, dir, dir, threads,
                                                  dir))
      assert(ok, output)
      sums[i] = output
    end
    assert.equal(sums[1], sums[2])
    assert.equal(sums[1], sums[3])
  end)
end)

teardown(sandbox.remove)
