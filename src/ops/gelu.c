/*
** gelu.c - the Gaussian error linear unit (Hendrycks and Gimpel 2016).
**   y = x F(x),  F(x) = (1 + erf(x / sqrt 2)) / 2
**   dx += dy (F(x) + x f(x)),  f(x) = e^(-x^2 / 2) / sqrt(2 pi)
** Keeps nothing: backward reads x.
*/
#include "core/real.h"
#include "kernels/vmath.h"
#include "ops/over.h"


static int check (rnl_Call *c) {
  rnli_out_like(c, 0, 0);
  return RNL_OK;
}


RNLI_INLINE real normal_cdf (real x) {
  return (real)0.5 + (real)0.5 * RNLI_M(erf)(x * (real)0.70710678118654752);
}


static void forward_part (rnl_Call *c, size_t i, size_t to) {
  const real *x = rnli_data(c, 0);
  real *y = c->out[0]->data;
  for (; i < to; i++) y[i] = x[i] * normal_cdf(x[i]);
}


static void backward_part (rnl_Call *c, size_t i, size_t to) {
  const real *x = rnli_data(c, 0);
  const real *dy = rnli_dout(c, 0);
  real *dx = rnli_din(c, 0);
  const real top = (real)0.39894228040143268;   /* f(0) */
  for (; i < to; i++)
    dx[i] += dy[i] * (normal_cdf(x[i]) +
                      x[i] * top * rnli_exp((real)-0.5 * x[i] * x[i]));
}


static void gelu_forward (rnl_Call *c) {
  rnli_over(c, c->out[0]->count, 1, forward_part);
}


static void gelu_backward (rnl_Call *c) {
  rnli_over(c, c->out[0]->count, 1, backward_part);
}


RNLI_OP(gelu) = {
  .name = "gelu",
  .in = {{"x", RNL_IN_REAL}},
  .out = {"y"},
  .check = check, .forward = gelu_forward, .backward = gelu_backward,
  .doc = "Multiplies every element by the probability that a normal number is "
         "below it; x (...) -> y (...).",
};
