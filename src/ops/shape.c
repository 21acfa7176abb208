/*
** shape.c - the same numbers in another shape or order: transpose, reshape,
** slice, select. Any dtype. Where the order in memory stays, the output is a
** view and forward does nothing; dx += dy at the places the numbers came from.
*/
#include <limits.h>

#include "core/real.h"
#include "ops/axis.h"

static size_t size_of (const rnl_Tensor *t) {
  return rnl_dtype_size((rnl_Dtype)t->dtype);
}

/* {== transpose ========================================================== */

enum { AXIS1, AXIS2 };
enum { TILE = 16 };

/* x (outer, n, between, m, inner) -> y (outer, m, between, n, inner) */
typedef struct Swap {
  int axis[2];
  size_t outer, n, between, m, inner;
} Swap;

/* What to do with one block of x and its place in y. */
typedef void Move (void *y, const void *x, size_t bytes);


static int swap_axes (rnl_Call *c, Swap *s) {
  const rnl_Tensor *x = c->in[0];
  int p, q;
  int status = rnli_axis(c, AXIS1, x->ndim, &p);
  if (status == RNL_OK) status = rnli_axis(c, AXIS2, x->ndim, &q);
  if (status != RNL_OK) return status;
  rnli_Axis first = rnli_around(x, p < q ? p : q);
  rnli_Axis last = rnli_around(x, p < q ? q : p);
  *s = (Swap){{p, q}, first.outer, first.n, 1, 1, first.inner};
  if (p == q) return RNL_OK;
  s->between = rnli_product(last.at - first.at - 1, x->dim + first.at + 1);
  s->m = last.n;
  s->inner = last.inner;
  return RNL_OK;
}


static int transpose_check (rnl_Call *c) {
  const rnl_Tensor *x = c->in[0];
  Swap s;
  int dim[RNL_MAX_DIMS];
  int status = swap_axes(c, &s);
  if (status != RNL_OK) return status;
  memcpy(dim, x->dim, sizeof dim);
  dim[s.axis[0]] = x->dim[s.axis[1]];
  dim[s.axis[1]] = x->dim[s.axis[0]];
  if (s.between == 1 && (s.n == 1 || s.m == 1))
    rnli_out_view(c, 0, 0, 0, x->ndim, dim);
  else
    rnli_out(c, 0, (rnl_Dtype)x->dtype, x->ndim, dim);
  return RNL_OK;
}


/* Offsets of block (o, i, b, j) in x and y, in blocks. */
static size_t place_x (const Swap *s, size_t o, size_t i, size_t b,
                       size_t j) {
  return ((o * s->n + i) * s->between + b) * s->m + j;
}


static size_t place_y (const Swap *s, size_t o, size_t i, size_t b,
                       size_t j) {
  return ((o * s->m + j) * s->between + b) * s->n + i;
}


/* Moves the tile of blocks whose corner is (o, i0, b, j0). */
RNLI_INLINE void move_tile (const Swap *s, size_t o, size_t i0, size_t b,
                            size_t j0, char *y, const char *x, size_t bytes,
                            Move f) {
  size_t i1 = s->n - i0 < TILE ? s->n : i0 + TILE;
  size_t j1 = s->m - j0 < TILE ? s->m : j0 + TILE;
  for (size_t j = j0; j < j1; j++)
    for (size_t i = i0; i < i1; i++)
      f(y + place_y(s, o, i, b, j) * bytes,
        x + place_x(s, o, i, b, j) * bytes, bytes);
}


RNLI_INLINE void move_all (const Swap *s, void *y, const void *x,
                           size_t bytes, Move f) {
  if (bytes == 0) return;
  for (size_t o = 0; o < s->outer; o++)
    for (size_t b = 0; b < s->between; b++)
      for (size_t i = 0; i < s->n; i += TILE)
        for (size_t j = 0; j < s->m; j += TILE)
          move_tile(s, o, i, b, j, y, x, bytes, f);
}


RNLI_INLINE void copy_block (void *y, const void *x, size_t bytes) {
  memcpy(y, x, bytes);
}


RNLI_INLINE void add_block (void *dx, const void *dy, size_t bytes) {
  real *to = dx;
  const real *from = dy;
  for (size_t i = 0; i < bytes / sizeof(real); i++) to[i] += from[i];
}


static void transpose_forward (rnl_Call *c) {
  const void *x = rnli_data(c, 0);
  void *y = c->out[0]->data;
  Swap s;
  if (c->shape[0].view >= 0 || swap_axes(c, &s) != RNL_OK) return;
  size_t bytes = s.inner * size_of(c->in[0]);
  if (bytes == 4) move_all(&s, y, x, 4, copy_block);
  else if (bytes == 8) move_all(&s, y, x, 8, copy_block);
  else move_all(&s, y, x, bytes, copy_block);
}


