---The model kind "lm": a language model that predicts the next token.
---
---    x (T,N) ids -> embed (T,N,D) -> drop_in -> rnn (T,N,H) -> drop
---                -> out (T,N,U) logits
---
---It reads all V tokens of its tokenizer but predicts only the U usable ones:
---those for bytes that the text never had would be hundreds of outputs to
---unlearn first, which more than doubles the steps to a given loss.
---A tied model scores with the table of its embedding (Press and Wolf 2017).
---An adaptive softmax, for large vocabularies with the frequent tokens first,
---makes all scores only where they are asked for: not in training.
---A model is a plain table of these layers; its file describes them, so that
---`lm.load` rebuilds it. Sizes in a file are not trusted.
local core = require "rnn.core"
local layer = require "rnn.layer"
local model = require "rnn.model"
local regularise = require "rnn.regularise"

local lm = {}

lm.KIND = "lm"

---The recurrent layers a model may have, by the name of their option.
lm.CELLS = {lstm = "LSTM", gru = "GRU", rnn = "RNN"}

---@class rnn.LM
---@field embed rnn.Embedding
---@field drop_in rnn.Dropout|nil
---@field rnn rnn.LSTM|rnn.GRU|rnn.RNN
---@field drop rnn.Dropout|nil
---@field out rnn.Linear|rnn.TiedLinear|rnn.AdaptiveSoftmax
local LM = {}

---What the recurrent layers read.
---@param x rnn.Tensor (T,N) ids
---@return rnn.Tensor e (T,N,D)
function LM:input(x)
  local e = self.embed(x)
  return self.drop_in and self.drop_in(e) or e
end

---Outputs of the recurrent layers.
---@param x rnn.Tensor (T,N) ids
---@param state? table what an earlier call returned
---@return rnn.Tensor h (T,N,H)
---@return table state
function LM:hidden(x, state)
  return self.rnn(self:input(x), state)
end

---Logits of such outputs; those of an adaptive softmax are log-probabilities.
---@param h rnn.Tensor (T,N,H)
---@return rnn.Tensor logits (T,N,U)
function LM:scores(h)
  return self.out(h, self.embed.weight)
end

---Logits of the token after each one.
---@param x rnn.Tensor (T,N) ids
---@param state? table what an earlier call returned
---@return rnn.Tensor logits (T,N,U)
---@return table state
function LM:forward(x, state)
  local h
  h, state = self:hidden(x, state)
  return self:scores(self.drop and self.drop(h) or h), state
end

---Mean cross entropy of the ids that follow outputs.
local function entropy(self, h, y)
  if self.out.loss then return self.out:loss(h, y) end
  return core.op.cross_entropy(self:scores(h), y)
end

---What training makes small: the loss, and so many times the penalties of the
---outputs, rnn.ar and rnn.tar.
---@param x rnn.Tensor (T,N) ids
---@param y rnn.Tensor (T,N) ids that follow
---@param state? table
---@param o {ar: number, tar: number}
---@return rnn.Tensor total
---@return rnn.Tensor loss mean cross entropy
---@return table state
function LM:loss(x, y, state, o)
  local h
  h, state = self:hidden(x, state)
  local dropped = self.drop and self.drop(h) or h
  local loss = entropy(self, dropped, y)
  local total = loss
  if o.ar > 0 then total = total + o.ar * regularise.ar(dropped) end
  if o.tar > 0 then total = total + o.tar * regularise.tar(h) end
  return total, loss, state
end

---The loss as a number, for validation; no tape is open. What it takes is large
---and let go of at once, not left to the collector.
---@param x rnn.Tensor (T,N) ids
---@param y rnn.Tensor (T,N) ids that follow
---@param state? table
---@return number loss mean cross entropy
---@return table state
function LM:evaluate(x, y, state)
  local h, last = self:hidden(x, state)
  if self.out.loss then
    local _ <close> = core.tape()   -- a tape closes all that is made from here
    return self.out:loss(h, y):item(), last
  end
  local logits <close> = self:scores(h)
  return core.op.cross_entropy(logits, y):item(), last
end

local META = {__index = LM, __name = "rnn.LM"}

---Dropout has one mask for all steps, but for `dropout`, which has another one
---for each.
---@class rnn.LMConfig
---@field tok rnn.Tokenizer fitted
---@field cell "lstm"|"gru"|"rnn"
---@field embed integer
---@field hidden integer
---@field layers integer
---@field tied? boolean the output layer takes the table of the embedding
---@field softmax? "full"|"adaptive" the output layer; default full
---@field cutoffs? integer[] of an adaptive one; default lm.cutoffs(U, H)
---@field dropout? number between layers and before the output
---@field dropout_embed? number of rows of the embedding's table
---@field dropout_in? number of the embeddings
---@field dropout_hidden? number between layers
---@field dropout_out? number before the output
---@field weight_drop? number of the recurrent weights
---@field precision? "full"|"bf16" of products in recurrent layers

