---Words and commands for a shell.
local shell = {}

---A word for a shell to read as one argument.
---@param text string
---@return string
function shell.quote(text)
  if text:find "^[%w_./=:,+-]+$" then return text end
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

---The command line of a script that lies beside the one that runs.
---@param script string
---@param ... string arguments
---@return string
function shell.command(script, ...)
  local first = 0
  while arg[first - 1] do first = first - 1 end
  local words = {arg[first], (arg[0]:gsub("[^/]+$", script)), ...}
  for i, word in ipairs(words) do words[i] = shell.quote(word) end
  return table.concat(words, " ")
end

return shell
