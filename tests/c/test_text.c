/*
** test_text.c - UTF-8, normal forms, vocabularies: tables, random bytes, and
** memory that is refused at every request.
*/
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "rnl.h"

static rnl_Context *ctx;

/* Is 'got' of n bytes the NUL-terminated text of 'want' with nwant bytes? */
static int same (const char *got, size_t n, const char *want, size_t nwant) {
  return got && n == nwant && got[n] == '\0' && memcmp(got, want, n) == 0;
}

/* {== UTF-8 ============================================================== */

typedef struct Case {
  const char *s;
  size_t n;
  size_t bad;             /* where the first broken sequence is; n if none */
  const char *replaced;
} Case;

#define R "\xEF\xBF\xBD"
#define CASE(s, bad, replaced) {s, sizeof(s) - 1, bad, replaced}

static const Case cases[] = {
  CASE("", 0, ""),
  CASE("abc", 3, "abc"),
  CASE("\xC2\x80\xDF\xBF", 4, "\xC2\x80\xDF\xBF"),
  CASE("\xE0\xA0\x80\xEF\xBF\xBF", 6, "\xE0\xA0\x80\xEF\xBF\xBF"),
  CASE("\xF0\x90\x80\x80\xF4\x8F\xBF\xBF", 8,
       "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF"),
  CASE("\xEF\xBB\xBF", 3, "\xEF\xBB\xBF"),
  CASE("a\xC0\x80", 1, "a" R R),                     /* overlong NUL */
  CASE("a\xC1\xBF", 1, "a" R R),
  CASE("a\xE0\x9F\xBF", 1, "a" R R R),               /* overlong */
  CASE("a\xF0\x8F\xBF\xBF", 1, "a" R R R R),
  CASE("a\xED\xA0\x80", 1, "a" R R R),               /* surrogates */
  CASE("a\xED\xBF\xBF", 1, "a" R R R),
  CASE("\xED\x9F\xBF\xEE\x80\x80", 6, "\xED\x9F\xBF\xEE\x80\x80"),
  CASE("a\xF4\x90\x80\x80", 1, "a" R R R R),         /* above U+10FFFF */
  CASE("a\xF5\x80\x80\x80", 1, "a" R R R R),
  CASE("a\xFF" "b", 1, "a" R "b"),
  CASE("a\xFE" "b", 1, "a" R "b"),
  CASE("a\x80" "b", 1, "a" R "b"),                   /* lone continuation */
  CASE("a\xBF", 1, "a" R),
  CASE("a\xC3", 1, "a" R),                           /* truncated */
  CASE("a\xE4\xB8", 1, "a" R),
  CASE("a\xF0\x9F\x98", 1, "a" R),
  CASE("a\xE4" "b", 1, "a" R "b"),
  CASE("a\xE4\xB8" "b", 1, "a" R "b"),
  CASE("a\xF0\x9F\x98\xF0\x9F\x98\x80", 1, "a" R "\xF0\x9F\x98\x80"),
  CASE("\xE4\xB8\xAD\xE6\x96\x87 12345678 \xE6", 16,
       "\xE4\xB8\xAD\xE6\x96\x87 12345678 " R)
};


static void test_table (void) {
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const Case *c = &cases[i];
    char *out;
    size_t n;
    CHECK_MSG(rnl_utf8_check(c->s, c->n, NULL) == c->bad, "case %zu", i);
    CHECK(rnl_utf8_repair(ctx, 1, c->s, c->n, &out, &n) == RNL_OK);
    CHECK_MSG(same(out, n, c->replaced, strlen(c->replaced)),
              "case %zu: %s", i, out);
    rnl_text_free(ctx, out);
    CHECK(rnl_utf8_repair(ctx, 0, c->s, c->n, &out, &n) == RNL_OK);
    CHECK_MSG(rnl_utf8_check(out, n, NULL) == n && !strstr(out, R),
              "case %zu", i);
    rnl_text_free(ctx, out);
  }
}


static void test_lines (void) {
  size_t line;
  CHECK(rnl_utf8_check("a\nb\n\xFF", 5, &line) == 4 && line == 3);
  CHECK(rnl_utf8_check("\xFF\n", 2, &line) == 0 && line == 1);
  CHECK(rnl_utf8_check("\0\n\0\x80", 4, &line) == 3 && line == 2);
}


