/*
** batch_norm.c - columns with mean 0 and variance 1 (Ioffe and Szegedy 2015).
**   u = (x - m) r,  m = mean x,  v = mean (x - m)^2,  r = 1 / sqrt(v + eps)
**   y = u w + b
**   dx += w r (dy - mean dy - u mean(dy u)) + mean dm + 2 (x - m) mean dv
**   dw += sum dy u   db += sum dy
** Means and sums are over the rows of x that count; with x (T,N,F) and lengths
** those are t < lengths[n], and y is 0 elsewhere. Each worker takes some
** columns, and adds up their rows in order.
** Keeps nothing: m and v are outputs.
*/
#include "core/real.h"
#include "ops/lengths.h"

enum { X, W, BIAS };
enum { Y, MEAN, VAR };
enum { LENGTHS, EPS };
enum { COLUMNS = 64 };   /* of one worker */

/* Some columns of one call. */
typedef struct Block {
  const rnl_Call *c;
  size_t rows, F;
  size_t from, n;         /* columns */
  double count;           /* rows that count */
} Block;


static size_t width (const rnl_Call *c) {
  const rnl_Tensor *x = c->in[X];
  return (size_t)x->dim[x->ndim - 1];
}


static int check (rnl_Call *c) {
  const rnl_Tensor *x = c->in[X];
  double eps = c->attr[EPS].x;
  int status = RNL_OK;
  if (x->ndim < 1)
    return rnli_fail(c, RNL_ESHAPE, "'x' must be (..., F), got ()");
  if (!(eps >= 0))
    return rnli_fail(c, RNL_EARG, "'eps' must be at least 0, got %g", eps);
  if (rnli_given(c, LENGTHS)) {
    if (x->ndim != 3)
      return rnli_fail(c, RNL_ESHAPE, "'x' must be (T, N, F) to have lengths, "
                       "got %s", rnli_shape(x).text);
    status = rnli_check_lengths(c, LENGTHS, x->dim[1], x->dim[0]);
  }
  const int *F = &x->dim[x->ndim - 1];
  for (int i = W; status == RNL_OK && i <= BIAS; i++)
    if (rnli_data(c, i)) status = rnli_expect(c, i, 1, F);
  rnli_out_like(c, Y, X);
  rnli_out(c, MEAN, RNLI_DTYPE, 1, F);
  rnli_out(c, VAR, RNLI_DTYPE, 1, F);
  return status;
}


/* Does row r, which is step r / N of row r % N, count? */
static int counts (const rnl_Call *c, size_t r) {
  if (!rnli_given(c, LENGTHS)) return 1;
  size_t N = (size_t)c->in[X]->dim[1];
  return r / N < (size_t)c->attr[LENGTHS].list[r % N];
}


static Block block_of (const rnl_Call *c, int part) {
  const rnl_Tensor *x = c->in[X];
  Block b = {c, rnli_product(x->ndim - 1, x->dim), width(c),
             (size_t)part * COLUMNS, COLUMNS, 0};
  if (b.F - b.from < COLUMNS) b.n = b.F - b.from;
  b.count = (double)b.rows;
  if (rnli_given(c, LENGTHS)) {
    b.count = 0;
    for (int n = 0; n < x->dim[1]; n++) b.count += c->attr[LENGTHS].list[n];
  }
  return b;
}


static const real *row_of (const Block *b, const void *data, size_t r) {
  return (const real *)data + r * b->F + b->from;
}


/* sum[k] = mean over the rows of (x - m)^p, p 1 or 2. */
RNLI_INLINE void moment (const Block *b, const real *m, int p, real *out) {
  double sum[COLUMNS] = {0};
  for (size_t r = 0; r < b->rows; r++) {
    if (!counts(b->c, r)) continue;
    const real *x = row_of(b, b->c->in[X]->data, r);
    for (size_t k = 0; k < b->n; k++) {
      real d = x[k] - (m ? m[k] : 0);
      sum[k] += (double)(p == 2 ? d * d : d);
    }
  }
  for (size_t k = 0; k < b->n; k++)
    out[k] = b->count > 0 ? (real)(sum[k] / b->count) : 0;
}


static real scale_of (const rnl_Call *c, real var) {
  return (real)(1 / sqrt((double)var + c->attr[EPS].x));
}


RNLI_WIDE static void forward_block (void *arg, int part) {
  const rnl_Call *c = arg;
  Block b = block_of(c, part);
  real *m = (real *)c->out[MEAN]->data + b.from;
  real *v = (real *)c->out[VAR]->data + b.from;
  const real *w = rnli_data(c, W), *bias = rnli_data(c, BIAS);
  real scale[COLUMNS], shift[COLUMNS];
  moment(&b, NULL, 1, m);
  moment(&b, m, 2, v);
  for (size_t k = 0; k < b.n; k++) {
    scale[k] = scale_of(c, v[k]) * (w ? w[b.from + k] : 1);
    shift[k] = bias ? bias[b.from + k] : 0;
  }
  for (size_t r = 0; r < b.rows; r++) {
    const real *x = row_of(&b, c->in[X]->data, r);
    real *y = (real *)c->out[Y]->data + r * b.F + b.from;
    int on = counts(c, r);
    for (size_t k = 0; k < b.n; k++)
      y[k] = on ? (x[k] - m[k]) * scale[k] + shift[k] : 0;
  }
}


