-- The library for inference as one file, and models as C source: what somebody
-- has who drops both into a program.

local rnn = require "rnn"
local lm = require "rnn.models.lm"
local sandbox = require "tests.sandbox"
local text = require "rnn.text"

local dir, build, shell = sandbox.dir, sandbox.build, sandbox.shell
local quote = sandbox.quote

local HOST = [[
#include <stdio.h>
#include <string.h>
#include "rnnlua_infer.h"

extern const unsigned char net[];
extern const size_t net_size;

int main (void) {
  char why[RNL_MAX_ERROR];
  rnl_Model *model;
  rnl_State *s;
  rnl_Rng rng;
  int32_t ids[80];
  const char *out;
  size_t n;
  if (rnl_model_read(net, net_size, NULL, &model, why) != RNL_OK)
    return puts(why), 1;
  if (rnl_state_new(model, NULL, &s) != RNL_OK) return 2;
  rnl_rng_seed(&rng, 4);
  if (rnl_state_prime(s, "The ", 4) != RNL_OK ||
      rnl_state_sample(s, NULL, &rng, 80, ids) != RNL_OK ||
      rnl_state_text(s, ids, 80, &out, &n) != RNL_OK)
    return puts(rnl_state_error(s)), 1;
  fwrite(out, 1, n, stdout);
  rnl_state_free(s);
  rnl_model_release(model);
  return 0;
}
]]

local tok = assert(text.tokenizer("char"):fit(
  ("The quick brown fox. Müde Löwen!\n"):rep(9)))
rnn.seed(2)
local model = lm.build {tok = tok, cell = "gru", embed = 7, hidden = 19,
                        layers = 2}
local path = dir .. "/net.safetensors"
local meta = lm.describe(tok)
meta["run.options"] = "not needed to run it"
assert(rnn.save(path, model, meta))

local function export(...)
  return shell(table.concat({sandbox.program, "scripts/export_c.lua",
                             quote(path), ...}, " "))
end

describe("one file of the library, and a model as C", function()
  it("make a program that writes what Lua does", function()
    local source = dir .. "/net.c"
    local code, out, err = export("--emit-c", quote(source), "--name net")
    assert.equal(0, code, err)
    assert.equal("", out)
    assert.truthy(err:find("net.c: %d+ bytes of model, array 'net'"), err)
    assert.is_nil(sandbox.read(source):find "run.options")
    sandbox.write("host.c", HOST)
    local want = rnn.generate.sample(model, tok, {
      seed = 4, prime = "The ", length = 80})
    -- -O0: what the compiler does to arithmetic changes no bit
    for _, flags in ipairs {"-O1", "-std=c11 -O0"} do
      code, out, err = shell(("cd %s && cc %s -Wall -Wextra -I %s/src " ..
        "-o host host.c net.c %s/rnnlua_infer.c -lm && ./host"):format(
        quote(dir), flags, quote(require "lfs".currentdir()), quote(build)))
      assert.equal(0, code, err)
      assert.equal("", err)
      assert.equal(want, out)
    end
  end)

  it("has every string of its sources", function()
    local all = sandbox.read(build .. "/rnnlua_infer.c")
    for _, folder in ipairs {"infer", "io", "text", "kernels", "core"} do
      for name in require "lfs".dir("src/" .. folder) do
        local stem = name:match "^(.*)%.c$"
        local mark = stem and ("/* {== %s/%s"):format(folder, name)
        if mark and all:find(mark, 1, true) then
          local code = sandbox.read(("src/%s/%s"):format(folder, name))
          code = code:gsub("/%*.-%*/", ""):gsub("#include[^\n]*", "")
          for literal in code:gmatch '"[^"\n]+"' do
            assert.truthy(all:find(literal, 1, true),
                          ("%s: %s"):format(name, literal))
          end
        end
      end
    end
  end)

  it("does what the library does", function()
    local code, out, err = shell(([[cd %s && cc -std=c11 -O1 -I src \
      -I tests/c -o %s tests/c/test_infer.c %s/rnnlua_infer.c -lm -pthread && \
      %s 500]]):format(quote(require "lfs".currentdir()),
      quote(dir .. "/test_infer"), quote(build), quote(dir .. "/test_infer")))
    assert.equal(0, code, out .. err)
    assert.truthy(out:find "infer: %d+ passed, 0 failed", out)
  end)

  it("is written to standard output, or says what is wrong", function()
    local code, out, err = export()
    assert.equal(0, code, err)
    assert.equal("", err)
    assert.truthy(out:find("const size_t model_size = %d+;\n"), out)
    code, out, err = export("--name 2x")
    assert.equal(2, code)
    assert.equal("", out)
    assert.truthy(err:find("--name must be a name in C, got '2x'", 1, true),
                  err)
    code, out, err = export("--emit-c", quote(dir .. "/no/net.c"))
    assert.equal(5, code)
    assert.equal("", out)
    assert.truthy(err:find("no/net.c: ", 1, true), err)
    code, out, err = shell(sandbox.program .. " scripts/export_c.lua " ..
                         quote(dir .. "/host.c"))
    assert.equal(3, code)
    assert.equal("", out)
    assert.truthy(err:find("host.c: ", 1, true), err)
  end)

  teardown(sandbox.remove)
end)
