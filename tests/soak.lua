---Many random stops of training runs: `make soak` (some minutes).
---Usage: rnnlua tests/soak.lua [stops] [kills]
package.path = "./?.lua;" .. package.path
require "rnn"
local sandbox = require "tests.sandbox"
local stops = require "tests.stops"

local STOPS, KILLS = tonumber(arg[1]) or 50, tonumber(arg[2]) or 200
local seed = os.time()
math.randomseed(seed)
print("seed " .. seed)

local text = sandbox.write("text", sandbox.read "README.md":rep(4))
local failed = 0

local function check(what, ok, wrong)
  print((ok and "ok   " or "FAIL ") .. what .. (wrong and ": " .. wrong or ""))
  if not ok then failed = failed + 1 end
end

for threads = 1, 2 do
  local options = ("--data %s --threads %d --hidden 64 --layers 2 --steps 600 "
    .. "--dropout 0.1 --eval-every 37 --save-every 29 --schedule plateau " ..
    "--random-seq --accumulate 2 --keep 2"):format(sandbox.quote(text),
                                                   threads)
  local whole = ("%s/whole-%d"):format(sandbox.dir, threads)
  assert(stops.whole(options, whole) == 0)
  local done, round = 0, 0
  while done < STOPS do
    round = round + 1
    local parts = ("%s/parts-%d-%d"):format(sandbox.dir, threads, round)
    local n, wrong = stops.interrupted(options, parts, STOPS - done, 2)
    done = done + n
    local same = not wrong and
      sandbox.read(whole .. "/last.safetensors") ==
      sandbox.read(parts .. "/last.safetensors") and
      stops.losses(whole) == stops.losses(parts)
    check(("%d threads, run %d: %d stops"):format(threads, round, n), same,
          wrong)
  end
end

local killed, wrong = stops.killed(("--data %s --hidden 256 --batch 4 --seq 8 "
  .. "--steps 1000000"):format(sandbox.quote(text)), sandbox.dir .. "/saving",
  KILLS, 0.6)
check(("%d kills while saving, %d of a running program"):format(KILLS, killed),
      not wrong, wrong)

local mib, printed = stops.vast(10 << 30)
check(("100 steps on 10 GiB of text: %.0f MiB at the peak"):format(mib),
      mib < 200, mib >= 200 and printed or nil)

sandbox.remove()
print(failed == 0 and "all well" or failed .. " failed")
os.exit(failed == 0)
