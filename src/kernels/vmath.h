/*
** vmath.h - exp, tanh and sigmoid without branches, so that loops over them
** vectorise: range reduction as in the Cephes library (Moshier 1989), with its
** polynomial for float and Taylor's for double. exp is within 2 ulp, tanh
** within 3, sigmoid within 3 (below -87, in double -708, where results leave
** the normal numbers, down to 0).
*/
#ifndef RNLI_VMATH_H
#define RNLI_VMATH_H

#include "kernels/type.h"

/* {== Types: bits of a real, numbers of the reduction, limits ============ */

#ifdef RNLI_F64

typedef int64_t rnli_Bits;
typedef uint64_t rnli_UBits;
enum { RNLI_MANTISSA = 52, RNLI_BIAS = 1023 };

#define RNLI_MAGIC 6755399441055744.0   /* 1.5 * 2^52 */
#define RNLI_LOG2_E 1.4426950408889634074
#define RNLI_LN2_HIGH 6.93145751953125e-1
#define RNLI_LN2_LOW 1.42860682030941723212e-6

#define RNLI_EXP_MOST 710.0             /* e^x is infinite from here on */
#define RNLI_EXP_LEAST -746.0           /* and 0 below */
#define RNLI_SIGMOID_MOST 708.0
#define RNLI_TANH_MOST 20.0             /* tanh is 1 from here on */

#else

typedef int32_t rnli_Bits;
typedef uint32_t rnli_UBits;
enum { RNLI_MANTISSA = 23, RNLI_BIAS = 127 };

#define RNLI_MAGIC 12582912.0f          /* 1.5 * 2^23 */
#define RNLI_LOG2_E 1.44269504088896341f
#define RNLI_LN2_HIGH 0.693359375f
#define RNLI_LN2_LOW -2.12194440e-4f

#define RNLI_EXP_MOST 89.0f
#define RNLI_EXP_LEAST -104.0f
#define RNLI_SIGMOID_MOST 87.0f
#define RNLI_TANH_MOST 10.0f

#endif

/* }====================================================================== */

RNLI_INLINE real rnli_from_bits (rnli_UBits bits) {
  real x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

RNLI_INLINE rnli_Bits rnli_to_bits (real x) {
  rnli_Bits bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

/* Between two numbers; NaN stays NaN. */
RNLI_INLINE real rnli_within (real x, real least, real most) {
  x = x > most ? most : x;
  return x < least ? least : x;
}

/*
** x = n ln 2 + r with r in [-0.35, 0.35]; returns n + RNLI_MAGIC, a sum that
** rounds to the nearest integer and leaves it in the low bits.
*/
RNLI_INLINE real rnli_reduce (real x, real *r) {
  real t = x * RNLI_LOG2_E + RNLI_MAGIC;
  real n = t - RNLI_MAGIC;
  *r = x - n * RNLI_LN2_HIGH;
  *r = *r - n * RNLI_LN2_LOW;
  return t;
}

/* e^r - 1 for a reduced r. */
RNLI_INLINE real rnli_expm1_poly (real r) {
#ifdef RNLI_F64
  real p = 1.0 / 6227020800.0;   /* 1/13!, then 1/12! and so on */
  p = p * r + 1.0 / 479001600.0;
  p = p * r + 1.0 / 39916800.0;
  p = p * r + 1.0 / 3628800.0;
  p = p * r + 1.0 / 362880.0;
  p = p * r + 1.0 / 40320.0;
  p = p * r + 1.0 / 5040.0;
  p = p * r + 1.0 / 720.0;
  p = p * r + 1.0 / 120.0;
  p = p * r + 1.0 / 24.0;
  p = p * r + 1.0 / 6.0;
  p = p * r + 1.0 / 2.0;
#else
  real p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
#endif
  return p * (r * r) + r;
}

/*
** 2^n for what rnli_reduce returned, n from -BIAS + 1 to BIAS + 1; the last is
** infinity.
*/
RNLI_INLINE real rnli_pow2 (real t) {
  rnli_UBits n = (rnli_UBits)rnli_to_bits(t) << RNLI_MANTISSA;
  return rnli_from_bits(n + ((rnli_UBits)RNLI_BIAS << RNLI_MANTISSA));
}

/*
** e^x = 2^n e^r. 2^n comes as two factors so that n < -126 and n > 127 (in
** double -1022 and 1023) still work: over- and underflow by way of the
** scaling; NaN comes out as NaN.
*/
RNLI_INLINE real rnli_exp (real x) {
  real r;
  real t = rnli_reduce(rnli_within(x, RNLI_EXP_LEAST, RNLI_EXP_MOST), &r);
  rnli_Bits n = rnli_to_bits(t) - rnli_to_bits(RNLI_MAGIC);
  rnli_Bits half = n >> 1;
  real a = rnli_from_bits((rnli_UBits)(half + RNLI_BIAS) << RNLI_MANTISSA);
  real b = rnli_from_bits((rnli_UBits)(n - half + RNLI_BIAS) << RNLI_MANTISSA);
  return (rnli_expm1_poly(r) + 1) * a * b;
}

/* 1 / (1 + e^-x); rnli_pow2 gives infinity above SIGMOID_MOST, hence 0. */
RNLI_INLINE real rnli_sigmoid (real x) {
  real r;
  real c = rnli_within(-x, -RNLI_SIGMOID_MOST, RNLI_SIGMOID_MOST + 2);
  real s = rnli_pow2(rnli_reduce(c, &r));
  return 1 / (1 + (rnli_expm1_poly(r) + 1) * s);
}

/* m / (m + 2) with m = e^2x - 1, exact near 0. */
RNLI_INLINE real rnli_tanh (real x) {
  real r;
  real c = rnli_within(x + x, -2 * RNLI_TANH_MOST, 2 * RNLI_TANH_MOST);
  real s = rnli_pow2(rnli_reduce(c, &r));
  real m = rnli_expm1_poly(r) * s + (s - 1);
  return m / (m + 2);
}

#endif
