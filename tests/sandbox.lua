---A folder for the files of one spec, and the program under test.
local lfs = require "lfs"

local sandbox = {}

---Folder of the build under test, and the program in it.
sandbox.build = ("%s/build/%s"):format(lfs.currentdir(),
                                       os.getenv "VARIANT" or "release")
sandbox.program = os.getenv "RNNLUA_BIN" or sandbox.build .. "/rnnlua"

sandbox.dir = os.tmpname()
os.remove(sandbox.dir)
assert(lfs.mkdir(sandbox.dir))

function sandbox.read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

---Writes a file into the folder; returns its path.
function sandbox.write(name, text)
  local path = sandbox.dir .. "/" .. name
  local file <close> = assert(io.open(path, "wb"))
  file:write(text)
  return path
end

function sandbox.quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

---Runs a shell command in 'from' (default: here); returns its exit code, stdout
---and stderr.
function sandbox.shell(command, input, from)
  local quote = sandbox.quote
  local out, err = sandbox.dir .. "/stdout", sandbox.dir .. "/stderr"
  local _, _, code = os.execute(("cd %s && { %s; } >%s 2>%s <%s"):format(
    quote(from or lfs.currentdir()), command, quote(out), quote(err),
    input and quote(sandbox.write("stdin", input)) or "/dev/null"))
  return code, sandbox.read(out), sandbox.read(err)
end

---Removes the folder.
function sandbox.remove()
  os.execute("rm -rf " .. sandbox.quote(sandbox.dir))
end

return sandbox
