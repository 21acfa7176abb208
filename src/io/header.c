/*
** header.c - the header of a model file, strictly by the text of the
** safetensors format. A file is untrusted: every number is checked against the
** bytes that are there before it is used, and memory is bounded by the header's
** size.
*/
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "io/header.h"
#include "io/io.h"

/*
** Values that a header may have: of a tensor RNL_MAX_DIMS + 6; bytes of it that
** a tensor has at least: "a":{"dtype":"U8","shape":[],"data_offsets":[0,1]},
*/
enum {
  MAX_VALUES = RNLI_MAX_TENSORS * (RNL_MAX_DIMS + 6) + RNLI_MAX_METAS + 2,
  TENSOR_BYTES = 51
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

static int refuse_tensor (const rnli_Source *s, const rnli_Stored *t,
                          const char *what) {
  return rnli_source_refuse(s, "tensor '%s'%s", rnli_brief(t->name).text,
                            what);
}


static int read_shape (const rnli_Source *s, rnli_Stored *t,
                       const rnli_Json *shape) {
  const rnli_Json *extent = rnli_json_first(shape);
  int is_list = rnli_json_kind(shape) == RNLI_LIST;
  for (; is_list && extent; extent = rnli_json_next(extent)) {
    int64_t x;
    if (t->ndim == RNL_MAX_DIMS) break;
    if (!rnli_json_int(extent, 0, MAX_EXTENT, &x))
      return refuse_tensor(s, t, ": bad extent in its shape");
    if (x > INT_MAX)
      return rnli_source_refuse(s, "tensor '%s': extent %" PRId64 " is not "
                                "supported", rnli_brief(t->name).text, x);
    t->dim[t->ndim++] = (int)x;
  }
  if (is_list && !extent) return RNL_OK;
  return rnli_source_refuse(s, "tensor '%s': the shape must be a list of at "
                            "most %d extents", rnli_brief(t->name).text,
                            RNL_MAX_DIMS);
}


static int read_offsets (const rnli_Source *s, rnli_Stored *t,
                         const rnli_Json *offsets) {
  int64_t room = (int64_t)(s->size - s->data), at[2];
  const rnli_Json *first = rnli_json_first(offsets);
  const rnli_Json *last = first ? rnli_json_next(first) : NULL;
  if (rnli_json_kind(offsets) != RNLI_LIST ||
      !rnli_json_int(first, 0, INT64_MAX, &at[0]) ||
      !rnli_json_int(last, 0, INT64_MAX, &at[1]) || rnli_json_next(last))
    return refuse_tensor(s, t, ": data_offsets must be two integers");
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
static int check_size (const rnli_Source *s, rnli_Stored *t) {
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


enum { DTYPE, SHAPE, OFFSETS, PARTS };

/* What a tensor must have; 0: it has not, or more. */
static int find_parts (const rnli_Json *tensor,
                       const rnli_Json *part[PARTS]) {
  static const char *const name[] = {"dtype", "shape", "data_offsets"};
  const rnli_Json *x = rnli_json_first(tensor);
  int n = 0, i;
  if (rnli_json_kind(tensor) != RNLI_OBJECT) return 0;
  for (; x; x = rnli_json_next(part[i]), n++) {
    for (i = 0; !rnli_json_is(x, name[i]);)
      if (++i == PARTS) return 0;
    part[i] = rnli_json_value(x);
  }
  return n == PARTS;   /* no key is there twice */
}


static int read_tensor (const rnli_Source *s, const rnli_Place *p,
                        rnli_Stored *t) {
  const rnli_Json *value = (const rnli_Json *)(s->header + p->value);
  const rnli_Json *part[PARTS];
  *t = (rnli_Stored){.name = s->header + p->name};
  if (!find_parts(value, part) || rnli_json_kind(part[DTYPE]) != RNLI_STRING)
    return refuse_tensor(s, t, " must have dtype, shape and data_offsets, and "
                         "nothing else");
  t->type = rnli_type_find(part[DTYPE]);
  if (!t->type)
    return rnli_source_refuse(s, "dtype %s of tensor '%s' is not supported",
                              rnli_json_brief(part[DTYPE]).text,
                              rnli_brief(t->name).text);
  int status = read_shape(s, t, part[SHAPE]);
  if (status == RNL_OK) status = read_offsets(s, t, part[OFFSETS]);
  return status == RNL_OK ? check_size(s, t) : status;
}


static int by_data (const void *of, uint32_t a, uint32_t b) {
  const rnli_Source *s = of;
  const rnli_Place *x = &s->place[a], *y = &s->place[b];
  if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
  if (x->end != y->end) return x->end < y->end ? -1 : 1;
  return strcmp(s->header + x->name, s->header + y->name);
}


static int by_name (const void *of, uint32_t a, uint32_t b) {
  const rnli_Source *s = of;
  return strcmp(s->header + s->place[a].name, s->header + s->place[b].name);
}


/* The data must be covered without overlap or hole. */
static int check_tiling (const rnli_Source *s) {
  uint64_t at = 0;
  for (int i = 0; i < s->n; i++) {
    const rnli_Place *p = &s->place[s->by_data[i]];
    if (p->begin != at)
      return rnli_source_refuse(s, "tensor '%s': its data begins at %" PRIu64
                                ", not at %" PRIu64 ": a hole or an overlap",
                                rnli_brief(s->header + p->name).text,
                                p->begin, at);
    at = p->end;
  }
  if (at != s->size - s->data)
    return rnli_source_refuse(s, "%" PRIu64 " bytes of data belong to no "
                              "tensor", s->size - s->data - at);
  return RNL_OK;
}


/* A string of the text as its bytes and a NUL; where they are. */
static uint32_t unquote (const rnli_Source *s, const rnli_Json *string) {
  uint32_t at = (uint32_t)((const char *)string - s->header);
  rnli_json_text(string, s->header + at, SIZE_MAX);
  return at;
}


static int add_tensor (rnli_Source *s, const rnli_Json *key) {
  rnli_Place *p = &s->place[s->n];
  rnli_Stored t;
  if (s->n == RNLI_MAX_TENSORS)
    return rnli_source_refuse(s, "has more than %d tensors",
                              RNLI_MAX_TENSORS);
  p->value = (uint32_t)((const char *)rnli_json_value(key) - s->header);
  p->name = unquote(s, key);
  if (!rnli_name_ok(s->header + p->name))
    return rnli_source_refuse(s, "a tensor's name is empty, too long or has "
                              "control characters");
  int status = read_tensor(s, p, &t);
  if (status != RNL_OK) return status;
  p->begin = t.begin;
  p->end = t.end;
  s->by_data[s->n] = s->by_name[s->n] = (uint32_t)s->n;
  s->n++;
  return RNL_OK;
}


/* As many as there are, if they are sound: one that is not ends it all. */
static int room_for_tensors (rnli_Source *s, size_t count) {
  size_t most = (size_t)s->data / TENSOR_BYTES;
  if (count > most) count = most + 1;
  if (count > RNLI_MAX_TENSORS) count = RNLI_MAX_TENSORS;
  size_t bytes = count * (sizeof *s->place + 2 * sizeof *s->by_data);
  s->place = rnli_get(s->ctx, bytes);
  if (!s->place) return rnli_nomem(s->ctx, "a checkpoint's header", bytes);
  s->by_data = (uint32_t *)(s->place + count);
  s->by_name = s->by_data + count;
  return RNL_OK;
}


const char *rnli_source_name (const rnli_Source *s, int i) {
  return s->header + s->place[s->by_data[i]].name;
}


void rnli_source_at (const rnli_Source *s, int i, rnli_Stored *out) {
  read_tensor(s, &s->place[s->by_data[i]], out);
}


int rnli_source_find (const rnli_Source *s, const char *name,
                      rnli_Stored *out) {
  int from = 0, to = s->n;
  while (from < to) {
    int mid = (from + to) / 2;
    const rnli_Place *p = &s->place[s->by_name[mid]];
    int order = strcmp(name, s->header + p->name);
    if (order == 0) return read_tensor(s, p, out) == RNL_OK;
    if (order < 0) to = mid;
    else from = mid + 1;
  }
  return 0;
}

/* }====================================================================== */

/* {== Metadata =========================================================== */

static int by_key (const void *of, uint32_t a, uint32_t b) {
  const rnli_Source *s = of;
  return strcmp(s->header + a, s->header + b);
}


/* A key and its value come to stand one behind the other. */
static int add_meta (rnli_Source *s, const rnli_Json *key, size_t *total) {
  const rnli_Json *value = rnli_json_value(key);
  if (rnli_json_kind(value) != RNLI_STRING)
    return rnli_source_refuse(s, "metadata '%s' is not a string",
                              rnli_json_brief(key).text);
  char *to = s->header + unquote(s, key);
  s->meta[s->nmeta++] = (uint32_t)(to - s->header);
  size_t n = strlen(to);
  *total += n + rnli_json_text(value, to + n + 1, SIZE_MAX);
  if (*total <= RNLI_MAX_META) return RNL_OK;
  return rnli_source_refuse(s, "metadata is larger than %d bytes",
                            RNLI_MAX_META);
}


static int read_meta (rnli_Source *s, const rnli_Json *meta) {
  size_t n = rnli_json_count(meta), total = 0;
  int status = RNL_OK;
  if (rnli_json_kind(meta) != RNLI_OBJECT)
    return rnli_source_refuse(s, "__metadata__ must map strings to strings");
  if (n > RNLI_MAX_METAS)
    return rnli_source_refuse(s, "metadata has more than %d keys",
                              RNLI_MAX_METAS);
  s->meta = rnli_get(s->ctx, n * sizeof *s->meta);
  if (!s->meta)
    return rnli_nomem(s->ctx, "a checkpoint's header", n * sizeof *s->meta);
  for (const rnli_Json *x = rnli_json_first(meta), *next;
       status == RNL_OK && x; x = next) {
    next = rnli_json_next(x);
    status = add_meta(s, x, &total);
  }
  rnli_sort(s->meta, (size_t)s->nmeta, by_key, s);
  return status;
}


const char *rnli_source_key (const rnli_Source *s, int i) {
  return s->header + s->meta[i];
}


const char *rnli_meta_value (const char *text, const uint32_t *meta, int n,
                             const char *key) {
  for (int i = 0; i < n; i++)
    if (strcmp(text + meta[i], key) == 0)
      return rnli_source_value(text + meta[i]);
  return NULL;
}


const char *rnli_source_meta (const rnli_Source *s, const char *key) {
  return rnli_meta_value(s->header, s->meta, s->nmeta, key);
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


static int check_text (rnli_Source *s, size_t n, const rnli_Json **root) {
  char what[320];
  if (*s->header != '{')
    return rnli_source_refuse(s, "header does not begin with '{'");
  snprintf(what, sizeof what, "%.300s: header", s->name);
  return rnli_json_read(s->ctx, what, s->header, n, MAX_VALUES, root);
}


static int read_text (rnli_Source *s, const rnli_Json **root) {
  size_t n = (size_t)s->data - 8;
  s->header = rnli_get(s->ctx, n + 1);
  if (!s->header) return rnli_nomem(s->ctx, "a checkpoint's header", n + 1);
  s->header[n] = '\0';
  int status = rnli_source_bytes(s, 8, s->header, n);
  return status == RNL_OK ? check_text(s, n, root) : status;
}


/* Every member is looked at before its text is changed. */
static int read_members (rnli_Source *s, const rnli_Json *root) {
  int status = room_for_tensors(s, rnli_json_count(root));
  for (const rnli_Json *x = rnli_json_first(root), *next;
       status == RNL_OK && x; x = next) {
    next = rnli_json_next(x);
    status = rnli_json_is(x, RNLI_META_KEY) ? read_meta(s, rnli_json_value(x))
                                            : add_tensor(s, x);
  }
  if (status != RNL_OK) return status;
  rnli_sort(s->by_data, (size_t)s->n, by_data, s);
  rnli_sort(s->by_name, (size_t)s->n, by_name, s);
  return check_tiling(s);
}


int rnli_source_header (rnli_Source *s) {
  const rnli_Json *root;
  int status = read_size(s);
  if (status == RNL_OK) status = read_text(s, &root);
  return status == RNL_OK ? read_members(s, root) : status;
}

/* }====================================================================== */
