---The model kind "seq2seq": an encoder reads a text, a decoder writes another
---one and looks at what the encoder made of each token.
---
---    source (S,N) ids -> source embedding -> drop -> encoder e (S,N,K)
---    its last states -> bridge -> first states of the decoder
---    target (T,N) ids -> target embedding -> drop -> decoder h (T,N,H)
---    c = attention(h, e)     h~ = drop(tanh(combine [h; c]))     out(h~)
---
---With input feeding the decoder reads [embedding; h~ of the step before]
---(Luong, Pham and Manning 2015). All texts of the source end in "</s>", so
---that none is empty; those of the target begin with "<s>" and end in "</s>".
---The bridge is left out where states fit; a model without attention has no
---combine, its h~ is drop(h). A vocabulary for both sides has one embedding; a
---tied model scores with the table of the target's (Press and Wolf 2017).
---
---    local seq2seq = require "rnn.models.seq2seq"
---    local list = {{source = {"c", "a", "t"}, target = {"k", "æ", "t"}}}
---    local known = assert(seq2seq.learn(list))
---    local model = seq2seq.build(known, {embed = 8, hidden = 16})
---    local opt = rnn.Adam(rnn.parameters(model), {lr = 1e-2, clip_norm = 5})
---    local items = model:encode(list)
---    for batch in rnn.data.batches(items, {batch = 64, length = "source"}) do
---      local tape <close> = rnn.tape()
---      tape:backward((model:loss(batch, {smoothing = 0.1})))
---      opt:step()
---    end
---    print(rnn.translate(model, {{"c", "a", "t"}})[1][1].tokens[1])
local check = require "rnn.check"
local core = require "rnn.core"
local data = require "rnn.data"
local json = require "rnn.json"
local layer = require "rnn.layer"
local model = require "rnn.model"
local translate = require "rnn.translate"
local vocabulary = require "rnn.data.vocabulary"

local op = core.op

---The recurrent layers a model may have, by the name of their option, and the
---kinds of attention, the default first.
local seq2seq = {
  KIND = "seq2seq", CELLS = {lstm = "LSTM", gru = "GRU"},
  ATTENTION = {"additive", "dot", "general", "scaled", "multihead", "none"},
}

local KNOWN = {}   -- the key of what a model knows, which no walk visits

local SOURCE = {words = true, chars = true, jamo = true}
local TARGET = {words = true, chars = true}

---@class rnn.Seq2seqKnown
---@field source rnn.Labels
---@field target rnn.Labels the same table when there is one for both
---@field source_units "words"|"chars"|"jamo" what tokens are, for who reads
---texts
---@field target_units "words"|"chars"

---@class rnn.Seq2seq
---@field source rnn.Embedding
---@field target rnn.Embedding|nil nil when the vocabulary is shared
---@field encoder rnn.LSTM|rnn.GRU
---@field bridge {h: rnn.Linear, c: rnn.Linear|nil}|nil
---@field decoder rnn.LSTM|rnn.GRU
---@field attention rnn.Attention|rnn.MultiheadAttention|nil
---@field combine rnn.Linear|nil
---@field drop rnn.Dropout|nil
---@field out rnn.Linear|rnn.TiedLinear
local Seq2seq = {}

local META = {
  __index = Seq2seq, __name = "rnn.Seq2seq",
  __tostring = function(self)
    return ("%s, %s, %s"):format(self.encoder, self.attention or
                                 "no attention", self.decoder)
  end,
}

