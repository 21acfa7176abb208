---rnn.dict and the tokenizer "dict": next to every way there is to cut a short
---text, and a few lines of Lua that do the same for long ones.
local lfs = require "lfs"
local rnn = require "rnn"
local core = require "rnn.core"
local corpus = require "rnn.corpus"
local data = require "rnn.data"
local dict = require "rnn.dict"
local raises = require "tests.raises"
local sandbox = require "tests.sandbox"
local text = require "rnn.text"
local units = require "rnn.data.units"
local new_random = require "tests.random"
local write = sandbox.write

teardown(sandbox.remove)

---A dictionary of {word = frequency}.
local function dict_of(freq)
  local d = dict.new()
  for word, n in pairs(freq) do assert(d:set(word, n)) end
  return d
end

---Words of a text, with spaces between them.
local function cut(d, s, opts)
  return table.concat((d:segment(s, opts)), " ")
end

-- {== The same in Lua ==

---How words of ideographs are spelled: a function of the characters of a new
---word, which returns the logarithm of its probability.
local function speller(freq)
  local total, once, words, codes = 0, 0, 0, {}
  local length, sums, count = {0, 0, 0, 0}, {S = 0, B = 0, M = 0, E = 0}, {}
  local function places(chars, visit)
    for i, c in ipairs(chars) do
      visit(c, #chars == 1 and "S" or i == 1 and "B" or i == #chars and "E" or
               "M")
    end
  end
  for word, n in pairs(freq) do
    total, once = total + n, once + (n == 1 and 1 or 0)
    if not word:find "%w" then
      local chars = units.chars(word)
      words = words + 1
      if #chars <= 4 then length[#chars] = length[#chars] + 1 end
      places(chars, function(c, place)
        codes[c] = true
        sums[place] = sums[place] + 1
        count[c .. place] = (count[c .. place] or 0) + 1
      end)
    end
  end
  local ncodes = 0
  for _ in pairs(codes) do ncodes = ncodes + 1 end
  local fresh = math.max(0.005, math.min(0.05, once / total))
  return function(chars)
    local logp = math.log(fresh) +
                 math.log((length[#chars] + 0.1) / (words + 0.5))
    places(chars, function(c, place)
      logp = logp + math.log(((count[c .. place] or 0) + 0.2) /
                             (sums[place] + 0.2 * (ncodes + 1)))
    end)
    return logp
  end, total
end

---What a word scores: {characters of the user, user words, logarithm}; nil if
---there is no such edge. 'list' are units, i to k.
local function scorer(freq, user, guess)
  local spell, total = speller(freq)
  local told = false
  for _, n in pairs(freq) do told = told or n > 1 end
  guess = guess and told
  return function(list, i, k)
    local word = table.concat(list, "", i, k)
    if user[word] then
      return {utf8.len(word), 1, math.log(user[word] / total)}
    end
    if freq[word] then return {0, 0, math.log(freq[word] / total)} end
    if guess and k - i < 4 and not word:find "%w" then
      return {0, 0, spell(table.move(list, i, k, 1, {}))}
    end
    return i == k and {0, 0, math.log(0.5 / total)} or nil
  end
end

local function better(a, b)
  if not b then return true end
  if a[1] ~= b[1] then return a[1] > b[1] end
  if a[2] ~= b[2] then return a[2] < b[2] end
  return a[3] > b[3]
end

local function plus(a, b)
  return {a[1] + b[1], a[2] + b[2], a[3] + b[3]}
end

---The best score there is, by looking at every way to cut.
local function best_of_all(score, list, from)
  from = from or 1
  if from > #list then return {0, 0, 0} end
  local best
  for k = from, #list do
    local edge = score(list, from, k)
    local sum = edge and plus(edge, best_of_all(score, list, k + 1))
    if sum and better(sum, best) then best = sum end
  end
  return best
end

---The same for long texts: words of at most 8 units.
local function best_by_steps(score, list)
  local best = {[0] = {0, 0, 0}}
  for k = 1, #list do
    for i = math.max(1, k - 7), k do
      local edge = score(list, i, k)
      local sum = edge and plus(best[i - 1], edge)
      if sum and better(sum, best[k]) then best[k] = sum end
    end
  end
  return best[#list]
end

---The score of words.
local function score_of(score, list, words)
  local sum, at = {0, 0, 0}, 1
  for _, word in ipairs(words) do
    local i, n = at, 0
    while n < #word do
      n, at = n + #list[at], at + 1
    end
    sum = plus(sum, assert(score(list, i, at - 1), word))
  end
  return sum
end

local function same_score(want, got)
  assert.equal(want[1], got[1])
  assert.equal(want[2], got[2])
  assert(math.abs(want[3] - got[3]) < 1e-9 * (1 + math.abs(want[3])),
         ("%.17g, %.17g"):format(want[3], got[3]))
end

local CHARS = {"\u{4E00}", "\u{4E8C}", "\u{4E09}", "\u{20000}", "x1"}

local function random_units(random, n)
  local list = {}
  for i = 1, n do
    list[i] = random:pick(CHARS)
    if i > 1 and list[i] == "x1" and list[i - 1] == "x1" then
      list[i] = CHARS[1]   -- letters would be one unit
    end
  end
  return list
end

local function random_words(random, n, most)
  local freq = {}
  for _ = 1, n do
    freq[table.concat(random_units(random, random:int(1, most)))] =
      random:int(1, 20)
  end
  return freq
end

-- }==

describe("a dictionary", function()
  local d = dict_of {["\u{7814}\u{7A76}"] = 20, ["\u{7814}\u{7A76}\u{751F}"]
    = 8, ["\u{751F}\u{547D}"] = 10, ["\u{547D}"] = 3, ["\u{8D77}\u{6E90}"] = 9}

  it("gives the likely words", function()
    local s = "\u{7814}\u{7A76}\u{751F}\u{547D}\u{8D77}\u{6E90}"
    -- 20/50 * 10/50 is more than 8/50 * 3/50
    assert.equal("\u{7814}\u{7A76} \u{751F}\u{547D} \u{8D77}\u{6E90}",
                 cut(d, s))
    assert.equal("\u{7814}\u{7A76}\u{751F} \u{547D} \u{8D77}\u{6E90}",
                 cut(d, s, {mode = "max"}))
    assert.equal("\u{7814}\u{7A76} \u{7814}\u{7A76}\u{751F} " ..
                 "\u{751F}\u{547D} \u{8D77}\u{6E90}",
                 cut(d, s, {mode = "all"}))
    local words, first, kinds = d:segment(s .. "\u{547D}", {unknown = "single"})
    assert.same({1, 7, 13, 19}, first)
    assert.same({"word", "word", "word", "char"}, kinds)
    assert.equal("\u{547D}", words[4])
  end)

  it("gives the best path of all there are", function()
    local random = new_random(1)
    for round = 1, 400 do
      local freq = random_words(random, random:int(1, 12), 4)
      local user = random_words(random, random:int(0, 4), 4)
      local own = dict_of(freq)
      local list = random_units(random, random:int(1, 9))
      local guess = round % 2 == 0
      local names = {}
      for word, n in pairs(user) do
        names[#names + 1] = word
        if round % 3 == 0 then user[word] = 1 else
          own:add(word, {freq = n, list = "list" .. n % 3})
        end
      end
      local s, score = table.concat(list), scorer(freq, user, guess)
      local words = own:segment(s, {user = round % 3 == 0 and names or nil,
                                    unknown = guess and "guess" or "single"})
      assert.equal(s, table.concat(words))
      same_score(best_of_all(score, list), score_of(score, list, words))
    end
  end)

  it("does so in texts of any length", function()
    local random = new_random(2)
    for _, n in ipairs {300, 20000} do
      local freq = random_words(random, 30, 4)
      local user = random_words(random, 3, 3)
      local own = dict_of(freq)
      for word, k in pairs(user) do own:add(word, {freq = k}) end
      local list = random_units(random, n)
      for i = 5000, n, 7919 do list[i] = "x1" end
      for i = 2, n do
        if list[i] == "x1" and list[i - 1] == "x1" then list[i] = CHARS[2] end
      end
      for _, unknown in ipairs {"guess", "single"} do
        local score = scorer(freq, user, unknown == "guess")
        local words = own:segment(table.concat(list), {unknown = unknown})
        same_score(best_by_steps(score, list), score_of(score, list, words))
      end
    end
  end)

  it("gives longest words, and all of them", function()
    local random = new_random(3)
    for _ = 1, 200 do
      local freq = random_words(random, random:int(1, 10), 4)
      local own, list = dict_of(freq), random_units(random, random:int(1, 12))
      local want, at = {}, 1
      while at <= #list do
        local stop = at
        for k = at, #list do
          if freq[table.concat(list, "", at, k)] then stop = k end
        end
        want[#want + 1] = table.concat(list, "", at, stop)
        at = stop + 1
      end
      assert.same(want, (own:segment(table.concat(list), {mode = "max"})))
      want = {}
      local covered = 0
      for i = 1, #list do
        local long = {}
        for k = i + 1, #list do
          local word = table.concat(list, "", i, k)
          if freq[word] then
            long[#long + 1], covered = word, math.max(covered, k)
          end
        end
        if covered < i then long[1] = list[i] end
        table.move(long, 1, #long, #want + 1, want)
      end
      assert.same(want, (own:segment(table.concat(list), {mode = "all"})))
    end
  end)

  it("may be empty", function()
    for _, mode in ipairs {"best", "max", "all"} do
      assert.equal("\u{4E00} a1 \u{4E8C}",
                   cut(dict.new(), "\u{4E00}a1 \u{4E8C}", {mode = mode}))
      assert.same({}, (dict.new():segment("", {mode = mode})))
    end
  end)

  it("tells of its words", function()
    local own = dict.new()
    assert(own:set("\u{4E91}", 5, "n"))
    assert(own:set("\u{4E91}", 6))
    assert(own:add("\u{4E91}\u{96E8}", {tag = "x"}))
    assert.same({freq = 6, tag = "n"}, own:lookup "\u{4E91}")
    assert.same({freq = 1, tag = "x", list = "user"},
                own:lookup "\u{4E91}\u{96E8}")
    assert.is_nil(own:lookup "\u{96E8}")
    assert.same({"x", "n", ""}, own:tags {"\u{4E91}\u{96E8}", "\u{4E91}", "a"})
    assert.equal("Dict(1 words, 1 lists of user words)", tostring(own))
    assert(own:set("\u{4E91}", 0))
    assert.equal(0, #own)
    assert.is_nil(own:lookup "\u{4E91}")
  end)

  it("may be large, and lose its words again", function()
    local random, own, kept = new_random(4), dict.new(), {}
    for i = 1, 20000 do
      local word = utf8.char(0x4E00 + random:int(0, 2000),
                             0x4E00 + random:int(0, 20))
      local n = i % 3 == 0 and 0 or i
      own:set(word, n)
      kept[word] = n > 0 and n or nil
    end
    local n = 0
    for word, freq in pairs(kept) do
      n = n + 1
      assert.equal(freq, own:lookup(word).freq)
    end
    assert.equal(n, #own)
    local words, freqs = own.core:list()
    assert.equal(n, #words)
    for i, word in ipairs(words) do
      assert.equal(kept[word], freqs[i])
      assert(i == 1 or words[i - 1] < word)
    end
  end)
end)

describe("units", function()
  local d = dict_of {["\u{5E74}"] = 3, ["A\u{80A1}"] = 2, ["5G"] = 1}

  it("of letters and digits stay together", function()
    for _, case in ipairs {
      "don't|!", "3.14|!|5", "1,234.5%|\u{FF0C}", "12:30|+|x", "50\u{FF05}",
      "2024-05-01|\u{5E74}", "2024/5/1", "a.b_c|+|d", "me@x-y.org|\u{3002}",
      "https://a.b/c?d=e&f=%20|.", "https://a.b/c|)|\u{5E74}", "v1.2.3",
      "AT&T|!|!", "\u{FF12}\u{FF10}|\u{5E74}", "\u{FF12}\u{FF0E}\u{FF15}",
      "\u{FF11}\u{FF1A}\u{FF12}", "\u{E9}t\u{E9}|\u{5E74}", "e\u{301}a|.",
      "\u{41F}\u{440}\u{438}|\u{4E00}", "\u{1F469}\u{200D}|\u{1F469}",
      "\u{8449}\u{E0100}|\u{5E74}", "a|\u{30FB}|b", "5G|\u{5E74}", "15G",
      "A\u{80A1}|A", "AA|\u{80A1}", "http|:|/|/", "x|:|/|/", "-|5|.",
      "C|+|+", "\u{AC00}\u{B098}|,|\u{AC00}", "%|%",
    } do
      local s = case:gsub("|", "")
      assert.equal(case, table.concat((d:segment(s, {unknown = "single"})),
                                      "|"))
    end
  end)

  it("are separated by white space", function()
    local words, first, kinds = d:segment " a \u{3000}\r\n\u{5E74}\t"
    assert.same({"a", "\u{5E74}"}, words)
    assert.same({2, 9}, first)
    assert.same({"unit", "char"}, kinds)
    words, first, kinds = d:segment(" a \u{3000}\r\n\u{5E74}\t",
                                    {spaces = true})
    assert.same({" ", "a", " \u{3000}\r\n", "\u{5E74}", "\t"}, words)
    assert.same({1, 2, 3, 9, 12}, first)
    assert.same({"space", "unit", "space", "char", "space"}, kinds)
  end)

  it("are the text, whatever its bytes", function()
    local random = new_random(5)
    local own = dict.learn {{"\u{4E00}\u{4E8C}", "\u{4E09}", "\u{4E09}"}}
    own:add "\u{4E8C}\u{4E09}"
    for round = 1, 300 do
      local parts = {}
      for i = 1, random:int(0, 60) do
        local pick = random:int(1, 4)
        parts[i] = pick == 1 and string.char(random:int(0, 255)) or
                   pick == 2 and random:pick(CHARS) or
                   pick == 3 and random:pick {" ", ".", "://", "\0", "%", "@",
                                              "\u{200D}", "\u{3000}", "7"} or
                   utf8.char(random:int(0, 0x10FFFF) & ~0x800)
      end
      local s = table.concat(parts)
      for _, opts in ipairs {{}, {unknown = "single"}, {mode = "max"}} do
        opts.spaces = true
        local words, first = own:segment(s, opts)
        assert.equal(s, table.concat(words))
        for i, word in ipairs(words) do
          assert.equal(word, s:sub(first[i], first[i] + #word - 1))
        end
      end
      own:segment(s, {mode = "all", spaces = round % 2 == 0})
    end
  end)

  it("may be very long", function()
    for _, part in ipairs {"\u{4E00}", "a", "1.", " ", "\xE4\xB8", "\0", ":/",
                           "\u{301}", "a@", "\u{1F469}\u{200D}"} do
      local s = part:rep(100000)
      for _, opts in ipairs {{}, {mode = "max"}} do
        opts.spaces = true
        local words = d:segment(s, opts)
        assert.equal(s, table.concat(words))
      end
    end
    local own, s = dict.new(), ("\u{4E00}"):rep(100000)
    for n = 1, 256 do assert(own:set(("\u{4E00}"):rep(n), n)) end
    assert.equal(s, table.concat((own:segment(s))))
  end)
end)

describe("user words", function()
  local A, B, C, D, E = "\u{7532}", "\u{4E59}", "\u{4E19}", "\u{4E01}",
                        "\u{620A}"

  it("win over all others, and are never cut", function()
    local own = dict_of {[A .. B] = 1000, [C .. D] = 1000, [B] = 900}
    local s = A .. B .. C .. D
    assert.equal(A .. B .. " " .. C .. D, cut(own, s))
    assert(own:add(B .. C))
    for _, opts in ipairs {{}, {unknown = "single"}, {mode = "max"}} do
      assert.equal(("%s %s %s"):format(A, B .. C, D), cut(own, s, opts))
    end
    assert.equal(("%s %s %s"):format(A .. B, B .. C, C .. D),
                 cut(own, s, {mode = "all"}))
    local _, _, kinds = own:segment(s)
    assert.same({"char", "user", "char"}, kinds)
  end)

  it("that overlap: most characters, fewest words, most likely", function()
    local own = dict_of {[A] = 1, [E] = 50}
    local function check(want, ...)
      assert.equal(want, cut(own, A .. B .. C .. D .. E, {user = {...}}))
    end
    check(("%s %s %s"):format(A, B .. C .. D, E), A .. B, B .. C .. D)
    check(("%s %s"):format(A .. B, C .. D .. E), A .. B, B .. C, C .. D .. E)
    check(A .. B .. C .. D .. E, A .. B, C .. D .. E, A .. B .. C .. D .. E)
    check(("%s %s %s"):format(A .. B .. C, D, E), A .. B .. C, C .. D)
    own:add(B .. C, {freq = 1})
    own:add(C .. D, {freq = 9})
    assert.equal(("%s %s %s %s"):format(A, B, C .. D, E),
                 cut(own, A .. B .. C .. D .. E, {unknown = "single"}))
  end)

  it("end where letters and digits do", function()
    local own = dict.new()
    for _, word in ipairs {"AI", "C++", "B\u{8D85}", "3.5"} do own:add(word) end
    assert.equal("MAIN AI C++ B\u{8D85} AB \u{8D85} 3.5 3.51 3.5%",
                 cut(own, "MAIN AI C++B\u{8D85} AB\u{8D85} 3.5 3.51 3.5%",
                     {unknown = "single"}))
  end)

  it("come in lists, and go with them", function()
    local random = new_random(6)
    for _ = 1, 40 do
      local own = dict_of(random_words(random, 15, 3))
      local s = table.concat(random_units(random, 60))
      local before = own:segment(s)
      local words = {}
      for word in pairs(random_words(random, 6, 4)) do
        words[#words + 1] = word
        own:add(word, {list = random:pick {"a", "b"}, freq = 3})
      end
      own:add(words[1], {list = "c"})
      local with = own:segment(s)
      local users = dict.new()
      users.user = own.user
      assert.same(with, (dict.from(own:text()):segment(s, {user = users})))
      own:segment(s, {user = {CHARS[1] .. CHARS[2], own}})
      assert.same(with, (own:segment(s)))       -- that was for one call
      own:remove(words[1], "c")
      for _, name in ipairs(own:lists()) do own:remove_list(name) end
      assert.same(before, (own:segment(s)))
      for _, word in ipairs(words) do own:add(word) end
      for _, word in ipairs(words) do assert.is_true(own:remove(word)) end
      assert.is_false(own:remove(words[1]))
      assert.is_false(own:remove_list())
      assert.same({}, own:lists())
      assert.same(before, (own:segment(s)))
    end
  end)

  it("are read from files", function()
    local own = dict.new()
    assert(own:load_list(write("list.txt", A .. B .. " n\n" .. C), "mine"))
    assert.same({freq = 1, tag = "n", list = "mine"}, own:lookup(A .. B))
    assert.same({"mine"}, own:lists())
    local bad = write("bad.txt", A .. "\n" .. B .. " 1 n x\n")
    local ok, message = own:load_list(bad, "mine")
    assert.is_nil(ok)
    assert.equal(bad .. ":2: expected WORD FREQUENCY TAG, got more or " ..
                 "another order", message)
    assert.is_nil(own:lookup(A))          -- the list is as it was
    assert(own:save(sandbox.dir .. "/saved.txt", "mine"))
    assert.equal(C .. " 1\n" .. A .. B .. " 1 n\n",
                 sandbox.read(sandbox.dir .. "/saved.txt"))
  end)

  it("that are none are refused", function()
    local own = dict.new()
    for _, case in ipairs {{"", "is empty"}, {"a b", "white space"},
                           {"a\u{3000}", "white space"}, {"\n", "white space"},
                           {"\xFF", "is no UTF-8"}, {"\0", "NUL"},
                           {("x"):rep(257), "longer than 256"}} do
      local ok, message, code = own:add(case[1])
      assert.is_nil(ok)
      assert(message:find(case[2], 1, true), message)
      assert.equal("EFORMAT", code)
      raises.with("user word 2: ", own.segment, own, "a", {user = {"b",
                                                                   case[1]}})
    end
    assert.same({}, own:lists())
    assert(own:add(("\u{4E00}"):rep(256)))
    assert.is_nil(own:add("a", {tag = "b c"}))
    assert.is_nil(own:add("a", {tag = ("t"):rep(64)}))
    assert.is_nil(own:set("a", 1 << 60))
    raises.with("must be an integer >= 1", own.add, own, "a", {freq = 0})
    raises.with("unknown option 'force'", own.add, own, "a", {force = 1})
    raises.with("unknown option 'users'", own.segment, own, "a", {users = {}})
    raises.with("takes a string", own.segment, own, 5)
    raises.with("user word 1", own.segment, own, "a", {user = {5}})
  end)
end)

describe("new words", function()
  local A, B, C = "\u{738B}", "\u{5927}", "\u{660E}"

  it("are asked of a function", function()
    local own = dict_of {[A .. B] = 5, [C] = 5}
    local runs = {}
    local words, first, kinds = own:segment(
      A .. B .. C .. B .. "x" .. B .. " " .. C .. A, {unknown = function(run)
        runs[#runs + 1] = run
        return #runs == 1 and {run} or nil
      end})
    assert.same({C .. B, C .. A}, runs)
    assert.same({A .. B, C .. B, "x", B, C, A}, words)
    assert.same({1, 7, 13, 14, 18, 21}, first)
    assert.same({"word", "guessed", "unit", "char", "char", "char"}, kinds)
    raises.with("'unknown' must return words that are '" .. C .. B .. "'",
                own.segment, own, C .. B,
                {unknown = function() return {"x"} end})
    raises.with("'unknown' must be guess or single", own.segment, own, "a",
                {unknown = "no"})
  end)

  it("are guessed by the places of their characters", function()
    local freq, surnames = {}, {"\u{738B}", "\u{674E}", "\u{5F20}"}
    for i = 1, 60 do
      freq[surnames[i % 3 + 1] .. utf8.char(0x5000 + i, 0x6000 + i % 9)] = 1
    end
    for i = 1, 30 do freq[utf8.char(0x7000 + i)] = 30 end
    local own = dict_of(freq)
    local name = surnames[1] .. utf8.char(0x5005, 0x6003)
    assert.is_nil(freq[name])
    local words, _, kinds = own:segment(utf8.char(0x7001) .. name ..
                                        utf8.char(0x7002))
    assert.same({utf8.char(0x7001), name, utf8.char(0x7002)}, words)
    assert.same({"char", "guessed", "char"}, kinds)
    own:set(name, 1)
    assert.equal("word", select(3, own:segment(name))[1])
  end)

  it("are not guessed by a mere list", function()
    local own = dict_of {[A .. B] = 1, [A] = 1}
    assert.equal(("%s %s %s"):format(A .. B, C, B), cut(own, A .. B .. C .. B))
  end)

  it("are learnt from segmented text", function()
    local own, passed = dict.learn {{"\u{4E00}", "ab"}, {words = {"ab"}},
                                    {"a b", "a b"}}
    assert.equal(2, passed)
    assert.equal("ab 2\n\u{4E00} 1\n", own:text())
    raises.with("sentence 1 has a word that is a table", dict.learn, {{{}}})
  end)
end)

describe("a file of words", function()
  it("is read as jieba's are", function()
    local path = write("dict.txt", "\u{FEFF}\u{4E00} 3 m\r\n\r\n\u{4E8C}\t" ..
                       "5\n  \u{4E09}  n  \n\u{4E00}\u{4E8C}\n\u{4E00} 7\nx 0")
    local own = assert(dict.load(path))
    assert.equal("\u{4E00} 7\n\u{4E00}\u{4E8C} 1\n\u{4E09} 1 n\n\u{4E8C} 5\n",
                 own:text())
    os.execute("gzip -kf " .. sandbox.quote(path))
    assert.equal(own:text(), assert(dict.load(path .. ".gz")):text())
  end)

  it("is written as it is read", function()
    local random = new_random(7)
    local path = sandbox.dir .. "/again.txt"
    for _ = 1, 20 do
      local own = dict.new()
      for word, n in pairs(random_words(random, 50, 6)) do
        own:set(word, n << random:int(0, 40), random:pick {"", "n", "\u{4E00}"})
      end
      assert(own:save(path))
      assert.equal(own:text(), assert(dict.load(path)):text())
      assert.equal(own:text(), own:copy():text())
    end
    raises.with("there is no list 'none'", dict.new().save, dict.new(), path,
                "none")
    local ok, message, code = dict.new():save(sandbox.dir .. "/no/where")
    assert.is_nil(ok)
    assert.equal("EIO", code)
    assert(message:find "no/where", message)
  end)

  it("that is wrong is refused, naming the line", function()
    for _, case in ipairs {
      {"a 1\nb 2 n x\n", 2, "expected WORD FREQUENCY TAG"},
      {"\na -5\n", 2, "the frequency must be an integer"},
      {"a 1.5\n", 1, "the frequency must be an integer"},
      {"a 9007199254740993\n", 1, "the frequency must be an integer"},
      {"a 99999999999999999999999999\n", 1, "the frequency must be"},
      {"a 12x n\n", 1, "the frequency must be an integer"},
      {"a\na n 12\n", 2, "expected WORD FREQUENCY TAG"},
      {"a\0b 1\n", 1, "NUL"}, {"a\u{A0}b 1\n", 1, "white space"},
      {"a 1 " .. ("t"):rep(64), 1, "the tag is too long"},
      {("a"):rep(300) .. " 1", 1, "longer than 256"},
      {("a 1\n"):rep(600000) .. "a 1 b c", 600001, "expected WORD"},
    } do
      local path = write("wrong.txt", case[1])
      local own, message, code = dict.load(path)
      assert.is_nil(own)
      assert.equal("EFORMAT", code)
      local prefix = ("%s:%d: "):format(path, case[2])
      assert.equal(prefix, message:sub(1, #prefix))
      assert(message:find(case[3], 1, true), message)
    end
    local own, message, code = dict.load(write("wrong.txt", "a 1\n\xFF 2\n"))
    assert.is_nil(own)
    assert.equal("EFORMAT", code)
    assert(message:find "invalid UTF%-8 at byte 5 %(line 2%)", message)
    assert.equal("EIO", select(3, dict.load(sandbox.dir .. "/none.txt")))
    raises.with("takes a path", dict.load)
    assert.equal("line 2: the word has a NUL in it",
                 select(2, dict.from "a\n\0"))
  end)

  it("may have any bytes", function()
    local random = new_random(8)
    for _ = 1, 300 do
      local parts = {}
      for i = 1, random:int(0, 30) do
        parts[i] = random:pick {"a", " ", "\n", "\r", "\t", "7", "-", "\0",
                                "\u{4E00}", "\xE4", "\u{3000}", " 3 n\n"}
      end
      local own, message = dict.load(write("any.txt", table.concat(parts)))
      assert(own or type(message) == "string")
      if own then assert.equal(own:text(), dict.from(own:text()):text()) end
    end
  end)

  it("is closed when it is closed", function()
    local words = core.dict()
    words:close()
    words:close()
    raises.with("closed dictionary", words.set, words, "a", 1)
    raises.with("closed dictionary", core.dict().cut, core.dict(), "a", "best",
                {words})
  end)
end)

describe("the tokenizer", function()
  local LINES = "\u{6211}\u{4EEC}\u{559C}\u{6B22} iPhone 15 Pro\u{FF0C}\n" ..
                "\u{4ED6}\u{4EEC}\u{559C}\u{6B22}\u{4E91}\u{8BA1}\u{7B97}\n"
  local own = dict.learn {{"\u{6211}\u{4EEC}", "\u{559C}\u{6B22}"},
                          {"\u{4ED6}\u{4EEC}", "\u{559C}\u{6B22}"}}

  local function fit(s, opts)
    opts = opts or {}
    opts.dictionary = opts.dictionary or own
    return assert(assert(text.tokenizer("dict", opts)):fit(s))
  end

  it("has words for ids, and gives the text back", function()
    local tok = fit(LINES, {user = {"\u{4E91}\u{8BA1}\u{7B97}"}})
    local ids = tok:encode(LINES)
    assert.equal(LINES, tok:decode(ids))
    local push, parts = tok:stream(), {}
    for _, id in ipairs(ids:totable()) do parts[#parts + 1] = push(id) end
    assert.equal(LINES, table.concat(parts) .. push())
    local symbols = tok:symbols()
    assert.same({"<unk>", "<eos>"}, {symbols[1], symbols[2]})
    local has = {}
    for _, word in ipairs(symbols) do has[word] = true end
    for _, word in ipairs {"\u{559C}\u{6B22}", "\u{4E91}\u{8BA1}\u{7B97}",
                           "iPhone", "15", "\u{2581}"} do
      assert.is_true(has[word], word)
    end
    assert.equal("\u{6211}\u{4EEC} <unk>",
                 tok:decode(tok:encode "\u{6211}\u{4EEC} \u{9A6C}"))
    assert.equal(#tok, tok:usable())
    assert.is_true(tok:fitted())
    assert.is_false(text.tokenizer("dict", {dictionary = own}):fitted())
  end)

  it("is described as a whole", function()
    local random = new_random(9)
    for round = 1, 40 do
      local d = dict_of(random_words(random, 10, 3))
      local s = table.concat(random_units(random, 30)) .. " a\n\u{FB01}b"
      local tok = fit(s, {
        dictionary = d, user = {CHARS[1] .. CHARS[2]},
        unknown = round % 2 == 0 and "single" or nil,
        normal = round % 3 == 0 and "nfkc" or nil, lines = round % 5 > 0,
        max_size = round % 7 == 0 and 8 or nil})
      local before = tok:encode(s):totable()
      d:set(s:sub(1, 3), 1000)   -- is no matter of the tokenizer
      local again = assert(text.tokenizer_from(tok:spec()))
      assert.equal(tok:spec(), again:spec())
      assert.same(before, again:encode(s):totable())
      assert.same(tok:symbols(), again:symbols())
      assert.equal(tok:describe(), again:describe())
    end
    local path = sandbox.dir .. "/m.safetensors"
    local tok = fit(LINES)
    assert(rnn.save(path, {rnn.Linear(1, 1)}, {tokenizer = tok}))
    local _, meta = assert(rnn.load_model(path))
    assert.equal(tok:spec(), meta.tokenizer:spec())
  end)

  it("is not taken from a description that is wrong", function()
    local spec = fit "\u{6211}\u{4EEC}":spec()
    for _, bad in ipairs {
      "dict", "dict :", "dict :\n", "dict : a\na 1", "dict : a\na\n\n",
      "dict : a\na 1\n\n ", "dict : a a\n\n", "dict : a\nb 1\na 1\n\n",
      "dict : a\na 01\n\n", "dict : a\n\nb 1", "dict x : a\n\n", spec .. "\n",
      "dict single single : a\n\n", spec:gsub("dict", "dict guess"),
      "dict : \xFF\n\n", "dict : a\n\xFF 1\n\n", "dict : a\na -1\n\n",
    } do
      local tok, message, code = text.tokenizer_from(bad)
      assert.is_nil(tok, bad)
      assert.truthy(message:find "^tokenizer: ", message)
      assert.equal("EFORMAT", code)
    end
    assert(text.tokenizer_from "dict : a\n\n")
    assert(text.tokenizer_from "dict : a\na 1 n\n\nb 2\n")
  end)

  it("learns from a corpus, however it is cut", function()
    local random = new_random(10)
    local parts = {CHARS[1], CHARS[2], CHARS[1] .. CHARS[2], "a", "7", ".", " ",
                   "  ", "\n", "\u{3000}", " \r\n ", "\u{301}", "\u{FB01}"}
    for round = 1, 60 do
      local list = {}
      for i = 1, random:int(1, 60) do list[i] = random:pick(parts) end
      local s = table.concat(list) .. "\n"
      local opts = {dictionary = dict_of {[CHARS[1] .. CHARS[2]] = 3},
                    normal = round % 3 == 0 and "nfkc" or nil,
                    lines = round % 2 == 0}
      local want = fit(s, opts)
      local c <close> = assert(corpus.open(write("corpus.txt", s), {
        tokenizer = text.tokenizer("dict", opts), piece = random:int(1, 9)}))
      assert.equal(want:spec(), c.tokenizer:spec())
      assert.same(want:encode(s):totable(), c.tokens:totensor():totable())
    end
    assert.equal(0, core.words_gap "ab")
    assert.equal(2, core.words_gap "ab \u{3000}\n")
    assert.equal(2, core.words_gap "ab \u{3000}\ncd")
    assert.equal(0, core.words_gap " \t")
  end)

  it("names misuse", function()
    raises.with("'dictionary' must be a path or a dictionary", text.tokenizer,
                "dict")
    raises.with("unknown option 'dictionary'", text.tokenizer, "word",
                {dictionary = own})
    local tok, message, code = text.tokenizer("dict", {
      dictionary = sandbox.dir .. "/none.txt"})
    assert.is_nil(tok)
    assert(message:find "none.txt", message)
    assert.equal("EIO", code)
    tok, message = text.tokenizer("dict", {dictionary = own}):fit "a\xFF"
    assert.is_nil(tok)
    assert.equal("invalid UTF-8 at byte 2 (line 1)", message)
  end)
end)

describe("SXU", function()
  it("is cut as well as it was", function()
    local root = os.getenv "RNNLUA_CORPORA"
    local path = root and root .. "/cws/sxu-sighan2008/"
    if not path or not lfs.attributes(path, "mode") then
      return pending "is not here"
    end
    local own = dict.learn(assert(data.segmented(path .. "train.txt.gz")))
    local test = assert(data.segmented(path .. "test.txt.gz"))
    for _, case in ipairs {{{mode = "max"}, 0.901},
                           {{unknown = "single"}, 0.914}, {{}, 0.944}} do
      local guess, truth = {}, {}
      for i, sentence in ipairs(test) do
        truth[i] = sentence.words
        guess[i] = own:segment(table.concat(sentence.words), case[1])
      end
      local f1 = rnn.metrics.segmentation(guess, truth)
      assert(f1 > case[2], f1)
    end
  end)
end)
