/*
** exp.h - exp, tanh and sigmoid without branches: range reduction as in the
** Cephes library (Moshier 1989), with its polynomial for float and Taylor's for
** double. exp is within 2 ulp, tanh within 3, sigmoid within 3 (below -87, in
** double -708, where results leave the normal numbers, down to 0).
**
** Included where rnli_Num and its operations are defined: for numbers by
** vmath.h, for the vectors of each level by lanes.h.
*/

/* {== Numbers of the reduction, limits =================================== */

#ifndef RNLI_MAGIC
#ifdef RNLI_F64

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
#endif

/* }====================================================================== */

RNLI_INLINE rnli_Num rnli_from_bits (rnli_UInts bits) {
  rnli_Num x;
  memcpy(&x, &bits, sizeof x);
  return x;
}


RNLI_INLINE rnli_UInts rnli_to_bits (rnli_Num x) {
  rnli_UInts bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}


/* Between two numbers; NaN stays NaN. */
RNLI_INLINE rnli_Num rnli_within (rnli_Num x, real least, real most) {
  return rnli_most(rnli_least(x, rnli_num(most)), rnli_num(least));
}


/*
** x = n ln 2 + r with r in [-0.35, 0.35]; returns n + RNLI_MAGIC, a sum that
** rounds to the nearest integer and leaves it in the low bits.
*/
RNLI_INLINE rnli_Num rnli_reduce (rnli_Num x, rnli_Num *r) {
  rnli_Num t = rnli_mad(x, rnli_num(RNLI_LOG2_E), rnli_num(RNLI_MAGIC));
  rnli_Num n = t - RNLI_MAGIC;
  *r = rnli_nmad(n, rnli_num(RNLI_LN2_HIGH), x);
  *r = rnli_nmad(n, rnli_num(RNLI_LN2_LOW), *r);
  return t;
}


/* e^r - 1 for a reduced r. */
RNLI_INLINE rnli_Num rnli_expm1_poly (rnli_Num r) {
#ifdef RNLI_F64
  rnli_Num p = rnli_num(1.0 / 6227020800.0);   /* 1/13!, then 1/12!, ... */
  p = rnli_mad(p, r, rnli_num(1.0 / 479001600.0));
  p = rnli_mad(p, r, rnli_num(1.0 / 39916800.0));
  p = rnli_mad(p, r, rnli_num(1.0 / 3628800.0));
  p = rnli_mad(p, r, rnli_num(1.0 / 362880.0));
  p = rnli_mad(p, r, rnli_num(1.0 / 40320.0));
  p = rnli_mad(p, r, rnli_num(1.0 / 5040.0));
  p = rnli_mad(p, r, rnli_num(1.0 / 720.0));
  p = rnli_mad(p, r, rnli_num(1.0 / 120.0));
  p = rnli_mad(p, r, rnli_num(1.0 / 24.0));
  p = rnli_mad(p, r, rnli_num(1.0 / 6.0));
  p = rnli_mad(p, r, rnli_num(1.0 / 2.0));
#else
  rnli_Num p = rnli_num(1.9875691500e-4f);
  p = rnli_mad(p, r, rnli_num(1.3981999507e-3f));
  p = rnli_mad(p, r, rnli_num(8.3334519073e-3f));
  p = rnli_mad(p, r, rnli_num(4.1665795894e-2f));
  p = rnli_mad(p, r, rnli_num(1.6666665459e-1f));
  p = rnli_mad(p, r, rnli_num(5.0000001201e-1f));
#endif
  return rnli_mad(p, r * r, r);
}


/*
** 2^n for what rnli_reduce returned, n from -BIAS + 1 to BIAS + 1; the last is
** infinity.
*/
RNLI_INLINE rnli_Num rnli_pow2 (rnli_Num t) {
  rnli_UInts n = rnli_to_bits(t) << RNLI_MANTISSA;
  return rnli_from_bits(n + ((rnli_UBits)RNLI_BIAS << RNLI_MANTISSA));
}


/*
** e^x = 2^n e^r. 2^n comes as two factors so that n < -126 and n > 127 (in
** double -1022 and 1023) still work: over- and underflow by way of the
** scaling; NaN comes out as NaN.
*/
RNLI_INLINE rnli_Num rnli_exp (rnli_Num x) {
  rnli_Num r;
  rnli_Num t = rnli_reduce(rnli_within(x, RNLI_EXP_LEAST, RNLI_EXP_MOST), &r);
  rnli_UInts magic = rnli_to_bits(rnli_num(RNLI_MAGIC));
  rnli_Ints n = (rnli_Ints)(rnli_to_bits(t) - magic);
  rnli_Ints half = n >> 1;
  rnli_UInts a = (rnli_UInts)(half + RNLI_BIAS) << RNLI_MANTISSA;
  rnli_UInts b = (rnli_UInts)(n - half + RNLI_BIAS) << RNLI_MANTISSA;
  return (rnli_expm1_poly(r) + 1) * rnli_from_bits(a) * rnli_from_bits(b);
}


/* 1 / (1 + e^-x); rnli_pow2 gives infinity above SIGMOID_MOST, hence 0. */
RNLI_INLINE rnli_Num rnli_sigmoid (rnli_Num x) {
  rnli_Num r;
  rnli_Num c = rnli_within(-x, -RNLI_SIGMOID_MOST, RNLI_SIGMOID_MOST + 2);
  rnli_Num s = rnli_pow2(rnli_reduce(c, &r));
  return 1 / rnli_mad(rnli_expm1_poly(r) + 1, s, rnli_num(1));
}


/* m / (m + 2) with m = e^2x - 1, exact near 0. */
RNLI_INLINE rnli_Num rnli_tanh (rnli_Num x) {
  rnli_Num r;
  rnli_Num c = rnli_within(x + x, -2 * RNLI_TANH_MOST, 2 * RNLI_TANH_MOST);
  rnli_Num s = rnli_pow2(rnli_reduce(c, &r));
  rnli_Num m = rnli_mad(rnli_expm1_poly(r), s, s - 1);
  return m / (m + 2);
}
