---A text that goes on: what a model has read, how it draws, what comes next.
---rnn.generate makes one; see there for the options.
local core = require "rnn.core"
local json = require "rnn.json"
local known = require "rnn.known"
local models = require "rnn.model"
local plain = require "rnn.plainstepper"
local stepper = require "rnn.stepper"
local stops = require "rnn.stops"

local session = {}

local AT_ONCE = 16    -- tokens made before they are shown
local FEED = 1024     -- tokens of a prime between two looks at a signal
local KIND = "session"

---@class rnn.Session
---@field steps rnn.Stepper
---@field seed integer of the first stream
local Session = {}
Session.__index = Session

-- {== Making ==

local DRAW = {"temperature", "top_k", "top_p", "min_p", "penalty", "window"}

---The options of a draw among others, checked.
local function draw_options(o)
  local draw = {}
  for _, name in ipairs(DRAW) do draw[name] = o[name] end
  core.draw_check(draw)
  return draw
end

---The options of a draw and others, as check.names takes them.
---@param own string[]
---@return table<string, true>
function session.names(own)
  local all = {}
  for _, list in ipairs {DRAW, own} do
    for _, name in ipairs(list) do all[name] = true end
  end
  return all
end

---Goes on from a state, which may come from a file.
local function restore(self, state)
  return pcall(function()
    self.steps:state(state)
    if state.rng then
      self.steps:rng(state.rng)
      self.seed = state.seed
    end
  end)
end

---@param model table
---@param tok rnn.Tokenizer
---@param o table options
---@param streams integer
---@return rnn.Session|nil
---@return string? message
---@return string? code "EFORMAT"
function session.new(model, tok, o, streams)
  local draw = draw_options(o)
  local make = stepper.fits(model) and stepper or plain
  local self = setmetatable({
    tok = tok, draw = draw, unknown = o.unknown, streams = streams,
    stops = stops.list(o.stop, tok),
    steps = make(model, {precision = o.precision, streams = streams,
                         history = o.window or 64})}, Session)
  if o.state then
    local ok, wrong = restore(self, o.state)
    if not ok then return nil, "state: " .. tostring(wrong), "EFORMAT" end
  end
  if o.seed or not self.seed then self.seed = self.steps:seed(o.seed) end
  local ok, wrong, code = self:feed(o.prime or "")
  if not ok then return nil, "prime: " .. wrong, code end
  if not o.state and not self.begun then
    self.steps:feed(known.start(tok))
  end
  return self
end

-- }==

-- {== Going on ==

---Reads text.
---@param s string
---@return true|nil ok
---@return string? message what it has that the model does not know
---@return string? code "EFORMAT"
function Session:feed(s)
  local ids, wrong, code = known.encode(self.tok, s, self.unknown)
  if not ids then return nil, wrong, code end
  self.begun = self.begun or #ids > 0
  for from = 1, #ids, FEED do
    self.steps:feed(ids:slice(1, from, math.min(#ids, from + FEED - 1)))
  end
  return true
end

---@class rnn.Made
---@field text string valid UTF-8; a character that 'length' cuts is U+FFFD
---@field tokens integer made, those of the stop string included
---@field stopped "length"|"stop"
---@field seed integer of its generator

---A text being made: take(id) takes a token, take() ends it.
local function new_text(self, i, on_text)
  local stream, watch = self.tok:stream(), stops.watch(self.stops)
  local pieces, text = {}, {tokens = 0, seed = self.seed + i - 1}
  local function show(piece, stopped)
    if piece ~= "" then
      pieces[#pieces + 1] = piece
      if on_text then on_text(piece, i) end
    end
    if stopped then text.stopped = "stop" end
  end
  function text.take(id)
    if id then
      text.tokens = text.tokens + 1
      return show(watch(stream(id)))
    end
    show(watch(stream()))
    if not text.stopped then show(watch()) end
    return {text = table.concat(pieces), tokens = text.tokens,
            stopped = text.stopped or "length", seed = text.seed}
  end
  return text
end

---Makes more text, which the model reads too. A text ends before a stop string,
---though that has been read; others beside it go on.
---@param length integer tokens at most
---@param on_text? fun(piece: string, i: integer) called with each piece
---@return rnn.Made[] made one for each stream
function Session:make(length, on_text)
  local texts, running = {}, self.streams
  for i = 1, self.streams do texts[i] = new_text(self, i, on_text) end
  local most = #self.stops > 0 and 1 or AT_ONCE   -- nothing beyond a stop
  while length > 0 and running > 0 do
    local ids = self.steps:sample(math.min(length, most), self.draw)
    for _, row in ipairs(ids:totable()) do
      for i, text in ipairs(texts) do
        if not text.stopped then
          text.take(row[i])
          if text.stopped then running = running - 1 end
        end
      end
    end
    length = length - most
    ids:close()
  end
  for i, text in ipairs(texts) do texts[i] = text.take() end
  return texts
end

---All that is needed to go on exactly: pass it as the option `state`.
---@return table state
function Session:state()
  local state = self.steps:state()
  state.rng, state.seed = self.steps:rng(), self.seed
  return state
end

function Session:close()
  self.steps:close()
end

Session.__close = Session.close

-- }==

-- {== Files ==

---A short text that differs when two models differ, in all likelihood: names,
---shapes and sums of the parameters.
local function fingerprint(model)
  local params, parts = models.parameters(model), {}
  for i, p in ipairs(params) do
    parts[i] = ("%s %s %.9g %.9g"):format(
      params.names[i], table.concat(p:shape(), ","), p:sum():item(),
      (p * p):sum():item())
  end
  return core.fingerprint(table.concat(parts, "\n"))
end

---Saves a state as one safetensors file, replaced as a whole or not at all.
---@param path string
---@param model table that it is a state of
---@param state table from session:state()
---@return true|nil ok
---@return string? message "path: reason"
---@return string? code "EIO"
function session.save(path, model, state)
  local tensors = {}
  for name, value in pairs(state) do
    if core.is_tensor(value) then tensors[name] = value end
  end
  return models.save(path, tensors, {
    ["rnnlua.kind"] = KIND,
    ["rnnlua.session"] = json.encode {model = fingerprint(model),
                                      rng = state.rng, seed = state.seed}})
end

---Reads a state that session.save wrote for the same model.
---@param path string
---@param model table
---@return table|nil state
---@return string? message "path: reason"
---@return string? code "EIO" or "EFORMAT"
function session.load(path, model)
  local state, meta, code = models.load(path)
  if not state then return nil, meta, code end
  local about = json.decode(meta["rnnlua.session"] or "null")
  if meta["rnnlua.kind"] ~= KIND or type(about) ~= "table" or
     type(about.rng) ~= "table" or math.type(about.seed) ~= "integer" then
    return nil, path .. ": holds no state of a text to go on with", "EFORMAT"
  end
  if about.model ~= fingerprint(model) then
    return nil, path .. ": is the state of another model; it goes on with " ..
           "the model that made it", "EFORMAT"
  end
  state.rng, state.seed = about.rng, about.seed
  return state
end

-- }==

return session
