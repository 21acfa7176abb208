/*
** vocab.c - code points as ids, for the tokenizer "char". Code point to id is
** a table for what lies below TABLE and a binary search above.
** Memory: 4 bytes per code point and the table; fitting takes a bit for each
** of Unicode's 0x110000 code points.
*/
#include <stdio.h>
#include <string.h>

#include "core/core.h"

enum { UNICODE = 0x110000, TABLE = 0x3000, BYTES = 256, NAMED = 10 };

struct rnl_Vocab {
  rnl_Context *ctx;
  int k;                  /* code points */
  int bytes;              /* 256 symbols for bytes follow */
  int32_t *code;          /* (k), ascending */
  int32_t id[TABLE];      /* of code points below TABLE, or -1 */
};

/* {== Making ============================================================= */

/* A vocabulary for k code points, which the caller fills in. */
static rnl_Vocab *vocab_alloc (rnl_Context *ctx, int k, int bytes) {
  size_t size = sizeof(rnl_Vocab) + (size_t)k * sizeof(int32_t);
  rnl_Vocab *v = rnli_get(ctx, size);
  if (!v) return NULL;
  v->ctx = ctx;
  v->k = k;
  v->bytes = bytes != 0;
  v->code = (int32_t *)(v + 1);
  rnl_context_retain(ctx);
  return v;
}


static void build_table (rnl_Vocab *v) {
  for (int i = 0; i < TABLE; i++) v->id[i] = -1;
  for (int i = 0; i < v->k && v->code[i] < TABLE; i++) v->id[v->code[i]] = i;
}


int rnl_vocab_new (rnl_Context *ctx, const int32_t *code, int k, int bytes,
                   rnl_Vocab **out) {
  char buf[4];
  *out = NULL;
  for (int i = 0; i < k; i++)
    if ((i && code[i] <= code[i - 1]) || !rnl_utf8_encode(code[i], buf))
      return rnli_error(ctx, RNL_EFORMAT, "vocabulary: symbol %d is no code "
                        "point above the one before it", i + ctx->base);
  rnl_Vocab *v = vocab_alloc(ctx, k, bytes);
  if (!v) return rnli_nomem(ctx, "a vocabulary", (size_t)k * sizeof *code);
  if (k) memcpy(v->code, code, (size_t)k * sizeof *code);
  build_table(v);
  *out = v;
  return RNL_OK;
}


/* Marks the code points of 's' in 'seen'; returns how many are new. */
static int mark (const char *s, size_t n, unsigned char *seen) {
  int k = 0;
  for (size_t i = 0; i < n;) {
    int32_t c;
    int len = rnl_utf8_decode(s + i, n - i, &c);
    i += len ? (size_t)len : 1;
    if (!len || seen[c >> 3] >> (c & 7) & 1) continue;
    seen[c >> 3] |= (unsigned char)(1 << (c & 7));
    k++;
  }
  return k;
}


int rnl_vocab_fit (rnl_Context *ctx, const char *s, size_t n, int bytes,
                   rnl_Vocab **out) {
  *out = NULL;
  unsigned char *seen = rnli_get(ctx, UNICODE / 8);
  if (!seen) return rnli_nomem(ctx, "a vocabulary", UNICODE / 8);
  memset(seen, 0, UNICODE / 8);
  int k = mark(s, n, seen);
  rnl_Vocab *v = vocab_alloc(ctx, k, bytes);
  if (v) {
    for (int32_t c = 0, i = 0; i < k; c++)
      if (seen[c >> 3] >> (c & 7) & 1) v->code[i++] = c;
    build_table(v);
  }
  rnli_put(ctx, seen);
  *out = v;
  return v ? RNL_OK : rnli_nomem(ctx, "a vocabulary", (size_t)k * 4);
}


void rnl_vocab_free (rnl_Vocab *v) {
  if (!v) return;
  rnl_Context *ctx = v->ctx;
  rnli_put(ctx, v);
  rnl_context_release(ctx);
}


int rnl_vocab_size (const rnl_Vocab *v) {
  return v->k + (v->bytes ? BYTES : 0);
}


int rnl_vocab_codes (const rnl_Vocab *v) {
  return v->k;
}


const int32_t *rnl_vocab_code (const rnl_Vocab *v) {
  return v->code;
}

/* }====================================================================== */

/* {== Encoding =========================================================== */

/* The id of a code point, or -1. */
static int32_t find (const rnl_Vocab *v, int32_t c) {
  if (c < TABLE) return v->id[c];
  int lo = 0, hi = v->k;
  while (lo < hi) {
    int mid = lo + (hi - lo) / 2;
    if (v->code[mid] < c) lo = mid + 1;
    else hi = mid;
  }
  return lo < v->k && v->code[lo] == c ? lo : -1;
}


