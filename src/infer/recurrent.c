/*
** recurrent.c - LSTM, GRU and Elman layers, step by step: the kernels and the
** order of summation of the ops over whole sequences (ops/recurrent.c). With
** factors of full precision, the same numbers.
**
** The input's product of the first layer may be a table, made once for all ids;
** or of all steps of a sequence, made before the first of them.
*/
#include <math.h>
#include <stdio.h>

#include "infer/infer.h"
#include "kernels/sums.h"

enum {
  TABLE_IDS = 8,    /* a table has at most that many rows per column of x */
  CHUNK = 128       /* steps whose input's product is made together */
};

static const double EPS = 1e-5;   /* of layer norm */

/* {== Layer norm ========================================================= */

/* A row of panels: its pieces of W are 'next' apart. */
typedef struct Pieces {
  float *at;
  size_t next;
} Pieces;


/* Lanes of a row of panel p that stand for no unit become 0. */
static void blank (const rnli_Recurrent *r, const rnli_Lane *lane, int p,
                   float *x) {
  int lanes = r->W / RNLI_VECS, units = r->H - p * lanes;
  for (int v = 0; units < lanes && v < lane->x.full.vecs; v++)
    memset(x + v * lanes + units, 0, (size_t)(lanes - units) * sizeof *x);
}


/* Gives a row mean 0 and variance 1. */
static void normalise (const rnli_Recurrent *r, const rnli_Lane *lane,
                       Pieces row) {
  double count = (double)r->u->gates * r->H, sum = 0, squares = 0;
  size_t cols = (size_t)lane->x.cols;
  for (int p = 0; p < r->panels; p++) {
    float *x = row.at + (size_t)p * row.next;
    blank(r, lane, p, x);
    sum += rnli_total(x, cols);
  }
  float mean = (float)(sum / count);
  for (int p = 0; p < r->panels; p++) {
    float *x = row.at + (size_t)p * row.next;
    for (size_t j = 0; j < cols; j++) x[j] -= mean;
    blank(r, lane, p, x);
    squares += rnli_dot(x, x, cols);
  }
  float scale = (float)(1 / sqrt(squares / count + EPS));
  for (int p = 0; p < r->panels; p++) {
    float *x = row.at + (size_t)p * row.next;
    for (size_t j = 0; j < cols; j++) x[j] *= scale;
  }
}


/* The gates of a row, before their nonlinearity. */
static void add_up (const rnli_Recurrent *r, const rnli_Lane *lane, Pieces x,
                    Pieces h) {
  for (int p = 0; p < r->panels; p++) {
    float *gates = x.at + (size_t)p * x.next;
    const float *hp = h.at + (size_t)p * h.next;
    size_t at = (size_t)p * (size_t)r->W;
    const float *gx = lane->gain_x + at, *gh = lane->gain_h + at;
    const float *b = lane->bias + at;
    for (int j = 0; j < lane->x.cols; j++)
      gates[j] = gx[j] * gates[j] + gh[j] * hp[j] + b[j];
  }
}


/* Mean and scale of c of a row. */
static void measure_c (const float *c, size_t H, float *stats) {
  float d[RNLI_BUFFER];
  double squares = 0;
  float mean = (float)(rnli_total(c, H) / (double)H);
  for (size_t k = 0; k < H; k += RNLI_BUFFER) {
    size_t len = H - k < RNLI_BUFFER ? H - k : RNLI_BUFFER;
    for (size_t j = 0; j < len; j++) d[j] = c[k + j] - mean;
    squares += rnli_dot(d, d, len);
  }
  stats[RNLI_C_MEAN] = mean;
  stats[RNLI_C_SCALE] = (float)(1 / sqrt(squares / (double)H + EPS));
}

/* }====================================================================== */

/* {== Loading ============================================================ */

/* Products of all ids with panel p; 'words' has place for one of them. */
static void table_panel (const rnli_Recurrent *r, const rnli_Kernels *k,
                         const rnli_Table *embed, const char *panel, int p,
                         char *words) {
  const rnli_Dense *d = &r->lane->x;
  size_t D = (size_t)embed->D, at = (size_t)p * (size_t)r->W;
  rnli_Tile t = {.rows = 1, .form = rnli_form(d, p), .a = words, .a_k = 1,
                 .k = rnli_col_words(k, D) - (size_t)k->col_extra,
                 .chunks = 1, .b = panel};
  t.from[0] = d->bias + p * d->cols;
  for (int v = 0; v < embed->V; v++) {
    k->operand(embed->row + (size_t)v * D, D, 1, D, words, 0);
    t.to[0] = r->table + (size_t)v * (size_t)r->panels * (size_t)r->W + at;
    k->tile(&t);
  }
}


