/*
** bind_file.c - checkpoints as Lua sees them: core.file_load, core.file_save.
*/
#include <limits.h>
#include <string.h>

#include "bind/bind.h"

static const char *const FILES = "rnn.File";

/* Holds a file while its contents are pushed. */
typedef struct File {
  rnl_File *file;
} File;


static int file_gc (lua_State *L) {
  File *h = luaL_checkudata(L, 1, FILES);
  rnl_file_free(h->file);
  h->file = NULL;
  return 0;
}


static void push_tensors (lua_State *L, const rnl_File *f) {
  int n = rnl_file_count(f);
  lua_createtable(L, 0, n);
  for (int i = 0; i < n; i++) {
    rnnlua_pushtensor(L, rnl_file_tensor(f, i));
    lua_setfield(L, -2, rnl_file_name(f, i));
  }
}


static void push_meta (lua_State *L, const rnl_File *f) {
  int n = rnl_file_meta_count(f);
  lua_createtable(L, 0, n);
  for (int i = 0; i < n; i++) {
    lua_pushstring(L, rnl_file_meta_value(f, i));
    lua_setfield(L, -2, rnl_file_meta_key(f, i));
  }
}


static void push_names (lua_State *L, const rnl_File *f) {
  int n = rnl_file_count(f);
  lua_createtable(L, n, 0);
  for (int i = 0; i < n; i++) {
    lua_pushstring(L, rnl_file_name(f, i));
    lua_rawseti(L, -2, i + 1);
  }
}


/* file_load(path) -> {name = tensor}, {key = value}, {names}; or nil, ... */
static int l_load (lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  File *h = lua_newuserdatauv(L, sizeof *h, 0);
  h->file = NULL;
  luaL_setmetatable(L, FILES);
  int status = rnl_file_load(rnnlua_context(L), path, &h->file);
  if (status != RNL_OK) return rnnlua_fail(L, status);
  push_tensors(L, h->file);
  push_meta(L, h->file);
  push_names(L, h->file);
  rnl_file_free(h->file);
  h->file = NULL;
  return 3;
}


/* The tensors and names of two arrays, in a userdata that is pushed. */
static const rnl_Named *check_named (lua_State *L, int names, int tensors,
                                     int *n) {
  lua_Integer count = luaL_len(L, names);
  luaL_argcheck(L, count <= INT_MAX / 64, names, "too many tensors");
  rnl_Named *list =
      lua_newuserdatauv(L, (size_t)count * sizeof *list + 1, 0);
  for (int i = 0; i < count; i++) {
    lua_geti(L, names, i + 1);
    lua_geti(L, tensors, i + 1);
    if (lua_type(L, -2) != LUA_TSTRING)
      luaL_argerror(L, names, "names must be strings");
    list[i].name = lua_tostring(L, -2);      /* the tables hold both */
    list[i].tensor = rnnlua_checktensor(L, -1);
    lua_pop(L, 2);
  }
  *n = (int)count;
  return list;
}


/* The strings of table 'at' as metadata, in a userdata that is pushed. */
static const rnl_Meta *check_meta (lua_State *L, int at, int *n) {
  size_t count = 0;
  for (lua_pushnil(L); lua_next(L, at); lua_pop(L, 1)) count++;
  rnl_Meta *list = lua_newuserdatauv(L, count * sizeof *list + 1, 0);
  *n = 0;
  for (lua_pushnil(L); lua_next(L, at); lua_pop(L, 1)) {
    size_t nk, nv;
    if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
      luaL_argerror(L, at, "metadata must map strings to strings");
    rnl_Meta meta = {lua_tolstring(L, -2, &nk), lua_tolstring(L, -1, &nv)};
    if (strlen(meta.key) != nk ||
        strlen(meta.value) != nv)
      luaL_argerror(L, at, "metadata must not contain NUL");
    list[(*n)++] = meta;
  }
  return list;
}


/* file_save(path, names, tensors, meta) -> true; or nil, message, code */
static int l_save (lua_State *L) {
  int ntensor, nmeta;
  const char *path = luaL_checkstring(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  luaL_checktype(L, 3, LUA_TTABLE);
  luaL_checktype(L, 4, LUA_TTABLE);
  lua_settop(L, 4);
  const rnl_Named *tensor = check_named(L, 2, 3, &ntensor);
  const rnl_Meta *meta = check_meta(L, 4, &nmeta);
  int status = rnl_file_save(rnnlua_context(L), path, tensor, ntensor, meta,
                             nmeta);
  if (status != RNL_OK) return rnnlua_fail(L, status);
  lua_pushboolean(L, 1);
  return 1;
}


void rnnlua_open_file (lua_State *L) {
  luaL_newmetatable(L, FILES);
  lua_pushcfunction(L, file_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  lua_pushcfunction(L, l_load);
  lua_setfield(L, -2, "file_load");
  lua_pushcfunction(L, l_save);
  lua_setfield(L, -2, "file_save");
}
