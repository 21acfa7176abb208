/*
** save.c - writing checkpoints as safetensors. The bytes depend only on names,
** values and metadata: tensors are sorted by size of dtype, largest first, then
** by name; metadata by key; the header is padded with spaces to 8 bytes.
*/
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/io.h"


static size_t bytes_of (const rnl_Tensor *t) {
  return t->count * rnl_dtype_size((rnl_Dtype)t->dtype);
}

/* {== The header ========================================================= */

/* Text that grows; after a failure it stays empty and 'failed' is set. */
typedef struct Text {
  rnl_Context *ctx;
  char *s;
  size_t n, capacity;
  int failed;
} Text;


static void add (Text *t, const char *s, size_t n) {
  if (t->failed) return;
  if (t->n + n > t->capacity) {
    size_t capacity = 2 * (t->n + n) + 256;
    char *grown = rnli_get(t->ctx, capacity);
    if (!grown) {
      t->failed = 1;
      return;
    }
    if (t->n) memcpy(grown, t->s, t->n);
    rnli_put(t->ctx, t->s);
    t->s = grown;
    t->capacity = capacity;
  }
  memcpy(t->s + t->n, s, n);
  t->n += n;
}


static void add_string (Text *t, const char *s) {
  add(t, "\"", 1);
  for (; *s; s++) {
    char code[8];
    if (*s == '"' || *s == '\\') {
      add(t, "\\", 1);
      add(t, s, 1);
    } else if ((unsigned char)*s < 0x20) {
      snprintf(code, sizeof code, "\\u%04x", (unsigned)*s);
      add(t, code, 6);
    } else {
      add(t, s, 1);
    }
  }
  add(t, "\"", 1);
}


static const char *dtype_code (const rnl_Tensor *t) {
  switch (t->dtype) {
    case RNL_F32: return "F32";
    case RNL_F64: return "F64";
    default: return "I32";
  }
}


/* "name":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]} */
static void add_tensor (Text *t, const rnl_Named *named, size_t begin) {
  const rnl_Tensor *x = named->tensor;
  char text[96];
  add_string(t, named->name);
  int n = snprintf(text, sizeof text, ":{\"dtype\":\"%s\",\"shape\":[",
                   dtype_code(x));
  add(t, text, (size_t)n);
  for (int i = 0; i < x->ndim; i++) {
    n = snprintf(text, sizeof text, "%s%d", i ? "," : "", x->dim[i]);
    add(t, text, (size_t)n);
  }
  n = snprintf(text, sizeof text, "],\"data_offsets\":[%zu,%zu]}", begin,
               begin + bytes_of(x));
  add(t, text, (size_t)n);
}


static void add_meta (Text *t, const rnl_Meta *meta, int n) {
  add(t, "\"__metadata__\":{", 16);
  for (int i = 0; i < n; i++) {
    if (i) add(t, ",", 1);
    add_string(t, meta[i].key);
    add(t, ":", 1);
    add_string(t, meta[i].value);
  }
  add(t, "}", 1);
}


static void build_header (Text *t, const rnl_Named *tensor, int ntensor,
                          const rnl_Meta *meta, int nmeta) {
  size_t begin = 0;
  add(t, "{", 1);
  add_meta(t, meta, nmeta);
  for (int i = 0; i < ntensor; i++) {
    add(t, ",", 1);
    add_tensor(t, &tensor[i], begin);
    begin += bytes_of(tensor[i].tensor);
  }
  add(t, "}", 1);
  while (!t->failed && t->n % 8) add(t, " ", 1);
}

/* }====================================================================== */

/* {== Checks and order =================================================== */

static int by_size_then_name (const void *a, const void *b) {
  const rnl_Named *x = a, *y = b;
  size_t nx = rnl_dtype_size((rnl_Dtype)x->tensor->dtype);
  size_t ny = rnl_dtype_size((rnl_Dtype)y->tensor->dtype);
  if (nx != ny) return nx > ny ? -1 : 1;
  return strcmp(x->name, y->name);
}


static int by_name (const void *a, const void *b) {
  return strcmp(((const rnl_Named *)a)->name, ((const rnl_Named *)b)->name);
}


static int by_key (const void *a, const void *b) {
  return strcmp(((const rnl_Meta *)a)->key, ((const rnl_Meta *)b)->key);
}


static int check_tensors (rnl_Context *ctx, const char *path,
                          rnl_Named *tensor, int n) {
  size_t total = 0;
  qsort(tensor, (size_t)n, sizeof *tensor, by_name);
  for (int i = 0; i < n; i++) {
    const char *name = tensor[i].name;
    if (!rnli_name_ok(name) || strcmp(name, RNLI_META_KEY) == 0)
      return rnli_error(ctx, RNL_EARG, "%.300s: '%s' is no name for a tensor "
                        "(1 to %d bytes of UTF-8, no controls)", path,
                        rnli_brief(name).text, RNLI_MAX_NAME);
    if (i && strcmp(name, tensor[i - 1].name) == 0)
      return rnli_error(ctx, RNL_EARG, "%.300s: two tensors are named '%s'",
                        path, rnli_brief(name).text);
    total = rnli_add(total, bytes_of(tensor[i].tensor));
  }
  if (total > RNLI_MAX_FILE - 8 - RNLI_MAX_HEADER)
    return rnli_error(ctx, RNL_EARG, "%.300s: %zu bytes of data are more than "
                      "a checkpoint holds", path, total);
  qsort(tensor, (size_t)n, sizeof *tensor, by_size_then_name);
  return RNL_OK;
}


