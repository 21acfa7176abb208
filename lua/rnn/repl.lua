---The prompt of `rnnlua -i`, without the terminal: what a whole statement is,
---what completes a name, how results are printed, where history is kept. The
---program calls open, read and complete; an editor is what it reads by.
local core = require "rnn.core"
local show = require "rnn.show"

local repl = {show = show}

---@class rnn.Editor
---@field read fun(prompt: string): string|false|nil a line, false when it was
---abandoned, nil at the end of input
---@field remember? fun(text: string) a statement for the arrow keys to find
---@field create? fun(path: string) a file for its owner only, with
---its folders

local PAGE = [[
A value typed at the prompt is printed: 1 + 1, x, rnn.zeros {2, 3}. With "="
before it nil is printed too. A local variable ends with its line; leave out
"local" to keep one. TAB completes names, Ctrl-C stops what runs, Ctrl-D leaves.

  tensor      a block of numbers: x = rnn.randn {2, 3}; x:shape(), x[1], x.dtype
  op          a function on tensors: x:tanh(), x:matmul(w), a + b
  tape        the list of ops that ran while it was open; tape:backward(loss)
  layer       a callable table with parameters: l = rnn.LSTM(64, 256)
  optimizer   opt = rnn.Adam(rnn.parameters(model), {lr = 2e-3}); opt:step()
  batches     for x, y in rnn.text.batches(ids, {steps = 64, streams = 8}) do
  checkpoint  rnn.save("model.safetensors", model); rnn.load_model(path)

Every op and function: lua/types/rnn.d.lua; a whole program: README.md.
From the shell: rnnlua train_charlm.lua --help, rnnlua info.lua MODEL.
]]

