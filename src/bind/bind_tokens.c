/*
** bind_tokens.c - scanners, token stores and their windows as Lua sees them.
** Ids and byte positions count from 1 here, from 0 in the engine; where ids
** begin is told by an offset, how many come before.
*/
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "bind/bind.h"

static const char *const SCANNER = "rnn.Scanner";
static const char *const TOKENS = "rnn.Tokens";
static const char *const WRITER = "rnn.TokenWriter";

/* {== Scanners =========================================================== */

typedef struct Scanner {
  rnl_Scanner *s;   /* NULL: closed */
} Scanner;


static rnl_Scanner *check_scanner (lua_State *L, int arg) {
  Scanner *h = luaL_checkudata(L, arg, SCANNER);
  if (!h->s) luaL_argerror(L, arg, "attempt to use a closed scanner");
  return h->s;
}


/* scanner() -> rnn.Scanner */
static int l_scanner (lua_State *L) {
  Scanner *h = lua_newuserdatauv(L, sizeof *h, 0);
  h->s = NULL;
  luaL_setmetatable(L, SCANNER);
  rnnlua_check(L, rnl_scanner_new(rnnlua_context(L), &h->s));
  return 1;
}


static int scanner_gc (lua_State *L) {
  Scanner *h = luaL_checkudata(L, 1, SCANNER);
  rnl_scanner_free(h->s);
  h->s = NULL;
  return 0;
}


static void set_count (lua_State *L, const char *name, uint64_t n) {
  lua_pushinteger(L, (lua_Integer)n);
  lua_setfield(L, -2, name);
}


static int push_scan (lua_State *L, const rnl_Scan *t) {
  lua_createtable(L, 0, 9);
  set_count(L, "bytes", t->bytes);
  set_count(L, "codes", t->codes);
  set_count(L, "crlf", t->crlf);
  set_count(L, "cr", t->cr);
  set_count(L, "bad", t->bad);
  if (t->bad) {
    set_count(L, "bad_at", t->bad_at + 1);
    set_count(L, "bad_line", t->bad_line);
  }
  lua_pushboolean(L, t->mark);
  lua_setfield(L, -2, "mark");
  lua_pushboolean(L, t->codes + (t->mark ? 3 : 0) == t->bytes);
  lua_setfield(L, -2, "ascii");
  return 1;
}


/*
** What may close is checked after all that allocates: a finalizer may close it
** whenever Lua does.
*/

/* s:feed(piece) -> bytes of the text so far that are no UTF-8 */
static int l_feed (lua_State *L) {
  size_t n;
  rnl_Scan now;
  const char *piece = luaL_checklstring(L, 2, &n);
  rnl_Scanner *s = check_scanner(L, 1);
  rnl_scanner_feed(s, piece, n);
  rnl_scanner_now(s, &now);
  lua_pushinteger(L, (lua_Integer)now.bad);
  return 1;
}


/* s:now() -> what the text has so far */
static int l_now (lua_State *L) {
  rnl_Scan now;
  rnl_scanner_now(check_scanner(L, 1), &now);
  return push_scan(L, &now);
}


/* s:finish() -> what the text had; what is fed next is another one */
static int l_finish (lua_State *L) {
  rnl_Scan text;
  rnl_scanner_end(check_scanner(L, 1), &text);
  return push_scan(L, &text);
}


/* s:fingerprint() -> that of the texts that are finished */
static int l_fingerprint (lua_State *L) {
  char text[RNL_FINGERPRINT];
  rnl_scanner_fingerprint(check_scanner(L, 1), text);
  lua_pushstring(L, text);
  return 1;
}


/* fingerprint(s) -> a short text */
static int l_fingerprint_of (lua_State *L) {
  size_t n;
  char text[RNL_FINGERPRINT];
  const char *s = luaL_checklstring(L, 1, &n);
  rnl_fingerprint(s, n, text);
  lua_pushstring(L, text);
  return 1;
}


/* s:add(vocab): its code points join those seen */
static int l_add (lua_State *L) {
  rnl_Scanner *s = check_scanner(L, 1);
  const rnl_Vocab *v = rnnlua_checkvocab(L, 2);
  rnl_scanner_add(s, rnl_vocab_code(v), rnl_vocab_codes(v));
  return 0;
}


/* s:vocab(bytes) -> rnn.Vocab of the code points seen */
static int l_vocab (lua_State *L) {
  int bytes = lua_toboolean(L, 2);
  rnl_Vocab **v = rnnlua_newvocab(L);
  rnnlua_check(L, rnl_vocab_scanned(check_scanner(L, 1), bytes, v));
  return 1;
}


