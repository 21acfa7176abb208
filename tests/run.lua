---The whole suite: C test programs, then each spec in a process of its own.
---Prints what failed and, last, "N passed, N failed"; exits 1 on any failure.
---Usage: rnnlua tests/run.lua [name pattern]
local lfs = require "lfs"

local variant = os.getenv "VARIANT" or "release"
local build = "build/" .. variant
local pattern = arg[1] or ""
local passed, failed = 0, 0

local function files(folder, match)
  local list = {}
  for name in lfs.dir(folder) do
    if name:match(match) and name:find(pattern) then
      list[#list + 1] = folder .. "/" .. name
    end
  end
  table.sort(list)
  return list
end

---Runs a command; returns its output and whether it ended well.
local function capture(command)
  local pipe <close> = assert(io.popen(command .. " 2>&1; echo status $?"))
  local text = pipe:read "a"
  local output, status = text:match "^(.-)status (%d+)\n$"
  return output or text, status == "0", status
end

local function report(name, p, f, skipped, seconds)
  passed, failed = passed + p, failed + f
  local note = skipped > 0 and ("  %d skipped"):format(skipped) or ""
  print(("%-34s %5d passed  %d failed%s  %.1f s"):format(name, p, f, note,
        seconds))
  io.stdout:flush()
end

local function run_c(path)
  local start = os.time()
  local output, ok, status = capture(path)
  local p, f = output:match "(%d+) passed, (%d+) failed%s*$"
  p, f = tonumber(p) or 0, tonumber(f) or 1
  if not ok and f == 0 then f = 1 end
  if f > 0 then print(output, "status " .. status) end
  report(path:match "[^/]+$", p, f, 0, os.time() - start)
end

---Counts TAP lines, a skipped test as neither; prints the failures with what
---belongs to them.
local function run_spec(path)
  local start = os.time()
  local output, ok, status = capture(("%s/rnnlua tests/busted.lua -o TAP %s")
                                     :format(build, path))
  local p, f, skipped, failing = 0, 0, 0, false
  for line in output:gmatch "[^\n]*" do
    if line:find "^ok %d+ %- # SKIP" then
      skipped, failing = skipped + 1, false
    elseif line:find "^ok %d" then
      p, failing = p + 1, false
    elseif line:find "^not ok %d" then
      f, failing = f + 1, true
    end
    if failing then print(line) end
  end
  if not ok and f == 0 then
    f = 1
    print(output, "status " .. status)
  end
  if p + f + skipped == 0 then
    f = 1
    print(path .. ": no test ran\n" .. output)
  end
  report(path:match "[^/]+$", p, f, skipped, os.time() - start)
end

for _, path in ipairs(files(build, "^test_[%w_]+$")) do run_c(path) end
for _, path in ipairs(files("tests/spec", "_spec%.lua$")) do run_spec(path) end
print(("%d passed, %d failed"):format(passed, failed))
os.exit(failed == 0)
