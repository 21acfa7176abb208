/*
** gemm.c - matrix products; the only file that knows BLAS.
**
** BLAS runs at one thread. A product worth sharing is cut into slices of C
** whose number depends on its sizes only; each slice is one BLAS call with all
** of K in it, so every thread count gives the same bits.
*/
#include <cblas.h>
#include <stdio.h>
#include <sys/mman.h>

#include "core/core.h"

enum {
  SHARE_FROM = 1 << 20,   /* multiply-adds worth sharing */
  SLICE = 256,            /* rows or columns of C aimed at per slice */
  MAX_SLICES = 16
};

static const size_t BLAS_BUFFER = (size_t)128 << 20;

/* One product of either type; the sizes are of the whole. */
typedef struct Product {
  int f64, ta, tb, m, n, k, lda, ldb, ldc;
  const void *a, *b;
  void *c;
  double beta;
  int by_rows, slices;
  int alone;              /* the caller is a worker: not to be shared */
} Product;


/*
** OpenBLAS 0.3.21 spins forever when it cannot map its buffer (its issue
** 5289), so see first whether that much can be had.
*/
int rnli_blas_ready (rnl_Context *ctx) {
  if (ctx->blas_ready) return RNL_OK;
  size_t bytes = BLAS_BUFFER * (size_t)rnl_threads(ctx);
  void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return rnli_nomem(ctx, "BLAS", bytes);
  munmap(p, bytes);
  openblas_set_num_threads(1);
  ctx->blas_ready = 1;
  return RNL_OK;
}


void rnl_blas (char *text, size_t size) {
  snprintf(text, size, "%s, %s", openblas_get_config(),
           openblas_get_corename());
}


static const void *at (const Product *p, const void *x, size_t i) {
  return (const char *)x + i * (p->f64 ? sizeof(double) : sizeof(float));
}


/* Rows [r0,r1) and columns [c0,c1) of C. */
static void part (const Product *p, int r0, int r1, int c0, int c1) {
  size_t lda = (size_t)p->lda, ldb = (size_t)p->ldb, ldc = (size_t)p->ldc;
  const void *a = at(p, p->a, p->ta ? (size_t)r0 : (size_t)r0 * lda);
  const void *b = at(p, p->b, p->tb ? (size_t)c0 * ldb : (size_t)c0);
  void *c = (void *)(uintptr_t)at(p, p->c, (size_t)r0 * ldc + (size_t)c0);
  CBLAS_TRANSPOSE ta = p->ta ? CblasTrans : CblasNoTrans;
  CBLAS_TRANSPOSE tb = p->tb ? CblasTrans : CblasNoTrans;
  if (p->f64)
    cblas_dgemm(CblasRowMajor, ta, tb, r1 - r0, c1 - c0, p->k, 1.0, a,
                p->lda, b, p->ldb, p->beta, c, p->ldc);
  else
    cblas_sgemm(CblasRowMajor, ta, tb, r1 - r0, c1 - c0, p->k, 1.0f, a,
                p->lda, b, p->ldb, (float)p->beta, c, p->ldc);
}


static void slice (void *arg, int i) {
  const Product *p = arg;
  int extent = p->by_rows ? p->m : p->n;
  int step = (extent / p->slices + 15) / 16 * 16;
  int from = i * step;
  int to = i == p->slices - 1 ? extent : from + step;
  if (to > extent) to = extent;
  if (from >= to) return;
  if (p->by_rows) part(p, from, to, 0, p->n);
  else part(p, 0, p->m, from, to);
}


/* C = beta*C, for a product over nothing; beta 0 clears even NaN. */
static void scale (const Product *p) {
  for (int i = 0; i < p->m; i++)
    for (int j = 0; j < p->n; j++) {
      size_t k = (size_t)i * (size_t)p->ldc + (size_t)j;
      if (p->f64) {
        double *x = (double *)p->c + k;
        *x = p->beta == 0 ? 0 : *x * p->beta;
      } else {
        float *x = (float *)p->c + k;
        *x = p->beta == 0 ? 0 : *x * (float)p->beta;
      }
    }
}


static void run (rnl_Context *ctx, Product *p) {
  if (p->m == 0 || p->n == 0) return;
  if (p->k == 0) {
    scale(p);
    return;
  }
  double work = (double)p->m * p->n * p->k;
  p->by_rows = p->m >= p->n;
  int extent = p->by_rows ? p->m : p->n;
  p->slices = 1;
  if (!p->alone && work >= SHARE_FROM && extent >= 32) {
    p->slices = extent / SLICE;
    if (p->slices < 2) p->slices = 2;
    if (p->slices > MAX_SLICES) p->slices = MAX_SLICES;
  }
  rnli_parallel(ctx, p->slices, slice, p);
}


void rnli_gemm_f32 (rnl_Context *ctx, int ta, int tb, int m, int n, int k,
                    const float *a, int lda, const float *b, int ldb,
                    float beta, float *c, int ldc) {
  Product p = {0, ta, tb, m, n, k, lda, ldb, ldc, a, b, c, (double)beta,
               0, 0, ctx == NULL};
  run(ctx, &p);
}


void rnli_gemm_f64 (rnl_Context *ctx, int ta, int tb, int m, int n, int k,
                    const double *a, int lda, const double *b, int ldb,
                    double beta, double *c, int ldc) {
  Product p = {1, ta, tb, m, n, k, lda, ldb, ldc, a, b, c, beta, 0, 0,
               ctx == NULL};
  run(ctx, &p);
}
