---Prints what a shell needs to complete the names of scripts and their options,
---or the manual page of a script; both come from the scripts' option tables.
---Usage: rnnlua completion.lua bash|zsh|fish|man [SCRIPT]   (--help)
local rnn = require "rnn"
local cli = require "rnn.cli"

local opts = cli.parse(arg, {
  name = "completion.lua", usage = "bash|zsh|fish|man [SCRIPT]",
  summary = "Prints completion of scripts and options for a shell, or the " ..
    "manual page of a script.",
  examples = {
    "completion.lua bash > ~/.local/share/bash-completion/completions/rnnlua",
    "completion.lua zsh > ~/.zfunc/_rnnlua",
    "completion.lua fish > ~/.config/fish/completions/rnnlua.fish",
    "completion.lua man train_charlm.lua | man -l -",
  },
  {"kind", positional = true, type = "choice", required = true,
   choices = {"bash", "zsh", "fish", "man"}, help = "what to print"},
  {"script", positional = true, type = "string",
   help = "man: a script that lies beside this one"},
})

local folder = debug.getinfo(1, "S").source:match "^@(.*)/" or "."

local function spec_of(name)
  local spec, wrong = cli.spec_of(folder .. "/" .. name)
  if not spec then cli.fail(3, "%s", wrong) end
  return spec
end

if opts.kind ~= "man" then
  io.stdout:write(cli.completion(opts.kind, cli.specs(folder)))
elseif opts.script then
  io.stdout:write(cli.man(spec_of(opts.script), rnn._VERSION:match "%S+$"))
else
  cli.fail(2, "man needs a script: completion.lua man train_charlm.lua")
end
