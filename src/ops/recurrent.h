/*
** recurrent.h - what rnn, lstm and gru share: a pass over a whole sequence.
**
** States are kept as (T+1,N,H): one slot more than there are steps. Forward in
** time, step t reads slot t and writes slot t+1, and slot 0 is the initial
** state; in reverse, step t reads slot t+1 and writes slot t, and slot T is
** the initial state. So h before and after every step lie in one block, and
** the gradient of w_hh is one product over all T. Without 'lengths' the output
** y is that block itself, seen from its first written slot.
**
** A row whose length is over is carried: its state passes through unchanged,
** its output is 0, its gates get no gradient.
*/
#ifndef RNLI_RECURRENT_H
#define RNLI_RECURRENT_H

#include "core/real.h"

enum { X, W_IH, W_HH, B_IH, B_HH, H0, C0 };   /* inputs */
enum { Y, HN, CN };                           /* outputs */
enum { LENGTHS, REVERSE, NONLINEARITY };      /* options */
enum { STATES = 0 };                          /* keep: (T+1,N,H), or none */

typedef struct Seq {
  int T, N, D, H;
  int G;                /* rows of the weights: gates * H */
  int reverse;
  const int *length;    /* (N), or NULL: all rows have T steps */
  size_t slot;          /* N*H, elements of a state */
} Seq;

#define rnli_seq RNLI_T(rnli_seq)
#define rnli_seq_check RNLI_T(rnli_seq_check)
#define rnli_seq_states RNLI_T(rnli_seq_states)
#define rnli_seq_begin RNLI_T(rnli_seq_begin)
#define rnli_seq_project RNLI_T(rnli_seq_project)
#define rnli_seq_finish RNLI_T(rnli_seq_finish)
#define rnli_seq_end_grad RNLI_T(rnli_seq_end_grad)
#define rnli_seq_start_grad RNLI_T(rnli_seq_start_grad)
#define rnli_seq_add_dy RNLI_T(rnli_seq_add_dy)
#define rnli_seq_grads RNLI_T(rnli_seq_grads)

/* The sizes of a checked call. */
Seq rnli_seq (const rnl_Call *c, int gates);

/* Shapes of inputs and lengths; declares y, hn and the states. */
int rnli_seq_check (rnl_Call *c, int gates);

/* The (T+1,N,H) block of h. */
real *rnli_seq_states (const rnl_Call *c, const Seq *s);

/* Puts the initial state (zeros when input 'in' was left out) in its slot. */
void rnli_seq_begin (const rnl_Call *c, const Seq *s, int in, real *states);

/* out (T*N, G) = x w_ih', for all T at once. */
void rnli_seq_project (const rnl_Call *c, const Seq *s, real *out);

/* Copies the last slot to output 'last'. */
void rnli_seq_finish (const rnl_Call *c, const Seq *s, const real *states,
                      int last);

/* The gradient of output 'last' (N,H), zeros when none arrived. */
void rnli_seq_end_grad (const rnl_Call *c, const Seq *s, int last, real *dh);

/* Adds dh (N,H) to the gradient of initial state 'in'. */
void rnli_seq_start_grad (const rnl_Call *c, const Seq *s, int in,
                          const real *dh);

/* Adds the gradient of y_t to dh, for the rows that are active at t. */
void rnli_seq_add_dy (const rnl_Call *c, const Seq *s, int t, real *dh);

/*
** Gradients of x and the parameters from those of the gates, (T,N,G): 'dx'
** before the input projection, 'dh' before the recurrent one.
*/
void rnli_seq_grads (rnl_Call *c, const Seq *s, const real *dx,
                     const real *dh, const real *states);

/* The i-th step in the order of processing. */
static inline int seq_time (const Seq *s, int i) {
  return s->reverse ? s->T - 1 - i : i;
}

/* Slots before and after step t. */
static inline size_t seq_prev (const Seq *s, int t) {
  return (size_t)(s->reverse ? t + 1 : t) * s->slot;
}

static inline size_t seq_next (const Seq *s, int t) {
  return (size_t)(s->reverse ? t : t + 1) * s->slot;
}

static inline int seq_active (const Seq *s, int n, int t) {
  return !s->length || t < s->length[n];
}

/* Element count of the gates of all steps. */
static inline size_t seq_gates (const Seq *s) {
  return (size_t)s->T * (size_t)s->N * (size_t)s->G;
}

#endif
