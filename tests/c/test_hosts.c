/*
** test_hosts.c - what hosts do to the module: states in several threads at
** once, with models that they share; a fork in the middle of training; memory
** and arrays of theirs, and their log.
*/
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "models.h"
#include "rnnlua.h"

enum { STATES = 4 };

/* Large enough for workers to share; returns the loss of some steps as text. */
static const char SCRIPT[] =
  "local rnn = require 'rnn'\n"
  "rnn.threads(2) rnn.seed(5)\n"
  "local m = {net = rnn.LSTM(64, 128, {dropout = 0.1}),\n"
  "           out = rnn.Linear(128, 9)}\n"
  "local opt = rnn.Adam(rnn.parameters(m), {lr = 1e-2, clip_norm = 1})\n"
  "local x = rnn.randn {12, 20, 64}\n"
  "local y = rnn.full({12, 20}, 3, 'int32')\n"
  "function steps(n)\n"
  "  local loss\n"
  "  for _ = 1, n do\n"
  "    local tape <close> = rnn.tape()\n"
  "    loss = rnn.cross_entropy(m.out((m.net(x))), y)\n"
  "    tape:backward(loss)\n"
  "    opt:step()\n"
  "    loss = ('%a'):format(loss:item())\n"
  "  end\n"
  "  return loss\n"
  "end\n";


/* A state with the module, no script; memory is 'ledger's, if there is one */
static lua_State *bare_state (Ledger *ledger) {
  lua_State *L = luaL_newstate();
  if (!L) return NULL;
  if (ledger) CHECK(rnnlua_setalloc(L, ledger_alloc, ledger) == RNL_OK);
  luaL_openlibs(L);
  luaL_requiref(L, "rnn", luaopen_rnn, 1);
  lua_pop(L, 1);
  return L;
}


static lua_State *new_state (void) {
  lua_State *L = bare_state(NULL);
  if (!L) return NULL;
  if (luaL_dostring(L, SCRIPT) == LUA_OK) return L;
  printf("%s\n", lua_tostring(L, -1));
  lua_close(L);
  return NULL;
}


/* The loss after n more steps, or what went wrong. */
static void take_steps (lua_State *L, int n, char *text, size_t size) {
  lua_getglobal(L, "steps");
  lua_pushinteger(L, n);
  lua_pcall(L, 1, 1, 0);
  snprintf(text, size, "%s", lua_tostring(L, -1));
  lua_pop(L, 1);
}


typedef struct Host {
  pthread_t thread;
  char loss[256];
} Host;


static void *run_host (void *arg) {
  Host *h = arg;
  lua_State *L = new_state();
  snprintf(h->loss, sizeof h->loss, "no state");
  if (!L) return NULL;
  take_steps(L, 10, h->loss, sizeof h->loss);
  lua_close(L);
  return NULL;
}


static void test_states (const char *want) {
  Host host[STATES];
  for (int i = 0; i < STATES; i++)
    CHECK(pthread_create(&host[i].thread, NULL, run_host, &host[i]) == 0);
  for (int i = 0; i < STATES; i++) {
    pthread_join(host[i].thread, NULL);
    CHECK_MSG(strcmp(host[i].loss, want) == 0, "%s, want %s", host[i].loss,
              want);
  }
}


/* A child goes on with training as its parent does, workers and all. */
static void test_fork (const char *want) {
  char loss[256];
  lua_State *L = new_state();
  if (!CHECK(L != NULL)) return;
  take_steps(L, 4, loss, sizeof loss);
  fflush(stdout);
  pid_t child = fork();
  take_steps(L, 6, loss, sizeof loss);
  int same = strcmp(loss, want) == 0;
  if (child == 0) _exit(same ? 0 : 1);
  int status = -1;
  CHECK(child > 0 && waitpid(child, &status, 0) == child);
  CHECK_MSG(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %d",
            status);
  CHECK_MSG(same, "%s, want %s", loss, want);
  lua_close(L);
}


/* {== A model that states share ========================================== */

enum { READERS = 8 };

/* Text as ids, drawn from the model that the global 'model' is. */
static const char DRAW[] =
  "local s = rnn.stepper(model, {streams = 3})\n"
  "s:seed(7)\n"
  "s:step(rnn.ids {1, 2, 3})\n"
  "local ids = s:sample(200, {temperature = 0.9, top_k = 12})\n"
  "return table.concat(ids:reshape({600}):totable(), ' ')\n";

typedef struct Reader {
  pthread_t thread;
  rnl_Model *model;
  char text[4096];
} Reader;


