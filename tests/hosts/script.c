/*
** script.c - a host with Lua: a user's script trains a model, and the host asks
** it, over arrays of its own. The script returns a function: from a tensor
** (T,1,1) of the past to one of the same shape, what comes next.
** Usage: script FILE.lua
*/
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "rnnlua.h"

enum { T = 32 };

/* What must outlive the Lua state, which may hold tensors over 'past'. */
typedef struct Host {
  const char *script;
  float past[T], next[T];
  int lent;                     /* is 'past' in use by a tensor? */
  size_t used, peak;            /* bytes of the engine */
} Host;

/* {== What the host gives ================================================ */

enum { MOST = 64 << 20 };   /* bytes that the engine may have */

static void *host_alloc (void *ud, void *ptr, size_t osize, size_t nsize) {
  Host *h = ud;
  if (nsize == 0) {
    h->used -= osize;
    free(ptr);
    return NULL;
  }
  void *p = nsize <= MOST - h->used ? malloc(nsize) : NULL;
  if (!p) return NULL;
  h->used += nsize;
  if (h->used > h->peak) h->peak = h->used;
  return p;
}


static void log_error (void *ud, int status, const char *text) {
  fprintf(ud, "engine: %s (%d)\n", text, status);
}


static void array_done (void *ud) {
  *(int *)ud = 0;
}


/* }====================================================================== */

/* {== What it asks ======================================================= */

/* What the function on top of the stack makes of 'past', to 'next'. */
static void predict (lua_State *L, Host *h) {
  const int dim[3] = {T, 1, 1};
  rnnlua_pusharray(L, RNL_F32, 3, dim, h->past, array_done, &h->lent);
  h->lent = 1;
  lua_call(L, 1, 1);
  rnl_Tensor *y = rnnlua_checktensor(L, lua_gettop(L));
  if (rnl_dtype(y) != RNL_F32 || rnl_count(y) != T)
    luaL_error(L, "the script must give %d float32 numbers", T);
  const float *from = rnl_data(y);
  for (int t = 0; t < T; t++) h->next[t] = from[t];
  lua_pop(L, 1);
}


/* All that may raise. */
static int run (lua_State *L) {
  Host *h = lua_touserdata(L, 1);
  double worst = 0;
  rnnlua_setalloc(L, host_alloc, h);
  rnl_on_error(rnnlua_context(L), log_error, stderr);
  luaL_openlibs(L);
  luaL_requiref(L, "rnn", luaopen_rnn, 0);
  lua_pop(L, 1);
  if (luaL_loadfile(L, h->script) != LUA_OK) lua_error(L);
  lua_call(L, 0, 1);
  for (int t = 0; t < T; t++) h->past[t] = sinf(0.3f * (float)t);
  predict(L, h);
  for (int t = T / 2; t < T; t++)
    worst = fmax(worst, fabs((double)h->next[t] - sin(0.3 * (t + 1))));
  printf("the sine goes on, at most %.2f away\n", worst);
  return 0;
}

/* }====================================================================== */


int main (int argc, char **argv) {
  static Host h;
  lua_State *L = luaL_newstate();
  if (argc != 2 || !L) {
    fprintf(stderr, "usage: script FILE.lua\n");
    return 2;
  }
  h.script = argv[1];
  lua_pushcfunction(L, run);
  lua_pushlightuserdata(L, &h);
  int status = lua_pcall(L, 1, 0, 0);
  if (status != LUA_OK) fprintf(stderr, "script: %s\n", lua_tostring(L, -1));
  lua_close(L);
  printf("the engine had %zu KiB at most and has %zu bytes; the array is %s\n",
         h.peak / 1024, h.used, h.lent ? "in use" : "ours");
  return status == LUA_OK ? 0 : 1;
}
