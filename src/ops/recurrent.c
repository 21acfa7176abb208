/*
** recurrent.c - rnn, lstm and gru over whole sequences, on the kernels.
**
** Forward. The weights are packed once. The input's product for a chunk of
** steps goes to the panels of gates; then each step adds the recurrent product
** to them and runs the cell on a tile while it is near. Rows of a batch do not
** depend on each other, so a worker takes some rows through all steps; with
** few rows, workers share the panels of each step instead.
**
** Backward goes through the chunks from the last to the first: the steps of a
** chunk give the gradients of its gates, and these, still near, the gradients
** of weights and of x. So the gradients of gates never need all of (T,N,4H).
**
** When x is an embedding of few ids (TABLE at IDS), the input's product is
** made once for each distinct id instead of for each step and row, and so are
** its gradients.
**
** Every sum runs in an order that depends on the sizes only.
*/
#include <limits.h>

#include "ops/recurrent.h"

extern RNLI_OP(embedding);

enum {
  CHUNK_ROWS = 384,    /* rows of a chunk of steps, at least */
  PACK_ROWS = 256,     /* rows packed at a time; even */
  BLOCK_ROWS = 96,     /* rows of x whose gradient is one task */
  FEW_ROWS = 4,        /* per worker: below, workers share panels */
  LARGE = 1 << 17      /* bytes of weights that make sharing panels pay */
};

/* The input or the recurrent side: a factor of n columns and its weights. */
typedef struct Side {
  int n;                      /* D or H */
  size_t k, ld;               /* words of a row; words between rows */
  const int *gate, *dgate;    /* of the vectors of a panel: see Unit */
  int first;                  /* vector where its gradients begin */
  const real *w;              /* (gates*H, n) */
  const real *bias;           /* (gates*H) or NULL */
  char *panels;               /* of w', for the product */
  real *bias_panels;
  char *operand;              /* rows of the factor as words */
  char *back;                 /* of w, for the gradient of the factor */
  char *rows;                 /* of the factor, for the gradient of w */
} Side;

/* One run of an op, forward or backward. */
typedef struct Run {
  rnl_Call *c;
  const Unit *u;
  const rnli_Kernels *k;
  int T, N, H;
  int reverse, relu;
  const int *length;          /* (N), or NULL: all rows have T steps */
  size_t slot;                /* N*H, elements of a state */
  int W;                      /* columns of a panel of gates */
  int cols;                   /* of these, columns of a product */
  int units;                  /* units of a panel */
  int panels;
  int steps;                  /* of a chunk */
  size_t rows;                /* of a chunk: steps * N */
  Side x, h;
  real *hs, *cs;              /* (T+1,N,H) */
  real *gates;                /* panels, of all steps or of a chunk */
  int keeps;                  /* of all steps */
  int distinct;               /* ids at most, 0: x is no embedding */
  int *map;                   /* (T*N): row of 'table' for each id */
  int *ids;                   /* what the rows stand for */
  int *seen;                  /* (V) */
  int nids;
  real *table;                /* panels: the input's product by id */
  int ld;                     /* of dh and dc */
  real *dh, *dc;              /* (N, ld) */
  real *dgates;               /* panels of a chunk */
  char *dgate_words;          /* the same as factor rows ... */
  char *dgate_pairs;          /* ... and as factor columns */
  real *dtable;
} Run;

/* {== Sizes and memory =================================================== */

/* Counts bytes, or deals them out once there is a block. */
typedef struct Room {
  char *at;
  size_t bytes;
} Room;


static void *take (Room *room, size_t n, size_t size) {
  char *p = room->at ? room->at + room->bytes : NULL;
  size_t bytes = rnli_mul(n, size);
  room->bytes = rnli_add(room->bytes, rnli_add(bytes, 63) & ~(size_t)63);
  return p;
}


static size_t words (const Run *r, size_t n) {
  size_t word = (size_t)r->k->word;
  return (n + word - 1) / word;
}


static int ceil_div (int a, int b) {
  return a / b + (a % b != 0);
}


/* Rows a little apart, so that they do not share cache sets. */
static Side side (const Run *r, int n, int w, int b, const int *gate,
                  const int *dgate, int first) {
  size_t k = words(r, (size_t)n);
  return (Side){.n = n, .k = k, .ld = (k + 15) / 16 * 16 + 16, .gate = gate,
                .dgate = dgate, .first = first, .w = r->c->in[w]->data,
                .bias = rnli_data(r->c, b)};
}


/* Ids whose products are worth making once: fewer than half the rows. */
static int distinct_ids (const rnl_Call *c, const Unit *u) {
  const rnl_Tensor *ids = c->in[u->inputs + 1];
  return c->in[u->inputs]->dim[0] < (int)ids->count ? c->in[u->inputs]->dim[0]
                                                : (int)ids->count;
}


static const rnl_Tensor *input (const rnl_Call *c) {
  return c->in[X] ? c->in[X] : c->seen;
}


static Run run_of (rnl_Call *c, const Unit *u) {
  const rnl_Tensor *x = input(c);
  int bf16 = c->attr[PRECISION].x != 0;
  Run r = {.c = c, .u = u, .T = x->dim[0], .N = x->dim[1],
           .H = c->in[W_HH]->dim[1], .reverse = c->attr[REVERSE].x != 0};
  r.k = rnli_kernels(c->ctx->level, bf16);
  r.relu = u->cell == RNLI_ELMAN && c->attr[NONLINEARITY].x != 0;
  if (rnli_given(c, LENGTHS)) r.length = c->attr[LENGTHS].list;
  r.slot = (size_t)r.N * (size_t)r.H;
  r.W = RNLI_VECS * r.k->lanes;
  r.cols = u->vecs * r.k->lanes;
  r.units = u->groups * r.k->lanes;
  r.panels = ceil_div(r.H, r.units);
  r.ld = ceil_div(r.H, r.W) * r.W;
  r.steps = r.N ? ceil_div(CHUNK_ROWS, r.N) : 1;
  if (r.steps > r.T) r.steps = r.T;
  r.rows = (size_t)r.steps * (size_t)r.N;
  r.keeps = u->keeps && c->recording && c->attr[RECOMPUTE].x == 0;
  r.distinct = c->seen ? distinct_ids(c, u) : 0;
  r.x = side(&r, x->dim[2], W_IH, B_IH, u->x, u->dx, 0);
  r.h = side(&r, r.H, W_HH, B_HH, u->h, u->dh, u->dh_from);
  return r;
}


static size_t panel_reals (const Run *r, size_t rows) {
  return rnli_mul(rnli_mul((size_t)r->panels, rows), (size_t)r->W);
}


