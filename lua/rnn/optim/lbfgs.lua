---L-BFGS (Liu and Nocedal 1989) as torch.optim.LBFGS, for losses over the whole
---of the data. One step makes at most max_iter iterations:
---
---    s = t d    y = g - g_before    kept of the last history_size of them
---    d = -H g       by the two loops over these pairs, from H_0 = y's / y'y
---    p += t d       t = lr, at first lr min(1, 1/|g|_1), or found by a search
---
---step(closure) calls it for forward and backward; it returns the loss as a
---number. Gradients are cleared before it and after it.
---
---    local opt = rnn.LBFGS(rnn.parameters(model),
---                          {line_search_fn = "strong_wolfe"})
---    local first = opt:step(function()
---      local tape <close> = rnn.tape()
---      local loss = rnn.mse(model.out(x), y)
---      tape:backward(loss)
---      return loss:item()
---    end)
---
---The strong Wolfe conditions of the line search (Nocedal and Wright 2006,
---algorithms 3.5 and 3.6, cubic interpolation):
---
---    f(t) <= f(0) + 1e-4 t f'(0)    |f'(t)| <= 0.9 |f'(0)|
---
---Without a closure, step() makes one iteration of length lr from the gradients
---that are there, as in rnn.run.
local core = require "rnn.core"
local groups = require "rnn.optim.groups"
local slots = require "rnn.optim.slots"

local v = core.vector

local ARMIJO, CURVATURE = 1e-4, 0.9
local LEAST_CURVATURE = 1e-10   -- of a pair that is kept

---@class rnn.LBFGS: rnn.Optim
---@field params rnn.Tensor[]
---@field options table<string, any>
---@field n_iter integer iterations made
---@field func_evals integer calls of closures
---@field length number t of the last iteration
---@field pairs {s: rnn.Tensor, y: rnn.Tensor, rho: number}[] the oldest first
local LBFGS = {}

-- {== Looking at one point ==

local function vector(self)
  return core.zeros({self.count}, self.dtype)
end

---The first parameter whose gradient is not finite, or nil.
local function bad_gradient(self)
  for i, p in ipairs(self.params) do
    if p.grad and not core.finite(p.grad) then
      return tostring(self.params.names and self.params.names[i] or i)
    end
  end
end

---Moves the gradients of the parameters into a vector.
local function take_gradients(self, into)
  v.gather_grad(into, self.params)
  local finite = v.most(into) < math.huge
  local bad = not finite and bad_gradient(self)
  v.clear_grad(self.params)
  if finite then return end
  error(("LBFGS: gradient of '%s' is not finite at step %d; the step was " ..
         "not applied"):format(bad, self.n_iter + 1), 0)
end

---Loss of the closure and, into a vector, the gradient.
local function evaluate(self, closure, into)
  v.clear_grad(self.params)
  local loss = closure()
  if type(loss) ~= "number" then
    error("LBFGS: the closure must return the loss, a number, got " ..
          (core.is_tensor(loss) and "a tensor" or type(loss)), 0)
  end
  take_gradients(self, into)
  if loss ~= loss or math.abs(loss) == math.huge then
    error(("LBFGS: the loss is not finite at step %d; the step was not " ..
           "applied"):format(self.n_iter + 1), 0)
  end
  self.func_evals = self.func_evals + 1
  return loss
end

---Puts the parameters to x + t d.
local function move(self, t)
  v.sum(self.place, 1, self.x, t, self.d)
  v.scatter(self.params, self.place)
end

-- }==

-- {== The direction ==

---Keeps how the gradient changed over the last step, if that curves upward.
local function remember(self)
  local pair = self.spare or {s = vector(self), y = vector(self)}
  v.sum(pair.y, 1, self.grad, -1, self.before)
  v.sum(pair.s, self.length, self.d, 0, self.d)
  local ys = v.dot(pair.y, pair.s)
  self.spare = pair
  if ys ~= ys or ys <= LEAST_CURVATURE then return end
  self.spare = false
  if #self.pairs == self.options.history_size then
    self.spare = table.remove(self.pairs, 1)
  end
  pair.rho = 1 / ys
  table.insert(self.pairs, pair)
  self.scale = ys / v.dot(pair.y, pair.y)
end

---d = -H g.
local function turn(self)
  local d, list, along = self.d, self.pairs, self.along
  v.sum(d, -1, self.grad, 0, self.grad)
  for i = #list, 1, -1 do
    along[i] = v.dot(list[i].s, d) * list[i].rho
    v.sum(d, 1, d, -along[i], list[i].y)
  end
  v.sum(d, self.scale, d, 0, d)
  for i, pair in ipairs(list) do
    local back = v.dot(pair.y, d) * pair.rho
    v.sum(d, 1, d, along[i] - back, pair.s)
  end
end

-- }==

