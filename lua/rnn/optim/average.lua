---Averages of parameters in the place of the parameters, for a while.
local core = require "rnn.core"

---Calls fn(...) with the numbers of the parameters and of their averages
---exchanged; they are exchanged back when it ends, however it ends.
---@param params rnn.Tensor[]
---@param averages rnn.Tensor[]
---@param fn function
---@param ... any
---@return any ... what fn returned
return function(params, averages, fn, ...)
  core.vector.swap(params, averages)
  local _ <close> = setmetatable({}, {__close = function()
    core.vector.swap(params, averages)
  end})
  return fn(...)
end
