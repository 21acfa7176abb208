/*
** bind_vectors.c - word vectors as Lua sees them; lua/rnn/vectors.lua makes
** rnn.vectors of it. Words are Lua strings, and Lua's tables tell which were
** seen and which are wanted.
*/
#include <limits.h>
#include <string.h>

#include "bind/bind.h"

static const char *const READER = "rnn.VectorReader";

typedef struct Reader {
  rnl_VectorReader *r;   /* NULL: closed */
} Reader;

static const char *const FORMATS[] = {
  [RNL_VECTORS_AUTO] = "auto", [RNL_VECTORS_WORD2VEC] = "word2vec",
  [RNL_VECTORS_BINARY] = "binary", [RNL_VECTORS_GLOVE] = "glove", NULL};


static rnl_VectorReader *check_reader (lua_State *L) {
  Reader *h = luaL_checkudata(L, 1, READER);
  if (!h->r) luaL_argerror(L, 1, "attempt to use a closed reader");
  return h->r;
}


static int reader_gc (lua_State *L) {
  Reader *h = luaL_checkudata(L, 1, READER);
  rnl_vectors_free(h->r);
  h->r = NULL;
  return 0;
}


/* vector_reader(format, dtype) -> rnn.VectorReader */
static int l_reader (lua_State *L) {
  int format = luaL_checkoption(L, 1, NULL, FORMATS);
  rnl_Dtype dtype = rnnlua_checkdtype(L, 2, RNL_F32);
  Reader *h = lua_newuserdatauv(L, sizeof *h, 0);
  h->r = NULL;
  luaL_setmetatable(L, READER);
  rnnlua_check(L, rnl_vectors_new(rnnlua_context(L), (rnl_VectorFormat)format,
                                  dtype, &h->r));
  return 1;
}


/* r:feed(piece); without one, there are no more */
static int l_feed (lua_State *L) {
  size_t n;
  const char *s = luaL_optlstring(L, 2, NULL, &n);
  rnl_VectorReader *r = check_reader(L);
  if (s) rnnlua_check(L, rnl_vectors_feed(r, s, n));
  else rnl_vectors_end(r);
  return 0;
}


/* Keeps the word on top of the stack, unless it is a repetition or unwanted. */
static int keep_word (lua_State *L, rnl_VectorReader *r, int wanted,
                      lua_Integer *kept, int *repeated) {
  lua_pushvalue(L, -1);
  *repeated = lua_rawget(L, 3) != LUA_TNIL;
  lua_pop(L, 1);
  if (*repeated) return RNL_OK;
  if (wanted) {
    lua_pushvalue(L, -1);
    int is_wanted = lua_rawget(L, 4) != LUA_TNIL;
    lua_pop(L, 1);
    if (!is_wanted) return RNL_OK;
  }
  int status = rnl_vectors_take(r);
  if (status != RNL_OK) return status;
  ++*kept;
  lua_pushvalue(L, -1);
  lua_rawseti(L, 2, *kept);
  lua_pushvalue(L, -1);
  lua_pushinteger(L, *kept);
  lua_rawset(L, 3);
  return RNL_OK;
}


/*
** r:next(words, index, wanted, most) -> how many words were looked at, at most
** 'most', and how many of them repeated earlier ones; or nil, message, code.
** New ones join 'words' and index[word]; with 'wanted', only its keys.
*/
static int l_next (lua_State *L) {
  luaL_checktype(L, 2, LUA_TTABLE);
  luaL_checktype(L, 3, LUA_TTABLE);
  int wanted = !lua_isnoneornil(L, 4);
  if (wanted) luaL_checktype(L, 4, LUA_TTABLE);
  lua_Integer most = luaL_checkinteger(L, 5), seen = 0, repeats = 0;
  lua_Integer kept = (lua_Integer)lua_rawlen(L, 2);
  lua_settop(L, 5);
  for (; seen < most; seen++) {
    size_t n;
    int repeated = 0;
    const char *word;
    int status = rnl_vectors_next(check_reader(L), &word, &n);
    if (status == RNL_OK && !word) break;
    if (status == RNL_OK) {
      lua_pushlstring(L, word, n);
      status = keep_word(L, check_reader(L), wanted, &kept, &repeated);
      lua_pop(L, 1);
    }
    if (status != RNL_OK) return rnnlua_fail(L, status);
    repeats += repeated;
  }
  lua_pushinteger(L, seen);
  lua_pushinteger(L, repeats);
  return 2;
}