/* The gradient goes the way back: n and m trade places. */
static void transpose_backward (rnl_Call *c) {
  const void *dy = rnli_dout(c, 0);
  void *dx = rnli_din(c, 0);
  Swap s;
  if (swap_axes(c, &s) != RNL_OK) return;
  Swap back = {{0, 0}, s.outer, s.m, s.between, s.n, s.inner};
  if (s.inner == 1) move_all(&back, dx, dy, sizeof(real), add_block);
  else move_all(&back, dx, dy, s.inner * sizeof(real), add_block);
}


RNLI_OP(transpose) = {
  .name = "transpose",
  .in = {{"x", RNL_IN_ANY}},
  .out = {"y"},
  .attr = {[AXIS1] = {"axis1", RNL_AT_AXIS, -2, NULL},
           [AXIS2] = {"axis2", RNL_AT_AXIS, -1, NULL}},
  .check = transpose_check,
  .forward = transpose_forward, .backward = transpose_backward,
  .doc = "Swaps two axes, the last two unless told; "
         "x (A, n, B, m, C) -> y (A, m, B, n, C).",
};

/* }====================================================================== */

/* {== reshape ============================================================ */

enum { SHAPE };

static int bad_shape (rnl_Call *c) {
  const rnli_Value *v = &c->attr[SHAPE];
  return rnli_fail(c, RNL_ESHAPE, "%s does not fit into the shape %s",
                   rnli_shape(c->in[0]).text, rnli_dims(v->n, v->list).text);
}


/* Replaces the one -1 in 'dim', if there is one, by what makes it fit. */
static int infer (rnl_Call *c, int n, int *dim) {
  int at = -1;
  for (int d = 0; d < n; d++) {
    if (dim[d] >= 0) continue;
    if (dim[d] < -1 || at >= 0) return bad_shape(c);
    at = d;
  }
  if (at < 0) return RNL_OK;
  dim[at] = 1;
  size_t rest = rnli_product(n, dim);
  size_t count = c->in[0]->count;
  if (rest == 0 || count % rest != 0 || count / rest > INT_MAX)
    return bad_shape(c);
  dim[at] = (int)(count / rest);
  return RNL_OK;
}


static int reshape_check (rnl_Call *c) {
  const rnli_Value *v = &c->attr[SHAPE];
  int dim[RNL_MAX_DIMS];
  int status = rnli_need(c, SHAPE);
  if (status != RNL_OK) return status;
  if (v->n > RNL_MAX_DIMS)
    return rnli_fail(c, RNL_ESHAPE, "a tensor has 0 to %d axes, got %d",
                     RNL_MAX_DIMS, v->n);
  for (int d = 0; d < v->n; d++) dim[d] = v->list[d];
  status = infer(c, v->n, dim);
  if (status != RNL_OK) return status;
  if (rnli_product(v->n, dim) != c->in[0]->count) return bad_shape(c);
  rnli_out_view(c, 0, 0, 0, v->n, dim);
  return RNL_OK;
}


static void reshape_forward (rnl_Call *c) {
  (void)c;   /* a view */
}


static void reshape_backward (rnl_Call *c) {
  add_block(rnli_din(c, 0), rnli_dout(c, 0),
            c->out[0]->count * sizeof(real));
}


RNLI_OP(reshape) = {
  .name = "reshape",
  .in = {{"x", RNL_IN_ANY}},
  .out = {"y"},
  .attr = {[SHAPE] = {"shape", RNL_AT_INTS, RNL_NONE, NULL}},
  .check = reshape_check,
  .forward = reshape_forward, .backward = reshape_backward,
  .doc = "Shows the same elements in another shape, where one extent may be "
         "-1, meaning whatever fits; x (...) -> y 'shape'.",
};

/* }====================================================================== */

/* {== slice and select =================================================== */

enum { AXIS, FROM, TO };
enum { INDEX = FROM };

/* Elements [from, from + n) along an axis. */
typedef struct Span {
  rnli_Axis axis;
  size_t from, n;
} Span;


/* Declares the span as output 0: a view if it lies in one piece. */
static void out_span (rnl_Call *c, const Span *s, int ndim, const int *dim) {
  if (s->axis.outer == 1)
    rnli_out_view(c, 0, 0, s->from * s->axis.inner, ndim, dim);
  else
    rnli_out(c, 0, (rnl_Dtype)c->in[0]->dtype, ndim, dim);
}


static void copy_span (rnl_Call *c, const Span *s) {
  size_t size = size_of(c->in[0]) * s->axis.inner;
  const char *x = rnli_data(c, 0);
  char *y = c->out[0]->data;
  if (c->shape[0].view >= 0 || s->n * size == 0) return;
  for (size_t o = 0; o < s->axis.outer; o++)
    memcpy(y + o * s->n * size, x + (o * s->axis.n + s->from) * size,
           s->n * size);
}


static void add_span (rnl_Call *c, const Span *s) {
  size_t inner = s->axis.inner;
  const real *dy = rnli_dout(c, 0);
  real *dx = rnli_din(c, 0);
  for (size_t o = 0; o < s->axis.outer; o++)
    add_block(dx + (o * s->axis.n + s->from) * inner, dy + o * s->n * inner,
              s->n * inner * sizeof(real));
}


