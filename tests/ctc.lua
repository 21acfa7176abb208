-- Connectionist temporal classification by enumeration of all paths.

local array = require "tests.array"

local ctc = {}

---What a path stands for: no repetitions, no blanks.
local function collapse(path, blank)
  local ids, last = {}, nil
  for _, k in ipairs(path) do
    if k ~= last and k ~= blank then ids[#ids + 1] = k end
    last = k
  end
  return table.concat(ids, " ")
end

---Log-probabilities of row n of logits, by step.
local function log_probs(x, n, L)
  local C, rows = x.shape[3], {}
  for t = 1, L do
    local at, sum = ((t - 1) * x.shape[2] + n - 1) * C, 0.0
    for k = 1, C do sum = sum + math.exp(x[at + k]) end
    rows[t] = {}
    for k = 1, C do rows[t][k] = x[at + k] - math.log(sum) end
  end
  return rows
end

---The probability of every label sequence ("2 3"), L steps into row n; and the
---path of the largest probability.
function ctc.all(x, n, L, blank)
  local lp, p, best = log_probs(x, n, L), {}, {logp = -math.huge}
  for _, path in array.indices(array.new({L}, x.shape[3])) do
    local s = 0.0
    for t, k in ipairs(path) do s = s + lp[t][k] end
    local key = collapse(path, blank)
    p[key] = (p[key] or 0.0) + math.exp(s)
    if s > best.logp then best = {logp = s, key = key} end
  end
  return p, best
end

return ctc
