/*
** recurrent_backward.c - from the gradients of states to those of gates, and
** from these to weights and input, chunk by chunk: see recurrent.c.
*/
#include "ops/places.h"

enum {
  PACK_ROWS = 256,     /* rows packed at a time; even */
  BLOCK_ROWS = 96      /* rows of x whose gradient is one task */
};

/* {== Backward: steps ==================================================== */

void rnli_cells_backward (const Run *r, const rnli_Cell *c, int n, int t,
                          CellFunction *f) {
  if (!r->length) {
    f(c);
    return;
  }
  for (int i = 0; i < c->rows; i++) {
    rnli_Cell row = row_of_cell(r, c, i);
    if (active(r, n + i, t)) {
      f(&row);
      continue;
    }
    memset(row.dgates, 0, (size_t)r->W * sizeof(real));
    if (row.varied && row.inner)
      memset(row.inner, 0, (size_t)row.units * sizeof(real));
  }
}


void rnli_panel_cells (const Run *r, int p, int i, int n0, int n1,
                       CellFunction *f) {
  int t = time_of(r, i);
  const real *dy = rnli_dout(r->c, Y);
  size_t u = (size_t)(p * r->units);
  size_t ld = (size_t)n0 * (size_t)r->ld + u;
  rnli_Cell c = cell_at(r, p, i, n0);
  c.rows = n1 - n0;
  if (r->proj.w) {
    c.dh = r->dinner + ld;
  } else {
    c.dh = r->dh + ld;
    if (dy)
      c.dy = dy + (size_t)t * r->slot + (size_t)n0 * (size_t)r->H + u;
  }
  if (r->dinner) c.dinner = r->dinner + ld;
  if (r->dc) c.dc = r->dc + ld;
  c.dgates = dgates_at(r, r->dgates, p, chunk_row(r, i, n0));
  rnli_cells_backward(r, &c, n0, t, f);
}


void rnli_dgate_words (const Run *r, const Side *s, int p, int i, int n0,
                       int n1) {
  size_t W = (size_t)r->W, ww = words(r, W), row = chunk_row(r, i, n0);
  if (r->k->word == 1) return;
  r->k->operand(dgates_at(r, s->dgates, p, row), W, (size_t)(n1 - n0), W,
                word_at(r, s->dgate_words, ((size_t)p * r->rows + row) * ww),
                ww);
}


