/*
** lstm.c - LSTM over a whole sequence (Hochreiter and Schmidhuber 1997; Gers
** et al. 2000); backward is BPTT. The equations and layout of torch.nn.LSTM:
**   i,f,o = sigmoid(x w_ih' + b_ih + h w_hh' + b_hh)    g = tanh(...)
**   c = f*c' + i*g      h = o*tanh(c)          gate order i f g o
** One product projects all T inputs; each step is one product and one fused
** pass over the gates; one product over all T gives each weight gradient.
** Keeps gates (T,N,4H) after their nonlinearity and c (T+1,N,H).
*/
#include "ops/recurrent.h"
#include "ops/vmath.h"

enum { GATES = 1, CELLS = 2 };   /* keep */

/* One row of a step; pointers to its H units of each thing. */
typedef struct Row {
  const real *c_prev;
  real *gates, *c, *h;
} Row;


static int lstm_check (rnl_Call *c) {
  int status = rnli_seq_check(c, 4);
  if (status != RNL_OK) return status;
  Seq s = rnli_seq(c, 4);
  size_t gates = rnli_mul(seq_gates(&s), sizeof(real));
  int cn[2] = {s.N, s.H};
  rnli_out(c, CN, RNLI_DTYPE, 2, cn);
  c->keep_bytes[GATES] = gates;
  c->keep_bytes[CELLS] = rnli_mul(s.slot, ((size_t)s.T + 1) * sizeof(real));
  c->scratch_bytes = (size_t)s.G * sizeof(real);
  c->back_bytes = rnli_add(gates, 2 * s.slot * sizeof(real));
  return RNL_OK;
}


/* Sum of the biases there are, (4H). */
static void sum_bias (const rnl_Call *c, int G, real *bias) {
  const real *b_ih = rnli_data(c, B_IH), *b_hh = rnli_data(c, B_HH);
  for (int g = 0; g < G; g++)
    bias[g] = (b_ih ? b_ih[g] : 0) + (b_hh ? b_hh[g] : 0);
}

/* {== Forward ============================================================ */

RNLI_WIDE
static void cell_forward (int H, const real *restrict bias,
                          const real *restrict c_prev, real *restrict gates,
                          real *restrict c, real *restrict h) {
  real *restrict gi = gates, *restrict gf = gates + H;
  real *restrict gg = gates + 2 * H, *restrict go = gates + 3 * H;
  for (int j = 0; j < H; j++) {
    real i = rnli_sigmoid(gi[j] + bias[j]);
    real f = rnli_sigmoid(gf[j] + bias[H + j]);
    real g = rnli_tanh(gg[j] + bias[2 * H + j]);
    real o = rnli_sigmoid(go[j] + bias[3 * H + j]);
    real c_j = f * c_prev[j] + i * g;
    gi[j] = i;
    gf[j] = f;
    gg[j] = g;
    go[j] = o;
    c[j] = c_j;
    h[j] = o * rnli_tanh(c_j);
  }
}


/* Step t of all rows, once their gates hold both products. */
static void step_forward (const Seq *s, int t, const real *bias, real *gates_t,
                          real *cs, real *hs) {
  size_t H = (size_t)s->H;
  for (int n = 0; n < s->N; n++) {
    size_t at = (size_t)n * H;
    size_t prev = seq_prev(s, t) + at, next = seq_next(s, t) + at;
    if (seq_active(s, n, t)) {
      cell_forward(s->H, bias, cs + prev, gates_t + 4 * at, cs + next,
                   hs + next);
    } else {
      memcpy(cs + next, cs + prev, H * sizeof *cs);
      memcpy(hs + next, hs + prev, H * sizeof *hs);
    }
  }
}


static void lstm_forward (rnl_Call *c) {
  Seq s = rnli_seq(c, 4);
  real *hs = rnli_seq_states(c, &s), *cs = c->keep[CELLS];
  real *gates = c->keep[GATES], *bias = c->scratch;
  const real *w_hh = c->in[W_HH]->data;
  if (s.slot == 0) return;
  sum_bias(c, s.G, bias);
  rnli_seq_begin(c, &s, H0, hs);
  rnli_seq_begin(c, &s, C0, cs);
  rnli_seq_project(c, &s, gates);
  for (int i = 0; i < s.T; i++) {
    int t = seq_time(&s, i);
    real *gates_t = gates + (size_t)t * 4 * s.slot;
    rnli_gemm(c->ctx, 0, 1, s.N, s.G, s.H, hs + seq_prev(&s, t), s.H, w_hh,
              s.H, 1, gates_t, s.G);
    step_forward(&s, t, bias, gates_t, cs, hs);
  }
  rnli_seq_finish(c, &s, hs, HN);
  rnli_seq_finish(c, &s, cs, CN);
}