/* It says what the products would have said, to the bit. */
static int make_table (rnli_Loader *l, rnli_Recurrent *r,
                       const rnli_Weights *w_ih, const rnli_Table *embed) {
  const rnli_Kernels *k = l->model->k;
  const rnli_Dense *d = &r->lane->x;
  size_t row = (size_t)r->panels * (size_t)r->W, D = (size_t)embed->D;
  size_t words = rnli_add(rnli_mul(rnli_col_words(k, D),
                                   (size_t)rnli_form(d, 0).cols),
                          (size_t)k->lanes);
  size_t bytes = rnli_mul(rnli_add(words, rnli_row_words(k, D)),
                          (size_t)k->word_bytes);
  r->table = rnli_keep(l, rnli_mul(row, (size_t)embed->V), sizeof(float));
  if (!r->table) return RNL_ENOMEM;
  char *panel = rnli_get(l->ctx, bytes);
  if (!panel) return rnli_nomem(l->ctx, "a model", bytes);
  memset(panel, 0, bytes);
  int status = RNL_OK;
  for (int p = 0; status == RNL_OK && p < r->panels; p++) {
    status = rnli_dense_panel(l, r->u, &r->u->x, w_ih, d, p, panel);
    if (status == RNL_OK)
      table_panel(r, k, embed, panel, p,
                  panel + words * (size_t)k->word_bytes);
  }
  rnli_put(l->ctx, panel);
  for (int v = 0; status == RNL_OK && r->lane->norm && v < embed->V; v++)
    normalise(r, r->lane, (Pieces){r->table + (size_t)v * row,
                                   (size_t)r->W});
  return status;
}


/* A lane whose tensors are read and packed one after the other. */
typedef struct Packing {
  rnli_Loader *l;
  const char *path, *suffix;
  rnli_Recurrent *r;
  rnli_Lane *lane;
  const rnli_Table *embed;    /* with the products of all ids; or NULL */
  int bias, peephole, norm;   /* does the layer have these? */
  char name[64];
} Packing;

/* A tensor of the lane, until the next is asked for. */
static const char *name_of (Packing *p, const char *what) {
  snprintf(p->name, sizeof p->name, "%.30s%.30s", what, p->suffix);
  return p->name;
}


/* The rows of a vector where columns of panels stand for them, 'cols' to each
   panel; 0 where none does, or without it. */
static void spread (const Packing *p, const float *x, int cols, float *to) {
  const rnli_Recurrent *r = p->r;
  for (int j = 0; j < r->panels * cols; j++) {
    int row = rnli_unit_row(r->u, r->u->x.gate, r->H, p->l->model->k->lanes,
                            j / cols, j % cols);
    to[j] = x && row >= 0 && j % cols < p->lane->x.cols ? x[row] : 0;
  }
}


/* Biases of the gates: the two are one unless the product is split. */
static int pack_biases (Packing *p) {
  rnli_Lane *lane = p->lane;
  int rows = p->r->u->gates * p->r->H, split = p->r->u->split;
  int status = RNL_OK;
  float *ih = NULL, *hh = NULL;
  if (p->bias) {
    status = rnli_tensor_once(p->l, p->path, name_of(p, "bias_ih"), 1, &rows,
                              &ih);
    if (status == RNL_OK)
      status = rnli_tensor_once(p->l, p->path, name_of(p, "bias_hh"), 1, &rows,
                                &hh);
  }
  for (int i = 0; hh && !split && i < rows; i++) ih[i] += hh[i];
  if (status == RNL_OK) status = rnli_dense_bias(p->l, &lane->x);
  if (status == RNL_OK) spread(p, ih, lane->x.cols, lane->x.bias);
  if (status == RNL_OK && split) status = rnli_dense_bias(p->l, &lane->h);
  if (status == RNL_OK && split) spread(p, hh, lane->h.cols, lane->h.bias);
  rnli_put(p->l->ctx, ih);
  rnli_put(p->l->ctx, hh);
  return status;
}


