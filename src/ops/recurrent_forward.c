/*
** recurrent_forward.c - the states of a sequence, step by step: see
** recurrent.c.
*/
#include "ops/places.h"

/* {== Packing ============================================================ */

static char *panel_of (const Run *r, const Side *s, int p) {
  return word_at(r, s->panels, (size_t)p * (size_t)s->cols * s->k);
}


static void pack_panel (const Run *r, const Side *s, int p) {
  rnli_pack_gates(r->k, r->u, s->product, r->H, s->w, s->n, p,
                  panel_of(r, s, p));
}


/*
** Biases of panel p; the recurrent one joins the input's unless it is split.
** Under a norm they wait until it is done.
*/
static void pack_bias (const Run *r, int p) {
  real *x = r->x.bias_panels + (size_t)p * (size_t)r->x.cols;
  real *h = r->h.bias_panels + (size_t)p * (size_t)r->h.cols;
  for (int j = 0; j < r->x.cols; j++) {
    int row = weight_row(r, r->x.product->gate, p, j);
    real bx = row >= 0 && r->x.bias ? r->x.bias[row] : 0;
    real bh = row >= 0 && r->h.bias ? r->h.bias[row] : 0;
    x[j] = r->u->split ? bx : bx + bh;
    if (r->u->split) h[j] = bh;
  }
  if (r->norm.w) rnli_norm_pack(r, p, x);
}


static void pack_forward (void *arg, int p) {
  const Run *r = arg;
  pack_panel(r, &r->x, p);
  pack_panel(r, &r->h, p);
  if (r->inner.w) pack_panel(r, &r->inner, p);
  pack_bias(r, p);
}

/* }====================================================================== */

/* {== Forward ============================================================ */

/* 'to' (m rows of W) = the input's product of m rows of words. */
static void input_product (const Run *r, int p, const char *x, int m,
                           real *to) {
  const Side *s = &r->x;
  const real *bias = s->bias_panels + (size_t)p * (size_t)s->cols;
  rnli_Tile t = {.form = gates_form(r, s), .a_row = (ptrdiff_t)s->ld,
                 .a_k = 1, .k = s->k, .chunks = 1};
  t.b = panel_of(r, s, p);
  int tiles = tile_count(r, m);
  for (int g = 0; g < tiles; g++) {
    int a, b;
    rnli_share(m, tiles, g, &a, &b);
    t.rows = b - a;
    t.a = x + (size_t)a * s->ld * (size_t)r->k->word_bytes;
    for (int j = 0; j < t.rows; j++) {
      t.from[j] = bias;
      t.to[j] = to + (size_t)(a + j) * (size_t)r->W;
    }
    r->k->tile(&t);
  }
}


void rnli_carry (const rnli_Cell *c) {
  size_t bytes = (size_t)c->units * sizeof(real);
  if (c->h_prev) memcpy(c->h, c->h_prev, bytes);
  if (c->c != c->c_prev) memcpy(c->c, c->c_prev, bytes);
  if (c->varied && c->inner) memset(c->inner, 0, bytes);
}


void rnli_cells_forward (const Run *r, const rnli_Cell *c, int n, int t,
                         CellFunction *f) {
  if (!r->length) {
    f(c);
    return;
  }
  for (int i = 0; i < c->rows; i++) {
    rnli_Cell row = row_of_cell(r, c, i);
    if (active(r, n + i, t)) f(&row);
    else rnli_carry(&row);
  }
}


/* Where the recurrent product of row n goes: rec, or on top of the input's. */
static void step_target (const Run *r, int p, int i, int n, real *rec,
                         const real **from, real **to) {
  const Side *s = &r->h;
  real *gates = gates_at(r, p, i, n);
  const real *x = input_part(r, p, i, n);
  int filled = r->u->split ? 0 : s->cols;
  *from = x;
  *to = gates;
  if (r->u->split) {
    *from = s->bias_panels + (size_t)p * (size_t)s->cols;
    *to = rec;
  }
  if (x != gates && filled < r->x.cols)
    memcpy(gates + filled, x + filled,
           (size_t)(r->x.cols - filled) * sizeof *gates);
}


