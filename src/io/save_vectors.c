/*
** save_vectors.c - writing word vectors in the formats that rnl_vectors_next
** reads. What it would not read back as it is, is refused before a file is
** opened.
*/
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "io/io.h"

typedef struct Writer {
  rnli_Atomic file;
  rnl_VectorFormat format;
  const rnl_Word *word;
  const rnl_Tensor *weight;
  int V, D;
  size_t n;               /* bytes that wait in 'buf' */
  char buf[1 << 14];
} Writer;

/* {== Checks ============================================================= */

static int refuse (const Writer *w, int i, const char *what) {
  char text[64];
  size_t n = w->word[i].n < sizeof text - 1 ? w->word[i].n : sizeof text - 1;
  memcpy(text, w->word[i].s, n);
  text[n] = '\0';
  return rnli_error(w->file.ctx, RNL_EFORMAT, "%.300s: word %d, '%s', %s",
                    w->file.path, i + w->file.ctx->base, rnli_brief(text).text,
                    what);
}


/* Is a word with spaces the same after reading it? */
static int reads_back (const Writer *w, int i, int *same) {
  const rnl_Word *word = &w->word[i];
  const char *got;
  size_t n;
  rnl_VectorReader *r;
  int status = rnl_vectors_new(w->file.ctx, RNL_VECTORS_WORD2VEC, RNL_F32, &r);
  if (status != RNL_OK) return status;
  status = rnl_vectors_feed(r, "1 1\n", 4);
  if (status == RNL_OK) status = rnl_vectors_feed(r, word->s, word->n);
  if (status == RNL_OK) status = rnl_vectors_feed(r, " 0\n", 3);
  if (status == RNL_OK) {
    rnl_vectors_end(r);
    *same = rnl_vectors_next(r, &got, &n) == RNL_OK && n == word->n &&
            memcmp(got, word->s, n) == 0;
  }
  rnl_vectors_free(r);
  return status;
}


static int check_word (const Writer *w, int i) {
  const rnl_Word *word = &w->word[i];
  int same = 1, status = RNL_OK;
  if (word->n == 0) return refuse(w, i, "is empty");
  if (word->n > RNL_MAX_WORD) return refuse(w, i, "is too long");
  if (memchr(word->s, '\n', word->n)) return refuse(w, i, "has a newline");
  if (i == 0 && w->format == RNL_VECTORS_GLOVE && word->n >= 3 &&
      memcmp(word->s, "\xEF\xBB\xBF", 3) == 0)
    return refuse(w, i, "begins the file with a byte order mark");
  int spaces = memchr(word->s, ' ', word->n) != NULL;
  if (spaces && w->format == RNL_VECTORS_BINARY)
    return refuse(w, i, "has a space, which the binary format has not");
  if (spaces || memchr(word->s, '\t', word->n))
    if (w->format != RNL_VECTORS_BINARY) status = reads_back(w, i, &same);
  if (status != RNL_OK) return status;
  return same ? RNL_OK : refuse(w, i, "has spaces that make it unreadable");
}


static double number_at (const Writer *w, int i, int k) {
  double x = rnl_get(w->weight, (size_t)i * (size_t)w->D + (size_t)k);
  return w->format == RNL_VECTORS_BINARY ? (double)(float)x : x;
}


static int check_row (const Writer *w, int i) {
  for (int k = 0; k < w->D; k++)
    if (!isfinite(number_at(w, i, k)))
      return refuse(w, i, "has a number that is not finite");
  return RNL_OK;
}


static int check_shape (const Writer *w) {
  const rnl_Tensor *t = w->weight;
  if (t->dtype == RNL_I32)
    return rnli_error(t->ctx, RNL_EDTYPE, "vectors must be float32 or "
                      "float64, got int32");
  if (t->ndim != 2 || t->dim[1] < 1 || t->dim[1] > RNL_MAX_DIMENSIONS)
    return rnli_error(t->ctx, RNL_ESHAPE, "vectors must be (V, D) with D from "
                      "1 to %d, got %s", RNL_MAX_DIMENSIONS,
                      rnli_shape(t).text);
  return RNL_OK;
}


