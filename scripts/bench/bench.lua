---Speed next to the limits of this machine, and next to PyTorch.
---Usage: rnnlua scripts/bench/bench.lua [options]   (make bench; --help)
---
---Each figure is the median of runs, each in a process of its own: ours, the
---peak and the peer by turns, so that all see the same machine. GFLOP/s counts
---3 x the multiply-adds of the forward pass x 2, an embedding counting as a
---product as wide as the layer; the peak is a 2048 x 2048 x 2048 float32 matrix
---product. Sampling one stream is compared to reading its weights (stream.c).
local rnn = require "rnn"
local cli = require "rnn.cli"
local sys = require("rnn.core").sys

local opts = cli.parse(arg, {
  name = "bench.lua",
  summary = "speed next to the limits of this machine, and next to PyTorch",
  examples = {"bench.lua", "bench.lua --peer --only 2x512",
              "bench.lua --only sample --threads 1"},
  {"threads", type = "int", min = 0, max = 64, default = 0,
   help = "worker threads; 0 = all cores this process may use"},
  {"repeat", type = "int", min = 1, default = 5,
   help = "runs per figure; the median counts"},
  {"seconds", type = "number", above = 0, default = 2.0,
   help = "of each run"},
  {"only", type = "string", help = "rows that have this text in their name"},
  {"peer", type = "flag",
   help = "run PyTorch by turns, with 1 thread and with all (python3, torch)"},
  {"growth", type = "flag", help = "only how cost grows with T, B and H"},
})

local ROWS = {
  {"train", "LSTM", 2, 128, 50, 50, 65},
  {"train", "LSTM", 2, 512, 50, 50, 65},
  {"train", "LSTM", 3, 512, 64, 128, 96},
  {"train", "LSTM", 2, 1024, 64, 64, 96},
  {"train", "GRU", 2, 256, 50, 50, 65},
  {"train", "LSTM", 2, 650, 20, 35, 10000},
  {"sample", "LSTM", 2, 128, 1, 1, 65},
  {"sample", "LSTM", 2, 512, 1, 1, 65},
  {"sample", "LSTM", 3, 1024, 1, 1, 96},
  {"sample", "LSTM", 2, 512, 64, 1, 65},
}
local PRECISIONS = {train = {"full", "bf16"},
                    sample = {"full", "bf16", "int8"}}
local GATES = {RNN = 1, GRU = 3, LSTM = 4}

local folder = arg[0]:match "^(.*/)" or "./"
local program = 0
while arg[program - 1] do program = program - 1 end
program = arg[program]
rnn.threads(opts.threads)
local threads = rnn.threads()

