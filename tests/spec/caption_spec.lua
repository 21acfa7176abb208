---scripts/caption.lua: from a vector to words.
local rnn = require "rnn"
local log = require "rnn.log"
local sandbox = require "tests.sandbox"
local dir, read, quote = sandbox.dir, sandbox.read, sandbox.quote

teardown(sandbox.remove)

local function run(...)
  return sandbox.shell(table.concat({quote(sandbox.program),
                                     "scripts/caption.lua", ...}, " "))
end

local function out(name) return "--out " .. quote(dir .. "/" .. name) end

local function scores(name)
  local list = {}
  assert(log.each(dir .. "/" .. name .. "/log.jsonl", function(e)
    if e.event == "val" then list[#list + 1] = e end
  end))
  return list
end

describe("the table of results", function()
  it("has rows that are trained anew", function()
    local code, text, err = sandbox.shell(table.concat({
      quote(sandbox.program), "scripts/bench/results.lua captions-small",
      out "results"}, " "))
    assert.equal(0, code, err)
    local share = text:match "\n| captions.-| ([%d.]+) %% exact | >= 30 |"
    assert.truthy(share, text)
    code, text, err = sandbox.shell(quote(sandbox.program) ..
      " scripts/bench/results.lua ewt --corpora " .. quote(dir))
    assert.equal(3, code, text)
    assert.truthy(err:find("ud-english-ewt: is not there", 1, true), err)
    code, text, err = sandbox.shell(quote(sandbox.program) ..
                                    " scripts/bench/results.lua nothing")
    assert.equal(2, code, text)
    assert.truthy(err:find("there is no row 'nothing'", 1, true), err)
  end)
end)

describe("caption", function()
  for _, condition in ipairs {"state", "steps", "both"} do
    it("learns from pictures as " .. condition, function()
      local code, text, err = run(out(condition), "--steps 500 --hidden 48",
        "--batch 32 --threads 1 --condition", condition,
        "--cell", condition == "both" and "gru" or "lstm")
      assert.equal(0, code, err)
      local val = scores(condition)[1]
      assert.truthy(val.bleu > 10, val.bleu)   -- 500 new pictures
      assert.truthy(val.val_loss < 1, val.val_loss)
      assert.equal(24, select(2, text:gsub("\n", "")))   -- 3 pictures
      assert.truthy(text:find " a %l+ %l+ ", text)
    end)
  end

  it("goes on exactly where it stopped", function()
    local same = "--hidden 8 --batch 8 --threads 1 --show 0"
    assert.equal(0, (run(out "whole", same, "--steps 20")))
    assert.equal(0, (run(out "parts", same, "--steps 20", "& p=$!; " ..
      "while ! grep -q '\"step\":3,' " .. quote(dir .. "/parts/log.jsonl") ..
      " 2>/dev/null && kill -0 $p 2>/dev/null; do sleep 0.01; done; " ..
      "kill -INT $p; wait $p; true")))
    local code, _, err = run(out "parts", "--show 0 --resume")
    assert.equal(0, code, err)
    assert.truthy(read(dir .. "/whole/last.safetensors") ==
                  read(dir .. "/parts/last.safetensors"))
    code, _, err = run(out "parts", "--resume --hidden 9")
    assert.equal(2, code)
    assert.truthy(err:find("--hidden 9 does not fit the run in", 1, true), err)
    code, _, err = run(out "nothing", "--resume")
    assert.equal(3, code)
    assert.truthy(err:find("cannot resume: ", 1, true), err)
  end)

  it("describes new pictures with a trained model", function()
    local model = quote(dir .. "/state/best.safetensors")
    local code, text, err = run("--model", model, "--show 2")
    assert.equal(0, code, err)
    assert.equal(16, select(2, text:gsub("\n", "")))
    local other = dir .. "/other.safetensors"
    assert(rnn.save(other, {out = rnn.Linear(2, 2)}))
    code, text, err = run("--model", quote(other))
    assert.equal(3, code, text)
    assert.truthy(err:find("is not a model of caption.lua", 1, true), err)
    local m = assert(rnn.load_model(dir .. "/state/best.safetensors"))
    m.embed, m.out = rnn.Embedding(999, 32), rnn.Linear(48, 999)
    assert(rnn.save(other, m))            -- more words than there are
    code, text, err = run("--model", quote(other), "--show 2")
    assert.equal(0, code, err)
    assert.truthy(text:find("?", 1, true), text)
    m.rnn = rnn.Linear(31, 48)
    assert(rnn.save(other, m))
    code, text, err = run("--model", quote(other))
    assert.equal(3, code, text)
    assert.truthy(err:find("is not a model of caption.lua", 1, true), err)
    code, text, err = run "--steps 3"
    assert.equal(2, code, text)
    assert.truthy(err:find("--out DIR is missing", 1, true), err)
  end)
end)
