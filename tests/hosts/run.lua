---What `make hosts` does: the hosts, built by pkg-config from what is installed
---in an empty folder, with the libraries as they are and with sanitizers, and
---tests of the libraries; then how long a million steps take.
---Usage: rnnlua tests/hosts/run.lua MAKE
local lfs = require "lfs"

local rnn = require "rnn"

local make = arg[1] or "make"
local program = ("%s/build/release/rnnlua"):format(lfs.currentdir())

local function run(format, ...)
  local command = format:format(...)
  if os.execute(command) then return end
  io.stderr:write("failed: ", command, "\n")
  os.exit(1)
end

local prefix = os.tmpname()
os.remove(prefix)

for _, variant in ipairs {"release", "asan", "tsan"} do
  local b = "build/" .. variant
  print(variant)
  run("%s -s VARIANT=%s %s/test_infer %s/test_hosts %s/infer_fuzz", make,
      variant, b, b, b)
  run("TSAN_OPTIONS=die_after_fork=0 %s -s VARIANT=%s PREFIX=%s install", make,
      variant, prefix)
  run("%s/test_infer 200000", b)
  -- a child of a process with threads trains on, which TSan does not like
  run("TSAN_OPTIONS=die_after_fork=0 %s/test_hosts", b)
  run([[VARIANT=%s RNNLUA_BIN=%s INSTALLED=%s %s tests/busted.lua -o TAP \
      tests/spec/hosts_spec.lua]], variant, program, prefix, program)
  run("%s -s VARIANT=%s PREFIX=%s uninstall", make, variant, prefix)
end
run("find %s -depth -type d -exec rmdir {} +", prefix)   -- all is gone

local audio, path = os.tmpname(), os.tmpname()
run([[cc -std=c99 -O2 -Isrc -o %s tests/hosts/audio.c \
    build/release/librnnlua_infer.a -lm]], audio)
for _, size in ipairs {{16, 1}, {64, 1}, {256, 2}} do
  local H, layers = table.unpack(size)
  local net = rnn.LSTM(1, H, {num_layers = layers})
  assert(rnn.save(path, {rnn = net, out = rnn.Linear(H, 1)}))
  io.write(("LSTM %dx%d: "):format(layers, H))
  io.stdout:flush()
  run("%s %s 15625", audio, path)
end
os.remove(audio)
os.remove(path)
