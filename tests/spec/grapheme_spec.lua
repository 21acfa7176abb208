---The tokenizer "grapheme": what is one character to people, any bytes, in
---pieces, from files and back, from descriptions of any kind.
local rnn = require "rnn"
local core = require "rnn.core"
local corpus = require "rnn.corpus"
local known = require "rnn.known"
local raises = require "tests.raises"
local sandbox = require "tests.sandbox"
local text = require "rnn.text"
local new_random = require "tests.random"
local write = sandbox.write

teardown(sandbox.remove)

local FAMILY = "\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}\u{200D}\u{1F466}"

---Texts and their clusters, by UAX #29 of any version.
local CASES = {
  {"ab c", {"a", "b", " ", "c"}},
  {"a\r\nb\n\n\r", {"a", "\r\n", "b", "\n", "\n", "\r"}},
  {"e\u{301}\u{E9}\u{301}x", {"e\u{301}", "\u{E9}\u{301}", "x"}},
  {FAMILY .. FAMILY .. "!", {FAMILY, FAMILY, "!"}},
  {"\u{1F44D}\u{1F3FD}\u{2764}\u{FE0F}", {"\u{1F44D}\u{1F3FD}",
                                         "\u{2764}\u{FE0F}"}},
  {"\u{1F1E9}\u{1F1EA}\u{1F1EB}\u{1F1F7}\u{1F1EE}",   -- flags by twos
   {"\u{1F1E9}\u{1F1EA}", "\u{1F1EB}\u{1F1F7}", "\u{1F1EE}"}},
  {"\u{1112}\u{1161}\u{11AB}\u{1100}\u{AE00}\u{11A8}",   -- Hangul
   {"\u{1112}\u{1161}\u{11AB}", "\u{1100}\u{AE00}\u{11A8}"}},
  {"\u{928}\u{92E}\u{93F}\u{902}", {"\u{928}", "\u{92E}\u{93F}\u{902}"}},
  {"\u{E01}\u{E33}\u{E01}\u{E34}", {"\u{E01}\u{E33}", "\u{E01}\u{E34}"}},
  {"\u{600}1", {"\u{600}1"}},
  {"\u{301}a\n\u{301}", {"\u{301}", "a", "\n", "\u{301}"}},
  {"\u{4E2D}\u{6587}", {"\u{4E2D}", "\u{6587}"}},
}

local function fit(s, opts)
  return assert(text.tokenizer("grapheme", opts):fit(s))
end

local function clusters_of(s)
  local tok, list = fit(s), {}
  for i, id in ipairs(tok:encode(s):totable()) do list[i] = tok:decode {id} end
  return list
end

local PARTS = {"a", "e", "\u{301}", "\u{308}", "\r", "\n", "\r\n", " ", FAMILY,
               "\u{200D}", "\u{1F469}", "\u{1F3FD}", "\u{1F1E9}", "\u{1F1EA}",
               "\u{1112}", "\u{1161}", "\u{11AB}", "\u{AC00}", "\u{928}",
               "\u{93F}", "\u{94D}", "\u{4E2D}", "\u{FB01}", "\u{FFA1}",
               "\u{FF9E}", "\u{30AB}", "\u{600}", "\u{3000}", "1", "."}
local BROKEN = {"\xFF", "\xE4\xB8", "\xF0\x9F\x91", "\x80", "\xC3"}

local function random_text(random, n, broken)
  local list = {}
  for i = 1, n do
    list[i] = random:pick(broken and random:chance(0.2) and BROKEN or PARTS)
  end
  return table.concat(list)
end

