/*
** stepper.c - language models one token at a time: packed weights, no tape, no
** allocation, no BLAS.
**
** The same kernels and the same order of summation as the ops of a tape: with
** factors of full precision, the same numbers. With few ids the first layer's
** input product is a table, made once for all ids.
*/
#include <math.h>

#include "core/core.h"
#include "kernels/unit.h"

enum {
  SHARED = 3 << 16,   /* bytes of weights that make sharing a round pay */
  TABLE_IDS = 8       /* a table has at most that many rows per column of x */
};

/* A product with packed weights; 'out' columns in panels of 'cols'. */
typedef struct Weights {
  char *panels;
  float *bias;        /* panels x cols */
  int n;              /* elements of a row of the factor */
  size_t k, size;     /* words of that row; words of a panel */
} Weights;

typedef struct Layer {
  Weights x, h;
  float *hs, *cs;     /* (streams, H); no cs without a state c */
} Layer;

struct rnl_Stepper {
  rnl_Context *ctx;
  const rnli_Kernels *k;
  const rnli_Unit *u;
  int unit, relu;
  int layers, streams;
  int history;
  int V, D, H, U;
  int W, cols, panels, out_panels;
  const float *embed;         /* of 'keep' */
  rnl_Tensor *keep;
  float *table;               /* (V, panels*W), or NULL */
  Layer *layer;
  Weights out;
  char *x, *h;                /* factors of a round: rows of words */
  size_t ld;                  /* words of such a row */
  float *gates;               /* (panels, streams, W) */
  float *rec;                 /* (panels, streams, cols): split products */
  float *logits;              /* (streams, out_panels*W) */
  void *work;                 /* for drawing */
  int32_t *ids;               /* (streams) */
  int32_t *recent;            /* (streams, 2*history): the last ones end at */
  int seen;                   /* 'seen', which goes back when it is full */
  void *block;
};

/* {== Memory ============================================================= */

static void take_weights (const rnl_Stepper *s, rnli_Room *room, Weights *w,
                          int n, int panels, int cols) {
  w->n = n;
  w->k = (size_t)rnli_ceil_div(n, s->k->word);
  w->size = rnli_mul(rnli_col_words(s->k, (size_t)n), (size_t)cols);
  w->panels = rnli_take(room, rnli_mul(w->size, (size_t)panels),
                        (size_t)s->k->word_bytes);
  w->bias = rnli_take(room, (size_t)panels * (size_t)cols, sizeof(float));
}


/* Deals out everything but the stepper itself. */
static size_t make_room (rnl_Stepper *s, void *block, int table) {
  rnli_Room room = {block, 0};
  size_t N = (size_t)s->streams, np = (size_t)s->panels, W = (size_t)s->W;
  s->layer = rnli_take(&room, (size_t)s->layers, sizeof *s->layer);
  Layer unused;
  for (int l = 0; l < s->layers; l++) {
    Layer *layer = block ? &s->layer[l] : &unused;
    take_weights(s, &room, &layer->x, l ? s->H : s->D, s->panels, s->cols);
    take_weights(s, &room, &layer->h, s->H, s->panels, s->cols);
    layer->hs = rnli_take(&room, N * (size_t)s->H, sizeof(float));
    layer->cs = NULL;
    if (s->u->cells)
      layer->cs = rnli_take(&room, N * (size_t)s->H, sizeof(float));
  }
  take_weights(s, &room, &s->out, s->H, s->out_panels, s->W);
  if (table)
    s->table = rnli_take(&room, rnli_mul(np * W, (size_t)s->V), sizeof(float));
  s->ld = rnli_row_words(s->k, (size_t)(s->D > s->H ? s->D : s->H)) + 16;
  s->x = rnli_take(&room, rnli_mul(N, s->ld), (size_t)s->k->word_bytes);
  s->h = rnli_take(&room, rnli_mul(N, s->ld), (size_t)s->k->word_bytes);
  s->gates = rnli_take(&room, rnli_mul(np * W, N), sizeof(float));
  s->rec = rnli_take(&room, s->u->split ? rnli_mul(np * W, N) : 0,
                     sizeof(float));
  s->logits = rnli_take(&room, rnli_mul((size_t)s->out_panels * W, N),
                        sizeof(float));
  s->work = rnli_take(&room, RNL_DRAW_WORK(s->U), 1);
  s->ids = rnli_take(&room, N, sizeof *s->ids);
  s->recent = rnli_take(&room, rnli_mul(N, 2 * (size_t)s->history),
                        sizeof *s->recent);
  return room.bytes;
}

