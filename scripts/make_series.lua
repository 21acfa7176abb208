---Makes series with labels, as .ts files, to try train_seriesclassifier.lua on.
---Usage: rnnlua make_series.lua cbf|strokes --out DIR [options]   (--help)
local rnn = require "rnn"
local cli = require "rnn.cli"
local folder = require "rnn.folder"

local opts = cli.parse(arg, {
  name = "make_series.lua", usage = "cbf|strokes --out DIR [options]",
  summary = "Writes DIR/train.ts and DIR/test.ts: Cylinder-Bell-Funnel " ..
    "(Saito 1994), three forms of a noisy bump in one channel; or strokes " ..
    "of a pen that draws one of six shapes, of different lengths, in the " ..
    "channels x, y and pressure.",
  examples = {"make_series.lua cbf --out cbf",
              "make_series.lua strokes --out strokes --missing 0.1"},
  {"kind", positional = true, type = "choice", required = true,
   choices = {"cbf", "strokes"}, help = "which series"},
  {"out", type = "file", metavar = "DIR", required = true,
   help = "folder of the files"},
  {"train", type = "int", min = 1, default = 30, help = "series of train.ts"},
  {"test", type = "int", min = 1, default = 900, help = "series of test.ts"},
  {"noise", type = "number", min = 0, default = 1.0,
   help = "noise, 1 being that of Saito, or of a hand that is not steady"},
  {"missing", type = "number", min = 0, below = 1, default = 0.0,
   help = "chance that a value is missing"},
  {"seed", type = "int", default = 1, help = "seed of all randomness"},
})

local function between(lo, hi) return lo + (hi - lo) * rnn.random() end

---T numbers of a normal distribution.
local function normal(T)
  return rnn.randn({T}, "float64"):totable()
end

-- {== Cylinder, bell, funnel ==

---Height of the bump at t, which begins at a and ends at b.
local FORMS = {
  cylinder = function() return 1 end,
  bell = function(t, a, b) return (t - a) / (b - a) end,
  funnel = function(t, a, b) return (b - t) / (b - a) end,
}

local STEPS <const> = 128

local function cbf(label)
  local a = math.floor(between(16, 33))
  local b = a + math.floor(between(32, 97))
  local noise = normal(STEPS + 1)
  local height, rows = 6 + noise[STEPS + 1], {}
  for t = 1, STEPS do
    local bump = t >= a and t <= b and FORMS[label](t, a, b) or 0
    rows[t] = {height * bump + opts.noise * noise[t]}
  end
  return rows
end

-- }==

-- {== Strokes ==

---A point of a line through corners, u from 0 to 1.
local function along(corners, u)
  local k = math.min(math.floor(u * (#corners - 1)) + 1, #corners - 1)
  local rest = u * (#corners - 1) - (k - 1)
  local a, b = corners[k], corners[k + 1]
  return a[1] + (b[1] - a[1]) * rest, a[2] + (b[2] - a[2]) * rest
end

local CORNERS = {
  triangle = {{0, 1}, {-0.9, -0.6}, {0.9, -0.6}, {0, 1}},
  square = {{-0.8, 0.8}, {-0.8, -0.8}, {0.8, -0.8}, {0.8, 0.8}, {-0.8, 0.8}},
  zigzag = {{-1, 0.5}, {-0.5, -0.5}, {0, 0.5}, {0.5, -0.5}, {1, 0.5}},
}

---Where the pen is, u from 0 to 1.
local SHAPES = {
  circle = function(u)
    return math.sin(-2 * math.pi * u), math.cos(2 * math.pi * u)
  end,
  eight = function(u)
    return 0.7 * math.sin(4 * math.pi * u), math.cos(2 * math.pi * u)
  end,
  spiral = function(u)
    return u * math.sin(5 * math.pi * u), u * math.cos(5 * math.pi * u)
  end,
}
for name, corners in pairs(CORNERS) do
  SHAPES[name] = function(u) return along(corners, u) end
end

---A shape drawn at some place, size, tilt and speed, which changes on the way.
local function stroke(label)
  local T = math.floor(between(30, 91))
  local tilt, size, wide = between(-0.4, 0.4), between(0.6, 1.4),
                           between(0.8, 1.2)
  local cx, cy, hurry = between(-1, 1), between(-1, 1), between(0.7, 1.4)
  local force, rows, noise = between(0.5, 1), {}, normal(3 * T)
  for t = 1, T do
    local u = (t - 1) / (T - 1)
    local x, y = SHAPES[label](u ^ hurry)
    x, y = x * size * wide, y * size
    local function shaken(v, k) return v + 0.08 * opts.noise * noise[k] end
    rows[t] = {
      shaken(cx + x * math.cos(tilt) - y * math.sin(tilt), t),
      shaken(cy + x * math.sin(tilt) + y * math.cos(tilt), T + t),
      shaken(force * math.min(1, 8 * u, 8 * (1 - u)), 2 * T + t),
    }
  end
  return rows
end

-- }==

local KINDS = {cbf = {make = cbf, labels = FORMS},
               strokes = {make = stroke, labels = SHAPES}}
local kind = KINDS[opts.kind]
local labels = {}
for name in pairs(kind.labels) do labels[#labels + 1] = name end
table.sort(labels)

---Series, of each label as many as can be.
local function make(count)
  local list = {}
  for i = 1, count do
    local label = labels[(i - 1) % #labels + 1]
    local rows = kind.make(label)
    for _, row in ipairs(rows) do
      for c in ipairs(row) do
        if opts.missing > 0 and rnn.random() < opts.missing then
          row[c] = 0 / 0
        end
      end
    end
    list[i] = {label = label, values = rnn.tensor(rows, "float32")}
  end
  return list
end

rnn.seed(opts.seed)
local ok, wrong = folder.make(opts.out)
if not ok then cli.fail(5, "could not save: %s", wrong) end
for _, part in ipairs {"train", "test"} do
  local path = ("%s/%s.ts"):format(opts.out, part)
  ok, wrong = rnn.data.write_ts(path, make(opts[part]), {name = opts.kind})
  if not ok then cli.fail(5, "could not save: %s", wrong) end
  print(path)
end
