/*
** quantile.c - the loss that a quantile of the targets makes smallest (Koenker
** and Bassett 1978), for one q or for several side by side. With d = y - x:
**   max(q d, (q - 1) d)        dx += dy (1 - q where d < 0, -q where d > 0)
** and dy = -dx. Keeps nothing; q has no gradient.
*/
#include "ops/reduction.h"

enum { X, Y, Q };
enum { REDUCTION };


/* Without axes q is for all of x; else x has one more axis than y, for q. */
static int check (rnl_Call *c) {
  const rnl_Tensor *x = c->in[X], *t = c->in[Q];
  const real *q = t->data;
  if (t->ndim > 1 || x->ndim < t->ndim ||
      (t->ndim == 1 && x->dim[x->ndim - 1] != t->dim[0]))
    return rnli_fail(c, RNL_ESHAPE, "'q' must be () or the last axis of 'x' %s"
                     ", got %s", rnli_shape(x).text, rnli_shape(t).text);
  for (size_t i = 0; i < t->count; i++)
    if (!(q[i] >= 0 && q[i] <= 1))
      return rnli_fail(c, RNL_EARG, "'q' must be from 0 to 1, got %g",
                       (double)q[i]);
  rnli_out_loss(c, REDUCTION, X);
  return rnli_expect(c, Y, x->ndim - t->ndim, x->dim);
}


/* One element: its q and target. */
typedef struct Element {
  real q, d;
} Element;


static inline Element element (const rnl_Call *c, size_t i) {
  size_t n = c->in[Q]->count;
  const real *x = rnli_data(c, X), *y = rnli_data(c, Y), *q = rnli_data(c, Q);
  return (Element){q[i % n], y[i / n] - x[i]};
}


static void forward (rnl_Call *c) {
  real *y = c->out[0]->data;
  size_t n = c->in[X]->count;
  int each = c->attr[REDUCTION].x == RNLI_EACH;
  double sum = 0;
  for (size_t i = 0; i < n; i++) {
    Element e = element(c, i);
    real loss = (e.d > 0 ? e.q : e.q - 1) * e.d;
    if (each) y[i] = loss;
    else sum += (double)loss;
  }
  if (!each) *y = (real)(sum * rnli_weight(c, REDUCTION, n));
}


static void backward (rnl_Call *c) {
  real *dx = rnli_din(c, X), *dy = rnli_din(c, Y);
  size_t n = c->in[X]->count;
  double w = rnli_weight(c, REDUCTION, n);
  for (size_t i = 0; i < n; i++) {
    Element e = element(c, i);
    real slope = e.d > 0 ? e.q : e.d < 0 ? e.q - 1 : 0;
    real g = rnli_dy_at(c, REDUCTION, w, i) * slope;
    if (dx) dx[i] -= g;
    if (dy) dy[i / c->in[Q]->count] += g;
  }
}


RNLI_OP(quantile) = {
  .name = "quantile",
  .in = {[X] = {"x", RNL_IN_REAL}, [Y] = {"y", RNL_IN_REAL},
         [Q] = {"q", RNL_IN_REAL}},
  .out = {"loss"},
  .attr = {[REDUCTION] = RNLI_REDUCTION},
  .check = check, .forward = forward, .backward = backward,
  .doc = "Quantile (pinball) loss of predictions of the quantiles q, from 0 to "
         "1; x (...), y (...), q (), or x (..., Q), y (...), q (Q) -> loss (), "
         "or shaped like x with reduction 'none'.",
};