/* Rows [a, b) of panel p at step i: the recurrent product, then the cells. */
static void step_tile (const Run *r, int p, int i, int a, int b) {
  real rec[RNLI_MAX_ROWS * RNLI_VECS * RNLI_MAX_LANES];
  const Side *s = &r->h;
  const rnli_Cells *cells = r->k->cells;
  rnli_Cell cell = cell_at(r, p, i, a);
  rnli_Tile t = {.rows = b - a, .form = gates_form(r, s),
                 .a_row = (ptrdiff_t)s->ld, .a_k = 1, .k = s->k, .chunks = 1};
  t.a = word_at(r, s->operand, (size_t)a * s->ld);
  t.b = panel_of(r, s, p);
  for (int j = 0; j < t.rows; j++) {
    if (r->norm.w) t.to[j] = kept_at(r, r->norm.h, p, i, a + j);
    else step_target(r, p, i, a + j, rec + j * s->cols, &t.from[j], &t.to[j]);
  }
  r->k->tile(&t);
  if (r->norm.w) return;
  cell.rows = b - a;
  if (r->u->split) cell.rec = rec;
  rnli_cells_forward(r, &cell, a, time_of(r, i),
                     r->inner.w ? cells->reset : cells->forward[r->unit]);
}


/* Rows [n0, n1) of the state before step i, as words. */
static void load_state (const Run *r, int i, int n0, int n1) {
  const Side *s = &r->h;
  size_t S = (size_t)r->S;
  const real *h = r->hs + before(r, time_of(r, i)) + (size_t)n0 * S;
  r->k->operand(h, S, (size_t)(n1 - n0), S,
                word_at(r, s->operand, (size_t)n0 * s->ld), s->ld);
}


/* Rows [n0, n1) of x; what stands in one that is over must not matter. */
static void load_input (const Run *r, int i, int n0, int n1) {
  const Side *s = &r->x;
  int t = time_of(r, i);
  size_t D = (size_t)s->n, bytes = s->k * (size_t)r->k->word_bytes;
  size_t row = (size_t)t * (size_t)r->N + (size_t)n0;
  size_t at = chunk_row(r, i, n0);
  r->k->operand((const real *)input(r->c)->data + row * D, D,
                (size_t)(n1 - n0), D, word_at(r, s->operand, at * s->ld),
                s->ld);
  for (int n = n0; r->length && n < n1; n++, at++)
    if (!active(r, n, t)) memset(word_at(r, s->operand, at * s->ld), 0, bytes);
}


/* Rows [n0, n1) of panel p at step i. */
static void step_panel (const Run *r, int p, int i, int n0, int n1) {
  int tiles = tile_count(r, n1 - n0);
  for (int g = 0; g < tiles; g++) {
    int a, b;
    rnli_share(n1 - n0, tiles, g, &a, &b);
    step_tile(r, p, i, n0 + a, n0 + b);
  }
}


/* The input's product of rows [n0, n1), steps [from, to) of a chunk. */
static void project (const Run *r, int p, int from, int to, int n0, int n1) {
  for (int i = from; i < to; i++) {
    size_t row = chunk_row(r, i, n0);
    input_product(r, p, word_at(r, r->x.operand, row * r->x.ld), n1 - n0,
                  kept_at(r, r->norm.w ? r->norm.x : r->gates, p, i, n0));
  }
}


/* Backward makes c again from what it was before a chunk. */
static void keep_cells (const Run *r, int from, int n0, int n1) {
  size_t at = (size_t)n0 * (size_t)r->H;
  if (!r->first_cs || r->back) return;
  memcpy(first_cells(r, from) + at, r->cs + at,
         (size_t)(n1 - n0) * (size_t)r->H * sizeof *r->cs);
}


void rnli_forward_chunk (const Run *r, int from, int n0, int n1) {
  int to = chunk_to(r, from);
  keep_cells(r, from, n0, n1);
  if (!r->distinct) {
    for (int i = from; i < to; i++) load_input(r, i, n0, n1);
    for (int p = 0; p < r->panels; p++) project(r, p, from, to, n0, n1);
    if (r->norm.w) rnli_norm_input(r, from, to, n0, n1);
  }
  for (int i = from; i < to; i++) {
    load_state(r, i, n0, n1);
    for (int p = 0; p < r->panels; p++) step_panel(r, p, i, n0, n1);
    if (r->norm.w) rnli_norm_step(r, i, n0, n1);
    if (r->inner.w) rnli_inner_step(r, i, n0, n1);
    if (r->proj.w) rnli_project(r, i, n0, n1);
  }
}


