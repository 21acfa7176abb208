---rnn.metrics: the scores that programs print. Each takes the whole of a test
---set as lists (16 bytes a label), the guess first and the truth after it, and
---returns the number that people quote; where there is more to tell, a second
---value has it and prints itself. (ROUGE is quoted as three numbers: it returns
---those.) Bad input raises.
---
---    local metrics = rnn.metrics
---    print(metrics.perplexity(4.38), metrics.bpc(1.05))   -- of losses in nats
---    print(metrics.f1({"yes", "no", "yes"}, {"yes", "yes", "yes"}))
---    local f1, report = metrics.span_f1({{"B-PER", "I-PER", "O", "B-LOC"}},
---                                       {{"B-PER", "I-PER", "O", "B-ORG"}})
---    print(f1, report.classes.PER.f1)                     -- 0.5, 1.0
---    print(report)
---    print(metrics.segmentation({{"我们", "在", "野", "生"}},
---                               {{"我们", "在", "野生"}}))
---    print(metrics.bleu({"a man rides a horse on the beach"},
---                       {"a man rides a horse along the beach"}))
---    print(metrics.rouge({"the cat sat"}, {"the cat sat down"}).rougeL.f1)
---    print(metrics.edit_distance("kitten", "sitting"))    -- 3
---    print(metrics.wer({"K AE T"}, {{"K", "AA", "T"}}))   -- a third
---    print(metrics.rmse(rnn.tensor {1, 2}, {1, 4}))       -- root of 2
---    print(metrics.mase({5, 6}, {5, 7}, {1, 2, 3, 4}))    -- 0.5
local anomalies = require "rnn.metrics.anomalies"
local classes = require "rnn.metrics.classes"
local edits = require "rnn.metrics.edits"
local forecast = require "rnn.metrics.forecast"
local input = require "rnn.metrics.input"

local metrics = {
  accuracy = classes.accuracy,
  f1 = classes.f1,
  span_f1 = require "rnn.metrics.spans",
  segmentation = require "rnn.metrics.segmentation",
  bleu = require "rnn.metrics.bleu",
  chrf = require "rnn.metrics.chrf",
  rouge = require "rnn.metrics.rouge",
  edit_distance = edits.edit_distance,
  wer = edits.wer,
  cer = edits.cer,
  rmse = forecast.rmse,
  mae = forecast.mae,
  mape = forecast.mape,
  smape = forecast.smape,
  mase = forecast.mase,
  coverage = forecast.coverage,
  pinball = forecast.pinball,
  anomalies = anomalies.anomalies,
  best_level = anomalies.best_level,
}

---A loss as nats for each unit; raises in the name of the caller.
local function nats(what, loss, per)
  per = per or 1
  if type(loss) ~= "number" or loss ~= loss then
    error(("%s: 'loss' must be a number, got %s"):format(what, loss), 3)
  end
  if not input.number(per) or per <= 0 then
    error(("%s: 'per' must be a number > 0, got %s"):format(what, per), 3)
  end
  return loss * per
end

---exp(loss): of the unit that the loss is a mean over. 'per' makes it another
---one: with the tokens for each word, the perplexity of words.
---@param loss number mean, in nats for each token
---@param per? number tokens for each unit, #tokens / #units; default 1
---@return number
function metrics.perplexity(loss, per)
  return math.exp(nats("perplexity", loss, per))
end

---Bits for each character: loss / ln 2 for a model of characters. With the
---tokens for each character it is that of any model, with the tokens for each
---byte it is bits for each byte.
---@param loss number mean, in nats for each token
---@param per? number tokens for each character, #tokens / #chars; default 1
---@return number
function metrics.bpc(loss, per)
  return nats("bpc", loss, per) / math.log(2)
end

return metrics
