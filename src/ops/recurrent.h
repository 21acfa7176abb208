/*
** recurrent.h - what rnn, lstm and gru share: a pass over a whole sequence.
**
** States are kept as (T+1,N,H): one slot more than there are steps. Forward in
** time, step t reads slot t and writes slot t+1, and slot 0 is the initial
** state; in reverse, step t reads slot t+1 and writes slot t, and slot T is
** the initial state. Without 'lengths' the output y is the block of h itself,
** seen from its first written slot.
**
** A row whose length is over is carried: its state passes through unchanged,
** its output is 0, its gates get no gradient.
**
** An op says how the gates of its cell lie (Unit); the kernels compute them;
** everything else is in recurrent.c.
*/
#ifndef RNLI_RECURRENT_H
#define RNLI_RECURRENT_H

#include "core/real.h"
#include "kernels/kernels.h"

enum { X, W_IH, W_HH, B_IH, B_HH, H0, C0 };         /* inputs */
enum { Y, HN, CN };                                 /* outputs */
enum { LENGTHS, REVERSE, PRECISION, RECOMPUTE, NONLINEARITY };   /* options */
enum { STATES, GATES, CELLS };                      /* keep */

/* The options every recurrent op has, in this order. */
#define RNLI_SEQ_ATTRS \
  {"lengths", RNL_AT_INTS, RNL_NONE, NULL}, \
  {"reverse", RNL_AT_BOOL, 0, NULL}, \
  {"precision", RNL_AT_WORD, 0, "full|bf16"}, \
  {"recompute", RNL_AT_BOOL, 0, NULL}

/*
** A kind of cell, and how its gates lie in a panel. 'x' and 'h' name the gate
** of each vector of the input's and the recurrent product; 'dx' and 'dh' those
** of the gradients, where the recurrent ones begin at vector 'dh_from'.
*/
typedef struct Unit {
  int cell;                   /* RNLI_LSTM and so on */
  int inputs;                 /* of the op: an embedding's follow them */
  int gates;                  /* of H rows each in the weights */
  int groups;                 /* of lanes units in a panel */
  int vecs;                   /* vectors of a product: gates * groups */
  int x[RNLI_VECS], h[RNLI_VECS], dx[RNLI_VECS], dh[RNLI_VECS];
  int dh_from;
  int split;                  /* the recurrent product stands apart (gru) */
  int cells;                  /* has a state c */
  int keeps;                  /* backward reads the gates */
} Unit;

#define rnli_seq_check RNLI_T(rnli_seq_check)
#define rnli_seq_forward RNLI_T(rnli_seq_forward)
#define rnli_seq_backward RNLI_T(rnli_seq_backward)

int rnli_seq_check (rnl_Call *c, const Unit *unit);
void rnli_seq_forward (rnl_Call *c, const Unit *unit);
void rnli_seq_backward (rnl_Call *c, const Unit *unit);

#endif
