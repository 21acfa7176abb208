/*
** gaussian_nll.c - negative log-likelihood of normal distributions (Nix and
** Weigend 1994). With d = x - y and v = max(var, eps):
**   (log v + d^2 / v) / 2, and with 'full' log(2 pi) / 2 more
**   dx += dy d / v     dy = -dx     dvar += dy (1/v - d^2/v^2) / 2
** With 'log_var' the third input is log var, whose gradient is v times that of
** var. As in PyTorch the gradient passes where eps holds v up. Keeps nothing.
*/
#include "ops/reduction.h"

enum { X, Y, VAR };
enum { REDUCTION, LOG_VAR, FULL, EPS };

static const double HALF_LOG_2PI = 0.91893853320467274178;


/* Elements of x that share one of var: 1, or the last axis. */
static size_t sharing (const rnl_Call *c) {
  const rnl_Tensor *x = c->in[X], *v = c->in[VAR];
  return x->ndim > 0 && v->count != x->count ? (size_t)x->dim[x->ndim - 1] : 1;
}


static int check_shapes (rnl_Call *c) {
  const rnl_Tensor *x = c->in[X], *v = c->in[VAR];
  int last = x->ndim - 1, one = last >= 0 && v->ndim == x->ndim &&
                                v->dim[last] == 1;
  int dim[RNL_MAX_DIMS];
  for (int i = 0; i <= last; i++) dim[i] = i == last && one ? 1 : x->dim[i];
  int status = rnli_expect(c, Y, x->ndim, x->dim);
  return status == RNL_OK ? rnli_expect(c, VAR, x->ndim, dim) : status;
}


static int check (rnl_Call *c) {
  int status = check_shapes(c);
  if (status != RNL_OK) return status;
  double eps = c->attr[EPS].x;
  if (!(eps > 0 && eps < (double)INFINITY))
    return rnli_fail(c, RNL_EARG, "'eps' must be above 0, got %g", eps);
  const real *v = rnli_data(c, VAR);
  for (size_t i = 0; c->attr[LOG_VAR].x == 0 && i < c->in[VAR]->count; i++)
    if (v[i] < 0)
      return rnli_fail(c, RNL_EARG, "'var' must not be negative, got %g at "
                       "position %zu", (double)v[i], i + (size_t)c->ctx->base);
  rnli_out_loss(c, REDUCTION, X);
  return RNL_OK;
}


/* One element. */
typedef struct Element {
  double d, v;
} Element;


static inline Element element (const rnl_Call *c, size_t i, size_t share) {
  const real *x = rnli_data(c, X), *y = rnli_data(c, Y), *v = rnli_data(c, VAR);
  double var = (double)v[i / share], eps = c->attr[EPS].x;
  if (c->attr[LOG_VAR].x != 0) var = exp(var);
  return (Element){(double)x[i] - (double)y[i], var < eps ? eps : var};
}


static void forward (rnl_Call *c) {
  real *y = c->out[0]->data;
  size_t n = c->in[X]->count, share = sharing(c);
  int each = c->attr[REDUCTION].x == RNLI_EACH;
  double sum = 0, more = c->attr[FULL].x != 0 ? HALF_LOG_2PI : 0;
  for (size_t i = 0; i < n; i++) {
    Element e = element(c, i, share);
    double loss = (log(e.v) + e.d * e.d / e.v) / 2 + more;
    if (each) y[i] = (real)loss;
    else sum += loss;
  }
  if (!each) *y = (real)(sum * rnli_weight(c, REDUCTION, n));
}


static void backward (rnl_Call *c) {
  real *dx = rnli_din(c, X), *dy = rnli_din(c, Y), *dv = rnli_din(c, VAR);
  size_t n = c->in[X]->count, share = sharing(c);
  double w = rnli_weight(c, REDUCTION, n);
  int log_var = c->attr[LOG_VAR].x != 0;
  for (size_t i = 0; i < n; i++) {
    Element e = element(c, i, share);
    double g = (double)rnli_dy_at(c, REDUCTION, w, i), r = e.d / e.v;
    double slope = (1 - e.d * r) / 2;   /* by log v */
    if (dx) dx[i] += (real)(g * r);
    if (dy) dy[i] -= (real)(g * r);
    if (dv) dv[i / share] += (real)(g * (log_var ? slope : slope / e.v));
  }
}


RNLI_OP(gaussian_nll) = {
  .name = "gaussian_nll",
  .in = {[X] = {"x", RNL_IN_REAL}, [Y] = {"y", RNL_IN_REAL},
         [VAR] = {"var", RNL_IN_REAL}},
  .out = {"loss"},
  .attr = {[REDUCTION] = RNLI_REDUCTION,
           [LOG_VAR] = {"log_var", RNL_AT_BOOL, 0, NULL},
           [FULL] = {"full", RNL_AT_BOOL, 0, NULL},
           [EPS] = {"eps", RNL_AT_REAL, 1e-6, NULL}},
  .check = check, .forward = forward, .backward = backward,
  .doc = "Negative log-likelihood of y under normal distributions of mean x "
         "and variance var, or e^var with 'log_var'; x, y (...), var (...) or "
         "with a last axis of 1 -> loss (), or (...) with reduction 'none'.",
};
