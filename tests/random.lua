-- Random numbers for test cases: a generator of our own (splitmix64), so that
-- a seed printed by a failing test makes the same case again. Reals are
-- multiples of 1/1024: exact in float32, and short when printed.

---@class tests.Random
---@field state integer
local Random = {}
Random.__index = Random

---@param seed integer
---@return tests.Random
local function new(seed)
  return setmetatable({state = seed}, Random)
end

---64 random bits.
function Random:next()
  self.state = self.state + 0x9e3779b97f4a7c15
  local z = self.state
  z = (z ~ (z >> 30)) * 0xbf58476d1ce4e5b9
  z = (z ~ (z >> 27)) * 0x94d049bb133111eb
  return z ~ (z >> 31)
end

---An integer in [lo, hi].
function Random:int(lo, hi)
  return lo + (self:next() >> 1) % (hi - lo + 1)
end

---A multiple of 1/1024 in [lo, hi].
function Random:real(lo, hi)
  return self:int(math.ceil(lo * 1024), math.floor(hi * 1024)) / 1024
end

---True with probability p.
function Random:chance(p)
  return self:int(0, 999) < p * 1000
end

function Random:pick(list)
  return list[self:int(1, #list)]
end

---A permutation of 1..n.
function Random:order(n)
  local p = {}
  for i = 1, n do
    local j = self:int(1, i)
    p[i] = p[j]
    p[j] = i
  end
  return p
end

---'ndim' extents in [lo, hi] (default 1 to 4).
function Random:dims(ndim, lo, hi)
  local shape = {}
  for i = 1, ndim do shape[i] = self:int(lo or 1, hi or 4) end
  return shape
end

---At least 'n' shapes of 'least' or more axes: those with extents 0 and 1
---first, then random ones.
function Random:shapes(n, least)
  local list = {}
  for _, s in ipairs {{}, {0}, {1}, {3}, {1, 1}, {0, 3}, {2, 0, 3}, {5, 1}} do
    if #s >= (least or 0) then list[#list + 1] = s end
  end
  while #list < n do
    list[#list + 1] = self:dims(self:int(math.max(least or 0, 1), 4), 1, 3)
  end
  return list
end

return new
