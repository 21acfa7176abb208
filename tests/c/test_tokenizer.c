/*
** test_tokenizer.c - tokenizers that threads share, and memory refused. What
** their ids are is in spec/tokenizer_spec.lua.
*/
#include <pthread.h>
#include <string.h>

#include "harness.h"
#include "text/tokenizer.h"
#include "text/units.h"

static const char *const specs[] = {
  "byte nfkc",
  "char nfc bytes : a 20-7e e9",
  "bpe nfc : 74+68 100+65 20+101",
  "grapheme nfc bytes-seen : 61 65+301 e9 d+a",
  "word nfc unicode lines : the cat don't . \xE4\xB8\xAD",
  "dict nfc lines : \xE4\xB8\xAD\xE6\x96\x87 the \xE2\x96\x81\n"
  "\xE4\xB8\xAD 2\n\xE4\xB8\xAD\xE6\x96\x87 9\n\n\xE6\x96\x87the 1\n"
};

static const char text[] =
  "the cat, the e\xCC\x81 don't.\r\n\xE4\xB8\xAD\xE6\x96\x87the \xFF"
  "\xEF\xAC\x81\xE4\xB8\xAD\xE6\x96\x87 \xE6\x96\x87\xE4\xB8\xAD \xED\x95\x9C";

enum { NSPEC = sizeof specs / sizeof *specs, NTHREAD = 4, ROUNDS = 200 };


static int make (rnl_Context *ctx, int i, rnli_Tokenizer **t) {
  return rnli_tokenizer_new(ctx, specs[i], strlen(specs[i]), SIZE_MAX, t);
}


/* Text to ids, back, and back as a stream; how many ids, or 0. */
static int use (const rnli_Tokenizer *t, rnl_Context *ctx, int *status) {
  rnli_Ids ids = {.ctx = ctx};
  rnli_Stream stream = {.tok = t};
  char *out = NULL;
  size_t n;
  *status = rnli_tokenizer_ids(t, text, sizeof text - 1, &ids);
  if (*status == RNL_OK)
    *status = rnli_tokenizer_text(t, ctx, ids.id, ids.n, &out, &n);
  rnl_text_free(ctx, out);
  for (size_t i = 0; i < ids.n && *status == RNL_OK; i++) {
    *status = rnli_stream_next(&stream, ctx, &ids.id[i], &out, &n);
    if (*status == RNL_OK && rnl_utf8_check(out, n, NULL) < n)
      *status = RNL_EFORMAT;
    rnl_text_free(ctx, out);
  }
  rnli_put(ctx, ids.id);
  return *status == RNL_OK ? (int)ids.n : 0;
}

/* {== Threads ============================================================ */

typedef struct Shared {
  rnli_Tokenizer *tok[NSPEC];
  int want[NSPEC];
} Shared;


/* Uses all tokenizers with a context of its own; NULL if all was well. */
static void *run (void *arg) {
  Shared *shared = arg;
  rnl_Context *ctx;
  void *wrong = NULL;
  int status;
  if (rnl_context_new(NULL, NULL, &ctx) != RNL_OK) return arg;
  for (int k = 0; k < ROUNDS; k++)
    for (int i = 0; i < NSPEC; i++)
      if (use(shared->tok[i], ctx, &status) != shared->want[i]) wrong = arg;
  rnl_context_release(ctx);
  return wrong;
}


static void test_threads (rnl_Context *ctx) {
  Shared shared;
  pthread_t thread[NTHREAD];
  int status;
  for (int i = 0; i < NSPEC; i++) {
    if (!CHECK_MSG(make(ctx, i, &shared.tok[i]) == RNL_OK, "%s",
                   rnl_errmsg(ctx)))
      return;
    shared.want[i] = use(shared.tok[i], ctx, &status);
    CHECK(shared.want[i] > 0);
  }
  for (int k = 0; k < NTHREAD; k++)
    CHECK(pthread_create(&thread[k], NULL, run, &shared) == 0);
  for (int k = 0; k < NTHREAD; k++) {
    void *wrong;
    CHECK(pthread_join(thread[k], &wrong) == 0 && wrong == NULL);
  }
  for (int i = 0; i < NSPEC; i++) rnli_tokenizer_free(shared.tok[i]);
  rnli_tokenizer_free(NULL);
}

/* }====================================================================== */

/* {== Memory refused ===================================================== */

static int use_new (rnl_Context *ctx, int i) {
  rnli_Tokenizer *t;
  int status = make(ctx, i, &t);
  if (status == RNL_OK) use(t, ctx, &status);
  rnli_tokenizer_free(t);
  return status;
}


static int use_units (rnl_Context *ctx, int i) {
  rnli_Spans out = {.ctx = ctx};
  char *s = NULL;
  size_t n = sizeof text - 1;
  int status = rnli_units_chars(text, n, SIZE_MAX, &out);
  (void)i;
  if (status == RNL_OK) status = rnli_units_words(text, n, &out);
  if (status == RNL_OK) status = rnli_units_terms(text, n, &out);
  if (status == RNL_OK) status = rnli_units_sentences(text, n, &out);
  if (status == RNL_OK) status = rnli_units_parts(text, n, &out);
  rnli_put(ctx, out.span);
  if (status == RNL_OK) status = rnli_text_folded(ctx, text, n, &s, &n);
  rnl_text_free(ctx, s);
  n = sizeof text - 1;
  if (status == RNL_OK) status = rnli_text_jamo(ctx, text, n, &s, &n);
  rnl_text_free(ctx, s);
  n = sizeof text - 1;
  if (status == RNL_OK) status = rnl_text_apart(ctx, text, n, &s, &n);
  rnl_text_free(ctx, s);
  return status;
}


/* Refuses each request in turn: that is said, and nothing is lost. */
static void refuse (rnl_Context *ctx, int (*f) (rnl_Context *ctx, int i),
                    int i) {
  rnl_Memory before, after;
  int status;
  uint64_t k = 0;
  CHECK(f(ctx, i) == RNL_OK);
  rnl_memory(ctx, &before);
  do {
    rnl_fail_alloc(ctx, ++k, 0);
    status = f(ctx, i);
    rnl_fail_alloc(ctx, 0, 0);
    rnl_memory(ctx, &after);
    CHECK_MSG(status == RNL_OK || status == RNL_ENOMEM, "%d, request %d", i,
              (int)k);
    CHECK_MSG(after.live == before.live, "%d, request %d", i, (int)k);
  } while (status != RNL_OK && k < 1000);
  CHECK(status == RNL_OK && k > 5);
}

/* }====================================================================== */

int main (void) {
  rnl_Context *ctx;
  if (!CHECK(rnl_context_new(NULL, NULL, &ctx) == RNL_OK))
    return harness_end("tokenizer");
  test_threads(ctx);
  for (int i = 0; i < NSPEC; i++) refuse(ctx, use_new, i);
  refuse(ctx, use_units, 0);
  rnl_context_release(ctx);
  return harness_end("tokenizer");
}
