/*
** rnn.c - the Elman network over a whole sequence (Elman 1990), as
** torch.nn.RNN:   h = f(x w_ih' + b_ih + h' w_hh' + b_hh),  f tanh or relu.
** Keeps only h, in which the derivative of f can be read.
*/
#include "ops/recurrent.h"


static int rnn_check (rnl_Call *c) {
  return rnli_seq_check(c, RNLI_ELMAN);
}


static void rnn_forward (rnl_Call *c) {
  rnli_seq_forward(c, RNLI_ELMAN);
}


static void rnn_backward (rnl_Call *c) {
  rnli_seq_backward(c, RNLI_ELMAN);
}


RNLI_OP(rnn) = {
  .name = "rnn",
  .in = {{"x", RNL_IN_REAL}, {"w_ih", RNL_IN_REAL}, {"w_hh", RNL_IN_REAL},
         {"b_ih", RNL_IN_OPT}, {"b_hh", RNL_IN_OPT}, {"h0", RNL_IN_OPT}},
  .out = {"y", "hn"},
  .attr = {RNLI_SEQ_ATTRS,
           [NONLINEARITY] = {"nonlinearity", RNL_AT_WORD, 0, "tanh|relu"}},
  .check = rnn_check,
  .forward = rnn_forward,
  .backward = rnn_backward,
  .doc = "Elman RNN over a sequence: x (T,N,D), w_ih (H,D), w_hh (H,H), b_ih "
         "and b_hh (H), h0 (N,H) give y (T,N,H) and hn (N,H). Row n has "
         "lengths[n] steps.",
};
