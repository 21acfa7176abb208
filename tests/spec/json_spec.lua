---The JSON of logs and descriptions: what it writes, and what it refuses.
require "rnn"
local json = require "rnn.json"

describe("json.encode", function()
  it("sorts keys and keeps integers and floats apart", function()
    assert.equal('{"a":[1,2.5,1.0],"b":{},"c":null,"d":true,"e":0.1}',
                 json.encode {e = 0.1, d = true, c = json.null, b = {},
                              a = {1, 2.5, 1.0}})
    assert.equal('{"a":[],"b":[1]}', json.encode {a = json.array {},
                                                  b = json.array {1}})
  end)

  it("writes numbers that read back as the same", function()
    for _, x in ipairs {1 / 3, 1e300, 5e-324, -0.0, 2 ^ 53, 0.1 + 0.2,
                        math.maxinteger, math.mininteger} do
      local y = json.decode(json.encode(x))
      assert.equal(x, y)
      assert.equal(math.type(x), math.type(y))
    end
  end)

  it("escapes what must be, and writes UTF-8 only", function()
    assert.equal('"\\"\\\\\\n\\u0000\\u007f\u{E9}\u{FFFD}x"',
                 json.encode '"\\\n\0\x7f\u{E9}\xffx')
  end)

  it("refuses what JSON cannot hold", function()
    local loop = {}
    loop[1] = loop
    for _, value in ipairs {0 / 0, 1 / 0, -1 / 0, print, {[1.5] = 1},
                            {{}, {[2] = 1}}, loop} do
      assert.has_error(function() json.encode(value) end)
    end
  end)
end)

describe("json.decode", function()
  it("reads what the standard allows", function()
    local t = json.decode [[ {"a" : [1, -2.5e1, "x\u00e9\ud83d\ude00\/"],
                              "b": {"c": null, "d": [], "e": {}}} ]]
    assert.same({1, -25.0, "x\u{E9}\u{1F600}/"}, t.a)
    assert.equal(json.null, t.b.c)
    assert.equal(false, json.decode "false")
  end)

  local refused = {
    [""] = "text ends too early", ["[1,]"] = "unexpected character",
    ["[1 2]"] = "expected ',' or ']'", ['{"a":1 "b":2}'] = "expected ','",
    ['{"a":1,"a":2}'] = "duplicate key", ["{a:1}"] = "expected a key",
    ['{"a"}'] = "expected ':'", ['{"a":1,}'] = "expected a key",
    ["01"] = "leading zero", ["-"] = "unexpected character",
    ["+1"] = "unexpected character", ["1."] = "behind the value",
    [".5"] = "unexpected character", ["1e999"] = "out of range",
    ["0x10"] = "behind the value", ["NaN"] = "unexpected character",
    ["nul"] = "unexpected character", ["1 2"] = "behind the value",
    ['"a'] = "string without an end", ['"\n"'] = "control character",
    ['"\\x"'] = "bad escape", ['"\\u12g4"'] = "bad escape",
    ['"\\ud800"'] = "lone surrogate", ['"\\udc00\\ud800"'] = "lone surrogate",
    ['"\xff"'] = "invalid UTF-8", ['"\xed\xa0\x80"'] = "invalid UTF-8",
    ["'a'"] = "unexpected character", ["[1] // x"] = "behind the value",
    [("["):rep(1e5)] = "nested too deeply",
    [("{\"a\":"):rep(1e5)] = "nested too deeply",
  }
  for text, message in pairs(refused) do
    it("refuses " .. text:sub(1, 20):gsub("%c", "?"), function()
      local value, got = json.decode(text)
      assert.is_nil(value)
      assert.truthy(got:find(message, 1, true), got)
    end)
  end
end)
