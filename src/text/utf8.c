/*
** utf8.c - UTF-8: decoding, checking, repairing, normal forms. The only file
** that sees utf8proc.
**
** A normal form (UAX #15) is made in one pass. The text is cut into clusters,
** a starter (a code point of combining class 0) and the marks after it; the
** marks are sorted by class and composed with the starter, and a starter that
** composes with the cluster before it joins it. So memory is that of the
** result and of the longest cluster, and time is linear: marks are sorted by
** counting, for a hostile text may be one run of them.
*/
#include <string.h>
#include <utf8proc.h>

#include "text/text.h"

static const unsigned char *bytes_of (const char *s) {
  return (const unsigned char *)s;
}

/* {== Decoding and checking ============================================== */

int rnl_utf8_decode (const char *s, size_t n, int32_t *code) {
  int32_t c;
  int len = rnli_utf8_scan(bytes_of(s), n, &c);
  if (len < 0) return 0;
  *code = c;
  return len;
}


int rnl_utf8_encode (int32_t code, char buf[4]) {
  if (!rnli_is_scalar(code)) return 0;
  if (code < 0x80) {
    buf[0] = (char)code;
    return 1;
  }
  int len = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  for (int i = len - 1; i > 0; i--) {
    buf[i] = (char)(0x80 | (code & 0x3F));
    code >>= 6;
  }
  buf[0] = (char)((0xF00 >> len & 0xFF) | code);
  return len;
}


static size_t line_of (const char *s, size_t n) {
  size_t line = 1;
  const char *end = s + n;
  while (s < end && (s = memchr(s, '\n', (size_t)(end - s))) != NULL) {
    line++;
    s++;
  }
  return line;
}


size_t rnl_utf8_check (const char *s, size_t n, size_t *line) {
  size_t i = 0;
  while (i < n) {
    int32_t code;
    i += rnli_ascii_run(bytes_of(s + i), n - i);
    if (i == n) break;
    int len = rnli_utf8_scan(bytes_of(s + i), n - i, &code);
    if (len < 0) break;
    i += (size_t)len;
  }
  if (line) *line = line_of(s, i);
  return i;
}


size_t rnl_utf8_tail (const char *s, size_t n) {
  for (size_t k = 1; k <= 3 && k <= n; k++) {
    unsigned c = bytes_of(s)[n - k];
    int32_t code;
    if (c < 0x80) return 0;
    if (c < 0xC0) continue;   /* the first byte comes before */
    size_t len = c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
    int got = rnli_utf8_scan(bytes_of(s + n - k), k, &code);
    return k < len && c >= 0xC2 && c <= 0xF4 && got == -(int)k ? k : 0;
  }
  return 0;
}


int rnli_utf8_visible (int32_t code) {
  switch (utf8proc_category(code)) {
    case UTF8PROC_CATEGORY_CN: case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF: case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO: case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP: case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC: case UTF8PROC_CATEGORY_ME:
      return 0;
    default:
      return 1;
  }
}


char rnli_utf8_class (int32_t code) {
  switch (utf8proc_category(code)) {
    case UTF8PROC_CATEGORY_LU: case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT: case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
      return 'L';
    case UTF8PROC_CATEGORY_MN: case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
      return 'M';
    case UTF8PROC_CATEGORY_ND: case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return 'N';
    default:
      return 'Z';
  }
}

/* }====================================================================== */

/* {== Memory that grows ================================================== */

typedef struct Buffer {
  rnl_Context *ctx;
  char *p;
  size_t n;       /* bytes in use */
  size_t size;
} Buffer;


/* Room for 'more' bytes; doubles, so that appending is linear. */
static int room (Buffer *b, size_t more) {
  size_t need = rnli_add(b->n, more);
  if (need <= b->size) return RNL_OK;
  size_t size = need > 2 * b->size ? need : 2 * b->size;
  char *p = rnli_get(b->ctx, size);
  if (!p) return rnli_nomem(b->ctx, "text", size);
  if (b->n) memcpy(p, b->p, b->n);
  rnli_put(b->ctx, b->p);
  b->p = p;
  b->size = size;
  return RNL_OK;
}


static int append (Buffer *b, const void *p, size_t n) {
  int status = room(b, n);
  if (status != RNL_OK) return status;
  if (n) memcpy(b->p + b->n, p, n);
  b->n += n;
  return RNL_OK;
}


/* Hands the text over, ended by a NUL, or frees it. */
static int finish (Buffer *b, int status, char **out, size_t *nout) {
  if (status == RNL_OK) status = room(b, 1);
  if (status != RNL_OK) {
    rnli_put(b->ctx, b->p);
    return status;
  }
  b->p[b->n] = '\0';
  *out = b->p;
  *nout = b->n;
  return RNL_OK;
}


