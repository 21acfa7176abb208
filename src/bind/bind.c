/*
** bind.c - opening the module: the context of a state, errors, the Lua half
** that lies inside the library, and the core table.
*/
#include <stdlib.h>
#include <string.h>

#include "bind/bind.h"
#include "bind/embedded.h"

/* What the registry holds under the address of KEY, one per lua_State. */
typedef struct Box {
  rnl_Context *ctx;
  size_t debt;     /* tensor bytes Lua took since its last full collection */
} Box;

static const char KEY = 0;

enum { COLLECT_FROM = 16 << 20 };   /* bytes of debt worth a collection */


static int box_gc (lua_State *L) {
  Box *box = lua_touserdata(L, 1);
  rnl_context_release(box->ctx);
  box->ctx = NULL;
  return 0;
}


static int failure_text (lua_State *L) {
  lua_getfield(L, 1, "message");
  return 1;
}


/* Raises what the program prints as one line and exits with (rnn.cli). */
static void raise_usage (lua_State *L, const char *message) {
  lua_createtable(L, 0, 2);
  lua_pushinteger(L, 2);
  lua_setfield(L, -2, "exit");
  lua_pushstring(L, message);
  lua_setfield(L, -2, "message");
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, failure_text);
  lua_setfield(L, -2, "__tostring");
  lua_setmetatable(L, -2);
  lua_error(L);
}


/* The box of a state that has none. */
static Box *new_box (lua_State *L, rnl_Alloc alloc, void *ud) {
  Box *box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = (Box){NULL, 0};
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, box_gc);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  if (rnl_context_new(alloc, ud, &box->ctx) != RNL_OK)
    luaL_error(L, "not enough memory");
  rnl_set_base(box->ctx, 1);
  const char *kernels = getenv("RNNLUA_KERNELS");
  if (kernels && *kernels && rnl_set_kernels(box->ctx, kernels) != RNL_OK)
    raise_usage(L, lua_pushfstring(L, "RNNLUA_KERNELS: %s",
                                   rnl_errmsg(box->ctx)));
  lua_rawsetp(L, LUA_REGISTRYINDEX, &KEY);
  return box;
}


/* The box of a state, or NULL. */
static Box *find_box (lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &KEY);
  Box *box = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return box;
}


static Box *box_of (lua_State *L) {
  Box *box = find_box(L);
  return box ? box : new_box(L, NULL, NULL);
}


int rnnlua_setalloc (lua_State *L, rnl_Alloc alloc, void *ud) {
  if (find_box(L)) return RNL_ESTATE;
  new_box(L, alloc, ud);
  return RNL_OK;
}


rnl_Context *rnnlua_context (lua_State *L) {
  rnl_Context *ctx = box_of(L)->ctx;
  if (!ctx) luaL_error(L, "the Lua state is closing");
  return ctx;
}


void rnnlua_charge (lua_State *L, const rnl_Tensor *t) {
  Box *box = box_of(L);
  rnl_Memory mem;
  box->debt += rnl_count(t) * rnl_dtype_size(rnl_dtype(t));
  if (box->debt < COLLECT_FROM) return;
  rnl_memory(box->ctx, &mem);
  if (box->debt < mem.live / 2) return;
  box->debt = 0;
  lua_gc(L, LUA_GCCOLLECT);
}


void rnnlua_check (lua_State *L, int status) {
  if (status != RNL_OK)
    luaL_error(L, "%s", rnl_errmsg(rnnlua_context(L)));
}


int rnnlua_fail (lua_State *L, int status) {
  if (status != RNL_EIO && status != RNL_EFORMAT) rnnlua_check(L, status);
  lua_pushnil(L);
  lua_pushstring(L, rnl_errmsg(rnnlua_context(L)));
  lua_pushstring(L, status == RNL_EIO ? "EIO" : "EFORMAT");
  return 3;
}


int rnnlua_checkint (lua_State *L, int arg, lua_Integer lo, lua_Integer hi) {
  lua_Integer n = luaL_checkinteger(L, arg);
  if (n < lo || n > hi)
    luaL_argerror(L, arg, lua_pushfstring(L, "must be %I to %I, got %I",
                                          (LUAI_UACINT)lo, (LUAI_UACINT)hi,
                                          (LUAI_UACINT)n));
  return (int)n;
}


rnl_Dtype rnnlua_checkdtype (lua_State *L, int arg, int def) {
  static const char *const name[] = {"float32", "float64", "int32", NULL};
  if (lua_isnoneornil(L, arg)) return (rnl_Dtype)def;
  return (rnl_Dtype)luaL_checkoption(L, arg, NULL, name);
}

/* {== Functions of the context =========================================== */

static int l_memory (lua_State *L) {
  rnl_Memory mem;
  rnl_memory(rnnlua_context(L), &mem);
  lua_createtable(L, 0, 4);
  lua_pushinteger(L, (lua_Integer)mem.live);
  lua_setfield(L, -2, "live");
  lua_pushinteger(L, (lua_Integer)mem.peak);
  lua_setfield(L, -2, "peak");
  lua_pushinteger(L, (lua_Integer)mem.cached);
  lua_setfield(L, -2, "cached");
  lua_pushinteger(L, (lua_Integer)mem.mallocs);
  lua_setfield(L, -2, "mallocs");
  return 1;
}


static int l_fail_alloc (lua_State *L) {
  lua_Integer k = luaL_checkinteger(L, 1);
  luaL_argcheck(L, k >= 0, 1, "must not be negative");
  rnl_fail_alloc(rnnlua_context(L), (uint64_t)k, lua_toboolean(L, 2));
  return 0;
}


static int l_trim (lua_State *L) {
  rnl_trim(rnnlua_context(L));
  return 0;
}