/* }====================================================================== */

/* {== Making ============================================================= */

static int find (const char *const *names, int n, const char *name) {
  for (int i = 0; i < n; i++)
    if (strcmp(names[i], name) == 0) return i;
  return -1;
}


static int expect (rnl_Context *ctx, const char *what, const rnl_Tensor *t,
                   int ndim, int rows, int columns) {
  int want[2] = {rows, columns};
  if (!t) return rnli_error(ctx, RNL_EARG, "stepper: '%s' is missing", what);
  if (t->dtype != RNL_F32)
    return rnli_error(ctx, RNL_EDTYPE, "stepper: '%s' must be float32, got %s",
                      what, rnl_dtype_name((rnl_Dtype)t->dtype));
  int same = t->ndim == ndim;
  for (int i = 0; same && i < ndim; i++) same = t->dim[i] == want[i];
  if (same) return RNL_OK;
  return rnli_error(ctx, RNL_ESHAPE, "stepper: '%s' must be %s, got %s", what,
                    rnli_dims(ndim, want).text, rnli_shape(t).text);
}


/* Shapes of the weights of layer l. */
static int check_layer (rnl_Context *ctx, const rnl_StepperSpec *spec, int l,
                        int gates) {
  static const char *const name[] = {"w_ih", "w_hh", "b_ih", "b_hh"};
  rnl_Tensor *const *w = spec->weight + 4 * l;
  if (!w[1] || w[1]->ndim != 2)
    return rnli_error(ctx, RNL_EARG, "stepper: layer %d has no 'w_hh'",
                      l + ctx->base);
  int H = w[1]->dim[1], D = l ? H : spec->embed->dim[1];
  if (H > INT32_MAX / 4 || H != spec->weight[1]->dim[1])
    return rnli_error(ctx, RNL_ESHAPE, "stepper: layers must have the same "
                      "size");
  int status = expect(ctx, name[0], w[0], 2, gates * H, D);
  if (status == RNL_OK) status = expect(ctx, name[1], w[1], 2, gates * H, H);
  for (int b = 2; status == RNL_OK && b < 4; b++)
    if (w[b]) status = expect(ctx, name[b], w[b], 1, gates * H, 0);
  return status;
}


static int check_spec (rnl_Context *ctx, const rnl_StepperSpec *spec,
                       int gates) {
  if (spec->layers < 1 || spec->streams < 1)
    return rnli_error(ctx, RNL_EARG, "stepper: layers and streams must be at "
                      "least 1, got %d and %d", spec->layers, spec->streams);
  if (spec->history < 0 || spec->history > INT32_MAX / 2)
    return rnli_error(ctx, RNL_EARG, "stepper: 'history' must be 0 to %d, got "
                      "%d", INT32_MAX / 2, spec->history);
  if (!spec->embed || spec->embed->ndim != 2 || !spec->out_w ||
      spec->out_w->ndim != 2)
    return rnli_error(ctx, RNL_ESHAPE, "stepper: 'embed' must be (V, D) and "
                      "'out_w' (U, H)");
  int status = expect(ctx, "embed", spec->embed, 2, spec->embed->dim[0],
                      spec->embed->dim[1]);
  for (int l = 0; status == RNL_OK && l < spec->layers; l++)
    status = check_layer(ctx, spec, l, gates);
  if (status != RNL_OK) return status;
  int U = spec->out_w->dim[0], H = spec->weight[1]->dim[1];
  status = expect(ctx, "out_w", spec->out_w, 2, U, H);
  if (status == RNL_OK && spec->out_b)
    status = expect(ctx, "out_b", spec->out_b, 1, U, 0);
  if (status == RNL_OK && (U == 0 || H == 0 || spec->embed->dim[0] == 0))
    status = rnli_error(ctx, RNL_ESHAPE, "stepper: the model has no units or "
                        "no ids");
  return status;
}