/* Every code point there and back; every other number refused. */
static void test_codes (void) {
  char buf[4];
  int32_t code;
  int bad = 0;
  for (int32_t c = 0; c <= 0x10FFFF; c++) {
    int len = rnl_utf8_encode(c, buf);
    int want = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    if (c >= 0xD800 && c <= 0xDFFF) want = 0;
    bad += len != want;
    if (len) bad += rnl_utf8_decode(buf, 4, &code) != len || code != c;
  }
  CHECK(bad == 0);
  CHECK(rnl_utf8_encode(-1, buf) == 0);
  CHECK(rnl_utf8_encode(0x110000, buf) == 0);
  CHECK(rnl_utf8_encode(INT32_MIN, buf) == 0);
  CHECK(rnl_utf8_encode(INT32_MAX, buf) == 0);
}


static void test_tail (void) {
  CHECK(rnl_utf8_tail("", 0) == 0);
  CHECK(rnl_utf8_tail("ab", 2) == 0);
  CHECK(rnl_utf8_tail("a\xC3", 2) == 1);
  CHECK(rnl_utf8_tail("a\xC3\xA9", 3) == 0);
  CHECK(rnl_utf8_tail("a\xE4\xB8", 3) == 2);
  CHECK(rnl_utf8_tail("\xF0\x9F\x98", 3) == 3);
  CHECK(rnl_utf8_tail("\xF0\x9F\x98\x80", 4) == 0);
  CHECK(rnl_utf8_tail("\x9F\x98\x80", 3) == 0);    /* nothing to complete */
  CHECK(rnl_utf8_tail("\xE0\x80", 2) == 0);        /* overlong already */
  CHECK(rnl_utf8_tail("\xED\xA0", 2) == 0);        /* a surrogate already */
  CHECK(rnl_utf8_tail("\xC1", 1) == 0 && rnl_utf8_tail("\xF5", 1) == 0);
  CHECK(rnl_utf8_tail("\xE4\xE4\xB8", 3) == 2);
}

/* }====================================================================== */

/* {== Normal forms ======================================================= */

static void check_form (rnl_Normal form, const char *s, const char *want) {
  char *out;
  size_t n;
  CHECK(rnl_utf8_normalise(ctx, form, s, strlen(s), &out, &n) == RNL_OK);
  CHECK_MSG(same(out, n, want, strlen(want)), "%s gives %s", s, out);
  rnl_text_free(ctx, out);
}


static void test_nfc (void) {
  check_form(RNL_NFC, "", "");
  check_form(RNL_NFC, "plain ASCII", "plain ASCII");
  check_form(RNL_NFC, "e\xCC\x81t\xC3\xA9", "\xC3\xA9t\xC3\xA9");
  check_form(RNL_NFC, "12345678e\xCC\x81", "12345678\xC3\xA9");
  check_form(RNL_NFC, "\xE2\x84\xAB", "\xC3\x85");       /* angstrom */
  check_form(RNL_NFC, "\xEF\xAC\x81", "\xEF\xAC\x81");   /* fi stays */
  /* q + dot above + dot below: reordered; s + both: composed */
  check_form(RNL_NFC, "q\xCC\x87\xCC\xA3", "q\xCC\xA3\xCC\x87");
  check_form(RNL_NFC, "s\xCC\x87\xCC\xA3", "\xE1\xB9\xA9");
  /* Hangul: L V T in one syllable, LV + T, and L V alone */
  check_form(RNL_NFC, "\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB",
             "\xED\x95\x9C");
  check_form(RNL_NFC, "\xED\x95\x98\xE1\x86\xAB", "\xED\x95\x9C");
  check_form(RNL_NFC, "\xED\x95\x98" "a", "\xED\x95\x98" "a");
  /* U+11A7 is no final consonant; utf8proc 2.8 loses it */
  check_form(RNL_NFC, "\xED\x95\x98\xE1\x86\xA7",
             "\xED\x95\x98\xE1\x86\xA7");
  /* a starter that composes with the one before: U+09C7 U+09BE */
  check_form(RNL_NFC, "\xE0\xA7\x87\xE0\xA6\xBE", "\xE0\xA7\x8B");
  check_form(RNL_NFC, "\xCC\x81" "a", "\xCC\x81" "a");   /* mark first */
  check_form(RNL_NFC, "\xFF" "e\xCC\x81\x80", "\xFF\xC3\xA9\x80");
  check_form(RNL_NFC, "e\xFF\xCC\x81", "e\xFF\xCC\x81");
}