void rnl_text_free (rnl_Context *ctx, char *s) {
  rnli_put(ctx, s);
}

/* }====================================================================== */

/* {== Repairing ========================================================== */

int rnl_utf8_repair (rnl_Context *ctx, int replace, const char *s, size_t n,
                     char **out, size_t *nout) {
  Buffer b = {.ctx = ctx};
  *out = NULL;
  *nout = 0;
  int status = room(&b, rnli_add(n, 1));
  for (size_t i = 0; status == RNL_OK && i < n;) {
    int32_t code;
    size_t good = rnl_utf8_check(s + i, n - i, NULL);
    status = append(&b, s + i, good);
    i += good;
    if (status != RNL_OK || i == n) break;
    i += (size_t)-rnli_utf8_scan(bytes_of(s + i), n - i, &code);
    if (replace) status = append(&b, "\xEF\xBF\xBD", 3);   /* U+FFFD */
  }
  return finish(&b, status, out, nout);
}

/* }====================================================================== */

/* {== Line ends ========================================================== */

int rnl_text_lf (rnl_Context *ctx, const char *s, size_t n, char **out,
                 size_t *nout) {
  Buffer b = {.ctx = ctx};
  *out = NULL;
  *nout = 0;
  int status = room(&b, rnli_add(n, 1));
  while (status == RNL_OK && n > 0) {
    const char *cr = memchr(s, '\r', n);
    size_t k = cr ? (size_t)(cr - s) : n;   /* bytes before the CR */
    size_t next = cr ? k + 1 : k;
    if (cr && !(next < n && s[next] == '\n')) k = next;   /* it stays */
    status = append(&b, s, k);
    s += next;
    n -= next;
  }
  return finish(&b, status, out, nout);
}

/* }====================================================================== */

/* {== Normal forms ======================================================= */

/* Code points an expansion has at most (18 is the largest known). */
enum { EXPANSION = 64, SHORT_RUN = 32, CODE = sizeof(int32_t) };

typedef struct Work {
  rnl_Context *ctx;
  utf8proc_option_t options;
  int32_t limit;    /* code points below are plain, see there */
  Buffer out;
  Buffer cluster;   /* int32_t code points: starter, marks */
} Work;


static int class_of (int32_t code) {
  return utf8proc_get_property(code)->combining_class;
}


static int32_t *codes_of (Work *w, size_t *n) {
  *n = w->cluster.n / CODE;
  return (int32_t *)(void *)w->cluster.p;
}


/*
** Is the code point its own normal form, and one that joins nothing before
** it? True of ASCII, of Latin-1 and Latin Extended in NFC, of the CJK
** ideographs and Hangul syllables. False is always safe.
*/
static inline int plain (const Work *w, int32_t code) {
  return code < w->limit || (code >= 0x3400 && code <= 0x9FFF) ||
         (code >= 0xAC00 && code <= 0xD7A3);
}


/*
** Bytes at 's' that are copied as they are: plain code points, without the
** last one if something follows that may join it.
*/
static size_t plain_run (const Work *w, const char *s, size_t n) {
  size_t i = 0;
  size_t last = 0;
  while (i < n) {
    int32_t code;
    size_t run = rnli_ascii_run(bytes_of(s + i), n - i);
    if (run) last = i + run - 1;
    i += run;
    if (i == n) break;
    int len = rnli_utf8_scan(bytes_of(s + i), n - i, &code);
    if (len < 0 || !plain(w, code)) return last;
    last = i;
    i += (size_t)len;
  }
  return i;
}


/* Sorts by combining class, stable: few code points by insertion. */
static void sort_few (int32_t *code, size_t n) {
  for (size_t i = 1; i < n; i++) {
    int32_t c = code[i];
    int class = class_of(c);
    size_t at = i;
    for (; at > 0 && class_of(code[at - 1]) > class; at--)
      code[at] = code[at - 1];
    code[at] = c;
  }
}


/* The same for many, by counting; 'sorted' has room for n. */
static void sort_many (int32_t *code, size_t n, int32_t *sorted) {
  size_t start[257] = {0};
  for (size_t i = 0; i < n; i++) start[(class_of(code[i]) & 255) + 1]++;
  for (int c = 0; c < 256; c++) start[c + 1] += start[c];
  for (size_t i = 0; i < n; i++)
    sorted[start[class_of(code[i]) & 255]++] = code[i];
  memcpy(code, sorted, n * sizeof *code);
}


static int sort_marks (Work *w, int32_t *code, size_t n) {
  if (n <= SHORT_RUN) {
    sort_few(code, n);
    return RNL_OK;
  }
  int32_t *sorted = rnli_get(w->ctx, n * sizeof *code);
  if (!sorted) return rnli_nomem(w->ctx, "text", n * sizeof *code);
  sort_many(code, n, sorted);
  rnli_put(w->ctx, sorted);
  return RNL_OK;
}


