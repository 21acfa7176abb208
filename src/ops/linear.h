/*
** linear.h - the gradients of y = x w' + b, for the ops that make them.
*/
#ifndef RNLI_LINEAR_H
#define RNLI_LINEAR_H

#include "core/real.h"

/* x (rows,D), w (O,D); where gradients go, NULL for those nobody wants. */
typedef struct RNLI_T(rnli_Linear) {
  size_t rows;
  int D, O;
  const real *x, *w;
  real *dx, *dw, *db;
} RNLI_T(rnli_Linear);

#define rnli_Linear RNLI_T(rnli_Linear)
#define rnli_linear_grads RNLI_T(rnli_linear_grads)

/* dx += dy w   dw += dy' x   db += the rows of dy (rows,O), in order. */
void rnli_linear_grads (rnl_Context *ctx, const rnli_Linear *l,
                        const real *dy);

#endif