/* r:finish() -> the vectors kept (V,D); the reader is closed */
static int l_finish (lua_State *L) {
  rnl_Tensor *t;
  rnnlua_Handle *h = rnnlua_newhandle(L);
  rnnlua_check(L, rnl_vectors_tensor(check_reader(L), &t));
  rnnlua_fill(h, t);
  lua_pushcfunction(L, reader_gc);
  lua_pushvalue(L, 1);
  lua_call(L, 1, 0);
  rnl_trim(rnnlua_context(L));   /* the blocks it was gathered in */
  rnnlua_charge(L, t);
  return 1;
}


/* vectors_save(path, format, words, weight) -> true; or nil, message, code */
static int l_save (lua_State *L) {
  size_t length;
  const char *path = luaL_checklstring(L, 1, &length);
  luaL_argcheck(L, strlen(path) == length, 1, "must not contain NUL");
  int format = luaL_checkoption(L, 2, NULL, FORMATS);
  luaL_checktype(L, 3, LUA_TTABLE);
  rnl_Tensor *weight = rnnlua_checktensor(L, 4);
  size_t n = lua_rawlen(L, 3);
  luaL_argcheck(L, rnl_ndim(weight) == 2 && n == (size_t)rnl_shape(weight)[0],
                3, "must be as many words as there are vectors");
  rnl_Word *word = lua_newuserdatauv(L, (n + 1) * sizeof *word, 0);
  for (size_t i = 0; i < n; i++) {
    if (lua_rawgeti(L, 3, (lua_Integer)i + 1) != LUA_TSTRING)
      luaL_argerror(L, 3, "words must be strings");
    word[i].s = lua_tolstring(L, -1, &word[i].n);   /* the table keeps it */
    lua_pop(L, 1);
  }
  int status = rnl_vectors_save(rnnlua_context(L), path,
                                (rnl_VectorFormat)format, word,
                                rnnlua_checktensor(L, 4));
  if (status != RNL_OK) return rnnlua_fail(L, status);
  lua_pushboolean(L, 1);
  return 1;
}


/* nearest(table, query, k) -> {rows from 1}, {cosines}, best first */
static int l_nearest (lua_State *L) {
  rnl_Tensor *table = rnnlua_checktensor(L, 1);
  int k = rnnlua_checkint(L, 3, 1, INT_MAX), n;
  int V = rnl_ndim(table) == 2 ? rnl_shape(table)[0] : 0;
  if (k > V) k = V;
  int *row = lua_newuserdatauv(L, ((size_t)k + 1) * sizeof *row, 0);
  double *score = lua_newuserdatauv(L, ((size_t)k + 1) * sizeof *score, 0);
  table = rnnlua_checktensor(L, 1);
  rnnlua_check(L, rnl_nearest(table, rnnlua_checktensor(L, 2), k, row, score,
                              &n));
  lua_createtable(L, n, 0);
  lua_createtable(L, n, 0);
  for (int i = 0; i < n; i++) {
    lua_pushinteger(L, row[i] + 1);
    lua_rawseti(L, -3, i + 1);
    lua_pushnumber(L, score[i]);
    lua_rawseti(L, -2, i + 1);
  }
  return 2;
}


static const luaL_Reg functions[] = {
  {"vector_reader", l_reader},
  {"vectors_save", l_save},
  {"nearest", l_nearest},
  {NULL, NULL}
};

static const luaL_Reg meta[] = {
  {"__gc", reader_gc},
  {"__close", reader_gc},
  {NULL, NULL}
};

static const luaL_Reg methods[] = {
  {"feed", l_feed},
  {"next", l_next},
  {"finish", l_finish},
  {"close", reader_gc},
  {NULL, NULL}
};


void rnnlua_open_vectors (lua_State *L) {
  rnnlua_newclass(L, READER, meta, methods);
  luaL_setfuncs(L, functions, 0);
}
