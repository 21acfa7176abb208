/*
** dense.c - products with packed weights.
*/
#include "infer/infer.h"

enum {
  SHARED = 3 << 16,   /* bytes of weights that make sharing them pay */
  ROOM = 1 << 14      /* numbers read together, unless a row has more */
};

/* {== Packing ============================================================ */

/* A matrix is packed as the units of an Elman cell: as many as there are. */
static const rnli_Unit *const plain = &rnli_unit[RNLI_ELMAN];


static rnli_Form last_form (const rnli_Unit *u, const rnli_Product *product,
                            int units, int lanes) {
  if (u->groups > 1)
    return (rnli_Form){rnli_ceil_div(units, lanes), lanes, units};
  return (rnli_Form){product->vecs, units, product->vecs * units};
}


int rnli_dense_room (rnli_Loader *l, const rnli_Unit *u,
                     const rnli_Product *product, int H, int in,
                     rnli_Dense *d) {
  const rnli_Kernels *k = l->model->k;
  size_t rows = rnli_col_words(k, (size_t)in);
  size_t lanes = (size_t)k->lanes, each = (size_t)k->word_bytes;
  int units = u->groups * k->lanes, panels = rnli_unit_panels(u, H, k->lanes);
  *d = (rnli_Dense){.in = in, .out = H, .panels = panels};
  d->full = rnli_full_form(product->vecs, k->lanes);
  d->cols = d->full.cols;
  d->k = rows - (size_t)k->col_extra;
  d->size = rnli_mul(rows, (size_t)d->cols);
  if (panels > 0) {
    d->last = last_form(u, product, H - (panels - 1) * units, k->lanes);
    d->words = rnli_add(rnli_mul(d->size, (size_t)panels - 1),
                        rnli_mul(rows, (size_t)d->last.cols));
  }
  d->panel = rnli_keep(l, rnli_add(d->words, lanes), each);
  if (!d->panel) return RNL_ENOMEM;
  memset(d->panel + d->words * each, 0, lanes * each);
  return RNL_OK;
}


int rnli_dense_bias (rnli_Loader *l, rnli_Dense *d) {
  size_t n = (size_t)d->panels * (size_t)d->cols;
  d->bias = rnli_keep(l, n, sizeof *d->bias);
  if (!d->bias) return RNL_ENOMEM;
  memset(d->bias, 0, n * sizeof *d->bias);
  return RNL_OK;
}


/* Rows of weights on their way to a panel. */
typedef struct Packing {
  rnli_Loader *l;
  const rnli_Weights *w;
  int cols;                   /* of the panel */
  int most;                   /* rows that the room has place for, */
  float *room;                /*   and one more */
} Packing;


/* y (J,D) = x (D,J) the other way around. */
static void turn (const float *x, size_t D, size_t J, float *y) {
  for (size_t j = 0; j < J; j++)
    for (size_t d = 0; d < D; d++) y[j * D + d] = x[d * J + j];
}


/* Row i of slices to 'to'. */
static int get_row (const Packing *p, size_t i, float *to) {
  size_t in = (size_t)p->w->in, J = (size_t)p->w->kernel;
  float *one = J ? p->room + (size_t)p->most * in : to, *at = one;
  int status = RNL_OK;
  for (int k = 0; status == RNL_OK && k < 2; k++) {
    const rnli_Slice *s = &p->w->slice[k];
    if (s->n == 0) continue;
    status = rnli_tensor_part(p->l, &s->from, s->at + i * s->ld, (size_t)s->n,
                              at);
    at += s->n;
  }
  if (J) turn(one, in / J, J, to);
  return status;
}


/* Rows [from, from + n), one behind the other. */
static int get_rows (const Packing *p, int from, int n, float *to) {
  const rnli_Weights *w = p->w;
  size_t in = (size_t)w->in, at = (size_t)from * in;
  int status = RNL_OK;
  if (w->w) {
    memcpy(to, w->w + at, (size_t)n * in * sizeof *to);
    return RNL_OK;
  }
  if (!w->kernel && w->slice[1].n == 0)
    return rnli_tensor_part(p->l, &w->slice[0].from, w->slice[0].at + at,
                            (size_t)n * in, to);
  for (int i = 0; status == RNL_OK && i < n; i++)
    status = get_row(p, (size_t)(from + i), to + (size_t)i * in);
  return status;
}