static void test_nfkc (void) {
  check_form(RNL_NFKC, "\xEF\xAC\x81", "fi");
  check_form(RNL_NFKC, "\xEF\xBC\xA1\xC2\xB2", "A2");
  check_form(RNL_NFKC, "\xC2\xA0", " ");
  check_form(RNL_NFKC, "\xE2\x84\xAB", "\xC3\x85");
  char *out;
  size_t n;
  CHECK(rnl_utf8_normalise(ctx, RNL_NFKC, "\xEF\xB7\xBA", 3, &out, &n) ==
        RNL_OK);
  CHECK(n == 33);   /* U+FDFA, the longest expansion: 18 code points */
  rnl_text_free(ctx, out);
}


/* A hundred thousand marks on one letter, in the worst order: still linear. */
static void test_marks (void) {
  enum { N = 100000 };
  char *s = malloc(2 * 2 * N + 1);
  char *out;
  size_t n;
  if (!s) return;
  s[0] = 'q';
  for (size_t i = 0; i < N; i++) {
    memcpy(s + 1 + 4 * i, "\xCC\x87\xCC\xA3", 4);
  }
  CHECK(rnl_utf8_normalise(ctx, RNL_NFC, s, 4 * N + 1, &out, &n) == RNL_OK);
  CHECK(n == 4 * N + 1);
  CHECK(memcmp(out, "q\xCC\xA3\xCC\xA3", 5) == 0);
  CHECK(memcmp(out + n - 4, "\xCC\x87\xCC\x87", 4) == 0);
  rnl_text_free(ctx, out);
  free(s);
}

/* }====================================================================== */

/* {== Vocabularies ======================================================= */

static void check_ids (rnl_Vocab *v, const char *s, size_t n,
                       const int32_t *want, size_t nwant) {
  rnl_Tensor *ids;
  if (!CHECK(rnl_vocab_encode(v, s, n, &ids) == RNL_OK)) return;
  CHECK(rnl_dtype(ids) == RNL_I32 && rnl_ndim(ids) == 1);
  CHECK(rnl_count(ids) == nwant &&
        (nwant == 0 || memcmp(rnl_data(ids), want, 4 * nwant) == 0));
  rnl_release(ids);
}


static void test_known (void) {
  rnl_Vocab *v;
  const char *s = "ba\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80";
  CHECK(rnl_vocab_fit(ctx, s, strlen(s), 1, &v) == RNL_OK);
  CHECK(rnl_vocab_codes(v) == 5 && rnl_vocab_size(v) == 261);
  CHECK(rnl_vocab_code(v)[0] == 'a' && rnl_vocab_code(v)[4] == 0x1F600);
  check_ids(v, s, strlen(s), (int32_t[]){1, 0, 2, 3, 4}, 5);
  check_ids(v, "c\xC3\xA8\xC3", 4,
            (int32_t[]){5 + 'c', 5 + 0xC3, 5 + 0xA8, 5 + 0xC3}, 4);
  check_ids(v, "", 0, NULL, 0);
  check_ids(v, "\0a", 2, (int32_t[]){5, 0}, 2);
  rnl_vocab_free(v);
  rnl_vocab_free(NULL);
}


static void test_unknown (void) {
  rnl_Vocab *v;
  rnl_Tensor *ids = NULL;
  CHECK(rnl_vocab_fit(ctx, "ab", 2, 0, &v) == RNL_OK);
  CHECK(rnl_vocab_size(v) == 2);
  CHECK(rnl_vocab_encode(v, "a\xC3\xA9\a\xC3\xA9\xFF", 7, &ids) ==
        RNL_EFORMAT);
  CHECK(ids == NULL);
  CHECK(strcmp(rnl_errmsg(ctx), "characters not in the vocabulary: "
               "'\xC3\xA9' (U+00E9) at byte 1, U+0007 at byte 3, "
               "byte 0xFF at byte 6") == 0);
  CHECK(rnl_vocab_encode(v, "cdefghijklmnop", 14, &ids) == RNL_EFORMAT);
  CHECK(strstr(rnl_errmsg(ctx), "'l' (U+006C) at byte 9, ...") != NULL);
  rnl_vocab_free(v);
}