static int check_meta (rnl_Context *ctx, const char *path, rnl_Meta *meta,
                       int n) {
  size_t total = 0;
  qsort(meta, (size_t)n, sizeof *meta, by_key);
  for (int i = 0; i < n; i++) {
    size_t k = strlen(meta[i].key), v = strlen(meta[i].value);
    total += k + v;
    if (rnl_utf8_check(meta[i].key, k, NULL) != k ||
        rnl_utf8_check(meta[i].value, v, NULL) != v)
      return rnli_error(ctx, RNL_EARG, "%.300s: metadata '%s' is not UTF-8",
                        path, rnli_brief(meta[i].key).text);
    if (i && strcmp(meta[i].key, meta[i - 1].key) == 0)
      return rnli_error(ctx, RNL_EARG, "%.300s: metadata '%s' is given "
                        "twice", path, rnli_brief(meta[i].key).text);
  }
  if (total > RNLI_MAX_META)
    return rnli_error(ctx, RNL_EARG, "%.300s: metadata of %zu bytes is more "
                      "than %d", path, total, RNLI_MAX_META);
  return RNL_OK;
}

/* }====================================================================== */

/* {== Writing ============================================================ */

static int write_all (rnli_Atomic *a, const Text *header,
                      const rnl_Named *tensor, int n) {
  unsigned char size[8];
  for (int i = 0; i < 8; i++)
    size[i] = (unsigned char)((uint64_t)header->n >> 8 * i);
  int status = rnli_atomic_write(a, size, sizeof size);
  if (status == RNL_OK) status = rnli_atomic_write(a, header->s, header->n);
  for (int i = 0; status == RNL_OK && i < n; i++)
    status = rnli_atomic_write(a, tensor[i].tensor->data,
                               bytes_of(tensor[i].tensor));
  return status == RNL_OK ? rnli_atomic_commit(a) : status;
}


/* Sorted, checked copies of the arguments are at hand; the digest is added. */
static int save_sorted (rnl_Context *ctx, const char *path,
                        rnl_Named *tensor, int ntensor, rnl_Meta *meta,
                        int nmeta) {
  Text header = {.ctx = ctx};
  rnli_Atomic a;
  int status = check_tensors(ctx, path, tensor, ntensor);
  if (status != RNL_OK) return status;
  uint64_t d = RNLI_DIGEST_START;
  char digest[17];
  for (int i = 0; i < ntensor; i++) {
    const rnl_Tensor *t = tensor[i].tensor;
    d = rnli_digest(d, t->data, bytes_of(t), t->ndim, t->dim);
  }
  rnli_digest_text(d, digest);
  meta[nmeta++] = (rnl_Meta){RNLI_DIGEST_KEY, digest};
  status = check_meta(ctx, path, meta, nmeta);
  if (status != RNL_OK) return status;
  build_header(&header, tensor, ntensor, meta, nmeta);
  if (header.failed)
    status = rnli_nomem(ctx, "a checkpoint's header", 2 * header.n);
  else if (header.n > RNLI_MAX_HEADER)
    status = rnli_error(ctx, RNL_EARG, "%.300s: names and metadata take %zu "
                        "bytes, more than %d", path, header.n,
                        RNLI_MAX_HEADER);
  else
    status = rnli_atomic_open(ctx, path, &a);
  if (status == RNL_OK) status = write_all(&a, &header, tensor, ntensor);
  rnli_put(ctx, header.s);
  return status;
}


int rnl_file_save (rnl_Context *ctx, const char *path, const rnl_Named *tensor,
                   int ntensor, const rnl_Meta *meta, int nmeta) {
  if (ntensor < 0 || ntensor > RNLI_MAX_TENSORS || nmeta < 0 ||
      nmeta >= RNLI_MAX_METAS)
    return rnli_error(ctx, RNL_EARG, "%.300s: %d tensors and %d keys of "
                      "metadata; at most %d and %d can be saved", path,
                      ntensor, nmeta, RNLI_MAX_TENSORS, RNLI_MAX_METAS - 1);
  size_t nt = (size_t)ntensor * sizeof *tensor;
  size_t bytes = nt + ((size_t)nmeta + 1) * sizeof *meta;
  rnl_Named *t = rnli_get(ctx, bytes);
  if (!t) return rnli_nomem(ctx, "a checkpoint's header", bytes);
  rnl_Meta *m = (rnl_Meta *)(t + ntensor);
  int kept = 0;
  if (nt) memcpy(t, tensor, nt);
  for (int i = 0; i < nmeta; i++)
    if (strcmp(meta[i].key, RNLI_DIGEST_KEY) != 0) m[kept++] = meta[i];
  int status = save_sorted(ctx, path, t, ntensor, m, kept);
  rnli_put(ctx, t);
  return status;
}

/* }====================================================================== */