/*
** Option 'a' as a position in [lo, lo + extent], 'absent' if it was not given:
** negative numbers count from the end, and the smallest that a host can give
** means "before the first".
*/
static int end_of (rnl_Call *c, int a, int extent, int lo, int absent,
                   int *at) {
  double x = c->attr[a].x;
  if (!rnli_given(c, a)) x = absent;
  else if (x == -INT_MAX) x = -1;
  else if (x < 0) x += extent;
  *at = (int)x;
  if (x >= lo && x <= lo + extent) return RNL_OK;
  return rnli_index(c, a, extent, at);
}


static int slice_span (rnl_Call *c, Span *s) {
  int from = 0;
  int to = 0;
  int status = rnli_need(c, AXIS);
  if (status == RNL_OK) status = rnli_axis(c, AXIS, c->in[0]->ndim, &from);
  if (status != RNL_OK) return status;
  s->axis = rnli_around(c->in[0], from);
  int extent = c->in[0]->dim[from];
  status = end_of(c, FROM, extent, 0, 0, &from);
  if (status == RNL_OK) status = end_of(c, TO, extent, -1, extent - 1, &to);
  if (status != RNL_OK) return status;
  int base = c->ctx->base;
  if (to < from - 1)
    return rnli_fail(c, RNL_EARG, "'to' is %d, more than one before 'from', "
                     "which is %d", to + base, from + base);
  s->from = (size_t)from;
  s->n = (size_t)(to + 1 - from);
  return RNL_OK;
}


static int slice_check (rnl_Call *c) {
  Span s = {0};
  int dim[RNL_MAX_DIMS];
  int status = slice_span(c, &s);
  if (status != RNL_OK) return status;
  memcpy(dim, c->in[0]->dim, sizeof dim);
  dim[s.axis.at] = (int)s.n;
  out_span(c, &s, c->in[0]->ndim, dim);
  return RNL_OK;
}


static void slice_forward (rnl_Call *c) {
  Span s;
  if (slice_span(c, &s) == RNL_OK) copy_span(c, &s);
}


static void slice_backward (rnl_Call *c) {
  Span s;
  if (slice_span(c, &s) == RNL_OK) add_span(c, &s);
}


static int select_span (rnl_Call *c, Span *s) {
  int at = 0;
  int status = rnli_need(c, AXIS);
  if (status == RNL_OK) status = rnli_need(c, INDEX);
  if (status == RNL_OK) status = rnli_axis(c, AXIS, c->in[0]->ndim, &at);
  if (status != RNL_OK) return status;
  s->axis = rnli_around(c->in[0], at);
  s->n = 1;
  status = rnli_index(c, INDEX, c->in[0]->dim[at], &at);
  s->from = (size_t)at;
  return status;
}


static int select_check (rnl_Call *c) {
  const rnl_Tensor *x = c->in[0];
  Span s = {0};
  int dim[RNL_MAX_DIMS];
  int status = select_span(c, &s);
  if (status != RNL_OK) return status;
  for (int d = 0; d < x->ndim - 1; d++)
    dim[d] = x->dim[d < s.axis.at ? d : d + 1];
  out_span(c, &s, x->ndim - 1, dim);
  return RNL_OK;
}


static void select_forward (rnl_Call *c) {
  Span s;
  if (select_span(c, &s) == RNL_OK) copy_span(c, &s);
}


static void select_backward (rnl_Call *c) {
  Span s;
  if (select_span(c, &s) == RNL_OK) add_span(c, &s);
}


RNLI_OP(slice) = {
  .name = "slice",
  .in = {{"x", RNL_IN_ANY}},
  .out = {"y"},
  .attr = {[AXIS] = {"axis", RNL_AT_AXIS, RNL_NONE, NULL},
           [FROM] = {"from", RNL_AT_INDEX, RNL_NONE, NULL},
           [TO] = {"to", RNL_AT_INDEX, RNL_NONE, NULL}},
  .check = slice_check,
  .forward = slice_forward, .backward = slice_backward,
  .doc = "Takes elements 'from' to 'to' along 'axis', both included, from the "
         "first to the last unless told, none if 'to' is just before 'from'; "
         "x (A, n, B) -> y (A, to - from + 1, B).",
};

RNLI_OP(select) = {
  .name = "select",
  .in = {{"x", RNL_IN_ANY}},
  .out = {"y"},
  .attr = {[AXIS] = {"axis", RNL_AT_AXIS, RNL_NONE, NULL},
           [INDEX] = {"index", RNL_AT_INDEX, RNL_NONE, NULL}},
  .check = select_check,
  .forward = select_forward, .backward = select_backward,
  .doc = "Takes element 'index' along 'axis' and drops the axis; "
         "x (A, n, B) -> y (A, B).",
};

/* }====================================================================== */
