/*
** unary.c - elementwise ops of one operand.
**   neg      y = -x               dx -= dy
**   exp      y = e^x              dx += dy y
**   log      y = log x            dx += dy / x
**   sqrt     y = sqrt x           dx += dy / 2y
**   abs      y = |x|              dx += dy sign(x), 0 at 0
**   tanh     y = tanh x           dx += dy (1 - y^2)
**   sigmoid  y = 1 / (1 + e^-x)   dx += dy y (1 - y)
**   relu     y = max(x, 0)        dx += dy where x > 0
**   leaky_relu and clamp, with their options, at the end.
** Keeps nothing: backward reads x and y where they are. NaN stays NaN.
*/
#include "core/real.h"
#include "ops/over.h"
#include "kernels/vmath.h"

typedef real Forward (real x);
typedef real Backward (real dy, real x, real y);


static int check (rnl_Call *c) {
  rnli_out_like(c, 0, 0);
  return RNL_OK;
}


/* Elements [i, to) of y = f(x). */
RNLI_INLINE void map (rnl_Call *c, size_t i, size_t to, Forward f) {
  const real *x = rnli_data(c, 0);
  real *y = c->out[0]->data;
  for (; i < to; i++) y[i] = f(x[i]);
}


RNLI_INLINE void map_back (rnl_Call *c, size_t i, size_t to, Backward f) {
  const real *x = rnli_data(c, 0);
  const real *y = c->out[0]->data;
  const real *dy = rnli_dout(c, 0);
  real *dx = rnli_din(c, 0);
  for (; i < to; i++) dx[i] += f(dy[i], x[i], y[i]);
}


static void run (rnl_Call *c, rnli_Part *part) {
  rnli_over(c, c->out[0]->count, 1, part);
}

/* {== neg ================================================================= */

RNLI_INLINE real neg_y (real x) {
  return -x;
}


RNLI_INLINE real neg_dx (real dy, real x, real y) {
  (void)x; (void)y;
  return -dy;
}


RNLI_WIDE static void neg_part (rnl_Call *c, size_t from, size_t to) {
  map(c, from, to, neg_y);
}


RNLI_WIDE static void neg_back (rnl_Call *c, size_t from, size_t to) {
  map_back(c, from, to, neg_dx);
}


static void neg_forward (rnl_Call *c) {
  run(c, neg_part);
}


static void neg_backward (rnl_Call *c) {
  run(c, neg_back);
}


RNLI_OP(neg) = {
  .name = "neg",
  .in = {{"x", RNL_IN_REAL}},
  .out = {"y"},
  .check = check, .forward = neg_forward, .backward = neg_backward,
  .doc = "Changes the sign of every element; x (...) -> y (...).",
};

/* }====================================================================== */

/* {== exp ================================================================= */

RNLI_INLINE real exp_y (real x) {
  return rnli_exp(x);
}


RNLI_INLINE real exp_dx (real dy, real x, real y) {
  (void)x;
  return dy * y;
}


RNLI_WIDE static void exp_part (rnl_Call *c, size_t from, size_t to) {
  map(c, from, to, exp_y);
}


RNLI_WIDE static void exp_back (rnl_Call *c, size_t from, size_t to) {
  map_back(c, from, to, exp_dx);
}


static void exp_forward (rnl_Call *c) {
  run(c, exp_part);
}


static void exp_backward (rnl_Call *c) {
  run(c, exp_back);
}


RNLI_OP(exp) = {
  .name = "exp",
  .in = {{"x", RNL_IN_REAL}},
  .out = {"y"},
  .check = check, .forward = exp_forward, .backward = exp_backward,
  .doc = "Takes e to the power of every element; x (...) -> y (...).",
};

/* }====================================================================== */

/* {== log ================================================================= */

RNLI_INLINE real log_y (real x) {
  return RNLI_M(log)(x);
}


RNLI_INLINE real log_dx (real dy, real x, real y) {
  (void)y;
  return dy / x;
}


RNLI_WIDE static void log_part (rnl_Call *c, size_t from, size_t to) {
  map(c, from, to, log_y);
}


RNLI_WIDE static void log_back (rnl_Call *c, size_t from, size_t to) {
  map_back(c, from, to, log_dx);
}


static void log_forward (rnl_Call *c) {
  run(c, log_part);
}


static void log_backward (rnl_Call *c) {
  run(c, log_back);
}