static int l_threads (lua_State *L) {
  rnl_Context *ctx = rnnlua_context(L);
  if (!lua_isnoneornil(L, 1))
    rnnlua_check(L, rnl_set_threads(ctx, rnnlua_checkint(L, 1, 0, 256)));
  lua_pushinteger(L, rnl_threads(ctx));
  return 1;
}


/* kernels([name]) -> name of the instruction set in use */
static int l_kernels (lua_State *L) {
  rnl_Context *ctx = rnnlua_context(L);
  if (!lua_isnoneornil(L, 1))
    rnnlua_check(L, rnl_set_kernels(ctx, luaL_checkstring(L, 1)));
  lua_pushstring(L, rnl_kernels(ctx));
  return 1;
}


/* blas() -> name, version and core of the BLAS */
static int l_blas (lua_State *L) {
  char text[256];
  rnl_blas(text, sizeof text);
  lua_pushstring(L, text);
  return 1;
}


static int l_seed (lua_State *L) {
  rnl_rng_seed(rnl_rng(rnnlua_context(L)), (uint64_t)luaL_checkinteger(L, 1));
  return 0;
}


static int l_random (lua_State *L) {
  lua_pushnumber(L, rnl_rng_uniform(rnl_rng(rnnlua_context(L))));
  return 1;
}


void rnnlua_pushrng (lua_State *L, const rnl_Rng *rng) {
  char hex[65];
  for (int i = 0; i < 64; i++) {
    unsigned digit = (unsigned)(rng->s[i / 16] >> (60 - 4 * (i % 16))) & 15;
    hex[i] = "0123456789abcdef"[digit];
  }
  lua_pushlstring(L, hex, 64);
}


void rnnlua_checkrng (lua_State *L, int index, int arg, rnl_Rng *rng) {
  size_t n;
  const char *s = lua_tolstring(L, index, &n);
  rnl_Rng state = {{0, 0, 0, 0}};
  int ok = s && n == 64;
  for (size_t i = 0; ok && i < 64; i++) {
    const char *digits = "0123456789abcdef";
    const char *d = s[i] ? strchr(digits, s[i]) : NULL;
    ok = d != NULL;
    if (ok) state.s[i / 16] = state.s[i / 16] << 4 | (uint64_t)(d - digits);
  }
  if (!(state.s[0] | state.s[1] | state.s[2] | state.s[3])) ok = 0;
  luaL_argcheck(L, ok, arg, "must be 64 hex digits from random_state()");
  *rng = state;
}


/* random_state() -> 64 hex digits; random_state(digits) puts them back. */
static int l_random_state (lua_State *L) {
  rnl_Rng *rng = rnl_rng(rnnlua_context(L));
  if (!lua_isnoneornil(L, 1)) rnnlua_checkrng(L, 1, 1, rng);
  rnnlua_pushrng(L, rng);
  return 1;
}


static const luaL_Reg core[] = {
  {"memory", l_memory},
  {"fail_alloc", l_fail_alloc},
  {"trim", l_trim},
  {"threads", l_threads},
  {"kernels", l_kernels},
  {"blas", l_blas},
  {"seed", l_seed},
  {"random", l_random},
  {"random_state", l_random_state},
  {NULL, NULL}
};

/* }====================================================================== */

/* {== Opening ============================================================ */

static int open_core (lua_State *L) {
  luaL_checkversion(L);
  rnnlua_context(L);
  luaL_newlib(L, core);
  lua_pushstring(L, rnl_version());
  lua_setfield(L, -2, "version");
  rnnlua_open_tensor(L);
  rnnlua_open_bytes(L);
  rnnlua_open_op(L);
  rnnlua_open_tape(L);
  rnnlua_open_optim(L);
  rnnlua_open_file(L);
  rnnlua_open_text(L);
  rnnlua_open_dict(L);
  rnnlua_open_tokens(L);
  rnnlua_open_sys(L);
  rnnlua_open_model(L);
  rnnlua_open_stepper(L);
  rnnlua_open_stats(L);
  rnnlua_open_vectors(L);
  rnnlua_open_csv(L);
  return 1;
}


/* Loader of one embedded file; its number is the upvalue. */
static int load_source (lua_State *L) {
  const rnnlua_Source *s = &rnnlua_sources[lua_tointeger(L,
                                             lua_upvalueindex(1))];
  lua_settop(L, 1);   /* the module's name */
  const char *chunk = lua_pushfstring(L, "@%s", s->path);
  if (luaL_loadbufferx(L, s->source, s->size, chunk, "t") != LUA_OK)
    return lua_error(L);
  lua_pushvalue(L, 1);
  lua_call(L, 1, 1);
  return 1;
}


void rnnlua_newclass (lua_State *L, const char *name, const luaL_Reg *meta,
                      const luaL_Reg *methods) {
  luaL_newmetatable(L, name);
  luaL_setfuncs(L, meta, 0);
  lua_newtable(L);
  luaL_setfuncs(L, methods, 0);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}


int luaopen_rnn (lua_State *L) {
  int self = 0;
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, open_core);
  lua_setfield(L, -2, "rnn.core");
  for (int i = 0; rnnlua_sources[i].name; i++) {
    if (strcmp(rnnlua_sources[i].name, "rnn") == 0) {
      self = i;
      continue;
    }
    lua_pushinteger(L, i);
    lua_pushcclosure(L, load_source, 1);
    lua_setfield(L, -2, rnnlua_sources[i].name);
  }
  lua_pushinteger(L, self);
  lua_pushcclosure(L, load_source, 1);
  lua_pushliteral(L, "rnn");
  lua_call(L, 1, 1);
  return 1;
}

/* }====================================================================== */
