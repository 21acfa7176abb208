---Words about a training run for people: durations, rates, the line of
---progress. On a terminal progress is one line that is drawn anew, elsewhere
---(or with NO_COLOR set, or TERM=dumb) a plain line now and then; it goes to
---stderr.
local core = require "rnn.core"

local progress = {}

local REDRAW = 0.2           -- seconds between two drawings of the line
local PLAIN = 10             -- seconds between two plain lines

-- {== Text ==

---"45s", "1m32s", "2h05m"
---@param seconds number
---@return string
function progress.duration(seconds)
  local s = math.floor(seconds + 0.5)
  if s < 60 then return ("%ds"):format(s) end
  if s < 3600 then return ("%dm%02ds"):format(s // 60, s % 60) end
  return ("%dh%02dm"):format(s // 3600, s % 3600 // 60)
end

---"812", "41.2k", "1.20M"
---@param x number
---@return string
function progress.short(x)
  if x < 1000 then return ("%.0f"):format(x) end
  if x < 1e6 then return ("%.1fk"):format(x / 1e3) end
  return ("%.2fM"):format(x / 1e6)
end

---"2.0e-3"
---@param x number
---@return string
function progress.scientific(x)
  return (("%.1e"):format(x):gsub("e([+-])0*(%d)", function(sign, digits)
    return "e" .. (sign == "-" and "-" or "") .. digits
  end))
end

---"512 bytes", "33.1 MiB", "1.20 GiB"
---@param n number
---@return string
function progress.bytes(n)
  if n < 1 << 10 then return ("%d bytes"):format(n) end
  if n < 1 << 20 then return ("%.1f KiB"):format(n / 2 ^ 10) end
  if n < 1 << 30 then return ("%.1f MiB"):format(n / 2 ^ 20) end
  return ("%.2f GiB"):format(n / 2 ^ 30)
end

---Nats as bits.
---@param nats number
---@return number
function progress.bits(nats)
  return nats / math.log(2)
end

---A loss as is usual for a token: "2.41 bits"; for words and their parts
---"perplexity 98.31".
---@param nats number
---@param unit string what a token is
---@return string
function progress.usual(nats, unit)
  if unit == "word" or unit == "token" then
    return ("perplexity %.2f"):format(math.exp(nats))
  end
  return ("%.2f bits"):format(progress.bits(nats))
end

---@class rnn.Progress
---@field step integer
---@field total? integer steps to do
---@field done? number 0 to 1
---@field loss number nats
---@field val_loss? number
---@field metric? string name of a score of the validation
---@field val_score? number
---@field unit? string what a token is, when the loss is one per token
---@field lr number
---@field grad_norm number
---@field tok_s number tokens a second
---@field counted? string what they are; default "tok"
---@field eta? number seconds left

---The line of progress, without the parts that do not fit into 'width'.
---@param s rnn.Progress
---@param width? integer columns
---@return string
function progress.line(s, width)
  local parts = {
    "step " .. s.step .. (s.total and "/" .. s.total or ""),
    s.done and ("%d%%"):format((s.done * 100 + 1e-6) // 1) or "",
    ("loss %.3f"):format(s.loss),
    s.val_loss and ("(val %.3f)"):format(s.val_loss) or "",
    s.val_score and ("%s %.4g"):format(s.metric, s.val_score) or "",
    s.unit and progress.usual(s.loss, s.unit) .. "/" .. s.unit or "",
    "lr " .. progress.scientific(s.lr),
    ("|g| %.2f"):format(s.grad_norm),
    ("%s %s/s"):format(progress.short(s.tok_s), s.counted or "tok"),
    s.eta and "ETA " .. progress.duration(s.eta) or "",
  }
  local line = ""
  for _, part in ipairs(parts) do
    if width and #line + 1 + #part > width then break end
    if part ~= "" then line = line .. (line == "" and "" or " ") .. part end
  end
  return line
end

-- }==

-- {== stderr ==

---@class rnn.Teller what a run says on stderr
local Teller = {}
Teller.__index = Teller

---@param quiet? boolean no progress and no notes, only warnings
---@return rnn.Teller
function progress.teller(quiet)
  return setmetatable({
    quiet = quiet, shown = core.sys.clock(),
    live = not quiet and core.sys.isatty "stderr" and
           not os.getenv "NO_COLOR" and os.getenv "TERM" ~= "dumb",
  }, Teller)
end

local function clear(self)
  if not self.drawn then return end
  io.stderr:write "\r\27[K"
  self.drawn = false
end

---A line for the reader; not shown when quiet.
---@param message string
function Teller:note(message)
  if self.quiet then return end
  clear(self)
  io.stderr:write(message, "\n")
end

---@param message string
function Teller:warn(message)
  clear(self)
  io.stderr:write("warning: ", message, "\n")
end

---Is it time for another line of progress?
---@return boolean
function Teller:due()
  if self.quiet then return false end
  local wait = self.live and REDRAW or PLAIN
  return core.sys.clock() - self.shown >= wait
end

---@param s rnn.Progress
function Teller:draw(s)
  self.shown = core.sys.clock()
  if not self.live then
    io.stderr:write(progress.line(s), "\n")
    return
  end
  io.stderr:write("\r\27[K", progress.line(s, core.sys.columns() - 1))
  self.drawn = true
end

---Leaves the cursor on a new line, below the last progress.
---@param s rnn.Progress
function Teller:finish(s)
  if not self.drawn then return end
  self:draw(s)
  io.stderr:write "\n"
  self.drawn = false
end

-- }==

return progress
