-- Every op of the table against its case file in tests/ops: forward against a
-- naive reference, gradient against differences, float32 against float64,
-- messages. An op without a case file fails.

local rnn = require "rnn"
local array = require "tests.array"
local gradcheck = require "tests.gradcheck"
local new_random = require "tests.random"

local SEED = math.tointeger(os.getenv "SEED" or 1)

---Names of all ops, sorted.
local function op_names()
  local names = {}
  for name in pairs(rnn.op) do names[#names + 1] = name end
  table.sort(names)
  return names
end

local function case_file(name)
  local path = "tests/ops/" .. name .. ".lua"
  assert(package.searchpath("tests.ops." .. name, package.path),
         "op '" .. name .. "' has no case file " .. path)
  return require("tests.ops." .. name)
end

-- Calls

---Options as they are handed over: some cases by position, the others by name.
local function option_list(file, args, positional)
  local last = 0
  for i, name in ipairs(file.options or {}) do
    if args[name] ~= nil then last = i end
  end
  if not positional then return last > 0 and {args} or {} end
  local list = {n = last}
  for i = 1, last do list[i] = args[file.options[i]] end
  return list
end

---The outputs of the op on tensors (and numbers) 'inputs'.
local function call(name, file, case, inputs, positional)
  local options = option_list(file, case.args, positional)
  local n = case.inputs.n or #case.inputs
  local given = table.pack(table.unpack(inputs, 1, n))
  if file.list then given = {n = 1, given} end
  for i = 1, options.n or #options do given[given.n + i] = options[i] end
  return rnn.op[name](table.unpack(given, 1,
                                   given.n + (options.n or #options)))
end

---Tensors of a case in 'dtype'; those that want a gradient are parameters and
---also listed.
local function tensors(case, dtype)
  local inputs, params = {}, {}
  for i = 1, case.inputs.n or #case.inputs do
    local a = case.inputs[i]
    inputs[i] = type(a) == "table" and array.tensor(rnn, a, dtype) or a
  end
  for k, i in ipairs(case.grad) do params[k] = rnn.param(inputs[i]) end
  return inputs, params
end

-- Messages of the suite

local function show(a)
  if type(a) ~= "table" then return tostring(a) end
  return array.shape_text(a.shape)
end

---"lstm, case 3 of seed 1: (2, 1, 3) ... {reverse = true}: why"
local function describe_case(name, i, case, why)
  local parts = {}
  for k = 1, case.inputs.n or #case.inputs do
    parts[k] = show(case.inputs[k])
  end
  local options = {}
  for k, v in pairs(case.args) do
    local text = type(v) == "table" and "{" .. table.concat(v, ", ") .. "}"
    options[#options + 1] = k .. " = " .. (text or tostring(v))
  end
  table.sort(options)
  return ("%s, case %d of SEED=%d: %s {%s}: %s"):format(
    name, i, SEED, table.concat(parts, " "), table.concat(options, ", "), why)
end

---Runs f(case, seed, i) -> ok, why on every case of an op.
local function each_case(name, cases, f)
  for i, case in ipairs(cases) do
    local done, ok, why = pcall(f, case, SEED * 1000 + i, i)
    if not done then ok, why = false, tostring(ok) end
    if not ok then error(describe_case(name, i, case, why), 0) end
  end
end

-- Checks

---The cases of an op: many small ones, or its large ones.
local function small(name, file)
  local cases = file.cases(new_random(SEED))
  assert(#cases >= 20, name .. ": fewer than 20 cases")
  return cases
end

local function large(_, file)
  return file.large and file.large(new_random(SEED)) or {}
end

---Forward in 'dtype' against the reference.
local function check_forward(name, file, cases, dtype, tol)
  each_case(name, cases, function(case, _, i)
    local inputs = tensors(case, dtype)
    local n = case.inputs.n or #case.inputs
    local given = table.pack(table.unpack(case.inputs, 1, n))
    given[n + 1] = case.args
    local want = table.pack(file.reference(table.unpack(given, 1, n + 1)))
    local got = table.pack(call(name, file, case, inputs, i % 2 == 0))
    for k = 1, got.n do
      assert(want[k], "output without a reference")
      local real = got[k].dtype == "int32" or got[k].dtype == dtype
      if not real then return false, "dtype " .. got[k].dtype end
      local same, why = array.compare(array.of(got[k]), want[k], tol)
      if not same then return false, ("output %d: %s"):format(k, why) end
    end
    return true
  end)
end

---What gradcheck needs of a case. Of several outputs some are left out of the
---loss, so that every subset of them turns up.
local function target(name, file, case, inputs, params, seed)
  local function uses(k, n)
    local all = (1 << n) - 1
    local some = seed & all
    return (some == 0 and all or some) >> (k - 1) & 1 == 1
  end
  return {
    f = function() return call(name, file, case, inputs) end,
    params = params, seed = seed, taped = file.taped, uses = uses,
  }
end

---Backward twice must give exactly twice the gradient: nothing that backward
---reads may have changed. Each input passes through one more op, so that its
---gradient is added to the parameter in one sum.
local function check_twice(name, file, case, seed)
  local inputs, params = tensors(case, "float64")
  local passed = target(name, file, case, inputs, params, seed)
  function passed.f()
    local through = {table.unpack(inputs, 1, case.inputs.n or #case.inputs)}
    for k, i in ipairs(case.grad) do through[i] = params[k] * 1 end
    return call(name, file, case, through)
  end
  local once = gradcheck.gradients(passed)
  local twice = gradcheck.gradients(passed, nil, 2)
  local same, why = gradcheck.agree(twice, once, 0, 2)
  return same, not same and "backward twice: " .. why or nil
end

---Gradients of each input alone must be those of all together.
local function check_alone(name, file, case, seed)
  if #case.grad < 2 then return true end
  local inputs, params = tensors(case, "float64")
  local all = gradcheck.gradients(target(name, file, case, inputs, params,
                                         seed))
  for k, i in ipairs(case.grad) do
    local one = {inputs = case.inputs, args = case.args, grad = {i}}
    inputs, params = tensors(one, "float64")
    local got = gradcheck.gradients(target(name, file, one, inputs, params,
                                           seed))
    local same, why = gradcheck.agree(got, {all[k]}, 1e-13, 1)
    if not same then return false, ("input %d alone: %s"):format(i, why) end
  end
  return true
end

local function check_gradient(name, file)
  each_case(name, small(name, file), function(case, seed)
    local inputs, params = tensors(case, "float64")
    if #params == 0 then return true end
    local ok, why = gradcheck.check(target(name, file, case, inputs, params,
                                           seed))
    if ok then ok, why = check_twice(name, file, case, seed) end
    if not ok then return false, why end
    return check_alone(name, file, case, seed)
  end)
end

local function check_gradient_f32(name, file, cases)
  each_case(name, cases, function(case, seed)
    local result = {}
    for _, dtype in ipairs {"float64", "float32"} do
      local inputs, params = tensors(case, dtype)
      if #params == 0 then return true end
      result[dtype] = gradcheck.gradients(
        target(name, file, case, inputs, params, seed))
    end
    return gradcheck.agree(result.float32, result.float64, 1e-4, 1)
  end)
end

---Large cases: forward and float32 whole, differences of a few elements.
local function check_large(name, file)
  local cases = large(name, file)
  check_forward(name, file, cases, "float64", 1e-11)
  check_forward(name, file, cases, "float32", 1e-4)
  check_gradient_f32(name, file, cases)
  each_case(name, cases, function(case, seed)
    local inputs, params = tensors(case, "float64")
    if #params == 0 then return true end
    local goal = target(name, file, case, inputs, params, seed)
    goal.sample = 4
    return gradcheck.check(goal)
  end)
end

---Runs one row of 'errors': code in terms of op, zeros, ids, tensor, param.
local function check_message(row)
  local code, want = row[1], row[2]
  local env = setmetatable({op = rnn.op}, {__index = function(_, k)
    return rnn[k]
  end})
  local f = assert(load("return " .. code, "=call", "t", env))
  local ok, message = pcall(f)
  assert.is_false(ok, code .. " raised nothing")
  assert.equal(want, (message:gsub("^call:1: ", "")), code)
end

-- The suite

describe("op", function()
  for _, name in ipairs(op_names()) do
    describe(name, function()
      local file

      setup(function() file = case_file(name) end)

      it("has a case file", function()
        assert.is_truthy(file.reference)
      end)

      it("agrees with the reference in float64", function()
        check_forward(name, file, small(name, file), "float64", 1e-12)
      end)

      it("agrees with the reference in float32", function()
        check_forward(name, file, small(name, file), "float32", 1e-5)
      end)

      it("has the gradient that differences give", function()
        check_gradient(name, file)
      end)

      it("has the float64 gradient in float32", function()
        check_gradient_f32(name, file, small(name, file))
      end)

      it("is as right in large", function() check_large(name, file) end)

      it("says what is wrong", function()
        assert.is_truthy(file.errors, "no message is tested")
        for _, row in ipairs(file.errors) do check_message(row) end
      end)

      it("has its own tests pass", function()
        for what, f in pairs(file.extra or {}) do
          local ok, why = pcall(f, rnn)
          if not ok then error(what .. ": " .. tostring(why), 0) end
        end
      end)
    end)
  end
end)
