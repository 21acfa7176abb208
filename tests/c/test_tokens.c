/*
** test_tokens.c - scanners: pieces make no difference, counts against a plain
** count; token stores: what was written is read, whatever refuses.
*/
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"
#include "rnl.h"

static rnl_Context *ctx;

/* {== Scanners =========================================================== */

/* The same counts, one byte and one line at a time. */
static rnl_Scan plain_scan (const char *s, size_t n) {
  rnl_Scan t = {.bytes = n};
  size_t line;
  size_t at = rnl_utf8_check(s, n, &line);
  if (at < n) {
    t.bad_at = at;
    t.bad_line = line;
  }
  for (size_t i = 0; i < n; i++) {
    int lf = i + 1 < n && s[i + 1] == '\n';
    t.crlf += s[i] == '\r' && lf;
    t.cr += s[i] == '\r' && !lf;
  }
  for (size_t i = 0; i < n;) {
    int32_t code;
    int len = rnl_utf8_decode(s + i, n - i, &code);
    if (len == 0) t.bad++;
    else if (i == 0 && code == 0xFEFF) t.mark = 1;
    else t.codes++;
    i += len ? (size_t)len : 1;
  }
  return t;
}


static int same_scan (const rnl_Scan *a, const rnl_Scan *b) {
  return a->bytes == b->bytes && a->codes == b->codes && a->cr == b->cr &&
         a->crlf == b->crlf && a->bad == b->bad && a->bad_at == b->bad_at &&
         a->bad_line == b->bad_line && a->mark == b->mark;
}


static void random_text (rnl_Rng *rng, char *s, size_t n) {
  static const char piece[] = "ae \n\r\n\xC3\xA9\xEF\xBB\xBF\xE4\xB8\xAD"
                              "\xF0\x9F\x98\x80plain text, some";
  for (size_t i = 0; i < n;) {
    uint64_t r = rnl_rng_next(rng);
    size_t from = (size_t)(r >> 8) % (sizeof piece - 1);
    if ((r & 7) == 0) s[i++] = (char)(r >> 40);
    else if (i == 0 && (r & 16)) from = 8;
    for (size_t k = 0; k < (r >> 4 & 15) && from + k < sizeof piece - 1 &&
                       i < n; k++)
      s[i++] = piece[from + k];
  }
}


/* Feeds 's' in random pieces and ends it. */
static rnl_Scan scan_pieces (rnl_Scanner *scan, rnl_Rng *rng, const char *s,
                             size_t n) {
  rnl_Scan t;
  for (size_t i = 0; i < n;) {
    size_t k = rnl_rng_next(rng) % 40 + 1;
    if (k > n - i) k = n - i;
    rnl_scanner_feed(scan, s + i, k);
    i += k;
  }
  rnl_scanner_end(scan, &t);
  return t;
}


static void test_scans (void) {
  rnl_Rng rng;
  char s[300], one[RNL_FINGERPRINT], other[RNL_FINGERPRINT];
  rnl_rng_seed(&rng, 3);
  for (int round = 0; round < 2000; round++) {
    rnl_Scanner *scan;
    size_t n = (size_t)(rnl_rng_next(&rng) % sizeof s);
    random_text(&rng, s, n);
    rnl_scanner_new(ctx, &scan);
    rnl_Scan want = plain_scan(s, n), t = scan_pieces(scan, &rng, s, n);
    CHECK_MSG(same_scan(&t, &want), "round %d", round);
    rnl_fingerprint(s, n, one);
    rnl_scanner_fingerprint(scan, other);
    CHECK_MSG(strcmp(one, other) == 0, "round %d", round);
    rnl_scanner_free(scan);
    if (n == 0) continue;
    s[rnl_rng_next(&rng) % n] ^= 1;
    rnl_fingerprint(s, n, other);
    CHECK_MSG(strcmp(one, other) != 0, "round %d: a changed bit", round);
  }
}


