/*
** source.c - the bytes of a model file, from a path or from memory, and the
** numbers in them. Nothing of a file is mapped: one that shrinks meanwhile is
** an error, not a signal.
*/
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/header.h"
#include "io/io.h"

enum { PIECE = 1 << 16 };   /* bytes of a source's room for numbers */

/* {== Bytes ============================================================== */

int rnli_source_refuse (const rnli_Source *s, const char *fmt, ...) {
  char text[300];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  return rnli_error(s->ctx, RNL_EFORMAT, "%.300s: %s", s->name, text);
}


int rnli_source_bytes (rnli_Source *s, uint64_t at, void *to, size_t n) {
  char *p = to;
  if (s->memory) {
    memcpy(to, s->memory + at, n);
    return RNL_OK;
  }
  while (n > 0) {
    ssize_t got = pread(s->fd, p, n < (1u << 30) ? n : 1u << 30, (off_t)at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return rnli_system_error(s->ctx, s->name, "cannot be read");
    if (got == 0)
      return rnli_source_refuse(s, "is truncated; restore it from a copy");
    p += got;
    n -= (size_t)got;
    at += (uint64_t)got;
  }
  return RNL_OK;
}


static int open_file (rnli_Source *s, uint64_t most) {
  struct stat st;
  s->fd = open(s->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (s->fd < 0 || fstat(s->fd, &st) != 0)
    return rnli_system_error(s->ctx, s->name, "cannot be opened");
  if (!S_ISREG(st.st_mode))
    return rnli_source_refuse(s, "is not a regular file");
  s->size = (uint64_t)st.st_size;
  if (s->size > most)
    return rnli_source_refuse(s, "has %" PRIu64 " bytes; at most %" PRIu64
                              " are read", s->size, most);
  return RNL_OK;
}


static int source_new (rnl_Context *ctx, const char *name, rnli_Source **out) {
  rnli_Source *s = *out = rnli_get(ctx, sizeof *s);
  if (!s) return rnli_nomem(ctx, "a checkpoint", sizeof *s);
  *s = (rnli_Source){.ctx = ctx, .name = name, .fd = -1};
  rnl_context_retain(ctx);
  return RNL_OK;
}


/* Makes ready what is open; after an error there is no source. */
static int finish (rnli_Source **out, int status) {
  rnli_Source *s = *out;
  if (status == RNL_OK) status = rnli_source_header(s);
  if (status == RNL_OK) {
    s->piece = rnli_get(s->ctx, PIECE);
    if (!s->piece) status = rnli_nomem(s->ctx, "a checkpoint", PIECE);
  }
  if (status != RNL_OK) {
    rnli_source_close(s);
    *out = NULL;
  }
  return status;
}


int rnli_source_open (rnl_Context *ctx, const char *path, uint64_t most,
                      rnli_Source **out) {
  int status = source_new(ctx, path, out);
  if (status != RNL_OK) return status;
  return finish(out, open_file(*out, most ? most : RNLI_MAX_FILE));
}


int rnli_source_memory (rnl_Context *ctx, const void *data, size_t n,
                        const char *name, rnli_Source **out) {
  int status = source_new(ctx, name, out);
  if (status != RNL_OK) return status;
  (*out)->memory = data;
  (*out)->size = n;
  return finish(out, RNL_OK);
}


void rnli_source_shut (rnli_Source *s) {
  if (s->fd >= 0) close(s->fd);
  rnli_put(s->ctx, s->piece);
  s->fd = -1;
  s->memory = NULL;
  s->piece = NULL;
}


void rnli_source_close (rnli_Source *s) {
  if (!s) return;
  rnl_Context *ctx = s->ctx;
  rnli_source_shut(s);
  rnli_put(ctx, s->header);
  rnli_put(ctx, s->place);
  rnli_put(ctx, s->meta);
  rnli_put(ctx, s);
  rnl_context_release(ctx);
}

/* }====================================================================== */

/* {== Numbers ============================================================ */

static float from_bits (uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}


static float from_half (uint16_t h) {
  uint32_t sign = (uint32_t)(h & 0x8000) << 16;
  uint32_t e = h >> 10 & 31, m = h & 1023;
  if (e == 31) return from_bits(sign | 0x7f800000 | m << 13);
  if (e > 0) return from_bits(sign | (e + 112) << 23 | m << 13);
  float x = (float)m * 0x1p-24f;
  return sign ? -x : x;
}


/*
** Converters: 'n' numbers as they are stored into numbers as we hold them; 0 if
** one does not fit.
*/
static int from_f16 (const char *raw, size_t n, void *to) {
  for (size_t i = 0; i < n; i++) {
    uint16_t h;
    memcpy(&h, raw + 2 * i, sizeof h);
    ((float *)to)[i] = from_half(h);
  }
  return 1;
}


static int from_bf16 (const char *raw, size_t n, void *to) {
  for (size_t i = 0; i < n; i++) {
    uint16_t h;
    memcpy(&h, raw + 2 * i, sizeof h);
    ((float *)to)[i] = from_bits((uint32_t)h << 16);
  }
  return 1;
}


static int from_i64 (const char *raw, size_t n, void *to) {
  int fit = 1;
  for (size_t i = 0; i < n; i++) {
    int64_t x;
    memcpy(&x, raw + 8 * i, sizeof x);
    ((int32_t *)to)[i] = (int32_t)x;
    fit &= x >= INT32_MIN && x <= INT32_MAX;
  }
  return fit;
}


static int from_u8 (const char *raw, size_t n, void *to) {
  for (size_t i = 0; i < n; i++) ((int32_t *)to)[i] = (unsigned char)raw[i];
  return 1;
}


static const rnli_Type types[] = {
  {"F32", RNL_F32, 4, NULL}, {"F64", RNL_F64, 8, NULL},
  {"I32", RNL_I32, 4, NULL}, {"F16", RNL_F32, 2, from_f16},
  {"BF16", RNL_F32, 2, from_bf16}, {"I64", RNL_I32, 8, from_i64},
  {"U8", RNL_I32, 1, from_u8}
};


const rnli_Type *rnli_type_find (const rnli_Json *code) {
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    if (rnli_json_is(code, types[i].code)) return &types[i];
  return NULL;
}


/* How many numbers the room has place for, as they are stored and as held. */
static size_t piece_of (const rnli_Stored *t) {
  size_t each = (size_t)t->type->size + rnl_dtype_size(t->type->dtype);
  return PIECE / each / 8 * 8;
}


/*
** The numbers from 'at' to 'end', but no more than make a piece, go to 'to':
** NULL stands for the source's room. '*n' is their count.
*/
static int read_piece (rnli_Source *s, const rnli_Stored *t, size_t at,
                       size_t end, void *to, size_t *n) {
  const rnli_Type *type = t->type;
  size_t most = piece_of(t);
  uint64_t from = s->data + t->begin + (uint64_t)at * (size_t)type->size;
  *n = end - at < most ? end - at : most;
  if (!to) to = s->piece;
  if (!type->convert)
    return rnli_source_bytes(s, from, to, *n * (size_t)type->size);
  char *raw = s->piece + most * rnl_dtype_size(type->dtype);
  int status = rnli_source_bytes(s, from, raw, *n * (size_t)type->size);
  if (status != RNL_OK || type->convert(raw, *n, to)) return status;
  return rnli_source_refuse(s, "tensor '%s' (%s) holds a value that is no "
                            "int32", rnli_brief(t->name).text, type->code);
}


int rnli_source_read (rnli_Source *s, const rnli_Stored *t, void *to,
                      uint64_t *d) {
  size_t size = rnl_dtype_size(t->type->dtype), at = 0, n;
  do {
    char *p = to ? (char *)to + at * size : s->piece;
    int status = read_piece(s, t, at, t->count, p, &n);
    if (status != RNL_OK) return status;
    at += n;
    *d = at < t->count ? rnli_digest_words(*d, p, n * size)
                       : rnli_digest(*d, p, n * size, t->ndim, t->dim);
  } while (at < t->count);
  return RNL_OK;
}


/* The first of 'n' numbers that is not finite, or n. */
static size_t find_wild (const float *x, size_t n) {
  size_t i = 0;
  while (i < n && isfinite(x[i])) i++;
  return i;
}


int rnli_source_floats (rnli_Source *s, const rnli_Stored *t, size_t from,
                        size_t count, float *to) {
  int wide = t->type->dtype == RNL_F64;
  if (t->type->dtype == RNL_I32)
    return rnli_source_refuse(s, "tensor '%s' holds integers (%s); expected "
                              "floats", rnli_brief(t->name).text,
                              t->type->code);
  for (size_t at = 0, n; at < count; at += n) {
    int status = read_piece(s, t, from + at, from + count,
                            wide ? NULL : to + at, &n);
    if (status != RNL_OK) return status;
    const double *x = (const void *)s->piece;
    for (size_t i = 0; wide && i < n; i++) to[at + i] = (float)x[i];
    size_t wild = find_wild(to + at, n);
    if (wild < n)
      return rnli_source_refuse(s, "tensor '%s': its number %zu is not finite "
                                "in float32", rnli_brief(t->name).text,
                                from + at + wild + (size_t)s->ctx->base);
  }
  return RNL_OK;
}

/* }====================================================================== */

/* {== The digest ========================================================= */

uint64_t rnli_digest_words (uint64_t d, const void *p, size_t n) {
  uint64_t w;
  for (size_t i = 0; i + sizeof w <= n; i += sizeof w) {
    memcpy(&w, (const char *)p + i, sizeof w);
    d = rnli_mix(d, w);
  }
  return d;
}


uint64_t rnli_digest (uint64_t d, const void *p, size_t n, int ndim,
                      const int *dim) {
  uint64_t w = 0;
  size_t rest = n % sizeof w;
  d = rnli_digest_words(d, p, n);
  if (rest) memcpy(&w, (const char *)p + n - rest, rest);
  d = rnli_mix(d, w);
  for (int i = 0; i < ndim; i++) d = rnli_mix(d, (uint64_t)dim[i]);
  return rnli_mix(d, (uint64_t)ndim);
}


void rnli_digest_text (uint64_t d, char text[17]) {
  snprintf(text, 17, "%016" PRIx64, d);
}


int rnli_source_compare (const rnli_Source *s, uint64_t d) {
  const char *want = rnli_source_meta(s, RNLI_DIGEST_KEY);
  char got[17];
  rnli_digest_text(d, got);
  if (!want || strcmp(want, got) == 0) return RNL_OK;
  return rnli_source_refuse(s, "is damaged: its data does not match its "
                            "checksum; restore it from a copy");
}


int rnli_source_check (rnli_Source *s) {
  uint64_t d = RNLI_DIGEST_START;
  for (int i = 0; i < s->n; i++) {
    rnli_Stored t;
    rnli_source_at(s, i, &t);
    int status = rnli_source_read(s, &t, NULL, &d);
    if (status != RNL_OK) return status;
  }
  return rnli_source_compare(s, d);
}

/* }====================================================================== */
