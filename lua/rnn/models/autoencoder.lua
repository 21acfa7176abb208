---The model kind "autoencoder": windows of a series through a few numbers and
---back (Malhotra et al. 2016), which does well for windows as those it has
---seen, and not for others.
---
---    window (W,N,D) -> scaled, relative to its mean -> rnn, the last row first
---      -> code (N,C) -> decoder, that reads the code at every step
---      -> window, the first row first -> unit of the data
---
---The decoder begins where the encoder ended, which makes its beginning easy to
---learn (Srivastava et al. 2015).
local core = require "rnn.core"
local data = require "rnn.data"
local json = require "rnn.json"
local layer = require "rnn.layer"
local model = require "rnn.model"
local windowing = require "rnn.data.windows"

local is_layer, new_layer, op = layer.is, layer.named, core.op
local autoencoder = {}

autoencoder.KIND = "autoencoder"

local KNOWN, TABLES = {}, {}   -- keys that no walk over a model visits
local CELLS = {lstm = "LSTM", gru = "GRU", rnn = "RNN"}

---@class rnn.AutoencoderKnown
---@field D integer targets
---@field window integer W
---@field code integer C, numbers that a window is made of
---@field absolute boolean whether the mean of a window says something
---@field roles rnn.FrameRoles
---@field scaler rnn.Scaler

---@class rnn.Autoencoder
---@field rnn table
---@field squeeze rnn.Linear
---@field decoder table
---@field out rnn.Linear
local Autoencoder = {}

local META = {__index = Autoencoder, __name = "rnn.Autoencoder"}

-- {== What is known ==

---Learns the scale of a series from a part to train on.
---@param part rnn.FramePart
---@param o table options of scripts/anomaly.lua
---@return rnn.AutoencoderKnown|nil
---@return string[] notes, none
function autoencoder.learn(part, o)
  local frame = part.frame
  local known = {D = frame.targets, window = o.window, code = o.code,
                 absolute = o.absolute or false, roles = frame.roles}
  local one = frame.series[1]
  known.scaler = data.scaler {"standard"}
  known.scaler:fit(frame.values:slice(1, one.first, part.trained[1])
                               :slice(2, 1, known.D))
  return known, {}
end

---What a model file says of an autoencoder, beside its layers.
---@param known rnn.AutoencoderKnown
---@return table<string, any> meta for rnn.save
function autoencoder.describe(known)
  local own = {}
  for name, value in pairs(known) do own[name] = value end
  own.scaler = known.scaler:state()
  return {["rnnlua.kind"] = autoencoder.KIND, autoencoder = json.encode(own)}
end

---Does a description, which is not trusted, make sense?
local function is_sound(o)
  if type(o) ~= "table" or type(o.roles) ~= "table" or
     type(o.absolute) ~= "boolean" then
    return false
  end
  for _, name in ipairs {"D", "window", "code"} do
    local x = o[name]
    if math.type(x) ~= "integer" or x < 1 or x > 1 << 20 then return false end
  end
  return true
end

---What is known, from the metadata of a file, which is not trusted.
---@param meta table<string, string>
---@return rnn.AutoencoderKnown|nil
---@return string? message
function autoencoder.recall(meta)
  if meta["rnnlua.kind"] ~= autoencoder.KIND then
    return nil, "is no autoencoder, but of kind " ..
                tostring(meta["rnnlua.kind"])
  end
  local known = json.decode(meta.autoencoder or "null")
  if not is_sound(known) then return nil, "its description is damaged" end
  local wrong
  known.scaler, wrong = data.scaler_from(known.scaler, known.D)
  if not known.scaler then return nil, wrong end
  if known.scaler.lag > 0 then return nil, "its scaler is damaged" end
  return known
end

-- }==

