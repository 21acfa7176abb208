/*
** broadcast.h - walking two operands that broadcast against each other.
** Axes that both operands treat alike are merged; the innermost one left is
** the run, in which each operand advances by 1 or stays, and an odometer turns
** over the others. Equal shapes, a scalar and a row of biases become one run,
** one run, and one run per row.
*/
#ifndef RNLI_BROADCAST_H
#define RNLI_BROADCAST_H

#include "core/core.h"

typedef struct rnli_Walk {
  size_t run;                         /* elements of a run */
  size_t runs;
  size_t step[2];                     /* of each operand in a run: 0 or 1 */
  size_t at[2];                       /* where the run of each begins */
  int naxis;                          /* of the odometer, innermost first */
  size_t dim[RNL_MAX_DIMS];
  size_t stride[2][RNL_MAX_DIMS];
  size_t turn[RNL_MAX_DIMS];
} rnli_Walk;


/* Extent of axis d of 't', counted among 'ndim' axes aligned at the end. */
static inline int rnli_extent (const rnl_Tensor *t, int ndim, int d) {
  int at = d - (ndim - t->ndim);
  return at < 0 ? 1 : t->dim[at];
}


/* For check(): output 0 gets the shape that inputs 0 and 1 broadcast to. */
static inline int rnli_out_broadcast (rnl_Call *c) {
  const rnl_Tensor *a = c->in[0];
  const rnl_Tensor *b = c->in[1];
  int ndim = a->ndim > b->ndim ? a->ndim : b->ndim;
  int dim[RNL_MAX_DIMS];
  for (int d = 0; d < ndim; d++) {
    int na = rnli_extent(a, ndim, d);
    int nb = rnli_extent(b, ndim, d);
    if (na != nb && na != 1 && nb != 1)
      return rnli_fail(c, RNL_ESHAPE, "'%s' %s and '%s' %s do not broadcast",
                       c->op->in[0].name, rnli_shape(a).text,
                       c->op->in[1].name, rnli_shape(b).text);
    dim[d] = na == 1 ? nb : na;
  }
  rnli_out(c, 0, (rnl_Dtype)a->dtype, ndim, dim);
  return RNL_OK;
}


/* Adds an axis outside the others, merged into the last if it is alike. */
static inline void rnli_walk_axis (rnli_Walk *w, size_t n, const int full[2],
                                   int last[2], size_t size[2]) {
  int fits = w->naxis && full[0] == last[0] && full[1] == last[1];
  if (fits) w->dim[w->naxis - 1] *= n;
  else w->dim[w->naxis++] = n;
  for (int k = 0; k < 2; k++) {
    if (!fits) w->stride[k][w->naxis - 1] = full[k] ? size[k] : 0;
    if (full[k]) size[k] *= n;
    last[k] = full[k];
  }
}


/* Takes the innermost axis out of the odometer. */
static inline void rnli_walk_run (rnli_Walk *w) {
  w->run = w->runs = w->step[0] = w->step[1] = 1;
  if (!w->naxis) return;
  w->run = w->dim[0];
  w->step[0] = w->stride[0][0];
  w->step[1] = w->stride[1][0];
  for (int d = 1; d < w->naxis; d++) {
    w->dim[d - 1] = w->dim[d];
    w->stride[0][d - 1] = w->stride[0][d];
    w->stride[1][d - 1] = w->stride[1][d];
    w->runs *= w->dim[d];
  }
  w->naxis--;
}


/* A walk over inputs 0 and 1 in the order of output 0. */
static inline rnli_Walk rnli_walk (const rnl_Call *c) {
  const rnl_Tensor *y = c->out[0];
  rnli_Walk w = {.run = 0};
  if (y->count == 0) return w;
  int last[2] = {0, 0};
  size_t size[2] = {1, 1};
  for (int d = y->ndim - 1; d >= 0; d--) {
    if (y->dim[d] == 1) continue;
    const int full[2] = {rnli_extent(c->in[0], y->ndim, d) != 1,
                         rnli_extent(c->in[1], y->ndim, d) != 1};
    rnli_walk_axis(&w, (size_t)y->dim[d], full, last, size);
  }
  rnli_walk_run(&w);
  return w;
}


/* On to the next run. */
static inline void rnli_walk_next (rnli_Walk *w) {
  for (int d = 0; d < w->naxis; d++) {
    w->at[0] += w->stride[0][d];
    w->at[1] += w->stride[1][d];
    if (++w->turn[d] < w->dim[d]) return;
    w->at[0] -= w->stride[0][d] * w->dim[d];
    w->at[1] -= w->stride[1][d] * w->dim[d];
    w->turn[d] = 0;
  }
}

#endif
