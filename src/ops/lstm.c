/*
** lstm.c - LSTM over a whole sequence (Hochreiter and Schmidhuber 1997; Gers
** et al. 2000); backward is BPTT. The equations and layout of torch.nn.LSTM:
**   i,f,o = sigmoid(x w_ih' + b_ih + h w_hh' + b_hh)    g = tanh(...)
**   c = f*c' + i*g      h = o*tanh(c)          gate order i f g o
** With peepholes w_peep = (p_i, p_f, p_o), diagonal (Gers, Schraudolph and
** Schmidhuber 2002), i and f also see p*c' and o sees p_o*c.
** With gate_activation hard_sigmoid, min(1, max(0, x/6 + 1/2)) takes the place
** of the sigmoid. Coupled (the CIFG of Greff et al. 2017): f = 1 - i; then
** the gates are i g o, and w_peep = (p_i, p_o).
** With w_norm, layer norm of the products and of c: see recurrent_norm.c. With
** w_hr (S,H), h = w_hr (o*tanh(c)) has S units and w_hh is (4H,S), as proj_size
** of torch.nn.LSTM (Sak, Senior and Beaufays 2014).
** Keeps the gates after their nonlinearity (T,N,4H), c before each chunk of
** steps and, with w_norm, the normalised products (twice T,N,4H).
*/
#include "ops/recurrent.h"


static int unit (const rnl_Call *c) {
  return c->attr[COUPLED].x != 0 ? RNLI_CIFG : RNLI_LSTM;
}


static int lstm_check (rnl_Call *c) {
  return rnli_seq_check(c, unit(c));
}


static void lstm_forward (rnl_Call *c) {
  rnli_seq_forward(c, unit(c));
}


static void lstm_backward (rnl_Call *c) {
  rnli_seq_backward(c, unit(c));
}


RNLI_OP(lstm) = {
  .name = "lstm",
  .in = {{"x", RNL_IN_REAL}, {"w_ih", RNL_IN_REAL}, {"w_hh", RNL_IN_REAL},
         {"b_ih", RNL_IN_OPT}, {"b_hh", RNL_IN_OPT}, {"h0", RNL_IN_OPT},
         {"c0", RNL_IN_OPT}, {"w_peep", RNL_IN_OPT},
         {"w_norm", RNL_IN_OPT}, {"w_hr", RNL_IN_OPT}},
  .out = {"y", "hn", "cn"},
  .attr = {RNLI_SEQ_ATTRS, RNLI_GATE_ACTIVATION,
           [COUPLED] = {"coupled", RNL_AT_BOOL, 0, NULL},
           [ZONEOUT_C] = {"zoneout_c", RNL_AT_REAL, 0, NULL}},
  .check = lstm_check,
  .forward = lstm_forward,
  .backward = lstm_backward,
  .doc = "LSTM over a sequence: x (T,N,D), w_ih (4H,D), w_hh (4H,H), b_ih and "
         "b_hh (4H), h0 and c0 (N,H) give y (T,N,H), hn and cn (N,H). Row n "
         "has lengths[n] steps. w_peep (3,H): peepholes; w_norm (10,H): layer "
         "norm; w_hr (S,H): h is projected to S units. 'coupled': f = 1 - i, "
         "weights have 3H rows, w_peep 2, w_norm 8.",
};