-- {== Line search ==

---@class rnn.LinePoint a place on the line
---@field t number where
---@field f number the loss
---@field slope number its derivative along d
---@field grad rnn.Tensor

---Where a cubic through two points is lowest, within [lo, hi].
local function lowest(a, b, lo, hi)
  if not lo then lo, hi = math.min(a.t, b.t), math.max(a.t, b.t) end
  local d1 = a.slope + b.slope - 3 * (a.f - b.f) / (a.t - b.t)
  local square = d1 * d1 - a.slope * b.slope
  if square ~= square or square < 0 then return (lo + hi) / 2 end
  if a.t > b.t then a, b = b, a end
  local d2 = math.sqrt(square)
  local at = b.t - (b.t - a.t) *
             ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2))
  if at ~= at then return (lo + hi) / 2 end
  return math.min(math.max(at, lo), hi)
end

---A vector for a gradient that none of the points needs.
local function free(self, ...)
  for _, grad in ipairs(self.buffers) do
    local used = false
    for _, point in ipairs {...} do used = used or point.grad == grad end
    if not used then return grad end
  end
  local grad = vector(self)
  table.insert(self.buffers, grad)
  return grad
end

---The point at t; gradients of the other points given stay.
local function look(self, closure, t, ...)
  local grad = free(self, ...)
  move(self, t)
  local f = evaluate(self, closure, grad)
  return {t = t, f = f, slope = v.dot(grad, self.d), grad = grad}
end

---Widens the step until the place looked for lies between two points, or is
---found: then the second is nil. Returns how often it looked beyond the first.
local function bracket(self, closure, start, t, most)
  local before, point = start, look(self, closure, t, start)
  for i = 0, most - 1 do
    local high = point.f > start.f + ARMIJO * point.t * start.slope
    if high or i > 1 and point.f >= before.f then return before, point, i end
    if math.abs(point.slope) <= -CURVATURE * start.slope then
      return point, nil, i
    end
    if point.slope >= 0 then return before, point, i end
    local far = lowest(before, point, point.t + 0.01 * (point.t - before.t),
                       point.t * 10)
    before, point = point, look(self, closure, far, start, point)
  end
  return start, point, most
end

---A place between the points, not too near to either twice in a row.
local function between(a, b, slow)
  local lo, hi = math.min(a.t, b.t), math.max(a.t, b.t)
  local t, margin = lowest(a, b), 0.1 * (hi - lo)
  if math.min(hi - t, t - lo) >= margin then return t, false end
  if not (slow or t >= hi or t <= lo) then return t, true end
  return math.abs(t - hi) < math.abs(t - lo) and hi - margin or lo + margin,
         false
end

---Narrows a bracket to a point that satisfies the conditions.
local function zoom(self, closure, start, ends, looked, most)
  local widest, slow = v.most(self.d), false
  local low = ends[1].f <= ends[2].f and 1 or 2
  while looked < most and
        math.abs(ends[2].t - ends[1].t) * widest >=
        self.options.tolerance_change do
    local t
    t, slow = between(ends[1], ends[2], slow)
    local point = look(self, closure, t, start, ends[1], ends[2])
    looked = looked + 1
    if point.f > start.f + ARMIJO * t * start.slope or
       point.f >= ends[low].f then
      ends[3 - low] = point
      low = ends[1].f <= ends[2].f and 1 or 2
    else
      if math.abs(point.slope) <= -CURVATURE * start.slope then
        return point, looked
      end
      if point.slope * (ends[3 - low].t - ends[low].t) >= 0 then
        ends[3 - low] = ends[low]
      end
      ends[low] = point
    end
  end
  return ends[low], looked
end

---A point that satisfies the strong Wolfe conditions, or the best of those
---looked at; how often it looked.
local function search(self, closure, loss, t, slope, most)
  local start = {t = 0, f = loss, slope = slope, grad = self.before}
  local a, b, looked = bracket(self, closure, start, t, most)
  if not b then return a, looked + 1 end
  local point
  point, looked = zoom(self, closure, start, {a, b}, looked, most)
  return point, looked + 1