-- {== Layers ==

---@class rnn.AutoencoderConfig
---@field cell "lstm"|"gru"|"rnn"
---@field hidden integer
---@field layers integer
---@field dropout number
---@field weight_drop number
---@field precision "full"|"bf16"

---@param known rnn.AutoencoderKnown
---@param o rnn.AutoencoderConfig
---@return rnn.Autoencoder
function autoencoder.build(known, o)
  local function new_rnn(I)
    return new_layer(CELLS[o.cell], I, o.hidden, {
      num_layers = o.layers, locked_dropout = o.dropout,
      weight_drop = o.weight_drop, precision = o.precision})
  end
  return autoencoder.wrap({
    rnn = new_rnn(known.D), squeeze = new_layer("Linear", o.hidden, known.code),
    decoder = new_rnn(known.code), out = new_layer("Linear", o.hidden, known.D),
  }, known)
end

function autoencoder.wrap(m, known)
  m[KNOWN], m[TABLES] = known, setmetatable({}, {__mode = "k"})
  return setmetatable(m, META)
end

---What keeps the layers of a file, which is not trusted, from being those that
---build() makes.
local function fault(m, known)
  local net = type(m.rnn) == "table" and m.rnn.config or {}
  local options, H = net.options or {}, net.sizes and net.sizes[2]
  local is_cell = false
  for _, class in pairs(CELLS) do is_cell = is_cell or net.class == class end
  if not is_cell or options.bidirectional or options.batch_first or
     (options.proj_size or 0) > 0 or
     not (is_layer(m.rnn, net.class, known.D, H) and
          is_layer(m.squeeze, "Linear", H, known.code) and
          is_layer(m.decoder, net.class, known.code, H) and
          is_layer(m.out, "Linear", H, known.D)) then
    return "its layers do not fit its description"
  end
  local other = m.decoder.config.options
  if other.bidirectional or other.batch_first or
     (other.proj_size or 0) > 0 then
    return "its decoder does not fit"
  end
end

---Rebuilds an autoencoder from its file.
---@param path string
---@return rnn.Autoencoder|nil
---@return table<string, string>|string meta or the message "path: reason"
---@return string? code "EIO" or "EFORMAT"
function autoencoder.load(path)
  local m, known, meta = model.load_kind(path, autoencoder.recall, fault)
  if not m then return nil, known, meta end
  return autoencoder.wrap(m, known), meta
end

---@return rnn.AutoencoderKnown
function Autoencoder:known() return self[KNOWN] end

-- }==

-- {== Windows and back ==

---Windows made ready.
---@param part rnn.FramePart
---@return integer[] items, the origins, with the `table` of scaled rows
function Autoencoder:encode(part)
  local known, tables, frame = self[KNOWN], self[TABLES], part.frame
  tables[frame] = tables[frame] or known.scaler:transform(
                  frame.values:slice(2, 1, known.D)):to "float32"
  return table.move(part, 1, #part, 1, {table = tables[frame], part = part})
end

---Windows (W,N,D), the same with the last row first, and their means (1,N,D)
---unless these say something.
local function windows_of(known, batch)
  local W = known.window
  local x = windowing.rows(batch.table, batch, 1 - W, 0)
  local rows = {}
  for k = 1, W do rows[k] = x:slice(1, W + 1 - k, W + 1 - k) end
  local back = op.cat(rows, 1)
  if known.absolute then return x, back end
  local shape = x:shape()
  local mean = x:mean(1):reshape {1, shape[2], shape[3]}
  return x - mean, back - mean, mean
end

---What is made (W,N,D) of windows whose last row is first.
local function rebuild(self, back)
  local h = self.rnn(back)
  local code = self.squeeze(h:slice(1, #h, #h))       -- (1,N,C)
  local read = code + core.zeros({#back, 1, 1}, code.dtype)
  return self.out((self.decoder(read)))
end

---What training makes small.
---@param batch integer[] of encode's items, with their `table`
---@return rnn.Tensor loss of scaled numbers
---@return integer windows
function Autoencoder:loss(batch)
  local x, back = windows_of(self[KNOWN], batch)
  return op.mse(rebuild(self, back), x), #batch
end

---What is made of windows, and the loss.
---@param batch integer[] as loss takes them
---@return rnn.Tensor[] (W,D) each in the unit of the data, float64
---@return number loss summed over windows
---@return integer windows
function Autoencoder:predict(batch)
  local known, list = self[KNOWN], {}
  local x, back, mean = windows_of(known, batch)
  local y = rebuild(self, back)
  local loss = op.mse(y, x):item()
  y = known.scaler:inverse((mean and y + mean or y):to "float64")
  for n = 1, #batch do list[n] = y:select(2, n) end
  return list, loss * #batch, #batch
end

-- }==

return autoencoder