-- {== What is known of tokens ==

---The targets of a pair, the one that counts most first.
local function targets_of(pair)
  return pair.targets or {pair.target}
end

---Learns the tokens of pairs of texts, which are lists of tokens.
---@param pairs rnn.Seq2seqPair[]
---@param o? {shared_vocab: boolean, min_count: integer, max_vocab: integer,
---source_units: string, target_units: string} shared_vocab: one vocabulary for
---both sides; min_count, max_vocab: as of rnn.data.vocabulary; units:
---"words" (the default), "chars" or, of sources, "jamo"
---@return rnn.Seq2seqKnown|nil
---@return string[]|string notes, or the message
function seq2seq.learn(pairs, o)
  o = o or {}
  local sources, targets, wrong = {}, {}, nil
  for i, pair in ipairs(pairs) do
    sources[i] = pair.source
    table.move(targets_of(pair), 1, #targets_of(pair), #targets + 1, targets)
  end
  local function tokens_of(texts)
    if wrong then return nil end
    local learnt
    learnt, wrong = vocabulary.vocabulary(texts, nil, {
      min_count = o.min_count, max_size = o.max_vocab,
      symbols = vocabulary.TEXT})
    return learnt
  end
  local known = {source_units = o.source_units or "words",
                 target_units = o.target_units or "words"}
  if o.shared_vocab then
    table.move(targets, 1, #targets, #sources + 1, sources)
  end
  known.source = tokens_of(sources)
  known.target = o.shared_vocab and known.source or tokens_of(targets)
  if wrong then return nil, wrong end
  return known, {}
end

---What a checkpoint of a model says of itself, beside its layers.
---@param known rnn.Seq2seqKnown
---@return table<string, any> meta for rnn.save
function seq2seq.describe(known)
  local meta = {
    ["rnnlua.kind"] = seq2seq.KIND,
    seq2seq = json.encode {source_units = known.source_units,
                           target_units = known.target_units},
  }
  if rawequal(known.source, known.target) then
    meta.vocabulary = known.source
  else
    meta["vocabulary.source"] = known.source
    meta["vocabulary.target"] = known.target
  end
  return meta
end

---The vocabulary under a key of a description, or the one for both sides.
local function vocabulary_of(meta, key)
  if meta.vocabulary then key = "vocabulary" end
  if not meta[key] then return nil, "has no " .. key end
  return vocabulary.vocabulary_from(meta[key], vocabulary.TEXT)
end

---What seq2seq.describe described; nothing in it is trusted.
---@param meta table<string, string>
---@return rnn.Seq2seqKnown|nil
---@return string? message
function seq2seq.recall(meta)
  local kind = meta["rnnlua.kind"]
  if kind ~= seq2seq.KIND then
    return nil, ("is not a sequence to sequence model: its kind is %s"):format(
                kind and "'" .. kind .. "'" or "not told")
  end
  local o = json.decode(meta.seq2seq or "null")
  if type(o) ~= "table" or not SOURCE[o.source_units or 0] or
     not TARGET[o.target_units or 0] then
    return nil, "its description is damaged"
  end
  local known = {source_units = o.source_units, target_units = o.target_units}
  local wrong
  for _, side in ipairs {"source", "target"} do
    known[side], wrong = vocabulary_of(meta, "vocabulary." .. side)
    if not known[side] then return nil, wrong end
  end
  if meta.vocabulary then known.target = known.source end
  return known
end

---@return rnn.Seq2seqKnown
function Seq2seq:known() return self[KNOWN] end

-- }==

-- {== Texts as ids ==

---@class rnn.Seq2seqPair
---@field source string[]
---@field target? string[]
---@field targets? string[][] all that are right, in the place of `target`

---@class rnn.Seq2seqItem
---@field source integer[] ids, "</s>" the last
---@field targets integer[][] ids
---@field spelt string[] tokens of the source
---@field size integer of its longest text, "</s>" too
---@field gold boolean whether it has a target

---Pairs of texts made ready.
---@param pairs rnn.Seq2seqPair[]
---@return rnn.Seq2seqItem[]
function Seq2seq:encode(pairs)
  local known, items = self[KNOWN], {}
  for i, pair in ipairs(pairs) do
    local function ids_of(side, tokens)
      if type(tokens) == "table" then return (known[side]:encode(tokens)) end
      error(("encode: the %s of pair %d must be a list of tokens, got %s")
            :format(side, i, type(tokens)), 3)
    end
    local item = {source = ids_of("source", pair.source), targets = {},
                  spelt = pair.source}
    item.source[#item.source + 1] = vocabulary.END
    item.size = #item.source
    for k, tokens in ipairs(targets_of(pair)) do
      item.targets[k] = ids_of("target", tokens)
      item.size = math.max(item.size, #tokens + 1)
    end
    item.gold = #item.targets > 0
    items[i] = item
  end
  return items
end

---@class rnn.Seq2seqBatch
---@field source rnn.Tensor (S,N) ids
---@field lengths integer[] N
---@field input rnn.Tensor (T,N) ids that the decoder reads, from "<s>" on
---@field output rnn.Tensor (T,N) ids that it is to predict, to "</s>"; then 0
---@field tokens integer how many these are

---Items side by side. What stands behind the end of a text does not matter.
---@param items rnn.Seq2seqItem[]
---@param draw? boolean of several targets take one at random, not the first
---@return rnn.Seq2seqBatch
function seq2seq.batch(items, draw)
  local inputs, outputs, tokens = {}, {}, 0
  for i, item in ipairs(items) do
    local k = draw and #item.targets > 1 and
              1 + math.floor(core.random() * #item.targets) or 1
    local ids = item.targets[k]
    inputs[i] = table.move(ids, 1, #ids, 2, {vocabulary.BEGIN})
    outputs[i] = table.move(ids, 1, #ids, 1, {})
    outputs[i][#ids + 1] = vocabulary.END
    tokens = tokens + #ids + 1
  end
  local source, lengths = data.padded(items, {field = "source",
                                              pad = vocabulary.END})
  return {source = source, lengths = lengths, tokens = tokens,
          input = data.padded(inputs, {pad = vocabulary.END}),
          output = data.padded(outputs)}
end

-- }==

-- {== Running ==

local function embedded(self, rows, ids)
  local e = rows(ids)
  return self.drop and self.drop(e) or e
end

local function feeds(self)
  return self.decoder.config.sizes[1] > self.source.config.sizes[2]
end

---The decoder's first state of one part of the encoder's last, (L*dirs,N,H).
local function bridged(self, part, last)
  local net, map = self.decoder.config, self.bridge[part]
  local L, H = net.options.num_layers, net.sizes[2]
  local N, size = last:shape()[2], map.config.sizes[1]
  last = map(last:transpose(1, 2):reshape {N, size}):tanh()
  return last:reshape {N, L, H}:transpose(1, 2)
end

---What the decoder starts from. A text gets the same, whatever others are
---beside it.
---@param source rnn.Tensor (S,N) ids
---@param lengths? integer[] N
---@return table state of the decoder
---@return rnn.AttentionMemory|nil memory
function Seq2seq:read(source, lengths)
  local x = embedded(self, self.source, source)
  local e, last = self.encoder(x, nil, lengths)
  local state = last
  if self.bridge then
    state = {h = bridged(self, "h", last.h),
             c = last.c and bridged(self, "c", last.c)}
  end
  if feeds(self) then
    local size = self.combine.config.sizes[2]
    state.feed = core.zeros({1, source:shape()[2], size}, e.dtype)
  end
  return state, self.attention and self.attention:memory(e, nil, lengths)
end

---h~ of outputs of the decoder. Of M * N rows, each N ask the N texts of the
---memory.
local function attend(self, h, memory)
  if not self.attention then return self.drop and self.drop(h) or h end
  local T, R, H = table.unpack(h:shape())
  local N = memory.keys:shape()[2]
  local c, weights = self.attention(h:reshape {T * R // N, N, H}, memory)
  c = c:reshape {T, R, c:shape()[3]}
  local out = self.combine(op.cat(h, c, 3)):tanh()
  return self.drop and self.drop(out) or out, weights
end

---Steps of embeddings e (T,R,E), all at once; but one with input feeding.
local function advance(self, e, state, memory)
  local x = state.feed and op.cat(e, state.feed, 3) or e
  local h, last = self.decoder(x, state)
  local out, weights = attend(self, h, memory)
  last.feed = state.feed and out
  return out, last, weights
end

---Outputs of the decoder. The N texts of the memory may have M rows each: then
---R = M * N, row (m - 1) * N + n for text n, and T is 1.
---@param ids rnn.Tensor (T,R)
---@param state table
---@param memory? rnn.AttentionMemory
---@return rnn.Tensor h~ (T,R,A), for model:scores
---@return table state after the last step
---@return rnn.Tensor|nil weights (N,T,S), or (N,M,S), of attention
function Seq2seq:write(ids, state, memory)
  local e = embedded(self, self.target or self.source, ids)
  local T = e:shape()[1]
  if not state.feed or T == 1 then return advance(self, e, state, memory) end
  local out, weights = {}, {}
  for t = 1, T do
    out[t], state, weights[t] = advance(self, e:slice(1, t, t), state, memory)
  end
  return op.cat(out, 1), state, op.cat(weights, 2)
end

---As write, but that with probability p a token is not what stands in ids, but
---the likeliest after the step before (scheduled sampling, Bengio et al. 2015).
local function write_sampled(self, ids, state, memory, p)
  local T, N = table.unpack(ids:shape())
  local read, out = ids[1], {}
  for t = 1, T do
    local e = embedded(self, self.target or self.source, read:reshape {1, N})
    out[t], state = advance(self, e, state, memory)
    if t == T then break end
    local truth = ids[t + 1]
    local given, guess = truth:totable(), nil
    for n = 1, N do
      if core.random() < p then
        guess = guess or self:scores(out[t]):argmax(3)[1]:totable()
        given[n] = guess[n]
      end
    end
    read = guess and core.ids(given) or truth
  end
  return op.cat(out, 1)
end

---Logits of outputs of the decoder.
---@param out rnn.Tensor (T,R,A)
---@return rnn.Tensor logits (T,R,V)
function Seq2seq:scores(out)
  return self.out(out, (self.target or self.source).weight)
end

---@class rnn.Seq2seqLossOptions
---@field smoothing? number of labels (Szegedy et al. 2016), from 0 to 1;
---default 0
---@field sampling? number probability that the decoder reads what it guessed
---itself (Bengio et al. 2015); default 0

---The logits of a batch.
local function logits_of(self, batch, sampling)
  local state, memory = self:read(batch.source, batch.lengths)
  if sampling > 0 then
    return self:scores(write_sampled(self, batch.input, state, memory,
                                     sampling))
  end
  return self:scores((self:write(batch.input, state, memory)))
end

---What training makes small: the mean loss of a token to predict, in nats. Of
---an item with several targets one is drawn.
---@param items rnn.Seq2seqItem[] from encode
---@param o? rnn.Seq2seqLossOptions
---@return rnn.Tensor loss with smoothing
---@return integer tokens
---@return rnn.Tensor plain cross entropy, whose exponential is the perplexity
function Seq2seq:loss(items, o)
  o = o or {}
  check.names("loss", o, {smoothing = true, sampling = true})
  local p, e = o.sampling or 0, o.smoothing or 0
  if not (type(p) == "number" and p >= 0 and p <= 1) then
    error(("loss: 'sampling' must be from 0 to 1, got %s"):format(p), 2)
  end
  local batch = seq2seq.batch(items, true)
  local logits <close> = logits_of(self, batch, p)
  local plain = op.cross_entropy(logits, batch.output, {ignore = 0})
  if e == 0 then return plain, batch.tokens, plain end
  return op.cross_entropy(logits, batch.output,
                          {ignore = 0, label_smoothing = e}),
         batch.tokens, plain
end

---The likeliest targets of items.
---@param items rnn.Seq2seqItem[] from encode
---@param o? rnn.TranslateOptions default greedy: {width = 1}
---@return string[][] tokens of each
---@return number? loss nats of the first targets, summed; nil when one has none
---@return integer tokens of these
function Seq2seq:predict(items, o)
  local sources, guesses, gold = {}, {}, true
  for i, item in ipairs(items) do
    sources[i], gold = item.spelt, gold and item.gold
  end
  for i, best in ipairs(translate(self, sources, o or {width = 1})) do
    guesses[i] = best[1].tokens
  end
  if not gold then return guesses, nil, 0 end
  local batch = seq2seq.batch(items)
  local logits <close> = logits_of(self, batch, 0)
  local loss = op.cross_entropy(logits, batch.output,
                                {ignore = 0, reduction = "sum"})
  return guesses, loss:item(), batch.tokens
end

-- }==

-- {== Building ==

---@class rnn.Seq2seqConfig
---@field embed integer
---@field hidden integer units of the decoder
---@field cell? "gru"|"lstm" default gru
---@field layers? integer of the encoder and of the decoder; default 1
---@field encoder_hidden? integer units of the encoder in each direction;
---default `hidden`
---@field encoder? "both"|"forward" directions that it reads in; default both
---@field attention? "additive"|"dot"|"general"|"scaled"|"multihead"|"none"
---@field heads? integer of multihead; default 4
---@field feed? boolean input feeding; default false
---@field tied? boolean out takes the table of the target embedding; default
---false
---@field dropout? number of embeddings, between layers and of h~; default 0
---@field precision? "full"|"bf16" of products in recurrent layers

---A configuration with all defaults, and the sizes that follow: K outputs of
---the encoder, A of h~, V.
local function complete(known, config)
  local function integer(name, default)
    return check.integer("seq2seq", name, config[name], default, 1)
  end
  for _, name in ipairs {"embed", "hidden"} do
    if config[name] == nil then
      error(("seq2seq: '%s' is missing"):format(name), 3)
    end
  end
  local o = {
    embed = integer "embed", hidden = integer "hidden",
    layers = integer("layers", 1), heads = integer("heads", 4),
    encoder_hidden = integer("encoder_hidden", config.hidden),
    bidirectional = check.word("seq2seq", "encoder", config.encoder,
                               {"both", "forward"}) == "both",
    cell = check.word("seq2seq", "cell", config.cell, {"gru", "lstm"}),
    attention = check.word("seq2seq", "attention", config.attention,
                           seq2seq.ATTENTION),
    feed = config.feed, tied = config.tied, precision = config.precision,
    dropout = (config.dropout or 0) + 0.0,
    source = #known.source, V = #known.target,
    shared = rawequal(known.source, known.target),
  }
  o.dirs = o.bidirectional and 2 or 1
  o.K = o.dirs * o.encoder_hidden
  o.A = o.tied and o.attention ~= "none" and o.embed or o.hidden
  return o
end

---What keeps completed options from being those of one model.
local function misfit(o)
  if o.attention == "none" and o.feed then
    return "'feed' needs attention"
  elseif (o.attention == "dot" or o.attention == "scaled") and
         o.K ~= o.hidden then
    return ("'attention' %s needs 'hidden' as large as what the encoder " ..
            "gives, %d, got %d"):format(o.attention, o.K, o.hidden)
  elseif o.attention == "multihead" and o.hidden % o.heads > 0 then
    return ("'heads' must divide 'hidden', %d, got %d"):format(o.hidden,
                                                               o.heads)
  elseif o.tied and o.A ~= o.embed then
    return ("'tied' without attention needs 'embed' as large as 'hidden', " ..
            "%d, got %d"):format(o.hidden, o.embed)
  end
end

---What keeps a configuration from being one of a model, before anything is
---known; names of options stand in quotes.
---@param config rnn.Seq2seqConfig
---@return string? message
function seq2seq.misfit(config)
  return misfit(complete({source = {}, target = {}}, config))
end

---The same, for a model of these vocabularies; raises in the name of the
---caller's caller.
local function checked(known, config)
  local o = complete(known, config)
  local wrong = misfit(o)
  if wrong then error("seq2seq: " .. wrong, 3) end
  return o
end

---The attention of a model, and the size of what it gives: class, sizes,
---options, size.
local function attention_plan(o)
  if o.attention == "multihead" then
    return "MultiheadAttention", {o.hidden, o.heads},
           {kdim = o.K, vdim = o.K}, o.hidden
  end
  local kind = o.attention == "scaled" and "scaled_dot" or o.attention
  return "Attention", {o.hidden, o.K},
         {kind = kind, size = kind == "additive" and o.hidden or 0}, o.K
end

---The layers of a model in the order they are made: path, class, sizes,
---options.
local function plan(o)
  local cell, D = seq2seq.CELLS[o.cell], o.embed + (o.feed and o.A or 0)
  local function net(bidirectional)
    return {num_layers = o.layers, dropout = o.dropout,
            bidirectional = bidirectional, precision = o.precision}
  end
  local layers = {
    {"source", "Embedding", {o.source, o.embed}},
    {"encoder", cell, {o.embed, o.encoder_hidden}, net(o.bidirectional)},
    {"decoder", cell, {D, o.hidden}, net(false)},
    {"out", o.tied and "TiedLinear" or "Linear", {o.A, o.V}},
  }
  local function add(...) layers[#layers + 1] = {...} end
  if not o.shared then add("target", "Embedding", {o.V, o.embed}) end
  if o.K ~= o.hidden or o.bidirectional then
    local sizes = {o.layers * o.K, o.layers * o.hidden}
    add("bridge.h", "Linear", sizes)
    if o.cell == "lstm" then add("bridge.c", "Linear", sizes) end
  end
  if o.attention ~= "none" then
    local class, sizes, options, size = attention_plan(o)
    add("attention", class, sizes, options)
    add("combine", "Linear", {o.hidden + size, o.A})
  end
  if o.dropout > 0 then add("drop", "Dropout", {}, {p = o.dropout}) end
  return layers
end

---A new model. The table that a tied one scores with begins uniform in +-0.1.
---@param known rnn.Seq2seqKnown
---@param config rnn.Seq2seqConfig
---@return rnn.Seq2seq
function seq2seq.build(known, config)
  local o = checked(known, config)
  local m = {[KNOWN] = known}
  for _, one in ipairs(plan(o)) do
    local path, name, sizes, options = table.unpack(one, 1, 4)
    local class = require("rnn.layers." .. name:lower())
    local args = table.move(sizes, 1, #sizes, 1, {})
    args[#args + 1] = options
    local made = class(table.unpack(args))
    local outer, inner = path:match "^(%l+)%.(%l)$"
    if outer then
      m[outer] = m[outer] or {}
      m[outer][inner] = made
    else
      m[path] = made
    end
  end
  if o.tied then
    core.fill_uniform((m.target or m.source).weight, -0.1, 0.1)
  end
  return setmetatable(m, META)
end

---Numbers that are trained in layers: those of a plan.
local function count(layers)
  local all, recurrent = 0, 0
  for _, one in ipairs(layers) do
    local class = require("rnn.layers." .. one[2]:lower())
    local options = layer.check(class.kind, one[3], one[4])
    for _, p in ipairs(layer.tensors(class, one[3], options)) do
      local n = 1
      for _, extent in ipairs(p[2]) do n = n * extent end
      all = all + n
      if class.recurrent then recurrent = recurrent + n end
    end
  end
  return all, recurrent
end

---Numbers for each token: of the source, and of the target but for its scores;
---outputs and their gradients, and what recurrent layers keep. With input
---feeding the gradients of a step take the place of those of the step after.
local function per_token(o)
  local gates = o.cell == "gru" and 4 or 5
  local embeds = o.dropout > 0 and 2 * o.embed or o.embed
  local asked = ({additive = 1, general = o.K / o.hidden, multihead = 2})
                [o.attention] or 0
  local read = 2 * embeds + o.layers * o.K * (gates + 4)
  local outputs = embeds + o.layers * o.hidden
  if o.attention ~= "none" then
    read = read + 2 * o.hidden * asked
    outputs = outputs + o.hidden * (asked + 1) + 2 * o.K + 3 * o.A
  end
  if o.feed then outputs = outputs + o.embed + 3 * o.A + o.hidden end
  return read, (o.feed and 1 or 2) * outputs + o.layers * o.hidden * gates
end

---Bytes that training a model is likely to need, before any is taken: weights,
---gradients, the optimizer's slots, packed weights, what backward needs of each
---token, the program. Measured peaks are within 15 % of it.
---@param known rnn.Seq2seqKnown
---@param config rnn.Seq2seqConfig
---@param size {source: integer, target: integer, batch: integer} steps S and T
---(both with "</s>"), and N
---@param slots integer of the optimizer, per parameter
---@return integer bytes
---@return integer parameters
function seq2seq.memory(known, config, size, slots)
  local o = checked(known, config)
  local params, recurrent = count(plan(o))
  local read, written = per_token(o)
  local scores = size.target * size.batch * o.V
  local floats = params * (2 + slots) + (o.feed and 6 or 4) * recurrent +
                 size.batch * (size.source * read + size.target * written) +
                 scores + math.min(scores, 4 << 20)
  return math.floor(4 * floats) + (24 << 20), params
end

-- }==

-- {== Files ==

---The layer at a path of a model, if there is one.
local function layer_at(m, path)
  local value = m
  for key in path:gmatch "%l+" do
    value = type(value) == "table" and rawget(value, key) or nil
  end
  local class = type(value) == "table" and getmetatable(value)
  return class and class.kind and value or nil
end

local function class_at(m, path)
  local found = layer_at(m, path)
  return found and found.config.class
end

---The kind of attention a layer is; anything for one that is none.
local function attention_of(found)
  if not found then return "none" end
  if found.config.class == "MultiheadAttention" then return "multihead" end
  local kind = found.config.options.kind
  return kind == "scaled_dot" and "scaled" or kind
end

---What seq2seq.build would have to be given to make these layers, completed; or
---nil and what is wrong.
local function config_of(m, known)
  if class_at(m, "source") ~= "Embedding" or not class_at(m, "encoder") or
     not class_at(m, "decoder") or not class_at(m, "out") then
    return nil, "needs an embedding 'source', recurrent layers 'encoder' " ..
           "and 'decoder', and a layer 'out'"
  end
  local encoder, decoder = m.encoder.config, m.decoder.config
  local attention, embed = layer_at(m, "attention"), m.source.config.sizes[2]
  local drop = class_at(m, "drop") == "Dropout" and m.drop.config.options.p
  local ok, o = pcall(complete, known, {
    cell = encoder.class:lower(), embed = embed,
    hidden = decoder.sizes[2], encoder_hidden = encoder.sizes[2],
    layers = encoder.options.num_layers, dropout = drop or 0,
    encoder = encoder.options.bidirectional and "both" or "forward",
    attention = attention_of(attention),
    heads = attention and attention.config.sizes[2],
    feed = (decoder.sizes[1] or 0) > embed,
    tied = m.out.config.class == "TiedLinear",
  })
  if not ok then return nil, "has layers that make no model" end
  return o
end

---Options by which layers fit each other, or not.
local STRUCTURE = {"num_layers", "bidirectional", "batch_first", "proj_size",
                   "kind", "kdim", "vdim", "causal", "weights"}

---Is a layer as planned: of that class, those sizes, structure and options?
local function as_planned(found, one)
  local class, sizes, options = table.unpack(one, 2, 4)
  if not found or found.config.class ~= class then return false end
  local config, default = found.config, getmetatable(found).kind.options
  for i, size in ipairs(sizes) do
    if config.sizes[i] ~= size then return false end
  end
  for _, name in ipairs(STRUCTURE) do
    local want = options and options[name]
    if want == nil then want = default[name] end
    if config.options[name] ~= want then return false end
  end
  return true
end

---Where a model has layers, or tables of them within tables.
local function paths_of(m)
  local paths = {}
  for key, value in pairs(m) do
    if getmetatable(value) then
      paths[#paths + 1] = tostring(key)
    else
      for inner in pairs(value) do paths[#paths + 1] = key .. "." .. inner end
    end
  end
  table.sort(paths)
  return paths
end

---What keeps a table of layers from being a model for vocabularies.
local function fault(m, known)
  local o, wrong = config_of(m, known)
  if not o then return wrong end
  local planned = {}
  for _, one in ipairs(plan(o)) do
    if not as_planned(layer_at(m, one[1]), one) then
      return ("has layers that do not fit each other or its vocabularies: " ..
              "'%s' is %s"):format(one[1], tostring(layer_at(m, one[1])))
    end
    planned[one[1]] = true
  end
  for _, path in ipairs(paths_of(m)) do
    if not planned[path] then
      return ("has a layer '%s', which no such model has"):format(path)
    end
  end
end

---Rebuilds a model from its file.
---@param path string
---@return rnn.Seq2seq|nil model
---@return table<string, string>|string meta or the message "path: reason"
---@return string? code "EIO" or "EFORMAT"
function seq2seq.load(path)
  local m, known, meta = model.load_kind(path, seq2seq.recall, fault)
  if not m then return nil, known, meta end
  m[KNOWN] = known
  return setmetatable(m, META), meta
end

-- }==

return seq2seq
