---Labels by their probabilities, as a line for people and programs.
local show = require "rnn.show"

---The likeliest labels with tabs between them, each with its probability if
---wanted.
---@param names string[] of labels
---@param p number[] of each
---@param o {top: integer, probabilities: boolean?} how many labels
---@return string
return function(names, p, o)
  local order, cells = {}, {}
  for i = 1, #p do order[i] = i end
  table.sort(order, function(a, b)
    if p[a] ~= p[b] then return p[a] > p[b] end
    return a < b
  end)
  for i = 1, math.min(o.top, #order) do
    cells[#cells + 1] = show.text(names[order[i]])
    if o.probabilities then
      cells[#cells + 1] = ("%.4f"):format(p[order[i]])
    end
  end
  return table.concat(cells, "\t")
end