RNLI_OP(log) = {
  .name = "log",
  .in = {{"x", RNL_IN_REAL}},
  .out = {"y"},
  .check = check, .forward = log_forward, .backward = log_backward,
  .doc = "Takes the natural logarithm of every element; x (...) -> y "
         "(...).",
};

/* }====================================================================== */

/* {== sqrt ================================================================ */

RNLI_INLINE real sqrt_y (real x) {
  return RNLI_M(sqrt)(x);
}


RNLI_INLINE real sqrt_dx (real dy, real x, real y) {
  (void)x;
  return dy / (2 * y);
}


RNLI_WIDE static void sqrt_part (rnl_Call *c, size_t from, size_t to) {
  map(c, from, to, sqrt_y);
}


RNLI_WIDE static void sqrt_back (rnl_Call *c, size_t from, size_t to) {
  map_back(c, from, to, sqrt_dx);
}


static void sqrt_forward (rnl_Call *c) {
  run(c, sqrt_part);
}


static void sqrt_backward (rnl_Call *c) {
  run(c, sqrt_back);
}


RNLI_OP(sqrt) = {
  .name = "sqrt",
  .in = {{"x", RNL_IN_REAL}},
  .out = {"y"},
  .check = check, .forward = sqrt_forward, .backward = sqrt_backward,
  .doc = "Takes the square root of every element; x (...) -> y (...).",
};

/* }====================================================================== */

/* {== abs ================================================================= */

RNLI_INLINE real abs_y (real x) {
  return RNLI_M(fabs)(x);
}


RNLI_INLINE real abs_dx (real dy, real x, real y) {
  (void)y;
  return x > 0 ? dy : x < 0 ? -dy : 0;
}


RNLI_WIDE static void abs_part (rnl_Call *c, size_t from, size_t to) {
  map(c, from, to, abs_y);
}


RNLI_WIDE static void abs_back (rnl_Call *c, size_t from, size_t to) {
  map_back(c, from, to, abs_dx);
}


static void abs_forward (rnl_Call *c) {
  run(c, abs_part);
}


static void abs_backward (rnl_Call *c) {
  run(c, abs_back);
}


RNLI_OP(abs) = {
  .name = "abs",
  .in = {{"x", RNL_IN_REAL}},
  .out = {"y"},
  .check = check, .forward = abs_forward, .backward = abs_backward,
  .doc = "Takes the absolute value of every element; x (...) -> y "
         "(...).",
};

/* }====================================================================== */

/* {== tanh ================================================================ */

RNLI_INLINE real tanh_y (real x) {
  return rnli_tanh(x);
}


RNLI_INLINE real tanh_dx (real dy, real x, real y) {
  (void)x;
  return dy * (1 - y * y);
}


RNLI_WIDE static void tanh_part (rnl_Call *c, size_t from, size_t to) {
  map(c, from, to, tanh_y);
}


RNLI_WIDE static void tanh_back (rnl_Call *c, size_t from, size_t to) {
  map_back(c, from, to, tanh_dx);
}


static void tanh_forward (rnl_Call *c) {
  run(c, tanh_part);
}


static void tanh_backward (rnl_Call *c) {
  run(c, tanh_back);
}


RNLI_OP(tanh) = {
  .name = "tanh",
  .in = {{"x", RNL_IN_REAL}},
  .out = {"y"},
  .check = check, .forward = tanh_forward, .backward = tanh_backward,
  .doc = "Takes the hyperbolic tangent of every element; x (...) -> y "
         "(...).",
};

/* }====================================================================== */

/* {== sigmoid ============================================================= */

RNLI_INLINE real sigmoid_y (real x) {
  return rnli_sigmoid(x);
}


RNLI_INLINE real sigmoid_dx (real dy, real x, real y) {
  (void)x;
  return dy * ((1 - y) * y);
}


RNLI_WIDE static void sigmoid_part (rnl_Call *c, size_t from, size_t to) {
  map(c, from, to, sigmoid_y);
}


RNLI_WIDE static void sigmoid_back (rnl_Call *c, size_t from, size_t to) {
  map_back(c, from, to, sigmoid_dx);
}


static void sigmoid_forward (rnl_Call *c) {
  run(c, sigmoid_part);
}


static void sigmoid_backward (rnl_Call *c) {
  run(c, sigmoid_back);
}


RNLI_OP(sigmoid) = {
  .name = "sigmoid",
  .in = {{"x", RNL_IN_REAL}},
  .out = {"y"},
  .check = check, .forward = sigmoid_forward, .backward = sigmoid_backward,
  .doc = "Takes the logistic function 1 / (1 + e^-x) of every element; "
         "x (...) -> y (...).",
};

