---The tokenizer "bpe": next to a few lines of Lua that do the same, by hand, on
---any bytes, in pieces, from files and back, from descriptions of any kind.
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

---Characters and what they are: s space, l letter, d digit, j joiner, o other.
local CLASS = {
  [" "] = "s", ["\n"] = "s", ["\t"] = "s", ["\r"] = "s", ["\u{A0}"] = "s",
  ["\u{3000}"] = "s", a = "l", b = "l", z = "l", ["\u{E9}"] = "l",
  ["\u{4E2D}"] = "l", ["\u{928}"] = "l", ["\u{1100}"] = "l", ["1"] = "d",
  ["7"] = "d", ["\u{967}"] = "d", ["\u{2160}"] = "d", ["\u{301}"] = "j",
  ["\u{93F}"] = "j", ["\u{200D}"] = "j", ["\u{FE0F}"] = "j", ["."] = "o",
  ["'"] = "o", ["\0"] = "o", ["\u{1F469}"] = "o", ["\u{1F1E9}"] = "o",
  ["\xFF"] = "o", ["\xE4\xB8"] = "o", ["\x80"] = "o",
}
local CHARS = {}
for c in pairs(CLASS) do CHARS[#CHARS + 1] = c end
table.sort(CHARS)

local function random_chars(random, n)
  local list = {}
  for i = 1, n do
    list[i] = random:chance(0.3) and random:pick {"a", "b", " "} or
              random:pick(CHARS)
  end
  for i = n, 2, -1 do   -- what would become another character
    if list[i] == "\x80" and list[i - 1] == "\xE4\xB8" then list[i] = "." end
  end
  return list
end

---Pieces of a list of characters.
local function split(list)
  local pieces, i = {}, 1
  local function run(from)
    local class, to = CLASS[list[from]], from
    while list[to + 1] and (CLASS[list[to + 1]] == class or class ~= "s" and
                            CLASS[list[to + 1]] == "j") do
      to = to + 1
    end
    return to
  end
  while i <= #list do
    local to = run(i)
    if CLASS[list[i]] == "s" and to < #list and list[to] == " " then
      to = to > i and to - 1 or run(to + 1)
    end
    pieces[#pieces + 1] = table.concat(list, "", i, to)
    i = to + 1
  end
  return pieces
end

---Joins a pair in a list of ids, from the left.
local function join(ids, left, right, made)
  local out, i = {}, 1
  while i <= #ids do
    local joined = ids[i] == left and ids[i + 1] == right
    out[#out + 1] = joined and made or ids[i]
    i = i + (joined and 2 or 1)
  end
  return out
end

local function bytes_of(piece)
  local ids = {piece:byte(1, -1)}
  for i, byte in ipairs(ids) do ids[i] = byte + 1 end
  return ids
end

---The pair that stands together most often in lists of ids.
local function best_pair(lists, bytes, is_token)
  local count, best = {}, nil
  for _, ids in ipairs(lists) do
    for i = 1, #ids - 1 do
      local key = ids[i] << 20 | ids[i + 1]
      count[key] = (count[key] or 0) + 1
    end
  end
  for key, n in pairs(count) do
    local s = bytes[key >> 20] .. bytes[key & 0xFFFFF]
    if not is_token[s] and (not best or n > count[best] or
                            n == count[best] and key < best) then
      best = key
    end
  end
  return best, best and count[best]
end

---What byte pair encoding makes of pieces: parts of the tokens, ids of all.
local function learn(pieces, size, least)
  local lists, bytes, is_token, parts = {}, {}, {}, {}
  for byte = 0, 255 do
    bytes[byte + 1], is_token[string.char(byte)] = string.char(byte), true
  end
  for i, piece in ipairs(pieces) do lists[i] = bytes_of(piece) end
  while #bytes < size do
    local pair, n = best_pair(lists, bytes, is_token)
    if not pair or n < least then break end
    local left, right = pair >> 20, pair & 0xFFFFF
    bytes[#bytes + 1] = bytes[left] .. bytes[right]
    is_token[bytes[#bytes]] = true
    parts[#parts + 1], parts[#parts + 2] = left, right
    for i, ids in ipairs(lists) do
      lists[i] = join(ids, left, right, #bytes)
    end
  end
  local all = {}
  for _, ids in ipairs(lists) do table.move(ids, 1, #ids, #all + 1, all) end
  return parts, all
end

-- }==

local function fit(s, opts)
  return assert(text.tokenizer("bpe", opts):fit(s))
end

---Tokens of a text.
local function tokens_of(tok, s)
  local list = tok:encode(s):totable()
  for i, id in ipairs(list) do list[i] = tok:decode {id} end
  return list
end

local function random_bytes(random, n)
  local list = {}
  for i = 1, n do list[i] = string.char(random:int(0, 255)) end
  return table.concat(list)
end

local REAL = "\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467} \u{1F1E9}\u{1F1EA}" ..
  " \u{1112}\u{1161}\u{11AB}\u{AE00} \u{928}\u{92E}\u{938}\u{94D}\u{924}" ..
  "\u{947}\r\n e\u{301}t\u{E9}  don't 3.14\t\t\u{4E2D}\u{6587}\u{3002}"

describe("pieces of text", function()
  local function pieces_of(s)
    local words = core.words "pieces"
    words:feed(s)
    return words:list()
  end

  it("are words with a space, apart from digits and signs", function()
    for _, case in ipairs {
      {"the cat", {"the", " cat"}},
      {"Don't  go", {"Don", "'", "t", " ", " go"}},
      {"in 1999a, 3.5", {"in", " 1999", "a", ",", " 3", ".", "5"}},
      {"a\n\n b", {"a", "\n\n", " b"}},
      {"a\n\tb", {"a", "\n\t", "b"}},
      {"a \nb", {"a", " \n", "b"}},
      {"x  ", {"x", "  "}},
      {" \u{A0}a", {" \u{A0}", "a"}},
      {"e\u{301}t\u{E9} \u{928}\u{93F}",
       {"e\u{301}t\u{E9}", " \u{928}\u{93F}"}},
      {"\u{1F469}\u{200D}\u{1F467}!", {"\u{1F469}\u{200D}\u{1F467}!"}},
    } do
      assert.same(case[2], pieces_of(case[1]), case[1])
    end
  end)

  it("are those of a few lines of Lua", function()
    local random = new_random(1)
    for _ = 1, 500 do
      local list, is_there, want = random_chars(random, random:int(0, 25)), {},
                                   {}
      for _, piece in ipairs(split(list)) do
        if not is_there[piece] then want[#want + 1] = piece end
        is_there[piece] = true
      end
      assert.same(want, pieces_of(table.concat(list)))
    end
  end)

  it("have 128 bytes at most, whole characters", function()
    local e = "\u{E9}"
    assert.same({"a" .. e:rep(63), e:rep(64), e:rep(7)},
                pieces_of("a" .. e:rep(134)))
    assert.same({(" "):rep(128), (" "):rep(71), " a"},
                pieces_of((" "):rep(200) .. "a"))
    assert.same({(" "):rep(127), " a"}, pieces_of((" "):rep(128) .. "a"))
    assert.same({"\xFF", "a"}, pieces_of(("\xFF"):rep(1) .. "a"))
    assert.same({("\xE4\xB8"):rep(64), "\xE4\xB8"},
                pieces_of(("\xE4\xB8"):rep(65)))
  end)

  it("can be told before it is known what comes after", function()
    local random = new_random(2)
    for _ = 1, 300 do
      local s = table.concat(random_chars(random, random:int(1, 20)))
      local n = core.words_cut("pieces", s:sub(1, random:int(0, #s)))
      local words, whole = core.words "pieces", core.words "pieces"
      words:feed(s:sub(1, n))
      words:feed(s:sub(n + 1))
      whole:feed(s)
      assert.same(whole:list(), words:list())
      assert.equal(whole:seen(), words:seen())
    end
  end)
end)

describe("byte pair encoding", function()
  it("is that of a worked example", function()
    -- "es" and then "est" 9 times, "lo" and "low" 7, and of the pairs that
    -- are there 6 times the one with the smaller ids: e+w before n+e and
    -- w+est, then n+ew before ew+est
    local s = ("low\n"):rep(5) .. ("lower\n"):rep(2) .. ("newest\n"):rep(6) ..
              ("widest\n"):rep(3)
    local tok = fit(s, {vocab_size = 262})
    local learnt = table.move(tok:symbols(), 257, 262, 1, {})
    assert.same({"es", "est", "lo", "low", "ew", "new"}, learnt)
    assert.same({"new", "est", "\n", "low", "est"},
                tokens_of(tok, "newest\nlowest"))
    assert.equal("bpe : 65+73 100+74 6c+6f 102+77 65+77 6e+104", tok:spec())
  end)

  it("learns what a few lines of Lua learn", function()
    local random = new_random(3)
    for round = 1, 60 do
      local list = random_chars(random, random:int(0, 150))
      local s, size = table.concat(list), 256 + random:int(0, 60)
      local least = random:int(1, 3)
      local tok = fit(s, {vocab_size = size, min_count = least})
      local parts, ids = learn(split(list), size, least)
      assert.same(parts, tok.bpe:parts(), round)
      assert.same(ids, tok:encode(s):totable(), round)
    end
  end)

  it("joins what overlaps from the left", function()
    for n = 1, 40 do
      local s = ("a"):rep(n) .. ("aab"):rep(n % 7) .. ("ba"):rep(n % 5)
      local tok = fit(s, {min_count = 1, vocab_size = 300})
      local parts, ids = learn({s}, 300, 1)
      assert.same(parts, tok.bpe:parts(), s)
      assert.same(ids, tok:encode(s):totable(), s)
    end
  end)

  it("joins other texts in the order it learnt", function()
    local random = new_random(4)
    for _ = 1, 40 do
      local tok = fit(table.concat(random_chars(random, 200)),
                      {vocab_size = 330})
      local list, want = random_chars(random, 60), {}
      local parts = tok.bpe:parts()
      for _, piece in ipairs(split(list)) do
        local ids = bytes_of(piece)
        for i = 1, #parts, 2 do
          ids = join(ids, parts[i], parts[i + 1], 257 + i // 2)
        end
        table.move(ids, 1, #ids, #want + 1, want)
      end
      assert.same(want, tok:encode(table.concat(list)):totable())
    end
  end)

  it("keeps to an order that no learner would give", function()
    -- "ab" is joined before "bc", so the bytes of "abc" do not become it
    local tok = assert(text.tokenizer_from "bpe : 61+62 62+63 61+101")
    assert.same({257, 100}, tok:encode "abc":totable())
    assert.equal("abc", tok:decode {259})
  end)

  it("gives any bytes back", function()
    local random = new_random(5)
    local tok = fit(REAL:rep(3) .. random_bytes(random, 300))
    for n = 0, 300 do
      local s = random_bytes(random, n) .. REAL:sub(random:int(1, #REAL))
      assert.equal(s, tok:decode(tok:encode(s)))
    end
    assert.equal(REAL, tok:decode(tok:encode(REAL)))
    local plain = text.tokenizer "bpe"
    assert.same({1, 256, 33}, plain:encode "\0\xFF ":totable())
    assert.equal(0, #plain:encode "")
    assert.is_false(plain:fitted())
    assert.is_true(tok:fitted())
  end)

  it("takes a word of a megabyte", function()
    local s = ("ab"):rep(1 << 19)
    local tok = fit(s)
    assert.equal(256 + 7, #tok)    -- 2, 4, ..., 128 bytes
    assert.equal((1 << 20) // 128, #tok:encode(s))
    assert.equal(s, tok:decode(tok:encode(s)))
  end)

  it("stops at rare pairs, and at its size", function()
    assert.equal(256, #fit("abcdefg"))
    assert.equal(262, #fit("abcdefg", {min_count = 1}))
    assert.equal(258, #fit("abcdefg", {min_count = 1, vocab_size = 258}))
    assert.equal(256, #fit(("ab "):rep(9), {vocab_size = 256}))
    assert.equal(256, #fit "")
  end)

  it("shows text that is whole, whatever its tokens are", function()
    local random = new_random(6)
    local tok = fit(REAL:rep(2), {vocab_size = 290})
    local push, pieces = tok:stream(), {}
    for _, id in ipairs(tok:encode(REAL):totable()) do
      pieces[#pieces + 1] = push(id)
      assert.truthy(utf8.len(pieces[#pieces]))
    end
    assert.equal(REAL, table.concat(pieces) .. push())
    for _ = 1, 500 do assert.truthy(utf8.len(push(random:int(1, #tok)))) end
  end)

  it("lets go of rare pieces when there are many", function()
    local parts, random = {}, new_random(7)
    for i = 1, 20000 do
      parts[i] = i % 4 == 0 and " often" or " " .. random:int(1, 1 << 30)
    end
    local s = table.concat(parts)
    local words = core.words("pieces", 20000)
    words:feed(s)
    assert.truthy(#words < 1000, #words)
    assert.equal(" often", words:choose(0, 2000, 1):list()[1])
    assert.equal(#parts, words:seen())
    local specs = {}
    for round = 1, 3 do   -- of whole text, and of pieces
      local tok = text.tokenizer("bpe", {vocab_size = 262})
      tok.room = 20000
      local c <close> = assert(corpus.open(write("many.txt", s), {
        tokenizer = tok, piece = round * 997}))
      specs[round] = c.tokenizer:spec()
      assert.same({"x", " often"}, tokens_of(c.tokenizer, "x often"))
    end
    assert.equal(specs[1], specs[2])
    assert.equal(specs[1], specs[3])
  end)

  it("has a normal form", function()
    local tok = fit(("e\u{301}t\u{E9} \u{FB01}"):rep(3), {normal = "nfkc"})
    assert.equal("\u{E9}t\u{E9} fi",
                 tok:decode(tok:encode "e\u{301}t\u{E9} fi"))
    assert.truthy(tok:spec():find "^bpe nfkc : ")
    assert.truthy(tok:describe():find "NFKC")
  end)
end)

describe("the description of bpe", function()
  it("rebuilds the tokenizer", function()
    local random = new_random(8)
    for round = 1, 40 do
      local tok = fit(random_bytes(random, 200):rep(2), {
        normal = round % 3 == 0 and "nfc" or nil,
        vocab_size = 256 + random:int(0, 200)})
      local again = assert(text.tokenizer_from(tok:spec()))
      assert.equal(tok:spec(), again:spec())
      assert.same(tok:symbols(), again:symbols())
      assert.equal(tok.normal, again.normal)
      assert.falsy(tok:spec():find "[^ -~]")
    end
    assert.equal("bpe :", text.tokenizer("bpe"):spec())
    assert.equal("byte pair encoding, 256 tokens",
                 text.tokenizer("bpe"):describe())
  end)

  it("is not trusted", function()
    for _, spec in ipairs {
      "bpe", "bpe:", "bpe: ", "bpe :  61+62", "bpe : 61+62 ", "bpe : 61",
      "bpe : 61+", "bpe : 61+62+63", "bpe : 61-62", "bpe : 061+62",
      "bpe : 6A+62", "bpe : 61+100", "bpe : 100+61", "bpe : 61+62 102+61",
      "bpe : 61+62 61+101", "bpe : 61+62 61+62", "bpe : ffffffff+61",
      "bpe : 61+7fffffff", "bpe : -1+61", "bpe : 61+62 62+63 61+101 100+63",
      "bpe nfd : 61+62", "bpe nfc nfc : 61+62", "bpe nfc: 61+62", "bpe  :",
      "bpe nfc  :", "bpe : 61+62\n", "bpe : g+h", " bpe :", "BPE :",
    } do
      local tok, message, code = text.tokenizer_from(spec)
      assert.is_nil(tok, spec)
      assert.truthy(message:find "^tokenizer: ", message)
      assert.equal("EFORMAT", code)
    end
  end)

  it("cannot ask for much memory", function()
    local parts = {"61+61"}   -- each twice as long as the one before it
    for i = 0, 30 do parts[#parts + 1] = ("%x+%x"):format(256 + i, 256 + i) end
    local tok, message = text.tokenizer_from("bpe : " .. table.concat(parts,
                                                                      " "))
    assert.is_nil(tok)
    assert.equal("tokenizer: bpe: token 264 has more than 128 bytes", message)
    message = select(2, text.tokenizer_from "bpe : 61+62 62+101 61+63")
    assert.equal("tokenizer: bpe: token 258 is made of token 258, which " ..
                 "does not come before it", message)
  end)
end)

describe("a corpus of bpe", function()
  it("is what the whole text gives, however it is cut", function()
    local random = new_random(9)
    for round = 1, 60 do
      local s = table.concat(random_chars(random, random:int(1, 60))) .. "\n"
      local normal = round % 3 == 0 and random:pick {"nfc", "nfkc"} or nil
      local opts = {normal = normal, vocab_size = 280}
      local want = fit(s, opts)
      local c <close> = assert(corpus.open(write("bpe.txt", s), {
        tokenizer = text.tokenizer("bpe", opts), invalid = "bytes",
        piece = random:int(1, 9), memory = round % 2 == 0 and 0 or nil}))
      assert.equal(want:spec(), c.tokenizer:spec())
      assert.same(want:encode(s):totable(), c.tokens:totensor():totable())
    end
  end)

  it("takes the tokens of another one as they are", function()
    local tok = fit(("low lower "):rep(4))
    local path = write("other.txt", "lowest \u{4E2D}\n")
    local c <close> = assert(corpus.open(path, {tokenizer = tok}))
    assert.equal(tok:spec(), c.tokenizer:spec())
    assert.equal("lowest \u{4E2D}\n", tok:decode(c.tokens:totensor()))
    local wrong, message, code = corpus.open(path, {tokenizer = tok,
                                                    fit = "extend"})
    assert.is_nil(wrong)
    assert.truthy(message:find "cannot be extended", message)
    assert.equal("EFORMAT", code)
  end)

  it("must be valid UTF-8, unless bytes are wanted", function()
    local path = write("bad.txt", "a \xFF b")
    local c, message = corpus.open(path, {tokenizer = text.tokenizer "bpe"})
    assert.is_nil(c)
    assert.truthy(message:find "invalid UTF%-8 at byte 3", message)
    c = assert(corpus.open(path, {tokenizer = text.tokenizer "bpe",
                                  invalid = "bytes"}))
    assert.equal("a \xFF b", c.tokenizer:decode(c.tokens:totensor()))
  end)
end)

describe("bpe", function()
  it("names misuse", function()
    raises.exactly("tokenizer: 'vocab_size' must be an integer >= 256, got 255",
                   text.tokenizer, "bpe", {vocab_size = 255})
    raises.with("unknown option 'max_size'", text.tokenizer, "bpe",
                {max_size = 5})
    raises.with("unknown option 'vocab_size'", text.tokenizer, "word",
                {vocab_size = 300})
    local tok = fit "a b"
    raises.with("decode: id 257 at position 2 is not in 1..256", tok.decode,
                tok, {1, 257})
    raises.with("a string", tok.fit, tok)
    raises.with("two parts", core.bpe, {1})
    tok.bpe:close()
    tok.bpe:close()
    raises.with("closed tokenizer", tok.encode, tok, "a")
    assert.has_error(function() core.bpe_fit(core.words "pieces", 0, 1) end)
    assert.has_error(function() tok:decode(rnn.zeros {2}) end)
  end)
end)

-- {== Scripts ==

local function run(script, ...)
  local words = {sandbox.quote(sandbox.program), "scripts/" .. script}
  for _, word in ipairs {...} do words[#words + 1] = sandbox.quote(word) end
  return sandbox.shell(table.concat(words, " "))
end

local POEM = ("the rain that reads aloud to field and tree\n" ..
              "the longest letter written by the sea.\n"):rep(40)

describe("train_wordlm --tokenizer bpe", function()
  local out, data = sandbox.dir .. "/bpe", write("poem.txt", POEM)
  local function train(...)
    return run("train_wordlm.lua", "--data", data, "--out", out, "--hidden",
               "8", "--batch", "4", "--seq", "6", "--threads", "1",
               "--sample-length", "5", ...)
  end

  it("trains, goes on, samples and scores", function()
    local code, _, err = train("--tokenizer", "bpe", "--vocab-size", "290",
                               "--steps", "4")
    assert.equal(0, code, err)
    assert.truthy(err:find("tokens, 290 different", 1, true), err)
    assert.truthy(err:find("perplexity [%d.]+%) per token"), err)
    code, _, err = run("train_wordlm.lua", "--out", out, "--resume", "--steps",
                       "6", "--threads", "1")
    assert.equal(0, code, err)
    local made
    code, made, err = run("sample.lua", out .. "/best.safetensors", "--prime",
                          "the sea \u{4E2D}", "--length", "20")
    assert.equal(0, code, err)
    assert.truthy(utf8.len(made))
    code, made, err = run("score.lua", out .. "/best.safetensors", data,
                          "--json")
    assert.equal(0, code, err)
    local row = rnn.json.decode(made)
    assert.equal(#POEM, row.bytes)
    assert.equal(#POEM, row.chars)
    assert.truthy(row.tokens < #POEM)
    assert.near(row.bits_per_token * row.tokens / #POEM, row.bits_per_byte,
                1e-9)
  end)

  it("has sizes of its own", function()
    local function fails(message, ...)
      local code, _, err = train(...)
      assert.equal(2, code, err)
      assert.truthy(err:find(message, 1, true), err)
    end
    fails("--tokenizer bpe has no --max-vocab", "--tokenizer", "bpe",
          "--max-vocab", "300")
    fails("--tokenizer word has no --vocab-size", "--vocab-size", "300")
    local code, _, err = run("train_wordlm.lua", "--data", data, "--out",
      out .. "2", "--init-from", out .. "/best.safetensors", "--extend-vocab")
    assert.equal(3, code)
    assert.truthy(err:find("cannot be extended.*%-%-extend%-vocab"), err)
  end)
end)

-- }==