static void test_sets (void) {
  rnl_Scanner *scan;
  rnl_Vocab *v;
  rnl_Scan t;
  int32_t code[8];
  CHECK(rnl_scanner_new(ctx, &scan) == RNL_OK);
  rnl_scanner_feed(scan, "\xEF\xBB\xBF" "abababababab\xF4\x8F\xBF\xBF", 19);
  rnl_scanner_end(scan, &t);
  CHECK(t.mark && t.codes == 13 && t.bad == 0);
  rnl_scanner_feed(scan, "\xEF\xBB", 2);
  rnl_scanner_end(scan, &t);
  CHECK(t.bad == 2 && t.bad_at == 0 && t.bad_line == 1 && !t.mark);
  rnl_scanner_add(scan, (int32_t[]){0, 0xD800, 0x7F, -1, 0x110000}, 5);
  CHECK(rnl_scanner_codes(scan, code) == 5);
  CHECK(memcmp(code, (int32_t[]){0, 'a', 'b', 0x7F, 0x10FFFF}, 20) == 0);
  CHECK(rnl_vocab_scanned(scan, 0, &v) == RNL_OK);
  CHECK(rnl_vocab_size(v) == 5 && rnl_vocab_covers(v, scan) == RNL_OK);
  CHECK(rnl_vocab_byte(v, 'b') == 2 && rnl_vocab_byte(v, 'c') == -1);
  rnl_scanner_add(scan, (int32_t[]){0xE9, 0x301}, 2);
  CHECK(rnl_vocab_covers(v, scan) == RNL_EFORMAT);
  CHECK(strcmp(rnl_errmsg(ctx), "characters not in the vocabulary: "
               "'\xC3\xA9' (U+00E9), U+0301") == 0);
  rnl_vocab_free(v);
  rnl_scanner_free(scan);
  rnl_scanner_free(NULL);
}


/* Both parts of a cut, normalised, are the whole normalised. */
static void test_cuts (void) {
  static const char *const piece[] = {
    "a", " ", "\xCC\x81", "\xCC\xA3", "\xE4\xB8\xAD", "\xEA\xB0\x80",
    "\xE1\x86\xA8", "\xE0\xA7\x87", "\xE0\xA6\xBE", "\xEF\xAC\x81", "\xFF",
    "\xE1\x84\x80", "\xE1\x85\xA1", "\xC3", "\xE4\xB8", "\xCF\x89"};
  rnl_Rng rng;
  rnl_rng_seed(&rng, 4);
  for (int round = 0; round < 5000; round++) {
    rnl_Normal form = round & 1 ? RNL_NFC : RNL_NFKC;
    char s[128] = "", *part[2], *all;
    size_t n[2], m;
    for (int k = 0; k < 12; k++) strcat(s, piece[rnl_rng_next(&rng) % 16]);
    size_t seen = rnl_rng_next(&rng) % (strlen(s) + 1);
    size_t cut = rnl_utf8_cut(form, s, seen);
    rnl_utf8_normalise(ctx, form, s, cut, &part[0], &n[0]);
    rnl_utf8_normalise(ctx, form, s + cut, strlen(s) - cut, &part[1], &n[1]);
    rnl_utf8_normalise(ctx, form, s, strlen(s), &all, &m);
    CHECK_MSG(m == n[0] + n[1] && memcmp(all, part[0], n[0]) == 0 &&
              memcmp(all + n[0], part[1], n[1]) == 0, "round %d", round);
    rnl_text_free(ctx, part[0]);
    rnl_text_free(ctx, part[1]);
    rnl_text_free(ctx, all);
  }
}

/* }====================================================================== */

/* {== Stores ============================================================= */

enum { COUNT = 20000 };

static char folder[] = "/tmp/rnl-tokens.XXXXXX";
static char path[64];


static int32_t nth (int64_t i, int vocab) {
  return (int32_t)((uint64_t)i * 7919 % (uint64_t)vocab);
}


/* Writes COUNT ids, in parts; 'file' is NULL or a token file. */
static int write_tokens (int vocab, size_t memory, const char *file,
                         rnl_Tokens **out) {
  rnl_TokenPlan plan = {.vocab = vocab, .memory = memory, .path = file,
                        .folder = folder, .key = "text and tokenizer"};
  rnl_TokenWriter *w;
  int32_t id[777];
  *out = NULL;
  int status = rnl_writer_new(ctx, &plan, &w);
  for (int64_t i = 0; status == RNL_OK && i < COUNT;) {
    size_t n = 0;
    while (n < 777 && i < COUNT) id[n++] = nth(i++, vocab);
    status = rnl_writer_append(w, id, n);
    if (status != RNL_OK) rnl_writer_free(w);
  }
  return status == RNL_OK ? rnl_writer_finish(w, out) : status;
}