static void forward_room (Run *r, Room *room) {
  size_t np = (size_t)r->panels, bytes = (size_t)r->k->word_bytes;
  size_t cols = (size_t)r->cols, distinct = (size_t)r->distinct;
  size_t x_rows = distinct ? distinct : r->rows;
  r->x.panels = take(room, rnli_mul(np * cols, r->x.k), bytes);
  r->h.panels = take(room, rnli_mul(np * cols, r->h.k), bytes);
  r->x.bias_panels = take(room, np * cols, sizeof(real));
  r->h.bias_panels = take(room, np * cols, sizeof(real));
  r->x.operand = take(room, rnli_mul(x_rows, r->x.ld), bytes);
  r->h.operand = take(room, rnli_mul((size_t)r->N, r->h.ld), bytes);
  if (!r->keeps) r->gates = take(room, panel_reals(r, r->rows), sizeof(real));
  if (!distinct) return;
  r->map = take(room, r->c->in[r->u->inputs + 1]->count, sizeof(int));
  r->ids = take(room, distinct, sizeof(int));
  r->seen = take(room, (size_t)r->c->in[r->u->inputs]->dim[0], sizeof(int));
  r->table = take(room, panel_reals(r, distinct), sizeof(real));
}


static size_t back_panels (const Run *r, const Side *s) {
  size_t across = (size_t)ceil_div(s->n, r->W) * (size_t)r->W;
  size_t k = (size_t)r->panels * words(r, (size_t)r->cols);
  return rnli_mul(across, k);
}


/* Room for the rows of a factor as panels across its columns. */
static size_t row_panels (const Run *r, const Side *s, size_t rows) {
  size_t across = (size_t)ceil_div(s->n, r->W) * (size_t)r->W;
  return rnli_mul(across, words(r, rows));
}


static void backward_room (Run *r, Room *room) {
  size_t bytes = (size_t)r->k->word_bytes, state = (size_t)r->ld;
  size_t distinct = (size_t)r->distinct;
  size_t most = distinct > r->rows ? distinct : r->rows;
  size_t gates = panel_reals(r, most + 1);   /* an odd row has a partner */
  r->x.back = take(room, back_panels(r, &r->x), bytes);
  r->h.back = take(room, back_panels(r, &r->h), bytes);
  r->x.rows = take(room, row_panels(r, &r->x, distinct ? distinct : r->rows),
                   bytes);
  r->h.rows = take(room, row_panels(r, &r->h, r->rows), bytes);
  r->dh = take(room, rnli_mul((size_t)r->N, state), sizeof(real));
  r->dc = take(room, rnli_mul((size_t)r->N, state), sizeof(real));
  r->dgates = take(room, panel_reals(r, r->rows), sizeof(real));
  r->dgate_words = (char *)r->dgates;
  r->dgate_pairs = (char *)r->dgates;
  if (r->k->word > 1) {
    r->dgate_words = take(room, gates / 2, bytes);
    r->dgate_pairs = take(room, gates / 2, bytes);
  }
  if (distinct)
    r->dtable = take(room, panel_reals(r, distinct), sizeof(real));
}


/* What a run needs, and again with 'block' to deal it out. */
static size_t forward_memory (Run *r, void *block) {
  Room room = {block, 0};
  forward_room(r, &room);
  return room.bytes;
}


/* Backward makes gates again unless they were kept, and maps ids. */
static size_t backward_memory (Run *r, void *block) {
  Room room = {block, 0};
  forward_room(r, &room);
  backward_room(r, &room);
  return room.bytes;
}

/* }====================================================================== */

/* {== Check ============================================================== */

static int check_weights (rnl_Call *c, int gates) {
  const rnl_Tensor *x = c->in[X], *w = c->in[W_HH];
  if (x->ndim != 3)
    return rnli_fail(c, RNL_ESHAPE, "'x' must be (T, N, D), got %s",
                     rnli_shape(x).text);
  if (w->ndim != 2 || w->dim[1] > INT_MAX / gates ||
      w->dim[0] != gates * w->dim[1])
    return rnli_fail(c, RNL_ESHAPE, "'w_hh' must be (%dH, H), got %s",
                     gates, rnli_shape(w).text);
  int want[2] = {w->dim[0], x->dim[2]};
  int status = rnli_expect(c, W_IH, 2, want);
  for (int b = B_IH; status == RNL_OK && b <= B_HH; b++)
    if (rnli_data(c, b)) status = rnli_expect(c, b, 1, want);
  return status;
}


static int check_states (rnl_Call *c, int N, int H) {
  int want[2] = {N, H};
  for (int i = H0; i < c->nin; i++) {
    if (!c->in[i]) continue;
    int status = rnli_expect(c, i, 2, want);
    if (status != RNL_OK) return status;
  }
  return RNL_OK;
}


static int check_lengths (rnl_Call *c, int T, int N) {
  const rnli_Value *v = &c->attr[LENGTHS];
  if (!rnli_given(c, LENGTHS)) return RNL_OK;
  if (v->n != N)
    return rnli_fail(c, RNL_ESHAPE, "'lengths' must have one integer for each "
                     "of %d rows, got %d", N, v->n);
  for (int n = 0; n < N; n++)
    if (v->list[n] < 0 || v->list[n] > T)
      return rnli_fail(c, RNL_EARG, "'lengths' must be 0 to %d (the steps of "
                       "x), got %d for row %d", T, v->list[n],
                       n + c->ctx->base);
  return RNL_OK;
}


static int check_all (rnl_Call *c, const Unit *u) {
  int status = check_weights(c, u->gates);
  if (status != RNL_OK) return status;
  const rnl_Tensor *x = c->in[X];
  status = check_states(c, x->dim[1], c->in[W_HH]->dim[1]);
  if (status == RNL_OK) status = check_lengths(c, x->dim[0], x->dim[1]);
  if (status != RNL_OK) return status;
  if (rnli_mul((size_t)x->dim[0] + 1, (size_t)x->dim[1]) > INT_MAX)
    return rnli_fail(c, RNL_ESHAPE, "%d steps of %d rows are too many",
                     x->dim[0], x->dim[1]);
  if (RNLI_DTYPE == RNL_F64 && c->attr[PRECISION].x != 0)
    return rnli_fail(c, RNL_EDTYPE, "'precision' bf16 is for float32 tensors, "
                     "got float64");
  return RNL_OK;
}


/* Reads x through the embedding that made it, when that saves work. */
static void look_through (rnl_Call *c) {
  const rnl_Tensor *x = c->in[X];
  const rnl_Call *made = rnli_made_by(c, X, &RNLI_T(rnli_op_embedding));
  if (!made || x->count == 0) return;
  const rnl_Tensor *table = made->in[0], *ids = made->in[1];
  if ((size_t)table->dim[0] <= ids->count / 2) rnli_through(c, X);
}