/* Rows [from, from + n) become columns, the first of them at 'to'. */
static int pack_rows (const Packing *p, int from, int n, char *to) {
  const float *col[RNLI_VECS * RNLI_MAX_LANES];
  const rnli_Kernels *k = p->l->model->k;
  size_t in = (size_t)p->w->in, each = (size_t)k->word_bytes;
  for (int m; n > 0; n -= m, from += m, to += (size_t)m * each) {
    m = n < p->most ? n : p->most;
    int status = get_rows(p, from, m, p->room);
    if (status != RNL_OK) return status;
    for (int j = 0; j < m; j++) col[j] = p->room + (size_t)j * in;
    k->pack_cols(col, (size_t)m, in, (size_t)p->cols, to);
  }
  return RNL_OK;
}


int rnli_dense_panel (rnli_Loader *l, const rnli_Unit *u,
                      const rnli_Product *product, const rnli_Weights *w,
                      const rnli_Dense *d, int p, char *to) {
  const rnli_Kernels *k = l->model->k;
  rnli_Form form = rnli_form(d, p);
  size_t in = (size_t)w->in, some = ROOM / (in + 1);
  Packing pack = {l, w, form.cols, some < 1 ? 1 : (int)some, NULL};
  if (pack.most > form.cols) pack.most = form.cols;
  size_t bytes = rnli_mul(rnli_mul((size_t)pack.most + (w->kernel > 0), in),
                          sizeof *pack.room);
  pack.room = rnli_get(l->ctx, bytes);
  if (!pack.room) return rnli_nomem(l->ctx, "a model", bytes);
  int status = RNL_OK;
  if (u->groups > 1) status = pack_rows(&pack, p * d->cols, form.cols, to);
  for (int v = 0; u->groups == 1 && status == RNL_OK && v < form.vecs; v++)
    status = pack_rows(&pack, product->gate[v] * d->out + p * k->lanes,
                       form.step, to + v * form.step * k->word_bytes);
  rnli_put(l->ctx, pack.room);
  return status;
}


int rnli_dense_fill (rnli_Loader *l, const rnli_Unit *u,
                     const rnli_Product *product, const rnli_Weights *w,
                     rnli_Dense *d) {
  const rnli_Kernels *k = l->model->k;
  int status = RNL_OK;
  for (int p = 0; status == RNL_OK && p < d->panels; p++)
    status = rnli_dense_panel(l, u, product, w, d, p, rnli_panel(k, d, p));
  l->model->sizes.step_bytes += rnli_dense_bytes(k, d);
  return status;
}


int rnli_dense_pack (rnli_Loader *l, const rnli_Weights *w, const float *b,
                     int out, rnli_Dense *d) {
  int status = rnli_dense_room(l, plain, &plain->x, out, w->in, d);
  if (status == RNL_OK && b) {
    status = rnli_dense_bias(l, d);
    if (status == RNL_OK) memcpy(d->bias, b, (size_t)out * sizeof *b);
  }
  if (status != RNL_OK) return status;
  return rnli_dense_fill(l, plain, &plain->x, w, d);
}


int rnli_weights (rnli_Loader *l, const char *path, const char *name, int rows,
                  int in, int kernel, rnli_Weights *w) {
  int dim[3] = {rows, kernel ? in / kernel : in, kernel};
  *w = (rnli_Weights){.in = in, .kernel = kernel};
  w->slice[0].n = in;
  w->slice[0].ld = (size_t)in;
  return rnli_tensor_find(l, path, name, kernel ? 3 : 2, dim,
                          &w->slice[0].from);
}


int rnli_dense_read (rnli_Loader *l, const rnli_Weights *w, const char *path,
                     const char *bias, int out, rnli_Dense *d) {
  float *b = NULL;
  int status = RNL_OK;
  if (bias) status = rnli_tensor_once(l, path, bias, 1, &out, &b);
  if (status == RNL_OK) status = rnli_dense_pack(l, w, b, out, d);
  rnli_put(l->ctx, b);
  return status;
}


int rnli_matrix (rnli_Loader *l, const char *path, const char *name,
                 const char *bias, int in, int out, rnli_Dense *d) {
  rnli_Weights w;
  int status = rnli_weights(l, path, name, out, in, 0, &w);
  return status == RNL_OK ? rnli_dense_read(l, &w, path, bias, out, d)
                          : status;
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
  rnli_Tile t = {.rows = rows};
  rnli_tile_of(r->k, &r->a, r->d, from, p, &t);
  for (int j = 0; j < rows; j++) {
    t.from[j] = r->d->bias ? r->d->bias + at : NULL;
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
