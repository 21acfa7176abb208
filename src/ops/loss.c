/*
** loss.c - losses of pairs of numbers: mse, bce_with_logits, huber, smooth_l1.
** With z for the targets and d = x - z:
**   mse              d^2                                dx += 2 d dy
**   bce_with_logits  max(x, 0) - x z + log(1 + e^-|x|)  dx += (p - z) dy
**   huber            d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2)
**                                        dx += clamp(d, -delta, delta) dy
**   smooth_l1        huber with delta = beta, divided by beta; |d| for beta = 0
** where p = sigmoid x; dz is -x dy for bce_with_logits and -dx for the others.
** Huber 1964; Girshick 2015. Keeps nothing.
*/
#include "core/real.h"
#include "kernels/sums.h"
#include "ops/reduction.h"

enum { X, Z };
enum { REDUCTION, PARAM };

/* A term, or a derivative of it, and the op's own option 'p'. */
typedef real Term (real x, real z, real p);


static int check (rnl_Call *c) {
  const rnl_Tensor *x = c->in[X];
  rnli_out_loss(c, REDUCTION, X);
  return rnli_expect(c, Z, x->ndim, x->dim);
}


RNLI_INLINE double sum_of (const real *x, const real *z, size_t n, real p,
                           Term f) {
  real y[RNLI_BUFFER];
  double sum = 0;
  for (size_t i = 0; i < n; i += RNLI_BUFFER) {
    size_t len = n - i < RNLI_BUFFER ? n - i : RNLI_BUFFER;
    for (size_t k = 0; k < len; k++) y[k] = f(x[i + k], z[i + k], p);
    sum += rnli_sum(y, len, 1);
  }
  return sum;
}


RNLI_INLINE void forward (rnl_Call *c, Term f) {
  const real *x = rnli_data(c, X);
  const real *z = rnli_data(c, Z);
  real *y = c->out[0]->data;
  size_t n = c->in[X]->count;
  real p = (real)c->attr[PARAM].x;
  if (c->attr[REDUCTION].x == RNLI_EACH)
    for (size_t i = 0; i < n; i++) y[i] = f(x[i], z[i], p);
  else
    *y = (real)(sum_of(x, z, n, p, f) * rnli_weight(c, REDUCTION, n));
}


/* Adds the term's derivative f(x, z) by input i. */
RNLI_INLINE void backward (rnl_Call *c, int i, Term f) {
  const real *x = rnli_data(c, X);
  const real *z = rnli_data(c, Z);
  const real *dy = rnli_dout(c, 0);
  real *d = rnli_din(c, i);
  size_t n = d ? c->in[X]->count : 0;
  real g = (real)rnli_weight(c, REDUCTION, n);
  real p = (real)c->attr[PARAM].x;
  if (c->attr[REDUCTION].x == RNLI_EACH) {
    for (size_t k = 0; k < n; k++) d[k] += dy[k] * f(x[k], z[k], p);
  } else {
    g *= *dy;
    for (size_t k = 0; k < n; k++) d[k] += g * f(x[k], z[k], p);
  }
}

/* {== mse ================================================================ */

RNLI_INLINE real square (real x, real z, real p) {
  (void)p;
  return (x - z) * (x - z);
}


RNLI_INLINE real square_dx (real x, real z, real p) {
  (void)p;
  return 2 * (x - z);
}


RNLI_INLINE real square_dz (real x, real z, real p) {
  (void)p;
  return 2 * (z - x);
}


RNLI_WIDE static void mse_forward (rnl_Call *c) {
  forward(c, square);
}


RNLI_WIDE static void mse_backward (rnl_Call *c) {
  backward(c, X, square_dx);
  backward(c, Z, square_dz);
}


RNLI_OP(mse) = {
  .name = "mse",
  .in = {[X] = {"x", RNL_IN_REAL}, [Z] = {"y", RNL_IN_REAL}},
  .out = {"loss"},
  .attr = {[REDUCTION] = RNLI_REDUCTION},
  .check = check, .forward = mse_forward, .backward = mse_backward,
  .doc = "Squared difference of two tensors; x, y (...) -> loss (), or (...) "
         "with reduction 'none'.",
};

/* }====================================================================== */

/* {== bce_with_logits ==================================================== */

RNLI_INLINE real bce (real x, real z, real p) {
  (void)p;
  real a = RNLI_M(fabs)(x);
  return (x < 0 ? 0 : x) - x * z + RNLI_M(log1p)(rnli_exp(-a));
}


RNLI_INLINE real bce_dx (real x, real z, real p) {
  (void)p;
  return rnli_sigmoid(x) - z;
}


