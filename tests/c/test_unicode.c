/*
** test_unicode.c - the tables that go without utf8proc say what utf8proc says:
** of every code point, and through classes, clusters and normal forms of random
** text. What goes by the tables is compiled here once more, under other names.
*/
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "text/unicode.h"

/* {== By the tables ====================================================== */

rnli_CodeKind alone_kind (int32_t code);
rnli_Break alone_break (int32_t code);
int alone_order (int32_t code);
int alone_parts (int32_t code, rnl_Normal form, int32_t part[RNLI_MAX_PARTS]);
int32_t alone_joined (int32_t starter, int32_t code);
int alone_visible (int32_t code);
rnli_Class alone_class (int32_t code);
size_t alone_cluster (const unsigned char *s, size_t n);
int alone_hangul (int32_t code, int32_t part[3]);
size_t alone_cut (rnl_Normal form, const char *s, size_t n);
int alone_normalise (rnl_Context *ctx, rnl_Normal form, const char *s,
                     size_t n, char **out, size_t *nout);

#define rnli_code_kind alone_kind
#define rnli_code_break alone_break
#define rnli_code_order alone_order
#define rnli_code_parts alone_parts
#define rnli_code_joined alone_joined
#define rnli_utf8_visible alone_visible
#define rnli_utf8_class alone_class
#define rnli_utf8_cluster alone_cluster
#define rnli_hangul_parts alone_hangul
#define rnl_utf8_cut alone_cut
#define rnl_utf8_normalise alone_normalise
#include "infer/unicode.c"
#include "text/class.c"
#include "text/normal.c"
#undef rnli_code_kind
#undef rnli_code_break
#undef rnli_code_order
#undef rnli_code_parts
#undef rnli_code_joined
#undef rnli_utf8_visible
#undef rnli_utf8_class
#undef rnli_utf8_cluster
#undef rnli_hangul_parts
#undef rnl_utf8_cut
#undef rnl_utf8_normalise

/* }====================================================================== */

static const rnl_Normal forms[] = {RNL_NFC, RNL_NFKC, RNL_FOLD};

enum { NFORM = 3 };


static int same_parts (int32_t code, rnl_Normal form) {
  int32_t a[RNLI_MAX_PARTS], b[RNLI_MAX_PARTS];
  int n = rnli_code_parts(code, form, a);
  return n == alone_parts(code, form, b) &&
         memcmp(a, b, (size_t)n * sizeof *a) == 0;
}


static void test_codes (void) {
  for (int32_t c = 0; c <= RNLI_MAX_CODE; c++) {
    int ok = rnli_code_kind(c) == alone_kind(c) &&
             rnli_code_break(c) == alone_break(c) &&
             rnli_code_order(c) == alone_order(c) &&
             rnli_utf8_class(c) == alone_class(c) &&
             rnli_utf8_visible(c) == alone_visible(c);
    for (int f = 0; f < NFORM && rnli_is_scalar(c); f++)
      ok = ok && (rnli_is_syllable(c) || same_parts(c, forms[f]));
    if (!ok) CHECK_MSG(0, "U+%04lX", (unsigned long)c);
  }
  CHECK(alone_kind('a') == RNLI_KIND_LETTER && alone_order(0x301) == 230);
  CHECK(alone_break(0x1F600) == RNLI_BREAK_PICTURE);
}


/* Code points that are the last part of some other one. */
static int find_last (int32_t *last) {
  static unsigned char seen[RNLI_MAX_CODE + 1];
  int32_t part[RNLI_MAX_PARTS];
  int n = 0;
  for (int32_t c = 0; c <= RNLI_MAX_CODE; c++) {
    int k = rnli_is_scalar(c) ? rnli_code_parts(c, RNL_NFC, part) : 1;
    if (k < 2 || rnli_is_syllable(c) || seen[part[k - 1]]++) continue;
    last[n++] = part[k - 1];
  }
  return n;
}