static const float *data (const rnl_Tensor *t) {
  return t ? t->data : NULL;
}


static char *panel_of (const rnl_Stepper *s, const Weights *w, int p) {
  return w->panels + (size_t)p * w->size * (size_t)s->k->word_bytes;
}


/* Bias of column 'row' of the gates: the two are one unless split. */
static void pack_bias (const rnl_Stepper *s, Layer *l,
                       rnl_Tensor *const *weight) {
  const float *b_ih = data(weight[2]), *b_hh = data(weight[3]);
  for (int j = 0; j < s->panels * s->cols; j++) {
    int row = rnli_unit_row(s->u, s->u->x.gate, s->H, s->k->lanes, j / s->cols,
                            j % s->cols);
    float x = row >= 0 && b_ih ? b_ih[row] : 0;
    float h = row >= 0 && b_hh ? b_hh[row] : 0;
    l->x.bias[j] = s->u->split ? x : x + h;
    l->h.bias[j] = h;
  }
}


static void pack_layer (rnl_Stepper *s, int l, rnl_Tensor *const *weight) {
  Layer *layer = &s->layer[l];
  for (int p = 0; p < s->panels; p++) {
    rnli_pack_gates(s->k, s->u, &s->u->x, s->H, data(weight[0]), layer->x.n, p,
                    panel_of(s, &layer->x, p));
    rnli_pack_gates(s->k, s->u, &s->u->h, s->H, data(weight[1]), layer->h.n, p,
                    panel_of(s, &layer->h, p));
  }
  pack_bias(s, layer, weight);
}


static void pack_out (rnl_Stepper *s, const float *w, const float *b) {
  const float *col[RNLI_VECS * RNLI_MAX_LANES];
  for (int p = 0; p < s->out_panels; p++) {
    for (int j = 0; j < s->W; j++) {
      int row = p * s->W + j;
      col[j] = row < s->U ? w + (size_t)row * (size_t)s->H : NULL;
      s->out.bias[row] = row < s->U && b ? b[row] : 0;
    }
    s->k->pack_cols(col, (size_t)s->H, (size_t)s->W, panel_of(s, &s->out, p));
  }
}


/* The first layer's input product of all ids, of full precision. */
static int make_table (rnl_Stepper *s, const float *w_ih) {
  const rnli_Kernels *k = rnli_kernels(s->ctx->level, RNLI_REAL);
  size_t D = (size_t)s->D, cols = (size_t)s->cols;
  float *panel = rnli_get(s->ctx, rnli_mul(D * cols, sizeof *panel));
  if (!panel) return rnli_nomem(s->ctx, "a stepper", D * cols * sizeof *panel);
  for (int p = 0; p < s->panels; p++) {
    rnli_pack_gates(k, s->u, &s->u->x, s->H, w_ih, s->D, p, panel);
    rnli_Tile t = {.rows = 1, .vecs = s->u->x.vecs, .a_k = 1, .k = D,
                   .chunks = 1, .b = panel};
    for (int v = 0; v < s->V; v++) {
      t.a = s->embed + (size_t)v * D;
      t.from[0] = s->layer[0].x.bias + (size_t)p * cols;
      t.to[0] = s->table + ((size_t)v * (size_t)s->panels + (size_t)p) *
                           (size_t)s->W;
      k->tile(&t);
    }
  }
  rnli_put(s->ctx, panel);
  return RNL_OK;
}


static void set_sizes (rnl_Stepper *s, const rnl_StepperSpec *spec) {
  s->layers = spec->layers;
  s->streams = spec->streams;
  s->history = spec->history;
  s->V = spec->embed->dim[0];
  s->D = spec->embed->dim[1];
  s->H = spec->weight[1]->dim[1];
  s->U = spec->out_w->dim[0];
  s->W = RNLI_VECS * s->k->lanes;
  s->cols = s->u->x.vecs * s->k->lanes;
  s->panels = rnli_unit_panels(s->u, s->H, s->k->lanes);
  s->out_panels = rnli_ceil_div(s->U, s->W);
}


