---Arrays of NumPy: its own files, frozen in tests/fixtures/npy.lua, what is
---refused, and the way there and back; with NumPy itself where it is.
local rnn = require "rnn"
local sandbox = require "tests.sandbox"
local dir, write, read = sandbox.dir, sandbox.write, sandbox.read

local frozen = dofile "tests/fixtures/npy.lua"
local path = dir .. "/a.npy"

teardown(sandbox.remove)

local function unhex(s)
  return (s:gsub("%x%x", function(h) return string.char(tonumber(h, 16)) end))
end

---The numbers of a tensor in one list, integers as they are in the file.
local function flat(t)
  local list = t:reshape {-1}:totable()
  if t.dtype == "int32" then
    for i, x in ipairs(list) do list[i] = x - 1 end
  end
  return list
end

local DTYPE = {f8 = "float64", fortran2 = "float64", i4 = "int32",
               i8 = "int32", u1 = "int32", b1 = "int32", fortran3 = "int32"}

---A file of format 1.0 with any header.
local function file_of(header, data)
  return "\x93NUMPY\1\0" .. string.pack("<s2", header) .. (data or "")
end

local function header(descr, shape, order)
  return ("{'descr': %s, 'fortran_order': %s, 'shape': %s, }\n"):format(
         descr, order or "False", shape)
end

local function refused(bytes, text)
  local t, wrong, code = rnn.npy.load(write("bad.npy", bytes))
  assert.is_nil(t)
  assert.equal("EFORMAT", code)
  assert.truthy(wrong:find("bad.npy: ", 1, true), wrong)
  assert.truthy(wrong:find(text, 1, true), wrong)
end

describe("npy.load", function()
  for name, want in pairs(frozen) do
    if want.file then
      it("reads " .. name, function()
        local t = assert(rnn.npy.load(write("a.npy", unhex(want.file))))
        assert.same(want.shape, t:shape())
        assert.equal(DTYPE[name] or "float32", t.dtype)
        if #want.data > 0 then assert.same(want.data, flat(t)) end
      end)
    end
  end

  it("refuses what a tensor cannot hold", function()
    for name, text in pairs {
      big = "is big-endian ('>f4')", complex = "holds '<c8'",
      records = "array of records", text = "holds '<U2'",
      wide = "element 1 of its data is no int32", nine = "more than 8 axes",
    } do
      refused(unhex(frozen.refused[name]), text)
    end
  end)

  it("refuses damaged files", function()
    local whole = unhex(frozen.f4.file)
    for n = 0, #whole - 1 do refused(whole:sub(1, n), ": ") end
    refused(whole .. "x", "has 97 bytes of data, (2, 3, 4) of 4 bytes each " ..
            "are 96")
    refused("PK" .. whole, "is no .npy file")
    refused("\x93NUMPY\4\0" .. whole, "is of version 4.0")
    refused("\x93NUMPY\2\0\xff\xff\xff\xff", "a header of 4294967295 bytes")
    refused(file_of(header("'|b1'", "(1,)"), "\2"), "neither 0 nor 1")
  end)

  it("refuses headers that are not those of an array", function()
    for text, message in pairs {
      [""] = "damaged header", ["{"] = "damaged header",
      ["{}"] = "has no '", ["{'descr': '<f4'}"] = "has no '",
      [header("'<f4'", "(3)")] = "has a 'shape'",
      [header("'<f4'", "(-3,)")] = "has a 'shape'",
      [header("'<f4'", "(3 4)")] = "has a 'shape'",
      [header("'<f4'", "(,)")] = "has a 'shape'",
      [header("'<f4'", "(2147483648,)")] = "axis 1 has 2147483648 elements",
      [header("'<f4'", "(" .. ("9"):rep(400) .. ",)")] = "axis 1 has 999",
      [header("'<f4'", "(2147483647, 2147483647, 2147483647, 4)")] = "more",
      [header("'<f4'", "(1,)", "true")] = "has a 'fortran_order'",
      [header("'<f4'", "(1,)") .. "x"] = "damaged header",
      [header("'<f4'", "(1,), 'x': 1")] = "second field 'x'",
      [header("'<f4'", "(1,), 'shape': (1,)")] = "second field 'shape'",
      [header("'|O'", "(1,)")] = "holds '|O'",
      [header("__import__('os')", "(1,)")] = "has a 'descr'",
    } do
      refused(file_of(text, "\0\0\0\0"), message)
    end
  end)

  it("takes an empty array with a wide axis, and no memory", function()
    local bytes = file_of(header("'<f4'", "(0, 2147483647)"))
    local t = assert(rnn.npy.load(write("a.npy", bytes)))
    assert.same({0, 2147483647}, t:shape())
  end)

  it("survives any one byte that is another", function()
    local whole = unhex(frozen.i8.file)
    for at = 1, #whole do
      for _, by in ipairs {0, 39, 40, 57, 255} do
        local file = whole:sub(1, at - 1) .. string.char(by) ..
                     whole:sub(at + 1)
        local t, _, code = rnn.npy.load(write("a.npy", file))
        assert.truthy(t or code == "EFORMAT")
      end
    end
  end)

  it("names a file that is not there", function()
    local t, wrong, code = rnn.npy.load(dir .. "/none.npy")
    assert.is_nil(t)
    assert.truthy(wrong:find(dir .. "/none.npy: ", 1, true), wrong)
    assert.equal("EIO", code)
    assert.equal("EIO", (select(3, rnn.npy.load(dir))))
  end)
end)