/* s:covered(vocab) -> true; or nil, message naming what it lacks, code */
static int l_covered (lua_State *L) {
  rnl_Scanner *s = check_scanner(L, 1);
  int status = rnl_vocab_covers(rnnlua_checkvocab(L, 2), s);
  if (status != RNL_OK) return rnnlua_fail(L, status);
  lua_pushboolean(L, 1);
  return 1;
}

/* }====================================================================== */

/* {== Token stores ======================================================= */

/* 'count' ids of a store, from 'first' on. */
typedef struct Tokens {
  rnl_Tokens *t;    /* NULL: closed */
  int64_t first, count;
} Tokens;


static Tokens *push_tokens (lua_State *L) {
  Tokens *h = lua_newuserdatauv(L, sizeof *h, 0);
  *h = (Tokens){NULL, 0, 0};
  luaL_setmetatable(L, TOKENS);
  return h;
}


static Tokens *check_tokens (lua_State *L, int arg) {
  Tokens *h = luaL_checkudata(L, arg, TOKENS);
  if (!h->t) luaL_argerror(L, arg, "attempt to use closed tokens");
  return h;
}


/* The store is made: shows all of it; or nil, message, code. */
static int push_store (lua_State *L, Tokens *h, int status) {
  if (status != RNL_OK) return rnnlua_fail(L, status);
  h->count = h->t ? rnl_tokens_count(h->t) : 0;
  return 1;
}


static int tokens_gc (lua_State *L) {
  Tokens *h = luaL_checkudata(L, 1, TOKENS);
  rnl_tokens_release(h->t);
  h->t = NULL;
  return 0;
}


static int tokens_len (lua_State *L) {
  lua_pushinteger(L, (lua_Integer)check_tokens(L, 1)->count);
  return 1;
}


static int tokens_text (lua_State *L) {
  static const char *const place[] = {
    [RNL_IN_MEMORY] = "memory", [RNL_IN_FILE] = "a file",
    [RNL_IN_TEXT] = "the text"};
  const Tokens *h = luaL_checkudata(L, 1, TOKENS);
  if (h->t)
    lua_pushfstring(L, "%I tokens in %s, %d byte%s each",
                    (LUAI_UACINT)h->count, place[rnl_tokens_place(h->t)],
                    rnl_tokens_width(h->t),
                    rnl_tokens_width(h->t) == 1 ? "" : "s");
  else
    lua_pushliteral(L, "closed tokens");
  return 1;
}


/* An index from 1, or negative from the end, as an offset. */
static int64_t check_index (lua_State *L, int arg, int64_t count, int def) {
  lua_Integer i = luaL_optinteger(L, arg, def);
  lua_Integer at = i < 0 ? i + count : i - 1;
  if (i == 0 || at < 0 || at >= count)
    luaL_argerror(L, arg, lua_pushfstring(L, "is %I, but there are %I tokens",
                                          (LUAI_UACINT)i, (LUAI_UACINT)count));
  return at;
}


/* t:slice(1, from, to) -> those of the same store */
static int l_slice (lua_State *L) {
  Tokens *h = check_tokens(L, 1);
  lua_Integer axis = luaL_checkinteger(L, 2);
  luaL_argcheck(L, axis == 1 || axis == -1, 2, "tokens have one axis");
  int64_t from = check_index(L, 3, h->count, 1);
  int64_t to = check_index(L, 4, h->count, -1);
  luaL_argcheck(L, from <= to, 4, "ends before it begins");
  Tokens *part = push_tokens(L);
  *part = (Tokens){check_tokens(L, 1)->t, h->first + from, to - from + 1};
  rnl_tokens_retain(part->t);
  return 1;
}


/* t:totensor() -> ids (M) int32 */
static int l_totensor (lua_State *L) {
  Tokens *h = check_tokens(L, 1);
  if (h->count > INT_MAX)
    return luaL_error(L, "tokens: there are %I, a tensor holds at most %d",
                      (LUAI_UACINT)h->count, INT_MAX);
  int dim[1] = {(int)h->count};
  rnnlua_Handle *ids = rnnlua_newhandle(L);
  int32_t *to = rnnlua_fillids(L, ids, 1, dim);
  rnnlua_check(L, rnl_tokens_window(check_tokens(L, 1)->t, h->first, h->count,
                                    to, NULL, 1));
  rnnlua_charge(L, ids->t);
  return 1;
}


