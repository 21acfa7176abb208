-- Parity with frozen PyTorch vectors: every op, layer and optimizer of
-- tests/fixtures (see make_torch.py there), in float64 and in float32. Layers
-- of attention and the like are in attention_spec.lua.
--
-- A tensor agrees when  max |got - want| <= tol * max(max |want|, 1e-3);
-- the floor keeps results that are all but zero from asking for more digits
-- than the numbers they were made of have.

local rnn = require "rnn"
local array = require "tests.array"

local TOLERANCE = {float64 = 1e-12, float32 = 1e-5}
local FLOOR = 1e-3

local function fixture(name)
  return dofile("tests/fixtures/torch_" .. name .. ".lua")
end

---A fixture's tensor in a dtype; ids stay ids.
local function tensor(t, dtype)
  local a = {shape = t.shape, table.unpack(t.data)}
  a.dtype = t.dtype == "int32" and "int32" or nil
  return array.tensor(rnn, a, dtype)
end

local function same_shape(a, b)
  return array.shape_text(a) == array.shape_text(b)
end

---Largest difference over the largest magnitude; NaN is larger than all.
local function distance(got, want)
  local top, apart = FLOOR, 0.0
  for i, x in ipairs(want) do
    local d = math.abs(got[i] - x)
    if d ~= d then return math.huge end
    apart, top = math.max(apart, d), math.max(top, math.abs(x))
  end
  return apart / top
end

