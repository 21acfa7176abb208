---Makes an ONNX file of a model file.
---Usage: rnnlua export_onnx.lua MODEL --out FILE.onnx [options]   (--help)
local rnn = require "rnn"
local cli = require "rnn.cli"
local json = require "rnn.json"
local output = require "rnn.output"
local show = require "rnn.show"

local opts = cli.parse(arg, {
  name = "export_onnx.lua", usage = "MODEL --out FILE.onnx [options]",
  summary = "Makes an ONNX file (opset 17) of a model: language models step " ..
    "or read sequences, with states in and out; taggers give scores, and of " ..
    "a CRF the transitions, for the host to find the best tags by; " ..
    "classifiers of texts and series give probabilities; forecasters read " ..
    "and give numbers in the unit of the data. Prints its inputs and " ..
    "outputs: name, type, shape and what it is, a line each. Ids count from " ..
    "0; metadata_props have the tokenizer, labels and what else the model " ..
    "file says of itself.",
  examples = {
    "export_onnx.lua run/best.safetensors --out lm.onnx",
    "export_onnx.lua pos/best.safetensors --out tagger.onnx --json",
  },
  {"model", positional = true, type = "file", required = true,
   help = "a model file of kind lm, tagger, classifier, seriesclassifier or " ..
     "forecaster"},
  {"out", type = "file", required = true, metavar = "FILE.onnx",
   help = "the file to write"},
  {"json", type = "flag", help = "print inputs and outputs as one JSON object"},
})

local converted, wrong = rnn.onnx.convert(opts.model)
if not converted then cli.fail(3, "%s", show.text(wrong)) end
local ok, why = rnn.onnx.save(opts.out, converted)
if not ok then cli.fail(5, "could not save: %s", show.text(why)) end

local function print_values(what, list)
  for _, value in ipairs(list) do
    output.write(("%s\t%s\t%s\t(%s)\t%s\n"):format(what, value.name,
      value.dtype, table.concat(value.shape, ", "), value.doc))
  end
end

if opts.json then
  output.write(json.encode {kind = converted.kind, inputs = converted.inputs,
                            outputs = converted.outputs} .. "\n")
else
  print_values("input", converted.inputs)
  print_values("output", converted.outputs)
end
output.flush()