int rnli_seq_check (rnl_Call *c, const Unit *u) {
  int status = check_all(c, u);
  if (status != RNL_OK) return status;
  look_through(c);
  Run r = run_of(c, u);
  size_t states = rnli_mul(r.slot, ((size_t)r.T + 1) * sizeof(real));
  int y[3] = {r.T, r.N, r.H};
  rnli_out(c, Y, RNLI_DTYPE, 3, y);
  rnli_out(c, HN, RNLI_DTYPE, 2, y + 1);
  if (u->cells) rnli_out(c, CN, RNLI_DTYPE, 2, y + 1);
  if (r.length) c->keep_bytes[STATES] = states;
  else c->shape[Y].margin = r.slot;
  if (u->cells) c->keep_bytes[CELLS] = states;
  if (r.keeps)
    c->keep_bytes[GATES] =
      rnli_mul(panel_reals(&r, (size_t)r.T * (size_t)r.N), sizeof(real));
  c->scratch_bytes = forward_memory(&r, NULL);
  c->back_bytes = backward_memory(&r, NULL);
  return RNL_OK;
}

/* }====================================================================== */

/* {== Places ============================================================= */

/* The i-th step in the order of processing. */
static int time_of (const Run *r, int i) {
  return r->reverse ? r->T - 1 - i : i;
}


/* Slots before and after step t. */
static size_t before (const Run *r, int t) {
  return (size_t)(r->reverse ? t + 1 : t) * r->slot;
}


static size_t after (const Run *r, int t) {
  return (size_t)(r->reverse ? t : t + 1) * r->slot;
}


static int active (const Run *r, int n, int t) {
  return !r->length || t < r->length[n];
}


/* The chunk that step i is in begins with this step. */
static int chunk_from (const Run *r, int i) {
  return i / r->steps * r->steps;
}


static int chunk_to (const Run *r, int from) {
  return r->T - from < r->steps ? r->T : from + r->steps;
}


/* Row n of step i in a chunk. */
static size_t chunk_row (const Run *r, int i, int n) {
  return (size_t)(i - chunk_from(r, i)) * (size_t)r->N + (size_t)n;
}


static real *gates_at (const Run *r, int p, int i, int n) {
  size_t all = r->keeps ? (size_t)r->T * (size_t)r->N : r->rows;
  size_t row = r->keeps ? (size_t)i * (size_t)r->N + (size_t)n
                        : chunk_row(r, i, n);
  return r->gates + ((size_t)p * all + row) * (size_t)r->W;
}


static real *table_at (const Run *r, real *table, int p, size_t row) {
  return table + ((size_t)p * (size_t)r->distinct + row) * (size_t)r->W;
}


static real *dgates_at (const Run *r, int p, size_t row) {
  return r->dgates + ((size_t)p * r->rows + row) * (size_t)r->W;
}


static char *word_at (const Run *r, char *words, size_t i) {
  return words + i * (size_t)r->k->word_bytes;
}


/* Where row id of the table of an embedding is. */
static const real *embedded (const Run *r, int id) {
  const rnl_Tensor *t = r->c->in[r->u->inputs];
  return (const real *)t->data + (size_t)id * (size_t)t->dim[1];
}


/*
** The row of the weights that column 'col' of panel p stands for, 'gate' being
** the gates of its vectors; -1 for one that is there to fill the panel.
*/
static int weight_row (const Run *r, const int *gate, int p, int col) {
  int v = col / r->k->lanes, lane = col % r->k->lanes;
  int group = r->u->groups > 1 ? v : 0;
  int unit = p * r->units + group * r->k->lanes + lane;
  return unit < r->H ? gate[v] * r->H + unit : -1;
}


/* Rows [from, to) of m, split evenly over parts. */
static void share (int m, int parts, int i, int *from, int *to) {
  *from = (int)((int64_t)m * i / parts);
  *to = (int)((int64_t)m * (i + 1) / parts);
}

/* }====================================================================== */

/* {== Packing ============================================================ */

/* Panel p of w', columns in the order of the forward product. */
static void pack_panel (const Run *r, const Side *s, int p) {
  const real *col[RNLI_VECS * RNLI_MAX_LANES];
  for (int j = 0; j < r->cols; j++) {
    int row = weight_row(r, s->gate, p, j);
    col[j] = row < 0 ? NULL : s->w + (size_t)row * (size_t)s->n;
  }
  size_t at = (size_t)p * (size_t)r->cols * s->k;
  r->k->pack_cols(col, (size_t)s->n, (size_t)r->cols,
                  word_at(r, s->panels, at));
}


/* Biases of panel p; the recurrent one joins the input's unless it is split. */
static void pack_bias (const Run *r, int p) {
  size_t at = (size_t)p * (size_t)r->cols;
  for (int j = 0; j < r->cols; j++) {
    int row = weight_row(r, r->x.gate, p, j);
    real bx = row >= 0 && r->x.bias ? r->x.bias[row] : 0;
    real bh = row >= 0 && r->h.bias ? r->h.bias[row] : 0;
    r->x.bias_panels[at + (size_t)j] = r->u->split ? bx : bx + bh;
    r->h.bias_panels[at + (size_t)j] = bh;
  }
}


static void pack_forward (void *arg, int p) {
  const Run *r = arg;
  pack_panel(r, &r->x, p);
  pack_panel(r, &r->h, p);
  pack_bias(r, p);
}


/* Columns of panel q across the n columns of a factor. */
static int across (const Run *r, const Side *s, int q) {
  return s->n - q * r->W < r->W ? s->n - q * r->W : r->W;
}


static int across_vecs (const Run *r, const Side *s, int q) {
  return ceil_div(across(r, s, q), r->k->lanes);
}


/* Panel q of w: its rows in the order of the gradients of gates. */
static void pack_back (const Run *r, const Side *s, int q) {
  const real *row[RNLI_VECS * RNLI_MAX_LANES];
  size_t n = (size_t)across(r, s, q);
  size_t cols = (size_t)(across_vecs(r, s, q) * r->k->lanes);
  size_t kp = words(r, (size_t)r->cols);
  size_t at = (size_t)q * (size_t)r->W * kp * (size_t)r->panels;
  for (int p = 0; p < r->panels; p++) {
    for (int j = 0; j < r->cols; j++) {
      int i = weight_row(r, s->dgate, p, j);
      row[j] = i < 0 ? NULL : s->w + (size_t)i * (size_t)s->n;
    }
    r->k->pack_rows(row, (size_t)r->cols, (size_t)(q * r->W), n, cols,
                    word_at(r, s->back, at + (size_t)p * kp * cols));
  }
}

