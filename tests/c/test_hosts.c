/*
** test_hosts.c - what hosts do to the module: states in several threads at
** once, and a fork in the middle of training.
*/
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
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


static lua_State *new_state (void) {
  lua_State *L = luaL_newstate();
  if (!L) return NULL;
  luaL_openlibs(L);
  luaL_requiref(L, "rnn", luaopen_rnn, 0);
  lua_pop(L, 1);
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


int main (void) {
  char want[256];
  lua_State *L = new_state();
  if (!CHECK(L != NULL)) return harness_end("hosts");
  take_steps(L, 10, want, sizeof want);
  lua_close(L);
  CHECK_MSG(strstr(want, "0x") != NULL, "%s", want);
  test_states(want);
  test_fork(want);
  return harness_end("hosts");
}