RNLI_INLINE real bce_dz (real x, real z, real p) {
  (void)z, (void)p;
  return -x;
}


RNLI_WIDE static void bce_forward (rnl_Call *c) {
  forward(c, bce);
}


RNLI_WIDE static void bce_backward (rnl_Call *c) {
  backward(c, X, bce_dx);
  backward(c, Z, bce_dz);
}


RNLI_OP(bce_with_logits) = {
  .name = "bce_with_logits",
  .in = {[X] = {"logits", RNL_IN_REAL}, [Z] = {"targets", RNL_IN_REAL}},
  .out = {"loss"},
  .attr = {[REDUCTION] = RNLI_REDUCTION},
  .check = check, .forward = bce_forward, .backward = bce_backward,
  .doc = "Binary cross-entropy between sigmoid of the logits and targets from "
         "0 to 1; logits, targets (...) -> loss (), or (...) with reduction "
         "'none'.",
};

/* }====================================================================== */

/* {== huber ============================================================== */

RNLI_INLINE real clamped (real d, real p) {
  real low = d < -p ? -p : d;
  return low > p ? p : low;
}


/* The square up to p, then the line; with c = clamp d both are c (d - c/2). */
RNLI_INLINE real huber (real x, real z, real p) {
  real d = x - z, c = clamped(d, p);
  return c * (d - c / 2);
}


RNLI_INLINE real huber_dx (real x, real z, real p) {
  return clamped(x - z, p);
}


RNLI_INLINE real huber_dz (real x, real z, real p) {
  return clamped(z - x, p);
}


static int huber_check (rnl_Call *c) {
  double p = c->attr[PARAM].x;
  if (!(p > 0 && p < (double)INFINITY))
    return rnli_fail(c, RNL_EARG, "'delta' must be above 0, got %g", p);
  return check(c);
}


RNLI_WIDE static void huber_forward (rnl_Call *c) {
  forward(c, huber);
}


RNLI_WIDE static void huber_backward (rnl_Call *c) {
  backward(c, X, huber_dx);
  backward(c, Z, huber_dz);
}


RNLI_OP(huber) = {
  .name = "huber",
  .in = {[X] = {"x", RNL_IN_REAL}, [Z] = {"y", RNL_IN_REAL}},
  .out = {"loss"},
  .attr = {[REDUCTION] = RNLI_REDUCTION,
           [PARAM] = {"delta", RNL_AT_REAL, 1, NULL}},
  .check = huber_check, .forward = huber_forward, .backward = huber_backward,
  .doc = "Half the squared difference where that is at most delta, beyond it "
         "a line of slope delta; x, y (...) -> loss (), or (...) with "
         "reduction 'none'.",
};

/* }====================================================================== */

/* {== smooth_l1 ========================================================== */

RNLI_INLINE real sign (real d) {
  return (real)(d > 0) - (real)(d < 0);
}


RNLI_INLINE real smooth_dx (real x, real z, real p) {
  return p > 0 ? clamped(x - z, p) / p : sign(x - z);
}


RNLI_INLINE real smooth_dz (real x, real z, real p) {
  return smooth_dx(z, x, p);
}


RNLI_INLINE real smooth (real x, real z, real p) {
  return p > 0 ? huber(x, z, p) / p : RNLI_M(fabs)(x - z);
}


static int smooth_check (rnl_Call *c) {
  double p = c->attr[PARAM].x;
  if (!(p >= 0 && p < (double)INFINITY))
    return rnli_fail(c, RNL_EARG, "'beta' must be 0 or more, got %g", p);
  return check(c);
}


RNLI_WIDE static void smooth_forward (rnl_Call *c) {
  forward(c, smooth);
}


RNLI_WIDE static void smooth_backward (rnl_Call *c) {
  backward(c, X, smooth_dx);
  backward(c, Z, smooth_dz);
}


RNLI_OP(smooth_l1) = {
  .name = "smooth_l1",
  .in = {[X] = {"x", RNL_IN_REAL}, [Z] = {"y", RNL_IN_REAL}},
  .out = {"loss"},
  .attr = {[REDUCTION] = RNLI_REDUCTION,
           [PARAM] = {"beta", RNL_AT_REAL, 1, NULL}},
  .check = smooth_check,
  .forward = smooth_forward, .backward = smooth_backward,
  .doc = "Absolute difference, its corner made smooth up to beta: huber with "
         "that delta, divided by it; x, y (...) -> loss (), or (...) with "
         "reduction 'none'.",
};

/* }====================================================================== */
