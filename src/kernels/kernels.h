/*
** kernels.h - the inner loops of recurrent layers, as a table of functions for
** each instruction set and type.
**
** A product C = A B is done in tiles: a few rows of A times one panel of B.
** A panel holds 'vecs' x 'lanes' columns of B, packed so that the kernel reads
** it from front to back. Each element of C is one running sum over k in
** ascending order, whatever the tile: so it does not matter to the bits which
** rows and panels a worker takes.
**
** Factors are made of words: one real, two neighbours along k in bf16, or four
** in int8. Sizes and strides of factors count words. int8 has a scale for each
** row of A and each column of B, in words that follow the last of k.
**
** The gates of a recurrent layer lie in panels of 4 x lanes columns, [panel]
** [row][column], where a column group of 'lanes' holds one gate of 'lanes'
** units: a cell's gates of one unit are in one tile, one vector apart.
*/
#ifndef RNLI_KERNELS_H
#define RNLI_KERNELS_H

#include "kernels/level.h"
#include "kernels/type.h"

#define rnli_Tile RNLI_T(rnli_Tile)
#define rnli_Cell RNLI_T(rnli_Cell)
#define rnli_Cells RNLI_T(rnli_Cells)
#define rnli_Kernels RNLI_T(rnli_Kernels)
#define rnli_kernels RNLI_T(rnli_kernels)
#define rnli_exps RNLI_T(rnli_exps)

enum { RNLI_MAX_ROWS = 8, RNLI_MAX_LANES = 16, RNLI_VECS = 4 };
/* The cells there are; from RNLI_CIFG on, variants of those before. */
enum {
  RNLI_ELMAN, RNLI_LSTM, RNLI_GRU, RNLI_CIFG, RNLI_GRU_BEFORE, RNLI_NUNIT
};

/* Of a row of a normalised LSTM: mean and 1 / deviation of c, and 1 / deviation
   of the two products. */
enum { RNLI_C_MEAN, RNLI_C_SCALE, RNLI_H_SCALE, RNLI_X_SCALE, RNLI_STATS };

/*
** How a panel lies: rows of 'cols' words, in which 'vecs' vectors begin 'step'
** apart. In a full one each has lanes of its own. In one with fewer columns the
** lanes beyond them are what follows: they give no matter what, and as many
** words may be read behind the panel.
*/
typedef struct rnli_Form {
  int vecs, step, cols;       /* vecs: 1 .. RNLI_VECS */
} rnli_Form;

static inline rnli_Form rnli_full_form (int vecs, int lanes) {
  return (rnli_Form){vecs, lanes, vecs * lanes};
}

/* to[r][0 .. vecs*lanes) = from[r][...] + row r of A times a panel of B. */
typedef struct rnli_Tile {
  int rows;                   /* 1 .. kernels->rows */
  rnli_Form form;             /* of the panel */
  const void *a;              /* word (r, k) of chunk i is at */
  ptrdiff_t a_row, a_k;       /*   a + r*a_row + k*a_k + i*a_chunk */
  ptrdiff_t a_chunk;
  size_t k, chunks;           /* words of a row: k in each of the chunks;
                                 with RNLI_INFER there is one */
  const void *b;              /* the panel, k*chunks rows */
  const real *from[RNLI_MAX_ROWS];   /* NULL: from 0 */
  real *to[RNLI_MAX_ROWS];
} rnli_Tile;

