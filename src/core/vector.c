/*
** vector.c - tensors as flat vectors, for optimizers that look at all of the
** parameters at once and for averages of parameters. Numbers go through a
** small buffer of doubles, so that one text serves both dtypes; each is rounded
** once.
*/
#include <math.h>
#include <string.h>

#include "core/core.h"

enum { BLOCK = 512, LANES = 8 };   /* doubles at a time; sums at a time */


static size_t part (size_t count, size_t at) {
  return count - at < BLOCK ? count - at : BLOCK;
}


static void load (const rnl_Tensor *t, size_t at, size_t n, double *to) {
  const float *x = (const float *)t->data + at;
  if (t->dtype == RNL_F64)
    memcpy(to, (const double *)t->data + at, n * sizeof *to);
  else
    for (size_t i = 0; i < n; i++) to[i] = (double)x[i];
}


static void store (rnl_Tensor *t, size_t at, size_t n, const double *from) {
  float *x = (float *)t->data + at;
  if (t->dtype == RNL_F64)
    memcpy((double *)t->data + at, from, n * sizeof *from);
  else
    for (size_t i = 0; i < n; i++) x[i] = (float)from[i];
}


double rnl_vec_dot (const rnl_Tensor *x, const rnl_Tensor *y) {
  double a[BLOCK], b[BLOCK], s[LANES] = {0}, sum = 0;
  for (size_t at = 0; at < x->count; at += BLOCK) {
    size_t n = part(x->count, at);
    load(x, at, n, a);
    load(y, at, n, b);
    for (size_t i = n; i < BLOCK; i++) a[i] = b[i] = 0;
    for (size_t i = 0; i < BLOCK; i += LANES)
      for (size_t k = 0; k < LANES; k++) s[k] += a[i + k] * b[i + k];
  }
  for (int k = 0; k < LANES; k++) sum += s[k];
  return sum;
}


double rnl_vec_norm1 (const rnl_Tensor *x) {
  double a[BLOCK], sum = 0;
  for (size_t at = 0; at < x->count; at += BLOCK) {
    size_t n = part(x->count, at);
    load(x, at, n, a);
    for (size_t i = 0; i < n; i++) sum += fabs(a[i]);
  }
  return sum;
}


double rnl_vec_most (const rnl_Tensor *x) {
  double a[BLOCK], most = 0;
  for (size_t at = 0; at < x->count; at += BLOCK) {
    size_t n = part(x->count, at);
    load(x, at, n, a);
    for (size_t i = 0; i < n; i++) {
      if (isnan(a[i])) return a[i];
      if (fabs(a[i]) > most) most = fabs(a[i]);
    }
  }
  return most;
}


void rnl_vec_sum (rnl_Tensor *z, double a, const rnl_Tensor *x, double b,
                  const rnl_Tensor *y) {
  double u[BLOCK], v[BLOCK];
  for (size_t at = 0; at < x->count; at += BLOCK) {
    size_t n = part(x->count, at);
    load(x, at, n, u);
    load(y, at, n, v);
    for (size_t i = 0; i < n; i++) u[i] = a * u[i] + b * v[i];
    store(z, at, n, u);
  }
  rnl_touch(z);
}


void rnl_vec_lerp (rnl_Tensor *x, const rnl_Tensor *y, double w) {
  double u[BLOCK], v[BLOCK];
  for (size_t at = 0; at < x->count; at += BLOCK) {
    size_t n = part(x->count, at);
    load(x, at, n, u);
    load(y, at, n, v);
    for (size_t i = 0; i < n; i++)
      u[i] = w == 1 ? v[i] : u[i] + (v[i] - u[i]) * w;
    store(x, at, n, u);
  }
  rnl_touch(x);
}


void rnl_vec_swap (rnl_Tensor *x, rnl_Tensor *y) {
  double u[BLOCK], v[BLOCK];
  for (size_t at = 0; at < x->count; at += BLOCK) {
    size_t n = part(x->count, at);
    load(x, at, n, u);
    load(y, at, n, v);
    store(x, at, n, v);
    store(y, at, n, u);
  }
  rnl_touch(x);
  rnl_touch(y);
}


/* Copies 'n' elements. */
static void copy (rnl_Tensor *to, size_t i, const rnl_Tensor *from, size_t k,
                  size_t n) {
  double u[BLOCK];
  for (size_t at = 0; at < n; at += BLOCK) {
    load(from, k + at, part(n, at), u);
    store(to, i + at, part(n, at), u);
  }
  rnl_touch(to);
}


void rnl_vec_put (rnl_Tensor *flat, size_t at, const rnl_Tensor *x) {
  copy(flat, at, x, 0, x->count);
}


void rnl_vec_take (rnl_Tensor *x, const rnl_Tensor *flat, size_t at) {
  copy(x, 0, flat, at, x->count);
}
