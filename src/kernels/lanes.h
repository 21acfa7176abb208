/*
** lanes.h - the vectors of a level, RNLI_BYTES long. They are GNU C vectors,
** so that one source serves every instruction set.
**
** Where a product meets a sum, kernels say rnli_mad: it is fused where the
** level has such an instruction and rounded twice where it has not. Nothing is
** left for a compiler to contract, so its options do not matter to the bits.
*/

enum {
  LANES = RNLI_BYTES / (int)sizeof(real),
  PANEL = RNLI_VECS * LANES
};

typedef real vec __attribute__((vector_size(RNLI_BYTES)));
typedef rnli_Bits ints __attribute__((vector_size(RNLI_BYTES)));
typedef rnli_UBits uints __attribute__((vector_size(RNLI_BYTES)));


RNLI_INLINE vec load (const real *p) {
  vec v;
  memcpy(&v, p, sizeof v);
  return v;
}


RNLI_INLINE void store (real *p, vec v) {
  memcpy(p, &v, sizeof v);
}


/* The first n of LANES; the others are 0, or left as they are. */
#if RNLI_BYTES == 64

/* A bit for each lane. */
#ifdef RNLI_F64
typedef __mmask8 first;
#else
typedef __mmask16 first;
#endif


RNLI_INLINE vec get (const real *p, int n) {
  return RNLI_OP(maskz_loadu)((first)((1u << n) - 1), p);
}


RNLI_INLINE void put (vec v, real *p, int n) {
  RNLI_OP(mask_storeu)(p, (first)((1u << n) - 1), v);
}

#elif RNLI_BYTES == 32

RNLI_INLINE __m256i first (int n) {
  ints lane = {0};
  for (int j = 0; j < LANES; j++) lane[j] = j;
  return (__m256i)(lane < n);
}


RNLI_INLINE vec get (const real *p, int n) {
  return RNLI_OP(maskload)(p, first(n));
}


RNLI_INLINE void put (vec v, real *p, int n) {
  if (n == LANES) store(p, v);
  else RNLI_OP(maskstore)(p, first(n), v);
}

#else

RNLI_INLINE vec get (const real *p, int n) {
  vec v = {0};
  if (n == LANES) return load(p);
#pragma GCC unroll 1
  for (int j = 0; j < n; j++) v[j] = p[j];
  return v;
}


RNLI_INLINE void put (vec v, real *p, int n) {
  if (n == LANES) {
    store(p, v);
    return;
  }
#pragma GCC unroll 1
  for (int j = 0; j < n; j++) p[j] = v[j];
}

#endif


/* a where a lane of 'mask' is -1, b where it is 0. */
RNLI_INLINE vec pick (ints mask, vec a, vec b) {
  return (vec)(((ints)a & mask) | ((ints)b & ~mask));
}

/* {== What exp.h asks for, see vmath.h =================================== */

typedef vec rnli_Num;
typedef ints rnli_Ints;
typedef uints rnli_UInts;


RNLI_INLINE vec rnli_num (real x) {
  return x - (vec){0};
}

#if RNLI_BYTES > 16

RNLI_INLINE vec rnli_mad (vec a, vec b, vec c) {
  return RNLI_OP(fmadd)(a, b, c);
}


RNLI_INLINE vec rnli_nmad (vec a, vec b, vec c) {
  return RNLI_OP(fnmadd)(a, b, c);
}

#else

RNLI_INLINE vec rnli_mad (vec a, vec b, vec c) {
#ifdef RNLI_FUSED
  for (int j = 0; j < LANES; j++) c[j] = RNLI_FUSED(a[j], b[j], c[j]);
  return c;
#else
  return a * b + c;
#endif
}


RNLI_INLINE vec rnli_nmad (vec a, vec b, vec c) {
  return rnli_mad(-a, b, c);
}

#endif


RNLI_INLINE vec rnli_least (vec x, vec most) {
#ifdef RNLI_OP
  return RNLI_OP(min)(most, x);   /* the second of the two if one is NaN */
#else
  return pick(x > most, most, x);
#endif
}


RNLI_INLINE vec rnli_most (vec x, vec least) {
#ifdef RNLI_OP
  return RNLI_OP(max)(least, x);
#else
  return pick(x < least, least, x);
#endif
}

#include "kernels/exp.h"

/* }====================================================================== */
