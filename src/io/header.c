/*
** header.c - the header of a model file, strictly by the text of the
** safetensors format. A file is untrusted: every number is checked against the
** bytes that are there before it is used, and memory is bounded by the header's
** size.
*/
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/header.h"
#include "io/io.h"

/*
** Values that a header may have: those of a tensor take 4 bytes each at least,
** and RNL_MAX_DIMS + 6 is the most there are of them.
*/
enum {
  VALUE_BYTES = 4,
  MAX_VALUES = RNLI_MAX_TENSORS * (RNL_MAX_DIMS + 6) + RNLI_MAX_METAS + 2
};

static const int64_t MAX_EXTENT = (int64_t)1 << 48;


int rnli_name_ok (const char *s) {
  size_t n = strlen(s);
  if (n == 0 || n > RNLI_MAX_NAME) return 0;
  for (size_t i = 0; i < n; i++)
    if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f) return 0;
  return rnl_utf8_check(s, n, NULL) == n;
}

/* {== Tensors ============================================================ */

static int read_shape (rnli_Source *s, rnli_Stored *t,
                       const rnli_Json *shape) {
  if (shape->kind != RNLI_LIST || shape->n > RNL_MAX_DIMS)
    return rnli_source_refuse(s, "tensor '%s': the shape must be a list of at "
                              "most %d extents", rnli_brief(t->name).text,
                              RNL_MAX_DIMS);
  for (const rnli_Json *x = shape->first; x; x = x->next) {
    if (x->kind != RNLI_INT || x->i < 0 || x->i > MAX_EXTENT)
      return rnli_source_refuse(s, "tensor '%s': bad extent in its shape",
                                rnli_brief(t->name).text);
    if (x->i > INT_MAX)
      return rnli_source_refuse(s, "tensor '%s': extent %" PRId64 " is not "
                                "supported", rnli_brief(t->name).text, x->i);
    t->dim[t->ndim++] = (int)x->i;
  }
  return RNL_OK;
}


static int read_offsets (rnli_Source *s, rnli_Stored *t,
                         const rnli_Json *offsets) {
  int64_t room = (int64_t)(s->size - s->data), at[2] = {-1, -1};
  if (offsets->kind == RNLI_LIST && offsets->n == 2)
    for (const rnli_Json *x = offsets->first; x; x = x->next)
      if (x->kind == RNLI_INT) at[!x->next] = x->i;
  if (at[0] < 0 || at[1] < 0)
    return rnli_source_refuse(s, "tensor '%s': data_offsets must be two "
                              "integers", rnli_brief(t->name).text);
  if (at[0] > at[1] || at[1] > room)
    return rnli_source_refuse(s, "tensor '%s': data_offsets %" PRId64 " to %"
                              PRId64 " do not lie in the %" PRId64 " bytes of "
                              "data: truncated? restore it from a copy",
                              rnli_brief(t->name).text, at[0], at[1], room);
  t->begin = (uint64_t)at[0];
  t->end = (uint64_t)at[1];
  return RNL_OK;
}


/* Do shape and dtype ask for exactly the bytes the offsets give? */
static int check_size (rnli_Source *s, rnli_Stored *t) {
  t->count = rnli_product(t->ndim, t->dim);
  size_t bytes = rnli_mul(t->count, (size_t)t->type->size);
  if (bytes == SIZE_MAX || bytes != t->end - t->begin)
    return rnli_source_refuse(s, "tensor '%s': shape %s of %s does not take "
                              "the %" PRIu64 " bytes it has",
                              rnli_brief(t->name).text,
                              rnli_dims(t->ndim, t->dim).text, t->type->code,
                              t->end - t->begin);
  return RNL_OK;
}


static int read_tensor (rnli_Source *s, rnli_Stored *t,
                        const rnli_Json *value) {
  *t = (rnli_Stored){.name = value->key};
  if (!rnli_name_ok(t->name))
    return rnli_source_refuse(s, "a tensor's name is empty, too long or has "
                              "control characters");
  const rnli_Json *dtype = rnli_json_get(value, "dtype");
  const rnli_Json *shape = rnli_json_get(value, "shape");
  const rnli_Json *offsets = rnli_json_get(value, "data_offsets");
  if (!dtype || dtype->kind != RNLI_STRING || !shape || !offsets ||
      value->n != 3)
    return rnli_source_refuse(s, "tensor '%s' must have dtype, shape and "
                              "data_offsets, and nothing else",
                              rnli_brief(t->name).text);
  t->type = rnli_type_find(dtype->s);
  if (!t->type)
    return rnli_source_refuse(s, "dtype %s of tensor '%s' is not supported",
                              rnli_brief(dtype->s).text,
                              rnli_brief(t->name).text);
  int status = read_shape(s, t, shape);
  if (status == RNL_OK) status = read_offsets(s, t, offsets);
  return status == RNL_OK ? check_size(s, t) : status;
}


static int by_offset (const void *a, const void *b) {
  const rnli_Stored *x = a, *y = b;
  if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
  if (x->end != y->end) return x->end < y->end ? -1 : 1;
  return strcmp(x->name, y->name);
}


/* The data must be covered without overlap or hole. */
static int check_tiling (rnli_Source *s) {
  uint64_t at = 0;
  for (int i = 0; i < s->n; i++) {
    const rnli_Stored *t = &s->stored[i];
    if (t->begin != at)
      return rnli_source_refuse(s, "tensor '%s': its data begins at %" PRIu64
                                ", not at %" PRIu64 ": a hole or an overlap",
                                rnli_brief(t->name).text, t->begin, at);
    at = t->end;
  }
  if (at != s->size - s->data)
    return rnli_source_refuse(s, "%" PRIu64 " bytes of data belong to no "
                              "tensor", s->size - s->data - at);
  return RNL_OK;
}


