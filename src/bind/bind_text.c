/*
** bind_text.c - text as Lua sees it: UTF-8, vocabularies, windows of ids.
** Byte positions and ids count from 1 here, from 0 in the engine.
*/
#include <limits.h>

#include "bind/bind.h"

static const char *const VOCAB = "rnn.Vocab";
static const char *const TEXT = "rnn.Text";

enum { MAX_CODES = 0x110000 };

/* {== Text of the engine, until Lua has copied it ======================== */

typedef struct Text {
  rnl_Context *ctx;
  char *s;
  size_t n;
} Text;


static Text *push_text (lua_State *L) {
  Text *t = lua_newuserdatauv(L, sizeof *t, 0);
  *t = (Text){NULL, NULL, 0};
  luaL_setmetatable(L, TEXT);
  t->ctx = rnnlua_context(L);
  rnl_context_retain(t->ctx);
  return t;
}


static void text_free (Text *t) {
  if (!t->ctx) return;
  rnl_text_free(t->ctx, t->s);
  rnl_context_release(t->ctx);
  t->ctx = NULL;
}


static int text_gc (lua_State *L) {
  text_free(luaL_checkudata(L, 1, TEXT));
  return 0;
}


/* Pushes the text as a string, or raises; the engine's copy is freed. */
static int push_result (lua_State *L, Text *t, int status) {
  rnnlua_check(L, status);
  lua_pushlstring(L, t->s, t->n);
  text_free(t);
  return 1;
}

/* }====================================================================== */

/* {== UTF-8 ============================================================== */

/* utf8_check(s) -> nil if all is well, else byte, line */
static int l_utf8_check (lua_State *L) {
  size_t n, line;
  const char *s = luaL_checklstring(L, 1, &n);
  size_t bad = rnl_utf8_check(s, n, &line);
  if (bad == n) {
    lua_pushnil(L);
    return 1;
  }
  lua_pushinteger(L, (lua_Integer)bad + 1);
  lua_pushinteger(L, (lua_Integer)line);
  return 2;
}


/* utf8_tail(s) -> bytes at the end that begin a character (0..3) */
static int l_utf8_tail (lua_State *L) {
  size_t n;
  const char *s = luaL_checklstring(L, 1, &n);
  lua_pushinteger(L, (lua_Integer)rnl_utf8_tail(s, n));
  return 1;
}


/* repair(s, "replace"|"skip") -> valid UTF-8 */
static int l_repair (lua_State *L) {
  static const char *const how[] = {"skip", "replace", NULL};
  size_t n;
  const char *s = luaL_checklstring(L, 1, &n);
  int replace = luaL_checkoption(L, 2, NULL, how);
  Text *t = push_text(L);
  return push_result(L, t, rnl_utf8_repair(t->ctx, replace, s, n, &t->s,
                                           &t->n));
}


/* normalise(s, "nfc"|"nfkc") -> s in that form */
static int l_normalise (lua_State *L) {
  static const char *const name[] = {"nfc", "nfkc", NULL};
  static const rnl_Normal form[] = {RNL_NFC, RNL_NFKC};
  size_t n;
  const char *s = luaL_checklstring(L, 1, &n);
  int which = luaL_checkoption(L, 2, NULL, name);
  Text *t = push_text(L);
  return push_result(L, t, rnl_utf8_normalise(t->ctx, form[which], s, n,
                                              &t->s, &t->n));
}

/* }====================================================================== */

/* {== Vocabularies ======================================================= */

