/*
** binary.c - elementwise ops of two operands that broadcast: add, sub, mul,
** div, pow.
**   y = a + b    da += dy                      db += dy
**   y = a - b    da += dy                      db -= dy
**   y = a * b    da += dy b                    db += dy a
**   y = a / b    da += dy / b                  db -= dy y / b
**   y = a^b      da += dy b a^(b-1)            db += dy y log a
** with 0 for the last two where b = 0, and where a = 0 and b >= 0. An operand
** that was repeated gets the sum over its copies, taken in double.
** Memory: one double per element of a repeated operand, during backward.
*/
#include "core/real.h"
#include "ops/broadcast.h"
#include "kernels/sums.h"

typedef real Forward (real a, real b);

/* The term of dx for y = f(x, z) or f(z, x). */
typedef real Backward (real dy, real x, real z, real y);

typedef struct Run {
  const real *dy, *x, *z, *y;
  size_t n;
} Run;


static int is_repeated (const rnl_Call *c, int i) {
  return c->in[i]->count < rnli_product(c->shape[0].ndim, c->shape[0].dim);
}


static int check (rnl_Call *c) {
  int status = rnli_out_broadcast(c);
  if (status != RNL_OK || !c->recording) return status;
  for (int i = 0; i < 2; i++) {
    size_t bytes = rnli_mul(c->in[i]->count, sizeof(double));
    if (!c->in[i]->needs_grad || !is_repeated(c, i)) continue;
    if (bytes > c->back_bytes) c->back_bytes = bytes;
  }
  return RNL_OK;
}


RNLI_INLINE void run_forward (real *y, const real *a, size_t sa,
                              const real *b, size_t sb, size_t n,
                              Forward f) {
  for (size_t i = 0; i < n; i++) y[i] = f(a[i * sa], b[i * sb]);
}


RNLI_INLINE void forward (rnl_Call *c, Forward f) {
  real *y = c->out[0]->data;
  rnli_Walk w = rnli_walk(c);
  for (size_t r = 0; r < w.runs; r++) {
    const real *a = (const real *)rnli_data(c, 0) + w.at[0];
    const real *b = (const real *)rnli_data(c, 1) + w.at[1];
    if (!w.step[0]) run_forward(y, a, 0, b, 1, w.run, f);
    else if (!w.step[1]) run_forward(y, a, 1, b, 0, w.run, f);
    else run_forward(y, a, 1, b, 1, w.run, f);
    y += w.run;
    rnli_walk_next(&w);
  }
}


RNLI_INLINE void run_add (real *dx, Run r, size_t sz, Backward f) {
  for (size_t i = 0; i < r.n; i++)
    dx[i] += f(r.dy[i], r.x[i], r.z[i * sz], r.y[i]);
}


RNLI_INLINE void run_add_double (double *dx, Run r, size_t sz, Backward f) {
  for (size_t i = 0; i < r.n; i++)
    dx[i] += (double)f(r.dy[i], r.x[i], r.z[i * sz], r.y[i]);
}


/* The sum of a run's terms, x standing still. */
RNLI_INLINE double run_sum (Run r, Backward f) {
  double s[RNLI_LANES] = {0};
  size_t i = 0;
  for (; i + RNLI_LANES <= r.n; i += RNLI_LANES)
    for (size_t k = 0; k < RNLI_LANES; k++)
      s[k] += (double)f(r.dy[i + k], *r.x, r.z[i + k], r.y[i + k]);
  for (size_t k = 0; i < r.n; i++, k++)
    s[k] += (double)f(r.dy[i], *r.x, r.z[i], r.y[i]);
  return rnli_lanes_total(s);
}


/* Run number r of a walk, as seen by operand i. */
static Run run_at (const rnl_Call *c, const rnli_Walk *w, int i, size_t r) {
  return (Run){(const real *)rnli_dout(c, 0) + r * w->run,
               (const real *)rnli_data(c, i) + w->at[i],
               (const real *)rnli_data(c, 1 - i) + w->at[1 - i],
               (const real *)c->out[0]->data + r * w->run, w->run};
}


/* dx of an operand as large as the output. */
RNLI_INLINE void backward_full (rnl_Call *c, int i, real *dx, Backward f) {
  rnli_Walk w = rnli_walk(c);
  for (size_t r = 0; r < w.runs; r++) {
    Run run = run_at(c, &w, i, r);
    if (w.step[1 - i]) run_add(dx + w.at[i], run, 1, f);
    else run_add(dx + w.at[i], run, 0, f);
    rnli_walk_next(&w);
  }
}


/* dx of an operand that was repeated, through sums in double. */
RNLI_INLINE void backward_sum (rnl_Call *c, int i, real *dx, Backward f) {
  double *sum = c->scratch;
  size_t n = c->in[i]->count;
  rnli_Walk w = rnli_walk(c);
  for (size_t k = 0; k < n; k++) sum[k] = 0;
  for (size_t r = 0; r < w.runs; r++) {
    Run run = run_at(c, &w, i, r);
    if (!w.step[i]) sum[w.at[i]] += run_sum(run, f);
    else if (w.step[1 - i]) run_add_double(sum + w.at[i], run, 1, f);
    else run_add_double(sum + w.at[i], run, 0, f);
    rnli_walk_next(&w);
  }
  for (size_t k = 0; k < n; k++) dx[k] += (real)sum[k];
}


