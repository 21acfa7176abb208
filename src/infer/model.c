/*
** model.c - models: loading, sharing, what they say of themselves.
*/
#include <stdio.h>

#include "infer/infer.h"

static const rnli_Kind *const kinds[] = {
  &rnli_kind_lm, &rnli_kind_net, &rnli_kind_tagger, &rnli_kind_segmenter,
  &rnli_kind_classifier, &rnli_kind_seriesclassifier, &rnli_kind_seq2seq,
  &rnli_kind_forecaster, &rnli_kind_autoencoder, NULL
};

enum { SOME = 1 << 18 };   /* bytes that a table may have in any case */

/* {== Tensors of a file ================================================== */

static int file_find (void *from, const char *name, rnli_Stored *out) {
  return rnli_source_find(from, name, out);
}


static int file_read (void *from, const rnli_Stored *t, size_t at, size_t n,
                      float *to) {
  return rnli_source_floats(from, t, at, n, to);
}


static const rnli_Provider file_tensors = {file_find, file_read};


/*
** What tables of products may take, so that a model takes no more memory than
** twice its file, and some: all other numbers become float32.
*/
static size_t spare_of (const rnli_Source *s) {
  uint64_t floats = 0, twice = 2 * s->size;
  for (int i = 0; i < s->n; i++) {
    rnli_Stored t;
    rnli_source_at(s, i, &t);
    floats += t.count * sizeof(float);
  }
  return SOME + (size_t)(twice > floats ? (twice - floats) / 2 : 0);
}

/* }====================================================================== */

/* {== Making ============================================================= */

/* Where a string goes; behind its NUL. */
static char *put_text (char *to, const char *s) {
  size_t n = strlen(s) + 1;
  memcpy(to, s, n);
  return to + n;
}


/* Metadata that lies elsewhere, as a source has it. */
static int copy_meta (rnli_Loader *l, const rnl_Meta *meta, int n) {
  size_t bytes = 0;
  for (int i = 0; i < n; i++)
    bytes += strlen(meta[i].key) + strlen(meta[i].value) + 2;
  if (bytes > RNLI_MAX_META + 2 * (size_t)n)
    return rnli_misfit(l, "metadata is larger than %d bytes", RNLI_MAX_META);
  uint32_t *at = rnli_keep(l, (size_t)n, sizeof *at);
  char *text = rnli_keep(l, bytes, 1), *to = text;
  if (!at || !text) return RNL_ENOMEM;
  for (int i = 0; i < n; i++) {
    at[i] = (uint32_t)(to - text);
    to = put_text(to, meta[i].key);
    to = put_text(to, meta[i].value);
  }
  l->model->text = text;
  l->model->meta = at;
  l->model->nmeta = n;
  return RNL_OK;
}


static void close_source (void *source) {
  rnli_source_close(source);
}


/* The model has a source, and its metadata. */
static int keep_source (rnli_Loader *l, rnli_Source *s) {
  l->model->text = s->header;
  l->model->meta = s->meta;
  l->model->nmeta = s->nmeta;
  return rnli_own(l, s, close_source);
}


/* The kind that the file names, or that its layers make. */
static int find_kind (rnli_Loader *l) {
  const char *name = rnli_meta(l, "rnnlua.kind");
  const rnli_Kind *const *k = kinds;
  if (!name) {
    l->model->kind = rnli_kind_of(l);
    if (l->model->kind) return RNL_OK;
    return rnli_misfit(l, "says not of what kind it is, and has not one "
                       "recurrent layer and one linear one");
  }
  while (*k && strcmp((*k)->name, name) != 0) k++;
  l->model->kind = *k;
  if (*k) return RNL_OK;
  return rnli_misfit(l, "is of the kind '%.40s', which this library does not "
                     "run", name);
}


static int make (rnli_Loader *l) {
  int status = rnli_read_layers(l);
  if (status == RNL_OK) status = find_kind(l);
  return status == RNL_OK ? l->model->kind->load(l) : status;
}


static int set_precision (rnl_Model *m, const char *name) {
  int factor = name ? rnli_which("full|bf16|int8", name) : RNLI_REAL;
  if (factor < 0)
    return rnli_error(m->ctx, RNL_EARG, "'precision' must be full, bf16 or "
                      "int8, got '%s'", name);
  m->k = rnli_kernels_f32(m->level, (rnli_Factor)factor);
  return RNL_OK;
}


static void destroy (rnl_Model *m) {
  rnl_Context *ctx = m->ctx;
  rnli_tokenizer_free(m->tok);
  while (m->kept) {
    rnli_Kept *before = m->kept->before;
    if (m->kept->let_go) m->kept->let_go(m->kept->thing);
    rnli_put(ctx, m->kept);
    m->kept = before;
  }
  rnli_put(ctx, m);
  rnl_context_release(ctx);
}


int rnli_options (void *own, size_t size, const void *given) {
  size_t n;
  memcpy(&n, given, sizeof n);
  if (n < sizeof n || n > 4096) return 0;
  memcpy(own, given, n < size ? n : size);
  return 1;
}


