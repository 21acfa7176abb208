/*
** bind_text.c - text as Lua sees it: UTF-8, vocabularies, lists of words, byte
** pair encoding.
** Byte positions and ids count from 1 here, from 0 in the engine.
*/
#include <limits.h>

#include "bind/bind.h"

static const char *const VOCAB = "rnn.Vocab";
static const char *const WORDS = "rnn.Words";
static const char *const BPE = "rnn.Bpe";
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


/* utf8_width(s) -> columns it takes on a terminal */
static int l_utf8_width (lua_State *L) {
  size_t n;
  const char *s = luaL_checklstring(L, 1, &n);
  lua_pushinteger(L, (lua_Integer)rnl_utf8_width(s, n));
  return 1;
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


/* to_lf(s) -> s with LF for CR LF */
static int l_to_lf (lua_State *L) {
  size_t n;
  const char *s = luaL_checklstring(L, 1, &n);
  Text *t = push_text(L);
  return push_result(L, t, rnl_text_lf(t->ctx, s, n, &t->s, &t->n));
}


/* apart(s) -> s with a space between words that have none */
static int l_apart (lua_State *L) {
  size_t n;
  const char *s = luaL_checklstring(L, 1, &n);
  Text *t = push_text(L);
  return push_result(L, t, rnl_text_apart(t->ctx, s, n, &t->s, &t->n));
}


static rnl_Normal check_form (lua_State *L, int arg) {
  static const char *const name[] = {"nfc", "nfkc", "fold", NULL};
  static const rnl_Normal form[] = {RNL_NFC, RNL_NFKC, RNL_FOLD};
  return form[luaL_checkoption(L, arg, NULL, name)];
}


/* normalise(s, "nfc"|"nfkc"|"fold") -> s in that form */
static int l_normalise (lua_State *L) {
  size_t n;
  const char *s = luaL_checklstring(L, 1, &n);
  rnl_Normal form = check_form(L, 2);
  Text *t = push_text(L);
  return push_result(L, t, rnl_utf8_normalise(t->ctx, form, s, n, &t->s,
                                              &t->n));
}


/* normal_cut(s, form) -> bytes after which s may be cut and both normalised */
static int l_normal_cut (lua_State *L) {
  size_t n;
  const char *s = luaL_checklstring(L, 1, &n);
  lua_pushinteger(L, (lua_Integer)rnl_utf8_cut(check_form(L, 2), s, n));
  return 1;
}

/* }====================================================================== */

/* {== Vocabularies ======================================================= */

typedef struct Vocab {
  rnl_Vocab *v;    /* NULL: closed */
} Vocab;


rnl_Vocab **rnnlua_newvocab (lua_State *L) {
  Vocab *h = lua_newuserdatauv(L, sizeof *h, 0);
  h->v = NULL;
  luaL_setmetatable(L, VOCAB);
  return &h->v;
}


rnl_Vocab *rnnlua_checkvocab (lua_State *L, int arg) {
  Vocab *h = luaL_checkudata(L, arg, VOCAB);
  if (!h->v) luaL_argerror(L, arg, "attempt to use a closed vocabulary");
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
  rnl_Vocab **v = rnnlua_newvocab(L);
  rnnlua_check(L, rnl_vocab_fit(rnnlua_context(L), s, n, bytes, v));
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
  rnl_Vocab **v = rnnlua_newvocab(L);
  int status = rnl_vocab_new(rnnlua_context(L), code, (int)n, bytes, v);
  return status == RNL_OK ? 1 : rnnlua_fail(L, status);
}


/* v:encode(s) -> ids (M); or nil, message, code */
static int l_encode (lua_State *L) {
  size_t n;
  rnl_Tensor *ids;
  rnl_Vocab *v = rnnlua_checkvocab(L, 1);
  const char *s = luaL_checklstring(L, 2, &n);
  rnnlua_Handle *h = rnnlua_newhandle(L);
  int status = rnl_vocab_encode(v, s, n, &ids);
  if (status != RNL_OK) return rnnlua_fail(L, status);
  rnnlua_fill(h, ids);
  rnnlua_charge(L, ids);
  return 1;
}


rnl_Tensor *rnnlua_checkids (lua_State *L, int arg) {
  rnl_Tensor *t = rnnlua_checktensor(L, arg);
  if (rnl_dtype(t) != RNL_I32)
    luaL_argerror(L, arg, lua_pushfstring(L, "ids must be int32, got %s",
                  rnl_dtype_name(rnl_dtype(t))));
  return t;
}


int32_t *rnnlua_fillids (lua_State *L, rnnlua_Handle *h, int ndim,
                         const int *dim) {
  rnl_Tensor *t;
  rnnlua_check(L, rnl_tensor_new(rnnlua_context(L), RNL_I32, ndim, dim, &t));
  rnnlua_fill(h, t);
  return rnl_data(t);
}


/* The ids at 'arg', a tensor or a table, from 0. */
static const int32_t *list_ids (lua_State *L, int arg, size_t *n) {
  if (lua_istable(L, arg)) return check_ints(L, arg, 1, n);
  rnl_Tensor *t = rnnlua_checkids(L, arg);
  *n = rnl_count(t);
  return rnl_data(t);
}


/* v:decode(ids) -> string; ids are a tensor or a table */
static int l_decode (lua_State *L) {
  size_t n;
  rnl_Vocab *v = rnnlua_checkvocab(L, 1);
  const int32_t *id = list_ids(L, 2, &n);
  Text *t = push_text(L);
  return push_result(L, t, rnl_vocab_decode(v, id, n, &t->s, &t->n));
}


/* v:codes() -> table of code points */
static int l_codes (lua_State *L) {
  rnl_Vocab *v = rnnlua_checkvocab(L, 1);
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
  lua_pushinteger(L, rnl_vocab_size(rnnlua_checkvocab(L, 1)));
  return 1;
}

/* }====================================================================== */

/* {== Lists of words ===================================================== */

typedef struct Words {
  rnl_Words *w;    /* NULL: closed */
} Words;


static Words *push_words (lua_State *L) {
  Words *h = lua_newuserdatauv(L, sizeof *h, 0);
  h->w = NULL;
  luaL_setmetatable(L, WORDS);
  return h;
}


static rnl_Words *check_words (lua_State *L, int arg) {
  Words *h = luaL_checkudata(L, arg, WORDS);
  if (!h->w) luaL_argerror(L, arg, "attempt to use a closed list of words");
  return h->w;
}


static int words_gc (lua_State *L) {
  Words *h = luaL_checkudata(L, 1, WORDS);
  rnl_words_free(h->w);
  h->w = NULL;
  return 0;
}


static rnl_WordKind check_kind (lua_State *L, int arg) {
  static const char *const name[] = {"words", "lines", "clusters",
                                     "clusters+bytes", "pieces", NULL};
  static const rnl_WordKind kind[] = {RNL_WORDS, RNL_LINES, RNL_CLUSTERS,
                                      RNL_CLUSTERS_BYTES, RNL_PIECES};
  return kind[luaL_checkoption(L, arg, NULL, name)];
}


/* words(kind, limit) -> rnn.Words */
static int l_words (lua_State *L) {
  rnl_WordKind kind = check_kind(L, 1);
  lua_Integer limit = luaL_optinteger(L, 2, 0);
  luaL_argcheck(L, limit >= 0, 2, "must not be negative");
  Words *h = push_words(L);
  rnnlua_check(L, rnl_words_new(rnnlua_context(L), kind, &h->w));
  rnl_words_limit(h->w, (size_t)limit);
  return 1;
}


/* words_cut(kind, s) -> bytes that are words, whatever comes after */
static int l_words_cut (lua_State *L) {
  size_t n;
  rnl_WordKind kind = check_kind(L, 1);
  const char *s = luaL_checklstring(L, 2, &n);
  lua_pushinteger(L, (lua_Integer)rnl_words_cut(kind, s, n));
  return 1;
}


/* words_gap(s) -> bytes before the white space that is last */
static int l_words_gap (lua_State *L) {
  size_t n;
  const char *s = luaL_checklstring(L, 1, &n);
  lua_pushinteger(L, (lua_Integer)rnl_words_gap(s, n));
  return 1;
}


/* true; or nil, message, code */
static int push_done (lua_State *L, int status) {
  if (status != RNL_OK) return rnnlua_fail(L, status);
  lua_pushboolean(L, 1);
  return 1;
}


/* w:add(word) -> true; or nil, message, code */
static int l_words_add (lua_State *L) {
  size_t n;
  const char *s = luaL_checklstring(L, 2, &n);
  return push_done(L, rnl_words_add(check_words(L, 1), s, n));
}


/* w:feed(s): counts its words */
static int l_words_feed (lua_State *L) {
  size_t n;
  const char *s = luaL_checklstring(L, 2, &n);
  rnnlua_check(L, rnl_words_feed(check_words(L, 1), s, n));
  return 0;
}


/* w:seen() -> words that were fed */
static int l_words_seen (lua_State *L) {
  lua_pushinteger(L, (lua_Integer)rnl_words_seen(check_words(L, 1)));
  return 1;
}


/* w:choose(kept, least, most) -> rnn.Words; or nil, message, code */
static int l_words_choose (lua_State *L) {
  lua_Integer least = luaL_checkinteger(L, 3);
  int most = rnnlua_checkint(L, 4, 1, INT_MAX);
  luaL_argcheck(L, least >= 0, 3, "must not be negative");
  Words *h = push_words(L);
  const rnl_Words *w = check_words(L, 1);
  int kept = rnnlua_checkint(L, 2, 0, rnl_words_size(w));
  int status = rnl_words_choose(w, kept, (uint64_t)least, most, &h->w);
  return status == RNL_OK ? 1 : rnnlua_fail(L, status);
}


/* w:list() -> table of words */
static int l_words_list (lua_State *L) {
  int n = rnl_words_size(check_words(L, 1));
  lua_createtable(L, n, 0);
  for (int i = 0; i < n; i++) {
    size_t len;
    const char *s = rnl_words_at(check_words(L, 1), i, &len);
    lua_pushlstring(L, s, len);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}


/* w:encode(s) -> ids (M) */
static int l_words_encode (lua_State *L) {
  size_t n;
  rnl_Tensor *ids;
  const char *s = luaL_checklstring(L, 2, &n);
  rnnlua_Handle *h = rnnlua_newhandle(L);
  rnnlua_check(L, rnl_words_encode(check_words(L, 1), s, n, &ids));
  rnnlua_fill(h, ids);
  rnnlua_charge(L, ids);
  return 1;
}


/* w:decode(ids) -> string; ids are a tensor or a table */
static int l_words_decode (lua_State *L) {
  size_t n;
  const int32_t *id = list_ids(L, 2, &n);
  Text *t = push_text(L);
  return push_result(L, t, rnl_words_decode(check_words(L, 1), id, n, &t->s,
                                            &t->n));
}


static int l_words_len (lua_State *L) {
  lua_pushinteger(L, rnl_words_size(check_words(L, 1)));
  return 1;
}

/* }====================================================================== */

/* {== Byte pair encoding ================================================= */

typedef struct Bpe {
  rnl_Bpe *b;      /* NULL: closed */
} Bpe;


static Bpe *push_bpe (lua_State *L) {
  Bpe *h = lua_newuserdatauv(L, sizeof *h, 0);
  h->b = NULL;
  luaL_setmetatable(L, BPE);
  return h;
}


static rnl_Bpe *check_bpe (lua_State *L, int arg) {
  Bpe *h = luaL_checkudata(L, arg, BPE);
  if (!h->b) luaL_argerror(L, arg, "attempt to use a closed tokenizer");
  return h->b;
}


static int bpe_gc (lua_State *L) {
  Bpe *h = luaL_checkudata(L, 1, BPE);
  rnl_bpe_free(h->b);
  h->b = NULL;
  return 0;
}


/* bpe(parts) -> rnn.Bpe; or nil, message, code */
static int l_bpe (lua_State *L) {
  size_t n;
  luaL_checktype(L, 1, LUA_TTABLE);
  const int32_t *part = check_ints(L, 1, 1, &n);
  luaL_argcheck(L, n % 2 == 0, 1, "every token has two parts");
  Bpe *h = push_bpe(L);
  int status = rnl_bpe_new(rnnlua_context(L), part, n / 2, &h->b);
  return status == RNL_OK ? 1 : rnnlua_fail(L, status);
}


/* bpe_fit(words, size, least) -> rnn.Bpe */
static int l_bpe_fit (lua_State *L) {
  int size = rnnlua_checkint(L, 2, 1, INT_MAX);
  lua_Integer least = luaL_checkinteger(L, 3);
  luaL_argcheck(L, least >= 0, 3, "must not be negative");
  Bpe *h = push_bpe(L);
  rnnlua_check(L, rnl_bpe_fit(check_words(L, 1), size, (uint64_t)least,
                              &h->b));
  return 1;
}


/* b:parts() -> table: the two parts of token 257, of 258, ... */
static int l_bpe_parts (lua_State *L) {
  const rnl_Bpe *b = check_bpe(L, 1);
  int n = 2 * (rnl_bpe_size(b) - 256);
  lua_createtable(L, n, 0);
  for (int i = 0; i < n; i++) {
    lua_pushinteger(L, rnl_bpe_parts(b)[i] + 1);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}


/* b:token(id) -> its bytes */
static int l_bpe_token (lua_State *L) {
  size_t n;
  const rnl_Bpe *b = check_bpe(L, 1);
  int id = rnnlua_checkint(L, 2, 1, rnl_bpe_size(b)) - 1;
  const char *s = rnl_bpe_at(b, id, &n);
  lua_pushlstring(L, s, n);
  return 1;
}


/* b:encode(s) -> ids (M) */
static int l_bpe_encode (lua_State *L) {
  size_t n;
  rnl_Tensor *ids;
  const char *s = luaL_checklstring(L, 2, &n);
  rnnlua_Handle *h = rnnlua_newhandle(L);
  rnnlua_check(L, rnl_bpe_encode(check_bpe(L, 1), s, n, &ids));
  rnnlua_fill(h, ids);
  rnnlua_charge(L, ids);
  return 1;
}


/* b:decode(ids) -> string; ids are a tensor or a table */
static int l_bpe_decode (lua_State *L) {
  size_t n;
  const int32_t *id = list_ids(L, 2, &n);
  Text *t = push_text(L);
  return push_result(L, t, rnl_bpe_decode(check_bpe(L, 1), id, n, &t->s,
                                          &t->n));
}


static int l_bpe_len (lua_State *L) {
  lua_pushinteger(L, rnl_bpe_size(check_bpe(L, 1)));
  return 1;
}

/* }====================================================================== */

static const luaL_Reg text[] = {
  {"utf8_check", l_utf8_check},
  {"utf8_tail", l_utf8_tail},
  {"utf8_width", l_utf8_width},
  {"normal_cut", l_normal_cut},
  {"repair", l_repair},
  {"to_lf", l_to_lf},
  {"apart", l_apart},
  {"normalise", l_normalise},
  {"vocab_fit", l_vocab_fit},
  {"vocab_new", l_vocab_new},
  {"words", l_words},
  {"words_cut", l_words_cut},
  {"bpe", l_bpe},
  {"bpe_fit", l_bpe_fit},
  {"words_gap", l_words_gap},
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


static const luaL_Reg words_meta[] = {
  {"__gc", words_gc},
  {"__close", words_gc},
  {"__len", l_words_len},
  {NULL, NULL}
};

static const luaL_Reg words_methods[] = {
  {"add", l_words_add},
  {"feed", l_words_feed},
  {"seen", l_words_seen},
  {"choose", l_words_choose},
  {"list", l_words_list},
  {"encode", l_words_encode},
  {"decode", l_words_decode},
  {"close", words_gc},
  {NULL, NULL}
};


static const luaL_Reg bpe_meta[] = {
  {"__gc", bpe_gc},
  {"__close", bpe_gc},
  {"__len", l_bpe_len},
  {NULL, NULL}
};

static const luaL_Reg bpe_methods[] = {
  {"parts", l_bpe_parts},
  {"token", l_bpe_token},
  {"encode", l_bpe_encode},
  {"decode", l_bpe_decode},
  {"close", bpe_gc},
  {NULL, NULL}
};


void rnnlua_open_text (lua_State *L) {
  luaL_newmetatable(L, TEXT);
  lua_pushcfunction(L, text_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  rnnlua_newclass(L, VOCAB, vocab_meta, vocab_methods);
  rnnlua_newclass(L, WORDS, words_meta, words_methods);
  rnnlua_newclass(L, BPE, bpe_meta, bpe_methods);
  luaL_setfuncs(L, text, 0);
}
