local lfs = require "lfs"

---Makes a folder, and those it is in, unless it is there.
---@param path string
---@return true|nil ok
---@return string? message
local function make_folder(path)
  local at = path:sub(1, 1) == "/" and "/" or ""
  for name in path:gmatch "[^/]+" do
    at = at .. name
    if lfs.attributes(at, "mode") ~= "directory" then
      local ok, wrong = lfs.mkdir(at)
      if not ok then return nil, ("%s: %s"):format(at, wrong) end
    end
    at = at .. "/"
  end
  return true
end

return make_folder