describe("graphemes", function()
  it("are extended grapheme clusters", function()
    for _, case in ipairs(CASES) do
      assert.same(case[2], clusters_of(case[1]), case[1])
    end
  end)

  it("have 256 bytes at most", function()
    local mark = "\u{301}"
    assert.same({"e" .. mark:rep(127), mark:rep(73), "x"},
                clusters_of("e" .. mark:rep(200) .. "x"))
    local s = "e" .. mark:rep(100000)
    assert.equal(s, table.concat(clusters_of(s)))
  end)

  it("come by how often they occur, then bytes", function()
    local tok = fit "abb\u{1F1E9}\u{1F1EA}"
    assert.equal(3 + 256, #tok)
    assert.equal(3, tok:usable())
    local symbols = tok:symbols()
    assert.same({"b", "a", "\u{1F1E9}\u{1F1EA}", "byte 0"},
                table.move(symbols, 1, 4, 1, {}))
    assert.equal("byte 255", symbols[#symbols])
    assert.same({2, 1, 3, 3 + 1 + 0xC3, 3 + 1 + 0xA9},
                tok:encode "ab\u{1F1E9}\u{1F1EA}\u{E9}":totable())
    assert.equal("graphemes, 3 symbols and 256 bytes for others",
                 tok:describe())
  end)

  it("give any bytes back", function()
    local random = new_random(1)
    for round = 1, 300 do
      local tok = fit(random_text(random, 20, round % 2 == 0))
      local s = random_text(random, random:int(0, 40), true)
      assert.equal(s, tok:decode(tok:encode(s)))
      local push, pieces = tok:stream(), {}
      for _, id in ipairs(tok:encode(s):totable()) do
        pieces[#pieces + 1] = push(id)
        assert.truthy(utf8.len(pieces[#pieces]))
      end
      assert.equal(core.repair(s, "replace"), table.concat(pieces) .. push())
    end
    local bytes = {}
    for i = 1, 1000 do bytes[i] = string.char(random:int(0, 255)) end
    local s = table.concat(bytes)
    local tok = fit(s)
    assert.equal(s, tok:decode(tok:encode(s)))
    assert.equal(#tok, tok:usable())
  end)

  it("that are not known are <unk> without bytes", function()
    local tok = fit("aab", {byte_fallback = false})
    assert.same({"<unk>", "a", "b"}, tok:symbols())
    assert.equal(3, #tok)
    assert.same({2, 1, 3, 1, 1}, tok:encode "ae\u{301}b\xE4\xB8\xFF":totable())
    assert.equal("a<unk>b", tok:decode {2, 1, 3})
    local wrong, message, code = text.tokenizer(
      "grapheme", {byte_fallback = false}):fit "a\xFF"
    assert.is_nil(wrong)
    assert.equal("invalid UTF-8 at byte 2 (line 1)", message)
    assert.equal("EFORMAT", code)
  end)

  it("that are rare are bytes, which a model then learns", function()
    local tok = fit("aaabbc", {min_count = 2})
    assert.equal(2 + 256, tok:usable())
    assert.same({1, 2, 2 + 1 + 0x63}, tok:encode "abc":totable())
    tok = fit("aaabbc", {max_size = 1})
    assert.same({1, 1 + 1 + 0x62}, tok:encode "ab":totable())
    assert.is_true(tok:fitted())
    assert.is_false(text.tokenizer("grapheme"):fitted())
    assert.is_false(text.tokenizer("grapheme", {byte_fallback = false})
                    :fitted())
  end)

  it("have a normal form", function()
    local tok = fit("e\u{301}\u{E9}\u{FB01}", {normal = "nfkc"})
    assert.equal("grapheme nfkc bytes : e9 66 69", tok:spec())
    assert.same({1, 2, 3}, tok:encode "e\u{301}\u{FB01}":totable())
  end)
end)

describe("the description of graphemes", function()
  it("rebuilds the tokenizer", function()
    local random = new_random(2)
    for round = 1, 100 do
      local tok = fit(random_text(random, 30), {
        byte_fallback = round % 2 == 0, min_count = random:int(1, 2),
        normal = round % 3 == 0 and "nfc" or nil})
      local again = assert(text.tokenizer_from(tok:spec()))
      assert.equal(tok:spec(), again:spec())
      assert.same(tok:symbols(), again:symbols())
      assert.equal(tok:usable(), again:usable())
      assert.falsy(tok:spec():find "[^ -~]")
    end
    assert.equal("grapheme bytes :", text.tokenizer("grapheme"):spec())
    assert.equal("grapheme bytes : 61 65+301 d+a",
                 fit "aae\u{301}e\u{301}\r\na":spec())
  end)

  it("is not trusted", function()
    for _, spec in ipairs {
      "grapheme", "grapheme : 61 61", "grapheme : 061", "grapheme : 6A",
      "grapheme :  61", "grapheme : 61 ", "grapheme : 110000",
      "grapheme : d800", "grapheme : 61+", "grapheme : +61",
      "grapheme : 61++62", "grapheme : ", "grapheme: 61",
      "grapheme bytes bytes : 61", "grapheme bytes bytes-seen : 61",
      "grapheme bytes nfc : 61", "grapheme nfd : 61", "grapheme : \xFF",
      "grapheme : 3c+75+6e+6b+3e", "grapheme : 61" .. ("+301"):rep(128),
      "grapheme : fffffffffffffffffff", "graphemes : 61", "grapheme : -1",
    } do
      local tok, message, code = text.tokenizer_from(spec)
      assert.is_nil(tok, spec)
      assert.truthy(message:find "^tokenizer: ", message)
      assert.equal("EFORMAT", code)
    end
  end)
end)

describe("a corpus of graphemes", function()
  it("is what the whole text gives, however it is cut", function()
    local random = new_random(3)
    for round = 1, 150 do
      local s = random_text(random, random:int(1, 40), true) .. "\n"
      local opts = {normal = round % 3 == 0 and random:pick {"nfc", "nfkc"} or
                             nil}
      local want = fit(s, opts)
      local c <close> = assert(corpus.open(write("clusters.txt", s), {
        tokenizer = text.tokenizer("grapheme", opts), invalid = "bytes",
        piece = random:int(1, 9), memory = round % 2 == 0 and 0 or nil}))
      assert.equal(want:spec(), c.tokenizer:spec())
      assert.same(want:encode(s):totable(), c.tokens:totensor():totable())
    end
  end)

  it("takes the clusters of another one, or adds to them", function()
    local tok = fit "aab"
    local path = write("other.txt", "be\u{301}")
    local function open(how)
      return corpus.open(path, {tokenizer = tok, fit = how})
    end
    local c, message, code = open "keep"
    assert.is_nil(c)
    assert.truthy(message:find(
      "characters not in the vocabulary: 'e\u{301}' (U+0065 U+0301); 'fit'",
      1, true), message)
    assert.equal("EVOCAB", code)
    c = assert(open "extend")
    assert.equal("grapheme bytes : 61 62 65+301", c.tokenizer:spec())
    assert.same({2, 3}, c.tokens:totensor():totable())
    assert.equal("grapheme bytes : 62 65+301", open("new").tokenizer:spec())
    tok = fit("aab", {byte_fallback = false})
    assert.same({3, 1}, assert(open "keep").tokens:totensor():totable())
    tok = fit("aabc", {min_count = 2})   -- bytes stand for others
    assert.equal(1 + 3, #assert(open "keep").tokens)
  end)
end)

describe("a model of graphemes", function()
  it("knows those of its text", function()
    local tok = fit "aab"
    assert.same({1, 2}, known.encode(tok, "ab"):totable())
    local ids, message, code = known.encode(tok, "a\u{1F1E9}\u{1F1EA}b\u{E9}")
    assert.is_nil(ids)
    assert.truthy(message:find("'\u{1F1E9}\u{1F1EA}' (U+1F1E9 U+1F1EA) at " ..
      "byte 2, '\u{E9}' (U+00E9) at byte 11; set 'unknown'", 1, true), message)
    assert.equal("EFORMAT", code)
    assert.same({1, 2}, known.encode(tok, "a\u{1F1E9}\u{1F1EA}b\u{E9}",
                                     "skip"):totable())
    assert.same({1}, known.start(tok):totable())
  end)

  it("is trained by the script", function()
    local out = sandbox.dir .. "/run"
    local data = write("text.txt", ("e\u{301}a " .. FAMILY .. "\n"):rep(90))
    local function run(...)
      local words = {sandbox.quote(sandbox.program)}
      for _, word in ipairs {...} do words[#words + 1] = sandbox.quote(word) end
      local code, made, err = sandbox.shell(table.concat(words, " "))
      assert.equal(0, code, err)
      return made, err
    end
    local _, err = run("scripts/train_charlm.lua", "--data", data, "--out",
      out, "--tokenizer", "grapheme", "--steps", "3", "--hidden", "8",
      "--batch", "4", "--seq", "5", "--threads", "1", "--sample-length", "9")
    assert.truthy(err:find("450 graphemes, 5 different", 1, true), err)
    assert.truthy(err:find("bits%) per grapheme"), err)
    local made = run("scripts/sample.lua", out .. "/best.safetensors",
                     "--length", "20", "--prime", FAMILY)
    assert.truthy(utf8.len(made))
    local row = rnn.json.decode((run("scripts/score.lua",
      out .. "/best.safetensors", data, "--json")))
    assert.equal(450, row.tokens)
    assert.equal(90 * 12, row.chars)
  end)
end)

describe("grapheme", function()
  it("names misuse", function()
    raises.with("unknown option 'lines'", text.tokenizer, "grapheme",
                {lines = true})
    local tok = fit "ab"
    raises.with("decode: id 259 at position 1 is not in 1..258", tok.decode,
                tok, {259})
    raises.with("a string", tok.fit, tok)
    raises.with("invalid option", core.words, "letters")
    raises.with("invalid option", core.words_cut, "letters", "a")
    assert.has_error(function() core.words("words", -1) end)
  end)
end)