static int fill (rnl_Stepper *s, const rnl_StepperSpec *spec) {
  int table = s->V / TABLE_IDS <= s->D;
  size_t bytes = make_room(s, NULL, table);
  s->block = rnli_get(s->ctx, bytes);
  if (!s->block) return rnli_nomem(s->ctx, "a stepper", bytes);
  make_room(s, s->block, table);
  for (int l = 0; l < s->layers; l++) pack_layer(s, l, spec->weight + 4 * l);
  pack_out(s, data(spec->out_w), data(spec->out_b));
  s->embed = data(spec->embed);
  s->keep = spec->embed;
  rnl_retain(s->keep);
  rnl_stepper_reset(s);
  return table ? make_table(s, data(spec->weight[0])) : RNL_OK;
}


int rnl_stepper_new (rnl_Context *ctx, const rnl_StepperSpec *spec,
                     rnl_Stepper **out) {
  static const char *const cells[RNLI_CIFG] = {
    [RNLI_ELMAN] = "rnn", [RNLI_LSTM] = "lstm", [RNLI_GRU] = "gru"};
  static const char *const precisions[RNLI_NFACTOR] = {
    [RNLI_REAL] = "full", [RNLI_BFLOAT] = "bf16", [RNLI_INT8] = "int8"};
  int unit = find(cells, RNLI_CIFG, spec->cell);
  int factor = find(precisions, RNLI_NFACTOR,
                    spec->precision ? spec->precision : "full");
  *out = NULL;
  if (unit < 0)
    return rnli_error(ctx, RNL_EARG, "stepper: 'cell' must be rnn, lstm or "
                      "gru, got '%s'", spec->cell);
  if (factor < 0)
    return rnli_error(ctx, RNL_EARG, "stepper: 'precision' must be full, bf16 "
                      "or int8, got '%s'", spec->precision);
  int status = check_spec(ctx, spec, rnli_unit[unit].gates);
  if (status != RNL_OK) return status;
  rnl_Stepper *s = rnli_get(ctx, sizeof *s);
  if (!s) return rnli_nomem(ctx, "a stepper", sizeof *s);
  *s = (rnl_Stepper){.ctx = ctx, .unit = unit, .u = &rnli_unit[unit],
                     .relu = spec->relu};
  s->k = rnli_kernels(ctx->level, (rnli_Factor)factor);
  rnl_context_retain(ctx);
  set_sizes(s, spec);
  status = fill(s, spec);
  if (status != RNL_OK) rnl_stepper_free(s);
  else *out = s;
  return status;
}


void rnl_stepper_free (rnl_Stepper *s) {
  if (!s) return;
  rnl_Context *ctx = s->ctx;
  rnl_release(s->keep);
  rnli_put(ctx, s->block);
  rnli_put(ctx, s);
  rnl_context_release(ctx);
}

/* }====================================================================== */

/* {== A step ============================================================= */

/* A layer, or the output, in a round of the workers. */
typedef struct Round {
  rnl_Stepper *s;
  int l;
  int parts, panels;          /* a part takes some of the panels */
} Round;


/* Runs fn over parts: several when the weights are much to read. */
static void run_round (Round *r, size_t words, void (*fn) (void *, int)) {
  rnl_Context *ctx = r->s->ctx;
  size_t bytes = words * (size_t)r->panels * (size_t)r->s->k->word_bytes;
  int threads = bytes >= SHARED ? rnl_threads(ctx) : 1;
  r->parts = threads < r->panels ? threads : r->panels;
  rnli_parallel(ctx, r->parts, fn, r);
}


static float *gates_of (const rnl_Stepper *s, int p, int n) {
  return s->gates + ((size_t)p * (size_t)s->streams + (size_t)n) *
                    (size_t)s->W;
}


/* Streams that a tile of the n-th takes. */
static int tile_rows (const rnl_Stepper *s, int n) {
  return s->streams - n < s->k->rows ? s->streams - n : s->k->rows;
}


