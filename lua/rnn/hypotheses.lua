---The bookkeeping of beam search: which of all continuations are kept, which
---texts have ended, and when there is nothing more to look for. What a text is,
---what may follow it and what it is worth are up to rnn.generate.beam and
---rnn.translate.

---@class rnn.HypothesesOptions
---@field width integer texts that are kept
---@field n integer ended ones that are wanted
---@field shrink? boolean whether each text that has ended keeps its place among
---the `width` (Sutskever, Vinyals and Le 2014), so that all of them end
---@field score fun(text: table): number of one that has ended
---@field hope fun(text: table): number no less than the score of what it may
---become

---@class rnn.Hypotheses
---@field live table[] texts that go on, the likeliest first, with their `logp`
---@field done table[] the n best that have ended, with their `score`
---@field ended integer how many have ended
local Hypotheses = {}
Hypotheses.__index = Hypotheses

---The one with the likeliest continuation, of equals the first; nil when there
---is none left.
local function likeliest(live, logps, heads)
  local best, most
  for i, text in ipairs(live) do
    local logp = logps[i][heads[i]]
    logp = logp and text.logp + logp
    if logp and (not most or logp > most) then best, most = i, logp end
  end
  return best, most
end

---Goes on by one token with the likeliest of all continuations.
---@param ids integer[][] of each live text what may follow, likeliest first
---@param logps number[][] and its log probability
---@param grow fun(i: integer, id: integer, logp: number): table?, boolean? the
---longer text, and whether it has ended; nil for one that must not be
function Hypotheses:advance(ids, logps, grow)
  local o, live, heads, kept = self.o, self.live, {}, {}
  for i = 1, #live do heads[i] = 1 end
  while #kept + (o.shrink and self.ended or 0) < o.width do
    local i, logp = likeliest(live, logps, heads)
    if not i then break end
    local text, ended = grow(i, ids[i][heads[i]], logp)
    heads[i] = heads[i] + 1
    if ended then
      self:finish(text)
    else
      kept[#kept + 1] = text
    end
  end
  self.live = kept
end

---Takes a text that has ended; of those with the same score the first is the
---better.
---@param text table
function Hypotheses:finish(text)
  local done, i = self.done, 1
  text.score = self.o.score(text)
  while done[i] and done[i].score >= text.score do i = i + 1 end
  table.insert(done, i, text)
  done[self.o.n + 1] = nil
  self.ended = self.ended + 1
end

---Can nothing that goes on be among the best any more?
---@return boolean
function Hypotheses:over()
  local o, worst = self.o, self.done[self.o.n]
  return #self.live == 0 or
         worst ~= nil and worst.score >= o.hope(self.live[1])
end

---@param root table the text that is to go on, with its `logp`
---@param o rnn.HypothesesOptions
---@return rnn.Hypotheses
return function(root, o)
  return setmetatable({live = {root}, done = {}, ended = 0, o = o}, Hypotheses)
end
