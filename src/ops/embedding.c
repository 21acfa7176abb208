/*
** embedding.c - rows of a table by ids.
**   y_n = weight_id_n      dweight_id_n += dy_n, in the order of the ids
*/
#include "core/real.h"

enum { WEIGHT, IDS };


static int check (rnl_Call *c) {
  const rnl_Tensor *weight = c->in[WEIGHT];
  const rnl_Tensor *ids = c->in[IDS];
  int dim[RNL_MAX_DIMS];
  if (weight->ndim != 2)
    return rnli_fail(c, RNL_ESHAPE, "'weight' must be (V, D), got %s",
                     rnli_shape(weight).text);
  if (ids->ndim == RNL_MAX_DIMS)
    return rnli_fail(c, RNL_ESHAPE, "'ids' must have fewer than %d axes, got "
                     "%s", RNL_MAX_DIMS, rnli_shape(ids).text);
  memcpy(dim, ids->dim, sizeof dim);
  dim[ids->ndim] = weight->dim[1];
  rnli_out(c, 0, RNLI_DTYPE, ids->ndim + 1, dim);
  return rnli_check_ids(c, IDS, weight->dim[0], NAN);
}


static void embedding_forward (rnl_Call *c) {
  const int32_t *id = rnli_data(c, IDS);
  const real *weight = rnli_data(c, WEIGHT);
  real *y = c->out[0]->data;
  size_t D = (size_t)c->in[WEIGHT]->dim[1];
  for (size_t n = 0; D > 0 && n < c->in[IDS]->count; n++, y += D)
    memcpy(y, weight + (size_t)id[n] * D, D * sizeof *y);
}


RNLI_WIDE static void embedding_backward (rnl_Call *c) {
  const int32_t *id = rnli_data(c, IDS);
  const real *dy = rnli_dout(c, 0);
  real *dweight = rnli_din(c, WEIGHT);
  size_t D = (size_t)c->in[WEIGHT]->dim[1];
  for (size_t n = 0; n < c->in[IDS]->count; n++, dy += D) {
    real *d = dweight + (size_t)id[n] * D;
    for (size_t k = 0; k < D; k++) d[k] += dy[k];
  }
}


RNLI_OP(embedding) = {
  .name = "embedding",
  .in = {[WEIGHT] = {"weight", RNL_IN_REAL}, [IDS] = {"ids", RNL_IN_ID}},
  .out = {"y"},
  .check = check,
  .forward = embedding_forward, .backward = embedding_backward,
  .doc = "Looks up a row of the table for every id; "
         "weight (V, D), ids (...) -> y (..., D).",
};
