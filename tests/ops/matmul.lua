-- matmul: (I,K) (K,J); (...,I,K) (...,K,J); (...,I,K) (K,J)

local array = require "tests.array"

local function cases(rand)
  local list = {}
  local function add(a, b)
    list[#list + 1] = {inputs = {array.random(rand, a),
                                 array.random(rand, b)},
                       args = {}, grad = {1, 2}}
  end
  for _, s in ipairs {{1, 1, 1}, {0, 2, 3}, {2, 0, 3}, {2, 3, 0}, {1, 4, 1},
                      {0, 0, 0}, {4, 1, 5}} do
    add({s[1], s[2]}, {s[2], s[3]})
  end
  for n = 1, 18 do
    local i, k, j = rand:int(1, 4), rand:int(1, 4), rand:int(1, 4)
    local lead = n % 3 == 0 and {} or rand:dims(rand:int(1, 2), 0, 3)
    local a, b = {table.unpack(lead)}, n % 3 == 1 and {table.unpack(lead)} or {}
    table.move({i, k}, 1, 2, #a + 1, a)
    table.move({k, j}, 1, 2, #b + 1, b)
    add(a, b)
  end
  return list
end

local function reference(a, b)
  local shape = {table.unpack(a.shape)}
  local n = #shape
  shape[n] = b.shape[#b.shape]
  local out = {shape = shape}
  local K, J = a.shape[n], b.shape[#b.shape]
  for at, index in array.indices(shape) do
    local ia, ib = {table.unpack(index)}, {table.unpack(index)}
    ia[n], ib[n - 1] = 1, 1
    if #b.shape == 2 then ib = {1, index[n]} end
    local from_a = K > 0 and array.at(a.shape, ia) or 0
    local from_b = K > 0 and array.at(b.shape, ib) or 0
    local sum = 0.0
    for k = 0, K - 1 do sum = sum + a[from_a + k] * b[from_b + k * J] end
    out[at] = sum
  end
  return out
end

local function large(rand)
  local list = {}
  for i, s in ipairs {{{97, 113}, {113, 99}}, {{5, 33, 20}, {5, 20, 35}},
                      {{5, 33, 20}, {20, 35}}, {{1, 70}, {70, 300}}} do
    list[i] = {inputs = {array.random(rand, s[1]), array.random(rand, s[2])},
               args = {}, grad = {1, 2}}
  end
  return list
end

return {
  cases = cases, reference = reference, large = large,
  errors = {
    {"op.matmul(zeros{2, 3}, zeros{2, 3})",
     "matmul: shapes must be (..., M, K) and (K, N) or (..., K, N), got " ..
     "(2, 3) and (2, 3)"},
    {"op.matmul(zeros{3}, zeros{3, 2})",
     "matmul: shapes must be (..., M, K) and (K, N) or (..., K, N), got " ..
     "(3) and (3, 2)"},
    {"op.matmul(zeros{2, 2, 3}, zeros{3, 3, 4})",
     "matmul: shapes must be (..., M, K) and (K, N) or (..., K, N), got " ..
     "(2, 2, 3) and (3, 3, 4)"},
  },
}