/*
** Rows of some units of a cell at one time step. Row r of the gates is at
** r*4*lanes, of states and inner at r*H, of stats at r*RNLI_STATS, and of
** fresh and gradients of states at r*ld.
*/
typedef struct rnli_Cell {
  int rows, units;            /* units: 1 .. lanes; rnn: 1 .. 4*lanes */
  int H, ld;
  int relu;                   /* rnn: instead of tanh */
  real *gates;                /* after their nonlinearity, once forward ran */
  const real *rec;            /* gru: h w_hh' + b_hh, rows of 3*lanes */
  const real *h_prev, *c_prev;
  real *h, *c;
  const real *dy;             /* NULL: none arrived */
  real *dh, *dc;              /* in: after the step; out: before it */
  real *dgates;

  int varied;                 /* unless it is set, nothing below is read: */
  int hard;                   /* lstm, gru: hard sigmoids for gates */
  int coupled;                /* lstm: f = 1 - i; gates i g o */
  const real *peep;           /* lstm: (3,H) from c to i f o, coupled (2,H)
                                 to i o, or NULL */
  const unsigned char *keep_h, *keep_c;   /* zoneout: units that stay, and
                                 lanes bytes more; or NULL: in expectation */
  real zone_h, zone_c;        /* with these probabilities */
  const real *norm;           /* lstm: (2,H), gain and bias of a normalised c,
                                 or NULL; then 'output' makes h and c */
  const real *stats;
  real *fresh;                /* with norm: c before zoneout, backward as
                                 normalised; its gradient; those of gain and
                                 bias, summed over steps */
  real *dfresh, *dgain, *dbias;
  real *inner;                /* what a further product reads, or NULL: gru,
                                 reset before, r*h'; lstm, backward only, h */
  const real *dinner;         /* its gradient */
} rnli_Cell;

/* The cells of a level. What only training has stands last, here and below: it
   is not there with RNLI_INFER, and no unit is kept then. */
typedef struct rnli_Cells {
  void (*forward[RNLI_NUNIT]) (const rnli_Cell *c);
  /* An LSTM with norm: from fresh to h and c; and to dfresh and o. */
  void (*output) (const rnli_Cell *c);
  /* A GRU with reset before: from the products of r and z to inner, and from
     dinner to r and dh. */
  void (*reset) (const rnli_Cell *c);
#ifndef RNLI_INFER
  void (*output_back) (const rnli_Cell *c);
  void (*reset_back) (const rnli_Cell *c);
  void (*backward[RNLI_NUNIT]) (const rnli_Cell *c);
  void (*advance) (const rnli_Cell *c);   /* c of an LSTM from its gates */
#endif
} rnli_Cells;

typedef struct rnli_Kernels {
  int lanes;                  /* reals in a vector */
  int rows;                   /* most rows in a tile */
  int word;                   /* elements along k in a word: 1, 2 or 4 */
  int word_bytes;
  int row_extra, col_extra;   /* words after the last of k */
  const rnli_Cells *cells;
  void (*tile) (const rnli_Tile *t);
  /* n x k reals to rows of words, row r at to + r*ld words. */
  void (*operand) (const real *from, size_t from_ld, size_t n, size_t k,
                   void *to, size_t ld);
  /* n columns side by side of a panel of 'ncols', the first at 'to', column j
     being cols[j], NULL for zeros. */
  void (*pack_cols) (const real *const *cols, size_t n, size_t k,
                     size_t ncols, void *to);
#ifndef RNLI_INFER
  /* A panel of 'cols' columns; row k of B is rows[k] + at, NULL for zeros;
     the columns from n on are 0. */
  void (*pack_rows) (const real *const *rows, size_t k, size_t at, size_t n,
                     size_t cols, void *to);
#endif
} rnli_Kernels;

/* What factors are made of; all but RNLI_REAL are for float32 only. */
typedef enum rnli_Factor {
  RNLI_REAL, RNLI_BFLOAT, RNLI_INT8, RNLI_NFACTOR
} rnli_Factor;

const rnli_Kernels *rnli_kernels (rnli_Level level, rnli_Factor factor);

/*
** to[i] = e^((x[i] - top) * scale), float32 only: the same bits at every level.
*/
void rnli_exps (const real *x, size_t n, real top, real scale, real *to);

/* Words of a row of A of n elements, and of a column of B. */
static inline size_t rnli_row_words (const rnli_Kernels *k, size_t n) {
  return (n + (size_t)k->word - 1) / (size_t)k->word + (size_t)k->row_extra;
}

static inline size_t rnli_col_words (const rnli_Kernels *k, size_t n) {
  return (n + (size_t)k->word - 1) / (size_t)k->word + (size_t)k->col_extra;
}

#endif