/*
** Gain and bias of c, gains of the products, and their biases, which then come
** after the norm.
*/
static int pack_norm (Packing *p) {
  const rnli_Recurrent *r = p->r;
  rnli_Lane *lane = p->lane;
  int W = r->W, dim[2] = {2 * r->u->gates + 2, r->H};
  size_t row = (size_t)r->panels * (size_t)W, H = (size_t)r->H;
  size_t gains = (size_t)r->u->gates * H;
  float *norm, *all = rnli_keep(p->l, rnli_mul(row, 3), sizeof *all);
  lane->norm = rnli_keep(p->l, rnli_mul(H, 2), sizeof *lane->norm);
  if (!all || !lane->norm) return RNL_ENOMEM;
  int status = rnli_tensor_once(p->l, p->path, name_of(p, "layer_norm"), 2,
                                dim, &norm);
  if (status == RNL_OK) {
    lane->gain_x = all;
    lane->gain_h = all + row;
    lane->bias = all + 2 * row;
    spread(p, norm, W, lane->gain_x);
    spread(p, norm + gains, W, lane->gain_h);
    memcpy(lane->norm, norm + 2 * gains, 2 * H * sizeof *norm);
    for (int i = 0; i < r->panels; i++) {
      float *bias = lane->x.bias + i * lane->x.cols;
      size_t bytes = (size_t)lane->x.cols * sizeof *bias;
      memcpy(lane->bias + i * W, bias, bytes);
      memset(bias, 0, bytes);
    }
  }
  rnli_put(p->l->ctx, norm);
  return status;
}


/* A product of the lane: its weights, and what it becomes. */
typedef struct Part {
  const rnli_Product *product;
  rnli_Dense *d;
  rnli_Weights w;
} Part;

/* The size is that of a tensor that the file has, so it bounds the room. */
static int make_room (Packing *p, const char *what, int in, Part *part) {
  const rnli_Recurrent *r = p->r;
  int kept = p->embed && part->d == &p->lane->x ? 0 : in;
  int status = rnli_weights(p->l, p->path, name_of(p, what),
                            r->u->gates * r->H, in, 0, &part->w);
  if (status != RNL_OK) return status;
  return rnli_dense_room(p->l, r->u, part->product, r->H, kept, part->d);
}


static int pack_part (Packing *p, const Part *part) {
  if (p->embed && part->d == &p->lane->x)
    return make_table(p->l, p->r, &part->w, p->embed);
  return rnli_dense_fill(p->l, p->r->u, part->product, &part->w, part->d);
}


/* Products, biases, peepholes, gains. */
static int pack_lane (Packing *p, int D) {
  const rnli_Unit *u = p->r->u;
  rnli_Lane *lane = p->lane;
  Part part[] = {{.product = &u->x, .d = &lane->x},
                 {.product = &u->h, .d = &lane->h},
                 {.product = &u->inner, .d = &lane->inner}};
  int n = u->inner.vecs ? 3 : 2, peep[2] = {u->gates - 1, p->r->H};
  int status = make_room(p, "weight_ih", D, &part[0]);
  for (int i = 1; status == RNL_OK && i < n; i++)
    status = make_room(p, "weight_hh", p->r->S, &part[i]);
  if (status == RNL_OK) status = pack_biases(p);
  if (status == RNL_OK && p->peephole)
    status = rnli_tensor(p->l, p->path, name_of(p, "weight_peephole"), 2, peep,
                         &lane->peep);
  if (status == RNL_OK && p->norm)
    status = pack_norm(p);
  for (int i = 0; status == RNL_OK && i < n; i++)
    status = pack_part(p, &part[i]);
  return status;
}


/* Lane i; 'p' knows what they have in common. */
static int load_lane (Packing p, int i, const rnli_Table *embed) {
  const rnli_Recurrent *r = p.r;
  char suffix[32];
  p.suffix = suffix;
  p.lane = &r->lane[i];
  p.embed = i == 0 && r->V > 0 ? embed : NULL;
  snprintf(suffix, sizeof suffix, "_l%d%s", i / r->dirs,
           i % r->dirs ? "_reverse" : "");
  int status = pack_lane(&p, i < r->dirs ? r->D : r->dirs * r->S);
  if (status != RNL_OK || r->S == r->H) return status;
  return rnli_matrix(p.l, p.path, name_of(&p, "weight_hr"), NULL, r->H, r->S,
                     &p.lane->proj);
}


