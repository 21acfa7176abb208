/*
** vectors.c - reading word vectors from bytes that come in pieces.
**
** Bytes wait in a buffer until they hold a whole line, or a whole word with its
** numbers; no more than one of them is ever held back, and both have limits.
** Rows go to blocks of a fixed size, so that memory follows what was read,
** never what the first line says.
*/
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "text/number.h"
#include "text/text.h"

enum {
  MAX_LINE = 64 * RNL_MAX_DIMENSIONS + RNL_MAX_WORD,
  BLOCK = 1 << 20      /* bytes of a block of rows, about */
};

struct rnl_VectorReader {
  rnl_Context *ctx;
  rnl_VectorFormat format;   /* AUTO until that is known */
  rnl_Dtype dtype;
  locale_t c;                /* for numbers that take strtod */
  int started;               /* the first line was read */
  int counted;               /* it told 'words' */
  uint64_t words;
  int dim;                   /* 0 until it is known */
  uint64_t lines, seen;      /* lines and words so far */
  char *buf;                 /* 'n' bytes, those from 'at' on wait; a NUL ends
                                them */
  size_t at, n, capacity;
  size_t searched;           /* from 'at' on, without a newline */
  int ended;
  const char *numbers;       /* of the word 'next' gave, in 'buf', or NULL, */
  const char *numbers_end;   /* and where its line ends */
  void **block;
  size_t nblocks, block_room;
  size_t per_block;          /* rows in a block */
  int rows;
};

/* A part of the buffer. */
typedef struct Span {
  const char *s, *end;
} Span;


int rnl_vectors_new (rnl_Context *ctx, rnl_VectorFormat format,
                     rnl_Dtype dtype, rnl_VectorReader **out) {
  *out = NULL;
  if (dtype != RNL_F32 && dtype != RNL_F64)
    return rnli_error(ctx, RNL_EDTYPE, "vectors: 'dtype' must be float32 or "
                      "float64, got %s", rnl_dtype_name(dtype));
  rnl_VectorReader *r = rnli_get(ctx, sizeof *r);
  if (!r) return rnli_nomem(ctx, "a reader of vectors", sizeof *r);
  *r = (rnl_VectorReader){.ctx = ctx, .format = format, .dtype = dtype};
  r->c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  if (!r->c) {
    rnli_put(ctx, r);
    return rnli_nomem(ctx, "a locale", 0);
  }
  rnl_context_retain(ctx);
  *out = r;
  return RNL_OK;
}


static void free_blocks (rnl_VectorReader *r) {
  for (size_t i = 0; i < r->nblocks; i++) rnli_put(r->ctx, r->block[i]);
  rnli_put(r->ctx, r->block);
  r->block = NULL;
  r->nblocks = r->block_room = 0;
}


void rnl_vectors_free (rnl_VectorReader *r) {
  if (!r) return;
  rnl_Context *ctx = r->ctx;
  freelocale(r->c);
  free_blocks(r);
  rnli_put(ctx, r->buf);
  rnli_put(ctx, r);
  rnl_context_release(ctx);
}

/* {== Bytes ============================================================== */

static int make_room (rnl_VectorReader *r, size_t n) {
  size_t waiting = r->n - r->at, need = rnli_add(waiting, rnli_add(n, 1));
  if (r->at) memmove(r->buf, r->buf + r->at, waiting);
  r->at = 0;
  r->n = waiting;
  if (need <= r->capacity) return RNL_OK;
  if (need < 2 * r->capacity) need = 2 * r->capacity;
  char *buf = rnli_get(r->ctx, need);
  if (!buf) return rnli_nomem(r->ctx, "vectors: bytes of a file", need);
  if (waiting) memcpy(buf, r->buf, waiting);
  rnli_put(r->ctx, r->buf);
  r->buf = buf;
  r->capacity = need;
  return RNL_OK;
}


int rnl_vectors_feed (rnl_VectorReader *r, const char *s, size_t n) {
  r->numbers = NULL;
  if (n == 0) return RNL_OK;
  int status = make_room(r, n);
  if (status != RNL_OK) return status;
  memcpy(r->buf + r->n, s, n);
  r->n += n;
  r->buf[r->n] = '\0';
  return RNL_OK;
}


