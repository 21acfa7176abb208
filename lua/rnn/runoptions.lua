---What rnn.run.open takes: checked before anything is made, so that a mistake
---is not found when the first checkpoint is due.
local cli = require "rnn.cli"
local json = require "rnn.json"
local model = require "rnn.model"

local runoptions = {}

---@class rnn.RunOptions
---@field dir string made when it is not there
---@field model table
---@field optim rnn.Optim
---@field steps? integer to do in all
---@field seconds? number time to take in all
---@field config? table<string, any> recorded in the log and in checkpoints
---@field start? table<string, any> more fields of the log's first line
---@field meta? table<string, any> kept in every file saved; see rnn.save
---@field parts? table<string, table> what else has a state: state() gives a
---table of plain values, restore(it) takes it back (rnn.reader, a schedule)
---@field schedule? rnn.Rate learning rate by the steps done
---@field horizon? integer steps the schedule is made for, when `seconds` or
---`finished` ends the run
---@field evaluate? fun(run: rnn.Run): number?, table<string, number>? mean
---validation loss, and scores by name, which are logged; nil when it broke off
---because run:stopping()
---@field metric? string the score whose greatest value makes a checkpoint the
---best, and that patience and schedules go by; default the lowest loss
---@field finished? fun(): boolean whether training is done, beside `steps`
---@field accumulate? integer calls of the step function whose gradients make
---one step; default 1
---@field save_every? integer steps between checkpoints, default 250
---@field eval_every? integer steps between validations, default 250
---@field keep? integer how many step-N checkpoints stay; default 0
---@field patience? integer validations without a new best before it stops
---@field nan? "stop"|"skip"|"rollback" when loss or gradient is not finite
---@field resume? rnn.Saved|string what to go on from: from run.find, or for it
---@field new_data? boolean parts.reader and the recurrent state start anew
---@field overwrite? boolean start anew in a folder with a run
---@field unit? string what a token is, when the loss is one per token
---@field counted? string what the step function counts, for the speed that is
---shown; default "tok"
---@field csv? boolean write log.csv too
---@field quiet? boolean no progress and no notes, only warnings

-- {== Kinds of values: what they must be, and whether one is ==

local function count(least)
  return {"an integer >= " .. least, function(x)
    return math.type(x) == "integer" and x >= least
  end}
end

local function plain(x)
  return type(x) == "table" and pcall(json.encode, x)
end

local function is_part(x)
  return type(x) == "table" and x.state and x.restore
end

---Does every value of a table pass a test?
local function all(test)
  return function(t)
    if type(t) ~= "table" then return false end
    for name, x in pairs(t) do
      if type(name) ~= "string" or not test(x) then return false end
    end
    return true
  end
end

local function is_callable(x)
  local meta = type(x) == "table" and getmetatable(x)
  return type(x) == "function" or meta and meta.__call ~= nil
end

---An optimizer, or one around others.
local function is_optim(x)
  local meta = getmetatable(x)
  return type(x) == "userdata" and meta and meta.__name == "rnn.Optim" or
         type(x) == "table" and x.step and x.norm and x.zero and x.state and
         x.restore
end

local TABLE = {"a table", function(x) return type(x) == "table" end}
local PLAIN = {"a table of nothing but plain values", plain}
local FLAG = {"true or false", function(x) return type(x) == "boolean" end}
local FUNCTION = {"a function", is_callable}
local TEXT = {"a text that is not empty", function(x)
  return type(x) == "string" and x ~= ""
end}
local OPTIM = {"an optimizer, such as rnn.Adam(rnn.parameters(model))",
               is_optim}
local META = {"a table of nothing but texts and tokenizers", all(function(x)
  return type(x) == "string" or type(x) == "table" and x.spec
end)}
local PARTS = {"a table of nothing but parts, with state() and restore()",
               all(is_part)}
local SECONDS = {"a number > 0", function(x)
  return type(x) == "number" and x > 0
end}
local NAN = {"stop, skip or rollback", function(x)
  return x == "stop" or x == "skip" or x == "rollback"
end}
local SAVED = {"'last', 'auto', a path, or what rnn.run.find gives", function(x)
  return TEXT[2](x) or type(x) == "table" and x.path and x.tensors and x.meta
end}

local KIND = {
  dir = TEXT, model = TABLE, optim = OPTIM, steps = count(1),
  seconds = SECONDS, config = PLAIN, start = PLAIN, meta = META,
  parts = PARTS, schedule = FUNCTION, horizon = count(1),
  evaluate = FUNCTION, metric = TEXT, finished = FUNCTION,
  accumulate = count(1), save_every = count(1), eval_every = count(1),
  keep = count(0), patience = count(0), nan = NAN, resume = SAVED,
  new_data = FLAG, overwrite = FLAG, unit = TEXT, counted = TEXT, csv = FLAG,
  quiet = FLAG,
}

-- }==

local REQUIRED = {"dir", "model", "optim"}

local DEFAULTS = {save_every = 250, eval_every = 250, keep = 0, accumulate = 1,
                  patience = 0, nan = "stop", parts = {}, meta = {},
                  config = {}}

local NAMES = {}
for name in pairs(KIND) do NAMES[#NAMES + 1] = name end
table.sort(NAMES)

local function show(x)
  return type(x) == "string" and ("'%s'"):format(x) or
         type(x) == "number" and tostring(x) or "a " .. type(x)
end

---What is wrong with options, if anything is.
local function fault(o)
  if type(o) ~= "table" then
    return "options must be a table, got " .. type(o)
  end
  for name in pairs(o) do
    if not KIND[name] then
      local near = cli.nearest(tostring(name), NAMES)
      return ("unknown option '%s'%s"):format(name, near and
             (" (did you mean '%s'?)"):format(near) or "")
    end
  end
  for _, name in ipairs(REQUIRED) do
    if o[name] == nil then
      return ("'%s' is missing; it must be %s"):format(name, KIND[name][1])
    end
  end
  for _, name in ipairs(NAMES) do
    local must, holds = table.unpack(KIND[name])
    if o[name] ~= nil and not holds(o[name]) then
      return ("'%s' must be %s, got %s"):format(name, must, show(o[name]))
    end
  end
  local trained, saved = #o.optim.params, #model.parameters(o.model)
  if trained > saved then
    return ("'optim' trains %d parameters, 'model' has %d: what is not in " ..
            "it would not be saved"):format(trained, saved)
  end
end

---A copy of options, with defaults; raises for a mistake in the name of the
---caller's caller.
---@param what string the function, for the message
---@param o any
---@return rnn.RunOptions
function runoptions.complete(what, o)
  local wrong = fault(o)
  if wrong then error(what .. ": " .. wrong, 3) end
  local complete = {}
  for name, value in pairs(DEFAULTS) do complete[name] = value end
  for name, value in pairs(o) do complete[name] = value end
  return complete
end

return runoptions
