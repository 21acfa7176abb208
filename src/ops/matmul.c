/*
** matmul.c - products of matrices: matmul, linear.
**   matmul: y = a b, for each matrix of a batch   linear: y = x w' + b
** A batch of a against one matrix b is one product over all rows of a.
*/
#include "ops/linear.h"
#include "ops/over.h"

/* {== matmul ============================================================= */

enum { A, B };

/* Extents of one call: 'batch' products (M,K) x (K,N). */
typedef struct Sizes {
  int batch, m, n, k;
} Sizes;

/* Product of the leading axes, all but the last two. */
static int batch_of (const rnl_Tensor *t) {
  int n = 1;
  for (int i = 0; i < t->ndim - 2; i++) n *= t->dim[i];
  return n;
}


static Sizes matmul_sizes (const rnl_Call *c) {
  const rnl_Tensor *a = c->in[A], *b = c->in[B];
  Sizes s = {batch_of(a), a->dim[a->ndim - 2], b->dim[b->ndim - 1],
             a->dim[a->ndim - 1]};
  if (b->ndim == 2) {
    s.m *= s.batch;
    s.batch = 1;
  }
  return s;
}


static int matmul_check (rnl_Call *c) {
  const rnl_Tensor *a = c->in[A], *b = c->in[B];
  int dim[RNL_MAX_DIMS];
  int fits = a->ndim >= 2 && b->ndim >= 2 &&
             a->dim[a->ndim - 1] == b->dim[b->ndim - 2] &&
             (b->ndim == 2 || b->ndim == a->ndim);
  for (int i = 0; fits && b->ndim > 2 && i < a->ndim - 2; i++)
    fits = a->dim[i] == b->dim[i];
  if (!fits)
    return rnli_fail(c, RNL_ESHAPE, "shapes must be (..., M, K) and (K, N) or "
                     "(..., K, N), got %s and %s", rnli_shape(a).text,
                     rnli_shape(b).text);
  memcpy(dim, a->dim, sizeof dim);
  dim[a->ndim - 1] = b->dim[b->ndim - 1];
  rnli_out(c, 0, RNLI_DTYPE, a->ndim, dim);
  return rnli_blas_ready(c->ctx);
}


static void matmul_forward (rnl_Call *c) {
  Sizes s = matmul_sizes(c);
  const real *a = c->in[A]->data, *b = c->in[B]->data;
  real *y = c->out[0]->data;
  size_t na = (size_t)s.m * (size_t)s.k, nb = (size_t)s.k * (size_t)s.n;
  size_t ny = (size_t)s.m * (size_t)s.n;
  for (size_t i = 0; i < (size_t)s.batch; i++)
    rnli_gemm(c->ctx, 0, 0, s.m, s.n, s.k, a + i * na, s.k, b + i * nb, s.n,
              0, y + i * ny, s.n);
}


/* da = dy b'   db = a' dy */
static void matmul_backward (rnl_Call *c) {
  Sizes s = matmul_sizes(c);
  const real *a = c->in[A]->data, *b = c->in[B]->data;
  const real *dy = rnli_dout(c, 0);
  real *da = rnli_din(c, A), *db = rnli_din(c, B);
  size_t na = (size_t)s.m * (size_t)s.k, nb = (size_t)s.k * (size_t)s.n;
  size_t ny = (size_t)s.m * (size_t)s.n;
  for (size_t i = 0; i < (size_t)s.batch; i++) {
    if (da)
      rnli_gemm(c->ctx, 0, 1, s.m, s.k, s.n, dy + i * ny, s.n, b + i * nb,
                s.n, 1, da + i * na, s.k);
    if (db)
      rnli_gemm(c->ctx, 1, 0, s.k, s.n, s.m, a + i * na, s.k, dy + i * ny,
                s.n, 1, db + i * nb, s.n);
  }
}


RNLI_OP(matmul) = {
  .name = "matmul",
  .in = {{"a", RNL_IN_REAL}, {"b", RNL_IN_REAL}},
  .out = {"y"},
  .check = matmul_check,
  .forward = matmul_forward,
  .backward = matmul_backward,
  .doc = "Matrix product: (...,M,K) by (K,N), or by (...,K,N) with the same "
         "leading axes, gives (...,M,N).",
};

/* }====================================================================== */

/* {== linear ============================================================= */

enum { X, W, BIAS };

