/*
** recurrent.c - the parts of rnn, lstm and gru that are the same: see
** recurrent.h for the layout of states.
*/
#include <limits.h>

#include "ops/recurrent.h"


Seq rnli_seq (const rnl_Call *c, int gates) {
  const rnl_Tensor *x = c->in[X];
  int H = c->in[W_HH]->dim[1];
  return (Seq){.T = x->dim[0], .N = x->dim[1], .D = x->dim[2], .H = H,
               .G = gates * H, .reverse = c->attr[REVERSE].x != 0,
               .length = rnli_given(c, LENGTHS) ? c->attr[LENGTHS].list : NULL,
               .slot = (size_t)x->dim[1] * (size_t)H};
}

/* {== Check ============================================================== */

static int check_weights (rnl_Call *c, int gates) {
  const rnl_Tensor *x = c->in[X], *w = c->in[W_HH];
  if (x->ndim != 3)
    return rnli_fail(c, RNL_ESHAPE, "'x' must be (T, N, D), got %s",
                     rnli_shape(x).text);
  if (w->ndim != 2 || w->dim[1] > INT_MAX / gates ||
      w->dim[0] != gates * w->dim[1])
    return rnli_fail(c, RNL_ESHAPE, "'w_hh' must be (%dH, H), got %s",
                     gates, rnli_shape(w).text);
  int want[2] = {w->dim[0], x->dim[2]};
  int status = rnli_expect(c, W_IH, 2, want);
  for (int b = B_IH; status == RNL_OK && b <= B_HH; b++)
    if (rnli_data(c, b)) status = rnli_expect(c, b, 1, want);
  return status;
}


static int check_states (rnl_Call *c, int N, int H) {
  int want[2] = {N, H};
  for (int i = H0; i < c->nin; i++) {
    if (!c->in[i]) continue;
    int status = rnli_expect(c, i, 2, want);
    if (status != RNL_OK) return status;
  }
  return RNL_OK;
}


static int check_lengths (rnl_Call *c, int T, int N) {
  const rnli_Value *v = &c->attr[LENGTHS];
  if (!rnli_given(c, LENGTHS)) return RNL_OK;
  if (v->n != N)
    return rnli_fail(c, RNL_ESHAPE, "'lengths' must have one integer for each "
                     "of %d rows, got %d", N, v->n);
  for (int n = 0; n < N; n++)
    if (v->list[n] < 0 || v->list[n] > T)
      return rnli_fail(c, RNL_EARG, "'lengths' must be 0 to %d (the steps of "
                       "x), got %d for row %d", T, v->list[n],
                       n + c->ctx->base);
  return RNL_OK;
}


int rnli_seq_check (rnl_Call *c, int gates) {
  int status = check_weights(c, gates);
  if (status != RNL_OK) return status;
  Seq s = rnli_seq(c, gates);
  status = check_states(c, s.N, s.H);
  if (status == RNL_OK) status = check_lengths(c, s.T, s.N);
  if (status != RNL_OK) return status;
  if (rnli_mul((size_t)s.T + 1, (size_t)s.N) > INT_MAX)
    return rnli_fail(c, RNL_ESHAPE, "%d steps of %d rows are too many", s.T,
                     s.N);
  int y[3] = {s.T, s.N, s.H};
  rnli_out(c, Y, RNLI_DTYPE, 3, y);
  rnli_out(c, HN, RNLI_DTYPE, 2, y + 1);
  if (s.length)
    c->keep_bytes[STATES] = rnli_mul(s.slot, ((size_t)s.T + 1) * sizeof(real));
  else
    c->shape[Y].margin = s.slot;
  return rnli_blas_ready(c->ctx);
}

/* }====================================================================== */

/* {== Forward ============================================================ */

real *rnli_seq_states (const rnl_Call *c, const Seq *s) {
  if (s->length) return c->keep[STATES];
  real *y = c->out[Y]->data;
  return s->reverse ? y : y - s->slot;
}


