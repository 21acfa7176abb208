/*
** layer_norm.c - rows with mean 0 and variance 1 (Ba, Kiros and Hinton 2016).
**   u = (x - m) r,  m = mean x,  r = 1 / sqrt(mean (x - m)^2 + eps)
**   y = u w + b
**   g = dy w        dx += r (g - mean g - u mean(g u))
**   dw += sum dy u  db += sum dy, over the rows
** Keeps for backward: m and r of each row.
*/
#include "core/real.h"
#include "kernels/sums.h"
#include "ops/over.h"

enum { X, W, BIAS };
enum { EPS };
enum { COLUMNS = 512 };   /* of dw and db, summed by one worker */


static size_t width (const rnl_Call *c) {
  const rnl_Tensor *x = c->in[X];
  return (size_t)x->dim[x->ndim - 1];
}


static size_t rows (const rnl_Call *c) {
  const rnl_Tensor *x = c->in[X];
  return rnli_product(x->ndim - 1, x->dim);
}


static int check (rnl_Call *c) {
  const rnl_Tensor *x = c->in[X];
  double eps = c->attr[EPS].x;
  if (x->ndim < 1)
    return rnli_fail(c, RNL_ESHAPE, "'x' must be (..., F), got ()");
  if (!(eps >= 0))
    return rnli_fail(c, RNL_EARG, "'eps' must be at least 0, got %g", eps);
  for (int i = W; i <= BIAS; i++) {
    int status = RNL_OK;
    if (rnli_data(c, i)) status = rnli_expect(c, i, 1, &x->dim[x->ndim - 1]);
    if (status != RNL_OK) return status;
  }
  rnli_out_like(c, 0, X);
  if (c->recording)
    c->keep_bytes[0] = rnli_mul(2 * sizeof(real), rows(c));
  return RNL_OK;
}


RNLI_INLINE real product (real a, real b) {
  return a * b;
}


RNLI_WIDE static void rows_forward (rnl_Call *c, size_t i, size_t to) {
  size_t F = width(c);
  const real *w = rnli_data(c, W), *b = rnli_data(c, BIAS);
  real *kept = c->keep[0];
  for (; i < to; i++) {
    const real *x = (const real *)rnli_data(c, X) + i * F;
    real *y = (real *)c->out[0]->data + i * F;
    real m = (real)(rnli_sum(x, F, 1) / (double)F);
    for (size_t k = 0; k < F; k++) y[k] = x[k] - m;
    double var = rnli_sum_of(y, y, F, 1, product) / (double)F;
    real r = (real)(1 / sqrt(var + c->attr[EPS].x));
    for (size_t k = 0; k < F; k++)
      y[k] = y[k] * r * (w ? w[k] : 1) + (b ? b[k] : 0);
    if (!kept) continue;
    kept[2 * i] = m;
    kept[2 * i + 1] = r;
  }
}


static void layer_norm_forward (rnl_Call *c) {
  if (width(c) > 0) rnli_over(c, rows(c), width(c), rows_forward);
}

/* {== Backward =========================================================== */

/* What backward reads of one row. */
typedef struct Row {
  size_t F;
  const real *x, *dy, *w;
  real m, r;
} Row;


static Row row_of (const rnl_Call *c, size_t i) {
  size_t F = width(c);
  const real *kept = c->keep[0];
  return (Row){F, (const real *)rnli_data(c, X) + i * F,
               (const real *)rnli_dout(c, 0) + i * F, rnli_data(c, W),
               kept[2 * i], kept[2 * i + 1]};
}


RNLI_INLINE real gradient (const Row *row, size_t k) {
  return row->w ? row->dy[k] * row->w[k] : row->dy[k];
}


RNLI_INLINE real normal (const Row *row, size_t k) {
  return (row->x[k] - row->m) * row->r;
}


/* Means of g and of g u. */
RNLI_INLINE void means (const Row *row, double *g, double *gu) {
  double s[RNLI_LANES] = {0}, t[RNLI_LANES] = {0};
  for (size_t i = 0; i < row->F; i += RNLI_LANES) {
    size_t left = row->F - i;
    for (size_t k = 0; k < (left < RNLI_LANES ? left : RNLI_LANES); k++) {
      s[k] += (double)gradient(row, i + k);
      t[k] += (double)(gradient(row, i + k) * normal(row, i + k));
    }
  }
  *g = rnli_lanes_total(s) / (double)row->F;
  *gu = rnli_lanes_total(t) / (double)row->F;
}


RNLI_WIDE static void rows_backward (rnl_Call *c, size_t i, size_t to) {
  for (; i < to; i++) {
    Row row = row_of(c, i);
    real *dx = (real *)rnli_din(c, X) + i * row.F;
    double g, gu;
    means(&row, &g, &gu);
    for (size_t k = 0; k < row.F; k++)
      dx[k] += row.r * (gradient(&row, k) - (real)g -
                        normal(&row, k) * (real)gu);
  }
}


RNLI_WIDE static void columns_backward (void *arg, int part) {
  rnl_Call *c = arg;
  size_t n = rows(c), F = width(c), from = (size_t)part * COLUMNS;
  size_t to = F - from < COLUMNS ? F : from + COLUMNS;
  real *dw = rnli_din(c, W), *db = rnli_din(c, BIAS);
  for (size_t i = 0; i < n; i++) {
    Row row = row_of(c, i);
    for (size_t k = from; dw && k < to; k++)
      dw[k] += row.dy[k] * normal(&row, k);
    for (size_t k = from; db && k < to; k++) db[k] += row.dy[k];
  }
}


static void layer_norm_backward (rnl_Call *c) {
  size_t F = width(c);
  if (F == 0) return;
  if (rnli_din(c, X)) rnli_over(c, rows(c), F, rows_backward);
  if (rnli_din(c, W) || rnli_din(c, BIAS))
    rnli_parallel(c->ctx, (int)((F + COLUMNS - 1) / COLUMNS),
                  columns_backward, c);
}

/* }====================================================================== */


RNLI_OP(layer_norm) = {
  .name = "layer_norm",
  .in = {{"x", RNL_IN_REAL}, {"w", RNL_IN_OPT}, {"b", RNL_IN_OPT}},
  .out = {"y"},
  .attr = {[EPS] = {"eps", RNL_AT_REAL, 1e-5, NULL}},
  .check = check,
  .forward = layer_norm_forward, .backward = layer_norm_backward,
  .doc = "Gives each row mean 0 and variance 1, then multiplies by w and adds "
         "b; x (...,F), w (F), b (F) -> y (...,F).",
};