end

-- }==

-- {== The step ==

---Iterations from where the parameters are, whose gradient is in self.grad.
local function iterate(self, closure, loss)
  local o = self.options
  local rounds = closure and o.max_iter or 1
  local evals = 1
  for round = 1, rounds do
    if self.n_iter > 0 then remember(self) end
    turn(self)
    self.before:copy(self.grad)
    self.length = self.n_iter > 0 and o.lr or
                  math.min(1, 1 / v.norm1(self.grad)) * o.lr
    self.n_iter = self.n_iter + 1
    local last, slope = loss, v.dot(self.grad, self.d)
    if slope > -o.tolerance_change then return end
    v.gather(self.x, self.params)
    if o.line_search_fn then
      local point, looked = search(self, closure, loss, self.length, slope,
                                   o.max_eval - evals)
      self.length, loss, evals = point.t, point.f, evals + looked
      self.grad:copy(point.grad)
      move(self, point.t)
    else
      move(self, self.length)
      if round < rounds then
        loss, evals = evaluate(self, closure, self.grad), evals + 1
      end
    end
    if round == rounds or evals >= o.max_eval or
       v.most(self.grad) <= o.tolerance_grad or
       v.most(self.d) * math.abs(self.length) <= o.tolerance_change or
       math.abs(loss - last) < o.tolerance_change then
      return
    end
  end
end

---Applies one step. When a loss or a gradient is not finite, or the closure
---raises, the parameters go back to where the last sound iteration put them.
---@param closure? fun(): number forward and backward; returns the loss
---@return number loss the first; without a closure the norm of the gradient
function LBFGS:step(closure)
  local o = self.options
  if not closure and o.line_search_fn then
    error("LBFGS: a line search needs step(closure)", 2)
  end
  v.gather(self.x, self.params)
  local _ <close> = setmetatable({}, {__close = function(_, wrong)
    if wrong ~= nil then v.scatter(self.params, self.x) end
  end})
  local first
  if closure then
    first = evaluate(self, closure, self.grad)
  else
    take_gradients(self, self.grad)
    first = math.sqrt(v.dot(self.grad, self.grad))
  end
  if v.most(self.grad) > o.tolerance_grad then
    iterate(self, closure, first)
  end
  return first
end

-- }==

