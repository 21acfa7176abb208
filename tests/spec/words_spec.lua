---The tokenizer "word": next to a few lines of Lua that do the same, in pieces,
---from files and back.
local rnn = require "rnn"
local core = require "rnn.core"
local corpus = require "rnn.corpus"
local raises = require "tests.raises"
local sandbox = require "tests.sandbox"
local text = require "rnn.text"
local new_random = require "tests.random"
local write = sandbox.write

teardown(sandbox.remove)

-- {== In a few lines ==

local SPACES = {
  "\t", "\v", "\f", "\r", " ", "\u{85}", "\u{A0}", "\u{1680}", "\u{2000}",
  "\u{200A}", "\u{2028}", "\u{2029}", "\u{202F}", "\u{205F}", "\u{3000}",
}

---Words of a text, "\n" for line ends.
local function split(s, lines)
  for _, space in ipairs(SPACES) do s = s:gsub(space, " ") end
  s = s:gsub("\n", lines and " \n " or " ")
  local list = {}
  for word in s:gmatch "[^ ]+" do list[#list + 1] = word end
  return list
end

---Ids of the words of a text, fitted on itself.
local function ids_of(s, lines)
  local list, count, words = split(s, lines), {}, {}
  for _, word in ipairs(list) do
    if word ~= "\n" and word ~= "<unk>" and
       not (lines and word == "<eos>") then
      if not count[word] then words[#words + 1] = word end
      count[word] = (count[word] or 0) + 1
    end
  end
  table.sort(words, function(a, b)
    if count[a] ~= count[b] then return count[a] > count[b] end
    return a < b
  end)
  local id = {["<unk>"] = 1}
  if lines then id["\n"], id["<eos>"] = 2, 2 end
  for i, word in ipairs(words) do id[word] = i + (lines and 2 or 1) end
  local ids = {}
  for i, word in ipairs(list) do ids[i] = id[word] end
  return ids, words
end

local PARTS = {"a", "b", "ab", "\u{E9}", "\u{4E2D}\u{6587}", "<unk>", "<eos>",
               "N", "'s", "\u{2FFF}", "\u{200B}", "\u{301}", ":", "-", " ", " ",
               "\n", "\n", "\r\n"}

local function random_text(random, n)
  local parts = {}
  for i = 1, n do
    parts[i] = random:chance(0.2) and random:pick(SPACES) or
               random:pick(PARTS)
  end
  return table.concat(parts)
end

-- }==

---A tokenizer fitted on a text.
local function fit(s, opts)
  return assert(text.tokenizer("word", opts):fit(s))
end

describe("words apart", function()
  local function apart(s) return core.apart(s) end

  it("are letters and digits, punctuation, ideographs", function()
    for s, want in pairs {
      ['She said: "Don\'t go, e.g. to 3.14,5."'] =
        'She said : " Don\'t go , e.g . to 3.14,5 . "',
      ["it\u{2019}s a:b x-y 10:30 50% $5"] =
        "it\u{2019}s a:b x - y 10 : 30 50 % $ 5",
      ["\u{65E5}\u{672C}and\u{4E2D} \u{30AB}"] =
        "\u{65E5} \u{672C} and \u{4E2D} \u{30AB}",
      ["\u{1F1E9}\u{1F1EA}\u{1F1EB}\u{1F1F7}!"] =
        "\u{1F1E9}\u{1F1EA} \u{1F1EB}\u{1F1F7} !",
      ["\u{1F468}\u{200D}\u{1F469}ok"] = "\u{1F468}\u{200D}\u{1F469} ok",
      ["e\u{301}t."] = "e\u{301}t .", ["a\xFFb"] = "a \xFF b",
      ["-- --- .,..."] = "-- --- . , ...", ["  a ,b  "] = "  a , b  ",
      ["'a' b."] = "' a ' b .", [""] = "",
      ["a\u{A0}b,\u{3000}c"] = "a b , c",
      ["3\u{202F}% \u{2003}"] = "3 %  ", ["1.a a.1"] = "1 . a a . 1",
    } do
      assert.equal(want, apart(s))
    end
  end)

  it("are the text but for spaces, and stay as they are", function()
    local rand = new_random(11)
    local parts = {"a", "B", "1", "'", ".", ",", " ", "\n", "\u{E9}",
                   "\u{301}", "\u{4E2D}", "\u{200D}", "\u{1F600}", "\xFF",
                   "\xE4", "\u{1F1E9}", "-", "\0"}
    for _ = 1, 2000 do
      local list = {}
      for i = 1, rand:int(0, 12) do list[i] = parts[rand:int(1, #parts)] end
      local s = table.concat(list)
      local once = apart(s)
      assert.equal((s:gsub(" ", "")), (once:gsub(" ", "")))
      local a, b = s .. " ", table.concat(list, "", 1, #list // 2)
      assert.equal(apart(a) .. apart(b), apart(a .. b))   -- may be cut
    end
  end)

  it("are learnt when asked for", function()
    local s = "Don't go, go!\nGo."
    local tok = assert(text.tokenizer("word", {split = "unicode"}):fit(s))
    assert.equal(8, #tok:encode(s))
    assert.equal(" Don't go , go !\nGo .", tok:decode(tok:encode(s)))
    assert.truthy(tok:spec():find "^word unicode lines : ")
    assert.truthy(tok:describe():find("punctuation apart", 1, true))
    local same = assert(text.tokenizer_from(tok:spec()))
    assert.same(tok:encode(s):totable(), same:encode(s):totable())
    assert.equal(tok:spec(), same:spec())
  end)
end)

describe("words", function()
  it("stand between white space, the frequent ones first", function()
    local random = new_random(1)
    for round = 1, 300 do
      local lines = round % 2 == 0
      local s = random_text(random, random:int(0, 40))
      local tok = fit(s, {lines = lines})
      local want, words = ids_of(s, lines)
      assert.same(want, tok:encode(s):totable())
      local symbols = tok:symbols()
      assert.same(words, table.move(symbols, lines and 3 or 2, #symbols, 1,
                                    {}))
      assert.equal(#symbols, #tok)
      assert.equal(#tok, tok:usable())
    end
  end)

  it("end with lines, as in the Penn Treebank", function()
    local tok = fit " the cat \n\n the end\n"
    assert.same({"<unk>", "<eos>", "the", "cat", "end"}, tok:symbols())
    assert.same({3, 4, 2, 2, 3, 5, 2},
                tok:encode " the cat \n\n the end\n":totable())
    assert.same({3, 4}, tok:encode "the cat":totable())     -- no line end
    assert.same({3, 2, 4, 2}, tok:encode "the\r\ncat\r\n":totable())
    assert.same({}, tok:encode "":totable())
    assert.same({}, tok:encode " \t\r":totable())
  end)

  it("that are not known are <unk>", function()
    local tok = fit "a b c"
    assert.same({3, 1, 1, 5}, tok:encode "a A \xFF\xFE c":totable())
    local long = ("x"):rep(4096)
    tok = fit(long .. " " .. long .. "x")
    assert.same({"<unk>", "<eos>", long}, tok:symbols())
    assert.same({3, 1}, tok:encode(long .. " " .. long .. "x"):totable())
  end)

  it("are learnt by how often they occur", function()
    local s = "a a a b b c d d d d"
    assert.same({"<unk>", "<eos>", "d", "a", "b"},
                fit(s, {min_count = 2}):symbols())
    assert.same({"<unk>", "<eos>", "d"}, fit(s, {max_size = 3}):symbols())
    assert.same({"<unk>", "<eos>"}, fit(s, {max_size = 1}):symbols())
    assert.is_false(text.tokenizer("word"):fitted())
    assert.is_true(fit(s):fitted())
  end)

  it("must fit into a model file", function()
    local parts = {}
    for i = 1, 5000 do parts[i] = ("x"):rep(3990) .. i end
    local tok, message, code = text.tokenizer("word"):fit(
      table.concat(parts, " "))
    assert.is_nil(tok)
    assert.truthy(message:find "more than a model file can hold", message)
    assert.equal("EFORMAT", code)
  end)

  it("may be a great many", function()
    local parts = {}
    for i = 1, 70000 do parts[i] = ("%x"):format(i * 7919 % 70001) end
    local s = table.concat(parts, " ")
    local tok = fit(s)
    assert.equal(70002, #tok)
    assert.equal(s, tok:decode(tok:encode(s)):sub(2))
  end)

  it("are decoded to text with the same ids", function()
    local random = new_random(2)
    for round = 1, 200 do
      local s = random_text(random, random:int(0, 30))
      local tok = fit(s, {lines = round % 2 == 0})
      local ids = tok:encode(s)
      local back = tok:decode(ids)
      assert.same(ids:totable(), tok:encode(back):totable())
      local push, pieces = tok:stream(), {}
      for _, id in ipairs(ids:totable()) do
        pieces[#pieces + 1] = push(id)
      end
      assert.equal(back, table.concat(pieces) .. push())
    end
    local tok = fit "the cat\nsat"
    assert.equal(" the cat\nsat <unk>",
                 tok:decode(tok:encode "the cat\nsat down"))
  end)

  it("have a normal form", function()
    local tok = fit("e\u{301}t\u{E9} fi", {normal = "nfkc"})
    assert.same({3}, tok:encode "\u{FB01}":totable())
    assert.equal("word nfkc lines : fi \u{E9}t\u{E9}", tok:spec())
  end)
end)

describe("the description of words", function()
  it("rebuilds the tokenizer", function()
    local random = new_random(3)
    for round = 1, 100 do
      local tok = fit(random_text(random, 30), {
        lines = round % 2 == 0, normal = round % 3 == 0 and "nfc" or nil})
      local again = assert(text.tokenizer_from(tok:spec()))
      assert.equal(tok:spec(), again:spec())
      assert.same(tok:symbols(), again:symbols())
      assert.equal(tok.normal, again.normal)
    end
    assert.equal("word lines :", text.tokenizer("word"):spec())
    assert.equal("words, 4 symbols, line ends are words",
                 fit("a b"):describe())
  end)

  it("is not trusted", function()
    for _, spec in ipairs {
      "word", "word : a a", "word : <unk>", "word lines : <eos>", "word :  a",
      "word : a ", "word : a\tb", "word : a\nb", "word : \u{A0}", "word:a",
      "word lines lines : a", "word lines nfc : a", "word nfd : a",
      "word : \xFF", "word lines", "word : " .. ("x"):rep(4097), " word : a",
      "words : a", "base :", "../byte",
    } do
      local tok, message, code = text.tokenizer_from(spec)
      assert.is_nil(tok, spec)
      assert.truthy(message:find "^tokenizer: ", message)
      assert.equal("EFORMAT", code)
    end
  end)
end)

describe("a corpus of words", function()
  it("is what the whole text gives, however it is cut", function()
    local random = new_random(4)
    for round = 1, 60 do
      local s = random_text(random, random:int(1, 60)) .. "\n"
      local normal = round % 3 == 0 and "nfkc" or nil
      local want = fit(s, {normal = normal})
      local c <close> = assert(corpus.open(write("words.txt", s), {
        tokenizer = text.tokenizer("word", {normal = normal}),
        piece = random:int(1, 9), memory = round % 2 == 0 and 0 or nil}))
      assert.equal(want:spec(), c.tokenizer:spec())
      assert.same(want:encode(s):totable(), c.tokens:totensor():totable())
    end
  end)

  it("is kept in a file for a text and its words", function()
    local path, cache = write("cached.txt", ("the cat\n"):rep(50000)),
                        sandbox.dir .. "/words.tokens"
    for _, notes in ipairs {{}, {"took the ids from " .. cache}} do
      local c <close> = assert(corpus.open(path, {
        tokenizer = text.tokenizer "word", memory = 0, cache = cache}))
      assert.same(notes, c.notes)
      assert.equal(150000, #c.tokens)
    end
  end)

  it("takes the words of another one, or adds to them", function()
    local tok = fit "a b\n"
    local path = write("other.txt", "b c c d\r\n")
    local function open(how)
      local c = assert(corpus.open(path, {tokenizer = tok, fit = how}))
      return c.tokenizer:symbols(), c.tokens:totensor():totable(), c.notes
    end
    local symbols, ids, notes = open "keep"
    assert.same(tok:symbols(), symbols)
    assert.same({4, 1, 1, 1, 2}, ids)
    assert.same({}, notes)   -- CR is white space
    symbols, ids = open "extend"
    assert.same({"<unk>", "<eos>", "a", "b", "c", "d"}, symbols)
    assert.same({4, 5, 5, 6, 2}, ids)
    symbols = open "new"
    assert.same({"<unk>", "<eos>", "c", "b", "d"}, symbols)
  end)

  it("must be valid UTF-8, or made so", function()
    local path = write("bad.txt", "a \xFF b")
    local function open(invalid)
      return corpus.open(path, {tokenizer = text.tokenizer "word",
                                invalid = invalid})
    end
    local c, message = open()
    assert.is_nil(c)
    assert.truthy(message:find "invalid UTF%-8 at byte 3", message)
    c, message = open "bytes"
    assert.is_nil(c)
    assert.truthy(message:find "words have none", message)
    assert.same({"<unk>", "<eos>", "a", "b", "\u{FFFD}"},
                assert(open "replace").tokenizer:symbols())
    assert.same({"<unk>", "<eos>", "a", "b"},
                assert(open "skip").tokenizer:symbols())
    c, message = text.tokenizer("word"):fit "a \xFF b"
    assert.is_nil(c)
    assert.equal("invalid UTF-8 at byte 3 (line 1)", message)
  end)
end)

describe("a list of words", function()
  it("names misuse", function()
    raises.exactly("tokenizer: 'min_count' must be an integer >= 1, got 0",
                   text.tokenizer, "word", {min_count = 0})
    raises.exactly("tokenizer: 'max_size' must be an integer >= 1, got few",
                   text.tokenizer, "word", {max_size = "few"})
    raises.with("unknown option 'byte_fallback'", text.tokenizer, "word",
                {byte_fallback = true})
    local tok = fit "a b"
    raises.with("decode: id 5 at position 2 is not in 1..4", tok.decode, tok,
                {1, 5})
    raises.with("decode: id 0 at position 1", tok.decode, tok, {0})
    raises.with("a string", tok.fit, tok)
    local words = core.words "lines"
    words:close()
    words:close()
    raises.with("closed list of words", words.encode, words, "a")
    raises.with("32 bits", tok.decode, tok, {"a"})
    assert.has_error(function() tok:decode(rnn.zeros {2}) end)
    assert.has_error(function() core.words("words"):choose(5, 0, 1) end)
  end)

  it("knows where text may be cut", function()
    for _, case in ipairs {{"", 0}, {"ab", 0}, {"a b", 2}, {"a\u{3000}", 4},
                           {"a\u{3000}b", 4}, {"a \xE3\x80", 2},
                           {"\n", 1}, {"a\xC2", 0}} do
      assert.equal(case[2], core.words_cut("words", case[1]), case[1])
    end
  end)
end)
