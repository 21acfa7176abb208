/*
** lengths.h - the lengths of padded rows: a list option with one integer for
** each row.
*/
#ifndef RNLI_LENGTHS_H
#define RNLI_LENGTHS_H

#include "core/core.h"


/* For check(): option 'a', if given, has n integers from 0 to 'most'. */
static inline int rnli_check_lengths (rnl_Call *c, int a, int n, int most) {
  const rnli_Value *v = &c->attr[a];
  const char *name = c->op->attr[a].name;
  if (!rnli_given(c, a)) return RNL_OK;
  if (v->n != n)
    return rnli_fail(c, RNL_ESHAPE, "'%s' must have one integer for each of "
                     "%d rows, got %d", name, n, v->n);
  for (int i = 0; i < n; i++)
    if (v->list[i] < 0 || v->list[i] > most)
      return rnli_fail(c, RNL_EARG, "'%s' must be 0 to %d, got %d for row %d",
                       name, most, v->list[i], i + c->ctx->base);
  return RNL_OK;
}


/* The length of row i: 'most' without the option. */
static inline int rnli_length (const rnl_Call *c, int a, int i, int most) {
  return rnli_given(c, a) ? c->attr[a].list[i] : most;
}

#endif
