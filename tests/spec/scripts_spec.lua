---Every script, run to its end on small data by the program under test: what it
---prints, its exit code, and the files it leaves.
require "rnn"
local json = require "rnn.json"
local lfs = require "lfs"

local sandbox = require "tests.sandbox"
local program, dir = sandbox.program, sandbox.dir
local read, write, quote = sandbox.read, sandbox.write, sandbox.quote

local POEM = [[
The little light that leaves the window pane
is not the lamp, it is the falling rain;
the rain that reads aloud to field and tree
the longest letter written by the sea.
]]

local function exists(path)
  return lfs.attributes(path, "mode") == "file"
end

---Runs a script; returns its exit code, stdout and stderr.
local function run(script, ...)
  local words = {quote(program), quote("scripts/" .. script)}
  for _, word in ipairs {...} do words[#words + 1] = quote(word) end
  return sandbox.shell(table.concat(words, " "))
end

local function train(data, out, ...)
  return run("train_charlm.lua", "--data", data, "--out", out, "--hidden", "8",
             "--layers", "1", "--batch", "4", "--seq", "8", "--threads", "1",
             "--sample-length", "20", ...)
end

local function events(out)
  local list = {}
  for line in io.lines(out .. "/log.jsonl") do
    list[#list + 1] = assert(json.decode(line))
  end
  return list
end

---One line on stderr with the text, and the exit code.
local function assert_fails(code, text, got, out, err)
  assert.equal(code, got, err)
  assert.equal("", out)
  assert.truthy(err:find(text, 1, true), err)
  assert.equal(1, select(2, err:gsub("\n", "")), err)
  assert.falsy(err:find "traceback")
end

local poem = write("poem.txt", POEM:rep(4))

teardown(sandbox.remove)

describe("train_charlm", function()
  local out = dir .. "/run"

  it("trains, logs, saves and samples", function()
    local code, stdout, stderr = train(poem, out, "--steps", "30",
      "--eval-every", "10", "--save-every", "10", "--keep", "2")
    assert.equal(0, code, stderr)
    assert.truthy(utf8.len(stdout))
    assert.equal(21, utf8.len(stdout))
    assert.truthy(stderr:find("sample.lua " .. out .. "/best.safetensors", 1,
                              true), stderr)
    assert.truthy(stderr:find(out .. "/log.jsonl", 1, true))
    for _, name in ipairs {"last", "best", "step-20", "step-30"} do
      assert.truthy(exists(out .. "/" .. name .. ".safetensors"), name)
    end
    assert.falsy(exists(out .. "/step-10.safetensors"))
  end)

  it("logs every event as one JSON object a line", function()
    local list, count = events(out), {}
    assert.equal("start", list[1].event)
    assert.equal(8, list[1].config.hidden)
    assert.equal(0.002, list[1].config.lr)
    assert.equal("end", list[#list].event)
    assert.equal("done", list[#list].reason)
    for _, e in ipairs(list) do
      count[e.event] = (count[e.event] or 0) + 1
      if e.event == "step" then
        assert.equal(count.step, e.step)
        for _, key in ipairs {"loss", "bpc", "lr", "grad_norm", "tok_s",
                              "time", "epoch"} do
          assert.equal("number", type(e[key]), key)
        end
      end
    end
    assert.equal(30, count.step)
    assert.equal(3, count.val)
    assert.truthy(count.checkpoint >= 4)
  end)

  it("learns", function()
    local list = events(out)
    local first, last
    for _, e in ipairs(list) do
      first, last = first or e.loss, e.loss or last
    end
    assert.truthy(last < first - 0.1, first .. " -> " .. last)
  end)

  for _, cell in ipairs {"lstm", "gru", "rnn"} do
    it("trains the cell " .. cell .. " with every option", function()
      local folder = dir .. "/run-" .. cell
      local code, _, err = train(poem, folder, "--steps", "12", "--cell", cell,
        "--layers", "2", "--embed", "5", "--dropout", "0.2", "--clip", "1",
        "--optim", cell == "lstm" and "adamw" or "rmsprop",
        "--schedule", cell == "gru" and "cosine" or cell == "rnn" and "step"
                      or "exponential",
        "--val", "0.2", "--eval-every", "4", "--patience", "9",
        "--tokenizer", cell == "rnn" and "byte" or "char",
        "--normal", "nfc", "--invalid", "replace", "--seed", "7")
      assert.equal(0, code, err)
      code, _, err = run("sample.lua", folder .. "/best.safetensors",
                         "--length", "5")
      assert.equal(0, code, err)
    end)
  end

  it("writes the same bytes for any number of threads", function()
    local a, b = dir .. "/threads-1", dir .. "/threads-2"
    assert.equal(0, (train(poem, a, "--steps", "5", "--dropout", "0.1")))
    assert.equal(0, (train(poem, b, "--steps", "5", "--dropout", "0.1",
                           "--threads", "2")))
    assert.truthy(read(a .. "/last.safetensors") ==
                  read(b .. "/last.safetensors"))
  end)

  it("stops in time, and by epochs", function()
    local code, _, err = train(poem, dir .. "/time", "--time", "1")
    assert.equal(0, code, err)
    local list = events(dir .. "/time")
    assert.equal("time", list[#list].reason)
    assert.equal(0, (train(poem, dir .. "/epochs", "--epochs", "2")))
    list = events(dir .. "/epochs")
    for _, e in ipairs(list) do
      assert.truthy((e.epoch or 1) <= 2)
    end
  end)

  it("stops when validation gets no better", function()
    local code, _, err = train(poem, dir .. "/patience", "--steps", "400",
      "--eval-every", "1", "--patience", "2", "--lr", "0.5")
    assert.equal(0, code, err)
    local list = events(dir .. "/patience")
    assert.equal("patience", list[#list].reason)
  end)

  it("reads options from a file, below those of the command line", function()
    local config = write("config.lua",
                         "return {steps = 3, ['eval-every'] = 2, seed = 5}")
    local folder = dir .. "/config"
    local code, _, err = train(poem, folder, "--config", config, "--seed", "6")
    assert.equal(0, code, err)
    local first = events(folder)[1].config
    assert.equal(3, first.steps)
    assert.equal(2, first.eval_every)
    assert.equal(6, first.seed)
  end)

  it("reads stdin", function()
    local _, _, code = os.execute(("%s scripts/train_charlm.lua --data - " ..
      "--out %s --steps 2 --hidden 4 --quiet <%s >/dev/null 2>&1"):format(
      quote(program), quote(dir .. "/stdin"), quote(poem)))
    assert.equal(0, code)
  end)

  it("is silent when quiet", function()
    local code, out2, err = train(poem, dir .. "/quiet", "--steps", "2",
                                  "--quiet", "--sample-length", "0")
    assert.equal(0, code)
    assert.equal("", out2)
    assert.equal("", err)
  end)
end)

describe("resuming", function()
  local whole, parts = dir .. "/whole", dir .. "/parts"
  local options = {"--dropout", "0.1", "--eval-every", "4", "--save-every",
                   "5", "--layers", "2", "--schedule", "plateau", "--lr",
                   "3"}

  ---Lines of a log without what depends on the clock.
  local function timeless(folder)
    local lines = {}
    for _, e in ipairs(events(folder)) do
      if e.event == "step" or e.event == "val" then
        e.time, e.tok_s = nil, nil
        lines[#lines + 1] = json.encode(e)
      end
    end
    return table.concat(lines, "\n")
  end

  it("ends in the same bytes as a run that was never stopped", function()
    assert.equal(0, (train(poem, whole, "--steps", "40",
                           table.unpack(options))))
    assert.equal(0, (train(poem, parts, "--steps", "17",
                           table.unpack(options))))
    local code, _, err = run("train_charlm.lua", "--out", parts, "--resume",
                             "--steps", "40", "--sample-length", "0")
    assert.equal(0, code, err)
    assert.truthy(read(whole .. "/last.safetensors") ==
                  read(parts .. "/last.safetensors"))
  end)

  ---Starts a run without an end, sends it a signal after some steps; returns
  ---its exit code and stderr.
  local function stop(command, folder, signal)
    local pipe = assert(io.popen(([[
      %s --out %s 2>%s >/dev/null & pid=$!
      while [ $(wc -l 2>/dev/null <%s || echo 0) -lt 30 ]; do
        sleep 0.05; kill -0 $pid || exit 99
      done
      kill -%s $pid; wait $pid 2>/dev/null; echo $?]]):format(
      command, quote(folder), quote(dir .. "/stderr"),
      quote(folder .. "/log.jsonl"), signal)))
    local code = tonumber((pipe:read "a"))
    pipe:close()
    return code, read(dir .. "/stderr")
  end

  local function last_step(folder)
    local list = events(folder)
    for i = #list, 1, -1 do
      if list[i].event == "step" then return list[i].step end
    end
  end

  for signal, expected in pairs {INT = 130, KILL = 137} do
    it("goes on after SIG" .. signal .. " as if nothing had been", function()
      local folder, long = dir .. "/stop" .. signal, dir .. "/long" .. signal
      local command = ("%s scripts/train_charlm.lua --data %s --hidden 8 " ..
        "--layers 1 --batch 4 --seq 8 --threads 1 --sample-length 0 " ..
        "--dropout 0.1 --eval-every 7 --save-every 6 --keep 2 " ..
        "--steps 100000000"):format(quote(program), quote(poem))
      local code, err = stop(command, folder, signal)
      assert.equal(expected, code, err)
      if signal == "INT" then
        assert.truthy(err:find "to go on: .*train_charlm.lua .* %-%-resume",
                      err)
        local list = events(folder)
        assert.equal("interrupted", list[#list].reason)
      end
      local steps = tostring(last_step(folder) + 20)
      local out
      code, out, err = run("train_charlm.lua", "--out", folder, "--resume",
                           "--steps", steps, "--sample-length", "0")
      assert.equal(0, code, err)
      assert.equal("", out)
      assert.truthy(os.execute(("%s --steps %s --out %s 2>/dev/null"):format(
        command, steps, quote(long))))
      for _, name in ipairs {"last", "best"} do
        name = "/" .. name .. ".safetensors"
        assert.truthy(read(folder .. name) == read(long .. name), name)
      end
      assert.equal(timeless(long), timeless(folder))
    end)
  end

  it("refuses another model, another text, another file", function()
    local function resume(...)
      return run("train_charlm.lua", "--out", parts, "--resume", ...)
    end
    assert_fails(2, "--hidden 9 does not fit the run", resume("--hidden", "9"))
    assert_fails(3, "is not the text that the run in",
                 resume("--steps", "50", "--data", write("other", POEM)))
    assert_fails(3, "cannot resume: ", run("train_charlm.lua", "--out",
                 dir .. "/nowhere", "--resume"))
    lfs.mkdir(dir .. "/best-only")
    write("best-only/last.safetensors", read(whole .. "/best.safetensors"))
    assert_fails(3, "holds no training to go on with",
                 run("train_charlm.lua", "--out", dir .. "/best-only",
                     "--resume"))
  end)
end)

describe("texts that are hard to train on", function()
  local function try(name, bytes, ...)
    return train(write(name, bytes), dir .. "/out-" .. name, "--steps", "3",
                 ...)
  end

  it("1 byte", function()
    assert_fails(3, "has 1 char, training needs at least 2",
                 try("one", "x"))
  end)

  it("nothing", function()
    assert_fails(3, "empty", try("empty", ""))
  end)

  it("2 bytes", function()
    local code, _, err = try("two", "xy")
    assert.equal(0, code, err)
    assert.truthy(err:find("training with --batch 1 --seq 1", 1, true), err)
    assert.truthy(exists(dir .. "/out-two/best.safetensors"))
    assert.equal(0, (run("sample.lua", dir .. "/out-two/best.safetensors")))
  end)

  it("random bytes", function()
    local bytes, x = {}, 1
    for i = 1, 4096 do
      x = (x * 1103515245 + 12345) % 2 ^ 31 // 1 | 0
      bytes[i] = string.char(x >> 16 & 255)
    end
    bytes = table.concat(bytes)
    local code, out, err = try("random", bytes)
    assert_fails(3, "UTF-8", code, out, err)
    assert.truthy(err:find "line %d+", err)
    for _, way in ipairs {"replace", "skip", "bytes"} do
      code, out, err = try("random-" .. way, bytes, "--invalid", way)
      assert.equal(0, code, err)
      assert.truthy(utf8.len(out))
    end
    code, out, err = try("random-byte", bytes, "--tokenizer", "byte",
                         "--invalid", "bytes")
    assert.equal(0, code, err)
    assert.truthy(utf8.len(out))
  end)

  it("shorter than batch times seq", function()
    local code, _, err = try("short", POEM:sub(1, 100), "--batch", "50")
    assert.equal(0, code, err)
    assert.truthy(err:find("training with --batch 11 --seq 8", 1, true), err)
    code, _, err = try("shorter", "hello", "--batch", "50", "--val", "0")
    assert.equal(0, code, err)
    assert.truthy(err:find("training with --batch 1 --seq 4", 1, true), err)
    local warned
    for _, e in ipairs(events(dir .. "/out-shorter")) do
      warned = warned or e.event == "warn"
    end
    assert.truthy(warned)
  end)

  it("one letter repeated", function()
    local code, _, err = try("same", ("a"):rep(500))
    assert.equal(0, code, err)
    assert.truthy(err:find "warning: the text is one char repeated", err)
  end)

  it("a file that is not there, or a folder", function()
    assert_fails(3, dir .. "/none.txt: No such file or directory",
                 train(dir .. "/none.txt", dir .. "/out-none"))
    assert_fails(3, dir, train(dir, dir .. "/out-dir"))
    assert.falsy(lfs.attributes(dir .. "/out-none"))
  end)
end)

describe("misuse", function()
  it("is one line and exit code 2", function()
    assert_fails(2, "unknown option '--hiden' (did you mean '--hidden'?)",
                 run("train_charlm.lua", "--hiden", "3"))
    assert_fails(2, "--hidden must be an integer from 1 to 65536, got 'abc'",
                 train(poem, dir .. "/misuse", "--hidden", "abc"))
    assert_fails(2, "--cell must be one of lstm, gru, rnn, got 'LSTM'",
                 train(poem, dir .. "/misuse", "--cell", "LSTM"))
    assert_fails(2, "--lr must be a number > 0, got '0'",
                 train(poem, dir .. "/misuse", "--lr", "0"))
    assert_fails(2, "--data is missing",
                 run("train_charlm.lua", "--out", dir .. "/misuse"))
    assert_fails(2, "--out is missing",
                 run("train_charlm.lua", "--data", poem))
    assert_fails(2, "missing argument 'model'", run("sample.lua"))
    assert_fails(2, "unknown option 'hiden' (did you mean 'hidden'?)",
                 train(poem, dir .. "/misuse", "--config",
                       write("wrong.lua", "{hiden = 3}")))
    assert_fails(2, "runs too long",
                 train(poem, dir .. "/misuse", "--config",
                       write("loop.lua", "while true do end")))
    assert_fails(2, "quotes.lua:1: unknown name 'lstm'; texts are put in " ..
                 "quotes", train(poem, dir .. "/misuse", "--config",
                                 write("quotes.lua", "{cell = lstm}")))
    assert_fails(2, "--out must be a file name, got ''", train(poem, ""))
    assert_fails(2, "unknown option '-hidden' (did you mean '--hidden'?)",
                 run("train_charlm.lua", "-hidden", "3"))
    assert_fails(2, "a value that begins with - is given as --seed=-5",
                 train(poem, dir .. "/misuse", "--seed", "-5"))
    assert_fails(2, "a plot's name must end in .png",
                 train(poem, dir .. "/misuse", "--plot", "a.jpg"))
    assert_fails(2, "--extend-vocab needs --init-from",
                 train(poem, dir .. "/misuse", "--extend-vocab"))
    assert_fails(2, "--allow-new-data needs --resume",
                 train(poem, dir .. "/misuse", "--allow-new-data"))
    for _, option in ipairs {"--overwrite", "--init-from=x"} do
      assert_fails(2, "leave", run("train_charlm.lua", "--out", dir .. "/run",
                                   "--resume", option))
    end
    assert_fails(3, "--resume auto takes an older checkpoint, or starts",
                 run("train_charlm.lua", "--out", dir .. "/misuse",
                     "--resume"))
    assert.falsy(lfs.attributes(dir .. "/misuse"))
  end)

  it("is not a value below 0, nor braces after a comment", function()
    local config = write("comment.lua", "\u{FEFF}-- small\n\n{hidden = 3}\n")
    local code, out, err = run("train_charlm.lua", "--data", poem, "--out",
                               dir .. "/misuse", "--seed=-5", "--dry-run",
                               "--config", config)
    assert.equal(0, code, err)
    assert.truthy(out:find("LSTM of 3 units", 1, true), out)
  end)

  it("of a folder for a model tells which file to take", function()
    for _, script in ipairs {"sample.lua", "score.lua", "info.lua"} do
      assert_fails(3, ("run: is a folder; take %s/run/best.safetensors")
                   :format(dir), run(script, dir .. "/run"))
    end
  end)

  it("of a text with new characters tells what can learn them", function()
    local new = write("new.txt", POEM .. "\u{4F60}")
    local code, out, err = run("train_charlm.lua", "--data", new, "--out",
                               dir .. "/run", "--resume", "--allow-new-data")
    assert_fails(3, ("one with --init-from %s/run/last.safetensors " ..
                     "--extend-vocab can"):format(dir), code, out, err)
    assert.falsy(err:find("'fit'", 1, true), err)
  end)

  it("of the learning rate is divergence, exit code 4", function()
    local out = dir .. "/diverged"
    local code, _, err = train(poem, out, "--steps", "400", "--lr", "1e38",
                               "--clip", "0", "--optim", "sgd",
                               "--cell", "rnn", "--save-every", "1")
    assert.equal(4, code, err)
    assert.truthy(err:find "training diverged at step %d+", err)
    assert.truthy(err:find("last checkpoint: " .. out, 1, true), err)
    local list = events(out)
    assert.equal("diverged", list[#list].reason)
  end)

  it("of the folder is exit code 5", function()
    local file = write("a-file", "x")
    assert_fails(5, file .. ": is not a folder",
                 train(poem, file .. "/run", "--steps", "1"))
    lfs.mkdir(dir .. "/blocked")
    lfs.mkdir(dir .. "/blocked/last.safetensors")
    local code, _, err = train(poem, dir .. "/blocked", "--steps", "1")
    assert.equal(5, code, err)
    assert.truthy(err:find "warning: could not save: ", err)
  end)
end)

describe("sample", function()
  local model = dir .. "/run/best.safetensors"

  it("prints the prime and the asked number of characters", function()
    local code, out, err = run("sample.lua", model, "--prime", "The ",
                               "--length", "40")
    assert.equal(0, code, err)
    assert.equal("", err)
    assert.equal("The ", out:sub(1, 4))
    assert.equal(45, utf8.len(out))
  end)

  it("repeats itself for a seed, and for temperature 0", function()
    local function text(...)
      local code, out, err = run("sample.lua", model, "--length", "60", ...)
      assert.equal(0, code, err)
      return out
    end
    assert.equal(text("--seed", "3"), text("--seed", "3"))
    assert.not_equal(text("--seed", "3"), text("--seed", "4"))
    assert.equal(text("--temperature", "0", "--seed", "3"),
                 text("--temperature", "0", "--seed", "4"))
  end)

  it("takes a prime from a file or stdin", function()
    local code, out = run("sample.lua", model, "--length", "0", "--prime",
                          "@" .. poem)
    assert.equal(0, code)
    assert.equal(POEM:rep(4) .. "\n", out)
    code, out = sandbox.shell(
      ("printf rain | %s scripts/sample.lua %s --length 0 --prime -"):format(
      quote(program), quote(model)))
    assert.equal(0, code)
    assert.equal("rain\n", out)
    assert_fails(3, "No such file", run("sample.lua", model, "--prime",
                                        "@" .. dir .. "/none"))
    assert_fails(3, "--prime: ", run("sample.lua", model, "--prime",
                                     "a\xffb"))
  end)

  it("names what a prime has that the model does not know", function()
    local prime = "the\u{4F60}\u{1F600}Z"
    assert_fails(3, "--prime: not among the characters of the model: " ..
                 "'\u{4F60}' (U+4F60) at byte 4, '\u{1F600}' (U+1F600) at " ..
                 "byte 7, 'Z' (U+005A) at byte 11; use --unknown skip",
                 run("sample.lua", model, "--prime", prime))
    local code, out, err = run("sample.lua", model, "--prime", prime,
                               "--unknown", "skip", "--length", "30")
    assert.equal(0, code, err)
    local _, known = run("sample.lua", model, "--prime", "the", "--length",
                         "30")
    assert.equal(known:sub(4), out:sub(#prime + 1))
  end)

  it("prints what the Lua API makes of the same seed", function()
    local lm = require "rnn.models.lm"
    local rnn = require "rnn"
    local m, tok = lm.load(model)
    local o = {prime = "the ", length = 60, seed = 5, temperature = 0.7,
               top_k = 9, top_p = 0.9, min_p = 0.02, penalty = 1.2,
               window = 20, n = 3, precision = "bf16"}
    local texts = rnn.generate.sample(m, tok, o)
    local words = {"--prime", "the ", "--length", "60", "--temperature", "0.7",
                   "--top-k", "9", "--top-p", "0.9", "--min-p", "0.02",
                   "--penalty", "1.2", "--penalty-window", "20", "--precision",
                   "bf16"}
    for i = 1, 3 do
      local code, out, err = run("sample.lua", model, "--seed", tostring(4 + i),
                                 table.unpack(words))
      assert.equal(0, code, err)
      assert.equal("the " .. texts[i] .. "\n", out)
    end
    local _, all = run("sample.lua", model, "--seed", "5", "--n", "3",
                       table.unpack(words))
    assert.equal(("the %s\n---\nthe %s\n---\nthe %s\n"):format(
                 table.unpack(texts)), all)
    _, all = run("sample.lua", model, "--seed", "5", "--n", "3", "--json",
                 table.unpack(words))
    local i = 0
    for line in all:gmatch "[^\n]+" do
      i = i + 1
      assert.same({text = texts[i], seed = 4 + i, tokens = 60,
                   stopped = "length"}, json.decode(line))
    end
    assert.equal(3, i)
    local best = rnn.generate.beam(m, tok, {prime = "the ", width = 3,
                                            length = 12})[1]
    _, all = run("sample.lua", model, "--beam", "3", "--length", "12",
                 "--prime", "the ", "--json")
    assert.same(best, json.decode(all))
    _, all = run("sample.lua", model, "--beam", "3", "--length", "12",
                 "--prime", "the ")
    assert.equal("the " .. best.text .. "\n", all)
  end)

  it("ends before a stop text", function()
    local _, whole = run("sample.lua", model, "--json")
    local text = json.decode(whole).text
    local at = assert(text:find("\n", 1, true))
    local code, out = run("sample.lua", model, "--json", "--stop", "\\n")
    assert.equal(0, code)
    assert.same({text = text:sub(1, at - 1), stopped = "stop", seed = 1,
                 tokens = utf8.len(text, 1, at)}, json.decode(out))
    code, out = run("sample.lua", model, "--stop", "\\n")
    assert.equal(0, code)
    assert.equal(text:sub(1, at), out)
    assert_fails(2, "--stop must be text", run("sample.lua", model, "--stop",
                                               ""))
  end)

  it("goes on where a file says, and saves there", function()
    local whole = select(2, run("sample.lua", model, "--prime", "the ",
                                "--length", "90")):sub(1, -2)
    local state, parts = dir .. "/talk.state", {}
    for i = 1, 3 do
      local code, out, err = run("sample.lua", model, "--length", "30",
                                 "--state", state,
                                 table.unpack(i == 1 and {"--prime", "the "}
                                              or {}))
      assert.equal(0, code, err)
      parts[i] = out:sub(1, -2)
    end
    assert.equal(whole, table.concat(parts))
    lfs.mkdir(dir .. "/other-run")
    assert.equal(0, (train(poem, dir .. "/other-run", "--steps", "1",
                           "--seed", "2")))
    assert_fails(3, "is the state of another model",
                 run("sample.lua", dir .. "/other-run/best.safetensors",
                     "--state", state))
    assert_fails(3, "its kind is 'session'", run("sample.lua", state))
    assert_fails(3, model .. ": holds no state",
                 run("sample.lua", model, "--state", model))
    local bytes = read(state)
    for _, n in ipairs {0, 8, 200, #bytes - 1} do
      assert_fails(3, "cut.state: ",
                   run("sample.lua", model, "--state",
                       write("cut.state", bytes:sub(1, n))))
    end
    assert_fails(2, "--state is for one text", run("sample.lua", model, "--n",
                 "2", "--state", state))
    local code, _, err = run("sample.lua", model, "--length", "3", "--state",
                             dir .. "/nowhere/talk.state")
    assert.equal(5, code)
    assert.truthy(err:find("could not save: ", 1, true), err)
    assert.equal(bytes, read(state))
  end)

  it("ends quietly when its reader has gone away", function()
    for _, before in ipairs {"", "trap '' PIPE; "} do
      local _, out, err = sandbox.shell(
        ("(%s%s scripts/sample.lua %s --length 100000000) | head -c 10")
        :format(before, quote(program), quote(model)))
      assert.equal(10, #out)
      assert.equal("", err)
    end
  end)

  it("tells of a model that has diverged", function()
    local core, rnn = require "rnn.core", require "rnn"
    local lm = require "rnn.models.lm"
    local m, tok = lm.load(model)
    core.set(m.out.bias, 1, 0 / 0)
    local path = dir .. "/broken.safetensors"
    assert(rnn.save(path, m, lm.describe(tok)))
    for _, words in ipairs {{"--n", "2"}, {"--beam", "2"}, {"--json"}} do
      local code, out, err = run("sample.lua", path, table.unpack(words))
      assert_fails(3, "broken.safetensors: logits", code, out, err)
      assert.truthy(err:find("are not finite", 1, true), err)
    end
  end)

  it("takes a model that a program of its own has saved", function()
    local rnn, text = require "rnn", require "rnn.text"
    local tok = text.tokenizer("char"):fit(POEM)
    local layers = {a = rnn.Embedding(#tok, 4), b = rnn.GRU(4, 6),
                    c = rnn.Linear(6, tok:usable())}
    local path = dir .. "/own.safetensors"
    assert(rnn.save(path, layers, {tokenizer = tok}))
    local code, out, err = run("sample.lua", path, "--length", "20")
    assert.equal(0, code, err)
    assert.equal(21, utf8.len(out))
    assert(rnn.save(path, layers))
    assert_fails(3, "save the model with {tokenizer = tok}",
                 run("sample.lua", path))
    layers.d = rnn.Linear(6, 3)
    assert(rnn.save(path, layers, {tokenizer = tok}))
    assert_fails(3, "it needs one Embedding", run("sample.lua", path))
  end)

  it("refuses what is no model, in one line", function()
    local function try(path) return run("sample.lua", path) end
    local bytes = read(model)
    assert_fails(3, "No such file", try(dir .. "/none.safetensors"))
    assert_fails(3, poem, try(poem))
    for _, n in ipairs {0, 1, 7, 8, 100, #bytes // 2, #bytes - 1} do
      assert_fails(3, "cut.safetensors: ",
                   try(write("cut.safetensors", bytes:sub(1, n))))
    end
  end)

  it("samples from last.safetensors too", function()
    assert.equal(0, (run("sample.lua", dir .. "/run/last.safetensors")))
  end)
end)

describe("help", function()
  for _, script in ipairs {"train_charlm.lua", "train_wordlm.lua",
                           "sample.lua", "score.lua", "info.lua", "plot.lua",
                           "report.lua", "completion.lua", "lstm_cell.lua",
                           "gradient_flow.lua", "longterm.lua", "sine.lua",
                           "train_tagger.lua", "tag.lua", "caption.lua",
                           "train_segmenter.lua", "segment.lua",
                           "train_classifier.lua", "classify.lua",
                           "nearest.lua", "inspect.lua",
                           "train_seq2seq.lua", "translate.lua",
                           "make_series.lua", "train_seriesclassifier.lua",
                           "classify_series.lua", "forecast.lua",
                           "anomaly.lua", "import_torch.lua",
                           "export_c.lua",
                           "export_onnx.lua", "bench/bench.lua",
                           "bench/variants.lua", "bench/results.lua"} do
    it("of " .. script .. " names every option", function()
      local code, out, err = run(script, "--help")
      assert.equal(0, code, err)
      assert.equal("", err)
      assert.truthy(out:find("Usage: rnnlua " .. script:match "[^/]+$", 1,
                             true), out)
      for line in out:gmatch "[^\n]+" do
        assert.truthy(utf8.len(line) <= 80, line)
      end
      for name in read("scripts/" .. script):gmatch '{"([%w-]+)", ?%l+ =' do
        name = name:gsub("%-", "%%-")
        assert.truthy(out:find("\n  %-%-" .. name .. "%f[ \n]") or
                      out:find("\n  " .. name .. " "), name)
      end
    end)
  end

  it("tells defaults, choices and examples", function()
    local _, out = run("train_charlm.lua", "--help")
    assert.truthy(out:find("--hidden N +units per layer %(default 128%)"), out)
    local _, words = run("train_wordlm.lua", "--help")   -- of its preset
    assert.truthy(words:find("--hidden N +units per layer %(default 200%)"))
    assert.truthy(out:find("lstm, gru, rnn; default lstm", 1, true))
    assert.truthy(out:find "Examples:\n  rnnlua train_charlm.lua ")
    for _, name in ipairs {"data", "out", "config", "seed", "threads", "steps",
                           "epochs", "batch", "seq", "cell", "hidden",
                           "layers", "embed", "dropout", "lr", "optim", "clip",
                           "schedule", "val", "eval-every", "save-every",
                           "keep", "patience", "resume", "time", "plot",
                           "tokenizer", "normal", "invalid", "quiet"} do
      assert.truthy(out:find("--" .. name .. " ", 1, true), name)
    end
  end)
end)

describe("lstm_cell", function()
  it("learns, and equals rnn.LSTM", function()
    local code, out, err = run("lstm_cell.lua")
    assert.equal(0, code, err)
    local worst = tonumber(out:match "gradients: (%S+)")
    assert.truthy(worst and worst <= 1e-12, out)
  end)
end)

describe("gradient_flow", function()
  it("tells which networks let gradients through", function()
    local plot = dir .. "/flow.svg"
    local code, out, err = run("gradient_flow.lua", "--length", "40",
      "--hidden", "20", "--layers", "2", "--threads", "1", "--out", plot)
    local have = os.execute "command -v gnuplot >/dev/null 2>&1"
    assert.equal(have and 0 or 1, code, err)
    assert.truthy(exists(have and plot or dir .. "/flow.csv"))
    assert.truthy(out:find("t=40 +t=30 +t=20 +t=10 +t=1 +first/last\n"), out)
    local ratio, step = {}, {}
    for name, last in out:gmatch "\n(%l[%w -]-)  +%S+e.- (%S+e%S+)%f[\n]" do
      if ratio[name] then step[name] = tonumber(last)
      else ratio[name] = tonumber(last) end
    end
    assert.truthy(ratio.vanishing < 1e-6, out)
    assert.truthy(ratio.exploding > 10, out)
    assert.truthy(ratio.irnn > 1e-2, out)
    assert.truthy(ratio.orthogonal > 100 * ratio.vanishing, out)
    assert.truthy(ratio["lstm-open"] > 1e4 * ratio.lstm, out)
    assert.truthy(ratio.gru and ratio["stacked l1"] and ratio["residual l0"])
    assert.near(1, step.exploding, 1e-9)      -- clipped
  end)

  it("runs those that are named, on a single step too", function()
    local code, out, err = run("gradient_flow.lua", "lstm", "gru", "--length",
                               "1", "--hidden", "1", "--batch", "1")
    assert.equal(0, code, err)
    assert.truthy(out:find "^|dL/dh_t| +t=1 +first/last\nlstm .-\ngru ")
    assert.falsy(out:find "irnn")
  end)

  it("says what is wrong with its options", function()
    assert_fails(2, "net must be one of vanishing, exploding, ",
                 run("gradient_flow.lua", "lsm"))
    assert_fails(2, "--gain must be a number > 0, got '0'",
                 run("gradient_flow.lua", "--gain", "0"))
    local code, _, err = run("gradient_flow.lua", "gru", "--length", "2",
                             "--out", dir .. "/flow.gif")
    assert.equal(2, code)
    assert.truthy(err:find("must end in .png or .svg", 1, true), err)
  end)
end)

describe("longterm", function()
  local HEAD = "problem cell     solved at      loss  baseline     error" ..
               "  seconds\n"

  it("solves a short adding problem, and says after how many steps", function()
    local code, out, err = run("longterm.lua", "--problem", "adding", "--cell",
      "gru", "--length", "10", "--hidden", "32", "--steps", "3000",
      "--test-every", "100", "--threads", "1")
    assert.equal(0, code, err)
    assert.equal(HEAD, out:sub(1, #HEAD))
    local steps, loss, wrong = out:match(
      "\nadding  gru +(%d+) +(%S+)    0.1667 +(%S+) +%d+\n$")
    assert.truthy(tonumber(steps) <= 3000, out)
    assert.truthy(tonumber(loss) < 0.01, out)
    assert.equal(loss, wrong)
    assert.truthy(err:find("adding gru: step 100, loss 0.", 1, true), err)
  end)

  it("tells what each network has learned when the steps are over", function()
    local code, out, err = run("longterm.lua", "--length", "3", "--steps", "2",
      "--hidden", "8", "--batch", "2", "--threads", "1", "--quiet")
    assert.equal(0, code, err)
    assert.equal("", err)
    for _, cell in ipairs {"lstm", "gru", "irnn", "rnn"} do
      local line = "%-6s  not solved +%%S+ +%s +%%S+ +%%d+\n"
      assert.truthy(out:find("adding  " .. line:format(cell, "0.1667")), out)
      assert.truthy(out:find("copy    " .. line:format(cell, "0.9041")), out)
    end
  end)

  it("says what is wrong with its options", function()
    assert_fails(2, "--cell must be one of all, lstm, gru, irnn, rnn, got " ..
                 "'tanh'", run("longterm.lua", "--cell", "tanh"))
    assert_fails(2, "--length must be an integer from 2 to 100000, got '1'",
                 run("longterm.lua", "--length", "1"))
  end)
end)

describe("progress", function()
  local progress = require("rnn.run").progress
  local s = {step = 1200, total = 5000, done = 0.2409, loss = 1.482,
             val_loss = 1.531, unit = "char", lr = 2e-3, grad_norm = 0.84,
             tok_s = 41200, eta = 92}

  it("is one line", function()
    assert.equal("step 1200/5000 24% loss 1.482 (val 1.531) 2.14 bits/char " ..
                 "lr 2.0e-3 |g| 0.84 41.2k tok/s ETA 1m32s", progress(s))
  end)

  it("leaves out what does not fit", function()
    assert.equal("step 1200/5000 24% loss 1.482", progress(s, 35))
    for width = 20, 100 do
      assert.truthy(#progress(s, width) <= width)
    end
  end)
end)

describe("a plot", function()
  local have = os.execute "command -v gnuplot >/dev/null 2>&1"

  it("is drawn when asked for", function()
    local file = dir .. "/loss.svg"
    local code, _, err = train(poem, dir .. "/plot", "--steps", "8",
                               "--eval-every", "4", "--plot", file)
    assert.equal(0, code, err)
    if have then
      assert.truthy(read(file):find("<svg", 1, true))
    else
      assert.truthy(err:find("gnuplot is not installed", 1, true), err)
    end
  end)

  it("has a name that says what it is", function()
    local ok, message = require("rnn.plot").lines("a.jpg", {
      lines = {{x = {1}, y = {1}}}})
    assert.falsy(ok)
    if have then assert.truthy(message:find ".png or .svg", message) end
  end)
end)