static void forward_rows (void *arg, int part) {
  const Round *w = arg;
  int n0, n1;
  rnli_share(w->r->N, w->parts, part, &n0, &n1);
  for (int from = 0; from < w->r->T; from += w->r->steps)
    rnli_forward_chunk(w->r, from, n0, n1);
}


static void project_panel (void *arg, int p) {
  const Round *w = arg;
  project(w->r, p, w->from, w->to, 0, w->r->N);
}


static void step_panels (void *arg, int part) {
  const Round *w = arg;
  int p0, p1;
  rnli_share(w->r->panels, w->parts, part, &p0, &p1);
  for (int p = p0; p < p1; p++) step_panel(w->r, p, w->step, 0, w->r->N);
}


/* Workers share the panels of every step. */
static void forward_panels (const Run *r) {
  Round w = {.r = r};
  w.parts = panel_parts(r);
  for (w.from = 0; w.from < r->T; w.from += r->steps) {
    w.to = chunk_to(r, w.from);
    keep_cells(r, w.from, 0, r->N);
    for (int i = w.from; !r->distinct && i < w.to; i++)
      load_input(r, i, 0, r->N);
    if (!r->distinct) over(r, r->panels, project_panel, &w);
    for (w.step = w.from; w.step < w.to; w.step++) {
      load_state(r, w.step, 0, r->N);
      over(r, w.parts, step_panels, &w);
    }
  }
}


void rnli_map_ids (Run *r) {
  const rnl_Tensor *ids = r->c->in[table_input(r->u) + 1];
  const int32_t *id = ids->data;
  int V = r->c->in[table_input(r->u)]->dim[0];
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


void rnli_run_begin (Run *r) {
  over(r, r->panels, pack_forward, r);
  if (r->proj.w) rnli_project_pack(r);
  if (!r->distinct) return;
  rnli_map_ids(r);
  load_ids(r);
  over(r, r->panels, project_ids, r);
  if (r->norm.w) rnli_norm_ids(r);
}


/* Puts the initial h, zeros when it was left out, in its slot. */
static void begin_state (const Run *r) {
  const real *initial = rnli_data(r->c, H0);
  real *slot = r->hs + (r->reverse ? (size_t)r->T * r->slot : 0);
  if (initial) memcpy(slot, initial, r->slot * sizeof *slot);
  else memset(slot, 0, r->slot * sizeof *slot);
}


/* c lives in its output. */
static void begin_cells (Run *r) {
  const real *initial = rnli_data(r->c, C0);
  r->cs = r->c->out[CN]->data;
  if (initial) memcpy(r->cs, initial, r->cell_slot * sizeof *r->cs);
  else memset(r->cs, 0, r->cell_slot * sizeof *r->cs);
}


static void end_state (const Run *r) {
  const real *slot = r->hs + (r->reverse ? 0 : (size_t)r->T * r->slot);
  memcpy(r->c->out[HN]->data, slot, r->slot * sizeof *slot);
}


/* y of rows with lengths: the state after each step, 0 when they are over. */
static void copy_y (const Run *r) {
  size_t row = (size_t)r->S;
  real *y = r->c->out[Y]->data;
  for (int t = 0; t < r->T; t++)
    for (int n = 0; n < r->N; n++, y += row) {
      const real *h = r->hs + after(r, t) + (size_t)n * row;
      if (active(r, n, t)) memcpy(y, h, row * sizeof *y);
      else memset(y, 0, row * sizeof *y);
    }
}


/* Draws which units stay as they were; nothing when none can. */
static void draw_zones (const Run *r, unsigned char *to, real p) {
  for (size_t i = 0; p > 0 && i < r->cell_slot * (size_t)r->T; i++)
    to[i] = rnl_rng_uniform(&r->c->ctx->rng) < (double)p;
}


void rnli_seq_forward (rnl_Call *c, int unit) {
  Run r = rnli_run_of(c, unit);
  if (r.slot == 0) return;
  rnli_forward_memory(&r, c->scratch);
  begin_state(&r);
  if (r.zones) {
    draw_zones(&r, r.zones, r.cell.zone_h);
    draw_zones(&r, r.zones + zone_bytes(&r), r.cell.zone_c);
  }
  if (r.u->cells) begin_cells(&r);
  rnli_run_begin(&r);
  Round w = {.r = &r, .parts = row_parts(&r)};
  if (few_rows(&r)) forward_panels(&r);
  else over(&r, w.parts, forward_rows, &w);
  end_state(&r);
  if (r.length) copy_y(&r);
}

/* }====================================================================== */
