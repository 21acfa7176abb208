/*
** masked_fill.c - a number in place of the elements a mask marks.
**   y = value where mask != 0, x elsewhere      dx += dy where mask = 0
** The mask is repeated to the shape of x and gets no gradient.
*/
#include "core/real.h"
#include "ops/broadcast.h"

enum { X, MASK };
enum { VALUE };


static int check (rnl_Call *c) {
  const rnl_Tensor *x = c->in[X];
  int status = rnli_out_broadcast(c);
  if (status != RNL_OK) return status;
  int fits = c->shape[0].ndim == x->ndim;
  for (int d = 0; fits && d < x->ndim; d++)
    fits = c->shape[0].dim[d] == x->dim[d];
  if (fits) return RNL_OK;
  return rnli_fail(c, RNL_ESHAPE, "'mask' %s is larger than 'x' %s",
                   rnli_shape(c->in[MASK]).text, rnli_shape(x).text);
}


RNLI_INLINE void fill_run (real *y, const real *x, const real *mask,
                           size_t step, size_t n, real value) {
  for (size_t i = 0; i < n; i++)
    y[i] = mask[i * step] != 0 ? value : x[i];
}


RNLI_INLINE void pass_run (real *dx, const real *dy, const real *mask,
                           size_t step, size_t n) {
  for (size_t i = 0; i < n; i++)
    dx[i] += mask[i * step] != 0 ? 0 : dy[i];
}


RNLI_WIDE static void masked_fill_forward (rnl_Call *c) {
  const real *x = rnli_data(c, X);
  real *y = c->out[0]->data;
  real value = (real)c->attr[VALUE].x;
  rnli_Walk w = rnli_walk(c);
  for (size_t r = 0; r < w.runs; r++, x += w.run, y += w.run) {
    const real *mask = (const real *)rnli_data(c, MASK) + w.at[MASK];
    if (w.step[MASK]) fill_run(y, x, mask, 1, w.run, value);
    else fill_run(y, x, mask, 0, w.run, value);
    rnli_walk_next(&w);
  }
}


RNLI_WIDE static void masked_fill_backward (rnl_Call *c) {
  const real *dy = rnli_dout(c, 0);
  real *dx = rnli_din(c, X);
  rnli_Walk w = rnli_walk(c);
  for (size_t r = 0; dx && r < w.runs; r++, dx += w.run, dy += w.run) {
    const real *mask = (const real *)rnli_data(c, MASK) + w.at[MASK];
    if (w.step[MASK]) pass_run(dx, dy, mask, 1, w.run);
    else pass_run(dx, dy, mask, 0, w.run);
    rnli_walk_next(&w);
  }
}


RNLI_OP(masked_fill) = {
  .name = "masked_fill",
  .in = {[X] = {"x", RNL_IN_REAL}, [MASK] = {"mask", RNL_IN_REAL}},
  .out = {"y"},
  .attr = {[VALUE] = {"value", RNL_AT_REAL, 0, NULL}},
  .check = check,
  .forward = masked_fill_forward, .backward = masked_fill_backward,
  .doc = "Puts 'value', 0 unless told, where mask is not 0 and keeps x "
         "elsewhere; x (...), mask of a shape that broadcasts to x -> "
         "y (...).",
};