static void check_tokens (rnl_Tokens *t, int vocab) {
  static int32_t x[COUNT], y[COUNT];
  int bad = 0;
  CHECK(rnl_tokens_count(t) == COUNT);
  CHECK(rnl_tokens_window(t, 0, COUNT, x, NULL, 1) == RNL_OK);
  for (int i = 0; i < COUNT; i++) bad += x[i] != nth(i, vocab);
  CHECK(rnl_tokens_window(t, 100, 50, x, y, 3) == RNL_OK);
  for (int i = 0; i < 50; i++)
    bad += x[3 * i] != nth(100 + i, vocab) || y[3 * i] != nth(101 + i, vocab);
  CHECK_MSG(bad == 0, "vocabulary %d", vocab);
  CHECK(rnl_tokens_window(t, COUNT - 5, 5, x, NULL, 1) == RNL_OK);
  CHECK(rnl_tokens_window(t, COUNT, 0, x, NULL, 1) == RNL_OK);
  const int64_t outside[][2] = {
    {COUNT - 5, 6}, {-1, 1}, {0, -1}, {INT64_MAX, 1}, {1, INT64_MAX},
    {INT64_MIN, INT64_MIN}, {0, COUNT + 1}};
  for (size_t i = 0; i < sizeof outside / sizeof *outside; i++)
    CHECK(rnl_tokens_window(t, outside[i][0], outside[i][1], x, NULL, 1) ==
          RNL_ESHAPE);
  CHECK(rnl_tokens_window(t, COUNT - 5, 5, x, y, 1) == RNL_ESHAPE);
}


static void test_stores (void) {
  const int vocab[] = {1, 256, 257, 65536, 65537, INT32_MAX};
  rnl_Tokens *t;
  for (size_t i = 0; i < sizeof vocab / sizeof *vocab; i++) {
    CHECK(write_tokens(vocab[i], SIZE_MAX, NULL, &t) == RNL_OK);
    CHECK(rnl_tokens_place(t) == RNL_IN_MEMORY);
    check_tokens(t, vocab[i]);
    rnl_tokens_release(t);
    CHECK(write_tokens(vocab[i], 0, NULL, &t) == RNL_OK);
    CHECK(rnl_tokens_place(t) == RNL_IN_FILE);
    check_tokens(t, vocab[i]);
    rnl_tokens_release(t);
    CHECK(write_tokens(vocab[i], 5000, path, &t) == RNL_OK);
    check_tokens(t, vocab[i]);
    rnl_tokens_release(t);
    CHECK(rnl_tokens_open(ctx, path, vocab[i], "text and tokenizer", &t) ==
          RNL_OK && t != NULL);
    if (t) check_tokens(t, vocab[i]);
    rnl_tokens_release(t);
    CHECK(rnl_tokens_open(ctx, path, vocab[i], "another text", &t) == RNL_OK &&
          !t);
    CHECK(rnl_tokens_open(ctx, path, vocab[i] - 1, "text and tokenizer", &t) ==
          RNL_OK && !t);
  }
  CHECK(rnl_tokens_open(ctx, "/no/such/file", 3, "", &t) == RNL_OK && !t);
}


static void test_bytes (void) {
  rnl_TokenPlan plan = {.vocab = 256, .folder = folder};
  rnl_TokenWriter *w;
  rnl_Tokens *t;
  char out[10000];
  memset(out, 'x', sizeof out);
  CHECK(rnl_writer_new(ctx, &plan, &w) == RNL_OK);
  CHECK(rnl_writer_bytes(w, out, sizeof out) == RNL_OK);
  CHECK(rnl_writer_bytes(w, "\0\xFF", 2) == RNL_OK);
  CHECK(rnl_writer_finish(w, &t) == RNL_OK);
  CHECK(rnl_tokens_count(t) == 10002);
  CHECK(rnl_tokens_bytes(t, 9999, 3, out) == RNL_OK);
  CHECK(memcmp(out, "x\0\xFF", 3) == 0);
  CHECK(rnl_tokens_bytes(t, 9999, 4, out) == RNL_ESHAPE);
  rnl_tokens_release(t);
  plan.vocab = 255;
  CHECK(rnl_writer_new(ctx, &plan, &w) == RNL_OK);
  CHECK(rnl_writer_bytes(w, "x", 1) == RNL_EARG);
  CHECK(rnl_writer_append(w, (int32_t[]){0, 255}, 2) == RNL_EARG);
  CHECK(strcmp(rnl_errmsg(ctx), "tokens: id 255 is not in 0..254") == 0);
  CHECK(rnl_writer_append(w, (int32_t[]){0}, 1) == RNL_ESTATE);
  CHECK(rnl_writer_finish(w, &t) == RNL_ESTATE && !t);
  plan.vocab = 0;
  CHECK(rnl_writer_new(ctx, &plan, &w) == RNL_EARG && !w);
}