typedef struct Vocab {
  rnl_Vocab *v;    /* NULL: closed */
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


/* vocab_fit(s, bytes) -> rnn.Vocab */
static int l_vocab_fit (lua_State *L) {
  size_t n;
  const char *s = luaL_checklstring(L, 1, &n);
  int bytes = lua_toboolean(L, 2);
  Vocab *h = push_vocab(L);
  rnnlua_check(L, rnl_vocab_fit(rnnlua_context(L), s, n, bytes, &h->v));
  return 1;
}


/*
** The integers of the table at 'arg', each less 'base', in a userdata that is
** pushed.
*/
static int32_t *check_ints (lua_State *L, int arg, lua_Integer base,
                            size_t *n) {
  lua_Integer count = luaL_len(L, arg);
  luaL_argcheck(L, count >= 0 && count <= INT_MAX, arg,
                "the table is too long");
  int32_t *list = lua_newuserdatauv(L, (size_t)count * sizeof *list + 1, 0);
  for (lua_Integer i = 1; i <= count; i++) {
    int whole;
    lua_geti(L, arg, i);
    lua_Integer x = lua_tointegerx(L, -1, &whole);
    if (!whole || lua_type(L, -1) != LUA_TNUMBER || x <= INT32_MIN ||
        x > INT32_MAX)
      luaL_argerror(L, arg, lua_pushfstring(L, "element %I must be an "
                    "integer of 32 bits, got %s", (LUAI_UACINT)i,
                    luaL_tolstring(L, -1, NULL)));
    list[i - 1] = (int32_t)(x - base);
    lua_pop(L, 1);
  }
  *n = (size_t)count;
  return list;
}


/* vocab_new(codes, bytes) -> rnn.Vocab; or nil, message, code */
static int l_vocab_new (lua_State *L) {
  size_t n;
  luaL_checktype(L, 1, LUA_TTABLE);
  int bytes = lua_toboolean(L, 2);
  const int32_t *code = check_ints(L, 1, 0, &n);
  luaL_argcheck(L, n <= MAX_CODES, 1, "more than there are code points");
  Vocab *h = push_vocab(L);
  int status = rnl_vocab_new(rnnlua_context(L), code, (int)n, bytes, &h->v);
  return status == RNL_OK ? 1 : rnnlua_fail(L, status);
}


/* v:encode(s) -> ids (M); or nil, message, code */
static int l_encode (lua_State *L) {
  size_t n;
  rnl_Tensor *ids;
  rnl_Vocab *v = check_vocab(L);
  const char *s = luaL_checklstring(L, 2, &n);
  rnnlua_Handle *h = rnnlua_newhandle(L);
  int status = rnl_vocab_encode(v, s, n, &ids);
  if (status != RNL_OK) return rnnlua_fail(L, status);
  rnnlua_fill(h, ids);
  rnnlua_charge(L, ids);
  return 1;
}


static rnl_Tensor *check_ids (lua_State *L, int arg) {
  rnl_Tensor *t = rnnlua_checktensor(L, arg);
  if (rnl_dtype(t) != RNL_I32)
    luaL_argerror(L, arg, lua_pushfstring(L, "ids must be int32, got %s",
                  rnl_dtype_name(rnl_dtype(t))));
  return t;
}


/* v:decode(ids) -> string; ids are a tensor or a table */
static int l_decode (lua_State *L) {
  size_t n;
  const int32_t *id;
  rnl_Vocab *v = check_vocab(L);
  if (lua_istable(L, 2)) {
    id = check_ints(L, 2, 1, &n);
  } else {
    rnl_Tensor *t = check_ids(L, 2);
    id = rnl_data(t);
    n = rnl_count(t);
  }
  Text *t = push_text(L);
  return push_result(L, t, rnl_vocab_decode(v, id, n, &t->s, &t->n));
}


/* v:codes() -> table of code points */
static int l_codes (lua_State *L) {
  rnl_Vocab *v = check_vocab(L);
  int k = rnl_vocab_codes(v);
  const int32_t *code = rnl_vocab_code(v);
  lua_createtable(L, k, 0);
  for (int i = 0; i < k; i++) {
    lua_pushinteger(L, code[i]);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}


static int l_vocab_len (lua_State *L) {
  lua_pushinteger(L, rnl_vocab_size(check_vocab(L)));
  return 1;
}

/* }====================================================================== */

/* {== Windows of ids ===================================================== */

/* to[t,n] = id[n * stride + t] */
static void gather (const int32_t *id, int stride, int steps, int streams,
                    int32_t *to) {
  for (int n = 0; n < streams; n++) {
    const int32_t *from = id + (size_t)n * (size_t)stride;
    for (int t = 0; t < steps; t++)
      to[(size_t)t * (size_t)streams + (size_t)n] = from[t];
  }
}


/* Makes a (T,N) tensor in a closed handle. */
static int32_t *make_window (lua_State *L, rnnlua_Handle *h,
                             const int dim[2]) {
  rnl_Tensor *t;
  rnnlua_check(L, rnl_tensor_new(rnnlua_context(L), RNL_I32, 2, dim, &t));
  rnnlua_fill(h, t);
  return rnl_data(t);
}


/*
** text_batch(ids, start, T, N, stride) -> x (T,N), y (T,N)
** x[t,n] = ids[start + (n-1) * stride + t], all from 1; y is one id further.
*/
static int l_text_batch (lua_State *L) {
  rnl_Tensor *ids = check_ids(L, 1);
  int start = rnnlua_checkint(L, 2, 0, INT_MAX);
  int dim[2] = {rnnlua_checkint(L, 3, 1, INT_MAX),
                rnnlua_checkint(L, 4, 1, INT_MAX)};
  int stride = rnnlua_checkint(L, 5, 0, INT_MAX);
  uint64_t end = (uint64_t)start + (uint64_t)stride * (uint64_t)(dim[1] - 1) +
                 (uint64_t)dim[0] + 1;
  if (end > rnl_count(ids))
    luaL_error(L, "text_batch: needs ids up to %I, there are %I",
               (LUAI_UACINT)end, (LUAI_UACINT)rnl_count(ids));
  rnnlua_Handle *hx = rnnlua_newhandle(L);
  rnnlua_Handle *hy = rnnlua_newhandle(L);
  const int32_t *id = (const int32_t *)rnl_data(ids) + start;
  gather(id, stride, dim[0], dim[1], make_window(L, hx, dim));
  gather(id + 1, stride, dim[0], dim[1], make_window(L, hy, dim));
  rnnlua_charge(L, hx->t);
  rnnlua_charge(L, hy->t);
  return 2;
}

/* }====================================================================== */

static const luaL_Reg text[] = {
  {"utf8_check", l_utf8_check},
  {"utf8_tail", l_utf8_tail},
  {"repair", l_repair},
  {"normalise", l_normalise},
  {"vocab_fit", l_vocab_fit},
  {"vocab_new", l_vocab_new},
  {"text_batch", l_text_batch},
  {NULL, NULL}
};

static const luaL_Reg vocab_meta[] = {
  {"__gc", vocab_gc},
  {"__close", vocab_gc},
  {"__len", l_vocab_len},
  {NULL, NULL}
};

static const luaL_Reg vocab_methods[] = {
  {"encode", l_encode},
  {"decode", l_decode},
  {"codes", l_codes},
  {"close", vocab_gc},
  {NULL, NULL}
};


void rnnlua_open_text (lua_State *L) {
  luaL_newmetatable(L, TEXT);
  lua_pushcfunction(L, text_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  luaL_newmetatable(L, VOCAB);
  luaL_setfuncs(L, vocab_meta, 0);
  luaL_newlib(L, vocab_methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  luaL_setfuncs(L, text, 0);
}
