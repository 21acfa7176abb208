---How much memory there is, so that a run which cannot fit is refused before it
---takes any.
local memory = {}

local function read(path)
  local file <close> = io.open(path, "rb")
  return file and file:read "a"
end

---Bytes in a /proc file at a line such as "MemAvailable:  123 kB".
local function kilobytes(text, name)
  local n = text and text:match(name .. ":%s+(%d+) kB")
  return n and tonumber(n) * 1024
end

---What is left under the limit of address space (ulimit -v).
local function address_space()
  local limit = (read "/proc/self/limits" or ""):match
    "Max address space%s+(%d+)"
  local used = kilobytes(read "/proc/self/status", "VmSize")
  return limit and used and tonumber(limit) - used
end

---What is left to the control group of this process, caches not counted.
local function control_group()
  local own = (read "/proc/self/cgroup" or ""):match "0::(/[^\n]*)" or "/"
  for _, folder in ipairs {"/sys/fs/cgroup" .. own, "/sys/fs/cgroup"} do
    local limit = (read(folder .. "/memory.max") or ""):match "^%d+"
    local used = (read(folder .. "/memory.stat") or ""):match "anon (%d+)"
    if limit then return tonumber(limit) - (tonumber(used or 0)) end
  end
end

---Bytes that this process can still take, and what limits them; nil where the
---system does not tell.
---@return number? bytes
---@return string? limit "free memory", "the control group", "ulimit -v"
function memory.available()
  local least, limit
  local function at_most(bytes, name)
    if bytes and (not least or bytes < least) then
      least, limit = math.max(0, bytes), name
    end
  end
  at_most(kilobytes(read "/proc/meminfo", "MemAvailable"), "free memory")
  at_most(control_group(), "the control group")
  at_most(address_space(), "ulimit -v")
  return least, limit
end

return memory
