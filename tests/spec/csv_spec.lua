-- Tables: known texts, every message, random tables against a parser in Lua
-- however they are cut, numbers against tonumber, memory that is refused.

local rnn = require "rnn"
local core = require "rnn.core"
local new_random = require "tests.random"
local raises = require "tests.raises"
local readers = require "tests.readers"
local sandbox = require "tests.sandbox"

local data = rnn.data
local write = sandbox.write

teardown(sandbox.remove)

local read, refuses = readers.read, readers.refuses

---Asserts the message of a table, read with all its options as csv and, where
---rows take them, as rows.
local function bad(message, bytes, opts)
  refuses(message, "EFORMAT", read("csv", bytes, opts))
  if opts and opts.guess then return end
  local rows, wrong, code = read("rows", bytes, opts)
  if not rows then return refuses(message, "EFORMAT", rows, wrong, code) end
  local ok
  repeat ok, wrong = pcall(rows) until not ok or wrong == nil
  refuses(message, "EFORMAT", nil, wrong, "EFORMAT")
end

---A column as a list.
local function list(column)
  return core.is_tensor(column) and column:totable() or column
end

---As strings: rows with "/" between them, cells with "|".
local function cells(bytes, opts)
  local t = assert(read("csv", bytes, opts))
  local parts, columns = {}, {}
  for k, name in ipairs(t.names) do columns[k] = list(t.columns[name]) end
  for i = 1, t.count do
    local row = {}
    for k in ipairs(t.names) do row[k] = columns[k][i] end
    parts[i] = table.concat(row, "|")
  end
  return table.concat(parts, "/"), t
end

