/*
** tensors.c - models made of tensors, and states that share the workers of a
** context: what the engine has beside the inference library.
*/
#include "infer/infer.h"

/* {== Tensors by name ==================================================== */

typedef struct Named {
  rnl_Context *ctx;
  const rnl_Named *tensor;
  int n;
} Named;


static int find (void *from, const char *name, rnli_Stored *out) {
  const Named *all = from;
  int i = 0;
  while (i < all->n && strcmp(all->tensor[i].name, name) != 0) i++;
  if (i == all->n) return 0;
  const rnl_Tensor *t = all->tensor[i].tensor;
  *out = (rnli_Stored){.name = all->tensor[i].name, .ndim = t->ndim,
                       .count = t->count, .begin = (uint64_t)i};
  memcpy(out->dim, t->dim, sizeof out->dim);
  return 1;
}


static int read_floats (void *from, const rnli_Stored *stored, size_t at,
                        size_t n, float *to) {
  const rnl_Tensor *t = ((const Named *)from)->tensor[stored->begin].tensor;
  if (t->dtype == RNL_F32)
    memcpy(to, (const float *)t->data + at, n * sizeof *to);
  else
    for (size_t i = 0; i < n; i++) to[i] = (float)rnl_get(t, at + i);
  return RNL_OK;
}

/* }====================================================================== */


int rnl_model_of (rnl_Context *ctx, const rnl_Named *tensor, int ntensor,
                  const rnl_Meta *meta, int nmeta, const rnl_Load *load,
                  rnl_Model **out) {
  static const rnli_Provider provider = {find, read_floats};
  Named from = {ctx, tensor, ntensor};
  char why[RNL_MAX_ERROR];
  int status = rnli_model_make(&provider, &from, meta, nmeta, load, out, why);
  return status == RNL_OK ? RNL_OK : rnli_error(ctx, status, "%s", why);
}


int rnl_state_of (rnl_Context *ctx, rnl_Model *model, const rnl_Streams *o,
                  rnl_State **out) {
  return rnli_state_new(ctx, model, o, out);
}
