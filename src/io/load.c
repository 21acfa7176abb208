/*
** load.c - checkpoints whole: every tensor of a model file, in memory.
*/
#include "io/header.h"
#include "io/io.h"

struct rnl_File {
  rnl_Context *ctx;
  rnli_Source *source;     /* names and metadata */
  rnl_Tensor **tensor;     /* in the order of their data */
  int n;
};


static int read_tensors (rnl_File *f) {
  rnli_Source *s = f->source;
  uint64_t d = RNLI_DIGEST_START;
  size_t bytes = (size_t)s->n * sizeof *f->tensor;
  f->tensor = rnli_get(f->ctx, bytes);
  if (!f->tensor) return rnli_nomem(f->ctx, "a checkpoint", bytes);
  for (; f->n < s->n; f->n++) {
    rnli_Stored t;
    rnl_Tensor **made = &f->tensor[f->n];
    rnli_source_at(s, f->n, &t);
    int status = rnli_tensor_raw(f->ctx, t.type->dtype, t.ndim, t.dim, 0,
                                 made);
    if (status != RNL_OK) return status;
    status = rnli_source_read(s, &t, (*made)->data, &d);
    if (status != RNL_OK) {
      rnl_release(*made);
      return status;
    }
  }
  return rnli_source_compare(s, d);
}


/* Makes a file of a source, which it owns, if opening that went well. */
static int read_all (rnli_Source *s, int status, rnl_File **out) {
  *out = NULL;
  if (status != RNL_OK) return status;
  rnl_Context *ctx = s->ctx;
  rnl_File *f = rnli_get(ctx, sizeof *f);
  if (!f) {
    rnli_source_close(s);
    return rnli_nomem(ctx, "a checkpoint", sizeof *f);
  }
  *f = (rnl_File){.ctx = ctx, .source = s};
  status = read_tensors(f);
  rnli_source_shut(s);
  if (status == RNL_OK) *out = f;
  else rnl_file_free(f);
  return status;
}


int rnl_file_load (rnl_Context *ctx, const char *path, rnl_File **out) {
  rnli_Source *s;
  int status = rnli_source_open(ctx, path, 0, &s);
  return read_all(s, status, out);
}


int rnl_file_read (rnl_Context *ctx, const void *data, size_t n,
                   rnl_File **out) {
  rnli_Source *s;
  int status = rnli_source_memory(ctx, data, n, "memory", &s);
  return read_all(s, status, out);
}


void rnl_file_free (rnl_File *f) {
  if (!f) return;
  rnli_Source *s = f->source;   /* keeps the context */
  for (int i = 0; i < f->n; i++) rnl_release(f->tensor[i]);
  rnli_put(f->ctx, f->tensor);
  rnli_put(f->ctx, f);
  rnli_source_close(s);
}


int rnl_file_count (const rnl_File *f) {
  return f->n;
}


const char *rnl_file_name (const rnl_File *f, int i) {
  return rnli_source_name(f->source, i);
}


rnl_Tensor *rnl_file_tensor (const rnl_File *f, int i) {
  return f->tensor[i];
}


int rnl_file_meta_count (const rnl_File *f) {
  return f->source->nmeta;
}


const char *rnl_file_meta_key (const rnl_File *f, int i) {
  return rnli_source_key(f->source, i);
}


const char *rnl_file_meta_value (const rnl_File *f, int i) {
  return rnli_source_value(rnli_source_key(f->source, i));
}
