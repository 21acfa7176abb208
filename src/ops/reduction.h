/*
** reduction.h - what losses do with their terms: average them, add them up,
** or leave them as they are.
*/
#ifndef RNLI_REDUCTION_H
#define RNLI_REDUCTION_H

#include "core/real.h"

enum { RNLI_MEAN, RNLI_SUM, RNLI_EACH };

#define RNLI_REDUCTION {"reduction", RNL_AT_WORD, RNLI_MEAN, "mean|sum|none"}


/* For check(): output 0 is a scalar, or shaped like input 'like'. */
static inline void rnli_out_loss (rnl_Call *c, int a, int like) {
  int each = c->attr[a].x == RNLI_EACH;
  rnli_out(c, 0, RNLI_DTYPE, each ? c->in[like]->ndim : 0, c->in[like]->dim);
}


/* What a term is multiplied by when 'n' of them count; 0 if none does. */
static inline double rnli_weight (const rnl_Call *c, int a, size_t n) {
  if (c->attr[a].x != RNLI_MEAN) return 1;
  return n ? 1 / (double)n : 0;
}


/* Output 0 from the losses of n rows; 'weight' is what rnli_weight gave. */
static inline void rnli_finish (rnl_Call *c, int a, const double *loss,
                                size_t n, double weight) {
  real *y = c->out[0]->data;
  double sum = 0;
  if (c->attr[a].x == RNLI_EACH) {
    for (size_t i = 0; i < n; i++) y[i] = (real)loss[i];
    return;
  }
  for (size_t i = 0; i < n; i++) sum += loss[i];
  *y = (real)(sum * weight);
}


/* What arrives at the loss of row i. */
static inline real rnli_dy_at (const rnl_Call *c, int a, double weight,
                               size_t i) {
  const real *dy = rnli_dout(c, 0);
  int each = c->attr[a].x == RNLI_EACH;
  return each ? dy[i] : (real)((double)*dy * weight);
}

#endif