RNLI_INLINE void backward (rnl_Call *c, int i, Backward f) {
  real *dx = rnli_din(c, i);
  if (!dx) return;
  if (is_repeated(c, i)) backward_sum(c, i, dx, f);
  else backward_full(c, i, dx, f);
}

/* {== add and sub ======================================================== */

RNLI_INLINE real add (real a, real b) {
  return a + b;
}


RNLI_INLINE real sub (real a, real b) {
  return a - b;
}


RNLI_INLINE real plus_dy (real dy, real x, real z, real y) {
  (void)x; (void)z; (void)y;
  return dy;
}


RNLI_INLINE real minus_dy (real dy, real x, real z, real y) {
  (void)x; (void)z; (void)y;
  return -dy;
}


RNLI_WIDE static void add_forward (rnl_Call *c) {
  forward(c, add);
}


RNLI_WIDE static void add_backward (rnl_Call *c) {
  backward(c, 0, plus_dy);
  backward(c, 1, plus_dy);
}


RNLI_WIDE static void sub_forward (rnl_Call *c) {
  forward(c, sub);
}


RNLI_WIDE static void sub_backward (rnl_Call *c) {
  backward(c, 0, plus_dy);
  backward(c, 1, minus_dy);
}


RNLI_OP(add) = {
  .name = "add",
  .in = {{"a", RNL_IN_REAL}, {"b", RNL_IN_REAL}},
  .out = {"y"},
  .check = check, .forward = add_forward, .backward = add_backward,
  .doc = "Adds two tensors, repeating axes of extent 1 and missing leading "
         "axes to fit; a, b (...) -> y (...).",
};

RNLI_OP(sub) = {
  .name = "sub",
  .in = {{"a", RNL_IN_REAL}, {"b", RNL_IN_REAL}},
  .out = {"y"},
  .check = check, .forward = sub_forward, .backward = sub_backward,
  .doc = "Subtracts b from a, broadcasting as add; a, b (...) -> y (...).",
};

/* }====================================================================== */

/* {== mul and div ======================================================== */

RNLI_INLINE real mul (real a, real b) {
  return a * b;
}


RNLI_INLINE real quotient (real a, real b) {
  return a / b;
}


RNLI_INLINE real mul_dx (real dy, real x, real z, real y) {
  (void)x; (void)y;
  return dy * z;
}


RNLI_INLINE real div_da (real dy, real a, real b, real y) {
  (void)a; (void)y;
  return dy / b;
}


RNLI_INLINE real div_db (real dy, real b, real a, real y) {
  (void)a;
  return -dy * (y / b);
}


RNLI_WIDE static void mul_forward (rnl_Call *c) {
  forward(c, mul);
}


RNLI_WIDE static void mul_backward (rnl_Call *c) {
  backward(c, 0, mul_dx);
  backward(c, 1, mul_dx);
}


RNLI_WIDE static void div_forward (rnl_Call *c) {
  forward(c, quotient);
}


RNLI_WIDE static void div_backward (rnl_Call *c) {
  backward(c, 0, div_da);
  backward(c, 1, div_db);
}


RNLI_OP(mul) = {
  .name = "mul",
  .in = {{"a", RNL_IN_REAL}, {"b", RNL_IN_REAL}},
  .out = {"y"},
  .check = check, .forward = mul_forward, .backward = mul_backward,
  .doc = "Multiplies element by element, broadcasting as add; "
         "a, b (...) -> y (...).",
};

RNLI_OP(div) = {
  .name = "div",
  .in = {{"a", RNL_IN_REAL}, {"b", RNL_IN_REAL}},
  .out = {"y"},
  .check = check, .forward = div_forward, .backward = div_backward,
  .doc = "Divides a by b element by element, broadcasting as add; "
         "a, b (...) -> y (...).",
};

/* }====================================================================== */

/* {== pow ================================================================ */

/* Squares are most of the powers anyone takes, and libm is slow at them. */
RNLI_INLINE real power (real a, real b) {
  return b == 2 ? a * a : RNLI_M(pow)(a, b);
}


RNLI_INLINE real pow_da (real dy, real a, real b, real y) {
  (void)y;
  if (b == 0) return 0;
  return dy * (b * (b == 2 ? a : RNLI_M(pow)(a, b - 1)));
}


RNLI_INLINE real pow_db (real dy, real b, real a, real y) {
  if (a == 0 && b >= 0) return 0;
  return dy * (y * RNLI_M(log)(a));
}


RNLI_WIDE static void pow_forward (rnl_Call *c) {
  forward(c, power);
}


RNLI_WIDE static void pow_backward (rnl_Call *c) {
  backward(c, 0, pow_da);
  backward(c, 1, pow_db);
}


RNLI_OP(pow) = {
  .name = "pow",
  .in = {{"a", RNL_IN_REAL}, {"b", RNL_IN_REAL}},
  .out = {"y"},
  .check = check, .forward = pow_forward, .backward = pow_backward,
  .doc = "Raises a to the power b element by element, broadcasting as add; "
         "a, b (...) -> y (...).",
};

/* }====================================================================== */
