/*
** tensors.c - models made of tensors, and states that share the workers of a
** context: what the engine has beside the inference library.
*/
#include <stdio.h>

#include "infer/infer.h"

/* {== Tensors by name ==================================================== */

typedef struct Named {
  rnl_Context *ctx;
  const rnl_Named *tensor;
  int n;
} Named;


static rnl_Tensor *find (const Named *from, const char *name) {
  for (int i = 0; i < from->n; i++)
    if (strcmp(from->tensor[i].name, name) == 0) return from->tensor[i].tensor;
  return NULL;
}


static int shape (void *from, const char *name, int *ndim, int *dim) {
  const rnl_Tensor *t = find(from, name);
  if (!t) return 0;
  *ndim = t->ndim;
  memcpy(dim, t->dim, (size_t)t->ndim * sizeof *dim);
  return 1;
}


static int read_floats (void *from, const char *name, size_t at, size_t n,
                        float *to) {
  const rnl_Tensor *t = find(from, name);
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
  static const rnli_Provider provider = {shape, read_floats};
  Named from = {ctx, tensor, ntensor};
  char why[RNL_MAX_ERROR];
  int status = rnli_model_make(&provider, &from, meta, nmeta, load, out, why);
  return status == RNL_OK ? RNL_OK : rnli_error(ctx, status, "%s", why);
}


int rnl_state_of (rnl_Context *ctx, rnl_Model *model, const rnl_Streams *o,
                  rnl_State **out) {
  return rnli_state_new(ctx, model, o, out);
}
