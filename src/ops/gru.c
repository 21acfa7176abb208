/*
** gru.c - GRU over a whole sequence (Cho et al. 2014), in the form of
** torch.nn.GRU: the reset gate acts after the product. Gate order r z n.
**   r,z = sigmoid(x w_ih' + b_ih + h' w_hh' + b_hh)
**   q = h' w_hn' + b_hn     n = tanh(x w_in' + b_in + r*q)
**   h = (1-z)*n + z*h'
** With reset before the product (the form of Cho et al.):
**   n = tanh(x w_in' + b_in + (r*h') w_hn' + b_hn)
** With gate_activation hard_sigmoid, min(1, max(0, x/6 + 1/2)) takes the place
** of the sigmoid. Keeps r, z, n and q (T,N,4H).
*/
#include "ops/recurrent.h"


static int unit (const rnl_Call *c) {
  return c->attr[RESET].x != 0 ? RNLI_GRU_BEFORE : RNLI_GRU;
}


static int gru_check (rnl_Call *c) {
  return rnli_seq_check(c, unit(c));
}


static void gru_forward (rnl_Call *c) {
  rnli_seq_forward(c, unit(c));
}


static void gru_backward (rnl_Call *c) {
  rnli_seq_backward(c, unit(c));
}


RNLI_OP(gru) = {
  .name = "gru",
  .in = {{"x", RNL_IN_REAL}, {"w_ih", RNL_IN_REAL}, {"w_hh", RNL_IN_REAL},
         {"b_ih", RNL_IN_OPT}, {"b_hh", RNL_IN_OPT}, {"h0", RNL_IN_OPT}},
  .out = {"y", "hn"},
  .attr = {RNLI_SEQ_ATTRS, RNLI_GATE_ACTIVATION,
           [RESET] = {"reset", RNL_AT_WORD, 0, "after|before"}},
  .check = gru_check,
  .forward = gru_forward,
  .backward = gru_backward,
  .doc = "GRU over a sequence: x (T,N,D), w_ih (3H,D), w_hh (3H,H), b_ih and "
         "b_hh (3H), h0 (N,H) give y (T,N,H) and hn (N,H). Row n has "
         "lengths[n] steps. The reset gate acts after the recurrent product, "
         "or before.",
};
