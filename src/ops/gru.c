/*
** gru.c - GRU over a whole sequence (Cho et al. 2014), in the form of
** torch.nn.GRU: the reset gate acts after the product. Gate order r z n.
**   r,z = sigmoid(x w_ih' + b_ih + h' w_hh' + b_hh)
**   q = h' w_hn' + b_hn     n = tanh(x w_in' + b_in + r*q)
**   h = (1-z)*n + z*h'
** Keeps gates (T,N,3H) after their nonlinearity and q (T,N,H).
*/
#include "ops/recurrent.h"
#include "ops/vmath.h"

enum { GATES = 1, RESET = 2 };   /* keep */


static int gru_check (rnl_Call *c) {
  int status = rnli_seq_check(c, 3);
  if (status != RNL_OK) return status;
  Seq s = rnli_seq(c, 3);
  size_t gates = rnli_mul(seq_gates(&s), sizeof(real));
  size_t slot = s.slot * sizeof(real);
  c->keep_bytes[GATES] = gates;
  c->keep_bytes[RESET] = rnli_mul(slot, (size_t)s.T);
  c->scratch_bytes = rnli_add(3 * slot, 2 * (size_t)s.G * sizeof(real));
  c->back_bytes = rnli_add(rnli_mul(gates, 2), slot);
  return RNL_OK;
}


static void copy_bias (const real *from, int G, real *to) {
  if (from) memcpy(to, from, (size_t)G * sizeof *to);
  else memset(to, 0, (size_t)G * sizeof *to);
}

/* {== Forward ============================================================ */

/* 'gates' holds the input's part; 'rec' (3H) the recurrent one. */
RNLI_WIDE
static void cell_forward (int H, const real *restrict b_ih,
                          const real *restrict b_hh, const real *restrict rec,
                          const real *restrict h_prev, real *restrict gates,
                          real *restrict q, real *restrict h) {
  real *restrict gr = gates, *restrict gz = gates + H;
  real *restrict gn = gates + 2 * H;
  for (int j = 0; j < H; j++) {
    real r = rnli_sigmoid(gr[j] + rec[j] + (b_ih[j] + b_hh[j]));
    real z = rnli_sigmoid(gz[j] + rec[H + j] + (b_ih[H + j] + b_hh[H + j]));
    real q_j = rec[2 * H + j] + b_hh[2 * H + j];
    real n = rnli_tanh(gn[j] + b_ih[2 * H + j] + r * q_j);
    gr[j] = r;
    gz[j] = z;
    gn[j] = n;
    q[j] = q_j;
    h[j] = (1 - z) * n + z * h_prev[j];
  }
}


static void step_forward (const Seq *s, int t, const real *bias,
                          const real *rec, real *gates_t, real *q_t,
                          real *hs) {
  size_t H = (size_t)s->H;
  for (int n = 0; n < s->N; n++) {
    size_t at = (size_t)n * H;
    const real *h_prev = hs + seq_prev(s, t) + at;
    real *h = hs + seq_next(s, t) + at;
    if (seq_active(s, n, t))
      cell_forward(s->H, bias, bias + s->G, rec + 3 * at, h_prev,
                   gates_t + 3 * at, q_t + at, h);
    else
      memcpy(h, h_prev, H * sizeof *h);
  }
}


static void gru_forward (rnl_Call *c) {
  Seq s = rnli_seq(c, 3);
  real *hs = rnli_seq_states(c, &s);
  real *gates = c->keep[GATES], *q = c->keep[RESET];
  const real *w_hh = c->in[W_HH]->data;
  real *rec = c->scratch;
  if (s.slot == 0) return;
  real *bias = rec + 3 * s.slot;
  copy_bias(rnli_data(c, B_IH), s.G, bias);
  copy_bias(rnli_data(c, B_HH), s.G, bias + s.G);
  rnli_seq_begin(c, &s, H0, hs);
  rnli_seq_project(c, &s, gates);
  for (int i = 0; i < s.T; i++) {
    int t = seq_time(&s, i);
    rnli_gemm(c->ctx, 0, 1, s.N, s.G, s.H, hs + seq_prev(&s, t), s.H, w_hh,
              s.H, 0, rec, s.G);
    step_forward(&s, t, bias, rec, gates + (size_t)t * 3 * s.slot,
                 q + (size_t)t * s.slot, hs);
  }
  rnli_seq_finish(c, &s, hs, HN);
}