static int unit_of (const rnli_Json *layer) {
  if (rnli_is_class(layer, "LSTM"))
    return rnli_flag_of(layer, "coupled", 0) ? RNLI_CIFG : RNLI_LSTM;
  if (rnli_is_class(layer, "RNN")) return RNLI_ELMAN;
  return rnli_word_of(layer, "reset", "after|before") == 1 ? RNLI_GRU_BEFORE
                                                           : RNLI_GRU;
}


/* Sizes and options, which are not trusted; 0 when they make no layer. */
static int read_sizes (const rnli_Json *layer, rnli_Recurrent *r) {
  double zone_h = rnli_number_of(layer, "zoneout", 0);
  double zone_c = rnli_number_of(layer, "zoneout_c", 0);
  r->D = rnli_size(layer, 0);
  r->H = rnli_size(layer, 1);
  r->L = rnli_whole_of(layer, "num_layers", 1, 1, 1000);
  r->S = rnli_whole_of(layer, "proj_size", 0, 0, r->H - 1);
  if (r->D < 0 || r->H < 1 || r->H > INT32_MAX / 16 || r->L < 0 || r->S < 0 ||
      !(zone_h >= 0 && zone_h <= 1) || !(zone_c >= 0 && zone_c <= 1) ||
      (r->S > 0 && zone_h > 0))
    return 0;
  if (r->S == 0) r->S = r->H;
  r->dirs = rnli_flag_of(layer, "bidirectional", 0) ? 2 : 1;
  r->residual = rnli_flag_of(layer, "residual", 0);
  r->cell.zone_h = (float)zone_h;
  r->cell.zone_c = (float)zone_c;
  return 1;
}


static void set_cell (const rnli_Kernels *k, const rnli_Json *layer,
                      const Packing *p) {
  rnli_Recurrent *r = p->r;
  rnli_Cell *c = &r->cell;
  r->unit = unit_of(layer);
  r->u = &rnli_unit[r->unit];
  r->cells = r->u->cells;
  r->W = RNLI_VECS * k->lanes;
  r->panels = rnli_unit_panels(r->u, r->H, k->lanes);
  c->H = r->H;
  c->ld = rnli_ceil_div(r->H, r->W) * r->W;
  c->relu = rnli_word_of(layer, "nonlinearity", "tanh|relu") == 1;
  c->hard = rnli_word_of(layer, "gate_activation",
                         "sigmoid|hard_sigmoid") == 1;
  c->coupled = r->unit == RNLI_CIFG;
  c->varied = c->hard || c->coupled || p->peephole ||
              c->zone_h > 0 || c->zone_c > 0 || r->S != r->H ||
              p->norm || r->u->inner.vecs;
}


static int load_state (rnli_Loader *l, const char *path,
                       const rnli_Json *layer, rnli_Recurrent *r) {
  int h[3] = {r->L * r->dirs, 1, r->S}, c[3] = {r->L * r->dirs, 1, r->H};
  if (!rnli_flag_of(layer, "learned_state", 0)) return RNL_OK;
  int status = rnli_tensor(l, path, "h0", 3, h, &r->h0);
  if (status == RNL_OK && r->cells)
    status = rnli_tensor(l, path, "c0", 3, c, &r->c0);
  return status;
}


/* Does a table of all products pay, and is there memory to spare for it? */
static int has_table (rnli_Loader *l, const rnli_Recurrent *r,
                      const rnli_Table *embed) {
  size_t row = (size_t)r->panels * (size_t)r->W * sizeof(float);
  size_t bytes = rnli_mul(row, (size_t)embed->V);
  if (r->dirs > 1 || embed->V / TABLE_IDS > embed->D || bytes > l->spare)
    return 0;
  l->spare -= bytes;
  return 1;
}