/* Composes in place; returns how many code points remain. */
static size_t compose (Work *w, int32_t *code, size_t n) {
  return (size_t)utf8proc_normalize_utf32(code, (utf8proc_ssize_t)n,
                                          w->options);
}


/* Sorts and composes the cluster as it stands. */
static int settle (Work *w) {
  size_t n;
  int32_t *code = codes_of(w, &n);
  if (n < 2) return RNL_OK;
  size_t first = class_of(code[0]) == 0;
  int status = sort_marks(w, code + first, n - first);
  if (status == RNL_OK) w->cluster.n = compose(w, code, n) * CODE;
  return status;
}


/* Writes the cluster out. */
static int flush (Work *w) {
  size_t n;
  int status = settle(w);
  int32_t *code = codes_of(w, &n);
  if (status == RNL_OK) status = room(&w->out, rnli_mul(n, 4));
  if (status != RNL_OK) return status;
  for (size_t i = 0; i < n; i++)
    w->out.n += (size_t)rnl_utf8_encode(code[i], w->out.p + w->out.n);
  w->cluster.n = 0;
  return RNL_OK;
}


/*
** A starter joins the cluster if both compose to one, else begins anew. The
** vowel U+11A7 never joins, but utf8proc 2.8 takes it for an empty final
** consonant of Hangul and would drop it after a syllable.
*/
static int add_starter (Work *w, int32_t starter) {
  size_t n;
  int status = settle(w);
  if (status != RNL_OK) return status;
  int32_t *code = codes_of(w, &n);
  if (n == 1 && starter != 0x11A7) {
    int32_t pair[2] = {code[0], starter};
    if (compose(w, pair, 2) == 1) {
      code[0] = pair[0];
      return RNL_OK;
    }
  }
  if (n > 0) status = flush(w);
  return status == RNL_OK ? append(&w->cluster, &starter, CODE) : status;
}


static int add_code (Work *w, int32_t code) {
  int32_t part[EXPANSION];
  int boundary = 0;
  utf8proc_ssize_t n = utf8proc_decompose_char(code, part, EXPANSION,
                                               w->options, &boundary);
  if (n < 0 || n > EXPANSION) {   /* no such code point is known */
    part[0] = code;
    n = 1;
  }
  int status = RNL_OK;
  for (utf8proc_ssize_t i = 0; status == RNL_OK && i < n; i++) {
    if (class_of(part[i]) == 0) status = add_starter(w, part[i]);
    else status = append(&w->cluster, &part[i], CODE);
  }
  return status;
}


/* Copies 'n' bytes that nothing before them can join. */
static int add_bytes (Work *w, const char *s, size_t n) {
  int status = flush(w);
  return status == RNL_OK ? append(&w->out, s, n) : status;
}


static int normalise (Work *w, const char *s, size_t n) {
  int status = room(&w->out, rnli_add(n, 1));
  for (size_t i = 0; status == RNL_OK && i < n;) {
    int32_t code;
    size_t run = plain_run(w, s + i, n - i);
    if (run) {
      status = add_bytes(w, s + i, run);
      i += run;
      continue;
    }
    int len = rnli_utf8_scan(bytes_of(s + i), n - i, &code);
    status = len > 0 ? add_code(w, code) : add_bytes(w, s + i, (size_t)-len);
    i += (size_t)(len > 0 ? len : -len);
  }
  return status == RNL_OK ? flush(w) : status;
}


/* Code points below are plain, see there. */
static int32_t plain_limit (rnl_Normal form) {
  return form == RNL_NFC ? 0x300 : 0x80;
}


size_t rnl_utf8_cut (rnl_Normal form, const char *s, size_t n) {
  Work w = {.limit = plain_limit(form)};
  for (size_t i = n; i > 0; i--) {
    int32_t code;
    if (rnli_utf8_scan(bytes_of(s + i - 1), n - i + 1, &code) > 0 &&
        plain(&w, code))
      return i - 1;
  }
  return 0;
}


int rnl_utf8_normalise (rnl_Context *ctx, rnl_Normal form, const char *s,
                        size_t n, char **out, size_t *nout) {
  unsigned options = UTF8PROC_STABLE | UTF8PROC_COMPOSE;
  if (form == RNL_NFKC) options |= UTF8PROC_COMPAT;
  Work w = {.ctx = ctx, .options = (utf8proc_option_t)options,
            .limit = plain_limit(form),
            .out = {.ctx = ctx}, .cluster = {.ctx = ctx}};
  *out = NULL;
  *nout = 0;
  int status = normalise(&w, s, n);
  rnli_put(ctx, w.cluster.p);
  return finish(&w.out, status, out, nout);
}

/* }====================================================================== */
