---Writes a trained model as C source, for programs on targets without files.
---Usage: rnnlua export_c.lua MODEL [options]   (--help)
local rnn = require "rnn"
local cli = require "rnn.cli"
local core = require "rnn.core"
local output = require "rnn.output"

local opts = cli.parse(arg, {
  name = "export_c.lua", usage = "MODEL [options]",
  summary = "Writes a model as a constant array of a C source, which " ..
    "rnl_model_read (rnnlua_infer.h) loads. Only what is needed to run the " ..
    "model is in it.",
  examples = {
    "export_c.lua book/best.safetensors --emit-c model.c",
    "export_c.lua book/best.safetensors --emit-c firmware/net.c --name net",
  },
  {"model", positional = true, type = "file", required = true,
   help = "a checkpoint"},
  {"emit-c", type = "file", help = "the source; default: standard output"},
  {"name", type = "string", default = "model",
   help = "of the array; NAME_size is that of its size"},
  {"config", type = "config", help = "file with a table of options"},
})

local name = opts.name
if not name:find "^[%a_][%w_]*$" then
  cli.fail(2, "--name must be a name in C, got '%s'", name)
end

---The model alone as the bytes of a file: no state of training.
local function slim(path)
  local model, meta = rnn.load_model(path)
  if not model then cli.fail(3, "%s", meta) end
  for key in pairs(meta) do
    if key:find "^run%." then meta[key] = nil end
  end
  local part = os.tmpname()
  local ok, wrong = rnn.save(part, model, meta)
  if not ok then cli.fail(5, "%s", wrong) end
  local file <close> = assert(io.open(part, "rb"))
  local bytes = file:read "a"
  os.remove(part)
  local packed
  packed, wrong = rnn.pack(path)   -- what cannot be run is said here
  if not packed then cli.fail(3, "%s", wrong) end
  return bytes, packed:kind()
end

local function lines_of(bytes)
  local lines = {}
  for i = 1, #bytes, 20 do
    lines[#lines + 1] = table.concat({bytes:byte(i, i + 19)}, ",")
  end
  return table.concat(lines, ",\n")
end

local bytes, kind = slim(opts.model)
local text = ([[
/* A model of the kind "%s" (rnnlua %s): give it to rnl_model_read. */
#include <stddef.h>

extern const unsigned char %s[];
extern const size_t %s_size;

const size_t %s_size = %d;
const unsigned char %s[] = {
%s
};
]]):format(kind, core.version, name, name, name, #bytes, name, lines_of(bytes))

if not opts.emit_c then
  output.write(text)
  output.flush()
else
  local ok, wrong = core.text_save(opts.emit_c, text)
  if not ok then cli.fail(5, "%s", wrong) end
  io.stderr:write(("%s: %d bytes of model, array '%s'\n"):format(
    opts.emit_c, #bytes, name))
end
