/*
** softmax.c - softmax and its logarithm along an axis.
**   softmax      y = e^(x - m) / s              dx += y (dy - sum dy y)
**   log_softmax  y = x - m - log s              dx += dy - e^y sum dy
** with m = max x and s = sum e^(x - m) of the row, so that large x are safe.
** Keeps nothing: backward reads y. A row of nothing but -inf gives NaN.
*/
#include "core/real.h"
#include "ops/axis.h"
#include "kernels/sums.h"
#include "ops/over.h"
#include "kernels/vmath.h"

enum { AXIS };

/* One row of n elements 'stride' apart. */
typedef void Forward (const real *x, real *y, size_t n, size_t stride);
typedef void Backward (const real *y, const real *dy, real *dx, size_t n,
                       size_t stride);


static rnli_Axis split (rnl_Call *c) {
  rnli_Axis s = {0};
  rnli_split(c, c->in[0], AXIS, &s);
  return s;
}


static int check (rnl_Call *c) {
  rnli_Axis s;
  int status = rnli_need(c, AXIS);
  if (status == RNL_OK) status = rnli_split(c, c->in[0], AXIS, &s);
  if (status == RNL_OK) rnli_out_like(c, 0, 0);
  return status;
}


/* Where row r begins. */
static size_t row_at (const rnli_Axis *s, size_t r) {
  return r / s->inner * s->n * s->inner + r % s->inner;
}


RNLI_INLINE void forward (rnl_Call *c, size_t r, size_t to, Forward f) {
  rnli_Axis s = split(c);
  for (; r < to; r++) {
    const real *x = (const real *)rnli_data(c, 0) + row_at(&s, r);
    real *y = (real *)c->out[0]->data + row_at(&s, r);
    if (s.inner == 1) f(x, y, s.n, 1);
    else f(x, y, s.n, s.inner);
  }
}


RNLI_INLINE void backward (rnl_Call *c, size_t r, size_t to, Backward f) {
  rnli_Axis s = split(c);
  for (; r < to; r++) {
    size_t at = row_at(&s, r);
    const real *y = (const real *)c->out[0]->data + at;
    const real *dy = (const real *)rnli_dout(c, 0) + at;
    real *dx = (real *)rnli_din(c, 0) + at;
    if (s.inner == 1) f(y, dy, dx, s.n, 1);
    else f(y, dy, dx, s.n, s.inner);
  }
}


static void run (rnl_Call *c, rnli_Part *part) {
  rnli_Axis s = split(c);
  if (s.n > 0) rnli_over(c, s.outer * s.inner, s.n, part);
}

/* {== softmax ============================================================ */

RNLI_INLINE void softmax_row (const real *x, real *y, size_t n,
                              size_t stride) {
  real m = rnli_top(x, n, stride);
  for (size_t j = 0; j < n; j++)
    y[j * stride] = rnli_exp(x[j * stride] - m);
  real scale = (real)(1 / rnli_sum(y, n, stride));
  for (size_t j = 0; j < n; j++) y[j * stride] *= scale;
}


RNLI_INLINE real product (real a, real b) {
  return a * b;
}


RNLI_INLINE void softmax_row_back (const real *y, const real *dy, real *dx,
                                   size_t n, size_t stride) {
  real dot = (real)rnli_sum_of(y, dy, n, stride, product);
  for (size_t j = 0; j < n; j++)
    dx[j * stride] += y[j * stride] * (dy[j * stride] - dot);
}


RNLI_WIDE static void softmax_part (rnl_Call *c, size_t from, size_t to) {
  forward(c, from, to, softmax_row);
}


RNLI_WIDE static void softmax_back (rnl_Call *c, size_t from, size_t to) {
  backward(c, from, to, softmax_row_back);
}


static void softmax_forward (rnl_Call *c) {
  run(c, softmax_part);
}


static void softmax_backward (rnl_Call *c) {
  run(c, softmax_back);
}


RNLI_OP(softmax) = {
  .name = "softmax",
  .in = {{"x", RNL_IN_REAL}},
  .out = {"y"},
  .attr = {[AXIS] = {"axis", RNL_AT_AXIS, -1, NULL}},
  .check = check, .forward = softmax_forward, .backward = softmax_backward,
  .doc = "Turns scores into probabilities that add up to 1 along 'axis', the "
         "last unless told; x (A, n, B) -> y (A, n, B).",
};

/* }====================================================================== */

/* {== log_softmax ======================================================== */

RNLI_INLINE void log_softmax_row (const real *x, real *y, size_t n,
                                  size_t stride) {
  real m = rnli_top(x, n, stride);
  real log_s = (real)log(rnli_sum_exp(x, n, stride, m));
  for (size_t j = 0; j < n; j++)
    y[j * stride] = x[j * stride] - m - log_s;
}


RNLI_INLINE void log_softmax_row_back (const real *y, const real *dy,
                                       real *dx, size_t n, size_t stride) {
  real sum = (real)rnli_sum(dy, n, stride);
  for (size_t j = 0; j < n; j++)
    dx[j * stride] += dy[j * stride] - rnli_exp(y[j * stride]) * sum;
}


RNLI_WIDE static void log_softmax_part (rnl_Call *c, size_t from, size_t to) {
  forward(c, from, to, log_softmax_row);
}


RNLI_WIDE static void log_softmax_back (rnl_Call *c, size_t from, size_t to) {
  backward(c, from, to, log_softmax_row_back);
}


static void log_softmax_forward (rnl_Call *c) {
  run(c, log_softmax_part);
}


static void log_softmax_backward (rnl_Call *c) {
  run(c, log_softmax_back);
}


RNLI_OP(log_softmax) = {
  .name = "log_softmax",
  .in = {{"x", RNL_IN_REAL}},
  .out = {"y"},
  .attr = {[AXIS] = {"axis", RNL_AT_AXIS, -1, NULL}},
  .check = check,
  .forward = log_softmax_forward, .backward = log_softmax_backward,
  .doc = "Takes the logarithm of softmax along 'axis', the last unless told, "
         "without its loss of digits; x (A, n, B) -> y (A, n, B).",
};

/* }====================================================================== */
