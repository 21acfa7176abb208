---rnn.plot.gradient_flow: how gradients flow back through time, from what
---rnn.inspect.gradient_flow has found.
local check = require "rnn.check"
local inspect = require "rnn.inspect"
local lines = require "rnn.plot.lines"

local flow = {}

---Draws |dL/dh_t| over t, on a logarithmic axis, a line for each layer; a norm
---of 0 is a gap.
---@param path string as for plot.lines, and so are the results
---@param flows rnn.Flow[]
---@param o? {title: string}
---@return true|nil ok
---@return string? message
---@return string? code
function flow.gradient_flow(path, flows, o)
  o = o or {}
  check.names("gradient_flow", o, {title = true})
  local list = {}
  inspect.each_layer(flows, function(label, norms)
    local x = {}
    for t in ipairs(norms) do x[t] = t end
    list[#list + 1] = {name = label, x = x, y = norms}
  end)
  return lines.lines(path, {lines = list, log_y = true, title = o.title,
                            xlabel = "step t", ylabel = "|dL/dh_t|"})
end

return flow
