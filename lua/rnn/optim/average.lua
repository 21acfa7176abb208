---Averages of parameters in the place of the parameters, for a while.
local core = require "rnn.core"

---Calls fn(...) with the numbers of the parameters and of their averages
---exchanged; they are exchanged back when it ends, however it ends. While it
---runs, another call for the same owner exchanges nothing.
---@param owner table that the parameters are those of
---@param params rnn.Tensor[]
---@param averages rnn.Tensor[]
---@param fn function
---@param ... any
---@return any ... what fn returned
return function(owner, params, averages, fn, ...)
  if owner.exchanged then return fn(...) end
  core.vector.swap(params, averages)
  owner.exchanged = true
  local _ <close> = setmetatable({}, {__close = function()
    owner.exchanged = nil
    core.vector.swap(params, averages)
  end})
  return fn(...)
end
