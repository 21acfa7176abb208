/*
** recurrent_inner.c - steps with a second product, of something the cells
** make first: r*h' of a GRU with its reset before the product, and what an
** LSTM with a projection (Sak, Senior and Beaufays 2014) projects. A step then
** needs all units of a row before it can go on.
*/
#include "ops/places.h"

/* {== GRU: n = tanh(x + w_hn (r*h')), reset before ======================= */

static void load_inner (const Run *r, int i, int n0, int n1) {
  const Side *s = &r->inner;
  size_t H = (size_t)r->H;
  r->k->operand(inners_at(r, i) + (size_t)n0 * H, H, (size_t)(n1 - n0), H,
                word_at(r, s->operand, (size_t)n0 * s->ld), s->ld);
}


/* Rows [a, b) of panel p: the product of n, then the cells. */
static void inner_tile (const Run *r, int p, int i, int a, int b) {
  const Side *s = &r->inner;
  rnli_Cell cell = cell_at(r, p, i, a);
  rnli_Tile t = {.rows = b - a, .form = gates_form(r, s),
                 .a_row = (ptrdiff_t)s->ld, .a_k = 1, .k = s->k, .chunks = 1};
  t.a = word_at(r, s->operand, (size_t)a * s->ld);
  t.b = word_at(r, s->panels, (size_t)p * (size_t)s->cols * s->k);
  for (int j = 0; j < t.rows; j++) {
    t.to[j] = gates_at(r, p, i, a + j) + s->product->from * r->k->lanes;
    t.from[j] = t.to[j];
  }
  r->k->tile(&t);
  cell.rows = b - a;
  rnli_cells_forward(r, &cell, a, time_of(r, i), r->k->cells->forward[r->unit]);
}


void rnli_inner_step (const Run *r, int i, int n0, int n1) {
  int tiles = tile_count(r, n1 - n0);
  load_inner(r, i, n0, n1);
  for (int p = 0; p < r->panels; p++)
    for (int g = 0; g < tiles; g++) {
      int a, b;
      rnli_share(n1 - n0, tiles, g, &a, &b);
      inner_tile(r, p, i, n0 + a, n0 + b);
    }
}


void rnli_inner_back (const Run *r, int i, int n0, int n1) {
  size_t ld = (size_t)r->ld;
  memset(r->dinner + (size_t)n0 * ld, 0,
         (size_t)(n1 - n0) * ld * sizeof(real));
  rnli_factor_rows(r, &r->inner, i, n0, n1, r->dinner, r->ld);
  for (int p = 0; p < r->panels; p++) {
    rnli_panel_cells(r, p, i, n0, n1, r->k->cells->reset_back);
    rnli_dgate_words(r, &r->x, p, i, n0, n1);
  }
}

/* }====================================================================== */

/* {== LSTM: h = w_hr (o*tanh(c)) ========================================= */

/* Panels across 'n' columns. */
static int panels_across (const Run *r, int n) {
  return rnli_ceil_div(n, r->W);
}


void rnli_project_room (Run *r, rnli_Room *room) {
  Projection *p = &r->proj;
  size_t bytes = (size_t)r->k->word_bytes, W = (size_t)r->W;
  size_t across = (size_t)panels_across(r, r->S) * W;
  p->ld = words(r, (size_t)r->H);
  p->panels = rnli_take(room, rnli_mul(across, p->ld), bytes);
  p->operand = rnli_take(room, rnli_mul((size_t)r->N, p->ld), bytes);
  if (!r->back) return;
  across = (size_t)panels_across(r, r->H) * W;
  p->dh_ld = words(r, (size_t)r->S);
  p->back = rnli_take(room, rnli_mul(across, p->dh_ld), bytes);
}


void rnli_project_back_room (Run *r, rnli_Room *room) {
  Projection *p = &r->proj;
  size_t bytes = (size_t)r->k->word_bytes;
  p->dh = rnli_take(room, rnli_mul(r->rows, (size_t)r->S), sizeof(real));
  p->dh_words = rnli_take(room, rnli_mul((size_t)r->N, p->dh_ld), bytes);
}


/* Panel q of w', across the S units: columns as those of an Elman cell. */
static void pack_forward (const Run *r, int q) {
  const rnli_Unit *plain = &rnli_unit[RNLI_ELMAN];
  rnli_pack_gates(r->k, plain, &plain->x, r->S, r->proj.w, r->H, q,
                  word_at(r, r->proj.panels,
                          (size_t)q * (size_t)r->W * r->proj.ld));
}


/* Panel q of w, across the H units. */
static void pack_back (const Run *r, int q) {
  size_t H = (size_t)r->H, W = (size_t)r->W, at = (size_t)q * W;
  size_t n = H - at < W ? H - at : W;
  rnli_pack_matrix(r, r->proj.w + at, H, (size_t)r->S, n, W,
                   word_at(r, r->proj.back, at * r->proj.dh_ld));
}


