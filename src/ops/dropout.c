/*
** dropout.c - zeros elements at random while a tape is open.
**   y = x / (1 - p) where u >= p, else 0      dx += dy / (1 - p) there
** with one u in [0, 1) drawn for each element, in order. Locked, the elements
** of x[0] draw for all of the first axis: with x (T,N,F) the same mask at every
** step (variational dropout, Gal and Ghahramani 2016). Without a tape, or with
** p = 0, y shows x and nothing is drawn.
** Scratch, or kept for backward: one byte per element that draws.
*/
#include "core/real.h"

enum { P, LOCKED };


/* Elements that draw. */
static size_t drawn (const rnl_Call *c) {
  const rnl_Tensor *x = c->in[0];
  if (!c->attr[LOCKED].x || x->count == 0) return x->count;
  return x->count / (size_t)x->dim[0];
}


static int check (rnl_Call *c) {
  const rnl_Tensor *x = c->in[0];
  double p = c->attr[P].x;
  if (c->attr[LOCKED].x && x->ndim < 2)
    return rnli_fail(c, RNL_ESHAPE, "'x' must have 2 axes or more to be "
                     "locked, got %s", rnli_shape(x).text);
  if (!(p >= 0 && p <= 1))
    return rnli_fail(c, RNL_EARG, "'p' must be from 0 to 1, got %g", p);
  if (!c->taped || p == 0) {
    rnli_out_view(c, 0, 0, 0, x->ndim, x->dim);
    return RNL_OK;
  }
  rnli_out_like(c, 0, 0);
  if (c->recording) c->keep_bytes[0] = drawn(c);
  else c->scratch_bytes = drawn(c);
  return RNL_OK;
}


static real scale_of (const rnl_Call *c) {
  double p = c->attr[P].x;
  return p < 1 ? (real)(1 / (1 - p)) : 0;
}


static unsigned char *mask_of (const rnl_Call *c) {
  return c->recording ? c->keep[0] : c->scratch;
}


static void dropout_forward (rnl_Call *c) {
  if (c->shape[0].view >= 0) return;
  const real *x = rnli_data(c, 0);
  real *y = c->out[0]->data;
  unsigned char *mask = mask_of(c);
  double p = c->attr[P].x;
  real scale = scale_of(c);
  size_t n = drawn(c);
  for (size_t i = 0; i < n; i++)
    mask[i] = rnl_rng_uniform(&c->ctx->rng) >= p;
  for (size_t k = 0; k < c->in[0]->count; k += n)
    for (size_t i = 0; i < n; i++)
      y[k + i] = x[k + i] * ((real)mask[i] * scale);
}


RNLI_WIDE static void dropout_backward (rnl_Call *c) {
  const unsigned char *mask = c->keep[0];
  const real *dy = rnli_dout(c, 0);
  real *dx = rnli_din(c, 0);
  real scale = scale_of(c);
  size_t count = c->in[0]->count, n = drawn(c);
  if (c->shape[0].view >= 0) {
    for (size_t i = 0; i < count; i++) dx[i] += dy[i];
    return;
  }
  for (size_t k = 0; k < count; k += n)
    for (size_t i = 0; i < n; i++)
      dx[k + i] += dy[k + i] * ((real)mask[i] * scale);
}


RNLI_OP(dropout) = {
  .name = "dropout",
  .in = {{"x", RNL_IN_REAL}},
  .out = {"y"},
  .attr = {[P] = {"p", RNL_AT_REAL, 0.5, NULL},
           [LOCKED] = {"locked", RNL_AT_BOOL, 0, NULL}},
  .check = check, .forward = dropout_forward, .backward = dropout_backward,
  .doc = "Zeroes each element with probability 'p' and divides the others by "
         "1 - p while a tape is open, and passes x on otherwise; 'locked' "
         "draws once for the whole first axis; x (...) -> y (...).",
};
