-- Word vectors: every format by known bytes, what is refused and how, rows in
-- an embedding, neighbours against brute force.

local rnn = require "rnn"
local array = require "tests.array"
local core = require "rnn.core"
local lfs = require "lfs"
local new_random = require "tests.random"
local raises = require "tests.raises"
local sandbox = require "tests.sandbox"

local vectors = rnn.vectors
local write = sandbox.write

teardown(sandbox.remove)

---Loads a file of these bytes.
local function load(bytes, opts)
  return vectors.load(write("v", bytes), opts)
end

---The same without a file, in pieces of so many bytes.
local function read(bytes, format, size)
  local reader <close> = core.vector_reader(format)
  local words, index = {}, {}
  for at = 1, #bytes + size, size do
    reader:feed(at <= #bytes and bytes:sub(at, at + size - 1) or nil)
    local seen, wrong, code = reader:next(words, index, nil, 1000)
    if not seen then return nil, wrong, code end
  end
  return vectors.new(words, reader:finish())
end

---What a load gave as one string: words and numbers, or the message.
local function text_of(v, wrong)
  if not v then return (wrong:gsub("^.*/v: ", "")) end
  local parts = {}
  for i, word in ipairs(v.words) do
    parts[i] = word .. "=" .. table.concat(v.weight[i]:totable(), ",")
  end
  return table.concat(parts, ";")
end

local function binary(header, list, newline)
  local parts = {header}
  for i = 1, #list, 2 do
    parts[#parts + 1] = list[i] .. " "
    for _, x in ipairs(list[i + 1]) do
      parts[#parts + 1] = string.pack("<f", x)
    end
    parts[#parts + 1] = newline
  end
  return table.concat(parts)
end

local TWO = {"a", {1, -0.5, 0.25}, "b\u{E9}", {0, 2, 3}}
local WANT = "a=1.0,-0.5,0.25;b\u{E9}=0.0,2.0,3.0"

local WORD2VEC = "2 3\na 1 -0.5 0.25\nb\u{E9} 0 2 3\n"
local GLOVE = "a 1 -0.5 0.25\nb\u{E9} 0 2 3\n"
local BINARY = binary("2 3\n", TWO, "\n")

local GOOD = {
  {"word2vec", WORD2VEC},
  {"word2vec", "2 3 \na 1 -0.5 0.25 \nb\u{E9} 0 2 3 \n"},     -- fastText
  {"word2vec", "2 3\r\na 1 -0.5 0.25\r\nb\u{E9} 0 2 3\r\n"},
  {"word2vec", "\u{FEFF}2 3\na 1 -0.5 0.25\nb\u{E9} 0 2 3"},
  {"word2vec", "2\t3\na\t1\t-5e-1\t.25\nb\u{E9}  0 +2.\t3E0\n\n"},
  {"glove", GLOVE}, {"glove", "\u{FEFF}" .. GLOVE:sub(1, -2)},
  {"glove", (GLOVE:gsub("\n", "\r\n"))}, {"glove", "\n" .. GLOVE .. "\n\n"},
  {"binary", BINARY}, {"binary", binary("2 3\n", TWO, "")},
  {"binary", binary("2 3\r\n", TWO, "\n"):sub(1, -2)},
}

describe("a file of word vectors", function()
  it("is read in each format, named or told by its beginning", function()
    for i, row in ipairs(GOOD) do
      local format, bytes = table.unpack(row)
      if i ~= 9 then   -- without a first line an empty one begins no file
        assert.equal(WANT, text_of(load(bytes, {format = format})), i)
        assert.equal(WANT, text_of(load(bytes)), i)
      end
    end
  end)

  it("is the same however it is cut", function()
    for i, row in ipairs(GOOD) do
      if i ~= 9 then
        for size = 1, 20 do
          assert.equal(WANT, text_of(read(row[2], "auto", size)),
                       i .. " by " .. size)
        end
      end
    end
  end)

  it("may have words with spaces, and numbers for words", function()
    local v = assert(load("at name@domain.com 1 2\n. . . 3 4\n7 5 6\n"))
    assert.equal("at name@domain.com=1.0,2.0;. . .=3.0,4.0;7=5.0,6.0",
                 text_of(v))
    assert.equal("a b=1.0;c=2.0", text_of(load "2 1\na b 1\nc 2\n"))
  end)

  it("keeps the bytes of words as they are", function()
    assert.equal("\xFF\xFE=1.0;x\0y=2.0;\u{A0}=3.0", text_of(
      load("3 1\n\xFF\xFE 1\nx\0y 2\n\u{A0} 3\n", {format = "word2vec"})))
  end)

  it("has the first vector of a word that comes again", function()
    for _, bytes in ipairs {"3 1\na 1\nb 2\na 3\n",
                            binary("3 1\n", {"a", {1}, "b", {2}, "a", {3}},
                                   "")} do
      local v = assert(load(bytes))
      assert.equal("a=1.0;b=2.0", text_of(v))
      assert.equal(1, v.repeated)
    end
  end)

  it("is read for some words only, or its first ones", function()
    for _, bytes in ipairs {WORD2VEC, GLOVE, BINARY} do
      assert.equal("a=1.0,-0.5,0.25", text_of(load(bytes, {limit = 1})))
      for _, words in ipairs {{"b\u{E9}", "c", "c"}, {["b\u{E9}"] = true}} do
        assert.equal("b\u{E9}=0.0,2.0,3.0",
                     text_of(load(bytes, {words = words})))
      end
      local none = assert(load(bytes, {words = {"c"}}))
      assert.same({0, 3}, none.weight:shape())
      assert.equal(0, #none)
      assert.equal(2, #assert(load(bytes, {limit = 99})))
    end
    -- what comes after the words that are wanted is not looked at
    assert.equal("a=1.0", text_of(load("2 1\na 1\nb x\n", {words = {"a"}})))
    assert.equal("a=1.0", text_of(load("2 1\na 1\nb x\n", {limit = 1})))
  end)

  it("is read from gzip, and says when that is damaged", function()
    local path = write("v.txt", WORD2VEC)
    assert.equal(0, sandbox.shell("gzip -f " .. path))
    assert.equal(WANT, text_of(vectors.load(path .. ".gz")))
    write("w.gz", "no gzip")
    local v, wrong, code = vectors.load(sandbox.dir .. "/w.gz")
    assert.is_nil(v)
    assert.truthy(wrong:find "w.gz: is damaged, gzip says")
    assert.equal("EIO", code)
  end)

  it("may hold no words when it says so", function()
    local v = assert(load "0 5\n")
    assert.same({0, 5}, v.weight:shape())
    assert.same({}, v:nearest(rnn.zeros {5}))
  end)

  it("has the dtype that is wanted", function()
    local bytes = "1 2\na 0.1 1e300\n"
    assert.equal("line 2: '1e300' is too large for float32",
                 text_of(load(bytes)))
    local v = assert(load(bytes, {dtype = "float64"}))
    assert.equal("float64", v.weight.dtype)
    assert.same({0.1, 1e300}, v.weight[1]:totable())
  end)
end)

describe("numbers", function()
  ---A decimal number, of any length and size.
  local function decimal(rand)
    local function digits(n)
      local list = {}
      for i = 1, n do list[i] = rand:int(0, 9) end
      return table.concat(list)
    end
    local s = rand:pick {"", "-", "+"} .. digits(rand:int(1, 8))
    if rand:chance(0.8) then s = s .. "." .. digits(rand:int(0, 25)) end
    if rand:chance(0.3) then
      s = s .. rand:pick {"e", "E"} .. rand:pick {"", "-", "+"} ..
          rand:int(0, rand:pick {5, 30, 280})
    end
    return s
  end

  it("are the doubles nearest to them", function()
    local rand, list = new_random(1), {}
    for i = 1, 3000 do list[i] = decimal(rand) end
    for _, s in ipairs {"0." .. ("0"):rep(400) .. "1e401", "1e-400", "-0",
                        "9007199254740993", "123456789012345678901234567890",
                        "1" .. ("0"):rep(120000) .. "e-120000",
                        "0." .. ("0"):rep(150000) .. "1e100010"} do
      list[#list + 1] = s
    end
    local v = assert(load("w " .. table.concat(list, " ") .. "\n",
                          {dtype = "float64"}))
    local got = v.weight[1]:totable()
    for i, s in ipairs(list) do
      -- Lua does not read "+1"
      assert.equal(tonumber((s:gsub("^%+", ""))) + 0.0, got[i], s)
    end
  end)

  it("are what they look like: decimal, whole, finite", function()
    for _, s in ipairs {"nan", "inf", "-inf", "0x1p3", "1e", "1e+", ".", "-",
                        "+-1", "1.2.3", "1,5", "1e400", "--1", "1_0",
                        "1\0", "1\r1", "\u{FF11}"} do
      for _, at in ipairs {"a %s 1\n", "a 1 %s\n", "a 1 1\nb %s 1\n",
                           "a 1 1\nb 1 %s\n"} do
        local v, wrong, code = load("2 2\n" .. at:format(s) .. "c 1 1\n",
                                    {format = "word2vec"})
        assert.is_nil(v, s)
        assert.equal("EFORMAT", code)
        assert.truthy(wrong:find "/v: line [23]: ", wrong)
      end
    end
  end)

  it("have a point, whatever the locale", function()
    local old = sandbox.dir .. "/locales"
    assert(lfs.mkdir(old))
    local code = sandbox.shell(("localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8")
                               :format(old))
    if code ~= 0 then return pending "no locale can be made here" end
    local path = write("program.lua", ([[
      local rnn = require "rnn"
      assert(os.setlocale "de_DE.UTF-8")
      assert(("%%.1f"):format(0.5) == "0,5")
      local v = assert(rnn.vectors.load(%q, {dtype = "float64"}))
      print(v.weight[1][1]:item() == 1 / 4, v.weight[1][2]:item() == 1 / 3)
      assert(v:save(%q))
      assert(("%%.1f"):format(0.5) == "0,5")
    ]]):format(write("v", "a 0.25 0.333333333333333333333333\n"),
               sandbox.dir .. "/out"))
    local status, out, err = sandbox.shell(("LOCPATH=%s %s %s"):format(
      old, sandbox.program, path))
    assert.equal(0, status, err)
    assert.equal("true\ttrue\n", out)
    assert.equal("1 2\na 0.25 0.33333333333333331\n",
                 sandbox.read(sandbox.dir .. "/out"))
  end)
end)

describe("a file that is not as it should be", function()
  local long = ("x"):rep(5000)

  for _, row in ipairs {
    {"", "is empty"},
    {"\u{FEFF}", "line 1: expected a word and its numbers, got ''"},
    {"hello\n", "line 1: expected a word and its numbers, got 'hello'"},
    {"a b c\n", "line 1: expected a word and its numbers, got 'a b c'"},
    {"a 1 2\nb 1\n", "line 2: expected a word and 2 numbers, got 1 number"},
    {"a 1 2\nb 1 2 3\n",
     "line 2: expected a word and 2 numbers, got 3 numbers"},
    {"a 1 2\n\n 1 2\n", "line 3: expected a word and 2 numbers, got 2 numbers"},
    {"a 1 2\nb x 2\n",
     "line 2: 'x' is not a number; expected a word and 2 of them"},
    {"a 1 2\n" .. long .. " 1 2\n",
     "line 2: its word is longer than 4096 bytes"},
    {"3 2\na 1 2\nb 1 2\n",
     "is truncated: it ends after 2 of the 3 words that its first line says"},
    {"1 2\na 1 2\nb 1 2\n",
     "goes on after the 1 words that its first line says"},
    {"2 0\na\nb\n",
     "line 1: vectors must have 1 to 65536 dimensions, got 0"},
    {"2 99999999999\na 1\n",
     "line 1: vectors must have 1 to 65536 dimensions, got 99999999999"},
    {"2 2\na 1\nb 1 2\n",
     "line 2: expected a word and 2 numbers, got 1 number"},
    {"a 1\n", "line 1: expected the number of words and of dimensions, " ..
     "got 'a 1'", "word2vec"},
    {"a 1\n", "line 1: expected the number of words and of dimensions, " ..
     "got 'a 1'", "binary"},
    {"12345678901234567890 3\n", "line 1: expected the number of words and " ..
     "of dimensions, got '12345678901234567890 3'", "word2vec"},
    {BINARY:sub(1, -3), "word 2 of 2: is truncated"},
    {BINARY:sub(1, 5), "word 1 of 2: is truncated", "binary"},
    {BINARY .. "more ", "word 3 of 2: is truncated"},
    {BINARY .. BINARY:sub(5),
     "goes on after the 2 words that its first line says"},
    {binary("1 1\n", {"", {1}}, ""), "word 1 of 1: is empty", "binary"},
    {binary("1 1\n", {"a", {0 / 0}}, ""),
     "word 1 of 1: has a number that is not finite"},
    {binary("1 1\n", {"a", {1 / 0}}, ""),
     "word 1 of 1: has a number that is not finite"},
    {binary("1 1\n", {long, {1}}, ""),
     "word 1 of 1: is too long; is this the binary format?", "binary"},
    {WORD2VEC .. "\xFF\xFE",
     "goes on after the 2 words that its first line says"},
  } do
    it(("says so: %s"):format(row[2]), function()
      local v, wrong, code = load(row[1], {format = row[3]})
      assert.equal(row[2], text_of(v, wrong))
      assert.equal("EFORMAT", code)
    end)
  end

  it("costs no more memory than its bytes", function()
    core.trim()
    local before = rnn.memory().peak
    for _, bytes in ipairs {
      "2000000000 65536\na 1\n", "2000000000 65536\na " .. ("\0"):rep(100),
      ("x"):rep(3000000), "9 9\n" .. ("x"):rep(3000000),
      "9 65536\n" .. ("\1"):rep(3000000)} do
      local v, _, code = load(bytes)
      assert.is_nil(v)
      assert.equal("EFORMAT", code)
    end
    collectgarbage()
    assert.is_true(rnn.memory().peak - before < 4 * 3000000)
  end)

  it("has a line that has no end", function()
    local path = sandbox.dir .. "/long"
    local file = assert(io.open(path, "wb"))
    file:write "a"
    for _ = 1, 5 do file:write((" 1"):rep(1 << 19)) end
    file:close()
    local v, wrong = vectors.load(path)
    assert.is_nil(v)
    assert.truthy(wrong:find "line 1 is longer than 4198400 bytes", 1, true)
  end)

  it("is no file", function()
    for _, path in ipairs {sandbox.dir, sandbox.dir .. "/none", "a\0b"} do
      local v, wrong, code = vectors.load(path)
      assert.is_nil(v)
      assert.equal("string", type(wrong))
      assert.equal("EIO", code)
    end
  end)
end)

describe("any bytes", function()
  ---Reads them; what comes is sound, whatever it is.
  local function try(bytes, format, size)
    local v, wrong, code = read(bytes, format, size or 1000)
    if not v then
      assert.equal("EFORMAT", code)
      assert.is_truthy(utf8.len(wrong), "the message is no UTF-8")
      return nil
    end
    local shape = v.weight:shape()
    assert.equal(#v.words, shape[1])
    assert.is_true(core.finite(v.weight))
    for i, word in ipairs(v.words) do assert.equal(i, v:index(word)) end
    return v
  end

  it("cut short anywhere: words that are lost are missed", function()
    for format, bytes in pairs {word2vec = WORD2VEC, glove = GLOVE,
                                binary = BINARY} do
      for n = 0, #bytes do
        for _, how in ipairs {"auto", format} do
          local v = try(bytes:sub(1, n), how)
          local whole = n >= #bytes - 1
          if whole then assert.equal(2, #v) end
          if format == "binary" and not whole then assert.is_nil(v) end
          if format == "word2vec" and n < #bytes - 2 then assert.is_nil(v) end
        end
      end
    end
  end)

  it("with any byte changed", function()
    local rand = new_random(9)
    for format, bytes in pairs {word2vec = WORD2VEC, glove = GLOVE,
                                binary = BINARY} do
      for at = 1, #bytes do
        for _ = 1, 12 do
          local new = string.char(rand:pick {rand:int(0, 255), 0, 10, 32, 49})
          local changed = bytes:sub(1, at - 1) .. new .. bytes:sub(at + 1)
          try(changed, "auto", rand:int(1, 9))
          try(changed, format)
        end
      end
    end
  end)

  it("at random", function()
    local rand = new_random(4)
    local PIECE = {"1", " ", "\n", "a", "2 3", "\t", ".5", "e", "-", "\0",
                   "\r", "\xFF", "\u{FEFF}", "0.25 ", "nan", "\nword "}
    for _ = 1, 1500 do
      local parts = {}
      for i = 1, rand:int(0, 30) do parts[i] = rand:pick(PIECE) end
      for _, format in ipairs {"auto", "word2vec", "glove", "binary"} do
        local bytes, size = table.concat(parts), rand:int(1, 9)
        local whole, cut = try(bytes, format), try(bytes, format, size)
        assert.equal(whole and text_of(whole), cut and text_of(cut))
      end
    end
  end)

  it("without memory: an error, and nothing is lost", function()
    local path = write("v", WORD2VEC)
    for k = 1, 40 do
      core.trim()
      core.fail_alloc(k)
      local ok, v = pcall(vectors.load, path)
      core.fail_alloc(0)
      if not ok then assert.truthy(tostring(v):find "not enough memory") end
    end
    assert.equal(WANT, text_of(vectors.load(path)))
  end)
end)

---Random vectors of V words.
local function some(V, D, dtype, seed)
  local words = {}
  for i = 1, V do words[i] = "w" .. i end
  local list = array.random(new_random(seed or 1), {V, D}, -1, 1)
  return vectors.new(words, array.tensor(rnn, list, dtype or "float32"))
end

describe("saving", function()
  it("keeps every number", function()
    for _, dtype in ipairs {"float32", "float64"} do
      local v = some(50, 7, dtype)
      local most = dtype == "float32" and 3.4028234663852886e38
                   or 1.7976931348623157e308
      local least = dtype == "float32" and 2.0 ^ -149 or 5e-324
      for i, x in ipairs {most, -most, least, -0.0, 1 / 3, 16777217} do
        core.set(v.weight, i, x)
      end
      for _, format in ipairs {"word2vec", "glove", "binary"} do
        if format == "binary" and dtype == "float64" then
          v.weight = v.weight:clamp(-1, 1)
        end
        local path = sandbox.dir .. "/out"
        assert(v:save(path, {format = format}))
        local got = assert(vectors.load(path, {dtype = dtype}))
        assert.same(v.words, got.words)
        local want = v.weight
        if format == "binary" then want = want:to("float32"):to(dtype) end
        assert.same(want:totable(), got.weight:totable())
      end
    end
  end)

  it("writes the bytes of the formats", function()
    local v = assert(load(GLOVE))
    local path = sandbox.dir .. "/out"
    for format, bytes in pairs {word2vec = WORD2VEC, glove = GLOVE,
                                binary = BINARY} do
      assert(v:save(path, {format = format}))
      assert.equal(bytes, sandbox.read(path))
    end
    assert(v:save(path))
    assert.equal(WORD2VEC, sandbox.read(path))
  end)

  it("keeps words with spaces where they can be read again", function()
    local words = {". . .", "at name@x", "a\rb", "\t"}
    local v = vectors.new(words, rnn.randn {4, 2})
    local path = write("out", "old")
    local ok, wrong, code = v:save(path)
    assert.is_nil(ok)
    assert.equal(path .. ": word 4, '?', has spaces that make it unreadable",
                 wrong)
    assert.equal("EFORMAT", code)
    words[4] = "\u{3000}"
    v = vectors.new(words, v.weight)
    for _, format in ipairs {"word2vec", "glove"} do
      assert(v:save(path, {format = format}))
      local got = assert(vectors.load(path))
      assert.same(words, got.words)
      assert.same(v.weight:totable(), got.weight:totable())
    end
  end)

  for _, row in ipairs {
    {"", "word2vec", "is empty"}, {"a\nb", "glove", "has a newline"},
    {("x"):rep(5000), "binary", "is too long"},
    {"a b", "binary", "has a space, which the binary format has not"},
    {"a 1", "word2vec", "has spaces that make it unreadable"},
    {" a", "glove", nil}, {"a ", "glove", "has spaces that make it unreadable"},
    {"\u{FEFF}a", "glove", "begins the file with a byte order mark"},
  } do
    it(("of %q as %s"):format(row[1]:sub(1, 8), row[2]), function()
      local v = vectors.new({row[1]}, rnn.randn {1, 2})
      local path = write("out", "old")
      local ok, wrong = v:save(path, {format = row[2]})
      if row[3] then
        assert.is_nil(ok)
        assert.equal(row[3], wrong:match "', (.*)$")
        assert.equal("old", sandbox.read(path))
      else
        assert.same({row[1]}, assert(vectors.load(path)).words)
      end
    end)
  end

  it("fails without a trace", function()
    local v = some(2, 2)
    core.set(v.weight, 3, 0 / 0)
    local path = write("out", "old")
    local ok, wrong = v:save(path)
    assert.is_nil(ok)
    assert.equal(path .. ": word 2, 'w2', has a number that is not finite",
                 wrong)
    assert.equal("old", sandbox.read(path))
    local big = vectors.new({"a"}, rnn.full({1, 1}, 1e300, "float64"))
    assert.is_nil(big:save(path, {format = "binary"}))
    ok, wrong = some(2, 2):save(sandbox.dir .. "/no/out")
    assert.is_nil(ok)
    assert.truthy(wrong:find("folder cannot be opened", 1, true))
    assert.is_nil(vectors.new({}, rnn.zeros {0, 2})
                  :save(path, {format = "glove"}))
    for name in lfs.dir(sandbox.dir) do
      assert.is_nil(name:find "%.tmp%.", name)
    end
    raises.with("does not pack", v.save, v, "x.gz")
    raises.exactly("vectors:save: 'path' must be a string, got nil", v.save, v)
    raises.exactly("vectors:save: 'format' must be word2vec, binary or " ..
                   "glove, got 'auto'", v.save, v, path, {format = "auto"})
  end)
end)

---Cosines of all words to a vector, best first, in plain Lua.
local function by_hand(v, query, but)
  local list = {}
  for i, row in ipairs(v.weight:totable()) do
    local dot, a, b = 0, 0, 0
    for k, x in ipairs(row) do
      dot, a, b = dot + x * query[k], a + x * x, b + query[k] ^ 2
    end
    local score = a * b > 0 and dot / math.sqrt(a * b) or 0
    if not but[v.words[i]] then
      list[#list + 1] = {word = v.words[i], score = score, i = i}
    end
  end
  table.sort(list, function(x, y)
    if x.score ~= y.score then return x.score > y.score end
    return x.i < y.i
  end)
  return list
end

local function check_list(want, got, k, bound)
  assert.equal(math.min(k, #want), #got)
  for i, one in ipairs(got) do
    assert.equal(want[i].word, one.word)
    assert.is_true(math.abs(want[i].score - one.score) < (bound or 1e-12))
  end
end

describe("neighbours", function()
  it("are those of brute force", function()
    for _, row in ipairs {{700, 5, "float64"}, {300, 600, "float64"},
                          {40, 2, "float64"}, {1, 3, "float64"}} do
      local v = some(table.unpack(row))
      for _, k in ipairs {1, 7, 1000} do
        check_list(by_hand(v, v:get("w1"):totable(), {w1 = true}),
                   v:nearest("w1", k), k)
        local query = rnn.randn({row[2]}, "float64")
        check_list(by_hand(v, query:totable(), {}), v:nearest(query, k), k)
      end
    end
    assert.equal(10, #some(30, 4):nearest "w3")
  end)

  it("are the same for any number of threads", function()
    local v, before = some(5000, 20), rnn.threads()
    rnn.threads(1)
    local one = v:nearest("w5", 20)
    rnn.threads(3)
    assert.same(one, v:nearest("w5", 20))
    rnn.threads(before)
  end)

  it("are earlier words first among equals; zeros have cosine 0", function()
    local v = vectors.new({"z", "a", "b", "c", "n"}, rnn.tensor {
      {0, 0}, {2, 2}, {1, 1}, {-1, -1}, {0 / 0, 1}})
    local list = v:nearest(rnn.tensor {1, 1})
    local words = {}
    for i, one in ipairs(list) do words[i] = one.word end
    assert.same({"a", "b", "z", "c", "n"}, words)
    assert.equal(0, list[3].score)
    assert.equal(0, v:similarity("z", "a"))
    assert.is_true(math.abs(v:similarity("a", "c") + 1) < 1e-15)
    assert.is_true(math.abs(v:similarity("a", rnn.tensor {3, 3}) - 1) < 1e-15)
  end)

  it("follow the weight when it changes", function()
    local v = vectors.new({"a", "b"}, rnn.tensor {{1, 0}, {0, 1}})
    assert.equal("a", v:nearest(rnn.tensor {1, 0}, 1)[1].word)
    v.weight:copy(rnn.tensor {{0, 1}, {1, 0}})
    assert.equal("b", v:nearest(rnn.tensor {1, 0}, 1)[1].word)
  end)

  it("answer analogies", function()
    local v = vectors.new(
      {"king", "queen", "man", "woman", "apple"},
      rnn.tensor {{5, 1, 0}, {5, -1, 0}, {1, 1, 0}, {1, -1, 0}, {0, 0, 1}})
    local list = assert(v:analogy("man", "king", "woman"))
    assert.equal("queen", list[1].word)
    assert.equal(2, #list)
    ---b/|b| - a/|a| + c/|c| of the rows 3, 1 and 4
    local a, b, c = 2 ^ -0.5, 26 ^ -0.5, 2 ^ -0.5
    local query = {5 * b - a + c, b - a - c, 0}
    check_list(by_hand(v, query, {man = true, king = true, woman = true}),
               v:analogy("man", "king", "woman"), 10, 1e-6)
  end)

  it("of words that are not there", function()
    local v = some(3, 2)
    local message = "'x' is not among the 3 words"
    assert.same({n = 2, nil, message}, table.pack(v:nearest "x"))
    assert.same({n = 2, nil, message}, table.pack(v:similarity("w1", "x")))
    assert.same({n = 2, nil, message}, table.pack(v:analogy("w1", "x", "w2")))
    assert.is_nil(v:get "x")
    assert.is_nil(v:index "x")
  end)

  it("name what is wrong", function()
    local v = some(3, 2)
    raises.exactly("nearest: 'k' must be an integer >= 1, got 0", v.nearest, v,
                   "w1", 0)
    raises.exactly("nearest: 'query' must be (D), of a table (V, D), got " ..
                   "(3) and (3, 2)", v.nearest, v, rnn.ones {3})
    raises.exactly("nearest: vectors must be float32 or float64, got int32",
                   v.nearest, v, rnn.ids {1, 2})
  end)
end)

describe("vectors", function()
  it("are made of words and a tensor, which they share", function()
    local embed = rnn.Embedding(2, 3)
    local v = vectors.new({"a", "b"}, embed.weight)
    assert.equal(embed.weight, v.weight)
    assert.equal(2, #v)
    assert.equal(2, v:index "b")
    assert.equal("2 word vectors of 3 dimensions", tostring(v))
    v:get("a"):fill(9)
    assert.not_equal(9, v.weight[1][1]:item())
    raises.exactly("vectors.new: 'words' must be a list of 2 words, got 1",
                   vectors.new, {"a"}, embed.weight)
    raises.exactly("vectors.new: word 2 must be a string that is not among " ..
                   "those before it, got a", vectors.new, {"a", "a"},
                   embed.weight)
    raises.exactly("vectors.new: 'weight' must be a tensor (V, D) of reals, " ..
                   "got int32 (1)", vectors.new, {"a"}, rnn.ids {1})
  end)

  it("are loaded by options that are checked", function()
    raises.exactly("vectors.load: 'path' must be a string, got nil",
                   vectors.load)
    raises.exactly("vectors.load: unknown option 'limits' (it has: dtype, " ..
                   "format, limit, words)", vectors.load, "x", {limits = 1})
    raises.exactly("vectors.load: 'format' must be auto, word2vec, binary " ..
                   "or glove, got 'bin'", vectors.load, "x", {format = "bin"})
    raises.exactly("vectors.load: 'limit' must be an integer >= 1, got 0",
                   vectors.load, "x", {limit = 0})
    raises.exactly("vectors.load: 'words' must hold strings, got 7",
                   vectors.load, "x", {words = {7}})
    raises.exactly("vectors.load: 'dtype' must be float32 or float64, got " ..
                   "'int32'", vectors.load, "x", {dtype = "int32"})
  end)
end)

describe("an embedding of vectors", function()
  local v = vectors.new({"a", "b", "c"}, rnn.tensor {{1, 2}, {3, 4}, {8, 0}})
  local WORDS = {"c", "x", "a", "y", "c"}

  it("has their rows, and tells which are missing", function()
    local embed, found = v:embedding(WORDS, {unknown = "zeros"})
    assert.same({{8, 0}, {0, 0}, {1, 2}, {0, 0}, {8, 0}},
                embed.weight:totable())
    assert.same({count = 3, missing = {"x", "y"}}, found)
    embed = v:embedding(WORDS)
    assert.same({{8, 0}, {4, 2}, {1, 2}, {4, 2}, {8, 0}},
                embed.weight:totable())
    rnn.seed(1)
    embed = v:embedding({"x", "a"}, {unknown = "uniform"})
    local mean, square = 3, (1 + 4 + 9 + 16 + 64) / 6
    local rows = embed.weight:totable()
    assert.same({1, 2}, rows[2])
    assert.not_equal(rows[1][1], rows[1][2])
    for _, x in ipairs(rows[1]) do
      assert.is_true(math.abs(x) <= math.sqrt(3 * (square - mean ^ 2)))
    end
  end)

  it("of all words, of none, of nothing", function()
    local embed, found = v:embedding {"b", "a"}
    assert.same({{3, 4}, {1, 2}}, embed.weight:totable())
    assert.same({count = 2, missing = {}}, found)
    embed, found = v:embedding {"x"}
    assert.same({{4, 2}}, embed.weight:totable())
    assert.same({count = 0, missing = {"x"}}, found)
    for _, unknown in ipairs {"mean", "zeros", "uniform"} do
      local none = vectors.new({}, rnn.zeros {0, 2})
      embed = none:embedding({"x"}, {unknown = unknown})
      assert.same({{0, 0}}, embed.weight:totable())
    end
    assert.same({0, 2}, v:embedding({}).weight:shape())
  end)

  ---A few steps of training a model with the embedding.
  local function train(model, steps)
    local opt = rnn.Adam(rnn.parameters(model), {lr = 0.1})
    for _ = 1, steps do
      local tape <close> = rnn.tape()
      local y = model.out(model.embed(rnn.ids {{1, 2}, {3, 1}}))
      tape:backward((y * y):sum())
      opt:step()
    end
  end

  it("stays when it is frozen, and moves when it is not", function()
    for _, freeze in ipairs {true, false} do
      local model = {embed = v:embedding(WORDS, {freeze = freeze}),
                     out = rnn.Linear(2, 1)}
      local before = model.embed.weight:totable()
      local out = model.out.weight:totable()
      train(model, 3)
      assert.not_same(out, model.out.weight:totable())
      local after = model.embed.weight:totable()
      if freeze then
        assert.same(before, after)
        assert.same({"out.bias", "out.weight"}, rnn.parameters(model).names)
        assert.is_nil(model.embed.weight.grad)
      else
        assert.not_same(before[1], after[1])
        assert.same(before[4], after[4])   -- its id was not seen
      end
    end
  end)

  it("survives a model file, frozen as it was", function()
    local path = sandbox.dir .. "/model"
    local model = {embed = v:embedding(WORDS, {freeze = true, dropout = 0.5}),
                   out = rnn.Linear(2, 1)}
    assert(rnn.save(path, model))
    local again = assert(rnn.load_model(path))
    assert.equal("Embedding(5, 2, dropout=0.5, freeze=true)",
                 tostring(again.embed))
    local rows = model.embed.weight:totable()
    assert.same(rows, again.embed.weight:totable())
    train(again, 2)
    assert.same(rows, again.embed.weight:totable())
    again.embed.weight:fill(0)
    assert(rnn.restore(again, path))
    assert.same(rows, again.embed.weight:totable())
  end)

  it("is checked", function()
    raises.exactly("vectors:embedding: unknown option 'frozen' (it has: " ..
                   "dropout, freeze, unknown)", v.embedding, v, WORDS,
                   {frozen = true})
    raises.exactly("vectors:embedding: 'unknown' must be mean, zeros or " ..
                   "uniform, got 'ones'", v.embedding, v, WORDS,
                   {unknown = "ones"})
    for _, words in ipairs {7, {a = true}, {1, 2},
                            rnn.text.tokenizer("byte")} do
      raises.exactly("vectors:embedding: 'words' must be a list of words, " ..
                     "got " .. type(words), v.embedding, v, words)
    end
  end)
end)