---The numbers a command prints on one line; nil when it fails.
local function numbers(...)
  local words = {...}
  for i, word in ipairs(words) do
    words[i] = "'" .. tostring(word):gsub("'", "'\\''") .. "'"
  end
  local pipe = io.popen(table.concat(words, " ") .. " 2>/dev/null")
  local line = pipe:read "l"
  if not pipe:close() or not line then return end
  local list = {}
  for word in line:gmatch "%S+" do list[#list + 1] = tonumber(word) end
  return list
end

local function ours(row, count, precision)
  local n = numbers(program, folder .. "row.lua", row[1], row[2], row[3],
                    row[4], row[5], row[6], row[7], count, precision,
                    opts.seconds)
  if not n then error("row.lua failed: " .. table.concat(row, " ")) end
  return n
end

local function torch(row, count)
  return numbers("python3", folder .. "peer_torch.py", row[1], row[2], row[3],
                 row[4], row[5], row[6], row[7], "--threads", count,
                 "--seconds", opts.seconds)
end

---Columns of the runs, each the median.
local function medians(runs)
  local result = {}
  for i = 1, #runs[1] do
    local values = {}
    for k, run in ipairs(runs) do values[k] = run[i] end
    table.sort(values)
    result[i] = values[(#values + 1) // 2]
  end
  return result
end

local function name_of(row)
  local work, cell, L, H, N, T, V = table.unpack(row)
  local shape = work == "train" and ("B%d T%d V%d"):format(N, T, V) or
                N > 1 and ("%d streams"):format(N) or ""
  return ("%s %s %dx%d %s"):format(work, cell, L, H, shape)
end

---GFLOP of a token.
local function gflop(row)
  local work, cell, L, H, _, _, V = table.unpack(row)
  local macs = L * GATES[cell] * H * 2 * H + H * V
  return (work == "train" and 3 or 1) * 2 * macs / 1e9
end

---Is reading the weights what limits a row?
local function is_read(row)
  return row[1] == "sample" and row[5] == 1
end

local function print_row(row, precision, mine, limit)
  local shown = mine[1] * gflop(row)
  local of = (is_read(row) and mine[1] * mine[4] / 1e9 or shown) / limit
  io.write(("  %-5s %10.0f %9.1f %8.2f %7.0f"):format(precision, mine[1],
           shown, of, mine[2] / 2 ^ 20))
end

---All runs of a row: ours in each precision, its limit, and the peer.
local function measure(row)
  local runs = {limit = {}, torch1 = {}, torch = {}}
  local precisions = PRECISIONS[row[1]]
  local peer = opts.peer and torch(row, 1) ~= nil
  for k = 1, opts["repeat"] do
    local bytes
    for _, p in ipairs(precisions) do
      runs[p] = runs[p] or {}
      runs[p][k] = ours(row, threads, p)
      bytes = bytes or runs[p][k][4]
    end
    runs.limit[k] = not is_read(row) and
                    numbers(program, folder .. "row.lua", "peak", threads) or
                    numbers(program:gsub("[^/]*$", "stream"), bytes, threads)
                    or {0 / 0}
    if peer then
      runs.torch1[k] = torch(row, 1)
      runs.torch[k] = threads > 1 and torch(row, threads) or runs.torch1[k]
    end
  end
  return runs, peer
end

local function bench(row)
  local runs, peer = measure(row)
  local limit = medians(runs.limit)[1]
  local theirs, with
  if peer then
    local one, all = medians(runs.torch1), medians(runs.torch)
    theirs = one[1] > all[1] and one or all
    with = one[1] > all[1] and 1 or threads
  end
  print(("%s   limit %.0f %s"):format(name_of(row), limit,
        is_read(row) and "GB/s" or "GFLOP/s"))
  for _, p in ipairs(PRECISIONS[row[1]]) do
    local mine = medians(runs[p])
    print_row(row, p, mine, limit)
    if peer then
      io.write(("   %6.2fx  %5.2f"):format(mine[1] / theirs[1],
               mine[2] / theirs[2]))
    end
    print(mine[3] > 0 and row[1] == "train" and
          ("   %g mallocs per step"):format(mine[3]) or "")
  end
  if peer then
    print(("  torch %10.0f %9.1f %8s %7.0f   (%d thread%s)"):format(theirs[1],
          theirs[1] * gflop(row), "", theirs[2] / 2 ^ 20, with,
          with > 1 and "s" or ""))
  end
end

---Microseconds of a token, and of its multiply-adds for H, as one size doubles.
local function growth()
  local function line(what, sizes)
    local cells = {}
    for i, row in ipairs(sizes) do
      local runs = {}
      for k = 1, opts["repeat"] do runs[k] = ours(row, threads, "full") end
      local tok_s = medians(runs)[1]
      cells[i] = ("%s %d: %.2f us, %.1f GFLOP/s"):format(what[1],
                 row[what[2]], 1e6 / tok_s, tok_s * gflop(row))
    end
    print(table.concat(cells, "   "))
  end
  local function row(H, N, T) return {"train", "LSTM", 2, H, N, T, 65} end
  print "cost of a token: LSTM, 2 layers, H 256, B 32, T 32 unless said"
  line({"T", 6}, {row(256, 32, 32), row(256, 32, 64), row(256, 32, 128),
                  row(256, 32, 256)})
  line({"B", 5}, {row(256, 32, 32), row(256, 64, 32), row(256, 128, 32),
                  row(256, 256, 32)})
  line({"H", 4}, {row(128, 32, 32), row(256, 32, 32), row(512, 32, 32),
                  row(1024, 32, 32)})
end

---Milliseconds until a script that uses the module has run.
local function start_up()
  local times = {}
  for i = 1, 11 do
    local start = sys.clock()
    os.execute(("'%s' -l rnn -e ''"):format(program))
    times[i] = sys.clock() - start
  end
  table.sort(times)
  return times[6] * 1e3
end

local function commit()
  local pipe = io.popen "git rev-parse --short HEAD 2>/dev/null"
  local line = pipe:read "l"
  pipe:close()
  return line or "no git"
end

print(("%s (%s)  kernels %s  %s  %d threads  %s"):format(
      rnn._VERSION, commit(), rnn.kernels(), sys.cpu() or "unknown CPU",
      threads, sys.utc()))
if opts.growth then
  growth()
  os.exit(true, true)
end
print(("start-up with the module: %.1f ms"):format(start_up()))
print(("  %-5s %10s %9s %8s %7s%s"):format("", "tokens/s", "GFLOP/s",
      "of limit", "RSS MiB", opts.peer and "   /torch  RSS/torch" or ""))
for _, row in ipairs(ROWS) do
  if not opts.only or name_of(row):find(opts.only, 1, true) then bench(row) end
end