/* }====================================================================== */

/* {== Forward ============================================================ */

/* Splits m rows into tiles of nearly equal height. */
static int tile_count (const Run *r, int m) {
  return ceil_div(m, r->k->rows);
}


/* 'to' (m rows of W) = the input's product of m rows of words. */
static void input_product (const Run *r, int p, const char *x, int m,
                           real *to) {
  const Side *s = &r->x;
  const real *bias = s->bias_panels + (size_t)p * (size_t)r->cols;
  rnli_Tile t = {.vecs = r->u->vecs, .a_row = (ptrdiff_t)s->ld, .a_k = 1,
                 .k = s->k, .chunks = 1};
  t.b = word_at(r, s->panels, (size_t)p * (size_t)r->cols * s->k);
  int tiles = tile_count(r, m);
  for (int g = 0; g < tiles; g++) {
    int a, b;
    share(m, tiles, g, &a, &b);
    t.rows = b - a;
    t.a = x + (size_t)a * s->ld * (size_t)r->k->word_bytes;
    for (int j = 0; j < t.rows; j++) {
      t.from[j] = bias;
      t.to[j] = to + (size_t)(a + j) * (size_t)r->W;
    }
    r->k->tile(&t);
  }
}


/* Moves a cell to its row n. */
static rnli_Cell row_of_cell (const Run *r, const rnli_Cell *all, int n) {
  rnli_Cell c = *all;
  size_t at = (size_t)n * (size_t)c.H, ld = (size_t)n * (size_t)c.ld;
  c.rows = 1;
  if (c.gates) c.gates += (size_t)n * (size_t)r->W;
  if (c.rec) c.rec += (size_t)n * (size_t)r->cols;
  if (c.h_prev) c.h_prev += at;
  if (c.c_prev) c.c_prev += at;
  if (c.h) c.h += at;
  if (c.c) c.c += at;
  if (c.dy) c.dy += at;
  if (c.dh) c.dh += ld;
  if (c.dc) c.dc += ld;
  if (c.dgates) c.dgates += (size_t)n * (size_t)r->W;
  return c;
}


static void carry (const rnli_Cell *c) {
  size_t bytes = (size_t)c->units * sizeof(real);
  memcpy(c->h, c->h_prev, bytes);
  if (c->c) memcpy(c->c, c->c_prev, bytes);
}


/* The cells of rows from n on at time t, those over being carried. */
static void cells_forward (const Run *r, const rnli_Cell *c, int n, int t) {
  if (!r->length) {
    r->k->forward[r->u->cell](c);
    return;
  }
  for (int i = 0; i < c->rows; i++) {
    rnli_Cell row = row_of_cell(r, c, i);
    if (active(r, n + i, t)) r->k->forward[r->u->cell](&row);
    else carry(&row);
  }
}


/* States and gates of panel p, from row n on, at step i. */
static rnli_Cell cell_at (const Run *r, int p, int i, int n) {
  int t = time_of(r, i), u = p * r->units;
  size_t at = (size_t)n * (size_t)r->H + (size_t)u;
  rnli_Cell c = {.H = r->H, .ld = r->ld, .relu = r->relu};
  c.units = r->H - u < r->units ? r->H - u : r->units;
  c.h_prev = r->hs + before(r, t) + at;
  c.h = r->hs + after(r, t) + at;
  if (r->cs) {
    c.c_prev = r->cs + before(r, t) + at;
    c.c = r->cs + after(r, t) + at;
  }
  if (r->gates) c.gates = gates_at(r, p, i, n);
  return c;
}


/* The input's product of row n at step i: made for its id, or in the gates. */
static const real *input_part (const Run *r, int p, int i, int n) {
  if (!r->distinct) return gates_at(r, p, i, n);
  int row = r->map[time_of(r, i) * r->N + n];
  return table_at(r, r->table, p, (size_t)row);
}


/* Rows [a, b) of panel p at step i: the recurrent product, then the cells. */
static void step_tile (const Run *r, int p, int i, int a, int b) {
  real rec[RNLI_MAX_ROWS * RNLI_VECS * RNLI_MAX_LANES];
  const Side *s = &r->h;
  rnli_Cell cell = cell_at(r, p, i, a);
  rnli_Tile t = {.rows = b - a, .vecs = r->u->vecs,
                 .a_row = (ptrdiff_t)s->ld, .a_k = 1, .k = s->k, .chunks = 1};
  t.a = word_at(r, s->operand, (size_t)a * s->ld);
  t.b = word_at(r, s->panels, (size_t)p * (size_t)r->cols * s->k);
  cell.rows = b - a;
  for (int j = 0; j < t.rows; j++) {
    real *gates = gates_at(r, p, i, a + j);
    const real *x = input_part(r, p, i, a + j);
    if (r->u->split) {
      t.from[j] = s->bias_panels + (size_t)p * (size_t)r->cols;
      t.to[j] = rec + j * r->cols;
      if (x != gates) memcpy(gates, x, (size_t)r->cols * sizeof *gates);
    } else {
      t.from[j] = x;
      t.to[j] = gates;
    }
  }
  if (r->u->split) cell.rec = rec;
  r->k->tile(&t);
  cells_forward(r, &cell, a, time_of(r, i));
}


/* Rows [n0, n1) of the state before step i, as words. */
static void load_state (const Run *r, int i, int n0, int n1) {
  const Side *s = &r->h;
  size_t H = (size_t)r->H;
  const real *h = r->hs + before(r, time_of(r, i)) + (size_t)n0 * H;
  r->k->operand(h, H, (size_t)(n1 - n0), H,
                word_at(r, s->operand, (size_t)n0 * s->ld), s->ld);
}


static void load_input (const Run *r, int i, int n0, int n1) {
  const Side *s = &r->x;
  size_t D = (size_t)s->n;
  size_t row = (size_t)time_of(r, i) * (size_t)r->N + (size_t)n0;
  r->k->operand((const real *)input(r->c)->data + row * D, D,
                (size_t)(n1 - n0), D,
                word_at(r, s->operand, chunk_row(r, i, n0) * s->ld), s->ld);
}


/* Rows [n0, n1) of panel p at step i. */
static void step_panel (const Run *r, int p, int i, int n0, int n1) {
  int tiles = tile_count(r, n1 - n0);
  for (int g = 0; g < tiles; g++) {
    int a, b;
    share(n1 - n0, tiles, g, &a, &b);
    step_tile(r, p, i, n0 + a, n0 + b);
  }
}