/*
** The symbol at s: its length in bytes, and its id, or -1 when it is not in
** the vocabulary and has to be spelled in bytes.
*/
static size_t next (const rnl_Vocab *v, const char *s, size_t n,
                    int32_t *id) {
  int32_t c;
  int len = rnl_utf8_decode(s, n, &c);
  *id = len ? find(v, c) : -1;
  return len ? (size_t)len : 1;
}


/* Number of ids of 's', and of symbols that are not in the vocabulary. */
static size_t count (const rnl_Vocab *v, const char *s, size_t n,
                     size_t *unknown) {
  size_t ids = 0;
  *unknown = 0;
  for (size_t i = 0; i < n;) {
    int32_t id;
    size_t len = next(v, s + i, n - i, &id);
    ids += id < 0 ? len : 1;
    *unknown += id < 0;
    i += len;
  }
  return ids;
}


/* Writes "'x' (U+0078)" or "byte 0xff" for the symbol of len bytes at s. */
static int name_symbol (const char *s, size_t len, char *out, size_t room) {
  int32_t c;
  if (!rnl_utf8_decode(s, len, &c))
    return snprintf(out, room, "byte 0x%02x", (unsigned)(unsigned char)*s);
  if (c < 0x20 || c == 0x7f) return snprintf(out, room, "U+%04X", (unsigned)c);
  return snprintf(out, room, "'%.*s' (U+%04X)", (int)len, s, (unsigned)c);
}


/* Has the symbol at 'at' occurred before it? */
static int seen_before (const char *s, size_t at, size_t len) {
  for (size_t i = 0; i + len <= at; i++)
    if (memcmp(s + i, s + at, len) == 0) return 1;
  return 0;
}


static int unknown_error (const rnl_Vocab *v, const char *s, size_t n) {
  char list[NAMED * 32] = "";
  size_t used = 0, first = 0;
  int named = 0;
  for (size_t i = 0; i < n && named < NAMED;) {
    int32_t id;
    size_t len = next(v, s + i, n - i, &id);
    if (id < 0 && !seen_before(s, i, len)) {
      if (!named) first = i;
      if (named++) used += (size_t)snprintf(list + used, sizeof list - used,
                                            ", ");
      used += (size_t)name_symbol(s + i, len, list + used,
                                  sizeof list - used);
    }
    i += len;
  }
  return rnli_error(v->ctx, RNL_EFORMAT, "not in the vocabulary: %s%s; the "
                    "first is at byte %zu", list,
                    named == NAMED ? ", ..." : "",
                    first + (size_t)v->ctx->base);
}


int rnl_vocab_encode (rnl_Vocab *v, const char *s, size_t n,
                      rnl_Tensor **ids) {
  size_t unknown;
  size_t m = count(v, s, n, &unknown);
  *ids = NULL;
  if (unknown && !v->bytes) return unknown_error(v, s, n);
  if (m > INT32_MAX)
    return rnli_error(v->ctx, RNL_EARG, "text of %zu tokens is too long for "
                      "one tensor", m);
  int dim = (int)m;
  int status = rnli_tensor_raw(v->ctx, RNL_I32, 1, &dim, 0, ids);
  if (status != RNL_OK) return status;
  int32_t *out = (*ids)->data;
  for (size_t i = 0; i < n;) {
    int32_t id;
    size_t len = next(v, s + i, n - i, &id);
    if (id >= 0) *out++ = id;
    for (size_t b = 0; id < 0 && b < len; b++)
      *out++ = v->k + (unsigned char)s[i + b];
    i += len;
  }
  return RNL_OK;
}

/* }====================================================================== */

int rnl_vocab_decode (rnl_Vocab *v, const int32_t *id, size_t n, char **out,
                      size_t *nout) {
  *out = NULL;
  for (size_t i = 0; i < n; i++)
    if (id[i] < 0 || id[i] >= rnl_vocab_size(v))
      return rnli_error(v->ctx, RNL_EARG, "decode: id %lld at position %zu is "
                        "not in 1..%d",
                        (long long)id[i] + v->ctx->base,
                        i + (size_t)v->ctx->base, rnl_vocab_size(v));
  size_t room = rnli_add(rnli_mul(n, 4), 1);
  char *s = rnli_get(v->ctx, room);
  if (!s) return rnli_nomem(v->ctx, "decoded text", room);
  size_t used = 0;
  for (size_t i = 0; i < n; i++) {
    if (id[i] < v->k)
      used += (size_t)rnl_utf8_encode(v->code[id[i]], s + used);
    else
      s[used++] = (char)(id[i] - v->k);
  }
  s[used] = '\0';
  *out = s;
  *nout = used;
  return RNL_OK;
}
