/*
** test_threads.c - rnli_parallel: every chunk runs once, in its own round,
** for any number of workers and while that number changes.
*/
#include "core/core.h"
#include "harness.h"

enum { CHUNKS = 60, ROUNDS = 20000 };

typedef struct Round {
  long number;
  long count[CHUNKS];   /* runs of each chunk */
  long seen[CHUNKS];    /* the round it ran in */
} Round;


static void chunk (void *arg, int i) {
  Round *r = arg;
  r->count[i]++;
  r->seen[i] = r->number;
}


/* Chunks that did not run exactly once in this round. */
static int wrong (const Round *r, int n) {
  int bad = 0;
  for (int i = 0; i < n; i++)
    bad += r->count[i] != 1 || r->seen[i] != r->number;
  return bad;
}


static void test_rounds (rnl_Context *ctx) {
  int bad = 0;
  for (long k = 0; k < ROUNDS; k++) {
    Round r = {.number = k};
    int n = (int)(k % (CHUNKS + 1));
    if (k % 4000 == 0) rnl_set_threads(ctx, 1 + (int)(k / 4000));
    rnli_parallel(ctx, n, chunk, &r);
    bad += wrong(&r, n);
  }
  CHECK(bad == 0);
}


int main (void) {
  rnl_Context *ctx;
  CHECK(rnl_context_new(NULL, NULL, &ctx) == RNL_OK);
  CHECK(rnl_set_threads(ctx, -1) == RNL_EARG);
  CHECK(rnl_set_threads(ctx, 257) == RNL_EARG);
  test_rounds(ctx);
  CHECK(rnl_threads(ctx) == 5);
  CHECK(rnl_set_threads(ctx, 0) == RNL_OK && rnl_threads(ctx) >= 1);
  rnl_context_release(ctx);
  return harness_end("threads");
}