/* The input's product of rows [n0, n1), steps [from, to) of a chunk. */
static void project (const Run *r, int p, int from, int to, int n0, int n1) {
  for (int i = from; i < to; i++) {
    size_t row = chunk_row(r, i, n0);
    input_product(r, p, word_at(r, r->x.operand, row * r->x.ld), n1 - n0,
                  gates_at(r, p, i, n0));
  }
}


/* Rows [n0, n1) through the steps of the chunk that begins at 'from'. */
static void forward_chunk (const Run *r, int from, int n0, int n1) {
  int to = chunk_to(r, from);
  if (!r->distinct) {
    for (int i = from; i < to; i++) load_input(r, i, n0, n1);
    for (int p = 0; p < r->panels; p++) project(r, p, from, to, n0, n1);
  }
  for (int i = from; i < to; i++) {
    load_state(r, i, n0, n1);
    for (int p = 0; p < r->panels; p++) step_panel(r, p, i, n0, n1);
  }
}


/* What a round of the workers does with a run. */
typedef struct Round {
  const Run *r;
  int parts;
  int from, to, step;         /* steps of a chunk; the step itself */
} Round;


static void forward_rows (void *arg, int part) {
  const Round *w = arg;
  int n0, n1;
  share(w->r->N, w->parts, part, &n0, &n1);
  for (int from = 0; from < w->r->T; from += w->r->steps)
    forward_chunk(w->r, from, n0, n1);
}


static void project_panel (void *arg, int p) {
  const Round *w = arg;
  project(w->r, p, w->from, w->to, 0, w->r->N);
}


static void step_panels (void *arg, int part) {
  const Round *w = arg;
  int p0, p1;
  share(w->r->panels, w->parts, part, &p0, &p1);
  for (int p = p0; p < p1; p++) step_panel(w->r, p, w->step, 0, w->r->N);
}


/* Workers share the panels of every step. */
static void forward_panels (const Run *r) {
  rnl_Context *ctx = r->c->ctx;
  Round w = {.r = r};
  w.parts = rnl_threads(ctx) < r->panels ? rnl_threads(ctx) : r->panels;
  for (w.from = 0; w.from < r->T; w.from += r->steps) {
    w.to = chunk_to(r, w.from);
    for (int i = w.from; !r->distinct && i < w.to; i++)
      load_input(r, i, 0, r->N);
    if (!r->distinct) rnli_parallel(ctx, r->panels, project_panel, &w);
    for (w.step = w.from; w.step < w.to; w.step++) {
      load_state(r, w.step, 0, r->N);
      rnli_parallel(ctx, w.parts, step_panels, &w);
    }
  }
}


/* Are rows too few, and weights too many, for each worker to take rows? */
static int few_rows (const Run *r) {
  int threads = rnl_threads(r->c->ctx);
  size_t weights = (size_t)r->panels * (size_t)r->cols * r->h.k;
  return threads > 1 && r->N / threads < FEW_ROWS &&
         weights * (size_t)r->k->word_bytes > LARGE;
}


static int row_parts (const Run *r) {
  int threads = rnl_threads(r->c->ctx);
  return threads < r->N ? threads : r->N;
}


/* Numbers the ids in the order in which they first appear. */
static void map_ids (Run *r) {
  const rnl_Tensor *ids = r->c->in[r->u->inputs + 1];
  const int32_t *id = ids->data;
  int V = r->c->in[r->u->inputs]->dim[0];
  r->nids = 0;
  for (int v = 0; v < V; v++) r->seen[v] = -1;
  for (size_t i = 0; i < ids->count; i++) {
    int *number = &r->seen[id[i]];
    if (*number < 0) {
      *number = r->nids++;
      r->ids[*number] = id[i];
    }
    r->map[i] = *number;
  }
}


static void load_ids (const Run *r) {
  const Side *s = &r->x;
  for (int i = 0; i < r->nids; i++)
    r->k->operand(embedded(r, r->ids[i]), 0, 1, (size_t)s->n,
                  word_at(r, s->operand, (size_t)i * s->ld), s->ld);
}


static void project_ids (void *arg, int p) {
  const Run *r = arg;
  input_product(r, p, r->x.operand, r->nids, table_at(r, r->table, p, 0));
}


/* Makes what all steps use: packed weights, the products of ids. */
static void begin (Run *r) {
  rnl_Context *ctx = r->c->ctx;
  rnli_parallel(ctx, r->panels, pack_forward, r);
  if (!r->distinct) return;
  map_ids(r);
  load_ids(r);
  rnli_parallel(ctx, r->panels, project_ids, r);
}


/* Puts initial state 'in' (zeros when it was left out) in its slot. */
static void begin_state (const Run *r, int in, real *states) {
  const real *initial = rnli_data(r->c, in);
  real *slot = states + (r->reverse ? (size_t)r->T * r->slot : 0);
  if (initial) memcpy(slot, initial, r->slot * sizeof *slot);
  else memset(slot, 0, r->slot * sizeof *slot);
}


static void end_state (const Run *r, const real *states, int out) {
  const real *slot = states + (r->reverse ? 0 : (size_t)r->T * r->slot);
  memcpy(r->c->out[out]->data, slot, r->slot * sizeof *slot);
}


/* y of rows with lengths: the state after each step, 0 when they are over. */
static void copy_y (const Run *r) {
  size_t row = (size_t)r->H;
  real *y = r->c->out[Y]->data;
  for (int t = 0; t < r->T; t++)
    for (int n = 0; n < r->N; n++, y += row) {
      const real *h = r->hs + after(r, t) + (size_t)n * row;
      if (active(r, n, t)) memcpy(y, h, row * sizeof *y);
      else memset(y, 0, row * sizeof *y);
    }
}


/* Finds the states and gates of a call. */
static void find_states (Run *r) {
  rnl_Call *c = r->c;
  real *y = c->out[Y]->data;
  r->hs = r->length ? c->keep[STATES] : r->reverse ? y : y - r->slot;
  r->cs = c->keep[CELLS];
  if (r->keeps) r->gates = c->keep[GATES];
}


void rnli_seq_forward (rnl_Call *c, const Unit *u) {
  Run r = run_of(c, u);
  if (r.slot == 0) return;
  forward_memory(&r, c->scratch);
  find_states(&r);
  begin_state(&r, H0, r.hs);
  if (r.cs) begin_state(&r, C0, r.cs);
  begin(&r);
  Round w = {.r = &r, .parts = row_parts(&r)};
  if (few_rows(&r)) forward_panels(&r);
  else rnli_parallel(c->ctx, w.parts, forward_rows, &w);
  end_state(&r, r.hs, HN);
  if (r.cs) end_state(&r, r.cs, CN);
  if (r.length) copy_y(&r);
}