void rnli_project_pack (const Run *r) {
  for (int q = 0; q < panels_across(r, r->S); q++) pack_forward(r, q);
  for (int q = 0; r->back && q < panels_across(r, r->H); q++)
    pack_back(r, q);
}


/* to (m, n), rows 'ld' apart, = m rows of k words times panels 'b'. */
static void product (const Run *r, const char *a, size_t k, const char *b,
                     int m, int n, real *to, size_t ld) {
  real part[RNLI_MAX_ROWS][RNLI_VECS * RNLI_MAX_LANES];
  int tiles = tile_count(r, m);
  for (int q = 0; q < panels_across(r, n); q++)
    for (int g = 0; g < tiles; g++) {
      int from, end, len = n - q * r->W < r->W ? n - q * r->W : r->W;
      rnli_share(m, tiles, g, &from, &end);
      rnli_Tile t = {.rows = end - from, .a_row = (ptrdiff_t)k, .a_k = 1,
                     .k = k, .chunks = 1};
      t.form = rnli_full_form(RNLI_VECS, r->k->lanes);
      t.a = a + (size_t)from * k * (size_t)r->k->word_bytes;
      t.b = b + (size_t)q * (size_t)r->W * k * (size_t)r->k->word_bytes;
      for (int j = 0; j < t.rows; j++) t.to[j] = part[j];
      r->k->tile(&t);
      for (int j = 0; j < t.rows; j++)
        memcpy(to + (size_t)(from + j) * ld + q * r->W, part[j],
               (size_t)len * sizeof(real));
    }
}


/* Rows [n0, n1) of h after step i. */
static void project_rows (const Run *r, int i, int n0, int n1) {
  const Projection *p = &r->proj;
  size_t H = (size_t)r->H, S = (size_t)r->S, n = (size_t)n0;
  char *operand = word_at(r, p->operand, n * p->ld);
  r->k->operand(inners_at(r, i) + n * H, H, (size_t)(n1 - n0), H, operand,
                p->ld);
  product(r, operand, p->ld, p->panels, n1 - n0, r->S,
          r->hs + after(r, time_of(r, i)) + n * S, S);
}


static void carry_rows (const Run *r, int i, int n0, int n1) {
  int t = time_of(r, i);
  size_t S = (size_t)r->S, at = (size_t)n0 * S;
  memcpy(r->hs + after(r, t) + at, r->hs + before(r, t) + at,
         (size_t)(n1 - n0) * S * sizeof *r->hs);
}


/*
** When backward makes steps again, other workers read h meanwhile: so rows
** that are over get what they had, and nothing else in between.
*/
void rnli_project (const Run *r, int i, int n0, int n1) {
  int t = time_of(r, i);
  for (int a = n0, b; a < n1; a = b) {
    int on = active(r, a, t);
    for (b = a + 1; b < n1 && active(r, b, t) == on;) b++;
    if (on) project_rows(r, i, a, b);
    else carry_rows(r, i, a, b);
  }
}


/* What arrives at row n of h, taken out of dh; 0 for a row that is over. */
static void take_dh (const Run *r, int n, int t, real *to) {
  const real *dy = rnli_dout(r->c, Y);
  real *dh = r->dh + (size_t)n * (size_t)r->dh_ld;
  size_t at = (size_t)t * r->slot + (size_t)n * (size_t)r->S;
  for (int j = 0; j < r->S; j++) {
    to[j] = 0;
    if (!active(r, n, t)) continue;
    to[j] = dh[j] + (dy ? dy[at + (size_t)j] : 0);
    dh[j] = 0;
  }
}


void rnli_project_back (const Run *r, int i, int n0, int n1) {
  const Projection *p = &r->proj;
  size_t S = (size_t)r->S, n = (size_t)n0;
  real *dh = p->dh + chunk_row(r, i, n0) * S;
  char *operand = word_at(r, p->dh_words, n * p->dh_ld);
  for (int k = n0; k < n1; k++)
    take_dh(r, k, time_of(r, i), dh + (size_t)(k - n0) * S);
  r->k->operand(dh, S, (size_t)(n1 - n0), S, operand, p->dh_ld);
  product(r, operand, p->dh_ld, p->back, n1 - n0, r->H,
          r->dinner + n * (size_t)r->ld, (size_t)r->ld);
}


void rnli_project_grad (const Run *r, int from) {
  real *dw = rnli_din(r->c, W_HR);
  int m = (chunk_to(r, from) - from) * r->N;
  if (dw)
    rnli_gemm(r->c->ctx, 1, 0, r->S, r->H, m, r->proj.dh, r->S, r->inners,
              r->H, 1, dw, r->H);
}

/* }====================================================================== */
