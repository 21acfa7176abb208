/*
** places.h - how much of everything a run has, and where it lies: see
** sequence.h.
*/
#ifndef RNLI_PLACES_H
#define RNLI_PLACES_H

#include "ops/sequence.h"

/* {== Sizes ============================================================== */

static inline size_t words (const Run *r, size_t n) {
  size_t word = (size_t)r->k->word;
  return (n + word - 1) / word;
}


/* Elements of that many rows of all panels of gates. */
static inline size_t panel_reals (const Run *r, size_t rows) {
  return rnli_mul(rnli_mul((size_t)r->panels, rows), (size_t)r->W);
}


/* Bytes of zoneout of h or of c; cells read a vector from any element on. */
static inline size_t zone_bytes (const Run *r) {
  return rnli_add(rnli_mul(r->cell_slot, (size_t)r->T), RNLI_MAX_LANES);
}


/* Splits m rows into tiles of nearly equal height. */
static inline int tile_count (const Run *r, int m) {
  return rnli_ceil_div(m, r->k->rows);
}


/* Columns of panel q across the n columns of a factor. */
static inline int across (const Run *r, const Side *s, int q) {
  return s->n - q * r->W < r->W ? s->n - q * r->W : r->W;
}


static inline rnli_Form across_form (const Run *r, const Side *s, int q) {
  return rnli_full_form(rnli_ceil_div(across(r, s, q), r->k->lanes),
                        r->k->lanes);
}


/* Of a panel of gates. */
static inline rnli_Form gates_form (const Run *r, const Side *s) {
  return rnli_full_form(s->product->vecs, r->k->lanes);
}


/* Panels across the columns of a factor. */
static inline int factor_panels (const Run *r, const Side *s) {
  return rnli_ceil_div(s->n, r->W);
}


static inline int needs_gates (const Run *r) {
  return r->u->keeps && !r->keeps;
}


/* Where the inputs of an embedding that is looked through begin. */
static inline int table_input (const rnli_Unit *u) {
  return u->cells ? W_HR + 1 : C0;
}


/* Do the cells of a step need all its panels, not just their own? */
static inline int whole_rows (const Run *r) {
  return r->norm.w || r->inner.w || r->proj.w;
}


static inline const rnl_Tensor *input (const rnl_Call *c) {
  return c->in[X] ? c->in[X] : c->seen;
}


/* Runs fn(arg, i) for all i < n, shared among workers if it is much work. */
static inline void over (const Run *r, int n, void (*fn) (void *, int),
                         void *arg) {
  double work = (double)r->T * r->N * r->H * r->u->gates *
                ((double)r->x.n + r->H);
  if (work >= SHARE_FROM) {
    rnli_parallel(r->c->ctx, n, fn, arg);
    return;
  }
  for (int i = 0; i < n; i++) fn(arg, i);
}


static inline int row_parts (const Run *r) {
  int threads = rnl_threads(r->c->ctx);
  return threads < r->N ? threads : r->N;
}


static inline int panel_parts (const Run *r) {
  int threads = rnl_threads(r->c->ctx);
  return threads < r->panels ? threads : r->panels;
}


/*
** Are rows too few, and weights too many, for each worker to take rows? Then
** all weights would be read by each worker in every step for little work.
*/
static inline int few_rows (const Run *r) {
  int threads = rnl_threads(r->c->ctx);
  if (whole_rows(r)) return 0;
  size_t weights = (size_t)r->panels * (size_t)r->h.cols * r->h.k;
  size_t rows = (size_t)rnli_ceil_div(r->N, threads);
  return threads > 1 && weights * (size_t)r->k->word_bytes / rows > LARGE;
}

/* }====================================================================== */

/* {== Places ============================================================= */

/* The i-th step in the order of processing. */
static inline int time_of (const Run *r, int i) {
  return r->reverse ? r->T - 1 - i : i;
}


/* Slots before and after step t. */
static inline size_t before (const Run *r, int t) {
  return (size_t)(r->reverse ? t + 1 : t) * r->slot;
}


static inline size_t after (const Run *r, int t) {
  return (size_t)(r->reverse ? t : t + 1) * r->slot;
}


static inline int active (const Run *r, int n, int t) {
  return !r->length || t < r->length[n];
}


/* The chunk that step i is in begins with this step. */
static inline int chunk_from (const Run *r, int i) {
  return i / r->steps * r->steps;
}


static inline int chunk_to (const Run *r, int from) {
  return r->T - from < r->steps ? r->T : from + r->steps;
}


/* Row n of step i in a chunk. */
static inline size_t chunk_row (const Run *r, int i, int n) {
  return (size_t)(i - chunk_from(r, i)) * (size_t)r->N + (size_t)n;
}


/* Rows of panels that are kept: of all steps, or of a chunk. */
static inline size_t kept_rows (const Run *r) {
  return r->keeps ? (size_t)r->T * (size_t)r->N : r->rows;
}


static inline size_t kept_row (const Run *r, int i, int n) {
  return r->keeps ? (size_t)i * (size_t)r->N + (size_t)n
                  : chunk_row(r, i, n);
}


static inline real *kept_at (const Run *r, real *panels, int p, int i, int n) {
  return panels + ((size_t)p * kept_rows(r) + kept_row(r, i, n)) *
                  (size_t)r->W;
}


static inline real *gates_at (const Run *r, int p, int i, int n) {
  return kept_at(r, r->gates, p, i, n);
}