static void test_new (void) {
  rnl_Vocab *v;
  const int32_t good[] = {0, 10, 0xD7FF, 0xE000, 0x10FFFF};
  CHECK(rnl_vocab_new(ctx, good, 5, 1, &v) == RNL_OK);
  check_ids(v, "\n\xF4\x8F\xBF\xBF\0", 6, (int32_t[]){1, 4, 0}, 3);
  rnl_vocab_free(v);
  const int32_t bad[][2] = {{5, 5}, {5, 4}, {-1, 5}, {5, 0x110000},
                            {5, 0xD800}, {5, 0xDFFF}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    CHECK_MSG(rnl_vocab_new(ctx, bad[i], 2, 0, &v) == RNL_EFORMAT, "%zu", i);
    CHECK(v == NULL);
  }
  CHECK(rnl_vocab_new(ctx, good, -1, 0, &v) == RNL_EFORMAT);
  CHECK(rnl_vocab_new(ctx, NULL, 0, 0, &v) == RNL_OK);
  CHECK(rnl_vocab_size(v) == 0);
  rnl_vocab_free(v);
}


static void test_decode (void) {
  rnl_Vocab *v;
  char *out;
  size_t n;
  const int32_t ids[] = {0, 2 + 0xE4, 2 + 0, 1};
  CHECK(rnl_vocab_fit(ctx, "a\xC3\xA9", 3, 1, &v) == RNL_OK);
  CHECK(rnl_vocab_decode(v, ids, 4, &out, &n) == RNL_OK);
  CHECK(same(out, n, "a\xE4\0\xC3\xA9", 5));
  rnl_text_free(ctx, out);
  CHECK(rnl_vocab_decode(v, ids, 0, &out, &n) == RNL_OK && n == 0);
  rnl_text_free(ctx, out);
  const int32_t bad[] = {258, -1, INT32_MAX, INT32_MIN};
  for (int i = 0; i < 4; i++)
    CHECK(rnl_vocab_decode(v, bad + i, 1, &out, &n) == RNL_EARG && !out);
  CHECK(rnl_vocab_decode(v, bad, 1, &out, &n) == RNL_EARG);
  CHECK(strcmp(rnl_errmsg(ctx), "decode: id 258 at position 0 is not in "
               "0..257") == 0);
  rnl_vocab_free(v);
}


/* Random bytes, half of them from pieces of UTF-8. */
static void random_text (rnl_Rng *rng, char *s, size_t n) {
  static const char piece[] = "ae \n\xC3\xA9\xCC\x81\xE4\xB8\xAD\xF0\x9F";
  for (size_t i = 0; i < n; i++) {
    uint64_t r = rnl_rng_next(rng);
    s[i] = r & 1 ? (char)(r >> 8) : piece[(r >> 8) % (sizeof piece - 1)];
  }
}


/* Whatever the bytes: ids decode to them; repaired text is valid and stays. */
static void test_random (void) {
  rnl_Rng rng;
  char s[64];
  rnl_rng_seed(&rng, 1);
  for (int k = 0; k < 3000; k++) {
    size_t n = (size_t)(rnl_rng_next(&rng) % sizeof s);
    size_t m;
    rnl_Vocab *v;
    rnl_Tensor *ids;
    char *out, *again;
    random_text(&rng, s, n);
    rnl_vocab_fit(ctx, s, n / 2, 1, &v);
    rnl_vocab_encode(v, s, n, &ids);
    rnl_vocab_decode(v, rnl_data(ids), rnl_count(ids), &out, &m);
    CHECK_MSG(same(out, m, s, n), "round %d", k);
    rnl_text_free(ctx, out);
    rnl_release(ids);
    rnl_vocab_free(v);
    rnl_utf8_repair(ctx, k & 1, s, n, &out, &m);
    CHECK_MSG(rnl_utf8_check(out, m, NULL) == m, "round %d", k);
    rnl_text_free(ctx, out);
    rnl_utf8_normalise(ctx, k & 1 ? RNL_NFC : RNL_NFKC, s, n, &out, &m);
    rnl_utf8_normalise(ctx, k & 1 ? RNL_NFC : RNL_NFKC, out, m, &again, &n);
    CHECK_MSG(same(again, n, out, m), "round %d: a normal form is its own", k);
    rnl_text_free(ctx, again);
    rnl_text_free(ctx, out);
  }
}


