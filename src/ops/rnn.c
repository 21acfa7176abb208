/*
** rnn.c - the Elman network over a whole sequence (Elman 1990), as
** torch.nn.RNN:   h = f(x w_ih' + b_ih + h' w_hh' + b_hh),  f tanh or relu.
** Keeps only h, in which the derivative of f can be read.
*/
#include "ops/recurrent.h"
#include "ops/vmath.h"


static int rnn_check (rnl_Call *c) {
  int status = rnli_seq_check(c, 1);
  if (status != RNL_OK) return status;
  Seq s = rnli_seq(c, 1);
  c->back_bytes = rnli_mul(rnli_add(seq_gates(&s), s.slot), sizeof(real));
  return RNL_OK;
}

/* {== Forward ============================================================ */

RNLI_WIDE
static void unit_forward (int H, int relu, const real *b_ih, const real *b_hh,
                          real *restrict h) {
  for (int j = 0; b_ih && j < H; j++) h[j] += b_ih[j];
  for (int j = 0; b_hh && j < H; j++) h[j] += b_hh[j];
  if (relu)
    for (int j = 0; j < H; j++) h[j] = h[j] > 0 || h[j] != h[j] ? h[j] : 0;
  else
    for (int j = 0; j < H; j++) h[j] = rnli_tanh(h[j]);
}


static void step_forward (const rnl_Call *c, const Seq *s, int t, real *hs) {
  int relu = c->attr[NONLINEARITY].x != 0;
  for (int n = 0; n < s->N; n++) {
    size_t at = (size_t)n * (size_t)s->H;
    real *h = hs + seq_next(s, t) + at;
    if (seq_active(s, n, t))
      unit_forward(s->H, relu, rnli_data(c, B_IH), rnli_data(c, B_HH), h);
    else
      memcpy(h, hs + seq_prev(s, t) + at, (size_t)s->H * sizeof *h);
  }
}


/* The projected inputs go straight into the slots the steps will write. */
static void rnn_forward (rnl_Call *c) {
  Seq s = rnli_seq(c, 1);
  real *hs = rnli_seq_states(c, &s);
  const real *w_hh = c->in[W_HH]->data;
  if (s.slot == 0) return;
  rnli_seq_begin(c, &s, H0, hs);
  rnli_seq_project(c, &s, hs + (s.reverse ? 0 : s.slot));
  for (int i = 0; i < s.T; i++) {
    int t = seq_time(&s, i);
    rnli_gemm(c->ctx, 0, 1, s.N, s.H, s.H, hs + seq_prev(&s, t), s.H, w_hh,
              s.H, 1, hs + seq_next(&s, t), s.H);
    step_forward(c, &s, t, hs);
  }
  rnli_seq_finish(c, &s, hs, HN);
}

/* }====================================================================== */

/* {== Backward =========================================================== */

/* One row: dh, used up, through the derivative of f at the output h. */
static void unit_backward (int H, int relu, const real *restrict h,
                           real *restrict dh, real *restrict da) {
  for (int j = 0; j < H; j++) {
    da[j] = relu ? (h[j] > 0 ? dh[j] : 0) : dh[j] * (1 - h[j] * h[j]);
    dh[j] = 0;
  }
}


static void step_backward (const rnl_Call *c, const Seq *s, int t,
                           const real *hs, real *dh, real *da_t) {
  int relu = c->attr[NONLINEARITY].x != 0;
  for (int n = 0; n < s->N; n++) {
    size_t at = (size_t)n * (size_t)s->H;
    if (seq_active(s, n, t))
      unit_backward(s->H, relu, hs + seq_next(s, t) + at, dh + at, da_t + at);
    else
      memset(da_t + at, 0, (size_t)s->H * sizeof *da_t);
  }
}


static void rnn_backward (rnl_Call *c) {
  Seq s = rnli_seq(c, 1);
  const real *hs = rnli_seq_states(c, &s), *w_hh = c->in[W_HH]->data;
  if (s.slot == 0) return;
  real *da = c->scratch, *dh = da + seq_gates(&s);
  rnli_seq_end_grad(c, &s, HN, dh);
  for (int i = s.T; i-- > 0;) {
    int t = seq_time(&s, i);
    real *da_t = da + (size_t)t * s.slot;
    rnli_seq_add_dy(c, &s, t, dh);
    step_backward(c, &s, t, hs, dh, da_t);
    rnli_gemm(c->ctx, 0, 0, s.N, s.H, s.H, da_t, s.H, w_hh, s.H, 1, dh, s.H);
  }
  rnli_seq_start_grad(c, &s, H0, dh);
  rnli_seq_grads(c, &s, da, da, hs);
}

/* }====================================================================== */

RNLI_OP(rnn) = {
  .name = "rnn",
  .in = {{"x", RNL_IN_REAL}, {"w_ih", RNL_IN_REAL}, {"w_hh", RNL_IN_REAL},
         {"b_ih", RNL_IN_OPT}, {"b_hh", RNL_IN_OPT}, {"h0", RNL_IN_OPT}},
  .out = {"y", "hn"},
  .attr = {{"lengths", RNL_AT_INTS, RNL_NONE, NULL},
           {"reverse", RNL_AT_BOOL, 0, NULL},
           {"nonlinearity", RNL_AT_WORD, 0, "tanh|relu"}},
  .check = rnn_check,
  .forward = rnn_forward,
  .backward = rnn_backward,
  .doc = "Elman RNN over a sequence: x (T,N,D), w_ih (H,D), w_hh (H,H), b_ih "
         "and b_hh (H), h0 (N,H) give y (T,N,H) and hn (N,H). Row n has "
         "lengths[n] steps.",
};
