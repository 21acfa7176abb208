/*
** conv1d.c - convolution over steps.
**   y[t] = b + sum_j W_j x[t stride + j dilation - left],  x = 0 outside
** A tap j meets steps that lie side by side when the stride is 1, so it is one
** product over all of them; else it is one product for each t. W (O,C,J) is
** first laid out as J matrices.
** Keeps nothing.
*/
#include "ops/linear.h"
#include "ops/over.h"

enum { X, W, BIAS };
enum { STRIDE, PADDING, DILATION, CAUSAL };

/* Sizes of one call. */
typedef struct Sizes {
  int T, N, C, O, J;
  int stride, dilation, left;
  int steps;              /* of y */
} Sizes;


/* steps <= 0: x is too short; all in 64 bits, as options may be large. */
static Sizes sizes_of (const rnl_Call *c) {
  const rnl_Tensor *x = c->in[X], *w = c->in[W];
  Sizes s = {.T = x->dim[0], .N = x->dim[1], .C = x->dim[2], .O = w->dim[0],
             .J = w->dim[2], .stride = (int)c->attr[STRIDE].x,
             .dilation = (int)c->attr[DILATION].x};
  int64_t span = (int64_t)(s.J - 1) * s.dilation;
  int64_t pad = (int64_t)c->attr[PADDING].x;
  int64_t left = c->attr[CAUSAL].x ? span : pad;
  int64_t room = s.T + (c->attr[CAUSAL].x ? 0 : pad) + left - span - 1;
  int64_t steps = room < 0 ? 0 : room / s.stride + 1;
  int fits = left <= INT_MAX / 2 && steps <= INT_MAX / 2;
  s.left = fits ? (int)left : 0;
  s.steps = fits ? (int)steps : 0;
  return s;
}


static int check_options (rnl_Call *c) {
  static const int least[] = {[STRIDE] = 1, [PADDING] = 0, [DILATION] = 1};
  for (int a = STRIDE; a <= DILATION; a++)
    if (!(c->attr[a].x >= least[a]))
      return rnli_fail(c, RNL_EARG, "'%s' must be at least %d, got %g",
                       c->op->attr[a].name, least[a], c->attr[a].x);
  if (c->attr[CAUSAL].x && c->attr[PADDING].x != 0)
    return rnli_fail(c, RNL_EARG, "'padding' must be 0 when causal, got %g",
                     c->attr[PADDING].x);
  return RNL_OK;
}


static int check_shapes (rnl_Call *c) {
  const rnl_Tensor *x = c->in[X], *w = c->in[W];
  if (w->ndim != 3 || w->dim[2] < 1)
    return rnli_fail(c, RNL_ESHAPE, "'w' must be (O, C, kernel), got %s",
                     rnli_shape(w).text);
  if (x->ndim != 3 || x->dim[2] != w->dim[1])
    return rnli_fail(c, RNL_ESHAPE, "'x' must be (T, N, %d), got %s",
                     w->dim[1], rnli_shape(x).text);
  return rnli_data(c, BIAS) ? rnli_expect(c, BIAS, 1, w->dim) : RNL_OK;
}


static int check (rnl_Call *c) {
  int status = check_shapes(c);
  if (status == RNL_OK) status = check_options(c);
  if (status != RNL_OK) return status;
  Sizes s = sizes_of(c);
  if (s.steps <= 0)
    return rnli_fail(c, RNL_ESHAPE, "%d steps of x are too few (or the padding "
                     "is too large) for a kernel of %d", s.T, s.J);
  size_t bytes = rnli_mul(c->in[W]->count, sizeof(real));
  rnli_out(c, 0, RNLI_DTYPE, 3, (int[]){s.steps, s.N, s.O});
  c->scratch_bytes = bytes;
  if (c->recording) c->back_bytes = rnli_mul(2, bytes);
  return rnli_blas_ready(c->ctx);
}


/* W (O,C,J) as (J,O,C); with 'back', adds the latter to the former. */
static void lay_out (const Sizes *s, real *w, real *taps, int back) {
  size_t n = (size_t)s->O * (size_t)s->C, J = (size_t)s->J;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < J; j++) {
      if (back) w[i * J + j] += taps[j * n + i];
      else taps[j * n + i] = w[i * J + j];
    }
}


/* Some steps of y that tap j meets, and those of x it meets them with. */
typedef struct Meet {
  int j;
  size_t y, x;            /* first elements */
  int rows;
} Meet;

typedef void Work (rnl_Call *c, const Sizes *s, const Meet *m);


