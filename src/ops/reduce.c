/*
** reduce.c - one axis, or all of them, down to one number: sum, mean, max,
** argmax.
**   y_oi = sum_j x_oji          dx_oji += dy_oi
**   y_oi = sum_j x_oji / n      dx_oji += dy_oi / n
**   y_oi = max_j x_oji          dx_oji += dy_oi at the first maximum
** Sums are taken in double. NaN counts as larger than any number.
** Keeps for max: where each maximum was found.
*/
#include <limits.h>

#include "core/real.h"
#include "ops/axis.h"
#include "kernels/sums.h"

enum { AXIS, KEEPDIM };
enum { COLUMNS = 64 };   /* reduced side by side when the axis is not last */

#define REDUCE_ATTR {[AXIS] = {"axis", RNL_AT_AXIS, RNL_NONE, NULL}, \
                     [KEEPDIM] = {"keepdim", RNL_AT_BOOL, 0, NULL}}


/* Declares the output: x without the axis, or with extent 1 there. */
static int check (rnl_Call *c, rnl_Dtype dtype, rnli_Axis *s) {
  const rnl_Tensor *x = c->in[0];
  int status = rnli_split(c, x, AXIS, s);
  if (status != RNL_OK) return status;
  int keep = c->attr[KEEPDIM].x != 0;
  int dim[RNL_MAX_DIMS];
  int n = 0;
  for (int d = 0; d < x->ndim; d++) {
    int gone = s->at < 0 || s->at == d;
    if (!gone || keep) dim[n++] = gone ? 1 : x->dim[d];
  }
  rnli_out(c, 0, dtype, n, dim);
  return RNL_OK;
}


/* The same for an op that needs something to choose from. */
static int check_some (rnl_Call *c, rnl_Dtype dtype, rnli_Axis *s) {
  int status = check(c, dtype, s);
  if (status != RNL_OK || s->n > 0) return status;
  return rnli_fail(c, RNL_ESHAPE, "nothing to reduce in %s",
                   rnli_shape(c->in[0]).text);
}


static rnli_Axis split (rnl_Call *c) {
  rnli_Axis s = {0};
  rnli_split(c, c->in[0], AXIS, &s);
  return s;
}


/* Columns to take at once from column i on. */
static size_t width (const rnli_Axis *s, size_t i) {
  return s->inner - i < COLUMNS ? s->inner - i : COLUMNS;
}

/* {== sum and mean ======================================================= */

/* y_i = sum_j x_ji / n for the 'w' columns at x. */
RNLI_INLINE void sum_columns (const real *x, const rnli_Axis *s, size_t w,
                              double n, real *y) {
  double sum[COLUMNS] = {0};
  for (size_t j = 0; j < s->n; j++)
    for (size_t i = 0; i < w; i++) sum[i] += (double)x[j * s->inner + i];
  for (size_t i = 0; i < w; i++) y[i] = (real)(sum[i] / n);
}


RNLI_WIDE static void sum_over (const real *x, const rnli_Axis *s, double n,
                                real *y) {
  for (size_t o = 0; o < s->outer; o++, x += s->n * s->inner, y += s->inner) {
    if (s->inner == 1) *y = (real)(rnli_sum(x, s->n, 1) / n);
    else for (size_t i = 0; i < s->inner; i += COLUMNS)
      sum_columns(x + i, s, width(s, i), n, y + i);
  }
}


RNLI_WIDE static void spread (const real *dy, const rnli_Axis *s, double n,
                              real *dx) {
  for (size_t o = 0; o < s->outer; o++, dy += s->inner) {
    if (s->inner == 1) {
      real g = *dy / (real)n;
      for (size_t j = 0; j < s->n; j++) *dx++ += g;
    } else for (size_t j = 0; j < s->n; j++, dx += s->inner)
      for (size_t i = 0; i < s->inner; i++) dx[i] += dy[i] / (real)n;
  }
}


static int sum_check (rnl_Call *c) {
  rnli_Axis s;
  return check(c, RNLI_DTYPE, &s);
}


static void sum_forward (rnl_Call *c) {
  rnli_Axis s = split(c);
  sum_over(rnli_data(c, 0), &s, 1, c->out[0]->data);
}


static void sum_backward (rnl_Call *c) {
  rnli_Axis s = split(c);
  spread(rnli_dout(c, 0), &s, 1, rnli_din(c, 0));
}


static int mean_check (rnl_Call *c) {
  rnli_Axis s;
  return check_some(c, RNLI_DTYPE, &s);
}


static void mean_forward (rnl_Call *c) {
  rnli_Axis s = split(c);
  sum_over(rnli_data(c, 0), &s, (double)s.n, c->out[0]->data);
}


static void mean_backward (rnl_Call *c) {
  rnli_Axis s = split(c);
  spread(rnli_dout(c, 0), &s, (double)s.n, rnli_din(c, 0));
}


