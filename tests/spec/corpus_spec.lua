---rnn.corpus: text of any size as ids, next to reading and encoding it whole.
local rnn = require "rnn"
local core = require "rnn.core"
local corpus = require "rnn.corpus"
local lfs = require "lfs"
local sandbox = require "tests.sandbox"
local text = require "rnn.text"
local dir, write, quote = sandbox.dir, sandbox.write, sandbox.quote

local MARK = "\u{FEFF}"

---What a process may take whose memory is bounded; the sanitizers take more.
local LITTLE = os.getenv "VARIANT" == "asan" and 1 << 30 or 64 << 20

---A corpus, or an error.
local function open(paths, opts)
  return assert(corpus.open(paths, opts))
end

---The message and the code of a corpus that cannot be had.
local function refused(paths, opts)
  local c, message, code = corpus.open(paths, opts)
  assert.is_nil(c)
  return message, code
end

---All ids of a store.
local function ids_of(tokens)
  local t <close> = tokens:totensor()
  return t:totable()
end

local function gzip(path)
  assert(os.execute("gzip -kf -- " .. quote(path)))
  return path .. ".gz"
end

-- {== The same as the whole text at once ==

local PIECES = {
  "a", "e", " ", "\n", "\r\n", "\r", "\r\r\n", "\0", MARK, "\u{301}",
  "\u{323}", "\u{E9}", "\u{4E2D}", "\u{AC00}", "\u{11A8}", "\u{11A7}",
  "\u{9C7}", "\u{9BE}", "\u{FB01}", "\u{FDFA}", "\u{1F600}", "\u{3C9}",
}
local BROKEN = {"\xFF", "\xC3", "\xE4\xB8", "\xF0\x9F\x98", "\xED\xA0\x80",
                "\x80", "\xEF\xBB"}

local function random_text(broken)
  local parts = {math.random(3) == 1 and MARK or ""}
  for _ = 1, math.random(0, 40) do
    local list = broken and math.random(4) == 1 and BROKEN or PIECES
    parts[#parts + 1] = list[math.random(#list)]
  end
  return table.concat(parts)
end

---What corpus.open stands for, in a few lines and all at once.
local function whole(texts, o)
  local parts = {}
  for _, s in ipairs(texts) do
    if s:sub(1, 3) == MARK then s = s:sub(4) end
    if s ~= "" then
      if o.invalid == "replace" or o.invalid == "skip" then
        s = core.repair(s, o.invalid)
      end
      if o.crlf == "lf" then s = s:gsub("\r\n", "\n") end
      parts[#parts + 1] = s
    end
  end
  return table.concat(parts, o.separator)
end

local function pick(list) return list[math.random(#list)] end

describe("a corpus", function()
  it("is what the whole text gives, however it is cut", function()
    math.randomseed(11)
    local tried = 0
    for round = 1, 1000 do
      local texts, paths = {}, {}
      local o = {
        invalid = pick {"replace", "skip", "bytes"},
        crlf = pick {"keep", "lf"}, separator = pick {"\n", "", "\r", "--\n"},
        piece = math.random(1, 9), memory = pick {0, 1 << 20},
      }
      for i = 1, math.random(1, 3) do
        texts[i] = random_text(true)
        paths[i] = write("part" .. i, texts[i])
      end
      local kind = pick {"char", "byte"}
      local normal = pick {false, "nfc", "nfkc"} or nil
      local s = whole(texts, o)
      o.tokenizer = text.tokenizer(kind, {normal = normal})
      local c, message = corpus.open(paths, o)
      if s == "" then
        assert.is_nil(c)
      elseif c then
        local tok = text.tokenizer(kind, {normal = normal}):fit(s)
        assert.equal(tok:spec(), c.tokenizer:spec(), "round " .. round)
        assert.same(tok:encode(s):totable(), ids_of(c.tokens),
                    "round " .. round)
        assert.equal(#c.tokens, #tok:encode(s))
        c:close()
        tried = tried + 1
      else
        error(("round %d: %s"):format(round, message))
      end
    end
    assert.truthy(tried > 800)
  end)

  it("reads as text.read does", function()
    math.randomseed(12)
    for _ = 1, 500 do
      local s = random_text(true)
      local path = write("part1", s)
      for _, invalid in ipairs {"replace", "skip", "bytes"} do
        local o = {invalid = invalid, crlf = pick {"keep", "lf"}}
        assert.equal(whole({s}, o), text.read(path, o))
      end
    end
  end)

  it("never puts ids over a file that is not its own", function()
    local a, b = write("a.txt", ("a"):rep(3000)), write("b.txt", "b")
    local mine = write("mine", "not to be lost")
    local c = open({a, b}, {separator = ("-"):rep(3000), memory = 4096,
                            cache = mine})   -- more than was expected
    assert.equal(6001, #c.tokens)
    assert.equal("not to be lost", sandbox.read(mine))
  end)

  it("makes the folder of a file of ids", function()
    local a, b = write("a.txt", ("a"):rep(9000)), write("b.txt", "b")
    local cache = dir .. "/deep/er/cache"
    assert.equal(9002, #open({a, b}, {memory = 0, cache = cache}).tokens)
    assert.truthy(sandbox.read(cache))
  end)

  it("is not lost when a finalizer closes what is in use", function()
    for _, use in ipairs {"totensor", "slice"} do
      pcall(function()
        for _ = 1, 200 do
          local tokens = open(write("a.txt", "abc")).tokens
          setmetatable({}, {__gc = function() tokens:close() end})
          for _ = 1, 200 do tokens[use](tokens, 1) end
        end
      end)
    end
    collectgarbage()
  end)

  it("has a fingerprint of its bytes and of where files end", function()
    local a, b = write("a.txt", "one\ntwo\n"), write("b.txt", "three\n")
    local joined = write("ab.txt", "one\ntwo\nthree\n")
    local c = open({a, b}, {separator = ""})
    assert.equal(14, c.bytes)
    assert.equal("14-", c.hash:sub(1, 3))
    assert.not_equal(open(joined).hash, c.hash)
    assert.equal(core.fingerprint "one\ntwo\nthree\n", open(joined).hash)
    assert.equal(c.hash, open({a, b}, {piece = 1, crlf = "lf"}).hash)
    assert.not_equal(c.hash, open({b, a}).hash)
    assert.equal(open(a).hash, open(gzip(a)).hash)
  end)

  it("tells what people should know", function()
    local a = write("a.txt", MARK .. "one\r\ntwo\r\n\r")
    local b, none = write("b.txt", "x\xFF\xE4\xB8"), write("none.txt", "")
    assert.same({
      "joined 2 files", "passed over 1 empty file",
      "dropped 1 byte order mark",
      "2 lines end in CR LF, kept so; crlf = 'lf' makes it LF",
      "kept 1 CR without LF", "replaced 3 invalid bytes",
    }, open({a, none, b}, {invalid = "replace"}).notes)
    assert.same({"made 12,004 lines end in LF instead of CR LF"},
                open(write("c.txt", ("\r\n"):rep(12004)),
                     {crlf = "lf"}).notes)
    assert.same({}, open(write("c.txt", "plain")).notes)
    assert.same({}, open(b, {tokenizer = text.tokenizer "byte"}).notes)
  end)

  it("tells how far it is", function()
    local path, calls = write("a.txt", "caf\u{E9}"), {}
    open(path, {piece = 4, crlf = "lf", tokenizer = text.tokenizer("char", {
      normal = "nfc"}), on_progress = function(done, total, doing)
      calls[#calls + 1] = ("%s %d/%d"):format(doing, done, total)
    end})
    assert.same({"reading 4/5", "reading 5/5", "fitting 4/5", "fitting 5/5",
                 "encoding 4/5", "encoding 5/5"}, calls)
  end)
end)

-- }==

describe("the tokenizer", function()
  local a, b

  before_each(function()
    a, b = write("a.txt", "abba"), write("b.txt", "ab\u{E9}\u{301}c\n")
  end)

  it("is kept when it is fitted, and the text must suit it", function()
    local tok = text.tokenizer("char"):fit "xab"
    local c = open(a, {tokenizer = tok})
    assert.equal(tok, c.tokenizer)
    assert.same({1, 2, 2, 1}, ids_of(c.tokens))
    local message, code = refused(b, {tokenizer = tok})
    assert.equal(b .. ": characters not in the vocabulary: U+000A, 'c' " ..
                 "(U+0063), '\u{E9}' (U+00E9), U+0301; 'fit' may extend it",
                 message)
    assert.equal("EVOCAB", code)
    message, code = refused(write("c.txt", "ab\xFF"),
                            {tokenizer = tok, invalid = "bytes"})
    assert.truthy(message:find("bytes that are no UTF-8", 1, true))
    assert.equal("EVOCAB", code)
    tok:fit "ab\xFF"   -- has learnt bytes
    assert.equal(4 + 2 + 2 + 1 - 1, #open(b, {tokenizer = tok}).tokens)
  end)

  it("is extended by what is new", function()
    local tok = text.tokenizer("char"):fit "xb"
    local spec = tok:spec()
    local c = open(a, {tokenizer = tok, fit = "extend"})
    assert.equal("char bytes : 61-62 78", c.tokenizer:spec())
    assert.equal(spec, tok:spec())
    c = open(a, {tokenizer = tok, fit = "new"})
    assert.equal("char bytes : 61-62", c.tokenizer:spec())
    tok = text.tokenizer("char"):fit "x\xFF"
    assert.equal("char bytes-seen : 61-62 78",
                 open(a, {tokenizer = tok, fit = "extend"}).tokenizer:spec())
  end)

  it("needs symbols for bytes to take them", function()
    local message, code = refused(write("c.txt", "ab\xFF"), {
      invalid = "bytes",
      tokenizer = text.tokenizer("char", {byte_fallback = false})})
    assert.truthy(message:find "no symbols for bytes")
    assert.equal("EFORMAT", code)
  end)
end)

describe("a source", function()
  it("that is not there or no text is an error", function()
    local none = write("none.txt", "")
    assert.equal("/no/such.txt: No such file or directory",
                 refused "/no/such.txt")
    assert.equal("/no/such.gz: No such file or directory",
                 refused {none, "/no/such.gz"})
    assert.equal(dir .. ": Is a directory", refused(dir))
    assert.equal(none .. ": is empty", refused(none))
    assert.equal("these 2 files: is empty", refused {none, none})
    assert.equal("/dev/null: is a device, not a file", refused "/dev/null")
    assert.equal("a path has a NUL in it", refused "a\0b")
    os.execute("mkfifo " .. quote(dir .. "/fifo"))
    assert.equal(dir .. "/fifo: is a pipe; give it as standard input, -",
                 refused(dir .. "/fifo"))
    assert.equal("stdin: cannot be read twice", refused {"-", none, "-"})
    assert.equal("EIO", select(2, refused(dir)))
  end)

  it("says where it is not UTF-8", function()
    local long = ("\u{E9}\n"):rep(1000)
    for s, where in pairs {
      ["\xFF"] = "byte 1 (line 1)", [long .. "\xE4\xB8"] =
        "byte 3001 (line 1001)", [MARK .. "\n\xC3\n"] = "byte 5 (line 2)",
    } do
      local path = write("bad.txt", s)
      for _, piece in ipairs {1, 7, 1 << 20} do
        local message, code = refused(path, {piece = piece})
        assert.equal(path .. ": invalid UTF-8 at " .. where ..
                     "; set 'invalid' to replace, skip or bytes", message)
        assert.equal("EFORMAT", code)
      end
    end
  end)

  it("is unpacked by gzip", function()
    local path = write("it's a $(text).txt", ("hello world\n"):rep(5000))
    local packed = gzip(path)
    assert.equal(open(path).hash, open(packed).hash)
    assert.equal(text.read(path), text.read(packed))
    local whole_file = sandbox.read(packed)
    local cut = write("cut.gz", whole_file:sub(1, #whole_file // 2))
    assert.equal(cut .. ": is damaged, gzip says (status 1)", refused(cut))
    assert.truthy(refused(write("no.gz", "plain text")):find "is damaged")
  end)

  it("needs gzip for that", function()
    local path = gzip(write("a.txt", "abc"))
    local code, out = sandbox.shell(("PATH=/nowhere %s -e %s"):format(
      quote(sandbox.program), quote(([[require "rnn"
        print(select(2, require("rnn.corpus").open(%q)))]]):format(path))))
    assert.equal(0, code)
    assert.truthy(out:find("gzip, which unpacks it, is not installed", 1,
                           true))
  end)

  it("may be standard input, which is kept to be read again", function()
    local s = ("caf\u{E9} \r\n"):rep(30000)
    local want = open(write("a.txt", s), {crlf = "lf"})
    for _, memory in ipairs {0, 1 << 30} do
      local code, out, err = sandbox.shell(("%s -e %s"):format(
        quote(sandbox.program), quote(([[local rnn = require "rnn"
          local c = assert(require("rnn.corpus").open({"-"}, {
            crlf = "lf", memory = %d, piece = 1000}))
          print(c.hash, #c.tokens, rnn.text and tostring(c.tokens))]])
          :format(memory))), s)
      assert.equal(0, code, err)
      local place = memory == 0 and "a file" or "memory"
      assert.equal(("%s\t%d\t%d tokens in %s, 1 byte each\n"):format(
                   want.hash, #want.tokens, #want.tokens, place), out)
    end
  end)

  it("of one endless character is not kept in memory", function()
    local path = write("marks.txt", ("\u{301}"):rep(9 << 20))
    local message, code = refused(path, {
      tokenizer = text.tokenizer("char", {normal = "nfc"})})
    assert.truthy(message:find("^" .. path .. ": %d+ bytes without"))
    assert.equal("EFORMAT", code)
  end)

  it("must not change while it is read", function()
    for _, change in ipairs {"longer text than before", "abcabcabd"} do
      local path = write("a.txt", "abcabcabc")
      local message, code = refused(path, {piece = 2, on_progress =
        function(_, _, doing)
          if doing == "encoding" then
            write("new.txt", change)
            os.rename(dir .. "/new.txt", path)
          end
        end})
      assert.equal(path .. ": was changed while it was read", message)
      assert.equal("EIO", code)
    end
  end)
end)

describe("tokens", function()
  ---Stores of the same ids: in memory, in a file, in the text.
  local function stores()
    local s = ("the quick brown fox\n"):rep(2000)
    local path = write("fox.txt", MARK .. s)
    local tok = text.tokenizer("char", {byte_fallback = false}):fit(s)
    return {
      open(path, {tokenizer = tok}).tokens,
      open({path, path}, {tokenizer = tok, memory = 0,
                          separator = ""}).tokens:slice(1, 1, #s),
      open(path, {tokenizer = tok, memory = 0}).tokens,
    }, tok:encode(s)
  end

  it("are the same wherever they are", function()
    local list, ids = stores()
    local places = {"memory", "a file", "the text"}
    for i, t in ipairs(list) do
      assert.equal(("%d tokens in %s, 1 byte each"):format(#ids, places[i]),
                   tostring(t))
      assert.same(ids:totable(), ids_of(t))
      local part = t:slice(1, 101, -100):slice(1, 2)
      assert.equal(#ids - 200, #part)
      assert.same(ids:slice(1, 102, -100):totable(), ids_of(part))
      t:close()
      assert.same(ids:slice(1, 102, 102):totable(),
                  ids_of(part:slice(1, 1, 1)))
      assert.has_error(function() return #t end)
      assert.equal("closed tokens", tostring(t))
      t:close()
    end
  end)

  it("give the batches that a tensor gives", function()
    local list, ids = stores()
    local o = {steps = 7, streams = 5, rest = true, first = 3}
    for _, t in ipairs(list) do
      local batches = text.batches(t:slice(1, 11, -11), o)
      for x, y in text.batches(ids:slice(1, 11, -11), o) do
        local tx, ty = batches()
        assert.same(x:totable(), tx:totable())
        assert.same(y:totable(), ty:totable())
      end
      assert.is_nil(batches())
    end
  end)

  it("give windows at offsets", function()
    local list, ids = stores()
    list[#list + 1] = ids
    local flat, n = ids:totable(), #ids
    local starts = {n - 4, 0, 17}
    for _, t in ipairs(list) do
      local x, y = core.text_windows(t, starts, 3)
      assert.same({3, 3}, x:shape())
      for i, start in ipairs(starts) do
        for k = 1, 3 do
          assert.equal(flat[start + k], x:totable()[k][i])
          assert.equal(flat[start + k + 1], y:totable()[k][i])
        end
      end
      for _, bad in ipairs {{n - 3}, {-1}, {}, {0, math.maxinteger},
                            {math.mininteger}, {1.5}, {"x"}} do
        assert.has_error(function() core.text_windows(t, bad, 3) end)
      end
      for _, bad in ipairs {{n - 3, 3, 1, 0}, {0, 3, 2, n - 3},
                            {0, 3, 3, math.maxinteger}, {-1, 3, 1, 0},
                            {math.maxinteger, 3, 1, 0}, {0, 3, 2, -1},
                            {0, n, 1, 0}, {0, 0, 1, 0}} do
        assert.has_error(function()
          core.text_batch(t, table.unpack(bad))
        end)
      end
    end
  end)

  it("take no memory after the first window", function()
    local list = stores()
    for _, t in ipairs(list) do
      local function window()
        local x, y = core.text_batch(t, 5, 16, 8, 100)
        x:close()
        y:close()
      end
      window()
      local before = core.memory().mallocs
      for _ = 1, 100 do window() end
      assert.equal(before, core.memory().mallocs)
    end
  end)

  it("notice that their file is another one", function()
    for _, change in ipairs {"cut", "same length"} do
      local path = write("a.txt", ("abcd"):rep(100000))
      local t = open(path, {memory = 0}).tokens
      core.text_windows(t, {300000}, 9)
      if change == "cut" then
        os.execute("truncate -s 1000 " .. quote(path))
      else
        write("a.txt", ("abce"):rep(100000))
        lfs.touch(path, 1000000000)
      end
      local ok, message = pcall(core.text_windows, t, {300000}, 9)
      assert.is_false(ok)
      assert.truthy(message:find(path .. ": was changed while it was in use",
                                 1, true))
    end
  end)

  it("refuse ids that are out of range", function()
    for _, n in ipairs {1, 256, 257, 65536, 65537, 1 << 30} do
      local w = core.token_writer {vocab = n}
      assert.has_error(function() w:append(rnn.ids {1, n + 1}) end)
      w = core.token_writer {vocab = n}
      assert.has_error(function() w:append(rnn.ids {1, 0}) end)
      for _, memory in ipairs {0, 1 << 20} do
        w = core.token_writer {vocab = n, memory = memory, folder = dir}
        for _ = 1, 3000 do assert(w:append(rnn.ids {n, 1, n})) end
        local t = assert(w:finish())
        assert.equal(9000, #t)
        assert.same({n, 1, n}, ids_of(t:slice(1, -3)))
        assert.has_error(function() w:append(rnn.ids {1}) end)
      end
    end
  end)

  it("are told apart from what they are not", function()
    local list, ids = stores()
    assert.is_true(core.is_tokens(list[1]))
    assert.is_false(core.is_tokens(ids))
    assert.is_false(core.is_tokens(nil))
    for _, bad in ipairs {{2, 1, 1}, {1, 0, 1}, {1, 2, 1}, {1, 1, #ids + 1},
                          {1, -#ids - 1, 1}} do
      assert.has_error(function() list[1]:slice(table.unpack(bad)) end)
    end
  end)
end)

describe("a token file", function()
  local S = ("na\u{EF}ve \u{4E2D}\n"):rep(3000)
  local path, cache

  before_each(function()
    path, cache = write("text.txt", S), dir .. "/cache"
    os.remove(cache)
  end)

  local function from_cache(opts)
    opts = opts or {}
    opts.memory, opts.cache = 0, cache
    local c = open(path, opts)
    local ids = ids_of(c.tokens)
    assert.same(c.tokenizer:encode(text.read(path)):totable(), ids)
    return table.concat(c.notes)
  end

  it("is made once for a text and a tokenizer", function()
    assert.equal("", from_cache())
    local made = sandbox.read(cache)
    assert.equal("took the ids from " .. cache, from_cache())
    assert.equal(made, sandbox.read(cache))
    assert.equal("", from_cache {tokenizer = text.tokenizer("char", {
      normal = "nfkc"})})
    assert.equal("", from_cache())
    write("text.txt", S .. "x")
    assert.equal("", from_cache())
    for name in lfs.dir(dir) do assert.is_nil(name:find "%.tmp%.") end
  end)

  it("is made again when it is damaged", function()
    from_cache()
    local made = sandbox.read(cache)
    for _, damage in ipairs {
      made:sub(1, -2), made:sub(1, #made // 2), made:sub(1, 8), "",
      made .. "x", made:sub(1, 8) .. made:sub(10),
      made:sub(1, -20) .. "x" .. made:sub(-18),
    } do
      write("cache", damage)
      assert.equal("", from_cache())
      assert.equal(made, sandbox.read(cache))
    end
  end)

  it("may have ids nobody wrote, which do not get through", function()
    from_cache()
    local made = sandbox.read(cache)
    write("cache", made:sub(1, 1000) .. "\xFF" .. made:sub(1002))
    local c = open(path, {memory = 0, cache = cache})
    core.text_windows(c.tokens, {0}, 100)
    local ok, message = pcall(core.text_windows, c.tokens, {900}, 200)
    assert.is_false(ok)
    assert.truthy(message:find(cache .. ": is damaged: id 256 at position " ..
                               "993 is not in 1..8; remove it", 1, true))
  end)

  it("is not written over anything else", function()
    write("cache", "my only novel")
    local message, code = refused(path, {memory = 0, cache = cache})
    assert.equal(cache .. ": is no token file and is not written over",
                 message)
    assert.equal("EFORMAT", code)
    assert.equal("my only novel", sandbox.read(cache))
    for bad, why in pairs {[dir] = "is no regular file",
                           ["/dev/null/cache"] = "cannot be opened"} do
      message, code = refused(path, {memory = 0, cache = bad})
      assert.truthy(message:find(why, 1, true), message)
      assert.equal("EIO", code)
    end
  end)
end)

describe("misuse", function()
  it("is named", function()
    for want, args in pairs {
      ["takes a path or a list"] = {{}}, ["a path must be"] = {{1}},
      ["unknown option 'fits'"] = {"x", {fits = 1}},
      ["'fit' must be new"] = {"x", {fit = "old"}},
      ["'invalid' must be"] = {"x", {invalid = "no"}},
      ["'memory' must be an integer >= 0, got -1"] = {"x", {memory = -1}},
      ["'piece' must be an integer >= 1, got 0"] = {"x", {piece = 0}},
    } do
      local ok, message = pcall(corpus.open, table.unpack(args))
      assert.is_false(ok)
      assert.truthy(message:find(want, 1, true), message)
    end
  end)
end)

describe("5 GiB", function()
  it("are read at any offset, in little memory", function()
    local path, size = dir .. "/sparse.txt", 5 << 30
    assert(os.execute(("truncate -s %d %s"):format(size, quote(path))))
    local f <close> = assert(io.open(path, "r+b"))
    local places = {0, (1 << 31) - 3, (1 << 32) - 3, size - 6}
    for _, at in ipairs(places) do
      f:seek("set", at)
      f:write "abcdef"
    end
    f:close()
    local code, out, err = sandbox.shell(("%s -e %s"):format(
      quote(sandbox.program), quote(([[require "rnn"
        local core, text = require "rnn.core", require "rnn.text"
        local v = core.vocab_new({0, 97, 98, 99, 100, 101, 102}, false)
        local t = assert(core.tokens_text(%q, 0, v, 7))
        print(#t, tostring(t))
        local x, y = core.text_windows(t, {%s}, 5)
        for i = 1, 5 do print(table.concat(x:totable()[i], " ")) end
        local n = 0
        for _ in text.batches(t, {steps = 1 << 16, streams = 4,
                                  first = 20000}) do n = n + 1 end
        print(n, core.sys.rss() < %d)]]):format(path,
          table.concat(places, ", "), LITTLE))))
    assert.equal(0, code, err)
    assert.equal("5368709120\t5368709120 tokens in the text, 1 byte each\n" ..
                 "2 2 2 2\n3 3 3 3\n4 4 4 4\n5 5 5 5\n6 6 6 6\n480\ttrue\n",
                 out)
  end)

  it("are scanned in little memory", function()
    local path = dir .. "/sparse.txt"
    assert(os.execute(("truncate -s %d %s"):format(600 << 20, quote(path))))
    local code, out, err = sandbox.shell(("%s -e %s"):format(
      quote(sandbox.program), quote(([[require "rnn"
        local core, corpus = require "rnn.core", require "rnn.corpus"
        local c = assert(corpus.open(%q, {memory = 1 << 20}))
        print(c.bytes, tostring(c.tokens), core.sys.rss() < %d)
        c = assert(corpus.open({%q, %q}, {memory = 1 << 20}))
        print(c.bytes, tostring(c.tokens), core.sys.rss() < %d)]])
          :format(path, LITTLE, write("a.txt", "\u{4E2D}\n"),
                  write("b.txt", ("text\n"):rep(1000000)), LITTLE))))
    assert.equal(0, code, err)
    assert.equal(
      "629145600\t629145600 tokens in the text, 1 byte each\ttrue\n" ..
      "5000004\t5000003 tokens in a file, 1 byte each\ttrue\n", out)
  end)
end)

teardown(sandbox.remove)