/* Text in pieces, the tail held back, is repaired as it is in one piece. */
static void test_pieces (void) {
  rnl_Rng rng;
  char s[40], joined[200];
  rnl_rng_seed(&rng, 2);
  for (int k = 0; k < 2000; k++) {
    size_t from = 0, used = 0, n;
    char *out;
    random_text(&rng, s, sizeof s);
    for (size_t to = 1; to <= sizeof s; to++) {
      size_t held = to < sizeof s ? rnl_utf8_tail(s + from, to - from) : 0;
      rnl_utf8_repair(ctx, 1, s + from, to - held - from, &out, &n);
      memcpy(joined + used, out, n);
      used += n;
      from = to - held;
      rnl_text_free(ctx, out);
    }
    rnl_utf8_repair(ctx, 1, s, sizeof s, &out, &n);
    CHECK_MSG(n == used && memcmp(out, joined, n) == 0, "round %d", k);
    rnl_text_free(ctx, out);
  }
}

/* }====================================================================== */

/* {== Memory refused ===================================================== */

/* All that takes memory, once; everything is freed whatever happens. */
static int all_of_it (void) {
  static const char s[] = "e\xCC\x87\xCC\xA3\xFF\xE4\xB8\xAD plain text";
  rnl_Vocab *v = NULL;
  rnl_Tensor *ids = NULL;
  char *out[3] = {NULL, NULL, NULL};
  size_t n = sizeof s - 1, m;
  int status = rnl_utf8_normalise(ctx, RNL_NFC, s, n, &out[0], &m);
  if (status == RNL_OK)
    status = rnl_utf8_repair(ctx, 1, s, n, &out[1], &m);
  if (status == RNL_OK) status = rnl_vocab_fit(ctx, s, n, 1, &v);
  if (status == RNL_OK) status = rnl_vocab_encode(v, s, n, &ids);
  if (status == RNL_OK)
    status = rnl_vocab_decode(v, rnl_data(ids), rnl_count(ids), &out[2], &m);
  if (status == RNL_OK) CHECK(same(out[2], m, s, n));
  for (int i = 0; i < 3; i++) rnl_text_free(ctx, out[i]);
  rnl_release(ids);
  rnl_vocab_free(v);
  return status;
}


static void test_memory (int forever) {
  rnl_Memory before, after;
  CHECK(all_of_it() == RNL_OK);
  rnl_memory(ctx, &before);
  uint64_t k = 1;
  int status;
  do {
    rnl_fail_alloc(ctx, k, forever);
    status = all_of_it();
    rnl_fail_alloc(ctx, 0, 0);
    rnl_memory(ctx, &after);
    CHECK_MSG(status == RNL_OK || status == RNL_ENOMEM, "request %d", (int)k);
    CHECK_MSG(after.live == before.live, "request %d", (int)k);
    if (status != RNL_OK)
      CHECK(strncmp(rnl_errmsg(ctx), "not enough memory: ", 19) == 0);
    k++;
  } while (status != RNL_OK && k < 100);
  CHECK(status == RNL_OK && k > 7);
}


/* The vocabulary keeps its context alive, in whatever order they go. */
static void test_order (void) {
  rnl_Context *own;
  rnl_Vocab *v;
  CHECK(rnl_context_new(NULL, NULL, &own) == RNL_OK);
  CHECK(rnl_vocab_fit(own, "ab", 2, 1, &v) == RNL_OK);
  rnl_context_release(own);
  CHECK(rnl_vocab_size(v) == 258);
  rnl_vocab_free(v);
}

/* }====================================================================== */

int main (void) {
  CHECK(rnl_context_new(NULL, NULL, &ctx) == RNL_OK);
  test_table();
  test_lines();
  test_codes();
  test_tail();
  test_nfc();
  test_nfkc();
  test_marks();
  test_known();
  test_unknown();
  test_new();
  test_decode();
  test_random();
  test_pieces();
  test_memory(0);
  test_memory(1);
  test_order();
  rnl_context_release(ctx);
  return harness_end("text");
}