/* A disk that is full: the old file stays, nothing is left beside it. */
static void test_full (void) {
  struct rlimit limit, small;
  struct stat before, after;
  rnl_Tokens *t;
  CHECK(write_tokens(300, 0, path, &t) == RNL_OK);
  rnl_tokens_release(t);
  CHECK(stat(path, &before) == 0);
  getrlimit(RLIMIT_FSIZE, &limit);
  small = limit;
  small.rlim_cur = 10000;
  signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);
  CHECK(write_tokens(300, 0, path, &t) == RNL_EIO && !t);
  CHECK(strstr(rnl_errmsg(ctx), "cannot be written") != NULL);
  CHECK(write_tokens(300, 0, NULL, &t) == RNL_EIO && !t);
  CHECK(strstr(rnl_errmsg(ctx), "a temporary file cannot be written"));
  setrlimit(RLIMIT_FSIZE, &limit);
  CHECK(stat(path, &after) == 0 && after.st_ino == before.st_ino);
}


/* All that takes memory, once. */
static int all_of_it (void) {
  rnl_Scanner *scan = NULL;
  rnl_Vocab *v = NULL;
  rnl_Tokens *t[4] = {NULL, NULL, NULL, NULL};
  int32_t x[8];
  int status = rnl_scanner_new(ctx, &scan);
  if (status == RNL_OK) {
    rnl_Scan text;
    rnl_scanner_feed(scan, "ab\xC3\xA9", 4);
    rnl_scanner_end(scan, &text);
    status = rnl_vocab_scanned(scan, 1, &v);
  }
  if (status == RNL_OK) status = write_tokens(300, 50000, NULL, &t[0]);
  if (status == RNL_OK) status = write_tokens(300, 5000, NULL, &t[1]);
  if (status == RNL_OK) status = write_tokens(300, 5000, path, &t[2]);
  if (status == RNL_OK) status = rnl_tokens_text(ctx, path, 0, v, 300, &t[3]);
  for (int i = 0; status == RNL_OK && i < 4; i++)
    status = rnl_tokens_window(t[i], 8, 8, x, NULL, 1);
  for (int i = 0; i < 4; i++) rnl_tokens_release(t[i]);
  rnl_vocab_free(v);
  rnl_scanner_free(scan);
  return status;
}


static void test_memory (int forever) {
  rnl_Memory before, after;
  int status = all_of_it();
  uint64_t k = 1;
  CHECK_MSG(status == RNL_OK, "%s", rnl_errmsg(ctx));
  rnl_memory(ctx, &before);
  do {
    rnl_trim(ctx);
    rnl_fail_alloc(ctx, k, forever);
    status = all_of_it();
    rnl_fail_alloc(ctx, 0, 0);
    rnl_memory(ctx, &after);
    CHECK_MSG(status == RNL_OK || status == RNL_ENOMEM, "request %d: %d %s",
              (int)k, status, rnl_errmsg(ctx));
    CHECK_MSG(after.live == before.live, "request %d", (int)k);
    k++;
  } while (status != RNL_OK && k < 200);
  CHECK(status == RNL_OK && k > 20);
}


/* A store keeps its context alive, in whatever order they go. */
static void test_order (void) {
  rnl_Context *own;
  rnl_TokenPlan plan = {.vocab = 9, .memory = 100, .folder = folder};
  rnl_TokenWriter *w;
  rnl_Tokens *t;
  int32_t x;
  CHECK(rnl_context_new(NULL, NULL, &own) == RNL_OK);
  CHECK(rnl_writer_new(own, &plan, &w) == RNL_OK);
  rnl_context_release(own);
  CHECK(rnl_writer_append(w, (int32_t[]){8}, 1) == RNL_OK);
  CHECK(rnl_writer_finish(w, &t) == RNL_OK);
  rnl_tokens_retain(t);
  rnl_tokens_release(t);
  CHECK(rnl_tokens_window(t, 0, 1, &x, NULL, 1) == RNL_OK && x == 8);
  rnl_tokens_release(t);
}

/* }====================================================================== */

int main (void) {
  if (!mkdtemp(folder)) return 1;
  snprintf(path, sizeof path, "%s/tokens", folder);
  CHECK(rnl_context_new(NULL, NULL, &ctx) == RNL_OK);
  test_scans();
  test_sets();
  test_cuts();
  test_stores();
  test_bytes();
  test_full();
  test_memory(0);
  test_memory(1);
  test_order();
  rnl_context_release(ctx);
  CHECK(unlink(path) == 0);
  CHECK(rmdir(folder) == 0);   /* nothing else was left there */
  return harness_end("tokens");
}