/* Rows of x from stream n on as the factor of a tile. */
static void set_factor (const rnl_Stepper *s, rnli_Tile *t, const Weights *w,
                        const char *x, int n) {
  t->rows = tile_rows(s, n);
  t->a = x + (size_t)n * s->ld * (size_t)s->k->word_bytes;
  t->a_row = (ptrdiff_t)s->ld;
  t->a_k = 1;
  t->k = w->k;
  t->chunks = 1;
}


/* The input's part of panel p of the gates. */
static void input_part (const rnl_Stepper *s, int l, int p, rnli_Tile *t,
                        int n) {
  const Weights *w = &s->layer[l].x;
  size_t cols = (size_t)s->cols, W = (size_t)s->W;
  if (l == 0 && s->table) {
    for (int j = 0; j < t->rows; j++) {
      size_t id = (size_t)s->ids[n + j];
      memcpy(gates_of(s, p, n + j),
             s->table + (id * (size_t)s->panels + (size_t)p) * W,
             cols * sizeof(float));
    }
    return;
  }
  t->b = panel_of(s, w, p);
  for (int j = 0; j < t->rows; j++) {
    t->from[j] = w->bias + (size_t)p * cols;
    t->to[j] = gates_of(s, p, n + j);
  }
  s->k->tile(t);
}


/* The recurrent part: added to the gates, or apart from them. */
static void state_part (const rnl_Stepper *s, int l, int p, rnli_Tile *t,
                        int n) {
  const Weights *w = &s->layer[l].h;
  t->b = panel_of(s, w, p);
  for (int j = 0; j < t->rows; j++) {
    float *gates = gates_of(s, p, n + j);
    size_t at = ((size_t)p * (size_t)s->streams + (size_t)(n + j)) *
                (size_t)s->cols;
    t->from[j] = s->u->split ? w->bias + (size_t)p * (size_t)s->cols : gates;
    t->to[j] = s->u->split ? s->rec + at : gates;
  }
  s->k->tile(t);
}


static void cells_part (const rnl_Stepper *s, const Layer *layer, int p) {
  int units = s->u->groups * s->k->lanes, u = p * units;
  rnli_Cell c = {.rows = s->streams, .H = s->H, .relu = s->relu,
                 .gates = gates_of(s, p, 0), .h = layer->hs + u,
                 .h_prev = layer->hs + u};
  c.units = s->H - u < units ? s->H - u : units;
  c.rec = s->rec + (size_t)p * (size_t)s->streams * (size_t)s->cols;
  if (layer->cs) c.c_prev = c.c = layer->cs + u;
  s->k->forward[s->unit](&c);
}


/* The cells of a panel run beside the products of the next. */
static void layer_part (void *arg, int part) {
  const Round *r = arg;
  const rnl_Stepper *s = r->s;
  const Layer *layer = &s->layer[r->l];
  rnli_Tile x = {.vecs = s->u->x.vecs}, h = x;
  int p0, p1;
  rnli_share(r->panels, r->parts, part, &p0, &p1);
  for (int p = p0; p < p1; p++) {
    for (int n = 0; n < s->streams; n += s->k->rows) {
      set_factor(s, &x, &layer->x, s->x, n);
      set_factor(s, &h, &layer->h, s->h, n);
      input_part(s, r->l, p, &x, n);
      state_part(s, r->l, p, &h, n);
    }
    if (p > p0) cells_part(s, layer, p - 1);
  }
  if (p1 > p0) cells_part(s, layer, p1 - 1);
}


static void out_part (void *arg, int part) {
  const Round *r = arg;
  const rnl_Stepper *s = r->s;
  size_t W = (size_t)s->W;
  rnli_Tile t = {.vecs = RNLI_VECS};
  int p0, p1;
  rnli_share(r->panels, r->parts, part, &p0, &p1);
  for (int n = 0; n < s->streams; n += s->k->rows) {
    set_factor(s, &t, &s->out, s->x, n);
    for (int p = p0; p < p1; p++) {
      t.b = panel_of(s, &s->out, p);
      for (int j = 0; j < t.rows; j++) {
        t.from[j] = s->out.bias + (size_t)p * W;
        t.to[j] = s->logits + ((size_t)(n + j) * (size_t)s->out_panels +
                               (size_t)p) * W;
      }
      s->k->tile(&t);
    }
  }
}


