/*
** dropout.c - zeros elements at random while a tape is open.
**   y = x / (1 - p) where u >= p, else 0      dx += dy / (1 - p) there
** with one u in [0, 1) drawn for each element, in order. Without a tape, or
** with p = 0, y shows x and nothing is drawn.
** Keeps for backward: one byte per element.
*/
#include "core/real.h"

enum { P };


static int check (rnl_Call *c) {
  const rnl_Tensor *x = c->in[0];
  double p = c->attr[P].x;
  if (!(p >= 0 && p <= 1))
    return rnli_fail(c, RNL_EARG, "'p' must be from 0 to 1, got %g", p);
  if (!c->taped || p == 0) {
    rnli_out_view(c, 0, 0, 0, x->ndim, x->dim);
    return RNL_OK;
  }
  rnli_out_like(c, 0, 0);
  if (c->recording) c->keep_bytes[0] = x->count;
  return RNL_OK;
}


static real scale_of (const rnl_Call *c) {
  double p = c->attr[P].x;
  return p < 1 ? (real)(1 / (1 - p)) : 0;
}


static void dropout_forward (rnl_Call *c) {
  if (c->shape[0].view >= 0) return;
  const real *x = rnli_data(c, 0);
  real *y = c->out[0]->data;
  unsigned char *mask = c->keep[0];
  double p = c->attr[P].x;
  real scale = scale_of(c);
  for (size_t i = 0; i < c->in[0]->count; i++) {
    int kept = rnl_rng_uniform(&c->ctx->rng) >= p;
    y[i] = x[i] * ((real)kept * scale);
    if (mask) mask[i] = (unsigned char)kept;
  }
}


RNLI_WIDE static void dropout_backward (rnl_Call *c) {
  const unsigned char *mask = c->keep[0];
  const real *dy = rnli_dout(c, 0);
  real *dx = rnli_din(c, 0);
  real scale = scale_of(c);
  size_t n = c->in[0]->count;
  if (!mask)
    for (size_t i = 0; i < n; i++) dx[i] += dy[i];
  else
    for (size_t i = 0; i < n; i++) dx[i] += dy[i] * ((real)mask[i] * scale);
}


RNLI_OP(dropout) = {
  .name = "dropout",
  .in = {{"x", RNL_IN_REAL}},
  .out = {"y"},
  .attr = {[P] = {"p", RNL_AT_REAL, 0.5, NULL}},
  .check = check, .forward = dropout_forward, .backward = dropout_backward,
  .doc = "Zeroes each element with probability 'p' and divides the others by "
         "1 - p while a tape is open, and passes x on otherwise; "
         "x (...) -> y (...).",
};
