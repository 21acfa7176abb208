/*
** sums.c - sums, maxima and functions of numbers side by side, as the ops make
** them (kernels/sums.h), compiled once for all that runs models.
*/
#include <math.h>

#include "infer/infer.h"
#include "kernels/sums.h"

double rnli_total (const float *x, size_t n) {
  return rnli_sum(x, n, 1);
}


RNLI_INLINE float product (float a, float b) {
  return a * b;
}


double rnli_dot (const float *a, const float *b, size_t n) {
  return rnli_sum_of(a, b, n, 1, product);
}


float rnli_largest (const float *x, size_t n) {
  return rnli_top(x, n, 1);
}


double rnli_exp_all (float *x, size_t n, float top) {
  for (size_t i = 0; i < n; i++) x[i] = rnli_exp(x[i] - top);
  return rnli_total(x, n);
}


double rnli_log_total (const float *x, size_t n, float *top) {
  float e[RNLI_BUFFER];
  double sum = 0;
  *top = rnli_largest(x, n);
  for (size_t i = 0; i < n; i += RNLI_BUFFER) {
    size_t len = n - i < RNLI_BUFFER ? n - i : RNLI_BUFFER;
    memcpy(e, x + i, len * sizeof *e);
    sum += rnli_exp_all(e, len, *top);
  }
  return log(sum);
}


void rnli_tanh_all (float *x, size_t n) {
  for (size_t i = 0; i < n; i++) x[i] = rnli_tanh(x[i]);
}


void rnli_copy (float *to, size_t to_ld, const float *from, size_t from_ld,
                size_t rows, size_t n) {
  for (; rows > 0; rows--, to += to_ld, from += from_ld)
    memcpy(to, from, n * sizeof *to);
}
