/*
** bind_text.c - text as Lua sees it: checking and mending UTF-8, normalising,
** the vocabulary of the tokenizer "char", batches of parallel streams.
*/
#include <limits.h>
#include <string.h>

#include "bind/bind.h"

static const char *const VOCAB = "rnn.Vocab";
static const char *const TEXT = "rnn.TextBuffer";

/* Holds engine text until Lua has copied it. */
typedef struct Text {
  rnl_Context *ctx;
  char *s;
} Text;


static int text_gc (lua_State *L) {
  Text *t = luaL_checkudata(L, 1, TEXT);
  if (t->s) rnl_text_free(t->ctx, t->s);
  t->s = NULL;
  return 0;
}


static Text *push_text (lua_State *L) {
  Text *t = lua_newuserdatauv(L, sizeof *t, 0);
  *t = (Text){rnnlua_context(L), NULL};
  luaL_setmetatable(L, TEXT);
  return t;
}


/* Pushes the text as a string and lets go of it. */
static int finish_text (lua_State *L, Text *t, size_t n) {
  lua_pushlstring(L, t->s, n);
  rnl_text_free(t->ctx, t->s);
  t->s = NULL;
  return 1;
}

/* {== UTF-8 ============================================================== */

/* utf8_check(s) -> nothing when valid; else byte, line (both from 1) */
static int l_utf8_check (lua_State *L) {
  size_t n, line;
  const char *s = luaL_checklstring(L, 1, &n);
  size_t bad = rnl_utf8_check(s, n, &line);
  if (bad == n) return 0;
  lua_pushinteger(L, (lua_Integer)bad + 1);
  lua_pushinteger(L, (lua_Integer)line);
  return 2;
}


/*
** repair(s, "replace"|"skip"): each byte that starts no valid sequence becomes
** U+FFFD, or goes.
*/
static int l_repair (lua_State *L) {
  static const char *const how[] = {"replace", "skip", NULL};
  size_t n;
  const char *s = luaL_checklstring(L, 1, &n);
  int skip = luaL_checkoption(L, 2, NULL, how);
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  for (size_t i = 0; i < n;) {
    size_t good = rnl_utf8_check(s + i, n - i, NULL);
    luaL_addlstring(&b, s + i, good);
    i += good;
    if (i < n && !skip) luaL_addlstring(&b, "\xEF\xBF\xBD", 3);
    if (i < n) i++;
  }
  luaL_pushresult(&b);
  return 1;
}


static int l_normalise (lua_State *L) {
  static const char *const form[] = {"nfc", "nfkc", NULL};
  size_t n, len;
  const char *s = luaL_checklstring(L, 1, &n);
  int which = luaL_checkoption(L, 2, NULL, form);
  Text *t = push_text(L);
  int status = rnl_utf8_normalise(t->ctx, which ? RNL_NFKC : RNL_NFC, s, n,
                                  &t->s, &len);
  if (status != RNL_OK) return rnnlua_fail(L, status);
  return finish_text(L, t, len);
}

/* }====================================================================== */

/* {== Vocabulary ========================================================= */

typedef struct Vocab {
  rnl_Vocab *v;
} Vocab;


static Vocab *push_vocab (lua_State *L) {
  Vocab *h = lua_newuserdatauv(L, sizeof *h, 0);
  h->v = NULL;
  luaL_setmetatable(L, VOCAB);
  return h;
}


static rnl_Vocab *check_vocab (lua_State *L) {
  Vocab *h = luaL_checkudata(L, 1, VOCAB);
  if (!h->v) luaL_argerror(L, 1, "attempt to use a closed vocabulary");
  return h->v;
}


static int vocab_gc (lua_State *L) {
  Vocab *h = luaL_checkudata(L, 1, VOCAB);
  rnl_vocab_free(h->v);
  h->v = NULL;
  return 0;
}


static int l_vocab_fit (lua_State *L) {
  size_t n;
  const char *s = luaL_checklstring(L, 1, &n);
  Vocab *h = push_vocab(L);
  rnnlua_check(L, rnl_vocab_fit(rnnlua_context(L), s, n, lua_toboolean(L, 2),
                                &h->v));
  return 1;
}


/* The integers of the table at 'at', minus 'base', in a pushed userdata. */
static int32_t *check_ints (lua_State *L, int at, int base, int *n) {
  luaL_checktype(L, at, LUA_TTABLE);
  lua_Integer count = luaL_len(L, at);
  luaL_argcheck(L, count <= INT_MAX / 8, at, "too long");
  int32_t *list = lua_newuserdatauv(L, (size_t)count * sizeof *list + 1, 0);
  for (int i = 0; i < count; i++) {
    int ok;
    lua_geti(L, at, i + 1);
    lua_Integer x = lua_tointegerx(L, -1, &ok);
    if (!ok || x < INT_MIN + 1 || x > INT_MAX)
      luaL_argerror(L, at, lua_pushfstring(L, "element %d must be an integer, "
                    "got %s", i + 1, luaL_tolstring(L, -1, NULL)));
    list[i] = (int32_t)(x - base);
    lua_pop(L, 1);
  }
  *n = (int)count;
  return list;
}


static int l_vocab_new (lua_State *L) {
  int k;
  const int32_t *code = check_ints(L, 1, 0, &k);
  Vocab *h = push_vocab(L);
  int status = rnl_vocab_new(rnnlua_context(L), code, k, lua_toboolean(L, 2),
                             &h->v);
  return status == RNL_OK ? 1 : rnnlua_fail(L, status);
}