/* }====================================================================== */

/* {== Backward =========================================================== */

/*
** One row of a step: from dh and dc after it to the gradient of the gates and
** dc before it. dh is used up (set to 0): the product with w_hh refills it.
*/
RNLI_WIDE
static void cell_backward (int H, const real *restrict gates,
                           const real *restrict c_prev,
                           const real *restrict c, real *restrict dh,
                           real *restrict dc, real *restrict dgates) {
  const real *restrict gi = gates, *restrict gf = gates + H;
  const real *restrict gg = gates + 2 * H, *restrict go = gates + 3 * H;
  for (int j = 0; j < H; j++) {
    real i = gi[j], f = gf[j], g = gg[j], o = go[j];
    real tc = rnli_tanh(c[j]);
    real dh_j = dh[j];
    real dc_j = dc[j] + dh_j * o * (1 - tc * tc);
    dgates[j] = dc_j * g * i * (1 - i);
    dgates[H + j] = dc_j * c_prev[j] * f * (1 - f);
    dgates[2 * H + j] = dc_j * i * (1 - g * g);
    dgates[3 * H + j] = dh_j * tc * o * (1 - o);
    dc[j] = dc_j * f;
    dh[j] = 0;
  }
}


static void step_backward (const Seq *s, int t, const real *gates_t,
                           const real *cs, real *dh, real *dc,
                           real *dgates_t) {
  size_t H = (size_t)s->H;
  for (int n = 0; n < s->N; n++) {
    size_t at = (size_t)n * H;
    if (seq_active(s, n, t))
      cell_backward(s->H, gates_t + 4 * at, cs + seq_prev(s, t) + at,
                    cs + seq_next(s, t) + at, dh + at, dc + at,
                    dgates_t + 4 * at);
    else
      memset(dgates_t + 4 * at, 0, 4 * H * sizeof *dgates_t);
  }
}


static void lstm_backward (rnl_Call *c) {
  Seq s = rnli_seq(c, 4);
  const real *hs = rnli_seq_states(c, &s), *cs = c->keep[CELLS];
  const real *gates = c->keep[GATES], *w_hh = c->in[W_HH]->data;
  real *dgates = c->scratch;
  if (s.slot == 0) return;
  real *dh = dgates + seq_gates(&s), *dc = dh + s.slot;
  rnli_seq_end_grad(c, &s, HN, dh);
  rnli_seq_end_grad(c, &s, CN, dc);
  for (int i = s.T; i-- > 0;) {
    int t = seq_time(&s, i);
    size_t at = (size_t)t * 4 * s.slot;
    rnli_seq_add_dy(c, &s, t, dh);
    step_backward(&s, t, gates + at, cs, dh, dc, dgates + at);
    rnli_gemm(c->ctx, 0, 0, s.N, s.H, s.G, dgates + at, s.G, w_hh, s.H, 1, dh,
              s.H);
  }
  rnli_seq_start_grad(c, &s, H0, dh);
  rnli_seq_start_grad(c, &s, C0, dc);
  rnli_seq_grads(c, &s, dgates, dgates, hs);
}

/* }====================================================================== */

RNLI_OP(lstm) = {
  .name = "lstm",
  .in = {{"x", RNL_IN_REAL}, {"w_ih", RNL_IN_REAL}, {"w_hh", RNL_IN_REAL},
         {"b_ih", RNL_IN_OPT}, {"b_hh", RNL_IN_OPT}, {"h0", RNL_IN_OPT},
         {"c0", RNL_IN_OPT}},
  .out = {"y", "hn", "cn"},
  .attr = {{"lengths", RNL_AT_INTS, RNL_NONE, NULL},
           {"reverse", RNL_AT_BOOL, 0, NULL}},
  .check = lstm_check,
  .forward = lstm_forward,
  .backward = lstm_backward,
  .doc = "LSTM over a sequence: x (T,N,D), w_ih (4H,D), w_hh (4H,H), b_ih and "
         "b_hh (4H), h0 and c0 (N,H) give y (T,N,H), hn and cn (N,H). Row n "
         "has lengths[n] steps.",
};
