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
    rnnlua_charge(L, rnl_file_tensor(f, i));
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


/* The string at 'index', from argument 'arg', without NUL: C sees it all. */
static const char *check_text (lua_State *L, int index, int arg,
                               const char *what) {
  size_t n;
  if (lua_type(L, index) != LUA_TSTRING) luaL_typeerror(L, arg, "string");
  const char *s = lua_tolstring(L, index, &n);
  if (strlen(s) != n)
    luaL_argerror(L, arg, lua_pushfstring(L, "%s must not contain NUL", what));
  return s;
}


/* file_load(path) -> {name = tensor}, {key = value}, {names}; or nil, ... */
static int l_load (lua_State *L) {
  const char *path = check_text(L, 1, 1, "a path");
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


/*
** Fills 'list' from two arrays of 'n' elements, which keep what it names. The
** tensors take the place of their array in turn, so that errors name that.
*/
static void fill_named (lua_State *L, int names, int tensors, int n,
                        rnl_Named *list) {
  lua_pushvalue(L, tensors);
  for (int i = 0; i < n; i++) {
    lua_rawgeti(L, names, i + 1);
    if (lua_type(L, -1) != LUA_TSTRING)
      luaL_argerror(L, names, "names must be strings");
    list[i].name = check_text(L, -1, names, "a name");
    lua_pop(L, 1);
    lua_rawgeti(L, -1, i + 1);
    lua_replace(L, tensors);
    list[i].tensor = rnnlua_checktensor(L, tensors);
  }
  lua_replace(L, tensors);
}


static int count_keys (lua_State *L, int at) {
  int n = 0;
  for (lua_pushnil(L); lua_next(L, at); lua_pop(L, 1)) n++;
  return n;
}


/* Fills 'list' from the strings of the table at 'at', which keeps them. */
static int fill_meta (lua_State *L, int at, int n, rnl_Meta *list) {
  int used = 0;
  for (lua_pushnil(L); lua_next(L, at) && used < n; lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
      luaL_argerror(L, at, "metadata must map strings to strings");
    list[used].key = check_text(L, -2, at, "metadata");
    list[used++].value = check_text(L, -1, at, "metadata");
  }
  return used;
}


/*
** Both lists are allocated first: nothing that fills them can run a collection,
** whose finalizers might change the tables.
*/
rnnlua_Contents rnnlua_checkcontents (lua_State *L, int names) {
  int tensors = names + 1, meta = names + 2;
  rnnlua_Contents c;
  for (int arg = names; arg <= meta; arg++) luaL_checktype(L, arg, LUA_TTABLE);
  luaL_argcheck(L, lua_rawlen(L, names) <= INT_MAX / 64, names,
                "too many tensors");
  c.ntensor = (int)lua_rawlen(L, names);
  c.nmeta = count_keys(L, meta);
  rnl_Named *list = lua_newuserdatauv(L, ((size_t)c.ntensor + 1) *
                                         sizeof *list, 0);
  rnl_Meta *text = lua_newuserdatauv(L, ((size_t)c.nmeta + 1) * sizeof *text,
                                     0);
  fill_named(L, names, tensors, c.ntensor, list);
  c.nmeta = fill_meta(L, meta, c.nmeta, text);
  c.tensor = list;
  c.meta = text;
  return c;
}


/* file_save(path, names, tensors, meta) -> true; or nil, message, code */
static int l_save (lua_State *L) {
  const char *path = check_text(L, 1, 1, "a path");
  lua_settop(L, 4);
  rnnlua_Contents c = rnnlua_checkcontents(L, 2);
  int status = rnl_file_save(rnnlua_context(L), path, c.tensor, c.ntensor,
                             c.meta, c.nmeta);
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