static int by_name (const void *a, const void *b) {
  const rnli_Stored *const *x = a, *const *y = b;
  return strcmp((*x)->name, (*y)->name);
}


static int read_tensors (rnli_Source *s) {
  size_t count = s->header->n;
  if (rnli_json_get(s->header, RNLI_META_KEY)) count--;
  if (count > RNLI_MAX_TENSORS)
    return rnli_source_refuse(s, "%zu tensors are more than %d", count,
                              RNLI_MAX_TENSORS);
  size_t bytes = count * (sizeof *s->stored + sizeof *s->sorted);
  s->stored = rnli_get(s->ctx, bytes);
  if (!s->stored) return rnli_nomem(s->ctx, "a checkpoint's header", bytes);
  s->sorted = (const rnli_Stored **)(s->stored + count);
  for (const rnli_Json *v = s->header->first; v; v = v->next) {
    if (strcmp(v->key, RNLI_META_KEY) == 0) continue;
    int status = read_tensor(s, &s->stored[s->n++], v);
    if (status != RNL_OK) return status;
  }
  qsort(s->stored, count, sizeof *s->stored, by_offset);
  for (size_t i = 0; i < count; i++) s->sorted[i] = &s->stored[i];
  qsort(s->sorted, count, sizeof *s->sorted, by_name);
  return check_tiling(s);
}


static int is_named (const void *name, const void *stored) {
  return strcmp(name, (*(const rnli_Stored *const *)stored)->name);
}


const rnli_Stored *rnli_source_find (const rnli_Source *s, const char *name) {
  const rnli_Stored **t = bsearch(name, s->sorted, (size_t)s->n,
                                  sizeof *s->sorted, is_named);
  return t ? *t : NULL;
}

/* }====================================================================== */

/* {== Metadata =========================================================== */

static int by_key (const void *a, const void *b) {
  return strcmp(((const rnl_Meta *)a)->key, ((const rnl_Meta *)b)->key);
}


static int read_meta (rnli_Source *s) {
  const rnli_Json *meta = rnli_json_get(s->header, RNLI_META_KEY);
  size_t total = 0;
  if (!meta) return RNL_OK;
  if (meta->kind != RNLI_OBJECT)
    return rnli_source_refuse(s, "__metadata__ must map strings to strings");
  size_t bytes = meta->n * sizeof *s->meta;
  if (meta->n > RNLI_MAX_METAS)
    return rnli_source_refuse(s, "metadata has more than %d keys",
                              RNLI_MAX_METAS);
  s->meta = rnli_get(s->ctx, bytes);
  if (!s->meta) return rnli_nomem(s->ctx, "a checkpoint's header", bytes);
  for (const rnli_Json *v = meta->first; v; v = v->next) {
    if (v->kind != RNLI_STRING)
      return rnli_source_refuse(s, "metadata '%s' is not a string",
                                rnli_brief(v->key).text);
    total += strlen(v->key) + v->n;
    if (total > RNLI_MAX_META)
      return rnli_source_refuse(s, "metadata is larger than %d bytes",
                                RNLI_MAX_META);
    s->meta[s->nmeta++] = (rnl_Meta){v->key, v->s};
  }
  qsort(s->meta, (size_t)s->nmeta, sizeof *s->meta, by_key);
  return RNL_OK;
}


const char *rnli_source_meta (const rnli_Source *s, const char *key) {
  rnl_Meta wanted = {key, NULL};
  if (s->nmeta == 0) return NULL;
  const rnl_Meta *m = bsearch(&wanted, s->meta, (size_t)s->nmeta,
                              sizeof *s->meta, by_key);
  return m ? m->value : NULL;
}

/* }====================================================================== */

/* {== All of it ========================================================== */

static int read_size (rnli_Source *s) {
  unsigned char raw[8] = {0};
  uint64_t n = 0;
  if (s->size < sizeof raw)
    return rnli_source_refuse(s, "is not a model file: %" PRIu64 " bytes are "
                              "too few", s->size);
  int status = rnli_source_bytes(s, 0, raw, sizeof raw);
  if (status != RNL_OK) return status;
  for (int i = 0; i < 8; i++) n |= (uint64_t)raw[i] << 8 * i;
  if (n < 2 || n > RNLI_MAX_HEADER || n > s->size - sizeof raw)
    return rnli_source_refuse(s, "is not a model file, or is truncated: a "
                              "header of %" PRIu64 " bytes in a file of %"
                              PRIu64, n, s->size);
  s->data = sizeof raw + n;
  return RNL_OK;
}


/* The header's text becomes the tree. */
static int parse (rnli_Source *s, const char *text, size_t n) {
  char what[320];
  size_t most = n / VALUE_BYTES + 1;
  if (*text != '{')
    return rnli_source_refuse(s, "header does not begin with '{'");
  snprintf(what, sizeof what, "%.300s: header", s->name);
  return rnli_json_read(s->ctx, what, text, n,
                        most < MAX_VALUES ? most : MAX_VALUES, &s->header);
}


static int read_text (rnli_Source *s) {
  size_t n = (size_t)s->data - 8;
  if (s->memory) return parse(s, (const char *)s->memory + 8, n);
  char *text = rnli_get(s->ctx, n);
  if (!text) return rnli_nomem(s->ctx, "a checkpoint's header", n);
  int status = rnli_source_bytes(s, 8, text, n);
  if (status == RNL_OK) status = parse(s, text, n);
  rnli_put(s->ctx, text);
  return status;
}


int rnli_source_header (rnli_Source *s) {
  int status = read_size(s);
  if (status == RNL_OK) status = read_text(s);
  if (status == RNL_OK) status = read_meta(s);
  return status == RNL_OK ? read_tensors(s) : status;
}

/* }====================================================================== */
