/*
** bind_model.c - models that never change as Lua sees them: core.pack(names,
** tensors, meta[, precision]) and core.pack_file(path[, precision]).
*/
#include <string.h>

#include "bind/bind.h"

static const char *const MODEL = "rnn.Packed";

/* Holds one reference; NULL: closed. */
typedef struct Packed {
  rnl_Model *model;
} Packed;


static Packed *new_packed (lua_State *L) {
  Packed *h = lua_newuserdatauv(L, sizeof *h, 0);
  h->model = NULL;
  luaL_setmetatable(L, MODEL);
  return h;
}


void rnnlua_pushmodel (lua_State *L, rnl_Model *model) {
  Packed *h = new_packed(L);
  rnl_model_retain(model);
  h->model = model;
}


rnl_Model *rnnlua_checkmodel (lua_State *L, int arg) {
  Packed *h = luaL_checkudata(L, arg, MODEL);
  if (!h->model) luaL_argerror(L, arg, "attempt to use a closed model");
  return h->model;
}


static int l_close (lua_State *L) {
  Packed *h = luaL_checkudata(L, 1, MODEL);
  rnl_model_release(h->model);
  h->model = NULL;
  return 0;
}


/* How a model is loaded for this state; precision at 'arg'. */
static rnl_Load check_load (lua_State *L, int arg) {
  rnl_Load load = RNL_LOAD;
  rnl_Context *ctx = rnnlua_context(L);
  load.precision = luaL_optstring(L, arg, NULL);
  load.kernels = rnl_kernels(ctx);
  load.alloc = rnl_allocator(ctx, &load.ud);
  return load;
}


/* pack(names, tensors, meta[, precision]) */
static int l_pack (lua_State *L) {
  rnl_Load load = check_load(L, 4);
  lua_settop(L, 4);
  Packed *h = new_packed(L);
  rnnlua_Contents c = rnnlua_checkcontents(L, 1);
  rnnlua_check(L, rnl_model_of(rnnlua_context(L), c.tensor, c.ntensor, c.meta,
                               c.nmeta, &load, &h->model));
  lua_pushvalue(L, 5);
  return 1;
}


/* pack_file(path[, precision]) -> model; or nil, message, code */
static int l_pack_file (lua_State *L) {
  char why[RNL_MAX_ERROR];
  const char *path = luaL_checkstring(L, 1);
  rnl_Load load = check_load(L, 2);
  Packed *h = new_packed(L);
  int status = rnl_model_load(path, &load, &h->model, why);
  if (status == RNL_OK) return 1;
  if (status != RNL_EIO && status != RNL_EFORMAT)
    return luaL_error(L, "pack: %s", why);
  lua_pushnil(L);
  lua_pushstring(L, why);
  lua_pushstring(L, status == RNL_EIO ? "EIO" : "EFORMAT");
  return 3;
}


static int l_kind (lua_State *L) {
  lua_pushstring(L, rnl_model_kind(rnnlua_checkmodel(L, 1)));
  return 1;
}


static int l_meta (lua_State *L) {
  lua_pushstring(L, rnl_model_meta(rnnlua_checkmodel(L, 1),
                                   luaL_checkstring(L, 2)));
  return 1;
}


/* sizes() -> {inputs, ids, outputs, labels, step_bytes, bytes} */
static int l_sizes (lua_State *L) {
  rnl_Sizes z;
  rnl_model_sizes(rnnlua_checkmodel(L, 1), &z);
  lua_createtable(L, 0, 6);
  lua_pushinteger(L, z.inputs);
  lua_setfield(L, -2, "inputs");
  lua_pushinteger(L, z.ids);
  lua_setfield(L, -2, "ids");
  lua_pushinteger(L, z.outputs);
  lua_setfield(L, -2, "outputs");
  lua_pushinteger(L, z.labels);
  lua_setfield(L, -2, "labels");
  lua_pushinteger(L, (lua_Integer)z.step_bytes);
  lua_setfield(L, -2, "step_bytes");
  lua_pushinteger(L, (lua_Integer)z.bytes);
  lua_setfield(L, -2, "bytes");
  return 1;
}


void rnnlua_open_model (lua_State *L) {
  static const luaL_Reg meta[] = {
    {"__gc", l_close}, {"__close", l_close}, {NULL, NULL}};
  static const luaL_Reg methods[] = {
    {"kind", l_kind}, {"meta", l_meta}, {"sizes", l_sizes},
    {"close", l_close}, {NULL, NULL}};
  static const luaL_Reg functions[] = {
    {"pack", l_pack}, {"pack_file", l_pack_file}, {NULL, NULL}};
  rnnlua_newclass(L, MODEL, meta, methods);
  luaL_setfuncs(L, functions, 0);
}
