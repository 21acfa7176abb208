-- conv1d: y[t] = b + sum_j W_j x[t stride + j dilation - padding]

local array = require "tests.array"

local function new_case(rand, T, N, C, O, kernel, b, args)
  return {inputs = {n = 3, array.random(rand, {T, N, C}),
                    array.random(rand, {O, C, kernel}),
                    b and array.random(rand, {O}) or nil},
          args = args, grad = b and {1, 2, 3} or {1, 2}}
end

local function cases(rand)
  local list = {
    new_case(rand, 1, 1, 1, 1, 1, true, {}),
    new_case(rand, 3, 0, 2, 2, 2, true, {}),
    new_case(rand, 3, 2, 0, 2, 2, true, {}),
    new_case(rand, 3, 2, 2, 0, 2, false, {}),
    new_case(rand, 2, 1, 1, 1, 5, true, {causal = true, dilation = 3}),
    new_case(rand, 1, 2, 2, 1, 2, true, {padding = 4, dilation = 3}),
  }
  while #list < 36 do
    local T, kernel = rand:int(1, 6), rand:int(1, 3)
    local args = {stride = rand:pick {1, 1, 2, 3}, dilation = rand:int(1, 3)}
    args.causal = rand:chance(0.3) or nil
    args.padding = not args.causal and rand:int(0, 4) or nil
    local room = T + 2 * (args.padding or 0) - (kernel - 1) * args.dilation
    if args.causal or room > 0 then
      list[#list + 1] = new_case(rand, T, rand:int(1, 3), rand:int(1, 3),
                                 rand:int(1, 3), kernel, rand:chance(0.7),
                                 args)
    end
  end
  return list
end

local function large(rand)
  return {
    new_case(rand, 60, 7, 20, 40, 3, true, {padding = 1}),
    new_case(rand, 90, 5, 24, 33, 5, true, {causal = true, dilation = 4}),
    new_case(rand, 90, 5, 24, 33, 4, false, {stride = 3}),
  }
end

local function reference(x, w, b, args)
  local T, N, C = table.unpack(x.shape)
  local O, kernel = w.shape[1], w.shape[3]
  local stride, dilation = args.stride or 1, args.dilation or 1
  local span, padding = (kernel - 1) * dilation, args.padding or 0
  local left = args.causal and span or padding
  local steps = (T + left + padding - span - 1) // stride + 1
  local y = array.new({steps, N, O}, 0.0)
  for at, index in array.indices(y.shape) do
    local t, n, o = index[1], index[2], index[3]
    local sum = b and b[o] or 0.0
    for j = 1, kernel do
      local from = (t - 1) * stride + (j - 1) * dilation - left
      for c = 1, from >= 0 and from < T and C or 0 do
        sum = sum + w[((o - 1) * C + c - 1) * kernel + j] *
                    x[(from * N + n - 1) * C + c]
      end
    end
    y[at] = sum
  end
  return y
end

return {
  cases = cases, large = large, reference = reference,
  options = {"stride", "padding", "dilation", "causal"},
  errors = {
    {"op.conv1d(zeros{2, 3}, zeros{4, 3, 1})",
     "conv1d: 'x' must be (T, N, 3), got (2, 3)"},
    {"op.conv1d(zeros{2, 1, 3}, zeros{4, 3, 0})",
     "conv1d: 'w' must be (O, C, kernel), got (4, 3, 0)"},
    {"op.conv1d(zeros{2, 1, 3}, zeros{4, 3, 1}, zeros{3})",
     "conv1d: 'b' must be (4), got (3)"},
    {"op.conv1d(zeros{2, 1, 3}, zeros{4, 3, 3})",
     "conv1d: 2 steps of x are too few (or the padding is too large) for a " ..
     "kernel of 3"},
    {"op.conv1d(zeros{2, 1, 3}, zeros{4, 3, 1}, {padding = 2147483647})",
     "conv1d: 2 steps of x are too few (or the padding is too large) for a " ..
     "kernel of 1"},
    {"op.conv1d(zeros{2, 1, 3}, zeros{4, 3, 1}, {stride = 0})",
     "conv1d: 'stride' must be at least 1, got 0"},
    {"op.conv1d(zeros{2, 1, 3}, zeros{4, 3, 1}, {causal = true, padding = 1})",
     "conv1d: 'padding' must be 0 when causal, got 1"},
  },
}
