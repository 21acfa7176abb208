---completion.lua: what shells complete, and manual pages.
local sandbox = require "tests.sandbox"
local shell, quote, dir = sandbox.shell, sandbox.quote, sandbox.dir

teardown(sandbox.remove)

local function print_out(...)
  local words = {quote(sandbox.program), "scripts/completion.lua", ...}
  local code, out, err = shell(table.concat(words, " "))
  assert.equal(0, code, err)
  assert.equal("", err)
  return out
end

---What bash offers after some words.
local function offers(...)
  local words = {"rnnlua", ...}
  local _, out, err = shell(([[bash -c '
    source %s/complete.bash
    COMP_WORDS=(%s); COMP_CWORD=%d
    _rnnlua rnnlua "%s" "%s"; echo "${COMPREPLY[@]}"']]):format(
    dir, table.concat(words, " "), #words - 1, words[#words],
    words[#words - 1]))
  assert.equal("", err)
  return out:match "[^\n]*"
end

describe("completion", function()
  it("knows scripts, options and choices in bash", function()
    sandbox.write("complete.bash", print_out "bash")
    assert.equal("train_charlm.lua", offers "train_ch")
    assert.equal("--hidden", offers("train_charlm.lua", "--hid"))
    assert.equal("lstm", offers("train_charlm.lua", "--cell", "l"))
    assert.equal("--top-k --top-p", offers("sample.lua", "--top"))
  end)

  it("is there for zsh and fish", function()
    for _, name in ipairs {"zsh", "fish"} do
      local out = print_out(name)
      assert.truthy(out:find("hidden", 1, true))
      assert.truthy(out:find("sample.lua", 1, true))
    end
  end)

  it("refuses other shells", function()
    local code, _, err = shell(quote(sandbox.program) ..
                               " scripts/completion.lua tcsh")
    assert.equal(2, code)
    assert.truthy(err:find "must be one of bash, zsh, fish, man", err)
  end)
end)

describe("a manual page", function()
  for _, script in ipairs {"train_charlm.lua", "train_wordlm.lua",
                           "sample.lua", "score.lua", "info.lua", "plot.lua",
                           "report.lua", "completion.lua", "gradient_flow.lua",
                           "longterm.lua", "train_tagger.lua", "tag.lua",
                           "caption.lua", "inspect.lua", "sine.lua",
                           "train_segmenter.lua", "segment.lua",
                           "train_classifier.lua", "classify.lua",
                           "nearest.lua", "train_seq2seq.lua",
                           "translate.lua", "make_series.lua",
                           "train_seriesclassifier.lua",
                           "classify_series.lua", "forecast.lua",
                           "anomaly.lua", "import_torch.lua",
                           "export_c.lua",
                           "export_onnx.lua"} do
    it("of " .. script .. " has every option", function()
      local page = print_out("man", script)
      assert.truthy(page:find '^%.TH "RNNLUA%-')
      local source = sandbox.read("scripts/" .. script)
      for name in source:gmatch '\n  {"([%w-]+)", ?%l+ =' do
        name = name:gsub("%-", "\\-")
        assert.truthy(page:find(name .. "\\fR", 1, true), name)
      end
      for line in page:gmatch "[^\n]+" do   -- requests of man(7) alone
        local request = line:match "^%.(%S+)"
        assert.truthy(not request or ("TH SH SS TP PP nf fi"):find(request),
                      line)
        assert.falsy(line:find "^'", line)
      end
    end)
  end
end)
