---rnn.BatchNorm(size, {eps = 1e-5, momentum = 0.1, affine = true, bias =
---true}): each column of x gets mean 0 and variance 1 (Ioffe and Szegedy 2015),
---as torch.nn.BatchNorm1d:
---    y = (x - mean) / sqrt(var + eps) * weight + bias
---`affine` false leaves out weight and bias, `bias` false the latter.
---While a tape is open, mean and var are those of the batch, over the steps
---within the lengths, and move the running ones:
---    running = (1 - momentum) running + momentum batch
---(of the variance the unbiased one). Without a tape they are the running ones,
---which model files keep.
---
---    local norm = rnn.BatchNorm(64)
---    do
---      local tape <close> = rnn.tape()
---      norm(rnn.randn {20, 8, 64})             -- learns mean and variance
---    end
---    local y = norm(rnn.randn {20, 8, 64})     -- uses them
local core = require "rnn.core"
local layer = require "rnn.layer"
local lengths_of = require "rnn.lengths"
local norm = require "rnn.norm"

local op = core.op

---@class rnn.BatchNorm
---@field weight rnn.Tensor|nil (size)
---@field bias rnn.Tensor|nil (size)
---@field running_mean rnn.Tensor (size), not trained
---@field running_var rnn.Tensor (size), not trained
---Call: y = norm(x, lengths). x (..., size) -> y (..., size); with lengths, N
---integers, x is (T, N, size), and y is 0 beyond them.
---@overload fun(x: rnn.Tensor, lengths?: integer[]): rnn.Tensor

---Rows of x that count.
local function count(x, lengths)
  local shape, n = x:shape(), 0
  if not lengths then
    n = 1
    for d = 1, #shape - 1 do n = n * shape[d] end
  end
  for _, length in ipairs(lengths or {}) do n = n + length end
  return n
end

local function move(running, batch, momentum)
  running:copy(running * (1 - momentum) + batch:detach() * momentum)
end

local function train(self, x, lengths)
  local options = self.config.options
  local y, mean, var = op.batch_norm(x, self.weight, self.bias,
                                     {lengths = lengths, eps = options.eps})
  local n = count(x, lengths)
  if n < 2 then
    error("BatchNorm: the variance of a batch needs 2 steps or more, got " ..
          n, 2)
  end
  move(self.running_mean, mean, options.momentum)
  move(self.running_var, var * (n / (n - 1)), options.momentum)
  return y
end

local function apply(self, x, lengths)
  local scale = (self.running_var + self.config.options.eps) ^ -0.5
  if self.weight then scale = scale * self.weight end
  local y = (x - self.running_mean) * scale
  if self.bias then y = y + self.bias end
  if not lengths then return y end
  local shape = y:shape()
  if #shape ~= 3 then
    error(("BatchNorm: x must be (T, N, %d) to have lengths, got (%s)"):format(
          shape[#shape], table.concat(shape, ", ")), 2)
  end
  lengths_of.check("BatchNorm", lengths, shape[1], shape[2], 0, 2)
  return op.masked_fill(y, lengths_of.beyond(lengths, shape[1], y.dtype), 0)
end

return layer.class {
  name = "BatchNorm",
  sizes = {"size"},
  options = {eps = 1e-5, momentum = 0.1, affine = true, bias = true},
  check = function(sizes, options)
    if not (options.momentum >= 0 and options.momentum <= 1) then
      return ("'momentum' must be from 0 to 1, got %s"):format(
             options.momentum)
    end
    return norm.check(sizes, options)
  end,
  shapes = function(sizes, options)
    local list = norm.shapes(sizes, options)
    list[#list + 1] = {"running_mean", {sizes[1]}, 0}
    list[#list + 1] = {"running_var", {sizes[1]}, 1}
    return list
  end,
  init = norm.init,
  call = function(self, x, lengths)
    norm.check_input(self, x)
    if core.taped() then return train(self, x, lengths) end
    return apply(self, x, lengths)
  end,
}
