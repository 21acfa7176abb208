/*
** normal.c - normal forms.
**
** A normal form (UAX #15) is made in one pass. The text is cut into clusters,
** a starter (a code point of combining class 0) and the marks after it; the
** marks are sorted by class and composed with the starter, and a starter that
** composes with the cluster before it joins it. So memory is that of the
** result and of the longest cluster, and time is linear: marks are sorted by
** counting, for a hostile text may be one run of them.
*/
#include <string.h>

#include "text/unicode.h"

static const unsigned char *bytes_of (const char *s) {
  return (const unsigned char *)s;
}

/* {== Hangul (The Unicode Standard, section 3.12) ======================== */

enum {
  L = 0x1100, V = 0x1161, T = 0x11A7, S = 0xAC00,   /* T: none of them */
  NL = 19, NV = 21, NT = 28
};


int rnli_hangul_parts (int32_t code, int32_t part[3]) {
  int32_t i = code - S;
  if (!rnli_is_syllable(code)) return 0;
  part[0] = L + i / (NV * NT);
  part[1] = V + i % (NV * NT) / NT;
  part[2] = T + i % NT;
  return i % NT ? 3 : 2;
}


/* The syllable of two letters, or of one and a last letter; or -1. */
static int32_t hangul_joined (int32_t a, int32_t b) {
  int32_t l = a - L, v = b - V, t = b - T;
  if (l >= 0 && l < NL && v >= 0 && v < NV) return S + (l * NV + v) * NT;
  if (rnli_is_syllable(a) && (a - S) % NT == 0 && t > 0 && t < NT)
    return a + t;
  return -1;
}

/* }====================================================================== */

enum { SHORT_RUN = 32 };

typedef struct Work {
  rnl_Normal form;
  int32_t limit;      /* code points below are plain, see there */
  rnli_Text out;
  int32_t *code;      /* the cluster: starter, marks */
  size_t n, room;
} Work;


/*
** Is the code point its own normal form, and one that joins nothing before
** it? True of ASCII without folding, of Latin-1 and Latin Extended in NFC, of
** the CJK ideographs and Hangul syllables. False is always safe.
*/
static inline int plain (const Work *w, int32_t code) {
  return code < w->limit || (code >= 0x3400 && code <= 0x9FFF) ||
         rnli_is_syllable(code);
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
    size_t run = w->limit < 0x80 ? 0 : rnli_ascii_run(bytes_of(s + i), n - i);
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

/* {== Clusters =========================================================== */

/* Sorts by combining class, stable: few code points by insertion. */
static void sort_few (int32_t *code, size_t n) {
  for (size_t i = 1; i < n; i++) {
    int32_t c = code[i];
    int order = rnli_code_order(c);
    size_t at = i;
    for (; at > 0 && rnli_code_order(code[at - 1]) > order; at--)
      code[at] = code[at - 1];
    code[at] = c;
  }
}


/* The same for many, by counting; 'sorted' has room for n. */
static void sort_many (int32_t *code, size_t n, int32_t *sorted) {
  size_t start[257] = {0};
  for (size_t i = 0; i < n; i++) start[rnli_code_order(code[i]) + 1]++;
  for (int c = 0; c < 256; c++) start[c + 1] += start[c];
  for (size_t i = 0; i < n; i++)
    sorted[start[rnli_code_order(code[i])]++] = code[i];
  memcpy(code, sorted, n * sizeof *code);
}


static int sort_marks (rnl_Context *ctx, int32_t *code, size_t n) {
  if (n <= SHORT_RUN) {
    sort_few(code, n);
    return RNL_OK;
  }
  int32_t *sorted = rnli_get(ctx, n * sizeof *code);
  if (!sorted) return rnli_nomem(ctx, "text", n * sizeof *code);
  sort_many(code, n, sorted);
  rnli_put(ctx, sorted);
  return RNL_OK;
}


static int32_t joined (int32_t starter, int32_t code) {
  int32_t syllable = hangul_joined(starter, code);
  return syllable < 0 ? rnli_code_joined(starter, code) : syllable;
}


/*
** Composes sorted marks with the starter before them; returns how many code
** points remain. A mark is blocked by one of its class that remains.
*/
static size_t compose (int32_t *code, size_t n) {
  size_t kept = 1;
  int last = 0;   /* the class of the mark that was kept last */
  for (size_t i = 1; i < n; i++) {
    int order = rnli_code_order(code[i]);
    int32_t made = order > last ? joined(code[0], code[i]) : -1;
    if (made >= 0) {
      code[0] = made;
    } else {
      code[kept++] = code[i];
      last = order;
    }
  }
  return kept;
}


/* Sorts and composes the cluster as it stands. */
static int settle (Work *w) {
  if (w->n < 2) return RNL_OK;
  size_t first = rnli_code_order(w->code[0]) == 0;
  int status = sort_marks(w->out.ctx, w->code + first, w->n - first);
  if (status == RNL_OK && first) w->n = compose(w->code, w->n);
  return status;
}


/* Writes the cluster out. */
static int flush (Work *w) {
  int status = settle(w);
  if (status == RNL_OK) status = rnli_text_room(&w->out, rnli_mul(w->n, 4));
  if (status != RNL_OK) return status;
  for (size_t i = 0; i < w->n; i++)
    w->out.n += (size_t)rnl_utf8_encode(w->code[i], w->out.s + w->out.n);
  w->n = 0;
  return RNL_OK;
}


static int append (Work *w, int32_t code) {
  int32_t *grown = rnli_grow(w->out.ctx, w->code, w->n, w->n + 1,
                             sizeof code, &w->room, "text");
  if (!grown) return RNL_ENOMEM;
  w->code = grown;
  grown[w->n++] = code;
  return RNL_OK;
}


/* A starter joins the cluster if both compose to one, else begins anew. */
static int add_starter (Work *w, int32_t starter) {
  int status = settle(w);
  if (status != RNL_OK) return status;
  int32_t made = w->n == 1 ? joined(w->code[0], starter) : -1;
  if (made >= 0) {
    w->code[0] = made;
    return RNL_OK;
  }
  if (w->n > 0) status = flush(w);
  return status == RNL_OK ? append(w, starter) : status;
}

/* }====================================================================== */

static int add_code (Work *w, int32_t code) {
  int32_t part[RNLI_MAX_PARTS];
  int status = RNL_OK, n = rnli_hangul_parts(code, part);
  if (n == 0) n = rnli_code_parts(code, w->form, part);
  for (int i = 0; status == RNL_OK && i < n; i++) {
    if (rnli_code_order(part[i]) == 0) status = add_starter(w, part[i]);
    else status = append(w, part[i]);
  }
  return status;
}


/* Copies 'n' bytes that nothing before them can join. */
static int add_bytes (Work *w, const char *s, size_t n) {
  int status = flush(w);
  return status == RNL_OK ? rnli_text_add(&w->out, s, n) : status;
}


static int normalise (Work *w, const char *s, size_t n) {
  int status = rnli_text_room(&w->out, rnli_add(n, 1));
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
  return form == RNL_NFC ? 0x300 : form == RNL_NFKC ? 0x80 : 'A';
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
  Work w = {.form = form, .limit = plain_limit(form), .out = {.ctx = ctx}};
  int status = normalise(&w, s, n);
  rnli_put(ctx, w.code);
  return rnli_text_end(&w.out, status, out, nout);
}