/*
** t:bytes(offset, n) -> string of at most n bytes, fewer at the end; or nil,
** message, code. For tokens that are bytes.
*/
static int l_bytes (lua_State *L) {
  luaL_Buffer b;
  Tokens *h = check_tokens(L, 1);
  lua_Integer at = luaL_checkinteger(L, 2);
  lua_Integer n = luaL_checkinteger(L, 3);
  luaL_argcheck(L, at >= 0 && at <= h->count, 2, "is outside");
  luaL_argcheck(L, n >= 0, 3, "must not be negative");
  if (n > h->count - at) n = h->count - at;
  char *to = luaL_buffinitsize(L, &b, (size_t)n);
  int status = rnl_tokens_bytes(check_tokens(L, 1)->t, h->first + at,
                                (size_t)n, to);
  luaL_pushresultsize(&b, (size_t)n);
  return status == RNL_OK ? 1 : rnnlua_fail(L, status);
}


/* is_tokens(x) -> boolean */
static int l_is_tokens (lua_State *L) {
  lua_pushboolean(L, luaL_testudata(L, 1, TOKENS) != NULL);
  return 1;
}


/* tokens_text(path, offset, vocab, n) -> rnn.Tokens: each byte is an id <= n */
static int l_tokens_text (lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  lua_Integer offset = luaL_checkinteger(L, 2);
  const rnl_Vocab *v = rnnlua_checkvocab(L, 3);
  int n = rnnlua_checkint(L, 4, 1, INT_MAX);
  Tokens *h = push_tokens(L);
  return push_store(L, h, rnl_tokens_text(rnnlua_context(L), path, offset, v,
                                          n, &h->t));
}


/* tokens_open(path, n, key) -> rnn.Tokens, or false: is to be written; or nil,
** message, code */
static int l_tokens_open (lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  int n = rnnlua_checkint(L, 2, 1, INT_MAX);
  const char *key = luaL_checkstring(L, 3);
  Tokens *h = push_tokens(L);
  int status = rnl_tokens_open(rnnlua_context(L), path, n, key, &h->t);
  if (status == RNL_OK && !h->t) lua_pushboolean(L, 0);
  return push_store(L, h, status);
}

/* }====================================================================== */

/* {== Writing ============================================================ */

typedef struct Writer {
  rnl_TokenWriter *w;   /* NULL: finished or closed */
} Writer;


static rnl_TokenWriter *check_writer (lua_State *L) {
  Writer *h = luaL_checkudata(L, 1, WRITER);
  if (!h->w) luaL_argerror(L, 1, "attempt to use a finished writer");
  return h->w;
}


static int writer_gc (lua_State *L) {
  Writer *h = luaL_checkudata(L, 1, WRITER);
  rnl_writer_free(h->w);
  h->w = NULL;
  return 0;
}


static lua_Integer int_field (lua_State *L, const char *name, lua_Integer def,
                              lua_Integer least) {
  lua_getfield(L, 1, name);
  int whole = 1;
  lua_Integer n = lua_isnil(L, -1) ? def : lua_tointegerx(L, -1, &whole);
  if (!whole || n < least)
    luaL_argerror(L, 1, lua_pushfstring(L, "'%s' must be an integer >= %I",
                                        name, (LUAI_UACINT)least));
  lua_pop(L, 1);
  return n;
}


/* A string that the table holds, or the default. */
static const char *string_field (lua_State *L, const char *name,
                                 const char *def) {
  const char *s = def;
  if (lua_getfield(L, 1, name) == LUA_TSTRING) s = lua_tostring(L, -1);
  else if (!lua_isnil(L, -1))
    luaL_argerror(L, 1, lua_pushfstring(L, "'%s' must be a string", name));
  lua_pop(L, 1);
  return s;
}


/* token_writer {vocab, expected, memory, path, folder, key} */
static int l_writer (lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  lua_Integer vocab = int_field(L, "vocab", 0, 1);
  luaL_argcheck(L, vocab <= INT_MAX, 1, "'vocab' is too large");
  rnl_TokenPlan plan = {
    .vocab = (int)vocab,
    .expected = (uint64_t)int_field(L, "expected", 0, 0),
    .memory = (size_t)int_field(L, "memory", LUA_MAXINTEGER, 0),
    .path = string_field(L, "path", NULL),
    .folder = string_field(L, "folder", "/tmp"),
    .key = string_field(L, "key", "")};
  Writer *h = lua_newuserdatauv(L, sizeof *h, 0);
  h->w = NULL;
  luaL_setmetatable(L, WRITER);
  rnnlua_check(L, rnl_writer_new(rnnlua_context(L), &plan, &h->w));
  return 1;
}