RNLI_OP(sum) = {
  .name = "sum",
  .in = {{"x", RNL_IN_REAL}},
  .out = {"y"},
  .attr = REDUCE_ATTR,
  .check = sum_check, .forward = sum_forward, .backward = sum_backward,
  .doc = "Adds up all elements, or those along 'axis', which 'keepdim' keeps "
         "with extent 1; x (A, n, B) -> y (A, B) or (A, 1, B).",
};

RNLI_OP(mean) = {
  .name = "mean",
  .in = {{"x", RNL_IN_REAL}},
  .out = {"y"},
  .attr = REDUCE_ATTR,
  .check = mean_check, .forward = mean_forward, .backward = mean_backward,
  .doc = "Averages all elements, or those along 'axis', which 'keepdim' keeps "
         "with extent 1; x (A, n, B) -> y (A, B) or (A, 1, B).",
};

/* }====================================================================== */

/* {== max and argmax ===================================================== */

/* at_i = first j with the largest x_ji, for the 'w' columns at x. */
static void find_columns (const real *x, const rnli_Axis *s, size_t w,
                          size_t *at) {
  real top[COLUMNS];
  for (size_t i = 0; i < w; i++) {
    top[i] = x[i];
    at[i] = 0;
  }
  for (size_t j = 1; j < s->n; j++)
    for (size_t i = 0; i < w; i++) {
      real v = x[j * s->inner + i];
      if (v <= top[i] || isnan(top[i])) continue;
      top[i] = v;   /* larger, or the first NaN */
      at[i] = j;
    }
}


static int max_check (rnl_Call *c) {
  rnli_Axis s;
  int status = check_some(c, RNLI_DTYPE, &s);
  if (status == RNL_OK && c->recording)
    c->keep_bytes[0] = rnli_mul(s.outer * s.inner, sizeof(size_t));
  return status;
}


static void max_forward (rnl_Call *c) {
  rnli_Axis s = split(c);
  const real *x = rnli_data(c, 0);
  real *y = c->out[0]->data;
  size_t *kept = c->keep[0];
  size_t at[COLUMNS];
  for (size_t o = 0; o < s.outer; o++, x += s.n * s.inner)
    for (size_t i0 = 0; i0 < s.inner; i0 += COLUMNS) {
      size_t w = width(&s, i0);
      find_columns(x + i0, &s, w, at);
      for (size_t i = 0; i < w; i++) *y++ = x[at[i] * s.inner + i0 + i];
      for (size_t i = 0; kept && i < w; i++) *kept++ = at[i];
    }
}


static void max_backward (rnl_Call *c) {
  rnli_Axis s = split(c);
  const real *dy = rnli_dout(c, 0);
  real *dx = rnli_din(c, 0);
  const size_t *at = c->keep[0];
  for (size_t o = 0; o < s.outer; o++, dx += s.n * s.inner)
    for (size_t i = 0; i < s.inner; i++) dx[*at++ * s.inner + i] += *dy++;
}


static int argmax_check (rnl_Call *c) {
  rnli_Axis s;
  int status = check_some(c, RNL_I32, &s);
  if (status != RNL_OK || s.n <= INT_MAX) return status;
  return rnli_fail(c, RNL_ESHAPE, "%zu elements are more than an int32 counts",
                   s.n);
}


static void argmax_forward (rnl_Call *c) {
  rnli_Axis s = split(c);
  const real *x = rnli_data(c, 0);
  int32_t *y = c->out[0]->data;
  size_t at[COLUMNS];
  for (size_t o = 0; o < s.outer; o++, x += s.n * s.inner)
    for (size_t i0 = 0; i0 < s.inner; i0 += COLUMNS) {
      size_t w = width(&s, i0);
      find_columns(x + i0, &s, w, at);
      for (size_t i = 0; i < w; i++) *y++ = (int32_t)at[i];
    }
}


RNLI_OP(max) = {
  .name = "max",
  .in = {{"x", RNL_IN_REAL}},
  .out = {"y"},
  .attr = REDUCE_ATTR,
  .check = max_check, .forward = max_forward, .backward = max_backward,
  .doc = "Takes the largest element, of all or along 'axis', which 'keepdim' "
         "keeps with extent 1; x (A, n, B) -> y (A, B) or (A, 1, B).",
};

RNLI_OP(argmax) = {
  .name = "argmax",
  .in = {{"x", RNL_IN_REAL}},
  .out = {"y"},
  .attr = REDUCE_ATTR,
  .check = argmax_check, .forward = argmax_forward,
  .doc = "Finds the position of the largest element, the first of equals, in "
         "the flat tensor or along 'axis', which 'keepdim' keeps with extent "
         "1; x (A, n, B) -> int32 y (A, B) or (A, 1, B).",
};

/* }====================================================================== */
