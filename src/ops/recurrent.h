/*
** recurrent.h - what rnn, lstm and gru share: a pass over a whole sequence.
**
** States are kept as (T+1,N,S), S being H unless h is projected: one slot more
** than there are steps. Forward in time, step t reads slot t and writes slot
** t+1, and slot 0 is the initial state; in reverse, step t reads slot t+1 and
** writes slot t, and slot T is the initial state. Without 'lengths' the output
** y is the block of h itself, seen from its first written slot.
**
** A row whose length is over is carried: its state passes through unchanged,
** its output is 0, its gates get no gradient.
**
** Zoneout (Krueger et al. 2017): a unit stays as it was with probability
** 'zoneout', its c with 'zoneout_c', drawn for each element of (T,N,H) while a
** tape is open; without one, what that is on the average. h is o*tanh(c) with
** the c before zoneout.
**
** An op names its cell; see unit.h for how its gates lie, and recurrent.c for
** everything else.
*/
#ifndef RNLI_RECURRENT_H
#define RNLI_RECURRENT_H

#include "core/real.h"
#include "kernels/unit.h"

enum { X, W_IH, W_HH, B_IH, B_HH, H0, C0, PEEP, NORM, W_HR };   /* inputs */
enum { Y, HN, CN };                                 /* outputs */
/* Options: those of all, then each op's own. */
enum { LENGTHS, REVERSE, PRECISION, RECOMPUTE, ZONEOUT, OWN };
enum { NONLINEARITY = OWN };                        /* rnn */
enum { GATE_ACTIVATION = OWN, COUPLED, ZONEOUT_C }; /* lstm */
enum { RESET = OWN + 1 };                           /* gru, and the first */
enum { STATES, GATES, CELLS, ZONES, NORMS };        /* keep */

/* The options every recurrent op has, in this order. */
#define RNLI_SEQ_ATTRS \
  {"lengths", RNL_AT_INTS, RNL_NONE, NULL}, \
  {"reverse", RNL_AT_BOOL, 0, NULL}, \
  {"precision", RNL_AT_WORD, 0, "full|bf16"}, \
  {"recompute", RNL_AT_BOOL, 0, NULL}, \
  {"zoneout", RNL_AT_REAL, 0, NULL}

#define RNLI_GATE_ACTIVATION \
  {"gate_activation", RNL_AT_WORD, 0, "sigmoid|hard_sigmoid"}

#define rnli_seq_check RNLI_T(rnli_seq_check)
#define rnli_seq_forward RNLI_T(rnli_seq_forward)
#define rnli_seq_backward RNLI_T(rnli_seq_backward)

int rnli_seq_check (rnl_Call *c, int unit);
void rnli_seq_forward (rnl_Call *c, int unit);
void rnli_seq_backward (rnl_Call *c, int unit);

#endif
