/*
** bind_dict.c - dictionaries as Lua sees them; lua/rnn/dict.lua makes rnn.dict
** of it. Byte positions count from 1 here.
*/
#include <string.h>

#include "bind/bind.h"

static const char *const DICT = "rnn.Dictionary";
static const char *const HELD = "rnn.DictionaryResult";

enum { MAX_USERS = 1 << 16 };

typedef struct Dict {
  rnl_Dict *d;   /* NULL: closed */
} Dict;

/* What the engine gave, until Lua has copied it. */
typedef struct Held {
  rnl_Context *ctx;
  rnl_Entry *list;
  rnl_Cut *cuts;
} Held;


static rnl_Dict *check_dict (lua_State *L, int arg) {
  Dict *h = luaL_checkudata(L, arg, DICT);
  if (!h->d) luaL_argerror(L, arg, "attempt to use a closed dictionary");
  return h->d;
}


static int dict_gc (lua_State *L) {
  Dict *h = luaL_checkudata(L, 1, DICT);
  rnl_dict_free(h->d);
  h->d = NULL;
  return 0;
}


static Held *push_held (lua_State *L) {
  Held *h = lua_newuserdatauv(L, sizeof *h, 0);
  *h = (Held){NULL, NULL, NULL};
  luaL_setmetatable(L, HELD);
  h->ctx = rnnlua_context(L);
  rnl_context_retain(h->ctx);
  return h;
}


static void held_free (Held *h) {
  if (!h->ctx) return;
  rnl_entries_free(h->ctx, h->list);
  rnl_cuts_free(h->ctx, h->cuts);
  rnl_context_release(h->ctx);
  h->ctx = NULL;
}


static int held_gc (lua_State *L) {
  held_free(luaL_checkudata(L, 1, HELD));
  return 0;
}


/* dict() -> rnn.Dictionary */
static int l_dict (lua_State *L) {
  Dict *h = lua_newuserdatauv(L, sizeof *h, 0);
  h->d = NULL;
  luaL_setmetatable(L, DICT);
  rnnlua_check(L, rnl_dict_new(rnnlua_context(L), &h->d));
  return 1;
}


static int l_len (lua_State *L) {
  lua_pushinteger(L, (lua_Integer)rnl_dict_size(check_dict(L, 1)));
  return 1;
}


/* d:set(word, freq, tag) -> true; or nil, message, code */
static int l_set (lua_State *L) {
  size_t n, ntag = 0;
  const char *s = luaL_checklstring(L, 2, &n);
  lua_Integer freq = luaL_checkinteger(L, 3);
  const char *tag = luaL_optlstring(L, 4, NULL, &ntag);
  luaL_argcheck(L, freq >= 0, 3, "must not be negative");
  luaL_argcheck(L, !tag || strlen(tag) == ntag, 4, "must not contain NUL");
  int status = rnl_dict_set(check_dict(L, 1), s, n, (uint64_t)freq, tag);
  if (status != RNL_OK) return rnnlua_fail(L, status);
  lua_pushboolean(L, 1);
  return 1;
}


/* d:get(word) -> frequency, tag; or nil */
static int l_get (lua_State *L) {
  size_t n;
  char tag[RNL_MAX_TAG];
  const char *s = luaL_checklstring(L, 2, &n);
  uint64_t freq = rnl_dict_get(check_dict(L, 1), s, n, tag);
  if (!freq) {
    lua_pushnil(L);
    return 1;
  }
  lua_pushinteger(L, (lua_Integer)freq);
  lua_pushstring(L, tag);
  return 2;
}


/* d:read(lines) -> lines read; or nil, message, code, lines */
static int l_read (lua_State *L) {
  size_t n, lines;
  const char *s = luaL_checklstring(L, 2, &n);
  int status = rnl_dict_read(check_dict(L, 1), s, n, &lines);
  int pushed = 0;
  if (status != RNL_OK) pushed = rnnlua_fail(L, status);
  lua_pushinteger(L, (lua_Integer)lines);
  return pushed + 1;
}