void rnl_vectors_end (rnl_VectorReader *r) {
  r->ended = 1;
}


static void drop (rnl_VectorReader *r, size_t n) {
  r->at += n;
  r->searched = 0;
}


static int is_space (char c) {
  return c == ' ' || c == '\t';
}


/*
** The line that comes next, without its end; nothing is dropped. line->s is
** NULL when it is not there yet, or there is none. '*size' is what to drop.
*/
static int find_line (rnl_VectorReader *r, Span *line, size_t *size) {
  const char *s = r->buf + r->at;
  size_t n = r->n - r->at;
  *line = (Span){NULL, NULL};
  if (n == 0) return RNL_OK;
  const char *lf = memchr(s + r->searched, '\n', n - r->searched);
  r->searched = lf ? (size_t)(lf - s) : n;
  if (r->searched > MAX_LINE)
    return rnli_error(r->ctx, RNL_EFORMAT, "line %llu is longer than %d bytes",
                      (unsigned long long)r->lines + 1, MAX_LINE);
  if (!lf && !r->ended) return RNL_OK;
  *line = (Span){s, s + r->searched};
  *size = r->searched + (lf != NULL);
  if (line->end > s && line->end[-1] == '\r') line->end--;
  return RNL_OK;
}

/* }====================================================================== */

/* {== Numbers ============================================================ */

/* The number that is the field at 's' of a line; its end, NULL when none. */
static const char *read_number (const rnl_VectorReader *r, const char *s,
                                const char *line_end, double *x) {
  s = rnli_number(s, r->c, x);
  return s && (s == line_end || is_space(*s)) ? s : NULL;
}


/* Puts a number where it belongs; 0 if it is not finite there. */
static int store (const rnl_VectorReader *r, void *row, int i, double x) {
  if (r->dtype == RNL_F64) {
    ((double *)row)[i] = x;
    return isfinite(x);
  }
  float y = (float)x;
  ((float *)row)[i] = y;
  return isfinite(y);
}

/* }====================================================================== */

/* {== Rows =============================================================== */

/* A longer list of blocks. */
static int grow_list (rnl_VectorReader *r) {
  size_t room = r->block_room ? 2 * r->block_room : 64;
  size_t bytes = rnli_mul(room, sizeof *r->block);
  void **list = rnli_get(r->ctx, bytes);
  if (!list) return rnli_nomem(r->ctx, "vectors", bytes);
  if (r->nblocks) memcpy(list, r->block, r->nblocks * sizeof *list);
  rnli_put(r->ctx, r->block);
  r->block = list;
  r->block_room = room;
  return RNL_OK;
}


static size_t row_bytes (const rnl_VectorReader *r) {
  return (size_t)r->dim * rnl_dtype_size(r->dtype);
}


/* Room for one row more. */
static int next_row (rnl_VectorReader *r, void **row) {
  size_t bytes = row_bytes(r);
  if (r->rows == INT_MAX)
    return rnli_error(r->ctx, RNL_EFORMAT, "more than %d words", INT_MAX);
  if (!r->per_block) r->per_block = bytes < BLOCK ? BLOCK / bytes : 1;
  size_t i = (size_t)r->rows / r->per_block;
  if (i == r->nblocks) {
    int status = i == r->block_room ? grow_list(r) : RNL_OK;
    if (status != RNL_OK) return status;
    r->block[i] = rnli_get(r->ctx, r->per_block * bytes);
    if (!r->block[i])
      return rnli_nomem(r->ctx, "vectors", r->per_block * bytes);
    r->nblocks++;
  }
  *row = (char *)r->block[i] + (size_t)r->rows % r->per_block * bytes;
  return RNL_OK;
}


int rnl_vectors_tensor (rnl_VectorReader *r, rnl_Tensor **out) {
  int dim[2] = {r->rows, r->dim};
  int status = rnli_tensor_raw(r->ctx, r->dtype, 2, dim, 0, out);
  if (status != RNL_OK) return status;
  size_t left = (size_t)r->rows, bytes = row_bytes(r);
  char *to = (*out)->data;
  for (size_t i = 0; i < r->nblocks; i++) {
    size_t rows = left < r->per_block ? left : r->per_block;
    memcpy(to, r->block[i], rows * bytes);
    rnli_put(r->ctx, r->block[i]);
    r->block[i] = NULL;
    to += rows * bytes;
    left -= rows;
  }
  free_blocks(r);
  r->rows = 0;
  return RNL_OK;
}