/* Any starter with anything that composes with some. */
static void test_pairs (void) {
  static int32_t last[RNLI_MAX_CODE + 1];
  int n = find_last(last);
  long composed = 0;
  for (int32_t a = 0; a < 0x20000; a++) {
    if (!rnli_is_scalar(a) || rnli_code_order(a) > 0) continue;
    for (int i = 0; i < n; i++) {
      int32_t made = rnli_code_joined(a, last[i]);
      composed += made >= 0;
      if (made != alone_joined(a, last[i]))
        CHECK_MSG(0, "U+%04lX U+%04lX", (unsigned long)a,
                  (unsigned long)last[i]);
    }
  }
  CHECK(n > 50 && composed > 900);
  CHECK(alone_joined('e', 0x301) == 0xE9 && alone_joined('e', 'e') == -1);
  CHECK(alone_joined(0x10FFFF, 0x301) == -1);
}

/* {== Random text ======================================================== */

/* First and last code points that text is made of. */
static const int32_t range[][2] = {
  {' ', '~'}, {' ', '~'}, {'\n', '\r'}, {0x80, 0x24F}, {0x300, 0x36F},
  {0x300, 0x345}, {0x370, 0x52F}, {0x591, 0x6FF}, {0x900, 0xDFF},
  {0xE00, 0xFFF}, {0x1000, 0x11FF}, {0x1100, 0x11FF}, {0x1AB0, 0x1FFF},
  {0x200B, 0x200F}, {0x2000, 0x2BFF}, {0x3000, 0x33FF}, {0x4E00, 0x4E20},
  {0xAC00, 0xAC40}, {0xD790, 0xD7FF}, {0xF900, 0xFFFD}, {0xFE0E, 0xFE0F},
  {0x10A00, 0x11AFF}, {0x1D100, 0x1D7FF}, {0x1F1E6, 0x1F1FF},
  {0x1F3FB, 0x1F3FF}, {0x1F300, 0x1FAFF}, {0x1F466, 0x1F469},
  {0x2F800, 0x2FA1F}, {0xE0001, 0xE01EF}, {0, RNLI_MAX_CODE}
};

enum { NRANGE = sizeof range / sizeof *range, MOST = 40, ROUNDS = 100000 };


static size_t random_text (rnl_Rng *rng, char *s) {
  size_t n = 0, points = (size_t)(rnl_rng_next(rng) % MOST);
  for (size_t i = 0; i < points; i++) {
    uint64_t r = rnl_rng_next(rng);
    const int32_t *of = range[r % NRANGE];
    int32_t code = of[0] + (int32_t)((r >> 8) % (uint64_t)(of[1] - of[0] + 1));
    if ((r >> 48) % 16 == 0) s[n++] = (char)(r >> 56);   /* any byte */
    else n += (size_t)rnl_utf8_encode(code, s + n);
  }
  return n;
}


static int same_form (rnl_Context *ctx, rnl_Normal form, const char *s,
                      size_t n) {
  char *a, *b;
  size_t na, nb;
  if (rnl_utf8_normalise(ctx, form, s, n, &a, &na) != RNL_OK) return 0;
  if (alone_normalise(ctx, form, s, n, &b, &nb) != RNL_OK) return 0;
  int same = na == nb && memcmp(a, b, na) == 0 &&
             rnl_utf8_cut(form, s, n) == alone_cut(form, s, n);
  rnl_text_free(ctx, a);
  rnl_text_free(ctx, b);
  return same;
}


static int same_clusters (const char *s, size_t n) {
  const unsigned char *p = (const unsigned char *)s;
  for (size_t i = 0, len; i < n; i += len) {
    len = rnli_utf8_cluster(p + i, n - i);
    if (len != alone_cluster(p + i, n - i)) return 0;
  }
  return 1;
}


static void test_text (rnl_Context *ctx) {
  rnl_Rng rng;
  char s[4 * MOST];
  rnl_rng_seed(&rng, 1);
  for (int k = 0; k < ROUNDS; k++) {
    size_t n = random_text(&rng, s);
    CHECK_MSG(same_clusters(s, n), "round %d", k);
    for (int f = 0; f < NFORM; f++)
      CHECK_MSG(same_form(ctx, forms[f], s, n), "round %d, form %d", k, f);
  }
}

/* }====================================================================== */

int main (void) {
  rnl_Context *ctx;
  if (!CHECK(rnl_context_new(NULL, NULL, &ctx) == RNL_OK))
    return harness_end("unicode");
  test_codes();
  test_pairs();
  test_text(ctx);
  rnl_context_release(ctx);
  return harness_end("unicode");
}
