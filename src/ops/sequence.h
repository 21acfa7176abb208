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

/* The input or the recurrent side: a factor of n columns and its weights. */
typedef struct Side {
  int n;                      /* D or H */
  size_t k, ld;               /* words of a row; words between rows */
  const int *gate, *dgate;    /* of the vectors of a panel: see unit.h */
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
  int unit;                   /* RNLI_LSTM and so on */
  const rnli_Unit *u;
  const rnli_Kernels *k;
  int T, N, H;
  int reverse, relu;
  const real *peep;           /* (3,H), or NULL */
  const int *length;          /* (N), or NULL: all rows have T steps */
  size_t slot;                /* N*H, elements of a state */
  int W;                      /* columns of a panel of gates */
  int cols;                   /* of these, columns of a product */
  int units;                  /* units of a panel */
  int panels;
  int steps;                  /* of a chunk */
  size_t rows;                /* of a chunk: steps * N */
  Side x, h;
  real *hs;                   /* (T+1,N,H) */
  real *cs;                   /* the latest (N,H), or (steps+1,N,H) */
  int all_cs;                 /* of all steps of a chunk: in backward */
  real *first_cs;             /* (chunks,N,H): before each chunk */
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

/* {== Sizes ============================================================== */

static inline size_t words (const Run *r, size_t n) {
  size_t word = (size_t)r->k->word;
  return (n + word - 1) / word;
}


/* Elements of that many rows of all panels of gates. */
static inline size_t panel_reals (const Run *r, size_t rows) {
  return rnli_mul(rnli_mul((size_t)r->panels, rows), (size_t)r->W);
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


static inline int state_panels (const Run *r) {
  return rnli_ceil_div(r->H, r->W);
}


static inline int needs_gates (const Run *r) {
  return r->u->keeps && !r->keeps;
}


/* Where the inputs of an embedding that is looked through begin. */
static inline int table_input (const rnli_Unit *u) {
  return u->cells ? PEEP + 1 : C0;
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
  size_t weights = (size_t)r->panels * (size_t)r->cols * r->h.k;
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


static inline real *gates_at (const Run *r, int p, int i, int n) {
  size_t all = r->keeps ? (size_t)r->T * (size_t)r->N : r->rows;
  size_t row = r->keeps ? (size_t)i * (size_t)r->N + (size_t)n
                        : chunk_row(r, i, n);
  return r->gates + ((size_t)p * all + row) * (size_t)r->W;
}


static inline real *table_at (const Run *r, real *table, int p, size_t row) {
  return table + ((size_t)p * (size_t)r->distinct + row) * (size_t)r->W;
}


static inline real *dgates_at (const Run *r, int p, size_t row) {
  return r->dgates + ((size_t)p * r->rows + row) * (size_t)r->W;
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
  return r->first_cs + (size_t)(from / r->steps) * r->slot;
}


/* Where c is before step i, and with 'done' 1 after it. */
static inline real *cells_at (const Run *r, int i, int done) {
  if (!r->all_cs) return r->cs;
  return r->cs + (size_t)(i - chunk_from(r, i) + done) * r->slot;
}


/* States and gates of panel p, from row n on, at step i. */
static inline rnli_Cell cell_at (const Run *r, int p, int i, int n) {
  int t = time_of(r, i), u = p * r->units;
  size_t at = (size_t)n * (size_t)r->H + (size_t)u;
  rnli_Cell c = {.H = r->H, .ld = r->ld, .relu = r->relu};
  c.units = r->H - u < r->units ? r->H - u : r->units;
  c.h_prev = r->hs + before(r, t) + at;
  c.h = r->hs + after(r, t) + at;
  if (r->cs) {
    c.c_prev = cells_at(r, i, 0) + at;
    c.c = cells_at(r, i, 1) + at;
  }
  if (r->gates) c.gates = gates_at(r, p, i, n);
  if (r->peep) c.peep = r->peep + u;
  return c;
}


/* Moves a cell to its row n. */
static inline rnli_Cell row_of_cell (const Run *r, const rnli_Cell *all,
                                     int n) {
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

/* }====================================================================== */

#endif
