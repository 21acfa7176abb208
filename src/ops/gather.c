/*
** gather.c - picking elements along an axis by ids.
**   y_oji = x_o,id_oji,i      dx_o,id_oji,i += dy_oji
** as torch.gather: ids have the axes of x and may be smaller, but for the
** axis picked from, where any extent will do.
*/
#include "core/real.h"
#include "ops/axis.h"

enum { X, IDS };
enum { AXIS };


static int check_shape (rnl_Call *c, int axis) {
  const rnl_Tensor *x = c->in[X];
  const rnl_Tensor *ids = c->in[IDS];
  int fits = x->ndim == ids->ndim;
  for (int d = 0; fits && d < x->ndim; d++)
    fits = d == axis || ids->dim[d] <= x->dim[d];
  if (fits) return RNL_OK;
  return rnli_fail(c, RNL_ESHAPE, "'ids' must fit into 'x' %s but for the axis "
                   "picked from, got %s", rnli_shape(x).text,
                   rnli_shape(ids).text);
}


static int check (rnl_Call *c) {
  const rnl_Tensor *x = c->in[X];
  rnli_Axis s;
  int status = rnli_need(c, AXIS);
  if (status == RNL_OK) status = rnli_split(c, x, AXIS, &s);
  if (status == RNL_OK) status = check_shape(c, s.at);
  if (status != RNL_OK) return status;
  rnli_out(c, 0, RNLI_DTYPE, x->ndim, c->in[IDS]->dim);
  return rnli_check_ids(c, IDS, x->ndim ? x->dim[s.at] : 1, NAN);
}


/* The axes off the one picked from: how far element k of ids is in x. */
typedef struct Walk {
  int axis;
  int at[RNL_MAX_DIMS];
  size_t step[RNL_MAX_DIMS];   /* 0 for the axis picked from */
  size_t stride;               /* of that axis in x */
  size_t offset;
} Walk;


static Walk walk_begin (rnl_Call *c) {
  const rnl_Tensor *x = c->in[X];
  Walk w = {.stride = 1};
  rnli_Axis s = {0};
  rnli_split(c, x, AXIS, &s);
  w.axis = s.at;
  size_t step = 1;
  for (int d = x->ndim - 1; d >= 0; d--) {
    w.step[d] = d == w.axis ? 0 : step;
    if (d == w.axis) w.stride = step;
    step *= (size_t)x->dim[d];
  }
  return w;
}


static void walk_next (Walk *w, const rnl_Tensor *ids) {
  for (int d = ids->ndim - 1; d >= 0; d--) {
    w->offset += w->step[d];
    if (++w->at[d] < ids->dim[d]) return;
    w->offset -= w->step[d] * (size_t)ids->dim[d];
    w->at[d] = 0;
  }
}


static void gather_forward (rnl_Call *c) {
  const rnl_Tensor *ids = c->in[IDS];
  const int32_t *id = ids->data;
  const real *x = rnli_data(c, X);
  real *y = c->out[0]->data;
  Walk w = walk_begin(c);
  for (size_t k = 0; k < ids->count; k++) {
    y[k] = x[w.offset + (size_t)id[k] * w.stride];
    walk_next(&w, ids);
  }
}


static void gather_backward (rnl_Call *c) {
  const rnl_Tensor *ids = c->in[IDS];
  const int32_t *id = ids->data;
  const real *dy = rnli_dout(c, 0);
  real *dx = rnli_din(c, X);
  Walk w = walk_begin(c);
  for (size_t k = 0; k < ids->count; k++) {
    dx[w.offset + (size_t)id[k] * w.stride] += dy[k];
    walk_next(&w, ids);
  }
}


RNLI_OP(gather) = {
  .name = "gather",
  .in = {[X] = {"x", RNL_IN_REAL}, [IDS] = {"ids", RNL_IN_ID}},
  .out = {"y"},
  .attr = {[AXIS] = {"axis", RNL_AT_AXIS, RNL_NONE, NULL}},
  .check = check, .forward = gather_forward, .backward = gather_backward,
  .doc = "Picks, for every element of ids, the element of x that stands there "
         "with its index along 'axis' replaced by the id; "
         "x (A, n, B), ids (A, k, B) -> y (A, k, B).",
};