int rnli_recurrent (rnli_Loader *l, const char *path, int D,
                    const rnli_Table *embed, rnli_Recurrent *r) {
  const rnli_Json *layer = rnli_layer(l, path);
  *r = (rnli_Recurrent){.dirs = 1};
  if (rnli_is_class(layer, "ClockworkRNN"))
    return rnli_clockwork(l, path, D, r);
  if (!rnli_is_class(layer, "LSTM|GRU|RNN") || !read_sizes(layer, r) ||
      (D >= 0 && r->D != D) || rnli_flag_of(layer, "batch_first", 0))
    return rnli_misfit(l, "has no fitting recurrent layer '%s'", path);
  Packing p = {.l = l, .path = path, .r = r,
               .bias = rnli_flag_of(layer, "bias", 1),
               .peephole = rnli_flag_of(layer, "peephole", 0),
               .norm = rnli_flag_of(layer, "layer_norm", 0)};
  set_cell(l->model->k, layer, &p);
  size_t lanes = (size_t)r->L * (size_t)r->dirs;
  r->lane = rnli_keep(l, lanes, sizeof *r->lane);
  if (!r->lane) return RNL_ENOMEM;
  memset(r->lane, 0, lanes * sizeof *r->lane);
  if (embed && has_table(l, r, embed)) r->V = embed->V;
  int status = load_state(l, path, layer, r);
  for (int i = 0; status == RNL_OK && i < r->L * r->dirs; i++)
    status = load_lane(p, i, embed);
  return status;
}

/* }====================================================================== */

/* {== A step of a lane =================================================== */

/* Some rows of a lane at one step. */
typedef struct Step {
  const rnl_Model *m;
  const rnli_Recurrent *r;
  const rnli_Lane *lane;
  rnl_Context *ctx;
  int N, parts;
  float *gates;               /* a panel has rows of W ... */
  size_t rows;                /* ... of which it has so many */
  const int32_t *ids;         /* whose input's product is in the table; or */
  int ready;                  /* it is in the gates; or it is made of */
  rnli_Rows x, s, i;          /* words of x, h and inner */
  float *rec;                 /* (panels, N, cols): split products; or those of
                                 h alone, (panels, N, W), to be normalised */
  float *inner;               /* (N,H): what a further product reads */
  float *fresh, *stats;       /* c before its norm, (N,ld); see kernels.h */
  float *h, *c;
} Step;


static float *gates_of (const Step *s, int p, int n) {
  return s->gates + ((size_t)p * s->rows + (size_t)n) * (size_t)s->r->W;
}


static float *rec_of (const Step *s, int p, int n) {
  int cols = s->lane->norm ? s->r->W : s->lane->h.cols;
  return s->rec + ((size_t)p * (size_t)s->N + (size_t)n) * (size_t)cols;
}


/* Rows n and on of the input's product of panel p. */
static void input_part (const Step *s, int p, rnli_Tile *t, int n) {
  const rnli_Dense *d = &s->lane->x;
  size_t W = (size_t)s->r->W;
  for (int j = 0; s->ids && j < t->rows; j++)
    memcpy(gates_of(s, p, n + j), s->r->table +
           ((size_t)s->ids[n + j] * (size_t)s->r->panels + (size_t)p) * W,
           W * sizeof(float));
  if (s->ids || s->ready) return;
  rnli_tile_of(s->m->k, &s->x, d, n, p, t);
  for (int j = 0; j < t->rows; j++) {
    t->from[j] = d->bias + p * d->cols;
    t->to[j] = gates_of(s, p, n + j);
  }
  s->m->k->tile(t);
}


/* The recurrent part: added to the gates, or apart from them. */
static void state_part (const Step *s, int p, rnli_Tile *t, int n) {
  const rnli_Dense *d = &s->lane->h;
  int apart = s->r->u->split || s->lane->norm;
  rnli_tile_of(s->m->k, &s->s, d, n, p, t);
  for (int j = 0; j < t->rows; j++) {
    float *gates = gates_of(s, p, n + j);
    t->to[j] = apart ? rec_of(s, p, n + j) : gates;
    t->from[j] = s->lane->norm ? NULL :
                 s->r->u->split ? d->bias + p * d->cols : gates;
  }
  s->m->k->tile(t);
}


typedef void CellFunction (const rnli_Cell *c);

