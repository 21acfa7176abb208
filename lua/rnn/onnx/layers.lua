---Layers as nodes of ONNX, other than recurrent ones: each is called as the
---layer is, with its path in front of what it reads. Dropout is not there.
local layers = {}

---The i-th parameter of a layer, or nil.
local function weight(g, m, path, name)
  return m[name] and g:weight(m[name], path .. "." .. name) or nil
end

---Rows of a table.
---@param ids string int64, from 0
---@return string
function layers.embedding(g, m, path, ids)
  return g:op("Gather", weight(g, m, path, "weight"), ids)
end

---@return string
function layers.linear(g, m, path, x)
  return g:linear(x, weight(g, m, path, "weight"), weight(g, m, path, "bias"))
end

local ACTIVATIONS = {
  relu = function(g, x) return g:op("Relu", x) end,
  tanh = function(g, x) return g:op("Tanh", x) end,
  sigmoid = function(g, x) return g:op("Sigmoid", x) end,
  leaky_relu = function(g, x) return g:op("LeakyRelu", x, {alpha = 0.01}) end,
  gelu = function(g, x)
    local f = g:op("Erf", g:op("Mul", x, g:reals(1 / math.sqrt(2))))
    return g:op("Mul", g:op("Mul", x, g:reals(0.5)),
                g:op("Add", f, g:reals(1)))
  end,
}

---@return string
function layers.mlp(g, m, path, x)
  local last = #m.config.sizes - 1
  for i = 1, last do
    local name = "linear" .. i
    x = layers.linear(g, m[name], path .. "." .. name, x)
    if i < last then x = ACTIVATIONS[m.config.options.activation](g, x) end
  end
  return x
end

---A Linear or an MLP.
---@return string
function layers.head(g, m, path, x)
  return (m.config.class == "MLP" and layers.mlp or layers.linear)(g, m, path,
                                                                   x)
end

---Logarithms of all probabilities.
---@param x string (T,N,D)
---@return string
function layers.adaptive(g, m, path, x)
  local cutoffs = m.config.options.cutoffs
  local function part(name, h)
    return g:linear(h, weight(g, m, path, name .. ".weight"),
                    weight(g, m, path, name .. ".bias"))
  end
  local head = g:op("LogSoftmax", part("head", x), {axis = -1})
  local parts = {g:slice(head, 2, 0, cutoffs[1])}
  for i = 1, #cutoffs do
    local tail = ("tail.%d."):format(i - 1)
    local scores = part(tail .. "1", part(tail .. "0", x))
    local at = cutoffs[1] + i - 1
    parts[i + 1] = g:op("Add", g:op("LogSoftmax", scores, {axis = -1}),
                        g:slice(head, 2, at, at + 1))
  end
  return g:cat(2, parts)
end

-- {== Steps of rows ==

---x (T,N,F) with another number beyond the lengths.
local function beyond(g, x, lengths, number)
  if not lengths then return x end
  return g:op("Where", g:within(x, lengths), x, g:reals(number))
end

---@param lengths? string
---@return string y
---@return string? lengths
function layers.conv(g, m, path, x, lengths)
  local o, kernel = m.config.options, m.config.sizes[3]
  local span = o.dilation * (kernel - 1)
  x = g:transpose(beyond(g, x, lengths, 0), {1, 2, 0})
  local y = g:node("Conv", {x, weight(g, m, path, "weight"),
                            weight(g, m, path, "bias")}, {
    kernel_shape = {kernel}, strides = {o.stride}, dilations = {o.dilation},
    pads = o.causal and {span, 0} or {o.padding, o.padding}})
  y = g:transpose(y, {2, 0, 1})
  if not lengths then return y end
  local room = o.causal and -1 or 2 * o.padding - span - 1
  local steps = g:op("Max", g:op("Add", lengths, g:ints(room + o.stride)),
                     g:ints(0))   -- those of a length without room: 0
  return y, g:op("Div", steps, g:ints(o.stride))
end

local POOL = {}

function POOL.max(g, x, lengths)
  return g:op("ReduceMax", beyond(g, x, lengths, -math.huge),
              {axes = {0}, keepdims = 0})
end

local function sum(g, x)
  return g:op("ReduceSum", x, g:ints {0}, {keepdims = 0})
end

function POOL.mean(g, x, lengths)
  local n = g:unsqueeze(g:op("Cast", lengths, {to = 1}), 1)
  return g:op("Div", sum(g, beyond(g, x, lengths, 0)), n)
end

function POOL.last(g, x, lengths)
  local before = g:op("Sub", lengths, g:ints(1))
  local last = g:op("Xor", g:within(x, lengths), g:within(x, before))
  return sum(g, g:op("Where", last, x, g:reals(0)))
end

layers.max = POOL.max

---A Pool or an AttentionPool: (T,N,F) to (N,F).
---@param lengths string
---@return string
function layers.pool(g, m, path, x, lengths)
  if m.config.class == "Pool" then
    return POOL[m.config.options.kind](g, x, lengths)
  end
  local u = g:op("Tanh", layers.linear(g, m, path, x))
  local context = m.context:reshape {1, #m.context}
  local scores = g:linear(u, g:weight(context, path .. ".context"))
  scores = beyond(g, scores, lengths, -math.huge)
  return sum(g, g:op("Mul", g:op("Softmax", scores, {axis = 0}), x))
end

---Attention of kind scaled_dot, of all keys: query (T,N,H), keys (S,N,H).
---@return string (T,N,H)
function layers.attention(g, m, query, keys)
  local rows = g:transpose(keys, {1, 0, 2})                     -- (N,S,H)
  local scores = g:op("MatMul", g:transpose(query, {1, 0, 2}),
                      g:transpose(keys, {1, 2, 0}))             -- (N,T,S)
  local scale = g:reals(1 / math.sqrt(m.config.sizes[2]))
  local p = g:op("Softmax", g:op("Mul", scores, scale), {axis = -1})
  return g:transpose(g:op("MatMul", p, rows), {1, 0, 2})
end

-- }==

return layers
