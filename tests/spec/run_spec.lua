---rnn.run and what training scripts make of it: going on exactly, signals,
---faults of disks and numbers, one run to a folder.
local rnn = require "rnn"
local core = require "rnn.core"
local json = require "rnn.json"
local lfs = require "lfs"
local log = require "rnn.log"

local sandbox = require "tests.sandbox"
local stops = require "tests.stops"
local dir, quote = sandbox.dir, sandbox.quote
local read, write, shell = sandbox.read, sandbox.write, sandbox.shell

local text = write("text", read "README.md")
local root = shell "test $(id -u) = 0" == 0
local asan = os.getenv "VARIANT" == "asan"

teardown(sandbox.remove)

local function exists(path)
  return lfs.attributes(path, "mode") == "file"
end

local SMALL = ("--data %s --hidden 8 --layers 1 --batch 4 --seq 8 --threads 1 "
  .. "--sample-length 0"):format(quote(text))

---A shell command that trains into a folder.
local function command(out, options)
  return ("%s scripts/train_charlm.lua %s --out %s %s"):format(
    quote(sandbox.program), SMALL, quote(out), options or "")
end

local function train(out, options)
  return shell(command(out, options))
end

local function resume_command(out, options)
  return ("%s scripts/train_charlm.lua --out %s --sample-length 0 %s"):format(
    quote(sandbox.program), quote(out), options)
end

---Goes on with the run in a folder.
local function resume(out, options)
  return shell(resume_command(out, options))
end

