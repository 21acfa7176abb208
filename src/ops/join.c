/*
** join.c - several tensors along one axis: cat, stack. Any dtype.
** Seen around the axis, y (outer, chunks one after the other), and input k is
** (outer, chunk_k): dx_k += its chunks of dy.
*/
#include <limits.h>

#include "core/real.h"
#include "ops/axis.h"

enum { AXIS };


/* Error unless input i has the dtype and number of axes of the first. */
static int check_alike (rnl_Call *c, int i) {
  const rnl_Tensor *x = c->in[0];
  const rnl_Tensor *t = c->in[i];
  if (t->dtype != x->dtype)
    return rnli_fail(c, RNL_EDTYPE, "tensor %d must be %s like the first, got "
                     "%s", i + c->ctx->base,
                     rnl_dtype_name((rnl_Dtype)x->dtype),
                     rnl_dtype_name((rnl_Dtype)t->dtype));
  if (t->ndim == x->ndim) return RNL_OK;
  return rnli_fail(c, RNL_ESHAPE, "tensor %d must have as many axes as the "
                   "first, %s, got %s", i + c->ctx->base, rnli_shape(x).text,
                   rnli_shape(t).text);
}


/* Error unless input i has the extents of the first, 'axis' aside. */
static int check_extents (rnl_Call *c, int i, int axis) {
  const rnl_Tensor *x = c->in[0];
  const rnl_Tensor *t = c->in[i];
  int status = check_alike(c, i);
  if (status != RNL_OK) return status;
  for (int d = 0; d < x->ndim; d++) {
    if (d == axis || t->dim[d] == x->dim[d]) continue;
    return rnli_fail(c, RNL_ESHAPE, "tensor %d must be like the first, %s, "
                     "%s, got %s", i + c->ctx->base, rnli_shape(x).text,
                     axis < 0 ? "in every axis" : "but for the axis joined",
                     rnli_shape(t).text);
  }
  return RNL_OK;
}


/* Elements of input i that go into each row of y. */
static size_t chunk (const rnl_Call *c, size_t outer, int i) {
  return outer ? c->in[i]->count / outer : 0;
}


static void join (rnl_Call *c, size_t outer) {
  size_t size = rnl_dtype_size((rnl_Dtype)c->out[0]->dtype);
  size_t row = outer ? c->out[0]->count / outer * size : 0;
  char *y = c->out[0]->data;
  for (int i = 0; i < c->nin; i++) {
    const char *x = rnli_data(c, i);
    size_t n = chunk(c, outer, i) * size;
    for (size_t o = 0; o < outer && n > 0; o++)
      memcpy(y + o * row, x + o * n, n);
    y += n;
  }
}


static void part (rnl_Call *c, size_t outer) {
  size_t row = outer ? c->out[0]->count / outer : 0;
  const real *dy = rnli_dout(c, 0);
  for (int i = 0; i < c->nin; i++) {
    real *dx = rnli_din(c, i);
    size_t n = chunk(c, outer, i);
    for (size_t o = 0; dx && o < outer; o++)
      for (size_t k = 0; k < n; k++) dx[o * n + k] += dy[o * row + k];
    dy += n;
  }
}


/* Axis and product of the extents before it; 'ndim' axes to choose from. */
static int axis_of (rnl_Call *c, int ndim, int *axis, size_t *outer) {
  *outer = 0;
  int status = rnli_need(c, AXIS);
  if (status == RNL_OK) status = rnli_axis(c, AXIS, ndim, axis);
  if (status == RNL_OK) *outer = rnli_product(*axis, c->in[0]->dim);
  return status;
}

/* {== cat ================================================================ */

static int cat_check (rnl_Call *c) {
  const rnl_Tensor *x = c->in[0];
  int dim[RNL_MAX_DIMS];
  int axis;
  size_t outer;
  int status = axis_of(c, x->ndim, &axis, &outer);
  size_t n = 0;
  for (int i = 0; status == RNL_OK && i < c->nin; i++) {
    status = check_extents(c, i, axis);
    if (status == RNL_OK) n += (size_t)c->in[i]->dim[axis];
  }
  if (status != RNL_OK) return status;
  if (n > INT_MAX)
    return rnli_fail(c, RNL_ESHAPE, "the axis joined would have %zu elements",
                     n);
  memcpy(dim, x->dim, sizeof dim);
  dim[axis] = (int)n;
  rnli_out(c, 0, (rnl_Dtype)x->dtype, x->ndim, dim);
  return RNL_OK;
}


static void cat_forward (rnl_Call *c) {
  int axis;
  size_t outer;
  if (axis_of(c, c->in[0]->ndim, &axis, &outer) == RNL_OK) join(c, outer);
}


static void cat_backward (rnl_Call *c) {
  int axis;
  size_t outer;
  if (axis_of(c, c->in[0]->ndim, &axis, &outer) == RNL_OK) part(c, outer);
}


RNLI_OP(cat) = {
  .name = "cat",
  .in = {{"xs", RNL_IN_LIST}},
  .out = {"y"},
  .attr = {[AXIS] = {"axis", RNL_AT_AXIS, 0, NULL}},
  .check = cat_check, .forward = cat_forward, .backward = cat_backward,
  .doc = "Joins tensors along an axis they have, the first unless told; "
         "xs (A, n, B), (A, m, B), ... -> y (A, n + m + ..., B).",
};

/* }====================================================================== */

/* {== stack ============================================================== */

static int stack_check (rnl_Call *c) {
  const rnl_Tensor *x = c->in[0];
  int dim[RNL_MAX_DIMS];
  int axis;
  size_t outer;
  if (x->ndim == RNL_MAX_DIMS)
    return rnli_fail(c, RNL_ESHAPE, "a tensor has at most %d axes, and the "
                     "first is %s", RNL_MAX_DIMS, rnli_shape(x).text);
  int status = axis_of(c, x->ndim + 1, &axis, &outer);
  for (int i = 0; status == RNL_OK && i < c->nin; i++)
    status = check_extents(c, i, -1);
  if (status != RNL_OK) return status;
  for (int d = 0; d <= x->ndim; d++)
    dim[d] = d == axis ? c->nin : x->dim[d < axis ? d : d - 1];
  rnli_out(c, 0, (rnl_Dtype)x->dtype, x->ndim + 1, dim);
  return RNL_OK;
}


static void stack_forward (rnl_Call *c) {
  int axis;
  size_t outer;
  if (axis_of(c, c->in[0]->ndim + 1, &axis, &outer) == RNL_OK) join(c, outer);
}


static void stack_backward (rnl_Call *c) {
  int axis;
  size_t outer;
  if (axis_of(c, c->in[0]->ndim + 1, &axis, &outer) == RNL_OK) part(c, outer);
}


RNLI_OP(stack) = {
  .name = "stack",
  .in = {{"xs", RNL_IN_LIST}},
  .out = {"y"},
  .attr = {[AXIS] = {"axis", RNL_AT_AXIS, 0, NULL}},
  .check = stack_check, .forward = stack_forward, .backward = stack_backward,
  .doc = "Joins tensors of one shape along a new axis, the first unless told; "
         "k times xs (A, B) -> y (A, k, B).",
};

/* }====================================================================== */
