/*
** test_words.c - lists of words and byte pair encoding: random bytes, cut
** anywhere, and memory that is refused at every request.
*/
#include <stdint.h>
#include <string.h>

#include "harness.h"
#include "rnl.h"

static rnl_Context *ctx;

/* {== Random bytes ======================================================= */

/* Bytes, and parts of characters, of clusters, of words. */
static void random_text (rnl_Rng *rng, char *s, size_t n) {
  static const char part[] = "ab \n\r.7\xCC\x81\xE4\xB8\xAD\xF0\x9F\x91\xA9"
                             "\xE2\x80\x8D\xF0\x9F\x87\xA9\xE3\x80\x80";
  for (size_t i = 0; i < n; i++) {
    uint64_t r = rnl_rng_next(rng);
    s[i] = r % 8 ? part[(r >> 8) % (sizeof part - 1)] : (char)(r >> 8);
  }
}


/* Are the decoded ids this text? All that is given is freed. */
static int is_text (int status, char *out, size_t m, rnl_Tensor *ids,
                    const char *s, size_t n) {
  int same = status == RNL_OK && m == n && memcmp(out, s, n) == 0;
  rnl_text_free(ctx, out);
  rnl_release(ids);
  return same;
}


static int words_give_back (rnl_Words *w, const char *s, size_t n) {
  rnl_Tensor *ids;
  char *out;
  size_t m;
  if (rnl_words_encode(w, s, n, &ids) != RNL_OK) return 0;
  int status = rnl_words_decode(w, rnl_data(ids), rnl_count(ids), &out, &m);
  return is_text(status, out, m, ids, s, n);
}


static int bpe_gives_back (rnl_Bpe *b, const char *s, size_t n) {
  rnl_Tensor *ids;
  char *out;
  size_t m;
  if (rnl_bpe_encode(b, s, n, &ids) != RNL_OK) return 0;
  int status = rnl_bpe_decode(b, rnl_data(ids), rnl_count(ids), &out, &m);
  return is_text(status, out, m, ids, s, n);
}


/* A list of what 's' has. */
static rnl_Words *list_of (rnl_WordKind kind, const char *s, size_t n,
                           size_t limit) {
  rnl_Words *w;
  CHECK(rnl_words_new(ctx, kind, &w) == RNL_OK);
  rnl_words_limit(w, limit);
  CHECK(rnl_words_feed(w, s, n) == RNL_OK);
  return w;
}


static void test_random (void) {
  rnl_Rng rng;
  char s[300];
  rnl_rng_seed(&rng, 1);
  for (int k = 0; k < 2000; k++) {
    size_t n = (size_t)(rnl_rng_next(&rng) % sizeof s);
    random_text(&rng, s, n);
    rnl_Words *clusters = list_of(RNL_CLUSTERS_BYTES, s, n / 2, 0);
    rnl_Words *pieces = list_of(RNL_PIECES, s, n / 2, k % 3 ? 0 : 200);
    rnl_Bpe *b;
    CHECK(rnl_bpe_fit(pieces, 300, 1 + (uint64_t)k % 3, &b) == RNL_OK);
    CHECK_MSG(words_give_back(clusters, s, n), "round %d", k);
    CHECK_MSG(bpe_gives_back(b, s, n), "round %d", k);
    rnl_bpe_free(b);
    rnl_words_free(pieces);
    rnl_words_free(clusters);
  }
}


/* Ids of the text and of its parts, cut where it may be, are the same. */
static void test_cut (void) {
  static const rnl_WordKind kind[] = {RNL_CLUSTERS_BYTES, RNL_PIECES};
  rnl_Rng rng;
  char s[200];
  rnl_rng_seed(&rng, 2);
  for (int k = 0; k < 4000; k++) {
    size_t n = (size_t)(rnl_rng_next(&rng) % sizeof s);
    random_text(&rng, s, n);
    rnl_Words *whole = list_of(kind[k % 2], s, n, 0);
    rnl_Words *parts = list_of(kind[k % 2], s, 0, 0);
    size_t from = 0;
    for (size_t to = 1; to <= n; to += 1 + (size_t)k % 5) {
      size_t m = rnl_words_cut(kind[k % 2], s + from, to - from);
      CHECK(m <= to - from);
      CHECK(rnl_words_feed(parts, s + from, m) == RNL_OK);
      from += m;
    }
    CHECK(rnl_words_feed(parts, s + from, n - from) == RNL_OK);
    CHECK_MSG(rnl_words_seen(parts) == rnl_words_seen(whole) &&
              rnl_words_size(parts) == rnl_words_size(whole), "round %d", k);
    rnl_words_free(whole);
    rnl_words_free(parts);
  }
}


