---rnn.Conv1d(input_size, output_size, kernel, opts): a linear map of some steps
---side by side, at every step, as torch.nn.Conv1d, but time-major:
---    y[t] = bias + sum_j W_j x[t stride + j dilation - padding],  0 outside
---Options: stride 1, padding 0, dilation 1, bias true; causal false: true pads
---so that y[t] sees no later step (van den Oord et al. 2016).
---
---    local conv = rnn.Conv1d(64, 32, 3, {padding = 1})
---    local y, lengths = conv(rnn.randn {10, 2, 64}, {10, 7})
local core = require "rnn.core"
local layer = require "rnn.layer"
local lengths_of = require "rnn.lengths"

local op = core.op

---@class rnn.Conv1d
---@field weight rnn.Tensor (out, in, kernel)
---@field bias rnn.Tensor|nil (out)
---Call: y, lengths = conv(x, lengths). x (T,N,in) -> y (T',N,out), T' = (T + 2
---padding - dilation (kernel - 1) - 1) // stride + 1, or causal (T - 1) //
---stride + 1; x counts as 0 beyond the lengths, and the second result is what
---becomes of them.

local LEAST = {stride = 1, padding = 0, dilation = 1}

---Steps that come of 'length' steps.
local function steps(self, length)
  local options = self.config.options
  local span = options.dilation * (self.config.sizes[3] - 1)
  local room = length + 2 * options.padding - span - 1
  if options.causal then room = length - 1 end
  return room < 0 and 0 or room // options.stride + 1
end

return layer.class {
  name = "Conv1d",
  sizes = {"input_size", "output_size", "kernel"},
  options = {stride = 1, padding = 0, dilation = 1, bias = true,
             causal = false},
  check = function(sizes, options)
    if sizes[3] < 1 then return "'kernel' must be at least 1, got 0" end
    for _, name in ipairs {"stride", "padding", "dilation"} do
      local n, least = options[name], LEAST[name]
      if math.type(n) ~= "integer" or n < least or n > 0x7fffffff then
        return ("'%s' must be an integer >= %d, got %s"):format(name, least, n)
      end
    end
    if options.causal and options.padding ~= 0 then
      return ("'padding' must be 0 when causal, got %d"):format(
             options.padding)
    end
  end,
  shapes = function(sizes, options)
    return {{"weight", {sizes[2], sizes[1], sizes[3]}},
            options.bias and {"bias", {sizes[2]}} or nil}
  end,
  init = function(self, sizes)
    layer.uniform(self, 1 / math.sqrt(math.max(1, sizes[1] * sizes[3])))
  end,
  call = function(self, x, lengths)
    local options, shape, out = self.config.options, x:shape(), nil
    if lengths and #shape == 3 then
      lengths_of.check("Conv1d", lengths, shape[1], shape[2], 0, 2)
      x = op.masked_fill(x, lengths_of.beyond(lengths, shape[1], x.dtype), 0)
      out = {}
      for n, length in ipairs(lengths) do out[n] = steps(self, length) end
    end
    return op.conv1d(x, self.weight, self.bias,
                     {stride = options.stride, padding = options.padding,
                      dilation = options.dilation, causal = options.causal}),
           out
  end,
}
