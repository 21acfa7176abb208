---rnn.CRF: its ops are checked by enumeration in tests/ops; here the layer -
---constraints, what it decodes, learning, the model file.
local rnn = require "rnn"
local array = require "tests.array"
local crf = require "tests.crf"
local gradcheck = require "tests.gradcheck"
local new_random = require "tests.random"
local sandbox = require "tests.sandbox"

local BIO = {"O", "B-X", "I-X", "B-Y", "I-Y"}
local BIOES = {"O", "B-X", "I-X", "E-X", "S-X", "S-Y"}

---The spans of a valid sequence end where they must; nil for an invalid one.
---Written from the definition of the schemes as regular expressions.
local function is_valid(names, tags, scheme)
  local text = {}
  for i, tag in ipairs(tags) do text[i] = names[tag] .. " " end
  text = table.concat(text)
  repeat
    local before = text
    if scheme == "BIO" then
      text = text:gsub("(B%-(%w) )I%-(%w) ", function(b, x, y)
        return x == y and b or nil
      end)
    else
      text = text:gsub("(B%-(%w) )I%-(%w) ", function(b, x, y)
        return x == y and b or nil
      end)
      text = text:gsub("B%-(%w) E%-(%w) ", function(x, y)
        return x == y and "S-" .. x .. " " or nil
      end)
    end
  until text == before
  return not text:find(scheme == "BIO" and "I%-" or "[BIE]%-")
end

local function random(rand, shape)
  return array.tensor(rnn, array.random(rand, shape), "float64")
end

local assert_raises = require "tests.raises".exactly

local old_dtype

describe("CRF", function()
  setup(function()
    old_dtype = rnn.default_dtype()
    rnn.default_dtype "float64"
    rnn.seed(1)
  end)
  teardown(function()
    rnn.default_dtype(old_dtype)
    sandbox.remove()
  end)

  for scheme, names in pairs {BIO = BIO, BIOES = BIOES} do
    it("allows just the sequences of " .. scheme, function()
      local K, L = #names, 4
      local layer = rnn.CRF(K, {constraints = rnn.CRF.constraints(names,
                                                                  scheme)})
      local e = array.new({L, 1, K}, 0.0)
      local zero, start = array.new({K, K}, 0.0), array.new({K}, 0.0)
      local valid = {}
      for _, one in ipairs(crf.all(e, zero, start, start, 1, L)) do
        if is_valid(names, one.tags, scheme) then
          valid[table.concat(one.tags, " ")] = true
        end
      end
      local count = 0
      for _ in pairs(valid) do count = count + 1 end
      local tags, scores = layer:decode(rnn.zeros {L, 1, K}, nil,
                                        {n = count + 5})
      for r = 1, count + 5 do
        local list = {}
        for t = 1, L do list[t] = tags[r]:totable()[t][1] end
        local score = scores[r]:totable()[1]
        assert.equal(r <= count, score > -math.huge)
        if r <= count then
          local key = table.concat(list, " ")
          assert.is_true(valid[key], key)
          valid[key] = nil
        end
      end
      assert.is_nil(next(valid))
    end)
  end

  it("gives forbidden steps no gradient, the others the right one", function()
    local rand = new_random(3)
    local layer = rnn.CRF(5, {constraints = rnn.CRF.constraints(BIO, "BIO")})
    local e = rnn.param(random(rand, {4, 2, 5}))
    local tags = rnn.ids {{1, 4}, {2, 5}, {3, 1}, {3, 0}}
    local params = rnn.parameters(layer)
    params[#params + 1] = e
    assert(gradcheck.check {f = function()
      return layer:loss(e, tags, {4, 3})
    end, params = params, seed = 1})
    do
      local tape <close> = rnn.tape()
      tape:backward(layer:loss(e, tags, {4, 3}))
    end
    local start = layer.start_transitions.grad:totable()
    assert.equal(0.0, start[3])
    assert.equal(0.0, start[5])
    assert.equal(0.0, layer.transitions.grad:totable()[1][3])
  end)

  it("raises for gold tags that its constraints forbid", function()
    local layer = rnn.CRF(5, {constraints = rnn.CRF.constraints(BIO, "BIO")})
    assert_raises("crf: 'tags' take a step at 2 of row 1 that 'transitions' " ..
                  "forbids (-inf)", layer.loss, layer, rnn.zeros {2, 1, 5},
                  rnn.ids {{1}, {3}})
  end)

  it("says the marginals of what it decodes", function()
    local layer = rnn.CRF(3)
    local e = random(new_random(5), {4, 2, 3})
    local p = layer:marginals(e, {4, 2})
    for t, rows in ipairs(p:totable()) do
      for n, row in ipairs(rows) do
        local want = (n == 1 or t <= 2) and 1.0 or 0.0
        assert.near(want, row[1] + row[2] + row[3], 1e-12)
      end
    end
  end)

  it("learns what follows what", function()
    local layer = rnn.CRF(2)
    local opt = rnn.Adam(rnn.parameters(layer), {lr = 0.1})
    local tags, e = rnn.ids {{1}, {2}, {1}, {2}, {1}}, rnn.zeros {5, 1, 2}
    for _ = 1, 60 do
      local tape <close> = rnn.tape()
      tape:backward(layer:loss(e, tags))
      opt:step()
    end
    assert.same(tags:totable(), (layer(e)):totable())
    assert.is_true(layer:loss(e, tags):item() < 0.1)
  end)

  it("comes back from its file, and no other file passes", function()
    local layer = rnn.CRF(5, {constraints = rnn.CRF.constraints(BIO, "BIO")})
    local path = sandbox.dir .. "/crf.safetensors"
    layer:marginals(rnn.zeros {1, 1, 5})
    assert(rnn.save(path, {crf = layer}))
    local model = assert(rnn.load_model(path))
    assert.equal("CRF(5, constraints={...})", tostring(model.crf))
    local e = random(new_random(7), {6, 2, 5})
    assert.same(layer:decode(e):totable(), model.crf:decode(e):totable())
    assert_raises("CRF: 'constraints' must be steps {from, to} of tags from 0 "
                  .. "(start) to 3 (end), got another value at 2", rnn.CRF, 2,
                  {constraints = {{0, 1}, {3, 1}}})
    assert_raises("CRF: 'num_tags' must be at least 1, got 0", rnn.CRF, 0)
  end)

  it("says which tags a scheme does not have", function()
    assert_raises("constraints: tag 2 is no BIO tag, got 'E-X' (tags are O, " ..
                  "B-KIND and so on)", rnn.CRF.constraints, {"O", "E-X"}, "BIO")
    assert_raises("constraints: the scheme must be 'BIO', 'BIOES' or 'BMES', "
                  .. "got 'IOB'", rnn.CRF.constraints, {"O"}, "IOB")
    assert_raises("constraints: tag 1 must be B, M, E or S, got 'O'",
                  rnn.CRF.constraints, {"O"}, "BMES")
  end)

  it("of characters lets words begin with B or S, end with E or S", function()
    assert.same({{0, 2}, {0, 3}, {1, 1}, {1, 4}, {1, 5}, {2, 1}, {2, 4}, {2, 5},
                 {3, 2}, {3, 3}, {4, 2}, {4, 3}},
                rnn.CRF.constraints({"B", "M", "E", "S"}, "BMES"))
  end)
end)
