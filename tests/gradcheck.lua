-- Gradient checks: the gradient from a tape against central differences of
-- the same function. Every output is projected on fixed random numbers, so
-- that one scalar sees all of them:
--
--     loss(p) = sum_k sum_i out_k[i](p) * r_k[i]
--     dloss/dp[j] ~ (loss(p + eps e_j) - loss(p - eps e_j)) / (2 eps)
--
-- The differences are summed in Lua and need no tape, so a fault in sum, mul
-- or the tape cannot hide itself.

local rnn = require "rnn"
local core = require "rnn.core"
local array = require "tests.array"
local new_random = require "tests.random"

local gradcheck = {eps = 1e-6, atol = 1e-5, rtol = 1e-3}

---What to check: 'f' reads the parameters and returns its outputs.
---@class tests.Target
---@field f fun(): ...: rnn.Tensor
---@field params rnn.Tensor[]
---@field seed integer  of the projection, and of the engine before each f
---@field uses? fun(k: integer, n: integer): boolean  is output k of n part of
---the loss
---@field sample? integer  check so many elements of each parameter only
---@field taped? boolean  f acts differently under a tape (dropout)

---Outputs of one run from the same random state.
---@param target tests.Target
local function run(target)
  rnn.seed(target.seed)
  return table.pack(target.f())
end

---Outputs of one run, read while they live.
local function run_arrays(target)
  local _ <close> = target.taped and rnn.tape() or nil
  local out = run(target)
  for k = 1, out.n do out[k] = array.of(out[k]) end
  return out
end

---r_k for each output that is a real number and used; false for the others.
---All are used where none else would be.
local function projections(target)
  local rand = new_random(target.seed)
  local list, some = {}, false
  local _ <close> = rnn.tape()
  local out = run(target)
  for k = 1, out.n do
    local real = out[k].dtype ~= "int32"
    list[k] = real and array.random(rand, out[k]:shape(), -1, 1)
    some = some or real and (not target.uses or target.uses(k, out.n))
  end
  for k = 1, some and target.uses and out.n or 0 do
    if not target.uses(k, out.n) then list[k] = false end
  end
  return list
end

local function loss_number(target, projection)
  local total = 0.0
  for k, out in ipairs(run_arrays(target)) do
    local r = projection[k]
    for i = 1, r and #r or 0 do total = total + out[i] * r[i] end
  end
  return total
end

local function loss_tensor(target, projection)
  local total
  for k, out in ipairs(run(target)) do
    local r = projection[k]
    if r then
      local part = (out * array.tensor(rnn, r, out.dtype)):sum()
      total = total and total + part or part
    end
  end
  return total
end

local function clear(params)
  rnn.SGD(params):zero()
end

---Gradients of all parameters, each an array, after 'walks' backward calls.
---@param target tests.Target
---@return table[]
function gradcheck.gradients(target, projection, walks)
  projection = projection or projections(target)
  do
    local tape <close> = rnn.tape()
    local loss = loss_tensor(target, projection)
    for _ = 1, walks or 1 do tape:backward(loss) end
  end
  local list = {}
  for j, p in ipairs(target.params) do
    list[j] = p.grad and array.of(p.grad) or
              array.new(p:shape(), 0.0)
  end
  clear(target.params)
  for _, p in ipairs(target.params) do assert(p.grad == nil) end
  return list
end

---Do two lists of gradients agree? tol 0 asks for the same bits.
local function agree(got, want, tol, factor)
  for j = 1, #want do
    local scaled = array.map(want[j], function(g) return factor * g end)
    local same, why = array.compare(got[j], scaled, tol)
    if not same then return false, ("parameter %d: %s"):format(j, why) end
  end
  return true
end

gradcheck.agree = agree

local function difference(target, projection, p, i)
  local x, eps = core.get(p, i), gradcheck.eps
  core.set(p, i, x + eps)
  local above = loss_number(target, projection)
  core.set(p, i, x - eps)
  local below = loss_number(target, projection)
  core.set(p, i, x)
  return (above - below) / (2 * eps)
end

---The elements of a parameter to check: all, or 'sample' of them, the first
---and the last included.
local function elements(target, n)
  local list, sample = {}, target.sample
  if not sample or n <= sample then
    for i = 1, n do list[i] = i end
    return list
  end
  local rand = new_random(target.seed)
  list[1], list[2] = 1, n
  for i = 3, sample do list[i] = rand:int(1, n) end
  return list
end

local function compare_differences(target, projection, gradient)
  for j, p in ipairs(target.params) do
    for _, i in ipairs(elements(target, array.count(p:shape()))) do
      local want = difference(target, projection, p, i)
      local got = gradient[j][i]
      local allowed = gradcheck.atol + gradcheck.rtol * math.abs(want)
      local near = math.abs(got - want) <= allowed   -- false for NaN
      if not near then
        return false, ("parameter %d %s, element %d: gradient %.9g, " ..
                       "differences give %.9g"):format(
          j, array.shape_text(p:shape()), i, got, want)
      end
    end
  end
  return true
end

---Checks the gradients of float64 parameters: against differences; the same
---bits when computed again; twice as much after two backward calls, up to the
---rounding of a sum taken in another order.
---@param target tests.Target
---@return boolean ok
---@return string? why
function gradcheck.check(target)
  local projection = projections(target)
  local some = false
  for _, r in ipairs(projection) do some = some or r end
  if not some then return true end
  local gradient = gradcheck.gradients(target, projection)
  local again = gradcheck.gradients(target, projection)
  local ok, why = agree(again, gradient, 0, 1)
  if not ok then return false, "computed again: " .. why end
  local twice = gradcheck.gradients(target, projection, 2)
  ok, why = agree(twice, gradient, 1e-13, 2)
  if not ok then return false, "backward twice: " .. why end
  return compare_differences(target, projection, gradient)
end

return gradcheck
