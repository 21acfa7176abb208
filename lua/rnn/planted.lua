---Series with planted faults, to try detectors on: like those of a sensor
---(seasons, a slow trend, noise), or like an ECG (beats of five waves, P to T,
---no two of which are quite alike).
---
---    rnn.seed(1)
---    local one = rnn.planted("sensor", {rows = 4000, from = 2001})
---    print(#one.values, #one.faults, one.faults[1].kind)
---    print(one.labels[one.faults[1].first])                 -- 1
local check = require "rnn.check"
local core = require "rnn.core"

local function between(low, high) return low + (high - low) * core.random() end

local function normal(count) return core.randn({count}, "float64"):totable() end

-- {== Where faults are ==

---Rows of the faults of each kind, fewest and most.
local LENGTHS = {
  sensor = {spike = {1, 2}, shift = {12, 30}, flat = {12, 30},
            burst = {12, 30}, frequency = {24, 48}},
  ecg = {spike = {1, 2}, shift = {20, 40}, flat = {40, 60}, burst = {20, 40},
         frequency = {81, 81}, missing = {26, 26}},
}

local ORDER = {"spike", "shift", "flat", "burst", "frequency", "missing"}

---Faults of all kinds in turn, until they have the rows they are to have.
local function draw_faults(lengths, rows)
  local faults, left = {}, rows
  while true do
    for _, kind in ipairs(ORDER) do
      local range = lengths[kind]
      if range then
        local length = math.floor(between(range[1], range[2] + 1))
        if length > left then return faults end
        faults[#faults + 1], left = {kind = kind, length = length},
                                    left - length
      end
    end
  end
end

---Places faults in order, each somewhere in a part of its own of the rows from
---.. to, in the middle half of it.
local function place(faults, from, to)
  local part = (to - from + 1) / #faults
  for i, fault in ipairs(faults) do
    local at = from + part * (i - 1 + between(0.25, 0.75))
    fault.first = math.floor(at - fault.length / 2)
    fault.last, fault.length = fault.first + fault.length - 1, nil
  end
  return faults
end

-- }==

-- {== Series ==

local NOISE <const> = {sensor = 0.08, ecg = 0.02}

---A sensor: a day of 48 rows, a third of it, a week, and a trend. Within a
---fault of its frequency time runs twice as fast.
local function sensor(rows, faults)
  local values, turn = {}, 2 * math.pi
  for t = 1, rows do
    values[t] = 0.3 * math.sin(turn * t / 336) +
                0.5 * t / rows + 0.3 * math.sin(2 * turn * t / rows)
  end
  local clock = {}
  for t = 1, rows do clock[t] = t end
  for _, fault in ipairs(faults) do
    for t = fault.first, fault.kind == "frequency" and fault.last or 0 do
      clock[t] = fault.first + 2 * (t - fault.first)
    end
  end
  for t, u in ipairs(clock) do
    values[t] = values[t] + math.sin(turn * u / 48) +
                0.4 * math.sin(turn * u / 16 + 1)
  end
  return values
end

---Waves of a beat: height, place and width in beats, the peak R being at 0
---(after McSharry et al. 2003).
local WAVES = {{0.15, -0.22, 0.035}, {-0.12, -0.07, 0.025}, {1, 0, 0.03},
               {-0.25, 0.075, 0.03}, {0.3, 0.33, 0.06}}
local BEAT <const> = 40       -- rows, on the average

---Adds waves 1 .. last of a beat of so many rows, with R at a row.
local function add_beat(values, at, last, length)
  local height = 1 + 0.03 * normal(1)[1]
  for k = 1, last do
    local wave = WAVES[k]
    local middle, width = at + wave[2] * length, wave[3] * length
    for t = math.max(1, math.floor(middle - 5 * width)),
            math.min(#values, math.ceil(middle + 5 * width)) do
      values[t] = values[t] + height * wave[1] *
                  math.exp(-0.5 * ((t - middle) / width) ^ 2)
    end
  end
end

---Faults that are of beats: of how many, and the rows of them, from that before
---the first R to that after the last one.
local OF_BEATS = {missing = {beats = 1, before = 3, after = 22},
                  frequency = {beats = 4, before = 10, after = 10}}

---An ECG. A missing beat is a P wave that no other one follows; beats of a
---fault of the frequency are half as long. These faults are moved to the next
---beat.
local function ecg(rows, faults)
  local values, at, moved = {}, between(0, BEAT), {}
  for t = 1, rows do values[t] = 0.0 end
  for _, fault in ipairs(faults) do
    if OF_BEATS[fault.kind] then moved[#moved + 1] = fault end
  end
  local i, count = 1, 0
  while at < rows + BEAT do
    local fault, length = moved[i], BEAT
    local within = fault and at >= fault.first
    local kind = within and fault.kind
    if kind == "frequency" then length = 0.5 * length end
    add_beat(values, at, kind == "missing" and 1 or #WAVES, length)
    if within then
      local o = OF_BEATS[kind]
      count = count + 1
      if count == 1 then fault.first = math.floor(at - o.before) end
      if count == o.beats then
        fault.last, i, count = math.floor(at + o.after), i + 1, 0
      end
    end
    at = at + length * (1 + 0.03 * normal(1)[1])
  end
  return values
end

local MAKE = {sensor = sensor, ecg = ecg}

-- }==

-- {== Faults ==

---What becomes of rows first .. last of values; those of the ECG's beats are
---there already.
local APPLY = {
  spike = function(values, first, last)
    local height = between(1, 2) * (core.random() < 0.5 and -1 or 1)
    for t = first, last do values[t] = values[t] + height end
  end,
  shift = function(values, first, last)
    local height = between(0.8, 1.5) * (core.random() < 0.5 and -1 or 1)
    for t = first, last do values[t] = values[t] + height end
  end,
  flat = function(values, first, last)
    for t = first, last do values[t] = values[first - 1] end
  end,
  burst = function(values, first, last)
    for t, x in ipairs(normal(last - first + 1)) do
      values[first + t - 1] = values[first + t - 1] + 0.6 * x
    end
  end,
}

---@class rnn.PlantedOptions
---@field rows integer R
---@field from? integer first row that may be of a fault; default 1
---@field share? number of the rows from there on that are; default 0.01

---@class rnn.PlantedFault
---@field kind "spike"|"shift"|"flat"|"burst"|"frequency"|"missing"
---@field first integer row
---@field last integer

---@class rnn.Planted
---@field values number[] R
---@field labels integer[] R, 1 for rows of faults, else 0
---@field faults rnn.PlantedFault[] in order, none next to another

local OPTIONS = {rows = true, from = true, share = true}

---@param kind "sensor"|"ecg"
---@param o rnn.PlantedOptions
---@return rnn.Planted
return function(kind, o)
  check.names("planted", o, OPTIONS)
  kind = check.word("planted", "kind", kind, {"sensor", "ecg"})
  local rows = check.integer("planted", "rows", o.rows, nil, 1)
  if not rows then error("planted: needs 'rows'", 2) end
  local from = check.integer("planted", "from", o.from, 1, 1)
  local faults = draw_faults(LENGTHS[kind], (o.share or 0.01) *
                                            (rows - from + 1))
  place(faults, from, rows)
  local values = MAKE[kind](rows, faults)
  for t, x in ipairs(normal(rows)) do
    values[t] = values[t] + NOISE[kind] * x
  end
  local labels = {}
  for t = 1, rows do labels[t] = 0 end
  for _, fault in ipairs(faults) do
    local apply = APPLY[fault.kind]
    if apply then apply(values, fault.first, fault.last) end
    for t = fault.first, fault.last do labels[t] = 1 end
  end
  return {values = values, labels = labels, faults = faults}
end

-- }==