static int check_all (const Writer *w) {
  int status = RNL_OK;
  if (w->V == 0 && w->format == RNL_VECTORS_GLOVE)
    return rnli_error(w->file.ctx, RNL_EFORMAT, "%.300s: the format glove "
                      "cannot tell that there are no words", w->file.path);
  for (int i = 0; status == RNL_OK && i < w->V; i++) {
    status = check_word(w, i);
    if (status == RNL_OK) status = check_row(w, i);
  }
  return status;
}

/* }====================================================================== */

/* {== Writing ============================================================ */

/* After an error there is no file any more. */
static int put (Writer *w, const char *s, size_t n) {
  while (n > 0) {
    size_t part = sizeof w->buf - w->n;
    if (part > n) part = n;
    memcpy(w->buf + w->n, s, part);
    w->n += part;
    s += part;
    n -= part;
    if (w->n < sizeof w->buf) break;
    int status = rnli_atomic_write(&w->file, w->buf, w->n);
    if (status != RNL_OK) return status;
    w->n = 0;
  }
  return RNL_OK;
}


static int put_text (Writer *w, int i) {
  int status = RNL_OK, digits = w->weight->dtype == RNL_F64 ? 17 : 9;
  for (int k = 0; status == RNL_OK && k < w->D; k++) {
    char text[32];
    int n = snprintf(text, sizeof text, " %.*g", digits, number_at(w, i, k));
    status = put(w, text, (size_t)n);
  }
  return status;
}


static int put_binary (Writer *w, int i) {
  int status = put(w, " ", 1);
  for (int k = 0; status == RNL_OK && k < w->D; k++) {
    float x = (float)number_at(w, i, k);
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    char byte[4];
    for (int b = 0; b < 4; b++) byte[b] = (char)(bits >> 8 * b & 0xFF);
    status = put(w, byte, sizeof byte);
  }
  return status;
}


static int put_all (Writer *w) {
  char text[40];
  int status = RNL_OK, n = snprintf(text, sizeof text, "%d %d\n", w->V, w->D);
  if (w->format != RNL_VECTORS_GLOVE) status = put(w, text, (size_t)n);
  for (int i = 0; status == RNL_OK && i < w->V; i++) {
    status = put(w, w->word[i].s, w->word[i].n);
    if (status == RNL_OK)
      status = w->format == RNL_VECTORS_BINARY ? put_binary(w, i)
                                               : put_text(w, i);
    if (status == RNL_OK) status = put(w, "\n", 1);
  }
  if (status == RNL_OK && w->n > 0)
    status = rnli_atomic_write(&w->file, w->buf, w->n);
  return status == RNL_OK ? rnli_atomic_commit(&w->file) : status;
}


int rnl_vectors_save (rnl_Context *ctx, const char *path,
                      rnl_VectorFormat format, const rnl_Word *word,
                      rnl_Tensor *weight) {
  Writer w = {.file = {.ctx = ctx, .path = path}, .format = format,
              .word = word, .weight = weight};
  if (format == RNL_VECTORS_AUTO)
    return rnli_error(ctx, RNL_EARG, "vectors: a format to write is needed");
  int status = check_shape(&w);
  if (status != RNL_OK) return status;
  w.V = weight->dim[0];
  w.D = weight->dim[1];
  status = check_all(&w);
  if (status == RNL_OK) status = rnli_atomic_open(ctx, path, &w.file);
  if (status != RNL_OK) return status;
  locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  if (!c) {
    rnli_atomic_drop(&w.file);
    return rnli_nomem(ctx, "a locale", 0);
  }
  locale_t old = uselocale(c);
  status = put_all(&w);
  uselocale(old);
  freelocale(c);
  return status;
}

/* }====================================================================== */