void rnli_seq_begin (const rnl_Call *c, const Seq *s, int in, real *states) {
  const real *initial = rnli_data(c, in);
  if (s->slot == 0) return;
  real *slot = states + (s->reverse ? (size_t)s->T * s->slot : 0);
  if (initial) memcpy(slot, initial, s->slot * sizeof *slot);
  else memset(slot, 0, s->slot * sizeof *slot);
}


void rnli_seq_project (const rnl_Call *c, const Seq *s, real *out) {
  rnli_gemm(c->ctx, 0, 1, s->T * s->N, s->G, s->D, c->in[X]->data, s->D,
            c->in[W_IH]->data, s->D, 0, out, s->G);
}


/* y of rows with lengths: the state after each step, 0 when they are over. */
static void copy_rows (const Seq *s, const real *states, real *y) {
  size_t row = (size_t)s->H;
  for (int t = 0; t < s->T; t++)
    for (int n = 0; n < s->N; n++) {
      real *y_tn = y + ((size_t)t * (size_t)s->N + (size_t)n) * row;
      const real *h = states + seq_next(s, t) + (size_t)n * row;
      if (seq_active(s, n, t)) memcpy(y_tn, h, row * sizeof *y);
      else memset(y_tn, 0, row * sizeof *y);
    }
}


void rnli_seq_finish (const rnl_Call *c, const Seq *s, const real *states,
                      int last) {
  if (s->slot == 0) return;
  const real *slot = states + (s->reverse ? 0 : (size_t)s->T * s->slot);
  memcpy(c->out[last]->data, slot, s->slot * sizeof *slot);
  if (s->length && last == HN) copy_rows(s, states, c->out[Y]->data);
}

/* }====================================================================== */

/* {== Backward =========================================================== */

void rnli_seq_end_grad (const rnl_Call *c, const Seq *s, int last, real *dh) {
  const real *dlast = rnli_dout(c, last);
  if (s->slot == 0) return;
  if (dlast) memcpy(dh, dlast, s->slot * sizeof *dh);
  else memset(dh, 0, s->slot * sizeof *dh);
}


void rnli_seq_start_grad (const rnl_Call *c, const Seq *s, int in,
                          const real *dh) {
  real *dfirst = rnli_din(c, in);
  for (size_t i = 0; dfirst && i < s->slot; i++) dfirst[i] += dh[i];
}


void rnli_seq_add_dy (const rnl_Call *c, const Seq *s, int t, real *dh) {
  const real *dy = rnli_dout(c, Y);
  if (!dy) return;
  dy += (size_t)t * s->slot;
  size_t H = (size_t)s->H;
  for (int n = 0; n < s->N; n++)
    for (size_t j = 0; seq_active(s, n, t) && j < H; j++)
      dh[(size_t)n * H + j] += dy[(size_t)n * H + j];
}


/* sum += the rows of d (M,G), in order. */
static void add_rows (real *sum, const real *d, int M, int G) {
  for (int m = 0; m < M; m++)
    for (int g = 0; g < G; g++) sum[g] += d[(size_t)m * (size_t)G + (size_t)g];
}


void rnli_seq_grads (rnl_Call *c, const Seq *s, const real *dx,
                     const real *dh, const real *states) {
  int M = s->T * s->N;
  const real *before = states + (s->reverse ? s->slot : 0);
  real *din = rnli_din(c, X);
  real *dw_ih = rnli_din(c, W_IH), *dw_hh = rnli_din(c, W_HH);
  real *db_ih = rnli_din(c, B_IH), *db_hh = rnli_din(c, B_HH);
  if (din)
    rnli_gemm(c->ctx, 0, 0, M, s->D, s->G, dx, s->G, c->in[W_IH]->data, s->D,
              1, din, s->D);
  if (dw_ih)
    rnli_gemm(c->ctx, 1, 0, s->G, s->D, M, dx, s->G, c->in[X]->data, s->D, 1,
              dw_ih, s->D);
  if (dw_hh)
    rnli_gemm(c->ctx, 1, 0, s->G, s->H, M, dh, s->G, before, s->H, 1, dw_hh,
              s->H);
  if (db_ih) add_rows(db_ih, dx, M, s->G);
  if (db_hh) add_rows(db_hh, dh, M, s->G);
}

/* }====================================================================== */
