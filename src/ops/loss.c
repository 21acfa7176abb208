/*
** loss.c - losses of pairs of numbers: mse, bce_with_logits. With z for the
** targets:
**   mse              (x - z)^2                          dx += 2 (x - z) dy
**   bce_with_logits  max(x, 0) - x z + log(1 + e^-|x|)  dx += (p - z) dy
** where p = sigmoid x; dz is -dx and -x dy. Keeps nothing.
*/
#include "core/real.h"
#include "ops/lanes.h"
#include "ops/reduction.h"

enum { X, Z };
enum { REDUCTION };

typedef real Term (real x, real z);


static int check (rnl_Call *c) {
  const rnl_Tensor *x = c->in[X];
  rnli_out_loss(c, REDUCTION, X);
  return rnli_expect(c, Z, x->ndim, x->dim);
}


RNLI_INLINE void forward (rnl_Call *c, Term f) {
  const real *x = rnli_data(c, X);
  const real *z = rnli_data(c, Z);
  real *y = c->out[0]->data;
  size_t n = c->in[X]->count;
  if (c->attr[REDUCTION].x == RNLI_EACH)
    for (size_t i = 0; i < n; i++) y[i] = f(x[i], z[i]);
  else
    *y = (real)(rnli_sum_of(x, z, n, 1, f) * rnli_weight(c, REDUCTION, n));
}


/* Adds the term's derivative f(x, z) by input i. */
RNLI_INLINE void backward (rnl_Call *c, int i, Term f) {
  const real *x = rnli_data(c, X);
  const real *z = rnli_data(c, Z);
  const real *dy = rnli_dout(c, 0);
  real *d = rnli_din(c, i);
  size_t n = d ? c->in[X]->count : 0;
  real g = (real)rnli_weight(c, REDUCTION, n);
  if (c->attr[REDUCTION].x == RNLI_EACH) {
    for (size_t k = 0; k < n; k++) d[k] += dy[k] * f(x[k], z[k]);
  } else {
    g *= *dy;
    for (size_t k = 0; k < n; k++) d[k] += g * f(x[k], z[k]);
  }
}

/* {== mse ================================================================ */

RNLI_INLINE real square (real x, real z) {
  return (x - z) * (x - z);
}


RNLI_INLINE real square_dx (real x, real z) {
  return 2 * (x - z);
}


RNLI_INLINE real square_dz (real x, real z) {
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

RNLI_INLINE real bce (real x, real z) {
  real a = RNLI_M(fabs)(x);
  return (x < 0 ? 0 : x) - x * z + RNLI_M(log1p)(rnli_exp(-a));
}


RNLI_INLINE real bce_dx (real x, real z) {
  return rnli_sigmoid(x) - z;
}


RNLI_INLINE real bce_dz (real x, real z) {
  (void)z;
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