/* }====================================================================== */

/* {== relu ================================================================ */

RNLI_INLINE real relu_y (real x) {
  return x <= 0 ? 0 : x;
}


RNLI_INLINE real relu_dx (real dy, real x, real y) {
  (void)x;
  return y <= 0 ? 0 : dy;
}


RNLI_WIDE static void relu_part (rnl_Call *c, size_t from, size_t to) {
  map(c, from, to, relu_y);
}


RNLI_WIDE static void relu_back (rnl_Call *c, size_t from, size_t to) {
  map_back(c, from, to, relu_dx);
}


static void relu_forward (rnl_Call *c) {
  run(c, relu_part);
}


static void relu_backward (rnl_Call *c) {
  run(c, relu_back);
}


RNLI_OP(relu) = {
  .name = "relu",
  .in = {{"x", RNL_IN_REAL}},
  .out = {"y"},
  .check = check, .forward = relu_forward, .backward = relu_backward,
  .doc = "Replaces negative elements by 0; x (...) -> y (...).",
};

/* }====================================================================== */

/* {== leaky_relu: y = x where x > 0, slope x elsewhere =================== */

enum { SLOPE };


RNLI_WIDE static void leaky_part (rnl_Call *c, size_t i, size_t to) {
  const real *x = rnli_data(c, 0);
  real *y = c->out[0]->data;
  real slope = (real)c->attr[SLOPE].x;
  for (; i < to; i++) y[i] = x[i] > 0 ? x[i] : slope * x[i];
}


RNLI_WIDE static void leaky_back (rnl_Call *c, size_t i, size_t to) {
  const real *x = rnli_data(c, 0);
  const real *dy = rnli_dout(c, 0);
  real *dx = rnli_din(c, 0);
  real slope = (real)c->attr[SLOPE].x;
  for (; i < to; i++) dx[i] += x[i] > 0 ? dy[i] : slope * dy[i];
}


static void leaky_relu_forward (rnl_Call *c) {
  run(c, leaky_part);
}


static void leaky_relu_backward (rnl_Call *c) {
  run(c, leaky_back);
}


RNLI_OP(leaky_relu) = {
  .name = "leaky_relu",
  .in = {{"x", RNL_IN_REAL}},
  .out = {"y"},
  .attr = {[SLOPE] = {"slope", RNL_AT_REAL, 0.01, NULL}},
  .check = check,
  .forward = leaky_relu_forward, .backward = leaky_relu_backward,
  .doc = "Multiplies negative elements by 'slope'; x (...) -> y (...).",
};

/* }====================================================================== */

/* {== clamp: y = min(max(x, lo), hi) ===================================== */

enum { MIN, MAX };


RNLI_WIDE static void clamp_part (rnl_Call *c, size_t i, size_t to) {
  const real *x = rnli_data(c, 0);
  real *y = c->out[0]->data;
  real lo = (real)c->attr[MIN].x;
  real hi = (real)c->attr[MAX].x;
  for (; i < to; i++) {
    real v = x[i] < lo ? lo : x[i];
    y[i] = v > hi ? hi : v;
  }
}


/* The gradient passes between the bounds and on them. */
RNLI_WIDE static void clamp_back (rnl_Call *c, size_t i, size_t to) {
  const real *x = rnli_data(c, 0);
  const real *dy = rnli_dout(c, 0);
  real *dx = rnli_din(c, 0);
  real lo = (real)c->attr[MIN].x;
  real hi = (real)c->attr[MAX].x;
  for (; i < to; i++) dx[i] += x[i] >= lo && x[i] <= hi ? dy[i] : 0;
}


static void clamp_forward (rnl_Call *c) {
  run(c, clamp_part);
}


static void clamp_backward (rnl_Call *c) {
  run(c, clamp_back);
}


RNLI_OP(clamp) = {
  .name = "clamp",
  .in = {{"x", RNL_IN_REAL}},
  .out = {"y"},
  .attr = {[MIN] = {"min", RNL_AT_REAL, -HUGE_VAL, NULL},
           [MAX] = {"max", RNL_AT_REAL, HUGE_VAL, NULL}},
  .check = check, .forward = clamp_forward, .backward = clamp_backward,
  .doc = "Limits every element to 'min' .. 'max'; x (...) -> y (...).",
};

/* }====================================================================== */