---Where the clusters of an adaptive softmax begin when nobody says: those of
---the head are 20 sqrt(U), or a fifth of a few; each cluster ends where there
---are five times as many, and the last one has half of all ids or more:
---2000 of 10,000; 6324 and 31620 of 100,000.
---@param U integer tokens that are predicted
---@param H integer units of what is read: a cluster has a quarter of those of
---the one before
---@return integer[] cutoffs
function lm.cutoffs(U, H)
  local cutoff = math.max(1, math.min(U // 5, math.floor(20 * math.sqrt(U))))
  local list = {}
  repeat
    list[#list + 1] = cutoff
    cutoff = 5 * cutoff
  until cutoff > U // 2 or H < 4 ^ (#list + 1)
  return list
end

---The output layer: class, sizes, options.
local function output(o)
  local H, U = o.hidden, o.tok:usable()
  if o.softmax == "adaptive" then
    return "AdaptiveSoftmax", {H, U}, {cutoffs = o.cutoffs or lm.cutoffs(U, H)}
  end
  return o.tied and "TiedLinear" or "Linear", {H, U}
end

local function class_of(name)
  return require("rnn.layers." .. name:lower())
end

---What is wrong with the output layer of a model to be, if anything is.
---@param o rnn.LMConfig
---@return string? message
function lm.check_output(o)
  local softmax = o.softmax or "full"
  if softmax ~= "full" and softmax ~= "adaptive" then
    return ("'softmax' must be full or adaptive, got %s"):format(softmax)
  elseif softmax == "full" and o.cutoffs then
    return "'cutoffs' are for an adaptive softmax"
  elseif softmax == "adaptive" and o.tied then
    return "an adaptive softmax has tables of its own and cannot be tied"
  end
  local name, sizes, options = output(o)
  local ok, wrong = layer.check(class_of(name).kind, sizes, options)
  return not ok and wrong or nil
end

---Raises at the caller's caller for what cannot be one model.
local function check_config(o)
  if not lm.CELLS[o.cell] then
    error(("lm: 'cell' must be lstm, gru or rnn, got %s"):format(o.cell), 3)
  elseif o.tied and o.embed ~= o.hidden then
    error(("lm: a tied model needs 'embed' as large as 'hidden', %d, got %d")
          :format(o.hidden, o.embed), 3)
  elseif (o.dropout or 0) > 0 and (o.dropout_out or 0) > 0 then
    error("lm: either 'dropout' or 'dropout_out'", 3)
  end
  local wrong = lm.check_output(o)
  if wrong then error("lm: " .. wrong, 3) end
end

---The layers of a model: name, class, sizes, options.
local function plan(o)
  local function p(name) return (o[name] or 0) + 0.0 end
  local layers = {
    {"embed", "Embedding", {#o.tok, o.embed}, {dropout = p "dropout_embed"}},
    {"rnn", lm.CELLS[o.cell], {o.embed, o.hidden},
     {num_layers = o.layers, dropout = p "dropout",
      locked_dropout = p "dropout_hidden", weight_drop = p "weight_drop",
      precision = o.precision}},
    {"out", output(o)},
  }
  local function drop(name, chance, locked)
    if chance == 0 then return end
    layers[#layers + 1] = {name, "Dropout", {}, {p = chance, locked = locked}}
  end
  drop("drop_in", p "dropout_in", true)
  drop("drop", p "dropout", false)
  drop("drop", p "dropout_out", true)
  return layers
end

---A new model. The table of a tied one begins uniform in +-0.1: as scores, the
---normal values of an embedding would be far too sure.
---@param config rnn.LMConfig
---@return rnn.LM
function lm.build(config)
  check_config(config)
  local m = {}
  for _, one in ipairs(plan(config)) do
    local name, class, sizes, options = table.unpack(one, 1, 4)
    class = class_of(class)
    if #sizes == 0 then
      m[name] = class(options)
    else
      m[name] = class(sizes[1], sizes[2], options)
    end
  end
  if config.tied then core.fill_uniform(m.embed.weight, -0.1, 0.1) end
  return setmetatable(m, META)
end

local function product(shape)
  local n = 1
  for _, extent in ipairs(shape) do n = n * extent end
  return n
end

---Numbers in the output layer, and those it makes of a token in training. How
---many tokens a cluster gets is guessed by Zipf's law.
local function output_size(o)
  local name, sizes, given = output(o)
  local class, params, U = class_of(name), 0, sizes[2]
  local options = layer.check(class.kind, sizes, given)
  for _, p in ipairs(layer.tensors(class, sizes, options)) do
    params = params + product(p[2])
  end
  local cutoffs = options.cutoffs
  if not cutoffs then return params, U end
  local made = cutoffs[1] + #cutoffs
  for i, cutoff in ipairs(cutoffs) do
    local last = cutoffs[i + 1] or U
    made = made + math.log(last / cutoff) / math.log(U) *
           (last - cutoff + sizes[1] / 4 ^ i)
  end
  return params, math.ceil(made)
end

---Bytes that training a model is likely to need, before any is taken: weights,
---gradients, the optimizer's slots, packed weights, and what backward needs of
---each step; a third more for what validation leaves to the collector; the
---program. Measured peaks are within 15 % of it.
---@param config rnn.LMConfig
---@param steps integer T
---@param streams integer N
---@param slots integer of the optimizer, per parameter
---@return integer bytes
---@return integer parameters
function lm.memory(config, steps, streams, slots)
  local V, D, out, scores = #config.tok, config.embed, output_size(config)
  local H, L = config.hidden, config.layers
  local gates = ({lstm = 4, gru = 3, rnn = 1})[config.cell]
  local recurrent = gates * H * (D + H + (L - 1) * 2 * H + 2 * L)
  local params = V * D + recurrent + out
  local kept = config.cell == "gru" and 4 or gates
  local per_token = L * H * (kept + 1) + 2 * H + 2 * scores + D
  local floats = params * (2 + slots) + 2 * recurrent +
                 steps * streams * per_token
  return 4 * floats * 4 // 3 + (20 << 20), params
end

-- {== Going on with another text ==

---Copies rows of 'from' to those rows of 'to' that stand for the same.
local function copy_rows(to, new, from, old)
  local row_of = {}
  local rows, width = from:shape()[1], from:shape()[2] or 1
  for i = 1, rows do row_of[old[i]] = i end
  for i = 1, to:shape()[1] do
    local row = row_of[new[i]]
    for k = 1, row and width or 0 do
      core.set(to, (i - 1) * width + k, core.get(from, (row - 1) * width + k))
    end
  end
end

---The sizes of a model, as lm.build takes them.
---@param m rnn.LM
---@return {cell: string, embed: integer, hidden: integer, layers: integer,
---tied: boolean, softmax: string, cutoffs: integer[]?}
function lm.sizes(m)
  local net, out = m.rnn.config, m.out.config
  local adaptive = out.class == "AdaptiveSoftmax"
  return {cell = net.class:lower(), embed = net.sizes[1],
          hidden = net.sizes[2], layers = net.options.num_layers,
          tied = out.class == "TiedLinear",
          softmax = adaptive and "adaptive" or "full",
          cutoffs = adaptive and out.options.cutoffs or nil}
end

---Rows of an adaptive softmax: those of the head, and of each cluster.
local function copy_adaptive(to, new, from, old)
  local cutoffs = to.config.options.cutoffs
  local function names(symbols, i, last)
    return table.move(symbols, (cutoffs[i] or 0) + 1, cutoffs[i + 1] or last, 1,
                      {})
  end
  local head, was = names(new, 0), names(old, 0)
  for i = 1, #cutoffs do
    head[#head + 1], was[#was + 1] = "cluster " .. i, "cluster " .. i
    local tail = ("tail.%d."):format(i - 1)
    to[tail .. "0.weight"]:copy(from[tail .. "0.weight"])
    copy_rows(to[tail .. "1.weight"], names(new, i, to.config.sizes[2]),
              from[tail .. "1.weight"], names(old, i, from.config.sizes[2]))
  end
  copy_rows(to["head.weight"], head, from["head.weight"], was)
end

---Whether two layers are of one class and have the same values of some options.
local function alike(a, b, ...)
  a, b = a.config, b.config
  for _, name in ipairs {...} do
    local x, y = a.options[name], b.options[name]
    if type(x) == "table" and type(y) == "table" then
      x, y = table.concat(x, ","), table.concat(y, ",")
    end
    if x ~= y then return false end
  end
  return a.class == b.class
end

---Takes over the weights of a model of the same sizes. Rows that stand for
---characters are found again by character; those of new ones stay as they are.
---@param m rnn.LM
---@param tok rnn.Tokenizer of m
---@param from rnn.LM
---@param from_tok rnn.Tokenizer
---@return true|nil ok
---@return string? message what its layers have that those of m do not
function lm.transfer(m, tok, from, from_tok)
  local mine, theirs = model.parameters(m.rnn), model.parameters(from.rnn)
  if #mine ~= #theirs or not alike(m.rnn, from.rnn, "nonlinearity") or
     not alike(m.out, from.out, "bias", "cutoffs", "div_value", "head_bias")
  then
    return nil, "its layers have other options (bias, nonlinearity, " ..
           "cutoffs) than those of a new model"
  end
  local new, old = tok:symbols(), from_tok:symbols()
  copy_rows(m.embed.weight, new, from.embed.weight, old)
  if m.out.loss then
    copy_adaptive(m.out, new, from.out, old)
  else
    for name, p in pairs(m.out) do
      if core.is_tensor(p) then copy_rows(p, new, from.out[name], old) end
    end
  end
  for i, p in ipairs(mine) do p:copy(theirs[i]) end
  return true
end

-- }==

---What a checkpoint of the model says of itself, beside its layers.
---@param tok rnn.Tokenizer
---@return table<string, any> meta for rnn.save
function lm.describe(tok)
  return {["rnnlua.kind"] = lm.KIND, tokenizer = tok}
end

---Whether a state, from a file say, is one of this model for N streams.
---@param m rnn.LM
---@param state table<string, rnn.Tensor>
---@param N integer
---@return boolean
function lm.fits(m, state, N)
  local config = m.rnn.config
  local want = ("%d,%d,%d"):format(config.options.num_layers, N,
                                   config.sizes[2])
  local parts = config.class == "LSTM" and {"h", "c"} or {"h"}
  for _, part in ipairs(parts) do
    local t = state[part]
    if not t or t.dtype ~= m.embed.weight.dtype or
       table.concat(t:shape(), ",") ~= want then
      return false
    end
  end
  return true
end

local function is_layer(value, ...)
  local class = getmetatable(value)
  local name = type(class) == "table" and class.kind and class.kind.name
  for _, wanted in ipairs {...} do
    if name == wanted then return true end
  end
end

---What keeps a table of layers from being a language model for a tokenizer.
---@param m table
---@param tok rnn.Tokenizer
---@return string? message
function lm.fault(m, tok)
  if not is_layer(m.embed, "Embedding") or
     not is_layer(m.out, "Linear", "TiedLinear", "AdaptiveSoftmax") or
     not is_layer(m.rnn, "LSTM", "GRU", "RNN") then
    return "is not a language model: it needs one Embedding, one LSTM, GRU " ..
           "or RNN, one Linear or AdaptiveSoftmax and nothing else but a " ..
           "Dropout"
  end
  for _, name in ipairs {"drop", "drop_in"} do
    if m[name] ~= nil and not is_layer(m[name], "Dropout") then
      return ("is not a language model: '%s' is no Dropout"):format(name)
    end
  end
  local embed, net, out = m.embed.config, m.rnn.config, m.out.config
  if net.options.bidirectional or net.options.batch_first then
    return "is not a language model: its layer runs in both directions or " ..
           "batch first"
  end
  if embed.sizes[1] ~= #tok or out.sizes[2] ~= tok:usable() then
    return ("has %d inputs and %d outputs, its tokenizer has %d and %d")
           :format(embed.sizes[1], out.sizes[2], #tok, tok:usable())
  end
  if embed.sizes[2] ~= net.sizes[1] or net.sizes[2] ~= out.sizes[1] or
     out.class == "TiedLinear" and embed.sizes[2] ~= out.sizes[1] then
    return "has layers that do not fit each other"
  end
end

local ROLES = {Embedding = "embed", LSTM = "rnn", GRU = "rnn", RNN = "rnn",
               Dropout = "drop", Linear = "out",
               AdaptiveSoftmax = "out"}

---The layers of a model of no kind under the names they have here, if there is
---at most one for each.
local function by_class(m)
  local named = {}
  for _, value in pairs(m) do
    local class = getmetatable(value)
    local role = class and class.kind and ROLES[class.kind.name]
    if not role or named[role] then return m end
    named[role] = value
  end
  return named
end

---Rebuilds a language model from its file: one that lm.describe has described,
---or any whose layers are one Embedding, one LSTM, GRU or RNN and one Linear or
---AdaptiveSoftmax, under whatever names, and that has a tokenizer.
---@param path string
---@return rnn.LM|nil model
---@return rnn.Tokenizer|string tokenizer or the message "path: reason"
---@return table|string meta or the code "EIO" or "EFORMAT"
function lm.load(path)
  local m, meta, code = model.load_model(path)
  if not m then return nil, meta, code end
  local kind, tok = meta["rnnlua.kind"], meta.tokenizer
  if kind and kind ~= lm.KIND then
    return nil, ("%s: is not a language model: its kind is '%s'"):format(path,
                kind), "EFORMAT"
  end
  if not tok then
    return nil, path .. ": has no tokenizer; save the model with " ..
           "{tokenizer = tok} as its metadata", "EFORMAT"
  end
  if not kind then m = by_class(m) end
  local wrong = lm.fault(m, tok)
  if wrong then return nil, path .. ": " .. wrong, "EFORMAT" end
  return setmetatable(m, META), tok, meta
end

return lm
