/*
** axis.h - a shape seen around one axis: outer x n x inner, so that element
** (o, j, i) lies at (o*n + j)*inner + i.
*/
#ifndef RNLI_AXIS_H
#define RNLI_AXIS_H

#include "core/core.h"

typedef struct rnli_Axis {
  int at;                 /* the axis, or -1: all of them as one */
  size_t outer, n, inner;
} rnli_Axis;


/* 't' around its axis 'at'. */
static inline rnli_Axis rnli_around (const rnl_Tensor *t, int at) {
  if (at < 0 || t->ndim == 0) return (rnli_Axis){at, 1, t->count, 1};
  return (rnli_Axis){at, rnli_product(at, t->dim), (size_t)t->dim[at],
                     rnli_product(t->ndim - at - 1, t->dim + at + 1)};
}


/*
** 't' around the axis in option 'a', all axes when that was not given. A
** scalar counts as one axis of one element. Fails only if the axis does not
** exist, so forward and backward may ask again.
*/
static inline int rnli_split (rnl_Call *c, const rnl_Tensor *t, int a,
                              rnli_Axis *s) {
  int at;
  int status = rnli_axis(c, a, t->ndim ? t->ndim : 1, &at);
  if (status == RNL_OK) *s = rnli_around(t, at);
  return status;
}


/* Error unless option 'a' was given. */
static inline int rnli_need (rnl_Call *c, int a) {
  if (rnli_given(c, a)) return RNL_OK;
  return rnli_fail(c, RNL_EARG, "'%s' is missing", c->op->attr[a].name);
}

#endif