static void load (rnl_Stepper *s, const float *from, int n, char *to) {
  s->k->operand(from, (size_t)n, (size_t)s->streams, (size_t)n, to, s->ld);
}


/* What layer l reads: rows of the table of ids, or h below. */
static void load_input (rnl_Stepper *s, int l) {
  if (l > 0) load(s, s->layer[l - 1].hs, s->H, s->x);
  for (int n = 0; l == 0 && !s->table && n < s->streams; n++)
    s->k->operand(s->embed + (size_t)s->ids[n] * (size_t)s->D, 0, 1,
                  (size_t)s->D,
                  s->x + (size_t)n * s->ld * (size_t)s->k->word_bytes, s->ld);
}


static void step (rnl_Stepper *s) {
  Round r = {.s = s};
  for (r.l = 0; r.l < s->layers; r.l++) {
    Layer *layer = &s->layer[r.l];
    load_input(s, r.l);
    load(s, layer->hs, s->H, s->h);
    r.panels = s->panels;
    run_round(&r, layer->x.size + layer->h.size, layer_part);
  }
  load(s, s->layer[s->layers - 1].hs, s->H, s->x);
  r.panels = s->out_panels;
  run_round(&r, s->out.size, out_part);
}


/* 'count' ids of each stream. */
static int check_ids (const rnl_Stepper *s, const int32_t *ids, int count) {
  int base = s->ctx->base;
  for (int n = 0; n < s->streams; n++) {
    for (int i = 0; i < count; i++, ids++) {
      if (*ids >= 0 && *ids < s->V) continue;
      return rnli_error(s->ctx, RNL_EARG, "stepper: id %lld of stream %d; ids "
                        "run from %d to %d", (long long)*ids + base, n + base,
                        base, s->V - 1 + base);
    }
  }
  return RNL_OK;
}


/* Reads an id for each stream and remembers it. */
static void read_ids (rnl_Stepper *s, const int32_t *ids) {
  memcpy(s->ids, ids, (size_t)s->streams * sizeof *ids);
  step(s);
  if (s->history == 0) return;
  size_t history = (size_t)s->history;
  int full = s->seen == 2 * s->history;
  if (full) s->seen = s->history;
  for (int n = 0; n < s->streams; n++) {
    int32_t *row = s->recent + (size_t)n * 2 * history;
    if (full) memcpy(row, row + history, history * sizeof *row);
    row[s->seen] = ids[n];
  }
  s->seen++;
}


int rnl_stepper_step (rnl_Stepper *s, const int32_t *ids) {
  int status = check_ids(s, ids, 1);
  if (status == RNL_OK) read_ids(s, ids);
  return status;
}


float *rnl_stepper_logits (rnl_Stepper *s, int stream) {
  return s->logits + (size_t)stream * (size_t)s->out_panels * (size_t)s->W;
}


int rnl_stepper_sample (rnl_Stepper *s, const rnl_Draw *d, rnl_Rng *rng,
                        int steps, int32_t *ids) {
  int status = rnl_draw_check(s->ctx, d);
  if (status != RNL_OK) return status;
  if (d->penalty != 1 && d->window > s->history)
    return rnli_error(s->ctx, RNL_EARG, "stepper: a penalty over %d ids needs "
                      "a stepper with 'history' of so many, it has %d",
                      d->window, s->history);
  if (s->U > s->V)
    return rnli_error(s->ctx, RNL_ESTATE, "stepper: the model has %d outputs "
                      "but reads only %d ids", s->U, s->V);
  for (int t = 0; t < steps; t++, ids += s->streams) {
    for (int n = 0; n < s->streams; n++) {
      int nrecent;
      const int32_t *recent = rnl_stepper_recent(s, n, &nrecent);
      ids[n] = rnl_draw(rnl_stepper_logits(s, n), s->U, d, recent, nrecent,
                        &rng[n], s->work);
      if (ids[n] < 0)
        return rnli_error(s->ctx, RNL_EDIVERGED, "stepper: the logits of "
                          "stream %d are not finite: the model has diverged "
                          "or is damaged", n + s->ctx->base);
    }
    read_ids(s, ids);
  }
  return RNL_OK;
}