/* d:list() -> {words by their bytes}, {frequencies}, {tags} */
static int l_list (lua_State *L) {
  rnl_Dict *d = check_dict(L, 1);
  Held *h = push_held(L);
  rnnlua_check(L, rnl_dict_list(d, &h->list));
  size_t n = rnl_dict_size(d);
  for (int i = 0; i < 3; i++) lua_newtable(L);
  for (size_t i = 0; i < n; i++) {
    const rnl_Entry *e = &h->list[i];
    lua_pushlstring(L, e->s, e->n);
    lua_rawseti(L, -4, (lua_Integer)i + 1);
    lua_pushinteger(L, (lua_Integer)e->freq);
    lua_rawseti(L, -3, (lua_Integer)i + 1);
    lua_pushstring(L, e->tag);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  held_free(h);
  return 3;
}


/* Fills 'list' with the dictionaries of the table at 4, which keeps them. */
static void fill_users (lua_State *L, rnl_Dict **list, int n) {
  for (int i = 0; i < n; i++) {
    lua_rawgeti(L, 4, i + 1);
    list[i] = check_dict(L, lua_gettop(L));
    lua_pop(L, 1);
  }
}


/* Pushes words, the bytes they begin at, and their kinds. */
static int push_cuts (lua_State *L, const char *s, const Held *h, size_t n,
                      int spaces) {
  static const char *const name[] = {
    [RNL_CUT_SPACE] = "space", [RNL_CUT_UNIT] = "unit",
    [RNL_CUT_CHAR] = "char", [RNL_CUT_WORD] = "word",
    [RNL_CUT_GUESSED] = "guessed", [RNL_CUT_USER] = "user"};
  lua_Integer at = 0;
  for (int i = 0; i < 3; i++) lua_newtable(L);
  for (size_t i = 0; i < n; i++) {
    const rnl_Cut *c = &h->cuts[i];
    if (c->kind == RNL_CUT_SPACE && !spaces) continue;
    at++;
    lua_pushlstring(L, s + c->from, c->to - c->from);
    lua_rawseti(L, -4, at);
    lua_pushinteger(L, (lua_Integer)c->from + 1);
    lua_rawseti(L, -3, at);
    lua_pushstring(L, name[c->kind]);
    lua_rawseti(L, -2, at);
  }
  return 3;
}


/*
** d:cut(s, mode, users, spaces) -> {words}, {first bytes}, {kinds}. Nothing can
** run a collection, whose finalizers might close a dictionary, after all of
** them were looked at.
*/
static int l_cut (lua_State *L) {
  static const char *const mode[] = {
    [RNL_CUT_BEST] = "best", [RNL_CUT_GUESS] = "guess",
    [RNL_CUT_MAX] = "max", [RNL_CUT_ALL] = "all", NULL};
  size_t n, count;
  const char *s = luaL_checklstring(L, 2, &n);
  int how = luaL_checkoption(L, 3, NULL, mode);
  luaL_checktype(L, 4, LUA_TTABLE);
  int spaces = lua_toboolean(L, 5);
  size_t users = lua_rawlen(L, 4);
  luaL_argcheck(L, users <= MAX_USERS, 4, "too many dictionaries");
  rnl_Dict **user = lua_newuserdatauv(L, (users + 1) * sizeof *user, 0);
  Held *h = push_held(L);
  fill_users(L, user, (int)users);
  rnnlua_check(L, rnl_dict_cut(check_dict(L, 1), user, (int)users,
                               (rnl_CutMode)how, s, n, &h->cuts, &count));
  push_cuts(L, s, h, count, spaces);
  held_free(h);
  return 3;
}


/* text_save(path, s) -> true; or nil, message, code */
static int l_text_save (lua_State *L) {
  size_t length, n;
  const char *path = luaL_checklstring(L, 1, &length);
  const char *s = luaL_checklstring(L, 2, &n);
  luaL_argcheck(L, strlen(path) == length, 1, "must not contain NUL");
  int status = rnl_text_save(rnnlua_context(L), path, s, n);
  if (status != RNL_OK) return rnnlua_fail(L, status);
  lua_pushboolean(L, 1);
  return 1;
}


static const luaL_Reg functions[] = {
  {"dict", l_dict},
  {"text_save", l_text_save},
  {NULL, NULL}
};

static const luaL_Reg meta[] = {
  {"__gc", dict_gc},
  {"__close", dict_gc},
  {"__len", l_len},
  {NULL, NULL}
};

static const luaL_Reg methods[] = {
  {"set", l_set},
  {"get", l_get},
  {"read", l_read},
  {"list", l_list},
  {"cut", l_cut},
  {"close", dict_gc},
  {NULL, NULL}
};


void rnnlua_open_dict (lua_State *L) {
  luaL_newmetatable(L, HELD);
  lua_pushcfunction(L, held_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  luaL_newmetatable(L, DICT);
  luaL_setfuncs(L, meta, 0);
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  luaL_setfuncs(L, functions, 0);
}