/* work(...) for all steps of y from t on, but before 'to', that tap j meets. */
static void meet (rnl_Call *c, const Sizes *s, int j, int t, int to,
                  Work *work) {
  int64_t at = (int64_t)t * s->stride + (int64_t)j * s->dilation - s->left;
  Meet m = {j, (size_t)t * (size_t)s->N * (size_t)s->O,
            (size_t)at * (size_t)s->N * (size_t)s->C, (to - t) * s->N};
  if (t < to) work(c, s, &m);
}


static void each_tap (rnl_Call *c, const Sizes *s, Work *work) {
  for (int j = 0; j < s->J; j++) {
    int64_t shift = (int64_t)s->left - (int64_t)j * s->dilation;
    int64_t last = s->T - 1 + shift;
    int64_t from = shift > 0 ? (shift + s->stride - 1) / s->stride : 0;
    int64_t to = last < 0 ? 0 : last / s->stride + 1;
    if (to > s->steps) to = s->steps;
    if (from >= to) continue;
    if (s->stride == 1) meet(c, s, j, (int)from, (int)to, work);
    else
      for (; from < to; from++)
        meet(c, s, j, (int)from, (int)from + 1, work);
  }
}


static size_t tap (const Sizes *s, int j) {
  return (size_t)j * (size_t)s->O * (size_t)s->C;
}


static void start_part (rnl_Call *c, size_t row, size_t to) {
  const real *bias = rnli_data(c, BIAS);
  size_t O = (size_t)c->in[W]->dim[0];
  real *y = c->out[0]->data;
  for (; row < to; row++) {
    if (bias) memcpy(y + row * O, bias, O * sizeof *y);
    else memset(y + row * O, 0, O * sizeof *y);
  }
}


static void add_products (rnl_Call *c, const Sizes *s, const Meet *m) {
  rnli_gemm(c->ctx, 0, 1, m->rows, s->O, s->C,
            (const real *)rnli_data(c, X) + m->x, s->C,
            (const real *)c->scratch + tap(s, m->j), s->C, 1,
            (real *)c->out[0]->data + m->y, s->O);
}


static void conv1d_forward (rnl_Call *c) {
  Sizes s = sizes_of(c);
  size_t rows = (size_t)s.steps * (size_t)s.N;
  if (s.O > 0) rnli_over(c, rows, (size_t)s.O, start_part);
  if (c->in[W]->count == 0) return;
  lay_out(&s, c->in[W]->data, c->scratch, 0);
  each_tap(c, &s, add_products);
}


static void add_gradients (rnl_Call *c, const Sizes *s, const Meet *m) {
  real *taps = c->scratch, *dtaps = taps + tap(s, s->J);
  real *dx = rnli_din(c, X);
  rnli_Linear l = {.rows = (size_t)m->rows, .D = s->C, .O = s->O,
                   .x = (const real *)rnli_data(c, X) + m->x,
                   .w = taps + tap(s, m->j),
                   .dx = dx ? dx + m->x : NULL,
                   .dw = rnli_din(c, W) ? dtaps + tap(s, m->j) : NULL};
  rnli_linear_grads(c->ctx, &l, (const real *)rnli_dout(c, 0) + m->y);
}


static void conv1d_backward (rnl_Call *c) {
  Sizes s = sizes_of(c);
  size_t n = c->in[W]->count;
  real *taps = c->scratch, *dw = rnli_din(c, W);
  rnli_Linear bias = {.rows = (size_t)s.steps * (size_t)s.N, .D = s.C,
                      .O = s.O, .db = rnli_din(c, BIAS)};
  rnli_linear_grads(c->ctx, &bias, rnli_dout(c, 0));
  if (n == 0) return;
  lay_out(&s, c->in[W]->data, taps, 0);
  memset(taps + n, 0, n * sizeof *taps);
  each_tap(c, &s, add_gradients);
  if (dw) lay_out(&s, dw, taps + n, 1);
}


RNLI_OP(conv1d) = {
  .name = "conv1d",
  .in = {{"x", RNL_IN_REAL}, {"w", RNL_IN_REAL}, {"b", RNL_IN_OPT}},
  .out = {"y"},
  .attr = {[STRIDE] = {"stride", RNL_AT_INT, 1, NULL},
           [PADDING] = {"padding", RNL_AT_INT, 0, NULL},
           [DILATION] = {"dilation", RNL_AT_INT, 1, NULL},
           [CAUSAL] = {"causal", RNL_AT_BOOL, 0, NULL}},
  .check = check, .forward = conv1d_forward, .backward = conv1d_backward,
  .doc = "Convolution over steps, with 'padding' zeros before and after x, or "
         "if 'causal' as many before as let y[t] see no later step; x (T,N,C), "
         "w (O,C,kernel), b (O) -> y (T',N,O).",
};
