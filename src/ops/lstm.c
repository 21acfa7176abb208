/*
** lstm.c - LSTM over a whole sequence (Hochreiter and Schmidhuber 1997; Gers
** et al. 2000); backward is BPTT. The equations and layout of torch.nn.LSTM:
**   i,f,o = sigmoid(x w_ih' + b_ih + h w_hh' + b_hh)    g = tanh(...)
**   c = f*c' + i*g      h = o*tanh(c)          gate order i f g o
** With peepholes w_peep = (p_i, p_f, p_o), diagonal (Gers, Schraudolph and
** Schmidhuber 2002), i and f also see p*c' and o sees p_o*c.
** Keeps the gates after their nonlinearity (T,N,4H), and c before each
** chunk of steps.
*/
#include "ops/recurrent.h"


static int lstm_check (rnl_Call *c) {
  return rnli_seq_check(c, RNLI_LSTM);
}


static void lstm_forward (rnl_Call *c) {
  rnli_seq_forward(c, RNLI_LSTM);
}


static void lstm_backward (rnl_Call *c) {
  rnli_seq_backward(c, RNLI_LSTM);
}


RNLI_OP(lstm) = {
  .name = "lstm",
  .in = {{"x", RNL_IN_REAL}, {"w_ih", RNL_IN_REAL}, {"w_hh", RNL_IN_REAL},
         {"b_ih", RNL_IN_OPT}, {"b_hh", RNL_IN_OPT}, {"h0", RNL_IN_OPT},
         {"c0", RNL_IN_OPT}, {"w_peep", RNL_IN_OPT}},
  .out = {"y", "hn", "cn"},
  .attr = {RNLI_SEQ_ATTRS},
  .check = lstm_check,
  .forward = lstm_forward,
  .backward = lstm_backward,
  .doc = "LSTM over a sequence: x (T,N,D), w_ih (4H,D), w_hh (4H,H), b_ih and "
         "b_hh (4H), h0 and c0 (N,H), w_peep (3,H) give y (T,N,H), hn and cn "
         "(N,H). Row n has lengths[n] steps.",
};
