/*
** tensor.c - tensors: a header from the context's pool and a block of data,
** a view of another tensor's block, or memory of the host.
**
** Headers come from slabs that live as long as the context, and each use of a
** header gets a new serial number: a weak reference (pointer, serial) stays
** safe after the tensor is gone, however late its holder notices.
*/
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/core.h"

enum { SLAB = 64 };   /* headers per slab */


size_t rnl_dtype_size (rnl_Dtype dtype) {
  return dtype == RNL_F64 ? sizeof(double) : 4;
}


const char *rnl_dtype_name (rnl_Dtype dtype) {
  static const char *const name[] = {
    [RNL_F32] = "float32", [RNL_F64] = "float64", [RNL_I32] = "int32"};
  return name[dtype];
}


rnli_Shape rnli_dims (int ndim, const int *dim) {
  rnli_Shape s;
  int n = snprintf(s.text, sizeof s.text, "(");
  for (int i = 0; i < ndim; i++)
    n += snprintf(s.text + n, sizeof s.text - (size_t)n, "%s%d",
                  i ? ", " : "", dim[i]);
  snprintf(s.text + n, sizeof s.text - (size_t)n, ")");
  return s;
}


rnli_Shape rnli_shape (const rnl_Tensor *t) {
  return rnli_dims(t->ndim, t->dim);
}


size_t rnli_product (int ndim, const int *dim) {
  size_t n = 1;
  for (int i = 0; i < ndim; i++) {
    if (dim[i] == 0) return 0;
    n = rnli_mul(n, (size_t)dim[i]);
  }
  return n;
}


static int slab_new (rnl_Context *ctx) {
  size_t bytes = 64 + SLAB * sizeof(rnl_Tensor);
  char *slab = rnli_get(ctx, bytes);
  if (!slab) return rnli_nomem(ctx, "a tensor", bytes);
  *(void **)(void *)slab = ctx->slabs;
  ctx->slabs = slab;
  rnl_Tensor *t = (rnl_Tensor *)(void *)(slab + 64);
  memset(t, 0, SLAB * sizeof *t);
  for (int i = 0; i < SLAB; i++) {
    t[i].next = ctx->headers;
    ctx->headers = &t[i];
  }
  return RNL_OK;
}


/* A header with its shape set and no data. */
static int header_new (rnl_Context *ctx, rnl_Dtype dtype, int ndim,
                       const int *dim, rnl_Tensor **out) {
  if (!ctx->headers) {
    int status = slab_new(ctx);
    if (status != RNL_OK) return status;
  }
  rnl_Tensor *t = ctx->headers;
  ctx->headers = t->next;
  *t = (rnl_Tensor){.ctx = ctx, .refs = 1, .serial = ++ctx->serial,
                    .dtype = (unsigned char)dtype,
                    .ndim = (unsigned char)ndim};
  if (ndim) memcpy(t->dim, dim, (size_t)ndim * sizeof *dim);
  t->count = rnli_product(ndim, dim);
  ctx->refs++;
  *out = t;
  return RNL_OK;
}


static void header_free (rnl_Tensor *t) {
  rnl_Context *ctx = t->ctx;
  t->serial = 0;
  t->next = ctx->headers;
  ctx->headers = t;
  rnl_context_release(ctx);
}


int rnli_tensor_raw (rnl_Context *ctx, rnl_Dtype dtype, int ndim,
                     const int *dim, size_t margin, rnl_Tensor **out) {
  size_t size = rnl_dtype_size(dtype);
  size_t count = rnli_add(rnli_product(ndim, dim), 2 * margin);
  size_t bytes = rnli_mul(count, size);
  rnl_Tensor *t;
  *out = NULL;
  int status = header_new(ctx, dtype, ndim, dim, &t);
  if (status != RNL_OK) return status;
  t->block = rnli_get(ctx, bytes);
  if (!t->block) {
    header_free(t);
    char what[128];
    snprintf(what, sizeof what, "a tensor %s", rnli_dims(ndim, dim).text);
    return rnli_nomem(ctx, what, bytes);
  }
  t->data = (char *)t->block + margin * size;
  *out = t;
  return RNL_OK;
}


