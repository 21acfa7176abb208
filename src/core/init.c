/*
** init.c - filling tensors: a value, uniform, normal, orthogonal.
*/
#include <math.h>
#include <string.h>

#include "core/core.h"


void rnl_fill (rnl_Tensor *t, double value) {
  for (size_t i = 0; i < t->count; i++) rnl_set(t, i, value);
}


void rnl_fill_uniform (rnl_Tensor *t, double lo, double hi) {
  for (size_t i = 0; i < t->count; i++)
    rnl_set(t, i, lo + (hi - lo) * rnl_rng_uniform(&t->ctx->rng));
}


void rnl_fill_normal (rnl_Tensor *t, double mean, double std) {
  for (size_t i = 0; i < t->count; i++)
    rnl_set(t, i, mean + std * rnl_rng_normal(&t->ctx->rng));
}


/* row += f * other, over n columns. */
static void add_row (double *row, const double *other, double f, int n) {
  for (int j = 0; j < n; j++) row[j] += f * other[j];
}


/* Over fixed lanes, so that it vectorises. */
static double dot (const double *a, const double *b, int n) {
  enum { LANES = 8 };
  double s[LANES] = {0};
  for (int j = 0; j < n; j++) s[j % LANES] += a[j] * b[j];
  for (int k = LANES / 2; k > 0; k /= 2)
    for (int j = 0; j < k; j++) s[j] += s[j + k];
  return s[0];
}


/*
** Makes m rows of n >= m columns orthonormal by Gram and Schmidt, each row
** twice against those before it, which is enough (Giraud et al. 2005). Lengths
** are positive, as if by QR with the signs of R taken out.
*/
static void orthonormalise (double *q, int m, int n) {
  for (int i = 0; i < m; i++) {
    double *row = q + (size_t)i * (size_t)n;
    for (int pass = 0; pass < 2; pass++)
      for (int k = 0; k < i; k++) {
        const double *other = q + (size_t)k * (size_t)n;
        add_row(row, other, -dot(row, other, n), n);
      }
    double norm = sqrt(dot(row, row, n));
    for (int j = 0; j < n; j++) row[j] /= norm;
  }
}


int rnl_fill_orthogonal (rnl_Tensor *t, double gain) {
  if (t->ndim != 2)
    return rnli_error(t->ctx, RNL_ESHAPE, "orthogonal: the tensor must have 2 "
                      "axes, got %s", rnli_shape(t).text);
  int wide = t->dim[1] >= t->dim[0];
  int m = wide ? t->dim[0] : t->dim[1];
  int n = wide ? t->dim[1] : t->dim[0];
  size_t bytes = rnli_mul(t->count, sizeof(double));
  double *q = rnli_get(t->ctx, bytes);
  if (!q) return rnli_nomem(t->ctx, "orthogonal", bytes);
  for (size_t i = 0; i < t->count; i++) q[i] = rnl_rng_normal(&t->ctx->rng);
  orthonormalise(q, m, n);
  for (int i = 0; i < m; i++)
    for (int j = 0; j < n; j++) {
      size_t at = wide ? (size_t)i * (size_t)n + (size_t)j
                       : (size_t)j * (size_t)m + (size_t)i;
      rnl_set(t, at, gain * q[(size_t)i * (size_t)n + (size_t)j]);
    }
  rnli_put(t->ctx, q);
  return RNL_OK;
}