/* All rows of the cells of panel p. */
static void cells_part (const Step *s, int p, CellFunction *run) {
  const rnli_Recurrent *r = s->r;
  int units = r->u->groups * s->m->k->lanes, u = p * units;
  rnli_Cell c = r->cell;
  c.rows = s->N;
  c.units = r->H - u < units ? r->H - u : units;
  c.gates = gates_of(s, p, 0);
  if (r->u->split) c.rec = rec_of(s, p, 0);
  c.h = (r->S == r->H ? s->h : s->inner) + u;
  c.h_prev = r->S == r->H ? c.h : NULL;
  if (s->c) c.c_prev = c.c = s->c + u;
  if (s->inner) c.inner = s->inner + u;
  if (s->lane->peep) c.peep = s->lane->peep + u;
  if (s->lane->norm) {
    c.norm = s->lane->norm + u;
    c.stats = s->stats;
    c.fresh = s->fresh + u;
  }
  run(&c);
}


/* What runs on panels once their products are there. */
static CellFunction *after_products (const Step *s) {
  const rnli_Cells *cells = s->m->k->cells;
  if (s->lane->norm) return NULL;
  return s->r->u->inner.vecs ? cells->reset : cells->forward[s->r->unit];
}


static int rows_at (const Step *s, int n) {
  return s->N - n < s->m->k->rows ? s->N - n : s->m->k->rows;
}


/* The cells of a panel run beside the products of the next. */
static void lane_part (void *arg, int part) {
  const Step *s = arg;
  CellFunction *run = after_products(s);
  int p0, p1;
  rnli_share(s->r->panels, s->parts, part, &p0, &p1);
  for (int p = p0; p < p1; p++) {
    for (int n = 0; n < s->N; n += s->m->k->rows) {
      rnli_Tile x = {.rows = rows_at(s, n)}, h = x;
      input_part(s, p, &x, n);
      state_part(s, p, &h, n);
    }
    if (run && p > p0) cells_part(s, p - 1, run);
  }
  if (run && p1 > p0) cells_part(s, p1 - 1, run);
}


/* GRU, reset before the product: that of n with r*h, then the cells. */
static void inner_part (void *arg, int part) {
  const Step *s = arg;
  const rnli_Unit *u = s->r->u;
  int p0, p1;
  rnli_share(s->r->panels, s->parts, part, &p0, &p1);
  for (int p = p0; p < p1; p++) {
    for (int n = 0; n < s->N; n += s->m->k->rows) {
      rnli_Tile t = {.rows = rows_at(s, n)};
      rnli_tile_of(s->m->k, &s->i, &s->lane->inner, n, p, &t);
      for (int j = 0; j < t.rows; j++) {
        t.to[j] = gates_of(s, p, n + j) + u->inner.from * s->m->k->lanes;
        t.from[j] = t.to[j];
      }
      s->m->k->tile(&t);
    }
    cells_part(s, p, s->m->k->cells->forward[s->r->unit]);
  }
}


static void norm_rows (const Step *s) {
  const rnli_Recurrent *r = s->r;
  size_t W = (size_t)r->W;
  for (int n = 0; n < s->N; n++) {
    Pieces x = {gates_of(s, 0, n), s->rows * W};
    Pieces h = {rec_of(s, 0, n), (size_t)s->N * W};
    if (!s->ids && !s->ready) normalise(r, s->lane, x);
    normalise(r, s->lane, h);
    add_up(r, s->lane, x, h);
  }
  for (int p = 0; p < r->panels; p++)
    cells_part(s, p, s->m->k->cells->forward[r->unit]);
  for (int n = 0; n < s->N; n++)
    measure_c(s->fresh + (size_t)n * (size_t)r->cell.ld, (size_t)r->H,
              s->stats + (size_t)n * RNLI_STATS);
  for (int p = 0; p < r->panels; p++) cells_part(s, p, s->m->k->cells->output);
}


/* Work memory of a lane for N rows; that of x is the caller's. */
static int lane_room (Step *s, rnli_Work *w) {
  const rnli_Recurrent *r = s->r;
  size_t N = (size_t)s->N, W = (size_t)r->W;
  int status = rnli_rows(s->m->k, w, NULL, 0, s->N, r->S, &s->s);
  if (status != RNL_OK) return status;
  if (r->u->split || s->lane->norm) {
    s->rec = rnli_floats(w, rnli_mul(N, W), (size_t)r->panels);
    if (!s->rec) return RNL_ENOMEM;
  }
  if (r->u->inner.vecs || r->S != r->H) {
    s->inner = rnli_floats(w, N, (size_t)r->H);
    if (!s->inner) return RNL_ENOMEM;
    status = rnli_rows(s->m->k, w, NULL, 0, s->N, r->H, &s->i);
  }
  if (status != RNL_OK || !s->lane->norm) return status;
  s->fresh = rnli_floats(w, N, (size_t)r->cell.ld);
  s->stats = rnli_floats(w, N, RNLI_STATS);
  return s->fresh && s->stats ? RNL_OK : RNL_ENOMEM;
}