-- {== History ==

local HISTORY = 1000         -- entries kept
local LONGEST = 1 << 14      -- bytes of an entry
local READ = 1 << 20         -- bytes of the file that are looked at, the last

---The file of history; nil for none.
local function history_path()
  local path = os.getenv "RNNLUA_HISTORY"
  if path then return path ~= "" and path or nil end
  local state, home = os.getenv "XDG_STATE_HOME", os.getenv "HOME"
  if state and state:sub(1, 1) == "/" then return state .. "/rnnlua/history" end
  return home and home ~= "" and home .. "/.local/state/rnnlua/history" or nil
end

---An entry as one line of the file, and back.
local function pack(text)
  return (text:gsub("[\\\n]", {["\\"] = "\\\\", ["\n"] = "\\n"}))
end

local function unpack(line)
  return (line:gsub("\\(.)", {n = "\n", ["\\"] = "\\"}))
end

---The last lines of the file; none when it cannot be read.
local function read_lines(path)
  local lines = {}
  local file = io.open(path, "rb")
  if not file then return lines end
  file:seek("set", math.max(0, (file:seek "end" or 0) - READ))
  local text = file:read(READ) or ""
  file:close()
  for line in text:gmatch "[^\n]+" do lines[#lines + 1] = line end
  return lines
end

---A history that cannot be written is no error: then it lasts for the session.
local function write_lines(path, mode, lines)
  local file = io.open(path, mode)
  if not file then return end
  file:write(table.concat(lines, "\n"), "\n")
  file:close()
end

---Takes up the history of earlier sessions.
local function open_history(editor)
  local path = history_path()
  if not path then return end
  editor.create(path)
  local lines = read_lines(path)
  if #lines > HISTORY then
    lines = table.move(lines, #lines - HISTORY + 1, #lines, 1, {})
    write_lines(path, "wb", lines)
  end
  for _, line in ipairs(lines) do editor.remember(unpack(line)) end
  editor.path, editor.last = path, unpack(lines[#lines] or "")
end

local function remember(editor, text)
  if not editor.remember or text == editor.last or text:find "^%s*$" or
     #text > LONGEST then
    return
  end
  editor.last = text
  editor.remember(text)
  if editor.path then write_lines(editor.path, "ab", {pack(text)}) end
end

-- }==

-- {== Statements ==

---A function of the text, or nil, what is wrong, and whether only the end is
---missing.
local function compile(text)
  local asked = text:match "^%s*=(.*)$"
  local chunk, wrong = load("return " .. (asked or text), "=stdin", "t")
  if chunk then return chunk end
  local more = wrong:find "<eof>$" ~= nil
  if not asked then
    chunk, wrong = load(text, "=stdin", "t")
    more = more or wrong and wrong:find "<eof>$" ~= nil
  end
  return chunk, wrong, more
end

---Prints results; a single nil only when it was asked for.
local function printer(asked)
  return function(...)
    local n = select("#", ...)
    if n == 0 or n == 1 and (...) == nil and not asked then return end
    local parts, wide = {...}, false
    for i = 1, n do
      if type(parts[i]) ~= "string" then
        parts[i] = show(parts[i])
        wide = wide or parts[i]:find "\n"
      end
    end
    io.stdout:write(table.concat(parts, wide and "\n" or "\t"), "\n")
  end
end

---Reads one statement, of as many lines as it takes. A syntax error is raised
---for the program to print.
---@param editor rnn.Editor
---@return function|false|nil chunk false: abandoned; nil: the input has ended
---@return fun(...)|nil print what to call with its results
function repl.read(editor)
  local text = editor.read "> "
  if not text then return text end
  local chunk, wrong, more = compile(text)
  while more do
    local line = editor.read ">> "
    if line == false then return false end
    if not line then break end
    text = text .. "\n" .. line
    chunk, wrong, more = compile(text)
  end
  remember(editor, text)
  if not chunk then error({exit = 1, message = wrong}, 0) end
  return chunk, printer(text:find "^%s*=" ~= nil)
end

-- }==

-- {== Completion: looks, but runs no function of the user's ==

---Names beyond those that are loaded: layers, optimizers, modules of rnn.
local function rnn_names(add)
  for name in pairs(require "rnn.optim") do add(name) end
  for module in pairs(package.preload) do
    local name = module:match "^rnn%.(%l+)$"
    if module:find "^rnn%.layers%." then
      local kind = require(module).kind
      if kind then add(kind.name) end
    elseif name == "initializers" then
      add "init"
    elseif name and name ~= "core" then
      add(name)
    end
  end
end

---The table that gives a value the fields it does not have itself; or nil.
local function fallback(value)
  if core.is_tensor(value) then return core.methods end
  local meta = debug.getmetatable(value)
  if not meta then return nil end
  if rawget(meta, "__name") == "rnn.Optim" then return core.optim_methods end
  local index = rawget(meta, "__index")
  return type(index) == "table" and index or nil
end

---Tables in which a value's fields are looked up, in this order.
local function places(value)
  local list = {}
  if type(value) ~= "table" then value = fallback(value) end
  while value and #list < 100 do
    list[#list + 1] = value
    value = fallback(value)
  end
  return list
end

local function field(value, name)
  if value == package.loaded.rnn then return value[name] end
  for _, t in ipairs(places(value)) do
    local found = rawget(t, name)
    if found ~= nil then return found end
  end
end

local function callable(value)
  local meta = debug.getmetatable(value)
  return type(value) == "function" or meta and rawget(meta, "__call") ~= nil
end

---Calls add(name) for what may follow a value and "." or ":".
local function fields(value, methods, add)
  for _, t in ipairs(places(value)) do
    for name, x in next, t do
      if not methods or callable(x) then add(name) end
    end
  end
  if methods then return end
  if value == package.loaded.rnn then rnn_names(add) end
  if core.is_tensor(value) then
    add "dtype"
    add "grad"
  elseif fallback(value) == core.optim_methods then
    add "kind"
    local open, hyper = pcall(value.hyper, value)
    for name in pairs(open and hyper or {}) do add(name) end
  end
end

---What may stand for the name that a line ends with. Names that begin with "_"
---are offered when that is typed.
---@param line string up to the cursor
---@return string[] names sorted
function repl.complete(line)
  local path, word = line:match "([%w_.:]-)([%w_]*)$"
  local names, known, value = {}, {}, _G
  path = path:match "^.*%.%.(.*)$" or path   -- behind a concatenation
  if path:find "^[.:]" then return names end
  for name in path:gmatch "[^.:]*" do
    if value == nil then return names end
    if name ~= "" then value = field(value, name) end
  end
  fields(value, path:sub(-1) == ":", function(name)
    if type(name) ~= "string" or known[name] or
       not name:find "^[%a_][%w_]*$" or name:sub(1, #word) ~= word or
       word == "" and name:sub(1, 1) == "_" then
      return
    end
    known[name] = true
    names[#names + 1] = name
  end)
  table.sort(names)
  return names
end

-- }==

---Makes a session of an editor: its history, and the global `help`.
---@param editor rnn.Editor
---@return rnn.Editor
function repl.open(editor)
  if editor.remember then open_history(editor) end
  if rawget(_G, "help") == nil then
    rawset(_G, "help", setmetatable({}, {
      __call = function() io.stdout:write(PAGE) end,
      __tostring = function() return (PAGE:gsub("\n$", "")) end,
    }))
  end
  return editor
end

return repl
