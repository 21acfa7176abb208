---The engine's tokenizers and units of text do what those of the Lua half do,
---with utf8proc and without: a program answers questions about random text.
require "rnn"   -- has the other modules inside
local classifier = require "rnn.models.classifier"
local core = require "rnn.core"
local dict = require "rnn.dict"
local map = require "rnn.map"
local new_random = require "tests.random"
local sandbox = require "tests.sandbox"
local segmenter = require "rnn.models.segmenter"
local text = require "rnn.text"
local units = require "rnn.data.units"
local words = require "rnn.models.words"

teardown(sandbox.remove)

local TOOLS = {"text_tool", "text_tool_alone"}

-- {== Questions and answers ==

---What a program answers to questions {name, text, text}.
local function ask(tool, questions)
  local input = map(questions, function(q)
    local a, b = q[2], q[3] or ""
    return ("%s %d %d\n%s%s"):format(q[1], #a, #b, a, b)
  end)
  local code, output, wrong = sandbox.shell(sandbox.build .. "/" .. tool,
                                            table.concat(input))
  assert.equal(0, code, wrong)
  local list, at = {}, 1
  for i = 1, #questions do
    local size, from = output:match("^(%d+)\n()", at)
    list[i] = output:sub(from, from + size - 1)
    at = from + size
  end
  return list
end

---Both programs answer 'wanted' to questions.
local function same(questions, wanted)
  assert.is_true(#questions > 0 and #questions == #wanted)
  for _, tool in ipairs(TOOLS) do
    for i, got in ipairs(ask(tool, questions)) do
      if got ~= wanted[i] then
        local q = questions[i]
        error(("%s, %s of %q %q: expected %q, got %q"):format(tool, q[1],
              q[2], q[3] or "", wanted[i], got))
      end
    end
  end
end

---A list as the program writes it.
local function items(list)
  return table.concat(map(list, function(s) return #s .. ":" .. s end))
end

---A local function that 'f' calls.
local function upvalue(f, name)
  for i = 1, math.huge do
    local key, value = debug.getupvalue(f, i)
    if key == name then return value end
    assert(key, name .. ": no such upvalue")
  end
end

-- }==

-- {== Random text ==

local PARTS = {
  "a", "B", "cat", "The", "9", "42", " ", "  ", "\n", "\n\n", "\r\n", "\t",
  "\v", ".", "...", "!", "?", "?!", ",", ";", "'", "\"", ")", "]", "-", "--",
  "_", "%", "(", "\0", "\1", "\x7F", "don't", "3.14", "a@b.org", "http://a.b/c",
  "e\u{301}", "\u{E9}", "\u{C9}", "\u{DF}", "\u{130}", "\u{FB01}", "\u{B2}",
  "\u{A0}", "\u{85}", "\u{2028}", "\u{3000}", "\u{2019}", "\u{200D}",
  "\u{200C}", "\u{4E2D}", "\u{6587}", "\u{4ED6}", "\u{6765}\u{5230}",
  "\u{4E0A}\u{6D77}", "\u{5927}\u{5B66}", "\u{3002}", "\u{FF01}", "\u{FF1F}",
  "\u{FF0C}", "\u{FF1B}", "\u{D55C}", "\u{D558}", "\u{11AB}", "\u{1112}",
  "\u{1161}", "\u{11A7}", "\u{30AB}", "\u{FF76}\u{FF9E}", "\u{1F468}",
  "\u{1F469}\u{200D}\u{1F467}", "\u{1F1E9}", "\u{1F1EA}", "\u{1F44D}\u{1F3FD}",
  "\u{928}", "\u{93F}", "\u{94D}", "\u{327}", "\u{2581}", "\u{10FFFF}",
}
local BROKEN = {"\xFF", "\xE4\xB8", "\xE3\x80", "\xF0\x9F\x91", "\x80", "\xC3",
                "\xED\xA0\x80", "\xC0\xAF", "\xF4\x90\x80\x80", "\xE0\x80"}

local function random_text(random, n)
  local list, broken = {}, random:chance(0.5)
  for i = 1, n do
    list[i] = random:pick(broken and random:chance(0.2) and BROKEN or PARTS)
  end
  return table.concat(list)
end

---Texts of all lengths, the empty one too; of parts that are often the same.
local function random_texts(random, n)
  local list = {""}
  for i = 2, n do list[i] = random_text(random, random:int(1, 24)) end
  return list
end

-- }==

-- {== Tokenizers ==

local SAMPLE = ("the cat \u{E9}e\u{301} and The dog\nate 42 \u{FB01}sh.\n" ..
                "\u{4ED6}\u{6765}\u{5230}\u{4E0A}\u{6D77} \u{D55C} don't " ..
                "\u{1F469}\u{200D}\u{1F467} \u{1F1E9}\u{1F1EA}\u{2581}.")
               :rep(3)

local function new_dict()
  local d = dict.learn {{"\u{4ED6}", "\u{6765}\u{5230}", "\u{4E0A}\u{6D77}"},
                        {"\u{4E0A}\u{6D77}", "\u{5927}\u{5B66}"},
                        {"\u{4E2D}\u{6587}", "\u{5927}\u{5B66}", "cat"}}
  assert(d:set("\u{6D77}", 3, "n"))
  return d
end

---Specifications of tokenizers of all kinds, fitted.
local function specs()
  local list, user = {}, {"\u{6765}\u{5230}\u{4E0A}"}
  local function add(kind, opts, sample)
    local tok = assert(text.tokenizer(kind, opts))
    list[#list + 1] = assert(tok:fit(sample or SAMPLE)):spec()
  end
  for _, form in ipairs {false, "nfc", "nfkc"} do
    local normal = form or nil
    add("byte", {normal = normal})
    for _, bytes in ipairs {true, false} do
      add("char", {normal = normal, byte_fallback = bytes})
      add("grapheme", {normal = normal, byte_fallback = bytes})
    end
    add("char", {normal = normal}, SAMPLE .. "\xFF")
    add("grapheme", {normal = normal, max_size = 9})
    add("bpe", {normal = normal, vocab_size = 280})
    for _, lines in ipairs {true, false} do
      for _, split in ipairs {"space", "unicode"} do
        add("word", {normal = normal, lines = lines, split = split})
      end
      for _, unknown in ipairs {"guess", "single"} do
        add("dict", {normal = normal, lines = lines, unknown = unknown,
                     dictionary = new_dict(), user = user})
      end
    end
  end
  list[#list + 1] = "dict :\n\n"
  list[#list + 1] = "dict unicode : a\n\n"
  list[#list + 1] = "char :"
  list[#list + 1] = "bpe :"
  list[#list + 1] = "word lines :"
  return list
end

local function ids_text(ids)
  return table.concat(map(ids:totable(), function(id) return id .. " " end))
end

local function random_ids(random, size)
  local list = {}
  for i = 1, size > 0 and random:int(0, 12) or 0 do
    list[i] = random:int(1, size)
  end
  return list
end

local function streamed(tok, ids)
  local stream, list = tok:stream(), {}
  for i, id in ipairs(ids) do list[i] = stream(id) end
  list[#ids + 1] = stream()
  return items(list)
end

describe("tokenizers", function()
  it("have the ids of the Lua ones", function()
    local random, questions, wanted = new_random(1), {}, {}
    for _, spec in ipairs(specs()) do
      local tok = assert(text.tokenizer_from(spec))
      for _, s in ipairs(random_texts(random, 60)) do
        local ids, wrong = tok:encode(s)
        questions[#questions + 1] = {"encode", spec, s}
        wanted[#wanted + 1] = ids and ids_text(ids) or "error: " .. wrong
      end
    end
    same(questions, wanted)
  end)

  it("write the text of the Lua ones", function()
    local random, questions, wanted = new_random(2), {}, {}
    for _, spec in ipairs(specs()) do
      local tok = assert(text.tokenizer_from(spec))
      local function add(name, ids, want)
        questions[#questions + 1] = {name, spec, table.concat(ids, " ")}
        wanted[#wanted + 1] = want
      end
      for _ = 1, 20 do
        local ids = random_ids(random, #tok)
        add("decode", ids, tok:decode(ids))
        add("stream", ids, streamed(tok, ids))
      end
      questions[#questions + 1] = {"size", spec}
      wanted[#wanted + 1] = ("%d %d "):format(#tok, tok:usable())
    end
    same(questions, wanted)
  end)

  it("join words that stand after more white space than a unit has", function()
    local spec = "dict : cat \u{2581}\n\n"
    local s = "cat" .. (" "):rep(10000) .. "cat"
    same({{"encode", spec, s}}, {"2 3 2 "})
    same({{"encode", spec, s}},
         {ids_text(assert(text.tokenizer_from(spec)):encode(s))})
  end)

  it("refuse ids that there are not", function()
    same({{"decode", "word : a", "3"}, {"stream", "byte", "257"}},
         {"error: decode: id 3 at position 1 is not in 1..2",
          "error: decode: id 257 at position 1 is not in 1..256"})
  end)

  it("refuse what the Lua ones refuse, and say why", function()
    local questions, wanted = {}, {}
    for _, spec in ipairs {
      "", "x", "bytes", "byte ", "byte nfc nfc", "byte nfc x", "char", "char:",
      "char x : 61", "char nfc nfd : 61", "char : 61 ", "char :  61",
      "char : g", "char : 62 61", "char : 61 61", "char : 61 62", "char : 061",
      "char : d800", "char : 110000", "char : 61-60", "char : 61-",
      "char : 0-10ffff 0-10ffff", "char : 61-63 61-63", "grapheme bytes : 61+",
      "grapheme : 61 61", "grapheme : d800", "grapheme : 110000",
      "grapheme : 1000000",
      "grapheme odd : 61", "word", "word : a a", "word : a  b", "word : a ",
      "word odd : a", "word lines lines : a", "word : a\xFF", "word : a\nb",
      "word : " .. ("x"):rep(5000), "bpe", "bpe : 61+62 61+62", "bpe : 61",
      "bpe : 61+100", "bpe : 61+", "bpe nfd : 61+62", "bpe : 00000061+62",
      "bpe : 61+61 100+100 101+101 102+102 103+103 104+104 105+105 " ..
      "106+106",
      "dict", "dict : a", "dict : a\n", "dict odd : a\n\n", "dict : a\nb 1\n",
      "dict : a\nb\n\n", "dict : a\nb 0\n\n", "dict : a\nb 1 n m\n\n",
      "dict : a\nb 1\na 1\n\n", "dict : a\nb 1\n\nc 1", "dict : a\n\nc 1 \n",
      "dict : a\nb 1\n\nc x y z\n", "dict single single : a\n\n",
    } do
      local tok, wrong, code = text.tokenizer_from(spec)
      assert.is_nil(tok, spec)
      assert.equal("EFORMAT", code)
      questions[#questions + 1] = {"size", spec}
      wanted[#wanted + 1] = "error: " .. wrong
    end
    -- of several faults the engine may name another one
    local other = {
      ["char : 61-60"] = "its list of characters is damaged",
      ["char : 061"] = "its list of characters is damaged",
      ["char : 0-10ffff 0-10ffff"] = "its list of characters is damaged",
      ["grapheme bytes : 61+"] = "its list of characters is damaged",
      ["grapheme : 1000000"] = "its list of characters is damaged",
      ["bpe nfd : 61+62"] = "unknown option 'nfd'",
      ["dict single single : a\n\n"] = "its description is damaged",
    }
    for i, q in ipairs(questions) do
      local wrong = other[q[2]]
      wanted[i] = wrong and "error: tokenizer: " .. wrong or wanted[i]
    end
    same(questions, wanted)
  end)

  it("take what the Lua ones take, of damaged specifications", function()
    local random, questions, taken = new_random(3), {}, {}
    local EDITS = {" ", ":", "\n", "-", "+", "0", "1", "f", "a", "z", "\xE4"}
    for _, spec in ipairs(specs()) do
      for _ = 1, 40 do
        local at, to = random:int(1, math.min(#spec, 60)), random:int(0, 1)
        if random:chance(0.3) then at = random:int(1, #spec) end
        local new = spec:sub(1, at - 1) .. random:pick(EDITS) ..
                    spec:sub(at + to)
        local tok = text.tokenizer_from(new)
        questions[#questions + 1] = {"size", new}
        taken[#taken + 1] = tok and ("%d %d "):format(#tok, tok:usable())
                            or false
      end
    end
    for _, tool in ipairs(TOOLS) do
      for i, got in ipairs(ask(tool, questions)) do
        local wrong = got:match "^error: tokenizer: ."
        assert.equal(taken[i], not wrong and got, questions[i][2])
      end
    end
  end)
end)

-- }==

-- {== Units ==

local rows_of = upvalue(upvalue(classifier.mark, "grams_of"), "rows_of")
local CUT, sentences_of = upvalue(rows_of, "CUT"),
                          upvalue(rows_of, "sentences_of")
local pieces_of = upvalue(upvalue(segmenter.build, "META").__index.segment,
                          "pieces_of")

local UNITS = {
  chars = function(s) return items(units.chars(s)) end,
  words = function(s) return items(units.words(s)) end,
  tokens = function(s) return items(units.tokens(s)) end,
  jamo = function(s) return items(units.jamo(s)) end,
  trim = function(s) return items {units.of(s, "text")} end,
  spell = function(s) return items(words.spell(s)) end,
  fold = words.fold,
  terms = function(s) return items(CUT.words(s)) end,
  sentences = function(s) return items(sentences_of(s)) end,
  parts = function(s) return items(map(pieces_of(s), table.concat)) end,
}

describe("units", function()
  local function compare(texts)
    local questions, wanted = {}, {}
    for name, f in pairs(UNITS) do
      for _, s in ipairs(texts) do
        questions[#questions + 1] = {name, s}
        wanted[#wanted + 1] = f(s)
      end
    end
    same(questions, wanted)
  end

  it("are those of the Lua half", function()
    compare(random_texts(new_random(4), 1500))
  end)

  it("are the same for every pair of bytes", function()
    local list = {}
    for a = 0, 255 do
      for _, b in ipairs {"", "a", " ", ".", "\x80", "\xE4", "\xFF"} do
        list[#list + 1] = "." .. string.char(a) .. b
      end
    end
    compare(list)
  end)

  it("are the same for long texts", function()
    local random, list = new_random(5), {}
    for i = 1, 12 do
      list[i] = random_text(random, 1500 + i):gsub("[ \t\v\r\n]", "\u{4E2D}")
    end
    for n = 998, 1003 do
      list[#list + 1] = ("\u{4E2D}"):rep(n)
      list[#list + 1] = "\u{3002}" .. ("\u{4E2D}"):rep(n) .. "\u{3002}x"
      list[#list + 1] = ("\u{3002}"):rep(n)
    end
    for n = 98, 102 do
      list[#list + 1] = ("x"):rep(n)
      list[#list + 1] = ("\u{1F469}"):rep(n)
      list[#list + 1] = ("\u{1F469}"):rep(n - 1) .. "\xF0\x9F"
      list[#list + 1] = ("\xF0\x9F"):rep(n)
    end
    compare(list)
  end)

  it("are cut where rnn.core cuts", function()
    assert.equal("a , b", core.apart "a,b")
    same({{"tokens", "a,b"}, {"terms", "don't a-b,\u{E9}."}},
         {items {"a", ",", "b"}, items {"don't", "a-b", ",", "\u{E9}", "."}})
  end)
end)

-- }==
