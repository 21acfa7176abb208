-- Labelled data: every format by known texts, what is refused and how, what is
-- written read again; labels, padded batches, order and place of batches.

local rnn = require "rnn"
local core = require "rnn.core"
local lfs = require "lfs"
local new_random = require "tests.random"
local raises = require "tests.raises"
local readers = require "tests.readers"
local sandbox = require "tests.sandbox"

local data = rnn.data
local write = sandbox.write

teardown(sandbox.remove)

local read, refuses = readers.read, readers.refuses

local function joined(list, field)
  local parts = {}
  for i, value in ipairs(list) do parts[i] = table.concat(value[field], " ") end
  return table.concat(parts, " / ")
end

-- {== All formats ==

local GOOD = {
  conll = "a B\nb I\n\nc O\n", csv = "a,b\n1,2\n", pairs = "a b\tc\nd\te\n",
  labelled = "x\ta\ny\tb\n", segmented = "a bc\nd\n",
}

---What a reader gives as plain values: a table of data.csv has its reader.
local function bare(list)
  list.reader = nil
  return list
end

describe("every format", function()
  it("takes CR LF, a byte order mark, a last line without an end", function()
    for reader, bytes in pairs(GOOD) do
      local expected = bare(assert(read(reader, bytes)))
      for _, other in ipairs {
        (bytes:gsub("\n", "\r\n")), "\u{FEFF}" .. bytes, bytes:sub(1, -2),
        "\u{FEFF}" .. (bytes:gsub("\n", "\r\n"):sub(1, -3)), bytes .. "\n\n",
      } do
        assert.same(expected, bare(assert(read(reader, other))), reader)
      end
    end
  end)

  it("is unpacked", function()
    for reader, bytes in pairs(GOOD) do
      local path = write("packed", bytes)
      assert(os.execute("gzip -kf " .. sandbox.quote(path)))
      assert.same(bare(assert(data[reader](path))),
                  bare(assert(data[reader](path .. ".gz"))))
    end
  end)

  it("comes from standard input", function()
    for reader, bytes in pairs(GOOD) do
      local code, out, err = sandbox.shell(("%s -e %s"):format(
        sandbox.program, sandbox.quote(([[local rnn = require "rnn"
local core = require "rnn.core"
        local list = assert(rnn.data.%s "-")
        list.reader = nil
        print(#rnn.json.encode(list))]]):format(reader))),
        bytes)
      assert.equal(0, code, err)
      assert.equal(#rnn.json.encode(bare(assert(read(reader, bytes)))),
                   tonumber(out))
    end
  end)

  it("says where text is not UTF-8, or does what it is told", function()
    for reader, bytes in pairs(GOOD) do
      local bad = bytes .. "\xE9" .. bytes
      local value, message, code = read(reader, bad)
      refuses(("f: invalid UTF-8 at byte %d (line %d); set 'invalid' to " ..
               "replace, skip or bytes"):format(#bytes + 1,
              select(2, bytes:gsub("\n", "")) + 1), "EFORMAT", value, message,
              code)
      for _, how in ipairs {"replace", "skip", "bytes"} do
        assert(read(reader, bad, {invalid = how}))
      end
      assert.is_nil((read(reader, bytes .. "\xE4\xB8")))   -- cut off
    end
  end)

  it("refuses what is empty, missing or a folder", function()
    for reader in pairs(GOOD) do
      for _, bytes in ipairs {"", "\n", " \n\n", "\u{FEFF}", "\r\n"} do
        local value, message, code = read(reader, bytes)
        assert.is_nil(value)
        assert.truthy(message:find "f: has no %l+$" or
                      message:find "f: is empty$", message)
        assert.equal("EFORMAT", code)
      end
      refuses("none: No such file or directory", "EIO",
              data[reader](sandbox.dir .. "/none"))
    end
    refuses("/: Is a directory", "EIO", data.conll "/")
  end)

  it("knows its options", function()
    for reader in pairs(GOOD) do
      raises.with(reader .. ": unknown option 'bom'", data[reader], "x",
                  {bom = true})
      raises.with(reader .. ": 'invalid' must be error, replace, skip or " ..
                  "bytes, got 'x'", data[reader], "x", {invalid = "x"})
    end
    assert.is_nil(data.no_such_format)
    raises.exactly("data: a path must be a string, got nil", data.conll)
  end)

  it("refuses lines that a CR alone ends", function()
    for _, reader in ipairs {"conll", "segmented"} do
      refuses("f:1: has a CR without LF, expected lines that end in LF or " ..
              "CR LF", "EFORMAT", read(reader, "a B\rb I\r"))
    end
  end)

  it("has a list or a message for any bytes", function()
    local random = new_random(11)
    local pieces = {"a", "1", " ", "\t", "\n", "\r", "\r\n", '"', ",", "#", "-",
                    "\0", "\xFF", "é", "\u{3000}", "\u{FEFF}", "B", "\n\n",
                    "-DOCSTART-", "1\ta\tb\tX\tY\tc\t0\td\te\t_\n"}
    local options = {conll = {{}, {format = "conllu"}, {separator = "tab"}},
                     labelled = {{}, {separator = "space", label = "last"},
                                 {separator = "csv"}},
                     pairs = {{}, {separator = "space", comment = "#"},
                              {source = "chars"}},
                     csv = {{}, {text = {}, header = false}},
                     segmented = {{}}}
    for _ = 1, 100 do
      local parts = {}
      for i = 1, random:int(1, 30) do parts[i] = random:pick(pieces) end
      for reader in pairs(GOOD) do
        local o = random:pick(options[reader])
        o.invalid = random:pick {"error", "replace", "skip", "bytes"}
        local list, message, code = read(reader, table.concat(parts), o)
        if list then
          assert.equal("table", type(list))
        else
          assert.truthy(message:find("^[^\n]*/f:"), message)
          assert.equal("EFORMAT", code)
        end
      end
    end
  end)

  it("takes long lines, and NULs", function()
    local words = ("w "):rep(100000)
    local list = assert(read("segmented", words .. "\n" .. words))
    assert.equal(100000, #list[2].words)
    list = assert(read("conll", ("w T\n"):rep(100000)))
    assert.equal(100000, #list[1].tags)
    list = assert(read("pairs", words .. "\t" .. words))
    assert.equal(100000, #list[1].target)
    local t = assert(read("csv", "a,b\n" .. ("1,"):rep(1) .. words:rep(20)))
    assert.equal(#words * 20, #t.columns.b[1])
    list = assert(read("labelled", "x\ta\0b"))
    assert.equal("a\0b", list[1].text)
  end)
end)

-- }==

-- {== Columns ==

describe("conll", function()
  it("reads sentences, their columns and lines", function()
    local list = assert(read("conll",
      "-DOCSTART- -X- O\n\nHe PRP B-NP\n# # O\n\n\nran\tVBD  B-VP \n"))
    assert.same({
      {words = {"He", "#"}, tags = {"B-NP", "O"}, line = 3},
      {words = {"ran"}, tags = {"B-VP"}, line = 7},
    }, list)
    list = assert(read("conll", "a x B\nb y I\n",
                       {columns = {w = 1, pos = -2, chunk = 3}}))
    assert.same({{w = {"a", "b"}, pos = {"x", "y"}, chunk = {"B", "I"},
                  line = 1}}, list)
    list = assert(read("conll", "New York\tB\n\n# c\nx\tO\n",
                       {separator = "tab", comments = true}))
    assert.equal("New York / x", joined(list, "words"))
  end)

  local function row(id, form, tag)
    return ("%s\t%s\tlemma\t%s\tX\t_\t0\troot\t_\t_\n"):format(id, form, tag)
  end

  it("reads CoNLL-U without ranges and empty nodes", function()
    local text = "# sent_id = 1\n# text = del\n" .. row("1-2", "del", "_") ..
                 row(1, "de", "ADP") .. row(2, "el", "DET") ..
                 row("2.1", "-", "_") .. row(3, "a b", "NOUN") .. "\n" ..
                 "# sent_id = 2\n" .. row(1, "#", "SYM") .. "\n"
    local list = assert(read("conll", text, {format = "conllu"}))
    assert.same({
      {words = {"de", "el", "a b"}, tags = {"ADP", "DET", "NOUN"}, line = 4},
      {words = {"#"}, tags = {"SYM"}, line = 10},
    }, list)
    list = assert(read("conll", text, {format = "conllu",
                                       columns = {words = 3, tags = 5}}))
    assert.equal("X X X / X", joined(list, "tags"))
    refuses("f:3: has the id '1', expected 3; a blank line must stand " ..
            "between sentences", "EFORMAT",
            read("conll", row(1, "a", "X") .. row(2, "b", "X") ..
                 row(1, "c", "X"), {format = "conllu"}))
    refuses("f:1: has the id 'x', expected 1; a blank line must stand " ..
            "between sentences", "EFORMAT",
            read("conll", row("x", "a", "X"), {format = "conllu"}))
    refuses("f:1: column 4, 'tags', is empty", "EFORMAT",
            read("conll", row(1, "a", ""), {format = "conllu"}))
    refuses("f:1: has 4 columns, expected the 10 of CoNLL-U, with tabs " ..
            "between them", "EFORMAT",
            read("conll", "1\ta\tb\tc\n", {format = "conllu"}))
  end)

  it("refuses lines with other columns", function()
    refuses("f:4: has 2 columns, expected 3 as in line 1", "EFORMAT",
            read("conll", "a X O\nb Y O\n\nc Y\n"))
    refuses("f:1: has 1 column, 'tags' and 'words' must be two", "EFORMAT",
            read("conll", "a\nb\n"))
    refuses("f:1: has 2 columns, 'tags' is to be column 3", "EFORMAT",
            read("conll", "a X\n", {columns = {words = 1, tags = 3}}))
    raises.with("conll: 'columns' must have numbers of columns, from 1 or " ..
                "from -1 backwards, by name; got words = 0", data.conll, "x",
                {columns = {words = 0}})
    raises.with("'columns' must be a table such as", data.conll, "x",
                {columns = 3})
    raises.with("conll: 'format' must be columns or conllu, got 'x'",
                data.conll, "x", {format = "x"})
  end)

  it("reads what was written", function()
    local list = {{words = {"a", "北京"}, tags = {"O", "B"}, line = 1},
                  {words = {"#"}, tags = {"O"}, line = 4}}
    local path = sandbox.dir .. "/w"
    for _, separator in ipairs {"space", "tab"} do
      assert(data.write_conll(path, list, {separator = separator}))
      assert.same(list, data.conll(path, {separator = separator}))
    end
    assert(data.write_conll(path, list, {columns = {"words", "tags", "tags"}}))
    assert.equal("a O O\n北京 B B\n\n# O O\n\n", sandbox.read(path))
    raises.with("write_conll: words[1] of a sentence must be a string " ..
                "without white space, got \"a b\"", data.write_conll, path,
                {{words = {"a b"}, tags = {"O"}}})
    raises.with("'tags' of a sentence must have 1 words as 'words', got 2",
                data.write_conll, path, {{words = {"a"}, tags = {"O", "O"}}})
    raises.with("a sentence has no 'words'", data.write_conll, path,
                {{words = {}, tags = {}}})
    assert.equal("a O O", sandbox.read(path):sub(1, 5))   -- as it was
    local ok, message, code = data.write_conll("/none/f", list)
    assert.is_nil(ok)
    assert.truthy(message:find "No such file or directory")
    assert.equal("EIO", code)
  end)
end)

-- }==

-- {== Texts, pairs, segmented text ==

describe("labelled", function()
  it("reads labels first or last, with tabs or spaces", function()
    local expected = {{label = "x", text = "a b", line = 1},
                      {label = "y", text = "c", line = 3}, notes = {}}
    assert.same(expected, read("labelled", "x\ta b \n\n y\tc\n"))
    assert.same(expected, read("labelled", "a b\tx\n\nc\ty\n",
                               {label = "last"}))
    assert.same(expected, read("labelled", "x a b\n\ny  c\n",
                               {separator = "space"}))
    assert.same(expected, read("labelled", "a b x\n\nc y \n",
                               {separator = "space", label = "last"}))
    assert.same(expected, read("labelled", "1\tx\ta b\n\n2\tz\ty\tc\n",
                               {columns = {label = -2, text = -1}}))
    expected[1].line, expected[2].line = 2, 3
    assert.same(expected, read("labelled", 'text,n,label\n"a b",1,x\nc,2,y\n',
                               {separator = "csv"}))
    assert.same(expected, read("labelled", 't,n,l\n"a b",1,x\nc,2,y\n',
                               {separator = "csv",
                                columns = {label = "l", text = "t"}}))
  end)

  it("reads a file or a folder for each label", function()
    local folder = sandbox.dir .. "/classes"
    assert(lfs.mkdir(folder))
    write("classes/Greek.txt", "Banos\n\nChellos \n")
    write("classes/Czech.txt", "Abl\n")
    write("classes/.hidden", "x\n")
    local expected = {{label = "Czech", text = "Abl", line = 1},
                      {label = "Greek", text = "Banos", line = 1},
                      {label = "Greek", text = "Chellos", line = 3},
                      notes = {}}
    assert.same(expected, data.labelled(folder))
    assert.same(expected, data.labelled {Greek = folder .. "/Greek.txt",
                                         Czech = folder .. "/Czech.txt"})
    assert.same({expected[1], notes = {}},
                data.labelled(folder .. "/Czech.txt", {label = "file"}))
    write("classes/Greek.dev", "x\n")
    refuses("classes: classes/Greek.dev and classes/Greek.txt are both of " ..
            "the label 'Greek'; give the paths as {label = path}", "EFORMAT",
            data.labelled(folder))
    assert(lfs.mkdir(sandbox.dir .. "/texts"))
    assert(lfs.mkdir(sandbox.dir .. "/texts/pos"))
    write("texts/pos/1.txt", "good\nfilm\n")
    write("texts/pos/2.txt", "fine\n")
    assert.same({{label = "pos", text = "good\nfilm", line = 1},
                 {label = "pos", text = "fine", line = 1}, notes = {}},
                data.labelled(sandbox.dir .. "/texts"))
    write("texts/\xff.txt", "x\n")
    refuses("texts/\xff.txt: its name, a label, is not valid UTF-8", "EFORMAT",
            data.labelled(sandbox.dir .. "/texts"))
    refuses("none: No such file or directory", "EIO",
            data.labelled {x = sandbox.dir .. "/none"})
    refuses("texts/none: No such file or directory", "EIO",
            data.labelled(sandbox.dir .. "/texts/none"))
  end)

  it("tells of labels without a text", function()
    local list = assert(read("labelled", "x\ta\ny\t\ny\t \n"))
    assert.equal(1, #list)
    assert.same({"passed over 2 examples without text, the first in line 2"},
                list.notes)
  end)

  it("refuses other lines", function()
    refuses("f:2: has 1 column, expected 2, label and text with a tab " ..
            "between them", "EFORMAT", read("labelled", "x\ta\nb\n"))
    refuses("f:1: has 3 columns, expected 2, label and text with a tab " ..
            "between them; choose them with 'columns'", "EFORMAT",
            read("labelled", "x\ta\tb\n"))
    refuses("f:1: has 2 columns, 'text' is to be column 3", "EFORMAT",
            read("labelled", "x\ta\n", {columns = {label = 1, text = 3}}))
    refuses("f:2: has no label", "EFORMAT",
            read("labelled", "x\ta\n\tb\n"))
    refuses("f: has no column 'text' (it has: label, review); choose with " ..
            "'columns'", "EFORMAT",
            read("labelled", "label,review\n1,a\n", {separator = "csv"}))
    refuses("f:3: has no label", "EFORMAT",
            read("labelled", "label,text\n1,a\n,b\n", {separator = "csv"}))
    raises.with("labelled: 'columns' need the separator tab or csv",
                data.labelled, "x", {columns = {label = 1, text = 2},
                                     separator = "space"})
    raises.with("labelled: 'columns' must be a table of label and text",
                data.labelled, "x", {columns = {label = 1}})
  end)
end)

describe("pairs", function()
  it("reads one file", function()
    local list = assert(read("pairs", "chat\tʃ a\n\nété\te t e\n",
                             {source = "chars"}))
    assert.same({{source = {"c", "h", "a", "t"}, target = {"ʃ", "a"}, line = 1},
                 {source = {"é", "t", "é"}, target = {"e", "t", "e"},
                  line = 3}, notes = {}}, list)
    list = assert(read("pairs", "# all\na(2) AH0 # x\nc# K\n",
                       {separator = "space", comment = "#",
                        source = "text"}))
    assert.same({{source = "a(2)", target = {"AH0"}, line = 2},
                 {source = "c#", target = {"K"}, line = 3}, notes = {}}, list)
    list = assert(read("pairs", "Hi.\t嗨。\tCC-BY\n",
                       {target = "chars", columns = {source = 1, target = 2}}))
    assert.same({"嗨", "。"}, list[1].target)
    list = assert(read("pairs", "a\xFFé\xE9\tb\n", {source = "chars",
                                                   invalid = "bytes"}))
    assert.same({"a", "\xFF", "é", "\xE9"}, list[1].source)
    list = assert(read("pairs", "가각힣 a\xFF\tb\n", {source = "jamo",
                                                    invalid = "bytes"}))
    assert.equal("가각힣 a\xFF",
                 core.normalise(table.concat(list[1].source), "nfc"))
    assert.equal(2 + 3 + 3 + 3, #list[1].source)
  end)

  it("reads two files whose lines belong together", function()
    local en = write("en", "a man\n\na\nx\n")
    local de = write("de", "ein mann\n\nein\n\n")
    local list = assert(data.pairs(en, de))
    assert.equal("a man / a", joined(list, "source"))
    assert.equal("ein mann / ein", joined(list, "target"))
    assert.equal(3, list[2].line)
    assert.same({"passed over 2 pairs with an empty side, the first in line 2"},
                list.notes)
    refuses("en has 4 lines, f has 2; line by line they must belong together",
            "EFORMAT", data.pairs(en, write("f", "a\nb\n")))
    refuses("f has 2 lines, en has 4; line by line they must belong together",
            "EFORMAT", data.pairs(write("f", "a\nb\n"), en))
    refuses("stdin: cannot be read twice", "EIO", data.pairs("-", "-"))
    refuses("none: No such file or directory", "EIO",
            data.pairs(en, sandbox.dir .. "/none"))
    refuses("e: has no pairs", "EFORMAT", data.pairs(write("e", ""), {}))
    raises.with("pairs: unknown option 'comment'", data.pairs, en, de,
                {comment = "#"})
  end)

  it("refuses other lines", function()
    refuses("f:2: has 1 column, expected 2 with a tab between them", "EFORMAT",
            read("pairs", "a\tb\nc d\n"))
    refuses("f:1: has 3 columns, expected 2 with a tab between them; choose " ..
            "them with 'columns'", "EFORMAT", read("pairs", "a\tb\tc\n"))
    raises.with("pairs: 'columns' must have the names source, target, got " ..
                "source", data.pairs, "x", {columns = {source = 1}})
    raises.with("pairs: 'columns' need the separator tab", data.pairs, "x",
                {columns = {source = 1, target = 2}, separator = "space"})
    raises.with("pairs: 'source' must be words, chars, jamo, tokens or text,"
                .. " got 'bpe'", data.pairs, "x", {source = "bpe"})
  end)

  it("are words and tags", function()
    local words = write("seq.in", "fly to boston\n\nhi\n")
    local tags = write("seq.out", "O O B-city\n\nO\n")
    assert.same({{words = {"fly", "to", "boston"}, tags = {"O", "O", "B-city"},
                  line = 1}, {words = {"hi"}, tags = {"O"}, line = 3}},
                data.tagged(words, tags))
    refuses("f:1: has 2 tags, expected 3, one for each word of seq.in:1",
            "EFORMAT", data.tagged(words, write("f", "O O\n\nO\n")))
  end)
end)

describe("segmented", function()
  it("reads words, and tags their characters", function()
    local list = assert(read("segmented", "我  在  图书馆  。  \r\n\n北京\u{3000}大\n"))
    assert.equal("我 在 图书馆 。 / 北京 大", joined(list, "words"))
    assert.equal("S S B M E S / B E S", joined(list, "tags"))
    assert.equal("我 在 图 书 馆 。 / 北 京 大", joined(list, "chars"))
    assert.equal(3, list[2].line)
  end)

  it("comes back from its tags, whatever they are", function()
    local random, kinds = new_random(3), {"B", "M", "E", "S"}
    for _ = 1, 200 do
      local chars, tags = {}, {}
      for i = 1, random:int(1, 12) do
        chars[i] = random:pick {"a", "b", "é", "北"}
        tags[i] = random:pick(kinds)
      end
      local words = data.segment(chars, tags)
      assert.equal(table.concat(chars), table.concat(words))
      local again, new_tags = data.bmes(words)
      assert.same(chars, again)
      assert.same(words, data.segment(again, new_tags))
    end
    assert.same({"ab", "c", "d", "ef"}, data.segment(
                {"a", "b", "c", "d", "e", "f"},
                {"M", "E", "M", "S", "M", "M"}))
    raises.with("segment: tag 2 must be B, M, E or S, got 'O'", data.segment,
                {"a", "b"}, {"S", "O"})
    raises.with("segment: there are 1 characters and 0 tags", data.segment,
                {"a"}, {})
  end)
end)

-- }==

-- {== Labels, tensors, parts ==

describe("labels", function()
  it("have ids in their own order", function()
    local labels, warning = data.labels {"b", "a", "c", "a"}
    assert.is_nil(warning)
    assert.same({"a", "b", "c"}, labels.names)
    assert.equal(3, #labels)
    assert.equal("3 labels: a b c", tostring(labels))
    assert.equal(2, labels:id "b")
    assert.is_nil(labels:id "x")
    assert.same({{tags = 1}}, {{tags = data.labels({{t = "x"}}, "t"):id "x"}})
    labels = data.labels({{tags = {"O", "B"}}, {tags = {"I", "O"}}}, "tags")
    assert.same({"B", "I", "O"}, labels.names)
    assert.same({"O", "B"}, labels:decode {3, 1})
    raises.with("decode: id 4 at position 2 is not in 1..3", labels.decode,
                labels, {1, 4})
  end)

  it("pass unknown ones by, and tell of them", function()
    local labels = data.labels {"a", "b"}
    local ids, unseen = labels:encode {"b", "x", "a", "y"}
    assert.same({2, 0, 1, 0}, ids)
    assert.equal(2, unseen)
    assert.equal("3 of 4 labels are unknown: 'x' (2), 'y' (1)",
                 labels:unseen {"y", "x", "a", "x"})
    assert.is_nil(labels:unseen {{"a"}, {"b"}})
  end)

  it("warn when there is one only", function()
    local labels, warning = data.labels {"pos", "pos"}
    assert.equal(1, #labels)
    assert.equal("all 2 labels are 'pos'; a model learns nothing from them",
                 warning)
    raises.with("labels: there are none", data.labels, {})
    raises.with("labels: element 2 must have a label or a list of labels, " ..
                "got nil", data.labels, {{t = "x"}, {}}, "t")
    raises.with("labels: a label must be a string, got number", data.labels,
                {{"a", 1}})
    raises.with("is not valid UTF-8", data.labels, {"\xFF"})
  end)

  it("are kept in a model file", function()
    local labels = data.labels {"O", 'B-"x"', "é"}
    local path = sandbox.dir .. "/m.safetensors"
    assert(rnn.save(path, {out = rnn.Linear(2, 3)}, {labels = labels}))
    local _, meta = rnn.load_model(path)
    assert.same(labels, data.labels_from(meta.labels))
    for _, bad in ipairs {"", "[]", "{}", "null", "1", '["a","a"]',
                          '["b","a"]', '["a",1]', '["a", "b"]', '["a"',
                          '{"a":1}', "[[]]"} do
      local got, message, code = data.labels_from(bad)
      assert.is_nil(got, bad)
      assert.equal("labels: their description is damaged", message)
      assert.equal("EFORMAT", code)
    end
  end)
end)

describe("padded", function()
  it("puts rows side by side, time first", function()
    local x, lengths = data.padded {{3, 1, 2}, {2}}
    assert.same({{3, 2}, {1, 0}, {2, 0}}, x:totable())
    assert.same({3, 1}, lengths)
    assert.equal("int32", x.dtype)
    x = data.padded({{ids = {1}}, {ids = rnn.ids {2, 3}}},
                    {field = "ids", pad = 9})
    assert.same({{1, 2}, {9, 3}}, x:totable())
    for batch in data.batches({{ids = rnn.ids {2, 3}}, {ids = rnn.ids {1}}},
                              {max_tokens = 2, length = "ids"}) do
      assert.equal(1, #batch)
    end
  end)

  it("has characters of words", function()
    local x, lengths, inner = data.padded({{{1, 2, 3}, {4}}, {{5, 6}}},
                                          {pad = 7})
    assert.same({{{1, 2, 3}, {5, 6, 7}}, {{4, 7, 7}, {7, 7, 7}}}, x:totable())
    assert.same({2, 1}, lengths)
    assert.same({3, 2, 1, 1}, inner)
  end)

  it("refuses what is no batch", function()
    raises.with("padded: there are no rows", data.padded, {})
    raises.with("padded: row 2 must have an id or more, got none", data.padded,
                {{1}, {}})
    raises.with("padded: row 1 must have an id or more, got nil", data.padded,
                {{}}, {field = "x"})
    raises.with("padded: element 2 of row 1 has no parts", data.padded,
                {{{1}, {}}})
    raises.with("padded: unknown option 'padding'", data.padded, {{1}},
                {padding = 1})
    assert.has_error(function() data.padded {{1}, {{2}}} end)
    assert.has_error(function() data.padded {{"a"}} end)
  end)
end)

describe("split", function()
  local function range(n)
    local list = {}
    for i = 1, n do list[i] = i end
    return list
  end

  it("has every element once, the same for a seed", function()
    for n = 10, 40 do
      local parts = {data.split(range(n), {0.8, 0.1, 0.1}, 7)}
      local all = {}
      for _, part in ipairs(parts) do
        for i, value in ipairs(part) do
          assert.truthy(i == 1 or part[i - 1] < value)
          all[#all + 1] = value
        end
      end
      table.sort(all)
      assert.same(range(n), all)
      assert.same(parts, {data.split(range(n), {0.8, 0.1, 0.1}, 7)})
    end
    local one, other = data.split(range(100), {0.5}), data.split(range(100),
                                                                 {0.5}, 2)
    assert.equal(50, #one)
    assert.not_same(one, other)
    assert.same({{1, 2, 3}, {4}}, {data.split(range(5), {0.6, 0.2}, false)})
  end)

  it("refuses parts that cannot be", function()
    raises.with("split: 'fractions' must be one or more, of a sum of 1 at " ..
                "most; got 1.2", data.split, range(10), {0.6, 0.6})
    raises.with("split: fraction 2 must be above 0, got -1", data.split,
                range(10), {0.5, -1})
    raises.with("split: 0.01 of 10 is no example", data.split, range(10),
                {0.9, 0.01})
  end)
end)

-- }==

describe("batches", function()
  ---Examples of random lengths; each is a list of its own number.
  local function examples(count, seed)
    local random, list = new_random(seed or 1), {}
    for i = 1, count do
      local example = {}
      for k = 1, random:int(1, 20) do example[k] = i end
      list[i] = {ids = example}
    end
    return list
  end

  local KINDS = {
    {batch = 4}, {batch = 4, shuffle = false}, {batch = 7, length = "ids"},
    {batch = 3, length = "ids", pool = 10}, {max_tokens = 40, length = "ids"},
    {max_tokens = 60, batch = 4, length = function(e) return #e.ids end},
    {batch = 4, length = "ids", pool = 5, shuffle = false}, {batch = 1000},
  }

  ---The numbers of the examples of a batch.
  local function numbers(batch)
    local list = {}
    for i, example in ipairs(batch) do list[i] = example.ids[1] end
    return list
  end

  it("have every example once an epoch, within their limits", function()
    for _, o in ipairs(KINDS) do
      local list = examples(53)
      local batches = data.batches(list, o)
      for epoch = 1, 3 do
        local seen, count, per = {}, 0, batches:per_epoch()
        for batch in batches do
          assert.equal(epoch, batches.epoch)
          local longest = 0
          for _, example in ipairs(batch) do
            assert.is_nil(seen[example])
            seen[example] = true
            longest = math.max(longest, #example.ids)
          end
          assert.truthy(#batch >= 1 and #batch <= (o.batch or 53))
          assert.truthy(#batch * longest <= (o.max_tokens or math.huge))
          count = count + 1
        end
        for _, example in ipairs(list) do assert.truthy(seen[example]) end
        assert.equal(per, count)
      end
    end
  end)

  it("are the same for a seed, and others for each epoch", function()
    local function order(seed, epoch, o)
      o.seed = seed
      local batches, list = data.batches(examples(53), o), {}
      batches:restore {epoch = epoch, at = 0, examples = 53}
      for batch in batches do list[#list + 1] = numbers(batch) end
      return list
    end
    for _, o in ipairs {{batch = 4}, {batch = 4, length = "ids", pool = 12}} do
      assert.same(order(1, 1, o), order(1, 1, o))
      assert.not_same(order(1, 1, o), order(2, 1, o))
      assert.not_same(order(1, 1, o), order(1, 2, o))
    end
    local plain = order(1, 1, {batch = 4, shuffle = false})
    assert.same({1, 2, 3, 4}, plain[1])
    assert.same({53}, plain[14])
    assert.same(plain, order(2, 5, {batch = 4, shuffle = false}))
  end)

  it("go on from any place as if they had not stopped", function()
    for _, o in ipairs(KINDS) do
      local batches, all, states = data.batches(examples(53), o), {}, {}
      for i = 1, 40 do
        states[i] = batches:state()
        all[i] = numbers(batches:next())
      end
      for i = 1, 40, 3 do
        local other = data.batches(examples(53), o)
        local text = rnn.json.encode(states[i])
        assert.truthy(other:restore(rnn.json.decode(text)))
        assert.same(states[i], other:state())
        for k = i, 40 do assert.same(all[k], numbers(other:next())) end
      end
    end
  end)

  it("have examples of one length together", function()
    local function padding(o)
      local filled, all = 0, 0
      for batch in data.batches(examples(2000), o) do
        local _, lengths = data.padded(batch, {field = "ids"})
        for _, n in ipairs(lengths) do filled = filled + n end
        all = all + #lengths * math.max(table.unpack(lengths))
      end
      return 1 - filled / all
    end
    assert.truthy(padding {batch = 20} > 0.4)
    assert.truthy(padding {batch = 20, length = "ids", pool = 500} < 0.1)
    assert.truthy(padding {max_tokens = 200, length = "ids"} < 0.1)
  end)

  it("know when so many epochs have been read", function()
    for _, o in ipairs(KINDS) do
      local batches = data.batches(examples(20), o)
      while not batches:finished(2) do
        batches:next()
        assert.truthy(batches.epoch <= 2)
      end
      batches:next()
      assert.equal(3, batches.epoch)
    end
  end)

  it("leave out a short one when told", function()
    local batches = data.batches(examples(10), {batch = 4, drop_last = true})
    assert.equal(2, batches:per_epoch())
    for batch in batches do assert.equal(4, #batch) end
  end)

  it("refuse a place that is none", function()
    local batches = data.batches(examples(10), {batch = 4})
    batches:next()
    local before = batches:state()
    for _, state in ipairs {false, {}, {epoch = 0, at = 0, examples = 10},
                            {epoch = 1, at = 4, examples = 10},
                            {epoch = 1.5, at = 0, examples = 10},
                            {epoch = 1, at = -1, examples = 10}} do
      local ok, message = batches:restore(state)
      assert.is_nil(ok)
      assert.equal("the place in the data is damaged", message)
    end
    local _, message = batches:restore {epoch = 1, at = 0, examples = 9}
    assert.equal("the place is in data of 9 examples, there are 10", message)
    assert.same(before, batches:state())
    assert.truthy(batches:restore {epoch = 2, at = 3, examples = 10})
  end)

  it("say what is wrong", function()
    local list = examples(3)
    local function with(message, o, of)
      raises.with(message, data.batches, of or list, o)
    end
    with("batches: needs 'batch' or 'max_tokens'", {})
    with("batches: there are no examples", {batch = 1}, {})
    with("batches: 3 examples make no batch of 8; take a smaller one, or " ..
         "leave out 'drop_last'", {batch = 8, drop_last = true})
    with("batches: 'max_tokens' and 'pool' need 'length'", {max_tokens = 5})
    with("batches: 'max_tokens' and 'pool' need 'length'",
         {batch = 2, pool = 3})
    with("batches: 'drop_last' has no meaning with 'max_tokens'",
         {max_tokens = 5, drop_last = true, length = "ids"})
    with("batches: example 2 has length 3, more than max_tokens = 2",
         {max_tokens = 2, length = "w"}, {{w = "a"}, {w = "abc"}})
    with("batches: the length of example 2 must be an integer >= 1, got 0",
         {batch = 2, length = "w"}, {{w = "a"}, {w = {}}})
    with("batches: the length of example 1 must be an integer >= 1, got ",
         {batch = 2, length = "x"})
    with("batches: 'batch' must be an integer >= 1, got 0", {batch = 0})
    with("batches: unknown option 'size'", {batch = 1, size = 2})
  end)

  it("are a part of a run that goes on exactly", function()
    local list = examples(30)
    local function train(dir, steps)
      rnn.seed(1)
      local batches = data.batches(list, {batch = 4, length = "ids"})
      local model = {embed = rnn.Embedding(30, 4), out = rnn.Linear(4, 30)}
      local run = assert(rnn.run.open {
        dir = sandbox.dir .. "/" .. dir, model = model, steps = steps,
        optim = rnn.SGD(rnn.parameters(model), {lr = 0.1}), resume = "auto",
        parts = {reader = batches}, quiet = true,
      })
      assert(run:train(function()
        local x = data.padded(batches:next(), {field = "ids", pad = 1})
        local tape <close> = rnn.tape()
        local loss = rnn.cross_entropy(model.out(model.embed(x)), x)
        return run:backward(tape, loss)
      end))
      return model.out.weight:totable()
    end
    local expected = train("whole", 20)
    train("parts", 11)
    assert.same(expected, train("parts", 20))
  end)
end)

-- {== Corpora, where they are ==

describe("corpora", function()
  ---Path below the folder in RNNLUA_CORPORA; nil when it is not there.
  local function find(path)
    local root = os.getenv "RNNLUA_CORPORA"
    path = root and root .. "/" .. path
    return path and lfs.attributes(path, "mode") and path
  end

  ---reader, examples, units, path(s), options
  local COUNTS = {
    {"conll", 8936, 211727, {"tagging/conll2000/train.txt.gz"}},
    {"conll", 2077, 25094, {"tagging/ud-english-ewt/en_ewt-ud-test.conllu.gz"},
     {format = "conllu"}},
    {"tagged", 500, nil, {"tagging/atis/valid/seq.in",
                          "tagging/atis/valid/seq.out"}},
    {"labelled", 1821, nil, {"classify/sst2/stsa.binary.test"},
     {separator = "space"}},
    {"labelled", 20050, nil, {"classify/names-18"}},
    {"labelled", 5574, nil, {"classify/sms-spam/SMSSpamCollection"},
     {columns = {label = 1, text = 2}}},
    {"labelled", 7765, nil,
     {"classify/chnsenticorp-hotel/ChnSentiCorp_htl_all.csv.gz"},
     {separator = "csv", columns = {label = "label", text = "review"}}},
    {"segmented", 3654, 113527, {"cws/sxu-sighan2008/test.txt.gz"}},
    {"segmented", 3985, nil, {"cws/sighan2005-msr/msr_test_gold.utf8.gz"}},
    {"pairs", 135166, nil, {"seq2seq/cmudict/cmudict.dict"},
     {separator = "space", comment = "#", source = "text"}},
    {"pairs", 1014, nil, {"seq2seq/multi30k-en-de/val.lc.norm.tok.en",
                          "seq2seq/multi30k-en-de/val.lc.norm.tok.de"}},
    {"pairs", 450, nil, {"seq2seq/sigmorphon2020-g2p/fre_test.tsv"},
     {source = "chars"}},
    {"pairs", 21116, nil, {"seq2seq/tatoeba-en-zh/cmn.txt.gz"}},
  }

  for _, row in ipairs(COUNTS) do
    local reader, count, units, paths, opts = table.unpack(row, 1, 5)
    it(("%s: %s"):format(reader, paths[1]), function()
      local args = {}
      for i, path in ipairs(paths) do
        args[i] = find(path)
        if not args[i] then return pending("is not here") end
      end
      args[#paths + 1] = opts
      local list = assert(data[reader](table.unpack(args)))
      assert.equal(count, #list)
      local sum = 0
      for _, example in ipairs(units and list or {}) do
        sum = sum + #example.words
      end
      assert.equal(units or 0, sum)
    end)
  end
end)

-- }==