/* }====================================================================== */

/* {== Backward: steps ==================================================== */

static void cells_backward (const Run *r, const rnli_Cell *c, int n, int t) {
  if (!r->length) {
    r->k->backward[r->u->cell](c);
    return;
  }
  for (int i = 0; i < c->rows; i++) {
    rnli_Cell row = row_of_cell(r, c, i);
    if (active(r, n + i, t)) r->k->backward[r->u->cell](&row);
    else memset(row.dgates, 0, (size_t)r->W * sizeof(real));
  }
}


/* Gradients of the gates of rows [n0, n1) at step i, also as words. */
static void step_cells (const Run *r, int i, int n0, int n1) {
  int t = time_of(r, i);
  const real *dy = rnli_dout(r->c, Y);
  size_t row = chunk_row(r, i, n0), W = (size_t)r->W;
  for (int p = 0; p < r->panels; p++) {
    rnli_Cell c = cell_at(r, p, i, n0);
    size_t u = (size_t)(p * r->units);
    c.rows = n1 - n0;
    if (dy)
      c.dy = dy + (size_t)t * r->slot + (size_t)n0 * (size_t)r->H + u;
    c.dh = r->dh + (size_t)n0 * (size_t)r->ld + u;
    c.dc = r->dc + (size_t)n0 * (size_t)r->ld + u;
    c.dgates = dgates_at(r, p, row);
    cells_backward(r, &c, n0, t);
    if (r->k->word > 1) {
      size_t ww = words(r, W);
      size_t at = ((size_t)p * r->rows + row) * ww;
      r->k->operand(c.dgates, W, (size_t)(n1 - n0), W,
                    word_at(r, r->dgate_words, at), ww);
    }
  }
}


/*
** to[j] += rows of gradients of gates times panel q of w, for a tile's rows;
** 'words' is the first row, 'rows' the distance of panels in rows.
*/
static void factor_tile (const Run *r, const Side *s, int q, const char *words_,
                         size_t rows, int m, real *const *to) {
  real part[RNLI_MAX_ROWS][RNLI_VECS * RNLI_MAX_LANES];
  size_t ww = words(r, (size_t)r->W), k = words(r, (size_t)r->cols);
  size_t first = words(r, (size_t)(s->first * r->k->lanes));
  int n = across(r, s, q), vecs = across_vecs(r, s, q);
  int whole = n == vecs * r->k->lanes;
  size_t at = (size_t)q * (size_t)r->W * k * (size_t)r->panels;
  rnli_Tile t = {.rows = m, .vecs = vecs, .a_row = (ptrdiff_t)ww, .a_k = 1,
                 .a_chunk = (ptrdiff_t)(rows * ww), .k = k,
                 .chunks = (size_t)r->panels};
  t.a = words_ + first * (size_t)r->k->word_bytes;
  t.b = word_at(r, s->back, at);
  for (int j = 0; j < m; j++) {
    t.from[j] = whole ? to[j] + q * r->W : NULL;
    t.to[j] = whole ? to[j] + q * r->W : part[j];
  }
  r->k->tile(&t);
  if (whole) return;
  for (int j = 0; j < m; j++)
    for (int i = 0; i < n; i++) to[j][q * r->W + i] += part[j][i];
}


/* dh of rows [n0, n1), panel q, before step i from the gates of step i. */
static void step_back (const Run *r, int q, int i, int n0, int n1) {
  real *to[RNLI_MAX_ROWS];
  size_t ww = words(r, (size_t)r->W);
  int tiles = tile_count(r, n1 - n0);
  for (int g = 0; g < tiles; g++) {
    int a, b;
    share(n1 - n0, tiles, g, &a, &b);
    for (int j = a; j < b; j++)
      to[j - a] = r->dh + (size_t)(n0 + j) * (size_t)r->ld;
    size_t row = chunk_row(r, i, n0 + a);
    factor_tile(r, &r->h, q, word_at(r, r->dgate_words, row * ww), r->rows,
                b - a, to);
  }
}


static int state_panels (const Run *r) {
  return ceil_div(r->H, r->W);
}


static int needs_gates (const Run *r) {
  return r->u->keeps && !r->keeps;
}


/* Rows [n0, n1) back through the chunk that begins at step 'from'. */
static void backward_chunk (const Run *r, int from, int n0, int n1) {
  if (needs_gates(r)) forward_chunk(r, from, n0, n1);
  for (int i = chunk_to(r, from); i-- > from;) {
    step_cells(r, i, n0, n1);
    for (int q = 0; q < state_panels(r); q++) step_back(r, q, i, n0, n1);
  }
}


static void back_panel (void *arg, int q) {
  const Round *w = arg;
  step_back(w->r, q, w->step, 0, w->r->N);
}


/* The same for all rows, the panels of every step shared. */
static void backward_panels (const Run *r, int from) {
  Round w = {.r = r};
  if (needs_gates(r)) forward_chunk(r, from, 0, r->N);
  for (w.step = chunk_to(r, from); w.step-- > from;) {
    step_cells(r, w.step, 0, r->N);
    rnli_parallel(r->c->ctx, state_panels(r), back_panel, &w);
  }
}

/* }====================================================================== */

/* {== Backward: weights and input ======================================== */

/* sum += d, and sum += the m rows of d in order. */
RNLI_WIDE static void add_row (real *restrict sum, const real *restrict d,
                               int n) {
  for (int j = 0; j < n; j++) sum[j] += d[j];
}


RNLI_WIDE static void sum_rows (real *restrict sum, const real *d, size_t m,
                                int n) {
  for (size_t i = 0; i < m; i++)
    for (int j = 0; j < n; j++) sum[j] += d[i * (size_t)n + (size_t)j];
}


/* Row i of a chunk, or of all ids. */
typedef const real *RowAt (const Run *r, int from, size_t i);


/* Packs rows [0, m) as panel q of a side. */
static void pack_factor (const Run *r, const Side *s, int q, size_t m,
                         int from, RowAt *row_at) {
  const real *row[PACK_ROWS];
  size_t n = (size_t)across(r, s, q);
  size_t cols = (size_t)(across_vecs(r, s, q) * r->k->lanes);
  size_t size = words(r, s == &r->x && r->distinct ? (size_t)r->distinct
                                                   : r->rows);
  char *to = word_at(r, s->rows, (size_t)q * (size_t)r->W * size);
  for (size_t k = 0; k < m; k += PACK_ROWS) {
    size_t len = m - k < PACK_ROWS ? m - k : PACK_ROWS;
    for (size_t i = 0; i < len; i++) row[i] = row_at(r, from, k + i);
    r->k->pack_rows(row, len, (size_t)(q * r->W), n, cols,
                    word_at(r, to, k / (size_t)r->k->word * cols));
  }
}


