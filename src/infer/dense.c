/*
** dense.c - products with packed weights.
*/
#include "infer/infer.h"

enum { SHARED = 3 << 16 };   /* bytes of weights that make sharing them pay */

/* {== Packing ============================================================ */

/* Sizes of weights of n elements each; RNL_ENOMEM. */
int rnli_dense_room (rnli_Loader *l, int n, int cols, int panels,
                     rnli_Dense *d) {
  const rnli_Kernels *k = l->model->k;
  *d = (rnli_Dense){.in = n, .cols = cols, .panels = panels};
  d->k = ((size_t)n + (size_t)k->word - 1) / (size_t)k->word;
  d->size = rnli_mul(rnli_col_words(k, (size_t)n), (size_t)cols);
  d->panel = rnli_keep(l, rnli_mul(d->size, (size_t)panels),
                       (size_t)k->word_bytes);
  if (!d->panel) return RNL_ENOMEM;
  d->bias = rnli_keep(l, (size_t)panels * (size_t)cols, sizeof *d->bias);
  return d->bias ? RNL_OK : RNL_ENOMEM;
}


int rnli_dense_pack (rnli_Loader *l, const float *w, const float *b, int in,
                     int out, rnli_Dense *d) {
  const rnli_Kernels *k = l->model->k;
  const float *col[RNLI_VECS * RNLI_MAX_LANES];
  int cols = RNLI_VECS * k->lanes;
  int status = rnli_dense_room(l, in, cols, rnli_ceil_div(out, cols), d);
  if (status != RNL_OK) return status;
  d->out = out;
  for (int p = 0; p < d->panels; p++) {
    for (int j = 0; j < cols; j++) {
      int row = p * cols + j;
      col[j] = row < out ? w + (size_t)row * (size_t)in : NULL;
      d->bias[row] = row < out && b ? b[row] : 0;
    }
    k->pack_cols(col, (size_t)in, (size_t)cols, rnli_panel(k, d, p));
  }
  l->model->sizes.step_bytes += rnli_dense_bytes(k, d);
  return RNL_OK;
}


int rnli_matrix (rnli_Loader *l, const char *path, const char *name,
                 const char *bias, int in, int out, rnli_Dense *d) {
  int dim[2] = {out, in};
  float *w, *b = NULL;
  int status = rnli_tensor_once(l, path, name, 2, dim, &w);
  if (status == RNL_OK && bias)
    status = rnli_tensor_once(l, path, bias, 1, dim, &b);
  if (status == RNL_OK) status = rnli_dense_pack(l, w, b, in, out, d);
  rnli_put(l->ctx, w);
  rnli_put(l->ctx, b);
  return status;
}


int rnli_dense_load (rnli_Loader *l, const char *path, int in, int out,
                     int bias, rnli_Dense *d) {
  return rnli_matrix(l, path, "weight", bias ? "bias" : NULL, in, out, d);
}


int rnli_linear (rnli_Loader *l, const char *path, int in, int out,
                 rnli_Dense *d) {
  const rnli_Json *layer = rnli_layer(l, path);
  int D = rnli_size(layer, 0), F = rnli_size(layer, 1);
  if (!rnli_is_class(layer, "Linear") || D < 0 || F < 0 ||
      (in >= 0 && D != in) || (out >= 0 && F != out))
    return rnli_misfit(l, "has no fitting Linear '%s'", path);
  return rnli_dense_load(l, path, D, F, rnli_flag_of(layer, "bias", 1), d);
}


int rnli_table (rnli_Loader *l, const char *path, int V, int D,
                rnli_Table *t) {
  const rnli_Json *layer = rnli_layer(l, path);
  int dim[2] = {rnli_size(layer, 0), rnli_size(layer, 1)};
  float *row;
  if (!rnli_is_class(layer, "Embedding") || dim[0] < 0 || dim[1] < 0 ||
      (V >= 0 && dim[0] != V) || (D >= 0 && dim[1] != D))
    return rnli_misfit(l, "has no fitting Embedding '%s'", path);
  int status = rnli_tensor(l, path, "weight", 2, dim, &row);
  if (status == RNL_OK) *t = (rnli_Table){dim[0], dim[1], row};
  return status;
}


void rnli_embed (const rnli_Table *t, const int32_t *ids, int n, float *x,
                 size_t ld) {
  size_t D = (size_t)t->D;
  for (int i = 0; i < n; i++, x += ld)
    memcpy(x, t->row + (size_t)ids[i] * D, D * sizeof *x);
}

/* }====================================================================== */

/* {== Running ============================================================ */

int rnli_parts (const rnl_Context *ctx, size_t bytes, int panels) {
  int threads = bytes >= SHARED ? rnl_threads(ctx) : 1;
  return threads < panels ? threads : panels;
}


/* A product that workers share. */
typedef struct Round {
  const rnli_Kernels *k;
  const rnli_Dense *d;
  rnli_Rows a;
  float *y;
  size_t ld;
  int parts;
} Round;


/* Rows of a tile of panel p; a panel that ends beyond y goes elsewhere. */
static void tile_of (const Round *r, int p, int from, int rows) {
  float spare[RNLI_MAX_ROWS][RNLI_VECS * RNLI_MAX_LANES];
  size_t at = (size_t)p * (size_t)r->d->cols, cols = (size_t)r->d->cols;
  int fits = at + cols <= r->ld;
  rnli_Tile t = {.rows = rows, .vecs = RNLI_VECS};
  rnli_tile_of(r->k, &r->a, r->d, from, p, &t);
  for (int j = 0; j < rows; j++) {
    t.from[j] = r->d->bias + at;
    t.to[j] = fits ? r->y + (size_t)(from + j) * r->ld + at : spare[j];
  }
  r->k->tile(&t);
  for (int j = 0; !fits && j < rows; j++)
    memcpy(r->y + (size_t)(from + j) * r->ld + at, spare[j],
           ((size_t)r->d->out - at) * sizeof(float));
}


static void dense_part (void *arg, int part) {
  const Round *r = arg;
  int p0, p1;
  rnli_share(r->d->panels, r->parts, part, &p0, &p1);
  for (int p = p0; p < p1; p++)
    for (int n = 0; n < r->a.rows; n += r->k->rows)
      tile_of(r, p, n, r->a.rows - n < r->k->rows ? r->a.rows - n
                                                  : r->k->rows);
}


int rnli_rows (const rnli_Kernels *k, rnli_Work *w, const float *x, size_t ld,
               int rows, int n, rnli_Rows *a) {
  *a = (rnli_Rows){.rows = rows, .ld = rnli_row_words(k, (size_t)n) + 16};
  a->words = rnli_work(w, rnli_mul((size_t)rows, a->ld),
                       (size_t)k->word_bytes);
  if (!a->words) return RNL_ENOMEM;
  if (x) k->operand(x, ld, (size_t)rows, (size_t)n, a->words, a->ld);
  return RNL_OK;
}


int rnli_dense (const rnl_Model *m, const rnli_Dense *d, rnli_Work *w,
                const float *x, int rows, float *y, size_t ld) {
  rnli_Mark mark = rnli_work_mark(w);
  Round r = {.k = m->k, .d = d, .y = y, .ld = ld};
  int status = rnli_rows(m->k, w, x, (size_t)d->in, rows, d->in, &r.a);
  if (status != RNL_OK) return status;
  r.parts = rnli_parts(w->ctx, rnli_dense_bytes(m->k, d), d->panels);
  if (r.parts > 0) rnli_parallel(w->ctx, r.parts, dense_part, &r);
  rnli_work_back(w, mark);
  return RNL_OK;
}

/* }====================================================================== */