static void run (rnl_Call *c, void (*fn) (void *, int)) {
  rnli_parallel(c->ctx, (int)((width(c) + COLUMNS - 1) / COLUMNS), fn, c);
}


static void batch_norm_forward (rnl_Call *c) {
  run(c, forward_block);
}

/* {== Backward =========================================================== */

/* Of each column: what all its rows need. */
typedef struct Sums {
  real m[COLUMNS], r[COLUMNS];
  double dy[COLUMNS], dyu[COLUMNS];
} Sums;


RNLI_INLINE void add_up (const Block *b, Sums *s) {
  const void *dy0 = rnli_dout(b->c, Y);
  const real *m = (const real *)b->c->out[MEAN]->data + b->from;
  const real *v = (const real *)b->c->out[VAR]->data + b->from;
  memset(s, 0, sizeof *s);
  for (size_t k = 0; k < b->n; k++) {
    s->m[k] = m[k];
    s->r[k] = scale_of(b->c, v[k]);
  }
  for (size_t r = 0; dy0 && r < b->rows; r++) {
    if (!counts(b->c, r)) continue;
    const real *x = row_of(b, b->c->in[X]->data, r);
    const real *dy = row_of(b, dy0, r);
    for (size_t k = 0; k < b->n; k++) {
      s->dy[k] += (double)dy[k];
      s->dyu[k] += (double)(dy[k] * ((x[k] - s->m[k]) * s->r[k]));
    }
  }
}


/* dx += scale dy + slope (x - m) + shift, which is the formula above. */
RNLI_INLINE void add_dx (const Block *b, const Sums *s) {
  const rnl_Call *c = b->c;
  const void *dy0 = rnli_dout(c, Y);
  const real *w = rnli_data(c, W);
  const real *dm = rnli_dout(c, MEAN), *dv = rnli_dout(c, VAR);
  real scale[COLUMNS], slope[COLUMNS], shift[COLUMNS];
  for (size_t k = 0; k < b->n; k++) {
    size_t at = b->from + k;
    scale[k] = s->r[k] * (w ? w[at] : 1);
    slope[k] = ((dv ? 2 * dv[at] : 0) -
                scale[k] * s->r[k] * (real)s->dyu[k]) / (real)b->count;
    shift[k] = ((dm ? dm[at] : 0) - scale[k] * (real)s->dy[k]) /
               (real)b->count;
  }
  for (size_t r = 0; r < b->rows; r++) {
    if (!counts(c, r)) continue;
    const real *x = row_of(b, c->in[X]->data, r);
    real *dx = (real *)rnli_din(c, X) + r * b->F + b->from;
    for (size_t k = 0; k < b->n; k++)
      dx[k] += slope[k] * (x[k] - s->m[k]) + shift[k];
    if (!dy0) continue;
    const real *dy = row_of(b, dy0, r);
    for (size_t k = 0; k < b->n; k++) dx[k] += scale[k] * dy[k];
  }
}


RNLI_WIDE static void backward_block (void *arg, int part) {
  const rnl_Call *c = arg;
  Block b = block_of(c, part);
  Sums s;
  real *dw = rnli_din(c, W), *db = rnli_din(c, BIAS);
  add_up(&b, &s);
  if (rnli_din(c, X)) add_dx(&b, &s);
  for (size_t k = 0; k < b.n; k++) {
    if (dw) dw[b.from + k] += (real)s.dyu[k];
    if (db) db[b.from + k] += (real)s.dy[k];
  }
}


static void batch_norm_backward (rnl_Call *c) {
  run(c, backward_block);
}

/* }====================================================================== */


RNLI_OP(batch_norm) = {
  .name = "batch_norm",
  .in = {{"x", RNL_IN_REAL}, {"w", RNL_IN_OPT}, {"b", RNL_IN_OPT}},
  .out = {"y", "mean", "var"},
  .attr = {[LENGTHS] = {"lengths", RNL_AT_INTS, RNL_NONE, NULL},
           [EPS] = {"eps", RNL_AT_REAL, 1e-5, NULL}},
  .check = check,
  .forward = batch_norm_forward, .backward = batch_norm_backward,
  .doc = "Gives each column mean 0 and variance 1 over all rows that count, "
         "then multiplies by w and adds b; x (...,F), w (F), b (F) -> "
         "y (...,F), the mean (F) and the variance (F) there were.",
};