/* Rows of x when all axes but the last are one. */
static int rows_of (const rnl_Tensor *x) {
  int n = 1;
  for (int i = 0; i < x->ndim - 1; i++) n *= x->dim[i];
  return n;
}


static int linear_check (rnl_Call *c) {
  const rnl_Tensor *x = c->in[X], *w = c->in[W];
  int dim[RNL_MAX_DIMS];
  if (w->ndim != 2)
    return rnli_fail(c, RNL_ESHAPE, "'w' must be (out, in), got %s",
                     rnli_shape(w).text);
  if (x->ndim < 1 || x->dim[x->ndim - 1] != w->dim[1])
    return rnli_fail(c, RNL_ESHAPE, "'x' must be (..., %d), got %s",
                     w->dim[1], rnli_shape(x).text);
  if (rnli_data(c, BIAS)) {
    int status = rnli_expect(c, BIAS, 1, &w->dim[0]);
    if (status != RNL_OK) return status;
  }
  memcpy(dim, x->dim, sizeof dim);
  dim[x->ndim - 1] = w->dim[0];
  rnli_out(c, 0, RNLI_DTYPE, x->ndim, dim);
  return rnli_blas_ready(c->ctx);
}


static void bias_part (rnl_Call *c, size_t m, size_t to) {
  const real *bias = rnli_data(c, BIAS);
  size_t O = (size_t)c->in[W]->dim[0];
  real *y = c->out[0]->data;
  for (; m < to; m++) memcpy(y + m * O, bias, O * sizeof *y);
}


static void linear_forward (rnl_Call *c) {
  const rnl_Tensor *x = c->in[X], *w = c->in[W];
  int M = rows_of(x), D = w->dim[1], O = w->dim[0];
  const real *bias = rnli_data(c, BIAS);
  real *y = c->out[0]->data;
  if (bias) rnli_over(c, (size_t)M, (size_t)O, bias_part);
  rnli_gemm(c->ctx, 0, 1, M, O, D, x->data, D, w->data, D, bias ? 1 : 0, y,
            O);
}


enum { BIAS_COLUMNS = 512 };   /* summed by one worker */

typedef struct Bias {
  const rnli_Linear *l;
  const real *dy;
} Bias;


RNLI_WIDE static void bias_columns (void *arg, int i) {
  const Bias *b = arg;
  size_t O = (size_t)b->l->O, from = (size_t)i * BIAS_COLUMNS;
  size_t to = O - from < BIAS_COLUMNS ? O : from + BIAS_COLUMNS;
  real *restrict db = b->l->db;
  for (size_t m = 0; m < b->l->rows; m++) {
    const real *restrict dy = b->dy + m * O;
    for (size_t o = from; o < to; o++) db[o] += dy[o];
  }
}


void rnli_linear_grads (rnl_Context *ctx, const rnli_Linear *l,
                        const real *dy) {
  int M = (int)l->rows, D = l->D, O = l->O;
  Bias bias = {l, dy};
  if (l->dx) rnli_gemm(ctx, 0, 0, M, D, O, dy, O, l->w, D, 1, l->dx, D);
  if (l->dw) rnli_gemm(ctx, 1, 0, O, D, M, dy, O, l->x, D, 1, l->dw, D);
  if (l->db)
    rnli_parallel(ctx, (O + BIAS_COLUMNS - 1) / BIAS_COLUMNS, bias_columns,
                  &bias);
}


static void linear_backward (rnl_Call *c) {
  const rnl_Tensor *x = c->in[X], *w = c->in[W];
  rnli_Linear l = {.rows = (size_t)rows_of(x), .D = w->dim[1],
                   .O = w->dim[0], .x = x->data, .w = w->data,
                   .dx = rnli_din(c, X), .dw = rnli_din(c, W),
                   .db = rnli_din(c, BIAS)};
  rnli_linear_grads(c->ctx, &l, rnli_dout(c, 0));
}


RNLI_OP(linear) = {
  .name = "linear",
  .in = {{"x", RNL_IN_REAL}, {"w", RNL_IN_REAL}, {"b", RNL_IN_OPT}},
  .out = {"y"},
  .check = linear_check,
  .forward = linear_forward,
  .backward = linear_backward,
  .doc = "Affine map y = x w' + b: x (...,D), w (O,D), b (O) give (...,O).",
};

/* }====================================================================== */