local function events(out, kind)
  local list = {}
  assert(log.each(out .. "/log.jsonl", function(e)
    if not kind or e.event == kind then list[#list + 1] = e end
  end))
  return list
end

local function step_of(out)
  local _, meta = rnn.load(out .. "/last.safetensors")
  return json.decode(meta["rnnlua.train"]).step
end

-- {== A loop of one's own ==

local function adam(params)
  return rnn.Adam(params, {lr = 1e-2, clip_norm = 1})
end

---A run over random ids; 'spoil' may change the loss of a step; 'optim' gives
---an optimizer and parts.
local function own_loop(o)
  rnn.seed(7)
  local ids = rnn.zeros({400}, "int32")
  for i = 1, 400 do core.set(ids, i, 1 + (i * i) % 5) end
  local m = {embed = rnn.Embedding(5, 4), net = rnn.LSTM(4, 6),
             out = rnn.Linear(6, 5)}
  local opt, parts = (o.optim or adam)(rnn.parameters(m))
  local reader = rnn.reader(ids, {steps = 5, streams = 3, vary = o.vary,
                                  stateless = o.stateless})
  parts = parts or {}
  parts.reader = reader
  local r, wrong, code = rnn.run.open {
    dir = o.dir, model = m, optim = opt, steps = o.steps, quiet = true,
    parts = parts, resume = o.resume, save_every = o.save_every,
    nan = o.nan, accumulate = o.accumulate, patience = o.patience,
    eval_every = o.eval_every, evaluate = o.evaluate, keep = o.keep,
    schedule = o.schedule, metric = o.metric,
  }
  if not r then return nil, wrong, code end
  local reason = r:train(function(state)
    local x, y, fresh = reader:next()
    local tape <close> = rnn.tape()
    local h, last = m.net(m.embed(x), not fresh and state or nil)
    local loss = rnn.cross_entropy(m.out(h), y)
    if o.spoil then loss = o.spoil(loss, r.at.step + 1) end
    return r:backward(tape, loss), r:carry(last), #x:shape()
  end)
  return r, reason, m
end

describe("a loop of one's own", function()
  for name, o in pairs {
    streams = {}, windows = {stateless = true}, lengths = {vary = true},
    accumulated = {accumulate = 3},
  } do
    it("goes on as if it had not stopped: " .. name, function()
      local whole, parts = dir .. "/own-" .. name, dir .. "/own2-" .. name
      local function with(more)
        for k, v in pairs(o) do more[k] = v end
        return own_loop(more)
      end
      assert(with {dir = whole, steps = 60})
      for _, steps in ipairs {13, 14, 41, 60} do
        local r, reason = with {dir = parts, steps = steps, resume = "auto"}
        assert.equal("done", reason)
        assert.equal(steps, r.at.step)
      end
      assert.truthy(read(whole .. "/last.safetensors") ==
                    read(parts .. "/last.safetensors"))
      assert.equal(stops.losses(whole), stops.losses(parts))
    end)
  end

  local AVERAGING = {
    ema = function(params) return rnn.EMA(adam(params), {decay = 0.9}) end,
    ntasgd = function(params)
      local opt = rnn.ASGD(params, {lr = 0.1, lambd = 0})
      return opt, {trigger = rnn.NTASGD(opt, {patience = 2})}
    end,
  }
  for name, optim in pairs(AVERAGING) do
    it("validates averages, saves them, and goes on exactly: " .. name,
       function()
      -- worse from step 12 on: ntasgd begins to average at 18, the best is 24
      local losses = {[6] = 3, [9] = 2, [12] = 2.5, [15] = 2.5, [18] = 2.5,
                      [21] = 2.5, [24] = 1}
      local whole, parts = dir .. "/avg-" .. name, dir .. "/avg2-" .. name
      local seen
      local function go(o)
        o.optim, o.eval_every, o.save_every = optim, 3, 4
        o.evaluate = function(r)
          if r.at.step == 24 then seen = r.o.model.out.weight:totable() end
          return losses[r.at.step] or 4
        end
        return assert(own_loop(o))
      end
      go {dir = whole, steps = 29}
      local last = assert(rnn.load(whole .. "/last.safetensors"))
      local best = assert(rnn.load(whole .. "/best.safetensors"))
      assert.same(seen, best["out.weight"]:totable())
      for _, steps in ipairs {11, 17, 20, 23, 24, 25, 29} do
        go {dir = parts, steps = steps, resume = "auto"}
        local _, meta = rnn.load(parts .. "/last.safetensors")
        local states = json.decode(meta["rnnlua.train"]).extra.parts
        if name == "ntasgd" then
          assert.equal(steps >= 18 and 18 or 1e6, states.trigger.t0)
        end
      end
      for _, file in ipairs {"last", "best"} do
        file = ("/%s.safetensors"):format(file)
        assert.truthy(read(whole .. file) == read(parts .. file), file)
      end
      -- the averages differ from the weights they were made of
      local average = name == "ema" and "ema" or "average"
      assert.not_same(last["out.weight"]:totable(),
                      last[("optim.%s.out.weight"):format(average)]:totable())
    end)
  end

  it("counts its tokens, whatever stopped it", function()
    local out = dir .. "/own-tokens"
    own_loop {dir = out, steps = 7, save_every = 2}
    own_loop {dir = out, steps = 20, resume = "last"}
    for i, e in ipairs(events(out, "step")) do
      assert.equal(i * 2, e.tokens)   -- own_loop tells 2 a step
    end
    local _, _, code = rnn.plot.run_curves(dir .. "/tokens.svg",
      {{name = "a", events = events(out)}}, {x = "tokens"})
    assert.falsy(code)   -- without gnuplot there is a message, but none
  end)

  it("has a log that a folder is not", function()
    local list, wrong = rnn.run.read_log(dir)
    assert.falsy(list)
    assert.equal(dir .. ": Is a directory", wrong)
  end)

  it("is told what is wrong with its options, before anything is made",
     function()
    local m = {w = rnn.param(rnn.ones {2}), v = rnn.param(rnn.ones {2})}
    local opt, out = rnn.SGD(rnn.parameters(m), {lr = 1}), dir .. "/own-wrong"
    local function fails(message, changes)
      local o = {dir = out, model = m, optim = opt, steps = 2, quiet = true}
      for name, value in pairs(changes) do o[name] = value or nil end
      local ok, wrong = pcall(rnn.run.open, o)
      assert.falsy(ok, message)
      assert.truthy(wrong:find("run.open: " .. message, 1, true), wrong)
    end
    fails("'dir' is missing", {dir = false})
    fails("'model' is missing", {model = false})
    fails("'optim' is missing; it must be an optimizer", {optim = false})
    fails("'optim' must be an optimizer", {optim = {}})
    fails("unknown option 'step' (did you mean 'steps'?)", {step = 5})
    fails("unknown option 'verbose'", {verbose = true})
    fails("'dir' must be a text that is not empty, got ''", {dir = ""})
    fails("'steps' must be an integer >= 1, got 2.5", {steps = 2.5})
    fails("'save_every' must be an integer >= 1, got 0", {save_every = 0})
    fails("'keep' must be an integer >= 0, got -1", {keep = -1})
    fails("'seconds' must be a number > 0, got '5m'", {seconds = "5m"})
    fails("'nan' must be stop, skip or rollback, got 'go'", {nan = "go"})
    fails("'schedule' must be a function, got 'cosine'", {schedule = "cosine"})
    fails("'parts' must be a table of nothing but parts", {parts = {a = {}}})
    fails("'meta' must be a table of nothing but texts", {meta = {x = 5}})
    fails("'config' must be a table of nothing but plain values",
          {config = {f = print}})
    fails("'resume' must be 'last', 'auto', a path", {resume = true})
    fails("'optim' trains 2 parameters, 'model' has 1", {model = {w = m.w}})
    assert.falsy(pcall(rnn.run.open))
    assert.falsy(lfs.attributes(out))
  end)

  it("leaves the table of its options as it was", function()
    local m = {w = rnn.param(rnn.ones {2})}
    local o = {dir = dir .. "/own-table", model = m, steps = 1, quiet = true,
               optim = rnn.SGD(rnn.parameters(m), {lr = 1})}
    assert(rnn.run.open(o))
    assert.falsy(o.parts or o.save_every or getmetatable(o))
  end)

  it("is told what is wrong with what its functions return", function()
    local function try(step, changes)
      local m = {w = rnn.param(rnn.ones {2})}
      local o = {dir = dir .. "/own-returns", model = m, steps = 1,
                 overwrite = true, quiet = true,
                 optim = rnn.SGD(rnn.parameters(m), {lr = 1})}
      for name, value in pairs(changes or {}) do o[name] = value end
      local r = assert(rnn.run.open(o))
      local _, wrong = pcall(r.train, r, step)
      return tostring(wrong), r
    end
    local function fails(message, step, changes)
      local wrong = try(step, changes)
      assert.truthy(wrong:find(message, 1, true), wrong)
    end
    local function one() return 1.0 end
    fails("the loss that the step returns (run:backward gives it) must be a " ..
          "number, got nil", function() end)
    fails("must be a number, got userdata", function() return rnn.ones {1} end)
    fails("the state that the step returns must be a table, got number",
          function() return 1.0, 5 end)
    fails("the count of tokens that the step returns must be a number, got " ..
          "string", function() return 1.0, nil, "x" end)
    fails("what 'schedule' returns must be a number, got function", one,
          {schedule = function() return print end})
    fails("what 'evaluate' returns must be a number, got string", one,
          {evaluate = function() return "x" end})
    fails("the step must be a function, got nil", nil)
    local wrong, r = try(one)
    assert.equal("done", wrong)
    wrong = select(2, pcall(r.train, r, one))
    assert.truthy(wrong:find("this run has ended", 1, true), wrong)
  end)

  it("ends when validation gets no better", function()
    local losses = {3, 2, 2.5, 2, 4}
    local r, reason = own_loop {
      dir = dir .. "/own-patience", steps = 100, eval_every = 2, patience = 3,
      evaluate = function(r) return losses[r.at.step // 2] end}
    assert.equal("patience", reason)
    assert.equal(10, r.at.step)
    assert.equal(4, r.best_step)
  end)

  it("goes by a metric, the more the better, and starts anew with another",
     function()
    local told = {}
    local function go(metric, steps, scores)
      return own_loop {
        dir = dir .. "/own-metric", steps = steps, eval_every = 2,
        resume = "auto", metric = metric, patience = 3,
        schedule = setmetatable({observe = function(_, cost)
          told[#told + 1] = cost
        end}, {__call = function() return 1e-2 end}),
        evaluate = function(r)
          return r.at.step, {f1 = scores[r.at.step // 2], bleu = 1 / r.at.step}
        end}
    end
    local r, reason = go("f1", 6, {0.2, 0 / 0, 0.1})
    assert.equal("done", reason)
    assert.equal(0.2, r.best)
    assert.equal(2, r.best_step)
    assert.same({-0.2, math.huge, -0.1}, told)
    r = go("f1", 8, {nil, nil, nil, 0.3})
    assert.equal(0.3, r.best)
    assert.equal(8, r.best_step)
    r = go("bleu", 10, {nil, nil, nil, nil, 0.9})
    assert.equal(0.1, r.best)      -- not less than 0.3 of another thing
    assert.equal(10, r.best_step)
  end)

  it("makes the last validation later if a signal broke it off", function()
    local out, program = dir .. "/own-val", package.loaded["rnn.program"]
    local function go(spoilt)
      local signal = program.signal
      local r, reason = own_loop {
        dir = out, steps = 5, eval_every = 100, resume = "auto",
        evaluate = function(r)
          if spoilt then program.signal = function() return "terminated" end end
          return not r:stopping() and 1.5 or nil
        end}
      program.signal = signal
      return r, reason
    end
    assert.equal("terminated", select(2, go(true)))
    assert.equal(0, #events(out, "val"))
    local r, reason = go(false)
    assert.equal("done", reason)
    assert.equal(1.5, r.best)
    assert.equal(1, #events(out, "val"))
  end)

  it("keeps the last numbered checkpoints, those of before a stop too",
     function()
    local out = dir .. "/own-keep"
    own_loop {dir = out, steps = 6, save_every = 2, keep = 2}
    own_loop {dir = out, steps = 10, save_every = 2, keep = 2,
              resume = "last"}
    for n = 2, 10, 2 do
      assert.equal(n >= 8, exists(("%s/step-%d.safetensors"):format(out, n)))
    end
  end)

  it("tells of its last checkpoint once, however it came to its end", function()
    local whole, parts = dir .. "/own-told", dir .. "/own-told2"
    local function told(out)
      local list = {}
      for i, e in ipairs(events(out, "checkpoint")) do
        list[i] = e.step .. e.path:match "[^/]*$"
      end
      return table.concat(list, " ")
    end
    own_loop {dir = whole, steps = 7, save_every = 3, keep = 9}
    own_loop {dir = parts, steps = 7, save_every = 3, keep = 9}
    own_loop {dir = parts, steps = 7, save_every = 3, keep = 9,
              resume = "last"}
    assert.equal("3last.safetensors 3step-3.safetensors 6last.safetensors " ..
                 "6step-6.safetensors 7last.safetensors 7step-7.safetensors " ..
                 "7best.safetensors", told(whole))
    assert.equal(told(whole), told(parts))
  end)

  it("goes on when validation gives no number", function()
    local out = dir .. "/own-nan"
    local r, reason = own_loop {
      dir = out, steps = 9, eval_every = 2, save_every = 3,
      evaluate = function(r) return r.at.step < 6 and 0 / 0 or 2 end}
    assert.equal("done", reason)
    assert.equal(6, r.best_step)
    assert.equal(9, step_of(out))
  end)

  it("may raise, and the log says so", function()
    local out = dir .. "/own-error"
    local ok, wrong = pcall(own_loop, {
      dir = out, steps = 9, spoil = function(loss, step)
        if step == 4 then error "the loop is broken" end
        return loss
      end})
    assert.falsy(ok)
    assert.truthy(tostring(wrong):find "the loop is broken")
    local list = events(out)
    assert.equal("error", list[#list].reason)
    assert.equal(3, step_of(out))
    -- the lock is gone
    assert.truthy(own_loop {dir = out, steps = 9, resume = "last"})
  end)
end)

-- }==

-- {== Numbers that are not finite ==

describe("a loss that is not finite", function()
  local function nan_at(k)
    return function(loss, step) return step == k and loss * (0 / 0) or loss end
  end

  ---Tensors of a checkpoint by name, as bytes.
  local function tensors(path)
    local all = {}
    for name, t in pairs((assert(rnn.load(path)))) do
      all[name] = table.concat(t:reshape {-1}:totable(), " ")
    end
    return all
  end

  it("stops before the step is applied", function()
    local out, before = dir .. "/nan", dir .. "/before"
    local r, reason, m = own_loop {dir = out, steps = 50, spoil = nan_at(13)}
    assert.equal("diverged", reason)
    local _, _, m2 = own_loop {dir = before, steps = 12}
    for i, p in ipairs(rnn.parameters(m)) do
      assert.same(rnn.parameters(m2)[i]:totable(), p:totable())
    end
    assert.same(tensors(before .. "/last.safetensors"),
                tensors(out .. "/last.safetensors"))
    assert.equal(12, step_of(out))
    for _, word in ipairs {"step 13:", "was not applied", "loss is nan",
                           "lr 0.01", "|g| ", "'embed.weight'", "step 12",
                           out .. "/last.safetensors"} do
      assert.truthy(r.why:find(word, 1, true), r.why)
    end
    -- and goes on from there as if there had been no such step
    own_loop {dir = out, steps = 20, resume = "last"}
    own_loop {dir = before, steps = 20, resume = "last"}
    assert.truthy(read(out .. "/last.safetensors") ==
                  read(before .. "/last.safetensors"))
  end)

  it("of a gradient alone is caught too", function()
    local r, reason = own_loop {
      dir = dir .. "/inf", steps = 50,
      spoil = function(loss, step)   -- sqrt has no slope at 0
        return step == 5 and loss + (loss - loss):sqrt():sum() or loss
      end}
    assert.equal("diverged", reason)
    assert.truthy(r.why:find("is not finite", 1, true), r.why)
    assert.equal(4, r.at.step)
  end)

  it("can be passed over", function()
    local r, reason = own_loop {dir = dir .. "/skip", steps = 20,
                                nan = "skip", spoil = nan_at(9)}
    assert.equal("done", reason)
    assert.equal(20, r.at.step)
    assert.equal(19, #events(dir .. "/skip", "step"))
    local warned = events(dir .. "/skip", "warn")[1]
    assert.equal(9, warned.step)   -- belongs to that step when cut back
    assert.truthy(warned.message:find("step 9: the loss is nan", 1, true))
  end)

  it("ends a run that has nothing else", function()
    local r, reason = own_loop {
      dir = dir .. "/only", steps = 100, nan = "skip",
      spoil = function(loss, k) return k > 5 and loss * (0 / 0) or loss end}
    assert.equal("diverged", reason)
    assert.truthy(r.at.step < 20)
  end)

  it("can lead back to the last checkpoint with half the rate", function()
    local out, spoilt = dir .. "/back", false
    local r, reason = own_loop {
      dir = out, steps = 20, save_every = 5, nan = "rollback",
      spoil = function(loss, step)
        if step ~= 8 or spoilt then return loss end
        spoilt = true
        return loss * (0 / 0)
      end}
    assert.equal("done", reason)
    assert.equal(20, r.at.step)
    local steps = events(out, "step")
    assert.equal(20, #steps)
    for i, e in ipairs(steps) do
      assert.equal(i, e.step)
      assert.equal(i > 5 and 0.005 or 0.01, e.lr)
    end
    spoilt = false
    r, reason = own_loop {
      dir = dir .. "/hopeless", steps = 20, save_every = 5, nan = "rollback",
      spoil = function(loss, k) return k == 8 and loss * (0 / 0) or loss end}
    assert.equal("diverged", reason)
    assert.equal(7, r.at.step)
  end)

  it("never gets into a file", function()
    local out = dir .. "/poisoned"
    local m = {w = rnn.param(rnn.ones {3})}
    local opt = rnn.SGD(rnn.parameters(m), {lr = 1})
    local function go(steps)
      local r = assert(rnn.run.open {dir = out, model = m, optim = opt,
        steps = steps, save_every = 1, quiet = true, resume = "auto",
        schedule = function(step) return step == 2 and 3e38 or 1 end})
      r:train(function()
        local tape <close> = rnn.tape()
        local loss = m.w:sum()
        return r:backward(tape, loss * (r.at.step > 1 and 1e38 or 1))
      end)
      return r
    end
    local r = go(2)
    assert.equal(2, r.saved)
    r = go(3)
    assert.falsy(core.finite(m.w))
    assert.truthy(r:unsaved():find("'w' is not finite", 1, true))
    assert.equal(2, step_of(out))
  end)
end)

-- }==

-- {== Signals ==

---Starts a run that would not end, waits for some lines of its log, then runs
---'script' with its process in $pid; what that printed and the exit code.
---SIGHUP has its default action, even where the suite was started by nohup. A
---run that does not stop is killed after a minute.
local function with_run(out, options, script)
  local _, printed, err = shell(([[
    env --default-signal=HUP %s 2>%s >/dev/null & pid=$!
    { sleep 60; kill -9 $pid; } >/dev/null 2>&1 & dog=$!
    while [ $(wc -l 2>/dev/null <%s || echo 0) -lt 20 ]; do
      sleep 0.02; kill -0 $pid || { kill $dog; exit 99; }
    done
    %s
    wait $pid 2>/dev/null; echo $?; kill $dog]]):format(
    command(out, "--steps 100000000 " .. options), quote(dir .. "/err"),
    quote(out .. "/log.jsonl"), script))
  assert.equal("", err)
  return printed, read(dir .. "/err")
end

describe("signals", function()
  for signal, expected in pairs {TERM = {143, "terminated"},
                                 HUP = {143, "hangup"},
                                 INT = {130, "interrupted"}} do
    it("SIG" .. signal .. " saves and says how to go on", function()
      local out = dir .. "/sig" .. signal
      local code, err = with_run(out, "", "kill -" .. signal .. " $pid")
      assert.equal(expected[1] .. "\n", code)
      assert.truthy(err:find("to go on: .* %-%-out " .. out .. " %-%-resume"),
                    err)
      local list = events(out)
      assert.equal(expected[2], list[#list].reason)
      assert.equal(list[#list].step, step_of(out))
      assert.equal(list[#list].step, #events(out, "step"))
    end)
  end

  it("SIGUSR1 saves now, and training goes on", function()
    local out = dir .. "/usr1"
    local printed, err = with_run(out, "--save-every 100000000", [[
      kill -USR1 $pid
      while [ ! -e ]] .. out .. [[/last.safetensors ]; do
        kill -0 $pid || break; sleep 0.02
      done
      sleep 0.1; kill -0 $pid && echo alive; kill -9 $pid]])
    assert.equal("alive\n137\n", printed)
    assert.truthy(err:find "\nsaved +%S+last.safetensors, step %d+\n", err)
    assert.truthy(step_of(out) > 0)
  end)

  it("two stop at once", function()
    local out = dir .. "/twice"
    local slow = "--hidden 700 --layers 3 --batch 64 --seq 200 --data " ..
                 quote(write("long", read "README.md":rep(8)))
    local printed = ([[
      %s --steps 99999 >/dev/null 2>&1 & pid=$!
      while [ ! -s %s/log.jsonl ]; do
        kill -0 $pid || exit; sleep 0.05
      done
      sleep 0.3; kill -INT $pid; sleep 0.1; kill -INT $pid; wait $pid
      echo $?]]):format(command(out, slow), quote(out))
    local _, code = shell(printed)
    assert.equal("130\n", code)
    assert.falsy(exists(out .. "/last.safetensors"))
  end)

  it("leave a run alone that nohup started", function()
    local out = dir .. "/nohup"
    local _, printed = shell(([[
      trap '' HUP; %s >/dev/null 2>&1 & pid=$!
      while [ ! -s %s/log.jsonl ]; do
        kill -0 $pid || exit; sleep 0.02
      done
      kill -HUP $pid; sleep 0.2; kill -0 $pid && echo alive
      kill -TERM $pid; wait $pid; echo $?]]):format(
      command(out, "--steps 100000000"), quote(out)))
    assert.equal("alive\n143\n", printed)
  end)

  it("are not caught in other programs", function()
    if asan then return end   -- which the other program is made without
    local script = write("stock.lua", [[
      local function caught()
        local file <close> = io.open "/proc/self/status"
        -- signals up to 31; beyond are those of the C library itself
        return file:read "a":match "SigCgt:%s*%x*(%x%x%x%x%x%x%x%x)\n"
      end
      local before = caught()
      local rnn = require "rnn"
      local m = {w = rnn.param(rnn.ones {2})}
      local r = assert(rnn.run.open {dir = arg[1], model = m, steps = 3,
        optim = rnn.SGD(rnn.parameters(m), {lr = 0.1}), quiet = true})
      local during
      r:train(function()
        during = caught()
        local tape <close> = rnn.tape()
        return r:backward(tape, m.w:sum())
      end)
      assert(before == during and before == caught())
      print "untouched"]])
    local code, out, err = shell(("LUA_CPATH='%s/?.so;;' lua5.4 %s %s"):format(
      sandbox.build, quote(script), quote(dir .. "/stock")))
    assert.equal(0, code, err)
    assert.equal("untouched\n", out)
  end)
end)

-- }==

-- {== Stops at random moments ==

describe("stops at random moments", function()
  local options = ("--data %s --hidden 64 --layers 2 --steps 900 --batch 8 " ..
    "--seq 20 --dropout 0.1 --eval-every 37 --save-every 29 --schedule plateau "
    .. "--random-seq --keep 2"):format(quote(text))

  for threads = 1, 2 do
    it("change nothing, threads: " .. threads, function()
      local whole = dir .. "/w" .. threads
      local o = options .. " --threads " .. threads
      local code, _, err = stops.whole(o, whole)
      assert.equal(0, code, err)
      local done, round = 0, 0
      while done < 6 do   -- a fast machine may end a run between two stops
        round = round + 1
        local parts = ("%s/p%d-%d"):format(dir, threads, round)
        local n, wrong = stops.interrupted(o, parts, 6 - done, 0.4)
        assert.falsy(wrong, wrong)
        done = done + n
        assert.truthy(read(whole .. "/last.safetensors") ==
                      read(parts .. "/last.safetensors"))
        assert.equal(stops.losses(whole), stops.losses(parts))
      end
    end)
  end

  it("lose no checkpoint", function()
    local _, wrong = stops.killed(("--data %s --hidden 128 --batch 4 --seq 8 "
      .. "--steps 1000000"):format(quote(text)), dir .. "/killed", 10, 0.4)
    assert.falsy(wrong, wrong)
  end)
end)

-- }==

-- {== Disks ==

describe("a disk", function()
  local place = dir .. "/disk"
  local mounted = root and lfs.mkdir(place) and shell(
    ("mount -t tmpfs -o size=1200k tmpfs %s"):format(quote(place))) == 0

  teardown(function()
    if mounted then shell(("umount %s"):format(quote(place))) end
  end)

  ---Options of a checkpoint of some 250 kB.
  local MIDDLE = ("--data %s --hidden 40 --layers 1 --batch 4 --seq 8 " ..
    "--save-every 5 --eval-every 1000 --val 0 "):format(quote(text))

  local function start(out, options)
    return resume(out, MIDDLE .. options)
  end

  if mounted then
    it("that is full stops no training, and loses nothing", function()
      local out = place .. "/run"
      local code, _, err = start(out, "--steps 5")
      assert.equal(0, code, err)
      local before = read(out .. "/last.safetensors")
      shell(("head -c 1200k /dev/zero >%s/filler 2>&1"):format(quote(place)))
      local steps = #events(out, "step")
      code, _, err = resume(out, "--resume --steps 20")
      assert.equal(5, code, err)
      assert.truthy(err:find "warning: could not save: .*No space left", err)
      assert.truthy(#events(out, "step") >= steps)
      assert.truthy(before == read(out .. "/last.safetensors"))
      os.remove(place .. "/filler")
      code, _, err = resume(out, "--resume --steps 20")
      assert.equal(0, code, err)
      assert.equal(20, step_of(out))
    end)

    it("that has room again is written again", function()
      local out = place .. "/again"
      shell("rm -rf " .. quote(place) .. "/*")
      shell(("head -c 1100k /dev/zero >%s/filler"):format(quote(place)))
      local options = "--hidden 40 --save-every 5 --val 0"
      local printed, err = with_run(out, options, ([[
        while ! grep -q 'could not save' %s; do
          kill -0 $pid || break; sleep 0.02
        done
        rm %s/filler
        while ! grep -q 'could save again' %s; do
          kill -0 $pid || break; sleep 0.02
        done
        kill -TERM $pid]]):format(
        quote(dir .. "/err"), quote(place), quote(dir .. "/err")))
      assert.equal("143\n", printed, err)
      assert.truthy(step_of(out) > 5)
    end)

    it("that may not be written is refused, or borne", function()
      local out = place .. "/ro"
      shell("rm -rf " .. quote(place) .. "/*")
      assert.equal(0, (start(out, "--steps 5")))
      shell("mount -o remount,ro " .. quote(place))
      local code, _, err = resume(out, "--resume --steps 20")
      shell("mount -o remount,rw " .. quote(place))
      assert.equal(5, code, err)
      assert.truthy(err:find("Read-only file system", 1, true), err)
      assert.equal(5, step_of(out))
    end)
  end

  it("with a limit of file size stops no training", function()
    local out = dir .. "/efbig"
    assert.equal(0, (start(out, "--steps 5")))
    local before = read(out .. "/last.safetensors")
    local code, _, err = shell("ulimit -f 100; " .. (resume_command(out,
                               "--resume --steps 30")))
    assert.equal(5, code, err)
    assert.truthy(err:find("File too large", 1, true), err)
    assert.truthy(before == read(out .. "/last.safetensors"))
  end)

  it("holds nothing of what a killed run left half done", function()
    local out = dir .. "/swept"
    assert.equal(0, (train(out, "--steps 2")))
    local left = out .. "/.last.safetensors.tmp.123"
    write("swept/.last.safetensors.tmp.123", "half")
    local file = io.open(out .. "/log.jsonl", "ab")
    file:write '{"event":"step","st'
    file:close()
    local code, _, err = train(out, "--resume --steps 4")
    assert.equal(0, code, err)
    assert.falsy(exists(left))
    assert.equal(4, #events(out, "step"))
  end)
end)

-- }==

-- {== Folders, checkpoints, texts ==

describe("a folder", function()
  it("keeps a log that is none of a run", function()
    local out = dir .. "/otherlog"
    assert.equal(0, (train(out, "--steps 2")))
    write("otherlog/log.jsonl", "mine\n")
    local code, _, err = train(out, "--resume --steps 4")
    assert.equal(0, code, err)
    assert.equal("mine\n", read(out .. "/log.jsonl.old"))
    assert.equal("start", events(out)[1].event)
    assert.equal(2, #events(out, "step"))
  end)

  it("is for one run at a time", function()
    local out = dir .. "/locked"
    local printed = with_run(out, "", ([[
      %s --resume auto 2>&1; echo $?
      kill -TERM $pid]]):format(command(out)))
    assert.truthy(printed:find("another run works in this folder (process", 1,
                               true), printed)
    assert.truthy(printed:find "\n2\n", printed)
    assert.equal(0, (train(out, "--resume --steps " .. step_of(out) + 1)))
  end)

  it("tells which process holds it, not one that was killed", function()
    local out = dir .. "/held"
    assert(lfs.mkdir(out))
    write("held/.lock", "1\n")
    local printed = with_run(out, "", ([[
      %s --resume auto 2>&1 | grep -c "process $pid"
      kill -TERM $pid]]):format(command(out)))
    assert.equal("1\n143\n", printed)
  end)

  it("that holds a run is not written over by mistake", function()
    local out = dir .. "/mine"
    assert.equal(0, (train(out, "--steps 3 --keep 1 --save-every 1")))
    local before = read(out .. "/last.safetensors")
    local code, _, err = train(out, "--steps 2")
    assert.equal(2, code, err)
    assert.truthy(err:find("holds a run; go on with it (--resume), start anew "
                           .. "(--overwrite)", 1, true), err)
    assert.truthy(before == read(out .. "/last.safetensors"))
    assert.equal(0, (train(out, "--steps 2 --overwrite")))
    assert.equal(2, step_of(out))
    assert.falsy(exists(out .. "/step-3.safetensors"))
  end)
end)

describe("resuming", function()
  local out = dir .. "/from"

  it("takes the newest checkpoint that is sound, when asked to", function()
    assert.equal(0, (train(out, "--steps 9 --save-every 3 --keep 2")))
    local last = read(out .. "/last.safetensors")
    write("from/last.safetensors", last:sub(1, #last - 50))
    local code, _, err = train(out, "--resume --steps 12")
    assert.equal(3, code)
    assert.truthy(err:find("last.safetensors", 1, true), err)
    write("from/step-9.safetensors", last:gsub(".$", "x"))
    code, _, err = train(out, "--resume auto --steps 12")
    assert.equal(0, code, err)
    assert.truthy(err:find "going on from %S+step%-6.safetensors", err)
    assert.truthy(err:find "resume  from step 6\n", err)
    assert.equal(12, #events(out, "step"))
    assert.equal(0, (train(dir .. "/fresh", "--resume auto --steps 2")))
  end)

  it("takes a checkpoint by name", function()
    local code, _, err = train(out, ("--resume %s/step-9.safetensors --steps "
                                     .. "10"):format(out))
    assert.equal(0, code, err)
    assert.equal(10, step_of(out))
  end)

  it("refuses parts that are no tables", function()
    local bad = dir .. "/odd"
    for extra, code in pairs {['"parts":{"corpus":5}'] = 3,
                              ['"parts":{"reader":true}'] = 3,
                              ['"lr_scale":-1'] = 0, ['"parts":5'] = 0} do
      assert.equal(0, (train(bad, "--steps 2 --overwrite")))
      local path = bad .. "/last.safetensors"
      local tensors, meta = rnn.load(path)
      meta["rnnlua.train"] = meta["rnnlua.train"]:gsub('"extra":{.-},"opt',
                             function() return '"extra":{' .. extra ..
                                               '},"opt' end)
      meta["rnnlua.version"], meta["rnnlua.digest"] = nil, nil
      assert(rnn.save(path, tensors, meta))
      local got, _, err = train(bad, "--resume --steps 3")
      assert.equal(code, got, extra .. err)
      assert.falsy(err:find("traceback", 1, true), err)
    end
  end)

  it("says when bits cannot be the same", function()
    local code, _, err = shell("RNNLUA_KERNELS=portable " ..
                               command(out, "--resume --steps 11"))
    assert.equal(0, code, err)
    if rnn.kernels() ~= "portable" then
      assert.truthy(err:find "not bit for bit: kernels was %w+, is portable",
                    err)
    end
  end)

  it("refuses another text, unless told", function()
    local other = quote(write("other", read "README.md":upper():lower()))
    local code, _, err = train(out, "--resume --steps 14 --data " .. other)
    assert.equal(3, code)
    assert.truthy(err:find("--allow-new-data", 1, true), err)
    code, _, err = train(out, "--resume --allow-new-data --steps 14 --data " ..
                         other)
    assert.equal(0, code, err)
    assert.equal(14, step_of(out))
    local new = quote(write("new", read "README.md" .. "\u{4F60}"))
    code, _, err = train(out, "--resume --allow-new-data --steps 14 --data " ..
                         new)
    assert.equal(3, code)
    assert.truthy(err:find("\u{4F60}", 1, true), err)
  end)

  it("keeps to the time it was given in all", function()
    local timed = dir .. "/timed"
    local code, err = with_run(timed, "--time 3600", "kill -TERM $pid")
    assert.equal("143\n", code, err)
    local _
    code, _, err = train(timed, "--resume --time 0.001")
    assert.equal(0, code, err)
    local list = events(timed)
    assert.equal("time", list[#list].reason)
  end)
end)

describe("a text beyond 2 GiB", function()
  it("is trained on in little memory", function()
    local mib, printed = stops.vast(9 << 28)
    assert.truthy(mib < 150, ("%s MiB\n%s"):format(mib, printed))
  end)
end)

describe("a model to start from", function()
  local base = dir .. "/base"
  local model = base .. "/best.safetensors"

  it("must have the layers that a new one has", function()
    local odd = dir .. "/odd.safetensors"
    local tok = assert(rnn.text.tokenizer("char"):fit(read(text)))
    for _, net in ipairs {rnn.LSTM(4, 4, {bias = false}),
                          rnn.RNN(4, 4, {nonlinearity = "relu"})} do
      assert(rnn.save(odd, {embed = rnn.Embedding(#tok, 4), rnn = net,
                            out = rnn.Linear(4, tok:usable())},
                      {tokenizer = tok, ["rnnlua.kind"] = "lm"}))
      local code, _, err = shell(("%s scripts/train_charlm.lua --data %s " ..
        "--out %s --steps 1 --init-from %s"):format(quote(sandbox.program),
        quote(text), quote(dir .. "/odd-run"), quote(odd)))
      assert.equal(3, code, err)
      assert.truthy(err:find("nonlinearity", 1, true), err)
    end
  end)

  it("lends weights and sizes", function()
    assert.equal(0, (train(base, "--steps 40 --hidden 12 --layers 2")))
    local out = dir .. "/tuned"
    local code, _, err = shell(("%s scripts/train_charlm.lua --data %s --out %s"
      .. " --steps 1 --lr 1e-9 --init-from %s --sample-length 0"):format(
      quote(sandbox.program), quote(text), quote(out), quote(model)))
    assert.equal(0, code, err)
    assert.truthy(err:find "LSTM of 12 units, 2 layers", err)
    local a, b = rnn.load(model), rnn.load(out .. "/best.safetensors")
    for name, t in pairs(a) do
      local worst = (t - b[name]):abs():max():item()
      assert.truthy(worst < 1e-6, name)
    end
    code, _, err = train(dir .. "/tuned2", "--steps 1 --hidden 13 --init-from "
                         .. model)
    assert.equal(2, code)
    assert.truthy(err:find("does not fit", 1, true), err)
  end)

  it("learns new characters when asked to", function()
    local new = write("chinese", read(text) .. ("\u{4F60}\u{597D}\n"):rep(50))
    local options = ("--steps 1 --lr 1e-9 --hidden 12 --layers 2 --init-from "
                     .. "%s --data %s"):format(model, new)
    local code, _, err = train(dir .. "/ext", options)
    assert.equal(3, code)
    assert.truthy(err:find("--extend-vocab adds them", 1, true), err)
    code, _, err = train(dir .. "/ext", options .. " --extend-vocab")
    assert.equal(0, code, err)
    local _, tok = require "rnn.models.lm".load(model)
    local m2, tok2 = require "rnn.models.lm".load(dir ..
                                                  "/ext/best.safetensors")
    assert.equal(tok:usable() + 2, tok2:usable())
    local old = rnn.load(model)["embed.weight"]
    local i, k = tok:encode "e", tok2:encode "e"
    i, k = core.get(i, 1), core.get(k, 1)
    local worst = (old:select(1, i) - m2.embed.weight:select(1, k)):abs()
                  :max():item()
    assert.truthy(worst < 1e-6)
  end)
end)

-- }==

-- {== Options ==

describe("options", function()
  local cli = require "rnn.cli"
  local SPEC = {name = "x.lua", summary = "x",
    {"preset", type = "choice", choices = {"big"}, help = "sizes",
     presets = {big = {help = "when it is big", a = 4, b = 4, c = 4, d = 4}}},
    {"a", type = "int", default = 5, help = "a"},
    {"b", type = "int", default = 5, help = "b"},
    {"c", type = "int", default = 5, help = "c"},
    {"d", type = "int", default = 5, help = "d"},
    {"e", type = "int", default = 5, help = "e"},
    {"flag", type = "flag", help = "a flag"},
    {"stop", type = "string", list = true, help = "texts"},
    {"again", type = "string", bare = "last", help = "again"},
    {"config", type = "config", help = "file"}}

  it("come from flag, environment, config, preset, default, in this order",
     function()
    local config = write("c.lua", "{b = 3, c = 3, a = 3, stop = {'u', 'v'}}")
    local getenv = os.getenv
    os.getenv = function(name)   -- luacheck: ignore
      return ({RNNLUA_B = "2", RNNLUA_A = "2", RNNLUA_FLAG = "1"})[name]
    end
    local ok, opts = pcall(cli.parse, {"--a", "1", "--config", config,
                                       "--preset", "big"}, SPEC)
    os.getenv = getenv           -- luacheck: ignore
    assert.truthy(ok, opts)
    assert.same({1, 2, 3, 4, 5}, {opts.a, opts.b, opts.c, opts.d, opts.e})
    assert.truthy(opts.flag)
    assert.same({"u", "v"}, opts.stop)
  end)

  it("may be lists, or stand without a value", function()
    local opts = cli.parse({"--stop", "x", "--again", "--stop", "y"}, SPEC)
    assert.same({"x", "y"}, opts.stop)
    assert.equal("last", opts.again)
    opts = cli.parse({"--again", "z"}, SPEC)
    assert.equal("z", opts.again)
    assert.equal(nil, opts.stop)
  end)

  it("of the environment are checked", function()
    local code, _, err = shell("RNNLUA_EMBED=many " .. command(dir .. "/no",
                               "--steps 1"))
    assert.equal(2, code)
    assert.truthy(err:find("RNNLUA_EMBED must be an integer", 1, true), err)
  end)

  it("that cannot fit into memory are refused before any is taken", function()
    local code, out, err = train(dir .. "/vast", "--hidden 40000 --layers 9")
    assert.equal(1, code)
    assert.equal("", out)
    assert.truthy(err:find "needs about [%d.]+ GiB of memory", err)
    assert.falsy(lfs.attributes(dir .. "/vast"))
    if asan then return end   -- takes terabytes of addresses
    code, out, err = shell("ulimit -v 2000000; " .. command(dir .. "/vast",
      "--hidden 2000 --layers 4 --batch 50 --seq 50"))
    assert.equal("", out)
    assert.equal(1, code, err)
    assert.truthy(err:find("ulimit -v leaves", 1, true), err)
  end)

  it("can be looked at without training", function()
    local code, out, err = train(dir .. "/dry", "--dry-run")
    assert.equal(0, code, err)
    for _, word in ipairs {"text ", "model ", "needs about", "steps "} do
      assert.truthy(out:find(word, 1, true), out)
    end
    assert.falsy(lfs.attributes(dir .. "/dry"))
  end)
end)

-- }==