-- {== As the other optimizers ==

---@return number norm
---@return string? bad
function LBFGS:norm()
  v.gather_grad(self.grad, self.params)
  return math.sqrt(v.dot(self.grad, self.grad)), bad_gradient(self)
end

function LBFGS:zero()
  v.clear_grad(self.params)
end

---@return table<string, any>
function LBFGS:hyper()
  local all = {}
  for name, x in pairs(self.options) do all[name] = x end
  return all
end

---Lets go of all vectors.
function LBFGS:close()
  self.pairs, self.buffers, self.spare = {}, {}, false
end

---One entry: pairs from the oldest on as s1, y1, s2, ...
---@return table[] state
function LBFGS:state()
  local entry = {name = "lbfgs", steps = self.n_iter, slots = {}}
  if self.n_iter > 0 then
    entry.slots = {d = self.d, before = self.before, numbers = core.tensor(
                   {self.length, self.func_evals}, "float64")}
  end
  for i, pair in ipairs(self.pairs) do
    entry.slots["s" .. i], entry.slots["y" .. i] = pair.s, pair.y
  end
  return {entry}
end

---The pairs of a state, copied; nil when one is not what it should be.
local function read_pairs(self, given)
  local list = {}
  while given["s" .. #list + 1] and #list < self.options.history_size do
    local pair, k = {s = vector(self), y = vector(self)}, #list + 1
    for name, into in pairs(pair) do
      if slots.misfit(given[name .. k], into) then return nil end
      into:copy(given[name .. k])
    end
    local ys = v.dot(pair.y, pair.s)
    if ys ~= ys or ys <= LEAST_CURVATURE then return nil end
    pair.rho = 1 / ys
    list[k] = pair
  end
  return list
end

---Slots that a state of so many iterations has beside its pairs.
local function slots_of(self, steps)
  if math.type(steps) ~= "integer" or steps == 0 then return {} end
  return {d = self.d, before = self.before,
          numbers = core.zeros({2}, "float64")}
end

---Length of the last step and calls of closures, or nil.
local function read_numbers(t)
  if not t then return 0.0, 0 end
  local length, evals = table.unpack(t:totable())
  if length >= 0 and length < math.huge and math.tointeger(evals) then
    return length, math.tointeger(evals)
  end
end

---@param state table[]
---@return true|nil ok
---@return string? message
function LBFGS:restore(state)
  slots.expect(state)
  local entry = type(state[1]) == "table" and state[1] or {}
  local mine = {name = "lbfgs", slots = slots_of(self, entry.steps)}
  local wrong = slots.unlike(entry, mine)
  if wrong or #state > 1 then
    return nil, "optimizer: " .. (wrong or "more than the state of LBFGS")
  end
  local length, evals =
    read_numbers(mine.slots.numbers and entry.slots.numbers)
  local list = length and read_pairs(self, entry.slots)
  if not list then return nil, "optimizer: the state of LBFGS is damaged" end
  for name, t in pairs(mine.slots) do t:copy(entry.slots[name]) end
  local last = list[#list]
  self.pairs, self.spare, self.n_iter = list, false, entry.steps
  self.length, self.func_evals = length, evals
  self.scale = last and v.dot(last.y, last.s) / v.dot(last.y, last.y) or 1.0
  return true
end

-- }==

-- {== Making ==

local DEFAULT = {lr = 1, max_iter = 20, max_eval = false, tolerance_grad = 1e-7,
                 tolerance_change = 1e-9, history_size = 100,
                 line_search_fn = false}
local COUNT = {max_iter = true, max_eval = true, history_size = true}

---What is wrong with the value of an option, if anything is.
local function fault(name, x)
  if DEFAULT[name] == nil then
    return ("unknown option '%s'"):format(tostring(name))
  elseif name == "line_search_fn" then
    if x and x ~= "strong_wolfe" then
      return "'line_search_fn' must be nil or \"strong_wolfe\""
    end
  elseif COUNT[name] then
    if not math.tointeger(x) or x < 1 or x > 1e9 then
      return ("'%s' must be an integer >= 1, got %s"):format(name, tostring(x))
    end
  elseif type(x) ~= "number" or not (x >= 0 and x <= 1e300) then
    return ("'%s' must be a number >= 0, got %s"):format(name, tostring(x))
  end
end

local meta = {__name = "rnn.LBFGS"}

function meta.__index(self, name)
  if name == "kind" then return "lbfgs" end
  local method = LBFGS[name]
  if method ~= nil then return method end
  return rawget(self, "options")[name]
end

function meta.__newindex(self, name, x)
  local wrong = fault(name, x)
  if wrong then error("LBFGS: " .. wrong, 2) end
  self.options[name] = x
end

function meta.__tostring(self)
  return ("LBFGS(lr=%g%s)"):format(self.lr, self.line_search_fn and
         ", line_search_fn=strong_wolfe" or "")
end

function meta.__close(self) self:close() end

---@param params rnn.Tensor[] no groups
---@param opts? table<string, any>
---@return rnn.LBFGS
return function(params, opts)
  local wrong = groups.fault(params)
  if not wrong and opts ~= nil and type(opts) ~= "table" then
    wrong = "options must be a table, got " .. type(opts)
  end
  local options = {}
  for name, x in pairs(DEFAULT) do options[name] = x end
  for name, x in pairs(not wrong and opts or {}) do
    wrong = wrong or fault(name, x)
    options[name] = x
  end
  if wrong then error("LBFGS: " .. wrong, 2) end
  local flat = groups.flatten(params)
  if #flat.groups > 1 then error("LBFGS: it takes no groups", 2) end
  options.max_eval = options.max_eval or
                     math.max(1, options.max_iter * 5 // 4)
  local self = {params = flat.params, options = options, n_iter = 0,
                func_evals = 0, length = 0.0, scale = 1.0, pairs = {},
                buffers = {}, along = {}, spare = false, count = 0,
                dtype = "float32"}
  for _, p in ipairs(flat.params) do
    local n = 1
    for _, extent in ipairs(p:shape()) do n = n * extent end
    self.count = self.count + n
    if p.dtype == "float64" then self.dtype = "float64" end
  end
  for _, name in ipairs {"x", "d", "grad", "before", "place"} do
    self[name] = core.zeros({self.count}, self.dtype)
  end
  return setmetatable(self, meta)
end

-- }==
