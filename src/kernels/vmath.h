/*
** vmath.h - exp, tanh and sigmoid without branches, so that loops over them
** vectorise. float: range reduction and polynomial of the Cephes library
** (Moshier 1989); exp within 2 ulp, tanh within 3, sigmoid within 3 (below -87,
** where results leave the normal floats, down to 0). double: libm.
*/
#ifndef RNLI_VMATH_H
#define RNLI_VMATH_H

#include "kernels/type.h"

#ifdef RNLI_F64

RNLI_INLINE double rnli_exp (double x) {
  return exp(x);
}

RNLI_INLINE double rnli_tanh (double x) {
  return tanh(x);
}

RNLI_INLINE double rnli_sigmoid (double x) {
  return 1.0 / (1.0 + exp(-x));
}

#else

RNLI_INLINE float rnli_from_bits (int32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

RNLI_INLINE int32_t rnli_to_bits (float x) {
  int32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

/* Adding it rounds to the nearest integer and leaves that in the low bits. */
#define RNLI_MAGIC 12582912.0f   /* 1.5 * 2^23 */

/* x = n ln 2 + r with r in [-0.35, 0.35]; returns n + RNLI_MAGIC. */
RNLI_INLINE float rnli_reduce (float x, float *r) {
  float t = x * 1.44269504088896341f + RNLI_MAGIC;
  float n = t - RNLI_MAGIC;
  *r = x - n * 0.693359375f;
  *r = *r - n * -2.12194440e-4f;
  return t;
}

/* e^r - 1 for a reduced r. */
RNLI_INLINE float rnli_expm1_poly (float r) {
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  return p * (r * r) + r;
}

/* 2^n for what rnli_reduce returned, n in [-126, 128]; 2^128 is infinity. */
RNLI_INLINE float rnli_pow2 (float t) {
  uint32_t n = (uint32_t)rnli_to_bits(t) << 23;
  return rnli_from_bits((int32_t)(n + ((uint32_t)127 << 23)));
}

/*
** e^x = 2^n e^r. 2^n comes as two factors so that n < -126 and n > 127 still
** work: over- and underflow by way of the scaling; NaN comes out as NaN.
*/
RNLI_INLINE float rnli_exp (float x) {
  float r;
  float c = x > 89.0f ? 89.0f : x;
  c = c < -104.0f ? -104.0f : c;
  float t = rnli_reduce(c, &r);
  int32_t n = rnli_to_bits(t) - rnli_to_bits(RNLI_MAGIC);
  int32_t half = n >> 1;
  float a = rnli_from_bits((int32_t)((uint32_t)(half + 127) << 23));
  float b = rnli_from_bits((int32_t)((uint32_t)(n - half + 127) << 23));
  return (rnli_expm1_poly(r) + 1.0f) * a * b;
}

/* 1 / (1 + e^-x); rnli_pow2 gives infinity for n = 128, hence 0 below -89. */
RNLI_INLINE float rnli_sigmoid (float x) {
  float r;
  float c = -x > 89.0f ? 89.0f : -x;
  c = c < -87.0f ? -87.0f : c;
  float s = rnli_pow2(rnli_reduce(c, &r));
  return 1.0f / (1.0f + (rnli_expm1_poly(r) + 1.0f) * s);
}

/* m / (m + 2) with m = e^2x - 1, exact near 0; 1 beyond |x| = 10. */
RNLI_INLINE float rnli_tanh (float x) {
  float r;
  float c = x + x > 20.0f ? 20.0f : x + x;
  c = c < -20.0f ? -20.0f : c;
  float s = rnli_pow2(rnli_reduce(c, &r));
  float m = rnli_expm1_poly(r) * s + (s - 1.0f);
  return m / (m + 2.0f);
}

#endif

#endif
