---Regularisation that is no layer: rnn.ar and rnn.tar, losses of activations,
---and rnn.word_dropout, for ids.
---
---    local embed = rnn.Embedding(100, 8)
---    local lstm, drop = rnn.LSTM(8, 16), rnn.Dropout {p = 0.4, locked = true}
---    local x = rnn.ones({20, 4}, "int32")
---    local tape <close> = rnn.tape()
---    local h = lstm(embed(rnn.word_dropout(x, 0.1, 100)))
---    local loss = 2 * rnn.ar(drop(h)) + 1 * rnn.tar(h)   -- + the model's loss
---    tape:backward(loss)
local check = require "rnn.check"
local core = require "rnn.core"
local lengths_of = require "rnn.lengths"

local regularise = {}

---Only steps within the lengths of their rows count.
---@class rnn.ActivationOptions
---@field lengths? integer[] steps of each of the N rows of h (T,N,F); default T

---Checks h (T,...) and, with lengths, (T,N,F); returns the lengths.
local function lengths_in(what, h, opts)
  opts = opts or {}
  check.names(what, opts, {lengths = true})
  local shape = core.is_tensor(h) and h:shape() or {}
  if #shape == 0 or opts.lengths and #shape ~= 3 then
    error(("%s: 'h' must be a tensor (T, N, F), got %s"):format(what,
          core.is_tensor(h) and "(" .. table.concat(shape, ", ") .. ")" or
          type(h)), 3)
  end
  if opts.lengths then
    lengths_of.check(what, opts.lengths, shape[1], shape[2], 0, 3)
  end
  return opts.lengths
end

---Mean of the squares of d (T,...), with lengths of those within; 0 when there
---are none.
local function mean_square(d, lengths)
  local count = #d:reshape {-1}
  if lengths then
    count = 0
    for _, n in ipairs(lengths) do count = count + n * d:shape()[3] end
    d = d:masked_fill(lengths_of.beyond(lengths, #d, d.dtype), 0)
  end
  return (d * d):sum() * (1 / math.max(count, 1))
end

---Activation regularisation (Merity, McCann and Socher 2017): the mean of h^2,
---for h the outputs of the last recurrent layer after its dropout. It is to be
---scaled, by 2 in the paper, and added to the loss.
---@param h rnn.Tensor (T,N,F)
---@param opts? rnn.ActivationOptions
---@return rnn.Tensor loss
function regularise.ar(h, opts)
  return mean_square(h, lengths_in("ar", h, opts))
end

---Temporal activation regularisation (Merity, McCann and Socher 2017): the mean
---of (h_(t+1) - h_t)^2, for h the outputs of the last recurrent layer before
---its dropout; 0 with a single step. It is to be scaled, by 1 in the paper, and
---added to the loss.
---@param h rnn.Tensor (T,N,F)
---@param opts? rnn.ActivationOptions
---@return rnn.Tensor loss
function regularise.tar(h, opts)
  local lengths = lengths_in("tar", h, opts)
  if #h < 2 then return core.zeros({}, h.dtype) end
  local steps = lengths and {}   -- to one that counts
  for n, length in ipairs(lengths or {}) do
    steps[n] = math.max(length - 1, 0)
  end
  return mean_square(h:slice(1, 2) - h:slice(1, 1, -2), steps)
end

---While a tape is open: a copy of the ids in which each is 'unknown' with
---probability p (Bowman et al. 2016). Without a tape the ids themselves.
---@param ids rnn.Tensor (...) int32
---@param p number from 0 to 1
---@param unknown integer the id that stands for words that are not known
---@return rnn.Tensor ids (...) int32
function regularise.word_dropout(ids, p, unknown)
  if not core.is_tensor(ids) or ids.dtype ~= "int32" then
    error(("word_dropout: 'ids' must be an int32 tensor, got %s"):format(
          core.is_tensor(ids) and ids.dtype or type(ids)), 2)
  end
  if type(p) ~= "number" or not (p >= 0 and p <= 1) then
    error(("word_dropout: 'p' must be from 0 to 1, got %s"):format(p), 2)
  end
  if math.type(unknown) ~= "integer" or unknown < 1 then
    error(("word_dropout: 'unknown' must be an id, an integer >= 1, got %s")
          :format(unknown), 2)
  end
  if p == 0 or not core.taped() then return ids end
  local out = ids:clone()
  for i = 1, #ids:reshape {-1} do
    if core.random() < p then core.set(out, i, unknown) end
  end
  return out
end

return regularise