/* Lists that no learner made: each is refused, or gives text back. */
static void test_parts (void) {
  rnl_Rng rng;
  int good = 0;
  rnl_rng_seed(&rng, 3);
  for (int k = 0; k < 3000; k++) {
    int32_t part[24];
    rnl_Bpe *b;
    size_t n = (size_t)(rnl_rng_next(&rng) % 12);
    for (size_t i = 0; i < 2 * n; i++) {
      uint64_t r = rnl_rng_next(&rng);
      part[i] = r % 50 ? (int32_t)(r >> 8 & 1 ? 97 + (r >> 9) % 2
                                   : 256 + (r >> 9) % (1 + i / 2))
                       : (int32_t)(r >> 32);
    }
    int status = rnl_bpe_new(ctx, part, n, &b);
    CHECK(status == RNL_OK ? b != NULL : status == RNL_EFORMAT && !b);
    if (status != RNL_OK) continue;
    good++;
    CHECK(rnl_bpe_size(b) == 256 + (int)n);
    CHECK(n == 0 || memcmp(rnl_bpe_parts(b), part, n * 8) == 0);
    CHECK(bpe_gives_back(b, "abbaabaababbbaaababbab", 22));
    rnl_bpe_free(b);
  }
  CHECK(good > 300);
}

/* }====================================================================== */

/* {== Memory refused ===================================================== */

enum { NTEXT = 40000 };

/* All that takes memory, once; everything is freed whatever happens. */
static int all_of_it (const char *s) {
  rnl_Words *w = NULL, *chosen = NULL;
  rnl_Bpe *b = NULL, *again = NULL;
  rnl_Tensor *ids[2] = {NULL, NULL};
  char *out = NULL;
  size_t m;
  int status = rnl_words_new(ctx, RNL_PIECES, &w);
  if (status == RNL_OK) rnl_words_limit(w, 30000);
  if (status == RNL_OK) status = rnl_words_feed(w, s, NTEXT);
  if (status == RNL_OK) status = rnl_bpe_fit(w, 1500, 2, &b);
  if (status == RNL_OK)
    status = rnl_bpe_new(ctx, rnl_bpe_parts(b),
                         (size_t)rnl_bpe_size(b) - 256, &again);
  if (status == RNL_OK) status = rnl_bpe_encode(again, s, NTEXT, &ids[0]);
  if (status == RNL_OK)
    status = rnl_bpe_decode(b, rnl_data(ids[0]), rnl_count(ids[0]), &out, &m);
  if (status == RNL_OK) CHECK(m == NTEXT && memcmp(out, s, m) == 0);
  rnl_words_free(w);
  w = NULL;
  if (status == RNL_OK) status = rnl_words_new(ctx, RNL_CLUSTERS_BYTES, &w);
  if (status == RNL_OK) status = rnl_words_feed(w, s, NTEXT);
  if (status == RNL_OK) status = rnl_words_choose(w, 0, 2, 100, &chosen);
  if (status == RNL_OK) status = rnl_words_encode(chosen, s, NTEXT, &ids[1]);
  rnl_text_free(ctx, out);
  rnl_release(ids[0]);
  rnl_release(ids[1]);
  rnl_words_free(w);
  rnl_words_free(chosen);
  rnl_bpe_free(b);
  rnl_bpe_free(again);
  return status;
}


static void test_memory (void) {
  static char s[NTEXT];
  rnl_Memory before, after;
  rnl_Rng rng;
  rnl_rng_seed(&rng, 4);
  random_text(&rng, s, NTEXT);
  CHECK(all_of_it(s) == RNL_OK);
  rnl_memory(ctx, &before);
  uint64_t k = 1;
  int status;
  do {
    rnl_fail_alloc(ctx, k, 0);
    status = all_of_it(s);
    rnl_fail_alloc(ctx, 0, 0);
    rnl_memory(ctx, &after);
    CHECK_MSG(status == RNL_OK || status == RNL_ENOMEM, "request %d", (int)k);
    CHECK_MSG(after.live == before.live, "request %d", (int)k);
    k++;
  } while (status != RNL_OK && k < 1000);
  CHECK(status == RNL_OK && k > 50);
}


/* They keep their context alive, in whatever order they go. */
static void test_order (void) {
  rnl_Context *own;
  rnl_Words *w;
  rnl_Bpe *b;
  CHECK(rnl_context_new(NULL, NULL, &own) == RNL_OK);
  CHECK(rnl_words_new(own, RNL_PIECES, &w) == RNL_OK);
  CHECK(rnl_words_feed(w, "aaaa", 4) == RNL_OK);
  CHECK(rnl_bpe_fit(w, 1000, 0, &b) == RNL_OK);
  rnl_context_release(own);
  rnl_words_free(w);
  CHECK(rnl_bpe_size(b) == 258);
  rnl_bpe_free(b);
  rnl_bpe_free(NULL);
}

/* }====================================================================== */

int main (void) {
  CHECK(rnl_context_new(NULL, NULL, &ctx) == RNL_OK);
  test_random();
  test_cut();
  test_parts();
  test_memory();
  test_order();
  rnl_context_release(ctx);
  return harness_end("test_words");
}