static int read_options (const rnl_Load *load, rnl_Load *own, char *why) {
  if (!load || rnli_options(own, sizeof *own, load)) return RNL_OK;
  snprintf(why, RNL_MAX_ERROR, "the options of a model must begin with "
           "RNL_LOAD");
  return RNL_EARG;
}


/* An empty model with memory of its own. */
static int start (const rnl_Load *load, rnl_Model **out, char *why) {
  rnl_Context *ctx;
  int status = rnl_context_new(load->alloc, load->ud, &ctx);
  if (status != RNL_OK) {
    snprintf(why, RNL_MAX_ERROR, "not enough memory for a model");
    return status;
  }
  ctx->exact = 1;
  rnl_Model *m = rnli_get(ctx, sizeof *m);
  if (!m) status = rnli_nomem(ctx, "a model", sizeof *m);
  if (status == RNL_OK && load->kernels)
    status = rnl_set_kernels(ctx, load->kernels);
  if (status == RNL_OK) {
    memset(m, 0, sizeof *m);
    m->ctx = ctx;
    m->alloc = load->alloc;
    m->ud = load->ud;
    m->level = ctx->level;
    atomic_init(&m->refs, 1);
    status = set_precision(m, load->precision);
  }
  if (status == RNL_OK) *out = m;
  else snprintf(why, RNL_MAX_ERROR, "%s", rnl_errmsg(ctx));
  if (status != RNL_OK) rnli_put(ctx, m);
  if (status != RNL_OK) rnl_context_release(ctx);
  return status;
}


/* The text of an error and the end of what was begun, or the model. */
static int finish (rnl_Model *m, int status, rnl_Model **out, char *why) {
  if (status == RNL_OK) {
    m->sizes.bytes = m->ctx->mem.live;
    *out = m;
    return RNL_OK;
  }
  snprintf(why, RNL_MAX_ERROR, "%s", rnl_errmsg(m->ctx));
  destroy(m);
  return status;
}


/* 'data' NULL: from a path. */
static int load_source (const char *path, const void *data, size_t n,
                        const rnl_Load *load, rnl_Model **out, char *why) {
  char unseen[RNL_MAX_ERROR];
  rnl_Load own = RNL_LOAD;
  rnl_Model *m;
  rnli_Source *source = NULL;
  if (!why) why = unseen;
  *out = NULL;
  *why = '\0';
  int status = read_options(load, &own, why);
  if (status == RNL_OK) status = start(&own, &m, why);
  if (status != RNL_OK) return status;
  if (data && own.most && n > own.most)
    status = rnli_error(m->ctx, RNL_EFORMAT, "%s: has %zu bytes; at most %llu "
                        "are read", path, n, (unsigned long long)own.most);
  else
    status = data ? rnli_source_memory(m->ctx, data, n, path, &source)
                  : rnli_source_open(m->ctx, path, own.most, &source);
  rnli_Loader l = {.model = m, .ctx = m->ctx, .name = path,
                   .tensors = &file_tensors, .from = source};
  if (status == RNL_OK) status = keep_source(&l, source);
  if (status == RNL_OK) status = rnli_source_check(source);
  l.spare = status == RNL_OK ? spare_of(source) : 0;
  if (status == RNL_OK) status = make(&l);
  if (status == RNL_OK) rnli_source_shut(source);
  return finish(m, status, out, why);
}


int rnl_model_load (const char *path, const rnl_Load *load, rnl_Model **out,
                    char *why) {
  return load_source(path, NULL, 0, load, out, why);
}


int rnl_model_read (const void *data, size_t n, const rnl_Load *load,
                    rnl_Model **out, char *why) {
  return load_source("model", data ? data : "", data ? n : 0, load, out, why);
}


int rnli_model_make (const rnli_Provider *tensors, void *from,
                     const rnl_Meta *meta, int nmeta, const rnl_Load *load,
                     rnl_Model **out, char *why) {
  rnl_Load own = RNL_LOAD;
  rnl_Model *m;
  *out = NULL;
  int status = read_options(load, &own, why);
  if (status == RNL_OK) status = start(&own, &m, why);
  if (status != RNL_OK) return status;
  rnli_Loader l = {.model = m, .ctx = m->ctx, .name = "model",
                   .tensors = tensors, .from = from, .spare = SIZE_MAX};
  status = copy_meta(&l, meta, nmeta);
  if (status == RNL_OK) status = make(&l);
  return finish(m, status, out, why);
}

/* }====================================================================== */

/* {== Sharing and asking ================================================= */

void rnl_model_retain (rnl_Model *m) {
  atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
}


void rnl_model_release (rnl_Model *m) {
  if (m && atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) == 1)
    destroy(m);
}


const char *rnl_model_kind (const rnl_Model *m) {
  return m->kind->name;
}


void rnl_model_sizes (const rnl_Model *m, rnl_Sizes *out) {
  *out = m->sizes;
}


const char *rnl_model_label (const rnl_Model *m, int i) {
  return i >= 0 && i < m->sizes.labels ? m->label[i] : NULL;
}


const char *rnl_model_column (const rnl_Model *m, int i) {
  return i >= 0 && i < m->sizes.columns ? m->column[i] : NULL;
}

/* }====================================================================== */
