/*
** sequence.h - one run of a recurrent op, between recurrent.c (sizes and
** memory), recurrent_forward.c, recurrent_backward.c, and what some cells add:
** recurrent_norm.c and recurrent_inner.c. Where its numbers lie: places.h.
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

/* The state of a row that is over, and 0 for further products. */
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

#endif