---Fails unless tensor 'got' is what PyTorch has.
local function assert_tensor(what, got, want, dtype)
  assert(got, what .. " is missing")
  local expected = want.dtype == "int32" and "int32" or dtype
  assert.equal(expected, got.dtype, what)
  local a = array.of(got)
  assert(same_shape(a.shape, want.shape), ("%s is %s, expected %s"):format(
         what, array.shape_text(a.shape), array.shape_text(want.shape)))
  assert.equal(#want.data, #a, what)
  if expected == "int32" then
    assert.same(want.data, {table.unpack(a)})
    return
  end
  local d = distance(a, want.data)
  assert(d <= TOLERANCE[dtype], ("%s is off by %.3g, more than %g"):format(
         what, d, TOLERANCE[dtype]))
end

---The gradient of a parameter, which is nil where nothing reached it.
local function gradient(p, dtype)
  return p.grad or rnn.zeros(p:shape(), dtype)
end

---Part of the loss: sum(out * weight).
local function weighed(out, weight, dtype)
  return (out * tensor(weight, dtype)):sum()
end

local function sum_of(terms)
  local total = terms[1]
  for i = 2, #terms do total = total + terms[i] end
  return total
end

-- {== Ops ====================================================================

---The inputs of a vector: tensors (parameters where a gradient is wanted),
---numbers, nil for those not given.
local function op_inputs(v, dtype)
  local inputs = {n = #v.inputs}
  for i, given in ipairs(v.inputs) do
    if type(given) == "table" then
      inputs[i] = tensor(given, dtype)
      if v.grads[i] then inputs[i] = rnn.param(inputs[i]) end
    elseif given then
      inputs[i] = given
    end
  end
  return inputs
end

---Calls an op: options by position follow the inputs, those by name come last.
local function call_op(v, inputs)
  local args, n = {}, inputs.n
  if v.listed then
    args[1], n = inputs, 1
  else
    table.move(inputs, 1, n, 1, args)
  end
  if #v.args > 0 then
    table.move(v.args, 1, #v.args, n + 1, args)
    n = n + #v.args
  elseif next(v.args) then
    n = n + 1
    args[n] = v.args
  end
  return table.pack(rnn.op[v.op](table.unpack(args, 1, n)))
end

local function check_op(v, dtype)
  local inputs = op_inputs(v, dtype)
  local tape <close> = rnn.tape()
  local out = call_op(v, inputs)
  assert.equal(#v.outputs, out.n)
  local terms = {}
  for k, want in ipairs(v.outputs) do
    assert_tensor("output " .. k, out[k], want, dtype)
    local weight = v.weights[k]
    if weight then terms[#terms + 1] = weighed(out[k], weight, dtype) end
  end
  if #terms == 0 then return end
  tape:backward(sum_of(terms))
  for i, want in ipairs(v.grads) do
    if want then
      assert_tensor("gradient " .. i, gradient(inputs[i], dtype), want, dtype)
    end
  end
end

-- }===========================================================================

-- {== Layers =================================================================

---A layer with the parameters of a vector, under PyTorch's names.
local function make_layer(v, dtype)
  local args = {table.unpack(v.sizes)}
  args[#args + 1] = v.options
  local layer = rnn[v.kind](table.unpack(args))
  local tensors = {}
  for name, t in pairs(v.state_dict) do tensors[name] = tensor(t, dtype) end
  assert(rnn.restore(layer, tensors, {strict = true}))
  return layer
end

---x, h and c of a vector by name; those with a gradient are parameters.
local function layer_inputs(v, dtype)
  local inputs = {}
  for _, name in ipairs {"x", "h", "c"} do
    local t = v[name] and tensor(v[name], dtype)
    inputs[name] = t and v.grads[name] and rnn.param(t) or t
  end
  return inputs
end

---Outputs by name: y, h, c. A cell's first result is its new h.
local function call_layer(v, layer, inputs)
  local state = inputs.h and {h = inputs.h, c = inputs.c} or nil
  if not v.outputs.h then return {y = layer(inputs.x)} end
  local y, last = layer(inputs.x, state, v.lengths or nil)
  return {y = y, h = last.h, c = last.c}
end

local function check_layer(v, dtype)
  rnn.default_dtype(dtype)
  local layer = make_layer(v, dtype)
  local inputs = layer_inputs(v, dtype)
  local tape <close> = rnn.tape()
  local out = call_layer(v, layer, inputs)
  local terms = {}
  for name, want in pairs(v.outputs) do
    assert_tensor(name, out[name], want, dtype)
    terms[#terms + 1] = weighed(out[name], v.weights[name], dtype)
  end
  tape:backward(sum_of(terms))
  for name, want in pairs(v.grads.params) do
    assert_tensor("gradient of " .. name, gradient(layer[name], dtype), want,
                  dtype)
  end
  for name, t in pairs(inputs) do
    local want = v.grads[name]
    if want then
      assert_tensor("gradient of " .. name, gradient(t, dtype), want, dtype)
    end
  end
end

-- }===========================================================================

-- {== Optimizers =============================================================

---Gives parameters their gradients through a loss that is linear in them.
local function set_gradients(params, grads, dtype)
  local tape <close> = rnn.tape()
  local terms = {}
  for i, p in ipairs(params) do terms[i] = weighed(p, grads[i], dtype) end
  tape:backward(sum_of(terms))
end

local function parameters(list, dtype)
  local params = {}
  for i, t in ipairs(list) do params[i] = rnn.param(tensor(t, dtype)) end
  return params
end

local function assert_tensors(what, got, want, dtype)
  for i, t in ipairs(want or {}) do
    assert_tensor(("%s %d"):format(what, i), got[i], t, dtype)
  end
end

---Parameters as a constructor gets them: in groups, if the vector has any.
local function grouped(v, params)
  if not v.groups then return params end
  local list = {}
  for g, options in ipairs(v.groups) do
    local group = {params = {}}
    for k, x in pairs(options) do group[k] = x end
    for i, k in ipairs(group.which) do group.params[i] = params[k] end
    group.which, list[g] = nil, group
  end
  return list
end

local function make_optimizer(v, params)
  local opt = rnn[v.class](grouped(v, params), v.options)
  if v.lookahead then opt = rnn.Lookahead(opt, v.lookahead) end
  if v.ema then opt = rnn.EMA(opt, v.ema) end
  return opt
end

local function check_optimizer(v, dtype)
  local params = parameters(v.params, dtype)
  local opt = make_optimizer(v, params)
  for step, grads in ipairs(v.grads) do
    set_gradients(params, grads, dtype)
    opt:step()
    local at = " after step " .. step
    assert_tensors("parameter" .. at, params, v.after[step], dtype)
    local averages = v.averages and v.averages[step]
    if averages then
      opt:with(assert_tensors, "average" .. at, params, averages, dtype)
      assert_tensors("parameter" .. at, params, v.after[step], dtype)
    end
  end
end

local PROBLEM = {
  valley = function(p)
    local x, y = p[1], p[2]
    return ((1 - x) ^ 2 + 10 * (y - x * x) ^ 2):sum()
  end,
  network = function(p, x, target)
    return rnn.mse((x:matmul(p[1]) + p[2]):tanh():matmul(p[3]) + p[4], target)
  end,
}

local function check_lbfgs(v, dtype)
  local params, data, losses = parameters(v.params, dtype), {}, {}
  for i, t in ipairs(v.data) do data[i] = tensor(t, dtype) end
  local problem = PROBLEM[v.name:match "%l+"]
  local opt = rnn.LBFGS(params, v.options)
  for step, want in ipairs(v.after) do
    opt:step(function()
      local tape <close> = rnn.tape()
      local loss = problem(params, data[1], data[2])
      tape:backward(loss)
      losses[#losses + 1] = loss:item()
      return losses[#losses]
    end)
    assert_tensors("parameter after step " .. step, params, want, dtype)
  end
  assert.equal(#v.losses, #losses)
  for i, want in ipairs(v.losses) do
    assert.near(want, losses[i], 1e-12 * (1 + want), "loss " .. i)
  end
  assert.equal(v.n_iter, opt.n_iter)
end

-- }===========================================================================

local old_dtype

describe("PyTorch", function()
  setup(function() old_dtype = rnn.default_dtype() end)
  teardown(function() rnn.default_dtype(old_dtype) end)

  local both = {"float64", "float32"}
  for _, group in ipairs {
    {"ops", check_op, both}, {"losses", check_op, both},
    {"attention_ops", check_op, both},
      {"layers", check_layer, both},
    {"optim", check_optimizer, both},
    {"lbfgs", check_lbfgs, {"float64"}},   -- rounding decides its searches
  } do
    local name, check = group[1], group[2]
    describe(name, function()
      for _, v in ipairs(fixture(name)) do
        for _, dtype in ipairs(group[3]) do
          it(v.name .. " " .. dtype, function() check(v, dtype) end)
        end
      end
    end)
  end

  it("has a vector of every op", function()
    local seen = {}
    for _, name in ipairs {"ops", "losses", "attention_ops"} do
      for _, v in ipairs(fixture(name)) do seen[v.op] = true end
    end
    for name in pairs(rnn.op) do
      assert.is_true(seen[name], "no vector of " .. name)
    end
  end)
end)