/* }====================================================================== */

/* {== Lines ============================================================== */

static int bad_line (rnl_VectorReader *r, const char *fmt, ...)
    RNLI_PRINTF(2, 3);

static int bad_line (rnl_VectorReader *r, const char *fmt, ...) {
  char text[200];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  return rnli_error(r->ctx, RNL_EFORMAT, "line %llu: %s",
                    (unsigned long long)r->lines, text);
}


/* Bytes fit for a message: the beginning, without controls. */
typedef struct Shown {
  char text[48];
} Shown;


static Shown show (const char *s, const char *end) {
  Shown b;
  size_t used = 0;
  while (s < end && used < sizeof b.text - 8) {
    int32_t code;
    int len = rnli_utf8_scan((const unsigned char *)s, (size_t)(end - s),
                             &code);
    int fine = len > 0 && rnli_utf8_visible(code);
    memcpy(b.text + used, fine ? s : "?", fine ? (size_t)len : 1);
    used += fine ? (size_t)len : 1;
    s += len > 0 ? len : 1;
  }
  snprintf(b.text + used, sizeof b.text - used, "%s", s < end ? "..." : "");
  return b;
}


/* Where the field that ends at 'end' begins. */
static const char *last_field (const char *s, const char *end) {
  while (end > s && !is_space(end[-1])) end--;
  return end;
}


static const char *trim (const char *s, const char *end) {
  while (end > s && is_space(end[-1])) end--;
  return end;
}


static int is_number (const rnl_VectorReader *r, const char *s,
                      const char *line_end) {
  double x;
  return read_number(r, s, line_end, &x) != NULL;
}


/* Numbers that a line ends in, its first field aside. */
static int count_numbers (const rnl_VectorReader *r, Span line) {
  const char *end = trim(line.s, line.end);
  for (int n = 0;; n++) {
    const char *field = last_field(line.s, end);
    if (field == line.s || !is_number(r, field, line.end)) return n;
    end = trim(line.s, field);
  }
}


/*
** Splits a line into word and numbers, of which it must have r->dim; the
** numbers themselves are looked at when they are taken. What makes a line too
** long is known by the word: it seems to end in a number.
*/
static int split_line (rnl_VectorReader *r, Span line, Span *word) {
  const char *field = line.end, *end;
  for (int i = 0; i < r->dim; i++) {
    end = trim(line.s, field);
    field = last_field(line.s, end);
  }
  end = trim(line.s, field);
  *word = (Span){line.s, end};
  const char *last = last_field(line.s, end);
  int crowded = last > line.s && is_number(r, last, line.end);
  if (end == line.s || crowded) {
    int n = count_numbers(r, line);
    return bad_line(r, "expected a word and %d number%s, got %d number%s",
                    r->dim, r->dim == 1 ? "" : "s", n, n == 1 ? "" : "s");
  }
  if (end - line.s > RNL_MAX_WORD)
    return bad_line(r, "its word is longer than %d bytes", RNL_MAX_WORD);
  r->numbers = field;
  r->numbers_end = line.end;
  return RNL_OK;
}


static int take_line (rnl_VectorReader *r, void *row) {
  const char *s = r->numbers, *line_end = r->numbers_end;
  for (int i = 0; i < r->dim; i++) {
    double x = 0;
    while (s < line_end && is_space(*s)) s++;
    const char *from = s, *end = read_number(r, s, line_end, &x);
    int fits = end && store(r, row, i, x);
    while (s < line_end && !is_space(*s)) s++;
    if (!end)
      return bad_line(r, "'%s' is not a number; expected a word and %d of them",
                      show(from, s).text, r->dim);
    if (!fits)
      return bad_line(r, "'%s' is too large for %s", show(from, s).text,
                      rnl_dtype_name(r->dtype));
  }
  return RNL_OK;
}


/* The file is over: is it whole? */
static int check_end (rnl_VectorReader *r) {
  if (!r->counted || r->seen == r->words) return RNL_OK;
  return rnli_error(r->ctx, RNL_EFORMAT, "is truncated: it ends after %llu of "
                    "the %llu words that its first line says",
                    (unsigned long long)r->seen,
                    (unsigned long long)r->words);
}