/* One step: h and c become what they are after it. */
static int step_lane (Step *s, rnli_Work *w) {
  const rnli_Recurrent *r = s->r;
  const rnli_Kernels *k = s->m->k;
  size_t bytes = rnli_dense_bytes(k, &s->lane->x) +
                 rnli_dense_bytes(k, &s->lane->h);
  s->parts = rnli_parts(s->ctx, bytes, r->panels);
  k->operand(s->h, (size_t)r->S, (size_t)s->N, (size_t)r->S, s->s.words,
             s->s.ld);
  rnli_parallel(s->ctx, s->parts, lane_part, s);
  if (s->lane->norm) norm_rows(s);
  if (r->u->inner.vecs) {
    k->operand(s->inner, (size_t)r->H, (size_t)s->N, (size_t)r->H, s->i.words,
               s->i.ld);
    rnli_parallel(s->ctx, s->parts, inner_part, s);
  }
  if (r->S == r->H) return RNL_OK;
  return rnli_dense(s->m, &s->lane->proj, w, s->inner, s->N, s->h,
                    (size_t)r->S);
}

/* }====================================================================== */

/* {== Steps and sequences ================================================ */

/* The input's product of rows of x, normalised if that is wanted. */
static void project (Step *s, int rows) {
  const rnli_Recurrent *r = s->r;
  for (int p = 0; p < r->panels; p++)
    for (int n = 0; n < rows; n += s->m->k->rows) {
      rnli_Tile t = {.rows = rows - n < s->m->k->rows ? rows - n
                                                      : s->m->k->rows};
      input_part(s, p, &t, n);
    }
  for (int n = 0; s->lane->norm && n < rows; n++)
    normalise(r, s->lane, (Pieces){gates_of(s, 0, n),
                                   s->rows * (size_t)r->W});
}


void rnli_recurrent_begin (const rnli_Recurrent *r, int N, float *h,
                           float *c) {
  size_t S = (size_t)r->S, H = (size_t)r->H;
  for (int i = 0; i < r->L * r->dirs; i++)
    for (int n = 0; n < N; n++, h += S) {
      if (r->h0) memcpy(h, r->h0 + (size_t)i * S, S * sizeof *h);
      else memset(h, 0, S * sizeof *h);
      if (!r->cells) continue;
      if (r->c0) memcpy(c, r->c0 + (size_t)i * H, H * sizeof *c);
      else memset(c, 0, H * sizeof *c);
      c += H;
    }
}


/* One lane for N rows at one step. */
static Step step_of (const rnl_Model *m, const rnli_Recurrent *r,
                     rnli_Work *w, int i, int N, float *h, float *c) {
  size_t at = (size_t)i * (size_t)N;
  return (Step){.m = m, .r = r, .lane = &r->lane[i], .ctx = w->ctx, .N = N,
                .h = h + at * (size_t)r->S,
                .c = r->cells ? c + at * (size_t)r->H : NULL};
}


static int gates_room (Step *s, rnli_Work *w, size_t rows) {
  s->rows = rows;
  s->gates = rnli_floats(w, rnli_mul(rows, (size_t)s->r->W),
                         (size_t)s->r->panels);
  return s->gates ? RNL_OK : RNL_ENOMEM;
}


static void add_to (float *y, const float *x, size_t n) {
  for (size_t i = 0; i < n; i++) y[i] = x[i] + y[i];
}


/* Layer l of a step: x (N,D) or ids; h and c are its states. */
static int step_layer (const rnl_Model *m, const rnli_Recurrent *r,
                       rnli_Work *w, int l, int N, const float *x,
                       const int32_t *ids, float *h, float *c) {
  Step s = step_of(m, r, w, l, N, h, c);
  int D = l ? r->S : r->D;
  int status = gates_room(&s, w, (size_t)N);
  s.ids = ids;
  if (status == RNL_OK && !ids)
    status = rnli_rows(m->k, w, x, (size_t)D, N, D, &s.x);
  if (status == RNL_OK) status = lane_room(&s, w);
  return status == RNL_OK ? step_lane(&s, w) : status;
}