/* }====================================================================== */

/* {== Backward =========================================================== */

/* dx and dr (3H): gradients before the input and the recurrent product. */
RNLI_WIDE
static void cell_backward (int H, const real *restrict gates,
                           const real *restrict q,
                           const real *restrict h_prev, real *restrict dh,
                           real *restrict dx, real *restrict dr) {
  const real *restrict gr = gates, *restrict gz = gates + H;
  const real *restrict gn = gates + 2 * H;
  for (int j = 0; j < H; j++) {
    real r = gr[j], z = gz[j], n = gn[j];
    real dn = dh[j] * (1 - z) * (1 - n * n);
    real dz = dh[j] * (h_prev[j] - n) * z * (1 - z);
    real dreset = dn * q[j] * r * (1 - r);
    dx[j] = dreset;
    dx[H + j] = dz;
    dx[2 * H + j] = dn;
    dr[j] = dreset;
    dr[H + j] = dz;
    dr[2 * H + j] = dn * r;
    dh[j] *= z;
  }
}


static void step_backward (const Seq *s, int t, const real *gates_t,
                           const real *q_t, const real *hs, real *dh,
                           real *dx_t, real *dr_t) {
  size_t H = (size_t)s->H;
  for (int n = 0; n < s->N; n++) {
    size_t at = (size_t)n * H;
    if (seq_active(s, n, t)) {
      cell_backward(s->H, gates_t + 3 * at, q_t + at,
                    hs + seq_prev(s, t) + at, dh + at, dx_t + 3 * at,
                    dr_t + 3 * at);
    } else {
      memset(dx_t + 3 * at, 0, 3 * H * sizeof *dx_t);
      memset(dr_t + 3 * at, 0, 3 * H * sizeof *dr_t);
    }
  }
}


static void gru_backward (rnl_Call *c) {
  Seq s = rnli_seq(c, 3);
  const real *hs = rnli_seq_states(c, &s), *w_hh = c->in[W_HH]->data;
  const real *gates = c->keep[GATES], *q = c->keep[RESET];
  if (s.slot == 0) return;
  real *dx = c->scratch;
  real *dr = dx + seq_gates(&s), *dh = dr + seq_gates(&s);
  rnli_seq_end_grad(c, &s, HN, dh);
  for (int i = s.T; i-- > 0;) {
    int t = seq_time(&s, i);
    size_t at = (size_t)t * 3 * s.slot;
    rnli_seq_add_dy(c, &s, t, dh);
    step_backward(&s, t, gates + at, q + (size_t)t * s.slot, hs, dh, dx + at,
                  dr + at);
    rnli_gemm(c->ctx, 0, 0, s.N, s.H, s.G, dr + at, s.G, w_hh, s.H, 1, dh,
              s.H);
  }
  rnli_seq_start_grad(c, &s, H0, dh);
  rnli_seq_grads(c, &s, dx, dr, hs);
}

/* }====================================================================== */

RNLI_OP(gru) = {
  .name = "gru",
  .in = {{"x", RNL_IN_REAL}, {"w_ih", RNL_IN_REAL}, {"w_hh", RNL_IN_REAL},
         {"b_ih", RNL_IN_OPT}, {"b_hh", RNL_IN_OPT}, {"h0", RNL_IN_OPT}},
  .out = {"y", "hn"},
  .attr = {{"lengths", RNL_AT_INTS, RNL_NONE, NULL},
           {"reverse", RNL_AT_BOOL, 0, NULL}},
  .check = gru_check,
  .forward = gru_forward,
  .backward = gru_backward,
  .doc = "GRU over a sequence: x (T,N,D), w_ih (3H,D), w_hh (3H,H), b_ih and "
         "b_hh (3H), h0 (N,H) give y (T,N,H) and hn (N,H). Row n has "
         "lengths[n] steps.",
};