/* w:append(ids or bytes) -> true; or nil, message, code */
static int l_append (lua_State *L) {
  size_t n;
  int status;
  rnl_TokenWriter *w = check_writer(L);
  if (lua_type(L, 2) == LUA_TSTRING) {
    const char *s = lua_tolstring(L, 2, &n);
    status = rnl_writer_bytes(w, s, n);
  } else {
    rnl_Tensor *ids = rnnlua_checkids(L, 2);
    status = rnl_writer_append(w, rnl_data(ids), rnl_count(ids));
  }
  if (status != RNL_OK) return rnnlua_fail(L, status);
  lua_pushboolean(L, 1);
  return 1;
}


/* w:finish() -> rnn.Tokens; or nil, message, code */
static int l_writer_finish (lua_State *L) {
  Tokens *h = push_tokens(L);
  rnl_TokenWriter *w = check_writer(L);
  ((Writer *)lua_touserdata(L, 1))->w = NULL;
  return push_store(L, h, rnl_writer_finish(w, &h->t));
}

/* }====================================================================== */

/* {== Windows ============================================================ */

/* Windows of ids, and where they go: x and y of (T,N). */
typedef struct Windows {
  const int32_t *data;    /* of a tensor, */
  const Tokens *tokens;   /* or of a store */
  int64_t count;
  int T, N;
  rnnlua_Handle *x, *y;
} Windows;


/* The ids at argument 1. */
static void find_ids (lua_State *L, Windows *w) {
  w->tokens = luaL_testudata(L, 1, TOKENS);
  if (w->tokens) {
    w->count = check_tokens(L, 1)->count;
  } else {
    rnl_Tensor *t = rnnlua_checkids(L, 1);
    w->data = rnl_data(t);
    w->count = (int64_t)rnl_count(t);
  }
}


/* Makes x and y. */
static void make_windows (lua_State *L, Windows *w) {
  int dim[2] = {w->T, w->N};
  w->x = rnnlua_newhandle(L);
  w->y = rnnlua_newhandle(L);
  rnnlua_fillids(L, w->x, 2, dim);
  rnnlua_fillids(L, w->y, 2, dim);
  find_ids(L, w);
}


/* Stream n gets T steps of the ids from 'start' on. */
static void read_window (lua_State *L, const Windows *w, lua_Integer start,
                         int n) {
  int32_t *x = (int32_t *)rnl_data(w->x->t) + n;
  int32_t *y = (int32_t *)rnl_data(w->y->t) + n;
  if (start < 0 || w->T >= w->count || start >= w->count - w->T)
    luaL_error(L, "a window of %d steps at offset %I needs %d ids from there "
               "on, there are %I in all", w->T, (LUAI_UACINT)start, w->T + 1,
               (LUAI_UACINT)w->count);
  if (w->tokens) {
    rnnlua_check(L, rnl_tokens_window(w->tokens->t, w->tokens->first + start,
                                      w->T, x, y, w->N));
    return;
  }
  for (int t = 0; t < w->T; t++, x += w->N, y += w->N) {
    *x = w->data[start + t];
    *y = w->data[start + t + 1];
  }
}


static int push_windows (lua_State *L, const Windows *w) {
  rnnlua_charge(L, w->x->t);
  rnnlua_charge(L, w->y->t);
  return 2;
}


/*
** text_batch(ids, start, T, N, stride) -> x (T,N), y (T,N)
** x[t,n] = ids[start + (n-1) * stride + t], all from 1; y is one id further.
** Raises when a file cannot be read.
*/
static int l_text_batch (lua_State *L) {
  Windows w = {.T = rnnlua_checkint(L, 3, 1, INT_MAX - 1),
               .N = rnnlua_checkint(L, 4, 1, INT_MAX)};
  lua_Integer start = luaL_checkinteger(L, 2);
  lua_Integer stride = luaL_checkinteger(L, 5);
  luaL_argcheck(L, start >= 0, 2, "must not be negative");
  luaL_argcheck(L, stride >= 0, 5, "must not be negative");
  find_ids(L, &w);
  lua_Integer last = w.count - w.T - 1;   /* where the last may begin */
  if (start > last || (w.N > 1 && stride > (last - start) / (w.N - 1)))
    luaL_error(L, "text_batch: %d steps of %d streams, %I apart from offset "
               "%I on, need more than %I ids", w.T, w.N, (LUAI_UACINT)stride,
               (LUAI_UACINT)start, (LUAI_UACINT)w.count);
  make_windows(L, &w);
  for (int n = 0; n < w.N; n++) read_window(L, &w, start + n * stride, n);
  return push_windows(L, &w);
}


