/*
** lanes.h - the vectors of the level and type a kernel is compiled for. They
** are GNU C vectors, so that one source serves every instruction set; products
** and sums in kernels may be contracted to fused multiply-adds.
*/
#ifndef RNLI_KERNEL_LANES_H
#define RNLI_KERNEL_LANES_H

#include "kernels/kernels.h"

#if defined(__AVX512F__)
enum { VECTOR = 64, ROWS = 7 };   /* 28 of 32 registers hold sums */
#elif defined(__AVX2__)
enum { VECTOR = 32, ROWS = 3 };   /* 12 of 16 */
#else
enum { VECTOR = 16, ROWS = 3 };
#endif

enum { LANES = VECTOR / (int)sizeof(real), PANEL = RNLI_VECS * LANES };

typedef real vec __attribute__((vector_size(VECTOR)));

/* The makefile says which level and factor a source is compiled for. */
#define RNLI_JOIN_(a, b, c) a##_##b##_##c
#define RNLI_JOIN(a, b, c) RNLI_JOIN_(a, b, c)
#define RNLI_K(name) RNLI_JOIN(name, RNLI_LEVEL, RNLI_FACTOR)


RNLI_INLINE vec load (const real *p) {
  vec v;
  memcpy(&v, p, sizeof v);
  return v;
}


RNLI_INLINE void store (real *p, vec v) {
  memcpy(p, &v, sizeof v);
}

#endif