static int check_dims (rnl_Context *ctx, int ndim, const int *dim) {
  if (ndim < 0 || ndim > RNL_MAX_DIMS)
    return rnli_error(ctx, RNL_ESHAPE, "a tensor has 0 to %d axes, got %d",
                      RNL_MAX_DIMS, ndim);
  for (int i = 0; i < ndim; i++)
    if (dim[i] < 0)
      return rnli_error(ctx, RNL_ESHAPE, "extent %d of axis %d is negative",
                        dim[i], i + ctx->base);
  return RNL_OK;
}


int rnl_tensor_new (rnl_Context *ctx, rnl_Dtype dtype, int ndim,
                    const int *dim, rnl_Tensor **out) {
  *out = NULL;
  int status = check_dims(ctx, ndim, dim);
  if (status == RNL_OK)
    status = rnli_tensor_raw(ctx, dtype, ndim, dim, 0, out);
  if (status == RNL_OK)
    memset((*out)->data, 0, (*out)->count * rnl_dtype_size(dtype));
  return status;
}


int rnl_tensor_wrap (rnl_Context *ctx, rnl_Dtype dtype, int ndim,
                     const int *dim, void *data, rnl_Done done, void *ud,
                     rnl_Tensor **out) {
  size_t size = rnl_dtype_size(dtype);
  *out = NULL;
  int status = check_dims(ctx, ndim, dim);
  if (status != RNL_OK) return status;
  size_t bytes = rnli_mul(rnli_product(ndim, dim), size);
  if (bytes > PTRDIFF_MAX)
    return rnli_error(ctx, RNL_ESHAPE, "a tensor %s is larger than any memory",
                      rnli_dims(ndim, dim).text);
  if (!data || (uintptr_t)data % size != 0)
    return rnli_error(ctx, RNL_EARG, "data of a tensor %s of %s must be at an "
                      "address that is a multiple of %zu, %s",
                      rnli_dims(ndim, dim).text, rnl_dtype_name(dtype), size,
                      data ? "it is at another" : "got NULL");
  status = header_new(ctx, dtype, ndim, dim, out);
  if (status != RNL_OK) return status;
  (*out)->data = data;
  (*out)->done = done;
  (*out)->done_ud = ud;
  return RNL_OK;
}


int rnli_tensor_view (rnl_Tensor *base, size_t offset, int ndim,
                      const int *dim, rnl_Tensor **out) {
  rnl_Tensor *t;
  *out = NULL;
  int status = header_new(base->ctx, base->dtype, ndim, dim, &t);
  if (status != RNL_OK) return status;
  t->base = rnli_root(base);
  rnl_retain(t->base);
  t->data = (char *)base->data + offset * rnl_dtype_size(base->dtype);
  *out = t;
  return RNL_OK;
}


void rnl_retain (rnl_Tensor *t) {
  t->refs++;
}


void rnl_release (rnl_Tensor *t) {
  if (!t || --t->refs > 0) return;
  rnl_release(t->grad);
  rnl_release(t->base);
  rnli_put(t->ctx, t->block);
  if (t->done) t->done(t->done_ud);
  header_free(t);
}


rnl_Dtype rnl_dtype (const rnl_Tensor *t) {
  return (rnl_Dtype)t->dtype;
}


int rnl_ndim (const rnl_Tensor *t) {
  return t->ndim;
}


const int *rnl_shape (const rnl_Tensor *t) {
  return t->dim;
}


size_t rnl_count (const rnl_Tensor *t) {
  return t->count;
}


rnl_Context *rnl_context_of (const rnl_Tensor *t) {
  return t->ctx;
}


void *rnl_data (rnl_Tensor *t) {
  return t->data;
}


void rnl_touch (rnl_Tensor *t) {
  rnli_root(t)->version++;
}


double rnl_get (const rnl_Tensor *t, size_t i) {
  switch (t->dtype) {
    case RNL_F32: return (double)((const float *)t->data)[i];
    case RNL_F64: return ((const double *)t->data)[i];
    default: return (double)((const int32_t *)t->data)[i];
  }
}