static int l_encode (lua_State *L) {
  rnl_Vocab *v = check_vocab(L);
  size_t n;
  const char *s = luaL_checklstring(L, 2, &n);
  rnnlua_Handle *h = rnnlua_newhandle(L);
  rnl_Tensor *ids;
  int status = rnl_vocab_encode(v, s, n, &ids);
  if (status != RNL_OK) return rnnlua_fail(L, status);
  rnnlua_fill(h, ids);
  rnnlua_charge(L, ids);
  return 1;
}


static int l_decode (lua_State *L) {
  rnl_Vocab *v = check_vocab(L);
  const int32_t *id;
  size_t n, len;
  if (lua_istable(L, 2)) {
    int count;
    id = check_ints(L, 2, 1, &count);
    n = (size_t)count;
  } else {
    rnl_Tensor *t = rnnlua_checktensor(L, 2);
    luaL_argcheck(L, rnl_dtype(t) == RNL_I32, 2, "must be int32 ids");
    id = rnl_data(t);
    n = rnl_count(t);
  }
  Text *t = push_text(L);
  rnnlua_check(L, rnl_vocab_decode(v, id, n, &t->s, &len));
  return finish_text(L, t, len);
}


static int l_codes (lua_State *L) {
  rnl_Vocab *v = check_vocab(L);
  int k = rnl_vocab_codes(v);
  lua_createtable(L, k, 0);
  for (int i = 0; i < k; i++) {
    lua_pushinteger(L, rnl_vocab_code(v)[i]);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}


static int l_size (lua_State *L) {
  lua_pushinteger(L, rnl_vocab_size(check_vocab(L)));
  return 1;
}

/* }====================================================================== */

/* {== Batches ============================================================ */

/* A new (T, N) int32 tensor, filled from ids: column n starts at n*stride. */
static void push_batch (lua_State *L, const int32_t *id, size_t start, int T,
                        int N, size_t stride) {
  rnl_Tensor *t;
  int dim[2] = {T, N};
  rnnlua_Handle *h = rnnlua_newhandle(L);
  rnnlua_check(L, rnl_tensor_new(rnnlua_context(L), RNL_I32, 2, dim, &t));
  rnnlua_fill(h, t);
  int32_t *out = rnl_data(t);
  for (int s = 0; s < T; s++)
    for (int n = 0; n < N; n++)
      *out++ = id[start + (size_t)s + (size_t)n * stride];
  rnnlua_charge(L, t);
}


/*
** text_batch(ids, start, T, N, stride) -> x, y: step s of stream n is
** ids[start + s + n*stride] (start from 0), and y is one further on.
*/
static int l_text_batch (lua_State *L) {
  rnl_Tensor *ids = rnnlua_checktensor(L, 1);
  lua_Integer start = luaL_checkinteger(L, 2);
  int T = rnnlua_checkint(L, 3, 0, INT_MAX);
  int N = rnnlua_checkint(L, 4, 0, INT_MAX);
  lua_Integer stride = luaL_checkinteger(L, 5);
  luaL_argcheck(L, rnl_dtype(ids) == RNL_I32, 1, "must be int32 ids");
  luaL_argcheck(L, start >= 0 && start <= INT_MAX, 2, "out of range");
  luaL_argcheck(L, stride >= 0 && stride <= INT_MAX, 5, "out of range");
  double last = (double)start + T + (double)(N - 1) * (double)stride;
  if (T && N && last >= (double)rnl_count(ids))
    luaL_error(L, "text_batch: reads beyond the %I ids there are",
               (LUAI_UACINT)rnl_count(ids));
  const int32_t *id = rnl_data(ids);
  push_batch(L, id, (size_t)start, T, N, (size_t)stride);
  push_batch(L, id, (size_t)start + 1, T, N, (size_t)stride);
  return 2;
}

/* }====================================================================== */

static void new_class (lua_State *L, const char *name, const luaL_Reg *meta,
                       const luaL_Reg *methods) {
  luaL_newmetatable(L, name);
  luaL_setfuncs(L, meta, 0);
  if (methods) {
    lua_newtable(L);
    luaL_setfuncs(L, methods, 0);
    lua_setfield(L, -2, "__index");
  }
  lua_pop(L, 1);
}


void rnnlua_open_text (lua_State *L) {
  static const luaL_Reg functions[] = {
    {"utf8_check", l_utf8_check}, {"repair", l_repair},
    {"normalise", l_normalise}, {"vocab_fit", l_vocab_fit},
    {"vocab_new", l_vocab_new}, {"text_batch", l_text_batch}, {NULL, NULL}};
  static const luaL_Reg text_meta[] = {{"__gc", text_gc}, {NULL, NULL}};
  static const luaL_Reg vocab_meta[] = {
    {"__gc", vocab_gc}, {"__close", vocab_gc}, {"__len", l_size},
    {NULL, NULL}};
  static const luaL_Reg vocab_methods[] = {
    {"encode", l_encode}, {"decode", l_decode}, {"codes", l_codes},
    {NULL, NULL}};
  new_class(L, TEXT, text_meta, NULL);
  new_class(L, VOCAB, vocab_meta, vocab_methods);
  luaL_setfuncs(L, functions, 0);
}
