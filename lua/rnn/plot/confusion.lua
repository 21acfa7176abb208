---rnn.plot.confusion: which labels are taken for which, from what
---rnn.metrics.f1 has counted.
local gnuplot = require "rnn.plot.gnuplot"
local heatmap = require "rnn.plot.heatmap"
local report = require "rnn.metrics.report"

local confusion = {}

---Draws counts, a row for each true label, a column for each guess; the shade
---is the share of its row.
---@param path string as for plot.heatmap, and so are the results
---@param counts rnn.Confusion counts[truth][guess], the `confusion` of a report
---@param o? {title: string}
---@return true|nil ok
---@return string? message
---@return string? code
function confusion.confusion(path, counts, o)
  local labels, names, rows, cells = report.confused(counts), {}, {}, {}
  if #labels == 0 then
    return gnuplot.refuse(path, "the confusion matrix is empty")
  end
  for y, truth in ipairs(labels) do
    local row, sum = counts[truth] or {}, 0
    names[y], rows[y], cells[y] = tostring(truth), {}, {}
    for _, n in pairs(row) do sum = sum + n end
    for x, guess in ipairs(labels) do
      local n = row[guess] or 0
      rows[y][x], cells[y][x] = n / math.max(1, sum), ("%d"):format(n)
    end
  end
  return heatmap.heatmap(path, {
    rows = rows, cells = cells, xlabels = names, ylabels = names, most = 1,
    title = (o or {}).title, xlabel = "guess", ylabel = "truth",
    shade = "share of the row",
  })
end

return confusion