static inline real *table_at (const Run *r, real *table, int p, size_t row) {
  return table + ((size_t)p * (size_t)r->distinct + row) * (size_t)r->W;
}


/* The input's product of row n at step i: made for its id, or in the gates. */
static inline const real *input_part (const Run *r, int p, int i, int n) {
  if (!r->distinct)
    return kept_at(r, r->norm.w ? r->norm.x : r->gates, p, i, n);
  int row = r->map[time_of(r, i) * r->N + n];
  return table_at(r, r->table, p, (size_t)row);
}


/* Row of a chunk of panel p of gradients. */
static inline real *dgates_at (const Run *r, real *dgates, int p, size_t row) {
  return dgates + ((size_t)p * r->rows + row) * (size_t)r->W;
}


static inline char *word_at (const Run *r, char *words, size_t i) {
  return words + i * (size_t)r->k->word_bytes;
}


/* Where row id of the table of an embedding is. */
static inline const real *embedded (const Run *r, int id) {
  const rnl_Tensor *t = r->c->in[table_input(r->u)];
  return (const real *)t->data + (size_t)id * (size_t)t->dim[1];
}


/* The row of the weights behind a column of panel p: see rnli_unit_row. */
static inline int weight_row (const Run *r, const int *gate, int p, int col) {
  return rnli_unit_row(r->u, gate, r->H, r->k->lanes, p, col);
}


/* c before the chunk that begins at step 'from'. */
static inline real *first_cells (const Run *r, int from) {
  return r->first_cs + (size_t)(from / r->steps) * r->cell_slot;
}


/* Where c is before step i, and with 'done' 1 after it. */
static inline real *cells_at (const Run *r, int i, int done) {
  if (!r->back) return r->cs;
  return r->cs + (size_t)(i - chunk_from(r, i) + done) * r->cell_slot;
}


/* What the further product of step i reads. */
static inline real *inners_at (const Run *r, int i) {
  if (!r->back) return r->inners;
  return r->inners + (size_t)(i - chunk_from(r, i)) * r->cell_slot;
}


/* Copies what will be read. */
static inline void copy_cell (rnli_Cell *to, const rnli_Cell *from) {
  if (from->varied) *to = *from;
  else memcpy(to, from, offsetof(rnli_Cell, hard));
}


/* The options of a cell at step i, 'at' from the first state. */
static inline void vary_cell (const Run *r, rnli_Cell *c, int u, int i, int n,
                              size_t at) {
  size_t ld = (size_t)n * (size_t)r->ld + (size_t)u;
  size_t slot = (size_t)time_of(r, i) * r->cell_slot;
  if (c->peep) c->peep += u;
  if (c->keep_h) c->keep_h += slot + at;
  if (c->keep_c) c->keep_c += slot + at;
  if (r->inners) c->inner = inners_at(r, i) + at;
  if (r->proj.w) {
    c->h = c->inner;
    c->h_prev = NULL;
  }
  if (!c->norm) return;
  c->norm += u;
  c->stats = r->norm.stats + kept_row(r, i, n) * RNLI_STATS;
  c->fresh = r->norm.fresh + ld;
  if (!r->back) return;
  c->dfresh = r->norm.dfresh + ld;
  c->dgain = r->norm.dgain + ld;
  c->dbias = r->norm.dbias + ld;
}


/* States and gates of panel p, from row n on, at step i. */
static inline rnli_Cell cell_at (const Run *r, int p, int i, int n) {
  int t = time_of(r, i), u = p * r->units;
  size_t at = (size_t)n * (size_t)r->H + (size_t)u;
  rnli_Cell c;
  copy_cell(&c, &r->cell);
  c.units = r->H - u < r->units ? r->H - u : r->units;
  c.h_prev = r->hs + before(r, t) + at;
  c.h = r->hs + after(r, t) + at;
  if (r->cs) {
    c.c_prev = cells_at(r, i, 0) + at;
    c.c = cells_at(r, i, 1) + at;
  }
  if (r->gates) c.gates = gates_at(r, p, i, n);
  if (c.varied) vary_cell(r, &c, u, i, n, at);
  return c;
}


/* Moves a cell to its row n. */
static inline rnli_Cell row_of_cell (const Run *r, const rnli_Cell *all,
                                     int n) {
  rnli_Cell c;
  copy_cell(&c, all);
  size_t at = (size_t)n * (size_t)c.H, ld = (size_t)n * (size_t)c.ld;
  c.rows = 1;
  if (c.gates) c.gates += (size_t)n * (size_t)r->W;
  if (c.rec) c.rec += (size_t)n * (size_t)r->h.cols;
  if (c.h_prev) c.h_prev += at;
  if (c.c_prev) c.c_prev += at;
  if (c.h) c.h += at;
  if (c.c) c.c += at;
  if (c.dy) c.dy += at;
  if (c.dh) c.dh += ld;
  if (c.dc) c.dc += ld;
  if (c.dgates) c.dgates += (size_t)n * (size_t)r->W;
  if (!c.varied) return c;
  if (c.keep_h) c.keep_h += at;
  if (c.keep_c) c.keep_c += at;
  if (c.inner) c.inner += at;
  if (c.dinner) c.dinner += ld;
  if (!c.norm) return c;
  c.stats += (size_t)n * RNLI_STATS;
  c.fresh += ld;
  if (!c.dfresh) return c;
  c.dfresh += ld;
  c.dgain += ld;
  c.dbias += ld;
  return c;
}

/* }====================================================================== */

#endif
