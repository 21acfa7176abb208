---The folder of a run: making it, taking it for one process, the checkpoints in
---it, clearing it.
local core = require "rnn.core"
local lfs = require "lfs"

local folder = {}

local LOCK = ".lock"

---Makes a folder, and those it is in, unless it is there.
---@param path string
---@return true|nil ok
---@return string? message
function folder.make(path)
  local at = path:sub(1, 1) == "/" and "/" or ""
  for name in path:gmatch "[^/]+" do
    at = at .. name
    local mode = lfs.attributes(at, "mode")
    if mode and mode ~= "directory" then
      return nil, at .. ": is not a folder"
    elseif not mode then
      local ok, wrong = lfs.mkdir(at)
      if not ok then return nil, ("%s: %s"):format(at, wrong) end
    end
    at = at .. "/"
  end
  return true
end

---Takes a folder for this process, for as long as it lives. The file stays:
---were it removed, another run could hold a file that nobody finds any more.
---@param dir string
---@return file*|nil lock to be closed
---@return string? message
---@return string? code "EIO", or "EUSE" when another process has the folder
function folder.lock(dir)
  local file, wrong = io.open(dir .. "/" .. LOCK, "a+b")
  if not file then return nil, wrong, "EIO" end
  local ok, reason = lfs.lock(file, "w")
  if not ok and reason and reason:find "temporarily unavailable" then
    file:seek "set"
    local holder = (file:read "a" or ""):match "(%d+)\n$"
    file:close()
    return nil, ("%s: another run works in this folder%s; wait for it, or " ..
                 "take another folder"):format(
                 dir, holder and (" (process %s)"):format(holder) or ""),
           "EUSE"
  end
  file:write(("%d\n"):format(core.sys.pid()))
  file:flush()
  return file
end

---Removes temporary files that a killed run left behind.
---@param dir string
function folder.sweep(dir)
  for name in lfs.dir(dir) do
    if name:find "^%..*%.tmp%.%d+$" or name:find "%.jsonl%.tmp$" then
      os.remove(dir .. "/" .. name)
    end
  end
end

---@param dir string
---@param name string "last", "best", "step-100"
---@return string path
function folder.checkpoint(dir, name)
  return ("%s/%s.safetensors"):format(dir, name)
end

---Steps of the step-N files of a folder.
---@param dir string
---@return integer[] steps ascending
function folder.numbered(dir)
  local steps = {}
  if lfs.attributes(dir, "mode") ~= "directory" then return steps end
  for name in lfs.dir(dir) do
    local n = math.tointeger(name:match "^step%-(%d+)%.safetensors$")
    steps[#steps + 1] = n
  end
  table.sort(steps)
  return steps
end

---Does the folder hold a run to go on with?
---@param dir string
---@return boolean
function folder.holds_run(dir)
  return lfs.attributes(folder.checkpoint(dir, "last"), "mode") == "file"
end

---Removes the checkpoints and the log of a run.
---@param dir string
function folder.clear(dir)
  for _, n in ipairs(folder.numbered(dir)) do
    os.remove(folder.checkpoint(dir, "step-" .. n))
  end
  os.remove(folder.checkpoint(dir, "best"))
  os.remove(folder.checkpoint(dir, "last"))
  os.remove(dir .. "/log.jsonl")
end

return folder
