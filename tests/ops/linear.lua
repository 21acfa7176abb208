-- linear: x (...,D), w (O,D), b? (O) -> x w^T + b (...,O)

local array = require "tests.array"

local function cases(rand)
  local list = {}
  local function add(lead, d, o, bias)
    local x = {table.unpack(lead)}
    x[#x + 1] = d
    list[#list + 1] = {
      inputs = {n = bias and 3 or rand:int(2, 3), array.random(rand, x),
                array.random(rand, {o, d}),
                bias and array.random(rand, {o}) or nil},
      args = {}, grad = bias and {1, 2, 3} or {1, 2}}
  end
  for _, bias in ipairs {true, false} do
    add({}, 3, 2, bias)
    add({1}, 1, 1, bias)
    add({0}, 2, 3, bias)
    add({2, 0}, 2, 2, bias)
    add({2}, 0, 3, bias)
    add({2}, 3, 0, bias)
    for _ = 1, 6 do
      add(rand:dims(rand:int(1, 3), 1, 3), rand:int(1, 5), rand:int(1, 5),
          bias)
    end
  end
  return list
end

local function reference(x, w, b)
  local n = #x.shape
  local shape = {table.unpack(x.shape)}
  shape[n] = w.shape[1]
  local out = {shape = shape}
  for at, index in array.indices(shape) do
    local o = index[n]
    local sum = b and b.shape and b[o] or 0.0
    for d = 1, x.shape[n] do
      index[n] = d
      sum = sum + x[array.at(x.shape, index)] * w[array.at(w.shape, {o, d})]
    end
    index[n] = o
    out[at] = sum
  end
  return out
end

local function large(rand)
  local list = {}
  for i, s in ipairs {{67, 45, 81}, {3, 130, 90}, {210, 3, 50}} do
    list[i] = {inputs = {array.random(rand, {s[1], s[2]}),
                         array.random(rand, {s[3], s[2]}),
                         array.random(rand, {s[3]})},
               args = {}, grad = {1, 2, 3}}
  end
  return list
end

return {
  cases = cases, reference = reference, large = large,
  errors = {
    {"op.linear(zeros{2, 3}, zeros{4, 2})",
     "linear: 'x' must be (..., 2), got (2, 3)"},
    {"op.linear(zeros{2, 3}, zeros{4})",
     "linear: 'w' must be (out, in), got (4)"},
    {"op.linear(zeros{2, 3}, zeros{4, 3}, zeros{3})",
     "linear: 'b' must be (4), got (3)"},
    {"op.linear(zeros{}, zeros{4, 3})",
     "linear: 'x' must be (..., 3), got ()"},
  },
}