static void *draw (void *arg) {
  Reader *r = arg;
  lua_State *L = bare_state(NULL);
  snprintf(r->text, sizeof r->text, "no state");
  if (!L) return NULL;
  rnnlua_pushmodel(L, r->model);
  CHECK(rnnlua_checkmodel(L, -1) == r->model);
  lua_setglobal(L, "model");
  CHECK(luaL_dostring(L, DRAW) == LUA_OK);
  snprintf(r->text, sizeof r->text, "%s", lua_tostring(L, -1));
  lua_close(L);
  return NULL;
}


/* Eight states in as many threads have one model: the text of one. */
static void test_shared_model (void) {
  Made made = make_model(&plans[0], 1);
  static Reader alone, reader[READERS];
  char why[RNL_MAX_ERROR];
  rnl_Model *m;
  CHECK_MSG(rnl_model_read(made.p, made.n, NULL, &m, why) == RNL_OK, "%s", why);
  free(made.p);
  alone.model = m;
  draw(&alone);
  CHECK_MSG(strlen(alone.text) > 1000, "%s", alone.text);
  for (int i = 0; i < READERS; i++) {
    reader[i].model = m;
    CHECK(pthread_create(&reader[i].thread, NULL, draw, &reader[i]) == 0);
  }
  for (int i = 0; i < READERS; i++) {
    pthread_join(reader[i].thread, NULL);
    CHECK_MSG(strcmp(reader[i].text, alone.text) == 0, "%s", reader[i].text);
  }
  rnl_model_release(m);
}

/* }====================================================================== */

/* {== Memory, arrays, errors ============================================= */

static int is_true (lua_State *L, const char *code) {
  int ok = luaL_dostring(L, code) == LUA_OK && lua_toboolean(L, -1);
  if (!ok && lua_isstring(L, -1)) printf("%s\n", lua_tostring(L, -1));
  lua_settop(L, 0);
  return ok;
}


/* All that the engine takes comes from the host, packed models too. */
static void test_alloc (void) {
  Ledger ledger = {0};
  lua_State *L = bare_state(&ledger);
  if (!CHECK(L != NULL)) return;
  CHECK(rnnlua_setalloc(L, NULL, NULL) == RNL_ESTATE);
  CHECK(luaL_dostring(L, SCRIPT) == LUA_OK);
  CHECK(is_true(L, "return steps(3)"));
  CHECK(ledger.live > 128 * 4 * 128 * sizeof(float));
  size_t before = ledger.live;
  CHECK(is_true(L, "packed = rnn.pack({net = rnn.LSTM(8, 64),"
                   " out = rnn.Linear(64, 8)}) return packed"));
  CHECK(ledger.live > before + 64 * 4 * 64 * sizeof(float));
  ledger.forever = 1;
  ledger.fail_at = 1;   /* from now on */
  CHECK(is_true(L, "local ok, why = pcall(rnn.zeros, {1000, 1000})\n"
                   "return not ok and why:find 'not enough memory'"));
  ledger.fail_at = 0;
  CHECK(is_true(L, "return rnn.zeros {1000, 1000}"));
  lua_close(L);
  CHECK_MSG(ledger.live == 0 && ledger.blocks == 0, "%zu bytes", ledger.live);
}


static void count_end (void *ud) {
  ++*(int *)ud;
}


/* Lua reads and writes the host's numbers where they are. */
static void test_arrays (void) {
  float x[7] = {0, 1, 2, 3, 4, 5, 6};   /* from x + 1: aligned to 4 alone */
  int32_t ids[3] = {0, 2, 1};
  const int dim[2] = {2, 3}, three[1] = {3};
  int ends = 0;
  lua_State *L = bare_state(NULL);
  if (!CHECK(L != NULL)) return;
  rnnlua_pusharray(L, RNL_F32, 2, dim, x + 1, count_end, &ends);
  CHECK(rnl_data(rnnlua_checktensor(L, -1)) == x + 1);
  lua_setglobal(L, "x");
  rnnlua_pusharray(L, RNL_I32, 1, three, ids, count_end, &ends);
  lua_setglobal(L, "ids");
  CHECK(is_true(L, "return x:sum():item() == 21 and ids:totable()[2] == 3"));
  CHECK(is_true(L, "local w = rnn.Linear(3, 4)\n"
                   "local y = w(x)\n"
                   "local z = w(x:clone())\n"
                   "return (y - z):abs():max():item() == 0"));
  CHECK(is_true(L, "x:copy(x * 2) row = x[2] x = nil return row"));
  CHECK(x[0] == 0 && x[1] == 2 && x[6] == 12);
  CHECK(is_true(L, "collectgarbage() return row:sum():item() == 30"));
  CHECK(ends == 0);   /* the row is a view of it */
  CHECK(is_true(L, "row = nil collectgarbage() return true"));
  CHECK(ends == 1);
  lua_close(L);
  CHECK(ends == 2);
}


