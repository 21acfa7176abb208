/*
** sums.h - sums and maxima that vectorise. Addition is split over a fixed
** number of partial sums in double, so the order of summation is the same for
** every vector width and a million float32 terms lose nothing.
*/
#ifndef RNLI_SUMS_H
#define RNLI_SUMS_H

#include "kernels/vmath.h"

enum { RNLI_LANES = 16, RNLI_BUFFER = 256 };


RNLI_INLINE double rnli_lanes_total (double s[RNLI_LANES]) {
  for (int w = RNLI_LANES / 2; w > 0; w /= 2)
    for (int k = 0; k < w; k++) s[k] += s[k + w];
  return s[0];
}


/* Sum of n numbers that lie 'stride' apart. */
RNLI_INLINE double rnli_sum (const real *x, size_t n, size_t stride) {
  double s[RNLI_LANES] = {0};
  size_t i = 0;
  for (; i + RNLI_LANES <= n; i += RNLI_LANES)
    for (size_t k = 0; k < RNLI_LANES; k++)
      s[k] += (double)x[(i + k) * stride];
  for (size_t k = 0; i < n; i++, k++) s[k] += (double)x[i * stride];
  return rnli_lanes_total(s);
}


/* Sum of f(a, b) over n pairs that lie 'stride' apart. */
RNLI_INLINE double rnli_sum_of (const real *a, const real *b, size_t n,
                                size_t stride, real f (real, real)) {
  double s[RNLI_LANES] = {0};
  size_t i = 0;
  for (; i + RNLI_LANES <= n; i += RNLI_LANES)
    for (size_t k = 0; k < RNLI_LANES; k++)
      s[k] += (double)f(a[(i + k) * stride], b[(i + k) * stride]);
  for (size_t k = 0; i < n; i++, k++)
    s[k] += (double)f(a[i * stride], b[i * stride]);
  return rnli_lanes_total(s);
}


/*
** Sum of e^(x - m) over n numbers that lie 'stride' apart. The terms go
** through a buffer, because exp and sum vectorise one after the other only.
*/
RNLI_INLINE double rnli_sum_exp (const real *x, size_t n, size_t stride,
                                 real m) {
  real e[RNLI_BUFFER];
  double sum = 0;
  for (size_t i = 0; i < n; i += RNLI_BUFFER) {
    size_t len = n - i < RNLI_BUFFER ? n - i : RNLI_BUFFER;
    for (size_t k = 0; k < len; k++)
      e[k] = rnli_exp(x[(i + k) * stride] - m);
    sum += rnli_sum(e, len, 1);
  }
  return sum;
}


/* Largest of n numbers that lie 'stride' apart, NaN passed over. */
RNLI_INLINE real rnli_top (const real *x, size_t n, size_t stride) {
  real m[RNLI_LANES];
  size_t i = 0;
  for (size_t k = 0; k < RNLI_LANES; k++) m[k] = -(real)INFINITY;
  for (; i + RNLI_LANES <= n; i += RNLI_LANES)
    for (size_t k = 0; k < RNLI_LANES; k++) {
      real v = x[(i + k) * stride];
      m[k] = v > m[k] ? v : m[k];
    }
  for (; i < n; i++) m[0] = x[i * stride] > m[0] ? x[i * stride] : m[0];
  for (size_t k = 1; k < RNLI_LANES; k++) m[0] = m[k] > m[0] ? m[k] : m[0];
  return m[0];
}

#endif
