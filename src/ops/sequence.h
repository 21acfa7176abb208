/*
** sequence.h - one run of a recurrent op, between recurrent.c (sizes and
** memory), recurrent_forward.c and recurrent_backward.c.
**
** A run is cut three ways: steps into chunks of some hundred rows, gates into
** panels (see kernels.h), rows into tiles. Panels that lie across the n
** columns of a factor, W at a time, are counted by q; those of gates by p.
*/
#ifndef RNLI_SEQUENCE_H
#define RNLI_SEQUENCE_H

#include "ops/recurrent.h"

enum {
  CHUNK_ROWS = 1024,   /* rows of a chunk of steps, at least */
  SHARE_FROM = 1 << 19,   /* multiply-adds worth waking workers for */
  LARGE = 1 << 18      /* bytes of weights for each row a worker would take:
                          beyond, workers share panels instead */
};

/* A product of the run: a factor of n columns and its weights. */
typedef struct Side {
  int n;                      /* D, or units of the state */
  size_t k, ld;               /* words of a row; words between rows */
  const rnli_Product *product;
  int cols;                   /* of a panel of its product */
  const real *w;              /* (gates*H, n) */
  const real *bias;           /* (gates*H) or NULL */
  char *panels;               /* of w', for the product */
  real *bias_panels;
  char *operand;              /* rows of the factor as words */
  char *back;                 /* of w, for the gradient of the factor */
  char *rows;                 /* of the factor, for the gradient of w */
  real *dgates;               /* panels of a chunk: of what the product gave */
  char *dgate_words;          /* the same as factor rows ... */
  char *dgate_pairs;          /* ... and as factor columns */
} Side;

/* Layer norm of the products and of c: see recurrent_norm.c. */
typedef struct Norm {
  const real *w;              /* (2*gates+2, H), or NULL: without */
  real *gain_x, *gain_h, *bias;   /* as one row of all panels */
  real *exists;               /* 1, 0 in columns that fill a panel */
  real *x, *h;                /* panels as 'gates': products, normalised */
  real *stats;                /* a row of RNLI_STATS for each of a panel */
  real *id_scale;             /* of rows of 'table' */
  real *fresh, *dfresh, *dgain, *dbias;   /* (N, ld) */
} Norm;

/* A projection of h from H to S units: see recurrent_inner.c. */
typedef struct Projection {
  const real *w;              /* (S, H), or NULL: without */
  char *panels, *back;        /* of w' and of w */
  size_t ld, dh_ld;           /* words of a row of H and of S units */
  char *operand;              /* (N) rows of H units as words */
  real *dh;                   /* (rows of a chunk, S): of what is projected */
  char *dh_words;             /* (N) rows of them as words */
} Projection;

/* One run of an op, forward or backward. */
typedef struct Run {
  rnl_Call *c;
  int unit;                   /* RNLI_LSTM and so on */
  const rnli_Unit *u;
  const rnli_Kernels *k;
  int T, N, H, S;             /* S units of h: H, or those of a projection */
  int reverse;
  rnli_Cell cell;             /* what all cells of the run have in common */
  unsigned char *zones;       /* (T,N,H) for h, then for c; or NULL */
  const int *length;          /* (N), or NULL: all rows have T steps */
  size_t slot;                /* N*S, elements of h */
  size_t cell_slot;           /* N*H, of c */
  int W;                      /* columns of a panel of gates */
  int units;                  /* units of a panel */
  int panels;
  int steps;                  /* of a chunk */
  size_t rows;                /* of a chunk: steps * N */
  Side x, h;
  Side inner;                 /* with reset before; else its w is NULL */
  Norm norm;
  Projection proj;
  real *hs;                   /* (T+1,N,S) */
  real *cs;                   /* the latest (N,H), or (steps+1,N,H) */
  real *inners;               /* (N,H), or (steps,N,H): see rnli_Cell */
  real *dinner;               /* (N, ld) */
  int back;                   /* in backward: states of all steps of a chunk */
  real *first_cs;             /* (chunks,N,H): before each chunk */
  real *gates;                /* panels, of all steps or of a chunk */
  int keeps;                  /* of all steps */
  int distinct;               /* ids at most, 0: x is no embedding */
  int *map;                   /* (T*N): row of 'table' for each id */
  int *ids;                   /* what the rows stand for */
  int *seen;                  /* (V) */
  int nids;
  real *table;                /* panels: the input's product by id */
  int ld, dh_ld;
  real *dh, *dc;              /* (N, dh_ld), (N, ld) */
  real *dgates;               /* panels of a chunk, before a norm */
  real *dtable;
} Run;

