/*
** topk.c - the k largest numbers of each row, the largest first.
**   y_j = x_id_j      dx_id_j += dy_j
** Between equals the lower id comes first; NaN counts as larger than any
** number. A row goes once through a heap of its k best, the worst of them on
** top, which most numbers do not beat.
** Keeps nothing: backward reads the ids.
*/
#include <limits.h>

#include "core/real.h"
#include "ops/axis.h"
#include "ops/over.h"

enum { Y, IDS };
enum { COUNT };
enum { BLOCK = 32 };   /* numbers compared with the worst at once */


static rnli_Axis rows_of (const rnl_Call *c) {
  return rnli_around(c->in[0], c->in[0]->ndim - 1);
}


static int check (rnl_Call *c) {
  const rnl_Tensor *x = c->in[0];
  int dim[RNL_MAX_DIMS];
  int status = rnli_need(c, COUNT);
  if (status != RNL_OK) return status;
  if (x->ndim == 0)
    return rnli_fail(c, RNL_ESHAPE, "'x' must be (..., n), got ()");
  double k = c->attr[COUNT].x;
  int n = x->dim[x->ndim - 1];
  if (!(k >= 0 && k <= n))
    return rnli_fail(c, RNL_EARG, "'k' must be from 0 to %d, the numbers of a "
                     "row; got %.0f", n, k);
  memcpy(dim, x->dim, sizeof dim);
  dim[x->ndim - 1] = (int)k;
  rnli_out(c, Y, RNLI_DTYPE, x->ndim, dim);
  rnli_out(c, IDS, RNL_I32, x->ndim, dim);
  return RNL_OK;
}

/* {== Heap =============================================================== */

static int before (const real *x, int32_t a, int32_t b) {
  int bad_a = isnan(x[a]), bad_b = isnan(x[b]);
  if (bad_a != bad_b) return bad_a;
  return x[a] > x[b] || (!(x[a] < x[b]) && a < b);
}


/* Id i of the heap goes down to where it belongs. */
static void sink (const real *x, int32_t *heap, int k, int i) {
  int32_t id = heap[i];
  for (int child; (child = 2 * i + 1) < k; i = child) {
    if (child + 1 < k && before(x, heap[child], heap[child + 1])) child++;
    if (!before(x, id, heap[child])) break;
    heap[i] = heap[child];
  }
  heap[i] = id;
}


RNLI_INLINE int all_below (const real *x, int n, real worst) {
  int above = 0;
  for (int i = 0; i < n; i++) above |= !(x[i] <= worst);   /* NaN is not */
  return !above;
}


/* The k best of n numbers, sorted. */
RNLI_INLINE void best (const real *x, int n, int k, int32_t *heap) {
  for (int32_t i = 0; i < k; i++) heap[i] = i;
  for (int i = k / 2 - 1; i >= 0; i--) sink(x, heap, k, i);
  for (int32_t i = k; i < n; i++) {
    if (n - i >= BLOCK && all_below(x + i, BLOCK, x[heap[0]])) {
      i += BLOCK - 1;
    } else if (before(x, i, heap[0])) {
      heap[0] = i;
      sink(x, heap, k, 0);
    }
  }
  for (int left = k - 1; left > 0; left--) {
    int32_t worst = heap[0];
    heap[0] = heap[left];
    heap[left] = worst;
    sink(x, heap, left, 0);
  }
}

/* }====================================================================== */

RNLI_WIDE static void forward_part (rnl_Call *c, size_t row, size_t to) {
  size_t n = rows_of(c).n, k = (size_t)c->attr[COUNT].x;
  for (; row < to; row++) {
    const real *x = (const real *)rnli_data(c, 0) + row * n;
    int32_t *ids = (int32_t *)c->out[IDS]->data + row * k;
    real *y = (real *)c->out[Y]->data + row * k;
    best(x, (int)n, (int)k, ids);
    for (size_t j = 0; j < k; j++) y[j] = x[ids[j]];
  }
}


static void topk_forward (rnl_Call *c) {
  rnli_Axis s = rows_of(c);
  if (c->attr[COUNT].x > 0) rnli_over(c, s.outer, s.n, forward_part);
}


static void topk_backward (rnl_Call *c) {
  const real *dy = rnli_dout(c, Y);
  const int32_t *id = c->out[IDS]->data;
  real *dx = rnli_din(c, 0);
  size_t n = rows_of(c).n, k = (size_t)c->attr[COUNT].x;
  for (size_t i = 0; dx && dy && i < c->out[IDS]->count; i++)
    dx[i / k * n + (size_t)id[i]] += dy[i];
}


RNLI_OP(topk) = {
  .name = "topk",
  .in = {{"x", RNL_IN_REAL}},
  .out = {"y", "ids"},
  .attr = {[COUNT] = {"k", RNL_AT_INT, RNL_NONE, NULL}},
  .check = check, .forward = topk_forward, .backward = topk_backward,
  .doc = "Takes the 'k' largest numbers of each row, the largest first and of "
         "equals the one with the lower id; x (..., n) -> y (..., k), int32 "
         "ids (..., k).",
};
