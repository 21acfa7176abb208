/*
** lengths.h - option 'lengths': the steps that count in each of N rows.
*/
#ifndef RNLI_LENGTHS_H
#define RNLI_LENGTHS_H

#include "core/core.h"

/* For check(): option 'a', when given, has N integers from 0 to T. */
static inline int rnli_check_lengths (rnl_Call *c, int a, int T, int N) {
  const rnli_Value *v = &c->attr[a];
  if (!rnli_given(c, a)) return RNL_OK;
  if (v->n != N)
    return rnli_fail(c, RNL_ESHAPE, "'lengths' must have one integer for each "
                     "of %d rows, got %d", N, v->n);
  for (int n = 0; n < N; n++)
    if (v->list[n] < 0 || v->list[n] > T)
      return rnli_fail(c, RNL_EARG, "'lengths' must be 0 to %d, got %d for "
                       "row %d", T, v->list[n], n + c->ctx->base);
  return RNL_OK;
}


/* The steps of row n that count, of T. */
static inline int rnli_length (const rnl_Call *c, int a, int n, int T) {
  return rnli_given(c, a) ? c->attr[a].list[n] : T;
}

#endif