-- {== Known tables ==

describe("csv", function()
  it("reads quotes, separators and line breaks in cells", function()
    local bytes = 'a,"b ""x""",c\n"1,5","say ""hi""",""\n\n' ..
                  '"two\nlines\n\n",,"""" \n'
    bad("f:7: text behind a quoted cell, expected ',' or the end of the line",
        bytes)
    local got, t = cells((bytes:gsub('" \n', '"\n')))
    assert.equal('1,5|say "hi"|/two\nlines\n\n||"', got)
    assert.same({"a", 'b "x"', "c"}, t.names)
    assert.same({2, 4}, {t:line(1), t:line(2)})
    assert.equal("1|2", (cells("a;b\r\n1;2\r\n", {separator = ";"})))
    assert.equal("1|/ x |y", (cells("a\tb\n1\t\n x \ty", {separator = "\t"})))
    assert.equal("1|2/3|4", (cells("1,2\n3,4\n", {header = false})))
    assert.equal("x\ny", (cells('a\n"x\r\ny"\r\n')))
    assert.equal("x\ry", (cells 'a\nx\ry\n'))
  end)

  it("passes blank lines over, but not quoted cells and separators", function()
    assert.equal("1|2", (cells " \na,b\n\t\n1,2\n \r\n\n"))
    assert.equal("1|2", (cells("a\tb\n\t\n1\t2\n", {separator = "\t"})))
    assert.equal("/1", (cells 'a\n""\n1\n'))
    assert.equal("|/1|", (cells "a,b\n,\n1,\n"))
    local _, t = cells " \n\na,b\n\n1,2\n\n\n3,4\n5,\"\n\"\n6,7"
    assert.same({5, 8, 9, 11}, {t:line(1), t:line(2), t:line(3), t:line(4)})
    raises.with("must be 1 to 4, got 5", t.line, t, 5)
    raises.with("must be 1 to 4, got 0", t.line, t, 0)
  end)

  it("reads numbers strictly", function()
    local _, t = cells("d,x,y\n2020-01-01,1.5,a\n2020-01-02, -2e3 ,b\n" ..
                       "d3,NA,\nd4,,\nd5,.5,\nd6,7,", {numbers = {"x"}})
    assert.equal("float64", t.columns.x.dtype)
    assert.same({6}, t.columns.x:shape())
    local x = list(t.columns.x)
    assert.same({1.5, -2000, 0.5, 7}, {x[1], x[2], x[5], x[6]})
    assert.truthy(x[3] ~= x[3] and x[4] ~= x[4])
    assert.equal("2020-01-01", t.columns.d[1])
    assert.same({d = "text", x = "number", y = "text"}, t.kinds)
    _, t = cells("d,x,y\na,1,?\n", {text = {"d"}, missing = {"?"}})
    assert.equal(1, t.columns.x[1]:item())
    assert.truthy(t.columns.y[1]:item() ~= t.columns.y[1]:item())
    for _, cell in ipairs {'"1,234"', "1 234", "0x10", "1e999", "inf", "nan",
                           "1.2.3", ".", "1e", "--1", "\u{FF11}", "1_0",
                           "1e5e", "+", "1\0", "\0001", "infinity", "1f"} do
      bad(("f:3: '%s' in column 'x' is no number; expected one such as " ..
           "1234.5, without thousands separators"):format(
          (cell:gsub('"', ""):gsub("%c", "?"))),
          "d,x\na,1\nb," .. cell .. "\n", {numbers = {"x"}, missing = {""}})
    end
  end)

  it("takes for missing what it is told, numbers too", function()
    local x = list(assert(read("csv", "x,y\n-999,a\n1,a\n?,a\n  ,a\n-99,a\n",
                               {numbers = {"x"},
                                missing = {"-999", "", "?"}})).columns.x)
    for i, missing in ipairs {true, false, true, true, false} do
      assert.equal(missing, x[i] ~= x[i])
    end
    bad("f:2: '' in column 'x' is no number; expected one such as 1234.5, " ..
        "without thousands separators", "x,y\n,a\n",
        {numbers = {"x"}, missing = {}})
  end)

  it("goes through rows", function()
    local got = {}
    for row, line in assert(read("rows", 'a,b,d\n"x\ny",1,1970-01-02\n\n' ..
                                         "z,2,1970-01-01 00:01\n",
                                 {numbers = {"b"}, dates = {"d"}})) do
      got[#got + 1] = {row.a, row.b, row.d, line}
    end
    assert.same({{"x\ny", 1, 86400, 2}, {"z", 2, 60, 5}}, got)
    local rows = assert(read("rows", "1,2\n3,4\n", {header = false}))
    assert.same({"1", "2"}, rows())
    assert.same({"3", "4"}, rows())
    assert.is_nil(rows())
    assert.is_nil(rows())
    rows = assert(read("rows", "a,b\n1,2\n1\n"))
    rows()
    raises.with(":3: has 1 cell, expected 2 as in the first row", rows)
    refuses("f: is empty", "EFORMAT", read("rows", ""))
    raises.with("rows: 'guess' is for data.csv", data.rows, "x",
                {guess = true})
  end)

  it("keeps no more than a row of a file that goes on", function()
    local path = write("long", "x,y\n" .. ("1.5,ab\n"):rep(200000))
    collectgarbage()
    local before, most, sum = core.memory().live, 0, 0
    for row in assert(data.rows(path, {numbers = {"x"}})) do
      sum, most = sum + row.x, math.max(most, core.memory().live)
    end
    assert.equal(300000, sum)
    assert.truthy(most - before < 1 << 22)
    local t <const> = assert(data.csv(path, {text = {}, missing = {"ab"}}))
    assert.equal(200000, #t.columns.y)
  end)

  it("reads what was written, whatever it is", function()
    local random, path = new_random(5), sandbox.dir .. "/w.csv"
    local pieces = {"a", "", '"', ",", ";", "\n", " ", "\t", "é", "\0", "1.5"}
    for round = 1, 100 do
      local t = {names = {"s", "x"}, columns = {s = {}, x = {}}, count = 6}
      for i = 1, t.count do
        local parts = {}
        for k = 1, random:int(1, 4) do parts[k] = random:pick(pieces) end
        t.columns.s[i] = table.concat(parts)
        t.columns.x[i] = random:int(-500, 500) / 7
      end
      local x = t.columns.x
      if round % 3 == 0 then t.columns.x = core.tensor(x, "float64") end
      local o = {separator = round % 2 == 0 and "," or ";"}
      assert(data.write_csv(path, t, o))
      o.numbers = {"x"}
      local got = assert(data.csv(path, o))
      assert.same(t.columns.s, got.columns.s)
      assert.same(x, list(got.columns.x))
      assert.same(t.names, got.names)
      assert.equal(t.count, got.count)
      assert.same({}, got.notes)
    end
    assert(data.write_csv(path, {names = {1}, columns = {{"", 0 / 0, 3}}},
                          {separator = "\t"}))
    assert.equal('""\n\n3\n', sandbox.read(path))
    raises.with("write_csv: row 2 of column 'a' must be a string or a " ..
                "number, got boolean", data.write_csv, path,
                {names = {"a"}, columns = {a = {1, true}}})
  end)

  it("writes a table of its own again, with its dates", function()
    local bytes = "day,x,s\n2020-02-29,1.5,a\n2020-03-01 12:30,,b\n"
    local t = assert(read("csv", bytes, {guess = true}))
    local path = sandbox.dir .. "/again.csv"
    assert(data.write_csv(path, t))
    assert.equal(bytes, sandbox.read(path))
  end)
end)

-- }==

-- {== Dates and kinds ==

describe("dates", function()
  it("are seconds", function()
    local _, t = cells("d,x\n1970-01-01,1\n 1970-01-02 ,2\n" ..
                       "1970-01-01T01:00:00+01:00,3\n",
                       {dates = {"d"}, numbers = {"x"}})
    assert.same({0, 86400, 0}, list(t.columns.d))
    assert.equal("float64", t.columns.d.dtype)
    assert.same({d = "date", x = "number"}, t.kinds)
    _, t = cells("d,e\n02.01.1970,Jan\n", {dates = {"d"},
                                           date_format = "%d.%m.%Y"})
    assert.equal("86400.0|Jan", (cells("d,e\n02.01.1970,Jan\n",
                 {dates = {"d"}, date_format = "%d.%m.%Y"})))
    assert.same({d = "date", e = "text"}, t.kinds)
    assert.equal("86400.0|7.0", (cells("1970-01-02,7\n",
                 {header = false, dates = {1}, text = {}})))
  end)

  it("say what is wrong, with line and column", function()
    local o = {dates = {"d"}}
    bad("f:3: a date is missing in column 'd'; every row needs one",
        "d,x\n2020-01-01,1\n,2\n", o)
    bad("f:2: a date is missing in column 'd'; every row needs one",
        "d,x\nNA,2\n", o)
    bad("f:2: '03/04/2020' in column 'd' does not say which is the day and " ..
        "which the month; set 'date_format' to %d/%m/%Y or %m/%d/%Y",
        "d,x\n03/04/2020,1\n", o)
    bad("f:2: '13.4.20' in column 'd' does not say which is the day and " ..
        "which the month; set 'date_format' to %d.%m.%Y or %m.%d.%Y",
        "d,x\n13.4.20,1\n", o)
    bad("f:3: '2021-02-29' in column 'd' is no date: there is no such day " ..
        "or time", "d,x\n2020-02-29,1\n2021-02-29,1\n", o)
    bad("f:2: 'today' in column 'd' is no date; expected YYYY-MM-DD, " ..
        "YYYY-MM or YYYY, maybe with HH:MM:SS, or set 'date_format'",
        "d,x\ntoday,1\n", o)
    bad("f:2: '2020-01-01' in column 'd' is no date; expected one as " ..
        "'date_format' = '%d.%m.%Y'", "d,x\n2020-01-01,1\n",
        {dates = {"d"}, date_format = "%d.%m.%Y"})
    bad("f:1: column 'd' is named as two kinds", "d,x\n1,1\n",
        {dates = {"d"}, numbers = {"d"}})
    raises.with("csv: 'date_format' has '%Q'; known are", data.csv, "x",
                {date_format = "%Q"})
    raises.with("csv: 'date_format' has '%'; known are", data.csv, "x",
                {date_format = "%Y%"})
    raises.with("csv: 'date_format' must have a year, %Y or %y, or be %s, " ..
                "got '%d.%m.'", data.csv, "x", {date_format = "%d.%m."})
  end)
end)

describe("guess", function()
  local function kinds(bytes, opts)
    opts = opts or {}
    opts.guess = true
    local t = assert(read("csv", bytes, opts))
    local parts = {}
    for i, name in ipairs(t.names) do parts[i] = t.kinds[name] end
    return table.concat(parts, " "), t
  end

  it("follows the first cell that is not missing", function()
    local bytes = "day,year,x,s,none\n,2020,,,\n"
    local got, t = kinds "y,x,s,t\n2020,,a1,2020-13\n2021, 1.5 ,7,2020-01\n"
    assert.equal("number number text text", got)
    assert.same({2020, 2021}, list(t.columns.y))
    assert.same({"a1", "7"}, t.columns.s)
    got, t = kinds "day,s,x\n2020-01-01,NA,\n2020-01-02,,NA\n2020-01-03,q,3\n"
    assert.equal("date text number", got)
    assert.same({"NA", "", "q"}, t.columns.s)
    assert.equal(3, t.columns.x[3]:item())
    assert.same({}, t.notes)
    assert.equal("date number", (kinds("y,x\n2020,1\n", {dates = {"y"}})))
    assert.equal("text number", (kinds("y,x\n2020,1\n", {text = {"y"}})))
    assert.equal("text date number", (kinds("a,b,c\n1,2020,\n",
                 {text = {"a"}, dates = {"b"}, numbers = {"c"}})))
    assert.equal("date", (kinds("d\n02.01.1970\n",
                                {date_format = "%d.%m.%Y"})))
    assert.equal("number text", (kinds("d,e\n20200101,2020-01-01\n",
                                       {date_format = "%Y%m%d"})))
    refuses("f:2: a date is missing in column 'day'; every row needs one. " ..
            "The column was taken for dates by line 3: correct the cell, or " ..
            "name the column in 'text'", "EFORMAT",
            read("csv", bytes .. "2020-01-01,1,1,1,1\n", {guess = true}))
  end)

  it("takes a column without cells for numbers, and tells", function()
    local got, t = kinds "a,b\n,1\nNA,2\n"
    assert.equal("number number", got)
    local a = list(t.columns.a)
    assert.truthy(#a == 2 and a[1] ~= a[1] and a[2] ~= a[2])
    assert.same({"all cells of column 'a' are missing; it is taken for " ..
                 "numbers"}, t.notes)
    got, t = kinds "a,b\n"
    assert.equal("number number", got)
    assert.same({0, {0}}, {t.count, t.columns.a:shape()})
  end)

  it("holds all later cells to it", function()
    local rest = ". The column was taken for %s by line 3: correct the cell" ..
                 "%s, or name the column in 'text'"
    bad("f:4: 'n/a' in column 'x' is no number; expected one such as 1234.5" ..
        ", without thousands separators" .. rest:format("numbers",
        ", add it to 'missing'"), "x,y\n,a\n1,b\nn/a,c\n", {guess = true})
    bad("f:4: 'soon' in column 'd' is no date; expected YYYY-MM-DD, YYYY-MM " ..
        "or YYYY, maybe with HH:MM:SS, or set 'date_format'" ..
        rest:format("dates", ""), "d\n\n2020-01-01\nsoon\n", {guess = true})
    bad("f:2: '3/4/2020' in column 'd' does not say which is the day and " ..
        "which the month; set 'date_format' to %d/%m/%Y or %m/%d/%Y, or " ..
        "name the column in 'text'", "d\n3/4/2020\n", {guess = true})
    assert.equal("text", (kinds("d\n3/4/2020\n", {text = {"d"}})))
  end)
end)

-- }==

-- {== Bad tables ==

describe("a table is refused that", function()
  it("is none", function()
    bad("f:3: has 3 cells, expected 2 as in the first row", "a,b\n1,2\n1,2,3\n")
    bad("f:2: has 1 cell, expected 2 as in the first row", "a,b\n1\n")
    bad("f:2: a quote in this row is not closed", 'a,b\n1,"2\n3,4\n5,6\n')
    bad('f:2: a cell has a quote in it and is not quoted; expected "..." ' ..
        "with the quotes within doubled", 'a,b\n1,6" long\n')
    bad("f:1: columns 1 and 3 have the name 'a'", "a,b,a\n")
    bad("f:1: columns 1 and 2 have the name ''", ",\n1,2\n")
    bad("f:2: columns 1 and 2 have the name 'a'", "\na,a\n")
    bad("f:1: has no column 'x' (it has: a, b)", "a,b\n1,2\n",
        {numbers = {"x"}})
    bad("f: is empty", "")
    bad("f: is empty", "\u{FEFF} \n\n")
    bad("f: invalid UTF-8 at byte 7 (line 2); set 'invalid' to replace, " ..
        "skip or bytes", "a,b\n1,\xE9\n")
    bad("f:2: '" .. ("y"):rep(60) .. "...' in column 'a' is no number; " ..
        "expected one such as 1234.5, without thousands separators",
        "a\n" .. ("y"):rep(100000), {numbers = {"a"}})
    bad("f:2: '" .. ("y"):rep(59) .. "...' in column 'a' is no number; " ..
        "expected one such as 1234.5, without thousands separators",
        "a\n" .. ("y"):rep(59) .. "éé", {numbers = {"a"}})
  end)

  it("is asked for what there is not", function()
    raises.with("csv: 'separator' must be one character", data.csv, "x",
                {separator = ", "})
    raises.with("csv: 'separator' must be one character", data.csv, "x",
                {separator = "\0"})
    raises.with("csv: 'numbers' must be a list, got boolean", data.csv, "x",
                {numbers = true})
    raises.with("csv: 'dates' must be a list, got string", data.csv, "x",
                {dates = "d"})
    raises.with("csv: takes 'numbers' or 'text'", data.csv, "x",
                {numbers = {}, text = {}})
  end)

  it("never ends a row", function()
    local reader <close> = core.csv_reader ","
    local piece, fed = ("x"):rep(1 << 20), 0
    reader:feed 'a,b\n1,"'
    assert.same({"a", "b"}, (reader:row(false)))
    local row, fault
    repeat
      reader:feed(piece)
      fed = fed + 1
      row, fault = reader:row(false)
    until fault or fed == 100
    assert.is_nil(row)
    assert.same({what = "long", line = 2, cells = 0}, fault)
    assert.equal(16, fed)
    bad("f:1: this row is longer than 16777216 bytes; is a quote in it not " ..
        "closed?", ("x"):rep((1 << 24) + 1) .. "\n1\n")
    assert(read("csv", ("x"):rep((1 << 24) - 1) .. "\n1\n"))
  end)
end)

describe("a table is taken that", function()
  it("has a header, or a row, or NULs", function()
    local t = assert(read("csv", "a,b\n", {numbers = {"a"}, dates = {"b"}}))
    assert.same({0, {0}, {0}}, {t.count, t.columns.a:shape(),
                                t.columns.b:shape()})
    t = assert(read("csv", "a,b\n1,x\n", {numbers = {"a"}}))
    assert.same({1, {"x"}}, {t.count, t.columns.b})
    assert.equal(1, t.columns.a[1]:item())
    assert.equal("x\0y|\0/\0|", (cells "a,b\nx\0y,\0\n\0,\n"))
    assert.equal("\0", (cells 'a\n"\0"\n'))
  end)

  it("has a header that may be none, and tells", function()
    assert.same({"took the first row for names, and one of them is 112; set " ..
                 "'header' to false if it is no header"},
                read("csv", "1949-01,112\n1949-02,118\n").notes)
    assert.same({}, read("csv", "a,b\n1,2\n").notes)
    assert.same({}, read("csv", "0x10,b\n1,2\n").notes)
  end)

  it("has many columns", function()
    local names, row = {}, {}
    for i = 1, 20000 do names[i], row[i] = "c" .. i, tostring(i) end
    local t = assert(read("csv", table.concat(names, ",") .. "\n" ..
                                 table.concat(row, ",") .. "\n", {text = {}}))
    assert.equal(20000, t.columns.c20000[1]:item())
  end)
end)

-- }==

-- {== Against a parser in Lua ==

---The rows of a table, each with its line; then what is wrong and its line.
local function oracle(s, separator)
  local rows, line, at = {}, 1, 1
  while at <= #s do
    local row, begins, raw = {line = line}, line, at
    repeat
      local cell, quoted = {}, s:sub(at, at) == '"'
      if quoted then
        at = at + 1
        while true do
          local c = s:sub(at, at)
          if c == "" then return rows, "open", begins end
          if c == '"' and s:sub(at + 1, at + 1) ~= '"' then break end
          if c == "\n" then line = line + 1 end
          cell[#cell + 1] = c
          at = at + (c == '"' and 2 or 1)
        end
        at = at + 1
        row.quoted = true
      end
      while at <= #s and not s:find("^[\n" .. separator .. "]", at) do
        local c = s:sub(at, at)
        if quoted then return rows, "behind", line end
        if c == '"' then return rows, "quote", line end
        cell[#cell + 1] = c
        at = at + 1
      end
      row[#row + 1] = table.concat(cell)
      local c = s:sub(at, at)
      if c == "\n" then line = line + 1 end
      at = at + 1
    until c ~= separator
    if row.quoted or s:sub(raw, at - 1):find "%S" then
      row.quoted = nil
      rows[#rows + 1] = row
    end
  end
  return rows
end

---The same from the reader, fed with pieces of random sizes.
local function cut(s, separator, random)
  local reader <close> = core.csv_reader(separator)
  local rows, at, ended = {}, 1, false
  while true do
    local row, line = reader:row(false)
    if row then
      row.line = line
      rows[#rows + 1] = row
    elseif line or ended then
      return rows, line and line.what, line and line.line
    else
      local n = random:chance(0.3) and random:int(1, 3) or random:int(1, 40)
      ended = at > #s
      reader:feed(not ended and s:sub(at, at + n - 1) or nil)
      at = at + n
    end
  end
end

describe("any bytes", function()
  local PIECES = {"a", "1.5", " ", '"', '""', ",", ";", "\t", "\n", "\n\n",
                  "\r", "\0", "é", '"x,\ny"', '"q""q"', ",,", "long text "}

  it("give the rows that a parser in Lua gives", function()
    local random, whole = new_random(7), 0
    for round = 1, 4000 do
      local parts = {}
      for i = 1, random:int(0, 25) do parts[i] = random:pick(PIECES) end
      local s = table.concat(parts)
      local separator = random:pick {",", ";", "\t", " ", "a"}
      local expected = {oracle(s, separator)}
      local got = {cut(s, separator, random)}
      assert.same(expected, got, ("round %d: %q"):format(round, s))
      whole = whole + (expected[2] and 0 or 1)
    end
    assert.truthy(whole > 500)
  end)

  it("give it for tables with quotes too", function()
    local random = new_random(8)
    for _ = 1, 300 do
      local n, lines = random:int(1, 5), {}
      for i = 1, random:int(1, 20) do
        local row = {}
        for k = 1, n do
          local parts = {}
          for j = 1, random:int(0, 3) do parts[j] = random:pick(PIECES) end
          row[k] = table.concat(parts)
          if row[k]:find '[",\n]' or random:chance(0.3) then
            row[k] = '"' .. row[k]:gsub('"', '""') .. '"'
          end
        end
        lines[i] = table.concat(row, ",") .. "\n"
      end
      local s = table.concat(lines)
      local expected = {oracle(s, ",")}
      assert.is_nil(expected[2])
      assert.same(expected, {cut(s, ",", random)})
    end
  end)

  it("never crash, mutated", function()
    local random = new_random(9)
    local good = 'day,x,"s, t",y\n2020-01-01,1.5,"a ""b""",\n' ..
                 "2020-01-02T10:00,-2e-3,c,1e5\n2020-01-03,NA,\"d\ne\",7\n"
    local options = {
      {guess = true}, {text = {}}, {dates = {1}, header = false, text = {}},
      {numbers = {2}, header = false, dates = {1},
       date_format = "%Y-%m-%dT%H:%M"},
      {guess = true, date_format = "%s"}, {separator = " ", guess = true}}
    for _ = 1, 600 do
      local bytes = {good:byte(1, -1)}
      for _ = 1, random:int(1, 6) do
        local at = random:int(1, #bytes)
        bytes[at] = random:chance(0.5) and random:int(0, 255) or
                    random:pick {34, 44, 10, 45, 46, 48}
      end
      local o = random:pick(options)
      o.invalid = random:pick {"replace", "skip", "bytes"}
      local t, message, code = read("csv", string.char(table.unpack(bytes)), o)
      if t then
        for _, name in ipairs(t.names) do
          assert.equal(t.count, #list(t.columns[name]))
        end
      else
        assert.truthy(message:find "/f:" and not message:find "\n", message)
        assert.equal("EFORMAT", code)
      end
    end
  end)
end)

describe("numbers", function()
  ---Spellings of all kinds: of few digits and many, ties, far exponents.
  local function spelling(random)
    local digits = {}
    for i = 1, random:pick {1, 3, 5, 8, 15, 16, 17, 18, 19, 20, 25} do
      digits[i] = random:int(0, 9)
    end
    local s = table.concat(digits)
    if random:chance(0.7) then
      local at = random:int(0, #s)
      s = s:sub(1, at) .. "." .. s:sub(at + 1)
    end
    if random:chance(0.4) then
      s = s .. random:pick {"e", "E"} .. random:pick {"", "+", "-"} ..
          random:int(0, random:pick {3, 30, 330})
    end
    return random:pick {"", "-", "+"} .. s
  end

  it("are as tonumber has them, to the bit", function()
    local random, spellings, expected = new_random(3), {}, {}
    for _ = 1, 100000 do
      local s = spelling(random)
      if not s:find "[eE.]" then s = s .. "." end   -- no integer in Lua
      local x = tonumber(s)
      if math.abs(x) < math.huge then
        spellings[#spellings + 1], expected[#expected + 1] = s, x
      end
    end
    for _ = 1, 100000 do   -- doubles as others print them, and half-way points
      local x = ("<d"):unpack(("<i8"):pack(random:next()))
      if random:chance(0.7) then x = random:int(-(1 << 53), 1 << 53) / 2 ^
                                     random:int(0, 60) end
      if x == x and math.abs(x) < math.huge then
        local s = (random:pick {"%.17g", "%.16g", "%.15g", "%.9g"}):format(x)
        spellings[#spellings + 1] = s
        expected[#expected + 1] = tonumber(s) + 0.0
      end
    end
    local t = assert(read("csv", "x\n" .. table.concat(spellings, "\n"),
                          {numbers = {"x"}}))
    local got = list(t.columns.x)
    assert.equal(#expected, #got)
    for i, x in ipairs(expected) do
      if ("<d"):pack(x) ~= ("<d"):pack(got[i]) then
        error(("%s is %a, got %a"):format(spellings[i], x, got[i]))
      end
    end
  end)

  it("have a point in any locale", function()
    for _, locale in ipairs {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "fr_FR"} do
      if os.setlocale(locale, "numeric") then break end
    end
    local t = assert(read("csv", "x\n1.5\n1.2345678901234567890123\n2.5e-300\n",
                          {numbers = {"x"}}))
    os.setlocale("C", "numeric")
    assert.same({1.5, 1.2345678901234567890123, 2.5e-300}, list(t.columns.x))
  end)
end)

-- }==

describe("memory", function()
  it("may be refused anywhere", function()
    local lines = {"day,x,s,e"}
    for i = 1, 300 do
      lines[i + 1] = ("2020-01-01,%d.5,\"%s\",\n"):format(i, ("t"):rep(i))
    end
    local path = write("oom", table.concat(lines, "\n"))
    for _, o in ipairs {{guess = true}, {dates = {"day"}, text = {"s"}}} do
      local k, ok, message = 0, false, nil
      while not ok do
        k = k + 1
        collectgarbage()
        core.trim()
        core.fail_alloc(k)
        ok, message = pcall(data.csv, path, o)
        core.fail_alloc(0)
        assert.truthy(ok or tostring(message):find "not enough memory",
                      message)
      end
      assert.equal(300, message.count)
      assert.truthy(k > 20)
    end
  end)
end)
