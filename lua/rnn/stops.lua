---Strings that end a text.
local core = require "rnn.core"

local stops = {}

---A list of strings from an option, in the normal form of a tokenizer.
---@param value nil|string|string[]
---@param tok rnn.Tokenizer
---@return string[]
function stops.list(value, tok)
  local list = {}
  for i, s in ipairs(type(value) == "table" and value or {value}) do
    if type(s) ~= "string" or s == "" or not utf8.len(s) then
      error("'stop' must be a string or a list of strings, valid UTF-8 and " ..
            "not empty", 0)
    end
    list[i] = tok.normal and core.normalise(s, tok.normal) or s
  end
  return list
end

---Where the stop string that ends first begins; of those that end together the
---longest.
---@param s string
---@param list string[]
---@return integer|nil from
function stops.find(s, list)
  local best_from, best_to
  for _, stop in ipairs(list) do
    local from, to = s:find(stop, 1, true)
    if from and (not best_to or to < best_to or
                 to == best_to and from < best_from) then
      best_from, best_to = from, to
    end
  end
  return best_from
end

---Bytes at the end of s that may begin a stop string.
local function unsure(s, list)
  local most = 0
  for _, stop in ipairs(list) do
    for n = math.min(#stop - 1, #s), most + 1, -1 do
      if s:sub(-n) == stop:sub(1, n) then
        most = n
        break
      end
    end
  end
  return most
end

---A function to call with each piece of a text as it is made: it returns what
---can be shown so far, and whether the text has ended. Called without a piece
---it returns what was held back.
---@param list string[]
---@return fun(piece: string?): string, boolean
function stops.watch(list)
  local held = ""
  return function(piece)
    if #list == 0 then return piece or "", false end
    held = held .. (piece or "")
    local from = stops.find(held, list)
    local shown = from and from - 1 or
                  #held - (piece and unsure(held, list) or 0)
    piece, held = held:sub(1, shown), held:sub(shown + 1)
    return piece, from ~= nil
  end
end

return stops