/* What a round of the workers does with a run. */
typedef struct Round {
  const Run *r;
  int parts;
  int from, to, step;         /* steps of a chunk; the step itself */
} Round;

#define rnli_run_of RNLI_T(rnli_run_of)
#define rnli_forward_memory RNLI_T(rnli_forward_memory)
#define rnli_backward_memory RNLI_T(rnli_backward_memory)
#define rnli_run_begin RNLI_T(rnli_run_begin)
#define rnli_map_ids RNLI_T(rnli_map_ids)
#define rnli_forward_chunk RNLI_T(rnli_forward_chunk)
#define rnli_carry RNLI_T(rnli_carry)
#define rnli_cells_forward RNLI_T(rnli_cells_forward)
#define rnli_cells_backward RNLI_T(rnli_cells_backward)
#define rnli_factor_tile RNLI_T(rnli_factor_tile)
#define rnli_panel_cells RNLI_T(rnli_panel_cells)
#define rnli_dgate_words RNLI_T(rnli_dgate_words)
#define rnli_factor_rows RNLI_T(rnli_factor_rows)
#define rnli_pack_matrix RNLI_T(rnli_pack_matrix)
#define rnli_norm_pack_room RNLI_T(rnli_norm_pack_room)
#define rnli_norm_room RNLI_T(rnli_norm_room)
#define rnli_norm_back_room RNLI_T(rnli_norm_back_room)
#define rnli_norm_pack RNLI_T(rnli_norm_pack)
#define rnli_norm_ids RNLI_T(rnli_norm_ids)
#define rnli_norm_input RNLI_T(rnli_norm_input)
#define rnli_norm_step RNLI_T(rnli_norm_step)
#define rnli_norm_back_begin RNLI_T(rnli_norm_back_begin)
#define rnli_norm_output_back RNLI_T(rnli_norm_output_back)
#define rnli_norm_back RNLI_T(rnli_norm_back)
#define rnli_norm_grads RNLI_T(rnli_norm_grads)
#define rnli_norm_ids_back RNLI_T(rnli_norm_ids_back)
#define rnli_norm_end RNLI_T(rnli_norm_end)
#define rnli_inner_step RNLI_T(rnli_inner_step)
#define rnli_inner_back RNLI_T(rnli_inner_back)
#define rnli_project_room RNLI_T(rnli_project_room)
#define rnli_project_back_room RNLI_T(rnli_project_back_room)
#define rnli_project_pack RNLI_T(rnli_project_pack)
#define rnli_project RNLI_T(rnli_project)
#define rnli_project_back RNLI_T(rnli_project_back)
#define rnli_project_grad RNLI_T(rnli_project_grad)

/* The sizes of a checked call, and where its states and gates are. */
Run rnli_run_of (rnl_Call *c, int unit);

/* Bytes of work memory; with 'block' deals it out. */
size_t rnli_forward_memory (Run *r, void *block);
size_t rnli_backward_memory (Run *r, void *block);

/* Numbers the ids in the order in which they first appear. */
void rnli_map_ids (Run *r);

/* Makes what all steps use: packed weights, the products of ids. */
void rnli_run_begin (Run *r);