/* What an array cannot be: an error, and it is still the host's alone. */
static void test_bad_arrays (void) {
  rnl_Context *ctx;
  rnl_Tensor *t;
  double x[4] = {0};
  char *odd = (char *)x + 4;
  const int dim[2] = {2, 2}, negative[1] = {-1}, none[1] = {0};
  const int huge[8] = {1 << 30, 1 << 30, 1 << 30, 1 << 30, 1, 1, 1, 1};
  int ends = 0;
  CHECK(rnl_context_new(NULL, NULL, &ctx) == RNL_OK);
#define WRAP(dtype, ndim, dim, data) \
  rnl_tensor_wrap(ctx, dtype, ndim, dim, data, count_end, &ends, &t)
  CHECK(WRAP(RNL_F64, 2, dim, odd) == RNL_EARG && !t);
  CHECK(strstr(rnl_errmsg(ctx), "multiple of 8"));
  CHECK(WRAP(RNL_F32, 1, dim, odd + 1) == RNL_EARG && !t);
  CHECK(WRAP(RNL_F32, 2, dim, NULL) == RNL_EARG && !t);
  CHECK(WRAP(RNL_F32, 9, huge, x) == RNL_ESHAPE && !t);
  CHECK(WRAP(RNL_F32, -1, dim, x) == RNL_ESHAPE && !t);
  CHECK(WRAP(RNL_F32, 1, negative, x) == RNL_ESHAPE && !t);
  CHECK(WRAP(RNL_F32, 8, huge, x) == RNL_ESHAPE && !t);
  rnl_fail_alloc(ctx, 1, 0);
  CHECK(WRAP(RNL_F64, 2, dim, x) == RNL_ENOMEM && !t && ends == 0);
  CHECK(WRAP(RNL_F64, 1, none, x) == RNL_OK && rnl_count(t) == 0);
  rnl_release(t);
  CHECK(WRAP(RNL_F32, 0, NULL, odd) == RNL_OK && rnl_count(t) == 1);
  rnl_context_release(ctx);
  rnl_release(t);      /* which was the last of the context */
  CHECK(ends == 2);
  CHECK(rnl_context_new(NULL, NULL, &ctx) == RNL_OK);
  CHECK(rnl_tensor_wrap(ctx, RNL_F64, 2, dim, x, NULL, NULL, &t) == RNL_OK);
  rnl_set(t, 3, 5);
  rnl_release(t);
  rnl_context_release(ctx);
  CHECK(x[3] == 5);
#undef WRAP
}


typedef struct Log {
  int n, status;
  char text[256];
} Log;


static void take_note (void *ud, int status, const char *text) {
  Log *log = ud;
  log->n++;
  log->status = status;
  snprintf(log->text, sizeof log->text, "%s", text);
}


static void test_log (void) {
  Log log = {0, 0, ""};
  lua_State *L = bare_state(NULL);
  if (!CHECK(L != NULL)) return;
  rnl_on_error(rnnlua_context(L), take_note, &log);
  CHECK(is_true(L, "return not pcall(function()"
                   " return rnn.ones {2} + rnn.ones {3} end)"));
  CHECK_MSG(log.n == 1 && log.status == RNL_ESHAPE &&
            strstr(log.text, "broadcast"), "%d: %s", log.n, log.text);
  CHECK(is_true(L, "return not rnn.load '/no/such/file'"));
  CHECK_MSG(log.n == 2 && log.status == RNL_EIO, "%d: %s", log.n, log.text);
  rnl_on_error(rnnlua_context(L), NULL, NULL);
  CHECK(is_true(L, "return not rnn.load '/no/such/file'"));
  CHECK(log.n == 2);
  lua_close(L);
}

/* }====================================================================== */


int main (void) {
  char want[256];
  lua_State *L = new_state();
  if (!CHECK(L != NULL)) return harness_end("hosts");
  take_steps(L, 10, want, sizeof want);
  lua_close(L);
  CHECK_MSG(strstr(want, "0x") != NULL, "%s", want);
  test_states(want);
  test_fork(want);
  test_shared_model();
  test_alloc();
  test_arrays();
  test_bad_arrays();
  test_log();
  return harness_end("hosts");
}