describe("npy.save", function()
  it("writes the bytes that NumPy does", function()
    for _, name in ipairs {"f4", "f8", "i4", "scalar", "empty"} do
      local bytes = unhex(frozen[name].file)
      local t = assert(rnn.npy.load(write("a.npy", bytes)))
      assert(rnn.npy.save(path, t))
      assert.equal(bytes, read(path), name)
    end
  end)

  it("and load give back any tensor", function()
    rnn.seed(1)
    for _, shape in ipairs {{}, {0}, {7}, {3, 0, 2}, {2, 3, 4, 5},
                            {1, 1, 1, 1, 1, 1, 1, 2}} do
      for _, dtype in ipairs {"float32", "float64", "int32"} do
        local real = dtype ~= "int32" and dtype or "float32"
        local t = rnn.zeros(shape, dtype)
        t:setbytes(rnn.uniform(shape, -9, 9, real):bytes())
        assert(rnn.npy.save(path, t))
        local back = assert(rnn.npy.load(path))
        assert.same(shape, back:shape())
        assert.equal(dtype, back.dtype)
        assert.equal(t:bytes(), back:bytes())
      end
    end
  end)

  it("leaves the old file where it cannot write", function()
    assert.has_error(function() rnn.npy.save(path, 3) end,
                     "npy.save: takes a tensor, got number")
    local ok, wrong, code = rnn.npy.save(dir .. "/no/a.npy", rnn.ones {1})
    assert.is_nil(ok)
    assert.truthy(wrong:find "no/a.npy", wrong)
    assert.equal("EIO", code)
  end)

  it("is read by NumPy itself, and reads what that writes", function()
    if sandbox.shell("python3 -c 'import numpy'") ~= 0 then
      return pending "numpy is not installed"
    end
    assert(rnn.npy.save(path, rnn.arange(6, "int32"):reshape {2, 3}))
    local code, out, err = sandbox.shell(([[python3 -c '
import numpy as np
a = np.load("%s")
print(a.dtype, a.tolist())
np.save("%s/b.npy", np.asfortranarray(a * 2.0))']]):format(path, dir))
    assert.equal(0, code, err)
    assert.equal("int32 [[0, 1, 2], [3, 4, 5]]\n", out)
    assert.same({{0, 2, 4}, {6, 8, 10}},
                assert(rnn.npy.load(dir .. "/b.npy")):totable())
  end)
end)

describe("bytes of tensors", function()
  it("are little-endian, and go in as they came out", function()
    assert.equal("\0\0\x80\x3f", rnn.tensor({1}, "float32"):bytes())
    assert.equal("\0\0\0\0\4\0\0\0", rnn.ids({1, 5}):bytes())
    local t = rnn.zeros({2}, "int32")
    assert.equal(t, t:setbytes "\0\0\0\0\4\0\0\0")
    assert.same({1, 5}, t:totable())
    assert.same({256, 1}, t:setbytes("\xff\0", "uint8"):totable())
    assert.same({2, -7}, t:setbytes(string.pack("<i8i8", 1, -8), "int64")
                          :totable())
  end)

  it("of half floats are all of them", function()
    for h = 0, 0xffff do
      local t = rnn.zeros({1}, "float32")
      local x = t:setbytes(string.pack("<I2", h), "float16"):item()
      local e, m = h >> 10 & 31, h & 1023
      local want = e == 31 and (m > 0 and 0 / 0 or math.huge) or
                   e == 0 and m * 2.0 ^ -24 or (1 + m / 1024) * 2.0 ^ (e - 15)
      want = h >= 0x8000 and -want or want
      assert(x == want or x ~= x and want ~= want, h)
    end
  end)

  it("must be as many as there are elements, and fit", function()
    local t = rnn.ids {1, 2}
    assert.error_matches(function() t:setbytes "abc" end,
                         "2 elements of int32 are 8 bytes, got 3")
    assert.error_matches(function() t:setbytes("", "float16") end,
                         "float16 is for a tensor of float32, this one is")
    assert.error_matches(function() t:setbytes("", "int8") end,
                         "invalid option 'int8'")
    local ok, at = t:setbytes(string.pack("<i8i8", 1, 1 << 31), "int64")
    assert.is_nil(ok)
    assert.equal(2, at)
    assert.same({1, 2}, t:totable())
    t:close()
    assert.error_matches(function() t:bytes() end, "closed tensor")
  end)
end)
