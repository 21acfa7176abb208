/*
** vmath.h - exp, tanh and sigmoid of numbers; products and sums are not
** contracted. Kernels have the same functions of vectors: see lanes.h.
*/
#ifndef RNLI_VMATH_H
#define RNLI_VMATH_H

#include "kernels/type.h"

typedef real rnli_Num;
typedef rnli_Bits rnli_Ints;
typedef rnli_UBits rnli_UInts;


RNLI_INLINE real rnli_num (real x) {
  return x;
}


/* a*b + c, and c - a*b. */
RNLI_INLINE real rnli_mad (real a, real b, real c) {
  return a * b + c;
}


RNLI_INLINE real rnli_nmad (real a, real b, real c) {
  return c - a * b;
}


/* The smaller and the larger of two; NaN in x stays. */
RNLI_INLINE real rnli_least (real x, real most) {
  return x > most ? most : x;
}


RNLI_INLINE real rnli_most (real x, real least) {
  return x < least ? least : x;
}

#include "kernels/exp.h"

#endif