int rnli_recurrent_step (const rnl_Model *m, const rnli_Recurrent *r,
                         rnli_Work *w, int N, const float *x,
                         const int32_t *ids, float *h, float *c, int64_t *t,
                         float *y) {
  size_t n = (size_t)N * (size_t)r->S;
  if (!r->u) return rnli_clockwork_step(m, r, w, N, x, h, t, y);
  for (int l = 0; l < r->L; l++) {
    rnli_Mark mark = rnli_work_mark(w);
    int status = step_layer(m, r, w, l, N, l ? y : x, l ? NULL : ids, h, c);
    if (status != RNL_OK) return status;
    if (l == 0 || !r->residual) memcpy(y, h + (size_t)l * n, n * sizeof *y);
    else add_to(y, h + (size_t)l * n, n);
    rnli_work_back(w, mark);
  }
  ++*t;
  return RNL_OK;
}


/* A lane of a layer over steps [from, to) of x (T,D), y (T, dirs*S). */
static int run_chunk (Step *s, rnli_Work *w, const float *x, int D, int from,
                      int to, int reverse, float *y, size_t ld) {
  const rnli_Recurrent *r = s->r;
  int rows = to - from;
  float *gates = s->gates;
  s->m->k->operand(x + (size_t)from * (size_t)D, (size_t)D, (size_t)rows,
                   (size_t)D, s->x.words, s->x.ld);
  project(s, rows);
  s->ready = 1;
  for (int i = 0; i < rows; i++) {
    int t = reverse ? rows - 1 - i : i;
    s->gates = gates + (size_t)t * (size_t)r->W;
    int status = step_lane(s, w);
    if (status != RNL_OK) return status;
    memcpy(y + (size_t)(from + t) * ld, s->h, (size_t)r->S * sizeof *y);
  }
  s->gates = gates;
  s->ready = 0;
  return RNL_OK;
}


static int run_lane (const rnl_Model *m, const rnli_Recurrent *r, rnli_Work *w,
                     int i, int T, const float *x, float *h, float *c,
                     float *y) {
  Step s = step_of(m, r, w, i, 1, h, c);
  int reverse = i % r->dirs, D = i < r->dirs ? r->D : r->dirs * r->S;
  int chunk = T < CHUNK ? T : CHUNK;
  int status = gates_room(&s, w, (size_t)chunk);
  if (status == RNL_OK) status = rnli_rows(m->k, w, NULL, 0, chunk, D, &s.x);
  if (status == RNL_OK) status = lane_room(&s, w);
  for (int done = 0; status == RNL_OK && done < T; done += chunk) {
    int left = T - done < chunk ? T - done : chunk;
    int from = reverse ? T - done - left : done;
    status = run_chunk(&s, w, x, D, from, from + left, reverse,
                       y + (size_t)reverse * (size_t)r->S,
                       (size_t)r->dirs * (size_t)r->S);
  }
  return status;
}


int rnli_recurrent_run (const rnl_Model *m, const rnli_Recurrent *r,
                        rnli_Work *w, int T, const float *x, float *h,
                        float *c, int64_t *t, float *y) {
  size_t n = (size_t)T * (size_t)r->dirs * (size_t)r->S;
  float *other = NULL;
  int status = RNL_OK;
  if (!r->u) return rnli_clockwork_run(m, r, w, T, x, h, t, y);
  if (r->L > 1) {
    other = rnli_floats(w, n, 1);
    if (!other) return RNL_ENOMEM;
  }
  for (int l = 0; status == RNL_OK && l < r->L; l++) {
    float *to = (r->L - l) % 2 ? y : other;
    for (int d = 0; status == RNL_OK && d < r->dirs; d++) {
      rnli_Mark mark = rnli_work_mark(w);
      status = run_lane(m, r, w, l * r->dirs + d, T, x, h, c, to);
      rnli_work_back(w, mark);
    }
    if (l > 0 && r->residual) add_to(to, x, n);
    x = to;
  }
  return status;
}

/* }====================================================================== */
