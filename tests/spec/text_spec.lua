---rnn.text: reading files, tokenizers, batches; whatever bytes there are.
local rnn = require "rnn"
local core = require "rnn.core"
local text = require "rnn.text"

local CHINESE = "\u{4E2D}\u{6587}\u{FF0C}\u{4F60}\u{597D}\u{3002}\n"

---A file with these bytes, gone after the test.
local made = {}

local function file(bytes)
  local path = os.tmpname()
  made[#made + 1] = path
  local f <close> = assert(io.open(path, "wb"))
  f:write(bytes)
  return path
end

local function all_bytes()
  local parts = {}
  for b = 0, 255 do parts[#parts + 1] = string.char(b) end
  return table.concat(parts)
end

---Random bytes, half of them from pieces of UTF-8.
local function random_bytes(n)
  local parts = {}
  for i = 1, n do
    local piece = "ae \n\xC3\xA9\xCC\x81\xE4\xB8\xAD\xF0\x9F"
    local at = math.random(#piece)
    parts[i] = math.random(2) == 1 and string.char(math.random(0, 255)) or
               piece:sub(at, at)
  end
  return table.concat(parts)
end

---The message of an error, without the place.
local function message_of(f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  return (tostring(message):gsub("^[^:]*:%d+: ", ""))
end

describe("text.read", function()
  after_each(function()
    for i, path in ipairs(made) do
      os.remove(path)
      made[i] = nil
    end
  end)

  it("gives a file as it is", function()
    for _, s in ipairs {"", "a", "a\r\nb\n", "a\0b\0", CHINESE,
                        ("x"):rep(300000)} do
      assert.equal(s, text.read(file(s)))
    end
  end)

  it("drops a byte order mark, and only at the start", function()
    local BOM = "\u{FEFF}"
    assert.equal("a" .. BOM, text.read(file(BOM .. "a" .. BOM)))
    assert.equal(BOM, text.read(file(BOM .. BOM)))
    assert.equal("\xFF", text.read(file(BOM .. "\xFF"), {invalid = "bytes"}))
    assert.equal("", text.read(file(BOM)))
  end)

  it("turns CR LF into LF when asked", function()
    assert.equal("a\nb\r\n\n", text.read(file("a\r\nb\r\r\n\n"),
                                         {crlf = "lf"}))
    assert.equal("a\r\n", text.read(file("a\r\n"), {crlf = "keep"}))
  end)

  it("says where text is not UTF-8, counted in the file", function()
    for before, where in pairs {
      [""] = "byte 1 (line 1)", ["\u{FEFF}a\r\nb"] = "byte 8 (line 2)",
      ["\0\n\n\u{E9}"] = "byte 6 (line 3)",
    } do
      local path = file(before .. "\xFF\n")
      local s, message, code = text.read(path, {crlf = "lf"})
      assert.is_nil(s)
      assert.equal(path .. ": invalid UTF-8 at " .. where .. "; set " ..
                   "'invalid' to replace, skip or bytes", message)
      assert.equal("EFORMAT", code)
    end
  end)

  it("replaces, skips or keeps what is not UTF-8", function()
    local path = file "a\xE4\xB8b\xFF\xFEc\xED\xA0\x80\xC3"
    local R = "\u{FFFD}"
    assert.equal("a" .. R .. "b" .. R .. R .. "c" .. R .. R .. R .. R,
                 text.read(path, {invalid = "replace"}))
    assert.equal("abc", text.read(path, {invalid = "skip"}))
    assert.equal("a\xE4\xB8b\xFF\xFEc\xED\xA0\x80\xC3",
                 text.read(path, {invalid = "bytes"}))
  end)

  it("gives the system's reason for what it cannot read", function()
    local s, message, code = text.read "/no/such/file.txt"
    assert.is_nil(s)
    assert.equal("/no/such/file.txt: No such file or directory", message)
    assert.equal("EIO", code)
    s, message, code = text.read "/"
    assert.is_nil(s)
    assert.equal("/: Is a directory", message)
    assert.equal("EIO", code)
  end)

  it("refuses options it does not know", function()
    assert.equal("read: 'invalid' must be error, replace, skip or bytes, " ..
                 "got 'no'", message_of(text.read, "x", {invalid = "no"}))
    assert.equal("read: 'crlf' must be keep or lf, got 'cr'",
                 message_of(text.read, "x", {crlf = "cr"}))
    assert.equal("read: unknown option 'bom' (it has: crlf, invalid)",
                 message_of(text.read, "x", {bom = true}))
  end)
end)

describe("UTF-8", function()
  it("is checked strictly", function()
    for s, bad in pairs {
      ["\xC0\x80"] = 1, ["\xC1\xBF"] = 1, ["a\xE0\x9F\xBF"] = 2,
      ["\xF0\x8F\xBF\xBF"] = 1, ["\xED\xA0\x80"] = 1, ["\xED\xBF\xBF"] = 1,
      ["\xF4\x90\x80\x80"] = 1, ["\xF5\x80\x80\x80"] = 1, ["\xFF"] = 1,
      ["ab\x80"] = 3, ["ab\xC3"] = 3, ["ab\xE4\xB8"] = 3,
      ["\xF0\x9F\x98"] = 1,
    } do
      assert.equal(bad, (core.utf8_check(s)))
    end
    for _, s in ipairs {"", "\0", "\u{7F}\u{80}\u{7FF}\u{800}", "\u{D7FF}",
                        "\u{E000}\u{FFFD}\u{FFFF}", "\u{10000}\u{10FFFF}"} do
      assert.is_nil(core.utf8_check(s))
    end
  end)

  it("agrees with Lua's own check on random bytes", function()
    math.randomseed(1)
    for _ = 1, 2000 do
      local s = random_bytes(math.random(0, 20))
      local _, bad = utf8.len(s)
      assert.equal(bad, (core.utf8_check(s)))
      assert.truthy(utf8.len(core.repair(s, "replace")))
      assert.truthy(utf8.len(core.repair(s, "skip")))
    end
  end)

  it("has a width in columns", function()
    for s, width in pairs {
      [""] = 0, abc = 3, ["\u{E9}e\u{301}"] = 2, ["\u{4E2D}a\u{FF21}"] = 5,
      ["\xFF\xE4\xB8"] = 3, ["\u{1F600}"] = 2,
    } do
      assert.equal(width, core.utf8_width(s), ("%q"):format(s))
    end
  end)

  it("is normalised; other bytes stay", function()
    assert.equal("\u{E9}", core.normalise("e\u{301}", "nfc"))
    assert.equal("\u{FB01}", core.normalise("\u{FB01}", "nfc"))
    assert.equal("fi A", core.normalise("\u{FB01}\u{A0}\u{FF21}", "nfkc"))
    assert.equal("strasse \u{E9}\u{3C3}[\u{65E5} abc z",
      core.normalise("Stra\u{DF}e E\u{301}\u{3A3}[\u{65E5} ABC Z", "fold"))
    assert.equal("\xFF\u{E9}\x80\0", core.normalise("\xFFe\u{301}\x80\0",
                                                    "nfc"))
    assert.equal(CHINESE, core.normalise(CHINESE, "nfc"))
  end)
end)

local TEXTS = {"", "a", "hello world\n", "a\0b", "a\r\nb", CHINESE, "e\u{301}",
               "\u{FEFF}x", "\xFF\xC3", all_bytes(), "\u{1F600}\u{10FFFF}"}

describe("tokenizer", function()
  it("gives ids in the order of code points, bytes after them", function()
    local tok = text.tokenizer("char"):fit "ba\u{E9}a"
    assert.equal(3 + 256, #tok)
    assert.same({2, 1, 3, 1}, tok:encode("ba\u{E9}a"):totable())
    assert.same({3 + 0xC3 + 1, 3 + 0xA8 + 1},
                tok:encode("\u{E8}"):totable())
    assert.equal("int32", tok:encode("a").dtype)
    assert.same({0}, tok:encode(""):shape())
    tok = text.tokenizer("byte"):fit "anything"
    assert.equal(256, #tok)
    assert.same({98, 196, 170}, tok:encode("a\u{E9}"):totable())
  end)

  it("decodes to the same bytes, whatever it was fitted on", function()
    math.randomseed(2)
    local texts = {table.unpack(TEXTS)}
    for _ = 1, 100 do texts[#texts + 1] = random_bytes(math.random(0, 60)) end
    for _, kind in ipairs {"char", "byte"} do
      for i, s in ipairs(texts) do
        local tok = text.tokenizer(kind):fit(texts[i % 7 + 1])
        local ids = assert(tok:encode(s))
        assert.equal(s, tok:decode(ids))
        assert.equal(s, tok:decode(ids:totable()))
      end
    end
  end)

  it("names characters that are not in its vocabulary", function()
    local tok = text.tokenizer("char", {byte_fallback = false}):fit "ab"
    assert.equal(2, #tok)
    local ids, message, code = tok:encode "ab\u{E9}\u{301}\n\u{E9}\xFF"
    assert.is_nil(ids)
    assert.equal("characters not in the vocabulary: '\u{E9}' (U+00E9) at " ..
                 "byte 3, U+0301 at byte 5, U+000A at byte 7, byte 0xFF at " ..
                 "byte 10", message)
    assert.equal("EFORMAT", code)
    ids, message = tok:encode "cdefghijklm"
    assert.is_nil(ids)
    assert.truthy(message:find("'l' (U+006C) at byte 10, ...", 1, true))
  end)

  it("fits bytes that are no UTF-8 only if it has symbols for them", function()
    local tok, message, code =
      text.tokenizer("char", {byte_fallback = false}):fit "a\nb\xFF"
    assert.is_nil(tok)
    assert.equal("invalid UTF-8 at byte 4 (line 2)", message)
    assert.equal("EFORMAT", code)
  end)

  it("knows which ids it has seen", function()
    assert.equal(2, text.tokenizer("char"):fit("ab"):usable())
    assert.equal(2 + 256, text.tokenizer("char"):fit("ab\xFF"):usable())
    assert.equal(2, text.tokenizer("char", {byte_fallback = false})
                    :fit("ab"):usable())
    assert.equal(256, text.tokenizer("byte"):fit("ab"):usable())
  end)

  it("applies its normal form", function()
    local tok = text.tokenizer("char", {normal = "nfc"}):fit "e\u{301}\xFF"
    assert.equal(1, tok:usable() - 256)
    assert.equal("\u{E9}", tok:decode(tok:encode "e\u{301}"))
    assert.equal("\u{E9}\x80", tok:decode(tok:encode "e\u{301}\x80"))
    tok = text.tokenizer("byte", {normal = "nfkc"}):fit ""
    assert.equal("fi", tok:decode(tok:encode "\u{FB01}"))
  end)

  it("describes itself for people", function()
    assert.equal("characters, 2 symbols and 256 bytes for others",
                 text.tokenizer("char"):fit("ab"):describe())
    assert.equal("characters, 2 symbols, NFKC",
                 text.tokenizer("char", {byte_fallback = false,
                                         normal = "nfkc"})
                   :fit("ab"):describe())
    assert.equal("bytes, 256 symbols", text.tokenizer("byte"):describe())
  end)

  it("refuses misuse", function()
    local known = "(char, byte, grapheme, word, bpe, dict)"
    assert.equal("unknown tokenizer 'morph' " .. known,
                 message_of(text.tokenizer, "morph"))
    assert.equal("unknown tokenizer 'nil' " .. known,
                 message_of(text.tokenizer))
    assert.equal("tokenizer: 'normal' must be nfc or nfkc, got 'nfd'",
                 message_of(text.tokenizer, "char", {normal = "nfd"}))
    assert.equal("tokenizer: unknown option 'byte_fallback' (it has: normal)",
                 message_of(text.tokenizer, "byte", {byte_fallback = false}))
    local tok = text.tokenizer("char"):fit "ab"
    assert.equal("fit: takes a string, got nil", message_of(tok.fit, tok))
    assert.equal("decode: id 259 at position 2 is not in 1..258",
                 message_of(tok.decode, tok, {1, 259}))
    for _, bad in ipairs {{0}, {-5}, {1.5}, {"1"}, {1 << 40},
                          {math.mininteger}} do
      assert.has_error(function() tok:decode(bad) end)
    end
    assert.has_error(function() tok:decode(rnn.zeros {2}) end)
    assert.has_error(function() tok:encode(nil) end)
  end)
end)

describe("tokenizer:stream", function()
  it("gives text as soon as it is complete", function()
    local push = text.tokenizer("byte"):stream()
    local got = {}
    for _, b in ipairs {0x61, 0xE4, 0xB8, 0xAD, 0xFF, 0xC3, 0x62, 0xC3} do
      got[#got + 1] = push(b + 1)
    end
    assert.same({"a", "", "", "\u{4E2D}", "\u{FFFD}", "", "\u{FFFD}b", ""},
                got)
    assert.equal("\u{FFFD}", push())
    assert.equal("", push(nil))
  end)

  it("gives in pieces what repair gives at once", function()
    math.randomseed(3)
    for _ = 1, 200 do
      local s = random_bytes(30)
      local tok = text.tokenizer("char"):fit(s:sub(1, 15))
      local push, parts = tok:stream(), {}
      for _, id in ipairs(tok:encode(s):totable()) do
        parts[#parts + 1] = push(id)
        assert.truthy(utf8.len(parts[#parts]))
      end
      parts[#parts + 1] = push()
      assert.equal(core.repair(s, "replace"), table.concat(parts))
    end
  end)
end)

describe("tokenizer:spec", function()
  it("is stable, and known", function()
    assert.equal("char nfc bytes : a 61-63 4e2d",
                 text.tokenizer("char", {normal = "nfc"})
                   :fit("abc\n\u{4E2D}"):spec())
    assert.equal("char bytes-seen : 61",
                 text.tokenizer("char"):fit("a\xFF"):spec())
    assert.equal("char :", text.tokenizer("char", {byte_fallback = false})
                           :fit(""):spec())
    assert.equal("byte nfkc",
                 text.tokenizer("byte", {normal = "nfkc"}):spec())
  end)

  it("rebuilds the tokenizer", function()
    for _, kind in ipairs {"char", "byte"} do
      for _, normal in ipairs {"none", "nfc", "nfkc"} do
        for _, s in ipairs(TEXTS) do
          local tok = text.tokenizer(kind, {
            normal = normal ~= "none" and normal or nil}):fit(s)
          local again = assert(text.tokenizer_from(tok:spec()))
          assert.equal(tok:spec(), again:spec())
          assert.equal(#tok, #again)
          assert.equal(tok:usable(), again:usable())
          assert.equal(tok.kind, again.kind)
          assert.same(tok:encode(s .. "x\u{301}"):totable(),
                      again:encode(s .. "x\u{301}"):totable())
        end
      end
    end
  end)

  it("is not trusted", function()
    for _, bad in ipairs {
      "", "char", "word", "char bytes", "char  :", "char : ", "char:61",
      "byte ", "byte nfd", "byte bytes", "byte nfc ", "char nfd : 61",
      "char nfc nfkc : 61", "char bytes bytes : 61", "char bytes nfc : 61",
      "char bytes bytes-seen : 61", "char : 62 61", "char : 61 61",
      "char : 61-62 62", "char : 61 62", "char : 62-61", "char : 61-61",
      "char : 061", "char : 4E", "char : d800", "char : d7ff-e000",
      "char : 110000", "char : 0-110000", "char : ffffffffffffffffffff",
      "char : -1", "char : 61-", "char : 61 x", "char : 61\n", "char : 61 ",
      "char\0 : 61", "char : 61\0", "char : 0x61", "char : 1e5 1.5",
      "char : " .. ("0-d7ff "):rep(1000), ("char "):rep(1e5) .. ":",
    } do
      local tok, message, code = text.tokenizer_from(bad)
      assert.is_nil(tok, bad)
      assert.equal("tokenizer: ", message:sub(1, 11))
      assert.truthy(#message < 200)
      assert.equal("EFORMAT", code)
    end
    assert.equal(0x110000 - 0x800,
                 #text.tokenizer_from "char : 0-d7ff e000-10ffff")
  end)
end)

describe("text.batches", function()
  local function collect(ids, opts)
    local list = {}
    for x, y in text.batches(ids, opts) do
      list[#list + 1] = {x:totable(), y:totable()}
    end
    return list
  end

  it("lays streams side by side, each going on in the next batch", function()
    local ids = rnn.ids {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
    -- two streams of (15 - 1) // 2 = 7 steps
    local list = collect(ids, {steps = 3, streams = 2})
    assert.same({
      {{{1, 8}, {2, 9}, {3, 10}}, {{2, 9}, {3, 10}, {4, 11}}},
      {{{4, 11}, {5, 12}, {6, 13}}, {{5, 12}, {6, 13}, {7, 14}}},
    }, list)
    assert.equal(2, text.count_batches(15, 3, 2))
    local rest = collect(ids, {steps = 3, streams = 2, rest = true})
    assert.same({{{7, 14}}, {{8, 15}}}, rest[3])
    assert.equal(3, #rest)
    assert.same({list[2]}, collect(ids, {steps = 3, streams = 2, first = 2}))
    assert.same({}, collect(ids, {steps = 3, streams = 2, first = 3}))
    assert.same({rest[3]}, collect(ids, {steps = 3, streams = 2, first = 3,
                                         rest = true}))
  end)

  it("uses every id it can, and none twice as an input", function()
    for M = 2, 40 do
      local ids = rnn.arange(M, "int32")
      for T = 1, 4 do
        for N = 1, 4 do
          if M >= T * N + 1 then
            local list = collect(ids, {steps = T, streams = N})
            assert.equal(text.count_batches(M, T, N), #list)
            assert.truthy(#list >= 1)
            local seen = {}
            for _, b in ipairs(list) do
              for t = 1, T do
                for n = 1, N do
                  local id = b[1][t][n]
                  assert.is_nil(seen[id])
                  seen[id] = true
                  assert.equal(id + 1, b[2][t][n])
                end
              end
            end
          else
            assert.equal(0, text.count_batches(M, T, N))
          end
        end
      end
    end
    assert.equal(0, text.count_batches(0, 1, 1))
  end)

  it("says what is wrong", function()
    local ids = rnn.arange(12, "int32")
    local function message(opts, what)
      return message_of(text.batches, what or ids, opts)
    end
    assert.equal("corpus has 12 tokens, need at least streams*steps+1 = " ..
                 "1601; use fewer streams or steps",
                 message {steps = 50, streams = 32})
    assert.equal("corpus has 1 token, need at least streams+1 = 3; use " ..
                 "fewer streams or steps",
                 message({steps = 5, streams = 2, rest = true}, rnn.ids {1}))
    assert.equal("batches: 'steps' must be an integer >= 1, got nil",
                 message {streams = 1})
    assert.equal("batches: 'streams' must be an integer >= 1, got 0",
                 message {steps = 1, streams = 0})
    assert.equal("batches: 'first' must be an integer >= 1, got 1.5",
                 message {steps = 1, streams = 1, first = 1.5})
    assert.equal("batches: unknown option 'stream' (it has: first, rest, " ..
                 "steps, streams)", message {steps = 1, stream = 1})
    for _, bad in ipairs {{1, 2, 3}, rnn.zeros {12},
                          rnn.ids {{1, 2}, {3, 4}}} do
      assert.equal("batches: 'ids' must be int32 with one axis, as " ..
                   "tok:encode gives, or a token store",
                   message({steps = 1, streams = 1}, bad))
    end
    assert.has_error(function()
      text.batches(ids, {steps = 1 << 40, streams = 1 << 40})
    end)
  end)
end)

describe("memory refused", function()
  ---Refuses the k-th request, k = 1, 2, ... until the work gets through.
  local function exhaust(forever, work)
    local expected, refused = work(), 0
    for k = 1, 1000 do
      collectgarbage()
      core.fail_alloc(k, forever)
      local ok, got = pcall(work)
      core.fail_alloc(0)
      if ok then
        assert.equal(expected, got)
        return refused
      end
      refused = refused + 1
      assert.truthy(got:find "not enough memory")
      assert.equal(expected, work())
    end
    error "never got through"
  end

  it("raises, once or from then on, and the state goes on", function()
    for _, forever in ipairs {false, true} do
      local refused = exhaust(forever, function()
        local tok = text.tokenizer("char", {normal = "nfc"})
                      :fit "e\u{301}\xFFab"
        local ids = tok:encode "e\u{301}abbaab\xFF"
        for x in text.batches(ids, {steps = 2, streams = 2}) do x:close() end
        return core.repair(tok:decode(ids), "replace")
      end)
      assert.truthy(refused >= 8)
      local words = {}
      for i = 1, 600 do words[i] = ("word%d\n"):format(i) end
      words = table.concat(words)
      refused = exhaust(forever, function()
        local tok = text.tokenizer("word"):fit(words)
        return text.tokenizer_from(tok:spec()):decode(tok:encode(words))
      end)
      assert.truthy(refused >= 15, refused)
    end
  end)
end)