static int count_word (rnl_VectorReader *r) {
  if (!r->counted || r->seen < r->words) {
    r->seen++;
    return RNL_OK;
  }
  return rnli_error(r->ctx, RNL_EFORMAT, "goes on after the %llu words that "
                    "its first line says", (unsigned long long)r->words);
}


/* Empty lines are passed over. */
static int next_line (rnl_VectorReader *r, Span *word) {
  Span line;
  size_t size = 0;
  do {
    int status = find_line(r, &line, &size);
    if (status != RNL_OK) return status;
    if (!line.s) return r->ended ? check_end(r) : RNL_OK;
    drop(r, size);
    r->lines++;
  } while (trim(line.s, line.end) == line.s);
  int status = count_word(r);
  return status == RNL_OK ? split_line(r, line, word) : status;
}

/* }====================================================================== */

/* {== Binary ============================================================= */

static int bad_word (rnl_VectorReader *r, const char *what) {
  return rnli_error(r->ctx, RNL_EFORMAT, "word %llu of %llu: %s",
                    (unsigned long long)r->seen + 1,
                    (unsigned long long)r->words, what);
}


/* Some tools end a vector with a newline, others do not. */
static int next_binary (rnl_VectorReader *r, Span *word) {
  while (r->at < r->n && r->buf[r->at] == '\n') drop(r, 1);
  const char *s = r->buf + r->at;
  size_t n = r->n - r->at, bytes = (size_t)r->dim * sizeof(float);
  if (n == 0) return r->ended ? check_end(r) : RNL_OK;
  size_t most = n < RNL_MAX_WORD + 1 ? n : RNL_MAX_WORD + 1;
  const char *space = memchr(s, ' ', most);
  if (!space && most > RNL_MAX_WORD)
    return bad_word(r, "is too long; is this the binary format?");
  if (!space || (size_t)(s + n - space - 1) < bytes)
    return r->ended ? bad_word(r, "is truncated") : RNL_OK;
  if (space == s) return bad_word(r, "is empty");
  int status = count_word(r);
  if (status != RNL_OK) return status;
  *word = (Span){s, space};
  r->numbers = space + 1;
  drop(r, (size_t)(space + 1 - s) + bytes);
  return RNL_OK;
}


