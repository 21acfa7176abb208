---rnn.ctc: connectionist temporal classification (Graves et al. 2006), for
---labels whose places in a sequence are not known - speech, handwriting. Each
---step has a score of every label and of a blank; a path of one symbol a step
---stands for the labels left when repetitions and then blanks are taken out:
---    p(labels) = sum over the paths that stand for them of prod_t p_t,path_t
---
---    local logits = rnn.randn {20, 2, 5}            -- (T,N,C); id 1 is blank
---    local targets = rnn.ids {{2, 3, 3}, {4, 5, 0}} -- (N,S)
---    local loss = rnn.ctc(logits, targets, {lengths = {20, 15},
---                                           target_lengths = {3, 2}})
---    local best = rnn.ctc.greedy(logits)[1]         -- of row 1
---    print(table.concat(best.ids, " "), best.logp)
---    for _, one in ipairs(rnn.ctc.beam(logits, {width = 8, n = 3})[1]) do
---      print(table.concat(one.ids, " "), one.logp)
---    end
local check = require "rnn.check"
local core = require "rnn.core"

---@class rnn.CTC
---Call: loss = rnn.ctc(logits, targets, opts), as rnn.op.ctc.
local ctc = {}

---@class rnn.CTCResult
---@field ids integer[] labels
---@field logp number natural logarithm of their probability, as far as found

---@class rnn.CTCDecodeOptions
---@field lengths? integer[] steps of each row; default T
---@field blank? integer default 1

---@class rnn.CTCBeamOptions: rnn.CTCDecodeOptions
---@field width? integer label sequences kept after each step; default 16
---@field n? integer how many to return; default 1

---Log-probabilities of each row as lists of steps, and the blank.
---@return number[][][] rows
---@return integer blank
local function read(what, logits, o)
  local shape = core.is_tensor(logits) and logits:shape() or {}
  if #shape ~= 3 or shape[3] == 0 then
    error(("%s: 'logits' must be (T, N, C) with C > 0, got (%s)"):format(what,
          table.concat(shape, ", ")), 3)
  end
  local T, N, C = shape[1], shape[2], shape[3]
  local blank = check.integer(what, "blank", o.blank, 1, 1)
  if blank > C then
    error(("%s: 'blank' must be from 1 to %d, got %d"):format(what, C, blank),
          3)
  end
  local lengths, rows = o.lengths, {}
  if lengths and (type(lengths) ~= "table" or #lengths ~= N) then
    error(("%s: 'lengths' must have one integer for each of %d rows"):format(
          what, N), 3)
  end
  local all = logits:detach():log_softmax():totable()
  for n = 1, N do
    local L = check.integer(what, "lengths", lengths and lengths[n], T, 0)
    if L > T then
      error(("%s: 'lengths' must be 0 to %d, got %d for row %d"):format(what, T,
            L, n), 3)
    end
    rows[n] = {}
    for t = 1, L do rows[n][t] = all[t][n] end
  end
  return rows, blank
end

---The labels of the likeliest path, which need not be the likeliest labels.
---@param logits rnn.Tensor (T,N,C)
---@param opts? rnn.CTCDecodeOptions
---@return rnn.CTCResult[] results one a row; `logp` is that of the path
function ctc.greedy(logits, opts)
  local o = opts or {}
  check.names("ctc.greedy", o, {lengths = true, blank = true})
  local rows, blank = read("ctc.greedy", logits, o)
  for n, steps in ipairs(rows) do
    local one, last = {ids = {}, logp = 0.0}, blank
    for _, lp in ipairs(steps) do
      local best = 1
      for k = 2, #lp do
        if lp[k] > lp[best] then best = k end
      end
      if best ~= last and best ~= blank then one.ids[#one.ids + 1] = best end
      last, one.logp = best, one.logp + lp[best]
    end
    rows[n] = one
  end
  return rows
end

-- {== Prefix beam search =====================================================

local NONE = -math.huge

local function log_add(a, b)
  if a < b then a, b = b, a end
  return a == NONE and NONE or a + math.log(1 + math.exp(b - a))
end

---A sequence of labels: its last, the node of those before, its children by
---label; the logarithms of all paths to it that end in a blank and in a label.
local function node(label, parent)
  return {label = label, parent = parent, children = {}, blank = NONE,
          own = NONE, step = 0}
end

---One step (Hannun et al. 2014): what the sequences of 'beam' become, in the
---order in which they are found.
local function advance(beam, lp, blank, step)
  local found = {}
  local function reach(to, field, logp)
    if logp == NONE then return end
    if to.step ~= step then
      to.step, to.next_blank, to.next_own = step, NONE, NONE
      found[#found + 1] = to
    end
    to[field] = log_add(to[field], logp)
  end
  for _, from in ipairs(beam) do
    local total = log_add(from.blank, from.own)
    reach(from, "next_blank", total + lp[blank])
    for k = 1, #lp do
      if k == from.label then reach(from, "next_own", from.own + lp[k]) end
      if k ~= blank then
        local child = from.children[k] or node(k, from)
        from.children[k] = child
        reach(child, "next_own", (k == from.label and from.blank or total) +
                                 lp[k])
      end
    end
  end
  return found
end

---The best 'width' of those found, first found first where two are as good.
local function prune(found, width)
  for i, one in ipairs(found) do
    one.blank, one.own, one.place = one.next_blank, one.next_own, i
    one.logp = log_add(one.blank, one.own)
  end
  table.sort(found, function(a, b)
    if a.logp ~= b.logp then return a.logp > b.logp end
    return a.place < b.place
  end)
  return table.move(found, 1, math.min(width, #found), 1, {})
end

local function labels_of(last)
  local ids = {}
  while last.parent do
    table.insert(ids, 1, last.label)
    last = last.parent
  end
  return ids
end

local function search(steps, blank, width, n)
  local root = node(blank)
  root.blank, root.logp = 0.0, 0.0
  local beam = {root}
  for t, lp in ipairs(steps) do
    beam = prune(advance(beam, lp, blank, t), width)
  end
  local best = {}
  for i = 1, math.min(n, #beam) do
    best[i] = {ids = labels_of(beam[i]), logp = beam[i].logp}
  end
  return best
end

---The likeliest labels, by prefix beam search: `logp` counts all paths that
---stayed in the beam.
---@param logits rnn.Tensor (T,N,C)
---@param opts? rnn.CTCBeamOptions
---@return rnn.CTCResult[][] results for each row up to n, best first
function ctc.beam(logits, opts)
  local o = opts or {}
  check.names("ctc.beam", o, {lengths = true, blank = true, width = true,
                              n = true})
  local rows, blank = read("ctc.beam", logits, o)
  local width = check.integer("ctc.beam", "width", o.width, 16, 1)
  local n = check.integer("ctc.beam", "n", o.n, 1, 1)
  if n > width then
    error(("ctc.beam: 'n' must be at most 'width', %d, got %d"):format(width,
          n), 2)
  end
  for i, steps in ipairs(rows) do rows[i] = search(steps, blank, width, n) end
  return rows
end

-- }===========================================================================

return setmetatable(ctc, {__call = function(_, ...)
  return core.op.ctc(...)
end})
