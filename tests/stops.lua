---Training runs that are stopped at random moments and resumed: what the suite
---does a few times and `make soak` many times.
local json = require "rnn.json"
local model = require "rnn.model"
local log = require "rnn.log"

local sandbox = require "tests.sandbox"
local quote = sandbox.quote

local stops = {}

local SIGNALS = {"INT", "TERM", "KILL"}
local CODES = {INT = 130, TERM = 143, KILL = 137}

local function train(options, out)
  return ("%s scripts/train_charlm.lua --out %s --quiet --sample-length 0 %s")
         :format(quote(sandbox.program), quote(out), options)
end

---Trains some steps on a sparse text of so many bytes, most of them NUL.
---@param bytes integer
---@return number MiB of memory at the peak
---@return string printed
function stops.vast(bytes)
  local path, text = sandbox.dir .. "/vast.txt", ("some words\n"):rep(20000)
  local file <close> = assert(io.open(path, "wb"))
  for _, at in ipairs {0, bytes // 2, bytes - #text} do
    file:seek("set", at)
    file:write(text)
  end
  file:flush()
  local script = sandbox.write("vast.lua", [[
    local out, data = arg[1], arg[2]
    arg = {[0] = "scripts/train_charlm.lua", "--data", data, "--out", out,
           "--steps", "100", "--hidden", "32", "--sample-length", "0",
           "--val-max", "10000", "--overwrite"}
    dofile(arg[0])
    print(require "rnn.core".sys.rss() / 2 ^ 20)]])
  local code, out, err = sandbox.shell(("%s %s %s %s"):format(
    quote(sandbox.program), quote(script), quote(sandbox.dir .. "/vast-run"),
    quote(path)))
  os.remove(path)
  return code == 0 and tonumber(out) or math.huge, err
end

---Runs a command, sends it a signal after some seconds; its exit code. It may
---have ended before.
local function stop_after(command, seconds, signal)
  return (sandbox.shell(("%s & pid=$!; sleep %.3f; kill -%s $pid 2>/dev/null;"
    .. " wait $pid"):format(command, seconds, signal)))
end

---Lines of a log without what depends on the clock, or on where it stopped.
---@param dir string
---@return string
function stops.losses(dir)
  local lines = {}
  assert(log.each(dir .. "/log.jsonl", function(e)
    if e.event == "step" or e.event == "val" then
      e.time, e.tok_s = nil, nil
      lines[#lines + 1] = json.encode(e)
    end
  end))
  return table.concat(lines, "\n")
end

---Trains to the end with stops on the way.
---@param options string of train_charlm.lua
---@param out string folder
---@param most integer stops
---@param seconds number longest time between two
---@return integer stopped how often it was
---@return string? wrong
function stops.interrupted(options, out, most, seconds)
  local stopped = 0
  while stopped < most do
    local signal = SIGNALS[math.random(#SIGNALS)]
    local code = stop_after(train(options .. " --resume auto", out),
                            math.random() * seconds, signal)
    if code == 0 then return stopped end
    if code ~= CODES[signal] then
      return stopped, ("SIG%s gave exit code %s"):format(signal, code)
    end
    stopped = stopped + 1
  end
  local code, _, err = sandbox.shell(train(options .. " --resume auto", out))
  if code ~= 0 then return stopped, err end
  return stopped
end

---Trains without a stop.
---@return integer code
---@return string stdout
---@return string stderr
function stops.whole(options, out)
  return sandbox.shell(train(options, out))
end

---Kills a run that saves after every step, again and again; its checkpoints
---must load and never go back.
---@param options string
---@param out string folder
---@param kills integer
---@param seconds number longest life
---@return integer killed while it was running
---@return string? wrong
function stops.killed(options, out, kills, seconds)
  local before, killed = 0, 0
  for _ = 1, kills do
    local command = train(options .. " --save-every 1 --keep 2 --resume auto",
                          out)
    if stop_after(command, math.random() * seconds, "KILL") == 137 then
      killed = killed + 1
    end
    local tensors, meta, code = model.load(out .. "/last.safetensors")
    if not tensors and (before > 0 or code ~= "EIO") then
      return killed, meta
    end
    local step = tensors and json.decode(meta["rnnlua.train"]).step or 0
    if step < before then
      return killed, ("step %d after %d"):format(step, before)
    end
    before = step
  end
  return killed
end

return stops
