/*
** vmath.h - exp, tanh and sigmoid without branches, so that loops over them
** vectorise. float: polynomials and reductions of the Cephes library (Moshier
** 1989); exp and tanh within 2 ulp, sigmoid within 4 (below -87, where results
** leave the normal floats, down to 0). double: libm.
*/
#ifndef RNLI_VMATH_H
#define RNLI_VMATH_H

#include "core/real.h"

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

/* 2^n for n in [-252, 252], as two factors so that n < -126 still works. */
RNLI_INLINE float rnli_scale2 (float p, int32_t n) {
  int32_t half = n >> 1;
  float a = rnli_from_bits((int32_t)((uint32_t)(half + 127) << 23));
  float b = rnli_from_bits((int32_t)((uint32_t)(n - half + 127) << 23));
  return p * a * b;
}

/*
** e^x = 2^n e^r, r = x - n ln 2 in [-0.35, 0.35]. Adding 1.5*2^23 rounds to
** the nearest integer and leaves it in the low bits. Over- and underflow by
** way of the scaling; NaN comes out as NaN.
*/
RNLI_INLINE float rnli_exp (float x) {
  const float magic = 12582912.0f;
  float c = x > 89.0f ? 89.0f : x;
  c = c < -104.0f ? -104.0f : c;
  float t = c * 1.44269504088896341f + magic;
  float n = t - magic;
  float r = c - n * 0.693359375f;
  r = r - n * -2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  return rnli_scale2(p, rnli_to_bits(t) - rnli_to_bits(magic));
}

RNLI_INLINE float rnli_sigmoid (float x) {
  return 1.0f / (1.0f + rnli_exp(-x));
}

/* Cephes' tanhf: odd polynomial below 0.625, 1 - 2/(e^2x + 1) above. */
RNLI_INLINE float rnli_tanh (float x) {
  float a = x < 0 ? -x : x;
  float z = x * x;
  float p = -5.70498872745e-3f;
  p = p * z + 2.06390887954e-2f;
  p = p * z - 5.37397155531e-2f;
  p = p * z + 1.33314422036e-1f;
  p = p * z - 3.33332819422e-1f;
  float small = p * z * x + x;
  float big = 1.0f - 2.0f / (rnli_exp(a + a) + 1.0f);
  big = x < 0 ? -big : big;
  return a < 0.625f ? small : big;
}

#endif

#endif
