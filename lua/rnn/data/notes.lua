---What was passed over, as notes for people.
local notes = {}

---@class rnn.NoteCounter
local Counter = {}
Counter.__index = Counter

---@param thing string "pair"
---@param rest string "with an empty side"
---@return rnn.NoteCounter
function notes.counter(thing, rest)
  return setmetatable({thing = thing, rest = rest, n = 0}, Counter)
end

---@param number integer line
function Counter:count(number)
  self.n, self.first = self.n + 1, self.first or number
end

---@return string[] none when nothing was counted
function Counter:notes()
  if self.n == 0 then return {} end
  return {("passed over %d %s%s %s, the first in line %d"):format(
          self.n, self.thing, self.n == 1 and "" or "s", self.rest,
          self.first)}
end

return notes