/* Row i of the chunk that begins at 'from': of x, and of h before it. */
static const real *x_row (const Run *r, int from, size_t i) {
  int t = time_of(r, from + (int)(i / (size_t)r->N));
  size_t row = (size_t)t * (size_t)r->N + i % (size_t)r->N;
  return (const real *)input(r->c)->data + row * (size_t)r->x.n;
}


static const real *h_row (const Run *r, int from, size_t i) {
  int t = time_of(r, from + (int)(i / (size_t)r->N));
  return r->hs + before(r, t) + i % (size_t)r->N * (size_t)r->H;
}


static const real *id_row (const Run *r, int from, size_t i) {
  (void)from;
  return embedded(r, r->ids[i]);
}


/* One tile of the gradient of w: rows 'to' += gates' columns x panel q. */
static void weight_tile (const Run *r, rnli_Tile *t, int n, int q,
                         real *const *to) {
  real part[RNLI_MAX_ROWS][RNLI_VECS * RNLI_MAX_LANES];
  int whole = n == t->vecs * r->k->lanes;
  for (int j = 0; j < t->rows; j++) {
    int direct = whole && to[j];
    t->from[j] = direct ? to[j] + q * r->W : NULL;
    t->to[j] = direct ? to[j] + q * r->W : part[j];
  }
  r->k->tile(t);
  for (int j = 0; !whole && j < t->rows; j++)
    for (int i = 0; to[j] && i < n; i++) to[j][q * r->W + i] += part[j][i];
}


/*
** dw (gates*H, n) += the gradients of panel p, m rows, times the factor. The
** words are columns of the panel, W to each row or pair of rows.
*/
static void weight_grad (const Run *r, const Side *s, int p, const char *d,
                         size_t m, size_t size, real *dw) {
  real *to[RNLI_MAX_ROWS];
  int tiles = tile_count(r, r->cols);
  size_t k = words(r, m);
  for (int q = 0; q < ceil_div(s->n, r->W); q++) {
    rnli_Tile t = {.vecs = across_vecs(r, s, q), .a_row = 1, .a_k = r->W,
                   .k = k, .chunks = 1};
    t.b = word_at(r, s->rows, (size_t)q * (size_t)r->W * words(r, size));
    for (int g = 0; g < tiles; g++) {
      int a, b;
      share(r->cols, tiles, g, &a, &b);
      t.rows = b - a;
      t.a = d + (size_t)(a + s->first * r->k->lanes) *
                (size_t)r->k->word_bytes;
      for (int j = a; j < b; j++) {
        int row = weight_row(r, s->dgate, p, j);
        to[j - a] = row < 0 ? NULL : dw + (size_t)row * (size_t)s->n;
      }
      weight_tile(r, &t, across(r, s, q), q, to);
    }
  }
}


static void bias_grad (const Run *r, const Side *s, int p, const real *sum,
                       real *db) {
  for (int j = 0; db && j < r->cols; j++) {
    int row = weight_row(r, s->dgate, p, j);
    if (row >= 0) db[row] += sum[j + s->first * r->k->lanes];
  }
}


/* Panel p of gradients, m rows, as factor columns: pairs of rows for bf16. */
static const char *as_pairs (const Run *r, int p, const real *d, size_t m,
                             size_t size) {
  const real *row[PACK_ROWS];
  size_t W = (size_t)r->W;
  if (r->k->word == 1) return (const char *)d;
  char *to = word_at(r, r->dgate_pairs, (size_t)p * words(r, size) * W);
  for (size_t k = 0; k < m; k += PACK_ROWS) {
    size_t len = m - k < PACK_ROWS ? m - k : PACK_ROWS;
    for (size_t i = 0; i < len; i++) row[i] = d + (k + i) * W;
    r->k->pack_rows(row, len, 0, W, W,
                    word_at(r, to, k / (size_t)r->k->word * W));
  }
  return to;
}


/* Adds the chunk's gradients of panel p to those of their ids. */
static void sum_by_id (const Run *r, int p, int from, size_t m) {
  for (size_t i = 0; i < m; i++) {
    int t = time_of(r, from + (int)(i / (size_t)r->N));
    size_t at = (size_t)t * (size_t)r->N + i % (size_t)r->N;
    add_row(table_at(r, r->dtable, p, (size_t)r->map[at]),
            dgates_at(r, p, i), r->W);
  }
}


/* What panel p of a chunk adds to weights and biases. */
static void panel_grads (const Run *r, int p, int from) {
  real sum[RNLI_VECS * RNLI_MAX_LANES] = {0};
  size_t m = (size_t)(chunk_to(r, from) - from) * (size_t)r->N;
  const real *d = dgates_at(r, p, 0);
  real *dw_ih = rnli_din(r->c, W_IH), *dw_hh = rnli_din(r->c, W_HH);
  real *db_ih = rnli_din(r->c, B_IH), *db_hh = rnli_din(r->c, B_HH);
  int x_here = dw_ih && !r->distinct;
  const char *pairs = dw_hh || x_here ? as_pairs(r, p, d, m, r->rows) : NULL;
  if (db_ih || db_hh) sum_rows(sum, d, m, r->W);
  bias_grad(r, &r->x, p, sum, db_ih);
  bias_grad(r, &r->h, p, sum, db_hh);
  if (dw_hh) weight_grad(r, &r->h, p, pairs, m, r->rows, dw_hh);
  if (x_here) weight_grad(r, &r->x, p, pairs, m, r->rows, dw_ih);
  if (r->distinct) sum_by_id(r, p, from, m);
}


/* Rows of a block of x += gradients of gates times w_ih. */
static void input_grads (const Run *r, int block, int from) {
  real *dx = rnli_din(r->c, X), *to[RNLI_MAX_ROWS];
  size_t ww = words(r, (size_t)r->W);
  int m = (chunk_to(r, from) - from) * r->N;
  int a0 = block * BLOCK_ROWS;
  int len = m - a0 < BLOCK_ROWS ? m - a0 : BLOCK_ROWS;
  int tiles = tile_count(r, len);
  for (int q = 0; q < ceil_div(r->x.n, r->W); q++)
    for (int g = 0; g < tiles; g++) {
      int a, b;
      share(len, tiles, g, &a, &b);
      for (int j = a; j < b; j++) {
        int i = a0 + j, t = time_of(r, from + i / r->N);
        size_t row = (size_t)t * (size_t)r->N + (size_t)(i % r->N);
        to[j - a] = dx + row * (size_t)r->x.n;
      }
      factor_tile(r, &r->x, q,
                  word_at(r, r->dgate_words, (size_t)(a0 + a) * ww), r->rows,
                  b - a, to);
    }
}