int rnl_all_finite (const rnl_Tensor *t) {
  const float *f = t->data;
  const double *d = t->data;
  int bad = 0;   /* no way out of the loops, so that they vectorise */
  if (t->dtype == RNL_F32)
    for (size_t i = 0; i < t->count; i++) bad |= !(fabsf(f[i]) <= FLT_MAX);
  if (t->dtype == RNL_F64)
    for (size_t i = 0; i < t->count; i++) bad |= !(fabs(d[i]) <= DBL_MAX);
  return !bad;
}


static void put (rnl_Tensor *t, size_t i, double value) {
  switch (t->dtype) {
    case RNL_F32: ((float *)t->data)[i] = (float)value; break;
    case RNL_F64: ((double *)t->data)[i] = value; break;
    default: ((int32_t *)t->data)[i] = (int32_t)value; break;
  }
}


void rnl_set (rnl_Tensor *t, size_t i, double value) {
  put(t, i, value);
  rnl_touch(t);
}


/* Is every element one that int32 can hold? */
static int fits_int (const rnl_Tensor *t) {
  for (size_t i = 0; i < t->count; i++) {
    double x = rnl_get(t, i);
    if (!(x >= INT32_MIN && x <= INT32_MAX) || x != (double)(int32_t)x)
      return 0;
  }
  return 1;
}


int rnl_clone (rnl_Tensor *t, rnl_Dtype dtype, rnl_Tensor **out) {
  *out = NULL;
  if (dtype == RNL_I32 && t->dtype != RNL_I32 && !fits_int(t))
    return rnli_error(t->ctx, RNL_EARG,
                      "tensor %s holds values that are no int32",
                      rnli_shape(t).text);
  int status = rnli_tensor_raw(t->ctx, dtype, t->ndim, t->dim, 0, out);
  if (status != RNL_OK) return status;
  if (dtype == t->dtype)
    memcpy((*out)->data, t->data, t->count * rnl_dtype_size(dtype));
  else
    for (size_t i = 0; i < t->count; i++) put(*out, i, rnl_get(t, i));
  return RNL_OK;
}


int rnl_set_param (rnl_Tensor *t, int on) {
  if (t->dtype == RNL_I32)
    return rnli_error(t->ctx, RNL_EDTYPE,
                      "a parameter must be float32 or float64, got int32");
  if (t->taped)
    return rnli_error(t->ctx, RNL_ESTATE, "an output of a tape cannot be a "
                      "parameter; make it from a detached copy");
  t->param = t->needs_grad = (unsigned char)(on != 0);
  return RNL_OK;
}


int rnl_is_param (const rnl_Tensor *t) {
  return t->param;
}


rnl_Tensor *rnl_grad (rnl_Tensor *t) {
  return t->has_grad ? t->grad : NULL;
}


void rnl_clear_grad (rnl_Tensor *t) {
  t->has_grad = 0;
}


/* Takes a tensor of as many elements out of a list, or NULL. */
static rnl_Tensor *take_like (rnl_Tensor **list, const rnl_Tensor *t) {
  for (; *list; list = &(*list)->next) {
    rnl_Tensor *found = *list;
    if (found->count != t->count || found->dtype != t->dtype) continue;
    *list = found->next;
    return found;
  }
  return NULL;
}


int rnli_want_grad (rnl_Tensor *t, rnl_Tensor **spare) {
  if (!t->grad) {
    rnl_Tensor *old = t->param ? NULL : take_like(spare, t);
    int status = old ? rnli_tensor_view(old, 0, t->ndim, t->dim, &t->grad)
                     : rnli_tensor_raw(t->ctx, (rnl_Dtype)t->dtype, t->ndim,
                                       t->dim, 0, &t->grad);
    if (status != RNL_OK) return status;
  }
  t->wanted = 1;
  return RNL_OK;
}


uint64_t rnl_serial (const rnl_Tensor *t) {
  return t->serial;
}


int rnl_on_tape (const rnl_Tensor *t) {
  return t->taped;
}