/* }====================================================================== */

/* {== State ============================================================== */

void rnl_stepper_reset (rnl_Stepper *s) {
  size_t bytes = (size_t)s->streams * (size_t)s->H * sizeof(float);
  for (int l = 0; l < s->layers; l++) {
    memset(s->layer[l].hs, 0, bytes);
    if (s->layer[l].cs) memset(s->layer[l].cs, 0, bytes);
  }
  memset(s->logits, 0, (size_t)s->streams * (size_t)s->out_panels *
                       (size_t)s->W * sizeof(float));
  s->seen = 0;
}


float *rnl_stepper_state (rnl_Stepper *s, int layer, int cell) {
  return cell ? s->layer[layer].cs : s->layer[layer].hs;
}


const int32_t *rnl_stepper_recent (const rnl_Stepper *s, int stream, int *n) {
  *n = s->seen < s->history ? s->seen : s->history;
  return s->recent + (size_t)stream * 2 * (size_t)s->history + (s->seen - *n);
}


int rnl_stepper_set_recent (rnl_Stepper *s, const int32_t *ids, int n) {
  int status = check_ids(s, ids, n);
  if (status != RNL_OK) return status;
  s->seen = n < s->history ? n : s->history;
  for (int i = 0; i < s->streams; i++)
    memcpy(s->recent + (size_t)i * 2 * (size_t)s->history,
           ids + (size_t)(i + 1) * (size_t)n - s->seen,
           (size_t)s->seen * sizeof *ids);
  return RNL_OK;
}


/*
** Rows of 'bytes' change places. The gates are free between steps: columns go
** through them, as many as there is room for.
*/
static void select_rows (rnl_Stepper *s, void *rows, size_t bytes,
                         const int32_t *from) {
  size_t room = (size_t)s->panels * (size_t)s->W * sizeof *s->gates;
  for (size_t at = 0; at < bytes; at += room) {
    size_t part = bytes - at < room ? bytes - at : room;
    char *spare = (char *)s->gates, *row = (char *)rows + at;
    for (int n = 0; n < s->streams; n++)
      memcpy(spare + (size_t)n * part, row + (size_t)from[n] * bytes, part);
    for (int n = 0; n < s->streams; n++)
      memcpy(row + (size_t)n * bytes, spare + (size_t)n * part, part);
  }
}


int rnl_stepper_select (rnl_Stepper *s, const int32_t *from) {
  int base = s->ctx->base;
  for (int n = 0; n < s->streams; n++)
    if (from[n] < 0 || from[n] >= s->streams)
      return rnli_error(s->ctx, RNL_EARG, "stepper: there is no stream %lld; "
                        "they run from %d to %d", (long long)from[n] + base,
                        base, s->streams - 1 + base);
  size_t state = (size_t)s->H * sizeof(float);
  for (int l = 0; l < s->layers; l++) {
    select_rows(s, s->layer[l].hs, state, from);
    if (s->layer[l].cs) select_rows(s, s->layer[l].cs, state, from);
  }
  select_rows(s, s->logits,
              (size_t)s->out_panels * (size_t)s->W * sizeof(float), from);
  select_rows(s, s->recent, 2 * (size_t)s->history * sizeof *s->recent, from);
  return RNL_OK;
}


void rnl_stepper_sizes (const rnl_Stepper *s, rnl_StepperSizes *out) {
  *out = (rnl_StepperSizes){
    .layers = s->layers, .streams = s->streams, .history = s->history,
    .V = s->V, .D = s->D, .H = s->H, .U = s->U, .cells = s->u->cells};
  for (int l = 0; l < s->layers; l++) {
    const Layer *layer = &s->layer[l];
    size_t x = l == 0 && s->table ? 0 : layer->x.size;
    out->weight_bytes += (x + layer->h.size) * (size_t)s->panels *
                         (size_t)s->k->word_bytes;
  }
  out->weight_bytes += s->out.size * (size_t)s->out_panels *
                       (size_t)s->k->word_bytes;
}

/* }====================================================================== */