static int input_blocks (const Run *r, int from) {
  int rows = (chunk_to(r, from) - from) * r->N;
  return rnli_din(r->c, X) ? ceil_div(rows, BLOCK_ROWS) : 0;
}


/* First round of a chunk: rows back through the steps; then packing. */
static void steps_round (void *arg, int i) {
  const Round *w = arg;
  const Run *r = w->r;
  int n0, n1;
  if (i < w->parts) {
    share(r->N, w->parts, i, &n0, &n1);
    backward_chunk(r, w->from, n0, n1);
    return;
  }
  size_t m = (size_t)(w->to - w->from) * (size_t)r->N;
  int q = i - w->parts;
  if (q < state_panels(r)) pack_factor(r, &r->h, q, m, w->from, h_row);
  else pack_factor(r, &r->x, q - state_panels(r), m, w->from, x_row);
}


/* Second round: blocks of the gradient of x, then panels of weights. */
static void grads_round (void *arg, int i) {
  const Round *w = arg;
  int blocks = input_blocks(w->r, w->from);
  if (i < blocks) input_grads(w->r, i, w->from);
  else panel_grads(w->r, i - blocks, w->from);
}


static void chunk_backward (const Run *r, int from) {
  Round w = {.r = r, .from = from, .to = chunk_to(r, from)};
  int packs = 0;
  if (rnli_din(r->c, W_HH)) packs = state_panels(r);
  if (rnli_din(r->c, W_IH) && !r->distinct) {
    packs = state_panels(r) + ceil_div(r->x.n, r->W);
  }
  if (few_rows(r)) backward_panels(r, from);
  else w.parts = row_parts(r);
  rnli_parallel(r->c->ctx, w.parts + packs, steps_round, &w);
  rnli_parallel(r->c->ctx, input_blocks(r, from) + r->panels, grads_round,
                &w);
}

/* }====================================================================== */

/* {== Backward: by id ==================================================== */

static void pack_ids (void *arg, int q) {
  const Run *r = arg;
  pack_factor(r, &r->x, q, (size_t)r->nids, 0, id_row);
}


/* The input's weights from the gradients summed by id. */
static void id_weights (void *arg, int p) {
  const Run *r = arg;
  size_t ids = (size_t)r->nids, size = (size_t)r->distinct;
  const real *d = table_at(r, r->dtable, p, 0);
  real *dw = rnli_din(r->c, W_IH);
  const char *pairs = as_pairs(r, p, d, ids, size);
  if (dw) weight_grad(r, &r->x, p, pairs, ids, size, dw);
}


static void id_words (void *arg, int p) {
  const Run *r = arg;
  size_t W = (size_t)r->W, ww = words(r, W);
  r->k->operand(table_at(r, r->dtable, p, 0), W, (size_t)r->nids, W,
                word_at(r, r->dgate_words,
                        (size_t)p * (size_t)r->distinct * ww), ww);
}


/* The rows of the table for a tile of ids. */
static void id_rows (void *arg, int g) {
  const Run *r = arg;
  real *dtable = rnli_din(r->c, r->u->inputs), *to[RNLI_MAX_ROWS];
  char *d = r->k->word > 1 ? r->dgate_words : (char *)r->dtable;
  size_t ww = words(r, (size_t)r->W);
  int a, b;
  share(r->nids, tile_count(r, r->nids), g, &a, &b);
  for (int j = a; j < b; j++)
    to[j - a] = dtable + (size_t)r->ids[j] * (size_t)r->x.n;
  for (int q = 0; q < ceil_div(r->x.n, r->W); q++)
    factor_tile(r, &r->x, q, word_at(r, d, (size_t)a * ww),
                (size_t)r->distinct, b - a, to);
}


static void ids_backward (Run *r) {
  rnl_Context *ctx = r->c->ctx;
  if (rnli_din(r->c, W_IH)) {
    rnli_parallel(ctx, ceil_div(r->x.n, r->W), pack_ids, r);
    rnli_parallel(ctx, r->panels, id_weights, r);
  }
  if (!rnli_din(r->c, r->u->inputs)) return;
  if (r->k->word > 1) rnli_parallel(ctx, r->panels, id_words, r);
  rnli_parallel(ctx, tile_count(r, r->nids), id_rows, r);
}

/* }====================================================================== */

/* {== Backward =========================================================== */

/* The gradient of state 'out' after the last step, as rows of 'ld'. */
static void end_grad (const Run *r, int out, real *d) {
  const real *last = rnli_dout(r->c, out);
  memset(d, 0, (size_t)r->N * (size_t)r->ld * sizeof *d);
  for (int n = 0; last && n < r->N; n++)
    memcpy(d + (size_t)n * (size_t)r->ld, last + (size_t)n * (size_t)r->H,
           (size_t)r->H * sizeof *d);
}


static void start_grad (const Run *r, int in, const real *d) {
  real *first = rnli_din(r->c, in);
  for (int n = 0; first && n < r->N; n++)
    add_row(first + (size_t)n * (size_t)r->H, d + (size_t)n * (size_t)r->ld,
            r->H);
}


static void pack_backward (void *arg, int q) {
  const Run *r = arg;
  if (q < state_panels(r)) pack_back(r, &r->h, q);
  else pack_back(r, &r->x, q - state_panels(r));
}


static void begin_backward (Run *r) {
  rnl_Context *ctx = r->c->ctx;
  int packs = state_panels(r);
  if (rnli_din(r->c, X) || rnli_din(r->c, r->u->inputs))
    packs += ceil_div(r->x.n, r->W);
  rnli_parallel(ctx, packs, pack_backward, r);
  if (needs_gates(r)) begin(r);
  else if (r->distinct) map_ids(r);
  if (r->distinct)
    memset(r->dtable, 0, panel_reals(r, (size_t)r->distinct) * sizeof(real));
  end_grad(r, HN, r->dh);
  if (r->cs) end_grad(r, CN, r->dc);
}


void rnli_seq_backward (rnl_Call *c, const Unit *u) {
  Run r = run_of(c, u);
  if (r.slot == 0) return;
  backward_memory(&r, c->scratch);
  find_states(&r);
  begin_backward(&r);
  for (int i = r.T; i > 0;) {
    int from = chunk_from(&r, i - 1);
    chunk_backward(&r, from);
    i = from;
  }
  start_grad(&r, H0, r.dh);
  if (r.cs) start_grad(&r, C0, r.dc);
  if (r.distinct) ids_backward(&r);
}

/* }====================================================================== */
