---rnn.plot: pictures by gnuplot, which must be installed: png or svg by the
---file's name, or "-" for characters on a terminal. Without gnuplot the data of
---any picture are written as CSV beside the file that would have been, and the
---message says which package to install.
---
---    local x, y = {}, {}
---    for t = 1, 200 do x[t], y[t] = t, math.sin(t / 9) end
---    local wave = {lines = {{name = "wave", x = x, y = y}}, ylabel = "volt",
---                  spans = {{50, 60, "odd"}}, marks = {{160, "test begins"}}}
---    print(rnn.plot.lines("-", wave))       -- or wave.png, wave.svg
---    print(rnn.plot.forecast("-", {history = y, forecast = {0.1, 0.2, 0.3},
---      intervals = {{level = 0.8, low = {0, 0, 0}, high = {1, 1, 1}}}}))
---    local _, report = rnn.metrics.f1({"a", "b", "b"}, {"a", "b", "a"})
---    print(rnn.plot.confusion("-", report.confusion))
---
---All return true, or nil, a message and a code: "ENAME": no name of a plot,
---"EIO": cannot be written, "EDATA": no data that can be drawn; no code when
---gnuplot is missing. Texts of labels may be any bytes.

---The module of each function, in lua/rnn/plot.
local HOME = {
  lines = "lines", panels = "lines",
  forecast = "forecast",
  heatmap = "heatmap",
  confusion = "confusion",
  run_curves = "curves", log_fields = "curves",
  gradient_flow = "flow",
  terminal = "gnuplot",
}

---@class rnn.plot
local plot = {}

return setmetatable(plot, {
  __index = function(self, name)
    local home = HOME[name]
    local value = home and require("rnn.plot." .. home)[name]
    rawset(self, name, value)
    return value
  end,
})