void rnli_factor_tile (const Run *r, const Side *s, int q, const char *d,
                       size_t rows, int m, real *const *to) {
  real part[RNLI_MAX_ROWS][RNLI_VECS * RNLI_MAX_LANES];
  size_t ww = words(r, (size_t)r->W), k = words(r, (size_t)s->cols);
  size_t first = words(r, (size_t)(s->product->from * r->k->lanes));
  rnli_Form form = across_form(r, s, q);
  int n = across(r, s, q), whole = n == form.cols;
  size_t at = (size_t)q * (size_t)r->W * k * (size_t)r->panels;
  rnli_Tile t = {.rows = m, .form = form, .a_row = (ptrdiff_t)ww, .a_k = 1,
                 .a_chunk = (ptrdiff_t)(rows * ww), .k = k,
                 .chunks = (size_t)r->panels};
  t.a = d + first * (size_t)r->k->word_bytes;
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


/* The same for panel q and rows [n0, n1) of step i. */
static void factor_panel (const Run *r, const Side *s, int q, int i, int n0,
                          int n1, real *rows, int ld) {
  real *to[RNLI_MAX_ROWS];
  size_t ww = words(r, (size_t)r->W);
  int tiles = tile_count(r, n1 - n0);
  for (int g = 0; g < tiles; g++) {
    int a, b;
    rnli_share(n1 - n0, tiles, g, &a, &b);
    for (int j = a; j < b; j++)
      to[j - a] = rows + (size_t)(n0 + j) * (size_t)ld;
    size_t row = chunk_row(r, i, n0 + a);
    rnli_factor_tile(r, s, q, word_at(r, s->dgate_words, row * ww), r->rows,
                     b - a, to);
  }
}


void rnli_factor_rows (const Run *r, const Side *s, int i, int n0, int n1,
                       real *to, int ld) {
  for (int q = 0; q < factor_panels(r, s); q++)
    factor_panel(r, s, q, i, n0, n1, to, ld);
}


/* Gradients of panel p of gates, rows [n0, n1) at step i; also as words. */
static void panel_gates (const Run *r, int p, int i, int n0, int n1) {
  rnli_panel_cells(r, p, i, n0, n1, r->k->cells->backward[r->unit]);
  if (!r->norm.w) rnli_dgate_words(r, &r->x, p, i, n0, n1);
}


/* Rows [n0, n1) back from after step i to before it. */
static void step_back (const Run *r, int i, int n0, int n1) {
  if (r->proj.w) rnli_project_back(r, i, n0, n1);
  if (r->norm.w) rnli_norm_output_back(r, i, n0, n1);
  for (int p = 0; p < r->panels; p++) panel_gates(r, p, i, n0, n1);
  if (r->norm.w) rnli_norm_back(r, i, n0, n1);
  if (r->inner.w) rnli_inner_back(r, i, n0, n1);
  rnli_factor_rows(r, &r->h, i, n0, n1, r->dh, r->dh_ld);
}


/* c of rows [n0, n1) of panel p before the chunk, and after each step. */
static void panel_states (const Run *r, int p, int from, int n0, int n1) {
  rnli_Cell first = cell_at(r, p, from, n0);
  const real *kept = first_cells(r, from) + (size_t)n0 * (size_t)r->H +
                     (size_t)(p * r->units);
  real *c_from = r->cs + (size_t)n0 * (size_t)r->H + (size_t)(p * r->units);
  for (int n = 0; n < n1 - n0; n++)
    memcpy(c_from + (size_t)n * (size_t)r->H, kept + (size_t)n * (size_t)r->H,
           (size_t)first.units * sizeof *c_from);
  if (needs_gates(r)) return;
  for (int i = from; i < chunk_to(r, from); i++) {
    rnli_Cell c = cell_at(r, p, i, n0);
    c.rows = n1 - n0;
    if (!r->length) r->k->cells->advance(&c);
    for (int n = 0; r->length && n < c.rows; n++) {
      rnli_Cell row = row_of_cell(r, &c, n);
      if (active(r, n0 + n, time_of(r, i))) r->k->cells->advance(&row);
      else rnli_carry(&row);
    }
  }
}


/* Rows [n0, n1) back through the chunk that begins at step 'from'. */
static void backward_chunk (const Run *r, int from, int n0, int n1) {
  for (int p = 0; r->cs && p < r->panels; p++)
    panel_states(r, p, from, n0, n1);
  if (needs_gates(r)) rnli_forward_chunk(r, from, n0, n1);
  for (int i = chunk_to(r, from); i-- > from;) step_back(r, i, n0, n1);
}


static void states_part (void *arg, int p) {
  const Round *w = arg;
  panel_states(w->r, p, w->from, 0, w->r->N);
}


static void cells_part (void *arg, int part) {
  const Round *w = arg;
  int p0, p1;
  rnli_share(w->r->panels, w->parts, part, &p0, &p1);
  for (int p = p0; p < p1; p++) panel_gates(w->r, p, w->step, 0, w->r->N);
}


static void back_part (void *arg, int part) {
  const Round *w = arg;
  const Run *r = w->r;
  int q0, q1;
  rnli_share(factor_panels(r, &r->h), w->parts, part, &q0, &q1);
  for (int q = q0; q < q1; q++)
    factor_panel(r, &r->h, q, w->step, 0, r->N, r->dh, r->dh_ld);
}


/* The same for all rows, the panels of every step shared. */
static void backward_panels (const Run *r, int from) {
  Round w = {.r = r, .from = from, .parts = panel_parts(r)};
  if (r->cs) over(r, r->panels, states_part, &w);
  if (needs_gates(r)) rnli_forward_chunk(r, from, 0, r->N);
  for (w.step = chunk_to(r, from); w.step-- > from;) {
    over(r, w.parts, cells_part, &w);
    over(r, w.parts, back_part, &w);
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


void rnli_pack_matrix (const Run *r, const real *x, size_t ld, size_t m,
                       size_t n, size_t cols, char *to) {
  const real *row[PACK_ROWS];
  for (size_t k = 0; k < m; k += PACK_ROWS) {
    size_t len = m - k < PACK_ROWS ? m - k : PACK_ROWS;
    for (size_t i = 0; i < len; i++) row[i] = x + (k + i) * ld;
    r->k->pack_rows(row, len, 0, n, cols,
                    word_at(r, to, k / (size_t)r->k->word * cols));
  }
}


/* Packs rows [0, m) as panel q of a side. */
static void pack_factor (const Run *r, const Side *s, int q, size_t m,
                         int from, RowAt *row_at) {
  const real *row[PACK_ROWS];
  size_t n = (size_t)across(r, s, q);
  size_t cols = (size_t)across_form(r, s, q).cols;
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


/*
** Row i of the chunk that begins at 'from': of x, NULL for one that is over,
** and of h before it.
*/
static const real *x_row (const Run *r, int from, size_t i) {
  int t = time_of(r, from + (int)(i / (size_t)r->N));
  int n = (int)(i % (size_t)r->N);
  size_t row = (size_t)t * (size_t)r->N + (size_t)n;
  if (!active(r, n, t)) return NULL;
  return (const real *)input(r->c)->data + row * (size_t)r->x.n;
}


static const real *h_row (const Run *r, int from, size_t i) {
  int t = time_of(r, from + (int)(i / (size_t)r->N));
  return r->hs + before(r, t) + i % (size_t)r->N * (size_t)r->S;
}


/* What the further product read. */
static const real *inner_row (const Run *r, int from, size_t i) {
  (void)from;
  return r->inners + i * (size_t)r->H;
}


static const real *id_row (const Run *r, int from, size_t i) {
  (void)from;
  return embedded(r, r->ids[i]);
}


/* One tile of the gradient of w: rows 'to' += gates' columns x panel q. */
static void weight_tile (const Run *r, rnli_Tile *t, int n, int q,
                         real *const *to) {
  real part[RNLI_MAX_ROWS][RNLI_VECS * RNLI_MAX_LANES];
  int whole = n == t->form.cols;
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
  int tiles = tile_count(r, s->cols);
  size_t k = words(r, m);
  for (int q = 0; q < factor_panels(r, s); q++) {
    rnli_Tile t = {.form = across_form(r, s, q), .a_row = 1, .a_k = r->W,
                   .k = k, .chunks = 1};
    t.b = word_at(r, s->rows, (size_t)q * (size_t)r->W * words(r, size));
    for (int g = 0; g < tiles; g++) {
      int a, b;
      rnli_share(s->cols, tiles, g, &a, &b);
      t.rows = b - a;
      t.a = d + (size_t)(a + s->product->from * r->k->lanes) *
                (size_t)r->k->word_bytes;
      for (int j = a; j < b; j++) {
        int row = weight_row(r, s->product->dgate, p, j);
        to[j - a] = row < 0 ? NULL : dw + (size_t)row * (size_t)s->n;
      }
      weight_tile(r, &t, across(r, s, q), q, to);
    }
  }
}


static void bias_grad (const Run *r, const Side *s, int p, const real *sum,
                       real *db) {
  for (int j = 0; db && j < s->cols; j++) {
    int row = weight_row(r, s->product->dgate, p, j);
    if (row >= 0) db[row] += sum[j + s->product->from * r->k->lanes];
  }
}


/* Panel p of gradients, m rows, as factor columns: pairs of rows for bf16. */
static const char *as_pairs (const Run *r, const Side *s, int p,
                             const real *d, size_t m, size_t size) {
  size_t W = (size_t)r->W;
  if (r->k->word == 1) return (const char *)d;
  char *to = word_at(r, s->dgate_pairs, (size_t)p * words(r, size) * W);
  rnli_pack_matrix(r, d, W, m, W, W, to);
  return to;
}


/* The same of a chunk; all products share them, except under a norm. */
static const char *chunk_pairs (const Run *r, const Side *s, int p, size_t m) {
  return as_pairs(r, s, p, dgates_at(r, s->dgates, p, 0), m, r->rows);
}


/* Adds the chunk's gradients of panel p to those of their ids. */
static void sum_by_id (const Run *r, int p, int from, size_t m) {
  for (size_t i = 0; i < m; i++) {
    int t = time_of(r, from + (int)(i / (size_t)r->N));
    size_t at = (size_t)t * (size_t)r->N + i % (size_t)r->N;
    add_row(table_at(r, r->dtable, p, (size_t)r->map[at]),
            dgates_at(r, r->dgates, p, i), r->W);
  }
}


/* dp (units) += the products of m rows of a gate's gradients and of c. */
static void peep_grad (const Run *r, int units, const real *d, const real *c,
                       size_t m, real *dp) {
  for (size_t i = 0; i < m; i++)
    for (int j = 0; j < units; j++)
      dp[j] += d[i * (size_t)r->W + (size_t)j] *
               c[i * (size_t)r->H + (size_t)j];
}


/* i and f look at c before a step, o at c after it: N rows further. */
static void peep_grads (const Run *r, int p, size_t m) {
  int u = p * r->units, lanes = r->k->lanes, o = r->u->gates - 1;
  int units = r->H - u < r->units ? r->H - u : r->units;
  real *dp = rnli_din(r->c, PEEP);
  const real *d = dgates_at(r, r->dgates, p, 0), *c = r->cs + u;
  if (!dp) return;
  dp += u;
  peep_grad(r, units, d, c, m, dp);
  if (!r->cell.coupled)
    peep_grad(r, units, d + lanes, c, m, dp + r->H);
  peep_grad(r, units, d + o * lanes, c + r->cell_slot, m,
            dp + (o - 1) * r->H);
}


static void bias_grads (const Run *r, int p, size_t m) {
  real sum[RNLI_VECS * RNLI_MAX_LANES] = {0};
  real *db_ih = rnli_din(r->c, B_IH), *db_hh = rnli_din(r->c, B_HH);
  if (!db_ih && !db_hh) return;
  sum_rows(sum, dgates_at(r, r->dgates, p, 0), m, r->W);
  bias_grad(r, &r->x, p, sum, db_ih);
  bias_grad(r, &r->h, p, sum, db_hh);
  if (r->inner.w) bias_grad(r, &r->inner, p, sum, db_hh);
}


/* What panel p of a chunk adds to weights and biases. */
static void panel_grads (const Run *r, int p, int from) {
  size_t m = (size_t)(chunk_to(r, from) - from) * (size_t)r->N;
  real *dw_hh = rnli_din(r->c, W_HH);
  real *dw_ih = r->distinct ? NULL : rnli_din(r->c, W_IH);
  const char *pairs = NULL;
  bias_grads(r, p, m);
  if (dw_hh || dw_ih) pairs = chunk_pairs(r, &r->h, p, m);
  if (dw_hh) weight_grad(r, &r->h, p, pairs, m, r->rows, dw_hh);
  if (dw_hh && r->inner.w)
    weight_grad(r, &r->inner, p, pairs, m, r->rows, dw_hh);
  if (dw_ih && r->norm.w) pairs = chunk_pairs(r, &r->x, p, m);
  if (dw_ih) weight_grad(r, &r->x, p, pairs, m, r->rows, dw_ih);
  if (r->distinct) sum_by_id(r, p, from, m);
  if (r->cell.peep) peep_grads(r, p, m);
  if (r->norm.w) rnli_norm_grads(r, p, from, m);
}


/* Rows of a block of x += gradients of gates times w_ih. */
static void input_grads (const Run *r, int block, int from) {
  real *dx = rnli_din(r->c, X), *to[RNLI_MAX_ROWS];
  size_t ww = words(r, (size_t)r->W);
  int m = (chunk_to(r, from) - from) * r->N;
  int a0 = block * BLOCK_ROWS;
  int len = m - a0 < BLOCK_ROWS ? m - a0 : BLOCK_ROWS;
  int tiles = tile_count(r, len);
  for (int q = 0; q < factor_panels(r, &r->x); q++)
    for (int g = 0; g < tiles; g++) {
      int a, b;
      rnli_share(len, tiles, g, &a, &b);
      for (int j = a; j < b; j++) {
        int i = a0 + j, t = time_of(r, from + i / r->N);
        size_t row = (size_t)t * (size_t)r->N + (size_t)(i % r->N);
        to[j - a] = dx + row * (size_t)r->x.n;
      }
      rnli_factor_tile(r, &r->x, q,
                       word_at(r, r->x.dgate_words, (size_t)(a0 + a) * ww),
                       r->rows, b - a, to);
    }
}


static int input_blocks (const Run *r, int from) {
  int rows = (chunk_to(r, from) - from) * r->N;
  return rnli_din(r->c, X) ? rnli_ceil_div(rows, BLOCK_ROWS) : 0;
}


/* Panels of factors to be packed for the gradients of weights. */
static int factor_packs (const Run *r) {
  int packs = 0;
  if (rnli_din(r->c, W_HH)) packs += factor_panels(r, &r->h);
  if (rnli_din(r->c, W_IH) && !r->distinct)
    packs += factor_panels(r, &r->x);
  return packs;
}


/* First round of a chunk: rows back through the steps; then packing. */
static void steps_round (void *arg, int i) {
  const Round *w = arg;
  const Run *r = w->r;
  int n0, n1;
  if (i < w->parts) {
    rnli_share(r->N, w->parts, i, &n0, &n1);
    backward_chunk(r, w->from, n0, n1);
    return;
  }
  size_t m = (size_t)(w->to - w->from) * (size_t)r->N;
  int q = i - w->parts, hs = rnli_din(r->c, W_HH) ? factor_panels(r, &r->h) : 0;
  if (q < hs) pack_factor(r, &r->h, q, m, w->from, h_row);
  else pack_factor(r, &r->x, q - hs, m, w->from, x_row);
}


/* What the first round made is packed before the second. */
static void pack_inner (void *arg, int q) {
  const Round *w = arg;
  size_t m = (size_t)(w->to - w->from) * (size_t)w->r->N;
  pack_factor(w->r, &w->r->inner, q, m, w->from, inner_row);
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
  if (few_rows(r)) backward_panels(r, from);
  else w.parts = row_parts(r);
  over(r, w.parts + factor_packs(r), steps_round, &w);
  if (r->inner.w && rnli_din(r->c, W_HH))
    over(r, factor_panels(r, &r->inner), pack_inner, &w);
  if (r->proj.w) rnli_project_grad(r, from);
  over(r, input_blocks(r, from) + r->panels, grads_round, &w);
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
  const char *pairs = as_pairs(r, &r->x, p, d, ids, size);
  if (dw) weight_grad(r, &r->x, p, pairs, ids, size, dw);
}


static void id_words (void *arg, int p) {
  const Run *r = arg;
  size_t W = (size_t)r->W, ww = words(r, W);
  r->k->operand(table_at(r, r->dtable, p, 0), W, (size_t)r->nids, W,
                word_at(r, r->x.dgate_words,
                        (size_t)p * (size_t)r->distinct * ww), ww);
}


/* The rows of the table for a tile of ids. */
static void id_rows (void *arg, int g) {
  const Run *r = arg;
  real *dtable = rnli_din(r->c, table_input(r->u)), *to[RNLI_MAX_ROWS];
  char *d = r->k->word > 1 ? r->x.dgate_words : (char *)r->dtable;
  size_t ww = words(r, (size_t)r->W);
  int a, b;
  rnli_share(r->nids, tile_count(r, r->nids), g, &a, &b);
  for (int j = a; j < b; j++)
    to[j - a] = dtable + (size_t)r->ids[j] * (size_t)r->x.n;
  for (int q = 0; q < factor_panels(r, &r->x); q++)
    rnli_factor_tile(r, &r->x, q, word_at(r, d, (size_t)a * ww),
                     (size_t)r->distinct, b - a, to);
}


static void ids_backward (Run *r) {
  if (r->norm.w) rnli_norm_ids_back(r);
  if (rnli_din(r->c, W_IH)) {
    over(r, factor_panels(r, &r->x), pack_ids, r);
    over(r, r->panels, id_weights, r);
  }
  if (!rnli_din(r->c, table_input(r->u))) return;
  if (r->k->word > 1) over(r, r->panels, id_words, r);
  over(r, tile_count(r, r->nids), id_rows, r);
}

/* }====================================================================== */

/* {== Backward =========================================================== */

/* Panel q of w: its rows in the order of the gradients of gates. */
static void pack_back (const Run *r, const Side *s, int q) {
  const real *row[RNLI_VECS * RNLI_MAX_LANES];
  size_t n = (size_t)across(r, s, q);
  size_t cols = (size_t)across_form(r, s, q).cols;
  size_t kp = words(r, (size_t)s->cols);
  size_t at = (size_t)q * (size_t)r->W * kp * (size_t)r->panels;
  for (int p = 0; p < r->panels; p++) {
    for (int j = 0; j < s->cols; j++) {
      int i = weight_row(r, s->product->dgate, p, j);
      row[j] = i < 0 ? NULL : s->w + (size_t)i * (size_t)s->n;
    }
    r->k->pack_rows(row, (size_t)s->cols, (size_t)(q * r->W), n, cols,
                    word_at(r, s->back, at + (size_t)p * kp * cols));
  }
}


/* The gradient of a state of 'units' after the last step, as rows of 'ld'. */
static void end_grad (const Run *r, int out, int units, real *d, int ld) {
  const real *last = rnli_dout(r->c, out);
  memset(d, 0, (size_t)r->N * (size_t)ld * sizeof *d);
  for (int n = 0; last && n < r->N; n++)
    memcpy(d + (size_t)n * (size_t)ld, last + (size_t)n * (size_t)units,
           (size_t)units * sizeof *d);
}


static void start_grad (const Run *r, int in, int units, const real *d,
                        int ld) {
  real *first = rnli_din(r->c, in);
  for (int n = 0; first && n < r->N; n++)
    add_row(first + (size_t)n * (size_t)units, d + (size_t)n * (size_t)ld,
            units);
}


static void pack_backward (void *arg, int q) {
  const Run *r = arg;
  int hs = factor_panels(r, &r->h);
  int inners = r->inner.w ? factor_panels(r, &r->inner) : 0;
  if (q < hs) pack_back(r, &r->h, q);
  else if (q < hs + inners) pack_back(r, &r->inner, q - hs);
  else pack_back(r, &r->x, q - hs - inners);
}


static void begin_backward (Run *r) {
  int packs = factor_panels(r, &r->h);
  if (r->inner.w) packs += factor_panels(r, &r->inner);
  if (rnli_din(r->c, X) || rnli_din(r->c, table_input(r->u)))
    packs += factor_panels(r, &r->x);
  over(r, packs, pack_backward, r);
  if (needs_gates(r) || r->norm.w || r->proj.w) rnli_run_begin(r);
  else if (r->distinct) rnli_map_ids(r);
  if (r->norm.w) rnli_norm_back_begin(r);
  if (r->distinct)
    memset(r->dtable, 0, panel_reals(r, (size_t)r->distinct) * sizeof(real));
  end_grad(r, HN, r->S, r->dh, r->dh_ld);
  if (r->cs) end_grad(r, CN, r->H, r->dc, r->ld);
}


void rnli_seq_backward (rnl_Call *c, int unit) {
  Run r = rnli_run_of(c, unit);
  if (r.slot == 0) return;
  rnli_backward_memory(&r, c->scratch);
  begin_backward(&r);
  for (int i = r.T; i > 0;) {
    int from = chunk_from(&r, i - 1);
    chunk_backward(&r, from);
    i = from;
  }
  start_grad(&r, H0, r.S, r.dh, r.dh_ld);
  if (r.cs) start_grad(&r, C0, r.H, r.dc, r.ld);
  if (r.norm.w) rnli_norm_end(&r);
  if (r.distinct) ids_backward(&r);
}

/* }====================================================================== */
