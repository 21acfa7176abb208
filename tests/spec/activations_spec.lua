---What a model does while it reads: rnn.activations, rnn.textmap, inspect.lua.
local rnn = require "rnn"
local core = require "rnn.core"
local lm = require "rnn.models.lm"
local sandbox = require "tests.sandbox"
local activations, textmap = rnn.activations, rnn.textmap
local read, write, quote = sandbox.read, sandbox.write, sandbox.quote

teardown(sandbox.remove)

local TEXT = ('She said "so (it is)",\n\tand went 12 miles, ' ..
              "caf\u{E9} <b>&amp;</b> '\u{4EBA}'.\n"):rep(9)

local function new_model(kind, o)
  rnn.seed(4)
  local tok = rnn.text.tokenizer(kind):fit(TEXT)
  local config = {tok = tok, cell = "lstm", embed = 6, hidden = 8, layers = 2}
  for name, value in pairs(o or {}) do config[name] = value end
  return lm.build(config), tok
end

local MODELS = {
  char = {new_model "char"}, byte = {new_model("byte", {cell = "gru"})},
  word = {new_model("word", {embed = 8, tied = true})},
  adaptive = {new_model("word", {cell = "rnn", softmax = "adaptive"})},
}

describe("a reading", function()
  for name, pair in pairs(MODELS) do
    local model, tok = pair[1], pair[2]
    local reading = assert(activations.read(model, tok, TEXT))

    it("has the probabilities of a score: " .. name, function()
      local t = 0
      local sum = rnn.score.text(model, tok, TEXT, {
        on_token = function(_, logp)
          t = t + 1
          assert.near(logp, reading.logp[t], 1e-5)
        end})
      assert.equal(t, #reading.tokens)
      assert.is_true(t > 120)
      assert.near(-sum.logp / t, reading:loss(), 1e-6)
      assert.equal(0, reading.rest)
      assert.equal(tok:usable(), reading.choices)
    end)

    it("has the text, and what was expected in its place: " .. name, function()
      if tok.kind ~= "word" then
        assert.equal(TEXT, table.concat(reading.tokens))
      else
        assert.equal((TEXT:gsub("\n\t", "\n")), table.concat(reading.tokens))
      end
      for t, best in ipairs(reading.expected) do
        assert.equal(5, #best)
        for k, other in ipairs(best) do
          assert.is_true(k == 1 or other.p <= best[k - 1].p)
          if other.token == reading.tokens[t] then
            assert.near(math.exp(reading.logp[t]), other.p, 1e-5)
          end
        end
        assert.is_true(best[1].p >= math.exp(reading.logp[t]) - 1e-6)
      end
    end)

    it("has the outputs of every layer: " .. name, function()
      local config = model.rnn.config
      local L, H = config.options.num_layers, config.sizes[2]
      assert.equal(L, reading.layers)
      assert.equal(H, reading.units)
      local start = tok:encode "\n"
      local ids = start:cat(tok:encode(TEXT), 1)
      local x = model.embed(ids:reshape {#ids, 1})
      local above = model.rnn(x):reshape {#ids, H}:totable()
      local first = getmetatable(model.rnn)(config.sizes[1], H)
      for p, t in pairs(first) do
        if core.is_tensor(t) then t:copy(model.rnn[p]) end
      end
      local below = first(x):reshape {#ids, H}:totable()
      for u = 1, H do
        local top = reading:values(reading:column(tostring(u)))
        local bottom = reading:values(reading:column("layer1:" .. u))
        for t = 1, #ids - 1 do
          assert.near(above[t + 1][u], top[t], 1e-5)
          assert.near(below[t + 1][u], bottom[t], 1e-5)
        end
      end
    end)
  end

  local model, tok = table.unpack(MODELS.char)
  local reading = assert(activations.read(model, tok, TEXT))

  it("finds units by name", function()
    assert.equal(3, reading:column "layer1:3")
    assert.equal(11, reading:column "3")
    assert.equal("layer2:3", reading:name(11))
    for name, message in pairs {
      ["layer3:1"] = "there is no unit layer3:1: the model has 2 layers of 8",
      ["9"] = "there is no unit 9", ["layer1:0"] = "there is no unit",
      ["99999999999999999999"] = "there is no unit",
      ["l1"] = "a unit is given as 17 or layer2:17, got 'l1'",
      [""] = "a unit is given as 17",
    } do
      local column, wrong = reading:column(name)
      assert.is_nil(column)
      assert.truthy(wrong:find(message, 1, true), wrong)
    end
  end)

  it("tells features of a text", function()
    local got = activations.features {"a", "(", '"', "B ", "7", ")", "\n",
                                      "\u{E9}x", "\u{201C}"}
    assert.same({1, 2, 3, 5, 6, 7, 0, 2, 3}, got.column)
    assert.same({1, 2, 3, 0, 1, 2, 0, 2, 3}, got.word)
    assert.same({0, 0, 1, 1, 1, 1, 1, 1, 1}, got.quotes)
    assert.same({0, 1, 1, 1, 1, 0, 0, 0, 0}, got.brackets)
    assert.same({0, 0, 0, 1, 0, 0, 0, 0, 0}, got.capital)
    assert.same({0, 0, 0, 0, 1, 0, 0, 0, 0}, got.digit)
    assert.same({0, 0, 0, 1, 0, 0, 1, 0, 0}, got.space)
  end)

  ---Pearson's r of two lists, by its definition.
  local function pearson(x, y)
    local n, mx, my, xy, xx, yy = #x, 0, 0, 0, 0, 0
    for i = 1, n do mx, my = mx + x[i] / n, my + y[i] / n end
    for i = 1, n do
      local a, b = x[i] - mx, y[i] - my
      xy, xx, yy = xy + a * b, xx + a * a, yy + b * b
    end
    return xx * yy > 0 and xy / math.sqrt(xx * yy) or 0, xx / n
  end

  it("ranks units by what they do", function()
    local features = activations.features(reading.tokens)
    local C = reading.layers * reading.units
    local var, r = {}, {}
    for c = 1, C do
      r[c], var[c] = pearson(reading:values(c), features.quotes)
      assert.near(r[c], reading:correlations().quotes[c], 1e-4)
      local name, best = reading:likeness(c)
      assert.near(pearson(reading:values(c), features[name]), best, 1e-4)
      assert.is_true(math.abs(best) >= math.abs(r[c]) - 1e-4)
    end
    local varied, alike = reading:varied(C), reading:alike("quotes", C)
    for i = 2, C do
      assert.is_true(var[varied[i]] <= var[varied[i - 1]] + 1e-6)
      assert.is_true(math.abs(r[alike[i]]) <= math.abs(r[alike[i - 1]]) + 1e-4)
    end
    assert.equal(2, #reading:varied(2))
    assert.same({}, assert(activations.read(model, tok, "so it is"))
                    :alike("digit", 3))
  end)

  it("finds what surprises most, and what stands around it", function()
    local all = reading:surprises(100000)
    assert.equal(#reading.tokens, #all)
    for i = 2, #all do
      assert.is_true(reading.logp[all[i - 1]] <= reading.logp[all[i]])
    end
    assert.equal(3, #reading:surprises(3))
    local before, after, line = reading:context(30, 10)
    assert.equal(TEXT:sub(20, 29), before)
    assert.equal(TEXT:sub(31, 40), after)
    assert.equal(2, line)
    before, after, line = reading:context(1, 2)
    assert.equal("", before)
    assert.equal("he", after)
    assert.equal(1, line)
  end)

  it("stops where it should, and says what is wrong", function()
    local some = assert(activations.read(model, tok, TEXT, {max = 300,
                                                            top = 2}))
    assert.equal(300, #some.tokens)
    assert.equal(#reading.tokens - 300, some.rest)
    assert.equal(2, #some.expected[1])
    assert.same({300, 16}, some.outputs:shape())
    for s, message in pairs {[""] = "has no token", ["Z"] = "U+005A"} do
      local got, wrong, code = activations.read(model, tok, s)
      assert.is_nil(got)
      assert.equal("EFORMAT", code)
      assert.truthy(wrong:find(message, 1, true), wrong)
    end
    assert.equal(1, #activations.read(model, tok, "Zs",
                                      {unknown = "skip"}).tokens)
    local broken, its = new_model "char"
    core.set(broken.out.bias, 1, 0 / 0)
    local got, wrong = activations.read(broken, its, "so")
    assert.is_nil(got)
    assert.truthy(wrong:find "^the logits are not finite")
  end)
end)

describe("a text map", function()
  local EVIL = {"<scr", "ipt>", "&", '"', "'", "\0", "\27[31m", "\r", "\n",
                "\t", "\xC3", "\xA9", "\xFF", "\xE4\xBA\xBA", "\u{202E}",
                "\xE4", "\xBA", "", "\xED\xA0\x80", "]]>", "-->", " ", "\u{85}"}
  local values, notes = {}, {}
  for i = 1, #EVIL do values[i], notes[i] = i % 5 / 2 - 1, EVIL[i] .. "\n." end

  it("shows characters in the piece where they begin", function()
    local faces, odd = textmap.faces(EVIL)
    local want = {"<scr", "ipt>", "&", '"', "'", "\\x00", "\\x1b[31m", "\\r",
                  "\n", "\t", "\u{E9}", "\u{B7}", "\\xff", "\u{4EBA}",
                  "\\u{202E}", "\\xe4", "\\xba", "", "\\xed\\xa0\\x80", "]]>",
                  "-->", " ", "\\u{85}"}
    assert.same(want, faces)
    for i, text in ipairs(want) do
      local plain = text == EVIL[i] or text == "\u{E9}"
      assert.equal(not plain, odd[i], i)
    end
  end)

  local page = textmap.html {
    title = "</title>\xFF", about = "<&", pieces = EVIL, notes = notes,
    views = {{name = "<v>", values = values}, {name = "w", values = values,
                                               about = "\0"}},
    places = {heads = {"<h>"}, {at = 3, "<c>\n"}},
  }

  it("is a page from which nothing breaks out", function()
    assert.truthy(utf8.len(page))
    assert.falsy(page:find "[^\n\t\x20-\x7E\x80-\xFF]")
    assert.falsy(page:find "\u{202E}")
    local known = {html = 1, head = 1, meta = 0, title = 1, style = 1, body = 1,
                   h1 = 1, p = 1, input = 0, label = 1, pre = 1, span = 1,
                   b = 1, table = 1, tr = 1, th = 1, td = 1, a = 1}
    local open = {}
    local rest = page:gsub("^<!DOCTYPE html>", "")
    for closing, name, attributes in rest:gmatch "<(/?)([^%s>]*)([^>]*)>" do
      assert.truthy(known[name], name)
      assert.falsy(attributes:find "%f[%w]on%w+=")
      if closing == "/" then
        assert.equal(name, table.remove(open))
      elseif known[name] == 1 then
        open[#open + 1] = name
      end
      assert.equal(0, select(2, attributes:gsub('"', "")) % 2)
      assert.falsy(attributes:gsub('"[^"]*"', ""):find "[<'\"]")
    end
    assert.same({}, open)
    for amp in page:match "<body>.*":gmatch "&[^;]*;?" do
      assert.truthy(("&amp; &lt; &gt; &quot; &#39; &#10;"):find(amp, 1, true),
                    amp)
    end
    assert.falsy(page:find "[hf]t?tps?:")
  end)

  it("has the text, when its tags are taken away", function()
    local shown = page:match "<pre>\n(.-)</pre>":gsub("<[^>]*>", "")
    local plain = {["&amp;"] = "&", ["&lt;"] = "<", ["&gt;"] = ">",
                   ["&quot;"] = '"', ["&#39;"] = "'"}
    assert.equal(table.concat((textmap.faces(EVIL))),
                 (shown:gsub("&[^;]*;", plain)))
    assert.truthy(page:find('<span id="t3" class="', 1, true))
    assert.truthy(page:find('<a href="#t3">&lt;c&gt;&#10;</a>', 1, true))
  end)

  it("colours by sign and size, in each view", function()
    local html = textmap.html {
      title = "", pieces = {"a", "b", "c", "d"},
      views = {{name = "x", values = {1, -0.5, 0.01, 7}},
               {name = "y", values = {0, 0.1, -1, -0.04}}}}
    for i, class in ipairs {"v1p9", "v1n5 v2p1", "v2n9", "v1p9"} do
      assert.truthy(html:find(('<span class="%s">%s</span>'):format(class,
                    ("abcd"):sub(i, i)), 1, true), class)
    end
    assert.truthy(html:find("#v2:checked ~ pre .v2n9 { background: rgba(30,",
                            1, true))
  end)

  it("for a terminal has colours and no other escapes", function()
    local s = textmap.ansi(EVIL, values)
    local plain = s:gsub("\27%[[%d;]*m", "")
    assert.equal(table.concat((textmap.faces(EVIL))), plain)
    assert.equal("\27[0m", s:match "\27%[[^m]*m[^\27]*$":sub(1, 4))
    assert.equal("\27[48;5;196;38;5;231ma\27[0m\nb", textmap.ansi({"a\n", "b"},
                 {1, 0}))
  end)
end)

describe("inspect.lua", function()
  local paths = {}
  for name, pair in pairs(MODELS) do
    paths[name] = ("%s/%s.safetensors"):format(sandbox.dir, name)
    assert(rnn.save(paths[name], pair[1], lm.describe(pair[2])))
  end
  local file = write("text.txt", TEXT)

  local function run(input, ...)
    local words = {quote(sandbox.program), "scripts/inspect.lua"}
    for _, word in ipairs {...} do words[#words + 1] = quote(word) end
    return sandbox.shell(table.concat(words, " "), input)
  end

  for name, path in pairs(paths) do
    it("lists surprises and writes a page: " .. name, function()
      local page = sandbox.dir .. "/page.html"
      local code, out, err = run(nil, path, file, "--units", "2, layer1:3",
        "--top", "2", "--by", "brackets", "--out", page, "--surprises", "3")
      assert.equal(0, code, err)
      assert.equal("", err)
      assert.truthy(out:find "^%d+ tokens, [%d.]+ bits each, perplexity [%d.]+")
      assert.truthy(out:find "\nlayer1:3  from %-?[%d.]+ to %-?[%d.]+, r ")
      assert.truthy(out:find "\nbits  +p +line  expected +place\n")
      assert.falsy(out:find "\27")
      local _, lines = out:match("place\n(.*)$"):gsub("\n", "")
      assert.equal(3, lines)
      local html = read(page)
      assert.truthy(html:find("layer1:3</label>", 1, true))
      assert.truthy(html:find(" bits&#10;", 1, true))
      assert.truthy(html:find 'id="v4"')
    end)
  end

  it("reads stdin, as far as it is told", function()
    local code, out, err = run(TEXT:rep(300), paths.char, "--max", "40")
    assert.equal(0, code, err)
    assert.equal("only the first 40 tokens are shown\n", err)
    assert.truthy(out:find "^40 tokens, ")
    assert.falsy(out:find "layer")
    code, out = run("\xFF\0<b>\xC3", paths.byte, "-", "--surprises", "0")
    assert.equal(0, code)
    assert.truthy(out:find "^6 tokens, [^\n]*\n$")
  end)

  it("has colours on a terminal alone", function()
    local _, _, there = os.execute "command -v script >/dev/null 2>&1"
    if there ~= 0 then return end
    local command = ("%s scripts/inspect.lua %s %s --units 1"):format(
      quote(sandbox.program), paths.char, file)
    local _, out = sandbox.shell(("TERM=xterm script -qec %s /dev/null"):format(
      quote(command)))
    assert.truthy(out:find("surprise\r\n", 1, true))
    assert.truthy(out:find("\27[48;5;", 1, true))
    _, out = sandbox.shell(("NO_COLOR=1 script -qec %s /dev/null"):format(
      quote(command)))
    assert.falsy(out:find("\27[48", 1, true))
  end)

  it("says what is wrong, in one line", function()
    local function fails(code, message, input, ...)
      local got, out, err = run(input, ...)
      assert.equal(code, got, err)
      assert.equal("", out)
      assert.truthy(err:find(message, 1, true), err)
      assert.equal(1, select(2, err:gsub("\n", "")), err)
    end
    fails(2, "--units: there is no unit 9: the model has 2 layers of 8", "so",
          paths.char, "--units", "1,9")
    fails(2, "--units: a unit is given as", "so", paths.char, "--units",
          "1,,2")
    fails(3, "use --unknown skip", "soZ", paths.char)
    fails(3, "stdin: invalid UTF-8 at byte 3 (line 1); use --invalid " ..
          "replace or bytes", "so\xFF", paths.char)
    fails(3, "the text: has no token", "", paths.char)
    fails(3, "no.txt", nil, paths.char, sandbox.dir .. "/no.txt")
    fails(3, "text.txt", nil, file, file)
    local code, _, err = run("so", paths.char, "--out", sandbox.dir)
    assert.equal(5, code)
    assert.truthy(err:find "cannot write the page: ", err)
    code, _, err = run("so it is", paths.char, "--top", "2", "--by", "digit")
    assert.equal(0, code)
    assert.truthy(err:find("--by digit says nothing", 1, true), err)
  end)
end)