/*
** text_windows(ids, starts, T) -> x (T,N), y (T,N)
** x[t,n] = ids[starts[n] + t], all from 1: starts are offsets, the first is 0;
** y is one id further. Raises when a file cannot be read.
*/
static int l_text_windows (lua_State *L) {
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_Unsigned N = lua_rawlen(L, 2);
  luaL_argcheck(L, N >= 1 && N <= INT_MAX, 2, "must have 1 offset or more");
  Windows w = {.T = rnnlua_checkint(L, 3, 1, INT_MAX - 1), .N = (int)N};
  find_ids(L, &w);
  make_windows(L, &w);
  for (int n = 0; n < w.N; n++) {
    int whole;
    lua_rawgeti(L, 2, n + 1);
    lua_Integer start = lua_tointegerx(L, -1, &whole);
    luaL_argcheck(L, whole, 2, "offsets must be integers");
    lua_pop(L, 1);
    read_window(L, &w, start, n);
  }
  return push_windows(L, &w);
}

/* }====================================================================== */

static const char *kind_of (mode_t mode) {
  return S_ISREG(mode) ? "file" : S_ISDIR(mode) ? "directory"
         : S_ISFIFO(mode) ? "pipe" : S_ISSOCK(mode) ? "socket" : "device";
}


/*
** file_info(path) -> {kind, size, stamp}; or nil, message. 'kind' is "file",
** "directory", "pipe", "socket" or "device"; 'stamp' is another text when the
** file was changed or replaced.
*/
static int l_file_info (lua_State *L) {
  struct stat st;
  char stamp[160];
  const char *path = luaL_checkstring(L, 1);
  if (stat(path, &st) != 0) return luaL_fileresult(L, 0, path);
  snprintf(stamp, sizeof stamp, "%llu-%llu-%lld-%lld.%09ld",
           (unsigned long long)st.st_dev, (unsigned long long)st.st_ino,
           (long long)st.st_size, (long long)st.st_mtim.tv_sec,
           st.st_mtim.tv_nsec);
  lua_createtable(L, 0, 3);
  lua_pushstring(L, kind_of(st.st_mode));
  lua_setfield(L, -2, "kind");
  lua_pushinteger(L, (lua_Integer)st.st_size);
  lua_setfield(L, -2, "size");
  lua_pushstring(L, stamp);
  lua_setfield(L, -2, "stamp");
  return 1;
}


void rnnlua_open_tokens (lua_State *L) {
  static const luaL_Reg functions[] = {
    {"scanner", l_scanner}, {"fingerprint", l_fingerprint_of},
    {"file_info", l_file_info}, {"is_tokens", l_is_tokens},
    {"tokens_text", l_tokens_text}, {"tokens_open", l_tokens_open},
    {"token_writer", l_writer}, {"text_batch", l_text_batch},
    {"text_windows", l_text_windows}, {NULL, NULL}};
  static const luaL_Reg scanner_meta[] = {
    {"__gc", scanner_gc}, {"__close", scanner_gc}, {NULL, NULL}};
  static const luaL_Reg scanner_methods[] = {
    {"feed", l_feed}, {"now", l_now}, {"finish", l_finish},
    {"fingerprint", l_fingerprint}, {"add", l_add}, {"vocab", l_vocab},
    {"covered", l_covered}, {"close", scanner_gc}, {NULL, NULL}};
  static const luaL_Reg tokens_meta[] = {
    {"__gc", tokens_gc}, {"__close", tokens_gc}, {"__len", tokens_len},
    {"__tostring", tokens_text}, {NULL, NULL}};
  static const luaL_Reg tokens_methods[] = {
    {"slice", l_slice}, {"totensor", l_totensor}, {"bytes", l_bytes},
    {"close", tokens_gc}, {NULL, NULL}};
  static const luaL_Reg writer_meta[] = {
    {"__gc", writer_gc}, {"__close", writer_gc}, {NULL, NULL}};
  static const luaL_Reg writer_methods[] = {
    {"append", l_append}, {"finish", l_writer_finish}, {"close", writer_gc},
    {NULL, NULL}};
  rnnlua_newclass(L, SCANNER, scanner_meta, scanner_methods);
  rnnlua_newclass(L, TOKENS, tokens_meta, tokens_methods);
  rnnlua_newclass(L, WRITER, writer_meta, writer_methods);
  luaL_setfuncs(L, functions, 0);
}