static int take_binary (rnl_VectorReader *r, void *row) {
  const unsigned char *p = (const unsigned char *)r->numbers;
  for (int i = 0; i < r->dim; i++, p += 4) {
    uint32_t bits = (uint32_t)p[0] | (uint32_t)p[1] << 8 |
                    (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    float x;
    memcpy(&x, &bits, sizeof x);
    if (!store(r, row, i, (double)x)) {
      r->seen--;
      return bad_word(r, "has a number that is not finite");
    }
  }
  return RNL_OK;
}

/* }====================================================================== */

/* {== The beginning ====================================================== */

/* A whole number from 0 on; returns its end, NULL when there is none. */
static const char *read_whole (const char *s, uint64_t *n) {
  const char *from = s;
  for (*n = 0; *s >= '0' && *s <= '9' && s - from < 18; s++)
    *n = *n * 10 + (uint64_t)(*s - '0');
  return s > from ? s : NULL;
}


/* Is it "WORDS DIMENSIONS"? */
static int is_header (Span line, uint64_t *words, uint64_t *dim) {
  const char *s = read_whole(line.s, words);
  if (!s || !is_space(*s)) return 0;
  while (is_space(*s)) s++;
  s = read_whole(s, dim);
  return s && trim(s, line.end) == s;
}


static int check_dimensions (rnl_VectorReader *r, uint64_t dim) {
  if (dim < 1 || dim > RNL_MAX_DIMENSIONS)
    return rnli_error(r->ctx, RNL_EFORMAT, "line 1: vectors must have 1 to %d "
                      "dimensions, got %llu", RNL_MAX_DIMENSIONS,
                      (unsigned long long)dim);
  r->dim = (int)dim;
  return RNL_OK;
}


/* Is it no text: has it bytes that are no UTF-8, or controls? */
static int looks_binary (const char *s, size_t n) {
  if (rnl_utf8_check(s, n, NULL) + rnl_utf8_tail(s, n) < n) return 1;
  for (size_t i = 0; i < n; i++)
    if ((unsigned char)s[i] < ' ' && !strchr("\t\n\r", s[i])) return 1;
  return memchr(s, '\0', n) != NULL;
}


/*
** Text or binary, after the first line? A line of numbers is text. AUTO as long
** as it takes more bytes to tell.
*/
static rnl_VectorFormat tell_format (rnl_VectorReader *r) {
  Span line, word;
  size_t size, n = r->n - r->at;
  size_t sample = (size_t)r->dim * sizeof(float) + 64;
  if (n < sample && !r->ended) return RNL_VECTORS_AUTO;
  int status = find_line(r, &line, &size);
  if (n == 0) return RNL_VECTORS_WORD2VEC;
  if (status == RNL_OK && !line.s) return RNL_VECTORS_AUTO;
  if (status == RNL_OK && count_numbers(r, line) >= r->dim &&
      split_line(r, line, &word) == RNL_OK)
    return RNL_VECTORS_WORD2VEC;
  return looks_binary(r->buf + r->at, n < sample ? n : sample)
         ? RNL_VECTORS_BINARY : RNL_VECTORS_WORD2VEC;
}


/* Without a first line of counts the first word tells the dimensions. */
static int start_glove (rnl_VectorReader *r, Span line) {
  r->format = RNL_VECTORS_GLOVE;
  r->lines = 1;
  int n = count_numbers(r, line);
  if (n == 0)
    return bad_line(r, "expected a word and its numbers, got '%s'",
                    show(line.s, line.end).text);
  int status = check_dimensions(r, (uint64_t)n);
  r->lines = 0;
  r->started = status == RNL_OK;
  return status;
}


static int start_counted (rnl_VectorReader *r, uint64_t words, uint64_t dim,
                          size_t size) {
  r->counted = 1;
  r->words = words;
  drop(r, size);
  r->lines = 1;
  r->started = 1;
  return check_dimensions(r, dim);
}


/* The first line, after a byte order mark. */
static int start (rnl_VectorReader *r) {
  Span line;
  size_t size = 0;
  uint64_t words, dim;
  size_t mark = r->n - r->at >= 3 &&
                memcmp(r->buf + r->at, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
  int status = find_line(r, &line, &size);
  if (status != RNL_OK) return status;
  if (!line.s)
    return r->ended ? rnli_error(r->ctx, RNL_EFORMAT, "is empty") : RNL_OK;
  line.s += mark;
  if (r->format != RNL_VECTORS_GLOVE && is_header(line, &words, &dim))
    return start_counted(r, words, dim, size);
  if (r->format == RNL_VECTORS_WORD2VEC || r->format == RNL_VECTORS_BINARY)
    return rnli_error(r->ctx, RNL_EFORMAT, "line 1: expected the number of "
                      "words and of dimensions, got '%s'",
                      show(line.s, line.end).text);
  drop(r, mark);
  return start_glove(r, line);
}

/* }====================================================================== */

int rnl_vectors_next (rnl_VectorReader *r, const char **word, size_t *n) {
  int status = RNL_OK;
  Span found = {NULL, NULL};
  r->numbers = NULL;
  *word = NULL;
  *n = 0;
  if (!r->started) status = start(r);
  if (status == RNL_OK && r->started && r->format == RNL_VECTORS_AUTO)
    r->format = tell_format(r);
  if (status != RNL_OK || !r->started || r->format == RNL_VECTORS_AUTO)
    return status;
  status = r->format == RNL_VECTORS_BINARY ? next_binary(r, &found)
                                           : next_line(r, &found);
  if (status != RNL_OK) return status;
  *word = found.s;
  *n = (size_t)(found.end - found.s);
  return RNL_OK;
}


int rnl_vectors_take (rnl_VectorReader *r) {
  void *row = NULL;
  if (!r->numbers)
    return rnli_error(r->ctx, RNL_ESTATE, "vectors: there is no word to take");
  int status = next_row(r, &row);
  if (status != RNL_OK) return status;
  status = r->format == RNL_VECTORS_BINARY ? take_binary(r, row)
                                           : take_line(r, row);
  r->rows += status == RNL_OK;
  return status;
}
