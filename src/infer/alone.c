/*
** alone.c - what the engine has in other files, for the inference library: no
** workers, all runs on the thread that calls.
*/
#include "core/core.h"

void rnli_parallel (rnl_Context *ctx, int n, void (*fn) (void *, int),
                    void *arg) {
  (void)ctx;
  for (int i = 0; i < n; i++) fn(arg, i);
}


void rnli_pool_free (rnl_Context *ctx) {
  (void)ctx;
}


int rnl_set_threads (rnl_Context *ctx, int n) {
  (void)n;
  ctx->threads = 1;
  return RNL_OK;
}


int rnl_threads (const rnl_Context *ctx) {
  (void)ctx;
  return 1;
}