/* Rows [n0, n1) through the steps of the chunk that begins at 'from'. */
void rnli_forward_chunk (const Run *r, int from, int n0, int n1);

/* The state of a row that is over. */
void rnli_carry (const rnli_Cell *c);

/* A cell function on rows from n on at time t, those over being carried ... */
typedef void CellFunction (const rnli_Cell *c);
void rnli_cells_forward (const Run *r, const rnli_Cell *c, int n, int t,
                         CellFunction *f);
/* ... or, backward, getting no gradient at their gates. */
void rnli_cells_backward (const Run *r, const rnli_Cell *c, int n, int t,
                          CellFunction *f);

/* Panel p of cells, rows [n0, n1) at step i, with all that backward needs. */
void rnli_panel_cells (const Run *r, int p, int i, int n0, int n1,
                       CellFunction *f);

/* Rows [n0, n1) of panel p of s->dgates at step i, as words. */
void rnli_dgate_words (const Run *r, const Side *s, int p, int i, int n0,
                       int n1);

/*
** to[j] += rows of gradients of gates times panel q of w, for a tile's rows;
** 'd' is the first row, as words, 'rows' the distance of panels in rows.
*/
void rnli_factor_tile (const Run *r, const Side *s, int q, const char *d,
                       size_t rows, int m, real *const *to);

/* Rows [n0, n1) of step i: to (N, ld) += gradients of gates times w. */
void rnli_factor_rows (const Run *r, const Side *s, int i, int n0, int n1,
                       real *to, int ld);

/* A panel of 'cols' columns of x (m, n), whose rows are ld apart. */
void rnli_pack_matrix (const Run *r, const real *x, size_t ld, size_t m,
                       size_t n, size_t cols, char *to);

/* {== Layer norm: recurrent_norm.c ======================================= */

/* Memory for what is packed, for what is kept, and for backward. */
void rnli_norm_pack_room (Run *r, rnli_Room *room);
void rnli_norm_room (Run *r, rnli_Room *room);
void rnli_norm_back_room (Run *r, rnli_Room *room);

/* Gains and, out of 'bias', biases of panel p, which then are 0. */
void rnli_norm_pack (const Run *r, int p, real *bias);

/* Normalises the input's product: of ids, or of rows of steps [from, to). */
void rnli_norm_ids (const Run *r);
void rnli_norm_input (const Run *r, int from, int to, int n0, int n1);

/* From the recurrent product of rows [n0, n1) of step i to their states. */
void rnli_norm_step (const Run *r, int i, int n0, int n1);

/* From the gradient of h to those of o and c; then, gates being done, from
   theirs to those of the products. */
void rnli_norm_back_begin (const Run *r);
void rnli_norm_output_back (const Run *r, int i, int n0, int n1);
void rnli_norm_back (const Run *r, int i, int n0, int n1);

/* Adds gradients of gains: of panel p, m rows; of ids; of c. */
void rnli_norm_grads (const Run *r, int p, int from, size_t m);
void rnli_norm_ids_back (const Run *r);
void rnli_norm_end (const Run *r);

/* }====================================================================== */

/* {== Further products of a step: recurrent_inner.c ====================== */

/* GRU, reset before: the product with r*h and the cells; and back. */
void rnli_inner_step (const Run *r, int i, int n0, int n1);
void rnli_inner_back (const Run *r, int i, int n0, int n1);

/* LSTM: h = w_hr times what the cells give. */
void rnli_project_room (Run *r, rnli_Room *room);
void rnli_project_back_room (Run *r, rnli_Room *room);
void rnli_project_pack (const Run *r);
void rnli_project (const Run *r, int i, int n0, int n1);
void rnli_project_back (const Run *r, int i, int n0, int n1);
void rnli_project_grad (const Run *r, int from);

/* }====================================================================== */

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


static inline int across_vecs (const Run *r, const Side *s, int q) {
  return rnli_ceil_div(across(r, s, q), r->k->lanes);
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
